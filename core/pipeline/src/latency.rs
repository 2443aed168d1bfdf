//! Latency of the stages as histograms, per interval, without allocation on the hot thread.
//!
//! The hot thread owns a [`LatencyRecorder`]: it records, and every so often swaps the full set of
//! histograms for a recycled empty one through a ring. The sidecar owns the [`LatencyCollector`]: it merges,
//! serializes for the store and sends the emptied set back. Where the sidecar is late, an
//! interval is longer; nothing is lost and nobody waits.
#![forbid(unsafe_code)]

mod log;
mod tally;

pub use log::LatencyLog;
use tally::Tally;

use claire_types::MonoNs;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use rtrb::{Consumer, Producer, RingBuffer};
use std::fmt;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Span {
    /// Frame's last byte available → its messages written.
    Feed = 0,
    /// A market event applied to its book.
    Book = 1,
    /// A strategy's handler.
    Strategy = 2,
    /// All risk checks on one order.
    Risk = 3,
    /// Paper matching of one market event.
    Match = 4,
    /// Frame's last byte available → decision made.
    FrameToDecision = 5,
}

/// A histogram of 1 ns to 60 s with three digits. What is longer is counted beside it.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    overflow: u64,
    longest_ns: u64,
}

/// One histogram per [`Span`], over one stretch of time.
#[derive(Clone, Debug)]
pub struct LatencySet {
    spans: [Latency; Span::ALL.len()],
    /// When the stretch began.
    pub start: MonoNs,
    /// When it ended.
    pub end: MonoNs,
}

/// The hot thread's end.
#[derive(Debug)]
pub struct LatencyRecorder {
    current: Box<Tally>,
    interval_ns: u64,
    full: Producer<Box<Tally>>,
    empty: Consumer<Box<Tally>>,
    late: u64,
}

/// The sidecar's end.
#[derive(Debug)]
pub struct LatencyCollector {
    full: Consumer<Box<Tally>>,
    empty: Producer<Box<Tally>>,
    total: LatencySet,
}

/// A histogram in short. A percentile is there only with at least 10 / (1 - q) samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencySummary {
    /// Samples, those beyond the histogram included.
    pub samples: u64,
    /// Samples longer than 60 s.
    pub overflow: u64,
    /// Half were shorter.
    pub p50_ns: Option<u64>,
    /// 90 of 100 were shorter.
    pub p90_ns: Option<u64>,
    /// 99 of 100 were shorter.
    pub p99_ns: Option<u64>,
    /// 999 of 1,000 were shorter.
    pub p999_ns: Option<u64>,
    /// The longest, exactly.
    pub max_ns: Option<u64>,
}

/// Bytes that are no serialized histogram of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no histogram (V2) of 1 ns to 60 s")]
pub struct NoHistogram;

/// Returns the two ends, `start` being now and an interval at least `interval_ns` long.
pub fn latency(start: MonoNs, interval_ns: u64) -> (LatencyRecorder, LatencyCollector) {
    let (full_in, full_out) = RingBuffer::new(SETS);
    let (mut empty_in, empty_out) = RingBuffer::new(SETS);
    for _ in 1..SETS {
        let pushed = empty_in.push(Tally::new(start));
        assert!(pushed.is_ok(), "the ring holds all sets");
    }
    let recorder = LatencyRecorder {
        current: Tally::new(start),
        interval_ns,
        full: full_in,
        empty: empty_out,
        late: 0,
    };
    let collector = LatencyCollector {
        full: full_out,
        empty: empty_in,
        total: LatencySet::new(start),
    };
    (recorder, collector)
}

impl Span {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Feed,
        Self::Book,
        Self::Strategy,
        Self::Risk,
        Self::Match,
        Self::FrameToDecision,
    ];

    /// Returns the name used in output, stores and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Book => "book",
            Self::Strategy => "strategy",
            Self::Risk => "risk",
            Self::Match => "match",
            Self::FrameToDecision => "frame_to_decision",
        }
    }
}

impl LatencyRecorder {
    /// Records that the span took `ns`. Never allocates.
    #[inline]
    pub fn record(&mut self, span: Span, ns: u64) {
        self.current.record(span, ns);
    }

    /// Hands the set over where its interval is over and an empty one is there. Call it once a turn.
    #[inline]
    pub fn turn(&mut self, now: MonoNs) {
        if now.since(self.current.start()) >= self.interval_ns {
            self.hand_over(now);
        }
    }

    /// Hands the set over, whatever its age; where the sidecar has no empty one back yet, it grows on.
    ///
    /// Returns whether it was handed over.
    #[cold]
    pub fn hand_over(&mut self, now: MonoNs) -> bool {
        let Ok(mut next) = self.empty.pop() else {
            self.late += 1;
            return false;
        };
        next.begin(now);
        self.current.end(now);
        let full = std::mem::replace(&mut self.current, next);
        let pushed = self.full.push(full);
        assert!(pushed.is_ok(), "the ring holds all sets");
        true
    }

    /// Returns how often an interval could not be handed over when it was due.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Returns what was recorded since the last hand-over: at the end of a run, add it to the collector's total.
    pub fn current(&self) -> LatencySet {
        self.current.clone().as_set().clone()
    }
}

impl LatencyCollector {
    /// Takes the intervals that were handed over, oldest first: each is shown to `each`, merged, emptied, sent back.
    pub fn collect(&mut self, mut each: impl FnMut(&LatencySet)) {
        while let Ok(mut tally) = self.full.pop() {
            let set = tally.as_set();
            each(set);
            self.total.merge(set);
            tally.clear();
            // The recorder is gone where this fails, and nobody needs the tally.
            let _ = self.empty.push(tally);
        }
    }

    /// Adds what never came through the ring: the recorder's last, unfinished interval.
    pub fn add(&mut self, last: &LatencySet) {
        self.total.merge(last);
    }

    /// Returns everything since the start, merged.
    pub fn total(&self) -> &LatencySet {
        &self.total
    }
}

impl LatencySet {
    /// Returns empty histograms from `start`.
    pub fn new(start: MonoNs) -> Self {
        Self {
            spans: std::array::from_fn(|_| Latency::new()),
            start,
            end: start,
        }
    }

    /// Adds another set: samples add up, the stretch grows to hold both.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.spans.iter_mut().zip(&other.spans) {
            mine.merge(theirs);
        }
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.spans.iter_mut().for_each(Latency::clear);
    }

    /// Returns the histogram of a span.
    pub fn at(&self, span: Span) -> &Latency {
        &self.spans[span as usize]
    }

    /// Returns the spans that have samples, in short.
    pub fn summaries(&self) -> impl Iterator<Item = (Span, LatencySummary)> {
        let all = Span::ALL.into_iter().map(|span| (span, self.at(span)));
        all.filter(|(_, latency)| latency.samples() > 0)
            .map(|(span, latency)| (span, latency.summary()))
    }

    /// Returns the histogram of a span, to record into it.
    #[inline]
    pub fn at_mut(&mut self, span: Span) -> &mut Latency {
        &mut self.spans[span as usize]
    }
}

impl Latency {
    /// Returns an empty histogram; all its memory is there from now on.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS);
        Self {
            histogram: histogram.expect("the bounds are constants that the library takes"),
            overflow: 0,
            longest_ns: 0,
        }
    }

    /// Adds a sample. Never allocates.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.record_times(ns, 1);
    }

    /// Adds so many samples of the same length. Never allocates.
    fn record_times(&mut self, ns: u64, count: u64) {
        self.longest_ns = self.longest_ns.max(ns);
        if ns > LONGEST_NS || self.histogram.record_n(ns, count).is_err() {
            self.overflow += count;
        }
    }

    /// Adds another histogram's samples.
    pub fn merge(&mut self, other: &Self) {
        let added = self.histogram.add(&other.histogram);
        assert!(added.is_ok(), "all histograms have the same bounds");
        self.overflow += other.overflow;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }

    /// Forgets all samples, keeps the memory.
    pub fn clear(&mut self) {
        self.histogram.reset();
        self.overflow = 0;
        self.longest_ns = 0;
    }

    /// Returns the number of samples, those beyond the histogram included.
    pub fn samples(&self) -> u64 {
        self.histogram.len() + self.overflow
    }

    /// Returns the number of samples longer than the histogram holds.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Returns the value that `per_mille` of 1,000 samples do not pass, in ns, within three digits.
    ///
    /// `None` with fewer than 10 / (1 - q) samples, and where it lies beyond 60 s.
    pub fn percentile_ns(&self, per_mille: u32) -> Option<u64> {
        let samples = self.samples();
        let above = u64::from(1_000_u32.checked_sub(per_mille)?);
        if above == 0 || samples.saturating_mul(above) < 10 * 1_000 {
            return None;
        }
        let rank = u128::from(samples) * u128::from(per_mille);
        let rank = (rank.div_ceil(1_000) as u64).max(1);
        self.at_rank(rank)
    }

    /// Returns the highest value that counts as equal to the sample at this rank, from 1.
    fn at_rank(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        for bucket in self.histogram.iter_recorded() {
            seen += bucket.count_since_last_iteration();
            if seen >= rank {
                return Some(bucket.value_iterated_to().min(self.longest_ns));
            }
        }
        None
    }

    /// Returns the histogram in short.
    pub fn summary(&self) -> LatencySummary {
        LatencySummary {
            samples: self.samples(),
            overflow: self.overflow,
            p50_ns: self.percentile_ns(500),
            p90_ns: self.percentile_ns(900),
            p99_ns: self.percentile_ns(990),
            p999_ns: self.percentile_ns(999),
            max_ns: (self.samples() > 0).then_some(self.longest_ns),
        }
    }

    /// Returns the histogram without what is beyond it.
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Returns the whole histogram in the HdrHistogram V2 format; overflow and maximum are stored beside it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = V2Serializer::new().serialize(&self.histogram, &mut bytes);
        written.expect("a vector takes any histogram");
        bytes
    }

    /// Reads what [`Latency::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`NoHistogram`] where the bytes are none, or of other bounds.
    pub fn from_bytes(bytes: &[u8], overflow: u64, max_ns: u64) -> Result<Self, NoHistogram> {
        let mut rest = bytes;
        let read: Result<Histogram<u64>, _> = Deserializer::new().deserialize(&mut rest);
        let histogram = read.map_err(|_| NoHistogram)?;
        let is_ours = histogram.high() == LONGEST_NS && histogram.sigfig() == DIGITS;
        is_ours
            .then_some(Self {
                histogram,
                overflow,
                longest_ns: max_ns,
            })
            .ok_or(NoHistogram)
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows a table for people: a line per span that has samples, `-` where a percentile has too few.
impl fmt::Display for LatencySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = [
            "samples", "p50 ns", "p90 ns", "p99 ns", "p99.9 ns", "max ns",
        ];
        write!(f, "{:<18}", "stage")?;
        heads.iter().try_for_each(|head| write!(f, "{head:>13}"))?;
        for (span, summary) in self.summaries() {
            write!(f, "\n{:<18}{:>13}", span.as_str(), summary.samples)?;
            let percentiles = [
                summary.p50_ns,
                summary.p90_ns,
                summary.p99_ns,
                summary.p999_ns,
                summary.max_ns,
            ];
            for value in percentiles {
                let text = value.map_or_else(|| "-".to_owned(), |ns| ns.to_string());
                write!(f, "{text:>13}")?;
            }
        }
        Ok(())
    }
}

/// The longest latency that a histogram holds: 60 s.
pub const LONGEST_NS: u64 = 60_000_000_000;
/// Digits that a histogram tells apart.
const DIGITS: u8 = 3;
/// Sets in the round between a recorder and its collector.
const SETS: usize = 4;

const _: () = assert!(Span::ALL[Span::FrameToDecision as usize] as usize == Span::ALL.len() - 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_its_samples() {
        let cases: [(u64, [bool; 4]); 6] = [
            (19, [false, false, false, false]),
            (20, [true, false, false, false]),
            (100, [true, true, false, false]),
            (999, [true, true, false, false]),
            (1_000, [true, true, true, false]),
            (10_000, [true, true, true, true]),
        ];
        for (samples, shown) in cases {
            let mut latency = Latency::new();
            (1..=samples).for_each(|ns| latency.record(ns));
            let summary = latency.summary();
            let have = [
                summary.p50_ns,
                summary.p90_ns,
                summary.p99_ns,
                summary.p999_ns,
            ];
            assert_eq!(
                have.map(|value| value.is_some()),
                shown,
                "{samples} samples"
            );
            assert_eq!((summary.samples, summary.max_ns), (samples, Some(samples)));
        }
        assert_eq!(Latency::new().summary(), LatencySummary::default());
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_samples_within_three_digits() {
        let mut latency = Latency::new();
        (1..=100_000)
            .rev()
            .for_each(|number| latency.record(number * 10));
        let cases = [
            (500, 500_000),
            (900, 900_000),
            (990, 990_000),
            (999, 999_000),
        ];
        for (per_mille, want) in cases {
            let found: u64 = latency.percentile_ns(per_mille).expect("enough samples");
            assert!(found.abs_diff(want) <= want / 1_000, "{per_mille}: {found}");
        }
        assert_eq!(latency.percentile_ns(1_000), None);
    }

    #[test]
    fn what_is_longer_than_a_minute_is_counted_and_pushes_percentiles_out() {
        let mut latency = Latency::new();
        (0..100).for_each(|_| latency.record(LONGEST_NS));
        (0..20).for_each(|_| latency.record(LONGEST_NS + 1));
        let summary = latency.summary();
        assert_eq!((summary.samples, summary.overflow), (120, 20));
        assert!(
            summary
                .p50_ns
                .is_some_and(|ns| ns.abs_diff(LONGEST_NS) < LONGEST_NS / 1_000)
        );
        assert_eq!(
            (summary.p90_ns, summary.max_ns),
            (None, Some(LONGEST_NS + 1))
        );
    }

    #[test]
    fn intervals_are_handed_over_merged_and_recycled() {
        let (mut recorder, mut collector) = latency(MonoNs(0), 1_000);
        let mut intervals = Vec::new();
        for turn in 1..=100_u64 {
            recorder.record(Span::Risk, turn);
            recorder.turn(MonoNs(turn * 500));
            collector.collect(|set| {
                let summary = set.at(Span::Risk).summary();
                intervals.push((set.start.0, set.end.0, summary.samples));
            });
        }
        collector.add(&recorder.current());
        assert_eq!((intervals.len(), recorder.late()), (50, 0));
        assert!(
            intervals
                .iter()
                .all(|(start, end, n)| (end - start, *n) == (1_000, 2))
        );
        let total = collector.total().at(Span::Risk).summary();
        assert_eq!((total.samples, total.max_ns), (100, Some(100)));
    }

    #[test]
    fn a_late_sidecar_makes_intervals_longer_and_loses_nothing() {
        let (mut recorder, mut collector) = latency(MonoNs(0), 10);
        for turn in 1..=50_u64 {
            recorder.record(Span::Feed, turn);
            recorder.turn(MonoNs(turn * 10));
        }
        assert_eq!(recorder.late(), 50 - (SETS as u64 - 1));
        collector.collect(|_| {});
        assert!(recorder.hand_over(MonoNs(600)));
        collector.collect(|_| {});
        assert_eq!(collector.total().at(Span::Feed).samples(), 50);
    }

    #[test]
    fn bytes_are_read_back_and_others_refused() {
        let mut latency = Latency::new();
        (1..5_000).for_each(|ns| latency.record(ns * ns));
        let bytes = latency.to_bytes();
        let read = Latency::from_bytes(&bytes, 0, 4_999 * 4_999).expect("just written");
        assert_eq!(read.summary(), latency.summary());
        assert_eq!(
            Latency::from_bytes(&bytes[1..], 0, 0).err(),
            Some(NoHistogram)
        );
        assert_eq!(Latency::from_bytes(&[], 0, 0).err(), Some(NoHistogram));
    }

    #[test]
    fn the_table_shows_what_has_samples() {
        let mut set = LatencySet::new(MonoNs(0));
        (0..25).for_each(|_| set.at_mut(Span::Match).record(70));
        let table = set.to_string();
        let line = table.lines().nth(1).expect("one span");
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["match", "25", "70", "-", "-", "-", "70"]);
        assert_eq!(table.lines().count(), 2);
    }
}
