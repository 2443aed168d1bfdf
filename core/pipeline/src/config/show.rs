//! The effective configuration as TOML, each value with its origin, and its hash.
//!
//! Called by `config show` and at the start of a run. Never shows a password.

use super::node::{Node, Table, Value};
use super::section::redacted;
use std::fmt::Write as _;

/// Returns the tree as TOML; with `origins` each value is followed by a comment that names its layer.
///
/// The text reads back as the same configuration, except for passwords, which are `***`.
pub fn show(root: &Node, origins: Origins) -> String {
    let mut text = String::new();
    if let Value::Table(table) = &root.value {
        write_table(&mut text, table, "", origins);
    }
    text
}

/// Whether origins are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origins {
    /// As comments.
    Shown,
    /// Not at all: the text depends on values only.
    Hidden,
}

fn write_table(text: &mut String, table: &Table, path: &str, origins: Origins) {
    for entry in table.entries() {
        if is_section(&entry.node) {
            continue;
        }
        let value = match (path, entry.key.as_str(), &entry.node.value) {
            ("store", "url", Value::Text(url) | Value::Raw(url)) => quoted(&redacted(url)),
            _ => inline(&entry.node),
        };
        let line = format!("{} = {value}", key_text(&entry.key));
        match origins {
            Origins::Shown => {
                let _ = writeln!(text, "{line:<40} # {}", entry.node.origin);
            }
            Origins::Hidden => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    for entry in table.entries() {
        let key = key_text(&entry.key);
        let path = if path.is_empty() {
            key
        } else {
            format!("{path}.{key}")
        };
        match &entry.node.value {
            Value::Table(table) => {
                let _ = writeln!(text, "\n[{path}]");
                write_table(text, table, &path, origins);
            }
            Value::List(list) if is_section(&entry.node) => {
                for node in list {
                    let _ = writeln!(text, "\n[[{path}]]");
                    if let Value::Table(table) = &node.value {
                        write_table(text, table, &path, origins);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns whether the value has a heading of its own: a table, or a list of nothing but tables.
fn is_section(node: &Node) -> bool {
    match &node.value {
        Value::Table(_) => true,
        Value::List(list) => {
            !list.is_empty()
                && list
                    .iter()
                    .all(|node| matches!(node.value, Value::Table(_)))
        }
        _ => false,
    }
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => quoted(text),
        Value::Raw(text) => {
            // As it is read: a shell user may write 1_000.
            let digits = text.trim().replace('_', "");
            let is_plain = text == "true" || text == "false" || text.starts_with(['"', '[']);
            match digits.parse::<i64>() {
                Ok(_) => digits,
                Err(_) if is_plain => text.clone(),
                Err(_) => quoted(text),
            }
        }
        Value::Integer(integer) => integer.to_string(),
        Value::Float(float) => format!("{float:?}"),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::List(list) => {
            let items: Vec<_> = list.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let entries = table.entries().iter();
            let items = entries.map(|e| format!("{} = {}", key_text(&e.key), inline(&e.node)));
            format!("{{ {} }}", items.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Returns the key, quoted where TOML needs it.
fn key_text(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}
