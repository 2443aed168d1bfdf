//! The typed form against Rhai: results, state and what is asked of the desk, bit for bit.

mod changed;
mod evaluator;
mod expressions;
mod machine;
mod mistakes;
mod operators;
mod reasons;
mod scripts;
mod snippets;
mod table;
mod values;

use crate::compile::check::{self, Lowered};
use crate::compile::ir::{FunctionId, Type};
use crate::desk::{self, FakeDesk};
use crate::diagnostic::Source;
use crate::lending::Loan;
use crate::token::Market;
use crate::{Limits, api, constants, sandbox, state};
use claire_engine::strategy::LentDesk;
use claire_types::InstrumentId;
use evaluator::Machine;
use rhai::{AST, CallFnOptions, Dynamic, Engine, Module, OptimizationLevel, Scope};
use values::Value;

/// A script as the interpreter runs it, and its constants with those of the interface.
struct Compiled {
    engine: Engine,
    ast: AST,
    constants: Vec<(String, Dynamic)>,
}

impl Compiled {
    /// Compiles as the runtime does, but for the static checker, which does not know later functions.
    fn new(text: &str) -> Self {
        let limits = Limits::default();
        let mut engine = sandbox::engine(&limits);
        let parsed = engine
            .compile(text)
            .unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let source = Source { file: "test", text };
        let found = constants::evaluate(&limits, source, &parsed, &[])
            .unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut module = Module::new();
        for (name, value) in &found.values {
            module.set_var(name.clone(), value.clone());
        }
        module.build_index();
        engine.register_global_module(module.into());
        engine.set_optimization_level(OptimizationLevel::Full);
        let mut ast = engine.compile(text).expect("it parsed before");
        ast.clear_statements();
        let mut constants: Vec<(String, Dynamic)> = sandbox::constants().into_iter().collect();
        constants.extend(found.values);
        Self {
            engine,
            ast,
            constants,
        }
    }

    fn lowered(&self) -> Lowered {
        check::program(
            &self.ast,
            &self.constants,
            api::definitions(),
            &Limits::default(),
        )
    }

    /// Calls a function as the interpreter does; returns its value, or the error's words.
    fn interpreted(
        &self,
        state: &mut Dynamic,
        desk: &mut LentDesk,
        name: &str,
        arguments: Vec<Dynamic>,
    ) -> Result<Dynamic, String> {
        let options = CallFnOptions::new().eval_ast(false).bind_this_ptr(state);
        let loan = Loan::new(desk).expect("the desk is free");
        sandbox::refill();
        let result = self.engine.call_fn_with_options::<Dynamic>(
            options,
            &mut Scope::new(),
            &self.ast,
            name,
            arguments,
        );
        drop(loan);
        result.map_err(|fault| fault.to_string())
    }

    /// Returns the state and desk after `init`.
    fn initialized(&self) -> (Dynamic, LentDesk) {
        let mut desk = FakeDesk::lent();
        let mut nothing = Dynamic::UNIT;
        let state = self
            .interpreted(&mut nothing, &mut desk, "init", vec![main_market()])
            .expect("init runs");
        let fake = desk::fake(&mut desk);
        fake.is_init = false;
        fake.log.clear();
        (state, desk)
    }

    /// Runs a lowered function on this state; returns its value and the new state, or `None` at a side exit.
    fn evaluated(
        &self,
        lowered: &Lowered,
        id: FunctionId,
        before: &Dynamic,
        desk: &mut LentDesk,
        arguments: Vec<Value>,
    ) -> Option<(Dynamic, Dynamic)> {
        let program = &lowered.program;
        let fields = program.fields.iter();
        let fields = fields.map(|field| {
            let value = at_path(before, &field.name);
            Value::of(&value, field.of).unwrap_or_else(|| panic!("{}: {value:?}", field.name))
        });
        let mut machine = Machine {
            program,
            engine: &self.engine,
            fields: fields.collect(),
            market: Value::Token(Type::Market, main_market()),
            fuel: 10_000,
            depth: 0,
        };
        let loan = Loan::new(desk).expect("the desk is free");
        let result = machine.run(id, arguments);
        drop(loan);
        let value = result?.dynamic();
        let mut after = before.clone();
        for (field, value) in program.fields.iter().zip(machine.fields) {
            set_path(&mut after, &field.name, value.dynamic());
        }
        Some((value, after))
    }
}

fn main_market() -> Dynamic {
    Dynamic::from(Market(InstrumentId(0)))
}

fn at_path(state: &Dynamic, path: &str) -> Dynamic {
    path.split('.').fold(state.clone(), |map, name| {
        let map = map.cast::<rhai::Map>();
        map.get(name).expect("a field of the program").clone()
    })
}

fn set_path(state: &mut Dynamic, path: &str, value: Dynamic) {
    let mut map = state.as_map_mut().expect("the state is a map");
    match path.split_once('.') {
        None => {
            map.insert(path.into(), value);
        }
        Some((name, rest)) => {
            set_path(
                map.get_mut(name).expect("a field of the program"),
                rest,
                value,
            );
        }
    }
}

/// Returns the bytes that a value is saved as: floats by their bits.
fn bytes(value: &Dynamic) -> Vec<u8> {
    let mut out = Vec::new();
    state::write(Some(value), &mut out);
    out
}

/// Returns what two values must have in common to be the same, in words where they have no bytes.
fn shown(value: &Dynamic) -> (Vec<u8>, String) {
    (bytes(value), format!("{value:?}"))
}
