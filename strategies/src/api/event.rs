//! What handlers are given: trades, bars, fills. Copies, so they keep their values when stored.

use super::{property, pure};
use crate::token::{Bar, Bars, Fill, Order, Trade};
use rhai::{ImmutableString, Module};

/// Registers the events' fields as properties.
pub(crate) fn register(module: &mut Module) {
    module.set_custom_type::<Trade>("Trade");
    module.set_custom_type::<Bar>("Bar");
    module.set_custom_type::<Fill>("Fill");
    register_trade(module);
    register_bar(module);
    register_fill(module);
}

/// Registers plain fields of a token as properties of their names.
macro_rules! fields {
    ($module:ident, $token:ident: $($field:ident)+) => {$(
        property($module, stringify!($field), |of: &mut $token| of.0.$field);
    )+};
}

fn register_trade(module: &mut Module) {
    fields!(module, Trade: price qty);
    property(module, "side", |of: &mut Trade| of.0.side.sign());
    property(module, "time", |of: &mut Trade| of.0.time.0);
}

fn register_bar(module: &mut Module) {
    fields!(module, Bar: interval_ms open high low close volume);
    property(module, "open_time", |of: &mut Bar| of.0.open_time.0);
    property(module, "bars", |of: &mut Bar| Bars(of.0.bars));
    pure(module, "==", |a: Bars, b: Bars| a == b);
    pure(module, "!=", |a: Bars, b: Bars| a != b);
}

fn register_fill(module: &mut Module) {
    fields!(module, Fill: price qty fee is_maker opens closes realized queue_ahead);
    property(module, "side", |of: &mut Fill| of.0.side.sign());
    property(module, "fee_currency", |of: &mut Fill| {
        ImmutableString::from(of.0.fee_currency.as_str())
    });
    property(module, "order", |of: &mut Fill| Order(of.0.order));
}
