//! The table of indicators: every kind with its name, arguments, sources, outputs and definition.
//!
//! Data only; what its columns mean stands in [`super::definition`].

use super::definition::Family::{Averages, Channels, Flow, Momentum, Statistics, Trend};
use super::definition::{
    ArgumentDefinition, IndicatorDefinition, IndicatorKind as Kind, OutputDefinition, SourceKind,
};

/// Longest length of an indicator, in updates.
pub const LENGTH_MAX: u32 = 10_000;
/// Longest window of an indicator over time.
pub const WINDOW_MS_MAX: u32 = 3_600_000;
/// Between two samples of the mid.
pub const SAMPLE_MS: u32 = 1_000;
/// Slices that a window of time is counted in.
pub const SLICES: u32 = 100;
/// Longest length of an indicator that looks at its whole window with each update.
pub const SCAN_MAX: u32 = 1_000;
/// Most arguments of an indicator.
pub const ARGUMENTS_MAX: usize = 4;
/// Most outputs of an indicator.
pub const OUTPUTS_MAX: usize = 4;

const ANY: &[SourceKind] = &[SourceKind::Bars, SourceKind::Trades, SourceKind::Mid];
const BARS: &[SourceKind] = &[SourceKind::Bars];
const TRADED: &[SourceKind] = &[SourceKind::Bars, SourceKind::Trades];
const TRADES: &[SourceKind] = &[SourceKind::Trades];
const MID: &[SourceKind] = &[SourceKind::Mid];
const BOOK: &[SourceKind] = &[SourceKind::Book];

const VALUE: &[OutputDefinition] = &[output("value", 0)];
const BANDS: &[OutputDefinition] = &[
    output("value", 0),
    output("middle", 0),
    output("upper", 1),
    output("lower", 2),
];

/// Every indicator, in the order of [`Kind`].
pub static DEFINITIONS: [IndicatorDefinition; 36] = [
    IndicatorDefinition {
        kind: Kind::Sma,
        name: "sma",
        family: Averages,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Mean of the last `length` values.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::Ema,
        name: "ema",
        family: Averages,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Exponential average: each value weighs 2 / (`length` + 1), older ones fade.",
        notes: "Seeded with the mean of the first `length` values, as TA-Lib; others seed with the first value.",
    },
    IndicatorDefinition {
        kind: Kind::Wma,
        name: "wma",
        family: Averages,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Mean of the last `length` values with weights 1, 2, ... `length`, the newest weighing most.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::Dema,
        name: "dema",
        family: Averages,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Double exponential average (Mulloy): 2 e1 - e2, where e2 is the average of e1.",
        notes: "Each average is seeded with the mean of its first `length` values, as TA-Lib.",
    },
    IndicatorDefinition {
        kind: Kind::Tema,
        name: "tema",
        family: Averages,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Triple exponential average (Mulloy): 3 e1 - 3 e2 + e3.",
        notes: "Each average is seeded with the mean of its first `length` values, as TA-Lib.",
    },
    IndicatorDefinition {
        kind: Kind::Hma,
        name: "hma",
        family: Averages,
        arguments: &[length(2)],
        sources: ANY,
        outputs: VALUE,
        help: "Hull's average: `wma(sqrt(length))` of 2 `wma(length / 2)` - `wma(length)`.",
        notes: "Half and root are cut to whole numbers, as Hull wrote it; some libraries round.",
    },
    IndicatorDefinition {
        kind: Kind::Kama,
        name: "kama",
        family: Averages,
        arguments: &[
            whole("length", Some(10.0), 1, LENGTH_MAX),
            whole("fast", Some(2.0), 1, LENGTH_MAX),
            whole("slow", Some(30.0), 2, LENGTH_MAX),
        ],
        sources: ANY,
        outputs: VALUE,
        help: "Kaufman's adaptive average: as fast as an `ema(fast)` in a straight move, as slow as an `ema(slow)` in noise; `length` values measure which.",
        notes: "Starts at the value before the first warm one; a window without any move counts as straight, both as TA-Lib.",
    },
    IndicatorDefinition {
        kind: Kind::Vwap,
        name: "vwap",
        family: Averages,
        arguments: &[whole("length", Some(0.0), 0, LENGTH_MAX)],
        sources: TRADED,
        outputs: VALUE,
        help: "Mean of (high + low + close) / 3 over the last `length` bars, weighted by volume; of 0 bars: since the UTC day began.",
        notes: "The last such price where nothing traded. The first day counts from its first bar that was seen.",
    },
    IndicatorDefinition {
        kind: Kind::VolumeSma,
        name: "volume_sma",
        family: Averages,
        arguments: &[length(1)],
        sources: TRADED,
        outputs: VALUE,
        help: "Mean volume of the last `length` bars, base units.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::Rsi,
        name: "rsi",
        family: Momentum,
        arguments: &[defaulted(14, 1)],
        sources: ANY,
        outputs: VALUE,
        help: "Wilder's relative strength index of `length` changes, 0 to 100.",
        notes: "Wilder's smoothing (weight 1 / `length`), seeded with the mean of the first `length` changes, as TA-Lib; 50 where nothing moved, TA-Lib says 0.",
    },
    IndicatorDefinition {
        kind: Kind::Macd,
        name: "macd",
        family: Momentum,
        arguments: &[
            whole("fast", Some(12.0), 1, LENGTH_MAX),
            whole("slow", Some(26.0), 2, LENGTH_MAX),
            whole("signal", Some(9.0), 1, LENGTH_MAX),
        ],
        sources: ANY,
        outputs: &[
            output("value", 0),
            output("signal", 1),
            output("histogram", 2),
        ],
        help: "`ema(fast)` less `ema(slow)`, its own `ema(signal)`, and the difference of these.",
        notes: "Each average is seeded with its own first values; TA-Lib seeds the fast one later, with the values before the slow one is warm. The difference fades.",
    },
    IndicatorDefinition {
        kind: Kind::Stochastic,
        name: "stochastic",
        family: Momentum,
        arguments: &[
            defaulted(14, 1),
            whole("smooth", Some(3.0), 1, LENGTH_MAX),
            whole("signal", Some(3.0), 1, LENGTH_MAX),
        ],
        sources: BARS,
        outputs: &[output("value", 0), output("k", 0), output("d", 1)],
        help: "Place of the close in the range of `length` bars, 0 to 100: `k` is its mean over `smooth` bars, `d` the mean of `k` over `signal`.",
        notes: "Both are simple means, as TA-Lib's STOCH; 1 for `smooth` is the fast stochastic. 50 where the range is 0, TA-Lib says 0.",
    },
    IndicatorDefinition {
        kind: Kind::Cci,
        name: "cci",
        family: Momentum,
        arguments: &[whole("length", Some(20.0), 2, SCAN_MAX)],
        sources: BARS,
        outputs: VALUE,
        help: "Commodity channel index: distance of (high + low + close) / 3 from its mean, in 0.015 mean absolute deviations.",
        notes: "0 where nothing deviates. Looks at its whole window with each bar: a mean absolute deviation cannot be moved on.",
    },
    IndicatorDefinition {
        kind: Kind::WilliamsR,
        name: "williams_r",
        family: Momentum,
        arguments: &[defaulted(14, 1)],
        sources: BARS,
        outputs: VALUE,
        help: "Williams' %R: distance of the close from the highest high of `length` bars in the range, -100 to 0.",
        notes: "-50 where the range is 0, TA-Lib says 0.",
    },
    IndicatorDefinition {
        kind: Kind::Mfi,
        name: "mfi",
        family: Momentum,
        arguments: &[defaulted(14, 1)],
        sources: BARS,
        outputs: VALUE,
        help: "Money flow index: share of the turnover of `length` bars in which (high + low + close) / 3 rose, 0 to 100.",
        notes: "50 where nothing flowed; TA-Lib says 0 where less than 1 flowed in all. Prices that differ by less than a rounding are equal.",
    },
    IndicatorDefinition {
        kind: Kind::Obv,
        name: "obv",
        family: Momentum,
        arguments: &[],
        sources: BARS,
        outputs: VALUE,
        help: "On-balance volume: volumes of rising closes less those of falling ones since the first bar, base units.",
        notes: "The first bar counts as rising, as TA-Lib.",
    },
    IndicatorDefinition {
        kind: Kind::Roc,
        name: "roc",
        family: Momentum,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Change over `length` values in percent; 0 where the old value is 0.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::Atr,
        name: "atr",
        family: Channels,
        arguments: &[defaulted(14, 1)],
        sources: BARS,
        outputs: VALUE,
        help: "Wilder's average true range of `length` bars, in quote.",
        notes: "The first bar's range is its high less its low and counts, as Wilder wrote it; TA-Lib leaves the first bar out. The difference fades.",
    },
    IndicatorDefinition {
        kind: Kind::Adx,
        name: "adx",
        family: Trend,
        arguments: &[defaulted(14, 1)],
        sources: BARS,
        outputs: &[
            output("value", 0),
            output("plus_di", 1),
            output("minus_di", 2),
        ],
        help: "Wilder's average directional index with the two directional indicators, each 0 to 100.",
        notes: "Movements are summed over the first `length` changes, as Wilder wrote it; TA-Lib begins with one less. Warm after 2 `length` bars. The difference fades.",
    },
    IndicatorDefinition {
        kind: Kind::Sar,
        name: "sar",
        family: Trend,
        arguments: &[
            number("acceleration", Some(0.02), 1e-6, 1.0),
            number("maximum", Some(0.2), 1e-6, 1.0),
        ],
        sources: BARS,
        outputs: &[output("value", 0), output("direction", 1)],
        help: "Wilder's parabolic stop and reverse; `direction` is 1 while it is below the price, -1 above.",
        notes: "Starts with the second bar: short where its low fell by more than its high rose, else long, at the first bar's other end, as TA-Lib.",
    },
    IndicatorDefinition {
        kind: Kind::Supertrend,
        name: "supertrend",
        family: Trend,
        arguments: &[
            defaulted(10, 1),
            number("multiplier", Some(3.0), 0.01, 100.0),
        ],
        sources: BARS,
        outputs: &[output("value", 0), output("direction", 1)],
        help: "The middle of the bar less (or plus) `multiplier` x `atr(length)`, which only moves towards the price until a close passes it; `direction` is 1 below the price, -1 above.",
        notes: "Begins with -1, as TradingView; other libraries begin with 1. They agree from the first close beyond the upper band on.",
    },
    IndicatorDefinition {
        kind: Kind::Ichimoku,
        name: "ichimoku",
        family: Trend,
        arguments: &[
            whole("conversion", Some(9.0), 1, LENGTH_MAX),
            whole("base", Some(26.0), 1, LENGTH_MAX),
            whole("span", Some(52.0), 1, LENGTH_MAX),
            whole("displacement", Some(26.0), 1, LENGTH_MAX),
        ],
        sources: BARS,
        outputs: &[
            output("value", 0),
            output("conversion", 0),
            output("base", 1),
            output("span_a", 2),
            output("span_b", 3),
        ],
        help: "Middles of the ranges of `conversion` and `base` bars, and the cloud at the present bar: `span_a`, the middle of both, and `span_b`, that of `span` bars.",
        notes: "The cloud at a bar was computed `displacement` - 1 bars before: the bar counts as the first, as on charts. The lagging line is the close.",
    },
    IndicatorDefinition {
        kind: Kind::Bollinger,
        name: "bollinger",
        family: Channels,
        arguments: &[
            whole("length", Some(20.0), 2, LENGTH_MAX),
            number("width", Some(2.0), 1e-6, 100.0),
        ],
        sources: ANY,
        outputs: BANDS,
        help: "Mean of the last `length` values, and `width` standard deviations above and below.",
        notes: "Population deviation, as Bollinger wrote it and TA-Lib has it; some libraries take the sample's.",
    },
    IndicatorDefinition {
        kind: Kind::Keltner,
        name: "keltner",
        family: Channels,
        arguments: &[
            defaulted(20, 1),
            number("multiplier", Some(2.0), 1e-6, 100.0),
            whole("atr_length", Some(10.0), 1, LENGTH_MAX),
        ],
        sources: BARS,
        outputs: BANDS,
        help: "`ema(length)` of the close, and `multiplier` x `atr(atr_length)` above and below.",
        notes: "The common form with exponential average and true range; Keltner's own had the mean of (high + low + close) / 3 and the bar's range.",
    },
    IndicatorDefinition {
        kind: Kind::Donchian,
        name: "donchian",
        family: Channels,
        arguments: &[defaulted(20, 1)],
        sources: BARS,
        outputs: BANDS,
        help: "Highest high and lowest low of the last `length` bars, the newest among them, and their middle.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::Highest,
        name: "highest",
        family: Channels,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Highest high of the last `length` bars, or highest of the last values.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::Lowest,
        name: "lowest",
        family: Channels,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Lowest low of the last `length` bars, or lowest of the last values.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::LinReg,
        name: "linreg",
        family: Statistics,
        arguments: &[length(2)],
        sources: ANY,
        outputs: &[
            output("value", 0),
            output("slope", 1),
            output("intercept", 2),
        ],
        help: "Least-squares line through the last `length` values: its end, its rise per value, and its beginning.",
        notes: "",
    },
    IndicatorDefinition {
        kind: Kind::StdDev,
        name: "stddev",
        family: Statistics,
        arguments: &[length(2)],
        sources: ANY,
        outputs: VALUE,
        help: "Standard deviation of the last `length` values.",
        notes: "Of the population (divided by `length`), as TA-Lib; some libraries divide by `length` - 1.",
    },
    IndicatorDefinition {
        kind: Kind::ZScore,
        name: "zscore",
        family: Statistics,
        arguments: &[length(2)],
        sources: ANY,
        outputs: VALUE,
        help: "Distance of the value from the mean of the last `length`, in standard deviations; 0 where these are 0.",
        notes: "Population deviation; some libraries take the sample's.",
    },
    IndicatorDefinition {
        kind: Kind::RealizedVol,
        name: "realized_vol",
        family: Statistics,
        arguments: &[length(1)],
        sources: ANY,
        outputs: VALUE,
        help: "Realized volatility: root of the sum of the last `length` squared logarithmic returns, as a fraction for the whole window.",
        notes: "The mean is not taken off and nothing is annualized (Andersen and Bollerslev).",
    },
    IndicatorDefinition {
        kind: Kind::MidVol,
        name: "mid_vol",
        family: Statistics,
        arguments: &[ArgumentDefinition {
            name: "window_ms",
            default: None,
            min: 2.0 * SAMPLE_MS as f64,
            max: WINDOW_MS_MAX as f64,
            multiple_of: SAMPLE_MS,
        }],
        sources: MID,
        outputs: VALUE,
        help: "Standard deviation of the mid's returns from second to second over the window, as a fraction.",
        notes: "Population deviation; a second's mid is the last one in it.",
    },
    IndicatorDefinition {
        kind: Kind::Ofi,
        name: "ofi",
        family: Flow,
        arguments: &[WINDOW],
        sources: BOOK,
        outputs: VALUE,
        help: "Order-flow imbalance at the touch over the window, base units: what was added to the bid or taken from the ask, less the opposite.",
        notes: "Cont, Kukanov and Stoikov (2014), summed, not scaled. The window moves in hundredths of itself.",
    },
    IndicatorDefinition {
        kind: Kind::BookImbalance,
        name: "book_imbalance",
        family: Flow,
        arguments: &[
            whole("levels", Some(5.0), 1, SCAN_MAX),
            whole("length", Some(1.0), 1, LENGTH_MAX),
        ],
        sources: BOOK,
        outputs: VALUE,
        help: "(bid - ask) / (bid + ask) quantity of the best `levels`, -1 to 1, smoothed as `ema(length)` over the book's changes.",
        notes: "A `length` of 1 is the book as it is.",
    },
    IndicatorDefinition {
        kind: Kind::TradeFlow,
        name: "trade_flow",
        family: Flow,
        arguments: &[WINDOW],
        sources: TRADES,
        outputs: &[
            output("value", 0),
            output("buy_qty", 1),
            output("sell_qty", 2),
        ],
        help: "(bought - sold) / (bought + sold) by aggressors over the window, -1 to 1, 0 where nothing traded; and both quantities, base units.",
        notes: "The window moves in hundredths of itself.",
    },
    IndicatorDefinition {
        kind: Kind::Vpin,
        name: "vpin",
        family: Flow,
        arguments: &[
            number("bucket_qty", None, 1e-9, 1e15),
            whole("buckets", Some(50.0), 1, LENGTH_MAX),
        ],
        sources: TRADES,
        outputs: VALUE,
        help: "Volume-synchronized probability of informed trading: mean of |bought - sold| / `bucket_qty` over the last `buckets` buckets of that quantity, 0 to 1.",
        notes: "Easley, Lopez de Prado and O'Hara (2012), with the aggressors that the venue names in place of a guess from price changes; a trade is split where a bucket is full.",
    },
];

const WINDOW: ArgumentDefinition = ArgumentDefinition {
    name: "window_ms",
    default: None,
    min: SLICES as f64,
    max: WINDOW_MS_MAX as f64,
    multiple_of: SLICES,
};

/// A length that must be given.
const fn length(min: u32) -> ArgumentDefinition {
    whole("length", None, min, LENGTH_MAX)
}

/// A length with the usual default.
const fn defaulted(default: u32, min: u32) -> ArgumentDefinition {
    whole("length", Some(default as f64), min, LENGTH_MAX)
}

const fn whole(name: &'static str, default: Option<f64>, min: u32, max: u32) -> ArgumentDefinition {
    ArgumentDefinition {
        name,
        default,
        min: min as f64,
        max: max as f64,
        multiple_of: 1,
    }
}

const fn number(
    name: &'static str,
    default: Option<f64>,
    min: f64,
    max: f64,
) -> ArgumentDefinition {
    ArgumentDefinition {
        name,
        default,
        min,
        max,
        multiple_of: 0,
    }
}

const fn output(name: &'static str, place: u8) -> OutputDefinition {
    OutputDefinition { name, place }
}
