//! What we hold and what we earned: positions, balances, profit, equity. All integers.
//!
//! Called by the engine on the engine thread for each fill and mark. Never looks at a book: marks and
//! conversion rates are handed in. A fill changes everything it concerns, or nothing.

pub mod balance;
pub mod fee;
pub mod position;

pub use balance::Balances;
pub use fee::{FeeTable, fee_of};
pub use position::{Position, value_at};

use crate::config::{EngineConfig, TableLimits};
use claire_types::record::{PortfolioRecord, PositionRecord};
use claire_types::{
    Amount, Contract, Currency, Instrument, InstrumentId, Liquidity, Price, Qty, Side, StrategyId,
};
use serde::{Deserialize, Serialize};

/// The account and its strategies' positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    tables: TableLimits,
    currency: Currency,
    balances: Balances,
    /// Value of one unit of a currency in account currency.
    rates: Vec<(Currency, Amount)>,
    /// One row per strategy and a last one for fills of none.
    positions: Vec<Position>,
    /// Per instrument: the sum over the strategies.
    totals: Vec<Total>,
    /// Instruments that were ever held, so that a valuation visits no others.
    held: Vec<InstrumentId>,
    peak: Option<Amount>,
}

/// An instrument over all strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    facts: Option<Instrument>,
    mark: Option<Amount>,
    position: Position,
    is_held: bool,
}

/// Our own deal, as the venue reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deal {
    /// Whose.
    pub strategy: StrategyId,
    /// Side.
    pub side: Side,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Price.
    pub price: Price,
    /// Quantity, above zero.
    pub qty: Qty,
    /// Share of the notional paid as fee, below zero for a rebate.
    pub fee_share: Amount,
}

/// What a deal did: the money part of a fill record, and what to record after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Fee, positive where paid.
    pub fee: Amount,
    /// Its currency.
    pub fee_currency: Currency,
    /// Profit of what it closed, before the fee.
    pub realized: Amount,
    /// What it closed.
    pub closed_qty: Qty,
    /// What it opened.
    pub opened_qty: Qty,
    /// The strategy's position after it.
    pub position: PositionRecord,
    /// The balance that changed: quote or settle.
    pub balance: (Currency, Amount),
    /// On spot, the base balance too.
    pub base_balance: Option<(Currency, Amount)>,
}

/// Why a deal was not booked; nothing changed. The engine halts: the venue did it all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingFault {
    /// Instrument, strategy or currency is outside the tables, or the instrument was not described.
    OutsideTables,
    /// A sum does not fit, or the price or quantity is not above zero.
    Overflow,
}

impl Portfolio {
    /// Returns the account as configured, with all its room.
    ///
    /// # Errors
    /// [`BookingFault::OutsideTables`] where the currencies do not fit their table.
    pub fn new(config: &EngineConfig) -> Result<Self, BookingFault> {
        let tables = config.tables;
        let instruments = usize::from(tables.instruments_max);
        let rows = usize::from(tables.strategies_max) + 1;
        let mut balances = Balances::new(usize::from(tables.currencies_max));
        balances.add(config.account.currency, config.account.equity)?;
        for balance in &config.account.balances {
            balances.add(balance.currency, balance.amount)?;
        }
        let mut rates = Vec::with_capacity(usize::from(tables.currencies_max));
        rates.push((config.account.currency, Amount::ONE));
        Ok(Self {
            tables,
            currency: config.account.currency,
            balances,
            rates,
            positions: vec![Position::FLAT; rows * instruments],
            totals: vec![Total::NONE; instruments],
            held: Vec::with_capacity(instruments),
            peak: None,
        })
    }

    /// Takes the room again that a portfolio read from a snapshot does not have.
    pub(crate) fn reserve_room(&mut self) {
        let currencies = usize::from(self.tables.currencies_max);
        let instruments = self.totals.len();
        self.balances.reserve_room();
        self.rates
            .reserve(currencies.saturating_sub(self.rates.len()));
        self.held
            .reserve(instruments.saturating_sub(self.held.len()));
    }

    /// Returns whether the tables have this configuration's sizes and currency.
    pub(crate) fn is_of(&self, config: &EngineConfig) -> bool {
        let rows = usize::from(config.tables.strategies_max) + 1;
        self.tables == config.tables
            && self.currency == config.account.currency
            && self.totals.len() >= usize::from(config.tables.instruments_max)
            && self.positions.len() == rows * self.totals.len()
    }

    /// Makes room for an instrument beyond `tables.instruments_max`. Allocates: called where an instrument appears.
    pub(crate) fn admit(&mut self, instrument: InstrumentId) {
        let (before, after) = (self.totals.len(), instrument.index() + 1);
        if after <= before {
            return;
        }
        let rows = usize::from(self.tables.strategies_max) + 1;
        let mut positions = vec![Position::FLAT; rows * after];
        let old = self.positions.chunks_exact(before);
        for (new, old) in positions.chunks_exact_mut(after).zip(old) {
            for (place, position) in new.iter_mut().zip(old) {
                *place = *position;
            }
        }
        self.positions = positions;
        self.totals.resize(after, Total::NONE);
        self.held.reserve(after.saturating_sub(self.held.len()));
    }

    /// Returns whether the instrument was described and had a place then.
    pub(crate) fn has_place(&self, instrument: InstrumentId) -> bool {
        let total = self.totals.get(instrument.index());
        total.is_some_and(|total| total.facts.is_some())
    }

    /// Takes an instrument's facts; they do not change within a run.
    ///
    /// # Errors
    /// [`BookingFault::OutsideTables`]
    pub fn describe(&mut self, facts: &Instrument) -> Result<(), BookingFault> {
        let total = self.totals.get_mut(facts.id.index());
        total.ok_or(BookingFault::OutsideTables)?.facts = Some(*facts);
        Ok(())
    }

    /// Takes an instrument's mark at 10^-12, `None` where there is none any more; returns whether it changed.
    pub fn mark(&mut self, instrument: InstrumentId, mark: Option<Amount>) -> bool {
        let Some(total) = self.totals.get_mut(instrument.index()) else {
            return false;
        };
        std::mem::replace(&mut total.mark, mark) != mark
    }

    /// Returns an instrument's last mark, if it ever had one.
    pub fn last_mark(&self, instrument: InstrumentId) -> Option<Amount> {
        self.totals.get(instrument.index())?.mark
    }

    /// Takes the value of one unit of a currency in account currency; `None` where it is not known any more.
    ///
    /// # Errors
    /// [`BookingFault::OutsideTables`] where the table of currencies is full.
    pub fn convert(
        &mut self,
        currency: Currency,
        rate: Option<Amount>,
    ) -> Result<(), BookingFault> {
        if currency == self.currency {
            return Ok(());
        }
        let index = self.rates.iter().position(|(name, _)| *name == currency);
        match (index, rate) {
            (Some(index), Some(rate)) => {
                if let Some(known) = self.rates.get_mut(index) {
                    known.1 = rate;
                }
            }
            (Some(index), None) => {
                self.rates.remove(index);
            }
            (None, Some(_)) if self.rates.len() >= usize::from(self.tables.currencies_max) => {
                return Err(BookingFault::OutsideTables);
            }
            (None, Some(rate)) => self.rates.push((currency, rate)),
            (None, None) => {}
        }
        Ok(())
    }

    /// Books a deal: position, profit, fee and balances.
    ///
    /// # Errors
    /// A [`BookingFault`]; nothing of it is booked then.
    pub fn book(&mut self, instrument: InstrumentId, deal: &Deal) -> Result<Booked, BookingFault> {
        let row = self
            .row(deal.strategy, instrument)
            .ok_or(BookingFault::OutsideTables)?;
        let outside = BookingFault::OutsideTables;
        let total = *self.totals.get(instrument.index()).ok_or(outside)?;
        let facts = total.facts.ok_or(outside)?;
        let own = *self.positions.get(row).ok_or(outside)?;
        if deal.qty.0 <= 0 || deal.price.0 <= 0 {
            return Err(BookingFault::Overflow);
        }
        let fee =
            fee_of(&facts, deal.price, deal.qty, deal.fee_share).ok_or(BookingFault::Overflow)?;
        let change = own.after(&facts, deal, fee).ok_or(BookingFault::Overflow)?;
        let sum = total
            .position
            .plus(&own, &change.position)
            .ok_or(BookingFault::Overflow)?;
        let record = change
            .position
            .record(&facts)
            .ok_or(BookingFault::Overflow)?;
        let moved = self.move_money(&facts, deal, change.realized, fee)?;
        if let Some(place) = self.positions.get_mut(row) {
            *place = change.position;
        }
        if let Some(place) = self.totals.get_mut(instrument.index()) {
            place.position = sum;
            place.is_held = true;
        }
        if !total.is_held {
            self.held.push(instrument);
        }
        Ok(Booked {
            fee,
            fee_currency: money_currency(&facts),
            realized: change.realized,
            closed_qty: change.closed,
            opened_qty: change.opened,
            position: record,
            balance: moved.0,
            base_balance: moved.1,
        })
    }

    /// Returns a strategy's position; flat where unknown.
    pub fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> &Position {
        let row = self.row(strategy, instrument);
        row.and_then(|row| self.positions.get(row))
            .unwrap_or(&Position::FLAT)
    }

    /// Returns the account's position: the sum over the strategies.
    pub fn net(&self, instrument: InstrumentId) -> &Position {
        self.totals
            .get(instrument.index())
            .map_or(&Position::FLAT, |total| &total.position)
    }

    /// Returns the balances.
    pub const fn balances(&self) -> &Balances {
        &self.balances
    }

    /// Returns the value of one unit of a currency in account currency; `None` where nobody told.
    pub fn rate(&self, currency: Currency) -> Option<Amount> {
        let found = self.rates.iter().find(|(name, _)| *name == currency);
        found.map(|(_, rate)| *rate)
    }

    /// Returns the unrealized profit of a strategy's position at the mark, in quote or settle currency.
    pub fn unrealized(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<Amount> {
        let position = self.position(strategy, instrument);
        if position.is_empty() {
            return Some(Amount::ZERO);
        }
        let total = self.totals.get(instrument.index())?;
        position.unrealized(total.facts.as_ref()?, total.mark?)
    }

    /// Returns equity in account currency: balances, and the unrealized profit of derivatives.
    /// `None` where a mark or a conversion is missing: then nothing may be sent.
    pub fn equity(&self) -> Option<Amount> {
        let mut equity = Amount::ZERO;
        for (currency, amount) in self.balances.iter() {
            if amount != Amount::ZERO {
                equity = equity.checked_add(amount.times(self.rate(currency)?)?)?;
            }
        }
        for total in self.held() {
            let facts = total.facts.as_ref()?;
            if facts.contract != Contract::Spot && !total.position.is_empty() {
                let profit = total.position.unrealized(facts, total.mark?)?;
                equity = equity.checked_add(profit.times(self.rate(facts.settle)?)?)?;
            }
        }
        Some(equity)
    }

    /// Returns realized + unrealized − fees since the run's start in account currency, `None` as [`Portfolio::equity`].
    pub fn profit(&self) -> Option<Amount> {
        let sums = self.sums()?;
        sums.realized
            .checked_add(sums.unrealized)?
            .checked_sub(sums.fees)
    }

    /// Returns the account for its record, `None` as [`Portfolio::equity`]. The peak is the highest equity so far.
    pub fn record(&mut self) -> Option<PortfolioRecord> {
        let equity = self.equity()?;
        let sums = self.sums()?;
        let peak = self.peak.map_or(equity, |peak| peak.max(equity));
        self.peak = Some(peak);
        Some(PortfolioRecord {
            equity,
            realized: sums.realized,
            unrealized: sums.unrealized,
            fees: sums.fees,
            exposure: sums.exposure,
            peak,
        })
    }

    /// Returns the sum of margins of derivatives that settle in the currency; `None` as [`Portfolio::equity`].
    pub fn margin(&self, currency: Currency, margin_share: Amount) -> Option<Amount> {
        let mut margin = Amount::ZERO;
        for total in self.held() {
            let facts = total.facts.as_ref()?;
            if facts.contract == Contract::Spot
                || facts.settle != currency
                || total.position.qty == Qty::ZERO
            {
                continue;
            }
            let notional = value_at(facts, total.mark?, total.position.qty)?.abs();
            margin = margin.checked_add(notional.times(margin_share)?)?;
        }
        Some(margin)
    }

    /// Returns what an order may use of a currency: balance and unrealized losses, less margins and `reserved`.
    pub fn free(
        &self,
        currency: Currency,
        reserved: Amount,
        margin_share: Amount,
    ) -> Option<Amount> {
        let mut free = self.balances.amount(currency).checked_sub(reserved)?;
        for total in self.held() {
            let facts = total.facts.as_ref()?;
            if facts.contract != Contract::Spot
                && facts.settle == currency
                && !total.position.is_empty()
            {
                let profit = total.position.unrealized(facts, total.mark?)?;
                free = free.checked_add(profit.min(Amount::ZERO))?;
            }
        }
        free.checked_sub(self.margin(currency, margin_share)?)
    }

    /// Returns the notional of a quantity at the mark in account currency, above zero; `None` as [`Portfolio::equity`].
    pub fn notional(&self, instrument: InstrumentId, qty: Qty) -> Option<Amount> {
        if qty == Qty::ZERO {
            return Some(Amount::ZERO);
        }
        let total = self.totals.get(instrument.index())?;
        let facts = total.facts.as_ref()?;
        let value = value_at(facts, total.mark?, qty)?.abs();
        value.times(self.rate(money_currency(facts))?)
    }

    fn held(&self) -> impl Iterator<Item = &Total> {
        self.held
            .iter()
            .filter_map(|instrument| self.totals.get(instrument.index()))
    }

    fn sums(&self) -> Option<PortfolioRecord> {
        let mut sums = PortfolioRecord {
            equity: Amount::ZERO,
            realized: Amount::ZERO,
            unrealized: Amount::ZERO,
            fees: Amount::ZERO,
            exposure: Amount::ZERO,
            peak: Amount::ZERO,
        };
        for total in self.held() {
            let (facts, position) = (total.facts.as_ref()?, &total.position);
            let rate = self.rate(money_currency(facts))?;
            sums.realized = sums.realized.checked_add(position.realized.times(rate)?)?;
            sums.fees = sums.fees.checked_add(position.fees.times(rate)?)?;
            if position.is_empty() {
                continue;
            }
            let mark = total.mark?;
            let profit = position.unrealized(facts, mark)?;
            sums.unrealized = sums.unrealized.checked_add(profit.times(rate)?)?;
            let notional = value_at(facts, mark, position.qty)?.abs();
            sums.exposure = sums.exposure.checked_add(notional.times(rate)?)?;
        }
        Some(sums)
    }

    fn move_money(
        &mut self,
        facts: &Instrument,
        deal: &Deal,
        realized: Amount,
        fee: Amount,
    ) -> Result<Moved, BookingFault> {
        let overflow = BookingFault::Overflow;
        let money = money_currency(facts);
        if facts.contract != Contract::Spot {
            let change = realized.checked_sub(fee).ok_or(overflow)?;
            let after = self.balances.add(money, change)?;
            return Ok(((money, after), None));
        }
        let sign = i128::from(deal.side.sign());
        let base = Amount::from_fixed(i128::from(deal.qty.0), facts.scale.qty_digits);
        let base = Amount(base.ok_or(overflow)?.0 * sign);
        let paid = facts.notional(deal.price, deal.qty).ok_or(overflow)?;
        let change = Amount(-paid.0 * sign).checked_sub(fee).ok_or(overflow)?;
        let after = self
            .balances
            .add_both((money, change), (facts.base, base))?;
        Ok(((money, after.0), Some((facts.base, after.1))))
    }

    fn row(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<usize> {
        let (strategies, instruments) =
            (usize::from(self.tables.strategies_max), self.totals.len());
        let row = if strategy == StrategyId::NONE {
            strategies
        } else {
            strategy.index()
        };
        let is_known =
            instrument.index() < instruments && (row < strategies || strategy == StrategyId::NONE);
        is_known.then(|| row * instruments + instrument.index())
    }
}

/// The balances after a deal: quote or settle, and base on spot.
type Moved = ((Currency, Amount), Option<(Currency, Amount)>);

/// Returns the currency of an instrument's profit and fees.
pub const fn money_currency(facts: &Instrument) -> Currency {
    match facts.contract {
        Contract::Spot => facts.quote,
        Contract::Linear | Contract::Inverse => facts.settle,
    }
}

impl Total {
    const NONE: Self = Self {
        facts: None,
        mark: None,
        position: Position::FLAT,
        is_held: false,
    };
}

impl std::fmt::Display for BookingFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OutsideTables => "an instrument, strategy or currency outside the tables",
            Self::Overflow => "a price, quantity or sum that does not fit",
        })
    }
}

impl std::error::Error for BookingFault {}

#[cfg(test)]
mod tests;
