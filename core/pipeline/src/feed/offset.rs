//! How far our clock is ahead of a venue's: the median of recv − venue time − assumed latency.
//!
//! Called by the feed stage for each event that carries a venue time. What it says becomes an input,
//! so a replay does not measure again. A fixed window, no allocation.

use claire_types::{DurationNs, VenueNs, WallNs};

/// Samples that the median is taken over.
pub const OFFSET_SAMPLES: usize = 101;
/// A change smaller than this is not said again: 1 ms.
pub const OFFSET_STEP_NS: i64 = 1_000_000;

/// Measures one venue's clock.
#[derive(Clone, Debug)]
pub struct OffsetMeter {
    samples: [i64; OFFSET_SAMPLES],
    sorted: [i64; OFFSET_SAMPLES],
    count: usize,
    next: usize,
    latency: DurationNs,
    said: Option<DurationNs>,
}

impl OffsetMeter {
    /// Returns a meter without samples; `latency` is what a frame is assumed to take from venue to us.
    pub fn new(latency: DurationNs) -> Self {
        Self {
            samples: [0; OFFSET_SAMPLES],
            sorted: [0; OFFSET_SAMPLES],
            count: 0,
            next: 0,
            latency,
            said: None,
        }
    }

    /// Takes an event's two times.
    #[inline]
    pub fn sample(&mut self, recv: WallNs, venue_time: VenueNs) {
        let ahead = recv.0.saturating_sub(venue_time.0);
        self.samples[self.next] = ahead.saturating_sub(self.latency.0);
        self.next = if self.next + 1 == OFFSET_SAMPLES {
            0
        } else {
            self.next + 1
        };
        self.count = (self.count + 1).min(OFFSET_SAMPLES);
    }

    /// Returns whether an offset was said before.
    pub const fn is_known(&self) -> bool {
        self.said.is_some()
    }

    /// Returns the offset where it is known for the first time or moved by a step since it was last returned.
    pub fn change(&mut self) -> Option<DurationNs> {
        if self.count == 0 || !self.has_moved() {
            return None;
        }
        let sorted = self.sorted.get_mut(..self.count)?;
        sorted.copy_from_slice(self.samples.get(..self.count)?);
        let (_, median, _) = sorted.select_nth_unstable(self.count / 2);
        self.said = Some(DurationNs(*median));
        self.said
    }

    /// Returns whether the median is a step away from what was said. Counting tells without sorting: the median is
    /// at least a bound where at most half of the samples are below it, and at most one where more than half are not above.
    fn has_moved(&self) -> bool {
        let Some(said) = self.said else {
            return true;
        };
        let (low, high) = (
            said.0.saturating_sub(OFFSET_STEP_NS),
            said.0.saturating_add(OFFSET_STEP_NS),
        );
        let (mut below_high, mut up_to_low) = (0, 0);
        for sample in self.samples.iter().take(self.count) {
            below_high += usize::from(*sample < high);
            up_to_low += usize::from(*sample <= low);
        }
        below_high <= self.count / 2 || up_to_low > self.count / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_a_median_and_said_only_when_it_moves() {
        let mut meter = OffsetMeter::new(DurationNs(1_000));
        assert_eq!(meter.change(), None);
        for late in [5_000_000, 0, 0] {
            meter.sample(WallNs(100_000_000 + late), VenueNs(1_370_000_000));
        }
        assert_eq!(meter.change(), Some(DurationNs(-1_270_001_000)));
        meter.sample(WallNs(100_900_000), VenueNs(1_370_000_000));
        assert_eq!(meter.change(), None);
        for _ in 0..OFFSET_SAMPLES {
            meter.sample(WallNs(200_000_000), VenueNs(1_370_000_000));
        }
        assert_eq!(meter.change(), Some(DurationNs(-1_170_001_000)));
    }

    #[test]
    fn the_offset_moves_exactly_when_the_median_does() {
        let mut meter = OffsetMeter::new(DurationNs(0));
        let (mut samples, mut said) = (Vec::new(), None);
        let mut state = 7_u64;
        for step in 0..20_000_u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Drifts to and fro, with samples on the very bounds.
            let drift = (step as i64 % 8_000 - 4_000) * 700;
            let ahead = match state >> 62 {
                0 => said.unwrap_or(0) + OFFSET_STEP_NS,
                1 => said.unwrap_or(0) - OFFSET_STEP_NS,
                _ => drift + (state >> 33) as i64 % 1_500_000,
            };
            meter.sample(WallNs(ahead), VenueNs(0));
            samples.push(ahead);
            let from = samples.len().saturating_sub(OFFSET_SAMPLES);
            let mut sorted = samples[from..].to_vec();
            sorted.sort_unstable();
            let median = sorted[sorted.len() / 2];
            let is_news = said.is_none_or(|said: i64| (said - median).abs() >= OFFSET_STEP_NS);
            said = if is_news { Some(median) } else { said };
            let want = is_news.then_some(DurationNs(median));
            assert_eq!(meter.change(), want, "step {step}");
        }
    }
}
