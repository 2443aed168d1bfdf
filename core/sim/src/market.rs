//! The market: instruments, their traders and their frames in the order of time.
//!
//! Called by the pipeline's local source and by tests. Holds no clock: each frame says when it is due,
//! and the caller waits or not. Endless; warm, a frame costs no allocation.

use crate::book::Book;
use crate::fair::{Fair, STEP_NS, Weather};
use crate::listing::{Listing, ListingFault};
use crate::random::Random;
use crate::traders::Traders;
use crate::wire::{Deal, DiffHead, Style, Touch, exchange_info};
use claire_types::time::NS_PER_MS;
use claire_types::{Price, Side, Symbol, VenueNs};
use std::collections::VecDeque;

/// What makes a market: equal configurations give equal bytes.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// The venue's time of the first frame.
    pub start: VenueNs,
    /// What trades.
    pub instruments: Vec<Listing>,
}

/// A seeded market.
#[derive(Clone, Debug)]
pub struct Market {
    start: VenueNs,
    instruments: Vec<Pit>,
    weather: Weather,
    step_due_ns: i64,
    /// Time since the start.
    now_ns: i64,
    /// Frames of the last moment, not yet handed out.
    pending: VecDeque<Pending>,
    text: Vec<u8>,
}

/// What the venue says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it arrives, on the venue's clock; never before the last frame's.
    pub due: VenueNs,
    /// What it is.
    pub kind: FrameKind,
    /// The text as on the wire.
    pub text: &'a [u8],
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The body of REST `exchangeInfo`; the first frame.
    ExchangeInfo,
    /// The body of a REST depth snapshot, once per instrument, after its first diffs.
    Snapshot {
        /// Whose book it is: the body does not say.
        symbol: Symbol,
    },
    /// A frame of the combined stream.
    Stream,
}

/// One instrument: where it is traded.
#[derive(Clone, Debug)]
struct Pit {
    listing: Listing,
    style: Style,
    fair: Fair,
    traders: Traders,
    book: Book,
    /// Id of the book's last change, and of the last that a diff showed.
    update_id: u64,
    shown_id: u64,
    /// Changes in the book's log that are numbered.
    numbered: usize,
    trade_id: u64,
    /// Bid and ask of the last ticker; its id is that ticker's.
    touch: Option<Touch>,
    /// The changed levels of the next diff, sorted.
    changes: Vec<(Side, Price)>,
    diff_due_ns: i64,
    snapshot_due_ns: i64,
}

#[derive(Clone, Copy, Debug)]
enum Pending {
    ExchangeInfo,
    Snapshot(usize),
    Diff(usize, DiffHead),
    Ticker(usize, Touch),
    Trade(usize, Deal),
}

/// Whose time has come.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Step,
    Diff(usize),
    Snapshot(usize),
    Traders(usize),
}

/// Time between two diffs of an instrument, and what the second instrument comes after the first.
const DIFF_EVERY_NS: i64 = 100 * NS_PER_MS;
const DIFF_PHASE_NS: i64 = 13 * NS_PER_MS;
/// When the first snapshot comes, and the time between two instruments' snapshots.
const SNAPSHOT_AFTER_NS: i64 = 350 * NS_PER_MS;
const SNAPSHOT_PHASE_NS: i64 = 40 * NS_PER_MS;
/// What passes between a trade and its frame.
const TRADE_DELAY_NS: i64 = 400_000;
/// How long traders trade before the market opens, so that it opens in full swing.
const WARM_UP_NS: i64 = 30_000 * NS_PER_MS;
/// Capacity that no frame of usual instruments passes, in bytes.
const TEXT_BYTES: usize = 1 << 17;
/// Ids of the first instrument at the start, and what lies between two instruments.
const UPDATE_ID_BASE: u64 = 50_093_239_188;
const TRADE_ID_BASE: u64 = 3_735_683_258;
const ID_STRIDE: u64 = 1_000_000_007;

impl Market {
    /// Returns the market, opened and about to send its first frame.
    ///
    /// # Errors
    /// A [`ListingFault`] where an instrument cannot be traded.
    pub fn new(config: MarketConfig) -> Result<Self, ListingFault> {
        Listing::check_all(&config.instruments)?;
        let seed = config.seed;
        let instruments = config.instruments.into_iter().enumerate();
        let mut market = Self {
            start: config.start,
            instruments: instruments
                .map(|(index, listing)| Pit::new(index, listing, seed))
                .collect(),
            weather: Weather::new(Random::new(seed, 0)),
            step_due_ns: -WARM_UP_NS,
            now_ns: -WARM_UP_NS,
            pending: VecDeque::with_capacity(64),
            text: Vec::with_capacity(TEXT_BYTES),
        };
        market.warm_up();
        Ok(market)
    }

    /// Returns the next frame. There is always one.
    #[expect(clippy::should_implement_trait, reason = "frames borrow the market")]
    pub fn next(&mut self) -> Frame<'_> {
        loop {
            if let Some(pending) = self.pending.pop_front() {
                return self.write(pending);
            }
            self.advance();
        }
    }

    /// Returns a fresh depth snapshot, as a client that lost the sequence asks for it, or `None` where the
    /// symbol is not listed. Due at the last frame's time; the stream goes on as if it had not been asked.
    pub fn snapshot(&mut self, symbol: &Symbol) -> Option<Frame<'_>> {
        let index = self.index_of(symbol)?;
        Some(self.write(Pending::Snapshot(index)))
    }

    /// Returns the instrument's book as it is after the last moment, or `None` where the symbol is not listed.
    pub fn book(&self, symbol: &Symbol) -> Option<&Book> {
        self.index_of(symbol)
            .map(|index| &self.instruments[index].book)
    }

    /// Returns what is listed, in the order of the configuration.
    pub fn listings(&self) -> impl ExactSizeIterator<Item = &Listing> {
        self.instruments.iter().map(|pit| &pit.listing)
    }

    fn index_of(&self, symbol: &Symbol) -> Option<usize> {
        self.instruments
            .iter()
            .position(|pit| pit.listing.symbol == *symbol)
    }

    /// Trades until the opening; nobody hears of it.
    fn warm_up(&mut self) {
        while self.next_turn().0 < 0 {
            self.advance();
            self.pending.clear();
        }
        self.now_ns = 0;
        for pit in &mut self.instruments {
            pit.book.clear_changes();
            pit.numbered = 0;
            pit.shown_id = pit.update_id;
        }
        self.pending.push_back(Pending::ExchangeInfo);
    }

    /// Lets pass what comes next.
    fn advance(&mut self) {
        let (due_ns, turn) = self.next_turn();
        self.now_ns = due_ns;
        match turn {
            Turn::Step => self.step(),
            Turn::Diff(index) => self.diff(index),
            Turn::Snapshot(index) => {
                self.instruments[index].snapshot_due_ns = i64::MAX;
                self.pending.push_back(Pending::Snapshot(index));
            }
            Turn::Traders(index) => self.trade(index),
        }
    }

    /// Returns the earliest turn and its time; of equal times the first in the order of [`Turn`].
    fn next_turn(&self) -> (i64, Turn) {
        let mut next = (self.step_due_ns, Turn::Step);
        for (index, pit) in self.instruments.iter().enumerate() {
            let turns = [
                (pit.diff_due_ns, Turn::Diff(index)),
                (pit.snapshot_due_ns, Turn::Snapshot(index)),
                (pit.traders.due_ns(), Turn::Traders(index)),
            ];
            for turn in turns {
                if turn.0 < next.0 {
                    next = turn;
                }
            }
        }
        next
    }

    fn step(&mut self) {
        let gust = self.weather.step();
        for pit in &mut self.instruments {
            pit.fair.step(self.now_ns, gust);
        }
        self.step_due_ns += STEP_NS;
    }

    fn diff(&mut self, index: usize) {
        let event_ms = self.ms_at(self.now_ns);
        let pit = &mut self.instruments[index];
        pit.diff_due_ns += DIFF_EVERY_NS;
        if let Some((first_id, last_id)) = pit.collect_changes() {
            let head = DiffHead {
                event_ms,
                first_id,
                last_id,
            };
            self.pending.push_back(Pending::Diff(index, head));
        }
    }

    fn trade(&mut self, index: usize) {
        let (now_ns, trade_ms) = (self.now_ns, self.ms_at(self.now_ns - TRADE_DELAY_NS));
        let event_ms = self.ms_at(now_ns);
        let pit = &mut self.instruments[index];
        pit.traders.act(now_ns, pit.fair.view(), &mut pit.book);
        if let Some(touch) = pit.number_changes() {
            self.pending.push_back(Pending::Ticker(index, touch));
        }
        for matched in &pit.book.log().matches {
            pit.trade_id += 1;
            self.pending.push_back(Pending::Trade(
                index,
                Deal {
                    trade_id: pit.trade_id,
                    event_ms,
                    trade_ms,
                    price: matched.price,
                    qty: matched.qty,
                    aggressor: matched.aggressor,
                },
            ));
        }
        pit.book.clear_matches();
    }

    /// Returns the venue's milliseconds at so long after the start.
    fn ms_at(&self, since_start_ns: i64) -> i64 {
        self.start.0.saturating_add(since_start_ns) / NS_PER_MS
    }

    fn write(&mut self, pending: Pending) -> Frame<'_> {
        self.text.clear();
        let (text, pits) = (&mut self.text, &self.instruments);
        let mut kind = FrameKind::Stream;
        match pending {
            Pending::ExchangeInfo => {
                let listings: Vec<_> = pits.iter().map(|pit| pit.listing.clone()).collect();
                exchange_info(&listings, self.start.0 / NS_PER_MS, text);
                kind = FrameKind::ExchangeInfo;
            }
            Pending::Snapshot(index) => {
                let pit = &pits[index];
                pit.style.snapshot(pit.update_id, &pit.book, text);
                kind = FrameKind::Snapshot {
                    symbol: pit.listing.symbol,
                };
            }
            Pending::Diff(index, head) => {
                let pit = &pits[index];
                pit.style.diff(head, &pit.changes, &pit.book, text);
            }
            Pending::Ticker(index, touch) => pits[index].style.ticker(touch, text),
            Pending::Trade(index, deal) => pits[index].style.trade(deal, text),
        }
        Frame {
            due: VenueNs(self.start.0.saturating_add(self.now_ns)),
            kind,
            text,
        }
    }
}

impl Pit {
    fn new(index: usize, listing: Listing, seed: u64) -> Self {
        let stream = 1 + 2 * index as u64;
        let fair = Fair::new(&listing, Random::new(seed, stream));
        let random = Random::new(seed, stream + 1);
        let mut book = Book::default();
        let traders = Traders::new(&listing, random, fair.view(), -WARM_UP_NS, &mut book);
        let update_id = UPDATE_ID_BASE + index as u64 * ID_STRIDE;
        Self {
            style: Style::new(&listing),
            listing,
            fair,
            traders,
            book,
            update_id,
            shown_id: update_id,
            numbered: 0,
            trade_id: TRADE_ID_BASE + index as u64 * ID_STRIDE,
            touch: None,
            changes: Vec::with_capacity(1_024),
            diff_due_ns: index as i64 * DIFF_PHASE_NS % DIFF_EVERY_NS,
            snapshot_due_ns: SNAPSHOT_AFTER_NS + index as i64 * SNAPSHOT_PHASE_NS,
        }
    }

    /// Gives the book's new changes their ids; returns the touch where it is another than last time.
    fn number_changes(&mut self) -> Option<Touch> {
        let count = self.book.log().changes.len();
        self.update_id += (count - self.numbered) as u64;
        self.numbered = count;
        let touch = Touch {
            update_id: self.update_id,
            bid: self.book.best(Side::Buy)?,
            ask: self.book.best(Side::Sell)?,
        };
        if self
            .touch
            .is_some_and(|last| (last.bid, last.ask) == (touch.bid, touch.ask))
        {
            return None;
        }
        self.touch = Some(touch);
        Some(touch)
    }

    /// Moves the book's changes into the next diff; returns its first and last id where it has any.
    fn collect_changes(&mut self) -> Option<(u64, u64)> {
        self.changes.clear();
        self.changes.extend_from_slice(&self.book.log().changes);
        self.book.clear_changes();
        self.numbered = 0;
        self.changes.sort_unstable_by_key(|(side, price)| {
            let better_first = match side {
                Side::Buy => -price.0,
                Side::Sell => price.0,
            };
            (*side, better_first)
        });
        self.changes.dedup();
        let first_id = self.shown_id + 1;
        self.shown_id = self.update_id;
        (!self.changes.is_empty()).then_some((first_id, self.update_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the room of everything that frames are made in.
    fn room(market: &Market) -> Vec<usize> {
        let mut room = vec![market.text.capacity(), market.pending.capacity()];
        for pit in &market.instruments {
            room.push(pit.changes.capacity());
            room.extend(pit.book.room());
        }
        room
    }

    fn frames(market: &mut Market, count: u32) {
        for _ in 0..count {
            market.next();
        }
    }

    #[test]
    fn warm_frames_are_made_in_the_same_room() {
        let mut market = Market::new(MarketConfig {
            seed: 13,
            start: VenueNs(1_723_161_255_000_000_000),
            instruments: Listing::standard(),
        })
        .expect("the standard listings trade");
        frames(&mut market, 1_000_000);
        let before = room(&market);
        frames(&mut market, 500_000);
        assert_eq!(room(&market), before);
    }
}
