//! Taking a call back: the floor is then exactly as it was when the call began.
//!
//! Called where a handler failed, and by a strategy that runs its call again from the start. What a call
//! changes is remembered here, as marks where it only adds and as copies where it overwrites. Whatever
//! a desk's method changes in a snapshot must come back here; the test of the snapshot's bytes finds what does not.

use super::{Floor, seat};
use crate::order::TableMark;
use crate::strategy::MarketFacts;
use claire_types::InstrumentId;

/// What a call found.
#[derive(Debug)]
pub(super) struct Before {
    order_number: u64,
    orders: TableMark,
    /// How many markets, bars and indicators the seat had.
    markets: usize,
    bars: usize,
    indicators: usize,
    /// When the strategy begins.
    warmup: Option<u32>,
    /// Numbers of markets before the call's first order there.
    numbers: Vec<(InstrumentId, MarketFacts)>,
    /// Markets that got bars from the call, in order.
    bars_made: Vec<InstrumentId>,
}

impl Before {
    pub(super) fn new() -> Self {
        Self {
            order_number: 0,
            orders: TableMark::default(),
            markets: 0,
            bars: 0,
            indicators: 0,
            warmup: None,
            numbers: Vec::with_capacity(seat::MARKETS_MAX),
            bars_made: Vec::with_capacity(seat::BARS_MAX),
        }
    }

    /// Notes that the call made bars of a market.
    pub(super) fn bars_made(&mut self, market: InstrumentId) {
        self.bars_made.push(market);
    }
}

impl Floor {
    /// Remembers what the call that begins finds.
    pub(super) fn remember(&mut self) {
        let before = &mut self.saved.before;
        before.order_number = self.order_number;
        before.orders = self.orders.mark();
        before.numbers.clear();
        before.bars_made.clear();
        if let Some(seat) = self.seats.get(self.caller.index()) {
            before.markets = seat.facts.len();
            before.bars = seat.bars.len();
            before.indicators = seat.indicators.len();
            before.warmup = seat.warmup;
        }
    }

    /// Keeps the caller's numbers of a market before the call changes them.
    pub(super) fn keep_numbers(&mut self, market: InstrumentId) {
        let kept = &mut self.saved.before.numbers;
        if kept.iter().any(|(known, _)| *known == market) {
            return;
        }
        let seat = self.seats.get(self.caller.index());
        let found = seat.and_then(|seat| seat.facts.iter().find(|(known, _)| *known == market));
        if let Some(numbers) = found {
            kept.push(*numbers);
        }
    }

    /// Takes back all that the call did since it began.
    pub(super) fn take_back(&mut self) {
        self.staged.clear();
        let orders = self.saved.before.orders;
        while let Some(order) = self.orders.take_back(&orders) {
            // Never sent, never recorded: its reservations and its place in the rates go with it.
            if let Some(window) = self.rate_window_of(&order) {
                window.take_back();
            }
        }
        self.order_number = self.saved.before.order_number;
        self.closings.truncate(self.saved.closings);
        self.calls.truncate(self.saved.calls);
        if let Some(mark) = self.saved.outputs {
            self.outputs.roll_back(mark);
        }
        while let Some(market) = self.saved.before.bars_made.pop() {
            if let Some(place) = self.markets.get_mut(market.index()) {
                place.bars.pop();
                place.kept.pop();
            }
        }
        self.take_back_seat();
    }

    /// Puts the caller's seat back.
    fn take_back_seat(&mut self) {
        let (saved, before) = (&self.saved, &self.saved.before);
        let Some(seat) = self.seats.get_mut(self.caller.index()) else {
            return;
        };
        seat.timers.copy_from(&saved.timers);
        seat.signal = saved.signal;
        seat.tally = saved.tally;
        if saved.has_held {
            seat.held.copy_from(&saved.held);
        }
        if saved.has_denials {
            seat.denials.copy_from(&saved.denials);
        }
        seat.facts.truncate(before.markets);
        seat.bars.truncate(before.bars);
        seat.indicators.truncate(before.indicators);
        seat.warmup = before.warmup;
        for (market, numbers) in &before.numbers {
            if let Some(place) = seat.facts_mut(*market) {
                *place = *numbers;
            }
        }
    }
}
