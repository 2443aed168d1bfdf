//! Cores: how many there are, and pinning a thread to one.
//!
//! Called by `topology` when a thread starts, on that thread.
#![forbid(unsafe_code)]

use std::thread::available_parallelism;

/// Why a thread could not be pinned. It runs on, unpinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinFault {
    /// The machine, or what of it this process may use, has no such core; correct the setting.
    #[error("there is no core {core} for this process; it may use {cores}")]
    NoCore {
        /// The core asked for.
        core: u16,
        /// How many there are.
        cores: usize,
    },
    /// The system refused; run without pinning or ask for the right.
    #[error("the system does not pin a thread to core {core}")]
    Refused {
        /// The core asked for.
        core: u16,
    },
}

/// Pins the calling thread to the core with this number, as the system counts them.
///
/// # Errors
/// A [`PinFault`]; the thread is then where it was.
pub fn pin(core: u16) -> Result<(), PinFault> {
    let known = core_affinity::get_core_ids().unwrap_or_default();
    let cores = known.len();
    let wanted = known
        .into_iter()
        .find(|known| known.id == usize::from(core));
    match wanted {
        Some(wanted) if core_affinity::set_for_current(wanted) => Ok(()),
        Some(_) => Err(PinFault::Refused { core }),
        None => Err(PinFault::NoCore { core, cores }),
    }
}

/// Returns how many cores this process may use, at least 1.
pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        let fault = pin(u16::MAX).expect_err("no machine has it");
        assert!(matches!(fault, PinFault::NoCore { core: u16::MAX, .. }));
    }
}
