//! Strategies from configuration to something the engine can call.
//!
//! Called once at start, on the main thread. A script is a file, or the name of a bundled one.

use crate::config::section::{Parameter, StrategyConfig};
use claire_engine::strategy::Strategy;
use claire_strategies::{BUNDLED, Diagnostic, Limits, RhaiStrategy, Script, Value, bundled};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

/// A strategy, ready to run.
pub struct Loaded {
    /// What the engine calls.
    pub strategy: Box<dyn Strategy>,
    /// What the journal says about it.
    pub source: ScriptSource,
    /// How its handlers run, in the order of [`HANDLERS`].
    pub handlers: Vec<HandlerBackend>,
}

/// How a handler runs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerBackend {
    /// The handler.
    pub handler: &'static str,
    /// Whether it runs as machine code.
    pub is_compiled: bool,
    /// What keeps it from being compiled, each with its place; nothing where it is, or where nobody wants it.
    pub why: Vec<Diagnostic>,
}

/// The handlers, in the order that people write them.
pub const HANDLERS: [&str; 9] = [
    "init", "on_start", "on_book", "on_trade", "on_bar", "on_timer", "on_fill", "on_order",
    "on_stop",
];

/// A script as the journal keeps it: with its text, a run can be repeated without the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSource {
    /// The strategy's name.
    pub strategy: String,
    /// The file, or the bundled script's name.
    pub file: String,
    /// SHA-256 of the text, 64 lower-case hex digits.
    pub sha256: String,
    /// The text.
    pub text: String,
    /// Parameters in force, as `name=value`.
    pub parameters: Vec<String>,
}

/// Loads and checks a configured strategy.
///
/// # Errors
/// All that is wrong with its script.
pub fn load(entry: &StrategyConfig) -> Result<Loaded, Vec<Diagnostic>> {
    let file = entry.file.to_string_lossy();
    let (overrides, faults) = overrides_of(entry, &file);
    if !faults.is_empty() {
        return Err(faults);
    }
    let script = match bundled(&file) {
        Some(text) if !Path::new(&*file).exists() => Script::compile(&file, text, &overrides)?,
        _ => Script::load(&Limits::default(), &entry.file, &overrides)
            .map_err(|faults| name_bundled(&entry.file, faults))?,
    };
    let parameters = script.parameters().iter();
    let source = ScriptSource {
        strategy: entry.name.as_str().to_owned(),
        file: file.into_owned(),
        sha256: hex(&Sha256::digest(script.source().as_bytes())),
        text: script.source().to_owned(),
        parameters: parameters
            .map(|known| format!("{}={}", known.name, known.value))
            .collect(),
    };
    let handlers = backends(&script);
    let strategy = Box::new(RhaiStrategy::new(Arc::new(script)));
    Ok(Loaded {
        strategy,
        source,
        handlers,
    })
}

/// Returns how the handlers of a script run, in the order of [`HANDLERS`]; `init` is always there.
pub fn backends(script: &Script) -> Vec<HandlerBackend> {
    let has = script.handlers();
    let present = [
        true, has.start, has.book, has.trade, has.bar, has.timer, has.fill, has.order, has.stop,
    ];
    let handlers = HANDLERS.iter().zip(present);
    let handlers = handlers.filter(|(_, is_there)| *is_there);
    handlers
        .map(|(handler, _)| HandlerBackend {
            handler,
            is_compiled: false,
            why: Vec::new(),
        })
        .collect()
}

impl HandlerBackend {
    /// Returns `compiled` or `interpreted`.
    pub const fn as_str(&self) -> &'static str {
        match self.is_compiled {
            true => "compiled",
            false => "interpreted",
        }
    }
}

/// Names the bundled strategies where a file does not exist.
fn name_bundled(file: &Path, mut faults: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if let Some(fault) = faults.first_mut()
        && !file.exists()
    {
        let names: Vec<_> = BUNDLED.iter().map(|(name, _)| *name).collect();
        fault
            .hint
            .get_or_insert_with(|| format!("bundled strategies are: {}", names.join(", ")));
    }
    faults
}

/// Returns the entry's parameters, and what is wrong with those that are none: nothing is left out.
fn overrides_of(entry: &StrategyConfig, file: &str) -> (Vec<(String, Value)>, Vec<Diagnostic>) {
    let (mut overrides, mut faults) = (Vec::new(), Vec::new());
    for (name, parameter) in &entry.params {
        match value_of(parameter) {
            Ok(value) => overrides.push((name.clone(), value)),
            Err(what) => faults.push(Diagnostic {
                file: file.to_owned(),
                line: 0,
                column: 0,
                message: format!("{}.{name}: {what}", entry.name),
                hint: None,
                excerpt: String::new(),
            }),
        }
    }
    (overrides, faults)
}

/// Returns a parameter's value as scripts know it; texts are numbers or switches written as text.
fn value_of(parameter: &Parameter) -> Result<Value, String> {
    match parameter {
        Parameter::Boolean(value) => Ok(Value::Bool(*value)),
        Parameter::Integer(value) => Ok(Value::Int(*value)),
        Parameter::Float(value) => Ok(Value::Float(*value)),
        Parameter::Text(text) => text.parse(),
    }
}

/// Returns lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
