//! `claire init`: the first start of a data directory, and lifting a latch while nothing runs.

use super::Outcome;
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};
use claire_pipeline::clock::Clock;
use claire_pipeline::config::{Config, Override};
use claire_pipeline::state::{Found, State, StateStore, Traces};
use claire_types::{TradingState, WallNs};
use clap::Args;
use serde_json::json;

/// Arguments of `init`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire init
  claire init --data-dir /var/lib/claire
  claire init --lift \"checked open orders and positions at the venue\"

A data directory that earlier runs used but that holds no readable state is KILLED: exit 3, and the reason.")]
pub struct Arguments {
    /// The folder, instead of the configured one.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Return to ACTIVE and clear the kill switch, for this reason. Nothing may be running.
    #[arg(long, value_name = "REASON")]
    pub lift: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Creates the state, or says what is there.
///
/// # Errors
/// A folder that cannot be used, a running claire, a lift without a reason.
pub fn run(cli: &Cli, arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let folder = arguments.data_dir.iter();
    let options = folder.map(|folder| Override::of_option("--data-dir", "data_dir", folder));
    let config = cli.load(options.collect())?;
    let who = who();
    let look = || Traces::find(&config);
    let (mut store, found) = StateStore::open(&config.data_dir, look, &who, now())?;
    let mut lifted = None;
    if let Some(reason) = &arguments.lift {
        lifted = Some(store.state().clone());
        store.lift(reason, &who, now())?;
    }
    Ok(outcome(&config, store.state(), &found, lifted, envelope))
}

fn outcome(
    config: &Config,
    state: &State,
    found: &Found,
    lifted: Option<State>,
    envelope: Envelope,
) -> Outcome {
    let is_active = state.trading_state == TradingState::Active;
    let folder = config.data_dir.display();
    let mut text = match (found, &lifted) {
        (Found::FirstStart, _) => format!("{folder}: initialized\n"),
        (Found::State, Some(_)) => format!("{folder}\n"),
        (Found::State, None) => format!("{folder}: already initialized\n"),
        (Found::Unreadable(what), _) => format!("{what}\n"),
    };
    match &lifted {
        Some(before) if before.trading_state == TradingState::Active => {
            text.push_str("nothing to lift: it was ACTIVE\n");
        }
        Some(before) => text.push_str(&format!(
            "lifted {}{}\n",
            before.trading_state,
            because(before)
        )),
        None => {}
    }
    text.push_str(&format!(
        "state {}, epoch {}{}\n",
        state.trading_state,
        state.epoch,
        because(state)
    ));
    let body = json!({
        "data_dir": config.data_dir.display().to_string(),
        "found": match found {
            Found::FirstStart => "first_start",
            Found::State => "state",
            Found::Unreadable(_) => "unreadable",
        },
        "lifted": lifted,
        "state": state,
    });
    Outcome {
        exit: if is_active { Exit::Done } else { Exit::No },
        text,
        envelope: envelope.with_body(&body),
    }
}

/// Returns what latched the state, behind a colon.
fn because(state: &State) -> String {
    let cause = state.cause.as_ref();
    cause.map_or_else(String::new, |cause| {
        format!(
            ": {} {} (by {} at {})",
            cause.code, cause.measured, cause.who, cause.at
        )
    })
}

/// Returns the user's name for the audit log.
pub(super) fn who() -> String {
    std::env::var("USER").unwrap_or_else(|_| "operator".to_owned())
}

fn now() -> WallNs {
    Clock::start().wall()
}
