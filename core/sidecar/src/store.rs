//! The store: what SQL can ask about runs, made from their journals and made again at will.
//!
//! SQLite in a file or PostgreSQL, with the same tables. Rows and the place up to which the journal is
//! projected move in one transaction, so that each message becomes rows exactly once, whatever fails
//! between. Called by the projector and by commands, on threads of their own: every call may wait for
//! a database, and must not be made from inside a tokio runtime.

mod content;
mod error;
mod postgres;
mod rows;
mod schema;
mod scripts;
mod sqlite;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod url;

pub use content::Content;
pub use error::StoreError;
pub use rows::Projection;
pub use table::{Row, Table, Value};
pub use url::unknown_scheme;

use crate::journal::{EndMark, JournalHeader, Place, RunId};
use crate::latencies::StageLatency;
use claire_types::{InstrumentId, Mode, Scale};
use schema::{Dialect, Migration};
use std::collections::BTreeMap;
use std::path::Path;
use url::{StoreUrl, without_password};

/// An open store.
pub struct Store {
    url: String,
    database: Box<dyn Database>,
}

/// How far a run's journal is in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Engine sequence of the last message.
    pub seq: u64,
    /// Number of messages.
    pub messages: u64,
    /// The journal's block that comes next.
    pub place: Place,
    /// Check of the block before it.
    pub block_check: u32,
}

/// Rows that go into the store together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The run.
    pub run_id: RunId,
    /// The rows in the order of their records.
    pub rows: Vec<Row>,
    /// Number of messages before the batch.
    pub from_messages: u64,
    /// Where the store is with it.
    pub to: Applied,
    /// The journal's end mark, where the batch is the run's last: the run is marked finished.
    pub end: Option<EndMark>,
}

/// What is known of a run that has no end mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It is being written, or died.
    Running,
    /// It was stopped before its end, and can be resumed.
    Interrupted,
    /// Rows are missing that the journal cannot make any more, its first segments being gone: it never is finished here.
    Incomplete,
}

/// Why a statement failed; the store adds its address.
#[derive(Debug)]
struct Failure {
    action: &'static str,
    table: String,
    cause: String,
}

/// What both databases do.
trait Database: Send {
    fn dialect(&self) -> Dialect;
    /// Returns (name, checksum) of the applied migrations; none where there is not even their table.
    fn applied_migrations(&mut self) -> Result<Vec<(String, String)>, Failure>;
    /// Applies the migration, unless someone else just did.
    fn migrate(&mut self, migration: &Migration) -> Result<(), Failure>;
    fn begin_run(&mut self, header: &JournalHeader) -> Result<(), Failure>;
    fn applied(&mut self, run_id: &str) -> Result<Applied, Failure>;
    fn scales(&mut self, run_id: &str) -> Result<BTreeMap<InstrumentId, Scale>, Failure>;
    /// Returns `false`, with nothing written, where the store is not where the batch begins.
    fn apply(&mut self, batch: &Batch) -> Result<bool, Failure>;
    /// Says so of a run that is not finished.
    fn mark_run(&mut self, run_id: &str, state: RunState) -> Result<(), Failure>;
    fn write_histograms(&mut self, run_id: &str, latencies: &[StageLatency])
    -> Result<(), Failure>;
    /// Removes the run's rows from these tables and goes back to before its first message, in one transaction.
    fn clear_run(&mut self, run_id: &str, tables: &[&'static str]) -> Result<(), Failure>;
    fn count(&mut self, table: &'static str, run_id: &str) -> Result<u64, Failure>;
    /// Shows each of the run's rows to `each`: these columns as text, in any order.
    fn read(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        run_id: &str,
        each: &mut dyn FnMut(&[Option<String>]),
    ) -> Result<(), Failure>;
    /// Returns the rows of a query as text, for tests that compare two stores.
    #[cfg(test)]
    fn dump(&mut self, query: &str) -> Vec<Vec<Option<String>>>;
    #[cfg(test)]
    fn set_failpoint(&mut self, failpoint: Failpoint);
}

/// Lets tests fail a batch before any of its statements and after its commit; nothing in a release.
#[derive(Default)]
struct Failpoint(#[cfg(test)] Option<Box<dyn FnMut(&'static str) -> bool + Send>>);

/// Tables with rows of a run that do not come from its messages.
const OTHER_TABLES: [&str; 3] = ["runs", "latency_histograms", "store_state"];

impl Store {
    /// Opens the store: `sqlite:PATH`, a plain path (made where missing), or `postgres://USER@HOST/DATABASE`.
    ///
    /// # Errors
    /// [`StoreError::Url`], [`StoreError::Open`].
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let shown = without_password(url);
        let opened: Result<Box<dyn Database>, String> = match StoreUrl::parse(url)? {
            StoreUrl::Sqlite(path) => sqlite::Sqlite::open(&path).map(|open| Box::new(open) as _),
            StoreUrl::Postgres(url) => {
                postgres::Postgres::open(&url).map(|open| Box::new(open) as _)
            }
        };
        match opened {
            Ok(database) => Ok(Self {
                url: shown,
                database,
            }),
            Err(cause) => Err(StoreError::Open { url: shown, cause }),
        }
    }

    /// Returns the highest epoch of the runs in these modes in an SQLite file that is there; `None` without any. Only reads.
    ///
    /// # Errors
    /// [`StoreError::Open`] for what is no store or cannot be read.
    pub fn epoch_max_of_file(path: &Path, modes: &[Mode]) -> Result<Option<u32>, StoreError> {
        sqlite::epoch_max(path, modes).map_err(|cause| StoreError::Open {
            url: format!("sqlite:{}", path.display()),
            cause: cause.to_string(),
        })
    }

    /// Brings the tables up to this program's version and returns the names of the migrations it applied.
    ///
    /// # Errors
    /// [`StoreError::MigrationChanged`], [`StoreError::Statement`]; what was applied before it stays.
    pub fn migrate(&mut self) -> Result<Vec<&'static str>, StoreError> {
        let mut applied = Vec::new();
        for migration in self.pending()? {
            let result = self.database.migrate(&migration);
            self.named(result)?;
            applied.push(migration.name);
        }
        Ok(applied)
    }

    /// Says whether the tables are those of this program.
    ///
    /// # Errors
    /// [`StoreError::Schema`] names the first migration that is missing; [`StoreError::MigrationChanged`].
    pub fn check_schema(&mut self) -> Result<(), StoreError> {
        match self.pending()?.first() {
            None => Ok(()),
            Some(migration) => Err(StoreError::Schema {
                url: self.url.clone(),
                what: format!("migration {} was not applied", migration.name),
            }),
        }
    }

    /// Enters the run, if it is new here, and returns how far it is projected.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn begin_run(&mut self, header: &JournalHeader) -> Result<Applied, StoreError> {
        let result = self
            .database
            .begin_run(header)
            .and_then(|()| self.database.applied(&header.run_id.to_string()));
        self.named(result)
    }

    /// Returns how far a run is projected; nothing of it where the store does not know it.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn applied(&mut self, run_id: RunId) -> Result<Applied, StoreError> {
        let result = self.database.applied(&run_id.to_string());
        self.named(result)
    }

    /// Returns the scales of the run's instruments that are in the store.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn scales(&mut self, run_id: RunId) -> Result<BTreeMap<InstrumentId, Scale>, StoreError> {
        let result = self.database.scales(&run_id.to_string());
        self.named(result)
    }

    /// Writes the batch and moves the run's place, both or nothing.
    ///
    /// # Errors
    /// [`StoreError::Elsewhere`] where the store is not where the batch begins, [`StoreError::Statement`].
    pub fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let result = self.database.apply(batch);
        match self.named(result)? {
            true => Ok(()),
            false => Err(StoreError::Elsewhere {
                url: self.url.clone(),
                run_id: batch.run_id.to_string(),
                expected: batch.from_messages,
            }),
        }
    }

    /// Says of a run that is not finished whether it goes on.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn mark_run(&mut self, run_id: RunId, state: RunState) -> Result<(), StoreError> {
        let result = self.database.mark_run(&run_id.to_string(), state);
        self.named(result)
    }

    /// Writes stages' histograms, whole and in one transaction; one that is there stays.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn write_histograms(
        &mut self,
        run_id: RunId,
        latencies: &[StageLatency],
    ) -> Result<(), StoreError> {
        if latencies.is_empty() {
            return Ok(());
        }
        let result = self
            .database
            .write_histograms(&run_id.to_string(), latencies);
        self.named(result)
    }

    /// Removes all of the run's rows that its journal's folder makes again, and goes back to before its
    /// first message, both or nothing. The run itself stays, as one that is not finished.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn clear_run(&mut self, run_id: RunId) -> Result<(), StoreError> {
        // Rows before what they refer to: the reverse of the order in which they are written.
        let tables: Vec<_> = Table::ALL.into_iter().rev().map(Table::name).collect();
        let tables = [&tables[..], &["latency_histograms"]].concat();
        let result = self.database.clear_run(&run_id.to_string(), &tables);
        self.named(result)
    }

    /// Returns the number of the run's rows, by table.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn counts(&mut self, run_id: RunId) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let run_id = run_id.to_string();
        let tables = Table::ALL.into_iter().map(Table::name).chain(OTHER_TABLES);
        let result = tables
            .map(|table| Ok((table, self.database.count(table, &run_id)?)))
            .collect();
        self.named(result)
    }

    /// Returns what the run's rows of this table come to.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn content(&mut self, run_id: RunId, table: Table) -> Result<Content, StoreError> {
        let mut content = Content::default();
        let mut add = |texts: &[Option<String>]| content.add(texts);
        let (name, columns) = (table.name(), table.columns());
        let result = self
            .database
            .read(name, columns, &run_id.to_string(), &mut add);
        self.named(result).map(|()| content)
    }

    /// Returns digest, messages and records that stand for the run; `None` where it is not marked finished.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn end_of(&mut self, run_id: RunId) -> Result<Option<[String; 3]>, StoreError> {
        let mut end = None;
        let columns = ["state", "digest", "messages", "records"];
        let mut take = |texts: &[Option<String>]| {
            if let [Some(state), Some(digest), Some(messages), Some(records)] = texts
                && state == "finished"
            {
                end = Some([digest, messages, records].map(String::clone));
            }
        };
        let result = self
            .database
            .read("runs", &columns, &run_id.to_string(), &mut take);
        self.named(result).map(|()| end)
    }

    /// Returns whether the run is marked as one of which rows are missing for good.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn is_incomplete(&mut self, run_id: RunId) -> Result<bool, StoreError> {
        let mut is_incomplete = false;
        let mut take = |texts: &[Option<String>]| {
            let word = texts.first().and_then(Option::as_deref);
            is_incomplete = word == Some(RunState::Incomplete.as_str());
        };
        let result = self
            .database
            .read("runs", &["state"], &run_id.to_string(), &mut take);
        self.named(result).map(|()| is_incomplete)
    }

    /// Returns whether the store is a file of this program's own, which it may migrate unasked.
    pub fn is_file(&self) -> bool {
        self.database.dialect() == Dialect::Sqlite
    }

    /// Returns the store's address, its password hidden.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn pending(&mut self) -> Result<Vec<Migration>, StoreError> {
        let result = self.database.applied_migrations();
        let applied = self.named(result)?;
        schema::pending(self.database.dialect(), &applied).map_err(|name| {
            StoreError::MigrationChanged {
                url: self.url.clone(),
                name: name.to_owned(),
            }
        })
    }

    fn named<T>(&self, result: Result<T, Failure>) -> Result<T, StoreError> {
        result.map_err(|failure| StoreError::Statement {
            url: self.url.clone(),
            action: failure.action,
            table: failure.table,
            cause: failure.cause,
        })
    }
}

impl RunState {
    /// Returns the word that stands in `runs.state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Returns the header as the JSON that stands in `runs`.
fn header_text(header: &JournalHeader) -> Result<String, Failure> {
    serde_json::to_string(header).map_err(|error| Failure::new("write", "runs", error))
}

impl Failure {
    fn new(action: &'static str, table: &str, cause: impl std::fmt::Display) -> Self {
        Self {
            action,
            table: table.to_owned(),
            cause: cause.to_string(),
        }
    }
}

impl Failpoint {
    /// Passes the step, or fails as a test wants it.
    fn pass(&mut self, step: &'static str) -> Result<(), Failure> {
        #[cfg(test)]
        if let Some(fails) = &mut self.0
            && fails(step)
        {
            return Err(Failure::new("write", step, "failed by the test"));
        }
        let _ = step;
        Ok(())
    }
}
