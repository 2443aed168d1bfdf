//! Operators of the typed form, written down a second time.

use super::values::Value;
use crate::compile::ir::{Binary, Comparison, Unary};

/// Applies an operator; `None` is a side exit.
pub(super) fn unary(operator: Unary, of: Value) -> Option<Value> {
    Some(match operator {
        Unary::Not => Value::Bool(!of.bool()),
        Unary::NegateInt => Value::Int(of.int().checked_neg()?),
        Unary::NegateFloat => Value::Float(-of.float()),
        Unary::ToFloat => Value::Float(of.int() as f64),
        Unary::ToInt => {
            const BEYOND: f64 = 9_223_372_036_854_775_808.0;
            let float = of.float();
            if !(-BEYOND..=BEYOND).contains(&float) && !float.is_nan() {
                return None;
            }
            Value::Int(float.trunc() as i64)
        }
        Unary::AbsInt => Value::Int(of.int().checked_abs()?),
        Unary::AbsFloat => Value::Float(of.float().abs()),
        Unary::SignInt => Value::Int(of.int().signum()),
        Unary::SignFloat => {
            let float = of.float();
            match float.partial_cmp(&0.0)? {
                std::cmp::Ordering::Less => Value::Int(-1),
                std::cmp::Ordering::Equal => Value::Int(0),
                std::cmp::Ordering::Greater => Value::Int(1),
            }
        }
        Unary::Floor => Value::Float(of.float().floor()),
        Unary::Ceiling => Value::Float(of.float().ceil()),
        Unary::Round => Value::Float(of.float().round()),
        Unary::Truncate => Value::Float(of.float().trunc()),
        Unary::Fraction => Value::Float(of.float() - of.float().trunc()),
        Unary::IsNan => Value::Bool(of.float().is_nan()),
        Unary::IsFinite => Value::Bool(of.float().is_finite()),
        Unary::IsInfinite => Value::Bool(of.float().is_infinite()),
        Unary::IsZero => Value::Bool(of.float() == 0.0),
    })
}

/// Applies an operator; `None` is a side exit.
pub(super) fn binary(operator: Binary, one: Value, other: Value) -> Option<Value> {
    use Binary as B;
    Some(match operator {
        B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo | B::Power => {
            Value::Int(arithmetic(operator, one.int(), other.int())?)
        }
        B::ShiftLeft => Value::Int(shift(one.int(), other.int().checked_neg())),
        B::ShiftRight => Value::Int(shift(one.int(), Some(other.int()))),
        B::BitAnd => Value::Int(one.int() & other.int()),
        B::BitOr => Value::Int(one.int() | other.int()),
        B::BitXor => Value::Int(one.int() ^ other.int()),
        B::Compare(how) => Value::Bool(holds(how, one.int().partial_cmp(&other.int()))),
        B::AddFloat => Value::Float(one.float() + other.float()),
        B::SubtractFloat => Value::Float(one.float() - other.float()),
        B::MultiplyFloat => Value::Float(one.float() * other.float()),
        B::DivideFloat => Value::Float(one.float() / other.float()),
        B::ModuloFloat => Value::Float(one.float() % other.float()),
        B::CompareFloat(how) => Value::Bool(within_epsilon(how, one.float(), other.float())),
        B::CompareFloatExactly(how) => {
            Value::Bool(holds(how, one.float().partial_cmp(&other.float())))
        }
        B::Least => Value::Int(one.int().min(other.int())),
        B::Greatest => Value::Int(one.int().max(other.int())),
        B::LeastFloat => choose(one.float() <= other.float(), one, other),
        B::GreatestFloat => choose(one.float() >= other.float(), one, other),
        B::AndBool => Value::Bool(one.bool() & other.bool()),
        B::OrBool => Value::Bool(one.bool() | other.bool()),
        B::XorBool => Value::Bool(one.bool() ^ other.bool()),
        B::CompareBool(how) => Value::Bool(equality(how, one.bool() == other.bool())),
        B::CompareText(how) => Value::Bool(holds(how, one.text().partial_cmp(other.text()))),
        B::CompareWord(how) => Value::Bool(equality(how, one.is_same(&other))),
    })
}

fn choose(is_first: bool, one: Value, other: Value) -> Value {
    if is_first { one } else { other }
}

fn arithmetic(operator: Binary, one: i64, other: i64) -> Option<i64> {
    match operator {
        Binary::Add => one.checked_add(other),
        Binary::Subtract => one.checked_sub(other),
        Binary::Multiply => one.checked_mul(other),
        Binary::Divide => one.checked_div(other),
        Binary::Modulo => one.checked_rem(other),
        _ => one.checked_pow(u32::try_from(other).ok()?),
    }
}

/// Shifts right; left where `by` is negative, and as far as it goes where it is `None`.
fn shift(value: i64, by: Option<i64>) -> i64 {
    match by {
        Some(by @ 0..=63) => value >> by,
        Some(64..) => value >> 63,
        Some(by @ -63..=-1) => value << -by,
        _ if by.is_none() => value >> 63,
        _ => 0,
    }
}

fn holds(how: Comparison, order: Option<std::cmp::Ordering>) -> bool {
    let Some(order) = order else {
        return how == Comparison::NotEqual;
    };
    match how {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterEqual => order.is_ge(),
    }
}

fn equality(how: Comparison, is_equal: bool) -> bool {
    match how {
        Comparison::Equal => is_equal,
        Comparison::NotEqual => !is_equal,
        other => panic!("no order: {other:?}"),
    }
}

/// Compares as Rhai does: by the distance relative to the greater, against epsilon.
fn within_epsilon(how: Comparison, x: f64, y: f64) -> bool {
    let scale = if x * y == 0.0 {
        1.0
    } else {
        x.abs().max(y.abs())
    };
    if scale == 0.0 {
        // Zero and NaN: Rhai takes them for equal.
        return holds(how, Some(std::cmp::Ordering::Equal));
    }
    let distance = (x - y) / scale;
    match how {
        Comparison::Equal => distance.abs() <= f64::EPSILON,
        Comparison::NotEqual => distance.abs() > f64::EPSILON,
        Comparison::Greater => distance > f64::EPSILON,
        Comparison::GreaterEqual => distance > -f64::EPSILON,
        Comparison::Less => (y - x) / scale > f64::EPSILON,
        Comparison::LessEqual => (y - x) / scale > -f64::EPSILON,
    }
}
