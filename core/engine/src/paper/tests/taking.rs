//! What crosses takes what the book displays, once.

use super::*;

#[test]
fn an_order_meets_the_book_as_it_stood_when_it_arrived() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 6, 102, OrderFlags::NONE, 1_000);
    // Arrives at 1010; the event of 1010 itself comes after it and takes the levels away.
    stage.depth(1_009, |book| {
        book.asks.insert(101, 3);
    });
    stage.depth(1_010, |book| book.asks.clear());
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 3x101 Crossed@1010"),
            (1, "taker 3x102 Crossed@1010"),
        ],
    );
    assert!(stage.venue.is_idle());
}

#[test]
fn the_same_displayed_liquidity_is_never_taken_twice() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.send(Side::Buy, 3, 101, OrderFlags::IOC, 1_000);
    }
    stage.timer(1_010);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 3x101 Crossed@1010"),
            (2, "ack@1010"),
            (2, "taker 1x101 Crossed@1010"),
            (2, "expired UNFILLED@1010"),
            (3, "ack@1010"),
            (3, "expired UNFILLED@1010"),
        ],
    );
    // The venue takes 3 of the 4 away: of our debit of 4 remains 1, and it covers what is displayed.
    stage.depth(1_100, |book| {
        book.asks.insert(101, 1);
    });
    // It shows 2 more: those are new.
    stage.depth(1_200, |book| {
        book.asks.insert(101, 3);
    });
    stage.send(Side::Buy, 9, 101, OrderFlags::IOC, 1_200);
    stage.timer(1_210);
    check(
        &mut stage,
        &[
            (4, "ack@1210"),
            (4, "taker 2x101 Crossed@1210"),
            (4, "expired UNFILLED@1210"),
        ],
    );
    // The last take was at 1210: one ms before a second has passed nothing, then all three.
    stage.send(Side::Buy, 9, 101, OrderFlags::IOC, 2_199);
    stage.timer(2_209);
    check(&mut stage, &[(5, "ack@2209"), (5, "expired UNFILLED@2209")]);
    stage.send(Side::Buy, 9, 101, OrderFlags::IOC, 2_200);
    stage.timer(2_210);
    check(
        &mut stage,
        &[
            (6, "ack@2210"),
            (6, "taker 3x101 Crossed@2210"),
            (6, "expired UNFILLED@2210"),
        ],
    );
}

#[test]
fn a_level_that_was_gone_owes_nothing_when_it_returns() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 4, 101, OrderFlags::IOC, 1_000);
    stage.depth(1_020, |book| {
        book.asks.remove(&101);
    });
    stage.depth(1_030, |book| {
        book.asks.insert(101, 2);
    });
    stage.send(Side::Buy, 4, 101, OrderFlags::IOC, 1_030);
    stage.timer(1_040);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 4x101 Crossed@1010"),
            (2, "ack@1040"),
            (2, "taker 2x101 Crossed@1040"),
            (2, "expired UNFILLED@1040"),
        ],
    );
}

#[test]
fn post_only_and_fill_or_kill_end_as_their_flags_say() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 1, 101, OrderFlags::POST_ONLY, 1_000);
    stage.send(Side::Buy, 1, 100, OrderFlags::POST_ONLY, 1_000);
    stage.send(Side::Buy, 11, 102, OrderFlags::FOK, 1_000);
    stage.send(Side::Buy, 10, 102, OrderFlags::FOK, 1_000);
    stage.send(Side::Sell, 30, 0, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    check(
        &mut stage,
        &[
            (1, "rejected POST_ONLY_CROSS@1010"),
            (2, "ack@1010"),
            (3, "ack@1010"),
            (3, "expired FOK_UNFILLED@1010"),
            (4, "ack@1010"),
            (4, "taker 4x101 Crossed@1010"),
            (4, "taker 6x102 Crossed@1010"),
            (5, "ack@1010"),
            (5, "taker 5x100 Crossed@1010"),
            (5, "taker 7x99 Crossed@1010"),
            (5, "taker 9x98 Crossed@1010"),
            (5, "expired UNFILLED@1010"),
        ],
    );
}

#[test]
fn what_crosses_partly_rests_with_the_rest() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 6, 101, OrderFlags::NONE, 1_000);
    stage.depth(1_020, |book| {
        book.asks.remove(&101);
    });
    // Nobody is before us at 101: the first trade there is ours.
    stage.trade(1_021, 101, 1, Side::Sell);
    stage.trade(1_022, 100, 5, Side::Sell);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 4x101 Crossed@1010"),
            (1, "maker 1x101 QueueReached@1021"),
            (1, "maker 1x101 TradedThrough@1022"),
        ],
    );
}
