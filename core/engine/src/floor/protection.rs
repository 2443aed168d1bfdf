//! Protections: the stop and the take profit of a position, held in the engine.
//!
//! Called by the desk, by the engine for every trade and every change of a touch, and at the end of each input.
//!
//! Neither leg is an order until the market reaches it: what is not at the venue cannot be filled beside the
//! other leg, so that both together never sell more than is held, also where a venue knows neither OCO nor
//! reduce-only. The stop goes off at a trade at its price or beyond it, as venues' stops do by default, or when
//! the whole book stands beyond it; it becomes a closing, which goes on until nothing is left, over a stale book
//! too. The take profit goes off when the other side of a proven book pays it, as an immediate limit order at its
//! price; what that leaves is protected on. Both are exits, which no trading state holds back but KILLED.
//!
//! # Source
//! Stops go off by the last price: Binance, support FAQ "What Is a Stop Market Order?" (read 2026-11-28).

use super::Floor;
use super::closing::Goal;
use super::closing::pause_after;
use super::held::{PROTECTIONS_MAX, Protection};
use super::ordering::Exit;
use super::stops::{Seen, is_hit};
use crate::convert::{asked, price_from_f64, stop_from_f64};
use crate::order::Order;
use crate::risk::Purpose;
use crate::strategy::{OrderHandle, OrderRequest, ProtectRequest};
use claire_types::{
    Amount, GateCode, InstrumentId, Note, OrderFlags, OrderReason, Price, Side, StrategyId, WallNs,
};

impl Floor {
    /// Sets or moves the protection of a position that is there or that working orders open.
    pub(super) fn set_protection(&mut self, request: &ProtectRequest) -> OrderHandle {
        let caller = self.caller;
        if !self.seat(caller).is_some_and(super::Seat::may_trade) {
            return self.refuse_protection(request, GateCode::Strategy);
        }
        let Some(facts) = self.instrument(request.market).copied() else {
            return self.refuse_protection(request, GateCode::Instrument);
        };
        let side = self.side_to_protect(request);
        let leg = side.and_then(|side| {
            let stop = stop_from_f64(request.stop, side.opposite(), &facts)?;
            let take = request.take;
            let take = take.map(|take| price_from_f64(take, side.opposite(), &facts));
            match take {
                Some(None) => None,
                take => Some((side, stop, take.flatten())),
            }
        });
        let Some((side, stop, take)) = leg else {
            return self.refuse_protection(request, GateCode::BadOrder);
        };
        let holds = self.held_side(caller, request.market) == Some(side);
        let wish = Protection {
            market: request.market,
            side,
            stop,
            take,
            reason: request.reason,
            is_armed: holds,
            is_hit: false,
            is_closing: false,
            is_paid: false,
            due: WallNs(0),
            tries: 0,
            is_new: true,
        };
        let prospect = self.has_prospect(caller, &wish);
        if !holds && !prospect && self.held_side(caller, request.market).is_some() {
            // The wrong way round for what is held, and nothing works that would turn it.
            return self.refuse_protection(request, GateCode::BadOrder);
        }
        match self.place_protection(&wish) {
            Some(true) => self.note_protection(request, &wish),
            Some(false) => {}
            None => return self.refuse_protection(request, GateCode::Capacity),
        }
        OrderHandle::NONE
    }

    /// Puts the protection in the place of the one on its side; tells whether that changed anything. `None` where
    /// there is no room.
    fn place_protection(&mut self, wish: &Protection) -> Option<bool> {
        let caller = self.caller;
        let is_it = |known: &Protection| known.market == wish.market && known.side == wish.side;
        let held = self.held(caller)?;
        let place = held.protections.iter().position(is_it);
        let known = place.and_then(|place| held.protections.get(place)).copied();
        if let Some(known) = known {
            // What went off already closes the position; the rest of it is not for sale twice.
            let is_same = known.stop == wish.stop && known.take == wish.take;
            if is_same || known.is_hit {
                return Some(false);
            }
        } else if held.protections.len() >= PROTECTIONS_MAX {
            return None;
        }
        let held = self.held_mut(caller)?;
        match place.and_then(|place| held.protections.get_mut(place)) {
            Some(place) => {
                *place = Protection {
                    due: place.due,
                    tries: place.tries,
                    is_armed: place.is_armed || wish.is_armed,
                    ..*wish
                };
            }
            None => held.protections.push(*wish),
        }
        Some(true)
    }

    /// Returns which position the caller means: by the order of the two prices, else what it holds, else what its
    /// working orders open, else by where the stop lies from the market.
    fn side_to_protect(&self, request: &ProtectRequest) -> Option<Side> {
        let (caller, market) = (self.caller, request.market);
        if let Some(take) = request.take {
            return match take.partial_cmp(&request.stop)? {
                std::cmp::Ordering::Greater => Some(Side::Buy),
                std::cmp::Ordering::Less => Some(Side::Sell),
                std::cmp::Ordering::Equal => None,
            };
        }
        let held = self.held_side(caller, market);
        if let Some(held) = held
            && !self.will_turn(caller, market, held)
        {
            return Some(held);
        }
        let opens = |side| self.entries_on(caller, market, side);
        match (held, opens(Side::Buy), opens(Side::Sell)) {
            (None, true, false) => return Some(Side::Buy),
            (None, false, true) => return Some(Side::Sell),
            _ => {}
        }
        let mid = self.mid(market)?.to_f64();
        match request.stop.partial_cmp(&mid)? {
            std::cmp::Ordering::Less => Some(Side::Buy),
            std::cmp::Ordering::Greater => Some(Side::Sell),
            std::cmp::Ordering::Equal => held,
        }
    }

    /// Returns whether working entries are large enough to turn the position round.
    fn will_turn(&self, strategy: StrategyId, market: InstrumentId, held: Side) -> bool {
        let scope = self.scope(strategy, market);
        let against = held.opposite();
        let entries = scope.working.on(against).0 - scope.working.exits_on(against).0;
        entries > scope.position.0.saturating_abs()
    }

    /// Returns whether entries of a strategy work or wait on a side.
    fn entries_on(&self, strategy: StrategyId, market: InstrumentId, side: Side) -> bool {
        let working = self.orders.strategy_working(strategy, market);
        let waits = |held: &super::Held| {
            held.waiting
                .iter()
                .any(|order| order.market == market && order.side == side && !order.only_reduces())
        };
        working.on(side) > working.exits_on(side) || self.held(strategy).is_some_and(waits)
    }

    /// Returns whether a position can still come that the protection waits for.
    fn has_prospect(&self, strategy: StrategyId, protection: &Protection) -> bool {
        self.entries_on(strategy, protection.market, protection.side)
    }

    /// Arms protections whose position came, and ends those whose position is over. Called with every fill.
    pub(super) fn follow_position(&mut self, strategy: StrategyId, market: InstrumentId) {
        let side = self.held_side(strategy, market);
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        if let Some(probation) = &mut seat.probation {
            probation.before.guard.follow(market, side);
        }
        seat.held.protections.retain_mut(|protection| {
            if protection.market != market {
                return true;
            }
            if side == Some(protection.side) {
                protection.is_armed = true;
                // The position moved: what it pays is tried anew.
                protection.tries = 0;
                protection.due = WallNs(0);
                return true;
            }
            !protection.is_armed
        });
    }

    /// Forgets all protections: the run is over, and nothing must be sent any more.
    pub(crate) fn forget_protections(&mut self) {
        for seat in &mut self.seats {
            seat.held.protections.clear();
        }
    }

    /// Takes back resting exits of a strategy that are beyond what it holds now, the latest first.
    pub(super) fn trim_exits(&mut self, strategy: StrategyId, market: InstrumentId) {
        for side in [Side::Buy, Side::Sell] {
            let working = self.orders.strategy_working(strategy, market);
            let held = self.portfolio.position(strategy, market).qty.0;
            let room = held.saturating_mul(-side.sign()).max(0);
            if working.exits_on(side).0 <= room {
                continue;
            }
            let mut left = room;
            self.send_cancels(OrderReason::CancelledByEngine, |_, order| {
                if !is_exit_of(order, strategy, market, side) {
                    return false;
                }
                let qty = order.working_qty().0;
                let is_beyond = qty > left && order.price.0 > 0;
                if !is_beyond {
                    left = left.saturating_sub(qty).max(0);
                }
                is_beyond
            });
        }
    }

    /// Compares protections with what the market showed. Marks only: see [`Floor::work_protections`].
    pub(super) fn see_protections(
        &mut self,
        strategy: StrategyId,
        market: InstrumentId,
        seen: Seen,
    ) {
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        for protection in &mut seat.held.protections {
            if protection.market == market && protection.is_armed {
                see(protection, seen);
            }
        }
    }

    /// Acts on protections that went off, and ends those whose position will not come.
    pub(super) fn work_protections(&mut self, strategy: StrategyId) {
        let mut index = 0;
        while let Some(mut protection) = self
            .held(strategy)
            .and_then(|held| held.protections.get(index))
            .copied()
        {
            let is_over = !protection.is_armed && !self.has_prospect(strategy, &protection);
            if !is_over && protection.is_armed {
                self.work_protection(strategy, &mut protection);
            }
            let Some(seat) = self.seats.get_mut(strategy.index()) else {
                return;
            };
            if is_over {
                seat.held.protections.remove(index);
                continue;
            }
            if let Some(place) = seat.held.protections.get_mut(index) {
                *place = protection;
            }
            index += 1;
        }
    }

    fn work_protection(&mut self, strategy: StrategyId, protection: &mut Protection) {
        let market = protection.market;
        if std::mem::take(&mut protection.is_new)
            && let Some(touch) = self.touch_seen(market)
        {
            see(protection, touch);
        }
        if protection.is_hit {
            if !std::mem::replace(&mut protection.is_closing, true) {
                self.cancel_resting_exits(strategy, market, protection.side.opposite());
            }
            // Goes on where a closing was already under way, and begins anew where one was given up.
            let reason = self.leg_reason(protection, "protection stop", protection.stop);
            self.begin_closing(strategy, market, Goal::Flat, reason);
            return;
        }
        if let Some(take) = protection.take
            && protection.is_paid
            && protection.due <= self.now
        {
            self.send_take(strategy, protection, take);
        }
    }

    /// Sends what is left of the position at the take profit's price or better, if nothing else exits it.
    fn send_take(&mut self, strategy: StrategyId, protection: &mut Protection, take: Price) {
        let (market, side) = (protection.market, protection.side.opposite());
        if self.killed != Some(false) {
            return;
        }
        let step = self
            .instrument(market)
            .map_or(1, |facts| facts.step.0.max(1));
        if self.room_to_close(strategy, market, side).0 < step {
            self.act_as(strategy, |floor| floor.clear_exit_side(market, side));
            return;
        }
        let reason = self.leg_reason(protection, "take profit", take);
        let exit = Exit {
            price: Some(take),
            most: claire_types::Qty(i64::MAX),
            flags: OrderFlags::IOC,
            purpose: Purpose::Protective,
            ..Exit::at_market(reason)
        };
        self.act_as(strategy, |floor| floor.exit_with(market, &exit));
        protection.due = self.now.after(pause_after(protection.tries));
        protection.tries = protection.tries.saturating_add(1);
    }

    /// Takes resting exits of the strategy's own out of the way of one that must go now.
    pub(super) fn cancel_resting_exits(
        &mut self,
        strategy: StrategyId,
        market: InstrumentId,
        side: Side,
    ) {
        self.send_cancels(OrderReason::CancelledByEngine, |_, order| {
            is_exit_of(order, strategy, market, side) && order.price.0 > 0
        });
    }

    /// Returns why a leg is sent: which one, its price, and the strategy's own words.
    fn leg_reason(&self, protection: &Protection, leg: &str, price: Price) -> Note {
        let price = self.price_amount(protection.market, price);
        let reason = protection.reason;
        match reason.is_empty() {
            true => Note::format(format_args!("{leg} {price}")),
            false => Note::format(format_args!("{leg} {price}: {reason}")),
        }
    }

    fn note_protection(&mut self, request: &ProtectRequest, protection: &Protection) {
        let market = protection.market;
        let position = match protection.side {
            Side::Buy => "long",
            Side::Sell => "short",
        };
        let stop = Leg::new(self.price_amount(market, protection.stop), request.stop);
        let text = match (protection.take, request.take) {
            (Some(take), Some(wish)) => {
                let take = Leg::new(self.price_amount(market, take), wish);
                Note::format(format_args!(
                    "protects {position}: stop {stop}, take {take}"
                ))
            }
            _ => Note::format(format_args!("protects {position}: stop {stop}")),
        };
        self.note_engine(self.caller, market, text);
    }

    fn refuse_protection(&mut self, request: &ProtectRequest, code: GateCode) -> OrderHandle {
        let order = OrderRequest {
            market: request.market,
            side: Side::Sell,
            qty: 0.0,
            price: Some(request.stop),
            flags: OrderFlags::REDUCE_ONLY,
            reason: request.reason,
        };
        let asked = self.asked(&order);
        self.refuse(&order, asked, code)
    }

    /// Returns a price in quote currency.
    pub(super) fn price_amount(&self, market: InstrumentId, price: Price) -> Amount {
        let digits = self
            .instrument(market)
            .map_or(0, |facts| facts.scale.price_digits);
        Amount::from_fixed(i128::from(price.0), digits).unwrap_or(Amount::ZERO)
    }
}

/// Returns whether the order is an exit of the strategy on a side of a market.
fn is_exit_of(order: &Order, strategy: StrategyId, market: InstrumentId, side: Side) -> bool {
    order.strategy == strategy && order.instrument == market && order.side == side && order.is_exit
}

/// Marks what of a protection the market reached.
fn see(protection: &mut Protection, seen: Seen) {
    let exit = protection.side.opposite();
    protection.is_hit |= is_hit(exit, protection.stop, seen);
    if let (Some(take), Seen::Touch { bid, ask }) = (protection.take, seen) {
        protection.is_paid = match exit {
            Side::Sell => bid.is_some_and(|bid| bid >= take),
            Side::Buy => ask.is_some_and(|ask| ask <= take),
        };
    }
}

/// A leg's price, with what was asked for where rounding changed it.
struct Leg {
    price: Amount,
    asked: Amount,
}

impl Leg {
    fn new(price: Amount, wish: f64) -> Self {
        let asked = asked(wish);
        Self { price, asked }
    }
}

impl std::fmt::Display for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.price == self.asked {
            true => write!(f, "{}", self.price),
            false => write!(f, "{} of {}", self.price, self.asked),
        }
    }
}
