//! Both sides of every threshold of every check, and what holds for all of them.

mod thresholds;

use super::*;
use crate::order::Working;
use crate::risk::{DataFacts, MarketPrices, Profile, Rates, Scope, StrategyFacts};
use claire_types::{
    Contract, Currency, DurationNs, Instrument, InstrumentId, OrderFlags, OrderKind, Price, Scale,
    Side, StrategyId,
};

/// Everything that an order passes with; cases change one thing of it.
#[derive(Clone, Copy)]
struct Setup {
    limits: RiskLimits,
    facts: Instrument,
    intent: Intent,
    inputs: GateInputs<'static>,
    knows_instrument: bool,
}

/// Reference 100.00, equity 10,000: an order may be 5.000, a position 10.000, all together 30.000.
fn setup() -> Setup {
    let flat = Scope {
        position: Qty(0),
        working: Working::default(),
        exposure_beside: Some(Amount::ZERO),
    };
    Setup {
        limits: RiskLimits::profile(Profile::Moderate),
        facts: instrument(Contract::Linear),
        intent: Intent {
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
            side: Side::Buy,
            kind: OrderKind::Limit,
            flags: OrderFlags::NONE,
            qty: Qty(1_000),
            price: Price(10_000),
            purpose: Purpose::Order,
        },
        inputs: GateInputs {
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
            instrument: None,
            data: Some(DataFacts {
                is_proven: true,
                silent: DurationNs(0),
                quiet: DurationNs(0),
                venue_silent: DurationNs(0),
            }),
            prices: MarketPrices {
                reference: Some(money(100)),
                worst: Some(Price(10_010)),
            },
            quote_rate: Some(Amount::ONE),
            equity: Some(money(10_000)),
            account: flat,
            owner: flat,
            orders_open: 0,
            positions_open_beside: 0,
            rates: Rates::default(),
            funds_free: Some(money(10_000)),
            fee_share: Some(Amount(Amount::ONE.0 / 1_000)),
            own_opposite: None,
        },
        knows_instrument: true,
    }
}

fn instrument(contract: Contract) -> Instrument {
    Instrument {
        id: InstrumentId(0),
        key: "sim:BTCUSDT".parse().expect("a valid key"),
        scale: Scale {
            price_digits: 2,
            qty_digits: 3,
        },
        contract,
        is_trading: true,
        tick: Price(10),
        step: Qty(5),
        qty_min: Qty(10),
        qty_max: Qty(100_000),
        notional_min: money(10),
        multiplier: Amount::ONE,
        base: Currency::cut("BTC"),
        quote: Currency::cut("USDT"),
        settle: Currency::cut("USDT"),
    }
}

fn money(whole: i128) -> Amount {
    Amount(whole * Amount::ONE.0)
}

fn rule(setup: &Setup) -> Ruling {
    let mut inputs = setup.inputs;
    let facts = setup.facts;
    if setup.knows_instrument {
        return Gate::new(setup.limits).check(
            &setup.intent,
            &GateInputs {
                instrument: Some(&facts),
                ..inputs
            },
        );
    }
    inputs.instrument = None;
    Gate::new(setup.limits).check(&setup.intent, &inputs)
}

type Break = fn(&mut Setup);
type Case = (&'static str, Break, GateCode);
type TrimCase = (&'static str, Break, GateCode, i64);

fn check_all(cases: &[Case]) {
    for (name, change, want) in cases {
        let mut setup = setup();
        change(&mut setup);
        let ruling = rule(&setup);
        assert_eq!(ruling.answer.code, *want, "{name}: {:?}", ruling.answer);
        let is_sent = *want == GateCode::Ok;
        assert_eq!(ruling.order.is_some(), is_sent, "{name}");
        let verdict = if is_sent {
            Verdict::Approved
        } else {
            Verdict::Denied
        };
        assert_eq!(ruling.answer.verdict, verdict, "{name}");
    }
}

use GateCode as C;
use TradingState as S;

#[test]
fn every_threshold_has_two_sides() {
    check_all(thresholds::CASES);
}

#[test]
fn what_was_not_measured_denies() {
    let cases: &[Case] = &[
        ("kill switch", |s| s.inputs.is_killed = None, C::KillSwitch),
        ("mode", |s| s.inputs.mode_sends = None, C::Mode),
        (
            "account state",
            |s| s.inputs.account_state = None,
            C::TradingState,
        ),
        (
            "strategy state",
            |s| s.inputs.strategy_state = None,
            C::TradingState,
        ),
        ("strategy", |s| s.inputs.strategy = None, C::Strategy),
        ("instrument", |s| s.knows_instrument = false, C::Instrument),
        ("data", |s| s.inputs.data = None, C::DataStale),
        (
            "reference",
            |s| s.inputs.prices.reference = None,
            C::Warming,
        ),
        ("worst price", |s| market(s, None), C::Warming),
        ("equity", |s| s.inputs.equity = None, C::Warming),
        ("conversion", |s| s.inputs.quote_rate = None, C::Warming),
        (
            "account exposure",
            |s| s.inputs.account.exposure_beside = None,
            C::Warming,
        ),
        (
            "own exposure",
            |s| s.inputs.owner.exposure_beside = None,
            C::Warming,
        ),
        ("funds", |s| s.inputs.funds_free = None, C::Warming),
        ("fee", |s| s.inputs.fee_share = None, C::Warming),
    ];
    check_all(cases);
}

#[test]
fn numbers_that_do_not_fit_deny() {
    let cases: &[(&str, Break)] = &[
        ("position", |s| s.inputs.account.position = Qty(i64::MAX)),
        ("working", |s| s.inputs.owner.working.buy = Qty(i64::MAX)),
        ("equity", |s| s.inputs.equity = Some(Amount(i128::MAX))),
        ("beside", |s| {
            s.inputs.account.exposure_beside = Some(Amount(i128::MAX))
        }),
        ("reference", |s| {
            s.inputs.prices.reference = Some(Amount(i128::MAX))
        }),
        ("rate", |s| s.inputs.quote_rate = Some(Amount(i128::MAX))),
    ];
    for (name, change) in cases {
        let mut setup = setup();
        change(&mut setup);
        let ruling = rule(&setup);
        assert_eq!(
            ruling.answer.verdict,
            Verdict::Denied,
            "{name}: {:?}",
            ruling.answer
        );
    }
}

#[test]
fn the_first_failure_in_the_order_of_the_table_decides() {
    let mut setup = setup();
    setup.inputs.own_opposite = Some(Price(10_000));
    let mut codes = Vec::new();
    let breaks: [Break; 12] = [
        |s| s.inputs.funds_free = Some(Amount::ZERO),
        |s| s.inputs.rates.second = 20,
        |s| s.inputs.orders_open = 50,
        |s| s.inputs.account.exposure_beside = Some(money(5_000)),
        |s| s.inputs.account.position = Qty(9_005),
        |s| s.intent.qty = Qty(6_000),
        |s| s.intent.price = Price(10_300),
        |s| s.intent.price = Price(10_301),
        |s| data(s).is_proven = false,
        |s| s.facts.is_trading = false,
        |s| strategy(s).is_paused = true,
        |s| s.inputs.account_state = Some(S::Halted),
    ];
    codes.push(rule(&setup).answer.code);
    for change in breaks {
        change(&mut setup);
        codes.push(rule(&setup).answer.code);
    }
    setup.inputs.mode_sends = Some(false);
    codes.push(rule(&setup).answer.code);
    setup.inputs.is_killed = Some(true);
    codes.push(rule(&setup).answer.code);
    assert_eq!(
        codes,
        [
            C::SelfTrade,
            C::Funds,
            C::Rate,
            C::OpenCount,
            C::Exposure,
            C::Position,
            C::OrderSize,
            C::PriceCollar,
            C::Precision,
            C::DataStale,
            C::Instrument,
            C::Strategy,
            C::TradingState,
            C::Mode,
            C::KillSwitch,
        ]
    );
}

#[test]
fn only_with_trim_an_order_is_cut_to_what_fits() {
    let cases: &[TrimCase] = &[
        (
            "order size",
            |s| s.intent.qty = Qty(9_000),
            C::OrderSize,
            5_000,
        ),
        (
            "position",
            |s| s.inputs.account.position = Qty(9_502),
            C::Position,
            495,
        ),
        (
            "position and working",
            |s| {
                s.inputs.owner.position = Qty(9_000);
                s.inputs.owner.working.buy = Qty(500);
            },
            C::Position,
            500,
        ),
        (
            "exposure",
            |s| s.inputs.account.exposure_beside = Some(money(2_950)),
            C::Exposure,
            500,
        ),
        (
            "funds",
            |s| s.inputs.funds_free = Some(money(50)),
            C::Funds,
            495,
        ),
        (
            "one after the other",
            |s| {
                s.intent.qty = Qty(9_000);
                s.inputs.account.position = Qty(7_000);
                s.inputs.funds_free = Some(money(200));
            },
            C::Funds,
            1_995,
        ),
    ];
    for (name, change, code, qty) in cases {
        let mut setup = setup();
        change(&mut setup);
        assert_eq!(rule(&setup).answer.verdict, Verdict::Denied, "{name}");
        setup.limits.trim = true;
        let ruling = rule(&setup);
        let answer = ruling.answer;
        assert_eq!(
            (answer.verdict, answer.code, answer.qty),
            (Verdict::Trimmed, *code, Qty(*qty)),
            "{name}"
        );
        assert_eq!(ruling.order.expect("sent").value().qty, Qty(*qty), "{name}");
    }
    // What is left must still be an order.
    let mut setup = setup();
    setup.limits.trim = true;
    setup.inputs.account.position = Qty(9_900);
    setup.inputs.owner.position = Qty(0);
    assert_eq!(rule(&setup).answer.code, C::Precision);
    setup.inputs.account.position = Qty(10_000);
    assert_eq!(rule(&setup).answer.code, C::Position);
}

#[test]
fn exits_pass_where_everything_else_is_against_them() {
    for purpose in [Purpose::Order, Purpose::Protective, Purpose::Flatten] {
        for state in [S::Active, S::Reducing, S::Halted] {
            let mut setup = hostile(purpose);
            setup.inputs.account_state = Some(state);
            setup.inputs.strategy_state = Some(S::Halted);
            let ruling = rule(&setup);
            assert_eq!(ruling.answer.code, C::Ok, "{purpose:?} {state}");
            assert!(ruling.order.expect("sent").is_exit());
        }
    }
    let refusals: &[Case] = &[
        (
            "kill switch",
            |s| s.inputs.is_killed = Some(true),
            C::KillSwitch,
        ),
        (
            "killed",
            |s| s.inputs.account_state = Some(S::Killed),
            C::KillSwitch,
        ),
        ("mode", |s| s.inputs.mode_sends = Some(false), C::Mode),
        ("instrument", |s| s.facts.is_trading = false, C::Instrument),
        (
            "tick",
            |s| {
                s.intent.kind = OrderKind::Limit;
                s.intent.price = Price(1)
            },
            C::Precision,
        ),
        ("rate", |s| s.inputs.rates.exits_second = 20, C::Rate),
    ];
    for (name, change, want) in refusals {
        let mut setup = hostile(Purpose::Protective);
        change(&mut setup);
        assert_eq!(rule(&setup).answer.code, *want, "{name}");
    }
}

#[test]
fn an_exit_is_capped_at_the_position_less_working_exits() {
    let cases: &[(i64, i64, i64, i64)] = &[
        // own position, working exits, asked, sent
        (20_000, 0, 20_000, 20_000),
        (20_000, 0, 25_000, 20_000),
        (20_000, 15_000, 20_000, 5_000),
        (20_000, 20_000, 20_000, 0),
        (0, 0, 20_000, 0),
        (-20_000, 0, 20_000, 0),
        // Dust stays, the rest goes; one order carries 100,000.
        (20_003, 0, 99_999, 20_000),
        (4, 0, 20_000, 0),
        (250_000, 0, 250_000, 100_000),
    ];
    for &(position, exits, asked, sent) in cases {
        let mut setup = hostile(Purpose::Flatten);
        setup.inputs.owner.position = Qty(position);
        setup.inputs.owner.working.sell = Qty(exits);
        setup.inputs.owner.working.exit_sell = Qty(exits);
        setup.intent.qty = Qty(asked);
        let ruling = rule(&setup);
        assert_eq!(ruling.answer.qty, Qty(sent), "{position} {exits} {asked}");
        if sent == 0 {
            assert_eq!(ruling.answer.code, C::NothingToReduce);
        }
    }
}

#[test]
fn a_reduce_only_order_is_an_exit_as_far_as_it_reduces_the_account() {
    let mut setup = setup();
    setup.intent.side = Side::Sell;
    setup.intent.flags = OrderFlags::REDUCE_ONLY;
    setup.inputs.owner.position = Qty(2_000);
    // Another strategy is short: the account holds 500.
    setup.inputs.account.position = Qty(500);
    let order = rule(&setup).order.expect("sent");
    assert_eq!((order.value().qty, order.is_exit()), (Qty(1_000), false));
    setup.inputs.account_state = Some(S::Halted);
    let order = rule(&setup).order.expect("sent");
    assert_eq!((order.value().qty, order.is_exit()), (Qty(500), true));
    // Flat together, each can still be flattened.
    setup.inputs.account.position = Qty(0);
    assert_eq!(rule(&setup).answer.code, C::NothingToReduce);
    setup.intent.purpose = Purpose::Flatten;
    assert_eq!(rule(&setup).answer.qty, Qty(1_000));
}

#[test]
fn inverse_contracts_are_measured_in_quote_and_margined_in_base() {
    let mut setup = setup();
    setup.facts = Instrument {
        multiplier: money(100),
        notional_min: Amount::ZERO,
        scale: Scale {
            price_digits: 2,
            qty_digits: 0,
        },
        step: Qty(1),
        qty_min: Qty(1),
        settle: Currency::cut("BTC"),
        ..instrument(Contract::Inverse)
    };
    // 5 contracts of 100 USD are 500 whatever the price; at 100.00 they are 5 BTC and 0.005 fee.
    setup.intent.qty = Qty(5);
    setup.inputs.funds_free = Some(Amount(5_005 * Amount::ONE.0 / 1_000));
    assert_eq!(rule(&setup).answer.code, C::Ok);
    setup.inputs.funds_free = Some(Amount(5_005 * Amount::ONE.0 / 1_000 - 1));
    assert_eq!(rule(&setup).answer.code, C::Funds);
    setup.intent.qty = Qty(6);
    assert_eq!(rule(&setup).answer.code, C::OrderSize);
}

#[test]
fn spot_buys_need_money_and_spot_sells_need_coins() {
    let mut setup = setup();
    setup.facts = instrument(Contract::Spot);
    setup.inputs.funds_free = Some(Amount(money(1_001).0 / 10));
    assert_eq!(rule(&setup).answer.code, C::Ok);
    setup.inputs.funds_free = Some(Amount(money(1_001).0 / 10 - 1));
    assert_eq!(rule(&setup).answer.code, C::Funds);
    sell(&mut setup, 10_000);
    setup.inputs.funds_free = Some(money(1));
    assert_eq!(rule(&setup).answer.code, C::Ok);
    setup.inputs.funds_free = Some(Amount(money(1).0 - 1));
    assert_eq!(rule(&setup).answer.code, C::Funds);
}

#[test]
fn every_profile_is_consistent_and_bench_denies_nothing_ordinary() {
    for profile in [
        Profile::Conservative,
        Profile::Moderate,
        Profile::Aggressive,
        Profile::Bench,
    ] {
        let mut faults = Vec::new();
        RiskLimits::profile(profile).check(&mut faults);
        assert_eq!(faults, [], "{profile:?}");
    }
    let mut setup = setup();
    setup.limits = RiskLimits::profile(Profile::Bench);
    setup.intent.qty = Qty(100_000);
    setup.inputs.orders_open = 5_000;
    setup.inputs.rates.second = 1_000_000;
    assert_eq!(rule(&setup).answer.code, C::Ok);
}

/// An order to sell 2.000 of a position of 20.000, with everything that may go wrong gone wrong.
fn hostile(purpose: Purpose) -> Setup {
    let mut setup = setup();
    setup.intent = Intent {
        side: Side::Sell,
        kind: OrderKind::Market,
        price: Price(0),
        flags: OrderFlags::REDUCE_ONLY,
        qty: Qty(2_000),
        purpose,
        ..setup.intent
    };
    let inputs = &mut setup.inputs;
    inputs.owner.position = Qty(20_000);
    inputs.account.position = Qty(20_000);
    inputs.strategy = None;
    inputs.data = None;
    inputs.prices = MarketPrices {
        reference: None,
        worst: None,
    };
    inputs.quote_rate = None;
    inputs.equity = None;
    inputs.account.exposure_beside = None;
    inputs.orders_open = 5_000;
    inputs.positions_open_beside = 50;
    inputs.rates = Rates {
        second: 500,
        minute: 50_000,
        exits_second: 19,
    };
    inputs.funds_free = None;
    inputs.fee_share = None;
    inputs.own_opposite = Some(Price(1));
    setup
}

fn strategy(setup: &mut Setup) -> &mut StrategyFacts {
    setup.inputs.strategy.as_mut().expect("set up")
}

fn data(setup: &mut Setup) -> &mut DataFacts {
    setup.inputs.data.as_mut().expect("set up")
}

fn short(setup: &mut Setup, qty: i64) {
    setup.inputs.account.position = Qty(-qty);
    setup.inputs.owner.position = Qty(-qty);
}

fn sell(setup: &mut Setup, price: i64) {
    setup.intent.side = Side::Sell;
    setup.intent.price = Price(price);
}

fn market(setup: &mut Setup, worst: Option<i64>) {
    setup.intent.kind = OrderKind::Market;
    setup.intent.price = Price(0);
    setup.inputs.prices.worst = worst.map(Price);
}

fn wide(setup: &mut Setup) {
    setup.inputs.equity = Some(money(1_000_000));
    setup.inputs.funds_free = Some(money(1_000_000));
}

/// 5 % of this equity is less than one order that can be left: 1.5 smallest notionals are allowed.
fn small(setup: &mut Setup) {
    setup.inputs.equity = Some(money(200));
}
