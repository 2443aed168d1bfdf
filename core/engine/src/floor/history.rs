//! Earlier bars: what strategies want of them, how they come in, and indicators made from them.
//!
//! History is candles of the venue that come as inputs, journaled like all others, before or among the market's
//! events. What the engine builds itself goes before: a candle counts only where no bar of ours stands or will
//! stand. Handlers are not told of history; it warms their indicators. Engine thread only.

use super::seat::Seat;
use super::{Floor, Phase};
use crate::convert;
use crate::indicator::{BarF64, Indicator, IndicatorSpec};
use crate::market::KeptBars;
use crate::strategy::{BarsId, IndicatorSource};
use claire_types::time::NS_PER_MS;
use claire_types::{InstrumentId, Kline, Price};

/// Closed bars that strategies want to have before they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryWanted {
    /// Of which market.
    pub market: InstrumentId,
    /// Of which length.
    pub interval_ms: i64,
    /// How many more than are there, the last ones before now.
    pub bars: u32,
}

impl Floor {
    /// Returns the history that strategies want and do not have, in the order of their declarations.
    ///
    /// Whoever has it (a tape, the venue's REST) hands it in as closed candles, oldest first, before the market's
    /// events. Strategies begin without it as soon as their indicators are warm by what the market itself says.
    pub fn history_wanted(&self) -> Vec<HistoryWanted> {
        let mut all: Vec<HistoryWanted> = Vec::new();
        let waiting = self
            .seats
            .iter()
            .filter(|seat| seat.phase == Phase::Warming);
        for (seat, (id, bars)) in waiting.flat_map(|seat| {
            let numbered = (0_u16..).zip(&seat.bars);
            numbered.map(move |bars| (seat, bars))
        }) {
            let kept = self.kept_bars(bars.market, bars.interval_ms);
            let there = kept.map_or(0, |kept| u32::try_from(kept.len()).unwrap_or(u32::MAX));
            let missing = seat.history(BarsId(id)).saturating_sub(there);
            let is_it = |of: &&mut HistoryWanted| {
                of.market == bars.market && of.interval_ms == bars.interval_ms
            };
            if let Some(wanted) = all.iter_mut().find(is_it) {
                wanted.bars = wanted.bars.max(missing);
            } else if missing > 0 {
                all.push(HistoryWanted {
                    market: bars.market,
                    interval_ms: bars.interval_ms,
                    bars: missing,
                });
            }
        }
        all
    }

    /// Returns the closed bars that are kept of a market; `None` where nobody declared such bars.
    pub fn kept_bars(&self, market: InstrumentId, interval_ms: i64) -> Option<&KeptBars> {
        let market = self.market_of(market)?;
        let number = market.bars_number(interval_ms)?;
        market.kept.get(number)
    }

    /// Returns a new indicator for a seat that has seen the kept bars of its source, as if it had been there.
    ///
    /// On trades, mid or book it has seen nothing: these are not kept. A call costs as many updates as bars are
    /// kept; where that is too long for the engine thread, take [`Floor::kept_bars`] along and use
    /// [`Indicator::of_history`] elsewhere.
    pub fn indicator_for(
        &self,
        seat: &Seat,
        source: IndicatorSource,
        spec: IndicatorSpec,
    ) -> Indicator {
        let kept = match source {
            IndicatorSource::Bars(id) => seat
                .bars
                .get(usize::from(id.0))
                .and_then(|bars| self.kept_bars(bars.market, bars.interval_ms)),
            _ => None,
        };
        match kept {
            Some(kept) => Indicator::of_history(spec, kept.iter()),
            None => Indicator::new(spec),
        }
    }

    /// Takes a candle of the venue as history, where it is one.
    pub(crate) fn take_history(&mut self, instrument: InstrumentId, kline: &Kline) {
        let Some(market) = self.markets.get_mut(instrument.index()) else {
            return;
        };
        let Some(number) = market.bars_number(kline.interval_ns / NS_PER_MS) else {
            return;
        };
        let Some(bar) = history_bar(market, kline) else {
            return;
        };
        let is_ours = market
            .bars
            .get(number)
            .is_none_or(|bars| !bars.takes_history(kline.open_time));
        if let Some(kept) = market.kept.get_mut(number)
            && !is_ours
            && kept.newest().is_none_or(|newest| newest < bar.open_time)
        {
            kept.push(bar);
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            for seat in &mut self.seats {
                if let Some(id) = seat.bars_id(instrument, number) {
                    seat.take_bar(id, &bar);
                }
            }
        }
    }

    /// Lets the seats begin whose indicators are warm by now.
    pub(crate) fn begin_warm_seats(&mut self) {
        for (index, seat) in (0_u16..).zip(&mut self.seats) {
            if seat.begin_if_warm() {
                self.calls
                    .push(super::Call::Start(claire_types::StrategyId(index)));
            }
        }
    }
}

/// Returns the candle as a bar; `None` where it still grows, is out of step, or is no candle.
fn history_bar(market: &super::Market, kline: &Kline) -> Option<BarF64> {
    let facts = &market.instrument;
    let is_aligned = kline.interval_ns > 0 && kline.open_time.0 % kline.interval_ns == 0;
    let top = kline.open.max(kline.close);
    let bottom = kline.open.min(kline.close);
    let is_candle = kline.high >= top && kline.low <= bottom && kline.low > Price(0);
    if !kline.is_closed || !is_aligned || !is_candle {
        return None;
    }
    let price = |price| convert::price_to_f64(price, facts);
    let volume = convert::qty_of_volume(kline.volume, facts)?;
    Some(BarF64 {
        open_time: kline.open_time,
        open: price(kline.open),
        high: price(kline.high),
        low: price(kline.low),
        close: price(kline.close),
        volume: convert::qty_to_f64(volume, kline.close, facts),
    })
}
