//! A market that a test moves by hand, and strategies that do what the test says: the engine is the real one.

use claire_engine::Engine;
use claire_engine::config::{EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::risk::LatchedState;
use claire_engine::strategy::{
    Desk, Fault, FaultKind, Handlers, Inheritance, LentDesk, OrderHandle, OrderRequest, Strategy,
    StrategyEvent,
};
use claire_types::input::Command;
use claire_types::record::{Decision, Fill, NewOrder, NoteKind, OrderEvent, RecordHeader, Verdict};
use claire_types::time::NS_PER_MS;
use claire_types::{
    Amount, Cell, Cells, ClockOffset, CommandKind, Contract, Currency, Depth, DurationNs, GateCode,
    Header, Input, Instrument, InstrumentId, InstrumentKey, Levels, Mode, Note, OrderFlags, Price,
    Qty, Record, Scale, Side, StrategyId, Symbol, Trade, Venue, VenueNs, WallNs,
};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

/// 2023-11-14 22:13:20 UTC.
pub const START: WallNs = WallNs(1_700_000_000_000_000_000);
pub const BTC: InstrumentId = InstrumentId(0);
pub const ETH: InstrumentId = InstrumentId(1);

type Step = Box<dyn FnOnce(&mut dyn Desk) -> Result<(), Fault> + Send>;

/// Runs what the test hands it at the next trade or timer, and writes down what it is told.
#[derive(Default)]
pub struct Actor {
    init: Option<Step>,
    steps: Arc<Mutex<VecDeque<Step>>>,
    told: Arc<Mutex<Vec<String>>>,
    /// Its state: trades it was told of.
    trades: u64,
    /// Refuses to take anything over.
    refuses: bool,
    /// Markets that it names beside its own.
    named: Vec<InstrumentKey>,
}

/// The engine and all that came out of it.
pub struct Play {
    pub engine: Engine,
    pub now: WallNs,
    pub records: Vec<(RecordHeader, Record)>,
    /// The same as the journal gets them.
    pub cells: Vec<Cell>,
    config: EngineConfig,
    steps: Vec<Arc<Mutex<VecDeque<Step>>>>,
    told: Vec<Arc<Mutex<Vec<String>>>>,
    named: Vec<Vec<InstrumentKey>>,
    seq: u64,
    book_id: u64,
}

/// Returns a linear contract with a tick of 0.01, a step of 0.001 and a smallest notional of 10.
pub fn instrument(id: InstrumentId, name: &str, contract: Contract) -> Instrument {
    Instrument {
        id,
        key: format!("sim:{name}USDT").parse().expect("a key"),
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
        notional_min: Amount(10 * Amount::ONE.0),
        multiplier: Amount::ONE,
        base: Currency::cut(name),
        quote: Currency::cut("USDT"),
        settle: Currency::cut("USDT"),
    }
}

/// Returns paper trading with 10,000 USDT, a fee of 0.1 % and so many strategies in BTC.
pub fn config(strategies: usize) -> EngineConfig {
    let mut config = EngineConfig::new(Mode::Paper);
    let fee = Amount(Amount::ONE.0 / 1_000);
    config.fees.push(FeeSchedule {
        venue: Venue::Sim,
        symbol: None,
        maker_share: fee,
        taker_share: fee,
    });
    for number in 0..strategies {
        config.strategies.push(StrategyConfig {
            name: Symbol::cut(&format!("s{number}")),
            market: "sim:BTCUSDT".parse().expect("a key"),
            budget_share: None,
            budget_amount: None,
        });
    }
    config
}

pub fn fault(text: &str) -> Fault {
    Fault {
        kind: FaultKind::Error,
        text: Note::cut(text),
    }
}

/// Returns a limit order in BTC, in base units.
pub fn limit(side: Side, qty: f64, price: f64) -> OrderRequest {
    OrderRequest {
        price: Some(price),
        ..market(side, qty)
    }
}

/// Returns a market order in BTC.
pub fn market(side: Side, qty: f64) -> OrderRequest {
    OrderRequest {
        market: BTC,
        side,
        qty,
        price: None,
        flags: OrderFlags::NONE,
        reason: Note::cut("test"),
    }
}

impl Actor {
    /// Returns a strategy that does this in `init`.
    pub fn with_init(
        init: impl FnOnce(&mut dyn Desk) -> Result<(), Fault> + Send + 'static,
    ) -> Self {
        Self {
            init: Some(Box::new(init)),
            ..Self::default()
        }
    }

    /// Returns a strategy that names another market.
    pub fn that_names(market: &str) -> Self {
        Self {
            named: vec![market.parse().expect("a key")],
            ..Self::default()
        }
    }

    /// Returns a strategy that takes nothing over.
    pub fn that_refuses() -> Self {
        Self {
            refuses: true,
            ..Self::default()
        }
    }

    fn hear(&self, event: &StrategyEvent<'_>) {
        let line = match event {
            StrategyEvent::Init => "init".to_owned(),
            StrategyEvent::Start => "start".to_owned(),
            StrategyEvent::Stop => "stop".to_owned(),
            StrategyEvent::Book { market } => format!("book {}", market.0),
            StrategyEvent::Trade { trade, .. } => format!("trade {}", trade.price),
            StrategyEvent::Timer { name } => format!("timer {name}"),
            StrategyEvent::Fill { fill, .. } => format!("fill {} {}", fill.price, fill.qty),
            StrategyEvent::Order { order, .. } => {
                format!("order {}", order.status.map_or("none", |s| s.as_str()))
            }
            StrategyEvent::Bar { bar, .. } => format!(
                "bar {} {} {} {} {}",
                bar.open, bar.high, bar.low, bar.close, bar.volume
            ),
        };
        self.told.lock().expect("one thread").push(line);
    }
}

impl Strategy for Actor {
    fn handlers(&self) -> Handlers {
        Handlers {
            book: true,
            trade: true,
            bar: true,
            timer: true,
            fill: true,
            order: true,
            start: true,
            stop: true,
        }
    }

    fn markets(&self) -> &[InstrumentKey] {
        &self.named
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        self.hear(event);
        self.trades += u64::from(matches!(event, StrategyEvent::Trade { .. }));
        let before = self.trades.saturating_sub(1);
        let desk = desk.as_mut().ok_or_else(|| fault("no desk"))?;
        let step = match event {
            StrategyEvent::Init => self.init.take(),
            StrategyEvent::Trade { .. } | StrategyEvent::Timer { .. } => {
                self.steps.lock().expect("one thread").pop_front()
            }
            _ => None,
        };
        let result = step.map_or(Ok(()), |step| step(desk));
        if result.is_err() {
            self.trades = before;
        }
        result
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.trades.to_le_bytes());
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let bytes = bytes.try_into().map_err(|_| fault("no number"))?;
        self.trades = u64::from_le_bytes(bytes);
        Ok(())
    }

    fn inherit(&mut self, before: &dyn Strategy) -> Result<Inheritance, Fault> {
        if self.refuses {
            return Err(fault("`this.x` was text and is a number now"));
        }
        let before: Option<&Self> = before.legacy().and_then(|before| before.downcast_ref());
        self.trades = before.map_or(0, |before| before.trades);
        Ok(Inheritance {
            carried: 1,
            ..Inheritance::default()
        })
    }

    fn legacy(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Play {
    /// Returns the engine with one idle actor per configured strategy, BTC at 100.00 and ETH at 50.00.
    pub fn new(config: EngineConfig) -> Self {
        let actors = config.strategies.iter().map(|_| Actor::default()).collect();
        Self::with(config, actors)
    }

    /// Returns the engine with these actors and linear contracts.
    pub fn with(config: EngineConfig, actors: Vec<Actor>) -> Self {
        let facts = [
            instrument(BTC, "BTC", Contract::Linear),
            instrument(ETH, "ETH", Contract::Linear),
        ];
        Self::of(config, actors, &facts)
    }

    pub fn of(config: EngineConfig, actors: Vec<Actor>, facts: &[Instrument]) -> Self {
        let steps = actors.iter().map(|actor| Arc::clone(&actor.steps));
        let told = actors.iter().map(|actor| Arc::clone(&actor.told));
        let (steps, told) = (steps.collect(), told.collect());
        let named = actors.iter().map(|actor| actor.named.clone()).collect();
        let state = LatchedState::new(config.strategies.len());
        let strategies = actors
            .into_iter()
            .map(|actor| Box::new(actor) as Box<dyn Strategy>)
            .collect();
        let engine = Engine::new(config.clone(), state, strategies).expect("a valid configuration");
        let mut play = Self {
            engine,
            now: START,
            records: Vec::new(),
            cells: Vec::new(),
            config,
            steps,
            told,
            named,
            seq: 0,
            book_id: 0,
        };
        for facts in facts {
            play.put(InstrumentId::NONE, &Input::Instrument(*facts));
        }
        play.put(
            InstrumentId::NONE,
            &Input::ClockOffset(ClockOffset {
                venue: Venue::Sim,
                offset: DurationNs(0),
            }),
        );
        for (id, price) in [(BTC, 10_000), (ETH, 5_000)] {
            if id.index() < facts.len() {
                play.book(id, price);
            }
        }
        play
    }

    /// Applies an input now and keeps its records.
    pub fn put(&mut self, instrument: InstrumentId, input: &Input<'_>) {
        self.seq += 1;
        let has_time = instrument != InstrumentId::NONE;
        let header = Header {
            seq: self.seq,
            recv: self.now,
            venue_time: VenueNs(if has_time { self.now.0 } else { 0 }),
            instrument,
        };
        self.engine.apply(&header, input);
        let mut rest = Cells::new(self.engine.records(), &[]);
        self.cells.extend_from_slice(self.engine.records());
        while let Ok((message, after)) = rest.split_message() {
            self.records
                .push(Record::decode(&message).expect("a record"));
            rest = after;
        }
    }

    /// Says a whole book around a price in cents: three levels of 100 units on each side, 0.02 apart.
    pub fn book(&mut self, instrument: InstrumentId, mid: i64) {
        self.wait(1);
        self.book_id += 1;
        let levels = |sign: i64| -> Vec<Cell> {
            (0..3)
                .map(|rank| Cell {
                    low: (mid + sign * (1 + rank)) as u64,
                    high: 100_000,
                })
                .collect()
        };
        let (bids, asks) = (levels(-1), levels(1));
        let depth = Depth {
            is_snapshot: true,
            is_first: true,
            is_last: true,
            first_id: self.book_id,
            last_id: self.book_id,
            bids: Levels::new(Cells::new(&bids, &[])),
            asks: Levels::new(Cells::new(&asks, &[])),
        };
        self.put(instrument, &Input::Depth(depth));
    }

    /// Says a trade of BTC; one outside the book moves nothing.
    pub fn trade(&mut self, price: i64, qty: i64, aggressor: Side, is_off_book: bool) {
        let trade = Trade {
            trade_id: self.seq,
            price: Price(price),
            qty: Qty(qty),
            aggressor,
            is_aggregate: false,
            is_off_book,
        };
        self.put(BTC, &Input::Trade(trade));
    }

    /// Lets time pass without any input.
    pub fn wait(&mut self, ms: i64) {
        self.now = self.now.after(DurationNs(ms * NS_PER_MS));
    }

    /// Lets time pass with the clock's ticks.
    pub fn pass(&mut self, ms: i64) {
        for _ in 0..ms / 100 {
            self.wait(100);
            self.put(InstrumentId::NONE, &Input::Timer);
        }
    }

    /// Lets messages arrive and reports come back, the book standing still at a price in cents.
    pub fn settle(&mut self, mid: i64) {
        for _ in 0..5 {
            self.wait(14);
            self.book(BTC, mid);
        }
    }

    pub fn command(&mut self, kind: CommandKind, strategy: StrategyId) {
        let note = Note::cut("tester: because");
        let command = Command {
            kind,
            strategy,
            note,
        };
        self.put(InstrumentId::NONE, &Input::Command(command));
    }

    /// Ends the program between two inputs and starts it again: all that goes on is in the snapshot.
    pub fn restart(&mut self) {
        let mut bytes = Vec::new();
        self.engine.save(&mut bytes).expect("small");
        let actors =
            self.steps
                .iter()
                .zip(&self.told)
                .zip(&self.named)
                .map(|((steps, told), named)| Actor {
                    init: None,
                    steps: Arc::clone(steps),
                    told: Arc::clone(told),
                    named: named.clone(),
                    ..Actor::default()
                });
        let strategies = actors.map(|actor| Box::new(actor) as Box<dyn Strategy>);
        let restored = Engine::restore(self.config.clone(), strategies.collect(), &bytes);
        self.engine = restored.expect("its own snapshot");
        let mut again = Vec::new();
        self.engine.save(&mut again).expect("small");
        assert_eq!(again, bytes, "the restored engine is the saved one");
    }

    /// Hands a strategy something to do at its next trade or timer.
    pub fn hand(
        &mut self,
        strategy: usize,
        step: impl FnOnce(&mut dyn Desk) -> Result<(), Fault> + Send + 'static,
    ) {
        self.steps[strategy]
            .lock()
            .expect("one thread")
            .push_back(Box::new(step));
    }

    /// Returns another version of a strategy: it does what the test hands that strategy.
    pub fn version(&self, strategy: usize, actor: Actor) -> Actor {
        Actor {
            steps: Arc::clone(&self.steps[strategy]),
            told: Arc::clone(&self.told[strategy]),
            ..actor
        }
    }

    /// Lets a strategy do something at once, and returns what came of it.
    pub fn act<T: Send + 'static>(
        &mut self,
        strategy: usize,
        step: impl FnOnce(&mut dyn Desk) -> T + Send + 'static,
    ) -> T {
        let (sender, receiver) = channel();
        self.hand(strategy, move |desk| {
            sender.send(step(desk)).map_err(|_| fault("nobody waits"))
        });
        self.wait(1);
        self.trade(10_000, 1, Side::Buy, true);
        receiver.try_recv().expect("the strategy was called")
    }

    pub fn place(&mut self, request: OrderRequest) -> OrderHandle {
        self.act(0, move |desk| desk.place(&request))
    }

    /// Buys BTC at the market, and waits for the fill.
    pub fn buy(&mut self, qty: f64) {
        let handle = self.place(market(Side::Buy, qty));
        assert_eq!(handle.denied, GateCode::Ok);
        self.settle(10_000);
    }

    /// Asserts that an order is denied by a check: to the strategy, on the record, and never sent.
    pub fn assert_denied(&mut self, request: OrderRequest, code: GateCode) -> Decision {
        let handle = self.place(request);
        assert_eq!(handle.denied, code);
        let decision = *self.decisions().last().expect("a decision");
        assert_eq!((decision.code, decision.verdict), (code, Verdict::Denied));
        assert_eq!(decision.order, handle.order);
        let is_sent =
            |record: &Record| matches!(record, Record::Order(order) if order.order == handle.order);
        assert!(!self.records.iter().any(|(_, record)| is_sent(record)));
        decision
    }

    pub fn position(&self, strategy: u16) -> i64 {
        let floor = self.engine.floor();
        floor.portfolio().position(StrategyId(strategy), BTC).qty.0
    }

    pub fn told(&self, strategy: usize) -> Vec<String> {
        self.told[strategy].lock().expect("one thread").clone()
    }

    pub fn forget_told(&mut self) {
        for told in &self.told {
            told.lock().expect("one thread").clear();
        }
    }

    pub fn decisions(&self) -> Vec<Decision> {
        self.all(|record| match record {
            Record::Decision(decision) => Some(*decision),
            _ => None,
        })
    }

    pub fn fills(&self) -> Vec<Fill> {
        self.all(|record| match record {
            Record::Fill(fill) => Some(*fill),
            _ => None,
        })
    }

    /// Returns the working orders of BTC on a side: their prices and what is left of them.
    pub fn resting(&self, side: Side) -> Vec<(i64, i64)> {
        let working = self.engine.floor().orders().working_in(BTC);
        working
            .filter(|order| order.side == side)
            .map(|order| (order.price.0, order.working_qty().0))
            .collect()
    }

    pub fn orders(&self) -> Vec<NewOrder> {
        self.all(|record| match record {
            Record::Order(order) => Some(*order),
            _ => None,
        })
    }

    /// Returns the notes of a kind, as words.
    pub fn notes(&self, kind: NoteKind) -> Vec<String> {
        self.all(|record| match record {
            Record::Note(note) if note.kind == kind => Some(note.text.to_string()),
            _ => None,
        })
    }

    pub fn events_of(&self, handle: OrderHandle) -> Vec<OrderEvent> {
        self.all(|record| match record {
            Record::OrderEvent(event) if event.order == handle.order => Some(*event),
            _ => None,
        })
    }

    pub fn all<T>(&self, pick: impl Fn(&Record) -> Option<T>) -> Vec<T> {
        self.records
            .iter()
            .filter_map(|(_, record)| pick(record))
            .collect()
    }
}
