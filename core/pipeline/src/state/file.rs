//! The state file's bytes: format, checksum, atomic replacement.
//!
//! Called by `state` only. Reading never fails: what is no state says why.

use super::{State, StateError, failed};
use claire_types::{TradingState, WallNs};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const NAME: &str = "state.json";
const FORMAT: &str = "claire-state";
const VERSION: u32 = 1;
/// A state file is a few hundred bytes; more is foreign.
const BYTES_MAX: u64 = 65_536;

/// What the file holds.
pub enum Content {
    /// A state.
    State(State),
    /// There is no file.
    Missing,
    /// Something else; says what.
    Unreadable(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    state: State,
    checksum: String,
}

/// Returns the file's path.
pub fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Returns what the file holds.
pub fn read(directory: &Path) -> Content {
    let path = path(directory);
    match std::fs::symlink_metadata(&path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Content::Missing,
        Err(cause) => return Content::Unreadable(format!("cannot be read ({cause})")),
        Ok(facts) if facts.len() > BYTES_MAX => {
            return Content::Unreadable("is no state file (too large)".to_owned());
        }
        Ok(_) => {}
    }
    match std::fs::read_to_string(&path) {
        Err(cause) => Content::Unreadable(format!("cannot be read ({cause})")),
        Ok(text) => match parse(&text) {
            Ok(state) => Content::State(state),
            Err(what) => Content::Unreadable(what),
        },
    }
}

fn parse(text: &str) -> Result<State, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|fault| {
        let what = if fault.is_eof() {
            "is truncated"
        } else {
            "is no state file"
        };
        format!("{what} ({fault})")
    })?;
    let format = value.get("format").and_then(|format| format.as_str());
    if format != Some(FORMAT) {
        return Err("is no state file of claire".to_owned());
    }
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        return Err("is of another version of claire".to_owned());
    }
    let document: Document =
        serde_json::from_value(value).map_err(|fault| format!("is damaged ({fault})"))?;
    if document.checksum != checksum(&document.state) {
        return Err("is damaged (its checksum differs)".to_owned());
    }
    if !is_consistent(&document.state) {
        return Err("contradicts itself".to_owned());
    }
    Ok(document.state)
}

/// ACTIVE has no cause and no kill switch; every other state says why; KILLED is the kill switch.
fn is_consistent(state: &State) -> bool {
    let is_active = state.trading_state == TradingState::Active;
    let is_killed = state.trading_state == TradingState::Killed;
    is_active == state.cause.is_none() && is_killed == state.is_kill_switch_active
}

/// Replaces the file: it holds either the old or the new state, also after a power cut.
pub fn write(directory: &Path, state: &State) -> Result<(), StateError> {
    let document = Document {
        format: FORMAT.to_owned(),
        version: VERSION,
        state: state.clone(),
        checksum: checksum(state),
    };
    let mut bytes = serde_json::to_vec_pretty(&document).expect("plain values have a JSON form");
    bytes.push(b'\n');
    let temporary = directory.join("state.json.tmp");
    File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        })
        .map_err(|cause| failed(&temporary, "write", cause))?;
    let path = path(directory);
    std::fs::rename(&temporary, &path).map_err(|cause| failed(&path, "replace", cause))?;
    sync(directory)
}

/// Keeps what cannot be read under another name.
pub fn set_aside(directory: &Path, now: WallNs) -> Result<(), StateError> {
    let path = path(directory);
    let aside = directory.join(format!("state.json.unreadable-{}", now.0));
    std::fs::rename(&path, &aside).map_err(|cause| failed(&path, "set aside", cause))?;
    sync(directory)
}

/// Makes a rename in the folder last.
pub fn sync(directory: &Path) -> Result<(), StateError> {
    File::open(directory)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| failed(directory, "sync", cause))
}

/// Returns the SHA-256 of the state's compact JSON.
fn checksum(state: &State) -> String {
    let bytes = serde_json::to_vec(state).expect("plain values have a JSON form");
    hex(&Sha256::digest(bytes))
}

/// Returns lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
