//! What protects a position when a version is taken back: as it was, or what the version itself placed for it.

use crate::play::{Actor, BTC, Play, config, fault, limit, market};
use crate::reloads::reload;
use claire_engine::snapshot::Instances;
use claire_engine::strategy::{OrderHandle, ProtectRequest, StopRequest, StopTrigger};
use claire_engine::{Engine, Retirement};
use claire_types::record::NoteKind;
use claire_types::{GateCode, Note, OrderFlags, Side};

fn protect(play: &mut Play, stop: f64) {
    let request = ProtectRequest {
        market: BTC,
        stop,
        take: None,
        reason: Note::EMPTY,
    };
    let denied = play.act(0, move |desk| desk.protect(&request).denied);
    assert_eq!(denied, GateCode::Ok);
}

fn stop(play: &mut Play, qty: f64, trigger: StopTrigger, flags: OrderFlags) -> OrderHandle {
    let request = StopRequest {
        market: BTC,
        side: Side::Sell,
        qty,
        trigger,
        flags,
        reason: Note::EMPTY,
    };
    let handle = play.act(0, move |desk| desk.stop(&request));
    assert_eq!(handle.denied, GateCode::Ok);
    handle
}

fn sell(play: &mut Play, qty: f64) {
    let handle = play.place(market(Side::Sell, qty));
    assert_eq!(handle.denied, GateCode::Ok);
    play.settle(10_000);
}

/// Has the version on probation fail, once with the engine and once with one restored from its snapshot: both do
/// the same. Returns what was said of it.
fn roll_back(play: &mut Play) -> String {
    let mut bytes = Vec::new();
    play.engine.save(&mut bytes).expect("small");
    let instances = vec![Instances {
        current: Box::new(play.version(0, Actor::default())),
        before: Some(Box::new(play.version(0, Actor::default()))),
    }];
    let restored = Engine::restore_versions(config(1), instances, &bytes);
    let mut other = restored.unwrap_or_else(|fault| panic!("{fault}"));
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let from = play.cells.len();
        play.hand(0, |_| Err(fault("enough")));
        play.trade(10_000, 1, Side::Buy, true);
        outcomes.push(play.cells[from..].to_vec());
        std::mem::swap(&mut play.engine, &mut other);
    }
    assert!(outcomes[0] == outcomes[1], "a snapshot rolls back alike");
    let left = play.engine.take_retired().expect("the version left");
    let Retirement::RolledBack(why, guarded) = left.why else {
        panic!("{:?}", left.why);
    };
    assert_eq!(why.as_str(), "enough");
    let alert = play.notes(NoteKind::Alert).pop().expect("an alert");
    let words = guarded.to_string();
    assert!(alert.ends_with(&format!("orders cancelled{words}: enough")));
    words
}

/// Returns whether the market at this price, in cents, makes an exit go out.
fn goes_off_at(play: &mut Play, price: i64) -> bool {
    let before = play.orders().len();
    play.wait(1);
    play.trade(price, 1, Side::Sell, false);
    play.orders()
        .get(before..)
        .is_some_and(|new| new.iter().any(|order| order.side == Side::Sell))
}

#[test]
fn a_protection_that_the_version_moved_is_where_it_was() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    protect(&mut play, 99.5);
    reload(&mut play, Actor::default());
    protect(&mut play, 90.0);
    assert!(!goes_off_at(&mut play, 9_940));
    assert_eq!(roll_back(&mut play), ", 1 of its stops as before");
    // What the market showed meanwhile is over: the book stands at 100.
    assert!(!goes_off_at(&mut play, 9_951));
    assert!(goes_off_at(&mut play, 9_950));
}

#[test]
fn a_protection_that_the_market_passed_closes_at_the_roll_back() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    protect(&mut play, 99.5);
    reload(&mut play, Actor::default());
    protect(&mut play, 90.0);
    play.settle(9_900);
    assert_eq!(play.position(0), 4_000);
    roll_back(&mut play);
    play.settle(9_900);
    assert_eq!(play.position(0), 0);
}

#[test]
fn stops_that_the_version_moved_or_cancelled_are_back_and_keep_their_ids() {
    type Undo = fn(&mut Play, OrderHandle);
    let undoings: [Undo; 3] = [
        |play, handle| play.act(0, move |desk| desk.cancel(handle)),
        |play, _| play.act(0, |desk| desk.cancel_all(BTC)),
        |play, handle| {
            let moved = play.act(0, move |desk| desk.replace(handle, 90.0, 1.0));
            assert_eq!(moved.denied, GateCode::Ok);
        },
    ];
    for undo in undoings {
        let mut play = Play::new(config(1));
        play.buy(4.0);
        let handle = stop(
            &mut play,
            4.0,
            StopTrigger::At(99.5),
            OrderFlags::REDUCE_ONLY,
        );
        reload(&mut play, Actor::default());
        undo(&mut play, handle);
        assert_eq!(roll_back(&mut play), ", 1 of its stops as before");
        let view = play.act(0, move |desk| desk.order(handle));
        assert_eq!((view.is_open, view.price, view.qty), (true, 99.5, 4.0));
        assert!(goes_off_at(&mut play, 9_950));
        let last = play.orders().pop().expect("it was sent");
        assert_eq!((last.order, last.qty.0), (handle.order, 4_000));
    }
}

#[test]
fn a_trailing_stop_that_stayed_goes_on_from_the_best_price_seen() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    stop(
        &mut play,
        4.0,
        StopTrigger::Behind(1.0),
        OrderFlags::REDUCE_ONLY,
    );
    reload(&mut play, Actor::default());
    play.wait(1);
    play.trade(10_100, 1, Side::Buy, false);
    assert_eq!(roll_back(&mut play), "");
    assert!(!goes_off_at(&mut play, 10_001));
    assert!(goes_off_at(&mut play, 10_000));
}

#[test]
fn what_protected_a_position_that_ended_does_not_come_back() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    protect(&mut play, 99.5);
    let handle = stop(&mut play, 4.0, StopTrigger::At(99.4), OrderFlags::NONE);
    reload(&mut play, Actor::default());
    play.act(0, move |desk| desk.cancel(handle));
    sell(&mut play, 4.0);
    assert_eq!(play.position(0), 0);
    assert_eq!(roll_back(&mut play), "");
    assert!(!goes_off_at(&mut play, 9_900));
}

#[test]
fn a_stop_that_went_off_since_does_not_come_back() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    stop(
        &mut play,
        2.0,
        StopTrigger::At(99.5),
        OrderFlags::REDUCE_ONLY,
    );
    reload(&mut play, Actor::default());
    assert!(goes_off_at(&mut play, 9_950));
    play.settle(10_000);
    assert_eq!(play.position(0), 2_000);
    assert_eq!(roll_back(&mut play), "");
    assert!(!goes_off_at(&mut play, 9_940));
}

#[test]
fn a_position_opened_since_keeps_its_protection_or_is_named() {
    let opened = |place: fn(&mut Play)| {
        let mut play = Play::new(config(1));
        reload(&mut play, Actor::default());
        play.buy(4.0);
        place(&mut play);
        let words = roll_back(&mut play);
        (play, words)
    };
    let kept = ", 1 kept for what was opened since";
    let (mut play, words) = opened(|play| protect(play, 99.5));
    assert_eq!(words, kept);
    assert!(goes_off_at(&mut play, 9_950));
    // Stops of the version end with the position: they become its protection, the nearest one.
    let (mut play, words) = opened(|play| {
        stop(play, 4.0, StopTrigger::At(98.0), OrderFlags::NONE);
        stop(play, 4.0, StopTrigger::Behind(0.5), OrderFlags::NONE);
    });
    assert_eq!(words, kept);
    assert!(!goes_off_at(&mut play, 9_950));
    assert!(goes_off_at(&mut play, 9_949));
    play.settle(10_000);
    assert_eq!(play.position(0), 0);
    play.buy(4.0);
    assert!(!goes_off_at(&mut play, 9_700));
    let (play, words) = opened(|_| {});
    assert_eq!(words, ", NO STOP for long sim:BTCUSDT opened since");
    assert_eq!(play.position(0), 4_000);
}

#[test]
fn a_protection_that_waits_for_an_entry_of_the_version_stays_for_its_fill() {
    let mut play = Play::new(config(1));
    reload(&mut play, Actor::default());
    let entry = play.place(limit(Side::Buy, 4.0, 99.9));
    protect(&mut play, 99.5);
    play.settle(10_000);
    assert_eq!(entry.denied, GateCode::Ok);
    assert_eq!(roll_back(&mut play), ", 1 kept for what was opened since");
    // The cancel has not reached the venue yet.
    play.trade(9_980, 500_000, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.position(0), 4_000);
    assert!(goes_off_at(&mut play, 9_950));
}

#[test]
fn a_protection_of_a_position_from_before_is_not_added_to() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    reload(&mut play, Actor::default());
    protect(&mut play, 99.5);
    assert_eq!(roll_back(&mut play), "");
    assert!(!goes_off_at(&mut play, 9_950));
}
