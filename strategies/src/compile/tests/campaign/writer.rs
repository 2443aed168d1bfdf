//! What is known while a script is written: names, types, and how deep it is.

use super::random::Random;
use crate::api::Definition;
use crate::compile::ir::Type;
use claire_engine::indicator::IndicatorDefinition;

/// Something with a name that a script can use.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub name: String,
    pub of: Type,
    /// It may be given another value.
    pub may_change: bool,
}

/// A function of the script.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub name: String,
    pub arguments: Vec<Type>,
    pub returns: Type,
    /// It is called as `this.name(...)`.
    pub is_method: bool,
}

/// Where the writer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `this` is the state.
    pub has_this: bool,
    /// What the function returns; `Unit` of a handler.
    pub returns: Type,
    /// Loops around, of which turns multiply.
    pub loops: u32,
    /// A loop may be written, and left.
    pub is_in_loop: bool,
    /// Turns that a loop may take at most.
    pub turns_max: i64,
}

/// Writes a script.
#[derive(Debug)]
pub(super) struct Writer {
    pub random: Random,
    pub scope: Vec<Named>,
    pub fields: Vec<Named>,
    pub constants: Vec<Named>,
    pub functions: Vec<Function>,
    pub place: Place,
    /// Fields that hold an indicator, with its kind.
    pub lines: Vec<(String, &'static IndicatorDefinition)>,
    /// Of the interface, what this script uses above all: so that all of it has its turn.
    pub focus: Vec<&'static Definition>,
    names: u32,
}

impl Writer {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            scope: Vec::new(),
            fields: Vec::new(),
            constants: Vec::new(),
            functions: Vec::new(),
            place: Place {
                has_this: false,
                returns: Type::Unit,
                loops: 0,
                is_in_loop: false,
                turns_max: 6,
            },
            lines: Vec::new(),
            focus: Vec::new(),
            names: 0,
        }
    }

    /// Returns a name that nothing has.
    pub(super) fn name(&mut self, first: &str) -> String {
        self.names += 1;
        format!("{first}{}", self.names)
    }

    /// Brings a variable into scope.
    pub(super) fn declare(&mut self, name: &str, of: Type, may_change: bool) {
        self.scope.push(Named {
            name: name.to_owned(),
            of,
            may_change,
        });
    }

    /// Returns something of the type that has a name.
    pub(super) fn named(&mut self, of: Type) -> Option<String> {
        let fields = self.fields.iter().filter(|_| self.place.has_this);
        let all: Vec<&Named> = (self.scope.iter().chain(fields).chain(&self.constants))
            .filter(|named| named.of == of)
            .collect();
        let at = self.random.below(all.len());
        all.get(at).map(|named| named.name.clone())
    }

    /// Returns a place of the type that may be given another value.
    pub(super) fn changeable(&mut self, of: Type) -> Option<String> {
        let fields = self.fields.iter().filter(|_| self.place.has_this);
        let all: Vec<&Named> = (self.scope.iter().chain(fields))
            .filter(|named| named.of == of && named.may_change)
            .collect();
        let at = self.random.below(all.len());
        all.get(at).map(|named| named.name.clone())
    }

    /// Returns whether the script can have a value of the type here.
    pub(super) fn has(&self, of: Type) -> bool {
        match of {
            Type::Trade | Type::Bar | Type::Fill | Type::Market | Type::Bars | Type::Indicator => {
                let fields = self.fields.iter().filter(|_| self.place.has_this);
                self.scope.iter().chain(fields).any(|named| named.of == of)
            }
            _ => true,
        }
    }
}

/// Types of which anything can be computed.
pub(super) const VALUES: [Type; 7] = [
    Type::Int,
    Type::Float,
    Type::Bool,
    Type::Text,
    Type::Order,
    Type::Ints,
    Type::Floats,
];
