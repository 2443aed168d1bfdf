//! Statements: assignments, branches, loops, returns.

use super::{Emitter, Path, Turns, fixed, plain};
use crate::compile::context::Context;
use crate::compile::ir::{Block, Expression, FieldId, Kind, Local, Statement, Type};
use crate::compile::plan::{expression_makes_arrays, is_fresh, makes_arrays};
use crate::compile::planted::{Fault, is_planted};
use crate::compile::support;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::Switch;
use std::collections::BTreeSet;

impl Emitter<'_> {
    /// Writes statements in order; what cannot be reached is left out.
    pub(super) fn block(&mut self, block: &Block) {
        for statement in block {
            if self.is_reachable {
                self.statement(statement);
            }
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::If(condition, yes, no) => self.branch(condition, yes, no),
            Statement::Switch {
                of,
                cases,
                blocks,
                otherwise,
            } => {
                self.switch(of, cases, blocks, otherwise);
            }
            Statement::Loop {
                operations,
                body,
                step,
            } => self.turns(*operations, body, step),
            Statement::Break => self.end_turn(|turns| {
                turns.is_left = true;
                turns.after
            }),
            Statement::Continue => self.end_turn(|turns| {
                if is_planted(Fault::ContinueLeaves) {
                    turns.is_left = true;
                    return turns.after;
                }
                turns.goes_on = true;
                turns.step
            }),
            Statement::Return(value) => {
                let value = match value {
                    Some(value) => self.expression(value),
                    None => self.zero(Type::Unit),
                };
                if self.is_reachable {
                    self.returned(value);
                    self.dead_end();
                }
            }
            Statement::SideExit => self.side_exit(),
            simple => self.with_arrays(simple),
        }
    }

    /// Writes a statement without branches, and gives back the arrays that it made on the way.
    fn with_arrays(&mut self, statement: &Statement) {
        if !makes_arrays(statement) {
            return self.simple(statement);
        }
        let mark = self.pool_mark();
        self.simple(statement);
        if self.is_reachable {
            self.release(mark);
        }
    }

    /// Writes an expression that is no array, and gives back the arrays that it made on the way.
    fn plain_value(&mut self, of: &Expression) -> Value {
        if !expression_makes_arrays(of) {
            return self.expression(of);
        }
        let mark = self.pool_mark();
        let value = self.expression(of);
        if self.is_reachable {
            self.release(mark);
        }
        value
    }

    fn pool_mark(&mut self) -> Value {
        let mark = support::mark as *const () as usize;
        let context = self.context;
        self.call(mark, &[types::I64], Some(types::I64), &[context])
    }

    fn release(&mut self, mark: Value) {
        let release = support::release as *const () as usize;
        let arguments = [self.context, mark];
        self.call(release, &[types::I64; 2], None, &arguments);
    }

    fn simple(&mut self, statement: &Statement) {
        match statement {
            Statement::Do(value) => drop(self.expression(value)),
            Statement::Set(local, value) => self.set(*local, value),
            Statement::SetField(field, value) => self.set_field(*field, value),
            Statement::SetItem {
                array,
                index,
                value,
            } => self.set_item(array, index, value),
            _ => {}
        }
    }

    fn set(&mut self, local: Local, value: &Expression) {
        let word = self.expression(value);
        let Some(place) = self.locals.get(local.0 as usize).copied() else {
            return self.side_exit();
        };
        if value.of.is_array() {
            let own = self.code.use_var(place);
            self.give_array(own, word, is_fresh(value));
        } else if value.of != Type::Unit {
            self.code.def_var(place, word);
        }
    }

    fn set_field(&mut self, field: FieldId, value: &Expression) {
        let word = self.expression(value);
        let offset = slot_offset(field);
        match value.of {
            Type::Unit => {}
            Type::Ints | Type::Floats => {
                let own = self
                    .code
                    .ins()
                    .load(types::I64, fixed(), self.slots, offset);
                self.give_array(own, word, is_fresh(value));
            }
            Type::Bool => {
                let word = self.code.ins().uextend(types::I64, word);
                self.code.ins().store(plain(), word, self.slots, offset);
            }
            Type::Text if !matches!(value.kind, Kind::Text(_) | Kind::Field(_)) => {
                let keep = support::keep_text as *const () as usize;
                let arguments = [self.context, word];
                let word = self.call(keep, &[types::I64; 2], Some(types::I64), &arguments);
                self.leave_if_told();
                self.code.ins().store(plain(), word, self.slots, offset);
            }
            _ => {
                self.code.ins().store(plain(), word, self.slots, offset);
            }
        }
    }

    fn branch(&mut self, condition: &Expression, yes: &Block, no: &Block) {
        let mut ways = self.ways();
        if expression_makes_arrays(condition) {
            let truth = self.plain_value(condition);
            self.decided(truth, &mut ways);
        } else {
            self.decide(condition, &mut ways);
        }
        let after = self.code.create_block();
        let ends = [(ways.yes, yes), (ways.no, no)]
            .map(|(way, block)| self.arm(way.place, block, &way.paths, after));
        self.code.switch_to_block(after);
        self.join(&ends);
    }

    /// Writes one of several ways that meet at `after`, and returns what holds at its end.
    fn arm(
        &mut self,
        place: cranelift_codegen::ir::Block,
        block: &Block,
        before: &[Path],
        after: cranelift_codegen::ir::Block,
    ) -> Path {
        self.code.switch_to_block(place);
        self.join(before);
        self.block(block);
        let end = self.path();
        self.code.ins().jump(after, &[]);
        end
    }

    fn switch(
        &mut self,
        of: &Expression,
        cases: &[(i64, u32)],
        blocks: &[Block],
        otherwise: &Block,
    ) {
        let value = self.plain_value(of);
        let places: Vec<_> = blocks.iter().map(|_| self.code.create_block()).collect();
        let (or, after) = (self.code.create_block(), self.code.create_block());
        let mut switch = Switch::new();
        let mut seen = BTreeSet::new();
        for (case, block) in cases {
            if let Some(place) = places.get(*block as usize)
                && seen.insert(*case)
            {
                switch.set_entry(u128::from(*case as u64), *place);
            }
        }
        switch.emit(&mut self.code, value, or);
        let before = [self.path()];
        let mut ends: Vec<Path> = Vec::with_capacity(blocks.len() + 1);
        for (place, block) in places.into_iter().zip(blocks) {
            ends.push(self.arm(place, block, &before, after));
        }
        ends.push(self.arm(or, otherwise, &before, after));
        self.code.switch_to_block(after);
        self.join(&ends);
    }

    fn turns(&mut self, operations: u64, body: &Block, step: &Block) {
        let (turn, next, after) = (
            self.code.create_block(),
            self.code.create_block(),
            self.code.create_block(),
        );
        // The second turn finds what the first left behind.
        if self.links.plan.acts(body) || self.links.plan.acts(step) {
            self.forget_facts();
        }
        let head = self.path();
        self.code.ins().jump(turn, &[]);
        self.code.switch_to_block(turn);
        self.charge(operations);
        self.loops.push(Turns {
            step: next,
            after,
            is_left: false,
            goes_on: false,
        });
        self.block(body);
        let falls = self.is_reachable;
        self.code.ins().jump(next, &[]);
        let goes_on = falls || self.loops.last().is_some_and(|turns| turns.goes_on);
        self.code.switch_to_block(next);
        self.resume(&head);
        self.is_reachable = goes_on;
        self.block(step);
        self.code.ins().jump(turn, &[]);
        let is_left = self.loops.pop().is_some_and(|turns| turns.is_left);
        self.code.switch_to_block(after);
        self.resume(&head);
        self.is_reachable = is_left;
    }

    fn end_turn(&mut self, to: impl FnOnce(&mut Turns) -> cranelift_codegen::ir::Block) {
        match self.loops.last_mut().map(to) {
            Some(place) => {
                self.code.ins().jump(place, &[]);
                self.dead_end();
            }
            None => self.side_exit(),
        }
    }

    /// Returns from the function; arrays that it took go back, except what it returns.
    pub(super) fn returned(&mut self, value: Value) {
        if self.left_inlined(value) {
            return;
        }
        let mut value = value;
        if let Some(mark) = self.mark {
            if self.function.returns.is_array() {
                let hand_back = support::hand_back as *const () as usize;
                let arguments = [self.context, mark, value];
                value = self.call(hand_back, &[types::I64; 3], Some(types::I64), &arguments);
                self.leave_if_told();
            } else {
                self.release(mark);
            }
        }
        self.return_word(value);
    }
}

/// Returns where a field's slot lies from the slots' start.
pub(super) fn slot_offset(field: FieldId) -> i32 {
    (field.0 * SLOT_BYTES) as i32
}

const SLOT_BYTES: u32 = 8;
const _: () = assert!(Context::SLOTS > 0);
