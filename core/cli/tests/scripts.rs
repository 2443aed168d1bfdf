//! `claire new`, `claire check` and `claire test` from outside: what they write, say and refuse.

mod environment;

use environment::alone;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn claire(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claire"));
    command.args(arguments);
    alone(command, folder).output().expect("started")
}

/// Runs with `--json`, compares the exit status, and returns the object.
fn json(folder: &Path, arguments: &[&str], exit: i32) -> Value {
    let output = claire(folder, &[arguments, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{arguments:?}: {text}{said}"
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?} {said}"))
}

/// Runs, compares the exit status, and returns stdout and stderr as one text.
fn text(folder: &Path, arguments: &[&str], exit: i32) -> String {
    let output = claire(folder, arguments);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    assert!(!said.contains("this is a bug"), "{said}");
    said
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

const GOOD: &str = r#"//! Buys once.
const SIZE = param("notional", 50.0, 5.0, 500.0, 5.0, "quote currency");
fn init(m) { #{ is_done: false } }
fn on_trade(m, trade) {
    if this.is_done || m.stale { return; }
    this.is_done = true;
    m.buy_limit(m.qty_for(SIZE), m.ask, IOC, "the first trade");
}
"#;

const BROKEN: &str = r#"const FAST = param("fast", 12, 20, 100);
fn init(m) { #{ fast: m.bars("1m").ema(FAST) } }
fn on_bar(m, bar) {
    if crossd_up(this.fast, this.fsat) { m.buy(1.0); }
}
fn on_boook(m) { }
"#;

#[test]
fn check_tells_parameters_handlers_and_what_calls_cost() {
    let place = folder();
    fs::write(place.path().join("good.rhai"), GOOD).expect("written");
    let arguments = ["check", "good.rhai", "--for", "5s", "--seed", "3"];
    let first = json(place.path(), &arguments, 0);
    let script = &first["scripts"][0];
    assert_eq!(script["ok"], true);
    assert_eq!(script["parameters"][0]["name"], "notional");
    assert_eq!(script["parameters"][0]["max"], "500");
    let handlers = script["handlers"].as_array().expect("a list");
    let names: Vec<_> = handlers.iter().map(|it| it["handler"].clone()).collect();
    assert_eq!(names, ["init", "on_trade"]);
    assert_eq!(script["ran"]["orders"], 1);
    let calls = handlers[1]["calls"].as_u64().expect("a number");
    assert!(calls > 10, "{script}");
    let cost = &first["run"]["cost"]["good.rhai"]["on_trade"];
    assert_eq!(cost["n"], calls);
    assert!(cost["p50_ns"].as_u64().is_some_and(|ns| ns > 0), "{cost}");
    // All but `run` is equal in equal runs.
    let mut again = json(place.path(), &arguments, 0);
    again["run"] = first["run"].clone();
    assert_eq!(again, first);
    let said = text(place.path(), &arguments, 0);
    for words in [
        "good.rhai is right",
        "5.0 to 500.0",
        "on_trade",
        "median",
        "5 s of the bundled market, seed 3",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let arguments = ["check", "good.rhai", "--no-run"];
    assert!(json(place.path(), &arguments, 0)["scripts"][0]["ran"].is_null());
}

#[test]
fn check_says_of_each_handler_whether_it_is_compiled_and_why_not() {
    let mixed = "\
fn init(m) { #{ sum: 0.0, kept: 0 } }
fn on_trade(m, trade) { this.sum += trade.qty; }
fn on_book(m) {
    let names = [\"bid\", \"ask\"];
    this.kept = names.len();
}
";
    let place = folder();
    fs::write(place.path().join("mixed.rhai"), mixed).expect("written");
    let arguments = ["check", "mixed.rhai", "--for", "2s"];
    let value = json(place.path(), &arguments, 0);
    let handlers = value["scripts"][0]["handlers"].as_array().expect("a list");
    let backends: Vec<_> = handlers
        .iter()
        .map(|it| {
            (
                it["handler"].as_str().unwrap_or(""),
                it["backend"].as_str().unwrap_or(""),
            )
        })
        .collect();
    let wanted = [
        ("init", "interpreted"),
        ("on_book", "interpreted"),
        ("on_trade", "compiled"),
    ];
    assert_eq!(backends, wanted, "{value}");
    let why = handlers[0]["why"]["reason"].as_str();
    assert!(why.is_some_and(|why| why.contains("runs once")), "{value}");
    let line = handlers[1]["why"]["line"].as_u64();
    assert!(line.is_some_and(|line| (4..=5).contains(&line)), "{value}");
    assert!(handlers[2]["why"].is_null(), "{value}");
    let said = text(place.path(), &arguments, 0);
    for words in [
        "note: `init` is interpreted: it runs once",
        "note: `on_book` is interpreted: ",
        "  --> mixed.rhai:",
        "compiled",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let all = json(
        place.path(),
        &[
            "check",
            "mixed.rhai",
            "--for",
            "2s",
            "--backend",
            "interpreted",
        ],
        0,
    );
    assert_eq!(all["scripts"][0]["handlers"][2]["backend"], "interpreted");
    // The same run on both backends.
    let digest = |value: &Value| value["scripts"][0]["ran"]["digest"].clone();
    assert_eq!(digest(&all), digest(&value));
    text(
        place.path(),
        &[
            "check",
            "mixed.rhai",
            "--for",
            "2s",
            "--backend",
            "compiled",
        ],
        3,
    );
}

#[test]
fn check_tells_every_mistake_with_its_place_and_exits_with_3() {
    let place = folder();
    fs::write(place.path().join("broken.rhai"), BROKEN).expect("written");
    fs::write(place.path().join("good.rhai"), GOOD).expect("written");
    let value = json(place.path(), &["check", "broken.rhai"], 3);
    assert_eq!(value["ok"], false);
    assert_eq!(value["error"]["code"], "SCRIPT");
    assert_eq!(value["error"]["file"], "broken.rhai");
    let faults = value["scripts"][0]["diagnostics"]
        .as_array()
        .expect("a list");
    let places: Vec<_> = faults
        .iter()
        .map(|it| {
            (
                it["line"].as_u64().unwrap_or(0),
                it["hint"].as_str().unwrap_or(""),
            )
        })
        .collect();
    assert!(
        places.contains(&(4, "did you mean `crossed_up`?"))
            && places.contains(&(4, "did you mean `fast`?"))
            && places.contains(&(6, "did you mean `on_book`?")),
        "{places:?}"
    );
    let said = text(place.path(), &["check", "."], 3);
    for words in [
        "error: unknown function `crossd_up`\n  --> ./broken.rhai:4:8",
        "4 |     if crossd_up",
        "./good.rhai is right",
        "1 of 2 scripts are wrong",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // What is only seen when a constant is evaluated comes once the rest is right.
    fs::write(
        place.path().join("range.rhai"),
        "const A = param(\"a\", 12, 20, 100);\nfn init(m) { #{} }\nfn on_book(m) { }\n",
    )
    .expect("written");
    let value = json(place.path(), &["check", "range.rhai"], 3);
    assert_eq!(value["scripts"][0]["diagnostics"][0]["line"], 1, "{value}");
}

#[test]
fn check_refuses_what_is_not_there_and_survives_what_is_no_script() {
    let place = folder();
    let write =
        |name: &str, bytes: &[u8]| fs::write(place.path().join(name), bytes).expect("written");
    write("good.rhai", GOOD.as_bytes());
    write("latin.rhai", b"fn init(m) { #{} }\n// \xe9\n");
    write("empty.rhai", b"");
    write(
        "throws.rhai",
        b"fn init(m) { throw \"no luck\"; }\nfn on_book(m) { }\n",
    );
    fs::create_dir(place.path().join("nothing")).expect("made");
    for arguments in [
        &["check"][..],
        &["check", "none.rhai"],
        &["check", "nothing"],
        &["check", "good.rhai", "--data", "none.gz"],
        &["check", "good.rhai", "--for", "5"],
    ] {
        text(place.path(), arguments, 2);
    }
    let said = text(place.path(), &["check", "latin.rhai"], 3);
    assert!(
        said.contains("not UTF-8") && said.contains("latin.rhai:2:4"),
        "{said}"
    );
    text(place.path(), &["check", "empty.rhai"], 3);
    let said = text(
        place.path(),
        &["check", "good.rhai", "--set", "good.notional=9999"],
        3,
    );
    assert!(said.contains("notional"), "{said}");
    // Nothing is wrong with its text, and it never runs.
    text(place.path(), &["check", "throws.rhai", "--no-run"], 0);
    let said = text(place.path(), &["check", "throws.rhai", "--for", "1s"], 3);
    assert!(
        said.contains("`init` failed: no luck\n  --> throws.rhai:1:14\n"),
        "{said}"
    );
    // Rhai names no place of it: the handler's line stands for it, not that of `init`.
    write(
        "steps.rhai",
        b"fn init(m) { #{ n: 0 } }\n\nfn on_trade(m, trade) {\n    for i in range(0, 9, this.n) { this.n += i; }\n}\n",
    );
    let said = text(place.path(), &["check", "steps.rhai", "--for", "60s"], 3);
    assert!(
        said.contains("step value cannot be zero\n  --> steps.rhai:3\n"),
        "{said}"
    );
    let arguments = ["check", "throws.rhai", "--for", "1s"];
    let script = json(place.path(), &arguments, 3)["scripts"][0].take();
    assert_eq!(script["ok"], false, "{script}");
    assert_eq!(script["diagnostics"][0]["column"], 14, "{script}");
    assert_eq!(script["ran"]["state"], "failed", "{script}");
}

#[test]
fn check_runs_over_recorded_data_too() {
    let place = folder();
    fs::write(place.path().join("good.rhai"), GOOD).expect("written");
    let mut lines = Vec::new();
    claire_sim::write_recording(&mut lines, 5, 4).expect("memory takes all");
    fs::write(place.path().join("session.txt"), lines).expect("written");
    let arguments = [
        "check",
        "good.rhai",
        "--data",
        "session.txt",
        "--venue",
        "binance-spot",
    ];
    let value = json(place.path(), &arguments, 0);
    assert_eq!(value["scripts"][0]["ran"]["orders"], 1, "{value}");
    assert_eq!(value["data"], "session.txt");
}

#[test]
fn new_writes_a_strategy_that_checks_and_a_test_that_passes() {
    let place = folder();
    let said = text(place.path(), &["new", "my_idea", "--dir", "mine"], 0);
    assert!(
        said.contains("mine/my_idea.rhai") && said.contains("ok "),
        "{said}"
    );
    let script = fs::read(place.path().join("mine/my_idea.rhai")).expect("there");
    let test = fs::read_to_string(place.path().join("mine/my_idea.test.toml")).expect("there");
    assert!(
        !test.contains("digest = \"\""),
        "both digests are written: {test}"
    );
    let value = json(place.path(), &["test", "mine"], 0);
    assert_eq!((&value["passed"], &value["failed"]), (&2.into(), &0.into()));
    json(
        place.path(),
        &["check", "mine/my_idea.rhai", "--for", "1s"],
        0,
    );
    let value = json(place.path(), &["new", "my_idea", "--dir", "mine"], 2);
    assert_eq!(value["error"]["code"], "EXISTS");
    assert_eq!(
        fs::read(place.path().join("mine/my_idea.rhai")).expect("there"),
        script
    );
    // Half a pair that is there keeps the other half away.
    fs::remove_file(place.path().join("mine/my_idea.rhai")).expect("removed");
    json(place.path(), &["new", "my_idea", "--dir", "mine"], 2);
    assert!(!place.path().join("mine/my_idea.rhai").exists());
    for name in [
        "",
        "My",
        "a-b",
        "a.b",
        "../a",
        "1a",
        "momentum",
        "a_name_of_more_than_28_letters",
    ] {
        text(place.path(), &["new", name], 2);
    }
    assert_eq!(
        fs::read_dir(place.path()).expect("readable").count(),
        1,
        "only `mine`"
    );
}

#[test]
fn new_copies_a_bundled_strategy_with_its_test() {
    let place = folder();
    text(place.path(), &["new", "my_cross", "--from", "ema_cross"], 0);
    let script = fs::read_to_string(place.path().join("my_cross.rhai")).expect("there");
    assert_eq!(
        Some(script.as_str()),
        claire_strategies::bundled("ema_cross")
    );
    json(place.path(), &["test"], 0);
    let said = text(place.path(), &["new", "other", "--from", "emacross"], 2);
    assert!(said.contains("ema_cross"), "{said}");
}

/// Writes `good.rhai` and a test of it with these expectations.
fn with_test(expect: &str) -> TempDir {
    let place = folder();
    fs::write(place.path().join("good.rhai"), GOOD).expect("written");
    let test =
        format!("[[test]]\nname = \"once\"\nspan = \"3s\"\nseed = 3\n\n[test.expect]\n{expect}");
    fs::write(place.path().join("good.test.toml"), test).expect("written");
    place
}

#[test]
fn a_test_passes_or_says_what_differs() {
    for (expect, difference) in [
        (
            "orders = 1\nfills = { min = 1, max = 3 }\ndenied = {}\n",
            None,
        ),
        (
            "orders = [{ side = \"buy\", flags = \"IOC\", reason = \"the first trade\" }]\n",
            None,
        ),
        ("net = { min = -1, max = 1.5 }\n", None),
        ("orders = 2\n", Some("orders: 1, expected 2")),
        ("fills = { min = 5 }\n", Some("expected at least 5")),
        ("net = { max = \"-5\" }\n", Some("expected at most -5")),
        ("orders = []\n", Some("order 1: buy ")),
        ("orders = [{ side = \"sell\" }]\n", Some("expected sell")),
        (
            "orders = [{ side = \"buy\" }, { price = 5, reason = \"again\" }]\n",
            Some("order 2: none, expected an order @ 5 [again]"),
        ),
        (
            "denied = { RATE = 1 }\n",
            Some("denied RATE: 0, expected 1"),
        ),
        (
            "failures = { min = 1 }\n",
            Some("failed calls: 0, expected at least 1"),
        ),
        (
            "compiled = [\"on_book\"]\n",
            Some("on_book: the script has no such handler"),
        ),
        ("digest = \"00\"\n", Some("expected 00")),
        ("digest = \"\"\n", Some("`claire test --update` writes it")),
    ] {
        let place = with_test(expect);
        let said = text(
            place.path(),
            &["test", "."],
            i32::from(difference.is_some()),
        );
        match difference {
            None => assert!(said.contains("1 passed, 0 failed"), "{expect}: {said}"),
            Some(difference) => assert!(said.contains(difference), "{expect}: {said}"),
        }
    }
}

#[test]
fn a_test_that_throws_or_trades_nowhere_does_not_pass() {
    let place = with_test("");
    let throws = "fn init(m) { #{} }\nfn on_trade(m, t) { throw \"enough\"; }\n";
    fs::write(place.path().join("good.rhai"), throws).expect("written");
    let said = text(place.path(), &["test", "good.test.toml"], 1);
    assert!(said.contains("enough"), "{said}");
    fs::remove_file(place.path().join("good.rhai")).expect("removed");
    let said = text(place.path(), &["test", "good.test.toml"], 1);
    assert!(said.contains("good.rhai"), "{said}");
}

#[test]
fn update_writes_the_digest_and_nothing_else() {
    let place = with_test("orders = 1 # one\ndigest = \"\" # of all\n");
    let file = place.path().join("good.test.toml");
    let before = fs::read_to_string(&file).expect("there");
    let value = json(place.path(), &["test", ".", "--update"], 0);
    let digest = value["tests"][0]["figures"]["digest"]
        .as_str()
        .expect("a digest");
    assert_eq!(value["tests"][0]["updated"], true);
    let after = fs::read_to_string(&file).expect("there");
    assert_eq!(
        after,
        before.replace("\"\" # of", &format!("\"{digest}\" # of"))
    );
    json(place.path(), &["test", "."], 0);
    // A test that fails for another reason keeps its digest.
    fs::write(
        &file,
        after
            .replace("orders = 1", "orders = 7")
            .replace(digest, "00"),
    )
    .expect("written");
    json(place.path(), &["test", ".", "--update"], 1);
    assert!(fs::read_to_string(&file).expect("there").contains("\"00\""));
}

#[test]
fn a_wrong_test_file_is_named_with_its_place_and_missing_data_is_told() {
    for (test, words) in [
        ("", "test"),
        ("test = []\n", "no [[test]]"),
        ("[[test]]\nspam = \"3s\"\n", "x.test.toml:2:1"),
        ("[[test]]\nspan = \"3\"\n", "x.test.toml:2:8"),
        ("[[test]]\nspan = \"3d\"\n", "at most 24h"),
        ("[[test]]\ndata = 3\n", "write \"bundled\", a recording"),
        (
            "[[test]]\nvenue = \"binance-spot\"\n",
            "`venue` is of recorded data",
        ),
        (
            "[[test]]\ndata = \"a.gz\"\nseed = 1\n",
            "`seed` is of the bundled market",
        ),
        (
            "[[test]]\ndata = \"a.gz\"\nvenue = \"nowhere\"\n",
            "`nowhere` is no venue",
        ),
        ("[[test]]\nmarket = \"BTC\"\n", "x.test.toml:2"),
        (
            "[[test]]\n[test.expect]\norders = \"many\"\n",
            "write a number, { min = 1, max = 9 }",
        ),
        ("[[test]\n", "x.test.toml:1"),
    ] {
        let place = folder();
        fs::write(place.path().join("x.test.toml"), test).expect("written");
        let said = text(place.path(), &["test", "."], 1);
        assert!(said.contains(words), "{test}: {said}");
    }
    let place = with_test("");
    let recorded = "[[test]]\ndata = \"gone.txt.gz\"\n";
    fs::write(place.path().join("good.test.toml"), recorded).expect("written");
    let said = text(place.path(), &["test", "."], 0);
    assert!(
        said.contains("SKIPPED") && said.contains("gone.txt.gz"),
        "{said}"
    );
    let mut lines = Vec::new();
    claire_sim::write_recording(&mut lines, 5, 2).expect("memory takes all");
    let elsewhere = folder();
    fs::write(elsewhere.path().join("gone.txt.gz"), lines).expect("written");
    let data = elsewhere.path().display().to_string();
    let value = json(place.path(), &["test", ".", "--data", &data], 0);
    assert_eq!(
        (&value["passed"], &value["skipped"]),
        (&1.into(), &0.into()),
        "{value}"
    );
    text(place.path(), &["test", "nowhere"], 2);
    text(elsewhere.path(), &["test"], 2);
    text(place.path(), &["test", ".", "--only", "something else"], 2);
}

#[test]
fn every_shipped_strategy_passes_its_test() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let value = json(&root, &["test", "strategies/scripts"], 0);
    let tests = value["tests"].as_array().expect("a list");
    for (name, _) in claire_strategies::BUNDLED {
        let file = format!("strategies/scripts/{name}.test.toml");
        let own: Vec<_> = tests.iter().filter(|test| test["file"] == *file).collect();
        assert!(!own.is_empty(), "{name} has no test");
        let trades = own.iter().any(|test| test["figures"]["orders"] != 0);
        assert_eq!(trades, name != "empty", "{name} trades: {own:?}");
        for test in own {
            assert_eq!(test["outcome"], "passed", "{test}");
        }
    }
}
