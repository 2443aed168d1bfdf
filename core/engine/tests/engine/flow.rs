//! How calls, reports, timers, bars and the ends of sessions follow one another.

use crate::play::{Actor, BTC, ETH, Play, START, config, fault, instrument, limit, market};
use claire_engine::strategy::{IndicatorId, IndicatorSource, NoteLevel};
use claire_types::record::NoteKind;
use claire_types::{
    BookReason, CommandKind, Contract, GateCode, Input, InstrumentId, Level, OrderReason,
    OrderStatus, Price, Qty, Record, Side, StrategyId, Ticker,
};

#[test]
fn a_failed_call_leaves_its_error_and_nothing_else() {
    let mut play = Play::new(config(1));
    let before = play.records.len();
    play.hand(0, |desk| {
        desk.signal(Side::Buy, 1.0, "up");
        desk.every(100, "undone").map_err(|_| fault("armed"))?;
        desk.note(NoteLevel::Note, "undone");
        desk.plot("", "undone", 1.0);
        assert_eq!(
            desk.place(&limit(Side::Buy, 5.0, 99.0)).denied,
            GateCode::Ok
        );
        assert_eq!(desk.facts(BTC).working_buy, 5.0);
        Err(fault("line 3"))
    });
    play.trade(10_000, 1, Side::Buy, true);
    let left: Vec<_> = play.records[before..]
        .iter()
        .map(|(_, record)| *record)
        .collect();
    let Some([Record::Note(note)]) = left.first_chunk::<1>().filter(|_| left.len() == 1) else {
        panic!("{left:?}");
    };
    assert_eq!((note.kind, note.text.as_str()), (NoteKind::Error, "line 3"));
    assert!(play.engine.floor().orders().is_released());
    assert_eq!(play.act(0, |desk| desk.facts(BTC).working_buy), 0.0);
    play.forget_told();
    play.pass(500);
    assert!(
        !play.told(0).iter().any(|line| line.starts_with("timer")),
        "{:?}",
        play.told(0)
    );
    // Nor does it count: 19 more orders a second, and the limit of working ones, are as before.
    let codes = play.act(0, |desk| {
        [(); 20].map(|()| desk.place(&limit(Side::Buy, 0.2, 99.0)).denied)
    });
    assert_eq!(codes, [GateCode::Ok; 20]);
}

#[test]
fn a_strategy_that_fails_ten_times_in_a_row_is_not_called_any_more() {
    let mut play = Play::new(config(1));
    for _ in 0..10 {
        play.hand(0, |_| Err(fault("again")));
        play.trade(10_000, 1, Side::Buy, true);
    }
    play.forget_told();
    play.trade(10_000, 1, Side::Buy, true);
    assert_eq!(play.told(0), [""; 0]);
}

#[test]
fn reports_are_told_before_the_event_that_follows_them() {
    let mut play = Play::new(config(1));
    play.place(market(Side::Buy, 1.0));
    play.forget_told();
    play.wait(12);
    play.book(BTC, 10_000);
    play.wait(30);
    play.book(BTC, 10_010);
    let told = play.told(0);
    let lines: Vec<_> = told.iter().map(String::as_str).collect();
    assert_eq!(
        lines,
        [
            "book 0",
            "order new",
            "order filled",
            "fill 100.01 1",
            "book 0"
        ]
    );
}

#[test]
fn messages_and_reports_come_with_the_clock_where_the_market_is_quiet() {
    let mut play = Play::new(config(1));
    let resting = play.place(limit(Side::Buy, 1.0, 99.0));
    play.pass(500);
    let events = play.events_of(resting);
    assert_eq!(
        events.iter().map(|e| e.to).collect::<Vec<_>>(),
        [OrderStatus::New]
    );
    play.act(0, move |desk| desk.cancel(resting));
    play.pass(500);
    let last = play.events_of(resting).last().copied().expect("events");
    assert_eq!(
        (last.to, last.reason),
        (OrderStatus::Cancelled, OrderReason::CancelledByStrategy)
    );
}

#[test]
fn a_resting_order_waits_for_its_queue_and_is_explained() {
    let mut play = Play::new(config(1));
    play.place(limit(Side::Buy, 1.0, 99.99));
    play.settle(10_000);
    play.wait(1);
    play.trade(9_999, 60_000, Side::Sell, false);
    play.settle(10_000);
    assert_eq!(play.fills().len(), 0, "100 were there before us");
    play.trade(9_999, 41_500, Side::Sell, false);
    play.pass(100);
    let fills = play.fills();
    assert_eq!(fills.len(), 1);
    assert_eq!((fills[0].price, fills[0].qty), (Price(9_999), Qty(1_000)));
    assert_eq!(
        (fills[0].queue_ahead, fills[0].queue_traded),
        (Qty(100_000), Qty(100_000))
    );
}

#[test]
fn timers_fire_in_engine_time_and_stop() {
    let actor = Actor::with_init(|desk| {
        desk.every(200, "beat").map_err(|_| fault("every"))?;
        desk.after(300, "once").map_err(|_| fault("after"))
    });
    let mut play = Play::with(config(1), vec![actor]);
    play.forget_told();
    play.pass(700);
    let timers: Vec<_> = play
        .told(0)
        .into_iter()
        .filter(|line| line.starts_with("timer"))
        .collect();
    assert_eq!(
        timers,
        ["timer beat", "timer once", "timer beat", "timer beat"]
    );
    play.act(0, |desk| desk.stop_timer("beat"));
    play.forget_told();
    play.pass(500);
    assert_eq!(play.told(0), [""; 0]);
}

#[test]
fn bars_close_by_trade_or_by_time_and_feed_indicators() {
    let actor = Actor::with_init(|desk| {
        desk.warmup(0).map_err(|_| fault("warmup"))?;
        let bars = desk.bars(BTC, 1_000).map_err(|_| fault("bars"))?;
        let sma = desk.indicator(IndicatorSource::Bars(bars), "sma", &[2.0]);
        sma.map(|_| ()).map_err(|_| fault("sma"))
    });
    let mut play = Play::with(config(1), vec![actor]);
    // The first bar begins in the middle of its second and is not told.
    play.trade(9_000, 1_500, Side::Buy, false);
    play.wait(1_000 - play.now.since(START).0 / 1_000_000);
    for (price, wait) in [
        (10_000, 400),
        (10_300, 400),
        (9_900, 400),
        (10_100, 900),
        (10_200, 0),
    ] {
        play.trade(price, 1_500, Side::Buy, false);
        play.wait(wait);
    }
    play.pass(1_500);
    let bars: Vec<_> = play
        .told(0)
        .into_iter()
        .filter(|line| line.starts_with("bar"))
        .collect();
    assert_eq!(
        bars,
        [
            "bar 100 103 99 99 4.5",
            "bar 101 101 101 101 1.5",
            "bar 102 102 102 102 1.5",
        ],
        "the last is closed by the clock"
    );
    let view = play.act(0, |desk| {
        assert_eq!(
            desk.bars(BTC, 1_000),
            Err(claire_engine::strategy::DeskFault::OutsideInit)
        );
        desk.indicator_value(IndicatorId(0), 0)
    });
    assert_eq!((view.prev, view.value, view.is_warm), (100.0, 101.5, true));
}

#[test]
fn a_stale_book_is_not_shown_to_on_book() {
    let mut play = Play::new(config(1));
    let ticker = |id, bid: i64| {
        let level = |price| Level {
            price: Price(price),
            qty: Qty(5_000),
        };
        Input::Ticker(Ticker {
            update_id: id,
            bid: level(bid),
            ask: level(bid + 2),
        })
    };
    play.forget_told();
    play.put(BTC, &ticker(100, 10_000));
    assert_eq!(play.told(0), ["book 0"]);
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.put(BTC, &ticker(101, 10_005));
    assert_eq!(play.told(0), ["book 0"], "the second is not proven");
    assert!(play.act(0, |desk| desk.facts(BTC).stale));
    play.book(BTC, 10_000);
    assert_eq!(play.told(0).last().map(String::as_str), Some("book 0"));
}

#[test]
fn equity_does_not_jump_while_a_book_is_stale() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    let before = play.engine.floor().equity().expect("valued");
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    let level = |price| Level {
        price: Price(price),
        qty: Qty(1),
    };
    play.put(
        BTC,
        &Input::Ticker(Ticker {
            update_id: 99,
            bid: level(1),
            ask: level(2),
        }),
    );
    play.pass(100);
    assert_eq!(play.engine.floor().equity(), Some(before));
}

#[test]
fn numbers_of_a_strategy_follow_fills_marks_and_the_clock() {
    let mut play = Play::new(config(2));
    play.buy(4.0);
    play.book(BTC, 10_100);
    let own = play.act(0, |desk| *desk.facts(BTC));
    assert_eq!((own.position, own.avg_price), (4.0, 100.01));
    assert!((own.unrealized - 3.96).abs() < 1e-9, "{}", own.unrealized);
    assert!((own.exposure - 404.0).abs() < 1e-9, "{}", own.exposure);
    play.pass(100);
    let other = play.act(1, |desk| *desk.facts(BTC));
    // Profit 3.96 less the fee of 0.1 % of 400.04.
    assert!(
        (other.equity - 10_003.559_96).abs() < 1e-6,
        "{}",
        other.equity
    );
    assert_eq!(other.position, 0.0);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let run = || {
        let mut play = Play::new(config(2));
        for round in 0..20_i64 {
            play.hand(1, |desk| {
                desk.place(&limit(Side::Sell, 0.5, 100.01));
                Ok(())
            });
            play.place(market(Side::Buy, 0.3));
            play.settle(10_000 + round % 3);
            play.trade(10_002, 90_000 + round, Side::Buy, false);
            play.pass(200);
        }
        play.command(CommandKind::Flatten, StrategyId::NONE);
        play.settle(10_000);
        play.put(InstrumentId::NONE, &Input::End);
        (play.cells, play.records.len())
    };
    let (first, second) = (run(), run());
    assert!(first.1 > 200, "{}", first.1);
    assert!(first == second);
}

#[test]
fn a_session_that_starts_over_ends_orders_and_keeps_positions() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    let resting = play.place(limit(Side::Buy, 1.0, 99.0));
    play.settle(10_000);
    play.put(InstrumentId::NONE, &Input::SessionReset);
    let last = play.events_of(resting).last().copied().expect("events");
    assert_eq!(
        (last.to, last.reason),
        (OrderStatus::Cancelled, OrderReason::SessionReset)
    );
    assert_eq!(play.position(0), 4_000);
    play.assert_denied(limit(Side::Buy, 1.0, 99.0), GateCode::DataStale);
    play.book(BTC, 10_000);
    assert_eq!(play.place(limit(Side::Buy, 1.0, 99.0)).denied, GateCode::Ok);
}

#[test]
fn the_end_counts_what_happened_and_calls_nobody_after_on_stop() {
    for stops in [false, true] {
        let mut play = Play::new(config(1));
        let bought = play.place(market(Side::Buy, 1.0));
        let resting = play.place(limit(Side::Buy, 1.0, 99.0));
        play.wait(12);
        // The order arrives and is filled here; its report is on its way when the run ends.
        play.book(BTC, 10_000);
        match stops {
            true => play.command(CommandKind::Stop, StrategyId::NONE),
            false => play.put(InstrumentId::NONE, &Input::End),
        }
        assert_eq!(play.position(0), 1_000);
        let end = |play: &Play, order| play.events_of(order).last().map(|e| (e.to, e.reason));
        assert_eq!(
            end(&play, bought),
            Some((OrderStatus::Filled, OrderReason::None))
        );
        assert_eq!(
            end(&play, resting),
            Some((OrderStatus::Cancelled, OrderReason::RunEnd))
        );
        assert!(play.engine.floor().orders().is_released());
        assert_eq!(play.told(0).last().map(String::as_str), Some("stop"));
        play.put(InstrumentId::NONE, &Input::End);
        let ends = play.all(|record| matches!(record, Record::BookEnd(_)).then_some(()));
        assert_eq!(ends.len(), 2, "one per instrument, once");
    }
}

#[test]
fn every_command_leaves_a_record() {
    let mut play = Play::new(config(1));
    for (kind, strategy) in [
        (CommandKind::CancelAll, StrategyId::NONE),
        (CommandKind::Flatten, StrategyId::NONE),
        (CommandKind::Halt, StrategyId::NONE),
        (CommandKind::Halt, StrategyId::NONE),
        (CommandKind::Resume, StrategyId::NONE),
        (CommandKind::Pause, StrategyId(0)),
        (CommandKind::Unpause, StrategyId(0)),
        (CommandKind::Pause, StrategyId(9)),
        (CommandKind::Kill, StrategyId::NONE),
        (CommandKind::Stop, StrategyId::NONE),
    ] {
        let before = play.records.len();
        play.command(kind, strategy);
        let first = play.records.get(before).map(|(_, record)| *record);
        assert!(
            matches!(first, Some(Record::Risk(_) | Record::Note(_))),
            "{kind}: {first:?}"
        );
    }
}

#[test]
fn an_instrument_out_of_order_is_told_and_not_taken() {
    let mut play = Play::new(config(1));
    let stranger = instrument(InstrumentId(9), "SOL", Contract::Linear);
    let mut changed = instrument(ETH, "ETH", Contract::Linear);
    play.put(InstrumentId::NONE, &Input::Instrument(changed));
    let alerts = |play: &Play| {
        play.all(|record| matches!(record, Record::Note(_)).then_some(()))
            .len()
    };
    assert_eq!(alerts(&play), 0, "the same facts again are no news");
    changed.tick = Price(5);
    for facts in [stranger, changed] {
        let before = alerts(&play);
        play.put(InstrumentId::NONE, &Input::Instrument(facts));
        assert_eq!(alerts(&play), before + 1, "{}", facts.key);
    }
    assert_eq!(play.engine.floor().markets().len(), 2);
    assert_eq!(play.engine.floor().markets()[1].instrument.tick, Price(1));
}
