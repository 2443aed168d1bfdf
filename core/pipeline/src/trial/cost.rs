//! What a strategy's calls cost: a clock before and after each, around any strategy.
//!
//! Engine thread while the run goes on; the figures are handed over when the engine is dropped. A trial's runs only:
//! nothing here stands in the way of orders that count.

use crate::clock::Clock;
use claire_engine::strategy::{Fault, Handlers, LentDesk, Strategy, StrategyEvent};
use claire_types::InstrumentKey;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// The handlers, in the order that people write them.
pub const HANDLERS: [&str; 9] = [
    "init", "on_start", "on_book", "on_trade", "on_bar", "on_timer", "on_fill", "on_order",
    "on_stop",
];

/// What the calls of one handler cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandlerCost {
    /// The handler.
    pub handler: &'static str,
    /// Calls.
    pub n: u64,
    /// Median, without the clock's own reading.
    pub p50_ns: u64,
    /// 99th percentile; `None` with fewer than 1,000 calls.
    pub p99_ns: Option<u64>,
    /// Largest.
    pub max_ns: u64,
}

/// Where a strategy's figures lie when its run is over.
#[derive(Clone, Default)]
pub(super) struct Costs(Arc<Mutex<Vec<Option<Histogram<u64>>>>>);

/// A strategy with a clock around it.
pub(super) struct Timed {
    inner: Box<dyn Strategy>,
    clock: Clock,
    /// By handler; made with a handler's first call.
    spans: Vec<Option<Histogram<u64>>>,
    costs: Costs,
}

/// Longest call that is told from a longer one.
const CALL_NS_MAX: u64 = 60_000_000_000;
/// Calls that a 99th percentile needs.
const P99_CALLS_MIN: u64 = 1_000;

impl Costs {
    /// Returns the figures of each handler that was called, less what a reading of the clock costs.
    pub fn figures(&self, reading_ps: u64) -> Vec<HandlerCost> {
        let reading_ns = reading_ps.saturating_add(500) / 1_000;
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spans = HANDLERS.iter().zip(spans.iter());
        let spans = spans.filter_map(|(handler, spans)| Some((*handler, spans.as_ref()?)));
        spans
            .map(|(handler, spans)| {
                let own = |ns: u64| ns.saturating_sub(reading_ns);
                let has_p99 = spans.len() >= P99_CALLS_MIN;
                HandlerCost {
                    handler,
                    n: spans.len(),
                    p50_ns: own(spans.value_at_quantile(0.5)),
                    p99_ns: has_p99.then(|| own(spans.value_at_quantile(0.99))),
                    max_ns: own(spans.max()),
                }
            })
            .collect()
    }
}

impl Timed {
    /// Returns the strategy with a clock around it.
    pub fn new(inner: Box<dyn Strategy>, clock: Clock, costs: Costs) -> Self {
        Self {
            inner,
            clock,
            spans: vec![None; HANDLERS.len()],
            costs,
        }
    }
}

impl Strategy for Timed {
    fn handlers(&self) -> Handlers {
        self.inner.handlers()
    }

    fn markets(&self) -> &[InstrumentKey] {
        self.inner.markets()
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let before = self.clock.mono();
        let result = self.inner.call(event, desk);
        let span_ns = self.clock.mono().since(before);
        if let Some(spans) = self.spans.get_mut(index_of(event)) {
            let spans = spans.get_or_insert_with(|| {
                Histogram::new_with_max(CALL_NS_MAX, 3).expect("these bounds are sound")
            });
            spans.saturating_record(span_ns.max(1));
        }
        result
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.inner.save(out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.inner.restore(bytes)
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let mut costs = self.costs.0.lock().unwrap_or_else(PoisonError::into_inner);
        *costs = std::mem::take(&mut self.spans);
    }
}

/// Returns the place of the event's handler in [`HANDLERS`].
const fn index_of(event: &StrategyEvent<'_>) -> usize {
    match event {
        StrategyEvent::Init => 0,
        StrategyEvent::Start => 1,
        StrategyEvent::Book { .. } => 2,
        StrategyEvent::Trade { .. } => 3,
        StrategyEvent::Bar { .. } => 4,
        StrategyEvent::Timer { .. } => 5,
        StrategyEvent::Fill { .. } => 6,
        StrategyEvent::Order { .. } => 7,
        StrategyEvent::Stop => 8,
    }
}
