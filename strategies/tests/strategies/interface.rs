//! Every function and property of the reference, called by compiled and by interpreted handlers: the desk
//! must see the same, and `this` must be the same.

use crate::desk::{FakeDesk, bar, fake, fill, trade};
use claire_engine::strategy::{Fault, OrderHandle, Strategy, StrategyEvent};
use claire_strategies::{Backend, RhaiStrategy, Script, reference};
use claire_types::{InstrumentId, OrderId};
use std::sync::Arc;

/// A call as the reference shows it: `m.buy(qty: float, reason: text = "")`.
#[derive(Debug, PartialEq)]
struct Shown {
    receiver: Option<String>,
    name: String,
    /// Types and whether they may be left out; `None` of a property.
    arguments: Option<Vec<(String, bool)>>,
    takes_more: bool,
}

/// Returns what the first cells of the reference's tables show, `init` only ones left out.
fn shown() -> Vec<Shown> {
    let page = reference();
    let rows = page.lines().filter(|line| {
        line.starts_with("| `") && !line.contains("`init` only") && !line.contains("<br>")
    });
    let cells = rows.filter_map(|row| row.strip_prefix("| `")?.split("` |").next());
    cells.filter_map(call).collect()
}

fn call(cell: &str) -> Option<Shown> {
    let (path, arguments) = match cell.split_once('(') {
        Some((path, rest)) => (path, Some(rest.strip_suffix(')')?)),
        None => (cell, None),
    };
    let (receiver, name) = match path.split_once('.') {
        Some((receiver, name)) => (Some(receiver.to_owned()), name),
        None => (None, path),
    };
    let is_name = |of: &str| of.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_for_init = receiver.as_deref() == Some("bars");
    if !is_name(name) || is_for_init || (receiver.is_none() && arguments.is_none()) {
        return None;
    }
    let mut takes_more = false;
    let mut types = Vec::new();
    for argument in arguments.into_iter().flat_map(|all| all.split(", ")) {
        match argument.split_once(": ") {
            Some((_, of)) => {
                let (of, default) = of.split_once(" = ").unwrap_or((of, ""));
                types.push((of.to_owned(), !default.is_empty()));
            }
            None if argument == "..." => takes_more = true,
            None if argument.is_empty() => {}
            // An indicator's constructor, which stands for itself.
            None => return None,
        }
    }
    Some(Shown {
        receiver,
        name: name.to_owned(),
        arguments: arguments.map(|_| types),
        takes_more,
    })
}

/// Values of a type as scripts write them, usual ones and such as are refused.
fn values(of: &str, name: &str) -> Vec<&'static str> {
    match (of, name) {
        ("int", "keep_ticks" | "imbalance" | "every" | "after") => vec!["2", "-1"],
        ("int", _) => vec!["1", "-1", "this.n"],
        ("float", _) => vec!["1.5", "3", "this.x", "0.0 / this.zero"],
        ("text", "alert") => vec!["\"warning\"", "\"loud\""],
        ("text", "market") => vec!["\"sim:OTHER\"", "\"sim:NONE\""],
        ("text", _) => vec!["\"word\""],
        ("order", _) => vec!["this.o", "no_order()"],
        ("indicator or float", _) => vec!["this.a", "this.b", "100.5"],
        ("int or float", _) => vec!["-2", "2.5", "this.n", "this.x", "0.0 / this.zero"],
        other => panic!("no value of type {other:?}"),
    }
}

/// Returns the calls to try: each argument through its values while the others stay at their first, for each
/// count of arguments.
fn calls(shown: &Shown) -> Vec<String> {
    let head = match shown.receiver.as_deref() {
        Some("order") => format!("this.o.{}", shown.name),
        Some("indicator") => format!("this.a.{}", shown.name),
        Some(receiver) => format!("{receiver}.{}", shown.name),
        None => shown.name.clone(),
    };
    let Some(types) = &shown.arguments else {
        return vec![head];
    };
    let first_default = types.iter().position(|(_, may)| *may);
    let mut calls = Vec::new();
    for count in first_default.unwrap_or(types.len())..=types.len() {
        let usual: Vec<&str> = types[..count]
            .iter()
            .map(|(of, _)| values(of, &shown.name)[0])
            .collect();
        for at in 0..count.max(1) {
            let tried = types[..count]
                .get(at)
                .map_or(vec![""], |(of, _)| values(of, &shown.name));
            for value in tried {
                let mut given = usual.clone();
                if let Some(place) = given.get_mut(at) {
                    *place = value;
                }
                calls.push(format!("{head}({})", given.join(", ")));
            }
        }
        let has_reason = types.last().is_some_and(|(of, may)| of == "text" && *may);
        if has_reason && count + 1 < types.len() {
            let given = [usual.as_slice(), &["\"why\""]].concat();
            calls.push(format!("{head}({})", given.join(", ")));
        }
    }
    if shown.takes_more {
        let text = if shown.name == "alert" {
            "\"info\", "
        } else {
            ""
        };
        calls.push(format!(
            "{head}({text}\"{{}} and {{}}\", this.x, this.n, true, \"w\", m.bid, -0.0, 1e20)"
        ));
    }
    calls
}

/// Returns a script whose handler keeps what the call gives, or shows it.
fn script(shown: &Shown, call: &str) -> String {
    let handler = match shown.receiver.as_deref() {
        Some("trade") => "on_trade(m, trade)",
        Some("bar") => "on_bar(m, bar)",
        Some("fill") => "on_fill(m, fill)",
        _ => "on_book(m)",
    };
    let acts = [
        "note",
        "alert",
        "plot",
        "signal",
        "every",
        "after",
        "stop_timer",
        "cancel",
        "cancel_all",
    ];
    let is_word = matches!(shown.name.as_str(), "market" | "bars" | "order");
    let body = match shown.name.as_str() {
        name if acts.contains(&name) => format!("{call};"),
        _ if is_word => format!("let of = {call}; note(\"{{}}\", of == of);"),
        _ => format!("let of = {call}; note(\"{{}}\", of);"),
    };
    format!(
        "fn init(m) {{
            let b = m.bars(\"1m\");
            #{{ n: 7, x: -0.75, zero: 0.0, o: m.buy(1.0), a: b.ema(3), b: b.bollinger(20), seen: 0 }}
        }}
        fn {handler} {{
            this.seen += 1;
            this.n -= 1;
            {body}
            if this.seen == 1 {{ this.o = m.sell_limit(2.0, 103.5, POST_ONLY); }}
        }}"
    )
}

struct Outcome {
    log: Vec<String>,
    saved: Vec<u8>,
    results: Vec<Result<(), Fault>>,
}

fn run(script: &Arc<Script>, backend: Backend) -> Outcome {
    let mut strategy = RhaiStrategy::with(Arc::clone(script), backend);
    let mut desk = FakeDesk::lent();
    fake(&mut desk).is_init = true;
    strategy
        .call(&StrategyEvent::Init, &mut desk)
        .expect("declares");
    fake(&mut desk).is_init = false;
    let market = InstrumentId(0);
    let order = OrderHandle {
        order: OrderId::new(1, 1),
        ..OrderHandle::NONE
    };
    let events = [
        StrategyEvent::Book { market },
        StrategyEvent::Trade {
            market,
            trade: trade(),
        },
        StrategyEvent::Bar {
            market,
            bar: bar(101.0),
        },
        StrategyEvent::Fill {
            market,
            fill: fill(order),
        },
    ];
    let mut results = Vec::new();
    for event in events.iter().chain(&events) {
        fake(&mut desk).begin();
        results.push(strategy.call(event, &mut desk));
    }
    let mut saved = Vec::new();
    strategy.save(&mut saved);
    let log = std::mem::take(&mut fake(&mut desk).log);
    Outcome {
        log,
        saved,
        results,
    }
}

/// Runs a call on both backends and returns whether it is compiled, and whether it is refused.
fn compare(shown: &Shown, call: &str) -> (bool, bool) {
    let source = script(shown, call);
    let script = match Script::compile("interface", &source, &[]) {
        Ok(script) => Arc::new(script),
        Err(told) => panic!("{call}: {}", told[0]),
    };
    let state = &script.handler_states()[0];
    // Functions of numbers are of floats, or of integers, by their names; others take both.
    if let Some(why) = &state.interpreted {
        let reason = &why.reason;
        assert!(reason.contains("does not take"), "{call}: {reason}");
    }
    let compiled = run(&script, Backend::Auto);
    let interpreted = run(&script, Backend::Interpreted);
    assert_eq!(compiled.results, interpreted.results, "{call}");
    assert_eq!(compiled.log, interpreted.log, "{call}");
    assert_eq!(compiled.saved, interpreted.saved, "{call}");
    let is_refused = compiled.results.iter().any(Result::is_err);
    (state.interpreted.is_none(), is_refused)
}

#[test]
fn outputs_are_those_of_the_indicators_kind_on_both_backends() {
    let of_indicator = Shown {
        receiver: Some("indicator".to_owned()),
        name: "output".to_owned(),
        arguments: None,
        takes_more: false,
    };
    let cases = [
        ("this.b.upper", false),
        ("this.b.upper_prev", false),
        ("this.b.lower", false),
        ("this.b.middle", false),
        ("this.b.slope", true),
        ("this.a.upper", true),
        ("this.a.upper_prev", true),
    ];
    for (call, is_refused) in cases {
        assert_eq!(compare(&of_indicator, call), (true, is_refused), "{call}");
    }
}

#[test]
fn compiled_handlers_call_the_interface_as_interpreted_ones_do() {
    let all = shown();
    assert!(all.len() > 100, "{}", all.len());
    let (mut tried, mut refused) = (0, 0);
    for shown in &all {
        for call in calls(shown) {
            let (is_compiled, is_refused) = compare(shown, &call);
            tried += usize::from(is_compiled);
            refused += usize::from(is_refused);
        }
    }
    assert!(
        tried > 350 && refused > 30,
        "{tried} calls, {refused} refused"
    );
}
