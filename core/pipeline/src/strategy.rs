//! Strategies from configuration to something the engine can call.
//!
//! Called once at start, on the main thread. A script is a file, or the name of a bundled one.

use crate::config::section::{self, Parameter, StrategyConfig};
use crate::run::RunError;
use crate::words::counted;
use claire_engine::strategy::Strategy;
use claire_strategies::{
    BUNDLED, Backend, Diagnostic, Limits, RhaiStrategy, Script, Value, bundled,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A strategy, ready to run.
pub struct Loaded {
    /// What the engine calls.
    pub strategy: Box<dyn Strategy>,
    /// What the journal says about it.
    pub source: ScriptSource,
    /// The script: further instances are made of it.
    pub script: Arc<Script>,
    /// How its handlers run.
    pub handlers: Handlers,
}

/// How a script's handlers run, `init` left out: it is always interpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handlers {
    /// The strategy's name.
    pub strategy: String,
    /// SHA-256 of the script's text, in hex.
    pub sha256: String,
    /// Names of the compiled ones.
    pub compiled: Vec<String>,
    /// Names of the others, and why each is interpreted.
    pub interpreted: BTreeMap<String, String>,
}

impl Handlers {
    fn of(entry: &StrategyConfig, script: &Script, sha256: &str) -> Self {
        let mut handlers = Self {
            strategy: entry.name.as_str().to_owned(),
            sha256: sha256.to_owned(),
            ..Self::default()
        };
        for state in script.handler_states() {
            let why = match (&state.interpreted, entry.backend) {
                (_, section::Backend::Interpreted) => TOLD.to_owned(),
                (None, _) => {
                    handlers.compiled.push(state.name.clone());
                    continue;
                }
                (Some(why), _) => why.to_string(),
            };
            handlers.interpreted.insert(state.name.clone(), why);
        }
        handlers
    }

    /// Returns whether they are interpreted because the configuration says so.
    pub fn is_told(&self) -> bool {
        self.interpreted.values().any(|why| why == TOLD)
    }

    /// Returns `compiled`, `interpreted`, or `mixed` where some are and some are not.
    pub fn backend(&self) -> &'static str {
        match (self.compiled.is_empty(), self.interpreted.is_empty()) {
            (_, true) => "compiled",
            (true, false) => "interpreted",
            (false, false) => "mixed",
        }
    }
}

/// Why a handler is interpreted that the configuration wants so.
const TOLD: &str = "told to";

/// Counts, and the reasons of those that are interpreted.
impl fmt::Display for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (compiled, interpreted) = (self.compiled.len(), self.interpreted.len());
        write!(
            f,
            "{}: {} compiled, {interpreted} interpreted",
            self.strategy,
            counted(compiled as u64, "handler")
        )?;
        for (name, why) in &self.interpreted {
            write!(f, "; {name}: {why}")?;
        }
        Ok(())
    }
}

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
pub fn load(entry: &StrategyConfig, limits: &Limits) -> Result<Loaded, Vec<Diagnostic>> {
    let file = entry.file.to_string_lossy();
    let (overrides, faults) = overrides_of(entry, &file);
    if !faults.is_empty() {
        return Err(faults);
    }
    let script = match bundled(&file) {
        Some(text) if !Path::new(&*file).exists() => {
            Script::compile_under(limits, &file, text, &overrides)?
        }
        _ => Script::load(limits, &entry.file, &overrides)
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
    if entry.backend == section::Backend::Compiled {
        let faults = script.interpreted(&source.file);
        if !faults.is_empty() {
            return Err(faults);
        }
    }
    let handlers = Handlers::of(entry, &script, &source.sha256);
    let script = Arc::new(script);
    Ok(Loaded {
        strategy: instance_for_entry(entry, &script),
        source,
        script,
        handlers,
    })
}

/// Returns an instance of a script, before its `init`.
pub(crate) fn instance_of(script: &Arc<Script>) -> Box<dyn Strategy> {
    Box::new(RhaiStrategy::new(Arc::clone(script)))
}

/// Returns an instance of a script on the backend that its entry asks for, before its `init`.
pub(crate) fn instance_for_entry(
    entry: &StrategyConfig,
    script: &Arc<Script>,
) -> Box<dyn Strategy> {
    Box::new(RhaiStrategy::with(Arc::clone(script), backend_of(entry)))
}

const fn backend_of(entry: &StrategyConfig) -> Backend {
    match entry.backend {
        section::Backend::Auto => Backend::Auto,
        section::Backend::Interpreted => Backend::Interpreted,
        section::Backend::Compiled => Backend::Compiled,
    }
}

/// Returns the script of a source, without its file.
///
/// # Errors
/// What is wrong with its parameters or its text.
pub(crate) fn script_of(source: &ScriptSource) -> Result<Arc<Script>, RunError> {
    let parameters = source.parameters.iter();
    let parameters = parameters.map(|text| parameter_of(source, text));
    let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
    // Which calls are cut the journal says.
    let limits = Limits {
        operations_max: u64::MAX,
        ..Limits::default()
    };
    Script::compile_under(&limits, &source.file, &source.text, &parameters)
        .map(Arc::new)
        .map_err(RunError::Script)
}

/// Reads a parameter as the journal keeps it, `name=value`.
fn parameter_of(source: &ScriptSource, text: &str) -> Result<(String, Value), RunError> {
    let wrong = |what: &str| {
        let strategy = &source.strategy;
        RunError::Usage(format!(
            "the journal: strategy {strategy}: parameter {text:?}: {what}"
        ))
    };
    let (name, value) = text.split_once('=').ok_or_else(|| wrong("no name=value"))?;
    let value = value.parse().map_err(|what: String| wrong(&what))?;
    Ok((name.to_owned(), value))
}

/// Names the bundled strategies where a file does not exist.
fn name_bundled(file: &Path, mut faults: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if let Some(fault) = faults.first_mut()
        && !file.exists()
    {
        fault.hint.get_or_insert_with(bundled_names);
    }
    faults
}

/// Returns which bundled strategies there are, in words.
pub fn bundled_names() -> String {
    format!(
        "bundled strategies are: {}",
        BUNDLED.map(|(name, _)| name).join(", ")
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_cannot_be_read_is_an_error_and_not_left_out() {
        let source = |parameter: &str| ScriptSource {
            strategy: "churn".to_owned(),
            file: "churn".to_owned(),
            sha256: String::new(),
            text: bundled("churn").expect("bundled").to_owned(),
            parameters: vec![parameter.to_owned()],
        };
        assert!(script_of(&source("notional=20.0")).is_ok());
        for parameter in ["notional", "notional=much", "=1"] {
            assert!(script_of(&source(parameter)).is_err(), "{parameter}");
        }
        let error = script_of(&source("notional=much")).expect_err("no number");
        let want = "strategy churn: parameter \"notional=much\": \"much\" is not a number";
        assert!(error.to_string().contains(want), "{error}");
    }
}
