//! Arguments of `claire db`.

use claire_pipeline::config::Override;
use clap::{Args, Subcommand};

/// What to do with the database.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Bring the schema to this version; does nothing where it is there.
    #[command(
        after_help = "Examples:\n  claire db migrate\n  claire db migrate --store sqlite:claire.db"
    )]
    Migrate(Migrate),
}

/// Arguments of `db migrate`.
#[derive(Clone, Debug, Args)]
pub struct Migrate {
    /// The database, instead of the configured one.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

impl Migrate {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let store = self.store.iter();
        store
            .map(|url| Override::of_option("--store", "store.url", url))
            .collect()
    }
}
