//! A run of files that is continued after its script was reloaded: it begins with the script that it began with.
//!
//! Called by replay before its engine is built. The file holds the last version by then; the journal says so.

use super::plan::Plan;
use crate::inputs::part;
use crate::run::{Prepared, RunError};
use crate::strategy::{ScriptSource, instance_of, script_of};
use claire_engine::Engine;
use claire_sidecar::JournalReader;
use std::path::Path;

/// Returns the plan of an unfinished journal in `dir`, and lets `prepared` begin as that run did.
///
/// A strategy whose file holds neither the journal's first version nor its last one is left as it is: the journal
/// then is another run's, and who opens it says so.
///
/// # Errors
/// What is wrong with the journal, or with a script of it.
pub(crate) fn resume(dir: &Path, prepared: &mut Prepared) -> Result<Plan, RunError> {
    let Ok(reader) = JournalReader::open(dir) else {
        // Nothing is continued, or whoever opens it says what is wrong.
        return Ok(Plan::default());
    };
    let plan = Plan::read(dir, None)?;
    let first: Vec<ScriptSource> = part(reader.header(), "scripts")?;
    let mut is_changed = false;
    for (ours, first) in prepared.scripts.iter_mut().zip(first) {
        let last = plan.sources().filter(|of| of.strategy == ours.strategy);
        if *ours != first && last.last().as_ref() == Some(ours) {
            *ours = first;
            is_changed = true;
        }
    }
    if is_changed {
        for (handlers, script) in prepared.handlers.iter_mut().zip(&prepared.scripts) {
            handlers.sha256.clone_from(&script.sha256);
        }
        let scripts = prepared.scripts.iter().map(script_of);
        prepared.compiled = scripts.collect::<Result<_, _>>()?;
        let strategies = prepared.compiled.iter().map(instance_of).collect();
        let (config, state) = (prepared.engine_config.clone(), prepared.state.clone());
        prepared.engine = Engine::new(config, state, strategies).map_err(RunError::Usage)?;
    }
    Ok(plan)
}
