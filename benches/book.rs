//! Level updates of the book beside a `BTreeMap` and a sorted `Vec`, on recorded deltas.
//!
//! Each run applies all deltas of a recorded session to a book that begins with the session's snapshot, and
//! asks for the touch after each delta, as the engine does. The deltas are in memory in their cells; reading
//! the recording is not measured. Run with `cargo bench -p claire-benches --bench book`; the recordings are
//! found by `CLAIRE_DATA`. Without them a synthetic session with a similar distribution of distances from
//! the touch is used, and said so.

use claire_engine::market::Book;
use claire_types::number::parse_fixed;
use claire_types::{Cell, Cells, Depth, Level, Levels, Price, Qty, Side};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

/// A snapshot and the deltas after it.
struct Session {
    name: &'static str,
    tick: Price,
    snapshot: Frame,
    deltas: Vec<Frame>,
}

struct Frame {
    id: u64,
    bids: Vec<Cell>,
    asks: Vec<Cell>,
}

/// What is measured: something that takes depths and knows its touch.
trait Levelled: Clone {
    fn of(session: &Session) -> Self;
    fn apply(&mut self, frame: &Frame, is_snapshot: bool);
    fn touch(&self) -> (Option<Level>, Option<Level>);
}

#[derive(Clone, Default)]
struct TreeBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

/// Sorted so that the best level stands at the end of each side, where changes are most frequent.
#[derive(Clone, Default)]
struct VecBook {
    bids: Vec<(i64, i64)>,
    asks: Vec<(i64, i64)>,
}

const DIGITS: u8 = 8;
/// The book's window follows the touch on timer ticks; here after each so many deltas.
const TIDY_FRAMES: usize = 10;

impl Levelled for Book {
    fn of(session: &Session) -> Self {
        Self::new(session.tick)
    }

    fn apply(&mut self, frame: &Frame, is_snapshot: bool) {
        let change = Self::apply(
            self,
            &Depth {
                is_snapshot,
                is_first: true,
                is_last: true,
                first_id: frame.id,
                last_id: frame.id,
                bids: Levels::new(Cells::new(&frame.bids, &[])),
                asks: Levels::new(Cells::new(&frame.asks, &[])),
            },
        );
        black_box(change.touch_changed());
        if (frame.id as usize).is_multiple_of(TIDY_FRAMES) {
            self.tidy();
        }
    }

    fn touch(&self) -> (Option<Level>, Option<Level>) {
        (self.best(Side::Buy), self.best(Side::Sell))
    }
}

impl Levelled for TreeBook {
    fn of(_: &Session) -> Self {
        Self::default()
    }

    fn apply(&mut self, frame: &Frame, _: bool) {
        for (side, cells) in [(&mut self.bids, &frame.bids), (&mut self.asks, &frame.asks)] {
            for cell in cells {
                let level = Level::of(*cell);
                if level.qty.0 == 0 {
                    side.remove(&level.price.0);
                } else {
                    side.insert(level.price.0, level.qty.0);
                }
            }
        }
    }

    fn touch(&self) -> (Option<Level>, Option<Level>) {
        let level = |(price, qty): (&i64, &i64)| level((*price, *qty));
        (
            self.bids.last_key_value().map(level),
            self.asks.first_key_value().map(level),
        )
    }
}

impl Levelled for VecBook {
    fn of(_: &Session) -> Self {
        Self::default()
    }

    fn apply(&mut self, frame: &Frame, _: bool) {
        for (side, cells, sign) in [
            (&mut self.bids, &frame.bids, 1),
            (&mut self.asks, &frame.asks, -1),
        ] {
            for cell in cells {
                let level = Level::of(*cell);
                let key = level.price.0 * sign;
                match (
                    side.binary_search_by_key(&key, |(key, _)| *key),
                    level.qty.0,
                ) {
                    (Ok(at), 0) => drop(side.remove(at)),
                    (Ok(at), qty) => side[at].1 = qty,
                    (Err(_), 0) => {}
                    (Err(at), qty) => side.insert(at, (key, qty)),
                }
            }
        }
    }

    fn touch(&self) -> (Option<Level>, Option<Level>) {
        let ask = self.asks.last().map(|(key, qty)| (-key, *qty));
        (self.bids.last().copied().map(level), ask.map(level))
    }
}

fn level((price, qty): (i64, i64)) -> Level {
    Level {
        price: Price(price),
        qty: Qty(qty),
    }
}

fn book(criterion: &mut Criterion) {
    for session in sessions() {
        assert_same(&session);
        let levels: usize = session
            .deltas
            .iter()
            .map(|frame| frame.bids.len() + frame.asks.len())
            .sum();
        let mut group = criterion.benchmark_group(format!("book/{}", session.name));
        group.throughput(Throughput::Elements(levels as u64));
        group.sample_size(20);
        measure::<Book>(&mut group, "claire", &session);
        measure::<TreeBook>(&mut group, "btreemap", &session);
        measure::<VecBook>(&mut group, "sorted_vec", &session);
        group.finish();
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn measure<B: Levelled>(group: &mut Group<'_>, name: &str, session: &Session) {
    let mut start = B::of(session);
    start.apply(&session.snapshot, true);
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_batched_ref(
            || start.clone(),
            |book| {
                for frame in &session.deltas {
                    book.apply(frame, false);
                    black_box(book.touch());
                }
            },
            BatchSize::PerIteration,
        );
    });
}

/// The three agree at every touch, else their speeds are of different things.
fn assert_same(session: &Session) {
    let (mut one, mut two, mut three) =
        (Book::of(session), TreeBook::default(), VecBook::default());
    let frames = [(&session.snapshot, true)].into_iter();
    for (frame, is_snapshot) in frames.chain(session.deltas.iter().map(|frame| (frame, false))) {
        Levelled::apply(&mut one, frame, is_snapshot);
        two.apply(frame, is_snapshot);
        three.apply(frame, is_snapshot);
        let touch = Levelled::touch(&one);
        assert!(
            touch == two.touch() && touch == three.touch(),
            "{} {}",
            session.name,
            frame.id
        );
    }
    let counts = (one.count(Side::Buy), one.count(Side::Sell));
    assert_eq!(counts, (two.bids.len(), two.asks.len()));
    println!(
        "{}: {} deltas, {} + {} levels at the end, {} recentred, {} bytes",
        session.name,
        session.deltas.len(),
        counts.0,
        counts.1,
        one.recentre_count(),
        one.memory_bytes()
    );
}

fn sessions() -> Vec<Session> {
    let recorded = [
        (
            "spot_btcusdt",
            "spot_btcusdt_20240808.txt.gz",
            Price(1_000_000),
        ),
        (
            "usdm_btcusdt",
            "usdm_btcusdt_20240808.txt.gz",
            Price(10_000_000),
        ),
        (
            "cm_btcusd_perp",
            "cm_btcusd_perp_20240808.txt.gz",
            Price(10_000_000),
        ),
    ];
    let found: Vec<_> = recorded
        .into_iter()
        .filter_map(|(name, file, tick)| read(name, file, tick))
        .collect();
    if found.is_empty() {
        eprintln!("NO RECORDED SESSIONS: set CLAIRE_DATA to their folder; a synthetic one is used");
        return vec![synthetic()];
    }
    found
}

fn read(name: &'static str, file: &str, tick: Price) -> Option<Session> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder =
        std::env::var_os("CLAIRE_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = File::open(folder.join("binance_ws").join(file)).ok()?;
    let (mut snapshot, mut deltas) = (None, Vec::new());
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("the recording is readable");
        let (_, json) = line.split_once(' ').expect("receive time and frame");
        if json.starts_with("{\"lastUpdateId\"") {
            let value: Value = serde_json::from_str(json).expect("a frame is JSON");
            snapshot = Some(frame(
                &value["lastUpdateId"],
                &value["bids"],
                &value["asks"],
            ));
        } else if json.contains("@depth") {
            let value: Value = serde_json::from_str(json).expect("a frame is JSON");
            let data = &value["data"];
            deltas.push(frame(&data["u"], &data["b"], &data["a"]));
        }
    }
    let snapshot = snapshot?;
    deltas.retain(|delta: &Frame| delta.id > snapshot.id);
    Some(Session {
        name,
        tick,
        snapshot,
        deltas,
    })
}

fn frame(id: &Value, bids: &Value, asks: &Value) -> Frame {
    Frame {
        id: id.as_u64().expect("an update id"),
        bids: cells(bids),
        asks: cells(asks),
    }
}

fn cells(rows: &Value) -> Vec<Cell> {
    let number = |value: &Value| {
        parse_fixed(value.as_str().expect("a number in text").as_bytes(), DIGITS).expect("a number")
    };
    let rows = rows.as_array().expect("levels").iter();
    rows.map(|row| level((number(&row[0]), number(&row[1]))).cell())
        .collect()
}

/// Distances double from decile to decile, as in the recorded sessions; 40 % of the updates remove.
fn synthetic() -> Session {
    let mut state = 20_261_121_u64;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut middle = 6_180_000_i64;
    let mut side = |middle: i64, sign: i64, count: usize, removes: bool| {
        let mut one = || {
            let reach = random(16);
            let distance = 1 + random(16 << reach);
            let qty = if removes && random(10) < 4 {
                0
            } else {
                1 + random(1_000)
            };
            level((middle + sign * distance as i64, qty as i64)).cell()
        };
        (0..count).map(|_| one()).collect::<Vec<_>>()
    };
    let snapshot = Frame {
        id: 1,
        bids: side(middle, -1, 1_000, false),
        asks: side(middle, 1, 1_000, false),
    };
    let deltas = (2..6_000).map(|id| {
        middle += (id % 7) as i64 - 3;
        Frame {
            id,
            bids: side(middle, -1, 18, true),
            asks: side(middle, 1, 18, true),
        }
    });
    Session {
        name: "synthetic",
        tick: Price(1),
        snapshot,
        deltas: deltas.collect(),
    }
}

criterion_group!(benches, book);
criterion_main!(benches);
