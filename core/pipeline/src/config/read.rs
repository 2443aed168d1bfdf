//! The tree to typed settings by serde: every refusal names the place, the key and what is allowed.
//!
//! Called at start for each section, and by whoever owns a section's type (the engine's limits are
//! read through here too). Reads on after a fault, so that all of a file's faults show at once.

use super::fault::{ConfigFault, ConfigFaults, nearest};
use super::node::{Entry, Node, Origin, Value};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use std::fmt;

/// Returns the value that `node` describes; `path` names it in errors.
///
/// # Errors
/// All faults that can be told apart, at most [`FAULTS_MAX`].
pub fn read<T: DeserializeOwned>(node: &Node, path: &str) -> Result<T, ConfigFaults> {
    read_or(node, &Node::table(Origin::Default), path)
}

/// Returns the value that `node` describes; after a fault it reads on with the value of `right`.
///
/// # Errors
/// As [`read`].
pub fn read_or<T: DeserializeOwned>(
    node: &Node,
    right: &Node,
    path: &str,
) -> Result<T, ConfigFaults> {
    match read_all(node, right, path) {
        (Some(value), faults) if faults.is_empty() => Ok(value),
        (_, faults) => Err(ConfigFaults(faults)),
    }
}

/// Returns what [`read_or`] returns, and beside the faults the value that was left without what is wrong, if one was.
pub fn read_all<T: DeserializeOwned>(
    node: &Node,
    right: &Node,
    path: &str,
) -> (Option<T>, Vec<ConfigFault>) {
    let mut node = node.clone();
    let mut faults: Vec<ConfigFault> = Vec::new();
    let mut removed: Vec<Vec<String>> = Vec::new();
    for _ in 0..2 * FAULTS_MAX {
        let refusal = match T::deserialize(Reader { node: &node }) {
            Ok(value) => return (Some(value), faults),
            Err(refusal) => refusal,
        };
        // What is missing because its wrong value was taken out is no fault of its own.
        if !removed.contains(&refusal.path_with_missing()) {
            faults.push(refusal.place(&node, path));
        }
        // With the wrong value gone, the next one shows.
        let is_healed = match right.at(&refusal.path) {
            Some(value) if refusal.missing.is_none() => node.replace(&refusal.path, value),
            _ => node.remove(&refusal.path),
        };
        if !is_healed || faults.len() >= FAULTS_MAX {
            break;
        }
        removed.push(refusal.path);
    }
    (None, faults)
}

/// Most faults reported of one section.
pub const FAULTS_MAX: usize = 32;

/// Reads one value.
struct Reader<'a> {
    node: &'a Node,
}

/// A refusal on its way out: the path grows from the inside.
#[derive(Clone, Debug)]
struct Refusal {
    path: Vec<String>,
    origin: Option<Origin>,
    missing: Option<&'static str>,
    what: String,
    allowed: Option<String>,
    nearest: Option<String>,
}

impl Refusal {
    fn new(what: String) -> Self {
        Self {
            path: Vec::new(),
            origin: None,
            missing: None,
            what,
            allowed: None,
            nearest: None,
        }
    }

    /// Returns the refusal as seen from one level further out.
    fn below(mut self, key: &str, origin: &Origin) -> Self {
        self.path.insert(0, key.to_owned());
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    fn path_with_missing(&self) -> Vec<String> {
        let missing = self.missing.map(str::to_owned);
        self.path.iter().cloned().chain(missing).collect()
    }

    fn place(&self, root: &Node, path: &str) -> ConfigFault {
        ConfigFault {
            origin: self.origin.clone().unwrap_or_else(|| root.origin.clone()),
            key: key_text(path, &self.path),
            what: self.what.clone(),
            allowed: self.allowed.as_deref().map(Box::from),
            nearest: self.nearest.as_deref().map(Box::from),
        }
    }
}

/// Returns `strategy[0].file` for `["strategy", "0", "file"]`.
fn key_text(prefix: &str, path: &[String]) -> String {
    let mut text = prefix.to_owned();
    for part in path {
        if part.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            text.push_str(&format!("[{part}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    text
}

impl serde::de::Error for Refusal {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("found {}, expected {expected}", plain(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "{} is not allowed, expected {expected}",
            plain(&found)
        ))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self {
            allowed: Some(known.join(", ")),
            nearest: nearest(found, known.iter().copied()).map(str::to_owned),
            ..Self::new(format!("{found:?} is not allowed"))
        }
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        Self {
            allowed: Some(known.join(", ")),
            nearest: nearest(found, known.iter().copied()).map(str::to_owned),
            ..Self::new("unknown key".to_owned())
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(format!("the key `{field}` is missing"))
        }
    }
}

/// Returns the found value in the words of the file.
fn plain(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Str(value) => format!("{value:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Refusal {}

/// Reads a number of the asked type where the text came from outside TOML, else what is there.
macro_rules! number {
    ($($method:ident $visit:ident $type:ty;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            match &self.node.value {
                Value::Raw(text) => match text.trim().replace('_', "").parse::<$type>() {
                    Ok(number) => visitor.$visit(number),
                    Err(_) => self.deserialize_any(visitor),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_str(text),
            Value::Integer(integer) if *integer >= 0 => visitor.visit_u64(integer.unsigned_abs()),
            Value::Integer(integer) => visitor.visit_i64(*integer),
            Value::Float(float) => visitor.visit_f64(*float),
            Value::Boolean(boolean) => visitor.visit_bool(*boolean),
            Value::List(list) => visitor.visit_seq(List { list, next: 0 }),
            Value::Table(table) => visitor.visit_map(Entries {
                entries: table.entries(),
                next: 0,
            }),
            Value::Raw(text) => {
                let node = guessed(text, &self.node.origin);
                Reader { node: &node }.deserialize_any(visitor)
            }
        }
    }

    number! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
        deserialize_bool visit_bool bool;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Raw(text) => visitor.visit_str(unquoted(text)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Raw(text) => {
                let node = guessed_list(text, &self.node.origin);
                Reader { node: &node }.deserialize_any(visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_enum(named(text)),
            Value::Raw(text) => visitor.visit_enum(named(unquoted(text))),
            Value::Table(table) if table.entries().len() == 1 => visitor.visit_enum(Variant {
                entry: &table.entries()[0],
            }),
            _ => {
                let _ = name;
                Err(Refusal {
                    allowed: Some(variants.join(", ")),
                    ..Refusal::new(format!("found {}, expected a word", self.node.kind()))
                })
            }
        }
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

fn named(text: &str) -> StrDeserializer<'_, Refusal> {
    text.into_deserializer()
}

/// Returns text without the quotes that a shell user may have left in.
pub(super) fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

/// Returns what unquoted text most likely is: a TOML value, else a text.
pub(super) fn guessed(text: &str, origin: &Origin) -> Node {
    let value = super::text::parse(&format!("value = {text}"), None)
        .ok()
        .and_then(|root| root.as_table()?.node("value").cloned())
        .map_or_else(|| Value::Text(text.to_owned()), |node| node.value);
    Node::placed(value, origin, "", &|_, value| value)
}

/// Returns unquoted text as a list: TOML's, else parts between commas.
pub(super) fn guessed_list(text: &str, origin: &Origin) -> Node {
    let node = guessed(text, origin);
    if matches!(node.value, Value::List(_)) {
        return node;
    }
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty()).map(|part| Node {
        origin: origin.clone(),
        value: Value::Raw(part.to_owned()),
    });
    Node {
        origin: origin.clone(),
        value: Value::List(parts.collect()),
    }
}

struct List<'a> {
    list: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refusal> {
        let Some(node) = self.list.get(self.next) else {
            return Ok(None);
        };
        let index = self.next.to_string();
        self.next += 1;
        seed.deserialize(Reader { node })
            .map(Some)
            .map_err(|refusal| refusal.below(&index, &node.origin))
    }
}

struct Entries<'a> {
    entries: &'a [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refusal> {
        let Some(entry) = self.entries.get(self.next) else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Refusal> = entry.key.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|refusal| refusal.below(&entry.key, &entry.origin))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(Refusal::new("a value was asked for twice".to_owned()));
        };
        self.next += 1;
        seed.deserialize(Reader { node: &entry.node })
            .map_err(|refusal| refusal.below(&entry.key, &entry.node.origin))
    }
}

/// A variant with content: a table of one entry.
struct Variant<'a> {
    entry: &'a Entry,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refusal;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Refusal> {
        let name = named(&self.entry.key);
        let variant = seed
            .deserialize(name)
            .map_err(|refusal: Refusal| refusal.below(&self.entry.key, &self.entry.origin))?;
        let node = &self.entry.node;
        Ok((variant, Reader { node }))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        Err(Refusal::new("this word takes no value".to_owned()))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refusal> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_any(visitor)
    }
}
