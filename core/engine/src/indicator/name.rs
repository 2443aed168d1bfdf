//! Indicators by the names that scripts use.
//!
//! Called when a strategy declares an indicator; never on the hot path.

use super::IndicatorSpec;

/// Why a name and arguments make no specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// No indicator has this name.
    Unknown,
    /// Too few or too many arguments, or one that is no whole number where a length is needed.
    Argument,
}

/// Band width of `bollinger(length)` without one.
const BOLLINGER_WIDTH: f64 = 2.0;

impl IndicatorSpec {
    /// Returns the specification of a script's `name(arguments)`; ranges are checked by [`IndicatorSpec::validate`].
    ///
    /// # Errors
    /// A [`NameFault`]
    pub fn from_name(name: &str, arguments: &[f64]) -> Result<Self, NameFault> {
        let length = |index: usize| whole(arguments.get(index).copied());
        let spec = match (name, arguments.len()) {
            ("sma", 1) => Self::Sma { length: length(0)? },
            ("ema", 1) => Self::Ema { length: length(0)? },
            ("wma", 1) => Self::Wma { length: length(0)? },
            ("rsi", 1) => Self::Rsi { length: length(0)? },
            ("atr", 1) => Self::Atr { length: length(0)? },
            ("adx", 1) => Self::Adx { length: length(0)? },
            ("donchian", 1) => Self::Donchian { length: length(0)? },
            ("roc", 1) => Self::Roc { length: length(0)? },
            ("stddev", 1) => Self::Deviation { length: length(0)? },
            ("zscore", 1) => Self::ZScore { length: length(0)? },
            ("vwap", 1) => Self::Vwap { length: length(0)? },
            ("mid_vol", 1) => Self::MidVol {
                window_ms: length(0)?,
            },
            ("macd", 3) => Self::Macd {
                fast: length(0)?,
                slow: length(1)?,
                signal: length(2)?,
            },
            ("bollinger", 1) => Self::Bollinger {
                length: length(0)?,
                width: BOLLINGER_WIDTH,
            },
            ("bollinger", 2) => Self::Bollinger {
                length: length(0)?,
                width: arguments[1],
            },
            (known, _) if NAMES.contains(&known) => return Err(NameFault::Argument),
            _ => return Err(NameFault::Unknown),
        };
        Ok(spec)
    }
}

/// Every name that [`IndicatorSpec::from_name`] knows.
pub const NAMES: [&str; 14] = [
    "sma",
    "ema",
    "wma",
    "rsi",
    "atr",
    "adx",
    "donchian",
    "roc",
    "stddev",
    "zscore",
    "vwap",
    "mid_vol",
    "macd",
    "bollinger",
];

fn whole(argument: Option<f64>) -> Result<u32, NameFault> {
    let value = argument.ok_or(NameFault::Argument)?;
    if value.trunc() == value && (0.0..=f64::from(u32::MAX)).contains(&value) {
        Ok(value as u32)
    } else {
        Err(NameFault::Argument)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_an_indicator_and_no_other_does() {
        for name in NAMES {
            let arguments: &[f64] = match name {
                "macd" => &[12.0, 26.0, 9.0],
                "mid_vol" => &[60_000.0],
                _ => &[14.0],
            };
            let spec = IndicatorSpec::from_name(name, arguments).expect(name);
            assert_eq!(spec.validate(), Ok(()), "{name}");
            assert_eq!(
                IndicatorSpec::from_name(name, &[]),
                Err(NameFault::Argument),
                "{name}"
            );
            assert_eq!(
                IndicatorSpec::from_name(name, &[1.5; 3]),
                Err(NameFault::Argument),
                "{name}"
            );
        }
        assert_eq!(
            IndicatorSpec::from_name("emma", &[14.0]),
            Err(NameFault::Unknown)
        );
    }
}
