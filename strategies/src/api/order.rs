//! Orders: methods of `m`, and the handles they return.
//!
//! NaN or infinity is a script error here; every other doubt about an order is the gate's to answer.

use super::Definition;
use super::crossing::{Finite, Text, Word};
use crate::token::{Market, Order};
use claire_engine::strategy::{Desk, OrderHandle, OrderRequest};
use claire_types::{GateCode, Note, OrderFlags, OrderReason, OrderStatus, Side};

/// Returns the definitions of methods and handles, those of held orders among them.
pub(super) fn definitions() -> Vec<Definition> {
    let held = super::held::definitions();
    [placing(), held, ending(), sizes(), handle()].concat()
}

fn placing() -> Vec<Definition> {
    define! { Orders;
        /// Buys at the market.
        asks method buy(m: Market, qty "quantity": Finite, reason: Text = EmptyText) -> Order = buy;
        /// Sells at the market.
        asks method sell(m: Market, qty "quantity": Finite, reason: Text = EmptyText) -> Order = sell;
        /// Buys at the price or below; the price is rounded down to a tick.
        asks method buy_limit(m: Market, qty "quantity": Finite, price: Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = buy_limit;
        /// Sells at the price or above; the price is rounded up to a tick.
        asks method sell_limit(m: Market, qty "quantity": Finite, price: Finite, flags: OrderFlags = Int(0), reason: Text = EmptyText) -> Order = sell_limit;
        /// Orders what is missing to hold the signed position, base units; working orders count, so repeated calls add nothing.
        asks method target_position(m: Market, qty "target position": Finite, reason: Text = EmptyText) -> Order = target_position;
    }
}

fn ending() -> Vec<Definition> {
    define! { Orders;
        /// Asks for the order's cancel; of an order that has ended, or of none, it does nothing. Until the venue has
        /// answered it stays open, with its status as it was, and may still fill: `on_order` tells the end. What the
        /// engine holds ends at once: its status is `none` then.
        asks method cancel(m: Market, order: Order) -> () = cancel;
        /// Asks for the cancel of all the strategy's orders in the market.
        asks method cancel_all(m: Market) -> () = cancel_all;
        /// Cancels entries and closes the position with a reduce-only order at the market.
        asks method flatten(m: Market, reason: Text = EmptyText) -> Order = flatten;
        /// The handle of no order: neither open nor denied. For the first value of a field that will hold an order.
        pure function no_order() -> Order = no_order;
    }
}

fn sizes() -> Vec<Definition> {
    define! { Sizes;
        /// Quantity whose notional at the mid is `notional` quote, base units, rounded down to a step.
        reads method qty_for(m: Market, notional: Finite) -> f64 = qty_for;
        /// Quantity that loses `share` of the budget between the mid and `stop`, base units, rounded down to a step.
        reads method qty_at_risk(m: Market, share "share of the budget": Finite, stop "stop price": Finite) -> f64 = qty_at_risk;
    }
}

fn handle() -> Vec<Definition> {
    let words = define! { Handles;
        /// Risk did not let it through; `reason` says which check.
        pure property is_denied(order: Order) -> bool = is_denied;
        /// Why it was denied, else why it ended; empty where neither.
        reads property reason(order: Order) -> Word = reason;
        /// The same as `reason`.
        reads property reject_reason(order: Order) -> Word = reason;
        /// Where it stands: `new`, `filled`, ..., `denied`, `held` by the engine, or `none` of no order.
        reads property status(order: Order) -> Word = status;
    };
    let numbers = places! { Handles of Order;
        /// `BUY` or `SELL`.
        side;
        /// Limit price, quote per base; 0 of an order at the market.
        price;
        /// Ordered quantity, base units.
        qty;
        /// Filled quantity, base units.
        filled;
        /// Time since it was placed, ms.
        age_ms;
    };
    let is_open = places! { Handles of Order;
        /// The order works, or counts as if it did.
        is_open;
    };
    [is_open, words, numbers].concat()
}

fn buy(desk: &mut dyn Desk, m: Market, qty: f64, reason: &str) -> Order {
    place(desk, m, Side::Buy, Terms::market(qty), reason)
}

fn sell(desk: &mut dyn Desk, m: Market, qty: f64, reason: &str) -> Order {
    place(desk, m, Side::Sell, Terms::market(qty), reason)
}

fn buy_limit(
    desk: &mut dyn Desk,
    m: Market,
    qty: f64,
    price: f64,
    flags: OrderFlags,
    reason: &str,
) -> Order {
    place(desk, m, Side::Buy, Terms::limit(qty, price, flags), reason)
}

fn sell_limit(
    desk: &mut dyn Desk,
    m: Market,
    qty: f64,
    price: f64,
    flags: OrderFlags,
    reason: &str,
) -> Order {
    place(desk, m, Side::Sell, Terms::limit(qty, price, flags), reason)
}

/// How much, at which price, how.
struct Terms {
    qty: f64,
    price: Option<f64>,
    flags: OrderFlags,
}

impl Terms {
    const fn market(qty: f64) -> Self {
        Self {
            qty,
            price: None,
            flags: OrderFlags::NONE,
        }
    }

    const fn limit(qty: f64, price: f64, flags: OrderFlags) -> Self {
        Self {
            qty,
            price: Some(price),
            flags,
        }
    }
}

fn place(desk: &mut dyn Desk, m: Market, side: Side, terms: Terms, reason: &str) -> Order {
    let mut request = OrderRequest {
        market: m.0,
        side,
        qty: terms.qty,
        price: terms.price,
        flags: terms.flags,
        reason: Note::EMPTY,
    };
    request.reason.begin(reason);
    Order(desk.place(&request))
}

fn target_position(desk: &mut dyn Desk, m: Market, qty: f64, reason: &str) -> Order {
    Order(desk.target_position(m.0, qty, reason))
}

fn cancel(desk: &mut dyn Desk, _: Market, order: Order) {
    desk.cancel(order.0);
}

fn cancel_all(desk: &mut dyn Desk, m: Market) {
    desk.cancel_all(m.0);
}

fn flatten(desk: &mut dyn Desk, m: Market, reason: &str) -> Order {
    Order(desk.flatten(m.0, reason))
}

fn no_order() -> Order {
    Order(OrderHandle::NONE)
}

fn qty_for(desk: &mut dyn Desk, m: Market, notional: f64) -> f64 {
    desk.qty_for(m.0, notional)
}

fn qty_at_risk(desk: &mut dyn Desk, m: Market, share: f64, stop: f64) -> f64 {
    desk.qty_at_risk(m.0, share, stop)
}

fn is_denied(order: Order) -> bool {
    order.0.denied != GateCode::Ok
}

/// Returns the code that denied the order, else why it ended; empty where neither.
fn reason(desk: &mut dyn Desk, order: Order) -> Word {
    let word = match order.0.denied {
        GateCode::Ok => REASONS.get(desk.order(order.0).reason as usize),
        denied => CODES.get(denied as usize),
    };
    word.unwrap_or(&"")
}

fn status(desk: &mut dyn Desk, order: Order) -> Word {
    let view = desk.order(order.0);
    match view.status {
        Some(status) => STATUSES.get(status as usize).unwrap_or(&""),
        None if is_denied(order) => &"denied",
        None if view.is_open => &"held",
        None => &"none",
    }
}

/// Fills a table of names by number; the numbers are checked when the program is built.
macro_rules! names_by_number {
    ($of:ty) => {{
        let mut names = [""; NUMBERS_MAX];
        let mut index = 0;
        while index < <$of>::ALL.len() {
            names[<$of>::ALL[index] as usize] = <$of>::ALL[index].as_str();
            index += 1;
        }
        names
    }};
}

/// Names of the gate's codes, of why orders end and of where they stand, each at its number, so that compiled
/// code has an address for them.
static CODES: [&str; NUMBERS_MAX] = names_by_number!(GateCode);
static REASONS: [&str; NUMBERS_MAX] = names_by_number!(OrderReason);
static STATUSES: [&str; NUMBERS_MAX] = names_by_number!(OrderStatus);

/// One more than the greatest number of a name.
const NUMBERS_MAX: usize = 64;

/// Flags by their script names, and what they mean.
pub(super) const FLAGS: [(&str, OrderFlags, &str); 5] = [
    (
        "POST_ONLY",
        OrderFlags::POST_ONLY,
        "The venue rejects it rather than let it cross.",
    ),
    (
        "IOC",
        OrderFlags::IOC,
        "Immediate or cancel: what does not fill at once expires.",
    ),
    (
        "FOK",
        OrderFlags::FOK,
        "Fill or kill: all at once or nothing.",
    ),
    (
        "GTC",
        OrderFlags::GTC,
        "Good till cancelled, as without a flag.",
    ),
    (
        "REDUCE_ONLY",
        OrderFlags::REDUCE_ONLY,
        "It may only reduce the position.",
    ),
];
