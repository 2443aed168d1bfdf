//! Orders that wait in the engine: stops, trailing stops, and what replaces a cancelled order.
//!
//! Called by the desk during a handler's call, by the engine for every trade and every change of a touch, and at
//! the end of each input. An order that waits has its id from the start and keeps it when it is sent; only then
//! does the gate judge it, and a denial is told to `on_order`. Stops go off as protections do: see
//! `protection.rs`.

use super::closing::STALE_WAIT_MAX;
use super::held::{Trigger, Waiting};
use super::quotes::sent;
use super::{Floor, Staged};
use crate::convert::{distance_from_f64, price_from_f64, qty_from_f64, stop_from_f64};
use crate::market::BookView;
use crate::order::Order;
use crate::risk::{Intent, Purpose};
use crate::strategy::{
    BracketRequest, OrderHandle, OrderRequest, ProtectRequest, StopRequest, StopTrigger,
};
use claire_types::{
    GateCode, Instrument, InstrumentId, Note, OrderFlags, OrderId, OrderKind, OrderReason, Price,
    Qty, Side, StrategyId,
};

/// What the market showed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// A deal at this price.
    Trade(Price),
    /// The best prices of a proven book.
    Touch {
        bid: Option<Price>,
        ask: Option<Price>,
    },
}

/// How an order that waits goes on.
enum Step {
    Wait,
    /// With this quantity.
    Send(Qty),
    Drop(OrderReason),
}

impl Floor {
    /// Holds a stop or trailing stop.
    pub(super) fn hold_stop(&mut self, request: &StopRequest) -> OrderHandle {
        let price = match request.trigger {
            StopTrigger::At(price) => Some(price),
            StopTrigger::Behind(_) => None,
        };
        let order = OrderRequest {
            market: request.market,
            side: request.side,
            qty: request.qty,
            price,
            flags: request.flags,
            reason: request.reason,
        };
        let asked = self.asked(&order);
        match self.stop_of(request, asked) {
            Ok(waiting) => match self.hold(&waiting) {
                Some(id) => {
                    self.note_stop(&Waiting { id, ..waiting });
                    sent(id)
                }
                None => self.refuse(&order, asked, GateCode::Capacity),
            },
            Err(code) => self.refuse(&order, asked, code),
        }
    }

    fn stop_of(
        &self,
        request: &StopRequest,
        asked: super::ordering::Asked,
    ) -> Result<Waiting, GateCode> {
        let only_reduces = request.flags.has(OrderFlags::REDUCE_ONLY);
        let allowed = OrderFlags::REDUCE_ONLY | OrderFlags::GTC;
        let facts = self.strategy_facts(self.caller);
        // As check 4 would say it: an exit must not wait for indicators.
        if facts.is_paused || (!facts.is_warm && !only_reduces) {
            return Err(GateCode::Strategy);
        }
        let facts = self
            .instrument(request.market)
            .ok_or(GateCode::Instrument)?;
        let (trigger, near) = self.trigger_of(request, facts).ok_or(GateCode::BadOrder)?;
        if !allowed.has(request.flags) {
            return Err(GateCode::BadOrder);
        }
        let qty = qty_from_f64(request.qty, near, facts).ok_or(GateCode::BadOrder)?;
        if qty == Qty::ZERO {
            return Err(GateCode::SizeZero);
        }
        Ok(Waiting {
            id: OrderId::NONE,
            market: request.market,
            side: request.side,
            qty,
            flags: request.flags,
            trigger,
            is_quote: false,
            asked,
            placed: self.now,
            hit: None,
        })
    }

    /// Returns what the stop waits for, and the price that it is near to.
    fn trigger_of(&self, request: &StopRequest, facts: &Instrument) -> Option<(Trigger, Price)> {
        match request.trigger {
            StopTrigger::At(price) => {
                let stop = stop_from_f64(price, request.side, facts)?;
                Some((Trigger::Stop(stop), stop))
            }
            StopTrigger::Behind(distance) => {
                let distance = distance_from_f64(distance, facts)?;
                let mut best = None;
                if let Some(seen) = self.touch_seen(request.market) {
                    follow(&mut best, request.side, seen);
                }
                let near = self.mid_price(request.market).unwrap_or(Price(0));
                Some((Trigger::Trailing { distance, best }, near))
            }
        }
    }

    /// Sends an entry and protects what it will open.
    pub(super) fn place_bracket(&mut self, request: &BracketRequest) -> OrderHandle {
        let entry = OrderRequest {
            market: request.market,
            side: request.side,
            qty: request.qty,
            price: request.entry,
            flags: OrderFlags::NONE,
            reason: request.reason,
        };
        let from = request
            .entry
            .or(self.mid(request.market).map(|mid| mid.to_f64()));
        let is_around = |from: f64| match request.side {
            Side::Buy => request.stop < from && from < request.take,
            Side::Sell => request.take < from && from < request.stop,
        };
        if !from.is_some_and(is_around) {
            let asked = self.asked(&entry);
            return self.refuse(&entry, asked, GateCode::BadOrder);
        }
        let handle = self.request(&entry, Purpose::Order);
        if handle.denied != GateCode::Ok {
            return handle;
        }
        let protected = self.set_protection(&ProtectRequest {
            market: request.market,
            stop: request.stop,
            take: Some(request.take),
            reason: request.reason,
        });
        if protected.denied == GateCode::Ok {
            return handle;
        }
        // An entry without its stop is not what was asked for; its cancel reaches the venue behind it.
        self.cancel_own(handle.order);
        protected
    }

    /// Moves what waits, or has a limit order cancelled and followed by another one.
    pub(super) fn replace_order(
        &mut self,
        handle: OrderHandle,
        price: f64,
        qty: f64,
    ) -> OrderHandle {
        let id = handle.order;
        if let Some(waiting) = self.waiting(self.caller, id).copied() {
            return self.replace_waiting(&waiting, price, qty);
        }
        match self.own_working(self.caller, id).copied() {
            Some(order) => self.replace_working(&order, price, qty),
            None => self.refuse_ended(id, price, qty),
        }
    }

    /// Refuses to replace what has ended, or never was the caller's.
    fn refuse_ended(&mut self, id: OrderId, price: f64, qty: f64) -> OrderHandle {
        let known = self.orders.order(id).copied();
        let request = OrderRequest {
            market: known.map_or(InstrumentId::NONE, |order| order.instrument),
            side: known.map_or(Side::Buy, |order| order.side),
            qty,
            price: Some(price),
            flags: OrderFlags::NONE,
            reason: Note::EMPTY,
        };
        let asked = self.asked(&request);
        self.refuse(&request, asked, GateCode::BadOrder)
    }

    fn replace_working(&mut self, order: &Order, price: f64, qty: f64) -> OrderHandle {
        let request = OrderRequest {
            market: order.instrument,
            side: order.side,
            qty,
            price: Some(price),
            flags: order.flags,
            reason: order.note,
        };
        let asked = self.asked(&request);
        let Some(facts) = self.instrument(order.instrument).copied() else {
            return self.refuse(&request, asked, GateCode::Instrument);
        };
        let price = price_from_f64(price, order.side, &facts);
        let qty = price.and_then(|price| qty_from_f64(qty, price, &facts));
        let Some((price, qty)) = price.zip(qty).filter(|_| order.kind == OrderKind::Limit) else {
            return self.refuse(&request, asked, GateCode::BadOrder);
        };
        if qty == Qty::ZERO {
            return self.refuse(&request, asked, GateCode::SizeZero);
        }
        let leaves = self.is_leaving(order);
        if !leaves && price == order.price && qty == order.working_qty() {
            return sent(order.id);
        }
        let next = Waiting {
            id: OrderId::NONE,
            market: order.instrument,
            side: order.side,
            qty,
            flags: order.flags,
            trigger: Trigger::After {
                order: order.id,
                filled: order.filled,
                price,
            },
            is_quote: self.is_quote(order.id),
            asked,
            placed: self.now,
            hit: None,
        };
        let Some(id) = self.hold_after(&next) else {
            return self.refuse(&request, asked, GateCode::Capacity);
        };
        if !leaves {
            let reason = OrderReason::CancelledByStrategy;
            self.staged.push(Staged::Cancel(order.id, reason));
        }
        sent(id)
    }

    /// Has one order follow another, in place of what followed it before.
    fn hold_after(&mut self, next: &Waiting) -> Option<OrderId> {
        let Trigger::After { order, .. } = next.trigger else {
            return self.hold(next);
        };
        let follows = |waiting: &Waiting| waiting.follows(order);
        let held = self.held_mut(self.caller)?;
        if let Some(known) = held.waiting.iter_mut().find(|waiting| follows(waiting)) {
            *known = Waiting {
                id: known.id,
                placed: known.placed,
                ..*next
            };
            return Some(known.id);
        }
        let id = self.hold(next)?;
        let held = self.held_mut(self.caller)?;
        for quote in held.quotes.iter_mut().filter(|quote| quote.order == order) {
            quote.next = id;
        }
        Some(id)
    }

    fn replace_waiting(&mut self, waiting: &Waiting, price: f64, qty: f64) -> OrderHandle {
        let request = OrderRequest {
            market: waiting.market,
            side: waiting.side,
            qty,
            price: Some(price),
            flags: waiting.flags,
            reason: waiting.asked.reason,
        };
        let asked = self.asked(&request);
        let Some(facts) = self.instrument(waiting.market).copied() else {
            return self.refuse(&request, asked, GateCode::Instrument);
        };
        // Stops and limits round in the same direction.
        let price = price_from_f64(price, waiting.side, &facts);
        let qty = price.and_then(|price| qty_from_f64(qty, price, &facts));
        let trigger = price.and_then(|price| waiting.trigger.at(price));
        let Some((trigger, qty)) = trigger.zip(qty) else {
            return self.refuse(&request, asked, GateCode::BadOrder);
        };
        if qty == Qty::ZERO {
            return self.refuse(&request, asked, GateCode::SizeZero);
        }
        let moved = Waiting {
            trigger,
            qty,
            asked,
            ..*waiting
        };
        if let Some(held) = self.held_mut(self.caller)
            && let Some(place) = held.waiting.iter_mut().find(|other| other.id == waiting.id)
        {
            *place = moved;
        }
        if moved.is_stop() {
            self.note_stop(&moved);
        }
        sent(waiting.id)
    }

    /// Asks for the cancel of an order of the caller, or forgets it where it was not sent yet; with it goes what
    /// should have followed it.
    pub(super) fn cancel_own(&mut self, id: OrderId) {
        let reason = OrderReason::CancelledByStrategy;
        self.drop_waiting(self.caller, reason, |waiting| {
            waiting.id == id || waiting.follows(id)
        });
        if self.own_working(self.caller, id).is_some() {
            self.staged.push(Staged::Cancel(id, reason));
        }
    }

    /// Compares all that is held in a market with a deal, before it is told to anybody.
    pub(crate) fn see_trade(&mut self, market: InstrumentId, price: Price) {
        self.see_held(market, Seen::Trade(price));
    }

    /// Compares all that is held in a market with its proven touch.
    #[inline]
    pub(crate) fn see_touch(&mut self, market: InstrumentId) {
        if self.seats.iter().any(|seat| seat.held.is_watching())
            && let Some(seen) = self.touch_seen(market)
        {
            self.see_held(market, seen);
        }
    }

    fn see_held(&mut self, market: InstrumentId, seen: Seen) {
        for strategy in self.strategies() {
            if self.held(strategy).is_some_and(super::Held::is_watching) {
                self.see_protections(strategy, market, seen);
                self.see_waiting(strategy, market, seen);
            }
        }
    }

    /// Returns the touch of a proven book.
    pub(super) fn touch_seen(&self, market: InstrumentId) -> Option<Seen> {
        let book = &self.market_of(market)?.book;
        let touch = book.touch();
        book.is_proven().then_some(Seen::Touch {
            bid: touch.bid.map(|level| level.price),
            ask: touch.ask.map(|level| level.price),
        })
    }

    /// Compares stops with what the market showed. Marks only: see [`Floor::work_waiting`].
    fn see_waiting(&mut self, strategy: StrategyId, market: InstrumentId, seen: Seen) {
        let now = self.now;
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        for waiting in &mut seat.held.waiting {
            if waiting.market != market || !waiting.is_stop() || waiting.hit.is_some() {
                continue;
            }
            if let Trigger::Trailing { best, .. } = &mut waiting.trigger {
                follow(best, waiting.side, seen);
            }
            let stop = waiting.price();
            if stop.is_some_and(|stop| is_hit(waiting.side, stop, seen)) {
                waiting.hit = Some(now);
            }
        }
    }

    /// Sends what waited long enough.
    pub(super) fn work_waiting(&mut self, strategy: StrategyId) {
        let mut index = 0;
        while let Some(waiting) = self
            .held(strategy)
            .and_then(|held| held.waiting.get(index))
            .copied()
        {
            let step = self.step_of(strategy, &waiting);
            if !matches!(step, Step::Wait) {
                self.forget_guarded(strategy, waiting.id);
            }
            match step {
                Step::Wait => index += 1,
                Step::Drop(reason) => {
                    self.forget_waiting(strategy, index);
                    self.tell_dropped(strategy, &waiting, reason);
                }
                Step::Send(qty) => {
                    if let Some(seat) = self.seats.get_mut(strategy.index()) {
                        seat.held.waiting.remove(index);
                    }
                    self.send_waiting(strategy, &Waiting { qty, ..waiting });
                }
            }
        }
    }

    /// Says how an order that waits goes on.
    fn step_of(&self, strategy: StrategyId, waiting: &Waiting) -> Step {
        let Trigger::After { order, filled, .. } = waiting.trigger else {
            return self.stop_step(strategy, waiting);
        };
        let before = self.orders.order(order);
        if before.is_some_and(Order::is_working) {
            return Step::Wait;
        }
        let more = before.map_or(0, |before| before.filled.0.saturating_sub(filled.0));
        let step = self
            .instrument(waiting.market)
            .map_or(1, |facts| facts.step.0.max(1));
        let left = waiting.qty.0.saturating_sub(more);
        let qty = Qty(left - left.rem_euclid(step));
        match qty.0 > 0 {
            true => Step::Send(qty),
            false => Step::Drop(OrderReason::CancelledByEngine),
        }
    }

    fn stop_step(&self, strategy: StrategyId, waiting: &Waiting) -> Step {
        let Some(hit) = waiting.hit else {
            return Step::Wait;
        };
        let market = waiting.market;
        let is_proven = self
            .market_of(market)
            .is_some_and(|market| market.book.is_proven());
        // An exit on a stale book waits, then goes beyond the last proven price (SPEC 6); an entry is denied.
        if is_proven || !waiting.only_reduces() || self.held_side(strategy, market).is_none() {
            return Step::Send(waiting.qty);
        }
        match self.now.since(hit) < STALE_WAIT_MAX {
            true => Step::Wait,
            false => Step::Send(waiting.qty),
        }
    }

    fn send_waiting(&mut self, strategy: StrategyId, waiting: &Waiting) {
        let intent = self.waiting_intent(strategy, waiting);
        let mut asked = waiting.asked;
        asked.reason = self.waiting_reason(waiting);
        let id = waiting.id;
        let mut handle = sent(id);
        self.act_as(strategy, |floor| handle = floor.submit(id, &intent, asked));
        let is_sent = handle.denied == GateCode::Ok;
        self.quote_followed(strategy, id, if is_sent { id } else { OrderId::NONE });
        if !is_sent {
            self.tell_denied(strategy, waiting, handle.denied);
        }
    }

    fn waiting_intent(&mut self, strategy: StrategyId, waiting: &Waiting) -> Intent {
        let market = waiting.market;
        let is_proven = self
            .market_of(market)
            .is_some_and(|market| market.book.is_proven());
        let limit = match waiting.trigger {
            Trigger::After { price, .. } => Some(price),
            _ if is_proven || !waiting.only_reduces() => None,
            _ => self.blind_price_told(strategy, market, waiting.side),
        };
        Intent {
            strategy,
            instrument: market,
            side: waiting.side,
            kind: match limit {
                Some(_) => OrderKind::Limit,
                None => OrderKind::Market,
            },
            flags: waiting.flags,
            qty: waiting.qty,
            price: limit.unwrap_or(Price(0)),
            purpose: Purpose::Order,
        }
    }

    /// Returns why the order is sent: what it waited for, and the strategy's own words.
    fn waiting_reason(&self, waiting: &Waiting) -> Note {
        let reason = waiting.asked.reason;
        let colon = if reason.is_empty() { "" } else { ": " };
        let price = waiting.price().unwrap_or(Price(0));
        let price = self.price_amount(waiting.market, price);
        match waiting.trigger {
            Trigger::Stop(_) => Note::format(format_args!("stop {price}{colon}{reason}")),
            Trigger::Trailing { .. } => {
                Note::format(format_args!("trailing stop {price}{colon}{reason}"))
            }
            Trigger::After { .. } => reason,
        }
    }

    fn note_stop(&mut self, waiting: &Waiting) {
        let (id, side, qty) = (waiting.id, waiting.side.as_str(), waiting.asked.qty);
        let market = waiting.market;
        let text = match waiting.trigger {
            Trigger::Trailing { distance, .. } => {
                let distance = self.price_amount(market, distance);
                Note::format(format_args!("holds {id}: {side} {qty}, {distance} behind"))
            }
            _ => {
                let stop = self.price_amount(market, waiting.price().unwrap_or(Price(0)));
                Note::format(format_args!("holds {id}: {side} {qty} at stop {stop}"))
            }
        };
        self.note_engine(self.caller, market, text);
    }

    fn is_quote(&self, order: OrderId) -> bool {
        self.held(self.caller)
            .is_some_and(|held| held.quotes.iter().any(|quote| quote.order == order))
    }
}

impl Waiting {
    /// Returns whether it waits for the end of this order.
    pub(super) fn follows(&self, id: OrderId) -> bool {
        matches!(self.trigger, Trigger::After { order, .. } if order == id)
    }
}

impl Trigger {
    /// Returns the trigger at another price; a trailing stop has none of its own.
    fn at(self, price: Price) -> Option<Self> {
        match self {
            Self::Stop(_) => Some(Self::Stop(price)),
            Self::Trailing { .. } => None,
            Self::After { order, filled, .. } => Some(Self::After {
                order,
                filled,
                price,
            }),
        }
    }
}

/// Returns whether an order on `side` that waits for `stop` goes off: at a deal at the stop or beyond it, or where
/// the whole book stands there, so that every deal would be.
pub(super) fn is_hit(side: Side, stop: Price, seen: Seen) -> bool {
    match (side, seen) {
        (Side::Sell, Seen::Trade(price)) => price <= stop,
        (Side::Buy, Seen::Trade(price)) => price >= stop,
        (Side::Sell, Seen::Touch { ask, .. }) => ask.is_some_and(|ask| ask <= stop),
        (Side::Buy, Seen::Touch { bid, .. }) => bid.is_some_and(|bid| bid >= stop),
    }
}

/// Moves the best price that a trailing stop has seen: the highest for a sell, the lowest for a buy.
fn follow(best: &mut Option<Price>, side: Side, seen: Seen) {
    let price = match (side, seen) {
        (_, Seen::Trade(price)) => Some(price),
        (Side::Sell, Seen::Touch { bid, .. }) => bid,
        (Side::Buy, Seen::Touch { ask, .. }) => ask,
    };
    *best = match (*best, price, side) {
        (Some(best), Some(price), Side::Sell) => Some(best.max(price)),
        (Some(best), Some(price), Side::Buy) => Some(best.min(price)),
        (best, price, _) => best.or(price),
    };
}
