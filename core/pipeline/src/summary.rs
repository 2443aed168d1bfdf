//! What a finished replay says: the fields of its JSON, and the text for people.
//!
//! Filled by replay from the engine's records, printed by the command line. All decimals are finished
//! texts without exponent or trailing zeros. Everything that differs between two equal runs is under
//! [`RunFigures`].

mod finished;
mod text;

pub use finished::topology_name;
pub(crate) use finished::{Traffic, seconds, summarize};
pub use text::span;

use crate::reload::ReloadFigures;
use serde::Serialize;
use std::collections::BTreeMap;

/// A finished replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReplaySummary {
    /// Sessions: files, and what venue and stream they were.
    pub sessions: Vec<SessionSummary>,
    /// Frames read.
    pub frames: u64,
    /// Market events made of them.
    pub events: u64,
    /// Frames or lines that could not be read.
    pub errors: u64,
    /// Sequence gaps.
    pub gaps: u64,
    /// Steps of the recorded clock: back by anything, or ahead by more than an hour.
    pub clock_steps: u64,
    /// The first of them in words, with file and line.
    pub clock_steps_first: Vec<String>,
    /// What the proof of the books ignored or gave up.
    pub sync: SyncSummary,
    /// Receive time of the first frame, ns since 1970 UTC; absent without frames.
    pub first_recv_ns: Option<i64>,
    /// The same as ISO text.
    pub first_recv: Option<String>,
    /// Receive time of the last frame.
    pub last_recv_ns: Option<i64>,
    /// The same as ISO text.
    pub last_recv: Option<String>,
    /// Trades of the market.
    pub trades: u64,
    /// Their quantity by `venue:SYMBOL`.
    pub trade_qty: BTreeMap<String, String>,
    /// Their notional by `venue:SYMBOL`.
    pub trade_notional: BTreeMap<String, String>,
    /// Books at the end, from depth only, by `venue:SYMBOL`.
    pub books: BTreeMap<String, BookSummary>,
    /// Why books are not synced, by `venue:SYMBOL`: the code of the loss, or `NO_SNAPSHOT` where none ever proved it.
    pub stale: BTreeMap<String, String>,
    /// Signals of strategies.
    pub signals: u64,
    /// Orders that passed the gate.
    pub orders: u64,
    /// Our fills.
    pub fills: u64,
    /// Denied orders by code; codes that did not occur are absent.
    pub denied: BTreeMap<String, u64>,
    /// The first denial of each code.
    pub denied_first: BTreeMap<String, DeniedExample>,
    /// Orders that the (paper) venue rejected.
    pub rejected: u64,
    /// The same by reason; reasons that did not occur are absent.
    pub rejected_reasons: BTreeMap<String, u64>,
    /// The first alerts of the engine and of strategies; `alerts_count` says how many there were.
    pub alerts: Vec<AlertSummary>,
    /// How many alerts there were.
    pub alerts_count: u64,
    /// Money at the end.
    pub pnl: PnlSummary,
    /// Strategies, in the order of their ids.
    pub strategies: Vec<StrategySummary>,
    /// The account's trading state at the end.
    pub state: String,
    /// Why it is not ACTIVE; `None` in ACTIVE.
    pub state_cause: Option<StateCause>,
    /// SHA-256 chain over the engine's outputs: 64 lower-case hex digits.
    pub digest: String,
    /// What differs between two equal runs.
    pub run: RunFigures,
}

/// One recorded session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionSummary {
    /// Its files, in order, by name without folder.
    pub files: Vec<String>,
    /// The venue.
    pub venue: String,
    /// Frames read.
    pub frames: u64,
}

/// What the proof of the books ignored or gave up, over all books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncSummary {
    /// Changes that came again or too late.
    pub duplicates: u64,
    /// Changes that a snapshot contained already.
    pub superseded: u64,
    /// Snapshots older than what they were to prove.
    pub stale_snapshots: u64,
    /// Times that the changes kept for a snapshot were too many and were dropped.
    pub buffer_overruns: u64,
}

/// A book at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BookSummary {
    /// Whether its sequence is proven.
    pub synced: bool,
    /// The last update applied.
    pub last_update_id: u64,
    /// Levels on the bid side.
    pub bid_levels: u64,
    /// Levels on the ask side.
    pub ask_levels: u64,
    /// The best 10 bids, best first, as price and quantity.
    pub bids: Vec<[String; 2]>,
    /// The best 10 asks, best first.
    pub asks: Vec<[String; 2]>,
    /// Quantity of all bids.
    pub bid_qty: String,
    /// Quantity of all asks.
    pub ask_qty: String,
}

/// Money at the end, in the account's currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PnlSummary {
    /// The currency.
    pub currency: String,
    /// Realized profit.
    pub realized: String,
    /// Unrealized profit at the last mark.
    pub unrealized: String,
    /// Fees paid.
    pub fees: String,
    /// Realized and unrealized less fees.
    pub net: String,
    /// Equity.
    pub equity: String,
}

/// A denial, as an example for all of its code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeniedExample {
    /// The order's id: `claire explain` tells its whole way.
    pub order: String,
    /// Its strategy; empty for the engine's own.
    pub strategy: String,
    /// Its instrument.
    pub instrument: String,
    /// The limit, in the check's unit; 0 where the check has none.
    pub limit: String,
    /// What was measured against it.
    pub measured: String,
    /// What the code means.
    pub meaning: String,
    /// Limit and measured value in words, with units.
    pub example: String,
}

/// What latched a trading state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateCause {
    /// The monitor's or gate's code.
    pub code: String,
    /// What the code means.
    pub meaning: String,
    /// What was measured; `None` where it was latched by an earlier run or a person.
    pub measured: Option<String>,
    /// The limit that it was measured against, in the same unit.
    pub limit: Option<String>,
    /// Engine time in ns since 1970 UTC.
    pub at_ns: i64,
    /// The same as ISO text.
    pub at: String,
}

/// An alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AlertSummary {
    /// Whose; empty for the engine's own.
    pub strategy: String,
    /// What it is about; empty where about none.
    pub instrument: String,
    /// What it says.
    pub text: String,
}

/// A strategy's counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StrategySummary {
    /// Its name.
    pub name: String,
    /// The market that it trades: its own, else `--market`, else the first of the recording.
    pub market: String,
    /// `compiled`, `interpreted`, or `mixed` where some handlers are compiled and some are not.
    pub backend: String,
    /// Names of the compiled handlers.
    pub handlers_compiled: Vec<String>,
    /// Names of the interpreted handlers, and why each is; `init`, which always is, left out.
    pub handlers_interpreted: BTreeMap<String, String>,
    /// `active`, `reducing`, `paused` or `killed`; `stopped` by its failures, `failed` in `init`, `waiting` where its
    /// market never appeared, or `warming` where its indicators never were warm.
    pub state: String,
    /// Calls that failed and were undone.
    pub failures: u64,
    /// What the last of them said, with line and column where there is one.
    pub last_error: Option<String>,
    /// The market that its `init` still waited for at the end: its own, or another that it names.
    pub waits_for: Option<String>,
    /// Signals given.
    pub signals: u64,
    /// Orders that passed the gate.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Orders denied.
    pub denials: u64,
    /// Profit after fees.
    pub net: String,
    /// Which version of its script runs: 0 is that of the start.
    pub version: u32,
    /// SHA-256 of that version's text.
    pub sha256: String,
    /// Versions that took the seat.
    pub reloads: u64,
    /// Versions that did not, because something was wrong with them.
    pub reloads_refused: u64,
    /// Versions that were taken back within their probation.
    pub reloads_rolled_back: u64,
}

/// Figures that differ between two equal runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunFigures {
    /// Whether it was stopped before the end of its files: all figures are then those of a part.
    pub interrupted: bool,
    /// Seconds from the first frame to the last output.
    pub elapsed_s: f64,
    /// Seconds of unpacking before the first frame.
    pub unpack_s: f64,
    /// Latency by stage.
    pub latency: BTreeMap<String, LatencyFigures>,
    /// What a frame's latency is: `arrival`, all since its last byte was there, or `service`, the work on it
    /// without what it waits for others of its batch, where frames wait in a file anyway.
    pub latency_is: String,
    /// Where the stages ran: `fused` or `split`.
    pub topology: String,
    /// Where the journal was written, if it was.
    pub journal: Option<String>,
    /// The database that was filled, if one was, without password.
    pub store: Option<String>,
    /// Old segments of journals that were removed in this run, by age or quota.
    pub segments_removed: u64,
    /// What they took.
    pub segments_removed_bytes: u64,
    /// What was told of reloads, the first lines.
    pub reload_lines: Vec<String>,
    /// Times of reloads, where there were some.
    pub reload: Option<ReloadFigures>,
}

/// A stage's latency; a percentile is `None` where the samples do not carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LatencyFigures {
    /// Samples.
    pub n: u64,
    /// Median.
    pub p50_ns: Option<u64>,
    /// 90th percentile.
    pub p90_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile.
    pub p999_ns: Option<u64>,
    /// Largest.
    pub max_ns: u64,
}

/// Stages in flow order: the order of the text's table. Others follow by name.
pub const STAGES: [&str; 6] = [
    "feed",
    "book",
    "strategy",
    "risk",
    "match",
    "frame_to_decision",
];
