//! What the engine knows of an instrument's market.
//!
//! Called by the engine on each market event, on the engine thread.

pub mod view;

pub use view::BookView;
