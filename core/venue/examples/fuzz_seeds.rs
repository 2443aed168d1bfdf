//! Writes the seeds of the fuzz target: recorded frames by threes, and the JSON suite whole and spliced into a frame.
//!
//! `cargo run -p claire-venue --example fuzz_seeds -- core/venue/fuzz/corpus/frame`; data as in the tests.

#[path = "../tests/common/mod.rs"]
mod common;

use claire_types::Venue;
use std::fs;
use std::path::Path;

/// Frames of each session that are looked through, and how many seeds are made of them.
const FRAMES: usize = 4_000;
const SEEDS_PER_SESSION: usize = 60;
const SEED_BYTES_MAX: usize = 4_096;
const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true,"extra":"#;

fn main() {
    let folder = std::env::args().nth(1).expect("a folder to write to");
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).expect("a folder");
    let mut count = 0;
    let mut write = |choice: u8, parts: &[&[u8]]| {
        let seed = [&[choice], parts.concat().as_slice()].concat();
        if seed.len() <= SEED_BYTES_MAX {
            fs::write(folder.join(format!("seed-{count:05}")), seed).expect("a seed");
            count += 1;
        }
    };
    for recording in common::all().expect("recorded data") {
        let choice = match recording.venue {
            Venue::BinanceUsdm => 1,
            Venue::BinanceCoinm => 2,
            _ => 0,
        };
        let text = |frame: &common::Frame| String::from_utf8_lossy(&frame.bytes).into_owned();
        let frames = recording.frames.iter().take(FRAMES).map(text);
        let short: Vec<String> = frames.filter(|frame| frame.len() < 1_000).collect();
        let step = (short.len() / SEEDS_PER_SESSION).max(1);
        for first in short.iter().step_by(step) {
            let stream = first.split_once("\",\"data").map_or("", |(name, _)| name);
            let alike = short.iter().filter(|frame| frame.starts_with(stream));
            let lines: Vec<&str> = alike.map(String::as_str).take(2).collect();
            write(
                choice,
                &[first.as_bytes(), b"\n", lines.join("\n").as_bytes()],
            );
        }
    }
    let suite = common::data()
        .expect("recorded data")
        .join("json_suite/test_parsing");
    for entry in fs::read_dir(suite).expect("the JSON suite") {
        let bytes = fs::read(entry.expect("a file").path()).expect("a file");
        write(0, &[&bytes]);
        write(0, &[TRADE.as_bytes(), &bytes, b"}}"]);
    }
    println!("{count} seeds");
}
