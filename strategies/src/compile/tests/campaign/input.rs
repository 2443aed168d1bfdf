//! What a script is called with: events and the desk's numbers, all from one seed per event.

use super::random::Random;
use crate::desk::{FakeDesk, bar, fill, trade};
use claire_engine::strategy::{
    BarView, BarsId, FillView, IndicatorView, MarketFacts, OrderHandle, OrderView, StrategyEvent,
    TradeView,
};
use claire_types::{Currency, GateCode, InstrumentId, OrderId, OrderReason, OrderStatus, Side};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub seed: u64,
}

/// What an event carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    market: InstrumentId,
    name: &'static str,
    trade: TradeView,
    bar: BarView,
    fill: FillView,
    order: OrderView,
}

/// Returns runs of events for the script of a seed.
pub(super) fn runs(seed: u64, count: usize, events: usize) -> Vec<Vec<Input>> {
    let mut random = Random::new(seed ^ 0x1D_EA);
    let mut events = || {
        (0..events)
            .map(|_| Input {
                seed: random.next(),
            })
            .collect()
    };
    (0..count).map(|_| events()).collect()
}

impl Input {
    /// Returns which of so many handlers the event is for.
    pub(super) fn handler(&self, count: usize) -> usize {
        Random::new(self.seed).below(count)
    }

    /// Returns whether both strategies go on from their saved bytes before it.
    pub(super) fn restarts(&self) -> bool {
        self.seed.is_multiple_of(13)
    }

    /// Puts the desk where it is at the event. The same for desks that were asked the same.
    pub(super) fn prepare(&self, desk: &mut FakeDesk) {
        let mut random = Random::new(self.seed ^ 0xDE_5C);
        desk.facts = [facts(&mut random), facts(&mut random)];
        desk.imbalance = number(&mut random);
        desk.deny = match random.below(8) {
            0 => *random.pick(GateCode::ALL),
            _ => GateCode::Ok,
        };
        for (_, outputs) in &mut desk.indicators {
            for view in outputs {
                *view = IndicatorView {
                    value: number(&mut random),
                    prev: number(&mut random),
                    is_warm: !random.one_in(6),
                };
            }
        }
        for order in &mut desk.orders {
            if random.one_in(3) {
                order.filled = order.qty;
                order.is_open = random.one_in(2);
                order.status = random
                    .pick(&[None, Some(*random.clone().pick(&OrderStatus::ALL))])
                    .to_owned();
                order.reason = *random.pick(OrderReason::ALL);
                order.age_ms = random.between(0, 90_000);
            }
        }
    }

    /// Returns what the event carries.
    pub(super) fn given(&self) -> Given {
        let mut random = Random::new(self.seed ^ 0x61_7E);
        let side = *random.pick(&[Side::Buy, Side::Sell]);
        let handle = match random.below(4) {
            0 => OrderHandle::NONE,
            1 => OrderHandle {
                order: OrderId::NONE,
                denied: *random.pick(GateCode::ALL),
            },
            _ => OrderHandle {
                order: OrderId::new(1, random.between(1, 3) as u64),
                denied: GateCode::Ok,
            },
        };
        Given {
            market: InstrumentId(random.below(4) as u16 / 3),
            name: random.pick::<&str>(&["tick", "tock", "", "abc"]),
            trade: TradeView {
                price: number(&mut random),
                qty: number(&mut random),
                side,
                ..trade()
            },
            bar: BarView {
                bars: BarsId(random.below(2) as u16),
                interval_ms: random.between(1, 400_000),
                open: number(&mut random),
                high: number(&mut random),
                low: number(&mut random),
                volume: number(&mut random),
                ..bar(number(&mut random))
            },
            fill: FillView {
                side,
                price: number(&mut random),
                qty: number(&mut random),
                fee: number(&mut random),
                fee_currency: Currency::cut(random.pick::<&str>(&["USDT", "BTC", ""])),
                is_maker: random.one_in(2),
                opens: random.one_in(2),
                closes: random.one_in(2),
                realized: number(&mut random),
                queue_ahead: number(&mut random),
                ..fill(handle)
            },
            order: OrderView {
                handle,
                ..OrderView::NONE
            },
        }
    }
}

impl Given {
    /// Returns the event for a handler.
    pub(super) fn event(&self, handler: &str) -> StrategyEvent<'_> {
        let market = self.market;
        match handler {
            "on_book" => StrategyEvent::Book { market },
            "on_trade" => StrategyEvent::Trade {
                market,
                trade: self.trade,
            },
            "on_bar" => StrategyEvent::Bar {
                market,
                bar: self.bar,
            },
            "on_timer" => StrategyEvent::Timer { name: self.name },
            "on_fill" => StrategyEvent::Fill {
                market,
                fill: self.fill,
            },
            "on_order" => StrategyEvent::Order {
                market,
                order: self.order,
            },
            "on_start" => StrategyEvent::Start,
            _ => StrategyEvent::Stop,
        }
    }
}

/// Returns a number: mostly of a market, now and then from the edges.
fn number(random: &mut Random) -> f64 {
    match random.below(40) {
        0 => *random.pick(&EDGES),
        1..=4 => random.between(-4, 4) as f64,
        _ => random.between(-800, 8_000) as f64 / 64.0,
    }
}

fn facts(random: &mut Random) -> MarketFacts {
    if random.one_in(20) {
        // Nothing is known of the book.
        return MarketFacts {
            tick: 0.5,
            step: 0.001,
            ..MarketFacts::default()
        };
    }
    let tick = *random.pick(&[0.5, 0.01, 1.0, 1e-8]);
    let spread_ticks = random.between(1, 12);
    let bid = random.between(50, 150) as f64 * tick * 7.0;
    let ask = bid + spread_ticks as f64 * tick;
    let mut facts = MarketFacts {
        bid,
        ask,
        bid_qty: random.between(0, 90) as f64 / 8.0,
        ask_qty: random.between(0, 90) as f64 / 8.0,
        mid: (bid + ask) / 2.0,
        microprice: bid + tick / 3.0,
        spread: ask - bid,
        spread_ticks,
        tick,
        step: 0.001,
        min_notional: 5.0,
        now_ns: 1_723_161_253_937_085_768 + random.between(0, 1 << 40),
        position: random.between(-9, 9) as f64 / 4.0,
        avg_price: bid,
        exposure: random.between(-900, 900) as f64,
        working_buy: random.between(0, 3) as f64,
        working_sell: random.between(0, 3) as f64,
        budget: 1_000.0,
        equity: 10_000.0,
        unrealized: random.between(-90, 90) as f64 / 7.0,
        stale: random.one_in(5),
        is_flat: random.one_in(2),
        can_short: random.one_in(2),
        regime: random.below(4) as u8,
    };
    if random.one_in(12) {
        facts.bid = number(random);
        facts.mid = number(random);
        facts.microprice = number(random);
    }
    facts
}

const EDGES: [f64; 14] = [
    0.0,
    -0.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    5e-324,
    -1e-310,
    f64::EPSILON,
    0.5,
    -2.5,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_777_856.0,
];
