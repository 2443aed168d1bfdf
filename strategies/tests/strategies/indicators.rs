//! How indicators and warm-up are declared.

use crate::desk::{FakeDesk, fake};
use claire_engine::strategy::{Strategy, StrategyEvent};
use claire_strategies::{RhaiStrategy, Script};
use std::sync::Arc;

/// Runs an `init` of this body and returns what was asked of the desk.
fn init(body: &str) -> Result<Vec<String>, String> {
    let source = format!("fn init(m) {{\n{body}\n#{{ }} }}\nfn on_book(m) {{ }}");
    let script = Script::compile("test", &source, &[]).map_err(|all| all[0].to_string())?;
    let mut strategy = RhaiStrategy::new(Arc::new(script));
    let mut desk = FakeDesk::lent();
    let result = strategy.call(&StrategyEvent::Init, &mut desk);
    result.map_err(|fault| fault.text.as_str().to_owned())?;
    Ok(std::mem::take(&mut fake(&mut desk).log))
}

#[test]
fn an_indicator_is_declared_with_its_defaults_on_its_source() {
    let cases = [
        (
            "m.bars(\"5m\").bollinger(10);",
            "Bars(BarsId(0)) bollinger [10.0, 2.0]",
        ),
        (
            "m.bars(\"5m\").macd();",
            "Bars(BarsId(0)) macd [12.0, 26.0, 9.0]",
        ),
        ("m.ema(20);", "Mid(InstrumentId(0)) ema [20.0]"),
        ("m.ema(20, \"mid\");", "Mid(InstrumentId(0)) ema [20.0]"),
        (
            "m.ema(20, \"trades\");",
            "Trades(InstrumentId(0)) ema [20.0]",
        ),
        (
            "m.mid_vol(60_000);",
            "Mid(InstrumentId(0)) mid_vol [60000.0]",
        ),
        (
            "m.vpin(5, \"why\");",
            "line 2, column 3: the buckets must be a number, not string",
        ),
        ("m.ofi(1_000);", "Book(InstrumentId(0)) ofi [1000.0]"),
        (
            "market(\"sim:OTHER\").trade_flow(1_000);",
            "Trades(InstrumentId(1)) trade_flow [1000.0]",
        ),
        (
            "m.ema(20, \"trade\");",
            "line 2, column 3: ema cannot be computed on `trade`: did you mean `trades`?",
        ),
        (
            "m.ema(20, \"book\");",
            "line 2, column 3: ema cannot be computed on `book`: it can be mid, trades",
        ),
        ("m.ema(0.0 / 0.0);", "line 2, column 3: the length is NaN"),
        ("m.ema(0);", "line 2, column 3: ema does not take [0.0]"),
    ];
    for (body, want) in cases {
        let told =
            init(body).map_or_else(|told| told, |log| log.last().cloned().unwrap_or_default());
        assert_eq!(told, want, "{body}");
    }
}

#[test]
fn a_warm_up_is_told_to_the_desk_in_init_only() {
    let cases = [
        ("warmup(30);", "warmup 30"),
        ("warmup(0);", "warmup 0"),
        (
            "warmup(-1);",
            "line 2, column 1: the warm-up must be 0 to 1000 bars, not -1",
        ),
        (
            "warmup(1_001);",
            "line 2, column 1: the warm-up must be 0 to 1000 bars, not 1001",
        ),
        (
            "warmup(2.0);",
            "line 2, column 1: the warm-up's bars must be an integer, not float",
        ),
    ];
    for (body, want) in cases {
        let told =
            init(body).map_or_else(|told| told, |log| log.last().cloned().unwrap_or_default());
        assert_eq!(told, want, "{body}");
    }
    let late = "fn init(m) { #{ } }\nfn on_book(m) { warmup(1); }";
    let faults = Script::compile("test", late, &[]).err().unwrap_or_default();
    assert_eq!((faults.len(), faults[0].line, faults[0].column), (1, 2, 17));
    // Behind what has no compiled form nobody sees it before it runs.
    let late = late.replace("warmup(1);", "\n if type_of(m) != \"\" { warmup(1); }");
    let script = Script::compile("test", &late, &[]);
    let mut strategy = RhaiStrategy::new(Arc::new(script.expect("compiles")));
    let mut desk = FakeDesk::lent();
    strategy
        .call(&StrategyEvent::Init, &mut desk)
        .expect("runs");
    fake(&mut desk).is_init = false;
    let market = claire_types::InstrumentId(0);
    let fault = strategy
        .call(&StrategyEvent::Book { market }, &mut desk)
        .expect_err("outside of init");
    let told = "line 3, column 24: only `init` may say when handlers begin";
    assert_eq!(fault.text.as_str(), told);
}
