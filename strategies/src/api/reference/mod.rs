//! The reference for users, made from the definitions: `strategies/API.md`.
//!
//! Called by the test that keeps the file as the definitions are. Words about a group stand in
//! `sections.rs`, its example in `examples/`; everything else comes from the tables.

mod indicators;
mod language;
mod sections;

use super::definition::{Argument, Default, Definition, Effect, Form, Group, MORE_MAX};
use super::{REGIMES, constants, definitions};
use crate::check::HANDLERS_HELP;
use crate::compile::ir::Type;
use crate::limits::{CALL_US_MAX, Limits};
use claire_engine::floor::{BARS_MAX, INDICATORS_MAX, MARKETS_MAX};
use claire_engine::market::KEPT_BARS_MAX;
use claire_engine::timers::TIMERS_MAX;
use claire_types::{GateCode, OrderReason, OrderStatus};
use sections::{SECTIONS, Section};
use std::fmt::Write;

/// Returns the text of `strategies/API.md`.
pub fn reference() -> String {
    let mut page = sections::HEAD.to_owned();
    contents(&mut page);
    handlers(&mut page);
    for section in SECTIONS {
        heading(&mut page, section);
        match section.group {
            Group::Indicators => {
                properties_and_calls(&mut page, Group::Indicators, |of| {
                    of.returns != Type::Indicator
                });
                indicators::tables(&mut page);
            }
            Group::Outputs => properties_and_calls(&mut page, Group::Outputs, is_no_further_output),
            group => properties_and_calls(&mut page, group, |_| true),
        }
        match section.group {
            Group::Market => constants_table(&mut page, |name| !is_of_orders(name)),
            Group::Orders => constants_table(&mut page, is_of_orders),
            Group::Handles => names(&mut page),
            _ => {}
        }
        example(&mut page, section.example);
    }
    page.push_str(sections::PARAMETERS);
    example(&mut page, sections::PARAMETERS_EXAMPLE);
    language::lists(&mut page);
    limits(&mut page);
    page
}

/// Writes links to the headings.
fn contents(page: &mut String) {
    let titles = SECTIONS.iter().map(|section| section.title);
    let all = ["Handlers"].into_iter().chain(titles).chain(LAST_TITLES);
    let links: Vec<String> = all
        .map(|title| format!("[{title}](#{})", title.to_lowercase().replace(' ', "-")))
        .collect();
    let _ = write!(page, "\n{}\n", links.join(" · "));
}

/// Headings after the groups.
const LAST_TITLES: [&str; 3] = [
    "Parameters and constants",
    "What the language has",
    "Limits",
];

fn heading(page: &mut String, section: &Section) {
    let _ = write!(page, "\n## {}\n\n{}\n", section.title, section.words);
}

fn example(page: &mut String, script: &str) {
    let _ = write!(page, "\n```rhai\n{}\n```\n", script.trim());
}

fn handlers(page: &mut String) {
    page.push_str("\n## Handlers\n\n");
    page.push_str(sections::HANDLERS);
    page.push_str("\n| handler | called |\n|---|---|\n");
    for (usage, help) in HANDLERS_HELP {
        let _ = writeln!(page, "| `fn {usage}` | {help} |");
    }
    example(page, sections::HANDLERS_EXAMPLE);
}

/// Regimes are the market's; sides and flags are for orders.
fn is_of_orders(name: &str) -> bool {
    !REGIMES.iter().any(|(regime, _)| *regime == name)
}

fn constants_table(page: &mut String, is_one: fn(&str) -> bool) {
    page.push_str("\n| constant | value | what it is |\n|---|---|---|\n");
    for (name, value, help) in constants().filter(|(name, ..)| is_one(name)) {
        let _ = writeln!(page, "| `{name}` | {value} | {help} |");
    }
}

/// Writes what a handle's texts can be.
fn names(page: &mut String) {
    let quoted = |names: Vec<&str>| -> String {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" ")
    };
    let statuses = OrderStatus::ALL.iter().map(|of| of.as_str());
    let statuses = statuses.chain(["held", "denied", "none"]).collect();
    let ends = OrderReason::ALL.iter().map(|of| of.as_str());
    let ends = ends.filter(|name| !name.is_empty()).collect();
    let codes = GateCode::ALL.iter().filter(|code| **code != GateCode::Ok);
    let codes = codes.map(|code| code.as_str()).collect();
    page.push_str("\n| text | is one of |\n|---|---|\n");
    let _ = writeln!(page, "| `status` | {} |", quoted(statuses));
    let _ = writeln!(
        page,
        "| `reason` of an order that ended | {} |",
        quoted(ends)
    );
    let _ = writeln!(page, "| `reason` of a denied order | {} |", quoted(codes));
}

/// Writes what a call may use up.
fn limits(page: &mut String) {
    let limits = Limits::default();
    let rows = [
        (
            "microseconds of a call; the setting `script.call_us_max`",
            CALL_US_MAX,
        ),
        (
            "operations of a call, as the interpreter counts them, compiled or not",
            limits.operations_max,
        ),
        (
            "functions calling each other, deep",
            limits.call_depth_max as u64,
        ),
        ("variables alive at one time", limits.variables_max as u64),
        ("bytes of a text", limits.string_bytes_max as u64),
        (
            "items of an array, nested ones included",
            limits.array_items_max as u64,
        ),
        (
            "fields of a map, nested ones included",
            limits.map_fields_max as u64,
        ),
        (
            "arrays and maps within one another in `this`, deep",
            limits.state_depth_max as u64,
        ),
        ("functions of a file", limits.functions_max as u64),
        ("bytes of a file", limits.source_bytes_max),
    ];
    page.push_str(sections::LIMITS);
    limits_table(page, &rows);
    page.push_str(sections::NUMBERS);
    limits_table(
        page,
        &[
            ("timers at one time", TIMERS_MAX as u64),
            ("bars", BARS_MAX as u64),
            ("indicators", INDICATORS_MAX as u64),
            ("markets, its own among them", MARKETS_MAX as u64),
            ("values in a `note` or `alert`", MORE_MAX as u64),
            ("closed bars of `warmup(n)`", KEPT_BARS_MAX as u64),
        ],
    );
}

fn limits_table(page: &mut String, rows: &[(&str, u64)]) {
    page.push_str("\n| what | at most |\n|---|---|\n");
    for (what, most) in rows {
        let _ = writeln!(page, "| {what} | {most} |");
    }
}

/// Further outputs stand with the kinds that have them.
fn is_no_further_output(definition: &Definition) -> bool {
    definition.arguments.iter().all(|of| !of.name.is_empty())
}

/// Writes a table of properties per receiver, then one of calls.
fn properties_and_calls(page: &mut String, group: Group, is_one: fn(&Definition) -> bool) {
    let all: Vec<&Definition> = definitions()
        .iter()
        .filter(|of| of.group == group && is_one(of))
        .collect();
    let is_of_number = |of: &Definition| matches!(receiver(of), Some(Type::Int | Type::Float));
    let mut receivers: Vec<Type> = Vec::new();
    for of in all.iter().filter(|of| of.form == Form::Property) {
        if let Some(receiver) = receiver(of)
            && !is_of_number(of)
            && !receivers.contains(&receiver)
        {
            receivers.push(receiver);
        }
    }
    for receiver in receivers {
        page.push_str("\n| property | is | what it is |\n|---|---|---|\n");
        let of_receiver = all.iter().filter(|of| {
            of.form == Form::Property
                && of.arguments.first().map(|first| first.of) == Some(receiver)
        });
        for of in of_receiver {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} |",
                call(&[of]),
                word(of.returns),
                of.help
            );
        }
    }
    let calls = all.into_iter().filter(|of| of.form != Form::Property);
    let merged = merged(calls);
    if merged.is_empty() {
        return;
    }
    page.push_str("\n| call | gives | effect | what it does |\n|---|---|---|---|\n");
    for same in merged {
        let Some(first) = same.first() else { continue };
        let gives = joined(same.iter().map(|of| word(of.returns)));
        let effect = effect(first.effect);
        let _ = writeln!(
            page,
            "| `{}` | {gives} | {effect} | {} |",
            call(&same),
            first.help
        );
    }
}

fn receiver(definition: &Definition) -> Option<Type> {
    definition.arguments.first().map(|first| first.of)
}

/// Puts definitions together that differ by types only.
fn merged<'a>(all: impl Iterator<Item = &'a Definition>) -> Vec<Vec<&'a Definition>> {
    let names = |of: &Definition| -> Vec<&str> { of.arguments.iter().map(|of| of.name).collect() };
    let mut merged: Vec<Vec<&Definition>> = Vec::new();
    for of in all {
        let same = merged.iter_mut().find(|same| {
            same.first().is_some_and(|first| {
                first.name == of.name && first.form == of.form && names(first) == names(of)
            })
        });
        match same {
            Some(same) => same.push(of),
            None => merged.push(vec![of]),
        }
    }
    merged
}

/// Returns how a function or property is written; its definitions differ by types only.
fn call(same: &[&Definition]) -> String {
    let Some(first) = same.first() else {
        return String::new();
    };
    let more = if first.takes_more { ", ..." } else { "" };
    let written = |from: usize| {
        let arguments = first.arguments.iter().enumerate().skip(from);
        let written = arguments
            .filter(|(_, of)| !of.name.is_empty())
            .map(|(at, of)| {
                let types = same.iter().filter_map(|same| same.arguments.get(at));
                argument(of, &joined(types.map(|of| word(of.of))))
            });
        written.collect::<Vec<_>>().join(", ")
    };
    let receiver = first.arguments.first().map_or("", |receiver| receiver.name);
    match first.form {
        Form::Function => format!("{}({}{more})", first.name, written(0)),
        Form::Method => format!("{receiver}.{}({}{more})", first.name, written(1)),
        Form::Property => format!("{receiver}.{}", first.name),
    }
}

fn argument(argument: &Argument, types: &str) -> String {
    let name = argument.name;
    match argument.default {
        None => format!("{name}: {types}"),
        Some(Default::Int(value)) => format!("{name}: {types} = {value}"),
        Some(Default::Float(value)) => format!("{name}: {types} = {value:?}"),
        Some(Default::EmptyText) => format!("{name}: {types} = \"\""),
    }
}

/// Returns the different words, joined by "or".
fn joined(words: impl Iterator<Item = &'static str>) -> String {
    let mut different: Vec<&str> = Vec::new();
    for word in words {
        if !different.contains(&word) {
            different.push(word);
        }
    }
    different.join(" or ")
}

/// Returns how functions of this name are written, those of a receiver where one is known; `None` where there are
/// none.
pub(crate) fn usage(name: &str, of: Option<Type>) -> Option<String> {
    let is_asked = |definition: &&Definition| {
        let is_of = |of| receiver(definition) == Some(of);
        definition.name == name && of.is_none_or(is_of)
    };
    let written = merged(definitions().iter().filter(is_asked));
    let written: Vec<String> = written
        .iter()
        .map(|same| format!("`{}`", call(same)))
        .collect();
    (!written.is_empty()).then(|| written.join(" or "))
}

/// Returns a type's name in the reference.
fn word(of: Type) -> &'static str {
    match of {
        Type::Unit => "nothing",
        Type::Bool => "bool",
        Type::Int => "int",
        Type::Float => "float",
        Type::Text => "text",
        Type::Market => "market",
        Type::Bars => "bars",
        Type::Indicator => "indicator",
        Type::Order => "order",
        Type::Trade => "trade",
        Type::Bar => "bar",
        Type::Fill => "fill",
        Type::Ints | Type::Floats => "array",
    }
}

fn effect(of: Effect) -> &'static str {
    match of {
        Effect::Pure => "none",
        Effect::Reads => "reads",
        Effect::Asks | Effect::Acts => "acts",
        Effect::Declares => "`init` only",
    }
}
