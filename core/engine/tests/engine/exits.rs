//! Exits: they pass where entries do not, never overshoot, and go on until nothing is left.

use crate::play::{BTC, Play, config, limit, market};
use claire_engine::strategy::OrderRequest;
use claire_types::record::NoteKind;
use claire_types::{
    BookReason, CommandKind, GateCode, Input, OrderFlags, OrderKind, OrderReason, OrderStatus,
    Price, Record, Side, StrategyId,
};

const ACCOUNT: StrategyId = StrategyId::NONE;

#[test]
fn exits_pass_while_the_account_is_halted() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.command(CommandKind::Halt, ACCOUNT);
    let part = OrderRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..market(Side::Sell, 1.0)
    };
    assert_eq!(play.place(part).denied, GateCode::Ok);
    play.settle(10_000);
    assert_eq!(play.position(0), 3_000);
    let rest = play.act(0, |desk| desk.flatten(BTC, "out"));
    assert_eq!(rest.denied, GateCode::Ok);
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
}

#[test]
fn exits_pass_though_a_strategy_is_not_warm() {
    let mut play = Play::with(
        config(1),
        vec![crate::play::Actor::with_init(|desk| {
            let source = claire_engine::strategy::IndicatorSource::Trades(BTC);
            let declared = desk.indicator(source, "sma", &[6.0]);
            declared
                .map(|_| ())
                .map_err(|_| crate::play::fault("no sma"))
        })],
    );
    for _ in 0..6 {
        play.trade(10_000, 1, Side::Buy, true);
    }
    play.buy(4.0);
    let exit = play.act(0, |desk| desk.flatten(BTC, "out"));
    assert_eq!(exit.denied, GateCode::Ok);
}

#[test]
fn an_exit_takes_the_entries_of_its_side_along() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    let ask = play.place(limit(Side::Sell, 4.0, 101.0));
    play.settle(10_000);
    let exit = OrderRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..market(Side::Sell, 4.0)
    };
    assert_eq!(play.place(exit).denied, GateCode::Ok);
    play.settle(10_000);
    play.settle(10_300);
    assert_eq!(
        play.position(0),
        0,
        "a resting sell beside an exit sells twice"
    );
    let end = play.events_of(ask).last().copied().expect("an event");
    assert_eq!(
        (end.to, end.reason),
        (OrderStatus::Cancelled, OrderReason::CancelledByEngine)
    );
}

#[test]
fn a_flatten_on_a_stale_book_waits_two_seconds_and_goes_at_a_limit() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    let handle = play.act(0, |desk| desk.flatten(BTC, "out"));
    assert_eq!(
        handle.order,
        claire_types::OrderId::NONE,
        "nothing can be sent yet"
    );
    let exits = |play: &Play| {
        play.all(|record| match record {
            Record::Order(order) if order.side == Side::Sell => Some(*order),
            _ => None,
        })
    };
    play.pass(1_900);
    assert_eq!(exits(&play), []);
    play.pass(300);
    let sent = exits(&play);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].kind, sent[0].price),
        (OrderKind::Limit, Price(9_800))
    );
    let alerts = play.all(|record| match record {
        Record::Note(note) if note.kind == NoteKind::Alert => Some(note.text),
        _ => None,
    });
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    play.settle(9_900);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_flatten_on_a_stale_book_goes_as_soon_as_the_book_is_proven() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.act(0, |desk| desk.flatten(BTC, "out"));
    play.pass(500);
    play.book(BTC, 9_900);
    play.pass(100);
    play.settle(9_900);
    assert_eq!(play.position(0), 0);
}

/// Limits so wide that one order takes more than the book shows.
fn wide() -> claire_engine::config::EngineConfig {
    let mut settings = config(1);
    let all = Some(claire_types::Amount(claire_types::Amount::ONE.0 * 100));
    settings.risk.order_size_share = all;
    settings.risk.position_share = all;
    settings.risk.exposure_share = all;
    settings.risk.collar_crossing_share = all;
    settings.risk.margin_share = Some(claire_types::Amount::ZERO);
    settings
}

#[test]
fn a_script_s_flatten_goes_on_until_what_was_held_is_closed() {
    let mut play = Play::new(wide());
    play.buy(300.0);
    play.pass(1_000);
    play.book(BTC, 10_000);
    play.buy(200.0);
    assert_eq!(play.position(0), 500_000, "the book shows 300 at a time");
    play.pass(1_000);
    let exit = play.act(0, |desk| desk.flatten(BTC, "out"));
    assert_eq!(exit.denied, GateCode::Ok);
    for _ in 0..30 {
        play.pass(200);
        play.settle(10_000);
    }
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_flatten_whose_exit_meets_an_unproven_book_is_sent_again() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    let exit = play.act(0, |desk| desk.flatten(BTC, "out"));
    play.put(BTC, &Input::BookStale(BookReason::FrameError));
    // Nothing of the market comes any more: the venue's time goes by the clock, a little behind.
    play.pass(2_000);
    let end = play.events_of(exit).last().copied().expect("an event");
    assert_eq!(
        (end.to, end.reason),
        (OrderStatus::Rejected, OrderReason::NoBook)
    );
    assert_eq!(play.position(0), 4_000);
    play.pass(3_000);
    play.settle(9_900);
    assert_eq!(
        play.position(0),
        0,
        "the book came back, and the exit met it"
    );
}

#[test]
fn a_flatten_leaves_alone_what_the_script_opens_after_it() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.act(0, |desk| desk.flatten(BTC, "out"));
    play.buy(3.0);
    for _ in 0..20 {
        play.pass(200);
        play.settle(10_000);
    }
    assert_eq!(play.position(0), 3_000);
}

#[test]
fn an_operator_s_flatten_goes_on_until_nothing_is_left() {
    let mut play = Play::new(wide());
    play.buy(300.0);
    play.pass(1_000);
    play.book(BTC, 10_000);
    play.buy(200.0);
    assert_eq!(play.position(0), 500_000, "the book shows 300 at a time");
    play.pass(1_000);
    play.command(CommandKind::Flatten, ACCOUNT);
    for _ in 0..30 {
        play.pass(200);
        play.settle(10_000);
    }
    assert_eq!(play.position(0), 0);
    let sold = play
        .fills()
        .iter()
        .filter(|fill| fill.side == Side::Sell)
        .map(|f| f.qty.0)
        .sum::<i64>();
    assert_eq!(sold, 500_000);
}
