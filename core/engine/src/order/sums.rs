//! What the working orders add up to: quantities per strategy, instrument and side, funds per currency.
//!
//! Called by the order table only, which adds and takes the same amounts in pairs.

use super::Order;
use claire_types::{Amount, Currency, InstrumentId, Qty, Side, StrategyId};
use serde::{Deserialize, Serialize};

/// Working quantities of one strategy or the account in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Working {
    /// Quantity of working buys.
    pub buy: Qty,
    /// Quantity of working sells.
    pub sell: Qty,
    /// Of the buys, what exits.
    pub exit_buy: Qty,
    /// Of the sells, what exits.
    pub exit_sell: Qty,
}

/// All sums. Tables are as large as the limits say from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    instruments: usize,
    /// One row per strategy and a last one for orders that belong to none.
    strategies: Vec<Working>,
    account: Vec<Working>,
    reserved: Vec<(Currency, Amount)>,
    currencies_max: usize,
}

/// What a change of one order adds to or takes from the sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delta {
    pub qty: i64,
    pub reserved: i128,
}

impl Working {
    /// Returns the quantity on a side.
    pub const fn on(&self, side: Side) -> Qty {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }

    /// Returns the exiting quantity on a side.
    pub const fn exits_on(&self, side: Side) -> Qty {
        match side {
            Side::Buy => self.exit_buy,
            Side::Sell => self.exit_sell,
        }
    }

    fn changed(mut self, side: Side, is_exit: bool, qty: i64) -> Option<Self> {
        let (all, exits) = match side {
            Side::Buy => (&mut self.buy, &mut self.exit_buy),
            Side::Sell => (&mut self.sell, &mut self.exit_sell),
        };
        all.0 = all.0.checked_add(qty)?;
        if is_exit {
            exits.0 = exits.0.checked_add(qty)?;
        }
        Some(self)
    }
}

impl Sums {
    pub(super) fn new(strategies: usize, instruments: usize, currencies_max: usize) -> Self {
        Self {
            instruments,
            strategies: vec![Working::default(); (strategies + 1) * instruments],
            account: vec![Working::default(); instruments],
            reserved: Vec::with_capacity(currencies_max),
            currencies_max,
        }
    }

    /// Makes room for an instrument beyond the room of the start.
    pub(super) fn admit(&mut self, instrument: InstrumentId) {
        let (before, after) = (self.instruments, instrument.index() + 1);
        if after <= before || before == 0 {
            return;
        }
        let rows = self.strategies.len() / before;
        let mut strategies = vec![Working::default(); rows * after];
        let old = self.strategies.chunks_exact(before);
        for (new, old) in strategies.chunks_exact_mut(after).zip(old) {
            for (place, sum) in new.iter_mut().zip(old) {
                *place = *sum;
            }
        }
        self.strategies = strategies;
        self.account.resize(after, Working::default());
        self.instruments = after;
    }

    /// Applies the delta to every sum that the order is in, or to none.
    pub(super) fn change(&mut self, order: &Order, delta: Delta) -> Option<()> {
        let row = self.row(order.strategy, order.instrument)?;
        let (side, exit) = (order.side, order.is_exit);
        let strategy = self.strategies.get(row)?.changed(side, exit, delta.qty)?;
        let account = self.account.get(order.instrument.index())?;
        let account = account.changed(side, exit, delta.qty)?;
        self.reserve(order.reservation.currency, delta.reserved)?;
        *self.strategies.get_mut(row)? = strategy;
        *self.account.get_mut(order.instrument.index())? = account;
        Some(())
    }

    fn reserve(&mut self, currency: Currency, amount: i128) -> Option<()> {
        if amount == 0 {
            return Some(());
        }
        let has_room = self.reserved.len() < self.currencies_max;
        match self.reserved.iter_mut().find(|(name, _)| *name == currency) {
            Some((_, sum)) => *sum = sum.checked_add(Amount(amount))?,
            None if has_room => {
                self.reserved.push((currency, Amount(amount)));
            }
            None => return None,
        }
        Some(())
    }

    /// Returns how many currencies have a sum.
    pub(super) fn currencies(&self) -> usize {
        self.reserved.len()
    }

    /// Forgets the currencies that came last, down to `count`, of which nothing is set aside.
    pub(super) fn forget_currencies(&mut self, count: usize) {
        while self.reserved.len() > count
            && self
                .reserved
                .last()
                .is_some_and(|(_, sum)| *sum == Amount::ZERO)
        {
            self.reserved.pop();
        }
    }

    pub(super) fn strategy(&self, strategy: StrategyId, instrument: InstrumentId) -> Working {
        self.row(strategy, instrument)
            .and_then(|row| self.strategies.get(row))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn account(&self, instrument: InstrumentId) -> Working {
        self.account
            .get(instrument.index())
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn reserved(&self, currency: Currency) -> Amount {
        self.reserved
            .iter()
            .find(|(name, _)| *name == currency)
            .map_or(Amount::ZERO, |(_, sum)| *sum)
    }

    pub(super) fn are_zero(&self) -> bool {
        let none = Working::default();
        self.strategies
            .iter()
            .chain(&self.account)
            .all(|sum| *sum == none)
            && self.reserved.iter().all(|(_, sum)| *sum == Amount::ZERO)
    }

    /// Returns the row of a known strategy and instrument; orders of no strategy share the last row.
    fn row(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<usize> {
        let rows = self.strategies.len().checked_div(self.instruments)?;
        let last = rows.checked_sub(1)?;
        let number = if strategy == StrategyId::NONE {
            last
        } else {
            strategy.index()
        };
        let is_known = instrument.index() < self.instruments
            && (number < last || strategy == StrategyId::NONE);
        is_known.then(|| number * self.instruments + instrument.index())
    }
}
