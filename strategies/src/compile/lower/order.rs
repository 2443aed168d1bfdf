//! Keeping Rhai's order of evaluation where it matters, and values that are used more than once.

use super::{Block, Body, Expression, Kind};
use crate::compile::touch::{Touch, touch};

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
