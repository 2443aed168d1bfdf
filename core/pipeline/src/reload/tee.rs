//! The tee: inputs as the engine consumed them, for the staging thread to follow the market with.
//!
//! The engine stage copies each input's cells into a chunk that is there already and hands full chunks over; the
//! staging stage gives them back empty. Nothing is allocated on the engine thread. Where the source can wait (files,
//! made markets at full speed) it waits for a chunk; a live market never waits: the tee then takes a snapshot of the
//! engine once a chunk is free again, which costs what the snapshot of a journal's segment costs, and is counted.

use claire_engine::Engine;
use claire_types::{Cell, CellBuffer, Cells};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What goes to the staging thread.
pub(crate) enum Chunk {
    /// Inputs, in order.
    Inputs(CellBuffer),
    /// The engine's state: inputs before it are missing.
    Snapshot(Vec<u8>),
}

/// What the engine stage does where no chunk is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// Wait: the source can.
    Wait,
    /// Go on, and begin anew with a snapshot.
    BeginAnew,
}

/// The engine stage's end.
pub(crate) struct Tee {
    filling: Option<CellBuffer>,
    full: Producer<Chunk>,
    empty: Consumer<CellBuffer>,
    overrun: Overrun,
    is_lost: bool,
    wanted: Arc<AtomicBool>,
    lost_count: Arc<AtomicU64>,
}

/// The staging stage's end.
pub(crate) struct TeeReader {
    full: Consumer<Chunk>,
    empty: Producer<CellBuffer>,
    wanted: Arc<AtomicBool>,
    lost_count: Arc<AtomicU64>,
}

/// Cells of a chunk: four of the longest message.
const CHUNK_CELLS: usize = 4 * crate::ring::MESSAGE_CELLS_MAX;
/// Chunks in all: 4 MB.
const CHUNKS: usize = 32;

/// Returns the two ends, with all chunks at the engine's.
pub(crate) fn tee(overrun: Overrun) -> (Tee, TeeReader) {
    let (full, full_out) = RingBuffer::new(CHUNKS + 1);
    let (mut empty_in, empty) = RingBuffer::new(CHUNKS);
    for _ in 0..CHUNKS {
        // There are as many places as chunks.
        let _ = empty_in.push(CellBuffer::with_room(CHUNK_CELLS));
    }
    let wanted = Arc::new(AtomicBool::new(false));
    let lost_count = Arc::new(AtomicU64::new(0));
    let tee = Tee {
        filling: None,
        full,
        empty,
        overrun,
        is_lost: false,
        wanted: Arc::clone(&wanted),
        lost_count: Arc::clone(&lost_count),
    };
    let reader = TeeReader {
        full: full_out,
        empty: empty_in,
        wanted,
        lost_count,
    };
    (tee, reader)
}

impl Tee {
    /// Returns whether a message fits, or need not: the stage is blocked where not.
    #[inline]
    pub fn has_room(&mut self, cells: usize) -> bool {
        let fits = |chunk: &CellBuffer| chunk.len() + cells <= CHUNK_CELLS;
        if self.filling.as_ref().is_some_and(fits) {
            return true;
        }
        self.change_chunk() || self.overrun == Overrun::BeginAnew
    }

    /// Takes an input that was applied.
    #[inline]
    pub fn take(&mut self, message: &Cells<'_>) {
        if self.is_lost {
            return;
        }
        match &mut self.filling {
            Some(chunk) if chunk.len() + message.len() <= CHUNK_CELLS => chunk.extend(*message),
            _ => self.lose(),
        }
    }

    /// Hands over what there is where it was asked for, and begins anew where inputs were lost. Once a turn.
    #[inline]
    pub fn turn(&mut self, engine: &Engine) {
        if self.is_lost {
            self.begin_anew(engine);
        }
        // Acquire is not needed: the flag carries no data, the ring does.
        if self.wanted.load(Ordering::Relaxed) && self.hand_over() {
            self.wanted.store(false, Ordering::Release);
        }
    }

    /// Hands the last inputs over; nothing follows them.
    pub fn close(&mut self) {
        self.hand_over();
    }

    /// Hands the chunk over and takes an empty one; returns whether there was one.
    #[cold]
    fn change_chunk(&mut self) -> bool {
        if !self.hand_over() {
            return false;
        }
        if self.filling.is_none() {
            self.filling = self.empty.pop().ok();
        }
        self.filling.is_some()
    }

    /// Hands the chunk over, where there is something in it; returns whether nothing is left.
    fn hand_over(&mut self) -> bool {
        let Some(chunk) = self.filling.take_if(|chunk| !chunk.is_empty()) else {
            return true;
        };
        match self.full.push(Chunk::Inputs(chunk)) {
            Ok(()) => true,
            Err(rtrb::PushError::Full(Chunk::Inputs(chunk))) => {
                self.filling = Some(chunk);
                false
            }
            Err(_) => false,
        }
    }

    #[cold]
    fn lose(&mut self) {
        self.is_lost = true;
        // Relaxed: a count for people.
        self.lost_count.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    fn begin_anew(&mut self, engine: &Engine) {
        // Half of the chunks: the reader has caught up, and will not be behind again at once.
        if self.full.is_abandoned() || self.empty.slots() < CHUNKS / 2 || !self.change_chunk() {
            return;
        }
        let mut bytes = Vec::new();
        if engine.save(&mut bytes).is_ok() && self.full.push(Chunk::Snapshot(bytes)).is_ok() {
            self.is_lost = false;
        }
    }
}

impl TeeReader {
    /// Takes the next chunk.
    pub fn take_next(&mut self) -> Option<Chunk> {
        self.full.pop().ok()
    }

    /// Gives a chunk back.
    pub fn give_back(&mut self, mut chunk: CellBuffer) {
        chunk.clear();
        // There are as many places as chunks.
        let _ = self.empty.push(chunk);
    }

    /// Asks for what the engine stage holds back.
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Returns whether what was asked for is in the ring.
    pub fn is_answered(&self) -> bool {
        // Acquire: what was handed over before the answer is visible.
        !self.wanted.load(Ordering::Acquire)
    }

    /// Returns whether nothing will ever come.
    pub fn is_ended(&self) -> bool {
        self.full.is_abandoned() && self.full.is_empty()
    }

    /// Returns how often inputs were lost.
    pub fn lost_count(&self) -> u64 {
        self.lost_count.load(Ordering::Relaxed)
    }
}

const _: () = assert!(CHUNK_CELLS * Cell::BYTES * CHUNKS <= 8 << 20);

#[cfg(test)]
mod tests {
    use super::*;
    use claire_engine::config::EngineConfig;
    use claire_engine::risk::LatchedState;
    use claire_types::{Header, Input, Mode, WallNs};

    fn engine() -> Engine {
        let config = EngineConfig::new(Mode::Paper);
        Engine::new(config, LatchedState::new(0), Vec::new()).expect("a valid configuration")
    }

    fn timer(number: u64) -> CellBuffer {
        let mut out = CellBuffer::default();
        Input::Timer.encode(&Header::of_time(number, WallNs(1)), &mut out);
        out
    }

    /// Takes all that waits: numbers of inputs, and 0 for a snapshot.
    fn read(reader: &mut TeeReader) -> Vec<u64> {
        let mut found = Vec::new();
        while let Some(chunk) = reader.take_next() {
            let Chunk::Inputs(inputs) = chunk else {
                found.push(0);
                continue;
            };
            let mut rest = inputs.view();
            while let Ok((message, after)) = rest.split_message() {
                found.push(message.at(0).expect("first").high);
                rest = after;
            }
            reader.give_back(inputs);
        }
        found
    }

    #[test]
    fn what_is_held_back_comes_when_it_is_asked_for_and_at_the_end() {
        let (mut tee, mut reader) = tee(Overrun::Wait);
        let engine = engine();
        for number in 1..=3 {
            assert!(tee.has_room(2));
            tee.take(&timer(number).view());
            tee.turn(&engine);
        }
        assert_eq!(read(&mut reader), [0; 0]);
        reader.ask();
        assert!(!reader.is_answered());
        tee.turn(&engine);
        assert!(reader.is_answered());
        assert_eq!(read(&mut reader), [1, 2, 3]);
        assert!(tee.has_room(2));
        tee.take(&timer(4).view());
        tee.close();
        drop(tee);
        assert!(!reader.is_ended());
        assert_eq!(read(&mut reader), [4]);
        assert!(reader.is_ended());
    }

    /// Takes inputs until the stage is blocked or the tee has lost one; returns how many.
    fn fill(tee: &mut Tee, reader: &TeeReader, engine: &Engine) -> u64 {
        let mut number = 0;
        while reader.lost_count() == 0 && tee.has_room(2) {
            number += 1;
            tee.take(&timer(number).view());
            tee.turn(engine);
        }
        number
    }

    #[test]
    fn a_source_that_can_wait_waits_and_nothing_is_lost() {
        let (mut tee, mut reader) = tee(Overrun::Wait);
        let engine = engine();
        let taken = fill(&mut tee, &reader, &engine);
        assert_eq!(reader.lost_count(), 0);
        let mut found = read(&mut reader);
        assert!(tee.has_room(2));
        tee.close();
        found.extend(read(&mut reader));
        assert_eq!(found, (1..=taken).collect::<Vec<_>>());
    }

    #[test]
    fn a_live_source_goes_on_and_the_reader_begins_anew_with_a_snapshot() {
        let (mut tee, mut reader) = tee(Overrun::BeginAnew);
        let engine = engine();
        let taken = fill(&mut tee, &reader, &engine);
        assert_eq!(reader.lost_count(), 1);
        tee.take(&timer(taken + 1).view());
        let before = read(&mut reader);
        assert_eq!(before, (1..taken).collect::<Vec<_>>());
        tee.turn(&engine);
        assert!(tee.has_room(2));
        tee.take(&timer(taken + 2).view());
        tee.close();
        assert_eq!(read(&mut reader), [0, taken + 2]);
    }
}
