//! The engine: one input in, its records out.
//!
//! Called by the pipeline's engine stage for each input, in order; nothing else moves it. See the
//! crate's page for what it does not own.

use crate::config::EngineConfig;
use crate::floor::{Call, Floor, Market, Phase};
use crate::market::BookChange;
use crate::paper::{Moment, PaperVenue};
use crate::probe::{Part, Probe};
use crate::risk::LatchedState;
use crate::risk::state::Cause;
use crate::strategy::{
    BarView, BarsId, Fault, FaultKind, LentDesk, Strategy, StrategyEvent, TradeView,
};
use crate::{convert, strategy::IndicatorSource};
use claire_types::input::{Command, FrameError};
use claire_types::record::{NoteKind, NoteRecord};
use claire_types::time::NS_PER_S;
use claire_types::{
    Amount, BookReason, Cell, CommandKind, Depth, EngineSeq, GateCode, Header, Input, Instrument,
    InstrumentId, Note, OrderReason, Record, StrategyId, Ticker, Trade, TradingState, WallNs,
};
use std::any::Any;

/// Calls that may fail one after the other before a strategy is not called any more.
pub const FAULTS_IN_A_ROW_MAX: u32 = 10;
/// Rounds of strategies answering what their own orders caused, per input.
const ROUNDS_MAX: usize = 8;
/// Interval of portfolio records: one minute of engine time.
const PORTFOLIO_NS: i64 = 60 * NS_PER_S;

/// The deterministic state machine.
pub struct Engine {
    desk: LentDesk,
    strategies: Vec<Box<dyn Strategy>>,
    seq: EngineSeq,
    portfolio_due: WallNs,
    ended: bool,
}

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
            desk: LentDesk::new(Box::new(Floor::new(config, state)?)),
            strategies,
            seq: EngineSeq(0),
            portfolio_due: WallNs(0),
            ended: false,
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
        let floor = self.floor_mut();
        floor.now = floor.now.max(header.recv);
        let now = floor.now;
        floor.outputs.begin(seq, now);
        floor.probe.enter(Part::Book);
        match input {
            Input::Depth(depth) => self.on_depth(header, depth),
            Input::Ticker(ticker) => self.on_ticker(header, ticker),
            Input::Trade(trade) => self.on_trade(header, trade),
            Input::Timer => self.on_timer(),
            rare => self.on_rare(header, rare),
        }
        self.settle();
        self.floor_mut().probe.enter(Part::Rest);
    }

    /// Returns the records of the last input as whole messages.
    pub fn records(&self) -> &[Cell] {
        self.floor().outputs.cells()
    }

    /// Returns the number of inputs applied.
    pub const fn seq(&self) -> EngineSeq {
        self.seq
    }

    /// Returns what the engine knows.
    ///
    /// # Panics
    /// Where a strategy kept the desk it was lent: a bug that must stop everything.
    pub fn floor(&self) -> &Floor {
        let desk: &dyn Any = self.desk.as_ref().expect("a strategy gave the desk back");
        desk.downcast_ref().expect("the desk is the engine's floor")
    }

    fn floor_mut(&mut self) -> &mut Floor {
        let desk: &mut dyn Any = self.desk.as_mut().expect("a strategy gave the desk back");
        desk.downcast_mut().expect("the desk is the engine's floor")
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
        let facts = market.instrument;
        let closed = &mut floor.closed_bars;
        market.on_trade(trade, header.venue_time, &mut |number, bar| {
            closed.push((number, bar))
        });
        floor.tell_closed_bars(instrument);
        if !trade.is_off_book && !floor.papers_idle() {
            floor.probe.enter(Part::Match);
            floor.match_trade(instrument, trade, moment);
        }
        let view = TradeView {
            price: convert::price_to_f64(trade.price, &facts),
            qty: convert::qty_to_f64(trade.qty, trade.price, &facts),
            side: trade.aggressor,
            time: header.venue_time,
        };
        floor.feed_indicators(IndicatorSource::Trades(instrument), view.price);
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
    fn begin_event(&mut self, header: &Header, is_first: bool) -> Option<Moment> {
        let seq = self.seq.0;
        let floor = self.floor_mut();
        let venue = floor.market_of(header.instrument)?.instrument.key.venue;
        floor.hear(venue);
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

    fn after_view_change(&mut self, instrument: InstrumentId, change: &BookChange, moment: Moment) {
        let floor = self.floor_mut();
        if !change.is_complete {
            return;
        }
        if !floor.papers_idle() {
            floor.probe.enter(Part::Match);
            floor.match_book(instrument, moment);
        }
        let touch_changed = floor.on_view_change(instrument, change);
        if !touch_changed && change.nearest_bid.is_none() && change.nearest_ask.is_none() {
            return;
        }
        if touch_changed {
            floor.feed_mid(instrument);
        }
        if floor.is_fresh(instrument) {
            self.call_watchers(instrument, &StrategyEvent::Book { market: instrument });
        }
    }

    fn on_timer(&mut self) {
        let due = self.portfolio_due;
        let floor = self.floor_mut();
        let now = floor.now;
        floor.watch_day();
        floor.watch_profit();
        for index in 0..floor.markets.len() {
            let Some(instrument) = floor.markets.get(index).map(|market| market.instrument.id)
            else {
                continue;
            };
            floor.refresh_staleness(instrument);
            floor.close_bars(instrument);
        }
        if now >= due {
            let is_first = due == WallNs(0);
            if !is_first && !floor.seats.is_empty() {
                floor.record_portfolio();
            }
            self.portfolio_due = WallNs((now.0.div_euclid(PORTFOLIO_NS) + 1) * PORTFOLIO_NS);
        }
    }

    #[cold]
    fn on_rare(&mut self, header: &Header, input: &Input<'_>) {
        match input {
            Input::Instrument(facts) => self.on_instrument(facts),
            Input::Mark(mark) => {
                let floor = self.floor_mut();
                let now = floor.now;
                if let Some(market) = floor.markets.get_mut(header.instrument.index()) {
                    market.mark = Some((mark.mark, now));
                }
            }
            Input::BookStale(reason) => self.lose_book(header.instrument, *reason),
            Input::FrameError(error) => self.on_frame_error(header, error),
            Input::ClockOffset(clock) => self.floor_mut().take_offset(clock.venue, clock.offset),
            Input::Command(command) => self.on_command(command),
            Input::SessionReset => self.on_session_reset(header),
            Input::End => self.on_end(header),
            // Klines and liquidations are counted by the feed; nothing here is moved by them yet.
            _ => {}
        }
    }

    fn on_instrument(&mut self, facts: &Instrument) {
        let floor = self.floor_mut();
        // Facts come in the order of ids and do not change within a run.
        if facts.id.index() != floor.markets.len() {
            return;
        }
        let venue = facts.key.venue;
        if !floor.papers.iter().any(|(name, _)| *name == venue) {
            let paper = PaperVenue::new(&floor.config);
            floor.papers.push((venue, paper));
        }
        floor.markets.push(Market::new(*facts));
        let described = floor.portfolio.describe(facts).is_ok();
        let config = floor.config.clone();
        if floor.fees.describe(&config, facts).is_err() || !described {
            floor.warn_instrument(facts);
        }
        self.open_seats(facts);
    }

    /// Runs `init` and `on_start` of every strategy whose primary market this is.
    fn open_seats(&mut self, facts: &Instrument) {
        for index in 0..self.strategies.len() {
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let floor = self.floor_mut();
            let Some(seat) = floor.seats.get_mut(index) else {
                continue;
            };
            if seat.key != facts.key || seat.phase != Phase::Waiting {
                continue;
            }
            seat.primary = facts.id;
            seat.phase = Phase::Init;
            floor.watch_primary(strategy, facts.id);
            let is_ready = self.call(strategy, &StrategyEvent::Init);
            if let Some(seat) = self.floor_mut().seats.get_mut(index) {
                seat.phase = if is_ready {
                    Phase::Running
                } else {
                    Phase::Failed
                };
            }
            if is_ready && self.strategies[index].handlers().start {
                self.call(strategy, &StrategyEvent::Start);
            }
        }
    }

    fn on_frame_error(&mut self, header: &Header, error: &FrameError) {
        let _ = error;
        if header.instrument != InstrumentId::NONE {
            self.lose_book(header.instrument, BookReason::FrameError);
        }
    }

    fn lose_book(&mut self, instrument: InstrumentId, reason: BookReason) {
        let floor = self.floor_mut();
        if let Some(market) = floor.markets.get_mut(instrument.index()) {
            market.mark_stale(reason);
        }
        floor.refresh_staleness(instrument);
        self.say_book(instrument, reason);
    }

    fn say_book(&mut self, instrument: InstrumentId, reason: BookReason) {
        let floor = self.floor_mut();
        let market = floor.markets.get_mut(instrument.index());
        if let Some(record) = market.and_then(|market| market.proof_record(reason)) {
            floor
                .outputs
                .emit(StrategyId::NONE, instrument, &Record::Book(record));
        }
    }

    fn on_command(&mut self, command: &Command) {
        let floor = self.floor_mut();
        let cause = |code, state| Cause {
            code,
            state,
            limit: Amount::ZERO,
            measured: Amount::ZERO,
            time: floor.now,
        };
        let (halt, reduce) = (
            cause(GateCode::Operator, TradingState::Halted),
            cause(GateCode::Operator, TradingState::Reducing),
        );
        let kill = cause(GateCode::KillSwitch, TradingState::Killed);
        match command.kind {
            CommandKind::Kill => floor.tighten(StrategyId::NONE, kill, command.note),
            CommandKind::Halt => floor.tighten(StrategyId::NONE, halt, command.note),
            CommandKind::Reduce => floor.tighten(StrategyId::NONE, reduce, command.note),
            CommandKind::Pause => floor.tighten(command.strategy, halt, command.note),
            CommandKind::Resume | CommandKind::Unpause => {
                if let Ok(Some(change)) = floor.state.resume(command.strategy) {
                    let nothing = (Amount::ZERO, Amount::ZERO);
                    floor.record_state(
                        command.strategy,
                        GateCode::Operator,
                        change,
                        nothing,
                        command.note,
                    );
                }
            }
            CommandKind::CancelAll => {
                for id in floor.orders_where(|_| true) {
                    floor.send_cancel(id, OrderReason::CancelledByOperator);
                }
            }
            CommandKind::Flatten => floor.flatten_all("operator"),
            CommandKind::Stop => {}
        }
    }

    fn on_session_reset(&mut self, header: &Header) {
        let floor = self.floor_mut();
        floor.end_orders(OrderReason::SessionReset, header.recv);
        for market in &mut floor.markets {
            market.reset();
        }
        let instruments: Vec<_> = floor
            .markets
            .iter()
            .map(|market| market.instrument.id)
            .collect();
        for instrument in instruments {
            self.lose_book(instrument, BookReason::Reset);
        }
    }

    /// Ends the run: strategies stop, what still works is cancelled, and all that counts is recorded.
    fn on_end(&mut self, header: &Header) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.deliver();
        for index in 0..self.strategies.len() {
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let Some(seat) = self.floor_mut().seats.get_mut(index) else {
                continue;
            };
            if seat.phase == Phase::Running {
                seat.phase = Phase::Stopping;
                if self.strategies[index].handlers().stop {
                    self.call(strategy, &StrategyEvent::Stop);
                }
            }
        }
        let floor = self.floor_mut();
        floor.end_orders(OrderReason::RunEnd, header.recv);
        floor.record_portfolio();
        for index in 0..floor.markets.len() {
            if let Some((id, end)) = floor
                .markets
                .get(index)
                .map(|m| (m.instrument.id, m.book_end()))
            {
                floor
                    .outputs
                    .emit(StrategyId::NONE, id, &Record::BookEnd(end));
            }
        }
    }

    /// Takes due reports and timers and tells the strategies, until nothing more follows.
    fn settle(&mut self) {
        let floor = self.floor_mut();
        if floor.seats.is_empty() && floor.papers_idle() {
            return;
        }
        floor.take_reports();
        floor.collect_timers();
        for _ in 0..ROUNDS_MAX {
            self.floor_mut().act_on_halt();
            if self.floor_mut().calls.is_empty() {
                return;
            }
            self.deliver();
            self.floor_mut().take_reports();
        }
    }

    fn deliver(&mut self) {
        let mut calls = std::mem::take(&mut self.floor_mut().calls);
        for call in &calls {
            match call {
                Call::Bar(strategy, market, bar) => {
                    let event = StrategyEvent::Bar {
                        market: *market,
                        bar: *bar,
                    };
                    self.call_if(*strategy, |handlers| handlers.bar, &event);
                }
                Call::Fill(strategy, market, fill) => {
                    let event = StrategyEvent::Fill {
                        market: *market,
                        fill: *fill,
                    };
                    self.call_if(*strategy, |handlers| handlers.fill, &event);
                }
                Call::Order(strategy, market, order) => {
                    let event = StrategyEvent::Order {
                        market: *market,
                        order: *order,
                    };
                    self.call_if(*strategy, |handlers| handlers.order, &event);
                }
                Call::Timer(strategy, name) => {
                    let event = StrategyEvent::Timer {
                        name: name.as_str(),
                    };
                    self.call_if(*strategy, |handlers| handlers.timer, &event);
                }
            }
        }
        calls.clear();
        let later = std::mem::replace(&mut self.floor_mut().calls, calls);
        self.floor_mut().calls.extend(later);
    }

    /// Tells every strategy that looks at the market and has the handler.
    fn call_watchers(&mut self, market: InstrumentId, event: &StrategyEvent<'_>) {
        for index in 0..self.strategies.len() {
            let watches = |floor: &Floor| {
                floor
                    .seats()
                    .get(index)
                    .is_some_and(|seat| seat.facts.iter().any(|(id, _)| *id == market))
            };
            if !watches(self.floor()) {
                continue;
            }
            let strategy = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let wants = |handlers: crate::strategy::Handlers| match event {
                StrategyEvent::Book { .. } => handlers.book,
                _ => handlers.trade,
            };
            self.call_if(strategy, wants, event);
        }
    }

    fn call_if(
        &mut self,
        strategy: StrategyId,
        wants: impl Fn(crate::strategy::Handlers) -> bool,
        event: &StrategyEvent<'_>,
    ) {
        let is_called = self
            .floor()
            .seats()
            .get(strategy.index())
            .is_some_and(crate::floor::Seat::is_called);
        if is_called
            && self
                .strategies
                .get(strategy.index())
                .is_some_and(|s| wants(s.handlers()))
        {
            self.call(strategy, event);
        }
    }

    /// Runs one handler as a transaction and returns whether it succeeded.
    fn call(&mut self, strategy: StrategyId, event: &StrategyEvent<'_>) -> bool {
        let floor = self.floor_mut();
        floor.probe.enter(Part::Strategy);
        floor.begin_call(strategy);
        let Some(script) = self.strategies.get_mut(strategy.index()) else {
            return false;
        };
        let result = script.call(event, &mut self.desk);
        let floor = self.floor_mut();
        match &result {
            Ok(()) => {
                floor.commit_call();
                if let Some(seat) = floor.seats.get_mut(strategy.index()) {
                    seat.faults_in_a_row = 0;
                }
            }
            Err(fault) => {
                floor.undo_call();
                floor.note_fault(strategy, fault);
            }
        }
        result.is_ok()
    }
}

impl Floor {
    fn note_fault(&mut self, strategy: StrategyId, fault: &Fault) {
        let kind = match fault.kind {
            FaultKind::Error => NoteKind::Error,
            FaultKind::Cut => NoteKind::Cut,
        };
        let record = Record::Note(NoteRecord {
            kind,
            text: fault.text,
        });
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return;
        };
        seat.faults += 1;
        seat.faults_in_a_row += 1;
        let is_over = seat.faults_in_a_row >= FAULTS_IN_A_ROW_MAX || fault.kind == FaultKind::Cut;
        let primary = seat.primary;
        if is_over {
            seat.phase = Phase::Failed;
        }
        self.outputs.emit(strategy, primary, &record);
        if is_over {
            let cause = Cause {
                code: GateCode::Strategy,
                state: TradingState::Halted,
                limit: Amount(i128::from(FAULTS_IN_A_ROW_MAX) * Amount::ONE.0),
                measured: Amount::ZERO,
                time: self.now,
            };
            self.tighten(strategy, cause, fault.text);
        }
    }

    fn warn_instrument(&mut self, facts: &Instrument) {
        let text = format!("no fee schedule for {}: its orders are denied", facts.key);
        let record = Record::Note(NoteRecord {
            kind: NoteKind::Alert,
            text: Note::cut(&text),
        });
        if !self.seats.is_empty() {
            self.outputs.emit(StrategyId::NONE, facts.id, &record);
        }
    }

    fn collect_timers(&mut self) {
        let now = self.now;
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            if !seat.is_called() {
                continue;
            }
            while let Some(name) = seat.timers.fire(now) {
                self.calls.push(Call::Timer(StrategyId(index), name));
            }
        }
    }

    fn feed_mid(&mut self, instrument: InstrumentId) {
        let now = self.now;
        let Some(mid) = self.mid(instrument).map(Amount::to_f64) else {
            return;
        };
        for declared in self.seats.iter_mut().flat_map(|seat| &mut seat.indicators) {
            if declared.source == IndicatorSource::Mid(instrument) {
                declared.indicator.on_mid(now, mid);
            }
        }
    }

    fn feed_indicators(&mut self, source: IndicatorSource, value: f64) {
        for declared in self.seats.iter_mut().flat_map(|seat| &mut seat.indicators) {
            if declared.source == source {
                declared.indicator.on_value(value);
            }
        }
    }

    fn close_bars(&mut self, instrument: InstrumentId) {
        let Some(market) = self.markets.get(instrument.index()) else {
            return;
        };
        if market.bars.is_empty() || self.offset(market.instrument.key.venue).is_none() {
            return;
        }
        let venue_now = self.venue_now(instrument);
        let closed = &mut self.closed_bars;
        if let Some(market) = self.markets.get_mut(instrument.index()) {
            market.on_time(venue_now, &mut |number, bar| closed.push((number, bar)));
        }
        self.tell_closed_bars(instrument);
    }

    fn tell_closed_bars(&mut self, instrument: InstrumentId) {
        let mut closed = std::mem::take(&mut self.closed_bars);
        for (number, bar) in closed.drain(..) {
            self.close_bar(instrument, number, &bar);
        }
        self.closed_bars = closed;
    }

    /// Feeds a closed bar to the indicators on it and tells the strategies that declared it.
    fn close_bar(&mut self, instrument: InstrumentId, number: u16, bar: &crate::market::Bar) {
        let Some(facts) = self.market_of(instrument).map(|market| market.instrument) else {
            return;
        };
        let price = |price| convert::price_to_f64(price, &facts);
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            let Some(bars) = seat.bars_id(instrument, number) else {
                continue;
            };
            let view = BarView {
                bars,
                interval_ms: seat
                    .bars
                    .get(usize::from(bars.0))
                    .map_or(0, |declared| declared.interval_ms),
                open_time: bar.open_time,
                open: price(bar.open),
                high: price(bar.high),
                low: price(bar.low),
                close: price(bar.close),
                volume: convert::qty_to_f64(bar.volume, bar.close, &facts),
            };
            update_bar_indicators(seat, bars, &view);
            if seat.is_called() {
                self.calls
                    .push(Call::Bar(StrategyId(index), instrument, view));
            }
        }
    }
}

fn update_bar_indicators(seat: &mut crate::floor::Seat, bars: BarsId, view: &BarView) {
    let bar = crate::indicator::BarF64 {
        open: view.open,
        high: view.high,
        low: view.low,
        close: view.close,
        volume: view.volume,
    };
    for declared in &mut seat.indicators {
        if declared.source == IndicatorSource::Bars(bars) {
            declared.indicator.on_bar(&bar);
        }
    }
}
