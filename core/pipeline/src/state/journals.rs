//! Which journals earlier runs left: without any, a missing state file is a first start.
//!
//! Called at start. Reads headers only. Runs that keep no state, as replays, leave journals too: those say nothing.

use super::{Journals, StateError, failed};
use claire_sidecar::{JournalError, JournalReader};
use claire_types::Mode;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

impl Journals {
    /// Looks for journals of runs that keep a state in the folder of journals; a folder that is not there holds none.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn found_in(directory: &Path) -> Result<Self, StateError> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Self::None),
            Err(cause) => return Err(failed(directory, "read", cause)),
        };
        let folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        let folders = folders.iter().map(PathBuf::as_path).chain([directory]);
        let epochs = folders.filter(|folder| folder.is_dir()).filter_map(epoch);
        Ok(match epochs.max() {
            Some(epoch_max) => Self::Present { epoch_max },
            None => Self::None,
        })
    }
}

/// Returns the epoch of the journal of a run that keeps a state, 0 of one that does not read; `None` for what is none.
fn epoch(folder: &Path) -> Option<u32> {
    match JournalReader::open(folder) {
        Ok(reader) => {
            let header = reader.header();
            keeps_state(header.mode).then_some(header.epoch)
        }
        // Without a whole header it holds no message: nothing was sent.
        Err(JournalError::Missing { .. }) => None,
        Err(_) => Some(0),
    }
}

/// Returns whether a run in this mode has a state that outlives it.
const fn keeps_state(mode: Mode) -> bool {
    !matches!(mode, Mode::Replay | Mode::Backtest)
}
