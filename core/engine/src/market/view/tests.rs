//! The merged view against its definition: generated events and all recorded sessions.

use super::{BookView, MergedBook};
use crate::market::recording::{DIGITS, DepthFrame, Frame, play, sessions};
use claire_types::{Amount, BookReason, Level, Price, Qty, Side, Ticker};
use proptest::prelude::*;

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

fn level((price, qty): (i64, i64)) -> Level {
    Level {
        price: Price(price),
        qty: Qty(qty),
    }
}

fn ticker(update_id: u64, bid: (i64, i64), ask: (i64, i64)) -> Ticker {
    Ticker {
        update_id,
        bid: level(bid),
        ask: level(ask),
    }
}

fn frame(is_snapshot: bool, id: u64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> DepthFrame {
    let cells = |levels: &[(i64, i64)]| levels.iter().map(|pair| level(*pair).cell()).collect();
    DepthFrame {
        is_snapshot,
        first_id: id,
        last_id: id,
        bids: cells(bids),
        asks: cells(asks),
    }
}

fn walked(view: &dyn BookView, side: Side, count: usize) -> Vec<(i64, i64)> {
    let mut levels = Vec::new();
    view.walk(side, &mut |level| {
        levels.push((level.price.0, level.qty.0));
        levels.len() < count
    });
    levels
}

/// The definition: the depth's levels without those better than the newer ticker's, and that with its quantity.
fn expected(
    view: &MergedBook,
    ticker: Option<&Ticker>,
    side: Side,
    count: usize,
) -> Vec<(i64, i64)> {
    let depth = view
        .book()
        .levels(side)
        .map(|level| (level.price.0, level.qty.0));
    let Some(ticker) = ticker else {
        return depth.take(count).collect();
    };
    let (first, sign) = match side {
        Side::Buy => (ticker.bid, 1),
        Side::Sell => (ticker.ask, -1),
    };
    let worse = depth.filter(|(price, _)| price * sign < first.price.0 * sign);
    [(first.price.0, first.qty.0)]
        .into_iter()
        .chain(worse)
        .take(count)
        .collect()
}

fn check(view: &MergedBook, ticker: Option<&Ticker>, count: usize) {
    assert!(!view.touch().is_crossed(), "crossed: {:?}", view.touch());
    for side in SIDES {
        let want = expected(view, ticker, side, count);
        assert_eq!(walked(view, side, count.max(1)), want);
        assert_eq!(
            view.best(side).map(|level| (level.price.0, level.qty.0)),
            want.first().copied()
        );
        for (rank, (price, qty)) in want.iter().enumerate() {
            assert_eq!(view.level(side, rank), Some(level((*price, *qty))));
            assert_eq!(view.qty_at(side, Price(*price)), Qty(*qty));
        }
    }
    for masked in view.book().levels(Side::Buy).take(5) {
        let is_masked = ticker.is_some_and(|ticker| masked.price > ticker.bid.price);
        let is_same = view.qty_at(Side::Buy, masked.price) == masked.qty;
        assert!(!is_masked || !is_same, "a masked bid shows nothing");
    }
}

#[test]
fn recorded_sessions_are_never_crossed_and_follow_the_definition() {
    for (name, files, tick) in sessions() {
        let mut view = MergedBook::new(tick, DIGITS);
        let (mut newer, mut events, mut tickers, mut crossing) = (None, 0_u64, 0_u64, 0_u64);
        let played = play(&files, |event| {
            events += 1;
            match event {
                Frame::Depth(frame) => {
                    view.apply_depth(&frame.depth());
                    newer = newer.filter(|ticker: &Ticker| ticker.update_id > frame.last_id);
                }
                Frame::Ticker(ticker) => {
                    view.apply_ticker(&ticker);
                    if ticker.update_id > view.book().last_id() {
                        newer = Some(ticker);
                    }
                    if view.is_proven() {
                        tickers += 1;
                        let depth = view.book().touch();
                        let above = depth.ask.is_some_and(|ask| ticker.bid.price >= ask.price);
                        let below = depth.bid.is_some_and(|bid| ticker.ask.price <= bid.price);
                        crossing += u64::from(newer == Some(ticker) && (above || below));
                    }
                }
                Frame::Trade(..) => return,
            }
            check(
                &view,
                newer.as_ref(),
                if events.is_multiple_of(50) { 300 } else { 3 },
            );
            assert_eq!(view.is_masked(), newer.is_some());
        });
        if played {
            assert!(view.is_proven() && tickers > 10_000, "{name}");
            println!("{name}: {events} events, {crossing} of {tickers} tickers cross the depth");
            assert!(
                crossing * 100 > tickers * 5,
                "the recordings do cross: {crossing}"
            );
        }
    }
}

#[test]
fn a_newer_ticker_masks_until_the_depth_reaches_it() {
    let mut view = MergedBook::new(Price(1), 0);
    view.apply_depth(
        &frame(
            true,
            10,
            &[(100, 1), (99, 2), (98, 3)],
            &[(101, 4), (103, 5)],
        )
        .depth(),
    );
    let change = view.apply_ticker(&ticker(15, (99, 7), (100, 8)));
    assert!(change.touch_changed() && change.is_complete && !change.is_crossed);
    assert_eq!(change.nearest_bid, Some(Price(100)));
    assert_eq!(change.nearest_ask, Some(Price(100)));
    assert_eq!(walked(&view, Side::Buy, 9), [(99, 7), (98, 3)]);
    assert_eq!(walked(&view, Side::Sell, 9), [(100, 8), (101, 4), (103, 5)]);
    assert_eq!(view.qty_at(Side::Buy, Price(100)), Qty::ZERO);
    assert_eq!(view.book().qty_at(Side::Buy, Price(100)), Qty(1));

    let change = view.apply_depth(&frame(false, 14, &[(100, 0), (99, 6)], &[]).depth());
    assert!(!change.touch_changed() && view.is_masked());
    let change = view.apply_depth(&frame(false, 15, &[(99, 7)], &[(100, 9)]).depth());
    assert!(change.touch_changed() && !view.is_masked());
    assert_eq!(walked(&view, Side::Sell, 1), [(100, 9)]);
}

#[test]
fn a_ticker_beyond_the_depth_on_the_other_side_does_not_cross_it() {
    let mut view = MergedBook::new(Price(1), 0);
    view.apply_depth(&frame(true, 1, &[(100, 1)], &[(101, 1), (102, 1), (105, 1)]).depth());
    view.apply_ticker(&ticker(2, (103, 2), (104, 3)));
    assert_eq!(walked(&view, Side::Buy, 9), [(103, 2), (100, 1)]);
    assert_eq!(walked(&view, Side::Sell, 9), [(104, 3), (105, 1)]);
}

#[test]
fn tickers_that_are_no_news_or_crossed_are_ignored() {
    let mut view = MergedBook::new(Price(1), 0);
    view.apply_depth(&frame(true, 10, &[(100, 1)], &[(101, 1)]).depth());
    for old in [
        ticker(0, (90, 1), (91, 1)),
        ticker(9, (90, 1), (91, 1)),
        ticker(10, (90, 1), (91, 1)),
        ticker(11, (91, 1), (91, 1)),
    ] {
        assert!(!view.apply_ticker(&old).touch_changed(), "{old:?}");
        assert!(!view.is_masked());
    }
    view.apply_ticker(&ticker(12, (90, 1), (91, 1)));
    assert!(
        !view
            .apply_ticker(&ticker(11, (80, 1), (81, 1)))
            .touch_changed()
    );
}

#[test]
fn an_empty_side_of_the_ticker_empties_the_side() {
    let mut view = MergedBook::new(Price(1), 0);
    view.apply_depth(&frame(true, 10, &[(100, 1)], &[(101, 1)]).depth());
    view.apply_ticker(&ticker(11, (100, 2), (0, 0)));
    assert_eq!(view.best(Side::Buy), Some(level((100, 2))));
    assert_eq!(
        (view.best(Side::Sell), view.level(Side::Sell, 0)),
        (None, None)
    );
    assert_eq!(walked(&view, Side::Sell, 9), []);
    assert_eq!(
        (view.qty_at(Side::Sell, Price(101)), view.mid()),
        (Qty::ZERO, None)
    );
}

#[test]
fn without_a_proven_book_the_ticker_shows_but_proves_nothing() {
    let mut view = MergedBook::new(Price(1), 0);
    view.apply_ticker(&ticker(0, (100, 1), (101, 1)));
    assert_eq!(
        (view.best(Side::Buy), view.is_proven()),
        (Some(level((100, 1))), false)
    );
    view.apply_depth(&frame(true, 10, &[(99, 1)], &[(102, 1)]).depth());
    assert_eq!(
        (view.best(Side::Buy), view.is_proven()),
        (Some(level((99, 1))), true)
    );
    view.mark_stale(BookReason::Gap);
    assert!(!view.is_proven());
    view.reset();
    assert_eq!((view.best(Side::Buy), view.is_proven()), (None, false));
}

#[test]
fn the_mid_is_exact() {
    let cases = [
        (0, 100, 101, "100.5"),
        (2, 6_183_763, 6_183_764, "61837.635"),
        (11, 1, 2, "0.000000000015"),
        (12, 1, 2, "0.000000000002"),
        (12, 2, 3, "0.000000000002"),
        (18, 1_000_000, 1_000_001, "0.000000000001"),
    ];
    for (digits, bid, ask, want) in cases {
        let mut view = MergedBook::new(Price(1), digits);
        view.apply_depth(&frame(true, 1, &[(bid, 1)], &[(ask, 1)]).depth());
        assert_eq!(
            view.mid(),
            want.parse::<Amount>().ok(),
            "{bid} {ask} at {digits}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    /// Depth and tickers of a moving market, the depth late by a random number of ids.
    #[test]
    fn prop_the_view_follows_the_definition_and_is_never_crossed(
        steps in proptest::collection::vec((-3_i64..=3, 1_i64..4, 1_i64..50, 0_u8..4, 1_u64..5), 1..80),
    ) {
        let mut view = MergedBook::new(Price(1), 2);
        let (mut mid, mut id, mut newer) = (10_000, 1_000_u64, None::<Ticker>);
        for (number, (drift, gap, qty, kind, ids)) in steps.into_iter().enumerate() {
            mid += drift;
            id += ids;
            let rows = |sign: i64| (0..6).map(|n| (mid + sign * (gap + n * 2), qty + n)).collect::<Vec<_>>();
            let (bids, asks) = (rows(-1), rows(1));
            let is_first = number == 0;
            if kind < 2 && !is_first {
                let ticker = ticker(id + 3, (bids[0].0, qty + 1), (asks[0].0, qty + 2));
                view.apply_ticker(&ticker);
                newer = Some(ticker);
                id += 3;
            } else {
                // The depth of an earlier id: replaces all levels, as each row is new.
                let last_id = if kind == 2 && !is_first { id - 2 } else { id };
                let change = view.apply_depth(&frame(is_first || kind == 3, last_id, &[], &[]).depth());
                prop_assert!(change.is_complete);
                let gone = |side| view.book().levels(side).map(|level| (level.price.0, 0)).collect::<Vec<_>>();
                let all = |side, rows: Vec<_>| [gone(side), rows].concat();
                let (bids, asks) = (all(Side::Buy, bids), all(Side::Sell, asks));
                view.apply_depth(&frame(false, last_id, &bids, &asks).depth());
                newer = newer.filter(|ticker| ticker.update_id > last_id);
            }
            check(&view, newer.as_ref(), 20);
            let bytes = postcard::to_allocvec(&view).expect("a view can be written");
            let read: MergedBook = postcard::from_bytes(&bytes).expect("and read");
            check(&read, newer.as_ref(), 20);
        }
    }
}
