//! How a journal is written: sizes, ages, and when bytes are made durable.

use claire_types::DurationNs;
use claire_types::time::NS_PER_S;
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
    /// A segment is closed before it grows past this.
    pub segment_bytes_max: u64,
    /// A segment is closed when it holds this much engine time.
    pub segment_age_max: DurationNs,
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
            segment_bytes_max: 256 << 20,
            segment_age_max: DurationNs(3_600 * NS_PER_S),
            sync: SyncPolicy::EveryCommit,
            compression_level: Some(3),
            block_bytes_max: 1 << 20,
        }
    }
}
