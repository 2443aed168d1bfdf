//! The binary under test, the recorded sessions, and the recordings that the tests make themselves.
//!
//! Part of each test that runs `claire` from outside.
#![allow(
    dead_code,
    reason = "each test is a crate of its own and uses its part"
)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The file `core/cli/src/main.rs`, built for the tests with their own profile; `CLAIRE_PROGRAM` names another build.
const PROGRAM: &str = env!("CARGO_BIN_EXE_claire-under-test");

/// Recorded sessions: a name, the product, files in `binance_ws/` as they stand on the command line.
pub const SESSIONS: &[(&str, &str, &[&str])] = &[
    ("spot-08", "binance-spot", &["spot_btcusdt_20240808.txt.gz"]),
    (
        "spot-08-09",
        "binance-spot",
        &[
            "spot_btcusdt_20240808.txt.gz",
            "spot_btcusdt_20240809.txt.gz",
        ],
    ),
    ("usdm-08", "binance-usdm", &["usdm_btcusdt_20240808.txt.gz"]),
    (
        "coinm-08",
        "binance-coinm",
        &["cm_btcusd_perp_20240808.txt.gz"],
    ),
    (
        "coinm-08-09",
        "binance-coinm",
        &[
            "cm_btcusd_perp_20240808.txt.gz",
            "cm_btcusd_perp_20240809.txt.gz",
        ],
    ),
    (
        "spot-four",
        "binance-spot",
        &[
            "cryptofeed_BINANCE.0.txt.gz",
            "cryptofeed_BINANCE.ws.1.0.txt.gz",
            "cryptofeed_BINANCE.http.0.0.txt.gz",
        ],
    ),
    (
        "usdm-four",
        "binance-usdm",
        &[
            "cryptofeed_BINANCE_FUTURES.0.txt.gz",
            "cryptofeed_BINANCE_FUTURES.ws.1.0.txt.gz",
            "cryptofeed_BINANCE_FUTURES.http.0.0.txt.gz",
        ],
    ),
];

/// Runs the program in `folder` to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments)
        .output()
        .expect("the program runs")
}

/// Returns the program about to run in `folder`, with no setting from outside.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CLAIRE_PROGRAM").unwrap_or_else(|| PROGRAM.into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLAIRE_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `claire replay FILES MORE --json` and returns its object.
///
/// # Panics
/// Where it does not end with 0 and one object.
pub fn replay(folder: &Path, files: &[PathBuf], more: &[&str]) -> Value {
    let files: Vec<_> = files
        .iter()
        .map(|file| file.to_str().expect("text"))
        .collect();
    let arguments = [&["replay"], files.as_slice(), more, &["--json"]].concat();
    let output = run(folder, &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("one object")
}

/// Returns the paths of a session's files; `None`, loudly, where one is missing.
pub fn recorded(files: &[&str]) -> Option<Vec<PathBuf>> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = std::env::var_os("CLAIRE_DATA").map_or_else(|| fallback.into(), PathBuf::from);
    let paths: Vec<_> = files
        .iter()
        .map(|file| data.join("binance_ws").join(file))
        .collect();
    let missing = paths.iter().find(|path| !path.is_file());
    if let Some(missing) = missing {
        eprintln!(
            "SKIPPED: no recording at {}; set CLAIRE_DATA",
            missing.display()
        );
        return None;
    }
    let absolute = paths
        .iter()
        .map(|path| path.canonicalize().expect("it is there"));
    Some(absolute.collect())
}

/// Makes a recording of the bundled market in `folder`.
pub fn made(folder: &Path, seed: u64, seconds: u32) -> PathBuf {
    let path = folder.join(format!("made-{seed}-{seconds}.txt"));
    let mut bytes = Vec::new();
    claire_sim::write_recording(&mut bytes, seed, seconds).expect("memory takes all");
    std::fs::write(&path, bytes).expect("the temporary folder is writable");
    path
}
