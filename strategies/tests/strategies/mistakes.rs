//! What can only fail when it runs is told before; what may be right is not.

use claire_strategies::{Diagnostic, Script};

const INIT: &str = "const P = 3;\nfn init(m) { #{ n: 0, x: 0.0, s: \"\", o: no_order() } }\n";

fn told(source: &str) -> Vec<String> {
    let shown = |of: &Diagnostic| {
        let hint = of.hint.as_deref().unwrap_or("-");
        format!("{}:{} {} ({hint})", of.line, of.column, of.message)
    };
    let result = Script::compile("a.rhai", source, &[]);
    result.map_or_else(|faults| faults.iter().map(shown).collect(), |_| Vec::new())
}

fn told_of(handler: &str) -> Vec<String> {
    told(&format!("{INIT}{handler}"))
}

#[test]
fn what_can_only_fail_is_told_with_place_and_hint() {
    for (handler, want) in MISTAKES {
        assert_eq!(told_of(handler), *want, "{handler}");
    }
}

#[test]
fn what_may_be_right_is_not_refused() {
    for handler in RIGHT {
        assert_eq!(told_of(handler), [""; 0], "{handler}");
    }
}

#[test]
fn each_handlers_first_mistake_is_told_in_the_order_of_the_file() {
    let all = told_of(
        "fn on_trade(m, trade) { m.buy(\"a\"); m.sell(\"b\"); }\nfn on_book(m) { m.sell(true); }\nfn on_stop(m) { }",
    );
    let places: Vec<&str> = all
        .iter()
        .filter_map(|told| told.split(' ').next())
        .collect();
    assert_eq!(places, ["3:27", "4:19"]);
}

#[test]
fn a_mistake_in_a_function_is_told_once_where_it_stands() {
    let all = told_of("fn on_book(m) { this.act(m); }\nfn act(m) {\n    m.buy(\"a\");\n}");
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].starts_with("5:7 `buy` does not take"), "{all:?}");
}

/// Handlers, and what is said of each.
const MISTAKES: &[(&str, &[&str])] = &[
    (
        "fn on_book(m) { m.buy(\"a\"); }",
        &[
            "3:19 `buy` does not take a market, a text: this can only fail (write `m.buy(qty: float, reason: text = \"\")`)",
        ],
    ),
    (
        "fn on_book(m) { let q = m.mid + true; }",
        &[
            "3:31 `+` of a float and true or false: this can only fail (there is no such operator: convert one side, or compute with another value)",
        ],
    ),
    (
        "fn on_book(m) { P = 4; }",
        &[
            "3:17 `P` is a constant: it cannot be assigned to (what changes is a field of the map that `init` returns)",
        ],
    ),
    (
        "fn on_book(m) { P += 1; BUY = 2; }",
        &[
            "3:17 `P` is a constant: it cannot be assigned to (what changes is a field of the map that `init` returns)",
            "3:25 `BUY` is a constant: it cannot be assigned to (what changes is a field of the map that `init` returns)",
        ],
    ),
    (
        "fn on_book(m) { m.bid = 3.0; }",
        &[
            "3:19 `bid` of the market is read only (keep a value of your own in a variable or a field of `this`)",
        ],
    ),
    (
        "fn on_book(m) { let o = m.buy(1.0); o.price = 3.0; }",
        &["3:37 `price` of an order given a value: this can only fail (it is read only)"],
    ),
    (
        "fn on_book(m) { m.bars(\"1m\"); }",
        &[
            "3:19 `bars` may be called in `init` only: this can only fail (declare it in `init` and keep it in a field of the map that it returns)",
        ],
    ),
    (
        "fn on_book(m) { if m.mid { m.buy(1.0); } }",
        &[
            "3:20 a condition must be true or false, not a float: this can only fail (compare it with something)",
        ],
    ),
    (
        "fn on_book(m) { for i in 0..3 { m.buy(true); } }",
        &[
            "3:35 `buy` does not take a market, true or false: this can only fail (write `m.buy(qty: float, reason: text = \"\")`)",
        ],
    ),
    (
        "fn on_book(m) { if m.stale { this.x = this.x * this.s; } }",
        &[
            "3:46 `*` of a float and a text: this can only fail (there is no such operator: convert one side, or compute with another value)",
        ],
    ),
];

/// Handlers that run, or whose mistake depends on what only a run can tell.
const RIGHT: &[&str] = &[
    // Numbers mix, texts take everything, whatever differs is unequal.
    "fn on_book(m) { this.x = 1 + 1.5; let s = \"a\" + true + m.mid; if this.n == \"a\" { } }",
    // An error that is caught may be meant.
    "fn on_book(m) { try { m.buy(\"a\"); } catch { } }",
    "fn on_book(m) { try { this.act(m); } catch { } } fn act(m) { m.buy(\"a\"); }",
    "fn on_book(m) { try { m.bid = 2.0; } catch { } }",
    // The script's own functions go first.
    "fn on_book(m) { m.buy(\"a\"); } fn buy(what) { note(what); }",
    "fn on_book(m) { let q = add(1, true); } fn add(a, b) { if b { a } else { 0 } }",
    // A name may stand for something else.
    "fn on_book(m) { m = #{ bid: 1.0 }; m.bid = 2.0; }",
    "fn on_book(m) { let m = #{ bid: 1.0 }; m.bid = 2.0; }",
    "fn on_book(m) { let P2 = 1; P2 = 2; }",
    // A variable may change its type, and a loop comes back to where it had another.
    "fn on_book(m) { let v = 1; for i in 0..3 { if i > 0 { m.note_of(v - 1); } if i == 0 { v = 2.5; } } } fn note_of(v) { }",
    "fn on_book(m) { let v = \"a\"; let i = 0; while i < 3 { if i > 0 { this.x = v * 2.0; } v = 1.5; i += 1; } }",
    "fn on_book(m) { let i = 0; while i < 2 { if i > 0 { m.buy(1.0); } m = market(\"sim:ETHUSDT\"); i += 1; } }",
    // What a function is called with elsewhere may be what it is for.
    "fn on_book(m) { this.pick(1, true); this.pick(\"a\", false); } fn pick(v, add) { if add { v * 2 } else { 0 } }",
    // Items of arrays may be anything.
    "fn on_book(m) { let a = [1.0]; a.push(\"b\"); let s = a[1] + \"c\"; }",
    // What never leaves its place is not reached.
    "fn on_book(m) { return; m.buy(\"a\"); }",
    "fn on_book(m) { if false { m.buy(\"a\"); } }",
];
