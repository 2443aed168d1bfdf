//! What the engine holds for a strategy: its quotes, the protection of its positions, orders that wait.
//!
//! Part of the strategy's seat and of its snapshot; changed on the engine thread only. What a handler changes
//! here is saved before its first change and put back when the call fails. Holds no order of the venue's:
//! those are in the order table.

use super::Call;
use super::Floor;
use super::ordering::Asked;
use crate::convert::{price_to_f64, qty_to_f64};
use crate::order::Order;
use crate::strategy::{OrderHandle, OrderView};
use claire_types::record::{NoteKind, NoteRecord};
use claire_types::time::NS_PER_MS;
use claire_types::{
    GateCode, InstrumentId, Note, OrderFlags, OrderId, OrderReason, OrderStatus, Price, Qty,
    Record, Side, StrategyId, WallNs,
};
use serde::{Deserialize, Serialize};

/// Quotes that a strategy may have: both sides of 32 levels.
pub(super) const QUOTES_MAX: usize = 64;
/// Protections that a strategy may have: long and short in every market that it may look at.
pub(super) const PROTECTIONS_MAX: usize = 2 * super::seat::MARKETS_MAX;
/// Orders of a strategy that may wait in the engine: stops, and what follows a cancelled order.
pub(super) const WAITING_MAX: usize = 128;

/// All that is held for one strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) quotes: Vec<Quote>,
    pub(super) protections: Vec<Protection>,
    /// In the order of placing.
    pub(super) waiting: Vec<Waiting>,
}

/// The one order on a side and level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Quote {
    pub market: InstrumentId,
    pub side: Side,
    pub level: u16,
    /// The last one that was sent.
    pub order: OrderId,
    /// What follows it; [`OrderId::NONE`] where nothing waits.
    pub next: OrderId,
}

/// Stop and take profit of a position, one of which ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Protection {
    pub market: InstrumentId,
    /// Of a position that was bought, or sold.
    pub side: Side,
    pub stop: Price,
    pub take: Option<Price>,
    pub reason: Note,
    /// The position is there; before, this waits for the fill.
    pub is_armed: bool,
    /// The stop went off.
    pub is_hit: bool,
    /// And the closing began.
    pub is_closing: bool,
    /// The market pays the take profit's price.
    pub is_paid: bool,
    /// When the take profit may be sent next, and how often it was.
    pub due: WallNs,
    pub tries: u32,
    /// Not compared with the market yet.
    pub is_new: bool,
}

/// An order that is not sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Its id, now and when it is sent.
    pub id: OrderId,
    pub market: InstrumentId,
    pub side: Side,
    pub qty: Qty,
    pub flags: OrderFlags,
    pub trigger: Trigger,
    /// It follows a quote.
    pub is_quote: bool,
    pub asked: Asked,
    pub placed: WallNs,
    /// When the market reached its stop.
    pub hit: Option<WallNs>,
}

/// What an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Trigger {
    /// The market reaches this price.
    Stop(Price),
    /// The market comes so far back from the best price since.
    Trailing {
        distance: Price,
        best: Option<Price>,
    },
    /// Another order is final; then it goes as a limit order, less what that one fills from `filled` on.
    After {
        order: OrderId,
        filled: Qty,
        price: Price,
    },
}

impl Held {
    pub(super) fn new() -> Self {
        let mut held = Self::default();
        held.reserve_room();
        held
    }

    /// Takes the room again that a copy or what is read from a snapshot does not have.
    pub(super) fn reserve_room(&mut self) {
        let more = |max: usize, len: usize| max.saturating_sub(len);
        self.quotes.reserve(more(QUOTES_MAX, self.quotes.len()));
        self.protections
            .reserve(more(PROTECTIONS_MAX, self.protections.len()));
        self.waiting.reserve(more(WAITING_MAX, self.waiting.len()));
    }

    /// Becomes a copy of another, in the room that is there.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.quotes.clone_from(&other.quotes);
        self.protections.clone_from(&other.protections);
        self.waiting.clone_from(&other.waiting);
    }

    /// Returns whether anything has to be looked after.
    #[inline]
    pub(super) fn is_watching(&self) -> bool {
        !self.protections.is_empty() || !self.waiting.is_empty()
    }

    pub(super) fn find(&self, id: OrderId) -> Option<&Waiting> {
        self.waiting.iter().find(|waiting| waiting.id == id)
    }
}

impl Waiting {
    /// Returns the price that it is known by: its stop, or the limit that it will have. `None` where a
    /// trailing stop has seen no price yet.
    pub(super) fn price(&self) -> Option<Price> {
        match self.trigger {
            Trigger::Stop(price) | Trigger::After { price, .. } => Some(price),
            Trigger::Trailing { distance, best } => {
                let behind = distance.0.checked_mul(self.side.sign())?;
                best?.0.checked_add(behind).map(Price)
            }
        }
    }

    pub(super) fn is_stop(&self) -> bool {
        !matches!(self.trigger, Trigger::After { .. })
    }

    pub(super) fn only_reduces(&self) -> bool {
        self.flags.has(OrderFlags::REDUCE_ONLY)
    }
}

impl Floor {
    /// Returns what is held for a strategy, to be changed: by its running call it can be taken back.
    pub(super) fn held_mut(&mut self, strategy: StrategyId) -> Option<&mut Held> {
        let seat = self.seats.get_mut(strategy.index())?;
        if strategy == self.caller && !self.saved.has_held {
            self.saved.held.copy_from(&seat.held);
            self.saved.has_held = true;
        }
        Some(&mut seat.held)
    }

    /// Has an order of the caller wait, under an id of its own; `None` where no more can wait.
    pub(super) fn hold(&mut self, waiting: &Waiting) -> Option<OrderId> {
        let has_room = |held: &Held| held.waiting.len() < WAITING_MAX;
        if !self.held(self.caller).is_some_and(has_room) {
            return None;
        }
        let id = self.next_order_id();
        let held = self.held_mut(self.caller)?;
        held.waiting.push(Waiting { id, ..*waiting });
        Some(id)
    }

    /// Returns what is held for a strategy.
    pub(super) fn held(&self, strategy: StrategyId) -> Option<&Held> {
        self.seat(strategy).map(|seat| &seat.held)
    }

    /// Returns an order of a strategy that is not sent yet.
    pub(super) fn waiting(&self, strategy: StrategyId, id: OrderId) -> Option<&Waiting> {
        self.held(strategy)?.find(id)
    }

    /// Returns an order that is not sent yet, whoever it is of.
    pub(super) fn waiting_of_any(&self, id: OrderId) -> Option<&Waiting> {
        self.seats.iter().find_map(|seat| seat.held.find(id))
    }

    /// Acts on what is held for strategies. Called when no handler runs.
    #[inline]
    pub(crate) fn work_held(&mut self) {
        for strategy in self.strategies() {
            if self.held(strategy).is_some_and(Held::is_watching) {
                self.work_protections(strategy);
                self.work_waiting(strategy);
            }
        }
    }

    /// Forgets orders of a strategy that are not sent yet, and tells it.
    pub(super) fn drop_waiting(
        &mut self,
        strategy: StrategyId,
        reason: OrderReason,
        is_dropped: impl Fn(&Waiting) -> bool,
    ) {
        let mut index = 0;
        while let Some(waiting) = self.held(strategy).and_then(|held| held.waiting.get(index)) {
            if !is_dropped(waiting) {
                index += 1;
                continue;
            }
            let waiting = *waiting;
            self.forget_waiting(strategy, index);
            if reason != OrderReason::CancelledByStrategy {
                self.forget_guarded(strategy, waiting.id);
            }
            self.tell_dropped(strategy, &waiting, reason);
        }
    }

    /// Forgets them of every strategy.
    pub(super) fn drop_waiting_of_all(
        &mut self,
        reason: OrderReason,
        is_dropped: impl Fn(StrategyId, &Waiting) -> bool,
    ) {
        for strategy in self.strategies() {
            self.drop_waiting(strategy, reason, |waiting| is_dropped(strategy, waiting));
        }
    }

    /// Forgets the order at this place; a quote that it belongs to has nothing that follows then.
    pub(super) fn forget_waiting(&mut self, strategy: StrategyId, index: usize) {
        let Some(held) = self.held_mut(strategy) else {
            return;
        };
        if index >= held.waiting.len() {
            return;
        }
        let id = held.waiting.remove(index).id;
        for quote in held.quotes.iter_mut().filter(|quote| quote.next == id) {
            quote.next = OrderId::NONE;
        }
    }

    /// Tells a strategy, and for a stop or a replacement also the record, that an order was never sent.
    pub(super) fn tell_dropped(
        &mut self,
        strategy: StrategyId,
        waiting: &Waiting,
        reason: OrderReason,
    ) {
        // Quotes come and go all the time; what was not sent of them is no news.
        if !waiting.is_quote {
            let words = format_args!("{} is not sent: {reason}", waiting.id);
            self.note_engine(strategy, waiting.market, Note::format(words));
        }
        let view = OrderView {
            is_open: false,
            status: Some(OrderStatus::Cancelled),
            reason,
            ..self.waiting_view(waiting)
        };
        let call = Call::Order(strategy, waiting.market, view);
        self.tell(strategy, call);
    }

    /// Tells a strategy that an order which waited was denied when it should be sent.
    pub(super) fn tell_denied(&mut self, strategy: StrategyId, waiting: &Waiting, code: GateCode) {
        let view = OrderView {
            handle: OrderHandle {
                order: waiting.id,
                denied: code,
            },
            is_open: false,
            ..self.waiting_view(waiting)
        };
        let call = Call::Order(strategy, waiting.market, view);
        self.tell(strategy, call);
    }

    /// Returns what a strategy sees of an order that is not sent yet.
    pub(super) fn waiting_view(&self, waiting: &Waiting) -> OrderView {
        let handle = OrderHandle {
            order: waiting.id,
            denied: GateCode::Ok,
        };
        let Some(facts) = self.instrument(waiting.market) else {
            return OrderView {
                handle,
                ..OrderView::NONE
            };
        };
        let price = waiting.price().unwrap_or(Price(0));
        OrderView {
            handle,
            is_open: true,
            side: waiting.side,
            price: price_to_f64(price, facts),
            qty: qty_to_f64(waiting.qty, price, facts),
            age_ms: self.now.since(waiting.placed).0 / NS_PER_MS,
            ..OrderView::NONE
        }
    }

    /// Records words of the engine about what it holds for a strategy.
    pub(super) fn note_engine(&mut self, strategy: StrategyId, market: InstrumentId, text: Note) {
        let kind = NoteKind::Note;
        let record = Record::Note(NoteRecord { kind, text });
        self.outputs.emit(strategy, market, &record);
    }

    /// Returns a working order of a strategy.
    pub(super) fn own_working(&self, strategy: StrategyId, id: OrderId) -> Option<&Order> {
        self.orders
            .order(id)
            .filter(|order| order.is_working() && order.strategy == strategy)
    }

    /// Returns the side of the position that a strategy holds: `None` where less is held than can be ordered.
    pub(super) fn held_side(&self, strategy: StrategyId, market: InstrumentId) -> Option<Side> {
        let facts = self.instrument(market)?;
        let held = self.portfolio.position(strategy, market).qty.0;
        let least = facts.step.0.max(facts.qty_min.0).max(1);
        match held.saturating_abs() < least {
            true => None,
            false if held > 0 => Some(Side::Buy),
            false => Some(Side::Sell),
        }
    }
}
