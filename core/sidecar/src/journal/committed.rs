//! How far a journal is committed: written by its writer, read by whoever follows it.

use super::segment::Place;
use crate::sync::{AtomicU64, Ordering};

/// The place up to which a journal's blocks are committed.
#[derive(Debug, Default)]
pub struct Committed {
    place: AtomicU64,
    messages: AtomicU64,
}

/// A segment is far below 2^40 bytes, a journal far below 2^24 segments.
const OFFSET_BITS: u32 = 40;

impl Committed {
    /// Returns the place behind the last committed block.
    pub fn place(&self) -> Place {
        // Acquire: pairs with the Release of `set`; the bytes before the place are in the file.
        let word = self.place.load(Ordering::Acquire);
        Place {
            segment: (word >> OFFSET_BITS) as u32,
            offset_bytes: word & ((1 << OFFSET_BITS) - 1),
        }
    }

    /// Returns the number of messages committed by this start; while a resumed run is still compared, those compared.
    pub fn messages(&self) -> u64 {
        // Relaxed: a count for people; nothing is read on the strength of it.
        self.messages.load(Ordering::Relaxed)
    }

    /// Publishes that the `messages` messages before `place` are committed.
    pub(super) fn set(&self, place: Place, messages: u64) {
        self.messages.store(messages, Ordering::Relaxed);
        assert!(place.offset_bytes < 1 << OFFSET_BITS && place.segment < 1 << (64 - OFFSET_BITS));
        // Release: pairs with the Acquire of `place`.
        let word = u64::from(place.segment) << OFFSET_BITS | place.offset_bytes;
        self.place.store(word, Ordering::Release);
    }
}
