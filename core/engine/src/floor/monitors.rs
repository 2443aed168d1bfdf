//! Marks, rates and the monitors on them: what trips sets a state, and a state acts.
//!
//! Called by the engine when the touch of an instrument changed, after fills and on the clock's ticks.

use super::Floor;
use crate::risk::state::{Cause, StateChange};
use claire_types::record::RiskRecord;
use claire_types::{
    Amount, Contract, GateCode, InstrumentId, Note, OrderReason, Record, StrategyId, TradingState,
};

impl Floor {
    /// Marks an instrument at its reference price, and what it converts.
    pub(super) fn refresh_marks(&mut self, instrument: InstrumentId) {
        let reference = self.reference(instrument);
        self.portfolio.mark(instrument, reference);
        self.refresh_rate(instrument, reference);
        if self.portfolio.net(instrument).qty.0 != 0 {
            self.watch_profit();
        }
    }

    /// Values the currency that the instrument converts: by configuration, else its own base.
    fn refresh_rate(&mut self, instrument: InstrumentId, reference: Option<Amount>) {
        let Some(facts) = self.instrument(instrument) else {
            return;
        };
        let (key, base, quote, contract) = (facts.key, facts.base, facts.quote, facts.contract);
        let conversions = &self.config.account.conversions;
        let named = conversions
            .iter()
            .find(|entry| entry.instrument == Some(key));
        let currency = match named {
            Some(entry) => entry.currency,
            None if contract == Contract::Linear => return,
            None if conversions.iter().any(|entry| entry.currency == base) => return,
            None => base,
        };
        let rate = reference.zip(self.portfolio.rate(quote));
        // The last known rate stays in force while the book is stale: equity does not vanish.
        if let Some(rate) = rate.and_then(|(price, rate)| price.times(rate)) {
            let _ = self.portfolio.convert(currency, Some(rate));
        }
    }

    /// Measures the day's loss and halts where it reaches its limit.
    pub(crate) fn watch_profit(&mut self) {
        let Some((equity, profit)) = self.portfolio.equity().zip(self.portfolio.profit()) else {
            return;
        };
        let share = self.gate.limits().daily_loss_share;
        let Some(trip) = self.daily_loss.observe(self.now, equity, profit, share) else {
            return;
        };
        let cause = Cause {
            code: trip.code,
            state: TradingState::Halted,
            limit: trip.limit,
            measured: trip.measured,
            time: self.now,
        };
        self.tighten(StrategyId::NONE, cause, Note::EMPTY);
    }

    /// Ends what a new UTC day ends.
    pub(crate) fn watch_day(&mut self) {
        if let Some(change) = self.state.new_day(self.now, self.config.mode) {
            self.record_state(
                StrategyId::NONE,
                GateCode::NewDay,
                change,
                (Amount::ZERO, Amount::ZERO),
                Note::EMPTY,
            );
        }
    }

    /// Adds a cause; where the state got stricter, it is recorded and acts.
    pub(crate) fn tighten(&mut self, strategy: StrategyId, cause: Cause, note: Note) {
        let Ok(Some(change)) = self.state.tighten(strategy, cause) else {
            return;
        };
        self.record_state(
            strategy,
            cause.code,
            change,
            (cause.limit, cause.measured),
            note,
        );
        self.pending_halt |= change.to >= TradingState::Halted;
        if change.to == TradingState::Killed {
            self.killed = Some(true);
        }
    }

    /// Acts on a state that got stricter: entries are cancelled; a halt for losses also flattens (SPEC 6).
    ///
    /// Called by the engine when no handler runs.
    pub(crate) fn act_on_halt(&mut self) {
        if !std::mem::take(&mut self.pending_halt) {
            return;
        }
        let killed = self.killed != Some(false);
        for id in self.orders_where(|order| killed || !order.is_exit) {
            self.send_cancel(id, OrderReason::CancelledByEngine);
        }
        let causes = self.state.causes(StrategyId::NONE);
        let flattens = causes
            .iter()
            .any(|cause| matches!(cause.code, GateCode::DailyLoss | GateCode::Drawdown));
        if flattens && !killed {
            self.flatten_all("halt: loss limit");
        }
    }

    /// Sends an exit for every position of every strategy.
    pub(crate) fn flatten_all(&mut self, reason: &str) {
        for strategy in (0..self.seats.len()).filter_map(|index| u16::try_from(index).ok()) {
            for market in 0..self.markets.len() {
                let Some(market) = self.markets.get(market).map(|market| market.instrument.id)
                else {
                    continue;
                };
                self.begin_call(StrategyId(strategy));
                self.exit(market, Note::cut(reason));
                self.commit_call();
            }
        }
    }

    /// Returns the ids of working orders that `wanted` picks, in the order of placing.
    pub(crate) fn orders_where(
        &self,
        wanted: impl Fn(&crate::order::Order) -> bool,
    ) -> Vec<claire_types::OrderId> {
        self.orders
            .working()
            .filter(|order| wanted(order))
            .map(|order| order.id)
            .collect()
    }

    pub(crate) fn record_state(
        &mut self,
        strategy: StrategyId,
        code: GateCode,
        change: StateChange,
        (limit, measured): (Amount, Amount),
        note: Note,
    ) {
        let record = Record::Risk(RiskRecord {
            code,
            from: change.from,
            to: change.to,
            limit,
            measured,
            note,
        });
        self.outputs.emit(strategy, InstrumentId::NONE, &record);
    }

    /// Halts because the venue and we disagree: what cannot be booked must not go on.
    pub(super) fn halt_on_contradiction(&mut self, what: &str) {
        let cause = Cause {
            code: GateCode::Capacity,
            state: TradingState::Halted,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            time: self.now,
        };
        self.tighten(StrategyId::NONE, cause, Note::cut(what));
    }

    /// Records the account's standing.
    pub(crate) fn record_portfolio(&mut self) {
        if let Some(record) = self.portfolio.record() {
            self.outputs.emit(
                StrategyId::NONE,
                InstrumentId::NONE,
                &Record::Portfolio(record),
            );
        }
    }
}
