//! A table of snippets, each run by Rhai and by the evaluator of the typed form on several inputs.

use super::values::Value;
use super::{Compiled, bytes, desk, main_market, shown};
use crate::compile::check::Script;
use crate::compile::ir::{FunctionId, Type};
use rhai::Dynamic;

/// What a snippet may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exits {
    /// Leave by a side exit exactly where Rhai raises an error.
    OnErrors,
    /// Leave also where Rhai goes on.
    AlsoElsewhere,
}

/// Runs `fn f(m, a, b, x, y) { body }` both ways on all inputs; returns how many runs came to their end.
pub(super) fn check(body: &str, exits: Exits) -> usize {
    let text = format!("{PROLOGUE}\nfn f(m, a, b, x, y) {{ {body} }}\n");
    let compiled = Compiled::new(&text);
    let (lowered, id) = lower(&compiled);
    let mut completed = 0;
    for (a, b, x, y) in INPUTS {
        let (mut state, mut desk) = compiled.initialized();
        let before = state.clone();
        let arguments: Vec<Dynamic> = vec![main_market(), a.into(), b.into(), x.into(), y.into()];
        let want = compiled.interpreted(&mut state, &mut desk, "f", arguments);
        let want_log = std::mem::take(&mut desk::fake(&mut desk).log);
        let (_, mut desk) = compiled.initialized();
        let arguments = vec![
            Value::Token(Type::Market, main_market()),
            Value::Int(a),
            Value::Int(b),
            Value::Float(x),
            Value::Float(y),
        ];
        let found = compiled.evaluated(&lowered, id, &before, &mut desk, arguments);
        let log = std::mem::take(&mut desk::fake(&mut desk).log);
        let place = format!("{body}\nwith a {a}, b {b}, x {x}, y {y}");
        match (want, found) {
            (Ok(want), Some((value, after))) => {
                completed += 1;
                assert_eq!(after_text(&after), after_text(&state), "{place}");
                assert_eq!(bytes(&after), bytes(&state), "{place}");
                assert_eq!(log, want_log, "{place}");
                let returns = lowered.program.functions[id.0 as usize].returns;
                if returns != Type::Unit || want.is_unit() {
                    assert_eq!(shown(&value), shown(&want), "{place}");
                }
            }
            (Err(_), None) => {}
            (Ok(want), None) => {
                assert!(
                    exits == Exits::AlsoElsewhere,
                    "{place}\nexits; Rhai: {want:?}"
                );
            }
            (Err(fault), Some((value, _))) => {
                panic!("{place}\nRhai: {fault}\nfound: {value:?}");
            }
        }
    }
    assert!(
        completed > 0 || body.contains("/* fails */"),
        "no input completes: {body}"
    );
    super::machine::check(&text, lowered.program.functions[id.0 as usize].returns);
    completed
}

fn after_text(state: &Dynamic) -> String {
    format!("{state:?}")
}

/// Lowers `f` as a method of the state.
pub(super) fn lower(compiled: &Compiled) -> (crate::compile::check::Lowered, FunctionId) {
    match lowered(compiled) {
        Ok(all) => all,
        Err(fault) => panic!("{fault:?}"),
    }
}

/// Lowers `f`, or returns why it has no typed form.
pub(super) fn lowered(
    compiled: &Compiled,
) -> Result<(crate::compile::check::Lowered, FunctionId), crate::compile::check::NotCompiled> {
    let types = [Type::Market, Type::Int, Type::Int, Type::Float, Type::Float];
    let constants = &compiled.constants;
    let mut script = Script::new(
        &compiled.ast,
        constants,
        crate::api::definitions(),
        &crate::Limits::default(),
    );
    let id = crate::compile::check::function(&mut script, "f", &types)?;
    let lowered = crate::compile::check::Lowered {
        program: std::mem::take(&mut script.program),
        handlers: Vec::new(),
    };
    Ok((lowered, id))
}

const INF: f64 = f64::INFINITY;

/// Values of a, b, x, y.
pub(super) const INPUTS: [(i64, i64, f64, f64); 12] = [
    (0, 0, 0.0, 0.0),
    (1, 2, 0.5, 2.0),
    (-3, 4, -1.5, 2.5),
    (7, -2, 3.25, -0.75),
    (10, 3, 0.1, 0.2),
    (i64::MAX, 1, f64::MAX, 2.0),
    (i64::MIN, -1, -f64::MAX, -1.0),
    (5, 64, f64::NAN, 1.0),
    (-8, 63, INF, -INF),
    (2, -65, -0.0, 0.0),
    (100, 100, 0.3, 0.1 + 0.2),
    (3, 5, 1e-310, 9_007_199_254_740_993.0),
];

pub(super) const PROLOGUE: &str = r#"
const C = 3;
const F = 2.5;
const ON = true;
const WORD = "word";
const LIST = [4, 5, 6];
const RATES = [0.5, 0.25];

fn init(m) {
    let bars = m.bars("1m");
    #{
        n: 3, k: -7, x: 1.5, y: -0.25, on: true, off: false, word: "abc",
        ints: [1, 2, 3], floats: [0.5, -1.5, 4.0], none: [], order: no_order(),
        line: bars.ema(12), slow: bars.ema(26), other: market("sim:OTHER"), bars: bars,
        inner: #{ n: 10, deep: #{ x: 2.5, list: [7.5] } },
        in_a: 0, in_b: 0, in_x: 0.0, in_y: 0.0,
        out_int: 0, out_float: 0.0, out_bool: false, out_word: "", out_order: no_order(),
    }
}
fn on_book(m) { this.none.push(1.0); }
fn twice(v) { v * 2 }
fn bump(v) { this.n += v; this.n }
fn grow(v) { this.floats.push(v); this.floats.len() }
fn set_word(w) { this.word = w; }
fn pick(c, one, other) { if c { one } else { other } }
fn early(v) { if v > 3 { return v; } v + 100 }
fn maybe(v) { if v > 3 { return; } v + 100 }
fn fact(n) { if n <= 1 { 1 } else { n * fact(n - 1) } }
fn is_even_(n) { if n == 0 { true } else { is_odd_(n - 1) } }
fn is_odd_(n) { if n == 0 { false } else { is_even_(n - 1) } }
fn sum(list) { let t = 0.0; for v in list { t += v; } list.push(1.0); t }
fn first(list) { list[0] }
fn name_of(v) { if v > 0 { "up" } else { "down" } }
fn nothing() { }
fn int.scaled() { this * 10 }
fn scaled() { this.n * 10 }
fn halved(n) { if n < 1 { 1 } else { halved(n - 1) * 0.5 } }
fn tell(m, text) { note("{}", text); m.bid }
"#;
