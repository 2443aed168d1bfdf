//! A store made complete, or anew, from a journal's folder alone, and compared with it row by row.
//!
//! Called by `claire db rebuild` on its thread, and where a run turns out to be finished already. The journal is read
//! twice: once into the store, once to say what the store has to hold.

use super::session::{ProjectError, ROWS_MAX, Session};
use crate::journal::{EndMark, JournalReader, Message, RunId, Tail};
use crate::latencies;
use crate::store::{Applied, Content, Projection, Row, Store, Table, Value};
use claire_types::annotation::is_beside;
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
    /// The journal's first segment; behind 1 the older ones were removed, and only numbers of rows can be compared.
    pub first_segment: u32,
    /// The store lacks rows of segments that were removed: the run stays unfinished there.
    pub is_incomplete: bool,
    /// How far the store was before.
    pub before: Applied,
    /// How far it is.
    pub applied: Applied,
    /// Each table with the number of the store's rows of the run, and of those that the journal's folder makes.
    pub tables: Vec<TableRows>,
}

/// A table's rows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// The table.
    pub table: &'static str,
    /// Rows in the store.
    pub stored: u64,
    /// Rows that the journal's folder makes.
    pub journaled: u64,
    /// Whether they are the same, value by value, as far as the journal can say.
    pub is_equal: bool,
}

/// Brings all of the journal in `dir` into the store and compares the rows.
///
/// # Errors
/// A [`ProjectError`]; what was applied before it stays, and the next call goes on from there.
pub fn rebuild(dir: &Path, store: Store, rows: Rows) -> Result<Rebuilt, ProjectError> {
    let mut session = match rows {
        Rows::Kept => Session::with_store(store, dir, None)?,
        Rows::Fresh => Session::fresh(store, dir)?,
    };
    let before = session.applied();
    while !session.step(ROWS_MAX)?.is_caught_up {}
    let (applied, is_incomplete) = (session.applied(), session.is_incomplete());
    let (run_id, mut store) = (session.run_id(), session.into_store());
    let (expected, end) = Expected::read(dir)?;
    Ok(Rebuilt {
        run_id,
        end,
        first_segment: expected.first_segment,
        is_incomplete,
        before,
        applied,
        tables: expected.compare(&mut store, run_id, end)?,
    })
}

impl Rebuilt {
    /// Returns whether the store holds what the journal says, and nothing else of the run.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|rows| rows.is_equal)
    }
}

/// The rows that the journal's folder makes.
struct Expected {
    contents: BTreeMap<Table, Content>,
    /// Instruments that were named; one that is named again is the same row.
    instruments: BTreeSet<i64>,
    /// Orders change until their last event.
    orders: BTreeMap<String, Row>,
    latencies: u64,
    first_segment: u32,
}

impl Expected {
    fn read(dir: &Path) -> Result<(Self, Option<EndMark>), ProjectError> {
        let mut reader = JournalReader::open(dir)?;
        reader.show_all();
        let mut expected = Self {
            contents: Table::ALL.map(|table| (table, Content::default())).into(),
            instruments: BTreeSet::new(),
            orders: BTreeMap::new(),
            latencies: 0,
            first_segment: reader.position().segment,
        };
        let mut projection = Projection::new(reader.header(), BTreeMap::new(), 0);
        let mut rows = Vec::new();
        projection.begin(&mut rows);
        rows.drain(..).for_each(|row| expected.add(row));
        while let Some(Message { cells, place }) = reader.next_message()? {
            let fault = |fault| ProjectError::Message { place, fault };
            match is_beside(cells.at(0).map_err(fault)?.low) {
                true => projection.see_beside(&cells).map_err(fault)?,
                false => projection.add(&cells, &mut rows).map_err(fault)?,
            }
            rows.drain(..).for_each(|row| expected.add(row));
        }
        for order in std::mem::take(&mut expected.orders).into_values() {
            expected.count(&order);
        }
        let keys = latencies::keys(dir).map_err(|cause| ProjectError::Latencies {
            dir: dir.to_owned(),
            cause,
        })?;
        expected.latencies = keys.into_iter().collect::<BTreeSet<_>>().len() as u64;
        let end = match reader.tail() {
            Tail::Finished(mark) => Some(mark),
            _ => None,
        };
        Ok((expected, end))
    }

    fn add(&mut self, row: Row) {
        match row.table {
            Table::Instruments => {
                if let Value::Int(number) = row.value("instrument_id")
                    && self.instruments.insert(*number)
                {
                    self.count(&row);
                }
            }
            Table::Orders => {
                if let Value::Text(id) = row.value("order_id") {
                    self.orders.entry(id.clone()).or_insert(row);
                }
            }
            Table::OrderEvents => {
                if let Value::Text(id) = row.value("order_id")
                    && let Some(order) = self.orders.get_mut(id)
                {
                    order.take_event(&row);
                }
                self.count(&row);
            }
            _ => self.count(&row),
        }
    }

    fn count(&mut self, row: &Row) {
        self.contents.entry(row.table).or_default().add_row(row);
    }

    fn compare(
        &self,
        store: &mut Store,
        run_id: RunId,
        end: Option<EndMark>,
    ) -> Result<Vec<TableRows>, ProjectError> {
        let counts = store.counts(run_id)?;
        let count = |table| counts.get(table).copied().unwrap_or_default();
        let marked = store.end_of(run_id)?;
        let mark = end.map(|mark| {
            let EndMark {
                digest,
                messages,
                records,
            } = mark;
            [
                digest.to_string(),
                messages.to_string(),
                records.to_string(),
            ]
        });
        // A journal may have been copied without its latencies: more of them are no difference.
        let latencies = count("latency_histograms");
        let mut tables = vec![
            TableRows::of("runs", count("runs"), 1, marked == mark),
            TableRows::of(
                "store_state",
                count("store_state"),
                1,
                count("store_state") == 1,
            ),
            TableRows::of(
                "latency_histograms",
                latencies,
                self.latencies,
                latencies >= self.latencies,
            ),
        ];
        for (table, expected) in &self.contents {
            let found = store.content(run_id, *table)?;
            let is_equal = match self.first_segment > 1 {
                true => found.rows >= expected.rows,
                false => found == *expected,
            };
            tables.push(TableRows::of(
                table.name(),
                found.rows,
                expected.rows,
                is_equal,
            ));
        }
        tables.sort_unstable_by_key(|rows| rows.table);
        Ok(tables)
    }
}

impl TableRows {
    const fn of(table: &'static str, stored: u64, journaled: u64, is_equal: bool) -> Self {
        Self {
            table,
            stored,
            journaled,
            is_equal,
        }
    }
}
