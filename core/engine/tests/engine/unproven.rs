//! What strategies are told of a book that is not proven, or not any more.

use crate::play::{Actor, BTC, ETH, Play, config, instrument};
use claire_engine::strategy::Desk;
use claire_types::{BookReason, Contract, Input, InstrumentId, Level, Price, Qty, Ticker};

/// What of a market is computed from its book: imbalance of a level and of three, and the quantity for 60.
fn computed(desk: &mut dyn Desk, market: InstrumentId) -> [f64; 3] {
    [
        desk.imbalance(market, 1),
        desk.imbalance(market, 3),
        desk.qty_for(market, 60.0),
    ]
}

#[test]
fn of_a_book_that_was_never_proven_all_that_is_computed_is_0() {
    let facts = |id, name| instrument(id, name, Contract::Linear);
    let mut play = Play::of(config(1), vec![Actor::default()], &[facts(BTC, "BTC")]);
    play.put(InstrumentId::NONE, &Input::Instrument(facts(ETH, "ETH")));
    let level = |price, qty| Level {
        price: Price(price),
        qty: Qty(qty),
    };
    // The venue's ticker comes before the first snapshot.
    let ticker = |update_id| {
        Input::Ticker(Ticker {
            update_id,
            bid: level(4_999, 30_000),
            ask: level(5_001, 10_000),
        })
    };
    play.put(ETH, &ticker(1));
    let seen = play.act(0, |desk| {
        let market = desk.market("sim:ETHUSDT").expect("it is there");
        (desk.facts(market).mid, computed(desk, market))
    });
    assert_eq!(seen, (0.0, [0.0; 3]));
    play.book(ETH, 5_000);
    play.put(ETH, &ticker(1_000));
    let [near, wide, qty] = play.act(0, |desk| computed(desk, ETH));
    assert_eq!((near, qty), (0.5, 1.2));
    assert_eq!(wide, 20.0 / 440.0);
    play.put(ETH, &Input::BookStale(BookReason::Gap));
    let [near, wide, qty] = play.act(0, |desk| computed(desk, ETH));
    // The last mid is still told, and what is sized by it.
    assert_eq!([near, wide, qty], [0.0, 0.0, 1.2]);
}
