//! One session of projecting: a store that answers and a journal read from where the store is.
//!
//! Called by the projector's thread and by commands that rebuild a store. Any error ends the session;
//! the next one begins where the store then is.

use crate::journal::{Committed, JournalError, JournalReader, Message, Place, RunId, Tail};
use crate::latencies::LatencyReader;
use crate::store::{Applied, Batch, Projection, RunState, Store, StoreError};
use claire_types::annotation::{Annotation, DocumentBytes, is_beside};
use claire_types::cell::CellFault;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why projecting stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The store did not take it: it is tried again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be read: it stays the source of truth, so mend it first.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A message is none of this version: use the program that wrote the journal.
    #[error("the message in {place} cannot be read: {fault}")]
    Message {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        fault: CellFault,
    },
    /// The journal's first segments are gone: the rows that they made cannot be made again, so they stay.
    #[error("{} begins at segment {segment}: rows of the segments before it cannot be made again", dir.display())]
    Cut {
        /// The journal's folder.
        dir: PathBuf,
        /// Its first segment.
        segment: u32,
    },
    /// The latencies beside the journal cannot be read: mend the file or its rights.
    #[error("cannot read the latencies in {}: {cause}", dir.display())]
    Latencies {
        /// The journal's folder.
        dir: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// A store and the journal that it follows.
pub(super) struct Session {
    store: Store,
    dir: PathBuf,
    follow: Option<Arc<Committed>>,
    reader: JournalReader,
    projection: Projection,
    applied: Applied,
    /// Messages passed; behind `applied` while known ones are passed again.
    passed: u64,
    /// The reader began in the middle, and has not yet shown that the place is right.
    is_unproven: bool,
    is_finished: bool,
    /// Rows are missing that no segment makes any more: the run never is finished in this store.
    is_incomplete: bool,
    latencies: LatencyReader,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Rows written.
    pub rows: u64,
    /// Nothing was left to read.
    pub is_caught_up: bool,
}

/// Brings all of the journal in `dir` that is missing into the store and returns how far it is.
///
/// # Errors
/// A [`ProjectError`]; what was applied before it stays.
pub fn project(dir: &Path, store: Store) -> Result<Applied, ProjectError> {
    let mut session = Session::with_store(store, dir, None)?;
    while !session.step(ROWS_MAX)?.is_caught_up {}
    Ok(session.applied)
}

/// Rows of a batch where nobody waits.
pub(super) const ROWS_MAX: usize = 20_000;

impl Session {
    /// Opens the store and finds the place in the journal. A file store is migrated.
    pub fn open(
        url: &str,
        dir: &Path,
        follow: Option<Arc<Committed>>,
    ) -> Result<Self, ProjectError> {
        Self::with_store(Store::open(url)?, dir, follow)
    }

    /// Removes the journal's run from the store and begins at its first message.
    pub fn fresh(mut store: Store, dir: &Path) -> Result<Self, ProjectError> {
        prepare(&mut store)?;
        let reader = JournalReader::open(dir)?;
        let segment = reader.position().segment;
        if segment > 1 {
            return Err(ProjectError::Cut {
                dir: dir.to_owned(),
                segment,
            });
        }
        store.clear_run(reader.header().run_id)?;
        Self::with_store(store, dir, None)
    }

    /// Finds the place in the journal where the store is.
    pub fn with_store(
        mut store: Store,
        dir: &Path,
        follow: Option<Arc<Committed>>,
    ) -> Result<Self, ProjectError> {
        prepare(&mut store)?;
        let reader = JournalReader::open(dir)?;
        let header = reader.header().clone();
        let reader_start = reader.segment_start().messages;
        let applied = store.begin_run(&header)?;
        let scales = store.scales(header.run_id)?;
        if applied.messages < reader_start {
            store.mark_run(header.run_id, RunState::Incomplete)?;
        }
        let is_incomplete = store.is_incomplete(header.run_id)?;
        let mut session = Self {
            store,
            dir: dir.to_owned(),
            follow,
            reader,
            projection: Projection::new(&header, scales, applied.seq),
            applied,
            passed: applied.messages.max(reader_start),
            is_unproven: applied.messages > 0,
            is_finished: false,
            is_incomplete,
            latencies: LatencyReader::new(dir),
        };
        let place = applied.place;
        session.reader = JournalReader::open_at(dir, place, Some(applied.block_check))
            .or_else(|_| session.begin_again())?;
        session.prepare_reader();
        Ok(session)
    }

    /// Says in the store whether the run goes on; one that is finished or incomplete stays so.
    pub fn mark(&mut self, state: RunState) -> Result<(), ProjectError> {
        if self.is_incomplete {
            return Ok(());
        }
        let run_id = self.reader.header().run_id;
        Ok(self.store.mark_run(run_id, state)?)
    }

    /// Projects one batch, or as much as there is, and the latencies of intervals that are over.
    ///
    /// A run's last latencies are in their file before its end mark is in the journal: a step that finds the one has
    /// passed the other.
    pub fn step(&mut self, rows_max: usize) -> Result<Step, ProjectError> {
        let step = self.step_messages(rows_max)?;
        self.project_latencies()?;
        Ok(step)
    }

    fn step_messages(&mut self, rows_max: usize) -> Result<Step, ProjectError> {
        match self.try_step(rows_max) {
            // After a power cut the journal may be shorter than the store and its blocks grow anew:
            // then the place means nothing, but the number of messages still does.
            Err(ProjectError::Journal(JournalError::Corrupt { .. })) if self.is_unproven => {
                self.reader = self.begin_again()?;
                self.prepare_reader();
                self.try_step(rows_max)
            }
            result => result,
        }
    }

    /// Returns how far the store is.
    pub const fn applied(&self) -> Applied {
        self.applied
    }

    /// Returns whether the run is finished and all of it in the store.
    pub const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Returns whether rows are missing that the journal cannot make any more.
    pub const fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Returns the journal's run.
    pub const fn run_id(&self) -> RunId {
        self.reader.header().run_id
    }

    /// Returns how far the latencies are in the store, for the next session.
    pub const fn latencies_bytes(&self) -> u64 {
        self.latencies.offset_bytes()
    }

    /// Goes on with the latencies where an earlier session on the same rows was; without it all are offered again.
    pub const fn skip_latencies(&mut self, bytes: u64) {
        self.latencies.skip_to(bytes);
    }

    /// Returns the store.
    pub fn into_store(self) -> Store {
        self.store
    }

    fn project_latencies(&mut self) -> Result<(), ProjectError> {
        loop {
            let chunk = self
                .latencies
                .peek()
                .map_err(|cause| ProjectError::Latencies {
                    dir: self.dir.clone(),
                    cause,
                })?;
            if chunk.end_bytes == self.latencies.offset_bytes() {
                return Ok(());
            }
            let run_id = self.reader.header().run_id;
            self.store.write_histograms(run_id, &chunk.latencies)?;
            self.latencies.pass(&chunk);
        }
    }

    fn begin_again(&mut self) -> Result<JournalReader, JournalError> {
        self.is_unproven = false;
        self.projection.restart();
        let reader = JournalReader::open(&self.dir)?;
        // The oldest segments may have been removed.
        self.passed = reader.segment_start().messages;
        Ok(reader)
    }

    fn prepare_reader(&mut self) {
        self.reader.show_all();
        if let Some(committed) = &self.follow {
            self.reader.set_follow(Arc::clone(committed));
        }
    }

    fn try_step(&mut self, rows_max: usize) -> Result<Step, ProjectError> {
        let mut rows = Vec::new();
        let mut is_caught_up = false;
        if self.applied.messages == 0 {
            self.projection.begin(&mut rows);
        }
        while rows.len() < rows_max || !self.reader.is_between_blocks() {
            let Some(Message { cells, place }) = self.reader.next_message()? else {
                is_caught_up = true;
                break;
            };
            self.is_unproven = false;
            let fault = |fault| ProjectError::Message { place, fault };
            if is_beside(cells.at(0).map_err(fault)?.low) {
                self.projection.see_beside(&cells).map_err(fault)?;
                continue;
            }
            if self.projection.lacks_document(&cells) {
                let document = find_document(&self.dir, self.follow.as_ref(), place)?;
                self.projection.give_document(document);
            }
            self.projection.add(&cells, &mut rows).map_err(fault)?;
            self.passed += 1;
            if self.passed <= self.applied.messages {
                rows.clear();
            }
        }
        let end = match self.reader.tail() {
            Tail::Finished(mark) if is_caught_up && !self.is_incomplete => Some(mark),
            _ => None,
        };
        let row_count = rows.len() as u64;
        let is_new = self.passed > self.applied.messages || row_count > 0;
        if is_new || (end.is_some() && !self.is_finished) {
            self.apply(Batch {
                run_id: self.reader.header().run_id,
                rows,
                from_messages: self.applied.messages,
                to: Applied {
                    seq: self.projection.seq(),
                    messages: self.passed,
                    place: self.reader.position(),
                    block_check: self.reader.last_check().unwrap_or_default(),
                },
                end,
            })?;
        }
        Ok(Step {
            rows: row_count,
            is_caught_up,
        })
    }

    fn apply(&mut self, batch: Batch) -> Result<(), ProjectError> {
        self.store.apply(&batch)?;
        self.applied = batch.to;
        self.is_finished = batch.end.is_some();
        Ok(())
    }
}

/// Returns the last document before a place, for who began to read behind it; a document stands in one segment with
/// the records of its reload.
fn find_document(
    dir: &Path,
    follow: Option<&Arc<Committed>>,
    until: Place,
) -> Result<Vec<u8>, ProjectError> {
    let mut reader = JournalReader::open_segment(dir, until.segment)?;
    reader.show_all();
    if let Some(committed) = follow {
        reader.set_follow(Arc::clone(committed));
    }
    let (mut parts, mut found) = (DocumentBytes::default(), None);
    while let Some(Message { cells, place }) = reader.next_message()? {
        if place >= until {
            break;
        }
        let fault = |fault| ProjectError::Message { place, fault };
        if let Some(Annotation::Part(part)) = Annotation::decode(&cells).map_err(fault)?
            && parts.take(&part).map_err(fault)?
        {
            found = parts.finish();
        }
    }
    found.ok_or(ProjectError::Message {
        place: until,
        fault: CellFault::Short,
    })
}

/// A file store is this program's own and is migrated unasked; a server's tables must be there.
fn prepare(store: &mut Store) -> Result<(), StoreError> {
    if store.is_file() {
        store.migrate()?;
    }
    store.check_schema()
}
