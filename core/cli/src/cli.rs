//! The arguments: one struct for the program, one enum entry per command.

use crate::command::{
    bench, check, completions, config, db, explain, init, new, paper, replay, test, verify,
};
use claire_pipeline::config::{Config, ConfigFaults, Override, Sources};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Claire de Binare: a low-latency crypto trading engine.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "claire",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = "\
Examples:
  claire paper                            watch strategies trade; q quits
  claire new my_idea                      write a strategy and its test; then: claire check, claire test
  claire config check                     find mistakes in the configuration
  CLAIRE_MODE=paper claire config show    print what is in effect, and why
  claire init                             prepare the data directory

Exit status: 0 done, 1 failed, 2 wrong arguments or configuration, 3 finished and the answer is no.
Logs go to stderr, filtered by CLAIRE_LOG (error, warn, info, debug). NO_COLOR is respected.")]
pub struct Cli {
    /// Configuration file; else CLAIRE_CONFIG, else ./config/claire.toml, else built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Prepare the data directory: state ACTIVE, kill switch inactive.
    Init(init::Arguments),
    /// Trade on paper: the bundled market at real speed, simulated fills, a live screen.
    Paper(Box<paper::Arguments>),
    /// Send recorded frames through the live pipeline: books, strategies, paper fills, timing.
    Replay(Box<replay::Arguments>),
    /// Run a journal again and compare every output.
    Verify(verify::Arguments),
    /// Print the way of one order, from its decision to its fills, or why it had none.
    Explain(explain::Arguments),
    /// Write a strategy to start from, and its test.
    New(new::Arguments),
    /// Find mistakes in strategies; say how their handlers run and what a call costs.
    Check(Box<check::Arguments>),
    /// Run the tests beside strategies.
    Test(test::Arguments),
    /// Measure how fast compiled strategies are, beside the same in Rust and Rhai's interpreter.
    Bench(bench::Arguments),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(config::Action),
    /// Prepare the database, or make it again from a journal.
    #[command(subcommand)]
    Db(db::Action),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
}

impl Command {
    /// Returns the command's name as in the JSON envelope.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Paper(_) => "paper",
            Self::Replay(_) => "replay",
            Self::Verify(_) => "verify",
            Self::Explain(_) => "explain",
            Self::New(_) => "new",
            Self::Check(_) => "check",
            Self::Test(_) => "test",
            Self::Bench(_) => "bench",
            Self::Db(db::Action::Migrate(_)) => "db migrate",
            Self::Db(db::Action::Rebuild(_)) => "db rebuild",
            Self::Config(config::Action::Check(_)) => "config check",
            Self::Config(config::Action::Show(_)) => "config show",
            Self::Completions(_) => "completions",
        }
    }

    /// Returns whether the answer is JSON.
    pub const fn is_json(&self) -> bool {
        match self {
            Self::Init(arguments) => arguments.json,
            Self::Paper(arguments) => arguments.json,
            Self::Replay(arguments) => arguments.json,
            Self::Verify(arguments) => arguments.json,
            Self::Explain(arguments) => arguments.json,
            Self::New(arguments) => arguments.json,
            Self::Check(arguments) => arguments.json,
            Self::Test(arguments) => arguments.json,
            Self::Bench(arguments) => arguments.json,
            Self::Db(db::Action::Migrate(arguments)) => arguments.json,
            Self::Db(db::Action::Rebuild(arguments)) => arguments.json,
            Self::Config(config::Action::Check(output) | config::Action::Show(output)) => {
                output.json
            }
            Self::Completions(_) => false,
        }
    }
}

impl Cli {
    /// Reads the configuration with the options of the command line as its highest layer.
    ///
    /// # Errors
    /// See [`Config::load`].
    pub fn load(&self, options: Vec<Override>) -> Result<Config, ConfigFaults> {
        Config::load(&Sources::of_process(self.config.clone(), options))
    }
}
