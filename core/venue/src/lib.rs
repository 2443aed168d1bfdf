//! What venues say on the wire, decoded and proven in sequence, without any input or output of its own.
//!
//! Called by the FEED stage of the pipeline, on its thread. Knows no clock, no thread, no file and no
//! socket; steady state allocates nothing. Reading order: [`feed`] is the whole of it, bytes in and
//! inputs out; [`binance`] decodes frames; [`catalog`] knows instruments; [`sync`] proves books.
#![deny(unsafe_code)]

pub mod feed;

pub mod binance;
pub mod catalog;
#[cfg(feature = "fuzz")]
pub mod check;
pub mod detect;
pub mod digits;
pub mod event;
pub mod sync;
pub mod write;

#[cfg(target_arch = "x86_64")]
mod lanes;
mod scan;
#[cfg(target_arch = "x86_64")]
mod wide;

pub use catalog::Catalog;
pub use detect::{detect, detect_url};
pub use event::{Channel, DecodeError};
pub use feed::{FeedCounters, MarketFeed};
pub use sync::BookSync;
