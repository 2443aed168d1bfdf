//! A replay that is killed and started again ends as if nothing had happened: digest, journal, store.
//!
//! Drives the binary. `CLAIRE_TEST_SEED` chooses the moments, `CLAIRE_TEST_KILLS` how many.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Kills of one test run, unless the environment says otherwise.
const KILLS: u64 = 50;
/// Starts without a kill after which something is wrong.
const STARTS_MAX: u64 = 1_000;

#[test]
fn a_run_killed_at_many_moments_ends_like_an_uninterrupted_one() {
    let seed = number("CLAIRE_TEST_SEED", 20_261_121);
    let kills = number("CLAIRE_TEST_KILLS", KILLS);
    println!("seed {seed}, {kills} kills");
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("session.txt");
    let file = std::fs::File::create(&recording).expect("a file");
    claire_sim::write_recording(&mut std::io::BufWriter::new(file), 7, 120).expect("written");
    let whole = folder.path().join("whole");
    let began = std::time::Instant::now();
    let reference = answer(&finished(&recording, &whole));
    let usual = began.elapsed();
    assert!(reference["fills"].as_u64() > Some(0), "{reference}");
    let (mut random, mut killed, mut round) = (seed, 0, 0);
    while killed < kills {
        round += 1;
        assert!(
            round < STARTS_MAX,
            "the run always ends before it can be killed"
        );
        let place = folder.path().join(format!("run{round}"));
        killed += kill_until_finished(&recording, &place, usual, &mut random, kills - killed);
        let end = answer(&finished_or_refused(&recording, &place));
        if end["ok"] == true {
            assert_eq!(end["digest"], reference["digest"], "round {round}");
        }
        same_journal(&place, &reference);
        assert_eq!(rows(&place), rows(&whole), "round {round}");
    }
}

/// Starts and kills at random moments until a start ends by itself; returns how many were killed.
fn kill_until_finished(
    recording: &Path,
    place: &Path,
    usual: Duration,
    random: &mut u64,
    most: u64,
) -> u64 {
    for killed in 0..most {
        let mut child = command(recording, place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let share = next(random) % 1_000;
        let wait = usual.mul_f64(share as f64 / 1_000.0);
        let deadline = std::time::Instant::now() + wait;
        while std::time::Instant::now() < deadline {
            if child.try_wait().expect("asked").is_some() {
                return killed;
            }
            std::thread::yield_now();
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    most
}

fn command(recording: &Path, place: &Path) -> Command {
    std::fs::create_dir_all(place).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_claire"));
    command.arg("replay").arg(recording).args([
        "--strategy",
        "churn",
        "--venue",
        "binance-spot",
        "--json",
    ]);
    command.arg("--journal").arg(place.join("journal"));
    command
        .arg("--store")
        .arg(format!("sqlite:{}", place.join("run.db").display()));
    command.current_dir(place);
    // Small segments: the moments spread over rotation too.
    command.env("CLAIRE_JOURNAL__SEGMENT_MB", "1");
    command
}

fn finished(recording: &Path, place: &Path) -> Output {
    let output = command(recording, place).output().expect("started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs to the end; a run that had finished just before it was killed refuses, and says so.
fn finished_or_refused(recording: &Path, place: &Path) -> Output {
    let output = command(recording, place).output().expect("started");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() || words.contains("finished"),
        "{words}"
    );
    output
}

fn same_journal(place: &Path, reference: &serde_json::Value) {
    let mut verify = Command::new(env!("CARGO_BIN_EXE_claire"));
    let output = verify
        .arg("verify")
        .arg(place.join("journal"))
        .arg("--json")
        .current_dir(place)
        .output()
        .expect("started");
    let verified = answer(&output);
    assert_eq!(verified["verdict"], "equal", "{verified}");
    assert_eq!(verified["digest"], reference["digest"]);
}

fn answer(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Returns the number of rows by table that `db counts` of the run's database gives.
fn rows(place: &Path) -> Vec<(String, u64)> {
    let url = format!("sqlite:{}", place.join("run.db").display());
    let reader = claire_sidecar::JournalReader::open(&place.join("journal")).expect("a journal");
    let run = reader.header().run_id;
    let store = claire_sidecar::Store::open(&url).expect("a store");
    // A run that finished just before it was killed left its last rows to the next reader of the journal.
    claire_sidecar::projector::project(&place.join("journal"), store).expect("projected");
    let mut store = claire_sidecar::Store::open(&url).expect("a store");
    let counts = store.counts(run).expect("counted");
    let of_records = |table: &&str| !["latency_histograms", "runs"].contains(table);
    let counted = counts.iter().filter(|(table, _)| of_records(table));
    counted
        .map(|(table, count)| ((*table).to_owned(), *count))
        .collect()
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// xorshift64*: moments need no better.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
}
