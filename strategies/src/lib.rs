//! Strategies in Rhai: interface, checker, runtime.
//!
//! The pipeline compiles scripts with [`Script`] off the hot path and hands [`RhaiStrategy`] to the
//! engine, which calls it on the engine thread behind the `Strategy` trait. Nobody else knows Rhai.
//! Nothing here reads a clock, starts a thread or writes anywhere; only [`Script::load`] reads a file.
//!
//! Reading order: what a file may say ([`Script`], [`Parameter`], [`Diagnostic`]), what it may call
//! (`api`), how it becomes machine code (`compile`), how it runs ([`Backend`], [`RhaiStrategy`]), and strategies in Rust behind the same trait
//! ([`native`]), and how fast all of that is ([`contest`]).
// Allowed in the modules of `compile` that touch machine code, each with its reason.
#![deny(unsafe_code)]

mod api;
mod arrays;
mod backend;
mod bundled;
mod check;
mod compile;
mod constants;
pub mod contest;
#[cfg(test)]
#[path = "../tests/strategies/desk.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod desk;
mod diagnostic;
mod inherit;
mod lending;
mod limits;
mod names;
pub mod native;
mod parameter;
mod runtime;
pub mod sandbox;
mod script;
mod state;
mod token;

pub use api::reference::reference;
pub use backend::{Backend, HandlerState, Interpreted};
pub use bundled::{BUNDLED, bundled, bundled_test};
pub use diagnostic::Diagnostic;
pub use limits::{CALL_US_MAX, Limits};
pub use parameter::{Parameter, Value};
pub use runtime::RhaiStrategy;
pub use script::Script;
