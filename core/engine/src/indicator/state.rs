//! The state of each indicator, and which arithmetic moves it.
//!
//! Called by [`super::Indicator`] only, on the engine thread. No clock, no allocation after construction;
//! the only functions beyond the four operations are the square root, which IEEE 754 defines exactly, and
//! libm's logarithm.

use super::average::{Adaptive, Average};
use super::definition::IndicatorKind;
use super::extreme::{Channel, Highest};
use super::flow::{Ofi, TradeFlow, Vpin};
use super::kinds::OUTPUTS_MAX;
use super::momentum::{Cci, Macd, Mfi, Obv, Rsi, Stochastic, williams_r};
use super::rolling::{Moments, Ring, Weighted};
use super::spec::IndicatorSpec;
use super::trend::{Adx, Ichimoku, Ranges, Sar, Supertrend};
use super::volatility::{MidVol, RealizedVol};
use super::volume::{DayVwap, Vwap};
use super::{BarF64, TouchF64, TradeF64};
use claire_types::WallNs;
use serde::{Deserialize, Serialize};

/// The values after an update; unused ones are 0.
pub(super) type Outputs = [f64; OUTPUTS_MAX];

/// The state of one indicator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    Sma(Moments),
    Ema(Average),
    Wma(Weighted),
    Dema([Average; 2]),
    Tema([Average; 3]),
    Hma([Weighted; 3]),
    Kama(Adaptive),
    Vwap(Vwap),
    DayVwap(DayVwap),
    VolumeSma(Moments),
    Rsi(Rsi),
    Macd(Macd),
    Stochastic(Stochastic),
    Cci(Cci),
    WilliamsR(Channel),
    Mfi(Mfi),
    Obv(Obv),
    Roc(Ring),
    Atr(Ranges),
    Adx(Adx),
    Sar(Sar),
    Supertrend(Supertrend),
    Ichimoku(Box<Ichimoku>),
    Bollinger(Moments, f64),
    Keltner(Average, Ranges, f64),
    Donchian(Channel),
    Highest(Highest),
    Lowest(Highest),
    LinReg(Weighted),
    StdDev(Moments),
    ZScore(Moments),
    RealizedVol(RealizedVol),
    MidVol(MidVol),
    Ofi(Box<Ofi>),
    BookImbalance(Average),
    TradeFlow(Box<TradeFlow>),
    Vpin(Vpin),
}

impl State {
    /// Returns the state before any update.
    pub fn new(spec: &IndicatorSpec) -> Self {
        use IndicatorKind as Kind;
        let length = spec.whole(0);
        let exponential = Average::exponential(length);
        match spec.kind() {
            Kind::Sma => Self::Sma(Moments::new(length)),
            Kind::Ema => Self::Ema(exponential),
            Kind::Wma => Self::Wma(Weighted::new(length)),
            Kind::Dema => Self::Dema([exponential; 2]),
            Kind::Tema => Self::Tema([exponential; 3]),
            Kind::Hma => Self::Hma([length / 2, length, spec.root()].map(Weighted::new)),
            Kind::Kama => Self::Kama(Adaptive::new(length, spec.whole(1), spec.whole(2))),
            Kind::Vwap if length == 0 => Self::DayVwap(DayVwap::default()),
            Kind::Vwap => Self::Vwap(Vwap::new(length)),
            Kind::VolumeSma => Self::VolumeSma(Moments::new(length)),
            Kind::Rsi => Self::Rsi(Rsi::new(length)),
            Kind::Macd => Self::Macd(Macd::new(length, spec.whole(1), spec.whole(2))),
            Kind::Stochastic => {
                Self::Stochastic(Stochastic::new(length, spec.whole(1), spec.whole(2)))
            }
            Kind::Cci => Self::Cci(Cci::new(length)),
            Kind::WilliamsR => Self::WilliamsR(Channel::new(length)),
            Kind::Mfi => Self::Mfi(Mfi::new(length)),
            Kind::Obv => Self::Obv(Obv::default()),
            Kind::Roc => Self::Roc(Ring::new(length)),
            Kind::Atr => Self::Atr(Ranges::new(length)),
            Kind::Adx => Self::Adx(Adx::new(length)),
            Kind::Sar => Self::Sar(Sar::new(spec.number(0), spec.number(1))),
            Kind::Supertrend => Self::Supertrend(Supertrend::new(length, spec.number(1))),
            Kind::Ichimoku => {
                let lengths = [0, 1, 2, 3].map(|index| spec.whole(index));
                Self::Ichimoku(Box::new(Ichimoku::new(lengths)))
            }
            Kind::Bollinger => Self::Bollinger(Moments::new(length), spec.number(1)),
            Kind::Keltner => Self::Keltner(exponential, Ranges::new(spec.whole(2)), spec.number(1)),
            Kind::Donchian => Self::Donchian(Channel::new(length)),
            Kind::Highest => Self::Highest(Highest::new(length)),
            Kind::Lowest => Self::Lowest(Highest::new(length)),
            Kind::LinReg => Self::LinReg(Weighted::new(length)),
            Kind::StdDev => Self::StdDev(Moments::new(length)),
            Kind::ZScore => Self::ZScore(Moments::new(length)),
            Kind::RealizedVol => Self::RealizedVol(RealizedVol::new(length)),
            Kind::MidVol => Self::MidVol(MidVol::new(length)),
            Kind::Ofi => Self::Ofi(Box::new(Ofi::new(length))),
            Kind::BookImbalance => Self::BookImbalance(Average::exponential(spec.whole(1))),
            Kind::TradeFlow => Self::TradeFlow(Box::new(TradeFlow::new(length))),
            Kind::Vpin => Self::Vpin(Vpin::new(spec.number(0), spec.whole(1))),
        }
    }

    /// Takes a bar and returns the outputs once warm.
    pub fn on_bar(&mut self, bar: &BarF64) -> Option<Outputs> {
        match self {
            Self::Vwap(vwap) => vwap.push(bar).map(one),
            Self::DayVwap(vwap) => Some(one(vwap.push(bar))),
            Self::VolumeSma(moments) => moments.push(bar.volume).then(|| one(moments.mean())),
            Self::Stochastic(stochastic) => stochastic.push(bar),
            Self::Cci(cci) => cci.push(bar).map(one),
            Self::WilliamsR(channel) => williams_r(channel, bar).map(one),
            Self::Mfi(mfi) => mfi.push(bar).map(one),
            Self::Obv(obv) => Some(one(obv.push(bar))),
            Self::Atr(ranges) => ranges.push(bar).map(one),
            Self::Adx(adx) => adx.push(bar),
            Self::Sar(sar) => sar.push(bar),
            Self::Supertrend(supertrend) => supertrend.push(bar),
            Self::Ichimoku(lines) => lines.push(bar),
            Self::Keltner(average, ranges, multiplier) => {
                let (middle, range) = (average.push(bar.close), ranges.push(bar));
                Some(bands(middle?, *multiplier * range?))
            }
            Self::Donchian(channel) => {
                let (upper, lower) = channel.push(bar.high, bar.low)?;
                Some([(upper + lower) / 2.0, upper, lower, 0.0])
            }
            Self::Highest(highest) => highest.push(bar.high).map(one),
            Self::Lowest(lowest) => lowest.push(-bar.low).map(|low| one(-low)),
            _ => self.on_value(bar.close),
        }
    }

    /// Takes a value and returns the outputs once warm; kinds that need a bar are not called here.
    fn on_value(&mut self, value: f64) -> Option<Outputs> {
        match self {
            Self::Sma(moments) => moments.push(value).then(|| one(moments.mean())),
            Self::Ema(average) | Self::BookImbalance(average) => average.push(value).map(one),
            Self::Wma(mean) => mean.push(value).then(|| one(mean.mean())),
            Self::Dema([first, second]) => {
                let first = first.push(value)?;
                second.push(first).map(|second| one(2.0 * first - second))
            }
            Self::Tema([first, second, third]) => {
                let first = first.push(value)?;
                let second = second.push(first)?;
                let third = third.push(second)?;
                Some(one(3.0 * first - 3.0 * second + third))
            }
            Self::Hma([half, whole, root]) => {
                let (half_full, whole_full) = (half.push(value), whole.push(value));
                let is_full = half_full && whole_full;
                let ahead = is_full.then(|| 2.0 * half.mean() - whole.mean())?;
                root.push(ahead).then(|| one(root.mean()))
            }
            Self::Kama(average) => average.push(value).map(one),
            Self::Rsi(rsi) => rsi.push(value).map(one),
            Self::Macd(macd) => macd.push(value),
            Self::Roc(ring) => {
                let old = ring.push(value)?;
                Some(one(quotient(value - old, old) * 100.0))
            }
            Self::Bollinger(moments, width) => moments
                .push(value)
                .then(|| bands(moments.mean(), *width * moments.deviation())),
            Self::LinReg(line) => line.push(value).then(|| {
                let (end, slope, beginning) = line.line();
                [end, slope, beginning, 0.0]
            }),
            Self::StdDev(moments) => moments.push(value).then(|| one(moments.deviation())),
            Self::ZScore(moments) => moments
                .push(value)
                .then(|| one(quotient(value - moments.mean(), moments.deviation()))),
            Self::RealizedVol(vol) => vol.push(value).map(one),
            Self::MidVol(vol) => vol.push(value).map(one),
            _ => None,
        }
    }

    /// Takes a trade and returns the outputs once warm.
    pub fn on_trade(&mut self, trade: &TradeF64) -> Option<Outputs> {
        match self {
            Self::TradeFlow(flow) => flow.push(trade),
            Self::Vpin(vpin) => vpin.push(trade).map(one),
            _ => self.on_bar(&trade.bar()),
        }
    }

    /// Takes a touch and returns the outputs once warm.
    pub fn on_touch(&mut self, now: WallNs, touch: &TouchF64) -> Option<Outputs> {
        match self {
            Self::Ofi(ofi) => ofi.push(now, touch),
            _ => None,
        }
    }

    /// Lets time pass and returns the outputs where that changed them.
    pub fn on_time(&mut self, now: WallNs) -> Option<Outputs> {
        match self {
            Self::Ofi(ofi) => ofi.pass(now),
            Self::TradeFlow(flow) => flow.pass(now),
            _ => None,
        }
    }
}

pub(super) const fn one(value: f64) -> Outputs {
    [value, 0.0, 0.0, 0.0]
}

pub(super) const fn two(value: f64, second: f64) -> Outputs {
    [value, second, 0.0, 0.0]
}

/// Returns the quotient, 0 where the divisor is 0.
pub(super) fn quotient(dividend: f64, divisor: f64) -> f64 {
    if divisor == 0.0 {
        0.0
    } else {
        dividend / divisor
    }
}

fn bands(middle: f64, reach: f64) -> Outputs {
    [middle, middle + reach, middle - reach, 0.0]
}
