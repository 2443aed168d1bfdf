//! Orders that the engine holds or keeps: quotes, protections, stops, brackets, replacements.
//!
//! NaN or infinity is a script error here; every other doubt is the desk's or the gate's to answer.

use super::crossing::{Finite, Text};
use super::{Definition, Fallible};
use crate::token::{Market, Order};
use claire_engine::strategy::{
    BracketRequest, Desk, ProtectRequest, QuoteRequest, StopRequest, StopTrigger,
};
use claire_types::{Note, OrderFlags, Side};

/// Returns the definitions of the methods.
pub(super) fn definitions() -> Vec<Definition> {
    [kept(), stops()].concat()
}

fn kept() -> Vec<Definition> {
    define! { Orders;
        /// Keeps one post-only order on the side and level: nothing happens while the one that stands is within
        /// `keep_ticks` of the price, else it is replaced, never two alive; `qty` 0 withdraws it, and so does the
        /// engine when the book goes stale. The handle is that of the order that stands or comes next, of none at `qty` 0.
        asks method quote(m: Market, side: Side, price: Finite, qty "quantity": Finite, keep_ticks "ticks to keep": i64, level: i64 = Int(0), reason: Text = EmptyText) -> Fallible<Order> = quote;
        /// Closes the position at the market at `stop`, or at the price `take` or better (0: none), for all of its
        /// size as it changes; may be called before the fill, moves when called again, ends with the position. No order
        /// until it goes off: the handle tells a denial, and is else that of no order (`none`, not open).
        asks method protect(m: Market, stop "stop price": Finite, take "price to take profit": Finite = Float(0.0), reason: Text = EmptyText) -> Order = protect;
        /// Enters at the price `entry` or better (0: at the market), and protects what it opens by `stop` and `take`.
        asks method bracket(m: Market, side: Side, qty "quantity": Finite, entry "entry price": Finite, stop "stop price": Finite, take "price to take profit": Finite, reason: Text = EmptyText) -> Order = bracket;
        /// Moves an order: cancels it, and sends the new one when nothing of the old can fill any more, less what it
        /// filled meanwhile; a stop that the engine holds just moves.
        asks method replace(m: Market, order: Order, price: Finite, qty "quantity": Finite) -> Order = replace;
    }
}

fn stops() -> Vec<Definition> {
    define! { Orders;
        /// Buys at the market once the price rises to `stop`, rounded to the earlier trigger.
        asks method buy_stop(m: Market, qty "quantity": Finite, stop "stop price": Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = buy_stop;
        /// Sells at the market once the price falls to `stop`, rounded to the earlier trigger.
        asks method sell_stop(m: Market, qty "quantity": Finite, stop "stop price": Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = sell_stop;
        /// Buys or sells at the market once the price is `distance`, quote per base, behind its best since the call.
        asks method trailing_stop(m: Market, side: Side, qty "quantity": Finite, distance: Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = trailing_stop;
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "they are the script's")]
fn quote(
    desk: &mut dyn Desk,
    m: Market,
    side: Side,
    price: f64,
    qty: f64,
    keep_ticks: i64,
    level: i64,
    reason: &str,
) -> Fallible<Order> {
    let (Ok(keep), Ok(place)) = (u32::try_from(keep_ticks), u16::try_from(level)) else {
        return Err(out_of_range(keep_ticks, level).into());
    };
    let mut request = QuoteRequest {
        market: m.0,
        side,
        price,
        qty,
        keep_ticks: keep,
        level: place,
        reason: Note::EMPTY,
    };
    request.reason.begin(reason);
    Ok(Order(desk.quote(&request)))
}

/// Returns what is wrong with a quote.
#[cold]
fn out_of_range(keep_ticks: i64, level: i64) -> String {
    match u32::try_from(keep_ticks) {
        Err(_) => format!("the ticks to keep must be 0 or more, not {keep_ticks}"),
        Ok(_) => format!("the level must be 0 to {}, not {level}", u16::MAX),
    }
}

fn protect(desk: &mut dyn Desk, m: Market, stop: f64, take: f64, reason: &str) -> Order {
    let mut request = ProtectRequest {
        market: m.0,
        stop,
        take: unless_zero(take),
        reason: Note::EMPTY,
    };
    request.reason.begin(reason);
    Order(desk.protect(&request))
}

#[expect(clippy::too_many_arguments, reason = "they are the script's")]
fn bracket(
    desk: &mut dyn Desk,
    m: Market,
    side: Side,
    qty: f64,
    entry: f64,
    stop: f64,
    take: f64,
    reason: &str,
) -> Order {
    Order(desk.bracket(&BracketRequest {
        market: m.0,
        side,
        qty,
        entry: unless_zero(entry),
        stop,
        take,
        reason: Note::cut(reason),
    }))
}

fn replace(desk: &mut dyn Desk, _: Market, order: Order, price: f64, qty: f64) -> Order {
    Order(desk.replace(order.0, price, qty))
}

fn buy_stop(
    desk: &mut dyn Desk,
    m: Market,
    qty: f64,
    stop: f64,
    flags: OrderFlags,
    reason: &str,
) -> Order {
    let trigger = StopTrigger::At(stop);
    hold(desk, m, (Side::Buy, qty, trigger), flags, reason)
}

fn sell_stop(
    desk: &mut dyn Desk,
    m: Market,
    qty: f64,
    stop: f64,
    flags: OrderFlags,
    reason: &str,
) -> Order {
    let trigger = StopTrigger::At(stop);
    hold(desk, m, (Side::Sell, qty, trigger), flags, reason)
}

fn trailing_stop(
    desk: &mut dyn Desk,
    m: Market,
    side: Side,
    qty: f64,
    distance: f64,
    flags: OrderFlags,
    reason: &str,
) -> Order {
    let trigger = StopTrigger::Behind(distance);
    hold(desk, m, (side, qty, trigger), flags, reason)
}

fn hold(
    desk: &mut dyn Desk,
    m: Market,
    (side, qty, trigger): (Side, f64, StopTrigger),
    flags: OrderFlags,
    reason: &str,
) -> Order {
    Order(desk.stop(&StopRequest {
        market: m.0,
        side,
        qty,
        trigger,
        flags,
        reason: Note::cut(reason),
    }))
}

/// A price of 0 is none.
fn unless_zero(price: f64) -> Option<f64> {
    (price != 0.0).then_some(price)
}
