//! The scripts of this repository and of the interface's page.

use crate::desk::{FakeDesk, bar, fake, fill};
use claire_engine::strategy::{
    BarView, IndicatorView, LentDesk, OrderHandle, Strategy, StrategyEvent,
};
use claire_strategies::native::{Churn, EmaCross};
use claire_strategies::{Limits, RhaiStrategy, Script};
use claire_types::InstrumentId;
use std::path::PathBuf;
use std::sync::Arc;

const MAIN: InstrumentId = InstrumentId(0);
const BOOK: StrategyEvent<'static> = StrategyEvent::Book { market: MAIN };

fn started(name: &str) -> (RhaiStrategy, LentDesk) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(name);
    let script = Script::load(&Limits::default(), &path, &[]);
    let script = script.unwrap_or_else(|all| panic!("{}", all[0]));
    let mut strategy = RhaiStrategy::new(Arc::new(script));
    let mut desk = FakeDesk::lent();
    strategy
        .call(&StrategyEvent::Init, &mut desk)
        .unwrap_or_else(|fault| panic!("{}", fault.text));
    fake(&mut desk).is_init = false;
    fake(&mut desk).log.clear();
    (strategy, desk)
}

fn call(strategy: &mut dyn Strategy, desk: &mut LentDesk, event: StrategyEvent<'_>) -> Vec<String> {
    strategy
        .call(&event, desk)
        .unwrap_or_else(|fault| panic!("{}", fault.text));
    std::mem::take(&mut fake(desk).log)
}

fn set(desk: &mut LentDesk, indicator: usize, output: usize, prev: f64, value: f64) {
    fake(desk).indicators[indicator].1[output] = IndicatorView {
        value,
        prev,
        is_warm: true,
    };
}

#[test]
fn every_shipped_script_compiles_and_says_idea_inputs_and_risks() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".rhai"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "avellaneda_stoikov.rhai",
            "breakout.rhai",
            "churn.rhai",
            "ema_cross.rhai",
            "empty.rhai",
            "grid.rhai",
            "imbalance.rhai",
            "market_maker.rhai",
            "mean_reversion.rhai",
            "momentum.rhai"
        ]
    );
    for name in names {
        let (strategy, _) = started(&name);
        let source = strategy.script().source();
        let head: String = source
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        for word in ["Idea", "nputs", "isks"] {
            assert!(head.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn ema_cross_enters_on_the_cross_and_leaves_on_the_next() {
    let (mut strategy, mut desk) = started("ema_cross.rhai");
    let event = StrategyEvent::Bar {
        market: MAIN,
        bar: bar(100.0),
    };
    set(&mut desk, 0, 0, 99.0, 101.0);
    set(&mut desk, 1, 0, 100.0, 100.0);
    let log = call(&mut strategy, &mut desk, event);
    assert!(
        log.iter()
            .any(|line| line.starts_with("0 buy 2.4937") && line.ends_with("[fast above slow]")),
        "{log:?}"
    );
    fake(&mut desk).facts[0].is_flat = false;
    set(&mut desk, 0, 0, 101.0, 99.0);
    let log = call(&mut strategy, &mut desk, event);
    assert_eq!(
        log.last().map(String::as_str),
        Some("0 flatten [fast below slow]")
    );
}

#[test]
fn the_native_ema_cross_does_as_the_script() {
    let (mut script, mut desk_of_script) = started("ema_cross.rhai");
    let mut desk = FakeDesk::lent();
    let mut native = EmaCross::new(60_000, [12, 48], 250.0);
    call(&mut native, &mut desk, StrategyEvent::Init);
    fake(&mut desk).is_init = false;
    let event = StrategyEvent::Bar {
        market: MAIN,
        bar: bar(100.0),
    };
    let mut cross = |native: &mut EmaCross, is_flat: bool, prev: f64, value: f64| {
        for desk in [&mut desk, &mut desk_of_script] {
            fake(desk).facts[0].is_flat = is_flat;
            set(desk, 0, 0, prev, value);
            set(desk, 1, 0, 100.0, 100.0);
        }
        let log = call(native, &mut desk, event);
        assert_eq!(log, call(&mut script, &mut desk_of_script, event));
        log
    };
    let log = cross(&mut native, true, 99.0, 101.0);
    let last = log.last().expect("an order");
    assert!(
        last.starts_with("0 buy 2.4937") && last.ends_with("[fast above slow]"),
        "{log:?}"
    );
    let mut saved = Vec::new();
    native.save(&mut saved);
    let mut other = EmaCross::new(60_000, [12, 48], 250.0);
    other.restore(&saved).expect("its own bytes");
    assert_eq!(other, native);
    assert!(other.restore(&saved[1..]).is_err());
    let log = cross(&mut other, false, 101.0, 99.0);
    let last = log.last().map(String::as_str);
    assert_eq!(last, Some("0 flatten [fast below slow]"));
}

#[test]
fn imbalance_takes_the_heavy_side_and_leaves_by_its_timer() {
    let (mut strategy, mut desk) = started("imbalance.rhai");
    fake(&mut desk).imbalance = 0.9;
    let mut log = Vec::new();
    let mid = std::mem::take(&mut fake(&mut desk).facts[0].mid);
    for _ in 0..20 {
        log.extend(call(&mut strategy, &mut desk, BOOK));
    }
    assert!(
        log.is_empty(),
        "without a price nothing is entered: {log:?}"
    );
    fake(&mut desk).facts[0].mid = mid;
    for _ in 0..20 {
        log.extend(call(&mut strategy, &mut desk, BOOK));
    }
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].starts_with("signal buy"), "{log:?}");
    assert!(
        log[1].starts_with("0 buy 2.4937") && log[1].ends_with("@ 100.5 IOC [bid heavy]"),
        "{log:?}"
    );
    let filled = StrategyEvent::Fill {
        market: MAIN,
        fill: fill(OrderHandle::NONE),
    };
    assert_eq!(
        call(&mut strategy, &mut desk, filled),
        ["0 protect 0.5 take Some(250.5) [ticks]", "after 1500 hold"]
    );
    fake(&mut desk).facts[0].is_flat = false;
    let timer = StrategyEvent::Timer { name: "hold" };
    assert_eq!(
        call(&mut strategy, &mut desk, timer),
        ["0 flatten [held long enough]"]
    );
}

#[test]
fn breakout_enters_beyond_the_earlier_channel_in_a_trend_and_leaves_by_the_exit_channel() {
    let (mut strategy, mut desk) = started("breakout.rhai");
    // Channel, exit channel, range, strength of the trend.
    set(&mut desk, 0, 1, 101.0, 103.0);
    set(&mut desk, 0, 2, 95.0, 97.0);
    set(&mut desk, 1, 1, 101.0, 103.0);
    set(&mut desk, 1, 2, 98.0, 98.0);
    set(&mut desk, 2, 0, 1.0, 1.0);
    set(&mut desk, 3, 0, 19.0, 19.0);
    let at = |close| StrategyEvent::Bar {
        market: MAIN,
        bar: bar(close),
    };
    assert!(
        call(&mut strategy, &mut desk, at(102.0)).is_empty(),
        "no trend, no entry"
    );
    set(&mut desk, 3, 0, 30.0, 30.0);
    assert!(call(&mut strategy, &mut desk, at(100.0)).is_empty());
    let log = call(&mut strategy, &mut desk, at(102.0));
    assert!(
        log.len() == 1
            && log[0].starts_with("0 target 2.493")
            && log[0].ends_with("[above the channel]"),
        "{log:?}"
    );
    fake(&mut desk).facts[0].is_flat = false;
    fake(&mut desk).facts[0].position = 1.0;
    assert!(call(&mut strategy, &mut desk, at(99.0)).is_empty());
    assert_eq!(
        call(&mut strategy, &mut desk, at(97.5)),
        ["0 flatten [below the exit channel]"]
    );
}

#[test]
fn momentum_follows_a_change_that_came_with_volume_and_leaves_when_it_is_used_up() {
    let (mut strategy, mut desk) = started("momentum.rhai");
    let with = |volume| StrategyEvent::Bar {
        market: MAIN,
        bar: BarView {
            volume,
            ..bar(100.0)
        },
    };
    // A rate of change in percent: 40 basis points.
    set(&mut desk, 0, 0, 0.4, 0.4);
    call(&mut strategy, &mut desk, with(10.0));
    for _ in 0..400 {
        call(&mut strategy, &mut desk, with(10.0));
    }
    let quiet = call(&mut strategy, &mut desk, with(11.0));
    assert!(quiet.iter().all(|line| !line.contains("buy")), "{quiet:?}");
    let log = call(&mut strategy, &mut desk, with(20.0));
    assert!(
        log.iter().any(|line| line.starts_with("0 buy 2.493")),
        "{log:?}"
    );
    let facts = &mut fake(&mut desk).facts[0];
    (facts.is_flat, facts.position, facts.avg_price) = (false, 1.0, 100.0);
    let holds = call(&mut strategy, &mut desk, with(10.0));
    assert!(
        holds.iter().all(|line| !line.contains("flatten")),
        "{holds:?}"
    );
    set(&mut desk, 0, 0, 0.4, 0.04);
    let log = call(&mut strategy, &mut desk, with(10.0));
    assert_eq!(
        log.last().map(String::as_str),
        Some("0 flatten [the change is used up]")
    );
    set(&mut desk, 0, 0, 0.4, 0.4);
    fake(&mut desk).facts[0].avg_price = 100.5;
    let log = call(&mut strategy, &mut desk, with(10.0));
    assert_eq!(
        log.last().map(String::as_str),
        Some("0 flatten [lost too much]")
    );
}

/// Returns the price and the quantity of the quote on this side.
fn quoted(log: &[String], side: &str) -> Option<(f64, f64)> {
    let start = format!("0 quote {side} ");
    let line = log.iter().find_map(|line| line.strip_prefix(&start))?;
    let (qty, rest) = line.split_once(" @ ")?;
    let price = rest.split_whitespace().next()?;
    Some((price.parse().ok()?, qty.parse().ok()?))
}

#[test]
fn makers_quote_both_sides_and_lean_against_what_they_hold() {
    for name in ["market_maker.rhai", "avellaneda_stoikov.rhai"] {
        let (mut strategy, mut desk) = started(name);
        // Half a basis point a second.
        set(&mut desk, 0, 0, 0.000_05, 0.000_05);
        let timer = StrategyEvent::Timer { name: "quote" };
        let log = call(&mut strategy, &mut desk, timer);
        let (bid, bid_qty) = quoted(&log, "buy").expect("a bid");
        let (ask, ask_qty) = quoted(&log, "sell").expect("an ask");
        let facts = fake(&mut desk).facts[0];
        let (low, high) = (
            facts.mid.min(facts.microprice),
            facts.mid.max(facts.microprice),
        );
        assert!(bid < high && low < ask && bid < ask, "{name}: {log:?}");
        assert!(bid_qty > 0.0 && ask_qty > 0.0, "{name}: {log:?}");
        fake(&mut desk).facts[0].exposure = 200.0;
        fake(&mut desk).facts[0].position = 2.0;
        let log = call(&mut strategy, &mut desk, timer);
        let leaned = quoted(&log, "buy").zip(quoted(&log, "sell"));
        let ((lower, _), (nearer, _)) = leaned.expect("both");
        assert!(
            lower < bid && nearer < ask,
            "{name}: long, both go down: {log:?}"
        );
        fake(&mut desk).facts[0].exposure = 2_000.0;
        let log = call(&mut strategy, &mut desk, timer);
        let (_, full) = quoted(&log, "buy").expect("a withdrawn bid");
        assert_eq!(full, 0.0, "{name}: {log:?}");
    }
}

#[test]
fn grid_buys_below_its_anchor_sells_a_step_above_and_gives_up_far_below() {
    let (mut strategy, mut desk) = started("grid.rhai");
    let timer = StrategyEvent::Timer { name: "look" };
    let quotes = |log: &[String], side: &str| -> Vec<String> {
        let start = format!("0 quote {side} ");
        let of_side = log.iter().filter(|line| line.starts_with(&start));
        of_side
            .filter(|line| !line.contains(" 0 @"))
            .cloned()
            .collect()
    };
    let log = call(&mut strategy, &mut desk, timer);
    assert_eq!(quotes(&log, "buy").len(), 4, "{log:?}");
    assert!(quotes(&log, "sell").is_empty(), "{log:?}");
    let facts = &mut fake(&mut desk).facts[0];
    let step = (150.0 / facts.mid / facts.step).floor() * facts.step;
    (facts.is_flat, facts.position) = (false, step);
    let log = call(&mut strategy, &mut desk, timer);
    assert_eq!(quotes(&log, "buy").len(), 3, "one step is held: {log:?}");
    assert_eq!(quotes(&log, "sell").len(), 1, "{log:?}");
    let facts = &mut fake(&mut desk).facts[0];
    facts.mid *= 0.97;
    let log = call(&mut strategy, &mut desk, timer);
    assert!(
        log.iter().any(|line| line == "0 flatten [below the grid]"),
        "{log:?}"
    );
}

#[test]
fn mean_reversion_buys_far_below_and_leaves_at_the_average() {
    let (mut strategy, mut desk) = started("mean_reversion.rhai");
    let event = StrategyEvent::Bar {
        market: MAIN,
        bar: bar(99.0),
    };
    set(&mut desk, 0, 0, -1.0, -2.5);
    let log = call(&mut strategy, &mut desk, event);
    assert!(log[1].contains("@ 100 POST_ONLY [far below]"), "{log:?}");
    fake(&mut desk).facts[0].is_flat = false;
    fake(&mut desk).facts[0].position = 1.0;
    set(&mut desk, 0, 0, -2.5, -0.1);
    let log = call(&mut strategy, &mut desk, event);
    assert_eq!(
        log.last().map(String::as_str),
        Some("0 flatten [back at the average]")
    );
}

#[test]
fn churn_places_very_many_orders_and_keeps_two_alive() {
    let (mut strategy, mut desk) = started("churn.rhai");
    for _ in 0..600 {
        call(
            &mut strategy,
            &mut desk,
            StrategyEvent::Timer { name: "renew" },
        );
    }
    let orders = &fake(&mut desk).orders;
    assert_eq!(orders.len(), 1_200);
    assert_eq!(orders.iter().filter(|order| order.is_open).count(), 2);
    let log = call(&mut strategy, &mut desk, StrategyEvent::Stop);
    assert_eq!(log, ["0 cancel_all", "Note: placed 1200 orders"]);
}

#[test]
fn the_native_churn_places_very_many_orders_and_goes_on_after_a_restore() {
    let mut desk = FakeDesk::lent();
    fake(&mut desk).is_init = false;
    let mut native = Churn::new(20.0, 2);
    for _ in 0..1_001 {
        call(&mut native, &mut desk, BOOK);
    }
    assert_eq!(fake(&mut desk).orders.len(), 1_000);
    let mut saved = Vec::new();
    native.save(&mut saved);
    let mut other = Churn::new(20.0, 2);
    other.restore(&saved).expect("its own bytes");
    assert_eq!(other, native);
    call(&mut other, &mut desk, BOOK);
    let orders = &fake(&mut desk).orders;
    assert_eq!(
        (
            orders.len(),
            orders.iter().filter(|order| order.is_open).count()
        ),
        (1_002, 2)
    );
    assert!(other.restore(&saved[1..]).is_err());
}

#[test]
fn the_pages_three_scripts_run_unchanged() {
    let market = MAIN;
    let bar = bar(100.0);
    let cases: [(&str, &[StrategyEvent<'_>], &[&str]); 3] = [
        (
            include_str!("page/ema_cross_stop.rhai"),
            &[StrategyEvent::Bar { market, bar }],
            &["0 buy ", "0 protect "],
        ),
        (
            include_str!("page/imbalance_scalper.rhai"),
            &[
                StrategyEvent::Book { market },
                StrategyEvent::Book { market },
                StrategyEvent::Fill {
                    market,
                    fill: fill(OrderHandle::NONE),
                },
                StrategyEvent::Timer { name: "hold" },
            ],
            &[
                "0 protect 98.5 take Some(103.5) []",
                "after 1500 hold",
                "0 flatten [held too long]",
            ],
        ),
        (
            include_str!("page/market_maker.rhai"),
            &[StrategyEvent::Timer { name: "quote" }],
            &["0 quote buy ", "0 quote sell ", "plot /load 0"],
        ),
    ];
    for (source, events, wanted) in cases {
        let script = Script::compile("page", source, &[]).expect("compiles");
        let (mut strategy, mut desk) = (RhaiStrategy::new(Arc::new(script)), FakeDesk::lent());
        call(&mut strategy, &mut desk, StrategyEvent::Init);
        fake(&mut desk).is_init = false;
        let indicators = fake(&mut desk).indicators.iter_mut();
        let averages = indicators.filter(|(kind, _)| kind == "ema");
        for ((_, outputs), prev) in averages.zip([99.0, 100.0]) {
            outputs[0] = IndicatorView {
                prev,
                value: 200.0 - prev,
                is_warm: true,
            };
        }
        let logs = events
            .iter()
            .map(|event| call(&mut strategy, &mut desk, *event));
        let log: Vec<String> = logs.flatten().collect();
        for want in wanted {
            let is_there = log.iter().any(|line| line.starts_with(want));
            assert!(is_there, "{want}: {log:?}");
        }
    }
}
