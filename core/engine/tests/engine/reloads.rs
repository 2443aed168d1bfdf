//! Versions of a script: what they take over, how they prove themselves, and how they go.

use crate::play::{Actor, BTC, Play, config, fault, limit};
use claire_engine::floor::{PROBATION_CALLS, Phase, ReloadTally};
use claire_engine::snapshot::{Instances, versions};
use claire_engine::strategy::{Fault, FaultKind, IndicatorSource, ProtectRequest};
use claire_engine::{Engine, Retirement, Successor, Swapped};
use claire_types::annotation::Cut;
use claire_types::input::{Refusal, Reload};
use claire_types::record::{NoteKind, ReloadOutcome, ReloadRecord};
use claire_types::{
    CommandKind, EngineSeq, GateCode, Input, InstrumentId, Note, OrderStatus, Record, Side,
    StrategyId, TradingState,
};

const FIRST: StrategyId = StrategyId(0);

/// Makes the version ready and applies its reload.
pub fn reload(play: &mut Play, actor: Actor) -> Swapped {
    let actor = play.version(0, actor);
    let prepared = play.engine.prepare(FIRST, Box::new(actor));
    let prepared = prepared.unwrap_or_else(|fault| panic!("{}", fault.text));
    play.engine.stage(Box::new(Successor {
        strategy: prepared.strategy,
        declared: prepared.declared,
        document: b"document".to_vec(),
    }));
    put_reload(play);
    play.engine.take_swapped().expect("a reload was applied")
}

fn put_reload(play: &mut Play) {
    let reload = Reload {
        strategy: FIRST,
        at: EngineSeq(play.engine.seq().0 + 1),
        sha256: SHA256,
    };
    play.put(InstrumentId::NONE, &Input::Reload(reload));
}

/// Of the text of every version.
const SHA256: [u8; 32] = [0xab; 32];

fn records(play: &Play) -> Vec<ReloadRecord> {
    play.all(|record| match record {
        Record::Reload(reload) => Some(*reload),
        _ => None,
    })
}

fn version(play: &Play) -> u32 {
    play.engine.floor().seats()[0].version.number
}

fn tally(play: &Play) -> ReloadTally {
    play.engine.floor().seats()[0].reloads
}

fn notes(play: &Play, kind: NoteKind) -> Vec<String> {
    play.all(|record| match record {
        Record::Note(note) if note.kind == kind => Some(note.text.to_string()),
        _ => None,
    })
}

/// Returns the state of the instance at the seat, as a snapshot has it.
fn trades(play: &Play) -> u64 {
    let mut bytes = Vec::new();
    play.engine.save(&mut bytes).expect("small");
    // The last section is the last strategy's: 8 bytes before the check, and of one on probation the one before it.
    let end = bytes.len() - 4;
    let is_on_probation = play.engine.floor().seats()[0].is_on_probation();
    let end = if is_on_probation { end - 12 } else { end };
    u64::from_le_bytes(bytes[end - 8..end].try_into().expect("eight"))
}

fn timers(play: &Play) -> Vec<String> {
    let told = play.told(0).into_iter();
    told.filter_map(|line| line.strip_prefix("timer ").map(str::to_owned))
        .collect()
}

#[test]
fn state_is_carried_and_timers_keep_their_phase() {
    let first = Actor::with_init(|desk| {
        for (ms, name) in [(400, "same"), (400, "gone"), (400, "other span")] {
            desk.every(ms, name).map_err(|_| fault("no timer"))?;
        }
        Ok(())
    });
    let mut play = Play::with(config(1), vec![first]);
    play.act(0, |desk| desk.after(700, "once").is_ok());
    play.trade(10_000, 1, Side::Buy, true);
    play.pass(300);
    let swapped = reload(
        &mut play,
        Actor::with_init(|desk| {
            for (ms, name) in [(400, "same"), (900, "other span"), (200, "new")] {
                desk.every(ms, name).map_err(|_| fault("no timer"))?;
            }
            Ok(())
        }),
    );
    assert!(
        matches!(swapped, Swapped::Live { inheritance, rests: None } if inheritance.carried == 1)
    );
    assert_eq!((version(&play), trades(&play)), (1, 2));
    let [record] = records(&play)[..] else {
        panic!("{:?}", records(&play));
    };
    assert_eq!((record.outcome, record.version), (ReloadOutcome::Live, 1));
    assert_eq!((record.from, record.from_sha256), (0, [0; 32]));
    assert_eq!((record.carried, record.sha256), (1, SHA256));
    play.forget_told();
    play.pass(500);
    assert_eq!(timers(&play), ["same", "new", "new", "once", "same"]);
    play.forget_told();
    play.pass(500);
    let told = ["new", "new", "same", "other span", "new"];
    assert_eq!(timers(&play), told);
}

#[test]
fn an_indicator_goes_on_where_both_versions_have_it() {
    let declare = |spans: &'static [f64]| {
        Actor::with_init(move |desk| {
            for span in spans {
                let source = IndicatorSource::Trades(BTC);
                let declared = desk.indicator(source, "sma", &[*span]);
                declared.map_err(|_| fault("no indicator"))?;
            }
            Ok(())
        })
    };
    let mut play = Play::with(config(1), vec![declare(&[2.0, 3.0])]);
    for price in [9_900, 10_000, 10_100] {
        play.trade(price, 1, Side::Buy, true);
    }
    let values = |play: &Play| {
        let seat = &play.engine.floor().seats()[0];
        let values = seat.indicators.iter().map(|of| of.indicator.value());
        values.collect::<Vec<_>>()
    };
    assert_eq!(values(&play), [100.5, 100.0]);
    reload(&mut play, declare(&[3.0, 4.0, 3.0]));
    assert_eq!(values(&play), [100.0, 0.0, 100.0]);
    // Its handlers wait for the one that is new.
    assert_eq!(play.engine.floor().seats()[0].phase, Phase::Warming);
    for price in [10_300, 10_000, 10_000, 10_100] {
        play.trade(price, 1, Side::Buy, true);
    }
    assert_eq!(play.engine.floor().seats()[0].phase, Phase::Running);
    // A fault takes the version back: what only the version before had has gone on meanwhile.
    play.hand(0, |_| Err(fault("enough")));
    play.trade(10_200, 1, Side::Buy, true);
    assert_eq!(version(&play), 0);
    assert_eq!(values(&play), [101.5, 101.0]);
}

#[test]
fn a_version_that_fails_its_probation_gives_the_seat_back() {
    type Misbehave = fn(&mut Play);
    let fails: [(&str, Misbehave); 3] = [
        ("enough", |play| {
            play.hand(0, |_| Err(fault("enough")));
            play.trade(10_000, 1, Side::Buy, true);
        }),
        ("too long", |play| {
            play.hand(0, |_| {
                Err(Fault {
                    kind: FaultKind::Cut,
                    ..fault("too long")
                })
            });
            play.trade(10_000, 1, Side::Buy, true);
        }),
        ("5 orders were denied: PRICE_COLLAR", |play| {
            for _ in 0..5 {
                let far = limit(Side::Buy, 1.0, 50.0);
                play.assert_denied(far, GateCode::PriceCollar);
            }
        }),
    ];
    for (why, misbehave) in fails {
        let mut play = Play::new(config(1));
        let old = play.place(limit(Side::Buy, 0.5, 99.0));
        let before = trades(&play);
        reload(&mut play, Actor::default());
        let [one, two] = [98.0, 98.5].map(|price| play.place(limit(Side::Buy, 0.5, price)));
        play.settle(10_000);
        misbehave(&mut play);
        assert_eq!((version(&play), trades(&play)), (0, before), "{why}");
        assert_eq!(
            tally(&play),
            ReloadTally {
                reloads: 1,
                refused: 0,
                rolled_back: 1
            }
        );
        let alerts = notes(&play, NoteKind::Alert);
        let want = format!("version 1 rolled back to version 0, 2 orders cancelled: {why}");
        assert_eq!(alerts, [want]);
        let [live, back] = records(&play)[..] else {
            panic!("{:?}", records(&play));
        };
        assert_eq!((live.outcome, live.version), (ReloadOutcome::Live, 1));
        // Orders between the two are of the version taken back.
        let between = live.order_number + 1..=back.order_number;
        assert_eq!(live.order_number, old.order.number());
        assert!(
            [one, two]
                .iter()
                .all(|of| between.contains(&of.order.number()))
        );
        let want = ReloadRecord {
            outcome: ReloadOutcome::RolledBack,
            carried: 0,
            order_number: back.order_number,
            reason: Note::cut(why),
            ..live
        };
        assert_eq!(back, want, "{why}");
        play.settle(10_000);
        for handle in [one, two] {
            let last = play.events_of(handle).last().map(|event| event.to);
            assert_eq!(last, Some(OrderStatus::Cancelled), "{why}");
        }
        let order = *play
            .engine
            .floor()
            .orders()
            .order(old.order)
            .expect("known");
        assert!(order.is_working(), "{why}: what was placed before stays");
        let left = play.engine.take_retired().expect("the version left");
        assert!(matches!(left.why, Retirement::RolledBack(text, _) if text.as_str() == why));
        // The version before is called again, and trades.
        assert_eq!(play.engine.floor().seats()[0].phase, Phase::Running);
        let next = play.place(limit(Side::Buy, 0.5, 98.0));
        assert_eq!((next.denied, trades(&play)), (GateCode::Ok, before + 1));
    }
}

#[test]
fn a_version_stays_after_its_probation() {
    type Prove = fn(&mut Play);
    let proofs: [Prove; 2] = [
        |play| {
            for _ in 0..PROBATION_CALLS {
                play.trade(10_000, 1, Side::Buy, true);
            }
        },
        |play| {
            play.pass(60_000);
            play.trade(10_000, 1, Side::Buy, true);
        },
    ];
    for prove in proofs {
        let mut play = Play::new(config(1));
        reload(&mut play, Actor::default());
        assert!(play.engine.take_retired().is_none());
        prove(&mut play);
        let left = play.engine.take_retired().expect("the version before left");
        assert_eq!(left.why, Retirement::Replaced);
        play.hand(0, |_| Err(fault("late")));
        play.trade(10_000, 1, Side::Buy, true);
        assert_eq!((version(&play), tally(&play).rolled_back), (1, 0));
    }
}

#[test]
fn a_second_reload_within_the_probation_falls_back_to_the_first() {
    let mut play = Play::new(config(1));
    reload(&mut play, Actor::default());
    reload(&mut play, Actor::default());
    assert_eq!(version(&play), 2);
    play.hand(0, |_| Err(fault("enough")));
    play.trade(10_000, 1, Side::Buy, true);
    assert_eq!(version(&play), 1);
}

#[test]
fn what_cannot_take_the_seat_leaves_the_version_before() {
    let mut play = Play::new(config(1));
    let refused = play.version(0, Actor::that_refuses());
    let refusal = play.engine.prepare(FIRST, Box::new(refused)).err();
    assert!(refusal.is_some_and(|fault| fault.text.as_str().starts_with("`this.x` was text")));
    // The type changed after it was made ready: the engine refuses, too.
    play.engine.stage(Box::new(Successor {
        strategy: Box::new(play.version(0, Actor::that_refuses())),
        declared: Default::default(),
        document: Vec::new(),
    }));
    put_reload(&mut play);
    assert!(matches!(
        play.engine.take_swapped(),
        Some(Swapped::Refused(_))
    ));
    let left = play.engine.take_retired().map(|left| left.why);
    assert!(matches!(left, Some(Retirement::Refused(_))));
    assert_eq!((version(&play), tally(&play).refused), (0, 1));
    // What was refused before it came here is only recorded.
    let refusal = Refusal {
        strategy: FIRST,
        at: EngineSeq(play.engine.seq().0 + 1),
        sha256: [0; 32],
        reason: Note::cut("the file is gone"),
    };
    play.put(InstrumentId::NONE, &Input::Refusal(refusal));
    assert_eq!((version(&play), tally(&play).refused), (0, 2));
    let [late, early] = records(&play)[..] else {
        panic!("{:?}", records(&play));
    };
    let of = |record: ReloadRecord| (record.outcome, record.version, record.sha256);
    assert_eq!(of(late), (ReloadOutcome::Refused, 0, SHA256));
    assert!(late.reason.as_str().starts_with("`this.x` was text"));
    assert_eq!(of(early), (ReloadOutcome::Refused, 0, refusal.sha256));
    assert_eq!(early.reason, refusal.reason);
    // Without a script there is nothing to take.
    put_reload(&mut play);
    assert!(play.engine.take_swapped().is_none());
    assert_eq!(notes(&play, NoteKind::Alert).len(), 1);
    let fails = play.version(0, Actor::with_init(|_| Err(fault("no init"))));
    assert!(play.engine.prepare(FIRST, Box::new(fails)).is_err());
    assert_eq!(play.place(limit(Side::Buy, 0.5, 99.0)).denied, GateCode::Ok);
}

#[test]
fn a_new_version_answers_the_failure_of_the_old_one() {
    let mut play = Play::new(config(1));
    play.hand(0, |_| {
        Err(Fault {
            kind: FaultKind::Cut,
            ..fault("too long")
        })
    });
    play.trade(10_000, 1, Side::Buy, true);
    let state = |play: &Play| play.engine.floor().state().strategy(FIRST);
    assert_eq!(state(&play), Some(TradingState::Halted));
    reload(&mut play, Actor::default());
    assert_eq!(state(&play), Some(TradingState::Active));
    assert_eq!(play.place(limit(Side::Buy, 0.5, 99.0)).denied, GateCode::Ok);
}

#[test]
fn a_new_indicator_on_bars_is_made_of_what_was_kept() {
    let declare = |spans: &'static [f64]| {
        Actor::with_init(move |desk| {
            let bars = desk.bars(BTC, 1_000).map_err(|_| fault("no bars"))?;
            for span in spans {
                let source = IndicatorSource::Bars(bars);
                let declared = desk.indicator(source, "sma", &[*span]);
                declared.map_err(|_| fault("no indicator"))?;
            }
            Ok(())
        })
    };
    let mut play = Play::with(config(1), vec![declare(&[2.0])]);
    let second = |play: &mut Play, price: i64| {
        play.wait(1_000);
        play.trade(price, 1, Side::Buy, false);
    };
    for price in [9_000, 10_000, 10_100, 10_200, 10_300, 10_400] {
        second(&mut play, price);
    }
    let seat = |play: &Play| {
        let seat = &play.engine.floor().seats()[0];
        let values = seat.indicators.iter().map(|of| of.indicator.value());
        (seat.phase, values.collect::<Vec<_>>())
    };
    assert_eq!(seat(&play), (Phase::Running, vec![102.5]));
    // The bar of 104 is open: four closed ones and the one that is carried.
    reload(&mut play, declare(&[4.0, 2.0]));
    assert_eq!(seat(&play), (Phase::Running, vec![101.5, 102.5]));
    second(&mut play, 10_500);
    assert_eq!(seat(&play), (Phase::Running, vec![102.5, 103.5]));
    play.hand(0, |_| Err(fault("enough")));
    second(&mut play, 10_600);
    assert_eq!(seat(&play), (Phase::Running, vec![104.5]));
}

#[test]
fn a_version_may_replace_one_that_is_not_warm() {
    let waits = Actor::with_init(|desk| {
        let declared = desk.indicator(IndicatorSource::Trades(BTC), "sma", &[50.0]);
        declared.map(drop).map_err(|_| fault("no indicator"))
    });
    let mut play = Play::with(config(1), vec![waits]);
    let phase = |play: &Play| play.engine.floor().seats()[0].phase;
    assert_eq!(phase(&play), Phase::Warming);
    reload(&mut play, Actor::default());
    assert_eq!((phase(&play), version(&play)), (Phase::Running, 1));
    assert!(play.told(0).contains(&"start".to_owned()));
    // Taken back, the one before waits on.
    play.hand(0, |_| Err(fault("enough")));
    play.trade(10_000, 1, Side::Buy, true);
    assert_eq!((phase(&play), version(&play)), (Phase::Warming, 0));
}

#[test]
fn a_version_that_must_get_warm_says_so_and_names_what_has_no_stop() {
    for is_protected in [false, true] {
        let mut play = Play::new(config(1));
        play.buy(0.5);
        assert!(play.position(0) > 0);
        if is_protected {
            let stop = ProtectRequest {
                market: BTC,
                stop: 99.0,
                take: None,
                reason: Note::EMPTY,
            };
            play.act(0, move |desk| desk.protect(&stop).denied);
        }
        let waits = Actor::with_init(|desk| {
            let declared = desk.indicator(IndicatorSource::Trades(BTC), "sma", &[50.0]);
            declared.map(drop).map_err(|_| fault("no indicator"))
        });
        let swapped = reload(&mut play, waits);
        let mut words = "version 1 rests until `sma` is warm (50 updates)".to_owned();
        if !is_protected {
            words += ": NO STOP for its long sim:BTCUSDT";
        }
        let Swapped::Live {
            rests: Some(rests), ..
        } = swapped
        else {
            panic!("{swapped:?}");
        };
        assert_eq!(rests.as_str(), words);
        assert_eq!(notes(&play, NoteKind::Alert), [words]);
    }
}

#[test]
fn a_strategy_that_a_person_paused_stays_paused() {
    let mut play = Play::new(config(1));
    play.command(CommandKind::Pause, FIRST);
    let state = |play: &Play| play.engine.floor().state().strategy(FIRST);
    let paused = state(&play);
    assert_ne!(paused, Some(TradingState::Active));
    let swapped = reload(&mut play, Actor::default());
    assert!(matches!(swapped, Swapped::Live { .. }));
    assert_eq!((state(&play), version(&play)), (paused, 1));
    play.command(CommandKind::Unpause, FIRST);
    assert_eq!(play.place(limit(Side::Buy, 0.5, 99.0)).denied, GateCode::Ok);
}

#[test]
fn a_snapshot_within_the_probation_rolls_back_as_the_engine_does() {
    let mut play = Play::new(config(1));
    play.trade(10_000, 1, Side::Buy, true);
    reload(&mut play, Actor::default());
    play.place(limit(Side::Buy, 0.5, 99.0));
    let mut bytes = Vec::new();
    play.engine.save(&mut bytes).expect("small");
    let known = versions(&bytes).expect("whole");
    assert_eq!(known[0].current.document, b"document");
    assert_eq!(
        known[0].before.as_ref().map(|before| before.number),
        Some(0)
    );
    let without = Engine::restore(config(1), vec![Box::new(Actor::default())], &bytes);
    assert!(without.is_err(), "the version before is missing");
    let instances = vec![Instances {
        current: Box::new(play.version(0, Actor::default())),
        before: Some(Box::new(play.version(0, Actor::default()))),
    }];
    let restored = Engine::restore_versions(config(1), instances, &bytes);
    let mut restored = restored.unwrap_or_else(|fault| panic!("{fault}"));
    let mut again = Vec::new();
    restored.save(&mut again).expect("small");
    assert_eq!(bytes, again);
    let mut records = Vec::new();
    for _ in 0..2 {
        play.hand(0, |_| Err(fault("enough")));
        let from = play.cells.len();
        let (now, seq) = (play.now, play.engine.seq());
        play.trade(10_000, 1, Side::Buy, true);
        assert_eq!((play.now, play.engine.seq().0), (now, seq.0 + 1));
        records.push(play.cells[from..].to_vec());
        std::mem::swap(&mut play.engine, &mut restored);
    }
    assert_eq!(records[0], records[1]);
    assert!(!records[0].is_empty());
}

#[test]
fn a_cut_that_is_known_is_not_run_again_and_leaves_the_same_records() {
    let run = |cuts: &[Cut], step: fn(&mut Play)| {
        let mut play = Play::new(config(1));
        for cut in cuts {
            play.engine.know_cut(*cut);
        }
        play.trade(10_000, 1, Side::Buy, true);
        step(&mut play);
        play.trade(10_000, 1, Side::Buy, true);
        let found = play.engine.cuts().to_vec();
        play.pass(200);
        (play.cells, found)
    };
    let (cells, cuts) = run(&[], |play| {
        play.hand(0, |_| {
            Err(Fault {
                kind: FaultKind::Cut,
                text: Note::cut("line 3: cut: out of time"),
            })
        });
    });
    assert_eq!((cuts.len(), cuts[0].strategy, cuts[0].call), (1, FIRST, 1));
    let (again, cuts_again) = run(&cuts, |play| {
        play.hand(0, |_| panic!("a call that was cut is not run"));
    });
    assert_eq!((cells, cuts), (again, cuts_again));
}

/// Has an order denied, so often.
fn denied(play: &mut Play, code: GateCode, times: usize) {
    for _ in 0..times {
        let request = match code {
            GateCode::PriceCollar => limit(Side::Buy, 1.0, 50.0),
            _ => limit(Side::Buy, 0.000_1, 99.0),
        };
        play.assert_denied(request, code);
    }
}

#[test]
fn denials_that_the_version_before_met_lately_do_not_take_a_version_back() {
    let mut play = Play::new(config(1));
    denied(&mut play, GateCode::PriceCollar, 1);
    reload(&mut play, Actor::default());
    denied(&mut play, GateCode::PriceCollar, 20);
    assert_eq!(version(&play), 1);
    // It goes on: the next version is excused for it, too.
    reload(&mut play, Actor::default());
    denied(&mut play, GateCode::PriceCollar, 20);
    denied(&mut play, GateCode::SizeZero, 4);
    assert_eq!(version(&play), 2);
    denied(&mut play, GateCode::SizeZero, 1);
    assert_eq!(version(&play), 1);
    let left = std::iter::from_fn(|| play.engine.take_retired()).last();
    let why = left.map(|left| left.why);
    assert!(
        matches!(why, Some(Retirement::RolledBack(why, _)) if why.as_str() == "5 orders were denied: SIZE_ZERO"),
        "{why:?}"
    );
}

#[test]
fn denials_of_another_time_or_of_failed_calls_excuse_nothing() {
    type Before = fn(&mut Play);
    let befores: [Before; 5] = [
        |_| {},
        |play| {
            denied(play, GateCode::PriceCollar, 9);
            play.pass(60_100);
            play.book(BTC, 10_000);
        },
        |play| {
            denied(play, GateCode::PriceCollar, 9);
            for _ in 0..=PROBATION_CALLS {
                play.trade(10_000, 1, Side::Buy, true);
            }
        },
        |play| {
            play.hand(0, |desk| {
                desk.place(&limit(Side::Buy, 1.0, 50.0));
                Err(fault("and fails"))
            });
            play.trade(10_000, 1, Side::Buy, true);
        },
        // Of a version that has not proven itself.
        |play| {
            reload(play, Actor::default());
            denied(play, GateCode::PriceCollar, 4);
        },
    ];
    for (index, before) in befores.into_iter().enumerate() {
        let mut play = Play::new(config(1));
        before(&mut play);
        reload(&mut play, Actor::default());
        let number = version(&play);
        denied(&mut play, GateCode::PriceCollar, 4);
        assert_eq!(version(&play), number, "{index}");
        denied(&mut play, GateCode::PriceCollar, 1);
        assert_eq!(version(&play), number - 1, "{index}");
    }
}
