//! Reload: a strategy's file is saved, and its new version trades a moment later, or is refused with its place.
//!
//! All but the swap itself happens here, on the staging thread: `watcher` tells `watchlist` what the system says of
//! the files; what is whole is read, checked and compiled; `mirror` follows the market by the `tee` and tries the
//! version on the last events; `stage` hands it to ENGINE by a bounded ring and frees what comes back. ENGINE's part
//! is in `engine/reloads.rs`, the swap in the engine itself. `document` and `plan` are what a journal keeps of it.

pub(crate) mod document;
mod figures;
pub(crate) mod mirror;
pub(crate) mod plan;
mod reloading;
pub(crate) mod resume;
pub(crate) mod stage;
pub(crate) mod tee;
mod telling;
mod watcher;
mod watchlist;

pub use figures::{ReloadFigures, ReloadReport};
pub use reloading::Reloading;
pub(crate) use reloading::untold;

use claire_engine::strategy::Inheritance;
use claire_engine::{Retired, Successor};
use claire_types::{CellBuffer, MonoNs, Note, StrategyId};
use std::sync::Arc;

/// Tells a person what became of a reload, besides the log.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// A version on its way to the engine.
pub(crate) struct Ready {
    /// Whose seat.
    pub strategy: StrategyId,
    /// SHA-256 of the script's text; zeros where none could be read.
    pub sha256: [u8; 32],
    /// Why it is refused already: then it is only recorded.
    pub refused: Option<Note>,
    /// Its document, as the messages that the journal takes.
    pub parts: CellBuffer,
    /// The version; the engine takes it out.
    pub successor: Option<Box<Successor>>,
}

/// What the engine stage hands back.
pub(crate) enum Back {
    /// The version was tried.
    Tried {
        /// What it came to.
        outcome: Outcome,
        /// What is left of it, to be freed.
        ready: Box<Ready>,
    },
    /// A version left its seat.
    Retired(Retired),
}

/// What a reload came to at the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It runs.
    Live {
        /// What it took over.
        inheritance: Inheritance,
        /// What it waits for before it is called.
        rests: Option<Note>,
        /// How long the engine thread was at it.
        stays: Stays,
        /// When it had its seat, and the ring what the journal keeps of it.
        at: MonoNs,
    },
    /// The version before goes on.
    Refused(Note),
    /// The engine knew nothing of it.
    Lost,
}

/// How long the engine thread was away from events for one version, in several stays with events between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stays {
    /// The longest: the most that an event waited.
    pub longest_ns: u64,
    /// All together.
    pub total_ns: u64,
}

impl Stays {
    /// Counts a stay.
    pub fn add(&mut self, ns: u64) {
        self.longest_ns = self.longest_ns.max(ns);
        self.total_ns += ns;
    }
}
