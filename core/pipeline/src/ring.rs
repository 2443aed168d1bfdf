//! The ring between two stages: whole messages of cells, one producer, one consumer, no lock.
//!
//! FEED → ENGINE → GATEWAY, and one from each of them to the sidecar. Written and read in a stage's turn,
//! which must never wait here: a write that finds no room hands back [`Full`] and the stage returns
//! `Blocked`. Built on `rtrb`; a commit publishes all messages of a write at once.
#![forbid(unsafe_code)]

use claire_types::cell::{CellFault, Tag};
use claire_types::input::DEPTH_HEADER_CELLS;
use claire_types::{Cell, CellBuffer, Cells, MonoNs};
use rtrb::chunks::{ChunkError, ReadChunk};
use rtrb::{Consumer, Producer, RingBuffer};

/// The writing end of a ring.
#[derive(Debug)]
pub struct MessageProducer {
    ring: Option<Producer<Cell>>,
    capacity: usize,
    blocked: u64,
}

/// The reading end of a ring.
#[derive(Debug)]
pub struct MessageConsumer {
    ring: Consumer<Cell>,
    used_max: usize,
}

/// Messages that wait in a ring: at least one, those committed when the ring was last looked into.
///
/// Dropped without [`Available::advance`], they stay.
#[derive(Debug)]
pub struct Available<'a> {
    chunk: ReadChunk<'a, Cell>,
}

/// There is no room; nothing was written. Return `Blocked` and come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The latency stamp that travels before a frame's messages: from where its way is measured.
///
/// Transport only: it is never journaled, hashed or handed to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Where the frame's way begins.
    pub since: Since,
}

/// Where the way of a frame is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Its last byte was available to FEED then: what it waits on its way counts.
    Available(MonoNs),
    /// It waited in a file: FEED worked on it for so many nanoseconds, and only work on it counts.
    Served(u64),
}

/// Returns the two ends of a ring of `cells`.
///
/// # Panics
/// Where four of the longest message do not fit.
pub fn ring(cells: usize) -> (MessageProducer, MessageConsumer) {
    assert!(
        cells >= RING_PARTS * MESSAGE_CELLS_MAX,
        "a ring of {cells} cells holds no {RING_PARTS} messages of {MESSAGE_CELLS_MAX}"
    );
    let (producer, consumer) = RingBuffer::new(cells);
    let producer = MessageProducer {
        ring: Some(producer),
        capacity: cells,
        blocked: 0,
    };
    let consumer = MessageConsumer {
        ring: consumer,
        used_max: 0,
    };
    (producer, consumer)
}

impl MessageProducer {
    /// Writes one or more whole messages, all or none, and publishes them at once.
    ///
    /// # Errors
    /// [`Full`] where they do not all fit; counted in [`MessageProducer::blocked`].
    ///
    /// # Panics
    /// Where the cells are no run of whole messages, are more than the ring ever holds, or the ring was closed.
    #[inline]
    pub fn try_write(&mut self, cells: &[Cell]) -> Result<(), Full> {
        assert!(are_whole_messages(cells), "a write ends within a message");
        assert!(cells.len() <= self.capacity, "a write never fits the ring");
        let ring = self.ring.as_mut().expect("a closed ring is not written");
        match ring.push_entire_slice(cells) {
            Ok(()) => Ok(()),
            Err(ChunkError::TooFewSlots(_)) => {
                self.blocked += 1;
                Err(Full)
            }
        }
    }

    /// Closes the ring: what was written stays readable, then the consumer sees the end. Idempotent.
    pub fn close(&mut self) {
        self.ring = None;
    }

    /// Returns how many cells fit now; more may fit a moment later, never fewer. 0 after closing.
    #[inline]
    pub fn room(&self) -> usize {
        self.ring.as_ref().map_or(0, Producer::slots)
    }

    /// Returns the size of the ring in cells.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how often there was no room.
    pub fn blocked(&self) -> u64 {
        self.blocked
    }

    /// Returns whether nobody will ever read what is written.
    pub fn is_abandoned(&self) -> bool {
        self.ring.as_ref().is_some_and(Producer::is_abandoned)
    }
}

impl MessageConsumer {
    /// Returns messages that wait, or `None` where none do.
    #[inline]
    pub fn peek(&mut self) -> Option<Available<'_>> {
        // The cached number first: the producer's cache line is touched only when what was seen is used up.
        let seen = self.ring.cached_slots();
        let cells = if seen > 0 { seen } else { self.ring.slots() };
        if cells == 0 {
            return None;
        }
        self.used_max = self.used_max.max(cells);
        let chunk = self.ring.read_chunk(cells).ok()?;
        Some(Available { chunk })
    }

    /// Returns whether the producer is closed or gone and everything was read: nothing will ever come.
    pub fn is_ended(&self) -> bool {
        // In this order: what was committed before the end is visible once the end is.
        self.ring.is_abandoned() && self.ring.is_empty()
    }

    /// Returns whether the producer is closed or gone; messages may still wait.
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// Returns how many cells wait.
    pub fn used(&self) -> usize {
        self.ring.slots()
    }

    /// Returns the most cells that waited when a turn looked.
    pub fn used_max(&self) -> usize {
        self.used_max
    }
}

impl Available<'_> {
    /// Returns the cells: whole messages, one after the other.
    #[inline]
    pub fn cells(&self) -> Cells<'_> {
        let (first, second) = self.chunk.as_slices();
        Cells::new(first, second)
    }

    /// Gives the first `cells` back to the producer: whole messages that were taken.
    ///
    /// # Panics
    /// Where fewer cells were available.
    #[inline]
    pub fn advance(self, cells: usize) {
        assert!(cells <= self.chunk.len(), "more taken than there was");
        debug_assert!(
            self.ends_message(cells),
            "a stage stopped reading within a message"
        );
        self.chunk.commit(cells);
    }

    /// Walks the messages; in debug builds only, since the reader walked them already.
    fn ends_message(&self, cells: usize) -> bool {
        let taken = self.cells().range(0, cells);
        let mut rest = taken.unwrap_or(Cells::new(&[], &[]));
        while let Ok((_, after)) = rest.split_message() {
            rest = after;
        }
        rest.is_empty()
    }
}

impl Stamp {
    /// The kind of its message: below all inputs and records.
    pub const KIND: u8 = 0;
    /// Cells of its message.
    pub const CELLS: usize = 1;

    /// Returns the stamp as one message.
    #[inline]
    pub const fn cell(self) -> Cell {
        let (flags, high) = match self.since {
            Since::Available(at) => (0, at.0),
            Since::Served(ns) => (FLAG_SERVED, ns),
        };
        let tag = Tag {
            kind: Self::KIND,
            flags,
            subject: 0,
            cells: Self::CELLS as u32,
        };
        Cell {
            low: tag.word(),
            high,
        }
    }

    /// Writes the stamp as one message.
    #[inline]
    pub fn encode(self, out: &mut CellBuffer) {
        let cell = self.cell();
        out.push(cell.low, cell.high);
    }

    /// Reads one whole message.
    ///
    /// # Errors
    /// [`CellFault::Kind`] where it is no stamp.
    #[inline]
    pub fn decode(message: &Cells<'_>) -> Result<Self, CellFault> {
        let cell = message.at(0)?;
        let tag = Tag::of(cell.low);
        if tag.kind != Self::KIND {
            return Err(CellFault::Kind(tag.kind));
        }
        let since = match tag.flags {
            FLAG_SERVED => Since::Served(cell.high),
            _ => Since::Available(MonoNs(cell.high)),
        };
        Ok(Self { since })
    }
}

#[inline]
fn are_whole_messages(cells: &[Cell]) -> bool {
    let mut start = 0_usize;
    while let Some(cell) = cells.get(start) {
        match Tag::of(cell.low).cells as usize {
            0 => return false,
            length => start = start.saturating_add(length),
        }
    }
    start == cells.len()
}

const FLAG_SERVED: u8 = 1;

/// Cells of a ring, unless a setting says otherwise: 256 KB.
pub const RING_CELLS: usize = 16_384;
/// Levels of both sides together in one part of a depth; longer depths travel in several.
pub const DEPTH_PART_LEVELS_MAX: usize = 2_048;
/// Cells of the longest message.
pub const MESSAGE_CELLS_MAX: usize = DEPTH_HEADER_CELLS + DEPTH_PART_LEVELS_MAX;
/// The longest message is at most this part of a ring, so that a snapshot flows while it is read.
const RING_PARTS: usize = 4;

const _: () = assert!(MESSAGE_CELLS_MAX <= RING_CELLS / RING_PARTS);
const _: () = assert!(RING_CELLS.is_power_of_two());
const _: () = assert!(Stamp::CELLS <= MESSAGE_CELLS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn message(out: &mut CellBuffer, kind: u8, number: u64, cells: usize) {
        out.begin(kind, 0, 0, number);
        for place in 1..cells as u64 {
            out.push(number, place);
        }
        out.end();
    }

    /// A seeded generator, so that a failure can be run again.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    fn write_all(mut producer: MessageProducer, messages: u64, seed: u64) {
        let mut random = Random(seed);
        let mut out = CellBuffer::default();
        let mut number = 0;
        while number < messages {
            out.clear();
            for _ in 0..=random.below(3) {
                let longest = [8, 64, MESSAGE_CELLS_MAX][random.below(3)];
                message(&mut out, 5, number, 1 + random.below(longest));
                number += 1;
            }
            while producer.try_write(out.as_slice()).is_err() {
                std::thread::yield_now();
            }
        }
    }

    fn check_message(message: &Cells<'_>, number: u64) {
        let first = message.at(0).expect("not empty");
        assert_eq!((Tag::of(first.low).kind, first.high), (5, number));
        for (place, cell) in message.iter().enumerate().skip(1) {
            assert_eq!((cell.low, cell.high), (number, place as u64));
        }
    }

    #[test]
    fn messages_of_all_sizes_cross_threads_whole_and_in_order() {
        let seed = std::env::var("SEED").map_or(0x5eed, |seed| seed.parse().expect("a number"));
        println!("seed {seed}");
        let (producer, mut consumer) = ring(RING_CELLS);
        let writer = std::thread::spawn(move || write_all(producer, 40_000, seed));
        let mut random = Random(seed + 1);
        let mut next = 0;
        while !consumer.is_ended() {
            let Some(available) = consumer.peek() else {
                std::thread::yield_now();
                continue;
            };
            let (mut rest, mut taken) = (available.cells(), 0);
            for _ in 0..=random.below(5) {
                let Ok((message, after)) = rest.split_message() else {
                    assert!(rest.is_empty());
                    break;
                };
                check_message(&message, next);
                next += 1;
                taken += message.len();
                rest = after;
            }
            available.advance(taken);
        }
        writer.join().expect("the writer ends");
        assert!((40_000..40_003).contains(&next), "{next}");
        assert!(consumer.used_max() > 0 && consumer.used_max() <= RING_CELLS);
    }

    #[test]
    fn a_full_ring_takes_nothing_and_counts() {
        let (mut producer, mut consumer) = ring(RING_CELLS);
        let mut out = CellBuffer::default();
        message(&mut out, 1, 0, MESSAGE_CELLS_MAX);
        let fit = RING_CELLS / MESSAGE_CELLS_MAX;
        for _ in 0..fit {
            assert_eq!(producer.try_write(out.as_slice()), Ok(()));
        }
        let room = producer.room();
        assert!(room < MESSAGE_CELLS_MAX);
        assert_eq!(producer.try_write(out.as_slice()), Err(Full));
        assert_eq!((producer.room(), producer.blocked()), (room, 1));
        consumer.peek().expect("waiting").advance(MESSAGE_CELLS_MAX);
        assert_eq!(producer.try_write(out.as_slice()), Ok(()));
        assert_eq!(consumer.used_max(), fit * MESSAGE_CELLS_MAX);
    }

    #[test]
    fn a_closed_ring_is_read_to_its_end() {
        let (mut producer, mut consumer) = ring(RING_CELLS);
        let mut out = CellBuffer::default();
        let stamps = [Since::Available(MonoNs(77)), Since::Served(77)].map(|since| Stamp { since });
        stamps.into_iter().for_each(|stamp| stamp.encode(&mut out));
        producer.try_write(out.as_slice()).expect("room");
        producer.close();
        assert!(consumer.is_abandoned() && !consumer.is_ended());
        for stamp in stamps {
            let available = consumer.peek().expect("waiting");
            assert_eq!(Stamp::decode(&available.cells()), Ok(stamp));
            available.advance(Stamp::CELLS);
        }
        assert!(consumer.is_ended() && consumer.peek().is_none());
    }

    #[test]
    fn what_is_not_advanced_is_seen_again() {
        let (mut producer, mut consumer) = ring(RING_CELLS);
        let mut out = CellBuffer::default();
        message(&mut out, 3, 9, 5);
        producer.try_write(out.as_slice()).expect("room");
        assert_eq!(consumer.peek().expect("waiting").cells().len(), 5);
        assert_eq!(consumer.peek().expect("still there").cells().len(), 5);
    }

    #[test]
    #[should_panic(expected = "a write ends within a message")]
    fn half_a_message_is_not_written() {
        let (mut producer, _consumer) = ring(RING_CELLS);
        let mut out = CellBuffer::default();
        message(&mut out, 1, 0, 4);
        let _ = producer.try_write(&out.as_slice()[..3]);
    }

    #[test]
    fn a_gone_consumer_is_noticed() {
        let (producer, consumer) = ring(RING_CELLS);
        assert!(!producer.is_abandoned());
        drop(consumer);
        assert!(producer.is_abandoned());
    }
}
