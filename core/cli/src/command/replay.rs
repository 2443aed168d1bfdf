//! `claire replay`: recorded files through the live pipeline.

use super::Outcome;
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::Failure;
use claire_pipeline::config::section::Speed;
use claire_pipeline::config::{Config, Override, Selection};
use claire_pipeline::feed::replay::Speed as ReplaySpeed;
use claire_pipeline::replay::{ReplayRequest, Replayed, replay};
use claire_pipeline::run::{RecordPlan, RunError};
use claire_pipeline::summary::RunFigures;
use claire_pipeline::topology::Topology;
use claire_types::Mode;
use claire_types::{InstrumentKey, Venue};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Arguments of `replay`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire replay session.txt.gz
  claire replay day1.gz day2.gz --venue binance-spot --strategy ema_cross --set ema_cross.fast=20
  claire replay session.txt.gz --strategy my.rhai --market binance-usdm:BTCUSDT --json

Several files are one session, in the order of their receive times; where files overlap, their lines are merged
by them. The order in which they are named decides between equal times.

Ctrl-C or TERM interrupts (exit 1): the summary is that of the part, and says so. The journal stays open; the
same command continues it to the end that it would have had. A second one ends at once (exit 130), also where files are still
being opened, as a pipe that nobody writes to, or where nobody reads the answer.")]
pub struct Arguments {
    /// Recorded frames: text, gzip or zstd.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The venue that was recorded, where the frames do not say.
    #[arg(long)]
    pub venue: Option<Venue>,
    /// Which strategies run, and how.
    #[command(flatten)]
    pub strategies: Strategies,
    /// How fast recorded time passes: max, or times the real speed.
    #[arg(long, default_value = "max", allow_hyphen_values = true)]
    pub speed: Speed,
    /// Read the session this many times.
    #[arg(long = "loop", value_name = "N", default_value = "1", value_parser = loops, allow_hyphen_values = true)]
    pub loops: NonZeroU32,
    /// Where records go.
    #[command(flatten)]
    pub places: Places,
    /// Where the stages run.
    #[arg(long, value_parser = ["auto", "fused", "split"])]
    pub topology: Option<String>,
    /// Fail (exit 1) where a frame or line cannot be read, or the recorded clock steps.
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Which strategies run, and how.
#[derive(Clone, Debug, Default, Args)]
pub struct Strategies {
    /// A configured strategy, a bundled script or a script file; may be repeated.
    #[arg(long = "strategy", value_name = "S")]
    pub strategies: Vec<String>,
    /// A parameter: NAME.parameter=value; may be repeated.
    #[arg(long = "set", value_name = "NAME.P=V")]
    pub settings: Vec<String>,
    /// The primary market of scripts that the configuration does not know.
    #[arg(long, value_name = "VENUE:SYMBOL")]
    pub market: Option<InstrumentKey>,
    /// How handlers run.
    #[arg(long, value_parser = ["auto", "compiled", "interpreted"])]
    pub backend: Option<String>,
    /// Risk profile: conservative, moderate, aggressive or bench.
    #[arg(long, value_name = "P")]
    pub profile: Option<String>,
}

/// Where records go.
#[derive(Clone, Debug, Default, Args)]
pub struct Places {
    /// The database: none, sqlite:PATH, postgres://… or the path of an SQLite file.
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub store: Option<String>,
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
}

impl Arguments {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let topology = self.topology.iter();
        let topology =
            topology.map(|text| Override::of_option("--topology", "pipeline.topology", text));
        let mut overrides: Vec<_> = topology.collect();
        overrides.extend(self.strategies.overrides());
        overrides.extend(self.places.overrides());
        overrides
    }
}

impl Strategies {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Option<Override> {
        let profile = self.profile.as_ref()?;
        Some(Override::of_option("--profile", "risk.profile", profile))
    }

    /// Returns the selection; `market` stands in where no `--market` was given.
    pub fn selection(&self, market: Option<InstrumentKey>) -> Selection {
        Selection {
            strategies: self.strategies.clone(),
            market: self.market.or(market),
            settings: self.settings.clone(),
            backend: self.backend.clone(),
        }
    }
}

impl Places {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let journal = self.journal.as_ref().map(|path| path.display().to_string());
        let store = self.store.iter();
        store
            .map(|url| Override::of_option("--store", "store.url", url))
            .chain(journal.map(|path| Override::of_option("--journal", "journal.dir", path)))
            .collect()
    }
}

/// Runs the replay.
///
/// # Errors
/// What a run refuses or fails for; with `--strict` also frames that could not be read.
pub fn run(cli: &Cli, arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let config = cli.load(arguments.overrides())?;
    let mode = config.mode_of_command(Mode::Replay)?;
    let mut request = ReplayRequest {
        files: arguments.files.clone(),
        venue: arguments.venue,
        selection: arguments.strategies.selection(None),
        speed: speed_of(arguments.speed)?,
        passes: arguments.loops.get(),
        plan: plan_of(&config, arguments),
        topology: topology_of(&config),
    };
    if only_reads(&config, &request) {
        request.topology = topology_of_reading(&config);
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop);
    let replayed = replay(config, &request, stop).map_err(failure_of)?;
    Ok(answer(
        arguments,
        &replayed,
        Envelope {
            mode: Some(mode),
            ..envelope
        },
    ))
}

fn answer(arguments: &Arguments, replayed: &Replayed, envelope: Envelope) -> Outcome {
    for text in &replayed.fault_texts {
        tracing::warn!("{text}");
    }
    let run = &replayed.summary.run;
    let envelope = Envelope {
        // A run that is written nowhere has no name that anybody could ask for.
        run_id: run.journal.as_ref().map(|_| replayed.run_id.to_string()),
        config_hash: Some(replayed.config_hash.clone()),
        script_hashes: replayed.script_hashes.clone(),
        data_hash: replayed.data_hash.clone(),
        failure: failure(arguments, replayed),
        ..envelope
    };
    let places = places_of(envelope.run_id.as_deref(), run);
    Outcome::of(
        replayed.summary.to_string() + places.as_str(),
        envelope.with_body(&replayed.summary),
    )
}

/// Says the run's name and where it is written down, a line each; nothing of a run that is written nowhere.
pub(super) fn places_of(run_id: Option<&str>, run: &RunFigures) -> String {
    let (journal, store) = (run.journal.as_deref(), run.store.as_deref());
    let lines = [("run", run_id), ("journal", journal), ("database", store)];
    let lines = lines.into_iter().filter_map(|(name, value)| {
        let value = value?;
        Some(format!("{name:<9} {value}\n"))
    });
    lines.collect()
}

/// Returns why a replay that came to its end is no success; what it came to is said all the same.
fn failure(arguments: &Arguments, replayed: &Replayed) -> Option<Failure> {
    let run = &replayed.summary.run;
    if run.interrupted {
        return Some(interrupted(arguments, replayed));
    }
    let lag = replayed.store_lag.as_ref();
    lag.map(|lag| lagging(lag, run.journal.as_deref()))
        .or_else(|| not_strict(replayed).filter(|_| arguments.strict))
        .or_else(|| broken(replayed))
}

/// Returns what `--strict` fails for.
fn not_strict(replayed: &Replayed) -> Option<Failure> {
    let (errors, steps) = (replayed.summary.errors, replayed.summary.clock_steps);
    let hint = "without --strict they are only counted";
    if errors > 0 {
        let text = match errors {
            1 => "1 frame or line could not be read".to_owned(),
            _ => format!("{errors} frames or lines could not be read"),
        };
        let failure = Failure::failed("FRAMES", text).with_hint(hint);
        return Some(match &replayed.fault_first {
            Some(place) => failure.at(&place.file, place.line),
            None => failure,
        });
    }
    (steps > 0).then(|| {
        let first = replayed.summary.clock_steps_first.join("\n");
        let text = format!("the recorded clock makes {steps} steps:\n{first}");
        Failure::failed("CLOCK", text).with_hint(hint)
    })
}

/// Returns how a replay ends that was told to stop, with the command that goes on where there is a journal.
fn interrupted(arguments: &Arguments, replayed: &Replayed) -> Failure {
    let frames = replayed.summary.frames;
    let Some(journal) = &replayed.summary.run.journal else {
        let text = format!("interrupted after {frames} frames; it had no journal to go on from");
        return Failure::failed("INTERRUPTED", text);
    };
    let text = format!("interrupted after {frames} frames; the journal in {journal} stays open");
    let mut words: Vec<_> = std::env::args_os()
        .map(|word| quoted(&word.to_string_lossy()))
        .collect();
    if arguments.places.journal.is_none() {
        words.extend(["--journal".to_owned(), quoted(journal)]);
    }
    let lag = replayed.store_lag.iter();
    let lag: String = lag
        .map(|lag| format!("; {lag}, it adds that too"))
        .collect();
    let again = words.join(" ");
    Failure::failed("INTERRUPTED", text).with_hint(format!("`{again}` continues it{lag}"))
}

/// Returns the word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Returns which strategies never ran; what the others came to is still said.
fn broken(replayed: &Replayed) -> Option<Failure> {
    let strategies = &replayed.summary.strategies;
    let failed = strategies.iter().filter(|one| one.state == "failed");
    let names: Vec<_> = failed.map(|one| one.name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        let text = format!("strategy {names}: init failed, so it never ran");
        return Some(Failure::failed("STRATEGY", text));
    }
    strategies.iter().find_map(|one| {
        let missing = one
            .waits_for
            .as_ref()
            .filter(|market| **market != one.market)?;
        let name = &one.name;
        let text =
            format!("strategy {name}: the market {missing}, which its init names, never appeared");
        Some(Failure::failed("STRATEGY", text))
    })
}

/// A replay writes nothing unless the command line says where.
fn plan_of(config: &Config, arguments: &Arguments) -> RecordPlan {
    RecordPlan {
        journal: arguments.places.journal.clone(),
        store: arguments
            .places
            .store
            .as_ref()
            .and_then(|_| config.store_url()),
    }
}

/// Returns how often the session is read.
fn loops(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| format!("write a whole number from 1 to {}", u32::MAX))
}

fn speed_of(speed: Speed) -> Result<ReplaySpeed, Failure> {
    match speed {
        Speed::Max => Ok(ReplaySpeed::Max),
        Speed::Times(times) if times >= 1.0 && times.fract() == 0.0 => {
            Ok(ReplaySpeed::Times(times as u32))
        }
        Speed::Times(times) => {
            let text =
                format!("--speed {times}: a replay runs at max or at a whole multiple, as 1 or 10");
            Err(Failure::usage("SPEED", text))
        }
    }
}

/// Returns whether the replay neither trades nor writes anything down, as fast as it can.
fn only_reads(config: &Config, request: &ReplayRequest) -> bool {
    let trades = !config.strategies.is_empty() || !request.selection.strategies.is_empty();
    let writes = request.plan.journal.is_some() || request.plan.store.is_some();
    request.speed == ReplaySpeed::Max && !trades && !writes
}

/// Returns where the stages of such a replay run on this machine.
fn topology_of_reading(config: &Config) -> Topology {
    let cores = claire_pipeline::affinity::cores();
    match config.pipeline.topology.is_split_reading(cores) {
        true => Topology::Split,
        false => Topology::Fused,
    }
}

/// Returns where the stages of this machine run.
pub(super) fn topology_of(config: &Config) -> Topology {
    match config
        .pipeline
        .topology
        .is_split(claire_pipeline::affinity::cores())
    {
        true => Topology::Split,
        false => Topology::Fused,
    }
}

/// Sets the flag on Ctrl-C and TERM; a second one ends the process at once.
pub(super) fn stop_on_signals(stop: &Arc<AtomicBool>) {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal finds the flag unset.
        let registered =
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)));
        if let Err(error) = registered {
            tracing::warn!(%error, "signals end the process without a summary");
        }
    }
}

/// Returns how a run ends whose store is not complete.
pub(super) fn lagging(lag: &str, journal: Option<&str>) -> Failure {
    let journal = journal.unwrap_or_default();
    Failure::failed("STORE", lag).with_hint(format!(
        "nothing is lost: the journal in {journal} is complete; \
        `claire db rebuild --journal {journal}` adds what the database lacks"
    ))
}

/// Returns how a command ends that a run refused or failed.
pub fn failure_of(error: RunError) -> Failure {
    match error {
        RunError::Config(faults) => faults.into(),
        RunError::Script(diagnostics) => {
            let first = diagnostics.first();
            Failure {
                file: first.map(|fault| fault.file.clone()),
                line: first.map(|fault| fault.line),
                ..Failure::usage("SCRIPT", RunError::Script(diagnostics.clone()).to_string())
            }
        }
        error @ RunError::Finished { .. } => Failure::usage("FINISHED", error.to_string()),
        error if error.is_usage() => Failure::usage("USAGE", error.to_string()),
        RunError::Source(error) => Failure::failed("SOURCE", error.to_string()),
        RunError::Journal(error) => Failure::failed("JOURNAL", error.to_string()),
        RunError::State(error) => error.into(),
        RunError::Store(error) => Failure::failed("STORE", error.to_string()),
        error => Failure::failed("RUN", error.to_string()),
    }
}
