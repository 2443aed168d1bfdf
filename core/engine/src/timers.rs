//! A strategy's timers: named, in engine time, fired in order of due time and then of arming.
//!
//! Called by the desk (arm, stop) and by the engine at every input (fire). At most
//! [`TIMERS_MAX`] per strategy; no allocation after a name was first armed.

use claire_types::time::NS_PER_MS;
use claire_types::{Text, WallNs};
use serde::{Deserialize, Serialize};

/// Timers a strategy may have at once.
pub const TIMERS_MAX: usize = 64;
/// Longest span of a timer: one week.
pub const TIMER_MS_MAX: i64 = 7 * 86_400_000;

/// A timer's name, as scripts write it.
pub type TimerName = Text<32>;

/// The timers of one strategy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Timers {
    timers: Vec<Timer>,
    armed_count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Timer {
    name: TimerName,
    due: WallNs,
    /// 0 for a timer that fires once.
    every_ns: i64,
    order: u64,
}

/// Why a timer cannot be armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerFault {
    /// Shorter than 1 ms, longer than a week, or a name that is empty or too long.
    Argument,
    /// [`TIMERS_MAX`] are armed.
    Capacity,
}

impl Timers {
    /// Returns no timers, with room for all.
    pub fn new() -> Self {
        Self {
            timers: Vec::with_capacity(TIMERS_MAX),
            armed_count: 0,
        }
    }

    /// Takes the room again that timers read from a snapshot do not have.
    pub fn reserve_room(&mut self) {
        let more = TIMERS_MAX.saturating_sub(self.timers.len());
        self.timers.reserve(more);
    }

    /// Arms a timer that fires every `ms` from `now`; the same name re-arms.
    ///
    /// # Errors
    /// A [`TimerFault`]; nothing changed.
    pub fn every(&mut self, now: WallNs, ms: i64, name: &str) -> Result<(), TimerFault> {
        self.arm(now, ms, ms, name)
    }

    /// Arms a timer that fires once, `ms` from `now`; the same name re-arms.
    ///
    /// # Errors
    /// A [`TimerFault`]; nothing changed.
    pub fn after(&mut self, now: WallNs, ms: i64, name: &str) -> Result<(), TimerFault> {
        self.arm(now, ms, 0, name)
    }

    /// Forgets all timers, keeps the room.
    pub(crate) fn clear(&mut self) {
        self.timers.clear();
        self.armed_count = 0;
    }

    /// Becomes a copy of other timers, in the room that is there.
    pub fn copy_from(&mut self, other: &Self) {
        self.timers.clone_from(&other.timers);
        self.armed_count = other.armed_count;
    }

    /// Returns what is armed: name, span from `now`, and interval, 0 ms for a timer that fires once.
    pub(crate) fn declared(&self, now: WallNs) -> impl Iterator<Item = (TimerName, i64, i64)> {
        self.timers.iter().map(move |timer| {
            let ms = timer.due.since(now).0.div_euclid(NS_PER_MS).max(1);
            (timer.name, ms, timer.every_ns / NS_PER_MS)
        })
    }

    /// Takes over from the version before: what is declared again with the same interval keeps its phase, and what
    /// fires once stays armed. An interval that is no longer declared stops.
    pub(crate) fn inherit(&mut self, before: &Self) {
        for timer in &before.timers {
            let has_room = self.timers.len() < TIMERS_MAX;
            match self.timers.iter_mut().find(|own| own.name == timer.name) {
                Some(own) if own.every_ns == timer.every_ns => own.due = timer.due,
                None if timer.every_ns == 0 && has_room => {
                    self.armed_count += 1;
                    let order = self.armed_count;
                    self.timers.push(Timer { order, ..*timer });
                }
                _ => {}
            }
        }
    }

    /// Stops a timer; an unknown name is no error.
    pub fn stop(&mut self, name: &str) {
        self.timers.retain(|timer| timer.name.as_str() != name);
    }

    /// Takes the next timer that is due at `now`, if any, and re-arms it where it repeats.
    ///
    /// A repeating timer that fell behind fires once and continues from `now`.
    pub fn fire(&mut self, now: WallNs) -> Option<TimerName> {
        let index = (0..self.timers.len())
            .filter(|index| self.timers[*index].due <= now)
            .min_by_key(|index| (self.timers[*index].due, self.timers[*index].order))?;
        let timer = self.timers[index];
        if timer.every_ns == 0 {
            self.timers.remove(index);
        } else {
            let late = now.since(timer.due).0 / timer.every_ns;
            let next = timer
                .due
                .0
                .saturating_add((late + 1).saturating_mul(timer.every_ns));
            self.timers[index].due = WallNs(next);
        }
        Some(timer.name)
    }

    fn arm(&mut self, now: WallNs, ms: i64, every_ms: i64, name: &str) -> Result<(), TimerFault> {
        let name = TimerName::new(name).filter(|name| !name.is_empty());
        let name = name.ok_or(TimerFault::Argument)?;
        if !(1..=TIMER_MS_MAX).contains(&ms) {
            return Err(TimerFault::Argument);
        }
        self.stop(name.as_str());
        if self.timers.len() == TIMERS_MAX {
            return Err(TimerFault::Capacity);
        }
        self.armed_count += 1;
        self.timers.push(Timer {
            name,
            due: WallNs(now.0.saturating_add(ms * NS_PER_MS)),
            every_ns: every_ms * NS_PER_MS,
            order: self.armed_count,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = NS_PER_MS;

    fn fired(timers: &mut Timers, now_ms: i64) -> Vec<String> {
        std::iter::from_fn(|| {
            timers
                .fire(WallNs(now_ms * MS))
                .map(|name| name.to_string())
        })
        .collect()
    }

    #[test]
    fn timers_fire_by_due_time_and_then_in_the_order_of_arming() {
        let mut timers = Timers::new();
        timers.every(WallNs(0), 100, "b").expect("armed");
        timers.every(WallNs(0), 100, "a").expect("armed");
        timers.after(WallNs(0), 50, "once").expect("armed");
        assert_eq!(fired(&mut timers, 49), [""; 0]);
        assert_eq!(fired(&mut timers, 100), ["once", "b", "a"]);
        assert_eq!(fired(&mut timers, 199), [""; 0]);
        timers.stop("b");
        assert_eq!(fired(&mut timers, 200), ["a"]);
    }

    #[test]
    fn a_timer_that_fell_behind_fires_once_and_keeps_its_phase() {
        let mut timers = Timers::new();
        timers.every(WallNs(0), 100, "t").expect("armed");
        assert_eq!(fired(&mut timers, 1_050), ["t"]);
        assert_eq!(fired(&mut timers, 1_099), [""; 0]);
        assert_eq!(fired(&mut timers, 1_100), ["t"]);
    }

    #[test]
    fn bad_spans_and_too_many_timers_are_refused() {
        let mut timers = Timers::new();
        for (ms, name) in [(0, "t"), (-1, "t"), (TIMER_MS_MAX + 1, "t"), (1, "")] {
            assert_eq!(timers.after(WallNs(0), ms, name), Err(TimerFault::Argument));
        }
        for number in 0..TIMERS_MAX {
            timers
                .after(WallNs(0), 1, &number.to_string())
                .expect("armed");
        }
        assert_eq!(
            timers.after(WallNs(0), 1, "more"),
            Err(TimerFault::Capacity)
        );
        assert_eq!(timers.after(WallNs(0), 1, "0"), Ok(()));
    }
}
