//! Calls: of the interface's functions, by their addresses, and of the script's own.

use super::{Emitter, machine_type, plain};
use crate::api::definition::Definition;
use crate::compile::context::Context;
use crate::compile::ir::{Expression, FunctionId, Kind, Type};
use crate::compile::plan::is_act;
use crate::compile::planted::{Fault, is_planted};
use crate::compile::tagged::Tagged;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_> {
    /// Writes a call of a function of the interface, with more values where it takes any number.
    pub(super) fn native(
        &mut self,
        definition: &Definition,
        named: &[Expression],
        more: Option<&[Expression]>,
        of: Type,
    ) -> Value {
        if let Some(told) = definition.tells {
            return self.told(told, named);
        }
        let Some(shim) = definition.shim else {
            return self.missing(of);
        };
        let (mut arguments, mut parameters) = (vec![self.context], vec![types::I64]);
        for (index, argument) in named.iter().enumerate() {
            let value = self.expression(argument);
            let defined = definition.arguments.get(index);
            self.exit_below(defined.and_then(|of| of.least), argument, value);
            arguments.push(value);
            parameters.push(machine_type(argument.of));
        }
        if is_planted(Fault::ArgumentsSwapped) {
            let last = parameters.iter().rposition(|of| *of == types::F64);
            let before = last.and_then(|last| last.checked_sub(1));
            let is_float = |at: usize| parameters.get(at) == Some(&types::F64);
            if let (Some(before), Some(last)) = (before.filter(|at| is_float(*at)), last) {
                arguments.swap(before, last);
            }
        }
        if let Some(more) = more {
            arguments.extend(self.tagged(more));
            parameters.extend([types::I64; 2]);
        }
        let returns = (of != Type::Unit).then(|| machine_type(of));
        let result = self.call(shim.address, &parameters, returns, &arguments);
        if shim.is_fallible {
            self.leave_if_told();
        }
        if is_act(definition) && !is_planted(Fault::FactsKept) {
            self.forget_facts();
        }
        result
    }

    /// Leaves where an argument is below what is taken.
    fn exit_below(&mut self, least: Option<i64>, argument: &Expression, value: Value) {
        let Some(least) = least else {
            return;
        };
        if matches!(argument.kind, Kind::Int(number) if number >= least) {
            return;
        }
        let cc = IntCC::SignedLessThan;
        let is_below = self.code.ins().icmp_imm_s(cc, value, least);
        self.exit_if(is_below);
    }

    /// Lays values down with their types; returns their address and number.
    fn tagged(&mut self, values: &[Expression]) -> [Value; 2] {
        let evaluated: Vec<Value> = values.iter().map(|value| self.expression(value)).collect();
        let words: Vec<Value> = evaluated
            .into_iter()
            .map(|value| self.as_word(value))
            .collect();
        let first = self.laid(&words, Tagged::BYTES, Tagged::WORD);
        for (index, value) in (0..).zip(values) {
            let of = self.code.ins().iconst(types::I64, value.of as i64);
            let offset = index * Tagged::BYTES as i32 + Tagged::OF;
            self.code.ins().store(plain(), of, first, offset);
        }
        [
            first,
            self.code.ins().iconst(types::I64, values.len() as i64),
        ]
    }

    /// Writes a call of a function of the script.
    pub(super) fn script_call(&mut self, id: FunctionId, given: &[Expression], of: Type) -> Value {
        if let Some(function) = self.inlinable(id) {
            return self.inline(function, given);
        }
        let Some((callee, function)) = self.callee(id) else {
            return self.missing(of);
        };
        let mut arguments = vec![self.context];
        for argument in given {
            let value = if argument.of.is_array() {
                self.array_argument(argument)
            } else {
                self.expression(argument)
            };
            arguments.push(value);
        }
        if function.is_handler {
            let nothing = self.zero(Type::Int);
            arguments.resize(1 + super::HANDLER_WORDS, nothing);
        }
        let facts = self.links.plan.function(id);
        let depth = facts.is_counted.then(|| self.deeper());
        let call = self.code.ins().call(callee, &arguments);
        let result = self.code.inst_results(call).first().copied();
        self.leave_if_told();
        if let Some(depth) = depth {
            self.code
                .ins()
                .store(plain(), depth, self.context, Context::DEPTH);
        }
        if facts.acts {
            self.forget_facts();
        }
        match result {
            Some(result) => result,
            None => self.zero(of),
        }
    }

    /// Counts a call that may nest too deep; returns the count before.
    fn deeper(&mut self) -> Value {
        let depth = self
            .code
            .ins()
            .load(types::I32, plain(), self.context, Context::DEPTH);
        let max = self.links.depth_max;
        let is_deep = self
            .code
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, depth, max);
        self.exit_if(is_deep);
        let deeper = self.code.ins().iadd_imm_s(depth, 1);
        self.code
            .ins()
            .store(plain(), deeper, self.context, Context::DEPTH);
        depth
    }
}
