//! The journal's commit, seen by its followers.

/// What `committed.rs` needs of its neighbor.
pub mod segment {
    /// A place in a journal.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Place {
        /// Number of the segment.
        pub segment: u32,
        /// Bytes before it.
        pub offset_bytes: u64,
    }
}

#[allow(dead_code, reason = "a model uses its part of the file")]
#[path = "../../core/sidecar/src/journal/committed.rs"]
mod committed;

use committed::Committed;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use segment::Place;

/// A follower that reads up to the committed place finds the bytes there, and never goes back.
pub fn what_is_committed_is_in_the_file() {
    let committed = Arc::new(Committed::default());
    let file = Arc::new(AtomicU64::new(0));
    let writer = {
        let (committed, file) = (Arc::clone(&committed), Arc::clone(&file));
        thread::spawn(move || {
            for blocks in 1..=2 {
                file.store(blocks * 64, Ordering::Relaxed);
                let place = Place {
                    segment: 1,
                    offset_bytes: blocks * 64,
                };
                committed.set(place, blocks);
            }
        })
    };
    let mut last = committed.place();
    for _ in 0..2 {
        let place = committed.place();
        assert!(place >= last, "a committed place only grows");
        assert!(
            file.load(Ordering::Relaxed) >= place.offset_bytes,
            "its bytes are there"
        );
        last = place;
    }
    writer.join().expect("the writer ends");
    assert_eq!(committed.place().offset_bytes, 128);
}
