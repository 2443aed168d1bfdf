//! The shipped `breakout` in Rust.

use super::{declare, declare_bars, lent, read_ids, save_ids};
use claire_engine::strategy::{
    BarView, Desk, Fault, Handlers, IndicatorId, IndicatorSource, LentDesk, Strategy, StrategyEvent,
};
use claire_types::InstrumentId;

/// Enters beyond a channel while there is a trend, leaves beyond a shorter channel on the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Breakout {
    lines: Option<Lines>,
}

/// The declared indicators.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lines {
    channel: IndicatorId,
    exit: IndicatorId,
    atr: IndicatorId,
    adx: IndicatorId,
}

impl Breakout {
    fn init(&mut self, desk: &mut dyn Desk) -> Result<(), Fault> {
        let market = desk.primary();
        let bars = IndicatorSource::Bars(declare_bars(desk, market, BAR_MS)?);
        self.lines = Some(Lines {
            channel: declare(desk, bars, "donchian", &[20.0])?,
            exit: declare(desk, bars, "donchian", &[10.0])?,
            atr: declare(desk, bars, "atr", &[14.0])?,
            adx: declare(desk, bars, "adx", &[14.0])?,
        });
        Ok(())
    }

    fn on_bar(&mut self, desk: &mut dyn Desk, market: InstrumentId, bar: &BarView) {
        let Some(lines) = self.lines else {
            return;
        };
        let (channel, exit) = (lines.channel, lines.exit);
        let (atr, adx) = (
            desk.indicator_value(lines.atr, 0),
            desk.indicator_value(lines.adx, 0),
        );
        // Outputs of one indicator are warm together.
        let upper = desk.indicator_value(channel, UPPER);
        let leave_below = desk.indicator_value(exit, LOWER);
        if !upper.is_warm || !leave_below.is_warm || !atr.is_warm || !adx.is_warm {
            return;
        }
        let facts = desk.facts(market);
        if facts.is_flat {
            let is_trend = adx.value >= STRENGTH && atr.value / bar.close * 1e4 >= RANGE_BPS;
            if !is_trend {
                return;
            }
            let can_short = facts.can_short;
            if bar.close > upper.prev {
                let qty = desk.qty_for(market, NOTIONAL);
                desk.target_position(market, qty, "above the channel");
            } else if bar.close < desk.indicator_value(channel, LOWER).prev && can_short {
                let qty = desk.qty_for(market, NOTIONAL);
                desk.target_position(market, -qty, "below the channel");
            }
            return;
        }
        let position = facts.position;
        if position > 0.0 && bar.close < leave_below.prev {
            desk.flatten(market, "below the exit channel");
        }
        if position < 0.0 && bar.close > desk.indicator_value(exit, UPPER).prev {
            desk.flatten(market, "above the exit channel");
        }
    }
}

impl Strategy for Breakout {
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
        if let Some(of) = self.lines {
            let ids = [of.channel, of.exit, of.atr, of.adx];
            save_ids(&ids.map(|id| id.0), out);
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let ids: Option<[u16; 4]> = read_ids(bytes)?;
        self.lines = ids.map(|ids| {
            let [channel, exit, atr, adx] = ids.map(IndicatorId);
            Lines {
                channel,
                exit,
                atr,
                adx,
            }
        });
        Ok(())
    }
}

/// Places of a channel's outputs.
const UPPER: u8 = 1;
const LOWER: u8 = 2;

const BAR_MS: i64 = 60_000;
const STRENGTH: f64 = 20.0;
const RANGE_BPS: f64 = 5.0;
const NOTIONAL: f64 = 250.0;
