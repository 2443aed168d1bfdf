//! Marks, rates and the monitors on them: what trips sets a state, and a state acts.
//!
//! Called by the engine when the touch of an instrument changed, after fills and on the clock's ticks.

use super::Floor;
use crate::risk::LatchedState;
use crate::risk::state::{Cause, StateChange};
use claire_types::record::{NoteKind, NoteRecord, RiskRecord};
use claire_types::{
    Amount, Contract, GateCode, InstrumentId, Note, OrderReason, Record, StrategyId, TradingState,
};

impl Floor {
    /// Marks an instrument at its reference price, and what it converts.
    ///
    /// Without a reference the last mark stays in force: equity does not jump while a book is stale, and
    /// orders in the instrument are denied by the age of its data.
    pub(crate) fn refresh_marks(&mut self, instrument: InstrumentId) {
        let Some(reference) = self.reference(instrument) else {
            return;
        };
        if !self.portfolio.mark(instrument, Some(reference)) {
            return;
        }
        self.refresh_rate(instrument, reference);
        if self.portfolio.net(instrument).qty.0 != 0 {
            self.watch_profit();
        }
    }

    /// Marks every instrument.
    pub(crate) fn refresh_all_marks(&mut self) {
        for index in 0..self.markets.len() {
            if let Some(instrument) = self.markets.get(index).map(|market| market.instrument.id) {
                self.refresh_marks(instrument);
            }
        }
    }

    /// Values the currency that the instrument converts: by configuration, else its own base.
    fn refresh_rate(&mut self, instrument: InstrumentId, reference: Amount) {
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
        let rate = self.portfolio.rate(quote);
        if let Some(rate) = rate.and_then(|rate| reference.times(rate)) {
            let _ = self.portfolio.convert(currency, Some(rate));
        }
    }

    /// Measures the day's loss and halts where it reaches its limit.
    pub(crate) fn watch_profit(&mut self) {
        // Equity is measured once a day; on every mark, only what it changed.
        let day = self.now.utc_day();
        let known = self.daily_loss.mark().filter(|mark| mark.day >= day);
        let equity = match known {
            Some(mark) => Some(mark.equity),
            None => self.portfolio.equity(),
        };
        let Some((equity, profit)) = equity.zip(self.portfolio.profit()) else {
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

    /// Adds a cause; what is new, or makes the state stricter, is recorded and acts.
    ///
    /// A monitor that trips in a state that is strict enough already must act all the same.
    pub(crate) fn tighten(&mut self, strategy: StrategyId, cause: Cause, note: Note) {
        let is_known = |known: &Cause| known.code == cause.code && known.state >= cause.state;
        let is_new = !self.state.causes(strategy).iter().any(is_known);
        let before = self.state.strategy(strategy);
        let Some((change, from)) = self.state.tighten(strategy, cause).ok().zip(before) else {
            return;
        };
        if change.is_none() && !is_new {
            return;
        }
        let change = change.unwrap_or(StateChange { from, to: from });
        let numbers = (cause.limit, cause.measured);
        self.record_state(strategy, cause.code, change, numbers, note);
        self.pending_halt |= change.to >= TradingState::Halted;
        self.pending_flatten |= matches!(cause.code, GateCode::DailyLoss | GateCode::Drawdown);
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
        let is_killed = self.killed != Some(false);
        let is_account = self.state.account() >= TradingState::Halted;
        let is_halted = |state: &LatchedState, strategy| {
            is_account || state.strategy(strategy) >= Some(TradingState::Halted)
        };
        self.send_cancels(OrderReason::CancelledByEngine, |floor, order| {
            is_killed || (!order.is_exit && is_halted(&floor.state, order.strategy))
        });
        self.drop_halted_waiting(is_killed, is_account);
        if std::mem::take(&mut self.pending_flatten) && !is_killed {
            self.begin_closings(StrategyId::NONE, Note::cut("halt: loss limit"));
        }
    }

    /// Forgets orders that wait and that a halt stops: entries; with the kill switch active, all.
    fn drop_halted_waiting(&mut self, is_killed: bool, is_account: bool) {
        for strategy in self.strategies() {
            let is_halted =
                is_account || self.state.strategy(strategy) >= Some(TradingState::Halted);
            self.drop_waiting(strategy, OrderReason::CancelledByEngine, |waiting| {
                is_killed || (is_halted && !waiting.only_reduces())
            });
        }
    }

    /// Asks for the cancel of every working order of a strategy, or with [`StrategyId::NONE`] of all.
    pub(crate) fn cancel_orders(&mut self, strategy: StrategyId, reason: OrderReason) {
        let is_meant = |of| strategy == StrategyId::NONE || of == strategy;
        self.send_cancels(reason, |_, order| is_meant(order.strategy));
        self.drop_waiting_of_all(reason, |of, _| is_meant(of));
    }

    /// Says aloud what nobody else would notice.
    pub(crate) fn alert(&mut self, strategy: StrategyId, instrument: InstrumentId, text: Note) {
        let kind = NoteKind::Alert;
        let record = Record::Note(NoteRecord { kind, text });
        self.outputs.emit(strategy, instrument, &record);
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
