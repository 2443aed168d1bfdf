//! Each indicator against values that TA-Lib, or a published formula in Python, computed from the same events.
//!
//! `tests/indicators/reference.py` says how, and which definition is whose. The values of a made market are
//! committed; those of a recorded session are computed where the recording, Python and TA-Lib are there.

use super::super::{BarF64, DEFINITIONS, Indicator, IndicatorSpec, TouchF64, TradeF64};
use super::spec;
use crate::market::recording::{DIGITS, Frame, play, sessions};
use crate::market::{Bars, BookView, MergedBook};
use claire_types::number::pow10;
use claire_types::{Price, Qty, Scale, Side, VenueNs, WallNs};
use serde_json::Value;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an indicator is fed, from the three tables of a folder.
struct Events {
    bars: Vec<BarF64>,
    trades: Vec<TradeF64>,
    touches: Vec<(WallNs, TouchF64)>,
}

fn rows(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let row = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().skip(1).map(row).collect()
}

impl Events {
    fn read(folder: &Path) -> Self {
        let number = |cell: &String| cell.parse::<f64>().expect("a number");
        let time = |cell: &String| cell.parse::<i64>().expect("a time");
        let bar = |row: Vec<String>| BarF64 {
            open_time: VenueNs(time(&row[0])),
            open: number(&row[1]),
            high: number(&row[2]),
            low: number(&row[3]),
            close: number(&row[4]),
            volume: number(&row[5]),
        };
        let trade = |row: Vec<String>| TradeF64 {
            now: WallNs(time(&row[0])),
            price: number(&row[1]),
            qty: number(&row[2]),
            side: if row[3] == "1" { Side::Buy } else { Side::Sell },
        };
        let touch = |row: Vec<String>| {
            let touch = TouchF64 {
                bid: number(&row[1]),
                bid_qty: number(&row[2]),
                ask: number(&row[3]),
                ask_qty: number(&row[4]),
            };
            (WallNs(time(&row[0])), touch)
        };
        Self {
            bars: rows(folder, "bars.csv").into_iter().map(bar).collect(),
            trades: rows(folder, "trades.csv").into_iter().map(trade).collect(),
            touches: rows(folder, "touches.csv").into_iter().map(touch).collect(),
        }
    }

    /// Feeds the event of that number; returns false past the end.
    fn feed(&self, indicator: &mut Indicator, fed: &str, index: usize) -> bool {
        match fed {
            "bars" => self.bars.get(index).map(|bar| indicator.on_bar(bar)),
            "trades" => self
                .trades
                .get(index)
                .map(|trade| indicator.on_trade(trade)),
            "touches" => self
                .touches
                .get(index)
                .map(|(now, touch)| indicator.on_touch(*now, touch)),
            "mid" => self
                .touches
                .get(index)
                .map(|(now, touch)| indicator.on_mid(*now, (touch.bid + touch.ask) / 2.0)),
            "book" => self.touches.get(index).map(|(_, touch)| {
                let (bid, ask) = (touch.bid_qty, touch.ask_qty);
                indicator.on_value((bid - ask) / (bid + ask));
            }),
            other => panic!("{other} is no source"),
        }
        .is_some()
    }
}

/// Compares every line of the folder's reference; returns the kinds that were compared.
fn check(folder: &Path) -> Vec<&'static str> {
    let events = Events::read(folder);
    let text = std::fs::read_to_string(folder.join("reference.jsonl")).expect("the reference");
    let (mut seen, mut faults) = (Vec::new(), String::new());
    for line in text.lines() {
        let line = Line::read(&serde_json::from_str(line).expect("a line is JSON"));
        let (spec, by) = (line.spec, &line.by);
        if let Err(fault) = line.check(&events) {
            writeln!(faults, "{spec:?} by {by}: {fault}").expect("memory");
        }
        seen.push(spec.definition().name);
    }
    assert!(faults.is_empty(), "\n{faults}");
    seen
}

/// A line of the reference.
struct Line {
    spec: IndicatorSpec,
    fed: String,
    by: String,
    tolerance: f64,
    floor: f64,
    begins: Option<usize>,
    places: Vec<u8>,
    /// Index of the event, and the outputs after it.
    rows: Vec<(usize, Vec<f64>)>,
}

impl Line {
    fn read(line: &Value) -> Self {
        let word = |name: &str| line[name].as_str().expect("a text").to_owned();
        let all = |value: &Value| value.as_array().expect("an array").clone();
        let number = |value: &Value| value.as_f64().expect("a number");
        let numbers = |value: &Value| -> Vec<f64> { all(value).iter().map(number).collect() };
        let spec = spec(&word("name"), &numbers(&line["arguments"]));
        let place = |name: &Value| {
            let name = name.as_str().expect("a name");
            spec.definition().output(name).expect("a known output")
        };
        let row = |row: &Value| {
            let index = row[0].as_u64().expect("an index") as usize;
            (index, numbers(row).split_off(1))
        };
        Self {
            spec,
            fed: word("fed"),
            by: word("by"),
            tolerance: number(&line["tolerance"]),
            floor: number(&line["floor"]),
            begins: line["begins"].as_u64().map(|index| index as usize),
            places: all(&line["outputs"]).iter().map(place).collect(),
            rows: all(&line["rows"]).iter().map(row).collect(),
        }
    }

    fn check(&self, events: &Events) -> Result<(), String> {
        let mut indicator = Indicator::new(self.spec);
        let mut warm_at = None;
        let mut rows = self.rows.iter().peekable();
        for index in 0.. {
            if !events.feed(&mut indicator, &self.fed, index) {
                break;
            }
            if indicator.is_warm() {
                warm_at.get_or_insert(index);
            }
            let Some((_, wanted)) = rows.next_if(|(at, _)| *at == index) else {
                continue;
            };
            for (place, want) in self.places.iter().zip(wanted) {
                let got = indicator.output(usize::from(*place));
                let allowed = self.tolerance * want.abs().max(self.floor);
                if !indicator.is_warm() || (got - want).abs() > allowed {
                    let warm = indicator.is_warm();
                    return Err(format!(
                        "{got}, not {want}, at {index} (warm: {warm}), output {place}"
                    ));
                }
            }
        }
        if self.rows.is_empty() || rows.peek().is_some() {
            return Err("there is nothing to compare, or an event is missing".to_owned());
        }
        if self.begins.is_some() && warm_at != self.begins {
            return Err(format!("it is warm at {warm_at:?}, not {:?}", self.begins));
        }
        Ok(())
    }
}

/// Every kind is compared with somebody else's values.
fn assert_all_seen(seen: &[&str]) {
    for definition in &DEFINITIONS {
        assert!(
            seen.contains(&definition.name),
            "{} was not compared",
            definition.name
        );
    }
}

#[test]
fn indicators_equal_the_reference_on_the_made_market() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/indicators");
    assert_all_seen(&check(Path::new(folder)));
}

#[test]
fn indicators_equal_the_reference_on_recorded_sessions() {
    let python = std::env::var("CLAIRE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_library = Command::new(&python).args(["-c", "import talib"]).output();
    if !has_library.is_ok_and(|run| run.status.success()) {
        eprintln!("SKIPPED: {python} has no TA-Lib; set CLAIRE_PYTHON to one that has");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/indicators/reference.py");
    // The third is so quiet that most of its seconds are empty, where we and TA-Lib differ on purpose.
    for (number, (name, files, tick)) in sessions().into_iter().take(2).enumerate() {
        let Some(tables) = record(&files, tick) else {
            return;
        };
        let folder = Folder::new(number);
        for (file, text) in ["bars.csv", "trades.csv", "touches.csv"].iter().zip(tables) {
            std::fs::write(folder.0.join(file), text).expect("a temporary file");
        }
        let mut run = Command::new(&python);
        let run = run.arg(script).arg("compute").arg(&folder.0).output();
        let run = run.expect("python ran before");
        assert!(
            run.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
        let seen = check(&folder.0);
        eprintln!("{name}: {} comparisons", seen.len());
        assert_all_seen(&seen);
    }
}

/// A temporary folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(number: usize) -> Self {
        let name = format!("claire-indicators-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is in the system's folder of temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns bars of a second, trades and touches of a session as tables; `None` where it is absent.
fn record(files: &[&str], tick: Price) -> Option<[String; 3]> {
    let scale = Scale {
        price_digits: DIGITS,
        qty_digits: DIGITS,
    };
    let unit = pow10(DIGITS) as f64;
    let number = |value: i64| value as f64 / unit;
    let mut book = MergedBook::new(tick, DIGITS);
    let mut bars = Bars::new(NonZeroU32::new(1_000).expect("not zero"), scale);
    let mut tables = [
        "open_time_ns,open,high,low,close,volume\n".to_owned(),
        "now_ns,price,qty,side\n".to_owned(),
        "now_ns,bid,bid_qty,ask,ask_qty\n".to_owned(),
    ];
    let (mut last, mut now) = (None, VenueNs(0));
    let has_played = play(files, |frame| {
        let [bar_rows, trade_rows, touch_rows] = &mut tables;
        match frame {
            Frame::Depth(depth) => {
                book.apply_depth(&depth.depth());
                book.tidy();
            }
            Frame::Ticker(ticker) => {
                book.apply_ticker(&ticker);
            }
            Frame::Trade(trade, time) => {
                now = now.max(time);
                let side = trade.aggressor.sign();
                let (price, qty) = (number(trade.price.0), number(trade.qty.0));
                writeln!(trade_rows, "{},{price},{qty},{side}", now.0).expect("memory");
                bars.on_trade(&trade, time, &mut |bar| {
                    let [open, high, low, close] =
                        [bar.open, bar.high, bar.low, bar.close].map(|Price(price)| number(price));
                    let volume = number(bar.volume.0);
                    let time = bar.open_time.0;
                    writeln!(bar_rows, "{time},{open},{high},{low},{close},{volume}")
                        .expect("memory");
                });
            }
        }
        let (bid, ask) = (book.best(Side::Buy), book.best(Side::Sell));
        if let (Some(bid), Some(ask)) = (bid, ask)
            && now.0 > 0
            && last.replace((bid, ask)) != Some((bid, ask))
        {
            let (Qty(bid_qty), Qty(ask_qty)) = (bid.qty, ask.qty);
            let [bid, bid_qty, ask, ask_qty] =
                [bid.price.0, bid_qty, ask.price.0, ask_qty].map(number);
            writeln!(touch_rows, "{},{bid},{bid_qty},{ask},{ask_qty}", now.0).expect("memory");
        }
    });
    has_played.then_some(tables)
}
