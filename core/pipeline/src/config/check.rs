//! What `config check` looks at beyond the pipeline's own sections: the engine's numbers, the mode, and the strategies.
//!
//! Called at start, on the main thread: by `claire config check` for everything at once, and by every run for
//! the engine's part, so that both refuse in the same words.

use super::fault::{ConfigFault, ConfigFaults};
use super::node::{Node, Origin, Value};
use super::section::StrategyConfig;
use super::{Config, Sources, read};
use crate::strategy::load;
use claire_engine::config as engine;
use claire_engine::config::EngineConfig;
use claire_strategies::Diagnostic;
use claire_types::Mode;

/// Modes that this version has a command for.
const MODES: [Mode; 2] = [Mode::Replay, Mode::Paper];

impl Config {
    /// Reads all layers and checks all that a run would refuse at its start, strategies included.
    ///
    /// # Errors
    /// Everything that is wrong, at least one fault; see [`ConfigFault`].
    pub fn checked(sources: &Sources) -> Result<Self, ConfigFaults> {
        let (layers, mut faults) = Self::layers(sources)?;
        let tree = layers.tree.clone();
        let config = Self::of_layers(layers);
        let strategies = match &config {
            Ok(config) => config.strategies.clone(),
            Err(found) => {
                add(&mut faults, found.0.clone());
                let written = tree.at(&["strategy".to_owned()]);
                let read = written.map(|node| read::read(node, "strategy"));
                read.and_then(Result::ok).unwrap_or_default()
            }
        };
        let mode = match &config {
            Ok(config) => config.mode,
            Err(_) => None,
        };
        if let Some(mode) = mode.filter(|mode| !MODES.contains(mode)) {
            let known: Vec<_> = MODES.iter().map(|mode| mode.as_str()).collect();
            let what = format!("this version cannot run in mode `{mode}` yet");
            let mut fault = ConfigFault::new(origin_of(&tree, "mode"), "mode", what);
            fault.allowed = Some(known.join(", ").into());
            add(&mut faults, vec![fault]);
        }
        let (_, found) = of_engine(&tree, mode.unwrap_or(Mode::Replay));
        add(&mut faults, found);
        for (index, strategy) in strategies.iter().enumerate() {
            add(&mut faults, of_strategy(&tree, index, strategy));
        }
        if let Ok(config) = &config {
            add(&mut faults, crate::paper::check(config));
        }
        match config {
            Ok(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigFaults(faults)),
        }
    }

    /// Returns the engine's configuration, its parts compared with one another.
    ///
    /// # Errors
    /// Everything that is wrong with it, with file, line and key.
    pub fn engine_config(&self, mode: Mode) -> Result<EngineConfig, ConfigFaults> {
        match of_engine(&self.tree, mode) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(ConfigFaults(faults)),
        }
    }
}

/// Adds what is not known yet: two readers may stumble over one value.
fn add(faults: &mut Vec<ConfigFault>, found: Vec<ConfigFault>) {
    for fault in found {
        let is_known = faults
            .iter()
            .any(|known| known.origin == fault.origin && known.key == fault.key);
        if !is_known {
            faults.push(fault);
        }
    }
}

/// Returns the engine's configuration, where it can be read after wrong values are taken out, and all that is wrong.
pub(super) fn of_engine(tree: &Node, mode: Mode) -> (Option<EngineConfig>, Vec<ConfigFault>) {
    let node = super::engine_node(tree, mode);
    let nothing = Node::table(Origin::Default);
    let (config, mut faults) = read::read_all::<EngineConfig>(&node, &nothing, "");
    for fault in &mut faults {
        fault.key = of_file(&fault.key);
    }
    let are_fees_read = !faults.iter().any(|fault| fault.key.starts_with("fees"));
    if let Some(config) = &config {
        let found = config.faults().into_iter();
        // An entry that was taken out is missing only because of its own fault.
        let found = found
            .filter(|fault| are_fees_read || !matches!(fault, engine::ConfigFault::FeeMissing(_)));
        add(
            &mut faults,
            found.map(|fault| placed(tree, &fault)).collect(),
        );
    }
    (config, faults)
}

/// Returns a fault of the engine's with the place of the first of its keys that was written.
fn placed(tree: &Node, fault: &engine::ConfigFault) -> ConfigFault {
    let keys = fault.keys();
    let is_written = |key: &&&str| tree.at(&path_of(&of_file(key))).is_some();
    let key = keys.iter().find(is_written).or(keys.first());
    let key = key.copied().unwrap_or_default();
    let text = fault.to_string();
    let what = text.strip_prefix(key).unwrap_or(&text);
    let what = what.trim_start_matches([':', '=', ' ']);
    let key = of_file(key);
    ConfigFault::new(origin_of(tree, &key), key, what)
}

/// Returns what is wrong with a strategy's script and parameters, at the setting that names it.
fn of_strategy(tree: &Node, index: usize, strategy: &StrategyConfig) -> Vec<ConfigFault> {
    let faults = load(strategy, &claire_strategies::Limits::default())
        .err()
        .unwrap_or_default();
    let faults = faults.iter().map(|fault| {
        let mut names = strategy.params.keys();
        let named = names.find(|name| fault.message.contains(&format!("`{name}`")));
        let key = match named {
            Some(name) => format!("strategy[{index}].params.{name}"),
            None => format!("strategy[{index}].file"),
        };
        ConfigFault::new(origin_of(tree, &key), key, words(fault))
    });
    faults.collect()
}

/// Returns the diagnostic on one line, the script's place first.
fn words(fault: &Diagnostic) -> String {
    let place = match (fault.line, fault.column) {
        (0, _) => fault.file.clone(),
        (line, 0) => format!("{}:{line}", fault.file),
        (line, column) => format!("{}:{line}:{column}", fault.file),
    };
    match &fault.hint {
        Some(hint) => format!("{place}: {}; {hint}", fault.message),
        None => format!("{place}: {}", fault.message),
    }
}

/// Returns the key as the file has it: the engine's `strategies` are `[[strategy]]`.
fn of_file(key: &str) -> String {
    match key.strip_prefix("strategies") {
        Some(rest) => format!("strategy{rest}"),
        None => key.to_owned(),
    }
}

/// Returns the names and positions of a key, as in `fees[1].maker_share`.
fn path_of(key: &str) -> Vec<String> {
    let parts = key.split(['.', '[']);
    let parts = parts.map(|part| part.trim_end_matches(']').to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// Returns where the key's value was written, or what holds it.
pub(super) fn origin_of(tree: &Node, key: &str) -> Origin {
    let path = path_of(key);
    let nodes = (0..=path.len()).rev();
    let mut nodes = nodes.filter_map(|depth| tree.at(&path[..depth]));
    nodes.next().unwrap_or(tree).origin.clone()
}

/// Returns whether the node is a table with this key.
pub(super) fn has(node: &Node, key: &str) -> bool {
    matches!(&node.value, Value::Table(table) if table.node(key).is_some())
}
