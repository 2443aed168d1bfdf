//! Strategies that are wrong, fail, or have no market, and books that are stale: named, and what became of them is told.

use crate::input::{Case, FRAMES, check, check_output, line, lines, trade};
use crate::place::{Place, complaint};
use serde_json::Value;
use std::fs;

#[test]
fn strategies_that_are_wrong_are_named_with_their_place() {
    let session = lines().concat();
    let case = |name: &str| Case::of(name, &session[..]);
    check(
        &case("unknown")
            .with(&["--strategy", "none.rhai"])
            .exit(2)
            .says(&["none.rhai", "bundled"]),
    );
    let settings: [(&str, &[&str]); 6] = [
        ("churn.nothing=1", &["nothing", "churn"]),
        ("churn.every_ms=abc", &["every_ms"]),
        ("churn.every_ms=0", &["every_ms", "60000"]),
        ("churn.every_ms", &["churn.every_ms"]),
        ("other.every_ms=1", &["other"]),
        ("=", &["="]),
    ];
    for (setting, words) in settings {
        let case = case(setting).with(&["--strategy", "churn", "--set", setting]);
        check(&case.exit(2).says(words));
    }
    let scripts: [(&str, &str, i32, &[&str]); 6] = [
        (
            "no syntax",
            "fn init(m) { #{} }\nfn on_trade(m, t) { let = ; }\n",
            2,
            &["wrong.rhai:2"],
        ),
        (
            "an unknown call",
            "fn init(m) { #{} }\nfn on_trade(m, t) { nothing(m); }\n",
            2,
            &["wrong.rhai:2", "nothing"],
        ),
        ("no UTF-8", "\u{0}", 2, &["wrong.rhai"]),
        (
            "a throw",
            "fn init(m) { #{} }\nfn on_trade(m, t) { throw \"enough\"; }\n",
            0,
            &["wrong", "failed, the last", "enough"],
        ),
        (
            "an endless loop",
            "fn init(m) { #{} }\nfn on_trade(m, t) { loop { } }\n",
            0,
            &["wrong", "failed, the last", "it was stopped"],
        ),
        (
            "endless calls",
            "fn init(m) { #{} }\nfn again() { again() }\nfn on_trade(m, t) { again(); }\n",
            0,
            &["wrong", "failed, the last"],
        ),
    ];
    for (name, script, exit, words) in scripts {
        let place = Place::new();
        fs::write(place.path("session.txt"), &session).expect("written");
        fs::write(place.path("wrong.rhai"), script).expect("written");
        let arguments = [
            "replay",
            "session.txt",
            "--venue",
            "binance-spot",
            "--json",
            "--strategy",
            "wrong.rhai",
        ];
        let output = place.claire(&arguments).output().expect("started");
        let value = check_output(name, &output, exit, words, &[]);
        assert_eq!(value["last_recv_ns"].is_null(), exit != 0, "{name}");
    }
}

/// Replays the session, or what comes before it too, with this script as `own`.
fn with_script(
    name: &str,
    session: &str,
    script: &str,
    more: &[&str],
    exit: i32,
) -> (Value, String) {
    let place = Place::new();
    fs::write(place.path("session.txt"), session).expect("written");
    fs::write(place.path("own.rhai"), script).expect("written");
    let base = ["replay", "session.txt", "--venue", "binance-spot", "--json"];
    let arguments = [&base[..], &["--strategy", "own.rhai"], more].concat();
    let output = place.claire(&arguments).output().expect("started");
    let value = check_output(name, &output, exit, &[], &[]);
    (value, complaint(&output))
}

const BUYER: &str = "fn init(m) { #{} }\nfn on_trade(m, t) { m.buy(0.001); }\n";

#[test]
fn a_strategy_trades_its_market_however_many_others_come_first() {
    let market = ["--market", "binance-spot:BTCUSDT"];
    let mut session = String::new();
    for number in 0..70 {
        let stream = trade(1, r#""1.00000000""#, r#""1.00000000""#);
        let stream = stream.replace("btcusdt", &format!("a{number}usdt"));
        session += &line(0, &stream.replace("BTCUSDT", &format!("A{number}USDT")));
    }
    session += &lines().concat();
    let (value, said) = with_script("70 others", &session, BUYER, &market, 0);
    assert_eq!(value["orders"], 2, "{value}");
    assert_eq!(value["denied"], serde_json::json!({}), "{value}");
    assert_eq!(value["alerts_count"], 6, "{value}");
    let first = "binance-spot:A64USDT: tables.instruments_max is reached: its orders are denied";
    assert_eq!(value["alerts"][0]["text"], first);
    assert!(said.contains(first), "{said}");
    let other =
        "fn init(m) { #{} }\nfn on_trade(m, t) { market(\"binance-spot:A65USDT\").buy(1.0); }\n";
    let (value, _) = with_script("another's", &session, other, &market, 0);
    assert_eq!(
        value["denied"],
        serde_json::json!({ "CAPACITY": 2 }),
        "{value}"
    );
}

#[test]
fn a_stale_book_says_why_and_the_proof_says_what_it_ignored() {
    let all = lines();
    let without = [&all[..1], &all[2..]].concat().concat();
    let told = |name: &str, session: &str| {
        let value = check(&Case::of(name, session));
        let reason = value["stale"]["binance-spot:BTCUSDT"].clone();
        (reason, value["sync"].clone())
    };
    let (reason, _) = told("whole", &all.concat());
    assert!(reason.is_null(), "{reason}");
    let (reason, _) = told("no snapshot", &without);
    assert_eq!(reason, "NO_SNAPSHOT");
    let gap = [&all[..4], &all[6..]].concat().concat();
    let (reason, _) = told("a gap", &gap);
    assert_eq!(reason, "GAP");
    let twice = [&all[..], &all[6..]].concat().concat();
    let (_, sync) = told("a change twice", &twice);
    assert_eq!(sync["duplicates"], 1, "{sync}");
    let late = [&all[..], &all[1..2]].concat().concat();
    let (_, sync) = told("an old snapshot", &late);
    assert_eq!(sync["stale_snapshots"], 1, "{sync}");
}

#[test]
fn rejected_orders_say_why() {
    let crossing =
        "fn init(m) { #{} }\nfn on_trade(m, t) { m.buy_limit(0.001, m.ask, POST_ONLY, \"x\"); }\n";
    // The orders take their time to the venue, and its answers as long: the last order has none.
    let mut later = lines().concat();
    for (ms, id) in [(300, 3), (600, 4)] {
        later += &line(ms, &trade(id, r#""61000.00000000""#, r#""0.10000000""#));
    }
    let (value, _) = with_script("crossing", &later, crossing, &[], 0);
    let expected = serde_json::json!({ "POST_ONLY_CROSS": 3 });
    assert_eq!(
        (&value["rejected"], &value["rejected_reasons"]),
        (&3.into(), &expected)
    );
}

#[test]
fn what_became_of_a_strategy_is_told() {
    let session = lines().concat();
    let (value, _) = with_script("healthy", &session, BUYER, &[], 0);
    let own = &value["strategies"][0];
    assert_eq!(
        (&own["state"], &own["failures"]),
        (&"active".into(), &0.into())
    );
    assert!(own["last_error"].is_null(), "{own}");

    let endless = "fn init(m) { #{} }\nfn on_trade(m, t) { loop { } }\n";
    let (value, _) = with_script("endless", &session, endless, &[], 0);
    let own = &value["strategies"][0];
    assert_eq!(
        (&own["state"], &own["failures"]),
        (&"stopped".into(), &1.into())
    );
    let error = own["last_error"].as_str().expect("an error");
    assert!(error.contains("cut: "), "{error}");

    let broken = "fn init(m) {\n    throw \"no luck\";\n}\nfn on_trade(m, t) { }\n";
    let (value, said) = with_script("broken", &session, broken, &[], 1);
    assert_eq!(value["strategies"][0]["state"], "failed");
    assert_eq!(value["error"]["code"], "STRATEGY");
    assert_eq!(
        value["frames"], FRAMES,
        "the rest of the result is still there"
    );
    assert!(said.contains("init failed, so it never ran: "), "{said}");
    assert!(said.contains("no luck"), "{said}");

    let market = ["--market", "binance-spot:NOPE"];
    let (value, said) = with_script("no market", &session, BUYER, &market, 0);
    assert_eq!(value["strategies"][0]["state"], "waiting");
    assert_eq!(value["strategies"][0]["market"], "binance-spot:NOPE");
    let words = "its market binance-spot:NOPE never appeared, so it did nothing; these did: binance-spot:BTCUSDT";
    assert!(said.contains(words), "{said}");
    assert!(
        said.contains("its market binance-spot:NOPE has no price in the first frames"),
        "{said}"
    );
}
