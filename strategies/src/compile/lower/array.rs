//! Arrays of numbers.

use super::{
    Block, Body, Expression, Kind, Lowering, Position, Statement, Type, loops, operator, ranges,
    unsupported, word,
};
use crate::compile::ir::{ArrayCall, Comparison};
use rhai::Expr;

impl Body<'_, '_> {
    /// Lowers a method of an array.
    pub(super) fn array_method(
        &mut self,
        array: Expression,
        name: &str,
        arguments: Vec<Expression>,
        at: Position,
    ) -> Lowering<Expression> {
        #[cfg(test)]
        crate::compile::noted::note(at, name, std::iter::once(&array).chain(&arguments));
        let Some(call) = changing(name) else {
            return self.array_reading(array, name, arguments, at);
        };
        let item = array.of.item().unwrap_or(Type::Unit);
        let (takes, returns): (&[Type], Type) = match call {
            ArrayCall::Push => (&[item], Type::Unit),
            ArrayCall::Pop | ArrayCall::Shift => (&[], item),
            ArrayCall::Insert => (&[Type::Int, item], Type::Unit),
            ArrayCall::Remove => (&[Type::Int], item),
            ArrayCall::Truncate => (&[Type::Int], Type::Unit),
            ArrayCall::Clear | ArrayCall::Reverse => (&[], Type::Unit),
        };
        if arguments.len() != takes.len() {
            let (count, want) = (arguments.len(), takes.len());
            return unsupported(at, format!("`{name}` with {count} arguments, not {want}"));
        }
        for (value, want) in arguments.iter().zip(takes) {
            if value.of != *want {
                let (found, of) = (word(value.of), word(array.of));
                return unsupported(at, format!("`{name}` of {found} with {of}"));
            }
        }
        if !matches!(array.kind, Kind::Local(_) | Kind::Field(_)) {
            return unsupported(at, format!("`{name}` of an array without a name"));
        }
        let all = std::iter::once(array).chain(arguments).collect();
        Ok(Expression::new(returns, Kind::ArrayCall(call, all)))
    }

    /// Lowers what only looks at an array.
    pub(super) fn array_reading(
        &mut self,
        array: Expression,
        name: &str,
        mut arguments: Vec<Expression>,
        at: Position,
    ) -> Lowering<Expression> {
        match (name, arguments.len()) {
            ("len" | "is_empty", 0) => Ok(array_property(name, array)),
            ("contains", 1) => {
                let index = self.search(array, arguments.remove(0), at)?;
                let zero = Expression::int(0);
                Ok(loops::compare(Comparison::GreaterEqual, index, zero))
            }
            ("index_of", 1) => self.search(array, arguments.remove(0), at),
            _ => unsupported(at, format!("`{name}` of an array")),
        }
    }

    /// Lowers the search for the first item that is equal to a value; -1 where there is none.
    fn search(
        &mut self,
        array: Expression,
        wanted: Expression,
        at: Position,
    ) -> Lowering<Expression> {
        let mut before = Block::new();
        // What is searched for comes first: computing it may change the array.
        let wanted = self.keep_one(wanted, &mut before);
        let array = match array.kind {
            Kind::Local(_) | Kind::Field(_) => array,
            _ => self.keep(array, &mut before),
        };
        let (index, found) = (self.local(Type::Int), self.local(Type::Int));
        before.push(Statement::Set(index, Expression::int(0)));
        before.push(Statement::Set(found, Expression::int(-1)));
        let here = || Expression::new(Type::Int, Kind::Local(index));
        let (Some(one), Some(other)) = (array.again(), array.again()) else {
            return unsupported(at, "a search in this array");
        };
        let length = Expression::new(Type::Int, Kind::Length(Box::new(one)));
        let item_type = array.of.item().unwrap_or(Type::Unit);
        let item = Expression::new(item_type, Kind::Item(Box::new(other), Box::new(here())));
        let is_equal = operator::binary("==", item, wanted, at)?;
        let is_found = vec![Statement::Set(found, here()), Statement::Break];
        before.push(Statement::Loop {
            operations: SEARCH,
            body: vec![
                loops::break_unless(loops::compare(Comparison::Less, here(), length)),
                Statement::If(is_equal, is_found, Block::new()),
            ],
            step: vec![Statement::Set(index, loops::plus_one(here()))],
        });
        Ok(Expression::new(Type::Int, Kind::Local(found)).after(before))
    }

    /// Lowers `value in from..to`.
    pub(super) fn range_contains(
        &mut self,
        range: ranges::Range,
        wanted: &Expr,
        at: Position,
    ) -> Lowering<Expression> {
        let mut before = Block::new();
        let start = self.keep_one(range.start, &mut before);
        let end = self.keep_one(range.end, &mut before);
        let wanted = self.expression(wanted)?;
        if wanted.of != Type::Int {
            let found = word(wanted.of);
            return unsupported(at, format!("{found} in a range of integers"));
        }
        #[cfg(test)]
        crate::compile::noted::note(at, "contains", [&wanted]);
        let wanted = self.keep_one(wanted, &mut before);
        let again = wanted.again().unwrap_or_else(|| Expression::int(0));
        let within = if range.is_inclusive {
            Comparison::LessEqual
        } else {
            Comparison::Less
        };
        let above = loops::compare(Comparison::LessEqual, start, again);
        let below = loops::compare(within, wanted, end);
        Ok(operator::and(above, below).after(before))
    }
}

/// Returns an array's `len` or `is_empty`.
pub(super) fn array_property(name: &str, array: Expression) -> Expression {
    let length = Expression::new(Type::Int, Kind::Length(Box::new(array)));
    if name == "len" {
        length
    } else {
        loops::compare(Comparison::Equal, length, Expression::int(0))
    }
}

fn changing(name: &str) -> Option<ArrayCall> {
    Some(match name {
        "push" => ArrayCall::Push,
        "pop" => ArrayCall::Pop,
        "shift" => ArrayCall::Shift,
        "insert" => ArrayCall::Insert,
        "remove" => ArrayCall::Remove,
        "truncate" => ArrayCall::Truncate,
        "clear" => ArrayCall::Clear,
        "reverse" => ArrayCall::Reverse,
        _ => return None,
    })
}

/// Operations of a look at an item: one, of the comparison.
const SEARCH: u64 = 1;
