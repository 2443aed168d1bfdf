//! Bars that close and indicators that take a value.
//!
//! Called by the engine after trades, views and ticks. Engine thread only.

use super::{Call, Floor, Seat, facts};
use crate::convert;
use crate::indicator::{BarF64, TradeF64};
use crate::market::{Bar, BookView};
use crate::strategy::IndicatorSource;
use claire_types::{Amount, Instrument, InstrumentId, Side, StrategyId};

impl Floor {
    pub(crate) fn feed_mid(&mut self, instrument: InstrumentId) {
        let now = self.now;
        let Some(mid) = self.mid(instrument).map(Amount::to_f64) else {
            return;
        };
        for declared in self.seats.iter_mut().flat_map(Seat::all_indicators) {
            if declared.source == IndicatorSource::Mid(instrument) {
                declared.indicator.on_mid(now, mid);
            }
        }
    }

    /// Feeds a trade to the indicators on the market's trades.
    pub(crate) fn feed_trade(&mut self, instrument: InstrumentId, trade: &TradeF64) {
        for declared in self.seats.iter_mut().flat_map(Seat::all_indicators) {
            if declared.source == IndicatorSource::Trades(instrument) {
                declared.indicator.on_trade(trade);
            }
        }
    }

    /// Feeds touch and levels of a proven book to the indicators on them.
    pub(crate) fn feed_book(&mut self, instrument: InstrumentId, touch_changed: bool) {
        let now = self.now;
        let Some(market) = self.markets.get(instrument.index()) else {
            return;
        };
        if !market.book.is_proven() {
            return;
        }
        for seat in &mut self.seats {
            for declared in seat.all_indicators() {
                if declared.source != IndicatorSource::Book(instrument) {
                    continue;
                }
                if let Some(levels) = declared.indicator.book_levels() {
                    let imbalance = imbalance(&market.book, levels);
                    declared.indicator.on_value(imbalance);
                } else if touch_changed && let Some(touch) = facts::touch(market) {
                    declared.indicator.on_touch(now, &touch);
                }
            }
        }
    }

    /// Tells the indicators on the book that it is lost: what comes next does not follow what was before.
    pub(crate) fn forget_touch(&mut self, instrument: InstrumentId) {
        for declared in self.seats.iter_mut().flat_map(Seat::all_indicators) {
            if declared.source == IndicatorSource::Book(instrument) {
                declared.indicator.forget_touch();
            }
        }
    }

    /// Lets time pass for the indicators that have a window of it.
    pub(crate) fn feed_time(&mut self) {
        let now = self.now;
        for declared in self.seats.iter_mut().flat_map(Seat::all_indicators) {
            declared.indicator.on_time(now);
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

    /// Keeps a closed bar, feeds it to the indicators on it and tells the strategies that declared it.
    ///
    /// A strategy that is warm with this bar begins with it.
    fn close_bar(&mut self, instrument: InstrumentId, number: u16, bar: &Bar) {
        let Some(market) = self.markets.get_mut(instrument.index()) else {
            return;
        };
        let bar = bar_f64(bar, &market.instrument);
        if let Some(kept) = market.kept.get_mut(usize::from(number)) {
            kept.push(bar);
        }
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            if let Some(probation) = &mut seat.probation {
                probation.before.take_bar(instrument, number, &bar);
            }
            let Some(id) = seat.bars_id(instrument, number) else {
                continue;
            };
            seat.take_bar(id, &bar);
            if seat.begin_if_warm() {
                self.calls.push(Call::Start(StrategyId(index)));
            }
            if seat.is_called() {
                let view = seat.bar_view(id, &bar);
                self.calls
                    .push(Call::Bar(StrategyId(index), instrument, view));
            }
        }
    }
}

fn bar_f64(bar: &Bar, facts: &Instrument) -> BarF64 {
    let price = |price| convert::price_to_f64(price, facts);
    BarF64 {
        open_time: bar.open_time,
        open: price(bar.open),
        high: price(bar.high),
        low: price(bar.low),
        close: price(bar.close),
        volume: convert::qty_to_f64(bar.volume, bar.close, facts),
    }
}

/// Returns (bid - ask) / (bid + ask) quantity over the best `levels`, 0 on an empty book.
pub(super) fn imbalance(book: &impl BookView, levels: usize) -> f64 {
    let sum = |side| {
        let (mut left, mut sum) = (levels, 0_i128);
        book.walk(side, &mut |level| {
            if left == 0 {
                return false;
            }
            left -= 1;
            sum += i128::from(level.qty.0);
            left > 0
        });
        sum
    };
    let (bids, asks) = (sum(Side::Buy), sum(Side::Sell));
    let all = bids + asks;
    if all > 0 {
        (bids - asks) as f64 / all as f64
    } else {
        0.0
    }
}
