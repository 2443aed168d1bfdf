//! Functions of numbers that are an instruction or a few: signs, whole parts, the least and the greatest.

use super::Emitter;
use super::expressions::signed;
use crate::compile::ir::{Binary, Comparison, Type, Unary};
use crate::compile::planted::{Fault, is_planted};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_> {
    /// Writes a function of one integer.
    pub(super) fn of_integer(&mut self, function: Unary, x: Value) -> Value {
        match function {
            Unary::NegateInt => {
                self.exit_if_least(x);
                self.code.ins().ineg(x)
            }
            Unary::AbsInt => {
                self.exit_if_least(x);
                self.code.ins().iabs(x)
            }
            Unary::SignInt => {
                let is_above = self.code.ins().icmp_imm_s(IntCC::SignedGreaterThan, x, 0);
                let is_below = self.code.ins().icmp_imm_s(IntCC::SignedLessThan, x, 0);
                self.sign(is_above, is_below)
            }
            _ if is_planted(Fault::PromotionUnsigned) => {
                self.code.ins().fcvt_from_uint(types::F64, x)
            }
            _ => self.code.ins().fcvt_from_sint(types::F64, x),
        }
    }

    /// Writes a function of one float.
    pub(super) fn of_float(&mut self, function: Unary, x: Value) -> Value {
        match function {
            Unary::ToInt => self.truncated(x),
            Unary::AbsFloat => self.code.ins().fabs(x),
            Unary::SignFloat => self.sign_of_float(x),
            Unary::Floor => self.code.ins().floor(x),
            Unary::Ceiling => self.code.ins().ceil(x),
            Unary::Round if is_planted(Fault::RoundToEven) => self.code.ins().nearest(x),
            Unary::Round => self.rounded(x),
            Unary::Truncate => self.code.ins().trunc(x),
            Unary::Fraction => {
                let whole = self.code.ins().trunc(x);
                self.code.ins().fsub(x, whole)
            }
            Unary::IsNan => self.code.ins().fcmp(FloatCC::Unordered, x, x),
            Unary::IsFinite => self.beside_infinity(FloatCC::LessThan, x),
            Unary::IsInfinite => self.beside_infinity(FloatCC::Equal, x),
            Unary::IsZero => {
                let zero = self.code.ins().f64const(0.0);
                self.code.ins().fcmp(FloatCC::Equal, x, zero)
            }
            _ if is_planted(Fault::NegativeZero) => {
                let zero = self.code.ins().f64const(0.0);
                self.code.ins().fsub(zero, x)
            }
            _ => self.code.ins().fneg(x),
        }
    }

    /// Writes the least or the greatest of two numbers.
    pub(super) fn chosen(&mut self, operator: Binary, x: Value, y: Value) -> Value {
        let is_first = match operator {
            Binary::Least => self.code.ins().icmp(IntCC::SignedLessThanOrEqual, x, y),
            Binary::Greatest => self.code.ins().icmp(IntCC::SignedGreaterThanOrEqual, x, y),
            Binary::LeastFloat => {
                let is_first = self.code.ins().fcmp(FloatCC::LessThanOrEqual, x, y);
                return self.chosen_float(is_first, x, y);
            }
            _ => {
                let is_first = self.code.ins().fcmp(FloatCC::GreaterThanOrEqual, x, y);
                return self.chosen_float(is_first, x, y);
            }
        };
        self.code.ins().select(is_first, x, y)
    }

    /// Writes a choice of floats as one of words: that of floats would be a jump, and nobody can foresee it.
    fn chosen_float(&mut self, is_first: Value, x: Value, y: Value) -> Value {
        let [x, y] = [x, y].map(|of| self.as_word(of));
        let word = self.code.ins().select(is_first, x, y);
        self.word_as(word, Type::Float)
    }

    /// Writes a comparison of floats as IEEE 754 has it.
    pub(super) fn compare_exactly(&mut self, comparison: Comparison, x: Value, y: Value) -> Value {
        let exactly = match signed(comparison) {
            IntCC::Equal => FloatCC::Equal,
            IntCC::NotEqual => FloatCC::NotEqual,
            IntCC::SignedLessThan => FloatCC::LessThan,
            IntCC::SignedLessThanOrEqual => FloatCC::LessThanOrEqual,
            IntCC::SignedGreaterThan => FloatCC::GreaterThan,
            _ => FloatCC::GreaterThanOrEqual,
        };
        self.code.ins().fcmp(exactly, x, y)
    }

    fn exit_if_least(&mut self, x: Value) {
        let is_least = self.code.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN);
        self.exit_if(is_least);
    }

    fn sign(&mut self, is_above: Value, is_below: Value) -> Value {
        let above = self.code.ins().uextend(types::I64, is_above);
        let below = self.code.ins().uextend(types::I64, is_below);
        self.code.ins().isub(above, below)
    }

    fn sign_of_float(&mut self, x: Value) -> Value {
        let is_nan = self.code.ins().fcmp(FloatCC::Unordered, x, x);
        self.exit_if(is_nan);
        let zero = self.code.ins().f64const(0.0);
        let is_above = self.code.ins().fcmp(FloatCC::GreaterThan, x, zero);
        let is_below = self.code.ins().fcmp(FloatCC::LessThan, x, zero);
        self.sign(is_above, is_below)
    }

    fn truncated(&mut self, x: Value) -> Value {
        let size = self.code.ins().fabs(x);
        let most = self.code.ins().f64const(BEYOND_INTEGERS);
        let is_outside = self.code.ins().fcmp(FloatCC::GreaterThan, size, most);
        if !is_planted(Fault::IntegerSaturated) {
            self.exit_if(is_outside);
        }
        // 2^63 itself becomes the greatest integer, NaN zero.
        self.code.ins().fcvt_to_sint_sat(types::I64, x)
    }

    /// Rounds to the nearest, halves away from zero: what is beyond the whole part is exact.
    fn rounded(&mut self, x: Value) -> Value {
        let whole = self.code.ins().trunc(x);
        let rest = self.code.ins().fsub(x, whole);
        let rest = self.code.ins().fabs(rest);
        let (half, one) = (self.code.ins().f64const(0.5), self.code.ins().f64const(1.0));
        let step = self.code.ins().fcopysign(one, x);
        let next = self.code.ins().fadd(whole, step);
        let is_up = self
            .code
            .ins()
            .fcmp(FloatCC::GreaterThanOrEqual, rest, half);
        self.chosen_float(is_up, next, whole)
    }

    fn beside_infinity(&mut self, comparison: FloatCC, x: Value) -> Value {
        let size = self.code.ins().fabs(x);
        let infinite = self.code.ins().f64const(f64::INFINITY);
        self.code.ins().fcmp(comparison, size, infinite)
    }
}

/// 2^63.
const BEYOND_INTEGERS: f64 = 9_223_372_036_854_775_808.0;
