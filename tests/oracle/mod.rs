//! What `claire replay --json` must say of a recording's market, computed a second time.
//!
//! Slow and plain on purpose: `serde_json`, exact decimals, one sorted map per side, the venue's rule as its
//! page has it (`protocols/binance-spot.md` 2.8, `protocols/binance-usdm.md` 5). Shares no code with Claire.

pub mod decimal;
pub mod lines;

use decimal::Decimal;
use lines::Frame;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A product, and with it the rule by which a book's changes follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Ids are contiguous.
    Spot,
    /// Each change names the one before it.
    Usdm,
    /// As USD-M.
    Coinm,
}

/// What is known of a recording.
pub struct Oracle {
    product: Product,
    frames: u64,
    events: u64,
    errors: u64,
    gaps: u64,
    received: Option<(i64, i64)>,
    markets: BTreeMap<String, Market>,
}

/// One symbol.
#[derive(Default)]
struct Market {
    trades: u64,
    trade_qty: Decimal,
    trade_notional: Decimal,
    has_diffs: bool,
    /// Changes that wait for a snapshot.
    buffer: Vec<Diff>,
    book: Book,
}

/// A depth book.
#[derive(Default)]
struct Book {
    is_synced: bool,
    /// No change followed the snapshot yet.
    is_fresh: bool,
    last_id: u64,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

/// A change of a book.
#[derive(Clone)]
struct Diff {
    first: u64,
    last: u64,
    previous: Option<u64>,
    bids: Vec<(Decimal, Decimal)>,
    asks: Vec<(Decimal, Decimal)>,
}

/// Best levels that the JSON shows.
const LEVELS_SHOWN: usize = 10;

impl Product {
    /// Returns the name in `venue:SYMBOL`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "binance-spot",
            Self::Usdm => "binance-usdm",
            Self::Coinm => "binance-coinm",
        }
    }
}

impl Oracle {
    /// Reads all frames.
    pub fn of(product: Product, frames: &[Frame]) -> Self {
        let mut oracle = Self {
            product,
            frames: 0,
            events: 0,
            errors: 0,
            gaps: 0,
            received: None,
            markets: BTreeMap::new(),
        };
        for frame in frames {
            oracle.take(frame);
        }
        oracle
    }

    /// Returns the fields of the JSON that tell of the market.
    pub fn expected(&self) -> Value {
        let sums = |of: fn(&Market) -> Decimal| -> Map<String, Value> {
            let traded = self.markets.iter().filter(|(_, market)| market.trades > 0);
            traded
                .map(|(symbol, market)| (self.key(symbol), json!(of(market).to_string())))
                .collect()
        };
        let books = self.markets.iter();
        let books: Map<_, _> = books
            .map(|(symbol, market)| (self.key(symbol), market.book.shown()))
            .collect();
        json!({
            "frames": self.frames,
            "events": self.events,
            "errors": self.errors,
            "gaps": self.gaps,
            "first_recv_ns": self.received.map(|(first, _)| first),
            "last_recv_ns": self.received.map(|(_, last)| last),
            "trades": self.markets.values().map(|market| market.trades).sum::<u64>(),
            "trade_qty": sums(|market| market.trade_qty),
            "trade_notional": sums(|market| market.trade_notional),
            "books": books,
        })
    }

    /// Returns the symbol's book as the venue's REST answer would have it.
    pub fn rest_answer(&self, symbol: &str) -> String {
        let book = &self.markets[symbol].book;
        let pair = |(price, qty): (&Decimal, &Decimal)| json!([price.to_string(), qty.to_string()]);
        let bids: Vec<_> = book.bids.iter().rev().map(pair).collect();
        let asks: Vec<_> = book.asks.iter().map(pair).collect();
        json!({ "lastUpdateId": book.last_id, "bids": bids, "asks": asks }).to_string()
    }

    fn key(&self, symbol: &str) -> String {
        format!("{}:{symbol}", self.product.name())
    }

    fn take(&mut self, frame: &Frame) {
        self.frames += 1;
        let first = self.received.map_or(frame.recv_ns, |(first, _)| first);
        self.received = Some((first, frame.recv_ns));
        let Ok(value) = serde_json::from_str::<Value>(&frame.text) else {
            self.errors += 1;
            return;
        };
        let stream = value["stream"].as_str().unwrap_or_default();
        let payload = if stream.is_empty() {
            &value
        } else {
            &value["data"]
        };
        let list = payload.as_array();
        let messages = list.map_or(std::slice::from_ref(payload), Vec::as_slice);
        for message in messages {
            if !self.message(message, stream, frame.symbol.as_deref()) {
                // A frame is counted once, however many messages it lists.
                self.errors += 1;
                return;
            }
        }
    }

    /// Takes one message; false where it is none that a book or a trade depends on.
    fn message(&mut self, message: &Value, stream: &str, requested: Option<&str>) -> bool {
        let symbol = message["s"].as_str().unwrap_or_default();
        match message["e"].as_str() {
            Some("trade") => self.trade(symbol, message),
            Some("depthUpdate") if is_partial(stream) => {
                self.partial(
                    symbol,
                    message["u"].as_u64().expect("an id"),
                    message,
                    ["b", "a"],
                );
            }
            Some("depthUpdate") => self.diff(symbol, &diff_of(message)),
            Some("aggTrade" | "bookTicker" | "kline" | "markPriceUpdate") => self.event(symbol),
            Some("forceOrder") => self.event(message["o"]["s"].as_str().expect("a symbol")),
            Some(_) => return false,
            None if message["lastUpdateId"].is_u64() && is_partial(stream) => {
                let symbol = stream.split('@').next().unwrap_or_default().to_uppercase();
                let id = message["lastUpdateId"].as_u64().expect("an id");
                self.partial(&symbol, id, message, ["bids", "asks"]);
            }
            None if message["lastUpdateId"].is_u64() => return self.snapshot(requested, message),
            None if message["B"].is_string() => self.event(symbol),
            // Exchange info: facts, no event.
            None => return message["symbols"].is_array(),
        }
        true
    }

    fn event(&mut self, symbol: &str) {
        assert!(!symbol.is_empty(), "an event names its symbol");
        self.events += 1;
        self.market(symbol);
    }

    fn market(&mut self, symbol: &str) -> &mut Market {
        self.markets.entry(symbol.to_owned()).or_default()
    }

    fn trade(&mut self, symbol: &str, message: &Value) {
        self.event(symbol);
        let (price, qty) = (number(&message["p"]), number(&message["q"]));
        let market = self.market(symbol);
        market.trades += 1;
        market.trade_qty = market.trade_qty.plus(qty);
        market.trade_notional = market.trade_notional.plus(price.times(qty));
    }

    fn diff(&mut self, symbol: &str, diff: &Diff) {
        self.event(symbol);
        let product = self.product;
        let market = self.market(symbol);
        market.has_diffs = true;
        if !market.book.is_synced {
            market.buffer.push(diff.clone());
        } else if !market.book.follow(product, diff) {
            market.book.is_synced = false;
            market.buffer = vec![diff.clone()];
            self.gaps += 1;
        }
    }

    /// Takes the answer to a request for a whole book.
    fn snapshot(&mut self, requested: Option<&str>, message: &Value) -> bool {
        let with_diffs = self.markets.iter().filter(|(_, market)| market.has_diffs);
        let with_diffs: Vec<String> = with_diffs.map(|(symbol, _)| symbol.clone()).collect();
        let named = message["symbol"].as_str().or(requested).map(str::to_owned);
        let symbol = match (named, with_diffs.as_slice()) {
            (Some(symbol), _) => symbol,
            (None, [only]) => only.clone(),
            // Whose book it is cannot be told.
            _ => return false,
        };
        self.event(&symbol);
        let product = self.product;
        let market = self.market(&symbol);
        let last_id = message["lastUpdateId"].as_u64().expect("an id");
        let is_too_old = match market.buffer.first() {
            Some(diff) if product == Product::Spot => last_id.saturating_add(1) < diff.first,
            Some(diff) => last_id < diff.first,
            None => market.book.is_synced && last_id < market.book.last_id,
        };
        if is_too_old {
            return true;
        }
        market.book = Book::of(last_id, message, ["bids", "asks"]);
        for diff in std::mem::take(&mut market.buffer) {
            assert!(
                market.book.follow(product, &diff),
                "{symbol}: the recording has no gap within the buffer"
            );
        }
        true
    }

    /// Takes the best levels as the whole book, where no stream of changes gives one.
    fn partial(&mut self, symbol: &str, last_id: u64, message: &Value, sides: [&str; 2]) {
        self.event(symbol);
        let market = self.market(symbol);
        if !market.has_diffs {
            market.book = Book::of(last_id, message, sides);
        }
    }
}

impl Book {
    fn of(last_id: u64, message: &Value, [bids, asks]: [&str; 2]) -> Self {
        Self {
            is_synced: true,
            is_fresh: true,
            last_id,
            bids: levels(&message[bids]).into_iter().collect(),
            asks: levels(&message[asks]).into_iter().collect(),
        }
    }

    /// Applies a change where it follows, passes it over where it is old; false where one is missing before it.
    fn follow(&mut self, product: Product, diff: &Diff) -> bool {
        let is_old = match product {
            Product::Spot => diff.last <= self.last_id,
            _ if self.is_fresh => diff.last < self.last_id,
            _ => diff.last <= self.last_id,
        };
        if is_old {
            return true;
        }
        let follows = match product {
            Product::Spot => diff.first <= self.last_id + 1,
            _ if self.is_fresh => diff.first <= self.last_id,
            _ => diff.previous == Some(self.last_id),
        };
        if follows {
            self.is_fresh = false;
            self.last_id = diff.last;
            set(&mut self.bids, &diff.bids);
            set(&mut self.asks, &diff.asks);
        }
        follows
    }

    fn shown(&self) -> Value {
        let pair = |(price, qty): (&Decimal, &Decimal)| json!([price.to_string(), qty.to_string()]);
        let total = |side: &BTreeMap<Decimal, Decimal>| {
            let sum = side.values().copied().fold(Decimal::ZERO, Decimal::plus);
            sum.to_string()
        };
        let bids: Vec<_> = self
            .bids
            .iter()
            .rev()
            .take(LEVELS_SHOWN)
            .map(pair)
            .collect();
        let asks: Vec<_> = self.asks.iter().take(LEVELS_SHOWN).map(pair).collect();
        json!({
            "synced": self.is_synced,
            "last_update_id": self.last_id,
            "bid_levels": self.bids.len(),
            "ask_levels": self.asks.len(),
            "bids": bids,
            "asks": asks,
            "bid_qty": total(&self.bids),
            "ask_qty": total(&self.asks),
        })
    }
}

/// Returns whether the stream sends the best levels whole: `<symbol>@depth<levels>...`.
fn is_partial(stream: &str) -> bool {
    let channel = stream.split('@').nth(1).unwrap_or_default();
    let levels = channel.strip_prefix("depth").unwrap_or_default();
    levels.starts_with(|first: char| first.is_ascii_digit())
}

fn diff_of(message: &Value) -> Diff {
    Diff {
        first: message["U"].as_u64().expect("an id"),
        last: message["u"].as_u64().expect("an id"),
        previous: message["pu"].as_u64(),
        bids: levels(&message["b"]),
        asks: levels(&message["a"]),
    }
}

fn levels(list: &Value) -> Vec<(Decimal, Decimal)> {
    let list = list.as_array().expect("levels");
    let levels = list
        .iter()
        .map(|level| (number(&level[0]), number(&level[1])));
    levels.collect()
}

fn number(value: &Value) -> Decimal {
    Decimal::of(value.as_str().expect("a decimal text"))
}

fn set(side: &mut BTreeMap<Decimal, Decimal>, levels: &[(Decimal, Decimal)]) {
    for (price, qty) in levels {
        if qty.is_zero() {
            side.remove(price);
        } else {
            side.insert(*price, *qty);
        }
    }
}
