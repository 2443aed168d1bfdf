//! What computing a value reads and changes, and keeping Rhai's order of evaluation.
//!
//! Side exits play no part: they undo the whole call, so it is the same which of two comes first.

use super::{Block, Body, Expression, Kind};
use crate::api::definition::Effect;

/// What computing a value touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    /// Nothing: it is always the same.
    Nothing,
    /// It reads what may change.
    Reads,
    /// It may change something.
    Changes,
}

/// Returns what computing the value touches.
pub(super) fn touch(value: &Expression) -> Touch {
    match &value.kind {
        Kind::Unit
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Market
        | Kind::NoOrder => Touch::Nothing,
        Kind::Local(_) | Kind::Field(_) => Touch::Reads,
        Kind::Item(array, index) => touch(array).max(touch(index)).max(Touch::Reads),
        Kind::Length(of) | Kind::Fact(of, _) => touch(of).max(Touch::Reads),
        Kind::Copy(of) | Kind::Unary(_, of) | Kind::Member(of, _) => touch(of),
        Kind::Array(items) => touch_all(items),
        Kind::Binary(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) => touch(a).max(touch(b)),
        Kind::Native(of, arguments) => {
            let own = match of.effect {
                Effect::Pure => Touch::Nothing,
                Effect::Reads => Touch::Reads,
                Effect::Asks | Effect::Acts | Effect::Declares => Touch::Changes,
            };
            touch_all(arguments).max(own)
        }
        Kind::ArrayCall(..) | Kind::After(..) | Kind::NativeMany(..) | Kind::Call(..) => {
            Touch::Changes
        }
    }
}

/// Returns what computing all of the values touches.
pub(super) fn touch_all<'e>(all: impl IntoIterator<Item = &'e Expression>) -> Touch {
    all.into_iter().map(touch).max().unwrap_or(Touch::Nothing)
}

/// Returns whether it matters which of the two is computed first.
pub(super) fn conflict(one: Touch, other: Touch) -> bool {
    (one == Touch::Changes && other != Touch::Nothing)
        || (other == Touch::Changes && one != Touch::Nothing)
}

/// Returns whether computing the value may do something or leave by a side exit, so that it must not be left out.
pub(super) fn acts(value: &Expression) -> bool {
    match &value.kind {
        Kind::Local(_) | Kind::Field(_) => false,
        _ => touch(value) != Touch::Nothing || !value.is_plain(),
    }
}

impl Expression {
    /// Returns whether this is a constant or a plain reading: to compute it again costs nothing.
    pub(super) fn is_plain(&self) -> bool {
        self.again().is_some()
    }
}

impl Body<'_, '_> {
    /// Computes the values now, in their order, unless they are constants.
    pub(super) fn keep_all(&mut self, values: Vec<Expression>, out: &mut Block) -> Vec<Expression> {
        values
            .into_iter()
            .map(|value| self.keep_one(value, out))
            .collect()
    }

    /// Computes the value now, unless it is a constant.
    pub(super) fn keep_one(&mut self, value: Expression, out: &mut Block) -> Expression {
        if touch(&value) == Touch::Nothing && value.is_plain() {
            value
        } else {
            self.keep(value, out)
        }
    }

    /// Computes the value now where it is no constant or local, so that it can be used several times.
    pub(super) fn keep_for_reuse(&mut self, value: Expression, out: &mut Block) -> Expression {
        if value.is_plain() && !matches!(value.kind, Kind::Field(_)) {
            value
        } else {
            self.keep(value, out)
        }
    }
}
