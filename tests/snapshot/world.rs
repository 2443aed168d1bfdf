//! Inputs and engines of the tests: a market's frames through the real decoder, the shipped scripts.

use claire_engine::Engine;
use claire_engine::config::{BalanceConfig, EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::risk::{LatchedState, Profile};
use claire_engine::strategy::Strategy;
use claire_sim::{FrameKind, Listing, Market, MarketConfig};
use claire_strategies::{RhaiStrategy, Script, Value, bundled};
use claire_types::input::Command;
use claire_types::time::NS_PER_MS;
use claire_types::{
    Amount, Cell, CellBuffer, Cells, ClockOffset, CommandKind, Currency, Depth, DurationNs, Header,
    Input, InstrumentId, Levels, Mode, Note, StrategyId, Symbol, Venue, VenueNs, WallNs,
};
use claire_venue::MarketFeed;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A script with its market and settings: enough for it to trade within a minute or two.
pub struct Seat {
    pub script: &'static str,
    pub market: &'static str,
    pub settings: &'static [(&'static str, &'static str)],
}

/// The four scripts on the bundled market, two of them on one instrument.
pub const MADE: [Seat; 4] = [
    seat("churn", "sim:BTCUSDT", &[("every_ms", "300")]),
    seat(
        "imbalance",
        "sim:BTCUSDT",
        &[("enter", "0.2"), ("spread_ticks_max", "20")],
    ),
    seat(
        "ema_cross",
        "sim:ETHUSDT",
        &[("fast", "2"), ("slow", "4"), ("bar_s", "1")],
    ),
    seat(
        "breakout",
        "sim:SOLUSDT",
        &[("channel", "5"), ("range_bps_min", "0.0")],
    ),
];

/// The same on a recorded instrument.
pub const RECORDED: [Seat; 4] = [
    seat("churn", "binance-spot:BTCUSDT", &[("every_ms", "300")]),
    seat(
        "imbalance",
        "binance-spot:BTCUSDT",
        &[("enter", "0.3"), ("spread_ticks_max", "20")],
    ),
    seat(
        "ema_cross",
        "binance-spot:BTCUSDT",
        &[("fast", "2"), ("slow", "4"), ("bar_s", "1")],
    ),
    seat(
        "breakout",
        "binance-spot:BTCUSDT",
        &[("channel", "5"), ("range_bps_min", "0.0")],
    ),
];

const fn seat(
    script: &'static str,
    market: &'static str,
    settings: &'static [(&'static str, &'static str)],
) -> Seat {
    Seat {
        script,
        market,
        settings,
    }
}

/// Inputs of a run, one message each.
#[derive(Default)]
pub struct Inputs {
    cells: Vec<Cell>,
    ends: Vec<usize>,
}

impl Inputs {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn message(&self, index: usize) -> Cells<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Cells::new(&self.cells[start..self.ends[index]], &[])
    }

    /// Adds messages; a depth of more than a few levels in parts, as a long one travels.
    fn add(&mut self, messages: Cells<'_>) {
        let mut rest = messages;
        while let Ok((message, after)) = rest.split_message() {
            match Input::decode(&message) {
                Ok((header, Input::Depth(depth))) if depth.bids.len() + depth.asks.len() > 12 => {
                    self.add_parts(&header, &depth);
                }
                _ => self.push(message),
            }
            rest = after;
        }
    }

    fn add_parts(&mut self, header: &Header, depth: &Depth<'_>) {
        let cells =
            |levels: Levels<'_>| -> Vec<Cell> { levels.iter().map(|level| level.cell()).collect() };
        let (bids, asks) = (cells(depth.bids), cells(depth.asks));
        for number in 0..PARTS {
            let part = |all: &[Cell]| -> Vec<Cell> {
                all[all.len() * number / PARTS..all.len() * (number + 1) / PARTS].to_vec()
            };
            let (bids, asks) = (part(&bids), part(&asks));
            let mut out = CellBuffer::default();
            Input::Depth(Depth {
                is_first: depth.is_first && number == 0,
                is_last: depth.is_last && number + 1 == PARTS,
                bids: Levels::new(Cells::new(&bids, &[])),
                asks: Levels::new(Cells::new(&asks, &[])),
                ..*depth
            })
            .encode(header, &mut out);
            self.push(out.view());
        }
    }

    fn push(&mut self, message: Cells<'_>) {
        self.cells.extend(message.iter());
        self.ends.push(self.cells.len());
    }

    fn put(&mut self, recv: WallNs, input: &Input<'_>) {
        let mut out = CellBuffer::default();
        input.encode(&Header::of_time(0, recv), &mut out);
        self.push(out.view());
    }
}

const PARTS: usize = 3;
const TICK: DurationNs = DurationNs::from_ms(100);

/// Adds ticks that are due, commands now and then, and what the frame's decoder wrote.
struct Writer {
    inputs: Inputs,
    tick: WallNs,
    frames: u64,
}

impl Writer {
    fn new(start: WallNs, venue: Venue, offset: DurationNs) -> Self {
        let mut inputs = Inputs::default();
        inputs.put(start, &Input::ClockOffset(ClockOffset { venue, offset }));
        Self {
            inputs,
            tick: start,
            frames: 0,
        }
    }

    fn pass(&mut self, recv: WallNs) {
        while self.tick <= recv {
            self.inputs.put(self.tick, &Input::Timer);
            self.tick = self.tick.after(TICK);
        }
        self.frames += 1;
        // Halts, pauses and resumes, so that latched states and closings are saved too.
        if self.frames.is_multiple_of(701) {
            let kinds = [
                (CommandKind::Reduce, StrategyId::NONE),
                (CommandKind::Resume, StrategyId::NONE),
                (CommandKind::Pause, StrategyId(1)),
                (CommandKind::Unpause, StrategyId(1)),
                (CommandKind::Flatten, StrategyId(2)),
                (CommandKind::Halt, StrategyId::NONE),
                (CommandKind::Resume, StrategyId::NONE),
                (CommandKind::Flatten, StrategyId::NONE),
            ];
            let (kind, strategy) = kinds[(self.frames / 701) as usize % kinds.len()];
            let note = Note::cut("test");
            self.inputs.put(
                recv,
                &Input::Command(Command {
                    kind,
                    strategy,
                    note,
                }),
            );
        }
    }

    fn end(mut self, recv: WallNs) -> Inputs {
        self.inputs.put(recv, &Input::End);
        self.inputs
    }
}

/// Returns so many seconds of the bundled market, with a session that starts over in the middle.
pub fn made(seed: u64, seconds: i64) -> Inputs {
    let start = VenueNs(1_700_000_000_000_000_000);
    let market = Market::new(MarketConfig {
        seed,
        start,
        instruments: Listing::standard(),
    });
    let mut market = market.expect("the standard market");
    let mut feed = MarketFeed::new(Venue::Sim, &[]);
    let offset = DurationNs::from_ms(3);
    let mut writer = Writer::new(WallNs(start.0), Venue::Sim, offset);
    let mut out = CellBuffer::default();
    loop {
        let frame = market.next();
        let recv = WallNs(frame.due.0 + 3 * NS_PER_MS);
        if frame.due.0 > start.0 + seconds * 1_000 * NS_PER_MS {
            return writer.end(recv);
        }
        out.clear();
        let kind = frame.kind;
        let text = frame.text.to_vec();
        writer.pass(recv);
        match kind {
            FrameKind::Snapshot { symbol } => {
                feed.on_snapshot_for(symbol.as_str(), &text, recv, &mut out);
            }
            FrameKind::ExchangeInfo | FrameKind::Stream => feed.on_frame(&text, recv, &mut out),
        }
        // Now and then a frame that nobody understands: its book is stale until the next snapshot.
        let symbol = Symbol::cut("BTCUSDT");
        match writer.frames % 1_999 {
            0 => feed.on_frame(
                br#"{"stream":"btcusdt@depth@100ms","data":{"#,
                recv,
                &mut out,
            ),
            60 if writer.frames > 60 => {
                let snapshot = market.snapshot(&symbol).expect("it is listed");
                feed.on_snapshot_for(symbol.as_str(), snapshot.text, recv, &mut out);
            }
            _ => {}
        }
        writer.inputs.add(out.view());
    }
}

/// Returns the first frames of a recorded session; `None` where there is none.
pub fn recorded(name: &str, frames: usize) -> Option<Inputs> {
    let folder = std::env::var_os("CLAIRE_DATA").map(PathBuf::from);
    let folder =
        folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let file = std::fs::File::open(folder.join("binance_ws").join(name)).ok()?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("the recording is whole");
    let mut lines = text.lines().filter_map(|line| {
        let (recv, frame) = line.split_once(' ')?;
        Some((WallNs(recv.parse().ok()?), frame))
    });
    let mut feed = MarketFeed::new(Venue::BinanceSpot, &[]);
    let mut out = CellBuffer::default();
    let (first, _) = lines.clone().next().expect("frames");
    let offset = DurationNs::from_ms(-1_270);
    let mut writer = Writer::new(first, Venue::BinanceSpot, offset);
    let mut last = first;
    for (recv, frame) in lines.by_ref().take(frames) {
        out.clear();
        writer.pass(recv);
        feed.on_frame(frame.as_bytes(), recv, &mut out);
        writer.inputs.add(out.view());
        last = recv;
    }
    Some(writer.end(last))
}

/// Returns the configuration of these seats.
pub fn config(seats: &[Seat]) -> EngineConfig {
    let mut config = EngineConfig::new(Mode::Replay);
    config.risk.profile = Profile::Bench;
    config.account.balances.push(BalanceConfig {
        currency: Currency::cut("BTC"),
        amount: Amount(10 * Amount::ONE.0),
    });
    for venue in [Venue::Sim, Venue::BinanceSpot] {
        let fee = Amount(Amount::ONE.0 / 1_000);
        config.fees.push(FeeSchedule {
            venue,
            symbol: None,
            maker_share: fee,
            taker_share: fee,
        });
    }
    for seat in seats {
        config.strategies.push(StrategyConfig {
            name: Symbol::cut(seat.script),
            market: seat.market.parse().expect("a key"),
            budget_share: None,
            budget_amount: None,
        });
    }
    config
}

/// Returns fresh instances of the scripts.
pub fn strategies(seats: &[Seat]) -> Vec<Box<dyn Strategy>> {
    seats.iter().map(|seat| instance(seat)).collect()
}

fn instance(seat: &Seat) -> Box<dyn Strategy> {
    let source = bundled(seat.script).expect("a shipped script");
    // Bars of a minute close too seldom for a test.
    let source = source.replace("m.bars(\"1m\")", "m.bars(\"1s\")");
    let settings = seat.settings.iter();
    let settings: Vec<_> = settings
        .map(|(name, value)| ((*name).to_owned(), value.parse::<Value>().expect("a value")))
        .collect();
    let script = Script::compile(seat.script, &source, &settings);
    let script = script.unwrap_or_else(|faults| panic!("{}", faults[0]));
    Box::new(RhaiStrategy::new(Arc::new(script)))
}

/// Returns an engine at the start.
pub fn engine(seats: &[Seat]) -> Engine {
    let state = LatchedState::new(seats.len());
    Engine::new(config(seats), state, strategies(seats)).expect("a configuration")
}

/// Returns the engine of a snapshot.
pub fn restored(seats: &[Seat], bytes: &[u8]) -> Engine {
    Engine::restore(config(seats), strategies(seats), bytes)
        .unwrap_or_else(|fault| panic!("{fault}"))
}

/// Returns the state's bytes.
pub fn saved(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.save(&mut bytes).expect("it fits");
    bytes
}

/// Applies inputs and hands each one's records to `each`.
pub fn apply(
    engine: &mut Engine,
    inputs: &Inputs,
    range: Range<usize>,
    mut each: impl FnMut(usize, &Engine),
) {
    for index in range {
        let message = inputs.message(index);
        let (header, input) = Input::decode(&message).expect("an input");
        engine.apply(&header, &input);
        each(index, engine);
    }
}

/// Returns the instrument of a depth that is not its frame's last part.
pub fn open_frame(message: &Cells<'_>) -> Option<InstrumentId> {
    match Input::decode(message) {
        Ok((header, Input::Depth(depth))) if !depth.is_last => Some(header.instrument),
        _ => None,
    }
}
