//! Latencies are in the store while the run goes on: what kills it takes the interval that was not over.

use crate::environment::running::Running;
use crate::place::Place;
use claire_sidecar::{JournalReader, Store};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// Intervals of a second that are waited for.
const INTERVALS: u64 = 3;

#[test]
fn a_killed_paper_run_has_lost_no_interval_but_the_last() {
    let place = Place::new();
    let (url, journal) = (place.url(), place.journal().display().to_string());
    let mut command = place.claire(&["paper", "--json", "--store", &url, "--journal", &journal]);
    command.env("CLAIRE_STORE__LATENCY_INTERVAL_S", "1");
    let started = Instant::now();
    let mut running = Running::start_unheard(&mut command);
    // Asked for in the store, while the run goes on.
    running.wait_until("latencies in the store", || {
        intervals(&place).len() >= INTERVALS as usize
    });
    let lasted = started.elapsed();
    running.kill();
    // Each begins where the one before ended, the first at the start and the last not long before the end.
    let found = intervals(&place);
    for pair in found.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "{found:?}");
    }
    let (first, last) = (found[0], found[found.len() - 1]);
    let covered = Duration::from_nanos((last.1 - first.0) as u64);
    assert!(covered >= Duration::from_secs(INTERVALS) && covered <= lasted);
    // What the folder has is what the store has, also a new one.
    let other = format!("sqlite:{}", place.path("other.db").display());
    for url in [&url, &other] {
        let mut command = place.claire(&["db", "rebuild", "--journal", &journal]);
        let output = command.args(["--store", url]).output().expect("started");
        assert_eq!(output.status.code(), Some(0));
    }
    assert_eq!(count(&place, &url), count(&place, &other));
    assert!(count(&place, &url) >= found.len() as u64);
}

fn count(place: &Place, url: &str) -> u64 {
    let reader = JournalReader::open(&place.journal()).expect("a journal");
    let run_id = reader.header().run_id;
    let counts = Store::open(url).and_then(|mut store| store.counts(run_id));
    counts.expect("counted")["latency_histograms"]
}

/// Returns start and end of the feed's intervals in the store; none where there is no table yet.
fn intervals(place: &Place) -> Vec<(i64, i64)> {
    let read = || -> rusqlite::Result<Vec<(i64, i64)>> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let store = Connection::open_with_flags(place.path("run.db"), flags)?;
        let query =
            "SELECT start_ns, end_ns FROM latency_histograms WHERE stage = 'feed' ORDER BY 1";
        let mut statement = store.prepare(query)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    read().unwrap_or_default()
}
