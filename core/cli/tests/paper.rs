//! `claire paper` from outside: it trades, writes everything down, and obeys its state file.

mod environment;

use claire_sidecar::{JournalReader, Store, Tail};
use claire_types::Record;
use claire_types::cell::Tag;
use environment::alone;
use environment::running::Running;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A working directory of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Only a number that differs between tests of this process is needed.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claire-paper-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claire"));
        command.args(line.split_whitespace());
        alone(command, &self.0)
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("the binary runs")
    }

    fn state(&self) -> PathBuf {
        self.0.join("data/claire/state.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// Counts the journal's messages by kind, and checks that the run is finished in it.
fn kinds(dir: &Path) -> BTreeMap<u8, u64> {
    let mut reader = JournalReader::open(dir).expect("a journal");
    let mut kinds = BTreeMap::new();
    while let Some(message) = reader.next_message().expect("a whole journal") {
        let tag = Tag::of(message.cells.at(0).expect("a first cell").low);
        if Record::is_record(tag.word()) {
            Record::decode(&message.cells).expect("a record of this version");
        }
        *kinds.entry(tag.kind).or_default() += 1;
    }
    assert!(matches!(reader.tail(), Tail::Finished(_)));
    kinds
}

/// Each table and the kind of record that becomes its rows.
const TABLES: [(&str, u8); 6] = [
    ("signals", 128),
    ("decisions", 129),
    ("orders", 130),
    ("order_events", 131),
    ("fills", 132),
    ("portfolio_snapshots", 135),
];

const RUN: &str = "paper --speed max --seed 7 --for 120s --json";

#[test]
fn a_seed_trades_the_same_twice_and_the_store_agrees_with_the_journal() {
    let mut digests = Vec::new();
    for topology in ["fused", "split"] {
        let folder = Folder::new();
        let mut command = folder.command(RUN);
        let output = command.env("CLAIRE_PIPELINE__TOPOLOGY", topology).output();
        let value = json(&output.expect("the binary runs"));
        assert!(value["fills"].as_u64() > Some(0), "{value}");
        assert_eq!((&value["errors"], &value["gaps"]), (&0.into(), &0.into()));
        assert_eq!(
            value["books"].as_object().map(serde_json::Map::len),
            Some(3)
        );
        let dir = value["run"]["journal"].as_str().expect("a journal");
        let kinds = kinds(&folder.0.join(dir));
        let path = folder.0.join("data/claire/claire.db");
        let mut store = Store::open(&format!("sqlite:{}", path.display())).expect("a store");
        let run_id = value["run_id"].as_str().expect("a run").parse();
        let counts = store.counts(run_id.expect("an id")).expect("counts");
        for (table, kind) in TABLES {
            let journaled = kinds.get(&kind).copied().unwrap_or_default();
            assert_eq!(counts.get(table), Some(&journaled), "{table}");
        }
        assert!(counts["latency_histograms"] > 0, "{counts:?}");
        assert_eq!(Some(counts["fills"]), value["fills"].as_u64());
        digests.push(value["digest"].clone());
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn the_first_fill_comes_within_a_minute_whatever_the_seed() {
    for seed in [1, 2, 3] {
        let folder = Folder::new();
        let line = format!("paper --speed max --seed {seed} --for 60s --store none --json");
        let value = json(&folder.run(&line));
        assert!(value["fills"].as_u64() > Some(0), "seed {seed}: {value}");
        assert_eq!(value["run"]["store"], Value::Null);
    }
}

#[test]
fn a_lost_state_beside_a_journal_denies_every_order_until_it_is_lifted() {
    type Damage = fn(&Path);
    let damages: [Damage; 4] = [
        |state| std::fs::remove_file(state).expect("the first run wrote it"),
        |state| std::fs::write(state, "").expect("writable"),
        |state| {
            let whole = std::fs::read(state).expect("readable");
            std::fs::write(state, &whole[..whole.len() / 2]).expect("writable");
        },
        |state| std::fs::write(state, "{\"format\":\"other\"}").expect("writable"),
    ];
    for damage in damages {
        let folder = Folder::new();
        json(&folder.run("paper --speed max --for 1s --json"));
        damage(&folder.state());
        for _ in 0..2 {
            let output = folder.run(RUN);
            let value = json(&output);
            assert_eq!(value["state"], "KILLED");
            assert_eq!(value["fills"], 0);
            assert!(value["denied"]["KILL_SWITCH"].as_u64() > Some(0), "{value}");
            let complaint = text(&output.stderr);
            for part in ["state.json", "KILLED", "claire init --lift"] {
                assert!(complaint.contains(part), "{part} in {complaint}");
            }
            let example = &value["denied_first"]["KILL_SWITCH"]["example"];
            let example = example.as_str().unwrap_or_default();
            assert!(
                !example.is_empty() && !example.contains("measured"),
                "{example}"
            );
            assert_eq!(value["latched"]["code"], "STATE_UNREADABLE", "{value}");
        }
        let shown = text(&folder.run(RUN.trim_end_matches(" --json")).stdout);
        let line = shown.lines().find(|line| line.starts_with("state "));
        let line = line.unwrap_or_else(|| panic!("no state in {shown}"));
        assert!(line.contains(": STATE_UNREADABLE is "), "{line}");
        json(&folder.run("init --lift checked --json"));
        let value = json(&folder.run(RUN));
        assert_eq!(value["state"], "ACTIVE");
        assert!(value["fills"].as_u64() > Some(0), "{value}");
        let state = std::fs::read_to_string(folder.state()).expect("readable");
        let state: Value = serde_json::from_str(&state).expect("JSON");
        // The first run's epoch was read from its journal: no order id repeats.
        assert_eq!(state["state"]["epoch"], 5, "{state}");
    }
}

#[test]
fn a_lost_state_is_missed_wherever_the_runs_were_written() {
    for (first, second) in [
        ("", " --journal other"),
        (" --journal pj", ""),
        (" --journal pj --store none", " --journal other"),
    ] {
        let folder = Folder::new();
        let run = |places: &str| {
            let output = folder.run(&format!("paper --speed max --for 5s --json{places}"));
            (json(&output), text(&output.stderr))
        };
        run(first);
        run(&first.replace("pj", "pj2"));
        std::fs::remove_file(folder.state()).expect("the first run wrote it");
        let (value, complaint) = run(second);
        assert_eq!(
            (&value["state"], &value["fills"]),
            (&"KILLED".into(), &0.into())
        );
        assert!(complaint.contains("audit.jsonl"), "{complaint}");
        let state = std::fs::read_to_string(folder.state()).expect("readable");
        let state: Value = serde_json::from_str(&state).expect("JSON");
        assert_eq!(state["state"]["epoch"], 3, "{state}");
    }
}

#[test]
fn each_trace_of_an_earlier_start_is_enough() {
    for (kept, is_gone) in [
        ("audit.jsonl", false),
        ("claire.db", false),
        ("journal", false),
        ("nothing", true),
    ] {
        let folder = Folder::new();
        json(&folder.run("paper --speed max --for 1s --json"));
        json(&folder.run("paper --speed max --for 1s --json"));
        let data = folder.0.join("data/claire");
        for entry in std::fs::read_dir(&data).expect("a data directory") {
            let path = entry.expect("readable").path();
            match path.is_dir() {
                _ if path.ends_with(kept) => Ok(()),
                true => std::fs::remove_dir_all(path),
                false => std::fs::remove_file(path),
            }
            .expect("removed");
        }
        let output = folder.run("init --json");
        let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let (found, epoch) = match is_gone {
            true => ("first_start", 0),
            false => ("unreadable", 2),
        };
        assert_eq!(value["found"], found, "{kept}: {value}");
        assert_eq!(value["state"]["epoch"], epoch, "{kept}: {value}");
    }
}

#[test]
fn journals_of_replays_and_other_files_are_no_trace_of_a_lost_state() {
    let folder = Folder::new();
    let mut recording = std::fs::File::create(folder.0.join("spot.txt")).expect("writable");
    claire_sim::write_recording(&mut recording, 7, 5).expect("written");
    json(&folder.run("replay spot.txt --strategy churn --store sqlite:a.db --json"));
    let journals = folder.0.join("data/claire/journal");
    assert_eq!(std::fs::read_dir(&journals).expect("a journal").count(), 1);
    std::fs::write(journals.join(".keep"), "").expect("writable");
    std::fs::create_dir(journals.join("empty")).expect("writable");
    let output = folder.run("paper --speed max --for 1s --json");
    let value = json(&output);
    assert_eq!(value["state"], "ACTIVE", "{}", text(&output.stderr));
}

#[test]
fn what_the_engine_latches_outlives_the_process() {
    let folder = Folder::new();
    let limited = |line: &str| {
        let mut command = folder.command(line);
        let limit = command.env("CLAIRE_RISK__DAILY_LOSS_SHARE", "0.00001");
        limit.output().expect("the binary runs")
    };
    assert_eq!(json(&limited(RUN))["state"], "HALTED");
    let state = std::fs::read_to_string(folder.state()).expect("readable");
    let state: Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(state["state"]["trading_state"], "HALTED");
    assert_eq!(state["state"]["cause"]["code"], "DAILY_LOSS");
    let output = limited(RUN);
    let value = json(&output);
    assert_eq!(
        (&value["state"], &value["fills"]),
        (&"HALTED".into(), &0.into())
    );
    assert!(
        value["denied"]["TRADING_STATE"].as_u64() > Some(0),
        "{value}"
    );
    assert!(text(&output.stderr).contains("DAILY_LOSS"));
}

#[test]
fn a_signal_ends_the_run_with_its_summary_and_a_finished_journal() {
    let folder = Folder::new();
    let mut command = folder.command("paper --json");
    let mut running = Running::start(&mut command);
    running.wait_until_said("paper ");
    running.tell("-TERM");
    let output = running.end();
    let value = json(&output);
    assert_eq!(value["mode"], "paper", "{value}");
    let dir = value["run"]["journal"].as_str().expect("a journal");
    kinds(&folder.0.join(dir));
}

#[test]
fn what_contradicts_is_refused() {
    let folder = Folder::new();
    for (line, mode, expected) in [
        ("paper --for 1s", Some("replay"), "`replay` is configured"),
        ("paper --speed max", None, "--for"),
        (
            "paper --for 1s --market sim:X --strategy churn",
            None,
            "is not on the bundled market",
        ),
        (
            "paper --for 1s --strategy none.rhai",
            None,
            "bundled strategies are",
        ),
    ] {
        let mut command = folder.command(line);
        if let Some(mode) = mode {
            command.env("CLAIRE_MODE", mode);
        }
        let output = command.output().expect("the binary runs");
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {complaint}");
        assert!(complaint.contains(expected), "{line}: {complaint}");
    }
}

#[test]
fn a_latched_state_is_told_with_its_cause_and_denials_name_states() {
    let folder = Folder::new();
    let limited = |line: &str| {
        let mut command = folder.command(line);
        let limit = command.env("CLAIRE_RISK__DAILY_LOSS_SHARE", "0.00001");
        limit.output().expect("the binary runs")
    };
    let value = json(&limited(RUN));
    let cause = &value["state_cause"];
    assert_eq!(cause["code"], "DAILY_LOSS", "{value}");
    assert!(cause["measured"].is_string() && cause["limit"].is_string());
    assert!(cause["at_ns"].as_i64() > Some(0), "{value}");
    let denied = &value["denied_first"]["TRADING_STATE"]["example"];
    assert_eq!(denied, "HALTED, needs ACTIVE", "{value}");
    let lifted = folder.run("init --lift checked --json");
    assert_eq!(lifted.status.code(), Some(0));
    let shown = text(&limited("paper --speed max --seed 7 --for 120s").stdout);
    let line = shown.lines().find(|line| line.starts_with("because "));
    let line = line.unwrap_or_else(|| panic!("no cause in {shown}"));
    for part in ["DAILY_LOSS", "measured ", "limit ", "at 20"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let active = Folder::new();
    let value = json(&active.run("paper --speed max --for 1s --store none --json"));
    assert_eq!(value["state_cause"], Value::Null);
}

#[test]
fn a_strategy_that_never_began_is_told_at_the_end() {
    let folder = Folder::new();
    let script = "fn init(m) { #{ slow: m.bars(\"1h\").ema(50) } }\nfn on_book(m) { }\n";
    std::fs::write(folder.0.join("dark.rhai"), script).expect("writable");
    let run = |more: &str| {
        let line = format!("paper --speed max --for 5s --store none {more}");
        text(&folder.run(&line).stderr)
    };
    let words = "strategy dark: it waited until `ema` is warm (50 updates); the run ended before that, so it did nothing";
    let complaint = run("--strategy dark.rhai");
    assert_eq!(complaint.matches(words).count(), 1, "{complaint}");
    let script = "fn init(m) { #{ } }\nfn on_book(m) { }\n";
    std::fs::write(folder.0.join("light.rhai"), script).expect("writable");
    let complaint = run("--strategy light.rhai");
    assert!(!complaint.contains("waited until"), "{complaint}");
}

#[test]
fn a_store_that_cannot_be_opened_refuses_at_the_start() {
    let folder = Folder::new();
    for store in ["postgres://x@127.0.0.1:1/y", "sqlite:/proc/q.db"] {
        let line = format!("paper --for 2s --speed max --store {store}");
        let output = folder.run(&line);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{store}: {complaint}");
        assert!(complaint.contains("cannot open"), "{complaint}");
        // Nothing ran: there is no line of a status, and no journal.
        assert!(!complaint.contains("paper 00:"), "{complaint}");
        assert!(!folder.0.join("data/claire/journal").exists(), "{store}");
    }
}

#[test]
fn a_status_line_waits_for_the_first_view() {
    let folder = Folder::new();
    for line in [
        "paper --for 1s --strategy none.rhai",
        "paper --speed max --for 1s --store none",
    ] {
        let complaint = text(&folder.run(line).stderr);
        for blank in ["frames 0 ", "equity  ", "net  "] {
            assert!(!complaint.contains(blank), "{line}: {complaint}");
        }
    }
}
