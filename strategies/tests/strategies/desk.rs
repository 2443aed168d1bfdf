//! A desk for tests: answers from plain fields and writes down what is asked of it.

use claire_engine::strategy::{
    BarView, BarsId, BracketRequest, Desk, DeskFault, FillView, IndicatorId, IndicatorSource,
    IndicatorView, LentDesk, MarketFacts, NoteLevel, OrderHandle, OrderRequest, OrderView,
    ProtectRequest, QuoteRequest, StopRequest, TradeView,
};
use claire_types::{
    Currency, GateCode, InstrumentId, OrderId, OrderReason, OrderStatus, Side, VenueNs,
};
use std::any::Any;
use std::cell::Cell;

/// The fake desk. Market 0 is the primary, 1 is `sim:OTHER`.
pub struct FakeDesk {
    pub facts: [MarketFacts; 2],
    /// How often the numbers' place was asked for.
    pub facts_asked: Cell<u32>,
    /// What was asked, one line each.
    pub log: Vec<String>,
    /// Orders placed, in order; the id's number is the position plus 1.
    pub orders: Vec<OrderView>,
    /// Denies what is placed with this code.
    pub deny: GateCode,
    pub imbalance: f64,
    /// Declared indicators: name, and per output the value.
    pub indicators: Vec<(String, Vec<IndicatorView>)>,
    pub is_init: bool,
    pub bars: u16,
    /// The kind of indicator that it does not know.
    pub unknown_kind: &'static str,
    /// The least argument of an indicator that it takes.
    pub argument_min: f64,
    /// Its numbers change with everything that is asked of it, and move to another place when a market is asked for.
    pub is_restless: bool,
    /// How often a call was undone.
    pub undone: u32,
    /// Lines and orders when the call began.
    began: (usize, Vec<OrderView>),
    /// Where the numbers lie while it is restless, now and before.
    places: [Box<[MarketFacts; 2]>; 2],
    /// What was asked for in this call.
    acts: u32,
}

impl FakeDesk {
    /// Begins a call, to which `undo` goes back.
    pub fn begin(&mut self) {
        self.began = (self.log.len(), self.orders.clone());
        self.acts = 0;
        self.move_facts();
    }

    pub fn lent() -> LentDesk {
        LentDesk::new(Box::new(Self::new()))
    }

    pub fn new() -> Self {
        let facts = MarketFacts {
            bid: 100.0,
            ask: 100.5,
            bid_qty: 3.0,
            ask_qty: 1.0,
            mid: 100.25,
            microprice: 100.375,
            spread: 0.5,
            spread_ticks: 1,
            tick: 0.5,
            step: 0.001,
            min_notional: 5.0,
            now_ns: 1_723_161_253_937_085_768,
            budget: 1_000.0,
            equity: 10_000.0,
            is_flat: true,
            can_short: true,
            regime: 2,
            ..MarketFacts::default()
        };
        let other = MarketFacts {
            bid: 7.0,
            ask: 8.0,
            mid: 7.5,
            ..facts
        };
        Self {
            facts: [facts, other],
            facts_asked: Cell::new(0),
            log: Vec::new(),
            orders: Vec::new(),
            deny: GateCode::Ok,
            imbalance: 0.5,
            indicators: Vec::new(),
            is_init: true,
            bars: 0,
            unknown_kind: "obv",
            argument_min: 1.0,
            is_restless: false,
            undone: 0,
            began: (0, Vec::new()),
            places: [Box::new([facts, other]), Box::new([facts, other])],
            acts: 0,
        }
    }

    fn say(&mut self, line: impl Into<String>) {
        self.log.push(line.into());
        self.acts += 1;
        self.change_facts();
    }

    /// Changes the numbers where they lie.
    fn change_facts(&mut self) {
        let mut changed = self.facts;
        for facts in &mut changed {
            facts.working_buy += 0.25 * f64::from(self.acts);
            facts.spread_ticks += i64::from(self.acts);
        }
        *self.places[0] = changed;
    }

    /// Puts the numbers in another place; nothing is left of them in the old one.
    fn move_facts(&mut self) {
        self.places.swap(0, 1);
        *self.places[1] = [MarketFacts::default(); 2];
        self.change_facts();
    }

    fn market(&self, market: InstrumentId) -> &MarketFacts {
        &self.facts[market.index()]
    }
}

impl Desk for FakeDesk {
    fn primary(&self) -> InstrumentId {
        InstrumentId(0)
    }

    fn market(&mut self, name: &str) -> Option<InstrumentId> {
        self.move_facts();
        match name {
            "sim:MAIN" => Some(InstrumentId(0)),
            "sim:OTHER" => Some(InstrumentId(1)),
            _ => None,
        }
    }

    fn facts(&self, market: InstrumentId) -> &MarketFacts {
        self.facts_asked.set(self.facts_asked.get() + 1);
        if self.is_restless {
            return &self.places[0][market.index()];
        }
        FakeDesk::market(self, market)
    }

    fn level(&self, market: InstrumentId, side: Side, rank: usize) -> Option<(f64, f64)> {
        let facts = FakeDesk::market(self, market);
        let away = rank as f64 * facts.tick;
        match (rank < 3, side) {
            (false, _) => None,
            (true, Side::Buy) => Some((facts.bid - away, facts.bid_qty)),
            (true, Side::Sell) => Some((facts.ask + away, facts.ask_qty)),
        }
    }

    fn imbalance(&self, _: InstrumentId, levels: usize) -> f64 {
        self.imbalance / levels as f64 * levels as f64
    }

    fn place(&mut self, request: &OrderRequest) -> OrderHandle {
        let price = request
            .price
            .map_or("market".to_owned(), |price| price.to_string());
        self.say(format!(
            "{} {} {} @ {price} {} [{}]",
            request.market.0,
            request.side.as_str(),
            request.qty,
            request.flags,
            request.reason
        ));
        let denied = if self.is_init {
            GateCode::Warming
        } else {
            self.deny
        };
        if denied != GateCode::Ok {
            return OrderHandle {
                order: OrderId::NONE,
                denied,
            };
        }
        let handle = OrderHandle {
            order: OrderId::new(1, self.orders.len() as u64 + 1),
            denied: GateCode::Ok,
        };
        self.orders.push(OrderView {
            handle,
            is_open: true,
            side: request.side,
            price: request.price.unwrap_or_default(),
            qty: request.qty,
            filled: 0.0,
            age_ms: 12,
            status: Some(OrderStatus::New),
            reason: OrderReason::None,
        });
        handle
    }

    fn quote(&mut self, quote: &QuoteRequest) -> OrderHandle {
        self.say(format!(
            "{} quote {} {} @ {} keep {} level {} [{}]",
            quote.market.0,
            quote.side.as_str(),
            quote.qty,
            quote.price,
            quote.keep_ticks,
            quote.level,
            quote.reason
        ));
        OrderHandle::NONE
    }

    fn protect(&mut self, protection: &ProtectRequest) -> OrderHandle {
        self.say(format!(
            "{} protect {} take {:?} [{}]",
            protection.market.0, protection.stop, protection.take, protection.reason
        ));
        OrderHandle::NONE
    }

    fn stop(&mut self, stop: &StopRequest) -> OrderHandle {
        self.say(format!(
            "{} stop {} {} {:?} {} [{}]",
            stop.market.0,
            stop.side.as_str(),
            stop.qty,
            stop.trigger,
            stop.flags,
            stop.reason
        ));
        OrderHandle::NONE
    }

    fn bracket(&mut self, bracket: &BracketRequest) -> OrderHandle {
        self.say(format!(
            "{} bracket {} {} entry {:?} stop {} take {} [{}]",
            bracket.market.0,
            bracket.side.as_str(),
            bracket.qty,
            bracket.entry,
            bracket.stop,
            bracket.take,
            bracket.reason
        ));
        OrderHandle::NONE
    }

    fn replace(&mut self, handle: OrderHandle, price: f64, qty: f64) -> OrderHandle {
        self.say(format!("replace {} {qty} @ {price}", handle.order));
        handle
    }

    fn order(&self, handle: OrderHandle) -> OrderView {
        let index = (handle.order.number() as usize).checked_sub(1);
        let known = index.and_then(|index| self.orders.get(index)).copied();
        known.unwrap_or(OrderView {
            handle,
            ..OrderView::NONE
        })
    }

    fn cancel(&mut self, handle: OrderHandle) {
        self.say(format!("cancel {}", handle.order));
        if let Some(order) = self.orders.iter_mut().find(|order| order.handle == handle) {
            order.is_open = false;
            order.status = Some(OrderStatus::Cancelled);
            order.reason = OrderReason::CancelledByStrategy;
        }
    }

    fn cancel_all(&mut self, market: InstrumentId) {
        self.say(format!("{} cancel_all", market.0));
        for order in &mut self.orders {
            order.is_open = false;
        }
    }

    fn flatten(&mut self, market: InstrumentId, reason: &str) -> OrderHandle {
        self.say(format!("{} flatten [{reason}]", market.0));
        OrderHandle::NONE
    }

    fn target_position(&mut self, market: InstrumentId, qty: f64, reason: &str) -> OrderHandle {
        self.say(format!("{} target {qty} [{reason}]", market.0));
        OrderHandle::NONE
    }

    fn qty_for(&self, market: InstrumentId, notional: f64) -> f64 {
        notional / FakeDesk::market(self, market).mid
    }

    fn qty_at_risk(&self, market: InstrumentId, share: f64, stop: f64) -> f64 {
        let facts = FakeDesk::market(self, market);
        share * facts.budget / (facts.mid - stop).abs()
    }

    fn bars(&mut self, market: InstrumentId, interval_ms: i64) -> Result<BarsId, DeskFault> {
        if !self.is_init {
            return Err(DeskFault::OutsideInit);
        }
        self.say(format!("{} bars {interval_ms}", market.0));
        self.bars += 1;
        Ok(BarsId(self.bars - 1))
    }

    fn indicator(
        &mut self,
        source: IndicatorSource,
        kind: &str,
        arguments: &[f64],
    ) -> Result<IndicatorId, DeskFault> {
        if !self.is_init {
            return Err(DeskFault::OutsideInit);
        }
        if kind == self.unknown_kind {
            return Err(DeskFault::UnknownKind);
        }
        if arguments
            .iter()
            .any(|argument| *argument < self.argument_min)
        {
            return Err(DeskFault::Argument);
        }
        self.say(format!("{source:?} {kind} {arguments:?}"));
        let number = self.indicators.len() as f64;
        let view = |output: f64| IndicatorView {
            value: 100.0 + number + output,
            prev: 99.0 + number + output,
            is_warm: true,
        };
        self.indicators
            .push((kind.to_owned(), vec![view(0.0), view(10.0), view(20.0)]));
        Ok(IndicatorId(self.indicators.len() as u16 - 1))
    }

    fn indicator_value(&self, id: IndicatorId, output: u8) -> IndicatorView {
        let found = self.indicators.get(usize::from(id.0));
        let view = found.and_then(|(_, outputs)| outputs.get(usize::from(output)));
        view.copied().unwrap_or_default()
    }

    fn warmup(&mut self, bars: i64) -> Result<(), DeskFault> {
        if !self.is_init {
            return Err(DeskFault::OutsideInit);
        }
        self.say(format!("warmup {bars}"));
        if (0..=1_000).contains(&bars) {
            Ok(())
        } else {
            Err(DeskFault::Argument)
        }
    }

    fn every(&mut self, ms: i64, name: &str) -> Result<(), DeskFault> {
        self.say(format!("every {ms} {name}"));
        if ms < 1 {
            Err(DeskFault::Argument)
        } else {
            Ok(())
        }
    }

    fn after(&mut self, ms: i64, name: &str) -> Result<(), DeskFault> {
        self.say(format!("after {ms} {name}"));
        if ms < 1 {
            Err(DeskFault::Argument)
        } else {
            Ok(())
        }
    }

    fn stop_timer(&mut self, name: &str) {
        self.say(format!("stop_timer {name}"));
    }

    fn signal(&mut self, side: Side, strength: f64, reason: &str) {
        self.say(format!("signal {} {strength} [{reason}]", side.as_str()));
    }

    fn note(&mut self, level: NoteLevel, text: &str) {
        self.say(format!("{level:?}: {text}"));
    }

    fn plot(&mut self, pane: &str, name: &str, value: f64) {
        self.say(format!("plot {pane}/{name} {value}"));
    }

    fn undo(&mut self) {
        self.undone += 1;
        self.log.truncate(self.began.0);
        self.orders.clone_from(&self.began.1);
        self.acts = 0;
        self.move_facts();
    }
}

/// Returns the fake desk of a loan that was given back.
pub fn fake(lent: &mut LentDesk) -> &mut FakeDesk {
    let desk = lent.as_mut().expect("the desk was given back");
    (desk as &mut dyn Any).downcast_mut().expect("a fake desk")
}

pub fn trade() -> TradeView {
    TradeView {
        price: 100.25,
        qty: 0.5,
        side: Side::Sell,
        time: VenueNs(1_723_161_253_000_000_000),
    }
}

pub fn bar(close: f64) -> BarView {
    BarView {
        bars: BarsId(0),
        interval_ms: 300_000,
        open_time: VenueNs(1_723_161_000_000_000_000),
        open: 99.0,
        high: 102.0,
        low: 98.0,
        close,
        volume: 12.5,
    }
}

pub fn fill(order: OrderHandle) -> FillView {
    FillView {
        order,
        side: Side::Buy,
        price: 100.5,
        qty: 0.25,
        fee: 0.01,
        fee_currency: Currency::cut("USDT"),
        is_maker: true,
        opens: true,
        closes: false,
        realized: -0.5,
        queue_ahead: 4.0,
    }
}
