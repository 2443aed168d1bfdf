//! Where time goes inside the engine, measured by whoever may read a clock.
//!
//! The engine only says which part begins; the pipeline's probe stamps it. Every input begins in [`Part::Book`]
//! and ends with its application: whoever applies it knows both moments, so only what lies between is said.
//! [`NoProbe`] costs nothing.

/// A part of the engine's work on one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Book, bars, statistics.
    Book,
    /// A strategy's handlers, without the parts they enter.
    Strategy,
    /// The gate.
    Risk,
    /// The paper venue.
    Match,
}

/// Takes note of where the engine is.
pub trait Probe {
    /// The engine enters `part`; the part before it ends here.
    fn enter(&mut self, part: Part);

    /// A strategy's call begins; it was entered just before.
    fn begin_call(&mut self) {}
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn enter(&mut self, _: Part) {}
}
