//! Logs on stderr, filtered by `CLAIRE_LOG` (`info` if not set, as in `CLAIRE_LOG=debug`). The compiler's own
//! lines, each function in full, come only where they are asked for by name, as in `CLAIRE_LOG=cranelift_jit=info`.

use crate::output::is_colored;
use crate::{screen, stderr};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::EnvFilter;

/// Directs log lines to stderr. A filter that does not parse is said, and `info` holds.
pub fn install() {
    let wanted = std::env::var("CLAIRE_LOG").unwrap_or_else(|_| DEFAULT.to_owned());
    // What is named later counts: a wish for the compiler's lines is kept.
    let (filter, fault) = match EnvFilter::try_new(format!("{DEFAULT},{wanted}")) {
        Ok(filter) => (filter, None),
        Err(fault) => (EnvFilter::new(DEFAULT), Some(fault)),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(|| Logged)
        .with_ansi(is_colored(&std::io::stderr()))
        .with_target(false)
        .with_env_filter(filter);
    // A test that runs the program twice in one process keeps the first.
    let _ = subscriber.try_init();
    if let Some(fault) = fault {
        tracing::warn!("CLAIRE_LOG={wanted:?} is no filter ({fault}); using {DEFAULT}");
    }
}

/// Where log lines go: to stderr without waiting for its reader, but not across a page on the terminal; they follow when it is given back.
struct Logged;

/// Lines that wait for the terminal.
static HELD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Prints what was held back.
pub fn release() {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    stderr::tell(&std::mem::take(&mut *held));
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !screen::is_taken() {
            stderr::tell(bytes);
            return Ok(bytes.len());
        }
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const DEFAULT: &str = "info,cranelift_jit=warn,cranelift_codegen=warn,regalloc2=warn";
