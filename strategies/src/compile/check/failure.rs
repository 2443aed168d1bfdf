//! Why a handler stays with the interpreter, in words for the script's author.

use super::super::ir::{Expression, FunctionId, Kind, Type};
use super::super::walk::{self, Seen};
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
    /// Set where Rhai raises an error whenever this runs: then it is no matter of compiling.
    pub mistake: Option<Mistake>,
}

/// What can only fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// What to do about it.
    pub hint: String,
    /// It takes variables or fields to be of the types that they have so far.
    pub varies: bool,
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
            mistake: None,
        }
    }

    /// Returns it as no mistake: it need not run, or what it raises is caught.
    pub(crate) fn doubted(mut self) -> Self {
        self.mistake = None;
        self
    }

    /// Returns it as no mistake where that depends on types of variables and fields, which may differ here.
    pub(crate) fn doubted_if_varying(mut self) -> Self {
        self.mistake = self.mistake.filter(|mistake| !mistake.varies);
        self
    }
}

impl Failure {
    /// Returns the failure with its reason as this makes it.
    pub(crate) fn map(self, change: impl FnOnce(NotCompiled) -> NotCompiled) -> Self {
        match self {
            Self::Unsupported(fault) => Self::Unsupported(change(fault)),
            other @ Self::Recursion(_) => other,
        }
    }
}

/// Returns the failure of something that has no compiled form.
pub(crate) fn unsupported<T>(at: Position, reason: impl Into<String>) -> Lowering<T> {
    Err(Failure::Unsupported(NotCompiled::new(at, reason)))
}

/// Returns the failure of what can only fail with operands of these types.
pub(crate) fn mistaken<T>(
    at: Position,
    reason: impl Into<String>,
    hint: impl Into<String>,
    operands: &[&Expression],
) -> Lowering<T> {
    let mistake = Mistake {
        hint: hint.into(),
        varies: operands.iter().any(|of| varies(of)),
    };
    Err(Failure::Unsupported(NotCompiled {
        mistake: Some(mistake),
        ..NotCompiled::new(at, reason)
    }))
}

/// Returns whether the type of an expression follows from those of variables, fields or functions of the script.
fn varies(of: &Expression) -> bool {
    let mut varies = false;
    walk::expression(of, &mut |seen| {
        varies |= match seen {
            Seen::Expression(of) => {
                matches!(of.kind, Kind::Local(_) | Kind::Field(_) | Kind::Call(..))
            }
            Seen::Statement(_) => true,
        };
    });
    varies
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
