//! Averages with an endless memory, seeded with the mean of their first values.
//!
//! Called by the indicators, on the engine thread.

use serde::{Deserialize, Serialize};

/// An exponential average: each new value has the same weight, older ones fade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Average {
    length: u32,
    count: u32,
    weight: f64,
    value: f64,
}

impl Average {
    /// Returns the common exponential average: weight 2 / (length + 1).
    pub fn exponential(length: u32) -> Self {
        Self::of(length, 2.0 / (f64::from(length) + 1.0))
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
