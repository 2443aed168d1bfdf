//! The border between the engine and strategies: what a strategy is, sees and may do.
//!
//! The engine calls [`Strategy`] on the engine thread, one handler at a time; the strategy acts on
//! the [`Desk`] it was lent. Scripts and native strategies stand behind the same two traits.
//! Prices and quantities cross this border as `f64` in base units; the desk converts and rounds them
//! in one file and keeps both values on the record. Nothing here reads a clock or blocks.

mod inheritance;
mod request;
mod view;

pub use inheritance::Inheritance;
pub use request::{
    BracketRequest, OrderRequest, ProtectRequest, QuoteRequest, StopRequest, StopTrigger,
};
pub use view::{BarView, FillView, IndicatorView, MarketFacts, OrderHandle, OrderView, TradeView};

use crate::indicator::{SourceKind, SpecFault};
use claire_types::{InstrumentId, InstrumentKey, Note, Side};
use serde::{Deserialize, Serialize};

/// A strategy instance: one configuration entry with its own state.
pub trait Strategy: Send {
    /// Returns which handlers the strategy has; the engine calls no other.
    fn handlers(&self) -> Handlers;

    /// Returns the markets that `init` looks at beside the primary one: it waits until they are there.
    fn markets(&self) -> &[InstrumentKey] {
        &[]
    }

    /// Runs one handler.
    ///
    /// A call is a transaction: on an error the engine undoes what the call did on the desk, and the
    /// strategy has already restored its own state to that before the call. The desk is lent by
    /// move inside [`LentDesk`], so that it can reach script functions without a pointer.
    ///
    /// # Errors
    /// A [`Fault`] where the handler failed or was cut; nothing of the call remains.
    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault>;

    /// Appends the strategy's state to `out`, so that [`Strategy::restore`] continues from it bit for bit.
    fn save(&self, out: &mut Vec<u8>);

    /// Takes the state that [`Strategy::save`] wrote.
    ///
    /// # Errors
    /// A [`Fault`] where the bytes are not this strategy's.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault>;

    /// Makes ready to take over from instances like this one, after its own `init`: what can be known before the swap
    /// is no work of [`Strategy::inherit`] then. Changes nothing that counts. Off the engine thread.
    fn foresee(&mut self, before: &dyn Strategy) {
        let _ = before;
    }

    /// Looks at what [`Strategy::inherit`] will look at, so that it is near then, and makes room for it. Changes nothing
    /// that counts. Engine thread, between inputs.
    fn approach(&mut self, before: &dyn Strategy) {
        let _ = before;
    }

    /// Takes over what the version before it holds, after its own `init`: fields of the same name and type.
    ///
    /// # Errors
    /// A [`Fault`] that names a field whose type changed; nothing was taken over.
    fn inherit(&mut self, before: &dyn Strategy) -> Result<Inheritance, Fault> {
        let _ = before;
        Ok(Inheritance::default())
    }

    /// Returns the strategy for a successor that knows its type; `None` where nothing is to be taken over.
    fn legacy(&self) -> Option<&dyn std::any::Any> {
        None
    }
}

/// Which handlers a strategy has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handlers {
    /// `on_book`.
    pub book: bool,
    /// `on_trade`.
    pub trade: bool,
    /// `on_bar`.
    pub bar: bool,
    /// `on_timer`.
    pub timer: bool,
    /// `on_fill`.
    pub fill: bool,
    /// `on_order`.
    pub order: bool,
    /// `on_start`.
    pub start: bool,
    /// `on_stop`.
    pub stop: bool,
}

/// Why a handler is called.
#[derive(Clone, Copy, Debug)]
pub enum StrategyEvent<'a> {
    /// `init(m)`: at every load; declares bars, indicators and timers. Orders are denied here.
    Init,
    /// `on_start(m)`: once per run, when all that was declared is warm; before any other handler but `init`.
    Start,
    /// `on_book(m)`: the touch or a watched level changed.
    Book {
        /// Which market.
        market: InstrumentId,
    },
    /// `on_trade(m, trade)`.
    Trade {
        /// Which market.
        market: InstrumentId,
        /// The deal.
        trade: TradeView,
    },
    /// `on_bar(m, bar)`.
    Bar {
        /// Which market.
        market: InstrumentId,
        /// The closed bar.
        bar: BarView,
    },
    /// `on_timer(m, name)`.
    Timer {
        /// The name it was set with.
        name: &'a str,
    },
    /// `on_fill(m, fill)`.
    Fill {
        /// Which market.
        market: InstrumentId,
        /// Our deal.
        fill: FillView,
    },
    /// `on_order(m, order)`.
    Order {
        /// Which market.
        market: InstrumentId,
        /// The order, after the change.
        order: OrderView,
    },
    /// `on_stop(m)`: once per run, at its end. Entries are denied here.
    Stop,
}

/// The desk, lent to one handler call.
pub struct LentDesk {
    desk: Option<Box<dyn Desk>>,
}

/// What a strategy sees and may do during a call. Every method concerns the calling strategy.
pub trait Desk: Send + std::any::Any {
    /// Returns the strategy's primary market.
    fn primary(&self) -> InstrumentId;

    /// Returns another market by its `venue:SYMBOL` name; `None` where the run does not know it.
    fn market(&mut self, name: &str) -> Option<InstrumentId>;

    /// Returns a market's numbers as of this call.
    ///
    /// They stay in their place until the call ends or [`Desk::market`] adds a market: what the call changes, changes
    /// there. Compiled code reads them there without asking again.
    fn facts(&self, market: InstrumentId) -> &MarketFacts;

    /// Returns price and quantity of the merged view's level, 0 being the best; `None` past the end.
    fn level(&self, market: InstrumentId, side: Side, rank: usize) -> Option<(f64, f64)>;

    /// Returns (bid − ask) / (bid + ask) quantity over the best `levels`, −1 to 1; 0 on an empty book.
    fn imbalance(&self, market: InstrumentId, levels: usize) -> f64;

    /// Sends an order through the gate and returns its handle; risk has answered when this returns.
    fn place(&mut self, request: &OrderRequest) -> OrderHandle;

    /// Keeps one post-only order per side and level, and returns the handle of what stands or will.
    ///
    /// Does nothing while the standing one is within `keep_ticks`, whatever its quantity. Else that one is
    /// cancelled and the new one sent when nothing of the old can fill any more, less what it filled
    /// meanwhile. Withdrawn by the engine when the book goes stale.
    fn quote(&mut self, quote: &QuoteRequest) -> OrderHandle;

    /// Sets or moves the stop and take profit of the position that is held, or that working orders open.
    ///
    /// Held by the engine; closes what is there when it goes off, never more. Ends with the position, and
    /// with the last working entry where none was opened. The handle tells only whether it was denied.
    fn protect(&mut self, protection: &ProtectRequest) -> OrderHandle;

    /// Holds a market order until the market reaches its trigger; the gate judges it when it is sent.
    fn stop(&mut self, stop: &StopRequest) -> OrderHandle;

    /// Sends an entry, and where it is not denied protects what it opens; returns the entry's handle.
    fn bracket(&mut self, bracket: &BracketRequest) -> OrderHandle;

    /// Moves a stop that is held, or cancels a limit order and sends a new one when nothing of the old can fill
    /// any more, less what it filled meanwhile; returns the new one's handle.
    fn replace(&mut self, handle: OrderHandle, price: f64, qty: f64) -> OrderHandle;

    /// Returns what is known of an order; of the empty handle, a view that is neither open nor denied.
    fn order(&self, handle: OrderHandle) -> OrderView;

    /// Asks for an order's cancel. A final or empty handle is no error and does nothing.
    fn cancel(&mut self, handle: OrderHandle);

    /// Asks for the cancel of all the strategy's orders in the market.
    fn cancel_all(&mut self, market: InstrumentId);

    /// Cancels entries and closes the strategy's position with a reduce-only market order.
    fn flatten(&mut self, market: InstrumentId, reason: &str) -> OrderHandle;

    /// Orders what is missing to reach the signed position, counting working orders; repeated calls add nothing.
    fn target_position(&mut self, market: InstrumentId, qty: f64, reason: &str) -> OrderHandle;

    /// Returns the quantity whose notional at the mid is `notional`, rounded down to a step.
    fn qty_for(&self, market: InstrumentId, notional: f64) -> f64;

    /// Returns the quantity that loses `share` of the budget between the mid and `stop`, rounded down to a step.
    fn qty_at_risk(&self, market: InstrumentId, share: f64, stop: f64) -> f64;

    /// Declares bars of a market; the same interval gives the same id.
    ///
    /// # Errors
    /// [`DeskFault`] outside `init` or with an interval that is not 1 s to 1 d.
    fn bars(&mut self, market: InstrumentId, interval_ms: i64) -> Result<BarsId, DeskFault>;

    /// Declares an indicator by its script name (`ema`, `atr`, ...) and arguments.
    ///
    /// # Errors
    /// [`DeskFault`] outside `init`, for an unknown kind, or arguments out of range.
    fn indicator(
        &mut self,
        source: IndicatorSource,
        kind: &str,
        arguments: &[f64],
    ) -> Result<IndicatorId, DeskFault>;

    /// Returns an indicator's output now and one update ago. It is the same throughout a call.
    fn indicator_value(&self, id: IndicatorId, output: u8) -> IndicatorView;

    /// Lets the strategy begin after so many closed bars of each of its bars, in place of when its indicators
    /// are warm; 0 is at once.
    ///
    /// # Errors
    /// [`DeskFault`] outside `init`, below 0 or above the bars that are kept.
    fn warmup(&mut self, bars: i64) -> Result<(), DeskFault>;

    /// Calls `on_timer` every `ms` from now; the same name re-arms.
    ///
    /// # Errors
    /// [`DeskFault::Argument`] below 1 ms or past a week, [`DeskFault::Capacity`] with too many timers.
    fn every(&mut self, ms: i64, name: &str) -> Result<(), DeskFault>;

    /// Calls `on_timer` once, `ms` from now; the same name re-arms.
    ///
    /// # Errors
    /// As [`Desk::every`].
    fn after(&mut self, ms: i64, name: &str) -> Result<(), DeskFault>;

    /// Stops a timer; an unknown name is no error.
    fn stop_timer(&mut self, name: &str);

    /// Records the strategy's statement that its next orders join.
    fn signal(&mut self, side: Side, strength: f64, reason: &str);

    /// Records words of the strategy.
    fn note(&mut self, level: NoteLevel, text: &str);

    /// Records a value for the chart.
    fn plot(&mut self, pane: &str, name: &str, value: f64);

    /// Takes back all that the call did so far: the desk is as it was when the call began, and the call goes on.
    ///
    /// Handles that the call got are nobody's after that: the next order gets the number of the first.
    fn undo(&mut self);
}

/// A strategy's number for bars it declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BarsId(pub u16);

/// A strategy's number for an indicator it declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IndicatorId(pub u16);

/// What an indicator is computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndicatorSource {
    /// Closed bars.
    Bars(BarsId),
    /// The mid of a market's merged view.
    Mid(InstrumentId),
    /// A market's trades.
    Trades(InstrumentId),
    /// Touch and levels of a market's merged view.
    Book(InstrumentId),
}

/// How loud a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteLevel {
    /// `note(...)`.
    Note,
    /// `alert(...)`.
    Alert,
}

/// Why a handler's call was undone. The words are for people and are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Failed, or cut by its budget.
    pub kind: FaultKind,
    /// What happened, where (`line 12, column 5`).
    pub text: Note,
}

/// How a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It raised an error.
    Error,
    /// Its budget of operations, depth, size or time was used up.
    Cut,
}

/// Why the desk refused something that is no order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeskFault {
    /// Only `init` may declare.
    OutsideInit,
    /// No such indicator.
    UnknownKind,
    /// The indicator's arguments make none, or it cannot be computed on this.
    Indicator(SpecFault),
    /// An argument is out of range or missing.
    Argument,
    /// Too many of them; the limit is a named setting.
    Capacity,
}

impl IndicatorSource {
    /// Returns what kind of source it is.
    pub const fn kind(&self) -> SourceKind {
        match self {
            Self::Bars(_) => SourceKind::Bars,
            Self::Mid(_) => SourceKind::Mid,
            Self::Trades(_) => SourceKind::Trades,
            Self::Book(_) => SourceKind::Book,
        }
    }
}

impl LentDesk {
    /// Returns the desk, ready to be lent.
    pub fn new(desk: Box<dyn Desk>) -> Self {
        Self { desk: Some(desk) }
    }

    /// Returns the desk while the borrower holds it; `None` where it was already taken.
    pub fn take(&mut self) -> Option<Box<dyn Desk>> {
        self.desk.take()
    }

    /// Gives the desk back.
    pub fn give_back(&mut self, desk: Box<dyn Desk>) {
        self.desk = Some(desk);
    }

    /// Returns the desk for reading; `None` where it was taken.
    pub fn as_ref(&self) -> Option<&(dyn Desk + 'static)> {
        self.desk.as_deref()
    }

    /// Returns the desk for direct use; `None` where it was taken.
    pub fn as_mut(&mut self) -> Option<&mut (dyn Desk + 'static)> {
        self.desk.as_deref_mut()
    }
}

impl std::fmt::Display for DeskFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OutsideInit => "only `init` may declare bars and indicators",
            Self::UnknownKind => "there is no indicator of this name",
            Self::Indicator(fault) => return fault.fmt(f),
            Self::Argument => "an argument is missing or out of range",
            Self::Capacity => "too many of them",
        })
    }
}

impl std::error::Error for DeskFault {}
