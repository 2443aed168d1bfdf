//! Scripts and their reloads as rows: the texts stand in the run's header and in documents before reloads, what became
//! of each version in its record.
//!
//! Called by the projection.

use super::rows::{number, text};
use super::table::{Row, Table, Value};
use crate::digest::to_hex;
use claire_types::annotation::{Annotation, DocumentBytes, split_document};
use claire_types::cell::CellFault;
use claire_types::record::{RecordHeader, ReloadOutcome, ReloadRecord, SHA256_BYTES};
use claire_types::{Cells, Record};
use serde::Deserialize;
use std::collections::BTreeSet;

/// What the projection knows of scripts.
#[derive(Clone, Debug, Default)]
pub(super) struct Scripts {
    /// Those that the run began with, by strategy.
    first: Vec<Script>,
    /// Strategy and hash of texts that are rows: each is one once.
    known: BTreeSet<(i64, String)>,
    document: DocumentBytes,
    /// The document that was whole last; the record of its reload follows.
    whole: Option<Vec<u8>>,
}

/// A script as headers and heads of documents name it.
#[derive(Clone, Debug, Deserialize)]
struct Script {
    strategy: String,
    file: String,
    sha256: String,
    text: String,
    parameters: Vec<String>,
}

impl Scripts {
    /// Returns what a run's header says; of one that names no scripts there is nothing to say.
    pub fn of_header(body: &serde_json::Value) -> Self {
        let scripts = body.get("scripts").map(Vec::deserialize);
        Self {
            first: scripts.and_then(Result::ok).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Adds a row for each script that the run began with.
    pub fn add_first(&mut self, run_id: &str, rows: &mut Vec<Row>) {
        for (script, strategy) in self.first.iter().zip(0..) {
            let key = (strategy, script.sha256.clone());
            if self.known.insert(key) {
                rows.push(script.row(run_id, strategy, (0, Value::Null)));
            }
        }
    }

    /// Takes what stands beside the messages: parts of documents. Who began to read in the middle of a document has the
    /// rest of it for nothing: it is read apart, from its start.
    pub fn see_beside(&mut self, message: &Cells<'_>) -> Result<(), CellFault> {
        if let Some(Annotation::Part(part)) = Annotation::decode(message)? {
            self.whole = match self.document.take(&part) {
                Ok(true) => self.document.finish(),
                Ok(false) => None,
                Err(_) => {
                    self.document = DocumentBytes::default();
                    None
                }
            };
        }
        Ok(())
    }

    /// Takes a document that was read apart.
    pub fn give(&mut self, document: Vec<u8>) {
        self.whole = Some(document);
    }

    /// Returns whether it is the record of a version that went live, whose document was not seen.
    pub fn lacks_document(&self, message: &Cells<'_>) -> bool {
        let is_live = |record| matches!(record, Record::Reload(reload) if reload.outcome == ReloadOutcome::Live);
        self.whole.is_none() && Record::decode(message).is_ok_and(|(_, record)| is_live(record))
    }

    /// Returns a record's own values, and adds the row of a text that runs for the first time.
    pub fn take(
        &mut self,
        run_id: &str,
        header: &RecordHeader,
        reload: &ReloadRecord,
        rows: &mut Vec<Row>,
    ) -> Result<Vec<Value>, CellFault> {
        let strategy = i64::from(header.strategy.0);
        match reload.outcome {
            ReloadOutcome::Live => {
                let document = self.whole.take().ok_or(CellFault::Short)?;
                let (head, _) = split_document(&document).ok_or(CellFault::Value)?;
                let script: Script = serde_json::from_slice(head).map_err(|_| CellFault::Value)?;
                if self.known.insert((strategy, script.sha256.clone())) {
                    let at = (header.seq, Value::Int(header.time.0));
                    rows.push(script.row(run_id, strategy, at));
                }
            }
            // Its document, where it had one, is nobody's.
            ReloadOutcome::Refused => self.whole = None,
            ReloadOutcome::RolledBack => {}
        }
        Ok(self.values(strategy, reload))
    }

    fn values(&self, strategy: i64, reload: &ReloadRecord) -> Vec<Value> {
        let count = |count: u32| match reload.outcome {
            ReloadOutcome::Live => Value::Int(count.into()),
            ReloadOutcome::Refused | ReloadOutcome::RolledBack => Value::Null,
        };
        let first = usize::try_from(strategy)
            .ok()
            .and_then(|index| self.first.get(index));
        let from_sha256 = match (reload.from, first) {
            (0, Some(script)) => text(&script.sha256),
            _ => hash(&reload.from_sha256),
        };
        vec![
            text(reload.outcome.as_str()),
            match reload.version {
                0 => Value::Null,
                version => Value::Int(version.into()),
            },
            hash(&reload.sha256),
            Value::Int(reload.from.into()),
            from_sha256,
            count(reload.carried),
            count(reload.fresh),
            count(reload.dropped),
            text(reload.reason.as_str()),
        ]
    }
}

impl Script {
    fn row(&self, run_id: &str, strategy: i64, (seq, time): (u64, Value)) -> Row {
        let values = vec![
            text(run_id),
            Value::Int(strategy),
            text(&self.sha256),
            number(seq),
            time,
            text(&self.strategy),
            text(&self.file),
            text(&serde_json::Value::from(self.parameters.clone()).to_string()),
            text(&self.text),
        ];
        Row {
            table: Table::Scripts,
            values,
        }
    }
}

/// Returns a SHA-256 in hex; zeros are none.
fn hash(sha256: &[u8; SHA256_BYTES]) -> Value {
    match sha256.iter().all(|byte| *byte == 0) {
        true => Value::Null,
        false => Value::Text(to_hex(sha256)),
    }
}
