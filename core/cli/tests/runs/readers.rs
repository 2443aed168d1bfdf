//! A run whose outputs nobody reads, or nobody can read any more: it trades on, ends when it is told to, and its journal
//! is finished before it waits for anybody.

use crate::environment::running::Running;
use crate::place::{Place, answer, journaled};
use serde_json::Value;
use std::fs;
use std::io::{PipeReader, Read, Write, pipe};
use std::process::{Command, Stdio};
use std::thread;

/// Returns a pipe that is full and stays so until it is read.
fn full() -> (PipeReader, Stdio) {
    let (reader, mut writer) = pipe().expect("a pipe");
    let theirs = writer.try_clone().expect("a pipe");
    // More than any pipe holds: the thread waits with the rest of it, and ends with the reader.
    let (begun, fills) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for number in 0..FILLING_BYTES {
            if number == SMALLEST_BYTES {
                begun.send(()).expect("heard");
            }
            if writer.write_all(b".").is_err() {
                break;
            }
        }
    });
    fills.recv().expect("it fills");
    (reader, theirs.into())
}

/// The least that a pipe holds, and more than one ever does.
const SMALLEST_BYTES: usize = 4_096;
const FILLING_BYTES: usize = 4 << 20;

fn paper(place: &Place) -> Command {
    let journal = place.journal().display().to_string();
    place.claire(&["paper", "--json", "--journal", &journal])
}

/// Waits until the run has traded for so long that a status was to be shown.
fn wait_until_under_way(running: &mut Running, place: &Place) {
    let segment = place.path("journal/journal-000001.claire");
    running.wait_until("the journal grows", || {
        fs::metadata(&segment).is_ok_and(|file| file.len() > 100_000)
    });
}

#[test]
fn errors_that_nobody_reads_hold_up_neither_the_run_nor_its_end() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        let (unread, stderr) = full();
        let (mut answers, stdout) = pipe().expect("a pipe");
        let mut command = paper(&place);
        let mut running = Running::started(command.stdout(stdout).stderr(stderr));
        drop(command);
        wait_until_under_way(&mut running, &place);
        running.tell(signal);
        let status = running.status();
        assert_eq!(status.code(), Some(0), "{signal}");
        let mut text = String::new();
        answers.read_to_string(&mut text).expect("text");
        let value: Value = serde_json::from_str(&text).expect("one object");
        assert_eq!(value["ok"], true, "{value}");
        assert!(journaled(&place.journal()).1, "{signal}");
        drop(unread);
    }
}

#[test]
fn an_answer_that_nobody_reads_waits_behind_a_finished_journal_until_a_second_signal() {
    let place = Place::new();
    let (_unread, stdout) = full();
    let mut command = paper(&place);
    let mut running = Running::started(command.stdout(stdout).stderr(Stdio::null()));
    wait_until_under_way(&mut running, &place);
    running.tell("-INT");
    running.wait_until("a finished journal", || journaled(&place.journal()).1);
    running.tell("-INT");
    assert_eq!(running.status().code(), Some(130));
    assert!(journaled(&place.journal()).1);
}

#[test]
fn closed_outputs_and_a_missing_input_change_nothing() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        let (gone, closed) = pipe().expect("a pipe");
        drop(gone);
        let mut command = paper(&place);
        let stderr = closed.try_clone().expect("a pipe");
        let command = command.stdin(Stdio::null()).stdout(closed).stderr(stderr);
        let mut running = Running::started(command);
        wait_until_under_way(&mut running, &place);
        running.tell(signal);
        assert_eq!(running.status().code(), Some(0), "{signal}");
        assert!(journaled(&place.journal()).1, "{signal}");
    }
}

#[test]
fn a_shell_that_has_its_children_ignore_signals_does_not_keep_a_run_from_ending() {
    let place = Place::new();
    let journal = place.journal().display().to_string();
    let arguments = ["paper", "--json", "--journal", &journal].map(str::to_owned);
    // What a shell without job control does to what it starts with `&`.
    let mut command = place.claire_in("trap '' INT QUIT; exec \"$@\"", &arguments);
    let mut running = Running::start(&mut command);
    running.wait_until_said("paper ");
    running.tell("-INT");
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", answer(&output));
    assert!(journaled(&place.journal()).1);
}
