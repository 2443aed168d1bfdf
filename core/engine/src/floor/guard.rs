//! What protected a strategy's positions when another version took its seat, for the case that it comes back.
//!
//! Copied at the swap, kept up with fills while the new version is on probation, put back at a roll-back: the version
//! taken back may have moved or cancelled what its predecessor relies on, and may hold what that one knows nothing
//! of. A position is never left with less protection than either version gave it, and where neither gave it any, that
//! is said. Engine thread, between calls.

use super::held::{PROTECTIONS_MAX, Protection, Trigger, WAITING_MAX, Waiting};
use super::seat::MARKETS_MAX;
use super::stops::is_hit;
use super::version::room;
use super::{Floor, Held};
use claire_types::{InstrumentId, Note, OrderId, Side, StrategyId, WallNs};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What protected a strategy's positions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Guard {
    /// Positions that are held since the swap without an end.
    positions: Vec<(InstrumentId, Side)>,
    protections: Vec<Protection>,
    /// Stops that went off neither before nor since.
    stops: Vec<Waiting>,
}

/// What a roll-back made of the protection of positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Protections and stops that the version taken back had moved or cancelled, as they were before the swap.
    pub restored: u32,
    /// Protections of positions opened since that stay, since the version before has none for them.
    pub kept: u32,
    /// Positions opened since that nothing protects.
    pub bare: u32,
    /// The first of these, in words.
    pub bare_first: Note,
}

impl Guard {
    /// Returns nothing, with room for all that may protect a strategy's positions.
    pub(super) fn with_room() -> Self {
        Self {
            positions: room(MARKETS_MAX),
            protections: room(PROTECTIONS_MAX),
            stops: room(WAITING_MAX),
        }
    }

    /// Forgets all, keeps the room.
    pub(super) fn clear(&mut self) {
        self.positions.clear();
        self.protections.clear();
        self.stops.clear();
    }

    /// Follows a position that may have ended: its protection ends with it.
    pub(super) fn follow(&mut self, market: InstrumentId, side: Option<Side>) {
        let goes_on = |of: &(InstrumentId, Side)| of.0 != market || side == Some(of.1);
        self.positions.retain(goes_on);
        for protection in &mut self.protections {
            if protection.market == market && side == Some(protection.side) {
                protection.is_armed = true;
            }
        }
        self.protections.retain(|protection| {
            protection.market != market || side == Some(protection.side) || !protection.is_armed
        });
    }

    /// Forgets a stop that the engine sent or dropped.
    pub(super) fn forget(&mut self, id: OrderId) {
        self.stops.retain(|stop| stop.id != id);
    }

    fn protection(&self, market: InstrumentId, side: Side) -> Option<&Protection> {
        let is_it = |of: &&Protection| of.market == market && of.side == side;
        self.protections.iter().find(is_it)
    }
}

impl Floor {
    /// Keeps what protects a strategy's positions now, in the room of a guard that is empty.
    pub(super) fn guard_into(&self, strategy: StrategyId, guard: &mut Guard) {
        let Some(held) = self.held(strategy) else {
            return;
        };
        let stops = held.waiting.iter().filter(|waiting| waiting.is_stop());
        let stops = stops.filter(|stop| stop.hit.is_none());
        guard.positions.extend(self.sides_held(strategy));
        guard.protections.extend_from_slice(&held.protections);
        guard.stops.extend(stops);
    }

    /// Forgets a stop of the version before that the engine sent or dropped: it does not come back.
    pub(super) fn forget_guarded(&mut self, strategy: StrategyId, id: OrderId) {
        let seat = self.seats.get_mut(strategy.index());
        if let Some(probation) = seat.and_then(|seat| seat.probation.as_mut()) {
            probation.before.guard.forget(id);
        }
    }

    /// Puts back what protected the strategy's positions, and keeps or names what was opened since. Called before
    /// what was placed after `order_number` is dropped.
    pub(super) fn put_guard_back(
        &mut self,
        strategy: StrategyId,
        guard: &Guard,
        order_number: u64,
    ) -> Guarded {
        let mut guarded = Guarded::default();
        self.put_protections_back(strategy, guard, order_number, &mut guarded);
        for stop in &guard.stops {
            if self.put_stop_back(strategy, stop) {
                guarded.restored += 1;
                let words = format_args!("holds {} as before the swap", stop.id);
                self.note_engine(strategy, stop.market, Note::format(words));
            }
        }
        for (market, side) in self.positions_held(strategy) {
            let is_new = !guard.positions.contains(&(market, side));
            if is_new && !self.is_guarded(strategy, market, side, order_number) {
                guarded.bare += 1;
                if guarded.bare == 1 {
                    guarded.bare_first = self.position_in_words(market, side);
                }
            }
        }
        guarded
    }

    fn put_protections_back(
        &mut self,
        strategy: StrategyId,
        guard: &Guard,
        order_number: u64,
        guarded: &mut Guarded,
    ) {
        let Some(held) = self.held(strategy) else {
            return;
        };
        let now = held.protections.clone();
        let mut after = Vec::with_capacity(now.len() + guard.protections.len());
        for old in &guard.protections {
            let is_it = |of: &&Protection| of.market == old.market && of.side == old.side;
            let current = now.iter().find(is_it);
            let is_same = current.is_some_and(|of| (of.stop, of.take) == (old.stop, old.take));
            match current {
                // What went off closes the position already.
                Some(current) if is_same || current.is_hit => after.push(*current),
                current => {
                    guarded.restored += 1;
                    self.note_guard(strategy, old, "as before the swap");
                    after.push(Protection {
                        due: current.map_or(old.due, |of| of.due),
                        tries: current.map_or(old.tries, |of| of.tries),
                        is_new: true,
                        ..*old
                    });
                }
            }
        }
        for current in &now {
            if guard.protection(current.market, current.side).is_none()
                && self.guards_new(strategy, guard, current, order_number)
            {
                guarded.kept += 1;
                after.push(*current);
            }
        }
        for (market, side) in self.positions_held(strategy) {
            let is_covered = |of: &Protection| of.market == market && of.side == side;
            if !guard.positions.contains(&(market, side))
                && !after.iter().any(is_covered)
                && let Some(stop) = self.protection_of_stops(strategy, market, side, order_number)
            {
                guarded.kept += 1;
                self.note_guard(strategy, &stop, "for its stop");
                after.push(stop);
            }
        }
        if let Some(seat) = self.seats.get_mut(strategy.index()) {
            seat.held.protections.clear();
            let room = seat.held.protections.capacity();
            seat.held.protections.extend(after.into_iter().take(room));
        }
    }

    /// Returns whether a protection that only the version taken back has is about what that version opened, or may
    /// still open: its entries are cancelled, but may be filled before.
    fn guards_new(
        &self,
        strategy: StrategyId,
        guard: &Guard,
        protection: &Protection,
        order_number: u64,
    ) -> bool {
        let (market, side) = (protection.market, protection.side);
        if protection.is_armed {
            return !guard.positions.contains(&(market, side));
        }
        let mut working = self.orders.working_of(strategy);
        working.any(|order| {
            order.id.number() > order_number
                && (order.instrument, order.side) == (market, side)
                && !order.is_exit
        })
    }

    /// Returns a protection at the nearest stop that was placed after `order_number` against a position: a stop of
    /// its own would outlive the position, which the version that comes back knows nothing of.
    fn protection_of_stops(
        &self,
        strategy: StrategyId,
        market: InstrumentId,
        side: Side,
        order_number: u64,
    ) -> Option<Protection> {
        let stops = self.held(strategy)?.waiting.iter().filter(|waiting| {
            waiting.is_stop()
                && waiting.id.number() > order_number
                && (waiting.market, waiting.side) == (market, side.opposite())
        });
        let prices = stops.filter_map(|stop| Some((stop.price()?, stop.asked.reason)));
        let nearest = match side {
            Side::Buy => prices.max_by_key(|(price, _)| *price),
            Side::Sell => prices.min_by_key(|(price, _)| *price),
        };
        let (stop, reason) = nearest?;
        Some(Protection {
            market,
            side,
            stop,
            take: None,
            reason,
            is_armed: true,
            is_hit: false,
            is_closing: false,
            is_paid: false,
            due: WallNs(0),
            tries: 0,
            is_new: true,
        })
    }

    /// Puts a stop back that was moved, or that was cancelled and protects what is held; tells whether it was.
    fn put_stop_back(&mut self, strategy: StrategyId, stop: &Waiting) -> bool {
        let touch = self.touch_seen(stop.market);
        let protects = self.held_side(strategy, stop.market) == Some(stop.side.opposite());
        let hit = match (stop.price(), touch) {
            (Some(price), Some(seen)) if is_hit(stop.side, price, seen) => Some(self.now),
            _ => None,
        };
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return false;
        };
        let waiting = &mut seat.held.waiting;
        let Some(place) = waiting.iter().position(|of| of.id == stop.id) else {
            if !protects || waiting.len() >= WAITING_MAX {
                return false;
            }
            let number = stop.id.number();
            let later = waiting.iter().position(|of| of.id.number() > number);
            waiting.insert(later.unwrap_or(waiting.len()), Waiting { hit, ..*stop });
            return true;
        };
        let Some(current) = waiting.get_mut(place) else {
            return false;
        };
        // A trailing stop goes on from the best price that it has seen; it cannot be moved.
        let is_moved = (current.trigger, current.qty) != (stop.trigger, stop.qty);
        if current.hit.is_some() || !is_moved || matches!(stop.trigger, Trigger::Trailing { .. }) {
            return false;
        }
        *current = Waiting { hit, ..*stop };
        true
    }

    /// Returns whether a protection or a stop that stays is there for a position.
    fn is_guarded(
        &self,
        strategy: StrategyId,
        market: InstrumentId,
        side: Side,
        order_number: u64,
    ) -> bool {
        let is_guarded = |held: &Held| {
            let protections = &held.protections;
            let is_stop = |of: &Waiting| {
                of.is_stop()
                    && of.id.number() <= order_number
                    && (of.market, of.side) == (market, side.opposite())
            };
            protections
                .iter()
                .any(|of| (of.market, of.side) == (market, side))
                || held.waiting.iter().any(is_stop)
        };
        self.is_closing(strategy, market) || self.held(strategy).is_some_and(is_guarded)
    }

    /// Returns the markets in which a strategy holds something, with the side.
    /// Returns the first position of a strategy's that nothing protects, in words.
    pub(super) fn first_bare(&self, strategy: StrategyId) -> Option<Note> {
        let is_bare = |of: &(InstrumentId, Side)| !self.is_guarded(strategy, of.0, of.1, u64::MAX);
        let (market, side) = self.sides_held(strategy).find(is_bare)?;
        Some(self.position_in_words(market, side))
    }

    fn positions_held(&self, strategy: StrategyId) -> Vec<(InstrumentId, Side)> {
        self.sides_held(strategy).collect()
    }

    fn sides_held(&self, strategy: StrategyId) -> impl Iterator<Item = (InstrumentId, Side)> {
        let markets = self.markets.iter().map(|market| market.instrument.id);
        markets.filter_map(move |id| Some((id, self.held_side(strategy, id)?)))
    }

    fn position_in_words(&self, market: InstrumentId, side: Side) -> Note {
        let word = side_word(side);
        match self.instrument(market) {
            Some(facts) => Note::format(format_args!("{word} {}", facts.key)),
            None => Note::cut(word),
        }
    }

    fn note_guard(&mut self, strategy: StrategyId, protection: &Protection, why: &str) {
        let stop = self.price_amount(protection.market, protection.stop);
        let word = side_word(protection.side);
        let words = format_args!("protects {word}: stop {stop}, {why}");
        self.note_engine(strategy, protection.market, Note::format(words));
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "long",
        Side::Sell => "short",
    }
}

impl fmt::Display for Guarded {
    /// Writes what there is to say, each part after a comma; first what a cut of the words must not lose.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bare > 0 {
            write!(f, ", NO STOP for {}", self.bare_first)?;
        }
        if self.bare > 1 {
            write!(f, " and {} more", self.bare - 1)?;
        }
        if self.bare > 0 {
            f.write_str(" opened since")?;
        }
        if self.restored > 0 {
            write!(f, ", {} of its stops as before", self.restored)?;
        }
        if self.kept > 0 {
            write!(f, ", {} kept for what was opened since", self.kept)?;
        }
        Ok(())
    }
}
