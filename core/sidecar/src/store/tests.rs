//! Both databases by the same facts. PostgreSQL takes part where `CLAIRE_TEST_POSTGRES` gives the
//! address of a server where databases may be made; else the tests say that it did not.

use super::*;
use crate::sample;
use claire_types::WallNs;
use rusqlite::Connection;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A store that goes with the test.
pub(crate) struct TestStore {
    pub url: String,
    _dir: TempDir,
    server: Option<(String, String)>,
}

impl TestStore {
    /// Returns an empty SQLite file's address.
    pub fn sqlite() -> Self {
        let dir = sample::scratch();
        Self {
            url: format!("sqlite:{}", dir.path().join("store.db").display()),
            _dir: dir,
            server: None,
        }
    }

    /// Returns a new database's address, `None` where there is no server for tests.
    pub fn postgres() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("CLAIRE_TEST_POSTGRES") else {
            eprintln!("SKIPPED: nothing was tested on PostgreSQL, CLAIRE_TEST_POSTGRES is not set");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("claire_test_{}_{number}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}"));
        Some(Self {
            url: with_database(&server, &name),
            _dir: sample::scratch(),
            server: Some((server, name)),
        })
    }

    /// Returns an SQLite store and, where there is a server, a PostgreSQL one.
    pub fn all() -> Vec<Self> {
        [Some(Self::sqlite()), Self::postgres()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Empties the tables, which is quicker than new ones.
    pub fn clear(&self) {
        let tables = Table::ALL.into_iter().map(Table::name).chain([
            "latency_histograms",
            "store_state",
            "runs",
        ]);
        match self.url.strip_prefix("sqlite:") {
            Some(path) => {
                let sql: String = tables
                    .map(|table| format!("DELETE FROM {table};"))
                    .collect();
                Connection::open(path)
                    .expect("opened")
                    .execute_batch(&sql)
                    .expect("emptied");
            }
            None => execute(&self.url, "TRUNCATE runs CASCADE"),
        }
    }

    /// Opens the store with its tables.
    pub fn migrated(&self) -> Store {
        let mut store = Store::open(&self.url).expect("opened");
        store.migrate().expect("migrated");
        store
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.server {
            execute(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// Returns the address with another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = base.split_once("://").expect("an address");
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/{name}?{query}")
}

/// Runs statements in a session of its own, not through the store.
pub(crate) fn execute(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .expect("connected");
        tokio::spawn(connection);
        client.batch_execute(sql).await.expect("executed");
    });
}

/// Lets every statement pass for which `fails` is false.
pub(crate) fn set_failpoint(
    store: &mut Store,
    fails: impl FnMut(&'static str) -> bool + Send + 'static,
) {
    store
        .database
        .set_failpoint(Failpoint(Some(Box::new(fails))));
}

/// Returns all rows of all tables that come from messages, and what stands of the runs, as text.
pub(crate) fn dump(store: &mut Store) -> BTreeMap<&'static str, Vec<Vec<Option<String>>>> {
    let mut tables: BTreeMap<_, _> = Table::ALL
        .into_iter()
        .map(|table| (table.name(), table.columns().to_vec()))
        .collect();
    tables.insert(
        "runs",
        vec![
            "run_id",
            "mode",
            "epoch",
            "started_ns",
            "state",
            "digest",
            "messages",
            "records",
        ],
    );
    tables.insert(
        "store_state",
        vec![
            "run_id",
            "last_seq",
            "messages",
            "segment",
            "offset_bytes",
            "block_check",
        ],
    );
    let texts = |columns: Vec<&str>| -> Vec<String> {
        let text = |column: &str| match column {
            "is_trading" => "CAST(CAST(is_trading AS INTEGER) AS TEXT)".to_owned(),
            column => format!("CAST({column} AS TEXT)"),
        };
        columns.into_iter().map(text).collect()
    };
    tables
        .into_iter()
        .map(|(table, columns)| {
            let query = format!(
                "SELECT {} FROM {table} ORDER BY 1, 2, 3",
                texts(columns).join(", ")
            );
            let mut rows = store.database.dump(&query);
            rows.sort();
            (table, rows)
        })
        .collect()
}

/// Returns the first value of a query.
pub(crate) fn ask(store: &mut Store, query: &str) -> Option<String> {
    store
        .database
        .dump(query)
        .into_iter()
        .next()?
        .into_iter()
        .next()?
}

#[test]
fn migrations_are_applied_once_and_never_change() {
    for test in TestStore::all() {
        let mut store = Store::open(&test.url).expect("opened");
        let error = store.check_schema().expect_err("no tables").to_string();
        assert!(
            error.contains("0001_runs") && error.contains("claire db migrate"),
            "{error}"
        );
        let applied = store.migrate().expect("migrated");
        assert_eq!(applied[0], "0001_runs");
        assert!(store.migrate().expect("again").is_empty());
        store.check_schema().expect("current");
        drop(store);
        let spoil = "UPDATE schema_version SET checksum = 'x' WHERE name = '0001_runs'";
        match test.url.strip_prefix("sqlite:") {
            Some(path) => drop(
                Connection::open(path)
                    .expect("opened")
                    .execute(spoil, [])
                    .expect("spoilt"),
            ),
            None => execute(&test.url, spoil),
        }
        let mut store = Store::open(&test.url).expect("opened");
        let error = store.migrate().expect_err("changed").to_string();
        assert!(error.contains("0001_runs"), "{error}");
    }
}

#[test]
fn a_store_of_an_earlier_program_gets_the_tables_that_are_new() {
    for test in TestStore::all() {
        let mut store = Store::open(&test.url).expect("opened");
        let all: Vec<_> = schema::migrations(store.database.dialect()).collect();
        let is_new = |migration: &&Migration| migration.name.ends_with("_scripts");
        for migration in all.iter().filter(|of| !is_new(of)) {
            store.database.migrate(migration).expect("applied");
        }
        let error = store.check_schema().expect_err("tables are missing");
        assert!(error.to_string().contains("0002_scripts"), "{error}");
        let new: Vec<_> = all.iter().filter(is_new).map(|of| of.name).collect();
        assert_eq!(store.migrate().expect("migrated"), new);
        let dir = sample::scratch();
        let run = crate::projector::tests::write_sample(dir.path(), 4, 40);
        crate::projector::project(dir.path(), store).expect("projected");
        let counts = test.migrated().counts(run).expect("counted");
        assert!(counts["scripts"] > 1 && counts["script_reloads"] > counts["scripts"]);
    }
}

#[test]
fn a_histogram_is_stored_whole_and_once() {
    for test in TestStore::all() {
        let mut store = test.migrated();
        let header = sample::header(1);
        store.begin_run(&header).expect("begun");
        let bytes: Vec<u8> = (0..=255).collect();
        let latency = StageLatency {
            stage: "engine".to_owned(),
            start: WallNs(5),
            end: WallNs(6),
            samples: 9_999,
            histogram: bytes.clone(),
        };
        for _ in 0..2 {
            store
                .write_histograms(header.run_id, std::slice::from_ref(&latency))
                .expect("written");
        }
        let counts = store.counts(header.run_id).expect("counted");
        assert_eq!((counts["latency_histograms"], counts["runs"]), (1, 1));
        assert_eq!(
            ask(
                &mut store,
                "SELECT CAST(samples AS TEXT) FROM latency_histograms"
            )
            .as_deref(),
            Some("9999")
        );
        let hex = match store.is_file() {
            true => "SELECT lower(hex(histogram)) FROM latency_histograms",
            false => "SELECT encode(histogram, 'hex') FROM latency_histograms",
        };
        assert_eq!(ask(&mut store, hex), Some(crate::digest::to_hex(&bytes)));
    }
}

#[test]
fn what_is_wrong_with_a_store_is_said_without_its_password() {
    let dir = sample::scratch();
    let file = dir.path().join("not-there").join("store.db");
    let error = Store::open(&format!("sqlite:{}", file.display())).map(drop);
    let error = error.expect_err("no directory").to_string();
    assert!(error.contains("not-there"), "{error}");
    // Nothing listens on the discard port of this host.
    let error = Store::open("postgres://me:secret@127.0.0.1:9/none").map(drop);
    let error = error.expect_err("no server").to_string();
    assert!(
        error.contains("me:***@127.0.0.1:9") && !error.contains("secret"),
        "{error}"
    );
    let garbage = dir.path().join("garbage.db");
    std::fs::write(&garbage, [0x55; 8_192]).expect("written");
    let error = Store::open(&garbage.display().to_string()).map(drop);
    assert!(
        error
            .expect_err("no database")
            .to_string()
            .contains("garbage.db")
    );
}

#[test]
fn a_batch_that_does_not_begin_where_the_store_is_writes_nothing() {
    for test in TestStore::all() {
        let mut store = test.migrated();
        let header = sample::header(2);
        store.begin_run(&header).expect("begun");
        let batch = Batch {
            run_id: header.run_id,
            rows: Vec::new(),
            from_messages: 5,
            to: Applied::default(),
            end: None,
        };
        let error = store.apply(&batch).expect_err("elsewhere");
        assert!(
            matches!(error, StoreError::Elsewhere { expected: 5, .. }),
            "{error}"
        );
        assert_eq!(store.begin_run(&header).expect("again"), Applied::default());
    }
}

#[test]
fn the_writer_s_role_suffices_for_all_that_the_sidecar_does_and_for_nothing_more() {
    let Some(test) = TestStore::postgres() else {
        return;
    };
    drop(test.migrated());
    let role = format!("claire_test_writer_{}", std::process::id());
    execute(
        &test.url,
        &format!("CREATE ROLE {role} LOGIN IN ROLE claire_writer PASSWORD 'x'"),
    );
    let url = as_role(&test.url, &role);
    let result = std::panic::catch_unwind(|| {
        let dir = sample::scratch();
        let run = crate::projector::tests::write_sample(dir.path(), 3, 40);
        let store = Store::open(&url).expect("opened");
        crate::projector::project(dir.path(), store).expect("projected");
        let mut store = Store::open(&url).expect("opened");
        assert!(store.migrate().expect("nothing to do").is_empty());
        assert!(store.counts(run).expect("counted")["fills"] > 0);
        let denied = |sql: &str| {
            let error = std::panic::catch_unwind(|| execute(&url, sql));
            assert!(error.is_err(), "{sql}");
        };
        denied("DELETE FROM fills");
        denied("UPDATE fills SET price = 0");
        denied("DROP TABLE fills");
        denied("UPDATE schema_version SET checksum = ''");
    });
    execute(
        &test.url,
        &format!("DROP OWNED BY {role}; DROP ROLE {role}"),
    );
    result.expect("the writer's work");
}

/// Returns the address with another user.
fn as_role(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("an address");
    let authority_end = rest.find('/').expect("a database");
    let host = rest[..authority_end].rsplit('@').next().unwrap_or_default();
    let mut parameters = rest[authority_end..].to_owned();
    if let Some((path, query)) = rest[authority_end..].split_once('?') {
        let kept = query
            .split('&')
            .filter(|parameter| !parameter.starts_with("user="));
        parameters = format!("{path}?{}", kept.collect::<Vec<_>>().join("&"));
    }
    let at = if host.is_empty() {
        format!("&user={role}")
    } else {
        String::new()
    };
    let user = if host.is_empty() {
        String::new()
    } else {
        format!("{role}:x@")
    };
    format!("{scheme}://{user}{host}{parameters}{at}")
}
