//! What is wrong with a configuration: where, which key, what was found and what is allowed.
//!
//! Made by the rest of `config`; shown by the command line as text and inside the JSON envelope.

use super::node::{Origin, Place};
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong. Correct the named place and start again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// Where the wrong value or key was written.
    pub origin: Origin,
    /// The key with its sections, as in `pipeline.topology`; empty where the text itself is wrong.
    pub key: String,
    /// What was wrong.
    pub what: String,
    /// What is allowed, where that can be listed.
    pub allowed: Option<Box<str>>,
    /// The known name nearest to an unknown one.
    pub nearest: Option<Box<str>>,
}

/// Everything that is wrong with a configuration, at least one thing, in the order it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl ConfigFault {
    /// Returns a fault without a list of what is allowed.
    pub fn new(origin: Origin, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            origin,
            key: key.into(),
            what: what.into(),
            allowed: None,
            nearest: None,
        }
    }

    /// Returns the place in a file, if the value stands in one.
    pub fn place(&self) -> Option<&Place> {
        match &self.origin {
            Origin::File(place) => Some(place),
            _ => None,
        }
    }

    /// Returns the fault of a file that cannot be read.
    pub fn unreadable(path: &Path, cause: &std::io::Error) -> Self {
        let place = Place {
            file: std::sync::Arc::new(PathBuf::from(path)),
            line: 0,
            column: 0,
        };
        Self::new(Origin::File(place), "", format!("cannot be read: {cause}"))
    }
}

impl ConfigFaults {
    /// Returns the first fault, which is the one to name where only one can be.
    pub fn first(&self) -> Option<&ConfigFault> {
        self.0.first()
    }
}

impl From<ConfigFault> for ConfigFaults {
    fn from(fault: ConfigFault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(place) if place.line == 0 => write!(f, "{}: ", place.file.display())?,
            Origin::File(place) => write!(
                f,
                "{}:{}:{}: ",
                place.file.display(),
                place.line,
                place.column
            )?,
            origin => write!(f, "{origin}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFault {}
impl std::error::Error for ConfigFaults {}

/// Returns the candidate nearest to `word`, if one is near enough to have been meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (index, right) in right.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names_what_was_meant_and_nothing_far() {
        let known = ["topology", "wait", "ring_cells"];
        for (word, expected) in [
            ("topolgy", Some("topology")),
            ("waits", Some("wait")),
            ("Ring_Cell", Some("ring_cells")),
            ("journal", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word:?}");
        }
    }
}
