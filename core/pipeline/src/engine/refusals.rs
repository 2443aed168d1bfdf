//! Saved scripts that were refused before they came here: the journal and the record say so.
//!
//! Engine thread, by way of `reloads.rs`. A refusal is an input of its own, so that what users saved stands in the
//! journal in its order, and is the same when the run is repeated.

use super::EngineStage;
use super::reloads::apply_input;
use crate::reload::{Back, Outcome, Ready};
use claire_types::input::Refusal;
use claire_types::{EngineSeq, Input, Note};

impl EngineStage {
    /// Takes a refusal from the staging thread; returns whether the ring took all that it wrote.
    pub(super) fn take_refusal(&mut self, ready: Box<Ready>, reason: Note) -> bool {
        let refusal = Refusal {
            strategy: ready.strategy,
            at: EngineSeq(self.engine.seq().0 + 1),
            sha256: ready.sha256,
            reason,
        };
        apply_input(
            &mut self.engine,
            &Input::Refusal(refusal),
            &mut self.pending,
        );
        if let Some(line) = &mut self.reloads.line {
            let outcome = Outcome::Refused(reason);
            line.held = Some(Back::Tried { outcome, ready });
            line.hand_back(&mut self.engine);
        }
        self.count_reload();
        self.flush_pending()
    }
}
