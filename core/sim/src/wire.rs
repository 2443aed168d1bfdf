//! What Binance spot sends: frames written into a reused buffer, field by field as recorded.
//!
//! Called by the market. Appends only; allocates only while the buffer grows to the largest frame.
//!
//! # Source
//! Recorded spot session of 2024-08-08 and Binance "WebSocket Streams for Binance", "Market Data
//! endpoints" (read 2026-11-21).

use crate::book::Book;
use crate::listing::{Listing, WIRE_DIGITS};
use claire_types::{Level, Price, Qty, Side, Symbol};
use std::io::Write;

/// How an instrument's names and numbers look on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) symbol: Symbol,
    /// The symbol in lower case, as in stream names.
    stream: Symbol,
    price_digits: u8,
    qty_digits: u8,
}

/// The ids of a depth diff and the time it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiffHead {
    pub(crate) event_ms: i64,
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
}

/// A trade with its id and times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deal {
    pub(crate) trade_id: u64,
    pub(crate) event_ms: i64,
    pub(crate) trade_ms: i64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    pub(crate) aggressor: Side,
}

/// Both best levels and the update id they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) update_id: u64,
    pub(crate) bid: Level,
    pub(crate) ask: Level,
}

/// Levels a side that a snapshot shows.
const SNAPSHOT_LEVELS_MAX: usize = 1_000;

impl Style {
    pub(crate) fn new(listing: &Listing) -> Self {
        Self {
            symbol: listing.symbol,
            stream: Symbol::cut(&listing.symbol.as_str().to_ascii_lowercase()),
            price_digits: listing.price_digits,
            qty_digits: listing.qty_digits,
        }
    }

    /// Writes a `depth@100ms` frame: the changed levels with their quantities in `book`, each side best first.
    pub(crate) fn diff(
        &self,
        head: DiffHead,
        changes: &[(Side, Price)],
        book: &Book,
        out: &mut Vec<u8>,
    ) {
        self.open("@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":", out);
        push_number(head.event_ms.unsigned_abs(), out);
        out.extend_from_slice(b",\"s\":\"");
        out.extend_from_slice(self.symbol.as_bytes());
        out.extend_from_slice(b"\",\"U\":");
        push_number(head.first_id, out);
        out.extend_from_slice(b",\"u\":");
        push_number(head.last_id, out);
        for (name, wanted) in [(&b",\"b\":["[..], Side::Buy), (b"],\"a\":[", Side::Sell)] {
            out.extend_from_slice(name);
            let of_side = changes.iter().filter(|(side, _)| *side == wanted);
            self.levels(
                of_side.map(|(side, price)| Level {
                    price: *price,
                    qty: book.qty_at(*side, *price),
                }),
                out,
            );
        }
        out.extend_from_slice(b"]}}");
    }

    /// Writes a `bookTicker` frame.
    pub(crate) fn ticker(&self, touch: Touch, out: &mut Vec<u8>) {
        self.open("@bookTicker\",\"data\":{\"u\":", out);
        push_number(touch.update_id, out);
        out.extend_from_slice(b",\"s\":\"");
        out.extend_from_slice(self.symbol.as_bytes());
        out.extend_from_slice(b"\",\"b\":");
        self.push_price(touch.bid.price, out);
        out.extend_from_slice(b",\"B\":");
        self.push_qty(touch.bid.qty, out);
        out.extend_from_slice(b",\"a\":");
        self.push_price(touch.ask.price, out);
        out.extend_from_slice(b",\"A\":");
        self.push_qty(touch.ask.qty, out);
        out.extend_from_slice(b"}}");
    }

    /// Writes a `trade` frame.
    pub(crate) fn trade(&self, deal: Deal, out: &mut Vec<u8>) {
        self.open("@trade\",\"data\":{\"e\":\"trade\",\"E\":", out);
        push_number(deal.event_ms.unsigned_abs(), out);
        out.extend_from_slice(b",\"s\":\"");
        out.extend_from_slice(self.symbol.as_bytes());
        out.extend_from_slice(b"\",\"t\":");
        push_number(deal.trade_id, out);
        out.extend_from_slice(b",\"p\":");
        self.push_price(deal.price, out);
        out.extend_from_slice(b",\"q\":");
        self.push_qty(deal.qty, out);
        out.extend_from_slice(b",\"T\":");
        push_number(deal.trade_ms.unsigned_abs(), out);
        // `m`: the buyer was the maker.
        out.extend_from_slice(match deal.aggressor {
            Side::Sell => b",\"m\":true,\"M\":true}}".as_slice(),
            Side::Buy => b",\"m\":false,\"M\":true}}",
        });
    }

    /// Writes the body of a REST depth snapshot, which names no symbol.
    pub(crate) fn snapshot(&self, update_id: u64, book: &Book, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"lastUpdateId\":");
        push_number(update_id, out);
        out.extend_from_slice(b",\"bids\":[");
        self.levels(book.levels(Side::Buy).take(SNAPSHOT_LEVELS_MAX), out);
        out.extend_from_slice(b"],\"asks\":[");
        self.levels(book.levels(Side::Sell).take(SNAPSHOT_LEVELS_MAX), out);
        out.extend_from_slice(b"]}");
    }

    fn open(&self, rest: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"stream\":\"");
        out.extend_from_slice(self.stream.as_bytes());
        out.extend_from_slice(rest.as_bytes());
    }

    fn levels(&self, levels: impl Iterator<Item = Level>, out: &mut Vec<u8>) {
        let mut is_first = true;
        for level in levels {
            out.extend_from_slice(if is_first { b"[" } else { b",[" });
            is_first = false;
            self.push_price(level.price, out);
            out.push(b',');
            self.push_qty(level.qty, out);
            out.push(b']');
        }
    }

    fn push_price(&self, price: Price, out: &mut Vec<u8>) {
        push_decimal(price.0.unsigned_abs(), self.price_digits, out);
    }

    fn push_qty(&self, qty: Qty, out: &mut Vec<u8>) {
        push_decimal(qty.0.unsigned_abs(), self.qty_digits, out);
    }
}

/// Writes the body of `exchangeInfo`.
pub(crate) fn exchange_info(listings: &[Listing], server_ms: i64, out: &mut Vec<u8>) {
    put(
        out,
        format_args!(
            "{{\"timezone\":\"UTC\",\"serverTime\":{server_ms},\"rateLimits\":[\
             {{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":6000}},\
             {{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":100}},\
             {{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":160000}}],\
             \"exchangeFilters\":[],\"symbols\":["
        ),
    );
    for (index, listing) in listings.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        symbol_info(listing, out);
    }
    out.extend_from_slice(b"]}");
}

fn symbol_info(listing: &Listing, out: &mut Vec<u8>) {
    let (symbol, base, quote) = (listing.symbol, listing.base, listing.quote);
    put(
        out,
        format_args!(
            "{{\"symbol\":\"{symbol}\",\"status\":\"TRADING\",\"baseAsset\":\"{base}\",\
             \"baseAssetPrecision\":8,\"quoteAsset\":\"{quote}\",\"quotePrecision\":8,\
             \"quoteAssetPrecision\":8,\"baseCommissionPrecision\":8,\"quoteCommissionPrecision\":8,\
             \"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\",\"MARKET\"],\"icebergAllowed\":false,\
             \"ocoAllowed\":false,\"quoteOrderQtyMarketAllowed\":false,\"allowTrailingStop\":false,\
             \"cancelReplaceAllowed\":true,\"isSpotTradingAllowed\":true,\"isMarginTradingAllowed\":false,\
             \"filters\":[{{\"filterType\":\"PRICE_FILTER\",\"minPrice\":"
        ),
    );
    let price_max = listing.price_start.0.unsigned_abs() * 10;
    push_decimal(1, listing.price_digits, out);
    out.extend_from_slice(b",\"maxPrice\":");
    push_decimal(price_max, listing.price_digits, out);
    out.extend_from_slice(b",\"tickSize\":");
    push_decimal(1, listing.price_digits, out);
    out.extend_from_slice(b"},{\"filterType\":\"LOT_SIZE\",\"minQty\":");
    push_decimal(1, listing.qty_digits, out);
    out.extend_from_slice(b",\"maxQty\":");
    let qty_max = listing.qty_usual.0.unsigned_abs() * 10_000;
    push_decimal(qty_max, listing.qty_digits, out);
    out.extend_from_slice(b",\"stepSize\":");
    push_decimal(1, listing.qty_digits, out);
    put(
        out,
        format_args!(
            "}},{{\"filterType\":\"NOTIONAL\",\"minNotional\":\"{}.00000000\",\
             \"applyMinToMarket\":true,\"maxNotional\":\"9000000.00000000\",\
             \"applyMaxToMarket\":false,\"avgPriceMins\":5}},\
             {{\"filterType\":\"MAX_NUM_ORDERS\",\"maxNumOrders\":200}}],\
             \"permissions\":[],\"permissionSets\":[[\"SPOT\"]],\
             \"defaultSelfTradePreventionMode\":\"EXPIRE_MAKER\",\
             \"allowedSelfTradePreventionModes\":[\"EXPIRE_MAKER\"]}}",
            listing.notional_min
        ),
    );
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory cannot fail");
}

/// Writes the value, counted in units of 10^-`digits`, in quotes and with [`WIRE_DIGITS`] decimals.
fn push_decimal(value: u64, digits: u8, out: &mut Vec<u8>) {
    let unit = 10_u64.pow(u32::from(digits));
    out.push(b'"');
    push_number(value / unit, out);
    out.push(b'.');
    let mut rest = value % unit * 10_u64.pow(u32::from(WIRE_DIGITS - digits));
    let mut text = [b'0'; WIRE_DIGITS as usize];
    for byte in text.iter_mut().rev() {
        *byte = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text);
    out.push(b'"');
}

fn push_number(mut value: u64, out: &mut Vec<u8>) {
    let mut text = [0; 20];
    let mut start = text.len();
    loop {
        start -= 1;
        text[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_eight_decimals() {
        let cases = [
            (6_183_763, 2, "\"61837.63000000\""),
            (0, 5, "\"0.00000000\""),
            (154_698, 5, "\"1.54698000\""),
            (7, 0, "\"7.00000000\""),
            (5, 8, "\"0.00000005\""),
        ];
        for (value, digits, text) in cases {
            let mut out = Vec::new();
            push_decimal(value, digits, &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), text);
        }
    }

    #[test]
    fn frames_read_as_the_venue_writes_them() {
        let style = Style::new(&Listing::standard()[0]);
        let mut out = Vec::new();
        let level = |price, qty| Level {
            price: Price(price),
            qty: Qty(qty),
        };
        style.ticker(
            Touch {
                update_id: 50_093_239_212,
                bid: level(6_183_763, 378_826),
                ask: level(6_183_764, 154_698),
            },
            &mut out,
        );
        let ticker = r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#;
        assert_eq!(std::str::from_utf8(&out), Ok(ticker));
        out.clear();
        style.trade(
            Deal {
                trade_id: 3_735_683_259,
                event_ms: 1_723_161_255_343,
                trade_ms: 1_723_161_255_342,
                price: Price(6_183_763),
                qty: Qty(2_000),
                aggressor: Side::Sell,
            },
            &mut out,
        );
        let trade = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
        assert_eq!(std::str::from_utf8(&out), Ok(trade));
        out.clear();
        let head = DiffHead {
            event_ms: 1_723_161_255_208,
            first_id: 50_093_239_189,
            last_id: 50_093_239_202,
        };
        let changes = [
            (Side::Buy, Price(6_173_763)),
            (Side::Sell, Price(6_183_985)),
        ];
        style.diff(head, &changes, &Book::default(), &mut out);
        let diff = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61839.85000000","0.00000000"]]}}"#;
        assert_eq!(std::str::from_utf8(&out), Ok(diff));
    }
}
