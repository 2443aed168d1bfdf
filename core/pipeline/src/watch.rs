//! Who looks on behind the journal: the screen, and the keeper of the state file.
//!
//! Sidecar thread. A watch sees each message when the journal has taken it and says nothing before the
//! journal's commit: what a screen shows is on the disk.

use crate::latency::{LatencyLog, LatencySet};
use crate::sidecar::Sink;
use crate::topology::PipelineDown;
use claire_sidecar::{JournalError, Recorder};
use claire_types::Cells;

/// Counts committed messages that are not in the store.
pub type Behind = Box<dyn Fn() -> u64 + Send>;

/// What is done at once when a stage dies.
pub type OnDeath = Box<dyn Fn(&PipelineDown) + Send + Sync>;

/// Looks on.
pub trait Watch: Send {
    /// Learns how to count what the store lacks, before the first message, where there is a store.
    fn store(&mut self, _behind: Behind) {}

    /// Learns that the run is over and waits for the store, and why, in words.
    fn waiting(&mut self, _words: &str) {}

    /// Returns what is done at once when a stage dies, on its thread. Must not wait for a stage.
    fn on_death(&self) -> OnDeath {
        Box::new(|_| {})
    }

    /// Sees the next message; it is not committed yet.
    fn see(&mut self, message: &Cells<'_>);

    /// Sees the latencies of an interval.
    fn collect(&mut self, set: &LatencySet);

    /// Everything that was seen is committed now.
    fn committed(&mut self);
}

/// Nobody looks on.
impl Watch for () {
    fn see(&mut self, _: &Cells<'_>) {}
    fn collect(&mut self, _: &LatencySet) {}
    fn committed(&mut self) {}
}

/// A recorder and who looks on behind it.
pub struct Watched<W> {
    /// Writes the journal.
    pub recorder: Recorder,
    /// Writes down the latencies, where there is a journal.
    pub latencies: Option<LatencyLog>,
    /// Looks on.
    pub watch: W,
}

impl<W: Watch> Sink for Watched<W> {
    #[inline]
    fn accept(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        self.recorder.accept(message)?;
        self.watch.see(&message);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.recorder.commit()?;
        self.watch.committed();
        Ok(())
    }

    fn on_death(&self) -> OnDeath {
        self.watch.on_death()
    }

    fn collect(&mut self, set: &LatencySet) {
        if let Some(latencies) = &mut self.latencies {
            latencies.add(set);
        }
        self.watch.collect(set);
    }
}
