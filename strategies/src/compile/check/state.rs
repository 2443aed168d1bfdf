//! The fields of `this`, from what `init` returns.
//!
//! Types follow from the map literals that `init` returns and from the variables they use. A field
//! whose type cannot be told keeps the reason: whoever touches it is interpreted.

use super::failure::{Failure, word};
use super::script::{Script, Source};
use crate::compile::ir::{Field, FieldId, Type};
use crate::compile::lower::{Body, Constant};
use rhai::{ASTNode, Dynamic, Expr, Stmt};
use std::collections::BTreeMap;

/// What a path below `this` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A field with its type.
    Field(FieldId, Type),
    /// A map of fields.
    Map,
    /// Something without a compiled form, and why.
    Unknown(String),
}

/// The fields of `this` by their paths.
#[derive(Debug, Default)]
pub(crate) struct State {
    slots: BTreeMap<String, Slot>,
    /// Why nothing is known of any field.
    unknown: Option<String>,
}

/// What `init` gives a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    Value(Type),
    /// An array without items: integers or floats, as its uses show.
    Empty,
    Map,
    Unknown(String),
}

/// The paths of the state, before arrays without items have their types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    paths: BTreeMap<String, Given>,
    unknown: Option<String>,
}

impl State {
    /// Returns whether any field is an array.
    pub(crate) fn has_arrays(&self) -> bool {
        let mut slots = self.slots.values();
        slots.any(|slot| matches!(slot, Slot::Field(_, of) if of.is_array()))
    }

    /// Returns what the path stands for, or why that is not known.
    pub(crate) fn slot(&self, path: &str) -> Result<&Slot, String> {
        let above = path
            .match_indices('.')
            .filter_map(|(dot, _)| path.get(..dot));
        for path in above.chain([path]) {
            if let Some(Slot::Unknown(why)) = self.slots.get(path) {
                return Err(why.clone());
            }
        }
        match (self.slots.get(path), &self.unknown) {
            (Some(slot), _) => Ok(slot),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Err(format!("`init` does not create `this.{path}`")),
        }
    }
}

impl Schema {
    /// Reads the schema off `init`.
    pub(crate) fn of_init(script: &mut Script<'_>) -> Self {
        let Some(init) = script.source("init", 1) else {
            return Self::unknown("there is no `init(m)`");
        };
        script.is_init = true;
        let schema = read(script, &init);
        script.is_init = false;
        script.clear();
        schema
    }

    /// Returns the paths of arrays whose items `init` does not show.
    pub(crate) fn empty_arrays(&self) -> Vec<String> {
        let empty = self
            .paths
            .iter()
            .filter(|(_, given)| **given == Given::Empty);
        empty.map(|(path, _)| path.clone()).collect()
    }

    /// Returns the fields and the state, with arrays without items as given: floats unless told otherwise.
    pub(crate) fn state(&self, arrays: &BTreeMap<String, Type>) -> (Vec<Field>, State) {
        let mut fields = Vec::new();
        let mut slots = BTreeMap::new();
        for (path, given) in &self.paths {
            let of = match given {
                Given::Map => {
                    slots.insert(path.clone(), Slot::Map);
                    continue;
                }
                Given::Unknown(why) => {
                    slots.insert(path.clone(), Slot::Unknown(why.clone()));
                    continue;
                }
                Given::Empty => arrays.get(path).copied().unwrap_or(Type::Floats),
                Given::Value(of) => *of,
            };
            let id = FieldId(u32::try_from(fields.len()).unwrap_or(u32::MAX));
            slots.insert(path.clone(), Slot::Field(id, of));
            fields.push(Field {
                name: path.clone(),
                of,
            });
        }
        let unknown = self.unknown.clone();
        (fields, State { slots, unknown })
    }

    fn unknown(why: &str) -> Self {
        Self {
            paths: BTreeMap::new(),
            unknown: Some(why.to_owned()),
        }
    }

    /// Takes a path of one more returned map.
    fn add(&mut self, path: String, given: Given) {
        let merged = match (self.paths.get(&path), given) {
            (None, given) => given,
            (Some(Given::Value(of @ (Type::Ints | Type::Floats))), Given::Empty) => {
                Given::Value(*of)
            }
            (Some(Given::Empty), Given::Value(of @ (Type::Ints | Type::Floats))) => {
                Given::Value(of)
            }
            (Some(known), given) if *known == given => given,
            (Some(_), _) => Given::Unknown(format!(
                "`init` gives `this.{path}` values of several types"
            )),
        };
        self.paths.insert(path, merged);
    }
}

/// Lowers `init` as far as it goes and takes the types of what it returns.
fn read(script: &mut Script<'_>, init: &Source) -> Schema {
    let mut schema = Schema::default();
    let mut body = Body::of_init(script, init);
    let last = init.statements.len().saturating_sub(1);
    for (number, statement) in init.statements.iter().enumerate() {
        match statement {
            Stmt::Return(value, ..) => take(&mut body, value.as_deref(), &mut schema),
            Stmt::Expr(value) if number == last => take(&mut body, Some(value), &mut schema),
            Stmt::FnCall(..)
            | Stmt::If(..)
            | Stmt::Switch(..)
            | Stmt::Block(..)
            | Stmt::TryCatch(..)
                if number == last =>
            {
                return Schema::unknown(
                    "`init` does not end with the map it returns, so the types of `this` are not known",
                );
            }
            other => {
                inner_returns(&mut body, other, &mut schema);
                body.probe(other);
            }
        }
    }
    schema
}

/// Takes the maps that statements within a statement return.
///
/// They may use variables that the statement declares, which are not known here: then only literals count.
fn inner_returns(body: &mut Body<'_, '_>, statement: &Stmt, schema: &mut Schema) {
    let mut declares = false;
    let mut returned: Vec<Option<Expr>> = Vec::new();
    statement.walk(&mut Vec::new(), &mut |path| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Return(value, ..))) => {
                returned.push(value.as_deref().cloned());
            }
            Some(ASTNode::Stmt(Stmt::Var(..) | Stmt::For(..) | Stmt::Assignment(..))) => {
                declares = true;
            }
            _ => {}
        }
        true
    });
    for value in returned {
        if declares && !value.as_ref().is_none_or(Expr::is_constant) {
            schema.unknown = Some(
                "`init` returns from within a block with variables, so the types of `this` are not known"
                    .to_owned(),
            );
        } else {
            take(body, value.as_ref(), schema);
        }
    }
}

/// Takes the fields of a returned value.
fn take(body: &mut Body<'_, '_>, value: Option<&Expr>, schema: &mut Schema) {
    match value {
        None | Some(Expr::Unit(_)) => {}
        Some(Expr::Map(..) | Expr::DynamicConstant(..)) => {
            fields(body, "", value, schema);
        }
        Some(_) => {
            schema.unknown = Some(
                "`init` returns something else than a map literal, so the types of `this` are not known"
                    .to_owned(),
            );
        }
    }
}

/// Adds the fields of a map below a path.
fn fields(body: &mut Body<'_, '_>, path: &str, value: Option<&Expr>, schema: &mut Schema) {
    match value {
        Some(Expr::Map(of, _)) => {
            for (name, value) in &of.0 {
                if name.as_str().contains('.') {
                    schema.unknown = Some(dotted(name.as_str()));
                    return;
                }
                let below = join(path, name.as_str());
                if let Expr::Map(..) | Expr::DynamicConstant(..) = value {
                    schema_of_constant_or_map(body, below, value, schema);
                } else {
                    let given = given(body, &below, value);
                    schema.add(below, given);
                }
            }
        }
        Some(Expr::DynamicConstant(value, _)) => constant_fields(path, value, schema),
        _ => {}
    }
}

fn schema_of_constant_or_map(
    body: &mut Body<'_, '_>,
    path: String,
    value: &Expr,
    schema: &mut Schema,
) {
    match value {
        Expr::DynamicConstant(value, _) => constant(path, value, schema),
        _ => {
            schema.add(path.clone(), Given::Map);
            fields(body, &path, Some(value), schema);
        }
    }
}

fn constant_fields(path: &str, value: &Dynamic, schema: &mut Schema) {
    let Ok(map) = value.as_map_ref() else {
        schema.unknown =
            Some("`init` returns no map, so the types of `this` are not known".to_owned());
        return;
    };
    for (name, value) in map.iter() {
        if name.contains('.') {
            schema.unknown = Some(dotted(name.as_str()));
            return;
        }
        constant(join(path, name.as_str()), value, schema);
    }
}

fn constant(path: String, value: &Dynamic, schema: &mut Schema) {
    if value.is_map() {
        schema.add(path.clone(), Given::Map);
        constant_fields(&path, value, schema);
        return;
    }
    let given = match Constant::of(value) {
        Some(Constant::EmptyArray) => Given::Empty,
        Some(Constant::Unit) => Given::Unknown(at_first_nothing(&path)),
        Some(constant) => Given::Value(constant.type_of()),
        None => Given::Unknown(format!(
            "`this.{path}` holds a value without a compiled form, {}",
            value.type_name()
        )),
    };
    schema.add(path, given);
}

/// Returns what `init` gives a field by this expression.
fn given(body: &mut Body<'_, '_>, path: &str, value: &Expr) -> Given {
    if let Expr::Array(items, _) = value
        && items.is_empty()
    {
        return Given::Empty;
    }
    match body.type_of(value) {
        Ok(Type::Unit) => Given::Unknown(at_first_nothing(path)),
        Ok(of @ (Type::Trade | Type::Bar | Type::Fill)) => Given::Unknown(format!(
            "`this.{path}` holds {}, which is kept only by the interpreter",
            word(of)
        )),
        Ok(of) => Given::Value(of),
        Err(Failure::Unsupported(fault)) => Given::Unknown(format!(
            "the type of `this.{path}` cannot be told from `init`: {}",
            fault.reason
        )),
        Err(Failure::Recursion(_)) => Given::Unknown(format!(
            "the type of `this.{path}` cannot be told from `init`"
        )),
    }
}

/// Paths join names by dots.
fn dotted(name: &str) -> String {
    format!("`init` names a field `{name}`, with a dot in it")
}

fn at_first_nothing(path: &str) -> String {
    format!("`this.{path}` is () at first, so it has no type")
}

/// Returns a path with one more name.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
