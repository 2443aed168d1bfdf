//! `claire paper`: the bundled market at real speed, on a screen.

use super::replay::{
    Places, Strategies, failure_of, lagging, places_of, stop_on_signals, topology_of,
};
use super::{Outcome, init};
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::Failure;
use crate::screen::{PAGE_INTERVAL, View, Wish};
use claire_pipeline::config::section::Speed;
use claire_pipeline::config::{Config, Override};
use claire_pipeline::disk::FreeSpace;
use claire_pipeline::duration;
use claire_pipeline::paper::{PaperRequest, Papered, paper};
use claire_pipeline::run::RunError;
use claire_pipeline::status::StatusCell;
use claire_types::{Mode, TradingState};
use clap::Args;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, park_timeout};
use std::time::Duration;

/// Arguments of `paper`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire paper
  claire paper --for 10m --strategy ema_cross --seed 7
  claire paper --for 60s --json > result.json

With a terminal on stdout the screen is live; `q` or Ctrl-C ends the run in order.

Ctrl-C or TERM ends trading and finishes the journal, waits for the store as store.wait_s allows, and prints the
summary (exit 0). Nobody has to read stderr for that; stdout has to be read for the summary. A second Ctrl-C or TERM
ends at once (exit 130): the journal is finished by then, or is read up to its last commit.")]
pub struct Arguments {
    /// Seed of the bundled market.
    #[arg(long, value_parser = seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// How fast the market's time passes: max, or times the real speed.
    #[arg(long, allow_hyphen_values = true)]
    pub speed: Option<Speed>,
    /// End after this span of the market's time: 500ms, 90s, 10m, 2h, 3d.
    #[arg(long = "for", value_name = "SPAN", value_parser = duration::parse, allow_hyphen_values = true)]
    pub span: Option<Duration>,
    /// Which strategies run, and how.
    #[command(flatten)]
    pub strategies: Strategies,
    /// Where records go.
    #[command(flatten)]
    pub places: Places,
    /// Print one JSON object at the end instead of the screen.
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let seed = self.seed.iter();
        let seed = seed.map(|seed| Override::of_option("--seed", "paper.seed", seed.to_string()));
        let speed = self.speed.iter();
        let speed =
            speed.map(|speed| Override::of_option("--speed", "paper.speed", speed.to_string()));
        let mut overrides: Vec<_> = seed.chain(speed).collect();
        overrides.extend(self.strategies.overrides());
        overrides.extend(self.places.overrides());
        overrides
    }
}

/// Returns the seed of a bundled market.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("write a whole number from 0 to {}", u64::MAX))
}

/// Runs the market until its span is over, `q`, Ctrl-C or TERM.
///
/// # Errors
/// What a run refuses or fails for.
pub fn run(cli: &Cli, arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let config = cli.load(arguments.overrides())?;
    let mode = config.mode_of_command(Mode::Paper)?;
    if config.paper.speed == Speed::Max && arguments.span.is_none() {
        let failure = Failure::usage("SPEED", "--speed max has no end by itself");
        return Err(failure.with_hint("say how much of the market's time: --speed max --for 10m"));
    }
    let request = PaperRequest {
        selection: arguments.strategies.selection(None),
        span: arguments.span,
        journal: arguments.places.journal.clone(),
        topology: topology_of(&config),
        who: init::who(),
        free_space: FreeSpace::of_system(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop);
    let shown = Arc::new(StatusCell::new(mode));
    let running = start(config, request, &shown, &stop)?;
    watch(&running, &shown, &stop, arguments.json);
    let ended = running.join();
    let ended = ended.map_err(|_| Failure::failed("RUN", "the run died; what it said is above"))?;
    let envelope = Envelope {
        mode: Some(mode),
        ..envelope
    };
    Ok(answer(ended.map_err(failure_of)?, envelope))
}

type Running = JoinHandle<Result<Papered, RunError>>;

fn start(
    config: Config,
    request: PaperRequest,
    shown: &Arc<StatusCell>,
    stop: &Arc<AtomicBool>,
) -> Result<Running, Failure> {
    let (shown, stop) = (Arc::clone(shown), Arc::clone(stop));
    let thread = Builder::new().name("claire-paper".to_owned());
    let spawned = thread.spawn(move || paper(config, &request, &shown, stop));
    spawned.map_err(|error| Failure::failed("RUN", format!("no thread for the run: {error}")))
}

/// Shows the run until it ends. Without a screen it goes on without one.
fn watch(running: &Running, shown: &StatusCell, stop: &AtomicBool, is_json: bool) {
    let mut view = View::open(Mode::Paper, is_json)
        .inspect_err(|error| tracing::warn!(%error, "no screen"))
        .ok();
    while !running.is_finished() {
        let status = shown.read();
        match view.as_mut().map(|view| view.show(&status)) {
            Some(Ok(Wish::Quit)) => stop.store(true, Ordering::Relaxed),
            Some(Ok(Wish::GoOn)) | None => {}
            Some(Err(_)) => view = None,
        }
        if !matches!(view, Some(View::Page(_))) {
            park_timeout(PAGE_INTERVAL);
        }
    }
}

fn answer(ended: Papered, envelope: Envelope) -> Outcome {
    for text in &ended.idle_texts {
        tracing::warn!("{text}");
    }
    let run = &ended.summary.run;
    let lag = ended.store_lag.as_deref();
    let mut text = ended.summary.to_string();
    let run_id = ended.run_id.to_string();
    text.push_str(&places_of(Some(&run_id), run));
    if ended.state.trading_state != TradingState::Active {
        let state = ended.state.trading_state;
        let cause = ended.state.cause.as_ref();
        let cause = cause.map_or_else(String::new, |cause| {
            format!(" at {}: {} {}", cause.at, cause.code, cause.measured)
        });
        text.push_str(&format!(
            "state     {state}, latched{cause}; `claire init --lift REASON` lifts it\n"
        ));
    }
    let envelope = Envelope {
        run_id: Some(run_id),
        config_hash: Some(ended.config_hash),
        script_hashes: ended.script_hashes,
        failure: lag.map(|lag| lagging(lag, run.journal.as_deref())),
        ..envelope
    };
    let envelope = envelope
        .with_body(&ended.summary)
        .with_body(&json!({ "latched": ended.state.cause }));
    Outcome::of(text, envelope)
}
