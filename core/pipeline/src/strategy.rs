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
pub fn load(entry: &StrategyConfig) -> Result<Loaded, Vec<Diagnostic>> {
    let overrides = overrides_of(entry)?;
    let file = entry.file.to_string_lossy();
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
    let strategy = Box::new(RhaiStrategy::new(Arc::new(script)));
    Ok(Loaded { strategy, source })
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

/// Returns the parameters that are set, as scripts know them; texts are numbers or switches written as text.
fn overrides_of(entry: &StrategyConfig) -> Result<Vec<(String, Value)>, Vec<Diagnostic>> {
    let mut overrides = Vec::new();
    let mut faults = Vec::new();
    for (name, parameter) in &entry.params {
        let value = match parameter {
            Parameter::Boolean(value) => Ok(Value::Bool(*value)),
            Parameter::Integer(value) => Ok(Value::Int(*value)),
            Parameter::Float(value) => Ok(Value::Float(*value)),
            Parameter::Text(text) => text.parse(),
        };
        match value {
            Ok(value) => overrides.push((name.clone(), value)),
            Err(what) => faults.push(Diagnostic {
                file: entry.file.display().to_string(),
                line: 0,
                column: 0,
                message: format!("{}.{name}: {what}", entry.name),
                hint: None,
                excerpt: String::new(),
            }),
        }
    }
    if faults.is_empty() {
        Ok(overrides)
    } else {
        Err(faults)
    }
}

/// Returns lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
