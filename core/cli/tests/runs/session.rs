//! A run that goes on while a test edits its strategy: its log is read line by line.

use crate::place::Place;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running program, and the lines of its log.
pub struct Session {
    pub place: Place,
    pub child: Child,
    log: Receiver<String>,
    /// Lines that were read.
    pub seen: Vec<String>,
}

pub const FILE: &str = "quoter.rhai";
/// How long a line may take: a machine with other work is slow.
const LINE_WAIT: Duration = Duration::from_secs(120);

impl Session {
    pub fn start(place: Place, arguments: &[&str]) -> Self {
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

    /// Runs the bundled market with the file, and these settings besides.
    pub fn paper(place: Place, more: &[&str]) -> Self {
        let arguments = ["paper", "--json", "--strategy", FILE];
        let places = ["--journal", "journal", "--profile", "bench"];
        let mut session = Self::start(place, &[&arguments[..], &places, more].concat());
        session.wait_for(&["paper 00:"]);
        session
    }

    /// Waits for a line with all these words.
    pub fn wait_for(&mut self, words: &[&str]) -> String {
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

    /// Waits for the next line that is not about how far the run is.
    pub fn next_said(&mut self) -> String {
        loop {
            let line = self.wait_for(&[]);
            if !line.starts_with("paper 0") {
                return line;
            }
        }
    }

    /// Replaces the file by a new one, as most editors do.
    pub fn save(&self, text: &str) {
        let new = self.place.path("quoter.rhai.new");
        fs::write(&new, text).expect("writable");
        fs::rename(new, self.place.path(FILE)).expect("renamed");
    }

    /// Ends the run, and returns what it says and the place.
    pub fn end(self) -> (Value, Place) {
        let (value, place, _) = self.end_with_log();
        (value, place)
    }

    /// Ends the run, and returns what it says, the place and its log.
    pub fn end_with_log(mut self) -> (Value, Place, Vec<String>) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status();
        assert!(told.expect("kill is there").success());
        let stdout = self.child.stdout.take().expect("piped");
        let value = serde_json::from_reader(BufReader::new(stdout));
        self.child.wait().expect("it ends");
        self.seen.extend(self.log.try_iter());
        let value = value.unwrap_or_else(|fault| panic!("{fault}: {:#?}", self.seen));
        (value, self.place, self.seen)
    }
}

/// Returns what the first strategy's saves came to: live, refused, rolled back, and the version that runs.
pub fn reloads(end: &Value) -> [Option<u64>; 4] {
    let names = [
        "reloads",
        "reloads_refused",
        "reloads_rolled_back",
        "version",
    ];
    names.map(|name| end["strategies"][0][name].as_u64())
}

/// Returns a strategy that counts timers from `first`, with more fields and statements.
pub fn script(first: u32, fields: &str, statements: &str) -> String {
    format!(
        "fn init(m) {{\n    m.every(100, \"t\");\n    #{{ n: {first}, entry: no_order(){fields} }}\n}}\n\
         fn on_timer(m, name) {{\n    this.n += 1;\n    {statements}\n}}\n"
    )
}

pub fn place_with(text: &str) -> Place {
    let place = Place::new();
    fs::write(place.path(FILE), text).expect("writable");
    place
}
