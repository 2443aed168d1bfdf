//! The table once more, by machine code and by the interpreter behind the engine's trait.

use super::desk::{self, FakeDesk};
use super::snippets::INPUTS;
use crate::compile::ir::Type;
use crate::diagnostic::Source;
use crate::{Backend, Limits, RhaiStrategy, Script, sandbox, state};
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
    let mut spent_max = 0;
    for inputs in INPUTS {
        let (found, want) = (machine.call(inputs), interpreted.call(inputs));
        assert_eq!(found, want, "{text}\n{inputs:?}");
        spent_max = spent_max.max(sandbox::spent());
    }
    let limited = within(&text, spent_max - 1);
    for run in [&mut machine, &mut interpreted] {
        run.strategy = RhaiStrategy::with(Arc::clone(&limited), run.strategy.backend());
    }
    for inputs in INPUTS {
        let (found, want) = (machine.call(inputs), interpreted.call(inputs));
        assert_eq!(
            found, want,
            "{text}\n{inputs:?} within {spent_max} less one"
        );
    }
}

/// Returns the script with so many operations for a call.
fn within(text: &str, operations_max: u64) -> Arc<Script> {
    let limits = Limits {
        operations_max,
        ..Limits::default()
    };
    let source = Source { file: "test", text };
    match Script::compile_within(&limits, "test", source, &[]) {
        Ok(script) => Arc::new(script),
        Err(faults) => panic!("{text}\n{faults:?}"),
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
fn what_runs_out_of_operations_does_so_on_both() {
    let bodies = [
        "while this.n < 40 { this.n += 1; }",
        "loop { this.n += 1; if this.n > 30 { break; } if this.n % 2 == 0 { continue; } this.x *= 1.5; }",
        "do { this.n += 3; } while this.n < 100;",
        "do { this.n += 3; } until this.n > 100",
        "for i in 0..50 { this.n += i; }",
        "for (i, at) in [1.5, 2.5, 3.5] { this.x += i * at; }",
        "for i in this.list { this.x += i; for j in 0..to_int(i) { this.n += 1; } }",
        "for i in range(0, 60, 7) { this.n = max(this.n, i.abs()); }",
        "for i in 0..20 { }",
        "while true { this.n += 1; if this.n > 25 { return; } }",
        "for i in 0..8 { for j in 0..i { if j > 3 { break; } this.n += helper(i, j); } }",
        "this.n = down(18);",
        "for i in 0..5 { this.n += down(i * 3); }",
        "for i in 0..9 { this.n += switch i { 0 => 1, 1 | 2 => 5, 3..6 => helper(i, 2), _ => 0 }; }",
        "for i in 0..9 { this.inner.deep += this.inner.deep * 0.5 + m.mid.abs(); }",
        "for i in 0..9 { this.list[i % 3] += m.bid(i) - m.ask; this.list[0] = this.list[1].floor(); }",
        "for i in 0..9 { note(\"{} of {}\", i, this.n); plot(\"n\", i); }",
        "for i in 0..9 { if this.list.index_of(2.0) > 0 && i in 3..7 { this.n += 1; } }",
        "for i in 0..9 { let o = m.buy_limit(m.qty_for(50.0), m.bid, POST_ONLY, \"why\"); m.cancel(o); }",
        "for i in 0..9 { this.list.push(this.x); if this.list.len() > 5 { this.list.shift(); } }",
        "for i in 0..9 { let t = this.list; t[0] = 1.0; this.list = t; this.n += t.len(); }",
        "let i = 0; while helper(i, 2) < 40 { i += 1; this.on = !this.on; this.x = if this.on { -this.x } else { this.x * 2 }; }",
        "for i in 0..9 { this.add(i); this.n += this.total(); }",
        "for i in 0..9 { this.n <<= 1; this.n &= 255; this.n ^= i; this.x -= 0.5; this.x %= 7; }",
        "for i in 0..9 { let a = m.bid > 1.0 || m.ask > 2.0 && !this.on; this.on = a == false; }",
    ];
    for body in bodies {
        let text = format!(
            "fn init(m) {{ #{{ n: 1, x: 0.5, on: true, list: [1.0, 2.0, 3.0], inner: #{{ deep: 1.0 }} }} }}\n\
             fn down(v) {{ if v <= 0 {{ 0 }} else {{ 1 + down(v - 1) }} }}\n\
             fn helper(a, b) {{ let c = a * b; c + 1 }}\n\
             fn add(v) {{ this.n += v; }}\n\
             fn total() {{ this.n + this.list.len() }}\n\
             fn on_book(m) {{ {body} }}"
        );
        let spent = operations(&text);
        for (operations_max, is_done) in [(spent, true), (spent - 1, false), (spent / 2, false)] {
            at_the_bound(&text, operations_max, is_done);
        }
    }
}

/// Calls the book's handler on both backends; it must be done, or be cut for its operations.
fn at_the_bound(text: &str, operations_max: u64, is_done: bool) {
    let script = within(text, operations_max);
    let handlers = &script.compiled().handlers;
    let is_compiled = handlers.iter().all(|of| of.interpreted.is_none());
    assert!(is_compiled, "{text}\n{handlers:?}");
    let [found, want] = [Backend::Compiled, Backend::Interpreted].map(|backend| {
        // `init` may cost more.
        let mut run = Run::new(&within(text, 100_000), backend);
        run.strategy = RhaiStrategy::with(Arc::clone(&script), backend);
        run.strategy.restore(&run.initial).expect("its own bytes");
        let event = StrategyEvent::Book { market: MAIN };
        let result = run.strategy.call(&event, &mut run.desk);
        (result, run.saved())
    });
    assert_eq!(found, want, "{text}\nwithin {operations_max}");
    let told = want
        .0
        .map_or_else(|fault| fault.text.to_string(), |()| String::new());
    let cut = format!("more than {operations_max} operations");
    assert_eq!(told.contains(&cut), !is_done, "{told}\n{text}");
    assert_eq!(told.is_empty(), is_done, "{told}\n{text}");
}

/// Returns the operations that the interpreter counts for the book's handler, called after `init`.
fn operations(text: &str) -> u64 {
    let mut run = Run::new(&within(text, 100_000), Backend::Interpreted);
    let event = StrategyEvent::Book { market: MAIN };
    let result = run.strategy.call(&event, &mut run.desk);
    assert_eq!(result, Ok(()), "{text}");
    sandbox::spent()
}

#[test]
fn a_function_that_is_too_long_to_be_compiled_is_interpreted() {
    let text = |statements: usize| {
        let body = "this.n += 1;\n".repeat(statements);
        format!(
            "fn init(m) {{ #{{ n: 0 }} }}\nfn on_book(m) {{\n{body}}}\nfn on_timer(m, name) {{ this.n += 1; }}"
        )
    };
    let compiled = |statements: usize| {
        let script = Script::compile("test", &text(statements), &[]).expect("it is right");
        let why = script.compiled().handlers.iter().map(|of| {
            let why = of.interpreted.as_ref();
            why.map(|why| (why.line, why.reason.clone()))
        });
        why.collect::<Vec<_>>()
    };
    assert_eq!(compiled(2_000), [None, None]);
    let told = Some((2, "`on_book` is too long to be compiled".to_owned()));
    assert_eq!(compiled(60_000), [told, None]);
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
