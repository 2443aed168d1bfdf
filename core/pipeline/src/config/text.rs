//! TOML text to the tree, each value with its line and column.
//!
//! Called at start for the configuration, its built-in defaults and the list of instruments. Never
//! judges keys or values, only the text.

use super::fault::{ConfigFault, ConfigFaults};
use super::node::{Node, Origin, Place, Table, Value};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Returns the tree of a TOML text; `file` is `None` for text built into the program.
///
/// # Errors
/// Every place where the text is no TOML, and values that no setting has (dates, numbers past 64 bits).
pub fn parse(text: &str, file: Option<PathBuf>) -> Result<Node, ConfigFaults> {
    let mut reader = TextReader {
        file: file.map(Arc::new),
        line_starts: line_starts(text),
        text,
        faults: Vec::new(),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let origin = reader.origin(&error.span().unwrap_or(0..0));
        let what = error.message().trim().replace('\n', " ");
        reader.faults.push(ConfigFault::new(origin, "", what));
    }
    let node = Node {
        origin: reader.origin(&(0..0)),
        value: Value::Table(reader.table(table.get_ref(), "")),
    };
    if reader.faults.is_empty() {
        Ok(node)
    } else {
        Err(ConfigFaults(reader.faults))
    }
}

struct TextReader<'a> {
    file: Option<Arc<PathBuf>>,
    line_starts: Vec<usize>,
    text: &'a str,
    faults: Vec<ConfigFault>,
}

impl TextReader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Table {
        let mut entries: Vec<_> = table.iter().collect();
        // The map sorts by name; people expect the order of the file.
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut read = Table::default();
        for (key, value) in entries {
            let name = key.get_ref().to_string();
            let path = joined(path, &name);
            let node = self.node(value, &path);
            read.insert(name, self.origin(&key.span()), node);
        }
        read
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, path: &str) -> Node {
        let origin = self.origin(&value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Float(float) => match float.as_str().parse() {
                Ok(float) => Value::Float(float),
                Err(_) => self.refused(&origin, path, "is no number"),
            },
            DeValue::Integer(integer) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(integer) => Value::Integer(integer),
                    Err(_) => self.refused(&origin, path, "is too large for a whole number"),
                }
            }
            DeValue::Datetime(_) => self.refused(&origin, path, "no setting takes a date"),
            DeValue::Array(list) => {
                let nodes = list.iter().enumerate();
                let nodes = nodes.map(|(index, node)| self.node(node, &format!("{path}[{index}]")));
                Value::List(nodes.collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        };
        Node { origin, value }
    }

    fn refused(&mut self, origin: &Origin, path: &str, what: &str) -> Value {
        self.faults
            .push(ConfigFault::new(origin.clone(), path, what));
        Value::Text(String::new())
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        let Some(file) = &self.file else {
            return Origin::Default;
        };
        let line = self
            .line_starts
            .partition_point(|start| *start <= span.start);
        let start = self.line_starts[line.saturating_sub(1)];
        let before = self.text.get(start..span.start).unwrap_or_default();
        Origin::File(Place {
            file: Arc::clone(file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        })
    }
}

/// Returns the key below `path`.
fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Returns where each line begins; the first at 0.
fn line_starts(text: &str) -> Vec<usize> {
    let breaks = text.match_indices('\n').map(|(index, _)| index + 1);
    std::iter::once(0).chain(breaks).collect()
}
