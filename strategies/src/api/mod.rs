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
pub(crate) mod indicator;
pub(crate) mod market;
pub(crate) mod math;
pub(crate) mod number;
pub(crate) mod order;
pub(crate) mod place;
mod registration;
pub(crate) mod words;

pub(crate) use definition::Definition;

use crate::compile::ir::Type;
use claire_types::{OrderFlags, Side};
use definition::Form;
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

/// Returns the definition that a call with values of these types is of, the receiver of a method being the first.
pub(crate) fn called(name: &str, given: &[Type]) -> Option<&'static Definition> {
    let mut all = definitions().iter();
    all.find(|of| of.form != Form::Property && of.name == name && of.fits(given))
}

/// Returns the definition of a property of a value of this type.
pub(crate) fn property(name: &str, of: Type) -> Option<&'static Definition> {
    let mut all = definitions().iter();
    all.find(|found| found.form == Form::Property && found.name == name && found.fits(&[of]))
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
    let found = values
        .first()
        .and_then(|first| first.read_lock::<T>().map(|value| *value));
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
