//! Expressions: constants, names, operators, and what is read where it lies.

use super::bounds::{number, turned};
use super::statements::slot_offset;
use super::{Emitter, Facts, MarketOf, fixed, machine_type, plain};
use crate::compile::context::{Context, order_word};
use crate::compile::ir::{
    Binary, Comparison, Expression, FieldId, Kind, Member, Type, Unary, Width,
};
use crate::compile::planted::{Fault, is_planted};
use crate::compile::support;
use crate::compile::touch::{Touch, touch};
use claire_engine::strategy::OrderHandle;
use claire_types::Side;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Ieee64;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_> {
    /// Writes an expression and returns its word; of `()`, a word that nobody reads.
    pub(super) fn expression(&mut self, of: &Expression) -> Value {
        match &of.kind {
            Kind::Unit => self.zero(Type::Unit),
            Kind::Bool(value) => self.code.ins().iconst(types::I8, i64::from(*value)),
            Kind::Int(value) => self.code.ins().iconst(types::I64, *value),
            Kind::Float(value) => self.code.ins().f64const(Ieee64::with_bits(value.to_bits())),
            Kind::Text(id) => match self.links.texts.get(id.0 as usize) {
                Some(address) => self.code.ins().iconst(types::I64, *address as i64),
                None => self.missing(of.of),
            },
            Kind::Market => {
                self.code
                    .ins()
                    .load(types::I64, fixed(), self.context, Context::MARKET)
            }
            Kind::NoOrder => {
                let word = order_word(OrderHandle::NONE).unwrap_or_default();
                self.code.ins().iconst(types::I64, word as i64)
            }
            Kind::Local(local) => match self.locals.get(local.0 as usize).copied() {
                Some(place) => self.code.use_var(place),
                None => self.missing(of.of),
            },
            Kind::Field(field) => self.field(*field, of.of),
            Kind::Item(array, index) => self.item(array, index, of.of),
            Kind::Length(array) => self.length(array),
            Kind::Array(items) => self.array(items),
            Kind::Copy(array) => self.copy(array),
            Kind::ArrayCall(call, arguments) => self.array_call(*call, arguments, of.of),
            Kind::Unary(operator, operand) => self.unary(*operator, operand),
            Kind::Binary(operator, a, b) => self.binary(*operator, a, b),
            Kind::And(a, b) => self.shortcut(a, b, false),
            Kind::Or(a, b) => self.shortcut(a, b, true),
            Kind::After(first, value) => {
                self.block(first);
                self.expression(value)
            }
            Kind::Fact(market, member) => {
                let pointer = self.facts_pointer(market);
                self.member(pointer, *member)
            }
            Kind::OrderNumber(order, member) => {
                let pointer = self.order_view(order);
                self.member(pointer, *member)
            }
            Kind::Member(object, member) => {
                let pointer = self.expression(object);
                self.member(pointer, *member)
            }
            Kind::Native(definition, arguments) => self.native(definition, arguments, None, of.of),
            Kind::NativeMany(definition, named, more) => {
                self.native(definition, named, Some(more), of.of)
            }
            Kind::Call(id, arguments) => self.script_call(*id, arguments, of.of),
        }
    }

    /// Leaves machine code where the typed form refers to what is not there.
    pub(super) fn missing(&mut self, of: Type) -> Value {
        self.side_exit();
        self.zero(of)
    }

    fn field(&mut self, field: FieldId, of: Type) -> Value {
        let offset = slot_offset(field);
        match of {
            Type::Unit => self.zero(of),
            Type::Bool => {
                let offset = if is_planted(Fault::SlotBefore) {
                    (offset - 8).max(0)
                } else {
                    offset
                };
                let word = self
                    .code
                    .ins()
                    .load(types::I64, plain(), self.slots, offset);
                self.code.ins().ireduce(types::I8, word)
            }
            // An array stays where it is; what it holds changes.
            Type::Ints | Type::Floats => {
                self.code
                    .ins()
                    .load(types::I64, fixed(), self.slots, offset)
            }
            other => self
                .code
                .ins()
                .load(machine_type(other), plain(), self.slots, offset),
        }
    }

    fn unary(&mut self, operator: Unary, operand: &Expression) -> Value {
        let value = self.expression(operand);
        match operator {
            Unary::Not => self.code.ins().icmp_imm_s(IntCC::Equal, value, 0),
            Unary::NegateInt | Unary::AbsInt | Unary::SignInt | Unary::ToFloat => {
                self.of_integer(operator, value)
            }
            _ => self.of_float(operator, value),
        }
    }

    /// Writes both operands. A name is read after what only reads: else its value is carried over the calls in there.
    fn operands(&mut self, a: &Expression, b: &Expression) -> (Value, Value) {
        if matches!(a.kind, Kind::Local(_) | Kind::Field(_)) && touch(b) != Touch::Changes {
            let y = self.expression(b);
            return (self.expression(a), y);
        }
        (self.expression(a), self.expression(b))
    }

    fn binary(&mut self, operator: Binary, a: &Expression, b: &Expression) -> Value {
        let (x, y) = self.operands(a, b);
        let constant = match b.kind {
            Kind::Int(value) => Some(value),
            _ => None,
        };
        match operator {
            Binary::Add
            | Binary::Subtract
            | Binary::Multiply
            | Binary::Divide
            | Binary::Modulo
            | Binary::Power
            | Binary::ShiftLeft
            | Binary::ShiftRight
            | Binary::BitAnd
            | Binary::BitOr
            | Binary::BitXor => self.integers(operator, x, y, constant),
            Binary::AddFloat => self.code.ins().fadd(x, y),
            Binary::SubtractFloat => self.code.ins().fsub(x, y),
            Binary::MultiplyFloat => self.code.ins().fmul(x, y),
            Binary::DivideFloat => self.code.ins().fdiv(x, y),
            Binary::ModuloFloat => {
                let modulo = support::modulo as *const () as usize;
                self.call(modulo, &[types::F64; 2], Some(types::F64), &[x, y])
            }
            Binary::Least | Binary::Greatest | Binary::LeastFloat | Binary::GreatestFloat => {
                self.chosen(operator, x, y)
            }
            Binary::CompareFloatExactly(comparison) => self.compare_exactly(comparison, x, y),
            Binary::CompareFloat(comparison) => {
                let known = match (number(a), number(b)) {
                    (_, Some(number)) => self.compare_with(comparison, x, number),
                    (Some(number), _) => self.compare_with(turned(comparison), y, number),
                    _ => None,
                };
                known.unwrap_or_else(|| self.compare_floats(comparison, x, y))
            }
            Binary::AndBool => self.code.ins().band(x, y),
            Binary::OrBool => self.code.ins().bor(x, y),
            Binary::XorBool => self.code.ins().bxor(x, y),
            Binary::Compare(comparison) => self.code.ins().icmp(signed(comparison), x, y),
            Binary::CompareBool(comparison) | Binary::CompareWord(comparison) => {
                self.code.ins().icmp(unsigned(comparison), x, y)
            }
            Binary::CompareText(comparison) => {
                let compare = support::compare_texts as *const () as usize;
                let order = self.call(compare, &[types::I64; 2], Some(types::I64), &[x, y]);
                self.code.ins().icmp_imm_s(signed(comparison), order, 0)
            }
        }
    }

    /// Returns where the market's numbers lie; asked of the desk where that is not known here.
    fn facts_pointer(&mut self, market: &Expression) -> Value {
        let Some(of) = self.market_of(market) else {
            let word = self.expression(market);
            return self.ask_facts(word);
        };
        let index = self.facts_of(of);
        if let Some(facts) = self.facts.get(index).filter(|facts| facts.is_known) {
            return self.code.use_var(facts.pointer);
        }
        let word = self.expression(market);
        let pointer = self.ask_facts(word);
        if let Some(facts) = self.facts.get_mut(index) {
            facts.is_known = true;
            self.code.def_var(facts.pointer, pointer);
        }
        pointer
    }

    fn ask_facts(&mut self, market: Value) -> Value {
        let facts = support::facts as *const () as usize;
        let arguments = [self.context, market];
        self.call(facts, &[types::I64; 2], Some(types::I64), &arguments)
    }

    fn facts_of(&mut self, of: MarketOf) -> usize {
        if let Some(index) = self.facts.iter().position(|facts| facts.of == of) {
            return index;
        }
        let pointer = self.code.declare_var(types::I64);
        self.facts.push(Facts {
            of,
            pointer,
            is_known: false,
        });
        self.facts.len() - 1
    }

    fn member(&mut self, object: Value, member: Member) -> Value {
        let offset = member.offset as i32;
        match member.width {
            Width::Float => self.code.ins().load(types::F64, plain(), object, offset),
            Width::Int => self.code.ins().load(types::I64, plain(), object, offset),
            Width::Bool => self.code.ins().load(types::I8, plain(), object, offset),
            Width::Byte => self.code.ins().uload8(types::I64, plain(), object, offset),
            Width::Sign => {
                // Buy is 1 and stays 1; sell is 2 and becomes -1.
                let side = self.code.ins().uload8(types::I64, plain(), object, offset);
                let twice = self.code.ins().ishl_imm_u(side, 1);
                let three = self.code.ins().iconst(types::I64, 3);
                let sign = self.code.ins().isub(three, twice);
                if is_planted(Fault::SideUnsigned) {
                    return self.code.ins().iabs(sign);
                }
                sign
            }
        }
    }
}

/// Returns a comparison of signed integers.
pub(super) fn signed(comparison: Comparison) -> IntCC {
    match comparison {
        Comparison::Equal => IntCC::Equal,
        Comparison::NotEqual => IntCC::NotEqual,
        Comparison::Less => IntCC::SignedLessThan,
        Comparison::LessEqual => IntCC::SignedLessThanOrEqual,
        Comparison::Greater => IntCC::SignedGreaterThan,
        Comparison::GreaterEqual => IntCC::SignedGreaterThanOrEqual,
    }
}

fn unsigned(comparison: Comparison) -> IntCC {
    signed(comparison).unsigned()
}

const _: () = assert!(Side::Buy as u8 == 1 && Side::Sell as u8 == 2);
const _: () = assert!(Side::Buy.sign() == 1 && Side::Sell.sign() == -1);
