//! Whole recorded sessions through the feed: every book ends proven, and no change is lost.

mod common;

use claire_types::{CellBuffer, Input, InstrumentId, WallNs};
use claire_venue::{Channel, MarketFeed};
use common::Recording;

/// What came out of a recording.
struct Played {
    feed: MarketFeed,
    instruments: u64,
    snapshots: u64,
    stale: u64,
    depth_last: u64,
    inputs: u64,
}

/// Plays the recording and checks what holds for every run of inputs.
fn play(recording: &Recording) -> Played {
    let mut played = Played {
        feed: MarketFeed::new(recording.venue, &[]),
        instruments: 0,
        snapshots: 0,
        stale: 0,
        depth_last: 0,
        inputs: 0,
    };
    let mut out = CellBuffer::default();
    for frame in &recording.frames {
        out.clear();
        match &frame.symbol {
            Some(symbol) => played
                .feed
                .on_snapshot_for(symbol, &frame.bytes, frame.recv, &mut out),
            None => played.feed.on_frame(&frame.bytes, frame.recv, &mut out),
        }
        common::inputs(&out, |header, input| {
            played.inputs += 1;
            assert_eq!(header.seq, played.inputs, "numbers are consecutive");
            match input {
                Input::Instrument(facts) => {
                    assert_eq!(
                        u64::from(facts.id.0),
                        played.instruments,
                        "ids follow appearance"
                    );
                    played.instruments += 1;
                }
                Input::Depth(depth) => {
                    played.snapshots += u64::from(depth.is_snapshot && depth.is_first);
                    played.depth_last = depth.last_id;
                    assert!(u64::from(header.instrument.0) < played.instruments);
                }
                Input::BookStale(_) => played.stale += 1,
                Input::FrameError(error) => println!("{}: {error:?}", header.instrument.0),
                _ => assert!(
                    u64::from(header.instrument.0) < played.instruments,
                    "instrument first"
                ),
            }
        });
    }
    assert_eq!(played.feed.seq(), played.inputs);
    played
}

#[test]
fn recorded_sessions_end_synced_without_a_gap() {
    // The last change's id in each file, read off its last depth line.
    let cases = [
        (50_093_696_318, 3_451 + 3_044),
        (5_123_135_475_514, 6_551),
        (1_007_206_781_963, 26_847 + 17_948),
    ];
    for ((names, venue), (last_id, diffs)) in common::SESSIONS.into_iter().zip(cases) {
        let Some(recording) = common::session(names, venue) else {
            return;
        };
        let played = play(&recording);
        let counters = played.feed.counters();
        println!("{names}: {counters:?}");
        assert_eq!(counters.sync.gaps, 0, "{names}");
        assert_eq!(counters.sync.duplicates, 0, "{names}");
        assert_eq!(counters.sync.stale_snapshots, 0, "{names}");
        assert_eq!((counters.errors, played.stale), (0, 0), "{names}");
        assert_eq!(counters.channels[Channel::Depth as usize], diffs);
        assert_eq!((played.instruments, played.snapshots), (1, 1), "{names}");
        assert_eq!(played.depth_last, last_id, "{names}");
        assert!(played.feed.is_synced(InstrumentId(0)), "{names}");
        // Only the first frame has an unknown instrument: the typed decoder reads all others.
        assert_eq!((counters.fallbacks, counters.events), (1, counters.frames));
        // What was not written is what the snapshot contained; the instrument's facts came besides.
        assert_eq!(
            played.inputs,
            1 + counters.events - counters.sync.superseded
        );
    }
}

#[test]
fn several_symbols_on_one_connection_each_prove_their_book() {
    for ((name, venue), described) in common::MANY_SYMBOLS.into_iter().zip([1_695, 122]) {
        let Some(recording) = common::many_symbols(name, venue) else {
            return;
        };
        let played = play(&recording);
        let counters = played.feed.counters();
        println!("{name}: {counters:?}");
        assert_eq!(counters.described, described, "{name}");
        assert_eq!(counters.sync.gaps, 0, "{name}");
        assert_eq!(
            (played.instruments, played.snapshots, played.stale),
            (4, 4, 0),
            "{name}"
        );
        for number in 0..4 {
            assert!(
                played.feed.is_synced(InstrumentId(number)),
                "{name} {number}"
            );
        }
        assert_eq!(counters.errors, 0, "{name}");
        for facts in played.feed.catalog().instruments() {
            println!("{facts:?}");
            assert!(
                facts.tick.0 > 0 && facts.step.0 > 0 && facts.notional_min.0 > 0,
                "{facts:?}"
            );
            assert!(facts.is_trading, "{facts:?}");
        }
    }
}

#[test]
fn a_session_that_starts_over_needs_a_snapshot_again() {
    let (names, venue) = common::SESSIONS[1];
    let Some(recording) = common::session(names, venue) else {
        return;
    };
    let mut feed = MarketFeed::new(venue, &[]);
    let mut out = CellBuffer::default();
    for frame in recording.frames.iter().take(2_000) {
        feed.on_frame(&frame.bytes, frame.recv, &mut out);
    }
    assert!(feed.is_synced(InstrumentId(0)));
    out.clear();
    feed.session_reset(WallNs(7), &mut out);
    common::inputs(&out, |_, input| {
        assert!(matches!(input, Input::SessionReset))
    });
    assert!(!feed.is_synced(InstrumentId(0)));
    out.clear();
    for frame in &recording.frames {
        feed.on_frame(&frame.bytes, frame.recv, &mut out);
    }
    assert!(feed.is_synced(InstrumentId(0)));
    let mut instruments = 0;
    common::inputs(&out, |_, input| {
        instruments += u64::from(matches!(input, Input::Instrument(_)))
    });
    assert_eq!(instruments, 0, "the instrument is known for the whole run");
    assert_eq!(feed.counters().sync.gaps, 0);
}
