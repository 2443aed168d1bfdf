//! Positions that the engine closes: for a halt, for an operator, for a script's `flatten`.
//!
//! Called by the engine at the end of each input. A closing goes on until nothing is left to order: what
//! the venue did not fill is sent again with the next tick. Engine thread only.

use super::Floor;
use super::ordering::Exit;
use crate::market::BookView;
use crate::risk::Intent;
use claire_types::{
    Amount, DurationNs, InstrumentId, Note, OrderFlags, OrderId, OrderKind, Price, Qty, Side,
    StrategyId, WallNs,
};
use serde::{Deserialize, Serialize};

/// How long an exit waits for a stale book to be proven again (SPEC 6).
pub(super) const STALE_WAIT_MAX: DurationNs = DurationNs::from_ms(2_000);
/// How far beyond the last proven price an exit goes then: 2 %, as one part in so many.
const STALE_PRICE_PART: i128 = 50;
/// Pause after the first try of a closing; it doubles with each, up to the longest.
const RETRY_MS_MIN: i64 = 100;
const RETRY_MS_MAX: i64 = 10_000;

/// A position that is being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closing {
    strategy: StrategyId,
    market: InstrumentId,
    reason: Note,
    /// When the first try found the book stale.
    stale_since: Option<WallNs>,
    /// When it is tried next.
    due: WallNs,
    /// Exits sent so far.
    tries: u32,
    goal: Goal,
}

/// When a closing has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Goal {
    /// When the position is flat, whatever comes to it: a halt, an operator.
    Flat,
    /// When what was held at a script's `flatten` is closed: what the script opens after it stays.
    Part {
        /// The side of the exits.
        side: Side,
        /// What is not closed yet.
        left: Qty,
        /// The exit on its way; [`OrderId::NONE`] where none is.
        exit: OrderId,
    },
}

impl Floor {
    /// Begins to close what a strategy holds in a market; what is being closed already goes on.
    pub(super) fn begin_closing(
        &mut self,
        strategy: StrategyId,
        market: InstrumentId,
        goal: Goal,
        reason: Note,
    ) {
        let is_flat = self.portfolio.position(strategy, market).qty.0 == 0;
        if is_flat {
            return;
        }
        let is_it = |closing: &Closing| closing.strategy == strategy && closing.market == market;
        if let Some(closing) = self.closings.iter_mut().find(|closing| is_it(closing)) {
            // A halt takes over what a script began.
            if goal == Goal::Flat {
                closing.goal = goal;
            }
            return;
        }
        if self.closings.len() < CLOSINGS_MAX {
            self.closings.push(Closing {
                strategy,
                market,
                reason,
                stale_since: None,
                due: self.now,
                tries: 0,
                goal,
            });
        }
    }

    /// Returns whether what the strategy holds in the market is being closed.
    pub(super) fn is_closing(&self, strategy: StrategyId, market: InstrumentId) -> bool {
        self.closings
            .iter()
            .any(|closing| closing.strategy == strategy && closing.market == market)
    }

    /// Returns what a `flatten` of the caller has to close; `None` where it is flat.
    pub(super) fn part_to_close(&self, market: InstrumentId) -> Option<Goal> {
        let position = self.portfolio.position(self.caller, market);
        position.closing_side().map(|side| Goal::Part {
            side,
            left: Qty(position.qty.0.saturating_abs()),
            exit: OrderId::NONE,
        })
    }

    /// Begins to close every position of a strategy, or with [`StrategyId::NONE`] of all.
    pub(crate) fn begin_closings(&mut self, strategy: StrategyId, reason: Note) {
        for seat in self.strategies() {
            if strategy != StrategyId::NONE && strategy != seat {
                continue;
            }
            for place in 0..self.markets.len() {
                if let Some(market) = self.markets.get(place).map(|market| market.instrument.id) {
                    for side in [Side::Buy, Side::Sell] {
                        self.cancel_resting_exits(seat, market, side);
                    }
                    self.begin_closing(seat, market, Goal::Flat, reason);
                }
            }
        }
    }

    /// Sends the exits of closings that are due. Called when no handler runs.
    #[inline]
    pub(crate) fn work_closings(&mut self) {
        if !self.closings.is_empty() {
            self.work_each_closing();
        }
    }

    fn work_each_closing(&mut self) {
        let mut index = 0;
        while let Some(closing) = self.closings.get(index).copied() {
            if closing.due > self.now {
                index += 1;
                continue;
            }
            match self.work_closing(&closing) {
                Some(later) => {
                    if let Some(place) = self.closings.get_mut(index) {
                        *place = later;
                    }
                    index += 1;
                }
                None => {
                    self.closings.remove(index);
                }
            }
        }
    }

    /// Tries one closing; `None` where nothing is left to be ordered.
    fn work_closing(&mut self, closing: &Closing) -> Option<Closing> {
        let (strategy, market) = (closing.strategy, closing.market);
        let closing = &self.after_its_exit(closing)?;
        let facts = self.instrument(market)?;
        let step = facts.step.0.max(1);
        let side = self.portfolio.position(strategy, market).closing_side()?;
        let held = self.portfolio.position(strategy, market).qty.0;
        if held.saturating_abs() < step.max(facts.qty_min.0) || self.killed != Some(false) {
            return None;
        }
        let later = Closing {
            due: self.now.after(DurationNs::from_ms(RETRY_MS_MIN)),
            ..*closing
        };
        let most = match closing.goal {
            Goal::Flat => Qty(i64::MAX),
            // The script turned its position round: that is its own now.
            Goal::Part { side: begun, .. } if begun != side => return None,
            Goal::Part { exit, .. } if exit != OrderId::NONE => return Some(later),
            Goal::Part { left, .. } if left.0 < step => return None,
            Goal::Part { left, .. } => left,
        };
        if self.room_to_close(strategy, market, side).0 < step {
            // What works on this side may fill first: this goes on the moment that it has ended.
            self.act_as(strategy, |floor| floor.clear_exit_side(market, side));
            return Some(Closing {
                due: self.now,
                ..*closing
            });
        }
        if self
            .market_of(market)
            .is_some_and(|market| market.book.is_proven())
        {
            let exit = Exit {
                most,
                ..Exit::at_market(closing.reason)
            };
            let exit = self.act_as(strategy, |floor| floor.exit_with(market, &exit));
            let sent = Closing {
                stale_since: None,
                ..later.with_exit(exit.order)
            };
            return Some(tried(sent));
        }
        let since = closing.stale_since.unwrap_or(self.now);
        let waits = Closing {
            stale_since: Some(since),
            ..later
        };
        if self.now.since(since) < STALE_WAIT_MAX {
            return Some(waits);
        }
        let exit = self.exit_blind(closing, side, most);
        Some(tried(waits.with_exit(exit)))
    }

    /// Counts what a script's exit did, once it ended; `None` where that was all.
    fn after_its_exit(&self, closing: &Closing) -> Option<Closing> {
        let Goal::Part { side, left, exit } = closing.goal else {
            return Some(*closing);
        };
        if exit == OrderId::NONE {
            return Some(*closing);
        }
        // One that is forgotten ended long ago, and whole: it would have been followed else.
        let order = self.orders.order(exit)?;
        if order.is_working() {
            return Some(*closing);
        }
        let goal = Goal::Part {
            side,
            left: Qty(left.0.saturating_sub(order.filled.0)),
            exit: OrderId::NONE,
        };
        Some(Closing { goal, ..*closing })
    }

    /// Sends a marketable limit order at the last proven price and 2 % beyond it, with an alert.
    fn exit_blind(&mut self, closing: &Closing, side: Side, most: Qty) -> OrderId {
        let (strategy, market) = (closing.strategy, closing.market);
        let Some(price) = self.blind_price_told(strategy, market, side) else {
            return OrderId::NONE;
        };
        let exit = Exit {
            price: Some(price),
            most,
            ..Exit::at_market(closing.reason)
        };
        let sent = self.act_as(strategy, |floor| floor.exit_with(market, &exit));
        sent.order
    }

    /// Returns the price of a marketable limit order that exits over a stale book, and alerts that it goes.
    pub(super) fn blind_price_told(
        &mut self,
        strategy: StrategyId,
        market: InstrumentId,
        side: Side,
    ) -> Option<Price> {
        let price = self.blind_price(market, side)?;
        let text = "the book is stale: the exit goes 2 % beyond the last proven price";
        self.alert(strategy, market, Note::cut(text));
        Some(price)
    }

    fn blind_price(&self, market: InstrumentId, side: Side) -> Option<Price> {
        let facts = self.instrument(market)?;
        let mark = self.portfolio.last_mark(market)?;
        let beyond = Amount(mark.0 / STALE_PRICE_PART * i128::from(side.sign()));
        let price = crate::risk::check::reference_price(mark.checked_add(beyond)?, facts)?;
        let tick = facts.tick.0.max(1);
        // Toward the market's far side: a buy rounds up, a sell down.
        let steps = match side {
            Side::Buy => price.0.checked_add(tick - 1)?.div_euclid(tick),
            Side::Sell => price.0.div_euclid(tick).max(1),
        };
        steps.checked_mul(tick).map(Price)
    }

    /// Acts on the desk for a strategy outside of its handlers, and lets it take effect.
    pub(super) fn act_as<T>(
        &mut self,
        strategy: StrategyId,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.begin_call(strategy);
        let done = act(self);
        self.commit_call();
        done
    }

    /// Returns the intent of an exit of the caller.
    pub(super) fn exit_intent(&self, market: InstrumentId, side: Side, exit: &Exit) -> Intent {
        Intent {
            strategy: self.caller,
            instrument: market,
            side,
            kind: match exit.price {
                Some(_) => OrderKind::Limit,
                None => OrderKind::Market,
            },
            flags: exit.flags | OrderFlags::REDUCE_ONLY,
            qty: Qty::ZERO,
            price: exit.price.unwrap_or(Price(0)),
            purpose: exit.purpose,
        }
    }
}

impl Goal {
    /// Returns the goal with this exit on its way.
    pub(super) fn with_exit(self, exit: OrderId) -> Self {
        match self {
            Self::Flat => Self::Flat,
            Self::Part { side, left, .. } => Self::Part { side, left, exit },
        }
    }
}

impl Closing {
    fn with_exit(self, exit: OrderId) -> Self {
        Self {
            goal: self.goal.with_exit(exit),
            ..self
        }
    }
}

/// Returns the closing after an exit was sent: what is refused again and again is tried less often.
fn tried(closing: Closing) -> Closing {
    let more_ns = pause_after(closing.tries).0 - DurationNs::from_ms(RETRY_MS_MIN).0;
    Closing {
        due: closing.due.after(DurationNs(more_ns)),
        tries: closing.tries.saturating_add(1),
        ..closing
    }
}

/// Returns how long an exit waits for its next try: longer with each, up to a bound.
pub(super) fn pause_after(tries: u32) -> DurationNs {
    let pause_ms = RETRY_MS_MIN << tries.min(RETRY_DOUBLINGS_MAX);
    DurationNs::from_ms(pause_ms.min(RETRY_MS_MAX))
}

/// Beyond so many doublings the longest pause is reached.
const RETRY_DOUBLINGS_MAX: u32 = 7;
const _: () = assert!(RETRY_MS_MIN << RETRY_DOUBLINGS_MAX >= RETRY_MS_MAX);

/// Most closings at once: every market of every strategy of a full desk.
pub(crate) const CLOSINGS_MAX: usize = 1_024;
