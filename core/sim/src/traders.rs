//! Those who trade one instrument: makers quoting around the fair price, the crowd, and takers in bursts.
//!
//! Called by the market when somebody's time has come. One act is one moment: what a maker cancels and
//! places in it is seen together.

use crate::book::{Arrival, Book, OrderHandle, OwnerId, Rest, opposite};
use crate::crowd::{CROWD, Crowd};
use crate::fair::View;
use crate::listing::Listing;
use crate::random::Random;
use claire_types::time::NS_PER_S;
use claire_types::{Price, Qty, Side};

/// All traders of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Traders {
    random: Random,
    makers: [Maker; MAKERS],
    crowd: Crowd,
    crowd_due_ns: i64,
    takers: Takers,
    /// The earliest of all times.
    due_ns: i64,
}

#[derive(Clone, Debug)]
struct Maker {
    owner: OwnerId,
    /// The ladder, bids and asks by turns.
    orders: [Option<OrderHandle>; 2 * RUNGS],
    half_spread_bps: f64,
    qty_usual: f64,
    /// What it holds, in usual quantities; forgotten slowly, as if hedged elsewhere.
    held: f64,
    /// The fair price of its last quotes.
    quoted_ticks: f64,
    due_ns: i64,
}

/// Takers excite one another: each order makes the next more likely for a while.
#[derive(Clone, Debug)]
struct Takers {
    qty_usual: f64,
    /// Excitement at `since_ns`, in orders per second above the quiet rate.
    excitement: f64,
    since_ns: i64,
    /// Rate that bounded the next time, for thinning.
    rate_bound: f64,
    due_ns: i64,
    /// A large order worked in pieces: its side, pieces left, and when the next comes.
    parent: Option<(Side, u32)>,
    parent_due_ns: i64,
}

const MAKERS: usize = 5;
const RUNGS: usize = 5;
/// Half spread of the innermost quote of each maker.
const HALF_SPREADS_BPS: [f64; MAKERS] = [0.12, 0.22, 0.4, 0.7, 1.2];
/// Distance between two rungs, in half spreads and in bps.
const RUNG_BPS: f64 = 0.35;
/// Error of a maker's view of the fair price.
const VIEW_ERROR_BPS: f64 = 0.08;
/// How far one usual quantity held moves a maker's quotes.
const HELD_SKEW_BPS: f64 = 0.05;
/// Mean time between a maker's looks at the market, and the move that makes it quote anew.
const LOOK_EVERY_S: f64 = 0.4;
const REQUOTE_BPS: f64 = 0.25;
/// How far beyond the fair price another's quote must be for a maker to take it.
const CROSS_BPS: f64 = 1.0;
/// Acts of the crowd per second.
const CROWD_RATE: f64 = 24.0;
/// Takers: quiet rate, what one order adds, and how fast that fades. Five of eight orders are excited by others.
const TAKER_RATE: f64 = 1.1;
const TAKER_EXCITES: f64 = 0.75;
const TAKER_FADES_PER_S: f64 = 1.2;
const TAKER_RATE_MAX: f64 = 60.0;
/// Share of taker orders that start a large order in pieces, and the mean time between pieces.
const PARENT_SHARE: f64 = 0.01;
const PARENT_PIECES: u64 = 40;
const PARENT_EVERY_S: f64 = 0.09;
/// How far through the touch a taker goes.
const TAKER_REACH_BPS: (f64, f64) = (1.0, 8.0);
/// Never.
const NEVER_NS: i64 = i64::MAX;

impl Traders {
    /// Returns the traders, their orders resting in `book`, at `now_ns`.
    pub(crate) fn new(
        listing: &Listing,
        mut random: Random,
        view: View,
        now_ns: i64,
        book: &mut Book,
    ) -> Self {
        let mut crowd = Crowd::new(listing);
        crowd.fill(view.fair_ticks, &mut random, book);
        let mut index = 0;
        let makers = HALF_SPREADS_BPS.map(|half_spread_bps| {
            let maker = Maker::new(OwnerId(index), half_spread_bps, listing, now_ns);
            index += 1;
            maker
        });
        Self {
            random,
            makers,
            crowd,
            crowd_due_ns: now_ns,
            takers: Takers::new(listing, now_ns),
            due_ns: now_ns,
        }
    }

    /// Returns when somebody acts next.
    pub(crate) const fn due_ns(&self) -> i64 {
        self.due_ns
    }

    /// Lets everybody act whose time has come; the matches stand in the book's log.
    pub(crate) fn act(&mut self, now_ns: i64, view: View, book: &mut Book) {
        let random = &mut self.random;
        for maker in &mut self.makers {
            if maker.due_ns <= now_ns {
                maker.look(view, random, book);
                maker.due_ns =
                    now_ns + span_ns(random.exponential(LOOK_EVERY_S / view.activity) + 0.02);
            }
        }
        if self.crowd_due_ns <= now_ns {
            self.crowd.act(random, book);
            self.crowd_due_ns =
                now_ns + span_ns(random.exponential(1.0 / (CROWD_RATE * view.activity)));
        }
        self.takers.act(now_ns, view, random, book);
        self.settle(book);
        self.due_ns = self.earliest();
    }

    /// Tells makers what they bought and sold as makers.
    fn settle(&mut self, book: &Book) {
        for matched in &book.log().matches {
            if let Some(maker) = self.makers.get_mut(matched.maker.0 as usize) {
                maker.fill(opposite(matched.aggressor), matched.qty);
            }
        }
    }

    fn earliest(&self) -> i64 {
        let others = self
            .crowd_due_ns
            .min(self.takers.due_ns)
            .min(self.takers.parent_due_ns);
        self.makers
            .iter()
            .fold(others, |earliest, maker| earliest.min(maker.due_ns))
    }
}

impl Maker {
    fn new(owner: OwnerId, half_spread_bps: f64, listing: &Listing, now_ns: i64) -> Self {
        Self {
            owner,
            orders: [None; 2 * RUNGS],
            half_spread_bps,
            qty_usual: listing.qty_usual.0 as f64,
            held: 0.0,
            quoted_ticks: 0.0,
            due_ns: now_ns,
        }
    }

    /// Quotes anew where the price moved, quotes are gone, or it feels like it.
    fn look(&mut self, view: View, random: &mut Random, book: &mut Book) {
        self.held *= 0.97;
        let moved_bps = (view.fair_ticks / self.quoted_ticks - 1.0).abs() * 10_000.0;
        let is_whole = self
            .orders
            .iter()
            .all(|order| order.is_some_and(|order| book.qty_of(order).is_some()));
        if moved_bps > REQUOTE_BPS || !is_whole || random.chance(0.1) {
            self.quote(view, random, book);
        }
    }

    fn quote(&mut self, view: View, random: &mut Random, book: &mut Book) {
        for order in self.orders.iter_mut().filter_map(Option::take) {
            book.cancel(order);
        }
        self.quoted_ticks = view.fair_ticks;
        let error_bps = VIEW_ERROR_BPS * random.normal() - HELD_SKEW_BPS * self.held;
        let center = view.fair_ticks * (1.0 + error_bps / 10_000.0);
        let half_bps = self.half_spread_bps * (0.6 + 0.4 * view.activity);
        for rung in 0..RUNGS {
            for side in [Side::Buy, Side::Sell] {
                let step = rung as f64 * random.between(0.7, 1.3);
                let away = center * (half_bps + step * (RUNG_BPS + half_bps)) / 10_000.0;
                // Whoever feels the drift shows more on its side, and less where it would be run over.
                let (price, lean) = match side {
                    Side::Buy => ((center - away).floor(), view.lean),
                    Side::Sell => ((center + away).ceil(), -view.lean),
                };
                let price = uncrossed(side, Price(price as i64), view, book);
                let qty = random.log_normal(self.qty_usual, 0.6) * (1.0 + 0.6 * lean);
                let arrival = Arrival {
                    side,
                    price: Price(price.0.max(1)),
                    qty: Qty((qty as i64).max(1)),
                    rest: Rest::Rests,
                    owner: self.owner,
                };
                let matches = book.log().matches.len();
                self.orders[2 * rung + usize::from(side == Side::Sell)] = book.place(arrival);
                for matched in &book.log().matches[matches..] {
                    self.fill(side, matched.qty);
                }
            }
        }
    }

    fn fill(&mut self, side: Side, qty: Qty) {
        let share = qty.0 as f64 / self.qty_usual;
        self.held += if side == Side::Buy { share } else { -share };
    }
}

impl Takers {
    fn new(listing: &Listing, now_ns: i64) -> Self {
        Self {
            qty_usual: listing.qty_usual.0 as f64,
            excitement: 0.0,
            since_ns: now_ns,
            rate_bound: TAKER_RATE,
            due_ns: now_ns,
            parent: None,
            parent_due_ns: NEVER_NS,
        }
    }

    fn act(&mut self, now_ns: i64, view: View, random: &mut Random, book: &mut Book) {
        if self.parent_due_ns <= now_ns {
            self.act_parent(now_ns, random, book);
        }
        if self.due_ns > now_ns {
            return;
        }
        let passed_s = (now_ns - self.since_ns) as f64 / NS_PER_S as f64;
        self.excitement *= libm::exp(-TAKER_FADES_PER_S * passed_s);
        self.since_ns = now_ns;
        // Thinning: the candidate came at the rate that bounded it and counts at the rate that holds.
        let rate = TAKER_RATE * view.activity + self.excitement;
        if random.chance(rate / self.rate_bound) {
            let side = self.choose(view, random, book);
            let qty = random.log_normal(0.18 * self.qty_usual, 1.3);
            self.take(side, qty, random, book);
            self.excitement += TAKER_EXCITES;
            if self.parent.is_none() && random.chance(PARENT_SHARE) {
                let pieces = 5 + random.below(PARENT_PIECES) as u32;
                self.parent = Some((side, pieces));
                self.parent_due_ns = now_ns + span_ns(random.exponential(PARENT_EVERY_S));
            }
        }
        self.rate_bound = (TAKER_RATE * view.activity + self.excitement).min(TAKER_RATE_MAX);
        self.due_ns = now_ns + span_ns(random.exponential(1.0 / self.rate_bound));
    }

    fn act_parent(&mut self, now_ns: i64, random: &mut Random, book: &mut Book) {
        let Some((side, pieces)) = self.parent else {
            return;
        };
        let qty = random.log_normal(0.4 * self.qty_usual, 0.4);
        self.take(side, qty, random, book);
        self.parent = (pieces > 1).then_some((side, pieces - 1));
        self.parent_due_ns = match self.parent {
            Some(_) => now_ns + span_ns(random.exponential(PARENT_EVERY_S)),
            None => NEVER_NS,
        };
    }

    /// Returns the side: more often the one that the fair price and the drift are on.
    fn choose(&self, view: View, random: &mut Random, book: &Book) -> Side {
        let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) else {
            return Side::Buy;
        };
        let mid = (bid.price.0 + ask.price.0) as f64 / 2.0;
        let cheap_bps = (view.fair_ticks / mid - 1.0) * 10_000.0;
        let pull = cheap_bps + 0.6 * view.lean;
        if random.chance(0.5 + 0.42 * pull / (0.5 + pull.abs())) {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    fn take(&self, side: Side, qty: f64, random: &mut Random, book: &mut Book) {
        let Some(touch) = book.best(opposite(side)) else {
            return;
        };
        let reach_bps = random.between(TAKER_REACH_BPS.0, TAKER_REACH_BPS.1);
        let reach = (touch.price.0 as f64 * reach_bps / 10_000.0) as i64;
        let price = match side {
            Side::Buy => touch.price.0 + reach,
            Side::Sell => (touch.price.0 - reach).max(1),
        };
        book.place(Arrival {
            side,
            price: Price(price),
            qty: Qty((qty as i64).max(1)),
            rest: Rest::Expires,
            owner: CROWD,
        });
    }
}

/// Returns the price, moved back behind the other side's best where crossing that is not worth it.
fn uncrossed(side: Side, price: Price, view: View, book: &Book) -> Price {
    let Some(other) = book.best(opposite(side)) else {
        return price;
    };
    let margin = view.fair_ticks * CROSS_BPS / 10_000.0;
    let other_ticks = other.price.0 as f64;
    match side {
        Side::Buy if other_ticks > view.fair_ticks - margin => {
            Price(price.0.min(other.price.0 - 1))
        }
        Side::Sell if other_ticks < view.fair_ticks + margin => {
            Price(price.0.max(other.price.0 + 1))
        }
        _ => price,
    }
}

/// Returns the span of so many seconds, at least a microsecond: time always moves.
fn span_ns(seconds: f64) -> i64 {
    ((seconds * NS_PER_S as f64) as i64).max(1_000)
}
