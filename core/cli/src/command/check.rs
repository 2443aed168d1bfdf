//! `claire check`: what is wrong with strategies, how their handlers run, and what a call costs.

mod report;

use super::Outcome;
use super::paper::seed;
use super::replay::{failure_of, stop_on_signals};
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};
use claire_pipeline::config::Config;
use claire_pipeline::duration;
use claire_pipeline::run::RunError;
use claire_pipeline::trial::suite::files_of;
use claire_pipeline::trial::{Data, Trial, TrialRequest, trial};
use claire_pipeline::words::counted;
use claire_strategies::{Diagnostic, HandlerState, Limits, Parameter, Script};
use claire_types::{InstrumentKey, Venue};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire check my_idea.rhai
  claire check strategies/scripts         every script of a folder
  claire check my_idea.rhai --data session.txt.gz --market binance-spot:BTCUSDT
  claire check *.rhai --json

A script that is right is run over the bundled market, or over recorded data, to tell what a call of each handler
costs: the median, without the clock's own reading. Nothing is written anywhere.

Exit status 3 where a script is wrong, with every mistake and its place; also where, when it is run, its `init` fails or
waits for a market that does not come, or it is stopped.")]
pub struct Arguments {
    /// Scripts, and folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Recorded data to run over instead of the bundled market; may be repeated: one session in order.
    #[arg(long, value_name = "FILE")]
    pub data: Vec<PathBuf>,
    /// The venue that was recorded, where the frames do not say.
    #[arg(long)]
    pub venue: Option<Venue>,
    /// The primary market; else the first of the data.
    #[arg(long, value_name = "VENUE:SYMBOL")]
    pub market: Option<InstrumentKey>,
    /// Seed of the bundled market.
    #[arg(long, default_value = "1", value_parser = seed, allow_hyphen_values = true)]
    pub seed: u64,
    /// How much of the bundled market: 500ms, 90s, 10m.
    #[arg(long = "for", value_name = "SPAN", default_value = "5m", value_parser = duration::parse)]
    pub span: Duration,
    /// A parameter: NAME.parameter=value, NAME being the script's; may be repeated.
    #[arg(long = "set", value_name = "NAME.P=V")]
    pub settings: Vec<String>,
    /// How handlers run.
    #[arg(long, value_parser = ["auto", "compiled", "interpreted"])]
    pub backend: Option<String>,
    /// Do not run the scripts.
    #[arg(long)]
    pub no_run: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// What is known of a script.
pub(super) struct Checked {
    file: String,
    /// What is wrong with it; nothing where it is right.
    diagnostics: Vec<Diagnostic>,
    parameters: Vec<Parameter>,
    /// How its handlers run; `init` is always interpreted and not among them.
    handlers: Vec<HandlerState>,
    /// Why those that are interpreted are, with the place.
    reasons: Vec<Diagnostic>,
    ran: Ran,
}

/// What became of its run.
enum Ran {
    /// It was not to run.
    No,
    /// It could not, and why.
    Refused(String),
    /// It did.
    Yes(Box<Trial>),
}

/// Checks the scripts.
///
/// # Errors
/// A file that is not there, a wrong configuration, and data that cannot be read.
pub fn run(cli: &Cli, arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let files = scripts_of(&arguments.files)?;
    let gone = arguments.data.iter().find(|path| !path.exists());
    if let Some(missing) = gone {
        let text = format!("--data {}: there is no such file", missing.display());
        return Err(Failure::usage("DATA", text));
    }
    let config = cli.load(Vec::new())?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop);
    let checked = files
        .iter()
        .map(|file| check(&config, arguments, file, &stop));
    let checked: Vec<Checked> = checked.collect::<Result<_, _>>()?;
    Ok(answer(arguments, &checked, envelope))
}

/// Returns the scripts of these files and folders, each folder's sorted by name.
fn scripts_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    for path in paths {
        // A link to nowhere is there, and wrong.
        if let Err(cause) = path.symlink_metadata() {
            return Err(Failure::usage(
                "FILE",
                format!("{}: {cause}", path.display()),
            ));
        }
    }
    files_of(paths, ".rhai").map_err(|error| Failure::usage("FILE", error.to_string()))
}

fn check(
    config: &Config,
    arguments: &Arguments,
    file: &Path,
    stop: &Arc<AtomicBool>,
) -> Result<Checked, Failure> {
    let mut checked = Checked {
        file: file.display().to_string(),
        diagnostics: Vec::new(),
        parameters: Vec::new(),
        handlers: Vec::new(),
        reasons: Vec::new(),
        ran: Ran::No,
    };
    let script = match Script::load(&Limits::default(), file, &[]) {
        Err(diagnostics) => {
            checked.diagnostics = diagnostics;
            return Ok(checked);
        }
        Ok(script) => script,
    };
    checked.parameters = script.parameters().to_vec();
    checked.handlers = script.handler_states().to_vec();
    checked.reasons = script.interpreted(&checked.file);
    if arguments.no_run {
        return Ok(checked);
    }
    let request = TrialRequest {
        script: checked.file.clone(),
        data: data_of(config, arguments),
        market: arguments.market,
        settings: arguments.settings.clone(),
        backend: arguments.backend.clone(),
    };
    match trial(config.clone(), &request, Arc::clone(stop)) {
        Ok(tried) => {
            checked
                .diagnostics
                .extend(ended(&script, &checked.file, &tried));
            checked.ran = Ran::Yes(Box::new(tried));
        }
        // A parameter that was set, not the file.
        Err(RunError::Script(diagnostics)) => checked.diagnostics = diagnostics,
        Err(RunError::Usage(why)) => checked.ran = Ran::Refused(why),
        Err(error) => return Err(failure_of(error)),
    }
    Ok(checked)
}

/// Returns what ended the strategy's run before the data did: its `init` failed or never came, or it was stopped.
fn ended(script: &Script, file: &str, tried: &Trial) -> Option<Diagnostic> {
    let own = tried.replayed.summary.strategies.first()?;
    let said = own.last_error.as_deref().unwrap_or_default();
    match own.state.as_str() {
        "failed" => Some(script.init_failed(file, said)),
        "stopped" => {
            let calls = counted(own.failures, "call");
            let what = format!("when it was run, it was stopped after {calls} that failed");
            Some(script.failed(file, &what, said))
        }
        "waiting" => {
            let missing = own.waits_for.as_deref()?;
            // Where it is its own, the data has none.
            let mut named = script.markets().iter();
            let is_named = named.any(|market| market.to_string() == missing);
            is_named.then(|| script.without_market(file, missing))
        }
        _ => None,
    }
}

fn data_of(config: &Config, arguments: &Arguments) -> Data {
    if !arguments.data.is_empty() {
        return Data::Files {
            files: arguments.data.clone(),
            venue: arguments.venue,
        };
    }
    Data::Bundled {
        seed: arguments.seed,
        span: arguments.span,
        symbols: config.paper.symbols.keys().to_vec(),
    }
}

fn answer(arguments: &Arguments, checked: &[Checked], envelope: Envelope) -> Outcome {
    let wrong: Vec<_> = checked
        .iter()
        .filter(|it| !it.diagnostics.is_empty())
        .collect();
    let failure = wrong.first().map(|first| {
        let fault = first.diagnostics.first();
        let text = match checked.len() {
            1 => format!("{} is wrong", first.file),
            all => format!("{} of {all} scripts are wrong", wrong.len()),
        };
        Failure {
            exit: Exit::No,
            file: Some(first.file.clone()),
            line: fault.map(|fault| fault.line).filter(|line| *line > 0),
            ..Failure::failed("SCRIPT", text)
        }
    });
    let body = json!({
        "scripts": checked.iter().map(report::json_of).collect::<Vec<_>>(),
        "data": report::data_words(arguments),
        "run": { "cost": report::costs_of(checked) },
    });
    let texts = checked.iter().map(|one| report::text_of(arguments, one));
    let text = texts.collect::<Vec<_>>().join("\n");
    let envelope = Envelope {
        failure,
        ..envelope
    };
    Outcome::of(text, envelope.with_body(&body))
}
