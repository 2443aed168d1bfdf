//! Measures what an interpreted handler call costs: `cargo run --release -p claire-strategies --example call_cost`.
//!
//! Prints ns a call of an empty handler, of the imbalance script and of a native strategy behind the
//! same trait, as the fastest and the median of 1,000 batches. The desk answers from fields.

#[path = "../tests/strategies/desk.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod desk;

use claire_engine::strategy::{Strategy, StrategyEvent};
use claire_strategies::native::Churn;
use claire_strategies::{Backend, RhaiStrategy, Script};
use claire_types::InstrumentId;
use desk::FakeDesk;
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
            Ok(script) => {
                let script = Arc::new(script);
                measure(name, &mut RhaiStrategy::with(script, Backend::Interpreted));
            }
            Err(diagnostics) => diagnostics.iter().for_each(|of| eprintln!("{of}")),
        }
    }
    measure("native, no order", &mut Churn::new(20.0, u32::MAX));
}

fn measure(name: &str, strategy: &mut dyn Strategy) {
    let mut desk = FakeDesk::lent();
    // Too little for an order.
    desk::fake(&mut desk).imbalance = 0.125;
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
