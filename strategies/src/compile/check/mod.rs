//! The compiler's checker: settles every type of a script and lowers what it can.
//!
//! Runs off the hot path, on the syntax tree that the interpreter runs. A handler that uses something
//! without a compiled form is left to the interpreter alone, with the reason; others are compiled.

mod failure;
mod script;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use failure::{Failure, Lowering, NotCompiled, mistaken, unsupported, word, words};
pub(crate) use script::{Script, Source};
pub(crate) use state::{Slot, join};

use super::ir::{FunctionId, Program, Type};
use crate::Limits;
use crate::api::Definition;
use rhai::{AST, Dynamic};
use state::Schema;
use std::collections::BTreeMap;

/// A script in its typed form.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// The handlers that have one, and all they call.
    pub program: Program,
    /// Every handler of the script but `init`, which is always interpreted.
    pub handlers: Vec<HandlerReport>,
}

/// What became of a handler.
#[derive(Debug)]
pub(crate) struct HandlerReport {
    /// Its name.
    pub name: String,
    /// Its function, or why the interpreter runs it.
    pub compiled: Result<FunctionId, NotCompiled>,
}

/// Lowers a script. `ast` is what the interpreter runs; `constants` are those of script and interface.
pub(crate) fn program(
    ast: &AST,
    constants: &[(String, Dynamic)],
    definitions: &'static [Definition],
    limits: &Limits,
) -> Lowered {
    let mut script = Script::new(ast, constants, definitions, limits);
    let schema = Schema::of_init(&mut script);
    let mut arrays = BTreeMap::new();
    let mut best = handlers(&mut script, &schema, &arrays);
    // An array without items may be one of integers: as more handlers can live with.
    for path in schema.empty_arrays().into_iter().take(ARRAYS_TRIED_MAX) {
        if best.failures() == 0 {
            break;
        }
        arrays.insert(path.clone(), Type::Ints);
        let other = handlers(&mut script, &schema, &arrays);
        if other.failures() < best.failures() {
            best = other;
        } else {
            arrays.remove(&path);
        }
    }
    best
}

/// Lowers all handlers under one assumption on arrays.
fn handlers(script: &mut Script<'_>, schema: &Schema, arrays: &BTreeMap<String, Type>) -> Lowered {
    script.clear();
    let (fields, state) = schema.state(arrays);
    script.program.fields = fields;
    script.state = state;
    let mut handlers = Vec::new();
    for (name, arguments) in HANDLERS {
        if let Some(source) = script.source(name, arguments.len()) {
            handlers.push(HandlerReport {
                name: name.to_owned(),
                compiled: script.handler(&source, arguments),
            });
        }
    }
    Lowered {
        program: std::mem::take(&mut script.program),
        handlers,
    }
}

impl Lowered {
    fn failures(&self) -> usize {
        let failed = self
            .handlers
            .iter()
            .filter(|handler| handler.compiled.is_err());
        failed.count()
    }
}

/// Arrays without items for which both types are tried; further ones hold floats.
const ARRAYS_TRIED_MAX: usize = 8;

/// Handlers and the types of their arguments.
const HANDLERS: [(&str, &[Type]); 8] = [
    ("on_start", &[Type::Market]),
    ("on_book", &[Type::Market]),
    ("on_trade", &[Type::Market, Type::Trade]),
    ("on_bar", &[Type::Market, Type::Bar]),
    ("on_timer", &[Type::Market, Type::Text]),
    ("on_fill", &[Type::Market, Type::Fill]),
    ("on_order", &[Type::Market, Type::Order]),
    ("on_stop", &[Type::Market]),
];

/// Lowers one function of a script as a method of the state.
///
/// # Errors
/// Why it has no typed form.
#[cfg(test)]
pub(crate) fn function(
    script: &mut Script<'_>,
    name: &str,
    arguments: &[Type],
) -> Result<FunctionId, NotCompiled> {
    let schema = Schema::of_init(script);
    let (fields, state) = schema.state(&BTreeMap::new());
    script.program.fields = fields;
    script.state = state;
    let Some(source) = script.source(name, arguments.len()) else {
        return Err(NotCompiled::new(rhai::Position::NONE, "no such function"));
    };
    match script.function(&source, true, arguments.to_vec(), rhai::Position::NONE) {
        Ok(made) => Ok(made.id),
        Err(Failure::Unsupported(fault)) => Err(fault),
        Err(Failure::Recursion(_)) => Err(NotCompiled::new(source.position, "a recursion")),
    }
}
