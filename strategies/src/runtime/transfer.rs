//! What goes from the slots of one version to those of the next, planned before the swap.
//!
//! Planned where a version is made ready, off the engine thread; read at the swap, where a few words are copied then.
//! Does what `inherit` does with the maps of both, where all that both hold has a slot: fields of the same name have
//! the same type there, or there is no plan.

use super::store::Store;
use crate::Script;
use crate::compile::ir::Type;
use claire_engine::strategy::Inheritance;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

/// A plan between two scripts.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The script of the version before: this one, at this place. Weak, so that the plan keeps none of it.
    from: Weak<Script>,
    moves: Vec<Move>,
    inheritance: Inheritance,
}

/// A value that is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// The slot before.
    pub from: usize,
    /// The slot.
    pub to: usize,
    /// What both hold.
    pub of: Type,
}

impl Transfer {
    /// Plans what is taken over from instances of a script; `None` where only the values themselves can tell.
    pub(super) fn plan(own: &Store, before: &Store, script: &Arc<Script>) -> Option<Self> {
        let mut moves = Vec::new();
        for (to, (path, of)) in own.fields().enumerate() {
            for (from, (other, of_other)) in before.fields().enumerate() {
                let is_same = path == other;
                let is_within = path.starts_with(other) || other.starts_with(path);
                match of {
                    _ if !is_within => {}
                    // A map on one side, or another type: refused or not, in words.
                    _ if !is_same || of != of_other => return None,
                    // The engine's numbers for what each version declares itself.
                    Type::Unit | Type::Indicator | Type::Bars | Type::Market => {}
                    of => moves.push(Move { from, to, of }),
                }
            }
        }
        let (own, before) = (names(own), names(before));
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let both = own.intersection(&before).count();
        Some(Self {
            from: Arc::downgrade(script),
            moves,
            inheritance: Inheritance {
                carried: count(both),
                fresh: count(own.len() - both),
                dropped: count(before.len() - both),
            },
        })
    }

    /// Returns whether it was planned for instances of this script.
    pub(super) fn is_from(&self, script: &Arc<Script>) -> bool {
        std::ptr::eq(self.from.as_ptr(), Arc::as_ptr(script))
    }

    /// Returns the values that are taken over.
    pub(super) fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// Returns what it comes to.
    pub(super) fn inheritance(&self) -> Inheritance {
        self.inheritance
    }
}

/// Returns the names of the fields of `this` itself.
fn names(store: &Store) -> BTreeSet<&str> {
    let paths = store.fields().map(|(path, _)| path);
    paths
        .filter_map(|path| path.first().map(String::as_str))
        .collect()
}
