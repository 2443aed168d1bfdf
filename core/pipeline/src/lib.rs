//! Claire: threads, rings, clocks and files. Feed, engine, gateway and sidecar stages in flow order.

pub mod affinity;
pub mod clock;
pub mod latency;
pub mod ring;
pub mod source;
pub mod stage;
pub mod topology;
pub mod wait;
