//! Oscillators: how fast, and how far up or down.
//!
//! Called by the indicators, on the engine thread; one update, one result.

use super::BarF64;
use super::average::Average;
use super::extreme::Channel;
use super::rolling::{Moments, WindowSum};
use super::state::{Outputs, quotient, two};
use super::sum::Sum;
use serde::{Deserialize, Serialize};

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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stochastic {
    channel: Channel,
    k: Moments,
    d: Moments,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mfi {
    price: Option<f64>,
    rising: WindowSum,
    falling: WindowSum,
}

/// Of what the prices are above the first one: their level would cost digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cci {
    base: Option<f64>,
    moments: Moments,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Obv {
    close: Option<f64>,
    volume: Sum,
}

impl Rsi {
    pub fn new(length: u32) -> Self {
        Self {
            close: None,
            gain: Average::wilder(length),
            loss: Average::wilder(length),
        }
    }

    pub fn push(&mut self, close: f64) -> Option<f64> {
        let change = close - self.close.replace(close)?;
        let gain = self.gain.push(change.max(0.0));
        let loss = self.loss.push((-change).max(0.0));
        Some(percent_of(gain?, loss?))
    }
}

impl Macd {
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self {
            fast: Average::exponential(fast),
            slow: Average::exponential(slow),
            signal: Average::exponential(signal),
        }
    }

    pub fn push(&mut self, close: f64) -> Option<Outputs> {
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        let line = fast? - slow?;
        let signal = self.signal.push(line)?;
        Some([line, signal, line - signal, 0.0])
    }
}

impl Stochastic {
    pub fn new(length: u32, smooth: u32, signal: u32) -> Self {
        Self {
            channel: Channel::new(length),
            k: Moments::new(smooth),
            d: Moments::new(signal),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<Outputs> {
        let place = 100.0 * place_in_range(&mut self.channel, bar)?;
        let k = self.k.push(place).then(|| self.k.mean())?;
        let d = self.d.push(k).then(|| self.d.mean())?;
        Some(two(k, d))
    }
}

impl Mfi {
    pub fn new(length: u32) -> Self {
        Self {
            price: None,
            rising: WindowSum::new(length),
            falling: WindowSum::new(length),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<f64> {
        let price = bar.typical();
        let before = self.price.replace(price)?;
        let (flow, change) = (price * bar.volume, price - before);
        // Sums of three decimals that are equal differ by what each rounds; no tick is so small.
        let is_flat = change.abs() <= 4.0 * f64::EPSILON * price.abs();
        let flow = if is_flat { 0.0 } else { flow };
        let rising = self.rising.push(if change > 0.0 { flow } else { 0.0 });
        let falling = self.falling.push(if change < 0.0 { flow } else { 0.0 });
        Some(percent_of(rising?, falling?))
    }
}

impl Cci {
    pub fn new(length: u32) -> Self {
        Self {
            base: None,
            moments: Moments::new(length),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<f64> {
        let base = *self.base.get_or_insert(bar.close);
        let above = ((bar.high - base) + (bar.low - base) + (bar.close - base)) / 3.0;
        let is_full = self.moments.push(above);
        let distance = is_full.then(|| above - self.moments.mean())?;
        Some(quotient(
            distance,
            0.015 * self.moments.absolute_deviation(),
        ))
    }
}

impl Obv {
    pub fn push(&mut self, bar: &BarF64) -> f64 {
        let before = self.close.replace(bar.close);
        if before.is_none_or(|before| bar.close > before) {
            self.volume.add(bar.volume);
        } else if before.is_some_and(|before| bar.close < before) {
            self.volume.add(-bar.volume);
        }
        self.volume.value()
    }
}

/// Returns Williams' %R.
pub(super) fn williams_r(channel: &mut Channel, bar: &BarF64) -> Option<f64> {
    Some(100.0 * (place_in_range(channel, bar)? - 1.0))
}

/// Returns where the close stands between lowest 0 and highest 1; in the middle where both are one.
fn place_in_range(channel: &mut Channel, bar: &BarF64) -> Option<f64> {
    let (highest, lowest) = channel.push(bar.high, bar.low)?;
    let range = highest - lowest;
    Some(if range == 0.0 {
        0.5
    } else {
        (bar.close - lowest) / range
    })
}

/// Returns the share of the first in percent, 50 where both are 0.
fn percent_of(one: f64, other: f64) -> f64 {
    let sum = one + other;
    if sum == 0.0 { 50.0 } else { 100.0 * one / sum }
}
