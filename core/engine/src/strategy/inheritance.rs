//! What a version of a strategy took over at a swap: counted by the strategy, recorded by the engine, told to people.

/// What a version took over from the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inheritance {
    /// Fields of the same name and type.
    pub carried: u32,
    /// Fields that the version before did not have.
    pub fresh: u32,
    /// Fields that only the version before had.
    pub dropped: u32,
}
