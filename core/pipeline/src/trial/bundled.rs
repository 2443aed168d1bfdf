//! A run on the bundled market at full speed: equal seeds give equal runs.
//!
//! Main thread, which waits for the end. Nothing is read from or written to a file.

use crate::config::section::{SimSymbols, Speed};
use crate::config::{Config, Selection};
use crate::disk::DiskAlarm;
use crate::duration;
use crate::engine::Journaling;
use crate::feed::Feed as _;
use crate::feed::paper::{Pace, PaperFeed};
use crate::paper::{START_OF_MAX, look_first, market_of, select_listed, traffic_of};
use crate::reload::Reloading;
use crate::replay::{FILE_EPOCH, Onlooker, Replayed, troubles};
use crate::run::{Assembly, RecordPlan, RunError, header, load_all, prepare_loaded, script_hashes};
use crate::status::StatusCell;
use crate::summary::{RunFigures, summarize, topology_name};
use crate::topology::Topology;
use crate::watch::Watch;
use claire_types::{InstrumentKey, Mode, Venue};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The market.
pub(super) struct Made<'a> {
    /// Its seed.
    pub seed: u64,
    /// How much of its time passes.
    pub span: Duration,
    /// What it lists.
    pub symbols: &'a [InstrumentKey],
}

/// Runs strategies on the bundled market, fused, and lets somebody look on.
pub(super) fn run<W: Watch>(
    mut config: Config,
    made: &Made<'_>,
    selection: &Selection,
    stop: Arc<AtomicBool>,
    onlooker: Onlooker<'_, W>,
) -> Result<(Replayed, W), RunError> {
    config.paper.seed = made.seed;
    config.paper.symbols = SimSymbols::new(made.symbols.to_vec()).map_err(RunError::Usage)?;
    config.paper.speed = Speed::Max;
    select_listed(&mut config, selection)?;
    let pace = Pace {
        speed: Speed::Max,
        start: START_OF_MAX,
        span: Some(duration::in_ns(made.span)),
    };
    let market = market_of(&config, pace.start)?;
    let loaded = load_all(&config)?.into_iter().map(onlooker.around);
    let start = (FILE_EPOCH, None);
    let prepared = prepare_loaded(&config, Mode::Replay, start, loaded.collect())?;
    let shown = StatusCell::new(Mode::Replay);
    for warning in look_first(&config, pace.start, &prepared)? {
        tracing::warn!("{warning}");
    }
    let script_hashes = script_hashes(&prepared);
    let header = header(&config, &prepared, Mode::Replay, &Value::Null);
    let handlers = prepared.handlers;
    let assembly = Assembly {
        config: &config,
        topology: Topology::Fused,
        stop,
        plan: RecordPlan::default(),
        header,
        journaling: Journaling::default(),
        venue: Venue::Sim,
        disk: None,
        reloading: Reloading::default().with_budget(&config),
    };
    let gauge = shown.gauge();
    let feed = |line| PaperFeed::new(line, market, pace, gauge, DiskAlarm::default());
    let (finished, watch) = assembly.run_watched(prepared.engine, feed, onlooker.watch)?;
    let figures = RunFigures {
        interrupted: finished.feed.is_interrupted(),
        topology: topology_name(Topology::Fused).to_owned(),
        ..RunFigures::default()
    };
    let traffic = traffic_of(&finished.feed, &config);
    let replayed = Replayed {
        summary: summarize(&finished, traffic, &handlers, figures),
        run_id: finished.run_id,
        config_hash: config.hash(),
        script_hashes,
        data_hash: None,
        fault_first: None,
        fault_texts: troubles(&finished),
        store_lag: None,
    };
    Ok((replayed, watch))
}
