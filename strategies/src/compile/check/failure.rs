//! Why a handler stays with the interpreter, in words for the script's author.

use super::super::ir::{FunctionId, Type};
use rhai::Position;

/// What keeps a handler from being compiled, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotCompiled {
    /// What it is, as one sentence without an end.
    pub reason: String,
    /// Line from 1; 0 where there is no place.
    pub line: u32,
    /// Column from 1; 0 where there is none.
    pub column: u32,
}

/// Why lowering stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something has no compiled form.
    Unsupported(NotCompiled),
    /// The result of this function is needed, which is being lowered itself.
    Recursion(FunctionId),
}

/// The result of lowering a part of a script.
pub(crate) type Lowering<T> = Result<T, Failure>;

impl NotCompiled {
    pub(crate) fn new(at: Position, reason: impl Into<String>) -> Self {
        let number = |of: Option<usize>| of.and_then(|of| u32::try_from(of).ok()).unwrap_or(0);
        Self {
            reason: reason.into(),
            line: number(at.line()),
            column: number(at.position()),
        }
    }
}

/// Returns the failure of something that has no compiled form.
pub(crate) fn unsupported<T>(at: Position, reason: impl Into<String>) -> Lowering<T> {
    Err(Failure::Unsupported(NotCompiled::new(at, reason)))
}

/// Returns the words for a type, with their article.
pub(crate) fn word(of: Type) -> &'static str {
    match of {
        Type::Unit => "no value",
        Type::Bool => "true or false",
        Type::Int => "an integer",
        Type::Float => "a float",
        Type::Text => "a text",
        Type::Market => "a market",
        Type::Bars => "bars",
        Type::Indicator => "an indicator",
        Type::Order => "an order",
        Type::Trade => "a trade",
        Type::Bar => "a bar",
        Type::Fill => "a fill",
        Type::Ints => "an array of integers",
        Type::Floats => "an array of floats",
    }
}

/// Returns the types of arguments as people read them.
pub(crate) fn words(all: &[Type]) -> String {
    all.iter()
        .map(|of| word(*of))
        .collect::<Vec<_>>()
        .join(", ")
}
