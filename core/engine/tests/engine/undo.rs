//! A call that is taken back leaves nothing: not in the state, not in the numbers of later orders, not in the records.

use crate::play::{Actor, BTC, ETH, Play, config, fault, limit, market};
use claire_engine::config::EngineConfig;
use claire_engine::strategy::{
    BracketRequest, Desk, IndicatorSource, NoteLevel, OrderHandle, OrderRequest, ProtectRequest,
    QuoteRequest, StopRequest, StopTrigger,
};
use claire_types::{Note, OrderFlags, OrderId, Side};
use proptest::prelude::*;

/// Something that a strategy asks of its desk.
#[derive(Clone, Debug)]
enum Act {
    Market(Side, f64),
    Limit(Side, f64, f64, OrderFlags),
    Cancel(u64),
    CancelAll,
    Flatten,
    Target(f64),
    Quote(Side, f64, f64, u16),
    Protect(f64, Option<f64>),
    Stop(Side, f64, StopTrigger),
    Bracket(Side, f64),
    Replace(u64, f64, f64),
    Every(i64, String),
    After(i64, String),
    StopTimer(String),
    Signal(Side, f64),
    Say,
    Watch,
    Declare(i64, f64),
}

/// A call: what it does, and whether it then takes everything back or fails.
#[derive(Clone, Debug)]
struct Called {
    acts: Vec<Act>,
    end: End,
    /// Time and market until the next call.
    is_settled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Stands,
    IsUndone,
    IsUndoneAndStarts,
    Fails,
}

fn act(desk: &mut dyn Desk, act: &Act) {
    match act {
        Act::Market(side, qty) => {
            let _ = desk.place(&market(*side, *qty));
        }
        Act::Limit(side, qty, price, flags) => {
            let request = OrderRequest {
                flags: *flags,
                ..limit(*side, *qty, *price)
            };
            desk.place(&request);
        }
        Act::Cancel(number) => desk.cancel(OrderHandle {
            order: OrderId::new(0, *number),
            ..OrderHandle::NONE
        }),
        Act::CancelAll => desk.cancel_all(BTC),
        Act::Flatten => {
            let _ = desk.flatten(BTC, "undone");
        }
        Act::Target(qty) => {
            let _ = desk.target_position(BTC, *qty, "target");
        }
        Act::Quote(side, qty, price, level) => {
            let _ = desk.quote(&QuoteRequest {
                market: BTC,
                side: *side,
                price: *price,
                qty: *qty,
                keep_ticks: 20,
                level: *level,
                reason: Note::EMPTY,
            });
        }
        Act::Protect(stop, take) => {
            let _ = desk.protect(&ProtectRequest {
                market: BTC,
                stop: *stop,
                take: *take,
                reason: Note::EMPTY,
            });
        }
        Act::Stop(side, qty, trigger) => {
            let _ = desk.stop(&StopRequest {
                market: BTC,
                side: *side,
                qty: *qty,
                trigger: *trigger,
                flags: OrderFlags::NONE,
                reason: Note::EMPTY,
            });
        }
        Act::Bracket(side, entry) => {
            let away = 2.0 * side.sign() as f64;
            let _ = desk.bracket(&BracketRequest {
                market: BTC,
                side: *side,
                qty: 1.0,
                entry: Some(*entry),
                stop: entry - away,
                take: entry + away,
                reason: Note::EMPTY,
            });
        }
        Act::Replace(number, qty, price) => {
            let handle = OrderHandle {
                order: OrderId::new(0, *number),
                ..OrderHandle::NONE
            };
            let _ = desk.replace(handle, *price, *qty);
        }
        Act::Every(ms, name) => {
            let _ = desk.every(*ms, name);
        }
        Act::After(ms, name) => {
            let _ = desk.after(*ms, name);
        }
        Act::StopTimer(name) => desk.stop_timer(name),
        Act::Signal(side, strength) => desk.signal(*side, *strength, "why"),
        Act::Say => {
            desk.note(NoteLevel::Alert, "said");
            desk.plot("", "load", 0.5);
        }
        Act::Watch => {
            let _ = desk.market("sim:ETHUSDT");
        }
        Act::Declare(seconds, length) => {
            if let Ok(bars) = desk.bars(BTC, seconds * 1_000) {
                let _ = desk.indicator(IndicatorSource::Bars(bars), "ema", &[*length]);
            }
        }
    }
}

fn sides() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let flags = prop_oneof![
        Just(OrderFlags::NONE),
        Just(OrderFlags::POST_ONLY),
        Just(OrderFlags::IOC),
        Just(OrderFlags::REDUCE_ONLY)
    ];
    let names = || {
        prop_oneof![
            Just("a".to_owned()),
            Just("b".to_owned()),
            Just(String::new())
        ]
    };
    let qtys = || prop_oneof![Just(0.2), Just(1.0), Just(3.0), Just(-1.0), Just(f64::NAN)];
    let triggers = prop_oneof![
        (97.0..103.0).prop_map(StopTrigger::At),
        (0.0..0.1).prop_map(StopTrigger::Behind),
    ];
    let one = prop_oneof![
        3 => (sides(), qtys()).prop_map(|(side, qty)| Act::Market(side, qty)),
        4 => (sides(), qtys(), 97.0..103.0, flags)
            .prop_map(|(side, qty, price, flags)| Act::Limit(side, qty, price, flags)),
        1 => (1_u64..12).prop_map(Act::Cancel),
        1 => Just(Act::CancelAll),
        1 => Just(Act::Flatten),
        1 => (-4.0..4.0).prop_map(Act::Target),
        3 => (sides(), qtys(), 97.0..103.0, 0_u16..2)
            .prop_map(|(side, qty, price, level)| Act::Quote(side, qty, price, level)),
        2 => (97.0..103.0, prop::option::of(97.0..103.0))
            .prop_map(|(stop, take)| Act::Protect(stop, take)),
        2 => (sides(), qtys(), triggers)
            .prop_map(|(side, qty, trigger)| Act::Stop(side, qty, trigger)),
        1 => (sides(), 97.0..103.0).prop_map(|(side, entry)| Act::Bracket(side, entry)),
        2 => (1_u64..12, qtys(), 97.0..103.0)
            .prop_map(|(number, qty, price)| Act::Replace(number, qty, price)),
        1 => (0_i64..300, names()).prop_map(|(ms, name)| Act::Every(ms, name)),
        1 => (0_i64..300, names()).prop_map(|(ms, name)| Act::After(ms, name)),
        1 => names().prop_map(Act::StopTimer),
        1 => (sides(), 0.0..1.0).prop_map(|(side, strength)| Act::Signal(side, strength)),
        1 => Just(Act::Say),
        1 => Just(Act::Watch),
        1 => (1_i64..4, 1.0..9.0_f64).prop_map(|(seconds, length)| Act::Declare(seconds, length.floor())),
    ];
    prop::collection::vec(one, 0..9)
}

fn calls() -> impl Strategy<Value = Vec<Called>> {
    let end = prop_oneof![
        2 => Just(End::Stands),
        2 => Just(End::IsUndone),
        1 => Just(End::IsUndoneAndStarts),
        1 => Just(End::Fails)
    ];
    let call = (acts(), end, any::<bool>()).prop_map(|(acts, end, is_settled)| Called {
        acts,
        end,
        is_settled,
    });
    prop::collection::vec(call, 1..8)
}

/// Few orders are kept, so that slots are used again and again.
fn small(strategies: usize) -> EngineConfig {
    let mut config = config(strategies);
    config.tables.orders_final_kept = 2;
    config
}

/// Runs the calls, or what must be the same: undone calls that did nothing.
fn run(called: &[Called], does_nothing_in_vain: bool) -> (Vec<Vec<u8>>, Play) {
    let mut play = Play::new(small(1));
    let mut saved = Vec::new();
    for call in called {
        let call_made = call.clone();
        play.hand(0, move |desk| {
            let is_vain = call_made.end == End::IsUndone || call_made.end == End::Fails;
            if !(is_vain && does_nothing_in_vain) {
                call_made.acts.iter().for_each(|one| act(desk, one));
            }
            if call_made.end == End::IsUndone && !does_nothing_in_vain {
                desk.undo();
            }
            if call_made.end == End::IsUndoneAndStarts && !does_nothing_in_vain {
                desk.undo();
                call_made.acts.iter().for_each(|one| act(desk, one));
            }
            if call_made.end == End::Fails {
                return Err(fault("told to"));
            }
            Ok(())
        });
        play.wait(1);
        play.trade(10_000, 1, Side::Buy, true);
        saved.push(state(&play));
        if call.is_settled {
            play.settle(10_000);
        }
    }
    play.pass(1_000);
    saved.push(state(&play));
    (saved, play)
}

fn state(play: &Play) -> Vec<u8> {
    let mut bytes = Vec::new();
    play.engine.save(&mut bytes).expect("small enough");
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn prop_a_call_that_is_taken_back_leaves_the_bytes_of_the_state(called in calls()) {
        let (acted, acting) = run(&called, false);
        let (idle, idling) = run(&called, true);
        for (call, (acted, idle)) in acted.iter().zip(&idle).enumerate() {
            prop_assert!(acted == idle, "after call {call}");
        }
        prop_assert_eq!(acting.cells.len(), idling.cells.len());
        prop_assert!(acting.cells == idling.cells, "the records differ");
    }

    #[test]
    fn prop_declarations_that_are_taken_back_leave_nothing(acts in acts(), again in acts()) {
        let declare = |is_undone: bool| {
            let (first, again) = (acts.clone(), again.clone());
            let actor = Actor::with_init(move |desk| {
                if is_undone {
                    first.iter().for_each(|one| act(desk, one));
                    desk.undo();
                }
                again.iter().for_each(|one| act(desk, one));
                Ok(())
            });
            let mut play = Play::with(small(1), vec![actor]);
            play.pass(3_000);
            state(&play)
        };
        prop_assert!(declare(true) == declare(false));
    }
}

#[test]
fn the_number_of_an_order_that_was_taken_back_is_given_to_the_next() {
    let mut play = Play::new(small(1));
    let (vain, sent) = play.act(0, |desk| {
        let vain = desk.place(&limit(Side::Buy, 1.0, 99.0));
        let view = desk.order(vain);
        assert!(view.is_open && desk.facts(BTC).working_buy == 1.0);
        desk.undo();
        assert_eq!(desk.facts(BTC).working_buy, 0.0);
        (vain, desk.place(&limit(Side::Sell, 1.0, 101.0)))
    });
    assert_eq!(vain, sent);
    let working: Vec<_> = play.engine.floor().orders().working().copied().collect();
    assert_eq!(working.len(), 1);
    assert_eq!((working[0].id, working[0].side), (sent.order, Side::Sell));
    assert_eq!(play.decisions().len(), 1);
}

#[test]
fn another_market_is_forgotten_with_the_call_that_looked_at_it() {
    let mut play = Play::new(small(1));
    let seen = play.act(0, |desk| {
        let found = desk.market("sim:ETHUSDT");
        let seen = desk.facts(ETH).bid;
        desk.undo();
        (found, seen, desk.facts(ETH).bid)
    });
    assert_eq!(seen, (Some(ETH), 49.99, 0.0));
}
