//! One line per side of a threshold: what is changed, and the code that must come.

use super::*;

/// All thresholds, in the order of the checks.
pub(super) const CASES: &[Case] = &[
    ("all is well", |_| {}, C::Ok),
    ("killed", |s| s.inputs.is_killed = Some(true), C::KillSwitch),
    (
        "account killed",
        |s| s.inputs.account_state = Some(S::Killed),
        C::KillSwitch,
    ),
    (
        "mode does not send",
        |s| s.inputs.mode_sends = Some(false),
        C::Mode,
    ),
    (
        "reducing",
        |s| s.inputs.account_state = Some(S::Reducing),
        C::TradingState,
    ),
    (
        "halted",
        |s| s.inputs.account_state = Some(S::Halted),
        C::TradingState,
    ),
    (
        "strategy reducing",
        |s| s.inputs.strategy_state = Some(S::Reducing),
        C::TradingState,
    ),
    (
        "reducing, reduces",
        |s| {
            short(s, 1_000);
            s.inputs.account_state = Some(S::Reducing)
        },
        C::Ok,
    ),
    (
        "reducing, turns",
        |s| {
            short(s, 995);
            s.inputs.account_state = Some(S::Reducing)
        },
        C::TradingState,
    ),
    (
        "reducing, working too",
        |s| {
            short(s, 1_000);
            s.inputs.account.working.buy = Qty(5);
            s.inputs.account_state = Some(S::Reducing)
        },
        C::TradingState,
    ),
    (
        "halted, reduces",
        |s| {
            short(s, 1_000);
            s.inputs.strategy_state = Some(S::Halted)
        },
        C::TradingState,
    ),
    ("paused", |s| strategy(s).is_paused = true, C::Strategy),
    ("cooling", |s| strategy(s).is_cooling = true, C::Strategy),
    ("not warm", |s| strategy(s).is_warm = false, C::Strategy),
    (
        "no allocation",
        |s| strategy(s).allocation = Amount::ZERO,
        C::Strategy,
    ),
    (
        "least allocation",
        |s| strategy(s).allocation = Amount(1),
        C::Ok,
    ),
    ("not trading", |s| s.facts.is_trading = false, C::Instrument),
    (
        "another instrument",
        |s| s.intent.instrument = InstrumentId(1),
        C::Instrument,
    ),
    ("not proven", |s| data(s).is_proven = false, C::DataStale),
    (
        "almost silent",
        |s| data(s).silent = DurationNs(4_999_999_999),
        C::Ok,
    ),
    (
        "silent",
        |s| data(s).silent = DurationNs::from_ms(5_000),
        C::DataStale,
    ),
    (
        "almost quiet",
        |s| data(s).quiet = DurationNs(59_999_999_999),
        C::Ok,
    ),
    (
        "quiet",
        |s| data(s).quiet = DurationNs::from_ms(60_000),
        C::DataStale,
    ),
    (
        "almost dead",
        |s| data(s).venue_silent = DurationNs(29_999_999_999),
        C::Ok,
    ),
    (
        "dead",
        |s| data(s).venue_silent = DurationNs::from_ms(30_000),
        C::DataSilence,
    ),
    ("off tick", |s| s.intent.price = Price(10_001), C::Precision),
    ("off step", |s| s.intent.qty = Qty(1_001), C::Precision),
    (
        "largest qty",
        |s| {
            wide(s);
            s.intent.qty = Qty(100_000)
        },
        C::Ok,
    ),
    (
        "over largest qty",
        |s| {
            wide(s);
            s.intent.qty = Qty(100_005)
        },
        C::Precision,
    ),
    (
        "smallest qty",
        |s| {
            s.facts.notional_min = Amount::ZERO;
            s.intent.qty = Qty(10)
        },
        C::Ok,
    ),
    (
        "under smallest qty",
        |s| {
            s.facts.notional_min = Amount::ZERO;
            s.intent.qty = Qty(5)
        },
        C::Precision,
    ),
    ("room to exit", |s| s.intent.qty = Qty(110), C::Ok),
    ("no room to exit", |s| s.intent.qty = Qty(105), C::Precision),
    (
        "smallest notional reduces",
        |s| {
            short(s, 1_000);
            s.intent.qty = Qty(100)
        },
        C::Ok,
    ),
    (
        "under smallest notional reduces",
        |s| {
            short(s, 1_000);
            s.intent.qty = Qty(95)
        },
        C::Precision,
    ),
    (
        "turns into dust",
        |s| {
            short(s, 900);
            s.intent.qty = Qty(1_000)
        },
        C::Precision,
    ),
    (
        "turns into a position",
        |s| {
            short(s, 890);
            s.intent.qty = Qty(1_000)
        },
        C::Ok,
    ),
    ("buy at 2 % over", |s| s.intent.price = Price(10_200), C::Ok),
    (
        "buy beyond 2 % over",
        |s| s.intent.price = Price(10_210),
        C::PriceCollar,
    ),
    (
        "buy at 20 % under",
        |s| s.intent.price = Price(8_000),
        C::Ok,
    ),
    (
        "buy beyond 20 % under",
        |s| s.intent.price = Price(7_990),
        C::PriceCollar,
    ),
    ("sell at 2 % under", |s| sell(s, 9_800), C::Ok),
    ("sell beyond 2 % under", |s| sell(s, 9_790), C::PriceCollar),
    ("sell at 20 % over", |s| sell(s, 12_000), C::Ok),
    ("sell beyond 20 % over", |s| sell(s, 12_010), C::PriceCollar),
    ("market in the collar", |s| market(s, Some(10_200)), C::Ok),
    (
        "market beyond it",
        |s| market(s, Some(10_201)),
        C::PriceCollar,
    ),
    ("largest order", |s| s.intent.qty = Qty(5_000), C::Ok),
    (
        "over largest order",
        |s| s.intent.qty = Qty(5_005),
        C::OrderSize,
    ),
    (
        "small account, small order",
        |s| {
            small(s);
            s.intent.qty = Qty(150)
        },
        C::Ok,
    ),
    (
        "small account, more",
        |s| {
            small(s);
            s.intent.qty = Qty(155)
        },
        C::OrderSize,
    ),
    (
        "account position full",
        |s| s.inputs.account.position = Qty(9_000),
        C::Ok,
    ),
    (
        "account position over",
        |s| s.inputs.account.position = Qty(9_005),
        C::Position,
    ),
    (
        "own position full",
        |s| s.inputs.owner.position = Qty(9_000),
        C::Ok,
    ),
    (
        "own position over",
        |s| s.inputs.owner.position = Qty(9_005),
        C::Position,
    ),
    (
        "working counts",
        |s| s.inputs.account.working.buy = Qty(9_005),
        C::Position,
    ),
    (
        "the other side's working does not",
        |s| s.inputs.account.working.sell = Qty(9_000),
        C::Ok,
    ),
    ("too short can be shortened", |s| short(s, 20_000), C::Ok),
    (
        "beside full",
        |s| s.inputs.account.exposure_beside = Some(money(2_900)),
        C::Ok,
    ),
    (
        "beside over",
        |s| s.inputs.account.exposure_beside = Some(Amount(money(2_900).0 + 1)),
        C::Exposure,
    ),
    (
        "own beside over",
        |s| s.inputs.owner.exposure_beside = Some(Amount(money(2_900).0 + 1)),
        C::Exposure,
    ),
    ("last order", |s| s.inputs.orders_open = 49, C::Ok),
    (
        "one order more",
        |s| s.inputs.orders_open = 50,
        C::OpenCount,
    ),
    (
        "last position",
        |s| s.inputs.positions_open_beside = 4,
        C::Ok,
    ),
    (
        "one position more",
        |s| s.inputs.positions_open_beside = 5,
        C::OpenCount,
    ),
    (
        "a position held",
        |s| {
            s.inputs.positions_open_beside = 5;
            s.inputs.account.position = Qty(50)
        },
        C::Ok,
    ),
    ("last of a second", |s| s.inputs.rates.second = 19, C::Ok),
    ("one a second more", |s| s.inputs.rates.second = 20, C::Rate),
    ("last of a minute", |s| s.inputs.rates.minute = 1_199, C::Ok),
    (
        "one a minute more",
        |s| s.inputs.rates.minute = 1_200,
        C::Rate,
    ),
    // Margin of 100 and a fee of 0.1.
    (
        "funds just reach",
        |s| s.inputs.funds_free = Some(Amount(money(1_001).0 / 10)),
        C::Ok,
    ),
    (
        "funds do not",
        |s| s.inputs.funds_free = Some(Amount(money(1_001).0 / 10 - 1)),
        C::Funds,
    ),
    (
        "reducing needs its fee",
        |s| {
            short(s, 1_000);
            s.inputs.funds_free = Some(Amount(money(1).0 / 10))
        },
        C::Ok,
    ),
    (
        "and not less",
        |s| {
            short(s, 1_000);
            s.inputs.funds_free = Some(Amount(money(1).0 / 10 - 1))
        },
        C::Funds,
    ),
    (
        "under our sell",
        |s| s.inputs.own_opposite = Some(Price(10_010)),
        C::Ok,
    ),
    (
        "at our sell",
        |s| s.inputs.own_opposite = Some(Price(10_000)),
        C::SelfTrade,
    ),
    (
        "over our buy",
        |s| {
            sell(s, 10_000);
            s.inputs.own_opposite = Some(Price(9_990))
        },
        C::Ok,
    ),
    (
        "at our buy",
        |s| {
            sell(s, 10_000);
            s.inputs.own_opposite = Some(Price(10_000))
        },
        C::SelfTrade,
    ),
    (
        "market into our sell",
        |s| {
            market(s, Some(10_010));
            s.inputs.own_opposite = Some(Price(10_010))
        },
        C::SelfTrade,
    ),
    ("nothing", |s| s.intent.qty = Qty(0), C::SizeZero),
    ("less than nothing", |s| s.intent.qty = Qty(-5), C::BadOrder),
    (
        "limit without price",
        |s| s.intent.price = Price(0),
        C::BadOrder,
    ),
    (
        "market with price",
        |s| s.intent.kind = OrderKind::Market,
        C::BadOrder,
    ),
    (
        "flags against each other",
        |s| s.intent.flags = OrderFlags::IOC | OrderFlags::POST_ONLY,
        C::BadOrder,
    ),
];
