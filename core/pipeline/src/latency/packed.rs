//! An interval's latencies without their empty buckets: what waits for the store costs hundreds of bytes, not megabytes.
//!
//! Sidecar thread; read when the run is over.

use super::{Latency, LatencySet, NoHistogram, Span};
use claire_types::MonoNs;

/// An interval's latencies, packed.
#[derive(Clone, Debug)]
pub struct PackedSet {
    /// Start of the interval.
    pub start: MonoNs,
    /// End of the interval.
    pub end: MonoNs,
    /// The spans that have samples: histogram, overflow and maximum.
    spans: Vec<(Span, Vec<u8>, u64, u64)>,
}

impl PackedSet {
    /// Packs a set.
    pub fn of(set: &LatencySet) -> Self {
        let spans = Span::ALL.into_iter().filter_map(|span| {
            let latency = set.at(span);
            let figures = latency.summary();
            let max_ns = figures.max_ns?;
            Some((span, latency.to_bytes(), figures.overflow, max_ns))
        });
        Self {
            start: set.start,
            end: set.end,
            spans: spans.collect(),
        }
    }

    /// Returns the spans that have samples.
    ///
    /// # Errors
    /// [`NoHistogram`] where the bytes are not what was packed: a bug.
    pub fn unpack(&self) -> impl Iterator<Item = Result<(Span, Latency), NoHistogram>> {
        let spans = self.spans.iter();
        spans.map(|(span, bytes, overflow, max_ns)| {
            Ok((*span, Latency::from_bytes(bytes, *overflow, *max_ns)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_set_holds_the_same_samples_in_few_bytes() {
        let mut set = LatencySet::new(MonoNs(5));
        for ns in 1..10_000 {
            set.at_mut(Span::Risk).record(ns * 7);
        }
        set.at_mut(Span::Feed).record(u64::MAX);
        let packed = PackedSet::of(&set);
        let bytes: usize = packed.spans.iter().map(|span| span.1.len()).sum();
        assert!(bytes < 50_000, "{bytes}");
        for unpacked in packed.unpack() {
            let (span, latency) = unpacked.expect("what was packed");
            assert_eq!(latency.summary(), set.at(span).summary(), "{span:?}");
        }
        assert_eq!(packed.unpack().count(), 2);
    }
}
