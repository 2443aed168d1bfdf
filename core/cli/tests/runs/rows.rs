//! Rows: as many as the journal says, the same in both databases, and there again after `db rebuild`.

use crate::place::{Database, Place, answer, complaint, journaled, recording, replay, texts};
use claire_sidecar::{JournalReader, Store};
use serde_json::json;
use std::fs;

#[test]
fn both_databases_hold_the_rows_of_the_journal_table_by_table() {
    let mut seen = None;
    for database in Database::all() {
        let place = Place::new();
        let url = database.url(&place);
        let arguments = replay(&place, recording(), Some(&url));
        let output = place.claire(&texts(&arguments)).output().expect("started");
        assert!(output.status.success(), "{}", complaint(&output));
        let (expected, is_finished) = journaled(&place.journal());
        assert!(is_finished);
        let rows = place.stored(&url);
        assert_eq!(rows, expected, "{database:?}");
        for (table, count) in &rows {
            let is_never = ["signals", "risk_events", "script_reloads"].contains(&table.as_str());
            assert!(is_never || *count > 0, "{table}");
        }
        assert!(seen.get_or_insert(rows.clone()) == &rows, "{database:?}");
    }
}

#[test]
fn a_replay_names_its_run_and_where_it_is_written_down() {
    let place = Place::new();
    let name = recording().display().to_string();
    let url = place.url();
    let journal = place.journal().display().to_string();
    let places = ["--journal", journal.as_str(), "--store", url.as_str()];
    for (kept, has_store) in [
        (&places[..], true),
        (&places[2..], true),
        (&places[..2], false),
    ] {
        let _ = fs::remove_dir_all(place.journal());
        let run = |more: &[&str]| {
            let mut command = place.claire(&["replay", &name, "--venue", "binance-spot"]);
            command.args(kept).args(more).output().expect("started")
        };
        let value = answer(&run(&["--json"]));
        let journal = value["run"]["journal"].as_str().expect("a journal");
        let reader = JournalReader::open(&place.path("").join(journal)).expect("a journal");
        let run_id = reader.header().run_id.to_string();
        assert_eq!(value["run_id"], run_id.as_str());
        let store = value["run"]["store"].as_str();
        assert_eq!(store, has_store.then_some(url.as_str()));
        let _ = fs::remove_dir_all(place.journal());
        let shown = String::from_utf8_lossy(&run(&[]).stdout).into_owned();
        for (word, is_there) in [("run ", true), ("journal ", true), ("database ", has_store)] {
            let found = shown.lines().any(|line| line.starts_with(word));
            assert_eq!(found, is_there, "{word} in {shown}");
        }
    }
    let output = place.claire(&["replay", &name, "--json"]).output();
    let value = answer(&output.expect("started"));
    assert_eq!(value["run_id"], serde_json::Value::Null, "{value}");
}

#[test]
fn a_finished_journal_refuses_and_completes_the_store() {
    for database in Database::all() {
        let place = Place::new();
        let url = database.url(&place);
        let without = replay(&place, recording(), None);
        let output = place.claire(&texts(&without)).output().expect("started");
        assert!(output.status.success(), "{}", complaint(&output));
        let arguments = replay(&place, recording(), Some(&url));
        for words in ["lacked", "holds all of it"] {
            let output = place.claire(&texts(&arguments)).output().expect("started");
            let error = &answer(&output)["error"];
            assert_eq!(
                (output.status.code(), &error["code"]),
                (Some(2), &json!("FINISHED"))
            );
            let message = error["message"].as_str().expect("words");
            let journal = place.journal().display().to_string();
            for part in [words, "is finished", &journal, "run.db", "postgres"] {
                let is_of_other = match database {
                    Database::Sqlite => part == "postgres",
                    Database::Postgres(_) => part == "run.db",
                };
                assert!(is_of_other || message.contains(part), "{part} in {message}");
            }
            assert_eq!(place.stored(&url), journaled(&place.journal()).0);
        }
    }
}

#[test]
fn a_journal_is_rebuilt_into_any_store() {
    for database in Database::all() {
        let place = Place::new();
        let url = database.url(&place);
        let without = replay(&place, recording(), None);
        let output = place.claire(&texts(&without)).output().expect("started");
        let digest = answer(&output)["digest"].clone();
        let journal = place.journal().display().to_string();
        let expected = journaled(&place.journal()).0;
        let mut latencies = None;
        for (fresh, added) in [(None, true), (None, false), (Some("--fresh"), true)] {
            let mut command = place.claire(&["db", "rebuild", "--journal", &journal, "--json"]);
            command.args(["--store", &url]).args(fresh);
            let output = command.output().expect("started");
            assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
            let value = answer(&output);
            assert_eq!(
                (&value["equal"], &value["finished"]),
                (&json!(true), &json!(true))
            );
            assert_eq!(value["digest"], digest);
            assert_eq!(value["messages_added"] == 0, !added, "{value}");
            for (table, count) in &expected {
                assert_eq!(value["rows"][table], *count, "{table}");
            }
            let found = value["rows"]["latency_histograms"].as_u64();
            assert!(found > Some(0) && *latencies.get_or_insert(found) == found);
            assert_eq!(place.stored(&url), expected);
        }
    }
}

#[test]
fn rows_that_are_not_the_journals_are_named() {
    let place = Place::new();
    let arguments = replay(&place, recording(), Some(&place.url()));
    let output = place.claire(&texts(&arguments)).output().expect("started");
    assert!(output.status.success(), "{}", complaint(&output));
    // The same run id, an older journal: as a copy that was taken before the end.
    let newest = fs::read_dir(place.journal()).expect("a folder").flatten();
    for entry in newest {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            let whole = fs::read(&path).expect("readable");
            let plain = zstd_content(&whole);
            let cut = plain.len() / 2;
            fs::write(path.with_extension(""), &plain[..cut]).expect("written");
            fs::remove_file(path).expect("removed");
        }
    }
    let journal = place.journal().display().to_string();
    let url = place.url();
    let rebuild = |more: &[&str]| {
        let mut command = place.claire(&["db", "rebuild", "--journal", &journal]);
        command.args(["--store", &url]).args(more);
        command.output().expect("started")
    };
    let output = rebuild(&[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(3),
        "{text}{}",
        complaint(&output)
    );
    assert!(text.contains("fills") && text.contains("--fresh"), "{text}");
    assert_eq!(rebuild(&["--fresh"]).status.code(), Some(0));
    assert_eq!(place.stored(&url), journaled(&place.journal()).0);
}

#[test]
fn a_run_whose_first_segments_are_gone_stays_unfinished_in_a_new_store() {
    for database in Database::all() {
        let place = Place::new();
        let arguments = replay(&place, recording(), None);
        let mut command = place.claire(&texts(&arguments));
        command.env("CLAIRE_JOURNAL__SEGMENT_MB", "0.1");
        let output = command.output().expect("started");
        assert!(output.status.success(), "{}", complaint(&output));
        let first = place.path("journal/journal-000001.claire.zst");
        fs::remove_file(first).expect("there are several");
        let journal = place.journal().display().to_string();
        let url = database.url(&place);
        // The second time nothing is new: what was missing is missing still.
        for added in [true, false] {
            let mut command = place.claire(&["db", "rebuild", "--journal", &journal, "--json"]);
            let output = command.args(["--store", &url]).output().expect("started");
            let value = answer(&output);
            assert_eq!(output.status.code(), Some(3), "{value}");
            assert_eq!(value["messages_added"] != 0, added, "{value}");
            assert_eq!(
                (&value["finished"], &value["incomplete"]),
                (&json!(false), &json!(true))
            );
            let mut store = Store::open(&url).expect("a store");
            let run_id = value["run_id"].as_str().expect("a run").parse();
            let end = store.end_of(run_id.expect("an id")).expect("readable");
            assert_eq!(end, None, "{value}");
        }
        let mut command = place.claire(&["db", "rebuild", "--journal", &journal]);
        let output = command.args(["--store", &url]).output().expect("started");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("stays unfinished"), "{shown}");
        assert!(!shown.contains("--fresh"), "{shown}");
        let again = place
            .claire(&texts(&replay(&place, recording(), Some(&url))))
            .output();
        let complained = complaint(&again.expect("started"));
        assert!(!complained.contains("holds all of it"), "{complained}");
    }
}

/// Returns the content of a closed segment.
fn zstd_content(packed: &[u8]) -> Vec<u8> {
    zstd::decode_all(packed).expect("a closed segment")
}

#[test]
fn a_journal_that_is_none_is_named_and_no_store_is_made() {
    let place = Place::new();
    let url = place.url();
    for (dir, words) in [("nowhere", "nowhere"), (".", "holds no journal")] {
        let output = place
            .claire(&["db", "rebuild", "--journal", dir, "--store", &url])
            .output()
            .expect("started");
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint(&output).contains(words), "{}", complaint(&output));
        assert!(!place.path("run.db").exists());
    }
}

#[test]
fn a_damaged_journal_is_named_with_its_place_and_the_rows_before_it_stay() {
    let place = Place::new();
    let arguments = replay(&place, recording(), None);
    let output = place.claire(&texts(&arguments)).output().expect("started");
    assert!(output.status.success(), "{}", complaint(&output));
    let packed = place.path("journal/journal-000001.claire.zst");
    let mut plain = zstd_content(&fs::read(&packed).expect("readable"));
    let middle = plain.len() / 2;
    plain[middle] ^= 0x10;
    fs::write(packed.with_extension(""), &plain).expect("written");
    fs::remove_file(packed).expect("removed");
    let (journal, url) = (place.journal().display().to_string(), place.url());
    let output = place
        .claire(&["db", "rebuild", "--journal", &journal, "--store", &url])
        .output()
        .expect("started");
    assert_eq!(output.status.code(), Some(1));
    for words in ["journal-000001.claire", "is damaged at byte"] {
        assert!(complaint(&output).contains(words), "{}", complaint(&output));
    }
}

#[test]
fn verify_says_what_it_read_which_segments_there_are_and_what_a_place_counts_in() {
    let place = Place::new();
    let arguments = replay(&place, recording(), None);
    let output = place.claire(&texts(&arguments)).output().expect("started");
    assert!(output.status.success(), "{}", complaint(&output));
    let journal = place.journal().display().to_string();
    let verify = |more: &[&str]| {
        let arguments = [&["verify", journal.as_str()], more].concat();
        place.claire(&arguments).output().expect("started")
    };
    let shown = String::from_utf8_lossy(&verify(&[]).stdout).into_owned();
    assert!(shown.contains(" frames in 1 file, "), "{shown}");
    assert!(!shown.contains("of 0 "), "{shown}");
    let value = answer(&verify(&["--json"]));
    assert!(value["frames"].as_u64() > Some(0), "{value}");
    assert_eq!(value["files"], 1, "{value}");
    let output = verify(&["--from", "3"]);
    assert_eq!(output.status.code(), Some(1));
    let words = "has no segment 3: its only segment is 1";
    assert!(complaint(&output).contains(words), "{}", complaint(&output));
    let packed = place.path("journal/journal-000001.claire.zst");
    let whole = fs::read(&packed).expect("readable");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    fs::write(&packed, &damaged).expect("written");
    let complained = complaint(&verify(&[]));
    let words = " of the unpacked segment: ";
    assert!(complained.contains(words), "{complained}");
    // The damage of a plain segment is met in the middle of the comparison.
    let mut plain = zstd_content(&whole);
    let middle = plain.len() / 2;
    plain[middle] ^= 0x10;
    fs::write(packed.with_extension(""), &plain).expect("written");
    fs::remove_file(packed).expect("removed");
    let output = verify(&[]);
    assert_eq!(output.status.code(), Some(1));
    let complained = complaint(&output);
    let words = "the journal cannot be read: the comparison stops";
    assert!(complained.contains(words), "{complained}");
    assert!(!complained.contains("cannot be written"), "{complained}");
}
