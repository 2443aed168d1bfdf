//! ENGINE: takes events in order, applies them, hands the records on.
//!
//! Engine thread. The engine itself is in `claire-engine`; this stage gives it inputs, times its parts
//! (`parts`) and owns the rings. What an input produced stays pending until the ring took all of it. Between
//! two inputs it decides where a segment of the journal begins, with a snapshot.

#[cfg(test)]
mod hangs;
pub(crate) mod parts;
mod refusals;
pub(crate) mod reloads;
mod segments;

pub use segments::SegmentPlan;

use crate::clock::Clock;
use crate::latency::LatencyRecorder;
use crate::ring::{MessageConsumer, MessageProducer, Stamp};
use crate::stage::{Stage, StageName, Turn};
use claire_engine::Engine;
use claire_engine::floor::Seat;
use claire_strategies::sandbox;
use claire_types::record::Decision;
use claire_types::{CellBuffer, Cells, EngineSeq, Input};
use parts::PartTimes;
use reloads::{Reloads, is_reload_due};
use segments::Segments;

/// Inputs applied in one turn before others get theirs.
const INPUTS_PER_TURN: usize = 256;
/// Room for an input and its records before the buffer must grow.
const PENDING_CELLS: usize = 32_768;

/// The engine stage.
pub struct EngineStage {
    engine: Engine,
    events: MessageConsumer,
    records: MessageProducer,
    pending: CellBuffer,
    flushed: usize,
    journals_inputs: bool,
    segments: Option<Segments>,
    reloads: Reloads,
    /// Inputs that the engine knows from its snapshot and that come again.
    to_skip: u64,
    latency: LatencyRecorder,
    parts: PartTimes,
    faults: u64,
    /// Most time of a strategy's call, until this thread's scripts know it.
    call_ns_max: Option<u64>,
}

/// What of a run stands in its journal beside its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journaling {
    /// Its inputs, in full: no file holds them.
    pub inputs: bool,
    /// Snapshots, where a segment begins; none without a journal.
    pub segments: Option<SegmentPlan>,
}

impl EngineStage {
    /// Returns the stage. An engine made from a snapshot passes over the inputs that are in it.
    pub fn new(
        mut engine: Engine,
        events: MessageConsumer,
        records: MessageProducer,
        journaling: &Journaling,
        clock: Clock,
        latency: LatencyRecorder,
    ) -> Self {
        let (parts, probe) = PartTimes::new(clock);
        engine.set_probe(Box::new(probe));
        let EngineSeq(seq) = engine.seq();
        let to_skip = seq.saturating_sub(reloads_in(&engine));
        Self {
            segments: Segments::new(journaling, &engine),
            engine,
            events,
            records,
            pending: CellBuffer::with_capacity(PENDING_CELLS),
            flushed: 0,
            journals_inputs: journaling.inputs,
            to_skip,
            reloads: Reloads::default(),
            call_ns_max: None,
            latency,
            parts,
            faults: 0,
        }
    }

    /// Takes part in reloads, and cuts calls of scripts that take longer; not where cuts of a journal are repeated: there
    /// it says which they are.
    pub(crate) fn with_reloads(mut self, mut reloads: Reloads, call_ns_max: Option<u64>) -> Self {
        reloads.plan.tell_cuts(&mut self.engine);
        self.reloads = reloads;
        self.call_ns_max = call_ns_max;
        self
    }

    /// Returns the engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the engine's latencies since the last hand-over.
    pub const fn latency(&self) -> &LatencyRecorder {
        &self.latency
    }

    /// Writes what is pending; returns whether the ring took all of it.
    fn flush_pending(&mut self) -> bool {
        if !flush(&self.pending, &mut self.flushed, &mut self.records) {
            return false;
        }
        self.pending.clear();
        self.flushed = 0;
        true
    }

    /// Applies waiting inputs until the turn is full, the ring is, or none waits.
    fn work(&mut self) -> Turn {
        let Some(available) = self.events.peek() else {
            return if self.events.is_ended() {
                Turn::Done
            } else {
                Turn::Idle
            };
        };
        self.parts.open_turn();
        let (mut rest, mut taken, mut applied) = (available.cells(), 0, 0);
        while applied < INPUTS_PER_TURN
            && let Ok((message, after)) = rest.split_message()
        {
            if let Some(stamp) = stamp_of(&message) {
                self.parts.begin_frame(stamp);
                taken += message.len();
                rest = after;
                continue;
            }
            let is_due = is_reload_due(self.to_skip, &self.reloads, &self.engine);
            if is_due || !self.reloads.has_room(message.len()) {
                break;
            }
            if let Some(segments) = &mut self.segments {
                segments.begin_if_due(&self.engine);
                let pauses = segments.is_writing();
                let records = &mut self.records;
                if !write_snapshot(segments, &mut self.pending, &mut self.flushed, records) {
                    break;
                }
                if pauses {
                    self.parts.skip();
                }
            }
            taken += message.len();
            rest = after;
            applied += 1;
            if self.to_skip > 0 {
                self.to_skip -= 1;
                self.parts.skip();
                continue;
            }
            // Fields one by one: the ring's chunk is still borrowed.
            let mut step = Step {
                engine: &mut self.engine,
                pending: &mut self.pending,
                journals_inputs: self.journals_inputs,
            };
            match step.apply(&message) {
                Ok(has_decided) => self.parts.end_input(&mut self.latency, has_decided),
                Err(()) => self.faults += 1,
            }
            self.reloads.show(&message);
            if let Some(segments) = &mut self.segments {
                segments.count(self.pending.len(), self.engine.floor().now());
            }
            if self.pending.is_empty() {
                continue;
            }
            if !flush(&self.pending, &mut self.flushed, &mut self.records) {
                break;
            }
            self.pending.clear();
            self.flushed = 0;
            self.parts.skip();
        }
        available.advance(taken);
        self.latency.turn(self.parts.close_turn());
        turn_of(taken)
    }
}

impl Stage for EngineStage {
    fn name(&self) -> StageName {
        const { StageName::new("engine") }
    }

    fn turn(&mut self) -> Turn {
        if let Some(call_ns_max) = self.call_ns_max.take() {
            // The first turn is on the thread that makes all others.
            sandbox::poll_with(Some(self.parts.call_budget(call_ns_max)));
        }
        if !self.flush_pending() {
            return Turn::Blocked;
        }
        if let Some(segments) = &mut self.segments
            && !write_snapshot(
                segments,
                &mut self.pending,
                &mut self.flushed,
                &mut self.records,
            )
        {
            return Turn::Blocked;
        }
        if !self.take_planned() || !self.take_ready() {
            return Turn::Blocked;
        }
        match self.work() {
            // What came near must not be far again at the next step.
            Turn::Idle if self.reloads.is_landing() => Turn::Worked,
            turn => turn,
        }
    }

    fn close(&mut self) {
        let refused = self.segments.as_ref().map_or(0, Segments::refused);
        if refused > 0 {
            tracing::warn!(
                refused,
                "segments of the journal did not begin: the engine's state is too large"
            );
        }
        // What FEED writes is its own encoding: a message that the engine cannot read is a bug.
        assert_eq!(self.faults, 0, "every message of the feed is an input");
        self.records.close();
        if let Some(mut line) = self.reloads.line.take() {
            line.tee.close();
        }
    }
}

/// Returns what a turn was that took so many cells: messages wait, so without one something is full.
const fn turn_of(taken: usize) -> Turn {
    match taken {
        0 => Turn::Blocked,
        _ => Turn::Worked,
    }
}

/// Returns how many of an engine's inputs were reloads: FEED does not make them again.
fn reloads_in(engine: &Engine) -> u64 {
    let of = |seat: &Seat| u64::from(seat.reloads.reloads) + u64::from(seat.reloads.refused);
    engine.floor().seats().iter().map(of).sum()
}

/// One input's application.
struct Step<'a> {
    engine: &'a mut Engine,
    pending: &'a mut CellBuffer,
    journals_inputs: bool,
}

impl Step<'_> {
    /// Applies the message and appends what it produced; returns whether a decision was made.
    #[inline]
    fn apply(&mut self, message: &Cells<'_>) -> Result<bool, ()> {
        // Not moved out: an input is as large as its largest kind.
        let Ok((header, input)) = &Input::decode(message) else {
            return Err(());
        };
        self.engine.apply(header, input);
        // Who applies the input again must know before it which of its calls were cut.
        for cut in self.engine.cuts() {
            cut.encode(self.pending);
        }
        // What numbers mean is always in the journal, also where inputs are journaled by reference.
        if self.journals_inputs || matches!(input, Input::Instrument(_)) {
            self.pending.extend(*message);
        }
        let records = self.engine.records();
        if records.is_empty() {
            return Ok(false);
        }
        let records = Cells::new(records, &[]);
        self.pending.extend(records);
        Ok(has_decision(records))
    }
}

fn has_decision(records: Cells<'_>) -> bool {
    let mut rest = records;
    while let Ok((message, after)) = rest.split_message() {
        if message.at(0).is_ok_and(|cell| Decision::begins(cell.low)) {
            return true;
        }
        rest = after;
    }
    false
}

#[inline]
fn stamp_of(message: &Cells<'_>) -> Option<Stamp> {
    Stamp::decode(message).ok()
}

/// Writes what is pending, message by message where not all fits; returns whether all is written.
#[inline]
fn flush(pending: &CellBuffer, flushed: &mut usize, records: &mut MessageProducer) -> bool {
    let cells = pending.as_slice().get(*flushed..).unwrap_or_default();
    if cells.is_empty() {
        return true;
    }
    if cells.len() <= records.capacity() && records.try_write(cells).is_ok() {
        *flushed += cells.len();
        return true;
    }
    let mut rest = Cells::new(cells, &[]);
    while let Ok((message, after)) = rest.split_message() {
        if records.try_write(message.runs().0).is_err() {
            return false;
        }
        *flushed += message.len();
        rest = after;
    }
    true
}

/// Writes what is left of a snapshot, one message after the other; returns whether the ring took all of it.
#[inline]
fn write_snapshot(
    segments: &mut Segments,
    pending: &mut CellBuffer,
    flushed: &mut usize,
    records: &mut MessageProducer,
) -> bool {
    while segments.write(pending) {
        if !flush(pending, flushed, records) {
            return false;
        }
        pending.clear();
        *flushed = 0;
    }
    true
}
