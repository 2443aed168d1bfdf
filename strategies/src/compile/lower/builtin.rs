//! Functions of numbers that come with the language.

use super::{Expression, Kind, Type, operator};
use crate::compile::ir::{Binary, Comparison, Unary};
use std::f64::consts;

/// Lowers a function of numbers; `None`, with the arguments as they were, where it is none.
///
/// `floor`, `ceiling`, `ceil` and `round` of an integer are the interface's: the integer itself.
pub(super) fn number(name: &str, arguments: &mut Vec<Expression>) -> Option<Expression> {
    let types: Vec<Type> = arguments.iter().map(|value| value.of).collect();
    match types[..] {
        [] => match name {
            "PI" => Some(Expression::float(consts::PI)),
            "E" => Some(Expression::float(consts::E)),
            _ => None,
        },
        [Type::Int] if is_same_of_int(name) => arguments.pop(),
        [Type::Int] => {
            let how = of_int(name)?;
            arguments.pop().map(|value| how.apply(value))
        }
        [Type::Float] if name == "to_float" => arguments.pop(),
        [Type::Float] => {
            let (operator, of) = of_float(name)?;
            let value = Box::new(arguments.pop()?);
            Some(Expression::new(of, Kind::Unary(operator, value)))
        }
        [Type::Int, Type::Int] => {
            let operator = match name {
                "max" => Binary::Greatest,
                "min" => Binary::Least,
                _ => return None,
            };
            let (other, one) = (arguments.pop()?, arguments.pop()?);
            Some(operator::apply(operator, Type::Int, one, other))
        }
        [Type::Int | Type::Float, Type::Int | Type::Float] => {
            let operator = match name {
                "max" => Binary::GreatestFloat,
                "min" => Binary::LeastFloat,
                _ => return None,
            };
            let other = operator::float(arguments.pop()?);
            let one = operator::float(arguments.pop()?);
            Some(operator::apply(operator, Type::Float, one, other))
        }
        _ => None,
    }
}

/// Lowers a property of a number; `None` where it has none of this name.
pub(super) fn property(name: &str, of: Expression) -> Option<Expression> {
    let is_one = match of.of {
        Type::Int => matches!(name, "is_zero" | "is_odd" | "is_even"),
        Type::Float => matches!(
            name,
            "floor"
                | "ceiling"
                | "round"
                | "int"
                | "fraction"
                | "is_nan"
                | "is_finite"
                | "is_infinite"
                | "is_zero"
        ),
        _ => false,
    };
    if is_one {
        number(name, &mut vec![of])
    } else {
        None
    }
}

/// A function of one integer.
enum OfInt {
    Unary(Unary, Type),
    /// How it compares with zero.
    IsZero,
    /// Whether its lowest bit compares so with zero.
    LowestBit(Comparison),
}

impl OfInt {
    fn apply(self, value: Expression) -> Expression {
        let zero = Expression::int(0);
        match self {
            Self::Unary(operator, of) => {
                Expression::new(of, Kind::Unary(operator, Box::new(value)))
            }
            Self::IsZero => {
                operator::apply(Binary::Compare(Comparison::Equal), Type::Bool, value, zero)
            }
            Self::LowestBit(how) => {
                let one = Expression::int(1);
                let bit = operator::apply(Binary::BitAnd, Type::Int, value, one);
                operator::apply(Binary::Compare(how), Type::Bool, bit, zero)
            }
        }
    }
}

fn is_same_of_int(name: &str) -> bool {
    matches!(name, "floor" | "ceiling" | "ceil" | "round" | "to_int")
}

fn of_int(name: &str) -> Option<OfInt> {
    Some(match name {
        "abs" => OfInt::Unary(Unary::AbsInt, Type::Int),
        "sign" => OfInt::Unary(Unary::SignInt, Type::Int),
        "to_float" => OfInt::Unary(Unary::ToFloat, Type::Float),
        "is_zero" => OfInt::IsZero,
        "is_odd" => OfInt::LowestBit(Comparison::NotEqual),
        "is_even" => OfInt::LowestBit(Comparison::Equal),
        _ => return None,
    })
}

fn of_float(name: &str) -> Option<(Unary, Type)> {
    Some(match name {
        "abs" => (Unary::AbsFloat, Type::Float),
        "sign" => (Unary::SignFloat, Type::Int),
        "floor" => (Unary::Floor, Type::Float),
        "ceiling" | "ceil" => (Unary::Ceiling, Type::Float),
        "round" => (Unary::Round, Type::Float),
        "int" => (Unary::Truncate, Type::Float),
        "fraction" => (Unary::Fraction, Type::Float),
        "to_int" => (Unary::ToInt, Type::Int),
        "is_nan" => (Unary::IsNan, Type::Bool),
        "is_finite" => (Unary::IsFinite, Type::Bool),
        "is_infinite" => (Unary::IsInfinite, Type::Bool),
        "is_zero" => (Unary::IsZero, Type::Bool),
        _ => return None,
    })
}
