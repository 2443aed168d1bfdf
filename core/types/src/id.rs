//! Ids: who, which, and in what order. All are small integers; none is reused within a run.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Our number for an instrument, in order of first appearance in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstrumentId(pub u16);

/// Our number for a strategy entry, in the configuration's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StrategyId(pub u16);

/// The engine's number for an input it consumed: 1, 2, 3, ... Gives the total order of a run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EngineSeq(pub u64);

/// The feed's number for an event it handed on: 1, 2, 3, ...
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FrameSeq(pub u64);

/// A venue's update id of a book.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UpdateId(pub u64);

/// A venue's id of a trade.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TradeId(pub u64);

/// The client order id: the start's epoch and the order's number in it. [`OrderId::NONE`] is no order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

impl InstrumentId {
    /// No instrument.
    pub const NONE: Self = Self(u16::MAX);

    /// Returns the position in a table of instruments.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl StrategyId {
    /// No strategy: the engine or the operator acted.
    pub const NONE: Self = Self(u16::MAX);

    /// Returns the position in a table of strategies.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl OrderId {
    /// No order.
    pub const NONE: Self = Self(0);
    /// Bits that hold the number within the epoch.
    pub const NUMBER_BITS: u32 = 40;

    /// Returns the id of order `number` (from 1) of the `epoch`.
    pub const fn new(epoch: u32, number: u64) -> Self {
        assert!(number < 1 << Self::NUMBER_BITS && epoch < 1 << (64 - Self::NUMBER_BITS));
        Self((epoch as u64) << Self::NUMBER_BITS | number)
    }

    /// Returns the epoch that the order was made in.
    pub const fn epoch(self) -> u32 {
        (self.0 >> Self::NUMBER_BITS) as u32
    }

    /// Returns the order's number within its epoch.
    pub const fn number(self) -> u64 {
        self.0 & ((1 << Self::NUMBER_BITS) - 1)
    }
}

/// Shows `c<epoch>-<number>`, which every venue takes as a client order id.
impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}-{}", self.epoch(), self.number())
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
