//! Market events, as the venue said them, in the instrument's units.
//!
//! Made by FEED, read by ENGINE. Levels stay in the cells they came in: nothing is copied or
//! allocated to read a depth of any size.

use crate::cell::{Cell, Cells};
use crate::number::{Amount, Price, Qty};
use crate::order::Side;
use crate::time::VenueNs;

/// One price of a book and the quantity there; 0 removes the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The absolute quantity.
    pub qty: Qty,
}

/// Levels of one side, best first where the venue sends them so, in cells.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a>(pub(crate) Cells<'a>);

/// A change of a book, or a part of one. Levels apply in order; the touch means something only after the last part.
#[derive(Clone, Copy, Debug)]
pub struct Depth<'a> {
    /// Replaces the whole book, or changes it.
    pub is_snapshot: bool,
    /// First part of its frame.
    pub is_first: bool,
    /// Last part of its frame.
    pub is_last: bool,
    /// First update id; for snapshots the same as `last_id`.
    pub first_id: u64,
    /// Last update id: the book's id when all parts are applied.
    pub last_id: u64,
    /// Bids, absolute quantities.
    pub bids: Levels<'a>,
    /// Asks, absolute quantities.
    pub asks: Levels<'a>,
}

/// Best bid and ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticker {
    /// The book's update id that the ticker belongs to; 0 where the venue gives none.
    pub update_id: u64,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

/// Others' deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The venue's id: of the trade, or of the aggregate.
    pub trade_id: u64,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// The side that took liquidity.
    pub aggressor: Side,
    /// An aggregate of several trades at one price (`aggTrade`).
    pub is_aggregate: bool,
    /// A trade outside the book (insurance fund, auto-deleveraging): it tells nothing about queues.
    pub is_off_book: bool,
}

/// Mark price of a perpetual or future. All with 12 decimals: marks are finer than the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Mark price.
    pub mark: Amount,
    /// Index price.
    pub index: Amount,
    /// Funding rate of the current interval, as a fraction.
    pub funding_rate: Amount,
    /// When funding is next paid.
    pub next_funding: VenueNs,
}

/// A venue's own candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kline {
    /// Open time.
    pub open_time: VenueNs,
    /// Length in ns; 0 for calendar months.
    pub interval_ns: i64,
    /// Whether the candle is closed.
    pub is_closed: bool,
    /// Open, high, low, close.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Volume in base (venue units).
    pub volume: Amount,
    /// Volume in quote.
    pub quote_volume: Amount,
    /// Number of trades.
    pub trade_count: u64,
}

/// Somebody's forced order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Side of the forced order.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// Average fill price.
    pub average_price: Price,
    /// Its quantity.
    pub qty: Qty,
    /// What of it is filled.
    pub filled_qty: Qty,
}

impl<'a> Levels<'a> {
    /// No levels.
    pub const NONE: Self = Self(Cells::new(&[], &[]));

    /// Returns the levels held in these cells, one each: price low, quantity high.
    pub const fn new(cells: Cells<'a>) -> Self {
        Self(cells)
    }

    /// Returns how many levels there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the levels in order, as two runs of cells each read without a branch per level.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Level> + use<'a> {
        let (first, second) = self.0.runs();
        first.iter().chain(second).map(|cell| Level::of(*cell))
    }

    /// Returns the cells.
    pub const fn cells(&self) -> Cells<'a> {
        self.0
    }
}

impl Level {
    /// Returns the level of a cell.
    #[inline]
    pub const fn of(cell: Cell) -> Self {
        Self {
            price: Price(cell.low as i64),
            qty: Qty(cell.high as i64),
        }
    }

    /// Returns the level's cell.
    #[inline]
    pub const fn cell(self) -> Cell {
        Cell {
            low: self.price.0 as u64,
            high: self.qty.0 as u64,
        }
    }
}
