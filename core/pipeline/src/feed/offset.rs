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
        if self.count == 0 {
            return None;
        }
        let sorted = &mut self.sorted[..self.count];
        sorted.copy_from_slice(&self.samples[..self.count]);
        let (_, median, _) = sorted.select_nth_unstable(self.count / 2);
        let median = DurationNs(*median);
        let is_news = self
            .said
            .is_none_or(|said| (said.0 - median.0).abs() >= OFFSET_STEP_NS);
        is_news.then(|| {
            self.said = Some(median);
            median
        })
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
}
