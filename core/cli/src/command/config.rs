//! `claire config check` and `claire config show`.

use super::{Outcome, Output};
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::Failure;
use claire_pipeline::config::{Config, Origins, Sources};
use claire_types::Mode;
use clap::Subcommand;
use serde_json::json;

/// What to do with the configuration.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Find mistakes, in strategies too: exit 0 without any, 2 with all of them, each with file, line and key.
    #[command(
        after_help = "Examples:\n  claire config check\n  claire --config paper.toml config check --json"
    )]
    Check(Output),
    /// Print what is in effect as TOML, each value with the layer it comes from; passwords are hidden.
    #[command(
        after_help = "Examples:\n  claire config show\n  CLAIRE_PIPELINE__TOPOLOGY=fused claire config show"
    )]
    Show(Output),
}

/// Runs the action.
///
/// # Errors
/// All faults of the configuration.
pub fn run(cli: &Cli, action: &Action, envelope: Envelope) -> Result<Outcome, Failure> {
    let config = match action {
        Action::Check(_) => Config::checked(&Sources::of_process(cli.config.clone(), Vec::new()))?,
        Action::Show(_) => {
            let config = cli.load(Vec::new())?;
            // What cannot be read is in no effect that could be shown.
            config.engine_config(config.mode.unwrap_or(Mode::Replay))?;
            config
        }
    };
    let envelope = Envelope {
        mode: config.mode,
        config_hash: Some(config.hash()),
        ..envelope
    };
    let file = config.file.as_ref().map(|path| path.display().to_string());
    match action {
        Action::Check(_) => {
            let text = checked(&config, file.as_deref());
            let body = json!({ "file": file, "instruments": config.instruments.len(), "strategies": config.strategies.len() });
            Ok(Outcome::of(text, envelope.with_body(&body)))
        }
        Action::Show(_) => {
            let body = json!({ "file": file, "toml": config.show(Origins::Hidden) });
            let text = config.show(Origins::Shown);
            Ok(Outcome::of(text, envelope.with_body(&body)))
        }
    }
}

fn checked(config: &Config, file: Option<&str>) -> String {
    let mode = match config.mode {
        Some(mode) => format!("mode {mode}"),
        None => "no mode: only commands that name one themselves will run".to_owned(),
    };
    format!(
        "{} is right: {mode}, {} strategies, {} instruments\n",
        file.unwrap_or("the built-in configuration"),
        config.strategies.len(),
        config.instruments.len()
    )
}
