//! One instrument on the floor: its facts, its book, its bars, and when it was last heard of.
//!
//! Called by the engine for each market event of the instrument, before anybody acts on it.

use super::seat::BARS_MAX;
use crate::market::{Bar, Bars, BookChange, BookView, KeptBars, MarketStats, MergedBook};
use claire_types::record::{BookEnd, BookRecord};
use claire_types::{
    Amount, BookReason, Depth, DurationNs, Instrument, Side, Ticker, Trade, VenueNs, WallNs,
};
use serde::{Deserialize, Serialize};

/// An instrument's market.
#[derive(Debug, Serialize, Deserialize)]
pub struct Market {
    /// Its facts.
    pub instrument: Instrument,
    /// Depth book and newer ticker.
    pub book: MergedBook,
    /// Counters.
    pub stats: MarketStats,
    /// Bars that strategies declared, in the order of declaration.
    pub bars: Vec<Bars>,
    /// The last closed ones of each of these.
    pub kept: Vec<KeptBars>,
    /// Mark price and when it came, where the venue gives one.
    pub mark: Option<(Amount, WallNs)>,
    /// When the book last changed.
    pub changed: WallNs,
    /// The venue's latest time seen in this market.
    pub venue_time: VenueNs,
    /// How often the book lost its proof by a gap.
    pub gaps: u64,
    /// What was last said of the book's proof, so that it is said once.
    said: Option<BookReason>,
}

/// How fresh a mark price must be to serve as reference price (SPEC 4): 3 s.
const MARK_AGE_MAX: DurationNs = DurationNs::from_ms(3_000);

impl Market {
    /// Returns a market of which nothing is known yet but its facts.
    pub fn new(instrument: Instrument) -> Self {
        Self {
            instrument,
            book: MergedBook::new(instrument.tick, instrument.scale.price_digits),
            stats: MarketStats::default(),
            bars: Vec::with_capacity(BARS_MAX),
            kept: Vec::with_capacity(BARS_MAX),
            mark: None,
            changed: WallNs(0),
            venue_time: VenueNs::NONE,
            gaps: 0,
            said: None,
        }
    }

    /// Takes the room again that a market read from a snapshot does not have.
    pub(super) fn reserve_room(&mut self) {
        let more = BARS_MAX.saturating_sub(self.bars.len());
        self.bars.reserve(more);
        self.kept.reserve(more);
        self.kept.iter_mut().for_each(KeptBars::reserve_room);
    }

    /// Returns the number of the bars of this length, where somebody declared them.
    pub fn bars_number(&self, interval_ms: i64) -> Option<usize> {
        let is_it = |bars: &Bars| bars.interval() == DurationNs::from_ms(interval_ms);
        self.bars.iter().position(is_it)
    }

    /// Applies a part of a depth frame.
    #[inline]
    pub fn on_depth(&mut self, depth: &Depth<'_>, now: WallNs) -> BookChange {
        self.stats.on_depth(depth);
        self.changed = now;
        self.book.apply_depth(depth)
    }

    /// Applies a ticker.
    #[inline]
    pub fn on_ticker(&mut self, ticker: &Ticker, now: WallNs) -> BookChange {
        self.stats.on_ticker();
        self.changed = now;
        self.book.apply_ticker(ticker)
    }

    /// Applies a trade; bars that it closes go to `closed` with their number.
    #[inline]
    pub fn on_trade(&mut self, trade: &Trade, time: VenueNs, closed: &mut impl FnMut(u16, Bar)) {
        self.stats.on_trade(trade, time);
        for (number, bars) in (0_u16..).zip(&mut self.bars) {
            bars.on_trade(trade, time, &mut |bar| closed(number, bar));
        }
    }

    /// Closes bars that have waited long enough.
    pub fn on_time(&mut self, venue_now: VenueNs, closed: &mut impl FnMut(u16, Bar)) {
        for (number, bars) in (0_u16..).zip(&mut self.bars) {
            bars.on_time(venue_now, &mut |bar| closed(number, bar));
        }
    }

    /// Takes note of an event's venue time; the clock of a venue does not run backwards here.
    #[inline]
    pub fn see(&mut self, venue_time: VenueNs) {
        self.venue_time = self.venue_time.max(venue_time);
    }

    /// Says that the book is no longer proven.
    pub fn mark_stale(&mut self, reason: BookReason) {
        self.gaps += u64::from(reason == BookReason::Gap);
        self.book.mark_stale(reason);
    }

    /// Forgets book and bars: the session starts over. Facts and counters stay.
    pub fn reset(&mut self) {
        self.book.reset();
        self.mark = None;
        self.venue_time = VenueNs::NONE;
        for bars in &mut self.bars {
            bars.reset();
        }
    }

    /// Returns the record of a change of the book's proof, once per change.
    pub fn proof_record(&mut self, reason: BookReason) -> Option<BookRecord> {
        if self.said == Some(reason) {
            return None;
        }
        self.said = Some(reason);
        Some(BookRecord {
            reason,
            last_id: self.book.book().last_id(),
        })
    }

    /// Returns the reference price of SPEC 4: a fresh mark price, else the mid of the proven touch.
    pub fn reference(&self, now: WallNs) -> Option<Amount> {
        match self.mark {
            Some((mark, at)) if now.since(at) <= MARK_AGE_MAX => Some(mark),
            _ if self.book.is_proven() => self.book.mid(),
            _ => None,
        }
    }

    /// Returns what two runs must agree on at the end.
    pub fn book_end(&self) -> BookEnd {
        let book = self.book.book();
        let count = |side| u32::try_from(book.count(side)).unwrap_or(u32::MAX);
        BookEnd {
            is_synced: book.is_synced(),
            last_id: book.last_id(),
            bid_levels: count(Side::Buy),
            ask_levels: count(Side::Sell),
            bid_qty: book.total_qty(Side::Buy),
            ask_qty: book.total_qty(Side::Sell),
            checksum: book.checksum(),
        }
    }
}
