//! What `for` runs over: ranges with and without a step, and arrays.

use super::{
    Block, Body, Expression, Kind, Local, Lowering, Statement, Type, loops, operator, unsupported,
    word,
};
use crate::compile::ir::{Binary, Comparison};
use crate::compile::planted::{Fault, is_planted};
use crate::compile::walk::{self, Seen};
use crate::{Limits, sandbox};
use rhai::{Dynamic, Expr, Position, Scope};
use std::ops;

/// The turns of a `for`.
pub(super) struct Turns {
    /// The variable's type.
    pub of: Type,
    over: Over,
}

/// What the turns are over.
enum Over {
    Numbers {
        /// How a turn begins: it may end the loop.
        begin: Block,
        /// The variable's value.
        value: Expression,
        /// How a turn ends.
        step: Block,
    },
    /// An array with a name, and the local that counts.
    Array(Expression, Local),
}

/// Both ends of a range of integers.
pub(super) struct Range {
    pub start: Expression,
    pub end: Expression,
    pub is_inclusive: bool,
}

impl Body<'_, '_> {
    /// Lowers what a `for` runs over; `out` is what comes before the loop.
    pub(super) fn turns(&mut self, over: &Expr, out: &mut Block) -> Lowering<Turns> {
        let at = over.start_position();
        if let Some(range) = self.range(over)? {
            return Ok(self.turns_of_range(range, out));
        }
        if let Expr::FnCall(call, _) = over
            && call.name == "range"
            && call.args.len() == 3
            && self.script.source("range", 3).is_none()
        {
            return self.turns_of_steps(&call.args, at, out);
        }
        if let Expr::DynamicConstant(value, _) = over
            && let Some(items) = iterated(value)
        {
            let array = if items.is_empty() {
                Expression::new(Type::Ints, Kind::Array(Vec::new()))
            } else {
                self.constant(&Dynamic::from_array(items), at)?
            };
            return self.turns_of_array(array, at, out);
        }
        let array = self.expression(over)?;
        self.turns_of_array(array, at, out)
    }

    /// Returns the range of integers that the expression is, if it is one.
    pub(super) fn range(&mut self, value: &Expr) -> Lowering<Option<Range>> {
        match value {
            Expr::DynamicConstant(value, _) => Ok(range_constant(value)),
            Expr::FnCall(call, at) => {
                let is_inclusive = call.name == "..=";
                let is_call = call.name == "range" && self.script.source("range", 2).is_none();
                if !(is_inclusive || call.name == ".." || is_call) || call.args.len() != 2 {
                    return Ok(None);
                }
                let mut before = Block::new();
                let ends = if is_call {
                    self.arguments(&call.args, &mut before)?
                } else {
                    self.expressions(&call.args)?
                };
                let Ok([start, end]) = <[Expression; 2]>::try_from(ends) else {
                    return unsupported(*at, "a range");
                };
                if start.of != Type::Int || end.of != Type::Int {
                    let (one, other) = (word(start.of), word(end.of));
                    return unsupported(*at, format!("a range from {one} to {other}"));
                }
                Ok(Some(Range {
                    start: start.after(before),
                    end,
                    is_inclusive,
                }))
            }
            _ => Ok(None),
        }
    }

    fn turns_of_range(&mut self, range: Range, out: &mut Block) -> Turns {
        let at = self.local(Type::Int);
        out.push(Statement::Set(at, range.start));
        let end = self.keep_one(range.end, out);
        let here = || Expression::new(Type::Int, Kind::Local(at));
        let again = end.again().unwrap_or_else(|| Expression::int(0));
        let next = Statement::Set(at, loops::plus_one(here()));
        let (within, step) = if range.is_inclusive {
            let is_last = loops::compare(Comparison::Equal, here(), again);
            let step = vec![Statement::If(is_last, vec![Statement::Break], vec![next])];
            (Comparison::LessEqual, step)
        } else {
            (Comparison::Less, vec![next])
        };
        Turns {
            of: Type::Int,
            over: Over::Numbers {
                begin: vec![loops::break_unless(loops::compare(within, here(), end))],
                value: here(),
                step,
            },
        }
    }

    /// Lowers a range with a step as Rhai runs it: `next` is computed before a value is given.
    ///
    /// Where a sum of integers would overflow, Rhai ends the loop; here the call leaves by a side exit.
    fn turns_of_steps(
        &mut self,
        arguments: &[Expr],
        position: Position,
        out: &mut Block,
    ) -> Lowering<Turns> {
        let mut before = Block::new();
        let values = self.arguments(arguments, &mut before)?;
        out.append(&mut before);
        let Some(of) = values.first().map(|value| value.of) else {
            return unsupported(position, "a range");
        };
        let is_number = matches!(of, Type::Int | Type::Float);
        if !is_number || values.iter().any(|value| value.of != of) {
            let reason = "a range with a step needs three integers or three floats";
            return unsupported(position, reason);
        }
        let mut kept = Vec::new();
        for value in values {
            let local = self.local(of);
            out.push(Statement::Set(local, value));
            kept.push(local);
        }
        let [at, end, step] = kept[..] else {
            return unsupported(position, "a range");
        };
        Ok(self.steps(of, at, end, step, out))
    }

    fn steps(&mut self, of: Type, at: Local, end: Local, step: Local, out: &mut Block) -> Turns {
        let (next, way) = (self.local(of), self.local(Type::Int));
        let value = self.local(of);
        let read = |local| Expression::new(of, Kind::Local(local));
        let is = |how, one, other| operator::compare_exactly(how, read(one), read(other));
        let go = |way_is| vec![Statement::Set(way, Expression::int(way_is))];
        let sum = |one, other| {
            let add = if of == Type::Int {
                Binary::Add
            } else {
                Binary::AddFloat
            };
            operator::apply(add, of, read(one), read(other))
        };
        out.push(Statement::Set(next, sum(at, step)));
        // A step of zero is an error.
        out.push(Statement::If(
            is(Comparison::Equal, next, at),
            vec![Statement::SideExit],
            Block::new(),
        ));
        let up = operator::and(
            is(Comparison::Less, at, end),
            is(Comparison::Greater, next, at),
        );
        let down = operator::and(
            is(Comparison::Greater, at, end),
            is(Comparison::Less, next, at),
        );
        let not_up = vec![Statement::If(down, go(-1), go(0))];
        out.push(Statement::If(up, go(1), not_up));
        let the_way = || Expression::new(Type::Int, Kind::Local(way));
        let is_on = loops::compare(Comparison::NotEqual, the_way(), Expression::int(0));
        let is_up = loops::compare(Comparison::Greater, the_way(), Expression::int(0));
        let ends = |how| vec![Statement::If(is(how, at, end), go(0), Block::new())];
        let begin = vec![
            loops::break_unless(is_on),
            Statement::Set(value, read(at)),
            Statement::Set(at, sum(at, step)),
            Statement::If(
                is_up,
                ends(Comparison::GreaterEqual),
                ends(Comparison::LessEqual),
            ),
        ];
        Turns {
            of,
            over: Over::Numbers {
                begin,
                value: read(value),
                step: Block::new(),
            },
        }
    }

    /// Lowers the turns over an array. Rhai copies it first: what the body does to it is not seen.
    ///
    /// An array with a name is copied only where the body may change it, which is known when that is lowered.
    fn turns_of_array(
        &mut self,
        array: Expression,
        position: Position,
        out: &mut Block,
    ) -> Lowering<Turns> {
        let Some(of) = array.of.item() else {
            let found = word(array.of);
            return unsupported(position, format!("`for` over {found}"));
        };
        let at = self.local(Type::Int);
        out.push(Statement::Set(at, Expression::int(0)));
        let array = match array.kind {
            Kind::Local(_) | Kind::Field(_) => array,
            _ => self.keep(array, out),
        };
        Ok(Turns {
            of,
            over: Over::Array(array, at),
        })
    }
}

impl Turns {
    /// Returns how a turn begins, its value, and how it ends, for this body. `out` is what comes before the loop.
    pub(super) fn around(
        self,
        inner: &Block,
        body: &mut Body<'_, '_>,
        out: &mut Block,
    ) -> (Block, Expression, Block) {
        let (array, at) = match self.over {
            Over::Numbers { begin, value, step } => return (begin, value, step),
            Over::Array(array, at) => (array, at),
        };
        let read = if may_change(inner, &array) && !is_planted(Fault::ForByReference) {
            body.keep(array, out)
        } else {
            array
        };
        let items = || read.again().unwrap_or_else(Expression::unit);
        let here = || Expression::new(Type::Int, Kind::Local(at));
        let length = Expression::new(Type::Int, Kind::Length(Box::new(items())));
        let is_within = loops::compare(Comparison::Less, here(), length);
        let item = Kind::Item(Box::new(items()), Box::new(here()));
        (
            vec![loops::break_unless(is_within)],
            Expression::new(self.of, item),
            vec![Statement::Set(at, loops::plus_one(here()))],
        )
    }
}

/// Returns whether the statements may change the array with this name.
fn may_change(block: &Block, array: &Expression) -> bool {
    let is_it = |other: &Expression| match (&array.kind, &other.kind) {
        (Kind::Local(one), Kind::Local(other)) => one == other,
        (Kind::Field(one), Kind::Field(other)) => one == other,
        (Kind::Local(_), Kind::Field(_)) | (Kind::Field(_), Kind::Local(_)) => false,
        _ => true,
    };
    let mut changes = false;
    walk::block(block, &mut |seen| {
        changes |= match (seen, &array.kind) {
            (Seen::Statement(Statement::Set(local, _)), Kind::Local(own)) => local == own,
            (Seen::Statement(Statement::SetField(field, _)), Kind::Field(own)) => field == own,
            (Seen::Statement(Statement::SetItem { array, .. }), _) => is_it(array),
            (Seen::Expression(of), _) => match &of.kind {
                Kind::ArrayCall(_, arguments) => arguments.first().is_none_or(is_it),
                // A function of the script may change any field.
                Kind::Call(..) => matches!(array.kind, Kind::Field(_)),
                _ => false,
            },
            _ => false,
        };
    });
    changes
}

fn range_constant(value: &Dynamic) -> Option<Range> {
    let of = |start: i64, end: i64, is_inclusive| Range {
        start: Expression::int(start),
        end: Expression::int(end),
        is_inclusive,
    };
    if let Some(range) = value.read_lock::<ops::Range<i64>>() {
        return Some(of(range.start, range.end, false));
    }
    let range = value.read_lock::<ops::RangeInclusive<i64>>()?;
    Some(of(*range.start(), *range.end(), true))
}

/// Returns the items of a constant range with a step, which the optimizer has computed.
fn iterated(value: &Dynamic) -> Option<rhai::Array> {
    if value.is_array() {
        return None;
    }
    let mut scope = Scope::new();
    scope.push_dynamic("range", value.clone());
    let engine = sandbox::engine(&Limits::default());
    sandbox::refill();
    let text = "let all = []; for item in range { all.push(item); } all";
    let items = engine
        .eval_with_scope::<rhai::Array>(&mut scope, text)
        .ok()?;
    (items.len() <= ITEMS_MAX).then_some(items)
}

/// The most turns of a constant range with a step.
const ITEMS_MAX: usize = 1_024;
