//! What a panic says: that it is a bug, where, and what to send.

use crate::{output, screen, stderr};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::time::Duration;

/// Replaces the panic message of every thread; gives the terminal back first.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        screen::restore();
        output::complain_raw(&message(info));
        // The process may abort next; what has to be cancelled and latched waits no longer than this.
        stderr::flush(WORDS_MAX);
    }));
}

/// How long a panic waits until its words are written.
const WORDS_MAX: Duration = Duration::from_millis(100);

fn message(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("no message");
    let place = info
        .location()
        .map_or_else(String::new, ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let trace = match backtrace.status() {
        BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => " Run again with RUST_BACKTRACE=1 to see the way there.".to_owned(),
    };
    format!(
        "error: this is a bug in claire {}, please report it.\n  thread {} at {place}: {what}\n{trace}\n",
        env!("CARGO_PKG_VERSION"),
        thread.name().unwrap_or("without a name"),
    )
}
