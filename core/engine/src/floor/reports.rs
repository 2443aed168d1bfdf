//! What goes to the paper venue and what comes back: orders and cancels out, acks, fills and ends in.
//!
//! Called by the engine on the engine thread. A report changes the order, then the books of the
//! portfolio, then what strategies see; every step is recorded in that order.

use super::{Call, Floor};
use crate::convert::{price_to_f64, qty_to_f64};
use crate::market::MergedBook;
use crate::order::{Change, ChangeFault, Order, Transition};
use crate::paper::{FillReport, Moment, PaperOrder, PaperVenue, Report, ReportKind};
use crate::portfolio::{Booked, Deal};
use crate::strategy::{FillView, OrderHandle, OrderView};
use claire_types::record::{BalanceRecord, Fill, OrderEvent};
use claire_types::time::NS_PER_MS;
use claire_types::{
    Amount, DurationNs, GateCode, InstrumentId, OrderId, OrderReason, Record, StrategyId, VenueNs,
    WallNs,
};

/// How late a market event may come after its venue time: as for bars, 250 ms (SPEC 2).
const LATE_MAX: DurationNs = DurationNs::from_ms(250);

impl Floor {
    /// Sends an order of a committed call on its way.
    pub(super) fn send(&mut self, id: OrderId) {
        let Some(order) = self.orders.order(id).copied() else {
            return;
        };
        let message = PaperOrder {
            id,
            instrument: order.instrument,
            side: order.side,
            kind: order.kind,
            flags: order.flags,
            qty: order.qty,
            price: order.price,
        };
        let sent = self
            .paper_of(order.instrument)
            .map(|paper| paper.submit(&message, order.sent));
        if !matches!(sent, Some(Ok(()))) {
            let now = VenueNs::NONE;
            self.change_order(id, Change::Rejected(OrderReason::CancelledByEngine), now);
        }
    }

    /// Sends a cancel on its way; a final order, or one whose cancel is on its way, is left alone.
    pub(crate) fn send_cancel(&mut self, id: OrderId, reason: OrderReason) {
        let Some(order) = self.orders.order(id).copied() else {
            return;
        };
        if self
            .change_order(id, Change::CancelSent, VenueNs::NONE)
            .is_none()
        {
            return;
        }
        let sent = self.venue_now(order.instrument);
        if let Some(paper) = self.paper_of(order.instrument)
            && paper.cancel(id, order.instrument, reason, sent).is_err()
        {
            // No room for the message: the order works on, and may be cancelled again.
            self.change_order(id, Change::CancelRefused, VenueNs::NONE);
        }
    }

    /// Lets messages of ours arrive at the book as it stood before an event.
    pub(crate) fn arrive(&mut self, instrument: InstrumentId, moment: Moment) {
        self.with_paper(instrument, |paper, book| {
            paper.arrive(instrument, book, moment)
        });
    }

    /// Tells the paper venue that the view of an instrument changed.
    pub(crate) fn match_book(&mut self, instrument: InstrumentId, moment: Moment) {
        self.with_paper(instrument, |paper, book| {
            paper.book_changed(instrument, book, moment)
        });
    }

    /// Tells the paper venue of a trade.
    pub(crate) fn match_trade(
        &mut self,
        instrument: InstrumentId,
        trade: &claire_types::Trade,
        moment: Moment,
    ) {
        self.with_paper(instrument, |paper, book| {
            paper.traded(instrument, trade, book, moment)
        });
    }

    /// Takes every report that may be known by now; strategies are told later, in order.
    pub(crate) fn take_reports(&mut self) {
        for index in 0..self.papers.len() {
            while let Some(report) = self
                .papers
                .get_mut(index)
                .and_then(|(_, paper)| paper.due(self.now))
            {
                self.take_report(&report);
            }
        }
    }

    /// Takes every report, also those that could not be known yet: the run is over.
    pub(crate) fn take_last_reports(&mut self) {
        for index in 0..self.papers.len() {
            while let Some(report) = self
                .papers
                .get_mut(index)
                .and_then(|(_, paper)| paper.due(WallNs(i64::MAX)))
            {
                self.take_report(&report);
            }
        }
    }

    /// Lets messages of ours arrive that no market event has met, once none can come from before them.
    pub(crate) fn arrive_on_time(&mut self) {
        let seq = self.outputs.seq().0;
        for index in 0..self.markets.len() {
            let Some(market) = self.markets.get(index) else {
                return;
            };
            let (instrument, venue) = (market.instrument.id, market.instrument.key.venue);
            let settled = VenueNs(self.venue_now(instrument).0.saturating_sub(LATE_MAX.0));
            let arrives = self
                .papers
                .iter()
                .find(|(name, _)| *name == venue)
                .and_then(|(_, paper)| paper.arrives_next());
            if arrives.is_some_and(|at| at <= settled) {
                let moment = Moment {
                    venue_time: settled,
                    recv: self.now,
                    seq,
                };
                self.arrive(instrument, moment);
            }
        }
    }

    fn take_report(&mut self, report: &Report) {
        let venue_time = report.venue_time;
        match report.kind {
            ReportKind::Ack => self.change_order(report.order, Change::Ack, venue_time),
            ReportKind::Rejected(reason) => {
                self.change_order(report.order, Change::Rejected(reason), venue_time)
            }
            ReportKind::Cancelled(reason) => {
                self.change_order(report.order, Change::Cancelled(reason), venue_time)
            }
            ReportKind::Expired(reason) => {
                self.change_order(report.order, Change::Expired(reason), venue_time)
            }
            ReportKind::CancelRefused(_) => {
                self.change_order(report.order, Change::CancelRefused, venue_time)
            }
            ReportKind::Fill(fill) => self.take_fill(report, &fill),
        };
    }

    /// Changes an order, records it and tells its strategy; `None` where SPEC 7 has no such change.
    pub(super) fn change_order(
        &mut self,
        id: OrderId,
        change: Change,
        venue_time: VenueNs,
    ) -> Option<Transition> {
        let transition = match self.orders.apply(id, change, self.now) {
            Ok(transition) => transition,
            Err(ChangeFault::Overfill) => {
                self.halt_on_contradiction("a fill of more than was left");
                return None;
            }
            // A late answer about an order that ended meanwhile: what happened to it is on record.
            Err(_) => return None,
        };
        let order = *self.orders.order(id)?;
        let record = Record::OrderEvent(OrderEvent {
            order: id,
            from: transition.from,
            to: transition.to,
            reason: if order.status.is_final() {
                order.end_reason
            } else {
                OrderReason::None
            },
            filled_qty: transition.filled,
            venue_time,
        });
        self.outputs.emit(order.strategy, order.instrument, &record);
        self.refresh_holding(order.strategy, order.instrument);
        if self.seat(order.strategy).is_some() {
            let view = self.order_view(OrderHandle {
                order: id,
                denied: GateCode::Ok,
            });
            let call = Call::Order(order.strategy, order.instrument, view);
            self.tell(order.strategy, call);
        }
        Some(transition)
    }

    fn take_fill(&mut self, report: &Report, fill: &FillReport) -> Option<Transition> {
        let order = *self.orders.order(report.order)?;
        let share = self.fees.share(order.instrument, fill.liquidity)?;
        let deal = Deal {
            strategy: order.strategy,
            side: order.side,
            liquidity: fill.liquidity,
            price: fill.price,
            qty: fill.qty,
            fee_share: share,
        };
        let booked = match self.portfolio.book(order.instrument, &deal) {
            Ok(booked) => booked,
            Err(fault) => {
                self.halt_on_contradiction(&fault.to_string());
                return None;
            }
        };
        self.fill_number += 1;
        self.tally(order.strategy, |tally| tally.fills += 1);
        self.record_fill(&order, report, fill, &booked);
        let transition = self.change_order(report.order, Change::Fill(fill.qty), report.venue_time);
        self.record_money(&order, &booked);
        self.follow_position(order.strategy, order.instrument);
        self.trim_exits(order.strategy, order.instrument);
        self.refresh_holdings(order.strategy);
        self.tell_fill(&order, fill, &booked);
        self.watch_profit();
        transition
    }

    fn record_fill(&mut self, order: &Order, report: &Report, fill: &FillReport, booked: &Booked) {
        let record = Record::Fill(Fill {
            order: order.id,
            fill_id: self.fill_number,
            side: order.side,
            liquidity: fill.liquidity,
            rule: fill.rule,
            price: fill.price,
            qty: fill.qty,
            fee: booked.fee,
            fee_currency: booked.fee_currency,
            realized: booked.realized,
            closed_qty: booked.closed_qty,
            venue_time: report.venue_time,
            decided_by: report.decided_by,
            arrived: fill.arrived,
            queue_ahead: fill.queue_ahead,
            queue_traded: fill.queue_traded,
            queue_cancelled: fill.queue_cancelled,
        });
        self.outputs.emit(order.strategy, order.instrument, &record);
    }

    fn record_money(&mut self, order: &Order, booked: &Booked) {
        let position = Record::Position(booked.position);
        self.outputs
            .emit(order.strategy, order.instrument, &position);
        for (currency, total) in std::iter::once(booked.balance).chain(booked.base_balance) {
            let record = Record::Balance(BalanceRecord { currency, total });
            self.outputs
                .emit(StrategyId::NONE, InstrumentId::NONE, &record);
        }
    }

    fn tell_fill(&mut self, order: &Order, fill: &FillReport, booked: &Booked) {
        let Some(facts) = self.instrument(order.instrument) else {
            return;
        };
        if self.seat(order.strategy).is_none() {
            return;
        }
        let view = FillView {
            order: OrderHandle {
                order: order.id,
                denied: GateCode::Ok,
            },
            side: order.side,
            price: price_to_f64(fill.price, facts),
            qty: qty_to_f64(fill.qty, fill.price, facts),
            fee: booked.fee.to_f64(),
            fee_currency: booked.fee_currency,
            is_maker: fill.liquidity == claire_types::Liquidity::Maker,
            opens: booked.opened_qty.0 > 0,
            closes: booked.closed_qty.0 > 0,
            realized: booked.realized.to_f64(),
            queue_ahead: qty_to_f64(fill.queue_ahead, fill.price, facts),
        };
        let call = Call::Fill(order.strategy, order.instrument, view);
        self.tell(order.strategy, call);
    }

    /// Returns what a strategy sees of an order.
    pub(super) fn order_view(&self, handle: OrderHandle) -> OrderView {
        let unknown = OrderView {
            handle,
            ..OrderView::NONE
        };
        let Some(order) = self.orders.order(handle.order) else {
            let waiting = self.waiting_of_any(handle.order);
            return waiting.map_or(unknown, |waiting| self.waiting_view(waiting));
        };
        let Some(facts) = self.instrument(order.instrument) else {
            return unknown;
        };
        let valued_at = match order.price.0 {
            0 => self.mid_price(order.instrument).unwrap_or(order.price),
            _ => order.price,
        };
        OrderView {
            handle,
            is_open: order.is_working(),
            side: order.side,
            price: price_to_f64(order.price, facts),
            qty: qty_to_f64(order.qty, valued_at, facts),
            filled: qty_to_f64(order.filled, valued_at, facts),
            age_ms: self.now.since(order.placed).0 / NS_PER_MS,
            status: Some(order.status),
            reason: order.end_reason,
        }
    }

    /// Ends every order at the paper venue, of one instrument or of all.
    pub(crate) fn end_orders(&mut self, reason: OrderReason, recv: WallNs) {
        self.drop_waiting_of_all(reason, |_, _| true);
        let seq = self.outputs.seq().0;
        for (_, paper) in &mut self.papers {
            let moment = Moment {
                venue_time: paper.venue_time(recv),
                recv,
                seq,
            };
            paper.end(None, reason, moment);
        }
        self.take_reports();
    }

    fn paper_of(&mut self, instrument: InstrumentId) -> Option<&mut PaperVenue> {
        let venue = self.markets.get(instrument.index())?.instrument.key.venue;
        self.papers
            .iter_mut()
            .find(|(name, _)| *name == venue)
            .map(|(_, paper)| paper)
    }

    fn with_paper(
        &mut self,
        instrument: InstrumentId,
        act: impl FnOnce(&mut PaperVenue, &MergedBook),
    ) {
        let Some(market) = self.markets.get(instrument.index()) else {
            return;
        };
        let venue = market.instrument.key.venue;
        if let Some((_, paper)) = self.papers.iter_mut().find(|(name, _)| *name == venue) {
            act(paper, &market.book);
        }
    }

    /// Returns equity, or nothing where it cannot be measured.
    pub fn equity(&self) -> Option<Amount> {
        self.portfolio.equity()
    }
}
