//! What computing a value reads and changes, so that it is known when the order of two matters.
//!
//! Side exits play no part: they undo the whole call, so it is the same which of two comes first.

use super::ir::{Expression, Kind};
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
        Kind::Length(of) | Kind::Fact(of, _) | Kind::OrderNumber(of, _) => {
            touch(of).max(Touch::Reads)
        }
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
