//! The gate that every order passes, the states that stop trading, and the monitors that set them.
//!
//! Called by the engine on the engine thread, for every order of every mode. It measures nothing
//! itself: what was measured is handed in, and what was not measured denies.

pub(crate) mod check;
pub mod funds;
pub mod gate;
pub mod input;
pub mod limits;
mod measure;
pub mod monitor;
pub mod rate;
pub mod state;

pub use funds::{FundsNeed, funds_needed};
pub use gate::{Answer, Approved, Gate, Ruling};
pub use input::{DataFacts, GateInputs, Intent, MarketPrices, Purpose, Scope, StrategyFacts};
pub use limits::{Profile, RiskConfig, RiskLimits};
pub use monitor::{DailyLoss, DayMark, Trip};
pub use rate::{RateWindow, Rates};
pub use state::{LatchedState, StateChange};
