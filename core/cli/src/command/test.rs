//! `claire test`: runs the tests beside strategies.

use super::Outcome;
use super::replay::stop_on_signals;
use crate::envelope::Envelope;
use crate::exit::Failure;
use claire_pipeline::trial::suite::{
    SuiteError, SuiteRequest, TestOutcome, TestResult, run as run_suite,
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Arguments of `test`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire test                             every *.test.toml of strategies/scripts, else of this folder
  claire test my_strategies
  claire test momentum.test.toml --update writes the digests of tests that pass but for them
  claire test --data ~/recordings         where recorded files are that are not beside their test

A test file says what a script runs on and what has to come of it; `claire new NAME` writes one to start from. Tests
run against the built-in configuration, so that they come to the same everywhere. A test whose recorded data is not
there is skipped, and that is said.

Exit status 1 where a test fails.")]
pub struct Arguments {
    /// Test files, and folders of them.
    #[arg(value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// Only tests whose file or name contains this.
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// A folder of recorded data; else CLAIRE_DATA.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How handlers run.
    #[arg(long, value_parser = ["auto", "compiled", "interpreted"])]
    pub backend: Option<String>,
    /// Write the digests of tests that pass but for the digest.
    #[arg(long)]
    pub update: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// The folder of scripts in a checkout.
const SCRIPTS: &str = "strategies/scripts";

/// Returns the folder that scripts are in where none is named: that of a checkout, else the working directory.
pub(super) fn scripts_folder() -> PathBuf {
    let checkout = Path::new(SCRIPTS);
    match checkout.is_dir() {
        true => checkout.to_path_buf(),
        false => PathBuf::from("."),
    }
}

/// Runs the tests.
///
/// # Errors
/// A path that does not exist, and where there is no test.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    if let Some(missing) = arguments.paths.iter().find(|path| !path.exists()) {
        let text = format!("{}: there is no such file or folder", missing.display());
        return Err(Failure::usage("TESTS", text));
    }
    let by_variable = || std::env::var_os("CLAIRE_DATA").map(PathBuf::from);
    let request = SuiteRequest {
        paths: match arguments.paths.is_empty() {
            true => vec![scripts_folder()],
            false => arguments.paths.clone(),
        },
        filter: arguments.only.clone(),
        backend: arguments.backend.clone(),
        data: arguments.data.clone().or_else(by_variable),
        update: arguments.update,
    };
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop);
    let mut text = String::new();
    let results = run_suite(&request, &stop, |result| {
        text.push_str(&told(result));
    });
    let results = results.map_err(failure_of)?;
    Ok(answer(text, &results, envelope))
}

fn failure_of(error: SuiteError) -> Failure {
    let hint = "`claire new NAME` writes a strategy and its test";
    Failure::usage("TESTS", error.to_string()).with_hint(hint)
}

/// Returns a test's line, and below it what differs.
fn told(result: &TestResult) -> String {
    let mut text = format!("{}\n", result.line());
    for difference in &result.differences {
        for line in difference.lines() {
            text.push_str(&format!("        {line}\n"));
        }
    }
    text
}

fn answer(mut text: String, results: &[TestResult], envelope: Envelope) -> Outcome {
    let count = |outcome| results.iter().filter(|it| it.outcome == outcome).count();
    let (passed, failed, skipped) = (
        count(TestOutcome::Passed),
        count(TestOutcome::Failed),
        count(TestOutcome::Skipped),
    );
    text.push_str(&format!("{passed} passed, {failed} failed"));
    if skipped > 0 {
        text.push_str(&format!(", {skipped} SKIPPED for want of recorded data"));
    }
    text.push('\n');
    let seconds: f64 = results.iter().map(|it| it.elapsed_s).sum();
    let body = json!({
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "tests": results,
        "run": { "elapsed_s": seconds },
    });
    let failure = (failed > 0).then(|| {
        let names = results
            .iter()
            .filter(|it| it.outcome == TestOutcome::Failed);
        let names: Vec<_> = names
            .map(|it| format!("{}: {}", it.file, it.test))
            .collect();
        Failure::failed("TESTS", format!("{failed} failed: {}", names.join(", ")))
    });
    let envelope = Envelope {
        failure,
        ..envelope
    };
    Outcome::of(text, envelope.with_body(&body))
}
