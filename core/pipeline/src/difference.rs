//! What makes a journal another run's, in words: which setting, script, parameter or file.
//!
//! Called when a run is to continue a journal that is not its own.

use serde_json::Value;
use std::collections::BTreeMap;

/// Differences that are told; the rest is counted.
const TOLD_MAX: usize = 6;

/// Returns what differs between the bodies of two journal headers; empty where only hashes do.
pub fn differences(journal: &Value, run: &Value) -> Vec<String> {
    let mut found = Vec::new();
    of_scripts(&journal["scripts"], &run["scripts"], &mut found);
    of_files(&journal["inputs"], &run["inputs"], &mut found);
    for (part, name) in [
        ("engine", "setting "),
        ("state", "trading state: "),
        ("inputs", "input: "),
        ("segments", "journal segments: "),
        ("instruments", "instruments: "),
    ] {
        leaves(name, &journal[part], &run[part], &mut found);
    }
    found.dedup();
    let more = found.len().saturating_sub(TOLD_MAX);
    found.truncate(TOLD_MAX);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

fn of_scripts(journal: &Value, run: &Value, found: &mut Vec<String>) {
    let by_name = |list: &Value| -> BTreeMap<String, Value> {
        let list = list.as_array().cloned().unwrap_or_default();
        let named = list.into_iter();
        named
            .map(|script| (text(&script["strategy"]), script))
            .collect()
    };
    let (old, new) = (by_name(journal), by_name(run));
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        found.push(format!("strategy {name} runs in the journal, not now"));
    }
    for (name, script) in &new {
        let Some(known) = old.get(name) else {
            found.push(format!("strategy {name} runs now, not in the journal"));
            continue;
        };
        if known["sha256"] != script["sha256"] {
            found.push(format!(
                "script {}: its text is another one",
                text(&script["file"])
            ));
        }
        of_parameters(name, &known["parameters"], &script["parameters"], found);
    }
}

fn of_parameters(strategy: &str, journal: &Value, run: &Value, found: &mut Vec<String>) {
    let by_name = |list: &Value| -> BTreeMap<String, String> {
        let list = list.as_array().cloned().unwrap_or_default();
        let pairs = list
            .iter()
            .filter_map(|text| text.as_str()?.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let (old, new) = (by_name(journal), by_name(run));
    for (name, value) in &new {
        match old.get(name) {
            Some(known) if known == value => {}
            known => {
                let known = known.map_or("absent", String::as_str);
                let setting = format!("{strategy}.{name}");
                found.push(two(&format!("parameter {setting}"), known, value));
            }
        }
    }
}

fn of_files(journal: &Value, run: &Value, found: &mut Vec<String>) {
    let files = |inputs: &Value| inputs["files"].as_array().cloned().unwrap_or_default();
    let (old, new) = (files(journal), files(run));
    if old.is_empty() && new.is_empty() {
        return;
    }
    let names = |files: &[Value]| {
        let names: Vec<_> = files.iter().map(|file| text(&file["name"])).collect();
        names.join(" + ")
    };
    if names(&old) != names(&new) {
        found.push(two("files", &names(&old), &names(&new)));
        return;
    }
    for (known, file) in old.iter().zip(&new) {
        if known["sha256"] != file["sha256"] {
            found.push(format!(
                "file {}: its content is another one",
                text(&file["name"])
            ));
        }
    }
}

/// Adds every value that differs, with its dotted path; scripts, files and hashes have words of their own.
fn leaves(path: &str, journal: &Value, run: &Value, found: &mut Vec<String>) {
    if journal == run {
        return;
    }
    let below = |name: &str| match path.ends_with(' ') {
        true => format!("{path}{name}"),
        false => format!("{path}.{name}"),
    };
    match (journal, run) {
        (Value::Object(old), Value::Object(new)) => {
            let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
            names.sort();
            names.dedup();
            for name in names.into_iter().filter(|name| *name != "files") {
                let value =
                    |map: &serde_json::Map<_, _>| map.get(name).cloned().unwrap_or_default();
                leaves(&below(name), &value(old), &value(new), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                leaves(&below(&index.to_string()), old, new, found);
            }
        }
        _ => found.push(two(path.trim_end(), &short(journal), &short(run))),
    }
}

fn two(what: &str, journal: &str, run: &str) -> String {
    format!("{what} is {journal} in the journal, {run} now")
}

/// Returns a value's JSON, cut where it is long.
fn short(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 60;
    let text = match value {
        Value::Null => "absent".to_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> Value {
        json!({
            "config_hash": "aa",
            "engine": { "risk": { "profile": "moderate", "trim": null } },
            "instruments": [],
            "state": {},
            "scripts": [{ "strategy": "churn", "file": "churn", "sha256": "1", "parameters": ["notional=20.0"] }],
            "inputs": { "passes": 1, "files": [{ "name": "a.gz", "sha256": "2" }] },
        })
    }

    #[test]
    fn each_difference_is_named_and_hashes_are_not() {
        type Change = fn(&mut Value);
        let cases: &[(Change, &str)] = &[
            (
                |body| body["engine"]["risk"]["profile"] = json!("bench"),
                "setting risk.profile is \"moderate\" in the journal, \"bench\" now",
            ),
            (
                |body| body["scripts"][0]["parameters"] = json!(["notional=250.0"]),
                "parameter churn.notional is 20.0 in the journal, 250.0 now",
            ),
            (
                |body| body["scripts"][0]["sha256"] = json!("9"),
                "script churn: its text is another one",
            ),
            (
                |body| body["scripts"] = json!([]),
                "strategy churn runs in the journal, not now",
            ),
            (
                |body| body["inputs"]["files"][0]["name"] = json!("b.gz"),
                "files is a.gz in the journal, b.gz now",
            ),
            (
                |body| body["inputs"]["files"][0]["sha256"] = json!("9"),
                "file a.gz: its content is another one",
            ),
            (
                |body| body["inputs"]["passes"] = json!(2),
                "input: passes is 1 in the journal, 2 now",
            ),
        ];
        for (change, want) in cases {
            let mut other = body();
            change(&mut other);
            other["config_hash"] = json!("bb");
            assert_eq!(differences(&body(), &other), [*want]);
        }
        assert!(differences(&body(), &body()).is_empty());
    }
}
