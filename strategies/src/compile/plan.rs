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
    /// Operations that the interpreter counts at most for a call, loops and calls within left out.
    pub operations: u64,
    /// Markets' numbers may lie elsewhere afterwards.
    pub acts: bool,
    /// It may give a field a value, or change a field's array.
    pub changes: bool,
    /// Fields without arrays that it may give a value.
    pub fields: BTreeSet<u32>,
    /// Fields whose arrays it may change.
    pub arrays: BTreeSet<u32>,
    /// Its calls are counted: they may nest deeper than is allowed.
    pub is_counted: bool,
    /// Functions of the script call it, not only the engine.
    pub is_called: bool,
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
            facts.is_called = calls.iter().any(|callees| callees.contains(&index));
        }
        Self { functions }
    }

    /// Returns what is known of a function.
    pub(crate) fn function(&self, id: FunctionId) -> &Facts {
        static NOTHING: Facts = Facts {
            operations: u64::MAX,
            acts: true,
            changes: true,
            fields: BTreeSet::new(),
            arrays: BTreeSet::new(),
            is_counted: true,
            is_called: true,
        };
        self.functions.get(id.0 as usize).unwrap_or(&NOTHING)
    }

    /// Returns whether any function gives the field a value.
    pub(crate) fn is_assigned(&self, field: FieldId) -> bool {
        let mut functions = self.functions.iter();
        functions.any(|of| of.fields.contains(&field.0) || of.arrays.contains(&field.0))
    }

    /// Returns whether markets' numbers may lie elsewhere after a block.
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

/// Returns whether markets' numbers may lie elsewhere after a call of this.
pub(super) fn is_act(definition: &Definition) -> bool {
    match definition.effect {
        Effect::Pure | Effect::Reads | Effect::Asks => false,
        Effect::Acts | Effect::Declares => true,
    }
}

fn facts(program: &Program, function: &Function) -> Facts {
    let mut facts = Facts {
        operations: function.operations,
        ..Facts::default()
    };
    walk::block(&function.body, &mut |seen| match seen {
        Seen::Statement(Statement::SetField(field, _)) => {
            facts.changes = true;
            if is_array_field(program, *field) {
                facts.arrays.insert(field.0);
            } else {
                facts.fields.insert(field.0);
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
    let known = |of: &Facts| (of.acts, of.changes, of.fields.len(), of.arrays.len());
    let before = known(facts);
    facts.acts |= of_callee.acts;
    facts.changes |= of_callee.changes;
    facts.fields.extend(of_callee.fields);
    facts.arrays.extend(of_callee.arrays);
    before != known(facts)
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
