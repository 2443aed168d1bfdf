//! Intervals on their way to the store: written down beside the journal as soon as they are over.
//!
//! Sidecar thread. What cannot be written is told once and lost; the run goes on, for its records have the journal.

use super::{LatencySet, Span};
use claire_sidecar::{LatencyWriter, StageLatency};
use claire_types::{MonoNs, WallNs};
use std::io;
use std::path::Path;

/// Writes down the latencies of a run.
#[derive(Debug)]
pub struct LatencyLog {
    writer: LatencyWriter,
    /// The wall time at which the intervals' clock was 0.
    start: WallNs,
    has_failed: bool,
}

impl LatencyLog {
    /// Opens the log in the journal's folder; `start` is the wall time at the intervals' time 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(dir: &Path, start: WallNs) -> io::Result<Self> {
        Ok(Self {
            writer: LatencyWriter::open(dir)?,
            start,
            has_failed: false,
        })
    }

    /// Writes down an interval; stages without samples have no line.
    pub fn add(&mut self, set: &LatencySet) {
        let wall = |time: MonoNs| WallNs(self.start.0.saturating_add_unsigned(time.0));
        let stages = Span::ALL.into_iter().filter_map(|span| {
            let latency = set.at(span);
            (latency.samples() > 0).then(|| StageLatency {
                stage: span.as_str().to_owned(),
                start: wall(set.start),
                end: wall(set.end),
                samples: latency.histogram().len(),
                histogram: latency.to_bytes(),
            })
        });
        let stages: Vec<_> = stages.collect();
        if let Err(error) = self.writer.append(&stages)
            && !self.has_failed
        {
            self.has_failed = true;
            let path = self.writer.path().display();
            tracing::warn!("latencies are not kept, cannot write {path}: {error}");
        }
    }
}
