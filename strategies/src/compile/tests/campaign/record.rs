//! The record of a long campaign: what was run, what it was made of, and which planted faults it found.

use super::count::Counts;
use super::{EVENTS, RUNS};
use crate::compile::planted::Fault;
use std::fmt::Write;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A campaign, so far as it is over.
#[derive(Debug, Default)]
pub(super) struct Campaign {
    pub generated: Counts,
    pub changed: Counts,
    /// Planted faults, and the number of the script that showed each.
    pub planted: Vec<(Fault, Option<u64>)>,
    /// Scripts in which a planted fault had to be found.
    pub planted_scripts: u64,
    /// Scripts, whether they gave cases or not.
    pub scripts: u64,
    pub minutes: u64,
    /// What was compiled, as it was when the campaign began.
    pub commit: String,
}

impl Campaign {
    /// Writes the record; returns its path.
    pub(super) fn write(&self) -> std::io::Result<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/campaigns");
        std::fs::create_dir_all(folder)?;
        let path = format!("{folder}/differential.md");
        std::fs::write(&path, self.text())?;
        Ok(path)
    }

    fn text(&self) -> String {
        let mut out = String::from(HEAD);
        let (generated, changed) = (&self.generated, &self.changed);
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        line(format!(
            "Run on {}, {} minutes, at commit {}.\n",
            today(),
            self.minutes,
            self.commit
        ));
        line("| | generated | changed |\n|---|---:|---:|".to_owned());
        type Row = (&'static str, fn(&Counts) -> u64);
        let rows: [Row; 8] = [
            ("cases", |of| of.cases),
            ("scripts with a case", |of| of.scripts),
            (
                "scripts without one: refused, all interpreted, or no event run to its end",
                |of| of.idle,
            ),
            ("events run to their end by machine code", |of| {
                of.tally.by_code
            }),
            ("events that machine code left to the interpreter", |of| {
                of.tally.left
            }),
            ("events of handlers without machine code", |of| {
                of.tally.interpreted
            }),
            ("of all events, those that ended in a fault", |of| {
                of.tally.faults
            }),
            ("differences", |of| of.differences),
        ];
        for (name, of) in rows {
            line(format!("| {name} | {} | {} |", of(generated), of(changed)));
        }
        line(format!(
            "\nScripts {}; runs of events of each: {RUNS}; events of a run: {EVENTS}.",
            self.scripts
        ));
        line("\n## Planted faults\n".to_owned());
        line(format!(
            "Each is planted alone; it must be found within {} cases. The last column is how many it took.\n",
            self.planted_scripts * RUNS as u64
        ));
        line("| fault | found | cases until then, at most |\n|---|---|---:|".to_owned());
        for (fault, at) in &self.planted {
            line(match at {
                Some(at) => format!(
                    "| {} | in script {at} | {} |",
                    fault.words(),
                    (at + 1) * RUNS as u64
                ),
                None => format!("| {} | no | |", fault.words()),
            });
        }
        let missing = generated.missing(LEAST);
        line(match missing.is_empty() {
            true => format!(
                "\nEverything in the tables below but what says otherwise was in {LEAST} generated scripts and more."
            ),
            false => format!(
                "\nIn fewer than {LEAST} generated scripts: {}.",
                missing.join(", ")
            ),
        });
        out.push_str(&generated.tables());
        let _ = write!(
            out,
            "\n## Why scripts gave no case\n\n```text\n{}```\n\n## Faults of events\n\n```text\n{}```\n",
            generated.reasons(20),
            generated.faults(30)
        );
        out
    }
}

/// Returns the day, in UTC.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let days = now.map_or(0, |since| since.as_secs() / 86_400) as i64;
    // The civil date of a day (Hinnant's `civil_from_days`).
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day + 2) / 153;
    let day = day - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Returns the commit, and whether anything was changed since.
pub(super) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
    let is_changed = git(&["status", "--porcelain", "--", "."]).is_none_or(|all| !all.is_empty());
    let more = if is_changed { ", with changes" } else { "" };
    format!("`{}`{more}", commit.trim())
}

/// In how many generated scripts each part must be.
pub(super) const LEAST: u64 = 1_000;

const HEAD: &str = "# The differential campaign

Written by the campaign itself: see the strategies' README for its command. Machine code and Rhai's interpreter run
the same scripts on the same events; after each event faults and their places, all that was asked of the desk, and
the saved state must be equal to the bit.

A *case* is one generated script with one run of events after its `init`, of which machine code ran at least one event
to its end. The tables count syntax in handlers of which machine code ran at least one event of the case to its end,
and in the functions these call, after the interpreter's own optimization, which takes constant parts out: what is
there, not how often it was executed. A script, or case, counts once however often it contains a thing. What `init`
declares is run by the interpreter on both sides. The last column counts scripts whose handlers were interpreted on a
state that they share with compiled ones.

";
