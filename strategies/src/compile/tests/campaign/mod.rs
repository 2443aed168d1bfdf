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
mod mutate;
mod pair;
mod random;
mod record;
mod refused;
mod script;
mod shrink;
mod statement;
mod value;
mod writer;

use crate::compile::planted::{self, Fault};
use code::Text;
use count::Counts;
use pair::{Verdict, run};
use record::Campaign;
use std::str::FromStr;
use std::time::Instant;

/// Runs of events of a script: as many cases.
const RUNS: usize = 14;
/// Events of a run.
const EVENTS: usize = 4;
/// Cases of the tests' slice.
const SLICE: u64 = 4_000;
/// Scripts in which a planted fault must be found: 19,600 cases at most.
const PLANTED: u64 = 1_400;

/// Returns the script of a seed: most are generated, some are known ones with changes.
fn script_of(seed: u64) -> Text {
    if is_changed(seed) {
        mutate::script(seed)
    } else {
        script::script(seed)
    }
}

const fn is_changed(seed: u64) -> bool {
    seed % 12 == 11
}

/// Runs the script of a seed on its runs of events; returns what differs, in words.
fn compare(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let script = script_of(seed);
    let runs = input::runs(seed, RUNS, EVENTS);
    match run(&script.to_string(), &runs) {
        Verdict::Same(ran) => counts.add(&ran),
        Verdict::Refused(reason) => counts.skip(&format!("refused: {reason}")),
        Verdict::Idle(reason) => counts.skip(&reason),
        Verdict::Different(difference) => {
            let smallest = shrink::shrink(&script, &runs, difference);
            return Err(format!("CLAIRE_CASE={seed}\n{smallest}"));
        }
    }
    Ok(())
}

/// Returns whether the backends differ on the script of a seed.
fn differs(seed: u64) -> bool {
    let runs = input::runs(seed, RUNS, EVENTS);
    matches!(
        run(&script_of(seed).to_string(), &runs),
        Verdict::Different(_)
    )
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

/// Runs scripts until there are so many cases; returns the counts and what differs.
fn cases(most: u64, first: u64) -> (Campaign, Vec<String>) {
    let mut campaign = Campaign {
        commit: record::commit(),
        ..Campaign::default()
    };
    let mut differences = Vec::new();
    let start = Instant::now();
    while campaign.generated.cases + campaign.changed.cases < most {
        let seed = first + campaign.scripts;
        campaign.scripts += 1;
        let counts = if is_changed(seed) {
            &mut campaign.changed
        } else {
            &mut campaign.generated
        };
        if let Err(difference) = compare(seed, counts) {
            println!("{difference}");
            counts.differences += 1;
            differences.push(difference);
        }
        if campaign.scripts.is_multiple_of(5_000) {
            let cases = campaign.generated.cases + campaign.changed.cases;
            println!(
                "{} scripts, {cases} cases, {:?}",
                campaign.scripts,
                start.elapsed()
            );
        }
    }
    campaign.minutes = start.elapsed().as_secs() / 60;
    (campaign, differences)
}

/// Runs a campaign that is recorded: so many cases, and every planted fault.
fn long_campaign(most: u64) {
    let (mut campaign, differences) = cases(most, setting("CLAIRE_FIRST").unwrap_or(0));
    campaign.planted_scripts = PLANTED;
    campaign.planted = Fault::ALL
        .map(|fault| (fault, found(fault, PLANTED)))
        .into();
    let path = campaign.write().expect("the record can be written");
    println!("{path}\n{}\n{}", campaign.generated, campaign.changed);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let missing = campaign.generated.missing(record::LEAST);
    assert!(missing.is_empty(), "too few of {missing:?}");
    assert!(campaign.planted.iter().all(|(_, at)| at.is_some()));
}

#[test]
fn both_backends_agree_on_scripts_of_fixed_seeds() {
    if let Some(seed) = setting("CLAIRE_CASE") {
        println!("{}", script_of(seed));
        if let Err(difference) = compare(seed, &mut Counts::default()) {
            panic!("{difference}");
        }
        return;
    }
    let (campaign, differences) = cases(SLICE, 0);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let (counts, tally) = (&campaign.generated, campaign.generated.tally);
    // Most of what is generated must be what the campaign is about.
    assert!(counts.scripts > 3 * counts.idle, "{counts}");
    assert!(
        tally.by_code > 3 * (tally.left + tally.interpreted),
        "{counts}"
    );
    assert!(campaign.changed.cases > 0, "{}", campaign.changed);
    if let Some(most) = setting("CLAIRE_CAMPAIGN") {
        long_campaign(most);
    }
}

#[test]
fn planted_faults_are_found() {
    let all = Fault::ALL.map(|fault| (fault, found(fault, PLANTED)));
    let missed: Vec<_> = all.iter().filter(|(_, at)| at.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_difference_is_shown_small_and_with_its_seed() {
    planted::plant(Some(Fault::ArrayNotUndone));
    let seed = (0..PLANTED).find(|seed| differs(*seed));
    let seed = seed.expect("the fault is found");
    let shown = compare(seed, &mut Counts::default());
    planted::plant(None);
    let shown = shown.expect_err("it was found with this seed");
    assert!(
        shown.starts_with(&format!("CLAIRE_CASE={seed}\n")),
        "{shown}"
    );
    for part in ["fn init(m) {", "events [", "machine code:", "interpreter:"] {
        assert!(shown.contains(part), "{shown}");
    }
    let lines = script_of(seed).to_string().lines().count();
    let (smallest, _) = shown
        .split_once("events [")
        .expect("the script comes first");
    assert!(
        2 * smallest.lines().count() < lines,
        "{lines} lines\n{shown}"
    );
}
