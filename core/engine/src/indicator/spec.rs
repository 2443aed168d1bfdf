//! What an indicator is: its kind and arguments, checked once.
//!
//! Called by strategies when a script declares an indicator, and when a reload compares the old
//! declaration with the new one; never on the hot path.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Kind and arguments of an indicator; equal ones have equal values on equal input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum IndicatorSpec {
    /// Mean of the last `length` closes.
    Sma {
        /// Number of closes.
        length: u32,
    },
    /// Exponential average with weight 2 / (`length` + 1), seeded with the mean of the first `length` closes.
    Ema {
        /// Number of closes that the weight stands for.
        length: u32,
    },
    /// Mean of the last `length` closes with weights 1, 2, ... `length`, the newest weighing most.
    Wma {
        /// Number of closes.
        length: u32,
    },
    /// Wilder's relative strength index, 0 to 100; 50 where nothing moved.
    Rsi {
        /// Number of changes.
        length: u32,
    },
    /// Difference of two exponential averages, its own exponential average, and the difference of these.
    Macd {
        /// Length of the fast average.
        fast: u32,
        /// Length of the slow average; more than the fast one's.
        slow: u32,
        /// Length of the average of the difference.
        signal: u32,
    },
    /// Wilder's average true range; the first bar's range is its high less its low.
    Atr {
        /// Number of bars.
        length: u32,
    },
    /// Wilder's average directional index with the two directional indicators, each 0 to 100.
    Adx {
        /// Number of bars.
        length: u32,
    },
    /// Mean of the last `length` closes, and `width` population standard deviations above and below.
    Bollinger {
        /// Number of closes.
        length: u32,
        /// Standard deviations from the middle to a band.
        width: f64,
    },
    /// Middle, highest high and lowest low of the last `length` bars, the newest among them.
    Donchian {
        /// Number of bars.
        length: u32,
    },
    /// Change of the close over `length` bars, in percent; 0 where the old close is 0.
    Roc {
        /// Number of bars.
        length: u32,
    },
    /// Population standard deviation of the last `length` closes.
    Deviation {
        /// Number of closes.
        length: u32,
    },
    /// Distance of the close from the mean of the last `length`, in population standard deviations; 0 where these are 0.
    ZScore {
        /// Number of closes.
        length: u32,
    },
    /// Mean of (high + low + close) / 3 over the last `length` bars, weighted by volume; the last such
    /// price where nothing traded.
    Vwap {
        /// Number of bars.
        length: u32,
    },
    /// Population standard deviation of the mid's returns from second to second, as a fraction.
    MidVol {
        /// Length of the window, whole seconds.
        window_ms: u32,
    },
}

/// Why arguments make no indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecFault {
    /// A length outside of the kind's range: choose one within.
    Length {
        /// The argument's name.
        name: &'static str,
        /// The least allowed.
        min: u32,
        /// The most allowed.
        max: u32,
    },
    /// The fast length is not below the slow one: exchange them.
    Order,
    /// The band's width is not above 0 and at most 100.
    Width,
    /// The window is not of whole seconds.
    WholeSeconds,
}

/// Longest length of an indicator, in updates.
pub const LENGTH_MAX: u32 = 10_000;
/// Longest window of [`IndicatorSpec::MidVol`].
pub const WINDOW_MS_MAX: u32 = 3_600_000;
/// Between two samples of the mid.
pub const SAMPLE_MS: u32 = 1_000;

impl IndicatorSpec {
    /// Checks the arguments.
    ///
    /// # Errors
    /// A [`SpecFault`] that names the argument and its range.
    pub fn validate(&self) -> Result<(), SpecFault> {
        match *self {
            Self::Sma { length }
            | Self::Ema { length }
            | Self::Wma { length }
            | Self::Rsi { length }
            | Self::Atr { length }
            | Self::Adx { length }
            | Self::Donchian { length }
            | Self::Roc { length }
            | Self::Vwap { length } => within("length", length, 1, LENGTH_MAX),
            Self::Deviation { length } | Self::ZScore { length } => {
                within("length", length, 2, LENGTH_MAX)
            }
            Self::Macd { fast, slow, signal } => {
                within("fast", fast, 1, LENGTH_MAX)?;
                within("slow", slow, 2, LENGTH_MAX)?;
                within("signal", signal, 1, LENGTH_MAX)?;
                if fast < slow {
                    Ok(())
                } else {
                    Err(SpecFault::Order)
                }
            }
            Self::Bollinger { length, width } => {
                within("length", length, 2, LENGTH_MAX)?;
                let is_width = width > 0.0 && width <= 100.0;
                if is_width {
                    Ok(())
                } else {
                    Err(SpecFault::Width)
                }
            }
            Self::MidVol { window_ms } => {
                within("window_ms", window_ms, 2 * SAMPLE_MS, WINDOW_MS_MAX)?;
                if window_ms.is_multiple_of(SAMPLE_MS) {
                    Ok(())
                } else {
                    Err(SpecFault::WholeSeconds)
                }
            }
        }
    }

    /// Returns the names of the outputs; the first is the indicator's value.
    pub const fn outputs(&self) -> &'static [&'static str] {
        match self {
            Self::Macd { .. } => &["value", "signal", "histogram"],
            Self::Adx { .. } => &["value", "plus_di", "minus_di"],
            Self::Bollinger { .. } | Self::Donchian { .. } => &["value", "upper", "lower"],
            _ => &["value"],
        }
    }

    /// Returns how many updates it takes until the indicator is warm.
    pub const fn warm_updates(&self) -> u32 {
        match *self {
            Self::Sma { length }
            | Self::Ema { length }
            | Self::Wma { length }
            | Self::Atr { length }
            | Self::Donchian { length }
            | Self::Deviation { length }
            | Self::ZScore { length }
            | Self::Vwap { length }
            | Self::Bollinger { length, .. } => length,
            Self::Rsi { length } | Self::Roc { length } => length + 1,
            Self::Adx { length } => 2 * length,
            Self::Macd { slow, signal, .. } => slow + signal - 1,
            Self::MidVol { window_ms } => window_ms / SAMPLE_MS + 1,
        }
    }

    /// Returns the longest period, of which three are the history that a strategy loads.
    pub const fn period(&self) -> u32 {
        match *self {
            Self::Macd { slow, .. } => slow,
            Self::Sma { length }
            | Self::Ema { length }
            | Self::Wma { length }
            | Self::Rsi { length }
            | Self::Atr { length }
            | Self::Adx { length }
            | Self::Bollinger { length, .. }
            | Self::Donchian { length }
            | Self::Roc { length }
            | Self::Deviation { length }
            | Self::ZScore { length }
            | Self::Vwap { length } => length,
            Self::MidVol { window_ms } => window_ms / SAMPLE_MS,
        }
    }
}

fn within(name: &'static str, value: u32, min: u32, max: u32) -> Result<(), SpecFault> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(SpecFault::Length { name, min, max })
    }
}

impl fmt::Display for SpecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { name, min, max } => {
                write!(f, "{name} must be from {min} to {max}")
            }
            Self::Order => f.write_str("the fast length must be below the slow one"),
            Self::Width => f.write_str("the width must be above 0 and at most 100"),
            Self::WholeSeconds => f.write_str("the window must be of whole seconds"),
        }
    }
}

impl std::error::Error for SpecFault {}
