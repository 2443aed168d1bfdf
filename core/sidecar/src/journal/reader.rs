//! Reading a journal: every message in order, with its place, checked.
//!
//! Called by `verify`, `diff`, `explain`, the projector and a resumed writer, on their own threads. A
//! journal that is being written is read with [`JournalReader::set_follow`]. Never writes, never locks.

use super::block::{BlockHead, BlockKind, HEAD_BYTES};
use super::blocks::{BlockReader, Step};
use super::committed::Committed;
use super::error::JournalError;
use super::header::{FORMAT_VERSION, JournalHeader, RunId};
use super::segment::{self, Place};
use crate::digest::Digest;
use claire_types::{Cell, Cells};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Reads a journal's messages in order.
pub struct JournalReader {
    header: JournalHeader,
    blocks: BlockReader,
    tail: Tail,
    limit: Option<Arc<Committed>>,
    /// The messages of the block that was read last.
    cells: Vec<Cell>,
    /// The message that is returned next.
    cursor: usize,
    cells_place: Place,
}

/// A message and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The message.
    pub cells: Cells<'a>,
    /// Its first cell's place.
    pub place: Place,
}

/// How a journal ends, as far as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Not read to its end yet.
    Reading,
    /// Ends with a whole block, but the run was never finished: it goes on, or was killed.
    Open,
    /// Ends in the middle of a block, at this place; what was read before is good.
    Torn(Place),
    /// Finished, with this end mark.
    Finished(EndMark),
}

/// What stands at the end of a finished journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndMark {
    /// The digest of all records.
    pub digest: Digest,
    /// Number of messages.
    pub messages: u64,
    /// Number of records among them.
    pub records: u64,
}

/// What the first block of a later segment says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentNote {
    pub segment: u32,
    pub run_id: RunId,
}

impl JournalReader {
    /// Opens the journal at its first message.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where there is no whole header, [`JournalError::Format`] for another
    /// version's journal, [`JournalError::Corrupt`] and [`JournalError::Io`].
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        if segment::count(dir)? == 0 {
            return Err(missing(dir, "no journal-000001.claire in it"));
        }
        let mut blocks = BlockReader::open(dir)?;
        let header = read_header(&mut blocks)?;
        Ok(Self {
            header,
            cells_place: blocks.place(),
            blocks,
            tail: Tail::Reading,
            limit: None,
            cells: Vec::new(),
            cursor: 0,
        })
    }

    /// Opens the journal at a block that [`Self::position`] returned, to go on there.
    ///
    /// `check` is what [`Self::last_check`] returned there; with it, the block read next has to be the
    /// one that would have followed.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(dir: &Path, place: Place, check: Option<u32>) -> Result<Self, JournalError> {
        let mut reader = Self::open(dir)?;
        if place > reader.position() {
            reader.blocks.jump(place, check)?;
        }
        Ok(reader)
    }

    /// Follows a journal that is being written: nothing behind the committed place is read, and
    /// reaching it ends [`Self::next_message`] only until more is committed.
    pub fn set_follow(&mut self, committed: Arc<Committed>) {
        self.limit = Some(committed);
    }

    /// Returns the next message, `None` at the journal's end; [`Self::tail`] then says how it ends.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] names file, offset and what; [`JournalError::Io`].
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, JournalError> {
        while self.is_between_blocks() {
            if !self.load()? {
                return Ok(None);
            }
        }
        let start = self.cursor;
        let (cells, _) = Cells::new(&self.cells[start..], &[])
            .split_message()
            .expect("the messages of a block are checked when it is read");
        self.cursor += cells.len();
        let place = Place {
            offset_bytes: self.cells_place.offset_bytes + (start * Cell::BYTES) as u64,
            ..self.cells_place
        };
        Ok(Some(Message { cells, place }))
    }

    /// Returns whether the last message of a block was just returned: [`Self::position`] names what follows it.
    pub const fn is_between_blocks(&self) -> bool {
        self.cursor == self.cells.len()
    }

    /// Returns the place of the block that is read next.
    pub const fn position(&self) -> Place {
        self.blocks.place()
    }

    /// Returns the journal's header.
    pub const fn header(&self) -> &JournalHeader {
        &self.header
    }

    /// Returns how the journal ends.
    pub const fn tail(&self) -> Tail {
        self.tail
    }

    /// Returns the check of the last block read, which the next one has to name.
    pub const fn last_check(&self) -> Option<u32> {
        self.blocks.last_check()
    }

    /// Returns the error that the journal is damaged here.
    pub(super) fn corrupt(&self, what: &str) -> JournalError {
        self.blocks.corrupt(what)
    }

    /// Reads blocks until one with messages is loaded; `false` at the end.
    fn load(&mut self) -> Result<bool, JournalError> {
        loop {
            let limit = self.limit.as_ref().map(|limit| limit.place());
            let is_over = matches!(self.tail, Tail::Finished(_) | Tail::Torn(_));
            if is_over || limit.is_some_and(|limit| self.position() >= limit) {
                return Ok(false);
            }
            match self.blocks.step()? {
                Step::Torn => self.tail = Tail::Torn(self.position()),
                Step::EndOfSegment if self.blocks.is_last() => {
                    self.tail = Tail::Open;
                    return Ok(false);
                }
                Step::EndOfSegment => self.blocks.begin_next_segment()?,
                Step::Block(head) => {
                    self.tail = Tail::Reading;
                    self.take(&head)?;
                    self.blocks.pass(&head);
                    if head.kind == BlockKind::Messages {
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn take(&mut self, head: &BlockHead) -> Result<(), JournalError> {
        match head.kind {
            BlockKind::Messages => self.take_messages(head),
            BlockKind::Segment => self.check_segment_note(head),
            BlockKind::End => self.take_end_mark(head),
            BlockKind::Header => Err(self.blocks.corrupt("a second header")),
        }
    }

    fn take_messages(&mut self, head: &BlockHead) -> Result<(), JournalError> {
        self.cells.clear();
        let (cells, _) = self.blocks.payload(head).as_chunks::<{ Cell::BYTES }>();
        self.cells
            .extend(cells.iter().map(|cell| Cell::from_bytes(*cell)));
        if count_messages(&self.cells) != Some(head.count) {
            self.cells.clear();
            return Err(self
                .blocks
                .corrupt("the block's messages are not as many as it says"));
        }
        self.cursor = 0;
        self.cells_place = self.position();
        self.cells_place.offset_bytes += HEAD_BYTES as u64;
        Ok(())
    }

    fn check_segment_note(&self, head: &BlockHead) -> Result<(), JournalError> {
        let note: SegmentNote =
            serde_json::from_slice(self.blocks.payload(head)).map_err(|error| {
                let what = format!("the segment's start is not understood: {error}");
                self.blocks.corrupt(&what)
            })?;
        if note.segment != self.position().segment || note.run_id != self.header.run_id {
            let what = format!(
                "the file is segment {} of run {}",
                note.segment, note.run_id
            );
            return Err(self.blocks.corrupt(&what));
        }
        Ok(())
    }

    fn take_end_mark(&mut self, head: &BlockHead) -> Result<(), JournalError> {
        let mark = EndMark::of(self.blocks.payload(head))
            .ok_or_else(|| self.blocks.corrupt("the end mark has not its length"))?;
        if !self.blocks.is_at_the_end()? {
            return Err(self.blocks.corrupt("something follows the end mark"));
        }
        self.tail = Tail::Finished(mark);
        Ok(())
    }
}

/// Returns how many messages the cells hold, `None` where the last one is cut off.
fn count_messages(cells: &[Cell]) -> Option<u32> {
    let mut rest = Cells::new(cells, &[]);
    let mut count = 0;
    while !rest.is_empty() {
        rest = rest.split_message().ok()?.1;
        count += 1;
    }
    Some(count)
}

fn read_header(blocks: &mut BlockReader) -> Result<JournalHeader, JournalError> {
    let head = match blocks.step()? {
        Step::Block(head) if head.kind == BlockKind::Header => head,
        Step::Block(_) => return Err(blocks.corrupt("the journal does not begin with a header")),
        Step::EndOfSegment | Step::Torn => {
            return Err(missing(blocks.dir(), "its header was never written whole"));
        }
    };
    let value: serde_json::Value = serde_json::from_slice(blocks.payload(&head))
        .map_err(|error| blocks.corrupt(&format!("the header is no JSON: {error}")))?;
    let found = value["format_version"].as_u64();
    if found != Some(u64::from(FORMAT_VERSION)) {
        return Err(JournalError::Format {
            dir: blocks.dir().to_owned(),
            found: found.unwrap_or_default(),
            known: FORMAT_VERSION,
        });
    }
    let header = serde_json::from_value(value)
        .map_err(|error| blocks.corrupt(&format!("the header is not understood: {error}")))?;
    blocks.pass(&head);
    Ok(header)
}

pub(super) fn missing(dir: &Path, what: &str) -> JournalError {
    JournalError::Missing {
        dir: dir.to_owned(),
        what: what.to_owned(),
    }
}

impl EndMark {
    /// Bytes of an end mark.
    const BYTES: usize = Digest::BYTES + 16;

    /// Returns the mark's bytes.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..32].copy_from_slice(&self.digest.to_bytes());
        bytes[32..40].copy_from_slice(&self.messages.to_le_bytes());
        bytes[40..].copy_from_slice(&self.records.to_le_bytes());
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (digest, counts) = bytes.split_first_chunk::<{ Digest::BYTES }>()?;
        let (messages, records) = counts.split_first_chunk::<8>()?;
        Some(Self {
            digest: Digest::from_bytes(*digest),
            messages: u64::from_le_bytes(*messages),
            records: u64::from_le_bytes(records.try_into().ok()?),
        })
    }
}
