//! FEED: frames in, proven events out.

pub mod offset;
pub mod ticks;
