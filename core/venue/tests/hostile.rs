//! Frames that are wrong, strange or broken: never a panic, never two readings.

mod common;

use claire_types::{CellBuffer, FrameFault, Input, InstrumentKey, Symbol, Venue, WallNs};
use claire_venue::binance::Context;
use claire_venue::binance::general::{FrameContent, GeneralDecoder};
use claire_venue::check::{Checker, venues};
use claire_venue::event::Decoded;
use claire_venue::{Catalog, MarketFeed};
use proptest::prelude::*;

const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;

/// Frames of every typed kind, as the venues write them.
const FRAMES: &[(Venue, &str)] = &[
    (Venue::BinanceSpot, TRADE),
    (
        Venue::BinanceSpot,
        r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
    ),
    (
        Venue::BinanceSpot,
        r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":1,"u":2,"b":[["61737.63000000","0.00000000"],["61730.17000000","12.5"]],"a":[["1","2"]]}}"#,
    ),
    (
        Venue::BinanceSpot,
        r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1633998523963,"s":"BTCUSDT","a":15683430,"p":"0.35280000","q":"58.00000000","f":19862790,"l":19862790,"T":1633998523963,"m":false,"M":true}}"#,
    ),
    (
        Venue::BinanceSpot,
        r#"{"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"]],"asks":[]}"#,
    ),
    (
        Venue::BinanceSpot,
        r#"{"stream":"btcusdt@depth20","data":{"lastUpdateId":7,"bids":[["1782.00000000","6.48300000"]],"asks":[]}}"#,
    ),
    (
        Venue::BinanceSpot,
        r#"{"e":"kline","E":1633998523963,"s":"BTCUSDT","k":{"t":1633998480000,"T":1633998539999,"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"0.35270000","c":"0.35280000","h":"0.35280000","l":"0.35220000","v":"25877.00000000","n":30,"x":false,"q":"9116.04600000","V":"58.00000000","Q":"20.46240000","B":"0"}}"#,
    ),
    (
        Venue::BinanceUsdm,
        r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"]],"a":[["61496.50","0.010"]]}}"#,
    ),
    (
        Venue::BinanceUsdm,
        r#"{"e":"bookTicker","u":7001020,"E":1790000000206,"T":1790000000202,"s":"BTCUSDT","ps":"BTCUSDT","b":"2500.10","B":"12.300","a":"2500.11","A":"4.000","st":1}"#,
    ),
    (
        Venue::BinanceUsdm,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"INSURANCE_FUND","m":false}}"#,
    ),
    (
        Venue::BinanceUsdm,
        r#"{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate","E":1790000003000,"s":"BTCUSDT","p":"2500.07","i":"2499.95","P":"2500.00","r":"-0.00010000","ap":"2500.02","T":1790006400000,"st":1}}"#,
    ),
    (
        Venue::BinanceUsdm,
        r#"{"e":"forceOrder","E":1759417432058,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"41.87","p":"221.6800","ap":"222.722222229","X":"FILLED","l":"41.87","z":"41.87","T":1759417432056}}"#,
    ),
    (
        Venue::BinanceCoinm,
        r#"{"stream":"btcusdt@bookTicker","data":{"u":1007198632021,"e":"bookTicker","s":"BTCUSDT","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}"#,
    ),
    (
        Venue::BinanceCoinm,
        r#"{"lastUpdateId":1007198635033,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSDT","pair":"BTCUSD","bids":[["61804.7","35"]],"asks":[["62475.4","11"]]}"#,
    ),
];

/// Reads a frame with the general decoder alone.
fn general(
    venue: Venue,
    frame: &[u8],
) -> Result<(Vec<Decoded>, Vec<claire_types::Cell>), FrameFault> {
    let mut catalog = Catalog::new(&[]);
    let symbol = Symbol::cut("BTCUSDT");
    catalog
        .register(InstrumentKey { venue, symbol })
        .expect("room");
    let bare = catalog.place(venue, b"BTCUSDT").ok();
    let context = Context {
        venue,
        catalog: &catalog,
        bare,
    };
    let mut content = FrameContent::default();
    GeneralDecoder::default()
        .decode(&context, frame, &mut content)
        .map(|()| (content.events, content.levels))
        .map_err(|error| error.fault)
}

#[test]
fn frames_as_the_venue_writes_them_are_read_typed_except_rare_ones() {
    let mut checker = Checker::default();
    for (venue, frame) in FRAMES {
        let is_rare = frame.contains("forceOrder") || frame.contains("depth20");
        assert_eq!(checker.check(*venue, frame.as_bytes()), !is_rare, "{frame}");
        assert_eq!(
            general(*venue, frame.as_bytes()).map(|(events, _)| events.len()),
            Ok(1),
            "{frame}"
        );
    }
}

#[test]
fn a_frame_cut_short_or_carried_on_is_refused() {
    let mut checker = Checker::default();
    for (venue, frame) in FRAMES {
        for end in 0..frame.len() {
            let cut = &frame.as_bytes()[..end];
            checker.check(*venue, cut);
            assert!(general(*venue, cut).is_err(), "{frame} cut at {end}");
        }
        for tail in ["}", "{", ",", "x", "\0", "\"", "1", "\u{feff}", "null"] {
            let long = format!("{frame}{tail}");
            checker.check(*venue, long.as_bytes());
            assert_eq!(
                general(*venue, long.as_bytes()),
                Err(FrameFault::Json),
                "{long:?}"
            );
        }
        let spaced = format!(" \t{frame}\r\n");
        assert_eq!(
            general(*venue, spaced.as_bytes()),
            general(*venue, frame.as_bytes())
        );
    }
}

#[test]
fn faults_are_named() {
    let cases: &[(&str, &str, FrameFault)] = &[
        ("\"61837.63000000\"", "\"6e4\"", FrameFault::NumberExponent),
        ("\"61837.63000000\"", "\"-1\"", FrameFault::NumberNegative),
        (
            "\"61837.63000000\"",
            "\"1234567890123456789012345678901234567890\"",
            FrameFault::NumberTooLarge,
        ),
        (
            "\"61837.63000000\"",
            "\"0.123456789\"",
            FrameFault::NumberTooFine,
        ),
        ("\"61837.63000000\"", "\"\"", FrameFault::NumberSyntax),
        ("\"61837.63000000\"", "\"1.\"", FrameFault::NumberSyntax),
        ("\"61837.63000000\"", "61837.63", FrameFault::WrongType),
        ("\"61837.63000000\"", "null", FrameFault::WrongType),
        ("3735683259", "-3735683259", FrameFault::NumberNegative),
        ("3735683259", "\"3735683259\"", FrameFault::WrongType),
        ("3735683259", "1.5", FrameFault::WrongType),
        ("3735683259", "03735683259", FrameFault::Json),
        ("\"m\":true", "\"m\":1", FrameFault::WrongType),
        ("\"m\":true", "\"mm\":true", FrameFault::MissingField),
        (
            "\"m\":true",
            "\"m\":true,\"m\":true",
            FrameFault::DuplicateField,
        ),
        (
            "\"m\":true",
            "\"m\":true,\"s\":\"ETHUSDT\"",
            FrameFault::DuplicateField,
        ),
        (
            "\"M\":true",
            "\"M\":true,\"\\u0070\":\"1\"",
            FrameFault::DuplicateField,
        ),
        ("\"s\":\"BTCUSDT\"", "\"s\":\"\"", FrameFault::Symbol),
        (
            "\"s\":\"BTCUSDT\"",
            "\"s\":\"A-SYMBOL-OF-MORE-THAN-FORTY-BYTES-IS-NOT-TAKEN\"",
            FrameFault::Symbol,
        ),
        (
            "\"e\":\"trade\"",
            "\"e\":\"avgPrice\"",
            FrameFault::UnknownStream,
        ),
        (
            "1723161255342",
            "18446744073709551615",
            FrameFault::NumberTooLarge,
        ),
        ("true}}", "true}", FrameFault::Json),
    ];
    let mut checker = Checker::default();
    for (from, to, fault) in cases {
        let frame = TRADE.replacen(from, to, 1);
        assert!(
            !checker.check(Venue::BinanceSpot, frame.as_bytes()),
            "{frame}"
        );
        assert_eq!(
            general(Venue::BinanceSpot, frame.as_bytes()),
            Err(*fault),
            "{frame}"
        );
    }
    let mut bytes = TRADE.as_bytes().to_vec();
    bytes[15] = 0xff;
    assert_eq!(general(Venue::BinanceSpot, &bytes), Err(FrameFault::Utf8));
}

#[test]
fn key_order_whitespace_escapes_and_unknown_fields_change_nothing() {
    let want = general(Venue::BinanceSpot, TRADE.as_bytes());
    let variants = [
        r#"{"data":{"M":true,"m":true,"T":1723161255342,"q":"0.02000000","p":"61837.63000000","t":3735683259,"s":"BTCUSDT","E":1723161255343,"e":"trade"},"stream":"btcusdt@trade"}"#.to_owned(),
        TRADE.replace(',', " ,\n\t").replace(':', " : "),
        TRADE.replace("\"p\"", "\"\\u0070\"").replace("BTCUSDT", "BTC\\u0055SDT"),
        TRADE.replace("\"M\":true", "\"M\":null,\"z\":[{\"s\":1},[[]],-1.5e300],\"\":\"\\ud834\\udd1e\""),
        TRADE.replace("61837.63000000", "0061837.63"),
        TRADE.replace("1723161255342", "1723161255342000"),
    ];
    let mut checker = Checker::default();
    for frame in variants {
        checker.check(Venue::BinanceSpot, frame.as_bytes());
        assert_eq!(
            general(Venue::BinanceSpot, frame.as_bytes()),
            want,
            "{frame}"
        );
    }
}

#[test]
fn the_json_suite_is_refused_and_accepted_as_its_names_say() {
    let Some(folder) = common::data() else {
        return;
    };
    let want = general(Venue::BinanceSpot, TRADE.as_bytes());
    let mut checker = Checker::default();
    let mut counts = [0; 3];
    for entry in std::fs::read_dir(folder.join("json_suite/test_parsing")).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let bytes = std::fs::read(&path).expect("readable");
        let mut spliced = TRADE.as_bytes().to_vec();
        spliced.truncate(spliced.len() - 2);
        spliced.extend_from_slice(b",\"extra\":");
        spliced.extend_from_slice(&bytes);
        spliced.extend_from_slice(b"}}");
        for venue in venues() {
            checker.check(venue, &bytes);
            checker.check(venue, &spliced);
        }
        let whole = general(Venue::BinanceSpot, &bytes);
        let part = general(Venue::BinanceSpot, &spliced);
        match &name[..2] {
            "y_" => {
                // An empty list of all is a frame without events; nothing else of the suite is any frame.
                assert_eq!(whole, Err(FrameFault::UnknownStream), "{name}");
                assert_eq!(part, want, "{name}");
                counts[0] += 1;
            }
            "n_" => {
                assert!(
                    whole.is_err() && part.is_err(),
                    "{name}: {whole:?} {part:?}"
                );
                counts[1] += 1;
            }
            _ => counts[2] += 1,
        }
    }
    assert_eq!(counts, [63, 125, 24]);
}

#[test]
fn a_feed_counts_what_it_refuses_and_goes_on() {
    let mut feed = MarketFeed::new(Venue::BinanceSpot, &[]);
    let mut out = CellBuffer::default();
    let deep = "[".repeat(100_000);
    let frames = [
        "",
        "{}",
        "[]",
        "null",
        "{",
        &deep,
        "\u{0}",
        "{\"e\":\"trade\"}",
        TRADE,
    ];
    for frame in frames {
        feed.on_frame(frame.as_bytes(), WallNs(1), &mut out);
    }
    let (mut errors, mut trades) = (0, 0);
    common::inputs(&out, |_, input| match input {
        Input::FrameError(_) => errors += 1,
        Input::Trade(_) => trades += 1,
        _ => {}
    });
    assert_eq!((errors, trades), (frames.len() as u64 - 1, 1));
    assert_eq!(feed.counters().errors, errors);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn prop_mutated_frames_are_read_alike_or_not_typed(
        which in 0..FRAMES.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..4),
    ) {
        let (venue, frame) = FRAMES[which];
        let mut bytes = frame.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, b"0123456789.,:\"{}[]e-+ \\"[usize::from(byte) % 23]),
                2 => { bytes.remove(at); }
                _ => bytes.insert(at, bytes[at]),
            }
        }
        Checker::default().check(venue, &bytes);
    }

    #[test]
    fn prop_made_frames_with_any_key_order_are_read_alike(
        price in "[0-9]{1,6}(\\.[0-9]{1,8})?", qty in "[0-9]{1,9}(\\.[0-9]{1,8})?",
        id in any::<u64>(), time in prop_oneof![0_u64..9_000_000_000_000, 100_000_000_000_000_u64..9_000_000_000_000_000], maker in any::<bool>(),
        order in Just([0_usize, 1, 2, 3, 4, 5, 6]).prop_shuffle(), space in "[ \t\n]{0,2}",
    ) {
        let fields = [
            "\"e\":\"trade\"".to_owned(), format!("\"E\":{time}"), "\"s\":\"BTCUSDT\"".to_owned(),
            format!("\"t\":{id}"), format!("\"p\":\"{price}\""), format!("\"q\":\"{qty}\""),
            format!("\"T\":{time},\"m\":{maker},\"M\":true"),
        ];
        let join = |order: [usize; 7], space: &str| {
            let parts: Vec<&str> = order.iter().map(|field| fields[*field].as_str()).collect();
            format!("{{\"stream\":\"btcusdt@trade\",\"data\":{{{}}}}}", parts.join(&format!("{space},{space}")))
        };
        let usual = join([0, 1, 2, 3, 4, 5, 6], "");
        let strange = join(order, &space);
        let mut checker = Checker::default();
        let is_typed = checker.check(Venue::BinanceSpot, usual.as_bytes());
        prop_assert!(is_typed || id > 9_999_999_999_999_999, "{}", usual);
        checker.check(Venue::BinanceSpot, strange.as_bytes());
        let read = general(Venue::BinanceSpot, usual.as_bytes());
        prop_assert!(read.is_ok(), "{}", usual);
        prop_assert_eq!(general(Venue::BinanceSpot, strange.as_bytes()), read, "{}", strange);
    }
}

/// A fixed-seed slice of the fuzz target, on stable.
#[test]
fn a_fixed_slice_of_the_fuzz_target_holds() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as usize % below
    };
    for _ in 0..20_000 {
        let (venue, frame) = FRAMES[next(FRAMES.len())];
        let (_, other) = FRAMES[next(FRAMES.len())];
        // The frame itself goes before, so that what follows is compared with what was learned from it.
        let mut bytes = vec![venue as u8 - 1];
        bytes.extend_from_slice(frame.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&frame.as_bytes()[..next(frame.len() + 1)]);
        bytes.extend_from_slice(&other.as_bytes()[next(other.len())..]);
        let at = next(bytes.len());
        bytes[at] ^= 1 << next(8);
        claire_venue::check::fuzz_frame(&bytes);
    }
}
