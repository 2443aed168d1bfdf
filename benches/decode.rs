//! Decoding beside its opponents: frames to the same typed events, through the same digit routine.
//!
//! `cargo bench -p claire-benches --bench decode`. Per channel: ours, ours without patterns (as where the
//! processor has no AVX2), `simd-json`'s tape in one pass over its members (copy, buffers and tape reused),
//! `serde_json` and `sonic-rs` into borrowed structs. Frames are the recorded ones, in the recorded order and
//! widths, given to 64 symbols in turn, and made up ones of as many symbols. With `CLAIRE_BENCH_PASSES=60`
//! the best of so many passes is told instead of criterion's mean: for machines that are never quiet.

use claire_types::{Cell, InstrumentId, InstrumentKey, Level, Price, Qty, Scale, Symbol, Venue};
use claire_types::{Side, Ticker, Trade};
use claire_venue::Catalog;
use claire_venue::binance::{Context, typed};
use claire_venue::digits::fixed;
use claire_venue::event::{DepthDiff, Frequent, FrequentEvent, venue_time_of};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use simd_json::prelude::*;
use simd_json::{Buffers, Tape};
use std::hint::black_box;
use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

const FRAMES_MAX: usize = 4_096;
const SYMBOLS: usize = 64;

criterion_group!(benches, decode);
criterion_main!(benches);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Trade,
    Ticker,
    Depth,
}

impl Channel {
    const ALL: [Self; 3] = [Self::Trade, Self::Ticker, Self::Depth];

    const fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Ticker => "bookTicker",
            Self::Depth => "depth",
        }
    }
}

fn decode(criterion: &mut Criterion) {
    for (source, venue, frames) in sources() {
        let catalog = catalog(venue, &frames);
        for channel in Channel::ALL {
            let marker = format!("@{}", channel.name());
            let chosen = frames.iter().filter(|frame| is_of(frame, &marker));
            let chosen: Vec<Vec<u8>> = chosen.take(FRAMES_MAX).cloned().collect();
            if !chosen.is_empty() {
                compare(criterion, &source, &catalog, venue, channel, &chosen);
            }
        }
    }
}

fn is_of(frame: &[u8], marker: &str) -> bool {
    let head = String::from_utf8_lossy(&frame[..frame.len().min(64)]).into_owned();
    head.contains(marker)
}

fn compare(
    criterion: &mut Criterion,
    source: &str,
    catalog: &Catalog,
    venue: Venue,
    channel: Channel,
    frames: &[Vec<u8>],
) {
    let context = Context {
        venue,
        catalog,
        bare: None,
    };
    let mut simd = SimdJson::default();
    let mut layouts = typed::Layouts::default();
    let (mut ours, mut levels) = (Vec::new(), Vec::new());
    for frame in frames {
        let want =
            typed::decode(&context, frame, &mut layouts, clear(&mut ours)).expect("a usual frame");
        for reader in [serde_json_event, sonic_event] {
            assert_eq!(
                reader(&context, channel, frame, clear(&mut levels)),
                Some(want)
            );
            assert_eq!(levels, ours);
        }
        let got = simd.event(&context, channel, frame, clear(&mut levels));
        assert_eq!((got, &levels), (Some(want), &ours));
    }
    let name = format!("decode/{source}/{}", channel.name());
    if let Some(passes) = passes() {
        let mut best = |layouts: &mut typed::Layouts| {
            best_ns(passes, frames, |frame| {
                black_box(typed::decode(&context, frame, layouts, clear(&mut levels)));
            })
        };
        let (ours, by_field) = (best(&mut layouts), best(&mut typed::Layouts::by_field()));
        let theirs = best_ns(passes, frames, |frame| {
            black_box(simd.event(&context, channel, frame, clear(&mut levels)));
        });
        println!(
            "{name}: {ours:.1} ns, {:.2} x; by field {by_field:.1} ns, {:.2} x; simd-json {theirs:.1} ns",
            theirs / ours,
            theirs / by_field,
        );
        return;
    }
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(frames.len() as u64));
    let by_field = typed::Layouts::by_field();
    for (name, mut layouts) in [("claire", layouts), ("claire-by-field", by_field)] {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                for frame in frames {
                    black_box(typed::decode(
                        &context,
                        black_box(frame),
                        &mut layouts,
                        clear(&mut levels),
                    ));
                }
            });
        });
    }
    group.bench_function(BenchmarkId::from_parameter("simd-json"), |bencher| {
        bencher.iter(|| {
            for frame in frames {
                black_box(simd.event(&context, channel, black_box(frame), clear(&mut levels)));
            }
        });
    });
    let readers: [(&str, Reader); 2] =
        [("serde_json", serde_json_event), ("sonic-rs", sonic_event)];
    for (name, reader) in readers {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                for frame in frames {
                    black_box(reader(
                        &context,
                        channel,
                        black_box(frame),
                        clear(&mut levels),
                    ));
                }
            });
        });
    }
    group.finish();
}

/// Returns how many passes are asked for, of which the best is told instead of a mean.
fn passes() -> Option<u32> {
    std::env::var("CLAIRE_BENCH_PASSES").ok()?.parse().ok()
}

/// Returns the nanoseconds per frame of the best of so many passes.
fn best_ns(passes: u32, frames: &[Vec<u8>], mut decode: impl FnMut(&[u8])) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..passes {
        let start = Instant::now();
        for frame in frames {
            decode(black_box(frame));
        }
        best = best.min(start.elapsed().as_nanos() as f64 / frames.len() as f64);
    }
    best
}

type Reader = fn(&Context<'_>, Channel, &[u8], &mut Vec<Cell>) -> Option<Frequent>;

fn clear(levels: &mut Vec<Cell>) -> &mut Vec<Cell> {
    levels.clear();
    levels
}

/// Returns the frames to decode: recorded ones of three venues, given to many symbols, and made up ones.
fn sources() -> Vec<(String, Venue, Vec<Vec<u8>>)> {
    let recorded = [
        (
            "spot_btcusdt_20240808.txt.gz",
            "BTCUSDT",
            Venue::BinanceSpot,
        ),
        (
            "usdm_btcusdt_20240808.txt.gz",
            "BTCUSDT",
            Venue::BinanceUsdm,
        ),
        (
            "cm_btcusd_perp_20240808.txt.gz",
            "BTCUSD",
            Venue::BinanceCoinm,
        ),
    ];
    let mut sources = Vec::new();
    for (name, symbol, venue) in recorded {
        match recorded_frames(name) {
            Some(text) => sources.push((venue.to_string(), venue, spread(&text, symbol))),
            None => eprintln!("SKIPPED: recorded frames of {name}; set CLAIRE_DATA"),
        }
    }
    sources.push((
        format!("made-{SYMBOLS}-symbols"),
        Venue::BinanceSpot,
        made_frames(),
    ));
    sources
}

fn recorded_frames(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("CLAIRE_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("binance_ws").join(name)).ok()?;
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Gives each stream's frames to many symbols in turn.
fn spread(text: &str, symbol: &str) -> Vec<Vec<u8>> {
    let stream = symbol.to_lowercase();
    let mut counts = [0; Channel::ALL.len()];
    let mut frames = Vec::new();
    for line in text.lines() {
        let Some((_, frame)) = line.split_once(' ') else {
            continue;
        };
        let of = |channel: &Channel| is_of(frame.as_bytes(), &format!("@{}", channel.name()));
        let Some(channel) = Channel::ALL.iter().position(of) else {
            continue;
        };
        let other = symbol_of(counts[channel] % SYMBOLS);
        counts[channel] += 1;
        if counts[channel] <= FRAMES_MAX {
            let frame = frame.replace(symbol, &other);
            frames.push(frame.replace(&stream, &other.to_lowercase()).into_bytes());
        }
    }
    frames
}

/// Makes spot frames of many symbols in turn, with the recorded order of fields and widths of numbers.
fn made_frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for number in 0..FRAMES_MAX as u64 {
        let (symbol, stream) = (
            symbol_of(number as usize % SYMBOLS),
            symbol_of(number as usize % SYMBOLS).to_lowercase(),
        );
        let mut price = || format!("{}.{:02}000000", 10_000 + next(80_000), next(100));
        let (first, second) = (price(), price());
        let qty = |number: u64| format!("{}.{:05}000", number % 30, number * 7_919 % 100_000);
        let time = 1_723_161_255_000 + number;
        let (bid_qty, ask_qty) = (qty(number), qty(number + 3));
        let id = 50_093_239_212 + number;
        frames.push(format!(r#"{{"stream":"{stream}@trade","data":{{"e":"trade","E":{time},"s":"{symbol}","t":{id},"p":"{first}","q":"{bid_qty}","T":{time},"m":true,"M":true}}}}"#));
        frames.push(format!(r#"{{"stream":"{stream}@bookTicker","data":{{"u":{id},"s":"{symbol}","b":"{first}","B":"{bid_qty}","a":"{second}","A":"{ask_qty}"}}}}"#));
        let side: Vec<String> = (0..18)
            .map(|level| format!(r#"["{}","{}"]"#, price(), qty(level)))
            .collect();
        let side = side.join(",");
        frames.push(format!(r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":{time},"s":"{symbol}","U":{id},"u":{id},"b":[{side}],"a":[{side}]}}}}"#));
    }
    frames.into_iter().map(String::into_bytes).collect()
}

fn symbol_of(number: usize) -> String {
    const BASES: [&str; 8] = [
        "BTC", "ETH", "SOL", "DOGE", "SHIB", "AVAX", "1000SATS", "LINK",
    ];
    const QUOTES: [&str; 8] = ["USDT", "USDC", "FDUSD", "BTC", "EUR", "TRY", "BNB", "BRL"];
    format!("{}{}", BASES[number % 8], QUOTES[number / 8 % 8])
}

fn catalog(venue: Venue, frames: &[Vec<u8>]) -> Catalog {
    let mut catalog = Catalog::new(&[]);
    let mut register = |symbol: &str| {
        let symbol = Symbol::new(symbol).expect("a short symbol");
        catalog
            .register(InstrumentKey { venue, symbol })
            .expect("room");
    };
    (0..SYMBOLS).for_each(|number| register(&symbol_of(number)));
    for frame in frames {
        let text = std::str::from_utf8(frame).expect("UTF-8");
        if let Some((_, rest)) = text.split_once("\"s\":\"") {
            register(rest.split('"').next().expect("a symbol"));
        }
    }
    catalog
}

// The opponents' way to the same event.

fn place(context: &Context<'_>, symbol: &str) -> Option<(InstrumentId, Scale)> {
    context.catalog.find(context.venue, symbol.as_bytes())
}

fn level(scale: Scale, price: &str, qty: &str) -> Option<Level> {
    Some(Level {
        price: Price(fixed(price.as_bytes(), scale.price_digits).ok()?),
        qty: Qty(fixed(qty.as_bytes(), scale.qty_digits).ok()?),
    })
}

fn decoded(instrument: InstrumentId, time_ms: u64, event: FrequentEvent) -> Option<Frequent> {
    Some(Frequent {
        instrument,
        venue_time: venue_time_of(time_ms)?,
        event,
    })
}

/// `simd-json`'s tape, with all that can be reused.
struct SimdJson {
    bytes: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Default for SimdJson {
    fn default() -> Self {
        Self {
            bytes: Vec::with_capacity(1 << 16),
            buffers: Buffers::new(1 << 16),
            tape: Tape(Vec::with_capacity(1 << 14)),
        }
    }
}

impl SimdJson {
    fn event(
        &mut self,
        context: &Context<'_>,
        channel: Channel,
        frame: &[u8],
        levels: &mut Vec<Cell>,
    ) -> Option<Frequent> {
        self.bytes.clear();
        self.bytes.extend_from_slice(frame);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        simd_json::fill_tape(&mut self.bytes, &mut self.buffers, &mut tape).ok()?;
        let event = tape_event(context, channel, tape.as_value(), levels);
        self.tape = tape.reset();
        event
    }
}

fn tape_event(
    context: &Context<'_>,
    channel: Channel,
    root: simd_json::tape::Value<'_, '_>,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    let root = root.as_object()?;
    let data = root
        .iter()
        .find(|(name, _)| *name == "data")?
        .1
        .as_object()?;
    // One pass over the members: asking for each by its name would go over them again and again.
    let mut place_found = None;
    let (mut event_time, mut time) = (0, None);
    let (mut first, mut second, mut third) = (None, None, 0);
    let mut texts = [""; 4];
    let (mut is_maker, mut origin) = (None, None);
    let mut sides = [None, None];
    for (name, value) in data.iter() {
        match name {
            "s" => place_found = place(context, value.into_string()?),
            "E" => event_time = value.as_u64()?,
            "T" => time = Some(value.as_u64()?),
            "t" | "U" => first = Some(value.as_u64()?),
            "u" => second = Some(value.as_u64()?),
            "pu" => third = value.as_u64()?,
            "p" => texts[0] = value.into_string()?,
            "q" => texts[1] = value.into_string()?,
            "m" => is_maker = value.as_bool(),
            "X" => origin = value.into_string(),
            "b" if channel == Channel::Depth => sides[0] = value.as_array(),
            "a" if channel == Channel::Depth => sides[1] = value.as_array(),
            "b" => texts[0] = value.into_string()?,
            "B" => texts[1] = value.into_string()?,
            "a" => texts[2] = value.into_string()?,
            "A" => texts[3] = value.into_string()?,
            _ => {}
        }
    }
    let (id, scale) = place_found?;
    let event = match channel {
        Channel::Trade => {
            let Level { price, qty } = level(scale, texts[0], texts[1])?;
            FrequentEvent::Trade(Trade {
                trade_id: first?,
                price,
                qty,
                aggressor: aggressor(is_maker?),
                is_aggregate: false,
                is_off_book: origin.is_some_and(|origin| origin != "MARKET"),
            })
        }
        Channel::Ticker => FrequentEvent::Ticker(Ticker {
            update_id: second?,
            bid: level(scale, texts[0], texts[1])?,
            ask: level(scale, texts[2], texts[3])?,
        }),
        Channel::Depth => {
            let mut bids = 0;
            for (number, side) in sides.iter().enumerate() {
                for pair in side.as_ref()?.iter() {
                    let pair = pair.as_array()?;
                    let mut values = pair.iter();
                    let price = values.next()?.into_string()?;
                    let qty = values.next()?.into_string()?;
                    levels.push(level(scale, price, qty)?.cell());
                }
                if number == 0 {
                    bids = levels.len() as u32;
                }
            }
            FrequentEvent::Depth(DepthDiff {
                first_id: first?,
                last_id: second?,
                previous_id: third,
                bids,
            })
        }
    };
    decoded(id, time.unwrap_or(event_time), event)
}

const fn aggressor(is_buyer_maker: bool) -> Side {
    if is_buyer_maker {
        Side::Sell
    } else {
        Side::Buy
    }
}

#[derive(Deserialize)]
struct Combined<T> {
    data: T,
}

#[derive(Deserialize)]
struct TradeFields<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    t: u64,
    p: &'a str,
    q: &'a str,
    #[serde(rename = "T")]
    time: Option<u64>,
    #[serde(rename = "X")]
    origin: Option<&'a str>,
    m: bool,
}

#[derive(Deserialize)]
struct TickerFields<'a> {
    u: u64,
    s: &'a str,
    b: &'a str,
    #[serde(rename = "B")]
    bid_qty: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    ask_qty: &'a str,
    #[serde(rename = "T")]
    time: Option<u64>,
}

#[derive(Deserialize)]
struct DepthFields<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "T")]
    time: Option<u64>,
    s: &'a str,
    #[serde(rename = "U")]
    first_id: u64,
    u: u64,
    pu: Option<u64>,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

fn serde_json_event(
    context: &Context<'_>,
    channel: Channel,
    frame: &[u8],
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    match channel {
        Channel::Trade => trade(context, serde_json::from_slice(frame).ok()?),
        Channel::Ticker => ticker(context, serde_json::from_slice(frame).ok()?),
        Channel::Depth => depth(context, serde_json::from_slice(frame).ok()?, levels),
    }
}

fn sonic_event(
    context: &Context<'_>,
    channel: Channel,
    frame: &[u8],
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    match channel {
        Channel::Trade => trade(context, sonic_rs::from_slice(frame).ok()?),
        Channel::Ticker => ticker(context, sonic_rs::from_slice(frame).ok()?),
        Channel::Depth => depth(context, sonic_rs::from_slice(frame).ok()?, levels),
    }
}

fn trade(context: &Context<'_>, frame: Combined<TradeFields<'_>>) -> Option<Frequent> {
    let data = frame.data;
    let (id, scale) = place(context, data.s)?;
    let Level { price, qty } = level(scale, data.p, data.q)?;
    let trade = Trade {
        trade_id: data.t,
        price,
        qty,
        aggressor: aggressor(data.m),
        is_aggregate: false,
        is_off_book: data.origin.is_some_and(|origin| origin != "MARKET"),
    };
    decoded(
        id,
        data.time.unwrap_or(data.event_time),
        FrequentEvent::Trade(trade),
    )
}

fn ticker(context: &Context<'_>, frame: Combined<TickerFields<'_>>) -> Option<Frequent> {
    let data = frame.data;
    let (id, scale) = place(context, data.s)?;
    let ticker = Ticker {
        update_id: data.u,
        bid: level(scale, data.b, data.bid_qty)?,
        ask: level(scale, data.a, data.ask_qty)?,
    };
    decoded(id, data.time.unwrap_or(0), FrequentEvent::Ticker(ticker))
}

fn depth(
    context: &Context<'_>,
    frame: Combined<DepthFields<'_>>,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    let data = frame.data;
    let (id, scale) = place(context, data.s)?;
    for (price, qty) in data.b.iter().chain(&data.a) {
        levels.push(level(scale, price, qty)?.cell());
    }
    let diff = DepthDiff {
        first_id: data.first_id,
        last_id: data.u,
        previous_id: data.pu.unwrap_or(0),
        bids: data.b.len() as u32,
    };
    decoded(
        id,
        data.time.unwrap_or(data.event_time),
        FrequentEvent::Depth(diff),
    )
}
