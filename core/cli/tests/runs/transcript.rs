//! The transcript in `strategies/README.md`, typed again: a script is edited while it trades.

use crate::place::Place;
use crate::session::{Session, reloads};
use std::fs;
use std::process::Command;

/// Returns the section's two blocks: the script, and what was typed and said.
fn blocks() -> [String; 2] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../strategies/README.md");
    let text = fs::read_to_string(path).expect("it is there");
    let (_, section) = text
        .split_once("## Editing while it runs\n")
        .expect("the section");
    let mut fenced = section.split("```").skip(1).step_by(2);
    ["rhai\n", "text\n"].map(|kind| {
        let block = fenced.next().and_then(|block| block.strip_prefix(kind));
        block.expect(kind).to_owned()
    })
}

/// Returns a line without what differs from run to run: its time, how many events there were, how long it took.
fn masked(line: &str) -> String {
    let line = match line.split_once("Z ") {
        Some((time, rest)) if time.starts_with("20") => rest.trim_start(),
        _ => line,
    };
    let mut out = Vec::new();
    for word in line.split(' ') {
        let is_figure = matches!(out.last(), Some(&"after" | &"on"));
        let is_number = word.parse::<f64>().is_ok();
        out.push(if is_figure && is_number { "#" } else { word });
    }
    out.join(" ")
}

#[test]
fn what_is_typed_in_the_transcript_is_answered_as_it_says() {
    let [script, transcript] = blocks();
    let place = Place::new();
    fs::write(place.path("my_idea.rhai"), script).expect("writable");
    let mut lines = transcript.lines();
    let start = lines.next().and_then(|line| line.strip_prefix("$ claire "));
    let arguments = start.and_then(|line| line.strip_suffix(" > result.json"));
    let arguments: Vec<_> = arguments.expect("a start").split(' ').collect();
    let mut session = Session::start(place, &arguments);
    session.wait_for(&["paper 00:"]);
    for line in lines {
        let Some(edit) = line.strip_prefix("$ ") else {
            let said = session.next_said();
            assert_eq!(masked(&said), masked(line), "{:#?}", session.seen);
            continue;
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", edit]).current_dir(session.place.path(""));
        assert!(shell.status().expect("a shell").success(), "{edit}");
    }
    let (end, place) = session.end();
    assert_eq!(reloads(&end), [2, 1, 1, 1].map(Some), "{end}");
    drop(place);
}
