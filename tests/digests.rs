//! One digest: the same run has the same digest in debug and release, fused and split, each time, at any speed,
//! compiled and interpreted, and as it was when `digests.toml` was written.
//!
//! Runs the binary. `tests/run` runs this test with the debug build and with the binary that people run: both
//! compare with the one file, so they are equal to each other. Where the engine's meaning changed on purpose, raise
//! `SEMANTICS_VERSION` and write the file anew:
//! `CLAIRE_DIGESTS=write cargo test -p claire-tests --test digests`.

mod program;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The file of known digests.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    /// The engine's meaning that they are of.
    semantics_version: u32,
    /// The runs, in the order of the names.
    run: Vec<Run>,
}

/// A run, and all that decides its digest beside the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    /// Session and strategy.
    name: String,
    /// SHA-256 over its files' SHA-256.
    data: String,
    /// The script's SHA-256; empty without a strategy.
    script: String,
    /// Hash of the configuration.
    config: String,
    /// What is to be equal.
    digest: String,
}

/// What an account needs to trade contracts that are margined in coins.
const COINS: &str = "\
[account]
balances = [{ currency = \"BTC\", amount = 1 }]
conversions = [
    { currency = \"USD\", rate = 1 },
    { currency = \"BTC\", instrument = \"binance-coinm:BTCUSD_PERP\" },
]
";

/// Strategies, and parameters with which they trade within minutes.
const STRATEGIES: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("churn", &[]),
    ("imbalance", &[]),
    (
        "ema_cross",
        &["ema_cross.bar_s=1", "ema_cross.fast=3", "ema_cross.slow=8"],
    ),
    (
        "breakout",
        &["breakout.bar_s=1", "breakout.range_bps_min=0"],
    ),
    (
        "momentum",
        &[
            "momentum.bar_s=1",
            "momentum.enter_bps=6",
            "momentum.leave_bps=1",
        ],
    ),
    ("grid", &["grid.step_bps=6"]),
    (
        "mean_reversion",
        &["mean_reversion.bar_s=1", "mean_reversion.enter=1.5"],
    ),
];

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/digests.toml");
/// Seed and seconds of the made session.
const MADE: (u64, u32) = (11, 120);

fn arguments<'a>(strategy: &'a str, settings: &[&'a str]) -> Vec<&'a str> {
    if strategy == "none" {
        return Vec::new();
    }
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    ["--strategy", strategy]
        .into_iter()
        .chain(settings)
        .collect()
}

fn run(name: String, folder: &Path, files: &[PathBuf], more: &[&str]) -> (Run, Value) {
    let said = program::replay(folder, files, &with_coins(&name, folder, more));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let scripts = said["script_hashes"].as_object();
    let script = scripts.and_then(|scripts| scripts.values().next());
    let run = Run {
        name,
        data: hash_of(files),
        script: script.map(text).unwrap_or_default(),
        config: text(&said["config_hash"]),
        digest: text(&said["digest"]),
    };
    assert_eq!(run.digest.len(), 64, "{}", run.name);
    (run, said)
}

/// Adds the configuration that a COIN-M session needs.
fn with_coins<'a>(name: &str, folder: &Path, more: &[&'a str]) -> Vec<&'a str> {
    if !name.starts_with("coinm") {
        return more.to_vec();
    }
    std::fs::write(folder.join("coins.toml"), COINS).expect("writable");
    [more, &["--config", "coins.toml"]].concat()
}

fn hash_of(files: &[PathBuf]) -> String {
    let mut all = Sha256::new();
    for file in files {
        all.update(Sha256::digest(std::fs::read(file).expect("readable")));
    }
    let bytes = all.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn known() -> Known {
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"))
}

/// Returns in words why a run's digest is not the known one.
fn complaint(known: &Known, made: &Run) -> Option<String> {
    let name = &made.name;
    let Some(old) = known.run.iter().find(|run| run.name == *name) else {
        return Some(format!("{name}: not in digests.toml"));
    };
    if old.digest == made.digest {
        return None;
    }
    let changed: Vec<_> = [
        ("the recording", old.data != made.data),
        ("the script", old.script != made.script),
        ("the configuration", old.config != made.config),
    ]
    .into_iter()
    .filter_map(|(what, is_other)| is_other.then_some(what))
    .collect();
    Some(match changed.as_slice() {
        [] => format!(
            "{name}: the digest is {}, known is {}, though recording, script and configuration are the same: \
             the engine's meaning changed",
            made.digest, old.digest
        ),
        changed => format!(
            "{name}: the digest changed with {}: write digests.toml anew",
            changed.join(" and ")
        ),
    })
}

/// Writes the file anew; refuses to hide a change of the engine's meaning.
fn write(known: &Known, made: Vec<Run>) {
    let now = claire_pipeline::run::SEMANTICS_VERSION;
    let hidden: Vec<_> = made
        .iter()
        .filter(|_| known.semantics_version == now)
        .filter_map(|run| complaint(known, run))
        .filter(|words| words.contains("meaning"))
        .collect();
    assert!(
        hidden.is_empty(),
        "raise SEMANTICS_VERSION first:\n{}",
        hidden.join("\n")
    );
    // Runs whose recordings are not here stay as they are known.
    let is_made = |old: &&Run| made.iter().any(|run| run.name == old.name);
    let kept = known.run.iter().filter(|old| !is_made(old)).cloned();
    let mut run: Vec<Run> = kept.chain(made.iter().cloned()).collect();
    run.sort_by(|one, other| one.name.cmp(&other.name));
    let all = Known {
        semantics_version: now,
        run,
    };
    let lead =
        "# Digests of runs as tests/digests.rs makes them; it says how to write this file anew.\n";
    let text = toml::to_string(&all).expect("serializes");
    std::fs::write(FILE, format!("{lead}{text}")).expect("writable");
}

#[test]
fn every_run_has_the_known_digest_and_its_strategy_trades() {
    let folder = tempfile::tempdir().expect("a folder");
    let made_file = vec![program::made(folder.path(), MADE.0, MADE.1)];
    let mut sessions = vec![("made", made_file)];
    for (name, _, files) in program::SESSIONS {
        sessions.extend(program::recorded(files).map(|files| (*name, files)));
    }
    let (mut made, mut traded) = (Vec::new(), Vec::new());
    for (session, files) in &sessions {
        for (strategy, settings) in STRATEGIES {
            let name = format!("{session}/{strategy}");
            let more = arguments(strategy, settings);
            let (run, said) = run(name, folder.path(), files, &more);
            println!(
                "{}: {} orders, {} fills, {}",
                run.name, said["orders"], said["fills"], run.digest
            );
            if said["fills"].as_u64() > Some(0) {
                traded.push(*strategy);
            }
            check_interpreted(&run, &said, folder.path(), files, &more);
            made.push(run);
        }
    }
    for (strategy, _) in &STRATEGIES[1..] {
        assert!(
            traded.contains(strategy),
            "{strategy} never traded: its digest shows nothing"
        );
    }
    let known = known();
    if std::env::var_os("CLAIRE_DIGESTS").is_some_and(|value| value == "write") {
        return write(&known, made);
    }
    assert_eq!(
        known.semantics_version,
        claire_pipeline::run::SEMANTICS_VERSION,
        "digests.toml is of another version of the engine's meaning: write it anew"
    );
    let complaints: Vec<_> = made
        .iter()
        .filter_map(|run| complaint(&known, run))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The interpreter does what machine code did.
fn check_interpreted(made: &Run, said: &Value, folder: &Path, files: &[PathBuf], more: &[&str]) {
    let Some(strategy) = said["strategies"].get(0) else {
        return;
    };
    assert_eq!(strategy["backend"], "compiled", "{}: {strategy}", made.name);
    let more = [more, &["--backend", "interpreted"]].concat();
    let (interpreted, said) = run(made.name.clone(), folder, files, &more);
    assert_eq!(
        said["strategies"][0]["backend"], "interpreted",
        "{}",
        made.name
    );
    assert_eq!(interpreted.digest, made.digest, "{}", made.name);
}

/// Everything in the JSON but `run` is equal, not the digest alone.
fn check_equal(name: &str, folder: &Path, files: &[PathBuf], first: &[&str], others: &[&[&str]]) {
    let rest = |more: &[&str]| {
        let mut said = program::replay(folder, files, &with_coins(name, folder, more));
        let object = said.as_object_mut().expect("an object");
        object.remove("run").expect("what differs between runs");
        object.remove("run_id");
        said
    };
    let wanted = rest(first);
    for other in others {
        let made = rest(other);
        assert_eq!(made, wanted, "{name}: {other:?}");
    }
}

#[test]
fn a_run_is_the_same_fused_and_split_and_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sessions = vec![("made", vec![program::made(folder.path(), MADE.0, MADE.1)])];
    for (name, _, files) in program::SESSIONS.iter().filter(|it| !it.0.contains("-09")) {
        sessions.extend(program::recorded(files).map(|files| (*name, files)));
    }
    for (session, files) in &sessions {
        for (strategy, settings) in STRATEGIES {
            let with =
                |topology| [arguments(strategy, settings), vec!["--topology", topology]].concat();
            let (fused, split) = (with("fused"), with("split"));
            let name = format!("{session}/{strategy}");
            check_equal(&name, folder.path(), files, &fused, &[&fused, &split]);
        }
    }
}

#[test]
fn a_run_is_the_same_at_any_speed() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [program::made(folder.path(), 12, 6)];
    for strategy in ["none", "churn", "imbalance"] {
        let with = |speed| [arguments(strategy, &[]), vec!["--speed", speed]].concat();
        let (max, ten, six) = (with("max"), with("10"), with("6"));
        check_equal(strategy, folder.path(), &files, &max, &[&ten, &six]);
    }
}
