//! The shipped `ema_cross` in Rust.

use super::{declare, declare_bars, lent, place, read_ids, save_ids};
use claire_engine::strategy::{
    BarView, Desk, Fault, Handlers, IndicatorId, IndicatorSource, LentDesk, Strategy, StrategyEvent,
};
use claire_types::{InstrumentId, OrderFlags, Side};

/// Long while the fast EMA of the bars is above the slow one, else flat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmaCross {
    interval_ms: i64,
    periods: [u16; 2],
    notional: f64,
    lines: Option<[IndicatorId; 2]>,
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
        let bars = IndicatorSource::Bars(declare_bars(desk, market, self.interval_ms)?);
        let [fast, slow] = self
            .periods
            .map(|period| declare(desk, bars, "ema", &[f64::from(period)]));
        self.lines = Some([fast?, slow?]);
        Ok(())
    }

    fn on_bar(&mut self, desk: &mut dyn Desk, market: InstrumentId, bar: &BarView) {
        let Some([fast, slow]) = self.lines else {
            return;
        };
        let (fast, slow) = (desk.indicator_value(fast, 0), desk.indicator_value(slow, 0));
        desk.plot("", "fast", fast.value);
        desk.plot("", "slow", slow.value);
        let is_warm = fast.is_warm && slow.is_warm;
        let facts = desk.facts(market);
        if facts.is_flat {
            let is_up = is_warm && fast.prev <= slow.prev && fast.value > slow.value;
            if is_up && facts.working_buy == 0.0 {
                let strength = (fast.value - slow.value) / bar.close;
                desk.signal(Side::Buy, strength, "fast above slow");
                let qty = desk.qty_for(market, self.notional);
                let terms = (None, OrderFlags::NONE);
                place(desk, market, Side::Buy, qty, terms, "fast above slow");
            }
        } else if is_warm && fast.prev >= slow.prev && fast.value < slow.value {
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
            StrategyEvent::Init => self.init(desk)?,
            StrategyEvent::Bar { market, bar } => self.on_bar(desk, *market, bar),
            _ => {}
        }
        Ok(())
    }

    fn save(&self, out: &mut Vec<u8>) {
        if let Some(lines) = self.lines {
            save_ids(&lines.map(|id| id.0), out);
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.lines = read_ids(bytes)?.map(|ids: [u16; 2]| ids.map(IndicatorId));
        Ok(())
    }
}
