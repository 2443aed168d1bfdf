//! Trading states: ACTIVE → REDUCING → HALTED → KILLED, latched with their causes.
//!
//! Called by the engine when a monitor trips or an operator acts. What is here is what the pipeline
//! keeps on disk. A state is left only as SPEC 6 says: never by wall clock, never by a restart.

use claire_types::{Amount, GateCode, Mode, StrategyId, TradingState, WallNs};
use serde::{Deserialize, Serialize};

/// The account's and the strategies' states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatchedState {
    account: Latch,
    strategies: Vec<Latch>,
}

/// The causes that hold now; the strictest is the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Latch {
    causes: Vec<Cause>,
}

/// Why a state is not ACTIVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What tripped, or [`GateCode::Operator`], or [`GateCode::KillSwitch`].
    pub code: GateCode,
    /// The state that it asks for.
    pub state: TradingState,
    /// The limit.
    pub limit: Amount,
    /// What was measured.
    pub measured: Amount,
    /// Engine time.
    pub time: WallNs,
}

/// A change of state, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// State before.
    pub from: TradingState,
    /// State after.
    pub to: TradingState,
}

/// Why an operator's wish was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFault {
    /// Nobody knows the strategy.
    UnknownStrategy,
    /// KILLED is left by lifting the kill switch, not by resuming.
    Killed,
}

impl LatchedState {
    /// Returns all ACTIVE, for so many strategies.
    pub fn new(strategies: usize) -> Self {
        Self {
            account: Latch::new(),
            strategies: vec![Latch::new(); strategies],
        }
    }

    /// Returns the account's state.
    pub fn account(&self) -> TradingState {
        self.account.state()
    }

    /// Returns a strategy's state; orders of no strategy are the account's, an unknown one has none.
    pub fn strategy(&self, strategy: StrategyId) -> Option<TradingState> {
        self.latch(strategy).map(Latch::state)
    }

    /// Returns the causes that hold for a strategy, or for the account with [`StrategyId::NONE`].
    pub fn causes(&self, strategy: StrategyId) -> &[Cause] {
        self.latch(strategy).map_or(&[], |latch| &latch.causes)
    }

    /// Adds a cause for a strategy, or for the account with [`StrategyId::NONE`]; states only get stricter.
    ///
    /// Returns the change where the state changed.
    ///
    /// # Errors
    /// [`StateFault::UnknownStrategy`]
    pub fn tighten(
        &mut self,
        strategy: StrategyId,
        cause: Cause,
    ) -> Result<Option<StateChange>, StateFault> {
        let latch = self.latch_mut(strategy)?;
        Ok(latch.change(|latch| latch.add(cause)))
    }

    /// Follows an operator back to ACTIVE.
    ///
    /// # Errors
    /// [`StateFault::Killed`], or [`StateFault::UnknownStrategy`].
    pub fn resume(&mut self, strategy: StrategyId) -> Result<Option<StateChange>, StateFault> {
        let latch = self.latch_mut(strategy)?;
        if latch.state() == TradingState::Killed {
            return Err(StateFault::Killed);
        }
        Ok(latch.change(|latch| latch.causes.clear()))
    }

    /// Lifts the kill switch: what else holds goes on holding.
    pub fn lift_kill(&mut self) -> Option<StateChange> {
        self.account.change(|latch| {
            latch
                .causes
                .retain(|cause| cause.state != TradingState::Killed)
        })
    }

    /// Ends the DAILY_LOSS of an earlier UTC day, in the modes that do so by default.
    pub fn new_day(&mut self, now: WallNs, mode: Mode) -> Option<StateChange> {
        if !leaves_by_day(mode) {
            return None;
        }
        self.account.change(|latch| {
            latch.causes.retain(|cause| {
                cause.code != GateCode::DailyLoss || cause.time.utc_day() >= now.utc_day()
            });
        })
    }

    /// Takes the room again that states read from a snapshot do not have.
    pub fn reserve_room(&mut self) {
        for latch in std::iter::once(&mut self.account).chain(&mut self.strategies) {
            let more = CAUSES_MAX.saturating_sub(latch.causes.len());
            latch.causes.reserve(more);
        }
    }

    fn latch(&self, strategy: StrategyId) -> Option<&Latch> {
        match strategy {
            StrategyId::NONE => Some(&self.account),
            known => self.strategies.get(known.index()),
        }
    }

    fn latch_mut(&mut self, strategy: StrategyId) -> Result<&mut Latch, StateFault> {
        match strategy {
            StrategyId::NONE => Ok(&mut self.account),
            known => self
                .strategies
                .get_mut(known.index())
                .ok_or(StateFault::UnknownStrategy),
        }
    }
}

impl Latch {
    fn new() -> Self {
        Self {
            causes: Vec::with_capacity(CAUSES_MAX),
        }
    }

    fn state(&self) -> TradingState {
        let strictest = self.causes.iter().map(|cause| cause.state).max();
        strictest.unwrap_or(TradingState::Active)
    }

    /// Adds the cause, or makes the one with its code stricter. Of a full list the last takes the stricter state.
    fn add(&mut self, cause: Cause) {
        let is_full = self.causes.len() >= CAUSES_MAX;
        let same = self
            .causes
            .iter()
            .position(|known| known.code == cause.code);
        let index = same.or(is_full.then_some(CAUSES_MAX - 1));
        match index.and_then(|index| self.causes.get_mut(index)) {
            Some(known) if known.state < cause.state => *known = cause,
            // The same monitor trips on a later day: the latch is of that day.
            Some(known)
                if known.code == cause.code && known.time.utc_day() < cause.time.utc_day() =>
            {
                *known = Cause {
                    state: known.state,
                    ..cause
                };
            }
            Some(_) => {}
            None => self.causes.push(cause),
        }
    }

    fn change(&mut self, act: impl FnOnce(&mut Self)) -> Option<StateChange> {
        let from = self.state();
        act(self);
        let to = self.state();
        (from != to).then_some(StateChange { from, to })
    }
}

/// Backtest, replay and paper leave DAILY_LOSS with the new day; elsewhere an operator decides.
const fn leaves_by_day(mode: Mode) -> bool {
    matches!(mode, Mode::Replay | Mode::Backtest | Mode::Paper)
}

/// Most causes at once: more than there are codes that set a state.
const CAUSES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use TradingState as S;
    use claire_types::time::NS_PER_DAY;

    const ACCOUNT: StrategyId = StrategyId::NONE;

    fn cause(code: GateCode, state: S, day: i64) -> Cause {
        Cause {
            code,
            state,
            limit: Amount::ONE,
            measured: Amount::ONE,
            time: WallNs(day * NS_PER_DAY),
        }
    }

    #[test]
    fn states_get_stricter_and_never_laxer_by_a_cause() {
        let mut state = LatchedState::new(1);
        let halt = state.tighten(ACCOUNT, cause(GateCode::DailyLoss, S::Halted, 0));
        assert_eq!(
            halt,
            Ok(Some(StateChange {
                from: S::Active,
                to: S::Halted
            }))
        );
        assert_eq!(
            state.tighten(ACCOUNT, cause(GateCode::Operator, S::Reducing, 0)),
            Ok(None)
        );
        assert_eq!(state.account(), S::Halted);
        assert_eq!(state.strategy(StrategyId(0)), Some(S::Active));
        assert_eq!(state.strategy(StrategyId(1)), None);
        assert_eq!(
            state.tighten(StrategyId(1), cause(GateCode::Operator, S::Halted, 0)),
            Err(StateFault::UnknownStrategy)
        );
    }

    #[test]
    fn a_new_day_ends_the_daily_loss_only_and_only_where_the_mode_does() {
        for (mode, is_left) in [
            (Mode::Paper, true),
            (Mode::Backtest, true),
            (Mode::Replay, true),
            (Mode::Testnet, false),
            (Mode::Shadow, false),
            (Mode::Live, false),
        ] {
            let mut state = LatchedState::new(0);
            state
                .tighten(ACCOUNT, cause(GateCode::DailyLoss, S::Halted, 3))
                .expect("account");
            state
                .tighten(ACCOUNT, cause(GateCode::Slippage, S::Reducing, 3))
                .expect("account");
            assert_eq!(state.new_day(WallNs(4 * NS_PER_DAY - 1), mode), None);
            state.new_day(WallNs(4 * NS_PER_DAY), mode);
            let want = if is_left { S::Reducing } else { S::Halted };
            assert_eq!(state.account(), want, "{mode}");
            state.new_day(WallNs(9 * NS_PER_DAY), mode);
            assert_eq!(state.account(), want, "{mode}");
        }
    }

    #[test]
    fn resuming_leaves_everything_but_killed_which_only_lifting_leaves() {
        let mut state = LatchedState::new(1);
        state
            .tighten(ACCOUNT, cause(GateCode::Drawdown, S::Halted, 0))
            .expect("account");
        state
            .tighten(ACCOUNT, cause(GateCode::KillSwitch, S::Killed, 0))
            .expect("account");
        assert_eq!(state.resume(ACCOUNT), Err(StateFault::Killed));
        assert_eq!(
            state.lift_kill(),
            Some(StateChange {
                from: S::Killed,
                to: S::Halted
            })
        );
        assert_eq!(
            state.resume(ACCOUNT),
            Ok(Some(StateChange {
                from: S::Halted,
                to: S::Active
            }))
        );
        assert_eq!(state.resume(StrategyId(0)), Ok(None));
    }

    #[test]
    fn latches_survive_being_stored() {
        let mut state = LatchedState::new(2);
        state
            .tighten(StrategyId(1), cause(GateCode::LossStreak, S::Reducing, 5))
            .expect("known");
        let bytes = postcard::to_allocvec(&state).expect("encodes");
        assert_eq!(
            postcard::from_bytes::<LatchedState>(&bytes).as_ref(),
            Ok(&state)
        );
        assert_eq!(state.causes(StrategyId(1)).len(), 1);
    }
}
