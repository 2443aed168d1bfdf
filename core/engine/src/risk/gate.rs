//! The gate: every check in the order of SPEC 6, the first failure decides.
//!
//! Called by the desk on the engine thread for every order. Pure: the same intent and inputs give
//! the same ruling. Only the gate makes an [`Approved`], so nothing else can send an order.

use super::check::{self, Case, Failure};
use super::input::{GateInputs, Intent, Purpose};
use super::limits::RiskLimits;
use claire_types::record::Verdict;
use claire_types::{Amount, GateCode, Instrument, Qty, TradingState};

/// What the gate let through. Cannot be made, copied or read back from anywhere else.
#[derive(Debug, PartialEq, Eq)]
pub struct Approved<T> {
    value: T,
    is_exit: bool,
}

/// The gate and its limits.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    limits: RiskLimits,
}

/// What a decision record holds of the ruling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Approved, trimmed or denied.
    pub verdict: Verdict,
    /// The check that denied or, where trimmed, trimmed last; else [`GateCode::Ok`].
    pub code: GateCode,
    /// Number of that check in SPEC 6; 0 where none.
    pub check: u8,
    /// Its limit, in the check's unit.
    pub limit: Amount,
    /// What was measured, in the same unit.
    pub measured: Amount,
    /// What may be sent; 0 where denied.
    pub qty: Qty,
}

/// The answer, and the order where there is one to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Ruling {
    /// For the record.
    pub answer: Answer,
    /// For the order table; `None` where denied.
    pub order: Option<Approved<Intent>>,
}

impl<T> Approved<T> {
    /// Returns what was approved.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Returns whether it was let through as an exit.
    pub const fn is_exit(&self) -> bool {
        self.is_exit
    }
}

impl Gate {
    /// Returns the gate with these limits.
    pub const fn new(limits: RiskLimits) -> Self {
        Self { limits }
    }

    /// Returns the limits.
    pub const fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// Decides on one order.
    pub fn check(&self, intent: &Intent, inputs: &GateInputs<'_>) -> Ruling {
        if let Err(failure) = check::shape(intent) {
            return denied(0, failure);
        }
        let mut trimmed = None;
        let mut intent = *intent;
        let Some(is_exit) = self.cap(&mut intent, inputs, &mut trimmed) else {
            return denied(0, Failure::missing(GateCode::NothingToReduce));
        };
        let mut first = 1;
        // Each round either ends or shrinks the order by a step of its own check.
        for _ in 0..TRIMS_MAX {
            let case = Case::new(&intent, inputs, &self.limits, is_exit);
            let Some((number, failure)) = check::first_failure(&case, first) else {
                return approved(intent, is_exit, trimmed);
            };
            match failure
                .qty_fits
                .filter(|qty| self.limits.trim && qty.0 > 0 && *qty < intent.qty)
            {
                Some(qty) => intent.qty = qty,
                None => return denied(number, failure),
            }
            trimmed = Some((number, failure));
            first = check::RESTART;
        }
        let (number, failure) = trimmed.unwrap_or((0, Failure::missing(GateCode::Capacity)));
        denied(number, failure)
    }

    /// Caps what only reduces at what there is to reduce, and tells whether it is an exit.
    ///
    /// The engine's own orders and flattens close the strategy's position. A strategy's reduce-only
    /// order is an exit where it also reduces the account; where two strategies hold against each
    /// other it is an ordinary order as long as those are allowed. `None`: there is nothing to reduce.
    fn cap(
        &self,
        intent: &mut Intent,
        inputs: &GateInputs<'_>,
        trimmed: &mut Option<(u8, Failure)>,
    ) -> Option<bool> {
        if !intent.is_reducing_only() {
            return Some(false);
        }
        let asked = intent.qty;
        let own = inputs.owner.exit_room(intent.side).min(asked);
        let both = own.min(inputs.account.exit_room(intent.side));
        let is_active = inputs.account_state == Some(TradingState::Active)
            && inputs.strategy_state == Some(TradingState::Active);
        let (qty, is_exit) = match intent.purpose {
            Purpose::Protective | Purpose::Flatten => (own, true),
            Purpose::Order if both == own || !is_active => (both, true),
            Purpose::Order => (own, false),
        };
        let qty = match inputs.instrument {
            Some(facts) => orderable(qty, facts),
            None => qty,
        };
        if qty.0 <= 0 {
            return None;
        }
        if qty < asked {
            *trimmed = Some((0, Failure::capped(qty, asked, inputs.instrument)));
        }
        intent.qty = qty;
        Some(is_exit)
    }
}

/// Returns what of a quantity one order can carry: whole steps, and no more than the venue takes at once.
/// A position that is dust or too large for one order must not trap the rest of its exit.
fn orderable(qty: Qty, facts: &Instrument) -> Qty {
    let qty = match facts.qty_max.0 > 0 {
        true => qty.min(facts.qty_max),
        false => qty,
    };
    Qty(qty.0 - qty.0.rem_euclid(facts.step.0.max(1)))
}

fn approved(intent: Intent, is_exit: bool, trimmed: Option<(u8, Failure)>) -> Ruling {
    let answer = match trimmed {
        None => Answer {
            verdict: Verdict::Approved,
            code: GateCode::Ok,
            check: 0,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            qty: intent.qty,
        },
        Some((number, failure)) => answer_of(Verdict::Trimmed, number, failure, intent.qty),
    };
    Ruling {
        answer,
        order: Some(Approved {
            value: intent,
            is_exit,
        }),
    }
}

fn denied(number: u8, failure: Failure) -> Ruling {
    Ruling {
        answer: answer_of(Verdict::Denied, number, failure, Qty::ZERO),
        order: None,
    }
}

fn answer_of(verdict: Verdict, check: u8, failure: Failure, qty: Qty) -> Answer {
    Answer {
        verdict,
        code: failure.code,
        check,
        limit: failure.limit,
        measured: failure.measured,
        qty,
    }
}

/// Returns what a passing check would, for the order table's tests.
#[cfg(test)]
pub(crate) const fn approve(value: Intent, is_exit: bool) -> Approved<Intent> {
    Approved { value, is_exit }
}

/// Most rounds of an order: each trimming check twice, for rounding, and the last pass.
const TRIMS_MAX: u8 = 9;

#[cfg(test)]
mod tests;
