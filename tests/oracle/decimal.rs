//! Exact decimal numbers of the oracle: digits and a point, nothing else.
//!
//! Slow and plain on purpose; shares no code with the engine's numbers. What does not fit panics.

use std::cmp::Ordering;
use std::fmt;

/// A decimal number: `units` times 10^-`digits`, without trailing zeros behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    units: i128,
    digits: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self {
        units: 0,
        digits: 0,
    };

    /// Reads `-?digits[.digits]`.
    ///
    /// # Panics
    /// Where the text is anything else, or has more digits than fit.
    pub fn of(text: &str) -> Self {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        let all = format!("{whole}{fraction}");
        assert!(
            !whole.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit()),
            "{text:?} is no decimal number"
        );
        let units: i128 = all.parse().expect("fits 38 digits");
        let digits = u32::try_from(fraction.len()).expect("short");
        Self {
            units: sign * units,
            digits,
        }
        .normal()
    }

    /// Returns the sum.
    pub fn plus(self, other: Self) -> Self {
        let digits = self.digits.max(other.digits);
        let units = self.at(digits).checked_add(other.at(digits));
        Self {
            units: units.expect("fits"),
            digits,
        }
        .normal()
    }

    /// Returns the product.
    pub fn times(self, other: Self) -> Self {
        Self {
            units: self.units.checked_mul(other.units).expect("fits"),
            digits: self.digits + other.digits,
        }
        .normal()
    }

    /// Returns whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    fn at(self, digits: u32) -> i128 {
        let more = 10_i128.checked_pow(digits - self.digits).expect("fits");
        self.units.checked_mul(more).expect("fits")
    }

    fn normal(mut self) -> Self {
        while self.digits > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.digits -= 1;
        }
        self
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let digits = self.digits.max(other.digits);
        self.at(digits).cmp(&other.at(digits))
    }
}

/// Shows the digits without exponent and without trailing zeros.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits as usize;
        let text = format!("{:0>1$}", self.units.unsigned_abs(), digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        let sign = if self.units < 0 { "-" } else { "" };
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}
