//! Checks 1-5: whether anybody may send this at all.
//!
//! Called by the gate through the table.

use super::{Case, Failure, Outcome, whole};
use claire_types::{Amount, GateCode, Qty, TradingState};

/// 1: the kill switch is active, or nobody knows.
#[inline]
pub(super) fn kill_switch(case: &Case<'_>) -> Outcome {
    let is_killed = case.inputs.is_killed.unwrap_or(true);
    if is_killed || case.inputs.account_state == Some(TradingState::Killed) {
        return Err(Failure::count(GateCode::KillSwitch, 0, 1));
    }
    Ok(())
}

/// 2: the mode does not send.
#[inline]
pub(super) fn mode(case: &Case<'_>) -> Outcome {
    if case.inputs.mode_sends != Some(true) {
        return Err(Failure::missing(GateCode::Mode));
    }
    Ok(())
}

/// 3: HALTED and KILLED stop all but exits, REDUCING what does not reduce.
#[inline]
pub(super) fn trading_state(case: &Case<'_>) -> Outcome {
    let states = [case.inputs.account_state, case.inputs.strategy_state];
    let scopes = [&case.inputs.account, &case.inputs.owner];
    for (state, scope) in states.into_iter().zip(scopes) {
        let reduces = scope.exit_room(case.intent.side) >= case.intent.qty
            && scope.working.on(case.intent.side) == scope.working.exits_on(case.intent.side);
        match state {
            Some(TradingState::Active) => {}
            Some(TradingState::Reducing) if reduces => {}
            _ => {
                let measured = state.unwrap_or(TradingState::Killed) as i128;
                let limit = whole(TradingState::Active as i128);
                return Err(Failure::over(
                    GateCode::TradingState,
                    limit,
                    whole(measured),
                ));
            }
        }
    }
    Ok(())
}

/// 4: nobody's strategy, or one that must not trade now.
#[inline]
pub(super) fn strategy(case: &Case<'_>) -> Outcome {
    let Some(facts) = case.inputs.strategy else {
        return Err(Failure::missing(GateCode::Strategy));
    };
    if facts.is_paused || facts.is_cooling || !facts.is_warm || facts.allocation.0 <= 0 {
        return Err(Failure::over(
            GateCode::Strategy,
            Amount::ZERO,
            facts.allocation,
        ));
    }
    Ok(())
}

/// 5: nobody's instrument, or one that the venue does not trade.
#[inline]
pub(super) fn instrument(case: &Case<'_>) -> Outcome {
    let facts = case.instrument()?;
    let is_known = facts.id == case.intent.instrument && facts.multiplier > Amount::ZERO;
    if !facts.is_trading || !is_known || facts.step < Qty::ZERO {
        return Err(Failure::missing(GateCode::Instrument));
    }
    Ok(())
}
