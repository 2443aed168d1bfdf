//! Many levels and full tables: what does not fit is said.

use super::*;

/// A stage whose asks have so many levels of 1, from 101 on.
fn wide(levels: i64, config: &EngineConfig) -> Stage {
    let mut stage = Stage::with(config);
    stage.book.asks = (0..levels).map(|level| (101 + level, 1)).collect();
    stage
}

#[test]
fn an_order_takes_as_many_levels_as_it_needs() {
    let config = EngineConfig::new(Mode::Backtest);
    for (flags, price) in [
        (OrderFlags::NONE, 0),
        (OrderFlags::NONE, 500),
        (OrderFlags::FOK, 500),
        (OrderFlags::IOC, 500),
    ] {
        let mut stage = wide(200, &config);
        stage.send(Side::Buy, 200, price, flags, 1_000);
        stage.timer(1_010);
        let told = stage.told(9_999);
        assert_eq!(told.len(), 201, "an ack and a fill per level: {flags:?}");
        for (level, (_, text)) in told.iter().skip(1).enumerate() {
            let price = 101 + level;
            assert_eq!(*text, format!("taker 1x{price} Crossed@1010"));
        }
    }
}

#[test]
fn an_order_that_the_tables_cannot_hold_says_so_and_invents_no_fill() {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.tables.paper_debits_max = 2 * WALK_LEVELS_MAX as u32 + 1;
    for (flags, fills) in [(OrderFlags::IOC, 128), (OrderFlags::FOK, 0)] {
        let mut stage = wide(200, &config);
        stage.send(Side::Buy, 200, 500, flags, 1_000);
        stage.timer(1_010);
        let told = stage.told(9_999);
        assert_eq!(told.len(), fills + 2, "{flags:?}");
        let (_, end) = told.last().expect("an end");
        assert_eq!(end, "expired CAPACITY@1010");
    }
    // A limit order goes on with the next change of the book, as taker at the book's prices.
    let mut stage = wide(200, &config);
    stage.send(Side::Buy, 200, 500, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    assert_eq!(stage.told(2_000).len(), 129);
    stage.depth(3_000, |book| {
        book.asks.retain(|price, _| *price >= 101 + 128);
    });
    let told = stage.told(9_999);
    assert_eq!(told.len(), 72);
    assert!(told.iter().all(|(_, text)| text.starts_with("taker 1x")));
}

#[test]
fn a_full_venue_refuses_and_loses_no_report() {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.tables.orders_working_max = 2;
    config.tables.paper_fills_max = WALK_LEVELS_MAX as u32 + 2;
    let mut stage = Stage::with(&config);
    stage.send(Side::Buy, 1, 101, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 1, 101, OrderFlags::NONE, 1_000);
    let third = PaperOrder {
        id: OrderId::new(1, 3),
        instrument: MARKET,
        side: Side::Buy,
        kind: OrderKind::Limit,
        flags: OrderFlags::NONE,
        qty: Qty(1),
        price: Price(101),
    };
    assert_eq!(stage.venue.submit(&third, ms(1_000)), Err(PaperFault::Full));
    // The first order's reports fill the room: the second arrives when they are taken.
    stage.timer(1_010);
    check(
        &mut stage,
        &[(1, "ack@1010"), (1, "taker 1x101 Crossed@1010")],
    );
    stage.timer(1_020);
    check(
        &mut stage,
        &[(2, "ack@1010"), (2, "taker 1x101 Crossed@1010")],
    );
}
