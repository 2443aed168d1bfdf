//! A run's journal: made anew, or continued where an earlier start of the same run left it.
//!
//! Called where a run is assembled, on the thread that waits for its end.

use crate::config::Config;
use crate::config::section::Fsync;
use crate::difference::differences;
use claire_sidecar::{
    JournalError, JournalHeader, JournalOptions, JournalReader, JournalWriter, SyncPolicy,
};
use std::path::Path;
use std::time::Duration;

/// Opens or continues the run's journal.
///
/// # Errors
/// A [`JournalError`]: it is finished, another run's, or cannot be written.
pub fn open_journal(
    dir: &Path,
    header: &JournalHeader,
    config: &Config,
) -> Result<JournalWriter, JournalError> {
    let options = JournalOptions {
        sync: match config.journal.fsync {
            Fsync::Commit => SyncPolicy::EveryCommit,
            Fsync::Interval => SyncPolicy::Interval(Duration::from_secs(1)),
            Fsync::Never => SyncPolicy::Never,
        },
        ..JournalOptions::default()
    };
    let opened = match JournalWriter::create(dir, header, options) {
        Err(JournalError::Exists { .. }) => JournalWriter::resume(dir, header, options),
        result => result,
    };
    opened.map_err(|error| match error {
        JournalError::OtherRun { dir, what } => {
            let journal = JournalReader::open(&dir).map(|reader| reader.header().body.clone());
            let found = journal.map(|body| differences(&body, &header.body));
            let found = found.unwrap_or_default();
            let what = if found.is_empty() {
                what
            } else {
                found.join("; ")
            };
            JournalError::OtherRun { dir, what }
        }
        error => error,
    })
}
