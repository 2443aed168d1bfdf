//! Arguments of `claire paper`.

use super::duration;
use super::replay::{Places, Strategies};
use claire_pipeline::config::Override;
use clap::Args;
use std::time::Duration;

/// Arguments of `paper`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire paper
  claire paper --for 10m --strategy ema --seed 7
  claire paper --for 60s --json > result.json

With a terminal on stdout the screen is live; `q` or Ctrl-C ends the run in order.")]
pub struct Arguments {
    /// Seed of the bundled market.
    #[arg(long)]
    pub seed: Option<u64>,
    /// End after this span: 500ms, 90s, 10m, 2h, 3d.
    #[arg(long = "for", value_name = "SPAN", value_parser = duration::parse)]
    pub span: Option<Duration>,
    /// Which strategies run, and how.
    #[command(flatten)]
    pub strategies: Strategies,
    /// Where records go.
    #[command(flatten)]
    pub places: Places,
    /// Print one JSON object at the end instead of the screen.
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    /// Returns the options that are settings.
    pub fn overrides(&self) -> Vec<Override> {
        let seed = self.seed.iter();
        let seed = seed.map(|seed| Override::of_option("--seed", "paper.seed", seed.to_string()));
        let mut overrides: Vec<_> = seed.collect();
        overrides.extend(self.strategies.overrides());
        overrides.extend(self.places.overrides());
        overrides
    }
}
