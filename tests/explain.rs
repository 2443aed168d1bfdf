//! `claire explain` on real journals: the way from market event to fill, or why not, and what it is asked for in vain.
//!
//! Runs the binary on made sessions. What it tells is compared with the journal's store, which is filled by other code.

mod program;

use serde_json::Value;
use std::path::PathBuf;

/// A run with a journal in `run`.
struct Run {
    folder: tempfile::TempDir,
    said: Value,
}

impl Run {
    fn new(seconds: u32, strategy: &str, more: &[&str]) -> Self {
        Self::within(
            tempfile::tempdir().expect("a folder"),
            seconds,
            strategy,
            more,
        )
    }

    /// Runs a script of this text.
    fn of_script(seconds: u32, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("own.rhai"), text).expect("writable");
        Self::within(folder, seconds, "./own.rhai", &[])
    }

    fn within(folder: tempfile::TempDir, seconds: u32, strategy: &str, more: &[&str]) -> Self {
        let file = program::made(folder.path(), 11, seconds);
        let name = file.file_name().map(PathBuf::from).expect("a name");
        let arguments = [&["--strategy", strategy, "--journal", "run"], more].concat();
        let said = program::replay(folder.path(), &[name], &arguments);
        Self { folder, said }
    }

    /// Explains an id: exit status, JSON, text.
    fn explain(&self, id: &str) -> (i32, Value, String) {
        let (status, value) = self.json(id);
        let text = program::run(self.folder.path(), &["explain", id, "--journal", "run"]);
        assert_eq!(text.status.code(), Some(status));
        (status, value, String::from_utf8(text.stdout).expect("text"))
    }

    fn json(&self, id: &str) -> (i32, Value) {
        let arguments = ["explain", id, "--journal", "run", "--json"];
        let output = program::run(self.folder.path(), &arguments);
        let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().expect("no signal"), value)
    }
}

fn kinds(explanation: &Value) -> Vec<&str> {
    let steps = explanation["steps"].as_array().expect("steps");
    steps
        .iter()
        .filter_map(|step| step["kind"].as_str())
        .collect()
}

fn step<'a>(explanation: &'a Value, kind: &str) -> &'a Value {
    let mut steps = explanation["steps"].as_array().expect("steps").iter();
    let step = steps.find(|step| step["kind"] == kind);
    step.unwrap_or_else(|| panic!("no {kind} in {explanation}"))
}

/// Returns the first order of the run whose way ends so.
fn first(run: &Run, verdict: &str, holds: impl Fn(&Value) -> bool) -> (Value, String) {
    for number in 1..2_000 {
        let id = format!("c1-{number}");
        let (status, value) = run.json(&id);
        assert_eq!(status, 0, "no order of the run ends {verdict} like this");
        if value["verdict"] == verdict && holds(&value) {
            return (value, run.explain(&id).2);
        }
    }
    panic!("none of 2,000 orders ends {verdict}");
}

#[test]
fn a_taker_fill_is_told_from_the_market_event_to_the_position() {
    let run = Run::new(60, "imbalance", &[]);
    let is_entry = |value: &Value| step(value, "signal")["facts"]["is_explicit"] == true;
    let (value, text) = first(&run, "filled", |value| {
        is_entry(value) && kinds(value).len() == 9
    });
    let told = [
        "market", "signal", "decision", "order", "market", "event", "fill", "event", "position",
    ];
    assert_eq!(kinds(&value), told);
    assert_eq!(step(&value, "decision")["facts"]["code"], "OK");
    let fill = &step(&value, "fill")["facts"];
    assert_eq!(
        (&fill["rule"], &fill["liquidity"]),
        (&"crossed".into(), &"taker".into())
    );
    assert_eq!(fill["entry_latency_ms"], 10);
    // The deciding event is one of those told, and came when the order had arrived.
    let decided_by = fill["decided_by"].as_u64();
    let steps = value["steps"].as_array().expect("steps");
    assert!(
        steps
            .iter()
            .any(|step| step["kind"] == "market" && step["seq"].as_u64() == decided_by)
    );
    assert!(fill["venue_time_ns"].as_i64() >= fill["arrived_ns"].as_i64());
    assert_eq!(step(&value, "position")["facts"]["qty"], fill["qty"]);
    // The first fill's fee is all that the position after it has paid.
    let (_, one, _) = run.explain("f1");
    let (fill_one, position) = (
        &step(&one, "fill")["facts"],
        &step(&one, "position")["facts"],
    );
    assert_eq!(
        (&position["fees"], &position["qty"]),
        (&fill_one["fee"], &fill_one["qty"])
    );
    assert!(
        text.contains("every check passed") && text.contains("it crossed"),
        "{text}"
    );
    // The same by the fill's number and by the signal's id.
    let signal = step(&value, "signal");
    let of_signal = format!("{}.{}", signal["seq"], signal["index"]);
    for id in [
        format!("f{}", fill["fill_id"]),
        fill["fill_id"].to_string(),
        of_signal,
    ] {
        let (_, other, _) = run.explain(&id);
        assert_eq!(other["order"], value["order"], "{id}");
    }
}

#[test]
fn a_protection_that_went_off_is_told_from_the_market_event_to_the_position() {
    let run = Run::of_script(
        60,
        "fn init(m) { #{ } }
        fn on_trade(m, trade) {
            if !m.is_flat || m.stale || m.working_buy > 0.0 { return; }
            m.buy(m.qty_for(500.0), \"in\");
            m.protect(m.bid - 5 * m.tick, m.ask + 4000 * m.tick, \"no lower\");
        }",
    );
    let went_off = |value: &Value| {
        let reason = step(value, "order")["facts"]["reason"].as_str();
        reason.is_some_and(|reason| reason.starts_with("protection stop "))
            && kinds(value).len() <= 9
    };
    let (value, text) = first(&run, "filled", went_off);
    let mut told = kinds(&value);
    // The event that it went off by, and the one that the fill was decided by; one where they are the same.
    assert_eq!(told.remove(0), "market", "{text}");
    told.retain(|kind| *kind != "market");
    let way = [
        "signal", "decision", "order", "event", "fill", "event", "position",
    ];
    assert_eq!(told, way, "{text}");
    let (order, fill) = (
        &step(&value, "order")["facts"],
        &step(&value, "fill")["facts"],
    );
    assert_eq!(
        (&order["side"], &order["flags"]),
        (&"sell".into(), &"REDUCE_ONLY".into())
    );
    assert_eq!(
        step(&value, "market")["seq"],
        step(&value, "decision")["seq"]
    );
    assert_eq!(fill["closed_qty"], fill["qty"]);
    assert_eq!(step(&value, "position")["facts"]["qty"], "0");
    // The stop that it names was reached by the market event that it is told after.
    let reason = order["reason"].as_str().expect("a text");
    let stop = reason.trim_start_matches("protection stop ");
    let (stop, rest) = stop.split_once(": ").expect("the strategy's own reason");
    assert_eq!(rest, "no lower");
    let stop: f64 = stop.parse().expect("a price");
    let mid = order["mid"]
        .as_str()
        .and_then(|mid| mid.parse::<f64>().ok());
    assert!(mid.is_some_and(|mid| mid < stop + 1.0), "{text}");
    assert!(text.contains(reason), "{text}");
    // The same by the fill's number.
    let (_, other, _) = run.explain(&format!("f{}", fill["fill_id"]));
    assert_eq!(other["order"], value["order"]);
}

#[test]
fn what_is_no_order_is_told_with_what_is_wrong_with_it() {
    let run = Run::of_script(
        5,
        "fn init(m) { #{ is_done: false } }
        fn on_trade(m, trade) {
            if this.is_done || m.stale { return; }
            this.is_done = true;
            m.buy_limit(0.0, 0.0);
            m.buy_limit(0.5, 0.0);
            m.buy_limit(-1.5, trade.price);
            m.sell_limit(0.5, -2.0);
            m.buy_limit(0.5, trade.price, POST_ONLY | IOC);
            m.buy_limit(0.000000001, 7.0);
            m.buy(-2.0);
            m.buy(0.000000001);
        }",
    );
    let unknown = "the price is 0 or no number (the book was not known yet, say)";
    let cases = [
        ("denied buy 0 BTC (asked 0)", unknown),
        ("denied buy 0 BTC (asked 0.5)", unknown),
        (
            "denied buy 0 BTC (asked -1.5 @ ",
            "BAD_ORDER: what was asked for is no order: the quantity -1.5 is below zero",
        ),
        (
            "denied sell 0 BTC (asked 0.5 @ -2)",
            "BAD_ORDER: what was asked for is no order: the price -2 is below zero",
        ),
        (
            "denied buy 0 BTC (asked 0.5 @ ",
            "the flags contradict, a stop is on the wrong side",
        ),
        (
            "denied buy 0 BTC (asked 0.000000001 @ 7)",
            "SIZE_ZERO: the quantity is less than one step",
        ),
        (
            "denied buy 0 BTC (asked -2)",
            "the quantity -2 is below zero",
        ),
        (
            "denied buy 0 BTC at the market (asked 0.000000001)",
            "SIZE_ZERO",
        ),
    ];
    for (number, (asked, why)) in (1..).zip(cases) {
        let (_, value, text) = run.explain(&format!("c1-{number}"));
        assert_eq!(value["verdict"], "denied", "{text}");
        let line = text.lines().find(|line| line.contains(asked));
        let line = line.unwrap_or_else(|| panic!("no {asked} in {text}"));
        assert!(line.contains(why), "{text}");
    }
}

#[test]
fn a_maker_fill_tells_the_queue_and_an_unfilled_order_what_passed_by() {
    let run = Run::new(60, "churn", &[]);
    let is_maker = |value: &Value| step(value, "fill")["facts"]["rule"] == "queue_reached";
    let (value, text) = first(&run, "filled", is_maker);
    let fill = &step(&value, "fill")["facts"];
    for name in ["queue_ahead", "queue_traded", "queue_cancelled"] {
        assert!(fill[name].is_string(), "{name} in {fill}");
    }
    assert!(text.contains("queue ahead on arrival"), "{text}");
    assert_eq!(step(&value, "signal")["facts"]["is_explicit"], false);
    let (value, text) = first(&run, "unfilled", |value| kinds(value).contains(&"rested"));
    let rested = &step(&value, "rested")["facts"];
    assert!(
        rested["trades"].is_u64() && rested["best_opposite_on_arrival"].is_string(),
        "{rested}"
    );
    assert!(text.contains("the strategy cancelled it"), "{text}");
    let is_reject = |value: &Value| {
        value["outcome"]
            .as_str()
            .is_some_and(|it| it.starts_with("rejected"))
    };
    let (_, text) = first(&run, "unfilled", is_reject);
    assert!(text.contains("a post-only order does not cross"), "{text}");
}

#[test]
fn a_denial_names_the_check_its_limit_and_what_was_measured() {
    let run = Run::new(20, "churn", &["--set", "churn.every_ms=1"]);
    let (value, text) = first(&run, "denied", |value| {
        step(value, "decision")["facts"]["code"] == "RATE"
    });
    let decision = &step(&value, "decision")["facts"];
    assert_eq!(
        (&decision["limit"], &decision["measured"]),
        (&"20".into(), &"21".into())
    );
    assert!(
        text.contains("denied by RATE (check 15): too many orders lately: 21, limit 20"),
        "{text}"
    );
    // The summary's example is this kind of denial, in the same words.
    let example = &run.said["denied_first"]["RATE"];
    assert_eq!(example["example"], "21, limit 20");
    assert_eq!(
        run.explain(example["order"].as_str().expect("an id")).1["verdict"],
        "denied"
    );
    let small = Run::new(20, "churn", &["--set", "churn.notional=5"]);
    let text = first(&small, "denied", |value| {
        step(value, "decision")["facts"]["code"] == "PRECISION"
    })
    .1;
    assert!(
        text.contains("worth 4.9") && text.contains("smallest 5 USDT"),
        "{text}"
    );
}

#[test]
fn an_id_that_is_not_there_is_a_no_with_the_nearest_and_nonsense_is_refused() {
    let run = Run::new(20, "churn", &[]);
    for id in ["c1-999999", "f999999", "1.99"] {
        let (status, value, text) = run.explain(id);
        assert_eq!((status, &value["found"]), (3, &false.into()), "{id}");
        assert_eq!(value["asked"], id);
        let nearest = value["nearest"].as_array().expect("ids");
        assert!(!nearest.is_empty(), "{value}");
        for id in nearest {
            let id = id.as_str().expect("an id");
            assert!(text.contains(id), "{id} in {text}");
            assert_eq!(run.explain(id).0, 0, "{id} is there");
        }
    }
    for id in ["c1", "order", "1.x"] {
        assert_eq!(run.explain(id).0, 2, "{id}");
    }
}

#[test]
fn market_events_are_found_in_a_file_that_moved_and_left_out_where_it_is_gone() {
    let run = Run::new(20, "churn", &[]);
    let folder = run.folder.path();
    let name = "made-11-20.txt";
    let there = kinds(&run.explain("c1-1").1).join(" ");
    assert!(there.starts_with("market"), "{there}");
    std::fs::create_dir(folder.join("moved")).expect("writable");
    std::fs::rename(folder.join(name), folder.join("moved").join(name)).expect("movable");
    let (_, gone, text) = run.explain("c1-1");
    assert!(!kinds(&gone).contains(&"market"));
    assert!(
        text.contains("market events are left out") && text.contains(name),
        "{text}"
    );
    let arguments = [
        "explain",
        "c1-1",
        "--journal",
        "run",
        "--data",
        "moved",
        "--json",
    ];
    let found = program::run(folder, &arguments);
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(kinds(&found).join(" "), there);
}
