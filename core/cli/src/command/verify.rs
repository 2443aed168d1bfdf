//! Arguments of `claire verify`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire verify data/claire/journal
  claire verify run1 --json

Exit status 3 where an output differs, with the first difference, or where the journal is of other semantics.")]
pub struct Arguments {
    /// The journal's folder.
    #[arg(value_name = "DIR")]
    pub journal: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
