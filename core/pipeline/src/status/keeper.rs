//! Keeps the trading state on the disk while a run goes on: what the engine latches is latched there. On the way it has
//! the board and those who wait for complaints see what it sees.
//!
//! Sidecar thread, behind the journal; a stage that dies latches on its own thread. Where the disk refuses, the run stops
//! with the reason.

use super::board::Board;
use super::failures::Failures;
use crate::clock::Clock;
use crate::latency::LatencySet;
use crate::state::{Cause, State, StateError, StateStore};
use crate::watch::{Behind, OnDeath, Watch};
use claire_types::record::{RecordHeader, RiskRecord};
use claire_types::{Cells, Record, StrategyId, TradingState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state's keeper, with the board that it shows on the way.
pub struct Keeper {
    state: Arc<Mutex<StateStore>>,
    board: Board,
    failures: Failures,
    stop: Arc<AtomicBool>,
    /// Changes of the account's state that are not committed yet.
    seen: Vec<(RecordHeader, RiskRecord)>,
    failure: Option<StateError>,
}

impl Keeper {
    /// Returns the keeper; `stop` ends the run where the state cannot be kept.
    pub fn new(state: StateStore, board: Board, stop: Arc<AtomicBool>) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
            failures: Failures::new(board.strategies()),
            board,
            stop,
            seen: Vec::new(),
            failure: None,
        }
    }

    /// Returns the state at the end.
    ///
    /// # Errors
    /// Why it could not be kept.
    pub fn finish(mut self) -> Result<State, StateError> {
        self.board.publish_last();
        self.failures.finish();
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(locked(&self.state).state().clone()),
        }
    }

    /// Latches what got stricter; lifts what the engine left by its own rules, as a new day's.
    fn keep(&mut self, header: RecordHeader, risk: RiskRecord) -> Result<(), StateError> {
        let now = header.time;
        let mut state = locked(&self.state);
        let kept = state.state().trading_state;
        let code = risk.code.as_str();
        if risk.to > kept {
            let measured = format!("{} of {} {}", risk.measured, risk.limit, risk.note);
            let cause = Cause::new(code, measured.trim(), "engine", now);
            return state.latch(risk.to, cause, now);
        }
        // What latched meanwhile, and not by the engine, is not the engine's to leave.
        if risk.from == kept && risk.to == TradingState::Active {
            let reason = format!("{code} {}", risk.note);
            return state.lift(reason.trim(), "engine", now);
        }
        Ok(())
    }
}

impl Watch for Keeper {
    fn store(&mut self, behind: Behind) {
        self.board.store(behind);
    }

    /// KILLED: nobody knows what the stage left undone.
    fn on_death(&self) -> OnDeath {
        let state = Arc::clone(&self.state);
        Box::new(move |down| {
            let now = Clock::start().wall();
            let who = format!("stage {}", down.stage);
            let cause = Cause::new(Cause::STAGE_DIED, down.to_string(), &who, now);
            // The stage that dies may be the one that keeps the state: its lock is free by then.
            if let Err(failure) = locked(&state).latch(TradingState::Killed, cause, now) {
                tracing::error!(%failure, "KILLED could not be latched");
            }
        })
    }

    fn waiting(&mut self, words: &str) {
        self.board.waiting(words);
    }

    fn see(&mut self, message: &Cells<'_>) {
        self.board.see(message);
        self.failures.see(message);
        let is_risk = message.at(0).is_ok_and(|cell| RiskRecord::begins(cell.low));
        if is_risk
            && let Ok((header, Record::Risk(risk))) = Record::decode(message)
            && header.strategy == StrategyId::NONE
            && risk.from != risk.to
        {
            self.seen.push((header, risk));
        }
    }

    fn collect(&mut self, set: &LatencySet) {
        self.board.collect(set);
    }

    fn committed(&mut self) {
        for (header, risk) in std::mem::take(&mut self.seen) {
            if let Err(failure) = self.keep(header, risk) {
                tracing::error!(%failure, "the trading state cannot be kept: the run stops");
                // Relaxed: the flag carries no data; the first stage sees it a turn later.
                self.stop.store(true, Ordering::Relaxed);
                self.failure.get_or_insert(failure);
            }
        }
        self.board.committed();
        self.failures.committed();
    }
}

/// A panic elsewhere leaves the state whole: it is changed before it is written.
fn locked(state: &Mutex<StateStore>) -> MutexGuard<'_, StateStore> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
