//! The journal's header: whose run it is, and all that is needed to run it again.
//!
//! Written as JSON into the first block of the first segment, and again at the start of each later one,
//! so that a journal can be read whose older segments were removed.

use crate::digest::{of_hex, to_hex};
use claire_types::{Mode, WallNs};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

/// The version of the journal's bytes that this program writes and reads.
///
/// 2: segments begin with header and snapshot. 3: documents of reloads begin with a head, and a record says what
/// became of each.
pub const FORMAT_VERSION: u32 = 3;

/// The run's name: new per start, never in a digest. Shown as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub [u8; Self::BYTES]);

/// What a journal says about its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// Version of the journal's bytes, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Version of the engine's meaning: equal versions give equal outputs for equal inputs.
    pub semantics_version: u32,
    /// The run.
    pub run_id: RunId,
    /// The run's mode.
    #[serde(with = "mode_text")]
    pub mode: Mode,
    /// The start's number, part of all order ids.
    pub epoch: u32,
    /// When the run started, by the host's clock.
    pub started: WallNs,
    /// Facts about the host and the build; they do not decide what the run does.
    pub host: Value,
    /// All that decides what the run does: configuration text, script sources and hashes, input files
    /// by reference (path, SHA-256, size, ranges).
    pub body: Value,
}

impl RunId {
    /// Bytes of an id.
    pub const BYTES: usize = 16;

    /// Returns an id nobody else has: from the operating system's randomness by way of the hash keys.
    pub fn fresh() -> Self {
        let half = || {
            RandomState::new()
                .hash_one(std::process::id())
                .to_le_bytes()
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&half());
        bytes[8..].copy_from_slice(&half());
        Self(bytes)
    }
}

impl JournalHeader {
    /// Returns the first difference that makes `other` another run, in words; `None` where it is the same run: equal in
    /// all but run id, start and host.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let facts = [
            ("journal format", self.format_version, other.format_version),
            (
                "engine semantics",
                self.semantics_version,
                other.semantics_version,
            ),
            ("epoch", self.epoch, other.epoch),
        ];
        for (name, ours, theirs) in facts {
            if ours != theirs {
                return Some(format!("its {name} is {ours}, the run's {theirs}"));
            }
        }
        if self.mode != other.mode {
            return Some(format!(
                "its mode is {}, the run's {}",
                self.mode, other.mode
            ));
        }
        value_difference("body", &self.body, &other.body)
    }
}

/// Returns the path and the two values of the first difference between two JSON values.
fn value_difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    if ours == theirs {
        return None;
    }
    if let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) {
        let names = ours.keys().chain(theirs.keys());
        return names.into_iter().find_map(|name| {
            let one = |map: &serde_json::Map<_, _>| map.get(name).cloned().unwrap_or_default();
            value_difference(&format!("{path}.{name}"), &one(ours), &one(theirs))
        });
    }
    if let (Value::Array(ours), Value::Array(theirs)) = (ours, theirs)
        && ours.len() == theirs.len()
    {
        let mut pairs = ours.iter().zip(theirs).enumerate();
        return pairs.find_map(|(index, (ours, theirs))| {
            value_difference(&format!("{path}[{index}]"), ours, theirs)
        });
    }
    Some(format!(
        "its {path} is {}, the run's {}",
        shortened(ours),
        shortened(theirs)
    ))
}

/// Returns the value's JSON, cut where it is long.
fn shortened(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&to_hex(&self.0))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        of_hex(text)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a run id of 32 lower-case hexadecimal digits"))
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A mode as the text that people write.
mod mode_text {
    use super::*;

    pub fn serialize<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(mode.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header() -> JournalHeader {
        JournalHeader {
            format_version: FORMAT_VERSION,
            semantics_version: 3,
            run_id: RunId([7; 16]),
            mode: Mode::Backtest,
            epoch: 2,
            started: WallNs(1),
            host: json!({"name": "a"}),
            body: json!({"config": "x = 1", "files": [{"path": "a", "ranges": [1, 2]}]}),
        }
    }

    #[test]
    fn a_header_is_read_back_from_its_json() {
        let text = serde_json::to_string(&header()).expect("serializes");
        assert!(text.contains(r#""mode":"backtest""#), "{text}");
        assert!(text.contains(&"07".repeat(16)), "{text}");
        assert_eq!(
            serde_json::from_str::<JournalHeader>(&text).expect("parses"),
            header()
        );
    }

    #[test]
    fn run_id_start_and_host_do_not_make_another_run_and_all_else_does() {
        let other = JournalHeader {
            run_id: RunId::fresh(),
            started: WallNs(9),
            host: json!(null),
            ..header()
        };
        assert_eq!(header().difference(&other), None);
        type Change = fn(&mut JournalHeader);
        let cases: [(Change, &str); 5] = [
            (
                |h| h.semantics_version = 4,
                "its engine semantics is 3, the run's 4",
            ),
            (|h| h.epoch = 3, "its epoch is 2, the run's 3"),
            (
                |h| h.mode = Mode::Paper,
                "its mode is backtest, the run's paper",
            ),
            (
                |h| h.body["files"][0]["ranges"][1] = json!(5),
                "its body.files[0].ranges[1] is 2, the run's 5",
            ),
            (
                |h| h.body["more"] = json!(1),
                "its body.more is null, the run's 1",
            ),
        ];
        for (change, words) in cases {
            let mut other = header();
            change(&mut other);
            assert_eq!(header().difference(&other).as_deref(), Some(words));
        }
    }

    #[test]
    fn fresh_run_ids_differ() {
        assert_ne!(RunId::fresh(), RunId::fresh());
    }
}
