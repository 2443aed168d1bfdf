//! Records: all that comes out of the engine, as messages of cells.
//!
//! Written by ENGINE, read by the sidecar, the journal's readers and `verify`. The digest is the chain
//! over exactly these cells. Kinds 128-255; numbers are never reused. Times are engine time; no
//! monotonic or host time ever stands here.

mod codec;
mod reload;

pub use reload::{ReloadOutcome, ReloadRecord, SHA256_BYTES};
pub(crate) use reload::{push_sha256, sha256_at};

use crate::code::{BookReason, GateCode, OrderReason, TradingState};
use crate::id::{InstrumentId, OrderId, StrategyId};
use crate::number::{Amount, Price, Qty};
use crate::order::{Liquidity, OrderFlags, OrderKind, OrderStatus, Side};
use crate::text::{Currency, Note, Text};
use crate::time::{VenueNs, WallNs};

/// What every record has: the input it follows from, and its place among that input's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordHeader {
    /// Engine sequence of the causing input.
    pub seq: u64,
    /// 0, 1, 2, ... within the input.
    pub index: u32,
    /// Engine time.
    pub time: WallNs,
    /// The strategy, [`StrategyId::NONE`] where it belongs to none.
    pub strategy: StrategyId,
    /// The instrument, [`InstrumentId::NONE`] where it belongs to none.
    pub instrument: InstrumentId,
}

/// A record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A strategy's statement.
    Signal(Signal),
    /// The gate's answer to an intent.
    Decision(Decision),
    /// An approved order, as it was sent.
    Order(NewOrder),
    /// A change of an order's state.
    OrderEvent(OrderEvent),
    /// Our own deal.
    Fill(Fill),
    /// A position after a fill.
    Position(PositionRecord),
    /// A currency's balance after a fill.
    Balance(BalanceRecord),
    /// The account, now and then and at the end.
    Portfolio(PortfolioRecord),
    /// A change of trading state, or a monitor that tripped.
    Risk(RiskRecord),
    /// A book became proven or stale.
    Book(BookRecord),
    /// A strategy's note, alert or error.
    Note(NoteRecord),
    /// An instrument's book at the end of the input: what two runs must agree on.
    BookEnd(BookEnd),
    /// A value that a strategy wants on the chart.
    Plot(Plot),
    /// A version of a script took a seat, did not, or was taken back.
    Reload(ReloadRecord),
}

/// A strategy's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Which way.
    pub side: Side,
    /// How strongly, 0-1.
    pub strength: Amount,
    /// Why, in the script's words.
    pub reason: Note,
}

/// The gate's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The order it is about; set also where it was denied.
    pub order: OrderId,
    /// Approved, trimmed or denied.
    pub verdict: Verdict,
    /// The first check that failed, or [`GateCode::Ok`].
    pub code: GateCode,
    /// The limit of that check, in the check's unit.
    pub limit: Amount,
    /// What was measured against it.
    pub measured: Amount,
    /// Side asked for.
    pub side: Side,
    /// Quantity asked for, after rounding.
    pub qty: Qty,
    /// Price asked for, after rounding; 0 for market orders.
    pub price: Price,
    /// Price as the strategy wrote it, before rounding, at 10^-12; 0 for market orders.
    pub price_asked: Amount,
    /// Quantity as the strategy wrote it, before rounding, at 10^-12.
    pub qty_asked: Amount,
}

/// How the gate answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// As asked.
    Approved = 1,
    /// Less than asked.
    Trimmed = 2,
    /// Not at all.
    Denied = 3,
}

/// An order as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Client order id.
    pub order: OrderId,
    /// Side.
    pub side: Side,
    /// Market or limit.
    pub kind: OrderKind,
    /// Flags.
    pub flags: OrderFlags,
    /// Quantity.
    pub qty: Qty,
    /// Limit price; 0 for market orders.
    pub price: Price,
    /// Mid of the merged book when sent, at 10^-12; 0 where there was none.
    pub arrival_mid: Amount,
    /// Why, in the script's or the engine's words.
    pub reason: Note,
}

/// A change of an order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// Client order id.
    pub order: OrderId,
    /// State before.
    pub from: OrderStatus,
    /// State after.
    pub to: OrderStatus,
    /// Why, where the state does not say it all.
    pub reason: OrderReason,
    /// Filled so far.
    pub filled_qty: Qty,
    /// Venue time of the event.
    pub venue_time: VenueNs,
}

/// Our own deal, with its explanation (SPEC 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Client order id.
    pub order: OrderId,
    /// The fill's number in the run, from 1; at a venue its trade id.
    pub fill_id: u64,
    /// Side.
    pub side: Side,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Which rule filled it.
    pub rule: FillRule,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Fee, positive where paid.
    pub fee: Amount,
    /// Currency of the fee.
    pub fee_currency: Currency,
    /// Realized profit of this fill before its fee, in settle currency.
    pub realized: Amount,
    /// What of the fill closed a position.
    pub closed_qty: Qty,
    /// Venue time of the deciding event.
    pub venue_time: VenueNs,
    /// Engine sequence of the deciding event.
    pub decided_by: u64,
    /// Venue time at which the order reached the venue.
    pub arrived: VenueNs,
    /// Quantity before us in the queue when we arrived.
    pub queue_ahead: Qty,
    /// Traded at our price since, as far as it counted for the queue.
    pub queue_traded: Qty,
    /// Cancelled before us since.
    pub queue_cancelled: Qty,
}

/// Which rule of the matching model filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FillRule {
    /// Crossed the displayed book on arrival.
    Crossed = 1,
    /// A trade at our price after the queue before us was gone.
    QueueReached = 2,
    /// A trade through our price.
    TradedThrough = 3,
    /// The book moved through our price.
    BookThrough = 4,
}

/// A position after a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionRecord {
    /// Signed quantity.
    pub qty: Qty,
    /// Exact cost of what is held, signed, in settle currency.
    pub cost: Amount,
    /// Realized profit so far before fees.
    pub realized: Amount,
    /// Fees so far in settle currency.
    pub fees: Amount,
}

/// A currency's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceRecord {
    /// The currency.
    pub currency: Currency,
    /// What is there.
    pub total: Amount,
}

/// The account, in its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioRecord {
    /// Equity.
    pub equity: Amount,
    /// Realized profit before fees.
    pub realized: Amount,
    /// Unrealized profit at marks.
    pub unrealized: Amount,
    /// Fees.
    pub fees: Amount,
    /// Sum of the absolute notionals held.
    pub exposure: Amount,
    /// Highest equity so far.
    pub peak: Amount,
}

/// A change of trading state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskRecord {
    /// What tripped, or who acted.
    pub code: GateCode,
    /// State before.
    pub from: TradingState,
    /// State after.
    pub to: TradingState,
    /// The limit.
    pub limit: Amount,
    /// What was measured.
    pub measured: Amount,
    /// Words for people.
    pub note: Note,
}

/// A book became proven or stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookRecord {
    /// What happened.
    pub reason: BookReason,
    /// The book's update id.
    pub last_id: u64,
}

/// A strategy's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteRecord {
    /// What kind.
    pub kind: NoteKind,
    /// The words.
    pub text: Note,
}

/// What kind of note; 5 was a reload's words in journals of format 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NoteKind {
    /// `note(...)`.
    Note = 1,
    /// `alert(...)`.
    Alert = 2,
    /// A handler failed and its call was undone.
    Error = 3,
    /// A handler was cut by its budget and its call was undone.
    Cut = 4,
}

/// An instrument's depth book at the end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookEnd {
    /// Whether it is proven.
    pub is_synced: bool,
    /// Its update id.
    pub last_id: u64,
    /// Number of bids.
    pub bid_levels: u32,
    /// Number of asks.
    pub ask_levels: u32,
    /// Sum of all quantities bid.
    pub bid_qty: i128,
    /// Sum of all quantities asked.
    pub ask_qty: i128,
    /// FNV-1a over (price, qty) of all levels, bids best first, then asks.
    pub checksum: u64,
}

/// A value for the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Which chart; empty for the price chart.
    pub pane: Text<32>,
    /// The line's name.
    pub name: Text<32>,
    /// The bits of the value; all NaN are one.
    pub value_bits: u64,
}

/// Cells of a record's header.
pub const RECORD_HEADER_CELLS: usize = 2;
/// Cells of the longest record.
pub const RECORD_CELLS_MAX: usize = 24;

impl Plot {
    /// Returns the value for the chart; every NaN becomes the same one.
    pub fn new(pane: &str, name: &str, value: f64) -> Self {
        let value = if value.is_nan() { f64::NAN } else { value };
        Self {
            pane: Text::cut(pane),
            name: Text::cut(name),
            value_bits: value.to_bits(),
        }
    }
}

impl Verdict {
    /// Returns the verdict with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Approved),
            2 => Some(Self::Trimmed),
            3 => Some(Self::Denied),
            _ => None,
        }
    }

    /// Returns `approved`, `trimmed` or `denied`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Trimmed => "trimmed",
            Self::Denied => "denied",
        }
    }
}

impl FillRule {
    /// Returns the rule with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Crossed),
            2 => Some(Self::QueueReached),
            3 => Some(Self::TradedThrough),
            4 => Some(Self::BookThrough),
            _ => None,
        }
    }

    /// Returns the rule's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crossed => "crossed",
            Self::QueueReached => "queue_reached",
            Self::TradedThrough => "traded_through",
            Self::BookThrough => "book_through",
        }
    }
}

impl NoteKind {
    /// Returns the kind with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Note),
            2 => Some(Self::Alert),
            3 => Some(Self::Error),
            4 => Some(Self::Cut),
            _ => None,
        }
    }

    /// Returns the kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Alert => "alert",
            Self::Error => "error",
            Self::Cut => "cut",
        }
    }
}
