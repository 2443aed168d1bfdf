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
//!   is false then, too; where equality is let through, `t` must be finite besides. Both scaled operands are far below
//!   the greatest float where they are finite, so their sum is finite where both are.
//! - If one operand is NaN, so is `d`, and every comparison is false, `!=` included, but for one case: Rhai's
//!   larger of zero and NaN is zero, and then it says at once that both are equal.
//!
//! No `max` is taken either: of floats it would be a jump that nobody can foresee. `d > e * max(|x|, |y|)` is `d > e * |x|`
//! and `d > e * |y|`. Where `x * y` is 0, Rhai compares `d` with `e` alone. Then one operand is zero, or both are below
//! 2^-500; if `d > e` it is the former, `d` is the other one's magnitude, and that is beyond `e` times itself and beyond 0:
//! so `d > e` can be one more condition. And if `d` is below `e * |x|` or `e * |y|` where `x * y` is 0, it is below zero, or
//! both operands are tiny: below `e`, too. So for what is within, `d < e` can be one more way; `<=` likewise.

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
        match comparison {
            Comparison::Greater | Comparison::Less => {
                let difference = self.code.ins().fsub(x, y);
                self.is_beyond(difference, x, y)
            }
            Comparison::NotEqual => {
                let distance = self.distance(x, y);
                self.is_beyond(distance, x, y)
            }
            Comparison::GreaterEqual | Comparison::LessEqual => {
                let (after, result) = self.zero_and_nan(x, y);
                // Above minus the tolerance: the other way round, below it.
                let difference = self.code.ins().fsub(y, x);
                let is_within = self.is_within(FloatCC::LessThan, difference, x, y);
                self.meet(after, is_within);
                result
            }
            Comparison::Equal => {
                let (after, result) = self.zero_and_nan(x, y);
                let distance = self.distance(x, y);
                let is_within = self.is_within(FloatCC::LessThanOrEqual, distance, x, y);
                self.meet(after, is_within);
                result
            }
        }
    }

    fn distance(&mut self, x: Value, y: Value) -> Value {
        let difference = self.code.ins().fsub(x, y);
        self.code.ins().fabs(difference)
    }

    /// Writes whether a difference is more than the tolerance: than both scaled ones, and where the product is zero
    /// than the epsilon.
    fn is_beyond(&mut self, difference: Value, x: Value, y: Value) -> Value {
        let more = FloatCC::GreaterThan;
        let [of_x, of_y] = [x, y].map(|of| self.scaled(of));
        let (product, epsilon) = (self.code.ins().fmul(x, y), self.epsilon());
        let zero = self.code.ins().f64const(0.0);
        let is_product = self.code.ins().fcmp(FloatCC::NotEqual, product, zero);
        let beyond_epsilon = self.code.ins().fcmp(more, difference, epsilon);
        let beyond_x = self.code.ins().fcmp(more, difference, of_x);
        let beyond_y = self.code.ins().fcmp(more, difference, of_y);
        let beyond_both = self.code.ins().band(beyond_x, beyond_y);
        let is_far = self.code.ins().bor(is_product, beyond_epsilon);
        self.code.ins().band(beyond_both, is_far)
    }

    /// Writes whether a difference is within the tolerance, and that finite: within one of the scaled ones, or where the
    /// product is zero within the epsilon. Neither operand is NaN.
    fn is_within(&mut self, within: FloatCC, difference: Value, x: Value, y: Value) -> Value {
        let [of_x, of_y] = [x, y].map(|of| self.scaled(of));
        let (product, epsilon) = (self.code.ins().fmul(x, y), self.epsilon());
        let zero = self.code.ins().f64const(0.0);
        let is_zero = self.code.ins().fcmp(FloatCC::Equal, product, zero);
        let within_epsilon = self.code.ins().fcmp(within, difference, epsilon);
        let within_x = self.code.ins().fcmp(within, difference, of_x);
        let within_y = self.code.ins().fcmp(within, difference, of_y);
        let is_near = self.code.ins().band(is_zero, within_epsilon);
        let within_one = self.code.ins().bor(within_x, within_y);
        let is_within = self.code.ins().bor(within_one, is_near);
        let infinite = self.code.ins().f64const(f64::INFINITY);
        let sum = self.code.ins().fadd(of_x, of_y);
        let is_finite = self.code.ins().fcmp(FloatCC::LessThan, sum, infinite);
        self.code.ins().band(is_within, is_finite)
    }

    /// Returns the epsilon times the magnitude.
    fn scaled(&mut self, x: Value) -> Value {
        let size = self.code.ins().fabs(x);
        let epsilon = self.epsilon();
        self.code.ins().fmul(size, epsilon)
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

    fn epsilon(&mut self) -> Value {
        let epsilon = if is_planted(Fault::NoEpsilon) {
            0.0
        } else {
            f64::EPSILON
        };
        self.code.ins().f64const(epsilon)
    }
}
