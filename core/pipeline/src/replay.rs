//! `claire replay`: recorded frames through the live pipeline.
//!
//! Called by the command line on its thread, which waits for the end. Same stages, same engine, same
//! records as a live run; only the source differs.

mod check;

use crate::config::{Config, Selection};
use crate::engine::Journaling;
use crate::feed::Feed;
use crate::feed::replay::{ReplayFeed, Speed, symbol_of_url, venue_of};
use crate::feed::steps::ClockSteps;
use crate::inputs;
use crate::run::{
    Assembly, Finished, Prepared, RecordPlan, RunError, header, prepare, segment_plan,
};
use crate::source::{Entry, Recording};
use crate::strategy::hex;
use crate::summary::{
    AlertSummary, BookSummary, DeniedExample, LatencyFigures, PnlSummary, ReplaySummary,
    RunFigures, SessionSummary, StateCause, StrategySummary, SyncSummary,
};
use crate::topology::Topology;
use crate::tradable::{FirstLook, LOOK_FRAMES_MAX};
use crate::words;
use check::{check_files, check_frames, check_passes};
use claire_engine::floor::{Floor, Market, Phase, Seat};
use claire_engine::risk::LatchedState;
use claire_sidecar::{RunId, Store};
use claire_types::number::Decimal;
use claire_types::{
    Amount, CellBuffer, InstrumentId, InstrumentKey, Mode, Side, StrategyId, TradingState, Venue,
    WallNs,
};
use claire_venue::MarketFeed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Epoch of every file run: its ids are the same each time.
const FILE_EPOCH: u32 = 1;
/// Lines of each file that are looked at to tell venue and instrument.
const DETECT_LINES_MAX: usize = 2_000;
/// Most markets that a warning names.
const MARKETS_NAMED: usize = 8;
/// Best levels of each book in the summary.
const LEVELS_SHOWN: usize = 10;

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
    /// What the store lacks, in words.
    pub store_lag: Option<String>,
}

/// What a first look at the files told.
struct Detected {
    venues: Vec<Venue>,
    market: Option<InstrumentKey>,
}

/// Replays recorded files.
///
/// # Errors
/// A [`RunError`]
pub fn replay(
    mut config: Config,
    request: &ReplayRequest,
    stop: Arc<AtomicBool>,
) -> Result<Replayed, RunError> {
    check_files(request)?;
    let mut recording = Recording::open(&request.files)?;
    check_passes(&recording, request.passes)?;
    if let Some(url) = &request.plan.store {
        // One that cannot be opened now is a mistake; one that goes away later is waited for.
        drop(Store::open(url)?);
    }
    let detected = detect(request, &config, &mut recording)?;
    let mut selection = request.selection.clone();
    selection.market = selection.market.or(detected.market);
    config.select(&selection)?;
    let prepared = prepare(&config, Mode::Replay, FILE_EPOCH, None)?;
    look_first(&mut recording, &detected.venues, &config, &prepared)?;
    let mut header = header(&config, &prepared, Mode::Replay, &Value::Null);
    let plan = with_journal(request.plan.clone(), &config, header.run_id);
    if let Some(dir) = &plan.journal {
        header.body["inputs"] = inputs::names_of(&recording, &detected.venues, request.passes);
        header.host["files"] = inputs::places_of(&recording, dir);
    }
    let data_hash = data_hash(&header.body["inputs"]);
    let (names, script_hashes) = (strategy_names(&prepared), script_hashes(&prepared));
    let unpack_ns = recording.unpack_ns();
    let venues = detected.venues.clone();
    let journal_dir = plan.journal.clone();
    let journaling = Journaling {
        inputs: false,
        segments: plan.journal.as_ref().map(|_| segment_plan(&config)),
    };
    let assembly = Assembly {
        config: &config,
        topology: request.topology,
        stop,
        plan,
        header,
        journaling,
        venue: first_venue(&detected.venues),
        disk: None,
    };
    let finished = assembly.run(prepared.engine, |line| {
        ReplayFeed::new(line, recording, venues, request.speed, request.passes)
    })?;
    let figures = RunFigures {
        interrupted: finished.feed.is_interrupted(),
        unpack_s: seconds(unpack_ns),
        topology: topology_name(request.topology).to_owned(),
        journal: journal_dir.map(|dir| dir.display().to_string()),
        ..RunFigures::default()
    };
    let counts = finished.feed.counts();
    let traffic = Traffic {
        sessions: sessions(&finished.feed, &detected.venues),
        received: counts.first_recv.zip(counts.last_recv),
        faults: counts.faults,
        clock: counts.clock.clone(),
    };
    Ok(Replayed {
        summary: summarize(&finished, traffic, &names, figures),
        run_id: finished.run_id,
        config_hash: config.hash(),
        script_hashes,
        data_hash,
        fault_texts: fault_texts(&finished),
        store_lag: finished.store_lag,
    })
}

/// Compares limits and scripts with the markets before the start; says at once what will never trade.
fn look_first(
    recording: &mut Recording,
    venues: &[Venue],
    config: &Config,
    prepared: &Prepared,
) -> Result<(), RunError> {
    let mut look = FirstLook::new(&config.instruments, &prepared.engine_config);
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

fn script_hashes(prepared: &Prepared) -> BTreeMap<String, String> {
    let scripts = prepared.scripts.iter();
    let named = scripts.map(|script| (script.strategy.clone(), script.sha256.clone()));
    named.collect()
}

/// Returns the venue that frames come from at first.
fn first_venue(venues: &[Venue]) -> Venue {
    venues.first().copied().unwrap_or(Venue::BinanceSpot)
}

fn strategy_names(prepared: &Prepared) -> Vec<String> {
    let scripts = prepared.scripts.iter();
    scripts.map(|script| script.strategy.clone()).collect()
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
    let floor = finished.engine.engine().floor();
    texts.extend(floor.seats().iter().filter_map(|seat| trouble(seat, floor)));
    let alerts = finished.summary.alerts.iter();
    texts.extend(alerts.map(|(_, text)| format!("alert: {text}")));
    texts
}

/// Returns what kept a strategy from trading, if something did.
fn trouble(seat: &Seat, floor: &Floor) -> Option<String> {
    let name = &seat.name;
    if seat.primary == InstrumentId::NONE {
        let markets = floor.markets().iter().take(MARKETS_NAMED);
        let names: Vec<_> = markets
            .map(|market| market.instrument.key.to_string())
            .collect();
        let more = match floor.markets().len() > MARKETS_NAMED {
            true => ", ...",
            false => "",
        };
        return Some(format!(
            "strategy {name}: its market {} never appeared, so it did nothing; these did: {}{more}",
            seat.key,
            names.join(", ")
        ));
    }
    let last = seat.fault_last;
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
        let failures = seat.faults;
        format!("strategy {name}: {failures} calls failed, the last: {last}{end}")
    })
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

/// Where a run's frames came from, and when.
pub(crate) struct Traffic {
    /// Its sessions.
    pub sessions: Vec<SessionSummary>,
    /// Receive times of the first and the last frame.
    pub received: Option<(WallNs, WallNs)>,
    /// What was no frame at all.
    pub faults: u64,
    /// Steps of the clock that stamped them.
    pub clock: ClockSteps,
}

/// Returns what a finished run came to.
pub(crate) fn summarize<F: Feed>(
    finished: &Finished<F>,
    traffic: Traffic,
    names: &[String],
    mut figures: RunFigures,
) -> ReplaySummary {
    let feed = finished.feed.line().feed.counters();
    let floor = finished.engine.engine().floor();
    figures.elapsed_s = seconds(finished.elapsed_ns);
    figures.latency = latency_figures(&finished.latency);
    figures.segments_removed = finished.removed.segments;
    figures.segments_removed_bytes = finished.removed.bytes;
    figures.latency_is = finished.feed.line().latency_is().to_owned();
    let (first, last) = traffic.received.unzip();
    let mut summary = ReplaySummary {
        sessions: traffic.sessions,
        frames: feed.frames,
        events: feed.events,
        errors: feed.errors + traffic.faults,
        gaps: feed.sync.gaps,
        clock_steps: traffic.clock.count,
        clock_steps_first: traffic.clock.texts,
        sync: SyncSummary {
            duplicates: feed.sync.duplicates,
            superseded: feed.sync.superseded,
            stale_snapshots: feed.sync.stale_snapshots,
            buffer_overruns: feed.sync.buffer_overruns,
        },
        first_recv_ns: first.map(|time| time.0),
        first_recv: first.map(|time| time.to_string()),
        last_recv_ns: last.map(|time| time.0),
        last_recv: last.map(|time| time.to_string()),
        signals: count(&finished.summary.counts, "signal"),
        orders: count(&finished.summary.counts, "order"),
        fills: finished.summary.fills(),
        denied: finished
            .summary
            .denied
            .iter()
            .map(|(code, n)| ((*code).to_owned(), *n))
            .collect(),
        denied_first: denied_first(finished),
        alerts: alerts(finished),
        alerts_count: finished.summary.alerts_count,
        rejected: count(&finished.summary.orders_ended, "rejected"),
        pnl: pnl(floor),
        strategies: strategies(finished, names),
        state: floor.state().account().as_str().to_owned(),
        state_cause: state_cause(floor.state()),
        digest: finished.summary.digest.clone(),
        run: figures,
        ..ReplaySummary::default()
    };
    for market in floor.markets() {
        let key = market.instrument.key.to_string();
        let scale = market.instrument.scale;
        summary.trades += market.stats.trades;
        let digits = scale.qty_digits;
        if market.stats.trades > 0 {
            let qty = Decimal {
                value: market.stats.trade_qty,
                digits,
            };
            let notional = Decimal {
                value: market.stats.trade_notional,
                digits: scale.price_digits + digits,
            };
            summary.trade_qty.insert(key.clone(), qty.to_string());
            summary
                .trade_notional
                .insert(key.clone(), notional.to_string());
        }
        summary.books.insert(key, book(market));
    }
    summary
}

/// Returns the first cause of the account's state.
fn state_cause(state: &LatchedState) -> Option<StateCause> {
    let mut causes = state.causes(StrategyId::NONE).iter();
    let cause = causes.find(|cause| cause.state == state.account())?;
    let has_numbers = cause.limit != Amount::ZERO || cause.measured != Amount::ZERO;
    let number = |number: Amount| has_numbers.then(|| number.to_string());
    Some(StateCause {
        code: cause.code.as_str().to_owned(),
        meaning: words::meaning(cause.code).to_owned(),
        measured: number(cause.measured),
        limit: number(cause.limit),
        at_ns: cause.time.0,
        at: cause.time.to_string(),
    })
}

fn alerts<F>(finished: &Finished<F>) -> Vec<AlertSummary> {
    let floor = finished.engine.engine().floor();
    let alerts = finished.summary.alerts.iter();
    let alerts = alerts.map(|(header, text)| {
        let seat = floor.seats().get(header.strategy.index());
        let market = floor.market_of(header.instrument);
        AlertSummary {
            strategy: seat.map_or_else(String::new, |seat| seat.name.clone()),
            instrument: market.map_or_else(String::new, |it| it.instrument.key.to_string()),
            text: text.to_string(),
        }
    });
    alerts.collect()
}

/// Returns the first denial of each code in words.
fn denied_first<F>(finished: &Finished<F>) -> BTreeMap<String, DeniedExample> {
    let floor = finished.engine.engine().floor();
    let currency = floor.currency().to_string();
    let examples = finished.summary.denied_first.iter();
    let examples = examples.map(|(code, (header, decision))| {
        let mut markets = floor.markets().iter().map(|market| &market.instrument);
        let facts = markets.find(|facts| facts.id == header.instrument);
        let seat = floor.seats().get(header.strategy.index());
        let example = DeniedExample {
            order: decision.order.to_string(),
            strategy: seat.map_or_else(String::new, |seat| seat.name.clone()),
            instrument: facts.map_or_else(String::new, |facts| facts.key.to_string()),
            limit: decision.limit.to_string(),
            measured: decision.measured.to_string(),
            meaning: words::meaning(decision.code).to_owned(),
            example: words::measured(decision, facts, &currency),
        };
        ((*code).to_owned(), example)
    });
    examples.collect()
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

fn book(market: &Market) -> BookSummary {
    let (book, scale) = (market.book.book(), market.instrument.scale);
    let levels = |side| {
        let best = book.levels(side).take(LEVELS_SHOWN);
        best.map(|level| {
            [
                level.price.decimal(scale.price_digits).to_string(),
                level.qty.decimal(scale.qty_digits).to_string(),
            ]
        })
        .collect()
    };
    let total = |side| {
        Decimal {
            value: book.total_qty(side),
            digits: scale.qty_digits,
        }
        .to_string()
    };
    BookSummary {
        synced: book.is_synced(),
        stale_reason: (!book.is_synced()).then(|| match book.stale_reason() {
            Some(reason) => reason.as_str().to_owned(),
            None => "NO_SNAPSHOT".to_owned(),
        }),
        last_update_id: book.last_id(),
        bid_levels: book.count(Side::Buy) as u64,
        ask_levels: book.count(Side::Sell) as u64,
        bids: levels(Side::Buy),
        asks: levels(Side::Sell),
        bid_qty: total(Side::Buy),
        ask_qty: total(Side::Sell),
    }
}

/// Returns the money at the end; what has no value because a price is missing is empty text.
pub(crate) fn pnl(floor: &Floor) -> PnlSummary {
    let record = floor.portfolio().clone().record();
    let text =
        |amount: Option<Amount>| amount.map_or_else(String::new, |amount| amount.to_string());
    let net = record.and_then(|sums| {
        sums.realized
            .checked_add(sums.unrealized)?
            .checked_sub(sums.fees)
    });
    PnlSummary {
        currency: floor.currency().to_string(),
        realized: text(record.map(|sums| sums.realized)),
        unrealized: text(record.map(|sums| sums.unrealized)),
        fees: text(record.map(|sums| sums.fees)),
        net: text(net),
        equity: text(record.map(|sums| sums.equity)),
    }
}

fn strategies<F>(finished: &Finished<F>, names: &[String]) -> Vec<StrategySummary> {
    let floor = finished.engine.engine().floor();
    let counted = names.iter().zip(floor.seats());
    counted
        .map(|(name, seat)| StrategySummary {
            name: name.clone(),
            market: seat.key.to_string(),
            backend: "interpreted".to_owned(),
            state: strategy_state(floor, seat).to_owned(),
            failures: seat.faults,
            last_error: (seat.faults > 0).then(|| seat.fault_last.to_string()),
            signals: seat.tally.signals,
            orders: seat.tally.orders,
            fills: seat.tally.fills,
            denials: seat.tally.denials,
            net: finished
                .engine
                .engine()
                .floor()
                .net_of(seat)
                .map_or_else(String::new, |net| net.to_string()),
        })
        .collect()
}

/// Returns in a word whether the strategy trades at the end.
fn strategy_state(floor: &Floor, seat: &Seat) -> &'static str {
    match seat.phase {
        _ if seat.primary == InstrumentId::NONE => return "waiting",
        Phase::Failed => return "stopped",
        Phase::Broken => return "failed",
        _ => {}
    }
    let mut seats = floor.seats().iter();
    let index = seats.position(|other| other.name == seat.name);
    let strategy = index
        .and_then(|index| u16::try_from(index).ok())
        .map(StrategyId);
    match strategy.and_then(|strategy| floor.state().strategy(strategy)) {
        Some(TradingState::Active) => "active",
        Some(TradingState::Reducing) => "reducing",
        Some(TradingState::Killed) => "killed",
        Some(TradingState::Halted) | None => "paused",
    }
}

fn latency_figures(latency: &crate::latency::LatencySet) -> BTreeMap<String, LatencyFigures> {
    let spans = latency.summaries().map(|(span, figures)| {
        let figures = LatencyFigures {
            n: figures.samples,
            p50_ns: figures.p50_ns,
            p90_ns: figures.p90_ns,
            p99_ns: figures.p99_ns,
            p999_ns: figures.p999_ns,
            max_ns: figures.max_ns.unwrap_or_default(),
        };
        (span.as_str().to_owned(), figures)
    });
    spans.collect()
}

fn count(counts: &BTreeMap<&'static str, u64>, name: &str) -> u64 {
    counts.get(name).copied().unwrap_or_default()
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Returns the topology's name.
pub const fn topology_name(topology: Topology) -> &'static str {
    match topology {
        Topology::Fused => "fused",
        Topology::Split => "split",
    }
}
