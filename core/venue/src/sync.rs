//! The proof that a book's changes follow one another without a missing one.
//!
//! One [`BookSync`] per instrument, owned by the feed, on its thread. What it writes is proven: a
//! snapshot, then the changes after it, or a stale mark and nothing until the next snapshot.
//!
//! # Source
//! Binance spot, web-socket-streams.md, "How to manage a local order book correctly"; Binance USD-M,
//! "How to manage a local order book correctly" (both read 2026-11-21).

use crate::event::{DepthDiff, DepthImage};
use crate::write::{Stamp, Writer};
use claire_types::{BookReason, Cell, InstrumentId, Venue};

/// Most changes kept while a snapshot is awaited; past it the oldest are dropped, all at once.
pub const DEPTH_BUFFER_EVENTS_MAX: usize = 4_096;
/// Most levels kept while a snapshot is awaited: 1 MiB.
pub const DEPTH_BUFFER_CELLS_MAX: usize = 65_536;
/// Most changes in a row that a snapshot may be ahead of: a minute of the slowest stream. Past it the
/// snapshot's id is not of this stream, and a book that no change ever reaches would pass for proven.
pub const SNAPSHOT_LEAD_CHANGES_MAX: u32 = 600;

/// How a venue numbers the changes of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncRule {
    /// Contiguous ids: the next change begins at the last id + 1 (spot).
    Contiguous,
    /// Each change names the last id of the one before it (USD-M, COIN-M).
    Chained,
}

/// What the sync counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCounters {
    /// Changes that did not follow the one before them.
    pub gaps: u64,
    /// Changes and partial books that came again or too late, ignored.
    pub duplicates: u64,
    /// Changes that a snapshot already contained.
    pub superseded: u64,
    /// Snapshots older than the first change kept, or than the proven book; ignored.
    pub stale_snapshots: u64,
    /// Times that the buffer was full and its changes were dropped.
    pub buffer_overruns: u64,
}

/// One instrument's proof.
#[derive(Clone, Debug)]
pub struct BookSync {
    rule: SyncRule,
    state: State,
    has_diffs: bool,
    has_overrun: bool,
    /// Old changes since the snapshot, none having followed it.
    old_since_snapshot: u32,
    buffer: Vec<Kept>,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No book: changes are kept for the snapshot to come.
    Unproven,
    /// The best levels at this id, of a stream that sends them whole.
    Partial(u64),
    /// A snapshot of this id, and no change after it yet.
    Placed(u64),
    /// Snapshot and changes up to this id.
    Proven(u64),
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    diff: DepthDiff,
    stamp: Stamp,
    levels: u32,
}

/// How a change stands to the book.
enum Fit {
    Follows,
    Old,
    Gap,
}

/// What both ends of a call need: where to write, for whom, and what is counted.
pub struct SyncOutput<'a, 'b> {
    /// Where inputs go.
    pub writer: &'a mut Writer<'b>,
    /// Whose book it is.
    pub instrument: InstrumentId,
    /// What is counted.
    pub counters: &'a mut SyncCounters,
}

impl SyncRule {
    /// Returns the rule of a venue.
    pub const fn of(venue: Venue) -> Self {
        match venue {
            Venue::BinanceUsdm | Venue::BinanceCoinm => Self::Chained,
            _ => Self::Contiguous,
        }
    }

    #[inline]
    const fn fit(self, state: State, diff: &DepthDiff) -> Fit {
        match (self, state) {
            (_, State::Unproven | State::Partial(_)) => Fit::Gap,
            (Self::Contiguous, State::Placed(last) | State::Proven(last)) => {
                if diff.last_id <= last {
                    Fit::Old
                } else if diff.first_id <= last.saturating_add(1) {
                    Fit::Follows
                } else {
                    Fit::Gap
                }
            }
            (Self::Chained, State::Placed(last)) => {
                if diff.last_id < last {
                    Fit::Old
                } else if diff.first_id <= last || diff.previous_id == last {
                    Fit::Follows
                } else {
                    Fit::Gap
                }
            }
            (Self::Chained, State::Proven(last)) => {
                if diff.last_id <= last {
                    Fit::Old
                } else if diff.previous_id == last {
                    Fit::Follows
                } else {
                    Fit::Gap
                }
            }
        }
    }
}

impl BookSync {
    /// Returns the sync of a book that nothing is known of.
    pub const fn new(rule: SyncRule) -> Self {
        Self {
            rule,
            state: State::Unproven,
            has_diffs: false,
            has_overrun: false,
            old_since_snapshot: 0,
            buffer: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Takes a change: writes it if it follows, keeps it for the next snapshot if it cannot tell, ignores it if old.
    #[inline]
    pub fn on_diff(
        &mut self,
        diff: &DepthDiff,
        levels: &[Cell],
        stamp: Stamp,
        to: &mut SyncOutput<'_, '_>,
    ) {
        if !self.has_diffs {
            self.begin_diffs(stamp, to);
        }
        if self.state == State::Unproven {
            return self.keep(diff, levels, stamp, to);
        }
        match self.rule.fit(self.state, diff) {
            Fit::Follows => {
                self.state = State::Proven(diff.last_id);
                to.writer.diff(diff, levels, to.instrument, stamp);
            }
            Fit::Old if self.is_far_ahead() => self.gap(diff, levels, stamp, to),
            Fit::Old if matches!(self.state, State::Placed(_)) => to.counters.superseded += 1,
            Fit::Old => to.counters.duplicates += 1,
            Fit::Gap => self.gap(diff, levels, stamp, to),
        }
    }

    /// Takes a snapshot: writes it and the kept changes after it, or ignores it if it is too old.
    pub fn on_snapshot(
        &mut self,
        image: &DepthImage,
        levels: &[Cell],
        stamp: Stamp,
        to: &mut SyncOutput<'_, '_>,
    ) {
        if self.is_too_old(image.last_id) {
            to.counters.stale_snapshots += 1;
            return;
        }
        to.writer.image(image, levels, to.instrument, stamp);
        self.state = State::Placed(image.last_id);
        self.has_overrun = false;
        self.old_since_snapshot = 0;
        self.write_kept(to);
    }

    /// Takes the best levels as the whole book, where the instrument has no changes to build one from.
    pub fn on_partial(
        &mut self,
        image: &DepthImage,
        levels: &[Cell],
        stamp: Stamp,
        to: &mut SyncOutput<'_, '_>,
    ) {
        if self.has_diffs {
            return;
        }
        match self.state {
            State::Partial(last) | State::Placed(last) | State::Proven(last)
                if image.last_id < last =>
            {
                to.counters.duplicates += 1;
            }
            _ => {
                self.state = State::Partial(image.last_id);
                to.writer.image(image, levels, to.instrument, stamp);
            }
        }
    }

    /// Gives the book up and says why; a snapshot proves it again.
    pub fn lose(&mut self, reason: BookReason, stamp: Stamp, to: &mut SyncOutput<'_, '_>) {
        self.forget_kept();
        self.has_overrun = false;
        self.state = State::Unproven;
        to.writer.stale(reason, to.instrument, stamp);
    }

    /// Forgets all, as if nothing had come yet.
    pub fn reset(&mut self) {
        self.forget_kept();
        self.state = State::Unproven;
        self.has_diffs = false;
        self.has_overrun = false;
    }

    /// Returns whether the book is proven up to the last change that came.
    pub const fn is_synced(&self) -> bool {
        !matches!(self.state, State::Unproven)
    }

    /// Returns whether a snapshot is all that the book is, and no change has followed it yet.
    pub const fn is_placed(&self) -> bool {
        matches!(self.state, State::Placed(_))
    }

    /// Returns whether changes came since the start or the last reset.
    pub const fn has_diffs(&self) -> bool {
        self.has_diffs
    }

    /// Returns how many changes are kept for a snapshot.
    pub const fn kept(&self) -> usize {
        self.buffer.len()
    }

    #[cold]
    fn gap(
        &mut self,
        diff: &DepthDiff,
        levels: &[Cell],
        stamp: Stamp,
        to: &mut SyncOutput<'_, '_>,
    ) {
        to.counters.gaps += 1;
        self.lose(BookReason::Gap, stamp, to);
        self.keep(diff, levels, stamp, to);
    }

    /// Counts an old change; returns whether the snapshot before it is ahead of too many.
    fn is_far_ahead(&mut self) -> bool {
        let State::Placed(_) = self.state else {
            return false;
        };
        self.old_since_snapshot += 1;
        self.old_since_snapshot > SNAPSHOT_LEAD_CHANGES_MAX
    }

    #[cold]
    fn begin_diffs(&mut self, stamp: Stamp, to: &mut SyncOutput<'_, '_>) {
        self.has_diffs = true;
        // A book of partial frames ends here; one that an asked-for snapshot placed goes on.
        if matches!(self.state, State::Partial(_)) {
            self.lose(BookReason::Reset, stamp, to);
        }
    }

    fn keep(
        &mut self,
        diff: &DepthDiff,
        levels: &[Cell],
        stamp: Stamp,
        to: &mut SyncOutput<'_, '_>,
    ) {
        if let Some(last) = self.buffer.last() {
            match self.rule.fit(State::Proven(last.diff.last_id), diff) {
                Fit::Follows => {}
                Fit::Old => {
                    to.counters.duplicates += 1;
                    return;
                }
                Fit::Gap => {
                    to.counters.gaps += 1;
                    self.forget_kept();
                }
            }
        }
        if self.buffer.len() >= DEPTH_BUFFER_EVENTS_MAX
            || self.cells.len() + levels.len() > DEPTH_BUFFER_CELLS_MAX
        {
            self.overrun(stamp, to);
        }
        self.cells.extend_from_slice(levels);
        self.buffer.push(Kept {
            diff: *diff,
            stamp,
            levels: levels.len() as u32,
        });
    }

    #[cold]
    fn overrun(&mut self, stamp: Stamp, to: &mut SyncOutput<'_, '_>) {
        to.counters.buffer_overruns += 1;
        self.forget_kept();
        if !self.has_overrun {
            self.has_overrun = true;
            to.writer
                .stale(BookReason::BufferFull, to.instrument, stamp);
        }
    }

    /// Says whether the changes kept, or the book, begin after what the snapshot shows.
    fn is_too_old(&self, last_id: u64) -> bool {
        if let State::Partial(last) | State::Placed(last) | State::Proven(last) = self.state {
            return last_id <= last;
        }
        let placed = State::Placed(last_id);
        let first = self
            .buffer
            .iter()
            .find(|kept| !matches!(self.rule.fit(placed, &kept.diff), Fit::Old));
        first.is_some_and(|kept| matches!(self.rule.fit(placed, &kept.diff), Fit::Gap))
    }

    /// Writes the kept changes that follow the snapshot: they are a chain, so all after the first do.
    fn write_kept(&mut self, to: &mut SyncOutput<'_, '_>) {
        let mut start = 0;
        for kept in &self.buffer {
            let end = start + kept.levels as usize;
            let levels = self.cells.get(start..end).unwrap_or_default();
            start = end;
            if matches!(self.rule.fit(self.state, &kept.diff), Fit::Follows) {
                self.state = State::Proven(kept.diff.last_id);
                to.writer
                    .diff(&kept.diff, levels, to.instrument, kept.stamp);
            } else {
                to.counters.superseded += 1;
            }
        }
        self.forget_kept();
    }

    fn forget_kept(&mut self) {
        self.buffer.clear();
        self.cells.clear();
    }
}
