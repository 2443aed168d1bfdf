//! Calling strategies: what they are told, as transactions, and what becomes of their faults.
//!
//! Called by the engine at the end of each input and by its market events.

use super::Engine;
use crate::floor::{Call, Floor, Phase, Seat};
use crate::probe::Part;
use crate::risk::state::Cause;
use crate::strategy::{Desk, Fault, FaultKind, Handlers, LentDesk, StrategyEvent};
use claire_types::record::{NoteKind, NoteRecord};
use claire_types::{Amount, GateCode, InstrumentId, Record, StrategyId, TradingState};
use std::any::Any;

/// Calls that may fail one after the other before a strategy is not called any more.
pub const FAULTS_IN_A_ROW_MAX: u32 = 10;
/// Rounds of strategies answering what their own orders caused, per input.
const ROUNDS_MAX: usize = 8;

impl Engine {
    /// Takes due reports and timers and tells the strategies, until nothing more follows.
    #[inline]
    pub(super) fn settle(&mut self) {
        let floor = self.floor();
        if !floor.seats.is_empty() || !floor.papers_idle() {
            self.settle_all();
        }
    }

    fn settle_all(&mut self) {
        let floor = self.floor_mut();
        floor.take_reports();
        floor.collect_timers();
        for _ in 0..ROUNDS_MAX {
            let floor = self.floor_mut();
            floor.act_on_halt();
            floor.work_held();
            floor.work_closings();
            if floor.calls.is_empty() {
                return;
            }
            self.deliver();
            self.floor_mut().take_reports();
        }
    }

    pub(super) fn deliver(&mut self) {
        let floor = self.floor_mut();
        // Two lists take turns: what the handlers cause waits in the other one.
        std::mem::swap(&mut floor.calls, &mut floor.calls_told);
        let mut calls = std::mem::take(&mut floor.calls_told);
        for call in &calls {
            match call {
                Call::Start(strategy) => {
                    self.call_if(*strategy, |handlers| handlers.start, &StrategyEvent::Start);
                }
                Call::Bar(strategy, market, bar) => {
                    let event = StrategyEvent::Bar {
                        market: *market,
                        bar: *bar,
                    };
                    self.call_if(*strategy, |handlers| handlers.bar, &event);
                }
                Call::Fill(strategy, market, fill) => {
                    let event = StrategyEvent::Fill {
                        market: *market,
                        fill: *fill,
                    };
                    self.call_if(*strategy, |handlers| handlers.fill, &event);
                }
                Call::Order(strategy, market, order) => {
                    let event = StrategyEvent::Order {
                        market: *market,
                        order: *order,
                    };
                    self.call_if(*strategy, |handlers| handlers.order, &event);
                }
                Call::Timer(strategy, name) => {
                    let event = StrategyEvent::Timer {
                        name: name.as_str(),
                    };
                    self.call_if(*strategy, |handlers| handlers.timer, &event);
                }
            }
        }
        calls.clear();
        self.floor_mut().calls_told = calls;
    }

    /// Tells every strategy that looks at the market and has the handler.
    pub(super) fn call_watchers(&mut self, market: InstrumentId, event: &StrategyEvent<'_>) {
        for index in 0..self.strategies.len() {
            let watches = |floor: &Floor| {
                floor
                    .seats()
                    .get(index)
                    .is_some_and(|seat| seat.facts.iter().any(|(id, _)| *id == market))
            };
            if !watches(self.floor()) {
                continue;
            }
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let wants = |handlers: Handlers| match event {
                StrategyEvent::Book { .. } => handlers.book,
                _ => handlers.trade,
            };
            self.call_if(strategy, wants, event);
        }
    }

    fn call_if(
        &mut self,
        strategy: StrategyId,
        wants: impl Fn(Handlers) -> bool,
        event: &StrategyEvent<'_>,
    ) {
        let is_called = self
            .floor()
            .seats()
            .get(strategy.index())
            .is_some_and(Seat::is_called);
        if is_called
            && self
                .strategies
                .get(strategy.index())
                .is_some_and(|s| wants(s.handlers()))
        {
            self.call(strategy, event);
        }
    }

    /// Runs one handler as a transaction and returns whether it succeeded.
    pub(super) fn call(&mut self, strategy: StrategyId, event: &StrategyEvent<'_>) -> bool {
        let floor = self.floor_mut();
        floor.probe.enter(Part::Strategy);
        floor.begin_call(strategy);
        let Some(script) = self.strategies.get_mut(strategy.index()) else {
            return false;
        };
        let Some(floor) = self.floor.take() else {
            return false;
        };
        let mut desk = LentDesk::new(floor);
        let result = script.call(event, &mut desk);
        self.floor = desk.take().and_then(floor_of);
        let floor = self.floor_mut();
        match &result {
            Ok(()) => {
                floor.commit_call();
                if let Some(seat) = floor.seats.get_mut(strategy.index()) {
                    seat.faults_in_a_row = 0;
                }
            }
            Err(fault) => {
                floor.undo_call();
                floor.note_fault(strategy, fault);
            }
        }
        result.is_ok()
    }
}

/// Returns the floor that was lent as this desk.
fn floor_of(desk: Box<dyn Desk>) -> Option<Box<Floor>> {
    let desk: Box<dyn Any> = desk;
    desk.downcast().ok()
}

impl Floor {
    pub(crate) fn note_fault(&mut self, strategy: StrategyId, fault: &Fault) {
        let kind = match fault.kind {
            FaultKind::Error => NoteKind::Error,
            FaultKind::Cut => NoteKind::Cut,
        };
        let record = Record::Note(NoteRecord {
            kind,
            text: fault.text,
        });
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        seat.faults += 1;
        seat.fault_last = fault.text;
        seat.faults_in_a_row += 1;
        let is_over = seat.faults_in_a_row >= FAULTS_IN_A_ROW_MAX || fault.kind == FaultKind::Cut;
        let primary = seat.primary;
        if is_over {
            seat.phase = Phase::Failed;
        }
        self.outputs.emit(strategy, primary, &record);
        if is_over {
            let cause = Cause {
                code: GateCode::Strategy,
                state: TradingState::Halted,
                limit: Amount(i128::from(FAULTS_IN_A_ROW_MAX) * Amount::ONE.0),
                measured: Amount::ZERO,
                time: self.now,
            };
            self.tighten(strategy, cause, fault.text);
        }
    }

    fn collect_timers(&mut self) {
        let now = self.now;
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            if !seat.is_called() {
                continue;
            }
            while let Some(name) = seat.timers.fire(now) {
                self.calls.push(Call::Timer(StrategyId(index), name));
            }
        }
    }
}
