//! Bars that close and indicators that take a value.
//!
//! Called by the engine after trades, views and ticks. Engine thread only.

use super::{Call, Floor, Seat};
use crate::convert;
use crate::indicator::BarF64;
use crate::market::Bar;
use crate::strategy::{BarView, BarsId, IndicatorSource};
use claire_types::{Amount, InstrumentId, StrategyId};

impl Floor {
    pub(crate) fn feed_mid(&mut self, instrument: InstrumentId) {
        let now = self.now;
        let Some(mid) = self.mid(instrument).map(Amount::to_f64) else {
            return;
        };
        for declared in self.seats.iter_mut().flat_map(|seat| &mut seat.indicators) {
            if declared.source == IndicatorSource::Mid(instrument) {
                declared.indicator.on_mid(now, mid);
            }
        }
    }

    pub(crate) fn feed_indicators(&mut self, source: IndicatorSource, value: f64) {
        for declared in self.seats.iter_mut().flat_map(|seat| &mut seat.indicators) {
            if declared.source == source {
                declared.indicator.on_value(value);
            }
        }
    }

    pub(crate) fn close_bars(&mut self, instrument: InstrumentId) {
        let Some(market) = self.markets.get(instrument.index()) else {
            return;
        };
        if market.bars.is_empty() || self.offset(market.instrument.key.venue).is_none() {
            return;
        }
        let venue_now = self.venue_now(instrument);
        let closed = &mut self.closed_bars;
        if let Some(market) = self.markets.get_mut(instrument.index()) {
            market.on_time(venue_now, &mut |number, bar| closed.push((number, bar)));
        }
        self.tell_closed_bars(instrument);
    }

    pub(crate) fn tell_closed_bars(&mut self, instrument: InstrumentId) {
        let mut closed = std::mem::take(&mut self.closed_bars);
        for (number, bar) in closed.drain(..) {
            self.close_bar(instrument, number, &bar);
        }
        self.closed_bars = closed;
    }

    /// Feeds a closed bar to the indicators on it and tells the strategies that declared it.
    fn close_bar(&mut self, instrument: InstrumentId, number: u16, bar: &Bar) {
        let Some(facts) = self.market_of(instrument).map(|market| market.instrument) else {
            return;
        };
        let price = |price| convert::price_to_f64(price, &facts);
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            let Some(bars) = seat.bars_id(instrument, number) else {
                continue;
            };
            let view = BarView {
                bars,
                interval_ms: seat
                    .bars
                    .get(usize::from(bars.0))
                    .map_or(0, |declared| declared.interval_ms),
                open_time: bar.open_time,
                open: price(bar.open),
                high: price(bar.high),
                low: price(bar.low),
                close: price(bar.close),
                volume: convert::qty_to_f64(bar.volume, bar.close, &facts),
            };
            update_bar_indicators(seat, bars, &view);
            if seat.is_called() {
                self.calls
                    .push(Call::Bar(StrategyId(index), instrument, view));
            }
        }
    }
}

fn update_bar_indicators(seat: &mut Seat, bars: BarsId, view: &BarView) {
    let bar = BarF64 {
        open: view.open,
        high: view.high,
        low: view.low,
        close: view.close,
        volume: view.volume,
    };
    for declared in &mut seat.indicators {
        if declared.source == IndicatorSource::Bars(bars) {
            declared.indicator.on_bar(&bar);
        }
    }
}
