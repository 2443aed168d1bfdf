//! Claire: threads, rings, clocks and files. Feed, engine, gateway and sidecar stages in flow order.

pub mod config;
pub mod state;
pub mod status;
pub mod summary;
