//! SIDECAR: writes down what the engine did, on a thread of its own in every topology.
//!
//! Everything here may block and allocate. The database is behind the journal, on the projector's
//! thread: it cannot slow this one. Where the journal cannot be written the run stops with the reason.

use crate::disk::DiskWatch;
use crate::latency::{LatencyCollector, LatencySet};
use crate::ring::MessageConsumer;
use crate::stage::{Stage, StageName, Turn};
use crate::watch::OnDeath;
use claire_sidecar::{JournalError, Recorder};
use claire_types::Cells;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who takes the messages of a run, in engine order.
pub trait Sink: Send {
    /// What is said where it takes nothing more, before the reason.
    const FAILURE: &'static str = "the journal cannot be written: the run stops";

    /// Takes the next message.
    ///
    /// # Errors
    /// What ends the run, in the journal's words.
    fn accept(&mut self, message: Cells<'_>) -> Result<(), JournalError>;

    /// Makes what was taken durable.
    ///
    /// # Errors
    /// As [`Sink::accept`].
    fn commit(&mut self) -> Result<(), JournalError>;

    /// Returns what is done at once when a stage dies, on its thread.
    fn on_death(&self) -> OnDeath {
        Box::new(|_| {})
    }

    /// Takes the latencies of an interval that is over.
    fn collect(&mut self, _set: &LatencySet) {}
}

/// The sidecar stage.
pub struct SidecarStage<S> {
    sink: S,
    records: MessageConsumer,
    latencies: Vec<LatencyCollector>,
    stop: Arc<AtomicBool>,
    disk: Option<DiskWatch>,
    failure: Option<JournalError>,
}

impl<S: Sink> SidecarStage<S> {
    /// Returns the stage; `stop` ends the run when the sink takes nothing more.
    pub fn new(
        sink: S,
        records: MessageConsumer,
        latencies: Vec<LatencyCollector>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            sink,
            records,
            latencies,
            stop,
            disk: None,
            failure: None,
        }
    }

    /// Looks at the journal's disk beside its work.
    pub fn watching(mut self, disk: Option<DiskWatch>) -> Self {
        self.disk = disk;
        self
    }

    /// Returns what took the messages, the latencies since the start, and what went wrong.
    pub fn into_parts(mut self) -> (S, Vec<LatencyCollector>, Option<JournalError>) {
        // What was handed over between the last turn's look and the end.
        self.collect();
        (self.sink, self.latencies, self.failure)
    }

    fn collect(&mut self) {
        let sink = &mut self.sink;
        for latency in &mut self.latencies {
            latency.collect(|set| sink.collect(set));
        }
    }

    fn fail(&mut self, error: JournalError) {
        // Relaxed: the flag carries no data; the first stage sees it a turn later.
        self.stop.store(true, Ordering::Relaxed);
        tracing::error!(%error, "{}", S::FAILURE);
        self.failure.get_or_insert(error);
    }

    fn take(&mut self) -> Option<Result<(), JournalError>> {
        let available = self.records.peek()?;
        let cells = available.cells();
        let mut rest = cells;
        let mut result = Ok(());
        while let Ok((message, after)) = rest.split_message() {
            // After a failure the ring is only emptied, so that the engine can come to its end.
            if self.failure.is_none() && result.is_ok() {
                result = self.sink.accept(message);
            }
            rest = after;
        }
        let taken = cells.len() - rest.len();
        available.advance(taken);
        Some(result)
    }
}

impl<S: Sink> Stage for SidecarStage<S> {
    fn name(&self) -> StageName {
        const { StageName::new("sidecar") }
    }

    fn turn(&mut self) -> Turn {
        self.collect();
        if let Some(disk) = &mut self.disk {
            disk.look();
        }
        let Some(result) = self.take() else {
            return if self.records.is_ended() {
                Turn::Done
            } else {
                Turn::Idle
            };
        };
        let result = match (result, &self.failure) {
            (Ok(()), None) => self.sink.commit(),
            (result, _) => result,
        };
        if let Err(error) = result {
            self.fail(error);
        }
        Turn::Worked
    }
}

impl Sink for Recorder {
    fn accept(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        Self::accept(self, message)
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        Self::commit(self)
    }
}
