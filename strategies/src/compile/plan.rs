//! What the emitter and the runtime must know of a program as a whole before any code is written.
//!
//! Which functions act on the desk, which fields each may change, and where calls may nest too deep.

use super::ir::{Block, Expression, FieldId, Function, FunctionId, Kind, Program, Statement};
use super::planted::{Fault, is_planted};
use super::walk::{self, Seen};
use crate::api::definition::{Definition, Effect};
use std::collections::BTreeSet;

/// What is known of every function.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    functions: Vec<Facts>,
}

/// What is known of a function and of those that it calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// It may change the desk.
    pub acts: bool,
    /// It may give a field a value, or change a field's array.
    pub changes: bool,
    /// Fields whose arrays it may change.
    pub arrays: BTreeSet<u32>,
    /// Its calls are counted: they may nest deeper than is allowed.
    pub is_counted: bool,
}

impl Plan {
    /// Returns the plan of a program whose calls may nest this deep.
    pub(crate) fn of(program: &Program, depth_max: usize) -> Self {
        let own = program
            .functions
            .iter()
            .map(|function| facts(program, function));
        let mut functions: Vec<Facts> = own.collect();
        let calls: Vec<_> = program.functions.iter().map(called).collect();
        // What a callee does, its callers do: until nothing is added any more.
        let mut is_growing = true;
        while is_growing {
            is_growing = false;
            for (caller, callees) in calls.iter().enumerate() {
                for callee in callees {
                    is_growing |= merge(&mut functions, caller, *callee);
                }
            }
        }
        for (index, facts) in functions.iter_mut().enumerate() {
            facts.is_counted = depth(&calls, index, depth_max + 1) > depth_max;
        }
        Self { functions }
    }

    /// Returns what is known of a function.
    pub(crate) fn function(&self, id: FunctionId) -> &Facts {
        static NOTHING: Facts = Facts {
            acts: true,
            changes: true,
            arrays: BTreeSet::new(),
            is_counted: true,
        };
        self.functions.get(id.0 as usize).unwrap_or(&NOTHING)
    }

    /// Returns whether a block may change the desk.
    pub(crate) fn acts(&self, block: &Block) -> bool {
        let mut acts = false;
        walk::block(block, &mut |seen| {
            acts |= match seen {
                Seen::Expression(of) => match &of.kind {
                    Kind::Call(id, _) => self.function(*id).acts,
                    _ => own_act(of),
                },
                Seen::Statement(_) => false,
            };
        });
        acts
    }
}

/// Returns the turns that a block costs each time it runs, loops within it left out: one, and one for each call
/// of the interface. A call may take long, and the budget's clock is asked by turns.
pub(super) fn turns(blocks: &[&Block]) -> i64 {
    let of_blocks = blocks.iter().copied().flatten();
    1 + of_blocks.map(natives).sum::<i64>()
}

/// Returns how many calls of the interface a statement makes at most, those in loops left out.
fn natives(statement: &Statement) -> i64 {
    let all = |block: &Block| block.iter().map(natives).sum::<i64>();
    match statement {
        Statement::Loop { .. } => 0,
        Statement::If(condition, yes, no) => natives_in(condition) + all(yes).max(all(no)),
        Statement::Switch {
            of,
            blocks,
            otherwise,
            ..
        } => {
            let longest = blocks.iter().chain([otherwise]).map(all).max();
            natives_in(of) + longest.unwrap_or(0)
        }
        Statement::Do(value)
        | Statement::Set(_, value)
        | Statement::SetField(_, value)
        | Statement::Return(Some(value)) => natives_in(value),
        Statement::SetItem {
            array,
            index,
            value,
        } => natives_in(array) + natives_in(index) + natives_in(value),
        Statement::Break | Statement::Continue | Statement::Return(None) | Statement::SideExit => 0,
    }
}

fn natives_in(of: &Expression) -> i64 {
    let mut count = 0;
    walk::expression(of, &mut |seen| {
        if let Seen::Expression(of) = seen {
            count += i64::from(matches!(of.kind, Kind::Native(..) | Kind::NativeMany(..)));
        }
    });
    count
}

/// Returns whether an expression makes arrays that last until the end of its statement.
pub(super) fn expression_makes_arrays(of: &Expression) -> bool {
    let mut makes = false;
    walk::expression(of, &mut |seen| {
        if let Seen::Expression(of) = seen {
            makes |= is_fresh(of) || passes_arrays(of);
        }
    });
    makes
}

/// Returns whether a statement makes arrays that last until its end.
pub(super) fn makes_arrays(statement: &Statement) -> bool {
    let mut makes = false;
    walk::statement(statement, &mut |seen| {
        if let Seen::Expression(of) = seen {
            makes |= is_fresh(of) || passes_arrays(of);
        }
    });
    makes
}

/// Returns whether an array's expression makes a new one, which is nobody else's.
pub(super) fn is_fresh(of: &Expression) -> bool {
    match &of.kind {
        Kind::Array(_) | Kind::Copy(_) | Kind::Call(..) => of.of.is_array(),
        Kind::After(_, value) => is_fresh(value),
        _ => false,
    }
}

fn passes_arrays(of: &Expression) -> bool {
    let Kind::Call(_, arguments) = &of.kind else {
        return false;
    };
    arguments.iter().any(|one| one.of.is_array())
}

fn own_act(of: &Expression) -> bool {
    match &of.kind {
        Kind::Native(definition, _) | Kind::NativeMany(definition, ..) => is_act(definition),
        _ => false,
    }
}

/// Returns whether a call of this changes the desk.
pub(super) fn is_act(definition: &Definition) -> bool {
    match definition.effect {
        Effect::Pure | Effect::Reads => false,
        Effect::Acts | Effect::Declares => true,
    }
}

fn facts(program: &Program, function: &Function) -> Facts {
    let mut facts = Facts::default();
    walk::block(&function.body, &mut |seen| match seen {
        Seen::Statement(Statement::SetField(field, _)) => {
            facts.changes = true;
            if is_array_field(program, *field) {
                facts.arrays.insert(field.0);
            }
        }
        Seen::Statement(Statement::SetItem { array, .. }) => {
            note_array(program, array, &mut facts);
        }
        Seen::Expression(of) => {
            facts.acts |= own_act(of);
            if let Kind::ArrayCall(_, arguments) = &of.kind
                && let Some(array) = arguments.first()
            {
                note_array(program, array, &mut facts);
            }
        }
        Seen::Statement(_) => {}
    });
    facts
}

/// Notes that the array of this expression is changed.
fn note_array(program: &Program, array: &Expression, facts: &mut Facts) {
    match &array.kind {
        Kind::Local(_) => {}
        Kind::Field(field) => {
            facts.changes = true;
            if is_planted(Fault::ArrayNotUndone) {
                return;
            }
            facts.arrays.insert(field.0);
        }
        Kind::After(_, value) => note_array(program, value, facts),
        _ => {
            let fields = (0..).zip(&program.fields);
            let arrays = fields.filter(|(_, field)| field.of.is_array());
            facts.changes = true;
            facts.arrays.extend(arrays.map(|(id, _)| id));
        }
    }
}

fn is_array_field(program: &Program, id: FieldId) -> bool {
    let field = program.fields.get(id.0 as usize);
    field.is_some_and(|field| field.of.is_array())
}

fn called(function: &Function) -> BTreeSet<usize> {
    let mut called = BTreeSet::new();
    walk::block(&function.body, &mut |seen| {
        if let Seen::Expression(Expression {
            kind: Kind::Call(id, _),
            ..
        }) = seen
        {
            called.insert(id.0 as usize);
        }
    });
    called
}

/// Adds the callee's facts to the caller's, and tells whether that changed them.
fn merge(functions: &mut [Facts], caller: usize, callee: usize) -> bool {
    let Some(of_callee) = functions.get(callee).cloned() else {
        return false;
    };
    let Some(facts) = functions.get_mut(caller) else {
        return false;
    };
    let before = (facts.acts, facts.changes, facts.arrays.len());
    facts.acts |= of_callee.acts;
    facts.changes |= of_callee.changes;
    facts.arrays.extend(of_callee.arrays);
    before != (facts.acts, facts.changes, facts.arrays.len())
}

/// Returns how deep calls from a function may nest, itself counted, up to `max`.
fn depth(calls: &[BTreeSet<usize>], from: usize, max: usize) -> usize {
    let mut level = BTreeSet::from([from]);
    for depth in 1..max {
        let callees = level.iter().filter_map(|function| calls.get(*function));
        let next: BTreeSet<usize> = callees.flatten().copied().collect();
        if next.is_empty() {
            return depth;
        }
        level = next;
    }
    max
}
