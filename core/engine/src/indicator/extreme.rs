//! Windows over the last values: the highest, and the channel between highest and lowest.
//!
//! Called by the indicators, on the engine thread. A value is compared once on its way in and once on its way
//! out; nothing is computed, so nothing drifts, and nothing is allocated after construction.

use serde::{Deserialize, Serialize};

/// Highest of the highs and lowest of the lows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Channel {
    highest: Highest,
    lowest: Highest,
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

impl Channel {
    pub fn new(length: u32) -> Self {
        Self {
            highest: Highest::new(length),
            lowest: Highest::new(length),
        }
    }

    /// Adds a bar and returns highest and lowest once the window is full.
    pub fn push(&mut self, high: f64, low: f64) -> Option<(f64, f64)> {
        let (highest, lowest) = (self.highest.push(high), self.lowest.push(-low));
        Some((highest?, -lowest?))
    }

    /// Adds a bar and returns the middle between highest and lowest once the window is full.
    pub fn push_middle(&mut self, high: f64, low: f64) -> Option<f64> {
        let (highest, lowest) = self.push(high, low)?;
        Some((highest + lowest) / 2.0)
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
