//! Balances per currency.
//!
//! Called by the portfolio only.

use super::BookingFault;
use claire_types::{Amount, Currency};
use serde::{Deserialize, Serialize};

/// What is there of each currency, in the order of first appearance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balances {
    amounts: Vec<(Currency, Amount)>,
    currencies_max: usize,
}

impl Balances {
    pub(super) fn new(currencies_max: usize) -> Self {
        Self {
            amounts: Vec::with_capacity(currencies_max),
            currencies_max,
        }
    }

    pub(super) fn reserve_room(&mut self) {
        let more = self.currencies_max.saturating_sub(self.amounts.len());
        self.amounts.reserve(more);
    }

    /// Adds to a currency and returns what is there then.
    pub(super) fn add(
        &mut self,
        currency: Currency,
        amount: Amount,
    ) -> Result<Amount, BookingFault> {
        let after = self
            .amount(currency)
            .checked_add(amount)
            .ok_or(BookingFault::Overflow)?;
        let has_room = self.amounts.len() < self.currencies_max;
        match self.amounts.iter_mut().find(|(name, _)| *name == currency) {
            Some((_, sum)) => *sum = after,
            None if has_room => self.amounts.push((currency, after)),
            None => return Err(BookingFault::OutsideTables),
        }
        Ok(after)
    }

    /// Adds to two currencies or to none.
    pub(super) fn add_both(
        &mut self,
        first: (Currency, Amount),
        second: (Currency, Amount),
    ) -> Result<(Amount, Amount), BookingFault> {
        let before = self.amount(first.0);
        let is_new = !self.amounts.iter().any(|(name, _)| *name == first.0);
        let after = self.add(first.0, first.1)?;
        match self.add(second.0, second.1) {
            Ok(other) => Ok((after, other)),
            Err(fault) => {
                if is_new {
                    self.amounts.pop();
                } else if let Some((_, sum)) =
                    self.amounts.iter_mut().find(|(name, _)| *name == first.0)
                {
                    *sum = before;
                }
                Err(fault)
            }
        }
    }

    /// Returns what is there of a currency.
    pub fn amount(&self, currency: Currency) -> Amount {
        let found = self.amounts.iter().find(|(name, _)| *name == currency);
        found.map_or(Amount::ZERO, |(_, amount)| *amount)
    }

    /// Returns all balances in the order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (Currency, Amount)> + '_ {
        self.amounts.iter().copied()
    }
}
