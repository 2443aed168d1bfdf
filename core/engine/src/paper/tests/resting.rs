//! What rests waits for the queue before it, and for a book that is proven.

use super::*;

#[test]
fn trades_at_our_price_consume_the_queue_before_they_reach_us() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 4, 100, OrderFlags::NONE, 1_000);
    // 5 ahead. A trade of the arrival's own ms does not touch it.
    stage.trade(1_010, 100, 5, Side::Sell);
    stage.trade(1_011, 100, 3, Side::Sell);
    // A buyer's trade does not touch a bid.
    stage.trade(1_012, 100, 9, Side::Buy);
    // 2 ahead; the level shows 1: one of them cancelled.
    stage.depth(1_013, |book| {
        book.bids.insert(100, 1);
    });
    // More behind us changes nothing.
    stage.depth(1_014, |book| {
        book.bids.insert(100, 50);
    });
    stage.trade(1_015, 100, 3, Side::Sell);
    stage.trade(1_016, 100, 1, Side::Sell);
    let mut fills = Vec::new();
    while let Some(report) = stage.venue.due(WallNs(i64::MAX)) {
        if let ReportKind::Fill(fill) = report.kind {
            fills.push(fill);
        }
    }
    let first = FillReport {
        price: Price(100),
        qty: Qty(2),
        liquidity: Liquidity::Maker,
        rule: FillRule::QueueReached,
        arrived: ms(1_010),
        queue_ahead: Qty(5),
        queue_traded: Qty(4),
        queue_cancelled: Qty(1),
    };
    assert_eq!(
        fills,
        [
            first,
            FillReport {
                qty: Qty(1),
                ..first
            }
        ]
    );
}

#[test]
fn the_front_queue_is_filled_by_the_first_trade() {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.matching.queue = QueueModel::Front;
    let mut stage = Stage::with(&config);
    stage.send(Side::Sell, 4, 101, OrderFlags::NONE, 1_000);
    stage.trade(1_011, 101, 1, Side::Buy);
    check(
        &mut stage,
        &[(1, "ack@1010"), (1, "maker 1x101 QueueReached@1011")],
    );
}

#[test]
fn one_trade_fills_several_of_our_orders_at_most_once_over() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 2, 100, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 3, 100, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 4, 99, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    // 5 ahead of both at 100: 8 traded leave 3 for the first, which has 2, and 1 for the second.
    stage.trade(1_011, 100, 8, Side::Sell);
    // Through 100 at 99: what is left there is filled first; 7 ahead at 99 take the rest.
    stage.trade(1_012, 99, 10, Side::Sell);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "ack@1010"),
            (3, "ack@1010"),
            (1, "maker 2x100 QueueReached@1011"),
            (2, "maker 1x100 QueueReached@1011"),
            (2, "maker 2x100 TradedThrough@1012"),
            (3, "maker 1x99 QueueReached@1012"),
        ],
    );
}

#[test]
fn a_book_that_moves_through_us_fills_what_it_displays_once() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 9, 100, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 9, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.depth(1_020, |book| {
        book.bids.remove(&100);
        book.asks.insert(99, 4);
        book.asks.insert(100, 8);
        book.bids.remove(&99);
    });
    // The same book again adds nothing.
    stage.depth(1_021, |_| {});
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "ack@1010"),
            (1, "maker 9x100 BookThrough@1020"),
            (2, "maker 3x100 BookThrough@1020"),
        ],
    );
}

#[test]
fn nothing_fills_while_the_book_is_not_proven() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 2, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.depth(1_020, |book| book.is_stale = true);
    for flags in [OrderFlags::IOC, OrderFlags::FOK, OrderFlags::NONE] {
        let price = if flags == OrderFlags::NONE { 0 } else { 101 };
        stage.send(Side::Buy, 1, price, flags, 1_020);
    }
    stage.send(Side::Buy, 1, 101, OrderFlags::POST_ONLY, 1_020);
    stage.send(Side::Buy, 1, 101, OrderFlags::NONE, 1_020);
    stage.send(Side::Buy, 1, 98, OrderFlags::NONE, 1_020);
    stage.trade(1_031, 90, 99, Side::Sell);
    stage.depth(1_032, |book| {
        book.asks.insert(95, 99);
    });
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "rejected NO_BOOK@1030"),
            (3, "rejected NO_BOOK@1030"),
            (4, "rejected NO_BOOK@1030"),
            (5, "ack@1030"),
            (6, "ack@1030"),
            (7, "ack@1030"),
        ],
    );
    // Proven again: what came meanwhile meets this book as if it arrived now.
    stage.depth(1_040, |book| {
        book.asks.remove(&95);
        book.is_stale = false;
    });
    check(
        &mut stage,
        &[
            (5, "expired POST_ONLY_CROSS@1040"),
            (6, "taker 1x101 Crossed@1040"),
        ],
    );
    // 9 ahead of the last one at 98.
    stage.trade(1_041, 98, 10, Side::Sell);
    check(&mut stage, &[(1, "maker 2x100 TradedThrough@1041")]);
    stage.trade(1_042, 98, 2, Side::Sell);
    check(&mut stage, &[(7, "maker 1x98 QueueReached@1042")]);
}

#[test]
fn trades_outside_the_book_and_other_instruments_touch_nothing() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    let moment = stage.moment(1_020);
    let trade = Trade {
        trade_id: 1,
        price: Price(90),
        qty: Qty(9),
        aggressor: Side::Sell,
        is_aggregate: false,
        is_off_book: true,
    };
    stage.venue.traded(MARKET, &trade, &stage.book, moment);
    let trade = Trade {
        is_off_book: false,
        ..trade
    };
    stage
        .venue
        .traded(InstrumentId(2), &trade, &stage.book, moment);
    check(&mut stage, &[(1, "ack@1010")]);
}
