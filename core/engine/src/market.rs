//! What the engine knows of an instrument's market: book, merged view, bars and counters.
//!
//! Called by the engine on each market event, on the engine thread. Holds no clock and decides nothing.
#![forbid(unsafe_code)]

pub mod bars;
pub mod book;
pub mod kept;
#[cfg(test)]
pub(crate) mod recording;
pub mod stats;
pub mod view;

pub use bars::{Bar, Bars};
pub use book::{Book, BookChange, Touch};
pub use kept::{KEPT_BARS_MAX, KeptBars};
pub use stats::{LastTrade, MarketStats};
pub use view::{BookView, MergedBook};
