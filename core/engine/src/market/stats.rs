//! What came in for an instrument: exact counts and sums for summaries and digests.
//!
//! Called by the engine on each market event, on the engine thread. All sums are integers; they saturate
//! instead of wrapping.

use claire_types::number::mul_div;
use claire_types::{Depth, Price, Qty, Side, Trade, VenueNs};
use serde::{Deserialize, Serialize};

/// The counters of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketStats {
    /// Single trades; aggregates of trades are not counted.
    pub trades: u64,
    /// Sum of the single trades' quantities, in units of [`Qty`].
    pub trade_qty: i128,
    /// Sum of price times quantity of the single trades, in units of 10^-(price digits + quantity digits).
    pub trade_notional: i128,
    /// Best bids and asks.
    pub tickers: u64,
    /// Changes of the book, counted with their last part.
    pub deltas: u64,
    /// Snapshots of the book, counted with their last part.
    pub snapshots: u64,
    /// The last trade, single or aggregate.
    pub last_trade: Option<LastTrade>,
}

/// What is remembered of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTrade {
    /// The venue's time of it, [`VenueNs::NONE`] where it said nothing.
    pub venue_time: VenueNs,
    /// The venue's id.
    pub trade_id: u64,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// The side that took liquidity.
    pub aggressor: Side,
}

impl MarketStats {
    /// Counts a trade.
    pub fn on_trade(&mut self, trade: &Trade, venue_time: VenueNs) {
        self.last_trade = Some(LastTrade {
            venue_time,
            trade_id: trade.trade_id,
            price: trade.price,
            qty: trade.qty,
            aggressor: trade.aggressor,
        });
        if trade.is_aggregate {
            return;
        }
        let notional = i128::from(trade.price.0) * i128::from(trade.qty.0);
        self.trades += 1;
        self.trade_qty = self.trade_qty.saturating_add(i128::from(trade.qty.0));
        self.trade_notional = self.trade_notional.saturating_add(notional);
    }

    /// Counts a ticker.
    pub const fn on_ticker(&mut self) {
        self.tickers += 1;
    }

    /// Counts a snapshot or delta, once for all its parts.
    pub const fn on_depth(&mut self, depth: &Depth<'_>) {
        match (depth.is_last, depth.is_snapshot) {
            (false, _) => {}
            (true, false) => self.deltas += 1,
            (true, true) => self.snapshots += 1,
        }
    }

    /// Returns the quantity-weighted average price of the single trades, half to even at the price's
    /// unit; `None` where there are none.
    pub fn average_price(&self) -> Option<Price> {
        let price = mul_div(self.trade_notional, 1, self.trade_qty)?;
        i64::try_from(price).ok().map(Price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::recording::{Frame, play, sessions};
    use claire_types::Levels;

    fn trade(trade_id: u64, price: i64, qty: i64) -> Trade {
        Trade {
            trade_id,
            price: Price(price),
            qty: Qty(qty),
            aggressor: Side::Sell,
            is_aggregate: false,
            is_off_book: false,
        }
    }

    #[test]
    fn sums_are_exact_and_leave_aggregates_out() {
        let mut stats = MarketStats::default();
        assert_eq!(stats.average_price(), None);
        stats.on_trade(&trade(1, i64::MAX, i64::MAX), VenueNs(5));
        stats.on_trade(&trade(2, 7, 3), VenueNs(6));
        let aggregate = Trade {
            is_aggregate: true,
            ..trade(9, 8, 4)
        };
        stats.on_trade(&aggregate, VenueNs(7));
        let max = i128::from(i64::MAX);
        assert_eq!((stats.trades, stats.trade_qty), (2, max + 3));
        assert_eq!(stats.trade_notional, max * max + 21);
        let last = stats.last_trade.expect("a trade");
        assert_eq!(
            (last.trade_id, last.price, last.venue_time),
            (9, Price(8), VenueNs(7))
        );
    }

    #[test]
    fn the_average_price_is_weighted_by_quantity() {
        let mut stats = MarketStats::default();
        stats.on_trade(&trade(1, 100, 1), VenueNs::NONE);
        stats.on_trade(&trade(2, 200, 3), VenueNs::NONE);
        assert_eq!(stats.average_price(), Some(Price(175)));
    }

    #[test]
    fn parts_of_a_frame_count_once() {
        let mut stats = MarketStats::default();
        for (is_snapshot, is_last) in [(true, false), (true, true), (false, true), (false, true)] {
            stats.on_depth(&Depth {
                is_snapshot,
                is_first: true,
                is_last,
                first_id: 1,
                last_id: 1,
                bids: Levels::NONE,
                asks: Levels::NONE,
            });
        }
        assert_eq!((stats.snapshots, stats.deltas), (1, 2));
    }

    #[test]
    fn recorded_sessions_count_as_their_description_says() {
        let (name, files, _) = sessions().swap_remove(1);
        let mut stats = MarketStats::default();
        let played = play(&files, |event| match event {
            Frame::Depth(frame) => stats.on_depth(&frame.depth()),
            Frame::Ticker(_) => stats.on_ticker(),
            Frame::Trade(trade, time) => stats.on_trade(&trade, time),
        });
        if played {
            assert_eq!((stats.trades, stats.tickers), (21_313, 66_089), "{name}");
            // Of 6,551 diffs four end before the snapshot.
            assert_eq!((stats.snapshots, stats.deltas), (1, 6_547), "{name}");
        }
    }
}
