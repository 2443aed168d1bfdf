//! What scripts may call, beside the language's own packages: tables of definitions, made once.
//!
//! Read by the sandbox, which registers them with the interpreter, by the checker, by the compiler and by
//! the test that keeps `strategies/API.md`. Functions reach the engine through the desk of the running call
//! and hold no state of their own. Numbers may be integers where floats are meant.

#[macro_use]
mod define;

pub(crate) mod crossing;
pub(crate) mod definition;
pub(crate) mod event;
pub(crate) mod held;
pub(crate) mod indicator;
pub(crate) mod market;
pub(crate) mod math;
pub(crate) mod number;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod reference;
mod registration;
pub(crate) mod words;

pub(crate) use definition::Definition;

use crate::token::copied;
use claire_types::{OrderFlags, Side};
use rhai::{Dynamic, EvalAltResult, FLOAT, INT, Module, Variant};
use std::sync::OnceLock;

/// What a script function returns: a value or a script error.
pub(crate) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The values that a script gave a function, the receiver first.
pub(crate) type Values<'a, 'b> = &'a mut [&'b mut Dynamic];

/// Returns every function and property of the interface, in the order of the reference.
pub(crate) fn definitions() -> &'static [Definition] {
    static DEFINITIONS: OnceLock<Vec<Definition>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let mut all = Vec::new();
        all.extend(market::definitions());
        all.extend(event::definitions());
        all.extend(order::definitions());
        all.extend(indicator::definitions());
        all.extend(words::definitions());
        all.extend(math::definitions());
        all.extend(number::definitions());
        all
    })
}

/// Returns the module of all of Claire's functions and constants.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    registration::register(&mut module, definitions());
    for (name, value, _) in constants() {
        module.set_var(name, value);
    }
    module
}

/// Returns the constants: name, value, and what it means.
pub(crate) fn constants() -> impl Iterator<Item = (&'static str, INT, &'static str)> {
    let sides = [
        ("BUY", Side::Buy.sign(), "The side of buyers."),
        ("SELL", Side::Sell.sign(), "The side of sellers."),
    ];
    let flags = order::FLAGS
        .into_iter()
        .map(|(name, flag, help)| (name, INT::from(flag.0), help));
    let regimes = (0..)
        .zip(REGIMES)
        .map(|(value, (name, help))| (name, value, help));
    sides.into_iter().chain(flags).chain(regimes)
}

/// Regimes by their number.
const REGIMES: [(&str, &str); 4] = [
    ("UNKNOWN", "`m.regime`: not enough is known."),
    ("TREND", "`m.regime`: the price goes one way."),
    ("RANGE", "`m.regime`: the price goes to and fro."),
    ("HIGH_VOL", "`m.regime`: the price moves more than usual."),
];

/// Returns the receiver of a method.
pub(crate) fn receiver<T: Variant + Copy>(values: &[&mut Dynamic]) -> Fallible<T> {
    let found = values.first().and_then(|first| copied(first));
    found.ok_or_else(|| "a method without its object".into())
}

/// Returns a type's name as scripts know it.
fn plain(type_name: &str) -> &str {
    match type_name.rsplit("::").next() {
        Some("f64") => "float",
        Some("i64") => "integer",
        Some(name) => name,
        None => type_name,
    }
}

const _: () = assert!(size_of::<FLOAT>() == 8 && size_of::<INT>() == 8);
const _: () = assert!(size_of::<OrderFlags>() == 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::ir::Type;
    use definition::{Effect, Form};

    #[test]
    fn every_definition_says_what_it_is_and_has_its_code() {
        for of in definitions() {
            let name = of.name;
            assert!(
                of.help.ends_with(['.', '`']) && of.help.len() > 5,
                "{name}: {}",
                of.help
            );
            let is_read_in_place = of.place.is_some();
            let is_for_init = of.effect == Effect::Declares;
            let is_called = of.shim.is_some();
            let codes = [is_read_in_place, is_for_init, is_called];
            assert_eq!(
                codes.iter().filter(|has| **has).count(),
                1,
                "{name}: {codes:?}"
            );
            let first_default = of.arguments.iter().position(|of| of.default.is_some());
            let after = of
                .arguments
                .iter()
                .skip(first_default.unwrap_or(usize::MAX));
            assert!(after.clone().all(|of| of.default.is_some()), "{name}");
        }
    }

    /// Returns what the first definition gives that a call or a property is of.
    fn found(name: &str, is_property: bool, given: &[Type]) -> Option<Type> {
        let mut all = definitions().iter();
        let is_one = |of: &&Definition| {
            of.name == name && (of.form == Form::Property) == is_property && of.fits(given)
        };
        all.find(is_one).map(|of| of.returns)
    }

    #[test]
    fn a_call_finds_its_definition_by_name_and_types() {
        use Type::{Bars, Float, Indicator, Int, Market, Text};
        let cases: [(&str, &[Type], Option<Type>); 12] = [
            ("abs", &[Int], Some(Int)),
            ("abs", &[Float], Some(Float)),
            ("min", &[Int, Int], Some(Int)),
            ("min", &[Int, Float], Some(Float)),
            ("round", &[Int], Some(Int)),
            ("sqrt", &[Int], Some(Float)),
            ("is_nan", &[Int], None),
            ("ema", &[Bars, Int], Some(Indicator)),
            ("ema", &[Market, Int, Text], Some(Indicator)),
            ("bid", &[Market, Int], Some(Float)),
            ("buy_limit", &[Market, Int, Float, Text], Some(Type::Order)),
            ("buy_limit", &[Market, Int, Text], None),
        ];
        for (name, given, want) in cases {
            assert_eq!(found(name, false, given), want, "{name} {given:?}");
        }
        assert_eq!(found("bid", true, &[Market]), Some(Float));
        assert_eq!(found("floor", true, &[Float]), Some(Float));
        assert_eq!(found("floor", true, &[Int]), None);
        assert_eq!(found("bidd", true, &[Market]), None);
    }
}
