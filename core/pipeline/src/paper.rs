//! `claire paper`: the bundled market at real speed through the live pipeline, with simulated fills.
//!
//! Called by the command line on a thread that waits for the end. Same stages, engine and records as a
//! replay; the source is the market's generator, every input is journaled, and the trading state outlives
//! the process: the epoch is on the disk before the first order.

use crate::clock::Clock;
use crate::config::section::Speed;
use crate::config::{Config, ConfigFault, ConfigFaults, Selection};
use crate::disk::{DiskAlarm, DiskWatch, FreeSpace};
use crate::duration;
use crate::engine::Journaling;
use crate::feed::Feed;
use crate::feed::paper::{Pace, PaperFeed};
use crate::feed::steps::ClockSteps;
use crate::reload::Reloading;
use crate::reload::tee::Overrun;
use crate::replay::idle;
use crate::run::{
    Assembly, Prepared, RecordPlan, RunError, header, prepare, reach_store, script_hashes,
    segment_plan,
};
use crate::state::{Found, State, StateStore, Traces};
use crate::status::StatusCell;
use crate::status::board::{Board, BoardStart};
use crate::status::keeper::Keeper;
use crate::summary::{
    ReplaySummary, RunFigures, SessionSummary, Traffic, summarize, topology_name,
};
use crate::topology::Topology;
use crate::tradable::{FirstLook, LOOK_FRAMES_MAX};
use claire_engine::risk::LatchedState;
use claire_engine::risk::state::Cause;
use claire_sidecar::{JournalReader, RunId};
use claire_sim::{FrameKind, Listing, Market, MarketConfig};
use claire_types::{
    Amount, DurationNs, GateCode, InstrumentKey, Mode, StrategyId, TradingState, Venue, VenueNs,
    WallNs,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct PaperRequest {
    /// Strategies, their market and settings.
    pub selection: Selection,
    /// What passes of the market's time until the end; `None` goes on until it is stopped.
    pub span: Option<Duration>,
    /// The journal's own folder; `None` makes one of the run's name in the folder of journals.
    pub journal: Option<PathBuf>,
    /// Where the stages run.
    pub topology: Topology,
    /// Who starts it, for the audit log.
    pub who: String,
    /// Reads how much room the journal's disk has.
    pub free_space: FreeSpace,
}

/// A finished paper run.
pub struct Papered {
    /// What it came to.
    pub summary: ReplaySummary,
    /// The run.
    pub run_id: RunId,
    /// Hash of the configuration.
    pub config_hash: String,
    /// Hashes of the scripts by strategy.
    pub script_hashes: BTreeMap<String, String>,
    /// Which strategies never began, and why, in words.
    pub idle_texts: Vec<String>,
    /// What the store lacks, in words.
    pub store_lag: Option<String>,
    /// The state as it is on the disk.
    pub state: State,
}

/// Start of a run whose time is the market's own: equal seeds give equal runs.
pub(crate) const START_OF_MAX: WallNs = WallNs(claire_sim::recording::RECORDING_START.0);

/// What passes between the start and the market's first frame: it needs some time to be in full swing.
const START_DELAY: DurationNs = DurationNs::from_ms(500);

/// Runs the bundled market until its span is over or it is stopped.
///
/// # Errors
/// A [`RunError`]; without a trading state on the disk nothing runs.
pub fn paper(
    mut config: Config,
    request: &PaperRequest,
    shown: &Arc<StatusCell>,
    stop: Arc<AtomicBool>,
) -> Result<Papered, RunError> {
    let clock = Clock::start();
    select(&mut config, &request.selection)?;
    let pace = pace_of(&config, request, &clock);
    let market = market_of(&config, pace.start)?;
    let mut state = open_state(&config, request, &clock, shown)?;
    let latched = latched(state.state(), config.strategies.len());
    let prepared = prepare(&config, Mode::Paper, state.epoch_next(), Some(latched))?;
    for warning in look_first(&config, pace.start, &prepared)? {
        tracing::warn!("{warning}");
        shown.note(warning);
    }
    let header = header(&config, &prepared, Mode::Paper, &inputs_of(&config));
    let plan = plan_of(&config, request, header.run_id)?;
    // Of a start that nothing refuses any more, and on the disk before its first order.
    state.next_epoch(&request.who, clock.wall())?;
    let (journal, store) = plan.shown();
    let figures = RunFigures {
        topology: topology_name(request.topology).to_owned(),
        journal,
        store,
        ..RunFigures::default()
    };
    let reloading = reloading_of(&config, &prepared, shown);
    let script_hashes = script_hashes(&prepared);
    let handlers = prepared.handlers;
    let start = BoardStart {
        account: &prepared.engine_config.account,
        strategies: &config.strategies,
        state: state.state(),
    };
    let (disk, alarm) = disk_of(&config, request, &plan);
    let board = Board::new(&start, Arc::clone(shown));
    let keeper = Keeper::new(state, board, Arc::clone(&stop));
    let assembly = Assembly {
        config: &config,
        topology: request.topology,
        stop,
        plan,
        header,
        journaling: Journaling {
            inputs: true,
            segments: Some(segment_plan(&config)),
        },
        venue: Venue::Sim,
        disk,
        reloading,
    };
    let gauge = shown.gauge();
    let feed = |line| PaperFeed::new(line, market, pace, gauge, alarm);
    let (finished, keeper) = assembly.run_watched(prepared.engine, feed, keeper)?;
    let state = keeper.finish()?;
    let traffic = traffic_of(&finished.feed, &config);
    Ok(Papered {
        summary: summarize(&finished, traffic, &handlers, figures),
        run_id: finished.run_id,
        config_hash: config.hash(),
        script_hashes,
        idle_texts: idle(&finished),
        store_lag: finished.store_lag,
        state,
    })
}

/// Chooses the strategies: those named, those configured, else the bundled market's own.
fn select(config: &mut Config, selection: &Selection) -> Result<(), ConfigFaults> {
    config.strategies_of_paper()?;
    select_listed(config, selection)
}

/// Chooses strategies for the bundled market; its first symbol is the market of scripts that name none.
pub(crate) fn select_listed(
    config: &mut Config,
    selection: &Selection,
) -> Result<(), ConfigFaults> {
    let mut selection = selection.clone();
    let first = config.paper.symbols.keys().first().copied();
    selection.market = selection.market.or(first);
    config.select(&selection)?;
    are_listed(config)
}

/// Refuses a strategy whose market is not on the bundled market.
fn are_listed(config: &Config) -> Result<(), ConfigFaults> {
    let listed = config.paper.symbols.keys();
    let strangers = config.strategies.iter().enumerate();
    let strangers = strangers.filter(|(_, strategy)| !listed.contains(&strategy.market));
    let faults: Vec<_> = strangers
        .map(|(index, strategy)| {
            let known: Vec<_> = listed.iter().map(ToString::to_string).collect();
            let what = format!(
                "strategy {}: `{}` is not on the bundled market; listed in paper.symbols: {}",
                strategy.name,
                strategy.market,
                known.join(", ")
            );
            config.fault(&format!("strategy[{index}].market"), what)
        })
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(ConfigFaults(faults)),
    }
}

/// Returns what a paper run of this configuration would refuse at its start, beyond what every run does. A configuration
/// without a mode, whose strategies trade elsewhere, is for replays: of that, only `[paper]` is looked at.
pub(crate) fn check(config: &Config) -> Vec<ConfigFault> {
    let look = || -> Result<(), RunError> {
        market_of(config, START_OF_MAX)?;
        let mut markets = config.strategies.iter().map(|strategy| strategy.market);
        let is_for_paper = match config.mode {
            Some(mode) => mode == Mode::Paper,
            None => markets.all(|market| market.venue == Venue::Sim),
        };
        if !is_for_paper {
            return Ok(());
        }
        let mut config = config.clone();
        select(&mut config, &Selection::default())?;
        let prepared = prepare(&config, Mode::Paper, 1, None)?;
        look_first(&config, START_OF_MAX, &prepared).map(drop)
    };
    match look() {
        Ok(()) => Vec::new(),
        Err(RunError::Config(faults)) => faults.0,
        // Scripts are looked at for every mode.
        Err(RunError::Script(_)) => Vec::new(),
        Err(error) => vec![config.fault("account.equity", format!("in paper, {error}"))],
    }
}

fn pace_of(config: &Config, request: &PaperRequest, clock: &Clock) -> Pace {
    Pace {
        speed: config.paper.speed,
        start: match config.paper.speed {
            Speed::Max => START_OF_MAX,
            Speed::Times(_) => clock.wall().after(START_DELAY),
        },
        span: request.span.map(duration::in_ns),
    }
}

/// Returns the market of the configured symbols, about to open.
pub(crate) fn market_of(config: &Config, start: WallNs) -> Result<Market, RunError> {
    let standard = Listing::standard();
    let find = |key: &InstrumentKey| {
        let listing = standard.iter().find(|listing| listing.symbol == key.symbol);
        listing.cloned().ok_or_else(|| {
            let known: Vec<_> = standard
                .iter()
                .map(|listing| format!("sim:{}", listing.symbol))
                .collect();
            let what = format!("`{key}` is not listed; allowed: {}", known.join(", "));
            config.fault("paper.symbols", what)
        })
    };
    let instruments: Result<Vec<_>, _> = config.paper.symbols.keys().iter().map(find).collect();
    let market = Market::new(MarketConfig {
        seed: config.paper.seed,
        start: VenueNs(start.0),
        instruments: instruments.map_err(ConfigFaults::from)?,
    });
    market.map_err(|fault| RunError::Usage(fault.to_string()))
}

/// Compares limits and scripts with the market before the start, on a market of its own that runs ahead, and returns
/// what a user should know.
pub(crate) fn look_first(
    config: &Config,
    start: WallNs,
    prepared: &Prepared,
) -> Result<Vec<String>, RunError> {
    let mut market = market_of(config, start)?;
    let mut look = FirstLook::new(&config.instruments, prepared);
    for _ in 0..LOOK_FRAMES_MAX {
        if look.is_done() {
            break;
        }
        let frame = market.next();
        let symbol = match &frame.kind {
            FrameKind::Snapshot { symbol } => Some(symbol.as_str()),
            _ => None,
        };
        look.see(Venue::Sim, frame.text, start, symbol);
    }
    look.judge(prepared)
}

/// Opens the trading state, sees that the store is there, and says what is wrong with the state.
fn open_state(
    config: &Config,
    request: &PaperRequest,
    clock: &Clock,
    shown: &StatusCell,
) -> Result<StateStore, RunError> {
    let look = || Traces::find(config);
    let opened = StateStore::open(&config.data_dir, look, &request.who, clock.wall());
    let (store, found) = opened?;
    // In the data directory that the state has made.
    reach_store(config.store_url().as_deref())?;
    let state = store.state();
    let warning = match (&found, &state.cause) {
        (Found::Unreadable(message), _) => message.clone(),
        (_, Some(cause)) => format!(
            "{}: {} since {}: {} {}; lift it with `claire init --lift REASON`",
            config.data_dir.join("state.json").display(),
            state.trading_state,
            cause.at,
            cause.code,
            cause.measured
        ),
        (_, None) => return Ok(store),
    };
    tracing::warn!("{warning}");
    shown.note(warning);
    Ok(store)
}

/// Returns the state as the engine starts with it.
fn latched(state: &State, strategies: usize) -> LatchedState {
    let mut latched = LatchedState::new(strategies);
    let of_state = |state: &State| match state.trading_state {
        TradingState::Killed => GateCode::KillSwitch,
        _ => GateCode::Operator,
    };
    if state.trading_state > TradingState::Active {
        let named = state
            .cause
            .as_ref()
            .and_then(|cause| cause.code.parse().ok());
        let cause = Cause {
            code: named.unwrap_or_else(|| of_state(state)),
            state: state.trading_state,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            time: WallNs(state.cause.as_ref().map_or(0, |cause| cause.at_ns)),
        };
        // The account is always known.
        let _ = latched.tighten(StrategyId::NONE, cause);
    }
    latched
}

/// Returns what the journal says about its inputs: they stand in it, and the market makes them again.
fn inputs_of(config: &Config) -> serde_json::Value {
    json!({ "market": {
        "seed": config.paper.seed,
        "symbols": config.paper.symbols.keys(),
        "speed": config.paper.speed.to_string(),
    }})
}

/// Returns where the run is written down: a paper run always has a journal, and its own.
fn plan_of(config: &Config, request: &PaperRequest, run_id: RunId) -> Result<RecordPlan, RunError> {
    let own = || config.journal_dir().join(run_id.to_string());
    let journal = request.journal.clone().unwrap_or_else(own);
    if JournalReader::open(&journal).is_ok() {
        let dir = journal.display();
        let what = format!("{dir}: holds the journal of an earlier run; name another folder");
        return Err(RunError::Usage(what));
    }
    Ok(RecordPlan {
        journal: Some(journal),
        store: config.store_url(),
    })
}

/// Returns who looks at the journal's disk, and the feed's end of what is found.
fn disk_of(
    config: &Config,
    request: &PaperRequest,
    plan: &RecordPlan,
) -> (Option<DiskWatch>, DiskAlarm) {
    let Some(journal) = &plan.journal else {
        return (None, DiskAlarm::default());
    };
    let free = request.free_space.clone();
    let (watch, alarm) = DiskWatch::new(journal, &config.journal, free);
    (Some(watch), alarm)
}

/// Watches the script files: made markets at full speed wait for that, the clock's do not.
fn reloading_of(config: &Config, prepared: &Prepared, shown: &Arc<StatusCell>) -> Reloading {
    let overrun = match config.paper.speed {
        Speed::Max => Overrun::Wait,
        Speed::Times(_) => Overrun::BeginAnew,
    };
    let shown = Arc::clone(shown);
    let tell = Arc::new(move |text: String| {
        let first = text.lines().next().unwrap_or_default();
        shown.note(first.to_owned());
    });
    let how = (Mode::Paper, overrun);
    Reloading::default()
        .with_budget(config)
        .watching(config, prepared, how, tell)
}

/// Returns what came from the bundled market.
pub(crate) fn traffic_of(feed: &PaperFeed, config: &Config) -> Traffic {
    Traffic {
        sessions: vec![SessionSummary {
            files: vec![format!("bundled market, seed {}", config.paper.seed)],
            venue: Venue::Sim.to_string(),
            frames: feed.line().feed.counters().frames,
        }],
        received: feed.received(),
        faults: 0,
        // Its frames are stamped with engine time itself.
        clock: ClockSteps::default(),
    }
}
