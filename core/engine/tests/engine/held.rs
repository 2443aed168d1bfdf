//! What holds in any sequence of wishes and markets: one quote alive per side and level, exits within the
//! position, no turn by an exit; and the same records whether or not the program was started again in between.

use crate::play::{BTC, Play, config, limit, market};
use claire_engine::strategy::{
    Desk, OrderHandle, OrderRequest, ProtectRequest, QuoteRequest, StopRequest, StopTrigger,
};
use claire_types::{
    Amount, BookReason, CommandKind, Input, Note, OrderFlags, OrderId, OrderStatus, Record, Side,
    StrategyId,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What happens next. Prices are in cents from 100.00.
#[derive(Clone, Debug)]
enum Op {
    Quote(Side, i64, i64, u32, u16),
    Protect(i64, Option<i64>),
    Place(Side, i64, Option<i64>, OrderFlags),
    Stop(Side, i64, i64, OrderFlags),
    Trail(Side, i64),
    Replace(usize, i64, i64),
    Cancel(usize),
    CancelAll,
    Flatten,
    Target(i64),
    Fail(Box<Op>),
    Book(i64),
    Trade(i64, i64, Side),
    Stale,
    Wait(i64),
    Clock(i64),
    Command(CommandKind),
    Restart,
}

fn price(cents: i64) -> f64 {
    (10_000 + cents) as f64 / 100.0
}

fn qty(milli: i64) -> f64 {
    milli as f64 / 1_000.0
}

/// Does what a strategy does on its desk.
fn act(op: &Op, handles: &[OrderHandle], desk: &mut dyn Desk) -> OrderHandle {
    let known = |index: usize| match handles.len() {
        0 => OrderHandle::NONE,
        len => handles[index % len],
    };
    match op {
        Op::Quote(side, at, size, keep_ticks, level) => desk.quote(&QuoteRequest {
            market: BTC,
            side: *side,
            price: price(*at),
            qty: qty(*size),
            keep_ticks: *keep_ticks,
            level: *level,
            reason: Note::EMPTY,
        }),
        Op::Protect(stop, take) => desk.protect(&ProtectRequest {
            market: BTC,
            stop: price(*stop),
            take: take.map(price),
            reason: Note::EMPTY,
        }),
        Op::Place(side, size, at, flags) => {
            let request = match at {
                Some(at) => limit(*side, qty(*size), price(*at)),
                None => market(*side, qty(*size)),
            };
            desk.place(&OrderRequest {
                flags: *flags,
                ..request
            })
        }
        Op::Stop(side, at, size, flags) => desk.stop(&StopRequest {
            market: BTC,
            side: *side,
            qty: qty(*size),
            trigger: StopTrigger::At(price(*at)),
            flags: *flags,
            reason: Note::EMPTY,
        }),
        Op::Trail(side, distance) => desk.stop(&StopRequest {
            market: BTC,
            side: *side,
            qty: 0.5,
            trigger: StopTrigger::Behind(*distance as f64 / 100.0),
            flags: OrderFlags::NONE,
            reason: Note::EMPTY,
        }),
        Op::Replace(index, at, size) => desk.replace(known(*index), price(*at), qty(*size)),
        Op::Cancel(index) => {
            desk.cancel(known(*index));
            OrderHandle::NONE
        }
        Op::CancelAll => {
            desk.cancel_all(BTC);
            OrderHandle::NONE
        }
        Op::Flatten => desk.flatten(BTC, "out"),
        Op::Target(size) => desk.target_position(BTC, qty(*size), "target"),
        _ => OrderHandle::NONE,
    }
}

/// A market and a strategy in it, watched after every input.
struct Watch {
    play: Play,
    handles: Vec<OrderHandle>,
    seen: usize,
    quotes: BTreeMap<OrderId, (Side, String)>,
    alive: BTreeMap<(Side, String), BTreeSet<OrderId>>,
    exits: BTreeSet<OrderId>,
    mid: i64,
}

impl Watch {
    fn new() -> Self {
        let mut settings = config(1);
        // Enough room for everything but what is to be found here.
        settings.risk.orders_per_second_max = Some(100_000);
        settings.risk.orders_per_minute_max = Some(100_000);
        settings.risk.exits_per_second_max = Some(1_000);
        settings.risk.position_share = Some(Amount::ONE);
        settings.risk.exposure_share = Some(Amount::ONE);
        Self {
            play: Play::new(settings),
            handles: Vec::new(),
            seen: 0,
            quotes: BTreeMap::new(),
            alive: BTreeMap::new(),
            exits: BTreeSet::new(),
            mid: 10_000,
        }
    }

    fn run(&mut self, op: &Op) {
        let play = &mut self.play;
        match op {
            Op::Book(cents) => {
                self.mid = 10_000 + cents;
                play.book(BTC, self.mid);
            }
            Op::Trade(cents, size, side) => {
                play.wait(1);
                play.trade(10_000 + cents, *size, *side, false);
            }
            Op::Stale => play.put(BTC, &Input::BookStale(BookReason::Gap)),
            Op::Wait(ms) => {
                play.wait(*ms);
                play.book(BTC, self.mid);
            }
            Op::Clock(ms) => play.pass(*ms),
            Op::Command(kind) => play.command(*kind, StrategyId::NONE),
            Op::Restart => play.restart(),
            Op::Fail(inner) => {
                let (inner, handles) = (inner.clone(), self.handles.clone());
                play.hand(0, move |desk| {
                    act(&inner, &handles, desk);
                    Err(crate::play::fault("again"))
                });
                play.trade(10_000, 1, Side::Buy, true);
                // One that fails ten times in a row is not called any more.
                play.act(0, |_| {});
            }
            wish => {
                let (wish, handles) = (wish.clone(), self.handles.clone());
                let handle = play.act(0, move |desk| act(&wish, &handles, desk));
                self.handles.push(handle);
            }
        }
        self.check();
    }

    fn check(&mut self) {
        for (_, record) in &self.play.records[self.seen..] {
            match record {
                Record::Order(order) => {
                    if is_exit_of_the_engine(order.reason.as_str()) {
                        self.exits.insert(order.order);
                    }
                    if order.reason.as_str().starts_with("quote") {
                        let level = (order.side, order.reason.to_string());
                        let alive = self.alive.entry(level.clone()).or_default();
                        alive.insert(order.order);
                        assert_eq!(alive.len(), 1, "two alive: {alive:?} of {level:?}");
                        self.quotes.insert(order.order, level);
                    }
                }
                Record::OrderEvent(event) if event.to.is_final() => {
                    if let Some(level) = self.quotes.get(&event.order) {
                        self.alive
                            .entry(level.clone())
                            .or_default()
                            .remove(&event.order);
                    }
                }
                Record::Fill(fill) if self.exits.contains(&fill.order) => {
                    assert_eq!(fill.closed_qty, fill.qty, "an exit turned the position");
                }
                _ => {}
            }
        }
        self.seen = self.play.records.len();
        let position = self.play.position(0);
        for (side, held) in [(Side::Sell, position), (Side::Buy, -position)] {
            let working = self.play.engine.floor().orders().working_in(BTC);
            let exits = working.filter(|order| {
                let leaves = order.status == OrderStatus::PendingCancel;
                order.side == side && order.is_exit && order.price.0 > 0 && !leaves
            });
            let exits: i64 = exits.map(|order| order.working_qty().0).sum();
            assert!(exits <= held.max(0), "{exits} of {held} rests");
        }
    }
}

/// A strategy's own reduce-only order may meet an entry of its own at the venue; the engine's may not.
fn is_exit_of_the_engine(reason: &str) -> bool {
    ["protection stop", "take profit", "out", "operator"]
        .iter()
        .any(|start| reason.starts_with(start))
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn exit_flags() -> impl Strategy<Value = OrderFlags> {
    prop_oneof![Just(OrderFlags::NONE), Just(OrderFlags::REDUCE_ONLY)]
}

fn size() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0_i64), 100..2_500_i64]
}

fn wish() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (side(), -12..12_i64, size(), 0..4_u32, 0..2_u16)
            .prop_map(|(side, at, size, keep, level)| Op::Quote(side, at, size, keep, level)),
        4 => (-20..20_i64, proptest::option::of(-20..20_i64))
            .prop_map(|(stop, take)| Op::Protect(stop, take)),
        4 => (side(), size(), proptest::option::of(-8..8_i64), exit_flags())
            .prop_map(|(side, size, at, flags)| Op::Place(side, size, at, flags)),
        2 => (side(), -10..10_i64, size(), exit_flags())
            .prop_map(|(side, at, size, flags)| Op::Stop(side, at, size, flags)),
        1 => (side(), 1..10_i64).prop_map(|(side, distance)| Op::Trail(side, distance)),
        2 => (0..100_usize, -12..12_i64, size())
            .prop_map(|(index, at, size)| Op::Replace(index, at, size)),
        1 => (0..100_usize).prop_map(Op::Cancel),
        1 => Just(Op::CancelAll),
        1 => Just(Op::Flatten),
        1 => (-2_000..2_000_i64).prop_map(Op::Target),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => wish(),
        1 => wish().prop_map(|inner| Op::Fail(Box::new(inner))),
        6 => (-12..12_i64).prop_map(Op::Book),
        6 => (-14..14_i64, 1..120_000_i64, side())
            .prop_map(|(at, size, side)| Op::Trade(at, size, side)),
        5 => (1..30_i64).prop_map(Op::Wait),
        2 => (1..25_i64).prop_map(|ticks| Op::Clock(ticks * 100)),
        1 => Just(Op::Stale),
        1 => prop_oneof![
            Just(CommandKind::Halt),
            Just(CommandKind::Resume),
            Just(CommandKind::Reduce),
            Just(CommandKind::CancelAll),
            Just(CommandKind::Flatten),
        ].prop_map(Op::Command),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn prop_quotes_stand_alone_and_exits_stay_within_the_position(
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut watch = Watch::new();
        for op in &ops {
            watch.run(op);
        }
    }

    #[test]
    fn prop_a_restart_changes_no_record(
        ops in prop::collection::vec(op(), 1..60),
        restarts in prop::collection::vec(any::<bool>(), 60),
    ) {
        let (mut whole, mut parts) = (Watch::new(), Watch::new());
        for (op, restart) in ops.iter().zip(restarts) {
            whole.run(op);
            if restart {
                parts.run(&Op::Restart);
            }
            parts.run(op);
            prop_assert_eq!(&whole.play.cells, &parts.play.cells);
        }
    }
}
