//! The indicators in the reference: a table per family, from the engine's table of kinds.

use super::definitions;
use crate::api::definition::{Default, Definition};
use crate::api::indicator::sources;
use crate::compile::ir::Type;
use claire_engine::indicator::{ArgumentDefinition, DEFINITIONS, Family, IndicatorDefinition};
use std::fmt::Write;

/// Writes a table per family.
pub(super) fn tables(page: &mut String) {
    let mut families: Vec<Family> = Vec::new();
    for kind in &DEFINITIONS {
        if !families.contains(&kind.family) {
            families.push(kind.family);
        }
    }
    for family in families {
        let _ = write!(page, "\n### {}\n\n", family.title());
        page.push_str("| call | ranges | outputs | what it is |\n|---|---|---|---|\n");
        for kind in DEFINITIONS.iter().filter(|kind| kind.family == family) {
            row(page, kind);
        }
    }
}

fn row(page: &mut String, kind: &IndicatorDefinition) {
    let constructors = definitions()
        .iter()
        .filter(|of| of.name == kind.name && of.returns == Type::Indicator);
    let calls: Vec<String> = constructors.map(call).collect();
    let mut ranges: Vec<String> = kind.arguments.iter().map(range).collect();
    let sources: Vec<String> = sources(kind).map(|name| format!("`\"{name}\"`")).collect();
    if sources.len() > 1 {
        ranges.push(format!("source {}", sources.join(" or ")));
    }
    let outputs: Vec<String> = kind
        .outputs
        .iter()
        .map(|of| format!("`{}`", of.name))
        .collect();
    let mut help = kind.help.to_owned();
    if !kind.notes.is_empty() {
        help = format!("{help} {}", kind.notes);
    }
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} |",
        calls.join("<br>"),
        ranges.join("<br>"),
        outputs.join(" "),
        // What would end a table's cell is made plain.
        help.replace('|', "\\|"),
    );
}

/// Returns how a constructor is written; the ranges tell what its arguments are.
fn call(of: &Definition) -> String {
    let mut arguments = of.arguments.iter();
    let receiver = arguments.next().map_or("", |receiver| receiver.name);
    let written: Vec<String> = arguments
        .map(|argument| match argument.default {
            Some(Default::Float(value)) => format!("{} = {value}", argument.name),
            Some(_) => format!("[{}]", argument.name),
            None => argument.name.to_owned(),
        })
        .collect();
    format!("`{receiver}.{}({})`", of.name, written.join(", "))
}

fn range(of: &ArgumentDefinition) -> String {
    let steps = match of.multiple_of {
        0 => String::new(),
        1 => ", whole".to_owned(),
        step => format!(", in steps of {step}"),
    };
    format!("{} {} to {}{steps}", of.name, of.min, of.max)
}
