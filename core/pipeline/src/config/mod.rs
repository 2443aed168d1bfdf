//! The configuration: built-in defaults < file < environment < command line.
//!
//! Called once at start, on the main thread. What leaves here is typed and complete; no later code
//! checks it again. Faults name file, line, column and key, all of them at once.

mod check;
pub mod fault;
pub mod instruments;
pub mod layer;
pub mod node;
mod read;
mod resolved;
pub mod script;
pub mod section;
pub mod select;
pub mod show;
mod text;

pub use fault::{ConfigFault, ConfigFaults, nearest};
pub use layer::Override;
pub use node::{Node, Origin, Value};
use script::ScriptConfig;
use section::{JournalConfig, PaperConfig, PipelineConfig, StoreConfig, StoreUrl, StrategyConfig};
pub use select::Selection;
pub use show::Origins;

use claire_types::{Instrument, Mode};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};

/// The effective configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The mode, where one is configured; there is no default.
    pub mode: Option<Mode>,
    /// The folder of state, journals and the default database.
    pub data_dir: PathBuf,
    /// What is known of instruments, ids not assigned.
    pub instruments: Vec<Instrument>,
    /// `[pipeline]`.
    pub pipeline: PipelineConfig,
    /// `[journal]`.
    pub journal: JournalConfig,
    /// `[store]`.
    pub store: StoreConfig,
    /// `[paper]`.
    pub paper: PaperConfig,
    /// `[script]`.
    pub script: ScriptConfig,
    /// `[[strategy]]`, in order; names are unique.
    pub strategies: Vec<StrategyConfig>,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    tree: Node,
}

/// Where the layers come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// The process's variables.
    pub environment: Vec<(String, String)>,
    /// Options of the command line that are settings.
    pub options: Vec<Override>,
}

/// The file that is read where none is named and it exists.
pub const FILE_DEFAULT: &str = "config/claire.toml";

/// The list of instruments that may be missing: the built-in one stands in for it.
const INSTRUMENTS_DEFAULT: &str = "config/instruments.toml";
const DEFAULTS: &str = include_str!("default.toml");
/// The database in the data directory.
const STORE_FILE: &str = "claire.db";
/// Top-level keys that the environment may set without a section.
const TOP_LEVEL: [&str; 3] = ["mode", "data_dir", "instruments_file"];
/// Sections whose values can change what the engine puts out.
const HASHED: [&str; 7] = [
    "mode", "account", "risk", "matching", "tables", "fees", "strategy",
];
/// Sections that the engine's type reads as they are.
const OF_ENGINE: [&str; 5] = ["account", "risk", "matching", "tables", "fees"];
/// Keys of a strategy that the engine's type reads.
const OF_ENGINE_STRATEGY: [&str; 4] = ["name", "market", "budget_share", "budget_amount"];

impl Sources {
    /// Returns the sources of this process: its variables, and the given file and options.
    pub fn of_process(file: Option<PathBuf>, options: Vec<Override>) -> Self {
        // Names and values that are no text cannot be settings of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            file,
            environment,
            options,
        }
    }
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Everything that is wrong, at least one fault; see [`ConfigFault`].
    pub fn load(sources: &Sources) -> Result<Self, ConfigFaults> {
        let (layers, mut faults) = Self::layers(sources)?;
        match Self::of_layers(layers) {
            Ok(config) if faults.is_empty() => Ok(config),
            Ok(_) => Err(ConfigFaults(faults)),
            Err(found) => {
                faults.extend(found.0);
                Err(ConfigFaults(faults))
            }
        }
    }

    /// Returns the built-in configuration with `options` over it: the same whatever files and variables say.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn built_in(options: &[Override]) -> Result<Self, ConfigFaults> {
        let defaults = text::parse(DEFAULTS, None)?;
        let mut tree = defaults.clone();
        let built_in = Override::of_option("built-in", "instruments_file", "");
        for option in std::iter::once(&built_in).chain(options) {
            layer::apply(&mut tree, option)?;
        }
        Self::of_layers(Layers {
            tree,
            defaults,
            file: None,
        })
    }

    /// Lays the layers over one another, and returns what was wrong with the upper ones beside them.
    fn layers(sources: &Sources) -> Result<(Layers, Vec<ConfigFault>), ConfigFaults> {
        let defaults = text::parse(DEFAULTS, None)?;
        let mut tree = defaults.clone();
        let file = sources.file_path();
        if let Some(path) = &file {
            let text = std::fs::read_to_string(path)
                .map_err(|cause| ConfigFault::unreadable(path, &cause))?;
            tree.lay_over(text::parse(&text, Some(path.clone()))?);
        }
        let environment = layer::environment(sources.environment.clone(), &TOP_LEVEL);
        let mut faults = Vec::new();
        let variables = environment.unwrap_or_else(|found| {
            faults = found;
            Vec::new()
        });
        for layer in variables.iter().chain(&sources.options) {
            if let Err(fault) = layer::apply(&mut tree, layer) {
                faults.push(fault);
            }
        }
        let layers = Layers {
            tree,
            defaults,
            file,
        };
        Ok((layers, faults))
    }

    fn of_layers(layers: Layers) -> Result<Self, ConfigFaults> {
        let Layers {
            tree,
            defaults,
            file,
        } = layers;
        let root: Root = read::read_or(&tree, &defaults, "")?;
        select::names_are_unique(&tree, &root.strategy)?;
        if let Some((key, what)) = root.journal.contradiction() {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            let origin = tree.at(&path).unwrap_or(&tree).origin.clone();
            return Err(ConfigFault::new(origin, key, what).into());
        }
        let instruments = listed(&root.instruments_file)?;
        Ok(Self {
            mode: root.mode,
            data_dir: root.data_dir,
            instruments,
            pipeline: root.pipeline,
            journal: root.journal,
            store: root.store,
            paper: root.paper,
            script: root.script,
            strategies: root.strategy,
            file,
            tree,
        })
    }

    /// Returns the mode of a command that runs in `mode`.
    ///
    /// # Errors
    /// The configured mode, where it is another one.
    pub fn mode_of_command(&self, mode: Mode) -> Result<Mode, ConfigFault> {
        match self.mode {
            Some(configured) if configured != mode => {
                let what = format!(
                    "`{configured}` is configured, but the command runs in mode `{mode}`; \
                     change the setting, or remove it so that the command decides"
                );
                Err(ConfigFault::new(self.origin_of("mode"), "mode", what))
            }
            _ => Ok(mode),
        }
    }

    /// Returns the configured mode.
    ///
    /// # Errors
    /// A fault where none is configured: there is no default.
    pub fn mode_required(&self) -> Result<Mode, ConfigFault> {
        self.mode.ok_or_else(|| {
            let known: Vec<_> = Mode::ALL.iter().map(|mode| mode.as_str()).collect();
            let mut fault = ConfigFault::new(
                self.tree.origin.clone(),
                "mode",
                "is not set and has no default",
            );
            fault.allowed = Some(known.join(", ").into());
            fault
        })
    }

    /// Returns a section as its owner's type; faults name file, line and key.
    ///
    /// # Errors
    /// What the type refuses. A section that was not written reads as an empty table.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigFaults> {
        match self.tree.at(&[name.to_owned()]) {
            Some(node) => read::read(node, name),
            None => read::read(&Node::table(self.tree.origin.clone()), name),
        }
    }

    /// Returns where a dotted key's value was written, the file's or built-in origin if nowhere.
    pub fn origin_of(&self, key: &str) -> Origin {
        check::origin_of(&self.tree, key)
    }

    /// Returns a fault at a dotted key, for checks that only the key's user can make.
    pub fn fault(&self, key: &str, what: impl Into<String>) -> ConfigFault {
        ConfigFault::new(self.origin_of(key), key, what)
    }

    /// Returns the configuration in effect as TOML, passwords hidden: what was written, and in the engine's
    /// sections the defaults beside it. Read back it has the same hash.
    pub fn show(&self, origins: Origins) -> String {
        show::show(&resolved::resolved(&self.tree, self.mode_shown()), origins)
    }

    /// The engine's part cannot be read without a mode; the sections shown and hashed do not depend on it.
    fn mode_shown(&self) -> Mode {
        self.mode.unwrap_or(Mode::Replay)
    }

    /// Returns the hash of all that can change the engine's outputs: 64 lower-case hex digits.
    ///
    /// Topology, folders, journal and store are not in it, nor is where a value was written, nor a value of the
    /// engine's sections that says the default again.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        let mut hashed = Node::table(Origin::Default);
        let essential = resolved::essential(&self.tree, self.mode_shown());
        if let (Some(table), Some(all)) = (table_mut(&mut hashed), essential.as_table()) {
            for name in HASHED {
                if let Some(node) = all.node(name) {
                    table.insert(name.to_owned(), Origin::Default, node.clone());
                }
            }
        }
        digest.update(show::show(&hashed, Origins::Hidden));
        for instrument in &self.instruments {
            digest.update(format!("{instrument:?}\n"));
        }
        hex(&digest.finalize())
    }

    /// Returns the database's address with its password, or `None` where none is wanted.
    pub fn store_url(&self) -> Option<String> {
        match self.store.url {
            StoreUrl::Auto => Some(format!("sqlite:{}", self.data_store().display())),
            _ => self.store.url.reveal(),
        }
    }

    /// Returns the folder of journals.
    pub fn journal_dir(&self) -> PathBuf {
        if self.journal.dir.as_os_str().is_empty() {
            self.data_journals()
        } else {
            self.journal.dir.clone()
        }
    }

    /// Returns the database in the data directory, which is filled unless another one is named.
    pub fn data_store(&self) -> PathBuf {
        self.data_dir.join(STORE_FILE)
    }

    /// Returns the folder of journals in the data directory, used unless another one is named.
    pub fn data_journals(&self) -> PathBuf {
        self.data_dir.join("journal")
    }
}

impl Sources {
    /// Returns the file to read: named by option or variable, else the default one if it exists.
    fn file_path(&self) -> Option<PathBuf> {
        let by_variable = || {
            let mut named = self.environment.iter();
            named
                .find(|(name, value)| name == "CLAIRE_CONFIG" && !value.is_empty())
                .map(|(_, value)| PathBuf::from(value))
        };
        let by_place = || Some(PathBuf::from(FILE_DEFAULT)).filter(|path| path.exists());
        self.file.clone().or_else(by_variable).or_else(by_place)
    }
}

/// The layers, laid over one another.
struct Layers {
    tree: Node,
    defaults: Node,
    file: Option<PathBuf>,
}

/// Returns what the engine's own type reads: `mode`, its sections as written, and `strategies` with what the
/// engine needs of each. The epoch is left to the type's default.
fn engine_node(tree: &Node, mode: Mode) -> Node {
    let mut engine = node::Table::default();
    let written = tree.at(&["mode".to_owned()]).unwrap_or(tree);
    let value = Node {
        origin: written.origin.clone(),
        value: Value::Text(mode.to_string()),
    };
    engine.insert("mode".to_owned(), value.origin.clone(), value);
    let sections = tree.as_table().map(node::Table::entries);
    for entry in sections.unwrap_or_default() {
        if OF_ENGINE.contains(&entry.key.as_str()) {
            engine.insert(entry.key.clone(), entry.origin.clone(), entry.node.clone());
        } else if entry.key == "strategy" {
            let node = engine_strategies(&entry.node);
            engine.insert("strategies".to_owned(), entry.origin.clone(), node);
        }
    }
    let origin = tree.origin.clone();
    let value = Value::Table(engine);
    Node { origin, value }
}

fn engine_strategies(list: &Node) -> Node {
    let mut node = list.clone();
    let Value::List(entries) = &mut node.value else {
        return node;
    };
    for entry in entries {
        let Value::Table(table) = &mut entry.value else {
            continue;
        };
        let keys = table.entries().iter().map(|entry| entry.key.clone());
        let others = keys.filter(|key| !OF_ENGINE_STRATEGY.contains(&key.as_str()));
        for key in others.collect::<Vec<_>>() {
            table.remove(&key);
        }
    }
    node
}

/// Everything a file may hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    #[serde(default, deserialize_with = "mode")]
    mode: Option<Mode>,
    #[serde(deserialize_with = "folder")]
    data_dir: PathBuf,
    instruments_file: PathBuf,
    pipeline: PipelineConfig,
    journal: JournalConfig,
    store: StoreConfig,
    paper: PaperConfig,
    script: ScriptConfig,
    #[serde(rename = "account")]
    _account: Opaque,
    #[serde(rename = "risk")]
    _risk: Opaque,
    #[serde(rename = "matching")]
    _matching: Opaque,
    #[serde(rename = "tables")]
    _tables: Opaque,
    #[serde(rename = "fees", default)]
    _fees: Vec<Opaque>,
    #[serde(default)]
    strategy: Vec<StrategyConfig>,
}

/// A table that its owner reads.
struct Opaque;

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyTable;
        impl<'de> Visitor<'de> for AnyTable {
            type Value = Opaque;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Opaque, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Opaque)
            }
        }
        deserializer.deserialize_any(AnyTable)
    }
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mode>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mode = text.parse().map_err(serde::de::Error::custom)?;
    Ok(Some(mode))
}

fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(serde::de::Error::custom("is empty; name a folder"));
    }
    Ok(PathBuf::from(text))
}

/// Returns the instruments of the file, or the built-in ones where none is named or the default file does not exist.
fn listed(path: &Path) -> Result<Vec<Instrument>, ConfigFaults> {
    let is_default = path == Path::new(INSTRUMENTS_DEFAULT) && !path.exists();
    if path.as_os_str().is_empty() || is_default {
        return instruments::instruments(instruments::BUILT_IN, None);
    }
    instruments::instruments_of_file(path)
}

fn table_mut(node: &mut Node) -> Option<&mut node::Table> {
    match &mut node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// Returns lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
