//! Exactly once, whatever fails: the rows of an interrupted projection are those of an undisturbed one.

mod beside;

use super::session::{ProjectError, Session};
use super::*;
use crate::journal::{JournalReader, JournalWriter, RunId};
use crate::latencies::{LatencyWriter, StageLatency};
use crate::recorder::{Recorder, Summary};
use crate::sample::{self, Sample};
use crate::store::tests::{TestStore, ask, dump, execute, set_failpoint};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;

const ROWS_MAX: usize = 40;

fn record(dir: &Path, run: u8, inputs: u64) -> Summary {
    record_sample(dir, run, &Sample::new(run.into(), inputs))
}

fn record_sample(dir: &Path, run: u8, sample: &Sample) -> Summary {
    let journal =
        JournalWriter::create(dir, &sample::header(run), sample::OPTIONS).expect("created");
    let mut recorder = Recorder::new(Some(journal));
    for (number, message) in sample.iter().enumerate() {
        recorder.accept(message).expect("accepted");
        if number % 7 == 6 {
            recorder.commit().expect("committed");
        }
    }
    recorder.finish().expect("finished")
}

/// Writes a finished journal and returns its run.
pub(crate) fn write_sample(dir: &Path, run: u8, inputs: u64) -> RunId {
    record_sample(dir, run, &Sample::edited(run.into(), inputs));
    sample::header(run).run_id
}

#[test]
fn the_store_holds_what_the_journal_holds() {
    for test in TestStore::all() {
        let dir = sample::scratch();
        let summary = record_sample(dir.path(), 1, &Sample::edited(1, 120));
        let run_id = sample::header(1).run_id;
        project(dir.path(), test.migrated()).expect("projected");
        let mut store = test.migrated();
        let counts = store.counts(run_id).expect("counted");
        let pairs = [
            ("instruments", "input_instrument"),
            ("signals", "signal"),
            ("decisions", "decision"),
            ("orders", "order"),
            ("order_events", "order_event"),
            ("fills", "fill"),
            ("positions", "position"),
            ("balances", "balance"),
            ("portfolio_snapshots", "portfolio"),
            ("risk_events", "risk"),
            ("alerts", "note"),
            ("script_reloads", "reload"),
        ];
        for (table, kind) in pairs {
            assert_eq!(counts[table], summary.counts[kind], "{table}");
        }
        let mut ask = |query: &str| ask(&mut store, query).expect("an answer");
        assert_eq!(
            ask("SELECT digest FROM runs WHERE state = 'finished'"),
            summary.digest
        );
        let ended = "SELECT CAST(count(*) AS TEXT) FROM orders o JOIN fills f \
            ON f.run_id = o.run_id AND f.order_id = o.order_id \
            WHERE o.status = 'filled' AND o.filled_qty = f.qty AND o.qty = f.qty AND o.updated_idx > o.idx";
        assert_eq!(ask(ended), summary.fills().to_string());
        assert_eq!(
            ask("SELECT CAST(min(price_digits) AS TEXT) FROM instruments"),
            "2"
        );
        assert_eq!(
            ask("SELECT reason FROM signals ORDER BY seq LIMIT 1"),
            "fällt 'schnell'\t\\ and \"quoted\"\nwith a second line"
        );
        assert_eq!(
            ask("SELECT CAST(strength AS TEXT) FROM signals LIMIT 1"),
            "0.333333333333"
        );
    }
}

/// Returns what is stored of versions and texts, in order.
fn versions(store: &mut Store) -> [Vec<Vec<Option<String>>>; 2] {
    let rows = dump(store);
    let of = |table: &str, columns: std::ops::Range<usize>| {
        let mut rows = rows[table].clone();
        let number = |row: &Vec<Option<String>>, at: usize| -> i64 {
            row[at]
                .as_deref()
                .and_then(|text| text.parse().ok())
                .expect("a number")
        };
        let keys = if table == "scripts" { [3, 1] } else { [1, 2] };
        rows.sort_by_key(|row| keys.map(|at| number(row, at)));
        let cut = rows.iter().map(|row| row[columns.clone()].to_vec());
        cut.collect::<Vec<_>>()
    };
    [of("script_reloads", 6..15), of("scripts", 1..9)]
}

#[test]
fn versions_and_their_texts_are_rows_each_text_once() {
    for test in TestStore::all() {
        let dir = sample::scratch();
        record_sample(dir.path(), 1, &Sample::edited(1, 40));
        project(dir.path(), test.migrated()).expect("projected");
        let [reloads, scripts] = versions(&mut test.migrated());
        let hash = |seq: u8| crate::digest::to_hex(&[seq % 16 + 1; 32]);
        let first = crate::digest::to_hex(&[0xab; 32]);
        let live = |seq: u8| {
            let (version, sha256) = (seq.to_string(), hash(seq));
            let values = ["live", &version, &sha256, "0", &first, "3", "2", "1", ""];
            values.map(|value| Some(value.to_owned())).to_vec()
        };
        let not = |outcome: &str, [version, sha256]: [Option<String>; 2], why: &str| {
            let outcome = Some(outcome.to_owned());
            let from = [Some("0".to_owned()), Some(first.clone())];
            let mut values = vec![outcome, version, sha256];
            values.extend(from);
            values.extend([None, None, None, Some(why.to_owned())]);
            values
        };
        let back = |seq: u8| {
            let version = [Some(seq.to_string()), Some(hash(seq))];
            not("rolled_back", version, "it failed")
        };
        let gone = || not("refused", [None, None], "it is wrong");
        let refused = |seq: u8| not("refused", [None, Some(hash(seq))], "it is wrong");
        let want = [
            live(4),
            live(8),
            back(8),
            gone(),
            live(16),
            back(16),
            refused(20),
            gone(),
            live(28),
            live(32),
            back(32),
            gone(),
            refused(40),
        ];
        assert_eq!(reloads, want);
        // 32 is the text of 16 again.
        let texts: Vec<_> = scripts.iter().map(|row| row[1].clone()).collect();
        let want = [first.clone(), hash(4), hash(8), hash(16), hash(28)];
        assert_eq!(texts, want.map(Some));
        let seqs = ["0", "4", "8", "16", "28"].map(|seq| Some(seq.to_owned()));
        assert_eq!(
            scripts.iter().map(|row| row[2].clone()).collect::<Vec<_>>(),
            seqs
        );
        assert_eq!((&scripts[0][3], scripts[1][3].is_some()), (&None, true));
        let source = sample::script(&[29 % 16; 32], 28);
        let names = ["strategy", "file", "parameters", "text"];
        let want = names.map(|name| match &source[name] {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        });
        assert_eq!(scripts[4][4..], want);
    }
}

#[test]
fn a_projection_taken_up_between_a_document_and_its_reload_loses_no_text() {
    let sample = Sample::edited(2, 20);
    let write = |dir: &Path, count: usize| {
        let mut writer =
            JournalWriter::create(dir, &sample::header(2), sample::OPTIONS).expect("created");
        for message in sample.iter().take(count) {
            writer.append(message).expect("appended");
            writer.commit().expect("committed");
        }
    };
    let whole = sample::scratch();
    write(whole.path(), sample.len());
    let undisturbed = TestStore::sqlite();
    project(whole.path(), undisturbed.migrated()).expect("projected");
    let wanted = dump(&mut undisturbed.migrated());
    assert!(wanted["scripts"].len() > 3);
    for test in TestStore::all() {
        drop(test.migrated());
        for count in 0..sample.len() {
            test.clear();
            let dir = sample::scratch();
            write(dir.path(), count);
            project(dir.path(), test.migrated()).expect("projected");
            project(whole.path(), test.migrated()).expect("projected");
            assert!(dump(&mut test.migrated()) == wanted, "cut at {count}");
            let rebuilt = rebuild(whole.path(), test.migrated(), Rows::Kept).expect("compared");
            assert_eq!(unequal(&rebuilt), "", "cut at {count}");
        }
    }
}

#[test]
fn sqlite_and_postgresql_hold_equal_rows() {
    let Some(server) = TestStore::postgres() else {
        return;
    };
    let file = TestStore::sqlite();
    let dir = sample::scratch();
    record_sample(dir.path(), 2, &Sample::edited(2, 150));
    let rows = |test: &TestStore| {
        project(dir.path(), test.migrated()).expect("projected");
        dump(&mut test.migrated())
    };
    let (ours, theirs) = (rows(&file), rows(&server));
    for (table, rows) in &ours {
        assert_eq!(rows, &theirs[table], "{table}");
        assert!(!rows.is_empty(), "{table}");
    }
}

/// Projects with small batches; the statement with this number fails, once. Returns whether it came to it.
fn project_failing(dir: &Path, test: &TestStore, fatal: u32) -> bool {
    let mut store = test.migrated();
    let (mut passed, has_failed) = (0, Arc::new(Mutex::new(false)));
    let told = Arc::clone(&has_failed);
    set_failpoint(&mut store, move |_| {
        passed += 1;
        *told.lock().expect("whole") |= passed == fatal;
        passed == fatal
    });
    let mut session = Session::with_store(store, dir, None).expect("opened");
    loop {
        match session.step(ROWS_MAX) {
            Ok(step) if step.is_caught_up => break,
            Ok(_) => {}
            Err(ProjectError::Store(StoreError::Statement { .. })) => {
                session = Session::with_store(test.migrated(), dir, None).expect("opened again");
            }
            Err(error) => panic!("{error}"),
        }
    }
    *has_failed.lock().expect("whole")
}

#[test]
fn a_failure_between_any_two_statements_leaves_each_row_once() {
    let dir = sample::scratch();
    record_sample(dir.path(), 3, &Sample::edited(3, 24));
    let undisturbed = TestStore::sqlite();
    project_failing(dir.path(), &undisturbed, u32::MAX);
    let mut wanted = dump(&mut undisturbed.migrated());
    assert!(wanted["fills"].len() > 5);
    // A place in the journal depends on where batches ended; the rows must not.
    wanted.remove("store_state");
    for test in TestStore::all() {
        drop(test.migrated());
        for fatal in 1.. {
            test.clear();
            let has_failed = project_failing(dir.path(), &test, fatal);
            let mut rows = dump(&mut test.migrated());
            rows.remove("store_state");
            assert!(rows == wanted, "failure at statement {fatal}");
            if !has_failed {
                assert!(fatal > 20, "only {fatal} statements");
                break;
            }
        }
    }
}

#[test]
fn a_store_that_is_ahead_of_a_journal_written_anew_takes_nothing_twice() {
    let (first, second) = (sample::scratch(), sample::scratch());
    record(first.path(), 4, 60);
    let test = TestStore::sqlite();
    project(first.path(), test.migrated()).expect("projected");
    let mut wanted = dump(&mut test.migrated());
    // The same run, as after a power cut: more of it, and its blocks end elsewhere.
    let mut writer =
        JournalWriter::create(second.path(), &sample::header(4), sample::OPTIONS).expect("created");
    for message in Sample::new(4, 60).iter() {
        writer.append(message).expect("appended");
    }
    writer.commit().expect("committed");
    project(second.path(), test.migrated()).expect("projected");
    let mut rows = dump(&mut test.migrated());
    for rows in [&mut rows, &mut wanted] {
        rows.remove("store_state");
    }
    assert!(rows == wanted);
}

#[test]
fn a_projection_taken_up_in_the_middle_of_other_blocks_goes_on_after_the_last_message() {
    let (first, second) = (sample::scratch(), sample::scratch());
    let test = TestStore::sqlite();
    let sample = Sample::new(5, 60);
    for (dir, every, count) in [(&first, 7, sample.len() / 2), (&second, 3, sample.len())] {
        let mut writer = JournalWriter::create(dir.path(), &sample::header(5), sample::OPTIONS)
            .expect("created");
        for (number, message) in sample.iter().enumerate().take(count) {
            writer.append(message).expect("appended");
            if number % every == 0 {
                writer.commit().expect("committed");
            }
        }
        writer.commit().expect("committed");
        let applied = project(dir.path(), test.migrated()).expect("projected");
        assert_eq!(applied.messages, count as u64);
    }
    let undisturbed = TestStore::sqlite();
    project(second.path(), undisturbed.migrated()).expect("projected");
    assert!(dump(&mut test.migrated()) == dump(&mut undisturbed.migrated()));
}

/// Returns the rows of all tables, without the place that depends on where batches ended.
fn rows_of(test: &TestStore) -> BTreeMap<&'static str, Vec<Vec<Option<String>>>> {
    let mut rows = dump(&mut test.migrated());
    rows.remove("store_state");
    rows
}

fn spoil(test: &TestStore, sql: &str) {
    match test.url.strip_prefix("sqlite:") {
        Some(path) => rusqlite::Connection::open(path)
            .expect("opened")
            .execute_batch(sql)
            .expect("executed"),
        None => execute(&test.url, sql),
    }
}

/// Returns the tables that are not the journal's.
fn unequal(rebuilt: &Rebuilt) -> String {
    let unequal = rebuilt.tables.iter().filter(|rows| !rows.is_equal);
    assert_eq!(rebuilt.is_equal(), unequal.clone().count() == 0);
    unequal.map(|rows| rows.table).collect::<Vec<_>>().join(" ")
}

fn latency(start: i64) -> StageLatency {
    StageLatency {
        stage: "feed".to_owned(),
        start: claire_types::WallNs(start),
        end: claire_types::WallNs(start + 1),
        samples: 2,
        histogram: vec![1, 2],
    }
}

#[test]
fn a_rebuilt_store_is_a_new_one_whatever_stood_there() {
    let (dir, other) = (sample::scratch(), sample::scratch());
    record_sample(dir.path(), 10, &Sample::edited(10, 60));
    record(other.path(), 11, 20);
    let mut writer = LatencyWriter::open(dir.path()).expect("opened");
    writer.append(&[latency(1), latency(2)]).expect("written");
    let run_id = sample::header(10).run_id;
    for test in TestStore::all() {
        for dir in [&dir, &other] {
            let rebuilt = rebuild(dir.path(), test.migrated(), Rows::Kept).expect("rebuilt");
            assert_eq!(unequal(&rebuilt), "");
            assert!(rebuilt.end.is_some() && rebuilt.before.messages == 0);
        }
        let (wanted, mut store) = (rows_of(&test), test.migrated());
        assert_eq!(
            store.counts(run_id).expect("counted")["latency_histograms"],
            2
        );
        let again = rebuild(dir.path(), test.migrated(), Rows::Kept).expect("rebuilt");
        assert_eq!(again.before.messages, again.applied.messages);
        for (sql, table) in [
            (
                "DELETE FROM fills WHERE run_id = 'RUN' AND seq > 30",
                "fills",
            ),
            ("UPDATE fills SET price = '1' WHERE run_id = 'RUN'", "fills"),
            (
                "UPDATE orders SET status = 'x' WHERE run_id = 'RUN'",
                "orders",
            ),
            (
                "UPDATE instruments SET is_trading = NOT is_trading WHERE run_id = 'RUN'",
                "instruments",
            ),
            (
                "UPDATE alerts SET note = note || 'x' WHERE run_id = 'RUN'",
                "alerts",
            ),
            (
                "UPDATE runs SET state = 'running', digest = NULL WHERE run_id = 'RUN'",
                "runs",
            ),
            (
                "UPDATE scripts SET text = text || 'x' WHERE run_id = 'RUN' AND seq > 0",
                "scripts",
            ),
            (
                "DELETE FROM script_reloads WHERE run_id = 'RUN' AND outcome = 'refused'",
                "script_reloads",
            ),
            // What the folder still has comes back by itself.
            ("DELETE FROM latency_histograms WHERE start_ns = 1", ""),
        ] {
            spoil(&test, &sql.replace("RUN", &run_id.to_string()));
            let kept = rebuild(dir.path(), test.migrated(), Rows::Kept).expect("rebuilt");
            assert_eq!(unequal(&kept), table, "{sql}");
            let fresh = rebuild(dir.path(), test.migrated(), Rows::Fresh).expect("rebuilt");
            assert_eq!(unequal(&fresh), "", "{sql}");
            assert!(rows_of(&test) == wanted, "{sql}");
        }
    }
}

#[test]
fn rows_of_removed_segments_stay_and_are_no_difference() {
    let (dir, test) = (sample::scratch(), TestStore::sqlite());
    let journal = JournalWriter::create(dir.path(), &sample::header(14), sample::OPTIONS);
    let mut recorder = Recorder::new(Some(journal.expect("created")));
    for (number, message) in Sample::new(14, 200).iter().enumerate() {
        if number == 300 {
            for part in Sample::snapshot(number) {
                recorder.accept(part.view()).expect("accepted");
            }
        }
        recorder.accept(message).expect("accepted");
    }
    recorder.finish().expect("finished");
    rebuild(dir.path(), test.migrated(), Rows::Kept).expect("rebuilt");
    let wanted = rows_of(&test);
    for name in ["journal-000001.claire", "journal-000001.claire.zst"] {
        // One of the two is there.
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let kept = rebuild(dir.path(), test.migrated(), Rows::Kept).expect("compared");
    assert_eq!((unequal(&kept).as_str(), kept.first_segment), ("", 2));
    let error = rebuild(dir.path(), test.migrated(), Rows::Fresh).expect_err("rows would be lost");
    assert!(error.to_string().contains("begins at segment 2"), "{error}");
    assert!(rows_of(&test) == wanted);
}

#[test]
fn counts_of_rows_do_not_depend_on_the_size_of_batches() {
    let dir = sample::scratch();
    record(dir.path(), 9, 60);
    let mut seen: Option<BTreeMap<_, _>> = None;
    for rows_max in [1, 17, 100_000] {
        let test = TestStore::sqlite();
        let mut session = Session::with_store(test.migrated(), dir.path(), None).expect("opened");
        while !session.step(rows_max).expect("projected").is_caught_up {}
        assert!(session.is_finished());
        let mut rows = dump(&mut test.migrated());
        let state = rows.remove("store_state").expect("there");
        assert_eq!(state.len(), 1);
        assert!(seen.get_or_insert(rows.clone()) == &rows);
    }
    // The journal is as it was.
    assert!(JournalReader::open(dir.path()).is_ok());
}
