//! Writing to stdout and stderr: a reader that went away is no error, a disk that is full is one. The answer waits for
//! whoever reads stdout; what goes to stderr waits for nobody.

use crate::exit::Failure;
use crate::stderr;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints to stdout; a closed pipe ends the output silently: whoever closed it has read enough.
///
/// # Errors
/// What else the system says, as that the disk is full: the answer is not where it was wanted.
pub fn print(text: &str) -> Result<(), Failure> {
    // What was said before the answer stands before it.
    stderr::flush(stderr::FLUSH_MAX);
    let mut stdout = std::io::stdout().lock();
    let printed = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match printed {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            let what = format!("cannot write to stdout: {cause}");
            Err(Failure::failed("OUTPUT", what))
        }
        _ => Ok(()),
    }
}

/// Prints one JSON object on one line.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value}\n"))
}

/// Prints a failure to stderr.
pub fn complain(failure: &Failure) {
    let lead = if is_colored(&std::io::stderr()) {
        "\x1b[1;31merror:\x1b[0m"
    } else {
        "error:"
    };
    complain_raw(&format!("{lead} {failure}\n"));
}

/// Prints to stderr as is; never waits for its reader.
pub fn complain_raw(text: &str) {
    stderr::tell(text.as_bytes());
}

/// Returns whether colors belong there: a terminal, and no `NO_COLOR`.
pub fn is_colored(stream: &impl IsTerminal) -> bool {
    let is_forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !is_forbidden
}
