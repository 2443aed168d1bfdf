//! Arguments of `claire replay`.

use claire_pipeline::config::section::Speed;
use claire_pipeline::config::{Override, Selection};
use claire_types::{InstrumentKey, Venue};
use clap::Args;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Arguments of `replay`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire replay session.txt.gz
  claire replay day1.gz day2.gz --venue binance-spot --strategy ema --set ema.fast=20
  claire replay session.txt.gz --strategy my.rhai --market binance-usdm:BTCUSDT --json

Several files are one session, in the order given.")]
pub struct Arguments {
    /// Recorded frames: text, gzip or zstd.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The venue that was recorded, where the frames do not say.
    #[arg(long)]
    pub venue: Option<Venue>,
    /// Which strategies run, and how.
    #[command(flatten)]
    pub strategies: Strategies,
    /// How fast recorded time passes: max, or times the real speed.
    #[arg(long, default_value = "max")]
    pub speed: Speed,
    /// Read the session this many times.
    #[arg(long = "loop", value_name = "N", default_value = "1")]
    pub loops: NonZeroU32,
    /// Where records go.
    #[command(flatten)]
    pub places: Places,
    /// Where the stages run.
    #[arg(long, value_parser = ["auto", "fused", "split"])]
    pub topology: Option<String>,
    /// Fail (exit 1) at the first frame or line that cannot be read.
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Which strategies run, and how.
#[derive(Clone, Debug, Default, Args)]
pub struct Strategies {
    /// A configured strategy, a bundled script or a script file; may be repeated.
    #[arg(long = "strategy", value_name = "S")]
    pub strategies: Vec<String>,
    /// A parameter: NAME.parameter=value; may be repeated.
    #[arg(long = "set", value_name = "NAME.P=V")]
    pub settings: Vec<String>,
    /// The primary market of scripts that the configuration does not know.
    #[arg(long, value_name = "VENUE:SYMBOL")]
    pub market: Option<InstrumentKey>,
    /// How handlers run.
    #[arg(long, value_parser = ["auto", "interpreted"])]
    pub backend: Option<String>,
    /// Risk profile: conservative, moderate, aggressive or bench.
    #[arg(long, value_name = "P")]
    pub profile: Option<String>,
}

/// Where records go.
#[derive(Clone, Debug, Default, Args)]
pub struct Places {
    /// The database: none, sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
}

impl Arguments {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let topology = self.topology.iter();
        let topology =
            topology.map(|text| Override::of_option("--topology", "pipeline.topology", text));
        let mut overrides: Vec<_> = topology.collect();
        overrides.extend(self.strategies.overrides());
        overrides.extend(self.places.overrides());
        overrides
    }
}

impl Strategies {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Option<Override> {
        let profile = self.profile.as_ref()?;
        Some(Override::of_option("--profile", "risk.profile", profile))
    }

    /// Returns the selection; `market` stands in where no `--market` was given.
    pub fn selection(&self, market: Option<InstrumentKey>) -> Selection {
        Selection {
            strategies: self.strategies.clone(),
            market: self.market.or(market),
            settings: self.settings.clone(),
            backend: self.backend.clone(),
        }
    }
}

impl Places {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let journal = self.journal.as_ref().map(|path| path.display().to_string());
        let store = self.store.iter();
        store
            .map(|url| Override::of_option("--store", "store.url", url))
            .chain(journal.map(|path| Override::of_option("--journal", "journal.dir", path)))
            .collect()
    }
}
