//! Indicators' outputs and what is known of orders: asked for, then read on the stack.
//!
//! An output stays as it is during a call, so what was asked holds on every path that goes on from there, as long as
//! the place that named the indicator means the same one: a field that no function changes, or such a parameter.

use super::{Emitter, fixed, plain};
use crate::api::definition::Told;
use crate::compile::ir::{Expression, Kind, Type};
use crate::compile::support;
use crate::token::Outputs;
use claire_engine::strategy::{IndicatorView, OrderView};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, ArgumentPurpose, InstBuilder, Signature, StackSlot, StackSlotData, StackSlotKind,
    Value, types,
};
use std::mem::{align_of, offset_of, size_of};

/// An output on the stack.
pub(super) struct View {
    of: Named,
    /// Number of the output's name; `None` for the indicator's own.
    name: Option<i64>,
    slot: StackSlot,
    /// It was asked for on all ways to here.
    pub is_known: bool,
}

/// What names an indicator, and means the same one during a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Field(u32),
    /// After the number of its function.
    Local(u32, u32),
}

/// A line that may cross another.
struct Line {
    value: Value,
    prev: Value,
    /// `None` of a number, which always is.
    is_warm: Option<Value>,
}

impl Emitter<'_> {
    /// Writes what a function tells of outputs.
    pub(super) fn told(&mut self, told: Told, arguments: &[Expression]) -> Value {
        let (offset, of) = match told {
            Told::Value => (offset_of!(IndicatorView, value), types::F64),
            Told::Prev => (offset_of!(IndicatorView, prev), types::F64),
            Told::IsWarm => (offset_of!(IndicatorView, is_warm), types::I8),
            Told::CrossedUp => return self.crossed(FloatCC::LessThanOrEqual, arguments),
            Told::CrossedDown => return self.crossed(FloatCC::GreaterThanOrEqual, arguments),
        };
        let name = match arguments.get(1).map(|name| &name.kind) {
            Some(Kind::Int(name)) => Some(*name),
            _ => None,
        };
        match arguments.first() {
            Some(indicator) => {
                let slot = self.view(indicator, name);
                self.of_view(slot, offset, of)
            }
            None => self.missing(Type::Float),
        }
    }

    /// Writes whether lines crossed: were `before` to one another, and are now the other way round, without equality.
    fn crossed(&mut self, before: FloatCC, lines: &[Expression]) -> Value {
        let [a, b] = lines else {
            return self.missing(Type::Bool);
        };
        let (a, b) = (self.line(a), self.line(b));
        let after = match before {
            FloatCC::LessThanOrEqual => FloatCC::GreaterThan,
            _ => FloatCC::LessThan,
        };
        let was = self.code.ins().fcmp(before, a.prev, b.prev);
        let is = self.code.ins().fcmp(after, a.value, b.value);
        let mut crossed = self.code.ins().band(was, is);
        for is_warm in [a.is_warm, b.is_warm].into_iter().flatten() {
            crossed = self.code.ins().band(crossed, is_warm);
        }
        crossed
    }

    fn line(&mut self, of: &Expression) -> Line {
        if of.of != Type::Indicator {
            let value = self.expression(of);
            return Line {
                value,
                prev: value,
                is_warm: None,
            };
        }
        let slot = self.view(of, None);
        Line {
            value: self.of_view(slot, offset_of!(IndicatorView, value), types::F64),
            prev: self.of_view(slot, offset_of!(IndicatorView, prev), types::F64),
            is_warm: Some(self.of_view(slot, offset_of!(IndicatorView, is_warm), types::I8)),
        }
    }

    fn of_view(&mut self, slot: StackSlot, offset: usize, of: types::Type) -> Value {
        let place = self.code.ins().stack_addr(types::I64, slot, 0);
        self.code.ins().load(of, plain(), place, offset as i32)
    }

    /// Returns where an indicator's output lies, asked for where it is not known.
    fn view(&mut self, indicator: &Expression, name: Option<i64>) -> StackSlot {
        let Some(of) = self.named(indicator) else {
            let slot = self.view_slot();
            self.ask_view(indicator, name, slot);
            return slot;
        };
        let mut views = self.views.iter();
        let found = views.position(|view| view.of == of && view.name == name);
        let index = found.unwrap_or(self.views.len());
        if found.is_none() {
            let slot = self.view_slot();
            self.views.push(View {
                of,
                name,
                slot,
                is_known: false,
            });
        }
        let known = self.views.get(index).map(|view| (view.slot, view.is_known));
        let (slot, is_known) = match known {
            Some(known) => known,
            None => (self.view_slot(), false),
        };
        if !is_known {
            self.ask_view(indicator, name, slot);
            if let Some(view) = self.views.get_mut(index) {
                view.is_known = true;
            }
        }
        slot
    }

    fn view_slot(&mut self) -> StackSlot {
        self.slot_of::<IndicatorView>()
    }

    fn slot_of<T>(&mut self) -> StackSlot {
        self.code.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            size_of::<T>() as u32,
            align_of::<T>().trailing_zeros() as u8,
        ))
    }

    /// Asks what is known of an order, and returns where it lies until the next time.
    pub(super) fn order_view(&mut self, order: &Expression) -> Value {
        let word = self.expression(order);
        let slot = match self.order_slot {
            Some(slot) => slot,
            None => self.slot_of::<OrderView>(),
        };
        self.order_slot = Some(slot);
        self.answer(support::order as *const () as usize, slot, &[word])
    }

    fn ask_view(&mut self, indicator: &Expression, name: Option<i64>, slot: StackSlot) {
        let word = self.expression(indicator);
        let place = match name {
            None => self.code.ins().iconst(types::I64, 0),
            Some(name) => self.output_place(word, name),
        };
        self.answer(support::view as *const () as usize, slot, &[word, place]);
    }

    /// Calls a function of ours that writes its answer into a slot; returns where that lies.
    fn answer(&mut self, address: usize, slot: StackSlot, words: &[Value]) -> Value {
        let to = self.code.ins().stack_addr(types::I64, slot, 0);
        let mut signature = Signature::new(self.links.convention);
        let result = AbiParam::special(types::I64, ArgumentPurpose::StructReturn);
        signature.params.push(result);
        let context = AbiParam::new(types::I64);
        signature.params.resize(2 + words.len(), context);
        let signature = self.code.import_signature(signature);
        let address = self.code.ins().iconst(types::I64, address as i64);
        let arguments = [&[to, self.context], words].concat();
        self.code
            .ins()
            .call_indirect(signature, address, &arguments);
        to
    }

    /// Returns where the indicator's kind has the output of this name; leaves where it has none.
    fn output_place(&mut self, indicator: Value, name: i64) -> Value {
        let Some(places) = Outputs::shared().places(name) else {
            return self.missing(Type::Int);
        };
        let kind = self.code.ins().ushr_imm_u(indicator, i64::from(u16::BITS));
        let kind = self.code.ins().band_imm_u(kind, i64::from(u8::MAX));
        let places = self
            .code
            .ins()
            .iconst(types::I64, places.as_ptr() as usize as i64);
        let at = self.code.ins().iadd(places, kind);
        let place = self.code.ins().uload8(types::I64, fixed(), at, 0);
        let none = i64::from(Outputs::NO_PLACE);
        let is_none = self.code.ins().icmp_imm_u(IntCC::Equal, place, none);
        self.exit_if(is_none);
        place
    }

    /// Returns what names the indicator, where it means the same one during the call.
    pub(super) fn named(&self, indicator: &Expression) -> Option<Named> {
        match indicator.kind {
            Kind::Field(field) if !self.links.plan.is_assigned(field) => {
                Some(Named::Field(field.0))
            }
            Kind::Local(local) if self.is_fixed(local.0) => {
                let alias = self.aliases.get(local.0 as usize);
                let known = alias.and_then(|alias| alias.indicator);
                Some(known.unwrap_or(Named::Local(self.frame, local.0)))
            }
            _ => None,
        }
    }
}
