//! After warm-up neither FEED nor ENGINE allocates: frames through the real decoder, the real engine, and a
//! strategy that places thousands of orders, once in Rust and once a compiled script, counted by the process's own allocator.
//!
//! A binary of its own, because it has a global allocator. Counts the test's thread only.

use claire_engine::Engine;
use claire_engine::config::{BalanceConfig, EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::indicator::{
    ArgumentDefinition, BarF64, DEFINITIONS, Indicator, IndicatorKind, IndicatorSpec, SourceKind,
    TouchF64, TradeF64,
};
use claire_engine::risk::{LatchedState, Profile};
use claire_engine::snapshot::SNAPSHOT_ROOM_BYTES;
use claire_engine::strategy::Strategy;
use claire_strategies::native::Churn;
use claire_strategies::{RhaiStrategy, Script, bundled};
use claire_types::{
    Amount, CellBuffer, Cells, ClockOffset, Currency, DurationNs, Header, Input, Mode, Record,
    Side, Symbol, Venue, VenueNs, WallNs,
};
use claire_venue::MarketFeed;
use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The system's allocator, which counts what a thread asks for while it is watched.
struct Counting;

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(size: usize) {
    if IS_WATCHED.get() {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get() + size as u64);
        if ALLOCATIONS.get() <= PLACES_SHOWN {
            // Showing the place allocates, too.
            IS_WATCHED.set(false);
            eprintln!("{size} bytes: {}", Backtrace::force_capture());
            IS_WATCHED.set(true);
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only this thread's
// cells, which need no memory and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract of `realloc`, which is handed on.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, which is handed on.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Frames of a recorded session, unpacked.
struct Session {
    text: String,
    frames: Vec<(WallNs, std::ops::Range<usize>)>,
}

/// What the engine did.
#[derive(Debug, Default)]
struct Done {
    inputs: u64,
    orders: u64,
    fills: u64,
    denials: u64,
}

/// The stages of a run without rings: FEED's decoder, its ticks, and ENGINE.
struct Line {
    feed: MarketFeed,
    engine: Engine,
    cells: CellBuffer,
    tick: Option<WallNs>,
    done: Done,
}

/// Allocations that are shown with the place they come from.
const PLACES_SHOWN: u64 = 3;
const TICK: DurationNs = DurationNs::from_ms(100);
/// Receive time less venue time of the recorded session, about; the made one has none.
const OFFSET: DurationNs = DurationNs::from_ms(-1_270);

#[test]
fn feed_and_engine_allocate_nothing_after_warm_up() {
    check(Line::new());
}

#[test]
fn a_compiled_script_allocates_nothing_after_warm_up() {
    let text = bundled("churn").expect("it is bundled");
    let script = Script::compile("churn", text, &[]).expect("it is right");
    assert_eq!(script.interpreted("churn"), [], "all of it is compiled");
    check(Line::with(Box::new(RhaiStrategy::new(Arc::new(script)))));
}

/// Runs the session and counts what is allocated after a part of it.
fn check(mut line: Line) {
    let session = session();
    let warm = session.frames.len() * 3 / 10;
    line.run(&session, 0..warm);
    let before = line.done.orders;
    IS_WATCHED.set(true);
    line.run(&session, warm..session.frames.len());
    IS_WATCHED.set(false);
    let done = &line.done;
    println!(
        "{} frames, {} inputs, {} orders ({} watched), {} fills, {} denials, {} allocations of {} bytes",
        session.frames.len(),
        done.inputs,
        done.orders,
        done.orders - before,
        done.fills,
        done.denials,
        ALLOCATIONS.get(),
        BYTES.get(),
    );
    assert!(done.orders - before >= 1_000, "the strategy must trade");
    assert!(done.fills > 0, "orders must be filled");
    assert_eq!(ALLOCATIONS.get(), 0, "allocations after warm-up");
}

#[test]
fn no_indicator_allocates_after_it_was_made() {
    let mut indicators: Vec<Indicator> = DEFINITIONS
        .iter()
        .map(|definition| {
            let usual = |of: &ArgumentDefinition| of.default.unwrap_or(of.max.min(2_000.0));
            let arguments: Vec<f64> = definition.arguments.iter().map(usual).collect();
            IndicatorSpec::new(definition.kind, &arguments).expect("the usual arguments")
        })
        .map(Indicator::new)
        .collect();
    IS_WATCHED.set(true);
    for number in 0..20_000_i64 {
        let price = 100.0 + (number * 7_919 % 1_000) as f64 / 100.0;
        let bar = BarF64 {
            open_time: VenueNs(number * 60_000_000_000),
            open: price,
            high: price + 1.0,
            low: price - 1.0,
            close: price,
            volume: 1.0 + (number % 7) as f64,
        };
        let now = WallNs(number * 10_000_000);
        let side = if number % 3 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let (qty, ask) = (bar.volume, price + 0.01);
        let touch = TouchF64 {
            bid: price,
            bid_qty: qty,
            ask,
            ask_qty: 2.0,
        };
        for indicator in &mut indicators {
            match indicator.spec().definition().sources.first() {
                Some(SourceKind::Trades) => indicator.on_trade(&TradeF64 {
                    now,
                    price,
                    qty,
                    side,
                }),
                Some(SourceKind::Mid) => indicator.on_mid(WallNs(now.0 * 100), price),
                Some(SourceKind::Book) if indicator.book_levels().is_none() => {
                    indicator.on_touch(now, &touch);
                }
                _ => indicator.on_bar(&bar),
            }
            indicator.on_time(now);
        }
    }
    IS_WATCHED.set(false);
    assert_eq!(ALLOCATIONS.get(), 0, "allocations of indicators");
    for indicator in &indicators {
        // A bucket of VPIN is larger here than all that was traded: it counts on.
        let is_done = indicator.is_warm() || indicator.spec().kind() == IndicatorKind::Vpin;
        assert!(is_done, "{:?}", indicator.spec());
    }
}

#[test]
fn a_snapshot_allocates_nothing_in_the_room_that_is_reserved_for_it() {
    let session = session();
    let mut line = Line::new();
    line.run(&session, 0..session.frames.len() / 5);
    let mut bytes = Vec::with_capacity(SNAPSHOT_ROOM_BYTES);
    IS_WATCHED.set(true);
    let saved = line.engine.save(&mut bytes);
    IS_WATCHED.set(false);
    assert_eq!(saved, Ok(()));
    assert!(line.done.orders > 0 && bytes.len() > 10_000);
    assert_eq!(ALLOCATIONS.get(), 0, "allocations of {} bytes", bytes.len());
}

#[test]
fn the_allocator_counts_what_a_watched_thread_asks_for() {
    IS_WATCHED.set(true);
    let one = std::hint::black_box(Box::new(7_u64));
    IS_WATCHED.set(false);
    assert_eq!((*one, ALLOCATIONS.get(), BYTES.get()), (7, 1, 8));
}

impl Line {
    fn new() -> Self {
        Self::with(Box::new(Churn::new(100.0, 5)))
    }

    fn with(strategy: Box<dyn Strategy>) -> Self {
        let amount = |text: &str| -> Amount { text.parse().expect("a number") };
        let mut config = EngineConfig::new(Mode::Replay);
        config.risk.profile = Profile::Bench;
        config.account.balances.push(BalanceConfig {
            currency: Currency::cut("BTC"),
            amount: Amount(10 * Amount::ONE.0),
        });
        config.fees.push(FeeSchedule {
            venue: Venue::BinanceSpot,
            symbol: None,
            maker_share: amount("0.001"),
            taker_share: amount("0.001"),
        });
        config.strategies.push(StrategyConfig {
            name: Symbol::cut("churn"),
            market: "binance-spot:BTCUSDT".parse().expect("a key"),
            budget_share: None,
            budget_amount: None,
        });
        let state = LatchedState::new(config.strategies.len());
        let engine = Engine::new(config, state, vec![strategy]);
        Self {
            feed: MarketFeed::new(Venue::BinanceSpot, &[]),
            engine: engine.expect("the configuration is valid"),
            cells: CellBuffer::with_capacity(1 << 17),
            tick: None,
            done: Done::default(),
        }
    }

    fn run(&mut self, session: &Session, frames: std::ops::Range<usize>) {
        for (recv, range) in &session.frames[frames] {
            self.cells.clear();
            self.pass(*recv);
            let frame = session.text[range.clone()].as_bytes();
            self.feed.on_frame(frame, *recv, &mut self.cells);
            self.apply();
        }
    }

    /// Writes the ticks that are due before a frame.
    fn pass(&mut self, recv: WallNs) {
        let mut tick = self.tick.unwrap_or(recv);
        while tick <= recv {
            let header = Header::of_time(self.feed.seq(), tick);
            if self.tick.is_none() {
                Input::ClockOffset(ClockOffset {
                    venue: Venue::BinanceSpot,
                    offset: OFFSET,
                })
                .encode(&header, &mut self.cells);
            }
            Input::Timer.encode(&header, &mut self.cells);
            tick = tick.after(TICK);
            self.tick = Some(tick);
        }
    }

    fn apply(&mut self) {
        let mut rest = self.cells.view();
        while let Ok((message, after)) = rest.split_message() {
            let (header, input) = Input::decode(&message).expect("the feed's own encoding");
            self.engine.apply(&header, &input);
            self.done.inputs += 1;
            self.done.count(Cells::new(self.engine.records(), &[]));
            rest = after;
        }
    }
}

impl Done {
    fn count(&mut self, records: Cells<'_>) {
        let mut rest = records;
        while let Ok((message, after)) = rest.split_message() {
            match Record::decode(&message)
                .expect("the engine's own encoding")
                .1
            {
                Record::Order(_) => self.orders += 1,
                Record::Fill(_) => self.fills += 1,
                Record::Decision(decision) => {
                    self.denials +=
                        u64::from(decision.verdict == claire_types::record::Verdict::Denied);
                }
                _ => {}
            }
            rest = after;
        }
    }
}

fn session() -> Session {
    let mut text = String::new();
    let recorded = data().map(|data| data.join("binance_ws/spot_btcusdt_20240808.txt.gz"));
    if let Some(path) = recorded.filter(|path| path.is_file()) {
        let file = std::fs::File::open(path).expect("the recording is there");
        flate2::read::MultiGzDecoder::new(file)
            .read_to_string(&mut text)
            .expect("the recording is whole");
    } else {
        eprintln!("SKIPPED on recorded data: none at CLAIRE_DATA; a made session instead");
        let mut made = Vec::new();
        claire_sim::write_recording(&mut made, 7, 600).expect("memory takes all");
        text = String::from_utf8(made).expect("ASCII");
    }
    let frames = text
        .lines()
        .filter_map(|line| {
            let (recv, frame) = line.split_once(' ')?;
            let start = frame.as_ptr() as usize - text.as_ptr() as usize;
            Some((WallNs(recv.parse().ok()?), start..start + frame.len()))
        })
        .collect();
    Session { frames, text }
}

fn data() -> Option<PathBuf> {
    let set = std::env::var_os("CLAIRE_DATA").map(PathBuf::from);
    set.or_else(|| Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")))
}
