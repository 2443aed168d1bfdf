//! What can go wrong with a journal, each with the place and what to do.

use super::segment::Place;
use claire_types::cell::CellFault;
use std::io;
use std::path::{Path, PathBuf};

/// Why a journal could not be written, read or resumed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk or its rights said no: make room or correct the rights, then resume.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `create`, `write`, `sync`, ...
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process writes here: stop it or choose another directory.
    #[error("{} is being written by another process (its journal.lock is held)", dir.display())]
    Locked {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// A new journal was asked for where there is one: resume it or choose another directory.
    #[error("{} already holds a journal; resume it or choose another directory", dir.display())]
    Exists {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// There is no journal, or not even a whole header: check the path.
    #[error("{} holds no journal: {what}", dir.display())]
    Missing {
        /// The journal's directory.
        dir: PathBuf,
        /// What is not there.
        what: String,
    },
    /// The journal has other segments: choose one of those.
    #[error("{} has no segment {number}: {}", dir.display(), segments(*first, *last))]
    NoSegment {
        /// The journal's directory.
        dir: PathBuf,
        /// The segment that was asked for.
        number: u32,
        /// The first that is there.
        first: u32,
        /// The last.
        last: u32,
    },
    /// The bytes are not what was written: restore the file from a copy; do not cut it.
    #[error("{} is damaged at byte {offset_bytes}{}: {what}", file.display(), unpacked(file))]
    Corrupt {
        /// The segment's file.
        file: PathBuf,
        /// Where the damaged block begins, in the uncompressed segment.
        offset_bytes: u64,
        /// What is wrong.
        what: String,
    },
    /// Written by another version: read it with that version's program.
    #[error("{} has journal format {found}; this program reads format {known}", dir.display())]
    Format {
        /// The journal's directory.
        dir: PathBuf,
        /// Its format.
        found: u64,
        /// The format of this program.
        known: u32,
    },
    /// A finished journal takes nothing more: choose another directory.
    #[error("{} is finished; a finished journal is never written again", dir.display())]
    Finished {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// The journal belongs to another run: resume with the configuration, scripts and data it names.
    #[error("{} belongs to another run: {what}", dir.display())]
    OtherRun {
        /// The journal's directory.
        dir: PathBuf,
        /// The first difference of the headers.
        what: String,
    },
    /// The resumed run made something else than the journal holds: the run is not deterministic or its inputs changed.
    #[error(
        "the resumed run differs from its journal in {place}: recorded {recorded}; made now {made}"
    )]
    Differs {
        /// Where the journal holds the other message.
        place: Place,
        /// What the journal holds.
        recorded: String,
        /// What the run made.
        made: String,
    },
    /// What was to be appended is no message: a bug of the caller.
    #[error("what was to be journaled is no message: {fault}")]
    Message {
        /// What is wrong with it.
        fault: CellFault,
    },
    /// An earlier write failed: nothing more is taken, so that nothing is missing in the middle.
    #[error("{} takes nothing more since a write failed: {cause}", dir.display())]
    Poisoned {
        /// The journal's directory.
        dir: PathBuf,
        /// The first failure.
        cause: String,
    },
}

/// Returns which segments there are, in words.
fn segments(first: u32, last: u32) -> String {
    match first == last {
        true => format!("its only segment is {first}"),
        false => format!("its segments are {first} to {last}"),
    }
}

/// Returns what a place in this file counts in, where that is not the file itself.
fn unpacked(file: &Path) -> &'static str {
    match file.extension().is_some_and(|extension| extension == "zst") {
        true => " of the unpacked segment",
        false => "",
    }
}

impl JournalError {
    /// Returns a function that gives an operating-system error its action and path.
    pub(super) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
