//! Integer operators: checked, as Rhai's are. What overflows leaves by the side exit.

use super::Emitter;
use crate::compile::ir::Binary;
use crate::compile::planted::{Fault, is_planted};
use crate::compile::support;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_> {
    /// Writes an operator of two integers, the second of which may be a known constant.
    pub(super) fn integers(
        &mut self,
        operator: Binary,
        x: Value,
        y: Value,
        constant: Option<i64>,
    ) -> Value {
        match operator {
            Binary::Add if is_planted(Fault::SumUnchecked) => self.code.ins().iadd(x, y),
            Binary::Add => {
                let (sum, is_over) = self.code.ins().sadd_overflow(x, y);
                self.exit_if(is_over);
                sum
            }
            Binary::Subtract => {
                let (difference, is_over) = self.code.ins().ssub_overflow(x, y);
                self.exit_if(is_over);
                difference
            }
            Binary::Multiply => {
                let (product, is_over) = self.code.ins().smul_overflow(x, y);
                self.exit_if(is_over);
                product
            }
            Binary::Divide => {
                self.check_divisor(x, y, constant);
                self.code.ins().sdiv(x, y)
            }
            Binary::Modulo => {
                self.check_divisor(x, y, constant);
                self.code.ins().srem(x, y)
            }
            Binary::BitAnd => self.code.ins().band(x, y),
            Binary::BitOr => self.code.ins().bor(x, y),
            Binary::BitXor => self.code.ins().bxor(x, y),
            Binary::ShiftLeft if constant.is_some_and(|by| (0..64).contains(&by)) => {
                self.code.ins().ishl(x, y)
            }
            Binary::ShiftRight if is_planted(Fault::ShiftUnsigned) => self.code.ins().ushr(x, y),
            Binary::ShiftRight if constant.is_some_and(|by| (0..64).contains(&by)) => {
                self.code.ins().sshr(x, y)
            }
            Binary::ShiftLeft => {
                let shift = support::shift_left as *const () as usize;
                self.call(shift, &[types::I64; 2], Some(types::I64), &[x, y])
            }
            Binary::ShiftRight => {
                let shift = support::shift_right as *const () as usize;
                self.call(shift, &[types::I64; 2], Some(types::I64), &[x, y])
            }
            _ => self.power(x, y),
        }
    }

    fn power(&mut self, x: Value, y: Value) -> Value {
        let power = support::power as *const () as usize;
        let arguments = [self.context, x, y];
        let result = self.call(power, &[types::I64; 3], Some(types::I64), &arguments);
        self.leave_if_told();
        result
    }

    /// Leaves where the divisor is zero, or where the quotient has no place.
    fn check_divisor(&mut self, x: Value, y: Value, constant: Option<i64>) {
        if constant.is_some_and(|divisor| divisor != 0 && divisor != -1) {
            return;
        }
        let is_zero = self.code.ins().icmp_imm_s(IntCC::Equal, y, 0);
        self.exit_if(is_zero);
        let is_least = self.code.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN);
        let is_minus_one = self.code.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let is_over = self.code.ins().band(is_least, is_minus_one);
        self.exit_if(is_over);
    }
}
