//! Where a journal's segments begin: when one is due, and the snapshot that it begins with.
//!
//! Engine thread, called by the engine stage between two inputs. What decides is the same in every run of
//! the same inputs (the bytes handed to the sidecar and engine time), so a run that is repeated makes the
//! same snapshots at the same places. The pause that a snapshot costs is in ARCHITECTURE.md.

use super::Journaling;
use crate::ring::MESSAGE_CELLS_MAX;
use claire_engine::Engine;
use claire_engine::snapshot::SNAPSHOT_ROOM_BYTES;
use claire_types::snapshot::{SNAPSHOT_CELLS_MAX, SnapshotHead};
use claire_types::{Cell, CellBuffer, DurationNs, WallNs};

/// How large and how old a segment becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPlan {
    /// Bytes of inputs and records.
    pub bytes_max: u64,
    /// Engine time.
    pub age_max: DurationNs,
}

/// The segment that is filled, and the snapshot that is being written.
pub(super) struct Segments {
    plan: SegmentPlan,
    bytes: u64,
    /// Engine time of the segment's first input, or of its snapshot.
    since: Option<WallNs>,
    now: WallNs,
    snapshot: Vec<u8>,
    step: Step,
    /// Snapshots that could not be made: the state is too large. The segment then goes on.
    refused: u64,
}

/// The next message of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    None,
    Begin(SnapshotHead),
    Part(SnapshotHead, u64),
}

// A quarter of the smallest ring: the sidecar writes one part while the next ones come.
const _: () = assert!(SNAPSHOT_CELLS_MAX <= MESSAGE_CELLS_MAX);

impl Segments {
    /// Returns the first segment, before its first input, with room for a snapshot.
    pub fn new(journaling: &Journaling, engine: &Engine) -> Option<Self> {
        let plan = journaling.segments?;
        // An engine that was restored has just begun a segment.
        let now = engine.floor().now();
        Some(Self {
            plan,
            bytes: 0,
            since: (engine.seq().0 > 0).then_some(now),
            now,
            snapshot: Vec::with_capacity(SNAPSHOT_ROOM_BYTES),
            step: Step::None,
            refused: 0,
        })
    }

    /// Counts what an input and its records take in the journal.
    #[inline]
    pub fn count(&mut self, cells: usize, now: WallNs) {
        self.bytes += (cells * Cell::BYTES) as u64;
        self.now = now;
        self.since.get_or_insert(now);
    }

    /// Saves the engine where the segment is full; [`Segments::write`] then writes it.
    #[inline]
    pub fn begin_if_due(&mut self, engine: &Engine) {
        let age = self
            .since
            .map_or(DurationNs(0), |since| self.now.since(since));
        if self.bytes >= self.plan.bytes_max || age >= self.plan.age_max {
            self.begin(engine);
        }
    }

    #[cold]
    fn begin(&mut self, engine: &Engine) {
        self.bytes = 0;
        self.since = Some(self.now);
        match engine.save(&mut self.snapshot) {
            Ok(()) => {
                self.step = Step::Begin(SnapshotHead {
                    seq: engine.seq(),
                    time: self.now,
                    bytes: self.snapshot.len() as u64,
                });
            }
            Err(_) => self.refused += 1,
        }
    }

    /// Returns whether a snapshot is being written.
    #[inline]
    pub fn is_writing(&self) -> bool {
        self.step != Step::None
    }

    /// Writes the snapshot's next message; returns whether there was one.
    pub fn write(&mut self, out: &mut CellBuffer) -> bool {
        self.step = match self.step {
            Step::None => return false,
            Step::Begin(head) => {
                head.encode_begin(out);
                Step::Part(head, 0)
            }
            Step::Part(head, number) if head.encode_part(number, &self.snapshot, out) => {
                Step::Part(head, number + 1)
            }
            Step::Part(head, _) => {
                head.encode_end(out);
                Step::None
            }
        };
        true
    }

    /// Returns how many snapshots could not be made.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}
