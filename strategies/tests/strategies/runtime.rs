//! Handlers, transactions, budgets, and the state's way through bytes.

use crate::desk::{FakeDesk, bar, fake, fill, trade};
use claire_engine::strategy::{Fault, FaultKind, LentDesk, OrderHandle, Strategy, StrategyEvent};
use claire_strategies::{RhaiStrategy, Script, Value};
use claire_types::{GateCode, InstrumentId, OrderId};
use std::sync::Arc;

const MAIN: InstrumentId = InstrumentId(0);
const BOOK: StrategyEvent<'static> = StrategyEvent::Book { market: MAIN };

/// A strategy and its desk after `init`.
struct Run {
    strategy: RhaiStrategy,
    desk: LentDesk,
}

impl Run {
    fn new(source: &str) -> Self {
        Self::with(source, &[])
    }

    fn with(source: &str, overrides: &[(String, Value)]) -> Self {
        let mut run = Self {
            strategy: compiled(source, overrides),
            desk: FakeDesk::lent(),
        };
        run.call(StrategyEvent::Init).expect("init runs");
        run.fake().is_init = false;
        run.fake().log.clear();
        run
    }

    fn call(&mut self, event: StrategyEvent<'_>) -> Result<(), Fault> {
        self.fake().begin();
        self.strategy.call(&event, &mut self.desk)
    }

    fn fake(&mut self) -> &mut FakeDesk {
        fake(&mut self.desk)
    }

    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fake().log)
    }

    fn saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.strategy.save(&mut bytes);
        bytes
    }
}

fn compiled(source: &str, overrides: &[(String, Value)]) -> RhaiStrategy {
    match Script::compile("test", source, overrides) {
        Ok(script) => RhaiStrategy::new(Arc::new(script)),
        Err(diagnostics) => {
            let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{}", shown.join("\n"));
        }
    }
}

/// Runs a book handler of this body and returns what was asked of the desk.
fn on_book(body: &str) -> Vec<String> {
    let mut run = Run::new(&format!(
        "fn init(m) {{ #{{ n: 0, x: 0.0 }} }}\nfn on_book(m) {{ {body} }}"
    ));
    if let Err(fault) = run.call(BOOK) {
        panic!("{body}: {}", fault.text);
    }
    run.log()
}

/// Runs a book handler of this body that must fail.
fn failure(body: &str) -> Fault {
    let mut run = Run::new(&untold(body));
    let before = run.saved();
    let fault = run.call(BOOK).expect_err(body);
    assert_eq!(run.saved(), before, "{body}");
    fault
}

/// Returns a script with this book handler. What the checker would refuse because it can only fail it cannot see
/// behind a function that has no compiled form.
fn untold(body: &str) -> String {
    let source = |first: &str| {
        format!("fn init(m) {{ #{{ n: 0, x: 0.0 }} }}\nfn on_book(m) {{{first}\n{body}\n}}")
    };
    match Script::compile("test", &source(""), &[]) {
        Err(told) if told[0].message.ends_with("this can only fail") => {
            assert_eq!(told[0].line, 3, "{body}: {told:?}");
            source(" type_of(m);")
        }
        _ => source(""),
    }
}

#[test]
fn every_handler_is_called_with_its_arguments() {
    let mut run = Run::new(
        r#"
        fn init(m) { #{ } }
        fn on_start(m) { note("start"); }
        fn on_stop(m) { note("stop"); }
        fn on_book(m) { note("book {}", m.bid); }
        fn on_trade(m, trade) { note("trade {} {} {} {}", trade.price, trade.qty, trade.side, trade.time); }
        fn on_bar(m, bar) { note("bar {} {} {} {} {} {}", bar.open, bar.high, bar.low, bar.close, bar.volume, bar.interval_ms); }
        fn on_timer(m, name) { note("timer {}", name); }
        fn on_fill(m, fill) {
            note("fill {} {} {} {} {}", fill.side, fill.price, fill.qty, fill.fee, fill.fee_currency);
            note("fill {} {} {} {} {} {}", fill.is_maker, fill.opens, fill.closes, fill.realized, fill.queue_ahead, fill.order.is_open);
        }
        fn on_order(m, order) { note("order {} {} {}", order.status, order.qty, order.reject_reason); }
        "#,
    );
    let denied = OrderHandle {
        order: OrderId::NONE,
        denied: GateCode::Rate,
    };
    let order = claire_engine::strategy::OrderView {
        handle: denied,
        ..claire_engine::strategy::OrderView::NONE
    };
    let events = [
        StrategyEvent::Start,
        StrategyEvent::Book {
            market: InstrumentId(1),
        },
        StrategyEvent::Trade {
            market: MAIN,
            trade: trade(),
        },
        StrategyEvent::Bar {
            market: MAIN,
            bar: bar(101.0),
        },
        StrategyEvent::Timer { name: "hold" },
        StrategyEvent::Fill {
            market: MAIN,
            fill: fill(OrderHandle::NONE),
        },
        StrategyEvent::Order {
            market: MAIN,
            order,
        },
        StrategyEvent::Stop,
    ];
    for event in events {
        run.call(event).expect("the handler runs");
    }
    let want = [
        "Note: start",
        "Note: book 7.0",
        "Note: trade 100.25 0.5 -1 1723161253000000000",
        "Note: bar 99.0 102.0 98.0 101.0 12.5 300000",
        "Note: timer hold",
        "Note: fill 1 100.5 0.25 0.01 USDT",
        "Note: fill true true false -0.5 4.0 false",
        "Note: order denied 0.0 RATE",
        "Note: stop",
    ];
    assert_eq!(run.log(), want);
}

#[test]
fn the_markets_numbers_are_the_desks() {
    let log = on_book(
        r#"
        note("{} {} {} {} {} {} {}", m.bid, m.ask, m.bid_qty, m.ask_qty, m.mid, m.microprice, m.spread);
        note("{} {} {} {} {} {} {}", m.spread_ticks, m.tick, m.step, m.min_notional, m.stale, m.now_ns, m.position);
        note("{} {} {} {} {} {} {}", m.is_flat, m.avg_price, m.exposure, m.working_buy, m.working_sell, m.can_short, m.budget);
        note("{} {} {} {} {} {}", m.equity, m.regime == RANGE, m.unrealized, m.bid(0), m.ask(2), m.bid(9));
        note("{} {} {}", m.bid_qty(1), m.ask_qty(5), m.imbalance(5));
        let other = market("sim:OTHER");
        note("{} {} {}", other.mid, other == m, market("sim:MAIN") == m);
        "#,
    );
    let want = [
        "Note: 100.0 100.5 3.0 1.0 100.25 100.375 0.5",
        "Note: 1 0.5 0.001 5.0 false 1723161253937085768 0.0",
        "Note: true 0.0 0.0 0.0 0.0 true 1000.0",
        "Note: 10000.0 true 0.0 100.0 101.5 0.0",
        "Note: 3.0 0.0 0.5",
        "Note: 7.5 false true",
    ];
    assert_eq!(log, want);
}

#[test]
fn orders_reach_the_desk_with_sides_prices_flags_and_reasons() {
    let cases = [
        ("m.buy(1.5)", "0 buy 1.5 @ market GTC []"),
        ("m.buy(2, \"why\")", "0 buy 2 @ market GTC [why]"),
        ("m.sell(1)", "0 sell 1 @ market GTC []"),
        ("m.buy_limit(1, 99)", "0 buy 1 @ 99 GTC []"),
        ("m.buy_limit(1, 99.5, IOC)", "0 buy 1 @ 99.5 IOC []"),
        ("m.buy_limit(1, 99.5, \"why\")", "0 buy 1 @ 99.5 GTC [why]"),
        (
            "m.sell_limit(0.5, 101, POST_ONLY | REDUCE_ONLY, \"why\")",
            "0 sell 0.5 @ 101 POST_ONLY|REDUCE_ONLY [why]",
        ),
        ("m.sell_limit(0.5, 101, FOK)", "0 sell 0.5 @ 101 FOK []"),
        (
            "m.buy_limit(m.qty_for(100.25), m.ask, IOC)",
            "0 buy 1 @ 100.5 IOC []",
        ),
        (
            "m.buy(m.qty_at_risk(0.001, 98.25))",
            "0 buy 0.5 @ market GTC []",
        ),
        ("m.buy(-1)", "0 buy -1 @ market GTC []"),
        ("market(\"sim:OTHER\").buy(1)", "1 buy 1 @ market GTC []"),
        ("m.flatten(\"late\")", "0 flatten [late]"),
        ("m.flatten()", "0 flatten []"),
        ("m.cancel_all()", "0 cancel_all"),
        ("m.cancel(no_order())", "cancel c0-0"),
        ("m.target_position(-2)", "0 target -2 []"),
        (
            "m.target_position(BUY * 0.5, \"lean\")",
            "0 target 0.5 [lean]",
        ),
        (
            "m.quote(BUY, 99, 0.5, 3)",
            "0 quote buy 0.5 @ 99 keep 3 level 0 []",
        ),
        (
            "m.quote(SELL, m.ask, 0, 0, 2, \"why\")",
            "0 quote sell 0 @ 100.5 keep 0 level 2 [why]",
        ),
        (
            "m.quote(SELL, m.ask, 1, 0, \"why\")",
            "0 quote sell 1 @ 100.5 keep 0 level 0 [why]",
        ),
        ("m.protect(98)", "0 protect 98 take None []"),
        ("m.protect(98, 103.5)", "0 protect 98 take Some(103.5) []"),
        ("m.protect(98, \"why\")", "0 protect 98 take None [why]"),
        (
            "m.protect(98, 103, \"why\")",
            "0 protect 98 take Some(103.0) [why]",
        ),
        ("m.buy_stop(1, 103)", "0 stop buy 1 At(103.0) GTC []"),
        (
            "m.sell_stop(1, 98.5, REDUCE_ONLY, \"why\")",
            "0 stop sell 1 At(98.5) REDUCE_ONLY [why]",
        ),
        (
            "m.trailing_stop(SELL, 1, 2.5, \"why\")",
            "0 stop sell 1 Behind(2.5) GTC [why]",
        ),
        (
            "m.bracket(BUY, 1, 99.5, 98, 103)",
            "0 bracket buy 1 entry Some(99.5) stop 98 take 103 []",
        ),
        (
            "m.bracket(SELL, 1, 0, 103, 98, \"why\")",
            "0 bracket sell 1 entry None stop 103 take 98 [why]",
        ),
        ("m.replace(no_order(), 99, 0.5)", "replace c0-0 0.5 @ 99"),
    ];
    for (call, want) in cases {
        assert_eq!(on_book(&format!("{call};")), [want], "{call}");
    }
}

#[test]
fn a_handle_tells_what_became_of_the_order() {
    let mut run = Run::new(
        r#"
        fn init(m) { #{ entry: no_order(), first: true } }
        fn on_book(m) {
            if this.first { this.entry = m.buy_limit(2, 99.5, POST_ONLY); this.first = false; }
            let o = this.entry;
            note("{} {} {} {} {} {} {}", o.is_open, o.is_denied, o.reason, o.price, o.qty, o.filled, o.age_ms);
            note("{} {} {}", o.status, o == this.entry, o != no_order());
        }
        fn on_timer(m, name) { m.cancel(this.entry); }
        "#,
    );
    run.call(BOOK).expect("places");
    run.fake().orders[0].filled = 0.5;
    run.call(StrategyEvent::Timer { name: "x" })
        .expect("cancels");
    run.call(BOOK).expect("looks");
    let log = run.log();
    let want = [
        "0 buy 2 @ 99.5 POST_ONLY []",
        "Note: true false  99.5 2.0 0.0 12",
        "Note: new true true",
        "cancel c1-1",
        "Note: false false CANCELLED_BY_STRATEGY 99.5 2.0 0.5 12",
        "Note: cancelled true true",
    ];
    assert_eq!(log, want);
}

#[test]
fn a_denied_order_is_an_answer_and_no_error() {
    let mut run = Run::new(
        r#"
        fn init(m) { #{ entry: no_order() } }
        fn on_book(m) {
            this.entry = m.buy(1);
            note("{} {} {} {}", this.entry.is_open, this.entry.is_denied, this.entry.reason, this.entry.status);
            note("{} {}", no_order().is_denied, no_order().status);
        }
        "#,
    );
    run.fake().deny = GateCode::Exposure;
    run.call(BOOK).expect("runs");
    let want = [
        "0 buy 1 @ market GTC []",
        "Note: false true EXPOSURE denied",
        "Note: false none",
    ];
    assert_eq!(run.log(), want);
}

#[test]
fn words_timers_and_plots_reach_the_desk() {
    let cases = [
        ("note(\"a {} b {}\", 1, 2.0)", "Note: a 1 b 2.0"),
        ("note(\"a {} {}\", \"x\")", "Note: a x {}"),
        ("note(\"a\", true, 'c')", "Note: a true c"),
        (
            "alert(\"warning\", \"spread {}\", m.spread)",
            "Alert: warning: spread 0.5",
        ),
        ("plot(\"x\", 1)", "plot /x 1"),
        ("plot(\"pane\", \"x\", 1.5)", "plot pane/x 1.5"),
        ("signal(BUY, 0.5, \"up\")", "signal buy 0.5 [up]"),
        ("signal(SELL, 1, \"down\")", "signal sell 1 [down]"),
        ("m.every(100, \"a\")", "every 100 a"),
        ("m.after(1_500, \"b\")", "after 1500 b"),
        ("m.stop_timer(\"a\")", "stop_timer a"),
    ];
    for (call, want) in cases {
        assert_eq!(on_book(&format!("{call};")), [want], "{call}");
    }
}

#[test]
fn indicators_are_declared_once_and_read_through_the_desk() {
    let mut run = Run {
        strategy: compiled(
            r#"
            fn init(m) {
                let b = m.bars("5m");
                #{ fast: b.ema(12), slow: b.ema(26.0), channel: b.donchian(20), vol: m.mid_vol(60_000), macd: b.macd(12, 26, 9) }
            }
            fn on_bar(m, bar) {
                note("{} {} {}", this.fast.value, this.fast.prev, this.fast.is_warm);
                note("{} {} {} {}", this.channel.upper, this.channel.lower, this.channel.upper_prev, this.macd.signal);
                note("{} {} {}", crossed_up(this.fast, this.slow), crossed_up(this.slow, 100.5), crossed_down(100.5, this.slow));
            }
            "#,
            &[],
        ),
        desk: FakeDesk::lent(),
    };
    run.call(StrategyEvent::Init).expect("declares");
    let declared = [
        "0 bars 300000",
        "Bars(BarsId(0)) ema [12.0]",
        "Bars(BarsId(0)) ema [26.0]",
        "Bars(BarsId(0)) donchian [20.0]",
        "Mid(InstrumentId(0)) mid_vol [60000.0]",
        "Bars(BarsId(0)) macd [12.0, 26.0, 9.0]",
    ];
    let mut log = run.log();
    log.sort_by_key(|line| declared.iter().position(|of| of == line));
    assert_eq!(log, declared);
    run.call(StrategyEvent::Bar {
        market: MAIN,
        bar: bar(100.0),
    })
    .expect("reads");
    let log = run.log();
    assert_eq!(log.len(), 3);
    assert!(log[2].ends_with("true true"), "{log:?}");
}

#[test]
fn a_failed_call_leaves_the_state_as_it_was() {
    let mut run = Run::new(
        r#"
        fn init(m) { #{ n: 0, list: [1, [2]], map: #{ a: 1.5 } } }
        fn on_book(m) {
            this.n += 1;
            this.list[1][0] = 9;
            this.list.push(3);
            this.map.a = 0.0;
            this.map.b = 1;
            this.more();
            if this.n == 2 { throw "no"; }
        }
        fn more() { this.n += 0; }
        "#,
    );
    run.call(BOOK).expect("the first call runs");
    let before = run.saved();
    let fault = run.call(BOOK).expect_err("the second throws");
    assert_eq!(fault.kind, FaultKind::Error);
    assert_eq!(fault.text.as_str(), "line 10, column 30: no");
    assert_eq!(run.saved(), before);
}

#[test]
fn what_fails_without_a_place_or_words_of_its_own_is_told_with_both() {
    let source = r#"
        fn init(m) { #{ n: 0, x: 0.0 } }
        fn sum(step) { let all = 0; for i in range(0, 9, step) { all += i; } all }
        fn on_book(m) {
            this.n = sum(0);
        }
        fn on_start(m) {
            this.n += 1; throw;
        }
        fn on_stop(m) {
            throw "";
        }
        fn on_timer(m, name) {
            let n = 1;
            this.x = |a| a + n;
        }
    "#;
    let mut run = Run::new(source);
    let timer = StrategyEvent::Timer { name: "t" };
    let cases = [
        (BOOK, "line 4: step value cannot be zero"),
        (
            StrategyEvent::Start,
            "line 8, column 26: `throw` without words",
        ),
        (
            StrategyEvent::Stop,
            "line 11, column 13: `throw` without words",
        ),
        (
            timer,
            "line 13: `this.x` is a function, which cannot be saved",
        ),
    ];
    for (event, want) in cases {
        let fault = run.call(event).expect_err(want);
        assert!(
            fault.text.as_str().eq_ignore_ascii_case(want),
            "{}",
            fault.text
        );
    }
    let script = Script::compile("test", source, &[]).expect("a script");
    let placed = |of: claire_strategies::Diagnostic| (of.line, of.message);
    let told = placed(script.failed("t.rhai", "it failed", "line 4: why"));
    assert_eq!(told, (4, "it failed: why".to_owned()));
    let told = placed(script.failed("t.rhai", "it failed", "why"));
    assert_eq!(told, (0, "it failed: why".to_owned()));
    let init = |said| placed(script.init_failed("t.rhai", said));
    let told = "when it was run, `init` failed: why".to_owned();
    assert_eq!(init("why"), (2, told.clone()));
    assert_eq!(init("line 3: why"), (3, told));
}

#[test]
fn a_replaced_or_unsavable_state_is_an_error() {
    assert!(failure("this = 5;").text.as_str().contains("must be a map"));
    let text = failure("this.x = |a| a + 1;").text;
    assert!(text.as_str().contains("`this.x` is a function"), "{text}");
    assert!(
        failure("this.x = 0..5;")
            .text
            .as_str()
            .contains("cannot be saved")
    );
    let mut strategy = compiled("fn init(m) { #{ f: |a| a } } fn on_book(m) { }", &[]);
    let fault = strategy
        .call(&StrategyEvent::Init, &mut FakeDesk::lent())
        .expect_err("closure");
    assert!(
        fault.text.as_str().contains("`this.f` is a function"),
        "{}",
        fault.text
    );
}

#[test]
fn what_uses_up_its_budget_is_cut_and_cannot_catch_it() {
    let cases = [
        "loop { this.n += 1; }",
        "try { loop { } } catch { }",
        "while true { try { loop { } } catch { } }",
        "let s = \"x\"; loop { s += s; }",
        "let s = \"x\"; s.pad(100000, ' ');",
        "let a = []; a.pad(100000000, 0);",
        "let a = [1]; loop { a += a; }",
        "let a = []; loop { a.push([1, 2, 3]); }",
        "let a = #{}; let i = 0; loop { a[i.to_string()] = 1; i += 1; }",
        "let s = \"aaaaaaaaaaaaaaaa\"; for i in 0..9 { s.replace(\"a\", s); }",
        "for i in 0..9223372036854775807 { this.n = i; }",
        "let a = []; a.pad(2000, 0); let b = a; a.map(|x| b.map(|y| { let i = 0; while i < 1000 { i += 1; } }));",
        "let f = |g| g.call(g); f.call(f);",
    ];
    for body in cases {
        let fault = failure(body);
        assert_eq!(fault.kind, FaultKind::Cut, "{body}: {}", fault.text);
        assert!(
            fault.text.as_str().contains("cut: "),
            "{body}: {}",
            fault.text
        );
    }
}

#[test]
fn a_call_is_cut_when_the_poll_says_so() {
    let mut run =
        Run::new("fn init(m) { #{ n: 0 } } fn on_book(m) { while this.n < 900 { this.n += 1; } }");
    let asked = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = std::rc::Rc::clone(&asked);
    claire_strategies::sandbox::poll_with(Some(Box::new(move || {
        count.set(count.get() + 1);
        count.get() == 3
    })));
    let fault = run.call(BOOK).expect_err("the third answer stops it");
    assert_eq!((fault.kind, asked.get()), (FaultKind::Cut, 3));
    assert!(
        fault
            .text
            .as_str()
            .ends_with("cut: out of time, or told to stop"),
        "{}",
        fault.text
    );
    claire_strategies::sandbox::poll_with(None);
    run.call(BOOK).expect("nobody stops it");
}

#[test]
fn a_state_that_grows_from_call_to_call_is_cut_at_the_size_limits() {
    let bodies = [
        "this.n.push(1);",
        "this.n += [1, 2];",
        "this.n.insert(0, 1);",
        "this.s += \"xyz\";",
        "this.map[`k${this.map.len()}`] = 1;",
        "this.sub.list.push([1, 2, 3]);",
        "this.sub = #{ list: [this.sub] };",
    ];
    for body in bodies {
        let mut run = Run::new(&format!(
            "fn init(m) {{ #{{ n: [], s: \"\", map: #{{}}, sub: #{{ list: [] }} }} }} fn on_book(m) {{ {body} }}"
        ));
        let failed = (0..6_000).find_map(|_| run.call(BOOK).err());
        let failed = failed.unwrap_or_else(|| panic!("{body} grew without an end"));
        let text = failed.text.as_str();
        assert!(
            failed.kind == FaultKind::Cut || text.contains("too deep"),
            "{body}: {text}"
        );
    }
}

#[test]
fn values_shared_with_closures_neither_panic_nor_reach_the_state() {
    let bodies = [
        "let x = [1]; let f = || x; this.x = x; this.n = f.call();",
        "let x = 1; let f = |y| x + y; let a = []; a.push(x); a += x; this.x = a; this.n = #{ v: x, f: [x] };",
        "let x = [1]; let f = || { x.push(2); x }; this.x = [f.call(), x]; this.x[0] = x; this.x.push(x);",
        "let x = #{ a: 1 }; let f = || x.a; x.a = 2; this.x = x; this.n = f.call(); this.x.b = x;",
    ];
    for body in bodies {
        let source = format!("fn init(m) {{ #{{ n: (), x: () }} }} fn on_book(m) {{ {body} }}");
        let mut run = Run::new(&source);
        for _ in 0..2 {
            run.call(BOOK)
                .unwrap_or_else(|fault| panic!("{body}: {}", fault.text));
        }
    }
}

#[test]
fn recursion_is_cut_before_the_stack_ends() {
    let (open, close) = ("(1 + ".repeat(12), ")".repeat(12));
    let deep = format!("fn down(n) {{ {open}down(n + 1){close} }}");
    let sources = ["fn down(n) { down(n + 1) }".to_owned(), deep];
    for source in sources {
        let mut run = Run::new(&format!(
            "fn init(m) {{ #{{}} }} fn on_book(m) {{ down(0); }} {source}"
        ));
        let fault = run.call(BOOK).expect_err("endless");
        assert_eq!(fault.kind, FaultKind::Cut, "{}", fault.text);
    }
}

#[test]
fn a_call_after_a_cut_runs_as_if_nothing_had_been() {
    let mut run = Run::new(
        "fn init(m) { #{ n: 0 } } fn on_book(m) { this.n += 1; note(\"{}\", this.n); } fn on_timer(m, name) { this.n = 50; loop { } }",
    );
    run.call(BOOK).expect("runs");
    assert_eq!(
        run.call(StrategyEvent::Timer { name: "x" })
            .expect_err("cut")
            .kind,
        FaultKind::Cut
    );
    run.call(BOOK).expect("runs");
    assert_eq!(run.log(), ["Note: 1", "Note: 2"]);
}

#[test]
fn errors_say_line_and_column() {
    for (body, want) in ERRORS {
        let fault = failure(body);
        assert_eq!(
            (fault.kind, fault.text.as_str()),
            (FaultKind::Error, *want),
            "{body}"
        );
    }
}

#[test]
fn an_error_in_init_leaves_no_strategy_and_gives_the_desk_back() {
    let mut desk = FakeDesk::lent();
    let mut strategy = compiled(
        "fn init(m) { #{ a: m.bars(\"1m\").obv() } } fn on_book(m) { }",
        &[],
    );
    let fault = strategy
        .call(&StrategyEvent::Init, &mut desk)
        .expect_err("unknown kind");
    assert!(
        fault
            .text
            .as_str()
            .contains("obv: there is no indicator of this name"),
        "{}",
        fault.text
    );
    assert!(desk.as_mut().is_some());
    let fault = strategy.call(&BOOK, &mut desk).expect_err("no state");
    assert_eq!(fault.text.as_str(), "`init` has not run");
    let mut taken = FakeDesk::lent();
    drop(taken.take());
    assert!(strategy.call(&StrategyEvent::Init, &mut taken).is_err());
}

#[test]
fn constants_and_parameters_are_known_in_every_function() {
    let source = r#"
        const BASE = 10;
        const FAST = param("fast", 12, 2, 100);
        const SHARE = param("share", 0.5, 0.0, 1.0, 0.1, "how much");
        const ON = param("on", false);
        const SUM = BASE + FAST;
        fn init(m) { #{ list: [3, 1, 2] } }
        fn helper(x) { x + FAST + deeper() }
        fn deeper() { BASE * 100 }
        fn own() { this.list.len() + BASE }
        fn on_book(m) {
            note("{} {} {} {} {}", FAST, SHARE, ON, SUM, helper(1));
            note("{} {}", this.own(), this.list.map(|x| x + BASE).reduce(|sum, x| (sum ?? 0) + x));
        }
    "#;
    let mut run = Run::new(source);
    run.call(BOOK).expect("runs");
    assert_eq!(run.log(), ["Note: 12 0.5 false 22 1013", "Note: 13 36"]);
    let overrides = [
        ("fast".to_owned(), Value::Int(20)),
        ("fast".to_owned(), Value::Int(30)),
        ("share".to_owned(), Value::Int(1)),
        ("on".to_owned(), Value::Bool(true)),
    ];
    let mut run = Run::with(source, &overrides);
    run.call(BOOK).expect("runs");
    assert_eq!(run.log(), ["Note: 20 1.0 true 30 1021", "Note: 13 36"]);
    let parameters = run.strategy.script().parameters();
    assert_eq!(
        (parameters[0].value, parameters[0].default),
        (Value::Int(20), Value::Int(12))
    );
    assert_eq!(
        (parameters[1].step, parameters[1].help.as_str()),
        (Some(Value::Float(0.1)), "how much")
    );
}

#[test]
fn a_restored_strategy_goes_on_bit_for_bit() {
    let source = r#"
        fn init(m) {
            let b = m.bars("1m");
            #{ n: 0, x: 0.1, s: "", list: [], sub: #{ a: (), c: 'c', t: true }, o: no_order(), i: b.ema(3), b: b, m: m,
               trade: (), bar: (), fill: (), nan: 0.0 / 0.0 }
        }
        fn on_book(m) {
            this.n += 1;
            this.x = this.x * 1.1 + sin(this.x) + m.mid_or();
            this.s = `${this.n}`;
            this.list.push(this.x);
            if this.list.len() > 5 { this.list.shift(); }
            this.o = m.buy(this.x);
            note("{} {} {} {}", this.x, this.i.value, this.m.bid, this.list);
        }
        fn mid_or() { this.mid }
        fn on_trade(m, trade) { this.trade = trade; }
        fn on_bar(m, bar) { this.bar = bar; }
        fn on_fill(m, fill) { this.fill = fill; }
    "#;
    let mut run = Run::new(source);
    for _ in 0..7 {
        run.call(BOOK).expect("runs");
    }
    run.call(StrategyEvent::Trade {
        market: MAIN,
        trade: trade(),
    })
    .expect("runs");
    run.call(StrategyEvent::Bar {
        market: MAIN,
        bar: bar(1.0),
    })
    .expect("runs");
    run.call(StrategyEvent::Fill {
        market: MAIN,
        fill: fill(OrderHandle::NONE),
    })
    .expect("runs");
    let saved = run.saved();
    let mut other = Run::new(source);
    other.fake().orders = run.fake().orders.clone();
    other.strategy.restore(&saved).expect("its own bytes");
    assert_eq!(other.saved(), saved);
    run.log();
    for _ in 0..5 {
        run.call(BOOK).expect("runs");
        other.call(BOOK).expect("runs");
    }
    let (one, two) = (run.log(), other.log());
    assert_eq!(one.len(), 10);
    assert_eq!(one, two);
    assert_eq!(run.saved(), other.saved());
    assert!(other.strategy.restore(&saved[..saved.len() - 1]).is_err());
    assert!(other.strategy.restore(&[]).is_err());
    assert_eq!(run.saved(), other.saved());
}

#[test]
fn two_runs_of_one_script_do_the_same() {
    let source = r#"
        fn init(m) { #{ map: #{ z: 1, a: 2, k: 3 }, out: [] } }
        fn on_book(m) {
            for key in this.map.keys() { this.out.push(key); }
            let s = switch this.out.len() { 3 => "three", 6 => "six", _ => "more" };
            note("{} {} {} {}", this.out, s, exp(0.1) + ln(3.0) + pow(1.1, 2.5), this.map);
        }
    "#;
    let runs = [(); 2].map(|()| {
        let mut run = Run::new(source);
        for _ in 0..3 {
            run.call(BOOK).expect("runs");
        }
        (run.log(), run.saved())
    });
    assert_eq!(runs[0], runs[1]);
    assert!(
        runs[0].0[0].starts_with("Note: [\"a\", \"k\", \"z\"] three "),
        "{:?}",
        runs[0].0
    );
}

/// Bodies of a handler, and what is said of each.
const ERRORS: &[(&str, &str)] = &[
    (
        "  let x = 1 / 0;",
        "line 3, column 13: Division by zero: 1 / 0",
    ),
    (
        "  m.buy(0.0 / 0.0);",
        "line 3, column 5: the quantity is NaN",
    ),
    (
        "  m.buy_limit(1, 1.0 / 0.0);",
        "line 3, column 5: the price is inf",
    ),
    (
        "  m.target_position(-1.0 / 0.0);",
        "line 3, column 5: the target position is -inf",
    ),
    (
        "  m.buy(\"1\");",
        "line 3, column 5: the quantity must be a number, not string",
    ),
    (
        "  m.buy_limit(1, 2, 77);",
        "line 3, column 5: 77 is no combination of order flags",
    ),
    (
        "  m.buy_limit(1, 2, 1.5);",
        "line 3, column 5: the flags must be an integer, not float",
    ),
    (
        "  market(\"sim:NONE\");",
        "line 3, column 3: this run has no market `sim:NONE`",
    ),
    (
        "  m.imbalance(0);",
        "line 3, column 5: the number of levels must be at least 1, not 0",
    ),
    (
        "  m.bid(-1);",
        "line 3, column 5: the rank must be at least 0, not -1",
    ),
    (
        "  m.every(0, \"x\");",
        "line 3, column 5: a timer of 0 ms is too short or too long",
    ),
    (
        "  m.bars(\"5x\");",
        "line 3, column 5: `5x` is no interval; as in \"30s\", \"5m\", \"1h\", \"1d\"",
    ),
    (
        "  m.bars(\"5m\");",
        "line 3, column 5: bars of 5m: only `init` may declare bars and indicators",
    ),
    (
        "  m.quote(BUY, 99, 1, -1);",
        "line 3, column 5: the ticks to keep must be 0 or more, not -1",
    ),
    (
        "  m.quote(BUY, 99, 1, 0, 65536);",
        "line 3, column 5: the level must be 0 to 65535, not 65536",
    ),
    (
        "  m.quote(2, 99, 1, 0);",
        "line 3, column 5: the side must be BUY or SELL, not 2",
    ),
    (
        "  m.protect(0.0 / 0.0);",
        "line 3, column 5: the stop price is NaN",
    ),
    (
        "  m.replace(5, 1, 1);",
        "line 3, column 5: the order must be an order, not integer",
    ),
    (
        "  m.buy_limit(1, \"why\");",
        "line 3, column 5: the price must be a number, not string",
    ),
    (
        "  m.buy_limit(1, 2, \"why\", IOC);",
        "line 3, column 5: the flags must be an integer, not string",
    ),
    (
        "  crossed_up(1, \"x\");",
        "line 3, column 3: the line must be a number, not string",
    ),
    (
        "  market(5);",
        "line 3, column 3: the market's name must be a string, not integer",
    ),
    (
        "  alert(\"loud\", \"x\");",
        "line 3, column 3: the alert's level must be one of info, warning, error, critical",
    ),
    (
        "  signal(0, 1, \"x\");",
        "line 3, column 3: the side must be BUY or SELL, not 0",
    ),
];
