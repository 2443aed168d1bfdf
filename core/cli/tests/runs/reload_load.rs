//! Reloads by the thousand while the market comes at twenty times its speed: nothing is lost, left behind or kept.
//!
//! `CLAIRE_RELOADS` sets how many; the figures are printed. The campaign is
//! `CLAIRE_RELOADS=10000 cargo test --release -p claire --test runs -- --nocapture reloads_under_load`.

use crate::place::Place;
use crate::session::{Session, place_with};
use claire_sidecar::JournalReader;
use claire_types::record::{NoteKind, NoteRecord};
use claire_types::{Input, OrderId, OrderStatus, Record, StrategyId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Reloads that give their percentiles: a 99th one takes a thousand.
const COUNT_MEASURED: u64 = 1_000;
const LIVE_NS_MAX: u64 = 50_000_000;
const PAUSE_NS_MAX: u64 = 10_000;
/// One version in so many places orders that it forgets, and then fails.
const WILD_EVERY: u64 = 10;
/// A version that counts from `init` never comes to this; the strategy that runs begins there.
const CARRIED: u64 = 1_000_000_000;

/// Returns a version that looks at each change of the book and keeps one quote.
fn version(number: u64) -> String {
    let n = if number == 0 { CARRIED } else { 0 };
    let more = match number % WILD_EVERY {
        1 => format!(
            "if this.n > {CARRIED} {{ \
                 m.buy_limit(m.qty_for(60.0), m.bid * 0.89, POST_ONLY, \"wild\"); \
                 if this.n % 3 == 0 {{ throw \"lost\"; }} \
             }}"
        ),
        _ => "m.cancel(this.entry); \
              this.entry = m.buy_limit(m.qty_for(60.0), m.bid * 0.9, POST_ONLY, \"quote\");"
            .to_owned(),
    };
    format!(
        "fn init(m) {{ m.every(100, \"t\"); #{{ n: {n}, imb: 0.0, entry: no_order(), x{number}: 0 }} }}\n\
         fn on_book(m) {{ this.imb += 0.2 * (m.imbalance(5) - this.imb); }}\n\
         fn on_timer(m, name) {{ this.n += 1; {more} }}\n"
    )
}

/// What a journal says of a run with reloads.
#[derive(Default)]
struct Audit {
    /// Inputs of FEED, the last event's number, and reloads.
    inputs: u64,
    event: u64,
    reloads: u64,
    rolled_back: u64,
    /// Orders of the edited strategy that are not final: their reason, and how they are.
    working: BTreeMap<OrderId, (String, OrderStatus)>,
    orders: u64,
    /// Most quotes after an input that nobody was cancelling.
    quotes_max: usize,
}

impl Audit {
    fn of(dir: &Path) -> Self {
        let mut audit = Self::default();
        let mut reader = JournalReader::open(dir).expect("a journal");
        let mut seq = 0;
        while let Some(message) = reader.next_message().expect("a whole journal") {
            let cells = &message.cells;
            if Record::is_record(cells.at(0).expect("a first cell").low) {
                let (header, record) = Record::decode(cells).expect("a record");
                if header.seq != seq {
                    seq = header.seq;
                    audit.quotes_max = audit.quotes_max.max(audit.left("quote"));
                }
                if header.strategy == StrategyId(0) {
                    audit.take(&record);
                }
                continue;
            }
            match Input::decode(cells).expect("an input") {
                (_, Input::Reload(_)) => audit.reloads += 1,
                (header, _) => {
                    audit.inputs += 1;
                    // What FEED makes itself has the number of the event before.
                    assert!(
                        [0, 1].contains(&(header.seq - audit.event)),
                        "an event was lost"
                    );
                    audit.event = header.seq;
                }
            }
        }
        audit
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::Order(order) => {
                self.orders += 1;
                let reason = order.reason.to_string();
                self.working
                    .insert(order.order, (reason, OrderStatus::PendingNew));
            }
            Record::OrderEvent(event) if event.to.is_final() => {
                self.working.remove(&event.order);
            }
            Record::OrderEvent(event) => {
                if let Some((_, status)) = self.working.get_mut(&event.order) {
                    *status = event.to;
                }
            }
            Record::Note(note) if is_roll_back(note) => {
                self.rolled_back += 1;
                assert_eq!(self.left("wild"), 0, "{note:?} left {:?}", self.working);
            }
            _ => {}
        }
    }

    /// Returns how many orders work for that reason and are not being cancelled.
    fn left(&self, reason: &str) -> usize {
        let all = self.working.values();
        all.filter(|(of, status)| of == reason && *status != OrderStatus::PendingCancel)
            .count()
    }
}

fn is_roll_back(note: &NoteRecord) -> bool {
    note.kind == NoteKind::Alert && note.text.as_str().contains("rolled back to version")
}

/// Returns the kilobytes that a process has in memory.
fn memory_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// Saves so many versions one after the other; returns the memory after every hundredth of them.
fn edit(session: &mut Session, count: u64) -> Vec<u64> {
    let mut memory = Vec::new();
    for number in 1..=count {
        session.save(&version(number));
        session.wait_for(&["reloaded quoter"]);
        if number % WILD_EVERY == 1 {
            session.wait_for(&["ROLLED BACK quoter", "lost"]);
        }
        session.seen.clear();
        if number.is_multiple_of((count / 100).max(1)) {
            memory.push(memory_kb(session.child.id()));
        }
    }
    memory
}

/// Returns the median of some figures.
fn median(figures: &[u64]) -> u64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn check_times(end: &Value) {
    let figure = |name: &str| end["run"]["reload"][name].as_u64().expect(name);
    // Less would be no measurement.
    assert!(figure("pause_p50_ns") > 100, "{end}");
    assert!(figure("swap_p50_ns") >= figure("pause_p50_ns"), "{end}");
    assert!(figure("live_p50_ns") > figure("swap_p50_ns"), "{end}");
    if figure("n") >= COUNT_MEASURED {
        assert!(figure("live_p99_ns") <= LIVE_NS_MAX, "{end}");
        assert!(figure("pause_p99_ns") <= PAUSE_NS_MAX, "{end}");
        assert_eq!(figure("begun_anew"), 0, "{end}");
    }
}

fn check_journal(place: &Place, end: &Value, (count, wild): (u64, u64)) {
    let audit = Audit::of(&place.journal());
    println!(
        "{} inputs, {} orders, {} roll-backs, working at the end {:?}",
        audit.inputs, audit.orders, audit.rolled_back, audit.working
    );
    assert_eq!((audit.reloads, audit.rolled_back), (count, wild));
    assert!(
        audit.orders > 0 && audit.quotes_max <= 1,
        "{}",
        audit.quotes_max
    );
    assert!(audit.working.is_empty(), "{:?}", audit.working);
    let verified = place.verify();
    assert_eq!(verified["verdict"], "equal", "{verified}");
    assert_eq!(verified["digest"], end["digest"]);
}

#[test]
fn reloads_under_load_lose_nothing() {
    let count = std::env::var("CLAIRE_RELOADS");
    let count: u64 = count.map_or(21, |count| count.parse().expect("a number"));
    let wild = count.div_ceil(WILD_EVERY);
    let load = [
        "--speed",
        "20",
        "--strategy",
        "market_maker",
        "--store",
        "none",
    ];
    let mut session = Session::paper(place_with(&version(0)), &load);
    let memory = edit(&mut session, count);
    let (end, place) = session.end();
    let reload = &end["run"]["reload"];
    println!("{count} reloads: {reload}; memory in KB {memory:?}");
    let strategy = &end["strategies"][0];
    assert_eq!(strategy["reloads"], count, "{end}");
    assert_eq!(strategy["reloads_rolled_back"], wild, "{end}");
    assert_eq!(end["strategies"][1]["reloads"], 0, "{end}");
    assert_eq!((&end["errors"], &end["gaps"]), (&0.into(), &0.into()));
    check_journal(&place, &end, (count, wild));
    check_times(&end);
    if count >= COUNT_MEASURED {
        // The last third and the one before it; a hundredth is pages of code and of rings that were not used before.
        let (early, late) = (median(&memory[33..66]), median(&memory[66..]));
        assert!(late <= early + early / 100, "memory grows: {memory:?}");
    }
}
