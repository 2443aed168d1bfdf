//! After warm-up neither FEED nor ENGINE allocates: frames through the real decoder, the real engine, and a
//! strategy that places thousands of orders, once in Rust and twice a compiled script, counted by the process's own allocator.
//! Nor does a swap to another version of a script.
//!
//! A binary of its own, because it has a global allocator. Counts the test's thread only.

use claire_engine::config::{BalanceConfig, EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::indicator::{
    ArgumentDefinition, BarF64, DEFINITIONS, Indicator, IndicatorKind, IndicatorSpec, SourceKind,
    TouchF64, TradeF64,
};
use claire_engine::risk::{LatchedState, Profile};
use claire_engine::snapshot::SNAPSHOT_ROOM_BYTES;
use claire_engine::strategy::Strategy;
use claire_engine::{Engine, Successor, Swapped};
use claire_strategies::native::Churn;
use claire_strategies::{RhaiStrategy, Script, bundled};
use claire_types::input::Reload;
use claire_types::{
    Amount, CellBuffer, Cells, ClockOffset, Currency, DurationNs, EngineSeq, Header, Input, Mode,
    OrderStatus, Record, Side, StrategyId, Symbol, Venue, VenueNs, WallNs,
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
    static FREES: Cell<u64> = const { Cell::new(0) };
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
        if IS_WATCHED.get() {
            FREES.set(FREES.get() + 1);
        }
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
    /// Orders that the engine sent for a protection or a stop.
    held: u64,
    cancelled: u64,
    notes: u64,
    points: u64,
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
/// How the reasons of orders begin that the engine sent for a protection or a stop.
const GONE_OFF: [&str; 3] = ["protection ", "stop ", "trailing stop "];
const TICK: DurationNs = DurationNs::from_ms(100);
/// Receive time less venue time of the recorded session, about; the made one has none.
const OFFSET: DurationNs = DurationNs::from_ms(-1_270);

#[test]
fn feed_and_engine_allocate_nothing_after_warm_up() {
    let _ = check(Line::new());
}

#[test]
fn a_compiled_script_allocates_nothing_after_warm_up() {
    let text = bundled("churn").expect("it is bundled");
    let script = Script::compile("churn", text, &[]).expect("it is right");
    assert_eq!(script.interpreted("churn"), [], "all of it is compiled");
    let _ = check(Line::with(Box::new(RhaiStrategy::new(Arc::new(script)))));
}

#[test]
fn a_compiled_script_that_does_all_there_is_allocates_nothing_after_warm_up() {
    let text = does_all();
    let script = match Script::compile("all", &text, &[]) {
        Ok(script) => script,
        Err(told) => panic!("{}\n{text}", told[0]),
    };
    assert_eq!(script.interpreted("all"), [], "all of it is compiled");
    let line = check(Line::with(Box::new(RhaiStrategy::new(Arc::new(script)))));
    let seat = &line.engine.floor().seats()[0];
    assert_eq!(seat.faults, 0, "{}", seat.fault_last);
    let done = &line.done;
    println!(
        "{} by the engine, {} cancelled, {} notes, {} points",
        done.held, done.cancelled, done.notes, done.points
    );
    for (what, count) in [
        ("protections and stops that went off", done.held),
        ("cancels", done.cancelled),
        ("notes", done.notes),
        ("points of charts", done.points),
    ] {
        assert!(count >= 20, "{what}: {count}");
    }
}

/// Returns a script that reads every kind of indicator, and acts in every way that the interface has.
fn does_all() -> String {
    let declared = declared();
    let fields = declared
        .iter()
        .enumerate()
        .map(|(number, (call, _))| format!("i{number}: {call}, "));
    let reads = declared
        .iter()
        .enumerate()
        .flat_map(|(number, (_, outputs))| {
            let read = |output: &String| {
                format!("    this.seen += this.i{number}.{output} + this.i{number}.{output}_prev;\n")
            };
            let all = format!(
                "    if this.i{number}.is_warm && !crossed_up(this.i{number}, this.i0) {{ this.warm += 1; }}\n    \
                 this.seen += this.i{number}.value - this.i{number}.prev;\n"
            );
            outputs.iter().map(read).chain([all]).collect::<Vec<_>>()
        });
    format!(
        "fn init(m) {{\n    let b = m.bars(\"1s\");\n    m.every(100, \"turn\");\n    m.every(700, \"read\");\n    \
         #{{ n: 0, warm: 0, seen: 0.0, status: \"\", buy: no_order(), sell: no_order(), stop: no_order(), \
         kept: [0.0], counts: [0], {} }}\n}}\nfn read() {{\n{}    this.seen *= 0.5;\n}}\n{ACTS}",
        fields.collect::<String>(),
        reads.collect::<String>(),
    )
}

/// Returns the constructor of each kind of indicator on each of its sources, as far as a strategy may have so many, and
/// its outputs.
fn declared() -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for place in 0..2 {
        for definition in &DEFINITIONS {
            let usual = |of: &ArgumentDefinition| match (definition.kind, of.name) {
                (IndicatorKind::Vpin, "bucket_qty") => "0.01".to_owned(),
                _ if of.multiple_of > 0 => format!("{:.0}", of.default.unwrap_or(of.min.max(3.0))),
                _ => format!("{:?}", of.default.unwrap_or(of.min)),
            };
            let mut arguments: Vec<String> = definition.arguments.iter().map(usual).collect();
            let sources = definition.sources;
            let receiver = match sources.get(place) {
                None => continue,
                Some(SourceKind::Bars) => "b",
                Some(of) => {
                    let has_both =
                        [SourceKind::Mid, SourceKind::Trades].map(|of| sources.contains(&of));
                    if has_both == [true, true] {
                        let word = if *of == SourceKind::Mid {
                            "mid"
                        } else {
                            "trades"
                        };
                        arguments.push(format!("\"{word}\""));
                    }
                    "m"
                }
            };
            let outputs = definition.outputs.iter();
            let call = format!("{receiver}.{}({})", definition.name, arguments.join(", "));
            // The value's own last one has a name without it.
            let named = outputs.filter(|of| of.name != "value");
            all.push((call, named.map(|of| of.name.to_owned()).collect()));
        }
    }
    all.truncate(DECLARED_MAX);
    all
}

/// Indicators of a strategy, at most.
const DECLARED_MAX: usize = 64;
/// What the script does beside looking at indicators.
const ACTS: &str = r#"
fn on_timer(m, name) {
    if name == "read" { this.read(); return; }
    if m.stale || name != "turn" { return; }
    this.n += 1;
    let qty = m.qty_for(200.0);
    switch this.n % 10 {
        0 => {
            m.quote(BUY, m.bid - 3 * m.tick, qty, 2);
            m.quote(SELL, m.ask + 3 * m.tick, qty, 2, 0, "near");
        }
        1 => {
            m.quote(BUY, m.bid - 9 * m.tick, qty, 0, 1);
            m.quote(SELL, m.ask + 9 * m.tick, 0.0, 0);
        }
        2 => {
            this.buy = m.buy_limit(qty, m.bid - 5 * m.tick, POST_ONLY | GTC, "rest");
            this.sell = m.sell_limit(qty, m.ask + 5 * m.tick, POST_ONLY);
        }
        3 => {
            this.buy = m.replace(this.buy, m.bid - 4 * m.tick, qty);
            m.cancel(this.sell);
        }
        4 => {
            this.stop = m.buy_stop(qty, m.ask + 40 * m.tick, 0, "breaks out");
            m.sell_stop(qty, m.bid - 40 * m.tick);
        }
        5 => {
            this.stop = m.replace(this.stop, m.ask + 30 * m.tick, qty);
            m.trailing_stop(SELL, qty, 20 * m.tick, 0, "trails");
        }
        6 => { m.bracket(BUY, qty, 0.0, m.bid - 30 * m.tick, m.ask + 30 * m.tick, "both"); }
        7 => {
            m.buy(qty, "in");
            m.protect(m.bid - 10 * m.tick, m.ask + 10 * m.tick, "guarded");
        }
        8 => { m.target_position(if this.n % 20 == 8 { qty } else { 0.0 }, "so much"); }
        _ => {
            m.cancel_all();
            m.flatten("out");
            m.after(50, "late");
            m.stop_timer("late");
            signal(BUY, 0.5, "half sure");
        }
    }
}
fn on_book(m) {
    this.kept.push(m.microprice * m.imbalance(5) + m.bid(2) - m.ask(3) + m.bid_qty(1) * m.ask_qty(1));
    if this.kept.len() > 50 { this.kept.shift(); this.kept[0] = ln(m.mid) + m.spread; }
    if this.counts.len() > 9 { this.counts = [this.n, m.spread_ticks]; } else { this.counts.push(m.regime); }
}
fn on_trade(m, trade) {
    this.seen += trade.price * trade.qty * trade.side;
    if trade.side == SELL && this.buy.is_open && this.buy.age_ms > 400 { m.cancel(this.buy); }
}
fn on_bar(m, bar) {
    plot("close", bar.close);
    plot("work", "orders", m.working_buy + m.working_sell + m.exposure + m.unrealized + m.budget);
    note("{} at {} of {}: {}", this.n, bar.close, m.position, this.status);
    if this.warm < 0 { alert("warning", "{} warm", this.warm); }
}
fn on_fill(m, fill) {
    if fill.opens { m.protect(fill.price - 10 * m.tick, fill.price + 10 * m.tick); }
    if fill.fee_currency == "BTC" && fill.is_maker { this.seen -= fill.fee; }
    this.seen += fill.realized + fill.queue_ahead + fill.order.filled;
}
fn on_order(m, order) {
    this.status = order.status;
    if order.is_denied || order.reason == "CANCELLED_BY_STRATEGY" { this.counts[0] += 1; }
}
fn on_start(m) { alert("info", "begins at {}", m.mid); }
fn on_stop(m) { note("{} turns, {} seen, {} kept", this.n, this.seen, this.kept.len()); }
"#;

/// Runs the session and counts what is allocated after a part of it.
fn check(mut line: Line) -> Line {
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
    line
}

#[test]
fn a_swap_neither_allocates_nor_frees() {
    let session = session();
    let version = |number: u32| {
        // Each has bars that the market has not.
        let bars = format!("init(m) {{ m.bars(\"{}s\");", 10 + number);
        let text = does_all().replace("init(m) {", &bars);
        let script = Script::compile("all", &text, &[]);
        Arc::new(script.unwrap_or_else(|told| panic!("{}", told[0])))
    };
    let first = version(0);
    // The second one follows the market elsewhere, as the staging thread's does.
    let [mut line, mut mirror] =
        [(); 2].map(|()| Line::with(Box::new(RhaiStrategy::new(Arc::clone(&first)))));
    let part = session.frames.len() / 20;
    let warm = 6 * part;
    for one in [&mut line, &mut mirror] {
        one.run(&session, 0..warm);
    }
    for number in 1..=3_u32 {
        let script = version(number);
        let mut successor = mirror.successor(&script);
        let frames = warm + part * (number as usize - 1);
        line.engine.approach(StrategyId(0), &mut successor);
        // Events come between.
        line.run(&session, frames..frames + part);
        IS_WATCHED.set(true);
        let swapped = line.swap(successor);
        IS_WATCHED.set(false);
        let Some(Swapped::Live { inheritance, .. }) = swapped else {
            panic!("{swapped:?}");
        };
        assert!(
            inheritance.carried >= 64 && inheritance.dropped == 0,
            "{inheritance:?}"
        );
        drop(line.engine.take_spent());
        while line.engine.take_retired().is_some() {}
        mirror.run(&session, frames..frames + part);
        let successor = mirror.successor(&script);
        mirror.swap(successor);
    }
    let (held, seat) = (line.done.held, &line.engine.floor().seats()[0]);
    assert_eq!(
        (seat.reloads.reloads, seat.faults),
        (3, 0),
        "{}",
        seat.fault_last
    );
    assert!(held > 0, "there is something to be guarded");
    assert_eq!((ALLOCATIONS.get(), FREES.get()), (0, 0), "of three swaps");
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
    IS_WATCHED.set(true);
    drop(one);
    IS_WATCHED.set(false);
    assert_eq!((ALLOCATIONS.get(), FREES.get()), (1, 1));
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

    /// Makes a version ready that follows the one at the seat here.
    fn successor(&mut self, script: &Arc<Script>) -> Box<Successor> {
        let instance = RhaiStrategy::new(Arc::clone(script));
        let prepared = self.engine.prepare(StrategyId(0), Box::new(instance));
        let prepared = prepared.unwrap_or_else(|fault| panic!("{}", fault.text));
        Box::new(Successor {
            strategy: prepared.strategy,
            declared: prepared.declared.with_room(),
            document: vec![7; 5_000],
        })
    }

    /// Applies a reload.
    fn swap(&mut self, successor: Box<Successor>) -> Option<Swapped> {
        let reload = Reload {
            strategy: StrategyId(0),
            at: EngineSeq(self.engine.seq().0 + 1),
            sha256: [7; 32],
        };
        self.engine.stage(successor);
        let header = Header::of_time(0, self.engine.floor().now());
        self.engine.apply(&header, &Input::Reload(reload));
        self.engine.take_swapped()
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
                Record::Order(order) => {
                    let reason = order.reason.as_str();
                    self.orders += 1;
                    self.held += u64::from(GONE_OFF.iter().any(|word| reason.starts_with(word)));
                }
                Record::OrderEvent(event) => {
                    self.cancelled += u64::from(event.to == OrderStatus::Cancelled);
                }
                Record::Note(_) => self.notes += 1,
                Record::Plot(_) => self.points += 1,
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
