//! The paper venue: fills from the real book, by the matching model of SPEC 8.
//!
//! Called by the engine on the engine thread. Messages of ours arrive after the entry latency; market
//! events decide; reports wait here until the engine may know them. It allocates only when it is made
//! and never gives the same liquidity twice. It knows venue time only; the engine tells it the offset.
//!
//! The order of calls for one market event of an instrument:
//! 1. [`PaperVenue::arrive`] with the book as it stood, up to the event's venue time;
//! 2. the book takes the event;
//! 3. [`PaperVenue::book_changed`] or [`PaperVenue::traded`];
//! 4. [`PaperVenue::due`] until it returns `None`.

mod arrival;
mod debit;
mod matching;
mod report;
mod resting;

pub use report::{FillReport, Report, ReportKind};

use crate::config::{EngineConfig, QueueModel, TableLimits};
use arrival::{Arrival, Message};
use claire_types::{
    DurationNs, InstrumentId, Level, OrderFlags, OrderId, OrderKind, OrderReason, Price, Qty, Side,
    VenueNs, WallNs,
};
use debit::Debits;
use report::Reports;
use resting::Resting;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Orders, debits and reports of the paper venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperVenue {
    queue: QueueModel,
    entry_latency: DurationNs,
    response_latency: DurationNs,
    /// Our clock minus the venue's.
    offset: DurationNs,
    limits: TableLimits,
    arrivals: VecDeque<Arrival>,
    /// Sorted by instrument, side, better price, arrival.
    resting: Vec<Resting>,
    debits: Debits,
    reports: Reports,
    /// Messages reach the venue in the order of sending, whatever the offset does.
    arrival_last: VenueNs,
    arrivals_count: u64,
    /// Room for one walk of the book.
    #[serde(skip)]
    scratch: Vec<Level>,
}

/// What the venue is told of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperOrder {
    /// Client order id.
    pub id: OrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// Market or limit.
    pub kind: OrderKind,
    /// Flags.
    pub flags: OrderFlags,
    /// Quantity, above zero.
    pub qty: Qty,
    /// Limit price; 0 for market orders.
    pub price: Price,
}

/// The event that decides: where it stands in the run and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Venue time; where the venue gave none, recv less the clock offset.
    pub venue_time: VenueNs,
    /// When it was received.
    pub recv: WallNs,
    /// Engine sequence.
    pub seq: u64,
}

/// Why a message was not taken: deny, or cancel again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaperFault {
    /// `tables.paper_arrivals_max` messages are on their way, or `tables.orders_working_max` orders rest.
    Full,
}

impl PaperVenue {
    /// Returns a venue without orders, with all its room.
    pub fn new(config: &EngineConfig) -> Self {
        let (matching, limits) = (&config.matching, config.tables);
        let ms = |ms: u32| DurationNs::from_ms(i64::from(ms));
        Self {
            queue: matching.queue,
            entry_latency: ms(matching.entry_latency_ms),
            response_latency: ms(matching.response_latency_ms),
            offset: DurationNs::default(),
            limits,
            arrivals: VecDeque::with_capacity(limits.paper_arrivals_max as usize),
            resting: Vec::with_capacity(limits.orders_working_max as usize),
            debits: Debits::new(limits.paper_debits_max as usize, ms(matching.debit_ms)),
            reports: Reports::new(&limits),
            arrival_last: VenueNs::NONE,
            arrivals_count: 0,
            scratch: Vec::with_capacity(WALK_LEVELS_MAX),
        }
    }

    /// Takes the room again that a venue read from a snapshot does not have.
    pub fn reserve_room(&mut self) {
        let more = |max: u32, len: usize| (max as usize).saturating_sub(len);
        let limits = self.limits;
        self.arrivals
            .reserve(more(limits.paper_arrivals_max, self.arrivals.len()));
        self.resting
            .reserve(more(limits.orders_working_max, self.resting.len()));
        self.debits.reserve_room();
        self.reports.reserve_room();
        self.scratch.reserve(WALK_LEVELS_MAX);
    }

    /// Takes our clock minus the venue's, as measured.
    pub fn set_offset(&mut self, offset: DurationNs) {
        self.offset = offset;
    }

    /// Returns the venue time of a moment of engine time.
    pub fn venue_time(&self, time: WallNs) -> VenueNs {
        VenueNs(time.0.saturating_sub(self.offset.0))
    }

    /// Sends an order at this venue time.
    ///
    /// # Errors
    /// [`PaperFault::Full`]
    pub fn submit(&mut self, order: &PaperOrder, sent: VenueNs) -> Result<(), PaperFault> {
        let orders = self
            .arrivals
            .iter()
            .filter(|arrival| arrival.is_order())
            .count();
        if orders + self.resting.len() >= self.limits.orders_working_max as usize {
            return Err(PaperFault::Full);
        }
        self.send(order.instrument, Message::Order(*order), sent)
    }

    /// Sends the cancel of an order at this venue time; `reason` comes back with its report.
    ///
    /// # Errors
    /// [`PaperFault::Full`]
    pub fn cancel(
        &mut self,
        order: OrderId,
        instrument: InstrumentId,
        reason: OrderReason,
        sent: VenueNs,
    ) -> Result<(), PaperFault> {
        self.send(instrument, Message::Cancel { order, reason }, sent)
    }

    /// Returns the next report that the engine may know at this engine time.
    pub fn due(&mut self, now: WallNs) -> Option<Report> {
        self.reports.due(now)
    }

    /// Returns when the next report may be known; `None` where none waits.
    pub fn due_next(&self) -> Option<WallNs> {
        self.reports.due_next()
    }

    /// Returns when the next message reaches the venue; `None` where none is on its way.
    pub fn arrives_next(&self) -> Option<VenueNs> {
        self.arrivals.front().map(|arrival| arrival.at)
    }

    /// Returns whether nothing rests, nothing is on its way and no report waits.
    pub fn is_idle(&self) -> bool {
        self.arrivals.is_empty() && self.resting.is_empty() && self.reports.is_empty()
    }

    /// Ends every order of an instrument at once, or of all: the session starts over or the run ends.
    ///
    /// Reports of what happened before still come, in their order; the ends come with `moment.recv`
    /// or after them. Debits of what ended are forgotten.
    pub fn end(&mut self, instrument: Option<InstrumentId>, reason: OrderReason, moment: Moment) {
        let concerns = |of: InstrumentId| instrument.is_none_or(|only| only == of);
        for arrival in self
            .arrivals
            .iter()
            .filter(|arrival| concerns(arrival.instrument))
        {
            if let Message::Order(order) = arrival.message {
                self.reports
                    .push_end(&order, ReportKind::Cancelled(reason), moment);
            }
        }
        self.arrivals
            .retain(|arrival| !concerns(arrival.instrument));
        for resting in self
            .resting
            .iter()
            .filter(|resting| concerns(resting.order.instrument))
        {
            self.reports
                .push_end(&resting.order, ReportKind::Cancelled(reason), moment);
        }
        self.resting
            .retain(|resting| !concerns(resting.order.instrument));
        self.debits.forget(concerns);
        if instrument.is_none() {
            self.arrival_last = VenueNs::NONE;
        }
    }

    fn send(
        &mut self,
        instrument: InstrumentId,
        message: Message,
        sent: VenueNs,
    ) -> Result<(), PaperFault> {
        if self.arrivals.len() >= self.limits.paper_arrivals_max as usize {
            return Err(PaperFault::Full);
        }
        let at = sent.after(self.entry_latency).max(self.arrival_last);
        self.arrival_last = at;
        self.arrivals_count += 1;
        self.arrivals.push_back(Arrival {
            at,
            number: self.arrivals_count,
            instrument,
            message,
        });
        Ok(())
    }
}

/// Levels that one walk of the book takes at most; an order that wants more walks again.
pub(crate) const WALK_LEVELS_MAX: usize = 64;

impl std::fmt::Display for PaperFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the paper venue has no room for the message")
    }
}

impl std::error::Error for PaperFault {}

#[cfg(test)]
mod tests;
