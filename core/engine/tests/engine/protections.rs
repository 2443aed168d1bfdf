//! Protections: set before or after the fill, moved, gone off, over with the position.

use crate::play::{Actor, BTC, Play, config, fault, limit, market};
use claire_engine::strategy::{BracketRequest, OrderHandle, OrderRequest, ProtectRequest};
use claire_types::record::NoteKind;
use claire_types::{
    BookReason, CommandKind, GateCode, Input, Note, OrderFlags, OrderKind, OrderReason, Price,
    Side, StrategyId,
};

fn stop_at(stop: f64, take: Option<f64>) -> ProtectRequest {
    ProtectRequest {
        market: BTC,
        stop,
        take,
        reason: Note::EMPTY,
    }
}

fn protect(play: &mut Play, stop: f64, take: Option<f64>) -> GateCode {
    play.act(0, move |desk| desk.protect(&stop_at(stop, take)).denied)
}

/// Returns a market in which the strategy holds 4, bought or sold, with this protection.
fn protected(side: Side, stop: f64, take: Option<f64>) -> Play {
    let mut play = Play::new(config(1));
    assert_eq!(play.place(market(side, 4.0)).denied, GateCode::Ok);
    play.settle(10_000);
    assert_eq!(protect(&mut play, stop, take), GateCode::Ok);
    play
}

fn exits(play: &Play) -> usize {
    let reduces =
        |order: &&claire_types::record::NewOrder| order.flags.has(OrderFlags::REDUCE_ONLY);
    play.orders().iter().filter(reduces).count()
}

#[test]
fn a_stop_goes_off_at_a_trade_at_its_price_or_beyond() {
    let cases = [
        (Side::Buy, 99.00, 9_901, false),
        (Side::Buy, 99.00, 9_900, true),
        (Side::Buy, 99.00, 9_850, true),
        // Toward the earlier trigger: up for a long position, down for a short one.
        (Side::Buy, 98.995, 9_901, false),
        (Side::Buy, 98.995, 9_900, true),
        (Side::Sell, 101.00, 10_099, false),
        (Side::Sell, 101.00, 10_100, true),
        (Side::Sell, 101.00, 10_150, true),
        (Side::Sell, 101.005, 10_099, false),
        (Side::Sell, 101.005, 10_100, true),
    ];
    for (side, stop, price, goes_off) in cases {
        let mut play = protected(side, stop, None);
        play.wait(1);
        play.trade(price, 1, Side::Buy, false);
        assert_eq!(
            exits(&play),
            usize::from(goes_off),
            "{side:?} {stop} {price}"
        );
        play.settle(10_000);
        assert_eq!(play.position(0) == 0, goes_off, "{side:?} {stop} {price}");
    }
}

#[test]
fn a_stop_goes_off_when_the_whole_book_is_beyond_it() {
    // The book's best prices are a cent from its middle.
    let cases = [
        (Side::Buy, 9_900, false),
        (Side::Buy, 9_899, true),
        (Side::Sell, 10_100, false),
        (Side::Sell, 10_101, true),
    ];
    for (side, mid, goes_off) in cases {
        let stop = if side == Side::Buy { 99.0 } else { 101.0 };
        let mut play = protected(side, stop, None);
        play.book(BTC, mid);
        assert_eq!(exits(&play), usize::from(goes_off), "{side:?} {mid}");
    }
}

#[test]
fn a_trade_outside_the_book_sets_nothing_off() {
    let mut play = protected(Side::Buy, 99.0, None);
    play.trade(9_000, 1, Side::Sell, true);
    assert_eq!(exits(&play), 0);
}

#[test]
fn an_exit_says_which_leg_it_is_and_at_what_price() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.act(0, |desk| {
        let request = ProtectRequest {
            reason: Note::cut("two ATR"),
            ..stop_at(98.997, Some(101.003))
        };
        desk.protect(&request)
    });
    assert_eq!(
        play.notes(NoteKind::Note),
        ["protects long: stop 99 of 98.997, take 101.01 of 101.003"]
    );
    play.wait(1);
    play.trade(9_900, 1, Side::Sell, false);
    let order = play.orders()[1];
    assert_eq!(order.reason.as_str(), "protection stop 99: two ATR");
    assert_eq!((order.kind, order.side), (OrderKind::Market, Side::Sell));
}

#[test]
fn a_take_profit_is_sent_when_the_book_pays_it() {
    let cases = [
        (Side::Buy, 99.0, 101.0, 10_100, false),
        (Side::Buy, 99.0, 101.0, 10_101, true),
        (Side::Sell, 101.0, 99.0, 9_900, false),
        (Side::Sell, 101.0, 99.0, 9_899, true),
    ];
    for (side, stop, take, mid, is_paid) in cases {
        let mut play = protected(side, stop, Some(take));
        play.book(BTC, mid);
        assert_eq!(exits(&play), usize::from(is_paid), "{side:?} {mid}");
        play.settle(mid);
        assert_eq!(play.position(0) == 0, is_paid, "{side:?} {mid}");
        if is_paid {
            let order = play.orders()[1];
            assert_eq!(order.price, Price((take * 100.0) as i64));
            assert!(order.flags.has(OrderFlags::IOC | OrderFlags::REDUCE_ONLY));
            let leg = format!("take profit {take}");
            assert_eq!(order.reason.as_str(), leg);
        }
    }
}

/// Returns a market that holds 150 of 250: one of the book's three levels paid the take profit.
fn partly_taken() -> Play {
    let mut settings = config(1);
    let all = Some(claire_types::Amount(claire_types::Amount::ONE.0 * 100));
    settings.risk.order_size_share = all;
    settings.risk.position_share = all;
    settings.risk.exposure_share = all;
    settings.risk.margin_share = Some(claire_types::Amount::ZERO);
    let mut play = Play::new(settings);
    play.buy(250.0);
    assert_eq!(protect(&mut play, 90.0, Some(101.0)), GateCode::Ok);
    play.book(BTC, 10_101);
    play.settle(10_101);
    assert_eq!(play.position(0), 150_000);
    play
}

#[test]
fn nothing_is_sent_after_the_end() {
    let mut play = partly_taken();
    play.wait(200);
    let sent = play.orders().len();
    play.put(claire_types::InstrumentId::NONE, &Input::End);
    assert_eq!(
        play.orders().len(),
        sent,
        "the book still pays the take profit"
    );
    assert!(play.engine.floor().orders().is_released());
}

#[test]
fn what_a_take_profit_leaves_is_protected_on() {
    let mut play = partly_taken();
    // It is tried again, and the stop stands for the rest.
    play.pass(300);
    play.book(BTC, 10_101);
    play.settle(10_000);
    assert!(play.position(0) > 0);
    play.trade(9_000, 1, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_stop_behind_a_take_profit_on_its_way_sells_nothing_twice() {
    let mut play = protected(Side::Buy, 99.0, Some(101.0));
    play.book(BTC, 10_101);
    // When it reaches the venue, nobody pays its price any more.
    play.book(BTC, 9_950);
    play.trade(9_900, 1, Side::Sell, false);
    assert_eq!(exits(&play), 1, "the take profit may still fill");
    play.settle(9_950);
    play.settle(9_950);
    assert_eq!(play.position(0), 0);
    let reasons: Vec<_> = play.orders()[1..]
        .iter()
        .map(|o| o.reason.to_string())
        .collect();
    assert_eq!(reasons, ["take profit 101", "protection stop 99"]);
}

#[test]
fn a_protection_set_before_the_fill_waits_for_it() {
    let mut play = Play::new(config(1));
    let entry = play.act(0, |desk| {
        let entry = desk.place(&limit(Side::Buy, 4.0, 99.5));
        (entry, desk.protect(&stop_at(99.0, None)).denied)
    });
    assert_eq!((entry.0.denied, entry.1), (GateCode::Ok, GateCode::Ok));
    play.settle(10_000);
    play.trade(9_890, 1, Side::Sell, true);
    assert_eq!(exits(&play), 0);
    play.trade(9_949, 4_000, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 4_000);
    play.trade(9_900, 1, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_protection_of_what_never_came_does_not_wait_for_the_next() {
    let mut play = Play::new(config(1));
    let entry = play.act(0, |desk| {
        let entry = desk.place(&limit(Side::Buy, 4.0, 99.5));
        desk.protect(&stop_at(99.0, None));
        entry
    });
    play.settle(10_000);
    play.act(0, move |desk| desk.cancel(entry));
    play.settle(10_000);
    play.buy(4.0);
    play.trade(9_000, 1, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 4_000, "it was another position's stop");
}

#[test]
fn a_protection_follows_the_size_of_its_position() {
    let mut play = protected(Side::Buy, 99.0, None);
    play.buy(1.0);
    play.place(OrderRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..market(Side::Sell, 2.0)
    });
    play.settle(10_000);
    assert_eq!(play.position(0), 3_000);
    play.trade(9_900, 1, Side::Sell, false);
    assert_eq!(play.orders().last().expect("the exit").qty.0, 3_000);
}

#[test]
fn a_protection_moves_when_it_is_set_again() {
    let mut play = protected(Side::Buy, 99.0, None);
    assert_eq!(protect(&mut play, 99.5, None), GateCode::Ok);
    play.wait(1);
    play.trade(9_951, 1, Side::Sell, false);
    assert_eq!(exits(&play), 0);
    assert_eq!(protect(&mut play, 99.5, None), GateCode::Ok);
    assert_eq!(play.notes(NoteKind::Note).len(), 2, "what stays is no news");
    play.trade(9_950, 1, Side::Sell, false);
    assert_eq!(exits(&play), 1);
}

#[test]
fn a_stop_that_is_set_beyond_the_market_goes_off_at_once() {
    let play = protected(Side::Buy, 100.5, None);
    assert_eq!(exits(&play), 1);
}

#[test]
fn a_protection_ends_with_its_position() {
    let mut play = protected(Side::Buy, 99.0, None);
    play.act(0, |desk| desk.flatten(BTC, "out"));
    play.settle(10_000);
    play.buy(4.0);
    play.trade(9_000, 1, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 4_000);
    // Also where the position turns round in one fill.
    let mut play = protected(Side::Buy, 99.0, None);
    play.place(market(Side::Sell, 4.5));
    play.settle(10_000);
    assert_eq!(play.position(0), -500);
    play.trade(9_000, 1, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), -500);
}

#[test]
fn no_trading_state_but_killed_holds_a_protection_back() {
    let kinds = [
        (CommandKind::Reduce, StrategyId::NONE, true),
        (CommandKind::Halt, StrategyId::NONE, true),
        (CommandKind::Pause, StrategyId(0), true),
        (CommandKind::Kill, StrategyId::NONE, false),
    ];
    for (kind, of, goes_off) in kinds {
        let mut play = protected(Side::Buy, 99.0, None);
        play.command(kind, of);
        play.trade(9_900, 1, Side::Sell, false);
        play.settle(10_000);
        assert_eq!(play.position(0) == 0, goes_off, "{kind}");
    }
}

#[test]
fn a_protection_goes_off_though_its_strategy_failed() {
    let mut play = protected(Side::Buy, 99.0, None);
    for _ in 0..10 {
        play.hand(0, |_| Err(fault("again")));
        play.trade(10_000, 1, Side::Buy, true);
    }
    play.settle(10_000);
    play.trade(9_900, 1, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_stop_over_a_stale_book_waits_and_goes_at_a_limit() {
    let mut play = protected(Side::Buy, 99.0, None);
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.trade(9_900, 1, Side::Sell, false);
    play.pass(1_900);
    assert_eq!(exits(&play), 0);
    play.pass(300);
    let order = play.orders()[1];
    assert_eq!((order.kind, order.price), (OrderKind::Limit, Price(9_800)));
    play.settle(9_890);
    assert_eq!(play.position(0), 0);
}

#[test]
fn a_stop_takes_resting_exits_out_of_its_way() {
    let mut play = protected(Side::Buy, 99.0, None);
    let resting = play.place(OrderRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..limit(Side::Sell, 4.0, 101.0)
    });
    play.settle(10_000);
    play.trade(9_900, 1, Side::Sell, false);
    play.settle(10_000);
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
    let end = play.events_of(resting).last().copied().expect("an end");
    assert_eq!(end.reason, OrderReason::CancelledByEngine);
}

#[test]
fn a_flatten_takes_resting_exits_out_of_its_way_too() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.place(OrderRequest {
        flags: OrderFlags::REDUCE_ONLY,
        ..limit(Side::Sell, 4.0, 101.0)
    });
    play.settle(10_000);
    play.act(0, |desk| desk.flatten(BTC, "out"));
    play.settle(10_000);
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
    assert_eq!(play.resting(Side::Sell), []);
}

#[test]
fn nonsense_is_denied() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    let cases = [
        (f64::NAN, None),
        (0.0, None),
        (-1.0, None),
        (f64::INFINITY, None),
        (99.0, Some(f64::NAN)),
        (99.0, Some(99.0)),
        (99.0, Some(f64::INFINITY)),
        // A short position's, while a long one is held.
        (101.0, Some(99.0)),
    ];
    for (stop, take) in cases {
        assert_eq!(
            protect(&mut play, stop, take),
            GateCode::BadOrder,
            "{stop} {take:?}"
        );
    }
    assert_eq!(play.notes(NoteKind::Note), [""; 0]);
}

#[test]
fn a_failed_call_leaves_the_protection_as_it_was() {
    let mut play = protected(Side::Buy, 99.0, None);
    play.hand(0, |desk| {
        desk.protect(&stop_at(99.9, Some(100.5)));
        Err(fault("line 1"))
    });
    play.trade(10_000, 1, Side::Buy, true);
    play.book(BTC, 10_100);
    play.trade(9_990, 1, Side::Sell, false);
    assert_eq!(exits(&play), 0);
    play.trade(9_900, 1, Side::Sell, false);
    assert_eq!(exits(&play), 1);
}

#[test]
fn protections_are_denied_in_init() {
    let actor = Actor::with_init(|desk| match desk.protect(&stop_at(99.0, None)).denied {
        GateCode::Strategy => Ok(()),
        _ => Err(fault("not denied")),
    });
    let play = Play::with(config(1), vec![actor]);
    assert_eq!(play.notes(NoteKind::Error), [""; 0]);
}

fn bracket(side: Side, entry: Option<f64>, stop: f64, take: f64) -> BracketRequest {
    BracketRequest {
        market: BTC,
        side,
        qty: 4.0,
        entry,
        stop,
        take,
        reason: Note::cut("bracket"),
    }
}

#[test]
fn a_bracket_enters_and_leaves_by_one_of_its_legs() {
    let ends = [(9_900, 9_900, 99.0), (10_101, 10_200, 101.0)];
    for (mid, trade, _) in ends {
        let mut play = Play::new(config(1));
        let request = bracket(Side::Buy, Some(99.5), 99.0, 101.0);
        let entry = play.act(0, move |desk| desk.bracket(&request));
        assert_eq!(entry.denied, GateCode::Ok);
        play.settle(10_000);
        play.trade(9_949, 4_000, Side::Sell, false);
        play.settle(10_000);
        assert_eq!(play.position(0), 4_000);
        play.trade(trade, 1, Side::Sell, false);
        play.settle(mid);
        assert_eq!(play.position(0), 0);
        assert_eq!(exits(&play), 1);
    }
}

#[test]
fn a_bracket_that_is_not_around_its_entry_is_denied() {
    let mut play = Play::new(config(1));
    let cases = [
        (Side::Buy, Some(99.5), 99.5, 101.0),
        (Side::Buy, Some(99.5), 99.0, 99.5),
        (Side::Buy, Some(99.5), 101.0, 99.0),
        (Side::Sell, Some(100.5), 100.0, 99.0),
        (Side::Sell, None, 99.0, 101.0),
        (Side::Buy, None, f64::NAN, 101.0),
        (Side::Buy, Some(f64::NAN), 99.0, 101.0),
    ];
    for (side, entry, stop, take) in cases {
        let request = bracket(side, entry, stop, take);
        let handle: OrderHandle = play.act(0, move |desk| desk.bracket(&request));
        assert_eq!(handle.denied, GateCode::BadOrder, "{side:?} {entry:?}");
    }
    assert_eq!(play.orders(), []);
}

#[test]
fn a_denied_entry_leaves_no_protection() {
    let mut play = Play::new(config(1));
    play.command(CommandKind::Halt, StrategyId::NONE);
    let request = bracket(Side::Buy, None, 99.0, 101.0);
    let handle = play.act(0, move |desk| desk.bracket(&request));
    assert_eq!(handle.denied, GateCode::TradingState);
    assert_eq!(play.notes(NoteKind::Note), [""; 0]);
}
