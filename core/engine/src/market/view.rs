//! The merged view of an instrument: the depth book, with what a newer ticker knows on top (SPEC 4).
//!
//! Called by the engine's market stage; read by strategies, matching and marks, all on the engine thread.
//! A ticker whose update id is beyond the book's masks the bids above its bid and the asks below its ask
//! and gives the quantities at the two; nothing is deleted, and the mask ends when the depth reaches that
//! id. A proven view is never crossed.

#[cfg(test)]
mod tests;

use super::book::state::{level_of, state_of};
use super::book::{Book, BookChange, Touch};
use claire_types::number::{AMOUNT_DIGITS, checked_mul, mul_div, pow10};
use claire_types::{Amount, BookReason, Depth, Level, Price, Qty, Side, Ticker};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What strategies, matching and marks read of an instrument.
pub trait BookView {
    /// Returns the best level of a side, if it has one.
    fn best(&self, side: Side) -> Option<Level>;
    /// Returns the quantity at a price, 0 where there is no level.
    fn qty_at(&self, side: Side, price: Price) -> Qty;
    /// Visits the levels of a side, best first, until `visit` returns false.
    fn walk(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool);
    /// Returns whether a snapshot and an unbroken sequence after it prove what the view shows.
    fn is_proven(&self) -> bool;
}

/// A depth book and the ticker that is newer than it, if one is.
#[derive(Clone, Debug)]
pub struct MergedBook {
    book: Book,
    mask: Option<Mask>,
    /// The view's touch before the depth frame in progress.
    before: Touch,
    price_digits: u8,
}

/// What a ticker newer than the depth says. A side without a level is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mask {
    update_id: u64,
    touch: Touch,
}

impl MergedBook {
    /// Returns an empty, unproven view; `tick` 0 where the price step is unknown.
    pub fn new(tick: Price, price_digits: u8) -> Self {
        Self {
            book: Book::new(tick),
            mask: None,
            before: Touch::default(),
            price_digits,
        }
    }

    /// Forgets levels, ids and ticker: the session starts over.
    pub fn reset(&mut self) {
        self.book.reset();
        self.mask = None;
        self.before = Touch::default();
    }

    /// Applies a snapshot, a delta or a part of one, and returns what the frame changed in the view.
    ///
    /// `is_crossed` tells of the depth book, as [`Book::apply`] does: the engine then marks it stale.
    pub fn apply_depth(&mut self, depth: &Depth<'_>) -> BookChange {
        if depth.is_first {
            self.before = self.touch();
        }
        let change = self.book.apply(depth);
        if depth.is_last
            && self
                .mask
                .is_some_and(|mask| mask.update_id <= depth.last_id)
        {
            self.mask = None;
        }
        self.change(change)
    }

    /// Applies a ticker and returns what it changed in the view.
    ///
    /// Ignored, with an unchanged view, are: a ticker that is not newer than a synced book or than the
    /// ticker before, and one that is crossed in itself.
    pub fn apply_ticker(&mut self, ticker: &Ticker) -> BookChange {
        self.before = self.touch();
        let touch = Touch {
            bid: (ticker.bid.qty.0 > 0).then_some(ticker.bid),
            ask: (ticker.ask.qty.0 > 0).then_some(ticker.ask),
        };
        if self.is_news(ticker) && !touch.is_crossed() {
            self.mask = Some(Mask {
                update_id: ticker.update_id,
                touch,
            });
        }
        self.change(BookChange {
            is_complete: self.book.is_whole(),
            ..BookChange::default()
        })
    }

    /// Says that the view is no longer proven, and why; a snapshot proves it again.
    pub fn mark_stale(&mut self, reason: BookReason) {
        self.book.mark_stale(reason);
    }

    /// Moves the book's windows after the touch, see [`Book::tidy`].
    pub fn tidy(&mut self) -> bool {
        self.book.tidy()
    }

    /// Returns the depth book without the ticker.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Returns best bid and best ask.
    #[inline]
    pub fn touch(&self) -> Touch {
        match &self.mask {
            Some(mask) => mask.touch,
            None => self.book.touch(),
        }
    }

    /// Returns the level at `rank`, 0 being the best, if there are so many.
    pub fn level(&self, side: Side, rank: usize) -> Option<Level> {
        match &self.mask {
            None => self.book.level(side, rank),
            Some(mask) => {
                let first = mask.level(side)?;
                match rank.checked_sub(1) {
                    None => Some(first),
                    Some(rank) => self.book.levels_beyond(side, first.price).nth(rank),
                }
            }
        }
    }

    /// Returns the middle of the touch, exact to 10^-12 and there half to even; `None` where a side is empty.
    pub fn mid(&self) -> Option<Amount> {
        let touch = self.touch();
        let sum = i128::from(touch.bid?.price.0) + i128::from(touch.ask?.price.0);
        if let Some(finer) = AMOUNT_DIGITS.checked_sub(self.price_digits)
            && finer > 0
        {
            // A power of ten above 1 is even: nothing has to be rounded, so nothing is divided.
            return checked_mul(sum, pow10(finer) / 2).map(Amount);
        }
        let unit = 10_i128.checked_pow(u32::from(self.price_digits))?;
        mul_div(sum, pow10(AMOUNT_DIGITS), 2 * unit).map(Amount)
    }

    /// Returns whether a ticker newer than the depth is in force.
    pub const fn is_masked(&self) -> bool {
        self.mask.is_some()
    }

    fn is_news(&self, ticker: &Ticker) -> bool {
        let is_behind_book = self.book.is_synced() && ticker.update_id <= self.book.last_id();
        let is_behind_mask = self
            .mask
            .is_some_and(|mask| ticker.update_id < mask.update_id);
        !is_behind_book && !is_behind_mask
    }

    /// Returns the view's change, given the depth book's.
    fn change(&self, book: BookChange) -> BookChange {
        let after = self.touch();
        let (nearest_bid, nearest_ask) = (book.nearest_bid, book.nearest_ask);
        let (bids, asks) = ([self.before.bid, after.bid], [self.before.ask, after.ask]);
        BookChange {
            before: self.before,
            after,
            nearest_bid: best_changed(bids, nearest_bid, Option::max),
            nearest_ask: best_changed(asks, nearest_ask, min_some),
            ..book
        }
    }
}

impl Mask {
    #[inline]
    const fn level(&self, side: Side) -> Option<Level> {
        match side {
            Side::Buy => self.touch.bid,
            Side::Sell => self.touch.ask,
        }
    }
}

impl BookView for MergedBook {
    #[inline]
    fn best(&self, side: Side) -> Option<Level> {
        match &self.mask {
            Some(mask) => mask.level(side),
            None => self.book.best(side),
        }
    }

    #[inline]
    fn qty_at(&self, side: Side, price: Price) -> Qty {
        let Some(mask) = &self.mask else {
            return self.book.qty_at(side, price);
        };
        match mask.level(side) {
            None => Qty::ZERO,
            Some(first) if first.price == price => first.qty,
            Some(first) if is_better(side, price, first.price) => Qty::ZERO,
            Some(_) => self.book.qty_at(side, price),
        }
    }

    fn walk(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool) {
        let Some(mask) = &self.mask else {
            return self.book.walk(side, visit);
        };
        let Some(first) = mask.level(side) else {
            return;
        };
        if visit(first) {
            self.book.levels_beyond(side, first.price).all(visit);
        }
    }

    #[inline]
    fn is_proven(&self) -> bool {
        self.book.is_proven()
    }
}

/// The depth alone, for those who want to see it without the ticker.
impl BookView for Book {
    #[inline]
    fn best(&self, side: Side) -> Option<Level> {
        self.best(side)
    }

    #[inline]
    fn qty_at(&self, side: Side, price: Price) -> Qty {
        self.qty_at(side, price)
    }

    fn walk(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool) {
        self.levels(side).all(visit);
    }

    #[inline]
    fn is_proven(&self) -> bool {
        self.is_synced() && self.is_whole()
    }
}

/// Bid and ask.
type TouchState = [Option<(Price, Qty)>; 2];

#[derive(Serialize, Deserialize)]
struct MergedState<B> {
    book: B,
    /// Update id, bid and ask of the mask.
    mask: Option<(u64, TouchState)>,
    before: TouchState,
    price_digits: u8,
}

impl Serialize for MergedBook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let levels = |touch: Touch| [touch.bid.map(state_of), touch.ask.map(state_of)];
        MergedState {
            book: &self.book,
            mask: self.mask.map(|mask| (mask.update_id, levels(mask.touch))),
            before: levels(self.before),
            price_digits: self.price_digits,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MergedBook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let state = MergedState::<Book>::deserialize(deserializer)?;
        let touch = |levels: TouchState| {
            let [bid, ask] = levels.map(|level| level.map(level_of));
            Touch { bid, ask }
        };
        Ok(Self {
            book: state.book,
            mask: state.mask.map(|(update_id, levels)| Mask {
                update_id,
                touch: touch(levels),
            }),
            before: touch(state.before),
            price_digits: state.price_digits,
        })
    }
}

fn is_better(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Buy => price > than,
        Side::Sell => price < than,
    }
}

/// Returns the better of the nearest changed price and, where the touch changed, its old and new price.
fn best_changed(
    [before, after]: [Option<Level>; 2],
    nearest: Option<Price>,
    better: impl Fn(Option<Price>, Option<Price>) -> Option<Price>,
) -> Option<Price> {
    if before == after {
        return nearest;
    }
    let price = |level: Option<Level>| level.map(|level| level.price);
    better(nearest, better(price(before), price(after)))
}

fn min_some(one: Option<Price>, other: Option<Price>) -> Option<Price> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
