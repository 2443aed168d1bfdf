//! The tests of a folder, one after the other.
//!
//! Called by `claire test` on its thread. Runs are against the built-in configuration unless a test names one, so that
//! they come to the same on every machine. Recorded data that is not there skips a test, and that is said.

use super::judge::{differences, digest_difference, short};
use super::plan::{Plan, TEST_FILE_END, Test};
use super::{Data, Trial, TrialRequest, name_of_script, trial};
use crate::config::section::Parameter;
use crate::config::{Config, Override, Sources};
use crate::run::RunError;
use claire_strategies::Diagnostic;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is to be tested, and how.
#[derive(Clone, Debug, Default)]
pub struct SuiteRequest {
    /// Test files, and folders of them.
    pub paths: Vec<PathBuf>,
    /// Only tests whose file and name contain this.
    pub filter: Option<String>,
    /// How handlers run; `None` as configured.
    pub backend: Option<String>,
    /// A folder that recorded files are looked for in where they are not beside the test file.
    pub data: Option<PathBuf>,
    /// Writes the digests of tests that pass but for the digest.
    pub update: bool,
}

/// A test's end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestResult {
    /// Its file.
    pub file: String,
    /// Its name.
    pub test: String,
    /// The script.
    pub script: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// What differs, or why it was skipped or could not run.
    pub differences: Vec<String>,
    /// Whether its digest was written into the file.
    pub updated: bool,
    /// What it came to; `None` where it did not run.
    pub figures: Option<TestFigures>,
    /// Seconds that it took. Differs between equal runs.
    #[serde(skip)]
    pub elapsed_s: f64,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TestOutcome {
    /// As expected.
    Passed,
    /// Not as expected, or it could not run.
    Failed,
    /// Its recorded data is not there.
    Skipped,
}

/// What a test came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestFigures {
    /// Orders that passed the gate.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Denied orders.
    pub denied: u64,
    /// Profit after fees.
    pub net: String,
    /// Its currency.
    pub currency: String,
    /// The digest.
    pub digest: String,
}

/// Why nothing ran.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// There is none.
    #[error("{0}")]
    Nothing(String),
    /// A folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Runs the tests in the order of the files' names; `tell` hears of each as it ends.
///
/// # Errors
/// A [`SuiteError`] where there is no test.
pub fn run(
    request: &SuiteRequest,
    stop: &Arc<AtomicBool>,
    mut tell: impl FnMut(&TestResult),
) -> Result<Vec<TestResult>, SuiteError> {
    let mut results = Vec::new();
    for file in files_of(&request.paths, TEST_FILE_END)? {
        let before = results.len();
        match Plan::read(&file) {
            Err(fault) => results.push(unread(&file, &fault)),
            Ok(plan) => run_file(request, &plan, stop, &mut results),
        }
        results.iter().skip(before).for_each(&mut tell);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    match results.is_empty() {
        true => Err(SuiteError::Nothing(match &request.filter {
            Some(filter) => format!("no test's file or name contains {filter:?}"),
            None => "there is no test".to_owned(),
        })),
        false => Ok(results),
    }
}

/// Returns these files, and those of these folders whose names have this ending, each folder's sorted by name.
///
/// # Errors
/// A folder that cannot be read, or has none.
pub fn files_of(paths: &[PathBuf], end: &str) -> Result<Vec<PathBuf>, SuiteError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |cause| SuiteError::Unreadable {
            path: path.clone(),
            cause,
        };
        let before = files.len();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_name().to_string_lossy().ends_with(end) {
                files.push(entry.path());
            }
        }
        if files.len() == before {
            let folder = path.display();
            let what = format!("{folder}: there is no *{end}");
            return Err(SuiteError::Nothing(what));
        }
        if let Some(found) = files.get_mut(before..) {
            found.sort();
        }
    }
    Ok(files)
}

/// Runs the tests of a file and writes their digests where that is wanted.
fn run_file(
    request: &SuiteRequest,
    plan: &Plan,
    stop: &Arc<AtomicBool>,
    results: &mut Vec<TestResult>,
) {
    let before = results.len();
    let mut digests = vec![None; plan.tests.len()];
    let file = plan.path.display().to_string();
    for (test, digest) in plan.tests.iter().zip(&mut digests) {
        let is_wanted = |filter: &String| file.contains(filter) || test.name.contains(filter);
        if stop.load(Ordering::Relaxed) || !request.filter.as_ref().is_none_or(is_wanted) {
            continue;
        }
        let mut result = run_test(request, plan, test, stop);
        let made = result
            .figures
            .as_ref()
            .map(|figures| figures.digest.clone());
        let is_other = made
            .as_deref()
            .and_then(|made| digest_difference(&test.expect, made));
        match (is_other, result.outcome) {
            (Some(_), TestOutcome::Passed) if request.update => {
                *digest = made;
                result.updated = true;
            }
            (Some(difference), TestOutcome::Passed | TestOutcome::Failed) => {
                result.outcome = TestOutcome::Failed;
                result.differences.push(difference);
            }
            _ => {}
        }
        results.push(result);
    }
    if digests.iter().all(Option::is_none) {
        return;
    }
    if let Err(cause) = std::fs::write(&plan.path, plan.with_digests(&digests)) {
        for result in results.iter_mut().skip(before).filter(|it| it.updated) {
            result.updated = false;
            result.outcome = TestOutcome::Failed;
            let what = format!("the digest cannot be written: {cause}");
            result.differences.push(what);
        }
    }
}

/// Runs a test; its digest is not looked at.
fn run_test(
    request: &SuiteRequest,
    plan: &Plan,
    test: &Test,
    stop: &Arc<AtomicBool>,
) -> TestResult {
    let ended = |outcome, differences| TestResult {
        file: plan.path.display().to_string(),
        test: test.name.clone(),
        script: test.script.display().to_string(),
        outcome,
        differences,
        updated: false,
        figures: None,
        elapsed_s: 0.0,
    };
    let data = match found(request, plan, test) {
        Ok(data) => data,
        Err(missing) => return ended(TestOutcome::Skipped, vec![missing]),
    };
    let tried = try_it(request, test, data, stop);
    let tried = match tried {
        Ok(tried) => tried,
        Err(error) => return ended(TestOutcome::Failed, vec![error.to_string()]),
    };
    let summary = &tried.replayed.summary;
    if summary.run.interrupted {
        return ended(TestOutcome::Failed, vec!["interrupted".to_owned()]);
    }
    let found = differences(&test.expect, &tried);
    let outcome = match found.is_empty() {
        true => TestOutcome::Passed,
        false => TestOutcome::Failed,
    };
    TestResult {
        figures: Some(TestFigures {
            orders: summary.orders,
            fills: summary.fills,
            denied: summary.denied.values().sum(),
            net: summary.pnl.net.clone(),
            currency: summary.pnl.currency.clone(),
            digest: summary.digest.clone(),
        }),
        elapsed_s: summary.run.elapsed_s,
        ..ended(outcome, found)
    }
}

fn try_it(
    request: &SuiteRequest,
    test: &Test,
    data: Data,
    stop: &Arc<AtomicBool>,
) -> Result<Trial, RunError> {
    let profile = test.profile.iter();
    let profile = profile.map(|profile| Override::of_option("profile", "risk.profile", profile));
    let options: Vec<Override> = profile.collect();
    let config = match &test.config {
        None => Config::built_in(&options)?,
        Some(file) => Config::load(&Sources {
            file: Some(file.clone()),
            options,
            ..Sources::default()
        })?,
    };
    let script = test.script.display().to_string();
    let name = name_of_script(&script);
    let settings = test.params.iter();
    let settings = settings.map(|(parameter, value)| format!("{name}.{parameter}={}", word(value)));
    let tried = TrialRequest {
        data,
        market: test.market,
        settings: settings.collect(),
        backend: request.backend.clone(),
        script,
    };
    trial(config, &tried, Arc::clone(stop))
}

/// Returns the data with its files where they are.
fn found(request: &SuiteRequest, plan: &Plan, test: &Test) -> Result<Data, String> {
    let Data::Files { files, venue } = &test.data else {
        return Ok(test.data.clone());
    };
    let beside = plan.path.parent().unwrap_or(Path::new(""));
    let place = |file: &PathBuf| {
        let elsewhere = request.data.iter().map(|data| data.join(file));
        let mut places = std::iter::once(beside.join(file)).chain(elsewhere);
        places.find(|path| path.exists()).ok_or_else(|| {
            let file = file.display();
            format!("no recorded data: {file} is neither beside the test file nor where --data or CLAIRE_DATA says")
        })
    };
    Ok(Data::Files {
        files: files.iter().map(place).collect::<Result<_, _>>()?,
        venue: *venue,
    })
}

fn word(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Boolean(value) => value.to_string(),
        Parameter::Integer(value) => value.to_string(),
        Parameter::Float(value) => format!("{value:?}"),
        Parameter::Text(text) => text.clone(),
    }
}

fn unread(file: &Path, fault: &Diagnostic) -> TestResult {
    TestResult {
        file: file.display().to_string(),
        test: "the file".to_owned(),
        script: String::new(),
        outcome: TestOutcome::Failed,
        differences: vec![fault.to_string()],
        updated: false,
        figures: None,
        elapsed_s: 0.0,
    }
}

impl TestResult {
    /// Returns the result on one line.
    pub fn line(&self) -> String {
        let outcome = match self.outcome {
            TestOutcome::Passed => "ok     ",
            TestOutcome::Failed => "FAILED ",
            TestOutcome::Skipped => "SKIPPED",
        };
        let mut line = format!("{outcome} {}: {}", self.file, self.test);
        if let Some(figures) = &self.figures {
            line.push_str(&format!(
                " ({} orders, {} fills, {} denied, net {} {}, digest {}",
                figures.orders,
                figures.fills,
                figures.denied,
                figures.net,
                figures.currency,
                short(&figures.digest)
            ));
            line.push_str(match self.updated {
                true => ", written)",
                false => ")",
            });
        }
        line
    }
}
