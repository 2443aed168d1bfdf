//! Save, restore, go on: equal to the end, wherever it was cut.

use crate::world::{self, Inputs, Seat};
use claire_engine::Engine;
use claire_types::{Cell, TradingState};
use std::collections::BTreeMap;

/// Why a place was chosen to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Start,
    Spread,
    OpenFrame,
    WorkingOrders,
    Halted,
    Reducing,
    PartlyFilled,
    End,
}

/// A run from the start: its records by input, and its state at the places that were chosen.
struct Whole {
    records: Vec<Vec<Cell>>,
    cuts: Vec<(usize, Place, Vec<u8>)>,
    last: Vec<u8>,
}

/// Most cuts of a kind: each costs a run to the end.
const CUTS_MAX: usize = 6;

impl Whole {
    fn of(seats: &[Seat], inputs: &Inputs) -> Self {
        let mut engine = world::engine(seats);
        let mut whole = Self {
            records: Vec::with_capacity(inputs.len()),
            cuts: vec![(0, Place::Start, world::saved(&engine))],
            last: Vec::new(),
        };
        let mut seen: BTreeMap<Place, (usize, usize)> = BTreeMap::new();
        let gap = inputs.len() / 60;
        world::apply(&mut engine, inputs, 0..inputs.len(), |index, engine| {
            whole.records.push(engine.records().to_vec());
            let place = place_of(engine, inputs, index, gap);
            let Some(place) = place else {
                return;
            };
            let (count, next) = seen.entry(place).or_default();
            if *count < CUTS_MAX && index >= *next {
                (*count, *next) = (*count + 1, index + gap);
                whole.cuts.push((index + 1, place, world::saved(engine)));
            }
        });
        whole.last = world::saved(&engine);
        println!(
            "{} inputs, {} orders, {} bytes at the end, cuts {seen:?}",
            inputs.len(),
            engine
                .floor()
                .seats()
                .iter()
                .map(|seat| seat.tally.orders)
                .sum::<u64>(),
            whole.last.len(),
        );
        for place in [
            Place::Spread,
            Place::OpenFrame,
            Place::WorkingOrders,
            Place::End,
        ] {
            assert!(seen.contains_key(&place), "the run has a {place:?}");
        }
        whole
    }
}

fn place_of(engine: &Engine, inputs: &Inputs, index: usize, gap: usize) -> Option<Place> {
    let floor = engine.floor();
    if index + 1 == inputs.len() {
        return Some(Place::End);
    }
    if world::open_frame(&inputs.message(index)).is_some() {
        return Some(Place::OpenFrame);
    }
    match floor.state().account() {
        TradingState::Halted => return Some(Place::Halted),
        TradingState::Reducing => return Some(Place::Reducing),
        _ => {}
    }
    let orders = floor.orders();
    if orders.working().any(|order| order.filled.0 > 0) {
        return Some(Place::PartlyFilled);
    }
    if orders.working_count() > 2 {
        return Some(Place::WorkingOrders);
    }
    index.is_multiple_of(gap).then_some(Place::Spread)
}

fn check(seats: &[Seat], inputs: &Inputs) {
    let whole = Whole::of(seats, inputs);
    for (start, place, bytes) in &whole.cuts {
        let mut engine = world::restored(seats, bytes);
        assert_eq!(
            world::saved(&engine),
            *bytes,
            "{place:?} before input {start}"
        );
        assert_eq!(engine.seq().0, *start as u64);
        world::apply(
            &mut engine,
            inputs,
            *start..inputs.len(),
            |index, engine| {
                assert!(
                    engine.records() == whole.records[index],
                    "cut at {place:?} before input {start}: other records at input {index}"
                );
            },
        );
        assert_eq!(
            world::saved(&engine),
            whole.last,
            "{place:?} before input {start}"
        );
    }
}

#[test]
fn prop_a_restored_engine_goes_on_as_the_one_that_was_saved() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("a number"));
    for seed in seed..seed + 3 {
        println!("seed {seed}");
        check(&world::MADE, &world::made(seed, 60));
    }
}

#[test]
fn recorded_sessions_go_on_from_a_snapshot_too() {
    match world::recorded("spot_btcusdt_20240808.txt.gz", 12_000) {
        Some(inputs) => check(&world::RECORDED, &inputs),
        None => eprintln!("SKIPPED on recorded data: none at CLAIRE_DATA"),
    }
}
