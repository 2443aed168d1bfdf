//! What a running engine shows of itself: one snapshot, made several times a second.
//!
//! Made by the sidecar's stage behind the journal, read by the live screen and the status line on the
//! main thread. Plain values and finished decimal texts: whoever draws it does no arithmetic on money.

pub mod board;
mod failures;
pub mod keeper;

use claire_types::{InstrumentKey, Mode, TradingState, WallNs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where the status lies for its readers. The sidecar writes it, several times a second; no hot thread does.
#[derive(Debug)]
pub struct StatusCell {
    status: Mutex<Status>,
    gauge: Arc<FlowGauge>,
}

/// What FEED counts for the screen: it writes, others read, and nothing waits.
#[derive(Debug, Default)]
pub struct FlowGauge {
    frames: AtomicU64,
    errors: AtomicU64,
    gaps: AtomicU64,
}

impl StatusCell {
    /// Returns the cell of a run in this mode, before its first input.
    pub fn new(mode: Mode) -> Self {
        Self {
            status: Mutex::new(Status::of(mode)),
            gauge: Arc::default(),
        }
    }

    /// Returns the latest status.
    pub fn read(&self) -> Status {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns what FEED counts into.
    pub fn gauge(&self) -> Arc<FlowGauge> {
        Arc::clone(&self.gauge)
    }

    /// Adds a note, newest first; the oldest goes where there are too many.
    pub fn note(&self, text: String) {
        self.change(|status| {
            status.notes.insert(0, text);
            status.notes.truncate(NOTES_MAX);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        // Plain values: a panic elsewhere leaves them whole.
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl FlowGauge {
    /// Shows new counts.
    #[inline]
    pub fn set(&self, frames: u64, errors: u64, gaps: u64) {
        // Relaxed: three numbers for people, none of which guards anything.
        self.frames.store(frames, Ordering::Relaxed);
        self.errors.store(errors, Ordering::Relaxed);
        self.gaps.store(gaps, Ordering::Relaxed);
    }
}

/// Most fills and notes of a status.
const FILLS_MAX: usize = 50;
const NOTES_MAX: usize = 20;

/// A running engine at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The mode.
    pub mode: Mode,
    /// Engine time; 0 before the first input.
    pub engine_time: WallNs,
    /// Since the start.
    pub uptime: Duration,
    /// The account's trading state.
    pub state: TradingState,
    /// Why it is not ACTIVE, in words.
    pub state_cause: Option<String>,
    /// Instruments, in the order of their ids.
    pub instruments: Vec<InstrumentStatus>,
    /// Strategies, in the order of their ids.
    pub strategies: Vec<StrategyStatus>,
    /// The last fills, newest first.
    pub fills: Vec<FillStatus>,
    /// The account's money.
    pub money: MoneyStatus,
    /// Latency by stage, in flow order.
    pub latencies: Vec<LatencyStatus>,
    /// What flowed.
    pub flow: FlowStatus,
    /// The last notes, alerts and errors, newest first.
    pub notes: Vec<String>,
}

/// An instrument's market and our position in it. Decimal texts; empty where there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentStatus {
    /// Which.
    pub key: InstrumentKey,
    /// Best bid.
    pub bid: String,
    /// Best ask.
    pub ask: String,
    /// Ask less bid.
    pub spread: String,
    /// Price of the last trade.
    pub last: String,
    /// Signed position.
    pub position: String,
    /// Its average price.
    pub average: String,
    /// Its unrealized profit.
    pub unrealized: String,
    /// Whether the book is stale.
    pub is_stale: bool,
}

/// A strategy's counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyStatus {
    /// Its name.
    pub name: String,
    /// Its primary market.
    pub market: InstrumentKey,
    /// Its own trading state.
    pub state: TradingState,
    /// Signals given.
    pub signals: u64,
    /// Orders that passed the gate.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Orders denied.
    pub denials: u64,
    /// Its profit after fees, decimal text.
    pub net: String,
}

/// A fill with its explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillStatus {
    /// When, in venue time shown as ours.
    pub at: WallNs,
    /// Which instrument.
    pub key: InstrumentKey,
    /// `buy` or `sell`.
    pub side: &'static str,
    /// Decimal text.
    pub qty: String,
    /// Decimal text.
    pub price: String,
    /// Why it filled there, in words.
    pub explanation: String,
}

/// The account's money as decimal texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoneyStatus {
    /// The account's currency.
    pub currency: String,
    /// Balances and unrealized profit.
    pub equity: String,
    /// Realized profit.
    pub realized: String,
    /// Unrealized profit.
    pub unrealized: String,
    /// Fees paid.
    pub fees: String,
    /// Realized and unrealized less fees.
    pub net: String,
}

/// A stage's latency; a percentile is `None` where the samples do not carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyStatus {
    /// The stage.
    pub stage: String,
    /// Samples.
    pub count: u64,
    /// Median.
    pub p50_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
}

/// What flowed since the start, and how fast lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStatus {
    /// Frames read.
    pub frames: u64,
    /// Market events made of them.
    pub events: u64,
    /// Frames that could not be read.
    pub errors: u64,
    /// Sequence gaps.
    pub gaps: u64,
    /// Frames in the last second.
    pub frames_per_s: u64,
    /// Records waiting for the store.
    pub store_lag: u64,
}

impl Status {
    /// Returns the status before anything happened.
    pub fn of(mode: Mode) -> Self {
        Self {
            mode,
            engine_time: WallNs(0),
            uptime: Duration::ZERO,
            state: TradingState::Active,
            state_cause: None,
            instruments: Vec::new(),
            strategies: Vec::new(),
            fills: Vec::new(),
            money: MoneyStatus::default(),
            latencies: Vec::new(),
            flow: FlowStatus::default(),
            notes: Vec::new(),
        }
    }
}
