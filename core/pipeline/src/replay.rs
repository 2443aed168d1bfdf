//! `claire replay`: recorded frames through the live pipeline.
//!
//! Called by the command line on its thread, which waits for the end. Same stages, same engine, same
//! records as a live run; only the source differs.

mod check;

use crate::config::{Config, Selection};
use crate::engine::Journaling;
use crate::feed::Feed;
use crate::feed::replay::{FaultPlace, ReplayFeed, Speed, symbol_of_url, venue_of};
use crate::inputs;
use crate::reload::plan::Plan;
use crate::reload::resume::resume;
use crate::reload::tee::Overrun;
use crate::reload::{Reloading, untold};
use crate::run::{
    Assembly, Finished, Prepared, RecordPlan, RunError, header, load_all, prepare_loaded,
    reach_store, script_hashes, segment_plan,
};
use crate::source::{Entry, Recording};
use crate::strategy::{Loaded, hex};
use crate::summary::{
    ReplaySummary, RunFigures, SessionSummary, Traffic, seconds, summarize, topology_name,
};
use crate::topology::Topology;
use crate::tradable::{FirstLook, LOOK_FRAMES_MAX};
use crate::watch::Watch;
use crate::words::counted;
use check::{check_files, check_frames, check_passes, old_times};
use claire_engine::Engine;
use claire_engine::floor::{Phase, Seat};
use claire_sidecar::RunId;
use claire_types::{CellBuffer, InstrumentKey, Mode, Venue};
use claire_venue::MarketFeed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Epoch of every file run: its ids are the same each time.
pub(crate) const FILE_EPOCH: u32 = 1;
/// Lines of each file that are looked at to tell venue and instrument.
const DETECT_LINES_MAX: usize = 2_000;
/// Most markets that a warning names.
const MARKETS_NAMED: usize = 8;

/// What is to be replayed, and how.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// Recorded files: one session in order.
    pub files: Vec<PathBuf>,
    /// The venue, where it is not to be detected.
    pub venue: Option<Venue>,
    /// Strategies, their market and settings.
    pub selection: Selection,
    /// How fast.
    pub speed: Speed,
    /// How often the session is repeated, at least 1.
    pub passes: u32,
    /// Where it is written down.
    pub plan: RecordPlan,
    /// Where the stages run.
    pub topology: Topology,
}

/// A finished replay.
pub struct Replayed {
    /// What it came to.
    pub summary: ReplaySummary,
    /// The run.
    pub run_id: RunId,
    /// Hash of the configuration.
    pub config_hash: String,
    /// Hashes of the scripts by strategy.
    pub script_hashes: BTreeMap<String, String>,
    /// Hash over the files' hashes.
    pub data_hash: Option<String>,
    /// Lines that were no frames, in words.
    pub fault_texts: Vec<String>,
    /// Where the first line or frame is that could not be read.
    pub fault_first: Option<FaultPlace>,
    /// What the store lacks, in words.
    pub store_lag: Option<String>,
}

/// What a first look at the files told.
struct Detected {
    venues: Vec<Venue>,
    market: Option<InstrumentKey>,
}

/// Who looks on at a run from both sides: at what the engine calls, and at what comes out.
pub struct Onlooker<'a, W> {
    /// May stand around each strategy before the engine has it.
    pub around: &'a mut dyn FnMut(Loaded) -> Loaded,
    /// Sees the records.
    pub watch: W,
}

/// Replays recorded files.
///
/// # Errors
/// A [`RunError`]
pub fn replay(
    config: Config,
    request: &ReplayRequest,
    stop: Arc<AtomicBool>,
) -> Result<Replayed, RunError> {
    let nobody = Onlooker {
        around: &mut |loaded| loaded,
        watch: (),
    };
    let (replayed, ()) = replay_watched(config, request, stop, nobody)?;
    Ok(replayed)
}

/// Replays recorded files and lets somebody look on.
///
/// # Errors
/// As [`replay`].
pub fn replay_watched<W: Watch>(
    mut config: Config,
    request: &ReplayRequest,
    stop: Arc<AtomicBool>,
    onlooker: Onlooker<'_, W>,
) -> Result<(Replayed, W), RunError> {
    check_files(request)?;
    let mut recording = Recording::open(&request.files)?;
    check_passes(&recording, request.passes)?;
    if let Some(words) = old_times(&recording) {
        tracing::warn!("{words}");
    }
    reach_store(request.plan.store.as_deref())?;
    let detected = detect(request, &config, &mut recording)?;
    let mut selection = request.selection.clone();
    selection.market = selection.market.or(detected.market);
    config.select(&selection)?;
    let loaded = load_all(&config)?.into_iter().map(onlooker.around);
    let start = (FILE_EPOCH, None);
    let mut prepared = prepare_loaded(&config, Mode::Replay, start, loaded.collect())?;
    let reloading = reloading_of(&config, request, &mut prepared)?;
    look_first(&mut recording, &detected.venues, &config, &prepared)?;
    let mut header = header(&config, &prepared, Mode::Replay, &Value::Null);
    let plan = with_journal(request.plan.clone(), &config, header.run_id);
    if let Some(dir) = &plan.journal {
        header.body["inputs"] = inputs::names_of(&recording, &detected.venues, request.passes);
        header.host["files"] = inputs::places_of(&recording, dir);
    }
    let data_hash = data_hash(&header.body["inputs"]);
    let script_hashes = script_hashes(&prepared);
    let handlers = prepared.handlers;
    let unpack_ns = recording.unpack_ns();
    let venues = detected.venues.clone();
    let (journal, store) = plan.shown();
    let journaling = journaling_of(&plan, &config);
    let assembly = Assembly {
        config: &config,
        topology: request.topology,
        stop,
        plan,
        header,
        journaling,
        venue: first_venue(&detected.venues),
        disk: None,
        reloading,
    };
    let feed = |line| ReplayFeed::new(line, recording, venues, request.speed, request.passes);
    let (finished, watch) = assembly.run_watched(prepared.engine, feed, onlooker.watch)?;
    let figures = RunFigures {
        interrupted: finished.feed.is_interrupted(),
        unpack_s: seconds(unpack_ns),
        topology: topology_name(request.topology).to_owned(),
        journal,
        store,
        ..RunFigures::default()
    };
    let traffic = traffic_of(&finished.feed, &detected.venues);
    let replayed = Replayed {
        summary: summarize(&finished, traffic, &handlers, figures),
        run_id: finished.run_id,
        config_hash: config.hash(),
        script_hashes,
        data_hash,
        fault_texts: fault_texts(&finished),
        fault_first: finished.feed.counts().fault_first.clone(),
        store_lag: finished.store_lag,
    };
    Ok((replayed, watch))
}

/// Returns what of a replay stands in its journal beside its records: its inputs are files.
fn journaling_of(plan: &RecordPlan, config: &Config) -> Journaling {
    Journaling {
        inputs: false,
        segments: plan.journal.as_ref().map(|_| segment_plan(config)),
    }
}

/// Compares limits and scripts with the markets before the start; says at once what will never trade.
fn look_first(
    recording: &mut Recording,
    venues: &[Venue],
    config: &Config,
    prepared: &Prepared,
) -> Result<(), RunError> {
    let mut look = FirstLook::new(&config.instruments, prepared);
    for _ in 0..LOOK_FRAMES_MAX {
        if look.is_done() {
            break;
        }
        match recording.next() {
            Some(Entry::Line(line)) => {
                if let Some(venue) = venues.get(usize::from(line.file)) {
                    let symbol = line.url.and_then(symbol_of_url);
                    look.see(*venue, line.frame, line.recv, symbol);
                }
            }
            Some(_) => {}
            None => break,
        }
    }
    recording.rewind();
    for warning in look.judge(prepared)? {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Repeats what an unfinished journal says. Watches the script files where the recording passes in its own time: at
/// full speed it is over before anybody has saved, and nothing shall slow it down.
fn reloading_of(
    config: &Config,
    request: &ReplayRequest,
    prepared: &mut Prepared,
) -> Result<Reloading, RunError> {
    let repeated = match &request.plan.journal {
        Some(dir) => resume(dir, prepared)?,
        None => Plan::default(),
    };
    let reloading = Reloading::repeating(repeated).with_budget(config);
    Ok(match request.speed {
        Speed::Max => reloading,
        Speed::Times(_) => {
            let how = (Mode::Replay, Overrun::Wait);
            reloading.watching(config, prepared, how, untold())
        }
    })
}

/// Returns the venue that frames come from at first.
fn first_venue(venues: &[Venue]) -> Venue {
    venues.first().copied().unwrap_or(Venue::BinanceSpot)
}

/// Returns what could not be read, and which strategies failed, in words.
fn fault_texts(finished: &Finished<ReplayFeed>) -> Vec<String> {
    // A file that ends early is never one of those that are only counted.
    let damages = finished.feed.recording().damages();
    let mut texts: Vec<_> = damages.map(ToString::to_string).collect();
    for text in &finished.feed.counts().fault_texts {
        if !texts.contains(text) {
            texts.push(text.clone());
        }
    }
    let counted = finished.feed.line().feed.counters().errors + finished.feed.counts().faults;
    let more = counted.saturating_sub(texts.len() as u64);
    if more > 0 {
        texts.push(format!("{more} more frames or lines could not be read"));
    }
    texts.extend(troubles(finished));
    texts
}

/// Returns which strategies failed, and the alerts, in words.
pub(crate) fn troubles<F>(finished: &Finished<F>) -> Vec<String> {
    let engine = finished.engine.engine();
    let seats = engine.floor().seats().iter().enumerate();
    let alerts = finished.summary.alerts.iter();
    let alerts = alerts.map(|(_, text)| format!("alert: {text}"));
    seats
        .filter_map(|(index, seat)| trouble(engine, index, seat))
        .chain(alerts)
        .collect()
}

/// Returns which strategies never began, and why, in words.
pub(crate) fn idle<F>(finished: &Finished<F>) -> Vec<String> {
    let engine = finished.engine.engine();
    let seats = engine.floor().seats().iter().enumerate();
    seats
        .filter_map(|(index, seat)| idleness(engine, index, seat))
        .collect()
}

/// Returns what kept a strategy from trading, if something did.
fn trouble(engine: &Engine, index: usize, seat: &Seat) -> Option<String> {
    if let Some(text) = idleness(engine, index, seat) {
        return Some(text);
    }
    let (name, last) = (&seat.name, seat.fault_last);
    let end = match seat.phase {
        Phase::Broken => {
            return Some(format!(
                "strategy {name}: init failed, so it never ran: {last}"
            ));
        }
        Phase::Failed => "; it was stopped by this, and was not called any more",
        _ => "",
    };
    (seat.faults > 0).then(|| {
        let failures = counted(seat.faults, "call");
        format!("strategy {name}: {failures} failed, the last: {last}{end}")
    })
}

/// Returns why a strategy never began, where it did not: a market that never appeared, or a number that was never warm.
fn idleness(engine: &Engine, index: usize, seat: &Seat) -> Option<String> {
    let name = &seat.name;
    if let Some(missing) = engine.missing_market(index) {
        let all = engine.floor().markets();
        let markets = all.iter().take(MARKETS_NAMED);
        let names: Vec<_> = markets
            .map(|market| market.instrument.key.to_string())
            .collect();
        let more = match all.len() > MARKETS_NAMED {
            true => ", ...",
            false => "",
        };
        let which = match missing == seat.key {
            true => format!("its market {missing}"),
            false => format!("the market {missing}, which its `init` names,"),
        };
        return Some(format!(
            "strategy {name}: {which} never appeared, so it did nothing; these did: {}{more}",
            names.join(", ")
        ));
    }
    (seat.phase == Phase::Warming).then(|| not_begun(seat))
}

/// Says what a strategy that never began was waiting for.
fn not_begun(seat: &Seat) -> String {
    let name = &seat.name;
    let what = seat.waits_for();
    let (who, so) = match seat.version.number {
        0 => ("it".to_owned(), "it did nothing"),
        // A version before it may have traded.
        number => (format!("its version {number}"), "it was not called"),
    };
    format!(
        "strategy {name}: {who} waited until {what}; the run ended before that, so {so}; `warmup(n)` in init lets it begin earlier"
    )
}

/// A store is filled from a journal: without a folder for it, it gets one of its own.
fn with_journal(plan: RecordPlan, config: &Config, run_id: RunId) -> RecordPlan {
    let journal = match (&plan.journal, &plan.store) {
        (None, Some(_)) => Some(config.journal_dir().join(run_id.to_string())),
        (journal, _) => journal.clone(),
    };
    RecordPlan { journal, ..plan }
}

/// Looks at the first lines of each file for its venue, and for the first instrument.
fn detect(
    request: &ReplayRequest,
    config: &Config,
    recording: &mut Recording,
) -> Result<Detected, RunError> {
    let frameless = check_frames(request, recording)?;
    let files = (0..=u16::MAX).take(request.files.len());
    let venue = |file| request.venue.or_else(|| venue_of_file(recording, file));
    let found: Vec<_> = files.map(venue).collect();
    let known = found.iter().copied().flatten().next();
    let venues: Option<Vec<_>> = found.iter().map(|venue| venue.or(known)).collect();
    let Some(venues) = venues else {
        if frameless.len() == request.files.len() {
            return Err(RunError::Usage(frameless.join("\n")));
        }
        return Err(RunError::Usage(format!(
            "{}: cannot tell the venue from its frames; name it with --venue",
            request
                .files
                .iter()
                .map(|file| file.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        )));
    };
    let market = first_market(recording, &venues, config);
    Ok(Detected { venues, market })
}

fn venue_of_file(recording: &Recording, file: u16) -> Option<Venue> {
    let mut found = None;
    recording.look(file, DETECT_LINES_MAX, |line| {
        found = venue_of(line.url, line.frame);
        found.is_some()
    });
    found
}

/// Returns the first instrument of the session: the market of scripts that name none.
fn first_market(
    recording: &mut Recording,
    venues: &[Venue],
    config: &Config,
) -> Option<InstrumentKey> {
    let mut feed = MarketFeed::new(first_venue(venues), &config.instruments);
    let mut out = CellBuffer::default();
    let mut market = None;
    for _ in 0..DETECT_LINES_MAX {
        match recording.next() {
            Some(Entry::Line(line)) => {
                if let Some(venue) = venues.get(usize::from(line.file)) {
                    feed.select(*venue);
                }
                feed.on_frame(line.frame, line.recv, &mut out);
                out.clear();
            }
            Some(_) => {}
            None => break,
        }
        market = feed.catalog().instruments().first().map(|first| first.key);
        if market.is_some() {
            break;
        }
    }
    recording.rewind();
    market
}

fn data_hash(inputs: &Value) -> Option<String> {
    use sha2::{Digest, Sha256};
    let files = inputs.get("files")?.as_array()?;
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.get("sha256")?.as_str()?);
    }
    Some(hex(&hash.finalize()))
}

fn traffic_of(feed: &ReplayFeed, venues: &[Venue]) -> Traffic {
    let counts = feed.counts();
    Traffic {
        sessions: sessions(feed, venues),
        received: counts.first_recv.zip(counts.last_recv),
        faults: counts.faults,
        clock: counts.clock.clone(),
    }
}

fn sessions(feed: &ReplayFeed, venues: &[Venue]) -> Vec<SessionSummary> {
    let files = feed
        .recording()
        .files()
        .iter()
        .zip(venues)
        .zip(&feed.counts().frames);
    files
        .map(|((file, venue), frames)| SessionSummary {
            files: vec![
                file.path()
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ],
            venue: venue.to_string(),
            frames: *frames,
        })
        .collect()
}
