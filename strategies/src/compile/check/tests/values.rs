//! Values of the evaluator. Arrays are references, as in machine code, so that a copy left out is seen.

use crate::compile::ir::{ArrayCall, Type};
use crate::token::{Bars, Indicator, Market, Order};
use claire_engine::strategy::OrderHandle;
use rhai::Dynamic;
use std::cell::RefCell;
use std::rc::Rc;

/// A function's locals; `None` has no value yet.
pub(super) type Store = Vec<Option<Value>>;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Ints(Rc<RefCell<Vec<i64>>>),
    Floats(Rc<RefCell<Vec<f64>>>),
    /// A handle of the interface, with its type.
    Token(Type, Dynamic),
}

impl Value {
    /// Returns the value that a script's value is, if it is of this type.
    pub(super) fn of(value: &Dynamic, of: Type) -> Option<Self> {
        Some(match of {
            Type::Unit => value.is_unit().then_some(Self::Unit)?,
            Type::Bool => Self::Bool(value.as_bool().ok()?),
            Type::Int => Self::Int(value.as_int().ok()?),
            Type::Float => Self::Float(value.as_float().ok()?),
            Type::Text => Self::Text(value.clone().into_string().ok()?),
            Type::Ints => {
                let items = value.as_array_ref().ok()?;
                let items: Option<Vec<i64>> = items.iter().map(|item| item.as_int().ok()).collect();
                Self::Ints(Rc::new(RefCell::new(items?)))
            }
            Type::Floats => {
                let items = value.as_array_ref().ok()?;
                let items: Option<Vec<f64>> =
                    items.iter().map(|item| item.as_float().ok()).collect();
                Self::Floats(Rc::new(RefCell::new(items?)))
            }
            token => Self::Token(token, value.clone()),
        })
    }

    pub(super) fn array(of: Type, items: Vec<Self>) -> Self {
        let items = items.into_iter().map(Self::dynamic).collect();
        Self::of(&Dynamic::from_array(items), of).expect("items of the array's type")
    }

    pub(super) fn no_order() -> Self {
        Self::Token(Type::Order, Dynamic::from(Order(OrderHandle::NONE)))
    }

    pub(super) fn dynamic(self) -> Dynamic {
        match self {
            Self::Unit => Dynamic::UNIT,
            Self::Bool(value) => value.into(),
            Self::Int(value) => value.into(),
            Self::Float(value) => value.into(),
            Self::Text(text) => text.into(),
            Self::Ints(items) => {
                Dynamic::from_array(items.borrow().iter().map(|item| (*item).into()).collect())
            }
            Self::Floats(items) => {
                Dynamic::from_array(items.borrow().iter().map(|item| (*item).into()).collect())
            }
            Self::Token(_, value) => value,
        }
    }

    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::Unit => Type::Unit,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
            Self::Ints(_) => Type::Ints,
            Self::Floats(_) => Type::Floats,
            Self::Token(of, _) => *of,
        }
    }

    /// Returns a value of its own.
    pub(super) fn copied(self) -> Self {
        match self {
            Self::Ints(items) => Self::Ints(Rc::new(RefCell::new(items.borrow().clone()))),
            Self::Floats(items) => Self::Floats(Rc::new(RefCell::new(items.borrow().clone()))),
            other => other,
        }
    }

    pub(super) fn bool(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            other => panic!("no bool: {other:?}"),
        }
    }

    pub(super) fn int(&self) -> i64 {
        match self {
            Self::Int(value) => *value,
            other => panic!("no integer: {other:?}"),
        }
    }

    pub(super) fn float(&self) -> f64 {
        match self {
            Self::Float(value) => *value,
            other => panic!("no float: {other:?}"),
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    /// Returns whether two handles are the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (Self::Token(a, one), Self::Token(b, other)) = (self, other) else {
            panic!("no handles: {self:?} {other:?}");
        };
        assert_eq!(a, b);
        fn same<T: rhai::Variant + Clone + PartialEq>(one: &Dynamic, other: &Dynamic) -> bool {
            one.clone().cast::<T>() == other.clone().cast::<T>()
        }
        match a {
            Type::Market => same::<Market>(one, other),
            Type::Bars => same::<Bars>(one, other),
            Type::Order => same::<Order>(one, other),
            Type::Indicator => same::<Indicator>(one, other),
            other => panic!("no handle: {other:?}"),
        }
    }

    pub(super) fn length(&self) -> i64 {
        let length = match self {
            Self::Ints(items) => items.borrow().len(),
            Self::Floats(items) => items.borrow().len(),
            other => panic!("no array: {other:?}"),
        };
        length as i64
    }

    /// Returns where an index points, also from the end.
    fn at(&self, index: i64) -> Option<usize> {
        let length = self.length();
        let at = if index < 0 {
            length.checked_add(index)?
        } else {
            index
        };
        (0..length).contains(&at).then_some(at as usize)
    }

    pub(super) fn item(&self, index: i64) -> Option<Self> {
        let at = self.at(index)?;
        Some(match self {
            Self::Ints(items) => Self::Int(items.borrow()[at]),
            Self::Floats(items) => Self::Float(items.borrow()[at]),
            other => panic!("no array: {other:?}"),
        })
    }

    pub(super) fn set_item(&self, index: i64, value: Self) -> Option<()> {
        let at = self.at(index)?;
        match self {
            Self::Ints(items) => items.borrow_mut()[at] = value.int(),
            Self::Floats(items) => items.borrow_mut()[at] = value.float(),
            other => panic!("no array: {other:?}"),
        }
        Some(())
    }

    /// Changes the array in place.
    pub(super) fn change(&self, call: ArrayCall, arguments: &[Self]) -> Option<Self> {
        match self {
            Self::Ints(items) => change(&mut items.borrow_mut(), call, arguments, Self::int)
                .map(|item| item.map_or(Self::Unit, Self::Int)),
            Self::Floats(items) => change(&mut items.borrow_mut(), call, arguments, Self::float)
                .map(|item| item.map_or(Self::Unit, Self::Float)),
            other => panic!("no array: {other:?}"),
        }
    }
}

/// Changes an array in place; the outer `None` is a side exit.
fn change<T: Copy>(
    items: &mut Vec<T>,
    call: ArrayCall,
    arguments: &[Value],
    item: fn(&Value) -> T,
) -> Option<Option<T>> {
    let length = items.len();
    let from_end = |index: i64| (length as i64).checked_add(index);
    match call {
        ArrayCall::Push => items.push(item(&arguments[0])),
        ArrayCall::Pop => return items.pop().map(Some),
        ArrayCall::Shift => return (length > 0).then(|| Some(items.remove(0))),
        ArrayCall::Insert => {
            let index = arguments[0].int();
            let at = match index {
                0.. => usize::try_from(index).unwrap_or(length).min(length),
                // Beyond the beginning is the beginning.
                _ => from_end(index).map_or(0, |at| at.max(0) as usize),
            };
            items.insert(at, item(&arguments[1]));
        }
        ArrayCall::Remove => {
            let index = arguments[0].int();
            let at = if index < 0 { from_end(index)? } else { index };
            let at = usize::try_from(at).ok().filter(|at| *at < length)?;
            return Some(Some(items.remove(at)));
        }
        ArrayCall::Truncate => {
            items.truncate(usize::try_from(arguments[0].int()).unwrap_or(0));
        }
        ArrayCall::Clear => items.clear(),
        ArrayCall::Reverse => items.reverse(),
    }
    Some(None)
}
