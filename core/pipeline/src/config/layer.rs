//! The layers above the file: the environment and the command line.
//!
//! Called at start. `CLAIRE_<SECTION>__<KEY>=value` sets one value, also without a file; in a list of
//! tables the part after the section is the entry's `name` or its position, as in
//! `CLAIRE_STRATEGY__0__FILE` or `CLAIRE_STRATEGY__EMA__PARAMS__FAST`.

use super::fault::{ConfigFault, nearest};
use super::node::{Node, Origin, Value};

/// One value set from outside the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Sections and key, outermost first.
    pub path: Vec<String>,
    /// The value as typed.
    pub text: String,
    /// The variable or option that set it.
    pub origin: Origin,
}

impl Override {
    /// Returns the value that an option of the command line sets; `key` is dotted.
    pub fn of_option(option: &str, key: &str, text: impl Into<String>) -> Self {
        Self {
            path: key.split('.').map(str::to_owned).collect(),
            text: text.into(),
            origin: Origin::CommandLine(option.to_owned()),
        }
    }
}

/// Names under the prefix that are no settings: the file's own path, the log's filter, and
/// recordings and throw-away databases for tests.
const RESERVED: [&str; 4] = ["CONFIG", "DATA", "LOG", "TEST_POSTGRES"];
const PREFIX: &str = "CLAIRE_";

/// Returns the settings among the environment's variables, sorted by name.
///
/// A name without `__` counts only if it is a top-level key; container platforms set names such as
/// `CLAIRE_PORT` on their own.
///
/// # Errors
/// A name without `__` that is nearly a top-level key, so that a slip does not pass unseen.
pub fn environment(
    variables: impl IntoIterator<Item = (String, String)>,
    top_level: &[&str],
) -> Result<Vec<Override>, Vec<ConfigFault>> {
    let mut overrides = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if RESERVED.contains(&rest) {
            continue;
        }
        let origin = Origin::Environment(name.clone());
        let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        if path.len() > 1 || top_level.contains(&path[0].as_str()) {
            overrides.push(Override { path, text, origin });
        } else if let Some(key) = nearest(&path[0], top_level.iter().copied()) {
            let mut fault = ConfigFault::new(origin, "", "unknown setting");
            fault.nearest = Some(format!("{PREFIX}{}", key.to_uppercase()).into());
            faults.push(fault);
        }
    }
    overrides.sort_by(|left, right| left.path.cmp(&right.path));
    if faults.is_empty() {
        Ok(overrides)
    } else {
        Err(faults)
    }
}

/// Lays one value over the tree.
///
/// # Errors
/// A path that leads through a plain value, or to an entry that a list of tables does not have.
pub fn apply(root: &mut Node, layer: &Override) -> Result<(), ConfigFault> {
    let mut node = root;
    let Some((key, sections)) = layer.path.split_last() else {
        return Ok(());
    };
    for (depth, section) in sections.iter().enumerate() {
        node = step(node, section, layer, depth)?;
    }
    let leaf = Node {
        origin: layer.origin.clone(),
        value: Value::Raw(layer.text.clone()),
    };
    match &mut node.value {
        Value::Table(table) => {
            table.insert(key.clone(), layer.origin.clone(), leaf);
            Ok(())
        }
        _ => Err(wrong(layer, sections.len(), "is no section")),
    }
}

fn step<'a>(
    node: &'a mut Node,
    section: &str,
    layer: &Override,
    depth: usize,
) -> Result<&'a mut Node, ConfigFault> {
    match &mut node.value {
        Value::Table(table) => Ok(table.node_or_table(section, &layer.origin)),
        Value::List(list) => {
            let names: Vec<String> = list.iter().filter_map(name_of).collect();
            let index = names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(section))
                .or_else(|| section.parse().ok().filter(|index| *index < list.len()));
            match index {
                Some(index) => Ok(&mut list[index]),
                None => {
                    let mut fault = wrong(layer, depth, "has no such entry");
                    fault.allowed = (!names.is_empty()).then(|| names.join(", ").into());
                    fault.nearest =
                        nearest(section, names.iter().map(String::as_str)).map(Box::from);
                    Err(fault)
                }
            }
        }
        _ => Err(wrong(layer, depth, "is no section")),
    }
}

/// Returns the text of an entry's `name`, which every entry of a named list has.
fn name_of(node: &Node) -> Option<String> {
    match &node.as_table()?.node("name")?.value {
        Value::Text(text) | Value::Raw(text) => Some(text.clone()),
        _ => None,
    }
}

fn wrong(layer: &Override, depth: usize, what: &str) -> ConfigFault {
    let section = layer.path[..depth].join(".");
    let what = format!("`{section}` {what}");
    ConfigFault::new(layer.origin.clone(), layer.path.join("."), what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn only_our_names_are_settings() {
        let found = environment(
            variables(&[
                ("PATH", "/bin"),
                ("CLAIRE_CONFIG", "x.toml"),
                ("CLAIRE_DATA", "recordings"),
                ("CLAIRE_SERVICE_HOST", "10.0.0.1"),
                ("CLAIRE_STORE__URL", "sqlite:a.db"),
                ("CLAIRE_MODE", "paper"),
            ]),
            &["mode", "data_dir"],
        )
        .expect("no near miss");
        let paths: Vec<_> = found.iter().map(|layer| layer.path.join(".")).collect();
        assert_eq!(paths, ["mode", "store.url"]);
    }

    #[test]
    fn a_slip_in_a_top_level_name_is_a_fault() {
        let faults = environment(variables(&[("CLAIRE_MODES", "paper")]), &["mode"])
            .expect_err("nearly CLAIRE_MODE");
        assert_eq!(
            faults[0].to_string(),
            "CLAIRE_MODES: unknown setting; did you mean `CLAIRE_MODE`?"
        );
    }
}
