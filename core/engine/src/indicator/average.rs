//! Averages with an endless memory, seeded with the mean of their first values.
//!
//! Called by the indicators, on the engine thread. An error fades with the weight of what brought it, so
//! nothing builds up.

use super::rolling::{Ring, WindowSum};
use serde::{Deserialize, Serialize};

/// An exponential average: each new value has the same weight, older ones fade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Average {
    length: u32,
    count: u32,
    weight: f64,
    value: f64,
}

/// Kaufman's average: its weight follows how straight the last values ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Adaptive {
    window: Ring,
    moves: WindowSum,
    fast: f64,
    slow: f64,
    /// The value before, and the average: until warm, the value before too.
    last: Option<(f64, f64)>,
}

impl Average {
    /// Returns the common exponential average: weight 2 / (length + 1).
    pub fn exponential(length: u32) -> Self {
        Self::of(length, exponential_weight(length))
    }

    /// Returns Wilder's average: weight 1 / length.
    pub fn wilder(length: u32) -> Self {
        Self::of(length, 1.0 / f64::from(length))
    }

    /// Adds a value and returns the average once it is seeded.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        if self.count >= self.length {
            self.value += self.weight * (value - self.value);
            return Some(self.value);
        }
        self.count += 1;
        // Until seeded, the running mean.
        self.value += (value - self.value) / f64::from(self.count);
        (self.count == self.length).then_some(self.value)
    }

    fn of(length: u32, weight: f64) -> Self {
        Self {
            length,
            count: 0,
            weight,
            value: 0.0,
        }
    }
}

impl Adaptive {
    /// Returns an average that measures `length` values, between the weights of two exponential ones.
    pub fn new(length: u32, fast: u32, slow: u32) -> Self {
        Self {
            window: Ring::new(length),
            moves: WindowSum::new(length),
            fast: exponential_weight(fast),
            slow: exponential_weight(slow),
            last: None,
        }
    }

    /// Adds a value and returns the average once as many moves were seen.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let oldest = self.window.push(value);
        let (before, average) = self.last.replace((value, value))?;
        let path = self.moves.push((value - before).abs())?;
        let way = (value - oldest?).abs();
        // Rounding may make the path shorter than the way.
        let straightness = if path > way { way / path } else { 1.0 };
        let root = straightness * (self.fast - self.slow) + self.slow;
        let average = average + root * root * (value - average);
        self.last = Some((value, average));
        Some(average)
    }
}

fn exponential_weight(length: u32) -> f64 {
    2.0 / (f64::from(length) + 1.0)
}
