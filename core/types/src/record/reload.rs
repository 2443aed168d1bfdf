//! What became of a version of a strategy's script, and its bytes.
//!
//! Made by the engine where a version takes a seat, does not, or is taken back; read by the store and by whoever
//! explains an order.

use super::RecordHeader;
use crate::cell::{Cell, CellBuffer, CellFault, Cells, Tag};
use crate::text::Note;

/// A version of a script, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReloadRecord {
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// Its number in the run, from 1 for each strategy; 0 where it was refused and got none.
    pub version: u32,
    /// SHA-256 of its text; zeros where none could be read.
    pub sha256: [u8; SHA256_BYTES],
    /// The version that had the seat before it, which goes on where this one does not; 0 began the run.
    pub from: u32,
    /// SHA-256 of that one's text; zeros for version 0, which the run's header names.
    pub from_sha256: [u8; SHA256_BYTES],
    /// Fields of the state that it took over; with the next two 0 unless it went live.
    pub carried: u32,
    /// Fields that are new.
    pub fresh: u32,
    /// Fields that only the version before had.
    pub dropped: u32,
    /// Number of the last order before this: later ones are of the version that runs then.
    pub order_number: u64,
    /// Why, where it did not stay.
    pub reason: Note,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReloadOutcome {
    /// It took the seat.
    Live = 1,
    /// It did not: the version before goes on.
    Refused = 2,
    /// It gave the seat back within its probation.
    RolledBack = 3,
}

/// Bytes of a SHA-256.
pub const SHA256_BYTES: usize = 32;
const SHA256_CELLS: usize = SHA256_BYTES / Cell::BYTES;

impl ReloadOutcome {
    /// Returns the outcome with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Live),
            2 => Some(Self::Refused),
            3 => Some(Self::RolledBack),
            _ => None,
        }
    }

    /// Returns `live`, `refused` or `rolled_back`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Refused => "refused",
            Self::RolledBack => "rolled_back",
        }
    }
}

impl ReloadRecord {
    pub(super) fn encode(&self, kind: u8, header: &RecordHeader, out: &mut CellBuffer) {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        header.begin(kind, self.outcome as u8, out);
        out.push(
            pair(self.version, self.from),
            pair(self.carried, self.fresh),
        );
        out.push(u64::from(self.dropped), self.order_number);
        push_sha256(&self.sha256, out);
        push_sha256(&self.from_sha256, out);
        out.text(&self.reason);
    }

    pub(super) fn decode(tag: Tag, cells: &Cells<'_>) -> Result<Self, CellFault> {
        let (versions, counts) = (cells.at(2)?, cells.at(3)?);
        let hashes = 4;
        let half = |word: u64, shift: u32| (word >> shift) as u32;
        Ok(Self {
            outcome: ReloadOutcome::from_u8(tag.flags).ok_or(CellFault::Value)?,
            version: half(versions.low, 0),
            from: half(versions.low, 32),
            carried: half(versions.high, 0),
            fresh: half(versions.high, 32),
            dropped: u32::try_from(counts.low).map_err(|_| CellFault::Value)?,
            order_number: counts.high,
            sha256: sha256_at(cells, hashes)?,
            from_sha256: sha256_at(cells, hashes + SHA256_CELLS)?,
            reason: cells.text(hashes + 2 * SHA256_CELLS)?.0,
        })
    }
}

/// Writes a SHA-256 as cells.
pub(crate) fn push_sha256(sha256: &[u8; SHA256_BYTES], out: &mut CellBuffer) {
    for half in sha256.as_chunks::<{ Cell::BYTES }>().0 {
        let Cell { low, high } = Cell::from_bytes(*half);
        out.push(low, high);
    }
}

/// Returns the SHA-256 that begins at a cell.
pub(crate) fn sha256_at(cells: &Cells<'_>, start: usize) -> Result<[u8; SHA256_BYTES], CellFault> {
    let mut sha256 = [0; SHA256_BYTES];
    let halves = sha256.as_chunks_mut::<{ Cell::BYTES }>().0.iter_mut();
    for (half, index) in halves.zip(start..) {
        *half = cells.at(index)?.to_bytes();
    }
    Ok(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{InstrumentId, StrategyId};
    use crate::record::{RECORD_CELLS_MAX, Record};
    use crate::time::WallNs;

    #[test]
    fn a_reload_comes_back_and_a_cut_one_is_refused() {
        let header = RecordHeader {
            seq: 7,
            index: 2,
            time: WallNs(9),
            strategy: StrategyId(3),
            instrument: InstrumentId(1),
        };
        let record = Record::Reload(ReloadRecord {
            outcome: ReloadOutcome::RolledBack,
            version: u32::MAX,
            sha256: std::array::from_fn(|index| index as u8),
            from: 4,
            from_sha256: [0xfe; SHA256_BYTES],
            carried: 1,
            fresh: u32::MAX - 1,
            dropped: 3,
            order_number: u64::MAX,
            reason: Note::cut(&"long ".repeat(40)),
        });
        let mut out = CellBuffer::default();
        record.encode(&header, &mut out);
        assert!(out.as_slice().len() <= RECORD_CELLS_MAX);
        assert_eq!(Record::decode(&out.view()), Ok((header, record)));
        let cut = out.view().range(0, 9).expect("shorter");
        assert!(Record::decode(&cut).is_err());
    }
}
