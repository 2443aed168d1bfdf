//! The clock's ticks: a timer input every 100 ms of receive time, data or not.
//!
//! Called by the feed stage before each frame. Ticks stand on whole multiples of their interval, so a
//! recording replays with the same ticks whatever it is read in. A silence longer than
//! [`TICKS_BURST_MAX`] ticks, be it a night or a clock that jumped a century, is jumped over but for its last ten
//! minutes: nothing can happen in it. At the end of time there are no more ticks.

use claire_types::WallNs;
use claire_types::time::NS_PER_MS;

/// Interval of the ticks.
pub const TICK_NS: i64 = 100 * NS_PER_MS;
/// Most ticks between two frames: ten minutes' worth, more than any limit of time that ticks serve.
pub const TICKS_BURST_MAX: i64 = 6_000;

/// Says when ticks are due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticks {
    next: Option<WallNs>,
}

impl Ticks {
    /// Returns the next tick that is due at or before `now`, if any; call until there is none.
    ///
    /// A `now` before an earlier one has no ticks: the clock does not run backwards.
    #[inline]
    pub fn due(&mut self, now: WallNs) -> Option<WallNs> {
        let next = match self.next {
            Some(next) => next,
            None => {
                self.next = Some(after(now));
                return None;
            }
        };
        if now < next {
            return None;
        }
        let behind = now.since(next).0 / TICK_NS;
        let jumped = behind.saturating_sub(TICKS_BURST_MAX).max(0);
        let next = jumped
            .checked_mul(TICK_NS)
            .and_then(|ns| next.0.checked_add(ns))?;
        let following = next.checked_add(TICK_NS)?;
        self.next = Some(WallNs(following));
        Some(WallNs(next))
    }
}

/// Returns the first multiple of the interval after `now`.
fn after(now: WallNs) -> WallNs {
    WallNs(
        now.0
            .div_euclid(TICK_NS)
            .saturating_add(1)
            .saturating_mul(TICK_NS),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(ticks: &mut Ticks, now_ms: i64) -> Vec<i64> {
        let now = WallNs(now_ms * NS_PER_MS);
        std::iter::from_fn(|| ticks.due(now))
            .map(|tick| tick.0 / NS_PER_MS)
            .collect()
    }

    #[test]
    fn ticks_stand_on_multiples_and_never_go_back() {
        let mut ticks = Ticks::default();
        assert_eq!(due(&mut ticks, 1_050), [0; 0]);
        assert_eq!(due(&mut ticks, 1_099), [0; 0]);
        assert_eq!(due(&mut ticks, 1_301), [1_100, 1_200, 1_300]);
        assert_eq!(due(&mut ticks, 900), [0; 0]);
        assert_eq!(due(&mut ticks, 1_400), [1_400]);
    }

    #[test]
    fn time_that_ends_has_an_end_of_ticks() {
        for start in [0, i64::MAX - 3 * TICK_NS, i64::MAX - 1, i64::MAX] {
            let mut ticks = Ticks::default();
            assert_eq!(ticks.due(WallNs(start)), None);
            let last = std::iter::from_fn(|| ticks.due(WallNs(i64::MAX)));
            assert!(last.count() as i64 <= TICKS_BURST_MAX + 1, "from {start}");
        }
    }

    #[test]
    fn a_long_silence_has_a_bounded_number_of_ticks() {
        let mut ticks = Ticks::default();
        due(&mut ticks, 0);
        let day = due(&mut ticks, 86_400_000);
        assert_eq!(day.len() as i64, TICKS_BURST_MAX + 1);
        assert_eq!(day.last(), Some(&86_400_000));
    }
}
