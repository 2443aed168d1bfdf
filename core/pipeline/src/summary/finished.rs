//! From a finished run to its summary.
//!
//! Called by replay and paper on their thread when all stages have ended. Looks only; nothing is computed here that an
//! output could depend on.

use super::{
    AlertSummary, BookSummary, DeniedExample, LatencyFigures, PnlSummary, ReplaySummary,
    RunFigures, SessionSummary, StateCause, StrategySummary, SyncSummary,
};
use crate::feed::Feed;
use crate::feed::steps::ClockSteps;
use crate::run::Finished;
use crate::strategy::{Handlers, hex};
use crate::topology::Topology;
use crate::words;
use claire_engine::floor::{Floor, Market, Phase, Seat};
use claire_engine::risk::LatchedState;
use claire_types::number::Decimal;
use claire_types::record::RecordHeader;
use claire_types::{Amount, InstrumentId, Side, StrategyId, TradingState, WallNs};
use std::collections::BTreeMap;

/// Best levels of each book in the summary.
const LEVELS_SHOWN: usize = 10;

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
    handlers: &[Handlers],
    mut figures: RunFigures,
) -> ReplaySummary {
    let feed = finished.feed.line().feed.counters();
    let floor = finished.engine.engine().floor();
    figures.elapsed_s = seconds(finished.elapsed_ns);
    figures.latency = latency_figures(&finished.latency);
    figures.segments_removed = finished.removed.segments;
    figures.segments_removed_bytes = finished.removed.bytes;
    if let Some(report) = &finished.reloads {
        figures.reload_lines.clone_from(&report.lines);
        figures.reload = (report.figures.n > 0).then_some(report.figures);
    }
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
        denied: named(&finished.summary.denied),
        denied_first: denied_first(finished),
        alerts: alerts(finished),
        alerts_count: finished.summary.alerts_count,
        rejected: count(&finished.summary.orders_ended, "rejected"),
        rejected_reasons: named(&finished.summary.rejected),
        pnl: pnl(floor),
        strategies: strategies(finished, handlers),
        state: floor.state().account().as_str().to_owned(),
        state_cause: state_cause(floor.state()),
        digest: finished.summary.digest.clone(),
        run: figures,
        ..ReplaySummary::default()
    };
    for market in floor.markets() {
        add_market(&mut summary, market);
    }
    summary
}

fn named(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    let counts = counts.iter();
    counts.map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

/// Adds a market's trades and its book.
fn add_market(summary: &mut ReplaySummary, market: &Market) {
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
    if !market.book.book().is_synced() {
        let reason = match market.book.book().stale_reason() {
            Some(reason) => reason.as_str(),
            None => "NO_SNAPSHOT",
        };
        summary.stale.insert(key.clone(), reason.to_owned());
    }
    summary.books.insert(key, book(market));
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
    let alerts = alerts.map(|(header, text)| AlertSummary {
        strategy: strategy_name(floor, header),
        instrument: instrument_name(floor, header),
        text: text.to_string(),
    });
    alerts.collect()
}

/// Returns the name of the record's strategy; empty without one.
fn strategy_name(floor: &Floor, header: &RecordHeader) -> String {
    let seat = floor.seats().get(header.strategy.index());
    seat.map_or_else(String::new, |seat| seat.name.clone())
}

/// Returns the record's instrument in words; empty without one.
fn instrument_name(floor: &Floor, header: &RecordHeader) -> String {
    let market = floor.market_of(header.instrument);
    market.map_or_else(String::new, |market| market.instrument.key.to_string())
}

/// Returns the first denial of each code in words.
fn denied_first<F>(finished: &Finished<F>) -> BTreeMap<String, DeniedExample> {
    let floor = finished.engine.engine().floor();
    let currency = floor.currency().to_string();
    let examples = finished.summary.denied_first.iter();
    let examples = examples.map(|(code, (header, decision))| {
        let market = floor.market_of(header.instrument);
        let facts = market.map(|market| &market.instrument);
        let example = DeniedExample {
            order: decision.order.to_string(),
            strategy: strategy_name(floor, header),
            instrument: instrument_name(floor, header),
            limit: decision.limit.to_string(),
            measured: decision.measured.to_string(),
            meaning: words::meaning(decision.code).to_owned(),
            example: words::measured(decision, facts, &currency),
        };
        ((*code).to_owned(), example)
    });
    examples.collect()
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

fn strategies<F>(finished: &Finished<F>, handlers: &[Handlers]) -> Vec<StrategySummary> {
    let engine = finished.engine.engine();
    let floor = engine.floor();
    let counted = handlers.iter().zip(floor.seats()).enumerate();
    counted
        .map(|(index, (handlers, seat))| StrategySummary {
            name: handlers.strategy.clone(),
            market: seat.key.to_string(),
            backend: handlers.backend().to_owned(),
            handlers_compiled: handlers.compiled.clone(),
            handlers_interpreted: handlers.interpreted.clone(),
            state: strategy_state(floor, index, seat).to_owned(),
            failures: seat.faults,
            last_error: (seat.faults > 0).then(|| seat.fault_last.to_string()),
            waits_for: engine.missing_market(index).map(|key| key.to_string()),
            signals: seat.tally.signals,
            orders: seat.tally.orders,
            fills: seat.tally.fills,
            denials: seat.tally.denials,
            version: seat.version.number,
            sha256: sha256_of(seat, &handlers.sha256),
            reloads: seat.reloads.reloads.into(),
            reloads_refused: seat.reloads.refused.into(),
            reloads_rolled_back: seat.reloads.rolled_back.into(),
            net: floor
                .net_of(seat)
                .map_or_else(String::new, |net| net.to_string()),
        })
        .collect()
}

/// Returns the hash of the text that runs, where `first` is that of the start.
fn sha256_of(seat: &Seat, first: &str) -> String {
    match seat.version.number {
        0 => first.to_owned(),
        _ => hex(&seat.version.sha256),
    }
}

/// Returns in a word whether the strategy trades at the end.
fn strategy_state(floor: &Floor, index: usize, seat: &Seat) -> &'static str {
    match seat.phase {
        _ if seat.primary == InstrumentId::NONE => return "waiting",
        Phase::Warming => return "warming",
        Phase::Failed => return "stopped",
        Phase::Broken => return "failed",
        _ => {}
    }
    let strategy = u16::try_from(index).ok().map(StrategyId);
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

pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Returns the topology's name.
pub const fn topology_name(topology: Topology) -> &'static str {
    match topology {
        Topology::Fused => "fused",
        Topology::Split => "split",
    }
}
