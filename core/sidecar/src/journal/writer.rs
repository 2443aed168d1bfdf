//! Writing a journal: messages in engine order, committed in groups.
//!
//! Called by the recorder on the sidecar's thread. [`JournalWriter::append`] only copies;
//! [`JournalWriter::commit`] is one write and, as the policy says, one sync. After a failed write the
//! writer takes nothing more: what follows a hole is worth nothing.

use super::block::{self, BlockKind, HEAD_BYTES, PAYLOAD_BYTES_MAX, TRAILER_BYTES};
use super::committed::Committed;
use super::compressor::Compressor;
use super::error::JournalError;
use super::header::JournalHeader;
use super::options::{JournalOptions, SyncPolicy};
use super::reader::{EndMark, SegmentNote};
use super::resume::Comparison;
use super::segment::{self, Place, create_segment, lock};
use crate::digest::Digest;
use claire_types::cell::{CellFault, Tag};
use claire_types::record::Record;
use claire_types::{Cell, Cells, EngineSeq, WallNs};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Writes a journal.
pub struct JournalWriter {
    pub(super) dir: PathBuf,
    pub(super) header: JournalHeader,
    pub(super) options: JournalOptions,
    pub(super) file: File,
    pub(super) place: Place,
    /// Check of the last block written.
    pub(super) previous: u32,
    pub(super) comparison: Option<Comparison>,
    /// Room for a head, then the messages of the next block.
    pending: Vec<u8>,
    pending_count: u32,
    pending_seq: u64,
    seq: u64,
    time: WallNs,
    pending_time: WallNs,
    /// Number of the segment that the last message stands in, and the time of its first message.
    segment_start: (u32, WallNs),
    messages: u64,
    records: u64,
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
        if segment::count(dir)? > 0 {
            return Err(JournalError::Exists {
                dir: dir.to_owned(),
            });
        }
        Self::begin(dir, header, options, lock)
    }

    /// Adds a message to the next commit. In a resumed journal it is compared with what is there, until that is exhausted.
    ///
    /// A record names its engine sequence; an input has the one after the message before it.
    ///
    /// # Errors
    /// [`JournalError::Differs`] in a resumed journal, [`JournalError::Message`],
    /// [`JournalError::Poisoned`] after any earlier error, [`JournalError::Io`].
    pub fn append(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        self.guard(|writer| writer.take(message))
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
        let mut writer = Self::with_file(dir, header.clone(), options, lock, file, place);
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
        file: File,
        place: Place,
    ) -> Self {
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
            time: WallNs(i64::MIN),
            pending_time: WallNs(i64::MIN),
            segment_start: (0, WallNs(i64::MIN)),
            messages: 0,
            records: 0,
            is_dirty: false,
            synced_at: Instant::now(),
            committed: Arc::new(Committed::default()),
            compressor: options
                .compression_level
                .map(|level| Compressor::start(dir, level)),
            poison: None,
            _lock: lock,
        }
    }

    /// Hands the closed segments that an earlier start left plain to the compressor.
    pub(super) fn compress_closed(&self) {
        let Some(compressor) = &self.compressor else {
            return;
        };
        for number in 1..self.place.segment {
            if segment::plain_path(&self.dir, number).exists() {
                compressor.add(number);
            }
        }
    }

    pub(super) fn publish(&self) {
        self.committed.set(self.place, self.messages);
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
            if let Some(segment) = comparison.compare(&message)? {
                self.count(&facts);
                self.start_segment_at(segment, self.time);
                return Ok(());
            }
            self.comparison = None;
        }
        let bytes = message.len() * Cell::BYTES;
        if self.pending_count > 0
            && self.pending.len() + bytes > self.options.block_bytes_max as usize
        {
            self.write_pending()?;
        }
        self.count(&facts);
        if self.pending_count == 0 {
            (self.pending_seq, self.pending_time) = (self.seq, self.time);
        }
        self.pending_count += 1;
        for cell in message.iter() {
            self.pending.extend(cell.to_bytes());
        }
        Ok(())
    }

    fn count(&mut self, facts: &Facts) {
        self.seq = facts.seq.unwrap_or(self.seq + 1);
        self.time = self.time.max(facts.time);
        self.messages += 1;
        self.records += u64::from(facts.seq.is_some());
    }

    fn start_segment_at(&mut self, segment: u32, time: WallNs) {
        if self.segment_start.0 != segment {
            self.segment_start = (segment, time);
        }
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
        if self.is_segment_full() {
            self.rotate()?;
        }
        let mut block = std::mem::take(&mut self.pending);
        let (seq, count) = (self.pending_seq, self.pending_count);
        let check = block::seal(BlockKind::Messages, seq, count, self.previous, &mut block);
        self.write(&block, check)?;
        self.start_segment_at(self.place.segment, self.pending_time);
        block.truncate(HEAD_BYTES);
        (self.pending, self.pending_count) = (block, 0);
        Ok(())
    }

    /// A segment that holds no message yet is never full: a message may be larger than the limit.
    fn is_segment_full(&self) -> bool {
        let bytes = self.place.offset_bytes + (self.pending.len() + TRAILER_BYTES) as u64;
        let age = self.pending_time.since(self.segment_start.1);
        self.segment_start.0 == self.place.segment
            && (bytes > self.options.segment_bytes_max || age >= self.options.segment_age_max)
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        if self.options.sync != SyncPolicy::Never {
            self.sync()?;
        }
        let closed = self.place.segment;
        self.file = create_segment(&self.dir, closed + 1)?;
        self.place = Place {
            segment: closed + 1,
            offset_bytes: 0,
        };
        self.write_segment_note()?;
        if let Some(compressor) = &self.compressor {
            compressor.add(closed);
        }
        Ok(())
    }

    /// Begins the segment that was just made.
    pub(super) fn write_segment_note(&mut self) -> Result<(), JournalError> {
        let note = SegmentNote {
            segment: self.place.segment,
            run_id: self.header.run_id,
        };
        let text = serde_json::to_string(&note).expect("a number and a text make JSON");
        let (bytes, check) =
            block::text_block(BlockKind::Segment, self.pending_seq, self.previous, &text);
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
            messages: self.messages,
            records: self.records,
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
        self.file
            .write_all(bytes)
            .map_err(|error| JournalError::io("write", &path())(error))?;
        self.is_dirty = true;
        self.place.offset_bytes += bytes.len() as u64;
        self.previous = check;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if self.is_dirty {
            let path = segment::plain_path(&self.dir, self.place.segment);
            self.file
                .sync_data()
                .map_err(JournalError::io("sync", &path))?;
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
    /// An input's receive stamp, a record's engine time.
    time: WallNs,
}

impl Facts {
    fn of(message: &Cells<'_>) -> Result<Self, JournalError> {
        let fault = |fault| JournalError::Message { fault };
        let (first, second) = (message.at(0).map_err(fault)?, message.at(1).map_err(fault)?);
        let tag = Tag::of(first.low);
        if tag.kind == 0 {
            return Err(fault(CellFault::Kind(0)));
        }
        if tag.cells as usize != message.len() || message.len() > PAYLOAD_BYTES_MAX / Cell::BYTES {
            return Err(fault(CellFault::Short));
        }
        Ok(Self {
            seq: Record::is_record(first.low).then_some(first.high),
            time: WallNs(second.low as i64),
        })
    }
}
