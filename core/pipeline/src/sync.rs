//! The atomics of the hand-overs that `tests/loom` checks, where loom's own are in their place.

pub use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
