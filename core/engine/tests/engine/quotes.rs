//! Quotes: one order per side and level, moved only when its price has to.

use crate::play::{Actor, BTC, Play, config, fault};
use claire_engine::strategy::{OrderHandle, QuoteRequest};
use claire_types::{
    BookReason, CommandKind, GateCode, Input, Note, OrderFlags, OrderReason, OrderStatus, Price,
    Qty, Side, StrategyId,
};

/// A quote to buy, kept within three ticks.
fn bid(price: f64, qty: f64) -> QuoteRequest {
    QuoteRequest {
        market: BTC,
        side: Side::Buy,
        price,
        qty,
        keep_ticks: 3,
        level: 0,
        reason: Note::cut("edge"),
    }
}

fn quote(play: &mut Play, request: QuoteRequest) -> OrderHandle {
    play.act(0, move |desk| desk.quote(&request))
}

/// Returns a market in which this quote rests.
fn resting(request: QuoteRequest) -> (Play, OrderHandle) {
    let mut play = Play::new(config(1));
    let handle = quote(&mut play, request);
    assert_eq!(handle.denied, GateCode::Ok);
    play.settle(10_000);
    (play, handle)
}

#[test]
fn a_quote_is_one_post_only_order_that_says_so() {
    let (play, handle) = resting(bid(99.905, 2.0));
    let orders = play.orders();
    assert_eq!(orders.len(), 1);
    let order = orders[0];
    assert_eq!(order.order, handle.order);
    assert_eq!((order.price, order.qty), (Price(9_990), Qty(2_000)));
    assert_eq!(order.flags, OrderFlags::POST_ONLY);
    assert_eq!(order.reason.as_str(), "quote: edge");
    let decision = play.decisions()[0];
    assert_eq!(
        (
            decision.price_asked.to_string(),
            decision.qty_asked.to_string()
        ),
        ("99.905".to_owned(), "2".to_owned())
    );
}

#[test]
fn a_quote_stands_while_its_price_is_near_enough() {
    let (mut play, handle) = resting(bid(99.90, 2.0));
    for (price, qty) in [(99.90, 2.0), (99.93, 2.0), (99.87, 2.0), (99.92, 0.5)] {
        assert_eq!(quote(&mut play, bid(price, qty)), handle, "{price} {qty}");
        play.settle(10_000);
        assert_eq!(play.resting(Side::Buy), [(9_990, 2_000)], "{price} {qty}");
    }
    assert_eq!(play.decisions().len(), 1);
    for price in [99.94, 99.86] {
        let (mut play, handle) = resting(bid(99.90, 2.0));
        assert_ne!(quote(&mut play, bid(price, 2.0)), handle, "{price}");
    }
}

#[test]
fn a_quote_that_moves_is_cancelled_first_and_placed_after() {
    let (mut play, first) = resting(bid(99.90, 2.0));
    let next = quote(&mut play, bid(99.95, 1.5));
    let seen = play.act(0, move |desk| (desk.order(first), desk.order(next)));
    assert!(seen.0.is_open && seen.1.is_open);
    assert_eq!((seen.1.price, seen.1.qty), (99.95, 1.5));
    assert_eq!(seen.1.status, None, "not sent yet");
    assert_eq!(play.resting(Side::Buy), [(9_990, 2_000)], "one is alive");
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_995, 1_500)]);
    let end = play.events_of(first).last().copied().expect("an end");
    assert_eq!(
        (end.to, end.reason),
        (OrderStatus::Cancelled, OrderReason::CancelledByStrategy)
    );
    assert_eq!(play.orders()[1].order, next.order, "it keeps its id");
    let at = |wanted: &dyn Fn(&claire_types::Record) -> bool| {
        play.records
            .iter()
            .position(|(_, record)| wanted(record))
            .expect("recorded")
    };
    let ended = at(
        &|record| matches!(record, claire_types::Record::OrderEvent(e) if e.order == first.order && e.to.is_final()),
    );
    let placed =
        at(&|record| matches!(record, claire_types::Record::Order(o) if o.order == next.order));
    assert!(ended < placed);
}

#[test]
fn while_a_quote_moves_only_the_last_wish_counts() {
    let (mut play, _) = resting(bid(99.90, 2.0));
    let first = quote(&mut play, bid(99.80, 2.0));
    let again = quote(&mut play, bid(99.70, 1.0));
    assert_eq!(first, again, "the same order, wanted elsewhere");
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_970, 1_000)]);
    assert_eq!(play.orders().len(), 2);
}

#[test]
fn a_quote_of_nothing_withdraws_also_what_should_follow() {
    let (mut play, _) = resting(bid(99.90, 2.0));
    assert_eq!(quote(&mut play, bid(f64::NAN, 0.0)), OrderHandle::NONE);
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), []);
    let next = quote(&mut play, bid(99.80, 2.0));
    play.settle(10_000);
    quote(&mut play, bid(99.70, 2.0));
    quote(&mut play, bid(99.70, 0.0));
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), []);
    assert_eq!(play.orders().len(), 2);
    let after = play.act(0, move |desk| desk.order(next));
    assert!(!after.is_open);
    quote(&mut play, bid(99.90, 1.0));
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [(9_990, 1_000)]);
}

#[test]
fn what_the_old_quote_fills_is_taken_off_the_next() {
    let (mut play, first) = resting(bid(99.90, 2.0));
    quote(&mut play, bid(99.80, 2.0));
    play.wait(1);
    // Through the old one's price, before its cancel reaches the venue.
    play.trade(9_989, 500, Side::Sell, false);
    play.settle(10_000);
    let filled: i64 = play.fills().iter().map(|fill| fill.qty.0).sum();
    assert_eq!(filled, 500);
    assert_eq!(play.fills()[0].order, first.order);
    assert_eq!(play.resting(Side::Buy), [(9_980, 1_500)]);
}

#[test]
fn a_quote_that_filled_whole_is_not_sent_again_by_itself() {
    let (mut play, _) = resting(bid(99.90, 2.0));
    let next = quote(&mut play, bid(99.80, 2.0));
    play.wait(1);
    play.trade(9_989, 2_000, Side::Sell, false);
    play.forget_told();
    play.settle(10_000);
    assert_eq!(play.position(0), 2_000);
    assert_eq!(play.resting(Side::Buy), []);
    assert!(play.told(0).contains(&"order cancelled".to_owned()));
    assert!(!play.act(0, move |desk| desk.order(next).is_open));
}

#[test]
fn sides_and_levels_stand_beside_one_another() {
    let mut play = Play::new(config(1));
    for level in 0..3 {
        for (side, sign) in [(Side::Buy, -1.0), (Side::Sell, 1.0)] {
            let request = QuoteRequest {
                side,
                level,
                ..bid(100.0 + sign * (0.1 + f64::from(level) * 0.1), 0.5)
            };
            assert_eq!(quote(&mut play, request).denied, GateCode::Ok);
        }
    }
    play.settle(10_000);
    let prices = |side| {
        play.resting(side)
            .iter()
            .map(|(price, _)| *price)
            .collect::<Vec<_>>()
    };
    assert_eq!(prices(Side::Buy), [9_990, 9_980, 9_970]);
    assert_eq!(prices(Side::Sell), [10_010, 10_020, 10_030]);
    assert_eq!(play.orders()[2].reason.as_str(), "quote 1: edge");
}

#[test]
fn the_engine_withdraws_quotes_when_the_book_goes_stale() {
    let (mut play, handle) = resting(bid(99.90, 2.0));
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.pass(300);
    assert_eq!(play.resting(Side::Buy), []);
    let end = play.events_of(handle).last().copied().expect("an end");
    assert_eq!(
        (end.to, end.reason),
        (OrderStatus::Cancelled, OrderReason::CancelledByEngine)
    );
    assert_eq!(
        quote(&mut play, bid(99.90, 2.0)).denied,
        GateCode::DataStale
    );
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), [], "the engine places none itself");
    assert_eq!(quote(&mut play, bid(99.90, 2.0)).denied, GateCode::Ok);
}

#[test]
fn a_silent_venue_withdraws_quotes_with_the_clock() {
    let (mut play, handle) = resting(bid(99.90, 2.0));
    // What should follow is forgotten, too.
    play.pass(4_900);
    assert_eq!(play.resting(Side::Buy), [(9_990, 2_000)]);
    play.pass(600);
    assert_eq!(play.resting(Side::Buy), []);
    let end = play.events_of(handle).last().copied().expect("an end");
    assert_eq!(end.reason, OrderReason::CancelledByEngine);
}

#[test]
fn a_quote_that_is_no_order_is_denied_and_changes_nothing() {
    let (mut play, _) = resting(bid(99.90, 2.0));
    let cases = [
        (f64::NAN, 1.0, GateCode::BadOrder),
        (-1.0, 1.0, GateCode::BadOrder),
        (99.0, -1.0, GateCode::BadOrder),
        (99.0, f64::NAN, GateCode::BadOrder),
        (99.0, f64::INFINITY, GateCode::BadOrder),
        (99.0, 0.000_9, GateCode::SizeZero),
    ];
    for (price, qty, code) in cases {
        let handle = quote(&mut play, bid(price, qty));
        assert_eq!(handle.denied, code, "{price} {qty}");
        play.settle(10_000);
        assert_eq!(play.resting(Side::Buy), [(9_990, 2_000)], "{price} {qty}");
    }
}

#[test]
fn a_quote_that_is_denied_when_it_is_due_is_told() {
    let (mut play, _) = resting(bid(99.90, 1.0));
    // 6 units are 600 of 10,000: above 5 %.
    let next = quote(&mut play, bid(99.80, 6.0));
    assert_eq!(next.denied, GateCode::Ok, "not judged before it is sent");
    play.forget_told();
    play.settle(10_000);
    assert_eq!(play.resting(Side::Buy), []);
    let decision = play.decisions().last().copied().expect("a decision");
    assert_eq!(
        (decision.order, decision.code),
        (next.order, GateCode::OrderSize)
    );
    assert!(
        play.told(0).contains(&"order none".to_owned()),
        "{:?}",
        play.told(0)
    );
    assert_eq!(quote(&mut play, bid(99.80, 1.0)).denied, GateCode::Ok);
}

#[test]
fn a_failed_call_leaves_quotes_as_they_were() {
    let (mut play, first) = resting(bid(99.90, 2.0));
    let before = play.engine.floor().seats()[0].tally;
    for request in [bid(99.80, 1.0), bid(99.90, 0.0)] {
        play.hand(0, move |desk| {
            desk.quote(&request);
            desk.quote(&QuoteRequest {
                side: Side::Sell,
                price: 100.1,
                ..request
            });
            Err(fault("line 1"))
        });
        play.trade(10_000, 1, Side::Buy, true);
        play.settle(10_000);
        assert_eq!(play.resting(Side::Buy), [(9_990, 2_000)]);
        assert_eq!(play.resting(Side::Sell), []);
    }
    assert_eq!(play.engine.floor().seats()[0].tally, before);
    assert_eq!(quote(&mut play, bid(99.90, 2.0)), first);
}

#[test]
fn quotes_do_not_come_back_after_a_flatten_a_cancel_or_an_operator() {
    type End = fn(&mut Play);
    let ends: [End; 4] = [
        |play| play.act(0, |desk| desk.cancel_all(BTC)),
        |play| {
            play.act(0, |desk| desk.flatten(BTC, "out"));
        },
        |play| play.command(CommandKind::CancelAll, StrategyId::NONE),
        |play| play.command(CommandKind::Halt, StrategyId::NONE),
    ];
    for end in ends {
        let (mut play, _) = resting(bid(99.90, 2.0));
        quote(&mut play, bid(99.80, 2.0));
        end(&mut play);
        play.settle(10_000);
        assert_eq!(play.resting(Side::Buy), []);
        assert_eq!(play.orders().len(), 1);
    }
}

#[test]
fn a_quote_in_init_is_denied_like_any_order() {
    let actor = Actor::with_init(|desk| match desk.quote(&bid(99.90, 1.0)).denied {
        GateCode::Ok => Err(fault("sent")),
        _ => Ok(()),
    });
    let play = Play::with(config(1), vec![actor]);
    assert_eq!(play.decisions().len(), 1);
    assert_eq!(play.orders(), []);
}

#[test]
fn there_is_room_for_a_bounded_number_of_quotes() {
    let mut play = Play::new(config(1));
    let codes = play.act(0, |desk| {
        (0..65)
            .map(|level| {
                let request = QuoteRequest {
                    level,
                    ..bid(99.0, 0.000_1)
                };
                desk.quote(&request).denied
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(codes, [GateCode::SizeZero; 65], "none takes a place");
}
