//! The depth book of one instrument: what the venue's snapshots and deltas say, exactly.
//!
//! Called by [`super::view::MergedBook`], on the engine thread. Each side is a flat window of price steps
//! around the touch and a sorted overflow for the rest (`half`). No price, quantity or order of parts
//! makes it panic, and no event allocates once the overflow has had its largest extent. The window follows
//! the touch in [`Book::tidy`], which the engine calls when nobody waits for it.

mod half;
mod overflow;
pub(in crate::market) mod state;
#[cfg(test)]
mod tests;
mod window;

use claire_types::{BookReason, Depth, Level, Levels, Price, Qty, Side};
use half::Half;

/// Levels by price, for each side.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Half,
    asks: Half,
    /// The instrument's price step; 0 where unknown.
    tick_known: i64,
    /// The price step of the windows: the known one, else a common divisor of all snapshot prices so far.
    tick: i64,
    last_id: u64,
    is_synced: bool,
    stale: Option<BookReason>,
    frame: Frame,
    /// The touch before the frame in progress.
    before: Touch,
    nearest_bid: Option<Price>,
    nearest_ask: Option<Price>,
    recentre_count: u64,
}

/// Best bid and best ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// Best bid; `None` where there are no bids.
    pub bid: Option<Level>,
    /// Best ask; `None` where there are no asks.
    pub ask: Option<Level>,
}

/// What a frame, or the parts of it so far, did to a book or view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookChange {
    /// The touch before the frame's first part.
    pub before: Touch,
    /// The touch now; it means something only where `is_complete`.
    pub after: Touch,
    /// The best bid price whose quantity changed; `None` where none did. Compare with the price of the
    /// lowest watched level to know whether the watched levels changed.
    pub nearest_bid: Option<Price>,
    /// The best ask price whose quantity changed; `None` where none did.
    pub nearest_ask: Option<Price>,
    /// The frame's last part was applied.
    pub is_complete: bool,
    /// After the last part the best bid is not below the best ask: the data cannot be right.
    pub is_crossed: bool,
}

/// Whether a frame has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    None,
    Snapshot,
    Delta,
}

/// The key of price 0 on each side, see `half`.
const ORIGIN_BIDS: i64 = 0;
const ORIGIN_ASKS: i64 = !0;

impl Book {
    /// Returns an empty, unproven book; `tick` 0 where the price step is unknown.
    pub fn new(tick: Price) -> Self {
        Self {
            bids: Half::new(ORIGIN_BIDS),
            asks: Half::new(ORIGIN_ASKS),
            tick_known: tick.0.max(0),
            tick: tick.0.max(0),
            last_id: 0,
            is_synced: false,
            stale: None,
            frame: Frame::None,
            before: Touch::default(),
            nearest_bid: None,
            nearest_ask: None,
            recentre_count: 0,
        }
    }

    /// Forgets all levels and ids: the session starts over.
    pub fn reset(&mut self) {
        self.clear();
        self.tick = self.tick_known;
        self.last_id = 0;
        self.frame = Frame::None;
        self.mark_stale(BookReason::Reset);
    }

    /// Applies a snapshot, a delta or a part of one, and returns what the frame has changed so far.
    ///
    /// A snapshot's last part proves the book. A frame that begins before the last one ended leaves the
    /// book unproven, as levels are missing.
    pub fn apply(&mut self, depth: &Depth<'_>) -> BookChange {
        if depth.is_first {
            self.begin(depth.is_snapshot);
        }
        if depth.is_snapshot && self.tick_known == 0 {
            self.refine_tick(depth);
        }
        let nearest = set_levels(&mut self.bids, self.tick, depth.bids, |price| price);
        self.nearest_bid = self.nearest_bid.max(nearest.map(Price));
        let nearest = set_levels(&mut self.asks, self.tick, depth.asks, |price| !price);
        // The better ask is the lower one, and `None` is below everything.
        self.nearest_ask = match (self.nearest_ask, nearest.map(|key| Price(!key))) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.bids.find_best();
        self.asks.find_best();
        if depth.is_last {
            self.end(depth);
        }
        self.change(depth.is_last)
    }

    /// Says that the book is no longer proven, and why; a snapshot proves it again.
    ///
    /// The first cause stays: what comes after it changes nothing. A full buffer is no cause of its own,
    /// it only means that no snapshot came for long.
    pub fn mark_stale(&mut self, reason: BookReason) {
        let is_new = self.stale.is_none() && reason != BookReason::BufferFull;
        if self.is_synced || is_new {
            self.stale = Some(reason);
        }
        self.is_synced = false;
    }

    /// Moves the windows after the touch where that has come near their ends; changes no level.
    ///
    /// For the engine to call off the way from event to order, for example on timer ticks. Bounded: at
    /// most sixteen words of 64 steps for each side, or one window where the touch has jumped further.
    /// A book that is never tidied stays exact and becomes slower. Returns whether a window moved.
    pub fn tidy(&mut self) -> bool {
        if self.frame != Frame::None {
            return false;
        }
        let moved = u64::from(self.bids.tidy(self.tick)) + u64::from(self.asks.tidy(self.tick));
        self.recentre_count += moved;
        moved > 0
    }

    /// Returns the best level of a side, if it has one.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.half(side).best().map(|level| level_of(side, level))
    }

    /// Returns best bid and best ask.
    #[inline]
    pub fn touch(&self) -> Touch {
        Touch {
            bid: self.best(Side::Buy),
            ask: self.best(Side::Sell),
        }
    }

    /// Returns the level at `rank`, 0 being the best, if there are so many.
    pub fn level(&self, side: Side, rank: usize) -> Option<Level> {
        self.levels(side).nth(rank)
    }

    /// Returns the levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + use<'_> {
        self.half(side)
            .descent(None)
            .map(move |level| level_of(side, level))
    }

    /// Returns the levels of a side that are worse than `price`, best first.
    pub fn levels_beyond(&self, side: Side, price: Price) -> impl Iterator<Item = Level> + use<'_> {
        self.half(side)
            .descent(Some(key_of(side, price)))
            .map(move |level| level_of(side, level))
    }

    /// Returns the quantity at a price, 0 where there is no level.
    #[inline]
    pub fn qty_at(&self, side: Side, price: Price) -> Qty {
        Qty(self.half(side).qty(key_of(side, price)))
    }

    /// Returns the number of levels of a side.
    pub fn count(&self, side: Side) -> usize {
        self.half(side).count()
    }

    /// Returns the sum of a side's quantities, in units of [`Qty`].
    pub fn total_qty(&self, side: Side) -> i128 {
        self.half(side).total()
    }

    /// Returns the update id that the book has reached; 0 before the first frame.
    #[inline]
    pub const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Returns whether a snapshot and what came after it prove the book.
    #[inline]
    pub const fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Returns whether the book stands between two frames, not inside one.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.frame == Frame::None
    }

    /// Returns why the book is not proven; `None` where it is, or was never begun.
    pub const fn stale_reason(&self) -> Option<BookReason> {
        self.stale
    }

    /// Returns how often a window moved.
    pub const fn recentre_count(&self) -> u64 {
        self.recentre_count
    }

    /// Returns the price step of the windows; 0 where it is not known yet.
    pub const fn tick(&self) -> Price {
        Price(self.tick)
    }

    /// Returns the bytes held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bids.memory_bytes() + self.asks.memory_bytes()
    }

    /// Returns a number that differs where the levels differ: FNV-1a over price and quantity of each
    /// level, little-endian, bids best first, then asks best first.
    ///
    /// # Source
    /// draft-eastlake-fnv-17, 64 bit.
    pub fn checksum(&self) -> u64 {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let levels = self.levels(Side::Buy).chain(self.levels(Side::Sell));
        levels
            .flat_map(|level| [level.price.0, level.qty.0])
            .flat_map(i64::to_le_bytes)
            .fold(BASIS, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(PRIME)
            })
    }

    fn begin(&mut self, is_snapshot: bool) {
        if self.frame != Frame::None && !is_snapshot {
            self.mark_stale(BookReason::Gap);
        }
        if self.frame == Frame::None {
            self.before = self.touch();
        }
        self.nearest_bid = None;
        self.nearest_ask = None;
        self.frame = Frame::Delta;
        if is_snapshot {
            self.frame = Frame::Snapshot;
            self.nearest_bid = self.before.bid.map(|level| level.price);
            self.nearest_ask = self.before.ask.map(|level| level.price);
            self.is_synced = false;
            self.clear();
        }
    }

    fn end(&mut self, depth: &Depth<'_>) {
        self.last_id = depth.last_id;
        if self.frame == Frame::Snapshot && depth.is_snapshot {
            self.is_synced = true;
            self.stale = None;
        }
        self.frame = Frame::None;
    }

    fn change(&self, is_complete: bool) -> BookChange {
        let after = self.touch();
        BookChange {
            before: self.before,
            after,
            nearest_bid: self.nearest_bid,
            nearest_ask: self.nearest_ask,
            is_complete,
            is_crossed: is_complete && after.is_crossed(),
        }
    }

    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    #[cold]
    fn refine_tick(&mut self, depth: &Depth<'_>) {
        let prices = depth.bids.iter().chain(depth.asks.iter());
        let tick = prices.fold(self.tick.unsigned_abs(), |tick, level| {
            divisor_common(tick, level.price.0.unsigned_abs())
        });
        self.tick = i64::try_from(tick).unwrap_or(0);
    }

    const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

impl Touch {
    /// Returns whether both sides are there and the best bid is not below the best ask.
    pub fn is_crossed(&self) -> bool {
        match (self.bid, self.ask) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            _ => false,
        }
    }
}

impl BookChange {
    /// Returns whether the touch after the frame differs from the one before it, in price or quantity.
    pub fn touch_changed(&self) -> bool {
        self.before != self.after
    }
}

/// Sets the levels and returns the highest key whose quantity changed.
#[inline]
fn set_levels(
    half: &mut Half,
    tick: i64,
    levels: Levels<'_>,
    key_of: impl Fn(i64) -> i64,
) -> Option<i64> {
    if half.window_low().is_none() && !levels.is_empty() {
        let best = levels.iter().map(|level| key_of(level.price.0)).max();
        best.map(|best| half.place(best, tick));
    }
    let mut nearest = None;
    let (first, second) = levels.cells().runs();
    for run in [first, second] {
        for cell in run {
            let level = Level::of(*cell);
            let key = key_of(level.price.0);
            // Less than nothing is nothing: the decoders refuse it, and a level must not subtract.
            let qty = level.qty.0.max(0);
            if half.set(key, qty) != qty && nearest.is_none_or(|nearest| key > nearest) {
                nearest = Some(key);
            }
        }
    }
    nearest
}

#[inline]
const fn key_of(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => !price.0,
    }
}

#[inline]
const fn level_of(side: Side, (key, qty): (i64, i64)) -> Level {
    Level {
        price: Price(match side {
            Side::Buy => key,
            Side::Sell => !key,
        }),
        qty: Qty(qty),
    }
}

/// Returns the greatest common divisor; that of 0 and a number is the number.
fn divisor_common(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}
