//! Which version of a script an order is of, where the script was reloaded in the run.
//!
//! Filled from one pass over the records of a journal.

use super::Step;
use crate::strategy::hex;
use claire_types::record::{RecordHeader, ReloadOutcome, ReloadRecord};
use claire_types::{OrderId, StrategyId};
use serde::Serialize;
use serde_json::{Value, json};

/// A version of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScriptVersion {
    /// Its number in the run: 0 is what the run began with.
    pub version: u32,
    /// SHA-256 of its text.
    pub sha256: String,
}

/// The versions that ran, of all strategies.
pub(super) struct Versions {
    /// Hashes of what the run began with, by strategy.
    first: Vec<String>,
    /// Who had the seat after which order, in order.
    seats: Vec<(StrategyId, u64, ScriptVersion)>,
}

impl Versions {
    pub(super) fn new(body: &Value) -> Self {
        let scripts = body["scripts"].as_array().into_iter().flatten();
        let hashes = scripts.map(|script| script["sha256"].as_str().unwrap_or_default());
        Self {
            first: hashes.map(str::to_owned).collect(),
            seats: Vec::new(),
        }
    }

    /// Takes what became of a version; returns it as a step, where the seat changed hands.
    pub(super) fn take(&mut self, header: &RecordHeader, reload: &ReloadRecord) -> Option<Step> {
        let strategy = header.strategy;
        let new = self.named(strategy, reload.version, &reload.sha256);
        let from = self.named(strategy, reload.from, &reload.from_sha256);
        let (seated, text) = match reload.outcome {
            ReloadOutcome::Refused => return None,
            ReloadOutcome::Live => {
                let text = format!("{new} of the script took over from {from}");
                (new, text)
            }
            ReloadOutcome::RolledBack => {
                let why = reload.reason;
                let text = format!("{new} of the script was taken back ({why}), {from} goes on");
                (from, text)
            }
        };
        let facts = json!({
            "outcome": reload.outcome.as_str(),
            "version": seated.version,
            "sha256": seated.sha256,
        });
        self.seats.push((strategy, reload.order_number, seated));
        let (index, time) = (Some(header.index), header.time);
        Some(Step::new(header.seq, index, time, "reload", text).with(facts))
    }

    /// Returns the version that an order is of; `None` where only one ran.
    pub(super) fn of_order(&self, strategy: StrategyId, order: OrderId) -> Option<ScriptVersion> {
        self.last(strategy, |number| number < order.number())
    }

    /// Returns how many times seats changed hands so far.
    pub(super) const fn count(&self) -> usize {
        self.seats.len()
    }

    /// Returns the version that ran after so many changes of seats; `None` where only one ran.
    pub(super) fn after(&self, strategy: StrategyId, count: usize) -> Option<ScriptVersion> {
        let is_reloaded = self.seats.iter().any(|(of, ..)| *of == strategy);
        let mut seats = self.seats.iter().take(count).rev();
        let seated = seats.find(|(of, ..)| *of == strategy);
        is_reloaded.then(|| seated.map_or_else(|| self.begun(strategy), |(.., of)| of.clone()))
    }

    fn last(&self, strategy: StrategyId, is_before: impl Fn(u64) -> bool) -> Option<ScriptVersion> {
        let count = self
            .seats
            .iter()
            .rposition(|(of, number, _)| *of == strategy && is_before(*number));
        self.after(strategy, count.map_or(0, |place| place + 1))
    }

    fn begun(&self, strategy: StrategyId) -> ScriptVersion {
        ScriptVersion {
            version: 0,
            sha256: self
                .first
                .get(strategy.index())
                .cloned()
                .unwrap_or_default(),
        }
    }

    fn named(&self, strategy: StrategyId, version: u32, sha256: &[u8]) -> ScriptVersion {
        match version {
            0 => self.begun(strategy),
            version => ScriptVersion {
                version,
                sha256: hex(sha256),
            },
        }
    }
}

/// Shows `version 2 (3f2a0011)`.
impl std::fmt::Display for ScriptVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = self.sha256.get(..8).unwrap_or(&self.sha256);
        write!(f, "version {} ({short})", self.version)
    }
}
