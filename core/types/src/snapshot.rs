//! A snapshot of the engine on its way to the journal: begin, parts, end, as messages of cells.
//!
//! Written by the pipeline's engine stage between two inputs, read back by whoever continues from there.
//! They are neither inputs nor records: they have no engine sequence of their own and enter no digest.
//! What the bytes mean is the engine's.

use crate::cell::{Cell, CellBuffer, CellFault, Cells, Tag};
use crate::id::EngineSeq;
use crate::time::WallNs;

/// A message of a snapshot.
#[derive(Clone, Copy, Debug)]
pub enum SnapshotMessage<'a> {
    /// It begins.
    Begin(SnapshotHead),
    /// Its next bytes.
    Part {
        /// Counted from 0.
        number: u64,
        /// The bytes, padded with zeros to whole cells.
        cells: Cells<'a>,
        /// How many of them count.
        bytes: usize,
    },
    /// It is complete.
    End(SnapshotHead),
}

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// The engine sequence of the last input that is in it.
    pub seq: EngineSeq,
    /// Engine time.
    pub time: WallNs,
    /// Its length.
    pub bytes: u64,
}

/// Collects the bytes of a snapshot from its messages.
#[derive(Clone, Debug, Default)]
pub struct SnapshotBytes {
    head: Option<SnapshotHead>,
    bytes: Vec<u8>,
    parts: u64,
}

/// Bytes of a part: as long as the longest depth, a quarter of the smallest ring.
pub const SNAPSHOT_PART_BYTES: usize = 2_048 * Cell::BYTES;
/// Cells of the longest message of a snapshot.
pub const SNAPSHOT_CELLS_MAX: usize = HEAD_CELLS + SNAPSHOT_PART_BYTES / Cell::BYTES;

const HEAD_CELLS: usize = 2;
const BEGIN: u8 = 120;
const PART: u8 = 121;
const END: u8 = 122;

/// Returns whether the word begins a message of a snapshot.
#[inline]
pub const fn is_snapshot(word: u64) -> bool {
    matches!(Tag::of(word).kind, BEGIN..=END)
}

/// Returns whether the word begins a snapshot's first message.
#[inline]
pub const fn begins_snapshot(word: u64) -> bool {
    Tag::of(word).kind == BEGIN
}

impl SnapshotHead {
    /// Writes the message that begins the snapshot.
    pub fn encode_begin(&self, out: &mut CellBuffer) {
        self.encode(BEGIN, out);
    }

    /// Writes the message that ends it.
    pub fn encode_end(&self, out: &mut CellBuffer) {
        self.encode(END, out);
    }

    /// Writes the next part of all its bytes and returns whether there was one.
    pub fn encode_part(&self, number: u64, all: &[u8], out: &mut CellBuffer) -> bool {
        let chunk = usize::try_from(number)
            .ok()
            .and_then(|number| all.chunks(SNAPSHOT_PART_BYTES).nth(number));
        let Some(chunk) = chunk else {
            return false;
        };
        out.begin(PART, 0, 0, number);
        out.push(self.time.0 as u64, chunk.len() as u64);
        let (cells, rest) = chunk.as_chunks::<{ Cell::BYTES }>();
        let mut last = [0; Cell::BYTES];
        let tail = last.get_mut(..rest.len());
        if let Some(tail) = tail.filter(|tail| !tail.is_empty()) {
            tail.copy_from_slice(rest);
        }
        let more = (!rest.is_empty()).then_some(&last);
        for cell in cells.iter().chain(more) {
            let Cell { low, high } = Cell::from_bytes(*cell);
            out.push(low, high);
        }
        out.end();
        true
    }

    /// Writes all messages of a snapshot with these bytes.
    pub fn encode_all(&self, bytes: &[u8], out: &mut CellBuffer) {
        self.encode_begin(out);
        let mut number = 0;
        while self.encode_part(number, bytes, out) {
            number += 1;
        }
        self.encode_end(out);
    }

    fn encode(&self, kind: u8, out: &mut CellBuffer) {
        out.begin(kind, 0, 0, self.seq.0);
        out.push(self.time.0 as u64, self.bytes);
        out.end();
    }
}

impl<'a> SnapshotMessage<'a> {
    /// Reads a message of a snapshot; `None` where it is any other.
    ///
    /// # Errors
    /// A [`CellFault`] where it is none that was written here.
    pub fn decode(message: &Cells<'a>) -> Result<Option<Self>, CellFault> {
        let first = message.at(0)?;
        if !is_snapshot(first.low) {
            return Ok(None);
        }
        let second = message.at(1)?;
        let head = SnapshotHead {
            seq: EngineSeq(first.high),
            time: WallNs(second.low as i64),
            bytes: second.high,
        };
        Ok(Some(match Tag::of(first.low).kind {
            BEGIN => Self::Begin(head),
            END => Self::End(head),
            _ => {
                let cells = message.range(HEAD_CELLS, message.len() - HEAD_CELLS)?;
                let bytes = usize::try_from(second.high).map_err(|_| CellFault::Value)?;
                if bytes.div_ceil(Cell::BYTES) != cells.len() {
                    return Err(CellFault::Value);
                }
                Self::Part {
                    number: first.high,
                    cells,
                    bytes,
                }
            }
        }))
    }
}

impl SnapshotBytes {
    /// Takes the next message; returns the head once the snapshot is complete.
    ///
    /// # Errors
    /// A [`CellFault`] where it does not follow the one before.
    pub fn take(&mut self, message: &Cells<'_>) -> Result<Option<SnapshotHead>, CellFault> {
        match SnapshotMessage::decode(message)? {
            Some(SnapshotMessage::Begin(head)) => {
                *self = Self {
                    head: Some(head),
                    ..Self::default()
                };
                Ok(None)
            }
            Some(SnapshotMessage::Part {
                number,
                cells,
                bytes,
            }) if self.head.is_some() && number == self.parts => {
                let end = self.bytes.len() + bytes;
                for cell in cells.iter() {
                    self.bytes.extend(cell.to_bytes());
                }
                self.bytes.truncate(end);
                self.parts += 1;
                Ok(None)
            }
            Some(SnapshotMessage::End(head))
                if self.head == Some(head) && head.bytes == self.bytes.len() as u64 =>
            {
                Ok(Some(head))
            }
            _ => Err(CellFault::Value),
        }
    }

    /// Returns the bytes collected so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(bytes: &[u8]) -> CellBuffer {
        let head = SnapshotHead {
            seq: EngineSeq(7),
            time: WallNs(9),
            bytes: bytes.len() as u64,
        };
        let mut out = CellBuffer::default();
        head.encode_all(bytes, &mut out);
        out
    }

    #[test]
    fn bytes_of_all_lengths_come_back() {
        for length in [
            0,
            1,
            16,
            17,
            SNAPSHOT_PART_BYTES - 1,
            SNAPSHOT_PART_BYTES,
            SNAPSHOT_PART_BYTES + 1,
            3 * SNAPSHOT_PART_BYTES + 5,
        ] {
            let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let out = messages(&bytes);
            let (mut rest, mut collected, mut done) = (out.view(), SnapshotBytes::default(), None);
            while let Ok((message, after)) = rest.split_message() {
                assert!(message.len() <= SNAPSHOT_CELLS_MAX);
                assert!(message.at(0).is_ok_and(|cell| is_snapshot(cell.low)));
                done = collected.take(&message).expect("in order");
                rest = after;
            }
            assert_eq!(done.map(|head| head.seq), Some(EngineSeq(7)), "{length}");
            assert_eq!(collected.bytes(), bytes);
        }
    }

    #[test]
    fn a_part_that_is_missing_doubled_or_cut_is_refused() {
        let out = messages(&[5; 2 * SNAPSHOT_PART_BYTES]);
        let mut rest = out.view();
        let mut all = Vec::new();
        while let Ok((message, after)) = rest.split_message() {
            all.push(message);
            rest = after;
        }
        for order in [&[0, 2][..], &[0, 1, 1], &[1], &[3], &[0, 1, 3]] {
            let mut collected = SnapshotBytes::default();
            let mut results = order.iter().map(|index| collected.take(&all[*index]));
            assert!(results.any(|result| result.is_err()), "{order:?}");
        }
        let mut cut: Vec<Cell> = all[1].iter().collect();
        cut.pop();
        assert!(SnapshotMessage::decode(&Cells::new(&cut, &[])).is_err());
        assert!(SnapshotMessage::decode(&Cells::new(&cut[..1], &[])).is_err());
    }
}
