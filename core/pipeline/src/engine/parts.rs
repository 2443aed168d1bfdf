//! What the engine's parts took of each input, and the way from a frame to a decision.
//!
//! Engine thread, called by the engine stage. One clock reading an input: it ends one and begins the next.
//! Between a turn's end and the next turn's begin nothing is measured, nor while records are handed on.

use crate::clock::Clock;
use crate::latency::{LatencyRecorder, Span};
use crate::ring::{Since, Stamp};
use claire_engine::probe::{Part, Probe};
use claire_types::{DurationNs, MonoNs};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The times of the input that is applied.
pub(crate) struct PartTimes {
    clock: Clock,
    shared: Arc<Shared>,
    /// The clock's last reading: when the present input began.
    now: MonoNs,
    frame: Since,
    /// When this turn began to work on the frame; its share of earlier turns is in `frame`.
    frame_begun: MonoNs,
}

/// The engine's end: stamps where the engine is.
pub(crate) struct PartProbe {
    clock: Clock,
    shared: Arc<Shared>,
}

/// What both ends write, on the engine thread alone: the atomics only make the probe `Send`.
#[derive(Debug, Default)]
struct Shared {
    ns: [AtomicU64; PARTS],
    runs: [AtomicU64; PARTS],
    /// Whether the input entered any part but the first.
    has_entered: AtomicBool,
    current: AtomicUsize,
    since: AtomicU64,
    /// When the running call began; each call has its own.
    call_since: AtomicU64,
}

const PARTS: usize = 4;
const SPANS: [Span; PARTS] = [Span::Book, Span::Strategy, Span::Risk, Span::Match];
const BOOK: usize = 0;

impl PartTimes {
    /// Returns the stage's end and the engine's.
    pub(crate) fn new(clock: Clock) -> (Self, PartProbe) {
        let shared = Arc::new(Shared::default());
        let probe = PartProbe {
            clock: clock.clone(),
            shared: Arc::clone(&shared),
        };
        let times = Self {
            clock,
            shared,
            now: MonoNs(0),
            frame: Since::Served(0),
            frame_begun: MonoNs(0),
        };
        (times, probe)
    }

    /// Returns the question whether the running call has used up its time: what scripts of this thread are asked with.
    ///
    /// A thread that lost its core meanwhile is not the call's fault. The first quarter is told by the clock, which costs
    /// little; past it what counts is the time that the thread was on a core.
    pub(crate) fn call_budget(&self, call_ns_max: u64) -> Box<dyn Fn() -> bool> {
        let (clock, shared) = (self.clock.clone(), Arc::clone(&self.shared));
        let quarter = call_ns_max / 4;
        let call = Cell::new(0_u64);
        let on_core_before = Cell::new(None::<DurationNs>);
        Box::new(move || {
            let since = shared.call_since.load(Ordering::Relaxed);
            if call.replace(since) != since {
                on_core_before.set(None);
            }
            if clock.mono().since(MonoNs(since)) <= quarter {
                return false;
            }
            let on_core = clock.thread();
            match on_core_before.get() {
                None => {
                    on_core_before.set(Some(on_core));
                    false
                }
                Some(before) => on_core.0.abs_diff(before.0) > call_ns_max - quarter,
            }
        })
    }

    /// Begins a turn: what passed since the last one is nobody's service.
    #[inline]
    pub(super) fn open_turn(&mut self) {
        self.skip();
        self.frame_begun = self.now;
    }

    /// Begins the inputs of a frame.
    #[inline]
    pub(super) fn begin_frame(&mut self, stamp: Stamp) {
        self.frame = stamp.since;
        self.frame_begun = self.now;
    }

    /// Ends an input and begins the next.
    #[inline]
    pub(super) fn end_input(&mut self, latency: &mut LatencyRecorder, has_decided: bool) {
        let before = std::mem::replace(&mut self.now, self.clock.mono());
        // Relaxed: the engine thread alone writes and reads.
        if self.shared.has_entered.load(Ordering::Relaxed) {
            self.shared.leave(self.now);
            self.shared.record(latency);
        } else {
            latency.record(Span::Book, self.now.since(before));
        }
        self.shared.since.store(self.now.0, Ordering::Relaxed);
        if has_decided {
            let ns = match self.frame {
                Since::Available(at) => self.now.since(at),
                Since::Served(ns) => ns + self.now.since(self.frame_begun),
            };
            latency.record(Span::FrameToDecision, ns);
        }
    }

    /// Leaves out what passed since the last input ended.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.now = self.clock.mono();
        self.shared.since.store(self.now.0, Ordering::Relaxed);
    }

    /// Ends a turn and returns its last reading of the clock.
    #[inline]
    pub(super) fn close_turn(&mut self) -> MonoNs {
        if let Since::Served(ns) = &mut self.frame {
            *ns += self.now.since(self.frame_begun);
        }
        self.now
    }
}

impl Shared {
    /// Ends the present part.
    fn leave(&self, now: MonoNs) {
        let part = self.current.load(Ordering::Relaxed);
        let since = MonoNs(self.since.load(Ordering::Relaxed));
        if let Some(total) = self.ns.get(part) {
            let spent = now.since(since);
            total.store(total.load(Ordering::Relaxed) + spent, Ordering::Relaxed);
        }
        self.since.store(now.0, Ordering::Relaxed);
    }

    /// Records what each part took that ran, and begins anew.
    fn record(&self, latency: &mut LatencyRecorder) {
        self.runs[BOOK].store(1, Ordering::Relaxed);
        for ((span, ns), runs) in SPANS.into_iter().zip(&self.ns).zip(&self.runs) {
            if runs.load(Ordering::Relaxed) > 0 {
                latency.record(span, ns.load(Ordering::Relaxed));
                runs.store(0, Ordering::Relaxed);
                ns.store(0, Ordering::Relaxed);
            }
        }
        self.current.store(BOOK, Ordering::Relaxed);
        self.has_entered.store(false, Ordering::Relaxed);
    }
}

impl Probe for PartProbe {
    #[inline]
    fn begin_call(&mut self) {
        let since = self.shared.since.load(Ordering::Relaxed);
        self.shared.call_since.store(since, Ordering::Relaxed);
    }

    #[inline]
    fn enter(&mut self, part: Part) {
        self.shared.leave(self.clock.mono());
        let part = match part {
            Part::Book => BOOK,
            Part::Strategy => 1,
            Part::Risk => 2,
            Part::Match => 3,
        };
        self.shared.current.store(part, Ordering::Relaxed);
        self.shared.has_entered.store(true, Ordering::Relaxed);
        if let Some(runs) = self.shared.runs.get(part) {
            runs.store(runs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::latency::latency;
    use claire_types::WallNs;

    fn times() -> (ManualClock, PartTimes, PartProbe) {
        let hands = ManualClock::default();
        let (times, probe) = PartTimes::new(Clock::manual(&hands, WallNs(0)));
        (hands, times, probe)
    }

    fn stamp(since: Since) -> Stamp {
        Stamp { since }
    }

    #[test]
    fn a_served_frame_is_measured_without_what_it_waited() {
        let (hands, mut times, _probe) = times();
        let (mut recorder, _collector) = latency(MonoNs(0), u64::MAX);
        times.open_turn();
        times.begin_frame(stamp(Since::Served(40)));
        hands.advance_ns(5);
        times.end_input(&mut recorder, false);
        times.close_turn();
        // The rest of the frame comes in a turn much later.
        hands.advance_ns(1_000_000);
        times.open_turn();
        hands.advance_ns(7);
        times.end_input(&mut recorder, true);
        let set = recorder.current();
        assert_eq!(
            set.at(Span::FrameToDecision).summary().max_ns,
            Some(40 + 5 + 7)
        );
        assert_eq!(set.at(Span::Book).summary().max_ns, Some(7));
    }

    #[test]
    fn an_available_frame_is_measured_with_what_it_waited() {
        let (hands, mut times, _probe) = times();
        let (mut recorder, _collector) = latency(MonoNs(0), u64::MAX);
        hands.advance_ns(100);
        times.begin_frame(stamp(Since::Available(MonoNs(30))));
        times.open_turn();
        hands.advance_ns(9);
        times.end_input(&mut recorder, true);
        let set = recorder.current();
        assert_eq!(set.at(Span::FrameToDecision).summary().max_ns, Some(79));
    }

    #[test]
    fn a_call_uses_up_its_own_time_and_not_what_its_thread_waited() {
        let (hands, times, mut probe) = times();
        let is_over = times.call_budget(1_000_000);
        let mut begin = |hands: &ManualClock| {
            hands.advance_ns(1);
            probe.enter(Part::Strategy);
            probe.begin_call();
        };
        for _ in 0..2 {
            begin(&hands);
            hands.keep_ns(50_000_000);
            assert!(!is_over(), "it was kept from its core");
            for _ in 0..10 {
                hands.advance_ns(75_000);
                assert!(!is_over());
                hands.keep_ns(4_000_000);
                assert!(!is_over(), "again and again");
            }
            hands.advance_ns(1);
            assert!(is_over());
            begin(&hands);
            hands.advance_ns(250_000);
            assert!(!is_over());
            hands.advance_ns(1);
            assert!(!is_over(), "a quarter is gone");
            hands.advance_ns(750_000);
            assert!(!is_over());
            hands.advance_ns(1);
            assert!(is_over());
            begin(&hands);
            hands.advance_ns(5_000_000);
            assert!(!is_over(), "nobody knows what that was");
            hands.advance_ns(5_000_000);
            assert!(is_over(), "a slow function");
        }
    }

    #[test]
    fn parts_share_an_input_and_leave_nothing_to_the_next() {
        let (hands, mut times, mut probe) = times();
        let (mut recorder, _collector) = latency(MonoNs(0), u64::MAX);
        times.open_turn();
        hands.advance_ns(3);
        probe.enter(Part::Match);
        hands.advance_ns(4);
        probe.enter(Part::Book);
        hands.advance_ns(5);
        probe.enter(Part::Strategy);
        hands.advance_ns(6);
        times.end_input(&mut recorder, false);
        // Handing records on is nobody's time.
        hands.advance_ns(1_000);
        times.skip();
        hands.advance_ns(2);
        times.end_input(&mut recorder, false);
        let set = recorder.current();
        let figures = |span| {
            let figures = set.at(span).summary();
            (figures.samples, figures.max_ns)
        };
        assert_eq!(figures(Span::Book), (2, Some(8)));
        assert_eq!(figures(Span::Match), (1, Some(4)));
        assert_eq!(figures(Span::Strategy), (1, Some(6)));
        assert_eq!(figures(Span::Risk), (0, None));
    }
}
