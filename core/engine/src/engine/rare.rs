//! Inputs that are rare: instruments, faults of frames, operators' commands, resets and the end.
//!
//! Called by the engine. What stands here may allocate: it is start-up, or the run is over.

use super::Engine;
use crate::floor::{Floor, Market, Phase};
use crate::paper::PaperVenue;
use crate::risk::state::Cause;
use crate::strategy::StrategyEvent;
use claire_types::input::{Command, FrameError};
use claire_types::record::{NoteKind, NoteRecord};
use claire_types::{
    Amount, BookReason, CommandKind, GateCode, Header, Input, Instrument, InstrumentId, Note,
    OrderReason, Record, StrategyId, TradingState,
};

impl Engine {
    #[cold]
    pub(super) fn on_rare(&mut self, header: &Header, input: &Input<'_>) {
        match input {
            Input::Instrument(facts) => self.on_instrument(facts),
            Input::Mark(mark) => {
                let floor = self.floor_mut();
                let now = floor.now;
                if let Some(market) = floor.markets.get_mut(header.instrument.index()) {
                    market.mark = Some((mark.mark, now));
                }
            }
            Input::BookStale(reason) => self.lose_book(header.instrument, *reason),
            Input::FrameError(error) => self.on_frame_error(header, error),
            Input::ClockOffset(clock) => self.floor_mut().take_offset(clock.venue, clock.offset),
            Input::Command(command) => self.on_command(command),
            Input::SessionReset => self.on_session_reset(header),
            Input::End => self.on_end(header),
            // Klines and liquidations are counted by the feed; nothing here is moved by them yet.
            _ => {}
        }
    }

    fn on_instrument(&mut self, facts: &Instrument) {
        let floor = self.floor_mut();
        // Facts come in the order of ids and do not change within a run.
        if facts.id.index() != floor.markets.len() {
            return;
        }
        let venue = facts.key.venue;
        if !floor.papers.iter().any(|(name, _)| *name == venue) {
            let paper = PaperVenue::new(&floor.config);
            floor.papers.push((venue, paper));
        }
        floor.markets.push(Market::new(*facts));
        let described = floor.portfolio.describe(facts).is_ok();
        let config = floor.config.clone();
        if floor.fees.describe(&config, facts).is_err() || !described {
            floor.warn_instrument(facts);
        }
        self.open_seats(facts);
    }

    /// Runs `init` and `on_start` of every strategy whose primary market this is.
    fn open_seats(&mut self, facts: &Instrument) {
        for index in 0..self.strategies.len() {
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let floor = self.floor_mut();
            let Some(seat) = floor.seats.get_mut(index) else {
                continue;
            };
            if seat.key != facts.key || seat.phase != Phase::Waiting {
                continue;
            }
            seat.primary = facts.id;
            seat.phase = Phase::Init;
            floor.watch_primary(strategy, facts.id);
            let is_ready = self.call(strategy, &StrategyEvent::Init);
            if let Some(seat) = self.floor_mut().seats.get_mut(index) {
                seat.phase = if is_ready {
                    Phase::Running
                } else {
                    Phase::Failed
                };
            }
            if is_ready && self.strategies[index].handlers().start {
                self.call(strategy, &StrategyEvent::Start);
            }
        }
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

    fn on_command(&mut self, command: &Command) {
        let floor = self.floor_mut();
        let cause = |code, state| Cause {
            code,
            state,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            time: floor.now,
        };
        let (halt, reduce) = (
            cause(GateCode::Operator, TradingState::Halted),
            cause(GateCode::Operator, TradingState::Reducing),
        );
        let kill = cause(GateCode::KillSwitch, TradingState::Killed);
        match command.kind {
            CommandKind::Kill => floor.tighten(StrategyId::NONE, kill, command.note),
            CommandKind::Halt => floor.tighten(StrategyId::NONE, halt, command.note),
            CommandKind::Reduce => floor.tighten(StrategyId::NONE, reduce, command.note),
            CommandKind::Pause => floor.tighten(command.strategy, halt, command.note),
            CommandKind::Resume | CommandKind::Unpause => {
                if let Ok(Some(change)) = floor.state.resume(command.strategy) {
                    let nothing = (Amount::ZERO, Amount::ZERO);
                    floor.record_state(
                        command.strategy,
                        GateCode::Operator,
                        change,
                        nothing,
                        command.note,
                    );
                }
            }
            CommandKind::CancelAll => {
                for id in floor.orders_where(|_| true) {
                    floor.send_cancel(id, OrderReason::CancelledByOperator);
                }
            }
            CommandKind::Flatten => floor.flatten_all("operator"),
            CommandKind::Stop => {}
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
        }
        let floor = self.floor_mut();
        floor.end_orders(OrderReason::RunEnd, header.recv);
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
    fn warn_instrument(&mut self, facts: &Instrument) {
        let text = format!("no fee schedule for {}: its orders are denied", facts.key);
        let record = Record::Note(NoteRecord {
            kind: NoteKind::Alert,
            text: Note::cut(&text),
        });
        if !self.seats.is_empty() {
            self.outputs.emit(StrategyId::NONE, facts.id, &record);
        }
    }
}
