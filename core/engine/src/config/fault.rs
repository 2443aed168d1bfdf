//! What is wrong with a configuration, in words that name the key and show the arithmetic.
//!
//! Called once at start; not on the hot path.

use super::{EngineConfig, TableLimits};
use claire_types::{Amount, Currency, InstrumentKey};
use std::fmt;

/// Why a configuration refuses to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigFault {
    /// A value is outside its range: correct the key.
    Range {
        /// The key.
        key: String,
        /// Its value.
        value: Amount,
        /// What it must be.
        must: &'static str,
    },
    /// Two values contradict one another: correct either.
    Contradiction {
        /// The key whose value is too large.
        larger: &'static str,
        /// Its value.
        larger_value: Amount,
        /// The key that bounds it.
        bound: &'static str,
        /// Its value.
        bound_value: Amount,
    },
    /// The limits leave no order: equity times share is below the smallest order.
    NoTradableOrder {
        /// The key of the share.
        key: &'static str,
        /// Equity.
        equity: Amount,
        /// The share.
        share: Amount,
        /// Smallest order that can be left again.
        needed: Amount,
        /// Of which instrument.
        instrument: InstrumentKey,
    },
    /// No fee schedule for the instrument: add a `[[fees]]` entry for its venue.
    FeeMissing(InstrumentKey),
    /// A balance in the account's own currency, of which `account.equity` says how much there is.
    OwnBalance {
        /// Where.
        key: String,
        /// Which.
        currency: Currency,
    },
    /// A name stands twice.
    Twice {
        /// Where.
        key: String,
        /// Which.
        name: String,
    },
    /// A conversion has neither or both of `instrument` and `rate`.
    Conversion {
        /// Its key.
        key: String,
        /// Its currency.
        currency: Currency,
    },
    /// A strategy has both `budget_share` and `budget_amount`.
    Budget {
        /// Its key.
        key: String,
        /// Its name.
        name: String,
    },
    /// More entries than the tables hold.
    TooMany {
        /// Where.
        key: &'static str,
        /// How many.
        count: usize,
        /// The table's key.
        limit: &'static str,
        /// Its size.
        max: usize,
    },
}

/// Order ids hold this many bits of epoch.
const EPOCH_MAX: u32 = 1 << (64 - claire_types::OrderId::NUMBER_BITS);
/// Largest table: what 32-bit slots and ordinary memory hold.
const TABLE_MAX: u32 = 1 << 20;

/// Returns all that is wrong, in the order of the sections.
pub(super) fn check(config: &EngineConfig) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    if config.epoch >= EPOCH_MAX {
        faults.push(range("epoch", whole(config.epoch), "below 16777216"));
    }
    check_account(config, &mut faults);
    config.limits().check(&mut faults);
    check_fees(config, &mut faults);
    check_tables(&config.tables, &mut faults);
    check_strategies(config, &mut faults);
    faults
}

fn check_account(config: &EngineConfig, faults: &mut Vec<ConfigFault>) {
    let account = &config.account;
    if account.equity.0 < 0 {
        faults.push(range("account.equity", account.equity, "at least 0"));
    }
    for (index, balance) in account.balances.iter().enumerate() {
        let key = format!("account.balances[{index}]");
        if balance.amount.0 < 0 {
            let key = format!("{key}.amount");
            faults.push(range(key, balance.amount, "at least 0"));
        }
        let mut before = account.balances.iter().take(index);
        if balance.currency == account.currency {
            faults.push(ConfigFault::OwnBalance {
                key: format!("{key}.currency"),
                currency: balance.currency,
            });
        } else if before.any(|other| other.currency == balance.currency) {
            faults.push(twice(format!("{key}.currency"), balance.currency));
        }
    }
    for (index, conversion) in account.conversions.iter().enumerate() {
        let key = format!("account.conversions[{index}]");
        if conversion.instrument.is_some() == conversion.rate.is_some() {
            faults.push(ConfigFault::Conversion {
                key: key.clone(),
                currency: conversion.currency,
            });
        }
        if let Some(rate) = conversion.rate
            && rate.0 <= 0
        {
            faults.push(range(format!("{key}.rate"), rate, "above 0"));
        }
        let mut before = account.conversions.iter().take(index);
        if before.any(|other| other.currency == conversion.currency) {
            faults.push(twice(format!("{key}.currency"), conversion.currency));
        }
    }
    let currencies = account.balances.len() + 1;
    faults.extend(overflow(
        "account.balances",
        currencies,
        "tables.currencies_max",
        config.tables.currencies_max,
    ));
}

fn check_fees(config: &EngineConfig, faults: &mut Vec<ConfigFault>) {
    for (index, fee) in config.fees.iter().enumerate() {
        for (key, share) in [
            ("maker_share", fee.maker_share),
            ("taker_share", fee.taker_share),
        ] {
            if share.abs() >= Amount::ONE {
                let key = format!("fees[{index}].{key}");
                faults.push(range(key, share, "between -1 and 1"));
            }
        }
        let mut before = config.fees.iter().take(index);
        if before.any(|other| other.venue == fee.venue && other.symbol == fee.symbol) {
            faults.push(twice(format!("fees[{index}].venue"), fee.venue));
        }
    }
}

fn check_strategies(config: &EngineConfig, faults: &mut Vec<ConfigFault>) {
    for (index, strategy) in config.strategies.iter().enumerate() {
        let key = format!("strategies[{index}]");
        let mut before = config.strategies.iter().take(index);
        if before.any(|other| other.name == strategy.name) {
            faults.push(twice(format!("{key}.name"), strategy.name));
        }
        if strategy.budget_share.is_some() && strategy.budget_amount.is_some() {
            faults.push(ConfigFault::Budget {
                key: key.clone(),
                name: strategy.name.to_string(),
            });
        }
        if let Some(share) = strategy.budget_share
            && !(0..=Amount::ONE.0).contains(&share.0)
        {
            let key = format!("{key}.budget_share");
            faults.push(range(key, share, "between 0 and 1"));
        }
        if let Some(amount) = strategy.budget_amount
            && amount.0 < 0
        {
            faults.push(range(format!("{key}.budget_amount"), amount, "at least 0"));
        }
        faults.extend(config.fees_for(&strategy.market).err());
    }
    let count = config.strategies.len();
    faults.extend(overflow(
        "strategies",
        count,
        "tables.strategies_max",
        config.tables.strategies_max,
    ));
}

fn check_tables(tables: &TableLimits, faults: &mut Vec<ConfigFault>) {
    let sizes = [
        ("tables.instruments_max", u32::from(tables.instruments_max)),
        ("tables.strategies_max", u32::from(tables.strategies_max)),
        ("tables.currencies_max", u32::from(tables.currencies_max)),
        ("tables.orders_working_max", tables.orders_working_max),
        ("tables.orders_final_kept", tables.orders_final_kept),
        ("tables.paper_arrivals_max", tables.paper_arrivals_max),
        ("tables.paper_fills_max", tables.paper_fills_max),
        ("tables.paper_debits_max", tables.paper_debits_max),
    ];
    for (key, size) in sizes {
        if size == 0 || size > TABLE_MAX {
            faults.push(range(key, whole(size), "between 1 and 1048576"));
        }
    }
    for (key, size) in [
        ("tables.instruments_max", tables.instruments_max),
        ("tables.strategies_max", tables.strategies_max),
    ] {
        if size == u16::MAX {
            faults.push(range(key, whole(u32::from(size)), "below 65535"));
        }
    }
}

fn overflow(key: &'static str, count: usize, limit: &'static str, max: u16) -> Option<ConfigFault> {
    let max = usize::from(max);
    (count > max).then_some(ConfigFault::TooMany {
        key,
        count,
        limit,
        max,
    })
}

/// Returns the whole number as an amount.
pub(crate) fn whole(value: u32) -> Amount {
    Amount(i128::from(value) * Amount::ONE.0)
}

/// Returns the fault of a value out of its range.
pub(crate) fn range(key: impl Into<String>, value: Amount, must: &'static str) -> ConfigFault {
    ConfigFault::Range {
        key: key.into(),
        value,
        must,
    }
}

fn twice(key: String, name: impl fmt::Display) -> ConfigFault {
    ConfigFault::Twice {
        key,
        name: name.to_string(),
    }
}

impl ConfigFault {
    /// Returns the keys that it concerns, as in `fees[1].maker_share`, the one to look at first before the others.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            Self::Range { key, .. }
            | Self::OwnBalance { key, .. }
            | Self::Twice { key, .. }
            | Self::Conversion { key, .. }
            | Self::Budget { key, .. } => vec![key],
            Self::Contradiction { larger, bound, .. } => vec![larger, bound],
            Self::NoTradableOrder { key, .. } => vec![key],
            Self::FeeMissing(_) => vec!["fees"],
            Self::TooMany { key, limit, .. } => vec![key, limit],
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { key, value, must } => write!(f, "{key} is {value}; it must be {must}"),
            Self::Contradiction {
                larger,
                larger_value,
                bound,
                bound_value,
            } => write!(
                f,
                "{larger} = {larger_value} can never be reached: {bound} = {bound_value} is less"
            ),
            Self::NoTradableOrder {
                key,
                equity,
                share,
                needed,
                instrument,
            } => write!(
                f,
                "{key} leaves no order in {instrument}: equity {equity} x {share} is less than {needed}, \
                 the smallest order that can be left again"
            ),
            Self::FeeMissing(key) => write!(
                f,
                "no fee schedule for {key}: add a [[fees]] entry with venue = \"{}\"",
                key.venue
            ),
            Self::OwnBalance { key, currency } => write!(
                f,
                "{key}: {currency} is the account's own currency; what it holds of it is account.equity"
            ),
            Self::Twice { key, name } => write!(f, "{key}: {name} stands twice"),
            Self::Conversion { key, currency } => write!(
                f,
                "{key}: {currency} needs exactly one of `instrument` and `rate`"
            ),
            Self::Budget { key, name } => write!(
                f,
                "{key}: {name} has both `budget_share` and `budget_amount`; give one"
            ),
            Self::TooMany {
                key,
                count,
                limit,
                max,
            } => {
                write!(f, "{key}: {count} entries, but {limit} is {max}")
            }
        }
    }
}

impl std::error::Error for ConfigFault {}
