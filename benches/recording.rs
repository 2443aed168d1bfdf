//! A recorded line, from the recorded spot session where it is there, else from made frames; and a clock reading.

use claire_pipeline::clock::Clock;
use claire_pipeline::source::{Entry, Recording};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fmt::Write;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

fn lines(criterion: &mut Criterion) {
    let mut recording = recording();
    let lines = pass(&mut recording);
    let mut group = criterion.benchmark_group("recording");
    group.throughput(Throughput::Elements(lines));
    group.bench_function("line", |bencher| bencher.iter(|| pass(&mut recording)));
    group.finish();
}

fn clocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clock");
    let clock = Clock::start();
    group.bench_function("mono", |bencher| bencher.iter(|| black_box(clock.mono())));
    group.bench_function("wall", |bencher| bencher.iter(|| black_box(clock.wall())));
    group.bench_function("std_instant", |bencher| bencher.iter(Instant::now));
    group.finish();
}

/// Reads all lines; returns how many there are.
fn pass(recording: &mut Recording) -> u64 {
    recording.rewind();
    let mut lines = 0;
    while let Some(entry) = recording.next() {
        if let Entry::Line(line) = entry {
            black_box((line.recv, line.frame));
            lines += 1;
        }
    }
    lines
}

fn recording() -> Recording {
    let data = std::env::var_os("CLAIRE_DATA").map(PathBuf::from);
    let spot = data.map(|data| data.join("binance_ws/spot_btcusdt_20240808.txt.gz"));
    if let Some(path) = spot.filter(|path| path.is_file()) {
        return Recording::open(&[path]).expect("the recording is whole");
    }
    eprintln!("no recorded data (CLAIRE_DATA): made frames of 270 bytes instead");
    let frame = "x".repeat(240);
    let mut content = String::new();
    for number in 0..40_000_u64 {
        let stamp = 1_723_161_253_937_085_768 + number;
        writeln!(content, "{stamp} {{\"a\":\"{frame}\"}}").expect("memory");
    }
    let path = std::env::temp_dir().join("claire-bench-recording.txt");
    std::fs::write(&path, content).expect("a temporary file");
    Recording::open(&[path]).expect("just written")
}

criterion_group!(benches, lines, clocks);
criterion_main!(benches);
