//! From a strategy's wish to an approved order: rounding, measuring, the gate, the record.
//!
//! Called by the desk during a handler call and by the engine for its own exits. Orders enter the
//! table at once, so that the next order of the same call is measured against them; they leave the
//! floor when the call is committed.

use super::{Floor, Staged};
use crate::convert::{asked, price_from_f64, qty_from_f64};
use crate::market::BookView;
use crate::order::{Order, OrderStamp, Reservation};
use crate::probe::Part;
use crate::risk::funds::{funds_currency, room_without_margin};
use crate::risk::{
    Answer, Approved, DataFacts, GateInputs, Intent, MarketPrices, Purpose, RateWindow, Rates,
    Ruling, Scope, StrategyFacts, funds_needed,
};
use crate::strategy::{OrderHandle, OrderRequest};
use claire_types::record::{Decision, NewOrder, Verdict};
use claire_types::{
    Amount, GateCode, Instrument, InstrumentId, Liquidity, Note, OrderFlags, OrderId, OrderKind,
    OrderReason, Price, Qty, Record, Side, StrategyId,
};
use serde::{Deserialize, Serialize};

/// What was asked for, before rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub qty: Amount,
    pub price: Amount,
    pub reason: Note,
}

/// How the engine exits a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit {
    /// Limit price; `None` for a market order.
    pub price: Option<Price>,
    /// Closes no more than this.
    pub most: Qty,
    /// Flags beside REDUCE_ONLY.
    pub flags: OrderFlags,
    pub purpose: Purpose,
    pub reason: Note,
}

impl Exit {
    /// Returns a closing at the market.
    pub(super) const fn at_market(reason: Note) -> Self {
        Self {
            price: None,
            most: Qty(i64::MAX),
            flags: OrderFlags::NONE,
            purpose: Purpose::Flatten,
            reason,
        }
    }
}

impl Floor {
    /// Takes a strategy's request through rounding and gate.
    pub(super) fn request(&mut self, request: &OrderRequest, purpose: Purpose) -> OrderHandle {
        let asked = self.asked(request);
        let Some(facts) = self.instrument(request.market).copied() else {
            return self.refuse(request, asked, GateCode::Instrument);
        };
        if !self.portfolio.has_place(request.market) {
            return self.refuse(request, asked, GateCode::Capacity);
        }
        let kind = if request.price.is_some() {
            OrderKind::Limit
        } else {
            OrderKind::Market
        };
        let valued_at = self.mid_price(request.market).unwrap_or(Price(0));
        let price = match request.price {
            Some(price) => price_from_f64(price, request.side, &facts),
            None => Some(Price(0)),
        };
        let valued_at = if kind == OrderKind::Limit {
            price.unwrap_or(valued_at)
        } else {
            valued_at
        };
        let (Some(price), Some(qty)) = (price, qty_from_f64(request.qty, valued_at, &facts)) else {
            return self.refuse(request, asked, GateCode::BadOrder);
        };
        if !request.flags.is_consistent()
            || (kind == OrderKind::Market && request.flags.has(OrderFlags::POST_ONLY))
        {
            return self.refuse(request, asked, GateCode::BadOrder);
        }
        if qty == Qty::ZERO {
            return self.refuse(request, asked, GateCode::SizeZero);
        }
        let intent = Intent {
            strategy: self.caller,
            instrument: request.market,
            side: request.side,
            kind,
            flags: request.flags,
            qty,
            price,
            purpose,
        };
        let id = self.next_order_id();
        self.submit(id, &intent, asked)
    }

    /// Returns what a request asks for, before rounding.
    pub(super) fn asked(&self, request: &OrderRequest) -> Asked {
        Asked {
            qty: asked(request.qty),
            price: request.price.map_or(Amount::ZERO, asked),
            reason: self.reason_or_signal(request.reason),
        }
    }

    /// Closes what the strategy holds in the market with a market order, after its entries are cancelled.
    pub(super) fn close(&mut self, market: InstrumentId, reason: Note) -> OrderHandle {
        for side in [Side::Buy, Side::Sell] {
            self.cancel_entries(market, side, OrderReason::CancelledByStrategy);
        }
        self.drop_waiting(self.caller, OrderReason::CancelledByStrategy, |waiting| {
            waiting.market == market
        });
        let has_resting = self.stage_resting_exits(market);
        // What is being closed goes on by itself: a second exit beside it would close what came later.
        if self.is_closing(self.caller, market) {
            return OrderHandle::NONE;
        }
        let Some(part) = self.part_to_close(market) else {
            return OrderHandle::NONE;
        };
        let is_proven = self
            .market_of(market)
            .is_some_and(|market| market.book.is_proven());
        if !is_proven {
            // Nothing can be matched now: the exit goes as soon as the book is proven, or after 2 s.
            self.begin_closing(self.caller, market, part, reason);
            return OrderHandle::NONE;
        }
        // What works on the side of the exit is in the way until its cancel is through: the rest goes then.
        let is_hindered = has_resting || self.is_exit_side_busy(market);
        let exit = self.exit(market, reason);
        if is_hindered || exit.order != OrderId::NONE {
            // What the venue does not fill is sent again.
            self.begin_closing(self.caller, market, part.with_exit(exit.order), reason);
        }
        exit
    }

    /// Returns whether orders of the caller work on the side that closes what it holds.
    fn is_exit_side_busy(&self, market: InstrumentId) -> bool {
        let side = self.portfolio.position(self.caller, market).closing_side();
        let working = self.orders.strategy_working(self.caller, market);
        side.is_some_and(|side| working.on(side) > Qty::ZERO)
    }

    /// Asks for the cancel of the caller's resting exits in a market; tells whether there was one.
    fn stage_resting_exits(&mut self, market: InstrumentId) -> bool {
        self.stage_cancels(OrderReason::CancelledByStrategy, |order| {
            order.instrument == market && order.is_exit && order.price.0 > 0
        })
    }

    /// Sends the exit of what the caller holds, less working exits, at the market.
    pub(super) fn exit(&mut self, market: InstrumentId, reason: Note) -> OrderHandle {
        self.exit_with(market, &Exit::at_market(reason))
    }

    /// Sends the exit of what the caller holds, less all that works on its side, which is cancelled.
    ///
    /// What works may have been filled already without our knowing it. An exit of the engine's is therefore small
    /// enough for the position whatever becomes of the rest; what that leaves is for the next try.
    pub(super) fn exit_with(&mut self, market: InstrumentId, exit: &Exit) -> OrderHandle {
        let position = *self.portfolio.position(self.caller, market);
        let Some(side) = position.closing_side() else {
            return OrderHandle::NONE;
        };
        let room = self.room_to_close(self.caller, market, side).min(exit.most);
        self.clear_exit_side(market, side);
        let Some(facts) = self.instrument(market) else {
            return OrderHandle::NONE;
        };
        let qty = Qty(room.0 - room.0 % facts.step.0.max(1));
        if qty.0 <= 0 {
            return OrderHandle::NONE;
        }
        let (price_digits, qty_digits) = (facts.scale.price_digits, facts.scale.qty_digits);
        let amount = |units: i64, digits| {
            Amount::from_fixed(i128::from(units), digits).unwrap_or(Amount::ZERO)
        };
        let asked = Asked {
            qty: amount(qty.0, qty_digits),
            price: exit
                .price
                .map_or(Amount::ZERO, |price| amount(price.0, price_digits)),
            reason: exit.reason,
        };
        let intent = Intent {
            qty,
            ..self.exit_intent(market, side, exit)
        };
        let id = self.next_order_id();
        self.submit(id, &intent, asked)
    }

    /// Returns how much an order on `side` closes for sure, whatever of the strategy's orders there is filled first.
    pub(super) fn room_to_close(
        &self,
        strategy: StrategyId,
        market: InstrumentId,
        side: Side,
    ) -> Qty {
        let held = self.portfolio.position(strategy, market).qty.0;
        let held = held.saturating_mul(-side.sign());
        let working = self.orders.strategy_working(strategy, market).on(side);
        Qty(held.saturating_sub(working.0).max(0))
    }

    /// Takes the caller's entries on the side of an exit along, those at the venue and those that wait for it.
    pub(super) fn clear_exit_side(&mut self, market: InstrumentId, side: Side) {
        let reason = OrderReason::CancelledByEngine;
        self.cancel_entries(market, side, reason);
        self.drop_waiting(self.caller, reason, |waiting| {
            waiting.market == market && waiting.side == side && !waiting.is_stop()
        });
    }

    /// Asks for the cancel of every working entry of the caller on a side of a market.
    fn cancel_entries(&mut self, market: InstrumentId, side: Side, reason: OrderReason) {
        self.stage_cancels(reason, |order| {
            order.instrument == market && order.side == side && !order.is_exit
        });
    }

    /// Asks for the cancel of the caller's working orders that are meant; tells whether there was one.
    pub(super) fn stage_cancels(
        &mut self,
        reason: OrderReason,
        is_meant: impl Fn(&Order) -> bool,
    ) -> bool {
        let staged = self.staged.len();
        let own = self.orders.working_of(self.caller);
        let meant = own.filter(|order| is_meant(order));
        self.staged
            .extend(meant.map(|order| Staged::Cancel(order.id, reason)));
        self.staged.len() > staged
    }

    /// Sends the cancel of all working orders that are meant, in the order of their ids.
    pub(super) fn send_cancels(
        &mut self,
        reason: OrderReason,
        mut is_meant: impl FnMut(&Self, &Order) -> bool,
    ) {
        let mut ids = std::mem::take(&mut self.scratch_ids);
        ids.clear();
        let meant = self.orders.working().filter(|order| is_meant(self, order));
        ids.extend(meant.map(|order| order.id));
        for id in &ids {
            self.send_cancel(*id, reason);
        }
        self.scratch_ids = ids;
    }

    /// Takes an order of the caller through the gate under this id.
    pub(super) fn submit(&mut self, id: OrderId, intent: &Intent, asked: Asked) -> OrderHandle {
        self.probe.enter(Part::Risk);
        let ruling = self.judge(intent);
        self.record_decision(id, intent, &asked, &ruling.answer);
        let handle = match ruling.order {
            None => {
                self.count_denial(intent.strategy, ruling.answer.code);
                OrderHandle {
                    order: id,
                    denied: ruling.answer.code,
                }
            }
            Some(approved) => self.add_order(id, approved, &asked),
        };
        self.probe.enter(Part::Strategy);
        handle
    }

    fn judge(&self, intent: &Intent) -> Ruling {
        let facts = self.instrument(intent.instrument);
        let is_known = intent.strategy == StrategyId::NONE || self.seat(intent.strategy).is_some();
        let money = facts.map(|facts| funds_currency(facts, intent.side));
        let limits = self.gate.limits();
        let inputs = GateInputs {
            is_killed: self.killed,
            mode_sends: Some(self.mode_sends()),
            account_state: Some(self.state.account()),
            strategy_state: self.state.strategy(intent.strategy),
            strategy: is_known.then(|| self.strategy_facts(intent.strategy)),
            instrument: facts,
            data: self.data_facts(intent.instrument),
            prices: MarketPrices {
                reference: self.reference(intent.instrument),
                worst: self.worst_price(intent),
            },
            quote_rate: facts.and_then(|facts| self.portfolio.rate(facts.quote)),
            equity: self.portfolio.equity(),
            account: self.scope(StrategyId::NONE, intent.instrument),
            owner: self.scope(intent.strategy, intent.instrument),
            orders_open: self.orders.working_count(),
            positions_open_beside: self.positions_open_beside(intent.instrument),
            rates: self.rates_of(intent.strategy),
            funds_free: money.and_then(|currency| {
                let reserved = self.orders.reserved(currency);
                self.portfolio.free(currency, reserved, limits.margin_share)
            }),
            fee_share: self.fees.share(intent.instrument, Liquidity::Taker),
            own_opposite: self.orders.best_resting(
                intent.instrument,
                intent.side.opposite(),
                |id| self.is_cancel_staged(id),
            ),
        };
        self.gate.check(intent, &inputs)
    }

    /// Returns whether the call that runs asked for the order's cancel already.
    pub(super) fn is_cancel_staged(&self, id: OrderId) -> bool {
        self.staged
            .iter()
            .any(|step| matches!(step, Staged::Cancel(staged, _) if *staged == id))
    }

    fn add_order(&mut self, id: OrderId, approved: Approved<Intent>, asked: &Asked) -> OrderHandle {
        let (intent, is_exit) = (*approved.value(), approved.is_exit());
        let stamp = OrderStamp {
            id,
            placed: self.now,
            sent: self.venue_now(intent.instrument),
            arrival_mid: self.mid(intent.instrument).unwrap_or(Amount::ZERO),
            reservation: self.reservation(&intent),
            note: asked.reason,
        };
        if self.orders.add(approved, &stamp).is_err() {
            return OrderHandle {
                order: id,
                denied: GateCode::Capacity,
            };
        }
        let record = Record::Order(NewOrder {
            order: id,
            side: intent.side,
            kind: intent.kind,
            flags: intent.flags,
            qty: intent.qty,
            price: intent.price,
            arrival_mid: stamp.arrival_mid,
            reason: asked.reason,
        });
        self.outputs
            .emit(intent.strategy, intent.instrument, &record);
        self.tally(intent.strategy, |tally| tally.orders += 1);
        if is_exit {
            // Both together would take the position past zero; the cancels reach the venue first.
            self.clear_exit_side(intent.instrument, intent.side);
        }
        self.staged.push(Staged::Place(id));
        self.note_rate(id);
        self.keep_numbers(intent.instrument);
        self.refresh_holding(intent.strategy, intent.instrument);
        OrderHandle {
            order: id,
            denied: GateCode::Ok,
        }
    }

    fn record_decision(&mut self, id: OrderId, intent: &Intent, asked: &Asked, answer: &Answer) {
        let record = Record::Decision(Decision {
            order: id,
            verdict: answer.verdict,
            code: answer.code,
            limit: answer.limit,
            measured: answer.measured,
            side: intent.side,
            qty: intent.qty,
            price: intent.price,
            price_asked: asked.price,
            qty_asked: asked.qty,
        });
        self.outputs
            .emit(intent.strategy, intent.instrument, &record);
    }

    /// Records the denial of what is no order.
    pub(super) fn refuse(
        &mut self,
        request: &OrderRequest,
        asked: Asked,
        code: GateCode,
    ) -> OrderHandle {
        let id = self.next_order_id();
        let record = Record::Decision(Decision {
            order: id,
            verdict: Verdict::Denied,
            code,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            side: request.side,
            qty: Qty::ZERO,
            price: Price(0),
            price_asked: asked.price,
            qty_asked: asked.qty,
        });
        self.outputs.emit(self.caller, request.market, &record);
        self.count_denial(self.caller, code);
        OrderHandle {
            order: id,
            denied: code,
        }
    }

    /// Returns the reason, or the last signal's where there is none.
    pub(super) fn reason_or_signal(&self, reason: Note) -> Note {
        if !reason.is_empty() {
            return reason;
        }
        let signal = self.seat(self.caller).and_then(|seat| seat.signal);
        signal.map_or(Note::EMPTY, |(_, _, reason)| reason)
    }

    pub(super) fn next_order_id(&mut self) -> OrderId {
        self.order_number += 1;
        OrderId::new(self.config.epoch, self.order_number)
    }

    fn reservation(&self, intent: &Intent) -> Reservation {
        let Some(facts) = self.instrument(intent.instrument) else {
            return Reservation::NONE;
        };
        let price = self.worst_price(intent).unwrap_or(intent.price);
        let reduces = room_without_margin(
            &self.scope(StrategyId::NONE, intent.instrument),
            intent.side,
        );
        let fee = self
            .fees
            .share(intent.instrument, Liquidity::Taker)
            .unwrap_or(Amount::ZERO);
        let share = self.gate.limits().margin_share;
        funds_needed(facts, intent, price, reduces, share, fee).map_or(Reservation::NONE, |need| {
            Reservation {
                currency: need.currency,
                amount: need.amount,
            }
        })
    }

    pub(super) fn strategy_facts(&self, strategy: StrategyId) -> StrategyFacts {
        let seat = self.seat(strategy);
        StrategyFacts {
            is_paused: seat.is_some_and(|seat| !seat.may_trade()),
            is_cooling: false,
            is_warm: seat.is_none_or(super::seat::Seat::is_warm),
            allocation: Amount::ONE,
        }
    }

    fn data_facts(&self, market: InstrumentId) -> Option<DataFacts> {
        let market = self.market_of(market)?;
        let heard = self.heard(market.instrument.key.venue);
        Some(DataFacts {
            is_proven: market.book.is_proven(),
            silent: self.now.since(heard),
            quiet: self.now.since(market.changed),
            venue_silent: self.now.since(heard),
        })
    }

    /// Returns the limit price, or the worst price that a market order would take of the merged book.
    fn worst_price(&self, intent: &Intent) -> Option<Price> {
        if intent.kind == OrderKind::Limit {
            return Some(intent.price);
        }
        let market = self.market_of(intent.instrument)?;
        let (mut left, mut worst) = (intent.qty.0, None);
        market.book.walk(intent.side.opposite(), &mut |level| {
            left = left.saturating_sub(level.qty.0);
            worst = Some(level.price);
            left > 0
        });
        worst.filter(|_| left <= 0)
    }

    /// Returns what a strategy, or with [`StrategyId::NONE`] the account, holds and works.
    pub(super) fn scope(&self, strategy: StrategyId, market: InstrumentId) -> Scope {
        let (position, working) = match strategy {
            StrategyId::NONE => (
                self.portfolio.net(market),
                self.orders.account_working(market),
            ),
            known => {
                let working = self.orders.strategy_working(known, market);
                (self.portfolio.position(known, market), working)
            }
        };
        Scope {
            position: position.qty,
            working,
            exposure_beside: self.exposure_beside(strategy, market),
        }
    }

    /// Returns the projected notionals of all other instruments in account currency.
    fn exposure_beside(&self, strategy: StrategyId, market: InstrumentId) -> Option<Amount> {
        let mut sum = Amount::ZERO;
        for other in self.markets.iter().map(|market| market.instrument.id) {
            if other == market {
                continue;
            }
            let (position, working) = match strategy {
                StrategyId::NONE => (
                    self.portfolio.net(other),
                    self.orders.account_working(other),
                ),
                known => {
                    let working = self.orders.strategy_working(known, other);
                    (self.portfolio.position(known, other), working)
                }
            };
            let long = position.qty.checked_add(working.buy)?;
            let short = position.qty.checked_sub(working.sell)?;
            sum = sum.checked_add(
                self.portfolio
                    .notional(other, long.abs().max(short.abs()))?,
            )?;
        }
        Some(sum)
    }

    fn positions_open_beside(&self, market: InstrumentId) -> u32 {
        let is_open = |other: InstrumentId| {
            let working = self.orders.account_working(other);
            other != market
                && (self.portfolio.net(other).qty != Qty::ZERO
                    || working.buy != working.exit_buy
                    || working.sell != working.exit_sell)
        };
        let open = self
            .markets
            .iter()
            .filter(|market| is_open(market.instrument.id))
            .count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    fn rates_of(&self, strategy: StrategyId) -> Rates {
        let (now, window) = (self.now, self.rates.get(strategy.index()));
        let Some((orders, exits)) = window else {
            return Rates::default();
        };
        Rates {
            second: orders.second(now),
            minute: orders.minute(now),
            exits_second: exits.second(now),
        }
    }

    fn note_rate(&mut self, id: OrderId) {
        let now = self.now;
        if let Some(window) = self.rate_window(id) {
            window.note(now);
        }
    }

    /// Lets the place of an order in the rates stand: it is sent.
    pub(super) fn settle_rate(&mut self, id: OrderId) {
        let now = self.now;
        if let Some(window) = self.rate_window(id) {
            window.settle(now);
        }
    }

    /// Returns the window that the order counts in: its strategy's orders, or its exits.
    fn rate_window(&mut self, id: OrderId) -> Option<&mut RateWindow> {
        let order = *self.orders.order(id)?;
        self.rate_window_of(&order)
    }

    /// Returns the window that an order counts in.
    pub(super) fn rate_window_of(&mut self, order: &Order) -> Option<&mut RateWindow> {
        let (orders, exits) = self.rates.get_mut(order.strategy.index())?;
        Some(if order.is_exit { exits } else { orders })
    }

    /// Returns the instrument's facts.
    pub(super) fn instrument(&self, market: InstrumentId) -> Option<&Instrument> {
        self.market_of(market).map(|market| &market.instrument)
    }
}
