//! Calls of the script's functions and of the interface.

use super::{
    Block, Body, Expression, Kind, Lowering, Type, Want, builtin, operator, order, unsupported,
};
use crate::api::Definition;
use crate::api::definition::{Default, Effect, Form};
use crate::compile::check::{Source, words};
use rhai::{Expr, FnCallExpr, Position};
use std::rc::Rc;

impl Body<'_, '_> {
    /// Lowers a call in function style, operators included.
    pub(super) fn call(
        &mut self,
        call: &FnCallExpr,
        at: Position,
        wants: Want,
    ) -> Lowering<Expression> {
        let name = call.name.as_str();
        if call.is_qualified() || call.capture_parent_scope {
            return unsupported(at, format!("the call of `{name}` in this form"));
        }
        if call.is_operator_call() {
            return self.operation(name, &call.args, at);
        }
        let mut before = Block::new();
        if let Some(source) = self.script.source(name, call.args.len()) {
            let arguments = self.arguments(&call.args, &mut before)?;
            let value = self.script_call(&source, false, arguments, at, wants)?;
            return Ok(value.after(before));
        }
        if let ("contains", [first, wanted]) = (name, &call.args[..])
            && let Some(range) = self.range(first)?
        {
            return self.range_contains(range, wanted, at);
        }
        let arguments = self.arguments(&call.args, &mut before)?;
        let value = self.known_call(name, arguments, at)?;
        Ok(value.after(before))
    }

    fn operation(&mut self, name: &str, operands: &[Expr], at: Position) -> Lowering<Expression> {
        match operands {
            [of] => {
                let of = self.expression(of)?;
                operator::unary(name, of, at)
            }
            [one, other] if !matches!(name, ".." | "..=") => {
                let (one, other) = (self.expression(one)?, self.expression(other)?);
                if self.script.is_init && [one.of, other.of].contains(&Type::Text) && name == "+" {
                    let text = self.script.text("");
                    return Ok(Expression::new(Type::Text, Kind::Text(text)));
                }
                operator::binary(name, one, other, at)
            }
            _ => unsupported(at, "a range outside of `for`"),
        }
    }

    /// Lowers the arguments of a call in function style.
    ///
    /// Rhai evaluates a first argument that is a variable after the others.
    pub(super) fn arguments(
        &mut self,
        arguments: &[Expr],
        before: &mut Block,
    ) -> Lowering<Vec<Expression>> {
        let mut values = self.expressions(arguments)?;
        if let Some(Expr::Variable(..)) = arguments.first() {
            let rest = values.split_off(1);
            if order::conflict(order::touch_all(&values), order::touch_all(&rest)) {
                values.extend(self.keep_all(rest, before));
            } else {
                values.extend(rest);
            }
        }
        Ok(values)
    }

    /// Lowers the call of a function of the script.
    pub(super) fn script_call(
        &mut self,
        source: &Rc<Source>,
        has_this: bool,
        arguments: Vec<Expression>,
        at: Position,
        wants: Want,
    ) -> Lowering<Expression> {
        let name = &source.name;
        if arguments.iter().any(|value| value.of == Type::Unit) {
            return unsupported(at, format!("() as an argument of `{name}`"));
        }
        let shapes: Vec<(Type, bool)> = arguments
            .iter()
            .map(|value| (value.of, self.is_lasting(value)))
            .collect();
        let made = self.script.function(source, has_this, shapes, at)?;
        if made.is_mixed && wants == Want::Value {
            let reason = format!("`{name}` does not give one type of value on all its paths");
            return unsupported(at, reason);
        }
        let arguments = arguments.into_iter().map(Expression::owned).collect();
        Ok(Expression::new(
            made.returns,
            Kind::Call(made.id, arguments),
        ))
    }

    /// Lowers the call of a function of the language or the interface, its receiver first.
    pub(super) fn known_call(
        &mut self,
        name: &str,
        mut arguments: Vec<Expression>,
        at: Position,
    ) -> Lowering<Expression> {
        if let Some(value) = builtin::number(name, &mut arguments) {
            return Ok(value);
        }
        if let Some(first) = arguments.first()
            && operator::item_of(first.of).is_some()
        {
            let array = arguments.remove(0);
            return self.array_reading(array, name, arguments, at);
        }
        self.native(name, false, arguments, at)
    }

    /// Lowers the use of a function, method or property of the interface.
    pub(super) fn native(
        &mut self,
        name: &str,
        is_property: bool,
        arguments: Vec<Expression>,
        at: Position,
    ) -> Lowering<Expression> {
        let definitions: &'static [Definition] = self.script.definitions;
        let of_name = definitions
            .iter()
            .filter(|of| of.name == name && (of.form == Form::Property) == is_property);
        let fitting = of_name
            .clone()
            .filter_map(|of| Some((conversions(of, &arguments)?, of)));
        let Some((_, definition)) = fitting.min_by_key(|(conversions, _)| *conversions) else {
            let types: Vec<Type> = arguments.iter().map(|value| value.of).collect();
            let reason = match of_name.count() {
                0 => format!("`{name}` has no compiled form"),
                _ => format!("`{name}` does not take {}", words(&types)),
            };
            return unsupported(at, reason);
        };
        if !self.script.is_init {
            if definition.effect == Effect::Declares {
                return unsupported(at, format!("`{name}` may be called in `init` only"));
            }
            if definition.shim.is_none() {
                return unsupported(at, format!("`{name}` has no compiled form"));
            }
        }
        self.native_call(definition, arguments, at)
    }

    fn native_call(
        &mut self,
        definition: &'static Definition,
        arguments: Vec<Expression>,
        at: Position,
    ) -> Lowering<Expression> {
        let mut given = arguments.into_iter();
        let mut named = Vec::new();
        for argument in definition.arguments {
            named.push(match (given.next(), argument.default) {
                (Some(value), _) if argument.of == Type::Float => operator::float(value),
                (Some(value), _) => value,
                (None, Some(Default::Int(value))) => Expression::int(value),
                (None, Some(Default::Float(value))) => Expression::float(value),
                (None, Some(Default::EmptyText)) => {
                    Expression::new(Type::Text, Kind::Text(self.script.text("")))
                }
                (None, None) => return unsupported(at, "an argument that is left out"),
            });
        }
        if !definition.takes_more {
            return Ok(Expression::new(
                definition.returns,
                Kind::Native(definition, named),
            ));
        }
        let more: Vec<Expression> = given.collect();
        let is_plain = |of| matches!(of, Type::Bool | Type::Int | Type::Float | Type::Text);
        if let Some(other) = more.iter().find(|value| !is_plain(value.of)) {
            let found = words(&[other.of]);
            return unsupported(at, format!("{found} in the text of `{}`", definition.name));
        }
        let kind = Kind::NativeMany(definition, named, more);
        Ok(Expression::new(definition.returns, kind))
    }
}

/// Returns how many integers would have to become floats; `None` where the arguments do not fit.
fn conversions(definition: &Definition, arguments: &[Expression]) -> Option<usize> {
    let takes = definition.arguments;
    if arguments.len() > takes.len() && !definition.takes_more {
        return None;
    }
    let left_out = takes.get(arguments.len()..).unwrap_or_default();
    if left_out.iter().any(|argument| argument.default.is_none()) {
        return None;
    }
    let mut count = 0;
    for (argument, value) in takes.iter().zip(arguments) {
        match (argument.of, value.of) {
            (want, found) if want == found => {}
            (Type::Float, Type::Int) => count += 1,
            _ => return None,
        }
    }
    Some(count)
}
