//! The command line: parses, calls the pipeline, prints.
//!
//! Main thread only. Results go to stdout, logs to stderr. Nothing that a user types makes it panic;
//! a panic is a bug and says so. A closed stdout is no error; one that takes nothing is.

pub mod cli;
pub mod command;
pub mod envelope;
pub mod exit;
pub mod log;
pub mod output;
pub mod panic;
pub mod screen;
pub mod stderr;

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
    stderr::flush(stderr::FLUSH_MAX);
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
    let (printed, failure, exit) = match command::run(&cli) {
        Ok(outcome) => {
            let printed = match is_json {
                true => output::print_json(&outcome.envelope.answer()),
                false => output::print(&outcome.text),
            };
            (printed, outcome.envelope.failure, outcome.exit)
        }
        Err(failure) => {
            let printed = match is_json {
                true => output::print_json(&Envelope::new(name).failed(&failure)),
                false => Ok(()),
            };
            let exit = failure.exit;
            (printed, Some(failure), exit)
        }
    };
    // What stdout does not take is said where people read.
    if !is_json || printed.is_err() {
        failure.iter().for_each(output::complain);
    }
    ended(printed, exit)
}

/// Returns the exit status: an answer that could not be printed is a failure, and said.
fn ended(printed: Result<(), Failure>, exit: Exit) -> Exit {
    let Err(failure) = printed else {
        return exit;
    };
    output::complain(&failure);
    match exit {
        Exit::Done | Exit::No => failure.exit,
        Exit::Failed | Exit::Usage => exit,
    }
}

/// Answers help, version and arguments that do not parse.
fn refused(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        return ended(output::print(&error.render().to_string()), Exit::Done);
    }
    let is_json = arguments.iter().any(|argument| argument == "--json");
    if is_json {
        let name = arguments.get(1).map(|name| name.to_string_lossy());
        let message = error.render().to_string();
        let failure = Failure::usage("USAGE", message.trim());
        let name = name.as_deref().unwrap_or_default();
        let printed = output::print_json(&Envelope::new(name).failed(&failure));
        return ended(printed, Exit::Usage);
    } else if output::is_colored(&std::io::stderr()) {
        output::complain_raw(&error.render().ansi().to_string());
    } else {
        output::complain_raw(&error.render().to_string());
    }
    Exit::Usage
}
