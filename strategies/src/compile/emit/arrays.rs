//! Arrays: items are read and written where they lie, all else is done by functions of ours.

use super::{Emitter, machine_type, plain};
use crate::compile::array::Array;
use crate::compile::ir::{ArrayCall, Expression, Type};
use crate::compile::plan::is_fresh;
use crate::compile::planted::{Fault, is_planted};
use crate::compile::support;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types};

impl Emitter<'_> {
    /// Takes an empty array.
    pub(super) fn new_array(&mut self) -> Value {
        let array = self.array_support(support::take as *const () as usize, &[self.context]);
        self.leave_if_told();
        array
    }

    /// Gives an array that is someone's the items of another: takes those of a new one, copies all else.
    pub(super) fn give_array(&mut self, to: Value, from: Value, is_new: bool) {
        let give = if is_new {
            support::swap as *const () as usize
        } else {
            support::assign as *const () as usize
        };
        self.call(give, &[types::I64; 2], None, &[to, from]);
    }

    pub(super) fn item(&mut self, array: &Expression, index: &Expression, of: Type) -> Value {
        let (array, index) = (self.expression(array), self.expression(index));
        let place = self.place(array, index);
        self.code.ins().load(machine_type(of), plain(), place, 0)
    }

    pub(super) fn set_item(&mut self, array: &Expression, index: &Expression, value: &Expression) {
        let (array, index) = (self.expression(array), self.expression(index));
        let value = self.expression(value);
        let place = self.place(array, index);
        self.code.ins().store(plain(), value, place, 0);
    }

    pub(super) fn length(&mut self, array: &Expression) -> Value {
        let array = self.expression(array);
        self.length_of(array)
    }

    pub(super) fn array(&mut self, items: &[Expression]) -> Value {
        let words: Vec<Value> = items.iter().map(|item| self.expression(item)).collect();
        let first = self.laid(&words, WORD_BYTES, 0);
        let count = self.code.ins().iconst(types::I64, words.len() as i64);
        let make = support::array_of as *const () as usize;
        let array = self.array_support(make, &[self.context, first, count]);
        self.leave_if_told();
        array
    }

    pub(super) fn copy(&mut self, array: &Expression) -> Value {
        let array = self.expression(array);
        if is_planted(Fault::ArrayShared) {
            return array;
        }
        self.copied(array)
    }

    /// Returns an array as a value for a function of the script, which may do with it what it likes.
    pub(super) fn array_argument(&mut self, argument: &Expression) -> Value {
        let array = self.expression(argument);
        if is_fresh(argument) {
            array
        } else {
            self.copied(array)
        }
    }

    pub(super) fn array_call(
        &mut self,
        call: ArrayCall,
        arguments: &[Expression],
        of: Type,
    ) -> Value {
        let values: Vec<Value> = arguments.iter().map(|one| self.expression(one)).collect();
        let Some((array, rest)) = values.split_first() else {
            return self.missing(of);
        };
        match (call, rest) {
            (ArrayCall::Pop, _) => self.pop(*array, of),
            (ArrayCall::Clear, _) => {
                let none = self.zero(Type::Int);
                self.code.ins().store(plain(), none, *array, Array::LENGTH);
                none
            }
            (ArrayCall::Reverse, _) => {
                let reverse = support::reverse as *const () as usize;
                self.call(reverse, &[types::I64], None, &[*array])
            }
            (ArrayCall::Shift, _) => {
                let first = self.zero(Type::Int);
                self.removed(*array, first, of)
            }
            (ArrayCall::Remove, [at]) => self.removed(*array, *at, of),
            (ArrayCall::Truncate, [length]) => {
                let truncate = support::truncate as *const () as usize;
                self.call(truncate, &[types::I64; 2], None, &[*array, *length])
            }
            (ArrayCall::Push, [value]) => {
                let word = self.as_word(*value);
                let push = support::push as *const () as usize;
                self.array_change(push, &[self.context, *array, word])
            }
            (ArrayCall::Insert, [at, value]) => {
                let word = self.as_word(*value);
                let insert = support::insert as *const () as usize;
                self.array_change(insert, &[self.context, *array, *at, word])
            }
            _ => self.missing(of),
        }
    }

    /// Lays words on the stack, each at the offset within its own bytes, and returns the first one's address.
    pub(super) fn laid(&mut self, words: &[Value], bytes: u32, offset: i32) -> Value {
        let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let data = StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            count.saturating_mul(bytes).max(bytes),
            WORD_BYTES.trailing_zeros() as u8,
        );
        let slot = self.code.create_sized_stack_slot(data);
        let first = self.code.ins().stack_addr(types::I64, slot, 0);
        for (index, word) in (0..).zip(words) {
            self.code
                .ins()
                .store(plain(), *word, first, index * bytes as i32 + offset);
        }
        first
    }

    /// Returns a value as a word of an array.
    pub(super) fn as_word(&mut self, value: Value) -> Value {
        match self.code.func.dfg.value_type(value) {
            types::F64 => self.code.ins().bitcast(types::I64, crossing(), value),
            types::I8 => self.code.ins().uextend(types::I64, value),
            _ => value,
        }
    }

    pub(super) fn word_as(&mut self, word: Value, of: Type) -> Value {
        match machine_type(of) {
            types::F64 => self.code.ins().bitcast(types::F64, crossing(), word),
            _ => word,
        }
    }

    fn copied(&mut self, array: Value) -> Value {
        let copy = support::copy as *const () as usize;
        let copied = self.array_support(copy, &[self.context, array]);
        self.leave_if_told();
        copied
    }

    fn pop(&mut self, array: Value, of: Type) -> Value {
        let length = self.length_of(array);
        let is_empty = self.code.ins().icmp_imm_s(IntCC::Equal, length, 0);
        self.exit_if(is_empty);
        let last = self.code.ins().iadd_imm_s(length, -1);
        self.code.ins().store(plain(), last, array, Array::LENGTH);
        let place = self.item_at(array, last);
        self.code.ins().load(machine_type(of), plain(), place, 0)
    }

    fn removed(&mut self, array: Value, at: Value, of: Type) -> Value {
        let remove = support::remove as *const () as usize;
        let word = self.array_support(remove, &[self.context, array, at]);
        self.leave_if_told();
        self.word_as(word, of)
    }

    fn array_change(&mut self, address: usize, arguments: &[Value]) -> Value {
        let parameters = vec![types::I64; arguments.len()];
        let nothing = self.call(address, &parameters, None, arguments);
        self.leave_if_told();
        nothing
    }

    fn array_support(&mut self, address: usize, arguments: &[Value]) -> Value {
        let parameters = vec![types::I64; arguments.len()];
        self.call(address, &parameters, Some(types::I64), arguments)
    }

    fn length_of(&mut self, array: Value) -> Value {
        self.code
            .ins()
            .load(types::I64, plain(), array, Array::LENGTH)
    }

    /// Returns the address of an item; leaves where there is none.
    fn place(&mut self, array: Value, index: Value) -> Value {
        let length = self.length_of(array);
        let mut from_end = self.code.ins().iadd(index, length);
        if is_planted(Fault::IndexFromEnd) {
            from_end = self.code.ins().iadd_imm_s(from_end, -1);
        }
        let is_from_end = self.code.ins().icmp_imm_s(IntCC::SignedLessThan, index, 0);
        let index = self.code.ins().select(is_from_end, from_end, index);
        let is_outside = self
            .code
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.exit_if(is_outside);
        self.item_at(array, index)
    }

    fn item_at(&mut self, array: Value, index: Value) -> Value {
        let data = self
            .code
            .ins()
            .load(types::I64, plain(), array, Array::DATA);
        let offset = self
            .code
            .ins()
            .ishl_imm_u(index, WORD_BYTES.trailing_zeros() as i64);
        self.code.ins().iadd(data, offset)
    }
}

/// A word as a float and back: the bits stay.
pub(super) fn crossing() -> cranelift_codegen::ir::MemFlagsData {
    cranelift_codegen::ir::MemFlagsData::new()
}

const WORD_BYTES: u32 = 8;
