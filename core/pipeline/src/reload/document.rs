//! A version's document: script, what its `init` declared, and the state that it returned.
//!
//! Its head, whose script it is, is JSON as in a run's header, so that a store can read it; the rest only this program.
//! Made where a version is made ready; annotated in the journal before its reload, and kept in snapshots. Whoever
//! applies the journal again has the version from it alone: `init` is not run again, since what it saw is gone.

use crate::run::RunError;
use crate::strategy::{ScriptSource, instance_of, script_of};
use claire_engine::floor::Declared;
use claire_engine::strategy::Strategy;
use claire_engine::{Prepared, Successor};
use claire_strategies::Script;
use claire_types::annotation::{document_of, split_document};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A version's document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// The script: the head.
    pub source: ScriptSource,
    made: Made,
}

/// What `init` made of a script: what follows the head.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Made {
    declared: Declared,
    state: Vec<u8>,
}

impl Document {
    /// Returns the document of a version that was made ready.
    pub fn of(source: ScriptSource, prepared: &Prepared) -> Self {
        let mut state = Vec::new();
        prepared.strategy.save(&mut state);
        let declared = prepared.declared.clone();
        Self {
            source,
            made: Made { declared, state },
        }
    }

    /// Reads what [`Document::bytes`] wrote.
    ///
    /// # Errors
    /// Where the bytes are no document of this version.
    pub fn read(bytes: &[u8]) -> Result<Self, RunError> {
        let none =
            || RunError::Usage("the journal holds no readable document of a reload".to_owned());
        let (head, rest) = split_document(bytes).ok_or_else(none)?;
        Ok(Self {
            source: serde_json::from_slice(head).map_err(|_| none())?,
            made: postcard::from_bytes(rest).map_err(|_| none())?,
        })
    }

    /// Returns the bytes that journals and snapshots keep.
    pub fn bytes(&self) -> Vec<u8> {
        // Writing to memory fails only where memory ends.
        let head = serde_json::to_vec(&self.source).unwrap_or_default();
        let rest = postcard::to_stdvec(&self.made).unwrap_or_default();
        document_of(&head, &rest)
    }

    /// Returns an instance that is where `init` left it.
    ///
    /// # Errors
    /// Where script and state do not fit one another.
    pub fn instance(&self, script: &Arc<Script>) -> Result<Box<dyn Strategy>, RunError> {
        let mut instance = instance_of(script);
        let restored = instance.restore(&self.made.state);
        restored.map_err(|fault| RunError::Usage(format!("a reload's state: {}", fault.text)))?;
        Ok(instance)
    }

    /// Returns the successor that takes the seat with this instance.
    pub fn successor(&self, instance: Box<dyn Strategy>, document: Vec<u8>) -> Successor {
        Successor {
            strategy: instance,
            declared: self.made.declared.clone().with_room(),
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
