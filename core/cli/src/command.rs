//! One file per command: its arguments, and a thin function that calls the pipeline.

pub mod bench;
pub mod check;
pub mod completions;
pub mod config;
pub mod db;
pub mod explain;
pub mod init;
pub mod new;
pub mod paper;
pub mod replay;
pub mod test;
pub mod verify;

use crate::cli::{Cli, Command};
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};

/// What a finished command says.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit status: [`Exit::Done`], [`Exit::No`], or the failure's where the envelope has one.
    pub exit: Exit,
    /// The answer for people.
    pub text: String,
    /// The answer for programs.
    pub envelope: Envelope,
}

impl Outcome {
    /// Returns an outcome that leaves as the envelope's failure says, or is done without one.
    pub fn of(text: impl Into<String>, envelope: Envelope) -> Self {
        let failure = envelope.failure.as_ref();
        Self {
            exit: failure.map_or(Exit::Done, |failure| failure.exit),
            text: text.into(),
            envelope,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// What the command says; see [`Failure`].
pub fn run(cli: &Cli) -> Result<Outcome, Failure> {
    let name = cli.command.name();
    match &cli.command {
        Command::Init(arguments) => init::run(cli, arguments, Envelope::new(name)),
        Command::Paper(arguments) => paper::run(cli, arguments, Envelope::new(name)),
        Command::Replay(arguments) => replay::run(cli, arguments, Envelope::new(name)),
        Command::Db(action) => db::run(cli, action, Envelope::new(name)),
        Command::Verify(arguments) => verify::run(arguments, Envelope::new(name)),
        Command::Explain(arguments) => explain::run(arguments, Envelope::new(name)),
        Command::New(arguments) => new::run(arguments, Envelope::new(name)),
        Command::Check(arguments) => check::run(cli, arguments, Envelope::new(name)),
        Command::Test(arguments) => test::run(arguments, Envelope::new(name)),
        Command::Bench(arguments) => bench::run(arguments, Envelope::new(name)),
        Command::Config(action) => config::run(cli, action, Envelope::new(name)),
        Command::Completions(arguments) => Ok(completions::run(arguments, Envelope::new(name))),
    }
}

/// Whether a command prints JSON.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Output {
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests;
