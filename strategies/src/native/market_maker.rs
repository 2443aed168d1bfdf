//! The shipped `market_maker` in Rust.

use super::{declare, lent, read_ids, save_ids};
use claire_engine::strategy::{
    Desk, Fault, FaultKind, Handlers, IndicatorId, IndicatorSource, LentDesk, QuoteRequest,
    Strategy, StrategyEvent,
};
use claire_types::{Note, Side};

/// Quotes both sides of the microprice, leans against its position.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarketMaker {
    vol: Option<IndicatorId>,
}

impl MarketMaker {
    fn init(&mut self, desk: &mut dyn Desk) -> Result<(), Fault> {
        let market = desk.primary();
        desk.every(EVERY_MS, "quote").map_err(|_| Fault {
            kind: FaultKind::Error,
            text: Note::cut("the desk has no room for a timer"),
        })?;
        let vol = declare(desk, IndicatorSource::Mid(market), "mid_vol", &[WINDOW_MS])?;
        self.vol = Some(vol);
        Ok(())
    }

    fn on_timer(&self, desk: &mut dyn Desk) {
        let Some(vol) = self.vol else {
            return;
        };
        let market = desk.primary();
        let facts = desk.facts(market);
        let load = facts.exposure / FULL;
        let (microprice, mid) = (facts.microprice, facts.mid);
        let fair = microprice * (1.0 - load * LEAN_BPS * 1e-4);
        let half = mid * f64::max(HALF_BPS * 1e-4, 2.0 * desk.indicator_value(vol, 0).value);
        let qty = desk.qty_for(market, NOTIONAL);
        let sides = [
            (Side::Buy, fair - half, load < 1.0),
            (Side::Sell, fair + half, load > -1.0),
        ];
        for (side, price, is_wanted) in sides {
            desk.quote(&QuoteRequest {
                market,
                side,
                price,
                qty: if is_wanted { qty } else { 0.0 },
                keep_ticks: KEEP_TICKS,
                level: 0,
                reason: Note::EMPTY,
            });
        }
        desk.plot("", "load", load);
    }
}

impl Strategy for MarketMaker {
    fn handlers(&self) -> Handlers {
        Handlers {
            timer: true,
            ..Handlers::default()
        }
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let desk = desk.as_mut().ok_or_else(lent)?;
        match event {
            StrategyEvent::Init => self.init(desk)?,
            StrategyEvent::Timer { .. } => self.on_timer(desk),
            _ => {}
        }
        Ok(())
    }

    fn save(&self, out: &mut Vec<u8>) {
        if let Some(vol) = self.vol {
            save_ids(&[vol.0], out);
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let ids: Option<[u16; 1]> = read_ids(bytes)?;
        self.vol = ids.map(|[id]| IndicatorId(id));
        Ok(())
    }
}

const EVERY_MS: i64 = 100;
const WINDOW_MS: f64 = 60_000.0;
const NOTIONAL: f64 = 50.0;
const FULL: f64 = 250.0;
const HALF_BPS: f64 = 3.0;
const LEAN_BPS: f64 = 4.0;
const KEEP_TICKS: u32 = 3;
