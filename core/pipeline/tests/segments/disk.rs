//! A disk that fills while a paper run writes its journal: REDUCING, then HALTED, latched and verified.

use crate::place::{Disk, Place};
use claire_pipeline::disk::FreeSpace;
use claire_pipeline::status::{StatusCell, StrategyStatus};
use claire_pipeline::verify::{Verdict, verify};
use claire_sidecar::JournalReader;
use claire_types::record::Verdict as Ruling;
use claire_types::{GateCode, Input, Mode, OrderReason, OrderStatus, Record, TradingState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the journal says happened, in order.
#[derive(Debug, Default)]
struct Told {
    alarms: Vec<(TradingState, u64, u64)>,
    states: Vec<(TradingState, GateCode, String, String)>,
    denied_by_state: u64,
    orders_after_halt: u64,
    cancelled_by_halt: u64,
    working_at_halt: i64,
}

fn told(journal: &Path) -> Told {
    let mut reader = JournalReader::open(journal).expect("opened");
    let (mut told, mut working, mut is_halted) = (Told::default(), 0_i64, false);
    while let Some(message) = reader.next_message().expect("sound") {
        if let Ok((_, Input::LowDisk(low))) = Input::decode(&message.cells) {
            told.alarms
                .push((low.state, low.free_bytes, low.limit_bytes));
        }
        match Record::decode(&message.cells).map(|(_, record)| record) {
            Ok(Record::Risk(risk)) => {
                let numbers = (risk.limit.to_string(), risk.measured.to_string());
                told.states.push((risk.to, risk.code, numbers.0, numbers.1));
                if risk.to == TradingState::Halted {
                    is_halted = true;
                    told.working_at_halt = working;
                }
            }
            Ok(Record::Decision(decision)) if decision.code == GateCode::TradingState => {
                assert_eq!(decision.verdict, Ruling::Denied);
                told.denied_by_state += 1;
            }
            Ok(Record::Order(_)) => {
                working += 1;
                told.orders_after_halt += u64::from(is_halted);
            }
            Ok(Record::OrderEvent(event)) if event.to.is_final() => {
                working -= 1;
                let by_engine = event.reason == OrderReason::CancelledByEngine;
                let is_cancel = event.to == OrderStatus::Cancelled && by_engine;
                told.cancelled_by_halt += u64::from(is_halted && is_cancel);
            }
            _ => {}
        }
    }
    told
}

#[test]
fn a_disk_that_fills_reduces_then_halts_and_the_journal_verifies() {
    let place = Place::new();
    let stop = Arc::new(AtomicBool::new(false));
    let shown = Arc::new(StatusCell::new(Mode::Paper));
    let (ends, sees) = (Arc::clone(&stop), Arc::clone(&shown));
    let (last_looks, denied_before) = (AtomicU64::new(0), AtomicU64::new(0));
    // Enough room until orders came, below the first limit until some were denied, then below the second.
    let free = FreeSpace::by(move |path| {
        assert!(
            path.ends_with("run"),
            "the journal's own disk: {}",
            path.display()
        );
        let status = sees.read();
        let sum = |of: fn(&StrategyStatus) -> u64| status.strategies.iter().map(of).sum::<u64>();
        let has_denied = |now: u64| now > denied_before.load(Ordering::Relaxed);
        Ok(match status.state {
            TradingState::Active if sum(|one| one.orders) == 0 => 5_000_000_000,
            TradingState::Active => {
                denied_before.store(sum(|one| one.denials), Ordering::Relaxed);
                900_000_000
            }
            TradingState::Reducing if !has_denied(sum(|one| one.denials)) => 900_000_000,
            TradingState::Reducing => 100_000_000,
            // More room again lifts nothing; then the run ends.
            _ => {
                ends.store(
                    last_looks.fetch_add(1, Ordering::Relaxed) > 0,
                    Ordering::Relaxed,
                );
                5_000_000_000
            }
        })
    });
    // Faster than real time, so that there are orders between two looks.
    let config = place.config(&[("CLAIRE_PAPER__SPEED", "20")]);
    let disk = Disk { free, shown, stop };
    let papered = place.paper_on("run", None, config, disk).expect("ran");
    let journal = place.path("run");
    let told = told(&journal);
    let alarms = [
        (TradingState::Reducing, 900_000_000, 1_000_000_000),
        (TradingState::Halted, 100_000_000, 256_000_000),
    ];
    assert_eq!(told.alarms, alarms);
    let state = |to, limit: &str, measured: &str| {
        (to, GateCode::LowDisk, limit.to_owned(), measured.to_owned())
    };
    assert_eq!(
        told.states,
        [
            state(TradingState::Reducing, "1000000000", "900000000"),
            state(TradingState::Halted, "256000000", "100000000"),
        ]
    );
    assert!(told.denied_by_state > 0, "entries are denied: {told:?}");
    assert_eq!(told.orders_after_halt, 0, "{told:?}");
    assert!(
        told.working_at_halt == 0 || told.cancelled_by_halt > 0,
        "{told:?}"
    );
    assert_eq!(papered.summary.state, "HALTED");
    let cause = papered.state.cause.expect("it is latched");
    assert_eq!(
        (papered.state.trading_state, cause.code.as_str()),
        (TradingState::Halted, "LOW_DISK")
    );
    assert!(
        cause.measured.contains("100000000 of 256000000"),
        "{}",
        cause.measured
    );
    let verified = verify(&journal, None, None).expect("verified");
    assert_eq!(verified.verdict, Verdict::Equal);
    assert_eq!(verified.digest, papered.summary.digest);
    // The next start finds the latch, and nothing lifts it.
    let again = place.paper("again", 20, place.config(&[])).expect("ran");
    assert_eq!(
        (again.summary.state.as_str(), again.summary.orders),
        ("HALTED", 0)
    );
}
