//! Reads recorded sessions for tests: market events in the order in which they came, diffs before the
//! snapshot buffered and joined as a feed does. Small and slow; the product's decoders are elsewhere.

use claire_types::number::parse_fixed;
use claire_types::{Cell, Cells, Depth, Level, Levels, Price, Qty, Side, Ticker, Trade, VenueNs};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

/// Decimals of all prices and quantities here.
pub const DIGITS: u8 = 8;

/// A frame of the recording.
pub enum Frame {
    Depth(DepthFrame),
    Ticker(Ticker),
    Trade(Trade, VenueNs),
}

/// A depth message that owns its levels.
#[derive(Clone, Default)]
pub struct DepthFrame {
    pub is_snapshot: bool,
    pub first_id: u64,
    pub last_id: u64,
    pub bids: Vec<Cell>,
    pub asks: Vec<Cell>,
}

impl DepthFrame {
    /// Returns the whole frame as one part.
    pub fn depth(&self) -> Depth<'_> {
        Depth {
            is_snapshot: self.is_snapshot,
            is_first: true,
            is_last: true,
            first_id: self.first_id,
            last_id: self.last_id,
            bids: Levels::new(Cells::new(&self.bids, &[])),
            asks: Levels::new(Cells::new(&self.asks, &[])),
        }
    }
}

/// Returns the sessions whose books begin with a snapshot: name, files in order and price step.
pub fn sessions() -> Vec<(&'static str, Vec<&'static str>, Price)> {
    vec![
        (
            "spot BTCUSDT",
            vec![
                "spot_btcusdt_20240808.txt.gz",
                "spot_btcusdt_20240809.txt.gz",
            ],
            Price(1_000_000),
        ),
        (
            "USD-M BTCUSDT",
            vec!["usdm_btcusdt_20240808.txt.gz"],
            Price(10_000_000),
        ),
        (
            "COIN-M BTCUSD_PERP",
            vec![
                "cm_btcusd_perp_20240808.txt.gz",
                "cm_btcusd_perp_20240809.txt.gz",
            ],
            Price(10_000_000),
        ),
    ]
}

/// Hands the session's frames to `each`, depth proven from its snapshot on. Returns false, loudly, where
/// the recordings are absent.
pub fn play(files: &[&str], mut each: impl FnMut(Frame)) -> bool {
    let mut waiting = Some(Vec::new());
    for name in files {
        let path = folder().join("binance_ws").join(name);
        let Ok(file) = File::open(&path) else {
            eprintln!("SKIPPED: no recorded session {name}; set CLAIRE_DATA to its folder");
            return false;
        };
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let line = line.expect("the recording is readable");
            let (_, json) = line.split_once(' ').expect("receive time and frame");
            match parse(&serde_json::from_str(json).expect("a frame is JSON")) {
                Frame::Depth(depth) if depth.is_snapshot => {
                    let id = depth.last_id;
                    each(Frame::Depth(depth));
                    for diff in waiting.take().into_iter().flatten() {
                        if DepthFrame::last_id(&diff) > id {
                            each(Frame::Depth(diff));
                        }
                    }
                }
                Frame::Depth(depth) => match &mut waiting {
                    Some(waiting) => waiting.push(depth),
                    None => each(Frame::Depth(depth)),
                },
                other => each(other),
            }
        }
    }
    true
}

impl DepthFrame {
    fn last_id(&self) -> u64 {
        self.last_id
    }
}

fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    std::env::var_os("CLAIRE_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

fn parse(frame: &Value) -> Frame {
    let data = &frame["data"];
    if let Some(id) = frame["lastUpdateId"].as_u64() {
        return Frame::Depth(DepthFrame {
            is_snapshot: true,
            first_id: id,
            last_id: id,
            bids: levels(&frame["bids"]),
            asks: levels(&frame["asks"]),
        });
    }
    let stream = frame["stream"].as_str().expect("a combined stream");
    if stream.contains("@depth") {
        Frame::Depth(DepthFrame {
            is_snapshot: false,
            first_id: data["U"].as_u64().expect("U"),
            last_id: data["u"].as_u64().expect("u"),
            bids: levels(&data["b"]),
            asks: levels(&data["a"]),
        })
    } else if stream.contains("@bookTicker") {
        Frame::Ticker(Ticker {
            update_id: data["u"].as_u64().expect("u"),
            bid: level(&data["b"], &data["B"]),
            ask: level(&data["a"], &data["A"]),
        })
    } else {
        let deal = level(&data["p"], &data["q"]);
        let time = VenueNs::from_ms(data["T"].as_i64().expect("T")).expect("a time");
        let trade = Trade {
            trade_id: data["t"].as_u64().expect("t"),
            price: deal.price,
            qty: deal.qty,
            aggressor: if data["m"] == true {
                Side::Sell
            } else {
                Side::Buy
            },
            is_aggregate: false,
            is_off_book: false,
        };
        Frame::Trade(trade, time)
    }
}

fn levels(rows: &Value) -> Vec<Cell> {
    let rows = rows.as_array().expect("levels");
    rows.iter()
        .map(|row| level(&row[0], &row[1]).cell())
        .collect()
}

fn level(price: &Value, qty: &Value) -> Level {
    let number = |value: &Value| {
        parse_fixed(value.as_str().expect("a number in text").as_bytes(), DIGITS).expect("a number")
    };
    Level {
        price: Price(number(price)),
        qty: Qty(number(qty)),
    }
}
