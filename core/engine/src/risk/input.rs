//! What the gate is asked, and what was measured for the answer.
//!
//! Filled by the desk on the engine thread, once per order. `None` means not measured, and denies.

use super::rate::Rates;
use crate::order::Working;
use claire_types::{
    Amount, DurationNs, Instrument, InstrumentId, OrderFlags, OrderKind, Price, Qty, Side,
    StrategyId, TradingState,
};

/// An order that somebody wants, already rounded to the instrument's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Who.
    pub strategy: StrategyId,
    /// What.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// Market or limit.
    pub kind: OrderKind,
    /// Flags.
    pub flags: OrderFlags,
    /// Quantity, above zero.
    pub qty: Qty,
    /// Limit price; 0 for market orders.
    pub price: Price,
    /// What it is for.
    pub purpose: Purpose,
}

/// What an order is for. The flag REDUCE_ONLY makes a strategy's order reduce-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A strategy's or operator's order.
    Order,
    /// The engine's own stop, take profit or holding time.
    Protective,
    /// The closing of a position by an operator, a halt or a script's `flatten`.
    Flatten,
}

/// All that was measured for one order.
#[derive(Clone, Copy, Debug)]
pub struct GateInputs<'a> {
    /// Whether the kill switch is active; `None` where its state is unreadable.
    pub is_killed: Option<bool>,
    /// Whether the mode sends, to a venue or to the paper model; `None` where no mode is set.
    pub mode_sends: Option<bool>,
    /// The account's trading state.
    pub account_state: Option<TradingState>,
    /// The strategy's trading state.
    pub strategy_state: Option<TradingState>,
    /// The strategy; `None` where nobody knows it.
    pub strategy: Option<StrategyFacts>,
    /// The instrument; `None` where nobody knows it.
    pub instrument: Option<&'a Instrument>,
    /// The age of its data.
    pub data: Option<DataFacts>,
    /// Prices to measure with.
    pub prices: MarketPrices,
    /// Value of one unit of the quote currency in account currency.
    pub quote_rate: Option<Amount>,
    /// Equity in account currency.
    pub equity: Option<Amount>,
    /// The account in this instrument and beside it.
    pub account: Scope,
    /// The strategy in this instrument and beside it.
    pub owner: Scope,
    /// Working orders of the account.
    pub orders_open: u32,
    /// Instruments in which the account holds or works towards a position, this one left out.
    pub positions_open_beside: u32,
    /// Recent orders of the strategy, this one left out.
    pub rates: Rates,
    /// Free funds in the currency that the order uses up: see [`super::funds_needed`].
    pub funds_free: Option<Amount>,
    /// Taker fee as a share of the notional; `None` where there is no schedule.
    pub fee_share: Option<Amount>,
    /// Best limit price of our own resting orders on the other side; `None` where there is none.
    pub own_opposite: Option<Price>,
}

/// What is known of the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyFacts {
    /// Paused by an operator, a monitor or its own fault.
    pub is_paused: bool,
    /// In cool-down.
    pub is_cooling: bool,
    /// All that it declared is warm.
    pub is_warm: bool,
    /// Its allocation in the current regime.
    pub allocation: Amount,
}

/// How old the instrument's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFacts {
    /// Snapshot and sequence prove the book.
    pub is_proven: bool,
    /// Since the connection last said anything.
    pub silent: DurationNs,
    /// Since the book last changed.
    pub quiet: DurationNs,
    /// Since the venue last said anything on any connection.
    pub venue_silent: DurationNs,
}

/// The prices that an order is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketPrices {
    /// Reference price of SPEC 4, at 10^-12.
    pub reference: Option<Amount>,
    /// For market orders: the worst price that the order would take of the merged book.
    pub worst: Option<Price>,
}

/// What the account or the strategy holds and works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Signed position in this instrument.
    pub position: Qty,
    /// Its working orders in this instrument.
    pub working: Working,
    /// Projected notionals of all other instruments, in account currency.
    pub exposure_beside: Option<Amount>,
}

impl Intent {
    /// Returns whether it says that it only reduces.
    pub fn is_reducing_only(&self) -> bool {
        self.purpose != Purpose::Order || self.flags.has(OrderFlags::REDUCE_ONLY)
    }
}

impl Scope {
    /// Returns what an order on `side` may take before the position crosses zero, less working exits.
    pub fn exit_room(&self, side: Side) -> Qty {
        let held = match side {
            Side::Buy => self.position.0.saturating_neg(),
            Side::Sell => self.position.0,
        };
        Qty(held.saturating_sub(self.working.exits_on(side).0).max(0))
    }

    /// Returns the signed position if all working orders of the side and `qty` more are filled.
    pub fn projected(&self, side: Side, qty: Qty) -> Option<Qty> {
        let more = self.working.on(side).checked_add(qty)?.0;
        self.position
            .checked_add(Qty(more.checked_mul(side.sign())?))
    }
}
