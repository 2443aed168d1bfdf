//! Calls of small functions of the script, written where they are called.
//!
//! What is known at the call, markets' numbers and indicators' outputs, is known within, and the other way round. The
//! function's operations are taken from the budget as in a call of its own, so that the interpreter's count is
//! kept; functions whose calls might nest too deep are never written this way, so no count of calls is needed.

use super::views::Named;
use super::{Emitter, MarketOf, Path, Turns, machine_type};
use crate::compile::ir::{Expression, Function, FunctionId, Kind, Statement};
use crate::compile::walk::{self, Seen};
use cranelift_codegen::ir::{Block, InstBuilder, Value};
use cranelift_frontend::Variable;

/// A function that is being written within another.
pub(super) struct Inlined {
    after: Block,
    /// What holds where it returned.
    ends: Vec<Path>,
}

/// What an argument stands for in the calling function.
#[derive(Clone, Copy, Default)]
pub(super) struct Alias {
    pub market: Option<MarketOf>,
    pub indicator: Option<Named>,
}

/// What belongs to one function, to come back to.
struct Caller<'a> {
    function: &'a Function,
    locals: Vec<Variable>,
    aliases: Vec<Alias>,
    loops: Vec<Turns>,
    mark: Option<Value>,
    frame: u32,
    inlined: Option<Inlined>,
}

impl<'a> Emitter<'a> {
    /// Returns the function where a call of it is to be written in place.
    pub(super) fn inlinable(&mut self, id: FunctionId) -> Option<&'a Function> {
        let (_, function) = self.callee(id)?;
        if function.is_handler || self.links.plan.function(id).is_counted {
            return None;
        }
        let weight = weight(function)?;
        self.room = self.room.checked_sub(weight)?;
        Some(function)
    }

    /// Writes the body of a function in place of a call, and returns its value.
    pub(super) fn inline(&mut self, function: &'a Function, given: &[Expression]) -> Value {
        let aliases = given.iter().map(|argument| Alias {
            market: self.market_of(argument),
            indicator: self.named(argument),
        });
        let aliases: Vec<Alias> = aliases.collect();
        let values: Vec<Value> = given.iter().map(|one| self.expression(one)).collect();
        let after = self.code.create_block();
        let returns = function.returns;
        let result = (returns != super::Type::Unit)
            .then(|| self.code.append_block_param(after, machine_type(returns)));
        let caller = self.go_into(function, aliases, after);
        for (index, of) in function.locals.iter().enumerate() {
            let value = values.get(index).copied();
            let value = value.unwrap_or_else(|| self.zero(*of));
            if let Some(place) = self.locals.get(index).copied() {
                self.code.def_var(place, value);
            }
        }
        self.charge(function.operations);
        self.block(&function.body);
        if self.is_reachable {
            let nothing = self.zero(returns);
            self.returned(nothing);
        } else {
            self.code.ins().jump(self.exit, &[]);
        }
        let ends = self.come_back(caller);
        self.code.switch_to_block(after);
        self.join(&ends);
        result.unwrap_or_else(|| self.zero(returns))
    }

    /// Goes on after the function that is written in place; returns whether there is one.
    pub(super) fn left_inlined(&mut self, value: Value) -> bool {
        let path = self.path();
        let Some(inlined) = &mut self.inlined else {
            return false;
        };
        inlined.ends.push(path);
        let after = inlined.after;
        if self.function.returns == super::Type::Unit {
            self.code.ins().jump(after, &[]);
        } else {
            self.code.ins().jump(after, &[value.into()]);
        }
        true
    }

    fn go_into(&mut self, function: &'a Function, aliases: Vec<Alias>, after: Block) -> Caller<'a> {
        let code = &mut self.code;
        let locals = function.locals.iter();
        let locals = locals
            .map(|of| code.declare_var(machine_type(*of)))
            .collect();
        self.frames += 1;
        let inlined = Inlined {
            after,
            ends: Vec::new(),
        };
        Caller {
            function: std::mem::replace(&mut self.function, function),
            locals: std::mem::replace(&mut self.locals, locals),
            aliases: std::mem::replace(&mut self.aliases, aliases),
            loops: std::mem::take(&mut self.loops),
            mark: self.mark.take(),
            frame: std::mem::replace(&mut self.frame, self.frames),
            inlined: self.inlined.replace(inlined),
        }
    }

    /// Comes back to the calling function; returns what holds where the other one returned.
    fn come_back(&mut self, caller: Caller<'a>) -> Vec<Path> {
        self.function = caller.function;
        self.locals = caller.locals;
        self.aliases = caller.aliases;
        self.loops = caller.loops;
        self.mark = caller.mark;
        self.frame = caller.frame;
        let inlined = std::mem::replace(&mut self.inlined, caller.inlined);
        inlined.map_or_else(Vec::new, |inlined| inlined.ends)
    }
}

/// Returns how much code a function is; `None` of one that is too much of it, or that has loops or makes arrays.
fn weight(function: &Function) -> Option<u32> {
    let mut weight = 0;
    let mut is_too_much = function.locals.iter().any(|of| of.is_array());
    is_too_much |= function.returns.is_array();
    walk::block(&function.body, &mut |seen| {
        weight += 1;
        is_too_much |= match seen {
            Seen::Expression(of) => match &of.kind {
                Kind::Array(_) | Kind::Copy(_) => true,
                Kind::Call(..) => of.of.is_array(),
                _ => false,
            },
            Seen::Statement(Statement::Loop { .. }) => true,
            Seen::Statement(_) => false,
        };
    });
    (weight <= WEIGHT_MAX && !is_too_much).then_some(weight)
}

/// Statements and expressions of a function that is written in place.
const WEIGHT_MAX: u32 = 64;
/// Statements and expressions that are written in place in one function.
pub(super) const ROOM: u32 = 512;
