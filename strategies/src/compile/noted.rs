//! What the compiler took operators and calls for, by their places in the script: tests count them.

use super::ir::{Expression, Type};
use rhai::Position;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Types of operands by place and name.
pub(crate) type Noted = BTreeMap<(Position, String), Vec<Type>>;

thread_local! {
    static NOTED: RefCell<Noted> = const { RefCell::new(BTreeMap::new()) };
}

/// Notes the types of an operator's or a call's operands; a later try with other types counts.
pub(super) fn note<'e>(
    at: Position,
    name: &str,
    operands: impl IntoIterator<Item = &'e Expression>,
) {
    let types = operands.into_iter().map(|of| of.of).collect();
    NOTED.with_borrow_mut(|noted| noted.insert((at, name.to_owned()), types));
}

/// Takes what was noted on this thread.
pub(crate) fn take() -> Noted {
    NOTED.take()
}
