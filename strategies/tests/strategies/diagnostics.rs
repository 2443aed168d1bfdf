//! What the checker says.

use claire_strategies::{Diagnostic, Limits, Script, Value};
use std::path::Path;

const OK: &str = "fn init(m) { #{ stop: 0.0 } }\nfn on_book(m) { }\n";

fn diagnostics(source: &str, overrides: &[(String, Value)]) -> Vec<Diagnostic> {
    match Script::compile("a.rhai", source, overrides) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            diagnostics
        }
    }
}

fn shown(of: &Diagnostic) -> String {
    let hint = of
        .hint
        .as_deref()
        .map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{}:{} {}{hint}", of.line, of.column, of.message)
}

fn all_shown(source: &str) -> Vec<String> {
    diagnostics(source, &[]).iter().map(shown).collect()
}

#[test]
fn each_mistake_is_told_with_place_and_remedy() {
    for (source, want) in MISTAKES {
        assert_eq!(all_shown(source), *want, "{source}");
    }
}

#[test]
fn several_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let source = "let x = 1;\nfn init(m) { #{ a: 1 } }\nfn on_book(m) { this.b; m.sel(1); }\nfn on_bar(m) { }";
    let lines: Vec<u32> = diagnostics(source, &[]).iter().map(|of| of.line).collect();
    assert_eq!(lines, [1, 3, 3, 4]);
}

#[test]
fn a_text_full_of_mistakes_is_told_in_part() {
    for (head, mistake) in [
        ("fn on_book(m) {\n", "this.b = 1;\n"),
        ("fn on_book(m) {", "this.b = 1;"),
        ("fn on_book(m) { }", "let a = 1;\n"),
    ] {
        let tail = if head.contains('}') { "" } else { "}" };
        let source = format!(
            "fn init(m) {{ #{{ }} }}\n{head}{}{tail}",
            mistake.repeat(20_000)
        );
        let all = diagnostics(&source, &[]);
        assert_eq!(all.len(), 101, "{head}");
        assert_eq!(all[100].message, "only the first 100 mistakes are told");
        let bytes: usize = all.iter().map(|of| of.to_string().len()).sum();
        assert!(bytes < 100_000, "{head}: {bytes}");
    }
}

#[test]
fn a_byte_order_mark_and_line_ends_of_other_systems_are_no_mistakes() {
    let text = format!("\u{feff}{}", OK.replace('\n', "\r\n"));
    let script = Script::compile("a", &text, &[]).expect("it is right");
    assert!(script.source().starts_with("fn init"));
    let wrong = text.replace("on_book(m) { }", "on_book(m) { m.by(1); }");
    assert_eq!(diagnostics(&wrong, &[])[0].line, 2);
    let within = OK.replace("{ }", "{ \u{feff} }");
    let told = diagnostics(&within, &[])[0].to_string();
    assert!(told.starts_with("error: unexpected '\\u{feff}'"), "{told}");
}

#[test]
fn what_is_right_is_not_complained_about() {
    let sources = [
        "fn init(m) { #{ a: 1 } } fn on_book(m) { this.a += 1; let f = |x| x + this_one(); f.call(1); } fn this_one() { 1 }",
        "fn init(m) { make() } fn make() { #{ a: 1 } } fn on_book(m) { this.whatever = 1; }",
        "fn init(m) { m.every(5, \"x\"); } fn on_timer(m, name) { switch name { \"x\" => note(\"x\"), _ => () } }",
        "fn init(m) { #{ a: [1], b: #{ c: 1 } } } fn on_book(m) { this.a[0] = this.b.c; this.a[this.b.c - 1] += 1; this.b.d = 2; }",
        "const A = 2; const B = A * 3; fn init(m) { #{} } fn on_book(m) { for (x, i) in [1, 2] { note(\"{} {} {}\", x, i, B); } try { throw 1; } catch (e) { note(\"{}\", e); } }",
        "fn init(m) { #{} } fn on_book(m) { let a = 2 ** 3; let s = `${a} ${m.bid}`; do { a -= 1; } while a > 0; }",
        "fn init(m) { #{} } fn on_book(m) { let o = m.buy(1); if o.is_open { m.cancel(o); } m.spread_helper(); } fn spread_helper() { this.spread }",
    ];
    for source in sources {
        assert_eq!(all_shown(source), [""; 0], "{source}");
    }
}

#[test]
fn overrides_are_checked_by_name_type_and_range() {
    let source = format!(
        "const A = param(\"fast\", 5, 1, 10);\nconst B = param(\"share\", 0.5, 0.0, 1.0);\n{OK}"
    );
    let cases = [
        (
            ("fats", Value::Int(3)),
            "0:0 there is no parameter `fats` (did you mean `fast`?)",
        ),
        (
            ("zzzzzz", Value::Int(3)),
            "0:0 there is no parameter `zzzzzz` (its parameters are fast, share)",
        ),
        (
            ("fast", Value::Int(11)),
            "1:11 the value set of `fast`, 11, is not within 1 to 10",
        ),
        (
            ("fast", Value::Float(2.5)),
            "1:11 parameter `fast` is an integer, but was set to 2.5",
        ),
        (
            ("share", Value::Float(f64::NAN)),
            "2:11 the value set of `share`, NaN, is not within 0.0 to 1.0",
        ),
        (
            ("share", Value::Bool(true)),
            "2:11 parameter `share` is a number, but was set to true",
        ),
    ];
    for ((name, value), want) in cases {
        let told: Vec<String> = diagnostics(&source, &[(name.to_owned(), value)])
            .iter()
            .map(shown)
            .collect();
        assert_eq!(told, [want], "{name}");
    }
    let told = diagnostics(OK, &[("a".to_owned(), Value::Int(1))]);
    assert_eq!(
        shown(&told[0]),
        "0:0 there is no parameter `a` (the script has no parameters)"
    );
}

fn load(path: &Path) -> Result<Script, String> {
    Script::load(&Limits::default(), path, &[]).map_err(|all| {
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

#[test]
fn a_file_that_is_no_script_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("good.rhai"), OK).expect("written");
    assert_eq!(load(&at("good.rhai")).expect("compiles").name(), "good");
    std::fs::write(at("latin.rhai"), b"fn init(m) {\n  // caf\xe9\n}").expect("written");
    let told = load(&at("latin.rhai")).expect_err("not UTF-8");
    assert!(
        told.contains("not UTF-8 at byte 21") && told.contains("latin.rhai:2:9"),
        "{told}"
    );
    let told = load(&at("none.rhai")).expect_err("missing");
    assert!(told.contains("cannot read the file"), "{told}");
    let told = load(folder.path()).expect_err("a folder");
    assert!(told.contains("not a regular file"), "{told}");
    std::fs::write(at("large.rhai"), vec![b' '; (1 << 20) + 1]).expect("written");
    let told = load(&at("large.rhai")).expect_err("too large");
    assert!(
        told.contains("1048577 bytes; a script may have 1048576"),
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_a_broken_one_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("good.rhai"), OK).expect("written");
    std::os::unix::fs::symlink("good.rhai", at("link.rhai")).expect("linked");
    assert_eq!(load(&at("link.rhai")).expect("follows").name(), "link");
    std::os::unix::fs::symlink("gone.rhai", at("broken.rhai")).expect("linked");
    let told = load(&at("broken.rhai")).expect_err("broken");
    assert!(
        told.contains("cannot follow the link to gone.rhai"),
        "{told}"
    );
    std::os::unix::fs::symlink("loop.rhai", at("loop.rhai")).expect("linked");
    assert!(load(&at("loop.rhai")).is_err());
}

/// Sources, and what is said of each.
const MISTAKES: &[(&str, &[&str])] = &[
    (
        "fn init(m) { #{ größe: 0 } }\nfn on_book(m) { }",
        &[
            "1:19 unexpected 'ö' (names are of a to z, A to Z, digits and `_`; all else is for texts)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { let x = ; }",
        &["2:25 unexpected ';'"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) {",
        &["2:16 expecting '}' to terminate this block"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { if crossd_up(1, 2) { } }",
        &["2:20 unknown function `crossd_up` (did you mean `crossed_up`?)"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { m.by(1); }",
        &["2:19 unknown function `by` (did you mean `buy`?)"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { m.buy(); }",
        &[
            "2:19 `buy` takes 1 or 2 arguments, not 0 (write `m.buy(qty: float, reason: text = \"\")`)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { m.bid(); m.mid(); m.cancel_all; plot(1); }",
        &[
            "2:19 `bid` takes 1 argument, not 0 (write `m.bid` or `m.bid(rank: int)`)",
            "2:28 `mid` of the market is no function (write it without `()`)",
            "2:37 the market has no `cancel_all` (it is called: `m.cancel_all()`)",
            "2:49 `plot` takes 2 or 3 arguments, not 1 (write `plot(name: text, value: float)` or `plot(pane: text, name: text, value: float)`)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { note(); }",
        &["2:17 `note` takes 1 to 8 arguments, not 0 (write `note(text: text, ...)`)"],
    ),
    (
        "fn init(m) { let b = m.bars(\"1m\"); #{ a: b.emma(3), b: m.emma(3) } }\nfn on_book(m) { abs(); }",
        &[
            "1:44 unknown function `emma` (did you mean `ema`?)",
            "1:58 unknown function `emma` (did you mean `ema`?)",
            "2:17 `abs` takes 1 argument, not 0 (write `abs(x: int or float)`)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { let x = m.bidd; }",
        &["2:27 the market has no `bidd` (did you mean `bid`?)"],
    ),
    (
        "fn init(m) { #{} }\nfn on_trade(m, trade) { note(\"{}\", trade.prise); }",
        &["2:42 a trade has no `prise` (did you mean `price`?)"],
    ),
    (
        "fn on_book(m) { }",
        &[
            "0:0 the script has no `init(m)` (write `fn init(m) { #{} }`: it returns the fields of the state)",
        ],
    ),
    (
        "fn intit(m) { #{} }\nfn on_book(m) { }",
        &["1:4 the script has no `init(m)` (did you mean `init` with `intit`?)"],
    ),
    (
        "fn init(m) { #{} }",
        &[
            "0:0 the script has no handler: nothing would ever call it after `init` (write at least one of on_book, on_trade, on_bar, on_timer)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_boko(m) { }\nfn on_book(m) { }",
        &["2:4 there is no handler `on_boko` (did you mean `on_book`?)"],
    ),
    (
        "fn init(m) { #{} }\n  fn on_bar(m) { }",
        &["2:6 `on_bar` takes 2 arguments, not 1 (write `fn on_bar(m, bar)`)"],
    ),
    (
        "fn init() { #{} }\nfn on_book(m) { }",
        &["1:4 `init` takes 1 argument, not 0 (write `fn init(m)`)"],
    ),
    (
        "let count = 0;\nfn init(m) { #{} }\nfn on_book(m) { }",
        &[
            "1:5 `let count` at the top level: no function could see it (write `const count = ...`, or make it a field of the map that `init` returns: `this.count`)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { }\nnote(\"x\");",
        &["3:1 only `const` and `fn` stand at the top level; this would never run"],
    ),
    (
        "fn init(m) { #{ stop: 0.0 } }\nfn on_book(m) { this.stpo = 1.0; }",
        &["2:22 `this.stpo`: `init` does not create this field (did you mean `stop`?)"],
    ),
    (
        "fn init(m) { if m.stale { return #{ a: 1 }; } #{ b: 2 } }\nfn on_book(m) { this.a + this.b + this.zebra; }",
        &[
            "2:40 `this.zebra`: `init` does not create this field (add `zebra: ...` to the map that `init` returns)",
        ],
    ),
    (
        "fn init(m) { this.a = 1; }\nfn on_book(m) { }",
        &[
            "1:14 there is no `this` in `init` yet (`init` returns the first state as a map: `#{ field: value }`)",
        ],
    ),
    (
        "fn init(m) { #{ stop: 0.0 } }\nfn on_book(m) { let x = stop; let y = mm; }",
        &[
            "2:25 unknown variable `stop` (did you mean `this.stop`?)",
            "2:39 unknown variable `mm` (did you mean `m`?)",
        ],
    ),
    (
        "const FAST = 1;\nfn init(m) { #{} }\nfn on_book(m) { let FAST = 2; note(\"{}\", FASTT); }",
        &[
            "3:21 `FAST` is the name of a constant (choose another name for the variable)",
            "3:42 unknown variable `FASTT` (did you mean `FAST`?)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { let x = 2.0 ** 0.5; x **= 2.0; }",
        &[
            "2:29 `**` of floats differs between machines (write `pow(x, y)`, which gives the same bits on every machine)",
            "2:39 `**` of floats differs between machines (write `pow(x, y)`, which gives the same bits on every machine)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { print(1); }",
        &[
            "2:17 reserved keyword 'print' is disabled (write `note(\"text {}\", value)`; it goes on the record)",
        ],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { eval(\"1\"); }",
        &["2:17 reserved keyword 'eval' is disabled (text cannot be evaluated)"],
    ),
    (
        "import \"x\" as x;\nfn init(m) { #{} }\nfn on_book(m) { }",
        &["1:1 'import' is a reserved keyword (a strategy is one file)"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { sleep(1); }",
        &["2:17 unknown function `sleep`"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { timestamp(); }",
        &["2:17 unknown function `timestamp`"],
    ),
    (
        "fn init(m) { #{} }\nfn on_book(m) { helper(1); }\nfn helper(a, b) { }",
        &["2:17 `helper` takes 2 arguments, not 1"],
    ),
    (
        "const A = param(\"a\", 5, 10, 20);\nfn init(m) { #{} }\nfn on_book(m) { }",
        &["1:11 the default of `a`, 5, is not within 10 to 20"],
    ),
    (
        "const A = param(\"a\", 13, 2, 100, 5);\nconst B = param(\"b\", 12, 2, 100, 5);\nconst C = param(\"c\", 0.3, 0.01, 1.0, 0.1);\nfn init(m) { #{} }\nfn on_book(m) { }",
        &["1:11 the default of `a`, 13, is not on its steps of 5 from 2 (12 is)"],
    ),
    (
        "const A = param(\"a\", 5, 20, 10);\nfn init(m) { #{} }\nfn on_book(m) { }",
        &[
            "1:11 a parameter's least value must be below its greatest (param(\"name\", default, min, max[, step[, \"help\"]]))",
        ],
    ),
    (
        "const A = param(\"a\", 5, 1, 10);\nconst B = param(\"a\", 5, 1, 10);\nfn init(m) { #{} }\nfn on_book(m) { }",
        &["2:11 there are two parameters `a`"],
    ),
    (
        "const A = 1 / 0;\nfn init(m) { #{} }\nfn on_book(m) { }",
        &["1:13 this constant has no value: Division by zero: 1 / 0"],
    ),
    (
        "const A = 1;\nconst B = market(\"x\");\nfn init(m) { #{} }\nfn on_book(m) { }",
        &["2:11 this constant has no value: the market can be used only inside handlers"],
    ),
];
