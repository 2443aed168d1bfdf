//! Calls of the script's functions and of the interface.

use super::{
    Block, Body, Expression, Kind, Lowering, Type, Want, builtin, mistaken, operator, unsupported,
};
use crate::api::Definition;
use crate::api::definition::{Default, Effect, Form, Holder, Interpreted};
use crate::api::reference::usage;
use crate::compile::check::{Source, words};
use crate::compile::planted::{Fault, is_planted};
use crate::compile::touch::{conflict, touch, touch_all};
use crate::sandbox;
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
        // `!in` is the operator's form of `contains`.
        if call.is_operator_call() && name != "contains" {
            return self.operation(name, &call.args, at);
        }
        let mut before = Block::new();
        if let Some(source) = self.script.source(name, call.args.len()) {
            if call.is_operator_call() {
                return unsupported(at, format!("`{name}` of the script as an operator"));
            }
            let arguments = self.arguments(&call.args, &mut before)?;
            let value = self.script_call(&source, false, arguments, at, wants)?;
            return Ok(value.after(before));
        }
        if let ("contains", [first, wanted]) = (name, &call.args[..])
            && let Some(range) = self.range(first)?
        {
            return self.range_contains(range, wanted, at);
        }
        let mut arguments = if call.is_operator_call() {
            self.expressions(&call.args)?
        } else {
            self.arguments(&call.args, &mut before)?
        };
        if let Some((first, rest)) = arguments.split_first()
            && first.of.is_array()
            && conflict(touch(first), touch_all(rest))
        {
            // The array as it was before the others are computed.
            arguments = self.keep_all(arguments, &mut before);
        }
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
            let is_in_order = is_planted(Fault::ArgumentsInOrder);
            if !is_in_order && conflict(touch_all(&values), touch_all(&rest)) {
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
        let types = arguments.iter().map(|value| value.of).collect();
        let made = self.script.function(source, has_this, types, at)?;
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
        #[cfg(test)]
        crate::compile::noted::note(at, name, &arguments);
        if let Some(value) = builtin::number(name, &mut arguments) {
            return Ok(value);
        }
        if let Some(first) = arguments.first()
            && first.of.is_array()
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
        let types: Vec<Type> = arguments.iter().map(|value| value.of).collect();
        let Some(definition) = of_name.clone().find(|of| of.fits(&types)) else {
            let reason = match of_name.clone().count() {
                0 => format!("`{name}` has no compiled form"),
                _ if is_property => format!("there is no `{name}` of {}", words(&types)),
                _ => format!("`{name}` does not take {}", words(&types)),
            };
            if of_name.clone().next().is_some() && self.is_unknown(name, of_name, &types) {
                let of = types.first().filter(|of| sandbox::Kind::of(**of).is_some());
                let hint = usage(name, of.copied());
                let hint = hint.map_or_else(String::new, |usage| format!("write {usage}"));
                let operands: Vec<&Expression> = arguments.iter().collect();
                return mistaken(at, reason, hint, &operands);
            }
            return unsupported(at, reason);
        };
        if !self.script.is_init {
            if definition.effect == Effect::Declares {
                let reason = format!("`{name}` may be called in `init` only");
                let hint = "declare it in `init` and keep it in a field of the map that it returns";
                let operands: Vec<&Expression> = arguments.iter().collect();
                return mistaken(at, reason, hint, &operands);
            }
            if definition.shim.is_none() && definition.place.is_none() {
                return unsupported(at, format!("`{name}` has no compiled form"));
            }
        }
        self.native_call(definition, arguments, at)
    }

    /// Returns whether the interpreter, too, has no function or property of this name for values of these types.
    fn is_unknown(
        &self,
        name: &str,
        mut of_name: impl Iterator<Item = &'static Definition>,
        types: &[Type],
    ) -> bool {
        if self.script.has_function(name) {
            return false;
        }
        // What acts or reads is ours, and takes what its definitions say; others have names of that kind, too, but
        // nothing that takes what is ours.
        let is_own = |of: &Definition| matches!(of.interpreted, Interpreted::Own(_));
        let of_ours = types
            .first()
            .is_some_and(|of| sandbox::Kind::of(*of).is_some());
        match of_ours {
            true => of_name.all(is_own),
            false => {
                sandbox::is_ours_alone(name)
                    && of_name.all(|of| is_own(of) && of.effect != Effect::Pure)
            }
        }
    }

    fn native_call(
        &mut self,
        definition: &'static Definition,
        arguments: Vec<Expression>,
        at: Position,
    ) -> Lowering<Expression> {
        let count = arguments.len();
        let ends_with_text = arguments.last().is_some_and(|value| value.of == Type::Text);
        let mut given = arguments.into_iter();
        if let Some(place) = definition.place {
            let Some(object) = given.next() else {
                return unsupported(at, "a number of nothing");
            };
            let object = Box::new(object);
            let kind = match place.of {
                Holder::Facts => Kind::Fact(object, place.member),
                Holder::Order => Kind::OrderNumber(object, place.member),
                Holder::Trade | Holder::Bar | Holder::Fill => Kind::Member(object, place.member),
            };
            return Ok(Expression::new(definition.returns, kind));
        }
        let mut named = Vec::new();
        for (number, argument) in definition.arguments.iter().enumerate() {
            let value = match definition.given_to(number, count, ends_with_text) {
                Some(_) => given.next(),
                None => argument.default.map(|default| self.default(default)),
            };
            named.push(match value {
                Some(value) if argument.of == Type::Float => operator::float(value),
                Some(value) => value,
                None => return unsupported(at, "an argument that is left out"),
            });
        }
        let kind = if definition.takes_more {
            let more: Vec<Expression> = given.collect();
            if more.iter().any(|value| value.of == Type::Unit) {
                return unsupported(at, format!("() in the text of `{}`", definition.name));
            }
            Kind::NativeMany(definition, named, more)
        } else {
            Kind::Native(definition, named)
        };
        Ok(Expression::new(definition.returns, kind))
    }

    fn default(&mut self, default: Default) -> Expression {
        match default {
            Default::Int(value) => Expression::int(value),
            Default::Float(value) => Expression::float(value),
            Default::EmptyText => Expression::new(Type::Text, Kind::Text(self.script.text(""))),
        }
    }
}
