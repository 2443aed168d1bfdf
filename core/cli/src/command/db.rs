//! `claire db`: the database's schema, and its rows made again from a journal.

use super::Outcome;
use crate::cli::Cli;
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};
use claire_pipeline::config::Override;
use claire_sidecar::projector::{Rebuilt, Rows, TableRows, rebuild};
use claire_sidecar::{JournalReader, ProjectError, Store};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// What to do with the database.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Bring the schema to this version; does nothing where it is there.
    #[command(
        after_help = "Examples:\n  claire db migrate\n  claire db migrate --store sqlite:claire.db"
    )]
    Migrate(Migrate),
    /// Bring all of a run's journal into the database and compare the rows.
    #[command(after_help = "\
Examples:
  claire db rebuild --journal data/claire/journal/3f2a...
  claire db rebuild --journal run1 --store sqlite:run1.db --fresh

Rows that are there stay and what is missing is added; --fresh removes the run's rows first, which in a
server takes a role that may delete (claire_admin). Other runs are not touched. Exit status 3 where a table then has other rows, or other values, than the journal: --fresh mends it. So it ends
where the journal's first segments were removed and the database has not their rows: those are lost to it.")]
    Rebuild(Rebuild),
}

/// Arguments of `db migrate`.
#[derive(Clone, Debug, Args)]
pub struct Migrate {
    /// The database, instead of the configured one.
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub store: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `db rebuild`.
#[derive(Clone, Debug, Args)]
pub struct Rebuild {
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
    /// The database, instead of the configured one.
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub store: Option<String>,
    /// Remove the run's rows first.
    #[arg(long)]
    pub fresh: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Runs the action.
///
/// # Errors
/// No store is configured, or it cannot be reached or changed; a journal that cannot be read.
pub fn run(cli: &Cli, action: &Action, envelope: Envelope) -> Result<Outcome, Failure> {
    match action {
        Action::Migrate(arguments) => migrate(cli, arguments, envelope),
        Action::Rebuild(arguments) => make_again(cli, arguments, envelope),
    }
}

fn migrate(cli: &Cli, arguments: &Migrate, envelope: Envelope) -> Result<Outcome, Failure> {
    let mut store = open(cli, arguments.store.as_deref())?;
    let applied = store.migrate().map_err(failed)?;
    let url = store.url();
    let text = match applied.len() {
        0 => format!("{url}: the schema is up to date\n"),
        _ => format!("{url}: applied {}\n", applied.join(", ")),
    };
    let body = json!({ "store": url, "applied": applied });
    Ok(Outcome::of(text, envelope.with_body(&body)))
}

fn make_again(cli: &Cli, arguments: &Rebuild, envelope: Envelope) -> Result<Outcome, Failure> {
    let broken = |error: &dyn std::fmt::Display| Failure::failed("JOURNAL", error.to_string());
    // Before a file is made for rows that no journal has.
    drop(JournalReader::open(&arguments.journal).map_err(|error| broken(&error))?);
    let store = open(cli, arguments.store.as_deref())?;
    let url = store.url().to_owned();
    let rows = if arguments.fresh {
        Rows::Fresh
    } else {
        Rows::Kept
    };
    let rebuilt = rebuild(&arguments.journal, store, rows).map_err(|error| match error {
        ProjectError::Store(error) => failed(error),
        error => broken(&error),
    })?;
    let envelope = Envelope {
        run_id: Some(rebuilt.run_id.to_string()),
        ..envelope
    };
    Ok(answer(&url, arguments, &rebuilt, envelope))
}

fn answer(url: &str, arguments: &Rebuild, rebuilt: &Rebuilt, envelope: Envelope) -> Outcome {
    let journal = arguments.journal.display();
    let added = rebuilt.applied.messages - rebuilt.before.messages;
    let is_incomplete = rebuilt.is_incomplete;
    let end = match rebuilt.end {
        Some(_) if is_incomplete => "finished, but not in this store",
        Some(_) => "finished",
        None => "never finished",
    };
    let mut text = format!(
        "{url}: run {}, {end}: {} messages, {added} of them new\n",
        rebuilt.run_id, rebuilt.applied.messages
    );
    for rows in &rebuilt.tables {
        let TableRows {
            table,
            stored,
            journaled,
            ..
        } = rows;
        let difference = match (rows.is_equal, stored == journaled) {
            (true, _) => String::new(),
            (false, true) => "  NOT the journal's".to_owned(),
            (false, false) => format!("  NOT the journal's, which makes {journaled}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{table:<20} {stored:>9} rows{difference}");
    }
    // A run that never was finished is not marked so either: its rows alone do not show what is missing.
    let is_equal = rebuilt.is_equal() && !is_incomplete;
    if rebuilt.first_segment > 1 {
        let first = rebuilt.first_segment;
        let _ = writeln!(
            text,
            "the journal begins at segment {first}: values were not compared"
        );
    }
    if is_incomplete {
        text.push_str("rows of removed segments are missing and cannot be made again from this journal: the run stays unfinished here\n");
    }
    if !is_equal && rebuilt.first_segment == 1 {
        text.push_str("--fresh removes the run's rows and makes them again\n");
    }
    let by_table = |rows: fn(&TableRows) -> u64| -> BTreeMap<_, _> {
        let tables = rebuilt.tables.iter();
        tables.map(|table| (table.table, rows(table))).collect()
    };
    let unequal = rebuilt.tables.iter().filter(|rows| !rows.is_equal);
    let body = json!({
        "store": url,
        "journal": journal.to_string(),
        "first_segment": rebuilt.first_segment,
        "finished": rebuilt.end.is_some() && !is_incomplete,
        "incomplete": is_incomplete,
        "digest": rebuilt.end.map(|mark| mark.digest.to_string()),
        "messages": rebuilt.applied.messages,
        "messages_added": added,
        "rows": by_table(|table| table.stored),
        "journal_rows": by_table(|table| table.journaled),
        "equal": is_equal,
        "unequal": unequal.map(|rows| rows.table).collect::<Vec<_>>(),
    });
    Outcome {
        exit: if is_equal { Exit::Done } else { Exit::No },
        text,
        envelope: envelope.with_body(&body),
    }
}

/// Opens the named store, or the configured one.
fn open(cli: &Cli, url: Option<&str>) -> Result<Store, Failure> {
    let options = url.map(|url| Override::of_option("--store", "store.url", url));
    let config = cli.load(options.into_iter().collect())?;
    let Some(url) = config.store_url() else {
        let failure = Failure::usage("NO_STORE", "no store is configured");
        return Err(failure.with_hint("name one: --store sqlite:claire.db or --store postgres://…"));
    };
    Store::open(&url).map_err(failed)
}

fn failed(error: claire_sidecar::StoreError) -> Failure {
    Failure::failed("STORE", error.to_string())
}
