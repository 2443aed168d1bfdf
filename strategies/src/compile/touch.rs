//! What computing a value reads and changes, so that it is known when the order of two matters.
//!
//! Side exits play no part: they undo the whole call, so it is the same which of two comes first.

use super::ir::{Expression, Kind};
use super::walk::{self, Seen};
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
    let mut most = Touch::Nothing;
    walk::expression(value, &mut |seen| {
        most = most.max(match seen {
            Seen::Expression(of) => own(&of.kind),
            Seen::Statement(_) => Touch::Changes,
        });
    });
    most
}

/// Returns what computing a value touches beside its operands.
fn own(of: &Kind) -> Touch {
    match of {
        Kind::Unit | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) => {
            Touch::Nothing
        }
        Kind::Market | Kind::NoOrder | Kind::Array(_) | Kind::Copy(_) => Touch::Nothing,
        Kind::Unary(..) | Kind::Binary(..) | Kind::And(..) | Kind::Or(..) => Touch::Nothing,
        // Of what the handler was given, which stays as it is.
        Kind::Member(..) => Touch::Nothing,
        Kind::Local(_) | Kind::Field(_) | Kind::Item(..) | Kind::Length(_) => Touch::Reads,
        Kind::Fact(..) | Kind::OrderNumber(..) => Touch::Reads,
        Kind::Native(of, _) => match of.effect {
            Effect::Pure => Touch::Nothing,
            Effect::Reads => Touch::Reads,
            Effect::Asks | Effect::Acts | Effect::Declares => Touch::Changes,
        },
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
