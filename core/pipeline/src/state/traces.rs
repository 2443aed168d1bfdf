//! What earlier starts left: without any of it, a missing state file is a first start.
//!
//! Called at start where the state file is missing or does not read. Looks at the audit log and the database beside the
//! state, and at journals wherever runs of this configuration write them. Reads headers and epochs only. Runs that keep
//! no state, as replays, leave journals and rows too: those say nothing.

use super::{StateError, audit, failed};
use crate::config::Config;
use claire_sidecar::{JournalError, JournalReader, Store};
use claire_types::Mode;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Traces of earlier starts that kept a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Where they are; empty where nothing ever started.
    pub places: Vec<PathBuf>,
    /// The highest epoch that they name, so that no id repeats; 0 where none could be read.
    pub epoch_max: u32,
}

impl Traces {
    /// Looks for all traces; a folder or file that is not there holds none.
    ///
    /// # Errors
    /// A folder or an audit log that cannot be read.
    pub fn find(config: &Config) -> Result<Self, StateError> {
        let mut traces = Self::default();
        let log = audit::path(&config.data_dir);
        traces.add(log, audit::epoch_max(&config.data_dir)?);
        let file = config.data_store();
        let epoch = file.exists().then(|| epoch_of_file(&file)).flatten();
        traces.add(file, epoch);
        let mut directories = vec![config.data_journals(), config.journal_dir()];
        directories.dedup();
        for directory in directories {
            traces.add_journals(&directory)?;
        }
        Ok(traces)
    }

    /// Says where they are, in a few words.
    pub fn words(&self) -> String {
        let first = self.places.first();
        let first = first.map_or_else(String::new, |path| path.display().to_string());
        match self.places.len().saturating_sub(1) {
            0 => first,
            more => format!("{first} and {more} more"),
        }
    }

    fn add(&mut self, place: PathBuf, epoch: Option<u32>) {
        if let Some(epoch) = epoch {
            self.places.push(place);
            self.epoch_max = self.epoch_max.max(epoch);
        }
    }

    /// Adds the journals in the folder, and the folder where it is a journal itself.
    fn add_journals(&mut self, directory: &Path) -> Result<(), StateError> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(failed(directory, "read", cause)),
        };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.push(directory.to_owned());
        folders.sort();
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            let epoch = epoch_of_journal(&folder);
            self.add(folder, epoch);
        }
        Ok(())
    }
}

/// Returns the epoch of the journal of a run that keeps a state, 0 of one that does not read; `None` for what is none.
fn epoch_of_journal(folder: &Path) -> Option<u32> {
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

/// Returns the highest epoch of the database's runs that keep a state, 0 where it does not read; `None` without any.
fn epoch_of_file(file: &Path) -> Option<u32> {
    let modes = Mode::ALL.iter().copied().filter(|mode| keeps_state(*mode));
    let modes: Vec<_> = modes.collect();
    match Store::epoch_max_of_file(file, &modes) {
        Ok(epoch) => epoch,
        Err(error) => {
            tracing::warn!("{error}");
            Some(0)
        }
    }
}

/// Returns whether a run in this mode has a state that outlives it.
const fn keeps_state(mode: Mode) -> bool {
    !matches!(mode, Mode::Replay | Mode::Backtest)
}
