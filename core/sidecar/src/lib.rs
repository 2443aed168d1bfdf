//! Claire: what happened, written down. Journal, stores, histograms; the only tokio and SQL.
//!
//! Called by the sidecar stage of the pipeline and by commands that read what was written, on their
//! own threads, never on the hot path: everything here may block, allocate and wait for a disk.
//!
//! Reading order: [`digest`] (what two runs must agree on), [`journal`] (the source of truth),
//! [`recorder`] (one run being written), then [`store`] and [`projector`] (what SQL can
//! ask).
#![forbid(unsafe_code)]

pub mod digest;
pub mod journal;
mod latencies;
pub mod projector;
pub mod recorder;
#[cfg(test)]
mod sample;
pub mod store;
mod sync;

pub use digest::Digest;
pub use journal::{
    JournalError, JournalHeader, JournalOptions, JournalReader, JournalWriter, Place, RunId,
    SyncPolicy, Tail,
};
pub use latencies::{LatencyWriter, StageLatency};
pub use projector::{Lag, ProjectError, Projector, ProjectorOptions, ProjectorState};
pub use recorder::{Recorder, Summary};
pub use store::{Store, StoreError};
