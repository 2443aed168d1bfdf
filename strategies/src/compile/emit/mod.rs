//! From the typed form to machine code: one function at a time, off the hot path.
//!
//! Called by the machine when a version is compiled. Nothing here checks a script: the typed form is
//! complete, and where Rhai would raise an error the code leaves by the side exit.

mod arrays;
mod bounds;
mod conditions;
mod expressions;
mod floats;
mod inlined;
mod integers;
mod natives;
mod numbers;
mod statements;
mod views;

use super::context::Context;
use super::ir::{Expression, FieldId, Function, FunctionId, Kind, Program, Type};
use super::plan::Plan;
use super::support;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, FuncRef, InstBuilder, MemFlagsData, Signature, StackSlot, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, Variable};
use inlined::{Alias, Inlined};

/// What the code of all functions of a program refers to.
pub(super) struct Links<'a> {
    /// The program.
    pub program: &'a Program,
    /// What is known of its functions.
    pub plan: &'a Plan,
    /// Addresses of its texts' `&str`.
    pub texts: &'a [u64],
    /// Counted calls that may be within one another.
    pub depth_max: i64,
    /// How functions are called.
    pub convention: CallConv,
    /// What code is made for.
    pub target: TargetFrontendConfig,
}

/// Returns how a function of a program is called: the context, its parameters, its value.
///
/// Handlers take two words more, whatever they use of them: the market's and the event's.
pub(super) fn signature(function: &Function, convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.push(AbiParam::new(types::I64));
    if function.is_handler {
        signature
            .params
            .extend([AbiParam::new(types::I64); HANDLER_WORDS]);
        return signature;
    }
    let parameters = function.locals.iter().take(function.parameters);
    signature
        .params
        .extend(parameters.map(|of| AbiParam::new(machine_type(*of))));
    if function.returns != Type::Unit {
        signature
            .returns
            .push(AbiParam::new(machine_type(function.returns)));
    }
    signature
}

/// Writes the code of a function; `callees` are the program's functions as this one may call them.
pub(super) fn define(
    code: FunctionBuilder<'_>,
    links: &Links<'_>,
    id: FunctionId,
    callees: &[FuncRef],
) {
    let Some(function) = links.program.functions.get(id.0 as usize) else {
        return;
    };
    let mut emitter = Emitter::new(code, links, function, callees);
    if function.is_handler && !links.plan.function(id).is_called {
        emitter.keep_fields(id);
    }
    emitter.parameters();
    emitter.block(&function.body);
    emitter.end();
    emitter.code.seal_all_blocks();
    emitter.code.finalize(links.target);
}

/// The function that is being written.
struct Emitter<'a> {
    code: FunctionBuilder<'a>,
    links: &'a Links<'a>,
    function: &'a Function,
    callees: &'a [FuncRef],
    context: Value,
    slots: Value,
    locals: Vec<Variable>,
    /// Pointers to markets' numbers.
    facts: Vec<Facts>,
    /// Indicators' outputs on the stack.
    views: Vec<views::View>,
    /// What is known of the order that was asked for last, on the stack.
    order_slot: Option<StackSlot>,
    /// The loops around the present place, the innermost last.
    loops: Vec<Turns>,
    /// What the parameters of a function that is written in place stand for.
    aliases: Vec<Alias>,
    /// Number of the function that is being written, each place of one that is written in place counted.
    frame: u32,
    /// Greatest such number so far.
    frames: u32,
    /// The function that is being written in place.
    inlined: Option<Inlined>,
    /// How much may still be written in place.
    room: u32,
    /// Leaves with the side exit.
    exit: Block,
    /// Leaves; the exit is set.
    leave: Block,
    /// Arrays taken when the function began, where it takes any.
    mark: Option<Value>,
    /// The present place can be reached.
    is_reachable: bool,
}

/// A pointer to a market's numbers, kept until they may lie elsewhere.
struct Facts {
    of: MarketOf,
    pointer: Variable,
    is_known: bool,
}

/// Whose numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MarketOf {
    /// The market that the handler was called for.
    Call,
    /// A parameter that is never given another value, after the number of its function.
    Local(u32, u32),
}

/// A loop that is being written.
struct Turns {
    step: Block,
    after: Block,
    is_left: bool,
    goes_on: bool,
}

/// What holds at a place, to come back to.
#[derive(Clone)]
struct Path {
    known: Vec<bool>,
    views: Vec<bool>,
    is_reachable: bool,
}

impl<'a> Emitter<'a> {
    fn new(
        mut code: FunctionBuilder<'a>,
        links: &'a Links<'a>,
        function: &'a Function,
        callees: &'a [FuncRef],
    ) -> Self {
        let entry = code.create_block();
        let (exit, leave) = (code.create_block(), code.create_block());
        code.append_block_params_for_function_params(entry);
        code.switch_to_block(entry);
        code.set_cold_block(exit);
        code.set_cold_block(leave);
        let context = code.block_params(entry).first().copied();
        let context = context.unwrap_or_else(|| code.ins().iconst(types::I64, 0));
        let slots = code
            .ins()
            .load(types::I64, fixed(), context, Context::SLOTS);
        let locals = function
            .locals
            .iter()
            .map(|of| code.declare_var(machine_type(*of)));
        let locals = locals.collect();
        Self {
            code,
            links,
            function,
            callees,
            context,
            slots,
            locals,
            facts: Vec::new(),
            views: Vec::new(),
            order_slot: None,
            loops: Vec::new(),
            aliases: Vec::new(),
            frame: 0,
            frames: 0,
            inlined: None,
            room: inlined::ROOM,
            exit,
            leave,
            mark: None,
            is_reachable: true,
        }
    }

    /// Keeps what the fields are that the call may change, for whoever must undo it.
    fn keep_fields(&mut self, id: FunctionId) {
        let fields = self.links.program.fields.len() as u32;
        for field in &self.links.plan.function(id).fields {
            let (at, kept) = (FieldId(*field), FieldId(fields + field));
            let (at, kept) = (statements::slot_offset(at), statements::slot_offset(kept));
            let word = self.code.ins().load(types::I64, plain(), self.slots, at);
            self.code.ins().store(plain(), word, self.slots, kept);
        }
    }

    /// Gives every local a value: a parameter, zero, or an array of its own.
    fn parameters(&mut self) {
        let has_arrays = self
            .function
            .locals
            .iter()
            .skip(self.function.parameters)
            .any(|of| of.is_array());
        if has_arrays || self.function.returns.is_array() {
            self.mark = Some(self.call(
                support::mark as *const () as usize,
                &[types::I64],
                Some(types::I64),
                &[self.context],
            ));
        }
        let entry = self.code.current_block();
        let given: Vec<Value> =
            entry.map_or_else(Vec::new, |entry| self.code.block_params(entry).to_vec());
        let locals: Vec<_> = self
            .locals
            .iter()
            .copied()
            .zip(&self.function.locals)
            .collect();
        for (index, (local, of)) in locals.into_iter().enumerate() {
            let parameter = given
                .get(index + 1)
                .copied()
                .filter(|_| index < self.function.parameters);
            let value = match parameter {
                Some(value) => value,
                None if of.is_array() => self.new_array(),
                None => self.zero(*of),
            };
            self.code.def_var(local, value);
        }
        if !self.function.is_handler {
            self.charge(self.function.operations);
        }
    }

    /// Ends the function, and writes where it is left early.
    fn end(&mut self) {
        if self.is_reachable {
            let value = self.zero(self.function.returns);
            self.returned(value);
        } else {
            // Where all branches left, they still name the place after them: it must have an end.
            self.code.ins().jump(self.exit, &[]);
        }
        self.code.switch_to_block(self.exit);
        let side = self
            .code
            .ins()
            .iconst(types::I32, super::context::Exit::Side as i64);
        self.code
            .ins()
            .store(plain(), side, self.context, Context::EXIT);
        self.code.ins().jump(self.leave, &[]);
        self.code.switch_to_block(self.leave);
        let value = self.zero(self.function.returns);
        self.return_word(value);
    }

    fn return_word(&mut self, value: Value) {
        if self.function.is_handler || self.function.returns == Type::Unit {
            self.code.ins().return_(&[]);
        } else {
            self.code.ins().return_(&[value]);
        }
    }

    /// Takes operations from the budget.
    fn charge(&mut self, operations: u64) {
        let count = i64::try_from(operations).unwrap_or(i64::MAX);
        let budget = self
            .code
            .ins()
            .load(types::I64, plain(), self.context, Context::OPERATIONS);
        let left = self.code.ins().iadd_imm_s(budget, -count);
        self.code
            .ins()
            .store(plain(), left, self.context, Context::OPERATIONS);
        let is_out = self.code.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
        let (look, go) = (self.code.create_block(), self.code.create_block());
        self.code.set_cold_block(look);
        self.code.ins().brif(is_out, look, &[], go, &[]);
        self.code.switch_to_block(look);
        self.call(
            support::look as *const () as usize,
            &[types::I64],
            None,
            &[self.context],
        );
        self.leave_if_told();
        self.code.ins().jump(go, &[]);
        self.code.switch_to_block(go);
    }

    /// Leaves where a call set the exit.
    fn leave_if_told(&mut self) {
        let exit = self
            .code
            .ins()
            .load(types::I32, plain(), self.context, Context::EXIT);
        let go = self.code.create_block();
        self.code.ins().brif(exit, self.leave, &[], go, &[]);
        self.code.switch_to_block(go);
    }

    /// Leaves by the side exit where the condition holds.
    fn exit_if(&mut self, condition: Value) {
        let go = self.code.create_block();
        self.code.ins().brif(condition, self.exit, &[], go, &[]);
        self.code.switch_to_block(go);
    }

    /// Leaves by the side exit in any case.
    fn side_exit(&mut self) {
        self.code.ins().jump(self.exit, &[]);
        self.dead_end();
    }

    /// Goes on in a place that nothing reaches.
    fn dead_end(&mut self) {
        let nowhere = self.code.create_block();
        self.code.switch_to_block(nowhere);
        self.is_reachable = false;
    }

    /// Calls a function of ours by its address.
    fn call(
        &mut self,
        address: usize,
        parameters: &[types::Type],
        returns: Option<types::Type>,
        arguments: &[Value],
    ) -> Value {
        let mut signature = Signature::new(self.links.convention);
        // Rust expects a bool to fill its register.
        let passed = parameters.iter().map(|of| match *of {
            types::I8 => AbiParam::new(types::I8).uext(),
            other => AbiParam::new(other),
        });
        signature.params.extend(passed);
        signature.returns.extend(returns.map(AbiParam::new));
        let signature = self.code.import_signature(signature);
        let address = self.code.ins().iconst(types::I64, address as i64);
        let call = self.code.ins().call_indirect(signature, address, arguments);
        match self.code.inst_results(call).first() {
            Some(result) => *result,
            None => self.zero(Type::Unit),
        }
    }

    fn zero(&mut self, of: Type) -> Value {
        match machine_type(of) {
            types::F64 => self.code.ins().f64const(0.0),
            other => self.code.ins().iconst(other, 0),
        }
    }

    /// Returns what holds here.
    fn path(&self) -> Path {
        Path {
            known: self.facts.iter().map(|facts| facts.is_known).collect(),
            views: self.views.iter().map(|view| view.is_known).collect(),
            is_reachable: self.is_reachable,
        }
    }

    /// Goes on from a place that was left.
    fn resume(&mut self, path: &Path) {
        self.is_reachable = path.is_reachable;
        for (index, facts) in self.facts.iter_mut().enumerate() {
            facts.is_known = path.known.get(index).copied().unwrap_or(false);
        }
        for (index, view) in self.views.iter_mut().enumerate() {
            view.is_known = path.views.get(index).copied().unwrap_or(false);
        }
    }

    /// Goes on where paths meet: what holds on all that can be reached.
    fn join(&mut self, paths: &[Path]) {
        let reached = || paths.iter().filter(|path| path.is_reachable);
        self.is_reachable = reached().next().is_some();
        for (index, facts) in self.facts.iter_mut().enumerate() {
            facts.is_known = reached().all(|path| path.known.get(index).copied().unwrap_or(false));
        }
        for (index, view) in self.views.iter_mut().enumerate() {
            view.is_known = reached().all(|path| path.views.get(index).copied().unwrap_or(false));
        }
    }

    /// Forgets where markets' numbers lie: they may lie elsewhere now.
    fn forget_facts(&mut self) {
        for facts in &mut self.facts {
            facts.is_known = false;
        }
    }

    fn callee(&self, id: FunctionId) -> Option<(FuncRef, &'a Function)> {
        let index = id.0 as usize;
        Some((
            *self.callees.get(index)?,
            self.links.program.functions.get(index)?,
        ))
    }

    /// Returns whose numbers an expression of a market means, where it is one that keeps.
    fn market_of(&self, market: &Expression) -> Option<MarketOf> {
        match market.kind {
            Kind::Market => Some(MarketOf::Call),
            Kind::Local(local) if self.is_fixed(local.0) => {
                let alias = self.aliases.get(local.0 as usize);
                let is_call = self.function.is_handler && local.0 == 0;
                Some(match alias.and_then(|alias| alias.market) {
                    Some(of) => of,
                    None if is_call => MarketOf::Call,
                    None => MarketOf::Local(self.frame, local.0),
                })
            }
            _ => None,
        }
    }

    /// Returns whether a local is a parameter that is never given another value.
    fn is_fixed(&self, local: u32) -> bool {
        let mut is_fixed = (local as usize) < self.function.parameters;
        super::walk::block(&self.function.body, &mut |seen| {
            if let super::walk::Seen::Statement(super::ir::Statement::Set(to, _)) = seen {
                is_fixed &= to.0 != local;
            }
        });
        is_fixed
    }
}

/// Returns how machine code holds a value.
fn machine_type(of: Type) -> types::Type {
    match of {
        Type::Bool => types::I8,
        Type::Float => types::F64,
        _ => types::I64,
    }
}

/// Memory that is there and may change.
const fn plain() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Memory that is there and stays the same during the call.
const fn fixed() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly().with_can_move()
}

/// Words that a handler takes beside the context.
const HANDLER_WORDS: usize = 2;
