//! Reading a journal: every message in order, with its place, checked.
//!
//! Called by `verify`, `diff`, `explain`, the projector and a resumed writer, on their own threads. A
//! journal that is being written is read with [`JournalReader::set_follow`]. Never writes, never locks.
//! Snapshots and annotations are passed over unless asked for: they are no messages of the run.

use super::block::{BlockHead, BlockKind, HEAD_BYTES};
use super::blocks::{BlockReader, Step};
use super::committed::Committed;
use super::error::JournalError;
use super::header::{FORMAT_VERSION, JournalHeader};
use super::segment::{self, Place};
use crate::digest::Digest;
use claire_types::annotation::is_beside;
use claire_types::cell::Tag;
use claire_types::{Cell, Cells};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    /// What stood before the segment that is read.
    start: SegmentStart,
    shows_all: bool,
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

/// What the first block of a later segment says: all that is needed to go on from its snapshot alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SegmentNote {
    pub segment: u32,
    #[serde(flatten)]
    pub start: SegmentStart,
    pub header: JournalHeader,
}

/// What stands in a journal before a segment; snapshots are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentStart {
    /// Number of messages.
    pub messages: u64,
    /// Number of records among them.
    pub records: u64,
    /// Digest of the records.
    #[serde(with = "digest_text")]
    pub digest: Digest,
}

impl JournalReader {
    /// Opens the journal at its first message.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where there is no whole header, [`JournalError::Format`] for another
    /// version's journal, [`JournalError::Corrupt`] and [`JournalError::Io`].
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let Some((first, _)) = segment::range(dir)? else {
            return Err(missing(dir, "no journal-000001.claire in it"));
        };
        Self::open_segment(dir, first)
    }

    /// Opens the journal at the first message of a segment, and reads nothing before it.
    ///
    /// # Errors
    /// As [`Self::open`]; [`JournalError::NoSegment`] where there is no such segment.
    pub fn open_segment(dir: &Path, number: u32) -> Result<Self, JournalError> {
        if !segment::exists(dir, number) {
            let Some((first, last)) = segment::range(dir)? else {
                return Err(missing(dir, "no segment in it"));
            };
            return Err(JournalError::NoSegment {
                dir: dir.to_owned(),
                number,
                first,
                last,
            });
        }
        let mut blocks = BlockReader::open(dir, number)?;
        let (header, start) = read_start(&mut blocks)?;
        Ok(Self {
            header,
            start,
            shows_all: false,
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
        let first = reader.position().segment;
        if place.segment < first && place.offset_bytes > 0 {
            let what = format!(
                "segment {} was removed, the first is {first}",
                place.segment
            );
            return Err(missing(dir, &what));
        }
        if place > reader.position() {
            reader.blocks.jump(place, check)?;
        }
        Ok(reader)
    }

    /// Shows snapshots and annotations too, from here on.
    pub const fn show_all(&mut self) {
        self.shows_all = true;
    }

    /// Returns what stands in the journal before the segment that is read.
    pub const fn segment_start(&self) -> SegmentStart {
        self.start
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
        let start = loop {
            while self.is_between_blocks() {
                if !self.load()? {
                    return Ok(None);
                }
            }
            let start = self.cursor;
            let first = self.cells[start].low;
            self.cursor += Tag::of(first).cells as usize;
            if self.shows_all || !is_beside(first) {
                break start;
            }
        };
        let place = Place {
            offset_bytes: self.cells_place.offset_bytes + (start * Cell::BYTES) as u64,
            ..self.cells_place
        };
        let cells = Cells::new(&self.cells[start..self.cursor], &[]);
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
            BlockKind::Segment => self.take_segment_note(head),
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

    fn take_segment_note(&mut self, head: &BlockHead) -> Result<(), JournalError> {
        let note = note_of(&self.blocks, head)?;
        if note.header.run_id != self.header.run_id {
            let what = format!(
                "the file is segment {} of run {}",
                note.segment, note.header.run_id
            );
            return Err(self.blocks.corrupt(&what));
        }
        self.start = note.start;
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

/// Reads the block that a segment begins with.
fn read_start(blocks: &mut BlockReader) -> Result<(JournalHeader, SegmentStart), JournalError> {
    let head = match blocks.step()? {
        Step::Block(head) => head,
        Step::EndOfSegment | Step::Torn => {
            return Err(missing(blocks.dir(), "its header was never written whole"));
        }
    };
    let start = match head.kind {
        BlockKind::Header => (header_of(blocks, &head)?, SegmentStart::default()),
        BlockKind::Segment => {
            let note = note_of(blocks, &head)?;
            (note.header, note.start)
        }
        _ => return Err(blocks.corrupt("the segment does not begin with a header")),
    };
    blocks.pass(&head);
    Ok(start)
}

fn header_of(blocks: &BlockReader, head: &BlockHead) -> Result<JournalHeader, JournalError> {
    let value: Value = serde_json::from_slice(blocks.payload(head))
        .map_err(|error| blocks.corrupt(&format!("the header is no JSON: {error}")))?;
    check_format(blocks, &value)?;
    serde_json::from_value(value)
        .map_err(|error| blocks.corrupt(&format!("the header is not understood: {error}")))
}

fn note_of(blocks: &BlockReader, head: &BlockHead) -> Result<SegmentNote, JournalError> {
    let value: Value = serde_json::from_slice(blocks.payload(head))
        .map_err(|error| blocks.corrupt(&format!("the segment's start is no JSON: {error}")))?;
    check_format(blocks, &value["header"])?;
    let note: SegmentNote = serde_json::from_value(value).map_err(|error| {
        blocks.corrupt(&format!("the segment's start is not understood: {error}"))
    })?;
    if note.segment != blocks.place().segment {
        let what = format!("the file is segment {}", note.segment);
        return Err(blocks.corrupt(&what));
    }
    Ok(note)
}

fn check_format(blocks: &BlockReader, header: &Value) -> Result<(), JournalError> {
    let found = header["format_version"].as_u64();
    if found == Some(u64::from(FORMAT_VERSION)) {
        return Ok(());
    }
    Err(JournalError::Format {
        dir: blocks.dir().to_owned(),
        // Before the second version a later segment named none.
        found: found.unwrap_or(1),
        known: FORMAT_VERSION,
    })
}

pub(super) fn missing(dir: &Path, what: &str) -> JournalError {
    JournalError::Missing {
        dir: dir.to_owned(),
        what: what.to_owned(),
    }
}

/// A digest as the text that people see.
mod digest_text {
    use super::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
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
