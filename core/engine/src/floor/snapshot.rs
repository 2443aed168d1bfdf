//! The floor in a snapshot: all that decides what it does next, and nothing that a start makes anew.
//!
//! Called by the engine's snapshot, between inputs. Room, scratch space and what lives only during a call
//! are not in it: a restored floor has the room of a new one.

use super::{Call, Floor, VENUES, closing};
use crate::config::EngineConfig;
use crate::floor::{Market, Seat};
use crate::order::OrderTable;
use crate::paper::PaperVenue;
use crate::portfolio::{FeeTable, Portfolio};
use crate::risk::{DailyLoss, LatchedState, RateWindow};
use claire_types::{DurationNs, Venue, WallNs};
use serde::{Deserialize, Serialize};

/// What is written, borrowed. Field for field as [`FloorState`].
#[derive(Serialize)]
pub(crate) struct FloorRef<'a> {
    now: WallNs,
    markets: &'a [Market],
    seats: &'a [Seat],
    orders: &'a OrderTable,
    state: &'a LatchedState,
    killed: Option<bool>,
    daily_loss: &'a DailyLoss,
    papers: &'a [(Venue, PaperVenue)],
    pending_halt: bool,
    pending_flatten: bool,
    closings: &'a [closing::Closing],
    portfolio: &'a Portfolio,
    fees: &'a FeeTable,
    rates: &'a [(RateWindow, RateWindow)],
    offsets: [Option<DurationNs>; VENUES],
    heard: [WallNs; VENUES],
    calls: &'a [Call],
    order_number: u64,
    fill_number: u64,
}

/// What is read back.
#[derive(Deserialize)]
pub(crate) struct FloorState {
    now: WallNs,
    markets: Vec<Market>,
    seats: Vec<Seat>,
    orders: OrderTable,
    state: LatchedState,
    killed: Option<bool>,
    daily_loss: DailyLoss,
    papers: Vec<(Venue, PaperVenue)>,
    pending_halt: bool,
    pending_flatten: bool,
    closings: Vec<closing::Closing>,
    portfolio: Portfolio,
    fees: FeeTable,
    rates: Vec<(RateWindow, RateWindow)>,
    offsets: [Option<DurationNs>; VENUES],
    heard: [WallNs; VENUES],
    calls: Vec<Call>,
    order_number: u64,
    fill_number: u64,
}

impl Floor {
    /// Returns what a snapshot holds of the floor; between inputs only.
    pub(crate) fn snapshot(&self) -> FloorRef<'_> {
        debug_assert!(self.staged.is_empty() && self.closed_bars.is_empty());
        FloorRef {
            now: self.now,
            markets: &self.markets,
            seats: &self.seats,
            orders: &self.orders,
            state: &self.state,
            killed: self.killed,
            daily_loss: &self.daily_loss,
            papers: &self.papers,
            pending_halt: self.pending_halt,
            pending_flatten: self.pending_flatten,
            closings: &self.closings,
            portfolio: &self.portfolio,
            fees: &self.fees,
            rates: &self.rates,
            offsets: self.offsets,
            heard: self.heard,
            calls: &self.calls,
            order_number: self.order_number,
            fill_number: self.fill_number,
        }
    }

    /// Takes the place of a new floor of the same configuration; says what does not fit it.
    pub(crate) fn adopt(&mut self, state: FloorState) -> Result<(), &'static str> {
        state.check(&self.config)?;
        self.now = state.now;
        refill(&mut self.markets, state.markets);
        self.markets.iter_mut().for_each(Market::reserve_room);
        self.seats = state.seats;
        for seat in &mut self.seats {
            seat.reserve_room();
        }
        self.orders = state.orders;
        self.orders.reserve_room();
        self.state = state.state;
        self.state.reserve_room();
        self.killed = state.killed;
        self.daily_loss = state.daily_loss;
        refill(&mut self.papers, state.papers);
        for (_, paper) in &mut self.papers {
            paper.reserve_room();
        }
        self.pending_halt = state.pending_halt;
        self.pending_flatten = state.pending_flatten;
        refill(&mut self.closings, state.closings);
        self.portfolio = state.portfolio;
        self.portfolio.reserve_room();
        self.fees = state.fees;
        self.rates = state.rates;
        for (orders, exits) in &mut self.rates {
            orders.reserve_room();
            exits.reserve_room();
        }
        self.offsets = state.offsets;
        self.heard = state.heard;
        refill(&mut self.calls, state.calls);
        self.order_number = state.order_number;
        self.fill_number = state.fill_number;
        Ok(())
    }
}

impl FloorState {
    /// Returns the strategies' seats.
    pub(crate) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// Says what does not fit the configuration. The bytes were checked before: this is about another run's.
    fn check(&self, config: &EngineConfig) -> Result<(), &'static str> {
        let tables = config.tables;
        let has_market = |index: usize, market: &Market| market.instrument.id.index() == index;
        let mut markets = self.markets.iter().enumerate();
        if !markets.all(|(index, market)| has_market(index, market)) {
            return Err("its instruments are not in the order of their numbers");
        }
        let entries = config.strategies.iter();
        let mut seats = entries.zip(&self.seats);
        if self.seats.len() != config.strategies.len()
            || self.rates.len() != config.strategies.len()
            || !seats
                .all(|(entry, seat)| seat.name == entry.name.as_str() && seat.key == entry.market)
        {
            return Err("its strategies are not those of the configuration");
        }
        if !self.orders.is_of(&tables) || !self.portfolio.is_of(config) {
            return Err("its tables have other sizes than the configuration's");
        }
        if self.papers.len() > VENUES || self.closings.len() > closing::CLOSINGS_MAX {
            return Err("it holds more than there can be");
        }
        Ok(())
    }
}

/// Moves the content into the room that is there.
fn refill<T>(room: &mut Vec<T>, content: Vec<T>) {
    room.clear();
    room.extend(content);
}
