//! Direction, and lines that follow it.
//!
//! Called by the indicators, on the engine thread; one update, one result.

use super::BarF64;
use super::average::Average;
use super::extreme::Channel;
use super::rolling::Ring;
use super::state::{Outputs, quotient, two};
use serde::{Deserialize, Serialize};

/// True ranges and their average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ranges {
    close: Option<f64>,
    average: Average,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Adx {
    before: Option<BarF64>,
    range: Average,
    plus: Average,
    minus: Average,
    index: Average,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sar {
    step: f64,
    step_max: f64,
    before: Option<BarF64>,
    course: Option<Course>,
}

/// Which way the parabola runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Course {
    is_long: bool,
    /// Where it stands at the next bar.
    stop: f64,
    /// The farthest price of the course.
    extreme: f64,
    factor: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Supertrend {
    ranges: Ranges,
    multiplier: f64,
    close: f64,
    /// Lower and upper band of the bar before.
    bands: Option<(f64, f64)>,
    is_up: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ichimoku {
    conversion: Channel,
    base: Channel,
    span: Channel,
    /// The cloud on its way to the present bar; absent where it is there at once.
    delay: Option<(Ring, Ring)>,
}

impl Ranges {
    pub fn new(length: u32) -> Self {
        Self {
            close: None,
            average: Average::wilder(length),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<f64> {
        let range = true_range(bar, self.close.replace(bar.close));
        self.average.push(range)
    }
}

impl Adx {
    pub fn new(length: u32) -> Self {
        Self {
            before: None,
            range: Average::wilder(length),
            plus: Average::wilder(length),
            minus: Average::wilder(length),
            index: Average::wilder(length),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<Outputs> {
        let before = self.before.replace(*bar)?;
        let (up, down) = (bar.high - before.high, before.low - bar.low);
        let plus = self.plus.push(if up > down { up.max(0.0) } else { 0.0 });
        let minus = self.minus.push(if down > up { down.max(0.0) } else { 0.0 });
        let range = self.range.push(true_range(bar, Some(before.close)));
        let (plus, minus, range) = (plus?, minus?, range?);
        let plus = 100.0 * quotient(plus, range);
        let minus = 100.0 * quotient(minus, range);
        let index = 100.0 * quotient((plus - minus).abs(), plus + minus);
        self.index
            .push(index)
            .map(|index| [index, plus, minus, 0.0])
    }
}

impl Sar {
    pub fn new(step: f64, step_max: f64) -> Self {
        Self {
            step,
            step_max,
            before: None,
            course: None,
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<Outputs> {
        let before = self.before.replace(*bar)?;
        // The first course sees its second bar twice: there is no older one.
        let (course, before) = match self.course {
            Some(course) => (course, before),
            None => (Course::first(&before, bar, self.step), *bar),
        };
        let (value, next) = course.step(&before, bar, self.step, self.step_max);
        self.course = Some(next);
        Some(two(value, if next.is_long { 1.0 } else { -1.0 }))
    }
}

impl Course {
    fn first(before: &BarF64, bar: &BarF64, factor: f64) -> Self {
        let (up, down) = (bar.high - before.high, before.low - bar.low);
        let is_long = !(down > 0.0 && down > up);
        let (stop, extreme) = if is_long {
            (before.low, bar.high)
        } else {
            (before.high, bar.low)
        };
        Self {
            is_long,
            stop,
            extreme,
            factor,
        }
    }

    /// Returns the value at this bar and the course after it.
    fn step(self, before: &BarF64, bar: &BarF64, step: f64, step_max: f64) -> (f64, Self) {
        let is_hit = if self.is_long {
            bar.low <= self.stop
        } else {
            bar.high >= self.stop
        };
        if is_hit {
            return self.turned(before, bar, step);
        }
        let mut next = self;
        let is_farther = if self.is_long {
            bar.high > self.extreme
        } else {
            bar.low < self.extreme
        };
        if is_farther {
            next.extreme = if self.is_long { bar.high } else { bar.low };
            next.factor = (self.factor + step).min(step_max);
        }
        next.stop = next.advanced(self.stop, before, bar);
        (self.stop, next)
    }

    /// Returns where the other course begins, and that course.
    fn turned(self, before: &BarF64, bar: &BarF64, step: f64) -> (f64, Self) {
        let mut next = Self {
            is_long: !self.is_long,
            stop: 0.0,
            extreme: if self.is_long { bar.low } else { bar.high },
            factor: step,
        };
        let value = next.outside(self.extreme, before, bar);
        next.stop = next.advanced(value, before, bar);
        (value, next)
    }

    /// Returns the stop moved towards the extreme.
    fn advanced(&self, stop: f64, before: &BarF64, bar: &BarF64) -> f64 {
        let stop = stop + self.factor * (self.extreme - stop);
        self.outside(stop, before, bar)
    }

    /// Returns the stop, not within the last two bars.
    fn outside(&self, stop: f64, before: &BarF64, bar: &BarF64) -> f64 {
        if self.is_long {
            stop.min(before.low).min(bar.low)
        } else {
            stop.max(before.high).max(bar.high)
        }
    }
}

impl Supertrend {
    pub fn new(length: u32, multiplier: f64) -> Self {
        Self {
            ranges: Ranges::new(length),
            multiplier,
            close: 0.0,
            bands: None,
            is_up: false,
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<Outputs> {
        let close = std::mem::replace(&mut self.close, bar.close);
        let reach = self.multiplier * self.ranges.push(bar)?;
        let middle = (bar.high + bar.low) / 2.0;
        let (mut lower, mut upper) = (middle - reach, middle + reach);
        if let Some((lower_before, upper_before)) = self.bands {
            if lower <= lower_before && close >= lower_before {
                lower = lower_before;
            }
            if upper >= upper_before && close <= upper_before {
                upper = upper_before;
            }
            self.is_up = if self.is_up {
                bar.close >= lower
            } else {
                bar.close > upper
            };
        }
        self.bands = Some((lower, upper));
        Some(if self.is_up {
            two(lower, 1.0)
        } else {
            two(upper, -1.0)
        })
    }
}

impl Ichimoku {
    pub fn new([conversion, base, span, displacement]: [u32; 4]) -> Self {
        let delay = displacement.saturating_sub(1);
        Self {
            conversion: Channel::new(conversion),
            base: Channel::new(base),
            span: Channel::new(span),
            delay: (delay > 0).then(|| (Ring::new(delay), Ring::new(delay))),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<Outputs> {
        let conversion = self.conversion.push_middle(bar.high, bar.low);
        let base = self.base.push_middle(bar.high, bar.low);
        let span = self.span.push_middle(bar.high, bar.low);
        let (conversion, base, span) = (conversion?, base?, span?);
        let lead = (conversion + base) / 2.0;
        let (span_a, span_b) = match &mut self.delay {
            Some((a, b)) => {
                let (a, b) = (a.push(lead), b.push(span));
                (a?, b?)
            }
            None => (lead, span),
        };
        Some([conversion, base, span_a, span_b])
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
