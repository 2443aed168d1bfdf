//! How far values move: realized volatility, and that of the mid from second to second.
//!
//! Called by the indicators, on the engine thread; one update, one result. Logarithms are libm's.

use super::kinds::SAMPLE_MS;
use super::rolling::{Moments, WindowSum};
use super::state::quotient;
use claire_types::WallNs;
use claire_types::time::NS_PER_MS;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RealizedVol {
    before: Option<f64>,
    squares: WindowSum,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MidVol {
    returns: Moments,
    samples_max: u32,
    /// The sample before.
    sample: Option<f64>,
    /// The mid since its last change, and the number of the second in which it was last seen.
    held: Option<(f64, i64)>,
}

impl RealizedVol {
    pub fn new(length: u32) -> Self {
        Self {
            before: None,
            squares: WindowSum::new(length),
        }
    }

    /// Adds a value; what is not above 0 has no logarithm and counts as no move.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let before = self.before.replace(value)?;
        let change = if before > 0.0 && value > 0.0 {
            libm::log(value / before)
        } else {
            0.0
        };
        self.squares
            .push(change * change)
            .map(|sum| sum.max(0.0).sqrt())
    }
}

impl MidVol {
    pub fn new(window_ms: u32) -> Self {
        let samples_max = window_ms / SAMPLE_MS;
        Self {
            returns: Moments::new(samples_max),
            samples_max,
            sample: None,
            held: None,
        }
    }

    /// Takes a sample of the mid, one second after the last.
    pub fn push(&mut self, sample: f64) -> Option<f64> {
        let before = self.sample.replace(sample)?;
        self.returns
            .push(quotient(sample - before, before))
            .then(|| self.returns.deviation())
    }

    /// Returns the mid since its last change.
    pub fn held(&self) -> Option<f64> {
        self.held.map(|(mid, _)| mid)
    }

    /// Takes the mid at engine time `now` and returns the sample for each second that has ended since the
    /// mid before, oldest first: a second's sample is the last mid in it. At most a window of them.
    pub fn seconds_ended(&mut self, now: WallNs, mid: f64) -> (f64, u32) {
        let second = now.0.div_euclid(i64::from(SAMPLE_MS) * NS_PER_MS);
        match self.held.replace((mid, second)) {
            Some((held, before)) if second > before => {
                let ended = second.abs_diff(before).min(u64::from(self.samples_max) + 1);
                (held, ended as u32)
            }
            Some((_, before)) => {
                // Engine time never runs backwards; if told so, the second in progress goes on.
                self.held = Some((mid, before));
                (mid, 0)
            }
            None => (mid, 0),
        }
    }
}
