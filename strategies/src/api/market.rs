//! `m`: a market's numbers, timers, and other markets.
//!
//! Ranks count from 0: `m.bid(0)` is the best bid. What is unknown is 0, as in the numbers.

use super::crossing::{AtLeast, Text};
use super::{Definition, Fallible};
use crate::token::Market;
use claire_engine::strategy::{Desk, DeskFault};
use claire_engine::timers::{TIMERS_MAX, TimerName};
use claire_types::Side;

/// Returns the definitions of properties, levels, other markets and timers.
pub(super) fn definitions() -> Vec<Definition> {
    [touch(), instrument(), account(), levels(), timers()].concat()
}

fn touch() -> Vec<Definition> {
    places! { Market of Market;
        /// Best bid, quote per base.
        bid;
        /// Best ask, quote per base.
        ask;
        /// Quantity at the best bid, base units.
        bid_qty;
        /// Quantity at the best ask, base units.
        ask_qty;
        /// Middle of bid and ask, quote per base.
        mid;
        /// Mid weighted by the quantity on the other side: nearer to the side that is about to give way.
        microprice;
        /// Ask less bid, quote per base.
        spread;
        /// Spread in ticks, rounded.
        spread_ticks;
        /// The book is not proven: something is missing, and a snapshot is awaited.
        stale;
        /// Time of the engine, ns since 1970 UTC.
        now_ns;
        /// State of the market: `UNKNOWN`, `TREND`, `RANGE` or `HIGH_VOL`.
        regime;
    }
}

fn instrument() -> Vec<Definition> {
    places! { Market of Market;
        /// Smallest step of a price, quote per base.
        tick;
        /// Smallest step of a quantity, base units.
        step;
        /// Smallest notional of an order, quote.
        min_notional;
        /// The instrument can be sold short.
        can_short;
    }
}

fn account() -> Vec<Definition> {
    places! { Market of Market;
        /// The strategy's position, base units; below zero where short.
        position;
        /// Less is held than can be sold: a fee in base leaves dust.
        is_flat;
        /// Average price of the position, quote per base.
        avg_price;
        /// Notional of the position at the mid, quote; below zero where short.
        exposure;
        /// Profit of the position at the mid, quote.
        unrealized;
        /// Quantity of working buys, base units.
        working_buy;
        /// Quantity of working sells, base units.
        working_sell;
        /// The strategy's share of the equity, account currency.
        budget;
        /// The account's equity, account currency.
        equity;
    }
}

fn levels() -> Vec<Definition> {
    define! { Market;
        /// Price of the bid at a rank, quote per base; 0 past the end of the book.
        reads method bid(m: Market, rank: AtLeast<0>) -> f64 = bid;
        /// Price of the ask at a rank, quote per base; 0 past the end of the book.
        reads method ask(m: Market, rank: AtLeast<0>) -> f64 = ask;
        /// Quantity of the bid at a rank, base units; 0 past the end of the book.
        reads method bid_qty(m: Market, rank: AtLeast<0>) -> f64 = bid_qty;
        /// Quantity of the ask at a rank, base units; 0 past the end of the book.
        reads method ask_qty(m: Market, rank: AtLeast<0>) -> f64 = ask_qty;
        /// (bids - asks) / (bids + asks) of the quantities on the best levels, -1 to 1; 0 on an empty book and on one that is not proven.
        reads method imbalance(m: Market, levels "number of levels": AtLeast<1>) -> f64 = imbalance;
        /// Another market of the run by its name, as in `market("binance-usdm:ETHUSDT")`; it is watched from then on.
        /// `init` waits until those that it names by constant texts are there; else one of which nothing came yet is an error.
        acts function market(name "market's name": Text) -> Fallible<Market> = market;
    }
}

fn timers() -> Vec<Definition> {
    define! { Timers;
        /// Calls `on_timer` with the name every `ms` milliseconds from now, until stopped; the same name starts anew.
        asks method every(m: Market, ms "timer's span in ms": i64, name "timer's name": Text) -> Fallible<()> = every;
        /// Calls `on_timer` with the name once, `ms` milliseconds from now; the same name starts anew.
        asks method after(m: Market, ms "timer's span in ms": i64, name "timer's name": Text) -> Fallible<()> = after;
        /// Stops a timer; an unknown name is no error.
        asks method stop_timer(m: Market, name "timer's name": Text) -> () = stop_timer;
    }
}

fn bid(desk: &mut dyn Desk, m: Market, rank: usize) -> f64 {
    level(desk, m, Side::Buy, rank).0
}

fn ask(desk: &mut dyn Desk, m: Market, rank: usize) -> f64 {
    level(desk, m, Side::Sell, rank).0
}

fn bid_qty(desk: &mut dyn Desk, m: Market, rank: usize) -> f64 {
    level(desk, m, Side::Buy, rank).1
}

fn ask_qty(desk: &mut dyn Desk, m: Market, rank: usize) -> f64 {
    level(desk, m, Side::Sell, rank).1
}

/// Returns price and quantity of the level; zeros past the end of the book.
fn level(desk: &dyn Desk, m: Market, side: Side, rank: usize) -> (f64, f64) {
    desk.level(m.0, side, rank).unwrap_or_default()
}

fn imbalance(desk: &mut dyn Desk, m: Market, levels: usize) -> f64 {
    desk.imbalance(m.0, levels)
}

fn market(desk: &mut dyn Desk, name: &str) -> Fallible<Market> {
    let found = desk.market(name).map(Market);
    found.ok_or_else(|| format!("this run has no market `{name}`").into())
}

fn every(desk: &mut dyn Desk, _: Market, ms: i64, name: &str) -> Fallible<()> {
    desk.every(ms, name)
        .map_err(|fault| refused(fault, ms, name).into())
}

fn after(desk: &mut dyn Desk, _: Market, ms: i64, name: &str) -> Fallible<()> {
    desk.after(ms, name)
        .map_err(|fault| refused(fault, ms, name).into())
}

fn stop_timer(desk: &mut dyn Desk, _: Market, name: &str) {
    desk.stop_timer(name);
}

/// Returns why a timer was refused.
#[cold]
fn refused(fault: DeskFault, ms: i64, name: &str) -> String {
    match fault {
        DeskFault::Argument if TimerName::new(name).is_none_or(|name| name.is_empty()) => {
            format!("a timer's name has 1 to 32 bytes, not {}", name.len())
        }
        DeskFault::Argument => format!("a timer of {ms} ms is too short or too long"),
        DeskFault::Capacity => format!("a strategy has {TIMERS_MAX} timers at most"),
        fault => format!("timers: {fault}"),
    }
}
