//! Values that are known while a script is compiled.

use super::{Body, Expression, Kind, Lowering, Type, unsupported};
use crate::token::Order;
use claire_engine::strategy::OrderHandle;
use rhai::{Dynamic, Position};

/// A constant with a compiled form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    NoOrder,
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    /// An array without items: of either type.
    EmptyArray,
}

impl Constant {
    /// Returns the constant; `None` where it has no compiled form.
    pub(crate) fn of(value: &Dynamic) -> Option<Self> {
        if value.is_unit() {
            return Some(Self::Unit);
        }
        if let Ok(value) = value.as_bool() {
            return Some(Self::Bool(value));
        }
        if let Ok(value) = value.as_int() {
            return Some(Self::Int(value));
        }
        if let Ok(value) = value.as_float() {
            return Some(Self::Float(value));
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            return Some(Self::Text(text.to_string()));
        }
        if let Some(order) = value.read_lock::<Order>() {
            return (order.0 == OrderHandle::NONE).then_some(Self::NoOrder);
        }
        let items = value.as_array_ref().ok()?;
        if items.is_empty() {
            return Some(Self::EmptyArray);
        }
        let ints: Option<Vec<i64>> = items.iter().map(|item| item.as_int().ok()).collect();
        if let Some(ints) = ints {
            return Some(Self::Ints(ints));
        }
        let floats: Option<Vec<f64>> = items.iter().map(|item| item.as_float().ok()).collect();
        floats.map(Self::Floats)
    }

    /// Returns its type; of an array without items, floats.
    pub(crate) fn type_of(&self) -> Type {
        match self {
            Self::Unit => Type::Unit,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
            Self::NoOrder => Type::Order,
            Self::Ints(_) => Type::Ints,
            Self::Floats(_) | Self::EmptyArray => Type::Floats,
        }
    }
}

impl Body<'_, '_> {
    /// Lowers a constant.
    pub(super) fn constant(&mut self, value: &Dynamic, at: Position) -> Lowering<Expression> {
        let Some(constant) = Constant::of(value) else {
            return unsupported(at, no_form(value));
        };
        let of = constant.type_of();
        let kind = match constant {
            Constant::Unit => Kind::Unit,
            Constant::Bool(value) => Kind::Bool(value),
            Constant::Int(value) => Kind::Int(value),
            Constant::Float(value) => Kind::Float(value),
            Constant::Text(text) => Kind::Text(self.script.text(&text)),
            Constant::NoOrder => Kind::NoOrder,
            Constant::Ints(items) => Kind::Array(items.into_iter().map(Expression::int).collect()),
            Constant::Floats(items) => {
                Kind::Array(items.into_iter().map(Expression::float).collect())
            }
            Constant::EmptyArray => {
                return unsupported(
                    at,
                    "it cannot be told here whether `[]` will hold integers or floats",
                );
            }
        };
        Ok(Expression::new(of, kind))
    }
}

fn no_form(value: &Dynamic) -> String {
    if value.is_map() {
        "maps are kept only by the interpreter, except as fields of `this`".to_owned()
    } else if value.is_array() {
        "an array of something else than only integers or only floats".to_owned()
    } else if value.is_fnptr() {
        "a function as a value".to_owned()
    } else if value.is_char() {
        "a character".to_owned()
    } else {
        let name = value.type_name().rsplit("::").next().unwrap_or_default();
        format!("a value of the type {name}")
    }
}
