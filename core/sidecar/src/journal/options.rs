//! How a journal is written: sizes of blocks, compression, and when bytes are made durable.
//!
//! Where a segment begins is decided by the engine stage, which makes the snapshot that it begins with.

use std::time::Duration;

/// When written bytes are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// At every commit: what is committed survives a power cut.
    EveryCommit,
    /// At the first commit after this much host time: a power cut loses at most that.
    Interval(Duration),
    /// Never but at the end: survives a killed process, not a power cut.
    Never,
}

/// How a journal is written. The defaults are SPEC 9's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// When written bytes are made durable.
    pub sync: SyncPolicy,
    /// Zstd level for closed segments, `None` to leave them plain.
    pub compression_level: Option<i32>,
    /// Appended bytes that are written without waiting for the commit.
    pub block_bytes_max: u32,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::EveryCommit,
            compression_level: Some(3),
            block_bytes_max: 1 << 20,
        }
    }
}
