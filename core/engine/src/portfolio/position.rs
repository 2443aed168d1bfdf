//! A position: quantity, exact cost, realized profit, fees. The arithmetic of fills is here, once.
//!
//! Called by the portfolio. Costs of spot and linear contracts are sums of price × qty, kept as exact
//! integers in their own unit, finer than or equal to 10^-12; what must be divided (a partial close,
//! an inverse contract's value) is rounded half to even at 10^-12.

use super::Deal;
use claire_types::number::{AMOUNT_DIGITS, DIGITS_MAX, mul_div, pow10};
use claire_types::record::PositionRecord;
use claire_types::{Amount, Contract, Instrument, Price, Qty, Side};
use serde::{Deserialize, Serialize};

/// What is held of an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Signed quantity.
    pub qty: Qty,
    /// Cost of it, signed as it, in [`CostUnit`]s.
    cost: i128,
    /// Realized profit before fees, in quote or settle currency.
    pub realized: Amount,
    /// Fees, positive where paid, in quote or settle currency.
    pub fees: Amount,
}

/// What a deal does to a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct PositionChange {
    pub position: Position,
    pub realized: Amount,
    pub closed: Qty,
    pub opened: Qty,
}

/// How a cost is counted: in 10^-digits of price × qty (spot, linear; multiplier not applied), or of
/// settle currency (inverse).
#[derive(Clone, Copy, Debug)]
struct CostUnit {
    digits: u8,
}

impl Position {
    /// Nothing held, nothing earned.
    pub const FLAT: Self = Self {
        qty: Qty::ZERO,
        cost: 0,
        realized: Amount::ZERO,
        fees: Amount::ZERO,
    };

    /// Returns whether neither quantity nor cost is held. A sum of opposite positions can have cost alone.
    pub const fn is_empty(&self) -> bool {
        self.qty.0 == 0 && self.cost == 0
    }

    /// Returns the position after the deal; `None` where a number does not fit.
    pub(super) fn after(
        &self,
        facts: &Instrument,
        deal: &Deal,
        fee: Amount,
    ) -> Option<PositionChange> {
        let change = deal.qty.0.checked_mul(deal.side.sign())?;
        let reduces = self.qty.0.signum() == -change.signum();
        let closed = match reduces {
            true => self.qty.0.checked_abs()?.min(deal.qty.0),
            false => 0,
        };
        let opened = deal.qty.0.checked_sub(closed)?;
        // Signed as what is held before: what leaves, at cost and at the deal's price.
        let leaving = closed.checked_mul(self.qty.0.signum())?;
        let closed_cost = self.share_of_cost(facts, leaving)?;
        let closed_value = cost_of(facts, deal.price, leaving)?;
        let realized = profit(facts, closed_cost, closed_value)?;
        let opened_cost = cost_of(facts, deal.price, opened.checked_mul(deal.side.sign())?)?;
        let position = Self {
            qty: self.qty.checked_add(Qty(change))?,
            cost: self
                .cost
                .checked_sub(closed_cost)?
                .checked_add(opened_cost)?,
            realized: self.realized.checked_add(realized)?,
            fees: self.fees.checked_add(fee)?,
        };
        Some(PositionChange {
            position,
            realized,
            closed: Qty(closed),
            opened: Qty(opened),
        })
    }

    /// Returns a sum of positions after one of them changed.
    pub(super) fn plus(&self, before: &Self, after: &Self) -> Option<Self> {
        let amount = |sum: Amount, before: Amount, after: Amount| {
            sum.checked_sub(before)?.checked_add(after)
        };
        Some(Self {
            qty: self.qty.checked_sub(before.qty)?.checked_add(after.qty)?,
            cost: self
                .cost
                .checked_sub(before.cost)?
                .checked_add(after.cost)?,
            realized: amount(self.realized, before.realized, after.realized)?,
            fees: amount(self.fees, before.fees, after.fees)?,
        })
    }

    /// Returns the cost in quote or settle currency, rounded half to even at 10^-12, signed as the quantity.
    pub fn cost(&self, facts: &Instrument) -> Option<Amount> {
        CostUnit::of(facts).money(facts, self.cost)
    }

    /// Returns the profit if all were closed at the mark (at 10^-12), before fees.
    pub fn unrealized(&self, facts: &Instrument, mark: Amount) -> Option<Amount> {
        let (cost, value) = (self.cost(facts)?, value_at(facts, mark, self.qty)?);
        match facts.contract {
            Contract::Spot | Contract::Linear => value.checked_sub(cost),
            Contract::Inverse => cost.checked_sub(value),
        }
    }

    /// Returns the average price at 10^-12, for display; `None` where nothing is held.
    pub fn average_price(&self, facts: &Instrument) -> Option<Amount> {
        let unit = pow10(facts.scale.qty_digits);
        match facts.contract {
            Contract::Spot | Contract::Linear => {
                let scale = pow10(CostUnit::of(facts).digits - AMOUNT_DIGITS);
                mul_div(self.cost, unit, i128::from(self.qty.0).checked_mul(scale)?).map(Amount)
            }
            Contract::Inverse => {
                let held = mul_div(i128::from(self.qty.0), facts.multiplier.0, unit)?;
                Amount(held).ratio_to(Amount(self.cost))
            }
        }
    }

    /// Returns the position for its record.
    pub fn record(&self, facts: &Instrument) -> Option<PositionRecord> {
        Some(PositionRecord {
            qty: self.qty,
            cost: self.cost(facts)?,
            realized: self.realized,
            fees: self.fees,
        })
    }

    /// Returns the side that closes the position; `None` where flat.
    pub const fn closing_side(&self) -> Option<Side> {
        match self.qty.0 {
            0 => None,
            held if held > 0 => Some(Side::Sell),
            _ => Some(Side::Buy),
        }
    }

    /// Returns the cost of the leaving part: all of it where all leaves, else rounded half to even at 10^-12.
    fn share_of_cost(&self, facts: &Instrument, leaving: i64) -> Option<i128> {
        if leaving == self.qty.0 {
            return Some(self.cost);
        }
        let coarse = pow10(CostUnit::of(facts).digits - AMOUNT_DIGITS);
        let held = i128::from(self.qty.0).checked_mul(coarse)?;
        mul_div(self.cost, i128::from(leaving), held)?.checked_mul(coarse)
    }
}

impl CostUnit {
    fn of(facts: &Instrument) -> Self {
        let native = facts
            .scale
            .price_digits
            .saturating_add(facts.scale.qty_digits);
        Self {
            digits: match facts.contract {
                Contract::Spot | Contract::Linear => native.clamp(AMOUNT_DIGITS, 2 * DIGITS_MAX),
                Contract::Inverse => AMOUNT_DIGITS,
            },
        }
    }

    fn money(self, facts: &Instrument, cost: i128) -> Option<Amount> {
        match facts.contract {
            Contract::Spot | Contract::Linear => {
                mul_div(cost, facts.multiplier.0, pow10(self.digits)).map(Amount)
            }
            Contract::Inverse => Some(Amount(cost)),
        }
    }
}

/// Returns the cost of a signed quantity at a price, exact but for inverse contracts.
fn cost_of(facts: &Instrument, price: Price, qty: i64) -> Option<i128> {
    if facts.contract == Contract::Inverse {
        return facts.notional(price, Qty(qty)).map(|value| value.0);
    }
    let native = facts
        .scale
        .price_digits
        .checked_add(facts.scale.qty_digits)?;
    let finer = CostUnit::of(facts).digits.checked_sub(native)?;
    let product = i128::from(price.0).checked_mul(i128::from(qty))?;
    product.checked_mul(pow10(finer))
}

fn profit(facts: &Instrument, cost: i128, value: i128) -> Option<Amount> {
    let earned = match facts.contract {
        Contract::Spot | Contract::Linear => value.checked_sub(cost)?,
        Contract::Inverse => cost.checked_sub(value)?,
    };
    CostUnit::of(facts).money(facts, earned)
}

/// Returns the value of a signed quantity at a price of 10^-12 in quote or settle currency, rounded half to even.
pub fn value_at(facts: &Instrument, mark: Amount, qty: Qty) -> Option<Amount> {
    let qty_units = pow10(facts.scale.qty_digits);
    if facts.multiplier == Amount::ONE && facts.contract != Contract::Inverse {
        return mul_div(i128::from(qty.0), mark.0, qty_units).map(Amount);
    }
    let units = i128::from(qty.0).checked_mul(facts.multiplier.0)?;
    match facts.contract {
        Contract::Spot | Contract::Linear => {
            mul_div(units, mark.0, qty_units.checked_mul(Amount::ONE.0)?).map(Amount)
        }
        Contract::Inverse if mark.0 <= 0 => None,
        Contract::Inverse => {
            mul_div(units, Amount::ONE.0, mark.0.checked_mul(qty_units)?).map(Amount)
        }
    }
}
