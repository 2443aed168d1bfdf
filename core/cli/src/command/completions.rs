//! `claire completions`: the shell's own completion script.

use super::Outcome;
use crate::cli::Cli;
use crate::envelope::Envelope;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
#[command(
    after_help = "Example:\n  claire completions bash > ~/.local/share/bash-completion/completions/claire"
)]
pub struct Arguments {
    /// The shell.
    pub shell: Shell,
}

/// Returns the script.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "claire", &mut script);
    Outcome::of(String::from_utf8_lossy(&script), envelope)
}
