//! Measures the pause of a snapshot on the engine thread: `cargo run --release -p claire-strategies --example snapshot_cost`.
//!
//! One book of 2,000 levels, three scripts that trade on it, and tables of orders that have filled up. Prints
//! bytes, and the fastest, the median and the slowest of 1,000 saves; and the same of restoring.

use claire_engine::Engine;
use claire_engine::config::{EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::risk::{LatchedState, Profile};
use claire_engine::strategy::Strategy;
use claire_strategies::{RhaiStrategy, Script, bundled};
use claire_types::{
    Amount, Cell, Cells, ClockOffset, Contract, Currency, Depth, DurationNs, Header, Input,
    Instrument, InstrumentId, Level, Levels, Mode, Price, Qty, Scale, Side, Symbol, Trade, Venue,
    VenueNs, WallNs,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const SCRIPTS: [&str; 3] = ["churn", "imbalance", "ema_cross"];
const LEVELS: i64 = 1_000;
const ROUNDS: usize = 1_000;
const START: i64 = 1_700_000_000_000_000_000;

fn main() {
    let mut engine = Engine::new(config(), LatchedState::new(SCRIPTS.len()), scripts())
        .expect("a configuration");
    warm_up(&mut engine);
    let mut bytes = Vec::with_capacity(4 << 20);
    let saves = times(|| engine.save(black_box(&mut bytes)).expect("it fits"));
    let floor = engine.floor();
    println!(
        "{} levels, {} orders so far, {} working, {} bytes",
        floor.markets()[0].book.book().count(Side::Buy)
            + floor.markets()[0].book.book().count(Side::Sell),
        floor
            .seats()
            .iter()
            .map(|seat| seat.tally.orders)
            .sum::<u64>(),
        floor.orders().working_count(),
        bytes.len()
    );
    println!("save     {saves}");
    let (config, mut strategies) = (config(), Vec::new());
    let restores = times(|| {
        strategies.clear();
        strategies.extend(scripts());
        let engine = Engine::restore(config.clone(), std::mem::take(&mut strategies), &bytes);
        black_box(engine.expect("its own bytes"));
    });
    println!("restore  {restores}, scripts compiled");
}

fn times(mut act: impl FnMut()) -> String {
    let mut all: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            act();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    all.sort_by(f64::total_cmp);
    format!(
        "fastest {:.0} us, median {:.0} us, slowest {:.0} us",
        all[0],
        all[ROUNDS / 2],
        all[ROUNDS - 1]
    )
}

fn warm_up(engine: &mut Engine) {
    let mut put = |ms: i64, instrument, input: Input<'_>| {
        let header = Header {
            seq: 0,
            recv: WallNs(START + ms * 1_000_000),
            venue_time: VenueNs(START + ms * 1_000_000),
            instrument,
        };
        engine.apply(&header, &input);
    };
    let (none, btc) = (InstrumentId::NONE, InstrumentId(0));
    put(0, none, Input::Instrument(instrument()));
    let (venue, offset) = (Venue::Sim, DurationNs(0));
    put(0, none, Input::ClockOffset(ClockOffset { venue, offset }));
    for round in 0..3_000 {
        let (bids, asks) = (side(-1, round), side(1, round));
        put(
            round * 100,
            btc,
            Input::Depth(Depth {
                is_snapshot: round == 0,
                is_first: true,
                is_last: true,
                first_id: 1 + round as u64,
                last_id: 1 + round as u64,
                bids: Levels::new(Cells::new(&bids, &[])),
                asks: Levels::new(Cells::new(&asks, &[])),
            }),
        );
        let trade = Trade {
            trade_id: round as u64,
            price: Price(5_000_000 + round % 40 * 10),
            qty: Qty(3_000),
            aggressor: Side::Buy,
            is_aggregate: false,
            is_off_book: false,
        };
        put(round * 100, btc, Input::Trade(trade));
        put(round * 100, none, Input::Timer);
    }
}

/// A side of 1,000 levels; then its first ones, with other quantities.
fn side(sign: i64, round: i64) -> Vec<Cell> {
    let count = if round == 0 { LEVELS } else { 20 };
    let level = |rank: i64| Level {
        price: Price(5_000_000 + sign * (rank * 10 + 10)),
        qty: Qty(1_000 + (rank * 7 + round * 13) % 997),
    };
    (0..count).map(|rank| level(rank).cell()).collect()
}

fn config() -> EngineConfig {
    let mut config = EngineConfig::new(Mode::Replay);
    config.risk.profile = Profile::Bench;
    config.fees.push(FeeSchedule {
        venue: Venue::Sim,
        symbol: None,
        maker_share: Amount(Amount::ONE.0 / 1_000),
        taker_share: Amount(Amount::ONE.0 / 1_000),
    });
    config.strategies = SCRIPTS
        .iter()
        .map(|name| StrategyConfig {
            name: Symbol::cut(name),
            market: "sim:BTCUSDT".parse().expect("a key"),
            budget_share: None,
            budget_amount: None,
        })
        .collect();
    config
}

fn scripts() -> Vec<Box<dyn Strategy>> {
    SCRIPTS
        .iter()
        .map(|name| {
            let script = Script::compile(name, bundled(name).expect("shipped"), &[]);
            let script = script.unwrap_or_else(|faults| panic!("{}", faults[0]));
            Box::new(RhaiStrategy::new(Arc::new(script))) as Box<dyn Strategy>
        })
        .collect()
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        key: "sim:BTCUSDT".parse().expect("a key"),
        scale: Scale {
            price_digits: 2,
            qty_digits: 5,
        },
        contract: Contract::Linear,
        is_trading: true,
        tick: Price(10),
        step: Qty(1),
        qty_min: Qty(1),
        qty_max: Qty(0),
        notional_min: Amount(5 * Amount::ONE.0),
        multiplier: Amount::ONE,
        base: Currency::cut("BTC"),
        quote: Currency::cut("USDT"),
        settle: Currency::cut("USDT"),
    }
}
