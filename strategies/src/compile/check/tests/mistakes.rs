//! What the checker says can only fail: against the interpreter, which must fail there, by every operator and function.

use crate::api;
use crate::api::Definition;
use crate::api::definition::{Effect, Form};
use crate::compile::check::word;
use crate::compile::ir::Type;
use crate::desk::{self, FakeDesk};
use crate::diagnostic::Source;
use crate::{Backend, Limits, RhaiStrategy, Script, sandbox};
use claire_engine::strategy::{Strategy, StrategyEvent};
use claire_types::InstrumentId;
use std::sync::Arc;

/// Values by their types.
const VALUES: [(Type, &str); 9] = [
    (Type::Unit, "()"),
    (Type::Int, "this.n"),
    (Type::Float, "m.mid"),
    (Type::Bool, "m.stale"),
    (Type::Text, "\"abc\""),
    (Type::Market, "m"),
    (Type::Bars, "this.b"),
    (Type::Indicator, "this.i"),
    (Type::Order, "this.o"),
];

const BINARY: [&str; 16] = [
    "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=",
];

fn value(of: Type) -> &'static str {
    let found = VALUES.iter().find(|(known, _)| *known == of);
    found.map(|(_, text)| *text).expect("a value of the type")
}

fn source(statement: &str) -> String {
    format!(
        "fn init(m) {{\n    let b = m.bars(\"1m\");\n    #{{ n: 1, b: b, i: b.ema(3), o: no_order() }}\n}}\n\
         fn on_book(m) {{\n    {statement}\n}}\n"
    )
}

/// Returns whether the checker refuses the statement because it can only fail.
fn is_refused(text: &str) -> bool {
    match Script::compile("mistake", text, &[]) {
        Ok(_) => false,
        Err(faults) => {
            let place = faults.first().map(|fault| fault.line);
            assert_eq!((faults.len(), place), (1, Some(6)), "{text}\n{faults:?}");
            faults[0].message.ends_with("this can only fail")
        }
    }
}

/// Returns what the interpreter says of the statement.
fn fails(text: &str) -> Option<String> {
    let source = Source {
        file: "mistake",
        text,
    };
    let script = Script::built(&Limits::default(), "mistake", source, &[]);
    let script = Arc::new(script.unwrap_or_else(|faults| panic!("{text}\n{faults:?}")));
    let mut strategy = RhaiStrategy::with(script, Backend::Interpreted);
    let mut desk = FakeDesk::lent();
    strategy
        .call(&StrategyEvent::Init, &mut desk)
        .expect("init runs");
    desk::fake(&mut desk).is_init = false;
    desk::fake(&mut desk).begin();
    let event = StrategyEvent::Book {
        market: InstrumentId(0),
    };
    let result = strategy.call(&event, &mut desk);
    result.err().map(|fault| fault.text.to_string())
}

/// Compares checker and interpreter on a statement; returns whether it is refused.
fn judge(statement: &str) -> bool {
    let text = source(statement);
    let refused = is_refused(&text);
    if refused {
        let said = fails(&text).unwrap_or_else(|| panic!("{statement} runs, but is refused"));
        assert!(said.starts_with("line 6, "), "{statement}: {said}");
    }
    refused
}

#[test]
fn an_operator_is_refused_only_where_rhai_has_none_for_such_operands() {
    let mut refused = 0;
    for operator in BINARY {
        for (one, a) in VALUES {
            for (other, b) in VALUES {
                let is_refused = judge(&format!("let r = {a} {operator} {b};"));
                refused += u32::from(is_refused);
                let numbers = [Type::Int, Type::Float];
                let is_arithmetic = matches!(operator, "+" | "-" | "*" | "/" | "%");
                if is_arithmetic && numbers.contains(&one) && numbers.contains(&other) {
                    assert!(!is_refused, "{} {operator} {}", word(one), word(other));
                }
                if is_arithmetic && numbers.contains(&one) && other == Type::Bool {
                    assert!(is_refused, "{} {operator} {}", word(one), word(other));
                }
            }
        }
    }
    for operator in ["-", "!", "+"] {
        for (_, a) in VALUES {
            refused += u32::from(judge(&format!("let r = {operator}({a});")));
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn a_condition_is_refused_where_it_is_neither_true_nor_false() {
    for (of, value) in VALUES {
        for text in [
            format!("if {value} {{ note(\"x\"); }}"),
            format!("while {value} {{ break; }}"),
            format!("let r = {value} && m.stale;"),
            format!("let r = {value} || m.stale;"),
        ] {
            // In a loop's turns a field may become of another type.
            let may_vary = text.starts_with("while") && value.starts_with("this.");
            // A literal is refused before any types are known; `()` in the place of a condition is none at all.
            let is_literal = matches!(of, Type::Unit | Type::Text);
            if !is_literal {
                assert_eq!(judge(&text), of != Type::Bool && !may_vary, "{text}");
            }
        }
    }
}

/// Returns a use of a definition with these values.
fn written(definition: &Definition, given: &[&str]) -> Option<String> {
    let rest = given.get(1..).unwrap_or_default().join(", ");
    Some(match definition.form {
        Form::Function => format!("{}({});", definition.name, given.join(", ")),
        Form::Method => format!("{}.{}({rest});", given.first()?, definition.name),
        Form::Property => format!("let r = {}.{};", given.first()?, definition.name),
    })
}

#[test]
fn a_call_is_refused_only_where_the_interface_takes_no_such_values() {
    let (mut refused, mut asked) = (0, 0);
    for definition in api::definitions() {
        let named = definition.arguments.iter().filter(|of| !of.name.is_empty());
        let types: Vec<Type> = named.map(|argument| argument.of).collect();
        let is_here = |of: &Type| VALUES.iter().any(|(known, _)| known == of);
        if !types.iter().all(is_here) {
            continue;
        }
        for place in 0..types.len() {
            for (other, wrong) in VALUES {
                let mut types = types.clone();
                let mut given: Vec<&str> = types.iter().map(|of| value(*of)).collect();
                (types[place], given[place]) = (other, wrong);
                let fits = api::definitions()
                    .iter()
                    .any(|of| of.name == definition.name && of.fits(&types));
                let Some(statement) = written(definition, &given) else {
                    continue;
                };
                // What is no name of the market's own is told without types.
                let is_known = Script::compile("mistake", &source(&statement), &[])
                    .err()
                    .is_none_or(|faults| faults[0].message.ends_with("can only fail"));
                if !is_known {
                    continue;
                }
                asked += 1;
                let is_refused = judge(&statement);
                refused += u32::from(is_refused);
                if fits && definition.effect != Effect::Declares {
                    assert!(!is_refused, "{statement}");
                }
                let is_ours = sandbox::Kind::of(types[0]).is_some() && place > 0;
                if !fits && is_ours && definition.effect != Effect::Pure {
                    assert!(is_refused, "{statement}");
                }
            }
        }
    }
    assert!(
        refused > 1_000 && asked > refused + 500,
        "{refused} of {asked}"
    );
}
