//! All checks of the gate on one order that passes them all: the bar is 100 ns (DESIGN 5).
//!
//! `cargo bench -p claire-benches --bench risk`. The intent and what was measured go through
//! `black_box`, so nothing is computed ahead; the desk's measuring is not part of it.

use claire_engine::order::Working;
use claire_engine::risk::{
    DataFacts, Gate, GateInputs, Intent, MarketPrices, Profile, Purpose, Rates, RiskLimits, Scope,
    StrategyFacts,
};
use claire_types::{
    Amount, Contract, Currency, DurationNs, Instrument, InstrumentId, OrderFlags, OrderKind, Price,
    Qty, Scale, Side, StrategyId, TradingState,
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn gate(criterion: &mut Criterion) {
    let gate = Gate::new(RiskLimits::profile(Profile::Moderate));
    for (name, contract) in [
        ("spot", Contract::Spot),
        ("linear", Contract::Linear),
        ("inverse", Contract::Inverse),
    ] {
        let facts = instrument(contract);
        let inputs = inputs(&facts);
        let qty = if contract == Contract::Inverse {
            1
        } else {
            300_000
        };
        let intent = intent(Qty(qty));
        assert!(
            gate.check(&intent, &inputs).order.is_some(),
            "the order must pass every check"
        );
        criterion.bench_function(&format!("gate/all_checks/{name}"), |bencher| {
            bencher.iter(|| gate.check(black_box(&intent), black_box(&inputs)));
        });
    }
    let facts = instrument(Contract::Linear);
    let mut last = inputs(&facts);
    last.own_opposite = Some(Price(6_183_700));
    let intent = intent(Qty(300_000));
    assert!(
        gate.check(&intent, &last).order.is_none(),
        "the last check must refuse"
    );
    criterion.bench_function("gate/refused_by_the_last_check", |bencher| {
        bencher.iter(|| gate.check(black_box(&intent), black_box(&last)));
    });
}

/// 0.003 BTC at 61,837.60, or one contract of 100 USD.
fn intent(qty: Qty) -> Intent {
    Intent {
        strategy: StrategyId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        kind: OrderKind::Limit,
        flags: OrderFlags::NONE,
        qty,
        price: Price(6_183_760),
        purpose: Purpose::Order,
    }
}

fn inputs(facts: &Instrument) -> GateInputs<'_> {
    let scope = Scope {
        position: Qty(2),
        working: Working::default(),
        exposure_beside: Some(money(500)),
    };
    GateInputs {
        is_killed: Some(false),
        mode_sends: Some(true),
        account_state: Some(TradingState::Active),
        strategy_state: Some(TradingState::Active),
        strategy: Some(StrategyFacts {
            is_paused: false,
            is_cooling: false,
            is_warm: true,
            allocation: Amount::ONE,
        }),
        instrument: Some(facts),
        data: Some(DataFacts {
            is_proven: true,
            silent: DurationNs(1_000_000),
            quiet: DurationNs(2_000_000),
            venue_silent: DurationNs(1_000_000),
        }),
        prices: MarketPrices {
            reference: Some(Amount(61_837_635_000_000_000)),
            worst: Some(Price(6_183_770)),
        },
        quote_rate: Some(Amount::ONE),
        equity: Some(money(10_000)),
        account: scope,
        owner: scope,
        orders_open: 3,
        positions_open_beside: 1,
        rates: Rates {
            second: 2,
            minute: 60,
            exits_second: 0,
        },
        funds_free: Some(money(9_000)),
        fee_share: Some(Amount(Amount::ONE.0 / 1_000)),
        own_opposite: Some(Price(6_190_000)),
    }
}

fn instrument(contract: Contract) -> Instrument {
    let is_inverse = contract == Contract::Inverse;
    Instrument {
        id: InstrumentId(0),
        key: "sim:BTCUSDT".parse().expect("a valid key"),
        scale: Scale {
            price_digits: 2,
            qty_digits: if is_inverse { 0 } else { 8 },
        },
        contract,
        is_trading: true,
        tick: Price(1),
        step: if is_inverse { Qty(1) } else { Qty(1_000) },
        qty_min: Qty(1),
        qty_max: Qty(900_000_000_000),
        notional_min: money(5),
        multiplier: if is_inverse { money(100) } else { Amount::ONE },
        base: Currency::cut("BTC"),
        quote: Currency::cut("USDT"),
        settle: Currency::cut(if is_inverse { "BTC" } else { "USDT" }),
    }
}

fn money(whole: i128) -> Amount {
    Amount(whole * Amount::ONE.0)
}

criterion_group!(benches, gate);
criterion_main!(benches);
