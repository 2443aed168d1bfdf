//! A sum that keeps what rounding takes away.
//!
//! Called by the indicators, on the engine thread.

use serde::{Deserialize, Serialize};

/// A sum as two numbers: the second holds what the first cannot.
///
/// What leaves a window takes away exactly what it brought, up to 2^-104 of the largest sum on the way: after
/// 10 million values that is less than 10^-23 of it, so the sum needs no computing anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// Adds a value.
    ///
    /// # Source
    /// Knuth, The Art of Computer Programming 2, 4.2.2: the exact error of a rounded sum.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let high = self.high + value;
        let part = high - self.high;
        let error = (self.high - (high - part)) + (value - part);
        let low = self.low + error;
        self.high = high + low;
        self.low = low - (self.high - high);
    }

    /// Returns the sum, rounded.
    #[inline]
    pub fn value(&self) -> f64 {
        self.high
    }

    /// Becomes zero.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
