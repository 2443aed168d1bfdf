//! The audit log `audit.jsonl`: one JSON line per change of state, each holding the hash of the line before.
//!
//! Called by `state` only. Lines are appended and never changed.

use super::file::hex;
use super::{StateError, failed};
use claire_types::WallNs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When, in ns since 1970 UTC.
    pub at_ns: i64,
    /// When, as ISO text.
    pub at: String,
    /// Who.
    pub who: String,
    /// What: `initialized`, `epoch`, `latched`, `killed`, `lifted`.
    pub what: String,
    /// In words.
    pub detail: String,
    /// SHA-256 of the line before, without its line break; 64 zeros on the first.
    pub before: String,
}

const NAME: &str = "audit.jsonl";
/// What a line is about that raises the epoch; the number ends its words.
const EPOCH: &str = "epoch";
/// Longest line that is looked for at the end of the log.
const LINE_BYTES_MAX: u64 = 65_536;

/// Returns the log's path.
pub fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Returns the highest epoch that the log tells of, 0 where it tells of none; `None` where nothing was ever logged.
pub fn epoch_max(directory: &Path) -> Result<Option<u32>, StateError> {
    let path = path(directory);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed(&path, "read", cause)),
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    // A line that was cut off tells nothing.
    let lines = lines.filter_map(|line| serde_json::from_slice::<AuditLine>(line).ok());
    let lines = lines.filter(|line| line.what == EPOCH);
    let epochs = lines.filter_map(|line| line.detail.rsplit(' ').next()?.parse().ok());
    Ok((!bytes.is_empty()).then(|| epochs.max().unwrap_or(0)))
}

/// Appends a line and has the disk take it.
pub fn append(
    directory: &Path,
    what: &str,
    detail: &str,
    who: &str,
    now: WallNs,
) -> Result<(), StateError> {
    let path = path(directory);
    let write = || -> std::io::Result<()> {
        let mut log = File::options()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)?;
        let end = tail(&mut log)?;
        let line = AuditLine {
            at_ns: now.0,
            at: now.to_string(),
            who: who.to_owned(),
            what: what.to_owned(),
            detail: detail.to_owned(),
            before: end.hash(),
        };
        let mut bytes = Vec::new();
        if end.is_torn() {
            bytes.push(b'\n');
        }
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        log.write_all(&bytes)?;
        log.sync_all()
    };
    write().map_err(|cause| failed(&path, "append to", cause))
}

/// The log's last bytes.
struct Tail(Vec<u8>);

fn tail(log: &mut File) -> std::io::Result<Tail> {
    let length = log.seek(SeekFrom::End(0))?;
    log.seek(SeekFrom::Start(length.saturating_sub(LINE_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(Tail(bytes))
}

impl Tail {
    /// Returns whether a write was cut off: the line stays and is chained like any other.
    fn is_torn(&self) -> bool {
        self.0.last().is_some_and(|byte| *byte != b'\n')
    }

    fn hash(&self) -> String {
        let text = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        match text.rsplit(|byte| *byte == b'\n').next() {
            Some(line) if !line.is_empty() => hex(&Sha256::digest(line)),
            _ => "0".repeat(64),
        }
    }
}
