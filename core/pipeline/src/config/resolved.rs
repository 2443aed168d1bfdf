//! The engine's sections as they are in effect: what was written, and the defaults beside it.
//!
//! Called by [`super::Config::show`] for people and journals, and by the hash, which leaves out what says the
//! default again: a shown configuration that is read back has the hash of the one that was shown.

use super::check::{has, of_engine};
use super::node::{Node, Origin, Table, Value};
use super::{read, text};
use claire_engine::config::{AccountConfig, EngineConfig, MatchingConfig, TableLimits};
use claire_engine::risk::limits::{Profile, RiskLimits};
use claire_types::Mode;
use serde::Serialize;

/// A section with its values in effect and by default, keys in the type's order.
struct Section {
    name: &'static str,
    in_effect: Node,
    by_default: Node,
}

/// Returns the tree with the values in effect in the engine's sections, those that were written first.
///
/// Where the engine's part cannot be read, it is returned as it was written.
pub(super) fn resolved(tree: &Node, mode: Mode) -> Node {
    let mut tree = settled(tree);
    for section in sections(&tree, mode) {
        let Some(table) = table_of(&mut tree, section.name) else {
            continue;
        };
        for entry in entries(&section.in_effect) {
            if table.node(&entry.0).is_none() {
                table.insert(entry.0, entry.1.origin.clone(), entry.1);
            }
        }
    }
    tree
}

/// Returns the tree without what says the default again in the engine's sections.
pub(super) fn essential(tree: &Node, mode: Mode) -> Node {
    let mut tree = settled(tree);
    for section in sections(&tree, mode) {
        let Some(table) = table_of(&mut tree, section.name) else {
            continue;
        };
        for (key, value) in entries(&section.in_effect) {
            let default = section.by_default.at(std::slice::from_ref(&key));
            if default.is_some_and(|default| default.value == value.value) {
                table.remove(&key);
            }
        }
    }
    tree
}

/// Returns the tree with what the environment and the command line say as a file would say it.
fn settled(tree: &Node) -> Node {
    let defaults = text::parse(super::DEFAULTS, None).ok();
    let mut tree = tree.clone();
    if let Some(table) = super::table_mut(&mut tree) {
        for key in keys(table) {
            let default = defaults
                .as_ref()
                .and_then(|node| node.at(std::slice::from_ref(&key)));
            let is_hashed = super::HASHED.contains(&key.as_str());
            if let Some(node) = table.node_mut(&key) {
                settle(node, default, is_hashed);
            }
        }
    }
    tree
}

/// The default says what kind of value it is; in what is hashed plain values stay as they are, any kind reads them.
fn settle(node: &mut Node, default: Option<&Node>, is_hashed: bool) {
    match &mut node.value {
        Value::Raw(raw) if is_hashed && !raw.starts_with(['[', '{']) => {}
        Value::Raw(raw) => {
            node.value = match default.map(|node| &node.value) {
                _ if is_hashed => read::guessed(raw, &node.origin).value,
                Some(Value::Text(_)) => Value::Text(read::unquoted(raw).to_owned()),
                Some(Value::List(_)) => read::guessed_list(raw, &node.origin).value,
                _ => read::guessed(raw, &node.origin).value,
            };
        }
        Value::Table(table) => {
            for key in keys(table) {
                let default = default.and_then(|node| node.at(std::slice::from_ref(&key)));
                if let Some(node) = table.node_mut(&key) {
                    settle(node, default, is_hashed);
                }
            }
        }
        Value::List(list) => list
            .iter_mut()
            .for_each(|node| settle(node, None, is_hashed)),
        _ => {}
    }
}

fn keys(table: &Table) -> Vec<String> {
    let entries = table.entries().iter();
    entries.map(|entry| entry.key.clone()).collect()
}

fn sections(tree: &Node, mode: Mode) -> Vec<Section> {
    match of_engine(tree, mode) {
        (Some(config), faults) if faults.is_empty() => of_config(&config),
        _ => Vec::new(),
    }
}

fn of_config(config: &EngineConfig) -> Vec<Section> {
    let profile = config.risk.profile;
    let section = |name, in_effect: Node, by_default: Node| Section {
        name,
        in_effect,
        by_default,
    };
    vec![
        section(
            "account",
            node(&config.account, &Origin::Default),
            node(&AccountConfig::default(), &Origin::Default),
        ),
        section(
            "risk",
            risk(profile, &config.limits()),
            risk(Profile::default(), &RiskLimits::profile(profile)),
        ),
        section(
            "matching",
            node(&config.matching, &Origin::Default),
            node(&MatchingConfig::default(), &Origin::Default),
        ),
        section(
            "tables",
            node(&config.tables, &Origin::Default),
            node(&TableLimits::default(), &Origin::Default),
        ),
    ]
}

/// Returns a profile and limits as the section that says them.
fn risk(profile: Profile, limits: &RiskLimits) -> Node {
    #[derive(Serialize)]
    struct Named {
        profile: Profile,
    }
    let mut section = node(&Named { profile }, &Origin::Default);
    let name = match section.at(&["profile".to_owned()]).map(|node| &node.value) {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    };
    let limits = node(limits, &Origin::Profile(name));
    section.lay_over(limits);
    section
}

/// Returns what the type says as a table of this origin, numbers as numbers.
fn node<T: Serialize>(value: &T, origin: &Origin) -> Node {
    let written = toml::to_string(value).unwrap_or_default();
    let parsed = text::parse(&written, None);
    let parsed = parsed.unwrap_or_else(|_| Node::table(origin.clone()));
    // Decimal numbers, which the types write as texts, become numbers.
    Node::placed(parsed.value, origin, "", &|key, value| match value {
        Value::Text(text) if key != "currency" => number(text),
        value => value,
    })
}

/// Returns a number that shows with exactly these digits, else the text.
fn number(text: String) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(integer), _) if integer.to_string() == text => Value::Integer(integer),
        (_, Ok(float)) if float.is_finite() && format!("{float:?}") == text => Value::Float(float),
        _ => Value::Text(text),
    }
}

fn entries(section: &Node) -> Vec<(String, Node)> {
    let table = section.as_table().map(Table::entries).unwrap_or_default();
    let pairs = table.iter();
    pairs
        .map(|entry| (entry.key.clone(), entry.node.clone()))
        .collect()
}

fn table_of<'a>(tree: &'a mut Node, name: &str) -> Option<&'a mut Table> {
    if !has(tree, name) {
        return None;
    }
    let table = super::table_mut(tree)?;
    super::table_mut(table.node_mut(name)?)
}
