//! The versions of a strategy's script at its seat: the one that runs, the one before it, and the probation.
//!
//! Changed by the engine's swap, between two inputs or after a call of the version on probation. What the version
//! before had at the seat waits here with its indicators going on, so that a roll-back misses nothing.

use super::guard::Guard;
use super::seat::{
    BARS_MAX, DeclaredBars, DeclaredIndicator, INDICATORS_MAX, MARKETS_MAX, Phase, Seat,
};
use crate::indicator::BarF64;
use crate::strategy::{BarsId, IndicatorSource};
use crate::timers::{TimerName, Timers};
use claire_types::{Amount, DurationNs, InstrumentId, Note, Side, VenueNs, WallNs};
use serde::{Deserialize, Serialize};

/// Calls after which a version has proven itself.
pub const PROBATION_CALLS: u32 = 1_000;
/// Engine time after which it has: 60 s.
pub const PROBATION_SPAN: DurationNs = DurationNs::from_ms(60_000);
/// Denials within the probation that roll it back, of codes that the version before did not meet lately.
pub const PROBATION_DENIALS_MAX: u64 = 5;

/// A version of a strategy's script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// 0 for the one that the run began with; each reload has the next number.
    pub number: u32,
    /// SHA-256 of the script's text; zeros for version 0, which the run's header names.
    pub sha256: [u8; 32],
    /// What whoever restores a snapshot makes the version of; empty for version 0.
    pub document: Vec<u8>,
}

/// What became of a strategy's reloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadTally {
    /// Versions that took the seat.
    pub reloads: u32,
    /// Versions that could not take it when their turn came.
    pub refused: u32,
    /// Versions that gave it back within their probation.
    pub rolled_back: u32,
}

/// The time in which a new version can still be taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probation {
    /// When it began.
    pub since: WallNs,
    /// Calls until it ends.
    pub calls_left: u32,
    /// The last order before it began.
    pub order_number: u64,
    /// What the version before had at the seat.
    pub before: Box<Before>,
}

/// What a version has at its seat, while another one sits there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Before {
    pub(crate) version: Version,
    pub(crate) phase: Phase,
    pub(crate) timers: Timers,
    pub(crate) bars: Vec<DeclaredBars>,
    pub(crate) indicators: Vec<DeclaredIndicator>,
    /// Indicators that the new version carries: place here, place there.
    pub(crate) carried: Vec<(u16, u16)>,
    pub(crate) markets: Vec<InstrumentId>,
    pub(crate) signal: Option<(Side, Amount, Note)>,
    pub(crate) faults_in_a_row: u32,
    pub(crate) warmup: Option<u32>,
    /// What protected the positions.
    pub(super) guard: Guard,
}

/// What a version's `init` declared, made ready off the engine thread.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Declared {
    pub(crate) markets: Vec<InstrumentId>,
    pub(crate) bars: Vec<DeclaredBars>,
    /// With what the kept bars made of them.
    pub(crate) indicators: Vec<DeclaredIndicator>,
    /// Name, span and interval in ms; 0 for a timer that fires once.
    pub(crate) timers: Vec<(TimerName, i64, i64)>,
    /// Per declared bars the last closed one that the indicators have seen.
    pub(crate) seen: Vec<VenueNs>,
    pub(crate) warmup: Option<u32>,
    /// Room for the timers, made beforehand.
    #[serde(skip)]
    pub(crate) room: Timers,
}

impl Declared {
    /// Returns it with the room that it takes at a seat: the engine thread then asks for none.
    #[must_use]
    pub fn with_room(mut self) -> Self {
        self.reserve_room();
        self
    }

    /// Takes what an `init` declared out of its seat.
    pub(crate) fn of(seat: Seat, now: WallNs) -> Self {
        Self {
            markets: seat.facts.iter().map(|(market, _)| *market).collect(),
            timers: seat.timers.declared(now).collect(),
            seen: vec![VenueNs::NONE; seat.bars.len()],
            warmup: seat.warmup,
            bars: seat.bars,
            indicators: seat.indicators,
            room: Timers::default(),
        }
    }

    /// Takes the room that a seat's lists have.
    pub(crate) fn reserve_room(&mut self) {
        self.bars.reserve(BARS_MAX.saturating_sub(self.bars.len()));
        let more = INDICATORS_MAX.saturating_sub(self.indicators.len());
        self.indicators.reserve(more);
        self.room.reserve_room();
    }

    /// Returns the timers as they are at `now`, in the room that was made for them.
    pub(crate) fn timers_at(&mut self, now: WallNs) -> Timers {
        let mut timers = std::mem::take(&mut self.room);
        for (name, ms, every_ms) in &self.timers {
            // Both were taken before; what they refuse now they refused then.
            let _ = match every_ms {
                0 => timers.after(now, *ms, name.as_str()),
                every_ms => timers.every(now, *every_ms, name.as_str()),
            };
        }
        timers
    }

    /// Returns whether the bounds of a seat hold: it may come from a journal.
    pub(crate) fn fits(&self) -> bool {
        let has_bars = |declared: &DeclaredIndicator| match declared.source {
            IndicatorSource::Bars(BarsId(bars)) => usize::from(bars) < self.bars.len(),
            _ => true,
        };
        self.bars.len() <= BARS_MAX
            && self.seen.len() == self.bars.len()
            && self.indicators.len() <= INDICATORS_MAX
            && self.markets.len() <= MARKETS_MAX
            && self.indicators.iter().all(has_bars)
    }
}

impl Before {
    /// Feeds a closed bar to the indicators on it.
    pub(crate) fn take_bar(&mut self, market: InstrumentId, number: u16, bar: &BarF64) {
        let is_it = |bars: &DeclaredBars| bars.market == market && bars.number == number;
        let Some(place) = self.bars.iter().position(is_it) else {
            return;
        };
        if let Some(bars) = self.bars.get_mut(place) {
            bars.closed = bars.closed.saturating_add(1);
        }
        for declared in &mut self.indicators {
            if let IndicatorSource::Bars(BarsId(bars)) = declared.source
                && usize::from(bars) == place
            {
                declared.indicator.on_bar(bar);
            }
        }
    }
}

impl Seat {
    /// Returns every indicator that goes on: those of the version that runs, and those of the one before it that could
    /// come back.
    #[inline]
    pub(crate) fn all_indicators(&mut self) -> impl Iterator<Item = &mut DeclaredIndicator> {
        let before = self.probation.as_mut();
        let before = before.map(|of| of.before.indicators.as_mut_slice());
        self.indicators.iter_mut().chain(before.unwrap_or_default())
    }

    /// Returns whether it has a version on probation that has not proven itself yet.
    pub fn is_on_probation(&self) -> bool {
        self.probation.is_some()
    }
}

/// Returns whether two indicators of different versions are computed on the same.
pub(crate) fn same_source(
    (one, of_one): (IndicatorSource, &[DeclaredBars]),
    (other, of_other): (IndicatorSource, &[DeclaredBars]),
) -> bool {
    match (one, other) {
        (IndicatorSource::Bars(one), IndicatorSource::Bars(other)) => {
            let bars = |id: BarsId, of: &[DeclaredBars]| {
                of.get(usize::from(id.0))
                    .map(|bars| (bars.market, bars.interval_ms))
            };
            let one = bars(one, of_one);
            one.is_some() && one == bars(other, of_other)
        }
        (one, other) => one == other,
    }
}
