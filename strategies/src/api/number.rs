//! Functions of numbers that the language's own packages have: defined here for compiled code and the
//! reference, never registered. Each gives the package's bits; a test compares them.

use super::definition::{Form, Interpreted};
use super::{Definition, Fallible};

/// Returns the definitions; what is a property of numbers too is there in both forms.
pub(super) fn definitions() -> Vec<Definition> {
    let packaged = |definition| Definition {
        interpreted: Interpreted::Package,
        ..definition
    };
    before_marking().into_iter().map(packaged).collect()
}

/// Returns the definitions with code for the interpreter, which only the test calls.
fn before_marking() -> Vec<Definition> {
    let mut all = [of_integers(), of_floats(), conversions()].concat();
    all.extend(with_properties(whole_numbers()));
    all.extend(with_properties(questions()));
    all
}

/// Returns the functions, each followed by the property of its name.
fn with_properties(functions: Vec<Definition>) -> impl Iterator<Item = Definition> {
    functions.into_iter().flat_map(|function| {
        let property = Definition {
            form: Form::Property,
            ..function
        };
        [function, property]
    })
}

fn of_integers() -> Vec<Definition> {
    define! { Mathematics;
        /// Magnitude; an error of the least integer, which has none.
        pure function abs(x: i64) -> Fallible<i64> = abs_of_integer;
        /// -1, 0 or 1, as the number is below, at or above zero; an error of NaN.
        pure function sign(x: i64) -> i64 = sign_of_integer;
        /// The lesser, a float where one is; the second where they cannot be compared.
        pure function min(x: i64, y: i64) -> i64 = min_of_integers;
        /// The greater, a float where one is; the second where they cannot be compared.
        pure function max(x: i64, y: i64) -> i64 = max_of_integers;
    }
}

fn of_floats() -> Vec<Definition> {
    define! { Mathematics;
        /// Magnitude.
        pure function abs(x: f64) -> f64 = abs_of_float;
        /// -1, 0 or 1, as the number is below, at or above zero; an error of NaN.
        pure function sign(x: f64) -> Fallible<i64> = sign_of_float;
        /// The lesser, a float where one is; the second where they cannot be compared.
        pure function min(x: f64, y: f64) -> f64 = min_of_floats;
        /// The lesser, a float where one is; the second where they cannot be compared.
        pure function min(x: i64, y: f64) -> f64 = min_of_integer_and_float;
        /// The lesser, a float where one is; the second where they cannot be compared.
        pure function min(x: f64, y: i64) -> f64 = min_of_float_and_integer;
        /// The greater, a float where one is; the second where they cannot be compared.
        pure function max(x: f64, y: f64) -> f64 = max_of_floats;
        /// The greater, a float where one is; the second where they cannot be compared.
        pure function max(x: i64, y: f64) -> f64 = max_of_integer_and_float;
        /// The greater, a float where one is; the second where they cannot be compared.
        pure function max(x: f64, y: i64) -> f64 = max_of_float_and_integer;
    }
}

fn conversions() -> Vec<Definition> {
    define! { Mathematics;
        /// The whole part as an integer; 0 of NaN, an error beyond the integers.
        pure function to_int(x: i64) -> i64 = integer;
        /// The whole part as an integer; 0 of NaN, an error beyond the integers.
        pure function to_int(x: f64) -> Fallible<i64> = integer_of_float;
        /// The number as a float.
        pure function to_float(x: i64) -> f64 = float_of_integer;
        /// The number as a float.
        pure function to_float(x: f64) -> f64 = float;
        /// Degrees of an angle in radians.
        pure function to_degrees(x: f64) -> f64 = degrees;
        /// Radians of an angle in degrees.
        pure function to_radians(x: f64) -> f64 = radians;
        /// The number e.
        pure function E() -> f64 = e;
        /// The number pi.
        pure function PI() -> f64 = pi;
    }
}

fn whole_numbers() -> Vec<Definition> {
    define! { Mathematics;
        /// Greatest whole number that is not above `x`.
        pure function floor(x: f64) -> f64 = floor;
        /// Least whole number that is not below `x`.
        pure function ceiling(x: f64) -> f64 = ceiling;
        /// Nearest whole number, halves away from zero.
        pure function round(x: f64) -> f64 = round;
        /// Whole part.
        pure function int(x: f64) -> f64 = whole;
        /// What `int` leaves.
        pure function fraction(x: f64) -> f64 = fraction;
    }
}

fn questions() -> Vec<Definition> {
    define! { Mathematics;
        /// Whether it is zero.
        pure function is_zero(x: i64) -> bool = is_zero_integer;
        /// Whether it is zero.
        pure function is_zero(x: f64) -> bool = is_zero_float;
        /// Whether it is odd.
        pure function is_odd(x: i64) -> bool = is_odd;
        /// Whether it is even.
        pure function is_even(x: i64) -> bool = is_even;
        /// Whether it is NaN.
        pure function is_nan(x: f64) -> bool = is_nan;
        /// Whether it is neither NaN nor infinite.
        pure function is_finite(x: f64) -> bool = is_finite;
        /// Whether it is infinite.
        pure function is_infinite(x: f64) -> bool = is_infinite;
    }
}

fn abs_of_integer(x: i64) -> Fallible<i64> {
    x.checked_abs()
        .ok_or_else(|| format!("Negation overflow: -{x}").into())
}

fn sign_of_integer(x: i64) -> i64 {
    x.signum()
}

fn min_of_integers(x: i64, y: i64) -> i64 {
    x.min(y)
}

fn max_of_integers(x: i64, y: i64) -> i64 {
    x.max(y)
}

fn abs_of_float(x: f64) -> f64 {
    x.abs()
}

fn sign_of_float(x: f64) -> Fallible<i64> {
    if x == 0.0 {
        Ok(0)
    } else if x.is_nan() {
        Err("Sign of NaN is undefined".into())
    } else {
        Ok(x.signum() as i64)
    }
}

/// Not `f64::min`, which looks past NaN and leaves the zeros' order open.
fn min_of_floats(x: f64, y: f64) -> f64 {
    if x <= y { x } else { y }
}

fn max_of_floats(x: f64, y: f64) -> f64 {
    if x >= y { x } else { y }
}

fn min_of_integer_and_float(x: i64, y: f64) -> f64 {
    min_of_floats(x as f64, y)
}

fn min_of_float_and_integer(x: f64, y: i64) -> f64 {
    min_of_floats(x, y as f64)
}

fn max_of_integer_and_float(x: i64, y: f64) -> f64 {
    max_of_floats(x as f64, y)
}

fn max_of_float_and_integer(x: f64, y: i64) -> f64 {
    max_of_floats(x, y as f64)
}

fn integer(x: i64) -> i64 {
    x
}

fn integer_of_float(x: f64) -> Fallible<i64> {
    if x > i64::MAX as f64 || x < i64::MIN as f64 {
        return Err(format!("Integer overflow: to_int({x})").into());
    }
    Ok(x.trunc() as i64)
}

fn float_of_integer(x: i64) -> f64 {
    x as f64
}

fn float(x: f64) -> f64 {
    x
}

fn degrees(x: f64) -> f64 {
    x.to_degrees()
}

fn radians(x: f64) -> f64 {
    x.to_radians()
}

fn e() -> f64 {
    std::f64::consts::E
}

fn pi() -> f64 {
    std::f64::consts::PI
}

fn floor(x: f64) -> f64 {
    x.floor()
}

fn ceiling(x: f64) -> f64 {
    x.ceil()
}

fn round(x: f64) -> f64 {
    x.round()
}

fn whole(x: f64) -> f64 {
    x.trunc()
}

fn fraction(x: f64) -> f64 {
    x.fract()
}

fn is_zero_integer(x: i64) -> bool {
    x == 0
}

fn is_zero_float(x: f64) -> bool {
    x == 0.0
}

fn is_odd(x: i64) -> bool {
    x % 2 != 0
}

fn is_even(x: i64) -> bool {
    x % 2 == 0
}

fn is_nan(x: f64) -> bool {
    x.is_nan()
}

fn is_finite(x: f64) -> bool {
    x.is_finite()
}

fn is_infinite(x: f64) -> bool {
    x.is_infinite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::ir::Type;
    use crate::{Limits, sandbox};
    use rhai::{Dynamic, Scope};

    const INTEGERS: [i64; 9] = [0, 1, -1, 2, -3, 7, i64::MAX, i64::MIN, i64::MIN + 1];
    const FLOATS: [f64; 22] = [
        0.0,
        -0.0,
        0.1,
        0.5,
        -0.5,
        1.0,
        1.5,
        -1.5,
        2.5,
        -2.5,
        0.49999999999999994,
        1e-320,
        1e15,
        4_503_599_627_370_497.5,
        9_223_372_036_854_775_807.0,
        -9_223_372_036_854_775_808.0,
        9.3e18,
        -9.3e18,
        1e300,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];

    /// The values of a type that are worth a look.
    fn edges(of: Type) -> Vec<Dynamic> {
        match of {
            Type::Int => INTEGERS.map(Dynamic::from).to_vec(),
            Type::Float => FLOATS.map(Dynamic::from).to_vec(),
            other => panic!("no function of numbers takes {other:?}"),
        }
    }

    /// A result by type and bits; errors are alike.
    fn told(result: Fallible<Dynamic>) -> Option<(String, u64)> {
        let value = result.ok()?;
        let bits = match (value.as_float(), value.as_int(), value.as_bool()) {
            (Ok(float), ..) if float.is_nan() => 1,
            (Ok(float), ..) => float.to_bits(),
            (_, Ok(integer), _) => integer as u64,
            (.., Ok(truth)) => u64::from(truth),
            _ => panic!("{value} is no number"),
        };
        Some((value.type_name().to_owned(), bits))
    }

    #[test]
    fn each_gives_what_the_languages_own_function_gives() {
        let engine = sandbox::engine(&Limits::default());
        let mut compared = 0;
        for definition in before_marking() {
            let Interpreted::Own(ours) = definition.interpreted else {
                panic!("{} is marked already", definition.name);
            };
            let types: Vec<Type> = definition.arguments.iter().map(|of| of.of).collect();
            let call = match (definition.form, types.len()) {
                (Form::Property, _) => format!("x.{}", definition.name),
                (_, 0) => format!("{}()", definition.name),
                (_, 1) => format!("{}(x)", definition.name),
                _ => format!("{}(x, y)", definition.name),
            };
            let ast = engine.compile(&call).expect("a call");
            let firsts = types.first().map_or(vec![Dynamic::UNIT], |of| edges(*of));
            let seconds = types.get(1).map_or(vec![Dynamic::UNIT], |of| edges(*of));
            for (x, y) in firsts
                .iter()
                .flat_map(|x| seconds.iter().map(move |y| (x, y)))
            {
                let mut scope = Scope::new();
                scope.push_dynamic("x", x.clone());
                scope.push_dynamic("y", y.clone());
                let theirs = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &ast);
                let (mut x_given, mut y_given) = (x.clone(), y.clone());
                let mut given = [&mut x_given, &mut y_given];
                let values = &mut given[..types.len()];
                assert_eq!(
                    told(ours(&definition, values)),
                    told(theirs),
                    "{call} of {x}, {y}"
                );
                compared += 1;
            }
        }
        assert!(compared > 1_500, "{compared}");
    }
}
