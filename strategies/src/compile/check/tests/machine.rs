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
    /// The state after `init`.
    initial: Vec<u8>,
}

impl Run {
    fn new(script: &Arc<Script>, backend: Backend) -> Self {
        let mut run = Self {
            strategy: RhaiStrategy::with(Arc::clone(script), backend),
            desk: FakeDesk::lent(),
            initial: Vec::new(),
        };
        let init = run.strategy.call(&StrategyEvent::Init, &mut run.desk);
        init.expect("init runs");
        let fake = desk::fake(&mut run.desk);
        fake.is_init = false;
        fake.log.clear();
        run.initial = run.saved();
        run
    }

    fn saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.strategy.save(&mut bytes);
        bytes
    }

    /// Calls the book's handler with these inputs, after nothing but `init`; returns the fault, the state and what the desk was asked.
    fn call(&mut self, inputs: (i64, i64, f64, f64)) -> (Option<String>, Vec<u8>, Vec<String>) {
        desk::fake(&mut self.desk).orders.clear();
        let state = state::read(&self.initial, 16).expect("these bytes were saved");
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
    let mut machine = Run::new(&script, Backend::Compiled);
    let mut interpreted = Run::new(&script, Backend::Interpreted);
    for inputs in INPUTS {
        let (found, want) = (machine.call(inputs), interpreted.call(inputs));
        assert_eq!(found, want, "{text}\n{inputs:?}");
    }
}

/// Runs a script's book handler some times on both backends.
fn same(text: &str, calls: usize) {
    let script = match Script::compile("test", text, &[]) {
        Ok(script) => Arc::new(script),
        Err(faults) => panic!("{text}\n{faults:?}"),
    };
    let handlers = &script.compiled().handlers;
    let is_compiled = handlers.iter().all(|of| of.interpreted.is_none());
    assert!(is_compiled, "{text}\n{handlers:?}");
    let mut machine = Run::new(&script, Backend::Compiled);
    let mut interpreted = Run::new(&script, Backend::Interpreted);
    for number in 0..calls {
        let event = StrategyEvent::Book { market: MAIN };
        let found = machine.strategy.call(&event, &mut machine.desk);
        let want = interpreted.strategy.call(&event, &mut interpreted.desk);
        assert_eq!(found, want, "{text}\ncall {number}");
        assert_eq!(
            machine.saved(),
            interpreted.saved(),
            "{text}\ncall {number}"
        );
    }
}

#[test]
fn limits_cut_the_same_calls() {
    let bodies = [
        "this.n = down(this.n * 4); this.n += 1;",
        "this.n += 1; for i in 0..this.n * 500 { this.list.push(0.5); }",
        "this.n += 1; let t = []; for i in 0..this.n * 500 { t.push(i); } this.n += t.len();",
        "this.n += 1; let t = this.list; for i in 0..900 { this.list.push(1.0); } t.push(2.0); this.list = t;",
    ];
    for body in bodies {
        let text = format!(
            "fn init(m) {{ #{{ n: 1, list: [], other: [] }} }}\n\
             fn down(v) {{ if v <= 0 {{ 0 }} else {{ 1 + down(v - 1) }} }}\n\
             fn on_start(m) {{ this.other.push(1); }}\n\
             fn on_book(m) {{ {body} }}"
        );
        same(&text, 12);
    }
}

#[test]
fn functions_of_the_script_come_before_those_of_the_language() {
    same(
        "fn init(m) { #{ n: 1, x: 0.5 } }
         fn abs(v) { v * 100 }
         fn max(one, other) { one - other }
         fn imbalance(levels) { levels }
         fn on_book(m) {
             this.n = abs(this.n) + (-3).abs() + max(1, 2) + this.n.min(7);
             this.x = abs(this.x) + imbalance(2);
         }",
        3,
    );
}

#[test]
fn protections_get_the_same_numbers() {
    same(
        "const STOP = param(\"stop\", 4, 1, 100);
         const TAKE = param(\"take\", 6, 1, 100);
         fn init(m) { #{ n: 0, side: 1 } }
         fn on_book(m) {
             this.side = -this.side;
             m.protect(m.bid - this.side * STOP * m.tick, m.ask + this.side * TAKE * m.tick);
             m.protect(m.bid);
         }",
        4,
    );
}
