//! What a strategy sees: plain numbers of markets, orders, trades, bars, fills and indicators.
//!
//! Copies as of a call, in base units and quote prices. Compiled code reads them at the offsets of their fields.

use super::BarsId;
use claire_types::{Currency, GateCode, OrderId, OrderReason, OrderStatus, Side, VenueNs};
use serde::{Deserialize, Serialize};

/// A market's plain numbers, in base units and quote prices; 0 where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[repr(C)]
pub struct MarketFacts {
    /// Best bid price of the merged view.
    pub bid: f64,
    /// Best ask price.
    pub ask: f64,
    /// Quantity at the best bid.
    pub bid_qty: f64,
    /// Quantity at the best ask.
    pub ask_qty: f64,
    /// (bid + ask) / 2.
    pub mid: f64,
    /// Mid weighted by the opposite quantities.
    pub microprice: f64,
    /// ask − bid.
    pub spread: f64,
    /// Spread in ticks, rounded.
    pub spread_ticks: i64,
    /// Smallest price step.
    pub tick: f64,
    /// Smallest quantity step.
    pub step: f64,
    /// Smallest order notional.
    pub min_notional: f64,
    /// Engine time, ns since 1970 UTC.
    pub now_ns: i64,
    /// The strategy's signed position.
    pub position: f64,
    /// Average price of the position.
    pub avg_price: f64,
    /// Signed notional of the position at the mid.
    pub exposure: f64,
    /// Quantity of working buys.
    pub working_buy: f64,
    /// Quantity of working sells.
    pub working_sell: f64,
    /// The strategy's share of equity, in account currency.
    pub budget: f64,
    /// The account's equity.
    pub equity: f64,
    /// Unrealized profit of the position.
    pub unrealized: f64,
    /// The book is not proven.
    pub stale: bool,
    /// Less is held than can be sold.
    pub is_flat: bool,
    /// The instrument can be sold short.
    pub can_short: bool,
    /// Regime: 0 unknown, 1 trend, 2 range, 3 high volatility.
    pub regime: u8,
}

impl MarketFacts {
    /// Numbers of a market that a strategy does not look at.
    pub const UNKNOWN: Self = Self {
        bid: 0.0,
        ask: 0.0,
        bid_qty: 0.0,
        ask_qty: 0.0,
        mid: 0.0,
        microprice: 0.0,
        spread: 0.0,
        spread_ticks: 0,
        tick: 0.0,
        step: 0.0,
        min_notional: 0.0,
        now_ns: 0,
        position: 0.0,
        avg_price: 0.0,
        exposure: 0.0,
        working_buy: 0.0,
        working_sell: 0.0,
        budget: 0.0,
        equity: 0.0,
        unrealized: 0.0,
        stale: true,
        is_flat: true,
        can_short: false,
        regime: 0,
    };
}

/// A strategy's grip on an order: its id, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHandle {
    /// The order; [`OrderId::NONE`] for the empty handle.
    pub order: OrderId,
    /// The first check that failed; [`GateCode::Ok`] where none did.
    pub denied: GateCode,
}

/// An order as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// Its handle.
    pub handle: OrderHandle,
    /// Working, or counted as such, or held by the engine.
    pub is_open: bool,
    /// Side; of the empty handle, buy.
    pub side: Side,
    /// Limit price, or the stop of one that is held; 0 for market orders.
    pub price: f64,
    /// Ordered quantity, base units.
    pub qty: f64,
    /// Filled quantity, base units.
    pub filled: f64,
    /// Since it was placed.
    pub age_ms: i64,
    /// State; `None` where it never was an order, or is held by the engine until it may be sent.
    pub status: Option<OrderStatus>,
    /// Why it ended.
    pub reason: OrderReason,
}

/// Others' deal as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeView {
    /// Price.
    pub price: f64,
    /// Base units.
    pub qty: f64,
    /// The aggressor.
    pub side: Side,
    /// Venue time.
    pub time: VenueNs,
}

/// A closed bar as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarView {
    /// Which bars.
    pub bars: BarsId,
    /// Length.
    pub interval_ms: i64,
    /// Open time by the venue's clock.
    pub open_time: VenueNs,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base volume.
    pub volume: f64,
}

/// Our deal as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FillView {
    /// The order.
    pub order: OrderHandle,
    /// Side.
    pub side: Side,
    /// Price.
    pub price: f64,
    /// Base units.
    pub qty: f64,
    /// Fee, positive where paid.
    pub fee: f64,
    /// Currency of the fee.
    pub fee_currency: Currency,
    /// Rested rather than crossed.
    pub is_maker: bool,
    /// Enlarges a position.
    pub opens: bool,
    /// Reduces a position.
    pub closes: bool,
    /// Realized profit before fees.
    pub realized: f64,
    /// Quantity before us in the queue on arrival.
    pub queue_ahead: f64,
}

/// An indicator's output. Compiled code is given one, and reads it where it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct IndicatorView {
    /// Now.
    pub value: f64,
    /// One update ago.
    pub prev: f64,
    /// Enough data came for both to mean something.
    pub is_warm: bool,
}

impl OrderHandle {
    /// The handle of no order.
    pub const NONE: Self = Self {
        order: OrderId::NONE,
        denied: GateCode::Ok,
    };
}

impl OrderView {
    /// What is known of no order.
    pub const NONE: Self = Self {
        handle: OrderHandle::NONE,
        is_open: false,
        side: Side::Buy,
        price: 0.0,
        qty: 0.0,
        filled: 0.0,
        age_ms: 0,
        status: None,
        reason: OrderReason::None,
    };
}
