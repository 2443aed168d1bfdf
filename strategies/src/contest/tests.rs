//! Contests are fair: all forms do the same work, and one that does not is found out.

use super::*;

/// A clock that goes on by one with every look.
fn ticking() -> impl FnMut() -> u64 {
    let mut now = 0;
    move || {
        now += 1;
        now
    }
}

fn session(name: &'static str) -> Session {
    Session::new(name).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

#[test]
fn all_forms_of_every_strategy_do_the_same_work() {
    for name in STRATEGIES {
        let session = session(name);
        let rounds = Rounds {
            passes: 1,
            block: 512,
            repeats: 1,
        };
        let table = hold(&session, Vec::new(), rounds, &mut ticking());
        let table = table.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let names: Vec<&str> = table.figures.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["native", "compiled", "interpreted", "grain"]);
        assert_eq!(table.events, EVENTS);
        // The clock's one tick between two looks, over a block.
        assert_eq!(table.of("grain").expect("a figure").median_ns, 1.0 / 512.0);
        let Tally {
            calls,
            orders,
            undone,
            ..
        } = table.tally;
        let least = match name {
            "empty" => (0, 0),
            "ema_cross" => (2 * EVENTS as u64, 30),
            "breakout" => (300, 300),
            "imbalance" => (500, 500),
            _ => (3 * EVENTS as u64, 2 * EVENTS as u64),
        };
        assert!(
            calls >= least.0 && orders >= least.1,
            "{name}: {:?}",
            table.tally
        );
        assert_eq!(undone, 0, "{name}: compiled code left to the interpreter");
    }
}

#[test]
fn every_handler_of_the_strategies_is_called() {
    for name in STRATEGIES {
        let session = session(name);
        let has = session.script().handlers();
        let count = |is: fn(&claire_engine::strategy::StrategyEvent<'_>) -> bool| {
            session.events().iter().filter(|event| is(event)).count()
        };
        use claire_engine::strategy::StrategyEvent as Event;
        let called = [
            (has.book, count(|event| matches!(event, Event::Book { .. }))),
            (has.bar, count(|event| matches!(event, Event::Bar { .. }))),
            (
                has.timer,
                count(|event| matches!(event, Event::Timer { .. })),
            ),
            (has.fill, count(|event| matches!(event, Event::Fill { .. }))),
        ];
        for (is_there, count) in called {
            assert_eq!(is_there, count > 300, "{name}: {called:?}");
        }
    }
}

/// Plays as the strategy in Rust but leaves an event out.
struct Lazy(Played);

impl Contestant for Lazy {
    fn name(&self) -> &'static str {
        "lazy"
    }

    fn restart(&mut self) -> Result<(), String> {
        self.0.restart()
    }

    fn play(&mut self, session: &Session, events: Range<usize>) -> Result<(), String> {
        self.0.play(session, events.start + 1..events.end)
    }

    fn tally(&mut self) -> Tally {
        self.0.tally()
    }
}

#[test]
fn who_does_other_work_is_refused() {
    let session = session("market_maker");
    let native = native::of_script("market_maker").expect("it is there");
    let lazy = Lazy(Played::new("native", &session, native).expect("init runs"));
    let rounds = Rounds::default();
    let refused = hold(&session, vec![Box::new(lazy)], rounds, &mut ticking());
    let words = refused.expect_err("the work differs");
    assert!(
        words.starts_with("lazy did other work than native"),
        "{words}"
    );
}

#[test]
fn a_desk_tells_calls_apart_by_every_value() {
    use claire_engine::strategy::{Desk, QuoteRequest};
    use claire_types::{Note, Side};
    let hash = |act: &dyn Fn(&mut Pit)| {
        let mut pit = Pit::new(Arc::new([]), Cursor::default());
        act(&mut pit);
        pit.tally().hash
    };
    let quote = QuoteRequest {
        market: MARKET,
        side: Side::Buy,
        price: 100.0,
        qty: 1.0,
        keep_ticks: 3,
        level: 0,
        reason: Note::cut("a long enough reason"),
    };
    let mut hashes = vec![
        hash(&|pit| {
            pit.quote(&quote);
        }),
        hash(&|pit| {
            pit.quote(&QuoteRequest {
                side: Side::Sell,
                ..quote
            });
        }),
        hash(&|pit| {
            pit.quote(&QuoteRequest {
                price: 100.5,
                ..quote
            });
        }),
        hash(&|pit| {
            pit.quote(&QuoteRequest { qty: 1.5, ..quote });
        }),
        hash(&|pit| {
            pit.quote(&QuoteRequest {
                keep_ticks: 4,
                ..quote
            });
        }),
        hash(&|pit| {
            pit.quote(&QuoteRequest { level: 1, ..quote });
        }),
        hash(&|pit| {
            pit.quote(&QuoteRequest {
                reason: Note::EMPTY,
                ..quote
            });
        }),
        hash(&|pit| pit.plot("", "fast", 1.0)),
        hash(&|pit| pit.plot("", "slow", 1.0)),
        hash(&|pit| pit.plot("", "fast", 2.0)),
        hash(&|pit| pit.plot("fast", "", 1.0)),
        hash(&|pit| pit.signal(Side::Buy, 1.0, "fast")),
        hash(&|pit| pit.cancel_all(MARKET)),
    ];
    let count = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}
