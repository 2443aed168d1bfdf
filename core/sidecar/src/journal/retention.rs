//! Retention: which closed segments may go, oldest first, by age and by what all journals take together.
//!
//! Called on the journal's helper thread, at start and whenever a segment was closed. Removes the segments of
//! earlier runs first, then those of the run that is written, but of that never the segment at hand nor the one
//! before it: the newest whole snapshot is in one of the two. What a store has not taken yet stays, and so does
//! a journal that another process writes. Every removal is logged and counted.

use super::committed::Committed;
use super::error::JournalError;
use super::header::RunId;
use super::reader::JournalReader;
use super::segment::{self, Place};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What is kept; neither limit keeps everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules {
    /// Segments that were closed longer ago go.
    pub age_max: Option<Duration>,
    /// The oldest segments go while all journals together take more.
    pub bytes_max: Option<u64>,
}

/// Asks how far a run's journal is in the store.
pub type Projected = Box<dyn FnMut(RunId) -> Place + Send>;

/// What was removed so far, for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Removals(Arc<Mutex<Removed>>);

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Keeps the journals within the rules.
pub struct Retention {
    rules: RetentionRules,
    /// The folder of all runs' journals.
    folder: PathBuf,
    /// How far the store is; `None` where there is no store that waits for anything.
    projected: Option<Projected>,
    removals: Removals,
}

/// A segment that could go.
struct Candidate {
    run: usize,
    segment: u32,
    bytes: u64,
    closed: SystemTime,
}

/// An earlier run's journal, or the one that is written.
struct Run {
    dir: PathBuf,
    /// Segments before this one may go.
    before: u32,
    /// All of it may go, and its folder.
    is_whole: bool,
    /// Held while segments of an earlier run go.
    _lock: Option<fs::File>,
}

impl RetentionRules {
    /// Returns whether nothing is ever removed.
    pub const fn keep_all(&self) -> bool {
        self.age_max.is_none() && self.bytes_max.is_none()
    }
}

impl Removals {
    /// Returns what was removed so far.
    pub fn so_far(&self) -> Removed {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: u64) {
        let mut removed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        removed.segments += 1;
        removed.bytes += bytes;
    }
}

impl Retention {
    /// Returns the keeper of the journals in `folder`.
    pub fn new(rules: RetentionRules, folder: &Path, projected: Option<Projected>) -> Self {
        Self {
            rules,
            folder: folder.to_owned(),
            projected,
            removals: Removals::default(),
        }
    }

    /// Returns the count of what it removes.
    pub fn removals(&self) -> Removals {
        self.removals.clone()
    }

    /// Removes what the rules say; what cannot be removed stays, with a warning.
    pub(super) fn apply(&mut self, own: &Path, committed: &Committed, now: SystemTime) {
        if self.rules.keep_all() {
            return;
        }
        let (runs, candidates, mut total) = match self.look(own, committed) {
            Ok(found) => found,
            Err(error) => return tracing::warn!("no segment is removed: {error}"),
        };
        let mut is_blocked = vec![false; runs.len()];
        for candidate in candidates {
            let age = now.duration_since(candidate.closed).unwrap_or_default();
            let is_old = self.rules.age_max.is_some_and(|max| age > max);
            let is_beyond = self.rules.bytes_max.is_some_and(|max| total > max);
            let run = &runs[candidate.run];
            let may_go = run.is_whole || candidate.segment < run.before;
            // From the oldest on, without a hole.
            if !(is_old || is_beyond) || !may_go || is_blocked[candidate.run] {
                is_blocked[candidate.run] = true;
                continue;
            }
            match remove(&run.dir, candidate.segment) {
                Ok(()) => {
                    total = total.saturating_sub(candidate.bytes);
                    self.removals.add(candidate.bytes);
                    tracing::info!(
                        journal = %run.dir.display(),
                        segment = candidate.segment,
                        bytes = candidate.bytes,
                        reason = if is_old { "age" } else { "quota" },
                        "segment removed"
                    );
                }
                Err(error) => {
                    is_blocked[candidate.run] = true;
                    tracing::warn!("a segment stays: {error}");
                }
            }
        }
        runs.iter()
            .filter(|run| run.is_whole)
            .for_each(remove_folder);
        if let Some(max) = self.rules.bytes_max.filter(|max| total > *max) {
            tracing::warn!(
                folder = %self.folder.display(),
                "journals take {total} bytes, more than the quota of {max}: what is left is being written \
                 or not in the store yet"
            );
        }
    }

    /// Returns the runs, their segments in the order in which they may go, and what all take.
    fn look(
        &mut self,
        own: &Path,
        committed: &Committed,
    ) -> Result<(Vec<Run>, Vec<Candidate>, u64), JournalError> {
        let (mut runs, mut candidates, mut total) = (Vec::new(), Vec::new(), 0);
        for dir in earlier(&self.folder, own)? {
            let (run, sizes) = self.earlier_run(dir);
            total += add(&mut candidates, runs.len(), sizes);
            runs.extend(run);
        }
        let sizes = sizes(own)?;
        let at_hand = committed.place().segment;
        let header = JournalReader::open(own)?.header().clone();
        let projected = self.projected.as_mut().map(|ask| ask(header.run_id));
        let before = at_hand.saturating_sub(1);
        total += add(&mut candidates, runs.len(), sizes);
        runs.push(Run {
            dir: own.to_owned(),
            before: projected.map_or(before, |place| before.min(place.segment)),
            is_whole: false,
            _lock: None,
        });
        Ok((runs, candidates, total))
    }

    /// Returns an earlier run, or none of whose segments may go, and what it takes.
    fn earlier_run(&mut self, dir: PathBuf) -> (Option<Run>, Vec<(u32, u64, SystemTime)>) {
        let sizes = sizes(&dir).unwrap_or_default();
        // A journal that is written, or none that this program reads, stays as it is.
        let Ok(lock) = segment::lock(&dir) else {
            return (None, sizes);
        };
        let Ok(reader) = JournalReader::open(&dir) else {
            return (None, sizes);
        };
        let run_id = reader.header().run_id;
        let place = self.projected.as_mut().map(|ask| ask(run_id));
        let is_whole = match place {
            None => true,
            Some(place) => end_of(&dir, place.segment).is_some_and(|end| place >= end),
        };
        let run = Run {
            dir,
            before: place.map_or(0, |place| place.segment),
            is_whole,
            _lock: Some(lock),
        };
        (Some(run), sizes)
    }
}

/// Adds a run's segments, oldest first, and returns what they take.
fn add(candidates: &mut Vec<Candidate>, run: usize, sizes: Vec<(u32, u64, SystemTime)>) -> u64 {
    let mut total = 0;
    for (segment, bytes, closed) in sizes {
        total += bytes;
        candidates.push(Candidate {
            run,
            segment,
            bytes,
            closed,
        });
    }
    total
}

/// Returns the folders of other journals, the earliest started first.
fn earlier(folder: &Path, own: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io("read", folder)(error)),
    };
    let own = own.canonicalize().unwrap_or_else(|_| own.to_owned());
    let mut found = Vec::new();
    for entry in entries {
        let dir = entry.map_err(JournalError::io("read", folder))?.path();
        let is_own = dir.canonicalize().is_ok_and(|dir| dir == own);
        let first = segment::range(&dir).ok().flatten();
        if let Some((first, _)) = first.filter(|_| !is_own)
            && let Ok(reader) = JournalReader::open_segment(&dir, first)
        {
            found.push((reader.header().started, dir));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, dir)| dir).collect())
}

/// Returns number, bytes and time of the last change of each segment, oldest first.
fn sizes(dir: &Path) -> Result<Vec<(u32, u64, SystemTime)>, JournalError> {
    let Some((first, last)) = segment::range(dir)? else {
        return Ok(Vec::new());
    };
    let mut sizes = Vec::new();
    for number in first..=last {
        let paths = [
            segment::compressed_path(dir, number),
            segment::plain_path(dir, number),
        ];
        let found = paths.iter().find_map(|path| fs::metadata(path).ok());
        if let Some(found) = found {
            let changed = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            sizes.push((number, found.len(), changed));
        }
    }
    Ok(sizes)
}

/// Returns the place behind the last whole block, where `from` is the last segment.
fn end_of(dir: &Path, from: u32) -> Option<Place> {
    let (_, last) = segment::range(dir).ok()??;
    if from < last {
        return None;
    }
    let mut reader = JournalReader::open_segment(dir, last).ok()?;
    while reader.next_message().ok()?.is_some() {}
    Some(reader.position())
}

fn remove(dir: &Path, number: u32) -> Result<(), JournalError> {
    for path in [
        segment::plain_path(dir, number),
        segment::compressed_path(dir, number),
    ] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(JournalError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    segment::sync_dir(dir)
}

/// Removes the folder of a run without segments; one that holds anything else stays.
fn remove_folder(run: &Run) {
    if segment::range(&run.dir).is_ok_and(|range| range.is_none()) {
        segment::remove_lock(&run.dir);
        // The latencies of a run that is gone go with it; where this fails the folder stays, and is named.
        let _ = fs::remove_file(run.dir.join(crate::latencies::NAME));
        if let Err(error) = fs::remove_dir(&run.dir) {
            tracing::warn!(journal = %run.dir.display(), %error, "the empty folder stays");
        }
    }
}
