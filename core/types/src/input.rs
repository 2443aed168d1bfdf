//! Inputs: all that can change the engine, as messages of cells.
//!
//! Written by FEED, GATEWAY, the script watcher and operators; read by ENGINE, which alone gives them
//! their engine sequence. Every input has a two-cell [`Header`]. Kinds 1-127; numbers are never reused.

use crate::cell::{Cell, CellBuffer, CellFault, Cells, Tag, begins};
use crate::code::{BookReason, CommandKind, FrameFault, TradingState};
use crate::id::{EngineSeq, InstrumentId, StrategyId};
use crate::instrument::{Contract, Instrument, Scale};
use crate::market::{Depth, Kline, Level, Levels, Liquidation, Mark, Ticker, Trade};
use crate::number::{Amount, Price, Qty};
use crate::order::Side;
use crate::record::{SHA256_BYTES, push_sha256, sha256_at};
use crate::text::{Note, Text};
use crate::time::{DurationNs, VenueNs, WallNs};
use crate::venue::{InstrumentKey, Venue};

/// What every input has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The producer's own number for it: 1, 2, 3, ...
    pub seq: u64,
    /// When its frame's first byte came (file: as recorded), or when it was made.
    pub recv: WallNs,
    /// The venue's time of it, [`VenueNs::NONE`] where it said nothing.
    pub venue_time: VenueNs,
    /// The instrument, [`InstrumentId::NONE`] where it belongs to none.
    pub instrument: InstrumentId,
}

/// An input's content.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// An instrument's facts; before its first event.
    Instrument(Instrument),
    /// A book's change, proven in sequence by FEED.
    Depth(Depth<'a>),
    /// Best bid and ask.
    Ticker(Ticker),
    /// Others' deal.
    Trade(Trade),
    /// Mark price and funding.
    Mark(Mark),
    /// A venue's candle.
    Kline(Kline),
    /// A forced order.
    Liquidation(Liquidation),
    /// FEED says that the instrument's book is no longer proven; a snapshot proves it again.
    BookStale(BookReason),
    /// A frame nobody understood. Its book, if known, is stale.
    FrameError(FrameError),
    /// The clock's tick: every 100 ms, data or not.
    Timer,
    /// Our clock minus the venue's, measured: the median of recv − venue time − assumed latency.
    ClockOffset(ClockOffset),
    /// An operator's command.
    Command(Command),
    /// The disk that the journal is on has little room left.
    LowDisk(LowDisk),
    /// Another version of a strategy's script takes its seat.
    Reload(Reload),
    /// A saved script that was refused before it came here: the record says so.
    Refusal(Refusal),
    /// A recorded session starts over: books are forgotten, positions stay.
    SessionReset,
    /// The input ends here.
    End,
}

/// A frame that was not understood: where, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// Why.
    pub fault: FrameFault,
    /// Where in the frame.
    pub offset_bytes: u32,
    /// Which frame, counted from 1 over the run.
    pub frame: u64,
    /// The stream's name, as far as it was read.
    pub channel: Text<40>,
}

/// How far our clock is ahead of a venue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// The venue.
    pub venue: Venue,
    /// Our clock minus the venue's.
    pub offset: DurationNs,
}

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub kind: CommandKind,
    /// For which strategy, [`StrategyId::NONE`] for the account.
    pub strategy: StrategyId,
    /// Who and why.
    pub note: Note,
}

/// How little room the journal's disk has, and what that asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowDisk {
    /// The state that the limit asks for.
    pub state: TradingState,
    /// What is free.
    pub free_bytes: u64,
    /// The limit that it is below.
    pub limit_bytes: u64,
}

/// A version of a script that takes a strategy's seat. The script itself is annotated before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Whose seat.
    pub strategy: StrategyId,
    /// The engine sequence that it has.
    pub at: EngineSeq,
    /// SHA-256 of the script's text.
    pub sha256: [u8; SHA256_BYTES],
}

/// A script that was saved, and refused before it could take a strategy's seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose seat it was meant for.
    pub strategy: StrategyId,
    /// The engine sequence that this has.
    pub at: EngineSeq,
    /// SHA-256 of its text; zeros where none could be read.
    pub sha256: [u8; SHA256_BYTES],
    /// What is wrong with it.
    pub reason: Note,
}

/// Cells of a header.
pub const HEADER_CELLS: usize = 2;

const INSTRUMENT: u8 = 1;
const DEPTH: u8 = 2;
const TICKER: u8 = 3;
const TRADE: u8 = 4;
const MARK: u8 = 5;
const KLINE: u8 = 6;
const LIQUIDATION: u8 = 7;
const BOOK_STALE: u8 = 8;
const FRAME_ERROR: u8 = 9;
const TIMER: u8 = 10;
const CLOCK_OFFSET: u8 = 11;
const COMMAND: u8 = 12;
const SESSION_RESET: u8 = 13;
const END: u8 = 14;
const LOW_DISK: u8 = 15;
const RELOAD: u8 = 16;
const REFUSAL: u8 = 17;

const FLAG_SNAPSHOT: u8 = 1;
const FLAG_FIRST: u8 = 2;
const FLAG_LAST: u8 = 4;
const FLAG_SELL: u8 = 1;
const FLAG_AGGREGATE: u8 = 2;
const FLAG_OFF_BOOK: u8 = 4;

begins! {
    Instrument: INSTRUMENT;
    Depth<'_>: DEPTH;
    Reload: RELOAD;
    Refusal: REFUSAL;
}

impl Header {
    /// Returns the header of an input that belongs to no instrument.
    pub const fn of_time(seq: u64, recv: WallNs) -> Self {
        Self {
            seq,
            recv,
            venue_time: VenueNs::NONE,
            instrument: InstrumentId::NONE,
        }
    }

    #[inline]
    fn begin(&self, kind: u8, flags: u8, out: &mut CellBuffer) {
        out.begin(kind, flags, self.instrument.0, self.seq);
        out.push(self.recv.0 as u64, self.venue_time.0 as u64);
    }

    /// Returns the header's cells, without the message's length.
    #[inline]
    const fn cells(&self, kind: u8, flags: u8) -> [Cell; HEADER_CELLS] {
        let tag = Tag {
            kind,
            flags,
            subject: self.instrument.0,
            cells: 0,
        };
        [
            Cell {
                low: tag.word(),
                high: self.seq,
            },
            Cell {
                low: self.recv.0 as u64,
                high: self.venue_time.0 as u64,
            },
        ]
    }

    #[inline]
    const fn of([first, second]: [Cell; HEADER_CELLS]) -> Self {
        Self {
            seq: first.high,
            recv: WallNs(second.low as i64),
            venue_time: VenueNs(second.high as i64),
            instrument: InstrumentId(Tag::of(first.low).subject),
        }
    }
}

impl<'a> Input<'a> {
    /// Writes the input as one message.
    #[inline]
    pub fn encode(&self, header: &Header, out: &mut CellBuffer) {
        match self {
            Self::Instrument(instrument) => encode_instrument(instrument, header, out),
            Self::Depth(depth) => encode_depth(depth, header, out),
            Self::Ticker(ticker) => return encode_ticker(ticker, header, out),
            Self::Trade(trade) => return encode_trade(trade, header, out),
            Self::Mark(mark) => {
                header.begin(MARK, 0, out);
                out.push(mark.next_funding.0 as u64, 0);
                out.push_i128(mark.mark.0);
                out.push_i128(mark.index.0);
                out.push_i128(mark.funding_rate.0);
            }
            Self::Kline(kline) => encode_kline(kline, header, out),
            Self::Liquidation(order) => {
                header.begin(LIQUIDATION, flag(order.side == Side::Sell, FLAG_SELL), out);
                out.push(order.price.0 as u64, order.qty.0 as u64);
                out.push(order.average_price.0 as u64, order.filled_qty.0 as u64);
            }
            Self::BookStale(reason) => header.begin(BOOK_STALE, *reason as u8, out),
            Self::FrameError(error) => {
                header.begin(FRAME_ERROR, error.fault as u8, out);
                out.push(error.frame, u64::from(error.offset_bytes));
                out.text(&error.channel);
            }
            Self::Timer => header.begin(TIMER, 0, out),
            Self::ClockOffset(clock) => {
                header.begin(CLOCK_OFFSET, clock.venue as u8, out);
                out.push(clock.offset.0 as u64, 0);
            }
            Self::Command(command) => {
                header.begin(COMMAND, command.kind as u8, out);
                out.push(u64::from(command.strategy.0), 0);
                out.text(&command.note);
            }
            Self::LowDisk(low) => {
                header.begin(LOW_DISK, low.state as u8, out);
                out.push(low.free_bytes, low.limit_bytes);
            }
            Self::Reload(reload) => {
                header.begin(RELOAD, 0, out);
                out.push(u64::from(reload.strategy.0), reload.at.0);
                push_sha256(&reload.sha256, out);
            }
            Self::Refusal(refusal) => {
                header.begin(REFUSAL, 0, out);
                out.push(u64::from(refusal.strategy.0), refusal.at.0);
                push_sha256(&refusal.sha256, out);
                out.text(&refusal.reason);
            }
            Self::SessionReset => header.begin(SESSION_RESET, 0, out),
            Self::End => header.begin(END, 0, out),
        }
        out.end();
    }

    /// Reads one whole message.
    ///
    /// # Errors
    /// A [`CellFault`] where it is no input of this version.
    #[inline(always)]
    pub fn decode(cells: &Cells<'a>) -> Result<(Header, Self), CellFault> {
        let head = cells.head()?;
        let header = Header::of(head);
        let tag = Tag::of(head[0].low);
        let input = match tag.kind {
            DEPTH => Self::Depth(decode_depth(tag, cells)?),
            TICKER => {
                let [_, _, id, bid, ask] = cells.head()?;
                Self::Ticker(Ticker {
                    update_id: id.low,
                    bid: Level::of(bid),
                    ask: Level::of(ask),
                })
            }
            TRADE => Self::Trade(decode_trade(tag, cells)?),
            TIMER => Self::Timer,
            kind => return decode_rare(kind, tag, cells).map(|input| (header, input)),
        };
        Ok((header, input))
    }
}

#[cold]
fn decode_rare<'a>(kind: u8, tag: Tag, cells: &Cells<'a>) -> Result<Input<'a>, CellFault> {
    Ok(match kind {
        INSTRUMENT => Input::Instrument(decode_instrument(tag, cells)?),
        MARK => Input::Mark(Mark {
            next_funding: VenueNs(cells.at(2)?.low as i64),
            mark: Amount(cells.at(3)?.as_i128()),
            index: Amount(cells.at(4)?.as_i128()),
            funding_rate: Amount(cells.at(5)?.as_i128()),
        }),
        KLINE => Input::Kline(decode_kline(tag, cells)?),
        LIQUIDATION => Input::Liquidation(Liquidation {
            side: side_of(tag),
            price: Price(cells.at(2)?.low as i64),
            qty: Qty(cells.at(2)?.high as i64),
            average_price: Price(cells.at(3)?.low as i64),
            filled_qty: Qty(cells.at(3)?.high as i64),
        }),
        BOOK_STALE => Input::BookStale(BookReason::from_u8(tag.flags).ok_or(CellFault::Value)?),
        FRAME_ERROR => Input::FrameError(FrameError {
            fault: FrameFault::from_u8(tag.flags).ok_or(CellFault::Value)?,
            frame: cells.at(2)?.low,
            offset_bytes: cells.at(2)?.high as u32,
            channel: cells.text(3)?.0,
        }),
        CLOCK_OFFSET => Input::ClockOffset(ClockOffset {
            venue: Venue::from_u8(tag.flags).ok_or(CellFault::Value)?,
            offset: DurationNs(cells.at(2)?.low as i64),
        }),
        COMMAND => Input::Command(Command {
            kind: CommandKind::from_u8(tag.flags).ok_or(CellFault::Value)?,
            strategy: StrategyId(cells.at(2)?.low as u16),
            note: cells.text(3)?.0,
        }),
        LOW_DISK => Input::LowDisk(LowDisk {
            state: TradingState::from_u8(tag.flags).ok_or(CellFault::Value)?,
            free_bytes: cells.at(2)?.low,
            limit_bytes: cells.at(2)?.high,
        }),
        RELOAD => Input::Reload(decode_reload(cells)?),
        REFUSAL => Input::Refusal(decode_refusal(cells)?),
        SESSION_RESET => Input::SessionReset,
        END => Input::End,
        kind => return Err(CellFault::Kind(kind)),
    })
}

fn decode_reload(cells: &Cells<'_>) -> Result<Reload, CellFault> {
    Ok(Reload {
        strategy: StrategyId(cells.at(2)?.low as u16),
        at: EngineSeq(cells.at(2)?.high),
        sha256: sha256_at(cells, 3)?,
    })
}

fn decode_refusal(cells: &Cells<'_>) -> Result<Refusal, CellFault> {
    let Reload {
        strategy,
        at,
        sha256,
    } = decode_reload(cells)?;
    Ok(Refusal {
        strategy,
        at,
        sha256,
        reason: cells.text(5)?.0,
    })
}

const fn flag(is_set: bool, bit: u8) -> u8 {
    if is_set { bit } else { 0 }
}

const fn side_of(tag: Tag) -> Side {
    if tag.flags & FLAG_SELL == 0 {
        Side::Buy
    } else {
        Side::Sell
    }
}

#[inline]
fn encode_ticker(ticker: &Ticker, header: &Header, out: &mut CellBuffer) {
    let [first, second] = header.cells(TICKER, 0);
    let id = Cell {
        low: ticker.update_id,
        high: 0,
    };
    out.message([first, second, id, ticker.bid.cell(), ticker.ask.cell()]);
}

#[inline]
fn encode_trade(trade: &Trade, header: &Header, out: &mut CellBuffer) {
    let flags = flag(trade.aggressor == Side::Sell, FLAG_SELL)
        | flag(trade.is_aggregate, FLAG_AGGREGATE)
        | flag(trade.is_off_book, FLAG_OFF_BOOK);
    let [first, second] = header.cells(TRADE, flags);
    let id = Cell {
        low: trade.trade_id,
        high: 0,
    };
    let deal = Cell {
        low: trade.price.0 as u64,
        high: trade.qty.0 as u64,
    };
    out.message([first, second, id, deal]);
}

fn encode_depth(depth: &Depth<'_>, header: &Header, out: &mut CellBuffer) {
    begin_depth(
        depth,
        depth.bids.len() as u32,
        depth.asks.len() as u32,
        header,
        out,
    );
    out.extend(depth.bids.cells());
    out.extend(depth.asks.cells());
}

/// Writes the header cells of a depth message whose levels the caller adds itself, bids first; then [`CellBuffer::end`].
#[inline]
pub fn begin_depth(depth: &Depth<'_>, bids: u32, asks: u32, header: &Header, out: &mut CellBuffer) {
    let flags = flag(depth.is_snapshot, FLAG_SNAPSHOT)
        | flag(depth.is_first, FLAG_FIRST)
        | flag(depth.is_last, FLAG_LAST);
    header.begin(DEPTH, flags, out);
    out.push(depth.first_id, depth.last_id);
    out.push(u64::from(bids), u64::from(asks));
}

/// Cells of a depth message before its levels.
pub const DEPTH_HEADER_CELLS: usize = HEADER_CELLS + 2;

#[inline]
fn decode_depth<'a>(tag: Tag, cells: &Cells<'a>) -> Result<Depth<'a>, CellFault> {
    let [_, _, ids, counts] = cells.head()?;
    let (bids, asks) = (counts.low as usize, counts.high as usize);
    Ok(Depth {
        is_snapshot: tag.flags & FLAG_SNAPSHOT != 0,
        is_first: tag.flags & FLAG_FIRST != 0,
        is_last: tag.flags & FLAG_LAST != 0,
        first_id: ids.low,
        last_id: ids.high,
        bids: Levels(cells.range(DEPTH_HEADER_CELLS, bids)?),
        asks: Levels(cells.range(DEPTH_HEADER_CELLS.saturating_add(bids), asks)?),
    })
}

#[inline]
fn decode_trade(tag: Tag, cells: &Cells<'_>) -> Result<Trade, CellFault> {
    let [_, _, id, deal] = cells.head()?;
    Ok(Trade {
        trade_id: id.low,
        price: Price(deal.low as i64),
        qty: Qty(deal.high as i64),
        aggressor: side_of(tag),
        is_aggregate: tag.flags & FLAG_AGGREGATE != 0,
        is_off_book: tag.flags & FLAG_OFF_BOOK != 0,
    })
}

fn encode_kline(kline: &Kline, header: &Header, out: &mut CellBuffer) {
    header.begin(KLINE, u8::from(kline.is_closed), out);
    out.push(kline.open_time.0 as u64, kline.interval_ns as u64);
    out.push(kline.open.0 as u64, kline.high.0 as u64);
    out.push(kline.low.0 as u64, kline.close.0 as u64);
    out.push_i128(kline.volume.0);
    out.push_i128(kline.quote_volume.0);
    out.push(kline.trade_count, 0);
}

fn decode_kline(tag: Tag, cells: &Cells<'_>) -> Result<Kline, CellFault> {
    let (time, first, second) = (cells.at(2)?, cells.at(3)?, cells.at(4)?);
    Ok(Kline {
        open_time: VenueNs(time.low as i64),
        interval_ns: time.high as i64,
        is_closed: tag.flags != 0,
        open: Price(first.low as i64),
        high: Price(first.high as i64),
        low: Price(second.low as i64),
        close: Price(second.high as i64),
        volume: Amount(cells.at(5)?.as_i128()),
        quote_volume: Amount(cells.at(6)?.as_i128()),
        trade_count: cells.at(7)?.low,
    })
}

fn encode_instrument(instrument: &Instrument, header: &Header, out: &mut CellBuffer) {
    let header = Header {
        instrument: instrument.id,
        ..*header
    };
    header.begin(INSTRUMENT, u8::from(instrument.is_trading), out);
    out.push(
        instrument.key.venue as u64
            | (instrument.contract as u64) << 8
            | u64::from(instrument.scale.price_digits) << 16
            | u64::from(instrument.scale.qty_digits) << 24,
        0,
    );
    out.push(instrument.tick.0 as u64, instrument.step.0 as u64);
    out.push(instrument.qty_min.0 as u64, instrument.qty_max.0 as u64);
    out.push_i128(instrument.notional_min.0);
    out.push_i128(instrument.multiplier.0);
    out.text(&instrument.key.symbol);
    out.text(&instrument.base);
    out.text(&instrument.quote);
    out.text(&instrument.settle);
}

fn decode_instrument(tag: Tag, cells: &Cells<'_>) -> Result<Instrument, CellFault> {
    let word = cells.at(2)?.low;
    let (steps, bounds) = (cells.at(3)?, cells.at(4)?);
    let (symbol, next) = cells.text(7)?;
    let (base, next) = cells.text(next)?;
    let (quote, next) = cells.text(next)?;
    let (settle, _) = cells.text(next)?;
    let contract = match (word >> 8) as u8 {
        1 => Contract::Spot,
        2 => Contract::Linear,
        3 => Contract::Inverse,
        _ => return Err(CellFault::Value),
    };
    let scale = Scale {
        price_digits: (word >> 16) as u8,
        qty_digits: (word >> 24) as u8,
    };
    if scale.price_digits > 18 || scale.qty_digits > 18 {
        return Err(CellFault::Value);
    }
    Ok(Instrument {
        id: InstrumentId(tag.subject),
        key: InstrumentKey {
            venue: Venue::from_u8(word as u8).ok_or(CellFault::Value)?,
            symbol,
        },
        scale,
        contract,
        is_trading: tag.flags != 0,
        tick: Price(steps.low as i64),
        step: Qty(steps.high as i64),
        qty_min: Qty(bounds.low as i64),
        qty_max: Qty(bounds.high as i64),
        notional_min: Amount(cells.at(5)?.as_i128()),
        multiplier: Amount(cells.at(6)?.as_i128()),
        base,
        quote,
        settle,
    })
}
