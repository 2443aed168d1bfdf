//! Whole scripts: those that ship and those of the strategies' page.

use super::values::Value;
use super::{Compiled, bytes, desk, main_market};
use crate::BUNDLED;
use crate::compile::ir::Type;
use crate::token::{Bar, Fill, Order, Trade};
use claire_engine::strategy::{IndicatorView, LentDesk, MarketFacts, OrderHandle};
use claire_types::OrderId;
use rhai::Dynamic;

/// Scripts of the page.
const PAGE: [(&str, &str); 3] = [
    (
        "ema_cross_stop",
        include_str!("../../../../tests/strategies/page/ema_cross_stop.rhai"),
    ),
    (
        "imbalance_scalper",
        include_str!("../../../../tests/strategies/page/imbalance_scalper.rhai"),
    ),
    (
        "market_maker",
        include_str!("../../../../tests/strategies/page/market_maker.rhai"),
    ),
];

#[test]
fn every_handler_of_every_script_has_a_typed_form() {
    for (name, text) in BUNDLED.into_iter().chain(PAGE) {
        let lowered = Compiled::new(text).lowered();
        assert!(!lowered.handlers.is_empty(), "{name}");
        for handler in lowered.handlers {
            if let Err(fault) = handler.compiled {
                panic!("{name}: {}: {fault:?}", handler.name);
            }
        }
    }
}

/// A run of one side: the state and the desk as it left them.
struct Side {
    state: Dynamic,
    desk: LentDesk,
}

impl Side {
    fn new(compiled: &Compiled) -> Self {
        let (state, desk) = compiled.initialized();
        Self { state, desk }
    }

    /// Sets what the desk answers at this step.
    fn prepare(&mut self, step: u64) {
        let fake = desk::fake(&mut self.desk);
        fake.log.clear();
        let wave = (step as f64 * 0.7).rem_euclid(6.0);
        let bid = 100.0 + 3.0 * wave;
        fake.facts[0] = MarketFacts {
            bid,
            ask: bid + 0.5,
            mid: bid + 0.25,
            is_flat: step % 5 < 3,
            position: if step % 5 < 3 { 0.0 } else { wave },
            stale: step.is_multiple_of(11),
            spread_ticks: (step % 4) as i64,
            ..fake.facts[0]
        };
        fake.imbalance = wave;
        for (number, (kind, outputs)) in fake.indicators.iter_mut().enumerate() {
            let at = |step: u64, output: usize| {
                let shift = number as f64 + output as f64 * 0.5;
                3.0 * (step as f64 * 0.9 + shift).rem_euclid(6.0)
            };
            for (output, view) in outputs.iter_mut().enumerate() {
                *view = IndicatorView {
                    // What would end most strategies' look at once is large enough.
                    value: if kind == "adx" {
                        30.0
                    } else {
                        at(step, output)
                    },
                    prev: at(step.saturating_sub(1), output),
                    is_warm: step > 2,
                };
            }
        }
    }
}

/// Returns a handler's further argument at a step.
fn argument(handler: &str, step: u64) -> Option<(Type, Dynamic)> {
    let order = OrderHandle {
        order: OrderId::new(1, step % 3 + 1),
        ..OrderHandle::NONE
    };
    Some(match handler {
        "on_trade" => (Type::Trade, Dynamic::from(Trade(desk::trade()))),
        "on_bar" => {
            let close = 100.0 + 5.0 * (step as f64).rem_euclid(6.0);
            (Type::Bar, Dynamic::from(Bar(desk::bar(close))))
        }
        "on_timer" => (Type::Text, "hold".into()),
        "on_fill" => {
            let mut fill = desk::fill(order);
            fill.opens = step.is_multiple_of(2);
            (Type::Fill, Dynamic::from(Fill(fill)))
        }
        "on_order" => (Type::Order, Dynamic::from(Order(order))),
        _ => return None,
    })
}

#[test]
fn scripts_do_the_same_both_ways() {
    for (name, text) in BUNDLED.into_iter().chain(PAGE) {
        let compiled = Compiled::new(text);
        let lowered = compiled.lowered();
        let (mut interpreted, mut machine) = (Side::new(&compiled), Side::new(&compiled));
        let mut asked = 0;
        for step in 0..60 {
            for handler in &lowered.handlers {
                let id = *handler.compiled.as_ref().expect("it has a typed form");
                interpreted.prepare(step);
                machine.prepare(step);
                let further = argument(&handler.name, step);
                let mut arguments = vec![main_market()];
                let mut words = vec![Value::Token(Type::Market, main_market())];
                if let Some((of, value)) = further {
                    words.push(Value::of(&value, of).expect("an argument of its type"));
                    arguments.push(value);
                }
                let place = format!("{name}, {} at step {step}", handler.name);
                let Side { state, desk } = &mut interpreted;
                let want = compiled.interpreted(state, desk, &handler.name, arguments);
                let _ = want.unwrap_or_else(|fault| panic!("{place}: {fault}"));
                let found =
                    compiled.evaluated(&lowered, id, &machine.state, &mut machine.desk, words);
                let (_, after) = found.unwrap_or_else(|| panic!("{place}: a side exit"));
                machine.state = after;
                let log = &desk::fake(&mut machine.desk).log;
                assert_eq!(bytes(&machine.state), bytes(&interpreted.state), "{place}");
                assert_eq!(*log, desk::fake(&mut interpreted.desk).log, "{place}");
                asked += log.len();
            }
        }
        assert!(asked > 0 || name == "empty", "{name} never acts");
    }
}

#[test]
fn a_handler_without_a_typed_form_leaves_the_others_theirs() {
    let text = r#"
        fn init(m) {
            #{ n: 0, last: (), made: make(), window: [], half: [] }
        }
        fn make() { #{ a: 1 } }
        fn on_start(m) { this.n += 1; }
        fn on_book(m) { this.last = 1.0; }
        fn on_trade(m, trade) { this.made.a += 1; }
        fn on_timer(m, name) { this.window.push(this.n); this.half.push(0.5); }
        fn on_stop(m) { note("n " + this.n); }
    "#;
    let lowered = Compiled::new(text).lowered();
    let reasons: Vec<String> = lowered
        .handlers
        .iter()
        .map(|handler| match &handler.compiled {
            Ok(_) => format!("{}: yes", handler.name),
            Err(fault) => format!("{}: {}, line {}", handler.name, fault.reason, fault.line),
        })
        .collect();
    let want = [
        "on_start: yes",
        "on_book: `this.last` is () at first, so it has no type, line 7",
        "on_trade: the type of `this.made` cannot be told from `init`: maps are kept only by the interpreter, except as fields of `this`, line 8",
        "on_timer: yes",
        "on_stop: `text + value` makes a new text each time, line 10",
    ];
    assert_eq!(reasons, want);
    let fields = &lowered.program.fields;
    let fields: Vec<(&str, Type)> = fields
        .iter()
        .map(|field| (field.name.as_str(), field.of))
        .collect();
    let want = [
        ("half", Type::Floats),
        ("n", Type::Int),
        ("window", Type::Ints),
    ];
    assert_eq!(fields, want);
}

#[test]
fn the_types_of_fields_follow_what_init_computes() {
    let text = r#"
        const P = param("p", 2.5, 0.0, 9.0);
        fn half(v) { v / 2 }
        fn init(m) {
            let b = m.bars(`${60}s`);
            let n = 4;
            let changed = 1;
            let text = "a" + n;
            changed = 1.5;
            if P > 1.0 { n += 1; }
            #{
                bars: b, ema: b.ema(n), n: n, p: P * 2, h: half(P), k: half(n), on: n > 2,
                word: "w", other: market("sim:OTHER"), changed: changed, list: [n, 2],
                inner: #{ a: 1, b: #{ c: 0.5 } },
            }
        }
        fn on_book(m) { }
    "#;
    let lowered = Compiled::new(text).lowered();
    let fields: Vec<(String, Type)> = lowered
        .program
        .fields
        .into_iter()
        .map(|field| (field.name, field.of))
        .collect();
    let want = [
        ("bars", Type::Bars),
        ("ema", Type::Indicator),
        ("h", Type::Float),
        ("inner.a", Type::Int),
        ("inner.b.c", Type::Float),
        ("k", Type::Int),
        ("list", Type::Ints),
        ("n", Type::Int),
        ("on", Type::Bool),
        ("other", Type::Market),
        ("p", Type::Float),
        ("word", Type::Text),
    ];
    let want = want.map(|(name, of)| (name.to_owned(), of));
    assert_eq!(fields, want);
}

#[test]
fn a_function_has_a_form_for_each_combination_of_types_and_no_more() {
    let text = r#"
        fn init(m) { #{ n: 1, x: 1.0 } }
        fn add(a, b) { a + b }
        fn on_book(m) { this.n = add(1, this.n); this.x = add(this.n, this.x); this.n = add(2, 3); }
        fn on_start(m) { this.x = add(this.x, 1.0); this.n = add(this.n, 2); }
    "#;
    let program = Compiled::new(text).lowered().program;
    let mut forms: Vec<(String, Vec<Type>)> = program
        .functions
        .iter()
        .map(|function| {
            let parameters = function.locals[..function.parameters].to_vec();
            (function.name.clone(), parameters)
        })
        .collect();
    forms.sort();
    let form = |name: &str, types: &[Type]| (name.to_owned(), types.to_vec());
    let want = [
        form("add", &[Type::Int, Type::Int]),
        form("add", &[Type::Int, Type::Float]),
        form("add", &[Type::Float, Type::Float]),
        form("on_book", &[Type::Market]),
        form("on_start", &[Type::Market]),
    ];
    assert_eq!(forms, want);
}

/// A chain of functions, each calling the next from within as deep an expression as may be.
fn chain(length: usize, depth: usize) -> String {
    let mut text = "fn init(m) { #{ n: 1 } }\nfn on_book(m) { this.n = f0(1); }\n".to_owned();
    for number in 0..length {
        let inner = if number + 1 == length {
            "v".to_owned()
        } else {
            format!("f{}(v)", number + 1)
        };
        let body = (0..depth).fold(inner, |body, _| {
            format!("(1 + if v > 0 {{ {body} }} else {{ 2 }})")
        });
        text.push_str(&format!("fn f{number}(v) {{ {body} }}\n"));
    }
    text
}

#[test]
fn deep_scripts_are_lowered_or_refused_within_a_threads_stack() {
    // Tests run on threads with stacks of 2 MB.
    let engine = crate::sandbox::engine(&crate::Limits::default());
    let depth = (1..20)
        .rev()
        .find(|depth| engine.compile(chain(2, *depth)).is_ok());
    let depth = depth.expect("one of them is not too deep");
    assert!(depth > 2, "{depth}");
    let lowered = Compiled::new(&chain(12, depth)).lowered();
    assert!(
        lowered.handlers[0].compiled.is_ok(),
        "{:?}",
        lowered.handlers
    );
    let lowered = Compiled::new(&chain(60, depth)).lowered();
    let fault = lowered.handlers[0].compiled.as_ref().expect_err("too deep");
    assert!(
        fault.reason.contains("functions call each other deeper"),
        "{fault:?}"
    );
}

#[test]
fn trying_types_comes_to_an_end() {
    let empties: String = (0..40)
        .map(|number| format!("let t{number} = [];\n"))
        .collect();
    let uses: String = (0..40)
        .map(|number| format!("t{number}.push(1);\n"))
        .collect();
    let text = format!(
        "fn init(m) {{ #{{ n: 1 }} }}\nfn on_book(m) {{\n{empties}{uses}this.n = \"x\";\n}}"
    );
    let lowered = Compiled::new(&text).lowered();
    assert!(lowered.handlers[0].compiled.is_err());
    let calls: String = (0..30)
        .map(|number| {
            format!(
                "fn g{number}(v) {{ if v > 1 {{ g{0}(v - 1) }} else {{ g{1}(v) }} }}\n",
                (number + 1) % 30,
                (number + 7) % 30
            )
        })
        .collect();
    let text =
        format!("fn init(m) {{ #{{ n: 1 }} }}\nfn on_book(m) {{ this.n = g0(3); }}\n{calls}");
    let lowered = Compiled::new(&text).lowered();
    assert_eq!(lowered.handlers.len(), 1);
}
