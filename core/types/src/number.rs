//! Prices, quantities and amounts: integers with a decimal exponent, never floats.
//!
//! Called by decoders (text to integer), the engine (arithmetic) and every edge that prints. A price
//! or quantity is counted in its instrument's units of 10^-digits, see [`crate::Scale`]; an
//! [`Amount`] always in 10^-12. Nothing here panics: what does not fit is `None` or a fault.

use crate::text::Text;
use crate::wide::mul_div_half_even;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A price in units of 10^-`price_digits` of the quote currency per unit of base.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Price(pub i64);

/// A quantity in units of 10^-`qty_digits` of the venue's unit (base or contracts). Signed where it is a position.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Qty(pub i64);

/// A sum of money or another decimal measure in units of 10^-12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i128);

/// Why a decimal text has no value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberFault {
    /// Not a decimal number: empty, foreign characters, a lone or doubled point.
    Syntax,
    /// An exponent, which this channel never sends.
    Exponent,
    /// Below zero where only counts are possible.
    Negative,
    /// A digit other than 0 finer than the unit: the instrument's exponent is too small.
    TooFine,
    /// Larger than the integer holds.
    TooLarge,
}

/// Decimals that every [`Amount`] has.
pub const AMOUNT_DIGITS: u8 = 12;
/// Most decimals a price or quantity can have.
pub const DIGITS_MAX: u8 = 18;

/// Returns the text's value in units of 10^-`digits`; trailing zeros are not digits.
///
/// # Errors
/// A [`NumberFault`] where the text is no plain non-negative decimal or does not fit.
pub fn parse_fixed(text: &[u8], digits: u8) -> Result<i64, NumberFault> {
    let value = parse_signed(text, digits)?;
    if value < 0 || text.first() == Some(&b'-') {
        return Err(NumberFault::Negative);
    }
    i64::try_from(value).map_err(|_| NumberFault::TooLarge)
}

/// Returns the text's value in units of 10^-`digits`, a leading minus allowed.
///
/// # Errors
/// As [`parse_fixed`], but never [`NumberFault::Negative`].
pub fn parse_signed(text: &[u8], digits: u8) -> Result<i128, NumberFault> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) if point + 1 == text.len() => return Err(NumberFault::Syntax),
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &text[text.len()..]),
    };
    if whole.is_empty() {
        return Err(NumberFault::Syntax);
    }
    let mut value = 0_i128;
    for byte in whole {
        value = push_digit(value, *byte)?;
    }
    let mut left = digits;
    for byte in fraction {
        if left > 0 {
            value = push_digit(value, *byte)?;
            left -= 1;
        } else if *byte != b'0' {
            return Err(fault_of(*byte).unwrap_or(NumberFault::TooFine));
        }
    }
    let value = value
        .checked_mul(pow10(left))
        .ok_or(NumberFault::TooLarge)?;
    Ok(if negative { -value } else { value })
}

fn push_digit(value: i128, byte: u8) -> Result<i128, NumberFault> {
    if let Some(fault) = fault_of(byte) {
        return Err(fault);
    }
    value
        .checked_mul(10)
        .and_then(|value| value.checked_add(i128::from(byte - b'0')))
        .ok_or(NumberFault::TooLarge)
}

fn fault_of(byte: u8) -> Option<NumberFault> {
    match byte {
        b'0'..=b'9' => None,
        b'e' | b'E' => Some(NumberFault::Exponent),
        _ => Some(NumberFault::Syntax),
    }
}

/// Returns 10^`digits`.
///
/// # Panics
/// Where `digits` is over 38.
#[inline]
pub const fn pow10(digits: u8) -> i128 {
    POWERS[digits as usize]
}

/// A power in a table: computing it takes longer than all comparisons of the gate together.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut digits = 1;
    while digits < powers.len() {
        powers[digits] = powers[digits - 1] * 10;
        digits += 1;
    }
    powers
};

/// A value with its number of decimals, shown without exponent or trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The value in units of 10^-digits.
    pub value: i128,
    /// The number of decimals, at most 38.
    pub digits: u8,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = pow10(self.digits).unsigned_abs();
        let magnitude = self.value.unsigned_abs();
        let (whole, mut fraction) = (magnitude / unit, magnitude % unit);
        let sign = if self.value < 0 { "-" } else { "" };
        if fraction == 0 {
            return f.pad(digits(format_args!("{sign}{whole}")).as_str());
        }
        let mut width = usize::from(self.digits);
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        f.pad(digits(format_args!("{sign}{whole}.{fraction:0width$}")).as_str())
    }
}

/// Returns a number's text without an allocation: reasons of orders are written on the engine thread.
fn digits(words: fmt::Arguments<'_>) -> Text<TEXT_BYTES_MAX> {
    Text::format(words)
}

/// Bytes of a number's text: a sign, at most 39 digits, a point and at most 38 decimals.
const TEXT_BYTES_MAX: usize = 96;

impl Price {
    /// Returns the sum, or `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Returns the price as decimal text's parts.
    pub const fn decimal(self, digits: u8) -> Decimal {
        Decimal {
            value: self.0 as i128,
            digits,
        }
    }
}

impl Qty {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Returns the sum, or `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Returns the difference, or `None` on overflow.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Returns the magnitude, saturating.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Returns the quantity as decimal text's parts.
    pub const fn decimal(self, digits: u8) -> Decimal {
        Decimal {
            value: self.0 as i128,
            digits,
        }
    }
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One whole unit.
    pub const ONE: Self = Self(pow10(AMOUNT_DIGITS));

    /// Returns the amount of `value` in units of 10^-`digits`, rounded half to even at 10^-12.
    pub fn from_fixed(value: i128, digits: u8) -> Option<Self> {
        match AMOUNT_DIGITS.checked_sub(digits) {
            Some(finer) => checked_mul(value, pow10(finer)).map(Self),
            None => {
                let unit = *POWERS.get(usize::from(digits))?;
                mul_div_half_even(value, Self::ONE.0, unit).map(Self)
            }
        }
    }

    /// Returns `self * numerator / denominator`, rounded half to even, or `None` on overflow or division by zero.
    pub fn mul_div(self, numerator: i128, denominator: i128) -> Option<Self> {
        mul_div_half_even(self.0, numerator, denominator).map(Self)
    }

    /// Returns the product with a ratio such as a fee rate, rounded half to even.
    pub fn times(self, ratio: Self) -> Option<Self> {
        self.mul_div(ratio.0, Self::ONE.0)
    }

    /// Returns `self / other` as a ratio, rounded half to even.
    pub fn ratio_to(self, other: Self) -> Option<Self> {
        mul_div_half_even(self.0, Self::ONE.0, other.0).map(Self)
    }

    /// Returns the sum, or `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Returns the difference, or `None` on overflow.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Returns the magnitude, saturating.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Returns the nearest float, for display and scripts only.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// Returns the amount of a finite float below 10^18 in magnitude, through its shortest decimal text.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() >= 1e18 {
            return None;
        }
        // What is cut off of a very small number is far behind the last decimal.
        parse_rounded(Text::<255>::format(format_args!("{value}")).as_str()).map(Self)
    }

    /// Returns the amount as decimal text's parts.
    pub const fn decimal(self) -> Decimal {
        Decimal {
            value: self.0,
            digits: AMOUNT_DIGITS,
        }
    }
}

/// Parses plain decimal text of any fineness, cutting what is finer than 10^-12.
fn parse_rounded(text: &str) -> Option<i128> {
    let end = match text.find('.') {
        Some(point) => text.len().min(point + 1 + usize::from(AMOUNT_DIGITS)),
        None => text.len(),
    };
    parse_signed(text.get(..end)?.as_bytes(), AMOUNT_DIGITS).ok()
}

/// Returns the product, or `None` on overflow; quick where both factors have at most 64 bits.
#[inline]
pub fn checked_mul(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

/// Returns `a * b / divisor` rounded half to even, or `None` where it has no value or does not fit.
pub fn mul_div(a: i128, b: i128, divisor: i128) -> Option<i128> {
    mul_div_half_even(a, b, divisor)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl FromStr for Amount {
    type Err = NumberFault;

    fn from_str(text: &str) -> Result<Self, NumberFault> {
        parse_signed(text.as_bytes(), AMOUNT_DIGITS).map(Self)
    }
}

impl fmt::Display for NumberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a decimal number",
            Self::Exponent => "an exponent",
            Self::Negative => "below zero",
            Self::TooFine => "finer than the instrument's digits",
            Self::TooLarge => "too large",
        })
    }
}

impl std::error::Error for NumberFault {}

/// Human-readable forms take the decimal text; binary forms the integer.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i128(self.0)
        }
    }
}

/// Takes decimal text or, as TOML writes shares, a number: `"0.05"`, `0.05` and `10000` all work.
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number with at most 12 decimals")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                text.parse()
                    .map_err(|fault| E::custom(format_args!("{text:?}: {fault}")))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Amount, E> {
                Amount::from_f64(value)
                    .ok_or_else(|| E::custom(format_args!("{value} is out of range")))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Amount, E> {
                Ok(Amount(i128::from(value) * Amount::ONE.0))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Amount, E> {
                Ok(Amount(i128::from(value) * Amount::ONE.0))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Visitor)
        } else {
            i128::deserialize(deserializer).map(Amount)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_becomes_an_integer_or_a_named_fault() {
        let cases: &[(&str, u8, Result<i64, NumberFault>)] = &[
            ("61837.63000000", 2, Ok(6_183_763)),
            ("61837.63000000", 8, Ok(6_183_763_000_000)),
            ("0.00000000", 5, Ok(0)),
            ("15", 3, Ok(15_000)),
            ("0.001", 2, Err(NumberFault::TooFine)),
            ("-1", 2, Err(NumberFault::Negative)),
            ("-0", 2, Err(NumberFault::Negative)),
            ("1e5", 2, Err(NumberFault::Exponent)),
            ("1.00e5", 2, Err(NumberFault::Exponent)),
            ("", 2, Err(NumberFault::Syntax)),
            (".5", 2, Err(NumberFault::Syntax)),
            ("5.", 2, Err(NumberFault::Syntax)),
            ("1.2.3", 2, Err(NumberFault::Syntax)),
            ("1.00x", 2, Err(NumberFault::Syntax)),
            ("9223372036854775807", 0, Ok(i64::MAX)),
            ("9223372036854775808", 0, Err(NumberFault::TooLarge)),
            (
                "1234567890123456789012345678901234567890",
                0,
                Err(NumberFault::TooLarge),
            ),
        ];
        for (text, digits, want) in cases {
            assert_eq!(
                parse_fixed(text.as_bytes(), *digits),
                *want,
                "{text} at {digits}"
            );
        }
    }

    #[test]
    fn a_decimal_shows_without_trailing_zeros() {
        let cases = [
            (6_183_763, 2, "61837.63"),
            (100, 2, "1"),
            (-5, 3, "-0.005"),
            (0, 8, "0"),
            (120, 3, "0.12"),
        ];
        for (value, digits, text) in cases {
            assert_eq!(Decimal { value, digits }.to_string(), text);
        }
    }

    #[test]
    fn amounts_come_from_floats_through_their_shortest_text() {
        assert_eq!(Amount::from_f64(0.05), "0.05".parse().ok());
        assert_eq!(Amount::from_f64(-1e-12), Some(Amount(-1)));
        assert_eq!(Amount::from_f64(1e-13), Some(Amount(0)));
        assert_eq!(Amount::from_f64(f64::NAN), None);
        assert_eq!(Amount::from_f64(1e18), None);
    }
}
