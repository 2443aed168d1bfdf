//! What these tests share: a folder per run, commands without the caller's environment, and rows counted in
//! the journal by hand, so that a store can be compared with something else than the projector.

use crate::environment::alone;
use claire_sidecar::{JournalHeader, JournalReader, Store, Tail};
use claire_types::cell::Tag;
use claire_types::record::ReloadOutcome;
use claire_types::{Input, Record};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A folder of one run, removed with it.
pub struct Place {
    folder: TempDir,
}

/// Where the rows of a run go.
#[derive(Clone, Debug)]
pub enum Database {
    /// `run.db` in the place.
    Sqlite,
    /// This server's.
    Postgres(String),
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    pub fn url(&self) -> String {
        format!("sqlite:{}", self.path("run.db").display())
    }

    /// Returns the program with these arguments, in this folder and without the caller's settings.
    pub fn claire(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claire"));
        command.args(arguments);
        alone(command, self.folder.path())
    }

    /// Returns the program with these arguments behind a line of shell: `ulimit -f 100; exec "$@"`.
    pub fn claire_in(&self, shell: &str, arguments: &[String]) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", shell, "sh", env!("CARGO_BIN_EXE_claire")])
            .args(arguments);
        alone(command, self.folder.path())
    }

    /// Returns what `claire verify` says of the journal.
    pub fn verify(&self) -> Value {
        let journal = self.journal().display().to_string();
        let output = self.claire(&["verify", &journal, "--json"]).output();
        answer(&output.expect("started"))
    }

    /// Returns what the store has of the journal's run, by table of records.
    pub fn stored(&self, url: &str) -> BTreeMap<String, u64> {
        let reader = JournalReader::open(&self.journal()).expect("a journal");
        let run_id = reader.header().run_id;
        let counts = Store::open(url).and_then(|mut store| store.counts(run_id));
        let of_records = |table: &str| !["latency_histograms", "store_state"].contains(&table);
        let counts = counts.expect("counted").into_iter();
        let counts = counts.filter(|(table, _)| of_records(table));
        counts
            .map(|(table, count)| (table.to_owned(), count))
            .collect()
    }
}

/// Returns the arguments of a replay into journal and store of the place.
pub fn replay(place: &Place, recording: &Path, store: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["replay".to_owned(), recording.display().to_string()];
    for argument in ["--strategy", "churn", "--venue", "binance-spot", "--json"] {
        arguments.push(argument.to_owned());
    }
    arguments.extend([
        "--journal".to_owned(),
        place.journal().display().to_string(),
    ]);
    if let Some(url) = store {
        arguments.extend(["--store".to_owned(), url.to_owned()]);
    }
    arguments
}

pub fn texts(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Counts the rows that the journal's messages make, by table, and says whether it is finished.
pub fn journaled(dir: &Path) -> (BTreeMap<String, u64>, bool) {
    let mut reader = JournalReader::open(dir).expect("a journal");
    let mut counts: BTreeMap<String, u64> = TABLES
        .iter()
        .map(|(_, table)| ((*table).to_owned(), 0))
        .collect();
    let mut instruments = BTreeSet::new();
    let mut scripts = first_scripts(reader.header());
    while let Some(message) = reader.next_message().expect("a whole journal") {
        let tag = Tag::of(message.cells.at(0).expect("a first cell").low);
        let table = TABLES.iter().find(|(kind, _)| *kind == tag.kind);
        if let Some((_, table)) = table {
            *counts.entry((*table).to_owned()).or_default() += 1;
        }
        if !Record::is_record(tag.word())
            && let Ok((_, Input::Instrument(instrument))) = Input::decode(&message.cells)
        {
            instruments.insert(instrument.id.0);
        }
        if let Ok((header, Record::Reload(reload))) = Record::decode(&message.cells)
            && reload.outcome == ReloadOutcome::Live
        {
            scripts.insert((header.strategy.0, hex(&reload.sha256)));
        }
    }
    counts.insert("instruments".to_owned(), instruments.len() as u64);
    counts.insert("scripts".to_owned(), scripts.len() as u64);
    counts.insert("runs".to_owned(), 1);
    (counts, matches!(reader.tail(), Tail::Finished(_)))
}

/// Returns strategy and hash of the scripts that a run began with.
fn first_scripts(header: &JournalHeader) -> BTreeSet<(u16, String)> {
    let scripts = header.body["scripts"].as_array().expect("scripts").iter();
    let hashes = scripts.map(|script| script["sha256"].as_str().expect("a hash").to_owned());
    (0..).zip(hashes).collect()
}

/// Returns a hash as people see it.
fn hex(sha256: &[u8]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Records and the tables that they become rows of.
const TABLES: [(u8, &str); 11] = [
    (128, "signals"),
    (129, "decisions"),
    (130, "orders"),
    (131, "order_events"),
    (132, "fills"),
    (133, "positions"),
    (134, "balances"),
    (135, "portfolio_snapshots"),
    (136, "risk_events"),
    (138, "alerts"),
    (141, "script_reloads"),
];

pub fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

pub fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns a recording of the bundled market, the same for all tests of the process.
pub fn recording() -> &'static Path {
    static RECORDING: OnceLock<PathBuf> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("session.txt");
        // Another process of these tests may be reading the one of before: it is replaced, not overwritten.
        let new = path.with_extension(std::process::id().to_string());
        let mut file = BufWriter::new(File::create(&new).expect("a file"));
        claire_sim::write_recording(&mut file, 7, RECORDING_S).expect("written");
        file.flush().expect("written");
        std::fs::rename(new, &path).expect("renamed");
        path
    })
}

/// Seconds of the recording.
const RECORDING_S: u32 = 120;

/// Returns the server for tests, if there is one, with its tables.
pub fn postgres() -> Option<Database> {
    let Ok(url) = std::env::var("CLAIRE_TEST_POSTGRES") else {
        eprintln!("SKIPPED: nothing was tested on PostgreSQL, CLAIRE_TEST_POSTGRES is not set");
        return None;
    };
    let migrated = Store::open(&url).and_then(|mut store| store.migrate());
    migrated.expect("migrated");
    Some(Database::Postgres(url))
}

impl Database {
    pub fn all() -> Vec<Self> {
        [Some(Self::Sqlite), postgres()]
            .into_iter()
            .flatten()
            .collect()
    }

    pub fn url(&self, place: &Place) -> String {
        match self {
            Self::Sqlite => place.url(),
            Self::Postgres(url) => url.clone(),
        }
    }
}
