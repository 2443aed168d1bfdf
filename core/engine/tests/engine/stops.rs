//! Stops, trailing stops and replacements: what they wait for, what they become, and what ends them.

use crate::play::{Actor, BTC, Play, config, fault, limit, market};
use claire_engine::strategy::{
    Desk, IndicatorSource, OrderHandle, OrderRequest, StopRequest, StopTrigger,
};
use claire_types::record::NoteKind;
use claire_types::{
    BookReason, CommandKind, GateCode, Input, Note, OrderFlags, OrderKind, OrderStatus, Price,
    Side, StrategyId,
};

fn stop(side: Side, qty: f64, trigger: StopTrigger) -> StopRequest {
    StopRequest {
        market: BTC,
        side,
        qty,
        trigger,
        flags: OrderFlags::NONE,
        reason: Note::cut("break"),
    }
}

fn at(side: Side, price: f64) -> StopRequest {
    stop(side, 2.0, StopTrigger::At(price))
}

fn behind(side: Side, distance: f64) -> StopRequest {
    stop(side, 2.0, StopTrigger::Behind(distance))
}

fn hold(play: &mut Play, request: StopRequest) -> OrderHandle {
    play.act(0, move |desk| desk.stop(&request))
}

#[test]
fn a_stop_goes_off_on_its_side_of_the_threshold_only() {
    let cases = [
        (Side::Buy, 101.0, 10_099, false),
        (Side::Buy, 101.0, 10_100, true),
        (Side::Buy, 101.009, 10_100, true),
        (Side::Sell, 99.0, 9_901, false),
        (Side::Sell, 99.0, 9_900, true),
        (Side::Sell, 98.991, 9_900, true),
    ];
    for (side, price, trade, goes_off) in cases {
        let mut play = Play::new(config(1));
        let handle = hold(&mut play, at(side, price));
        assert_eq!(handle.denied, GateCode::Ok);
        play.wait(1);
        play.trade(trade, 1, side, false);
        let orders = play.orders();
        assert_eq!(
            orders.len(),
            usize::from(goes_off),
            "{side:?} {price} {trade}"
        );
        if goes_off {
            assert_eq!(orders[0].order, handle.order, "it keeps its id");
            assert_eq!(orders[0].kind, OrderKind::Market);
        }
    }
}

#[test]
fn a_stop_is_seen_is_told_and_keeps_both_prices() {
    let mut play = Play::new(config(1));
    let handle = hold(&mut play, at(Side::Sell, 98.997));
    let view = play.act(0, move |desk| desk.order(handle));
    assert!(view.is_open);
    assert_eq!((view.price, view.qty, view.status), (99.0, 2.0, None));
    let id = handle.order;
    assert_eq!(
        play.notes(NoteKind::Note),
        [format!("holds {id}: sell 2 at stop 99")]
    );
    play.wait(1);
    play.trade(9_900, 1, Side::Sell, false);
    let decision = play.decisions().last().copied().expect("a decision");
    assert_eq!(decision.order, id);
    assert_eq!(decision.price_asked.to_string(), "98.997");
    assert_eq!(play.orders()[0].reason.as_str(), "stop 99: break");
    play.settle(9_900);
    let view = play.act(0, move |desk| desk.order(handle));
    assert_eq!(view.status, Some(OrderStatus::Filled));
    assert_eq!(play.position(0), -2_000);
}

#[test]
fn a_trailing_stop_follows_and_never_comes_back() {
    let cases: [(Side, &[i64], Option<i64>); 4] = [
        (Side::Sell, &[10_050, 10_100, 10_051, 10_050], Some(10_050)),
        (Side::Sell, &[10_050, 10_001, 10_040], None),
        (Side::Buy, &[9_950, 9_900, 9_949, 9_950], Some(9_950)),
        (Side::Buy, &[9_950, 9_999, 9_960], None),
    ];
    for (side, trades, goes_off) in cases {
        let mut play = Play::new(config(1));
        let handle = hold(&mut play, behind(side, 0.5));
        assert_eq!(handle.denied, GateCode::Ok);
        let mut went_off = None;
        for price in trades {
            play.trade(*price, 1, side, false);
            if went_off.is_none() && !play.orders().is_empty() {
                went_off = Some(*price);
            }
        }
        assert_eq!(went_off, goes_off, "{side:?} {trades:?}");
    }
}

#[test]
fn a_trailing_stop_shows_where_it_stands() {
    let mut play = Play::new(config(1));
    let handle = hold(&mut play, behind(Side::Sell, 0.509));
    let price = |play: &mut Play| play.act(0, move |desk| desk.order(handle).price);
    // Behind the best bid, 99.99, at first.
    assert_eq!(price(&mut play), 99.49);
    play.trade(10_100, 1, Side::Buy, false);
    assert_eq!(price(&mut play), 100.5);
    play.book(BTC, 10_201);
    assert_eq!(price(&mut play), 101.5);
    let moved = play.act(0, move |desk| desk.replace(handle, 101.0, 2.0).denied);
    assert_eq!(moved, GateCode::BadOrder, "it has no price of its own");
}

#[test]
fn what_is_no_stop_is_denied_at_once() {
    let mut play = Play::new(config(1));
    let with = |flags| StopRequest {
        flags,
        ..at(Side::Buy, 101.0)
    };
    let cases = [
        (at(Side::Buy, f64::NAN), GateCode::BadOrder),
        (at(Side::Buy, 0.0), GateCode::BadOrder),
        (at(Side::Sell, -1.0), GateCode::BadOrder),
        (behind(Side::Sell, 0.0), GateCode::BadOrder),
        (behind(Side::Sell, 0.009), GateCode::BadOrder),
        (behind(Side::Sell, f64::INFINITY), GateCode::BadOrder),
        (
            stop(Side::Buy, 0.000_9, StopTrigger::At(101.0)),
            GateCode::SizeZero,
        ),
        (
            stop(Side::Buy, -1.0, StopTrigger::At(101.0)),
            GateCode::BadOrder,
        ),
        (with(OrderFlags::IOC), GateCode::BadOrder),
        (with(OrderFlags::POST_ONLY), GateCode::BadOrder),
        (with(OrderFlags::GTC), GateCode::Ok),
        (with(OrderFlags::REDUCE_ONLY), GateCode::Ok),
    ];
    for (request, code) in cases {
        assert_eq!(hold(&mut play, request).denied, code, "{request:?}");
    }
    assert_eq!(play.decisions().len(), 10, "each denial is on record");
}

#[test]
fn a_stop_that_the_gate_denies_is_told() {
    let mut play = Play::new(config(1));
    // 6 units are above 5 % of 10,000.
    let handle = hold(&mut play, stop(Side::Buy, 6.0, StopTrigger::At(101.0)));
    assert_eq!(handle.denied, GateCode::Ok);
    play.forget_told();
    play.trade(10_100, 1, Side::Buy, false);
    assert!(
        play.told(0).contains(&"order none".to_owned()),
        "{:?}",
        play.told(0)
    );
    let decision = play.decisions().last().copied().expect("a decision");
    assert_eq!(
        (decision.order, decision.code),
        (handle.order, GateCode::OrderSize)
    );
    assert!(!play.act(0, move |desk| desk.order(handle).is_open));
    play.trade(10_200, 1, Side::Buy, false);
    assert_eq!(play.decisions().len(), 1, "it goes off once");
}

#[test]
fn a_stop_on_a_stale_book_is_denied_and_an_exit_waits() {
    let mut play = Play::new(config(1));
    hold(&mut play, at(Side::Buy, 101.0));
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.trade(10_100, 1, Side::Buy, false);
    let decision = play.decisions().last().copied().expect("a decision");
    assert_eq!(decision.code, GateCode::DataStale);

    let mut play = Play::new(config(1));
    play.buy(2.0);
    let request = StopRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..at(Side::Sell, 99.0)
    };
    hold(&mut play, request);
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.trade(9_900, 1, Side::Sell, false);
    play.pass(1_900);
    assert_eq!(play.orders().len(), 1);
    play.pass(300);
    let order = play.orders()[1];
    assert_eq!((order.kind, order.price), (OrderKind::Limit, Price(9_800)));
    play.settle(9_890);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_reduce_only_stop_takes_no_more_than_there_is() {
    let mut play = Play::new(config(1));
    play.buy(1.0);
    let request = StopRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..at(Side::Sell, 99.0)
    };
    hold(&mut play, request);
    hold(&mut play, request);
    play.trade(9_900, 1, Side::Sell, false);
    play.settle(9_900);
    assert_eq!(play.position(0), 0);
    let codes: Vec<_> = play
        .decisions()
        .iter()
        .map(|decision| decision.code)
        .collect();
    let nothing = GateCode::NothingToReduce;
    assert_eq!(
        codes,
        [GateCode::Ok, nothing, nothing],
        "trimmed, then denied"
    );
}

#[test]
fn cancels_and_halts_end_what_waits() {
    type End = fn(&mut Play, OrderHandle);
    let ends: [(&str, End); 5] = [
        ("CANCELLED_BY_STRATEGY", |play, handle| {
            play.act(0, move |desk| desk.cancel(handle));
        }),
        ("CANCELLED_BY_STRATEGY", |play, _| {
            play.act(0, |desk| desk.cancel_all(BTC))
        }),
        ("CANCELLED_BY_STRATEGY", |play, _| {
            play.act(0, |desk| desk.flatten(BTC, "out"));
        }),
        ("CANCELLED_BY_OPERATOR", |play, _| {
            play.command(CommandKind::CancelAll, StrategyId::NONE);
        }),
        ("CANCELLED_BY_ENGINE", |play, _| {
            play.command(CommandKind::Halt, StrategyId::NONE);
        }),
    ];
    for (why, end) in ends {
        let mut play = Play::new(config(1));
        let handle = hold(&mut play, at(Side::Buy, 101.0));
        play.forget_told();
        end(&mut play, handle);
        let id = handle.order;
        assert_eq!(
            play.notes(NoteKind::Note)[1],
            format!("{id} is not sent: {why}")
        );
        assert!(
            play.told(0).contains(&"order cancelled".to_owned()),
            "{why}"
        );
        play.trade(10_200, 1, Side::Buy, false);
        assert_eq!(play.orders(), []);
    }
}

#[test]
fn a_halt_leaves_exits_that_wait() {
    let mut play = Play::new(config(1));
    play.buy(2.0);
    let request = StopRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..at(Side::Sell, 99.0)
    };
    hold(&mut play, request);
    play.command(CommandKind::Halt, StrategyId::NONE);
    play.trade(9_900, 1, Side::Sell, false);
    play.settle(9_900);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_failed_call_leaves_what_waits_as_it_was() {
    let mut play = Play::new(config(1));
    let handle = hold(&mut play, at(Side::Buy, 101.0));
    play.forget_told();
    play.hand(0, move |desk| {
        desk.cancel(handle);
        desk.stop(&at(Side::Sell, 99.5));
        Err(fault("line 1"))
    });
    play.trade(10_000, 1, Side::Buy, true);
    assert_eq!(play.told(0), ["trade 100"], "nothing was cancelled");
    play.trade(9_950, 1, Side::Sell, false);
    assert_eq!(play.orders(), []);
    play.trade(10_100, 1, Side::Buy, false);
    assert_eq!(play.orders().len(), 1);
    assert_eq!(play.orders()[0].order, handle.order);
}

#[test]
fn a_strategy_that_has_not_begun_holds_no_stop() {
    let actor = Actor::with_init(|desk| {
        let request = at(Side::Buy, 101.0);
        assert_eq!(desk.stop(&request).denied, GateCode::Strategy);
        let declared = desk.indicator(IndicatorSource::Trades(BTC), "sma", &[9.0]);
        declared.map(|_| ()).map_err(|_| fault("no sma"))
    });
    let play = Play::with(config(1), vec![actor]);
    assert!(play.orders().is_empty());
}

fn replace(play: &mut Play, handle: OrderHandle, price: f64, qty: f64) -> OrderHandle {
    play.act(0, move |desk| desk.replace(handle, price, qty))
}

#[test]
fn a_replaced_order_is_never_beside_its_successor() {
    let mut play = Play::new(config(1));
    let first = play.place(limit(Side::Buy, 2.0, 99.5));
    play.settle(10_000);
    let next = replace(&mut play, first, 99.6, 3.0);
    assert_ne!(next, first);
    assert_eq!(play.resting(Side::Buy), [(9_950, 2_000)]);
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_960, 3_000)]);
    let order = play.orders()[1];
    assert_eq!((order.order, order.reason.as_str()), (next.order, "test"));
    // As it stands, nothing moves.
    assert_eq!(replace(&mut play, next, 99.6, 3.0), next);
    play.settle(10_000);
    assert_eq!(play.orders().len(), 2);
}

#[test]
fn what_a_replaced_order_fills_is_taken_off_its_successor() {
    let mut play = Play::new(config(1));
    let first = play.place(limit(Side::Buy, 2.0, 99.5));
    play.settle(10_000);
    replace(&mut play, first, 99.4, 2.0);
    play.wait(1);
    play.trade(9_949, 700, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_940, 1_300)]);
}

#[test]
fn a_replacement_can_be_moved_and_taken_back_before_it_is_sent() {
    let mut play = Play::new(config(1));
    let first = play.place(limit(Side::Buy, 2.0, 99.5));
    play.settle(10_000);
    let next = replace(&mut play, first, 99.6, 2.0);
    assert_eq!(replace(&mut play, next, 99.7, 1.0), next);
    assert_eq!(replace(&mut play, first, 99.8, 1.0), next);
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_980, 1_000)]);
    let last = replace(&mut play, next, 99.5, 1.0);
    play.act(0, move |desk| desk.cancel(last));
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), []);
    assert_eq!(play.orders().len(), 2);
}

#[test]
fn a_stop_that_waits_is_moved_under_its_id() {
    let mut play = Play::new(config(1));
    let handle = hold(&mut play, at(Side::Buy, 101.0));
    assert_eq!(replace(&mut play, handle, 102.0, 1.0), handle);
    play.trade(10_199, 1, Side::Buy, false);
    assert_eq!(play.orders(), []);
    play.trade(10_200, 1, Side::Buy, false);
    assert_eq!(play.orders()[0].qty.0, 1_000);
}

#[test]
fn what_cannot_be_replaced_is_denied() {
    let mut play = Play::new(config(1));
    let filled = play.place(market(Side::Buy, 1.0));
    play.settle(10_000);
    let resting = play.place(limit(Side::Buy, 2.0, 99.5));
    play.settle(10_000);
    let cases = [
        (filled, 99.0, 1.0, GateCode::BadOrder),
        (OrderHandle::NONE, 99.0, 1.0, GateCode::BadOrder),
        (resting, f64::NAN, 1.0, GateCode::BadOrder),
        (resting, 99.0, -1.0, GateCode::BadOrder),
        (resting, 99.0, 0.0, GateCode::SizeZero),
    ];
    for (handle, price, qty, code) in cases {
        assert_eq!(replace(&mut play, handle, price, qty).denied, code);
    }
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_950, 2_000)]);
}

#[test]
fn a_replaced_quote_stays_the_only_one_of_its_level() {
    let mut play = Play::new(config(1));
    let request = claire_engine::strategy::QuoteRequest {
        market: BTC,
        side: Side::Buy,
        price: 99.5,
        qty: 1.0,
        keep_ticks: 0,
        level: 0,
        reason: Note::EMPTY,
    };
    let first = play.act(0, move |desk| desk.quote(&request));
    play.settle(10_000);
    replace(&mut play, first, 99.6, 1.0);
    play.settle(10_000);
    play.act(0, move |desk| desk.quote(&request));
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_950, 1_000)]);
}

#[test]
fn an_exit_takes_a_replacement_on_its_side_along() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    let ask: OrderHandle = play.place(limit(Side::Sell, 4.0, 101.0));
    play.settle(10_000);
    replace(&mut play, ask, 100.5, 4.0);
    play.place(OrderRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..market(Side::Sell, 4.0)
    });
    play.settle(10_000);
    play.settle(10_100);
    assert_eq!(play.position(0), 0);
    assert_eq!(play.resting(Side::Sell), []);
}

#[test]
fn in_the_call_that_cancels_an_order_works_on_and_what_is_held_has_ended() {
    let mut play = Play::new(config(1));
    let view = |desk: &mut dyn Desk, handle| {
        let order = desk.order(handle);
        (order.is_open, order.status)
    };
    let seen = play.act(0, move |desk| {
        let works = desk.place(&limit(Side::Buy, 1.0, 99.0));
        let held = desk.stop(&at(Side::Sell, 98.0));
        let before = [view(desk, works), view(desk, held)];
        desk.cancel(works);
        desk.cancel(held);
        (before, [view(desk, works), view(desk, held)], works)
    });
    let works = (true, Some(OrderStatus::PendingNew));
    assert_eq!(seen.0, [works, (true, None)]);
    assert_eq!(seen.1, [works, (false, None)]);
    play.settle(10_000);
    let handle = seen.2;
    let after = play.act(0, move |desk| view(desk, handle));
    assert_eq!(after, (false, Some(OrderStatus::Cancelled)));
}
