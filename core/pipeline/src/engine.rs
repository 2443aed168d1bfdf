//! ENGINE: takes events in order, applies them, hands the records on.
//!
//! Engine thread. The engine itself is in `claire-engine`; this stage gives it inputs, times its parts and
//! owns the rings. What an input produced stays pending until the ring took all of it. Between two inputs
//! it decides where a segment of the journal begins, with a snapshot.

mod segments;

pub use segments::SegmentPlan;

use crate::clock::Clock;
use crate::latency::{LatencyRecorder, Span};
use crate::ring::{MessageConsumer, MessageProducer, Stamp};
use crate::stage::{Stage, StageName, Turn};
use claire_engine::Engine;
use claire_engine::probe::{Part, Probe};
use claire_types::cell::Tag;
use claire_types::{CellBuffer, Cells, EngineSeq, Input, MonoNs};
use segments::Segments;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Inputs that the engine knows from its snapshot and that come again.
    to_skip: u64,
    clock: Clock,
    latency: LatencyRecorder,
    parts: Arc<PartTimes>,
    available: MonoNs,
    faults: u64,
}

/// What of a run stands in its journal beside its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journaling {
    /// Its inputs, in full: no file holds them.
    pub inputs: bool,
    /// Snapshots, where a segment begins; none without a journal.
    pub segments: Option<SegmentPlan>,
}

/// Times of the engine's parts during one input, in ns.
#[derive(Debug, Default)]
struct PartTimes {
    ns: [AtomicU64; PARTS],
    runs: [AtomicU64; PARTS],
}

const PARTS: usize = 4;
const SPANS: [Span; PARTS] = [Span::Book, Span::Strategy, Span::Risk, Span::Match];
/// The first word of a decision's kind.
const DECISION_KIND: u8 = 129;

/// Stamps where the engine is. All on the engine thread: the atomics only make it `Send`.
struct PartProbe {
    clock: Clock,
    times: Arc<PartTimes>,
    current: Option<usize>,
    since: MonoNs,
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
        let parts = Arc::new(PartTimes::default());
        engine.set_probe(Box::new(PartProbe {
            clock: clock.clone(),
            times: Arc::clone(&parts),
            current: None,
            since: MonoNs(0),
        }));
        let EngineSeq(to_skip) = engine.seq();
        Self {
            segments: Segments::new(journaling, &engine),
            engine,
            events,
            records,
            pending: CellBuffer::with_capacity(PENDING_CELLS),
            flushed: 0,
            journals_inputs: journaling.inputs,
            to_skip,
            clock,
            latency,
            parts,
            available: MonoNs(0),
            faults: 0,
        }
    }

    /// Returns the engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the engine's latencies since the last hand-over.
    pub const fn latency(&self) -> &LatencyRecorder {
        &self.latency
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
        let cells = available.cells();
        let (mut rest, mut taken, mut applied) = (cells, 0, 0);
        while applied < INPUTS_PER_TURN
            && let Ok((message, after)) = rest.split_message()
        {
            if is_stamp(&message) {
                self.available =
                    Stamp::decode(&message).map_or(self.available, |stamp| stamp.available);
                taken += message.len();
                rest = after;
                continue;
            }
            if let Some(segments) = &mut self.segments {
                segments.begin_if_due(&self.engine);
                let records = &mut self.records;
                if !write_snapshot(segments, &mut self.pending, &mut self.flushed, records) {
                    break;
                }
            }
            taken += message.len();
            rest = after;
            applied += 1;
            if self.to_skip > 0 {
                self.to_skip -= 1;
                continue;
            }
            // Fields one by one: the ring's chunk is still borrowed.
            let mut step = Step {
                engine: &mut self.engine,
                pending: &mut self.pending,
                journals_inputs: self.journals_inputs,
            };
            match step.apply(&message) {
                Ok(has_decided) => measure(
                    &self.parts,
                    &mut self.latency,
                    &self.clock,
                    has_decided.then_some(self.available),
                ),
                Err(()) => self.faults += 1,
            }
            if let Some(segments) = &mut self.segments {
                segments.count(self.pending.len(), self.engine.floor().now());
            }
            if !flush(&self.pending, &mut self.flushed, &mut self.records) {
                break;
            }
            self.pending.clear();
            self.flushed = 0;
        }
        available.advance(taken);
        self.latency.turn(self.clock.mono());
        Turn::Worked
    }
}

impl Stage for EngineStage {
    fn name(&self) -> StageName {
        const { StageName::new("engine") }
    }

    fn turn(&mut self) -> Turn {
        if !flush(&self.pending, &mut self.flushed, &mut self.records) {
            return Turn::Blocked;
        }
        self.pending.clear();
        self.flushed = 0;
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
        self.work()
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
    }
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
        let (header, input) = Input::decode(message).map_err(|_| ())?;
        // What numbers mean is always in the journal, also where inputs are journaled by reference.
        if self.journals_inputs || matches!(input, Input::Instrument(_)) {
            self.pending.extend(*message);
        }
        self.engine.apply(&header, &input);
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
        if message
            .at(0)
            .is_ok_and(|cell| Tag::of(cell.low).kind == DECISION_KIND)
        {
            return true;
        }
        rest = after;
    }
    false
}

#[inline]
fn is_stamp(message: &Cells<'_>) -> bool {
    message
        .at(0)
        .is_ok_and(|cell| Tag::of(cell.low).kind == Stamp::KIND)
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

/// Records what the parts took, and the way from frame to decision where one was made.
#[inline]
fn measure(
    parts: &PartTimes,
    latency: &mut LatencyRecorder,
    clock: &Clock,
    decided: Option<MonoNs>,
) {
    for (part, span) in SPANS.into_iter().enumerate() {
        // Relaxed: the engine thread alone writes and reads them.
        if parts.runs[part].load(Ordering::Relaxed) > 0 {
            latency.record(span, parts.ns[part].load(Ordering::Relaxed));
            parts.runs[part].store(0, Ordering::Relaxed);
            parts.ns[part].store(0, Ordering::Relaxed);
        }
    }
    if let Some(available) = decided {
        latency.record(Span::FrameToDecision, clock.mono().since(available));
    }
}

impl Probe for PartProbe {
    #[inline]
    fn enter(&mut self, part: Part) {
        let now = self.clock.mono();
        if let Some(current) = self.current {
            let spent = now.since(self.since);
            let total = &self.times.ns[current];
            total.store(total.load(Ordering::Relaxed) + spent, Ordering::Relaxed);
        }
        self.since = now;
        self.current = match part {
            Part::Book => Some(0),
            Part::Strategy => Some(1),
            Part::Risk => Some(2),
            Part::Match => Some(3),
            Part::Rest => None,
        };
        if let Some(current) = self.current {
            let runs = &self.times.runs[current];
            runs.store(runs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }
}
