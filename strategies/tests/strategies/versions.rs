//! What a version takes over from the one before it: the same whether it was planned before the swap or not.

use crate::desk::{FakeDesk, fake};
use claire_engine::strategy::{Inheritance, LentDesk, Strategy, StrategyEvent};
use claire_strategies::{RhaiStrategy, Script};
use claire_types::InstrumentId;
use std::sync::Arc;

const BOOK: StrategyEvent<'static> = StrategyEvent::Book {
    market: InstrumentId(0),
};
const TIMER: StrategyEvent<'static> = StrategyEvent::Timer { name: "t" };

/// An instance, and its desk after `init`.
struct Version {
    strategy: RhaiStrategy,
    desk: LentDesk,
}

fn script(source: &str) -> Arc<Script> {
    let script = Script::compile("test", source, &[]);
    Arc::new(script.unwrap_or_else(|told| panic!("{}\n{source}", told[0])))
}

impl Version {
    fn new(script: &Arc<Script>) -> Self {
        let mut version = Self {
            strategy: RhaiStrategy::new(Arc::clone(script)),
            desk: FakeDesk::lent(),
        };
        version.call(&StrategyEvent::Init);
        fake(&mut version.desk).is_init = false;
        version
    }

    fn call(&mut self, event: &StrategyEvent<'_>) {
        fake(&mut self.desk).begin();
        let called = self.strategy.call(event, &mut self.desk);
        called.unwrap_or_else(|fault| panic!("{event:?}: {}", fault.text));
    }

    fn saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.strategy.save(&mut bytes);
        bytes
    }

    /// Takes over, and returns what came of it: in words where it was refused, its state, and its state after a call.
    fn take_over(&mut self, before: &Self) -> (Result<Inheritance, String>, Vec<u8>, Vec<u8>) {
        let taken = self.strategy.inherit(&before.strategy);
        let taken = taken.map_err(|fault| fault.text.to_string());
        let state = self.saved();
        self.call(&BOOK);
        (taken, state, self.saved())
    }
}

const COUNTS: &str = "fn on_book(m) { this.n += 1; }";

/// Scripts before and after: what is between the braces of `init`, and the handlers.
fn cases() -> Vec<[String; 2]> {
    let version = |fields: &str, handlers: &str| {
        format!("fn init(m) {{ #{{ n: 0, {fields} }} }}\n{handlers}")
    };
    let changes = "fn on_book(m) { this.n += 1; this.x += 0.5; this.on = !this.on; \
                   this.order = m.buy_limit(1.0, 99.5, POST_ONLY); this.words = this.order.reason; }";
    let lists = "fn on_book(m) { this.n += 1; for i in 0..20 { this.ints.push(this.n); } this.floats.push(0.5); }";
    let interpreted = "fn on_book(m) { this.n += 1; let s = \"a\" + this.n; this.words = s; }";
    let mixed = "fn on_book(m) { this.n += 1; }\n\
                 fn on_timer(m, name) { this.late = 3; this.sub.more = #{ deep: this.n }; }";
    let pair = |before: (&str, &str), after: (&str, &str)| {
        [version(before.0, before.1), version(after.0, after.1)]
    };
    let all = "x: 1.5, on: true, order: no_order(), words: \"\"";
    let long = "words: \"a text that is longer than what an interner keeps in its place, by far\"";
    vec![
        pair((all, changes), (all, COUNTS)),
        pair(
            (all, changes),
            ("on: false, fresh: 1, words: \"own\"", COUNTS),
        ),
        pair((long, COUNTS), ("words: \"\", x: 0.0", COUNTS)),
        pair(
            ("ints: [1], floats: [1.5]", lists),
            ("ints: [], floats: [0.0, 0.0]", lists),
        ),
        pair(
            ("ints: [1], floats: [1.5]", lists),
            ("ints: [1.5], floats: [0.5]", COUNTS),
        ),
        pair(
            (
                "fast: m.mid_vol(60_000), b: m.bars(\"1m\"), market: m",
                COUNTS,
            ),
            (
                "market: m, b: m.bars(\"5m\"), fast: m.mid_vol(1_000)",
                COUNTS,
            ),
        ),
        pair(
            (
                "sub: #{ a: 1, b: #{ c: 2.5 } }",
                "fn on_book(m) { this.sub.b.c += this.n; this.n += 1; }",
            ),
            ("sub: #{ b: #{ c: 0.0, d: 1 } }", COUNTS),
        ),
        pair(("sub: #{ a: 1 }", COUNTS), ("sub: 7", COUNTS)),
        pair(("sub: 7", COUNTS), ("sub: #{ a: 1 }", COUNTS)),
        pair(("sub: #{}", COUNTS), ("sub: #{}", COUNTS)),
        pair(("sub: #{}", COUNTS), ("sub: #{ a: 1 }", COUNTS)),
        pair(("x: 1", COUNTS), ("x: 1.5", COUNTS)),
        pair(("x: ()", COUNTS), ("x: 1.5", COUNTS)),
        pair(("x: 1.5", COUNTS), ("x: ()", COUNTS)),
        pair(("words: \"\"", interpreted), ("words: \"\"", COUNTS)),
        pair(("words: \"\"", COUNTS), ("words: \"\"", interpreted)),
        pair(
            ("late: (), sub: #{}", mixed),
            ("late: 1, sub: #{ more: #{ deep: 0 } }", COUNTS),
        ),
        pair(
            ("late: 0, sub: #{ more: #{ deep: 0 } }", mixed),
            ("late: 1, sub: #{ more: #{ deep: 0 } }", COUNTS),
        ),
    ]
}

#[test]
fn what_was_planned_is_taken_over_as_what_was_not() {
    let mut refused = 0;
    for [old, new] in cases() {
        let (old_script, new_script) = (script(&old), script(&new));
        for calls in 0..4 {
            let mut before = Version::new(&old_script);
            for _ in 0..calls {
                before.call(&BOOK);
            }
            let mut planned = Version::new(&new_script);
            planned
                .strategy
                .foresee(&Version::new(&old_script).strategy);
            let after_init = planned.saved();
            planned.strategy.approach(&before.strategy);
            assert_eq!(planned.saved(), after_init, "{new}: it is only looked at");
            // The version before goes on meanwhile.
            before.call(&BOOK);
            if calls > 1 {
                before.call(&TIMER);
            }
            if calls > 2 {
                before.call(&BOOK);
            }
            let held = before.saved();
            let want = Version::new(&new_script).take_over(&before);
            assert_eq!(
                planned.take_over(&before),
                want,
                "{old}\n{new}\n{calls} calls"
            );
            assert_eq!(before.saved(), held, "{old}: it keeps what it has");
            refused += u32::from(want.0.is_err());
        }
    }
    assert!(refused > 0, "some are refused");
}

#[test]
fn a_plan_for_another_script_or_of_another_state_is_none() {
    let source = |n: i64| format!("fn init(m) {{ #{{ n: {n}, x: {n} }} }}\n{COUNTS}");
    let [first, second] = [script(&source(1)), script(&source(2))];
    let other = script(&format!(
        "fn init(m) {{ #{{ x: 5, n: 7, y: 6 }} }}\n{COUNTS}"
    ));
    let mut before = Version::new(&other);
    before.call(&BOOK);
    let mut planned = Version::new(&second);
    planned.strategy.foresee(&Version::new(&first).strategy);
    let want = Version::new(&second).take_over(&before);
    assert_eq!(planned.take_over(&before), want);
    // A plan does not outlive the state that it was made with.
    let mut planned = Version::new(&second);
    planned.strategy.foresee(&Version::new(&other).strategy);
    let saved = planned.saved();
    planned.strategy.restore(&saved).expect("its own bytes");
    assert_eq!(planned.take_over(&before), want);
    assert_eq!(want.0.map(|of| (of.carried, of.dropped)), Ok((2, 1)));
}
