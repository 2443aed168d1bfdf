//! The store in a PostgreSQL server: rows go by COPY into staging tables of the session and from there
//! into place, in one transaction a batch.
//!
//! The statements here are what the role `claire_writer` may do, and all that it may do but migrating.

use super::content::as_texts;
use super::schema::{Dialect, Migration, SCHEMA_VERSION};
use super::table::{Row, Table, Value};
use super::{Applied, Batch, Database, Failpoint, Failure, RunState, StageLatency};
use crate::journal::{EndMark, JournalHeader, Place};
use claire_types::{InstrumentId, Scale};
use futures_util::{SinkExt, TryStreamExt};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::Future;
use std::io::Cursor;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Transaction};

/// An open PostgreSQL store: one session, driven while a call waits for it.
pub(super) struct Postgres {
    runtime: Runtime,
    client: Client,
    has_staging: bool,
    failpoint: Failpoint,
}

/// How long opening may take.
const OPEN_WAIT: Duration = Duration::from_secs(10);
/// How long a batch or a question may take before the session is given up.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// How long reading or removing all rows of a run may take.
const WHOLE_RUN_WAIT: Duration = Duration::from_secs(3_600);
/// Lifts the session's limit for a transaction over a whole run.
const WHOLE_RUN: &str = "SET LOCAL statement_timeout = 0";
/// The server's own limits for this session, shorter than ours, so that its reason is heard.
const SESSION: &str = "SET statement_timeout = '50s'; SET lock_timeout = '20s'; \
    SET idle_in_transaction_session_timeout = '60s'; SET TimeZone = 'UTC'";
/// Migrations of one database do not run side by side.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(4855276913)";

const UPDATE_ORDERS: &str = "UPDATE orders o SET status = e.status_to, status_reason = e.reason, \
    filled_qty = e.filled_qty, updated_seq = e.seq, updated_idx = e.idx, updated_ns = e.time_ns \
    FROM (SELECT DISTINCT ON (order_id) * FROM stage_order_events ORDER BY order_id, seq DESC, idx DESC) e \
    WHERE o.run_id = e.run_id AND o.order_id = e.order_id AND (o.updated_seq, o.updated_idx) < (e.seq, e.idx)";
const UPDATE_STATE: &str = "UPDATE store_state SET last_seq = $1, messages = $2, segment = $3, \
    offset_bytes = $4, block_check = $5 WHERE run_id = $6 AND messages = $7";
const INSERT_RUN: &str = "INSERT INTO runs \
    (run_id, mode, epoch, semantics_version, started_ns, header, state) \
    VALUES ($1, $2, $3, $4, $5, $6::text::json, 'running') ON CONFLICT DO NOTHING";
const INSERT_STATE: &str = "INSERT INTO store_state \
    (run_id, last_seq, messages, segment, offset_bytes, block_check) \
    VALUES ($1, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
const MARK_RUN: &str = "UPDATE runs SET state = $1 \
    WHERE run_id = $2 AND state NOT IN ('finished', $1)";
const FINISH_RUN: &str = "UPDATE runs SET state = 'finished', digest = $1, messages = $2, records = $3 \
    WHERE run_id = $4";

/// Makes a run one that is not finished.
const RESET_RUN: &str = "UPDATE runs SET state = 'running', digest = NULL, messages = NULL, records = NULL \
    WHERE run_id = $1";
const RESET_STATE: &str = "UPDATE store_state SET last_seq = 0, messages = 0, segment = 0, \
    offset_bytes = 0, block_check = 0 WHERE run_id = $1";

impl Postgres {
    /// Opens a session.
    pub fn open(url: &str) -> Result<Self, String> {
        let mut config = Config::from_str(url).map_err(|error| reason(&error))?;
        config.application_name("claire").connect_timeout(OPEN_WAIT);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| error.to_string())?;
        let connect = async {
            let (client, connection) = config.connect(NoTls).await?;
            // Ends with the session; what ended it is in the error of the next statement.
            tokio::spawn(connection);
            client.batch_execute(SESSION).await?;
            Ok(client)
        };
        let client = wait(&runtime, OPEN_WAIT, connect)?;
        Ok(Self {
            runtime,
            client,
            has_staging: false,
            failpoint: Failpoint::default(),
        })
    }

    /// Makes the session's staging tables, once.
    fn prepare_staging(&mut self) -> Result<(), Failure> {
        if self.has_staging {
            return Ok(());
        }
        let statements: String = Table::ALL
            .iter()
            .map(|table| {
                let name = table.name();
                format!("CREATE TEMPORARY TABLE IF NOT EXISTS stage_{name} (LIKE {name}) ON COMMIT DELETE ROWS;")
            })
            .collect();
        wait(
            &self.runtime,
            ANSWER_WAIT,
            self.client.batch_execute(&statements),
        )
        .map_err(|cause| Failure::new("stage rows for", "orders", cause))?;
        self.has_staging = true;
        Ok(())
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn applied_migrations(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let client = &self.client;
        let read = async {
            let query = "SELECT to_regclass('schema_version') IS NOT NULL";
            if !client.query_one(query, &[]).await?.try_get::<_, bool>(0)? {
                return Ok(Vec::new());
            }
            let rows = client
                .query("SELECT name, checksum FROM schema_version", &[])
                .await?;
            rows.iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect()
        };
        wait(&self.runtime, ANSWER_WAIT, read)
            .map_err(|cause| Failure::new("read", "schema_version", cause))
    }

    fn migrate(&mut self, migration: &Migration) -> Result<(), Failure> {
        let client = &mut self.client;
        let apply = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(MIGRATION_LOCK).await?;
            transaction.batch_execute(SCHEMA_VERSION).await?;
            let entry = "INSERT INTO schema_version VALUES ($1, $2) ON CONFLICT DO NOTHING";
            let checksum = migration.checksum();
            if transaction
                .execute(entry, &[&migration.name, &checksum])
                .await?
                == 1
            {
                transaction
                    .batch_execute(&migration.sql(Dialect::Postgres))
                    .await?;
            }
            transaction.commit().await
        };
        wait(&self.runtime, ANSWER_WAIT, apply)
            .map_err(|cause| Failure::new("apply a migration to", migration.name, cause))
    }

    fn begin_run(&mut self, header: &JournalHeader) -> Result<(), Failure> {
        let text = super::header_text(header)?;
        let client = &mut self.client;
        let insert = async {
            let transaction = client.transaction().await?;
            let run_id = header.run_id.to_string();
            transaction
                .execute(
                    INSERT_RUN,
                    &[
                        &run_id,
                        &header.mode.as_str(),
                        &i64::from(header.epoch),
                        &i64::from(header.semantics_version),
                        &header.started.0,
                        &text,
                    ],
                )
                .await?;
            transaction.execute(INSERT_STATE, &[&run_id]).await?;
            transaction.commit().await
        };
        wait(&self.runtime, ANSWER_WAIT, insert)
            .map_err(|cause| Failure::new("write", "runs", cause))
    }

    fn applied(&mut self, run_id: &str) -> Result<Applied, Failure> {
        let query = "SELECT last_seq, messages, segment, offset_bytes, block_check \
            FROM store_state WHERE run_id = $1";
        let client = &self.client;
        let read = async {
            let Some(row) = client.query_opt(query, &[&run_id]).await? else {
                return Ok(Applied::default());
            };
            let number = |column| row.try_get::<_, i64>(column);
            Ok(Applied {
                seq: number(0)? as u64,
                messages: number(1)? as u64,
                place: Place {
                    segment: number(2)? as u32,
                    offset_bytes: number(3)? as u64,
                },
                block_check: number(4)? as u32,
            })
        };
        wait(&self.runtime, ANSWER_WAIT, read)
            .map_err(|cause| Failure::new("read", "store_state", cause))
    }

    fn scales(&mut self, run_id: &str) -> Result<BTreeMap<InstrumentId, Scale>, Failure> {
        let query =
            "SELECT instrument_id, price_digits, qty_digits FROM instruments WHERE run_id = $1";
        let client = &self.client;
        let read = async {
            let rows = client.query(query, &[&run_id]).await?;
            let scale = |row: &tokio_postgres::Row| {
                let number = |column| row.try_get::<_, i64>(column);
                let scale = Scale {
                    price_digits: number(1)? as u8,
                    qty_digits: number(2)? as u8,
                };
                Ok((InstrumentId(number(0)? as u16), scale))
            };
            rows.iter().map(scale).collect()
        };
        wait(&self.runtime, ANSWER_WAIT, read)
            .map_err(|cause| Failure::new("read", "instruments", cause))
    }

    fn apply(&mut self, batch: &Batch) -> Result<bool, Failure> {
        self.prepare_staging()?;
        let (client, failpoint) = (&mut self.client, &mut self.failpoint);
        let work = async {
            let result = write(client, failpoint, batch).await;
            if !matches!(result, Ok(true)) {
                // The dropped transaction's rollback is only queued; this answer comes after it, so the
                // locks are gone before anyone tries again. A lost session has lost them anyway.
                let _ = client.batch_execute("").await;
            }
            Ok(result)
        };
        wait(&self.runtime, ANSWER_WAIT, work)
            .map_err(|cause| Failure::new("write", "store_state", cause))?
    }

    fn mark_run(&mut self, run_id: &str, state: RunState) -> Result<(), Failure> {
        let (client, word) = (&self.client, state.as_str());
        let work = async { client.execute(MARK_RUN, &[&word, &run_id]).await };
        wait(&self.runtime, ANSWER_WAIT, work)
            .map(drop)
            .map_err(|cause| Failure::new("write", "runs", cause))
    }

    fn write_histograms(
        &mut self,
        run_id: &str,
        latencies: &[StageLatency],
    ) -> Result<(), Failure> {
        let insert =
            "INSERT INTO latency_histograms VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let client = &mut self.client;
        let work = async {
            let transaction = client.transaction().await?;
            let insert = transaction.prepare(insert).await?;
            for latency in latencies {
                let (start, end) = (latency.start.0, latency.end.0);
                let samples = latency.samples as i64;
                let values: [&(dyn ToSql + Sync); 6] = [
                    &run_id,
                    &latency.stage,
                    &start,
                    &end,
                    &samples,
                    &latency.histogram,
                ];
                transaction.execute(&insert, &values).await?;
            }
            transaction.commit().await
        };
        wait(&self.runtime, ANSWER_WAIT, work)
            .map_err(|cause| Failure::new("write", "latency_histograms", cause))
    }

    fn clear_run(&mut self, run_id: &str, tables: &[&'static str]) -> Result<(), Failure> {
        let client = &mut self.client;
        let work = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(WHOLE_RUN).await?;
            for table in tables {
                let delete = format!("DELETE FROM {table} WHERE run_id = $1");
                transaction.execute(&delete, &[&run_id]).await?;
            }
            transaction.execute(RESET_STATE, &[&run_id]).await?;
            transaction.execute(RESET_RUN, &[&run_id]).await?;
            transaction.commit().await
        };
        wait(&self.runtime, WHOLE_RUN_WAIT, work)
            .map_err(|cause| Failure::new("remove rows of", "runs", cause))
    }

    fn count(&mut self, table: &'static str, run_id: &str) -> Result<u64, Failure> {
        let query = format!("SELECT count(*) FROM {table} WHERE run_id = $1");
        let client = &self.client;
        let read = async {
            client
                .query_one(&query, &[&run_id])
                .await?
                .try_get::<_, i64>(0)
        };
        wait(&self.runtime, ANSWER_WAIT, read)
            .map(|count| count as u64)
            .map_err(|cause| Failure::new("read", table, cause))
    }

    fn read(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        run_id: &str,
        each: &mut dyn FnMut(&[Option<String>]),
    ) -> Result<(), Failure> {
        let texts = as_texts(columns);
        let query = format!("SELECT {texts} FROM {table} WHERE run_id = $1");
        let client = &mut self.client;
        let read = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(WHOLE_RUN).await?;
            let mut rows = pin!(transaction.query_raw(&query, [run_id]).await?);
            while let Some(row) = rows.try_next().await? {
                let texts = (0..columns.len()).map(|column| row.try_get(column));
                each(&texts.collect::<Result<Vec<_>, _>>()?);
            }
            Ok(())
        };
        wait(&self.runtime, WHOLE_RUN_WAIT, read)
            .map_err(|cause| Failure::new("read", table, cause))
    }

    #[cfg(test)]
    fn dump(&mut self, query: &str) -> Vec<Vec<Option<String>>> {
        let client = &self.client;
        let read = async { client.query(query, &[]).await };
        let rows = wait(&self.runtime, ANSWER_WAIT, read).expect("rows");
        rows.iter()
            .map(|row| (0..row.len()).map(|column| row.get(column)).collect())
            .collect()
    }

    #[cfg(test)]
    fn set_failpoint(&mut self, failpoint: Failpoint) {
        self.failpoint = failpoint;
    }
}

/// Waits for an answer, at most so long.
fn wait<T>(
    runtime: &Runtime,
    longest: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    runtime.block_on(async {
        match tokio::time::timeout(longest, work).await {
            Ok(result) => result.map_err(|error| reason(&error)),
            Err(_) => Err(format!("no answer within {} s", longest.as_secs())),
        }
    })
}

/// Returns the error with what it came from: by itself it says no more than "db error".
fn reason(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Writes the batch in one transaction; dropped on any way out but the last, it rolls back.
async fn write(
    client: &mut Client,
    failpoint: &mut Failpoint,
    batch: &Batch,
) -> Result<bool, Failure> {
    let failure = |table: &str, error| Failure::new("write", table, reason(&error));
    let state = |error| failure("store_state", error);
    failpoint.pass("begin")?;
    let transaction = client.transaction().await.map_err(state)?;
    failpoint.pass("store_state")?;
    if !move_state(&transaction, batch).await.map_err(state)? {
        return Ok(false);
    }
    for table in Table::ALL {
        let rows = batch.rows.iter().filter(|row| row.table == table);
        let text: String = rows.map(copy_line).collect();
        if text.is_empty() {
            continue;
        }
        failpoint.pass(table.name())?;
        let in_table = |error| failure(table.name(), error);
        copy(&transaction, table, text).await.map_err(in_table)?;
        failpoint.pass("place")?;
        place(&transaction, table).await.map_err(in_table)?;
    }
    if let Some(mark) = &batch.end {
        failpoint.pass("runs")?;
        let failure = |error| Failure::new("write", "runs", error);
        finish_run(&transaction, batch, mark)
            .await
            .map_err(failure)?;
    }
    failpoint.pass("commit")?;
    transaction.commit().await.map_err(state)?;
    failpoint.pass("answer")?;
    Ok(true)
}

async fn move_state(
    transaction: &Transaction<'_>,
    batch: &Batch,
) -> Result<bool, tokio_postgres::Error> {
    let to = &batch.to;
    let moved = transaction
        .execute(
            UPDATE_STATE,
            &[
                &(to.seq as i64),
                &(to.messages as i64),
                &i64::from(to.place.segment),
                &(to.place.offset_bytes as i64),
                &i64::from(to.block_check),
                &batch.run_id.to_string(),
                &(batch.from_messages as i64),
            ],
        )
        .await?;
    Ok(moved == 1)
}

async fn finish_run(
    transaction: &Transaction<'_>,
    batch: &Batch,
    mark: &EndMark,
) -> Result<(), tokio_postgres::Error> {
    let (digest, run_id) = (mark.digest.to_string(), batch.run_id.to_string());
    let (messages, records) = (mark.messages as i64, mark.records as i64);
    transaction
        .execute(FINISH_RUN, &[&digest, &messages, &records, &run_id])
        .await
        .map(drop)
}

async fn copy(
    transaction: &Transaction<'_>,
    table: Table,
    text: String,
) -> Result<(), tokio_postgres::Error> {
    let statement = format!(
        "COPY stage_{} ({}) FROM STDIN",
        table.name(),
        table.columns().join(", ")
    );
    let mut sink = pin!(transaction.copy_in(&statement).await?);
    sink.send(Cursor::new(text.into_bytes())).await?;
    sink.finish().await.map(drop)
}

/// Moves staged rows into their table; events also into the orders that they are about.
async fn place(transaction: &Transaction<'_>, table: Table) -> Result<(), tokio_postgres::Error> {
    let (name, columns) = (table.name(), table.columns().join(", "));
    let insert = format!(
        "INSERT INTO {name} ({columns}) SELECT {columns} FROM stage_{name} ON CONFLICT DO NOTHING"
    );
    transaction.execute(&insert, &[]).await?;
    if table == Table::OrderEvents {
        transaction.execute(UPDATE_ORDERS, &[]).await?;
    }
    Ok(())
}

/// Returns the row as a line of COPY's text format.
///
/// # Source
/// PostgreSQL 15 documentation, COPY, "Text Format" (read 2026-11-21).
fn copy_line(row: &Row) -> String {
    let mut line = String::new();
    for (number, value) in row.values.iter().enumerate() {
        if number > 0 {
            line.push('\t');
        }
        match value {
            Value::Null => line.push_str("\\N"),
            Value::Int(number) => line.push_str(&number.to_string()),
            Value::Bool(yes) => line.push(if *yes { 't' } else { 'f' }),
            Value::Text(text) => text.chars().for_each(|character| match character {
                '\\' => line.push_str("\\\\"),
                '\t' => line.push_str("\\t"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                other => line.push(other),
            }),
        }
    }
    line.push('\n');
    line
}
