//! A store made complete, or anew, from a journal's folder alone, and compared with it.
//!
//! Called by `claire db rebuild` on its thread, and where a run turns out to be finished already. The journal is read
//! twice: once into the store, once to count what the store has to hold.

use super::session::{ProjectError, Session};
use crate::journal::{EndMark, JournalReader, Message, RunId, Tail};
use crate::latencies;
use crate::store::{Applied, Projection, Row, Store, Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What becomes of the rows that a store already has of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// They stay; what is missing behind them is added.
    Kept,
    /// They are removed first.
    Fresh,
}

/// What a store holds of a run beside what the journal's folder says.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The run.
    pub run_id: RunId,
    /// The journal's end mark; `None` where the run was never finished.
    pub end: Option<EndMark>,
    /// How far the store was before.
    pub before: Applied,
    /// How far it is.
    pub applied: Applied,
    /// The store's rows of the run, by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// The rows that the journal's folder makes, by table.
    pub expected: BTreeMap<&'static str, u64>,
}

/// Brings all of the journal in `dir` into the store and compares the number of rows.
///
/// # Errors
/// A [`ProjectError`]; what was applied before it stays, and the next call goes on from there.
pub fn rebuild(dir: &Path, store: Store, rows: Rows) -> Result<Rebuilt, ProjectError> {
    let mut session = match rows {
        Rows::Kept => Session::with_store(store, dir, None)?,
        Rows::Fresh => Session::fresh(store, dir)?,
    };
    let before = session.applied();
    while !session.step(super::session::ROWS_MAX)?.is_caught_up {}
    let applied = session.applied();
    let (run_id, mut store) = (session.run_id(), session.into_store());
    let (expected, end) = expected(dir)?;
    Ok(Rebuilt {
        run_id,
        end,
        before,
        applied,
        rows: store.counts(run_id)?,
        expected,
    })
}

impl Rebuilt {
    /// Returns the tables whose rows are not as many as the journal's, with both numbers: the store's first.
    ///
    /// More latencies than the folder has are no difference: a journal may have been copied without them.
    pub fn differences(&self) -> Vec<(&'static str, u64, u64)> {
        let tables = self.expected.iter().map(|(table, expected)| {
            let found = self.rows.get(table).copied().unwrap_or_default();
            (*table, found, *expected)
        });
        tables
            .filter(|(table, found, expected)| match *table {
                LATENCIES => found < expected,
                _ => found != expected,
            })
            .collect()
    }
}

/// Counts the rows that the journal's folder makes.
fn expected(dir: &Path) -> Result<(BTreeMap<&'static str, u64>, Option<EndMark>), ProjectError> {
    let mut reader = JournalReader::open(dir)?;
    let mut projection = Projection::new(String::new(), BTreeMap::new(), 0);
    let mut counts: BTreeMap<_, _> = Table::ALL.map(|table| (table.name(), 0)).into();
    let (mut instruments, mut rows) = (BTreeSet::new(), Vec::new());
    while let Some(Message { cells, place }) = reader.next_message()? {
        projection
            .add(&cells, &mut rows)
            .map_err(|fault| ProjectError::Message { place, fault })?;
        for row in rows.drain(..) {
            // An instrument that is named again is the same row.
            if row.table != Table::Instruments || instruments.insert(instrument_of(&row)) {
                *counts.entry(row.table.name()).or_default() += 1;
            }
        }
    }
    let keys: BTreeSet<_> = latencies::keys(dir)
        .map_err(|cause| ProjectError::Latencies {
            dir: dir.to_owned(),
            cause,
        })?
        .into_iter()
        .collect();
    counts.extend([
        (LATENCIES, keys.len() as u64),
        ("runs", 1),
        ("store_state", 1),
    ]);
    let end = match reader.tail() {
        Tail::Finished(mark) => Some(mark),
        _ => None,
    };
    Ok((counts, end))
}

fn instrument_of(row: &Row) -> i64 {
    match row.value("instrument_id") {
        Value::Int(number) => *number,
        _ => -1,
    }
}

const LATENCIES: &str = "latency_histograms";
