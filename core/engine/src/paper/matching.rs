//! The matching model: what arrives crosses or rests; what rests is filled by trades and by the book.
//!
//! Called by the engine around each market event, see the module above. Nothing fills against a book
//! that is not proven, and no event touches an order that arrived at its venue time or later.

use super::arrival::{Arrival, Message};
use super::debit::Key;
use super::report::{FillReport, ReportKind};
use super::resting::{Queue, Resting};
use super::{Moment, PaperOrder, PaperVenue, WALK_LEVELS_MAX};
use crate::config::QueueModel;
use crate::market::BookView;
use claire_types::record::FillRule;
use claire_types::{
    InstrumentId, Level, Liquidity, OrderFlags, OrderId, OrderKind, OrderReason, Price, Qty, Side,
    Trade, WallNs,
};
use std::ops::Range;

impl PaperVenue {
    /// Lets what reaches an instrument up to this venue time arrive on the book as it stands.
    ///
    /// Call it before the book takes an event, with the event's moment, and on timers, with the venue
    /// time of the engine's. A full queue of reports or debits leaves the rest for the next call.
    pub fn arrive(&mut self, instrument: InstrumentId, view: &dyn BookView, moment: Moment) {
        let mut index = 0;
        while let Some(arrival) = self.arrivals.get(index).copied() {
            if arrival.at > moment.venue_time || !self.has_room() {
                return;
            }
            if arrival.instrument != instrument {
                index += 1;
                continue;
            }
            self.arrivals.remove(index);
            let at = Moment {
                venue_time: arrival.at,
                ..moment
            };
            self.debits.follow(instrument, view, arrival.at);
            match arrival.message {
                Message::Order(order) => self.place(&order, arrival, view, at),
                Message::Cancel { order, reason } => self.withdraw(order, instrument, reason, at),
            }
        }
    }

    /// Follows a change of the merged book: queues, debits, and resting orders that it moved through.
    pub fn book_changed(&mut self, instrument: InstrumentId, view: &dyn BookView, moment: Moment) {
        if !view.is_proven() {
            return;
        }
        self.debits.follow(instrument, view, moment.venue_time);
        for side in [Side::Buy, Side::Sell] {
            self.each_resting(instrument, side, |venue, resting| {
                if resting.arrived < moment.venue_time {
                    venue.follow_book(resting, view, moment);
                }
                true
            });
        }
    }

    /// Follows a trade of others: it consumes the queue before us, reaches us, or went through our price.
    pub fn traded(
        &mut self,
        instrument: InstrumentId,
        trade: &Trade,
        view: &dyn BookView,
        moment: Moment,
    ) {
        if trade.is_off_book || !view.is_proven() {
            return;
        }
        let side = trade.aggressor.opposite();
        let mut left = trade.qty;
        self.each_resting(instrument, side, |venue, resting| {
            let better = resting.order.price.0.saturating_sub(trade.price.0);
            let better = better.saturating_mul(side.sign());
            // What is sorted behind has a worse price still.
            if better < 0 || left.0 <= 0 {
                return false;
            }
            if resting.arrived < moment.venue_time && venue.reports.has_room(1) {
                let filled = venue.fill_by_trade(resting, left, better > 0, moment);
                left.0 -= filled.0;
            }
            true
        });
    }

    /// Visits the resting orders of a side, better prices and earlier ones first, until `visit` returns
    /// false; what has nothing left goes.
    fn each_resting(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        mut visit: impl FnMut(&mut Self, &mut Resting) -> bool,
    ) {
        let Range {
            start: mut index,
            mut end,
        } = self.range(instrument, side);
        while index < end {
            let Some(mut resting) = self.resting.get(index).copied() else {
                return;
            };
            let goes_on = visit(self, &mut resting);
            if resting.left.0 > 0 {
                if let Some(place) = self.resting.get_mut(index) {
                    *place = resting;
                }
                index += 1;
            } else {
                self.resting.remove(index);
                end -= 1;
            }
            if !goes_on {
                return;
            }
        }
    }

    fn place(&mut self, order: &PaperOrder, arrival: Arrival, view: &dyn BookView, moment: Moment) {
        let refusal = match (view.is_proven(), is_immediate(order)) {
            (false, true) => Some(OrderReason::NoBook),
            (true, _) if would_cross(order, view) && order.flags.has(OrderFlags::POST_ONLY) => {
                Some(OrderReason::PostOnlyCross)
            }
            _ => None,
        };
        if let Some(reason) = refusal {
            self.report(order, ReportKind::Rejected(reason), moment);
            return;
        }
        self.report(order, ReportKind::Ack, moment);
        let mut resting = Resting {
            order: *order,
            left: order.qty,
            arrived: arrival.at,
            number: arrival.number,
            queue: Queue::default(),
        };
        let crossed = match view.is_proven() {
            true => self.cross(&mut resting, view, moment),
            false => Crossed::Nothing,
        };
        self.settle(resting, crossed, view, moment);
    }

    /// Rests what is left of an order that arrived, or ends it.
    fn settle(
        &mut self,
        mut resting: Resting,
        crossed: Crossed,
        view: &dyn BookView,
        moment: Moment,
    ) {
        if resting.left.0 <= 0 {
            return;
        }
        let order = resting.order;
        if is_immediate(&order) {
            let reason = match crossed {
                Crossed::NoRoom => OrderReason::Capacity,
                _ if order.flags.has(OrderFlags::FOK) => OrderReason::FokUnfilled,
                _ => OrderReason::Unfilled,
            };
            self.report(&order, ReportKind::Expired(reason), moment);
            return;
        }
        // Without room the rest still crosses: it meets the next change of the book as if it arrived then.
        if view.is_proven() && crossed != Crossed::NoRoom {
            resting.queue = self.queue_behind(&order, view);
        }
        let index = self
            .resting
            .partition_point(|other| other.key() < resting.key());
        self.resting.insert(index, resting);
    }

    /// Takes what the book displays within the order's limit, less debits, level by level as taker.
    /// The caller made sure of room for one walk.
    fn cross(&mut self, resting: &mut Resting, view: &dyn BookView, moment: Moment) -> Crossed {
        let order = resting.order;
        if order.flags.has(OrderFlags::FOK) {
            let Some(levels) = self.levels_for(&order, resting.left, view) else {
                return Crossed::Nothing;
            };
            if !self.has_room_for(levels) {
                return Crossed::NoRoom;
            }
        }
        loop {
            let takes = self.takes(&order, resting.left, view);
            for take in &takes {
                self.debit(&order, *take, view, moment);
                let fill = deal(resting, *take, Liquidity::Taker, FillRule::Crossed);
                self.report(&order, ReportKind::Fill(fill), moment);
                resting.left.0 -= take.qty.0;
            }
            let may_be_more = takes.len() == WALK_LEVELS_MAX && resting.left.0 > 0;
            self.give_back(takes);
            if !may_be_more {
                return Crossed::AllThereWas;
            }
            if !self.has_room_for(WALK_LEVELS_MAX) {
                return Crossed::NoRoom;
            }
        }
    }

    /// Returns how many levels within the order's limit hold this much together; `None` where they do not.
    fn levels_for(&self, order: &PaperOrder, want: Qty, view: &dyn BookView) -> Option<usize> {
        let (side, mut left, mut levels) = (order.side.opposite(), want.0, 0);
        view.walk(side, &mut |level| {
            if !is_within_limit(order, level.price) {
                return false;
            }
            let qty = self.debits.left(order.instrument, side, level).0;
            levels += usize::from(qty > 0);
            left = left.saturating_sub(qty);
            left > 0
        });
        (left <= 0).then_some(levels)
    }

    fn follow_book(&mut self, resting: &mut Resting, view: &dyn BookView, moment: Moment) {
        let order = resting.order;
        if !resting.queue.is_known {
            self.learn_book(resting, view, moment);
            return;
        }
        resting.queue.follow(view.qty_at(order.side, order.price));
        if !would_cross(&order, view) || !self.has_room() {
            return;
        }
        // What more than one walk takes comes with the next change of the book.
        let takes = self.takes(&order, resting.left, view);
        let mut total = 0;
        for take in &takes {
            self.debit(&order, *take, view, moment);
            total += take.qty.0;
        }
        self.give_back(takes);
        self.fill(resting, Qty(total), FillRule::BookThrough, moment);
    }

    /// What came while the book was not proven meets the first proven one as if it arrived now.
    fn learn_book(&mut self, resting: &mut Resting, view: &dyn BookView, moment: Moment) {
        let order = resting.order;
        if would_cross(&order, view) {
            if order.flags.has(OrderFlags::POST_ONLY) {
                self.report(
                    &order,
                    ReportKind::Expired(OrderReason::PostOnlyCross),
                    moment,
                );
                resting.left = Qty::ZERO;
                return;
            }
            if !self.has_room() {
                return;
            }
            if self.cross(resting, view, moment) == Crossed::NoRoom {
                return;
            }
        }
        resting.queue = self.queue_behind(&order, view);
    }

    fn fill_by_trade(
        &mut self,
        resting: &mut Resting,
        traded: Qty,
        is_through: bool,
        moment: Moment,
    ) -> Qty {
        if is_through {
            let qty = traded.min(resting.left);
            self.fill(resting, qty, FillRule::TradedThrough, moment);
            return qty;
        }
        if !resting.queue.is_known {
            return Qty::ZERO;
        }
        let qty = resting.queue.trade(traded).min(resting.left);
        self.fill(resting, qty, FillRule::QueueReached, moment);
        qty
    }

    /// Fills a resting order as maker at its price.
    fn fill(&mut self, resting: &mut Resting, qty: Qty, rule: FillRule, moment: Moment) {
        if qty.0 <= 0 {
            return;
        }
        let level = Level {
            price: resting.order.price,
            qty,
        };
        let fill = deal(resting, level, Liquidity::Maker, rule);
        self.report(&resting.order, ReportKind::Fill(fill), moment);
        resting.left.0 -= qty.0;
    }

    fn withdraw(
        &mut self,
        id: OrderId,
        instrument: InstrumentId,
        reason: OrderReason,
        moment: Moment,
    ) {
        let found = self
            .resting
            .iter()
            .position(|resting| resting.order.id == id);
        if let Some(index) = found {
            let resting = self.resting.remove(index);
            self.report(&resting.order, ReportKind::Cancelled(reason), moment);
            return;
        }
        let gone = PaperOrder {
            id,
            instrument,
            side: Side::Buy,
            kind: OrderKind::Limit,
            flags: OrderFlags::NONE,
            qty: Qty::ZERO,
            price: Price::default(),
        };
        self.report(
            &gone,
            ReportKind::CancelRefused(OrderReason::TooLate),
            moment,
        );
    }

    /// Collects what an order would take of the book, best level first, in the scratch list: give it back.
    fn takes(&mut self, order: &PaperOrder, want: Qty, view: &dyn BookView) -> Vec<Level> {
        let mut takes = std::mem::take(&mut self.scratch);
        takes.clear();
        let (side, mut left) = (order.side.opposite(), want.0);
        let debits = &self.debits;
        view.walk(side, &mut |level| {
            if !is_within_limit(order, level.price) {
                return false;
            }
            let qty = debits.left(order.instrument, side, level).0.min(left);
            if qty > 0 {
                takes.push(Level {
                    price: level.price,
                    qty: Qty(qty),
                });
                left -= qty;
            }
            left > 0 && takes.len() < WALK_LEVELS_MAX
        });
        takes
    }

    fn give_back(&mut self, mut takes: Vec<Level>) {
        takes.clear();
        self.scratch = takes;
    }

    fn debit(&mut self, order: &PaperOrder, take: Level, view: &dyn BookView, moment: Moment) {
        let key = Key {
            instrument: order.instrument,
            side: order.side.opposite(),
            price: take.price,
        };
        let displayed = view.qty_at(key.side, key.price);
        self.debits
            .take(key, take.qty, displayed, moment.venue_time);
    }

    fn queue_behind(&self, order: &PaperOrder, view: &dyn BookView) -> Queue {
        Queue::behind(match self.queue {
            QueueModel::Front => Qty::ZERO,
            QueueModel::RiskAverse => view.qty_at(order.side, order.price),
        })
    }

    fn report(&mut self, order: &PaperOrder, kind: ReportKind, moment: Moment) {
        let known = moment.venue_time.after(self.response_latency);
        let known = WallNs(known.0.saturating_add(self.offset.0));
        self.reports
            .push(order, kind, moment, known.max(moment.recv));
    }

    /// Returns whether an order can arrive: its ack, one walk of the book, and its end.
    fn has_room(&self) -> bool {
        self.has_room_for(WALK_LEVELS_MAX + 1)
    }

    /// Returns whether so many fills and an end fit, and the debits that they leave.
    fn has_room_for(&self, fills: usize) -> bool {
        self.reports.has_room(fills + 1) && self.debits.has_room(fills)
    }

    fn range(&self, instrument: InstrumentId, side: Side) -> Range<usize> {
        let place = |resting: &Resting| (resting.order.instrument, resting.order.side);
        let start = self
            .resting
            .partition_point(|resting| place(resting) < (instrument, side));
        let end = self
            .resting
            .partition_point(|resting| place(resting) <= (instrument, side));
        start..end
    }
}

/// What crossing the book came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crossed {
    /// The order was not tried, or may be filled whole only and could not.
    Nothing,
    /// All that was within its limit, or all it wanted.
    AllThereWas,
    /// The tables are full before it had all.
    NoRoom,
}

/// Whether the order never rests.
fn is_immediate(order: &PaperOrder) -> bool {
    order.kind == OrderKind::Market
        || order.flags.has(OrderFlags::IOC)
        || order.flags.has(OrderFlags::FOK)
}

fn is_within_limit(order: &PaperOrder, price: Price) -> bool {
    match (order.kind, order.side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit, Side::Buy) => price <= order.price,
        (OrderKind::Limit, Side::Sell) => price >= order.price,
    }
}

fn would_cross(order: &PaperOrder, view: &dyn BookView) -> bool {
    let best = view.best(order.side.opposite());
    best.is_some_and(|level| is_within_limit(order, level.price))
}

fn deal(resting: &Resting, level: Level, liquidity: Liquidity, rule: FillRule) -> FillReport {
    FillReport {
        price: level.price,
        qty: level.qty,
        liquidity,
        rule,
        arrived: resting.arrived,
        queue_ahead: resting.queue.at_entry,
        queue_traded: resting.queue.traded,
        queue_cancelled: resting.queue.cancelled,
    }
}
