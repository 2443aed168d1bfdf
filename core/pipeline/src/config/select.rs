//! Which strategies run: those configured, or those the command line names.
//!
//! Called at start, after the layers are read; a recording's own instrument can stand in for a market
//! that nobody named.

use super::fault::{ConfigFault, ConfigFaults};
use super::node::{Node, Origin, Table, Value};
use super::section::StrategyConfig;
use super::{Config, layer, read};
use claire_types::InstrumentKey;
use std::path::Path;

/// What the command line says about strategies.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `--strategy`: names of configured strategies, bundled scripts or script files; empty keeps all configured.
    pub strategies: Vec<String>,
    /// `--market`: the primary market of scripts that the configuration does not know.
    pub market: Option<InstrumentKey>,
    /// `--set`: `NAME.parameter=value`.
    pub settings: Vec<String>,
    /// `--backend`, for all.
    pub backend: Option<String>,
}

impl Config {
    /// Narrows the strategies to the selected ones and sets their parameters.
    ///
    /// # Errors
    /// A script without a market, a setting that is no `NAME.parameter=value`, or names a strategy that
    /// does not run, and whatever an entry of the configuration would be refused for.
    pub fn select(&mut self, selection: &Selection) -> Result<(), ConfigFaults> {
        let mut tree = self.tree.clone();
        if !selection.strategies.is_empty() {
            let list = selected(&tree, selection)?;
            if let Some(table) = super::table_mut(&mut tree) {
                let origin = Origin::CommandLine("--strategy".to_owned());
                let value = Value::List(list);
                let node = Node {
                    origin: origin.clone(),
                    value,
                };
                table.insert("strategy".to_owned(), origin, node);
            }
        }
        for setting in &selection.settings {
            layer::apply(&mut tree, &override_of(setting)?)?;
        }
        if let Some(backend) = &selection.backend {
            for index in 0..entries(&tree).len() {
                let key = format!("strategy.{index}.backend");
                let option = layer::Override::of_option("--backend", &key, backend);
                layer::apply(&mut tree, &option)?;
            }
        }
        let strategies = match tree.at(&["strategy".to_owned()]) {
            Some(node) => read::read(node, "strategy")?,
            None => Vec::new(),
        };
        names_are_unique(&tree, &strategies)?;
        self.strategies = strategies;
        self.tree = tree;
        Ok(())
    }
}

impl Config {
    /// Sets the bundled market's strategies where none is configured.
    ///
    /// # Errors
    /// None with the built-in text, which a test reads.
    pub fn strategies_of_paper(&mut self) -> Result<(), ConfigFaults> {
        if !self.strategies.is_empty() {
            return Ok(());
        }
        let built_in = super::text::parse(PAPER, None)?;
        let path = ["strategy".to_owned()];
        if let (Some(node), Some(table)) = (built_in.at(&path), super::table_mut(&mut self.tree)) {
            self.strategies = read::read(node, "strategy")?;
            table.insert("strategy".to_owned(), Origin::Default, node.clone());
        }
        Ok(())
    }
}

const PAPER: &str = include_str!("paper.toml");

/// Refuses two strategies of one name.
pub(super) fn names_are_unique(
    tree: &Node,
    strategies: &[StrategyConfig],
) -> Result<(), ConfigFaults> {
    for (index, strategy) in strategies.iter().enumerate() {
        let earlier = strategies[..index].iter();
        if earlier.clone().any(|other| other.name == strategy.name) {
            let path = ["strategy", &index.to_string(), "name"].map(str::to_owned);
            let origin = tree.at(&path).unwrap_or(tree).origin.clone();
            let key = format!("strategy[{index}].name");
            let what = format!("`{}` is taken by an earlier entry", strategy.name);
            return Err(ConfigFault::new(origin, key, what).into());
        }
    }
    Ok(())
}

fn entries(tree: &Node) -> &[Node] {
    match tree.at(&["strategy".to_owned()]).map(|node| &node.value) {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

/// Returns the entries that run: configured ones by name, new ones for scripts.
fn selected(tree: &Node, selection: &Selection) -> Result<Vec<Node>, ConfigFaults> {
    let mut list: Vec<Node> = Vec::new();
    for wanted in &selection.strategies {
        let configured = entries(tree).iter().find(|node| {
            node.at(&["name".to_owned()])
                .is_some_and(|name| matches!(&name.value, Value::Text(text) | Value::Raw(text) if text == wanted))
        });
        let node = match configured {
            Some(node) => node.clone(),
            None => entry_of_script(wanted, list.len(), selection.market)?,
        };
        list.push(node);
    }
    Ok(list)
}

/// Returns the name that a script's entry gets where the command line names the script: that of the file, in the
/// letters of a name.
pub fn name_of_script(script: &str) -> String {
    let stem = Path::new(script).file_stem().unwrap_or_default();
    stem.to_string_lossy()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(NAME_OF_SCRIPT_MAX)
        .collect()
}

/// Letters of such a name: a number may follow.
pub const NAME_OF_SCRIPT_MAX: usize = 28;

/// Returns an entry for a script; the second and later ones get their number so that names differ.
fn entry_of_script(
    script: &str,
    index: usize,
    market: Option<InstrumentKey>,
) -> Result<Node, ConfigFault> {
    let origin = Origin::CommandLine(format!("--strategy {script}"));
    let Some(market) = market else {
        let what = "is not configured; name its market with --market venue:SYMBOL";
        return Err(ConfigFault::new(origin, "", what));
    };
    let mut name = name_of_script(script);
    if index > 0 && name.is_empty() {
        name = format!("strategy_{index}");
    }
    let mut table = Table::default();
    for (key, text) in [
        ("name", name),
        ("file", script.to_owned()),
        ("market", market.to_string()),
    ] {
        let node = Node {
            origin: origin.clone(),
            value: Value::Text(text),
        };
        table.insert(key.to_owned(), origin.clone(), node);
    }
    let value = Value::Table(table);
    Ok(Node { origin, value })
}

/// Returns what `--set NAME.parameter=value` sets.
fn override_of(setting: &str) -> Result<layer::Override, ConfigFault> {
    let option = format!("--set {setting}");
    let parts = setting
        .split_once('=')
        .and_then(|(path, value)| Some((path.trim().split_once('.')?, value.trim())));
    let Some(((name, parameter), value)) = parts else {
        let what = "is no NAME.parameter=value, as in ema.fast=20";
        return Err(ConfigFault::new(Origin::CommandLine(option), "", what));
    };
    if name.is_empty() || parameter.is_empty() || value.is_empty() {
        let what = "lacks the name, the parameter or the value";
        return Err(ConfigFault::new(Origin::CommandLine(option), "", what));
    }
    Ok(layer::Override {
        path: ["strategy", name, "params", parameter]
            .map(str::to_owned)
            .to_vec(),
        text: value.to_owned(),
        origin: Origin::CommandLine(option),
    })
}
