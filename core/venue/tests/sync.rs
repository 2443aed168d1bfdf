//! The proof of a book, case by case: what comes, and what is written.

mod common;

use claire_types::{
    BookReason, Cell, CellBuffer, Input, InstrumentId, Level, Price, Qty, Venue, VenueNs, WallNs,
};
use claire_venue::MarketFeed;
use claire_venue::event::{DepthDiff, DepthImage};
use claire_venue::sync::{
    BookSync, DEPTH_BUFFER_EVENTS_MAX, SNAPSHOT_LEAD_CHANGES_MAX, SyncCounters, SyncOutput,
    SyncRule,
};
use claire_venue::write::{DEPTH_PART_LEVELS_MAX, Stamp, Writer};

/// What comes: changes as (first, last, previous), snapshots and best levels by id.
#[derive(Clone, Copy, Debug)]
enum Step {
    Diff(u64, u64, u64),
    Snapshot(u64),
    Partial(u64),
    Reset,
}
use Step::{Diff, Partial, Reset, Snapshot};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Book(u64),
    Change(u64, u64),
    Stale(BookReason),
}
use Written::{Book, Change, Stale};

const SPOT: SyncRule = SyncRule::Contiguous;
const FUTURES: SyncRule = SyncRule::Chained;

struct Case {
    name: &'static str,
    rule: SyncRule,
    steps: &'static [Step],
    written: &'static [Written],
    /// Gaps, duplicates, superseded changes, stale snapshots.
    counted: [u64; 4],
    is_synced: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "spot: changes before the snapshot are kept, contained ones dropped, the straddling one applied",
        rule: SPOT,
        steps: &[
            Diff(90, 95, 0),
            Diff(96, 103, 0),
            Diff(104, 105, 0),
            Snapshot(100),
            Diff(106, 106, 0),
        ],
        written: &[
            Book(100),
            Change(96, 103),
            Change(104, 105),
            Change(106, 106),
        ],
        counted: [0, 0, 1, 0],
        is_synced: true,
    },
    Case {
        name: "spot: a change that begins right after the snapshot follows it",
        rule: SPOT,
        steps: &[Snapshot(100), Diff(101, 102, 0)],
        written: &[Book(100), Change(101, 102)],
        counted: [0; 4],
        is_synced: true,
    },
    Case {
        name: "spot: a missing id is a gap, and what came since waits for the next snapshot",
        rule: SPOT,
        steps: &[
            Snapshot(100),
            Diff(101, 102, 0),
            Diff(104, 105, 0),
            Diff(106, 107, 0),
            Snapshot(106),
        ],
        written: &[
            Book(100),
            Change(101, 102),
            Stale(BookReason::Gap),
            Book(106),
            Change(106, 107),
        ],
        counted: [1, 0, 1, 0],
        is_synced: true,
    },
    Case {
        name: "spot: old and repeated changes are ignored",
        rule: SPOT,
        steps: &[
            Snapshot(100),
            Diff(99, 100, 0),
            Diff(101, 102, 0),
            Diff(101, 102, 0),
            Diff(103, 103, 0),
        ],
        written: &[Book(100), Change(101, 102), Change(103, 103)],
        counted: [0, 1, 1, 0],
        is_synced: true,
    },
    Case {
        name: "spot: a snapshot older than the changes kept leaves the book unproven and is no gap",
        rule: SPOT,
        steps: &[
            Diff(110, 112, 0),
            Snapshot(100),
            Diff(113, 114, 0),
            Snapshot(111),
        ],
        written: &[Book(111), Change(110, 112), Change(113, 114)],
        counted: [0, 0, 0, 1],
        is_synced: true,
    },
    Case {
        name: "spot: an old snapshot does not roll a proven book back, a newer one replaces it",
        rule: SPOT,
        steps: &[
            Snapshot(100),
            Diff(101, 110, 0),
            Snapshot(105),
            Snapshot(120),
            Diff(111, 119, 0),
            Diff(120, 121, 0),
        ],
        written: &[Book(100), Change(101, 110), Book(120), Change(120, 121)],
        counted: [0, 0, 1, 1],
        is_synced: true,
    },
    Case {
        name: "spot: changes kept are a chain; a hole in it forgets what stood before",
        rule: SPOT,
        steps: &[
            Diff(101, 102, 0),
            Diff(105, 106, 0),
            Diff(105, 106, 0),
            Snapshot(103),
            Snapshot(104),
        ],
        written: &[Book(104), Change(105, 106)],
        counted: [1, 1, 0, 1],
        is_synced: true,
    },
    Case {
        name: "futures: the first change covers the snapshot's id, then each names the one before it",
        rule: FUTURES,
        steps: &[
            Diff(80, 90, 70),
            Diff(95, 105, 90),
            Diff(120, 130, 105),
            Snapshot(100),
            Diff(150, 160, 130),
        ],
        written: &[
            Book(100),
            Change(95, 105),
            Change(120, 130),
            Change(150, 160),
        ],
        counted: [0, 0, 1, 0],
        is_synced: true,
    },
    Case {
        name: "futures: a change that ends at the snapshot's id is the first",
        rule: FUTURES,
        steps: &[Diff(95, 100, 90), Snapshot(100), Diff(120, 130, 100)],
        written: &[Book(100), Change(95, 100), Change(120, 130)],
        counted: [0; 4],
        is_synced: true,
    },
    Case {
        name: "futures: a first change that names the snapshot's id as the one before it leaves nothing out",
        rule: FUTURES,
        steps: &[Snapshot(100), Diff(120, 130, 100)],
        written: &[Book(100), Change(120, 130)],
        counted: [0; 4],
        is_synced: true,
    },
    Case {
        name: "futures: a broken chain is a gap although the ids follow one another",
        rule: FUTURES,
        steps: &[
            Snapshot(100),
            Diff(95, 105, 90),
            Diff(106, 110, 104),
            Diff(111, 112, 110),
            Snapshot(110),
        ],
        written: &[
            Book(100),
            Change(95, 105),
            Stale(BookReason::Gap),
            Book(110),
            Change(106, 110),
            Change(111, 112),
        ],
        counted: [1, 0, 0, 0],
        is_synced: true,
    },
    Case {
        name: "futures: nothing covers the snapshot, so it is older than the changes kept",
        rule: FUTURES,
        steps: &[Diff(110, 120, 109), Snapshot(100)],
        written: &[],
        counted: [0, 0, 0, 1],
        is_synced: false,
    },
    Case {
        name: "futures: repeated changes are ignored",
        rule: FUTURES,
        steps: &[
            Snapshot(100),
            Diff(95, 105, 90),
            Diff(95, 105, 90),
            Diff(106, 110, 105),
        ],
        written: &[Book(100), Change(95, 105), Change(106, 110)],
        counted: [0, 1, 0, 0],
        is_synced: true,
    },
    Case {
        name: "best levels are the book where there are no changes, older ones are ignored",
        rule: SPOT,
        steps: &[Partial(10), Partial(12), Partial(11), Partial(12)],
        written: &[Book(10), Book(12), Book(12)],
        counted: [0, 1, 0, 0],
        is_synced: true,
    },
    Case {
        name: "best levels end where changes begin",
        rule: SPOT,
        steps: &[Partial(10), Diff(11, 12, 0), Partial(13), Snapshot(11)],
        written: &[Book(10), Stale(BookReason::Reset), Book(11), Change(11, 12)],
        counted: [0; 4],
        is_synced: true,
    },
    Case {
        name: "a reset forgets the book, the changes kept and whose they were",
        rule: SPOT,
        steps: &[
            Snapshot(100),
            Diff(101, 102, 0),
            Reset,
            Diff(50, 51, 0),
            Reset,
            Partial(7),
        ],
        written: &[Book(100), Change(101, 102), Book(7)],
        counted: [0; 4],
        is_synced: true,
    },
];

const STAMP: Stamp = Stamp {
    recv: WallNs(1),
    venue_time: VenueNs::NONE,
};

struct Run {
    book: BookSync,
    out: CellBuffer,
    seq: u64,
    counters: SyncCounters,
}

impl Run {
    fn new(rule: SyncRule) -> Self {
        Self {
            book: BookSync::new(rule),
            out: CellBuffer::default(),
            seq: 0,
            counters: SyncCounters::default(),
        }
    }

    fn step(&mut self, step: Step, levels: &[Cell]) {
        let mut to = SyncOutput {
            writer: &mut Writer {
                out: &mut self.out,
                seq: &mut self.seq,
            },
            instrument: InstrumentId(3),
            counters: &mut self.counters,
        };
        let image = |last_id| DepthImage { last_id, bids: 1 };
        match step {
            Diff(first_id, last_id, previous_id) => {
                let bids = levels.len() as u32 / 2;
                let diff = DepthDiff {
                    first_id,
                    last_id,
                    previous_id,
                    bids,
                };
                self.book.on_diff(&diff, levels, STAMP, &mut to);
            }
            Snapshot(id) => self.book.on_snapshot(&image(id), levels, STAMP, &mut to),
            Partial(id) => self.book.on_partial(&image(id), levels, STAMP, &mut to),
            Reset => self.book.reset(),
        }
    }

    fn written(&self) -> Vec<Written> {
        let mut written = Vec::new();
        common::inputs(&self.out, |header, input| {
            assert_eq!(header.instrument, InstrumentId(3));
            written.push(match input {
                Input::Depth(depth) if depth.is_snapshot => Book(depth.last_id),
                Input::Depth(depth) => Change(depth.first_id, depth.last_id),
                Input::BookStale(reason) => Stale(*reason),
                other => panic!("{other:?}"),
            });
        });
        written
    }
}

fn levels(count: usize) -> Vec<Cell> {
    let level = |number: usize| Level {
        price: Price(number as i64),
        qty: Qty(1),
    };
    (0..count).map(|number| level(number).cell()).collect()
}

#[test]
fn a_book_is_proven_by_the_venues_rule() {
    for case in CASES {
        let mut run = Run::new(case.rule);
        for step in case.steps {
            run.step(*step, &levels(2));
        }
        let SyncCounters {
            gaps,
            duplicates,
            superseded,
            stale_snapshots,
            ..
        } = run.counters;
        let counted = [gaps, duplicates, superseded, stale_snapshots];
        assert_eq!(run.written(), case.written, "{}", case.name);
        assert_eq!(counted, case.counted, "{}", case.name);
        assert_eq!(run.book.is_synced(), case.is_synced, "{}", case.name);
    }
}

#[test]
fn changes_without_a_snapshot_are_kept_up_to_a_limit_and_said_once() {
    let mut run = Run::new(SPOT);
    let count = 2 * DEPTH_BUFFER_EVENTS_MAX as u64 + 10;
    for id in 1..=count {
        run.step(Diff(id, id, 0), &levels(2));
    }
    assert_eq!(run.written(), [Stale(BookReason::BufferFull)]);
    assert_eq!((run.counters.buffer_overruns, run.counters.gaps), (2, 0));
    assert_eq!(run.book.kept(), 10);
    run.step(Snapshot(count - 2), &levels(2));
    assert_eq!(
        run.written()[1..],
        [
            Book(count - 2),
            Change(count - 1, count - 1),
            Change(count, count)
        ]
    );
}

#[test]
fn a_snapshot_that_no_change_reaches_is_given_up() {
    for rule in [SPOT, FUTURES] {
        let mut run = Run::new(rule);
        run.step(Snapshot(u64::MAX - 9), &levels(2));
        for id in 1..=u64::from(SNAPSHOT_LEAD_CHANGES_MAX) {
            run.step(Diff(id, id, id - 1), &levels(2));
        }
        assert!(run.book.is_synced(), "still within the lead");
        let last = u64::from(SNAPSHOT_LEAD_CHANGES_MAX) + 1;
        run.step(Diff(last, last, last - 1), &levels(2));
        assert!(!run.book.is_synced());
        assert_eq!(run.counters.gaps, 1);
        assert_eq!(run.written()[1..], [Stale(BookReason::Gap)]);
        // The change that ended it is kept, so the next snapshot proves the book.
        run.step(Snapshot(last), &levels(2));
        assert!(run.book.is_synced());
    }
}

#[test]
fn a_book_larger_than_a_part_is_written_in_parts_bids_first() {
    for (count, bids) in [
        (0, 0),
        (1, 0),
        (2_048, 2_048),
        (2_049, 2_048),
        (10_000, 5_000),
        (4_096, 0),
    ] {
        let mut run = Run::new(SPOT);
        let levels = levels(count);
        let mut to = SyncOutput {
            writer: &mut Writer {
                out: &mut run.out,
                seq: &mut run.seq,
            },
            instrument: InstrumentId(0),
            counters: &mut run.counters,
        };
        run.book
            .on_snapshot(&DepthImage { last_id: 9, bids }, &levels, STAMP, &mut to);
        let (mut bid_levels, mut ask_levels, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        common::inputs(&run.out, |_, input| {
            let Input::Depth(depth) = input else {
                panic!("{input:?}")
            };
            assert!(depth.is_snapshot && depth.first_id == 9 && depth.last_id == 9);
            assert!(depth.bids.len() + depth.asks.len() <= DEPTH_PART_LEVELS_MAX);
            bid_levels.extend(depth.bids.iter().map(Level::cell));
            ask_levels.extend(depth.asks.iter().map(Level::cell));
            parts.push((depth.is_first, depth.is_last));
        });
        let part_count = count.div_ceil(DEPTH_PART_LEVELS_MAX).max(1);
        assert_eq!(bid_levels, levels[..bids as usize]);
        assert_eq!(ask_levels, levels[bids as usize..]);
        let flags: Vec<_> = (0..part_count)
            .map(|part| (part == 0, part + 1 == part_count))
            .collect();
        assert_eq!(parts, flags);
    }
}

/// Gives the frames to a feed and returns what it wrote, one word each.
fn play(feed: &mut MarketFeed, frames: &[&str]) -> Vec<String> {
    let mut out = CellBuffer::default();
    for frame in frames {
        feed.on_frame(frame.as_bytes(), WallNs(5), &mut out);
    }
    let mut words = Vec::new();
    common::inputs(&out, |header, input| {
        let word = match input {
            Input::Instrument(facts) => format!("instrument {}", facts.key),
            Input::Depth(depth) if depth.is_snapshot => format!("book {}", depth.last_id),
            Input::Depth(depth) => format!("change {}", depth.last_id),
            Input::Ticker(ticker) => format!("ticker {}", ticker.update_id),
            Input::Trade(trade) => format!("trade {}", trade.trade_id),
            Input::BookStale(reason) => format!("stale {reason}"),
            Input::FrameError(error) => {
                format!("error {} {} {}", error.fault, error.frame, error.channel)
            }
            other => format!("{other:?}"),
        };
        words.push(format!("{} {word}", header.instrument.0 as i16));
    });
    words
}

fn diff(symbol: &str, first: u64, last: u64) -> String {
    let stream = symbol.to_lowercase();
    format!(
        r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"{symbol}","U":{first},"u":{last},"b":[["1.50","2"]],"a":[]}}}}"#
    )
}

#[test]
fn interleaved_books_do_not_disturb_one_another() {
    let mut feed = MarketFeed::new(Venue::BinanceSpot, &[]);
    let frames = [
        diff("AAA", 1, 2),
        r#"{"lastUpdateId":1,"bids":[["1.5","1"]],"asks":[]}"#.to_owned(),
        diff("BBB", 70, 72),
        diff("AAA", 3, 4),
        diff("BBB", 73, 74),
        diff("AAA", 6, 6),
        diff("BBB", 75, 75),
        r#"{"lastUpdateId":6,"bids":[],"asks":[]}"#.to_owned(),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    assert_eq!(
        play(&mut feed, &frames),
        [
            "0 instrument binance-spot:AAA",
            "0 book 1",
            "0 change 2",
            "1 instrument binance-spot:BBB",
            "0 change 4",
            "0 stale GAP",
            "-1 error SYMBOL 8 ",
        ]
    );
    let mut out = CellBuffer::default();
    let snapshot = br#"{"lastUpdateId":73,"bids":[],"asks":[]}"#;
    feed.on_snapshot_for("BBB", snapshot, WallNs(6), &mut out);
    assert!(feed.is_synced(InstrumentId(1)) && !feed.is_synced(InstrumentId(0)));
    assert!(feed.needs_snapshot(InstrumentId(0)) && !feed.needs_snapshot(InstrumentId(1)));
}

#[test]
fn a_frame_that_nobody_understands_makes_its_book_stale_until_a_snapshot() {
    let mut feed = MarketFeed::new(Venue::BinanceSpot, &[]);
    let good = [
        diff("AAA", 1, 2),
        r#"{"lastUpdateId":2,"bids":[],"asks":[]}"#.to_owned(),
        diff("AAA", 3, 3),
    ];
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    assert_eq!(play(&mut feed, &good).len(), 3);
    let cut = diff("AAA", 4, 4);
    let bad = [
        &cut[..cut.len() - 9],
        r#"{"stream":"aaa@trade","data":{"e":"trade","E":1,"s":"AAA","t":1,"p":"1e5","q":"1","T":1,"m":true}}"#,
        r#"{"stream":"aaa@ticker","data":{"e":"24hrTicker","s":"AAA"}}"#,
        r#"{"result":null,"id":3}"#,
        r#"{"code":2,"msg":"Invalid request"}"#,
    ];
    assert_eq!(
        play(&mut feed, &bad),
        [
            "0 error JSON 4 aaa@depth@100ms",
            "0 stale FRAME_ERROR",
            "0 error NUMBER_EXPONENT 5 aaa@trade",
            "0 stale FRAME_ERROR",
            "-1 error UNKNOWN_STREAM 6 aaa@ticker",
            "-1 error VENUE_ERROR 8 ",
        ]
    );
    assert_eq!((feed.counters().errors, feed.counters().control), (4, 1));
    let again = [
        diff("AAA", 5, 5),
        r#"{"lastUpdateId":5,"bids":[],"asks":[]}"#.to_owned(),
    ];
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    assert_eq!(play(&mut feed, &again), ["0 book 5"]);
}

#[test]
fn venues_share_one_run_of_numbers_and_ids() {
    let mut feed = MarketFeed::new(Venue::BinanceSpot, &[]);
    let ticker = r#"{"u":7,"s":"AAA","b":"1","B":"1","a":"2","A":"1"}"#;
    assert_eq!(
        play(&mut feed, &[ticker]),
        ["0 instrument binance-spot:AAA", "0 ticker 7"]
    );
    feed.select(Venue::BinanceUsdm);
    let foreign =
        r#"{"e":"bookTicker","u":9,"s":"BTCUSD_PERP","b":"1","B":"1","a":"2","A":"1","st":2}"#;
    assert_eq!(
        play(&mut feed, &[ticker, foreign]),
        ["1 instrument binance-usdm:AAA", "1 ticker 7"]
    );
    assert_eq!((feed.counters().foreign, feed.seq()), (1, 4));
}

/// What comes, what is written of it, and how many snapshots were too old.
type Story<'a> = (&'static str, &'a [String], &'static [&'static str], u64);

#[test]
fn a_snapshot_before_the_first_change_waits_for_the_stream_that_it_belongs_to() {
    let bare = |id: u64| format!(r#"{{"lastUpdateId":{id},"bids":[["1.5","1"]],"asks":[]}}"#);
    let bad = r#"{"lastUpdateId":5,"bids":[["1e5","1"]],"asks":[]}"#.to_owned();
    let (next, after) = (diff("AAA", 6, 6), diff("AAA", 7, 7));
    let other = diff("BBB", 70, 72);
    const NEW: &str = "0 instrument binance-spot:AAA";
    let stories: [Story<'_>; 8] = [
        (
            "the first change follows it",
            &[bare(5), next.clone(), after.clone()],
            &[NEW, "0 book 5", "0 change 6", "0 change 7"],
            0,
        ),
        (
            "it is ahead of the first change",
            &[bare(5), diff("AAA", 3, 4), diff("AAA", 5, 6), after],
            &[NEW, "0 book 5", "0 change 6", "0 change 7"],
            0,
        ),
        (
            "it is older than the first change",
            &[bare(5), diff("AAA", 8, 9)],
            &[NEW],
            1,
        ),
        (
            "the newest of two waits",
            &[bare(1), bare(5), next.clone()],
            &[NEW, "0 book 5", "0 change 6"],
            1,
        ),
        (
            "a second stream before a change followed it",
            &[bare(5), diff("AAA", 3, 4), other.clone(), bare(73)],
            &[
                NEW,
                "0 book 5",
                "1 instrument binance-spot:BBB",
                "0 error SYMBOL 1 ",
                "0 stale FRAME_ERROR",
                "-1 error SYMBOL 4 ",
            ],
            0,
        ),
        (
            "a second stream after that",
            &[bare(5), next.clone(), other],
            &[
                NEW,
                "0 book 5",
                "0 change 6",
                "1 instrument binance-spot:BBB",
            ],
            0,
        ),
        (
            "it is wrong in itself",
            &[bad, next],
            &[NEW, "0 error NUMBER_EXPONENT 1 ", "0 stale FRAME_ERROR"],
            0,
        ),
        ("nothing comes", &[bare(5)], &[], 0),
    ];
    for (name, frames, written, stale_snapshots) in stories {
        let mut feed = MarketFeed::new(Venue::BinanceSpot, &[]);
        let texts: Vec<&str> = frames.iter().map(String::as_str).collect();
        assert_eq!(play(&mut feed, &texts), written, "{name}");
        let counters = *feed.counters();
        assert_eq!(counters.sync.stale_snapshots, stale_snapshots, "{name}");
        assert_eq!(counters.frames, frames.len() as u64, "{name}");
        let is_held = frames.len() == 1;
        assert_eq!(feed.holds_last_frame(), is_held, "{name}");
        // Who waits at the end waits for nobody.
        let mut out = CellBuffer::default();
        feed.end(&mut out);
        let errors = counters.errors + u64::from(is_held);
        assert_eq!(feed.counters().errors, errors, "{name}");
        let faulty = [0, 1, 4][errors as usize];
        assert_eq!(feed.faulty_frame(), faulty, "{name}");
    }
}
