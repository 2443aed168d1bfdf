//! The checks: one function each, in one table in the order of SPEC 6.
//!
//! Called by the gate only. A check sees the case and says nothing (passed) or a failure.

mod access;
mod data;
mod exposure;
mod order;
mod supply;

use super::input::{GateInputs, Intent};
use super::limits::RiskLimits;
use super::measure;
use claire_types::number::checked_mul;
use claire_types::{Amount, GateCode, Instrument, OrderKind, Price, Qty, Side};
use std::cell::Cell;

/// One order with what was measured for it.
pub(super) struct Case<'a> {
    pub intent: &'a Intent,
    pub inputs: &'a GateInputs<'a>,
    pub limits: &'a RiskLimits,
    /// An exit of SPEC 6: only some checks look at it.
    pub is_exit: bool,
    /// The price that the notional is measured with, see [`measure_price`].
    pub price: Option<Price>,
    /// The order's notional in account currency.
    pub notional: Option<Amount>,
    /// The quantity measured last and its notional: account and strategy often hold the same.
    measured: Cell<Option<(Qty, Amount)>>,
}

/// Why a check did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub code: GateCode,
    pub limit: Amount,
    pub measured: Amount,
    /// The largest quantity that this check would let through, where trimming makes sense.
    pub qty_fits: Option<Qty>,
}

/// A check's answer.
pub(super) type Outcome = Result<(), Failure>;

/// Trimmed orders restart here.
pub(super) const RESTART: u8 = 9;

/// Runs checks in the order of the table and returns the first that fails: its number in SPEC 6, whether exits
/// are subject to it, and what it does.
///
/// Straight code, so that each check is part of one function: calls through a table of pointers take a third of
/// all checks' time.
macro_rules! first_failure {
    ($case:expr, $first:expr; $($number:literal, $on_exits:literal, $check:path;)+) => {
        $(
            if $number >= $first
                && ($on_exits || !$case.is_exit)
                && let Err(failure) = $check($case)
            {
                return Some(($number, failure));
            }
        )+
    };
}

/// Returns the first check from number `first` on that fails. Number 8 has no measurements yet and therefore no entry.
pub(super) fn first_failure(case: &Case<'_>, first: u8) -> Option<(u8, Failure)> {
    first_failure! { case, first;
        1, true, access::kill_switch;
        2, true, access::mode;
        3, false, access::trading_state;
        4, false, access::strategy;
        5, true, access::instrument;
        6, false, data::stale;
        7, false, data::silence;
        9, true, order::precision;
        10, false, order::price_collar;
        11, false, order::order_size;
        12, false, exposure::position;
        13, false, exposure::exposure;
        14, false, exposure::open_count;
        15, true, supply::rate;
        16, false, supply::funds;
        17, false, supply::self_trade;
    }
    None
}

/// Checks that the intent is an order at all.
pub(super) fn shape(intent: &Intent) -> Outcome {
    if intent.qty.0 == 0 {
        return Err(Failure::missing(GateCode::SizeZero));
    }
    let is_priced = match intent.kind {
        OrderKind::Limit => intent.price.0 > 0,
        OrderKind::Market => intent.price.0 == 0,
    };
    if intent.qty.0 < 0 || !is_priced || !intent.flags.is_consistent() {
        return Err(Failure::missing(GateCode::BadOrder));
    }
    Ok(())
}

impl<'a> Case<'a> {
    pub(super) fn new(
        intent: &'a Intent,
        inputs: &'a GateInputs<'a>,
        limits: &'a RiskLimits,
        is_exit: bool,
    ) -> Self {
        let mut case = Self {
            intent,
            inputs,
            limits,
            is_exit,
            price: None,
            notional: None,
            measured: Cell::new(None),
        };
        // Exits are not subject to any check that measures money.
        if !is_exit {
            case.price = inputs
                .instrument
                .and_then(|facts| measure_price(intent, inputs, facts));
            case.notional = case.notional_of(intent.qty);
        }
        case
    }

    /// Returns the notional of a quantity in account currency.
    pub(super) fn notional_of(&self, qty: Qty) -> Option<Amount> {
        if let Some((known, notional)) = self.measured.get()
            && known == qty
        {
            return Some(notional);
        }
        let quote = measure::notional_quote(self.inputs.instrument?, self.price?, qty)?;
        let notional = measure::times(quote, self.inputs.quote_rate?)?;
        self.measured.set(Some((qty, notional)));
        Some(notional)
    }

    /// Returns the instrument, or the failure of check 5.
    pub(super) fn instrument(&self) -> Result<&'a Instrument, Failure> {
        self.inputs
            .instrument
            .ok_or(Failure::missing(GateCode::Instrument))
    }
}

impl Failure {
    /// Returns a failure without numbers.
    pub(super) const fn missing(code: GateCode) -> Self {
        Self::over(code, Amount::ZERO, Amount::ZERO)
    }

    /// Returns a failure with what was allowed and what was measured.
    pub(super) const fn over(code: GateCode, limit: Amount, measured: Amount) -> Self {
        Self {
            code,
            limit,
            measured,
            qty_fits: None,
        }
    }

    /// Returns the failure of a count.
    pub(super) const fn count(code: GateCode, limit: u32, measured: u32) -> Self {
        Self::over(code, whole(limit as i128), whole(measured as i128))
    }

    /// Returns the mark of an order that was cut to what there is to reduce.
    pub(super) fn capped(qty: Qty, asked: Qty, instrument: Option<&Instrument>) -> Self {
        let units = |qty: Qty| {
            let digits = instrument.map_or(0, |facts| facts.scale.qty_digits);
            Amount::from_fixed(i128::from(qty.0), digits).unwrap_or_default()
        };
        Self::over(GateCode::NothingToReduce, units(qty), units(asked))
    }

    /// Returns the failure with the quantity that would pass, rounded down to a step.
    fn fitting(mut self, case: &Case<'_>, qty: Option<i128>) -> Self {
        self.qty_fits = qty
            .and_then(|qty| i64::try_from(qty).ok())
            .zip(case.inputs.instrument)
            .map(|(qty, facts)| Qty(qty - qty.rem_euclid(facts.step.0.max(1))));
        self
    }
}

/// Returns the price that makes an order's notional largest: buys at their limit, sells at the
/// better of limit and reference, since a sell may fill above its limit. `None` where not measured.
fn measure_price(intent: &Intent, inputs: &GateInputs<'_>, facts: &Instrument) -> Option<Price> {
    let own = match intent.kind {
        OrderKind::Limit => intent.price,
        OrderKind::Market => inputs.prices.worst?,
    };
    let reference = inputs.prices.reference?;
    match intent.side {
        Side::Buy => Some(own),
        Side::Sell if measure::price_amount(facts, own)? >= reference => Some(own),
        Side::Sell => reference_price(reference, facts),
    }
}

/// Returns the reference in the instrument's units, rounded half to even.
pub(crate) fn reference_price(reference: Amount, facts: &Instrument) -> Option<Price> {
    let units = claire_types::number::pow10(facts.scale.price_digits);
    let units = claire_types::number::mul_div(reference.0, units, Amount::ONE.0)?;
    i64::try_from(units).ok().map(Price)
}

const fn whole(count: i128) -> Amount {
    Amount(count * Amount::ONE.0)
}

/// Returns whether `value` is at most `share` of `base`, without dividing; `None` where it does not fit.
fn is_within(value: Amount, base: Amount, share: Amount) -> Option<bool> {
    Some(checked_mul(value.0, Amount::ONE.0)? <= checked_mul(base.0, share.0)?)
}
