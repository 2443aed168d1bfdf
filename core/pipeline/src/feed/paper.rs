//! A feed stage on the bundled market: its frames, each when it is due by the wall clock.
//!
//! Feed thread. The market's clock is ours at the start; what it says arrives [`super::LATENCY_ASSUMED`]
//! later. At the speed of the wall clock the receive stamp is the real time, so that what the pipeline is
//! late by is in it. At full speed time is the market's own, and equal seeds give equal runs.

use super::ticks::TICK_NS;
use super::{Feed, FeedLine, LATENCY_ASSUMED};
use crate::config::section::Speed;
use crate::disk::DiskAlarm;
use crate::stage::{Stage, StageName, Turn};
use crate::status::FlowGauge;
use claire_sim::{FrameKind, Market};
use claire_types::{DurationNs, Input, Symbol, VenueNs, WallNs};
use std::sync::Arc;

/// Frames taken in one turn before others get theirs.
const FRAMES_PER_TURN: u32 = 64;
/// Room for the longest frame of usual instruments.
const FRAME_BYTES: usize = 1 << 17;

/// How the bundled market's time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Its speed.
    pub speed: Speed,
    /// Its time, and ours, at the start.
    pub start: WallNs,
    /// What passes of its time until the end; `None` goes on until it is stopped.
    pub span: Option<DurationNs>,
}

/// The feed stage of a paper run.
pub struct PaperFeed {
    line: FeedLine,
    market: Market,
    pace: Pace,
    held: Held,
    tick_due: WallNs,
    first_recv: Option<WallNs>,
    gauge: Arc<FlowGauge>,
    disk: DiskAlarm,
}

/// A frame that waits for its time.
struct Held {
    is_full: bool,
    text: Vec<u8>,
    due: WallNs,
    /// Whose snapshot it is; `None` where the frame itself says what it is about.
    symbol: Option<Symbol>,
}

impl PaperFeed {
    /// Returns a stage on a market that is about to send its first frame.
    pub fn new(
        line: FeedLine,
        market: Market,
        pace: Pace,
        gauge: Arc<FlowGauge>,
        disk: DiskAlarm,
    ) -> Self {
        let line = match pace.speed {
            Speed::Max => line.measure_service(),
            Speed::Times(_) => line,
        };
        Self {
            line,
            market,
            pace,
            held: Held {
                is_full: false,
                text: Vec::with_capacity(FRAME_BYTES),
                due: pace.start,
                symbol: None,
            },
            tick_due: pace.start,
            first_recv: None,
            gauge,
            disk,
        }
    }

    /// Returns the receive times of the first and the last frame or tick, if there was one.
    pub fn received(&self) -> Option<(WallNs, WallNs)> {
        self.first_recv.map(|first| (first, self.line.last_recv))
    }

    /// Does the next thing that is due; returns whether there was one.
    #[inline]
    fn step(&mut self) -> bool {
        if !self.held.is_full {
            self.held.fill(&mut self.market);
        }
        let now = self.now();
        if self.is_over(now) {
            self.line.end();
            return true;
        }
        if let Some(low) = self.disk.take() {
            self.line.put(now, &Input::LowDisk(low));
            return true;
        }
        if self.held.due <= now {
            self.take(now);
            return true;
        }
        if self.tick_due <= now {
            self.line.pass(now);
            self.tick_due = after(now);
            return true;
        }
        false
    }

    /// Hands the held frame on.
    #[inline]
    fn take(&mut self, now: WallNs) {
        let symbol = self.held.symbol;
        let symbol = symbol.as_ref().map(Symbol::as_str);
        self.line.take(&self.held.text, now, symbol);
        self.held.is_full = false;
        self.tick_due = after(now);
        self.first_recv.get_or_insert(now);
        let counted = self.line.feed.counters();
        self.gauge
            .set(counted.frames, counted.errors, counted.sync.gaps);
    }

    /// Returns the time: the clock's, that times the speed, or that of the frame that is held.
    #[inline]
    fn now(&self) -> WallNs {
        match self.pace.speed {
            Speed::Max => self.held.due,
            Speed::Times(times) => {
                let wall = self.line.clock.wall();
                let elapsed_ns = wall.since(self.pace.start).0;
                // Exact at the usual speed of 1; any other is nobody's time.
                match times == 1.0 {
                    true => wall,
                    false => self
                        .pace
                        .start
                        .after(DurationNs((elapsed_ns as f64 * times) as i64)),
                }
            }
        }
    }

    fn is_over(&self, now: WallNs) -> bool {
        let span = self.pace.span;
        span.is_some_and(|span| now >= self.pace.start.after(span))
    }
}

impl Feed for PaperFeed {
    fn line(&self) -> &FeedLine {
        &self.line
    }
}

impl Stage for PaperFeed {
    fn name(&self) -> StageName {
        const { StageName::new("feed") }
    }

    fn turn(&mut self) -> Turn {
        self.line.open_turn();
        for taken in 0..FRAMES_PER_TURN {
            if !self.line.flush() {
                return match taken {
                    0 => Turn::Blocked,
                    _ => Turn::Worked,
                };
            }
            if self.line.is_done() {
                return Turn::Done;
            }
            if !self.step() {
                return match taken {
                    0 => Turn::Idle,
                    _ => Turn::Worked,
                };
            }
        }
        Turn::Worked
    }

    fn stop(&mut self) -> Turn {
        if !self.line.flush() {
            return Turn::Blocked;
        }
        self.line.end();
        match self.line.flush() {
            true => Turn::Done,
            false => Turn::Blocked,
        }
    }

    fn close(&mut self) {
        self.line.close();
    }
}

impl Held {
    /// Takes the market's next frame.
    fn fill(&mut self, market: &mut Market) {
        let frame = market.next();
        self.is_full = true;
        self.text.clear();
        self.text.extend_from_slice(frame.text);
        let VenueNs(sent_ns) = frame.due;
        self.due = WallNs(sent_ns).after(LATENCY_ASSUMED);
        self.symbol = match frame.kind {
            FrameKind::Snapshot { symbol } => Some(symbol),
            FrameKind::ExchangeInfo | FrameKind::Stream => None,
        };
    }
}

/// Returns the first tick after `now`.
const fn after(now: WallNs) -> WallNs {
    WallNs((now.0.div_euclid(TICK_NS) + 1) * TICK_NS)
}
