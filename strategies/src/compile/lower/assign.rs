//! Assignments, plain and with an operator. Rhai evaluates the right side first.

use super::{
    Block, Body, Expression, Holds, Kind, Lowering, Position, Statement, Type,
    chain::{self, Step},
    mistaken, operator, unsupported, word,
};
use crate::compile::check::{Slot, join};
use crate::compile::ir::{ArrayCall, FieldId};
use crate::compile::touch::{Touch, touch};
use crate::sandbox;
use rhai::{Expr, OpAssignment};

/// An assignment's operator, if it has one, and its place.
#[derive(Clone, Copy)]
struct How {
    operator: Option<&'static str>,
    at: Position,
}

impl Body<'_, '_> {
    /// Lowers an assignment.
    pub(super) fn assign(
        &mut self,
        of: &OpAssignment,
        target: &Expr,
        value: &Expr,
        out: &mut Block,
    ) -> Lowering<()> {
        let how = How {
            operator: of.get_op_assignment_info().map(|(.., name)| name),
            at: of.position(),
        };
        match target {
            Expr::Variable(of, _, at) => self.assign_variable(of.1.as_str(), value, how, *at, out),
            Expr::Dot(..) | Expr::Index(..) => self.assign_chain(target, value, how, out),
            _ => unsupported(target.start_position(), "`this` replaced as a whole"),
        }
    }

    fn assign_variable(
        &mut self,
        name: &str,
        value: &Expr,
        how: How,
        at: Position,
        out: &mut Block,
    ) -> Lowering<()> {
        let Some(variable) = self.variable(name) else {
            return unsupported(at, format!("the unknown variable `{name}`"));
        };
        if variable.is_constant {
            let reason = format!("a new value for the constant `{name}`");
            return mistaken(at, reason, "declare it with `let`", &[]);
        }
        let local = match &variable.holds {
            Holds::Local(local) => *local,
            Holds::Market => return unsupported(at, format!("another market for `{name}`")),
            Holds::Unit => return unsupported(at, format!("`{name}` is () and becomes more here")),
            Holds::Nothing(fault) => {
                let reason = fault.reason.clone();
                return unsupported(at, reason);
            }
        };
        let of = self.type_of_local(local);
        let value = match of {
            Some(of) => self.expression_as(value, of)?,
            None => self.expression(value)?,
        };
        let value = match how.operator {
            None => value,
            Some(operator) => {
                let current = self.read(name, at)?;
                match self.operate(current, operator, value, how.at, out)? {
                    Some(value) => value,
                    None => return Ok(()),
                }
            }
        };
        self.set_local(name, local, value, out, how.at)
    }

    /// Returns `current operator value`; `None` where an array took the value in place.
    fn operate(
        &mut self,
        current: Expression,
        operator: &str,
        value: Expression,
        at: Position,
        out: &mut Block,
    ) -> Lowering<Option<Expression>> {
        #[cfg(test)]
        crate::compile::noted::note(at, operator, [&current, &value]);
        let value = if touch(&value) == Touch::Changes {
            self.keep(value, out)
        } else {
            value
        };
        if let ("+", Some(item)) = (operator, current.of.item()) {
            if value.of != item {
                let (found, of) = (word(value.of), word(current.of));
                return unsupported(at, format!("`+=` of {found} to {of}"));
            }
            let call = Kind::ArrayCall(ArrayCall::Push, vec![current, value]);
            out.push(Statement::Do(Expression::new(Type::Unit, call)));
            return Ok(None);
        }
        operator::binary(operator, current, value, at).map(Some)
    }

    fn assign_chain(
        &mut self,
        target: &Expr,
        value: &Expr,
        how: How,
        out: &mut Block,
    ) -> Lowering<()> {
        let at = target.start_position();
        let Some((root, steps)) = chain::flatten(target) else {
            return unsupported(at, "an assignment to this chain");
        };
        let mut path = String::new();
        let mut index = None;
        for step in &steps {
            match step {
                _ if index.is_some() => return unsupported(at, "an assignment to this chain"),
                Step::Property(name, _) => path = join(&path, name),
                Step::Index(Expr::StringConstant(name, _)) => path = join(&path, name),
                Step::Index(of) => index = Some(*of),
                _ => return unsupported(at, "an assignment to this chain"),
            }
        }
        let (array, name) = match root {
            Expr::ThisPtr(at) => {
                self.need_this(*at)?;
                let (id, of) = self.field_at(&path, *at)?;
                if index.is_none() {
                    return self.assign_field((id, of), &path, value, how, out);
                }
                (Expression::new(of, Kind::Field(id)), format!("this.{path}"))
            }
            Expr::Variable(of, ..) if path.is_empty() => {
                let name = of.1.as_str();
                if self.is_constant(root) {
                    return unsupported(at, format!("a new item for the constant `{name}`"));
                }
                (self.read(name, at)?, name.to_owned())
            }
            Expr::Variable(of, ..) if index.is_none() && !path.contains('.') => {
                let value = self.read(of.1.as_str(), at)?;
                let reason = format!("`{path}` of {} given a value", word(value.of));
                if sandbox::Kind::of(value.of).is_some() {
                    return mistaken(at, reason, "it is read only", &[&value]);
                }
                return unsupported(at, reason);
            }
            _ => return unsupported(at, "an assignment to this chain"),
        };
        match index {
            Some(index) => self.assign_item(array, &name, index, value, how, out),
            None => unsupported(at, "an assignment to this chain"),
        }
    }

    fn field_at(&self, path: &str, at: Position) -> Lowering<(FieldId, Type)> {
        match self.script.state.slot(path) {
            Ok(Slot::Field(id, of)) => Ok((*id, *of)),
            Ok(Slot::Map) => unsupported(at, format!("the map `this.{path}` replaced as a whole")),
            Ok(Slot::Unknown(why)) => unsupported(at, why.clone()),
            Err(why) => unsupported(at, why),
        }
    }

    fn assign_field(
        &mut self,
        (id, of): (FieldId, Type),
        path: &str,
        value: &Expr,
        how: How,
        out: &mut Block,
    ) -> Lowering<()> {
        let value = self.expression_as(value, of)?;
        let value = match how.operator {
            None => value,
            Some(operator) => {
                let current = Expression::new(of, Kind::Field(id));
                match self.operate(current, operator, value, how.at, out)? {
                    Some(value) => value,
                    None => return Ok(()),
                }
            }
        };
        if value.of != of {
            let (one, other) = (word(of), word(value.of));
            let mut reason = format!("`this.{path}` holds {one} from `init` and {other} here");
            if (of, value.of) == (Type::Int, Type::Float) {
                reason.push_str(": `init` may give it a float, as 0.0");
            }
            return unsupported(how.at, reason);
        }
        out.push(Statement::SetField(id, value));
        Ok(())
    }

    fn assign_item(
        &mut self,
        array: Expression,
        name: &str,
        index: &Expr,
        value: &Expr,
        how: How,
        out: &mut Block,
    ) -> Lowering<()> {
        let Some(of) = array.of.item() else {
            let found = word(array.of);
            return unsupported(
                how.at,
                format!("`{name}[...]`, which is {found}, changed in part"),
            );
        };
        let mut value = self.expression_as(value, of)?;
        let mut index = self.expression(index)?;
        if index.of != Type::Int {
            return unsupported(how.at, "an index that is no integer");
        }
        let both = [touch(&value), touch(&index)];
        if both.contains(&Touch::Changes) {
            value = self.keep_one(value, out);
            index = self.keep_one(index, out);
        }
        if let Some(operator) = how.operator {
            index = self.keep_for_reuse(index, out);
            let (Some(array), Some(again)) = (array.again(), index.again()) else {
                return unsupported(how.at, "an assignment to this chain");
            };
            let current = Expression::new(of, Kind::Item(Box::new(array), Box::new(again)));
            value = operator::binary(operator, current, value, how.at)?;
        }
        if value.of != of {
            let (one, other) = (word(of), word(value.of));
            let reason = format!("an item of `{name}` is {one} and becomes {other} here");
            return unsupported(how.at, reason);
        }
        out.push(Statement::SetItem {
            array,
            index,
            value,
        });
        Ok(())
    }
}
