//! What a person who edits a running strategy is told: each bad save once, and once that it fails or is stopped.

use crate::place::Place;
use crate::session::{FILE, Session, place_with, reloads, script};
use claire_sidecar::JournalReader;
use claire_types::{Input, WallNs};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

const WITHOUT_STORE: [&str; 2] = ["--store", "none"];
/// Within this a save that is told twice is told again: a look at the file that no event told of comes every second.
const TWICE_NS: i64 = 1_300_000_000;

/// Returns the engine time of the journal's last input.
fn time(place: &Place) -> WallNs {
    let mut reader = JournalReader::open(&place.journal()).expect("a journal");
    let mut time = WallNs(0);
    while let Ok(Some(message)) = reader.next_message() {
        if let Ok((header, _)) = Input::decode(&message.cells) {
            time = time.max(header.recv);
        }
    }
    time
}

/// Waits until so much of the market's time has passed.
fn pass(session: &Session, ns: i64) {
    let until = time(&session.place).0 + ns;
    while time(&session.place).0 < until {
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Returns how many lines of a log have these words.
fn count(log: &[String], words: &str) -> usize {
    log.iter().filter(|line| line.contains(words)).count()
}

/// Takes whatever stands in the file's place away.
fn clear(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir(path).expect("an empty folder"),
        Ok(_) => fs::remove_file(path).expect("a file"),
        Err(_) => {}
    }
}

#[test]
fn each_kind_of_bad_save_is_told_and_counted_once() {
    let parameter = |max: u32| {
        let text = script(1_000, ", p: P", "");
        format!("const P = param(\"p\", 2, 1, {max});\n{text}")
    };
    let running = parameter(10);
    let mut session = Session::paper(
        place_with(&running),
        &[&WITHOUT_STORE[..], &["--set", "quoter.p=5"]].concat(),
    );
    let path = session.place.path(FILE);
    type Save = (&'static str, Box<dyn Fn(&Path)>);
    let write = |bytes: Vec<u8>| move |path: &Path| fs::write(path, &bytes).expect("writable");
    let text = |text: &str| write(text.as_bytes().to_vec());
    let mut saves: Vec<Save> = vec![
        ("quoter.rhai:1:", Box::new(text("fn init(m) { #{ n: "))),
        ("no `init(m)`", Box::new(text(""))),
        ("UTF-8", Box::new(write(b"fn init(m) { \xff }".to_vec()))),
        ("is not within 1 to 4", Box::new(text(&parameter(4)))),
        ("quoter.rhai is gone", Box::new(|_: &Path| {})),
        (
            "is a link to nowhere.rhai, which is not there",
            Box::new(|path: &Path| symlink("nowhere.rhai", path).expect("a link")),
        ),
        (
            "this is not a regular file",
            Box::new(|path: &Path| fs::create_dir(path).expect("a folder")),
        ),
    ];
    match lock(&path.with_extension("locked")) {
        true => saves.push(("ermission", Box::new(|path| assert!(lock(path))))),
        false => eprintln!("SKIPPED: this user may read any file"),
    }
    for (words, save) in &saves {
        clear(&path);
        save(&path);
        session.wait_for(&[words]);
        pass(&session, TWICE_NS);
    }
    clear(&path);
    session.save(&running);
    session.wait_for(&[
        "quoter: quoter.rhai holds version ",
        " again, the one that runs",
    ]);
    pass(&session, TWICE_NS);
    let (end, place, log) = session.end_with_log();
    let told = count(&log, "quoter not reloaded") + count(&log, "the version that runs goes on");
    assert_eq!(told, saves.len(), "{log:#?}");
    assert_eq!(count(&log, "holds version"), 1, "{log:#?}");
    let strategy = &end["strategies"][0];
    assert_eq!(strategy["reloads_refused"], saves.len(), "{end}");
    assert_eq!(
        (&strategy["reloads"], &strategy["version"]),
        (&0.into(), &0.into())
    );
    assert_eq!(place.verify()["verdict"], "equal");
}

/// Makes a file that may not be read; returns whether that holds for this user.
fn lock(path: &Path) -> bool {
    let new = path.with_extension("new");
    fs::write(&new, script(0, ", q: 1", "")).expect("writable");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o000)).expect("ours");
    fs::rename(new, path).expect("renamed");
    fs::File::open(path).is_err()
}

#[test]
fn a_text_that_was_bad_and_is_saved_again_says_why_it_is_not_tried() {
    let running = script(1_000, "", "");
    let mut session = Session::paper(place_with(&running), &WITHOUT_STORE);
    let bad = script(0, "", "if this.n > 1000 { throw \"lost\"; }");
    session.save(&bad);
    session.wait_for(&["ROLLED BACK quoter", "lost"]);
    session.save(&bad);
    let not = "is not tried again, since it failed its probation (";
    session.wait_for(&["quoter not reloaded", not, "lost", "change it"]);
    session.save(&running);
    session.wait_for(&["holds version ", " again, the one that runs"]);
    let wrong = script(0, "", "let x = 1; x /= 0;");
    for words in [
        "quoter.rhai is wrong",
        "is not tried again, since it was refused (",
    ] {
        session.save(&wrong);
        session.wait_for(&["quoter not reloaded", words]);
    }
    // Another text is tried.
    session.save(&script(0, ", more: 1", ""));
    session.wait_for(&["reloaded quoter"]);
    // And the first one is none that was bad.
    session.save(&running);
    session.wait_for(&["reloaded quoter"]);
    let (end, place) = session.end();
    assert_eq!(reloads(&end), [3, 3, 1, 3].map(Some), "{end}");
    assert_eq!(place.verify()["verdict"], "equal");
}

/// Starts a run with the limits that people have, of a script that may fail before anything is shown.
fn started(text: &str) -> Session {
    let arguments = ["paper", "--json", "--strategy", FILE];
    let places = ["--journal", "journal"];
    let all = [&arguments[..], &places, &WITHOUT_STORE].concat();
    Session::start(place_with(text), &all)
}

#[test]
fn a_strategy_that_fails_is_cut_or_is_stopped_is_told_once_when_it_happens() {
    let failed = "quoter: a call failed and was undone: ";
    let mut session = started(&script(1_000, "", "throw \"no luck\";"));
    session.wait_for(&["WARN", failed, "no luck"]);
    session.wait_for(&["ERROR", "quoter STOPPED: ", "no luck"]);
    // Saved anew it is called again, and what it does then is news.
    session.save(&script(0, "", "if this.n > 1000 { throw \"once\"; }"));
    session.wait_for(&["reloaded quoter"]);
    session.wait_for(&["ROLLED BACK quoter", "once"]);
    session.save(&script(0, "", "loop { }"));
    session.wait_for(&["quoter not reloaded"]);
    let (_, _, log) = session.end_with_log();
    assert_eq!(count(&log, failed), 1, "{log:#?}");
    assert_eq!(count(&log, "STOPPED"), 1, "{log:#?}");
}

#[test]
fn a_cut_and_a_failed_start_are_told_once() {
    let cases = [
        (
            script(0, "", "if this.n > 3 { loop { } }"),
            "quoter STOPPED: ",
        ),
        (
            script(0, "", "").replace("    m.every", "    throw \"not today\"; m.every"),
            "quoter failed at its start: ",
        ),
    ];
    for (text, words) in cases {
        let mut session = started(&text);
        session.wait_for(&[words]);
        pass(&session, TWICE_NS);
        let (_, _, log) = session.end_with_log();
        let told = log
            .iter()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"));
        assert_eq!(told.count(), 1, "{log:#?}");
    }
}
