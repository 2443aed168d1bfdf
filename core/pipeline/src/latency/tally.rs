//! What the hot thread writes: the samples of a set, the short ones counted by their nanosecond.
//!
//! Nearly all samples are short. One addition counts them, where a histogram's own recording takes seventy
//! instructions; whoever reads the tally turns them into histograms first.

use super::{LatencySet, Span};
use claire_types::MonoNs;

/// One stretch of time's samples.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    set: LatencySet,
    short: [[u64; SHORT_NS]; Span::ALL.len()],
}

/// Samples below this are counted by their nanosecond.
const SHORT_NS: usize = 1_024;

impl Tally {
    /// Returns an empty tally; all its memory is there from now on.
    pub(super) fn new(start: MonoNs) -> Box<Self> {
        Box::new(Self {
            set: LatencySet::new(start),
            short: [[0; SHORT_NS]; Span::ALL.len()],
        })
    }

    /// Adds a sample. Never allocates.
    #[inline]
    pub(super) fn record(&mut self, span: Span, ns: u64) {
        let short = self.short.get_mut(span as usize);
        let count = usize::try_from(ns).ok().zip(short);
        match count.and_then(|(ns, counts)| counts.get_mut(ns)) {
            Some(count) => *count += 1,
            None => self.set.at_mut(span).record(ns),
        }
    }

    /// Begins a stretch.
    pub(super) fn begin(&mut self, now: MonoNs) {
        self.set.start = now;
    }

    /// Ends the stretch.
    pub(super) fn end(&mut self, now: MonoNs) {
        self.set.end = now;
    }

    /// Returns when the stretch began.
    #[inline]
    pub(super) fn start(&self) -> MonoNs {
        self.set.start
    }

    /// Returns all samples as histograms.
    pub(super) fn as_set(&mut self) -> &LatencySet {
        for (span, counts) in Span::ALL.into_iter().zip(&mut self.short) {
            let latency = self.set.at_mut(span);
            let counts = (0..).zip(counts).filter(|(_, count)| **count > 0);
            counts.for_each(|(ns, count)| latency.record_times(ns, std::mem::take(count)));
        }
        &self.set
    }

    /// Forgets all samples.
    pub(super) fn clear(&mut self) {
        self.set.clear();
        self.short.as_flattened_mut().fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LONGEST_NS, Latency, latency};
    use super::*;

    #[test]
    fn short_and_long_samples_are_in_one_histogram() {
        let (mut recorder, mut collector) = latency(MonoNs(0), 1_000);
        let mut all = Latency::new();
        let samples = (0..3_000).chain([LONGEST_NS, LONGEST_NS + 1, u64::MAX]);
        for ns in samples {
            recorder.record(Span::Feed, ns);
            all.record(ns);
        }
        let current = recorder.current();
        assert_eq!(current.at(Span::Feed).summary(), all.summary());
        assert_eq!(current.at(Span::Feed).histogram(), all.histogram());
        for turn in [5_000, 10_000] {
            assert!(recorder.hand_over(MonoNs(turn)));
            collector.collect(|_| {});
        }
        // A tally that came back is empty.
        assert_eq!(recorder.current().summaries().count(), 0);
        assert_eq!(
            collector.total().at(Span::Feed).histogram(),
            all.histogram()
        );
    }
}
