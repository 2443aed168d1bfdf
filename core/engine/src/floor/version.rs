//! The versions of a strategy's script at its seat: the one that runs, the one before it, and the probation.
//!
//! Changed by the engine's swap, between two inputs or after a call of the version on probation. What the version
//! before had at the seat waits here with its indicators going on, so that a roll-back misses nothing.

use super::guard::Guard;
use super::seat::{
    BARS_MAX, DeclaredBars, DeclaredIndicator, INDICATORS_MAX, MARKETS_MAX, Phase, Seat,
};
use crate::indicator::BarF64;
use crate::market::KeptBars;
use crate::strategy::{BarsId, IndicatorSource};
use crate::timers::{TimerName, Timers};
use claire_types::{Amount, DurationNs, InstrumentId, Note, Side, VenueNs, WallNs};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::mem::MaybeUninit;

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
    /// Room for what the version before has at the seat, made beforehand.
    #[serde(skip)]
    room: Option<Box<Before>>,
    /// For bars that are new to their market.
    #[serde(skip)]
    pub(crate) kept: Vec<KeptBars>,
}

impl Declared {
    /// Returns it with the room that it takes at a seat: the engine thread then asks for none.
    #[must_use]
    pub fn with_room(mut self) -> Self {
        self.reserve_room();
        self.reserve_bars();
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
            room: None,
            kept: Vec::new(),
        }
    }

    /// Takes the room that a seat's lists have.
    pub(crate) fn reserve_room(&mut self) {
        reserve(&mut self.bars, BARS_MAX);
        reserve(&mut self.indicators, INDICATORS_MAX);
        self.room
            .get_or_insert_with(|| Box::new(Before::with_room()));
    }

    /// Takes room for bars, as if all of them were new to their markets.
    fn reserve_bars(&mut self) {
        self.kept.resize_with(self.bars.len(), KeptBars::new);
    }

    /// Looks at all that the swap takes from here, so that it is near.
    pub(super) fn touch(&mut self) {
        for of in &self.markets {
            black_box(*of);
        }
        for of in &self.seen {
            black_box(*of);
        }
        for bars in &mut self.bars {
            *bars = black_box(*bars);
        }
        for of in &mut self.indicators {
            of.source = black_box(of.source);
            black_box(of.indicator.spec());
        }
    }

    /// Gives the room back.
    pub(super) fn give_room(&mut self, room: Box<Before>) {
        self.room = Some(room);
    }

    /// Takes the room for what the version before has at the seat.
    pub(crate) fn take_room(&mut self) -> Box<Before> {
        let room = self.room.take();
        room.unwrap_or_else(|| Box::new(Before::with_room()))
    }

    /// Arms the timers as they are at `now`.
    pub(crate) fn arm(&self, now: WallNs, timers: &mut Timers) {
        for (name, ms, every_ms) in &self.timers {
            // Both were taken before; what they refuse now they refused then.
            let _ = match every_ms {
                0 => timers.after(now, *ms, name.as_str()),
                every_ms => timers.every(now, *every_ms, name.as_str()),
            };
        }
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
    /// Returns nothing, with room for all that a seat has.
    fn with_room() -> Self {
        Self {
            version: Version::default(),
            phase: Phase::Waiting,
            timers: Timers::new(),
            // These come from the seat as they are.
            bars: Vec::new(),
            indicators: Vec::new(),
            carried: room(INDICATORS_MAX),
            markets: room(MARKETS_MAX),
            signal: None,
            faults_in_a_row: 0,
            warmup: None,
            guard: Guard::with_room(),
        }
    }

    /// Forgets what was tried in its room, and writes to the rest of it.
    pub(super) fn clear(&mut self) {
        self.timers.clear();
        self.markets.clear();
        self.guard.clear();
        self.signal = black_box(None);
        self.version.sha256 = black_box([0; 32]);
    }

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

    /// Returns the markets that it looks at.
    pub(super) fn markets(&self) -> impl Iterator<Item = InstrumentId> {
        self.facts.iter().map(|(market, _)| *market)
    }

    /// Returns whether it has a version on probation that has not proven itself yet.
    pub fn is_on_probation(&self) -> bool {
        self.probation.is_some()
    }
}

/// Returns an empty list with room, which was written to: the engine thread is not the first to use its memory.
pub(super) fn room<T>(items: usize) -> Vec<T> {
    let mut list = Vec::new();
    reserve(&mut list, items);
    list
}

/// Takes room for so many items in all, and writes to what is new of it.
fn reserve<T>(list: &mut Vec<T>, items: usize) {
    if list.capacity() < items {
        list.reserve_exact(items - list.len());
        list.spare_capacity_mut().fill_with(MaybeUninit::zeroed);
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
