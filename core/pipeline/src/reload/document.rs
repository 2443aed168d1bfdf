//! A version's document: script, what its `init` declared, and the state that it returned.
//!
//! Made where a version is made ready; annotated in the journal before its reload, and kept in snapshots. Whoever
//! applies the journal again has the version from it alone: `init` is not run again, since what it saw is gone.

use crate::run::RunError;
use crate::strategy::{ScriptSource, instance_of, script_of};
use claire_engine::floor::Declared;
use claire_engine::strategy::Strategy;
use claire_engine::{Prepared, Successor};
use claire_strategies::Script;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A version's document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    /// The script.
    pub source: ScriptSource,
    declared: Declared,
    state: Vec<u8>,
}

/// The first byte: the form above.
const FORM: u8 = 1;

impl Document {
    /// Returns the document of a version that was made ready.
    pub fn of(source: ScriptSource, prepared: &Prepared) -> Self {
        let mut state = Vec::new();
        prepared.strategy.save(&mut state);
        Self {
            source,
            declared: prepared.declared.clone(),
            state,
        }
    }

    /// Reads what [`Document::bytes`] wrote.
    ///
    /// # Errors
    /// Where the bytes are no document of this version.
    pub fn read(bytes: &[u8]) -> Result<Self, RunError> {
        let none =
            || RunError::Usage("the journal holds no readable document of a reload".to_owned());
        match bytes.split_first() {
            Some((&FORM, rest)) => postcard::from_bytes(rest).map_err(|_| none()),
            _ => Err(none()),
        }
    }

    /// Returns the bytes that journals and snapshots keep.
    pub fn bytes(&self) -> Vec<u8> {
        // Writing to memory fails only where memory ends.
        postcard::to_extend(self, vec![FORM]).unwrap_or_default()
    }

    /// Returns an instance that is where `init` left it.
    ///
    /// # Errors
    /// Where script and state do not fit one another.
    pub fn instance(&self, script: &Arc<Script>) -> Result<Box<dyn Strategy>, RunError> {
        let mut instance = instance_of(script);
        let restored = instance.restore(&self.state);
        restored.map_err(|fault| RunError::Usage(format!("a reload's state: {}", fault.text)))?;
        Ok(instance)
    }

    /// Returns the successor that takes the seat with this instance.
    pub fn successor(&self, instance: Box<dyn Strategy>, document: Vec<u8>) -> Successor {
        Successor {
            strategy: instance,
            declared: self.declared.clone().with_room(),
            document,
        }
    }
}

/// Returns the successor of a journaled document.
///
/// # Errors
/// What does not fit.
pub(crate) fn successor_of(bytes: Vec<u8>) -> Result<Successor, RunError> {
    let document = Document::read(&bytes)?;
    let instance = document.instance(&script_of(&document.source)?)?;
    Ok(document.successor(instance, bytes))
}

/// Returns an instance for a version that a snapshot holds: of its document, or of the run's first script.
///
/// # Errors
/// What is wrong with the document or the script.
pub(crate) fn instance_for(
    version: &claire_engine::floor::Version,
    first: &ScriptSource,
) -> Result<Box<dyn Strategy>, RunError> {
    let script = match version.document.is_empty() {
        true => script_of(first)?,
        false => script_of(&Document::read(&version.document)?.source)?,
    };
    Ok(instance_of(&script))
}
