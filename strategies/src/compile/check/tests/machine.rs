//! The table once more, by machine code and by the interpreter behind the engine's trait.

use super::desk::{self, FakeDesk};
use super::snippets::INPUTS;
use crate::compile::ir::Type;
use crate::{Backend, RhaiStrategy, Script, state};
use claire_engine::strategy::{LentDesk, Strategy, StrategyEvent};
use claire_types::InstrumentId;
use rhai::Dynamic;
use std::sync::Arc;

const MAIN: InstrumentId = InstrumentId(0);

/// A strategy on one backend, and its desk.
struct Run {
    strategy: RhaiStrategy,
    desk: LentDesk,
}

impl Run {
    fn new(script: &Arc<Script>, backend: Backend) -> Self {
        let mut run = Self {
            strategy: RhaiStrategy::with(Arc::clone(script), backend),
            desk: FakeDesk::lent(),
        };
        let init = run.strategy.call(&StrategyEvent::Init, &mut run.desk);
        init.expect("init runs");
        let fake = desk::fake(&mut run.desk);
        fake.is_init = false;
        fake.log.clear();
        run
    }

    fn saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.strategy.save(&mut bytes);
        bytes
    }

    /// Calls the book's handler with these inputs; returns the fault, the state and what the desk was asked.
    fn call(&mut self, inputs: (i64, i64, f64, f64)) -> (Option<String>, Vec<u8>, Vec<String>) {
        let state = state::read(&self.saved(), 16).expect("these bytes were saved");
        let mut state = state.expect("init has run");
        let (a, b, x, y) = inputs;
        let inputs: [(&str, Dynamic); 4] = [
            ("in_a", a.into()),
            ("in_b", b.into()),
            ("in_x", x.into()),
            ("in_y", y.into()),
        ];
        for (name, value) in inputs {
            let mut map = state.as_map_mut().expect("the state is a map");
            map.insert(name.into(), value);
        }
        let mut bytes = Vec::new();
        state::write(Some(&state), &mut bytes);
        self.strategy.restore(&bytes).expect("the state comes back");
        let event = StrategyEvent::Book { market: MAIN };
        let result = self.strategy.call(&event, &mut self.desk);
        let fault = result.err().map(|fault| fault.text.to_string());
        let log = std::mem::take(&mut desk::fake(&mut self.desk).log);
        (fault, self.saved(), log)
    }
}

/// Calls `f` of the script on both backends, on all inputs.
pub(super) fn check(text: &str, returns: Type) {
    let call = "this.f(m, this.in_a, this.in_b, this.in_x, this.in_y)";
    let kept = match returns {
        Type::Int => "this.out_int = ",
        Type::Float => "this.out_float = ",
        Type::Bool => "this.out_bool = ",
        Type::Order => "this.out_order = ",
        _ => "",
    };
    let none = "fn on_book(m) { this.none.push(1.0); }";
    assert!(text.contains(none));
    let text = text.replace(none, &format!("fn on_book(m) {{ {kept}{call}; }}"));
    // The static checker refuses `**` of what is no literal.
    if text.contains("**") {
        return;
    }
    let script = match Script::compile("test", &text, &[]) {
        Ok(script) => script,
        Err(faults) => panic!("{text}\n{faults:?}"),
    };
    let handlers = &script.compiled().handlers;
    let is_compiled = handlers.iter().all(|of| of.interpreted.is_none());
    assert!(
        is_compiled,
        "{text}
{handlers:?}"
    );
    let script = Arc::new(script);
    for inputs in INPUTS {
        let mut machine = Run::new(&script, Backend::Compiled);
        let mut interpreted = Run::new(&script, Backend::Interpreted);
        let (found, want) = (machine.call(inputs), interpreted.call(inputs));
        assert_eq!(found, want, "{text}\n{inputs:?}");
    }
}
