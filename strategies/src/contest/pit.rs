//! The desk of contests: a market from a table, and a tally of what is asked, so that equal work can be proven.
//!
//! As cheap as can be and the same for all contestants: answers lie in flat arrays, a call that acts adds a few
//! words to a sum of products. It decides nothing: every eighth order is denied, an order stands open for some
//! events.

use super::session::{MARKET, Moment};
use claire_engine::indicator::IndicatorSpec;
use claire_engine::strategy::{
    BarsId, BracketRequest, Desk, DeskFault, IndicatorId, IndicatorSource, IndicatorView, LentDesk,
    MarketFacts, NoteLevel, OrderHandle, OrderRequest, OrderView, ProtectRequest, QuoteRequest,
    StopRequest, StopTrigger,
};
use claire_types::{GateCode, InstrumentId, Note, OrderId, Side};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A contest's desk.
#[derive(Debug)]
pub struct Pit {
    moments: Arc<[Moment]>,
    cursor: Cursor,
    tally: Tally,
    /// Events at which the last orders were placed, by their numbers.
    placed: [usize; ORDERS_KEPT],
    declared: Vec<Declared>,
    bars: Vec<i64>,
    is_init: bool,
}

/// At which event the market stands: set by who plays, read by the desk.
#[derive(Clone, Debug, Default)]
pub struct Cursor(Arc<AtomicUsize>);

/// What a strategy asked of its desk. Equal tallies: the same calls with the same values in the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tally {
    // Counts that are written one after the other do not lie side by side, or they are read in one and wait for it.
    /// Calls that act.
    pub calls: u64,
    /// Calls that were taken back: compiled code that left to the interpreter.
    pub undone: u64,
    /// Orders among the calls, quotes and protections too.
    pub orders: u64,
    /// Folds every call with all its values.
    pub hash: u64,
}

/// An indicator that `init` declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Declared {
    /// What it is computed on.
    pub source: IndicatorSource,
    /// What it is.
    pub spec: IndicatorSpec,
}

impl Cursor {
    /// Goes to an event.
    #[inline]
    pub fn set(&self, at: usize) {
        // Read on the same thread: no other order is needed.
        self.0.store(at, Ordering::Relaxed);
    }

    #[inline]
    fn at(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tally {
    /// Adds a call: what it is, and up to three words of it.
    #[inline]
    fn add(&mut self, what: u64, [a, b, c]: [u64; 3]) {
        // Odd numbers of random bits; products of their own keep the words apart and wait for nothing.
        let words = what
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(a.wrapping_mul(0xbf58_476d_1ce4_e5b9))
            .wrapping_add(b.wrapping_mul(0x94d0_49bb_1331_11eb))
            .wrapping_add(c.wrapping_mul(0xd6e8_feb8_6659_fd93));
        self.hash = (self.hash.rotate_left(5) ^ words).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.calls += 1;
    }
}

impl Pit {
    /// Returns a desk in `init`.
    pub fn new(moments: Arc<[Moment]>, cursor: Cursor) -> Self {
        Self {
            moments,
            cursor,
            tally: Tally::default(),
            placed: [0; ORDERS_KEPT],
            declared: Vec::new(),
            bars: Vec::new(),
            is_init: true,
        }
    }

    /// Returns the desk, ready to be lent.
    pub fn lent(self) -> LentDesk {
        LentDesk::new(Box::new(self))
    }

    /// Returns the desk of a loan; `None` where it is lent, or another.
    pub fn of(desk: &mut LentDesk) -> Option<&mut Self> {
        let desk: &mut dyn Any = desk.as_mut()?;
        desk.downcast_mut()
    }

    /// Returns what `init` declared.
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// Returns what was asked since the start.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Ends `init`, and forgets what was asked.
    pub fn start(&mut self) {
        self.is_init = false;
        self.tally = Tally::default();
        self.placed = [0; ORDERS_KEPT];
    }

    #[inline]
    fn moment(&self) -> Option<&Moment> {
        self.moments.get(self.cursor.at())
    }

    #[inline]
    fn order_placed(&mut self, what: u64, words: [u64; 3]) -> OrderHandle {
        self.tally.add(what, words);
        self.tally.orders += 1;
        let number = self.tally.orders;
        if number.is_multiple_of(DENIED_EVERY) {
            return OrderHandle {
                order: OrderId::NONE,
                denied: GateCode::OpenCount,
            };
        }
        let at = self.cursor.at();
        if let Some(placed) = self.placed.get_mut(number as usize % ORDERS_KEPT) {
            *placed = at;
        }
        OrderHandle {
            order: OrderId(number),
            denied: GateCode::Ok,
        }
    }

    fn timer(&mut self, what: u64, ms: i64, name: &str) -> Result<(), DeskFault> {
        self.tally.add(what, [ms as u64, text(name), 0]);
        if ms < 1 {
            return Err(DeskFault::Argument);
        }
        Ok(())
    }
}

impl Desk for Pit {
    fn primary(&self) -> InstrumentId {
        MARKET
    }

    fn market(&mut self, _: &str) -> Option<InstrumentId> {
        None
    }

    fn facts(&self, _: InstrumentId) -> &MarketFacts {
        self.moment()
            .map_or(&MarketFacts::UNKNOWN, |moment| &moment.facts)
    }

    fn level(&self, market: InstrumentId, side: Side, rank: usize) -> Option<(f64, f64)> {
        let facts = self.facts(market);
        let away = rank as f64 * facts.tick;
        Some(match side {
            Side::Buy => (facts.bid - away, facts.bid_qty),
            Side::Sell => (facts.ask + away, facts.ask_qty),
        })
    }

    fn imbalance(&self, _: InstrumentId, _: usize) -> f64 {
        self.moment().map_or(0.0, |moment| moment.imbalance)
    }

    fn place(&mut self, request: &OrderRequest) -> OrderHandle {
        let what = u64::from(request.flags.0) << 8 | request.side as u64;
        let price = request.price.map_or(0, f64::to_bits);
        self.order_placed(what, [request.qty.to_bits(), price, note(&request.reason)])
    }

    fn quote(&mut self, quote: &QuoteRequest) -> OrderHandle {
        let keep = u64::from(quote.keep_ticks) << 32 | u64::from(quote.level) << 16;
        let what = keep | QUOTE << 8 | quote.side as u64;
        let words = [
            quote.qty.to_bits(),
            quote.price.to_bits(),
            note(&quote.reason),
        ];
        self.order_placed(what, words)
    }

    fn protect(&mut self, protection: &ProtectRequest) -> OrderHandle {
        let take = protection.take.map_or(0, f64::to_bits);
        let words = [protection.stop.to_bits(), take, note(&protection.reason)];
        self.order_placed(PROTECT << 8, words)
    }

    fn stop(&mut self, stop: &StopRequest) -> OrderHandle {
        let trigger = match stop.trigger {
            StopTrigger::At(price) => price.to_bits(),
            StopTrigger::Behind(distance) => !distance.to_bits(),
        };
        let what = STOP << 8 | stop.side as u64;
        self.order_placed(what, [stop.qty.to_bits(), trigger, note(&stop.reason)])
    }

    fn bracket(&mut self, bracket: &BracketRequest) -> OrderHandle {
        let ends = bracket.stop.to_bits() ^ bracket.take.to_bits().rotate_left(1);
        let words = [bracket.qty.to_bits(), ends, note(&bracket.reason)];
        self.order_placed(BRACKET << 8 | bracket.side as u64, words)
    }

    fn replace(&mut self, handle: OrderHandle, price: f64, qty: f64) -> OrderHandle {
        let words = [handle.order.0, price.to_bits(), qty.to_bits()];
        self.order_placed(REPLACE << 8, words)
    }

    fn order(&self, handle: OrderHandle) -> OrderView {
        let placed = self.placed.get(handle.order.0 as usize % ORDERS_KEPT);
        let age = self.cursor.at().wrapping_sub(placed.copied().unwrap_or(0));
        OrderView {
            handle,
            is_open: handle.order != OrderId::NONE && age < OPEN_EVENTS,
            age_ms: age as i64,
            ..OrderView::NONE
        }
    }

    fn cancel(&mut self, handle: OrderHandle) {
        self.tally.add(CANCEL << 8, [handle.order.0, 0, 0]);
    }

    fn cancel_all(&mut self, _: InstrumentId) {
        self.tally.add(CANCEL_ALL << 8, [0; 3]);
    }

    fn flatten(&mut self, _: InstrumentId, reason: &str) -> OrderHandle {
        self.order_placed(FLATTEN << 8, [text(reason), 0, 0])
    }

    fn target_position(&mut self, _: InstrumentId, qty: f64, reason: &str) -> OrderHandle {
        self.order_placed(TARGET << 8, [qty.to_bits(), text(reason), 0])
    }

    fn qty_for(&self, market: InstrumentId, notional: f64) -> f64 {
        let facts = self.facts(market);
        (notional / facts.mid / facts.step).floor() * facts.step
    }

    fn qty_at_risk(&self, market: InstrumentId, share: f64, stop: f64) -> f64 {
        let facts = self.facts(market);
        (share * facts.budget / (facts.mid - stop).abs() / facts.step).floor() * facts.step
    }

    fn bars(&mut self, _: InstrumentId, interval_ms: i64) -> Result<BarsId, DeskFault> {
        if !self.is_init {
            return Err(DeskFault::OutsideInit);
        }
        let known = self.bars.iter().position(|known| *known == interval_ms);
        let index = known.unwrap_or(self.bars.len());
        if known.is_none() {
            self.bars.push(interval_ms);
        }
        u16::try_from(index)
            .map(BarsId)
            .map_err(|_| DeskFault::Capacity)
    }

    fn indicator(
        &mut self,
        source: IndicatorSource,
        kind: &str,
        arguments: &[f64],
    ) -> Result<IndicatorId, DeskFault> {
        if !self.is_init {
            return Err(DeskFault::OutsideInit);
        }
        let spec = IndicatorSpec::from_name(kind, arguments).map_err(DeskFault::Indicator)?;
        self.declared.push(Declared { source, spec });
        u16::try_from(self.declared.len() - 1)
            .map(IndicatorId)
            .map_err(|_| DeskFault::Capacity)
    }

    fn indicator_value(&self, id: IndicatorId, output: u8) -> IndicatorView {
        let views = self
            .moment()
            .and_then(|moment| moment.views.get(usize::from(id.0)));
        let view = views.and_then(|views| views.get(usize::from(output)));
        view.copied().unwrap_or_default()
    }

    fn warmup(&mut self, _: i64) -> Result<(), DeskFault> {
        Ok(())
    }

    fn every(&mut self, ms: i64, name: &str) -> Result<(), DeskFault> {
        self.timer(EVERY << 8, ms, name)
    }

    fn after(&mut self, ms: i64, name: &str) -> Result<(), DeskFault> {
        self.timer(AFTER << 8, ms, name)
    }

    fn stop_timer(&mut self, name: &str) {
        self.tally.add(STOP_TIMER << 8, [text(name), 0, 0]);
    }

    fn signal(&mut self, side: Side, strength: f64, reason: &str) {
        let words = [strength.to_bits(), text(reason), 0];
        self.tally.add(SIGNAL << 8 | side as u64, words);
    }

    fn note(&mut self, level: NoteLevel, words: &str) {
        self.tally
            .add(NOTE << 8 | level as u64, [text(words), 0, 0]);
    }

    fn plot(&mut self, pane: &str, name: &str, value: f64) {
        self.tally
            .add(PLOT << 8, [text(pane), text(name), value.to_bits()]);
    }

    fn undo(&mut self) {
        self.tally.undone += 1;
    }
}

/// Returns a word of a text: its length, its first eight bytes and its last.
#[inline]
fn text(of: &str) -> u64 {
    bytes(of.as_bytes())
}

#[inline]
fn note(of: &Note) -> u64 {
    bytes(of.as_bytes())
}

#[inline]
fn bytes(bytes: &[u8]) -> u64 {
    let ends = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(32)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
    } else {
        bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    ends ^ bytes.len() as u64
}

/// Orders whose place in time is kept.
const ORDERS_KEPT: usize = 64;
/// Events that an order stands open.
const OPEN_EVENTS: usize = 3;
/// Every so many orders one is denied.
const DENIED_EVERY: u64 = 8;

const QUOTE: u64 = 16;
const PROTECT: u64 = 17;
const STOP: u64 = 18;
const BRACKET: u64 = 19;
const REPLACE: u64 = 20;
const CANCEL: u64 = 21;
const CANCEL_ALL: u64 = 22;
const FLATTEN: u64 = 23;
const TARGET: u64 = 24;
const EVERY: u64 = 25;
const AFTER: u64 = 26;
const STOP_TIMER: u64 = 27;
const SIGNAL: u64 = 28;
const NOTE: u64 = 29;
const PLOT: u64 = 30;
