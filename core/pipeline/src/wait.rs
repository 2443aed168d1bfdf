//! What a thread does when none of its stages had work.
//!
//! Called by `topology` between turns, on every pipeline thread. Never by a stage.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitStrategy {
    /// Never give the core away. For a core of one's own.
    Spin,
    /// Offer the core to others each time.
    Yield,
    /// Spin a little, yield a little, then sleep, longer each time up to a bound.
    #[default]
    Park,
}

/// Waits by a strategy.
#[derive(Clone, Debug)]
pub struct Waiter {
    strategy: WaitStrategy,
    rounds: u32,
}

impl WaitStrategy {
    /// Returns the strategy, or [`WaitStrategy::Park`] in place of [`WaitStrategy::Spin`] where there are more threads
    /// than cores: a spinning thread would then keep the core from the one that it waits for.
    pub fn for_threads(self, threads: usize, cores: usize) -> Self {
        match self {
            Self::Spin if threads > cores => Self::Park,
            strategy => strategy,
        }
    }
}

impl Waiter {
    /// Returns a waiter that has not waited yet.
    pub fn new(strategy: WaitStrategy) -> Self {
        Self {
            strategy,
            rounds: 0,
        }
    }

    /// Waits once; each time in a row possibly longer, never longer than [`PARK_MAX`].
    #[inline]
    pub fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        match self.strategy {
            WaitStrategy::Spin => std::hint::spin_loop(),
            WaitStrategy::Yield => std::thread::yield_now(),
            WaitStrategy::Park if self.rounds <= SPIN_ROUNDS => std::hint::spin_loop(),
            WaitStrategy::Park if self.rounds <= YIELD_ROUNDS => std::thread::yield_now(),
            WaitStrategy::Park => std::thread::park_timeout(self.park_time()),
        }
    }

    /// There was work: the next wait is short again.
    #[inline]
    pub fn reset(&mut self) {
        self.rounds = 0;
    }

    fn park_time(&self) -> Duration {
        let doublings = (self.rounds - YIELD_ROUNDS).min(DOUBLINGS_MAX);
        PARK_MIN.saturating_mul(1 << doublings).min(PARK_MAX)
    }
}

/// The longest sleep: an input that comes in its midst waits that long.
pub const PARK_MAX: Duration = Duration::from_micros(500);
const PARK_MIN: Duration = Duration::from_micros(10);
const SPIN_ROUNDS: u32 = 64;
const YIELD_ROUNDS: u32 = 128;
const DOUBLINGS_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_grows_to_its_bound_and_begins_anew_after_work() {
        let mut waiter = Waiter::new(WaitStrategy::Park);
        waiter.rounds = YIELD_ROUNDS + 1;
        assert_eq!(waiter.park_time(), PARK_MIN * 2);
        waiter.rounds = u32::MAX;
        assert_eq!(waiter.park_time(), PARK_MAX);
        waiter.wait();
        waiter.reset();
        assert_eq!(waiter.rounds, 0);
    }

    #[test]
    fn spinning_needs_a_core_for_each_thread() {
        let cases = [
            (WaitStrategy::Spin, 2, 2, WaitStrategy::Spin),
            (WaitStrategy::Spin, 3, 2, WaitStrategy::Park),
            (WaitStrategy::Yield, 3, 2, WaitStrategy::Yield),
        ];
        for (strategy, threads, cores, want) in cases {
            assert_eq!(strategy.for_threads(threads, cores), want);
        }
    }
}
