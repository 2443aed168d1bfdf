//! A record as a message of cells, and back.
//!
//! Called by the engine's outputs and by all who read a journal. Kinds are never reused; a changed
//! layout is a new kind.

use super::{
    BalanceRecord, BookEnd, BookRecord, Decision, Fill, FillRule, NewOrder, NoteKind, NoteRecord,
    OrderEvent, Plot, PortfolioRecord, PositionRecord, Record, RecordHeader, ReloadRecord,
    RiskRecord, Signal, Verdict,
};
use crate::cell::{CellBuffer, CellFault, Cells, Tag, begins};
use crate::code::{BookReason, GateCode, OrderReason, TradingState};
use crate::id::{InstrumentId, OrderId, StrategyId};
use crate::number::{Amount, Price, Qty};
use crate::order::{Liquidity, OrderFlags, OrderKind, OrderStatus, Side};
use crate::time::{VenueNs, WallNs};

const SIGNAL: u8 = 128;
const DECISION: u8 = 129;
const ORDER: u8 = 130;
const ORDER_EVENT: u8 = 131;
const FILL: u8 = 132;
const POSITION: u8 = 133;
const BALANCE: u8 = 134;
const PORTFOLIO: u8 = 135;
const RISK: u8 = 136;
const BOOK: u8 = 137;
const NOTE: u8 = 138;
const BOOK_END: u8 = 139;
const PLOT: u8 = 140;
const RELOAD: u8 = 141;

begins! {
    Decision: DECISION;
    RiskRecord: RISK;
    NoteRecord: NOTE;
    ReloadRecord: RELOAD;
}

impl RecordHeader {
    pub(super) fn begin(&self, kind: u8, flags: u8, out: &mut CellBuffer) {
        out.begin(kind, flags, self.strategy.0, self.seq);
        out.push(
            self.time.0 as u64,
            u64::from(self.index) << 32 | u64::from(self.instrument.0),
        );
    }

    fn of(cells: &Cells<'_>) -> Result<Self, CellFault> {
        let (first, second) = (cells.at(0)?, cells.at(1)?);
        Ok(Self {
            seq: first.high,
            index: (second.high >> 32) as u32,
            time: WallNs(second.low as i64),
            strategy: StrategyId(Tag::of(first.low).subject),
            instrument: InstrumentId(second.high as u16),
        })
    }
}

impl Record {
    /// Writes the record as one message.
    pub fn encode(&self, header: &RecordHeader, out: &mut CellBuffer) {
        match self {
            Self::Signal(signal) => {
                header.begin(SIGNAL, signal.side as u8, out);
                out.push_i128(signal.strength.0);
                out.text(&signal.reason);
            }
            Self::Decision(decision) => encode_decision(decision, header, out),
            Self::Order(order) => {
                header.begin(ORDER, order.side as u8, out);
                out.push(
                    order.order.0,
                    order.kind as u64 | u64::from(order.flags.0) << 8,
                );
                out.push(order.price.0 as u64, order.qty.0 as u64);
                out.push_i128(order.arrival_mid.0);
                out.text(&order.reason);
            }
            Self::OrderEvent(event) => {
                header.begin(ORDER_EVENT, 0, out);
                let states =
                    event.from as u64 | (event.to as u64) << 8 | (event.reason as u64) << 16;
                out.push(event.order.0, states);
                out.push(event.filled_qty.0 as u64, event.venue_time.0 as u64);
            }
            Self::Fill(fill) => encode_fill(fill, header, out),
            Self::Position(position) => {
                header.begin(POSITION, 0, out);
                out.push(position.qty.0 as u64, 0);
                out.push_i128(position.cost.0);
                out.push_i128(position.realized.0);
                out.push_i128(position.fees.0);
            }
            Self::Balance(balance) => {
                header.begin(BALANCE, 0, out);
                out.push_i128(balance.total.0);
                out.text(&balance.currency);
            }
            Self::Portfolio(portfolio) => {
                header.begin(PORTFOLIO, 0, out);
                for amount in portfolio.amounts() {
                    out.push_i128(amount.0);
                }
            }
            Self::Risk(risk) => {
                header.begin(RISK, risk.code as u8, out);
                out.push(risk.from as u64, risk.to as u64);
                out.push_i128(risk.limit.0);
                out.push_i128(risk.measured.0);
                out.text(&risk.note);
            }
            Self::Reload(reload) => reload.encode(RELOAD, header, out),
            Self::Book(_) | Self::Note(_) | Self::BookEnd(_) | Self::Plot(_) => {
                encode_remark(self, header, out);
            }
        }
        out.end();
    }

    /// Reads one whole message.
    ///
    /// # Errors
    /// A [`CellFault`] where it is no record of this version.
    pub fn decode(cells: &Cells<'_>) -> Result<(RecordHeader, Self), CellFault> {
        let header = RecordHeader::of(cells)?;
        let tag = Tag::of(cells.at(0)?.low);
        let amount = |index| cells.at(index).map(|cell| Amount(cell.as_i128()));
        let side = || Side::from_u8(tag.flags).ok_or(CellFault::Value);
        let record = match tag.kind {
            SIGNAL => Self::Signal(Signal {
                side: side()?,
                strength: amount(2)?,
                reason: cells.text(3)?.0,
            }),
            DECISION => Self::Decision(decode_decision(tag, cells)?),
            ORDER => Self::Order(decode_order(tag, cells)?),
            ORDER_EVENT => Self::OrderEvent(decode_order_event(cells)?),
            FILL => Self::Fill(decode_fill(tag, cells)?),
            POSITION => Self::Position(PositionRecord {
                qty: Qty(cells.at(2)?.low as i64),
                cost: amount(3)?,
                realized: amount(4)?,
                fees: amount(5)?,
            }),
            BALANCE => Self::Balance(BalanceRecord {
                total: amount(2)?,
                currency: cells.text(3)?.0,
            }),
            PORTFOLIO => Self::Portfolio(PortfolioRecord {
                equity: amount(2)?,
                realized: amount(3)?,
                unrealized: amount(4)?,
                fees: amount(5)?,
                exposure: amount(6)?,
                peak: amount(7)?,
            }),
            RISK => Self::Risk(decode_risk(tag, cells)?),
            BOOK => Self::Book(BookRecord {
                reason: BookReason::from_u8(tag.flags).ok_or(CellFault::Value)?,
                last_id: cells.at(2)?.low,
            }),
            NOTE => Self::Note(NoteRecord {
                kind: NoteKind::from_u8(tag.flags).ok_or(CellFault::Value)?,
                text: cells.text(2)?.0,
            }),
            BOOK_END => Self::BookEnd(BookEnd {
                is_synced: tag.flags != 0,
                last_id: cells.at(2)?.low,
                checksum: cells.at(2)?.high,
                bid_levels: cells.at(3)?.low as u32,
                ask_levels: cells.at(3)?.high as u32,
                bid_qty: cells.at(4)?.as_i128(),
                ask_qty: cells.at(5)?.as_i128(),
            }),
            PLOT => {
                let (pane, next) = cells.text(3)?;
                Self::Plot(Plot {
                    value_bits: cells.at(2)?.low,
                    pane,
                    name: cells.text(next)?.0,
                })
            }
            RELOAD => Self::Reload(ReloadRecord::decode(tag, cells)?),
            kind => return Err(CellFault::Kind(kind)),
        };
        Ok((header, record))
    }

    /// Returns whether a message's first word belongs to a record.
    pub const fn is_record(word: u64) -> bool {
        Tag::of(word).kind >= SIGNAL
    }
}

fn encode_decision(decision: &Decision, header: &RecordHeader, out: &mut CellBuffer) {
    header.begin(DECISION, decision.code as u8, out);
    out.push(
        decision.order.0,
        decision.verdict as u64 | (decision.side as u64) << 8,
    );
    out.push(decision.price.0 as u64, decision.qty.0 as u64);
    out.push_i128(decision.limit.0);
    out.push_i128(decision.measured.0);
    out.push_i128(decision.price_asked.0);
    out.push_i128(decision.qty_asked.0);
}

fn decode_decision(tag: Tag, cells: &Cells<'_>) -> Result<Decision, CellFault> {
    let (first, second) = (cells.at(2)?, cells.at(3)?);
    let amount = |index| cells.at(index).map(|cell| Amount(cell.as_i128()));
    Ok(Decision {
        order: OrderId(first.low),
        verdict: Verdict::from_u8(first.high as u8).ok_or(CellFault::Value)?,
        code: GateCode::from_u8(tag.flags).ok_or(CellFault::Value)?,
        side: Side::from_u8((first.high >> 8) as u8).ok_or(CellFault::Value)?,
        price: Price(second.low as i64),
        qty: Qty(second.high as i64),
        limit: amount(4)?,
        measured: amount(5)?,
        price_asked: amount(6)?,
        qty_asked: amount(7)?,
    })
}

fn encode_fill(fill: &Fill, header: &RecordHeader, out: &mut CellBuffer) {
    header.begin(FILL, fill.side as u8, out);
    out.push(fill.order.0, fill.fill_id);
    out.push(fill.price.0 as u64, fill.qty.0 as u64);
    out.push(
        fill.liquidity as u64 | (fill.rule as u64) << 8,
        fill.closed_qty.0 as u64,
    );
    out.push_i128(fill.fee.0);
    out.push_i128(fill.realized.0);
    out.push(fill.venue_time.0 as u64, fill.decided_by);
    out.push(fill.arrived.0 as u64, fill.queue_ahead.0 as u64);
    out.push(fill.queue_traded.0 as u64, fill.queue_cancelled.0 as u64);
    out.text(&fill.fee_currency);
}

fn decode_fill(tag: Tag, cells: &Cells<'_>) -> Result<Fill, CellFault> {
    let (ids, deal, kinds) = (cells.at(2)?, cells.at(3)?, cells.at(4)?);
    let (time, queue, moved) = (cells.at(7)?, cells.at(8)?, cells.at(9)?);
    Ok(Fill {
        order: OrderId(ids.low),
        fill_id: ids.high,
        side: Side::from_u8(tag.flags).ok_or(CellFault::Value)?,
        liquidity: Liquidity::from_u8(kinds.low as u8).ok_or(CellFault::Value)?,
        rule: FillRule::from_u8((kinds.low >> 8) as u8).ok_or(CellFault::Value)?,
        price: Price(deal.low as i64),
        qty: Qty(deal.high as i64),
        closed_qty: Qty(kinds.high as i64),
        fee: Amount(cells.at(5)?.as_i128()),
        realized: Amount(cells.at(6)?.as_i128()),
        venue_time: VenueNs(time.low as i64),
        decided_by: time.high,
        arrived: VenueNs(queue.low as i64),
        queue_ahead: Qty(queue.high as i64),
        queue_traded: Qty(moved.low as i64),
        queue_cancelled: Qty(moved.high as i64),
        fee_currency: cells.text(10)?.0,
    })
}

/// Writes the records that tell how things are, not what was done.
fn encode_remark(record: &Record, header: &RecordHeader, out: &mut CellBuffer) {
    match record {
        Record::Book(book) => {
            header.begin(BOOK, book.reason as u8, out);
            out.push(book.last_id, 0);
        }
        Record::Note(note) => {
            header.begin(NOTE, note.kind as u8, out);
            out.text(&note.text);
        }
        Record::BookEnd(book) => {
            header.begin(BOOK_END, u8::from(book.is_synced), out);
            out.push(book.last_id, book.checksum);
            out.push(u64::from(book.bid_levels), u64::from(book.ask_levels));
            out.push_i128(book.bid_qty);
            out.push_i128(book.ask_qty);
        }
        Record::Plot(plot) => {
            header.begin(PLOT, 0, out);
            out.push(plot.value_bits, 0);
            out.text(&plot.pane);
            out.text(&plot.name);
        }
        _ => {}
    }
}

fn decode_order(tag: Tag, cells: &Cells<'_>) -> Result<NewOrder, CellFault> {
    let (first, second) = (cells.at(2)?, cells.at(3)?);
    Ok(NewOrder {
        order: OrderId(first.low),
        side: Side::from_u8(tag.flags).ok_or(CellFault::Value)?,
        kind: OrderKind::from_u8(first.high as u8).ok_or(CellFault::Value)?,
        flags: OrderFlags((first.high >> 8) as u8),
        price: Price(second.low as i64),
        qty: Qty(second.high as i64),
        arrival_mid: Amount(cells.at(4)?.as_i128()),
        reason: cells.text(5)?.0,
    })
}

fn decode_order_event(cells: &Cells<'_>) -> Result<OrderEvent, CellFault> {
    let (first, second) = (cells.at(2)?, cells.at(3)?);
    let status = |shift| OrderStatus::from_u8((first.high >> shift) as u8).ok_or(CellFault::Value);
    Ok(OrderEvent {
        order: OrderId(first.low),
        from: status(0)?,
        to: status(8)?,
        reason: OrderReason::from_u8((first.high >> 16) as u8).ok_or(CellFault::Value)?,
        filled_qty: Qty(second.low as i64),
        venue_time: VenueNs(second.high as i64),
    })
}

fn decode_risk(tag: Tag, cells: &Cells<'_>) -> Result<RiskRecord, CellFault> {
    let states = cells.at(2)?;
    Ok(RiskRecord {
        code: GateCode::from_u8(tag.flags).ok_or(CellFault::Value)?,
        from: TradingState::from_u8(states.low as u8).ok_or(CellFault::Value)?,
        to: TradingState::from_u8(states.high as u8).ok_or(CellFault::Value)?,
        limit: Amount(cells.at(3)?.as_i128()),
        measured: Amount(cells.at(4)?.as_i128()),
        note: cells.text(5)?.0,
    })
}

impl PortfolioRecord {
    const fn amounts(&self) -> [Amount; 6] {
        [
            self.equity,
            self.realized,
            self.unrealized,
            self.fees,
            self.exposure,
            self.peak,
        ]
    }
}
