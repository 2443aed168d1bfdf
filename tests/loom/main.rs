//! The interleavings of the hand-overs between threads, all with up to three preemptions: our own source under loom, on atomics that loom watches.
//!
//! No harness, so that the sources' own tests stay out: `main` runs the models. `core/pipeline/src/ring.rs`,
//! `core/sidecar/src/journal/committed.rs` and `core/pipeline/src/topology/vitals.rs` are the files themselves,
//! taken in by path; `rtrb`, whose inside is not ours, is a stand-in with the orderings of the original.
//! What it does not cover: latency sets are handed over by value through two rings and have no atomics of their
//! own; the stop flag and the screen's gauge are relaxed and carry no data.

extern crate self as rtrb;

mod journal;
mod stand_in;

/// As in the sources: the atomics, here loom's.
pub mod sync {
    pub use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
}

#[allow(dead_code, reason = "a model uses its part of the file")]
#[path = "../../core/pipeline/src/ring.rs"]
mod ring;

#[allow(dead_code, reason = "a model uses its part of the file")]
#[path = "../../core/pipeline/src/topology/vitals.rs"]
mod vitals;

pub use stand_in::{Consumer, Producer, RingBuffer, chunks};

use claire_types::CellBuffer;
use claire_types::cell::Tag;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

/// Times that a thread is interrupted in one execution where it would not wait: beyond it, models grow without end.
const PREEMPTIONS_MAX: usize = 3;

fn main() {
    let models: &[(&str, fn())] = &[
        (
            "messages cross a full ring whole, in order, to the end",
            messages_cross_whole,
        ),
        (
            "a closed ring is never ended before it is read",
            nothing_is_lost_at_the_end,
        ),
        (
            "what is committed is in the file",
            journal::what_is_committed_is_in_the_file,
        ),
        ("who left has written what it wrote", who_left_has_written),
        (
            "who sees a death sees its time",
            who_sees_a_death_sees_its_time,
        ),
    ];
    for (name, model) in models {
        let executions = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let count = std::sync::Arc::clone(&executions);
        let model = *model;
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS_MAX);
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            model();
        });
        let executions = executions.load(Ordering::Relaxed);
        println!("loom: {name}: {executions} interleavings");
        assert!(executions > 1, "{name}: nothing was interleaved");
    }
}

/// Writes messages of one and two cells, number after number.
fn write(producer: &mut ring::MessageProducer, number: u64) -> Result<(), ring::Full> {
    let mut out = CellBuffer::default();
    out.begin(5, 0, 0, number);
    if number.is_multiple_of(2) {
        out.push(number, number);
    }
    out.end();
    producer.try_write(out.as_slice())
}

/// Takes what waits; returns the number of the next message.
fn read(consumer: &mut ring::MessageConsumer, mut next: u64) -> u64 {
    let Some(available) = consumer.peek() else {
        return next;
    };
    let (mut rest, mut taken) = (available.cells(), 0);
    assert!(!rest.is_empty(), "what is there is at least one message");
    while let Ok((message, after)) = rest.split_message() {
        let first = message.at(0).expect("not empty");
        assert_eq!((Tag::of(first.low).kind, first.high), (5, next));
        if next.is_multiple_of(2) {
            let second = message.at(1).expect("whole");
            assert_eq!((second.low, second.high), (next, next));
        }
        taken += message.len();
        rest = after;
        next += 1;
    }
    assert!(rest.is_empty(), "no half of a message");
    available.advance(taken);
    next
}

fn messages_cross_whole() {
    const MESSAGES: u64 = 3;
    let (mut producer, mut consumer) = ring::ring(ring::RING_CELLS);
    let writer = thread::spawn(move || {
        for number in 0..MESSAGES {
            while write(&mut producer, number).is_err() {
                thread::yield_now();
            }
        }
    });
    let mut next = 0;
    while !consumer.is_ended() {
        let before = next;
        next = read(&mut consumer, next);
        if next == before {
            thread::yield_now();
        }
    }
    assert_eq!(next, MESSAGES, "all came before the end");
    writer.join().expect("the writer ends");
}

fn nothing_is_lost_at_the_end() {
    let (mut producer, mut consumer) = ring::ring(ring::RING_CELLS);
    let writer = thread::spawn(move || {
        write(&mut producer, 0).expect("room");
        producer.close();
    });
    // A stage asks in this order in each turn: is something there, else is it over?
    let next = read(&mut consumer, 0);
    if next == 0 && consumer.is_ended() {
        panic!("ended, and the message was never seen");
    }
    writer.join().expect("the writer ends");
    assert_eq!(read(&mut consumer, next), 1);
    assert!(consumer.is_ended());
}

fn who_left_has_written() {
    let vitals = Arc::new(vitals::Vitals::new(2));
    let written = Arc::new(AtomicU64::new(0));
    let stage = |index: usize| {
        let (vitals, written) = (Arc::clone(&vitals), Arc::clone(&written));
        thread::spawn(move || {
            written.fetch_add(1, Ordering::Relaxed);
            vitals.leave(index);
        })
    };
    let stages = [stage(0), stage(1)];
    if vitals.have_all_left() {
        assert_eq!(written.load(Ordering::Relaxed), 2);
    }
    if vitals.are_followers_gone(0) {
        assert!(written.load(Ordering::Relaxed) >= 1);
    }
    for stage in stages {
        stage.join().expect("it ends");
    }
    assert!(vitals.have_all_left());
}

fn who_sees_a_death_sees_its_time() {
    const TIME: u64 = 77;
    let vitals = Arc::new(vitals::Vitals::new(3));
    let dying = {
        let vitals = Arc::clone(&vitals);
        thread::spawn(move || {
            vitals.note_time(TIME);
            vitals.die(1);
        })
    };
    if vitals.is_dead() {
        assert_eq!(vitals.died(), TIME, "the drain is measured from the death");
        assert!(vitals.is_before_dead(0) && vitals.is_before_dead(1));
        assert!(!vitals.is_before_dead(2), "what follows drains");
    }
    dying.join().expect("it ends");
    assert!(vitals.is_dead());
}
