//! From messages to rows. Prices and quantities become exact decimals, which takes the instrument's
//! scale: it comes with the instrument's input, or from the store where an earlier start brought it.
//!
//! Called by the projector on its thread.

use super::scripts::Scripts;
use super::table::{Row, Table, Value};
use crate::journal::JournalHeader;
use claire_types::cell::CellFault;
use claire_types::record::{
    Decision, Fill, NewOrder, OrderEvent, PortfolioRecord, Record, RecordHeader, RiskRecord,
};
use claire_types::{
    Amount, Cells, Contract, Input, Instrument, InstrumentId, OrderId, OrderStatus, Price, Qty,
    Scale, StrategyId, VenueNs,
};
use std::collections::BTreeMap;

/// What the projector carries from message to message.
#[derive(Clone, Debug)]
pub struct Projection {
    run_id: String,
    scales: BTreeMap<InstrumentId, Scale>,
    scripts: Scripts,
    seq: u64,
}

impl Projection {
    /// Returns a projection of this run that goes on after engine sequence `seq` with the scales known so far.
    pub fn new(header: &JournalHeader, scales: BTreeMap<InstrumentId, Scale>, seq: u64) -> Self {
        Self {
            run_id: header.run_id.to_string(),
            scales,
            scripts: Scripts::of_header(&header.body),
            seq,
        }
    }

    /// Adds what comes before the first message: the scripts that the run began with.
    pub fn begin(&mut self, rows: &mut Vec<Row>) {
        self.scripts.add_first(&self.run_id, rows);
    }

    /// Takes what stands beside the messages: a reload's document comes before it.
    ///
    /// # Errors
    /// A [`CellFault`] where it cannot be read.
    pub fn see_beside(&mut self, message: &Cells<'_>) -> Result<(), CellFault> {
        self.scripts.see_beside(message)
    }

    /// Returns whether the message makes rows of a document that was not seen: it has to be given before.
    pub fn lacks_document(&self, message: &Cells<'_>) -> bool {
        self.scripts.lacks_document(message)
    }

    /// Takes a document that was read apart.
    pub fn give_document(&mut self, document: Vec<u8>) {
        self.scripts.give(document);
    }

    /// Returns the engine sequence of the last message.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Goes back to before the first message; known scales stay.
    pub const fn restart(&mut self) {
        self.seq = 0;
    }

    /// Adds the message's row, if its kind has one.
    ///
    /// # Errors
    /// A [`CellFault`] where a record or instrument cannot be read.
    pub fn add(&mut self, message: &Cells<'_>, rows: &mut Vec<Row>) -> Result<(), CellFault> {
        let first = message.at(0)?;
        if !Record::is_record(first.low) {
            self.seq += 1;
            if Instrument::begins(first.low)
                && let (_, Input::Instrument(instrument)) = Input::decode(message)?
            {
                self.scales.entry(instrument.id).or_insert(instrument.scale);
                rows.push(self.instrument(&instrument));
            }
            return Ok(());
        }
        let (header, record) = Record::decode(message)?;
        self.seq = header.seq;
        if let Record::Reload(reload) = &record {
            let own = self.scripts.take(&self.run_id, &header, reload, rows)?;
            rows.push(self.row(Table::ScriptReloads, &header, own));
        } else {
            rows.extend(self.record(&header, &record));
        }
        Ok(())
    }

    fn row(&self, table: Table, header: &RecordHeader, own: Vec<Value>) -> Row {
        let mut values = self.header_values(header);
        values.extend(own);
        Row { table, values }
    }

    fn record(&self, header: &RecordHeader, record: &Record) -> Option<Row> {
        let scale = self.scales.get(&header.instrument).copied();
        let digits = Digits(scale.unwrap_or(Scale::DEFAULT));
        let (table, values) = match record {
            Record::Signal(signal) => (
                Table::Signals,
                vec![
                    text(signal.side.as_str()),
                    amount(signal.strength),
                    text(signal.reason.as_str()),
                ],
            ),
            Record::Decision(decision) => (Table::Decisions, digits.decision(decision)),
            Record::Order(order) => (Table::Orders, digits.order(header, order)),
            Record::OrderEvent(event) => (Table::OrderEvents, digits.order_event(event)),
            Record::Fill(fill) => (Table::Fills, digits.fill(fill)),
            Record::Position(position) => (
                Table::Positions,
                vec![
                    digits.qty(position.qty),
                    amount(position.cost),
                    amount(position.realized),
                    amount(position.fees),
                ],
            ),
            Record::Balance(balance) => (
                Table::Balances,
                vec![text(balance.currency.as_str()), amount(balance.total)],
            ),
            Record::Portfolio(portfolio) => {
                (Table::PortfolioSnapshots, portfolio_values(portfolio))
            }
            Record::Risk(risk) => (Table::RiskEvents, risk_values(risk)),
            Record::Note(note) => (
                Table::Alerts,
                vec![text(note.kind.as_str()), text(note.text.as_str())],
            ),
            Record::Book(_) | Record::BookEnd(_) | Record::Plot(_) | Record::Reload(_) => {
                return None;
            }
        };
        Some(self.row(table, header, values))
    }

    fn header_values(&self, header: &RecordHeader) -> Vec<Value> {
        let has_strategy = header.strategy != StrategyId::NONE;
        let has_instrument = header.instrument != InstrumentId::NONE;
        vec![
            text(&self.run_id),
            number(header.seq),
            Value::Int(header.index.into()),
            Value::Int(header.time.0),
            if has_strategy {
                Value::Int(header.strategy.0.into())
            } else {
                Value::Null
            },
            if has_instrument {
                Value::Int(header.instrument.0.into())
            } else {
                Value::Null
            },
        ]
    }

    fn instrument(&self, instrument: &Instrument) -> Row {
        let digits = Digits(instrument.scale);
        let contract = match instrument.contract {
            Contract::Spot => "spot",
            Contract::Linear => "linear",
            Contract::Inverse => "inverse",
        };
        let values = vec![
            text(&self.run_id),
            Value::Int(instrument.id.0.into()),
            number(self.seq),
            text(&instrument.key.to_string()),
            text(contract),
            Value::Bool(instrument.is_trading),
            Value::Int(instrument.scale.price_digits.into()),
            Value::Int(instrument.scale.qty_digits.into()),
            digits.price(instrument.tick),
            digits.qty(instrument.step),
            digits.qty(instrument.qty_min),
            digits.qty(instrument.qty_max),
            amount(instrument.notional_min),
            amount(instrument.multiplier),
            text(instrument.base.as_str()),
            text(instrument.quote.as_str()),
            text(instrument.settle.as_str()),
        ];
        Row {
            table: Table::Instruments,
            values,
        }
    }
}

/// An instrument's digits: makes decimals of its prices and quantities.
struct Digits(Scale);

impl Digits {
    fn price(&self, price: Price) -> Value {
        Value::Text(price.decimal(self.0.price_digits).to_string())
    }

    fn qty(&self, qty: Qty) -> Value {
        Value::Text(qty.decimal(self.0.qty_digits).to_string())
    }

    fn decision(&self, decision: &Decision) -> Vec<Value> {
        vec![
            order_id(decision.order),
            text(decision.verdict.as_str()),
            text(decision.code.as_str()),
            amount(decision.limit),
            amount(decision.measured),
            text(decision.side.as_str()),
            self.qty(decision.qty),
            self.price(decision.price),
            amount(decision.qty_asked),
            amount(decision.price_asked),
        ]
    }

    fn order(&self, header: &RecordHeader, order: &NewOrder) -> Vec<Value> {
        vec![
            order_id(order.order),
            text(order.side.as_str()),
            text(order.kind.as_str()),
            Value::Text(order.flags.to_string()),
            self.qty(order.qty),
            self.price(order.price),
            amount(order.arrival_mid),
            text(order.reason.as_str()),
            text(OrderStatus::PendingNew.as_str()),
            text(""),
            self.qty(Qty::ZERO),
            number(header.seq),
            Value::Int(header.index.into()),
            Value::Int(header.time.0),
        ]
    }

    fn order_event(&self, event: &OrderEvent) -> Vec<Value> {
        vec![
            order_id(event.order),
            text(event.from.as_str()),
            text(event.to.as_str()),
            text(event.reason.as_str()),
            self.qty(event.filled_qty),
            venue_time(event.venue_time),
        ]
    }

    fn fill(&self, fill: &Fill) -> Vec<Value> {
        vec![
            order_id(fill.order),
            Value::Text(fill.fill_id.to_string()),
            text(fill.side.as_str()),
            text(fill.liquidity.as_str()),
            text(fill.rule.as_str()),
            self.price(fill.price),
            self.qty(fill.qty),
            amount(fill.fee),
            text(fill.fee_currency.as_str()),
            amount(fill.realized),
            self.qty(fill.closed_qty),
            venue_time(fill.venue_time),
            number(fill.decided_by),
            venue_time(fill.arrived),
            self.qty(fill.queue_ahead),
            self.qty(fill.queue_traded),
            self.qty(fill.queue_cancelled),
        ]
    }
}

fn portfolio_values(portfolio: &PortfolioRecord) -> Vec<Value> {
    vec![
        amount(portfolio.equity),
        amount(portfolio.realized),
        amount(portfolio.unrealized),
        amount(portfolio.fees),
        amount(portfolio.exposure),
        amount(portfolio.peak),
    ]
}

fn risk_values(risk: &RiskRecord) -> Vec<Value> {
    vec![
        text(risk.code.as_str()),
        text(risk.from.as_str()),
        text(risk.to.as_str()),
        amount(risk.limit),
        amount(risk.measured),
        text(risk.note.as_str()),
    ]
}

/// A text as databases take it: PostgreSQL has no zero character.
pub(super) fn text(text: &str) -> Value {
    Value::Text(text.replace('\0', "\u{fffd}"))
}

fn amount(amount: Amount) -> Value {
    Value::Text(amount.to_string())
}

/// An engine sequence: 2^63 inputs are never reached.
pub(super) fn number(number: u64) -> Value {
    Value::Int(number as i64)
}

fn order_id(order: OrderId) -> Value {
    Value::Text(order.to_string())
}

fn venue_time(time: VenueNs) -> Value {
    if time.is_some() {
        Value::Int(time.0)
    } else {
        Value::Null
    }
}
