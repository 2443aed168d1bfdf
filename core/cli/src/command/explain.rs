//! Arguments of `claire explain`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  claire explain 1-42 --journal data/claire/journal")]
pub struct Arguments {
    /// An order, fill or decision, as its records name it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
