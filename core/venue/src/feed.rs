//! The feed: frames in, the engine's inputs out.
//!
//! Called by the FEED stage, on its thread, frame by frame. Decodes, finds or registers the instrument,
//! proves the book, and appends inputs with consecutive numbers. Never reads a clock, never blocks, and
//! allocates nothing once every instrument was seen and every buffer has met its largest frame.

mod bare;

use crate::binance::general::{FrameContent, GeneralDecoder, symbol_of_stream};
use crate::binance::{Context, typed};
use crate::catalog::Catalog;
use crate::event::{Channel, DecodeError, Decoded, Event, FrequentEvent, Place, Target};
use crate::sync::{BookSync, SyncCounters, SyncOutput, SyncRule};
use crate::write::{Stamp, Writer};
use bare::BareSnapshot;
use claire_types::input::FrameError;
use claire_types::{
    BookReason, Cell, CellBuffer, FrameFault, Header, Input, Instrument, InstrumentId,
    InstrumentKey, Scale, Text, Venue, VenueNs, WallNs,
};
use memchr::memmem;

pub use crate::write::DEPTH_PART_LEVELS_MAX;

/// What the feed counted since it was made; a session's reset does not clear it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounters {
    /// Frames given, snapshots among them.
    pub frames: u64,
    /// Market events decoded, whether or not the book's proof let them through.
    pub events: u64,
    /// Frames that nobody understood.
    pub errors: u64,
    /// Frames that the typed decoder left to the general one.
    pub fallbacks: u64,
    /// Answers and notices without market data.
    pub control: u64,
    /// Instruments that exchange info described.
    pub described: u64,
    /// Events of another product in a list of all, left out.
    pub foreign: u64,
    /// What the books' proofs counted: gaps, duplicates, stale snapshots.
    pub sync: SyncCounters,
    /// Events by [`Channel`].
    pub channels: [u64; Channel::ALL.len()],
}

/// Decodes frames of one or several venues into one numbered run of inputs.
#[derive(Debug)]
pub struct MarketFeed {
    venue: Venue,
    catalog: Catalog,
    books: Vec<BookSync>,
    depth_streams: [DepthStreams; Venue::ALL.len() + 1],
    bare: BareSnapshot,
    general: GeneralDecoder,
    content: FrameContent,
    layouts: typed::Layouts,
    levels: Vec<Cell>,
    seq: u64,
    /// Number of the frame that the last error is about.
    faulty_frame: u64,
    counters: FeedCounters,
}

/// Whose changes of the book came from a venue so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DepthStreams {
    None,
    /// With the units of its numbers, which never change.
    One(InstrumentId, Scale),
    Several,
}

/// Levels that the buffer has room for from the start.
const LEVELS_USUAL: usize = 2_048;

impl MarketFeed {
    /// Returns a feed for frames of `venue` that knows these descriptions of instruments.
    ///
    /// Exchange info met in the input goes before them; ids in them mean nothing.
    pub fn new(venue: Venue, described: &[Instrument]) -> Self {
        Self {
            venue,
            catalog: Catalog::new(described),
            books: Vec::new(),
            depth_streams: [DepthStreams::None; Venue::ALL.len() + 1],
            bare: BareSnapshot::default(),
            general: GeneralDecoder::default(),
            content: FrameContent::default(),
            layouts: typed::Layouts::default(),
            levels: Vec::with_capacity(LEVELS_USUAL),
            seq: 0,
            faulty_frame: 0,
            counters: FeedCounters::default(),
        }
    }

    /// Says that the frames from here on come from this venue; books and numbers go on.
    pub const fn select(&mut self, venue: Venue) {
        self.venue = venue;
    }

    /// Decodes a frame and appends its inputs.
    ///
    /// A snapshot without a symbol belongs to the venue's only instrument with a depth stream. Where there is none
    /// yet, the newest is held for the first; where there are several it is an error, see [`MarketFeed::on_snapshot_for`].
    #[inline]
    pub fn on_frame(&mut self, frame: &[u8], recv: WallNs, out: &mut CellBuffer) {
        let bare = self.only_depth_stream();
        self.decode(frame, bare, recv, out);
    }

    /// Decodes a frame whose payload without a symbol belongs to `symbol`: an answer to a request that named it.
    pub fn on_snapshot_for(
        &mut self,
        symbol: &str,
        frame: &[u8],
        recv: WallNs,
        out: &mut CellBuffer,
    ) {
        match self.catalog.place(self.venue, symbol.as_bytes()) {
            Ok(place) => self.decode(frame, Some(place), recv, out),
            Err(fault) => {
                self.counters.frames += 1;
                self.content.place = None;
                self.fail(frame, DecodeError::new(fault, 0), recv, out);
            }
        }
    }

    /// Forgets all books, because the recording or the connection starts over; instruments stay.
    pub fn session_reset(&mut self, recv: WallNs, out: &mut CellBuffer) {
        self.end(out);
        for book in &mut self.books {
            book.reset();
        }
        self.depth_streams = [DepthStreams::None; Venue::ALL.len() + 1];
        self.seq += 1;
        Input::SessionReset.encode(&Header::of_time(self.seq, recv), out);
    }

    /// Gives up every book that is proven: what came so far may be wrong.
    pub fn lose_books(&mut self, recv: WallNs, out: &mut CellBuffer) {
        let mut writer = Writer {
            out,
            seq: &mut self.seq,
        };
        let stamp = Stamp {
            recv,
            venue_time: VenueNs::NONE,
        };
        for (instrument, book) in (0..).map(InstrumentId).zip(&mut self.books) {
            if book.is_synced() {
                let mut to = SyncOutput {
                    writer: &mut writer,
                    instrument,
                    counters: &mut self.counters.sync,
                };
                book.lose(BookReason::FrameError, stamp, &mut to);
            }
        }
    }

    /// Returns what was counted.
    pub const fn counters(&self) -> &FeedCounters {
        &self.counters
    }

    /// Returns the number of the frame that the last error is about, which may be an earlier frame than the last: a
    /// snapshot that was held. 0 where there was no error.
    pub const fn faulty_frame(&self) -> u64 {
        self.faulty_frame
    }

    /// Returns whether the last frame is a snapshot that waits for the stream that it belongs to.
    #[inline]
    pub const fn holds_last_frame(&self) -> bool {
        self.bare.held().is_some() && self.bare.number() == self.counters.frames
    }

    /// Returns the number of the input written last; 0 before the first.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns the instruments.
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the venue that frames are taken to come from.
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// Returns whether the instrument's book is proven.
    pub fn is_synced(&self, instrument: InstrumentId) -> bool {
        self.books
            .get(instrument.index())
            .is_some_and(BookSync::is_synced)
    }

    /// Returns whether the instrument has a depth stream and awaits a snapshot.
    pub fn needs_snapshot(&self, instrument: InstrumentId) -> bool {
        self.books
            .get(instrument.index())
            .is_some_and(|book| book.has_diffs() && !book.is_synced())
    }

    #[inline(always)]
    fn decode(&mut self, frame: &[u8], bare: Option<Place>, recv: WallNs, out: &mut CellBuffer) {
        self.counters.frames += 1;
        self.decode_counted(frame, bare, recv, out);
    }

    #[inline(always)]
    fn decode_counted(
        &mut self,
        frame: &[u8],
        bare: Option<Place>,
        recv: WallNs,
        out: &mut CellBuffer,
    ) {
        self.levels.clear();
        let context = Context {
            venue: self.venue,
            catalog: &self.catalog,
            bare,
        };
        match typed::decode(&context, frame, &mut self.layouts, &mut self.levels) {
            Some(decoded) => {
                let stamp = Stamp {
                    recv,
                    venue_time: decoded.venue_time,
                };
                self.accept(&decoded.event, decoded.instrument, stamp, out);
            }
            None => self.decode_general(frame, bare, recv, out),
        }
    }

    #[cold]
    #[inline(never)]
    fn decode_general(
        &mut self,
        frame: &[u8],
        bare: Option<Place>,
        recv: WallNs,
        out: &mut CellBuffer,
    ) {
        let context = Context {
            venue: self.venue,
            catalog: &self.catalog,
            bare,
        };
        if let Some(decoded) = typed::decode_rare(&context, frame, &mut self.layouts)
            && let Target::Known(instrument) = decoded.target
        {
            return self.accept_any(&decoded, instrument, recv, out);
        }
        self.counters.fallbacks += 1;
        if let Err(error) = self.general.decode(&context, frame, &mut self.content) {
            if self.content.is_bare && self.hold(frame, recv, out) {
                return;
            }
            return self.fail(frame, error, recv, out);
        }
        self.counters.foreign += self.content.foreign;
        self.counters.control += u64::from(self.content.is_control);
        self.counters.described += self.content.instruments.len() as u64;
        for instrument in &self.content.instruments {
            self.catalog.describe(*instrument);
        }
        std::mem::swap(&mut self.levels, &mut self.content.levels);
        let events = std::mem::take(&mut self.content.events);
        for decoded in &events {
            match self.instrument_of(decoded.target, recv, out) {
                Some(instrument) => self.accept_any(decoded, instrument, recv, out),
                None => {
                    self.content.place = None;
                    let error = DecodeError::new(FrameFault::TooManyInstruments, 0);
                    self.fail(frame, error, recv, out);
                }
            }
        }
        self.content.events = events;
    }

    /// Returns the target's id; registers it and writes its facts where it is new. `None` where the run is full.
    fn instrument_of(
        &mut self,
        target: Target,
        recv: WallNs,
        out: &mut CellBuffer,
    ) -> Option<InstrumentId> {
        let symbol = match target {
            Target::Known(id) => return Some(id),
            Target::New(symbol) => symbol,
        };
        let venue = self.venue;
        if let Some((id, _)) = self.catalog.find(venue, symbol.as_bytes()) {
            return Some(id);
        }
        let facts = self
            .catalog
            .register(InstrumentKey { venue, symbol })
            .ok()?;
        self.books.push(BookSync::new(SyncRule::of(venue)));
        let mut writer = Writer {
            out,
            seq: &mut self.seq,
        };
        let stamp = Stamp {
            recv,
            venue_time: VenueNs::NONE,
        };
        writer.input(&Input::Instrument(facts), facts.id, stamp);
        Some(facts.id)
    }

    /// Writes a frequent event, a depth event by way of its book's proof.
    #[inline(always)]
    fn accept(
        &mut self,
        event: &FrequentEvent,
        instrument: InstrumentId,
        stamp: Stamp,
        out: &mut CellBuffer,
    ) {
        self.count(event.channel());
        let input = match event {
            FrequentEvent::Ticker(ticker) => Input::Ticker(*ticker),
            FrequentEvent::Trade(trade) => Input::Trade(*trade),
            depth => return self.prove(depth, instrument, stamp, out),
        };
        self.write(&input, instrument, stamp, out);
    }

    fn accept_any(
        &mut self,
        decoded: &Decoded,
        instrument: InstrumentId,
        recv: WallNs,
        out: &mut CellBuffer,
    ) {
        let stamp = Stamp {
            recv,
            venue_time: decoded.venue_time,
        };
        let input = match &decoded.event {
            Event::Frequent(event) => return self.accept(event, instrument, stamp, out),
            Event::Kline(kline) => Input::Kline(*kline),
            Event::Mark(mark) => Input::Mark(*mark),
            Event::Liquidation(liquidation) => Input::Liquidation(*liquidation),
        };
        self.count(decoded.event.channel());
        self.write(&input, instrument, stamp, out);
    }

    #[inline(always)]
    fn count(&mut self, channel: Channel) {
        self.counters.events += 1;
        if let Some(count) = self.counters.channels.get_mut(channel as usize) {
            *count += 1;
        }
    }

    #[inline(always)]
    fn write(
        &mut self,
        input: &Input<'_>,
        instrument: InstrumentId,
        stamp: Stamp,
        out: &mut CellBuffer,
    ) {
        let mut writer = Writer {
            out,
            seq: &mut self.seq,
        };
        writer.input(input, instrument, stamp);
    }

    /// Hands a depth event to its book's proof.
    fn prove(
        &mut self,
        event: &FrequentEvent,
        instrument: InstrumentId,
        stamp: Stamp,
        out: &mut CellBuffer,
    ) {
        let Some(book) = self.books.get_mut(instrument.index()) else {
            return;
        };
        let mut to = SyncOutput {
            writer: &mut Writer {
                out,
                seq: &mut self.seq,
            },
            instrument,
            counters: &mut self.counters.sync,
        };
        match event {
            FrequentEvent::Depth(diff) => {
                let is_first = !book.has_diffs();
                book.on_diff(diff, &self.levels, stamp, &mut to);
                if is_first {
                    self.note_depth_stream(instrument);
                    self.meet_bare(out);
                }
            }
            FrequentEvent::Snapshot(image) => book.on_snapshot(image, &self.levels, stamp, &mut to),
            FrequentEvent::PartialDepth(image) => {
                book.on_partial(image, &self.levels, stamp, &mut to);
            }
            FrequentEvent::Ticker(_) | FrequentEvent::Trade(_) => {}
        }
    }

    #[cold]
    fn note_depth_stream(&mut self, instrument: InstrumentId) {
        let Some(facts) = self.catalog.instrument(instrument) else {
            return;
        };
        if let Some(streams) = self.depth_streams.get_mut(self.venue as usize) {
            *streams = match *streams {
                DepthStreams::None => DepthStreams::One(instrument, facts.scale),
                DepthStreams::One(known, scale) if known == instrument => {
                    DepthStreams::One(known, scale)
                }
                _ => DepthStreams::Several,
            };
        }
    }

    #[inline]
    fn only_depth_stream(&self) -> Option<Place> {
        match *self.depth_streams.get(self.venue as usize)? {
            DepthStreams::One(id, scale) => Some(Place {
                target: Target::Known(id),
                scale,
            }),
            DepthStreams::None | DepthStreams::Several => None,
        }
    }

    /// Counts and writes a frame error; the book that it may have changed is no longer proven.
    #[cold]
    fn fail(&mut self, frame: &[u8], error: DecodeError, recv: WallNs, out: &mut CellBuffer) {
        self.counters.errors += 1;
        self.faulty_frame = self.counters.frames;
        // Another stream's frame and an answer of the venue say nothing about a book.
        let instrument = match error.fault {
            FrameFault::UnknownStream | FrameFault::VenueError => InstrumentId::NONE,
            _ => self.instrument_in_error(frame),
        };
        let stamp = Stamp {
            recv,
            venue_time: VenueNs::NONE,
        };
        let mut writer = Writer {
            out,
            seq: &mut self.seq,
        };
        let input = Input::FrameError(FrameError {
            fault: error.fault,
            offset_bytes: error.offset_bytes,
            frame: self.counters.frames,
            channel: channel_in(frame),
        });
        writer.input(&input, instrument, stamp);
        if let Some(book) = self.books.get_mut(instrument.index()) {
            let mut to = SyncOutput {
                writer: &mut writer,
                instrument,
                counters: &mut self.counters.sync,
            };
            book.lose(BookReason::FrameError, stamp, &mut to);
        }
    }

    /// Returns the instrument of a frame that was not understood, as far as it can be read.
    fn instrument_in_error(&self, frame: &[u8]) -> InstrumentId {
        if let Some(place) = self.content.place {
            return match place.target {
                Target::Known(id) => id,
                Target::New(_) => InstrumentId::NONE,
            };
        }
        let from_stream = text_after(frame, b"\"stream\"")
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(symbol_of_stream)
            .and_then(|symbol| self.catalog.find(self.venue, symbol.as_bytes()));
        let found = from_stream.or_else(|| {
            let symbol = text_after(frame, b"\"s\"")?;
            self.catalog.find(self.venue, symbol)
        });
        found.map_or(InstrumentId::NONE, |(id, _)| id)
    }
}

/// Returns the stream's name, else the event's type, as far as the frame can be read.
fn channel_in(frame: &[u8]) -> Text<40> {
    let text = text_after(frame, b"\"stream\"").or_else(|| text_after(frame, b"\"e\""));
    let text = text.unwrap_or_default();
    let valid = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(text.get(..error.valid_up_to()).unwrap_or_default())
            .unwrap_or_default(),
    };
    Text::cut(valid)
}

/// Returns the text that follows a name in a frame that may be no JSON at all.
fn text_after<'f>(frame: &'f [u8], name: &[u8]) -> Option<&'f [u8]> {
    let rest = frame.get(memmem::find(frame, name)? + name.len()..)?;
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    rest.get(..memchr::memchr(b'"', rest)?)
}
