//! The engine's configuration: parsed into types once, checked once, an input of every run.
//!
//! Called by the pipeline at start, before any thread. Shares are fractions, losses are positive,
//! names carry units. What is not configured here is not configurable in the engine.

mod fault;

pub use fault::ConfigFault;

use crate::risk::limits::{RiskConfig, RiskLimits};
use claire_types::{Amount, Currency, InstrumentKey, Mode, Symbol, Venue};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;

/// All that the engine is told before its first input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// What the engine does with orders; a missing mode refuses.
    #[serde(with = "as_text")]
    pub mode: Mode,
    /// Number of this start, part of every order id.
    #[serde(default)]
    pub epoch: u32,
    /// What the account holds and counts in.
    #[serde(default)]
    pub account: AccountConfig,
    /// Risk limits.
    #[serde(default)]
    pub risk: RiskConfig,
    /// The matching model.
    #[serde(default)]
    pub matching: MatchingConfig,
    /// Fee schedules; without one for its venue an instrument refuses to trade.
    #[serde(default)]
    pub fees: Vec<FeeSchedule>,
    /// The strategies, in the order of their ids.
    #[serde(default)]
    pub strategies: Vec<StrategyConfig>,
    /// Sizes of the engine's tables.
    #[serde(default)]
    pub tables: TableLimits,
}

/// What the account holds at the start and what it counts in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// Currency of equity and of every share of it.
    pub currency: Currency,
    /// Balance of that currency at the start.
    pub equity: Amount,
    /// Balances of further currencies at the start.
    pub balances: Vec<BalanceConfig>,
    /// How further currencies are counted in the account's; a missing one denies.
    pub conversions: Vec<ConversionConfig>,
}

/// A balance at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceConfig {
    /// The currency.
    pub currency: Currency,
    /// What is there, not below zero.
    pub amount: Amount,
}

/// What one unit of a currency is worth in the account's: exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversionConfig {
    /// The currency.
    pub currency: Currency,
    /// The reference price of this instrument.
    #[serde(default)]
    pub instrument: Option<InstrumentKey>,
    /// This fixed rate, as 1 for USD in an account of USDT.
    #[serde(default)]
    pub rate: Option<Amount>,
}

/// The matching model of SPEC 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchingConfig {
    /// How the queue before a resting order shrinks.
    pub queue: QueueModel,
    /// From sending to the venue.
    pub entry_latency_ms: u32,
    /// From the venue to the engine.
    pub response_latency_ms: u32,
    /// How long what we took stays subtracted from an unchanged level.
    pub debit_ms: u32,
}

/// How the queue before a resting order shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueModel {
    /// Nobody is before us.
    Front,
    /// Only trades, and a level that displays less than the queue, shorten it.
    RiskAverse,
}

/// Fees of a venue, or of one symbol there, which goes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeSchedule {
    /// The venue.
    pub venue: Venue,
    /// Only this symbol.
    #[serde(default)]
    pub symbol: Option<Symbol>,
    /// Share of the notional paid by makers; below zero is a rebate.
    pub maker_share: Amount,
    /// Share of the notional paid by takers.
    pub taker_share: Amount,
}

/// A strategy entry. Its parameters belong to the strategy runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyConfig {
    /// Its name, unique.
    pub name: Symbol,
    /// Its primary market.
    pub market: InstrumentKey,
    /// Its share of equity; 1 where neither this nor an amount is given.
    #[serde(default)]
    pub budget_share: Option<Amount>,
    /// Its fixed part of equity, in account currency.
    #[serde(default)]
    pub budget_amount: Option<Amount>,
}

/// Sizes of the engine's tables: what is allocated at the start and never grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableLimits {
    /// Instruments.
    pub instruments_max: u16,
    /// Strategies.
    pub strategies_max: u16,
    /// Currencies.
    pub currencies_max: u16,
    /// Working orders.
    pub orders_working_max: u32,
    /// Final orders whose handles still answer.
    pub orders_final_kept: u32,
    /// Messages of ours on their way to the paper venue.
    pub paper_arrivals_max: u32,
    /// Fills of the paper venue on their way to the engine; acks, cancels and ends have room beside.
    pub paper_fills_max: u32,
    /// Debits at the paper venue.
    pub paper_debits_max: u32,
}

impl EngineConfig {
    /// Returns a configuration with the mode and the defaults.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            epoch: 0,
            account: AccountConfig::default(),
            risk: RiskConfig::default(),
            matching: MatchingConfig::default(),
            fees: Vec::new(),
            strategies: Vec::new(),
            tables: TableLimits::default(),
        }
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// A [`ConfigFault`] that names the key, and the arithmetic where numbers contradict one another.
    pub fn validate(&self) -> Result<(), ConfigFault> {
        match self.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Returns all that does not fit together, in the order of the sections; empty where everything does.
    pub fn faults(&self) -> Vec<ConfigFault> {
        fault::check(self)
    }

    /// Returns the risk limits: the profile with its overrides.
    pub fn limits(&self) -> RiskLimits {
        self.risk.limits()
    }

    /// Returns the fee schedule of an instrument: its symbol's, else its venue's.
    ///
    /// # Errors
    /// [`ConfigFault::FeeMissing`] where there is neither.
    pub fn fees_for(&self, key: &InstrumentKey) -> Result<FeeSchedule, ConfigFault> {
        let of = |symbol: Option<Symbol>| {
            self.fees
                .iter()
                .find(|fee| fee.venue == key.venue && fee.symbol == symbol)
        };
        of(Some(key.symbol))
            .or_else(|| of(None))
            .copied()
            .ok_or(ConfigFault::FeeMissing(*key))
    }
}

impl StrategyConfig {
    /// Returns the strategy's budget of this equity, or `None` on overflow.
    pub fn budget(&self, equity: Amount) -> Option<Amount> {
        match self.budget_amount {
            Some(amount) => Some(amount),
            None => equity.times(self.budget_share.unwrap_or(Amount::ONE)),
        }
    }
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            currency: Currency::cut("USDT"),
            equity: Amount(10_000 * Amount::ONE.0),
            balances: Vec::new(),
            conversions: Vec::new(),
        }
    }
}

impl Default for MatchingConfig {
    fn default() -> Self {
        Self {
            queue: QueueModel::RiskAverse,
            entry_latency_ms: 10,
            response_latency_ms: 10,
            debit_ms: 1_000,
        }
    }
}

impl Default for TableLimits {
    fn default() -> Self {
        Self {
            instruments_max: 64,
            strategies_max: 64,
            currencies_max: 64,
            orders_working_max: 1_024,
            orders_final_kept: 1_024,
            paper_arrivals_max: 2_048,
            paper_fills_max: 4_096,
            paper_debits_max: 1_024,
        }
    }
}

/// Codes in configuration are their names.
mod as_text {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};
    use serde::de::Error;

    pub fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err = String>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
