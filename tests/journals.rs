//! `claire verify` from anywhere, and a journal that is another run's.
//!
//! Runs the binary on made sessions.

mod program;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const FILE: &str = "made-21-20.txt";

/// Makes a recording and a journal of it below `folder`, with relative paths: `data/FILE`, `runs/run`.
fn journal(folder: &Path) {
    std::fs::create_dir_all(folder.join("data")).expect("writable");
    program::made(&folder.join("data"), 21, 20);
    let file = PathBuf::from("data").join(FILE);
    let more = ["--strategy", "churn", "--journal", "runs/run"];
    let said = program::replay(folder, &[file], &more);
    assert!(said["fills"].as_u64() > Some(0), "{said}");
}

fn verify(from: &Path, arguments: &[&str]) -> (i32, Value) {
    let all = [&["verify"], arguments, &["--json"]].concat();
    let output = program::run(from, &all);
    let value = serde_json::from_slice(&output.stdout).expect("one object");
    (output.status.code().expect("no signal"), value)
}

#[test]
fn a_journal_made_with_relative_paths_verifies_from_any_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    journal(folder.path());
    let elsewhere = tempfile::tempdir().expect("a folder");
    let absolute = folder.path().join("runs/run");
    let absolute = absolute.to_str().expect("text");
    for (from, dir) in [
        (folder.path().to_owned(), "runs/run"),
        (folder.path().join("runs"), "run"),
        (folder.path().join("runs/run"), "."),
        (elsewhere.path().to_owned(), absolute),
    ] {
        let (status, value) = verify(&from, &[dir]);
        assert_eq!(
            (status, &value["verdict"]),
            (0, &"equal".into()),
            "{from:?}: {value}"
        );
    }
}

#[test]
fn a_folder_that_moved_as_a_whole_verifies_and_a_file_that_moved_alone_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    journal(&before);
    std::fs::rename(&before, &after).expect("movable");
    let dir = after.join("runs/run");
    let dir = dir.to_str().expect("text");
    assert_eq!(verify(folder.path(), &[dir]).1["verdict"], "equal");
    // The file alone: what was tried is told, and a folder can be named.
    let vault = folder.path().join("vault");
    std::fs::rename(after.join("data"), &vault).expect("movable");
    let (status, value) = verify(folder.path(), &[dir]);
    let said = value["error"]["message"]
        .as_str()
        .expect("an error")
        .to_owned();
    assert_eq!(status, 2, "{said}");
    for part in [FILE, "SHA-256", "--data DIR", "before", "after"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let vault_text = vault.to_str().expect("text");
    let (status, value) = verify(folder.path(), &[dir, "--data", vault_text]);
    assert_eq!((status, &value["verdict"]), (0, &"equal".into()), "{value}");
    // Another file of that name is not the run's.
    std::fs::write(vault.join(FILE), "1 {}").expect("writable");
    let (_, value) = verify(folder.path(), &[dir, "--data", vault_text]);
    let said = value["error"]["message"].as_str().expect("an error");
    assert!(said.contains("not the file of the run"), "{said}");
}

#[test]
fn a_journal_of_another_run_says_which_setting_parameter_script_or_file_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("data")).expect("writable");
    program::made(&folder.path().join("data"), 21, 20);
    program::made(&folder.path().join("data"), 22, 20);
    kill_a_run(folder.path());
    std::fs::write(folder.path().join("own.rhai"), "fn init(m) { #{} }\n").expect("writable");
    let file = format!("data/{FILE}");
    let cases: &[(&str, &[&str], &str)] = &[
        (
            &file,
            &["--strategy", "churn", "--profile", "bench"],
            "setting risk.profile is \"moderate\" in the journal, \"bench\" now",
        ),
        (
            &file,
            &["--strategy", "churn", "--set", "churn.notional=300"],
            "parameter churn.notional is 250.0 in the journal, 300.0 now",
        ),
        (
            &file,
            &["--strategy", "imbalance"],
            "strategy churn runs in the journal, not now",
        ),
        (
            &file,
            &["--strategy", "churn", "--loop", "2"],
            "passes is 1 in the journal, 2 now",
        ),
        (
            "data/made-22-20.txt",
            &["--strategy", "churn"],
            "files is made-21-20.txt in the journal, made-22-20.txt now",
        ),
    ];
    for (file, more, want) in cases {
        let all = [&["replay", file], *more, &["--journal", "runs/run"]].concat();
        let output = program::run(folder.path(), &all);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("belongs to another run") && said.contains(want),
            "{want} in {said}"
        );
    }
    // The same run goes on, and ends whole.
    let more = ["--strategy", "churn", "--journal", "runs/run"];
    program::replay(folder.path(), &[PathBuf::from(&file)], &more);
    assert_eq!(verify(folder.path(), &["runs/run"]).1["verdict"], "equal");
}

/// Starts the run at real speed and kills it when its journal has begun.
fn kill_a_run(folder: &Path) {
    let file = format!("data/{FILE}");
    let arguments = [
        "replay",
        &file,
        "--strategy",
        "churn",
        "--journal",
        "runs/run",
        "--speed",
        "1",
    ];
    let mut child = program::command(folder, &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let began = std::time::Instant::now();
    // A journal that can be explained has its header and a decision.
    while program::run(folder, &["explain", "c1-1", "--journal", "runs/run"])
        .status
        .code()
        != Some(0)
    {
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "the run decides nothing"
        );
        assert!(
            child.try_wait().expect("ours").is_none(),
            "the run ended by itself"
        );
    }
    child.kill().expect("ours");
    child.wait().expect("it ends");
}
