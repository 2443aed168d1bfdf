//! Expressions.

use super::{
    Block, Body, Expression, Holds, Kind, Lowering, Outcome, Type, Want, block, order, unsupported,
};
use rhai::{Expr, Position};

impl Body<'_, '_> {
    /// Lowers an expression.
    pub(super) fn expression(&mut self, value: &Expr) -> Lowering<Expression> {
        let at = value.start_position();
        match value {
            Expr::BoolConstant(value, _) => Ok(Expression::bool(*value)),
            Expr::IntegerConstant(value, _) => Ok(Expression::int(*value)),
            Expr::FloatConstant(value, _) => Ok(Expression::float(**value)),
            Expr::StringConstant(text, _) => {
                let text = self.script.text(text.as_str());
                Ok(Expression::new(Type::Text, Kind::Text(text)))
            }
            Expr::Unit(_) => Ok(Expression::unit()),
            Expr::DynamicConstant(value, _) => self.constant(value, at),
            Expr::CharConstant(..) => unsupported(at, "a character"),
            Expr::InterpolatedString(parts, _) if self.script.is_init => {
                for part in parts.iter() {
                    self.expression(part)?;
                }
                let text = self.script.text("");
                Ok(Expression::new(Type::Text, Kind::Text(text)))
            }
            Expr::InterpolatedString(..) => unsupported(
                at,
                "a text with `${...}` is made anew each time: `note(\"x is {}\", x)` fills in values",
            ),
            Expr::Array(items, _) => self.array(items, at),
            Expr::Map(..) => unsupported(
                at,
                "maps are kept only by the interpreter, except as fields of `this`",
            ),
            Expr::Variable(of, _, _) if !of.2.is_empty() => {
                unsupported(at, "a name of another module")
            }
            Expr::Variable(of, _, _) => self.read(of.1.as_str(), at),
            Expr::ThisPtr(_) => unsupported(at, "`this` as a value of its own"),
            Expr::Stmt(block) => {
                let mut before = Block::new();
                match self.statements(block.statements(), &mut before, Want::Value)? {
                    Outcome::Value(value) => Ok(value.after(before)),
                    Outcome::Leaves => unsupported(at, "this block never gives its value"),
                }
            }
            Expr::FnCall(call, at) => self.call(call, *at, Want::Value),
            Expr::Dot(..) | Expr::Index(..) => self.chain(value, Want::Value),
            Expr::And(parts, _) => self.short_circuit(parts, true),
            Expr::Or(parts, _) => self.short_circuit(parts, false),
            Expr::Coalesce(parts, _) => self.coalesce(parts, at),
            _ => unsupported(at, "this expression"),
        }
    }

    /// Lowers expressions in their order.
    pub(super) fn expressions(&mut self, values: &[Expr]) -> Lowering<Vec<Expression>> {
        values.iter().map(|value| self.expression(value)).collect()
    }

    /// Lowers an expression where a value of this type is meant, which gives `[]` its type.
    pub(super) fn expression_as(&mut self, value: &Expr, of: Type) -> Lowering<Expression> {
        if of.is_array() && block::is_empty_array(value) {
            return Ok(Expression::new(of, Kind::Array(Vec::new())));
        }
        self.expression(value)
    }

    /// Reads a variable or a constant.
    pub(super) fn read(&mut self, name: &str, at: Position) -> Lowering<Expression> {
        if let Some(variable) = self.variable(name) {
            return match &variable.holds {
                Holds::Unit => Ok(Expression::unit()),
                Holds::Market => Ok(Expression::new(Type::Market, Kind::Market)),
                Holds::Nothing(fault) => {
                    let reason = fault.reason.clone();
                    unsupported(at, reason)
                }
                Holds::Local(local) => {
                    let local = *local;
                    match self.type_of_local(local) {
                        Some(of) if !self.frame.unset.contains(&local.0) => {
                            Ok(Expression::new(of, Kind::Local(local)))
                        }
                        _ => unsupported(at, format!("`{name}` may be () here")),
                    }
                }
            };
        }
        match self.script.constants.get(name) {
            Some(value) => {
                let value = (*value).clone();
                self.constant(&value, at)
            }
            None if self.script.has_function(name) => {
                unsupported(at, format!("the function `{name}` as a value"))
            }
            None => unsupported(at, format!("the unknown variable `{name}`")),
        }
    }

    /// Lowers `a ?? b`: the first that is not `()`.
    fn coalesce(&mut self, parts: &[Expr], at: Position) -> Lowering<Expression> {
        let mut before = Block::new();
        for part in parts {
            let value = self.expression(part)?;
            if value.of != Type::Unit {
                return Ok(value.after(before));
            }
            if order::acts(&value) {
                before.push(super::Statement::Do(value));
            }
        }
        if parts.is_empty() {
            return unsupported(at, "`??` of nothing");
        }
        Ok(Expression::unit().after(before))
    }

    /// Lowers an array's literal.
    fn array(&mut self, items: &[Expr], at: Position) -> Lowering<Expression> {
        let items = self.expressions(items)?;
        let of = match items.first().map(|item| item.of) {
            Some(Type::Int) => Type::Ints,
            Some(Type::Float) => Type::Floats,
            None => {
                let reason = "it cannot be told here whether `[]` will hold integers or floats";
                return unsupported(at, reason);
            }
            Some(_) => return unsupported(at, MIXED),
        };
        let item = of.item();
        if items.iter().any(|found| Some(found.of) != item) {
            return unsupported(at, MIXED);
        }
        Ok(Expression::new(of, Kind::Array(items)))
    }
}

const MIXED: &str = "an array of something else than only integers or only floats";
