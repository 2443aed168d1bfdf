//! The market's frames, read as a client would: with a general JSON parser and a plain map for a book.

use claire_sim::{FrameKind, Listing, Market, MarketConfig};
use claire_types::number::parse_fixed;
use claire_types::{Side, Symbol, VenueNs};
use serde_json::Value;
use std::collections::BTreeMap;

const START: VenueNs = VenueNs(1_723_161_255_000_000_000);
const NS_PER_S: i64 = 1_000_000_000;

fn market(seed: u64) -> Market {
    Market::new(MarketConfig {
        seed,
        start: START,
        instruments: Listing::standard(),
    })
    .expect("the standard listings trade")
}

/// A frame with its text parsed.
struct Heard {
    due_ns: i64,
    snapshot_of: Option<Symbol>,
    json: Value,
}

impl Heard {
    fn stream(&self) -> &str {
        self.json["stream"].as_str().unwrap_or_default()
    }

    fn data(&self) -> &Value {
        &self.json["data"]
    }

    fn number(&self, name: &str) -> u64 {
        self.data()[name].as_u64().expect("an integer")
    }
}

/// Hears the market for so long; the `exchangeInfo` is left out.
fn hear(seed: u64, seconds: i64) -> (Market, Vec<Heard>) {
    let mut market = market(seed);
    let mut heard = Vec::new();
    let mut due_ns = 0;
    while due_ns < START.0 + seconds * NS_PER_S {
        let frame = market.next();
        due_ns = frame.due.0;
        let snapshot_of = match frame.kind {
            FrameKind::ExchangeInfo => continue,
            FrameKind::Snapshot { symbol } => Some(symbol),
            FrameKind::Stream => None,
        };
        heard.push(Heard {
            due_ns,
            snapshot_of,
            json: serde_json::from_slice(frame.text).expect("frames are JSON"),
        });
    }
    (market, heard)
}

fn fixed(value: &Value, digits: u8) -> i64 {
    parse_fixed(value.as_str().expect("decimal text").as_bytes(), digits).expect("a decimal")
}

/// One side of a client's book: price to quantity.
type Levels = BTreeMap<i64, i64>;

fn apply(levels: &mut Levels, changes: &Value, listing: &Listing) {
    for change in changes.as_array().expect("levels") {
        let price = fixed(&change[0], listing.price_digits);
        match fixed(&change[1], listing.qty_digits) {
            0 => levels.remove(&price),
            qty => levels.insert(price, qty),
        };
    }
}

#[test]
fn equal_seeds_give_equal_bytes_and_others_do_not() {
    let (mut one, mut two, mut other) = (market(1), market(1), market(2));
    let mut differs = false;
    for _ in 0..20_000 {
        let frame = one.next();
        assert_eq!(frame, two.next());
        differs |= frame.text != other.next().text;
    }
    assert!(differs);
}

/// The bytes are part of what a seed means. This value changes only when the market is meant to change.
#[test]
fn bytes_are_the_same_on_every_machine_and_in_every_build() {
    let mut market = market(42);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..100_000 {
        for byte in market.next().text {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    assert_eq!(format!("{hash:016x}"), "49426000cb1b9cb6");
}

#[test]
fn ids_and_times_are_contiguous() {
    let (_, heard) = hear(3, 60);
    let mut last_due_ns = 0;
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut counts = [0; 3];
    for frame in &heard {
        assert!(frame.due_ns >= last_due_ns);
        last_due_ns = frame.due_ns;
        let stream = frame.stream().to_owned();
        if stream.ends_with("@depth@100ms") {
            counts[0] += 1;
            let (first, id) = (frame.number("U"), frame.number("u"));
            assert!(first <= id);
            if let Some(before) = last.insert(stream, id) {
                assert_eq!(first, before + 1);
            }
        } else if stream.ends_with("@trade") {
            counts[1] += 1;
            let id = frame.number("t");
            assert!(frame.number("T") <= frame.number("E"));
            if let Some(before) = last.insert(stream, id) {
                assert_eq!(id, before + 1);
            }
        } else if stream.ends_with("@bookTicker") {
            counts[2] += 1;
            let id = frame.number("u");
            assert!(last.insert(stream, id).is_none_or(|before| before < id));
        } else {
            assert!(frame.snapshot_of.is_some(), "an unknown frame");
        }
    }
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
}

#[test]
fn diffs_on_the_snapshot_give_the_markets_own_book() {
    let (market, heard) = hear(4, 30);
    for listing in market.listings() {
        let stream = format!("{}@depth@100ms", listing.symbol).to_lowercase();
        let position = heard
            .iter()
            .position(|frame| frame.snapshot_of == Some(listing.symbol))
            .expect("a snapshot");
        let before = heard[..position]
            .iter()
            .filter(|frame| frame.stream() == stream);
        assert!(before.count() > 1, "diffs come before the snapshot");
        let body = &heard[position].json;
        let snapshot_id = body["lastUpdateId"].as_u64().expect("an id");
        let (mut bids, mut asks) = (Levels::new(), Levels::new());
        apply(&mut bids, &body["bids"], listing);
        apply(&mut asks, &body["asks"], listing);
        let mut book_id = snapshot_id;
        for diff in heard.iter().filter(|frame| frame.stream() == stream) {
            if diff.number("u") <= snapshot_id {
                continue;
            }
            assert!(diff.number("U") <= book_id + 1);
            apply(&mut bids, &diff.data()["b"], listing);
            apply(&mut asks, &diff.data()["a"], listing);
            book_id = diff.number("u");
            let (bid, ask) = (bids.last_key_value(), asks.first_key_value());
            assert!(bid.expect("bids").0 < ask.expect("asks").0, "crossed");
        }
        check_equal_after_next_diff(&market, listing, (bids, asks), book_id);
    }
}

/// Applies diffs until one shows the book's last change, then compares with the market's own levels.
fn check_equal_after_next_diff(
    market: &Market,
    listing: &Listing,
    (mut bids, mut asks): (Levels, Levels),
    mut book_id: u64,
) {
    let mut market = market.clone();
    let stream = format!("{}@depth@100ms", listing.symbol).to_lowercase();
    loop {
        let frame = market.next();
        let json: Value = serde_json::from_slice(frame.text).expect("JSON");
        if json["stream"] != stream.as_str() || json["data"]["u"].as_u64() <= Some(book_id) {
            continue;
        }
        apply(&mut bids, &json["data"]["b"], listing);
        apply(&mut asks, &json["data"]["a"], listing);
        book_id = json["data"]["u"].as_u64().expect("an id");
        break;
    }
    let fresh = market.snapshot(&listing.symbol).expect("listed");
    let fresh: Value = serde_json::from_slice(fresh.text).expect("JSON");
    assert_eq!(fresh["lastUpdateId"].as_u64(), Some(book_id));
    let book = market.book(&listing.symbol).expect("listed");
    let own = |side| -> Levels {
        book.levels(side)
            .map(|level| (level.price.0, level.qty.0))
            .collect()
    };
    assert_eq!(bids, own(Side::Buy));
    assert_eq!(asks, own(Side::Sell));
}

#[test]
fn tickers_never_cross_and_trades_are_inside_the_book() {
    let (market, heard) = hear(5, 120);
    for listing in market.listings() {
        let symbol = listing.symbol.as_str();
        let (mut before, mut touch) = ((i64::MAX, 0), (i64::MAX, 0));
        let mut touch_ns = 0;
        for frame in heard.iter().filter(|frame| frame.data()["s"] == symbol) {
            let price = |name: &str| fixed(&frame.data()[name], listing.price_digits);
            if frame.stream().ends_with("@bookTicker") {
                (before, touch) = (touch, (price("b"), price("a")));
                touch_ns = frame.due_ns;
                assert!(touch.0 < touch.1, "crossed");
                assert!(fixed(&frame.data()["B"], listing.qty_digits) > 0);
                assert!(fixed(&frame.data()["A"], listing.qty_digits) > 0);
            } else if frame.stream().ends_with("@trade") {
                // The ticker of the same moment shows what the trade left, the one before what it met.
                let met = if touch_ns == frame.due_ns {
                    before
                } else {
                    touch
                };
                let price = price("p");
                if frame.data()["m"] == true {
                    assert!(price <= met.0, "sold at {price}, bid {met:?}");
                } else {
                    assert!(price >= met.1, "bought at {price}, ask {met:?}");
                }
            }
        }
    }
}

#[test]
fn rates_and_spreads_are_those_of_a_market() {
    const SECONDS: i64 = 300;
    let (market, heard) = hear(6, SECONDS);
    for listing in market.listings() {
        let symbol = listing.symbol.as_str();
        let of_symbol = || heard.iter().filter(|frame| frame.data()["s"] == symbol);
        let rate = |name: &str| {
            let count = of_symbol().filter(|frame| frame.stream().ends_with(name));
            count.count() as f64 / SECONDS as f64
        };
        let (depth, ticker, trade) = (rate("@depth@100ms"), rate("@bookTicker"), rate("@trade"));
        let mut spreads_bps: Vec<f64> = of_symbol()
            .filter(|frame| frame.stream().ends_with("@bookTicker"))
            .map(|frame| {
                let bid = fixed(&frame.data()["b"], listing.price_digits) as f64;
                let ask = fixed(&frame.data()["a"], listing.price_digits) as f64;
                (ask / bid - 1.0) * 10_000.0
            })
            .collect();
        spreads_bps.sort_by(f64::total_cmp);
        let spread = spreads_bps[spreads_bps.len() / 2];
        let widest = spreads_bps[spreads_bps.len() - 1];
        let levels: usize = of_symbol()
            .filter(|frame| frame.stream().ends_with("@depth@100ms"))
            .map(|frame| {
                let len = |side: &str| frame.data()[side].as_array().map_or(0, Vec::len);
                len("a") + len("b")
            })
            .sum();
        let levels = levels as f64 / (depth * SECONDS as f64);
        println!(
            "{symbol}: depth {depth:.1}/s ({levels:.0} levels), ticker {ticker:.1}/s, trade {trade:.1}/s, \
             spread {spread:.2} bps, widest {widest:.1}"
        );
        assert!((9.5..=10.01).contains(&depth), "{symbol} depth {depth}");
        assert!((20.0..60.0).contains(&(depth + ticker + trade)), "{symbol}");
        assert!((1.0..30.0).contains(&trade), "{symbol} trade {trade}");
        assert!((0.001..2.0).contains(&spread), "{symbol} spread {spread}");
        assert!(widest < 10.0, "{symbol} widest {widest}");
        assert!((5.0..100.0).contains(&levels), "{symbol} levels {levels}");
    }
}

/// Returns the mid of the first instrument at the end of each second.
fn mids(seed: u64, seconds: i64) -> Vec<f64> {
    let mut market = market(seed);
    let symbol = market.listings().next().expect("one").symbol;
    let mut mids = Vec::new();
    loop {
        let due_ns = market.next().due.0 - START.0;
        if due_ns >= (mids.len() as i64 + 1) * NS_PER_S {
            let book = market.book(&symbol).expect("listed");
            let best = |side| book.best(side).expect("a level").price.0;
            mids.push((best(Side::Buy) + best(Side::Sell)) as f64 / 2.0);
        }
        if due_ns >= seconds * NS_PER_S {
            return mids;
        }
    }
}

fn square(value: f64) -> f64 {
    value * value
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count();
    values.sum::<f64>() / count as f64
}

#[test]
fn returns_are_heavy_tailed_and_cluster_and_trend() {
    let mids = mids(7, 3_600);
    let returns: Vec<f64> = mids
        .windows(2)
        .map(|pair| (pair[1] / pair[0] - 1.0) * 10_000.0)
        .collect();
    let variance = mean(returns.iter().map(|value| value * value));
    let kurtosis = mean(returns.iter().map(|value| square(square(*value)))) / (variance * variance);
    let magnitudes: Vec<f64> = returns.iter().map(|value| value.abs()).collect();
    let level = mean(magnitudes.iter().copied());
    let spread = mean(magnitudes.iter().map(|value| square(value - level)));
    let clustering = |lag: usize| {
        let pairs = magnitudes.iter().zip(&magnitudes[lag..]);
        mean(pairs.map(|(one, two)| (one - level) * (two - level))) / spread
    };
    // Variance over 20 s against that of 1 s: above 1 where moves go on, as in a trend.
    let long = mean(
        mids.windows(21)
            .map(|span| square((span[20] / span[0] - 1.0) * 10_000.0)),
    );
    let ratio = long / (20.0 * variance);
    println!(
        "1 s deviation {:.2} bps, kurtosis {kurtosis:.1}, clustering at 1 s {:.2}, 5 s {:.2}, 20 s {:.2}, \
         variance ratio at 20 s {ratio:.2}",
        variance.sqrt(),
        clustering(1),
        clustering(5),
        clustering(20),
    );
    assert!((0.5..5.0).contains(&variance.sqrt()));
    assert!(kurtosis > 4.0, "{kurtosis}");
    assert!(clustering(1) > 0.1 && clustering(5) > 0.05, "no clusters");
    assert!(ratio > 1.2, "no trends: {ratio}");
    let minute = mids
        .windows(61)
        .map(|span| (span[60] / span[0] - 1.0).abs())
        .fold(0.0, f64::max);
    assert!(minute < 0.02, "a minute's move of {minute} stops trading");
}

#[test]
fn each_minute_has_crossings_and_imbalance_to_trade_on() {
    let mids = mids(8, 600);
    let mut crossings = 0;
    let (mut fast, mut slow) = (mids[0], mids[0]);
    for mid in &mids {
        let was_above = fast > slow;
        fast += (mid - fast) * 2.0 / 6.0;
        slow += (mid - slow) * 2.0 / 21.0;
        crossings += usize::from(was_above != (fast > slow));
    }
    assert!(
        crossings >= 20,
        "{crossings} crossings of 5 s and 20 s in 600 s"
    );
    let (market, heard) = hear(8, 60);
    for listing in market.listings() {
        let symbol = listing.symbol.as_str();
        let lopsided = heard
            .iter()
            .filter(|frame| frame.data()["s"] == symbol && frame.stream().ends_with("@bookTicker"))
            .filter(|frame| {
                let bid = fixed(&frame.data()["B"], listing.qty_digits) as f64;
                let ask = fixed(&frame.data()["A"], listing.qty_digits) as f64;
                ((bid - ask) / (bid + ask)).abs() > 0.6
            });
        assert!(lopsided.count() >= 20, "{symbol}");
    }
}

#[test]
fn an_hour_has_a_hundred_levels_a_side_and_no_crossing() {
    let mut market = market(11);
    let symbols: Vec<Symbol> = market.listings().map(|it| it.symbol).collect();
    let (mut frames, mut bytes, mut fewest) = (0_u64, 0, usize::MAX);
    loop {
        let frame = market.next();
        frames += 1;
        bytes += frame.text.len();
        if frame.due.0 >= START.0 + 3_600 * NS_PER_S {
            break;
        }
        let book = market.book(&symbols[frames as usize % 3]).expect("listed");
        let (bids, asks) = (book.levels(Side::Buy).len(), book.levels(Side::Sell).len());
        fewest = fewest.min(bids).min(asks);
        let best = |side| book.best(side).expect("a level").price;
        assert!(best(Side::Buy) < best(Side::Sell));
    }
    println!("an hour: {frames} frames, {bytes} bytes, at least {fewest} levels a side");
    assert!(fewest >= 100, "only {fewest} levels");
}

#[test]
fn exchange_info_describes_every_listing() {
    let mut market = market(9);
    let frame = market.next();
    assert_eq!(frame.kind, FrameKind::ExchangeInfo);
    let info: Value = serde_json::from_slice(frame.text).expect("JSON");
    let symbols = info["symbols"].as_array().expect("symbols");
    assert_eq!(symbols.len(), market.listings().len());
    for (symbol, listing) in symbols.iter().zip(market.listings()) {
        assert_eq!(symbol["symbol"], listing.symbol.as_str());
        let filter = |name: &str| {
            let mut filters = symbol["filters"].as_array().expect("filters").iter();
            filters
                .find(|filter| filter["filterType"] == name)
                .expect("the filter")
        };
        let tick = &filter("PRICE_FILTER")["tickSize"];
        assert_eq!(fixed(tick, listing.price_digits), 1);
        let step = &filter("LOT_SIZE")["stepSize"];
        assert_eq!(fixed(step, listing.qty_digits), 1);
        assert_eq!(filter("NOTIONAL")["minNotional"], "5.00000000");
    }
}

#[test]
fn extreme_listings_trade_on() {
    let mut instruments = Listing::standard();
    let extremes = [
        (0, 0, 1_000, 1, 50.0, 0.0),
        (8, 8, 1_000_000_000_000, 1_000_000_000, 50.0, 1.0),
        (8, 0, 1_234, 1_000_000_000, 0.0, 1.0),
    ];
    for (listing, extreme) in instruments.iter_mut().zip(extremes) {
        (listing.price_digits, listing.qty_digits) = (extreme.0, extreme.1);
        (listing.price_start.0, listing.qty_usual.0) = (extreme.2, extreme.3);
        (listing.volatility_bps, listing.coupling) = (extreme.4, extreme.5);
    }
    let symbols: Vec<Symbol> = instruments.iter().map(|it| it.symbol).collect();
    let config = MarketConfig {
        seed: 12,
        start: START,
        instruments,
    };
    let mut market = Market::new(config).expect("within the limits");
    let mut heard = [0_u32; 3];
    for _ in 0..200_000 {
        let frame = market.next();
        let text = std::str::from_utf8(frame.text).expect("ASCII");
        for (count, symbol) in heard.iter_mut().zip(&symbols) {
            *count += u32::from(text.contains(symbol.as_str()));
        }
    }
    assert!(heard.iter().all(|count| *count > 20_000), "{heard:?}");
}

#[test]
fn asking_for_a_snapshot_does_not_change_what_follows() {
    let (mut one, mut two) = (market(10), market(10));
    let symbol = Symbol::cut("ETHUSDT");
    for _ in 0..2_000 {
        let frame = one.snapshot(&symbol).expect("listed");
        assert_eq!(frame.kind, FrameKind::Snapshot { symbol });
        assert_eq!(one.next(), two.next());
    }
    assert!(one.snapshot(&Symbol::cut("NOPE")).is_none());
}
