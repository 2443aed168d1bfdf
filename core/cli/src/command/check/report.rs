//! What `claire check` says of a script, as text and as JSON.

use super::{Arguments, Checked, Ran};
use claire_pipeline::trial::{HANDLERS, HandlerCost, Trial};
use claire_pipeline::words::counted;
use claire_strategies::{Diagnostic, Parameter, Value as Number};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Why `init` has no machine code.
const INIT_ONCE: &str = "it runs once, when the script is loaded";

/// Returns what is told of a script.
pub(super) fn text_of(arguments: &Arguments, checked: &Checked) -> String {
    if !checked.diagnostics.is_empty() {
        let texts: Vec<_> = checked
            .diagnostics
            .iter()
            .map(ToString::to_string)
            .collect();
        return format!("{}\n", texts.join("\n"));
    }
    let mut text = format!("{} is right\n", checked.file);
    parameters(&mut text, &checked.parameters);
    handlers(&mut text, checked);
    match &checked.ran {
        Ran::No => {}
        Ran::Refused(why) => {
            let _ = writeln!(text, "  it was not run: {why}");
        }
        Ran::Yes(tried) => ran(&mut text, arguments, tried),
    }
    text
}

fn parameters(text: &mut String, parameters: &[Parameter]) {
    if parameters.is_empty() {
        return;
    }
    text.push_str("  parameter            value  range                     what it does\n");
    for parameter in parameters {
        let range = match parameter.range {
            Some((min, max)) => format!("{min} to {max}"),
            None => "true or false".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {:<16} {:>9}  {range:<24}  {}",
            parameter.name,
            parameter.value.to_string(),
            parameter.help
        );
    }
}

fn handlers(text: &mut String, checked: &Checked) {
    let costs = match &checked.ran {
        Ran::Yes(tried) => tried.costs.as_slice(),
        _ => &[],
    };
    let header = match costs.is_empty() {
        true => "  handler    runs\n",
        false => "  handler    runs             calls     median        p99\n",
    };
    text.push_str(header);
    for (handler, backend) in backends(checked) {
        let _ = write!(text, "  {handler:<10} {backend:<11}");
        if let Some(cost) = costs.iter().find(|it| it.handler == handler) {
            let p99 = cost.p99_ns.map_or_else(|| "-".to_owned(), ns);
            let _ = write!(text, " {:>10} {:>10} {p99:>10}", cost.n, ns(cost.p50_ns));
        } else if !costs.is_empty() {
            let _ = write!(text, " {:>10}", 0);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "note: `init` is interpreted: {INIT_ONCE}");
    for why in &checked.reasons {
        let told = why.to_string().replacen("error: ", "note: ", 1);
        let told = told.replacen("would be interpreted", "is interpreted", 1);
        let _ = writeln!(text, "{told}");
    }
}

/// Returns the script's handlers in the order that people write them, and how each runs, or ran.
fn backends(checked: &Checked) -> Vec<(&'static str, &'static str)> {
    let is_compiled = |name: &str| match &checked.ran {
        Ran::Yes(tried) => {
            let own = tried.replayed.summary.strategies.first();
            own.is_some_and(|own| own.handlers_compiled.iter().any(|it| it == name))
        }
        _ => {
            let state = checked.handlers.iter().find(|it| it.name == name);
            state.is_some_and(|state| state.interpreted.is_none())
        }
    };
    let is_there = |name: &str| name == "init" || checked.handlers.iter().any(|it| it.name == name);
    let all = HANDLERS.into_iter().filter(|name| is_there(name));
    all.map(|name| {
        let backend = match is_compiled(name) {
            true => "compiled",
            false => "interpreted",
        };
        (name, backend)
    })
    .collect()
}

fn ran(text: &mut String, arguments: &Arguments, tried: &Trial) {
    let summary = &tried.replayed.summary;
    let _ = writeln!(
        text,
        "  over {}: {} events, {} orders, {} fills",
        data_words(arguments),
        summary.events,
        summary.orders,
        summary.fills
    );
    if let Some(own) = summary.strategies.first()
        && let Some(error) = &own.last_error
    {
        let calls = counted(own.failures, "call");
        let _ = writeln!(text, "warning: {calls} failed, the last: {error}");
    }
    if summary.run.interrupted {
        text.push_str("  interrupted: the figures are of a part\n");
    }
    for fault in &tried.replayed.fault_texts {
        let _ = writeln!(text, "warning: {fault}");
    }
}

/// Returns what the scripts ran over, in words.
pub(super) fn data_words(arguments: &Arguments) -> String {
    if arguments.data.is_empty() {
        let seconds = arguments.span.as_secs_f64();
        return format!("{seconds} s of the bundled market, seed {}", arguments.seed);
    }
    let names = arguments.data.iter().map(|path| path.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the span with a unit: `84 ns`, `1.7 us`.
fn ns(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

/// Returns the object of a script; nothing in it differs between two equal runs.
pub(super) fn json_of(checked: &Checked) -> Value {
    let is_right = checked.diagnostics.is_empty();
    let calls = |handler: &str| match &checked.ran {
        Ran::Yes(tried) => {
            let cost = tried.costs.iter().find(|it| it.handler == handler);
            Some(cost.map_or(0, |cost| cost.n))
        }
        _ => None,
    };
    let handlers = backends(checked).into_iter().map(|(handler, backend)| {
        let state = checked.handlers.iter().find(|it| it.name == handler);
        let why = state.and_then(|state| state.interpreted.as_ref());
        let why = why.map(|why| (why.reason.as_str(), why.line, why.column));
        let why = why.or_else(|| (handler == "init").then_some((INIT_ONCE, 0, 0)));
        json!({
            "handler": handler,
            "backend": backend,
            "why": why.map(|(reason, line, column)| {
                json!({ "reason": reason, "line": line, "column": column })
            }),
            "calls": calls(handler),
        })
    });
    json!({
        "file": checked.file,
        "ok": is_right,
        "diagnostics": checked.diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
        "parameters": checked.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "handlers": handlers.collect::<Vec<_>>(),
        "ran": ran_json(&checked.ran),
    })
}

fn ran_json(ran: &Ran) -> Value {
    match ran {
        Ran::No => Value::Null,
        Ran::Refused(why) => json!({ "refused": why }),
        Ran::Yes(tried) => {
            let summary = &tried.replayed.summary;
            let own = summary.strategies.first();
            json!({
                "refused": null,
                "events": summary.events,
                "orders": summary.orders,
                "fills": summary.fills,
                "state": own.map(|own| own.state.clone()),
                "failures": own.map(|own| own.failures),
                "last_error": own.and_then(|own| own.last_error.clone()),
                "waits_for": own.and_then(|own| own.waits_for.clone()),
                "digest": summary.digest,
            })
        }
    }
}

/// Returns what calls cost, by script and handler: measured, so that two equal runs differ.
pub(super) fn costs_of(checked: &[Checked]) -> Value {
    let mut by_file = Map::new();
    for one in checked {
        let Ran::Yes(tried) = &one.ran else {
            continue;
        };
        let costs = tried.costs.iter().map(|cost| {
            let HandlerCost {
                handler,
                n,
                p50_ns,
                p99_ns,
                max_ns,
            } = cost;
            let figures = json!({ "n": n, "p50_ns": p50_ns, "p99_ns": p99_ns, "max_ns": max_ns });
            ((*handler).to_owned(), figures)
        });
        by_file.insert(one.file.clone(), Value::Object(costs.collect()));
    }
    Value::Object(by_file)
}

fn diagnostic(fault: &Diagnostic) -> Value {
    json!({
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
        "hint": fault.hint,
        "excerpt": fault.excerpt,
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let (min, max) = parameter.range.unzip();
    // A float's own text has no exponent and no trailing zeros.
    let text = |value: Number| match value {
        Number::Float(value) => value.to_string(),
        other => other.to_string(),
    };
    json!({
        "name": parameter.name,
        "value": text(parameter.value),
        "default": text(parameter.default),
        "min": min.map(text),
        "max": max.map(text),
        "step": parameter.step.map(text),
        "help": parameter.help,
    })
}
