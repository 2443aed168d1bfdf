//! The arithmetic of the smallest order, and what is refused and said.

use super::*;
use crate::config::{Config, Override, Selection, Sources};
use crate::run::prepare;
use claire_types::Mode;

const USDM: &str = "binance-usdm:BTCUSDT";
const COINM: &str = "binance-coinm:BTCUSD_PERP";

fn frame(market: &str) -> &'static str {
    match market {
        USDM => {
            r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":2,"T":1,"s":"BTCUSDT","t":1,"p":"61800.00","q":"0.010","X":"MARKET","m":true}}"#
        }
        _ => {
            r#"{"stream":"btcusd_perp@trade","data":{"e":"trade","E":2,"T":1,"s":"BTCUSD_PERP","t":1,"p":"61800.0","q":"1","X":"MARKET","m":true}}"#
        }
    }
}

fn judged(market: &str, settings: &[(&str, &str)], notional: &str) -> Result<Vec<String>, String> {
    let options = settings
        .iter()
        .map(|(key, value)| Override::of_option("--test", key, *value))
        .collect();
    let mut config = Config::load(&Sources::of_process(None, options)).expect("valid");
    config
        .select(&Selection {
            strategies: vec!["churn".to_owned()],
            market: Some(market.parse().expect("a key")),
            settings: vec![format!("churn.notional={notional}")],
            backend: None,
        })
        .expect("a strategy");
    let prepared = prepare(&config, Mode::Replay, 1, None).expect("an engine");
    let mut look = FirstLook::new(&config.instruments, &prepared);
    assert!(!look.is_done());
    let venue = market.parse::<InstrumentKey>().expect("a key").venue;
    look.see(venue, frame(market).as_bytes(), WallNs(1), None);
    assert!(look.is_done());
    look.judge(&prepared).map_err(|error| error.to_string())
}

#[test]
fn what_fits_is_neither_refused_nor_remarked() {
    assert_eq!(judged(USDM, &[], "250"), Ok(Vec::new()));
}

#[test]
fn limits_that_leave_no_order_refuse_with_the_arithmetic() {
    let error = judged(USDM, &[("account.equity", "1000")], "250").expect_err("refused");
    for part in [
        "strategy churn: the limits leave no tradable order on binance-usdm:BTCUSDT",
        "the smallest is 0.002 BTC = 123.6 USDT at 61800",
        "step 0.001",
        "smallest notional 100 and risk.exit_room_share 0.1 more",
        "risk.position_share 0.1 of account.equity 1000 lets 100 USDT through",
        "raise account.equity to 1236",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let enough = judged(USDM, &[("account.equity", "1236")], "124");
    assert_eq!(
        enough,
        Ok(Vec::new()),
        "what it says to raise it to is enough"
    );
}

#[test]
fn a_notional_below_the_smallest_order_or_above_the_limit_is_said_at_once() {
    let said = judged(USDM, &[], "50").expect("may start");
    assert_eq!(said.len(), 1);
    for part in [
        "its notional of 50 is less than",
        "0.002 BTC = 123.6 USDT",
        "--set churn.notional=124",
    ] {
        assert!(said[0].contains(part), "{part} in {}", said[0]);
    }
    let said = judged(USDM, &[], "900").expect("may start");
    assert!(
        said[0].contains("above what risk.order_size_share 0.05"),
        "{said:?}"
    );
}

#[test]
fn a_currency_without_value_or_balance_refuses_with_what_to_configure() {
    let error = judged(COINM, &[], "250").expect_err("refused");
    for part in [
        "nothing tells what USD is worth in USDT",
        "add account.conversions",
        "margined in BTC",
        "set account.balances",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}
