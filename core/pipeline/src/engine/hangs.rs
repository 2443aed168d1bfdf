//! Hung scripts of every kind: each is cut, in time, on both backends, and the journal of its run is verified.
//!
//! `CLAIRE_HANGS` sets how many hang; the figures are printed. The campaign is
//! `CLAIRE_HANGS=1000 cargo test --release -p claire-pipeline --lib hangs -- --nocapture`.

use super::parts::PartTimes;
use crate::clock::Clock;
use crate::config::{Config, Selection, Sources};
use crate::feed::replay::Speed;
use crate::replay::{ReplayRequest, replay};
use crate::run::RecordPlan;
use crate::topology::Topology;
use crate::verify::{Verdict, verify};
use claire_engine::Engine;
use claire_engine::config::{EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::floor::Phase;
use claire_engine::risk::LatchedState;
use claire_engine::strategy::Strategy;
use claire_sidecar::JournalReader;
use claire_strategies::{Backend, Limits, RhaiStrategy, Script, sandbox};
use claire_types::annotation::{Annotation, Cut};
use claire_types::{
    Amount, Cell, Header, Input, Instrument, InstrumentId, Mode, Symbol, Venue, WallNs,
};
use claire_venue::catalog::undescribed;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a handler hangs in: loops of every form, calls, errors that it catches, natives of the language on the largest
/// values that they take, and natives of ours.
const HANGS: [&str; 40] = [
    "loop { }",
    "while true { this.n += 1; }",
    "do { this.n += 1; } while true",
    "do { this.n += 1; } until false",
    "for i in 0..9000000000 { this.n = i; }",
    "for i in 0..9000 { for j in 0..9000 { for k in 0..9000 { this.n = k; } } }",
    "loop { switch this.n { 0 => this.n = 1, _ => this.n = 0 } }",
    "loop { if this.n > 3 { this.n = 0; continue; } this.n += 1; }",
    "again(1);",
    "loop { this.bump(); }",
    "loop { try { throw 1; } catch { } }",
    "try { loop { } } catch { loop { } }",
    "let f = |x| x + 1; loop { f.call(2); }",
    "let x = 0.0; loop { x = sqrt(x + 2.0) * sin(x); }",
    "let x = 1.5; loop { x = pow(x, 1.0001) + exp(-x) + ln(x + 3.0); }",
    "loop { this.n = (this.n * 31 + 7) % 1000003; }",
    "let s = \"\"; loop { s += \"ab\"; if s.len() > 4000 { s = \"\"; } }",
    "let s = \"\"; s.pad(4000, \"x\"); loop { s.index_of(\"xxy\"); }",
    "let s = \"\"; s.pad(4000, \"x\"); loop { s.replace(\"xx\", \"y\"); s.pad(4000, \"x\"); }",
    "let s = \"\"; s.pad(4000, \"x\"); loop { let t = s.to_upper(); let u = s.sub_string(1, 3000); }",
    "let s = \"\"; s.pad(4000, \"x \"); loop { let t = s.split(\" \"); }",
    "let s = \"\"; s.pad(2000, \"x\"); loop { let t = `${s}${this.n}`; }",
    "let a = []; a.pad(4000, 1); loop { a.reverse(); }",
    "let a = []; for i in 0..4000 { a.push((i * 7919) % 4001); } loop { let b = a; b.sort(); }",
    "let a = []; for i in 0..4000 { a.push((i * 7919) % 4001); } loop { let b = a; b.sort(|x, y| y - x); }",
    "let a = []; a.pad(4000, 1.5); loop { a.index_of(2.5); }",
    "let a = []; a.pad(4000, 1); loop { a.map(|x| x + 1); }",
    "let a = []; a.pad(4000, 1); loop { a.filter(|x| x > 1); }",
    "let a = []; a.pad(4000, 1); loop { a.reduce(|sum, x| sum + x, 0); }",
    "let a = []; a.pad(4000, 1); loop { let b = a; b.dedup(); }",
    "let a = []; a.pad(4000, 1); let c = a; loop { this.n = if a == c { 1 } else { 0 }; }",
    "let a = []; a.pad(2000, 1); loop { let b = a + a; }",
    "let a = []; a.pad(2000, 1); loop { a.insert(0, 1); a.remove(0); }",
    "let o = #{}; for i in 0..900 { o[`k${i}`] = i; } loop { let k = o.keys(); let v = o.values(); }",
    "let o = #{}; for i in 0..900 { o[`k${i}`] = i; } loop { let p = o; p.mixin(o); }",
    "loop { this.x = m.bid(1) + m.ask(2) + m.imbalance(1000); }",
    "loop { this.x = this.fast.value + this.fast.prev + m.mid; }",
    "loop { m.cancel_all(); m.cancel(no_order()); }",
    "loop { m.after(1000, \"u\"); m.stop_timer(\"u\"); }",
    "loop { this.x = m.qty_for(50.0) + m.qty_at_risk(0.01, 1.0); }",
];

const CALL_NS_MAX: u64 = 750_000;

fn text(hang: &str) -> String {
    format!(
        "fn again(x) {{ again(x + 1) + again(x + 2) }}\n\
         fn bump() {{ this.n += 1; }}\n\
         fn init(m) {{ m.every(100, \"t\"); warmup(0); #{{ n: 0, x: 0.0, fast: m.mid_vol(60_000) }} }}\n\
         fn on_timer(m, name) {{ {hang} }}\n"
    )
}

fn strategy(hang: &str, backend: Backend) -> Box<dyn Strategy> {
    let limits = Limits {
        operations_max: 1_000_000_000,
        ..Limits::default()
    };
    let script = Script::compile_under(&limits, "hang", &text(hang), &[]);
    let script = script.unwrap_or_else(|faults| panic!("{hang}: {}", faults[0]));
    Box::new(RhaiStrategy::with(Arc::new(script), backend))
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

/// What inputs came to.
struct Played {
    records: Vec<Cell>,
    cuts: Vec<Cut>,
    longest: Taken,
}

/// How long an input took.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Taken {
    /// Of its thread's time: what the cut answers for.
    on_core_ns: u64,
    /// Of everybody's, with what the system gave to other programs meanwhile.
    wall_ns: u64,
    /// It gave them something.
    is_preempted: bool,
}

/// Applies the instrument and three ticks.
fn play(engine: &mut Engine, clock: &Clock) -> Played {
    let inputs = [
        Input::Instrument(instrument()),
        Input::Timer,
        Input::Timer,
        Input::Timer,
    ];
    let mut played = Played {
        records: Vec::new(),
        cuts: Vec::new(),
        longest: Taken::default(),
    };
    for (number, input) in (1_u64..).zip(&inputs) {
        let header = Header::of_time(number, WallNs(1 + number as i64 * 100_000_000));
        let preempted = times_preempted();
        let (on_core, begun) = (clock.thread(), clock.mono());
        engine.apply(&header, input);
        let wall_ns = clock.mono().since(begun);
        let taken = Taken {
            on_core_ns: clock.thread().0.abs_diff(on_core.0),
            wall_ns,
            is_preempted: times_preempted() != preempted,
        };
        played.longest = played.longest.max(taken);
        played.records.extend_from_slice(engine.records());
        played.cuts.extend_from_slice(engine.cuts());
    }
    played
}

/// Lets a handler hang on an engine, and on one that knows the cut; returns what the longest input took.
fn hang_on_engine(hang: &str, backend: Backend, clock: &Clock) -> Taken {
    let mut first = engine(strategy(hang, backend));
    let (times, probe) = PartTimes::new(clock.clone());
    first.set_probe(Box::new(probe));
    sandbox::poll_with(Some(times.call_budget(CALL_NS_MAX)));
    let played = play(&mut first, clock);
    sandbox::poll_with(None);
    let seat = &first.floor().seats()[0];
    assert_eq!(played.cuts.len(), 1, "{hang}: {}", seat.fault_last);
    assert_eq!(seat.phase, Phase::Failed, "{hang}");
    // Applied again without a clock: the cut is known, and the script does not run into its hang.
    let mut second = engine(strategy(hang, backend));
    second.know_cut(played.cuts[0]);
    let again = play(&mut second, clock);
    assert_eq!(
        (played.records, played.cuts),
        (again.records, again.cuts),
        "{hang}"
    );
    played.longest
}

/// Replays a recording with a script that hangs and verifies the journal; returns what the longest call took.
fn hang_in_a_run(hang: &str, backend: &str, folder: &Path) -> u64 {
    let at = |name: &str| folder.join(name);
    std::fs::write(at("hang.rhai"), text(hang)).expect("writable");
    let journal = at("journal");
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let sources = Sources {
        environment: vec![
            variable("CLAIRE_DATA_DIR", &at("data").display().to_string()),
            variable("CLAIRE_JOURNAL__FSYNC", "never"),
            variable("CLAIRE_SCRIPT__OPERATIONS_MAX", "1000000000"),
        ],
        ..Sources::default()
    };
    let request = ReplayRequest {
        files: vec![at("recording.txt")],
        venue: Some(Venue::BinanceSpot),
        selection: Selection {
            strategies: vec![at("hang.rhai").display().to_string()],
            backend: Some(backend.to_owned()),
            ..Selection::default()
        },
        speed: Speed::Max,
        passes: 1,
        plan: RecordPlan {
            journal: Some(journal.clone()),
            store: None,
        },
        topology: Topology::Fused,
    };
    let config = Config::load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    let ended = replay(config, &request, Arc::new(AtomicBool::new(false)));
    let summary = ended
        .unwrap_or_else(|error| panic!("{hang}: {error}"))
        .summary;
    let error = summary.strategies[0].last_error.as_deref();
    assert!(
        error.is_some_and(|text| text.contains("cut: ")),
        "{hang}: {error:?}"
    );
    assert_eq!(cuts_in(&journal), 1, "{hang}");
    let verified = verify(&journal, None, None).unwrap_or_else(|error| panic!("{hang}: {error}"));
    assert!(
        matches!(verified.verdict, Verdict::Equal),
        "{hang}: {:?}",
        verified.verdict
    );
    std::fs::remove_dir_all(journal).expect("it was written");
    summary.run.latency["strategy"].max_ns
}

/// Returns how many cuts stand in a journal.
fn cuts_in(journal: &Path) -> usize {
    let mut reader = JournalReader::open(journal).expect("a journal");
    reader.show_all();
    let mut count = 0;
    while let Some(message) = reader.next_message().expect("a whole journal") {
        let annotation = Annotation::decode(&message.cells).expect("readable");
        count += usize::from(matches!(annotation, Some(Annotation::Cut(_))));
    }
    count
}

/// Returns how often this thread lost its core to another one.
fn times_preempted() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let lines = status.lines();
    let mut counts = lines.filter_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    let count = counts.next().and_then(|count| count.trim().parse().ok());
    count.unwrap_or_default()
}

/// Prints how long hangs took until they were cut, and returns the 99th percentile.
fn show_times(what: &str, mut taken: Vec<(u64, &str)>) -> u64 {
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    println!(
        "{} hangs {what}, ns until cut: p50 {:?}, p99 {:?}, max {:?}",
        taken.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    at(0.99).0
}

#[test]
fn hangs_of_every_kind_are_cut_and_not_run_again() {
    let count = std::env::var("CLAIRE_HANGS")
        .map_or(2 * HANGS.len(), |count| count.parse().expect("a number"));
    let clock = Clock::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut recording = Vec::new();
    claire_sim::write_recording(&mut recording, 7, 1).expect("memory takes all");
    std::fs::write(folder.path().join("recording.txt"), recording).expect("writable");
    let (mut on_engine, mut in_runs) = (Vec::new(), Vec::new());
    let backends = [
        (Backend::Auto, "auto"),
        (Backend::Interpreted, "interpreted"),
    ];
    let kinds = HANGS.iter().flat_map(|hang| backends.map(|of| (*hang, of)));
    for (hang, (backend, name)) in kinds.cycle().take(count) {
        on_engine.push((hang_on_engine(hang, backend, &clock), hang));
        in_runs.push((hang_in_a_run(hang, name, folder.path()), hang));
    }
    let wall = |of: &(Taken, &'static str)| (of.0.wall_ns, of.1);
    show_times("in runs, by the wall", in_runs);
    show_times("by the wall", on_engine.iter().map(wall).collect());
    let undisturbed = on_engine.iter().filter(|(taken, _)| !taken.is_preempted);
    let undisturbed: Vec<_> = undisturbed.map(wall).collect();
    assert!(undisturbed.len() > count / 4, "{}", undisturbed.len());
    let p99_undisturbed = show_times("by the wall that kept their core", undisturbed);
    let on_core = on_engine
        .iter()
        .map(|(taken, hang)| (taken.on_core_ns, *hang));
    let p99 = show_times("of their thread's time", on_core.collect());
    let mut slow: Vec<_> = on_engine
        .iter()
        .map(|(taken, hang)| (taken.on_core_ns, *hang))
        .collect();
    slow.sort_unstable();
    for (ns, hang) in slow.iter().rev().take(count / 20) {
        println!("{ns} {hang}");
    }
    if count >= 1_000 {
        // All of them by what the cut answers for, and by the wall those that the system let run.
        assert!(
            p99.max(p99_undisturbed) <= 1_000_000,
            "{p99} {p99_undisturbed}"
        );
    }
}
