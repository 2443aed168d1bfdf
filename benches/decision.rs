//! From a frame's bytes to the decisions on the orders that it caused: decoder, book, strategy and gate, without rings.
//!
//! `cargo bench -p claire-benches --bench decision`. Frames of the recorded spot session go one after the other through
//! FEED's decoder and ENGINE; counted are the frames after which the gate decided, each by a clock around it (some
//! 25 ns of the figure). The strategy renews an order on each side with every change of the book, so a counted frame
//! holds two cancels and two decisions: once in Rust, once as a script in machine code, once interpreted. All three must
//! decide equally often, else nothing is measured. Recordings are found by `CLAIRE_DATA`, else `../shared/data`; without
//! them a made session is used, and said so.

use claire_engine::Engine;
use claire_engine::config::{BalanceConfig, EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::risk::{LatchedState, Profile};
use claire_engine::strategy::Strategy;
use claire_strategies::native::Churn;
use claire_strategies::{Backend, RhaiStrategy, Script};
use claire_types::{
    Amount, CellBuffer, Cells, ClockOffset, Currency, DurationNs, Header, Input, Mode, Record,
    Symbol, Venue, WallNs,
};
use claire_venue::MarketFeed;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Frames with their receive times.
struct Session {
    text: String,
    frames: Vec<(WallNs, Range<usize>)>,
}

/// FEED's decoder and ENGINE, somewhere in the session.
struct Line {
    feed: MarketFeed,
    engine: Engine,
    cells: CellBuffer,
    tick: Option<WallNs>,
    next: usize,
}

type Make = fn() -> Box<dyn Strategy>;

const MADE: [(&str, Make); 3] = [
    ("native", || Box::new(Churn::new(NOTIONAL, 1))),
    ("compiled", || scripted(Backend::Compiled)),
    ("interpreted", || scripted(Backend::Interpreted)),
];

/// The same as [`Churn`], word for word.
const SCRIPT: &str = "
fn init(m) { #{ buy: no_order(), sell: no_order() } }
fn on_book(m) {
    m.cancel(this.buy);
    this.buy = m.buy_limit(m.qty_for(100.0), m.bid, POST_ONLY);
    m.cancel(this.sell);
    this.sell = m.sell_limit(m.qty_for(100.0), m.ask, POST_ONLY);
}
";
const NOTIONAL: f64 = 100.0;
const TICK: DurationNs = DurationNs::from_ms(100);
/// Receive time less venue time of the recorded session, about.
const OFFSET: DurationNs = DurationNs::from_ms(-1_270);

fn decisions(criterion: &mut Criterion) {
    let session = session();
    let counts = MADE.map(|(name, make)| {
        let (frames, decisions) = Line::new(make()).count(&session);
        eprintln!("{name}: {decisions} decisions after {frames} frames");
        assert!(frames > 1_000, "{name} must trade");
        (frames, decisions)
    });
    assert!(
        counts.iter().all(|count| *count == counts[0]),
        "unequal work"
    );
    let mut group = criterion.benchmark_group("frame_to_decision");
    group.throughput(Throughput::Elements(1));
    for (name, make) in MADE {
        group.bench_function(name, |bencher| {
            let mut line = Line::new(make());
            bencher.iter_custom(|frames| line.time(&session, frames, make));
        });
    }
    group.finish();
}

impl Line {
    fn new(strategy: Box<dyn Strategy>) -> Self {
        let share: Amount = "0.001".parse().expect("a number");
        let mut config = EngineConfig::new(Mode::Replay);
        config.risk.profile = Profile::Bench;
        config.account.balances.push(BalanceConfig {
            currency: Currency::cut("BTC"),
            amount: Amount(10 * Amount::ONE.0),
        });
        config.fees.push(FeeSchedule {
            venue: Venue::BinanceSpot,
            symbol: None,
            maker_share: share,
            taker_share: share,
        });
        config.strategies.push(StrategyConfig {
            name: Symbol::cut("churn"),
            market: "binance-spot:BTCUSDT".parse().expect("a key"),
            budget_share: None,
            budget_amount: None,
        });
        let state = LatchedState::new(config.strategies.len());
        Self {
            feed: MarketFeed::new(Venue::BinanceSpot, &[]),
            engine: Engine::new(config, state, vec![strategy]).expect("the configuration is valid"),
            cells: CellBuffer::with_capacity(1 << 17),
            tick: None,
            next: 0,
        }
    }

    /// Runs the whole session; returns how many frames caused decisions, and how many decisions.
    fn count(&mut self, session: &Session) -> (u64, u64) {
        let (mut frames, mut all) = (0, 0);
        for _ in 0..session.frames.len() {
            let (_, decisions) = self.step(session);
            frames += u64::from(decisions > 0);
            all += decisions;
        }
        (frames, all)
    }

    /// Returns the time of so many frames that caused decisions; at the session's end it begins anew.
    fn time(&mut self, session: &Session, frames: u64, make: Make) -> Duration {
        let (mut left, mut sum) = (frames, Duration::ZERO);
        while left > 0 {
            if self.next == session.frames.len() {
                *self = Self::new(make());
            }
            let (took, decisions) = self.step(session);
            if decisions > 0 {
                left -= 1;
                sum += took;
            }
        }
        sum
    }

    /// Takes the next frame; returns how long that took, and the decisions that came of it.
    fn step(&mut self, session: &Session) -> (Duration, u64) {
        let (recv, range) = &session.frames[self.next];
        self.next += 1;
        self.cells.clear();
        self.pass(*recv);
        self.apply();
        self.cells.clear();
        let frame = session.text[range.clone()].as_bytes();
        let start = Instant::now();
        self.feed.on_frame(black_box(frame), *recv, &mut self.cells);
        let decisions = self.apply();
        (start.elapsed(), decisions)
    }

    /// Writes the ticks that are due before a frame.
    fn pass(&mut self, recv: WallNs) {
        let mut tick = self.tick.unwrap_or(recv);
        while tick <= recv {
            let header = Header::of_time(self.feed.seq(), tick);
            if self.tick.is_none() {
                let offset = ClockOffset {
                    venue: Venue::BinanceSpot,
                    offset: OFFSET,
                };
                Input::ClockOffset(offset).encode(&header, &mut self.cells);
            }
            Input::Timer.encode(&header, &mut self.cells);
            tick = tick.after(TICK);
            self.tick = Some(tick);
        }
    }

    fn apply(&mut self) -> u64 {
        let (mut rest, mut decisions) = (self.cells.view(), 0);
        while let Ok((message, after)) = rest.split_message() {
            let (header, input) = Input::decode(&message).expect("the feed's own encoding");
            self.engine.apply(&header, &input);
            decisions += decided(Cells::new(self.engine.records(), &[]));
            rest = after;
        }
        decisions
    }
}

fn decided(mut records: Cells<'_>) -> u64 {
    let mut decisions = 0;
    while let Ok((message, after)) = records.split_message() {
        let (_, record) = Record::decode(&message).expect("the engine's own encoding");
        decisions += u64::from(matches!(record, Record::Decision(_)));
        records = after;
    }
    decisions
}

fn scripted(backend: Backend) -> Box<dyn Strategy> {
    let script = Script::compile("churn", SCRIPT, &[]).expect("it is right");
    assert_eq!(
        script.interpreted("churn"),
        [],
        "all of it has a compiled form"
    );
    Box::new(RhaiStrategy::with(Arc::new(script), backend))
}

fn session() -> Session {
    let set = std::env::var_os("CLAIRE_DATA").map(PathBuf::from);
    let data =
        set.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let recorded = data.join("binance_ws/spot_btcusdt_20240808.txt.gz");
    let mut text = String::new();
    if recorded.is_file() {
        let file = File::open(recorded).expect("the recording is there");
        MultiGzDecoder::new(file)
            .read_to_string(&mut text)
            .expect("the recording is whole");
    } else {
        eprintln!("no recorded data (CLAIRE_DATA): a made session instead");
        let mut made = Vec::new();
        claire_sim::write_recording(&mut made, 7, 600).expect("memory takes all");
        text = String::from_utf8(made).expect("ASCII");
    }
    let frames = text.lines().filter_map(|line| {
        let (recv, frame) = line.split_once(' ')?;
        let start = frame.as_ptr() as usize - text.as_ptr() as usize;
        Some((WallNs(recv.parse().ok()?), start..start + frame.len()))
    });
    Session {
        frames: frames.collect(),
        text,
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
