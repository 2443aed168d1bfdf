//! Files that are edited while they trade: the program runs, the test saves.

use crate::place::{answer, complaint, recording};
use crate::session::{FILE, Session, place_with, reloads, script};
use std::fs;
use std::io::Write as _;

const WITHOUT_STORE: [&str; 2] = ["--store", "none"];

/// The arguments that replay a recording with the edited script and keep its journal.
fn replay_of(recording: &str) -> [&str; 7] {
    [
        "replay",
        recording,
        "--strategy",
        FILE,
        "--json",
        "--journal",
        "journal",
    ]
}

#[test]
fn a_running_strategy_is_edited_well_badly_and_wrongly() {
    let mut session = Session::paper(place_with(&script(1_000, "", "")), &WITHOUT_STORE);
    session.save(&script(0, ", more: 1.5", ""));
    let first = session.wait_for(&["reloaded quoter: quoter.rhai"]);
    for part in [
        "1 handler compiled",
        "state 2 carried 1 new",
        "tried on",
        "live after",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    // A broken file: named with its place, and the version before goes on.
    session.save(&script(0, ", more: 1.5", "this.n = undefined_name;"));
    session.wait_for(&["quoter not reloaded, the version before goes on"]);
    session.wait_for(&["--> ", "quoter.rhai:7:"]);
    session.save("fn init(m) { #{ n: ");
    session.wait_for(&["quoter not reloaded"]);
    // A type that changed.
    session.save(&script(0, ", more: \"text\"", ""));
    session.wait_for(&["quoter not reloaded"]);
    session.wait_for(&["`this.more` was a number with a fraction and is text now"]);
    session.wait_for(&["quoter.rhai:3:"]);
    // What fails on the last events never goes live.
    session.save(&script(0, ", more: 1.5", "let x = 1; x /= 0;"));
    session.wait_for(&["quoter not reloaded"]);
    session.wait_for(&["quoter.rhai:7:"]);
    // What fails with the real state is taken back, and what it ordered is cancelled.
    let wild = "if this.n > 1000 { if this.entry.is_open { throw \"lost\"; } \
                this.entry = m.buy_limit(m.qty_for(250.0), m.bid * 0.99, POST_ONLY, \"wild\"); }";
    session.save(&script(0, ", more: 1.5", wild));
    session.wait_for(&["reloaded quoter", "state 3 carried 0 new"]);
    session.wait_for(&["ROLLED BACK quoter", "lost", "version"]);
    let (end, place) = session.end();
    let strategy = &end["strategies"][0];
    assert_eq!(reloads(&end), [2, 4, 1, 1].map(Some), "{end}");
    assert_eq!(strategy["orders"], 1, "{end}");
    assert_eq!(
        (&strategy["state"], &strategy["failures"]),
        (&"active".into(), &1.into())
    );
    let runs = strategy["sha256"].as_str().unwrap_or_default();
    let told = format!("quoter.rhai {}, ", runs.get(..8).unwrap_or_default());
    assert!(runs.len() == 64 && first.contains(&told), "{runs}: {first}");
    let alert = end["alerts"][0]["text"].as_str().unwrap_or_default();
    assert!(
        alert.contains("rolled back to version 1, 1 orders cancelled"),
        "{end}"
    );
    assert_eq!(end["run"]["reload"]["n"], 2);
    let verified = place.verify();
    assert_eq!(verified["verdict"], "equal", "{verified}");
    assert_eq!(verified["digest"], end["digest"]);
}

#[test]
fn a_list_whose_items_are_of_another_type_is_refused_at_its_line() {
    let floats = ", list: [1.0, 2.0], none: []";
    let sums = "for x in this.list { this.n += if x > 0.0 { 1 } else { 2 }; }";
    let mut session = Session::paper(place_with(&script(0, floats, sums)), &WITHOUT_STORE);
    session.save(&script(
        0,
        ", list: [1, 2], none: []",
        "this.n += this.list[0] << 1;",
    ));
    session.wait_for(&["quoter not reloaded"]);
    let words =
        "`this.list` was an array of numbers with a fraction and is an array of integers now";
    session.wait_for(&[words]);
    session.wait_for(&["quoter.rhai:3:"]);
    // Other numbers, and items for what had none.
    session.save(&script(0, ", list: [3.0], none: [7]", sums));
    session.wait_for(&[
        "reloaded quoter",
        "1 handler compiled, state 4 carried 0 new",
    ]);
    // A handler may put anything into a list: that is no change of the file, which goes on being reloaded.
    let push = "if this.list.len() == 2 { this.list.push(1); }";
    session.save(&script(0, ", list: [3.0], none: [7]", push));
    session.wait_for(&["reloaded quoter", "state 4 carried 0 new"]);
    session.save(&script(0, ", list: [3.0], none: [7], more: 1", push));
    session.wait_for(&["reloaded quoter", "state 4 carried 1 new"]);
    let (end, place) = session.end();
    let strategy = &end["strategies"][0];
    assert_eq!(strategy["reloads"], 3, "{end}");
    assert_eq!(strategy["reloads_refused"], 1, "{end}");
    let verified = place.verify();
    assert_eq!(verified["verdict"], "equal", "{verified}");
    assert_eq!(verified["digest"], end["digest"]);
}

#[test]
fn every_way_of_saving_goes_live_once() {
    let place = place_with(&script(0, "", ""));
    for number in 0..200 {
        fs::write(place.path(&format!("other{number}.rhai")), "not a script").expect("writable");
    }
    let mut session = Session::paper(place, &WITHOUT_STORE);
    let reloaded = |session: &mut Session, fresh: usize| {
        let fresh = format!("{fresh} new");
        session.wait_for(&["reloaded quoter", &fresh]);
    };
    let path = session.place.path(FILE);
    // In pieces: the first one alone is no script.
    let whole = script(0, ", a: 1", "");
    let mut file = fs::File::create(&path).expect("writable");
    file.write_all(&whole.as_bytes()[..60]).expect("writable");
    file.sync_all().expect("writable");
    file.write_all(&whole.as_bytes()[60..]).expect("writable");
    drop(file);
    reloaded(&mut session, 1);
    // Two saves in a row, both in the system's queue before either is read.
    fs::write(&path, "fn init(m) { broken").expect("writable");
    fs::write(&path, script(0, ", a: 1, b: 1, c: 1", "")).expect("writable");
    reloaded(&mut session, 2);
    // Bytes that are no text are refused; others' files are nobody's.
    fs::write(&path, b"fn init(m) { \xff\xfe }").expect("writable");
    session.wait_for(&["quoter not reloaded"]);
    session.wait_for(&["UTF-8"]);
    for number in 0..200 {
        let other = session.place.path(&format!("other{number}.rhai"));
        fs::write(other, "still none").expect("writable");
    }
    // Gone is told; made again it goes on.
    fs::remove_file(&path).expect("it is there");
    session.wait_for(&["quoter.rhai is gone"]);
    session.save(&script(0, ", a: 1, b: 1, c: 1, d: 1", ""));
    reloaded(&mut session, 1);
    // A link to another folder, and an edit of what it points to.
    let real = session.place.path("real.rhai");
    fs::write(&real, script(0, ", e: 1, f: 1, g: 1", "")).expect("writable");
    let link = session.place.path("link");
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    fs::rename(link, &path).expect("renamed");
    reloaded(&mut session, 3);
    fs::write(&real, script(0, ", e: 1, f: 1, g: 1, h: 1, i: 1", "")).expect("writable");
    reloaded(&mut session, 2);
    let not = session
        .seen
        .iter()
        .filter(|line| line.contains("not reloaded"));
    assert_eq!(not.count(), 1, "{:#?}", session.seen);
    let (end, place) = session.end();
    assert_eq!(end["strategies"][0]["reloads"], 5, "{end}");
    assert_eq!(end["strategies"][0]["reloads_refused"], 2, "{end}");
    assert_eq!(place.verify()["verdict"], "equal");
}

#[test]
fn a_replay_that_reloaded_and_was_killed_ends_like_one_that_was_not() {
    let place = place_with(&script(0, "", "note(\"one {}\", this.n);"));
    let name = recording().display().to_string();
    let base = replay_of(&name);
    let mut session = Session::start(place, &[&base[..], &["--speed", "10"]].concat());
    let segment = session.place.journal().join("journal-000001.claire");
    while !fs::metadata(&segment).is_ok_and(|file| file.len() > 20_000) {
        std::thread::yield_now();
    }
    session.save(&script(0, "", "note(\"two {}\", this.n);"));
    session.wait_for(&["reloaded quoter"]);
    let bytes = fs::metadata(&segment).expect("there").len();
    while !fs::metadata(&segment).is_ok_and(|file| file.len() > bytes + 5_000) {
        std::thread::yield_now();
    }
    session.child.kill().expect("it runs");
    session.child.wait().expect("it ends");
    let verified = session.place.verify();
    assert_eq!(verified["verdict"], "equal so far", "{verified}");
    let output = session.place.claire(&base).output().expect("started");
    assert!(output.status.success(), "{}", complaint(&output));
    let end = answer(&output);
    assert_eq!(end["strategies"][0]["reloads"], 1, "{end}");
    let verified = session.place.verify();
    assert_eq!(verified["verdict"], "equal", "{verified}");
    assert_eq!(verified["digest"], end["digest"]);
    // Another text than either is another run.
    session.save(&script(0, "", "note(\"three\");"));
    let output = session.place.claire(&base).output().expect("started");
    assert!(!output.status.success());
}

#[test]
fn reloads_are_repeated_on_both_topologies_and_backends() {
    let orders = "if !this.entry.is_open { \
                  this.entry = m.buy_limit(m.qty_for(250.0), m.bid * 0.97, POST_ONLY, \"rest\"); }";
    let tiny = format!("{orders} m.buy_limit(0.0000001, m.bid, POST_ONLY, \"tiny\");");
    for (topology, backend) in [("split", "auto"), ("fused", "interpreted")] {
        let place = place_with(&script(1_000, ", gone: 1", orders));
        let settings = format!("[pipeline]\ntopology = \"{topology}\"\n");
        fs::write(place.path("claire.toml"), settings).expect("writable");
        let how = ["--config", "claire.toml", "--backend", backend];
        let mut session = Session::paper(place, &[&WITHOUT_STORE[..], &how].concat());
        session.save(&script(0, ", more: 1.5", orders));
        session.wait_for(&["reloaded quoter", "state 2 carried 1 new 1 dropped"]);
        // Cut with the real state only, then denied again and again: both are taken back.
        session.save(&script(0, ", more: 1.5", "if this.n > 1000 { loop { } }"));
        session.wait_for(&["ROLLED BACK quoter", "cut: "]);
        session.save(&script(0, ", more: 1.5", &tiny));
        session.wait_for(&["ROLLED BACK quoter", "5 orders were denied"]);
        let (end, place) = session.end();
        assert_eq!(end["run"]["topology"], topology);
        let strategy = &end["strategies"][0];
        let kind = if backend == "auto" {
            "compiled"
        } else {
            backend
        };
        assert_eq!(strategy["backend"], kind);
        assert_eq!(strategy["reloads_rolled_back"], 2, "{end}");
        assert_eq!(strategy["version"], 1, "{end}");
        let verified = place.verify();
        assert_eq!(verified["verdict"], "equal", "{verified}");
        assert_eq!(verified["digest"], end["digest"]);
        let output = place
            .claire(&["explain", "c1-1", "--journal", "journal"])
            .output();
        let output = output.expect("started");
        assert!(output.status.success(), "{}", complaint(&output));
    }
}

#[test]
fn a_hung_script_is_cut_and_its_journal_is_verified() {
    let hangs = [
        "loop { }",
        "while true { this.n += 1; }",
        "for i in 0..1000000000 { let x = [i, i, i]; x.sort(); }",
        "let s = \"\"; loop { s += \"ab\"; if s.len() > 4000 { s = \"\"; } }",
        "let a = []; a.pad(4000, 1); loop { a.reverse(); a.sort(); }",
        "loop { \"x\".pad(100000, \"y\"); }",
        "fn_again(1);",
    ];
    let more = "fn fn_again(x) { fn_again(x + 1) + fn_again(x + 2) }\n";
    for hang in hangs {
        let place = place_with(&format!("{more}{}", script(0, "", hang)));
        let name = recording().display().to_string();
        let arguments = replay_of(&name);
        let output = place.claire(&arguments).output().expect("started");
        assert!(output.status.success(), "{hang}: {}", complaint(&output));
        let end = answer(&output);
        let strategy = &end["strategies"][0];
        assert_eq!(strategy["state"], "stopped", "{hang}: {strategy}");
        assert!(
            strategy["last_error"].as_str().is_some(),
            "{hang}: {strategy}"
        );
        let verified = place.verify();
        assert_eq!(verified["verdict"], "equal", "{hang}: {verified}");
    }
}
