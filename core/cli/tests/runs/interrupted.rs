//! A replay that is told to stop says so, leaves its journal open, and ends like an uninterrupted one when it is started again.

use crate::environment::running::Running;
use crate::place::{Place, answer, complaint, journaled, recording, replay, texts};
use std::fs;

#[test]
fn a_replay_that_is_interrupted_goes_on_to_the_end_that_it_would_have_had() {
    let (whole, place) = (Place::new(), Place::new());
    let arguments = replay(&whole, recording(), Some(&whole.url()));
    let output = whole.claire(&texts(&arguments)).output().expect("started");
    assert!(output.status.success(), "{}", complaint(&output));
    let reference = answer(&output);

    let arguments = replay(&place, recording(), Some(&place.url()));
    for signal in ["-INT", "-TERM"] {
        let segment = place.journal().join("journal-000001.claire");
        // The second start finds what the first one wrote: it is up once it adds to that.
        let before = fs::metadata(&segment).map_or(0, |file| file.len());
        let mut command = place.claire(&texts(&arguments));
        let mut running = Running::start(command.args(["--speed", "10"]));
        running.wait_until("the journal grows", || {
            fs::metadata(&segment).is_ok_and(|file| file.len() > before + 20_000)
        });
        running.tell(signal);
        let output = running.end();
        let end = answer(&output);
        assert_eq!(output.status.code(), Some(1), "{end}");
        assert_eq!(
            (&end["ok"], &end["run"]["interrupted"]),
            (&false.into(), &true.into())
        );
        assert_eq!(end["error"]["code"], "INTERRUPTED");
        let hint = end["error"]["hint"].as_str().expect("a hint");
        let journal = place.journal().display().to_string();
        for word in ["claire replay", "--speed 10", journal.as_str()] {
            assert!(hint.contains(word), "{word} in {hint}");
        }
        assert_eq!(end["sessions"][0]["frames"], end["frames"], "{end}");
        assert!(
            end["frames"].as_u64() < reference["frames"].as_u64(),
            "{end}"
        );
        let verified = place.verify();
        assert_eq!(verified["verdict"], "equal so far", "{verified}");
        assert_eq!(state_of(&place), "interrupted");
        assert_eq!(place.stored(&place.url()), journaled(&place.journal()).0);
    }

    let output = place.claire(&texts(&arguments)).output().expect("started");
    let end = answer(&output);
    assert_eq!(output.status.code(), Some(0), "{end}");
    assert_eq!(end["digest"], reference["digest"]);
    assert_eq!(end["run"]["interrupted"], false);
    assert_eq!(place.verify()["verdict"], "equal");
    assert_eq!(state_of(&place), "finished");
    assert_eq!(place.stored(&place.url()), whole.stored(&whole.url()));
}

#[test]
fn an_interrupted_replay_without_a_journal_shows_the_part_that_it_read() {
    let place = Place::new();
    let name = recording().display().to_string();
    let mut command = place.claire(&["replay", &name, "--speed", "1"]);
    let mut running = Running::start(&mut command);
    let process = running.id();
    running.wait_until("it catches signals", || catches_interrupts(process));
    running.tell("-INT");
    let output = running.end();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    for word in ["INTERRUPTED after", "flow ", "digest "] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let errors = complaint(&output);
    assert!(errors.contains("no journal to go on from"), "{errors}");
}

/// Returns whether the process has its own end for SIGINT: the second lowest bit of what it catches.
fn catches_interrupts(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    caught.is_some_and(|caught| caught & 2 != 0)
}

fn state_of(place: &Place) -> String {
    let store = rusqlite::Connection::open(place.path("run.db")).expect("a store");
    let state = store.query_row("SELECT state FROM runs", [], |row| row.get(0));
    state.expect("one run")
}
