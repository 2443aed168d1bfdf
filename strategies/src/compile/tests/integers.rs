//! Integer and bool operators over the edges of their range.

use super::{Run, binary, evaluate, field, int, sets, unary, value_of};
use crate::compile::context::Exit;
use crate::compile::ir::{Binary, Comparison, Type, Unary};
use proptest::prelude::*;

const EDGES: [i64; 17] = [
    i64::MIN,
    i64::MIN + 1,
    -4_294_967_296,
    -65,
    -64,
    -63,
    -2,
    -1,
    0,
    1,
    2,
    3,
    63,
    64,
    4_294_967_296,
    i64::MAX - 1,
    i64::MAX,
];

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
];

const OPERATORS: [Binary; 11] = [
    Binary::Add,
    Binary::Subtract,
    Binary::Multiply,
    Binary::Divide,
    Binary::Modulo,
    Binary::Power,
    Binary::ShiftLeft,
    Binary::ShiftRight,
    Binary::BitAnd,
    Binary::BitOr,
    Binary::BitXor,
];

fn compares(comparison: Comparison, order: std::cmp::Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterEqual => order.is_ge(),
    }
}

/// What Rhai's arithmetic package answers; `None` where it raises an error.
fn oracle(operator: Binary, x: i64, y: i64) -> Option<i64> {
    match operator {
        Binary::Add => x.checked_add(y),
        Binary::Subtract => x.checked_sub(y),
        Binary::Multiply => x.checked_mul(y),
        Binary::Divide => x.checked_div(y),
        Binary::Modulo => x.checked_rem(y),
        Binary::Power => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
        Binary::ShiftLeft => Some(shifted(x, i128::from(y))),
        Binary::ShiftRight => Some(shifted(x, -i128::from(y))),
        Binary::BitAnd => Some(x & y),
        Binary::BitOr => Some(x | y),
        Binary::BitXor => Some(x ^ y),
        other => panic!("{other:?} is no operator of integers"),
    }
}

/// Shifts to the left, or to the right where negative.
fn shifted(x: i64, by: i128) -> i64 {
    match by {
        64.. => 0,
        0..64 => ((x as u64) << by) as i64,
        -63..0 => x >> -by,
        _ => x >> 63,
    }
}

fn check(operator: Binary, run: &mut Run, x: i64, y: i64) {
    let want = oracle(operator, x, y)
        .map(|value| value as u64)
        .ok_or(Exit::Side);
    assert_eq!(
        evaluate(run, &[x as u64, y as u64]),
        want,
        "{x} {operator:?} {y}"
    );
}

fn operator(operator: Binary) -> Run {
    let value = binary(
        Type::Int,
        operator,
        field(0, Type::Int),
        field(1, Type::Int),
    );
    Run::new(&sets(&[Type::Int; 3], value))
}

#[test]
fn operators_answer_or_leave_as_rhai_answers_or_fails() {
    for one in OPERATORS {
        let mut run = operator(one);
        for x in EDGES {
            for y in EDGES {
                check(one, &mut run, x, y);
            }
        }
    }
}

#[test]
fn operators_with_a_constant_answer_the_same() {
    for one in OPERATORS {
        for y in EDGES {
            let value = binary(Type::Int, one, field(0, Type::Int), int(y));
            let mut run = Run::new(&sets(&[Type::Int; 2], value));
            for x in EDGES {
                let want = oracle(one, x, y)
                    .map(|value| value as u64)
                    .ok_or(Exit::Side);
                assert_eq!(evaluate(&mut run, &[x as u64]), want, "{x} {one:?} {y}");
            }
        }
    }
}

#[test]
fn comparisons_are_signed() {
    for comparison in COMPARISONS {
        let operator = Binary::Compare(comparison);
        let value = binary(
            Type::Bool,
            operator,
            field(0, Type::Int),
            field(1, Type::Int),
        );
        let mut run = Run::new(&sets(&[Type::Int, Type::Int, Type::Bool], value));
        for x in EDGES {
            for y in EDGES {
                let want = u64::from(compares(comparison, x.cmp(&y)));
                let found = evaluate(&mut run, &[x as u64, y as u64]);
                assert_eq!(found, Ok(want), "{x} {comparison:?} {y}");
            }
        }
    }
}

#[test]
fn bools_are_combined_and_compared() {
    let operators = [
        (Binary::AndBool, [0, 0, 0, 1]),
        (Binary::OrBool, [0, 1, 1, 1]),
        (Binary::XorBool, [0, 1, 1, 0]),
        (Binary::CompareBool(Comparison::Equal), [1, 0, 0, 1]),
        (Binary::CompareBool(Comparison::NotEqual), [0, 1, 1, 0]),
    ];
    for (operator, want) in operators {
        let value = binary(
            Type::Bool,
            operator,
            field(0, Type::Bool),
            field(1, Type::Bool),
        );
        let mut run = Run::new(&sets(&[Type::Bool; 3], value));
        let found = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(x, y)| evaluate(&mut run, &[x, y]));
        assert_eq!(found, want.map(Ok), "{operator:?}");
    }
    let not = |x| {
        value_of(
            &[Type::Bool; 2],
            unary(Type::Bool, Unary::Not, field(0, Type::Bool)),
            &[x],
        )
    };
    assert_eq!([not(0), not(1)], [Ok(1), Ok(0)]);
}

#[test]
fn the_least_integer_has_no_negative() {
    let negate = unary(Type::Int, Unary::NegateInt, field(0, Type::Int));
    let mut run = Run::new(&sets(&[Type::Int; 2], negate));
    for x in EDGES {
        let want = x.checked_neg().map(|value| value as u64).ok_or(Exit::Side);
        assert_eq!(evaluate(&mut run, &[x as u64]), want, "-{x}");
    }
}

#[test]
fn orders_and_markets_are_equal_by_their_words() {
    for (comparison, want) in [(Comparison::Equal, [1, 0]), (Comparison::NotEqual, [0, 1])] {
        let operator = Binary::CompareWord(comparison);
        let value = binary(
            Type::Bool,
            operator,
            field(0, Type::Order),
            field(1, Type::Order),
        );
        let mut run = Run::new(&sets(&[Type::Order, Type::Order, Type::Bool], value));
        let found = [(u64::MAX, u64::MAX), (u64::MAX, 0)];
        assert_eq!(
            found.map(|(x, y)| evaluate(&mut run, &[x, y])),
            want.map(Ok)
        );
    }
}

#[test]
fn random_operands_find_no_difference() {
    let mut runs = OPERATORS.map(|one| (one, operator(one)));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(4_000));
    let mixed = || prop_oneof![any::<i64>(), -70_i64..70, any::<i32>().prop_map(i64::from)];
    let cases = (mixed(), mixed());
    for _ in 0..4_000 {
        let tree = cases.new_tree(&mut runner).expect("a case");
        let (x, y) = proptest::strategy::ValueTree::current(&tree);
        for (one, run) in &mut runs {
            check(*one, run, x, y);
        }
    }
}

#[test]
fn absolute_values_signs_the_least_and_the_greatest() {
    let one = |function| {
        let value = unary(Type::Int, function, field(0, Type::Int));
        Run::new(&sets(&[Type::Int; 2], value))
    };
    let two = |function| {
        let value = binary(
            Type::Int,
            function,
            field(0, Type::Int),
            field(1, Type::Int),
        );
        Run::new(&sets(&[Type::Int; 3], value))
    };
    let (mut abs, mut sign) = (one(Unary::AbsInt), one(Unary::SignInt));
    let (mut least, mut greatest) = (two(Binary::Least), two(Binary::Greatest));
    for x in EDGES {
        let want = x.checked_abs().map(|value| value as u64).ok_or(Exit::Side);
        assert_eq!(evaluate(&mut abs, &[x as u64]), want, "|{x}|");
        assert_eq!(
            evaluate(&mut sign, &[x as u64]),
            Ok(x.signum() as u64),
            "{x}"
        );
        for y in EDGES {
            let given = [x as u64, y as u64];
            assert_eq!(evaluate(&mut least, &given), Ok(x.min(y) as u64), "{x} {y}");
            assert_eq!(
                evaluate(&mut greatest, &given),
                Ok(x.max(y) as u64),
                "{x} {y}"
            );
        }
    }
}
