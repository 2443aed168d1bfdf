//! What every run has in common: rings, stages, recorder, store, and what went wrong.
//!
//! Called by `replay` and `paper` on their own thread.

mod error;
mod journal;

pub use error::RunError;
pub use journal::open_journal;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::section::{WaitChoice, redacted};
use crate::disk::DiskWatch;
use crate::engine::{EngineStage, Journaling, SegmentPlan};
use crate::feed::{Feed, FeedLine};
use crate::latency::{LatencyCollector, LatencyLog, LatencySet, latency};
use crate::reload::stage::StagingStage;
use crate::reload::{ReloadReport, Reloading};
use crate::ring::ring;
use crate::sidecar::{SidecarStage, Sink};
use crate::strategy::{Handlers, Loaded, ScriptSource, load};
use crate::topology::{self, Placed, RunSettings, Topology};
use crate::wait::WaitStrategy;
use crate::watch::{Watch, Watched};
use claire_engine::Engine;
use claire_engine::config::EngineConfig;
use claire_engine::risk::LatchedState;
use claire_sidecar::journal::{Projected, Removals, Removed, Retention, RetentionRules};
use claire_sidecar::projector::{Rows, rebuild};
use claire_sidecar::{
    JournalError, JournalHeader, JournalWriter, Lag, Place, ProjectError, Projector,
    ProjectorOptions, ProjectorState, Recorder, RunId, Store, Summary,
};
use claire_strategies::Script;
use claire_types::{Mode, MonoNs, Venue};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Version of what the engine makes of its inputs; raised with every change of outputs.
pub const SEMANTICS_VERSION: u32 = 4;

/// Where a run is written down.
#[derive(Clone, Debug, Default)]
pub struct RecordPlan {
    /// The journal's folder, if one is written.
    pub journal: Option<PathBuf>,
    /// The store's URL, if one is filled.
    pub store: Option<String>,
}

/// A run's engine and strategies, before its threads.
pub struct Prepared {
    /// The engine.
    pub engine: Engine,
    /// The scripts, as the journal keeps them.
    pub scripts: Vec<ScriptSource>,
    /// The scripts themselves.
    pub compiled: Vec<Arc<Script>>,
    /// How their handlers run.
    pub handlers: Vec<Handlers>,
    /// The engine's configuration.
    pub engine_config: EngineConfig,
    /// The trading states that it starts with.
    pub state: LatchedState,
}

/// What the stages left behind.
pub struct Finished<F> {
    /// The feed stage.
    pub feed: F,
    /// The engine stage.
    pub engine: EngineStage,
    /// What the recorder came to.
    pub summary: Summary,
    /// Latencies of the whole run.
    pub latency: LatencySet,
    /// From the start of the stages to the end of the last.
    pub elapsed_ns: u64,
    /// The run.
    pub run_id: RunId,
    /// What the store lacks, in words, if it lacks something.
    pub store_lag: Option<String>,
    /// Old segments of journals that were removed.
    pub removed: Removed,
    /// What its reloads came to, where files were watched.
    pub reloads: Option<ReloadReport>,
}

/// What the stages left behind, with what took their records.
pub struct Ran<F, S> {
    /// The feed stage.
    pub feed: F,
    /// The engine stage.
    pub engine: EngineStage,
    /// What took the records.
    pub sink: S,
    /// Latencies of the whole run.
    pub latency: LatencySet,
    /// From the start of the stages to the end of the last.
    pub elapsed_ns: u64,
    /// What its reloads came to, where files were watched.
    pub reloads: Option<ReloadReport>,
}

/// Builds the engine with its strategies.
///
/// # Errors
/// What is wrong with configuration or scripts.
pub fn prepare(
    config: &Config,
    mode: Mode,
    epoch: u32,
    state: Option<LatchedState>,
) -> Result<Prepared, RunError> {
    prepare_loaded(config, mode, (epoch, state), load_all(config)?)
}

/// Loads and checks the configured strategies, in the order of their ids.
///
/// # Errors
/// What is wrong with the first script that is wrong.
pub fn load_all(config: &Config) -> Result<Vec<Loaded>, RunError> {
    let limits = config.script.limits();
    let loaded = config.strategies.iter().map(|entry| load(entry, &limits));
    loaded
        .collect::<Result<Vec<_>, _>>()
        .map_err(RunError::Script)
}

/// Builds the engine with strategies that are loaded; `start` is the epoch, and the states that it starts with.
///
/// # Errors
/// What is wrong with the configuration.
pub fn prepare_loaded(
    config: &Config,
    mode: Mode,
    start: (u32, Option<LatchedState>),
    loaded: Vec<Loaded>,
) -> Result<Prepared, RunError> {
    let mut engine_config = config.engine_config(mode)?;
    let (epoch, state) = start;
    engine_config.epoch = epoch;
    let compiled = loaded.iter().map(|of| Arc::clone(&of.script)).collect();
    let (mut strategies, mut scripts, mut handlers) = (Vec::new(), Vec::new(), Vec::new());
    for one in loaded {
        // What is all compiled is the rule, and the summary says it; what is told to be interpreted is known.
        if one.handlers.backend() != "compiled" && !one.handlers.is_told() {
            tracing::info!("{}", one.handlers);
        }
        strategies.push(one.strategy);
        scripts.push(one.source);
        handlers.push(one.handlers);
    }
    let state = state.unwrap_or_else(|| LatchedState::new(config.strategies.len()));
    let engine =
        Engine::new(engine_config.clone(), state.clone(), strategies).map_err(RunError::Usage)?;
    Ok(Prepared {
        engine,
        scripts,
        compiled,
        handlers,
        engine_config,
        state,
    })
}

/// Returns the hashes of the scripts by strategy.
pub(crate) fn script_hashes(prepared: &Prepared) -> BTreeMap<String, String> {
    let scripts = prepared.scripts.iter();
    let named = scripts.map(|script| (script.strategy.clone(), script.sha256.clone()));
    named.collect()
}

/// Returns the header of a run's journal.
pub fn header(config: &Config, prepared: &Prepared, mode: Mode, inputs: &Value) -> JournalHeader {
    let plan = segment_plan(config);
    JournalHeader {
        format_version: claire_sidecar::journal::FORMAT_VERSION,
        semantics_version: SEMANTICS_VERSION,
        run_id: RunId::fresh(),
        mode,
        epoch: prepared.engine_config.epoch,
        started: Clock::start().wall(),
        // What does not decide the outputs: equal runs may differ in it.
        host: json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "config": config.show(crate::config::Origins::Hidden),
        }),
        body: json!({
            "config_hash": config.hash(),
            "engine": serde_json::to_value(&prepared.engine_config).unwrap_or(Value::Null),
            "state": serde_json::to_value(&prepared.state).unwrap_or(Value::Null),
            "instruments": config.instruments,
            "scripts": prepared.scripts,
            "inputs": inputs,
            // Where segments begin is decided again by whoever repeats the run.
            "segments": {
                "bytes_max": plan.bytes_max,
                "age_ns_max": plan.age_max.0,
            },
        }),
    }
}

/// Returns how large and how old the journal's segments become.
pub const fn segment_plan(config: &Config) -> SegmentPlan {
    SegmentPlan {
        bytes_max: config.journal.segment_mb.bytes(),
        age_max: config.journal.segment_hours.span(),
    }
}

impl RecordPlan {
    /// Returns journal and store as they are shown: the store without its password.
    pub fn shown(&self) -> (Option<String>, Option<String>) {
        let journal = self.journal.as_ref().map(|dir| dir.display().to_string());
        (journal, self.store.as_deref().map(redacted))
    }
}

/// What a run is made of.
pub struct Assembly<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Where the stages run.
    pub topology: Topology,
    /// Ends the run from outside.
    pub stop: Arc<AtomicBool>,
    /// Where it is written down.
    pub plan: RecordPlan,
    /// Its header.
    pub header: JournalHeader,
    /// What stands in the journal beside the records.
    pub journaling: Journaling,
    /// The venue that frames come from at first.
    pub venue: Venue,
    /// Looks at the journal's disk; file runs have no inputs from outside, and stop where it is full.
    pub disk: Option<DiskWatch>,
    /// What it has to do with reloads.
    pub reloading: Reloading,
}

impl Assembly<'_> {
    /// Runs the stages to the end of the input, and lets `watch` look on behind the journal. A run of files that is
    /// stopped before its end leaves its journal open.
    ///
    /// # Errors
    /// A [`RunError`]; what was journaled before it is intact.
    pub fn run_watched<F: Feed, W: Watch>(
        mut self,
        engine: Engine,
        feed: impl FnOnce(FeedLine) -> F,
        mut watch: W,
    ) -> Result<(Finished<F>, W), RunError> {
        let journal = self.open_journal()?;
        let latencies = self.open_latencies()?;
        let (journal, removals) = self.keep(journal);
        let run_id = journal
            .as_ref()
            .map_or(self.header.run_id, |journal| journal.header().run_id);
        let projector = self.start_projector(journal.as_ref())?;
        if let Some(projector) = &projector {
            watch.store(Box::new(projector.behind()));
        }
        let recorder = Recorder::new(journal);
        let ran = self.run_with(
            engine,
            feed,
            Watched {
                recorder,
                latencies,
                watch,
            },
        )?;
        let Watched {
            recorder,
            mut watch,
            ..
        } = ran.sink;
        let summary = match ran.feed.is_interrupted() {
            true => recorder.pause()?,
            false => recorder.finish()?,
        };
        let removed = removals.so_far();
        let wait = self.config.store.wait_s.span();
        let mut tell = |lag: &Lag| {
            let words = waiting(wait, lag);
            tracing::warn!("{words}");
            watch.waiting(&words);
        };
        let store_lag =
            projector.and_then(|projector| words_of(&projector.finish(wait, &mut tell)));
        let finished = Finished {
            feed: ran.feed,
            engine: ran.engine,
            summary,
            latency: ran.latency,
            elapsed_ns: ran.elapsed_ns,
            run_id,
            store_lag,
            removed,
            reloads: ran.reloads,
        };
        Ok((finished, watch))
    }

    /// Runs the stages with any sink for their records.
    ///
    /// # Errors
    /// A stage that died, or the sink's failure.
    pub fn run_with<F: Feed, S: Sink>(
        &mut self,
        engine: Engine,
        feed: impl FnOnce(FeedLine) -> F,
        sink: S,
    ) -> Result<Ran<F, S>, RunError> {
        let clock = Clock::start();
        let start = clock.mono();
        let cells = self.config.pipeline.ring_cells.count();
        let (events_in, events_out) = ring(cells);
        let (records_in, records_out) = ring(cells);
        let interval_ns = self.config.store.latency_interval_s.ns();
        let (feed_latency, feed_collector) = latency(start, interval_ns);
        let (engine_latency, engine_collector) = latency(start, interval_ns);
        let line = FeedLine::new(
            self.venue,
            &self.config.instruments,
            events_in,
            clock.clone(),
            feed_latency,
        );
        let mut feed = feed(line);
        let mut engine = EngineStage::new(
            engine,
            events_out,
            records_in,
            &self.journaling,
            clock.clone(),
            engine_latency,
        );
        let (reloads, call_ns_max, mut staging) =
            std::mem::take(&mut self.reloading).into_parts(&clock)?;
        engine = engine.with_reloads(reloads, call_ns_max);
        let collectors = vec![feed_collector, engine_collector];
        let on_death = sink.on_death();
        let mut sidecar = SidecarStage::new(sink, records_out, collectors, Arc::clone(&self.stop))
            .watching(self.disk.take());
        let mut settings = RunSettings::new(&self.stop, &*on_death);
        settings.wait = wait_of(self.config.pipeline.wait);
        let pins = self.config.pipeline.pins;
        let mut stages = vec![
            Placed::in_flow(&mut feed).on_core(pins.feed),
            Placed::in_flow(&mut engine).on_core(pins.engine),
            Placed::in_flow(&mut sidecar)
                .on_own_thread()
                .on_core(pins.sidecar),
        ];
        if let Some(staging) = &mut staging {
            stages.push(Placed::in_flow(staging).on_own_thread());
        }
        let begun = clock.mono();
        topology::run(self.topology, stages, settings)?;
        let ended = clock.mono();
        let (mut sink, collectors, failure) = sidecar.into_parts();
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let last = [feed.line().latency.current(), engine.latency().current()];
        let total = add_up(start, &collectors, last, (ended, &mut sink));
        Ok(Ran {
            feed,
            engine,
            sink,
            latency: total,
            elapsed_ns: ended.since(begun),
            reloads: staging.map(StagingStage::into_report),
        })
    }

    /// Opens the journal; where it is finished already, the store is made complete first, and both is said.
    fn open_journal(&self) -> Result<Option<JournalWriter>, RunError> {
        let Some(dir) = &self.plan.journal else {
            return Ok(None);
        };
        match open_journal(dir, &self.header, self.config) {
            Err(JournalError::Finished { dir }) => {
                let store = self.plan.store.as_deref();
                Err(RunError::Finished {
                    store: store.map_or_else(String::new, |url| complete(&dir, url)),
                    dir,
                })
            }
            result => result.map(Some).map_err(RunError::Journal),
        }
    }

    fn open_latencies(&self) -> Result<Option<LatencyLog>, RunError> {
        let Some(dir) = &self.plan.journal else {
            return Ok(None);
        };
        let log = LatencyLog::open(dir, self.header.started);
        log.map(Some).map_err(|cause| RunError::Io {
            action: format!("cannot keep the latencies in {}", dir.display()),
            cause,
        })
    }

    /// Has the journals kept within the configured rules while the run goes on.
    fn keep(&self, journal: Option<JournalWriter>) -> (Option<JournalWriter>, Removals) {
        let rules = retention_rules(self.config);
        let Some(mut journal) = journal else {
            return (None, Removals::default());
        };
        if rules.keep_all() {
            return (Some(journal), Removals::default());
        }
        let own = journal.header().run_id;
        let url = self.plan.store.clone();
        let is_own_stored = url.is_some();
        let projected = url.or_else(|| self.config.store_url()).map(|url| {
            let mut store = None;
            let ask = move |run_id: RunId| match run_id == own && !is_own_stored {
                true => EVERYTHING,
                false => projected_in(&url, &mut store, run_id),
            };
            Box::new(ask) as Projected
        });
        let retention = Retention::new(rules, &self.config.journal_dir(), projected);
        let removals = retention.removals();
        journal.keep(retention);
        (Some(journal), removals)
    }

    fn start_projector(
        &self,
        journal: Option<&JournalWriter>,
    ) -> Result<Option<Projector>, RunError> {
        let (Some(url), Some(journal), Some(dir)) = (&self.plan.store, journal, &self.plan.journal)
        else {
            return Ok(None);
        };
        let projector =
            Projector::start(url, dir, journal.committed(), ProjectorOptions::default());
        projector.map(Some).map_err(|cause| RunError::Io {
            action: "start the projector".to_owned(),
            cause,
        })
    }
}

/// Adds up all latencies, and hands the sink those of the interval that the end cut off.
fn add_up<S: Sink>(
    start: MonoNs,
    collectors: &[LatencyCollector],
    last: [LatencySet; 2],
    (ended, sink): (MonoNs, &mut S),
) -> LatencySet {
    let mut total = LatencySet::new(start);
    for collector in collectors {
        total.merge(collector.total());
    }
    for mut last in last {
        total.merge(&last);
        last.end = ended;
        sink.collect(&last);
    }
    total
}

/// Adds to the store what it lacks of a finished run, and says so.
fn complete(dir: &Path, url: &str) -> String {
    let rebuilt = Store::open(url)
        .map_err(ProjectError::Store)
        .and_then(|store| rebuild(dir, store, Rows::Kept));
    match rebuilt {
        Ok(rebuilt) => {
            let added = rebuilt.applied.messages - rebuilt.before.messages;
            let url = redacted(url);
            match added {
                _ if rebuilt.is_incomplete => {
                    format!(
                        "; {url} lacks rows of segments that were removed and cannot be made again"
                    )
                }
                0 => format!("; {url} holds all of it"),
                _ => format!("; {url} lacked {added} of its messages and holds all of it now"),
            }
        }
        Err(error) => format!("; what the store lacks could not be added: {error}"),
    }
}

/// Returns what is kept of journals.
pub fn retention_rules(config: &Config) -> RetentionRules {
    RetentionRules {
        age_max: config.journal.keep_days.span(),
        bytes_max: config.journal.quota_mb.bytes(),
    }
}

/// Where a run is that no store waits for.
const EVERYTHING: Place = Place {
    segment: u32::MAX,
    offset_bytes: u64::MAX,
};

/// Opens the database once, before the start: one that cannot be opened now is a mistake; one that goes away later is
/// waited for.
pub(crate) fn reach_store(url: Option<&str>) -> Result<(), RunError> {
    if let Some(url) = url {
        drop(Store::open(url)?);
    }
    Ok(())
}

/// Returns how far a run is in the store; a store that cannot say has nothing of it, and is opened anew.
fn projected_in(url: &str, store: &mut Option<Store>, run_id: RunId) -> Place {
    // Opening a file store makes it: one that is not there is not asked.
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    if !url.starts_with("postgres") && !Path::new(path).exists() {
        return Place::default();
    }
    let opened = match store.take() {
        Some(open) => Ok(open),
        None => Store::open(url),
    };
    let applied = opened.and_then(|mut open| {
        let applied = open.applied(run_id)?;
        *store = Some(open);
        Ok(applied)
    });
    match applied {
        Ok(applied) => applied.place,
        Err(error) => {
            tracing::warn!("no segment of run {run_id} is removed: {error}");
            Place::default()
        }
    }
}

const fn wait_of(choice: WaitChoice) -> WaitStrategy {
    match choice {
        WaitChoice::Spin => WaitStrategy::Spin,
        WaitChoice::Yield => WaitStrategy::Yield,
        WaitChoice::Park => WaitStrategy::Park,
    }
}

/// Says that the end of a run waits for the store, and why.
fn waiting(longest: Duration, lag: &Lag) -> String {
    let seconds = longest.as_secs();
    let why = lag.error.as_deref();
    let why = why.map_or_else(
        || format!("it lacks {} messages", lag.messages),
        str::to_owned,
    );
    format!("waiting up to {seconds} s for the store: {why}")
}

/// Says what the store lacks at the end of a run, if it lacks something.
fn words_of(lag: &Lag) -> Option<String> {
    let error = || match &lag.error {
        Some(error) => error.clone(),
        None => "it has not answered in time".to_owned(),
    };
    match (lag.messages, lag.state) {
        (0, ProjectorState::Ended) => None,
        (0, _) => Some(format!(
            "the end of the run is not in the store yet: {}",
            error()
        )),
        (messages, _) => Some(format!(
            "{messages} messages are not in the store yet: {}",
            error()
        )),
    }
}
