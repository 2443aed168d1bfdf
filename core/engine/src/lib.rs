//! The deterministic state machine: books, strategies, risk, orders, paper matching, portfolio.
//!
//! Called by the pipeline's engine stage, and by nobody else in the live path. It owns no socket, no
//! clock, no thread, no file and no random source: what it knows came in as an input, what it did
//! goes out as records. Given the same inputs it gives the same records, bit for bit.
#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod config;
pub mod convert;
mod engine;
pub mod floor;
pub mod indicator;
pub mod market;
pub mod order;
pub mod outputs;
pub mod paper;
pub mod portfolio;
pub mod probe;
pub mod risk;
pub mod snapshot;
pub mod strategy;
pub mod timers;

pub use engine::{Engine, Prepared, Retired, Retirement, Successor, Swapped};
