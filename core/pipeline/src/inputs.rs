//! The inputs of a journaled run, found again: files by their SHA-256, or the journal itself.
//!
//! Called by `verify` and `explain` on the command line's thread. Writes nothing.

use crate::clock::Clock;
use crate::feed::FeedLine;
use crate::feed::replay::{ReplayFeed, Speed};
use crate::latency::latency;
use crate::reload::plan::Plan;
use crate::ring::{RING_CELLS, Stamp, ring};
use crate::run::RunError;
use crate::source::Recording;
use crate::stage::{Stage, Turn};
use crate::strategy::hex;
use claire_sidecar::{JournalError, JournalHeader, JournalReader};
use claire_types::cell::Tag;
use claire_types::record::Record;
use claire_types::{EngineSeq, Header, Input, Instrument, Venue};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

/// What is read of a file at once.
const READ_BYTES: usize = 1 << 16;

/// A run's recorded files, found again and proven to be the same.
pub struct FoundFiles {
    /// The files, about to be read.
    pub recording: Recording,
    /// Their venues.
    pub venues: Vec<Venue>,
    /// How often the session was read.
    pub passes: u32,
    /// The instruments that the run's configuration described.
    pub instruments: Vec<Instrument>,
}

/// Returns what a journal says about its files in what decides the run: no place, so that a file may move.
pub fn names_of(recording: &Recording, venues: &[Venue], passes: u32) -> Value {
    let files = recording.files().iter().zip(venues);
    let files: Vec<_> = files
        .map(|(file, venue)| {
            json!({
                "name": name_of(file.path()),
                "sha256": hex(&file.sha256()),
                "bytes": file.size_bytes(),
                "venue": venue.as_str(),
            })
        })
        .collect();
    json!({ "files": files, "passes": passes })
}

/// Returns where the files were, in the order of [`names_of`]: as named, from the root, and from the journal.
pub fn places_of(recording: &Recording, journal: &Path) -> Value {
    let journal = std::path::absolute(journal).unwrap_or_else(|_| journal.to_owned());
    let files = recording.files().iter().map(|file| {
        let absolute = std::path::absolute(file.path());
        let absolute = absolute.unwrap_or_else(|_| file.path().to_owned());
        json!({
            "named": file.path().display().to_string(),
            "absolute": absolute.display().to_string(),
            "from_journal": between(&journal, &absolute).display().to_string(),
        })
    });
    files.collect()
}

/// Finds the files of the run whose journal is in `dir`; `None` where the journal holds its inputs itself.
///
/// # Errors
/// What the header lacks; a file that is nowhere, with all places that were tried.
pub fn find(
    header: &JournalHeader,
    dir: &Path,
    data: Option<&Path>,
) -> Result<Option<FoundFiles>, RunError> {
    let inputs = &header.body["inputs"];
    let Some(files) = inputs["files"].as_array() else {
        return Ok(None);
    };
    let mut paths = Vec::new();
    let mut venues = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let text = |key: &str| {
            let value = file[key].as_str();
            value.ok_or_else(|| lacks(&format!("inputs.files[{index}].{key}")))
        };
        let places = &header.host["files"][index];
        let candidates = candidates(text("name")?, places, dir, data);
        paths.push(find_file(text("name")?, text("sha256")?, &candidates)?);
        let venue = text("venue")?.parse::<Venue>();
        venues.push(venue.map_err(|_| lacks(&format!("inputs.files[{index}].venue")))?);
    }
    let passes = inputs["passes"].as_u64();
    let passes = passes.and_then(|passes| u32::try_from(passes).ok());
    Ok(Some(FoundFiles {
        recording: Recording::open(&paths)?,
        venues,
        passes: passes.ok_or_else(|| lacks("inputs.passes"))?,
        instruments: part(header, "instruments")?,
    }))
}

/// Reads a part of the header's body.
///
/// # Errors
/// The part is missing or of another form.
pub fn part<T: serde::de::DeserializeOwned>(
    header: &JournalHeader,
    name: &str,
) -> Result<T, RunError> {
    let value = header.body.get(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value)
        .map_err(|cause| RunError::Usage(format!("the journal's header: {name}: {cause}")))
}

/// Calls `each` with the run's inputs in the engine's order, until it breaks: sequence, header, input.
///
/// # Errors
/// A journal or file that cannot be read.
pub fn walk(
    dir: &Path,
    files: Option<FoundFiles>,
    mut each: impl FnMut(u64, &Header, &Input<'_>) -> ControlFlow<()>,
) -> Result<(), RunError> {
    match files {
        Some(files) => walk_files(dir, files, &mut each),
        None => walk_journal(dir, &mut each),
    }
}

/// Lets FEED alone read the files again: the n-th input that it writes has engine sequence n, reloads of the journal not
/// counted, which have theirs among them.
fn walk_files(
    dir: &Path,
    files: FoundFiles,
    each: &mut impl FnMut(u64, &Header, &Input<'_>) -> ControlFlow<()>,
) -> Result<(), RunError> {
    // All that decides what FEED makes of the files stands in the header; nobody reads latencies here.
    let (producer, mut consumer) = ring(RING_CELLS);
    let clock = Clock::start();
    let (recorder, _collector) = latency(clock.mono(), u64::MAX);
    let venue = files.venues.first().copied().unwrap_or(Venue::BinanceSpot);
    let line = FeedLine::new(venue, &files.instruments, producer, clock, recorder);
    let mut feed = ReplayFeed::new(
        line,
        files.recording,
        files.venues,
        Speed::Max,
        files.passes,
    );
    let mut reloads = Plan::read(dir, None)?;
    let mut seq = 0;
    loop {
        let turn = feed.turn();
        while let Some(available) = consumer.peek() {
            let (cells, mut taken) = (available.cells(), 0);
            let mut rest = cells;
            while let Ok((message, after)) = rest.split_message() {
                taken += message.len();
                rest = after;
                let is_stamp = message
                    .at(0)
                    .is_ok_and(|cell| Tag::of(cell.low).kind == Stamp::KIND);
                if is_stamp {
                    continue;
                }
                seq += 1;
                while reloads.is_due(EngineSeq(seq - 1)) {
                    reloads.take_next();
                    seq += 1;
                }
                let decoded = Input::decode(&message);
                let (header, input) = decoded.map_err(|fault| JournalError::Message { fault })?;
                if each(seq, &header, &input).is_break() {
                    return Ok(());
                }
            }
            available.advance(taken);
        }
        if turn == Turn::Done {
            return Ok(());
        }
    }
}

fn walk_journal(
    dir: &Path,
    each: &mut impl FnMut(u64, &Header, &Input<'_>) -> ControlFlow<()>,
) -> Result<(), RunError> {
    let mut reader = JournalReader::open(dir)?;
    // Of a journal whose oldest segments were removed, the first that is there does not begin with the first input.
    let before = reader.segment_start();
    let mut seq = before.messages.saturating_sub(before.records);
    while let Some(message) = reader.next_message()? {
        let fault = |fault| JournalError::Message { fault };
        if Record::is_record(message.cells.at(0).map_err(fault)?.low) {
            continue;
        }
        seq += 1;
        let (header, input) = Input::decode(&message.cells).map_err(fault)?;
        if each(seq, &header, &input).is_break() {
            break;
        }
    }
    Ok(())
}

/// Returns where a file may be, the likeliest place first.
fn candidates(name: &str, places: &Value, dir: &Path, data: Option<&Path>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut add = |path: PathBuf| {
        if !found.contains(&path) {
            found.push(path);
        }
    };
    if let Some(data) = data {
        add(data.join(name));
    }
    for key in ["named", "absolute"] {
        if let Some(path) = places[key].as_str() {
            add(PathBuf::from(path));
        }
    }
    if let Some(path) = places["from_journal"].as_str() {
        add(dir.join(path));
    }
    add(dir.join(name));
    if let Some(beside) = dir.parent() {
        add(beside.join(name));
    }
    found
}

/// Returns the first place that holds the run's file.
fn find_file(name: &str, sha256: &str, candidates: &[PathBuf]) -> Result<PathBuf, RunError> {
    let mut tried = Vec::new();
    for path in candidates {
        match sha256_of(path) {
            Ok(found) if found == sha256 => return Ok(path.clone()),
            Ok(found) => tried.push(format!(
                "{}: not the file of the run: its SHA-256 is {found}",
                path.display()
            )),
            Err(cause) => tried.push(format!("{}: {cause}", path.display())),
        }
    }
    Err(RunError::Usage(format!(
        "the run's input {name} with SHA-256 {sha256} is not found; name its folder with --data DIR; tried:\n  {}",
        tried.join("\n  ")
    )))
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut part = vec![0; READ_BYTES];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&part[..read]),
        }
    }
}

/// Returns the way from a folder to a file, both from the root.
fn between(folder: &Path, file: &Path) -> PathBuf {
    let (from, to): (Vec<_>, Vec<_>) = (folder.components().collect(), file.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from.iter().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.iter().skip(shared).copied()).collect()
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Returns that the header lacks something.
pub fn lacks(name: &str) -> RunError {
    RunError::Usage(format!("the journal's header lacks `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_two_places_goes_up_and_down() {
        let cases = [
            ("/a/b", "/a/b/c.gz", "c.gz"),
            ("/a/b", "/a/c.gz", "../c.gz"),
            ("/a/b/j", "/d/c.gz", "../../../d/c.gz"),
        ];
        for (from, to, want) in cases {
            assert_eq!(between(Path::new(from), Path::new(to)), Path::new(want));
        }
    }

    #[test]
    fn a_file_that_is_nowhere_is_refused_with_every_place_tried() {
        let places =
            json!({ "named": "x/a.gz", "absolute": "/none/x/a.gz", "from_journal": "../x/a.gz" });
        let all = candidates("a.gz", &places, Path::new("runs/j"), Some(Path::new("d")));
        let want = [
            "d/a.gz",
            "x/a.gz",
            "/none/x/a.gz",
            "runs/j/../x/a.gz",
            "runs/j/a.gz",
            "runs/a.gz",
        ];
        assert_eq!(all, want.map(PathBuf::from));
        let error = find_file("a.gz", "00", &all)
            .expect_err("nowhere")
            .to_string();
        for place in want {
            assert!(error.contains(place), "{place} in {error}");
        }
    }
}
