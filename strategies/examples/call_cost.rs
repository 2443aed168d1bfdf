//! Measures what an interpreted handler call costs: `cargo run --release -p claire-strategies --example call_cost`.
//!
//! Prints ns a call of an empty handler, of the imbalance script and of a native strategy behind the
//! same trait, as the fastest and the median of 1,000 batches. The desk answers from fields.

use claire_engine::strategy::{
    BarsId, BracketRequest, Desk, DeskFault, IndicatorId, IndicatorSource, IndicatorView, LentDesk,
    MarketFacts, NoteLevel, OrderHandle, OrderRequest, OrderView, ProtectRequest, QuoteRequest,
    StopRequest, Strategy, StrategyEvent,
};
use claire_strategies::native::Churn;
use claire_strategies::{RhaiStrategy, Script};
use claire_types::{InstrumentId, Side};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const BATCHES: usize = 1_000;
/// Short batches, so that few of them are interrupted on a busy machine.
const CALLS: u32 = 50;
const SOURCES: [(&str, &str); 3] = [
    ("empty", include_str!("../scripts/empty.rhai")),
    ("imbalance", include_str!("../scripts/imbalance.rhai")),
    ("imbalance, state of 12 fields", WIDE),
];
/// The imbalance handler's first lines on a larger state: what copying the state costs.
const WIDE: &str = "fn init(m) { #{ imbalance: 0.0, entry: no_order(), a: 1, b: 2.0, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 10 } }
fn on_book(m) {
    this.imbalance += 0.2 * (m.imbalance(5) - this.imbalance);
    if !m.is_flat || this.entry.is_open || m.spread_ticks > 2 { return; }
}";

fn main() {
    for (name, source) in SOURCES {
        match Script::compile(name, source, &[]) {
            Ok(script) => measure(name, &mut RhaiStrategy::new(Arc::new(script))),
            Err(diagnostics) => diagnostics.iter().for_each(|of| eprintln!("{of}")),
        }
    }
    measure("native, no order", &mut Churn::new(20.0, u32::MAX));
}

fn measure(name: &str, strategy: &mut dyn Strategy) {
    let mut desk = LentDesk::new(Box::new(Quiet(MarketFacts {
        bid: 100.0,
        ask: 100.5,
        mid: 100.25,
        spread_ticks: 1,
        is_flat: true,
        can_short: true,
        ..MarketFacts::default()
    })));
    let event = StrategyEvent::Book {
        market: InstrumentId(0),
    };
    strategy
        .call(&StrategyEvent::Init, &mut desk)
        .expect("init runs on this desk");
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                strategy
                    .call(black_box(&event), &mut desk)
                    .expect("the handler runs on this desk");
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    println!(
        "{name}: fastest {:.0} ns, median {:.0} ns",
        batches[0],
        batches[BATCHES / 2]
    );
}

/// A desk with a quiet, balanced book.
struct Quiet(MarketFacts);

impl Desk for Quiet {
    fn primary(&self) -> InstrumentId {
        InstrumentId(0)
    }
    fn market(&mut self, _: &str) -> Option<InstrumentId> {
        None
    }
    fn facts(&self, _: InstrumentId) -> &MarketFacts {
        &self.0
    }
    fn level(&self, _: InstrumentId, _: Side, _: usize) -> Option<(f64, f64)> {
        None
    }
    fn imbalance(&self, _: InstrumentId, _: usize) -> f64 {
        0.125
    }
    fn place(&mut self, _: &OrderRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn quote(&mut self, _: &QuoteRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn protect(&mut self, _: &ProtectRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn stop(&mut self, _: &StopRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn bracket(&mut self, _: &BracketRequest) -> OrderHandle {
        OrderHandle::NONE
    }
    fn replace(&mut self, handle: OrderHandle, _: f64, _: f64) -> OrderHandle {
        handle
    }
    fn order(&self, _: OrderHandle) -> OrderView {
        OrderView::NONE
    }
    fn cancel(&mut self, _: OrderHandle) {}
    fn cancel_all(&mut self, _: InstrumentId) {}
    fn flatten(&mut self, _: InstrumentId, _: &str) -> OrderHandle {
        OrderHandle::NONE
    }
    fn target_position(&mut self, _: InstrumentId, _: f64, _: &str) -> OrderHandle {
        OrderHandle::NONE
    }
    fn qty_for(&self, _: InstrumentId, notional: f64) -> f64 {
        notional / self.0.mid
    }
    fn qty_at_risk(&self, _: InstrumentId, share: f64, _: f64) -> f64 {
        share
    }
    fn bars(&mut self, _: InstrumentId, _: i64) -> Result<BarsId, DeskFault> {
        Ok(BarsId(0))
    }
    fn indicator(
        &mut self,
        _: IndicatorSource,
        _: &str,
        _: &[f64],
    ) -> Result<IndicatorId, DeskFault> {
        Ok(IndicatorId(0))
    }
    fn indicator_value(&self, _: IndicatorId, _: u8) -> IndicatorView {
        IndicatorView::default()
    }
    fn warmup(&mut self, _: i64) -> Result<(), DeskFault> {
        Ok(())
    }
    fn every(&mut self, _: i64, _: &str) -> Result<(), DeskFault> {
        Ok(())
    }
    fn after(&mut self, _: i64, _: &str) -> Result<(), DeskFault> {
        Ok(())
    }
    fn stop_timer(&mut self, _: &str) {}
    fn signal(&mut self, _: Side, _: f64, _: &str) {}
    fn note(&mut self, _: NoteLevel, _: &str) {}
    fn plot(&mut self, _: &str, _: &str, _: f64) {}
    fn undo(&mut self) {}
}
