//! The engine stage's part of a reload: it takes ready versions between two inputs, and hands back what left.
//!
//! Engine thread. A version comes near in several turns, while no event waits, and takes its seat in one. A reload is an
//! input like any other, journaled in every run: its document before it, then the input, then its records. Reloads that a
//! journal has already come from the plan, at the place where they were.

use super::{CellBuffer, EngineStage};
use crate::clock::Clock;
use crate::reload::plan::{Plan, Planned};
use crate::reload::tee::Tee;
use crate::reload::{Back, Outcome, Ready, Stays};
use claire_engine::{Engine, Retired, Swapped};
use claire_types::input::Reload;
use claire_types::{Cells, EngineSeq, Header, Input, MonoNs};
use rtrb::{Consumer, Producer};
use std::hint::black_box;

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
    /// Times the pauses.
    pub clock: Clock,
    /// What is on its way to its seat.
    pub landing: Option<Landing>,
}

/// A version that came, on its way to its seat.
///
/// What the swap looks at was written by another core. It is brought near in turns before, while no event waits, so that
/// no stay away from events is long.
pub(crate) struct Landing {
    ready: Box<Ready>,
    step: Step,
    /// Turns in which events went first.
    turns_waited: u32,
    stays: Stays,
}

/// What comes next of a landing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its document's cells from here on are looked at.
    Document(usize),
    /// What the engine needs is looked at.
    Approach,
    /// The seat changes hands.
    Swap,
}

/// Turns that a landing lets events go first, before it goes on though some wait.
const TURNS_WAITED_MAX: u32 = 64;
/// Cells of a document that are looked at in one turn: 16 KB.
const DOCUMENT_CELLS: usize = 1_024;
/// Cells in a line of the processor's cache.
const LINE_CELLS: usize = 4;

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

    /// Returns whether a version is on its way to its seat, and the next step should follow soon.
    pub fn is_landing(&self) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|line| line.landing.is_some())
    }

    /// Applies the planned reload and writes what belongs to it into `pending`.
    #[cold]
    fn apply_planned(&mut self, engine: &mut Engine, pending: &mut CellBuffer) {
        let planned = match self.plan.take_next() {
            Some(Planned::Reload(planned)) => planned,
            Some(Planned::Refusal(refusal)) => {
                return apply_input(engine, &Input::Refusal(refusal), pending);
            }
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
        engine.take_spent();
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

    /// Goes on with a version that is ready, between two inputs; returns whether the ring took all that it wrote.
    pub(super) fn take_ready(&mut self) -> bool {
        let Some(line) = &mut self.reloads.line else {
            return true;
        };
        line.tee.turn(&self.engine);
        // Nothing is an input after the end.
        if !line.hand_back(&mut self.engine) || self.engine.has_ended() || !line.has_version() {
            return true;
        }
        self.land()
    }

    /// Takes the next step of a landing.
    #[cold]
    fn land(&mut self) -> bool {
        let Some(line) = &mut self.reloads.line else {
            return true;
        };
        let begun = line.clock.mono();
        let landing = line.landing.take();
        let Some(mut landing) = landing.or_else(|| line.ready.pop().ok().map(Landing::new)) else {
            return true;
        };
        if let Some(reason) = landing.ready.refused {
            return self.take_refusal(landing.ready, reason);
        }
        if self.events.used() > 0 && landing.turns_waited < TURNS_WAITED_MAX {
            landing.turns_waited += 1;
            line.landing = Some(landing);
            return true;
        }
        let Some(step) = landing.approach(&mut self.engine) else {
            return self.swap(landing, begun);
        };
        landing.step = step;
        landing.stays.add(line.clock.mono().since(begun));
        line.landing = Some(landing);
        true
    }

    /// Applies the reload; returns whether the ring took all that it wrote.
    fn swap(&mut self, mut landing: Landing, begun: MonoNs) -> bool {
        let ready = &mut landing.ready;
        if let Some(successor) = ready.successor.take() {
            self.engine.stage(successor);
        }
        let reload = Reload {
            strategy: ready.strategy,
            at: EngineSeq(self.engine.seq().0 + 1),
            sha256: ready.sha256,
        };
        apply(&mut self.engine, &ready.parts, &reload, &mut self.pending);
        ready.successor = self.engine.take_spent();
        let swapped = self.engine.take_swapped();
        self.count_reload();
        let is_written = self.flush_pending();
        let Some(line) = &mut self.reloads.line else {
            return is_written;
        };
        let at = line.clock.mono();
        landing.stays.add(at.since(begun));
        let outcome = match swapped {
            Some(Swapped::Live { inheritance, rests }) => Outcome::Live {
                inheritance,
                rests,
                stays: landing.stays,
                at,
            },
            Some(Swapped::Refused(text)) => Outcome::Refused(text),
            None => Outcome::Lost,
        };
        // It goes back in the next turn.
        line.held = Some(Back::Tried {
            outcome,
            ready: landing.ready,
        });
        is_written
    }
}

impl Landing {
    fn new(ready: Box<Ready>) -> Self {
        Self {
            ready,
            step: Step::Document(0),
            turns_waited: 0,
            stays: Stays::default(),
        }
    }

    /// Brings near what the next step is about; returns the step after it, `None` where the swap is next.
    fn approach(&mut self, engine: &mut Engine) -> Option<Step> {
        match self.step {
            Step::Document(at) => {
                let cells = self.ready.parts.as_slice().get(at..).unwrap_or_default();
                let lines = cells.iter().take(DOCUMENT_CELLS).step_by(LINE_CELLS);
                for cell in lines {
                    black_box(cell.low);
                }
                Some(match cells.len() > DOCUMENT_CELLS {
                    true => Step::Document(at + DOCUMENT_CELLS),
                    false => Step::Approach,
                })
            }
            Step::Approach => {
                if let Some(successor) = &mut self.ready.successor {
                    engine.approach(self.ready.strategy, successor);
                }
                Some(Step::Swap)
            }
            Step::Swap => None,
        }
    }
}

impl SwapLine {
    /// Returns whether a version is on its way to its seat, or waits for that.
    fn has_version(&self) -> bool {
        self.landing.is_some() || !self.ready.is_empty()
    }

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

/// Applies a reload as the next input, and writes its document before it.
fn apply(engine: &mut Engine, parts: &CellBuffer, reload: &Reload, pending: &mut CellBuffer) {
    pending.extend(parts.view());
    apply_input(engine, &Input::Reload(*reload), pending);
}

/// Applies an input that does not come from FEED as the next one, and writes it and its records.
pub(super) fn apply_input(engine: &mut Engine, input: &Input<'_>, pending: &mut CellBuffer) {
    let header = Header::of_time(0, engine.floor().now());
    input.encode(&header, pending);
    engine.apply(&header, input);
    pending.extend(Cells::new(engine.records(), &[]));
}
