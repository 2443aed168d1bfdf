//! Comparisons of a float with a number that the script says: Rhai's rule, worked out while code is made.
//!
//! With one operand fixed, Rhai's tolerance is fixed where it matters, and the floats for which a comparison holds lie
//! between two bounds. These are found here by Rhai's own rule, division and all, so that machine code only looks whether
//! a float is between them. Infinite floats never are: their quotient is NaN. Nor is NaN, but for one case: Rhai
//! says at once that zero and NaN are equal.
//!
//! Why between two bounds: let the number be `c`, from 2^-40 to 2^1000 in size, and first above zero. Where the other one, `x`, is
//! below zero or so small that `x * c` is 0, it is far less than `c`, by Rhai's rule too, since `c` is beyond the epsilon. Above zero the
//! size that Rhai divides by is the greater of both. Up to `c` that is `c` itself, and the quotient grows with `x`. Above `c` it is `x`, and
//! `(x - c) / x` is `1 - c / x`, which grows, too; rounding keeps an order. So each comparison changes its answer once, within some
//! steps of `c`, and equality is what two of them leave. Below zero all is mirrored.

use super::Emitter;
use super::arrays::crossing;
use crate::compile::ir::{Comparison, Expression, Kind, Unary};
use crate::compile::planted::{Fault, is_planted};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_> {
    /// Writes how `x` compares with a number; `None` of one whose bounds are not known.
    pub(super) fn compare_with(
        &mut self,
        comparison: Comparison,
        x: Value,
        number: f64,
    ) -> Option<Value> {
        if number == 0.0 {
            return Some(self.compare_with_zero(comparison, x));
        }
        let (least, greatest) = bounds(comparison, number)?;
        Some(self.is_between(x, least, greatest))
    }

    /// Rhai divides by 1: what counts is the epsilon alone.
    fn compare_with_zero(&mut self, comparison: Comparison, x: Value) -> Value {
        let epsilon = tolerance();
        let (of, cc, bound, last) = match comparison {
            Comparison::Greater => (x, FloatCC::GreaterThan, epsilon, f64::MAX),
            Comparison::Less => (x, FloatCC::LessThan, -epsilon, f64::MIN),
            Comparison::GreaterEqual => (x, FloatCC::GreaterThan, -epsilon, f64::MAX),
            Comparison::LessEqual => (x, FloatCC::LessThan, epsilon, f64::MIN),
            Comparison::NotEqual => {
                let size = self.code.ins().fabs(x);
                (size, FloatCC::GreaterThan, epsilon, f64::MAX)
            }
            Comparison::Equal => {
                let size = self.code.ins().fabs(x);
                (size, FloatCC::LessThanOrEqual, epsilon, f64::MIN)
            }
        };
        let bound = self.code.ins().f64const(bound);
        let (cc, is_finite) = match comparison {
            Comparison::Greater | Comparison::NotEqual => (cc, FloatCC::LessThanOrEqual),
            Comparison::Less => (cc, FloatCC::GreaterThanOrEqual),
            _ if is_planted(Fault::ZeroAndNan) => (cc, FloatCC::Ordered),
            // Zero and NaN are equal.
            Comparison::GreaterEqual => {
                let cc = FloatCC::UnorderedOrGreaterThan;
                (cc, FloatCC::UnorderedOrLessThanOrEqual)
            }
            Comparison::LessEqual => {
                let cc = FloatCC::UnorderedOrLessThan;
                (cc, FloatCC::UnorderedOrGreaterThanOrEqual)
            }
            Comparison::Equal => {
                // What is this small is finite.
                let cc = FloatCC::UnorderedOrLessThanOrEqual;
                return self.code.ins().fcmp(cc, of, bound);
            }
        };
        let is_beyond = self.code.ins().fcmp(cc, of, bound);
        let last = self.code.ins().f64const(last);
        let is_finite = self.code.ins().fcmp(is_finite, of, last);
        self.code.ins().band(is_beyond, is_finite)
    }

    fn is_between(&mut self, x: Value, least: f64, greatest: f64) -> Value {
        // Floats of one sign have the order of their bits, those below zero the other way round; NaN is beyond.
        if least > 0.0 || greatest < 0.0 {
            let (first, last) = (least.to_bits(), greatest.to_bits());
            let (first, last) = (first.min(last), first.max(last));
            let bits = self.code.ins().bitcast(types::I64, crossing(), x);
            let first_word = self.code.ins().iconst(types::I64, first as i64);
            let beyond_first = self.code.ins().isub(bits, first_word);
            let span = self.code.ins().iconst(types::I64, (last - first) as i64);
            let cc = IntCC::UnsignedLessThanOrEqual;
            return self.code.ins().icmp(cc, beyond_first, span);
        }
        let (least, greatest) = (
            self.code.ins().f64const(least),
            self.code.ins().f64const(greatest),
        );
        let is_above = self.code.ins().fcmp(FloatCC::GreaterThanOrEqual, x, least);
        let is_below = self.code.ins().fcmp(FloatCC::LessThanOrEqual, x, greatest);
        self.code.ins().band(is_above, is_below)
    }
}

/// Returns the number that an expression is, where the script says it.
pub(super) fn number(of: &Expression) -> Option<f64> {
    match &of.kind {
        Kind::Float(value) => Some(*value),
        Kind::Unary(Unary::NegateFloat, inner) => number(inner).map(|value| -value),
        Kind::Unary(Unary::ToFloat, inner) => match inner.kind {
            Kind::Int(value) => Some(value as f64),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the comparison of the operands in the other order.
pub(super) fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessEqual => Comparison::GreaterEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterEqual => Comparison::LessEqual,
        same => same,
    }
}

/// Returns the least and the greatest float for which the comparison with the number holds; `None` where that is not
/// found, and of `!=`, which holds on both sides.
fn bounds(comparison: Comparison, number: f64) -> Option<(f64, f64)> {
    if !(NUMBER_MIN..=NUMBER_MAX).contains(&number.abs()) {
        return None;
    }
    let first = (0..STEPS).fold(number, |x, _| x.next_down());
    let near = std::iter::successors(Some(first), |x| Some(x.next_up()));
    let near: Vec<(f64, bool)> = near
        .take(2 * STEPS + 1)
        .map(|x| (x, holds(comparison, x, number)))
        .collect();
    let starts_true = near.first().is_some_and(|(_, holds)| *holds);
    let ends_true = near.last().is_some_and(|(_, holds)| *holds);
    let found = || near.iter().filter(|(_, holds)| *holds).map(|(x, _)| *x);
    let (least, greatest) = (found().next()?, found().next_back()?);
    let is_as_thought = match comparison {
        Comparison::Greater | Comparison::GreaterEqual => !starts_true && ends_true,
        Comparison::Less | Comparison::LessEqual => starts_true && !ends_true,
        Comparison::Equal => !starts_true && !ends_true,
        Comparison::NotEqual => false,
    };
    is_as_thought.then_some((
        if starts_true { f64::MIN } else { least },
        if ends_true { f64::MAX } else { greatest },
    ))
}

/// Returns whether Rhai's rule says so, of floats neither of which is zero, infinite or NaN, nor is their product zero.
fn holds(comparison: Comparison, x: f64, y: f64) -> bool {
    let quotient = (x - y) / x.abs().max(y.abs());
    let epsilon = tolerance();
    match comparison {
        Comparison::Equal => quotient.abs() <= epsilon,
        Comparison::NotEqual => quotient.abs() > epsilon,
        Comparison::Greater => quotient > epsilon,
        Comparison::GreaterEqual => quotient > -epsilon,
        Comparison::Less => quotient < -epsilon,
        Comparison::LessEqual => quotient < epsilon,
    }
}

fn tolerance() -> f64 {
    if is_planted(Fault::NoEpsilon) {
        0.0
    } else {
        f64::EPSILON
    }
}

/// Steps from the number within which every comparison changes its answer: the tolerance is two steps at most.
const STEPS: usize = 8;
/// 2^-40.
const NUMBER_MIN: f64 = 1.0 / (1_u64 << 40) as f64;
/// 2^1000.
const NUMBER_MAX: f64 = f64::from_bits((1000 + 1023) << 52);
