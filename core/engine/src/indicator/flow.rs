//! Who trades and who waits: order flow at the touch, and the sides of trades.
//!
//! Called by the indicators, on the engine thread; one event, one result. Windows of time move in hundredths
//! of themselves, so that their memory is bounded and each step costs the same.

use super::kinds::SLICES;
use super::rolling::WindowSum;
use super::state::{Outputs, one, quotient};
use super::{TouchF64, TradeF64};
use claire_types::time::NS_PER_MS;
use claire_types::{Side, WallNs};
use serde::{Deserialize, Serialize};

/// Sums of `N` things over a window of time: the slice in progress and the whole ones before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Slices {
    slice_ns: i64,
    /// Number of the first slice that was seen, and of the one in progress.
    seen: Option<(i64, i64)>,
    lanes: [Lane; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lane {
    past: WindowSum,
    now: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ofi {
    slices: Slices,
    touch: Option<TouchF64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TradeFlow(Slices);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Vpin {
    bucket_qty: f64,
    buckets_max: u32,
    /// Bought and sold in the bucket in progress.
    bought: f64,
    sold: f64,
    imbalances: WindowSum,
}

impl Slices {
    fn new(window_ms: u32) -> Self {
        let lane = Lane {
            past: WindowSum::new(SLICES - 1),
            now: 0.0,
        };
        Self {
            slice_ns: i64::from(window_ms / SLICES).max(1) * NS_PER_MS,
            seen: None,
            lanes: [lane.clone(), lane],
        }
    }

    /// Brings the window up to `now`; returns whether a slice has ended. Time that goes back is the slice in progress.
    fn advance(&mut self, now: WallNs) -> bool {
        let slice = now.0.div_euclid(self.slice_ns);
        let Some((first, current)) = self.seen else {
            self.seen = Some((slice, slice));
            return false;
        };
        if slice <= current {
            return false;
        }
        let ended = slice.abs_diff(current).min(u64::from(SLICES));
        for lane in &mut self.lanes {
            lane.past.push(std::mem::replace(&mut lane.now, 0.0));
            (1..ended).for_each(|_| {
                lane.past.push(0.0);
            });
        }
        self.seen = Some((first, slice));
        true
    }

    /// Returns whether the window has been seen from its beginning.
    fn is_full(&self) -> bool {
        self.seen
            .is_some_and(|(first, current)| current.abs_diff(first) >= u64::from(SLICES))
    }

    fn sums(&self) -> [f64; 2] {
        let [first, second] = &self.lanes;
        [first, second].map(|lane| lane.past.value() + lane.now)
    }
}

impl Ofi {
    pub fn new(window_ms: u32) -> Self {
        Self {
            slices: Slices::new(window_ms),
            touch: None,
        }
    }

    /// Takes a touch.
    ///
    /// # Source
    /// Cont, Kukanov, Stoikov: The Price Impact of Order Book Events (2014), the contribution e of an event.
    pub fn push(&mut self, now: WallNs, touch: &TouchF64) -> Option<Outputs> {
        self.slices.advance(now);
        if let Some(before) = self.touch.replace(*touch) {
            let mut flow = 0.0;
            if touch.bid >= before.bid {
                flow += touch.bid_qty;
            }
            if touch.bid <= before.bid {
                flow -= before.bid_qty;
            }
            if touch.ask <= before.ask {
                flow -= touch.ask_qty;
            }
            if touch.ask >= before.ask {
                flow += before.ask_qty;
            }
            let [lane, _] = &mut self.slices.lanes;
            lane.now += flow;
        }
        self.outputs()
    }

    /// Forgets the touch: what comes next is no event of the same book.
    pub fn forget(&mut self) {
        self.touch = None;
    }

    /// Lets time pass; `None` where nothing has changed.
    pub fn pass(&mut self, now: WallNs) -> Option<Outputs> {
        let has_moved = self.slices.seen.is_some() && self.slices.advance(now);
        has_moved.then(|| self.outputs())?
    }

    fn outputs(&self) -> Option<Outputs> {
        let [flow, _] = self.slices.sums();
        self.slices.is_full().then(|| one(flow))
    }
}

impl TradeFlow {
    pub fn new(window_ms: u32) -> Self {
        Self(Slices::new(window_ms))
    }

    pub fn push(&mut self, trade: &TradeF64) -> Option<Outputs> {
        self.0.advance(trade.now);
        let [bought, sold] = &mut self.0.lanes;
        match trade.side {
            Side::Buy => bought.now += trade.qty,
            Side::Sell => sold.now += trade.qty,
        }
        self.outputs()
    }

    /// Lets time pass; `None` where nothing has changed.
    pub fn pass(&mut self, now: WallNs) -> Option<Outputs> {
        let has_moved = self.0.seen.is_some() && self.0.advance(now);
        has_moved.then(|| self.outputs())?
    }

    fn outputs(&self) -> Option<Outputs> {
        let [bought, sold] = self.0.sums();
        let share = quotient(bought - sold, bought + sold);
        self.0.is_full().then_some([share, bought, sold, 0.0])
    }
}

impl Vpin {
    pub fn new(bucket_qty: f64, buckets: u32) -> Self {
        Self {
            bucket_qty,
            buckets_max: buckets,
            bought: 0.0,
            sold: 0.0,
            imbalances: WindowSum::new(buckets),
        }
    }

    /// Takes a trade and returns the value where it has filled a bucket.
    pub fn push(&mut self, trade: &TradeF64) -> Option<f64> {
        let room = self.bucket_qty - (self.bought + self.sold);
        if trade.qty < room {
            self.add(trade.side, trade.qty);
            return None;
        }
        self.add(trade.side, room.max(0.0));
        let mut sum = self
            .imbalances
            .push((self.bought - self.sold).abs().min(self.bucket_qty));
        (self.bought, self.sold) = (0.0, 0.0);
        let rest = (trade.qty - room).max(0.0);
        // What a large trade fills alone is one-sided; more than all buckets of them change nothing more.
        let whole = (rest / self.bucket_qty).floor();
        for _ in 0..whole.min(f64::from(self.buckets_max)) as u32 {
            sum = self.imbalances.push(self.bucket_qty);
        }
        let left = rest - whole * self.bucket_qty;
        self.add(trade.side, left.clamp(0.0, self.bucket_qty));
        sum.map(|sum| sum / (self.bucket_qty * f64::from(self.buckets_max)))
    }

    fn add(&mut self, side: Side, qty: f64) {
        match side {
            Side::Buy => self.bought += qty,
            Side::Sell => self.sold += qty,
        }
    }
}
