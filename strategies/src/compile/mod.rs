//! From a checked script to machine code, off the hot path.
//!
//! `check` decides types and lowers Rhai's AST to [`ir`]; `emit` turns that into machine code. A
//! handler that uses what is not supported stays with the interpreter and says why.

#[cfg_attr(
    not(test),
    allow(dead_code, reason = "nothing calls it until the emitter is there")
)]
pub(crate) mod check;
pub mod ir;
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "nothing calls it until the emitter is there")
)]
mod lower;
