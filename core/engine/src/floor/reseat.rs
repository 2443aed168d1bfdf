//! A seat that changes hands: what moves at a swap, and what comes back at a roll-back.
//!
//! Called by the engine's swap on the engine thread, and by its `prepare` on an engine elsewhere. Lists move,
//! indicators that both versions have go on with all that they have seen, and nothing is freed.

use super::version::{Before, Declared, PROBATION_CALLS, Probation, Version, same_source};
use super::{DeclaredBars, DeclaredIndicator, Floor, Guarded, Phase, Seat};
use crate::market::{Bars, KeptBars};
use crate::strategy::{BarsId, IndicatorSource, Inheritance};
use claire_types::record::{ReloadOutcome, ReloadRecord, SHA256_BYTES};
use claire_types::{GateCode, InstrumentId, Note, OrderReason, Record, StrategyId};
use std::hint::black_box;
use std::num::NonZeroU32;

impl Floor {
    /// Empties the seat for an `init` that is only tried; `None` where its market has not appeared.
    pub(crate) fn begin_rehearsal(&mut self, strategy: StrategyId) -> Option<Seat> {
        let seat = self.seats.get_mut(strategy.index())?;
        if seat.primary == InstrumentId::NONE {
            return None;
        }
        let mut empty = Seat::new(&seat.name, seat.key);
        let primary = seat.primary;
        empty.primary = primary;
        empty.phase = Phase::Init;
        let before = std::mem::replace(seat, empty);
        self.watch_primary(strategy, primary);
        Some(before)
    }

    /// Puts the seat back and returns what was declared meanwhile.
    pub(crate) fn end_rehearsal(&mut self, strategy: StrategyId, before: Seat) -> Declared {
        let now = self.now;
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return Declared::default();
        };
        let tried = std::mem::replace(seat, before);
        let mut declared = Declared::of(tried, now);
        // `init` made them of all that is kept.
        for (bars, seen) in declared.bars.iter().zip(&mut declared.seen) {
            let kept = self.kept_bars(bars.market, bars.interval_ms);
            *seen = kept.and_then(|kept| kept.newest()).unwrap_or(*seen);
        }
        declared
    }

    /// Gives a seat whose market has not appeared to another version.
    pub(crate) fn replace_version(
        &mut self,
        strategy: StrategyId,
        version: impl FnOnce(u32) -> Version,
    ) {
        if let Some(seat) = self.seats.get_mut(strategy.index()) {
            seat.version = version(seat.reloads.reloads + 1);
            seat.reloads.reloads += 1;
        }
    }

    /// Looks at what [`Floor::seat_version`] will look at, and brings what was declared up to the bars that are kept.
    ///
    /// What can be done for nothing is done: its instructions are near then, too.
    pub(crate) fn approach(&mut self, strategy: StrategyId, declared: &mut Declared) {
        self.catch_up(declared);
        declared.touch();
        let mut room = declared.take_room();
        self.guard_into(strategy, &mut room.guard);
        declared.arm(self.now, &mut room.timers);
        if let Some(seat) = self.seats.get(strategy.index()) {
            room.timers.inherit(&seat.timers);
            room.markets.extend(seat.markets());
            black_box((seat.reloads, seat.warmup, seat.signal));
        }
        let version = self.version_of(strategy);
        black_box(self.reload_record(ReloadOutcome::Live, version, version, Note::EMPTY));
        room.clear();
        declared.give_room(room);
    }

    /// Gives the seat to a version and keeps what the one before had. Returns whether the strategy starts with that.
    ///
    /// What is left in `declared` is to be freed elsewhere.
    pub(crate) fn seat_version(
        &mut self,
        strategy: StrategyId,
        declared: &mut Declared,
        version: impl FnOnce(u32) -> Version,
    ) -> bool {
        let (now, order_number) = (self.now, self.last_order_number());
        declared.reserve_room();
        self.number_bars(declared);
        self.catch_up(declared);
        let mut before = declared.take_room();
        self.guard_into(strategy, &mut before.guard);
        declared.arm(now, &mut before.timers);
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return false;
        };
        for bars in &mut declared.bars {
            let is_it =
                |old: &&DeclaredBars| old.market == bars.market && old.number == bars.number;
            if let Some(old) = seat.bars.iter().find(is_it) {
                bars.closed = bars.closed.max(old.closed);
            }
        }
        before.timers.inherit(&seat.timers);
        std::mem::swap(&mut seat.timers, &mut before.timers);
        std::mem::swap(&mut seat.bars, &mut declared.bars);
        std::mem::swap(&mut seat.indicators, &mut declared.indicators);
        std::mem::swap(&mut before.bars, &mut declared.bars);
        std::mem::swap(&mut before.indicators, &mut declared.indicators);
        before.warmup = std::mem::replace(&mut seat.warmup, declared.warmup);
        before.phase = seat.phase;
        before.signal = seat.signal;
        before.faults_in_a_row = seat.faults_in_a_row;
        before.markets.extend(seat.markets());
        before.carry_into(&mut seat.indicators, &seat.bars);
        seat.reloads.reloads += 1;
        let version = version(seat.reloads.reloads);
        before.version = std::mem::replace(&mut seat.version, version);
        // Its handlers begin when all its indicators are warm: at once where all are carried.
        seat.phase = Phase::Warming;
        let starts = seat.begin_if_warm();
        seat.faults_in_a_row = 0;
        seat.denials.begin_probation(now);
        seat.probation = Some(Probation {
            since: now,
            calls_left: PROBATION_CALLS,
            order_number,
            before,
        });
        self.watch_only(strategy, &declared.markets);
        self.lift_own_failure(strategy);
        starts
    }

    /// Says that the version at the seat is not called before it is warm, and which position nothing protects meanwhile.
    /// Returns the words; `None` where it is called.
    pub(crate) fn tell_rest(&mut self, strategy: StrategyId) -> Option<Note> {
        let seat = self.seats.get(strategy.index())?;
        if seat.phase != Phase::Warming {
            return None;
        }
        let (number, primary) = (seat.version.number, seat.primary);
        let waits_for = seat.waits_for();
        let text = match self.first_bare(strategy) {
            Some(position) => Note::format(format_args!(
                "version {number} rests until {waits_for}: NO STOP for its {position}"
            )),
            None => Note::format(format_args!("version {number} rests until {waits_for}")),
        };
        self.alert(strategy, primary, text);
        Some(text)
    }

    /// Returns which of a market's bars have that length, after making them where they are new.
    fn make_bars(
        &mut self,
        market: InstrumentId,
        interval_ms: i64,
        kept: &mut Vec<KeptBars>,
    ) -> Option<u16> {
        let length = u32::try_from(interval_ms).ok().and_then(NonZeroU32::new)?;
        let place = self.markets.get_mut(market.index())?;
        let number = match place.bars_number(interval_ms) {
            Some(number) => number,
            None => {
                place.bars.push(Bars::new(length, place.instrument.scale));
                place.kept.push(kept.pop().unwrap_or_default());
                place.bars.len() - 1
            }
        };
        u16::try_from(number).ok()
    }

    /// Feeds what the declared indicators have not seen of the bars that are kept.
    fn catch_up(&self, declared: &mut Declared) {
        for (id, (bars, seen)) in (0_u16..).zip(declared.bars.iter().zip(&mut declared.seen)) {
            let Some(kept) = self.kept_bars(bars.market, bars.interval_ms) else {
                continue;
            };
            for bar in kept.iter().filter(|bar| bar.open_time > *seen) {
                for of in &mut declared.indicators {
                    if of.source == IndicatorSource::Bars(BarsId(id)) {
                        of.indicator.on_bar(bar);
                    }
                }
            }
            *seen = kept.newest().unwrap_or(*seen);
        }
    }

    /// Finds the bars of a successor in their markets, and makes those that are new.
    fn number_bars(&mut self, declared: &mut Declared) {
        for bars in &mut declared.bars {
            if let Some(number) = self.make_bars(bars.market, bars.interval_ms, &mut declared.kept)
            {
                bars.number = number;
            }
        }
    }

    /// Lets a strategy look at these markets and no others.
    fn watch_only(&mut self, strategy: StrategyId, markets: &[InstrumentId]) {
        if let Some(seat) = self.seats.get_mut(strategy.index()) {
            let primary = seat.primary;
            seat.facts
                .retain(|(market, _)| *market == primary || markets.contains(market));
        }
        for market in markets {
            self.watch(strategy, *market);
        }
    }

    /// A new version is the answer to a failure of the old one: the halt that it caused ends.
    fn lift_own_failure(&mut self, strategy: StrategyId) {
        let causes = self.state.causes(strategy);
        if causes.is_empty() || !causes.iter().all(|cause| cause.code == GateCode::Strategy) {
            return;
        }
        self.resume(
            strategy,
            Note::cut("another version of its script took the seat"),
        );
    }

    /// Takes the version on probation back; returns what it had, and what became of the protection of positions.
    pub(crate) fn give_back(
        &mut self,
        strategy: StrategyId,
        why: Note,
    ) -> Option<(Box<Before>, Guarded)> {
        let now_number = self.seats.get_mut(strategy.index())?.probation.take()?;
        let Probation {
            mut before,
            order_number,
            ..
        } = now_number;
        let guarded = self.put_guard_back(strategy, &before.guard, order_number);
        let reason = OrderReason::CancelledByEngine;
        self.drop_waiting(strategy, reason, |held| held.id.number() > order_number);
        let cancelled = self.cancel_since(strategy, order_number);
        let seat = self.seats.get_mut(strategy.index())?;
        for (old, new) in &before.carried {
            let old = before.indicators.get_mut(usize::from(*old));
            if let (Some(old), Some(new)) = (old, seat.indicators.get_mut(usize::from(*new))) {
                std::mem::swap(&mut old.indicator, &mut new.indicator);
            }
        }
        std::mem::swap(&mut seat.indicators, &mut before.indicators);
        std::mem::swap(&mut seat.bars, &mut before.bars);
        std::mem::swap(&mut seat.timers, &mut before.timers);
        std::mem::swap(&mut seat.version, &mut before.version);
        std::mem::swap(&mut seat.signal, &mut before.signal);
        seat.phase = before.phase;
        seat.warmup = before.warmup;
        seat.faults_in_a_row = before.faults_in_a_row;
        seat.reloads.rolled_back += 1;
        let taken = (before.version.number, before.version.sha256);
        let goes_on = (seat.version.number, seat.version.sha256);
        let primary = seat.primary;
        self.watch_only(strategy, &before.markets);
        let record = self.reload_record(ReloadOutcome::RolledBack, taken, goes_on, why);
        self.record_reload(strategy, record);
        let text = Note::format_words(format_args!(
            "version {} rolled back to version {}, {cancelled} orders cancelled{guarded}: {why}",
            taken.0, goes_on.0
        ));
        self.alert(strategy, primary, text);
        Some((before, guarded))
    }

    /// Cancels a strategy's working orders after a number; returns how many.
    fn cancel_since(&mut self, strategy: StrategyId, order_number: u64) -> usize {
        let mut ids = std::mem::take(&mut self.scratch_ids);
        ids.clear();
        let since = self.orders.working_of(strategy);
        ids.extend(
            since
                .map(|order| order.id)
                .filter(|id| id.number() > order_number),
        );
        for id in &ids {
            self.send_cancel(*id, OrderReason::CancelledByEngine);
        }
        let count = ids.len();
        self.scratch_ids = ids;
        count
    }

    /// Returns number and hash of the version at a seat.
    pub(crate) fn version_of(&self, strategy: StrategyId) -> (u32, [u8; SHA256_BYTES]) {
        let seat = self.seats.get(strategy.index());
        seat.map_or((0, [0; SHA256_BYTES]), |seat| {
            (seat.version.number, seat.version.sha256)
        })
    }

    /// Records that the version at the seat took it.
    pub(crate) fn record_live(
        &mut self,
        strategy: StrategyId,
        from: (u32, [u8; SHA256_BYTES]),
        inheritance: Inheritance,
    ) {
        let outcome = ReloadOutcome::Live;
        let version = self.version_of(strategy);
        let record = self.reload_record(outcome, version, from, Note::EMPTY);
        let Inheritance {
            carried,
            fresh,
            dropped,
        } = inheritance;
        self.record_reload(
            strategy,
            ReloadRecord {
                carried,
                fresh,
                dropped,
                ..record
            },
        );
    }

    /// Records and counts that a version did not take the seat.
    pub(crate) fn record_refused(
        &mut self,
        strategy: StrategyId,
        sha256: [u8; SHA256_BYTES],
        reason: Note,
    ) {
        let from = self.version_of(strategy);
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        seat.reloads.refused += 1;
        let record = self.reload_record(ReloadOutcome::Refused, (0, sha256), from, reason);
        self.record_reload(strategy, record);
    }

    fn reload_record(
        &self,
        outcome: ReloadOutcome,
        (version, sha256): (u32, [u8; SHA256_BYTES]),
        (from, from_sha256): (u32, [u8; SHA256_BYTES]),
        reason: Note,
    ) -> ReloadRecord {
        ReloadRecord {
            outcome,
            version,
            sha256,
            from,
            from_sha256,
            carried: 0,
            fresh: 0,
            dropped: 0,
            order_number: self.last_order_number(),
            reason,
        }
    }

    fn record_reload(&mut self, strategy: StrategyId, record: ReloadRecord) {
        let primary = self.primary_of(strategy);
        self.outputs
            .emit(strategy, primary, &Record::Reload(record));
    }

    pub(crate) fn primary_of(&self, strategy: StrategyId) -> InstrumentId {
        self.seats
            .get(strategy.index())
            .map_or(InstrumentId::NONE, |seat| seat.primary)
    }
}

impl Before {
    /// Gives the indicators that both versions have to the new one, with all that they have seen.
    fn carry_into(&mut self, indicators: &mut [DeclaredIndicator], bars: &[DeclaredBars]) {
        for place in 0..indicators.len() {
            let (earlier, rest) = indicators.split_at_mut(place);
            let Some(new) = rest.first_mut() else {
                return;
            };
            let same = self.indicators.iter().position(|old| {
                // Specs are compared before anything was taken: a carried one leaves its like behind.
                old.indicator.spec() == new.indicator.spec()
                    && same_source((old.source, &self.bars), (new.source, bars))
            });
            let Some(old) = same else { continue };
            let number = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
            let taken = self
                .carried
                .iter()
                .find(|(from, _)| *from == number(old))
                .map(|(_, to)| usize::from(*to));
            match (taken, self.indicators.get_mut(old)) {
                // Declared twice: both have seen the same.
                (Some(taken), _) => {
                    if let Some(first) = earlier.get(taken) {
                        new.indicator = first.indicator.clone();
                    }
                }
                (None, Some(from)) => {
                    std::mem::swap(&mut from.indicator, &mut new.indicator);
                    self.carried.push((number(old), number(place)));
                }
                (None, None) => {}
            }
        }
    }
}
