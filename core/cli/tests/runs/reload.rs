//! Files that are edited while they trade: the program runs, the test saves.
//!
//! `CLAIRE_RELOADS` sets how many reloads the last test makes; its figures are printed. The long campaign is
//! `CLAIRE_RELOADS=10000 cargo test --release -p claire --test runs -- --nocapture reloads_under_load`.

use crate::place::{Place, answer, complaint, recording};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running program, and the lines of its log.
struct Session {
    place: Place,
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
}

const FILE: &str = "quoter.rhai";
/// How long a line may take: a machine with other work is slow.
const LINE_WAIT: Duration = Duration::from_secs(120);

impl Session {
    fn start(place: Place, arguments: &[&str]) -> Self {
        let mut command = place.claire(arguments);
        command.env("NO_COLOR", "1");
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, log) = channel();
        std::thread::spawn(move || {
            let lines = errors.lines().map_while(Result::ok);
            // Nobody reads it where the test has failed.
            lines.for_each(|line| drop(sender.send(line)));
        });
        Self {
            place,
            child,
            log,
            seen: Vec::new(),
        }
    }

    fn paper(place: Place) -> Self {
        let arguments = ["paper", "--json", "--store", "none", "--strategy", FILE];
        let more = ["--journal", "journal", "--profile", "bench"];
        let mut session = Self::start(place, &[&arguments[..], &more].concat());
        session.wait_for(&["paper 00:"]);
        session
    }

    /// Waits for a line with all these words.
    fn wait_for(&mut self, words: &[&str]) -> String {
        let deadline = Instant::now() + LINE_WAIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!("{words:?} did not come after {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Replaces the file by a new one, as most editors do.
    fn save(&self, text: &str) {
        let new = self.place.path("quoter.rhai.new");
        fs::write(&new, text).expect("writable");
        fs::rename(new, self.place.path(FILE)).expect("renamed");
    }

    /// Ends the run, and returns what it says and the place.
    fn end(mut self) -> (Value, Place) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status();
        assert!(told.expect("kill is there").success());
        let stdout = self.child.stdout.take().expect("piped");
        let value = serde_json::from_reader(BufReader::new(stdout));
        self.child.wait().expect("it ends");
        self.seen.extend(self.log.try_iter());
        let value = value.unwrap_or_else(|fault| panic!("{fault}: {:#?}", self.seen));
        (value, self.place)
    }
}

/// Returns a strategy that counts timers from `first`, with more fields and statements.
fn script(first: u32, fields: &str, statements: &str) -> String {
    format!(
        "fn init(m) {{\n    m.every(100, \"t\");\n    #{{ n: {first}, entry: no_order(){fields} }}\n}}\n\
         fn on_timer(m, name) {{\n    this.n += 1;\n    {statements}\n}}\n"
    )
}

fn place_with(text: &str) -> Place {
    let place = Place::new();
    fs::write(place.path(FILE), text).expect("writable");
    place
}

#[test]
fn a_running_strategy_is_edited_well_badly_and_wrongly() {
    let mut session = Session::paper(place_with(&script(1_000, "", "")));
    session.save(&script(0, ", more: 1.5", ""));
    let line = session.wait_for(&["reloaded quoter: quoter.rhai"]);
    for part in [
        "1 handlers compiled",
        "state 2 carried 1 new",
        "tried on",
        "live after",
    ] {
        assert!(line.contains(part), "{part} in {line}");
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
    let counts = [
        "reloads",
        "reloads_refused",
        "reloads_rolled_back",
        "version",
        "orders",
    ];
    let counts = counts.map(|name| strategy[name].as_u64());
    assert_eq!(counts, [2, 4, 1, 1, 1].map(Some), "{end}");
    assert_eq!(
        (&strategy["state"], &strategy["failures"]),
        (&"active".into(), &1.into())
    );
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
fn every_way_of_saving_goes_live_once() {
    let place = place_with(&script(0, "", ""));
    for number in 0..200 {
        fs::write(place.path(&format!("other{number}.rhai")), "not a script").expect("writable");
    }
    let mut session = Session::paper(place);
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
    let base = [
        "replay",
        &name,
        "--strategy",
        FILE,
        "--json",
        "--journal",
        "journal",
    ];
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
        let arguments = [
            "replay",
            &name,
            "--strategy",
            FILE,
            "--json",
            "--journal",
            "journal",
        ];
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

/// Returns the kilobytes that a process has in memory.
fn memory_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
fn reloads_under_load_lose_nothing() {
    let count =
        std::env::var("CLAIRE_RELOADS").map_or(20, |count| count.parse().expect("a number"));
    let quotes = "m.cancel(this.entry); this.entry = m.buy_limit(m.qty_for(250.0), m.bid * 0.999, POST_ONLY, \"q\");";
    let text = |number: u64| script(0, "", &format!("{quotes} this.n += {number};"));
    let mut session = Session::paper(place_with(&text(0)));
    let mut memory = Vec::new();
    for number in 1..=count {
        session.save(&text(number));
        session.wait_for(&["reloaded quoter"]);
        session.seen.clear();
        if number % (count / 4).max(1) == 0 {
            memory.push(memory_kb(session.child.id()));
        }
    }
    let (end, place) = session.end();
    println!(
        "{count} reloads: {}; memory in KB {memory:?}",
        end["run"]["reload"]
    );
    assert_eq!(end["strategies"][0]["reloads"], count, "{end}");
    assert_eq!(end["strategies"][0]["reloads_rolled_back"], 0, "{end}");
    assert_eq!((&end["errors"], &end["gaps"]), (&0.into(), &0.into()));
    assert_eq!(end["run"]["reload"]["begun_anew"], 0, "{end}");
    let pause = end["run"]["reload"]["pause_p50_ns"].as_u64();
    let live = end["run"]["reload"]["live_p50_ns"].as_u64();
    assert!(pause > Some(100) && live > pause, "{end}");
    // Every order came to an end: nothing was left behind by a version that went.
    let verified = place.verify();
    assert_eq!(verified["verdict"], "equal", "{verified}");
    if let [first, .., last] = memory.as_slice()
        && count >= 1_000
    {
        assert!(*last < first + first / 10, "memory grows: {memory:?}");
    }
}
