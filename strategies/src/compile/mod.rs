//! From a checked script to machine code, off the hot path.
//!
//! `check` decides types and lowers Rhai's AST to [`ir`]; `emit` turns that into machine code. A
//! handler that uses what is not supported stays with the interpreter and says why.

pub(crate) mod array;
pub(crate) mod check;
pub(crate) mod context;
mod emit;
pub mod ir;
mod lower;
pub(crate) mod machine;
#[cfg(test)]
pub(crate) mod noted;
pub(crate) mod plan;
pub(crate) mod planted;
mod support;
pub(crate) mod tagged;
pub(crate) mod text;
mod touch;
mod walk;

#[cfg(test)]
mod tests;
