//! A small made-up run for tests: every kind of record, valid and varied, the same for the same seed.

use crate::digest::to_hex;
use crate::journal::{FORMAT_VERSION, JournalHeader, JournalOptions, RunId, SyncPolicy};
use claire_types::annotation::{DOCUMENT_PART_BYTES, document_of, encode_document};
use claire_types::code::{BookReason, GateCode, OrderReason, TradingState};
use claire_types::input::{Refusal, Reload};
use claire_types::order::{Liquidity, OrderFlags, OrderKind, OrderStatus, Side};
use claire_types::record::*;
use claire_types::snapshot::SnapshotHead;
use claire_types::text::Text;
use claire_types::{
    Amount, CellBuffer, Cells, Contract, EngineSeq, Header, Input, Instrument, InstrumentId, Mode,
    OrderId, Price, Qty, Scale, StrategyId, VenueNs, WallNs,
};

use std::path::Path;
use tempfile::TempDir;

/// The messages of a run, each as its cells.
pub(crate) struct Sample {
    messages: Vec<CellBuffer>,
    state: u64,
    fills: u64,
    /// Whether its script is saved again and again.
    is_edited: bool,
}

/// Words that a database's formats could take for something else.
const NOTES: [&str; 5] = ["look here", "\\N", "\\.", "a\0b", "\r\n\\t\t'; --"];

/// Returns a directory that goes with the test, in memory where there is such a place: these tests
/// write and sync some ten thousand files.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a directory")
}

/// 2024-08-08T23:54:13Z.
pub(crate) const START_NS: i64 = 1_723_161_253_000_000_000;

impl Sample {
    /// Returns a run of `inputs` inputs, 100 ms apart, with the records that follow from each.
    pub fn new(seed: u64, inputs: u64) -> Self {
        Self::made(seed, inputs, false)
    }

    /// Returns such a run in which every fourth input is about a version of the strategy's script; what stands beside
    /// the messages is among them, too.
    pub fn edited(seed: u64, inputs: u64) -> Self {
        Self::made(seed, inputs, true)
    }

    fn made(seed: u64, inputs: u64, is_edited: bool) -> Self {
        let mut sample = Self {
            messages: Vec::new(),
            state: seed.wrapping_mul(2).wrapping_add(1),
            fills: 0,
            is_edited,
        };
        for seq in 1..=inputs {
            sample.step(seq);
        }
        sample
    }

    /// Returns the messages in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cells<'_>> {
        self.messages.iter().map(CellBuffer::view)
    }

    /// Returns the number of messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns the messages of a snapshot as the engine stage makes them; the bytes are anything.
    pub fn snapshot(number: usize) -> Vec<CellBuffer> {
        let bytes: Vec<u8> = (0..200).map(|at| (at * number) as u8).collect();
        let head = SnapshotHead {
            seq: EngineSeq(number as u64),
            time: WallNs(START_NS),
            bytes: bytes.len() as u64,
        };
        let mut messages = vec![CellBuffer::default(); 3];
        head.encode_begin(&mut messages[0]);
        head.encode_part(0, &bytes, &mut messages[1]);
        head.encode_end(&mut messages[2]);
        messages
    }

    fn step(&mut self, seq: u64) {
        let time = WallNs(START_NS + seq as i64 * 100_000_000);
        let input = match seq {
            1 => Input::Instrument(instrument(0, "binance-spot:BTCUSDT", 2, 5)),
            2 => Input::Instrument(instrument(1, "binance-usdm:ETHUSDT", 3, 0)),
            _ if self.is_edited && seq.is_multiple_of(4) => self.version(seq),
            _ => Input::Timer,
        };
        let mut buffer = CellBuffer::default();
        input.encode(&Header::of_time(seq, time), &mut buffer);
        self.messages.push(buffer);
        if seq > 2 {
            self.records(seq, time);
        }
    }

    /// Returns the input about a version: one that goes live, which its document stands before, one that the engine
    /// refuses, or one that never came so far.
    fn version(&mut self, seq: u64) -> Input<'static> {
        let (strategy, at) = (StrategyId(0), EngineSeq(seq));
        if seq.is_multiple_of(12) {
            return Input::Refusal(Refusal {
                strategy,
                at,
                sha256: [0; SHA256_BYTES],
                reason: Text::cut("it is gone"),
            });
        }
        let sha256 = sha256_of(seq);
        let head = serde_json::to_vec(&script(&sha256, seq)).expect("plain values");
        // One, two or three parts; the rest is nothing that a store can read.
        let rest = vec![0xc3; (seq % 3) as usize * DOCUMENT_PART_BYTES];
        let mut parts = CellBuffer::default();
        encode_document(&document_of(&head, &rest), &mut parts);
        let mut left = parts.view();
        while let Ok((part, after)) = left.split_message() {
            let mut buffer = CellBuffer::default();
            buffer.extend(part);
            self.messages.push(buffer);
            left = after;
        }
        Input::Reload(Reload {
            strategy,
            at,
            sha256,
        })
    }

    /// Returns what became of the version.
    fn reload(&self, seq: u64) -> Option<Record> {
        let is_about_one = self.is_edited && seq.is_multiple_of(4);
        let outcome = match (is_about_one, seq % 5) {
            (false, _) => return None,
            _ if seq.is_multiple_of(12) => ReloadOutcome::Refused,
            (true, 0) => ReloadOutcome::Refused,
            _ => ReloadOutcome::Live,
        };
        let is_live = outcome == ReloadOutcome::Live;
        Some(Record::Reload(ReloadRecord {
            outcome,
            version: if is_live { seq as u32 } else { 0 },
            sha256: if seq.is_multiple_of(12) {
                [0; SHA256_BYTES]
            } else {
                sha256_of(seq)
            },
            from: 0,
            from_sha256: [0; SHA256_BYTES],
            carried: 3,
            fresh: 2,
            dropped: 1,
            order_number: seq,
            reason: Text::cut(if is_live { "" } else { "it is wrong" }),
        }))
    }

    fn records(&mut self, seq: u64, time: WallNs) {
        let order = OrderId::new(3, seq);
        let qty = Qty(self.draw(1_000) + 1);
        let price = Price(self.draw(9_000_000) + 1);
        let mut records = vec![self.decision(order, price, qty)];
        if let Record::Decision(Decision {
            verdict: Verdict::Approved,
            ..
        }) = records[0]
        {
            records.push(new_order(order, price, qty));
            records.push(event(
                order,
                OrderStatus::PendingNew,
                OrderStatus::New,
                Qty(0),
                time,
            ));
            records.push(self.fill(order, price, qty, time));
            records.push(event(
                order,
                OrderStatus::New,
                OrderStatus::Filled,
                qty,
                time,
            ));
            self.accounts(qty, &mut records);
        }
        self.rare(seq, &mut records);
        if let Some(reload) = self.reload(seq) {
            let is_taken_back = seq.is_multiple_of(8);
            records.insert(0, reload);
            if let Record::Reload(live) = reload
                && live.outcome == ReloadOutcome::Live
                && is_taken_back
            {
                records.push(Record::Reload(ReloadRecord {
                    outcome: ReloadOutcome::RolledBack,
                    reason: Text::cut("it failed"),
                    ..live
                }));
            }
        }
        let instrument = InstrumentId(self.draw(2) as u16);
        for (record, index) in records.iter().zip(0..) {
            let header = RecordHeader {
                seq,
                index,
                time,
                strategy: StrategyId(0),
                instrument,
            };
            let mut buffer = CellBuffer::default();
            record.encode(&header, &mut buffer);
            self.messages.push(buffer);
        }
    }

    fn decision(&mut self, order: OrderId, price: Price, qty: Qty) -> Record {
        let is_denied = self.draw(4) == 0;
        Record::Decision(Decision {
            order,
            verdict: if is_denied {
                Verdict::Denied
            } else {
                Verdict::Approved
            },
            code: if is_denied {
                GateCode::Exposure
            } else {
                GateCode::Ok
            },
            limit: Amount(self.draw(i64::MAX) as i128 * 1_000_000),
            measured: Amount(-(self.draw(i64::MAX) as i128)),
            side: Side::Buy,
            qty,
            price,
            price_asked: Amount(self.draw(1 << 50).into()),
            qty_asked: Amount(self.draw(1 << 50).into()),
        })
    }

    fn fill(&mut self, order: OrderId, price: Price, qty: Qty, time: WallNs) -> Record {
        self.fills += 1;
        Record::Fill(Fill {
            order,
            fill_id: self.fills,
            side: Side::Buy,
            liquidity: if self.draw(2) == 0 {
                Liquidity::Maker
            } else {
                Liquidity::Taker
            },
            rule: FillRule::QueueReached,
            price,
            qty,
            fee: Amount(self.draw(1 << 40).into()),
            fee_currency: Text::cut("USDT"),
            realized: Amount(self.draw(1 << 60) as i128 - (1 << 59)),
            closed_qty: Qty(0),
            venue_time: VenueNs(time.0),
            decided_by: 1,
            arrived: VenueNs(time.0 - 10),
            queue_ahead: Qty(self.draw(100)),
            queue_traded: Qty(self.draw(100)),
            queue_cancelled: Qty(self.draw(100)),
        })
    }

    fn accounts(&mut self, qty: Qty, records: &mut Vec<Record>) {
        let mut amount = || Amount(self.draw(i64::MAX) as i128 - i128::from(i64::MAX / 2));
        records.push(Record::Position(PositionRecord {
            qty,
            cost: amount(),
            realized: amount(),
            fees: amount(),
        }));
        records.push(Record::Balance(BalanceRecord {
            currency: Text::cut("USDT"),
            total: amount(),
        }));
        records.push(Record::Portfolio(PortfolioRecord {
            equity: amount(),
            realized: amount(),
            unrealized: amount(),
            fees: amount(),
            exposure: amount(),
            peak: amount(),
        }));
    }

    fn rare(&mut self, seq: u64, records: &mut Vec<Record>) {
        records.extend(match seq % 5 {
            0 => Some(Record::Signal(Signal {
                side: Side::Sell,
                strength: Amount(Amount::ONE.0 / 3),
                reason: Text::cut("fällt 'schnell'\t\\ and \"quoted\"\nwith a second line"),
            })),
            1 => Some(Record::Risk(RiskRecord {
                code: GateCode::DailyLoss,
                from: TradingState::Active,
                to: TradingState::Halted,
                limit: Amount(5),
                measured: Amount(6),
                note: Text::cut("daily loss"),
            })),
            2 => Some(Record::Note(NoteRecord {
                kind: NoteKind::Alert,
                text: Text::cut(NOTES[(seq / 5) as usize % NOTES.len()]),
            })),
            3 => Some(Record::Book(BookRecord {
                reason: BookReason::Synced,
                last_id: seq,
            })),
            _ => None,
        });
    }

    /// Returns a number below `end`: xorshift64*.
    fn draw(&mut self, end: i64) -> i64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 1) as i64 % end
    }
}

/// Returns a text's hash; every 16 inputs it is the same text again.
fn sha256_of(seq: u64) -> [u8; SHA256_BYTES] {
    [(seq % 16) as u8 + 1; SHA256_BYTES]
}

/// Returns a script as headers and documents have it.
pub(crate) fn script(sha256: &[u8], seq: u64) -> serde_json::Value {
    serde_json::json!({
        "strategy": "quoter",
        "file": "quoter.rhai",
        "sha256": to_hex(sha256),
        "text": format!("fn init(m) {{ #{{}} }} // \u{fc}, 'quoted' \\N\t{}\n", seq % 16),
        "parameters": ["fast=20"],
    })
}

fn instrument(id: u16, key: &str, price_digits: u8, qty_digits: u8) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        key: key.parse().expect("a valid key"),
        scale: Scale {
            price_digits,
            qty_digits,
        },
        contract: Contract::Spot,
        is_trading: true,
        tick: Price(1),
        step: Qty(1),
        qty_min: Qty(0),
        qty_max: Qty(0),
        notional_min: Amount::ZERO,
        multiplier: Amount::ONE,
        base: Text::cut("BTC"),
        quote: Text::cut("USDT"),
        settle: Text::cut("USDT"),
    }
}

fn new_order(order: OrderId, price: Price, qty: Qty) -> Record {
    Record::Order(NewOrder {
        order,
        side: Side::Buy,
        kind: OrderKind::Limit,
        flags: OrderFlags::POST_ONLY,
        qty,
        price,
        arrival_mid: Amount(1),
        reason: Text::cut("entry"),
    })
}

fn event(
    order: OrderId,
    from: OrderStatus,
    to: OrderStatus,
    filled_qty: Qty,
    time: WallNs,
) -> Record {
    Record::OrderEvent(OrderEvent {
        order,
        from,
        to,
        reason: OrderReason::None,
        filled_qty,
        venue_time: VenueNs(time.0),
    })
}

/// Returns the header of a sample's journal.
pub(crate) fn header(run: u8) -> JournalHeader {
    JournalHeader {
        format_version: FORMAT_VERSION,
        semantics_version: 1,
        run_id: RunId([run; 16]),
        mode: Mode::Backtest,
        epoch: 3,
        started: WallNs(START_NS),
        host: serde_json::json!({"name": "here"}),
        body: serde_json::json!({
            "config": "mode = \"backtest\"",
            "scripts": [script(&[0xab; SHA256_BYTES], 0)],
        }),
    }
}

/// Small blocks, so that a short run has several.
pub(crate) const OPTIONS: JournalOptions = JournalOptions {
    sync: SyncPolicy::Never,
    compression_level: None,
    block_bytes_max: 900,
};
