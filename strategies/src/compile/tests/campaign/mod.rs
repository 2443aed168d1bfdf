//! The differential campaign: scripts and inputs from seeds, run by machine code and by the interpreter.
//!
//! A **case** is one generated script with one run of events after its `init`, of which machine code ran
//! at least one to its end. After each event both backends must agree on the fault and its place, on all
//! that was asked of the desk, in order, and on the saved state, byte for byte.
//!
//! The tests run a slice of fixed seeds. A long run is asked for by `CLAIRE_CAMPAIGN`, one script by
//! `CLAIRE_CASE`: see the strategies' README.

mod code;
mod count;
mod input;
mod interface;
mod pair;
mod random;
mod script;
mod shrink;
mod statement;
mod value;
mod writer;

use crate::compile::planted::{self, Fault};
use count::Counts;
use pair::{Verdict, run};
use std::str::FromStr;

/// Runs of events of a script: as many cases.
const RUNS: usize = 10;
/// Events of a run.
const EVENTS: usize = 4;
/// Scripts of the tests' slice.
const SLICE: u64 = 150;
/// Scripts in which a planted fault must be found: 20,000 cases at most.
const PLANTED: u64 = 2_000;

/// Runs the script of a seed on its runs of events; returns what differs, in words.
fn script_of(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let script = script::script(seed);
    let runs = input::runs(seed, RUNS, EVENTS);
    match run(&script.to_string(), &runs) {
        Verdict::Same(ran) => counts.add(&ran),
        Verdict::Refused(reason) => counts.skip(&format!("refused: {reason}")),
        Verdict::Idle(reason) => counts.skip(&reason),
        Verdict::Different(difference) => {
            let smallest = shrink::shrink(&script, &runs, difference);
            return Err(format!("seed {seed}: CLAIRE_CASE={seed}\n{smallest}"));
        }
    }
    Ok(())
}

/// Returns whether the backends differ on the script of a seed.
fn differs(seed: u64) -> bool {
    let runs = input::runs(seed, RUNS, EVENTS);
    let verdict = run(&script::script(seed).to_string(), &runs);
    matches!(verdict, Verdict::Different(_))
}

/// Returns the number of the first script in which the fault is found.
fn found(fault: Fault, scripts: u64) -> Option<u64> {
    planted::plant(Some(fault));
    let found = (0..scripts).find(|seed| differs(*seed));
    planted::plant(None);
    found
}

/// Returns a setting from outside.
fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

#[test]
fn both_backends_agree_on_scripts_of_fixed_seeds() {
    let mut counts = Counts::default();
    if let Some(seed) = setting("CLAIRE_CASE") {
        println!("{}", script::script(seed));
        if let Err(difference) = script_of(seed, &mut counts) {
            panic!("{difference}");
        }
        return;
    }
    let count = setting("CLAIRE_SLICE").unwrap_or(SLICE);
    for seed in 0..count {
        if let Err(difference) = script_of(seed, &mut counts) {
            panic!("{difference}");
        }
    }
    println!("{counts}");
    println!("{:?}", counts.missing(count * 18 / 2000));
    let tally = counts.tally;
    // Most of what is generated must be what the campaign is about.
    assert!(counts.scripts * 4 > count * 3, "{counts}");
    assert!(
        tally.by_code > 3 * (tally.left + tally.interpreted),
        "{counts}"
    );
}

#[test]
fn planted_faults_are_found() {
    let scripts = setting("CLAIRE_PLANTED").unwrap_or(PLANTED);
    for fault in Fault::ALL {
        let at = found(fault, scripts);
        println!("{fault:?}: {at:?}");
    }
}
