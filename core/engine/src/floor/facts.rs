//! A market's numbers as a strategy sees them, kept up to date as they change.
//!
//! Called by the floor after a change of the touch, an order or a fill. The book's part is the same
//! for all strategies, the position's part belongs to one.

use super::Market;
use crate::convert::{price_to_f64, qty_to_f64};
use crate::indicator::TouchF64;
use crate::market::view::BookView;
use crate::strategy::MarketFacts;
use claire_types::{Instrument, Price, Qty, Side};

/// What a strategy holds and has working in one market.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holding {
    /// Signed position.
    pub qty: Qty,
    /// Average price of it; 0 when flat.
    pub average_price: f64,
    /// Unrealized profit in settle currency.
    pub unrealized: f64,
    /// Quantity of working buys.
    pub working_buy: Qty,
    /// Quantity of working sells.
    pub working_sell: Qty,
    /// The strategy's budget in account currency.
    pub budget: f64,
    /// The account's equity.
    pub equity: f64,
}

/// Writes the facts that an instrument alone determines.
pub(super) fn write_instrument(facts: &mut MarketFacts, instrument: &Instrument) {
    facts.tick = price_to_f64(Price(instrument.tick.0.max(1)), instrument);
    facts.step = qty_to_f64(Qty(instrument.step.0.max(1)), Price(0), instrument);
    facts.min_notional = instrument.notional_min.to_f64();
    facts.can_short = instrument.contract != claire_types::Contract::Spot;
    facts.stale = true;
}

/// Writes the facts of the merged book; leaves the last prices where a side is empty or the book stale.
pub(super) fn write_book(facts: &mut MarketFacts, view: &impl BookView, instrument: &Instrument) {
    facts.stale = !view.is_proven();
    if facts.stale {
        return;
    }
    let (Some(bid), Some(ask)) = (view.best(Side::Buy), view.best(Side::Sell)) else {
        return;
    };
    facts.bid = price_to_f64(bid.price, instrument);
    facts.ask = price_to_f64(ask.price, instrument);
    facts.bid_qty = qty_to_f64(bid.qty, bid.price, instrument);
    facts.ask_qty = qty_to_f64(ask.qty, ask.price, instrument);
    facts.mid = (facts.bid + facts.ask) / 2.0;
    facts.spread = facts.ask - facts.bid;
    facts.spread_ticks = (ask.price.0 - bid.price.0) / instrument.tick.0.max(1);
    facts.exposure = facts.position * facts.mid;
    let depth = facts.bid_qty + facts.ask_qty;
    facts.microprice = if depth > 0.0 {
        (facts.bid * facts.ask_qty + facts.ask * facts.bid_qty) / depth
    } else {
        facts.mid
    };
}

/// Returns the touch of a proven book that has both sides.
pub(super) fn touch(market: &Market) -> Option<TouchF64> {
    let instrument = &market.instrument;
    if !market.book.is_proven() {
        return None;
    }
    let (bid, ask) = (market.book.best(Side::Buy)?, market.book.best(Side::Sell)?);
    Some(TouchF64 {
        bid: price_to_f64(bid.price, instrument),
        bid_qty: qty_to_f64(bid.qty, bid.price, instrument),
        ask: price_to_f64(ask.price, instrument),
        ask_qty: qty_to_f64(ask.qty, ask.price, instrument),
    })
}

/// Writes the facts of what a strategy holds and has working.
pub(super) fn write_holding(facts: &mut MarketFacts, holding: &Holding, instrument: &Instrument) {
    let mid = Price(
        (facts.mid * claire_types::number::pow10(instrument.scale.price_digits) as f64) as i64,
    );
    facts.position = qty_to_f64(holding.qty, mid, instrument);
    facts.avg_price = holding.average_price;
    facts.exposure = facts.position * facts.mid;
    facts.unrealized = holding.unrealized;
    facts.working_buy = qty_to_f64(holding.working_buy, mid, instrument);
    facts.working_sell = qty_to_f64(holding.working_sell, mid, instrument);
    facts.budget = holding.budget;
    facts.equity = holding.equity;
    let sellable_min = instrument.step.0.max(instrument.qty_min.0).max(1);
    facts.is_flat = holding.qty.0.saturating_abs() < sellable_min;
}
