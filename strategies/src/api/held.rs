//! Orders that the engine looks after: quotes, protections, stops, brackets, replacements. Methods of `m`.
//!
//! As in `order.rs`, NaN and infinity are script errors; every other doubt is risk's to answer.

use super::crossing::{Finite, Text};
use super::{Definition, Fallible};
use crate::token::{Market, Order};
use claire_engine::strategy::{
    BracketRequest, Desk, ProtectRequest, QuoteRequest, StopRequest, StopTrigger,
};
use claire_types::{InstrumentId, Note, OrderFlags, Side};

/// Returns the definitions.
pub(super) fn definitions() -> Vec<Definition> {
    define! { Held;
        /// Keeps one post-only order on the side and level: nothing happens while it is within `keep_ticks`; quantity 0 withdraws it.
        acts method quote(m: Market, side: Side, price: Finite, qty "quantity": Finite, keep_ticks: i64, level: i64 = Int(0), reason: Text = EmptyText) -> Fallible<Order> = quote;
        /// Closes the position at the market once the price reaches `stop`; called again it moves.
        acts method protect(m: Market, stop "stop price": Finite, reason: Text = EmptyText) -> Order = protect;
        /// The same, and closes it at `take` or better once the other side of the book pays that; one of the two.
        acts method protect(m: Market, stop "stop price": Finite, take "take profit's price": Finite, reason: Text = EmptyText) -> Order = protect_and_take;
        /// Buys at the market once the price rises to `stop`, which is rounded down to a tick.
        acts method buy_stop(m: Market, qty "quantity": Finite, stop "stop price": Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = buy_stop;
        /// Sells at the market once the price falls to `stop`, which is rounded up to a tick.
        acts method sell_stop(m: Market, qty "quantity": Finite, stop "stop price": Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = sell_stop;
        /// Sells (or buys) at the market once the price falls (or rises) by `distance` from the best price since the call.
        acts method trailing_stop(m: Market, side: Side, qty "quantity": Finite, distance: Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = trailing_stop;
        /// Places a limit order at `entry` and protects what it opens with `stop` and `take`; the handle is the entry's.
        acts method bracket(m: Market, side: Side, qty "quantity": Finite, entry "entry price": Finite, stop "stop price": Finite, take "take profit's price": Finite, reason: Text = EmptyText) -> Order = bracket;
        /// Cancels a limit order and places another in its place, less what it fills until then; moves a stop that is held.
        acts method replace(m: Market, order: Order, price: Finite, qty "quantity": Finite) -> Order = replace;
    }
}

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
    let Ok(keep_ticks) = u32::try_from(keep_ticks) else {
        return Err(format!("the keep_ticks must be 0 or more, not {keep_ticks}").into());
    };
    let Ok(level) = u16::try_from(level) else {
        return Err(format!("the level must be 0 to {}, not {level}", u16::MAX).into());
    };
    Ok(Order(desk.quote(&QuoteRequest {
        market: m.0,
        side,
        price,
        qty,
        keep_ticks,
        level,
        reason: Note::cut(reason),
    })))
}

fn protect(desk: &mut dyn Desk, m: Market, stop: f64, reason: &str) -> Order {
    Order(desk.protect(&protection(m.0, stop, None, reason)))
}

fn protect_and_take(desk: &mut dyn Desk, m: Market, stop: f64, take: f64, reason: &str) -> Order {
    Order(desk.protect(&protection(m.0, stop, Some(take), reason)))
}

fn protection(market: InstrumentId, stop: f64, take: Option<f64>, reason: &str) -> ProtectRequest {
    ProtectRequest {
        market,
        stop,
        take,
        reason: Note::cut(reason),
    }
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
    Order(desk.stop(&stop_request(m.0, (Side::Buy, qty, trigger), flags, reason)))
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
    Order(desk.stop(&stop_request(
        m.0,
        (Side::Sell, qty, trigger),
        flags,
        reason,
    )))
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
    Order(desk.stop(&stop_request(m.0, (side, qty, trigger), flags, reason)))
}

fn stop_request(
    market: InstrumentId,
    (side, qty, trigger): (Side, f64, StopTrigger),
    flags: OrderFlags,
    reason: &str,
) -> StopRequest {
    StopRequest {
        market,
        side,
        qty,
        trigger,
        flags,
        reason: Note::cut(reason),
    }
}

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
        entry: Some(entry),
        stop,
        take,
        reason: Note::cut(reason),
    }))
}

fn replace(desk: &mut dyn Desk, _: Market, order: Order, price: f64, qty: f64) -> Order {
    Order(desk.replace(order.0, price, qty))
}
