//! The market events of a story: those that caused something, and what passed while an order rested.
//!
//! Filled from the run's inputs in engine order.

use claire_types::{Header, Input, InstrumentId, Price, Side, Ticker, Trade, VenueNs, WallNs};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// What a story wants to know of the market.
#[derive(Debug, Default)]
pub(super) struct Market {
    /// Inputs that are wanted, by engine sequence.
    pub(super) wanted: BTreeSet<u64>,
    /// The stay at the venue that is to be watched.
    pub(super) stay: Option<Stay>,
    /// The inputs found.
    pub(super) found: BTreeMap<u64, Event>,
    /// The last ticker of the instrument before the stay's first report.
    pub(super) ticker_before: Option<Ticker>,
    /// What passed during the stay.
    pub(super) passed: Passed,
}

/// From an order's arrival at the venue to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) arrived: VenueNs,
    /// Venue time of its end; none where the journal ends before it.
    pub(super) ended: Option<VenueNs>,
    /// Engine sequence at which the first report was known.
    pub(super) first_seq: u64,
    /// Engine sequence at which it ended; the journal's end where it did not.
    pub(super) last_seq: u64,
}

/// Others' deals and tickers during a stay.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) trades: u64,
    pub(super) at_price_qty: i128,
    pub(super) at_price: u64,
    pub(super) through: u64,
    /// The trade price nearest to ours from the far side, or beyond it.
    pub(super) nearest: Option<Price>,
    /// The best price on the other side that a ticker showed.
    pub(super) opposite: Option<Price>,
}

/// An input, kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) recv: WallNs,
    pub(super) venue_time: VenueNs,
    pub(super) instrument: InstrumentId,
    pub(super) what: What,
}

/// What an input was.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Trade(Trade),
    Ticker(Ticker),
    /// Last id, bids, asks, and whether it is a snapshot.
    Depth(u64, usize, usize, bool),
    Timer,
    /// Anything else, by name.
    Other(&'static str),
}

impl Market {
    /// Takes the next input; breaks where nothing more is wanted.
    pub(super) fn take(&mut self, seq: u64, header: &Header, input: &Input<'_>) -> ControlFlow<()> {
        if self.wanted.contains(&seq) {
            let event = Event {
                recv: header.recv,
                venue_time: header.venue_time,
                instrument: header.instrument,
                what: What::of(input),
            };
            self.found.insert(seq, event);
        }
        if let Some(stay) = self.stay
            && stay.instrument == header.instrument
        {
            match input {
                Input::Ticker(ticker) if seq <= stay.first_seq => {
                    self.ticker_before = Some(*ticker)
                }
                Input::Ticker(ticker) if seq <= stay.last_seq => {
                    self.passed.see_ticker(&stay, ticker)
                }
                Input::Trade(trade) if seq <= stay.last_seq && stay.lasts_at(header.venue_time) => {
                    self.passed.see_trade(&stay, trade);
                }
                _ => {}
            }
        }
        let last = self.wanted.last().copied().unwrap_or(0);
        let last = last.max(self.stay.map_or(0, |stay| stay.last_seq));
        match seq >= last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Stay {
    /// Returns whether the order was at the venue then.
    fn lasts_at(&self, time: VenueNs) -> bool {
        time > self.arrived && self.ended.is_none_or(|ended| time <= ended)
    }
}

impl Passed {
    fn see_trade(&mut self, stay: &Stay, trade: &Trade) {
        self.trades += 1;
        let beyond = match stay.side {
            Side::Buy => trade.price < stay.price,
            Side::Sell => trade.price > stay.price,
        };
        if trade.price == stay.price {
            self.at_price += 1;
            self.at_price_qty += i128::from(trade.qty.0);
        }
        self.through += u64::from(beyond);
        self.nearest = Some(nearest(stay.side, self.nearest, trade.price));
    }

    fn see_ticker(&mut self, stay: &Stay, ticker: &Ticker) {
        let price = match stay.side {
            Side::Buy => ticker.ask.price,
            Side::Sell => ticker.bid.price,
        };
        self.opposite = Some(nearest(stay.side, self.opposite, price));
    }
}

/// Returns the price that is better for an order on `side`: the lower one for a buy.
fn nearest(side: Side, known: Option<Price>, price: Price) -> Price {
    match (known, side) {
        (None, _) => price,
        (Some(known), Side::Buy) => known.min(price),
        (Some(known), Side::Sell) => known.max(price),
    }
}

impl What {
    fn of(input: &Input<'_>) -> Self {
        match input {
            Input::Trade(trade) => Self::Trade(*trade),
            Input::Ticker(ticker) => Self::Ticker(*ticker),
            Input::Depth(depth) => Self::Depth(
                depth.last_id,
                depth.bids.len(),
                depth.asks.len(),
                depth.is_snapshot,
            ),
            Input::Timer => Self::Timer,
            Input::Instrument(_) => Self::Other("the instrument's facts"),
            Input::Mark(_) => Self::Other("a mark price"),
            Input::Kline(_) => Self::Other("a candle of the venue"),
            Input::Liquidation(_) => Self::Other("a forced order"),
            Input::BookStale(_) => Self::Other("the book became stale"),
            Input::FrameError(_) => Self::Other("a frame that was not understood"),
            Input::ClockOffset(_) => Self::Other("the venue's clock offset"),
            Input::Command(_) => Self::Other("an operator's command"),
            Input::SessionReset => Self::Other("the session started over"),
            Input::Reload(_) => Self::Other("another version of a script"),
            Input::Refusal(_) => Self::Other("a saved script that was refused"),
            Input::LowDisk(_) => Self::Other("little room on the journal's disk"),
            Input::End => Self::Other("the end of the input"),
        }
    }
}
