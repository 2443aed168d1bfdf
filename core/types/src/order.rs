//! The words of orders: side, kind, flags, status, liquidity.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::BitOr;

/// Which way an order or a trade's aggressor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Side {
    /// Buy, +1 in scripts.
    Buy = 1,
    /// Sell, -1 in scripts.
    Sell = 2,
}

/// What an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum OrderKind {
    /// At any price.
    Market = 1,
    /// At this price or better.
    Limit = 2,
}

/// Flags of an order; they combine with `|`. Without IOC or FOK a limit order rests until cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderFlags(pub u8);

/// Where an order stands (SPEC 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum OrderStatus {
    /// Let through by risk, not yet acknowledged.
    PendingNew = 1,
    /// Working.
    New = 2,
    /// Working, partly filled.
    PartiallyFilled = 3,
    /// Final: all filled.
    Filled = 4,
    /// Final: cancelled.
    Cancelled = 5,
    /// Final: refused by the venue.
    Rejected = 6,
    /// Final: ended by its own terms.
    Expired = 7,
    /// Working, our cancel is on its way.
    PendingCancel = 8,
    /// Working, our replace is on its way.
    PendingReplace = 9,
    /// Sent without an answer: counts as working until resolved.
    Unknown = 10,
}

/// Whether a fill made or took liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Liquidity {
    /// Rested in the book.
    Maker = 1,
    /// Crossed the book.
    Taker = 2,
}

impl Side {
    /// Returns +1 or -1.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// Returns the other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Returns the side with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Buy),
            2 => Some(Self::Sell),
            _ => None,
        }
    }

    /// Returns `buy` or `sell`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

impl OrderKind {
    /// Returns the kind with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Market),
            2 => Some(Self::Limit),
            _ => None,
        }
    }

    /// Returns `market` or `limit`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit => "limit",
        }
    }
}

impl OrderFlags {
    /// No flag: good till cancelled.
    pub const NONE: Self = Self(0);
    /// Rejected by the venue rather than crossing.
    pub const POST_ONLY: Self = Self(1);
    /// Immediate or cancel: what does not fill at once expires.
    pub const IOC: Self = Self(2);
    /// Fill or kill: all at once or nothing.
    pub const FOK: Self = Self(4);
    /// Good till cancelled, the default, named for scripts.
    pub const GTC: Self = Self(8);
    /// May only reduce the position.
    pub const REDUCE_ONLY: Self = Self(16);

    /// Returns whether all of `flags` are set.
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Returns whether the flags can stand together: at most one of IOC, FOK, GTC; post-only with neither IOC nor FOK.
    pub const fn is_consistent(self) -> bool {
        let lives =
            self.has(Self::IOC) as u8 + self.has(Self::FOK) as u8 + self.has(Self::GTC) as u8;
        let immediate = self.has(Self::IOC) || self.has(Self::FOK);
        lives <= 1 && !(self.has(Self::POST_ONLY) && immediate) && self.0 < 32
    }
}

impl BitOr for OrderFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Shows the flags' names joined by `|`, or `GTC`.
impl fmt::Display for OrderFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::POST_ONLY, "POST_ONLY"),
            (Self::IOC, "IOC"),
            (Self::FOK, "FOK"),
            (Self::REDUCE_ONLY, "REDUCE_ONLY"),
        ];
        let mut any = false;
        for (_, name) in names.iter().filter(|(flag, _)| self.has(*flag)) {
            write!(f, "{}{name}", if any { "|" } else { "" })?;
            any = true;
        }
        if any { Ok(()) } else { f.write_str("GTC") }
    }
}

impl OrderStatus {
    /// All states.
    pub const ALL: [Self; 10] = [
        Self::PendingNew,
        Self::New,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Expired,
        Self::PendingCancel,
        Self::PendingReplace,
        Self::Unknown,
    ];

    /// Returns whether nothing more can happen to the order.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired
        )
    }

    /// Returns the state with this number on a record.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as u8 == number)
    }

    /// Returns the state's name as in SPEC 7.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingNew => "pending_new",
            Self::New => "new",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::PendingCancel => "pending_cancel",
            Self::PendingReplace => "pending_replace",
            Self::Unknown => "unknown",
        }
    }
}

impl Liquidity {
    /// Returns `maker` or `taker`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::Taker => "taker",
        }
    }

    /// Returns the value with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Maker),
            2 => Some(Self::Taker),
            _ => None,
        }
    }
}
