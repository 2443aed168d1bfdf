//! Scenarios of the matching model, with numbers computed by hand.

mod capacity;
mod reports;
mod resting;
mod taking;

use super::*;
use crate::market::BookView;
use claire_types::record::FillRule;
use claire_types::time::NS_PER_MS;
use claire_types::{Liquidity, Mode, Trade};
use std::collections::BTreeMap;

/// A book as a list of prices. Its own small model, so that the tests do not test the real book.
#[derive(Default)]
struct Shelf {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    is_stale: bool,
}

impl BookView for Shelf {
    fn best(&self, side: Side) -> Option<Level> {
        let mut best = None;
        self.walk(side, &mut |level| {
            best = Some(level);
            false
        });
        best
    }

    fn qty_at(&self, side: Side, price: Price) -> Qty {
        let levels = if side == Side::Buy {
            &self.bids
        } else {
            &self.asks
        };
        Qty(levels.get(&price.0).copied().unwrap_or(0))
    }

    fn walk(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool) {
        let level = |(price, qty): (&i64, &i64)| Level {
            price: Price(*price),
            qty: Qty(*qty),
        };
        match side {
            Side::Buy => self.bids.iter().rev().map(level).all(visit),
            Side::Sell => self.asks.iter().map(level).all(visit),
        };
    }

    fn is_proven(&self) -> bool {
        !self.is_stale
    }
}

/// A venue with a book; times in ms of venue time, received at the same number of ms.
struct Stage {
    venue: PaperVenue,
    book: Shelf,
    seq: u64,
    orders: u64,
}

const MARKET: InstrumentId = InstrumentId(3);

impl Stage {
    fn new() -> Self {
        Self::with(&EngineConfig::new(Mode::Backtest))
    }

    fn with(config: &EngineConfig) -> Self {
        let mut stage = Self {
            venue: PaperVenue::new(config),
            book: Shelf::default(),
            seq: 0,
            orders: 0,
        };
        stage.book.bids = [(100, 5), (99, 7), (98, 9)].into();
        stage.book.asks = [(101, 4), (102, 6), (103, 8)].into();
        stage
    }

    fn moment(&mut self, at_ms: i64) -> Moment {
        self.seq += 1;
        Moment {
            venue_time: ms(at_ms),
            recv: WallNs(at_ms * NS_PER_MS),
            seq: self.seq,
        }
    }

    fn send(&mut self, side: Side, qty: i64, price: i64, flags: OrderFlags, at_ms: i64) -> OrderId {
        self.orders += 1;
        let order = PaperOrder {
            id: OrderId::new(1, self.orders),
            instrument: MARKET,
            side,
            kind: if price == 0 {
                OrderKind::Market
            } else {
                OrderKind::Limit
            },
            flags,
            qty: Qty(qty),
            price: Price(price),
        };
        self.venue.submit(&order, ms(at_ms)).expect("room");
        order.id
    }

    fn cancel(&mut self, order: OrderId, at_ms: i64) {
        let reason = OrderReason::CancelledByStrategy;
        self.venue
            .cancel(order, MARKET, reason, ms(at_ms))
            .expect("room");
    }

    /// A change of levels: what arrives before it meets the book as it stood.
    fn depth(&mut self, at_ms: i64, change: impl FnOnce(&mut Shelf)) {
        let moment = self.moment(at_ms);
        self.venue.arrive(MARKET, &self.book, moment);
        change(&mut self.book);
        self.book.bids.retain(|_, qty| *qty > 0);
        self.book.asks.retain(|_, qty| *qty > 0);
        self.venue.book_changed(MARKET, &self.book, moment);
    }

    fn trade(&mut self, at_ms: i64, price: i64, qty: i64, aggressor: Side) {
        let moment = self.moment(at_ms);
        self.venue.arrive(MARKET, &self.book, moment);
        let trade = Trade {
            trade_id: self.seq,
            price: Price(price),
            qty: Qty(qty),
            aggressor,
            is_aggregate: false,
            is_off_book: false,
        };
        self.venue.traded(MARKET, &trade, &self.book, moment);
    }

    fn timer(&mut self, at_ms: i64) {
        let moment = self.moment(at_ms);
        self.venue.arrive(MARKET, &self.book, moment);
    }

    /// Takes all reports until a time, as (order number, words).
    fn told(&mut self, until_ms: i64) -> Vec<(u64, String)> {
        std::iter::from_fn(|| self.venue.due(WallNs(until_ms * NS_PER_MS)))
            .map(|report| (report.order.number(), words(&report)))
            .collect()
    }
}

fn ms(ms: i64) -> VenueNs {
    VenueNs(ms * NS_PER_MS)
}

fn words(report: &Report) -> String {
    let at = report.venue_time.0 / NS_PER_MS;
    match report.kind {
        ReportKind::Ack => format!("ack@{at}"),
        ReportKind::Rejected(reason) => format!("rejected {reason}@{at}"),
        ReportKind::Cancelled(reason) => format!("cancelled {reason}@{at}"),
        ReportKind::Expired(reason) => format!("expired {reason}@{at}"),
        ReportKind::CancelRefused(reason) => format!("refused {reason}@{at}"),
        ReportKind::Fill(fill) => {
            let liquidity = fill.liquidity.as_str();
            format!(
                "{liquidity} {}x{} {:?}@{at}",
                fill.qty.0, fill.price.0, fill.rule
            )
        }
    }
}

fn check(stage: &mut Stage, want: &[(u64, &str)]) {
    let told = stage.told(1_000_000);
    let told: Vec<_> = told
        .iter()
        .map(|(order, words)| (*order, words.as_str()))
        .collect();
    assert_eq!(told, want);
}
