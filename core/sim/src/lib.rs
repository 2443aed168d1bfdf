//! The bundled market: seeded, offline, endless, in Binance spot's own wire format.
//!
//! Called by the pipeline's local source (`claire paper` without a venue) and by tests that must pass
//! without recorded data. Sans-IO: no clock, no socket, no thread; time is virtual and comes out with
//! each frame. The same configuration gives the same bytes on every machine and in every build: floats
//! go only through the four operations, square root and `libm`.
//!
//! Reading order: [`listing`] says what trades; [`book`] matches by price and time and knows nobody;
//! `fair` is what instruments are worth, `traders` act on it; `wire` writes what a venue would
//! send; [`market`] runs them in the order of time; [`recording`] writes the recorder's lines.
#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod book;
mod crowd;
mod fair;
pub mod listing;
pub mod market;
pub mod random;
pub mod recording;
mod traders;
mod wire;

pub use book::{Book, OrderHandle};
pub use listing::{Listing, ListingFault};
pub use market::{Frame, FrameKind, Market, MarketConfig};
pub use random::Random;
pub use recording::{write_recording, write_recording_of};
