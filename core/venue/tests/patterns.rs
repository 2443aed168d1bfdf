//! Frames after frames of the same stream: what was learned of a stream changes nothing that is read.

mod common;

use claire_types::{InstrumentKey, Symbol, Venue};
use claire_venue::Catalog;
use claire_venue::binance::Context;
use claire_venue::binance::typed::{self, Layouts};
use claire_venue::check::Checker;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What takes the place of a byte, besides the byte with one bit changed.
const PLANTED: &[u8] = b"0159.,:\"[]{}-eEa \\\0\x7f\x80\xff";
/// Recorded frames of a kind that are gone through byte by byte, and the longest of them.
const FRAMES_PER_KIND: usize = 1;
const FRAME_BYTES_MAX: usize = 1_200;

/// Reads the frame after itself, and each change of a byte of it after the frame.
fn check_bytes(checker: &mut Checker, venue: Venue, frame: &[u8]) {
    let mut changed = frame.to_vec();
    for at in 0..frame.len() {
        let bits = (0..8).map(|bit| frame[at] ^ (1 << bit));
        for byte in bits.chain(PLANTED.iter().copied()) {
            changed[at] = byte;
            checker.check(venue, frame);
            checker.check(venue, &changed);
        }
        changed[at] = frame[at];
    }
}

/// Returns what tells kinds of frames apart: the stream's name, else the beginning without digits.
fn kind_of(frame: &[u8]) -> String {
    let text = String::from_utf8_lossy(frame);
    match text.split_once("\",\"data\"") {
        Some((name, _)) => name.to_owned(),
        None => text.chars().take(40).filter(|c| !c.is_numeric()).collect(),
    }
}

#[test]
fn a_byte_of_a_recorded_frame_changed_anywhere_is_read_alike_or_refused_by_all() {
    let Some(recordings) = common::all() else {
        return;
    };
    let mut checker = Checker::default();
    let mut kinds = BTreeMap::<_, usize>::new();
    for recording in &recordings {
        for frame in &recording.frames {
            if frame.bytes.len() > FRAME_BYTES_MAX {
                continue;
            }
            let seen = kinds
                .entry((recording.name, kind_of(&frame.bytes)))
                .or_default();
            *seen += 1;
            if *seen <= FRAMES_PER_KIND {
                check_bytes(&mut checker, recording.venue, &frame.bytes);
            }
        }
    }
    assert!(kinds.len() >= 40, "{kinds:?}");
}

#[test]
fn a_frame_cut_short_after_itself_is_refused() {
    let mut checker = Checker::default();
    for frame in [TRADE, TICKER, DEPTH] {
        for end in 0..frame.len() {
            assert!(checker.check(Venue::BinanceUsdm, frame.as_bytes()));
            assert!(!checker.check(Venue::BinanceUsdm, &frame.as_bytes()[..end]));
        }
    }
}

const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}"#;
const TICKER: &str = r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}"#;
const DEPTH: &str = r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"],["6.10","12.014"]],"a":[["61496.50","0.010"]]}}"#;

#[test]
fn patterns_belong_to_their_venue_and_stream() {
    let mut catalog = Catalog::new(&[]);
    for (venue, symbol) in [
        (Venue::BinanceUsdm, "BTCUSDT"),
        (Venue::BinanceCoinm, "ETHUSDT"),
        (Venue::BinanceCoinm, "BTCUSDT"),
    ] {
        let symbol = Symbol::cut(symbol);
        catalog
            .register(InstrumentKey { venue, symbol })
            .expect("room");
    }
    let mut layouts = Layouts::default();
    let mut levels = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        for venue in [Venue::BinanceUsdm, Venue::BinanceCoinm] {
            for frame in [TRADE, TICKER, DEPTH] {
                let context = Context {
                    venue,
                    catalog: &catalog,
                    bare: None,
                };
                levels.clear();
                let event = typed::decode(&context, frame.as_bytes(), &mut layouts, &mut levels);
                ids.push(event.expect("a usual frame").instrument.0);
            }
        }
    }
    assert_eq!(ids, [0, 0, 0, 2, 2, 2].repeat(3));
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[0-9]{1,5}\\.[0-9]{2}",
        2 => "[0-9]{1,7}\\.[0-9]{3}",
        1 => "[0-9]{1,20}(\\.[0-9]{1,12})?",
    ]
}

fn side() -> impl Strategy<Value = String> {
    proptest::collection::vec((number(), number()), 0..12).prop_map(|levels| {
        let levels: Vec<String> = levels
            .iter()
            .map(|(price, qty)| format!("[\"{price}\",\"{qty}\"]"))
            .collect();
        levels.join(",")
    })
}

fn integer() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[1-9][0-9]{12}", 1 => "[0-9]{1,17}"]
}

/// One of three frames of futures, with any numbers.
fn frame() -> impl Strategy<Value = String> {
    let numbers = (number(), number(), number(), number());
    let integers = (integer(), integer(), integer(), integer());
    (0..4, numbers, integers, side(), side(), any::<bool>()).prop_map(
        |(kind, (a, b, c, d), (i, j, k, l), bids, asks, flag)| match kind {
            0 => format!(r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{i},"T":{j},"s":"BTCUSDT","t":{k},"p":"{a}","q":"{b}","X":"MARKET","m":{flag}}}}}"#),
            1 => format!(r#"{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{k},"s":"BTCUSDT","b":"{a}","B":"{b}","a":"{c}","A":"{d}","T":{i},"E":{j}}}}}"#),
            2 => format!(r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{k},"s":"BTCUSDT","b":"{a}","B":"{b}","a":"{c}","A":"{d}"}}}}"#),
            _ => format!(r#"{{"stream":"btcusdt@depth","data":{{"e":"depthUpdate","E":{i},"T":{j},"s":"BTCUSDT","U":{k},"u":{k},"pu":{l},"b":[{bids}],"a":[{asks}]}}}}"#),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn prop_frames_of_a_stream_are_read_alike_whatever_came_before(
        frames in proptest::collection::vec(frame(), 1..16),
    ) {
        let mut checker = Checker::default();
        for frame in frames {
            checker.check(Venue::BinanceUsdm, frame.as_bytes());
        }
    }
}
