//! Mathematics that gives the same bits on every platform: everything that is not exact by IEEE 754
//! comes from `libm` and takes the place of the language's own function of that name.

use super::Definition;

/// Returns the definitions of the functions.
pub(super) fn definitions() -> Vec<Definition> {
    [powers(), angles(), hyperbolic(), whole()].concat()
}

fn powers() -> Vec<Definition> {
    define! { Mathematics;
        /// Square root; NaN below zero.
        pure function sqrt(x: f64) -> f64 = libm::sqrt;
        /// `x` to the power of `y`. Write this, not `**`, for floats.
        pure function pow(x: f64, y: f64) -> f64 = libm::pow;
        /// e to the power of `x`.
        pure function exp(x: f64) -> f64 = libm::exp;
        /// Natural logarithm.
        pure function ln(x: f64) -> f64 = libm::log;
        /// Logarithm to base 10.
        pure function log(x: f64) -> f64 = libm::log10;
        /// Logarithm to a base.
        pure function log(x: f64, base: f64) -> f64 = log_of_base;
        /// Logarithm to base 2.
        pure function log2(x: f64) -> f64 = libm::log2;
        /// Length of the hypotenuse over `x` and `y`.
        pure function hypot(x: f64, y: f64) -> f64 = libm::hypot;
    }
}

fn angles() -> Vec<Definition> {
    define! { Mathematics;
        /// Sine of an angle in radians.
        pure function sin(x: f64) -> f64 = libm::sin;
        /// Cosine of an angle in radians.
        pure function cos(x: f64) -> f64 = libm::cos;
        /// Tangent of an angle in radians.
        pure function tan(x: f64) -> f64 = libm::tan;
        /// Angle whose sine is `x`, radians.
        pure function asin(x: f64) -> f64 = libm::asin;
        /// Angle whose cosine is `x`, radians.
        pure function acos(x: f64) -> f64 = libm::acos;
        /// Angle whose tangent is `x`, radians.
        pure function atan(x: f64) -> f64 = libm::atan;
        /// Angle whose tangent is `x` / `y`, radians, in the quadrant of both.
        pure function atan(x: f64, y: f64) -> f64 = libm::atan2;
    }
}

fn hyperbolic() -> Vec<Definition> {
    define! { Mathematics;
        /// Hyperbolic sine.
        pure function sinh(x: f64) -> f64 = libm::sinh;
        /// Hyperbolic cosine.
        pure function cosh(x: f64) -> f64 = libm::cosh;
        /// Hyperbolic tangent, -1 to 1.
        pure function tanh(x: f64) -> f64 = libm::tanh;
        /// Inverse of `sinh`.
        pure function asinh(x: f64) -> f64 = libm::asinh;
        /// Inverse of `cosh`.
        pure function acosh(x: f64) -> f64 = libm::acosh;
        /// Inverse of `tanh`.
        pure function atanh(x: f64) -> f64 = libm::atanh;
    }
}

/// Of integers these are the integers: the language has them of floats only. `ceil` is its `ceiling`.
fn whole() -> Vec<Definition> {
    define! { Mathematics;
        /// Greatest whole number that is not above `x`.
        pure function floor(x: i64) -> i64 = itself;
        /// Least whole number that is not below `x`.
        pure function ceil(x: i64) -> i64 = itself;
        /// Least whole number that is not below `x`.
        pure function ceil(x: f64) -> f64 = libm::ceil;
        /// The same as `ceil`.
        pure function ceiling(x: i64) -> i64 = itself;
        /// Nearest whole number, halves away from zero.
        pure function round(x: i64) -> i64 = itself;
    }
}

fn log_of_base(x: f64, base: f64) -> f64 {
    libm::log(x) / libm::log(base)
}

fn itself(x: i64) -> i64 {
    x
}
