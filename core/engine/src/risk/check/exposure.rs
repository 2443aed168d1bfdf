//! Checks 12-14: what the account and the strategy would hold if all that works were filled.
//!
//! Called by the gate through the table.

use super::super::input::Scope;
use super::{Case, Failure, Outcome, is_within};
use claire_types::{Amount, GateCode, Qty, Side};

/// 12: the projected position is above the share of equity.
#[inline]
pub(super) fn position(case: &Case<'_>) -> Outcome {
    let equity = case
        .inputs
        .equity
        .ok_or(Failure::missing(GateCode::Warming))?;
    for scope in [&case.inputs.account, &case.inputs.owner] {
        let Some(qty) = enlarged(case, scope)? else {
            continue;
        };
        let notional = case
            .notional_of(qty)
            .ok_or(Failure::missing(GateCode::Warming))?;
        let share = case.limits.position_share;
        let overflow = Failure::missing(GateCode::Position);
        if !is_within(notional, equity, share).ok_or(overflow)? {
            let limit = equity.times(share).ok_or(overflow)?;
            let failure = Failure::over(GateCode::Position, limit, notional);
            return Err(failure.fitting(case, left(case, scope, qty, notional, limit)));
        }
    }
    Ok(())
}

/// 13: the projected total is above the share of equity.
#[inline]
pub(super) fn exposure(case: &Case<'_>) -> Outcome {
    let missing = Failure::missing(GateCode::Warming);
    let overflow = Failure::missing(GateCode::Exposure);
    let equity = case.inputs.equity.ok_or(missing)?;
    for scope in [&case.inputs.account, &case.inputs.owner] {
        let beside = scope.exposure_beside.ok_or(missing)?;
        let Some(side) = enlarged(case, scope)? else {
            continue;
        };
        let qty = side.max(other_side(case, scope).ok_or(overflow)?);
        let notional = case.notional_of(qty).ok_or(missing)?;
        let total = beside.checked_add(notional).ok_or(overflow)?;
        let share = case.limits.exposure_share;
        if !is_within(total, equity, share).ok_or(overflow)? {
            let limit = equity.times(share).ok_or(overflow)?;
            let room = limit.checked_sub(beside).ok_or(overflow)?;
            let failure = Failure::over(GateCode::Exposure, limit, total);
            return Err(failure.fitting(case, left(case, scope, qty, notional, room)));
        }
    }
    Ok(())
}

/// 14: too many working orders or open positions, this one counted.
#[inline]
pub(super) fn open_count(case: &Case<'_>) -> Outcome {
    let orders = case.inputs.orders_open.saturating_add(1);
    if orders > case.limits.orders_open_max {
        return Err(Failure::count(
            GateCode::OpenCount,
            case.limits.orders_open_max,
            orders,
        ));
    }
    let positions = case.inputs.positions_open_beside.saturating_add(1);
    let opens = case.inputs.account.position == Qty::ZERO;
    if opens && positions > case.limits.positions_open_max {
        let limit = case.limits.positions_open_max;
        return Err(Failure::count(GateCode::OpenCount, limit, positions));
    }
    Ok(())
}

/// Returns the magnitude of the projected position on the order's side; `None` where the order
/// only shortens what is held, which a limit must not prevent.
fn enlarged(case: &Case<'_>, scope: &Scope) -> Result<Option<Qty>, Failure> {
    let overflow = Failure::missing(GateCode::Position);
    let after = scope
        .projected(case.intent.side, case.intent.qty)
        .ok_or(overflow)?;
    let grows = after.0.signum() == case.intent.side.sign();
    Ok(grows.then_some(after.abs()))
}

/// Returns the magnitude of the projected position on the other side, 0 where it does not reach there.
fn other_side(case: &Case<'_>, scope: &Scope) -> Option<Qty> {
    let side = case.intent.side.opposite();
    let after = scope.projected(side, Qty::ZERO)?;
    Some(match (side, after.0.signum()) {
        (Side::Buy, 1) | (Side::Sell, -1) => after.abs(),
        _ => Qty::ZERO,
    })
}

/// Returns how much of the order fits when `qty` with its notional must fit into `limit`.
fn left(case: &Case<'_>, scope: &Scope, qty: Qty, notional: Amount, limit: Amount) -> Option<i128> {
    let whole = i128::from(qty.0)
        .checked_mul(limit.0.max(0))?
        .checked_div(notional.0)?;
    let before = scope.projected(case.intent.side, Qty::ZERO)?;
    Some(whole - i128::from(before.0) * i128::from(case.intent.side.sign()))
}
