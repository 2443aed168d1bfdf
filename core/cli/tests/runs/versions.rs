//! Versions of an edited strategy, told afterwards: their rows in both databases, and the one that an order is of.

use crate::place::{Database, Place, answer, complaint, journaled, recording};
use crate::session::{FILE, Session, place_with, script};
use claire_sidecar::JournalReader;
use claire_types::record::{RecordHeader, ReloadOutcome};
use claire_types::{OrderId, Record};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::thread;
use std::time::Duration;

/// Places an order at each call.
const ORDERS: &str = "m.cancel(this.entry); \
                      this.entry = m.buy_limit(m.qty_for(250.0), m.bid * 0.97, POST_ONLY, \"rest\");";

/// Returns the records of the journal, as far as it is written.
fn records(place: &Place) -> Vec<(RecordHeader, Record)> {
    let mut records = Vec::new();
    let Ok(mut reader) = JournalReader::open(&place.journal()) else {
        return records;
    };
    while let Ok(Some(message)) = reader.next_message() {
        records.extend(Record::decode(&message.cells));
    }
    records
}

/// Waits until the journal has so many such records more than it has now.
fn wait_for(session: &mut Session, more: usize, is_one: fn(&Record) -> bool) {
    let count = |place: &Place| records(place).iter().filter(|of| is_one(&of.1)).count();
    let enough = count(&session.place) + more;
    while count(&session.place) < enough {
        let ended = session.child.try_wait().expect("ours");
        assert!(ended.is_none(), "it ended: {:#?}", session.seen);
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn wait_for_orders(session: &mut Session) {
    wait_for(session, 3, |record| matches!(record, Record::Order(_)));
}

/// Runs `claire db rebuild` on the journal and returns what it says.
fn rebuild(place: &Place, url: &str, more: &[&str]) -> Value {
    let base = [
        "db",
        "rebuild",
        "--journal",
        "journal",
        "--json",
        "--store",
        url,
    ];
    let output = place.claire(&[&base[..], more].concat()).output();
    answer(&output.expect("started"))
}

/// Returns what `claire explain` says of an order, as text and as JSON.
fn explain(place: &Place, order: OrderId) -> (String, Value) {
    let id = order.to_string();
    let base = ["explain", id.as_str(), "--journal", "journal"];
    let text = place.claire(&base).output().expect("started");
    assert!(text.status.success(), "{}", complaint(&text));
    let json = place.claire(&[&base[..], &["--json"]].concat()).output();
    let text = String::from_utf8(text.stdout).expect("text");
    (text, answer(&json.expect("started")))
}

/// Edits a running strategy in all ways that end differently.
fn edit(session: &mut Session) {
    wait_for_orders(session);
    session.save(&script(
        0,
        ", late: ()",
        &format!("this.late = 1; {ORDERS}"),
    ));
    session.wait_for(&["reloaded quoter", "state 3 carried"]);
    wait_for_orders(session);
    // Wrong here, and wrong only with the state that the strategy has by now.
    session.save("fn init(m) { #{ n: ");
    session.wait_for(&["quoter not reloaded"]);
    session.save(&script(0, ", late: \"text\"", ORDERS));
    session.wait_for(&["quoter not reloaded"]);
    session.wait_for(&["`this.late` was an integer and is text now"]);
    session.save(&script(
        0,
        ", late: ()",
        "if this.n > 1000 { throw \"lost\"; }",
    ));
    session.wait_for(&["ROLLED BACK quoter", "lost"]);
    fs::remove_file(session.place.path(FILE)).expect("it is there");
    session.wait_for(&["quoter.rhai is gone"]);
    session.save(&script(0, ", late: ()", &format!("{ORDERS} this.n += 1;")));
    session.wait_for(&["reloaded quoter", "state 3 carried"]);
    wait_for_orders(session);
}

#[test]
fn both_databases_hold_the_versions_of_an_edited_run() {
    for database in Database::all() {
        let place = place_with(&script(1_000, ", late: ()", ORDERS));
        let url = database.url(&place);
        let mut session = Session::paper(place, &["--store", &url]);
        edit(&mut session);
        let (end, place) = session.end();
        assert_eq!(end["strategies"][0]["reloads_refused"], 3, "{end}");
        let (expected, is_finished) = journaled(&place.journal());
        assert!(is_finished);
        let rows = place.stored(&url);
        assert_eq!(rows, expected, "{database:?}");
        assert_eq!((rows["scripts"], rows["script_reloads"]), (4, 7));
        for more in [&[][..], &["--fresh"]] {
            let rebuilt = rebuild(&place, &url, more);
            assert_eq!(rebuilt["equal"], true, "{rebuilt}");
            assert_eq!(rebuilt["rows"]["script_reloads"], 7, "{rebuilt}");
        }
        if let Database::Sqlite = database {
            check_rows(&place);
        }
        assert_eq!(place.verify()["verdict"], "equal");
        check_explained(&place);
    }
}

/// Reads the rows as a user would.
fn check_rows(place: &Place) {
    let store = Connection::open(place.path("run.db")).expect("a store");
    let query = "SELECT r.outcome, r.version, r.version_from, r.carried, r.reason, \
                 r.sha256 IS NOT NULL, s.text, b.text FROM script_reloads r \
                 LEFT JOIN scripts s ON (s.run_id, s.strategy_id, s.sha256) = (r.run_id, r.strategy_id, r.sha256) \
                 JOIN scripts b ON (b.run_id, b.strategy_id, b.sha256) = (r.run_id, r.strategy_id, r.sha256_from) \
                 ORDER BY r.seq, r.idx";
    let mut query = store.prepare(query).expect("a query");
    let rows = query.query_map([], |row| {
        let outcome: String = row.get(0)?;
        let numbers: [Option<u32>; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
        let texts: [Option<String>; 3] = [row.get(4)?, row.get(6)?, row.get(7)?];
        Ok((outcome, numbers, row.get::<_, bool>(5)?, texts))
    });
    let rows: Vec<_> = rows.expect("rows").map(|row| row.expect("a row")).collect();
    let all: Vec<_> = rows
        .iter()
        .map(|(outcome, numbers, has_hash, _)| (outcome.as_str(), *numbers, *has_hash))
        .collect();
    let want = [
        ("live", [Some(1), Some(0), Some(3)], true),
        ("refused", [None, Some(1), None], true),
        ("refused", [None, Some(1), None], true),
        ("live", [Some(2), Some(1), Some(3)], true),
        ("rolled_back", [Some(2), Some(1), None], true),
        ("refused", [None, Some(1), None], false),
        ("live", [Some(3), Some(1), Some(3)], true),
    ];
    assert_eq!(all, want);
    let reasons = rows
        .iter()
        .map(|(.., [reason, ..])| reason.as_deref().unwrap_or_default());
    let words = [
        "",
        "line 1: ",
        "`this.late`",
        "",
        "lost",
        "the file is gone",
        "",
    ];
    for (reason, words) in reasons.zip(words) {
        assert!(
            reason.contains(words) && reason.is_empty() == words.is_empty(),
            "{reason}"
        );
    }
    // A text that ran is there, and one that never did is not.
    for (outcome, _, _, [_, text, from]) in &rows {
        assert_eq!(text.is_some(), outcome != "refused");
        assert!(
            from.as_deref()
                .is_some_and(|text| text.contains("fn on_timer(m, name)"))
        );
    }
}

/// An order's version is the one that had the seat when it was placed.
fn check_explained(place: &Place) {
    let (mut running, mut checked) = (0, [0; 4]);
    for (_, record) in records(place) {
        match record {
            Record::Reload(reload) => {
                running = match reload.outcome {
                    ReloadOutcome::Live => reload.version,
                    ReloadOutcome::Refused | ReloadOutcome::RolledBack => reload.from,
                };
            }
            Record::Order(order) if checked[running as usize] < 2 => {
                checked[running as usize] += 1;
                let (text, json) = explain(place, order.order);
                assert_eq!(json["script"]["version"], running, "{json}");
                let hash = json["script"]["sha256"].as_str().expect("a hash");
                let line = format!("script    placed under version {running} ({})", &hash[..8]);
                assert!(text.contains(&line), "{line} in {text}");
            }
            _ => {}
        }
    }
    assert_eq!(checked, [2, 2, 0, 2]);
}

#[test]
fn a_stop_that_was_held_and_never_sent_is_explained() {
    let place = place_with(&script(1_000, "", ""));
    let mut session = Session::paper(place, &["--store", "none"]);
    let holds = "if m.stale || this.n < 1000 { return; } this.k += 1; \
                 if this.k == 3 { m.buy_limit(m.qty_for(100.0), m.bid * 0.99, POST_ONLY, \"rests\"); } \
                 if this.k == 2 { m.trailing_stop(SELL, m.qty_for(100.0), 5000.0); } \
                 if this.k > 5 { throw \"lost\"; }";
    session.save(&script(0, ", k: 0", holds));
    let is_end = |record: &Record| matches!(record, Record::OrderEvent(of) if of.to.is_final());
    wait_for(&mut session, 1, is_end);
    session.wait_for(&["ROLLED BACK quoter", "lost"]);
    let (_, place) = session.end();
    let held = records(&place)
        .into_iter()
        .find_map(|(_, record)| match record {
            Record::Note(note) => note.text.as_str().strip_prefix("holds ").map(str::to_owned),
            _ => None,
        });
    let held = held.expect("it was held");
    let id = held.split(':').next().expect("an id");
    let output = place
        .claire(&["explain", id, "--journal", "journal"])
        .output();
    let output = output.expect("started");
    assert!(output.status.success(), "{}", complaint(&output));
    let text = String::from_utf8(output.stdout).expect("text");
    for words in [
        "of quoter on sim:",
        "outcome   held in the engine, and never sent: version 1 (",
        ") of the script, which placed it, was taken back (",
        "script    placed under version 1 (",
        &format!("held      holds {id}: sell"),
        &format!("held      {id} is not sent: "),
        "reload    version 1 (",
        "was taken back (",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // So is one that rested at the venue.
    let sent = records(&place)
        .into_iter()
        .find_map(|(_, record)| match record {
            Record::Order(order) => Some(order.order),
            _ => None,
        });
    let sent = sent.expect("it was sent");
    let (text, json) = explain(&place, sent);
    assert_eq!(json["verdict"], "unfilled", "{json}");
    let words = "not filled: version 1 (";
    assert!(
        text.contains(words) && text.contains("which placed it, was taken back ("),
        "{text}"
    );
    // An id that nobody has still names those that are near.
    let output = place
        .claire(&["explain", "c1-999", "--journal", "journal"])
        .output();
    let output = output.expect("started");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("nearest   {sent}")));
}

#[test]
fn rows_of_versions_survive_a_killed_run_and_its_resumption() {
    for database in Database::all() {
        let place = place_with(&script(0, "", ORDERS));
        let url = database.url(&place);
        let name = recording().display().to_string();
        let base = [
            "replay",
            &name,
            "--strategy",
            FILE,
            "--json",
            "--journal",
            "journal",
        ];
        let base = [&base[..], &["--store", &url]].concat();
        let mut session = Session::start(place, &[&base[..], &["--speed", "4"]].concat());
        wait_for_orders(&mut session);
        session.save("fn init(m) { broken");
        session.wait_for(&["quoter not reloaded"]);
        session.save(&script(0, ", more: 1", ORDERS));
        session.wait_for(&["reloaded quoter"]);
        wait_for_orders(&mut session);
        session.child.kill().expect("it runs");
        session.child.wait().expect("it ends");
        let place = session.place;
        let so_far = rebuild(&place, &url, &[]);
        assert_eq!(
            (&so_far["equal"], &so_far["finished"]),
            (&true.into(), &false.into())
        );
        assert_eq!(so_far["rows"]["script_reloads"], 2, "{so_far}");
        let output = place.claire(&base).output().expect("started");
        assert!(output.status.success(), "{}", complaint(&output));
        let end = answer(&output);
        assert_eq!(end["strategies"][0]["reloads_refused"], 1, "{end}");
        assert_eq!(
            place.stored(&url),
            journaled(&place.journal()).0,
            "{database:?}"
        );
        for more in [&[][..], &["--fresh"]] {
            let rebuilt = rebuild(&place, &url, more);
            assert_eq!(
                (&rebuilt["equal"], &rebuilt["finished"]),
                (&true.into(), &true.into())
            );
            assert_eq!(
                (
                    &rebuilt["rows"]["scripts"],
                    &rebuilt["rows"]["script_reloads"]
                ),
                (&2.into(), &2.into())
            );
        }
        let verified = place.verify();
        assert_eq!(
            (&verified["verdict"], &verified["digest"]),
            (&"equal".into(), &end["digest"])
        );
    }
}
