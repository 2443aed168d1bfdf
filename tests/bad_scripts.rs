//! Scripts that are wrong, hostile or no scripts at all, through `claire check` and `claire replay`: each is told with its
//! place and the exit status that the manual names, on both backends alike, and the program never panics or hangs.

mod program;

use serde_json::Value;
use std::path::Path;
use std::process::Output;

const INIT: &str = "fn init(m) { #{ n: 0 } }\n";
/// What is told of a script that is wrong, however long it is.
const TOLD_BYTES_MAX: usize = 60_000;

/// Runs the program; whatever happens, it ends by itself and says little.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = done(folder, arguments);
    let told = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    look(&told, arguments);
    let is_safe = |c: char| !c.is_control() || c == '\n' || c == '\t';
    assert!(told.chars().all(is_safe), "{arguments:?}: {told:?}");
    (output.status.code().expect("no signal"), told)
}

/// Runs the program. Calls end by what they do, on a slow machine, too: the time that they may take is long.
fn done(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = program::command(folder, arguments);
    command.env("CLAIRE_SCRIPT__CALL_US_MAX", "10000000");
    command.output().expect("the program runs")
}

fn look(told: &str, arguments: &[&str]) {
    let is_bug = told.contains("panicked") || told.contains("this is a bug");
    assert!(!is_bug, "{arguments:?}: {told}");
    assert!(told.len() < TOLD_BYTES_MAX, "{arguments:?}: {}", told.len());
}

fn replay(folder: &Path, script: &str, backend: &str) -> (i32, Value) {
    let of_script = ["--strategy", script, "--backend", backend, "--json"];
    let arguments = [&["replay", SESSION], of_script.as_slice()].concat();
    let output = done(folder, &arguments);
    look(&String::from_utf8_lossy(&output.stderr), &arguments);
    let value = serde_json::from_slice(&output.stdout);
    let value = value.unwrap_or_else(|fault| panic!("{script}: {fault}"));
    (output.status.code().expect("no signal"), value)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let made = program::made(folder.path(), 3, 2);
    std::fs::rename(made, folder.path().join(SESSION)).expect("movable");
    folder
}

/// A script that is refused, the place, and a word of the message.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let with = |rest: &str| format!("{INIT}{rest}").into_bytes();
    let nested = |open: &str, close: &str| {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        with(&format!("fn on_book(m) {{ this.n = {open}1{close}; }}"))
    };
    let many =
        |one: &dyn Fn(usize) -> String, count: usize| -> String { (0..count).map(one).collect() };
    vec![
        ("syntax", with("fn on_book(m) { let x = ; }"), ":2:25", "unexpected ';'"),
        ("open_text", with("fn on_book(m) { note(\"abc); }"), ":2:22", "not terminated"),
        ("range", b"const A = param(\"a\", 12, 20, 100);\nfn init(m) { #{ } }\nfn on_book(m) { }".to_vec(), ":1:11", "not within 20 to 100"),
        ("nan", b"const A = param(\"a\", 0.0/0.0, 0.0, 1.0);\nfn init(m) { #{ } }\nfn on_book(m) { }".to_vec(), ":1:11", "is a number"),
        ("off_step", b"const A = param(\"a\", 13, 2, 100, 5);\nfn init(m) { #{ } }\nfn on_book(m) { }".to_vec(), ":1:11", "not on its steps of 5 from 2"),
        ("text_for_qty", with("fn on_book(m) { m.buy(\"a\"); }"), ":2:19", "this can only fail"),
        ("float_and_bool", with("fn on_book(m) { let q = m.mid + true; }"), ":2:31", "this can only fail"),
        ("constant", b"const P = 3;\nfn init(m) { #{ } }\nfn on_book(m) { P = 4; }".to_vec(), ":3:17", "is a constant"),
        ("read_only", with("fn on_book(m) { m.bid = 3.0; }"), ":2:19", "read only"),
        ("late_bars", with("fn on_book(m) { m.bars(\"1m\"); }"), ":2:19", "`init` only"),
        ("no_handler", with(""), "no_handler.rhai", "no handler"),
        ("no_init", b"fn on_book(m) { }".to_vec(), "no_init.rhai", "no `init(m)`"),
        ("empty", Vec::new(), "empty.rhai", "no `init(m)`"),
        ("latin", b"fn init(m) { #{ } }\n// \xe9\n".to_vec(), ":2:4", "not UTF-8"),
        ("codes", b"\x01\x1b[31m\x07".to_vec(), ":1:1", "unexpected '\\u{1}'"),
        ("zero", with("fn on_book(m) { \0 }"), ":2:17", "unexpected '\\u{0}'"),
        ("letters", with("fn on_book(m) { let größe = 1; }"), ":2:23", "names are of a to z"),
        ("line_ends", with("fn on_book(m) {\n this.n += 1;\n this.nn = 1; }").iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect(), ":4:7", "`this.nn`"),
        ("parentheses", nested("(", ")"), ":2:", "complexity"),
        ("brackets", nested("[", "]"), ":2:", "complexity"),
        ("braces", nested("{", "}"), ":2:", "complexity"),
        ("signs", nested("!", ""), ":2:", "complexity"),
        ("one_line", with(&format!("fn on_book(m) {{ this.n = 1{}; }}", "+1".repeat(300_000))), ":2:", "complexity"),
        ("items", with(&format!("fn on_book(m) {{ let a = [{}]; }}", "1,".repeat(300_000))), ":2:", "array literal"),
        ("text", with(&format!("fn on_book(m) {{ note(\"{}\"); }}", "x".repeat(900_000))), ":2:22", "length of string"),
        ("functions", with(&format!("fn on_book(m) {{ }}\n{}", many(&|n| format!("fn f{n}(x) {{ x }}\n"), 10_000))), ":257:1", "number of functions"),
        ("parameters", (many(&|n| format!("const P{n} = param(\"p{n}\", 1, 0, 2);\n"), 3_000) + INIT + "fn on_book(m) { }").into_bytes(), ":257:1", "variables"),
        ("endless", b"const A = { let x = 0; while true { x += 1; } x };\nfn init(m) { #{ } }\nfn on_book(m) { }".to_vec(), ":1:", "no value"),
        ("too_long", with(&format!("fn on_book(m) {{ }}\n// {}", "x".repeat(1 << 20))), "too_long.rhai", "may have 1048576"),
        ("mistakes", with(&format!("fn on_book(m) {{\n{}}}", " this.zz += 1;\n".repeat(60_000))), ":3:7", "only the first 100 mistakes"),
        ("top_level", with("while true { }\nfn on_book(m) { }"), ":2:1", "top level"),
    ]
}

#[test]
fn a_wrong_script_is_told_with_its_place_and_never_runs() {
    let place = folder();
    for (name, text, at, words) in refused() {
        let file = format!("{name}.rhai");
        std::fs::write(place.path().join(&file), text).expect("writable");
        let (status, told) = run(place.path(), &["check", &file]);
        assert_eq!(status, 3, "{name}: {told}");
        assert!(told.contains(at) && told.contains(words), "{name}: {told}");
        let (status, value) = replay(place.path(), &format!("./{file}"), "auto");
        assert_eq!(status, 2, "{name}: {value}");
        assert_eq!(value["error"]["code"], "SCRIPT", "{name}: {value}");
    }
}

#[test]
fn what_is_no_file_of_a_script_is_told_too() {
    let place = folder();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir(at("folder.rhai")).expect("writable");
    std::fs::write(
        at("good.rhai"),
        format!("{INIT}fn on_book(m) {{ this.n += 1; }}"),
    )
    .expect("writable");
    for (target, link) in [
        ("loop.rhai", "loop.rhai"),
        ("none.rhai", "dangling.rhai"),
        ("good.rhai", "link.rhai"),
    ] {
        std::os::unix::fs::symlink(target, at(link)).expect("writable");
    }
    for (file, status, words) in [
        ("folder.rhai", 2, "no *.rhai"),
        ("loop.rhai", 3, "cannot follow the link"),
        ("dangling.rhai", 3, "cannot follow the link to none.rhai"),
        ("link.rhai", 0, "is right"),
    ] {
        let (found, told) = run(place.path(), &["check", file, "--no-run"]);
        assert_eq!(found, status, "{file}: {told}");
        assert!(told.contains(words), "{file}: {told}");
        let (found, value) = replay(place.path(), &format!("./{file}"), "auto");
        assert_eq!(found, if status == 0 { 0 } else { 2 }, "{file}: {value}");
    }
}

/// Scripts that are right and go wrong: the handler's text, the state they end in, and a word of the last error.
const GOES_WRONG: &[(&str, &str, &str)] = &[
    (
        "fn on_trade(m, t) { m.buy(0.0 / 0.0); }",
        "stopped",
        "line 2, column 23: the quantity is NaN",
    ),
    (
        "fn on_trade(m, t) { m.buy_limit(1.0, 1.0 / 0.0); }",
        "stopped",
        "the price is inf",
    ),
    (
        "fn on_trade(m, t) { m.quote(BUY, 0.0 / 0.0, 1.0, 1); }",
        "stopped",
        "is NaN",
    ),
    (
        "fn on_trade(m, t) { m.protect(-1.0 / 0.0); }",
        "stopped",
        "is -inf",
    ),
    (
        "fn on_trade(m, t) { throw \"no luck\"; }",
        "stopped",
        "line 2, column 21: no luck",
    ),
    (
        "fn on_trade(m, t) { throw #{ a: [1, 2], b: () }; }",
        "stopped",
        "line 2, column 21: #{",
    ),
    (
        "fn f(x) { f(x + 1) }\nfn on_trade(m, t) { this.n = f(1); }",
        "stopped",
        "cut: calls deeper than 24",
    ),
    (
        "fn on_trade(m, t) { let s = \"aaaaaaaaaa\"; while true { s += s; } }",
        "stopped",
        "cut: Length of string",
    ),
    (
        "fn on_trade(m, t) { let s = [1]; while true { s.push(1); } }",
        "stopped",
        "cut: Size of array",
    ),
    (
        "fn on_trade(m, t) { let s = [1]; s.pad(1000000000, 0); }",
        "stopped",
        "cut: Size of array",
    ),
    (
        "fn on_trade(m, t) { while true { this.n += 1; } }",
        "stopped",
        "cut: more than 100000 operations",
    ),
    (
        "fn on_trade(m, t) { for i in 0..30_000 { this.n += 1; } }",
        "stopped",
        "cut: more than 100000 operations",
    ),
    (
        "fn on_trade(m, t) { this.n = [1, 2]; this.n = this.n[5]; }",
        "stopped",
        "out of bounds",
    ),
    (
        "fn on_trade(m, t) { m.buy(-1.0); m.buy_limit(1.0, -1.0); m.sell(1e300); m.buy_limit(1e-300, 1e300); }",
        "active",
        "",
    ),
    (
        "fn on_book(m) { }\nfn on_stop(m) { m.buy(1.0); m.quote(BUY, m.bid, 1.0, 1); m.protect(m.bid); m.buy_stop(1.0, m.ask); }",
        "active",
        "",
    ),
    (
        "fn on_trade(m, t) { let all = []; for i in 0..300 { all.push(i); } this.n = all.len(); }",
        "active",
        "",
    ),
];

/// Splits `line 2, column 5: words` into its place, as `claire check` shows one, and the rest.
fn split(words: &str) -> (String, &str) {
    let placed = words
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "));
    placed.map_or_else(
        || (String::new(), words),
        |(place, rest)| (format!(":{}\n", place.replace(", column ", ":")), rest),
    )
}

#[test]
fn a_script_that_goes_wrong_is_stopped_with_its_place_alike_on_both_backends() {
    let place = folder();
    for (number, (text, state, words)) in GOES_WRONG.iter().enumerate() {
        let file = format!("./wrong_{number}.rhai");
        std::fs::write(place.path().join(&file), format!("{INIT}{text}")).expect("writable");
        let (status, told) = run(place.path(), &["check", &file, "--for", "1s"]);
        assert_eq!(
            status,
            if *state == "stopped" { 3 } else { 0 },
            "{text}: {told}"
        );
        let (at, rest) = split(words);
        assert!(told.contains(&at) && told.contains(rest), "{text}: {told}");
        let [found, want] =
            ["auto", "interpreted"].map(|backend| replay(place.path(), &file, backend));
        assert_eq!((found.0, want.0), (0, 0), "{text}");
        assert_eq!(found.1["digest"], want.1["digest"], "{text}");
        for (_, value) in [&found, &want] {
            let strategy = &value["strategies"][0];
            assert_eq!(strategy["state"], *state, "{text}: {strategy}");
            let last = strategy["last_error"].as_str().unwrap_or("");
            assert!(last.contains(words), "{text}: {strategy}");
        }
        if *state == "active" && text.contains("m.buy(") {
            assert!(found.1["denied"] != 0, "{text}: {}", found.1);
        }
    }
}

#[test]
fn a_script_whose_init_fails_is_told_and_the_run_has_failed() {
    let place = folder();
    let inits = [
        ("market(\"nowhere:NOPE\"); #{ }", "no market `nowhere:NOPE`"),
        ("m.bars(\"5x\"); #{ }", "`5x` is no interval"),
        ("m.bars(\"5m\").ema(-10); #{ }", "from 1 to 10000"),
        ("m.bars(\"5m\").ema(0.0 / 0.0); #{ }", "the length is NaN"),
        ("m.every(0, \"x\"); #{ }", "a timer of 0 ms"),
        (
            "m.every(5, \"\"); #{ }",
            "a timer's name has 1 to 32 bytes, not 0",
        ),
        (
            "let s = [1]; while true { s.push(1); } #{ a: s }",
            "cut: Size of array",
        ),
        ("throw \"no luck\";", "no luck"),
        ("42", "the state must be a map"),
    ];
    for (number, (body, words)) in inits.iter().enumerate() {
        let file = format!("./init_{number}.rhai");
        let text = format!("fn init(m) {{ {body} }}\nfn on_book(m) {{ }}");
        std::fs::write(place.path().join(&file), text).expect("writable");
        let (status, value) = replay(place.path(), &file, "auto");
        assert_eq!(status, 1, "{body}: {value}");
        let strategy = &value["strategies"][0];
        assert_eq!(strategy["state"], "failed", "{body}: {strategy}");
        let last = strategy["last_error"].as_str().unwrap_or("");
        assert!(last.contains(words), "{body}: {strategy}");
        let (status, told) = run(place.path(), &["check", &file, "--for", "1s"]);
        assert_eq!(status, 3, "{body}: {told}");
        let is_placed = told.contains(&format!("--> {file}:1"));
        assert!(
            is_placed && told.contains("`init` failed"),
            "{body}: {told}"
        );
    }
}

#[test]
fn a_script_whose_init_names_a_market_that_does_not_come_never_runs_and_is_told() {
    let place = folder();
    let file = "./waits.rhai";
    let text = "fn init(m) {\n    #{ other: market(\"binance-usdm:NOPE\") }\n}\nfn on_book(m) { }";
    std::fs::write(place.path().join(file), text).expect("writable");
    for backend in ["auto", "interpreted"] {
        let (status, value) = replay(place.path(), file, backend);
        assert_eq!(status, 1, "{value}");
        assert_eq!(value["error"]["code"], "STRATEGY", "{value}");
        let strategy = &value["strategies"][0];
        assert_eq!(strategy["state"], "waiting", "{strategy}");
        assert_eq!(strategy["waits_for"], "binance-usdm:NOPE", "{strategy}");
    }
    let (status, told) = run(place.path(), &["check", file, "--for", "1s"]);
    assert_eq!(status, 3, "{told}");
    let is_placed = told.contains("--> ./waits.rhai:2:23");
    assert!(
        is_placed && told.contains("binance-usdm:NOPE, which never appeared"),
        "{told}"
    );
}

#[test]
fn a_very_long_handler_is_interpreted_and_cut_rather_than_compiled_for_minutes() {
    let place = folder();
    let body = " this.n += 1;\n".repeat(60_000);
    let text = format!("{INIT}fn on_book(m) {{\n{body}}}");
    std::fs::write(place.path().join("long.rhai"), text).expect("writable");
    let (status, told) = run(place.path(), &["check", "long.rhai", "--no-run"]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("too long to be compiled"), "{told}");
    let (status, told) = run(place.path(), &["check", "long.rhai", "--for", "1s"]);
    assert_eq!(status, 3, "{told}");
    assert!(told.contains("more than 100000 operations"), "{told}");
}

const SESSION: &str = "session.txt";
