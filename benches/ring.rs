//! A ring hop, one message of five cells (a ticker), beside the queues one would take otherwise.
//!
//! `hop`: written and read on one thread, the cost of the calls. `round_trip`: there and back between two threads;
//! it says something only on two cores that nobody else uses.

use claire_pipeline::ring::{MessageConsumer, MessageProducer, RING_CELLS, ring};
use claire_types::{Cell, CellBuffer};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam::channel;
use crossbeam::queue::ArrayQueue;
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer, Producer, Split};
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

/// A message of five cells, by value for queues that know no slices.
type Message = [Cell; CELLS];

const CELLS: usize = 5;
/// As many messages as our ring holds.
const MESSAGES: usize = RING_CELLS / CELLS;

fn message() -> Message {
    let mut buffer = CellBuffer::default();
    buffer.begin(3, 0, 1, 42);
    (1..CELLS as u64).for_each(|number| buffer.push(number, number));
    buffer.end();
    buffer.as_slice().try_into().expect("five cells")
}

fn hop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hop");
    let message = message();

    let (mut producer, mut consumer) = ring(RING_CELLS);
    group.bench_function("claire", |bencher| {
        bencher.iter(|| {
            send(&mut producer, black_box(&message));
            receive(&mut consumer)
        });
    });

    let queue = ArrayQueue::<Message>::new(MESSAGES);
    group.bench_function("crossbeam_array_queue", |bencher| {
        bencher.iter(|| {
            queue.push(*black_box(&message)).expect("room");
            queue.pop().map(sum_of)
        });
    });

    let (sender, receiver) = channel::bounded(MESSAGES);
    group.bench_function("crossbeam_channel", |bencher| {
        bencher.iter(|| {
            sender.try_send(*black_box(&message)).expect("room");
            receiver.try_recv().map(sum_of)
        });
    });

    let (mut producer, mut consumer) = HeapRb::<Cell>::new(RING_CELLS).split();
    group.bench_function("ringbuf", |bencher| {
        bencher.iter(|| {
            assert_eq!(producer.push_slice(black_box(&message)), CELLS);
            let mut out = [Cell::default(); CELLS];
            consumer.pop_slice(&mut out);
            sum_of(out)
        });
    });

    let (sender, receiver) = sync_channel(MESSAGES);
    group.bench_function("std_sync_channel", |bencher| {
        bencher.iter(|| {
            sender.try_send(*black_box(&message)).expect("room");
            receiver.try_recv().map(sum_of)
        });
    });
    group.finish();
}

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round_trip");
    let message = message();

    let (mut there, mut there_end) = ring(RING_CELLS);
    let (mut back, mut back_end) = ring(RING_CELLS);
    let echo = thread::spawn(move || {
        while !there_end.is_ended() {
            match there_end.peek() {
                Some(available) => {
                    let message: Message = std::array::from_fn(|index| {
                        available.cells().at(index).expect("five cells")
                    });
                    available.advance(CELLS);
                    send(&mut back, &message);
                }
                None => spin_loop(),
            }
        }
    });
    group.bench_function("claire", |bencher| {
        bencher.iter(|| {
            send(&mut there, black_box(&message));
            loop {
                match back_end.peek() {
                    Some(available) => break available.advance(CELLS),
                    None => spin_loop(),
                }
            }
        });
    });
    there.close();
    echo.join().expect("the echo ends");

    let (there, back) = (
        Arc::new(ArrayQueue::<Message>::new(MESSAGES)),
        Arc::new(ArrayQueue::<Message>::new(MESSAGES)),
    );
    let (there_end, back_in) = (Arc::clone(&there), Arc::clone(&back));
    let echo = thread::spawn(move || {
        loop {
            match there_end.pop() {
                Some([Cell { low: 0, .. }, ..]) => break,
                Some(message) => back_in.push(message).expect("room"),
                None => spin_loop(),
            }
        }
    });
    group.bench_function("crossbeam_array_queue", |bencher| {
        bencher.iter(|| {
            there.push(*black_box(&message)).expect("room");
            loop {
                match back.pop() {
                    Some(message) => break black_box(message),
                    None => spin_loop(),
                }
            }
        });
    });
    there.push([Cell::default(); CELLS]).expect("room");
    echo.join().expect("the echo ends");
    group.finish();
}

fn send(producer: &mut MessageProducer, message: &Message) {
    producer.try_write(message).expect("room");
}

fn receive(consumer: &mut MessageConsumer) -> Option<u64> {
    let available = consumer.peek()?;
    let (message, _) = available.cells().split_message().ok()?;
    let (taken, sum) = (message.len(), message.iter().map(|cell| cell.low).sum());
    available.advance(taken);
    Some(sum)
}

fn sum_of(message: Message) -> u64 {
    message.iter().map(|cell| cell.low).sum()
}

criterion_group!(benches, hop, round_trip);
criterion_main!(benches);
