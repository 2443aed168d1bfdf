//! Windows over the last values: mean, variance, weighted mean, highest and lowest.
//!
//! Called by the indicators, on the engine thread. Sums are moved on with each value and computed anew
//! each time the window has turned over, so that rounding never builds up; nothing is allocated after
//! construction.

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
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    /// How many of the last values are the same as the newest.
    same: usize,
}

/// Mean of the last values with linearly rising weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WeightedMean {
    ring: Ring,
    sum: f64,
    weighted: f64,
}

/// Highest of the last values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Highest {
    /// Values that no later one exceeds, falling, each with its number; a ring.
    slots: Vec<(u64, f64)>,
    head: usize,
    len: usize,
    count: u64,
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
        let leaving = self.ring.push(value);
        let count = self.ring.len() as f64;
        let mean_before = self.mean;
        match leaving {
            None => {
                self.mean += (value - mean_before) / count;
                self.squares += (value - mean_before) * (value - self.mean);
            }
            Some(leaving) => {
                self.mean += (value - leaving) / count;
                let distance = (value - self.mean) + (leaving - mean_before);
                self.squares += (value - leaving) * distance;
            }
        }
        if self.same >= self.ring.len() {
            (self.mean, self.squares) = (value, 0.0);
        } else if self.ring.is_turned() {
            self.compute_anew();
        }
        self.ring.is_full()
    }

    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the population standard deviation.
    pub fn deviation(&self) -> f64 {
        let count = self.ring.len().max(1) as f64;
        (self.squares.max(0.0) / count).sqrt()
    }

    fn compute_anew(&mut self) {
        let count = self.ring.len() as f64;
        let mean = self.ring.iter().sum::<f64>() / count;
        self.mean = mean;
        self.squares = self
            .ring
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum();
    }
}

impl WeightedMean {
    pub fn new(length: u32) -> Self {
        Self {
            ring: Ring::new(length),
            sum: 0.0,
            weighted: 0.0,
        }
    }

    /// Adds a value and returns the weighted mean once the window is full.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        match self.ring.push(value) {
            None => {
                self.weighted += value * self.ring.len() as f64;
                self.sum += value;
            }
            Some(leaving) => {
                self.weighted += value * self.ring.len() as f64 - self.sum;
                self.sum += value - leaving;
            }
        }
        if self.ring.is_turned() {
            self.sum = self.ring.iter().sum();
            let weights = 1..=self.ring.length();
            let terms = self.ring.iter().zip(weights);
            self.weighted = terms.map(|(value, weight)| value * weight as f64).sum();
        }
        let length = self.ring.length() as f64;
        self.ring
            .is_full()
            .then(|| self.weighted / (length * (length + 1.0) / 2.0))
    }
}

impl Highest {
    pub fn new(length: u32) -> Self {
        Self {
            slots: vec![(0, 0.0); length as usize],
            head: 0,
            len: 0,
            count: 0,
        }
    }

    /// Adds a value and returns the highest once the window is full.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let length = self.slots.len();
        while self
            .at(self.len.wrapping_sub(1))
            .is_some_and(|(_, last)| last <= value)
        {
            self.len -= 1;
        }
        if let Some((number, _)) = self.at(0)
            && number + length as u64 <= self.count
        {
            self.head = (self.head + 1) % length;
            self.len -= 1;
        }
        let place = (self.head + self.len) % length.max(1);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = (self.count, value);
            self.len += 1;
        }
        self.count += 1;
        (self.count >= length as u64)
            .then(|| self.at(0).map(|(_, value)| value))
            .flatten()
    }

    fn at(&self, index: usize) -> Option<(u64, f64)> {
        if index >= self.len {
            return None;
        }
        let place = (self.head + index) % self.slots.len().max(1);
        self.slots.get(place).copied()
    }
}
