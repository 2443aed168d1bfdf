//! Prices weighted by volume.
//!
//! Called by the indicators, on the engine thread; one update, one result.

use super::BarF64;
use super::rolling::Moments;
use super::sum::Sum;
use serde::{Deserialize, Serialize};

/// Over the last bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Vwap {
    volume: Moments,
    turnover: Moments,
}

/// Since the UTC day began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct DayVwap {
    day: i64,
    volume: Sum,
    turnover: Sum,
}

const DAY_NS: i64 = 86_400_000 * claire_types::time::NS_PER_MS;

impl Vwap {
    pub fn new(length: u32) -> Self {
        Self {
            volume: Moments::new(length),
            turnover: Moments::new(length),
        }
    }

    pub fn push(&mut self, bar: &BarF64) -> Option<f64> {
        let price = bar.typical();
        let is_full = self.volume.push(bar.volume);
        self.turnover.push(price * bar.volume);
        // Both means have the same count; it cancels.
        let average = weighted(self.turnover.mean(), self.volume.mean(), price);
        is_full.then_some(average)
    }
}

impl DayVwap {
    pub fn push(&mut self, bar: &BarF64) -> f64 {
        let (price, day) = (bar.typical(), bar.open_time.0.div_euclid(DAY_NS));
        if day != self.day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
        self.volume.add(bar.volume);
        self.turnover.add(price * bar.volume);
        weighted(self.turnover.value(), self.volume.value(), price)
    }
}

fn weighted(turnover: f64, volume: f64, price: f64) -> f64 {
    if volume > 0.0 {
        turnover / volume
    } else {
        price
    }
}
