//! What a contest is played on: a market of a seed, moment by moment, and the event of each moment.
//!
//! Made before anything is measured. What a strategy sees depends on the moment alone, never on what it did
//! before, so that all contestants see the same whatever they are made of. Indicators are the engine's own.

use super::pit::{Cursor, Declared, Pit};
use crate::{RhaiStrategy, Script, bundled};
use claire_engine::indicator::{BarF64, Indicator, TouchF64};
use claire_engine::strategy::{
    BarView, BarsId, FillView, IndicatorSource, IndicatorView, MarketFacts, OrderHandle, Strategy,
    StrategyEvent,
};
use claire_types::{Currency, InstrumentId, OrderId, Side, VenueNs, WallNs};
use std::sync::Arc;

/// The market of all contests.
pub const MARKET: InstrumentId = InstrumentId(0);
/// Events of a contest.
pub const EVENTS: usize = 10_240;
/// Indicators that a contest's strategy may declare.
pub const INDICATORS_MAX: usize = 4;
/// Outputs of an indicator that are kept.
pub const OUTPUTS_MAX: usize = 3;

/// A contest's strategy, market and events.
#[derive(Debug)]
pub struct Session {
    name: &'static str,
    script: Arc<Script>,
    moments: Arc<[Moment]>,
    events: Vec<StrategyEvent<'static>>,
    declared: Vec<Declared>,
}

/// All that the desk knows when an event comes.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Moment {
    /// The market's numbers.
    pub facts: MarketFacts,
    /// Imbalance of the book, of any number of levels.
    pub imbalance: f64,
    /// Outputs of the declared indicators, in the order of their declarations.
    pub views: [[IndicatorView; OUTPUTS_MAX]; INDICATORS_MAX],
}

impl Session {
    /// Returns the session of a bundled strategy.
    ///
    /// # Errors
    /// A strategy that is not there or not compiled, in words.
    pub fn new(name: &'static str) -> Result<Self, String> {
        let source = bundled(name).ok_or_else(|| format!("no bundled strategy `{name}`"))?;
        let script = Script::compile(name, source, &[]);
        let script =
            script.map_err(|all| all.iter().map(ToString::to_string).collect::<String>())?;
        if let Some(why) = script.interpreted(name).first() {
            return Err(why.to_string());
        }
        let script = Arc::new(script);
        let declared = declared(&script)?;
        let mut market = Walk::new(SEED, &declared);
        for _ in 0..WARMING {
            market.step();
        }
        let (mut moments, mut events) = (Vec::with_capacity(EVENTS), Vec::with_capacity(EVENTS));
        for at in 0..EVENTS {
            market.step();
            moments.push(market.moment());
            events.push(market.event(name, at));
        }
        Ok(Self {
            name,
            script,
            moments: moments.into(),
            events,
            declared,
        })
    }

    /// Returns the strategy's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the strategy's script.
    pub fn script(&self) -> &Arc<Script> {
        &self.script
    }

    /// Returns the moments.
    pub fn moments(&self) -> &Arc<[Moment]> {
        &self.moments
    }

    /// Returns the event of each moment.
    pub fn events(&self) -> &[StrategyEvent<'static>] {
        &self.events
    }

    /// Returns what the strategy's `init` declares, in its order.
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }
}

/// Returns what the script's `init` declares.
fn declared(script: &Arc<Script>) -> Result<Vec<Declared>, String> {
    let mut desk = Pit::new(Arc::new([]), Cursor::default()).lent();
    let mut strategy = RhaiStrategy::new(Arc::clone(script));
    let called = strategy.call(&StrategyEvent::Init, &mut desk);
    called.map_err(|fault| fault.text.to_string())?;
    let declared = Pit::of(&mut desk).map(|pit| pit.declared().to_vec());
    declared.ok_or_else(|| "the desk did not come back".to_owned())
}

/// A market that moves at random, with trends and positions that come and go.
struct Walk {
    random: u64,
    now: WallNs,
    bid_ticks: i64,
    drift: i64,
    bar: BarF64,
    facts: MarketFacts,
    imbalance: f64,
    indicators: Vec<(IndicatorSource, Indicator)>,
}

impl Walk {
    fn new(seed: u64, declared: &[Declared]) -> Self {
        let own = |of: &Declared| (of.source, Indicator::new(of.spec));
        Self {
            random: seed,
            now: WallNs(1_723_161_253_000_000_000),
            bid_ticks: 120_000,
            drift: 40,
            bar: BarF64::default(),
            facts: MarketFacts {
                tick: TICK,
                step: 1e-5,
                min_notional: 5.0,
                budget: 10_000.0,
                equity: 10_000.0,
                is_flat: true,
                can_short: true,
                regime: 1,
                ..MarketFacts::default()
            },
            imbalance: 0.0,
            indicators: declared.iter().map(own).collect(),
        }
    }

    /// Returns the next random number (splitmix64).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Returns a number below `end`.
    fn below(&mut self, end: u64) -> i64 {
        (self.next() % end) as i64
    }

    /// Returns a number from 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Goes on to the next moment: a second and a bar later.
    fn step(&mut self) {
        self.now = WallNs(self.now.0 + STEP_NS);
        if self.below(150) == 0 {
            self.drift = self.below(81) - 40;
        }
        self.bid_ticks += self.below(121) - 60 + self.drift;
        // The walk turns at its borders, far from zero.
        if !(80_000..160_000).contains(&self.bid_ticks) {
            self.drift = -self.drift;
            self.bid_ticks = self.bid_ticks.clamp(80_000, 160_000);
        }
        let spread = [1, 1, 1, 2, 2, 3, 4][self.below(7) as usize % 7];
        self.quote(spread);
        self.trade();
        self.hold();
        self.imbalance = 0.9 * self.imbalance + 0.25 * (self.share() * 2.0 - 1.0);
        let (now, mid, bar, facts) = (self.now, self.facts.mid, self.bar, self.facts);
        for (source, indicator) in &mut self.indicators {
            match source {
                IndicatorSource::Bars(_) => indicator.on_bar(&bar),
                IndicatorSource::Mid(_) | IndicatorSource::Trades(_) => indicator.on_mid(now, mid),
                IndicatorSource::Book(_) => indicator.on_touch(
                    now,
                    &TouchF64 {
                        bid: facts.bid,
                        bid_qty: facts.bid_qty,
                        ask: facts.ask,
                        ask_qty: facts.ask_qty,
                    },
                ),
            }
        }
    }

    /// Moves the touch.
    fn quote(&mut self, spread_ticks: i64) {
        let (bid_qty, ask_qty) = (0.05 + 5.0 * self.share(), 0.05 + 5.0 * self.share());
        let facts = &mut self.facts;
        facts.now_ns = self.now.0;
        facts.bid = self.bid_ticks as f64 * TICK;
        facts.ask = (self.bid_ticks + spread_ticks) as f64 * TICK;
        (facts.bid_qty, facts.ask_qty) = (bid_qty, ask_qty);
        facts.mid = (facts.bid + facts.ask) / 2.0;
        let weighted = facts.bid * ask_qty + facts.ask * bid_qty;
        facts.microprice = weighted / (bid_qty + ask_qty);
        facts.spread = facts.ask - facts.bid;
        facts.spread_ticks = spread_ticks;
    }

    /// Closes the bar of this moment.
    fn trade(&mut self) {
        let open = if self.bar.close == 0.0 {
            self.facts.mid
        } else {
            self.bar.close
        };
        let close = self.facts.mid;
        let (above, below) = (self.below(60) as f64 * TICK, self.below(60) as f64 * TICK);
        self.bar = BarF64 {
            open_time: VenueNs(self.now.0 - STEP_NS),
            open,
            high: open.max(close) + above,
            low: open.min(close) - below,
            close,
            volume: 20.0 * self.share(),
        };
    }

    /// Lets positions come and go.
    fn hold(&mut self) {
        if self.below(40) == 0 {
            let position = match self.below(3) {
                0 => 0.0,
                1 => 0.0005 + 0.005 * self.share(),
                _ => -0.0005 - 0.005 * self.share(),
            };
            self.facts.position = position;
            self.facts.is_flat = position == 0.0;
            self.facts.avg_price = if position == 0.0 { 0.0 } else { self.facts.mid };
        }
        let facts = &mut self.facts;
        facts.exposure = facts.position * facts.mid;
        facts.unrealized = facts.position * (facts.mid - facts.avg_price);
    }

    fn moment(&self) -> Moment {
        let mut views = [[IndicatorView::default(); OUTPUTS_MAX]; INDICATORS_MAX];
        for ((_, indicator), views) in self.indicators.iter().zip(&mut views) {
            for (output, view) in views.iter_mut().enumerate() {
                *view = IndicatorView {
                    value: indicator.output(output),
                    prev: indicator.output_prev(output),
                    is_warm: indicator.is_warm(),
                };
            }
        }
        Moment {
            facts: self.facts,
            imbalance: self.imbalance.clamp(-1.0, 1.0),
            views,
        }
    }

    /// Returns the event of a moment.
    fn event(&mut self, name: &str, at: usize) -> StrategyEvent<'static> {
        match name {
            "ema_cross" | "breakout" => StrategyEvent::Bar {
                market: MARKET,
                bar: self.bar_view(),
            },
            "market_maker" => StrategyEvent::Timer { name: "quote" },
            "imbalance" if at % 29 == 7 => StrategyEvent::Fill {
                market: MARKET,
                fill: self.fill(at),
            },
            "imbalance" if at % 31 == 11 => StrategyEvent::Timer { name: "hold" },
            _ => StrategyEvent::Book { market: MARKET },
        }
    }

    fn bar_view(&self) -> BarView {
        BarView {
            bars: BarsId(0),
            interval_ms: STEP_NS / 1_000_000,
            open_time: self.bar.open_time,
            open: self.bar.open,
            high: self.bar.high,
            low: self.bar.low,
            close: self.bar.close,
            volume: self.bar.volume,
        }
    }

    fn fill(&mut self, at: usize) -> FillView {
        let opens = self.below(2) == 0;
        FillView {
            order: OrderHandle {
                order: OrderId::new(1, 1 + at as u64),
                ..OrderHandle::NONE
            },
            side: if self.below(2) == 0 {
                Side::Buy
            } else {
                Side::Sell
            },
            price: self.facts.ask,
            qty: 0.004,
            fee: 0.25,
            fee_currency: Currency::cut("USDT"),
            is_maker: false,
            opens,
            closes: !opens,
            realized: 0.0,
            queue_ahead: 0.0,
        }
    }
}

const SEED: u64 = 3;
const TICK: f64 = 0.5;
const STEP_NS: i64 = 1_000_000_000;
/// Moments before the first: all indicators are warm then.
const WARMING: usize = 500;
