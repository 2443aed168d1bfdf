//! What the checker refuses of the campaign's scripts because it can only fail: it must fail wherever it is run.

use super::pair::alone;
use super::random::Random;
use super::{input, mutate, script};
use crate::Script;
use crate::diagnostic::Diagnostic;

/// Scripts that are looked at, each as it is and with names changed.
const SCRIPTS: u64 = 400;
/// Runs of events of a script, and events of each.
const RUNS: (usize, usize) = (6, 4);

/// Returns the first thing in a script that the checker says can only fail.
fn mistake(text: &str) -> Option<Diagnostic> {
    let faults = Script::compile("case", text, &[]).err()?;
    faults
        .into_iter()
        .find(|fault| fault.message.ends_with("this can only fail"))
}

/// Returns the script with a note before the line: whoever comes by says so.
fn marked(text: &str, line: u32) -> Option<String> {
    let at = (line as usize).checked_sub(1)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let told = lines.get(at)?;
    // Of these a part may run and another not.
    let is_whole = ["&&", "||", "??", "if ", "switch", "=>", "fn "]
        .iter()
        .all(|part| !told.contains(part));
    lines.insert(at, MARK);
    is_whole.then(|| lines.join("\n"))
}

#[test]
fn prop_a_generated_script_that_runs_without_failure_is_not_refused() {
    for seed in 0..SCRIPTS {
        let text = script::script(seed).to_string();
        let Some(told) = mistake(&text) else {
            continue;
        };
        let runs = input::runs(seed, RUNS.0, RUNS.1);
        let ended = alone(&text, &runs).expect("it is a script");
        assert!(
            ended.iter().any(|call| call.result.is_err()),
            "CLAIRE_CASE={seed}\n{text}\n{told}"
        );
    }
}

/// Asserts that a script's mistake fails in every call that comes by; returns how many did.
fn reached(seed: u64, text: &str, told: &Diagnostic) -> usize {
    let runs = input::runs(seed, RUNS.0, RUNS.1);
    let marked = marked(text, told.line);
    let ended = marked.and_then(|marked| alone(&marked, &runs));
    let calls = ended.unwrap_or_default().into_iter();
    let by = calls.filter(|call| call.log.iter().any(|line| line.contains("came by here")));
    by.map(|call| assert!(call.result.is_err(), "seed {seed}\n{text}\n{told}"))
        .count()
}

/// Puts a statement that can only fail behind some other one of a script.
fn broken(random: &mut Random, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let all = 0..lines.len();
    let behind: Vec<usize> = all
        .filter(|at| lines[*at].starts_with("    ") && lines[*at].ends_with(';'))
        .collect();
    let (at, failing) = (*random.pick(&behind), *random.pick(&FAILING));
    lines.insert(at + 1, failing);
    lines.join("\n")
}

#[test]
fn prop_a_statement_that_is_refused_fails_wherever_it_runs() {
    let (mut refused, mut calls) = (0, 0);
    for seed in 0..SCRIPTS {
        let mut random = Random::new(seed ^ 0x4E_A3);
        let text = broken(&mut random, &script::script(seed).to_string());
        if let Some(told) = mistake(&text) {
            refused += 1;
            calls += reached(seed, &text, &told);
        }
    }
    assert!(
        refused > 100 && calls > 100,
        "{refused} refused, {calls} calls"
    );
}

#[test]
fn prop_a_changed_script_that_is_refused_fails_wherever_it_runs() {
    let (mut refused, mut calls) = (0, 0);
    for seed in 0..6 * SCRIPTS {
        let mut random = Random::new(seed ^ 0x4E_A3);
        let text = mutate::name_changed(&mut random, &mutate::script(seed).to_string());
        if let Some(told) = mistake(&text) {
            refused += 1;
            calls += reached(seed, &text, &told);
        }
    }
    assert!(
        refused > 20 && calls > 20,
        "{refused} refused, {calls} calls"
    );
}

const MARK: &str = "note(\"came by here\");";

/// Statements that can only fail, whatever stands around them.
const FAILING: [&str; 6] = [
    "m.buy(\"x\");",
    "let failing = m.mid + true;",
    "m.bars(\"1m\");",
    "plot(1, 2.0);",
    "m.every(m.mid, \"x\");",
    "note(\"{}\", -m.stale);",
];
