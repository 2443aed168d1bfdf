//! Checks 15-17: rates, funds, and our own orders in the way.
//!
//! Called by the gate through the table.

use super::super::funds::funds_needed;
use super::{Case, Failure, Outcome};
use claire_types::{Amount, GateCode, OrderKind, Side};

/// 15: too many orders lately, this one counted; exits have a cap of their own.
#[inline]
pub(super) fn rate(case: &Case<'_>) -> Outcome {
    let (rates, limits) = (&case.inputs.rates, case.limits);
    let counts = match case.is_exit {
        true => [(rates.exits_second, limits.exits_per_second_max); 2],
        false => [
            (rates.second, limits.orders_per_second_max),
            (rates.minute, limits.orders_per_minute_max),
        ],
    };
    for (count, limit) in counts {
        let count = count.saturating_add(1);
        if count > limit {
            return Err(Failure::count(GateCode::Rate, limit, count));
        }
    }
    Ok(())
}

/// 16: balance or margin does not reach, fees included.
#[inline]
pub(super) fn funds(case: &Case<'_>) -> Outcome {
    let missing = Failure::missing(GateCode::Warming);
    let free = case.inputs.funds_free.ok_or(missing)?;
    let fee_share = case.inputs.fee_share.ok_or(missing)?;
    let facts = case.instrument()?;
    let price = case.price.ok_or(missing)?;
    let room = super::super::funds::room_without_margin(&case.inputs.account, case.intent.side);
    let needed = funds_needed(
        facts,
        case.intent,
        price,
        room,
        case.limits.margin_share,
        fee_share,
    );
    let needed = needed.ok_or(Failure::missing(GateCode::Funds))?.amount;
    if needed <= free {
        return Ok(());
    }
    let fits = i128::from(case.intent.qty.0).checked_mul(free.0.max(0));
    let fits = fits.and_then(|product| product.checked_div(needed.0));
    let fits = fits.filter(|_| free > Amount::ZERO);
    Err(Failure::over(GateCode::Funds, free, needed).fitting(case, fits))
}

/// 17: would cross an own resting order.
#[inline]
pub(super) fn self_trade(case: &Case<'_>) -> Outcome {
    let Some(resting) = case.inputs.own_opposite else {
        return Ok(());
    };
    let price = match case.intent.kind {
        OrderKind::Limit => Some(case.intent.price),
        OrderKind::Market => case.inputs.prices.worst,
    };
    let price = price.ok_or(Failure::missing(GateCode::Warming))?;
    let crosses = match case.intent.side {
        Side::Buy => price >= resting,
        Side::Sell => price <= resting,
    };
    if !crosses {
        return Ok(());
    }
    let facts = case.instrument()?;
    let amount = |price: claire_types::Price| {
        Amount::from_fixed(i128::from(price.0), facts.scale.price_digits).unwrap_or_default()
    };
    Err(Failure::over(
        GateCode::SelfTrade,
        amount(resting),
        amount(price),
    ))
}
