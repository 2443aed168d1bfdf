//! The engine: one input in, its records out.
//!
//! Called by the pipeline's engine stage for each input, in order; nothing else moves it. See the
//! crate's page for what it does not own.

mod calls;
mod rare;
mod swap;

pub use swap::{Prepared, Retired, Retirement, Successor, Swapped};

use crate::config::EngineConfig;
use crate::convert;
use crate::floor::Floor;
use crate::indicator::TradeF64;
use crate::market::BookChange;
use crate::paper::Moment;
use crate::probe::{Part, Probe};
use crate::risk::LatchedState;
use crate::strategy::{Strategy, StrategyEvent, TradeView};
use claire_types::annotation::Cut;
use claire_types::time::NS_PER_S;
use claire_types::{
    BookReason, Cell, Depth, EngineSeq, Header, Input, InstrumentId, Ticker, Trade, WallNs,
};
use std::collections::VecDeque;

/// Interval of portfolio records: one minute of engine time.
const PORTFOLIO_NS: i64 = 60 * NS_PER_S;

/// The deterministic state machine.
pub struct Engine {
    /// `None` only while a strategy holds it as its desk.
    floor: Option<Box<Floor>>,
    pub(crate) strategies: Vec<Box<dyn Strategy>>,
    pub(crate) seq: EngineSeq,
    pub(crate) portfolio_due: WallNs,
    pub(crate) ended: bool,
    /// Per strategy the version before the one on probation.
    pub(crate) previous: Vec<Option<Box<dyn Strategy>>>,
    /// The version that the next reload is about.
    staged: Option<Box<Successor>>,
    swapped: Option<Swapped>,
    /// What is left of the successor of the last reload.
    spent: Option<Box<Successor>>,
    /// What left its seat and waits to be freed elsewhere.
    retired: VecDeque<Retired>,
    /// Calls of this input so far.
    call_number: u32,
    /// Calls of this input that were cut.
    cuts: Vec<Cut>,
    /// Calls that were cut when these inputs were applied first, in order.
    cuts_known: VecDeque<Cut>,
}

/// Versions that wait to be freed before their list must grow.
const RETIRED_ROOM: usize = 16;

impl Engine {
    /// Returns the engine at the start of a run, with one strategy per configured entry.
    ///
    /// # Errors
    /// What is wrong with the configuration, in words.
    pub fn new(
        config: EngineConfig,
        state: LatchedState,
        strategies: Vec<Box<dyn Strategy>>,
    ) -> Result<Self, String> {
        if strategies.len() != config.strategies.len() {
            return Err(format!(
                "{} strategies are configured, {} were loaded",
                config.strategies.len(),
                strategies.len()
            ));
        }
        Ok(Self {
            floor: Some(Box::new(Floor::new(config, state)?)),
            previous: strategies.iter().map(|_| None).collect(),
            strategies,
            seq: EngineSeq(0),
            portfolio_due: WallNs(0),
            ended: false,
            staged: None,
            swapped: None,
            spent: None,
            retired: VecDeque::with_capacity(RETIRED_ROOM),
            call_number: 0,
            cuts: Vec::with_capacity(RETIRED_ROOM),
            cuts_known: VecDeque::new(),
        })
    }

    /// Measures the parts of the work with this probe.
    pub fn set_probe(&mut self, probe: Box<dyn Probe + Send>) {
        self.floor_mut().probe = probe;
    }

    /// Applies the next input. Its records are in [`Engine::records`] until the next call.
    pub fn apply(&mut self, header: &Header, input: &Input<'_>) {
        self.seq = EngineSeq(self.seq.0 + 1);
        let seq = self.seq;
        self.call_number = 0;
        self.cuts.clear();
        let floor = self.floor_mut();
        floor.now = floor.now.max(header.recv);
        let now = floor.now;
        floor.outputs.begin(seq, now);
        // FEED says that a book is stale also because the venue said nothing.
        if !matches!(input, Input::BookStale(_)) {
            floor.hear_of(header.instrument);
        }
        match input {
            Input::Depth(depth) => self.on_depth(header, depth),
            Input::Ticker(ticker) => self.on_ticker(header, ticker),
            Input::Trade(trade) => self.on_trade(header, trade),
            Input::Timer => self.on_timer(),
            rare => self.on_rare(header, rare),
        }
        self.settle();
    }

    /// Returns the records of the last input as whole messages.
    pub fn records(&self) -> &[Cell] {
        self.floor().outputs.cells()
    }

    /// Returns the calls of the last input that were cut: who applies it again must know them before.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Says that a call was cut when its input was applied first: it is not run, and fails with the same words.
    /// Cuts are told in their order.
    pub fn know_cut(&mut self, cut: Cut) {
        self.cuts_known.push_back(cut);
    }

    /// Returns whether the end of the input was applied.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the number of inputs applied.
    pub const fn seq(&self) -> EngineSeq {
        self.seq
    }

    /// Returns what the engine knows.
    ///
    /// # Panics
    /// Where a strategy kept the desk it was lent: a bug that must stop everything.
    #[inline]
    pub fn floor(&self) -> &Floor {
        self.floor
            .as_deref()
            .expect("a strategy gave the desk back")
    }

    #[inline]
    pub(crate) fn floor_mut(&mut self) -> &mut Floor {
        self.floor
            .as_deref_mut()
            .expect("a strategy gave the desk back")
    }

    fn on_depth(&mut self, header: &Header, depth: &Depth<'_>) {
        let instrument = header.instrument;
        let Some(moment) = self.begin_event(header, depth.is_first) else {
            return;
        };
        let floor = self.floor_mut();
        let now = floor.now;
        let Some(market) = floor.markets.get_mut(instrument.index()) else {
            return;
        };
        let change = market.on_depth(depth, now);
        if !change.is_complete {
            return;
        }
        if change.is_crossed {
            return self.lose_book(instrument, BookReason::Crossed);
        }
        if depth.is_snapshot {
            self.say_book(instrument, BookReason::Synced);
        }
        self.after_view_change(instrument, &change, moment);
        if let Some(market) = self.floor_mut().markets.get_mut(instrument.index()) {
            market.book.tidy();
        }
    }

    #[inline]
    fn on_ticker(&mut self, header: &Header, ticker: &Ticker) {
        let Some(moment) = self.begin_event(header, true) else {
            return;
        };
        let floor = self.floor_mut();
        let now = floor.now;
        let Some(market) = floor.markets.get_mut(header.instrument.index()) else {
            return;
        };
        let change = market.on_ticker(ticker, now);
        self.after_view_change(header.instrument, &change, moment);
    }

    fn on_trade(&mut self, header: &Header, trade: &Trade) {
        let instrument = header.instrument;
        let Some(moment) = self.begin_event(header, true) else {
            return;
        };
        let floor = self.floor_mut();
        let Some(market) = floor.markets.get_mut(instrument.index()) else {
            return;
        };
        let closed = &mut floor.closed_bars;
        market.on_trade(trade, header.venue_time, &mut |number, bar| {
            closed.push((number, bar))
        });
        if !floor.closed_bars.is_empty() {
            floor.tell_closed_bars(instrument);
        }
        if !trade.is_off_book && !floor.papers_idle() {
            floor.probe.enter(Part::Match);
            floor.match_trade(instrument, trade, moment);
        }
        if !floor.seats.is_empty() {
            if !trade.is_off_book {
                floor.see_trade(instrument, trade.price);
            }
            self.tell_trade(header, trade);
        }
    }

    /// Feeds the trade to indicators and tells the strategies that look at its market.
    fn tell_trade(&mut self, header: &Header, trade: &Trade) {
        let instrument = header.instrument;
        let floor = self.floor_mut();
        let Some(facts) = floor.markets.get(instrument.index()) else {
            return;
        };
        let facts = &facts.instrument;
        let view = TradeView {
            price: convert::price_to_f64(trade.price, facts),
            qty: convert::qty_to_f64(trade.qty, trade.price, facts),
            side: trade.aggressor,
            time: header.venue_time,
        };
        let now = floor.now;
        floor.feed_trade(
            instrument,
            &TradeF64 {
                now,
                price: view.price,
                qty: view.qty,
                side: view.side,
            },
        );
        floor.begin_warm_seats();
        self.settle();
        self.call_watchers(
            instrument,
            &StrategyEvent::Trade {
                market: instrument,
                trade: view,
            },
        );
    }

    /// Notes that something came of an instrument, and lets messages of ours arrive before it.
    ///
    /// `None` where nobody said what the instrument is.
    #[inline]
    fn begin_event(&mut self, header: &Header, is_first: bool) -> Option<Moment> {
        let seq = self.seq.0;
        let floor = self.floor_mut();
        let market = floor.markets.get_mut(header.instrument.index())?;
        market.see(header.venue_time);
        let venue_time = match header.venue_time.is_some() {
            true => header.venue_time,
            false => floor.venue_now(header.instrument),
        };
        let moment = Moment {
            venue_time,
            recv: header.recv,
            seq,
        };
        if is_first && !floor.papers_idle() {
            floor.probe.enter(Part::Match);
            floor.arrive(header.instrument, moment);
            floor.probe.enter(Part::Book);
        }
        Some(moment)
    }

    #[inline]
    fn after_view_change(&mut self, instrument: InstrumentId, change: &BookChange, moment: Moment) {
        let floor = self.floor_mut();
        if !change.is_complete {
            return;
        }
        if !floor.papers_idle() {
            floor.probe.enter(Part::Match);
            floor.match_book(instrument, moment);
        }
        if floor.seats.is_empty() {
            // Nobody looks at marks or numbers before the end of the run, which brings them up to date.
            return;
        }
        let touch_changed = floor.on_view_change(instrument, change);
        if !touch_changed && change.nearest_bid.is_none() && change.nearest_ask.is_none() {
            return;
        }
        if touch_changed {
            floor.feed_mid(instrument);
            floor.see_touch(instrument);
        }
        floor.feed_book(instrument, touch_changed);
        floor.begin_warm_seats();
        if floor.is_fresh(instrument) {
            // What became known before this event is told before it.
            self.settle();
            self.call_watchers(instrument, &StrategyEvent::Book { market: instrument });
        }
    }

    fn on_timer(&mut self) {
        let due = self.portfolio_due;
        let floor = self.floor_mut();
        let now = floor.now;
        floor.watch_day();
        floor.watch_profit();
        if !floor.papers_idle() {
            floor.arrive_on_time();
        }
        floor.refresh_all_holdings();
        for index in 0..floor.markets.len() {
            let Some(instrument) = floor.markets.get(index).map(|market| market.instrument.id)
            else {
                continue;
            };
            floor.refresh_staleness(instrument);
            floor.close_bars(instrument);
        }
        floor.feed_time();
        floor.begin_warm_seats();
        if now >= due {
            let is_first = due == WallNs(0);
            if !is_first && !floor.seats.is_empty() {
                floor.record_portfolio();
            }
            self.portfolio_due = WallNs((now.0.div_euclid(PORTFOLIO_NS) + 1) * PORTFOLIO_NS);
        }
    }
}
