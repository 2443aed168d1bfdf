//! What the market lists: instruments with their steps, and how lively they are.
//!
//! Read once when a [`crate::Market`] is made.

use claire_types::text::{Currency, Symbol};
use claire_types::{Price, Qty, Text};
use std::fmt;

/// An instrument of the market and its character.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The venue's text for it, upper-case ASCII.
    pub symbol: Symbol,
    /// Base currency.
    pub base: Currency,
    /// Quote currency.
    pub quote: Currency,
    /// Decimals of prices; the tick is one unit of the last. At most 8, as on the wire.
    pub price_digits: u8,
    /// Decimals of quantities; the step is one unit of the last. At most 8.
    pub qty_digits: u8,
    /// The fair price at the start, in ticks.
    pub price_start: Price,
    /// The quantity of a usual order, in steps.
    pub qty_usual: Qty,
    /// Smallest order notional, in whole units of the quote currency.
    pub notional_min: u32,
    /// Deviation of the fair price over a second in quiet times, in bps.
    pub volatility_bps: f64,
    /// How much of the common market's moves it takes part in, 0-1.
    pub coupling: f64,
}

/// Why a listing cannot be traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListingFault {
    /// No instrument at all: name at least one.
    None,
    /// More instruments than [`LISTINGS_MAX`]: name fewer.
    TooMany,
    /// A symbol or currency that is not upper-case ASCII letters and digits, or stands twice.
    Name(Symbol),
    /// More than 8 decimals.
    Digits(Symbol),
    /// A start price outside 1,000-10^12 ticks, or a usual quantity outside 1-10^9 steps.
    Range(Symbol),
    /// A volatility outside 0-50 bps a second, or a coupling outside 0-1.
    Character(Symbol),
}

/// Most instruments of one market.
pub const LISTINGS_MAX: usize = 64;
/// Decimals of every price and quantity on the wire.
pub const WIRE_DIGITS: u8 = 8;

impl Listing {
    /// Returns the three instruments that `claire paper` trades.
    pub fn standard() -> Vec<Self> {
        vec![
            Self::of("BTC", (2, 5), (6_183_763, 4_000), (1.2, 0.9)),
            Self::of("ETH", (2, 4), (264_218, 9_000), (1.6, 0.8)),
            Self::of("SOL", (2, 3), (15_243, 12_000), (2.2, 0.7)),
        ]
    }

    /// Returns the instrument of `base` against USDT.
    fn of(
        base: &str,
        (price_digits, qty_digits): (u8, u8),
        (price_ticks, qty_steps): (i64, i64),
        (volatility_bps, coupling): (f64, f64),
    ) -> Self {
        Self {
            symbol: Text::cut(&format!("{base}USDT")),
            base: Text::cut(base),
            quote: Text::cut("USDT"),
            price_digits,
            qty_digits,
            price_start: Price(price_ticks),
            qty_usual: Qty(qty_steps),
            notional_min: 5,
            volatility_bps,
            coupling,
        }
    }

    /// Refuses listings that cannot be traded.
    ///
    /// # Errors
    /// The first [`ListingFault`] in the order of the listings.
    pub(crate) fn check_all(listings: &[Self]) -> Result<(), ListingFault> {
        if listings.is_empty() {
            return Err(ListingFault::None);
        }
        if listings.len() > LISTINGS_MAX {
            return Err(ListingFault::TooMany);
        }
        for (index, listing) in listings.iter().enumerate() {
            listing.check()?;
            if listings[..index]
                .iter()
                .any(|other| other.symbol == listing.symbol)
            {
                return Err(ListingFault::Name(listing.symbol));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ListingFault> {
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let names = [
            self.symbol.as_str(),
            self.base.as_str(),
            self.quote.as_str(),
        ];
        if !names.into_iter().all(is_name) {
            return Err(ListingFault::Name(self.symbol));
        }
        if self.price_digits > WIRE_DIGITS || self.qty_digits > WIRE_DIGITS {
            return Err(ListingFault::Digits(self.symbol));
        }
        if !(1_000..=1_000_000_000_000).contains(&self.price_start.0)
            || !(1..=1_000_000_000).contains(&self.qty_usual.0)
        {
            return Err(ListingFault::Range(self.symbol));
        }
        if !(0.0..=50.0).contains(&self.volatility_bps) || !(0.0..=1.0).contains(&self.coupling) {
            return Err(ListingFault::Character(self.symbol));
        }
        Ok(())
    }
}

impl fmt::Display for ListingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the market lists no instrument"),
            Self::TooMany => write!(f, "the market lists more than {LISTINGS_MAX} instruments"),
            Self::Name(symbol) => write!(
                f,
                "{symbol:?}: symbol and currencies are upper-case letters and digits, each symbol once"
            ),
            Self::Digits(symbol) => write!(f, "{symbol}: more than {WIRE_DIGITS} decimals"),
            Self::Range(symbol) => write!(
                f,
                "{symbol}: the start price is 1,000-10^12 ticks, the usual quantity 1-10^9 steps"
            ),
            Self::Character(symbol) => {
                write!(f, "{symbol}: volatility is 0-50 bps a second, coupling 0-1")
            }
        }
    }
}

impl std::error::Error for ListingFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_traded_is_refused_by_name() {
        let good = Listing::standard();
        assert_eq!(Listing::check_all(&good), Ok(()));
        assert_eq!(Listing::check_all(&[]), Err(ListingFault::None));
        assert_eq!(
            Listing::check_all(&vec![good[0].clone(); LISTINGS_MAX + 1]),
            Err(ListingFault::TooMany)
        );
        let symbol = good[0].symbol;
        let twice = [good[0].clone(), good[0].clone()];
        assert_eq!(Listing::check_all(&twice), Err(ListingFault::Name(symbol)));
        type Change = fn(&mut Listing);
        let cases: [(Change, ListingFault); 4] = [
            (|it| it.base = Text::cut("b\""), ListingFault::Name(symbol)),
            (|it| it.qty_digits = 9, ListingFault::Digits(symbol)),
            (|it| it.price_start = Price(9), ListingFault::Range(symbol)),
            (
                |it| it.volatility_bps = f64::NAN,
                ListingFault::Character(symbol),
            ),
        ];
        for (change, fault) in cases {
            let mut listing = good[0].clone();
            change(&mut listing);
            assert_eq!(Listing::check_all(&[listing]), Err(fault));
        }
    }
}
