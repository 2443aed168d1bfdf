//! A price-time order book: rests, matches and cancels orders, and logs what changed.
//!
//! Called by the market's traders. Knows neither who trades nor how a venue speaks: owners are numbers,
//! the log is read by the caller. Prices are in ticks, quantities in steps of one instrument. After
//! warm-up it allocates only when more orders rest than ever before.

use claire_types::{Level, Price, Qty, Side};

/// A book of resting orders with its log.
#[derive(Clone, Debug, Default)]
pub struct Book {
    bids: Queues,
    asks: Queues,
    orders: Vec<Resting>,
    /// Indices of `orders` that are free.
    free: Vec<u32>,
    log: Log,
}

/// Who rests an order: the caller's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerId(pub u32);

/// An order that rested; outlives it harmlessly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderHandle {
    index: u32,
    generation: u32,
}

/// An order as it reaches the book. Prices bind market orders too: there is no order at any price.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its side.
    pub side: Side,
    /// The worst price it takes.
    pub price: Price,
    /// Its quantity, above 0.
    pub qty: Qty,
    /// What happens to what does not match at once.
    pub rest: Rest,
    /// Whose it is.
    pub owner: OwnerId,
}

/// What happens to the part of an order that does not match at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It rests.
    Rests,
    /// It is cancelled (immediate or cancel).
    Expires,
}

/// Two orders met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The resting order's price.
    pub price: Price,
    /// What changed hands.
    pub qty: Qty,
    /// The side that took liquidity.
    pub aggressor: Side,
    /// Whose order rested.
    pub maker: OwnerId,
}

/// What happened since the caller last cleared it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Prices whose level changed, in order, repeated as often as they changed.
    pub changes: Vec<(Side, Price)>,
    /// Matches in order.
    pub matches: Vec<Match>,
}

/// The levels of one side in ascending order of `key`: the best is last, where change is frequent and cheap.
#[derive(Clone, Debug, Default)]
struct Queues(Vec<Queue>);

/// The orders at one price, first come first.
#[derive(Clone, Copy, Debug)]
struct Queue {
    /// The price for bids, its negative for asks: larger is better.
    key: i64,
    qty: i64,
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Resting {
    generation: u32,
    owner: OwnerId,
    side: Side,
    key: i64,
    /// 0 where the slot is free.
    qty: i64,
    before: u32,
    after: u32,
}

const NO_ORDER: u32 = u32::MAX;

impl Book {
    /// Matches the order against the other side and rests what it may; returns the handle of what rests.
    ///
    /// # Panics
    /// Where the quantity is not above 0.
    pub fn place(&mut self, arrival: Arrival) -> Option<OrderHandle> {
        assert!(arrival.qty.0 > 0, "an order has a quantity");
        let left = self.take(arrival);
        if left == 0 || arrival.rest == Rest::Expires {
            return None;
        }
        let index = self.store(arrival, left);
        self.link(index);
        self.log.changes.push((arrival.side, arrival.price));
        Some(OrderHandle {
            index,
            generation: self.orders[index as usize].generation,
        })
    }

    /// Cancels the order; returns what was left of it, or `None` where it no longer rests.
    pub fn cancel(&mut self, handle: OrderHandle) -> Option<Qty> {
        let order = *self.resting(handle)?;
        let queues = self.side_mut(order.side);
        let position = queues
            .find(order.key)
            .expect("a resting order has its level");
        let queue = &mut queues.0[position];
        queue.qty -= order.qty;
        assert!(queue.qty >= 0, "a level holds the sum of its orders");
        if queue.qty == 0 {
            queues.0.remove(position);
        }
        self.unlink(handle.index);
        self.log
            .changes
            .push((order.side, price_of(order.side, order.key)));
        Some(Qty(order.qty))
    }

    /// Forgets the changed levels.
    pub fn clear_changes(&mut self) {
        self.log.changes.clear();
    }

    /// Forgets the matches.
    pub fn clear_matches(&mut self) {
        self.log.matches.clear();
    }

    /// Returns what happened.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns what is left of the order, or `None` where it no longer rests.
    pub fn qty_of(&self, handle: OrderHandle) -> Option<Qty> {
        self.resting(handle).map(|order| Qty(order.qty))
    }

    /// Returns the order's price, or `None` where it no longer rests.
    pub fn price_of(&self, handle: OrderHandle) -> Option<Price> {
        self.resting(handle)
            .map(|order| price_of(order.side, order.key))
    }

    /// Returns the best level of the side, if it has one.
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// Returns the quantity at the price, 0 where there is none.
    pub fn qty_at(&self, side: Side, price: Price) -> Qty {
        let queues = self.side(side);
        Qty(queues
            .find(key_of(side, price))
            .map_or(0, |position| queues.0[position].qty))
    }

    /// Returns the side's levels, best first.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = Level> {
        self.side(side).0.iter().rev().map(move |queue| Level {
            price: price_of(side, queue.key),
            qty: Qty(queue.qty),
        })
    }

    /// Returns how much each of its parts can hold without allocation.
    #[cfg(test)]
    pub(crate) fn room(&self) -> [usize; 6] {
        [
            self.bids.0.capacity(),
            self.asks.0.capacity(),
            self.orders.capacity(),
            self.free.capacity(),
            self.log.changes.capacity(),
            self.log.matches.capacity(),
        ]
    }

    /// Takes from the other side as far as price and quantity go; returns what is left.
    fn take(&mut self, arrival: Arrival) -> i64 {
        let maker_side = opposite(arrival.side);
        let worst = key_of(maker_side, arrival.price);
        let mut left = arrival.qty.0;
        while left > 0 {
            let Some(queue) = self.side_mut(maker_side).0.last_mut() else {
                break;
            };
            if queue.key < worst {
                break;
            }
            let (key, index) = (queue.key, queue.first);
            let order = &mut self.orders[index as usize];
            let qty = left.min(order.qty);
            left -= qty;
            order.qty -= qty;
            let (is_done, maker) = (order.qty == 0, order.owner);
            let queues = self.side_mut(maker_side);
            let queue = queues.0.last_mut().expect("its best order just matched");
            queue.qty -= qty;
            if queue.qty == 0 {
                queues.0.pop();
            }
            if is_done {
                self.unlink(index);
            }
            let price = price_of(maker_side, key);
            self.log.changes.push((maker_side, price));
            self.log.matches.push(Match {
                price,
                qty: Qty(qty),
                aggressor: arrival.side,
                maker,
            });
        }
        left
    }

    /// Writes the order into a free slot; returns its index.
    fn store(&mut self, arrival: Arrival, qty: i64) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.orders.push(Resting::FREE);
            u32::try_from(self.orders.len() - 1).expect("fewer orders than memory")
        });
        let slot = &mut self.orders[index as usize];
        *slot = Resting {
            generation: slot.generation.wrapping_add(1),
            owner: arrival.owner,
            side: arrival.side,
            key: key_of(arrival.side, arrival.price),
            qty,
            before: NO_ORDER,
            after: NO_ORDER,
        };
        index
    }

    /// Puts the stored order last at its price.
    fn link(&mut self, index: u32) {
        let order = self.orders[index as usize];
        let queues = self.side_mut(order.side);
        match queues.0.binary_search_by_key(&order.key, |queue| queue.key) {
            Ok(position) => {
                let queue = &mut queues.0[position];
                queue.qty += order.qty;
                let before = std::mem::replace(&mut queue.last, index);
                self.orders[before as usize].after = index;
                self.orders[index as usize].before = before;
            }
            Err(position) => queues.0.insert(
                position,
                Queue {
                    key: order.key,
                    qty: order.qty,
                    first: index,
                    last: index,
                },
            ),
        }
    }

    /// Takes the order out of its queue, where that still stands, and frees its slot.
    fn unlink(&mut self, index: u32) {
        let order = self.orders[index as usize];
        if order.before != NO_ORDER {
            self.orders[order.before as usize].after = order.after;
        }
        if order.after != NO_ORDER {
            self.orders[order.after as usize].before = order.before;
        }
        let queues = self.side_mut(order.side);
        if let Some(position) = queues.find(order.key) {
            let queue = &mut queues.0[position];
            if queue.first == index {
                queue.first = order.after;
            }
            if queue.last == index {
                queue.last = order.before;
            }
        }
        self.orders[index as usize].qty = 0;
        self.free.push(index);
    }

    fn resting(&self, handle: OrderHandle) -> Option<&Resting> {
        self.orders
            .get(handle.index as usize)
            .filter(|order| order.qty > 0 && order.generation == handle.generation)
    }

    fn side(&self, side: Side) -> &Queues {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Queues {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}

impl Queues {
    fn find(&self, key: i64) -> Option<usize> {
        self.0.binary_search_by_key(&key, |queue| queue.key).ok()
    }
}

impl Resting {
    const FREE: Self = Self {
        generation: 0,
        owner: OwnerId(0),
        side: Side::Buy,
        key: 0,
        qty: 0,
        before: NO_ORDER,
        after: NO_ORDER,
    };
}

/// Returns the other side.
pub const fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

const fn key_of(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => -price.0,
    }
}

const fn price_of(side: Side, key: i64) -> Price {
    match side {
        Side::Buy => Price(key),
        Side::Sell => Price(-key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    fn order(side: Side, price: i64, qty: i64, owner: u32) -> Arrival {
        Arrival {
            side,
            price: Price(price),
            qty: Qty(qty),
            rest: Rest::Rests,
            owner: OwnerId(owner),
        }
    }

    #[test]
    fn better_price_first_then_earlier_order() {
        let mut book = Book::default();
        book.place(order(Side::Sell, 101, 5, 1));
        book.place(order(Side::Sell, 100, 2, 2));
        book.place(order(Side::Sell, 100, 3, 3));
        let rest = book.place(order(Side::Buy, 101, 7, 4));
        assert_eq!(rest, None);
        let matched: Vec<_> = book
            .log()
            .matches
            .iter()
            .map(|it| (it.price.0, it.qty.0, it.maker.0))
            .collect();
        assert_eq!(matched, [(100, 2, 2), (100, 3, 3), (101, 2, 1)]);
        assert_eq!(book.qty_at(Side::Sell, Price(101)), Qty(3));
        assert_eq!(book.best(Side::Buy), None);
    }

    #[test]
    fn what_does_not_match_rests_or_expires() {
        let mut book = Book::default();
        book.place(order(Side::Sell, 100, 1, 1));
        let mut taker = order(Side::Buy, 100, 3, 2);
        taker.rest = Rest::Expires;
        assert_eq!(book.place(taker), None);
        assert_eq!(book.best(Side::Buy), None);
        let handle = book.place(order(Side::Buy, 100, 3, 2)).expect("rests");
        assert_eq!(book.qty_of(handle), Some(Qty(3)));
    }

    #[test]
    fn a_handle_of_a_gone_order_does_nothing() {
        let mut book = Book::default();
        let first = book.place(order(Side::Buy, 100, 3, 1)).expect("rests");
        assert_eq!(book.cancel(first), Some(Qty(3)));
        let second = book.place(order(Side::Buy, 99, 4, 1)).expect("rests");
        assert_eq!(first.index, second.index, "the slot is used again");
        assert_eq!(book.cancel(first), None);
        assert_eq!(book.qty_of(second), Some(Qty(4)));
    }

    #[test]
    fn prop_levels_hold_the_sum_of_their_orders_and_never_cross() {
        let seed = 11;
        let mut random = Random::new(seed, 0);
        let (mut book, mut handles) = (Book::default(), Vec::new());
        for step in 0..20_000 {
            if random.chance(0.45) && !handles.is_empty() {
                let position = random.below(handles.len() as u64) as usize;
                book.cancel(handles.swap_remove(position));
            } else {
                let side = if random.chance(0.5) {
                    Side::Buy
                } else {
                    Side::Sell
                };
                let price = 1_000 + random.below(40) as i64;
                handles.extend(book.place(order(side, price, 1 + random.below(9) as i64, 0)));
            }
            handles.retain(|handle| book.qty_of(*handle).is_some());
            for side in [Side::Buy, Side::Sell] {
                let levels: i64 = book.levels(side).map(|level| level.qty.0).sum();
                let orders: i64 = handles
                    .iter()
                    .filter(|handle| book.orders[handle.index as usize].side == side)
                    .filter_map(|handle| book.qty_of(*handle))
                    .map(|qty| qty.0)
                    .sum();
                assert_eq!(levels, orders, "seed {seed} step {step}");
            }
            if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
                assert!(bid.price < ask.price, "seed {seed} step {step}");
            }
            book.clear_changes();
            book.clear_matches();
        }
    }
}
