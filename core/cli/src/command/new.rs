//! `claire new`: a strategy to start from, and its test.

use super::Outcome;
use super::test::scripts_folder;
use crate::envelope::Envelope;
use crate::exit::Failure;
use claire_pipeline::strategy::bundled_names;
use claire_pipeline::trial::NAME_OF_SCRIPT_MAX;
use claire_pipeline::trial::plan::TEST_FILE_END;
use claire_pipeline::trial::suite::{SuiteRequest, TestOutcome, run as run_suite};
use claire_strategies::{bundled, bundled_test};
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Arguments of `new`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire new my_idea                      my_idea.rhai and my_idea.test.toml, which passes
  claire new my_idea --dir my_strategies
  claire new my_maker --from market_maker a copy of a bundled strategy

Then: claire check my_idea.rhai, claire test, claire paper --strategy my_idea.rhai. Nothing is ever overwritten.")]
pub struct Arguments {
    /// The strategy's name: 1 to 28 of a-z 0-9 _, a letter first.
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// The folder; made where it is missing. Else strategies/scripts if it is here, else this folder.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// A bundled strategy to copy.
    #[arg(long, value_name = "STRATEGY", value_parser = known)]
    pub from: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

const SCRIPT: &str = include_str!("new/start.rhai");
const TEST: &str = include_str!("new/start.test.toml");

/// Writes the two files and fixes the test's digest.
///
/// # Errors
/// A file that is there, a folder that cannot be written, and a test that does not pass: a bug.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let folder = arguments.dir.clone().unwrap_or_else(scripts_folder);
    let script = folder.join(format!("{}.rhai", arguments.name));
    let test = folder.join(format!("{}{TEST_FILE_END}", arguments.name));
    let from = arguments.from.as_deref();
    let copied = from.and_then(|name| Some((bundled(name)?, bundled_test(name)?)));
    let (script_text, test_text) = match copied {
        Some((source, test)) => (source.to_owned(), without_digests(test)),
        None => (
            SCRIPT.replace("NAME", &arguments.name),
            TEST.replace("NAME", &arguments.name),
        ),
    };
    std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    write_new(&script, &script_text)?;
    if let Err(failure) = write_new(&test, &test_text) {
        // Ours, written a moment ago: half a pair helps nobody.
        let _ = std::fs::remove_file(&script);
        return Err(failure);
    }
    let tests = first_run(&test)?;
    let text = format!(
        "{}\n{}\n{tests}next: claire check {}, claire test {}, claire paper --strategy {}\n",
        script.display(),
        test.display(),
        script.display(),
        test.display(),
        script.display()
    );
    let body = json!({
        "script": script.display().to_string(),
        "test": test.display().to_string(),
        "from": arguments.from,
    });
    Ok(Outcome::of(text, envelope.with_body(&body)))
}

/// Runs the new tests once, which writes their digests; returns their lines.
fn first_run(test: &Path) -> Result<String, Failure> {
    let request = SuiteRequest {
        paths: vec![test.to_path_buf()],
        update: true,
        ..SuiteRequest::default()
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut text = String::new();
    let results = run_suite(&request, &stop, |result| {
        text.push_str(&format!("{}\n", result.line()));
    });
    let results = results.map_err(|error| Failure::failed("TESTS", error.to_string()))?;
    let mut failed = results
        .iter()
        .filter(|it| it.outcome == TestOutcome::Failed);
    match failed.next() {
        None => Ok(text),
        Some(failed) => {
            let why = failed.differences.join("; ");
            let what = format!("{}: written, but its test fails: {why}", test.display());
            Err(Failure::failed("TESTS", what))
        }
    }
}

/// Returns a test file's text with its digests to be written.
fn without_digests(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.trim_start().starts_with("digest = \"") {
            true => "digest = \"\"\n".to_owned(),
            false => format!("{line}\n"),
        });
    lines.collect()
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let what = format!("{} is there already; nothing was written", path.display());
            return Err(Failure::usage("EXISTS", what).with_hint("choose another name or --dir"));
        }
        Err(error) => return Err(unwritable(path, &error)),
    };
    file.write_all(text.as_bytes())
        .map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed("WRITE", format!("{}: {error}", path.display()))
}

/// Returns the name.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    if !begins || text.len() > NAME_OF_SCRIPT_MAX || !text.bytes().all(is_plain) {
        return Err(format!(
            "write 1 to {NAME_OF_SCRIPT_MAX} of a-z 0-9 _, a letter first"
        ));
    }
    match bundled(text) {
        Some(_) => Err("a bundled strategy has this name; choose another".to_owned()),
        None => Ok(text.to_owned()),
    }
}

/// Returns the name of a bundled strategy.
fn known(text: &str) -> Result<String, String> {
    match bundled(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(bundled_names()),
    }
}
