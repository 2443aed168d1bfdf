//! Scenarios of the matching model, with numbers computed by hand.

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

#[test]
fn an_order_meets_the_book_as_it_stood_when_it_arrived() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 6, 102, OrderFlags::NONE, 1_000);
    // Arrives at 1010; the event of 1010 itself comes after it and takes the levels away.
    stage.depth(1_009, |book| {
        book.asks.insert(101, 3);
    });
    stage.depth(1_010, |book| book.asks.clear());
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 3x101 Crossed@1010"),
            (1, "taker 3x102 Crossed@1010"),
        ],
    );
    assert!(stage.venue.is_idle());
}

#[test]
fn a_report_waits_for_the_response_latency_and_for_its_deciding_event() {
    let mut stage = Stage::new();
    stage.venue.set_offset(DurationNs::from_ms(-1_270));
    assert_eq!(stage.venue.venue_time(WallNs(0)), ms(1_270));
    stage.send(Side::Buy, 1, 0, OrderFlags::NONE, 2_000);
    // Venue time 2010 + 10 is 750 of our clock; the event came at 740.
    let moment = Moment {
        venue_time: ms(2_015),
        recv: WallNs(740 * NS_PER_MS),
        seq: 9,
    };
    stage.venue.arrive(MARKET, &stage.book, moment);
    assert_eq!(stage.venue.due(WallNs(750 * NS_PER_MS - 1)), None);
    let report = stage.venue.due(WallNs(750 * NS_PER_MS)).expect("due");
    assert_eq!((report.kind, report.decided_by), (ReportKind::Ack, 9));
    // Had the event come later than that, the report would come with it.
    stage.send(Side::Buy, 1, 0, OrderFlags::NONE, 2_000);
    stage
        .venue
        .due(WallNs(i64::MAX))
        .expect("the first order's fill");
    let moment = Moment {
        venue_time: ms(2_015),
        recv: WallNs(900 * NS_PER_MS),
        seq: 10,
    };
    stage.venue.arrive(MARKET, &stage.book, moment);
    assert_eq!(stage.venue.due_next(), Some(WallNs(900 * NS_PER_MS)));
}

#[test]
fn the_same_displayed_liquidity_is_never_taken_twice() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.send(Side::Buy, 3, 101, OrderFlags::IOC, 1_000);
    }
    stage.timer(1_010);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 3x101 Crossed@1010"),
            (2, "ack@1010"),
            (2, "taker 1x101 Crossed@1010"),
            (2, "expired UNFILLED@1010"),
            (3, "ack@1010"),
            (3, "expired UNFILLED@1010"),
        ],
    );
    // The venue takes 3 of the 4 away: of our debit of 4 remains 1, and it covers what is displayed.
    stage.depth(1_100, |book| {
        book.asks.insert(101, 1);
    });
    // It shows 2 more: those are new.
    stage.depth(1_200, |book| {
        book.asks.insert(101, 3);
    });
    stage.send(Side::Buy, 9, 101, OrderFlags::IOC, 1_200);
    stage.timer(1_210);
    check(
        &mut stage,
        &[
            (4, "ack@1210"),
            (4, "taker 2x101 Crossed@1210"),
            (4, "expired UNFILLED@1210"),
        ],
    );
    // The last take was at 1210: one ms before a second has passed nothing, then all three.
    stage.send(Side::Buy, 9, 101, OrderFlags::IOC, 2_199);
    stage.timer(2_209);
    check(&mut stage, &[(5, "ack@2209"), (5, "expired UNFILLED@2209")]);
    stage.send(Side::Buy, 9, 101, OrderFlags::IOC, 2_200);
    stage.timer(2_210);
    check(
        &mut stage,
        &[
            (6, "ack@2210"),
            (6, "taker 3x101 Crossed@2210"),
            (6, "expired UNFILLED@2210"),
        ],
    );
}

#[test]
fn a_level_that_was_gone_owes_nothing_when_it_returns() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 4, 101, OrderFlags::IOC, 1_000);
    stage.depth(1_020, |book| {
        book.asks.remove(&101);
    });
    stage.depth(1_030, |book| {
        book.asks.insert(101, 2);
    });
    stage.send(Side::Buy, 4, 101, OrderFlags::IOC, 1_030);
    stage.timer(1_040);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 4x101 Crossed@1010"),
            (2, "ack@1040"),
            (2, "taker 2x101 Crossed@1040"),
            (2, "expired UNFILLED@1040"),
        ],
    );
}

#[test]
fn trades_at_our_price_consume_the_queue_before_they_reach_us() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 4, 100, OrderFlags::NONE, 1_000);
    // 5 ahead. A trade of the arrival's own ms does not touch it.
    stage.trade(1_010, 100, 5, Side::Sell);
    stage.trade(1_011, 100, 3, Side::Sell);
    // A buyer's trade does not touch a bid.
    stage.trade(1_012, 100, 9, Side::Buy);
    // 2 ahead; the level shows 1: one of them cancelled.
    stage.depth(1_013, |book| {
        book.bids.insert(100, 1);
    });
    // More behind us changes nothing.
    stage.depth(1_014, |book| {
        book.bids.insert(100, 50);
    });
    stage.trade(1_015, 100, 3, Side::Sell);
    stage.trade(1_016, 100, 1, Side::Sell);
    let mut fills = Vec::new();
    while let Some(report) = stage.venue.due(WallNs(i64::MAX)) {
        if let ReportKind::Fill(fill) = report.kind {
            fills.push(fill);
        }
    }
    let first = FillReport {
        price: Price(100),
        qty: Qty(2),
        liquidity: Liquidity::Maker,
        rule: FillRule::QueueReached,
        arrived: ms(1_010),
        queue_ahead: Qty(5),
        queue_traded: Qty(4),
        queue_cancelled: Qty(1),
    };
    assert_eq!(
        fills,
        [
            first,
            FillReport {
                qty: Qty(1),
                ..first
            }
        ]
    );
}

#[test]
fn the_front_queue_is_filled_by_the_first_trade() {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.matching.queue = QueueModel::Front;
    let mut stage = Stage::with(&config);
    stage.send(Side::Sell, 4, 101, OrderFlags::NONE, 1_000);
    stage.trade(1_011, 101, 1, Side::Buy);
    check(
        &mut stage,
        &[(1, "ack@1010"), (1, "maker 1x101 QueueReached@1011")],
    );
}

#[test]
fn one_trade_fills_several_of_our_orders_at_most_once_over() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 2, 100, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 3, 100, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 4, 99, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    // 5 ahead of both at 100: 8 traded leave 3 for the first, which has 2, and 1 for the second.
    stage.trade(1_011, 100, 8, Side::Sell);
    // Through 100 at 99: what is left there is filled first; 7 ahead at 99 take the rest.
    stage.trade(1_012, 99, 10, Side::Sell);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "ack@1010"),
            (3, "ack@1010"),
            (1, "maker 2x100 QueueReached@1011"),
            (2, "maker 1x100 QueueReached@1011"),
            (2, "maker 2x100 TradedThrough@1012"),
            (3, "maker 1x99 QueueReached@1012"),
        ],
    );
}

#[test]
fn a_book_that_moves_through_us_fills_what_it_displays_once() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 9, 100, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 9, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.depth(1_020, |book| {
        book.bids.remove(&100);
        book.asks.insert(99, 4);
        book.asks.insert(100, 8);
        book.bids.remove(&99);
    });
    // The same book again adds nothing.
    stage.depth(1_021, |_| {});
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "ack@1010"),
            (1, "maker 9x100 BookThrough@1020"),
            (2, "maker 3x100 BookThrough@1020"),
        ],
    );
}

#[test]
fn post_only_and_fill_or_kill_end_as_their_flags_say() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 1, 101, OrderFlags::POST_ONLY, 1_000);
    stage.send(Side::Buy, 1, 100, OrderFlags::POST_ONLY, 1_000);
    stage.send(Side::Buy, 11, 102, OrderFlags::FOK, 1_000);
    stage.send(Side::Buy, 10, 102, OrderFlags::FOK, 1_000);
    stage.send(Side::Sell, 30, 0, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    check(
        &mut stage,
        &[
            (1, "rejected POST_ONLY_CROSS@1010"),
            (2, "ack@1010"),
            (3, "ack@1010"),
            (3, "expired FOK_UNFILLED@1010"),
            (4, "ack@1010"),
            (4, "taker 4x101 Crossed@1010"),
            (4, "taker 6x102 Crossed@1010"),
            (5, "ack@1010"),
            (5, "taker 5x100 Crossed@1010"),
            (5, "taker 7x99 Crossed@1010"),
            (5, "taker 9x98 Crossed@1010"),
            (5, "expired UNFILLED@1010"),
        ],
    );
}

#[test]
fn what_crosses_partly_rests_with_the_rest() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 6, 101, OrderFlags::NONE, 1_000);
    stage.depth(1_020, |book| {
        book.asks.remove(&101);
    });
    // Nobody is before us at 101: the first trade there is ours.
    stage.trade(1_021, 101, 1, Side::Sell);
    stage.trade(1_022, 100, 5, Side::Sell);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (1, "taker 4x101 Crossed@1010"),
            (1, "maker 1x101 QueueReached@1021"),
            (1, "maker 1x101 TradedThrough@1022"),
        ],
    );
}

#[test]
fn a_cancel_takes_the_entry_latency_and_can_be_too_late() {
    let mut stage = Stage::new();
    let first = stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_000);
    let second = stage.send(Side::Buy, 1, 99, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.cancel(first, 1_020);
    stage.cancel(second, 1_020);
    // At 1029 the cancels are on their way: the first order is filled through.
    stage.trade(1_029, 99, 1, Side::Sell);
    stage.trade(1_031, 98, 9, Side::Sell);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "ack@1010"),
            (1, "maker 1x100 TradedThrough@1029"),
            (1, "refused TOO_LATE@1030"),
            (2, "cancelled CANCELLED_BY_STRATEGY@1030"),
        ],
    );
}

#[test]
fn nothing_fills_while_the_book_is_not_proven() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 2, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.depth(1_020, |book| book.is_stale = true);
    for flags in [OrderFlags::IOC, OrderFlags::FOK, OrderFlags::NONE] {
        let price = if flags == OrderFlags::NONE { 0 } else { 101 };
        stage.send(Side::Buy, 1, price, flags, 1_020);
    }
    stage.send(Side::Buy, 1, 101, OrderFlags::POST_ONLY, 1_020);
    stage.send(Side::Buy, 1, 101, OrderFlags::NONE, 1_020);
    stage.send(Side::Buy, 1, 98, OrderFlags::NONE, 1_020);
    stage.trade(1_031, 90, 99, Side::Sell);
    stage.depth(1_032, |book| {
        book.asks.insert(95, 99);
    });
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "rejected NO_BOOK@1030"),
            (3, "rejected NO_BOOK@1030"),
            (4, "rejected NO_BOOK@1030"),
            (5, "ack@1030"),
            (6, "ack@1030"),
            (7, "ack@1030"),
        ],
    );
    // Proven again: what came meanwhile meets this book as if it arrived now.
    stage.depth(1_040, |book| {
        book.asks.remove(&95);
        book.is_stale = false;
    });
    check(
        &mut stage,
        &[
            (5, "expired POST_ONLY_CROSS@1040"),
            (6, "taker 1x101 Crossed@1040"),
        ],
    );
    // 9 ahead of the last one at 98.
    stage.trade(1_041, 98, 10, Side::Sell);
    check(&mut stage, &[(1, "maker 2x100 TradedThrough@1041")]);
    stage.trade(1_042, 98, 2, Side::Sell);
    check(&mut stage, &[(7, "maker 1x98 QueueReached@1042")]);
}

#[test]
fn trades_outside_the_book_and_other_instruments_touch_nothing() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    let moment = stage.moment(1_020);
    let trade = Trade {
        trade_id: 1,
        price: Price(90),
        qty: Qty(9),
        aggressor: Side::Sell,
        is_aggregate: false,
        is_off_book: true,
    };
    stage.venue.traded(MARKET, &trade, &stage.book, moment);
    let trade = Trade {
        is_off_book: false,
        ..trade
    };
    stage
        .venue
        .traded(InstrumentId(2), &trade, &stage.book, moment);
    check(&mut stage, &[(1, "ack@1010")]);
}

#[test]
fn a_session_that_starts_over_ends_what_rests_and_what_is_on_its_way() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_020);
    let moment = stage.moment(1_021);
    stage.venue.end(None, OrderReason::SessionReset, moment);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "cancelled SESSION_RESET@1021"),
            (1, "cancelled SESSION_RESET@1021"),
        ],
    );
    assert!(stage.venue.is_idle());
}

/// A stage whose asks have so many levels of 1, from 101 on.
fn wide(levels: i64, config: &EngineConfig) -> Stage {
    let mut stage = Stage::with(config);
    stage.book.asks = (0..levels).map(|level| (101 + level, 1)).collect();
    stage
}

#[test]
fn an_order_takes_as_many_levels_as_it_needs() {
    let config = EngineConfig::new(Mode::Backtest);
    for (flags, price) in [
        (OrderFlags::NONE, 0),
        (OrderFlags::NONE, 500),
        (OrderFlags::FOK, 500),
        (OrderFlags::IOC, 500),
    ] {
        let mut stage = wide(200, &config);
        stage.send(Side::Buy, 200, price, flags, 1_000);
        stage.timer(1_010);
        let told = stage.told(9_999);
        assert_eq!(told.len(), 201, "an ack and a fill per level: {flags:?}");
        for (level, (_, text)) in told.iter().skip(1).enumerate() {
            let price = 101 + level;
            assert_eq!(*text, format!("taker 1x{price} Crossed@1010"));
        }
    }
}

#[test]
fn an_order_that_the_tables_cannot_hold_says_so_and_invents_no_fill() {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.tables.paper_debits_max = 2 * WALK_LEVELS_MAX as u32 + 1;
    for (flags, fills) in [(OrderFlags::IOC, 128), (OrderFlags::FOK, 0)] {
        let mut stage = wide(200, &config);
        stage.send(Side::Buy, 200, 500, flags, 1_000);
        stage.timer(1_010);
        let told = stage.told(9_999);
        assert_eq!(told.len(), fills + 2, "{flags:?}");
        let (_, end) = told.last().expect("an end");
        assert_eq!(end, "expired CAPACITY@1010");
    }
    // A limit order goes on with the next change of the book, as taker at the book's prices.
    let mut stage = wide(200, &config);
    stage.send(Side::Buy, 200, 500, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    assert_eq!(stage.told(2_000).len(), 129);
    stage.depth(3_000, |book| {
        book.asks.retain(|price, _| *price >= 101 + 128);
    });
    let told = stage.told(9_999);
    assert_eq!(told.len(), 72);
    assert!(told.iter().all(|(_, text)| text.starts_with("taker 1x")));
}

#[test]
fn a_full_venue_refuses_and_loses_no_report() {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.tables.orders_working_max = 2;
    config.tables.paper_fills_max = WALK_LEVELS_MAX as u32 + 2;
    let mut stage = Stage::with(&config);
    stage.send(Side::Buy, 1, 101, OrderFlags::NONE, 1_000);
    stage.send(Side::Buy, 1, 101, OrderFlags::NONE, 1_000);
    let third = PaperOrder {
        id: OrderId::new(1, 3),
        instrument: MARKET,
        side: Side::Buy,
        kind: OrderKind::Limit,
        flags: OrderFlags::NONE,
        qty: Qty(1),
        price: Price(101),
    };
    assert_eq!(stage.venue.submit(&third, ms(1_000)), Err(PaperFault::Full));
    // The first order's reports fill the room: the second arrives when they are taken.
    stage.timer(1_010);
    check(
        &mut stage,
        &[(1, "ack@1010"), (1, "taker 1x101 Crossed@1010")],
    );
    stage.timer(1_020);
    check(
        &mut stage,
        &[(2, "ack@1010"), (2, "taker 1x101 Crossed@1010")],
    );
}

#[test]
fn a_venue_read_from_a_snapshot_goes_on_as_if_nothing_happened() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 6, 101, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.send(Side::Sell, 2, 103, OrderFlags::NONE, 1_010);
    let bytes = postcard::to_allocvec(&stage.venue).expect("encodes");
    let mut twin = Stage::new();
    twin.venue = postcard::from_bytes(&bytes).expect("decodes");
    twin.venue.reserve_room();
    assert_eq!(twin.venue, stage.venue);
    for stage in [&mut stage, &mut twin] {
        stage.trade(1_030, 100, 1, Side::Sell);
    }
    assert_eq!(twin.told(9_999), stage.told(9_999));
}
