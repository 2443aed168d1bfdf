//! A strategy's seat at the desk: its market, timers, bars, indicators, numbers and last words.
//!
//! One per configured strategy, made at start, used on the engine thread. What a handler changes here
//! is saved when its call begins and put back when the call fails.

use super::Held;
use super::denials::Denials;
use super::version::{Probation, ReloadTally, Version};
use crate::indicator::{BarF64, Indicator};
use crate::strategy::{BarView, BarsId, IndicatorSource, MarketFacts};
use crate::timers::Timers;
use claire_types::{Amount, InstrumentId, InstrumentKey, Note, Side};
use serde::{Deserialize, Serialize};

/// Indicators that a strategy may declare.
pub const INDICATORS_MAX: usize = 64;
/// Bars that a strategy may declare.
pub const BARS_MAX: usize = 8;
/// Markets that a strategy may look at.
pub const MARKETS_MAX: usize = 16;

/// What a strategy may do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Its market, or another that it names, has not appeared yet.
    Waiting,
    /// `init` runs: it declares.
    Init,
    /// What it declared is not warm yet: no handler is called.
    Warming,
    /// It trades.
    Running,
    /// `on_stop` runs or ran: no entries.
    Stopping,
    /// The run ended for it: it is not called any more.
    Stopped,
    /// Too many of its calls failed, or one was cut: it is not called any more.
    Failed,
    /// Its `init` failed: it never ran.
    Broken,
}

/// A strategy's seat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seat {
    /// The strategy's configured name.
    pub name: String,
    /// Its primary market by name.
    pub key: InstrumentKey,
    /// Its primary market; [`InstrumentId::NONE`] until it appears.
    pub primary: InstrumentId,
    /// What it may do.
    pub phase: Phase,
    /// Its timers.
    pub timers: Timers,
    /// Its bars: market, and number of the bars there.
    pub bars: Vec<DeclaredBars>,
    /// Its indicators.
    pub indicators: Vec<DeclaredIndicator>,
    /// Closed bars after which it begins, where it said so; else when its indicators are warm.
    pub warmup: Option<u32>,
    /// Calls that failed since one succeeded.
    pub faults_in_a_row: u32,
    /// Calls that failed in all.
    pub faults: u64,
    /// What the last failed call said.
    pub fault_last: Note,
    /// Its markets' numbers, the primary first.
    pub facts: Vec<(InstrumentId, MarketFacts)>,
    /// What it did so far.
    pub tally: Tally,
    /// Its denials, for judging its next version.
    pub denials: Denials,
    /// Its last statement, which its next orders join.
    pub signal: Option<(Side, Amount, Note)>,
    /// The version of its script that runs.
    pub version: Version,
    /// What became of its reloads.
    pub reloads: ReloadTally,
    /// Whether `on_start` had its turn.
    pub(super) has_started: bool,
    /// Set while its version can still be taken back.
    pub probation: Option<Probation>,
    /// What the engine holds for it: quotes, protections, orders that wait.
    pub(super) held: Held,
}

/// What a strategy did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Signals given.
    pub signals: u64,
    /// Orders that passed the gate.
    pub orders: u64,
    /// Orders denied.
    pub denials: u64,
    /// Fills.
    pub fills: u64,
}

/// Bars that a strategy declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredBars {
    /// Of which market.
    pub market: InstrumentId,
    /// Which of that market's bars.
    pub number: u16,
    /// Their length.
    pub interval_ms: i64,
    /// How many have closed, history included.
    pub closed: u32,
}

/// An indicator that a strategy declared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeclaredIndicator {
    /// What it is computed on.
    pub source: IndicatorSource,
    /// Its state.
    pub indicator: Indicator,
}

impl Seat {
    /// Returns the seat of a strategy whose market has not appeared yet.
    pub fn new(name: &str, key: InstrumentKey) -> Self {
        Self {
            name: name.to_owned(),
            key,
            primary: InstrumentId::NONE,
            phase: Phase::Waiting,
            timers: Timers::new(),
            bars: Vec::with_capacity(BARS_MAX),
            indicators: Vec::with_capacity(INDICATORS_MAX),
            warmup: None,
            faults_in_a_row: 0,
            faults: 0,
            fault_last: Note::EMPTY,
            facts: Vec::with_capacity(MARKETS_MAX),
            tally: Tally::default(),
            denials: Denials::with_room(),
            signal: None,
            version: Version::default(),
            reloads: ReloadTally::default(),
            has_started: false,
            probation: None,
            held: Held::new(),
        }
    }

    /// Takes the room again that a seat read from a snapshot does not have.
    pub(super) fn reserve_room(&mut self) {
        self.timers.reserve_room();
        self.held.reserve_room();
        self.denials.reserve_room();
        self.bars.reserve(BARS_MAX.saturating_sub(self.bars.len()));
        let more = INDICATORS_MAX.saturating_sub(self.indicators.len());
        self.indicators.reserve(more);
        self.facts
            .reserve(MARKETS_MAX.saturating_sub(self.facts.len()));
    }

    /// Returns whether its handlers are called.
    pub fn is_called(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Stopping)
    }

    /// Returns whether it may place orders: only while it runs.
    pub fn may_trade(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Returns the numbers of a market that it looks at.
    #[inline]
    pub fn facts_mut(&mut self, market: InstrumentId) -> Option<&mut MarketFacts> {
        self.facts
            .iter_mut()
            .find(|(id, _)| *id == market)
            .map(|(_, facts)| facts)
    }

    /// Returns whether it has seen enough: as many bars as it said, else all its indicators are warm.
    pub fn is_warm(&self) -> bool {
        match self.warmup {
            Some(count) => self.bars.iter().all(|bars| bars.closed >= count),
            None => self.first_cold().is_none(),
        }
    }

    /// Returns the first of its indicators that is not warm.
    pub fn first_cold(&self) -> Option<&DeclaredIndicator> {
        let mut declared = self.indicators.iter();
        declared.find(|declared| !declared.indicator.is_warm())
    }

    /// Returns what it waits for until it is warm: what follows "it waits until ...".
    pub fn waits_for(&self) -> Note {
        match (self.warmup, self.first_cold()) {
            (Some(count), _) => Note::format(format_args!("{count} bars are closed")),
            (None, Some(cold)) => {
                let spec = cold.indicator.spec();
                let name = spec.definition().name;
                match spec.warm_updates() {
                    Some(count) => Note::format(format_args!("`{name}` is warm ({count} updates)")),
                    None => Note::format(format_args!("`{name}` is warm")),
                }
            }
            (None, None) => Note::cut("the next market event"),
        }
    }

    /// Begins, where it waited to be warm and is; returns whether it starts with that.
    pub(crate) fn begin_if_warm(&mut self) -> bool {
        let begins = self.phase == Phase::Warming && self.is_warm();
        if begins {
            self.phase = Phase::Running;
        }
        // Once per run: another version goes on.
        begins && !std::mem::replace(&mut self.has_started, true)
    }

    /// Takes a closed bar of its own.
    pub(super) fn take_bar(&mut self, id: BarsId, bar: &BarF64) {
        if let Some(bars) = self.bars.get_mut(usize::from(id.0)) {
            bars.closed = bars.closed.saturating_add(1);
        }
        for declared in &mut self.indicators {
            if declared.source == IndicatorSource::Bars(id) {
                declared.indicator.on_bar(bar);
            }
        }
    }

    /// Returns how many closed bars it wants to have seen of these bars before it begins.
    pub fn history(&self, id: BarsId) -> u32 {
        let on_it = self
            .indicators
            .iter()
            .filter(|declared| declared.source == IndicatorSource::Bars(id));
        let longest = on_it
            .map(|declared| declared.indicator.spec().history())
            .max();
        self.warmup.or(longest).unwrap_or(0)
    }

    /// Returns a bar of its own as it sees it.
    pub(super) fn bar_view(&self, id: BarsId, bar: &BarF64) -> BarView {
        let declared = self.bars.get(usize::from(id.0));
        BarView {
            bars: id,
            interval_ms: declared.map_or(0, |bars| bars.interval_ms),
            open_time: bar.open_time,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume,
        }
    }

    /// Returns the id of the bars, if the strategy declared them.
    pub fn bars_id(&self, market: InstrumentId, number: u16) -> Option<BarsId> {
        let is_it = |bars: &DeclaredBars| bars.market == market && bars.number == number;
        let index = self.bars.iter().position(is_it)?;
        u16::try_from(index).ok().map(BarsId)
    }
}
