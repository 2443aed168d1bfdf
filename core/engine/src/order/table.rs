//! The table of orders: all working ones, and the last final ones so that handles still answer.
//!
//! Called by the engine on the engine thread. Allocates only when it is made (and when a snapshot is
//! read back); a full table refuses. What an order adds to the sums leaves them with its last change.

use super::status::{self, Change, ChangeFault};
use super::sums::{Delta, Sums};
use super::{Order, Working};
use crate::config::TableLimits;
use crate::risk::{Approved, Intent};
use claire_types::{
    Amount, Currency, InstrumentId, Note, OrderFlags, OrderId, OrderKind, OrderReason, OrderStatus,
    Price, Qty, Side, StrategyId, VenueNs, WallNs,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Our orders. No id is used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTable {
    slots: Vec<Order>,
    free: Vec<u32>,
    /// By id, so that walking it is in the order of placing.
    working: Vec<Entry>,
    /// By id; the lowest is forgotten first.
    finals: VecDeque<Entry>,
    sums: Sums,
    limits: TableLimits,
    /// The largest id so far.
    id_last: OrderId,
}

/// Where an order is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: OrderId,
    slot: u32,
}

/// Funds set aside for an order: all of it at first, less with each fill, nothing at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The currency that the order uses up.
    pub currency: Currency,
    /// For the whole order.
    pub amount: Amount,
}

/// What the engine knows of an order beside what the gate approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderStamp {
    /// Client order id.
    pub id: OrderId,
    /// Engine time.
    pub placed: WallNs,
    /// The same moment by the venue's clock.
    pub sent: VenueNs,
    /// Mid of the merged book; 0 where there is none.
    pub arrival_mid: Amount,
    /// Funds to set aside, see [`crate::risk::funds_needed`].
    pub reservation: Reservation,
    /// Why.
    pub note: Note,
}

/// A place in the table to come back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableMark {
    id_last: OrderId,
    slots: usize,
    currencies: usize,
}

/// A change that happened: what an order event record needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// State before.
    pub from: OrderStatus,
    /// State after.
    pub to: OrderStatus,
    /// Filled so far.
    pub filled: Qty,
}

/// Why an approved order was not added; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddFault {
    /// `tables.orders_working_max` orders are working: deny with CAPACITY.
    Full,
    /// Strategy, instrument or currency is outside the tables: deny with CAPACITY.
    OutsideTables,
    /// There is an order of this id: a bug of the caller, halt.
    IdNotNew,
}

impl Reservation {
    /// Nothing set aside.
    pub const NONE: Self = Self {
        currency: Currency::EMPTY,
        amount: Amount::ZERO,
    };

    /// Returns what is still set aside when `left` of `qty` is working.
    fn left(&self, left: Qty, qty: Qty) -> Amount {
        self.amount
            .mul_div(i128::from(left.0), i128::from(qty.0))
            .unwrap_or(self.amount)
    }
}

impl OrderTable {
    /// Returns an empty table with all its room.
    pub fn new(limits: TableLimits) -> Self {
        let (working, finals) = capacities(&limits);
        Self {
            slots: Vec::with_capacity(working + finals + 1),
            free: Vec::with_capacity(working + finals + 1),
            working: Vec::with_capacity(working),
            finals: VecDeque::with_capacity(finals + 1),
            sums: Sums::new(
                usize::from(limits.strategies_max),
                usize::from(limits.instruments_max),
                usize::from(limits.currencies_max),
            ),
            limits,
            id_last: OrderId::NONE,
        }
    }

    /// Makes room for an instrument beyond `tables.instruments_max`. Allocates: called where an instrument appears.
    pub fn admit(&mut self, instrument: InstrumentId) {
        self.sums.admit(instrument);
    }

    /// Takes the room again that a table read from a snapshot does not have.
    pub fn reserve_room(&mut self) {
        let (working, finals) = capacities(&self.limits);
        let all = working + finals + 1;
        self.slots.reserve(all.saturating_sub(self.slots.len()));
        self.free.reserve(all.saturating_sub(self.free.len()));
        self.working
            .reserve(working.saturating_sub(self.working.len()));
        self.finals
            .reserve((finals + 1).saturating_sub(self.finals.len()));
    }

    /// Returns whether the table has these sizes.
    pub fn is_of(&self, limits: &TableLimits) -> bool {
        self.limits == *limits
    }

    /// Adds an order that the gate approved, as PENDING_NEW, and its sums.
    ///
    /// # Errors
    /// An [`AddFault`]; the order must then not be sent.
    pub fn add(
        &mut self,
        approved: Approved<Intent>,
        stamp: &OrderStamp,
    ) -> Result<&Order, AddFault> {
        if self.slot(stamp.id).is_some() {
            return Err(AddFault::IdNotNew);
        }
        if self.working.len() >= self.limits.orders_working_max as usize {
            return Err(AddFault::Full);
        }
        let order = order_of(&approved, stamp);
        let delta = Delta {
            qty: order.qty.0,
            reserved: order.reservation.amount.0,
        };
        self.sums
            .change(&order, delta)
            .ok_or(AddFault::OutsideTables)?;
        let slot = self.place(order);
        // An order that waited in the engine comes under an id from before; all others come last.
        let index = self.working.partition_point(|entry| entry.id < order.id);
        self.working.insert(index, Entry { id: order.id, slot });
        self.id_last = self.id_last.max(order.id);
        self.slots.get(slot as usize).ok_or(AddFault::Full)
    }

    /// Returns the present place.
    pub fn mark(&self) -> TableMark {
        TableMark {
            id_last: self.id_last,
            slots: self.slots.len(),
            currencies: self.sums.currencies(),
        }
    }

    /// Takes back the last order added since the mark, as if it never was, and returns it; `None` where there is none left.
    ///
    /// Nothing may have happened to orders since the mark but that some were added.
    pub fn take_back(&mut self, mark: &TableMark) -> Option<Order> {
        let last = *self.working.last().filter(|last| last.id > mark.id_last)?;
        let order = *self.slots.get(last.slot as usize)?;
        let delta = Delta {
            qty: -order.qty.0,
            reserved: -order.reservation.amount.0,
        };
        // What was added can be taken off.
        self.sums.change(&order, delta)?;
        self.working.pop();
        if last.slot as usize >= mark.slots {
            self.slots.pop();
        } else {
            self.vacate(last.slot);
        }
        self.id_last = self
            .working
            .last()
            .map_or(mark.id_last, |before| before.id)
            .max(mark.id_last);
        self.sums.forget_currencies(mark.currencies);
        Some(order)
    }

    /// Applies what happened to an order.
    ///
    /// # Errors
    /// A [`ChangeFault`] where SPEC 7 has no such transition; the order is as before.
    pub fn apply(
        &mut self,
        id: OrderId,
        change: Change,
        now: WallNs,
    ) -> Result<Transition, ChangeFault> {
        let slot = self.slot(id).ok_or(ChangeFault::Unknown)?;
        let order = *self.slots.get(slot as usize).ok_or(ChangeFault::Unknown)?;
        let (to, filled) = status::next(&order, change)?;
        let after = Order {
            status: to,
            filled,
            is_acked: order.is_acked || confirms(change),
            end_reason: end_reason(change).unwrap_or(order.end_reason),
            changed: now,
            ..order
        };
        let delta = Delta {
            qty: after.working_qty().0 - order.working_qty().0,
            reserved: reserved(&after).0 - reserved(&order).0,
        };
        self.sums
            .change(&order, delta)
            .ok_or(ChangeFault::Overfill)?;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = after;
        }
        if to.is_final() {
            self.retire(id, slot);
        }
        Ok(Transition {
            from: order.status,
            to,
            filled,
        })
    }

    /// Returns an order: working, or among the last final ones.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.slots.get(self.slot(id)? as usize)
    }

    /// Returns the working orders in the order of their ids.
    pub fn working(&self) -> impl Iterator<Item = &Order> {
        self.working
            .iter()
            .filter_map(|entry| self.slots.get(entry.slot as usize))
    }

    /// Returns the working orders of an instrument in the order of their ids.
    pub fn working_in(&self, instrument: InstrumentId) -> impl Iterator<Item = &Order> {
        self.working()
            .filter(move |order| order.instrument == instrument)
    }

    /// Returns the working orders of a strategy in the order of their ids.
    pub fn working_of(&self, strategy: StrategyId) -> impl Iterator<Item = &Order> {
        self.working()
            .filter(move |order| order.strategy == strategy)
    }

    /// Returns how many orders are working.
    pub fn working_count(&self) -> u32 {
        u32::try_from(self.working.len()).unwrap_or(u32::MAX)
    }

    /// Returns the best limit price that rests on a side of an instrument, whoever placed it.
    ///
    /// Left out is what a cancel is on its way to, or what `leaves` says of: the cancel reaches the venue
    /// before any order that is judged now.
    pub fn best_resting(
        &self,
        instrument: InstrumentId,
        side: Side,
        leaves: impl Fn(OrderId) -> bool,
    ) -> Option<Price> {
        self.working_in(instrument)
            .filter(|order| order.side == side && order.price.0 > 0)
            .filter(|order| order.status != OrderStatus::PendingCancel && !leaves(order.id))
            .map(|order| order.price)
            .max_by_key(|price| price.0.saturating_mul(side.sign()))
    }

    /// Returns a strategy's working quantities in an instrument.
    pub fn strategy_working(&self, strategy: StrategyId, instrument: InstrumentId) -> Working {
        self.sums.strategy(strategy, instrument)
    }

    /// Returns the account's working quantities in an instrument.
    pub fn account_working(&self, instrument: InstrumentId) -> Working {
        self.sums.account(instrument)
    }

    /// Returns what working orders set aside of a currency.
    pub fn reserved(&self, currency: Currency) -> Amount {
        self.sums.reserved(currency)
    }

    /// Returns whether nothing works and nothing is set aside.
    pub fn is_released(&self) -> bool {
        self.working.is_empty() && self.sums.are_zero()
    }

    fn slot(&self, id: OrderId) -> Option<u32> {
        let found = self.working.binary_search_by_key(&id, |entry| entry.id);
        if let Ok(index) = found {
            return self.working.get(index).map(|entry| entry.slot);
        }
        let index = self
            .finals
            .binary_search_by_key(&id, |entry| entry.id)
            .ok()?;
        self.finals.get(index).map(|entry| entry.slot)
    }

    fn place(&mut self, order: Order) -> u32 {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.slots.get_mut(slot as usize)
        {
            *place = order;
            return slot;
        }
        self.slots.push(order);
        (self.slots.len() - 1) as u32
    }

    fn retire(&mut self, id: OrderId, slot: u32) {
        if let Ok(index) = self.working.binary_search_by_key(&id, |entry| entry.id) {
            self.working.remove(index);
        }
        let index = self.finals.partition_point(|entry| entry.id < id);
        self.finals.insert(index, Entry { id, slot });
        if self.finals.len() > self.limits.orders_final_kept as usize {
            // Not what ended just now, however long it waited before.
            let oldest = usize::from(index == 0 && self.finals.len() > 1);
            if let Some(oldest) = self.finals.remove(oldest) {
                self.vacate(oldest.slot);
            }
        }
    }

    /// Frees a slot. What was in it is wiped, so that a call that is taken back leaves no trace there.
    fn vacate(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = VACANT;
        }
        self.free.push(slot);
    }
}

/// What a free slot holds.
const VACANT: Order = Order {
    id: OrderId::NONE,
    strategy: StrategyId::NONE,
    instrument: InstrumentId::NONE,
    side: Side::Buy,
    kind: OrderKind::Market,
    flags: OrderFlags::NONE,
    qty: Qty::ZERO,
    price: Price(0),
    filled: Qty::ZERO,
    status: OrderStatus::Rejected,
    is_acked: false,
    is_exit: false,
    end_reason: OrderReason::None,
    placed: WallNs(0),
    sent: VenueNs(0),
    changed: WallNs(0),
    arrival_mid: Amount::ZERO,
    reservation: Reservation::NONE,
    note: Note::EMPTY,
};

fn capacities(limits: &TableLimits) -> (usize, usize) {
    (
        limits.orders_working_max as usize,
        limits.orders_final_kept as usize,
    )
}

fn order_of(approved: &Approved<Intent>, stamp: &OrderStamp) -> Order {
    let intent = approved.value();
    Order {
        id: stamp.id,
        strategy: intent.strategy,
        instrument: intent.instrument,
        side: intent.side,
        kind: intent.kind,
        flags: intent.flags,
        qty: intent.qty,
        price: intent.price,
        filled: Qty::ZERO,
        status: OrderStatus::PendingNew,
        is_acked: false,
        is_exit: approved.is_exit(),
        end_reason: OrderReason::None,
        placed: stamp.placed,
        sent: stamp.sent,
        changed: stamp.placed,
        arrival_mid: stamp.arrival_mid,
        reservation: stamp.reservation,
        note: stamp.note,
    }
}

fn reserved(order: &Order) -> Amount {
    if order.status.is_final() {
        return Amount::ZERO;
    }
    order.reservation.left(order.working_qty(), order.qty)
}

/// Whether the change tells that the venue has the order.
fn confirms(change: Change) -> bool {
    matches!(
        change,
        Change::Ack | Change::Replaced | Change::ReplaceRefused
    )
}

fn end_reason(change: Change) -> Option<OrderReason> {
    match change {
        Change::Cancelled(reason) | Change::Rejected(reason) | Change::Expired(reason) => {
            Some(reason)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
