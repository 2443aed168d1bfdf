//! The floor: all that the engine knows and does, except calling the strategies.
//!
//! Owned by the engine, lent to a strategy as its [`crate::strategy::Desk`] for the length of one call. The
//! parts (markets, orders, gate, paper venue, portfolio) do not know each other; the floor joins
//! them. Engine thread only.

mod bars;
mod closing;
mod denials;
mod desk;
mod facts;
mod guard;
mod held;
mod history;
mod market;
mod monitors;
mod ordering;
mod protection;
mod quotes;
mod reports;
mod reseat;
mod seat;
mod snapshot;
mod stops;
mod undo;
mod version;

pub use denials::Denials;
pub use guard::Guarded;
pub use history::HistoryWanted;
pub use market::Market;
pub use seat::{
    BARS_MAX, DeclaredBars, DeclaredIndicator, INDICATORS_MAX, MARKETS_MAX, Phase, Seat, Tally,
};
pub(crate) use snapshot::{FloorRef, FloorState};
pub use version::{
    Before, Declared, PROBATION_CALLS, PROBATION_DENIALS_MAX, PROBATION_SPAN, Probation,
    ReloadTally, Version,
};

use held::Held;

use crate::config::EngineConfig;
use crate::convert::price_to_f64;
use crate::market::{BookChange, BookView};
use crate::order::OrderTable;
use crate::outputs::{OutputMark, Outputs};
use crate::paper::PaperVenue;
use crate::portfolio::{BookingFault, FeeTable, Portfolio};
use crate::probe::{NoProbe, Probe};
use crate::risk::{DailyLoss, Gate, LatchedState, RateWindow};
use crate::strategy::{BarView, Fault, FaultKind, FillView, MarketFacts, OrderView};
use crate::timers::{TimerName, Timers};
use claire_types::record::RECORD_CELLS_MAX;
use claire_types::{
    Amount, DurationNs, InstrumentId, InstrumentKey, Mode, OrderId, OrderReason, Price, Side,
    StrategyId, Venue, VenueNs, WallNs,
};
use serde::{Deserialize, Serialize};

/// Room for the records of one input before the buffer must grow.
const OUTPUT_CELLS: usize = 1_024 * RECORD_CELLS_MAX;
/// Most events that strategies have not been told yet; who causes more is not called any more.
const CALLS_MAX: usize = 4_096;
/// Orders and cancels of one call before their list must grow.
const STAGED_ROOM: usize = 1_024;

/// The engine without its strategies.
pub struct Floor {
    pub(crate) config: EngineConfig,
    pub(crate) outputs: Outputs,
    pub(crate) now: WallNs,
    pub(crate) markets: Vec<Market>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) orders: OrderTable,
    pub(crate) gate: Gate,
    pub(crate) state: LatchedState,
    /// Whether the kill switch is active; `None` where its state could not be read.
    pub(crate) killed: Option<bool>,
    pub(crate) daily_loss: DailyLoss,
    /// One paper venue per venue: each has its own clock.
    pub(crate) papers: Vec<(Venue, PaperVenue)>,
    /// A state got stricter and has not acted yet.
    pending_halt: bool,
    /// A loss limit tripped, and positions have not begun to be closed yet.
    pending_flatten: bool,
    /// Positions that are being closed, in the order in which that began.
    pub(crate) closings: Vec<closing::Closing>,
    pub(crate) closed_bars: Vec<(u16, crate::market::Bar)>,
    pub(crate) portfolio: Portfolio,
    pub(crate) fees: FeeTable,
    /// Orders and exits sent lately, by strategy.
    pub(crate) rates: Vec<(RateWindow, RateWindow)>,
    /// Our clock minus the venue's, by venue number.
    offsets: [Option<DurationNs>; VENUES],
    /// When a venue last said anything, by venue number.
    heard: [WallNs; VENUES],
    pub(crate) probe: Box<dyn Probe + Send>,
    /// What strategies are to be told, in order.
    pub(crate) calls: Vec<Call>,
    /// The list that strategies are told from; empty between inputs.
    pub(crate) calls_told: Vec<Call>,
    /// The strategy whose call runs.
    caller: StrategyId,
    staged: Vec<Staged>,
    order_number: u64,
    fill_number: u64,
    saved: Saved,
    scratch_ids: Vec<OrderId>,
}

const VENUES: usize = 8;

/// What a strategy is to be told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    Start(StrategyId),
    Bar(StrategyId, InstrumentId, BarView),
    Fill(StrategyId, InstrumentId, FillView),
    Order(StrategyId, InstrumentId, OrderView),
    Timer(StrategyId, TimerName),
}

/// What leaves the floor when the call is committed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Staged {
    Place(OrderId),
    Cancel(OrderId, OrderReason),
}

/// What a failed call puts back.
#[derive(Debug)]
struct Saved {
    outputs: Option<OutputMark>,
    timers: Timers,
    signal: Option<(Side, Amount, claire_types::Note)>,
    tally: Tally,
    closings: usize,
    calls: usize,
    /// What was held before the call changed it; only then it counts.
    held: Held,
    has_held: bool,
    /// The same for denials.
    denials: Denials,
    has_denials: bool,
    before: undo::Before,
}

impl Floor {
    /// Returns the floor at the start of a run, with all its room.
    ///
    /// # Errors
    /// The configuration's fault, in words.
    pub fn new(config: EngineConfig, state: LatchedState) -> Result<Self, String> {
        config.validate().map_err(|fault| fault.to_string())?;
        let tables = config.tables;
        let limits = config.limits();
        let window = || {
            (
                RateWindow::new(limits.orders_per_minute_max),
                RateWindow::new(limits.exits_per_second_max),
            )
        };
        let seats = config.strategies.iter();
        let seats: Vec<_> = seats
            .map(|entry| Seat::new(entry.name.as_str(), entry.market))
            .collect();
        Ok(Self {
            outputs: Outputs::with_capacity(OUTPUT_CELLS),
            now: WallNs(0),
            markets: Vec::with_capacity(usize::from(tables.instruments_max)),
            orders: OrderTable::new(tables),
            gate: Gate::new(limits),
            state,
            killed: Some(false),
            daily_loss: DailyLoss::default(),
            papers: Vec::with_capacity(VENUES),
            pending_halt: false,
            pending_flatten: false,
            closings: Vec::with_capacity(closing::CLOSINGS_MAX),
            closed_bars: Vec::with_capacity(64),
            portfolio: portfolio_of(&config).map_err(|fault| fault.to_string())?,
            fees: FeeTable::new(tables.instruments_max),
            rates: seats.iter().map(|_| window()).collect(),
            seats,
            offsets: [None; VENUES],
            heard: [WallNs(0); VENUES],
            probe: Box::new(NoProbe),
            calls: Vec::with_capacity(CALLS_MAX),
            calls_told: Vec::with_capacity(CALLS_MAX),
            caller: StrategyId::NONE,
            staged: Vec::with_capacity(STAGED_ROOM),
            order_number: 0,
            fill_number: 0,
            saved: Saved {
                outputs: None,
                timers: Timers::new(),
                signal: None,
                tally: Tally::default(),
                closings: 0,
                calls: 0,
                held: Held::new(),
                has_held: false,
                denials: Denials::with_room(),
                has_denials: false,
                before: undo::Before::new(),
            },
            scratch_ids: Vec::with_capacity(tables.orders_working_max as usize),
            config,
        })
    }

    /// Begins a strategy's call: what it does from here can be taken back.
    pub(crate) fn begin_call(&mut self, strategy: StrategyId) {
        self.caller = strategy;
        self.staged.clear();
        self.saved.outputs = Some(self.outputs.mark());
        self.saved.closings = self.closings.len();
        self.saved.calls = self.calls.len();
        self.saved.has_held = false;
        self.saved.has_denials = false;
        self.remember();
        if let Some(seat) = self.seats.get_mut(strategy.index()) {
            self.saved.timers.copy_from(&seat.timers);
            self.saved.signal = seat.signal;
            self.saved.tally = seat.tally;
            let now = self.now.0;
            for (_, facts) in &mut seat.facts {
                facts.now_ns = now;
            }
        }
    }

    /// Lets what the call did take effect.
    pub(crate) fn commit_call(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        for step in staged.drain(..) {
            match step {
                Staged::Place(id) => {
                    self.settle_rate(id);
                    self.send(id);
                }
                Staged::Cancel(id, reason) => self.send_cancel(id, reason),
            }
        }
        self.staged = staged;
        self.caller = StrategyId::NONE;
    }

    /// Takes back all that the call did, and ends it.
    pub(crate) fn undo_call(&mut self) {
        self.take_back();
        self.caller = StrategyId::NONE;
    }

    /// Returns the market of an instrument.
    #[inline]
    pub fn market_of(&self, instrument: InstrumentId) -> Option<&Market> {
        self.markets.get(instrument.index())
    }

    /// Returns the markets in the order of their appearance.
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// Returns the strategies in the configuration's order; borrows nothing, so that the floor may change meanwhile.
    pub(super) fn strategies(&self) -> impl Iterator<Item = StrategyId> + use<> {
        let indices = (0..self.seats.len()).filter_map(|index| u16::try_from(index).ok());
        indices.map(StrategyId)
    }

    /// Returns the seats in the configuration's order.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// Returns positions, balances and profit.
    pub const fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// Returns the trading states and their causes.
    pub const fn state(&self) -> &LatchedState {
        &self.state
    }

    /// Returns our orders.
    pub const fn orders(&self) -> &OrderTable {
        &self.orders
    }

    /// Returns the account's currency.
    pub const fn currency(&self) -> claire_types::Currency {
        self.config.account.currency
    }

    /// Returns what a strategy earned in its primary market after fees, in account currency.
    pub fn net_of(&self, seat: &Seat) -> Option<Amount> {
        let index = self
            .seats
            .iter()
            .position(|other| other.name == seat.name)?;
        let strategy = StrategyId(u16::try_from(index).ok()?);
        let mut net = Amount::ZERO;
        for market in &self.markets {
            let facts = &market.instrument;
            let position = self.portfolio.position(strategy, facts.id);
            if position.is_empty() && position.fees == Amount::ZERO {
                continue;
            }
            let open = self.portfolio.unrealized(strategy, facts.id)?;
            let earned = position
                .realized
                .checked_add(open)?
                .checked_sub(position.fees)?;
            let rate = self
                .portfolio
                .rate(crate::portfolio::money_currency(facts))?;
            net = net.checked_add(earned.times(rate)?)?;
        }
        Some(net)
    }

    /// Notes that a strategy is to be told of something.
    pub(crate) fn tell(&mut self, strategy: StrategyId, call: Call) {
        let Some(seat) = self.seats.get(strategy.index()) else {
            return;
        };
        if !seat.is_called() {
            return;
        }
        if self.calls.len() < CALLS_MAX {
            self.calls.push(call);
            return;
        }
        let fault = Fault {
            kind: FaultKind::Cut,
            text: claire_types::Note::cut("it causes more events than it can be told"),
        };
        self.note_fault(strategy, &fault);
    }

    pub(super) fn tally(&mut self, strategy: StrategyId, count: impl FnOnce(&mut Tally)) {
        if let Some(seat) = self.seats.get_mut(strategy.index()) {
            count(&mut seat.tally);
        }
    }

    /// Returns the number of the last order.
    pub(crate) const fn last_order_number(&self) -> u64 {
        self.order_number
    }

    /// Returns engine time.
    pub const fn now(&self) -> WallNs {
        self.now
    }

    /// Returns the instrument of a key, once it appeared.
    pub fn find(&self, key: &InstrumentKey) -> Option<InstrumentId> {
        self.markets
            .iter()
            .map(|market| &market.instrument)
            .find(|facts| facts.key == *key)
            .map(|facts| facts.id)
    }

    pub(super) fn seat(&self, strategy: StrategyId) -> Option<&Seat> {
        self.seats.get(strategy.index())
    }

    /// Takes note that a venue said something: whatever is about one of its instruments.
    #[inline]
    pub(crate) fn hear_of(&mut self, instrument: InstrumentId) {
        if let Some(market) = self.markets.get(instrument.index()) {
            self.heard[market.instrument.key.venue as usize % VENUES] = self.now;
        }
    }

    pub(super) fn heard(&self, venue: Venue) -> WallNs {
        self.heard[venue as usize % VENUES]
    }

    /// Takes our clock minus a venue's, as measured.
    pub(crate) fn take_offset(&mut self, venue: Venue, offset: DurationNs) {
        self.offsets[venue as usize % VENUES] = Some(offset);
        if let Some((_, paper)) = self.papers.iter_mut().find(|(name, _)| *name == venue) {
            paper.set_offset(offset);
        }
    }

    /// Returns whether no paper venue has anything of ours: only strategies order, so without one none has.
    #[inline]
    pub(crate) fn papers_idle(&self) -> bool {
        self.seats.is_empty() || self.papers.iter().all(|(_, paper)| paper.is_idle())
    }

    /// Lets a strategy look at its primary market, and hold the numbers of it first.
    pub(crate) fn watch_primary(&mut self, strategy: StrategyId, instrument: InstrumentId) {
        self.watch(strategy, instrument);
    }

    /// Returns our clock minus the venue's, where it was measured.
    pub(crate) fn offset(&self, venue: Venue) -> Option<DurationNs> {
        self.offsets[venue as usize % VENUES]
    }

    /// Returns what the venue's clock shows now: ours less the measured offset, never before what it last said.
    pub(crate) fn venue_now(&self, instrument: InstrumentId) -> VenueNs {
        let Some(market) = self.market_of(instrument) else {
            return VenueNs::NONE;
        };
        match self.offset(market.instrument.key.venue) {
            Some(offset) => VenueNs(self.now.0.saturating_sub(offset.0)).max(market.venue_time),
            None => market.venue_time,
        }
    }

    pub(super) fn mid(&self, instrument: InstrumentId) -> Option<Amount> {
        self.market_of(instrument)?.book.mid()
    }

    pub(super) fn mid_price(&self, instrument: InstrumentId) -> Option<Price> {
        let touch = self.market_of(instrument)?.book.touch();
        let sum = i128::from(touch.bid?.price.0) + i128::from(touch.ask?.price.0);
        i64::try_from(sum / 2).ok().map(Price)
    }

    pub(super) fn reference(&self, instrument: InstrumentId) -> Option<Amount> {
        self.market_of(instrument)?.reference(self.now)
    }

    pub(super) fn mode_sends(&self) -> bool {
        matches!(
            self.config.mode,
            Mode::Replay | Mode::Backtest | Mode::Paper | Mode::Testnet | Mode::Live
        )
    }

    /// Brings marks, rates and the strategies' numbers up to a changed view, and tells whether the touch changed.
    pub(crate) fn on_view_change(&mut self, instrument: InstrumentId, change: &BookChange) -> bool {
        let touch_changed = change.is_complete && change.touch_changed();
        if touch_changed {
            self.refresh_marks(instrument);
            self.refresh_book(instrument);
        }
        touch_changed
    }

    /// Returns whether the book of the instrument may be acted on: proven, connected and not quiet for too long.
    pub(crate) fn is_fresh(&self, instrument: InstrumentId) -> bool {
        let Some(market) = self.market_of(instrument) else {
            return false;
        };
        let limits = self.gate.limits();
        let silent = self.now.since(self.heard(market.instrument.key.venue));
        let quiet = self.now.since(market.changed);
        market.book.is_proven()
            && silent < DurationNs::from_ms(i64::from(limits.data_stale_ms))
            && quiet < DurationNs::from_ms(i64::from(limits.quiet_max_ms))
    }

    fn refresh_book(&mut self, instrument: InstrumentId) {
        let Some(market) = self.markets.get(instrument.index()) else {
            return;
        };
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            if let Some(numbers) = seat.facts_mut(instrument) {
                facts::write_book(numbers, &market.book, &market.instrument);
                if numbers.position != 0.0 {
                    let open = self.portfolio.unrealized(StrategyId(index), instrument);
                    numbers.unrealized = open.map_or(numbers.unrealized, Amount::to_f64);
                }
            }
        }
    }

    /// Brings what all strategies see of their positions, budgets and equity up to date.
    pub(crate) fn refresh_all_holdings(&mut self) {
        for strategy in self.strategies() {
            self.refresh_holdings(strategy);
        }
    }

    /// Marks the numbers of an instrument stale or fresh for all who look at it, and withdraws quotes from it.
    pub(crate) fn refresh_staleness(&mut self, instrument: InstrumentId) {
        let is_stale = !self.is_fresh(instrument);
        if is_stale {
            self.withdraw_stale_quotes(instrument);
        }
        for seat in &mut self.seats {
            if let Some(numbers) = seat.facts_mut(instrument) {
                numbers.stale = is_stale;
            }
        }
    }

    fn refresh_holdings(&mut self, strategy: StrategyId) {
        for index in 0..self.seat(strategy).map_or(0, |seat| seat.facts.len()) {
            let Some((market, _)) = self
                .seat(strategy)
                .and_then(|seat| seat.facts.get(index))
                .copied()
            else {
                return;
            };
            self.refresh_holding(strategy, market);
        }
    }

    /// Brings what a strategy sees of its own position and orders up to date.
    pub(super) fn refresh_holding(&mut self, strategy: StrategyId, market: InstrumentId) {
        let Some(facts) = self.instrument(market).copied() else {
            return;
        };
        let position = self.portfolio.position(strategy, market);
        let working = self.orders.strategy_working(strategy, market);
        let equity = self.portfolio.equity();
        let entry = self.config.strategies.get(strategy.index());
        let budget = entry
            .zip(equity)
            .and_then(|(entry, equity)| entry.budget(equity));
        let holding = facts::Holding {
            qty: position.qty,
            average_price: position.average_price(&facts).map_or(0.0, Amount::to_f64),
            unrealized: self
                .portfolio
                .unrealized(strategy, market)
                .map_or(0.0, Amount::to_f64),
            working_buy: working.buy,
            working_sell: working.sell,
            budget: budget.map_or(0.0, Amount::to_f64),
            equity: equity.map_or(0.0, Amount::to_f64),
        };
        if let Some(numbers) = self
            .seats
            .get_mut(strategy.index())
            .and_then(|seat| seat.facts_mut(market))
        {
            facts::write_holding(numbers, &holding, &facts);
        }
    }

    /// Lets a strategy look at a market from now on.
    pub(super) fn watch(&mut self, strategy: StrategyId, instrument: InstrumentId) -> bool {
        let Some(market) = self.markets.get(instrument.index()) else {
            return false;
        };
        let Some(seat) = self.seats.get_mut(strategy.index()) else {
            return false;
        };
        if seat.facts_mut(instrument).is_some() {
            return true;
        }
        if seat.facts.len() >= MARKETS_MAX {
            return false;
        }
        let mut numbers = MarketFacts::default();
        facts::write_instrument(&mut numbers, &market.instrument);
        facts::write_book(&mut numbers, &market.book, &market.instrument);
        seat.facts.push((instrument, numbers));
        self.refresh_holding(strategy, instrument);
        true
    }

    /// Returns a level of the merged view as a strategy sees it.
    pub(super) fn level_f64(
        &self,
        instrument: InstrumentId,
        side: Side,
        rank: usize,
    ) -> Option<(f64, f64)> {
        let market = self.market_of(instrument)?;
        let level = market.book.level(side, rank)?;
        let facts = &market.instrument;
        Some((
            price_to_f64(level.price, facts),
            crate::convert::qty_to_f64(level.qty, level.price, facts),
        ))
    }
}

/// Returns the account at the start, with the conversions that have a fixed rate.
fn portfolio_of(config: &EngineConfig) -> Result<Portfolio, BookingFault> {
    let mut portfolio = Portfolio::new(config)?;
    for entry in config
        .account
        .conversions
        .iter()
        .filter(|entry| entry.rate.is_some())
    {
        portfolio.convert(entry.currency, entry.rate)?;
    }
    Ok(portfolio)
}
