//! The binary from outside: exit status, streams, JSON, what a user can get wrong.

mod environment;

use environment::alone;
use environment::running::Running;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A working directory of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Only a number that differs between tests of this process is needed.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claire-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claire"));
        command.args(arguments);
        alone(command, &self.0)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("the temporary folder is writable");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn json(output: &Output) -> Value {
    let shown = text(&output.stdout);
    assert_eq!(shown.lines().count(), 1, "one object on one line: {shown}");
    serde_json::from_str(&shown).expect("one JSON object")
}

#[test]
fn exit_status_says_how_it_ended() {
    let folder = Folder::new();
    folder.write("wrong.toml", "[pipeline]\ntopolgy = \"auto\"\n");
    folder.write("a_file", "");
    for (arguments, expected) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["config", "check"], 0),
        (vec!["config", "show"], 0),
        (vec!["completions", "bash"], 0),
        (vec!["init"], 0),
        (vec![], 2),
        (vec!["frobnicate"], 2),
        (vec!["config", "check", "--frob"], 2),
        (vec!["--config", "none.toml", "config", "check"], 2),
        (vec!["--config", "wrong.toml", "config", "check"], 2),
        (vec!["init", "--data-dir", ""], 2),
        (
            vec!["replay", "a_file", "--venue", "binance-spot", "--store", ""],
            2,
        ),
        (vec!["paper", "--for", "1s", "--store", ""], 2),
        (vec!["db", "migrate", "--store", ""], 2),
        (vec!["init", "--lift", " "], 2),
        (vec!["init", "--data-dir", "a_file"], 1),
    ] {
        let output = folder.run(&arguments);
        let complaint = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{arguments:?}: {complaint}"
        );
        assert!(
            !complaint.contains("panicked"),
            "{arguments:?}: {complaint}"
        );
        assert!(
            !complaint.contains("bug in claire"),
            "{arguments:?}: {complaint}"
        );
        let is_silent = expected == 0 || !complaint.is_empty();
        assert!(is_silent, "{arguments:?} refuses without a word");
    }
}

#[test]
fn a_wrong_key_is_named_with_file_line_and_what_was_meant() {
    let folder = Folder::new();
    folder.write("wrong.toml", "[pipeline]\ntopolgy = \"auto\"\n");
    let output = folder.run(&["--config", "wrong.toml", "config", "check"]);
    let complaint = text(&output.stderr);
    let expected = "wrong.toml:2:1: pipeline.topolgy: unknown key; did you mean `topology`?";
    assert!(complaint.contains(expected), "{complaint}");
    let output = folder.run(&["--config", "wrong.toml", "config", "check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let value = json(&output);
    assert_eq!(value["ok"], false);
    assert_eq!(value["error"]["code"], "CONFIG");
    assert_eq!(value["error"]["file"], "wrong.toml");
    assert_eq!(value["error"]["line"], 2);
    assert_eq!(value["faults"][0]["nearest"], "topology");
}

#[test]
fn arguments_that_do_not_parse_are_json_where_json_is_asked_for() {
    let folder = Folder::new();
    let output = folder.run(&["init", "--frob", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let value = json(&output);
    assert_eq!(value["command"], "init");
    assert_eq!(value["error"]["code"], "USAGE");
}

#[test]
fn the_environment_works_without_a_file_and_is_shown_as_origin() {
    let folder = Folder::new();
    let mut command = folder.command(&["config", "show"]);
    command.env("CLAIRE_STORE__URL", "postgres://claire:s3cret@db/claire");
    let output = command.output().expect("the binary runs");
    let shown = text(&output.stdout);
    assert!(shown.contains("postgres://claire:***@db/claire"), "{shown}");
    assert!(shown.contains("# CLAIRE_STORE__URL"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let mut command = folder.command(&["config", "check"]);
    command.env("CLAIRE_PIPELINE__WAIT", "sometimes");
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("CLAIRE_PIPELINE__WAIT: pipeline.wait:"));
}

#[test]
fn the_file_beside_the_program_is_found_and_named() {
    let folder = Folder::new();
    std::fs::create_dir(folder.0.join("config")).expect("writable");
    folder.write("config/claire.toml", "mode = \"paper\"\n");
    let value = json(&folder.run(&["config", "check", "--json"]));
    assert_eq!(value["file"], "config/claire.toml");
    assert_eq!(value["mode"], "paper");
    assert_eq!(value["config_hash"].as_str().map(str::len), Some(64));
    let mut command = folder.command(&["config", "check", "--json"]);
    let output = command.env("CLAIRE_CONFIG", "other.toml").output();
    assert_eq!(output.expect("the binary runs").status.code(), Some(2));
}

#[test]
fn the_annotated_file_passes_its_check() {
    let folder = Folder::new();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config/claire.toml");
    let file = file.to_str().expect("a text path");
    let output = folder.run(&["--config", file, "config", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn init_creates_state_once_and_a_lost_state_is_killed_until_lifted() {
    let folder = Folder::new();
    let state = folder.0.join("data/claire/state.json");
    let first = json(&folder.run(&["init", "--json"]));
    assert_eq!(first["found"], "first_start");
    assert_eq!(first["state"]["trading_state"], "ACTIVE");
    assert_eq!(json(&folder.run(&["init", "--json"]))["found"], "state");
    std::fs::create_dir_all(folder.0.join("data/claire/journal")).expect("writable");
    folder.write("data/claire/journal/journal-000001.claire", "x");
    std::fs::remove_file(&state).expect("init wrote it");
    let output = folder.run(&["init"]);
    assert_eq!(output.status.code(), Some(3));
    let shown = text(&output.stdout);
    for part in ["state.json", "KILLED", "--lift", "STATE_UNREADABLE"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(
        folder.run(&["init"]).status.code(),
        Some(3),
        "it stays killed"
    );
    let lifted = folder.run(&["init", "--lift", "checked at the venue"]);
    assert_eq!(lifted.status.code(), Some(0), "{}", text(&lifted.stderr));
    let shown = text(&lifted.stdout);
    assert!(
        shown.contains("lifted KILLED: STATE_UNREADABLE is missing"),
        "{shown}"
    );
    assert!(!shown.contains("already initialized"), "{shown}");
    let again = json(&folder.run(&["init", "--lift", "once more", "--json"]));
    assert_eq!(again["lifted"]["trading_state"], "ACTIVE", "{again}");
    let log = folder.0.join("data/claire/audit.jsonl");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("checked at the venue"), "{log}");
}

#[test]
fn a_migration_names_the_database_that_it_changed() {
    let folder = Folder::new();
    folder.run(&["init"]);
    for words in ["applied 0001_runs", "is up to date"] {
        let output = folder.run(&["db", "migrate"]);
        let shown = text(&output.stdout);
        assert!(
            shown.contains("claire.db: ") && shown.contains(words),
            "{shown}"
        );
    }
    let value = json(&folder.run(&["db", "migrate", "--json"]));
    let store = value["store"].as_str().unwrap_or_default();
    assert!(store.ends_with("claire.db"), "{value}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = Folder::new();
    let mut command = folder.command(&["completions", "bash"]);
    let mut running = Running::start(&mut command);
    running.close_stdout();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_nobody_can_read_is_a_failure() {
    let folder = Folder::new();
    folder.write("wrong.toml", "nope = 1\n");
    for (arguments, expected, words) in [
        (vec!["config", "show"], 1, ""),
        (vec!["init", "--json"], 1, ""),
        (vec!["--help"], 1, ""),
        (
            vec!["--config", "wrong.toml", "config", "check", "--json"],
            2,
            "nope",
        ),
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let mut command = folder.command(&arguments);
        command
            .stdout(full.expect("a device"))
            .stderr(Stdio::piped());
        let output = command.output().expect("the binary runs");
        let complaint = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{arguments:?}: {complaint}"
        );
        for words in ["cannot write to stdout", words] {
            assert!(complaint.contains(words), "{arguments:?}: {complaint}");
        }
    }
}

#[cfg(unix)]
#[test]
fn arguments_and_variables_that_are_no_text_do_not_panic() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let no_text = OsStr::from_bytes(b"\xff\xfe");
    let mut command = folder.command(&["config", "check", "--config"]);
    let output = command.arg(no_text).env("CLAIRE_X__Y", no_text).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(!text(&output.stderr).contains("bug in claire"));
}

#[test]
fn a_check_refuses_what_a_run_would_with_all_of_it() {
    let folder = Folder::new();
    let wrong = "[risk]\nprofile = \"wild\"\norder_size_share = 2\nnope = 1\n[account]\nequity = -5\n\
        [[strategy]]\nname = \"a\"\nmarket = \"sim:BTCUSDT\"\nfile = \"nofile.rhai\"\n";
    folder.write("wrong.toml", wrong);
    let mut command = folder.command(&["--config", "wrong.toml", "config", "check", "--json"]);
    let command = command.env("CLAIRE_TABLES__ORDERS_WORKING_MAX", "100000000");
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let value = json(&output);
    let faults = value["faults"].as_array().expect("a list");
    let mut found: Vec<_> = faults
        .iter()
        .map(|fault| format!("{} {}", fault["origin"], fault["key"]).replace('"', ""))
        .collect();
    found.sort();
    let expected = [
        "CLAIRE_TABLES__ORDERS_WORKING_MAX tables.orders_working_max",
        "wrong.toml:10 strategy[0].file",
        "wrong.toml:2 risk.profile",
        "wrong.toml:3 risk.order_size_share",
        "wrong.toml:4 risk.nope",
        "wrong.toml:6 account.equity",
    ];
    assert_eq!(found, expected, "{value}");
    for mode in ["live", "testnet", "shadow", "backtest"] {
        let mut command = folder.command(&["config", "check"]);
        let output = command.env("CLAIRE_MODE", mode).output();
        let output = output.expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{mode}");
        let complaint = text(&output.stderr);
        assert!(complaint.contains("cannot run in mode"), "{complaint}");
    }
}

#[test]
fn a_check_refuses_what_only_a_paper_run_would() {
    let strategy = |market: &str| {
        format!("[[strategy]]\nname = \"a\"\nmarket = \"{market}\"\nfile = \"churn\"\n")
    };
    let cases = [
        (
            "[paper]\nsymbols = [\"sim:DOGEUSDT\"]\n".to_owned(),
            "paper.symbols",
            2,
        ),
        (strategy("sim:NOPE"), "strategy[0].market", 3),
        (
            format!("mode = \"paper\"\n{}", strategy("binance-spot:BTCUSDT")),
            "strategy[0].market",
            4,
        ),
        ("[account]\nequity = 20\n".to_owned(), "account.equity", 2),
    ];
    for (text, key, line) in cases {
        let folder = Folder::new();
        folder.write("claire.toml", &text);
        let run = |arguments: &[&str]| {
            let output = folder.run(&[&["--config", "claire.toml"], arguments].concat());
            (output.status.code(), json(&output))
        };
        let (code, checked) = run(&["config", "check", "--json"]);
        assert_eq!(code, Some(2), "{text}: {checked}");
        let fault = &checked["faults"][0];
        assert_eq!((&fault["key"], &fault["line"]), (&key.into(), &line.into()));
        let (code, refused) = run(&["paper", "--speed", "max", "--for", "1s", "--json"]);
        assert_eq!(code, Some(2), "{text}: {refused}");
        // A start that is refused is none: the next one has the first epoch.
        let state = json(&folder.run(&["init", "--json"]));
        assert_eq!(state["state"]["epoch"], 0, "{text}");
    }
    // Without a mode a file may be for replays.
    let folder = Folder::new();
    folder.write("claire.toml", &strategy("binance-spot:BTCUSDT"));
    let output = folder.run(&["--config", "claire.toml", "config", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_shown_configuration_is_complete_and_keeps_its_hash() {
    let folder = Folder::new();
    let shown = folder.run(&["config", "show"]);
    let shown_text = text(&shown.stdout);
    for line in [
        ("order_size_share = 0.05", "# profile moderate"),
        ("equity = 10000", "# default"),
        ("entry_latency_ms = 10", "# default"),
        ("paper_fills_max = 4096", "# default"),
    ] {
        let is_there = |found: &str| found.starts_with(line.0) && found.ends_with(line.1);
        assert!(shown_text.lines().any(is_there), "{line:?} in {shown_text}");
    }
    let hash = json(&folder.run(&["config", "show", "--json"]))["config_hash"].clone();
    folder.write("shown.toml", &shown_text);
    let again = json(&folder.run(&["--config", "shown.toml", "config", "check", "--json"]));
    assert_eq!(again["config_hash"], hash);
}

#[test]
fn numbers_and_addresses_that_cannot_be_are_refused_in_plain_words() {
    let folder = Folder::new();
    folder.write("session.txt", "");
    for (arguments, words) in [
        (
            vec!["paper", "--seed", "-1"],
            "write a whole number from 0 to",
        ),
        (
            vec!["replay", "session.txt", "--loop", "0"],
            "write a whole number from 1 to",
        ),
        (
            vec!["replay", "session.txt", "--loop", "-1"],
            "write a whole number from 1 to",
        ),
        (vec!["db", "migrate", "--store", "foo:bar"], "sqlite:PATH"),
        (
            vec!["paper", "--for", "1s", "--store", "postgre://h/d"],
            "postgres://",
        ),
    ] {
        let output = folder.run(&arguments);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains(words), "{arguments:?}: {complaint}");
    }
    assert!(!folder.0.join("foo:bar").exists());
}
