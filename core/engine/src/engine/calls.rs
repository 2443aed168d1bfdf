//! Calling strategies: what they are told, as transactions, and what becomes of their faults.
//!
//! Called by the engine at the end of each input and by its market events.

use super::Engine;
use super::swap::{cut_again, fault_of};
use crate::floor::{Call, Floor, Phase, Seat};
use crate::probe::Part;
use crate::risk::state::Cause;
use crate::strategy::{Desk, Fault, FaultKind, Handlers, LentDesk, StrategyEvent};
use claire_types::annotation::Cut;
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
        self.floor_mut().probe.enter(Part::Strategy);
        self.call_number += 1;
        if let Some(seat) = self.floor_mut().seats.get_mut(strategy.index()) {
            seat.denials.calls += 1;
        }
        let result = match self.known_cut() {
            Some(cut) => Err(cut_again(cut.text)),
            None => self.run(strategy, event),
        };
        if let Err(fault) = &result {
            self.note_cut(strategy, fault);
        } else if let Some(seat) = self.floor_mut().seats.get_mut(strategy.index()) {
            seat.faults_in_a_row = 0;
        }
        let is_on_probation = self
            .floor()
            .seats()
            .get(strategy.index())
            .is_some_and(Seat::is_on_probation);
        if let Err(fault) = &result {
            let floor = self.floor_mut();
            match is_on_probation {
                // The version gives its seat back: that is the answer to its fault.
                true => floor.record_fault(strategy, fault),
                false => floor.note_fault(strategy, fault),
            }
        }
        if is_on_probation {
            self.judge(strategy, result.as_ref().err());
        }
        result.is_ok()
    }

    /// Runs one handler as a transaction.
    ///
    /// # Errors
    /// Its fault; nothing of the call remains.
    pub(super) fn run(
        &mut self,
        strategy: StrategyId,
        event: &StrategyEvent<'_>,
    ) -> Result<(), Fault> {
        let unlent = || fault_of("the desk is not to be lent");
        let floor = self.floor_mut();
        floor.probe.begin_call();
        floor.begin_call(strategy);
        let script = self.strategies.get_mut(strategy.index());
        let (Some(script), Some(floor)) = (script, self.floor.take()) else {
            return Err(unlent());
        };
        let mut desk = LentDesk::new(floor);
        let result = script.call(event, &mut desk);
        self.floor = desk.take().and_then(floor_of);
        let floor = self.floor_mut();
        match &result {
            Ok(()) => floor.commit_call(),
            Err(_) => floor.undo_call(),
        }
        result
    }

    /// Takes the cut that this call had when its input was applied first.
    fn known_cut(&mut self) -> Option<Cut> {
        let first = self.cuts_known.front()?;
        let is_this = first.at == self.seq && first.call == self.call_number;
        is_this.then(|| self.cuts_known.pop_front()).flatten()
    }

    fn note_cut(&mut self, strategy: StrategyId, fault: &Fault) {
        if fault.kind == FaultKind::Cut {
            self.cuts.push(Cut {
                at: self.seq,
                strategy,
                call: self.call_number,
                text: fault.text,
            });
        }
    }
}

/// Returns the floor that was lent as this desk.
fn floor_of(desk: Box<dyn Desk>) -> Option<Box<Floor>> {
    let desk: Box<dyn Any> = desk;
    desk.downcast().ok()
}

impl Floor {
    pub(crate) fn note_fault(&mut self, strategy: StrategyId, fault: &Fault) {
        self.record_fault(strategy, fault);
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        let is_over = seat.faults_in_a_row >= FAULTS_IN_A_ROW_MAX || fault.kind == FaultKind::Cut;
        if is_over {
            seat.phase = Phase::Failed;
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

    /// Counts and records a fault, without what follows from it.
    fn record_fault(&mut self, strategy: StrategyId, fault: &Fault) {
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
        let primary = seat.primary;
        self.outputs.emit(strategy, primary, &record);
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
