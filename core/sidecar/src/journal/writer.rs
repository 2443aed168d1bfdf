//! Writing a journal: messages in engine order, committed in groups.
//!
//! Called by the recorder on the sidecar's thread. [`JournalWriter::append`] only copies;
//! [`JournalWriter::commit`] is one write and, as the policy says, one sync. After a failed write the
//! writer takes nothing more: what follows a hole is worth nothing. A segment begins where a snapshot
//! does, and nowhere else.

use super::block::{self, BlockKind, HEAD_BYTES, PAYLOAD_BYTES_MAX};
use super::committed::Committed;
use super::compressor::Compressor;
use super::error::JournalError;
use super::header::JournalHeader;
use super::options::{JournalOptions, SyncPolicy};
use super::reader::{EndMark, SegmentNote, SegmentStart};
use super::resume::Comparison;
use super::retention::Retention;
use super::segment::{self, Place, create_segment, lock};
use crate::digest::Digest;
use claire_types::annotation::is_beside;
use claire_types::cell::{CellFault, Tag};
use claire_types::record::Record;
use claire_types::snapshot::begins_snapshot;
use claire_types::{Cell, Cells, EngineSeq};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Writes a journal.
pub struct JournalWriter {
    pub(super) dir: PathBuf,
    pub(super) header: JournalHeader,
    pub(super) options: JournalOptions,
    /// The segment that is written; `None` where the last one is closed and the next has not begun.
    pub(super) file: Option<File>,
    pub(super) place: Place,
    /// Check of the last block written.
    pub(super) previous: u32,
    pub(super) comparison: Option<Comparison>,
    /// Room for a head, then the messages of the next block.
    pending: Vec<u8>,
    pending_count: u32,
    pending_seq: u64,
    seq: u64,
    /// Messages and records so far; the digest as it was told last.
    sums: SegmentStart,
    /// The segment holds nothing but its header yet: a snapshot does not begin another one.
    pub(super) is_fresh: bool,
    is_dirty: bool,
    synced_at: Instant,
    committed: Arc<Committed>,
    compressor: Option<Compressor>,
    poison: Option<String>,
    _lock: File,
}

impl JournalWriter {
    /// Begins a journal in `dir`, which is made where it is missing and must not hold one.
    ///
    /// # Errors
    /// [`JournalError::Exists`], [`JournalError::Locked`], [`JournalError::Io`].
    pub fn create(
        dir: &Path,
        header: &JournalHeader,
        options: JournalOptions,
    ) -> Result<Self, JournalError> {
        segment::create_dir(dir)?;
        let lock = lock(dir)?;
        if segment::range(dir)?.is_some() {
            return Err(JournalError::Exists {
                dir: dir.to_owned(),
            });
        }
        Self::begin(dir, header, options, lock)
    }

    /// Adds a message to the next commit. In a resumed journal it is compared with what is there, until that is exhausted.
    ///
    /// A record names its engine sequence; an input has the one after the message before it. The first
    /// message of a snapshot begins a segment; tell the digest before it with [`Self::set_digest`].
    ///
    /// # Errors
    /// [`JournalError::Differs`] in a resumed journal, [`JournalError::Message`],
    /// [`JournalError::Poisoned`] after any earlier error, [`JournalError::Io`].
    pub fn append(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        self.guard(|writer| writer.take(message))
    }

    /// Keeps this journal and those of earlier runs within the rules from here on.
    pub fn keep(&mut self, retention: Retention) {
        let start = || Compressor::start(&self.dir, None, Arc::clone(&self.committed));
        self.compressor.get_or_insert_with(start).keep(retention);
    }

    /// Takes the digest of all records before the next message, for the segment that it begins.
    pub const fn set_digest(&mut self, digest: Digest) {
        self.sums.digest = digest;
    }

    /// Writes what was appended; when it returns, the policy's promise holds for it.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`], [`JournalError::Io`].
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.guard(Self::commit_pending)
    }

    /// Commits, writes the end mark, makes all durable and, where asked for, compresses the last segment.
    ///
    /// # Errors
    /// As [`Self::commit`]; [`JournalError::Differs`] where a resumed journal holds more than the run made.
    pub fn finish(mut self, digest: Digest) -> Result<(), JournalError> {
        self.guard(|writer| writer.write_end(digest))?;
        if let Some(compressor) = self.compressor.take() {
            compressor.add(self.place.segment);
        }
        Ok(())
    }

    /// Commits and makes durable what was appended, without an end mark: the run was interrupted and can be resumed.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn pause(mut self) -> Result<(), JournalError> {
        self.guard(|writer| {
            writer.commit_pending()?;
            writer.sync()
        })
    }

    /// Returns the journal's header; of a resumed one, as it was first written.
    pub const fn header(&self) -> &JournalHeader {
        &self.header
    }

    /// Returns the committed place, for readers that follow.
    pub fn committed(&self) -> Arc<Committed> {
        Arc::clone(&self.committed)
    }

    /// Returns whether messages are still compared with what an earlier start wrote.
    pub const fn is_comparing(&self) -> bool {
        self.comparison.is_some()
    }

    /// Returns the engine sequence of the last message.
    pub const fn seq(&self) -> EngineSeq {
        EngineSeq(self.seq)
    }

    /// Makes the first segment with the header.
    pub(super) fn begin(
        dir: &Path,
        header: &JournalHeader,
        options: JournalOptions,
        lock: File,
    ) -> Result<Self, JournalError> {
        let place = Place {
            segment: 1,
            offset_bytes: 0,
        };
        let file = create_segment(dir, 1)?;
        let mut writer = Self::with_file(dir, header.clone(), options, lock, Some(file), place);
        let text = serde_json::to_string(header)
            .map_err(|error| JournalError::io("write", dir)(error.into()))?;
        let (bytes, check) = block::text_block(BlockKind::Header, 0, 0, &text);
        writer.write(&bytes, check)?;
        writer.sync()?;
        segment::sync_dir(dir)?;
        writer.publish();
        Ok(writer)
    }

    pub(super) fn with_file(
        dir: &Path,
        header: JournalHeader,
        options: JournalOptions,
        lock: File,
        file: Option<File>,
        place: Place,
    ) -> Self {
        let committed = Arc::new(Committed::default());
        Self {
            dir: dir.to_owned(),
            header,
            options,
            file,
            place,
            previous: 0,
            comparison: None,
            pending: vec![0; HEAD_BYTES],
            pending_count: 0,
            pending_seq: 0,
            seq: 0,
            sums: SegmentStart::default(),
            is_fresh: true,
            is_dirty: false,
            synced_at: Instant::now(),
            compressor: options
                .compression_level
                .map(|level| Compressor::start(dir, Some(level), Arc::clone(&committed))),
            committed,
            poison: None,
            _lock: lock,
        }
    }

    /// Hands the closed segments that an earlier start left plain to the compressor.
    pub(super) fn compress_closed(&self) {
        let Some(compressor) = &self.compressor else {
            return;
        };
        let first = segment::range(&self.dir).ok().flatten();
        for number in first.map_or(1, |(first, _)| first)..self.place.segment {
            if segment::plain_path(&self.dir, number).exists() {
                compressor.add(number);
            }
        }
    }

    pub(super) fn publish(&self) {
        self.committed.set(self.place, self.sums.messages);
    }

    fn guard(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        if let Some(cause) = &self.poison {
            return Err(JournalError::Poisoned {
                dir: self.dir.clone(),
                cause: cause.clone(),
            });
        }
        let result = step(self);
        if let Err(error) = &result {
            self.poison = Some(error.to_string());
        }
        result
    }

    fn take(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        let facts = Facts::of(&message)?;
        if let Some(comparison) = &mut self.comparison {
            if comparison.compare(&message, &self.sums)? {
                self.count(&facts);
                return Ok(());
            }
            self.comparison = None;
        }
        if facts.begins_snapshot {
            self.begin_segment()?;
        }
        let bytes = message.len() * Cell::BYTES;
        if self.pending_count > 0
            && self.pending.len() + bytes > self.options.block_bytes_max as usize
        {
            self.write_pending()?;
        }
        self.count(&facts);
        if self.pending_count == 0 {
            self.pending_seq = self.seq;
        }
        self.pending_count += 1;
        for cell in message.iter() {
            self.pending.extend(cell.to_bytes());
        }
        Ok(())
    }

    fn count(&mut self, facts: &Facts) {
        if facts.is_beside {
            return;
        }
        self.seq = facts.seq.unwrap_or(self.seq + 1);
        self.sums.messages += 1;
        self.sums.records += u64::from(facts.seq.is_some());
    }

    fn commit_pending(&mut self) -> Result<(), JournalError> {
        if self.is_comparing() {
            return Ok(());
        }
        self.write_pending()?;
        let is_due = match self.options.sync {
            SyncPolicy::EveryCommit => true,
            SyncPolicy::Interval(interval) => self.synced_at.elapsed() >= interval,
            SyncPolicy::Never => false,
        };
        if is_due {
            self.sync()?;
        }
        self.publish();
        Ok(())
    }

    fn write_pending(&mut self) -> Result<(), JournalError> {
        if self.pending_count == 0 {
            return Ok(());
        }
        let mut block = std::mem::take(&mut self.pending);
        let (seq, count) = (self.pending_seq, self.pending_count);
        let check = block::seal(BlockKind::Messages, seq, count, self.previous, &mut block);
        self.write(&block, check)?;
        self.is_fresh = false;
        block.truncate(HEAD_BYTES);
        (self.pending, self.pending_count) = (block, 0);
        Ok(())
    }

    /// Closes the segment and begins the next; one that holds nothing yet is used.
    ///
    /// A run that was killed after it began a segment and before the snapshot was there finds it so.
    fn begin_segment(&mut self) -> Result<(), JournalError> {
        self.write_pending()?;
        if self.is_fresh && self.file.is_some() {
            return Ok(());
        }
        if self.options.sync != SyncPolicy::Never {
            self.sync()?;
        }
        let closed = self.place.segment;
        self.file = Some(create_segment(&self.dir, closed + 1)?);
        self.place = Place {
            segment: closed + 1,
            offset_bytes: 0,
        };
        self.is_fresh = true;
        self.write_segment_note()?;
        if let Some(compressor) = &self.compressor {
            compressor.add(closed);
        }
        Ok(())
    }

    /// Begins the segment that was just made.
    fn write_segment_note(&mut self) -> Result<(), JournalError> {
        let note = SegmentNote {
            segment: self.place.segment,
            start: self.sums,
            header: self.header.clone(),
        };
        let text = serde_json::to_string(&note)
            .map_err(|error| JournalError::io("write", &self.dir)(error.into()))?;
        let (bytes, check) = block::text_block(BlockKind::Segment, self.seq, self.previous, &text);
        self.write(&bytes, check)?;
        if self.options.sync != SyncPolicy::Never {
            self.sync()?;
            segment::sync_dir(&self.dir)?;
        }
        Ok(())
    }

    fn write_end(&mut self, digest: Digest) -> Result<(), JournalError> {
        if let Some(comparison) = &mut self.comparison {
            comparison.expect_end()?;
            self.comparison = None;
        }
        self.write_pending()?;
        let mark = EndMark {
            digest,
            messages: self.sums.messages,
            records: self.sums.records,
        };
        let mut block = vec![0; HEAD_BYTES];
        block.extend(mark.to_bytes());
        let check = block::seal(BlockKind::End, self.seq, 0, self.previous, &mut block);
        self.write(&block, check)?;
        self.sync()?;
        self.publish();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], check: u32) -> Result<(), JournalError> {
        let path = || segment::plain_path(&self.dir, self.place.segment);
        let closed = || io::Error::other("the segment is closed and no snapshot began the next");
        let written = match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Err(closed()),
        };
        written.map_err(|error| JournalError::io("write", &path())(error))?;
        self.is_dirty = true;
        self.place.offset_bytes += bytes.len() as u64;
        self.previous = check;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.is_dirty) {
            let path = segment::plain_path(&self.dir, self.place.segment);
            file.sync_data().map_err(JournalError::io("sync", &path))?;
            self.is_dirty = false;
        }
        self.synced_at = Instant::now();
        Ok(())
    }
}

/// What the writer needs to know of a message.
struct Facts {
    /// A record's engine sequence.
    seq: Option<u64>,
    /// A snapshot or an annotation: counted nowhere.
    is_beside: bool,
    begins_snapshot: bool,
}

impl Facts {
    fn of(message: &Cells<'_>) -> Result<Self, JournalError> {
        let fault = |fault| JournalError::Message { fault };
        let first = message.at(0).map_err(fault)?;
        // Every message has a time in its second cell.
        message.at(1).map_err(fault)?;
        let tag = Tag::of(first.low);
        if tag.kind == 0 {
            return Err(fault(CellFault::Kind(0)));
        }
        if tag.cells as usize != message.len() || message.len() > PAYLOAD_BYTES_MAX / Cell::BYTES {
            return Err(fault(CellFault::Short));
        }
        Ok(Self {
            seq: Record::is_record(first.low).then_some(first.high),
            is_beside: is_beside(first.low),
            begins_snapshot: begins_snapshot(first.low),
        })
    }
}
