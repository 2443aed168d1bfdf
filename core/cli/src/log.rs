//! Logs on stderr, filtered by `CLAIRE_LOG` (`info` if not set, as in `CLAIRE_LOG=debug`).

use crate::output::is_colored;
use tracing_subscriber::EnvFilter;

/// Directs log lines to stderr. A filter that does not parse is said, and `info` holds.
pub fn install() {
    let wanted = std::env::var("CLAIRE_LOG").unwrap_or_else(|_| DEFAULT.to_owned());
    let (filter, fault) = match EnvFilter::try_new(&wanted) {
        Ok(filter) => (filter, None),
        Err(fault) => (EnvFilter::new(DEFAULT), Some(fault)),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(is_colored(&std::io::stderr()))
        .with_target(false)
        .with_env_filter(filter);
    // A test that runs the program twice in one process keeps the first.
    let _ = subscriber.try_init();
    if let Some(fault) = fault {
        tracing::warn!("CLAIRE_LOG={wanted:?} is no filter ({fault}); using {DEFAULT}");
    }
}

const DEFAULT: &str = "info";
