//! The real engine, moved input by input: what a market and a strategy do to it, and what it records.

mod checks;
mod exits;
mod flow;
mod held;
mod history;
mod markets;
mod play;
mod protections;
mod quotes;
mod reloads;
mod rollbacks;
mod stops;
mod undo;
mod unproven;
