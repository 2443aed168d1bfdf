//! The shipped `imbalance` in Rust.

use super::{foreign, lent, place, read_handle, save_handle};
use claire_engine::strategy::{
    Desk, Fault, FaultKind, FillView, Handlers, LentDesk, NoteLevel, OrderHandle, ProtectRequest,
    Strategy, StrategyEvent,
};
use claire_types::{GateCode, InstrumentId, Note, OrderFlags, Side};

/// Takes the side of a smoothed book imbalance, leaves after some ticks or some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Imbalance {
    imbalance: f64,
    entry: OrderHandle,
}

impl Default for Imbalance {
    fn default() -> Self {
        Self {
            imbalance: 0.0,
            entry: OrderHandle::NONE,
        }
    }
}

impl Imbalance {
    fn on_book(&mut self, desk: &mut dyn Desk, market: InstrumentId) {
        self.imbalance += SMOOTH * (desk.imbalance(market, LEVELS) - self.imbalance);
        let facts = desk.facts(market);
        let (spread_ticks, mid, bid, ask) = (facts.spread_ticks, facts.mid, facts.bid, facts.ask);
        let can_short = facts.can_short;
        if !facts.is_flat || desk.order(self.entry).is_open || spread_ticks > SPREAD {
            return;
        }
        if mid <= 0.0 {
            return;
        }
        if self.imbalance > ENTER {
            desk.signal(Side::Buy, self.imbalance, "bid heavy");
            let qty = desk.qty_for(market, NOTIONAL);
            let terms = (Some(ask), OrderFlags::IOC);
            self.entry = place(desk, market, Side::Buy, qty, terms, "bid heavy");
        } else if self.imbalance < -ENTER && can_short {
            desk.signal(Side::Sell, -self.imbalance, "ask heavy");
            let qty = desk.qty_for(market, NOTIONAL);
            let terms = (Some(bid), OrderFlags::IOC);
            self.entry = place(desk, market, Side::Sell, qty, terms, "ask heavy");
        }
        if self.entry.denied != GateCode::Ok {
            let words = Note::format(format_args!("denied {}", self.entry.denied.as_str()));
            desk.note(NoteLevel::Note, words.as_str());
            self.entry = OrderHandle::NONE;
        }
    }

    fn on_fill(
        &self,
        desk: &mut dyn Desk,
        market: InstrumentId,
        fill: &FillView,
    ) -> Result<(), Fault> {
        if fill.opens {
            let (side, tick) = (fill.side.sign() as f64, desk.facts(market).tick);
            desk.protect(&ProtectRequest {
                market,
                stop: fill.price - side * STOP_TICKS * tick,
                take: Some(fill.price + side * TAKE_TICKS * tick),
                reason: Note::cut("ticks"),
            });
            let timer = desk.after(HOLD_MS, "hold");
            timer.map_err(|_| Fault {
                kind: FaultKind::Error,
                text: Note::cut("the desk has no room for a timer"),
            })?;
        }
        Ok(())
    }
}

impl Strategy for Imbalance {
    fn handlers(&self) -> Handlers {
        Handlers {
            book: true,
            fill: true,
            timer: true,
            ..Handlers::default()
        }
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let desk = desk.as_mut().ok_or_else(lent)?;
        match event {
            StrategyEvent::Book { market } => self.on_book(desk, *market),
            StrategyEvent::Fill { market, fill } => self.on_fill(desk, *market, fill)?,
            StrategyEvent::Timer { .. } => {
                let market = desk.primary();
                if !desk.facts(market).is_flat {
                    desk.flatten(market, "held long enough");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.imbalance.to_bits().to_le_bytes());
        save_handle(self.entry, out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let (imbalance, entry) = bytes.split_first_chunk::<8>().ok_or_else(foreign)?;
        let entry: [u8; 9] = entry.try_into().map_err(|_| foreign())?;
        self.entry = read_handle(entry)?;
        self.imbalance = f64::from_bits(u64::from_le_bytes(*imbalance));
        Ok(())
    }
}

const LEVELS: usize = 5;
const ENTER: f64 = 0.4;
const SMOOTH: f64 = 0.2;
const SPREAD: i64 = 2;
const TAKE_TICKS: f64 = 300.0;
const STOP_TICKS: f64 = 200.0;
const HOLD_MS: i64 = 1_500;
const NOTIONAL: f64 = 250.0;
