//! The configuration as a tree in which every value knows where it came from.
//!
//! Called by the rest of `config`, at start, on the main thread. Holds values as they were written;
//! it never judges them, `read` does.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub origin: Origin,
    /// What was written.
    pub value: Value,
}

/// What can be written in a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A quoted text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list, in order.
    List(Vec<Node>),
    /// Named values, in the order they were written.
    Table(Table),
    /// Unquoted text of the environment or the command line; its reader decides what it is.
    Raw(String),
}

/// Named values in the order they were written; a name occurs once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    entries: Vec<Entry>,
}

/// One name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name.
    pub key: String,
    /// Where the name was written.
    pub origin: Origin,
    /// The value.
    pub node: Node,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built into the program.
    Default,
    /// The risk profile of this name.
    Profile(String),
    /// A file.
    File(Place),
    /// An environment variable, by name.
    Environment(String),
    /// An option of the command line, as typed.
    CommandLine(String),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<PathBuf>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Node {
    /// Returns an empty table.
    pub fn table(origin: Origin) -> Self {
        Self {
            origin,
            value: Value::Table(Table::default()),
        }
    }

    /// Returns the value with this origin, as all that is below it; `plain` makes of the values that hold no others, each
    /// with the name it stands under, what they become.
    pub fn placed(
        value: Value,
        origin: &Origin,
        key: &str,
        plain: &impl Fn(&str, Value) -> Value,
    ) -> Self {
        let below = |node: Self, key: &str| Self::placed(node.value, origin, key, plain);
        let value = match value {
            Value::List(list) => {
                Value::List(list.into_iter().map(|node| below(node, key)).collect())
            }
            Value::Table(mut table) => {
                for entry in &mut table.entries {
                    entry.origin = origin.clone();
                    entry.node = below(entry.node.clone(), &entry.key);
                }
                Value::Table(table)
            }
            value => plain(key, value),
        };
        Self {
            origin: origin.clone(),
            value,
        }
    }

    /// Returns the value at this path of names and list positions, if there is one.
    pub fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        match &self.value {
            Value::Table(table) => table.node(first)?.at(rest),
            Value::List(list) => list.get(first.parse::<usize>().ok()?)?.at(rest),
            _ => None,
        }
    }

    /// Removes the value at this path; returns whether it was there.
    pub fn remove(&mut self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return false;
        };
        match &mut self.value {
            Value::Table(table) if rest.is_empty() => table.remove(first),
            Value::Table(table) => table.node_mut(first).is_some_and(|node| node.remove(rest)),
            Value::List(list) => {
                let Some(index) = first.parse().ok().filter(|index| *index < list.len()) else {
                    return false;
                };
                if rest.is_empty() {
                    list.remove(index);
                    return true;
                }
                list.get_mut(index).is_some_and(|node| node.remove(rest))
            }
            _ => false,
        }
    }

    /// Replaces the value at this path; returns whether there was one.
    pub fn replace(&mut self, path: &[String], value: &Self) -> bool {
        let Some((first, rest)) = path.split_first() else {
            *self = value.clone();
            return true;
        };
        let below = match &mut self.value {
            Value::Table(table) => table.node_mut(first),
            Value::List(list) => first
                .parse::<usize>()
                .ok()
                .and_then(|index| list.get_mut(index)),
            _ => None,
        };
        below.is_some_and(|node| node.replace(rest, value))
    }

    /// Lays another layer over this one: tables merge name by name, everything else is replaced.
    pub fn lay_over(&mut self, upper: Self) {
        match (&mut self.value, upper.value) {
            (Value::Table(lower), Value::Table(table)) => {
                for entry in table.entries {
                    lower.lay_over(entry);
                }
            }
            (value, upper_value) => {
                *value = upper_value;
            }
        }
        self.origin = upper.origin;
    }

    /// Returns what kind of value this is, in the words of an error message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Raw(_) => "a value",
        }
    }

    /// Returns the table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl Table {
    /// Adds or replaces a value.
    pub fn insert(&mut self, key: String, origin: Origin, node: Node) {
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => *entry = Entry { key, origin, node },
            None => self.entries.push(Entry { key, origin, node }),
        }
    }

    /// Removes a value; returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.key != key);
        self.entries.len() < before
    }

    /// Returns a name's value.
    pub fn node(&self, key: &str) -> Option<&Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.node)
    }

    /// Returns a name's value for change.
    pub fn node_mut(&mut self, key: &str) -> Option<&mut Node> {
        let entry = self.entries.iter_mut().find(|entry| entry.key == key)?;
        Some(&mut entry.node)
    }

    /// Returns a name's value for change, an empty table where there was none.
    pub fn node_or_table(&mut self, key: &str, origin: &Origin) -> &mut Node {
        let index = match self.entries.iter().position(|entry| entry.key == key) {
            Some(index) => index,
            None => {
                self.entries.push(Entry {
                    key: key.to_owned(),
                    origin: origin.clone(),
                    node: Node::table(origin.clone()),
                });
                self.entries.len() - 1
            }
        };
        &mut self.entries[index].node
    }

    /// Returns the entries in the order they were written.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn lay_over(&mut self, upper: Entry) {
        match self.entries.iter_mut().find(|entry| entry.key == upper.key) {
            Some(entry) => {
                entry.origin = upper.origin;
                entry.node.lay_over(upper.node);
            }
            None => self.entries.push(upper),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::File(place) => write!(f, "{}:{}", place.file.display(), place.line),
            Self::Environment(name) => f.write_str(name),
            Self::CommandLine(option) => f.write_str(option),
        }
    }
}
