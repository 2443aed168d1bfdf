//! Threads, rings, clocks and files: FEED, ENGINE and SIDECAR stages in flow order.
//!
//! The only crate that touches files of recordings, clocks and threads in the live path; what the
//! stages decide is decided in `venue` and `engine`.

pub mod affinity;
pub mod clock;
pub mod config;
pub mod difference;
pub mod disk;
pub mod duration;
pub mod engine;
pub mod explain;
pub mod feed;
pub mod inputs;
pub mod latency;
pub mod paper;
pub mod reload;
pub mod replay;
pub mod ring;
pub mod run;
pub mod sidecar;
pub mod source;
pub mod stage;
pub mod state;
pub mod status;
pub mod strategy;
pub mod summary;
mod sync;
pub mod topology;
pub mod tradable;
pub mod trial;
pub mod verify;
pub mod wait;
pub mod watch;
pub mod words;
