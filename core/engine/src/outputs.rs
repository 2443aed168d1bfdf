//! The engine's outputs of one input: records, in the order in which they happened.
//!
//! Written on the engine thread into a reused buffer; the pipeline hands the cells on. A handler's
//! records can be taken back until its call is committed.

use claire_types::record::RecordHeader;
use claire_types::{Cell, CellBuffer, EngineSeq, InstrumentId, Record, StrategyId, WallNs};

/// Records of the current input.
#[derive(Debug)]
pub struct Outputs {
    cells: CellBuffer,
    seq: EngineSeq,
    time: WallNs,
    index: u32,
}

/// A place in the outputs to come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputMark {
    cells: usize,
    index: u32,
}

impl Outputs {
    /// Returns an empty buffer with room for `cells` before it must grow.
    pub fn with_capacity(cells: usize) -> Self {
        Self {
            cells: CellBuffer::with_capacity(cells),
            seq: EngineSeq(0),
            time: WallNs(0),
            index: 0,
        }
    }

    /// Forgets the last input's records and begins those of the next.
    pub fn begin(&mut self, seq: EngineSeq, time: WallNs) {
        self.cells.clear();
        self.seq = seq;
        self.time = time;
        self.index = 0;
    }

    /// Adds a record.
    pub fn emit(&mut self, strategy: StrategyId, instrument: InstrumentId, record: &Record) {
        let header = RecordHeader {
            seq: self.seq.0,
            index: self.index,
            time: self.time,
            strategy,
            instrument,
        };
        record.encode(&header, &mut self.cells);
        self.index += 1;
    }

    /// Returns the present place.
    pub fn mark(&self) -> OutputMark {
        OutputMark {
            cells: self.cells.len(),
            index: self.index,
        }
    }

    /// Takes back every record since the mark.
    pub fn roll_back(&mut self, mark: OutputMark) {
        self.cells.truncate(mark.cells);
        self.index = mark.index;
    }

    /// Returns the records as whole messages.
    pub fn cells(&self) -> &[Cell] {
        self.cells.as_slice()
    }

    /// Returns the sequence of the current input.
    pub fn seq(&self) -> EngineSeq {
        self.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::record::{NoteKind, NoteRecord};
    use claire_types::{Cells, Note};

    #[test]
    fn a_roll_back_leaves_no_gap_in_the_indices() {
        let mut outputs = Outputs::with_capacity(64);
        outputs.begin(EngineSeq(7), WallNs(5));
        let note = |text| {
            Record::Note(NoteRecord {
                kind: NoteKind::Note,
                text: Note::cut(text),
            })
        };
        outputs.emit(StrategyId(0), InstrumentId(1), &note("kept"));
        let mark = outputs.mark();
        outputs.emit(StrategyId(0), InstrumentId(1), &note("undone"));
        outputs.roll_back(mark);
        outputs.emit(StrategyId(0), InstrumentId(1), &note("after"));
        let mut rest = Cells::new(outputs.cells(), &[]);
        let mut seen = Vec::new();
        while !rest.is_empty() {
            let (message, tail) = rest.split_message().expect("whole messages");
            let (header, record) = Record::decode(&message).expect("a record");
            seen.push((header.seq, header.index, record));
            rest = tail;
        }
        assert_eq!(seen, [(7, 0, note("kept")), (7, 1, note("after"))]);
    }
}
