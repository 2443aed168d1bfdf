//! Float operators by their bits, and comparisons by Rhai's rule with its division.

use super::{Run, binary, evaluate, field, float, sets, unary};
use crate::compile::context::Exit;
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
fn comparisons_with_a_number_follow_the_rule_with_a_division() {
    let mut numbers = EDGES.to_vec();
    numbers.extend([0.4, -0.4, 2.0, -2.0, 1.0_f64.next_up(), 1.0_f64.next_down()]);
    numbers.extend([2.0_f64.next_down().next_down(), 20.0, 1e-4, -3.0e-12]);
    numbers.extend([9.1e-13, 9.094_947e-13, 1.1e301, -1.0e301, 4.0_f64.next_up()]);
    let mut runner = proptest::test_runner::TestRunner::default();
    let any = proptest::num::f64::NORMAL;
    let made = (0..40).map(|_| any.new_tree(&mut runner).expect("a case").current());
    numbers.extend(made.collect::<Vec<_>>());
    for number in numbers {
        let near =
            (-12_i64..=12).map(|steps| f64::from_bits(number.to_bits().wrapping_add_signed(steps)));
        let others: Vec<f64> = EDGES
            .into_iter()
            .chain(near.clone())
            .chain(near.map(|x| -x))
            .collect();
        for one in COMPARISONS {
            let operator = Binary::CompareFloat(one);
            let value = |is_first: bool| {
                let (x, c) = (field(0, Type::Float), float(number));
                let (a, b) = if is_first { (c, x) } else { (x, c) };
                Run::new(&sets(
                    &[Type::Float, Type::Bool],
                    binary(Type::Bool, operator, a, b),
                ))
            };
            let (mut second, mut first) = (value(false), value(true));
            for x in &others {
                let found = [&mut second, &mut first].map(|run| evaluate(run, &[x.to_bits()]));
                let want = [oracle(one, *x, number), oracle(one, number, *x)];
                let want = want.map(|is| Ok(u64::from(is)));
                assert_eq!(found, want, "{x:e} {one:?} {number:e}");
            }
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

#[test]
fn functions_of_one_float_give_the_same_bits() {
    type Oracle = fn(f64) -> f64;
    let functions: [(Unary, Oracle); 6] = [
        (Unary::AbsFloat, f64::abs),
        (Unary::Floor, f64::floor),
        (Unary::Ceiling, f64::ceil),
        (Unary::Round, f64::round),
        (Unary::Truncate, f64::trunc),
        (Unary::Fraction, f64::fract),
    ];
    let mut runner = proptest::test_runner::TestRunner::default();
    let halves = (-9_i64..9).map(|half| half as f64 / 2.0);
    let near_half = [
        0.499_999_999_999_999_94,
        -0.499_999_999_999_999_94,
        4_503_599_627_370_495.5,
    ];
    for (function, oracle) in functions {
        let value = unary(Type::Float, function, field(0, Type::Float));
        let mut run = Run::new(&sets(&[Type::Float; 2], value));
        let random = (0..4_000).map(|_| pairs().new_tree(&mut runner).expect("a case").current().0);
        for x in halves.clone().chain(EDGES).chain(near_half).chain(random) {
            let found = evaluate(&mut run, &[x.to_bits()]).map(plain);
            assert_eq!(found, Ok(plain(oracle(x).to_bits())), "{function:?} {x:e}");
        }
    }
}

#[test]
fn kinds_of_floats_are_told_apart() {
    type Oracle = fn(f64) -> bool;
    let functions: [(Unary, Oracle); 4] = [
        (Unary::IsNan, f64::is_nan),
        (Unary::IsFinite, f64::is_finite),
        (Unary::IsInfinite, f64::is_infinite),
        (Unary::IsZero, |x| x == 0.0),
    ];
    for (function, oracle) in functions {
        let value = unary(Type::Bool, function, field(0, Type::Float));
        let mut run = Run::new(&sets(&[Type::Float, Type::Bool], value));
        for x in EDGES {
            let want = Ok(u64::from(oracle(x)));
            assert_eq!(
                evaluate(&mut run, &[x.to_bits()]),
                want,
                "{function:?} {x:e}"
            );
        }
    }
}

#[test]
fn a_float_becomes_an_integer_or_a_sign_where_rhai_has_one() {
    let run = |function| {
        let value = unary(Type::Int, function, field(0, Type::Float));
        Run::new(&sets(&[Type::Float, Type::Int], value))
    };
    let (mut to_int, mut sign) = (run(Unary::ToInt), run(Unary::SignFloat));
    let (above, below) = (9.223_372_036_854_778e18, -9.223_372_036_854_778e18);
    for x in EDGES
        .into_iter()
        .chain([2.9, -2.9, i64::MAX as f64, i64::MIN as f64, above, below])
    {
        let is_beyond = x > i64::MAX as f64 || x < i64::MIN as f64;
        let want = if is_beyond {
            Err(Exit::Side)
        } else {
            Ok(x.trunc() as i64 as u64)
        };
        assert_eq!(evaluate(&mut to_int, &[x.to_bits()]), want, "{x:e}");
        let want = match x {
            _ if x.is_nan() => Err(Exit::Side),
            _ if x == 0.0 => Ok(0),
            _ => Ok(x.signum() as i64 as u64),
        };
        assert_eq!(evaluate(&mut sign, &[x.to_bits()]), want, "{x:e}");
    }
}

#[test]
fn exact_comparisons_and_choices_have_no_epsilon() {
    let run = |is, operator| {
        let value = binary(is, operator, field(0, Type::Float), field(1, Type::Float));
        Run::new(&sets(&[Type::Float, Type::Float, is], value))
    };
    let mut runner = proptest::test_runner::TestRunner::default();
    let edges = EDGES.into_iter().flat_map(|x| EDGES.map(|y| (x, y)));
    let random = (0..2_000).map(|_| pairs().new_tree(&mut runner).expect("a case").current());
    let cases: Vec<_> = edges.chain(random).collect();
    for one in COMPARISONS {
        let mut run = run(Type::Bool, Binary::CompareFloatExactly(one));
        for (x, y) in &cases {
            let want = match one {
                Comparison::Equal => x == y,
                Comparison::NotEqual => x != y,
                Comparison::Less => x < y,
                Comparison::LessEqual => x <= y,
                Comparison::Greater => x > y,
                Comparison::GreaterEqual => x >= y,
            };
            let found = evaluate(&mut run, &[x.to_bits(), y.to_bits()]);
            assert_eq!(found, Ok(u64::from(want)), "{x:e} {one:?} {y:e}");
        }
    }
    let (mut least, mut greatest) = (
        run(Type::Float, Binary::LeastFloat),
        run(Type::Float, Binary::GreatestFloat),
    );
    for (x, y) in cases {
        let given = [x.to_bits(), y.to_bits()];
        let (low, high) = (if x <= y { x } else { y }, if x >= y { x } else { y });
        assert_eq!(
            evaluate(&mut least, &given),
            Ok(low.to_bits()),
            "{x:e} {y:e}"
        );
        assert_eq!(
            evaluate(&mut greatest, &given),
            Ok(high.to_bits()),
            "{x:e} {y:e}"
        );
    }
}
