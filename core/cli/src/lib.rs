//! The command line: parses, calls the pipeline, prints.
//!
//! Main thread only. Results go to stdout, logs to stderr. Nothing that a user types makes it panic;
//! a panic is a bug and says so. A closed stdout is no error.

pub mod cli;
pub mod command;
pub mod envelope;
pub mod exit;
pub mod log;
pub mod output;
pub mod panic;
pub mod screen;

use clap::Parser as _;
use cli::Cli;
use envelope::Envelope;
use exit::{Exit, Failure};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    panic::install();
    log::install();
    let exit = match std::panic::catch_unwind(|| run(&arguments)) {
        Ok(exit) => exit,
        // The hook has said where.
        Err(_) => Exit::Failed,
    };
    ExitCode::from(exit as u8)
}

/// Parses, dispatches and prints.
fn run(arguments: &[OsString]) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refused(&error, arguments),
    };
    let name = cli.command.name();
    let is_json = cli.command.is_json();
    match command::run(&cli) {
        Ok(outcome) => {
            if is_json {
                output::print_json(&outcome.envelope.answer());
            } else {
                output::print(&outcome.text);
                outcome.envelope.failure.iter().for_each(output::complain);
            }
            outcome.exit
        }
        Err(failure) => {
            if is_json {
                output::print_json(&Envelope::new(name).failed(&failure));
            } else {
                output::complain(&failure);
            }
            failure.exit
        }
    }
}

/// Answers help, version and arguments that do not parse.
fn refused(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        output::print(&error.render().to_string());
        return Exit::Done;
    }
    let is_json = arguments.iter().any(|argument| argument == "--json");
    if is_json {
        let name = arguments.get(1).map(|name| name.to_string_lossy());
        let message = error.render().to_string();
        let failure = Failure::usage("USAGE", message.trim());
        let name = name.as_deref().unwrap_or_default();
        output::print_json(&Envelope::new(name).failed(&failure));
    } else if output::is_colored(&std::io::stderr()) {
        output::complain_raw(&error.render().ansi().to_string());
    } else {
        output::complain_raw(&error.render().to_string());
    }
    Exit::Usage
}
