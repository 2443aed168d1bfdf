//! Hung scripts of every kind: each is cut, in time, and its journal is applied again without it.
//!
//! `CLAIRE_HANGS` sets how many hang; the figures are printed. The campaign is
//! `CLAIRE_HANGS=1000 cargo test --release -p claire-pipeline --lib hangs -- --nocapture`.

use super::parts::PartTimes;
use crate::clock::Clock;
use claire_engine::Engine;
use claire_engine::config::{EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::floor::Phase;
use claire_engine::risk::LatchedState;
use claire_engine::strategy::Strategy;
use claire_strategies::{Limits, RhaiStrategy, Script, sandbox};
use claire_types::annotation::Cut;
use claire_types::{
    Amount, Cell, Header, Input, Instrument, InstrumentId, Mode, Symbol, Venue, WallNs,
};
use claire_venue::catalog::undescribed;
use std::sync::Arc;

/// What a handler hangs in: plain loops, natives on the largest values that they take, calls.
const HANGS: [&str; 12] = [
    "loop { }",
    "while true { this.n += 1; }",
    "for i in 0..9000000000 { this.n = i; }",
    "let x = 0.0; loop { x = sqrt(x + 2.0) * sin(x); }",
    "let s = \"\"; loop { s += \"ab\"; if s.len() > 4000 { s = \"\"; } }",
    "let s = \"\"; s.pad(4000, \"x\"); loop { s.index_of(\"xxy\"); }",
    "let s = \"\"; s.pad(4000, \"x\"); loop { s.replace(\"xx\", \"y\"); s.pad(4000, \"x\"); }",
    "let a = []; a.pad(4000, 1); loop { a.reverse(); }",
    "let a = []; for i in 0..4000 { a.push((i * 7919) % 4001); } loop { let b = a; b.sort(); }",
    "let a = []; a.pad(4000, 1.5); loop { a.index_of(2.5); }",
    "let a = []; a.pad(2000, 1); loop { let b = a + a; }",
    "again(1);",
];

const CALL_NS_MAX: u64 = 750_000;

fn strategy(hang: &str) -> Box<dyn Strategy> {
    let text = format!(
        "fn again(x) {{ again(x + 1) + again(x + 2) }}\n\
         fn init(m) {{ m.every(100, \"t\"); #{{ n: 0 }} }}\n\
         fn on_timer(m, name) {{ {hang} }}\n"
    );
    let limits = Limits {
        operations_max: 1_000_000_000,
        ..Limits::default()
    };
    let script = Script::compile_under(&limits, "hang", &text, &[]);
    let script = script.unwrap_or_else(|faults| panic!("{hang}: {}", faults[0]));
    Box::new(RhaiStrategy::new(Arc::new(script)))
}

fn engine(strategy: Box<dyn Strategy>) -> Engine {
    let mut config = EngineConfig::new(Mode::Paper);
    config.fees.push(FeeSchedule {
        venue: Venue::Sim,
        symbol: None,
        maker_share: Amount::ZERO,
        taker_share: Amount::ZERO,
    });
    config.strategies.push(StrategyConfig {
        name: Symbol::cut("hang"),
        market: "sim:BTCUSDT".parse().expect("a key"),
        budget_share: None,
        budget_amount: None,
    });
    Engine::new(config, LatchedState::new(1), vec![strategy]).expect("a valid configuration")
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        ..undescribed("sim:BTCUSDT".parse().expect("a key"))
    }
}

/// Applies the instrument and three ticks; returns records, cuts and what the longest input took of its thread's time.
fn play(engine: &mut Engine, clock: &Clock) -> (Vec<Cell>, Vec<Cut>, u64) {
    let inputs = [
        Input::Instrument(instrument()),
        Input::Timer,
        Input::Timer,
        Input::Timer,
    ];
    let (mut records, mut cuts, mut longest) = (Vec::new(), Vec::new(), 0);
    for (number, input) in (1_u64..).zip(&inputs) {
        let header = Header::of_time(number, WallNs(1 + number as i64 * 100_000_000));
        let begun = clock.thread();
        engine.apply(&header, input);
        longest = longest.max(clock.thread().0.abs_diff(begun.0));
        records.extend_from_slice(engine.records());
        cuts.extend_from_slice(engine.cuts());
    }
    (records, cuts, longest)
}

#[test]
fn hangs_of_every_kind_are_cut_and_not_run_again() {
    let count =
        std::env::var("CLAIRE_HANGS").map_or(HANGS.len(), |count| count.parse().expect("a number"));
    let clock = Clock::start();
    let mut taken: Vec<(u64, &str)> = Vec::new();
    for hang in HANGS.iter().copied().cycle().take(count) {
        let mut first = engine(strategy(hang));
        let (times, probe) = PartTimes::new(clock.clone());
        first.set_probe(Box::new(probe));
        sandbox::poll_with(Some(times.call_budget(CALL_NS_MAX)));
        let (records, cuts, longest) = play(&mut first, &clock);
        sandbox::poll_with(None);
        assert_eq!(cuts.len(), 1, "{hang}");
        assert_eq!(first.floor().seats()[0].phase, Phase::Failed, "{hang}");
        taken.push((longest, hang));
        // Applied again without a clock: the cut is known, and the script does not run into its hang.
        let mut second = engine(strategy(hang));
        second.know_cut(cuts[0]);
        let (again, cuts_again, _) = play(&mut second, &clock);
        assert_eq!((records, cuts), (again, cuts_again), "{hang}");
    }
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    println!(
        "{count} hangs, ns until cut: p50 {:?}, p99 {:?}, max {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    if count >= 1_000 {
        assert!(at(0.99).0 <= 1_000_000, "{:?}", at(0.99));
    }
}
