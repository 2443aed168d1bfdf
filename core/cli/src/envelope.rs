//! The JSON object that every command prints with `--json` (SPEC 14).
//!
//! One object on stdout. Fields that differ between two equal runs stand under `run` only; decimals
//! are texts; times are integers in ns, with ISO text beside them.

use crate::exit::Failure;
use claire_types::Mode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Version of the envelope.
pub const SCHEMA: u32 = 1;

/// What is known about a command's answer beside the answer itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// The command, as in `config check`.
    pub command: String,
    /// The run, where there was one.
    pub run_id: Option<String>,
    /// The mode, where the command has one.
    pub mode: Option<Mode>,
    /// SHA-256 of what the engine was configured with.
    pub config_hash: Option<String>,
    /// SHA-256 of each strategy's script, by strategy.
    pub script_hashes: BTreeMap<String, String>,
    /// SHA-256 of the input.
    pub data_hash: Option<String>,
    /// Why it is no success although it came to its end.
    pub failure: Option<Failure>,
    /// Further fields.
    pub body: Map<String, Value>,
}

impl Envelope {
    /// Returns an envelope without content.
    pub fn new(command: &str) -> Self {
        Self {
            command: command.to_owned(),
            ..Self::default()
        }
    }

    /// Adds the fields of `body` beside the envelope's own.
    ///
    /// # Panics
    /// Where `body` has no JSON form or is no object: a bug of the caller.
    pub fn with_body(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_value(body).expect("output types have a JSON form") {
            Value::Object(fields) => self.body.extend(fields),
            other => panic!("{}: {other} is no object", self.command),
        }
        self
    }

    /// Returns the object of a command that has an answer.
    pub fn answer(&self) -> Value {
        match &self.failure {
            None => self.object(true, None),
            Some(failure) => self.failed(failure),
        }
    }

    /// Returns the object of a command that did not finish.
    pub fn failed(&self, failure: &Failure) -> Value {
        let error = json!({
            "code": failure.code,
            "message": failure.message,
            "file": failure.file,
            "line": failure.line,
            "hint": failure.hint,
        });
        let mut object = self.object(false, Some(error));
        if let (Some(extra), Some(fields)) = (&failure.fields, object.as_object_mut()) {
            fields.insert(extra.0.to_owned(), extra.1.clone());
        }
        object
    }

    fn object(&self, is_ok: bool, error: Option<Value>) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("schema", json!(SCHEMA));
        put("command", json!(self.command));
        put("version", json!(env!("CARGO_PKG_VERSION")));
        put("ok", json!(is_ok));
        if let Some(error) = error {
            put("error", error);
        }
        put("run_id", json!(self.run_id));
        put("mode", json!(self.mode.map(Mode::as_str)));
        put("config_hash", json!(self.config_hash));
        put("script_hashes", json!(self.script_hashes));
        put("data_hash", json!(self.data_hash));
        for (name, value) in &self.body {
            put(name, value.clone());
        }
        object.entry("run").or_insert_with(|| json!({}));
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_pipeline::summary::ReplaySummary;

    fn keys(value: &Value) -> Vec<&str> {
        let object = value.as_object().expect("an object");
        object.keys().map(String::as_str).collect()
    }

    #[test]
    fn replay_has_every_field_of_the_schema() {
        let mut envelope = Envelope::new("replay");
        envelope.mode = Some(Mode::Replay);
        let value = envelope.with_body(&ReplaySummary::default()).answer();
        assert_eq!(value["schema"], 1);
        assert_eq!(value["mode"], "replay");
        assert_eq!(value["ok"], true);
        for key in [
            "command",
            "version",
            "run_id",
            "config_hash",
            "script_hashes",
            "data_hash",
            "frames",
            "events",
            "errors",
            "gaps",
            "first_recv_ns",
            "last_recv_ns",
            "trades",
            "trade_qty",
            "trade_notional",
            "books",
            "orders",
            "fills",
            "denied",
            "rejected",
            "pnl",
            "state",
            "digest",
            "run",
        ] {
            assert!(keys(&value).contains(&key), "{key} in {:?}", keys(&value));
        }
        for key in [
            "currency",
            "realized",
            "unrealized",
            "fees",
            "net",
            "equity",
        ] {
            assert!(keys(&value["pnl"]).contains(&key), "pnl.{key}");
        }
        for key in ["elapsed_s", "unpack_s", "latency"] {
            assert!(keys(&value["run"]).contains(&key), "run.{key}");
        }
        assert!(value.get("error").is_none());
    }

    #[test]
    fn a_failure_names_code_file_line_and_hint() {
        let mut failure = Failure::usage("CONFIG", "wrong").with_hint("correct it");
        failure.file = Some("claire.toml".into());
        failure.line = Some(3);
        let value = Envelope::new("config check").failed(&failure);
        assert_eq!(value["ok"], false);
        let expected = json!({"code": "CONFIG", "message": "wrong", "file": "claire.toml", "line": 3, "hint": "correct it"});
        assert_eq!(value["error"], expected);
        assert_eq!(value["run"], json!({}));
    }
}
