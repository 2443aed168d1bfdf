//! A replay that is killed and started again ends as if nothing had happened: digest, journal, store.
//!
//! Kills are aimed by watching the run's files and its thread, and what they hit is read from what lies on
//! the disk afterwards: the test fails where one kind of moment was never hit. `CLAIRE_TEST_SEED` chooses the
//! moments, `CLAIRE_TEST_KILLS` how many.

use crate::environment::running::Running;
use crate::place::{
    Database, Place, answer, complaint, journaled, postgres, recording, replay, texts,
};
use claire_sidecar::{JournalReader, Store, Tail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Kills of one test run, unless the environment says otherwise.
const KILLS: u64 = 50;
/// Starts after which a kind of moment that was not hit is called unreachable.
const STARTS_MAX: u64 = 400;
/// Kills before a run is let come to its end.
const KILLS_OF_A_RUN: u64 = 6;
/// Megabytes of a segment: the run has more than four.
const SEGMENT_MB: &str = "0.05";
const SEGMENTS_MIN: usize = 4;

/// The moment at which a run is to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// After a share of the usual time, in thousandths.
    Anywhere(u64),
    /// When the recorder's thread waits for the disk.
    Sync(u64),
    /// When this many new segments were begun.
    Rotation(usize),
    /// When the store's log grew this often.
    StoreCommit(u64),
    /// When the journal has its end mark.
    End,
    /// When a segment has reached so many blocks of 512 bytes: the system cuts the write there and ends the process.
    HalfBlock(u64),
    /// The same for a file of the store.
    HalfPage(u64),
}

/// What a kill hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hit {
    /// A block of the journal is half written.
    HalfBlock,
    /// The journal was being synced.
    Sync,
    /// A segment is begun and holds nothing yet.
    Rotation,
    /// A closed segment is not compressed yet, or half.
    Compression,
    /// A transaction of the store is half written.
    HalfCommit,
    /// The store is behind the journal.
    StoreBehind,
    /// The end mark is written, and the store is not complete.
    End,
}

#[test]
fn a_run_killed_at_many_moments_ends_like_an_uninterrupted_one() {
    let kills = number("CLAIRE_TEST_KILLS", KILLS);
    let mut wanted = vec![
        Hit::HalfBlock,
        Hit::Rotation,
        Hit::Compression,
        Hit::HalfCommit,
        Hit::StoreBehind,
        Hit::End,
    ];
    match waits_for_the_disk() {
        true => wanted.push(Hit::Sync),
        false => eprintln!("SKIPPED: no sync takes time here, so none was aimed at"),
    }
    kill_and_compare(&Database::Sqlite, kills, &wanted);
}

#[test]
fn a_run_killed_beside_a_server_ends_like_an_uninterrupted_one() {
    if let Some(server) = postgres() {
        let kills = number("CLAIRE_TEST_KILLS", KILLS) / 4;
        kill_and_compare(&server, kills, &[Hit::Rotation, Hit::StoreBehind, Hit::End]);
    }
}

fn kill_and_compare(database: &Database, kills_min: u64, wanted: &[Hit]) {
    let seed = number("CLAIRE_TEST_SEED", 20_261_121);
    let (whole, usual) = (Place::new(), Instant::now());
    let output = command(&whole, database, None).output().expect("started");
    let usual = usual.elapsed();
    assert!(output.status.success(), "{}", complaint(&output));
    let reference = answer(&output);
    let segments = segments(&whole).len();
    println!("seed {seed}, {kills_min} kills, {segments} segments, {usual:?} uninterrupted");
    assert!(segments >= SEGMENTS_MIN && reference["fills"].as_u64() > Some(0));
    let (mut random, mut starts, mut kills) = (Random(seed), 0, 0);
    let mut tally: BTreeMap<Hit, u64> = BTreeMap::new();
    let missing = |tally: &BTreeMap<Hit, u64>| {
        let mut wanted = wanted.iter().copied();
        wanted.find(|hit| !tally.contains_key(hit))
    };
    while kills < kills_min || missing(&tally).is_some() {
        let place = Place::new();
        for _ in 0..KILLS_OF_A_RUN {
            starts += 1;
            let never = missing(&tally);
            assert!(starts < STARTS_MAX, "never hit {never:?}: {tally:?}");
            let aim = random.aim(never.filter(|_| kills >= kills_min));
            let Some((signal, hits)) = kill(&place, database, aim, usual) else {
                break;
            };
            // A write that the system cuts ends the process as well, but is none of the kills asked for.
            kills += u64::from(signal == SIGKILL);
            hits.into_iter()
                .for_each(|hit| *tally.entry(hit).or_default() += 1);
        }
        end_well(&place, database, &reference, &whole);
    }
    println!("{database:?}: {kills} kills in {starts} starts hit {tally:?}");
}

/// Returns whether the recorder's thread is ever seen waiting for the disk in an uninterrupted run.
fn waits_for_the_disk() -> bool {
    let place = Place::new();
    let mut command = command(&place, &Database::Sqlite, None);
    let mut running = Running::start_unheard(&mut command);
    let mut seen = 0;
    while running.has_ended().is_none() {
        seen += u32::from(is_syncing(running.id()));
    }
    seen > 1
}

/// Lets the run come to its end, or hears that it had ended, and compares all that it left.
fn end_well(place: &Place, database: &Database, reference: &Value, whole: &Place) {
    let output = command(place, database, None).output().expect("started");
    let end = answer(&output);
    match output.status.code() {
        Some(0) => assert_eq!(end["digest"], reference["digest"]),
        code => assert_eq!(
            (code, &end["error"]["code"]),
            (Some(2), &"FINISHED".into()),
            "{end}"
        ),
    }
    let verified = place.verify();
    assert_eq!(verified["verdict"], "equal", "{verified}");
    assert_eq!(verified["digest"], reference["digest"]);
    let rows = place.stored(&database.url(place));
    assert_eq!(rows, journaled(&place.journal()).0);
    assert_eq!(rows, whole.stored(&database.url(whole)));
}

fn command(place: &Place, database: &Database, aim: Option<Aim>) -> Command {
    let url = database.url(place);
    let (limit, store) = match aim {
        Some(Aim::HalfBlock(blocks)) => (Some(blocks), None),
        Some(Aim::HalfPage(blocks)) => (Some(blocks), Some(url.as_str())),
        _ => (None, Some(url.as_str())),
    };
    let arguments = replay(place, recording(), store);
    let mut command = match limit {
        Some(blocks) => place.claire_in(&format!("ulimit -f {blocks}; exec \"$@\""), &arguments),
        None => place.claire(&texts(&arguments)),
    };
    command.env("CLAIRE_JOURNAL__SEGMENT_MB", SEGMENT_MB);
    command
}

/// Starts the run and kills it at the moment; returns the signal and what it hit, `None` where the run ended before.
fn kill(place: &Place, database: &Database, aim: Aim, usual: Duration) -> Option<(i32, Vec<Hit>)> {
    let mut command = command(place, database, Some(aim));
    let mut watch = Watch::new(place, aim, usual);
    let mut running = Running::start_unheard(&mut command);
    let status = loop {
        if let Some(status) = running.has_ended() {
            break status;
        }
        if watch.is_now(running.id()) {
            break running.kill();
        }
        std::hint::spin_loop();
    };
    let signal = status.signal()?;
    assert!([SIGKILL, SIGXFSZ].contains(&signal), "{status}");
    let mut hits = hits_of(place, &database.url(place));
    // What cannot be read from the disk afterwards: the thread was seen waiting for it.
    hits.extend((matches!(aim, Aim::Sync(_)) && watch.is_hit).then_some(Hit::Sync));
    Some((signal, hits))
}

/// Looks for the moment.
struct Watch {
    aim: Aim,
    deadline: Instant,
    journal: PathBuf,
    segments: usize,
    log: PathBuf,
    log_bytes: u64,
    seen: u64,
    is_hit: bool,
}

impl Watch {
    fn new(place: &Place, aim: Aim, usual: Duration) -> Self {
        let share = match aim {
            Aim::Anywhere(share) => share as f64 / 1_000.0,
            // Aims that come to nothing end in a kill somewhere.
            _ => 2.0,
        };
        Self {
            aim,
            deadline: Instant::now() + usual.mul_f64(share),
            journal: place.journal(),
            segments: segments(place).len(),
            log: place.path("run.db-wal"),
            log_bytes: 0,
            seen: 0,
            is_hit: false,
        }
    }

    fn is_now(&mut self, process: u32) -> bool {
        self.is_hit = match self.aim {
            Aim::Anywhere(_) | Aim::HalfBlock(_) | Aim::HalfPage(_) => false,
            Aim::Sync(nth) => self.count(is_syncing(process), nth),
            Aim::Rotation(count) => segment_of(&self.journal, self.segments + count).exists(),
            Aim::StoreCommit(nth) => {
                let bytes = fs::metadata(&self.log).map_or(0, |log| log.len());
                let has_grown = bytes > std::mem::replace(&mut self.log_bytes, bytes);
                self.count(has_grown, nth)
            }
            Aim::End => is_finished(&self.journal),
        };
        self.is_hit || Instant::now() > self.deadline
    }

    fn count(&mut self, is_seen: bool, nth: u64) -> bool {
        self.seen += u64::from(is_seen);
        is_seen && self.seen > nth
    }
}

fn segment_of(journal: &Path, number: usize) -> PathBuf {
    journal.join(format!("journal-{number:06}.claire"))
}

/// Returns whether the thread that writes the journal sleeps in the kernel, waiting for a disk.
fn is_syncing(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return false;
    };
    threads.flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.contains("(claire-sidecar) D")
    })
}

fn is_finished(journal: &Path) -> bool {
    tail(journal).is_some_and(|tail| matches!(tail, Tail::Finished(_)))
}

/// Returns how the journal ends, `None` where it changes while it is read.
fn tail(journal: &Path) -> Option<Tail> {
    let mut reader = JournalReader::open(journal).ok()?;
    while reader.next_message().ok()?.is_some() {}
    Some(reader.tail())
}

/// Returns the names of the journal's files of segments.
fn segments(place: &Place) -> Vec<String> {
    let Ok(entries) = fs::read_dir(place.journal()) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("journal-"))
        .collect();
    names.sort();
    names
}

/// Reads from the disk what a killed run was about.
fn hits_of(place: &Place, url: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut has = |hit, is_hit: bool| hits.extend(is_hit.then_some(hit));
    let names = segments(place);
    let plain = names
        .iter()
        .filter(|name| name.ends_with(".claire"))
        .count();
    has(
        Hit::Compression,
        plain > 1 || names.iter().any(|name| name.ends_with(".tmp")),
    );
    has(Hit::HalfCommit, is_commit_half(&place.path("run.db-wal")));
    let Ok(mut reader) = JournalReader::open(&place.journal()) else {
        // Killed before its first block.
        return hits;
    };
    let (mut messages, mut last_segment) = (0, 0);
    while let Some(message) = reader.next_message().expect("torn at most") {
        messages += 1;
        last_segment = message.place.segment;
    }
    let end = reader.position().segment;
    has(Hit::HalfBlock, matches!(reader.tail(), Tail::Torn(_)));
    has(Hit::Rotation, end > 1 && last_segment < end);
    let applied = Store::open(url).and_then(|mut store| {
        store.migrate()?;
        store.begin_run(reader.header())
    });
    let is_behind = applied.expect("a store").messages < messages;
    has(Hit::StoreBehind, is_behind && messages > 0);
    has(
        Hit::End,
        is_behind && matches!(reader.tail(), Tail::Finished(_)),
    );
    hits
}

const SIGKILL: i32 = 9;
const SIGXFSZ: i32 = 25;

/// Returns whether the write-ahead log ends in frames that no commit closes.
///
/// # Source
/// SQLite's documentation, "WAL-mode File Format" (read 2026-11-28).
fn is_commit_half(log: &Path) -> bool {
    let bytes = fs::read(log).unwrap_or_default();
    let word = |at: usize| -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let (Some(page), Some(salt)) = (word(8), word(16)) else {
        return false;
    };
    let (mut at, mut is_open) = (32, false);
    while let (Some(pages_after), Some(salt_of_frame)) = (word(at + 4), word(at + 8)) {
        if salt_of_frame != salt {
            return is_open;
        }
        is_open = pages_after == 0;
        at += 24 + page as usize;
    }
    // A frame that was begun.
    is_open || at < bytes.len()
}

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// xorshift64*: moments need no better.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }

    /// Chooses a moment, one that may hit what is wanted if something is.
    fn aim(&mut self, wanted: Option<Hit>) -> Aim {
        let kind = match wanted {
            None => self.below(10),
            Some(Hit::Sync) => 3,
            Some(Hit::Rotation | Hit::Compression) => 5,
            Some(Hit::StoreBehind) => 6,
            Some(Hit::End) => 7,
            Some(Hit::HalfBlock) => 8,
            Some(Hit::HalfCommit) => 9,
        };
        match kind {
            0..=2 => Aim::Anywhere(self.below(1_000)),
            3 => Aim::Sync(self.below(12)),
            4 | 5 => Aim::Rotation(1 + self.below(4) as usize),
            6 => Aim::StoreCommit(self.below(8)),
            7 => Aim::End,
            8 => Aim::HalfBlock(8 + self.below(80)),
            _ => Aim::HalfPage(400 + self.below(800)),
        }
    }
}
