//! Properties of gate, orders and portfolio together: whatever is asked for and whatever the venue does,
//! no projected limit is exceeded, no state traps an exit, and nothing is lost or left over.
//!
//! Plays a small desk: it measures as the engine's desk does and books what a random venue says.

use claire_engine::config::{BalanceConfig, EngineConfig};
use claire_engine::order::{Change, Order, OrderStamp, OrderTable, Reservation};
use claire_engine::portfolio::{Deal, Portfolio};
use claire_engine::risk::funds::{funds_currency, room_without_margin};
use claire_engine::risk::{
    DataFacts, Gate, GateInputs, Intent, MarketPrices, Purpose, Rates, RiskLimits, Scope,
    StrategyFacts, funds_needed,
};
use claire_types::{
    Amount, Contract, Currency, DurationNs, GateCode, Instrument, InstrumentId, Liquidity, Mode,
    Note, OrderFlags, OrderId, OrderKind, OrderReason, Price, Qty, Scale, Side, StrategyId,
    TradingState, VenueNs, WallNs,
};
use proptest::prelude::*;

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A strategy asks for an order.
    Ask {
        strategy: u16,
        instrument: u16,
        side: Side,
        qty: i64,
        price: i64,
        flags: OrderFlags,
    },
    /// The venue takes the working order with this rank.
    Ack(usize),
    /// It fills a part, in percent of what is left.
    Fill(usize, i64),
    /// We cancel it.
    CancelSent(usize),
    /// It is over, one way or another.
    End(usize, u8),
    /// The account's state changes.
    State(TradingState),
    /// Somebody flattens a strategy's position.
    Flatten { strategy: u16, instrument: u16 },
}

struct Desk {
    gate: Gate,
    orders: OrderTable,
    portfolio: Portfolio,
    instruments: Vec<Instrument>,
    state: TradingState,
    placed: u64,
    /// What every fill moved, added up by itself.
    moved: Vec<(Currency, i128)>,
}

const STRATEGIES: u16 = 2;
/// One price for everything, so that what was within its limit stays there.
const PRICE: Price = Price(10_000);

impl Desk {
    fn new(trim: bool) -> Self {
        let mut config = EngineConfig::new(Mode::Backtest);
        config.risk.trim = Some(trim);
        config.account.balances.push(BalanceConfig {
            currency: Currency::cut("AAA"),
            amount: Amount(5 * Amount::ONE.0),
        });
        config.validate().expect("a valid configuration");
        let instruments = vec![
            instrument(0, Contract::Spot, "AAA"),
            instrument(1, Contract::Linear, "BBB"),
            instrument(2, Contract::Linear, "CCC"),
        ];
        let mut portfolio = Portfolio::new(&config).expect("fits");
        for facts in &instruments {
            portfolio.describe(facts).expect("fits");
            portfolio.mark(facts.id, Amount::from_fixed(i128::from(PRICE.0), 2));
            portfolio
                .convert(facts.base, Amount::from_fixed(i128::from(PRICE.0), 2))
                .expect("fits");
        }
        Self {
            gate: Gate::new(config.limits()),
            orders: OrderTable::new(config.tables),
            portfolio,
            instruments,
            state: TradingState::Active,
            placed: 0,
            moved: Vec::new(),
        }
    }

    fn limits(&self) -> &RiskLimits {
        self.gate.limits()
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Ask {
                strategy,
                instrument,
                side,
                qty,
                price,
                flags,
            } => {
                let intent = Intent {
                    strategy: StrategyId(strategy),
                    instrument: InstrumentId(instrument),
                    side,
                    kind: OrderKind::Limit,
                    flags,
                    qty: Qty(qty),
                    price: Price(price),
                    purpose: Purpose::Order,
                };
                self.ask(&intent);
            }
            Step::Ack(rank) => self.apply(rank, Change::Ack),
            Step::Fill(rank, percent) => {
                if let Some(order) = self.ranked(rank) {
                    let qty = Qty((order.working_qty().0 * percent / 100).max(1));
                    self.fill(&order, qty);
                }
            }
            Step::CancelSent(rank) => self.apply(rank, Change::CancelSent),
            Step::End(rank, 0) => self.apply(rank, Change::Rejected(OrderReason::PostOnlyCross)),
            Step::End(rank, 1) => self.apply(rank, Change::Expired(OrderReason::Unfilled)),
            Step::End(rank, _) => self.apply(rank, Change::Cancelled(OrderReason::None)),
            Step::State(state) => self.state = state,
            Step::Flatten {
                strategy,
                instrument,
            } => {
                self.flatten(StrategyId(strategy), InstrumentId(instrument));
            }
        }
    }

    fn ask(&mut self, intent: &Intent) -> GateCode {
        let facts = self.instruments[intent.instrument.index()];
        let currency = funds_currency(&facts, intent.side);
        let margin_share = self.limits().margin_share;
        let account = self.scope(None, intent.instrument);
        let inputs = GateInputs {
            is_killed: Some(false),
            mode_sends: Some(true),
            account_state: Some(self.state),
            strategy_state: Some(TradingState::Active),
            strategy: Some(StrategyFacts {
                is_paused: false,
                is_cooling: false,
                is_warm: true,
                allocation: Amount::ONE,
            }),
            instrument: Some(&facts),
            data: Some(DataFacts {
                is_proven: true,
                silent: DurationNs(0),
                quiet: DurationNs(0),
                venue_silent: DurationNs(0),
            }),
            prices: MarketPrices {
                reference: Amount::from_fixed(i128::from(PRICE.0), 2),
                worst: Some(PRICE),
            },
            quote_rate: Some(Amount::ONE),
            equity: self.portfolio.equity(),
            account,
            owner: self.scope(Some(intent.strategy), intent.instrument),
            orders_open: self.orders.working_count(),
            positions_open_beside: 0,
            rates: Rates::default(),
            funds_free: self
                .portfolio
                .free(currency, self.orders.reserved(currency), margin_share),
            fee_share: Some(FEE),
            own_opposite: None,
        };
        let ruling = self.gate.check(intent, &inputs);
        let Some(approved) = ruling.order else {
            return ruling.answer.code;
        };
        let sent = *approved.value();
        let room = room_without_margin(&account, sent.side);
        let need = funds_needed(
            &facts,
            &sent,
            PRICE.max(sent.price),
            room,
            margin_share,
            FEE,
        );
        let need = need.expect("the gate computed it");
        let is_exit = approved.is_exit();
        self.placed += 1;
        let stamp = OrderStamp {
            id: OrderId::new(1, self.placed),
            placed: WallNs(1),
            sent: VenueNs(1),
            arrival_mid: Amount::ZERO,
            reservation: Reservation {
                currency: need.currency,
                amount: need.amount,
            },
            note: Note::EMPTY,
        };
        self.orders
            .add(approved, &stamp)
            .expect("the tables are larger than the limits");
        if is_exit {
            let own = self.scope(Some(sent.strategy), sent.instrument);
            let exits = own.working.exits_on(sent.side);
            assert!(
                exits <= own.position.abs(),
                "exits beyond the position: {own:?}"
            );
        } else {
            self.assert_within_limits(&sent);
        }
        GateCode::Ok
    }

    fn flatten(&mut self, strategy: StrategyId, instrument: InstrumentId) {
        let position = *self.portfolio.position(strategy, instrument);
        let Some(side) = position.closing_side() else {
            return;
        };
        let own = self.scope(Some(strategy), instrument);
        let left = position.qty.abs().0 - own.working.exits_on(side).0;
        let intent = Intent {
            strategy,
            instrument,
            side,
            kind: OrderKind::Market,
            flags: OrderFlags::REDUCE_ONLY,
            qty: position.qty.abs(),
            price: Price(0),
            purpose: Purpose::Flatten,
        };
        let facts = &self.instruments[instrument.index()];
        let notional = facts.notional_quote(PRICE, Qty(left.max(0))).expect("fits");
        let is_dust = facts.contract == Contract::Spot && notional < facts.notional_min;
        let code = self.ask(&intent);
        let want = match (left, self.state) {
            (_, TradingState::Killed) => GateCode::KillSwitch,
            (left, _) if left <= 0 => GateCode::NothingToReduce,
            _ if is_dust => GateCode::Precision,
            _ => GateCode::Ok,
        };
        // Check 1 stands behind the question whether there is anything to reduce.
        let is_nothing = code == GateCode::NothingToReduce && left <= 0;
        assert!(
            code == want || is_nothing,
            "{code} for {left} left in {}",
            self.state
        );
    }

    fn scope(&self, strategy: Option<StrategyId>, instrument: InstrumentId) -> Scope {
        let mut beside = Amount::ZERO;
        for other in self
            .instruments
            .iter()
            .filter(|other| other.id != instrument)
        {
            let (position, working) = self.held(strategy, other.id);
            let long = position.0 + working.buy.0;
            let short = position.0 - working.sell.0;
            let farthest = Qty(long.abs().max(short.abs()));
            let notional = self.portfolio.notional(other.id, farthest).expect("valued");
            beside = beside.checked_add(notional).expect("fits");
        }
        let (position, working) = self.held(strategy, instrument);
        Scope {
            position,
            working,
            exposure_beside: Some(beside),
        }
    }

    fn held(
        &self,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
    ) -> (Qty, claire_engine::order::Working) {
        match strategy {
            Some(strategy) => (
                self.portfolio.position(strategy, instrument).qty,
                self.orders.strategy_working(strategy, instrument),
            ),
            None => (
                self.portfolio.net(instrument).qty,
                self.orders.account_working(instrument),
            ),
        }
    }

    /// The order that was just approved, and everything before it, filled at its price: within 12 and 13.
    fn assert_within_limits(&self, sent: &Intent) {
        let equity = self.portfolio.equity().expect("valued");
        for strategy in [None, Some(sent.strategy)] {
            let scope = self.scope(strategy, sent.instrument);
            let after = scope.projected(sent.side, Qty::ZERO).expect("fits");
            if after.0.signum() != sent.side.sign() {
                continue;
            }
            let facts = &self.instruments[sent.instrument.index()];
            let notional = facts.notional_quote(sent.price.max(PRICE), after.abs());
            let notional = match sent.side {
                Side::Buy => facts.notional_quote(sent.price, after.abs()),
                Side::Sell => notional,
            }
            .expect("fits");
            let position_max = equity.times(self.limits().position_share).expect("fits");
            assert!(
                notional <= position_max,
                "{strategy:?}: position of {notional}"
            );
            let total = scope
                .exposure_beside
                .and_then(|beside| beside.checked_add(notional));
            let exposure_max = equity.times(self.limits().exposure_share).expect("fits");
            assert!(
                total.expect("fits") <= exposure_max,
                "{strategy:?}: exposure {total:?}"
            );
        }
    }

    fn fill(&mut self, order: &Order, qty: Qty) {
        let change = Change::Fill(qty);
        if self.orders.apply(order.id, change, WallNs(2)).is_err() {
            return;
        }
        let deal = Deal {
            strategy: order.strategy,
            side: order.side,
            liquidity: Liquidity::Taker,
            price: PRICE,
            qty,
            fee_share: FEE,
        };
        let booked = self.portfolio.book(order.instrument, &deal).expect("fits");
        let facts = self.instruments[order.instrument.index()];
        let sign = i128::from(order.side.sign());
        let paid = facts.notional(PRICE, qty).expect("fits").0 * sign;
        self.shift(booked.fee_currency, -booked.fee.0);
        if facts.contract == Contract::Spot {
            self.shift(facts.quote, -paid);
            let base = Amount::from_fixed(i128::from(qty.0), 3).expect("fits").0;
            self.shift(facts.base, base * sign);
        } else {
            self.shift(facts.settle, booked.realized.0);
        }
    }

    fn shift(&mut self, currency: Currency, amount: i128) {
        match self.moved.iter_mut().find(|(name, _)| *name == currency) {
            Some((_, sum)) => *sum += amount,
            None => self.moved.push((currency, amount)),
        }
    }

    fn apply(&mut self, rank: usize, change: Change) {
        if let Some(order) = self.ranked(rank) {
            let before = self.orders.clone();
            if self.orders.apply(order.id, change, WallNs(2)).is_err() {
                assert_eq!(self.orders, before, "a refused change changed something");
            }
        }
    }

    fn ranked(&self, rank: usize) -> Option<Order> {
        let count = self.orders.working_count() as usize;
        self.orders.working().nth(rank.checked_rem(count)?).copied()
    }

    /// What is in the books is what the fills moved, and the sums are those of the working orders.
    fn assert_conserved(&self) {
        for (currency, start) in [("USDT", 10_000), ("AAA", 5)] {
            let currency = Currency::cut(currency);
            let moved = self.moved.iter().find(|(name, _)| *name == currency);
            let want = start * Amount::ONE.0 + moved.map_or(0, |(_, sum)| *sum);
            assert_eq!(
                self.portfolio.balances().amount(currency),
                Amount(want),
                "{currency}"
            );
        }
        for facts in &self.instruments {
            let own = (0..STRATEGIES).map(|id| self.held(Some(StrategyId(id)), facts.id));
            let (mut qty, mut buy, mut sell) = (0, 0, 0);
            for (position, working) in own {
                qty += position.0;
                buy += working.buy.0;
                sell += working.sell.0;
            }
            let (net, working) = self.held(None, facts.id);
            assert_eq!((net.0, working.buy.0, working.sell.0), (qty, buy, sell));
            for side in [Side::Buy, Side::Sell] {
                let orders = self
                    .orders
                    .working_in(facts.id)
                    .filter(|order| order.side == side);
                let left: i64 = orders.map(|order| order.working_qty().0).sum();
                assert_eq!(working.on(side).0, left);
            }
        }
    }
}

/// 0, so that equity and with it the limits stay where they are.
const FEE: Amount = Amount::ZERO;

fn instrument(id: u16, contract: Contract, base: &str) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        key: format!("sim:{base}USDT").parse().expect("a valid key"),
        scale: Scale {
            price_digits: 2,
            qty_digits: 3,
        },
        contract,
        is_trading: true,
        tick: Price(1),
        step: Qty(1),
        qty_min: Qty(1),
        qty_max: Qty(0),
        notional_min: Amount(5 * Amount::ONE.0),
        multiplier: Amount::ONE,
        base: Currency::cut(base),
        quote: Currency::cut("USDT"),
        settle: Currency::cut("USDT"),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let flags = prop_oneof![3 => Just(OrderFlags::NONE), 1 => Just(OrderFlags::REDUCE_ONLY)];
    let states = proptest::sample::select(TradingState::ALL);
    let ask = (
        0..STRATEGIES,
        0..3_u16,
        side,
        1..6_000_i64,
        9_000..10_200_i64,
        flags,
    )
        .prop_map(
            |(strategy, instrument, side, qty, price, flags)| Step::Ask {
                strategy,
                instrument,
                side,
                qty,
                price,
                flags,
            },
        );
    let step = prop_oneof![
        8 => ask,
        3 => any::<usize>().prop_map(Step::Ack),
        6 => (any::<usize>(), 1..=130_i64).prop_map(|(rank, percent)| Step::Fill(rank, percent)),
        1 => any::<usize>().prop_map(Step::CancelSent),
        2 => (any::<usize>(), 0..3_u8).prop_map(|(rank, end)| Step::End(rank, end)),
        1 => states.prop_map(Step::State),
        2 => (0..STRATEGIES, 0..3_u16)
            .prop_map(|(strategy, instrument)| Step::Flatten { strategy, instrument }),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn prop_no_limit_is_exceeded_no_exit_trapped_and_nothing_lost(steps in steps(), trim: bool) {
        let mut desk = Desk::new(trim);
        for step in steps {
            desk.play(step);
            desk.assert_conserved();
        }
        let left: Vec<OrderId> = desk.orders.working().map(|order| order.id).collect();
        for id in left {
            desk.orders.apply(id, Change::Cancelled(OrderReason::RunEnd), WallNs(3)).expect("working");
        }
        prop_assert!(desk.orders.is_released());
    }
}

#[test]
fn the_played_desk_does_trade() {
    let mut desk = Desk::new(false);
    let ask = |instrument, side, qty| Step::Ask {
        strategy: 0,
        instrument,
        side,
        qty,
        price: PRICE.0,
        flags: OrderFlags::NONE,
    };
    for step in [
        ask(1, Side::Buy, 5_000),
        Step::Ack(0),
        Step::Fill(0, 50),
        Step::Fill(0, 100),
    ] {
        desk.play(step);
    }
    assert_eq!(desk.portfolio.net(InstrumentId(1)).qty, Qty(5_000));
    desk.play(ask(1, Side::Buy, 5_000));
    assert_eq!(desk.orders.working_count(), 1);
    desk.play(ask(1, Side::Buy, 505));
    assert_eq!(desk.orders.working_count(), 1, "10 % of 10,500 is 10.500");
    desk.play(Step::State(TradingState::Halted));
    desk.play(Step::Flatten {
        strategy: 0,
        instrument: 1,
    });
    desk.play(Step::Fill(1, 100));
    assert_eq!(desk.portfolio.net(InstrumentId(1)).qty, Qty(0));
}
