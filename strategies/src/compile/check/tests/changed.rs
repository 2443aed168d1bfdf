//! The table's snippets with words put in other places: what still has a typed form does as Rhai does.
//!
//! Finds what the table's author took for granted: types that nobody would mix, orders nobody would write.

use super::Compiled;
use super::snippets::{Exits, PROLOGUE, check, lowered};
use crate::{Limits, Script, sandbox};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// What is put in the place of a word.
const WORDS: [&str; 26] = [
    "a",
    "b",
    "x",
    "y",
    "0",
    "1",
    "-1",
    "2.5",
    "t",
    "s",
    "()",
    "\"abc\"",
    "m.bid",
    "this.n",
    "this.x",
    "this.on",
    "this.ints",
    "this.floats[1]",
    "this.order",
    "this.bump(1)",
    "twice(a)",
    "nothing()",
    "LIST",
    "[0.5]",
    "if a > 0 { 1 } else { 2 }",
    "{ this.n += 1; this.n }",
];

/// A made change: a snippet, places and words, and a snippet after it.
type Change = (Index, Vec<(Index, Index)>, Option<Index>);

#[test]
fn prop_changed_snippets_do_as_rhai_does() {
    let all = table();
    let changes: BoxedStrategy<Change> = (
        any::<Index>(),
        prop::collection::vec(any::<(Index, Index)>(), 1..4),
        any::<Option<Index>>(),
    )
        .boxed();
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let compared = Cell::new(0);
    let result = TestRunner::new(config).run(&changes, |change| {
        let body = changed(&all, &change);
        if has_typed_form(&body) {
            compared.set(compared.get() + 1);
            check(&format!("{body} /* fails */"), Exits::AlsoElsewhere);
        }
        Ok(())
    });
    if let Err(fault) = result {
        panic!("{fault}");
    }
    // About a third of what is made has a typed form.
    assert!(compared.get() >= CASES / 8, "{} compared", compared.get());
}

/// Made changes; a recorded run of 12,000 found what the table had not.
const CASES: u32 = 256;

/// Returns the table's snippets, read off its source.
fn table() -> Vec<String> {
    let lines = include_str!("table.rs").lines();
    let quoted = lines.filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    let all: Vec<String> = quoted.map(|body| body.replace("\\\"", "\"")).collect();
    assert!(all.len() > 300, "{}", all.len());
    all
}

fn changed(all: &[String], (one, words, other): &Change) -> String {
    let mut body = one.get(all).clone();
    for (place, word) in words {
        let places = words_of(&body);
        if !places.is_empty() {
            let (from, to) = *place.get(&places);
            body.replace_range(from..to, word.get::<&str>(&WORDS));
        }
    }
    match other {
        Some(other) => format!("{body}; {}", other.get(all)),
        None => body,
    }
}

/// Returns where names and numbers begin and end.
fn words_of(text: &str) -> Vec<(usize, usize)> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match places.last_mut() {
            Some((_, end)) if *end == at && is_word(byte) => *end = at + 1,
            _ if byte.is_ascii_alphanumeric() => places.push((at, at + 1)),
            _ => {}
        }
    }
    places
}

/// Returns whether the body is a script that the checker takes and that has a typed form.
fn has_typed_form(body: &str) -> bool {
    let text = format!("{PROLOGUE}\nfn f(m, a, b, x, y) {{ {body} }}\n");
    let engine = sandbox::engine(&Limits::default());
    engine.compile(&text).is_ok()
        && Script::compile("test", &text, &[]).is_ok()
        && lowered(&Compiled::new(&text)).is_ok()
}
