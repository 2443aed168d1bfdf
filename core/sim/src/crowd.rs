//! The crowd: many small resting orders, near the touch for moments and far from it for minutes.
//!
//! Called by `traders`. Gives the book its depth and its tail: it never takes liquidity.

use crate::book::{Arrival, Book, OrderHandle, OwnerId, Rest, opposite};
use crate::listing::Listing;
use crate::random::Random;
use claire_types::{Price, Qty, Side};

/// The crowd's resting orders, bids then asks.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    orders: [Vec<OrderHandle>; 2],
    /// Which order of the side is looked at next.
    cursors: [usize; 2],
    qty_usual: f64,
    /// Median distance of an order from its touch, in ticks.
    distance_ticks: f64,
}

/// The crowd's number as an owner.
pub(crate) const CROWD: OwnerId = OwnerId(u32::MAX);

/// Resting orders a side that the crowd tends to, and below which it only places.
const ORDERS_USUAL: usize = 420;
const ORDERS_MIN: usize = 340;
/// Levels a side below which every act places several orders.
const LEVELS_MIN: usize = 160;
const REFILLS: usize = 4;
/// Orders that an act looks at whether they still rest.
const LOOKS: usize = 8;
/// Shares of orders that join the touch, improve it, and close the spread.
const JOIN_SHARE: f64 = 0.07;
const IMPROVE_SHARE: f64 = 0.07;
const CLOSE_SHARE: f64 = 0.03;
const IMPROVE_TICKS_MAX: u64 = 8;
/// Share of distant orders at round prices, and what is round.
const ROUND_SHARE: f64 = 0.2;
const ROUND_TICKS: i64 = 50;
/// Distance from the touch: median in bps and in ticks (the larger counts), and the farthest.
const DISTANCE_BPS: f64 = 8.0;
const DISTANCE_TICKS: f64 = 30.0;
const DISTANCE_SHARE_MAX: f64 = 0.05;

impl Crowd {
    pub(crate) fn new(listing: &Listing) -> Self {
        let price = listing.price_start.0 as f64;
        Self {
            orders: std::array::from_fn(|_| Vec::with_capacity(2 * ORDERS_USUAL)),
            cursors: [0; 2],
            qty_usual: listing.qty_usual.0 as f64,
            distance_ticks: (price * DISTANCE_BPS / 10_000.0).max(DISTANCE_TICKS),
        }
    }

    /// Fills an empty book around the price.
    pub(crate) fn fill(&mut self, price_ticks: f64, random: &mut Random, book: &mut Book) {
        for side in [Side::Buy, Side::Sell] {
            let touch = price_ticks as i64 + if side == Side::Buy { -1 } else { 1 };
            for _ in 0..ORDERS_USUAL {
                let price = self.away(side, Price(touch), random);
                self.rest(side, price, random, book);
            }
        }
    }

    /// Places an order or cancels one.
    pub(crate) fn act(&mut self, random: &mut Random, book: &mut Book) {
        let side = if random.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        self.forget_filled(side, book);
        if book.levels(side).len() < LEVELS_MIN {
            (0..REFILLS).for_each(|_| self.place(side, random, book));
            return;
        }
        let count = self.orders[slot(side)].len();
        let places = match count {
            0..ORDERS_MIN => 1.0,
            ORDERS_MIN..ORDERS_USUAL => 0.6,
            _ => 0.4,
        };
        if random.chance(places) {
            self.place(side, random, book);
        } else {
            self.cancel(side, random, book);
        }
    }

    /// Looks at some of its orders by turns and forgets those that were filled.
    fn forget_filled(&mut self, side: Side, book: &Book) {
        let (orders, cursor) = (&mut self.orders[slot(side)], &mut self.cursors[slot(side)]);
        for _ in 0..LOOKS {
            if *cursor >= orders.len() {
                *cursor = 0;
            }
            match orders.get(*cursor) {
                Some(order) if book.qty_of(*order).is_none() => {
                    orders.swap_remove(*cursor);
                }
                _ => *cursor += 1,
            }
        }
    }

    fn place(&mut self, side: Side, random: &mut Random, book: &mut Book) {
        let (Some(own), Some(other)) = (book.best(side), book.best(opposite(side))) else {
            return;
        };
        let (own, other) = (own.price, other.price);
        let choice = random.unit();
        let price = if choice < JOIN_SHARE {
            own
        } else if choice < JOIN_SHARE + IMPROVE_SHARE {
            toward(side, own, 1 + random.below(IMPROVE_TICKS_MAX) as i64)
        } else if choice < JOIN_SHARE + IMPROVE_SHARE + CLOSE_SHARE {
            toward(side, other, -1)
        } else {
            self.away(side, own, random)
        };
        // It never takes: at best one tick before the other side.
        let price = match side {
            Side::Buy => Price(price.0.min(other.0 - 1)),
            Side::Sell => Price(price.0.max(other.0 + 1)),
        };
        self.rest(side, price, random, book);
    }

    fn rest(&mut self, side: Side, price: Price, random: &mut Random, book: &mut Book) {
        let qty = random.log_normal(0.4 * self.qty_usual, 1.1);
        let placed = book.place(Arrival {
            side,
            price,
            qty: Qty((qty as i64).max(1)),
            rest: Rest::Rests,
            owner: CROWD,
        });
        self.orders[slot(side)].extend(placed);
    }

    /// Cancels the one nearer to the touch of two orders: who is near is in a hurry.
    fn cancel(&mut self, side: Side, random: &mut Random, book: &mut Book) {
        let orders = &mut self.orders[slot(side)];
        let count = orders.len() as u64;
        let (one, two) = (random.below(count) as usize, random.below(count) as usize);
        let distance = |index: usize| {
            let price = book.price_of(orders[index])?;
            Some(match side {
                Side::Buy => -price.0,
                Side::Sell => price.0,
            })
        };
        // A filled order has no distance and sorts first: it is forgotten.
        let nearer = if distance(one) <= distance(two) {
            one
        } else {
            two
        };
        book.cancel(orders.swap_remove(nearer));
    }

    /// Returns a price at a heavy-tailed distance behind the touch.
    fn away(&self, side: Side, touch: Price, random: &mut Random) -> Price {
        let tail = 1.0 / (1.0 - random.unit()) - 1.0;
        let farthest = touch.0 as f64 * DISTANCE_SHARE_MAX;
        let ticks = (self.distance_ticks * tail).min(farthest) as i64;
        let price = toward(side, touch, -ticks);
        if ticks > 2 * ROUND_TICKS && random.chance(ROUND_SHARE) {
            return Price((price.0 - price.0 % ROUND_TICKS).max(1));
        }
        Price(price.0.max(1))
    }
}

/// Returns the price that is `ticks` better for the side's owner to give: up for bids, down for asks.
fn toward(side: Side, price: Price, ticks: i64) -> Price {
    match side {
        Side::Buy => Price(price.0 + ticks),
        Side::Sell => Price(price.0 - ticks),
    }
}

const fn slot(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}
