//! The store in an SQLite file: needs no set-up, one writer, many readers.
//!
//! Write-ahead log, synced at checkpoints: after a power cut the file is whole, perhaps some batches
//! back, and the projector goes on from there.

use super::content::as_texts;
use super::schema::{Dialect, Migration, SCHEMA_VERSION};
use super::table::{Row, Table, Value};
use super::{Applied, Batch, Database, Failpoint, Failure, RunState, StageLatency};
use crate::journal::{EndMark, JournalHeader, Place};
use claire_types::{InstrumentId, Mode, Scale};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An open SQLite store.
pub(super) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    /// The file that is open; after a removal, another one or none stands under the path.
    identity: Identity,
    failpoint: Failpoint,
}

/// How long a statement waits for another process's lock: shorter than the end of a run waits for the store, so that
/// it can say what it waits for.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// More than there are statements.
const STATEMENTS_MAX: usize = 64;

const UPDATE_ORDER: &str = "UPDATE orders SET status = ?1, status_reason = ?2, filled_qty = ?3, \
    updated_seq = ?4, updated_idx = ?5, updated_ns = ?6 \
    WHERE run_id = ?7 AND order_id = ?8 AND (updated_seq, updated_idx) < (?4, ?5)";
const UPDATE_STATE: &str = "UPDATE store_state SET last_seq = ?1, messages = ?2, segment = ?3, \
    offset_bytes = ?4, block_check = ?5 WHERE run_id = ?6 AND messages = ?7";
const INSERT_RUN: &str = "INSERT INTO runs \
    (run_id, mode, epoch, semantics_version, started_ns, header, state) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running') ON CONFLICT DO NOTHING";
const INSERT_STATE: &str = "INSERT INTO store_state \
    (run_id, last_seq, messages, segment, offset_bytes, block_check) \
    VALUES (?1, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
const MARK_RUN: &str = "UPDATE runs SET state = ?1 \
    WHERE run_id = ?2 AND state NOT IN ('finished', ?1)";
const FINISH_RUN: &str = "UPDATE runs SET state = 'finished', digest = ?1, messages = ?2, records = ?3 \
    WHERE run_id = ?4";

/// Makes a run one that is not finished.
const RESET_RUN: &str = "UPDATE runs SET state = 'running', digest = NULL, messages = NULL, records = NULL \
    WHERE run_id = ?1";
const RESET_STATE: &str = "UPDATE store_state SET last_seq = 0, messages = 0, segment = 0, \
    offset_bytes = 0, block_check = 0 WHERE run_id = ?1";

impl Sqlite {
    /// Opens the file, which is made where it is missing.
    pub fn open(path: &Path) -> Result<Self, String> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_WAIT)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
            Ok(connection)
        };
        let connection = open().map_err(|error| error.to_string())?;
        let identity = identity(path).map_err(|error| error.to_string())?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            identity,
            failpoint: Failpoint::default(),
        })
    }

    /// Fails where what was just committed went into a file that nobody can open any more.
    fn check_file(&self, table: &str) -> Result<(), Failure> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(Failure::new("write", table, "the file was replaced")),
            Err(error) => Err(Failure::new("write", table, format!("its file: {error}"))),
        }
    }
}

/// Returns the highest epoch of the file's runs in these modes, without changing the file.
pub(super) fn epoch_max(path: &Path, modes: &[Mode]) -> rusqlite::Result<Option<u32>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_WAIT)?;
    let table = "SELECT count(*) FROM sqlite_schema WHERE name = 'runs'";
    let found: i64 = connection.query_row(table, [], |row| row.get(0))?;
    if found == 0 {
        return Ok(None);
    }
    let query = "SELECT max(epoch) FROM runs WHERE mode = ?1";
    let epochs = modes.iter().map(|mode| {
        let of_mode = |row: &rusqlite::Row<'_>| row.get::<_, Option<u32>>(0);
        connection.query_row(query, [mode.as_str()], of_mode)
    });
    let epochs = epochs.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(epochs.into_iter().flatten().max())
}

/// What tells a file from another one that takes its name: device and number.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn identity(_: &Path) -> std::io::Result<Identity> {
    Ok(())
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn applied_migrations(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let failure = |error| Failure::new("read", "schema_version", error);
        let table = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'";
        let found: i64 = self
            .connection
            .query_row(table, [], |row| row.get(0))
            .map_err(failure)?;
        if found == 0 {
            return Ok(Vec::new());
        }
        let read = || {
            self.connection
                .prepare("SELECT name, checksum FROM schema_version")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(failure)
    }

    fn migrate(&mut self, migration: &Migration) -> Result<(), Failure> {
        let mut apply = || {
            let transaction = begin(&mut self.connection)?;
            transaction.execute_batch(SCHEMA_VERSION)?;
            let entry = "INSERT INTO schema_version VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if transaction.execute(entry, [migration.name, &migration.checksum()])? == 1 {
                transaction.execute_batch(&migration.sql(Dialect::Sqlite))?;
            }
            transaction.commit()
        };
        apply().map_err(|error| Failure::new("apply a migration to", migration.name, error))
    }

    fn begin_run(&mut self, header: &JournalHeader) -> Result<(), Failure> {
        let text = super::header_text(header)?;
        let run_id = header.run_id.to_string();
        let mut insert = || {
            let transaction = begin(&mut self.connection)?;
            transaction.execute(
                INSERT_RUN,
                params![
                    run_id,
                    header.mode.as_str(),
                    header.epoch,
                    header.semantics_version,
                    header.started.0,
                    text
                ],
            )?;
            transaction.execute(INSERT_STATE, [&run_id])?;
            transaction.commit()
        };
        insert().map_err(|error| Failure::new("write", "runs", error))
    }

    fn applied(&mut self, run_id: &str) -> Result<Applied, Failure> {
        let query = "SELECT last_seq, messages, segment, offset_bytes, block_check \
            FROM store_state WHERE run_id = ?1";
        let applied = |row: &rusqlite::Row<'_>| {
            Ok(Applied {
                seq: row.get::<_, i64>(0)? as u64,
                messages: row.get::<_, i64>(1)? as u64,
                place: Place {
                    segment: row.get(2)?,
                    offset_bytes: row.get::<_, i64>(3)? as u64,
                },
                block_check: row.get(4)?,
            })
        };
        self.connection
            .query_row(query, [run_id], applied)
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(|error| Failure::new("read", "store_state", error))
    }

    fn scales(&mut self, run_id: &str) -> Result<BTreeMap<InstrumentId, Scale>, Failure> {
        let query =
            "SELECT instrument_id, price_digits, qty_digits FROM instruments WHERE run_id = ?1";
        let scale = |row: &rusqlite::Row<'_>| {
            let scale = Scale {
                price_digits: row.get(1)?,
                qty_digits: row.get(2)?,
            };
            Ok((InstrumentId(row.get(0)?), scale))
        };
        let read = || {
            self.connection
                .prepare(query)?
                .query_map([run_id], scale)?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| Failure::new("read", "instruments", error))
    }

    fn apply(&mut self, batch: &Batch) -> Result<bool, Failure> {
        let failpoint = &mut self.failpoint;
        failpoint.pass("begin")?;
        let transaction = begin(&mut self.connection)
            .map_err(|error| Failure::new("write", "store_state", error))?;
        failpoint.pass("store_state")?;
        if !move_state(&transaction, batch)? {
            return Ok(false);
        }
        for row in &batch.rows {
            failpoint.pass(row.table.name())?;
            insert(&transaction, row)?;
            if row.table == Table::OrderEvents {
                failpoint.pass("order's last state")?;
                update_order(&transaction, row)?;
            }
        }
        if let Some(mark) = &batch.end {
            failpoint.pass("runs")?;
            finish_run(&transaction, batch, mark)?;
        }
        failpoint.pass("commit")?;
        transaction
            .commit()
            .map_err(|error| Failure::new("commit", "store_state", error))?;
        failpoint.pass("answer")?;
        self.check_file("store_state").map(|()| true)
    }

    fn mark_run(&mut self, run_id: &str, state: RunState) -> Result<(), Failure> {
        self.connection
            .execute(MARK_RUN, [state.as_str(), run_id])
            .map(drop)
            .map_err(|error| Failure::new("write", "runs", error))
    }

    fn write_histograms(
        &mut self,
        run_id: &str,
        latencies: &[StageLatency],
    ) -> Result<(), Failure> {
        let insert =
            "INSERT INTO latency_histograms VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let mut write = || {
            let transaction = begin(&mut self.connection)?;
            for latency in latencies {
                let (start, end) = (latency.start.0, latency.end.0);
                transaction.prepare_cached(insert)?.execute(params![
                    run_id,
                    latency.stage,
                    start,
                    end,
                    latency.samples as i64,
                    latency.histogram
                ])?;
            }
            transaction.commit()
        };
        write().map_err(|error| Failure::new("write", "latency_histograms", error))?;
        self.check_file("latency_histograms")
    }

    fn clear_run(&mut self, run_id: &str, tables: &[&'static str]) -> Result<(), Failure> {
        let mut clear = || {
            let transaction = begin(&mut self.connection)?;
            for table in tables {
                let delete = format!("DELETE FROM {table} WHERE run_id = ?1");
                transaction.execute(&delete, [run_id])?;
            }
            transaction.execute(RESET_STATE, [run_id])?;
            transaction.execute(RESET_RUN, [run_id])?;
            transaction.commit()
        };
        clear().map_err(|error| Failure::new("remove rows of", "runs", error))
    }

    fn count(&mut self, table: &'static str, run_id: &str) -> Result<u64, Failure> {
        let query = format!("SELECT count(*) FROM {table} WHERE run_id = ?1");
        self.connection
            .query_row(&query, [run_id], |row| row.get::<_, i64>(0))
            .map(|count| count as u64)
            .map_err(|error| Failure::new("read", table, error))
    }

    fn read(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        run_id: &str,
        each: &mut dyn FnMut(&[Option<String>]),
    ) -> Result<(), Failure> {
        let texts = as_texts(columns);
        let query = format!("SELECT {texts} FROM {table} WHERE run_id = ?1");
        let mut read = || {
            let mut statement = self.connection.prepare(&query)?;
            let mut rows = statement.query([run_id])?;
            while let Some(row) = rows.next()? {
                let texts = (0..columns.len()).map(|column| row.get(column));
                each(&texts.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            Ok(())
        };
        read().map_err(|error: rusqlite::Error| Failure::new("read", table, error))
    }

    #[cfg(test)]
    fn dump(&mut self, query: &str) -> Vec<Vec<Option<String>>> {
        let mut statement = self.connection.prepare(query).expect("a query");
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                (0..columns).map(|column| row.get(column)).collect()
            })
            .expect("rows");
        rows.map(|row| row.expect("texts")).collect()
    }

    #[cfg(test)]
    fn set_failpoint(&mut self, failpoint: Failpoint) {
        self.failpoint = failpoint;
    }
}

/// Begins with the write lock: two projectors of one run wait for each other instead of failing late.
fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn move_state(transaction: &Transaction<'_>, batch: &Batch) -> Result<bool, Failure> {
    let to = &batch.to;
    transaction
        .prepare_cached(UPDATE_STATE)
        .and_then(|mut statement| {
            statement.execute(params![
                to.seq as i64,
                to.messages as i64,
                to.place.segment,
                to.place.offset_bytes as i64,
                to.block_check,
                batch.run_id.to_string(),
                batch.from_messages as i64,
            ])
        })
        .map(|moved| moved == 1)
        .map_err(|error| Failure::new("write", "store_state", error))
}

fn finish_run(transaction: &Transaction<'_>, batch: &Batch, mark: &EndMark) -> Result<(), Failure> {
    let (digest, run_id) = (mark.digest.to_string(), batch.run_id.to_string());
    transaction
        .execute(
            FINISH_RUN,
            params![digest, mark.messages as i64, mark.records as i64, run_id],
        )
        .map(drop)
        .map_err(|error| Failure::new("write", "runs", error))
}

fn insert(transaction: &Transaction<'_>, row: &Row) -> Result<(), Failure> {
    let columns = row.table.columns();
    let marks = vec!["?"; columns.len()].join(", ");
    let statement = format!(
        "INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT DO NOTHING",
        row.table.name(),
        columns.join(", ")
    );
    transaction
        .prepare_cached(&statement)
        .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(&row.values)))
        .map(drop)
        .map_err(|error| Failure::new("write", row.table.name(), error))
}

/// Takes the event's state over into its order, unless the order has a later one.
fn update_order(transaction: &Transaction<'_>, event: &Row) -> Result<(), Failure> {
    let names = [
        "status_to",
        "reason",
        "filled_qty",
        "seq",
        "idx",
        "time_ns",
        "run_id",
        "order_id",
    ];
    let values = names.map(|name| event.value(name));
    transaction
        .prepare_cached(UPDATE_ORDER)
        .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)))
        .map(drop)
        .map_err(|error| Failure::new("update", "orders", error))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Bool(yes) => ValueRef::Integer((*yes).into()),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
