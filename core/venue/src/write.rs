//! Writing inputs with consecutive numbers. Used by the feed and the book sync, on the feed thread.

use crate::event::{DepthDiff, DepthImage};
use claire_types::input::begin_depth;
use claire_types::{
    BookReason, Cell, CellBuffer, Cells, Depth, Header, Input, InstrumentId, Levels, VenueNs,
    WallNs,
};

/// Most levels of one depth message: with its header a quarter of the smallest ring.
pub const DEPTH_PART_LEVELS_MAX: usize = 2_048;

/// Where inputs go, and what the next one is numbered.
pub struct Writer<'a> {
    /// The buffer.
    pub out: &'a mut CellBuffer,
    /// The number of the input written last.
    pub seq: &'a mut u64,
}

/// When a frame came and what its venue said of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its first byte.
    pub recv: WallNs,
    /// The venue's time, or none.
    pub venue_time: VenueNs,
}

impl Writer<'_> {
    /// Writes one input.
    #[inline]
    pub fn input(&mut self, input: &Input<'_>, instrument: InstrumentId, stamp: Stamp) {
        let header = self.header(instrument, stamp);
        input.encode(&header, self.out);
    }

    /// Writes that the instrument's book is no longer proven.
    pub fn stale(&mut self, reason: BookReason, instrument: InstrumentId, stamp: Stamp) {
        self.input(&Input::BookStale(reason), instrument, stamp);
    }

    /// Writes a change of the book, in as many parts as it needs.
    #[inline]
    pub fn diff(
        &mut self,
        diff: &DepthDiff,
        levels: &[Cell],
        instrument: InstrumentId,
        stamp: Stamp,
    ) {
        let depth = Depth {
            is_snapshot: false,
            is_first: true,
            is_last: true,
            first_id: diff.first_id,
            last_id: diff.last_id,
            bids: Levels::NONE,
            asks: Levels::NONE,
        };
        self.depth(depth, diff.bids as usize, levels, (instrument, stamp));
    }

    /// Writes a whole book, in as many parts as it needs.
    pub fn image(
        &mut self,
        image: &DepthImage,
        levels: &[Cell],
        instrument: InstrumentId,
        stamp: Stamp,
    ) {
        let depth = Depth {
            is_snapshot: true,
            is_first: true,
            is_last: true,
            first_id: image.last_id,
            last_id: image.last_id,
            bids: Levels::NONE,
            asks: Levels::NONE,
        };
        self.depth(depth, image.bids as usize, levels, (instrument, stamp));
    }

    #[inline]
    fn depth(
        &mut self,
        whole: Depth<'_>,
        bids: usize,
        levels: &[Cell],
        (instrument, stamp): (InstrumentId, Stamp),
    ) {
        let mut start = 0;
        loop {
            let end = levels.len().min(start + DEPTH_PART_LEVELS_MAX);
            let part = levels.get(start..end).unwrap_or_default();
            let part_bids = bids.clamp(start, end) - start;
            let depth = Depth {
                is_first: start == 0,
                is_last: end == levels.len(),
                ..whole
            };
            let header = self.header(instrument, stamp);
            let asks = part.len() - part_bids;
            begin_depth(&depth, part_bids as u32, asks as u32, &header, self.out);
            self.out.extend(Cells::new(part, &[]));
            self.out.end();
            if depth.is_last {
                return;
            }
            start = end;
        }
    }

    #[inline]
    fn header(&mut self, instrument: InstrumentId, stamp: Stamp) -> Header {
        *self.seq += 1;
        Header {
            seq: *self.seq,
            recv: stamp.recv,
            venue_time: stamp.venue_time,
            instrument,
        }
    }
}
