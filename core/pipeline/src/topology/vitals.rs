//! Which stages of a run have left, and whether one died: what its threads tell each other.
//!
//! Written by a stage's thread when it leaves or dies, read by all threads of the run. `tests/loom` checks this
//! file in the interleavings of its threads.

use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// The vitals of one run. Cold: three words that are written once or twice in a run.
#[derive(Debug)]
pub struct Vitals {
    stages: usize,
    /// Bit per stage, set when it has left.
    left: AtomicU64,
    /// One more than the index of the last dead stage in the flow; 0 while all live.
    dead: AtomicUsize,
    /// When the first death was, ns of the run's clock.
    died: AtomicU64,
}

impl Vitals {
    /// Returns those of stages that all live.
    pub fn new(stages: usize) -> Self {
        Self {
            stages,
            left: AtomicU64::new(0),
            dead: AtomicUsize::new(0),
            died: AtomicU64::new(0),
        }
    }

    /// Says that the stage has left.
    pub fn leave(&self, index: usize) {
        // Release: pairs with the acquires of `have_all_left` and `are_followers_gone`.
        self.left.fetch_or(1 << index, Ordering::Release);
    }

    /// Keeps the time of the first death, before [`Vitals::die`].
    pub fn note_time(&self, ns: u64) {
        // Relaxed: `die` publishes it.
        self.died.store(ns, Ordering::Relaxed);
    }

    /// Says that the stage died.
    pub fn die(&self, index: usize) {
        // Release: pairs with the acquires of `is_dead` and `is_before_dead`; the time was stored before.
        self.dead.fetch_max(index + 1, Ordering::Release);
    }

    /// Returns whether all stages have left; what they wrote is then visible.
    pub fn have_all_left(&self) -> bool {
        self.left.load(Ordering::Acquire) == self.all()
    }

    /// Returns whether all stages after this one have left.
    pub fn are_followers_gone(&self, index: usize) -> bool {
        let followers = self.all() & !(u64::MAX >> (u64::BITS as usize - 1 - index));
        followers != 0 && self.left.load(Ordering::Acquire) & followers == followers
    }

    /// Returns whether a stage died; its time is then visible.
    #[inline]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire) != 0
    }

    /// Returns whether this stage, or one after it in the flow, died.
    #[inline]
    pub fn is_before_dead(&self, index: usize) -> bool {
        index < self.dead.load(Ordering::Acquire)
    }

    /// Returns when the first stage died.
    pub fn died(&self) -> u64 {
        self.died.load(Ordering::Relaxed)
    }

    const fn all(&self) -> u64 {
        u64::MAX >> (u64::BITS as usize - self.stages)
    }
}
