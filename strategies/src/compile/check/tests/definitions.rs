//! A small interface for tests: what the scripts at hand use.

use crate::api::Definition;
use crate::api::definition::{Argument, Default, Effect, Form, Shim};
use crate::compile::ir::Type;

const fn needed(of: Type) -> Argument {
    Argument {
        name: "value",
        of,
        default: None,
    }
}

const fn optional(of: Type, default: Default) -> Argument {
    Argument {
        name: "value",
        of,
        default: Some(default),
    }
}

const fn definition(
    name: &'static str,
    form: Form,
    arguments: &'static [Argument],
    returns: Type,
    effect: Effect,
) -> Definition {
    Definition {
        name,
        form,
        arguments,
        takes_more: false,
        returns,
        effect,
        help: "",
        shim: Some(Shim {
            address: 0,
            is_fallible: true,
        }),
    }
}

const M: Argument = needed(Type::Market);
const INT: Argument = needed(Type::Int);
const FLOAT: Argument = needed(Type::Float);
const TEXT: Argument = needed(Type::Text);
const ORDER: Argument = needed(Type::Order);
const LINE: Argument = needed(Type::Indicator);
const BARS: Argument = needed(Type::Bars);
const FLAGS: Argument = optional(Type::Int, Default::Int(0));
const REASON: Argument = optional(Type::Text, Default::EmptyText);
const TAKE: Argument = optional(Type::Float, Default::Float(0.0));

const fn pure(name: &'static str, arguments: &'static [Argument], returns: Type) -> Definition {
    definition(name, Form::Function, arguments, returns, Effect::Pure)
}

const fn reads(name: &'static str, arguments: &'static [Argument], returns: Type) -> Definition {
    definition(name, Form::Method, arguments, returns, Effect::Reads)
}

const fn acts(name: &'static str, arguments: &'static [Argument], returns: Type) -> Definition {
    definition(name, Form::Method, arguments, returns, Effect::Acts)
}

const fn declares(name: &'static str, arguments: &'static [Argument], returns: Type) -> Definition {
    definition(name, Form::Method, arguments, returns, Effect::Declares)
}

const fn property(name: &'static str, arguments: &'static [Argument], returns: Type) -> Definition {
    definition(name, Form::Property, arguments, returns, Effect::Reads)
}

const fn many(name: &'static str, arguments: &'static [Argument]) -> Definition {
    let mut of = acts(name, arguments, Type::Unit);
    of.takes_more = true;
    of
}

const fn interpreted(name: &'static str, arguments: &'static [Argument]) -> Definition {
    let mut of = acts(name, arguments, Type::Unit);
    of.shim = None;
    of
}

/// The interface.
pub(super) static DEFINITIONS: [Definition; 61] = [
    pure("sqrt", &[FLOAT], Type::Float),
    pure("exp", &[FLOAT], Type::Float),
    pure("ln", &[FLOAT], Type::Float),
    pure("pow", &[FLOAT, FLOAT], Type::Float),
    pure("no_order", &[], Type::Order),
    reads("market", &[TEXT], Type::Market),
    reads("bid", &[M, INT], Type::Float),
    reads("ask", &[M, INT], Type::Float),
    reads("bid_qty", &[M, INT], Type::Float),
    reads("imbalance", &[M, INT], Type::Float),
    reads("qty_for", &[M, FLOAT], Type::Float),
    reads("qty_at_risk", &[M, FLOAT, FLOAT], Type::Float),
    acts("buy", &[M, FLOAT, REASON], Type::Order),
    acts("sell", &[M, FLOAT, REASON], Type::Order),
    acts("buy_limit", &[M, FLOAT, FLOAT, FLAGS, REASON], Type::Order),
    acts("sell_limit", &[M, FLOAT, FLOAT, FLAGS, REASON], Type::Order),
    acts("buy_limit", &[M, FLOAT, FLOAT, TEXT], Type::Order),
    acts("target_position", &[M, FLOAT, REASON], Type::Order),
    acts("cancel", &[M, ORDER], Type::Unit),
    acts("cancel_all", &[M], Type::Unit),
    acts("flatten", &[M, REASON], Type::Order),
    acts("protect", &[M, FLOAT, TAKE], Type::Unit),
    acts("quote", &[M, INT, FLOAT, FLOAT, INT], Type::Unit),
    acts("every", &[M, INT, TEXT], Type::Unit),
    acts("after", &[M, INT, TEXT], Type::Unit),
    acts("stop_timer", &[M, TEXT], Type::Unit),
    acts("signal", &[INT, FLOAT, TEXT], Type::Unit),
    acts("plot", &[TEXT, FLOAT], Type::Unit),
    acts("plot", &[TEXT, TEXT, FLOAT], Type::Unit),
    many("note", &[TEXT]),
    many("alert", &[TEXT, TEXT]),
    interpreted("secret", &[INT]),
    reads("crossed_up", &[LINE, LINE], Type::Bool),
    reads("crossed_down", &[LINE, LINE], Type::Bool),
    reads("crossed_up", &[LINE, FLOAT], Type::Bool),
    reads("crossed_down", &[LINE, FLOAT], Type::Bool),
    property("value", &[LINE], Type::Float),
    property("prev", &[LINE], Type::Float),
    property("is_warm", &[LINE], Type::Bool),
    property("upper", &[LINE], Type::Float),
    property("lower", &[LINE], Type::Float),
    property("upper_prev", &[LINE], Type::Float),
    property("lower_prev", &[LINE], Type::Float),
    property("is_open", &[ORDER], Type::Bool),
    property("is_denied", &[ORDER], Type::Bool),
    property("reason", &[ORDER], Type::Text),
    property("status", &[ORDER], Type::Text),
    property("price", &[ORDER], Type::Float),
    property("qty", &[ORDER], Type::Float),
    property("age_ms", &[ORDER], Type::Int),
    property("side", &[ORDER], Type::Int),
    property("order", &[needed(Type::Fill)], Type::Order),
    property("fee_currency", &[needed(Type::Fill)], Type::Text),
    property("bars", &[needed(Type::Bar)], Type::Bars),
    declares("bars", &[M, TEXT], Type::Bars),
    declares("ema", &[BARS, FLOAT], Type::Indicator),
    declares("atr", &[BARS, FLOAT], Type::Indicator),
    declares("donchian", &[BARS, FLOAT], Type::Indicator),
    declares("zscore", &[BARS, FLOAT], Type::Indicator),
    declares("mid_vol", &[M, FLOAT], Type::Indicator),
    pure("log", &[FLOAT, FLOAT], Type::Float),
];
