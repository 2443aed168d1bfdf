//! What a user can write, and what is said to them where it cannot be.

use super::*;
use crate::risk::Profile;
use claire_types::{Contract, Instrument, InstrumentId, Price, Qty, Scale};

fn parse(text: &str) -> Result<EngineConfig, String> {
    let config: EngineConfig = toml::from_str(text).map_err(|fault| fault.to_string())?;
    config.validate().map_err(|fault| fault.to_string())?;
    Ok(config)
}

#[test]
fn what_is_not_given_is_what_the_specification_says() {
    let config = parse("mode = \"paper\"").expect("valid");
    assert_eq!(config, EngineConfig::new(Mode::Paper));
    let limits = config.limits();
    assert_eq!(limits.order_size_share.to_string(), "0.05");
    assert_eq!(limits.position_share.to_string(), "0.1");
    assert_eq!(limits.exposure_share.to_string(), "0.3");
    assert_eq!(limits.daily_loss_share.to_string(), "0.05");
    assert_eq!(limits.collar_crossing_share.to_string(), "0.02");
    assert_eq!(limits.collar_passive_share.to_string(), "0.2");
    assert_eq!(limits.order_size_min_factor.to_string(), "1.5");
    assert_eq!((limits.orders_open_max, limits.positions_open_max), (50, 5));
    assert_eq!(config.account.equity.to_string(), "10000");
    assert_eq!(config.matching.entry_latency_ms, 10);
}

#[test]
fn a_full_configuration_is_read_and_survives_a_snapshot() {
    let config = parse(
        r#"
        mode = "backtest"
        epoch = 7
        [account]
        currency = "USDT"
        equity = 5000
        balances = [{ currency = "BTC", amount = "0.25" }]
        conversions = [
            { currency = "BTC", instrument = "binance-spot:BTCUSDT" },
            { currency = "USD", rate = 1 },
        ]
        [risk]
        profile = "aggressive"
        position_share = 0.15
        trim = true
        [matching]
        queue = "front"
        entry_latency_ms = 0
        [[fees]]
        venue = "binance-spot"
        maker_share = 0.001
        taker_share = "0.001"
        [[fees]]
        venue = "binance-spot"
        symbol = "BTCUSDT"
        maker_share = -0.0001
        taker_share = 0.0005
        [[strategies]]
        name = "scalper"
        market = "binance-spot:BTCUSDT"
        budget_share = 0.5
        [tables]
        instruments_max = 8
        "#,
    )
    .expect("valid");
    let limits = config.limits();
    assert_eq!(config.risk.profile, Profile::Aggressive);
    assert_eq!(
        (limits.position_share.to_string(), limits.trim),
        ("0.15".into(), true)
    );
    assert_eq!(limits.order_size_share.to_string(), "0.1");
    let fee = |key: &str| {
        config
            .fees_for(&key.parse().expect("a key"))
            .map(|fee| fee.maker_share)
    };
    assert_eq!(
        fee("binance-spot:BTCUSDT"),
        Ok("-0.0001".parse().expect("a number"))
    );
    assert_eq!(
        fee("binance-spot:ETHUSDT"),
        Ok("0.001".parse().expect("a number"))
    );
    let strategy = config.strategies.first().expect("one");
    assert_eq!(
        strategy
            .budget(config.account.equity)
            .map(|budget| budget.to_string()),
        Some("2500".into())
    );
    let bytes = postcard::to_allocvec(&config).expect("encodes");
    assert_eq!(postcard::from_bytes::<EngineConfig>(&bytes), Ok(config));
}

#[test]
fn what_cannot_be_names_its_key_and_its_arithmetic() {
    let cases = [
        ("", "missing field `mode`"),
        (
            "mode = \"test\"",
            "\"test\" is not one of: replay, backtest, paper",
        ),
        ("mode = \"paper\"\nspeed = 1", "unknown field `speed`"),
        (
            "mode = \"paper\"\n[risk]\nposition = 0.1",
            "unknown field `position`",
        ),
        (
            "mode = \"paper\"\n[risk]\nprofile = \"wild\"",
            "unknown variant `wild`",
        ),
        (
            "mode = \"paper\"\n[risk]\ndaily_loss_share = -0.05",
            "risk.daily_loss_share is -0.05",
        ),
        (
            "mode = \"paper\"\n[risk]\norders_open_max = 0",
            "risk.orders_open_max is 0",
        ),
        (
            "mode = \"paper\"\n[risk]\norder_size_share = 0.2",
            "risk.order_size_share = 0.2 can never be reached: risk.position_share = 0.1 is less",
        ),
        (
            "mode = \"paper\"\n[risk]\nposition_share = 0.4",
            "risk.position_share = 0.4 can never be reached: risk.exposure_share = 0.3 is less",
        ),
        ("mode = \"paper\"\nepoch = 16777216", "epoch is 16777216"),
        (
            "mode = \"paper\"\n[account]\nequity = -1",
            "account.equity is -1",
        ),
        (
            "mode = \"paper\"\n[account]\nbalances = [{ currency = \"USDT\", amount = 1 }]",
            "account.balances[0].currency: USDT is the account's own currency",
        ),
        (
            "mode = \"paper\"\n[account]\nbalances = [{ currency = \"BTC\", amount = 1 }, { currency = \"BTC\", amount = 1 }]",
            "account.balances[1].currency: BTC stands twice",
        ),
        (
            "mode = \"paper\"\n[account]\nconversions = [{ currency = \"BTC\" }]",
            "BTC needs exactly one of `instrument` and `rate`",
        ),
        (
            "mode = \"paper\"\n[[strategies]]\nname = \"a\"\nmarket = \"sim:BTCUSDT\"",
            "no fee schedule for sim:BTCUSDT: add a [[fees]] entry with venue = \"sim\"",
        ),
        (
            "mode = \"paper\"\n[[fees]]\nvenue = \"sim\"\nmaker_share = 1\ntaker_share = 0",
            "fees[0].maker_share is 1",
        ),
        (
            "mode = \"paper\"\n[tables]\norders_working_max = 0",
            "tables.orders_working_max is 0",
        ),
        (
            "mode = \"paper\"\n[tables]\ncurrencies_max = 1\n[account]\nbalances = [{ currency = \"BTC\", amount = 1 }]",
            "account.balances: 2 entries, but tables.currencies_max is 1",
        ),
    ];
    for (text, want) in cases {
        let fault = parse(text).expect_err(text);
        assert!(fault.contains(want), "{text}\nsays: {fault}\nwant: {want}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "mode = \"paper\"\n[account]\nequity = -1\n[risk]\norder_size_share = 2\n\
        orders_open_max = 0\n[tables]\npaper_fills_max = 0\n[[fees]]\nvenue = \"sim\"\n\
        maker_share = 0\ntaker_share = 3\n";
    let config: EngineConfig = toml::from_str(text).expect("it is read");
    let faults = config.faults();
    let keys: Vec<_> = faults.iter().map(|fault| fault.keys()[0]).collect();
    let expected = [
        "account.equity",
        "risk.orders_open_max",
        "risk.order_size_share",
        "fees[0].taker_share",
        "tables.paper_fills_max",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn limits_that_leave_no_order_refuse_with_the_arithmetic() {
    let facts = Instrument {
        id: InstrumentId(0),
        key: "sim:BTCUSDT".parse().expect("a key"),
        scale: Scale::DEFAULT,
        contract: Contract::Spot,
        is_trading: true,
        tick: Price(1),
        step: Qty(1),
        qty_min: Qty(0),
        qty_max: Qty(0),
        notional_min: Amount(10 * Amount::ONE.0),
        multiplier: Amount::ONE,
        base: Currency::cut("BTC"),
        quote: Currency::cut("USDT"),
        settle: Currency::cut("USDT"),
    };
    let limits = RiskLimits::profile(Profile::Moderate);
    // A position may be 10 % of 110: just the 11 that an order of 10 with its room takes.
    let equity = Amount(110 * Amount::ONE.0);
    assert_eq!(limits.check_tradable(equity, &facts), Ok(()));
    let less = Amount(equity.0 - 10);
    let fault = limits
        .check_tradable(less, &facts)
        .expect_err("too little")
        .to_string();
    assert!(
        fault.contains("risk.position_share leaves no order in sim:BTCUSDT"),
        "{fault}"
    );
    assert!(
        fault.contains("109.99999999999 x 0.1 is less than 11"),
        "{fault}"
    );
    let tight = RiskLimits {
        order_size_min_factor: Amount::ONE,
        ..limits
    };
    assert_eq!(
        tight.check_tradable(Amount(220 * Amount::ONE.0), &facts),
        Ok(())
    );
    assert!(tight.check_tradable(equity, &facts).is_err());
}
