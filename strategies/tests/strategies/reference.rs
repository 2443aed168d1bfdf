//! `strategies/API.md` is what the definitions say, and its examples run.

use crate::desk::{FakeDesk, bar, fake, fill, trade};
use claire_engine::strategy::{OrderHandle, OrderView, Strategy, StrategyEvent};
use claire_strategies::{RhaiStrategy, Script, reference};
use claire_types::InstrumentId;
use std::sync::Arc;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/API.md");

#[test]
fn the_reference_is_what_the_definitions_say() {
    let made = reference();
    if std::env::var_os("CLAIRE_API").is_some_and(|value| value == "write") {
        std::fs::write(FILE, &made).expect("written");
    }
    let kept = std::fs::read_to_string(FILE).expect("strategies/API.md");
    let changed = made
        .lines()
        .zip(kept.lines())
        .find(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "strategies/API.md is not what the definitions say, first at {changed:?}; \
         CLAIRE_API=write writes it"
    );
}

#[test]
fn every_example_of_the_reference_compiles_and_runs() {
    let page = reference();
    let examples: Vec<&str> = page
        .split("```rhai\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect();
    assert_eq!(examples.len(), 12);
    for source in examples {
        let script = match Script::compile("example", source, &[]) {
            Ok(script) => script,
            Err(told) => panic!("{}\n{source}", told[0]),
        };
        let mut strategy = RhaiStrategy::new(Arc::new(script));
        let mut desk = FakeDesk::lent();
        fake(&mut desk).facts[0].spread_ticks = 20;
        for event in events() {
            strategy
                .call(&event, &mut desk)
                .unwrap_or_else(|fault| panic!("{}\n{source}", fault.text));
            fake(&mut desk).is_init = false;
        }
    }
}

fn events() -> Vec<StrategyEvent<'static>> {
    let market = InstrumentId(0);
    let once = [
        StrategyEvent::Start,
        StrategyEvent::Book { market },
        StrategyEvent::Trade {
            market,
            trade: trade(),
        },
        StrategyEvent::Bar {
            market,
            bar: bar(101.0),
        },
        StrategyEvent::Timer { name: "look" },
        StrategyEvent::Fill {
            market,
            fill: fill(OrderHandle::NONE),
        },
        StrategyEvent::Order {
            market,
            order: OrderView::NONE,
        },
    ];
    std::iter::once(StrategyEvent::Init)
        .chain(once)
        .chain(once)
        .chain([StrategyEvent::Stop])
        .collect()
}
