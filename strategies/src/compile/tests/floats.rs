//! Float operators by their bits, and comparisons by Rhai's rule with its division.

use super::{Run, binary, evaluate, field, sets, unary};
use crate::compile::ir::{Binary, Comparison, Type, Unary};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const EDGES: [f64; 26] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    0.2,
    0.3,
    0.300_000_000_000_000_04,
    100.0,
    100.000_000_000_000_01,
    99.999_999_999_999_99,
    f64::EPSILON,
    -f64::EPSILON,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    1e-160,
    1.000_000_1e-160,
    -1e-170,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9.007_199_254_740_993e15,
    1.5e308,
];

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
];

/// Rhai's rule as it is written there.
fn oracle(comparison: Comparison, x: f64, y: f64) -> bool {
    let max = if x * y == 0.0 {
        1.0
    } else {
        x.abs().max(y.abs())
    };
    match comparison {
        Comparison::Equal => max == 0.0 || (x - y).abs() / max <= f64::EPSILON,
        Comparison::NotEqual => max != 0.0 && (x - y).abs() / max > f64::EPSILON,
        Comparison::Greater => max != 0.0 && (x - y) / max > f64::EPSILON,
        Comparison::GreaterEqual => max == 0.0 || (x - y) / max > -f64::EPSILON,
        Comparison::Less => max != 0.0 && (y - x) / max > f64::EPSILON,
        Comparison::LessEqual => max == 0.0 || (y - x) / max > -f64::EPSILON,
    }
}

fn comparison(comparison: Comparison) -> Run {
    let operator = Binary::CompareFloat(comparison);
    let value = binary(
        Type::Bool,
        operator,
        field(0, Type::Float),
        field(1, Type::Float),
    );
    Run::new(&sets(&[Type::Float, Type::Float, Type::Bool], value))
}

fn compare(one: Comparison, run: &mut Run, x: f64, y: f64) {
    let want = Ok(u64::from(oracle(one, x, y)));
    let found = evaluate(run, &[x.to_bits(), y.to_bits()]);
    assert_eq!(
        found,
        want,
        "{x:e} {one:?} {y:e} ({:x}, {:x})",
        x.to_bits(),
        y.to_bits()
    );
}

/// Floats of every exponent, edges, and neighbors of one another.
fn pairs() -> impl Strategy<Value = (f64, f64)> {
    let one = || {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            prop::sample::select(EDGES.to_vec()),
            -1e6..1e6_f64,
        ]
    };
    let near = (one(), -9_i64..10)
        .prop_map(|(x, steps)| (x, f64::from_bits(x.to_bits().wrapping_add_signed(steps))));
    let scaled = (one(), -9_i64..10)
        .prop_map(|(x, steps)| (x, x * (1.0 + steps as f64 * f64::EPSILON / 2.0)));
    prop_oneof![(one(), one()), near, scaled]
}

#[test]
fn comparisons_follow_the_rule_with_a_division() {
    let mut runs = COMPARISONS.map(|one| (one, comparison(one)));
    for (one, run) in &mut runs {
        for x in EDGES {
            for y in EDGES {
                compare(*one, run, x, y);
            }
        }
    }
    let mut runner = proptest::test_runner::TestRunner::default();
    for _ in 0..40_000 {
        let (x, y) = pairs().new_tree(&mut runner).expect("a case").current();
        for (one, run) in &mut runs {
            compare(*one, run, x, y);
        }
    }
}

#[test]
fn tenths_are_equal_as_rhai_has_them() {
    let mut run = comparison(Comparison::Equal);
    let sum = (0.1_f64 + 0.2).to_bits();
    assert_eq!(evaluate(&mut run, &[sum, 0.3_f64.to_bits()]), Ok(1));
    assert_ne!(sum, 0.3_f64.to_bits());
}

/// Returns the bits, those of any NaN as one: which NaN an operation gives is the processor's choice.
fn plain(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() {
        f64::NAN.to_bits()
    } else {
        bits
    }
}

#[test]
fn arithmetic_gives_the_bits_of_the_processor() {
    type Oracle = fn(f64, f64) -> f64;
    let operators: [(Binary, Oracle); 5] = [
        (Binary::AddFloat, |x, y| x + y),
        (Binary::SubtractFloat, |x, y| x - y),
        (Binary::MultiplyFloat, |x, y| x * y),
        (Binary::DivideFloat, |x, y| x / y),
        (Binary::ModuloFloat, |x, y| x % y),
    ];
    let mut runner = proptest::test_runner::TestRunner::default();
    for (operator, oracle) in operators {
        let value = binary(
            Type::Float,
            operator,
            field(0, Type::Float),
            field(1, Type::Float),
        );
        let mut run = Run::new(&sets(&[Type::Float; 3], value));
        let mut check = |x: f64, y: f64| {
            let found = evaluate(&mut run, &[x.to_bits(), y.to_bits()]).map(plain);
            assert_eq!(
                found,
                Ok(plain(oracle(x, y).to_bits())),
                "{x:e} {operator:?} {y:e}"
            );
        };
        for x in EDGES {
            for y in EDGES {
                check(x, y);
            }
        }
        for _ in 0..4_000 {
            let (x, y) = pairs().new_tree(&mut runner).expect("a case").current();
            check(x, y);
        }
    }
}

#[test]
fn signs_turn_and_integers_become_the_nearest_float() {
    let negate = unary(Type::Float, Unary::NegateFloat, field(0, Type::Float));
    let mut run = Run::new(&sets(&[Type::Float; 2], negate));
    for x in EDGES {
        assert_eq!(
            evaluate(&mut run, &[x.to_bits()]),
            Ok((-x).to_bits()),
            "-{x:e}"
        );
    }
    let convert = unary(Type::Float, Unary::ToFloat, field(0, Type::Int));
    let mut run = Run::new(&sets(&[Type::Int, Type::Float], convert));
    for x in [i64::MIN, -1, 0, 1, (1 << 53) + 1, (1 << 60) + 65, i64::MAX] {
        assert_eq!(
            evaluate(&mut run, &[x as u64]),
            Ok((x as f64).to_bits()),
            "{x}"
        );
    }
}
