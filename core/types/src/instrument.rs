//! What can be traded: its units, steps and contract.
//!
//! Comes into the engine as an input before the instrument's first event and does not change within a
//! run (SPEC 4). The money arithmetic of a contract is here, once, for engine, checks and reports.

use crate::id::InstrumentId;
use crate::number::{Amount, Price, Qty, checked_mul, mul_div, pow10};
use crate::text::Currency;
use crate::venue::InstrumentKey;
use serde::{Deserialize, Serialize};

/// How many decimals prices and quantities of an instrument have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scale {
    /// Decimals of a [`Price`], 0-18.
    pub price_digits: u8,
    /// Decimals of a [`Qty`], 0-18.
    pub qty_digits: u8,
}

/// How price and quantity make money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Contract {
    /// Base asset changes hands; buys need quote, sells need base.
    Spot = 1,
    /// Margined; profit in quote: qty × multiplier × price.
    Linear = 2,
    /// Margined; profit in base: qty × multiplier / price.
    Inverse = 3,
}

/// An instrument's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Our number for it.
    pub id: InstrumentId,
    /// Venue and symbol.
    pub key: InstrumentKey,
    /// Units of price and quantity.
    pub scale: Scale,
    /// Kind of contract.
    pub contract: Contract,
    /// Whether the venue lets it trade.
    pub is_trading: bool,
    /// Smallest price step; 0 where unknown.
    pub tick: Price,
    /// Smallest quantity step; 0 where unknown.
    pub step: Qty,
    /// Smallest order quantity; 0 is no limit.
    pub qty_min: Qty,
    /// Largest order quantity; 0 is no limit.
    pub qty_max: Qty,
    /// Smallest order notional in quote; 0 is no limit.
    pub notional_min: Amount,
    /// Contract size: base units (linear) or quote units (inverse) per venue unit; 1 for spot.
    pub multiplier: Amount,
    /// Base currency.
    pub base: Currency,
    /// Quote currency.
    pub quote: Currency,
    /// Currency of profit and margin.
    pub settle: Currency,
}

impl Scale {
    /// The scale of an instrument nobody described (SPEC 4).
    pub const DEFAULT: Self = Self {
        price_digits: 8,
        qty_digits: 8,
    };
}

impl Instrument {
    /// Returns the notional in settle currency of `qty` at `price`, rounded half to even at 10^-12.
    ///
    /// Linear and spot: qty × multiplier × price. Inverse: qty × multiplier / price. Signed as `qty`.
    /// `None` where the price is not above zero (inverse) or the result does not fit.
    pub fn notional(&self, price: Price, qty: Qty) -> Option<Amount> {
        let units = checked_mul(i128::from(qty.0), self.multiplier.0)?;
        let price_units = pow10(self.scale.price_digits);
        let qty_units = pow10(self.scale.qty_digits);
        match self.contract {
            Contract::Spot | Contract::Linear => mul_div(
                units,
                i128::from(price.0),
                checked_mul(price_units, qty_units)?,
            )
            .map(Amount),
            Contract::Inverse if price.0 <= 0 => None,
            Contract::Inverse => mul_div(
                units,
                price_units,
                checked_mul(i128::from(price.0), qty_units)?,
            )
            .map(Amount),
        }
    }

    /// Returns the notional in quote currency of `qty` at `price`: what limits in quote are measured with.
    pub fn notional_quote(&self, price: Price, qty: Qty) -> Option<Amount> {
        match self.contract {
            Contract::Spot | Contract::Linear => self.notional(price, qty),
            Contract::Inverse => mul_div(
                i128::from(qty.0),
                self.multiplier.0,
                pow10(self.scale.qty_digits),
            )
            .map(Amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    fn instrument(
        contract: Contract,
        price_digits: u8,
        qty_digits: u8,
        multiplier: i128,
    ) -> Instrument {
        Instrument {
            id: InstrumentId(0),
            key: "binance-spot:BTCUSDT".parse().expect("a valid key"),
            scale: Scale {
                price_digits,
                qty_digits,
            },
            contract,
            is_trading: true,
            tick: Price(1),
            step: Qty(1),
            qty_min: Qty(0),
            qty_max: Qty(0),
            notional_min: Amount::ZERO,
            multiplier: Amount(multiplier * Amount::ONE.0),
            base: Text::cut("BTC"),
            quote: Text::cut("USDT"),
            settle: Text::cut("USDT"),
        }
    }

    #[test]
    fn notional_is_exact_for_spot_and_rounded_half_even_for_inverse() {
        let spot = instrument(Contract::Spot, 2, 8, 1);
        let notional = spot.notional(Price(6_183_763), Qty(1)).expect("fits");
        assert_eq!(notional.to_string(), "0.0006183763");
        let inverse = instrument(Contract::Inverse, 1, 0, 100);
        let notional = inverse.notional(Price(617_947), Qty(3)).expect("fits");
        assert_eq!(notional.to_string(), "0.004854785281");
        assert_eq!(inverse.notional(Price(0), Qty(3)), None);
        assert_eq!(
            inverse
                .notional_quote(Price(617_947), Qty(3))
                .expect("fits")
                .to_string(),
            "300"
        );
    }
}
