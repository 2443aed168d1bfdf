//! Checks 9-11: the order by itself.
//!
//! Called by the gate through the table.

use super::super::measure;
use super::{Case, Failure, Outcome, is_within};
use claire_types::number::checked_mul;
use claire_types::{Amount, Contract, GateCode, Instrument, OrderKind, Qty, Side};

/// 9: steps, smallest and largest quantity, smallest notional; entries keep room to exit.
#[inline]
pub(super) fn precision(case: &Case<'_>) -> Outcome {
    let (facts, intent) = (case.instrument()?, case.intent);
    let off_tick = facts.tick.0 > 0 && intent.price.0 % facts.tick.0 != 0;
    let off_step = facts.step.0 > 0 && intent.qty.0 % facts.step.0 != 0;
    if off_tick || off_step {
        return Err(Failure::missing(GateCode::Precision));
    }
    let too_large = facts.qty_max.0 > 0 && intent.qty > facts.qty_max;
    if intent.qty < facts.qty_min || too_large {
        let limit = if too_large {
            facts.qty_max
        } else {
            facts.qty_min
        };
        return Err(qty_failure(facts, limit, intent.qty));
    }
    if facts.notional_min.0 <= 0 {
        return exit_qty(case, facts);
    }
    smallest_notional(case, facts)?;
    exit_qty(case, facts)?;
    exit_notional(case, facts)
}

/// What is ordered reaches the smallest notional. Venues take a derivative's exit of any notional.
fn smallest_notional(case: &Case<'_>, facts: &Instrument) -> Outcome {
    if case.is_exit && facts.contract != Contract::Spot {
        return Ok(());
    }
    let own = match case.intent.kind {
        OrderKind::Limit => Some(case.intent.price),
        OrderKind::Market => case
            .inputs
            .prices
            .worst
            .or_else(|| super::reference_price(case.inputs.prices.reference?, facts)),
    };
    // No price at all must not trap an exit: the venue has the last word.
    let price = match own {
        Some(price) => price,
        None if case.is_exit => return Ok(()),
        None => return Err(Failure::missing(GateCode::Warming)),
    };
    let notional = measure::notional_quote(facts, price, case.intent.qty);
    at_least(notional, Some(facts.notional_min))
}

/// What an entry leaves behind is large enough to be ordered back.
fn exit_qty(case: &Case<'_>, facts: &Instrument) -> Outcome {
    match entered(case) {
        Some(qty) if qty < facts.qty_min => Err(qty_failure(facts, facts.qty_min, qty)),
        _ => Ok(()),
    }
}

/// And its notional is, also after a loss.
fn exit_notional(case: &Case<'_>, facts: &Instrument) -> Outcome {
    let Some(qty) = entered(case) else {
        return Ok(());
    };
    let price = case.price.ok_or(Failure::missing(GateCode::Warming))?;
    let missing = Failure::missing(GateCode::Precision);
    let notional = measure::notional_quote(facts, price, qty).ok_or(missing)?;
    let share = Amount::ONE
        .checked_add(case.limits.exit_room_share)
        .ok_or(missing)?;
    let measured = checked_mul(notional.0, Amount::ONE.0).ok_or(missing)?;
    let needed = checked_mul(facts.notional_min.0, share.0).ok_or(missing)?;
    if measured >= needed {
        return Ok(());
    }
    at_least(Some(notional), facts.notional_min.times(share))
}

/// Returns the magnitude of the strategy's position after the order, where the order enlarges or turns it.
fn entered(case: &Case<'_>) -> Option<Qty> {
    if case.is_exit {
        return None;
    }
    let held = case.inputs.owner.position.0;
    let after = held.checked_add(case.intent.qty.0.checked_mul(case.intent.side.sign())?)?;
    let enlarges = after.unsigned_abs() > held.unsigned_abs();
    let turns = after != 0 && after.signum() != held.signum();
    (enlarges || turns).then_some(Qty(after).abs())
}

fn at_least(measured: Option<Amount>, limit: Option<Amount>) -> Outcome {
    match (measured, limit) {
        (Some(measured), Some(limit)) if measured >= limit => Ok(()),
        (Some(measured), Some(limit)) => Err(Failure::over(GateCode::Precision, limit, measured)),
        _ => Err(Failure::missing(GateCode::Precision)),
    }
}

fn qty_failure(facts: &Instrument, limit: Qty, measured: Qty) -> Failure {
    let units = |qty: Qty| {
        Amount::from_fixed(i128::from(qty.0), facts.scale.qty_digits).unwrap_or_default()
    };
    Failure::over(GateCode::Precision, units(limit), units(measured))
}

/// 10: the price, or the worst that a market order takes, is too far from the reference.
#[inline]
pub(super) fn price_collar(case: &Case<'_>) -> Outcome {
    let missing = Failure::missing(GateCode::Warming);
    let facts = case.instrument()?;
    let reference = case
        .inputs
        .prices
        .reference
        .filter(|price| price.0 > 0)
        .ok_or(missing)?;
    let price = match case.intent.kind {
        OrderKind::Limit => case.intent.price,
        OrderKind::Market => case.inputs.prices.worst.ok_or(missing)?,
    };
    let overflow = Failure::missing(GateCode::PriceCollar);
    let price = measure::price_amount(facts, price).ok_or(overflow)?;
    let beyond = price.checked_sub(reference).ok_or(overflow)?;
    // Above the reference a buy crosses; below it, a sell does.
    let crosses = (beyond.0 > 0) == (case.intent.side == Side::Buy);
    let share = match crosses {
        true => case.limits.collar_crossing_share,
        false => case.limits.collar_passive_share,
    };
    if is_within(beyond.abs(), reference, share).ok_or(overflow)? {
        return Ok(());
    }
    let measured = beyond.abs().ratio_to(reference).unwrap_or_default();
    Err(Failure::over(GateCode::PriceCollar, share, measured))
}

/// 11: the notional is above the share of equity, and above what the smallest order needs.
#[inline]
pub(super) fn order_size(case: &Case<'_>) -> Outcome {
    let missing = Failure::missing(GateCode::Warming);
    let overflow = Failure::missing(GateCode::OrderSize);
    let (facts, limits) = (case.instrument()?, case.limits);
    let equity = case.inputs.equity.ok_or(missing)?;
    let notional = case.notional.ok_or(missing)?;
    if is_within(notional, equity, limits.order_size_share).ok_or(overflow)? {
        return Ok(());
    }
    let rate = case.inputs.quote_rate.ok_or(missing)?;
    let smallest = facts.notional_min.times(limits.order_size_min_factor);
    let smallest = smallest
        .and_then(|amount| amount.times(rate))
        .ok_or(overflow)?;
    let share = equity.times(limits.order_size_share).ok_or(overflow)?;
    let limit = share.max(smallest);
    if notional <= limit {
        return Ok(());
    }
    let fits = i128::from(case.intent.qty.0).checked_mul(limit.0.max(0));
    let fits = fits.and_then(|product| product.checked_div(notional.0));
    Err(Failure::over(GateCode::OrderSize, limit, notional).fitting(case, fits))
}
