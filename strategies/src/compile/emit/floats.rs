//! Float comparisons by Rhai's rule: within a relative epsilon.
//!
//! Rhai computes `max = if x * y == 0 { 1 } else { max(|x|, |y|) }` and compares `(x - y) / max` with
//! the epsilon 2^-52. The code here multiplies where Rhai divides: `d / max > e` is `d > e * max`, which
//! gives the same answer for all floats, for these reasons.
//!
//! - `x * y` is not 0 only where the larger of both is at least 2^-538, so `e * max` is a normal
//!   number or infinite, and exact: `e` is a power of two.
//! - Let `t = e * max` be finite. If `d > t`, `d / t` is at least `1 + 2^-52 / m` with `m < 2`, the
//!   significand of `t`: more than half a step above 1, so the rounded quotient is above `e`. If `d = t` it is `e`. If
//!   `d < t`, the quotient is at most `1 - 2^-53`, which is a float, so it is rounded below `e`. The same holds with `-e`.
//! - If `max` is infinite, `d` is infinite or NaN and Rhai's quotient NaN: every comparison is false. `d > t`
//!   is false then, too; where equality is let through, `t` must be finite besides.
//! - If one operand is NaN, so is `d`, and every comparison is false, `!=` included, but for one case: Rhai's
//!   larger of zero and NaN is zero, and then it says at once that both are equal.

use super::Emitter;
use crate::compile::ir::Comparison;
use crate::compile::planted::{Fault, is_planted};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};

impl Emitter<'_> {
    /// Writes a comparison of floats.
    pub(super) fn compare_floats(&mut self, comparison: Comparison, x: Value, y: Value) -> Value {
        let (x, y) = match comparison {
            Comparison::Less | Comparison::LessEqual => (y, x),
            _ => (x, y),
        };
        let tolerance = self.tolerance(x, y);
        let difference = self.code.ins().fsub(x, y);
        match comparison {
            Comparison::Greater | Comparison::Less => {
                self.code
                    .ins()
                    .fcmp(FloatCC::GreaterThan, difference, tolerance)
            }
            Comparison::GreaterEqual | Comparison::LessEqual => {
                let (after, result) = self.zero_and_nan(x, y);
                let least = self.code.ins().fneg(tolerance);
                let is_more = self
                    .code
                    .ins()
                    .fcmp(FloatCC::GreaterThan, difference, least);
                let is_more = self.unless_infinite(is_more, tolerance);
                self.meet(after, is_more);
                result
            }
            Comparison::NotEqual => {
                let distance = self.code.ins().fabs(difference);
                self.code
                    .ins()
                    .fcmp(FloatCC::GreaterThan, distance, tolerance)
            }
            Comparison::Equal => {
                let (after, result) = self.zero_and_nan(x, y);
                let distance = self.code.ins().fabs(difference);
                let is_within = self
                    .code
                    .ins()
                    .fcmp(FloatCC::LessThanOrEqual, distance, tolerance);
                let is_within = self.unless_infinite(is_within, tolerance);
                self.meet(after, is_within);
                result
            }
        }
    }

    /// Answers where one operand is NaN; returns where the answers meet, and the answer there.
    fn zero_and_nan(&mut self, x: Value, y: Value) -> (Block, Value) {
        let (odd, plain, after) = (
            self.code.create_block(),
            self.code.create_block(),
            self.code.create_block(),
        );
        self.code.set_cold_block(odd);
        let result = self.code.append_block_param(after, types::I8);
        let has_nan = self.code.ins().fcmp(FloatCC::Unordered, x, y);
        self.code.ins().brif(has_nan, odd, &[], plain, &[]);
        self.code.switch_to_block(odd);
        let zero = self.code.ins().f64const(0.0);
        let is_x_zero = self.code.ins().fcmp(FloatCC::Equal, x, zero);
        let is_y_zero = self.code.ins().fcmp(FloatCC::Equal, y, zero);
        let mut is_equal = self.code.ins().bor(is_x_zero, is_y_zero);
        if is_planted(Fault::ZeroAndNan) {
            is_equal = self.code.ins().iconst(types::I8, 0);
        }
        self.code.ins().jump(after, &[is_equal.into()]);
        self.code.switch_to_block(plain);
        (after, result)
    }

    fn meet(&mut self, after: Block, answer: Value) {
        self.code.ins().jump(after, &[answer.into()]);
        self.code.switch_to_block(after);
    }

    /// Returns the epsilon times the larger of both, or the epsilon where their product is zero.
    fn tolerance(&mut self, x: Value, y: Value) -> Value {
        let product = self.code.ins().fmul(x, y);
        let (x, y) = (self.code.ins().fabs(x), self.code.ins().fabs(y));
        // Of NaN either will do: the difference is NaN then.
        let is_larger = self.code.ins().fcmp(FloatCC::GreaterThan, x, y);
        let max = self.code.ins().select(is_larger, x, y);
        let epsilon = if is_planted(Fault::NoEpsilon) {
            0.0
        } else {
            f64::EPSILON
        };
        let epsilon = self.code.ins().f64const(epsilon);
        let zero = self.code.ins().f64const(0.0);
        let scaled = self.code.ins().fmul(max, epsilon);
        let is_zero = self.code.ins().fcmp(FloatCC::Equal, product, zero);
        self.code.ins().select(is_zero, epsilon, scaled)
    }

    fn unless_infinite(&mut self, condition: Value, tolerance: Value) -> Value {
        let infinite = self.code.ins().f64const(f64::INFINITY);
        let is_finite = self.code.ins().fcmp(FloatCC::LessThan, tolerance, infinite);
        self.code.ins().band(condition, is_finite)
    }
}
