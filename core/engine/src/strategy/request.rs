//! What a strategy asks of the desk about orders: one struct for each kind of wish.
//!
//! Filled by scripts' functions and native strategies, read by the floor, within one call. Prices and
//! quantities are in quote currency and base units, not rounded yet. Nothing here decides anything.

use claire_types::{InstrumentId, Note, OrderFlags, Side};

/// What a strategy wants.
#[derive(Clone, Copy, Debug)]
pub struct OrderRequest {
    /// Which market.
    pub market: InstrumentId,
    /// Which way.
    pub side: Side,
    /// Base units, above zero.
    pub qty: f64,
    /// Limit price; `None` for a market order.
    pub price: Option<f64>,
    /// Flags.
    pub flags: OrderFlags,
    /// Why, for the record; empty takes the last signal's.
    pub reason: Note,
}

/// The one order that a strategy wants to rest on a side and level of a market.
#[derive(Clone, Copy, Debug)]
pub struct QuoteRequest {
    /// Which market.
    pub market: InstrumentId,
    /// Which way.
    pub side: Side,
    /// Limit price; of no meaning where the quantity is 0.
    pub price: f64,
    /// Base units; 0 withdraws.
    pub qty: f64,
    /// Ticks that the price may be away from the standing quote's before it is replaced.
    pub keep_ticks: u32,
    /// Which of the strategy's quotes on this side, 0 being the first.
    pub level: u16,
    /// Why, for the record; empty takes the last signal's.
    pub reason: Note,
}

/// The stop and take profit of a position.
#[derive(Clone, Copy, Debug)]
pub struct ProtectRequest {
    /// Which market.
    pub market: InstrumentId,
    /// Where the position is closed at the market.
    pub stop: f64,
    /// Where it is closed at this price or better.
    pub take: Option<f64>,
    /// Why, for the record.
    pub reason: Note,
}

/// A market order that is sent once the market reaches a price.
#[derive(Clone, Copy, Debug)]
pub struct StopRequest {
    /// Which market.
    pub market: InstrumentId,
    /// Which way: a buy waits for the price to rise, a sell for it to fall.
    pub side: Side,
    /// Base units, above zero.
    pub qty: f64,
    /// Where it goes off.
    pub trigger: StopTrigger,
    /// [`OrderFlags::REDUCE_ONLY`], [`OrderFlags::GTC`], both or none.
    pub flags: OrderFlags,
    /// Why, for the record; empty takes the last signal's.
    pub reason: Note,
}

/// Where a stop goes off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopTrigger {
    /// At this price.
    At(f64),
    /// So far behind the best price that was seen since the stop was placed, in quote currency.
    Behind(f64),
}

/// An entry with the protection of the position that it opens.
#[derive(Clone, Copy, Debug)]
pub struct BracketRequest {
    /// Which market.
    pub market: InstrumentId,
    /// Which way the entry goes.
    pub side: Side,
    /// Base units, above zero.
    pub qty: f64,
    /// Limit price of the entry; `None` for a market order.
    pub entry: Option<f64>,
    /// See [`ProtectRequest::stop`]: on the losing side of the entry.
    pub stop: f64,
    /// See [`ProtectRequest::take`]: on the winning side of the entry.
    pub take: f64,
    /// Why, for the record; empty takes the last signal's.
    pub reason: Note,
}
