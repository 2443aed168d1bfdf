//! What an order uses up: money or coins on spot, margin and fee of derivatives.
//!
//! Called by check 16, and by the desk for the reservation of an approved order: one arithmetic.

use super::input::{Intent, Scope};
use super::measure::{notional, times};
use claire_types::{Amount, Contract, Currency, Instrument, Price, Qty, Side};

/// An amount of a currency that an order may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundsNeed {
    /// Which currency.
    pub currency: Currency,
    /// How much.
    pub amount: Amount,
}

/// Returns the currency that an order on `side` uses up.
pub const fn funds_currency(facts: &Instrument, side: Side) -> Currency {
    match (facts.contract, side) {
        (Contract::Spot, Side::Buy) => facts.quote,
        (Contract::Spot, Side::Sell) => facts.base,
        (Contract::Linear | Contract::Inverse, _) => facts.settle,
    }
}

/// Returns how much of an order on `side` reduces the account's position and so needs no margin.
pub fn room_without_margin(account: &Scope, side: Side) -> Qty {
    let held = account
        .position
        .0
        .saturating_mul(side.sign())
        .saturating_neg();
    Qty(held.saturating_sub(account.working.on(side).0).max(0))
}

/// Returns what the order may use up at `price`, fee included; `None` on overflow.
///
/// Spot buys: notional and fee. Spot sells: the quantity. Derivatives: margin of what is beyond
/// `reduces`, and the fee of all.
pub fn funds_needed(
    facts: &Instrument,
    intent: &Intent,
    price: Price,
    reduces: Qty,
    margin_share: Amount,
    fee_share: Amount,
) -> Option<FundsNeed> {
    let fee_share = fee_share.max(Amount::ZERO);
    let amount = match (facts.contract, intent.side) {
        (Contract::Spot, Side::Sell) => {
            Amount::from_fixed(i128::from(intent.qty.0), facts.scale.qty_digits)?
        }
        (Contract::Spot, Side::Buy) => {
            let notional = notional(facts, price, intent.qty)?;
            notional.checked_add(times(notional, fee_share)?)?
        }
        (Contract::Linear | Contract::Inverse, _) => {
            let whole = notional(facts, price, intent.qty)?;
            let fee = times(whole, fee_share)?;
            let opens = Qty(intent.qty.0.saturating_sub(reduces.0).max(0));
            let opened = match opens == intent.qty {
                true => whole,
                false => notional(facts, price, opens)?,
            };
            times(opened, margin_share)?.checked_add(fee)?
        }
    };
    Some(FundsNeed {
        currency: funds_currency(facts, intent.side),
        amount,
    })
}
