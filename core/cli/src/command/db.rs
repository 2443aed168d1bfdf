//! `claire db`: the database's schema.

use super::Outcome;
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::Failure;
use claire_pipeline::config::Override;
use claire_sidecar::Store;
use clap::{Args, Subcommand};
use serde_json::json;

/// What to do with the database.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Bring the schema to this version; does nothing where it is there.
    #[command(
        after_help = "Examples:\n  claire db migrate\n  claire db migrate --store sqlite:claire.db"
    )]
    Migrate(Migrate),
}

/// Arguments of `db migrate`.
#[derive(Clone, Debug, Args)]
pub struct Migrate {
    /// The database, instead of the configured one.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

impl Migrate {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let store = self.store.iter();
        store
            .map(|url| Override::of_option("--store", "store.url", url))
            .collect()
    }
}

/// Runs the action.
///
/// # Errors
/// No store is configured, or it cannot be reached or changed.
pub fn run(cli: &Cli, action: &Action, envelope: Envelope) -> Result<Outcome, Failure> {
    let Action::Migrate(arguments) = action;
    let config = cli.load(arguments.overrides())?;
    let Some(url) = config.store_url() else {
        let failure = Failure::usage("NO_STORE", "no store is configured");
        return Err(failure.with_hint("name one: --store sqlite:claire.db or --store postgres://…"));
    };
    let failed = |error: claire_sidecar::StoreError| Failure::failed("STORE", error.to_string());
    let mut store = Store::open(&url).map_err(failed)?;
    let applied = store.migrate().map_err(failed)?;
    let body = json!({ "store": config.store.url.to_string(), "applied": applied });
    let text = match applied.len() {
        0 => format!("{}: the schema is up to date\n", config.store.url),
        _ => format!("{}: applied {}\n", config.store.url, applied.join(", ")),
    };
    Ok(Outcome::done(text, envelope.with_body(&body)))
}
