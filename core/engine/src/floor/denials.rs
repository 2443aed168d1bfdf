//! Denials of a strategy: what its next version is judged by.
//!
//! A version on probation is taken back for denials of its own making, not for those that the version before met as
//! well: a market maker without a short position has its offers denied in every version. Engine thread; part of the
//! seat and of its snapshot.

use super::Floor;
use super::version::{PROBATION_CALLS, PROBATION_SPAN};
use claire_types::{GateCode, StrategyId, WallNs};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Denials that a strategy met lately, and those that count against a version on probation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denials {
    /// Calls of the strategy so far.
    pub(crate) calls: u64,
    /// By code when it was met last.
    met: Vec<Met>,
    /// Codes that do not count against the version on probation.
    excused: Codes,
    /// Codes that counted.
    counted_codes: Codes,
    /// How often.
    pub(crate) counted: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Met {
    code: GateCode,
    at: WallNs,
    call: u64,
}

/// A set of codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Codes(u64);

const _: () = {
    let mut index = 0;
    while index < GateCode::ALL.len() {
        assert!((GateCode::ALL[index] as u8) < 64, "a code has its bit");
        index += 1;
    }
};

impl Denials {
    /// Returns none, with the room for all.
    pub(super) fn with_room() -> Self {
        let mut denials = Self::default();
        denials.reserve_room();
        denials
    }

    /// Takes the room that it ever needs: one place for each code.
    pub(super) fn reserve_room(&mut self) {
        let more = GateCode::ALL.len().saturating_sub(self.met.len());
        self.met.reserve(more);
    }

    /// Becomes a copy of another, in the room that is there.
    pub(super) fn copy_from(&mut self, other: &Self) {
        let mut met = std::mem::take(&mut self.met);
        met.clone_from(&other.met);
        *self = Self { met, ..*other };
    }

    /// Begins a probation: what was met within as much time and as many calls as it lasts does not count in it.
    pub(super) fn begin_probation(&mut self, now: WallNs) {
        self.excused = Codes::default();
        self.counted_codes = Codes::default();
        self.counted = 0;
        for met in &self.met {
            let is_recent = now.since(met.at) <= PROBATION_SPAN
                && self.calls.saturating_sub(met.call) <= u64::from(PROBATION_CALLS);
            if is_recent {
                self.excused.add(met.code);
            }
        }
    }

    /// Takes a denial. What a version on probation meets alone excuses no later version.
    fn add(&mut self, code: GateCode, now: WallNs, is_on_probation: bool) {
        if is_on_probation && !self.excused.has(code) {
            self.counted_codes.add(code);
            self.counted += 1;
            return;
        }
        let (at, call) = (now, self.calls);
        let met = Met { code, at, call };
        match self.met.iter_mut().find(|known| known.code == code) {
            Some(known) => *known = met,
            None => self.met.push(met),
        }
    }

    /// Returns the codes that counted against the version on probation.
    pub(crate) const fn counted_codes(&self) -> Codes {
        self.counted_codes
    }
}

impl Codes {
    fn add(&mut self, code: GateCode) {
        self.0 |= 1 << (code as u8);
    }

    const fn has(self, code: GateCode) -> bool {
        self.0 & (1 << (code as u8)) != 0
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for code in GateCode::ALL.iter().filter(|code| self.has(**code)) {
            write!(f, "{comma}{code}")?;
            comma = ", ";
        }
        Ok(())
    }
}

impl Floor {
    /// Counts a denial of a strategy's order; the call that asked for it can be taken back.
    pub(super) fn count_denial(&mut self, strategy: StrategyId, code: GateCode) {
        let now = self.now;
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        if strategy == self.caller && !self.saved.has_denials {
            self.saved.denials.copy_from(&seat.denials);
            self.saved.has_denials = true;
        }
        seat.tally.denials += 1;
        let is_on_probation = seat.probation.is_some();
        seat.denials.add(code, now, is_on_probation);
    }
}
