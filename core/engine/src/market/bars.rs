//! Bars from trades, in venue time: the engine's own candles (SPEC 2).
//!
//! Called by the engine for each trade and each timer tick, on the engine thread. A bar closes at the first
//! trade of the next bucket, or when venue time passes its end by [`CLOSE_DELAY`]. The first bar is partial
//! and never shown. Reads no clock and allocates nothing: closed bars go to the caller's closure in order.

use claire_types::time::NS_PER_MS;
use claire_types::{Amount, DurationNs, Price, Qty, Scale, Trade, VenueNs};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// When its bucket begins; a multiple of the interval since 1970 UTC.
    pub open_time: VenueNs,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Quantity traded, in venue units; 0 where the bar repeats the close before it.
    pub volume: Qty,
    /// Sum of price times quantity, half to even at 10^-12.
    pub quote_volume: Amount,
    /// Number of trade messages.
    pub trade_count: u64,
}

/// Builds the bars of one instrument and interval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bars {
    interval_ms: NonZeroU32,
    scale: Scale,
    /// Single trades or aggregates: what the first trade was. The other kind tells the same deals again.
    is_aggregate: Option<bool>,
    open: Option<OpenBar>,
    late_count: u64,
    skipped_count: u64,
}

/// The bar that still grows.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct OpenBar {
    /// Number of the bucket since 1970.
    bucket: i64,
    /// Trades before the first one here may have been missed.
    is_partial: bool,
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: Qty,
    /// Exact sum of price times quantity, in units of 10^-(price digits + quantity digits).
    notional: i128,
    trade_count: u64,
}

/// How long after its end a bar waits for late trades, without a trade of the next bucket.
pub const CLOSE_DELAY: DurationNs = DurationNs::from_ms(250);
/// Most empty bars that one call makes; what is beyond is skipped and counted.
pub const EMPTY_BARS_MAX: u64 = 1_500;

impl Bars {
    /// Returns bars of that length, aligned to UTC, none yet.
    pub const fn new(interval_ms: NonZeroU32, scale: Scale) -> Self {
        Self {
            interval_ms,
            scale,
            is_aggregate: None,
            open: None,
            late_count: 0,
            skipped_count: 0,
        }
    }

    /// Forgets the open bar: the session starts over, and its first bar is partial again.
    pub const fn reset(&mut self) {
        self.is_aggregate = None;
        self.open = None;
    }

    /// Takes a trade and hands the bars that it closes to `closed`, oldest first.
    ///
    /// Left out are trades off the book, without quantity or without venue time, and trades of a bar that
    /// has closed, which are counted. Where both single trades and aggregates come, the kind of the first
    /// trade counts.
    pub fn on_trade(&mut self, trade: &Trade, venue_time: VenueNs, closed: &mut impl FnMut(Bar)) {
        if trade.is_off_book || trade.qty.0 <= 0 || !venue_time.is_some() {
            return;
        }
        if *self.is_aggregate.get_or_insert(trade.is_aggregate) != trade.is_aggregate {
            return;
        }
        let bucket = venue_time.0.div_euclid(self.interval().0);
        let Some(open) = self.open else {
            self.open = Some(OpenBar::of(bucket, true, trade));
            return;
        };
        if bucket < open.bucket {
            self.late_count += 1;
            return;
        }
        self.close_before(bucket, closed);
        if let Some(open) = &mut self.open {
            open.add(trade);
        }
    }

    /// Takes the venue's time now, as our clock less the measured offset, and hands the bars that have
    /// waited long enough to `closed`, oldest first.
    pub fn on_time(&mut self, venue_now: VenueNs, closed: &mut impl FnMut(Bar)) {
        // A bar ends when its end plus the delay has passed, not when it is reached.
        let waited = venue_now.0.saturating_sub(CLOSE_DELAY.0 + 1);
        self.close_before(waited.div_euclid(self.interval().0), closed);
    }

    /// Returns whether the bar of the bucket that begins then is none of ours: it is before the first whole one.
    pub fn takes_history(&self, open_time: VenueNs) -> bool {
        let bucket = open_time.0.div_euclid(self.interval().0);
        self.open
            .is_none_or(|open| bucket < open.bucket || (bucket == open.bucket && open.is_partial))
    }

    /// Returns the length of a bar.
    pub const fn interval(&self) -> DurationNs {
        DurationNs(self.interval_ms.get() as i64 * NS_PER_MS)
    }

    /// Returns how many trades came after their bar had closed.
    pub const fn late_count(&self) -> u64 {
        self.late_count
    }

    /// Returns how many empty bars were skipped, see [`EMPTY_BARS_MAX`].
    pub const fn skipped_count(&self) -> u64 {
        self.skipped_count
    }

    /// Closes all bars before `bucket` and opens that.
    fn close_before(&mut self, bucket: i64, closed: &mut impl FnMut(Bar)) {
        let Some(mut open) = self.open else {
            return;
        };
        let mut left = EMPTY_BARS_MAX;
        while open.bucket < bucket && left > 0 {
            if !open.is_partial {
                closed(self.bar(&open));
            }
            open = open.next();
            left -= 1;
        }
        if open.bucket < bucket {
            self.skipped_count += bucket.abs_diff(open.bucket);
            open.bucket = bucket;
        }
        self.open = Some(open);
    }

    fn bar(&self, open: &OpenBar) -> Bar {
        let digits = self
            .scale
            .price_digits
            .saturating_add(self.scale.qty_digits);
        Bar {
            open_time: VenueNs(open.bucket.saturating_mul(self.interval().0)),
            open: open.open,
            high: open.high,
            low: open.low,
            close: open.close,
            volume: open.volume,
            quote_volume: amount(open.notional, digits),
            trade_count: open.trade_count,
        }
    }
}

impl OpenBar {
    fn of(bucket: i64, is_partial: bool, trade: &Trade) -> Self {
        let mut open = Self::empty(bucket, is_partial, trade.price);
        open.add(trade);
        open
    }

    const fn empty(bucket: i64, is_partial: bool, close: Price) -> Self {
        Self {
            bucket,
            is_partial,
            open: close,
            high: close,
            low: close,
            close,
            volume: Qty::ZERO,
            notional: 0,
            trade_count: 0,
        }
    }

    /// Returns the empty bar after this one.
    const fn next(&self) -> Self {
        Self::empty(self.bucket + 1, false, self.close)
    }

    fn add(&mut self, trade: &Trade) {
        if self.trade_count == 0 {
            *self = Self::empty(self.bucket, self.is_partial, trade.price);
        }
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume = Qty(self.volume.0.saturating_add(trade.qty.0));
        let notional = i128::from(trade.price.0) * i128::from(trade.qty.0);
        self.notional = self.notional.saturating_add(notional);
        self.trade_count += 1;
    }
}

/// Returns the amount; what no amount can hold is the largest or smallest one.
fn amount(value: i128, digits: u8) -> Amount {
    let limit = if value < 0 { i128::MIN } else { i128::MAX };
    Amount::from_fixed(value, digits).unwrap_or(Amount(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::recording::{DIGITS, Frame, play, sessions};
    use claire_types::Side;
    use std::collections::BTreeMap;

    const SCALE: Scale = Scale {
        price_digits: 2,
        qty_digits: 3,
    };

    fn trade(price: i64, qty: i64) -> Trade {
        Trade {
            trade_id: 1,
            price: Price(price),
            qty: Qty(qty),
            aggressor: Side::Buy,
            is_aggregate: false,
            is_off_book: false,
        }
    }

    fn ms(ms: i64) -> VenueNs {
        VenueNs(ms * NS_PER_MS)
    }

    fn bars(interval_ms: u32) -> Bars {
        Bars::new(NonZeroU32::new(interval_ms).expect("not zero"), SCALE)
    }

    /// Open time in ms, open, high, low, close, volume, trades.
    type Row = (i64, i64, i64, i64, i64, i64, u64);

    fn row(bar: Bar) -> Row {
        (
            bar.open_time.0 / NS_PER_MS,
            bar.open.0,
            bar.high.0,
            bar.low.0,
            bar.close.0,
            bar.volume.0,
            bar.trade_count,
        )
    }

    fn after_trade(bars: &mut Bars, at_ms: i64, price: i64, qty: i64) -> Vec<Row> {
        let mut rows = Vec::new();
        bars.on_trade(&trade(price, qty), ms(at_ms), &mut |bar| {
            rows.push(row(bar))
        });
        rows
    }

    fn after_time(bars: &mut Bars, now: VenueNs) -> Vec<Row> {
        let mut rows = Vec::new();
        bars.on_time(now, &mut |bar| rows.push(row(bar)));
        rows
    }

    #[test]
    fn a_bar_closes_at_the_first_trade_of_the_next_bucket() {
        let mut bars = bars(1_000);
        assert_eq!(after_trade(&mut bars, 500, 90, 1), []);
        assert_eq!(after_trade(&mut bars, 1_000, 100, 2), []);
        assert_eq!(after_trade(&mut bars, 1_100, 110, 3), []);
        assert_eq!(after_trade(&mut bars, 1_200, 95, 4), []);
        let want = [(1_000, 100, 110, 95, 95, 9, 3)];
        assert_eq!(after_trade(&mut bars, 2_000, 97, 1), want);
    }

    #[test]
    fn the_partial_first_bar_is_dropped_also_by_time_and_after_a_reset() {
        let mut bars = bars(1_000);
        after_trade(&mut bars, 500, 90, 1);
        assert_eq!(after_time(&mut bars, ms(1_900)), []);
        assert_eq!(
            after_time(&mut bars, ms(2_300)),
            [(1_000, 90, 90, 90, 90, 0, 0)]
        );
        bars.reset();
        assert_eq!(after_trade(&mut bars, 2_500, 90, 1), []);
        assert_eq!(after_trade(&mut bars, 3_500, 90, 1), []);
        assert_eq!(
            after_time(&mut bars, ms(4_251)),
            [(3_000, 90, 90, 90, 90, 1, 1)]
        );
    }

    #[test]
    fn time_closes_a_bar_once_its_end_and_the_delay_have_passed() {
        let mut bars = bars(1_000);
        after_trade(&mut bars, 500, 90, 1);
        after_trade(&mut bars, 1_500, 91, 1);
        assert_eq!(after_time(&mut bars, ms(2_250)), []);
        let just_passed = VenueNs(ms(2_250).0 + 1);
        assert_eq!(
            after_time(&mut bars, just_passed),
            [(1_000, 91, 91, 91, 91, 1, 1)]
        );
        assert_eq!(after_time(&mut bars, just_passed), []);
        assert_eq!(after_trade(&mut bars, 1_999, 50, 1), []);
        assert_eq!(bars.late_count(), 1);
        assert_eq!(after_trade(&mut bars, 2_100, 92, 1), []);
        assert_eq!(
            after_trade(&mut bars, 3_100, 93, 1),
            [(2_000, 92, 92, 92, 92, 1, 1)]
        );
    }

    #[test]
    fn empty_bars_repeat_the_close_up_to_a_limit() {
        let mut bars = bars(1_000);
        after_trade(&mut bars, 500, 90, 1);
        after_trade(&mut bars, 1_500, 91, 1);
        let flat = |open_time| (open_time, 91, 91, 91, 91, 0, 0);
        let want = [(1_000, 91, 91, 91, 91, 1, 1), flat(2_000), flat(3_000)];
        assert_eq!(after_trade(&mut bars, 4_000, 99, 1), want);
        let far = after_trade(&mut bars, 10_000_000, 99, 1);
        assert_eq!(far.len() as u64, EMPTY_BARS_MAX);
        assert_eq!(bars.skipped_count(), 9_996 - EMPTY_BARS_MAX);
        assert_eq!(
            after_trade(&mut bars, 10_001_000, 9, 1),
            [(10_000_000, 99, 99, 99, 99, 1, 1)]
        );
    }

    #[test]
    fn what_is_no_deal_of_the_book_is_left_out() {
        let mut bars = bars(1_000);
        after_trade(&mut bars, 500, 90, 1);
        let none = &mut |bar| panic!("closed {bar:?}");
        let off_book = Trade {
            is_off_book: true,
            ..trade(1, 1)
        };
        let aggregate = Trade {
            is_aggregate: true,
            ..trade(1, 1)
        };
        bars.on_trade(&off_book, ms(1_500), none);
        bars.on_trade(&aggregate, ms(1_500), none);
        bars.on_trade(&trade(1, 0), ms(1_500), none);
        bars.on_trade(&trade(1, 1), VenueNs::NONE, none);
        assert_eq!(after_trade(&mut bars, 1_600, 92, 1), []);
        assert_eq!(
            after_trade(&mut bars, 2_000, 92, 1),
            [(1_000, 92, 92, 92, 92, 1, 1)]
        );
    }

    #[test]
    fn the_quote_volume_is_exact() {
        let mut bars = bars(1_000);
        let mut volumes = Vec::new();
        let deals = [
            (500, 1, 1),
            (1_100, 6_183_763, 20),
            (1_200, 6_183_764, 1),
            (2_000, 1, 1),
        ];
        for (at_ms, price, qty) in deals {
            bars.on_trade(&trade(price, qty), ms(at_ms), &mut |bar| {
                volumes.push(bar.quote_volume)
            });
        }
        assert_eq!(
            volumes,
            ["1298.59024".parse::<Amount>().expect("an amount")]
        );
    }

    #[test]
    fn recorded_trades_make_the_bars_of_a_plain_grouping() {
        for (name, files, _) in sessions() {
            let scale = Scale {
                price_digits: DIGITS,
                qty_digits: DIGITS,
            };
            let mut bars = Bars::new(NonZeroU32::new(1_000).expect("not zero"), scale);
            let (mut rows, mut groups) = (Vec::new(), BTreeMap::<i64, Vec<Trade>>::new());
            let played = play(&files, |event| {
                if let Frame::Trade(trade, time) = event {
                    bars.on_trade(&trade, time, &mut |bar| rows.push(bar));
                    groups
                        .entry(time.0 / 1_000_000_000)
                        .or_default()
                        .push(trade);
                }
            });
            if !played {
                return;
            }
            let (first, last) = (groups.keys().min(), groups.keys().max());
            let (first, last) = (*first.expect("trades"), *last.expect("trades"));
            assert_eq!(rows.len() as i64, last - first - 1, "{name}");
            assert_eq!(bars.late_count() + bars.skipped_count(), 0, "{name}");
            let mut close = groups[&first].last().expect("a trade").price;
            for (bar, second) in rows.iter().zip(first + 1..) {
                let group = groups.get(&second).map_or(&[][..], Vec::as_slice);
                let prices = || group.iter().map(|trade| trade.price);
                assert_eq!(bar.open_time.0, second * 1_000_000_000);
                assert_eq!(bar.open, prices().next().unwrap_or(close));
                assert_eq!(bar.high, prices().max().unwrap_or(close));
                assert_eq!(bar.low, prices().min().unwrap_or(close));
                close = prices().next_back().unwrap_or(close);
                assert_eq!(bar.close, close);
                assert_eq!(
                    bar.volume.0,
                    group.iter().map(|trade| trade.qty.0).sum::<i64>()
                );
                assert_eq!(bar.trade_count, group.len() as u64);
            }
        }
    }
}
