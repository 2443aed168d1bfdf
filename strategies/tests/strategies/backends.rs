//! Both backends on the same calls: the same requests to the desk, the same faults, the same saved bytes.

use crate::desk::{FakeDesk, bar, fake, fill, trade};
use claire_engine::strategy::{Desk, Fault, LentDesk, OrderHandle, Strategy, StrategyEvent};
use claire_strategies::{Backend, RhaiStrategy, Script};
use claire_types::{GateCode, InstrumentId, OrderId};
use std::sync::Arc;

const MAIN: InstrumentId = InstrumentId(0);
const BOOK: StrategyEvent<'static> = StrategyEvent::Book { market: MAIN };

/// A strategy with its desk.
struct Run {
    strategy: RhaiStrategy,
    desk: LentDesk,
}

/// The same script on both backends.
struct Pair {
    script: Arc<Script>,
    compiled: Run,
    interpreted: Run,
}

impl Run {
    fn new(script: &Arc<Script>, backend: Backend) -> Self {
        let strategy = RhaiStrategy::with(Arc::clone(script), backend);
        Self {
            strategy,
            desk: FakeDesk::lent(),
        }
    }

    fn call(&mut self, event: StrategyEvent<'_>) -> (Result<(), Fault>, Vec<String>, Vec<u8>) {
        fake(&mut self.desk).begin();
        let result = self.strategy.call(&event, &mut self.desk);
        let desk = fake(&mut self.desk);
        if result.is_err() {
            // As the engine does.
            desk.undo();
        }
        let log = std::mem::take(&mut desk.log);
        (result, log, self.saved())
    }

    fn saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.strategy.save(&mut bytes);
        bytes
    }
}

impl Pair {
    fn new(source: &str) -> Self {
        let script = Script::compile("pair", source, &[]);
        let script = Arc::new(script.unwrap_or_else(|faults| panic!("{source}\n{faults:?}")));
        let mut pair = Self {
            compiled: Run::new(&script, Backend::Auto),
            interpreted: Run::new(&script, Backend::Interpreted),
            script,
        };
        pair.call(StrategyEvent::Init).expect("init runs");
        for run in [&mut pair.compiled, &mut pair.interpreted] {
            fake(&mut run.desk).is_init = false;
        }
        pair
    }

    /// Asserts which handlers are interpreted.
    fn interprets(self, names: &[&str]) -> Self {
        let handlers = self.script.handler_states().iter();
        let interpreted = handlers.filter(|handler| handler.interpreted.is_some());
        let found: Vec<&str> = interpreted.map(|handler| handler.name.as_str()).collect();
        assert_eq!(found, names, "{:?}", self.script.handler_states());
        self
    }

    /// Makes the same call on both and returns how it ended.
    fn call(&mut self, event: StrategyEvent<'_>) -> Result<(), Fault> {
        let compiled = self.compiled.call(event);
        let interpreted = self.interpreted.call(event);
        assert_eq!(compiled, interpreted, "{event:?}");
        compiled.0
    }

    /// Goes on from the saved bytes, on new instances.
    fn restart(&mut self) {
        for (run, backend) in [
            (&mut self.compiled, Backend::Auto),
            (&mut self.interpreted, Backend::Interpreted),
        ] {
            let saved = run.saved();
            run.strategy = RhaiStrategy::with(Arc::clone(&self.script), backend);
            run.strategy.restore(&saved).expect("its own bytes");
            assert_eq!(run.saved(), saved);
        }
    }

    /// Calls every handler a few times.
    fn call_all(&mut self) {
        let order = OrderHandle {
            order: OrderId::new(1, 1),
            denied: GateCode::Ok,
        };
        let view = claire_engine::strategy::OrderView {
            handle: order,
            ..claire_engine::strategy::OrderView::NONE
        };
        let events = [
            StrategyEvent::Start,
            BOOK,
            StrategyEvent::Book {
                market: InstrumentId(1),
            },
            StrategyEvent::Trade {
                market: MAIN,
                trade: trade(),
            },
            StrategyEvent::Bar {
                market: MAIN,
                bar: bar(101.5),
            },
            StrategyEvent::Timer { name: "tick" },
            StrategyEvent::Fill {
                market: MAIN,
                fill: fill(order),
            },
            StrategyEvent::Order {
                market: MAIN,
                order: view,
            },
            BOOK,
            StrategyEvent::Timer { name: "tock" },
            StrategyEvent::Stop,
        ];
        for event in events {
            let _ = self.call(event);
        }
    }
}

#[test]
fn state_of_every_type_is_the_same_on_both() {
    let mut pair = Pair::new(
        r#"
        fn init(m) {
            let b = m.bars("5m");
            #{ on: false, n: 0, x: 0.5, mode: "idle", m: m, bars: b, ema: b.ema(5), order: no_order(),
               ints: [1, 2], floats: [0.5], inner: #{ n: 1, deep: #{ x: 2.0 } }, more: [] }
        }
        fn on_book(m) {
            this.on = !this.on;
            this.n += 1;
            this.x = this.x * 1.5 + m.bid;
            this.mode = if this.on { "busy" } else { "idle" };
            this.ints.push(this.n);
            this.floats[0] += this.ema.value;
            this.inner.n -= 1;
            this.inner.deep.x /= 3.0;
            this.more.push(m.mid);
            this.order = m.buy_limit(0.5, m.bid, POST_ONLY, "why");
        }
        fn on_trade(m, trade) { this.x += trade.price * trade.qty * trade.side; }
        fn on_bar(m, bar) { this.x = bar.close - bar.open; this.m = m; }
        fn on_fill(m, fill) { this.order = fill.order; this.x += fill.price; }
        fn on_order(m, order) { this.order = order; }
        "#,
    )
    .interprets(&[]);
    for _ in 0..3 {
        pair.call_all();
        pair.restart();
    }
}

#[test]
fn a_nan_is_saved_by_the_same_bytes_however_it_was_made() {
    let made = [
        "0.0 / this.zero",
        "-(0.0 / this.zero)",
        "sqrt(this.zero - 1.0)",
        "0.0 % this.zero",
        "m.bid",
        "-m.bid",
        "m.ask",
        "m.ask * m.bid",
    ];
    let saved = made.map(|how| {
        let mut pair = Pair::new(&format!(
            "fn init(m) {{ #{{ zero: 0.0, x: 0.5, all: [0.5] }} }}
            fn on_book(m) {{ this.x = {how}; this.all[0] = {how}; }}"
        ))
        .interprets(&[]);
        for run in [&mut pair.compiled, &mut pair.interpreted] {
            let facts = &mut fake(&mut run.desk).facts[0];
            facts.bid = f64::from_bits(0x7FF8_0000_0000_0BAD);
            facts.ask = f64::from_bits(0xFFF8_0000_0000_0FAD);
        }
        pair.call(BOOK).expect(how);
        pair.restart();
        pair.compiled.saved()
    });
    for (how, bytes) in made.iter().zip(&saved) {
        assert_eq!(bytes, &saved[0], "{how}");
    }
}

#[test]
fn compiled_and_interpreted_handlers_share_one_state() {
    let mut pair = Pair::new(
        r#"
        fn init(m) { #{ n: 0, x: 1.0, text: "a", list: [1], extra: #{ any: () } } }
        fn on_book(m) { this.n += 1; this.x *= 2.0; this.list.push(this.n); note("book {}", this.n); }
        fn on_timer(m, name) {
            let words = "timer " + name;
            this.n += 10;
            this.text = "b";
            this.extra.any = this.n;
            note(words);
        }
        "#,
    )
    .interprets(&["on_timer"]);
    for _ in 0..4 {
        pair.call_all();
        pair.restart();
    }
}

#[test]
fn an_error_undoes_the_call_and_says_the_same_on_both() {
    let bodies = [
        "this.n += 1; m.buy(0.5); this.list.push(9); let a = 9223372036854775807; a + this.n;",
        "this.n += 1; m.buy(0.5); 1 / (this.n - 1);",
        "this.list[0] = 7; m.sell(1.0, \"x\"); this.list[5];",
        "this.x = 5.0; note(\"said\"); throw \"no\";",
        "m.buy(0.5); m.buy(0.0 / 0.0);",
        "this.list.clear(); this.list.push(4); m.cancel_all(); helper(this.n);",
    ];
    for body in bodies {
        let mut pair = Pair::new(&format!(
            "fn init(m) {{ #{{ n: 0, x: 0.0, list: [1, 2, 3] }} }}
            fn helper(n) {{ 10 % n }}
            fn on_book(m) {{ {body} }}
            fn on_timer(m, name) {{ this.n += 1; this.list.push(this.n); }}"
        ));
        pair.call(StrategyEvent::Timer { name: "t" }).expect(body);
        pair.call(StrategyEvent::Timer { name: "t" }).expect(body);
        let before = pair.compiled.saved();
        let fault = pair.call(BOOK);
        if fault.is_err() {
            assert_eq!(pair.compiled.saved(), before, "{body}");
        }
        pair.call(StrategyEvent::Timer { name: "t" }).expect(body);
    }
}

#[test]
fn an_error_that_is_caught_is_the_interpreter_s() {
    let mut pair = Pair::new(
        "fn init(m) { #{ n: 0 } }
        fn on_book(m) {
            m.buy(1.0, \"first\");
            this.n += 1;
            if this.n % 2 == 0 { let list = [1]; note(\"{}\", list[this.n]); }
            m.sell(1.0, \"last\");
        }",
    )
    .interprets(&[]);
    let mut failed = 0;
    for _ in 0..4 {
        failed += u32::from(pair.call(BOOK).is_err());
    }
    // The state goes back with the failed call, so every call from the second on fails.
    assert_eq!(failed, 3);
}

#[test]
fn a_state_without_a_value_is_interpreted_until_it_fits_again() {
    let mut pair = Pair::new(
        "fn init(m) { #{ n: 1, odd: false } }
        fn on_timer(m, name) {
            if name == \"none\" { this.n = (); } else { this.n = 5; }
        }
        fn on_book(m) { note(\"{}\", this.n); this.odd = !this.odd; }",
    )
    .interprets(&["on_timer"]);
    for name in ["none", "number", "none", "none", "number"] {
        pair.call(BOOK).expect("runs");
        pair.call(StrategyEvent::Timer { name }).expect("runs");
        pair.call(BOOK).expect("runs");
        pair.restart();
    }
}

#[test]
fn a_script_with_an_interpreted_handler_names_it_with_place_and_reason() {
    let source = "fn init(m) { #{ n: 0 } }\nfn on_book(m) { this.n += 1; }\nfn on_timer(m, name) {\n    let s = \"a\" + name;\n    note(s);\n}";
    let script = Script::compile("mixed", source, &[]).expect("it is right");
    let faults = script.interpreted("mixed.rhai");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(
        (faults[0].line, faults[0].excerpt.as_str()),
        (4, "    let s = \"a\" + name;")
    );
    assert!(
        faults[0]
            .message
            .starts_with("`on_timer` would be interpreted: "),
        "{}",
        faults[0]
    );
}

#[test]
fn an_endless_loop_is_cut_with_the_same_words() {
    let mut pair = Pair::new(
        "fn init(m) { #{ n: 0 } }\nfn on_book(m) { this.n = 1; m.buy(1.0); while true { this.n += 0; } }",
    )
    .interprets(&[]);
    let fault = pair.call(BOOK).expect_err("it is cut");
    assert!(
        fault.text.as_str().contains("more than 100000 operations"),
        "{}",
        fault.text
    );
}

#[test]
fn a_call_that_leaves_another_type_in_a_field_fails_and_one_without_a_value_takes_any() {
    let source = "fn init(m) { #{ n: 0, u: (), s: \"a\", sub: #{ x: 0.5 } } }\n\
        fn on_book(m) {\n    this.n = this.s;\n    m.buy(1.0);\n}\n\
        fn on_start(m) { this.n = this.s; this.n = 2; this.u = 1; }\n\
        fn on_timer(m, name) { this.u = this.s; }\n\
        fn on_bar(m, bar) { this.sub.x = 1; }\n\
        fn on_stop(m) { this.u = (); this.n = (); }\n";
    let mut pair =
        Pair::new(source).interprets(&["on_start", "on_book", "on_bar", "on_timer", "on_stop"]);
    let faults =
        |pair: &mut Pair, event| pair.call(event).err().map(|fault| fault.text.to_string());
    let text = "line 2: `this.n` was an integer and is text: `init` gives it its type";
    assert_eq!(faults(&mut pair, BOOK).as_deref(), Some(text));
    assert_eq!(faults(&mut pair, StrategyEvent::Start), None);
    let text = "line 7: `this.u` was an integer and is text: `init` gives it its type";
    let timer = StrategyEvent::Timer { name: "x" };
    assert_eq!(faults(&mut pair, timer).as_deref(), Some(text));
    let event = StrategyEvent::Bar {
        market: MAIN,
        bar: bar(1.0),
    };
    let text = "line 8: `this.sub.x` was a number with a fraction and is an integer: `init` gives it its type";
    assert_eq!(faults(&mut pair, event).as_deref(), Some(text));
    assert_eq!(faults(&mut pair, StrategyEvent::Stop), None);
    let timer = StrategyEvent::Timer { name: "x" };
    assert_eq!(faults(&mut pair, timer), None);
}
