//! Reports of the paper venue, kept until the engine may know them.
//!
//! Called by the paper venue; the engine takes them by `due`. Acks, cancels and ends always have room:
//! a full queue of fills makes matching wait, see [`Reports::has_room`].

use super::{Moment, PaperOrder};
use crate::config::TableLimits;
use claire_types::record::FillRule;
use claire_types::{
    InstrumentId, Liquidity, OrderId, OrderReason, Price, Qty, Side, VenueNs, WallNs,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What the venue says about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Client order id.
    pub order: OrderId,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Side; of a refused cancel, buy: the venue no longer has the order.
    pub side: Side,
    /// What it says.
    pub kind: ReportKind,
    /// Venue time at which it happened.
    pub venue_time: VenueNs,
    /// Engine time from which the engine may know it.
    pub deliver_at: WallNs,
    /// Engine sequence of the deciding event.
    pub decided_by: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportKind {
    /// The venue has the order.
    Ack,
    /// The venue refused it.
    Rejected(OrderReason),
    /// A deal.
    Fill(FillReport),
    /// It was cancelled.
    Cancelled(OrderReason),
    /// It ended by its own terms.
    Expired(OrderReason),
    /// Our cancel was refused: the order is no longer there.
    CancelRefused(OrderReason),
}

/// A deal with its explanation (SPEC 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillReport {
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Which rule filled it.
    #[serde(with = "rule_number")]
    pub rule: FillRule,
    /// When the order reached the venue.
    pub arrived: VenueNs,
    /// Quantity before us when we arrived.
    pub queue_ahead: Qty,
    /// Traded at our price since, as far as it counted for the queue.
    pub queue_traded: Qty,
    /// Cancelled before us since.
    pub queue_cancelled: Qty,
}

/// A queue of reports, sorted by when they may be known, then by when they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reports {
    waiting: VecDeque<Report>,
    fills_max: usize,
    room: usize,
}

impl Reports {
    pub(super) fn new(limits: &TableLimits) -> Self {
        // An order has an ack and an end; a message of ours has at most one answer beside.
        let others = 2 * limits.orders_working_max as usize + limits.paper_arrivals_max as usize;
        let fills_max = limits.paper_fills_max as usize;
        let room = fills_max + 2 * others;
        Self {
            waiting: VecDeque::with_capacity(room),
            fills_max,
            room,
        }
    }

    pub(super) fn reserve_room(&mut self) {
        let more = self.room.saturating_sub(self.waiting.len());
        self.waiting.reserve(more);
    }

    /// Returns whether so many more reports leave the room that ends need.
    pub(super) fn has_room(&self, reports: usize) -> bool {
        self.waiting.len().saturating_add(reports) <= self.fills_max
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Queues a report: before nothing of its order that is already queued.
    pub(super) fn push(
        &mut self,
        order: &PaperOrder,
        kind: ReportKind,
        moment: Moment,
        earliest: WallNs,
    ) {
        let before = self
            .waiting
            .iter()
            .rev()
            .find(|waiting| waiting.order == order.id);
        let deliver_at = before.map_or(earliest, |waiting| waiting.deliver_at.max(earliest));
        self.insert(Report {
            deliver_at,
            venue_time: moment.venue_time,
            decided_by: moment.seq,
            order: order.id,
            instrument: order.instrument,
            side: order.side,
            kind,
        });
    }

    /// Queues the end of an order that is known at once.
    pub(super) fn push_end(&mut self, order: &PaperOrder, kind: ReportKind, moment: Moment) {
        self.push(order, kind, moment, moment.recv);
    }

    pub(super) fn due(&mut self, now: WallNs) -> Option<Report> {
        if self.waiting.front()?.deliver_at > now {
            return None;
        }
        self.waiting.pop_front()
    }

    pub(super) fn due_next(&self) -> Option<WallNs> {
        self.waiting.front().map(|waiting| waiting.deliver_at)
    }

    fn insert(&mut self, report: Report) {
        let later = self
            .waiting
            .iter()
            .rev()
            .take_while(|waiting| waiting.deliver_at > report.deliver_at);
        let index = self.waiting.len() - later.count();
        self.waiting.insert(index, report);
    }
}

/// A rule is its number in a snapshot, as on records.
mod rule_number {
    use claire_types::record::FillRule;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(rule: &FillRule, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*rule as u8)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FillRule, D::Error> {
        match u8::deserialize(deserializer)? {
            1 => Ok(FillRule::Crossed),
            2 => Ok(FillRule::QueueReached),
            3 => Ok(FillRule::TradedThrough),
            4 => Ok(FillRule::BookThrough),
            _ => Err(D::Error::custom("no rule of the matching model")),
        }
    }
}
