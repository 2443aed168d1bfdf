//! Orders: methods of `m`, and the handles they return.
//!
//! NaN or infinity is a script error here; every other doubt about an order is the gate's to answer.

use super::{Arguments, Fallible, finite, integer, live, property, pure, receiver, text, variadic};
use crate::lending::with_desk;
use crate::token::{Market, Order};
use claire_engine::strategy::{Desk, OrderHandle, OrderRequest, OrderView};
use claire_types::{GateCode, Note, OrderFlags, Side};
use rhai::{Dynamic, FLOAT, INT, ImmutableString, Module};
use std::any::TypeId;

/// Registers methods, handles and constants.
pub(crate) fn register(module: &mut Module) {
    module.set_custom_type::<Order>("Order");
    register_constants(module);
    register_placing(module);
    register_ending(module);
    register_sizes(module);
    register_handle(module);
}

fn register_constants(module: &mut Module) {
    module.set_var("BUY", Side::Buy.sign());
    module.set_var("SELL", Side::Sell.sign());
    for (name, flags) in FLAGS {
        module.set_var(name, INT::from(flags.0));
    }
    for (regime, name) in (0..).zip(["UNKNOWN", "TREND", "RANGE", "HIGH_VOL"]) {
        module.set_var(name, regime as INT);
    }
}

fn register_placing(module: &mut Module) {
    let market = Some(TypeId::of::<Market>());
    for (name, side) in [("buy", Side::Buy), ("sell", Side::Sell)] {
        variadic(module, name, market, 1..=2, move |arguments| {
            place_market(receiver(arguments)?, side, arguments)
        });
    }
    for (name, side) in [("buy_limit", Side::Buy), ("sell_limit", Side::Sell)] {
        variadic(module, name, market, 2..=4, move |arguments| {
            place_limit(receiver(arguments)?, side, arguments)
        });
    }
    variadic(module, "target_position", market, 1..=2, |arguments| {
        let market: Market = receiver(arguments)?;
        let qty = finite(&*arguments[1], "target position")?;
        let reason = reason(arguments.get(2))?;
        act(|desk| desk.target_position(market.0, qty, reason.as_str()))
    });
}

/// Places a market order: (market, qty[, reason]).
fn place_market(market: Market, side: Side, arguments: Arguments<'_, '_>) -> Fallible<Dynamic> {
    let request = OrderRequest {
        market: market.0,
        side,
        qty: finite(&*arguments[1], "quantity")?,
        price: None,
        flags: OrderFlags::NONE,
        reason: reason(arguments.get(2))?,
    };
    act(|desk| desk.place(&request))
}

/// Places a limit order: (market, qty, price[, flags][, reason]).
fn place_limit(market: Market, side: Side, arguments: Arguments<'_, '_>) -> Fallible<Dynamic> {
    let last_is_reason = arguments.len() == 4 && arguments[3].is_string();
    let (flags_at, reason_at) = if last_is_reason {
        (usize::MAX, 3)
    } else {
        (3, 4)
    };
    let request = OrderRequest {
        market: market.0,
        side,
        qty: finite(&*arguments[1], "quantity")?,
        price: Some(finite(&*arguments[2], "price")?),
        flags: flags(arguments.get(flags_at))?,
        reason: reason(arguments.get(reason_at))?,
    };
    act(|desk| desk.place(&request))
}

/// Returns the flags of the argument, none where there is none.
fn flags(argument: Option<&&mut Dynamic>) -> Fallible<OrderFlags> {
    let Some(argument) = argument else {
        return Ok(OrderFlags::NONE);
    };
    let bits = integer(argument, "flags")?;
    let all = FLAGS.iter().fold(0, |all, (_, flag)| all | flag.0);
    match u8::try_from(bits) {
        Ok(bits) if bits & !all == 0 => Ok(OrderFlags(bits)),
        _ => Err(format!("{bits} is no combination of order flags").into()),
    }
}

/// Returns the reason of the argument, the empty one where there is none.
fn reason(argument: Option<&&mut Dynamic>) -> Fallible<Note> {
    argument.map_or(Ok(Note::EMPTY), |argument| {
        text(argument, "reason", Note::cut)
    })
}

/// Acts on the desk and returns the handle for the script.
fn act(place: impl FnOnce(&mut dyn Desk) -> OrderHandle) -> Fallible<Dynamic> {
    with_desk(place).map(|handle| Dynamic::from(Order(handle)))
}

fn register_ending(module: &mut Module) {
    live(module, "cancel", |_: &mut Market, order: Order| {
        with_desk(|desk| desk.cancel(order.0))
    });
    live(module, "cancel_all", |m: &mut Market| {
        with_desk(|desk| desk.cancel_all(m.0))
    });
    variadic(
        module,
        "flatten",
        Some(TypeId::of::<Market>()),
        0..=1,
        |arguments| {
            let market: Market = receiver(arguments)?;
            let reason = reason(arguments.get(1))?;
            act(|desk| desk.flatten(market.0, reason.as_str()))
        },
    );
}

fn register_sizes(module: &mut Module) {
    let market = Some(TypeId::of::<Market>());
    variadic(module, "qty_for", market, 1..=1, |arguments| {
        let market: Market = receiver(arguments)?;
        let notional = finite(&*arguments[1], "notional")?;
        with_desk(|desk| desk.qty_for(market.0, notional)).map(Dynamic::from_float)
    });
    variadic(module, "qty_at_risk", market, 2..=2, |arguments| {
        let market: Market = receiver(arguments)?;
        let share = finite(&*arguments[1], "share of the budget")?;
        let stop = finite(&*arguments[2], "stop price")?;
        with_desk(|desk| desk.qty_at_risk(market.0, share, stop)).map(Dynamic::from_float)
    });
}

fn register_handle(module: &mut Module) {
    pure(module, "no_order", || Order(OrderHandle::NONE));
    pure(module, "==", |a: Order, b: Order| a == b);
    pure(module, "!=", |a: Order, b: Order| a != b);
    property(module, "is_open", |order: &mut Order| {
        view(order).map(|view| view.is_open)
    });
    property(module, "is_denied", |order: &mut Order| {
        order.0.denied != GateCode::Ok
    });
    for name in ["reason", "reject_reason"] {
        property(module, name, |order: &mut Order| {
            view(order).map(|view| words(order, &view))
        });
    }
    property(module, "side", |order: &mut Order| {
        view(order).map(|view| view.side.sign())
    });
    property(module, "price", |order: &mut Order| {
        view(order).map(|view| view.price)
    });
    property(module, "qty", |order: &mut Order| {
        view(order).map(|view| view.qty)
    });
    property(module, "filled", |order: &mut Order| {
        view(order).map(|view| view.filled)
    });
    property(module, "age_ms", |order: &mut Order| {
        view(order).map(|view| view.age_ms)
    });
    property(
        module,
        "status",
        |order: &mut Order| -> Fallible<ImmutableString> {
            Ok(match view(order)?.status {
                Some(status) => status.as_str(),
                None if order.0.denied != GateCode::Ok => "denied",
                None => "none",
            }
            .into())
        },
    );
}

fn view(order: &Order) -> Fallible<OrderView> {
    with_desk(|desk| desk.order(order.0))
}

/// Returns the code that denied the order, else why it ended; empty where neither.
fn words(order: &Order, view: &OrderView) -> ImmutableString {
    match order.0.denied {
        GateCode::Ok => view.reason.as_str().into(),
        denied => denied.as_str().into(),
    }
}

/// Flags by their script names.
const FLAGS: [(&str, OrderFlags); 5] = [
    ("POST_ONLY", OrderFlags::POST_ONLY),
    ("IOC", OrderFlags::IOC),
    ("FOK", OrderFlags::FOK),
    ("GTC", OrderFlags::GTC),
    ("REDUCE_ONLY", OrderFlags::REDUCE_ONLY),
];

const _: () = assert!(size_of::<FLOAT>() == 8 && size_of::<INT>() == 8);
