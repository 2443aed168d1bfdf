//! FEED: frames in, proven events out, with the clock's ticks and the venue's offsets among them.
//!
//! The part that all feeds share; where frames come from is in `feed/replay.rs` and `feed/paper.rs`. What
//! the frames of a commit produced stays pending until the ring took all of it, and no further frame is taken
//! before: nothing has to be estimated, nothing can be lost. A live frame is a commit of its own. A file at
//! full speed is committed in batches, where a frame waits for others: its latency is then service time alone.

pub mod offset;
pub mod paper;
pub mod replay;
pub mod steps;
pub mod ticks;

use crate::clock::Clock;
use crate::latency::{LatencyRecorder, Span};
use crate::ring::{MessageProducer, Since, Stamp};
use crate::stage::Stage;
use claire_types::cell::Tag;
use claire_types::input::HEADER_CELLS;
use claire_types::{
    CellBuffer, Cells, ClockOffset, DurationNs, Header, Input, Instrument, MonoNs, Venue, VenueNs,
    WallNs,
};
use claire_venue::MarketFeed;
use offset::OffsetMeter;
use ticks::Ticks;

/// What a frame is assumed to take from the venue to us: 1 ms.
pub const LATENCY_ASSUMED: DurationNs = DurationNs::from_ms(1);
/// Ticks between two looks at a clock offset that is known.
const OFFSET_TICKS: u32 = 10;
/// Room for what one frame produces before the buffer must grow.
const PENDING_CELLS: usize = 32_768;

/// A feed stage: a source, and the line behind it.
pub trait Feed: Stage {
    /// Returns the line.
    fn line(&self) -> &FeedLine;

    /// Returns whether it was stopped before the end of an input that can be read again. Its run stays open: who
    /// starts it once more has all of it.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// The part of a feed stage behind its source.
pub struct FeedLine {
    pub(crate) feed: MarketFeed,
    ticks: Ticks,
    meters: [OffsetMeter; Venue::ALL.len()],
    pending: CellBuffer,
    /// What of the pending cells the ring took.
    flushed: usize,
    out: MessageProducer,
    pub(crate) clock: Clock,
    pub(crate) latency: LatencyRecorder,
    measures: Measures,
    available: MonoNs,
    /// The clock's last reading in this turn.
    now: MonoNs,
    /// Added to the venue's times: a session that is repeated happens later each time.
    pub(crate) shift: DurationNs,
    /// Latest receive time, shifted.
    pub(crate) last_recv: WallNs,
    has_ended: bool,
    tick_count: u32,
}

/// What the latency of a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measures {
    /// All since its last byte was available.
    Arrival,
    /// The work on it, without what it waits for others.
    Service,
}

impl FeedLine {
    /// Returns a line for frames of `venue` that writes into `out`.
    pub fn new(
        venue: Venue,
        described: &[Instrument],
        out: MessageProducer,
        clock: Clock,
        latency: LatencyRecorder,
    ) -> Self {
        Self {
            feed: MarketFeed::new(venue, described),
            ticks: Ticks::default(),
            meters: std::array::from_fn(|_| OffsetMeter::new(LATENCY_ASSUMED)),
            pending: CellBuffer::with_capacity(PENDING_CELLS),
            flushed: 0,
            out,
            measures: Measures::Arrival,
            available: MonoNs(0),
            now: MonoNs(0),
            tick_count: 0,
            clock,
            latency,
            shift: DurationNs(0),
            last_recv: WallNs(0),
            has_ended: false,
        }
    }

    /// Says that frames wait in a file and are taken faster than they came: what they wait means nothing.
    pub const fn measure_service(mut self) -> Self {
        self.measures = Measures::Service;
        self
    }

    /// Returns what a frame's latency is: `arrival` or `service`.
    pub const fn latency_is(&self) -> &'static str {
        match self.measures {
            Measures::Arrival => "arrival",
            Measures::Service => "service",
        }
    }

    /// Reads the clock for a turn; every turn of the stage begins with it.
    pub fn open_turn(&mut self) {
        self.now = self.clock.mono();
        self.latency.turn(self.now);
    }

    /// Decodes a frame; `symbol` is that of the request it answers, if it is an answer.
    #[inline]
    pub fn take(&mut self, frame: &[u8], recv: WallNs, symbol: Option<&str>) {
        self.available = self.now;
        let stamp = self.begin(recv);
        let start = self.pending.len();
        match symbol {
            None => self.feed.on_frame(frame, self.last_recv, &mut self.pending),
            Some(symbol) => {
                self.feed
                    .on_snapshot_for(symbol, frame, self.last_recv, &mut self.pending)
            }
        }
        self.measure(start);
        if self.measures == Measures::Service {
            self.end_service(stamp);
        }
    }

    /// Gives all books up: what the recording holds before this place may be wrong.
    #[cold]
    pub fn lose_books(&mut self) {
        self.feed.lose_books(self.last_recv, &mut self.pending);
    }

    /// Lets time pass without a frame.
    pub fn pass(&mut self, now: WallNs) {
        self.available = self.now;
        self.begin(now);
    }

    /// Adds an input that is no frame: an operator's command.
    pub fn put(&mut self, recv: WallNs, input: &Input<'_>) {
        self.begin(recv);
        let header = Header::of_time(self.feed.seq(), self.last_recv);
        input.encode(&header, &mut self.pending);
    }

    /// Begins the session anew.
    pub fn reset_session(&mut self, recv: WallNs) {
        self.begin(recv);
        self.feed.session_reset(self.last_recv, &mut self.pending);
    }

    /// Writes the end of the input; nothing follows it.
    pub fn end(&mut self) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.feed.end(&mut self.pending);
            let header = Header::of_time(self.feed.seq(), self.last_recv);
            Input::End.encode(&header, &mut self.pending);
        }
    }

    /// Returns whether the end was written.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns whether the end was written and the ring took it.
    pub fn is_done(&self) -> bool {
        self.has_ended && self.is_flushed()
    }

    /// Returns whether the ring took all that was produced.
    #[inline]
    pub fn is_flushed(&self) -> bool {
        self.flushed == self.pending.len()
    }

    /// Writes what is pending, as much as the ring takes; returns whether all is written.
    #[inline]
    pub fn flush(&mut self) -> bool {
        let cells = self
            .pending
            .as_slice()
            .get(self.flushed..)
            .unwrap_or_default();
        if cells.is_empty() {
            return true;
        }
        if cells.len() <= self.out.capacity() && self.out.try_write(cells).is_ok() {
            self.flushed += cells.len();
            if self.measures == Measures::Arrival {
                // One reading ends this frame and begins the next of the turn.
                self.now = self.clock.mono();
                self.latency
                    .record(Span::Feed, self.now.since(self.available));
            }
            return true;
        }
        self.flush_messages()
    }

    /// Returns how many cells wait for the ring.
    #[inline]
    pub fn unflushed(&self) -> usize {
        self.pending.len() - self.flushed
    }

    /// Closes the ring.
    pub fn close(&mut self) {
        self.out.close();
    }

    /// Writes pending messages one by one: a snapshot is longer than the ring has room.
    #[cold]
    fn flush_messages(&mut self) -> bool {
        while let Some(cells) = self.pending.as_slice().get(self.flushed..)
            && let Some(first) = cells.first()
        {
            let length = Tag::of(first.low).cells as usize;
            let message = cells.get(..length).unwrap_or(cells);
            if self.out.try_write(message).is_err() {
                return false;
            }
            self.flushed += message.len();
        }
        true
    }

    /// Begins the messages of a frame or tick: its stamp, then ticks that are due before it. Returns the stamp's place.
    #[inline]
    fn begin(&mut self, recv: WallNs) -> usize {
        if self.is_flushed() {
            self.pending.clear();
            self.flushed = 0;
        }
        let place = self.pending.len();
        let since = match self.measures {
            Measures::Arrival => Since::Available(self.available),
            Measures::Service => Since::Served(0),
        };
        Stamp { since }.encode(&mut self.pending);
        let recv = recv.after(self.shift);
        while let Some(tick) = self.ticks.due(recv) {
            self.tick(tick);
        }
        self.last_recv = self.last_recv.max(recv);
        place
    }

    /// Writes into the frame's stamp what it took; one reading ends this frame and begins the next of the turn.
    #[inline]
    fn end_service(&mut self, stamp: usize) {
        self.now = self.clock.mono();
        let ns = self.now.since(self.available);
        self.latency.record(Span::Feed, ns);
        if let Some(cell) = self.pending.at_mut(stamp) {
            *cell = Stamp {
                since: Since::Served(ns),
            }
            .cell();
        }
    }

    fn tick(&mut self, tick: WallNs) {
        let header = Header::of_time(self.feed.seq(), tick);
        self.tick_count = self.tick_count.wrapping_add(1);
        for (venue, meter) in Venue::ALL.into_iter().zip(&mut self.meters) {
            // A known offset is looked at once a second.
            if meter.is_known() && !self.tick_count.is_multiple_of(OFFSET_TICKS) {
                continue;
            }
            if let Some(offset) = meter.change() {
                Input::ClockOffset(ClockOffset { venue, offset })
                    .encode(&header, &mut self.pending);
            }
        }
        Input::Timer.encode(&header, &mut self.pending);
    }

    /// Shifts venue times of the messages from `start` on, and samples them for the venue's offset.
    #[inline]
    fn measure(&mut self, start: usize) {
        let venue = self.feed.venue() as usize - 1;
        let mut index = start;
        while let Some(first) = self.pending.as_slice().get(index) {
            let length = Tag::of(first.low).cells as usize;
            if length >= HEADER_CELLS
                && let Some(times) = self.pending.at_mut(index + 1)
                && times.high != 0
            {
                times.high = times.high.wrapping_add_signed(self.shift.0);
                let (recv, venue_time) = (WallNs(times.low as i64), VenueNs(times.high as i64));
                if let Some(meter) = self.meters.get_mut(venue) {
                    meter.sample(recv, venue_time);
                }
            }
            index += length.max(1);
        }
    }

    /// Returns the last pending frame error in words: stream, reason and byte.
    pub fn error_text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.pending.view();
        while let Ok((message, after)) = rest.split_message() {
            if let Ok((_, Input::FrameError(error))) = Input::decode(&message) {
                let stream = match error.channel.as_str() {
                    "" => "a frame without a stream",
                    name => name,
                };
                let fault = crate::words::frame_fault(error.fault);
                text = format!(
                    "{stream}: {fault} at byte {} ({})",
                    error.offset_bytes, error.fault
                );
            }
            rest = after;
        }
        text
    }

    /// Returns the pending cells, for tests.
    pub fn pending(&self) -> Cells<'_> {
        self.pending.view()
    }
}
