//! The notional of a quantity, without dividing where the product is exact.
//!
//! Called by the checks, several times for each order. A 128-bit division takes longer than all the
//! comparisons of the gate together; prices and quantities of at most 12 decimals together need none.

use claire_types::number::{AMOUNT_DIGITS, checked_mul, pow10};
use claire_types::{Amount, Contract, Instrument, Price, Qty};

/// Returns what [`Instrument::notional`] returns.
pub(super) fn notional(facts: &Instrument, price: Price, qty: Qty) -> Option<Amount> {
    match facts.contract {
        Contract::Spot | Contract::Linear => exact(facts, price, qty),
        Contract::Inverse => None,
    }
    .or_else(|| facts.notional(price, qty))
}

/// Returns what [`Instrument::notional_quote`] returns.
pub(super) fn notional_quote(facts: &Instrument, price: Price, qty: Qty) -> Option<Amount> {
    match facts.contract {
        Contract::Spot | Contract::Linear => notional(facts, price, qty),
        Contract::Inverse if facts.scale.qty_digits == 0 => {
            checked_mul(i128::from(qty.0), facts.multiplier.0).map(Amount)
        }
        Contract::Inverse => facts.notional_quote(price, qty),
    }
}

/// Returns the price at 10^-12, `None` where it does not fit.
pub(super) fn price_amount(facts: &Instrument, price: Price) -> Option<Amount> {
    match AMOUNT_DIGITS.checked_sub(facts.scale.price_digits) {
        Some(finer) => checked_mul(i128::from(price.0), pow10(finer)).map(Amount),
        None => Amount::from_fixed(i128::from(price.0), facts.scale.price_digits),
    }
}

/// Returns what [`Amount::times`] returns.
pub(super) fn times(amount: Amount, share: Amount) -> Option<Amount> {
    match share {
        Amount::ONE => Some(amount),
        Amount::ZERO => Some(Amount::ZERO),
        share => amount.times(share),
    }
}

fn exact(facts: &Instrument, price: Price, qty: Qty) -> Option<Amount> {
    let digits = facts
        .scale
        .price_digits
        .checked_add(facts.scale.qty_digits)?;
    let finer = AMOUNT_DIGITS.checked_sub(digits)?;
    if facts.multiplier != Amount::ONE {
        return None;
    }
    let product = checked_mul(i128::from(price.0), i128::from(qty.0))?;
    checked_mul(product, pow10(finer)).map(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::{Currency, InstrumentId, Scale};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_what_is_measured_without_dividing_is_the_notional(
            price in 1..i64::MAX, qty: i64, price_digits in 0..=18_u8, qty_digits in 0..=18_u8,
            kind in 0..3_u8, is_one: bool,
        ) {
            let contract = [Contract::Spot, Contract::Linear, Contract::Inverse][usize::from(kind)];
            let facts = Instrument {
                id: InstrumentId(0),
                key: "sim:BTCUSDT".parse().expect("a key"),
                scale: Scale { price_digits, qty_digits },
                contract,
                is_trading: true,
                tick: Price(1),
                step: Qty(1),
                qty_min: Qty(0),
                qty_max: Qty(0),
                notional_min: Amount::ZERO,
                multiplier: if is_one { Amount::ONE } else { Amount(123_456_789) },
                base: Currency::EMPTY,
                quote: Currency::EMPTY,
                settle: Currency::EMPTY,
            };
            let (price, qty) = (Price(price), Qty(qty));
            prop_assert_eq!(notional(&facts, price, qty), facts.notional(price, qty));
            prop_assert_eq!(notional_quote(&facts, price, qty), facts.notional_quote(price, qty));
            let plain = Amount::from_fixed(i128::from(price.0), price_digits);
            prop_assert_eq!(price_amount(&facts, price), plain);
        }
    }
}
