//! Strategies in Rust behind the same trait, for benches and whole-system tests.
//!
//! Called on the engine thread like scripts; they allocate nothing after `new`.

use claire_engine::strategy::{
    BarsId, Desk, Fault, FaultKind, Handlers, IndicatorId, IndicatorSource, LentDesk, OrderHandle,
    OrderRequest, Strategy, StrategyEvent,
};
use claire_types::{Note, OrderFlags, OrderId, Side};

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

/// Long while the fast EMA of the bars is above the slow one, else flat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmaCross {
    interval_ms: i64,
    periods: [u16; 2],
    notional: f64,
    lines: Option<(BarsId, [IndicatorId; 2])>,
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

impl EmaCross {
    /// Returns a strategy on bars of this length with a fast and a slow period.
    pub fn new(interval_ms: i64, periods: [u16; 2], notional: f64) -> Self {
        Self {
            interval_ms,
            periods,
            notional,
            lines: None,
        }
    }

    fn init(&mut self, desk: &mut dyn Desk) -> Result<(), Fault> {
        let market = desk.primary();
        let refused = |fault| Fault {
            kind: FaultKind::Error,
            text: Note::cut(words(fault)),
        };
        let bars = desk.bars(market, self.interval_ms).map_err(refused)?;
        let [fast, slow] = self
            .periods
            .map(|period| desk.indicator(IndicatorSource::Bars(bars), "ema", &[f64::from(period)]));
        self.lines = Some((bars, [fast.map_err(refused)?, slow.map_err(refused)?]));
        Ok(())
    }

    fn on_bar(&mut self, desk: &mut dyn Desk, bars: BarsId) {
        let Some((own, [fast, slow])) = self.lines else {
            return;
        };
        let (fast, slow) = (desk.indicator_value(fast, 0), desk.indicator_value(slow, 0));
        if bars != own || !fast.is_warm || !slow.is_warm {
            return;
        }
        let market = desk.primary();
        if fast.prev <= slow.prev && fast.value > slow.value && desk.facts(market).is_flat {
            let qty = desk.qty_for(market, self.notional);
            let reason = Note::cut("fast above slow");
            let (price, flags) = (None, OrderFlags::NONE);
            desk.place(&OrderRequest {
                market,
                side: Side::Buy,
                qty,
                price,
                flags,
                reason,
            });
        } else if fast.prev >= slow.prev && fast.value < slow.value {
            desk.flatten(market, "fast below slow");
        }
    }
}

impl Strategy for EmaCross {
    fn handlers(&self) -> Handlers {
        Handlers {
            bar: true,
            ..Handlers::default()
        }
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let desk = desk.as_mut().ok_or_else(lent)?;
        match event {
            StrategyEvent::Init => self.init(desk),
            StrategyEvent::Bar { bar, .. } => {
                self.on_bar(desk, bar.bars);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        if let Some((bars, [fast, slow])) = self.lines {
            for id in [bars.0, fast.0, slow.0] {
                out.extend_from_slice(&id.to_le_bytes());
            }
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let id = |pair: [u8; 2]| u16::from_le_bytes(pair);
        self.lines = match *bytes {
            [] => None,
            [a, b, c, d, e, f] => Some((
                BarsId(id([a, b])),
                [IndicatorId(id([c, d])), IndicatorId(id([e, f]))],
            )),
            _ => return Err(foreign()),
        };
        Ok(())
    }
}

fn words(fault: claire_engine::strategy::DeskFault) -> &'static str {
    use claire_engine::strategy::DeskFault as Refused;
    match fault {
        Refused::OutsideInit => "bars and indicators belong into init",
        Refused::UnknownKind => "the desk has no ema",
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
