//! Any bytes as a frame: both decoders say the same, and the feed writes well-formed inputs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claire_venue::check::fuzz_frame(bytes));
