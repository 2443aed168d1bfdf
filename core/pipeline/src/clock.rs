//! The only reader of clocks.
//!
//! Made once at start-up, cloned into each stage; stages stamp with it, the engine never sees it. Two
//! clocks that do not mix: [`MonoNs`] for latency, [`WallNs`] for receive times.
//!
//! The monotonic reading is the processor's time stamp counter through `quanta`, which falls back to the system's
//! clock where the counter is not invariant.
#![forbid(unsafe_code)]

use claire_types::time::NS_PER_S;
use claire_types::{DurationNs, MonoNs, WallNs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock, cheap to clone; clones agree.
#[derive(Clone, Debug)]
pub struct Clock {
    hands: Hands,
    wall_start: WallNs,
}

/// A clock that moves only when it is told to, for tests of stages.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    elapsed_ns: Arc<AtomicU64>,
    /// Of it, what the thread was kept from its core.
    kept_ns: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum Hands {
    Real {
        counter: quanta::Clock,
        counter_start: u64,
        start: Instant,
    },
    Manual(ManualClock),
}

impl Clock {
    /// Returns a running clock whose monotonic time is now 0. The first call of a process calibrates the counter, which
    /// takes some milliseconds and at most 200.
    pub fn start() -> Self {
        let counter = quanta::Clock::new();
        let counter_start = counter.raw();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall_ns = since_1970.map_or(0, |span| span.as_nanos() as i64);
        Self {
            hands: Hands::Real {
                counter,
                counter_start,
                start: Instant::now(),
            },
            wall_start: WallNs(wall_ns),
        }
    }

    /// Returns a clock that shows what `hands` are set to, its wall time being `wall_start` at 0.
    pub fn manual(hands: &ManualClock, wall_start: WallNs) -> Self {
        Self {
            hands: Hands::Manual(hands.clone()),
            wall_start,
        }
    }

    /// Returns the monotonic time since the clock was started. Never goes back.
    #[inline]
    pub fn mono(&self) -> MonoNs {
        match &self.hands {
            Hands::Real {
                counter,
                counter_start,
                ..
            } => MonoNs(counter.delta_as_nanos(*counter_start, counter.raw())),
            Hands::Manual(hands) => MonoNs(hands.elapsed_ns.load(Ordering::Relaxed)),
        }
    }

    /// Returns the wall time: that of the start and what passed since. A step of the system's clock does not move it.
    ///
    /// Read from the system's monotonic clock, not the counter: it keeps the true rate over days.
    #[inline]
    pub fn wall(&self) -> WallNs {
        let elapsed_ns = match &self.hands {
            Hands::Real { start, .. } => start.elapsed().as_nanos() as i64,
            Hands::Manual(hands) => hands.elapsed_ns.load(Ordering::Relaxed) as i64,
        };
        self.wall_start.after(DurationNs(elapsed_ns))
    }

    /// Returns the time that the calling thread has been on a core: what it was kept from one is not in it.
    ///
    /// A call of the system: some 100 times a monotonic reading.
    pub fn thread(&self) -> DurationNs {
        match &self.hands {
            Hands::Real { .. } => {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                DurationNs(time.tv_sec * NS_PER_S + time.tv_nsec)
            }
            Hands::Manual(hands) => {
                let [elapsed, kept] = [&hands.elapsed_ns, &hands.kept_ns];
                let ns = elapsed.load(Ordering::Relaxed) - kept.load(Ordering::Relaxed);
                DurationNs(ns as i64)
            }
        }
    }

    /// Measures what one monotonic reading costs, in picoseconds: the cheapest of several rounds.
    pub fn cost_ps(&self) -> u64 {
        let round = || {
            let before = self.mono();
            for _ in 0..COST_READINGS {
                std::hint::black_box(self.mono());
            }
            self.mono().since(before) * 1_000 / COST_READINGS
        };
        (0..COST_ROUNDS).map(|_| round()).min().unwrap_or(0)
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance_ns(&self, ns: u64) {
        self.elapsed_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Moves the clock forward while the thread is kept from its core.
    pub fn keep_ns(&self, ns: u64) {
        self.advance_ns(ns);
        self.kept_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

const COST_READINGS: u64 = 2_000;
const COST_ROUNDS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_keeps_time_with_the_system() {
        let clock = Clock::start();
        let (start, before) = (Instant::now(), clock.mono());
        while start.elapsed().as_millis() < 50 {
            std::hint::spin_loop();
        }
        let (counted, elapsed) = (
            clock.mono().since(before),
            start.elapsed().as_nanos() as u64,
        );
        let difference = counted.abs_diff(elapsed);
        assert!(difference < elapsed / 20, "{counted} against {elapsed} ns");
    }

    #[test]
    fn a_thread_has_had_the_time_that_it_worked_and_not_what_it_slept() {
        let clock = Clock::start();
        let (start, before) = (clock.mono(), clock.thread());
        while clock.thread().0 - before.0 < 3_000_000 {
            std::hint::spin_loop();
        }
        assert!(clock.mono().since(start) >= 2_900_000);
        let begun = clock.thread();
        std::thread::park_timeout(std::time::Duration::from_millis(30));
        assert!(clock.thread().0 - begun.0 < 15_000_000, "it was asleep");
    }

    #[test]
    fn a_reading_is_never_before_the_last() {
        let clock = Clock::start();
        let other = clock.clone();
        let mut last = (clock.mono(), clock.wall());
        for _ in 0..100_000 {
            let next = (other.mono(), clock.wall());
            assert!(next.0 >= last.0 && next.1 >= last.1);
            last = next;
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let hands = ManualClock::default();
        let clock = Clock::manual(&hands, WallNs(1_000));
        assert_eq!((clock.mono(), clock.wall()), (MonoNs(0), WallNs(1_000)));
        hands.advance_ns(5);
        assert_eq!((clock.mono(), clock.wall()), (MonoNs(5), WallNs(1_005)));
    }
}
