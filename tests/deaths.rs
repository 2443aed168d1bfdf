//! A stage that panics takes the run down loudly: exit 1, the stage named, KILLED latched, and a journal that is equal
//! so far.
//!
//! The real stages of a replay, one of them with a part in it that panics; each case in a process of its own, which is
//! this test again. Afterwards the binary verifies the journal and finishes the run.

mod program;

use claire_engine::Engine;
use claire_engine::config::AccountConfig;
use claire_engine::strategy::{Fault, Handlers, LentDesk, Strategy, StrategyEvent};
use claire_pipeline::clock::Clock;
use claire_pipeline::config::{Config, Selection, Sources};
use claire_pipeline::engine::Journaling;
use claire_pipeline::feed::replay::{ReplayFeed, Speed};
use claire_pipeline::feed::{Feed, FeedLine};
use claire_pipeline::latency::LatencySet;
use claire_pipeline::reload::Reloading;
use claire_pipeline::run::{Assembly, RecordPlan, RunError, header, prepare, segment_plan};
use claire_pipeline::source::Recording;
use claire_pipeline::stage::{Stage, StageName, Turn};
use claire_pipeline::state::{StateStore, Traces};
use claire_pipeline::status::StatusCell;
use claire_pipeline::status::board::{Board, BoardStart};
use claire_pipeline::status::keeper::Keeper;
use claire_pipeline::topology::Topology;
use claire_pipeline::watch::{OnDeath, Watch};
use claire_pipeline::{inputs, strategy};
use claire_types::{Cells, Mode, Venue};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Names the case to the process that plays it: `stage topology`.
const CASE: &str = "DEATH_CASE";
const FILE: &str = "made-31-30.txt";
/// Where the state is.
const DATA: &str = "data";
/// Where the journal is.
const JOURNAL: &str = "run";

/// Counts down and panics at the end.
struct Fuse(u32);

impl Fuse {
    fn burn(&mut self, stage: &str) {
        self.0 = self.0.saturating_sub(1);
        assert!(self.0 > 0, "the {stage} was told to die");
    }
}

/// A feed that dies in a turn.
struct DyingFeed(ReplayFeed, Fuse);

impl Stage for DyingFeed {
    fn name(&self) -> StageName {
        self.0.name()
    }

    fn turn(&mut self) -> Turn {
        self.1.burn("feed");
        self.0.turn()
    }

    fn stop(&mut self) -> Turn {
        self.0.stop()
    }

    fn close(&mut self) {
        self.0.close();
    }
}

impl Feed for DyingFeed {
    fn line(&self) -> &FeedLine {
        self.0.line()
    }
}

/// A strategy that dies in a call: on the engine's thread, within an input.
struct DyingStrategy(Box<dyn Strategy>, Fuse);

impl Strategy for DyingStrategy {
    fn handlers(&self) -> Handlers {
        self.0.handlers()
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let result = self.0.call(event, desk);
        self.1.burn("engine");
        result
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.0.restore(bytes)
    }
}

/// A watch that dies behind the journal: on the sidecar's thread. It keeps the state as a paper run does.
struct DyingWatch(Keeper, Fuse);

impl Watch for DyingWatch {
    fn on_death(&self) -> OnDeath {
        self.0.on_death()
    }

    fn see(&mut self, message: &Cells<'_>) {
        self.1.burn("sidecar");
        self.0.see(message);
    }

    fn collect(&mut self, set: &LatencySet) {
        self.0.collect(set);
    }

    fn committed(&mut self) {
        self.0.committed();
    }
}

/// Returns the keeper of a new state in [`DATA`].
fn keeper(config: &Config, account: &AccountConfig) -> Keeper {
    let now = Clock::start().wall();
    let opened = StateStore::open(Path::new(DATA), || Ok(Traces::default()), "test", now);
    let (state, _) = opened.expect("a first start");
    let start = BoardStart {
        account,
        strategies: &config.strategies,
        state: state.state(),
    };
    let board = Board::new(&start, Arc::new(StatusCell::new(Mode::Paper)));
    Keeper::new(state, board, Arc::new(AtomicBool::new(false)))
}

/// Checks that KILLED outlived the process, with its cause.
fn check_killed(folder: &Path, stage: &str) {
    let output = program::run(folder, &["init", "--data-dir", DATA, "--json"]);
    assert_eq!(output.status.code(), Some(3), "{stage}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let state = &found["state"];
    assert_eq!(state["trading_state"], "KILLED", "{found}");
    assert_eq!(state["cause"]["code"], "STAGE_DIED", "{found}");
    let measured = state["cause"]["measured"].as_str().unwrap_or_default();
    assert!(measured.contains(stage), "{found}");
}

/// Plays the case in this process, which it ends as the program does.
fn play(case: &str) -> ! {
    let (stage, topology) = case.split_once(' ').expect("a stage and a topology");
    let fuse = |of: &str, count| Fuse(if stage == of { count } else { u32::MAX });
    let topology = match topology {
        "split" => Topology::Split,
        _ => Topology::Fused,
    };
    let error = run(
        topology,
        fuse("feed", 12),
        fuse("engine", 150),
        fuse("sidecar", 700),
    );
    let failure = claire_cli::command::replay::failure_of(error);
    claire_cli::output::complain(&failure);
    claire_cli::stderr::flush(claire_cli::stderr::FLUSH_MAX);
    std::process::exit(failure.exit as i32);
}

/// Runs what `claire replay FILE --strategy churn --journal run` runs, with the three fuses in it.
fn run(topology: Topology, feed: Fuse, engine: Fuse, sidecar: Fuse) -> RunError {
    let mut config = Config::load(&Sources::default()).expect("the built-in configuration");
    let selection = Selection {
        strategies: vec!["churn".to_owned()],
        market: Some("binance-spot:BTCUSDT".parse().expect("a key")),
        ..Selection::default()
    };
    config.select(&selection).expect("a bundled strategy");
    let prepared = prepare(&config, Mode::Replay, 1, None).expect("an engine");
    let recording = Recording::open(&[PathBuf::from(FILE)]).expect("the made session");
    let venues = vec![Venue::BinanceSpot];
    let names = inputs::names_of(&recording, &venues, 1);
    let mut header = header(&config, &prepared, Mode::Replay, &names);
    header.host["files"] = inputs::places_of(&recording, Path::new(JOURNAL));
    let loaded =
        strategy::load(&config.strategies[0], &config.script.limits()).expect("it compiles");
    let dying: Box<dyn Strategy> = Box::new(DyingStrategy(loaded.strategy, engine));
    let keeper = keeper(&config, &prepared.engine_config.account);
    let engine = Engine::new(prepared.engine_config, prepared.state, vec![dying]);
    let assembly = Assembly {
        config: &config,
        topology,
        stop: Arc::new(AtomicBool::new(false)),
        plan: RecordPlan {
            journal: Some(JOURNAL.into()),
            store: None,
        },
        header,
        journaling: Journaling {
            inputs: false,
            segments: Some(segment_plan(&config)),
        },
        venue: Venue::BinanceSpot,
        disk: None,
        reloading: Reloading::default(),
    };
    let ended = assembly.run_watched(
        engine.expect("the configuration is valid"),
        |line| {
            let inner = ReplayFeed::new(line, recording, venues, Speed::Max, 1);
            DyingFeed(inner, feed)
        },
        DyingWatch(keeper, sidecar),
    );
    match ended {
        Ok(_) => panic!("no stage died"),
        Err(error) => error,
    }
}

fn die(folder: &Path, case: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args([
            "--exact",
            "a_stage_that_dies_is_named_and_leaves_a_journal_that_can_be_finished",
        ])
        .args(["--nocapture"])
        .env(CASE, case)
        .current_dir(folder);
    command.output().expect("this test runs")
}

fn verified(folder: &Path) -> Value {
    let output = program::run(folder, &["verify", JOURNAL, "--json"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    serde_json::from_slice(&output.stdout).expect("one object")
}

#[test]
fn a_stage_that_dies_is_named_and_leaves_a_journal_that_can_be_finished() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    for stage in ["feed", "engine", "sidecar"] {
        for topology in ["fused", "split"] {
            let folder = tempfile::tempdir().expect("a folder");
            let folder = folder.path();
            program::made(folder, 31, 30);
            let output = die(folder, &format!("{stage} {topology}"));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{stage} {topology}: {said}");
            let words = format!("stage {stage} died: panic: the {stage} was told to die");
            assert!(
                said.contains(&format!("claire: {words}")),
                "at once: {said}"
            );
            assert!(
                said.contains(&format!("error: {words}")),
                "at the end: {said}"
            );
            check_killed(folder, stage);
            let so_far = verified(folder);
            assert_eq!(
                so_far["verdict"], "equal so far",
                "{stage} {topology}: {so_far}"
            );
            // What feed and engine had written is drained; a sidecar that dies may not have committed yet.
            let is_drained = so_far["records"].as_u64() > Some(0);
            assert!(
                is_drained || stage == "sidecar",
                "{stage} {topology}: {so_far}"
            );
            // The binary takes it for its own unfinished run and ends like an uninterrupted one.
            let more = ["--strategy", "churn"];
            let whole = program::replay(folder, &[FILE.into()], &more);
            let more = [&more[..], &["--journal", JOURNAL]].concat();
            let resumed = program::replay(folder, &[FILE.into()], &more);
            assert_eq!(resumed["digest"], whole["digest"], "{stage} {topology}");
            let end = verified(folder);
            assert_eq!(
                (&end["verdict"], &end["digest"]),
                (&"equal".into(), &whole["digest"])
            );
            println!(
                "{stage} {topology}: {} of {} records before the death",
                so_far["records"], end["records"]
            );
        }
    }
}
