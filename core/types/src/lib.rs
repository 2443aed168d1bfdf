//! The words of Claire: what every crate agrees on, and nothing that acts.
//!
//! Called by every crate, on every thread. No clock, no file, no thread, no allocation on decoding:
//! all types are plain values. `serde` is the only dependency; it lets the engine write a snapshot
//! of its state and the configuration name these types.
//!
//! Reading order: numbers, times and ids; the instrument; then the two directions, [`input`] (what
//! goes into the engine) and [`record`] (what comes out of it). Both are runs of 16-byte
//! [`cell::Cell`]s: the rings, the journal and the digest carry the very same bytes.
#![forbid(unsafe_code)]

pub mod annotation;
pub mod cell;
pub mod code;
pub mod id;
pub mod input;
pub mod instrument;
pub mod market;
pub mod number;
pub mod order;
pub mod record;
pub mod snapshot;
pub mod text;
pub mod time;
pub mod venue;
mod wide;

pub use cell::{Cell, CellBuffer, Cells};
pub use code::{BookReason, CommandKind, FrameFault, GateCode, Mode, OrderReason, TradingState};
pub use id::{EngineSeq, FrameSeq, InstrumentId, OrderId, StrategyId, TradeId, UpdateId};
pub use input::{ClockOffset, Header, Input};
pub use instrument::{Contract, Instrument, Scale};
pub use market::{Depth, Kline, Level, Levels, Liquidation, Mark, Ticker, Trade};
pub use number::{Amount, NumberFault, Price, Qty};
pub use order::{Liquidity, OrderFlags, OrderKind, OrderStatus, Side};
pub use record::Record;
pub use text::{Currency, Note, Symbol, Text};
pub use time::{DurationNs, MonoNs, VenueNs, WallNs};
pub use venue::{InstrumentKey, Venue};
