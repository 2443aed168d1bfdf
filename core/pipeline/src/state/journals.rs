//! Which journals earlier runs left: without any, a missing state file is a first start.
//!
//! Called at start. Reads headers only.

use super::{Journals, StateError, failed};
use claire_sidecar::JournalReader;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

impl Journals {
    /// Looks for journals in the folder of journals; a folder that is not there holds none.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn found_in(directory: &Path) -> Result<Self, StateError> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Self::None),
            Err(cause) => return Err(failed(directory, "read", cause)),
        };
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        if paths.is_empty() {
            return Ok(Self::None);
        }
        let folders = paths.iter().map(PathBuf::as_path).chain([directory]);
        // What is no journal, or none that reads, names no epoch.
        let epochs = folders.filter_map(|folder| {
            let reader = JournalReader::open(folder).ok()?;
            Some(reader.header().epoch)
        });
        let epoch_max = epochs.max().unwrap_or(0);
        Ok(Self::Present { epoch_max })
    }
}
