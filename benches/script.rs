//! Calls of strategies: in Rust, compiled, and in stock Rhai's interpreter and bytecode VM, on the same events.
//!
//! Before anything is timed all forms play all events, and one that asks something else of its desk than the others
//! ends the bench. For ratios take `claire bench --only script`, where the forms take turns.

use claire_strategies::contest::{self, EVENTS, STRATEGIES, Session};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn calls(criterion: &mut Criterion) {
    for name in STRATEGIES {
        let session = Session::new(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut group = criterion.benchmark_group(format!("script/{name}"));
        group
            .throughput(Throughput::Elements(EVENTS as u64))
            .sample_size(10);
        let timed = contest::with_forms(&session, Vec::new(), |forms| {
            contest::compare(&session, forms)?;
            for form in forms {
                form.restart()?;
                let mut played = Ok(());
                group.bench_function(form.name(), |bencher| {
                    bencher.iter(|| played = form.play(&session, 0..EVENTS));
                });
                played?;
            }
            Ok(())
        });
        timed.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        group.finish();
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
