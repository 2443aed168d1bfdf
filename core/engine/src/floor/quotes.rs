//! Quotes: one post-only order per side and level, replaced when its price has to move.
//!
//! Called by the desk during a handler's call, and by the engine when a book goes stale. A quote is replaced by
//! cancelling the order that stands and sending the next one once nothing of the old can fill any more: two are
//! never alive at once. What the old one fills in between is taken off the next.

use super::held::{QUOTES_MAX, Quote, Trigger, Waiting};
use super::{Floor, Staged};
use crate::convert::{price_from_f64, qty_from_f64};
use crate::order::Order;
use crate::risk::Purpose;
use crate::strategy::{OrderHandle, OrderRequest, QuoteRequest};
use claire_types::{
    GateCode, InstrumentId, Note, OrderFlags, OrderId, OrderReason, OrderStatus, Price, Qty, Side,
    StrategyId,
};

impl Floor {
    /// Sees to it that the quote stands as asked.
    pub(super) fn keep_quote(&mut self, request: &QuoteRequest) -> OrderHandle {
        let place = self.quote_place(request.market, request.side, request.level);
        if request.qty == 0.0 {
            self.withdraw_quote(place);
            return OrderHandle::NONE;
        }
        let order = OrderRequest {
            market: request.market,
            side: request.side,
            qty: request.qty,
            price: Some(request.price),
            flags: OrderFlags::POST_ONLY,
            reason: self.quote_reason(request),
        };
        let asked = self.asked(&order);
        let Some(facts) = self.instrument(request.market).copied() else {
            return self.refuse(&order, asked, GateCode::Instrument);
        };
        let price = price_from_f64(request.price, request.side, &facts);
        let qty = price.and_then(|price| qty_from_f64(request.qty, price, &facts));
        let Some((price, qty)) = price.zip(qty) else {
            return self.refuse(&order, asked, GateCode::BadOrder);
        };
        if qty == Qty::ZERO {
            return self.refuse(&order, asked, GateCode::SizeZero);
        }
        let keep = facts
            .tick
            .0
            .max(1)
            .saturating_mul(i64::from(request.keep_ticks));
        let next = Waiting {
            id: OrderId::NONE,
            market: request.market,
            side: request.side,
            qty,
            flags: order.flags,
            trigger: Trigger::Stop(price),
            is_quote: true,
            asked,
            placed: self.now,
            hit: None,
        };
        let handle = match place.and_then(|place| self.standing(place)) {
            Some(standing) => self.move_quote(place, &standing, &next, (price, keep)),
            None if self.next_of(place).is_some() => self.follow_quote(place, &next, (price, keep)),
            None => self.first_quote(place, request, &order),
        };
        handle.unwrap_or_else(|| self.refuse(&order, asked, GateCode::Capacity))
    }

    /// Sends the quote of a side and level where none is alive; `None` where there is no room for one more.
    fn first_quote(
        &mut self,
        place: Option<usize>,
        request: &QuoteRequest,
        order: &OrderRequest,
    ) -> Option<OrderHandle> {
        let place = place.or_else(|| self.new_quote_place(request))?;
        let handle = self.request(order, Purpose::Order);
        if handle.denied == GateCode::Ok {
            self.change_quote(place, |quote| quote.order = handle.order);
        }
        Some(handle)
    }

    /// Leaves the standing order where it is near enough, else has it cancelled and followed.
    fn move_quote(
        &mut self,
        place: Option<usize>,
        standing: &Order,
        next: &Waiting,
        (price, keep): (Price, i64),
    ) -> Option<OrderHandle> {
        let leaves = self.is_leaving(standing);
        if !leaves && is_near(standing.price, price, keep) {
            self.drop_next(place);
            return Some(sent(standing.id));
        }
        let next = Waiting {
            trigger: Trigger::After {
                order: standing.id,
                filled: standing.filled,
                price,
            },
            ..*next
        };
        let handle = self.follow_quote(place, &next, (price, keep))?;
        if !leaves {
            let reason = OrderReason::CancelledByStrategy;
            self.staged.push(Staged::Cancel(standing.id, reason));
        }
        Some(handle)
    }

    /// Has the quote followed by this order, or moves what follows already; `None` where no more can wait.
    fn follow_quote(
        &mut self,
        place: Option<usize>,
        next: &Waiting,
        (price, keep): (Price, i64),
    ) -> Option<OrderHandle> {
        let known = self.next_of(place);
        let known = known.and_then(|id| self.waiting(self.caller, id)).copied();
        if let Some(known) = known {
            let is_kept = known
                .price()
                .is_some_and(|known| is_near(known, price, keep));
            if !is_kept {
                self.move_next(&known, next, price);
            }
            return Some(sent(known.id));
        }
        let id = self.hold(next)?;
        self.change_quote(place?, |quote| quote.next = id);
        Some(sent(id))
    }

    /// Gives what follows a quote another price and quantity; the order that it waits for stays.
    fn move_next(&mut self, known: &Waiting, next: &Waiting, price: Price) {
        let trigger = match (known.trigger, next.trigger) {
            (_, known_now @ Trigger::After { .. }) => known_now,
            (Trigger::After { order, filled, .. }, _) => Trigger::After {
                order,
                filled,
                price,
            },
            (other, _) => other,
        };
        let moved = Waiting {
            id: known.id,
            trigger,
            placed: known.placed,
            ..*next
        };
        if let Some(held) = self.held_mut(self.caller)
            && let Some(waiting) = held.waiting.iter_mut().find(|other| other.id == known.id)
        {
            *waiting = moved;
        }
    }

    /// Asks for the cancel of what stands, and forgets what follows.
    fn withdraw_quote(&mut self, place: Option<usize>) {
        self.drop_next(place);
        if let Some(standing) = place.and_then(|place| self.standing(place))
            && !self.is_leaving(&standing)
        {
            let reason = OrderReason::CancelledByStrategy;
            self.staged.push(Staged::Cancel(standing.id, reason));
        }
    }

    fn drop_next(&mut self, place: Option<usize>) {
        if let Some(next) = self.next_of(place) {
            let reason = OrderReason::CancelledByStrategy;
            self.drop_waiting(self.caller, reason, |waiting| waiting.id == next);
        }
    }

    /// Withdraws every quote in a market whose book is not proven or too old.
    pub(super) fn withdraw_stale_quotes(&mut self, market: InstrumentId) {
        for strategy in self.strategies() {
            let mut index = 0;
            while let Some(quote) = self.held(strategy).and_then(|held| held.quotes.get(index)) {
                index += 1;
                if quote.market != market {
                    continue;
                }
                let (order, next) = (quote.order, quote.next);
                if next != OrderId::NONE {
                    let reason = OrderReason::CancelledByEngine;
                    self.drop_waiting(strategy, reason, |waiting| waiting.id == next);
                }
                if self.own_working(strategy, order).is_some() {
                    self.send_cancel(order, OrderReason::CancelledByEngine);
                }
            }
        }
    }

    /// Lets a quote know that what followed was sent or denied.
    pub(super) fn quote_followed(&mut self, strategy: StrategyId, id: OrderId, sent: OrderId) {
        let Some(held) = self.held_mut(strategy) else {
            return;
        };
        for quote in held.quotes.iter_mut().filter(|quote| quote.next == id) {
            quote.order = sent;
            quote.next = OrderId::NONE;
        }
    }

    fn quote_place(&self, market: InstrumentId, side: Side, level: u16) -> Option<usize> {
        let is_it =
            |quote: &Quote| quote.market == market && quote.side == side && quote.level == level;
        self.held(self.caller)?.quotes.iter().position(is_it)
    }

    /// Takes a free place, or that of a quote of which nothing is left.
    fn new_quote_place(&mut self, request: &QuoteRequest) -> Option<usize> {
        let fresh = Quote {
            market: request.market,
            side: request.side,
            level: request.level,
            order: OrderId::NONE,
            next: OrderId::NONE,
        };
        let (caller, orders) = (self.caller, &self.orders);
        let is_over = |quote: &Quote| {
            let order = orders.order(quote.order);
            quote.next == OrderId::NONE && !order.is_some_and(Order::is_working)
        };
        let over = self.held(caller)?.quotes.iter().position(is_over);
        let held = self.held_mut(caller)?;
        if held.quotes.len() < QUOTES_MAX {
            held.quotes.push(fresh);
            return Some(held.quotes.len() - 1);
        }
        *held.quotes.get_mut(over?)? = fresh;
        over
    }

    fn change_quote(&mut self, place: usize, change: impl FnOnce(&mut Quote)) {
        if let Some(held) = self.held_mut(self.caller)
            && let Some(quote) = held.quotes.get_mut(place)
        {
            change(quote);
        }
    }

    /// Returns the quote's order where it is alive.
    fn standing(&self, place: usize) -> Option<Order> {
        let quote = self.held(self.caller)?.quotes.get(place)?;
        self.own_working(self.caller, quote.order).copied()
    }

    fn next_of(&self, place: Option<usize>) -> Option<OrderId> {
        let quote = self.held(self.caller)?.quotes.get(place?)?;
        Some(quote.next).filter(|next| *next != OrderId::NONE)
    }

    /// Returns whether the order's cancel is on its way, or asked for by the running call.
    pub(super) fn is_leaving(&self, order: &Order) -> bool {
        order.status == OrderStatus::PendingCancel || self.is_cancel_staged(order.id)
    }

    fn quote_reason(&self, request: &QuoteRequest) -> Note {
        let reason = self.reason_or_signal(request.reason);
        let colon = if reason.is_empty() { "" } else { ": " };
        match request.level {
            0 => Note::format(format_args!("quote{colon}{reason}")),
            level => Note::format(format_args!("quote {level}{colon}{reason}")),
        }
    }
}

/// Returns the handle of an order that no check has stopped so far.
pub(super) const fn sent(order: OrderId) -> OrderHandle {
    OrderHandle {
        order,
        denied: GateCode::Ok,
    }
}

fn is_near(standing: Price, price: Price, keep: i64) -> bool {
    standing.0.saturating_sub(price.0).saturating_abs() <= keep
}
