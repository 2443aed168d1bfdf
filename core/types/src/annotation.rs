//! Annotations: what must be known before an input is applied again, beside the inputs themselves.
//!
//! Written by the pipeline's engine stage before the input that they belong to; read back by whoever applies the
//! journal again. They have no engine sequence, enter no digest and are no messages of the run: a version's
//! document (script and what its `init` declared) in parts, and the calls that were cut.

use crate::cell::{Cell, CellBuffer, CellFault, Cells, Tag};
use crate::id::{EngineSeq, StrategyId};
use crate::snapshot::is_snapshot;
use crate::text::Note;

/// An annotation.
#[derive(Clone, Copy, Debug)]
pub enum Annotation<'a> {
    /// The next part of a document; the reload that it belongs to is the input after its last part.
    Part(DocumentPart<'a>),
    /// A call that was cut by its budget: it is not run again.
    Cut(Cut),
}

/// A part of a document.
#[derive(Clone, Copy, Debug)]
pub struct DocumentPart<'a> {
    /// Counted from 0.
    pub number: u32,
    /// Whether it is the last one.
    pub is_last: bool,
    /// How many bytes count.
    pub bytes: usize,
    /// The bytes, padded with zeros to whole cells.
    pub cells: Cells<'a>,
}

/// A call that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The input that it was made for.
    pub at: EngineSeq,
    /// Whose call.
    pub strategy: StrategyId,
    /// Which call of the input, of all strategies, counted from 1.
    pub call: u32,
    /// What the fault said.
    pub text: Note,
}

/// Collects a document from its parts.
#[derive(Clone, Debug, Default)]
pub struct DocumentBytes {
    bytes: Vec<u8>,
    parts: u32,
    is_whole: bool,
}

/// Bytes of a part: as long as the longest depth, a quarter of the smallest ring.
pub const DOCUMENT_PART_BYTES: usize = 2_048 * Cell::BYTES;
/// Most bytes of a document: a script and the state of all it may declare.
pub const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// The first byte of a document, of this form; the first one had no head.
const FORM: u8 = 2;
const PART: u8 = 112;
const CUT: u8 = 113;
const HEAD_CELLS: usize = 2;
const FLAG_LAST: u8 = 1;

/// Returns whether the word begins an annotation.
#[inline]
pub const fn is_annotation(word: u64) -> bool {
    matches!(Tag::of(word).kind, PART..=CUT)
}

/// Returns whether the word begins what stands in a journal beside the messages of a run: a snapshot or an annotation.
#[inline]
pub const fn is_beside(word: u64) -> bool {
    is_annotation(word) || is_snapshot(word)
}

/// Returns a document of a head and the rest. The head says whose script it is, as JSON like the scripts in a run's
/// header: who reads it needs to know nothing of the rest, which only who made it can read.
pub fn document_of(head: &[u8], rest: &[u8]) -> Vec<u8> {
    // Longer ones are longer than any document, and are refused as that.
    let bytes = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let parts = [&[FORM][..], &bytes.to_le_bytes(), head, rest];
    parts.concat()
}

/// Returns a document's head and the rest; `None` where it is none of this form.
pub fn split_document(document: &[u8]) -> Option<(&[u8], &[u8])> {
    let (form, rest) = document.split_first()?;
    let (bytes, rest) = rest.split_first_chunk()?;
    let bytes = usize::try_from(u32::from_le_bytes(*bytes)).ok()?;
    (*form == FORM).then(|| rest.split_at_checked(bytes))?
}

/// Writes a document as its parts; an empty one has one part, too.
pub fn encode_document(bytes: &[u8], out: &mut CellBuffer) {
    let parts = bytes.len().div_ceil(DOCUMENT_PART_BYTES).max(1);
    for number in 0..parts {
        let start = number * DOCUMENT_PART_BYTES;
        let end = bytes.len().min(start + DOCUMENT_PART_BYTES);
        let chunk = bytes.get(start..end).unwrap_or_default();
        let flags = if number + 1 == parts { FLAG_LAST } else { 0 };
        out.begin(PART, flags, 0, number as u64);
        out.push(chunk.len() as u64, 0);
        for piece in chunk.chunks(Cell::BYTES) {
            let mut cell = [0; Cell::BYTES];
            if let Some(place) = cell.get_mut(..piece.len()) {
                place.copy_from_slice(piece);
            }
            let Cell { low, high } = Cell::from_bytes(cell);
            out.push(low, high);
        }
        out.end();
    }
}

impl Cut {
    /// Writes the cut as one message.
    pub fn encode(&self, out: &mut CellBuffer) {
        out.begin(CUT, 0, self.strategy.0, self.at.0);
        out.push(u64::from(self.call), 0);
        out.text(&self.text);
        out.end();
    }
}

impl<'a> Annotation<'a> {
    /// Reads an annotation; `None` where the message is any other.
    ///
    /// # Errors
    /// A [`CellFault`] where it is none that was written here.
    pub fn decode(message: &Cells<'a>) -> Result<Option<Self>, CellFault> {
        let first = message.at(0)?;
        let tag = Tag::of(first.low);
        if !is_annotation(first.low) {
            return Ok(None);
        }
        let second = message.at(1)?;
        if tag.kind == CUT {
            return Ok(Some(Self::Cut(Cut {
                at: EngineSeq(first.high),
                strategy: StrategyId(tag.subject),
                call: u32::try_from(second.low).map_err(|_| CellFault::Value)?,
                text: message.text(HEAD_CELLS)?.0,
            })));
        }
        let cells = message.range(HEAD_CELLS, message.len() - HEAD_CELLS)?;
        let bytes = usize::try_from(second.low).map_err(|_| CellFault::Value)?;
        if bytes.div_ceil(Cell::BYTES) != cells.len() {
            return Err(CellFault::Value);
        }
        Ok(Some(Self::Part(DocumentPart {
            number: u32::try_from(first.high).map_err(|_| CellFault::Value)?,
            is_last: tag.flags & FLAG_LAST != 0,
            bytes,
            cells,
        })))
    }
}

impl DocumentBytes {
    /// Takes the next part; number 0 begins a document anew. Returns whether it is whole.
    ///
    /// # Errors
    /// A [`CellFault`] where the part does not follow the one before, or the document is too long.
    pub fn take(&mut self, part: &DocumentPart<'_>) -> Result<bool, CellFault> {
        if part.number == 0 {
            *self = Self::default();
        }
        let end = self.bytes.len() + part.bytes;
        if part.number != self.parts || self.is_whole || end > DOCUMENT_BYTES_MAX {
            return Err(CellFault::Value);
        }
        for cell in part.cells.iter() {
            self.bytes.extend(cell.to_bytes());
        }
        self.bytes.truncate(end);
        self.parts += 1;
        self.is_whole = part.is_last;
        Ok(self.is_whole)
    }

    /// Returns the document, and forgets it; `None` where it is not whole.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let whole = std::mem::take(self);
        whole.is_whole.then_some(whole.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bytes: &[u8]) -> CellBuffer {
        let mut out = CellBuffer::default();
        encode_document(bytes, &mut out);
        out
    }

    fn take(collected: &mut DocumentBytes, message: &Cells<'_>) -> Result<bool, CellFault> {
        match Annotation::decode(message)? {
            Some(Annotation::Part(part)) => collected.take(&part),
            _ => Err(CellFault::Value),
        }
    }

    #[test]
    fn documents_of_all_lengths_come_back() {
        let part = DOCUMENT_PART_BYTES;
        for length in [0, 1, 16, 17, part - 1, part, part + 1, 2 * part + 5] {
            let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let out = parts(&bytes);
            let (mut rest, mut collected, mut is_whole) =
                (out.view(), DocumentBytes::default(), false);
            while let Ok((message, after)) = rest.split_message() {
                assert!(!is_whole && collected.clone().finish().is_none());
                is_whole = take(&mut collected, &message).expect("in order");
                rest = after;
            }
            assert_eq!(collected.finish(), Some(bytes), "{length}");
            assert_eq!(collected.finish(), None);
        }
    }

    #[test]
    fn a_part_that_is_missing_doubled_or_cut_is_refused() {
        let out = parts(&[5; 2 * DOCUMENT_PART_BYTES]);
        let (first, rest) = out.view().split_message().expect("two parts");
        let (second, _) = rest.split_message().expect("two parts");
        for order in [&[second][..], &[first, first, first, second, second]] {
            let mut collected = DocumentBytes::default();
            let mut results = order.iter().map(|part| take(&mut collected, part));
            assert!(results.any(|result| result.is_err()));
        }
        let cut = first.range(0, first.len() - 1).expect("shorter");
        assert!(take(&mut DocumentBytes::default(), &cut).is_err());
    }

    #[test]
    fn a_document_is_split_where_its_head_ends_and_others_are_none() {
        let document = document_of(b"{}", b"rest");
        assert_eq!(split_document(&document), Some((&b"{}"[..], &b"rest"[..])));
        assert_eq!(
            split_document(&document_of(b"", b"")),
            Some((&[][..], &[][..]))
        );
        for bytes in [&[][..], &[FORM, 0, 0], &document[..6], &[1, 0, 0, 0, 0]] {
            assert_eq!(split_document(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_comes_back() {
        let cut = Cut {
            at: EngineSeq(77),
            strategy: StrategyId(3),
            call: 2,
            text: Note::cut("line 3: cut: out of time"),
        };
        let mut out = CellBuffer::default();
        cut.encode(&mut out);
        assert!(is_annotation(out.as_slice()[0].low));
        match Annotation::decode(&out.view()) {
            Ok(Some(Annotation::Cut(read))) => assert_eq!(read, cut),
            other => panic!("{other:?}"),
        }
    }
}
