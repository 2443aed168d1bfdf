//! Why a run did not happen or did not come to its end.
//!
//! Made where a run is prepared, assembled and ended; shown by the command line, which makes an exit status of it.

use crate::config::ConfigFaults;
use crate::source::SourceError;
use crate::state::StateError;
use crate::topology::PipelineDown;
use claire_sidecar::{JournalError, StoreError};
use std::path::PathBuf;

/// Why a run did not happen or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigFaults),
    /// What was asked for makes no sense; the text says what to do.
    #[error("{0}")]
    Usage(String),
    /// A script is wrong.
    #[error("{}", script_faults(.0))]
    Script(Vec<claire_strategies::Diagnostic>),
    /// A recording cannot be opened.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The journal cannot be written or read.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The run of this journal is over: choose another folder.
    #[error("{} is finished; a finished journal is never written again{store}", dir.display())]
    Finished {
        /// The journal's folder.
        dir: PathBuf,
        /// What became of the store, in words; empty where none was named.
        store: String,
    },
    /// The trading state cannot be kept.
    #[error("{0}")]
    State(#[from] StateError),
    /// A stage died.
    #[error("{0}")]
    Down(#[from] PipelineDown),
    /// The system refused.
    #[error("{action}: {cause}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl RunError {
    /// Returns whether the user asked for something wrong (exit 2), rather than something failing (exit 1).
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Config(_) | Self::Usage(_) | Self::Script(_) | Self::Finished { .. }
        )
    }
}

/// Joins diagnostics as a compiler prints them; the first one's `error:` is the printer's.
fn script_faults(faults: &[claire_strategies::Diagnostic]) -> String {
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let text = texts.join("\n");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}
