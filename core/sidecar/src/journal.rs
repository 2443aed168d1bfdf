//! The journal: an append-only directory of segment files that holds, in engine order, the run's
//! inputs and records as messages of cells. The source of truth; everything else is made from it.
//!
//! A segment is a run of checked blocks (see `journal/block.rs` for the bytes). The first block of each
//! segment is the header; then, but in the first, a snapshot of the engine, so that the journal can be
//! read and verified from any segment on, and the oldest ones can be removed. A finished journal ends with an end mark that holds the digest. Every
//! block names the check of the one before, so that no block can be changed, lost or exchanged
//! without notice. What a crash left in the middle of a block is a torn tail, not damage.

mod block;
mod blocks;
mod check;
mod committed;
mod compressor;
mod error;
mod header;
mod locate;
mod options;
mod reader;
mod resume;
mod retention;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

pub use check::{JournalFacts, check};
pub use committed::Committed;
pub use error::JournalError;
pub use header::{FORMAT_VERSION, JournalHeader, RunId};
pub use options::{JournalOptions, SyncPolicy};
pub use reader::{EndMark, JournalReader, Message, SegmentStart, Tail};
pub use retention::{Projected, Removals, Removed, Retention, RetentionRules};
pub use segment::Place;
pub use writer::JournalWriter;
