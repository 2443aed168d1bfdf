//! What a stage is: something that takes turns.
//!
//! FEED, ENGINE, GATEWAY and SIDECAR are stages; `topology` gives them turns, on one thread or on
//! several. A stage does not know which.
#![forbid(unsafe_code)]

use std::any::Any;
use std::fmt;

/// A step of the pipeline.
///
/// A stage takes an input only when every ring that it may write has room for the worst case of that
/// input; else its turn returns [`Turn::Blocked`]. No turn waits, sleeps or loops without bound.
pub trait Stage: Send {
    /// Returns the stage's name.
    fn name(&self) -> StageName;

    /// Does a bounded piece of work.
    fn turn(&mut self) -> Turn;

    /// Takes the place of [`Stage::turn`] for the first stage once the stop flag is set: writes what must be
    /// written last and returns [`Turn::Done`]; [`Turn::Blocked`] where a ring has no room for it yet.
    fn stop(&mut self) -> Turn {
        Turn::Done
    }

    /// Closes the rings that the stage writes, so that the next stage sees the end. Called once: after [`Turn::Done`],
    /// and after a death anywhere before the stage leaves. A stage that writes a ring implements it.
    fn close(&mut self) {}
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something; there may be more.
    Worked,
    /// Nothing: there was no input.
    Idle,
    /// Nothing: a ring that the stage writes has no room. Only for that; what waits for a disk is `Idle`.
    Blocked,
    /// The stage's inputs ended and all that it had to write is written. It gets no further turn.
    Done,
}

/// A stage's name: short, so that its thread can carry it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StageName(&'static str);

impl StageName {
    /// Bytes of a name: a thread's name has 15, and [`THREAD_PREFIX`] takes 7.
    pub const BYTES_MAX: usize = 8;

    /// Returns the name.
    ///
    /// # Panics
    /// Where it is longer than [`StageName::BYTES_MAX`]; in a constant, when compiled.
    pub const fn new(name: &'static str) -> Self {
        assert!(name.len() <= Self::BYTES_MAX, "a stage's name is short");
        Self(name)
    }

    /// Returns the text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Returns the words of a panic.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let owned = || payload.downcast_ref::<String>().cloned();
    text.or_else(owned)
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// What the names of our threads begin with.
pub const THREAD_PREFIX: &str = "claire-";
const _: () = assert!(THREAD_PREFIX.len() + StageName::BYTES_MAX <= 15);
