//! Inputs that are rare: instruments, faults of frames, operators' commands, resets and the end.
//!
//! Called by the engine. What stands here may allocate: it is start-up, or the run is over.

use super::Engine;
use crate::floor::{Floor, Market, Phase};
use crate::paper::PaperVenue;
use crate::risk::state::{Cause, StateChange};
use crate::strategy::StrategyEvent;
use claire_types::input::{Command, FrameError, LowDisk, Refusal};
use claire_types::{
    Amount, BookReason, CommandKind, GateCode, Header, Input, Instrument, InstrumentId,
    InstrumentKey, Note, OrderReason, Record, StrategyId, TradingState,
};

impl Engine {
    #[cold]
    pub(super) fn on_rare(&mut self, header: &Header, input: &Input<'_>) {
        match input {
            Input::Instrument(facts) => self.on_instrument(facts),
            Input::Mark(mark) => self.floor_mut().take_mark(header.instrument, mark.mark),
            Input::BookStale(reason) => self.lose_book(header.instrument, *reason),
            Input::FrameError(error) => self.on_frame_error(header, error),
            Input::ClockOffset(clock) => self.floor_mut().take_offset(clock.venue, clock.offset),
            Input::Command(command) => self.on_command(header, command),
            Input::LowDisk(low) => self.floor_mut().take_low_disk(low),
            Input::Reload(reload) => self.on_reload(reload),
            Input::Refusal(Refusal {
                strategy,
                sha256,
                reason,
                ..
            }) => self.floor_mut().record_refused(*strategy, *sha256, *reason),
            Input::SessionReset => self.on_session_reset(header),
            Input::End => self.on_end(header),
            Input::Kline(kline) => self.floor_mut().take_history(header.instrument, kline),
            // Liquidations are counted by the feed; nothing here is moved by them yet.
            _ => {}
        }
    }

    fn on_instrument(&mut self, facts: &Instrument) {
        let floor = self.floor_mut();
        // Facts come in the order of ids and do not change within a run.
        if facts.id.index() != floor.markets.len() {
            return floor.refuse_instrument(facts);
        }
        let venue = facts.key.venue;
        if !floor.papers.iter().any(|(name, _)| *name == venue) {
            let paper = PaperVenue::new(&floor.config);
            floor.papers.push((venue, paper));
        }
        floor.markets.push(Market::new(*facts));
        // What a strategy trades always has a place, however many others came before it.
        if floor.seats.iter().any(|seat| seat.key == facts.key) {
            floor.portfolio.admit(facts.id);
            floor.orders.admit(facts.id);
            floor.fees.admit(facts.id);
        }
        let config = floor.config.clone();
        if floor.fees.describe(&config, facts).is_err() {
            floor.warn_instrument(facts, "no fee schedule");
        }
        if floor.portfolio.describe(facts).is_err() {
            floor.warn_instrument(facts, "tables.instruments_max is reached");
        }
        self.open_seats();
    }

    /// Runs `init` of every strategy whose markets are there, and `on_start` where it begins at once.
    pub(super) fn open_seats(&mut self) {
        for index in 0..self.strategies.len() {
            let Some(primary) = self.primary_to_open(index) else {
                continue;
            };
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let floor = self.floor_mut();
            let Some(seat) = floor.seats.get_mut(index) else {
                continue;
            };
            seat.primary = primary;
            seat.phase = Phase::Init;
            floor.watch_primary(strategy, primary);
            let is_ready = self.call(strategy, &StrategyEvent::Init);
            let Some(seat) = self.floor_mut().seats.get_mut(index) else {
                continue;
            };
            seat.phase = match is_ready {
                true => Phase::Warming,
                false => Phase::Broken,
            };
            // What declared nothing, or only what is warm by the bars that are kept, begins at once.
            if seat.begin_if_warm() && self.strategies[index].handlers().start {
                self.call(strategy, &StrategyEvent::Start);
            }
        }
    }

    /// Returns the primary market of a strategy whose `init` is due: that, and all that it names, is there.
    fn primary_to_open(&self, index: usize) -> Option<InstrumentId> {
        let floor = self.floor();
        let seat = floor.seats().get(index)?;
        if seat.phase != Phase::Waiting || self.missing_market(index).is_some() {
            return None;
        }
        floor.find(&seat.key)
    }

    /// Returns the first market that a strategy's `init` still waits for.
    pub fn missing_market(&self, index: usize) -> Option<InstrumentKey> {
        let floor = self.floor();
        let seat = floor.seats().get(index)?;
        if seat.phase != Phase::Waiting {
            return None;
        }
        let named = self.strategies.get(index)?.markets().iter();
        let mut all = std::iter::once(&seat.key).chain(named);
        all.find(|key| floor.find(key).is_none()).copied()
    }

    fn on_frame_error(&mut self, header: &Header, error: &FrameError) {
        let _ = error;
        if header.instrument != InstrumentId::NONE {
            self.lose_book(header.instrument, BookReason::FrameError);
        }
    }

    pub(super) fn lose_book(&mut self, instrument: InstrumentId, reason: BookReason) {
        let floor = self.floor_mut();
        if let Some(market) = floor.markets.get_mut(instrument.index()) {
            market.mark_stale(reason);
        }
        floor.forget_touch(instrument);
        floor.refresh_staleness(instrument);
        self.say_book(instrument, reason);
    }

    pub(super) fn say_book(&mut self, instrument: InstrumentId, reason: BookReason) {
        let floor = self.floor_mut();
        let market = floor.markets.get_mut(instrument.index());
        if let Some(record) = market.and_then(|market| market.proof_record(reason)) {
            floor
                .outputs
                .emit(StrategyId::NONE, instrument, &Record::Book(record));
        }
    }

    fn on_command(&mut self, header: &Header, command: &Command) {
        let floor = self.floor_mut();
        let strategy = command.strategy;
        let recorded = floor.outputs.mark();
        let account = StrategyId::NONE;
        match command.kind {
            CommandKind::Kill => floor.order_state(account, TradingState::Killed, command.note),
            CommandKind::Halt => floor.order_state(account, TradingState::Halted, command.note),
            CommandKind::Reduce => floor.order_state(account, TradingState::Reducing, command.note),
            CommandKind::Pause => floor.order_state(strategy, TradingState::Halted, command.note),
            CommandKind::Resume | CommandKind::Unpause => floor.resume(strategy, command.note),
            CommandKind::CancelAll => {
                floor.cancel_orders(strategy, OrderReason::CancelledByOperator)
            }
            CommandKind::Flatten => {
                floor.cancel_orders(strategy, OrderReason::CancelledByOperator);
                floor.begin_closings(strategy, Note::cut("operator"));
            }
            CommandKind::Stop => {}
        }
        let changed_state = matches!(
            command.kind,
            CommandKind::Kill
                | CommandKind::Halt
                | CommandKind::Reduce
                | CommandKind::Pause
                | CommandKind::Resume
                | CommandKind::Unpause
        ) && floor.outputs.mark() != recorded;
        if !changed_state {
            floor.record_command(command);
        }
        if command.kind == CommandKind::Stop {
            self.on_end(header);
        }
    }

    fn on_session_reset(&mut self, header: &Header) {
        let floor = self.floor_mut();
        floor.end_orders(OrderReason::SessionReset, header.recv);
        for market in &mut floor.markets {
            market.reset();
        }
        let instruments: Vec<_> = floor
            .markets
            .iter()
            .map(|market| market.instrument.id)
            .collect();
        for instrument in instruments {
            self.lose_book(instrument, BookReason::Reset);
        }
    }

    /// Ends the run: strategies stop, what still works is cancelled, and all that counts is recorded.
    fn on_end(&mut self, header: &Header) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.deliver();
        for index in 0..self.strategies.len() {
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let Some(seat) = self.floor_mut().seats.get_mut(index) else {
                continue;
            };
            if seat.phase == Phase::Running {
                seat.phase = Phase::Stopping;
                if self.strategies[index].handlers().stop {
                    self.call(strategy, &StrategyEvent::Stop);
                }
            }
            if let Some(seat) = self.floor_mut().seats.get_mut(index)
                && seat.phase == Phase::Stopping
            {
                seat.phase = Phase::Stopped;
            }
        }
        let floor = self.floor_mut();
        floor.closings.clear();
        floor.forget_protections();
        floor.end_orders(OrderReason::RunEnd, header.recv);
        // What happened at the venue happened, also where its report is still on its way.
        floor.take_last_reports();
        floor.calls.clear();
        floor.refresh_all_marks();
        floor.record_portfolio();
        for index in 0..floor.markets.len() {
            if let Some((id, end)) = floor
                .markets
                .get(index)
                .map(|m| (m.instrument.id, m.book_end()))
            {
                floor
                    .outputs
                    .emit(StrategyId::NONE, id, &Record::BookEnd(end));
            }
        }
    }
}

impl Floor {
    /// Takes a perpetual's mark price, which values what is held of it.
    fn take_mark(&mut self, instrument: InstrumentId, mark: Amount) {
        let now = self.now;
        if let Some(market) = self.markets.get_mut(instrument.index()) {
            market.mark = Some((mark, now));
            self.refresh_marks(instrument);
        }
    }

    /// Restricts trading where what happens may soon not be written down (SPEC 9). An operator lifts it.
    fn take_low_disk(&mut self, low: &LowDisk) {
        let amount = |bytes: u64| Amount(i128::from(bytes).saturating_mul(Amount::ONE.0));
        let cause = Cause {
            code: GateCode::LowDisk,
            state: low.state,
            limit: amount(low.limit_bytes),
            measured: amount(low.free_bytes),
            time: self.now,
        };
        let note = Note::cut("bytes free on the journal's disk");
        self.tighten(StrategyId::NONE, cause, note);
    }

    /// Follows an operator to a stricter state.
    fn order_state(&mut self, strategy: StrategyId, state: TradingState, note: Note) {
        let code = match state {
            TradingState::Killed => GateCode::KillSwitch,
            _ => GateCode::Operator,
        };
        let cause = Cause {
            code,
            state,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            time: self.now,
        };
        self.tighten(strategy, cause, note);
    }

    /// Follows an operator back to ACTIVE; the day's loss then counts from here.
    pub(crate) fn resume(&mut self, strategy: StrategyId, note: Note) {
        let Ok(Some(change)) = self.state.resume(strategy) else {
            return;
        };
        if strategy == StrategyId::NONE {
            self.daily_loss.restart();
        }
        let nothing = (Amount::ZERO, Amount::ZERO);
        self.record_state(strategy, GateCode::Operator, change, nothing, note);
    }

    /// Records a command that changed no state, or could not.
    fn record_command(&mut self, command: &Command) {
        let Some(state) = self.state.strategy(command.strategy) else {
            let text = format!("{}: no such strategy", command.kind);
            return self.alert(StrategyId::NONE, InstrumentId::NONE, Note::cut(&text));
        };
        let text = format!("{}: {}", command.kind, command.note);
        let change = StateChange {
            from: state,
            to: state,
        };
        let nothing = (Amount::ZERO, Amount::ZERO);
        let note = Note::cut(&text);
        self.record_state(command.strategy, GateCode::Operator, change, nothing, note);
    }

    /// Alerts where an instrument's facts cannot be taken; the same facts again are no news.
    fn refuse_instrument(&mut self, facts: &Instrument) {
        let known = self.market_of(facts.id).map(|market| &market.instrument);
        if known == Some(facts) {
            return;
        }
        let text = match known {
            Some(_) => format!("{}: its facts changed within the run", facts.key),
            None => format!(
                "{}: instrument {} came as number {}",
                facts.key,
                facts.id.0,
                self.markets.len()
            ),
        };
        self.alert(StrategyId::NONE, InstrumentId::NONE, Note::cut(&text));
    }

    fn warn_instrument(&mut self, facts: &Instrument, what: &str) {
        let text = format!("{}: {what}: its orders are denied", facts.key);
        if !self.seats.is_empty() {
            self.alert(StrategyId::NONE, facts.id, Note::cut(&text));
        }
    }
}
