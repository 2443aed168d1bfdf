//! What reloads came to: what was told of them, and their times.
//!
//! Kept by the staging stage, read when the run is over.

use super::Stays;
use hdrhistogram::Histogram;
use serde::Serialize;

/// What the reloads of a run came to.
#[derive(Clone, Debug, Default)]
pub struct ReloadReport {
    /// What was told, the first lines.
    pub lines: Vec<String>,
    /// Times.
    pub figures: ReloadFigures,
    live_ns: Times,
    pause_ns: Times,
    swap_ns: Times,
}

/// Times of reloads; they differ between equal runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadFigures {
    /// Versions that went live.
    pub n: u64,
    /// From the last sign of the save until the version is live: median.
    pub live_p50_ns: u64,
    /// The same, 99th percentile.
    pub live_p99_ns: u64,
    /// The same, largest.
    pub live_max_ns: u64,
    /// Longest stay of the engine thread away from events for one version: median.
    pub pause_p50_ns: u64,
    /// The same, 99th percentile.
    pub pause_p99_ns: u64,
    /// The same, largest.
    pub pause_max_ns: u64,
    /// All of the engine thread's time for one version: median.
    pub swap_p50_ns: u64,
    /// The same, 99th percentile.
    pub swap_p99_ns: u64,
    /// The same, largest.
    pub swap_max_ns: u64,
    /// Times that the staging thread was so far behind that it began anew.
    pub begun_anew: u64,
}

/// A histogram of 3 digits, or none where the system gives no memory for it.
#[derive(Clone, Debug)]
struct Times(Option<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, TIME_NS_MAX, 3).ok())
    }
}

impl Times {
    fn add(&mut self, ns: u64) {
        if let Some(times) = &mut self.0 {
            times.saturating_record(ns);
        }
    }

    fn at(&self, share: f64) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |times| times.value_at_quantile(share))
    }
}

/// Longest time that is told apart: one minute.
const TIME_NS_MAX: u64 = 60_000_000_000;
/// Most lines that are kept.
pub(crate) const LINES_MAX: usize = 64;

impl ReloadReport {
    /// Counts a version that went live.
    pub(crate) fn live(&mut self, live_ns: u64, stays: Stays) {
        self.live_ns.add(live_ns);
        self.pause_ns.add(stays.longest_ns);
        self.swap_ns.add(stays.total_ns);
        self.figures.n += 1;
    }

    /// Keeps a line for the summary.
    pub(crate) fn line(&mut self, text: &str) {
        if self.lines.len() < LINES_MAX {
            self.lines.push(text.to_owned());
        }
    }

    /// Brings the figures up to date.
    pub(crate) fn close(&mut self, begun_anew: u64) {
        self.figures = ReloadFigures {
            n: self.figures.n,
            live_p50_ns: self.live_ns.at(0.5),
            live_p99_ns: self.live_ns.at(0.99),
            live_max_ns: self.live_ns.at(1.0),
            pause_p50_ns: self.pause_ns.at(0.5),
            pause_p99_ns: self.pause_ns.at(0.99),
            pause_max_ns: self.pause_ns.at(1.0),
            swap_p50_ns: self.swap_ns.at(0.5),
            swap_p99_ns: self.swap_ns.at(0.99),
            swap_max_ns: self.swap_ns.at(1.0),
            begun_anew,
        };
    }
}
