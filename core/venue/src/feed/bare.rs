//! The snapshot that came before anybody said whose it is: an answer that names no symbol, ahead of the first change.
//!
//! Owned by the feed, on its thread. One is kept, the newest; its room is made once and used again.

use super::{DepthStreams, MarketFeed};
use crate::event::{DecodeError, Place, Target};
use crate::sync::BookSync;
use claire_types::{CellBuffer, FrameFault, InstrumentId, Venue, WallNs};

/// Most bytes of a snapshot that is kept: more than the largest that a venue sends.
const BARE_BYTES_MAX: usize = 2 << 20;

/// A snapshot without a symbol, and what became of it.
#[derive(Debug, Default)]
pub(super) struct BareSnapshot {
    state: State,
    bytes: Vec<u8>,
    recv: WallNs,
    number: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    None,
    /// It waits for this venue's first depth stream.
    Held(Venue),
    /// It became the book of the venue's only depth stream so far.
    Placed(Venue, InstrumentId),
}

impl BareSnapshot {
    /// Keeps the frame, at most [`BARE_BYTES_MAX`] long, in place of what was kept.
    pub(super) fn hold(&mut self, venue: Venue, frame: &[u8], recv: WallNs, number: u64) {
        self.state = State::Held(venue);
        self.bytes.clear();
        self.bytes.extend_from_slice(frame);
        self.recv = recv;
        self.number = number;
    }

    /// Forgets it.
    pub(super) const fn forget(&mut self) {
        self.state = State::None;
    }

    /// Says that it became this instrument's book.
    pub(super) const fn place(&mut self, venue: Venue, instrument: InstrumentId) {
        self.state = State::Placed(venue, instrument);
    }

    /// Returns the venue whose stream it waits for, if it waits.
    pub(super) const fn held(&self) -> Option<Venue> {
        match self.state {
            State::Held(venue) => Some(venue),
            State::None | State::Placed(..) => None,
        }
    }

    /// Returns the instrument whose book it became, where it is of this venue.
    pub(super) fn placed(&self, venue: Venue) -> Option<InstrumentId> {
        match self.state {
            State::Placed(of, instrument) if of == venue => Some(instrument),
            _ => None,
        }
    }

    /// Returns when it was received.
    pub(super) const fn recv(&self) -> WallNs {
        self.recv
    }

    /// Returns which frame it was, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Lends its bytes out; [`Self::give_back`] returns them.
    pub(super) fn lend(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Takes the bytes back, for their room.
    pub(super) fn give_back(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }
}

impl MarketFeed {
    /// Ends the session's input: a snapshot that still waits for its depth stream is an error.
    pub fn end(&mut self, out: &mut CellBuffer) {
        if self.bare.held().is_some() {
            self.fail_bare(None, out);
        }
        self.bare.forget();
    }

    /// Keeps a snapshot without a symbol for the venue's first depth stream; returns whether it can wait for one.
    #[cold]
    pub(super) fn hold(&mut self, frame: &[u8], recv: WallNs, out: &mut CellBuffer) -> bool {
        let streams = self.depth_streams.get(self.venue as usize);
        if streams != Some(&DepthStreams::None) || frame.len() > BARE_BYTES_MAX {
            return false;
        }
        match self.bare.held() {
            // The newer one shows what the older did, and more.
            Some(venue) if venue == self.venue => self.counters.sync.stale_snapshots += 1,
            Some(_) => self.fail_bare(None, out),
            None => {}
        }
        let number = self.counters.frames;
        self.bare.hold(self.venue, frame, recv, number);
        true
    }

    /// A depth stream began. The snapshot that waited for the venue's first becomes its book, as the rule allows; a second
    /// stream that comes before a change followed it makes the snapshot either's, so nobody's.
    #[cold]
    pub(super) fn meet_bare(&mut self, out: &mut CellBuffer) {
        if let Some(instrument) = self.bare.placed(self.venue) {
            if let Some(streams) = self.depth_streams.get(self.venue as usize)
                && *streams == DepthStreams::Several
            {
                let book = self.books.get(instrument.index());
                if book.is_some_and(BookSync::is_placed) {
                    self.fail_bare(Some(instrument), out);
                }
                self.bare.forget();
            }
            return;
        }
        let Some(place) = self.only_depth_stream() else {
            return;
        };
        let Target::Known(instrument) = place.target else {
            return;
        };
        if self.bare.held() != Some(self.venue) {
            return;
        }
        self.bare.place(self.venue, instrument);
        let frame = self.bare.lend();
        // It was counted when it came; what is wrong with it is told under its own number.
        let frames = std::mem::replace(&mut self.counters.frames, self.bare.number());
        self.decode_counted(&frame, Some(place), self.bare.recv(), out);
        self.counters.frames = frames;
        self.bare.give_back(frame);
    }

    /// Says that the snapshot belongs to nobody, or not surely to this instrument.
    #[cold]
    fn fail_bare(&mut self, instrument: Option<InstrumentId>, out: &mut CellBuffer) {
        let facts = instrument.and_then(|id| self.catalog.instrument(id));
        self.content.place = facts.map(|facts| Place {
            target: Target::Known(facts.id),
            scale: facts.scale,
        });
        let frame = self.bare.lend();
        let frames = std::mem::replace(&mut self.counters.frames, self.bare.number());
        let error = DecodeError::new(FrameFault::Symbol, 0);
        self.fail(&frame, error, self.bare.recv(), out);
        self.counters.frames = frames;
        self.bare.give_back(frame);
    }
}
