//! Operators by the types of their operands, as Rhai's built-in ones.

use super::{
    Body, Expression, Kind, Lowering, Statement, Type, mistaken, order, unsupported, word,
};
use crate::compile::ir::{Binary, Comparison, Unary};
#[cfg(test)]
use crate::compile::noted;
use crate::sandbox;
use rhai::Position;

/// Lowers an operator of one operand.
pub(super) fn unary(name: &str, of: Expression, at: Position) -> Lowering<Expression> {
    #[cfg(test)]
    noted::note(at, name, [&of]);
    let kind = match (name, of.of, &of.kind) {
        ("+", Type::Int | Type::Float, _) => return Ok(of),
        ("-", Type::Int, Kind::Int(value)) if *value != i64::MIN => Kind::Int(-*value),
        ("-", Type::Float, Kind::Float(value)) => Kind::Float(-*value),
        ("-", Type::Int, _) => Kind::Unary(Unary::NegateInt, Box::new(of)),
        ("-", Type::Float, _) => Kind::Unary(Unary::NegateFloat, Box::new(of)),
        ("!", Type::Bool, _) => return Ok(not(of)),
        _ => {
            let reason = format!("`{name}` of {}", word(of.of));
            if sandbox::knows_none(&format!("{name}(a)"), &[of.of]) {
                return mistaken(at, reason, NO_OPERATOR, &[&of]);
            }
            return unsupported(at, reason);
        }
    };
    let of = match &kind {
        Kind::Int(_) | Kind::Unary(Unary::NegateInt, _) => Type::Int,
        _ => Type::Float,
    };
    Ok(Expression::new(of, kind))
}

/// Lowers an operator of two operands, which are evaluated from left to right.
pub(super) fn binary(
    name: &str,
    one: Expression,
    other: Expression,
    at: Position,
) -> Lowering<Expression> {
    #[cfg(test)]
    noted::note(at, name, [&one, &other]);
    if let Some(how) = comparison(name) {
        return compare(how, name, one, other, at);
    }
    let wrong = |one: &Expression, other: &Expression| {
        let reason = format!("`{name}` of {} and {}", word(one.of), word(other.of));
        if sandbox::knows_none(&format!("a {name} b"), &[one.of, other.of]) {
            return mistaken(at, reason, NO_OPERATOR, &[one, other]);
        }
        unsupported(at, reason)
    };
    let (operator, of) = match (one.of, other.of) {
        (Type::Int, Type::Int) => (of_ints(name), Type::Int),
        (Type::Float | Type::Int, Type::Float | Type::Int) => {
            if name == "**" {
                let reason = "`**` of floats differs between machines: write `pow(x, y)`";
                return unsupported(at, reason);
            }
            (of_floats(name), Type::Float)
        }
        (Type::Bool, Type::Bool) => (of_bools(name), Type::Bool),
        (Type::Text, _) | (_, Type::Text) if matches!(name, "+" | "-") => {
            let reason = format!("`text {name} value` makes a new text each time");
            return unsupported(at, reason);
        }
        _ => return wrong(&one, &other),
    };
    match operator {
        Some(operator) if of == Type::Float => Ok(apply(operator, of, float(one), float(other))),
        Some(operator) => Ok(apply(operator, of, one, other)),
        None => wrong(&one, &other),
    }
}

/// What to do about an operator that does not take its operands.
const NO_OPERATOR: &str =
    "there is no such operator: convert one side, or compute with another value";

fn of_ints(name: &str) -> Option<Binary> {
    Some(match name {
        "+" => Binary::Add,
        "-" => Binary::Subtract,
        "*" => Binary::Multiply,
        "/" => Binary::Divide,
        "%" => Binary::Modulo,
        "**" => Binary::Power,
        "<<" => Binary::ShiftLeft,
        ">>" => Binary::ShiftRight,
        "&" => Binary::BitAnd,
        "|" => Binary::BitOr,
        "^" => Binary::BitXor,
        _ => return None,
    })
}

fn of_floats(name: &str) -> Option<Binary> {
    Some(match name {
        "+" => Binary::AddFloat,
        "-" => Binary::SubtractFloat,
        "*" => Binary::MultiplyFloat,
        "/" => Binary::DivideFloat,
        "%" => Binary::ModuloFloat,
        _ => return None,
    })
}

fn of_bools(name: &str) -> Option<Binary> {
    Some(match name {
        "&" => Binary::AndBool,
        "|" => Binary::OrBool,
        "^" => Binary::XorBool,
        _ => return None,
    })
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterEqual,
        _ => return None,
    })
}

fn compare(
    how: Comparison,
    name: &str,
    one: Expression,
    other: Expression,
    at: Position,
) -> Lowering<Expression> {
    let is_equality = matches!(how, Comparison::Equal | Comparison::NotEqual);
    match (one.of, other.of) {
        (Type::Int, Type::Int) => Ok(apply(Binary::Compare(how), Type::Bool, one, other)),
        (Type::Int | Type::Float, Type::Int | Type::Float) => Ok(apply(
            Binary::CompareFloat(how),
            Type::Bool,
            float(one),
            float(other),
        )),
        (Type::Bool, Type::Bool) => Ok(compare_bools(how, one, other)),
        (Type::Text, Type::Text) => Ok(apply(Binary::CompareText(how), Type::Bool, one, other)),
        // To Rhai all arrays are of one type.
        (a, b) if a.is_array() && b.is_array() => {
            unsupported(at, format!("`{name}` of {} and {}", word(a), word(b)))
        }
        (a, b) if a == b => match a {
            Type::Market | Type::Bars | Type::Order if is_equality => {
                Ok(apply(Binary::CompareWord(how), Type::Bool, one, other))
            }
            Type::Unit => Ok(settled(how == Comparison::Equal, one, other)),
            _ => unsupported(at, format!("`{name}` of {} and {}", word(a), word(b))),
        },
        // Values of different types are never equal, nor is one below the other.
        _ => Ok(settled(how == Comparison::NotEqual, one, other)),
    }
}

/// Returns what is known beforehand, after computing both.
fn settled(result: bool, one: Expression, other: Expression) -> Expression {
    let both = [one, other].into_iter().filter(order::acts);
    Expression::bool(result).after(both.map(Statement::Do).collect())
}

/// Compares bools; false is below true.
fn compare_bools(how: Comparison, one: Expression, other: Expression) -> Expression {
    let (operator, one, other) = match how {
        Comparison::Equal | Comparison::NotEqual => (Binary::CompareBool(how), one, other),
        Comparison::Less => (Binary::AndBool, not(one), other),
        Comparison::LessEqual => (Binary::OrBool, not(one), other),
        Comparison::Greater => (Binary::AndBool, one, not(other)),
        Comparison::GreaterEqual => (Binary::OrBool, one, not(other)),
    };
    apply(operator, Type::Bool, one, other)
}

/// Returns the comparison of two numbers of one type, without any epsilon.
pub(super) fn compare_exactly(how: Comparison, one: Expression, other: Expression) -> Expression {
    let operator = match one.of {
        Type::Float => Binary::CompareFloatExactly(how),
        _ => Binary::Compare(how),
    };
    apply(operator, Type::Bool, one, other)
}

/// Returns an operator's application.
pub(super) fn apply(operator: Binary, of: Type, one: Expression, other: Expression) -> Expression {
    Expression::new(of, Kind::Binary(operator, Box::new(one), Box::new(other)))
}

/// Returns `one && other`.
pub(super) fn and(one: Expression, other: Expression) -> Expression {
    Expression::new(Type::Bool, Kind::And(Box::new(one), Box::new(other)))
}

/// Returns `one || other`.
pub(super) fn or(one: Expression, other: Expression) -> Expression {
    Expression::new(Type::Bool, Kind::Or(Box::new(one), Box::new(other)))
}

/// Returns `!value`.
pub(super) fn not(value: Expression) -> Expression {
    match value.kind {
        Kind::Bool(known) => Expression::bool(!known),
        _ => Expression::new(Type::Bool, Kind::Unary(Unary::Not, Box::new(value))),
    }
}

/// Returns a number as a float.
pub(super) fn float(value: Expression) -> Expression {
    match (value.of, &value.kind) {
        (Type::Int, Kind::Int(known)) => Expression::float(*known as f64),
        (Type::Int, _) => {
            Expression::new(Type::Float, Kind::Unary(Unary::ToFloat, Box::new(value)))
        }
        _ => value,
    }
}

impl Body<'_, '_> {
    /// Lowers `&&` and `||`: further ones are evaluated as long as the result is open.
    pub(super) fn short_circuit(
        &mut self,
        parts: &[rhai::Expr],
        is_and: bool,
    ) -> Lowering<Expression> {
        let mut result: Option<Expression> = None;
        for part in parts {
            let value = self.condition(part)?;
            result = Some(match result {
                None => value,
                Some(before) if is_and => and(before, value),
                Some(before) => or(before, value),
            });
        }
        Ok(result.unwrap_or_else(|| Expression::bool(is_and)))
    }
}
