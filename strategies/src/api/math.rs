//! Mathematics that gives the same bits on every platform: everything that is not exact by IEEE 754
//! comes from `libm` and takes the place of the language's own function of that name.

use super::pure;
use rhai::{FLOAT, INT, Module};

/// Registers the functions.
pub(crate) fn register(module: &mut Module) {
    for (name, function) in OF_ONE {
        pure(module, name, move |x: FLOAT| function(x));
        pure(module, name, move |x: INT| function(x as FLOAT));
    }
    for (name, function) in OF_TWO {
        pure(module, name, move |x: FLOAT, y: FLOAT| function(x, y));
        pure(module, name, move |x: INT, y: FLOAT| {
            function(x as FLOAT, y)
        });
        pure(module, name, move |x: FLOAT, y: INT| {
            function(x, y as FLOAT)
        });
        pure(module, name, move |x: INT, y: INT| {
            function(x as FLOAT, y as FLOAT)
        });
    }
    pure(module, "ceil", libm::ceil);
    for name in ["floor", "ceiling", "ceil", "round"] {
        pure(module, name, |x: INT| x);
    }
}

/// A function of one number.
type OfOne = fn(FLOAT) -> FLOAT;
/// A function of two numbers.
type OfTwo = fn(FLOAT, FLOAT) -> FLOAT;

/// Names and functions of one number. `log` is to base 10, as in Rhai.
const OF_ONE: [(&str, OfOne); 17] = [
    ("sqrt", libm::sqrt),
    ("exp", libm::exp),
    ("ln", libm::log),
    ("log", libm::log10),
    ("log2", libm::log2),
    ("sin", libm::sin),
    ("cos", libm::cos),
    ("tan", libm::tan),
    ("asin", libm::asin),
    ("acos", libm::acos),
    ("atan", libm::atan),
    ("sinh", libm::sinh),
    ("cosh", libm::cosh),
    ("tanh", libm::tanh),
    ("asinh", libm::asinh),
    ("acosh", libm::acosh),
    ("atanh", libm::atanh),
];

/// Names and functions of two numbers. `log(x, base)` and `atan(x, y)` as in Rhai.
const OF_TWO: [(&str, OfTwo); 4] = [
    ("pow", libm::pow),
    ("log", log_of_base),
    ("atan", libm::atan2),
    ("hypot", libm::hypot),
];

fn log_of_base(x: FLOAT, base: FLOAT) -> FLOAT {
    libm::log(x) / libm::log(base)
}
