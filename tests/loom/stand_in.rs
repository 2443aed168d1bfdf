//! A ring with the interface and the orderings of `rtrb` that loom can watch: two indices, each written by one
//! side with Release and read by the other with Acquire; a side that is dropped sets a flag with Release.
//!
//! The cells lie in relaxed atomics: a read that is not ordered behind its write sees an old cell, which a model
//! notices. Holds [`SLOTS`] cells however many were asked for, so that a few messages fill it.

use claire_types::Cell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::cell::Cell as Local;
use std::marker::PhantomData;

/// Cells that the ring holds.
const SLOTS: usize = 3;

/// Makes rings.
pub struct RingBuffer<T>(PhantomData<T>);

/// The writing end.
#[derive(Debug)]
pub struct Producer<T> {
    shared: Arc<Shared>,
    head_seen: Local<usize>,
    tail: usize,
    of: PhantomData<T>,
}

/// The reading end.
#[derive(Debug)]
pub struct Consumer<T> {
    shared: Arc<Shared>,
    head: usize,
    tail_seen: Local<usize>,
    of: PhantomData<T>,
}

#[derive(Debug)]
struct Shared {
    slots: Vec<[AtomicU64; 2]>,
    head: AtomicUsize,
    tail: AtomicUsize,
    is_abandoned: AtomicBool,
}

/// Runs of cells.
pub mod chunks {
    use super::{Cell, Consumer, Ordering};

    /// Why a chunk was refused.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ChunkError {
        /// Fewer are there.
        TooFewSlots(usize),
    }

    /// Cells that wait.
    #[derive(Debug)]
    pub struct ReadChunk<'a, T> {
        pub(super) consumer: &'a mut Consumer<T>,
        pub(super) cells: Vec<Cell>,
    }

    impl<T> ReadChunk<'_, T> {
        /// Returns the cells in two runs.
        pub fn as_slices(&self) -> (&[Cell], &[Cell]) {
            (&self.cells, &[])
        }

        /// Returns how many there are.
        #[expect(clippy::len_without_is_empty, reason = "of the original, what is used")]
        pub fn len(&self) -> usize {
            self.cells.len()
        }

        /// Gives the first cells back to the producer.
        pub fn commit(self, cells: usize) {
            self.consumer.head += cells;
            let head = &self.consumer.shared.head;
            head.store(self.consumer.head, Ordering::Release);
        }
    }
}

impl<T> RingBuffer<T> {
    /// Returns both ends.
    #[expect(clippy::new_ret_no_self, reason = "as the original")]
    pub fn new(_cells: usize) -> (Producer<T>, Consumer<T>) {
        let slot = || [AtomicU64::new(0), AtomicU64::new(0)];
        let shared = Arc::new(Shared {
            slots: (0..SLOTS).map(|_| slot()).collect(),
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            is_abandoned: AtomicBool::new(false),
        });
        let producer = Producer {
            shared: Arc::clone(&shared),
            head_seen: Local::new(0),
            tail: 0,
            of: PhantomData,
        };
        let consumer = Consumer {
            shared,
            head: 0,
            tail_seen: Local::new(0),
            of: PhantomData,
        };
        (producer, consumer)
    }
}

impl<T> Producer<T> {
    /// Writes all cells or none and publishes them at once.
    pub fn push_entire_slice(&mut self, cells: &[Cell]) -> Result<(), chunks::ChunkError> {
        if self.cached_slots() < cells.len() && self.slots() < cells.len() {
            return Err(chunks::ChunkError::TooFewSlots(self.cached_slots()));
        }
        for (place, cell) in cells.iter().enumerate() {
            let [low, high] = &self.shared.slots[(self.tail + place) % SLOTS];
            low.store(cell.low, Ordering::Relaxed);
            high.store(cell.high, Ordering::Relaxed);
        }
        self.tail += cells.len();
        self.shared.tail.store(self.tail, Ordering::Release);
        Ok(())
    }

    /// Returns how many fit, as seen last.
    pub fn cached_slots(&self) -> usize {
        SLOTS - (self.tail - self.head_seen.get())
    }

    /// Returns how many fit now.
    pub fn slots(&self) -> usize {
        self.head_seen.set(self.shared.head.load(Ordering::Acquire));
        self.cached_slots()
    }

    /// Returns whether the other end is gone.
    pub fn is_abandoned(&self) -> bool {
        self.shared.is_abandoned.load(Ordering::Acquire)
    }
}

impl<T> Consumer<T> {
    /// Returns how many wait, as seen last.
    pub fn cached_slots(&self) -> usize {
        self.tail_seen.get() - self.head
    }

    /// Returns how many wait now.
    pub fn slots(&self) -> usize {
        self.tail_seen.set(self.shared.tail.load(Ordering::Acquire));
        self.cached_slots()
    }

    /// Returns whether none waits.
    pub fn is_empty(&self) -> bool {
        self.cached_slots() == 0 && self.slots() == 0
    }

    /// Returns the next cells.
    pub fn read_chunk(
        &mut self,
        cells: usize,
    ) -> Result<chunks::ReadChunk<'_, T>, chunks::ChunkError> {
        if self.cached_slots() < cells && self.slots() < cells {
            return Err(chunks::ChunkError::TooFewSlots(self.cached_slots()));
        }
        let cells = (self.head..self.head + cells).map(|place| {
            let [low, high] = &self.shared.slots[place % SLOTS];
            Cell {
                low: low.load(Ordering::Relaxed),
                high: high.load(Ordering::Relaxed),
            }
        });
        let cells = cells.collect();
        Ok(chunks::ReadChunk {
            consumer: self,
            cells,
        })
    }

    /// Returns whether the other end is gone.
    pub fn is_abandoned(&self) -> bool {
        self.shared.is_abandoned.load(Ordering::Acquire)
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.is_abandoned.store(true, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.shared.is_abandoned.store(true, Ordering::Release);
    }
}
