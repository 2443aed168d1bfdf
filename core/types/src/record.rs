//! Records: all that comes out of the engine, as messages of cells.
//!
//! Written by ENGINE, read by the sidecar, the journal's readers and `verify`. The digest is the chain
//! over exactly these cells. Kinds 128-255; numbers are never reused. Times are engine time; no
//! monotonic or host time ever stands here.

use crate::cell::{CellBuffer, CellFault, Cells, Tag};
use crate::code::{BookReason, GateCode, OrderReason, TradingState};
use crate::id::{InstrumentId, OrderId, StrategyId};
use crate::number::{Amount, Price, Qty};
use crate::order::{Liquidity, OrderFlags, OrderKind, OrderStatus, Side};
use crate::text::{Currency, Note, Text};
use crate::time::{VenueNs, WallNs};

/// What every record has: the input it follows from, and its place among that input's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordHeader {
    /// Engine sequence of the causing input.
    pub seq: u64,
    /// 0, 1, 2, ... within the input.
    pub index: u32,
    /// Engine time.
    pub time: WallNs,
    /// The strategy, [`StrategyId::NONE`] where it belongs to none.
    pub strategy: StrategyId,
    /// The instrument, [`InstrumentId::NONE`] where it belongs to none.
    pub instrument: InstrumentId,
}

/// A record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A strategy's statement.
    Signal(Signal),
    /// The gate's answer to an intent.
    Decision(Decision),
    /// An approved order, as it was sent.
    Order(NewOrder),
    /// A change of an order's state.
    OrderEvent(OrderEvent),
    /// Our own deal.
    Fill(Fill),
    /// A position after a fill.
    Position(PositionRecord),
    /// A currency's balance after a fill.
    Balance(BalanceRecord),
    /// The account, now and then and at the end.
    Portfolio(PortfolioRecord),
    /// A change of trading state, or a monitor that tripped.
    Risk(RiskRecord),
    /// A book became proven or stale.
    Book(BookRecord),
    /// A strategy's note, alert or error.
    Note(NoteRecord),
    /// An instrument's book at the end of the input: what two runs must agree on.
    BookEnd(BookEnd),
    /// A value that a strategy wants on the chart.
    Plot(Plot),
}

/// A strategy's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Which way.
    pub side: Side,
    /// How strongly, 0-1.
    pub strength: Amount,
    /// Why, in the script's words.
    pub reason: Note,
}

/// The gate's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The order it is about; set also where it was denied.
    pub order: OrderId,
    /// Approved, trimmed or denied.
    pub verdict: Verdict,
    /// The first check that failed, or [`GateCode::Ok`].
    pub code: GateCode,
    /// The limit of that check, in the check's unit.
    pub limit: Amount,
    /// What was measured against it.
    pub measured: Amount,
    /// Side asked for.
    pub side: Side,
    /// Quantity asked for, after rounding.
    pub qty: Qty,
    /// Price asked for, after rounding; 0 for market orders.
    pub price: Price,
    /// Price as the strategy wrote it, before rounding, at 10^-12; 0 for market orders.
    pub price_asked: Amount,
    /// Quantity as the strategy wrote it, before rounding, at 10^-12.
    pub qty_asked: Amount,
}

/// How the gate answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// As asked.
    Approved = 1,
    /// Less than asked.
    Trimmed = 2,
    /// Not at all.
    Denied = 3,
}

/// An order as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Client order id.
    pub order: OrderId,
    /// Side.
    pub side: Side,
    /// Market or limit.
    pub kind: OrderKind,
    /// Flags.
    pub flags: OrderFlags,
    /// Quantity.
    pub qty: Qty,
    /// Limit price; 0 for market orders.
    pub price: Price,
    /// Mid of the merged book when sent, at 10^-12; 0 where there was none.
    pub arrival_mid: Amount,
    /// Why, in the script's or the engine's words.
    pub reason: Note,
}

/// A change of an order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// Client order id.
    pub order: OrderId,
    /// State before.
    pub from: OrderStatus,
    /// State after.
    pub to: OrderStatus,
    /// Why, where the state does not say it all.
    pub reason: OrderReason,
    /// Filled so far.
    pub filled_qty: Qty,
    /// Venue time of the event.
    pub venue_time: VenueNs,
}

/// Our own deal, with its explanation (SPEC 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Client order id.
    pub order: OrderId,
    /// The fill's number in the run, from 1; at a venue its trade id.
    pub fill_id: u64,
    /// Side.
    pub side: Side,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Which rule filled it.
    pub rule: FillRule,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Fee, positive where paid.
    pub fee: Amount,
    /// Currency of the fee.
    pub fee_currency: Currency,
    /// Realized profit of this fill before its fee, in settle currency.
    pub realized: Amount,
    /// What of the fill closed a position.
    pub closed_qty: Qty,
    /// Venue time of the deciding event.
    pub venue_time: VenueNs,
    /// Engine sequence of the deciding event.
    pub decided_by: u64,
    /// Venue time at which the order reached the venue.
    pub arrived: VenueNs,
    /// Quantity before us in the queue when we arrived.
    pub queue_ahead: Qty,
    /// Traded at our price since, as far as it counted for the queue.
    pub queue_traded: Qty,
    /// Cancelled before us since.
    pub queue_cancelled: Qty,
}

/// Which rule of the matching model filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FillRule {
    /// Crossed the displayed book on arrival.
    Crossed = 1,
    /// A trade at our price after the queue before us was gone.
    QueueReached = 2,
    /// A trade through our price.
    TradedThrough = 3,
    /// The book moved through our price.
    BookThrough = 4,
}

/// A position after a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionRecord {
    /// Signed quantity.
    pub qty: Qty,
    /// Exact cost of what is held, signed, in settle currency.
    pub cost: Amount,
    /// Realized profit so far before fees.
    pub realized: Amount,
    /// Fees so far in settle currency.
    pub fees: Amount,
}

/// A currency's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceRecord {
    /// The currency.
    pub currency: Currency,
    /// What is there.
    pub total: Amount,
}

/// The account, in its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioRecord {
    /// Equity.
    pub equity: Amount,
    /// Realized profit before fees.
    pub realized: Amount,
    /// Unrealized profit at marks.
    pub unrealized: Amount,
    /// Fees.
    pub fees: Amount,
    /// Sum of the absolute notionals held.
    pub exposure: Amount,
    /// Highest equity so far.
    pub peak: Amount,
}

/// A change of trading state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskRecord {
    /// What tripped, or who acted.
    pub code: GateCode,
    /// State before.
    pub from: TradingState,
    /// State after.
    pub to: TradingState,
    /// The limit.
    pub limit: Amount,
    /// What was measured.
    pub measured: Amount,
    /// Words for people.
    pub note: Note,
}

/// A book became proven or stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookRecord {
    /// What happened.
    pub reason: BookReason,
    /// The book's update id.
    pub last_id: u64,
}

/// A strategy's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteRecord {
    /// What kind.
    pub kind: NoteKind,
    /// The words.
    pub text: Note,
}

/// What kind of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NoteKind {
    /// `note(...)`.
    Note = 1,
    /// `alert(...)`.
    Alert = 2,
    /// A handler failed and its call was undone.
    Error = 3,
    /// A handler was cut by its budget and its call was undone.
    Cut = 4,
}

/// An instrument's depth book at the end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookEnd {
    /// Whether it is proven.
    pub is_synced: bool,
    /// Its update id.
    pub last_id: u64,
    /// Number of bids.
    pub bid_levels: u32,
    /// Number of asks.
    pub ask_levels: u32,
    /// Sum of all quantities bid.
    pub bid_qty: i128,
    /// Sum of all quantities asked.
    pub ask_qty: i128,
    /// FNV-1a over (price, qty) of all levels, bids best first, then asks.
    pub checksum: u64,
}

/// A value for the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Which chart; empty for the price chart.
    pub pane: Text<32>,
    /// The line's name.
    pub name: Text<32>,
    /// The bits of the value; all NaN are one.
    pub value_bits: u64,
}

/// Cells of a record's header.
pub const RECORD_HEADER_CELLS: usize = 2;
/// Cells of the longest record.
pub const RECORD_CELLS_MAX: usize = 24;

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

impl RecordHeader {
    fn begin(&self, kind: u8, flags: u8, out: &mut CellBuffer) {
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
            Self::Book(book) => {
                header.begin(BOOK, book.reason as u8, out);
                out.push(book.last_id, 0);
            }
            Self::Note(note) => {
                header.begin(NOTE, note.kind as u8, out);
                out.text(&note.text);
            }
            Self::BookEnd(book) => {
                header.begin(BOOK_END, u8::from(book.is_synced), out);
                out.push(book.last_id, book.checksum);
                out.push(u64::from(book.bid_levels), u64::from(book.ask_levels));
                out.push_i128(book.bid_qty);
                out.push_i128(book.ask_qty);
            }
            Self::Plot(plot) => {
                header.begin(PLOT, 0, out);
                out.push(plot.value_bits, 0);
                out.text(&plot.pane);
                out.text(&plot.name);
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
            ORDER => {
                let (first, second) = (cells.at(2)?, cells.at(3)?);
                Self::Order(NewOrder {
                    order: OrderId(first.low),
                    side: side()?,
                    kind: OrderKind::from_u8(first.high as u8).ok_or(CellFault::Value)?,
                    flags: OrderFlags((first.high >> 8) as u8),
                    price: Price(second.low as i64),
                    qty: Qty(second.high as i64),
                    arrival_mid: amount(4)?,
                    reason: cells.text(5)?.0,
                })
            }
            ORDER_EVENT => {
                let (first, second) = (cells.at(2)?, cells.at(3)?);
                let status = |shift| {
                    OrderStatus::from_u8((first.high >> shift) as u8).ok_or(CellFault::Value)
                };
                Self::OrderEvent(OrderEvent {
                    order: OrderId(first.low),
                    from: status(0)?,
                    to: status(8)?,
                    reason: OrderReason::from_u8((first.high >> 16) as u8)
                        .ok_or(CellFault::Value)?,
                    filled_qty: Qty(second.low as i64),
                    venue_time: VenueNs(second.high as i64),
                })
            }
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
            RISK => {
                let states = cells.at(2)?;
                Self::Risk(RiskRecord {
                    code: GateCode::from_u8(tag.flags).ok_or(CellFault::Value)?,
                    from: TradingState::from_u8(states.low as u8).ok_or(CellFault::Value)?,
                    to: TradingState::from_u8(states.high as u8).ok_or(CellFault::Value)?,
                    limit: amount(3)?,
                    measured: amount(4)?,
                    note: cells.text(5)?.0,
                })
            }
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

impl Plot {
    /// Returns the value for the chart; every NaN becomes the same one.
    pub fn new(pane: &str, name: &str, value: f64) -> Self {
        let value = if value.is_nan() { f64::NAN } else { value };
        Self {
            pane: Text::cut(pane),
            name: Text::cut(name),
            value_bits: value.to_bits(),
        }
    }
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

impl Verdict {
    /// Returns the verdict with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Approved),
            2 => Some(Self::Trimmed),
            3 => Some(Self::Denied),
            _ => None,
        }
    }

    /// Returns `approved`, `trimmed` or `denied`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Trimmed => "trimmed",
            Self::Denied => "denied",
        }
    }
}

impl FillRule {
    /// Returns the rule with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Crossed),
            2 => Some(Self::QueueReached),
            3 => Some(Self::TradedThrough),
            4 => Some(Self::BookThrough),
            _ => None,
        }
    }

    /// Returns the rule's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crossed => "crossed",
            Self::QueueReached => "queue_reached",
            Self::TradedThrough => "traded_through",
            Self::BookThrough => "book_through",
        }
    }
}

impl NoteKind {
    /// Returns the kind with this number on a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Note),
            2 => Some(Self::Alert),
            3 => Some(Self::Error),
            4 => Some(Self::Cut),
            _ => None,
        }
    }

    /// Returns the kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Alert => "alert",
            Self::Error => "error",
            Self::Cut => "cut",
        }
    }
}
