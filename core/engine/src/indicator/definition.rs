//! What an indicator is called, takes, is computed on and gives: the one table.
//!
//! Read when a script declares an indicator, when a script is checked, and when the reference for users is
//! written; never on the hot path. A new kind is a line of [`super::kinds::DEFINITIONS`] and its arithmetic.

use serde::{Deserialize, Serialize};

/// Which arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndicatorKind {
    /// Mean of the last values.
    Sma,
    /// Exponential average.
    Ema,
    /// Linearly weighted average.
    Wma,
    /// Double exponential average.
    Dema,
    /// Triple exponential average.
    Tema,
    /// Hull's average.
    Hma,
    /// Kaufman's adaptive average.
    Kama,
    /// Volume-weighted average price.
    Vwap,
    /// Mean volume.
    VolumeSma,
    /// Wilder's relative strength index.
    Rsi,
    /// Convergence and divergence of two averages.
    Macd,
    /// Slow stochastic oscillator.
    Stochastic,
    /// Commodity channel index.
    Cci,
    /// Williams' %R.
    WilliamsR,
    /// Money flow index.
    Mfi,
    /// On-balance volume.
    Obv,
    /// Rate of change.
    Roc,
    /// Wilder's average true range.
    Atr,
    /// Wilder's directional index.
    Adx,
    /// Wilder's parabolic stop and reverse.
    Sar,
    /// Average true range bands that only tighten.
    Supertrend,
    /// Ichimoku's lines.
    Ichimoku,
    /// Bollinger's bands.
    Bollinger,
    /// Keltner's channel.
    Keltner,
    /// Donchian's channel.
    Donchian,
    /// Highest high.
    Highest,
    /// Lowest low.
    Lowest,
    /// Least-squares line.
    LinReg,
    /// Population standard deviation.
    StdDev,
    /// Distance from the mean in deviations.
    ZScore,
    /// Realized volatility.
    RealizedVol,
    /// Deviation of the mid's returns from second to second.
    MidVol,
    /// Order-flow imbalance at the touch.
    Ofi,
    /// Imbalance of the best levels.
    BookImbalance,
    /// Signed share of the traded quantity.
    TradeFlow,
    /// Volume-synchronized probability of informed trading.
    Vpin,
}

/// One line of the table.
#[derive(Debug, PartialEq)]
pub struct IndicatorDefinition {
    /// Which arithmetic.
    pub kind: IndicatorKind,
    /// Its name in scripts.
    pub name: &'static str,
    /// Its place in the reference.
    pub family: Family,
    /// What it takes, in order; those with a default may be left out from the end.
    pub arguments: &'static [ArgumentDefinition],
    /// What it can be computed on.
    pub sources: &'static [SourceKind],
    /// What it gives; the first is `value`. Two names of one output have the same place.
    pub outputs: &'static [OutputDefinition],
    /// What it is, in a sentence with its unit.
    pub help: &'static str,
    /// Which definition it follows where libraries differ; empty where they do not.
    pub notes: &'static str,
}

/// An argument of an indicator.
#[derive(Debug, PartialEq)]
pub struct ArgumentDefinition {
    /// Its name.
    pub name: &'static str,
    /// What it is where it is left out; `None` where it must be given.
    pub default: Option<f64>,
    /// The least allowed.
    pub min: f64,
    /// The most allowed.
    pub max: f64,
    /// Only whole numbers; where it is more than 1, only multiples of it. 0 takes any number.
    pub multiple_of: u32,
}

/// An output of an indicator.
#[derive(Debug, PartialEq, Eq)]
pub struct OutputDefinition {
    /// The property's name; with `_prev` its value one update ago.
    pub name: &'static str,
    /// Its place, as the desk counts outputs.
    pub place: u8,
}

/// What an indicator is computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Closed bars: `m.bars("5m")`.
    Bars,
    /// Each trade: its price, quantity and aggressor.
    Trades,
    /// Each change of the touch: the mid.
    Mid,
    /// Each change of the touch or of the levels near it.
    Book,
}

/// Indicators that stand together in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Averages of prices and volumes.
    Averages,
    /// How fast, and how far up or down.
    Momentum,
    /// Direction, and lines that follow it.
    Trend,
    /// Channels and bands.
    Channels,
    /// Spread of values.
    Statistics,
    /// Who trades and who waits.
    Flow,
}

impl IndicatorDefinition {
    /// Returns how many arguments must be given.
    pub fn arguments_min(&self) -> usize {
        let must = |argument: &&ArgumentDefinition| argument.default.is_none();
        self.arguments.iter().filter(must).count()
    }

    /// Returns whether it can be computed on such a source.
    pub fn takes(&self, source: SourceKind) -> bool {
        self.sources.contains(&source)
    }

    /// Returns the place of an output by its name.
    pub fn output(&self, name: &str) -> Option<u8> {
        let mut outputs = self.outputs.iter();
        outputs
            .find(|output| output.name == name)
            .map(|output| output.place)
    }
}

impl Family {
    /// Returns the heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Averages => "Averages",
            Self::Momentum => "Momentum",
            Self::Trend => "Trend",
            Self::Channels => "Ranges and channels",
            Self::Statistics => "Statistics",
            Self::Flow => "Flow",
        }
    }
}
