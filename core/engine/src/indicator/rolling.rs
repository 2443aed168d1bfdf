//! Windows over the last values: sum, mean, variance, weighted mean.
//!
//! Called by the indicators, on the engine thread. A [`WindowSum`] keeps its rounding and never drifts; the
//! others are moved on with each value and computed anew each time the window has turned over, so that
//! rounding never builds up over more than a window. Nothing is allocated after construction.

use super::sum::Sum;
use serde::{Deserialize, Serialize};

/// The last values, a fixed number of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ring {
    slots: Vec<f64>,
    next: usize,
    len: usize,
}

/// Mean and population variance of the last values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    ring: Ring,
    /// What is taken off each value, so that a small spread at a high level keeps its digits.
    base: f64,
    /// Mean of what is above the base.
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    /// How many of the last values are the same as the newest.
    same: usize,
}

/// Sums of the last values with equal and with linearly rising weights: a mean, or a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Weighted {
    ring: Ring,
    /// What is taken off each value, so that sums are of differences and keep their digits.
    base: f64,
    sum: f64,
    weighted: f64,
}

/// Sum of the last values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WindowSum {
    ring: Ring,
    sum: Sum,
    /// How many of the values are not 0: without one, the sum is exactly 0.
    count: u32,
}

impl Ring {
    pub fn new(length: u32) -> Self {
        Self {
            slots: vec![0.0; length as usize],
            next: 0,
            len: 0,
        }
    }

    /// Adds a value and returns the one that it pushed out.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let is_full = self.is_full();
        let slot = self.slots.get_mut(self.next)?;
        let before = std::mem::replace(slot, value);
        self.next = (self.next + 1) % self.slots.len();
        if is_full {
            return Some(before);
        }
        self.len += 1;
        None
    }

    /// Returns the value added last.
    pub fn newest(&self) -> Option<f64> {
        let place = match self.next {
            0 => self.slots.len().checked_sub(1)?,
            next => next - 1,
        };
        if self.len == 0 {
            return None;
        }
        self.slots.get(place).copied()
    }

    /// Returns the values, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = f64> {
        let (newer, older) = self.slots.split_at(self.next.min(self.slots.len()));
        let older = if self.is_full() { older } else { &[] };
        older.iter().chain(newer).copied()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_full(&self) -> bool {
        self.len >= self.slots.len()
    }

    /// Returns whether the newest value stands at the end of the ring: the window has turned over.
    fn is_turned(&self) -> bool {
        self.next == 0
    }

    fn length(&self) -> usize {
        self.slots.len()
    }
}

impl Moments {
    pub fn new(length: u32) -> Self {
        Self {
            ring: Ring::new(length),
            base: 0.0,
            mean: 0.0,
            squares: 0.0,
            same: 0,
        }
    }

    /// Adds a value; returns whether the window is full.
    pub fn push(&mut self, value: f64) -> bool {
        let newest = self.ring.newest();
        self.same = if newest == Some(value) {
            self.same + 1
        } else {
            1
        };
        if newest.is_none() {
            self.base = value;
        }
        let leaving = self.ring.push(value).map(|leaving| leaving - self.base);
        let (count, above) = (self.ring.len() as f64, value - self.base);
        let mean_before = self.mean;
        match leaving {
            None => {
                self.mean += (above - mean_before) / count;
                self.squares += (above - mean_before) * (above - self.mean);
            }
            Some(leaving) => {
                self.mean += (above - leaving) / count;
                let distance = (above - self.mean) + (leaving - mean_before);
                self.squares += (above - leaving) * distance;
            }
        }
        if self.same >= self.ring.len() {
            (self.base, self.mean, self.squares) = (value, 0.0, 0.0);
        } else if self.ring.is_turned() {
            self.compute_anew(value);
        }
        self.ring.is_full()
    }

    pub fn mean(&self) -> f64 {
        self.base + self.mean
    }

    /// Returns the population standard deviation.
    pub fn deviation(&self) -> f64 {
        let count = self.ring.len().max(1) as f64;
        (self.squares.max(0.0) / count).sqrt()
    }

    /// Returns the mean absolute distance from the mean; looks at the whole window.
    pub fn absolute_deviation(&self) -> f64 {
        let mean = self.mean();
        let distances = self.ring.iter().map(|value| (value - mean).abs());
        distances.sum::<f64>() / self.ring.len().max(1) as f64
    }

    fn compute_anew(&mut self, base: f64) {
        let count = self.ring.len() as f64;
        let above = || self.ring.iter().map(|value| value - base);
        let mean = above().sum::<f64>() / count;
        self.squares = above().map(|value| (value - mean) * (value - mean)).sum();
        (self.base, self.mean) = (base, mean);
    }
}

impl Weighted {
    pub fn new(length: u32) -> Self {
        Self {
            ring: Ring::new(length),
            base: 0.0,
            sum: 0.0,
            weighted: 0.0,
        }
    }

    /// Adds a value; returns whether the window is full.
    pub fn push(&mut self, value: f64) -> bool {
        if self.ring.len() == 0 {
            self.base = value;
        }
        let leaving = self.ring.push(value).map(|leaving| leaving - self.base);
        let (count, above) = (self.ring.len() as f64, value - self.base);
        match leaving {
            None => {
                self.weighted += above * count;
                self.sum += above;
            }
            Some(leaving) => {
                self.weighted += above * count - self.sum;
                self.sum += above - leaving;
            }
        }
        if self.ring.is_turned() {
            self.compute_anew(value);
        }
        self.ring.is_full()
    }

    /// Returns the mean with weights 1, 2, ..., the newest weighing most.
    pub fn mean(&self) -> f64 {
        let length = self.ring.length() as f64;
        self.base + self.weighted / (length * (length + 1.0) / 2.0)
    }

    /// Returns the end of the least-squares line through at least 2 values, its rise per value and its beginning.
    pub fn line(&self) -> (f64, f64, f64) {
        let length = self.ring.length() as f64;
        let middle = (length + 1.0) / 2.0;
        let spread = length * (length * length - 1.0) / 12.0;
        let slope = (self.weighted - middle * self.sum) / spread;
        let (mean, half) = (self.base + self.sum / length, (length - 1.0) / 2.0);
        (mean + slope * half, slope, mean - slope * half)
    }

    fn compute_anew(&mut self, base: f64) {
        self.base = base;
        self.sum = self.ring.iter().map(|value| value - base).sum();
        let weights = 1..=self.ring.length();
        let terms = self.ring.iter().zip(weights);
        self.weighted = terms
            .map(|(value, weight)| (value - base) * weight as f64)
            .sum();
    }
}

impl WindowSum {
    pub fn new(length: u32) -> Self {
        Self {
            ring: Ring::new(length),
            sum: Sum::default(),
            count: 0,
        }
    }

    /// Adds a value and returns the sum once the window is full.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let leaving = self.ring.push(value).unwrap_or(0.0);
        self.count = self.count + u32::from(value != 0.0) - u32::from(leaving != 0.0);
        if self.count == 0 {
            self.sum.clear();
        } else {
            self.sum.add(value);
            self.sum.add(-leaving);
        }
        self.ring.is_full().then(|| self.sum.value())
    }

    /// Returns the sum of what is in the window.
    pub fn value(&self) -> f64 {
        self.sum.value()
    }
}
