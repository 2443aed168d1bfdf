//! The program while it runs. A test that panics takes it along: nothing that a test started outlives it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A run whose complaints are read as they come; killed where it is dropped before its end.
pub struct Running {
    child: Child,
    complaints: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// Longest time that a test waits for anything.
const LONG: Duration = Duration::from_secs(120);

impl Running {
    /// Starts it; both its outputs are kept.
    pub fn start(command: &mut Command) -> Self {
        let mut running = Self::started(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let complaints = Arc::clone(&running.complaints);
        let errors = running.child.stderr.take().expect("piped");
        running.reader = Some(thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut complaints = complaints.lock().unwrap_or_else(PoisonError::into_inner);
                complaints.push_str(&line);
                complaints.push('\n');
            }
        }));
        running
    }

    /// Starts it where what it says goes nowhere.
    pub fn start_unheard(command: &mut Command) -> Self {
        Self::started(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Starts it with the outputs that the command has; what of them is piped is not read before the end.
    pub fn started(command: &mut Command) -> Self {
        Self {
            child: command.spawn().expect("started"),
            complaints: Arc::default(),
            reader: None,
        }
    }

    /// Returns its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its input, which was piped.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("piped")
    }

    /// Stops reading what it answers: the pipe is closed.
    pub fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Returns what it complained of so far.
    pub fn complaints(&self) -> String {
        let complaints = self.complaints.lock();
        complaints.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether it has said these words on stderr.
    pub fn has_said(&self, words: &str) -> bool {
        self.complaints().contains(words)
    }

    /// Waits until it has said these words.
    pub fn wait_until_said(&mut self, words: &str) {
        let complaints = Arc::clone(&self.complaints);
        self.wait_until(words, || {
            let complaints = complaints.lock().unwrap_or_else(PoisonError::into_inner);
            complaints.contains(words)
        });
    }

    /// Sends it a signal: `-INT`.
    pub fn tell(&self, signal: &str) {
        let told = Command::new("kill")
            .args([signal, &self.id().to_string()])
            .status();
        assert!(told.expect("kill is there").success());
    }

    /// Waits for something, while it runs and for a test's time.
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < LONG, "never: {what}");
            let ended = self.has_ended();
            assert_eq!(ended, None, "before {what}: {}", self.complaints());
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Returns how it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("asked")
    }

    /// Kills it and returns how it ended.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone")
    }

    /// Returns how it ended; it has a test's time.
    pub fn status(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(started.elapsed() < LONG, "no end: {}", self.complaints());
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits for the end and returns it with all that it said.
    pub fn end(mut self) -> Output {
        let mut stdout = Vec::new();
        if let Some(mut answer) = self.child.stdout.take() {
            answer.read_to_end(&mut stdout).expect("read");
        }
        let status = self.child.wait().expect("it ends");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("read");
        }
        let stderr = self.complaints().into_bytes();
        Output {
            status,
            stdout,
            stderr,
        }
    }
}

/// One that has ended is only left alone.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
