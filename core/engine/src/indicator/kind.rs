//! The arithmetic of each indicator: one update, one result.
//!
//! Called by [`super::Indicator`] only, on the engine thread. No clock, no allocation after construction;
//! the only function beyond the four operations is the square root, which IEEE 754 defines exactly.

use super::BarF64;
use super::average::Average;
use super::rolling::{Highest, Moments, Ring, WeightedMean};
use super::spec::{IndicatorSpec, SAMPLE_MS};
use claire_types::WallNs;
use claire_types::time::NS_PER_MS;
use serde::{Deserialize, Serialize};

/// Most outputs of an indicator.
pub(super) const OUTPUTS_MAX: usize = 3;

/// The values after an update; unused ones are 0.
pub(super) type Outputs = [f64; OUTPUTS_MAX];

/// The state of one indicator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Kind {
    Sma(Moments),
    Ema(Average),
    Wma(WeightedMean),
    Rsi(Rsi),
    Macd(Macd),
    Atr(Ranges),
    Adx(Adx),
    Bollinger(Moments, f64),
    Donchian(Highest, Highest),
    Roc(Ring),
    Deviation(Moments),
    ZScore(Moments),
    Vwap(Vwap),
    MidVol(MidVol),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rsi {
    close: Option<f64>,
    gain: Average,
    loss: Average,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Macd {
    fast: Average,
    slow: Average,
    signal: Average,
}

/// True ranges and their average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ranges {
    close: Option<f64>,
    average: Average,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Adx {
    before: Option<(f64, f64, f64)>,
    range: Average,
    plus: Average,
    minus: Average,
    index: Average,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Vwap {
    volume: Moments,
    turnover: Moments,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MidVol {
    returns: Moments,
    samples_max: u32,
    /// The sample before.
    sample: Option<f64>,
    /// The mid since its last change, and the number of the second in which it was last seen.
    held: Option<(f64, i64)>,
}

impl Kind {
    /// Returns the state before any update. The arguments are valid.
    pub fn new(spec: &IndicatorSpec) -> Self {
        match *spec {
            IndicatorSpec::Sma { length } => Self::Sma(Moments::new(length)),
            IndicatorSpec::Ema { length } => Self::Ema(Average::exponential(length)),
            IndicatorSpec::Wma { length } => Self::Wma(WeightedMean::new(length)),
            IndicatorSpec::Rsi { length } => Self::Rsi(Rsi::new(length)),
            IndicatorSpec::Macd { fast, slow, signal } => Self::Macd(Macd {
                fast: Average::exponential(fast),
                slow: Average::exponential(slow),
                signal: Average::exponential(signal),
            }),
            IndicatorSpec::Atr { length } => Self::Atr(Ranges {
                close: None,
                average: Average::wilder(length),
            }),
            IndicatorSpec::Adx { length } => Self::Adx(Adx::new(length)),
            IndicatorSpec::Bollinger { length, width } => {
                Self::Bollinger(Moments::new(length), width)
            }
            IndicatorSpec::Donchian { length } => {
                Self::Donchian(Highest::new(length), Highest::new(length))
            }
            IndicatorSpec::Roc { length } => Self::Roc(Ring::new(length)),
            IndicatorSpec::Deviation { length } => Self::Deviation(Moments::new(length)),
            IndicatorSpec::ZScore { length } => Self::ZScore(Moments::new(length)),
            IndicatorSpec::Vwap { length } => Self::Vwap(Vwap {
                volume: Moments::new(length),
                turnover: Moments::new(length),
            }),
            IndicatorSpec::MidVol { window_ms } => Self::MidVol(MidVol::new(window_ms)),
        }
    }

    /// Takes a bar and returns the outputs once warm.
    pub fn update(&mut self, bar: &BarF64) -> Option<Outputs> {
        let close = bar.close;
        match self {
            Self::Sma(moments) => moments.push(close).then(|| one(moments.mean())),
            Self::Ema(average) => average.push(close).map(one),
            Self::Wma(mean) => mean.push(close).map(one),
            Self::Rsi(rsi) => rsi.push(close).map(one),
            Self::Macd(macd) => macd.push(close),
            Self::Atr(ranges) => ranges.push(bar).map(one),
            Self::Adx(adx) => adx.push(bar),
            Self::Bollinger(moments, width) => moments.push(close).then(|| {
                let (middle, reach) = (moments.mean(), *width * moments.deviation());
                [middle, middle + reach, middle - reach]
            }),
            Self::Donchian(highest, lowest) => {
                let (upper, lower) = (highest.push(bar.high), lowest.push(-bar.low));
                let (upper, lower) = (upper?, -lower?);
                Some([(upper + lower) / 2.0, upper, lower])
            }
            Self::Roc(ring) => {
                let old = ring.push(close)?;
                Some(one(quotient(close - old, old) * 100.0))
            }
            Self::Deviation(moments) => moments.push(close).then(|| one(moments.deviation())),
            Self::ZScore(moments) => moments
                .push(close)
                .then(|| one(quotient(close - moments.mean(), moments.deviation()))),
            Self::Vwap(vwap) => vwap.push(bar).map(one),
            Self::MidVol(vol) => vol.push(close).map(one),
        }
    }
}

impl Rsi {
    fn new(length: u32) -> Self {
        Self {
            close: None,
            gain: Average::wilder(length),
            loss: Average::wilder(length),
        }
    }

    fn push(&mut self, close: f64) -> Option<f64> {
        let change = close - self.close.replace(close)?;
        let gain = self.gain.push(change.max(0.0));
        let loss = self.loss.push((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        if gain + loss == 0.0 {
            return Some(50.0);
        }
        Some(100.0 * gain / (gain + loss))
    }
}

impl Macd {
    fn push(&mut self, close: f64) -> Option<Outputs> {
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        let line = fast? - slow?;
        let signal = self.signal.push(line)?;
        Some([line, signal, line - signal])
    }
}

impl Ranges {
    fn push(&mut self, bar: &BarF64) -> Option<f64> {
        let range = true_range(bar, self.close.replace(bar.close));
        self.average.push(range)
    }
}

impl Adx {
    fn new(length: u32) -> Self {
        Self {
            before: None,
            range: Average::wilder(length),
            plus: Average::wilder(length),
            minus: Average::wilder(length),
            index: Average::wilder(length),
        }
    }

    fn push(&mut self, bar: &BarF64) -> Option<Outputs> {
        let (high, low, close) = self.before.replace((bar.high, bar.low, bar.close))?;
        let (up, down) = (bar.high - high, low - bar.low);
        let plus = self.plus.push(if up > down { up.max(0.0) } else { 0.0 });
        let minus = self.minus.push(if down > up { down.max(0.0) } else { 0.0 });
        let range = self.range.push(true_range(bar, Some(close)));
        let (plus, minus, range) = (plus?, minus?, range?);
        let plus = 100.0 * quotient(plus, range);
        let minus = 100.0 * quotient(minus, range);
        let index = 100.0 * quotient((plus - minus).abs(), plus + minus);
        self.index.push(index).map(|index| [index, plus, minus])
    }
}

impl Vwap {
    fn push(&mut self, bar: &BarF64) -> Option<f64> {
        let price = (bar.high + bar.low + bar.close) / 3.0;
        let is_full = self.volume.push(bar.volume);
        self.turnover.push(price * bar.volume);
        // Both means have the same count; it cancels.
        let volume = self.volume.mean();
        let average = if volume > 0.0 {
            self.turnover.mean() / volume
        } else {
            price
        };
        is_full.then_some(average)
    }
}

impl MidVol {
    fn new(window_ms: u32) -> Self {
        let samples_max = window_ms / SAMPLE_MS;
        Self {
            returns: Moments::new(samples_max),
            samples_max,
            sample: None,
            held: None,
        }
    }

    /// Takes a sample of the mid, one second after the last.
    fn push(&mut self, mid: f64) -> Option<f64> {
        let before = self.sample.replace(mid)?;
        let is_full = self.returns.push(quotient(mid - before, before));
        is_full.then(|| self.returns.deviation())
    }

    /// Takes the mid at engine time `now` and returns the sample for each second that has ended since the
    /// mid before, oldest first: a second's sample is the last mid in it. At most a window of them.
    pub fn seconds_ended(&mut self, now: WallNs, mid: f64) -> (f64, u32) {
        let second = now.0.div_euclid(i64::from(SAMPLE_MS) * NS_PER_MS);
        match self.held.replace((mid, second)) {
            Some((held, before)) if second > before => {
                let ended = second.abs_diff(before).min(u64::from(self.samples_max) + 1);
                (held, ended as u32)
            }
            Some((_, before)) => {
                // Engine time never runs backwards; if told so, the second in progress goes on.
                self.held = Some((mid, before));
                (mid, 0)
            }
            None => (mid, 0),
        }
    }
}

/// Returns the range of a bar with the gap from the close before it.
fn true_range(bar: &BarF64, close: Option<f64>) -> f64 {
    let (high, low) = match close {
        Some(close) => (bar.high.max(close), bar.low.min(close)),
        None => (bar.high, bar.low),
    };
    high - low
}

const fn one(value: f64) -> Outputs {
    [value, 0.0, 0.0]
}

/// Returns the quotient, 0 where the divisor is 0.
fn quotient(dividend: f64, divisor: f64) -> f64 {
    if divisor == 0.0 {
        0.0
    } else {
        dividend / divisor
    }
}
