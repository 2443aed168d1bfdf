//! The engine stage's part of a reload: it takes ready versions between two inputs, and hands back what left.
//!
//! Engine thread. A reload is an input like any other, journaled in every run: its document before it, then the
//! input, then its records. Reloads that a journal has already come from the plan, at the place where they were.

use super::{CellBuffer, EngineStage, refusals};
use crate::clock::Clock;
use crate::reload::plan::{Plan, Planned};
use crate::reload::tee::Tee;
use crate::reload::{Back, Outcome, Ready};
use claire_engine::{Engine, Retired, Swapped};
use claire_types::input::Reload;
use claire_types::{Cells, EngineSeq, Header, Input};
use rtrb::{Consumer, Producer};

/// What the engine stage has to do with reloads.
#[derive(Default)]
pub(crate) struct Reloads {
    /// What the journal says; empty in a run of its own.
    pub plan: Plan,
    /// The way from and to the staging stage, where there is one.
    pub line: Option<SwapLine>,
}

/// The way from and to the staging stage.
pub(crate) struct SwapLine {
    /// Versions that are ready.
    pub ready: Consumer<Box<Ready>>,
    /// What became of them, and what is to be freed.
    pub back: Producer<Back>,
    /// What could not be handed back yet.
    pub held: Option<Back>,
    /// Inputs for the staging stage.
    pub tee: Tee,
    /// Times the pause.
    pub clock: Clock,
}

impl Reloads {
    /// Returns whether the tee takes a message of that length.
    #[inline]
    pub fn has_room(&mut self, cells: usize) -> bool {
        self.line
            .as_mut()
            .is_none_or(|line| line.tee.has_room(cells))
    }

    /// Shows an input that was applied to whoever follows the market.
    #[inline]
    pub fn show(&mut self, message: &Cells<'_>) {
        if let Some(line) = &mut self.line {
            line.tee.take(message);
        }
    }

    /// Applies the planned reload and writes what belongs to it into `pending`.
    #[cold]
    fn apply_planned(&mut self, engine: &mut Engine, pending: &mut CellBuffer) {
        let planned = match self.plan.take_next() {
            Some(Planned::Reload(planned)) => planned,
            Some(Planned::Refusal(refusal)) => return refusals::apply(engine, &refusal, pending),
            None => return,
        };
        match planned.make() {
            Ok((parts, reload, successor)) => {
                engine.stage(Box::new(successor));
                apply(engine, &parts, &reload, pending);
            }
            // The records will show that it is missing.
            Err(error) => tracing::error!(%error, "a reload of the journal cannot be repeated"),
        }
        while engine.take_retired().is_some() {}
        engine.take_swapped();
    }
}

impl EngineStage {
    /// Applies the reloads of the journal that are due; returns whether the ring took all that they wrote.
    pub(super) fn take_planned(&mut self) -> bool {
        while is_reload_due(self.to_skip, &self.reloads, &self.engine) {
            let (engine, pending) = (&mut self.engine, &mut self.pending);
            self.reloads.apply_planned(engine, pending);
            self.count_reload();
            if !self.flush_pending() {
                return false;
            }
        }
        true
    }

    /// Counts what a reload takes in the journal.
    pub(super) fn count_reload(&mut self) {
        if let Some(segments) = &mut self.segments {
            segments.count(self.pending.len(), self.engine.floor().now());
        }
    }

    /// Takes a version that is ready, between two inputs; returns whether the ring took all that it wrote.
    pub(super) fn take_ready(&mut self) -> bool {
        let Some(line) = &mut self.reloads.line else {
            return true;
        };
        line.tee.turn(&self.engine);
        if !line.hand_back(&mut self.engine) {
            return true;
        }
        // Nothing is an input after the end.
        if self.engine.has_ended() {
            return true;
        }
        let Ok(mut ready) = line.ready.pop() else {
            return true;
        };
        if let Some(reason) = ready.refused {
            return self.take_refusal(ready, reason);
        }
        let begun = line.clock.mono();
        if let Some(successor) = ready.successor.take() {
            self.engine.stage(successor);
        }
        let reload = Reload {
            strategy: ready.strategy,
            at: EngineSeq(self.engine.seq().0 + 1),
            sha256: ready.sha256,
        };
        apply(&mut self.engine, &ready.parts, &reload, &mut self.pending);
        let pause_ns = line.clock.mono().since(begun);
        let outcome = match self.engine.take_swapped() {
            Some(Swapped::Live(inheritance)) => Outcome::Live {
                inheritance,
                pause_ns,
            },
            Some(Swapped::Refused(text)) => Outcome::Refused(text),
            None => Outcome::Lost,
        };
        line.held = Some(Back::Tried { outcome, ready });
        line.hand_back(&mut self.engine);
        self.count_reload();
        self.flush_pending()
    }
}

impl SwapLine {
    /// Hands back what is held and what left its seat; returns whether there is room for more.
    pub(super) fn hand_back(&mut self, engine: &mut Engine) -> bool {
        loop {
            let next = self.held.take().or_else(|| {
                let retired: Option<Retired> = engine.take_retired();
                retired.map(Back::Retired)
            });
            let Some(back) = next else {
                return true;
            };
            if let Err(rtrb::PushError::Full(back)) = self.back.push(back) {
                self.held = Some(back);
                return false;
            }
        }
    }
}

/// Returns whether a reload of the journal comes before the next input of the feed.
#[inline]
pub(super) fn is_reload_due(to_skip: u64, reloads: &Reloads, engine: &Engine) -> bool {
    to_skip == 0 && reloads.plan.is_due(engine.seq())
}

/// Applies a reload as the next input.
fn apply(engine: &mut Engine, parts: &CellBuffer, reload: &Reload, pending: &mut CellBuffer) {
    let header = Header::of_time(0, engine.floor().now());
    let input = Input::Reload(*reload);
    pending.extend(parts.view());
    input.encode(&header, pending);
    engine.apply(&header, &input);
    pending.extend(Cells::new(engine.records(), &[]));
}
