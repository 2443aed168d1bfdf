//! How a script's handlers are run: compiled, or interpreted and why.
//!
//! Decided when a script is compiled, off the hot path; read by whoever starts it, checks it or reports on it.

use crate::api;
use crate::compile::check::{self, HandlerReport, NotCompiled};
use crate::compile::ir::{Field, FunctionId};
use crate::compile::machine::{Entry, Machine};
use crate::{Diagnostic, Limits};
use claire_engine::strategy::StrategyEvent;
use rhai::{AST, Dynamic};
use std::fmt;
use std::str::FromStr;

/// Which backend runs the handlers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Machine code where there is some, else the interpreter.
    #[default]
    Auto,
    /// Machine code; a script with an interpreted handler is refused.
    Compiled,
    /// The interpreter.
    Interpreted,
}

/// A handler of a script, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerState {
    /// Its name: `on_book`, ...
    pub name: String,
    /// Why it is interpreted; `None` where it is compiled.
    pub interpreted: Option<Interpreted>,
}

/// Why a handler is interpreted, and the place that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreted {
    /// One sentence without an end.
    pub reason: String,
    /// Line from 1; 0 where there is no place.
    pub line: u32,
    /// Column from 1; 0 where there is none.
    pub column: u32,
}

/// The compiled form of a script.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// The fields of `this` that have slots.
    pub fields: Vec<Field>,
    /// Of every handler but `init`, in the order of [`HANDLERS`] those that the script has.
    pub handlers: Vec<HandlerState>,
    /// What can only fail, where a handler has that, in the order of the handlers.
    pub mistakes: Vec<NotCompiled>,
    /// The code, by the number of the handler.
    pub code: [Option<Code>; HANDLERS.len()],
    /// Owns the code.
    _machine: Option<Machine>,
}

/// The code of a handler. Valid while the script is there.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    /// How it is entered.
    pub entry: Entry,
    /// Operations that the interpreter counts at most for a call, loops and calls within left out.
    pub operations: u64,
    /// Fields without arrays that it may change.
    pub fields: Vec<u32>,
    /// Those of them that it does not keep itself before it changes them.
    pub kept: Vec<u32>,
    /// Fields whose arrays it may change.
    pub arrays: Vec<u32>,
}

impl Compiled {
    /// Compiles what can be compiled of a script.
    pub(crate) fn of(ast: &AST, constants: &[(String, Dynamic)], limits: &Limits) -> Self {
        let lowered = check::program(ast, constants, api::definitions(), limits);
        let reasons = lowered.handlers.iter();
        let reasons = reasons.filter_map(|handler| handler.compiled.as_ref().err());
        let mistakes: Vec<NotCompiled> = reasons
            .filter(|why| why.mistake.is_some())
            .cloned()
            .collect();
        let machine = match Machine::new(&lowered.program, limits) {
            Ok(machine) => machine,
            Err(fault) => {
                return Self {
                    mistakes,
                    ..Self::interpreted(&lowered.handlers, &fault.to_string())
                };
            }
        };
        let mut compiled = Self {
            fields: lowered.program.fields,
            mistakes,
            ..Self::default()
        };
        for report in lowered.handlers {
            compiled.take(&machine, report);
        }
        compiled._machine = Some(machine);
        compiled
    }

    /// Returns whether any handler is compiled.
    pub(crate) fn has_code(&self) -> bool {
        self.code.iter().any(Option::is_some)
    }

    fn interpreted(reports: &[HandlerReport], reason: &str) -> Self {
        let state = |report: &HandlerReport| HandlerState {
            name: report.name.clone(),
            interpreted: Some(Interpreted {
                reason: reason.to_owned(),
                line: 0,
                column: 0,
            }),
        };
        Self {
            handlers: reports.iter().map(state).collect(),
            ..Self::default()
        }
    }

    fn take(&mut self, machine: &Machine, report: HandlerReport) {
        let interpreted = match report.compiled {
            Ok(id) => self.enter(machine, id, &report.name),
            Err(why) => Some(why.into()),
        };
        self.handlers.push(HandlerState {
            name: report.name,
            interpreted,
        });
    }

    /// Takes a handler's code; returns why there is none.
    fn enter(&mut self, machine: &Machine, id: FunctionId, name: &str) -> Option<Interpreted> {
        let number = HANDLERS.iter().position(|handler| *handler == name);
        let place = number.and_then(|number| self.code.get_mut(number));
        let (Some(place), Some(entry)) = (place, machine.entry(id)) else {
            return Some(Interpreted {
                reason: "its function is no handler's".to_owned(),
                line: 0,
                column: 0,
            });
        };
        let facts = machine.plan().function(id);
        let fields: Vec<u32> = facts.fields.iter().copied().collect();
        let kept = if facts.is_called {
            fields.clone()
        } else {
            Vec::new()
        };
        *place = Some(Code {
            entry,
            operations: facts.operations,
            fields,
            kept,
            arrays: facts.arrays.iter().copied().collect(),
        });
        None
    }
}

impl HandlerState {
    /// Returns what is wrong with a handler that must be compiled.
    pub(crate) fn diagnostic(&self, file: &str, source: &str) -> Option<Diagnostic> {
        let why = self.interpreted.as_ref()?;
        let (name, reason) = (&self.name, &why.reason);
        let message = format!("`{name}` would be interpreted: {reason}");
        let line = (why.line as usize).checked_sub(1);
        let excerpt = line
            .and_then(|line| source.lines().nth(line))
            .unwrap_or_default();
        Some(Diagnostic {
            line: why.line,
            column: why.column,
            excerpt: excerpt.to_owned(),
            ..Diagnostic::of_file(file, message)
        })
    }
}

impl From<NotCompiled> for Interpreted {
    fn from(why: NotCompiled) -> Self {
        Self {
            reason: why.reason,
            line: why.line,
            column: why.column,
        }
    }
}

impl fmt::Display for Interpreted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.reason),
            line => write!(f, "line {line}, column {}: {}", self.column, self.reason),
        }
    }
}

impl Backend {
    /// Returns its word in options and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Compiled => "compiled",
            Self::Interpreted => "interpreted",
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::Auto, Self::Compiled, Self::Interpreted];
        let found = all.into_iter().find(|backend| backend.as_str() == word);
        found.ok_or_else(|| format!("`{word}` is no backend: auto, compiled, interpreted"))
    }
}

/// The handlers beside `init`, by their numbers; the runtime knows them, too.
pub(crate) const HANDLERS: [&str; 8] = [
    "on_book", "on_trade", "on_bar", "on_timer", "on_fill", "on_order", "on_start", "on_stop",
];

/// Number of `on_book`.
pub(crate) const BOOK: usize = 0;

/// Returns the number of the handler that an event asks for; `None` for `init`.
pub(crate) const fn handler_of(event: &StrategyEvent<'_>) -> Option<usize> {
    match event {
        StrategyEvent::Init => None,
        StrategyEvent::Book { .. } => Some(0),
        StrategyEvent::Trade { .. } => Some(1),
        StrategyEvent::Bar { .. } => Some(2),
        StrategyEvent::Timer { .. } => Some(3),
        StrategyEvent::Fill { .. } => Some(4),
        StrategyEvent::Order { .. } => Some(5),
        StrategyEvent::Start => Some(6),
        StrategyEvent::Stop => Some(7),
    }
}
