//! The three strategies of the interface's page, unchanged, on the real engine and a market made here.
//!
//! The market is a slow wave with noise, an imbalance that leans for a while and trades that reach into the
//! book: enough for every kind of order of the page to be sent, filled and closed.

use claire_engine::Engine;
use claire_engine::config::{EngineConfig, FeeSchedule, StrategyConfig};
use claire_engine::risk::LatchedState;
use claire_engine::strategy::Strategy;
use claire_strategies::{RhaiStrategy, Script};
use claire_types::record::{NoteKind, RecordHeader};
use claire_types::{
    Amount, Cell, Cells, ClockOffset, Contract, Currency, Depth, DurationNs, Header, Input,
    Instrument, InstrumentId, Levels, Liquidity, Mode, Price, Qty, Record, Scale, Side, Symbol,
    Trade, Venue, VenueNs, WallNs,
};
use std::collections::BTreeSet;
use std::sync::Arc;

const BTC: InstrumentId = InstrumentId(0);
/// 2023-11-14 22:13:20 UTC.
const START_NS: i64 = 1_700_000_000_000_000_000;
const MS: i64 = 1_000_000;

/// A market, and the engine in it with one script.
struct Made {
    engine: Engine,
    seed: u64,
    now_ns: i64,
    seq: u64,
    book_id: u64,
    /// Leans to one side of the book for a while.
    lean: i64,
    mid: i64,
    records: Vec<(RecordHeader, Record)>,
    cells: Vec<Cell>,
}

fn instrument() -> Instrument {
    Instrument {
        id: BTC,
        key: "sim:BTCUSDT".parse().expect("a key"),
        scale: Scale {
            price_digits: 2,
            qty_digits: 3,
        },
        contract: Contract::Linear,
        is_trading: true,
        tick: Price(1),
        step: Qty(1),
        qty_min: Qty(1),
        qty_max: Qty(0),
        notional_min: Amount(5 * Amount::ONE.0),
        multiplier: Amount::ONE,
        base: Currency::cut("BTC"),
        quote: Currency::cut("USDT"),
        settle: Currency::cut("USDT"),
    }
}

/// Returns paper trading with limits wide enough for half a percent of the budget at risk.
fn config() -> EngineConfig {
    let mut config = EngineConfig::new(Mode::Paper);
    let share = Amount(Amount::ONE.0 / 10_000);
    config.fees.push(FeeSchedule {
        venue: Venue::Sim,
        symbol: None,
        maker_share: share,
        taker_share: share,
    });
    config.strategies.push(StrategyConfig {
        name: Symbol::cut("page"),
        market: "sim:BTCUSDT".parse().expect("a key"),
        budget_share: None,
        budget_amount: None,
    });
    let all = Some(Amount(Amount::ONE.0 * 100));
    config.risk.order_size_share = all;
    config.risk.position_share = all;
    config.risk.exposure_share = all;
    config.risk.margin_share = Some(Amount::ZERO);
    config
}

impl Made {
    fn of(source: &str, seed: u64) -> Self {
        let script = match Script::compile("page", source, &[]) {
            Ok(script) => script,
            Err(told) => panic!("{}", told[0]),
        };
        let strategy: Box<dyn Strategy> = Box::new(RhaiStrategy::new(Arc::new(script)));
        let engine = Engine::new(config(), LatchedState::new(1), vec![strategy]);
        let mut made = Self {
            engine: engine.expect("a valid configuration"),
            seed,
            now_ns: START_NS,
            seq: 0,
            book_id: 0,
            lean: 0,
            mid: 10_000,
            records: Vec::new(),
            cells: Vec::new(),
        };
        made.put(InstrumentId::NONE, &Input::Instrument(instrument()));
        let offset = DurationNs(0);
        let venue = Venue::Sim;
        made.put(
            InstrumentId::NONE,
            &Input::ClockOffset(ClockOffset { venue, offset }),
        );
        made
    }

    /// Returns a number below `below` (xorshift, Marsaglia 2003).
    fn draw(&mut self, below: i64) -> i64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % below as u64) as i64
    }

    fn put(&mut self, of: InstrumentId, input: &Input<'_>) {
        self.seq += 1;
        let has_time = of != InstrumentId::NONE;
        let header = Header {
            seq: self.seq,
            recv: WallNs(self.now_ns),
            venue_time: VenueNs(if has_time { self.now_ns } else { 0 }),
            instrument: of,
        };
        self.engine.apply(&header, input);
        self.cells.extend_from_slice(self.engine.records());
        let mut rest = Cells::new(self.engine.records(), &[]);
        while let Ok((message, after)) = rest.split_message() {
            let record = Record::decode(&message).expect("a record");
            self.records.push(record);
            rest = after;
        }
    }

    fn book(&mut self) {
        self.book_id += 1;
        let levels = |sign: i64, weight: i64| -> Vec<Cell> {
            (0..5)
                .map(|rank| Cell {
                    low: (self.mid + sign * (1 + rank)) as u64,
                    high: (20_000 * weight + 100 * ((self.seed >> rank) % 8) as i64) as u64,
                })
                .collect()
        };
        let (bids, asks) = (levels(-1, 10 + self.lean), levels(1, 10 - self.lean));
        let depth = Depth {
            is_snapshot: true,
            is_first: true,
            is_last: true,
            first_id: self.book_id,
            last_id: self.book_id,
            bids: Levels::new(Cells::new(&bids, &[])),
            asks: Levels::new(Cells::new(&asks, &[])),
        };
        self.put(BTC, &Input::Depth(depth));
    }

    /// Lets so much time pass in steps: a tick, a book and a trade each.
    fn run(&mut self, steps: i64, step_ms: i64) {
        for step in 0..steps {
            self.now_ns += step_ms * MS;
            self.put(InstrumentId::NONE, &Input::Timer);
            // A triangle of two hours, 2 % high, and noise around it.
            let at = (step * step_ms / 1_000) % 7_200;
            let wave = at.min(7_200 - at) / 18;
            let noise = match self.draw(10) {
                0 => self.draw(21) - 10,
                _ => self.draw(5) - 2,
            };
            self.mid = 10_000 + wave + noise;
            if self.draw(12) == 0 {
                self.lean = self.draw(19) - 9;
            }
            self.book();
            let side = if self.draw(2) == 0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let reach = 1 + self.draw(12);
            let trade = Trade {
                trade_id: self.seq,
                price: Price(self.mid + side.sign() * reach),
                qty: Qty(1 + self.draw(3_000)),
                aggressor: side,
                is_aggregate: false,
                is_off_book: false,
            };
            self.now_ns += MS;
            self.put(BTC, &Input::Trade(trade));
        }
    }

    /// Returns the reasons of the orders that were sent, up to the first number in them.
    fn reasons(&self) -> BTreeSet<String> {
        let reasons = self.records.iter().filter_map(|(_, record)| match record {
            Record::Order(order) => Some(order.reason.to_string()),
            _ => None,
        });
        let words = |reason: String| {
            let end = reason.find(|of: char| of.is_ascii_digit() || of == ':');
            reason[..end.unwrap_or(reason.len())].trim().to_owned()
        };
        reasons.map(words).collect()
    }

    fn fills(&self, liquidity: Liquidity) -> usize {
        let is_it =
            |record: &Record| matches!(record, Record::Fill(fill) if fill.liquidity == liquidity);
        self.records
            .iter()
            .filter(|(_, record)| is_it(record))
            .count()
    }

    fn faults(&self) -> Vec<String> {
        let faults = self.records.iter().filter_map(|(_, record)| match record {
            Record::Note(note) if matches!(note.kind, NoteKind::Error | NoteKind::Cut) => {
                Some(note.text.to_string())
            }
            _ => None,
        });
        faults.collect()
    }
}

/// Runs a script twice and returns the run: the same records both times, no fault.
fn ran(source: &str, steps: i64, step_ms: i64) -> Made {
    let seed = 20_240_808;
    let [first, second] = [(); 2].map(|()| {
        let mut made = Made::of(source, seed);
        made.run(steps, step_ms);
        made
    });
    assert_eq!(first.faults(), [""; 0]);
    assert!(first.cells == second.cells, "two runs differ");
    first
}

fn assert_sent(made: &Made, reasons: &[&str]) {
    let sent = made.reasons();
    for reason in reasons {
        assert!(sent.contains(*reason), "{reason:?} is not in {sent:?}");
    }
}

#[test]
fn the_ema_cross_enters_and_leaves_with_a_stop_that_moves_up() {
    let made = ran(include_str!("page/ema_cross_stop.rhai"), 10 * 1_800, 2_000);
    assert_sent(&made, &["fast above slow"]);
    let sent = made.reasons();
    assert!(
        sent.contains("protection stop") || sent.contains("fast below slow"),
        "{sent:?}"
    );
    let stops: Vec<f64> = made
        .records
        .iter()
        .filter_map(|(_, record)| match record {
            Record::Note(note) => note.text.as_str().strip_prefix("protects long: stop "),
            _ => None,
        })
        .map(|text| {
            text.split(' ')
                .next()
                .expect("a price")
                .parse()
                .expect("a number")
        })
        .collect();
    assert!(stops.len() > 2, "{stops:?}");
    assert!(stops.windows(2).any(|pair| pair[1] > pair[0]), "{stops:?}");
}

#[test]
fn the_imbalance_scalper_takes_a_side_and_leaves_by_price_or_time() {
    let made = ran(include_str!("page/imbalance_scalper.rhai"), 20_000, 100);
    assert_sent(
        &made,
        &["bid heavy", "ask heavy", "protection stop", "take profit"],
    );
    assert!(made.fills(Liquidity::Taker) > 10);
}

#[test]
fn the_market_maker_quotes_both_sides_and_is_filled_as_a_maker() {
    let made = ran(include_str!("page/market_maker.rhai"), 6_000, 100);
    assert_sent(&made, &["quote"]);
    assert!(
        made.fills(Liquidity::Maker) > 10,
        "{}",
        made.fills(Liquidity::Maker)
    );
    assert_eq!(made.fills(Liquidity::Taker), 0, "quotes are post-only");
    let mut alive: BTreeSet<(bool, u64)> = BTreeSet::new();
    for (_, record) in &made.records {
        match record {
            Record::Order(order) => {
                let is_buy = order.side == Side::Buy;
                assert!(!alive.iter().any(|(side, _)| *side == is_buy), "two alive");
                alive.insert((is_buy, order.order.0));
            }
            Record::OrderEvent(event) if event.to.is_final() => {
                alive.retain(|(_, order)| *order != event.order.0);
            }
            _ => {}
        }
    }
}
