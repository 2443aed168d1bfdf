//! Runs of the binary that end well whatever happens to them: killed, out of disk, without their database,
//! fed with rubbish. One test program, so that it is linked once.

mod clock;
#[path = "../environment/mod.rs"]
mod environment;
mod full;
mod input;
mod interrupted;
mod killed;
mod latencies;
mod outage;
mod place;
mod readers;
mod reload;
mod reload_load;
mod rows;
mod saves;
mod session;
mod strategies;
mod transcript;
mod versions;
