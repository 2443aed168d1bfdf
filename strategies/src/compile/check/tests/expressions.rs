//! Made expressions, by Rhai and by the typed form.

use super::snippets::{Exits, check};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// An expression of integers, floats or bools; `depth` bounds it.
fn ints(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("this.n".to_owned()),
        Just("this.ints[1]".to_owned()),
        Just("C".to_owned()),
        (-9_i64..100).prop_map(|value| format!("({value})")),
        Just("9223372036854775807".to_owned()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let (one, other) = (ints(depth - 1), ints(depth - 1));
    let operators = prop::sample::select(vec![
        "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "**",
    ]);
    prop_oneof![
        leaf,
        (operators, one.clone(), other.clone())
            .prop_map(|(operator, one, other)| format!("({one} {operator} {other})")),
        one.clone().prop_map(|of| format!("(-{of})")),
        one.clone().prop_map(|of| format!("abs({of})")),
        one.clone().prop_map(|of| format!("this.bump({of} % 5)")),
        floats(depth - 1).prop_map(|of| format!("to_int({of})")),
        (one.clone(), other.clone()).prop_map(|(one, other)| format!("max({one}, {other})")),
        (bools(depth - 1), one.clone(), other.clone())
            .prop_map(|(test, one, other)| format!("(if {test} {{ {one} }} else {{ {other} }})")),
        (one.clone(), other.clone())
            .prop_map(|(one, other)| format!("{{ let t = {one}; t += {other}; t }}")),
        (one, other.clone(), other).prop_map(|(of, one, other)| format!(
            "(switch {of} {{ 0 => {one}, 1..5 => {other}, _ => 7 }})"
        )),
    ]
    .boxed()
}

fn floats(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("x".to_owned()),
        Just("y".to_owned()),
        Just("this.x".to_owned()),
        Just("F".to_owned()),
        Just("this.floats[2]".to_owned()),
        Just("0.1".to_owned()),
        Just("1e300".to_owned()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let (one, other) = (floats(depth - 1), floats(depth - 1));
    let operators = || prop::sample::select(vec!["+", "-", "*", "/", "%"]);
    let functions = prop::sample::select(vec![
        "floor", "ceiling", "round", "int", "fraction", "abs", "sqrt",
    ]);
    prop_oneof![
        leaf,
        (operators(), one.clone(), other.clone())
            .prop_map(|(operator, one, other)| format!("({one} {operator} {other})")),
        (operators(), ints(depth - 1), other.clone())
            .prop_map(|(operator, one, other)| format!("({one} {operator} {other})")),
        (operators(), one.clone(), ints(depth - 1))
            .prop_map(|(operator, one, other)| format!("({one} {operator} {other})")),
        one.clone().prop_map(|of| format!("(-{of})")),
        (functions, one.clone()).prop_map(|(name, of)| format!("{name}({of})")),
        (one.clone(), other.clone()).prop_map(|(one, other)| format!("min({one}, {other})")),
        ints(depth - 1).prop_map(|of| format!("to_float({of})")),
        (bools(depth - 1), one, other)
            .prop_map(|(test, one, other)| format!("(if {test} {{ {one} }} else {{ {other} }})")),
    ]
    .boxed()
}

fn bools(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("this.on".to_owned()),
        Just("(a > b)".to_owned()),
        Just("(x < y)".to_owned()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let compare = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let (one, other) = (bools(depth - 1), bools(depth - 1));
    prop_oneof![
        leaf,
        (compare(), ints(depth - 1), ints(depth - 1))
            .prop_map(|(how, one, other)| format!("({one} {how} {other})")),
        (compare(), floats(depth - 1), floats(depth - 1))
            .prop_map(|(how, one, other)| format!("({one} {how} {other})")),
        (compare(), ints(depth - 1), floats(depth - 1))
            .prop_map(|(how, one, other)| format!("({one} {how} {other})")),
        (compare(), one.clone(), other.clone())
            .prop_map(|(how, one, other)| format!("({one} {how} {other})")),
        (one.clone(), other.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
        (one.clone(), other.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
        (one.clone(), other).prop_map(|(one, other)| format!("({one} ^ {other})")),
        one.prop_map(|of| format!("!{of}")),
        ints(depth - 1).prop_map(|of| format!("({of} in this.ints)")),
    ]
    .boxed()
}

/// Statements that change what expressions read.
fn statements() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        (prop::sample::select(vec!["+", "-", "*", ""]), ints(2))
            .prop_map(|(operator, value)| format!("this.n {operator}= {value};")),
        (prop::sample::select(vec!["+", "/", "%", ""]), floats(2))
            .prop_map(|(operator, value)| format!("this.x {operator}= {value};")),
        (ints(1), floats(2)).prop_map(|(at, value)| format!("this.floats[{at}] = {value};")),
        (ints(1), ints(1)).prop_map(|(at, value)| format!("this.ints[{at}] += {value};")),
        ints(1).prop_map(|value| format!("a = {value};")),
        floats(1).prop_map(|value| format!("this.floats.push({value});")),
        (bools(2), ints(1)).prop_map(|(test, value)| format!(
            "if {test} {{ this.n = {value}; }} else {{ return; }}"
        )),
        (ints(1), ints(1)).prop_map(|(of, value)| format!(
            "for i in 0..4 {{ if i == {of} {{ break; }} if i == 2 {{ continue; }} b = {value}; this.n += i; }}"
        )),
        floats(1).prop_map(|value| format!("note(\"{{}}\", {value});")),
        (bools(1), floats(1)).prop_map(|(test, value)| format!("this.on = {test} && {value} > 0.0;")),
    ];
    prop::collection::vec(one, 1..6).prop_map(|all| all.join("\n"))
}

/// Checks made bodies; fails where hardly any is run to its end, so that nothing was compared.
fn check_made(bodies: impl Strategy<Value = String>, completed_min: usize) {
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let completed = Cell::new(0);
    let result = TestRunner::new(config).run(&bodies, |body| {
        let of_this = check(&format!("{body} /* fails */"), Exits::OnErrors);
        completed.set(completed.get() + of_this);
        Ok(())
    });
    if let Err(fault) = result {
        panic!("{fault}");
    }
    let completed = completed.get();
    assert!(
        completed >= completed_min,
        "{completed} runs came to their end"
    );
}

/// Made bodies per test; each is run on all inputs.
const CASES: u32 = 128;

#[test]
fn prop_expressions_are_computed_as_rhai_does() {
    let bodies = prop_oneof![ints(3), floats(3), bools(3)];
    check_made(bodies, CASES as usize * 6);
}

#[test]
fn prop_statements_do_as_rhai_does() {
    check_made(statements(), CASES as usize * 4);
}
