//! Strategies in Rust behind the same trait, for benches and whole-system tests.
//!
//! Called on the engine thread like scripts; they allocate nothing after `new`. Those with a file of their own do
//! what the shipped script of that name does with its defaults, call by call, as somebody writes it who knows Rust and
//! the desk: each number is asked for once.

mod breakout;
mod ema_cross;
mod empty;
mod imbalance;
mod market_maker;

pub use breakout::Breakout;
pub use ema_cross::EmaCross;
pub use empty::Empty;
pub use imbalance::Imbalance;
pub use market_maker::MarketMaker;

use claire_engine::strategy::{
    BarsId, Desk, Fault, FaultKind, Handlers, IndicatorId, IndicatorSource, LentDesk, OrderHandle,
    OrderRequest, Strategy, StrategyEvent,
};
use claire_types::{GateCode, InstrumentId, Note, OrderFlags, OrderId, Side};

/// Returns the strategy in Rust that does as the shipped script of this name; `None` where there is none.
pub fn of_script(name: &str) -> Option<Box<dyn Strategy>> {
    Some(match name {
        "empty" => Box::new(Empty),
        "ema_cross" => Box::new(EmaCross::new(60_000, [12, 48], 250.0)),
        "breakout" => Box::new(Breakout::default()),
        "imbalance" => Box::new(Imbalance::default()),
        "market_maker" => Box::new(MarketMaker::default()),
        _ => return None,
    })
}

/// Rests a post-only order on each side of the touch and replaces both every so many book changes.
///
/// Places at least 1,000 orders in 500 × `every` book changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn {
    notional: f64,
    every: u32,
    seen: u32,
    orders: [OrderHandle; 2],
}

impl Churn {
    /// Returns a strategy of this notional per order that replaces its orders every `every` book changes.
    pub fn new(notional: f64, every: u32) -> Self {
        Self {
            notional,
            every: every.max(1),
            seen: 0,
            orders: [OrderHandle::NONE; 2],
        }
    }

    fn on_book(&mut self, desk: &mut dyn Desk) {
        self.seen += 1;
        if self.seen < self.every {
            return;
        }
        self.seen = 0;
        let market = desk.primary();
        let facts = *desk.facts(market);
        let sides = [(Side::Buy, facts.bid), (Side::Sell, facts.ask)];
        for (order, (side, price)) in self.orders.iter_mut().zip(sides) {
            desk.cancel(*order);
            *order = desk.place(&OrderRequest {
                market,
                side,
                qty: desk.qty_for(market, self.notional),
                price: Some(price),
                flags: OrderFlags::POST_ONLY,
                reason: Note::EMPTY,
            });
        }
    }
}

impl Strategy for Churn {
    fn handlers(&self) -> Handlers {
        Handlers {
            book: true,
            ..Handlers::default()
        }
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let desk = desk.as_mut().ok_or_else(lent)?;
        if let StrategyEvent::Book { .. } = event {
            self.on_book(desk);
        }
        Ok(())
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seen.to_le_bytes());
        for order in self.orders {
            out.extend_from_slice(&order.order.0.to_le_bytes());
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let (seen, orders) = bytes.split_first_chunk::<4>().ok_or_else(foreign)?;
        let (first, second) = orders.split_first_chunk::<8>().ok_or_else(foreign)?;
        let second: [u8; 8] = second.try_into().map_err(|_| foreign())?;
        self.seen = u32::from_le_bytes(*seen);
        for (order, bytes) in self.orders.iter_mut().zip([*first, second]) {
            *order = OrderHandle {
                order: OrderId(u64::from_le_bytes(bytes)),
                ..OrderHandle::NONE
            };
        }
        Ok(())
    }
}

/// Declares an indicator; a refusal is the fault of `init`.
fn declare(
    desk: &mut dyn Desk,
    source: IndicatorSource,
    kind: &str,
    arguments: &[f64],
) -> Result<IndicatorId, Fault> {
    desk.indicator(source, kind, arguments).map_err(refused)
}

/// Declares bars of the market; a refusal is the fault of `init`.
fn declare_bars(
    desk: &mut dyn Desk,
    market: InstrumentId,
    interval_ms: i64,
) -> Result<BarsId, Fault> {
    desk.bars(market, interval_ms).map_err(refused)
}

/// Places an order at the market, or at the price.
fn place(
    desk: &mut dyn Desk,
    market: InstrumentId,
    side: Side,
    qty: f64,
    (price, flags): (Option<f64>, OrderFlags),
    reason: &str,
) -> OrderHandle {
    desk.place(&OrderRequest {
        market,
        side,
        qty,
        price,
        flags,
        reason: Note::cut(reason),
    })
}

fn refused(fault: claire_engine::strategy::DeskFault) -> Fault {
    Fault {
        kind: FaultKind::Error,
        text: Note::cut(words(fault)),
    }
}

/// Appends ids to a strategy's saved bytes.
fn save_ids(ids: &[u16], out: &mut Vec<u8>) {
    ids.iter()
        .for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
}

/// Reads ids that [`save_ids`] wrote; `None` where nothing was saved.
fn read_ids<const N: usize>(bytes: &[u8]) -> Result<Option<[u16; N]>, Fault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (pairs, []) = bytes.as_chunks::<2>() else {
        return Err(foreign());
    };
    let pairs: &[[u8; 2]; N] = pairs.try_into().map_err(|_| foreign())?;
    Ok(Some(pairs.map(u16::from_le_bytes)))
}

/// Appends a handle to a strategy's saved bytes.
fn save_handle(handle: OrderHandle, out: &mut Vec<u8>) {
    out.extend_from_slice(&handle.order.0.to_le_bytes());
    out.push(handle.denied as u8);
}

/// Reads a handle that [`save_handle`] wrote.
fn read_handle(bytes: [u8; 9]) -> Result<OrderHandle, Fault> {
    let [number @ .., code] = bytes;
    Ok(OrderHandle {
        order: OrderId(u64::from_le_bytes(number)),
        denied: GateCode::from_u8(code).ok_or_else(foreign)?,
    })
}

fn words(fault: claire_engine::strategy::DeskFault) -> &'static str {
    use claire_engine::strategy::DeskFault as Refused;
    match fault {
        Refused::OutsideInit => "bars and indicators belong into init",
        Refused::UnknownKind => "the desk has no such indicator",
        Refused::Argument | Refused::Indicator(_) => "the interval or a period is out of range",
        Refused::Capacity => "too many bars or indicators",
    }
}

fn lent() -> Fault {
    Fault {
        kind: FaultKind::Error,
        text: Note::cut("the desk is lent already"),
    }
}

fn foreign() -> Fault {
    Fault {
        kind: FaultKind::Error,
        text: Note::cut("the saved bytes are not this strategy's"),
    }
}
