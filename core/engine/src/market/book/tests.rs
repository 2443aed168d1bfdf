//! The book against a sorted map: generated deltas and all recorded sessions.

use super::window::STEPS;
use super::{Book, Touch};
use crate::market::recording::{DepthFrame, Frame, play, sessions};
use claire_types::{BookReason, Cell, Cells, Depth, Level, Levels, Price, Qty, Side};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Default)]
struct Model {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Model {
    fn apply(&mut self, frame: &DepthFrame) {
        if frame.is_snapshot {
            *self = Self::default();
        }
        for (side, cells) in [(&mut self.bids, &frame.bids), (&mut self.asks, &frame.asks)] {
            for level in cells.iter().map(|cell| Level::of(*cell)) {
                if level.qty.0 > 0 {
                    side.insert(level.price.0, level.qty.0);
                } else {
                    side.remove(&level.price.0);
                }
            }
        }
    }

    fn levels(&self, side: Side) -> Vec<Level> {
        let level = |(price, qty): (&i64, &i64)| Level {
            price: Price(*price),
            qty: Qty(*qty),
        };
        match side {
            Side::Buy => self.bids.iter().rev().map(level).collect(),
            Side::Sell => self.asks.iter().map(level).collect(),
        }
    }
}

fn check(book: &Book, model: &Model) {
    for side in [Side::Buy, Side::Sell] {
        let want = model.levels(side);
        assert_eq!(book.levels(side).collect::<Vec<_>>(), want);
        assert_eq!(book.best(side), want.first().copied());
        assert_eq!(book.count(side), want.len());
        let total: i128 = want.iter().map(|level| i128::from(level.qty.0)).sum();
        assert_eq!(book.total_qty(side), total);
        for (rank, level) in want.iter().enumerate().step_by(17) {
            assert_eq!(book.qty_at(side, level.price), level.qty);
            assert_eq!(book.level(side, rank), Some(*level));
            let beyond: Vec<_> = book.levels_beyond(side, level.price).take(9).collect();
            assert_eq!(
                beyond,
                want.iter()
                    .skip(rank + 1)
                    .take(9)
                    .copied()
                    .collect::<Vec<_>>()
            );
        }
    }
}

fn cell(price: i64, qty: i64) -> Cell {
    Level {
        price: Price(price),
        qty: Qty(qty),
    }
    .cell()
}

fn frame(is_snapshot: bool, id: u64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> DepthFrame {
    let cells = |levels: &[(i64, i64)]| levels.iter().map(|(p, q)| cell(*p, *q)).collect();
    DepthFrame {
        is_snapshot,
        first_id: id,
        last_id: id,
        bids: cells(bids),
        asks: cells(asks),
    }
}

fn read_back(book: &Book) -> Book {
    let bytes = postcard::to_allocvec(book).expect("a book can be written");
    postcard::from_bytes(&bytes).expect("and read")
}

#[test]
fn recorded_sessions_end_with_the_book_of_a_sorted_map() {
    for (name, files, tick) in sessions() {
        for tick in [tick, Price(0)] {
            let (mut book, mut model, mut frames) = (Book::new(tick), Model::default(), 0_u64);
            let played = play(&files, |event| {
                if let Frame::Depth(depth) = event {
                    let change = book.apply(&depth.depth());
                    model.apply(&depth);
                    assert!(!change.is_crossed, "{name} {}", depth.last_id);
                    assert_eq!(
                        book.best(Side::Buy),
                        model.levels(Side::Buy).first().copied()
                    );
                    frames += 1;
                    if frames.is_multiple_of(20) {
                        book.tidy();
                    }
                    if frames.is_multiple_of(4_000) {
                        check(&book, &model);
                        book = read_back(&book);
                    }
                }
            });
            if played {
                check(&book, &model);
                assert!(book.is_synced() && book.recentre_count() > 0, "{name}");
                println!(
                    "{name}: {frames} frames, {} + {} levels, {} recentred, {} bytes",
                    book.count(Side::Buy),
                    book.count(Side::Sell),
                    book.recentre_count(),
                    book.memory_bytes()
                );
            }
        }
    }
}

#[test]
fn a_thousand_levels_on_each_side_take_at_most_256_kb() {
    for gap in [1, 7, 20, 9_999] {
        let bids: Vec<_> = (0..1_000).map(|n| (100_000_000 - n * gap, 5)).collect();
        let asks: Vec<_> = (0..1_000).map(|n| (100_000_001 + n * gap, 5)).collect();
        let mut book = Book::new(Price(1));
        book.apply(&frame(true, 1, &bids, &asks).depth());
        assert_eq!(book.count(Side::Buy) + book.count(Side::Sell), 2_000);
        assert!(book.memory_bytes() <= 256 * 1024, "{}", book.memory_bytes());
    }
}

#[test]
fn parts_of_a_snapshot_prove_the_book_with_the_last_one() {
    let mut book = Book::new(Price(1));
    book.apply(&frame(true, 1, &[(10, 1)], &[(11, 1)]).depth());
    let whole = frame(true, 9, &[(100, 1), (99, 2)], &[(101, 3), (102, 4)]);
    let (bids, asks) = (&whole.bids, &whole.asks);
    let part = |is_first, is_last, bids, asks| Depth {
        is_snapshot: true,
        is_first,
        is_last,
        first_id: 9,
        last_id: 9,
        bids: Levels::new(Cells::new(bids, &[])),
        asks: Levels::new(Cells::new(asks, &[])),
    };
    let change = book.apply(&part(true, false, &bids[..1], &[]));
    assert_eq!(
        (change.is_complete, book.is_synced(), book.last_id()),
        (false, false, 1)
    );
    book.apply(&part(false, false, &bids[1..], &asks[..1]));
    assert_eq!(book.count(Side::Sell), 1);
    let change = book.apply(&part(false, true, &[], &asks[1..]));
    assert_eq!(
        (change.is_complete, book.is_synced(), book.last_id()),
        (true, true, 9)
    );
    assert_eq!(change.before.bid.map(|level| level.price.0), Some(10));
    assert_eq!(change.after.ask.map(|level| level.price.0), Some(101));
    assert!(change.touch_changed());
}

#[test]
fn a_change_names_the_touch_and_the_nearest_changed_prices() {
    let mut book = Book::new(Price(1));
    book.apply(&frame(true, 1, &[(100, 1), (98, 2)], &[(103, 3), (105, 4)]).depth());
    let nearest = |book: &mut Book, bids: &[_], asks: &[_]| {
        let change = book.apply(&frame(false, 2, bids, asks).depth());
        let price = |price: Option<Price>| price.map(|price| price.0);
        (
            change.touch_changed(),
            price(change.nearest_bid),
            price(change.nearest_ask),
        )
    };
    assert_eq!(
        nearest(&mut book, &[(100, 1), (97, 0)], &[]),
        (false, None, None)
    );
    assert_eq!(
        nearest(&mut book, &[(97, 1), (98, 3)], &[(107, 1), (105, 0)]),
        (false, Some(98), Some(105))
    );
    assert_eq!(
        nearest(&mut book, &[(101, 1)], &[]),
        (true, Some(101), None)
    );
    assert_eq!(
        nearest(&mut book, &[], &[(103, 0)]),
        (true, None, Some(103))
    );
    assert_eq!(
        nearest(&mut book, &[], &[(107, 9)]),
        (true, None, Some(107))
    );
}

#[test]
fn a_crossed_frame_is_reported_and_staleness_ends_with_a_snapshot() {
    let mut book = Book::new(Price(1));
    book.apply(&frame(true, 1, &[(100, 1)], &[(101, 1)]).depth());
    assert!(
        book.apply(&frame(false, 2, &[(101, 1)], &[]).depth())
            .is_crossed
    );
    book.mark_stale(BookReason::Crossed);
    assert_eq!(
        (book.is_synced(), book.stale_reason()),
        (false, Some(BookReason::Crossed))
    );
    assert_eq!(
        book.qty_at(Side::Buy, Price(101)),
        book.qty_at(Side::Sell, Price(101))
    );
    book.apply(&frame(true, 3, &[(100, 1)], &[(101, 1)]).depth());
    assert_eq!((book.is_synced(), book.stale_reason()), (true, None));
}

#[test]
fn a_frame_cut_off_by_the_next_leaves_the_book_unproven() {
    let mut book = Book::new(Price(1));
    book.apply(&frame(true, 1, &[(100, 1)], &[(101, 1)]).depth());
    let delta = frame(false, 2, &[(99, 1)], &[]);
    book.apply(&Depth {
        is_last: false,
        ..delta.depth()
    });
    book.apply(&frame(false, 3, &[(98, 1)], &[]).depth());
    assert_eq!(
        (book.is_synced(), book.stale_reason()),
        (false, Some(BookReason::Gap))
    );
}

#[test]
fn odd_prices_are_held_exactly() {
    let extremes = [
        i64::MIN,
        i64::MIN + 1,
        -7,
        -1,
        0,
        1,
        3,
        i64::MAX - 1,
        i64::MAX,
    ];
    let levels: Vec<_> = extremes.iter().map(|price| (*price, 5)).collect();
    for tick in [0, 1, 2, 1_000, i64::MAX] {
        let (mut book, mut model) = (Book::new(Price(tick)), Model::default());
        let near = frame(true, 1, &[(1_000_000, 1)], &[(1_000_001, 1)]);
        let odd = frame(false, 2, &levels, &levels);
        let gone = frame(
            false,
            3,
            &levels.iter().map(|(p, _)| (*p, 0)).collect::<Vec<_>>(),
            &[],
        );
        let negative = frame(false, 4, &[(1_000_000, -1), (5, -1)], &[]);
        for frame in [near, odd, gone, negative] {
            book.apply(&frame.depth());
            model.apply(&frame);
            check(&book, &model);
            book.tidy();
            check(&book, &model);
        }
    }
}

#[test]
fn the_price_step_is_the_common_divisor_of_the_snapshot() {
    let mut book = Book::new(Price(0));
    book.apply(&frame(true, 1, &[(1_000, 1), (975, 1)], &[(1_050, 1)]).depth());
    assert_eq!(book.tick(), Price(25));
    book.apply(&frame(false, 2, &[(977, 8)], &[]).depth());
    assert_eq!(book.qty_at(Side::Buy, Price(977)), Qty(8));
    assert_eq!(
        book.level(Side::Buy, 1).map(|level| level.price),
        Some(Price(977))
    );
    book.apply(&frame(true, 3, &[(990, 1)], &[(1_000, 1)]).depth());
    assert_eq!(book.tick(), Price(5));
}

#[test]
fn reset_forgets_everything() {
    let mut book = Book::new(Price(1));
    book.apply(&frame(true, 1, &[(100, 1), (1, 1)], &[(101, 1)]).depth());
    book.reset();
    check(&book, &Model::default());
    assert_eq!(
        (book.last_id(), book.is_synced(), book.touch()),
        (0, false, Touch::default())
    );
}

#[test]
fn the_checksum_tells_books_apart() {
    let sum = |bids: &[(i64, i64)], asks: &[(i64, i64)]| {
        let mut book = Book::new(Price(1));
        book.apply(&frame(true, 1, bids, asks).depth());
        book.checksum()
    };
    // Computed by hand over the 16 bytes of price 1 and quantity 2.
    let byte = |hash: u64, byte: u64| (hash ^ byte).wrapping_mul(0x0000_0100_0000_01b3);
    let mut want = 0xcbf2_9ce4_8422_2325;
    for value in [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0] {
        want = byte(want, value);
    }
    assert_eq!(sum(&[(1, 2)], &[]), want);
    assert_ne!(sum(&[(1, 2)], &[]), sum(&[(1, 3)], &[]));
    assert_ne!(sum(&[(1, 2)], &[(3, 2)]), sum(&[(1, 2), (3, 2)], &[]));
}

fn prices() -> impl Strategy<Value = i64> {
    let middle = 1_000_000_i64;
    prop_oneof![
        6 => middle - 40..middle + 40,
        4 => middle - 3_000..middle + 3_000,
        3 => middle - 3 * STEPS as i64..middle + 3 * STEPS as i64,
        1 => -5_i64..10_000_000,
    ]
}

fn deltas() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec(
        (prices(), prop_oneof![2 => Just(0), 3 => 1_i64..1_000]),
        0..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The touch drifts by up to 700 steps a frame, so windows move, jump and run empty.
    #[test]
    fn prop_a_book_is_a_sorted_map(
        tick in prop_oneof![Just(0_i64), Just(1), Just(2), Just(5), Just(250)],
        frames in proptest::collection::vec((deltas(), deltas(), -700_i64..700, 0_u8..20), 1..60),
    ) {
        let unit = tick.max(1);
        let (mut book, mut model, mut drift) = (Book::new(Price(tick)), Model::default(), 0);
        for (bids, asks, step, kind) in frames {
            drift += if kind == 3 { step * 100 } else { step };
            let place = |levels: Vec<(i64, i64)>| -> Vec<_> {
                let odd = i64::from(kind == 4);
                levels.into_iter().map(|(price, qty)| ((price + drift) * unit + odd, qty)).collect()
            };
            let frame = frame(kind == 0, 1, &place(bids), &place(asks));
            let change = book.apply(&frame.depth());
            model.apply(&frame);
            check(&book, &model);
            prop_assert_eq!(change.after, book.touch());
            if kind % 2 == 0 {
                book.tidy();
                check(&book, &model);
            }
            if kind == 5 {
                book = read_back(&book);
                check(&book, &model);
            }
        }
        prop_assert_eq!(book.checksum(), read_back(&book).checksum());
    }
}
