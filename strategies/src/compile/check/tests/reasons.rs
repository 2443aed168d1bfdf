//! What has no typed form says so, with its place; other handlers are compiled.

use super::Compiled;
use super::snippets::{PROLOGUE, lowered};

/// A body, what its reason must say, and where: line within the body and column.
type Case = (&'static str, &'static str, u32, u32);

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (body, words, line, column) in cases {
        let text = format!("{PROLOGUE}\nfn f(m, a, b, x, y) {{\n{body}\n}}\n");
        let compiled = Compiled::new(&text);
        let fault = match lowered(&compiled) {
            Err(fault) => fault,
            Ok(_) => {
                wrong.push(format!("{body}: it has a typed form"));
                continue;
            }
        };
        let before = PROLOGUE.lines().count() as u32 + 2;
        // A fault in a function that is called stands there, before this body.
        let place = match fault.line.checked_sub(before) {
            Some(line) => (line, fault.column),
            None => (0, 0),
        };
        let reason = &fault.reason;
        if !reason.contains(words) || place != (*line, *column) {
            wrong.push(format!("{body}: {reason}, at {place:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_maps_and_functions_as_values() {
    check(&[
        (
            "let t = this.word + \"x\";",
            "makes a new text each time",
            1,
            19,
        ),
        (
            "let t = `n is ${a}`;",
            "`note(\"x is {}\", x)` fills in values",
            1,
            9,
        ),
        (
            "let t = #{ a: a };",
            "maps are kept only by the interpreter",
            1,
            9,
        ),
        (
            "let t = this.inner;",
            "the map `this.inner` as a value",
            1,
            9,
        ),
        (
            "this.inner = #{ n: a, deep: #{} };",
            "the map `this.inner` replaced as a whole",
            1,
            1,
        ),
        ("let t = this;", "`this` as a value of its own", 1, 9),
        ("let t = twice;", "the function `twice` as a value", 1, 9),
        ("let t = |v| v + 1;", "a function as a value", 1, 9),
        ("let t = 1;\nlet g = |v| v + t;", "closures", 2, 17),
        ("let t = 'c';", "a character", 1, 9),
        ("this.inner.remove(\"n\");", "`remove` of a map", 1, 12),
        (
            "let t = this.word.len;",
            "`len` has no compiled form",
            1,
            19,
        ),
        ("let t = [1, 2.0];", "only integers or only floats", 1, 9),
        ("let t = [a, x];", "only integers or only floats", 1, 9),
        ("let t = [[1], [2]];", "only integers or only floats", 1, 9),
        ("let t = a..b;", "a range outside of `for`", 1, 10),
    ]);
}

#[test]
fn types_that_change() {
    check(&[
        (
            "let t = 1;\nt = x;",
            "`t` holds an integer since line",
            2,
            3,
        ),
        ("let t = 1;\nt += x;", "becomes a float here", 2, 3),
        (
            "this.n = x;",
            "`this.n` holds an integer from `init` and a float here",
            1,
            8,
        ),
        (
            "this.x = a;",
            "`this.x` holds a float from `init` and an integer here",
            1,
            8,
        ),
        ("this.n *= 0.5;", "`init` may give it a float, as 0.0", 1, 8),
        (
            "this.ints[0] = x;",
            "an item of `this.ints` is an integer",
            1,
            14,
        ),
        (
            "this.ints.push(x);",
            "`push` of a float with an array of integers",
            1,
            11,
        ),
        (
            "this.floats += 1;",
            "`+=` of an integer to an array of floats",
            1,
            13,
        ),
        (
            "let t = if a > 0 { 1 } else { 2.0 };",
            "one branch gives an integer and another a float",
            1,
            9,
        ),
        (
            "let t = if a > 0 { 1 };",
            "one branch gives an integer and another no value",
            1,
            9,
        ),
        (
            "let t; if a > 0 { t = 1; }\nt + 1",
            "`t` may be () here",
            2,
            1,
        ),
        (
            "let t; for i in 0..3 { t = i; }\nt",
            "`t` may be () here",
            2,
            1,
        ),
        (
            "let t = ();\nt = 1;",
            "`t` is () and becomes more here",
            2,
            1,
        ),
        (
            "let t = loop { if a > 0 { break 1; } break; };",
            "gives an integer on one way out",
            1,
            9,
        ),
        (
            "let t = maybe(a);",
            "does not give one type of value on all its paths",
            1,
            9,
        ),
    ]);
}

#[test]
fn operators_and_functions_of_wrong_types() {
    check(&[
        ("let t = x ** 2;", "write `pow(x, y)`", 1, 11),
        ("let t = a & x;", "`&` of an integer and a float", 1, 11),
        ("let t = !a;", "`!` of an integer", 1, 9),
        ("let t = -this.on;", "`-` of true or false", 1, 9),
        (
            "let t = this.on + 1;",
            "`+` of true or false and an integer",
            1,
            17,
        ),
        (
            "if a { this.n = 1; }",
            "a condition must be true or false, not an integer",
            1,
            4,
        ),
        (
            "let t = this.line == this.line;",
            "`==` of an indicator and an indicator",
            1,
            19,
        ),
        (
            "let t = this.order < this.order;",
            "`<` of an order and an order",
            1,
            20,
        ),
        (
            "let t = this.ints == this.ints;",
            "`==` of an array of integers",
            1,
            19,
        ),
        (
            "let t = this.ints < this.floats;",
            "`<` of an array of integers and an array of floats",
            1,
            19,
        ),
        (
            "let t = this.ints + this.ints;",
            "`+` of an array of integers",
            1,
            19,
        ),
        ("let t = a[0];", "`[...]` of an integer", 1, 9),
        ("a[0] = true;", "changed in part", 1, 6),
        ("for i in a { }", "`for` over an integer", 1, 10),
        ("for i in this.word { }", "`for` over a text", 1, 10),
        (
            "let t = switch x { 1.0 => 1, _ => 2 };",
            "`switch` on a float",
            1,
            9,
        ),
        ("let t = a.floor;", "`floor` of an integer", 1, 11),
        (
            "m.buy(\"much\");",
            "`buy` does not take a market, a text",
            1,
            3,
        ),
        ("m.bids(1);", "`bids` has no compiled form", 1, 3),
        ("m.cancel();", "`cancel` does not take a market", 1, 3),
        ("note(a);", "`note` does not take an integer", 1, 1),
        ("note(\"{}\", nothing());", "() in the text of `note`", 1, 1),
        (
            "m.bars(\"1m\");",
            "`bars` may be called in `init` only",
            1,
            3,
        ),
        (
            "let t = type_of(x);",
            "`type_of` has no compiled form",
            1,
            9,
        ),
        ("this.ints.sort();", "`sort` of an array", 1, 11),
        ("LIST.push(1);", "`push` of a constant", 1, 6),
        (
            "const K = [1];\nK[0] = 2;",
            "a new item for the constant `K`",
            2,
            1,
        ),
        ("[1, 2].push(a);", "`push` of an array without a name", 1, 8),
    ]);
}

#[test]
fn functions_that_cannot_be_typed() {
    check(&[
        ("bump(1);", "call it as `this.name(...)`", 0, 0),
        ("a.twice_(1);", "`twice_` has no compiled form", 1, 3),
        ("a.bump(1);", "`bump` with an integer as its `this`", 1, 3),
        ("halved(a);", "what `halved` returns cannot be told", 0, 0),
        ("twice(nothing());", "() as an argument of `twice`", 1, 1),
        (
            "a.scaled();",
            "`scaled` with an integer as its `this`",
            1,
            3,
        ),
        (
            "this.scaled();",
            "`scaled` belongs to one type of `this`",
            1,
            6,
        ),
        ("this.bump();", "`bump` of a map", 1, 6),
    ]);
}
