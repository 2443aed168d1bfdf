//! Any frame, on `simd-json`'s tape: the reference, the fallback, and the path of rare frames.
//!
//! Strict JSON; fields in any order, unknown ones passed over, a field that is read at most once.
//! Buffers are reused: what is as large as a frame before it allocates nothing.

use super::exchange_info::{self, is_exchange_info};
use super::tape::{Field, Value};
use super::typed::{first_time, interval_ns};
use super::{Context, channel_of, is_chained, is_partial_depth, product_of};
use crate::event::{
    DecodeError, Decoded, DepthDiff, DepthImage, Event, FRAME_LEVELS_MAX, FrequentEvent, Place,
    fault_of,
};
use claire_types::number::{DIGITS_MAX, parse_fixed, parse_signed};
use claire_types::{
    Amount, Cell, FrameFault, Instrument, Kline, Level, Liquidation, Mark, Price, Qty, Side,
    Symbol, Ticker, Trade,
};
use simd_json::{Buffers, ErrorType, Tape};

/// The general decoder with its buffers.
pub struct GeneralDecoder {
    bytes: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

/// What a frame held; reused from frame to frame.
#[derive(Debug, Default)]
pub struct FrameContent {
    /// Its events, in order.
    pub events: Vec<Decoded>,
    /// The levels of its one depth event.
    pub levels: Vec<Cell>,
    /// Instruments that it described.
    pub instruments: Vec<Instrument>,
    /// Events of another product in a list of all, left out.
    pub foreign: u64,
    /// An answer or notice without market data.
    pub is_control: bool,
    /// A snapshot that names no symbol, where nothing says whose it is.
    pub is_bare: bool,
    /// What was read last when the frame turned out to be wrong, if that much was read.
    pub place: Option<Place>,
}

impl FrameContent {
    /// Forgets the content, keeps the room.
    pub fn clear(&mut self) {
        self.events.clear();
        self.levels.clear();
        self.instruments.clear();
        self.foreign = 0;
        self.is_control = false;
        self.is_bare = false;
        self.place = None;
    }
}

impl Default for GeneralDecoder {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            buffers: Buffers::new(FRAME_BYTES_USUAL),
            tape: Tape(Vec::new()),
        }
    }
}

/// Room that a decoder begins with; larger frames make it grow once.
const FRAME_BYTES_USUAL: usize = 65_536;

impl GeneralDecoder {
    /// Reads a frame into `content`.
    ///
    /// # Errors
    /// The first thing in it that is wrong; `content.place` then says what it belongs to, if known.
    pub fn decode(
        &mut self,
        context: &Context<'_>,
        frame: &[u8],
        content: &mut FrameContent,
    ) -> Result<(), DecodeError> {
        content.clear();
        self.bytes.clear();
        self.bytes.extend_from_slice(frame);
        let base = self.bytes.as_ptr() as usize;
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let result = match simd_json::fill_tape(&mut self.bytes, &mut self.buffers, &mut tape) {
            Ok(()) => {
                let root = Value::root(&tape.0, base);
                Reader { context, content }.frame(root)
            }
            Err(error) => Err(json_error(&error, frame)),
        };
        self.tape = tape.reset();
        result
    }
}

impl std::fmt::Debug for GeneralDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneralDecoder").finish_non_exhaustive()
    }
}

fn json_error(error: &simd_json::Error, frame: &[u8]) -> DecodeError {
    let fault = match error.error() {
        ErrorType::InvalidUtf8 => FrameFault::Utf8,
        _ => FrameFault::Json,
    };
    let offset = match std::str::from_utf8(frame) {
        Err(error) if fault == FrameFault::Utf8 => error.valid_up_to(),
        _ => error.index(),
    };
    DecodeError::new(fault, u32::try_from(offset).unwrap_or(u32::MAX))
}

struct Reader<'c, 'x> {
    context: &'c Context<'x>,
    content: &'c mut FrameContent,
}

type Read<T> = Result<T, DecodeError>;

impl Reader<'_, '_> {
    fn frame(&mut self, root: Value<'_, '_>) -> Read<()> {
        if !root.is_object() {
            return self.payload(root, "");
        }
        let [stream, data] = root.fields(["stream", "data"])?;
        if stream.is_there() && data.is_there() {
            return self.payload(data.need()?, stream.need()?.text()?);
        }
        self.payload(root, "")
    }

    fn payload(&mut self, data: Value<'_, '_>, stream: &str) -> Read<()> {
        if !data.is_array() {
            return self.event(data, stream);
        }
        let mut is_empty = true;
        for element in data.elements()? {
            is_empty = false;
            if !element.is_object() {
                return Err(element.error(FrameFault::UnknownStream));
            }
            let [kind] = element.fields(["e"])?;
            // Only these come in lists; others would share the one buffer of levels.
            match kind.value().map(|kind| kind.text()).transpose()? {
                Some("markPriceUpdate" | "forceOrder" | "bookTicker") => {
                    self.event(element, stream)?
                }
                _ => return Err(element.error(FrameFault::UnknownStream)),
            }
        }
        if is_empty && stream.is_empty() {
            return Err(data.error(FrameFault::UnknownStream));
        }
        Ok(())
    }

    fn event(&mut self, data: Value<'_, '_>, stream: &str) -> Read<()> {
        if !data.is_object() {
            return Err(data.error(FrameFault::UnknownStream));
        }
        let [kind, product] = data.fields(["e", "st"])?;
        if let (Some(product), Some(ours)) = (product.value(), product_of(self.context.venue))
            && product.integer()? != ours
        {
            self.content.foreign += 1;
            return Ok(());
        }
        let Some(kind) = kind.value() else {
            return self.unnamed(data, stream);
        };
        match kind.text()? {
            "depthUpdate" => self.depth(data, stream),
            "trade" => self.trade(data, "t"),
            "aggTrade" => self.trade(data, "a"),
            "bookTicker" => self.ticker(data),
            "kline" => self.kline(data),
            "markPriceUpdate" => self.mark(data),
            "forceOrder" => self.liquidation(data),
            "serverShutdown" => {
                self.content.is_control = true;
                Ok(())
            }
            _ => Err(kind.error(FrameFault::UnknownStream)),
        }
    }

    /// Reads what has no type: known by its fields.
    fn unnamed(&mut self, data: Value<'_, '_>, stream: &str) -> Read<()> {
        let [image, update, bid, result, id, code, message] =
            data.fields(["lastUpdateId", "u", "B", "result", "id", "code", "msg"])?;
        if image.is_there() {
            self.image(data, stream)
        } else if update.is_there() && bid.is_there() {
            self.ticker(data)
        } else if code.is_there() && message.is_there() {
            Err(code.need()?.error(FrameFault::VenueError))
        } else if result.is_there() && id.is_there() {
            self.content.is_control = true;
            Ok(())
        } else if is_exchange_info(data)? {
            exchange_info::read(data, self.context.venue, &mut self.content.instruments)
        } else {
            Err(data.error(FrameFault::UnknownStream))
        }
    }

    fn ticker(&mut self, data: Value<'_, '_>) -> Read<()> {
        let [
            symbol,
            update_id,
            bid,
            bid_qty,
            ask,
            ask_qty,
            time,
            event_time,
        ] = data.fields(["s", "u", "b", "B", "a", "A", "T", "E"])?;
        let place = self.place(symbol)?;
        let ticker = Ticker {
            update_id: update_id.need()?.integer()?,
            bid: level(place, bid.need()?, bid_qty.need()?)?,
            ask: level(place, ask.need()?, ask_qty.need()?)?,
        };
        self.push(
            place,
            time,
            event_time,
            Event::Frequent(FrequentEvent::Ticker(ticker)),
        )
    }

    fn trade(&mut self, data: Value<'_, '_>, id: &str) -> Read<()> {
        let [
            symbol,
            trade_id,
            price,
            qty,
            maker,
            origin,
            time,
            event_time,
        ] = data.fields(["s", id, "p", "q", "m", "X", "T", "E"])?;
        let place = self.place(symbol)?;
        let is_aggregate = id == "a";
        let is_off_book = match origin.value() {
            Some(origin) if !is_aggregate => origin.text()? != "MARKET",
            _ => false,
        };
        let trade = Trade {
            trade_id: trade_id.need()?.integer()?,
            price: price_of(place, price.need()?)?,
            qty: qty_of(place, qty.need()?)?,
            aggressor: if maker.need()?.boolean()? {
                Side::Sell
            } else {
                Side::Buy
            },
            is_aggregate,
            is_off_book,
        };
        self.push(
            place,
            time,
            event_time,
            Event::Frequent(FrequentEvent::Trade(trade)),
        )
    }

    fn depth(&mut self, data: Value<'_, '_>, stream: &str) -> Read<()> {
        let [
            symbol,
            first_id,
            last_id,
            previous_id,
            bids,
            asks,
            time,
            event_time,
        ] = data.fields(["s", "U", "u", "pu", "b", "a", "T", "E"])?;
        let is_partial = is_partial_depth(stream.as_bytes());
        if !is_partial && !stream.is_empty() && channel_of(stream.as_bytes()) != Some(b"depth") {
            return Err(data.error(FrameFault::UnknownStream));
        }
        let place = self.place(symbol)?;
        let first_id = first_id.need()?.integer()?;
        let last_id = last_id.need()?.integer()?;
        let previous_id = if is_chained(self.context.venue) {
            previous_id.need()?.integer()?
        } else {
            0
        };
        let bids = self.sides(place, bids.need()?, asks.need()?)?;
        let event = if is_partial {
            FrequentEvent::PartialDepth(DepthImage { last_id, bids })
        } else {
            FrequentEvent::Depth(DepthDiff {
                first_id,
                last_id,
                previous_id,
                bids,
            })
        };
        self.push(place, time, event_time, Event::Frequent(event))
    }

    fn image(&mut self, data: Value<'_, '_>, stream: &str) -> Read<()> {
        let [symbol, last_id, bids, asks, time, event_time] =
            data.fields(["symbol", "lastUpdateId", "bids", "asks", "T", "E"])?;
        let is_partial = is_partial_depth(stream.as_bytes());
        if !is_partial && !stream.is_empty() {
            return Err(data.error(FrameFault::UnknownStream));
        }
        let place = if is_partial {
            self.place_of_stream(stream)
                .ok_or_else(|| data.error(FrameFault::Symbol))?
        } else if symbol.is_there() {
            self.place(symbol)?
        } else {
            let place = self.context.bare;
            self.content.is_bare = place.is_none();
            place.ok_or_else(|| data.error(FrameFault::Symbol))?
        };
        self.content.place = Some(place);
        let last_id = last_id.need()?.integer()?;
        let bids = self.sides(place, bids.need()?, asks.need()?)?;
        let image = DepthImage { last_id, bids };
        let event = if is_partial {
            FrequentEvent::PartialDepth(image)
        } else {
            FrequentEvent::Snapshot(image)
        };
        self.push(place, time, event_time, Event::Frequent(event))
    }

    fn kline(&mut self, data: Value<'_, '_>) -> Read<()> {
        let [symbol, candle, event_time] = data.fields(["s", "k", "E"])?;
        let place = self.place(symbol)?;
        let candle = candle.need()?;
        let [
            open_time,
            interval,
            is_closed,
            trade_count,
            volume,
            quote_volume,
        ] = candle.fields(["t", "i", "x", "n", "v", "q"])?;
        let [open, high, low, close] = candle.fields(["o", "h", "l", "c"])?;
        let interval = interval.need()?;
        let kline = Kline {
            open_time: open_time.need()?.time()?,
            interval_ns: interval_ns(interval.text()?.as_bytes())
                .ok_or_else(|| interval.error(FrameFault::WrongType))?,
            is_closed: is_closed.need()?.boolean()?,
            open: price_of(place, open.need()?)?,
            high: price_of(place, high.need()?)?,
            low: price_of(place, low.need()?)?,
            close: price_of(place, close.need()?)?,
            volume: volume.need()?.count()?,
            quote_volume: quote_volume.need()?.count()?,
            trade_count: trade_count.need()?.integer()?,
        };
        let [time] = data.fields([NO_FIELD])?;
        self.push(place, time, event_time, Event::Kline(kline))
    }

    fn mark(&mut self, data: Value<'_, '_>) -> Read<()> {
        let [symbol, price, index, rate, next_funding, event_time] =
            data.fields(["s", "p", "i", "r", "T", "E"])?;
        let place = self.place(symbol)?;
        let rate = rate.need()?;
        let mark = Mark {
            mark: price.need()?.count()?,
            index: index.need()?.count()?,
            // Dated futures pay no funding and say so with an empty text.
            funding_rate: if rate.text()?.is_empty() {
                Amount::ZERO
            } else {
                rate.amount()?
            },
            next_funding: next_funding.time()?,
        };
        let [time] = data.fields([NO_FIELD])?;
        self.push(place, time, event_time, Event::Mark(mark))
    }

    fn liquidation(&mut self, data: Value<'_, '_>) -> Read<()> {
        let [order, event_time] = data.fields(["o", "E"])?;
        let order = order.need()?;
        let [symbol, side, price, average_price, qty, filled_qty, time] =
            order.fields(["s", "S", "p", "ap", "q", "z", "T"])?;
        let place = self.place(symbol)?;
        let side = side.need()?;
        let liquidation = Liquidation {
            side: match side.text()? {
                "BUY" => Side::Buy,
                "SELL" => Side::Sell,
                _ => return Err(side.error(FrameFault::WrongType)),
            },
            price: price_of(place, price.need()?)?,
            average_price: average_of(place, average_price.need()?)?,
            qty: qty_of(place, qty.need()?)?,
            filled_qty: qty_of(place, filled_qty.need()?)?,
        };
        self.push(place, time, event_time, Event::Liquidation(liquidation))
    }

    /// Reads both sides' levels; returns how many are bids.
    fn sides(&mut self, place: Place, bids: Value<'_, '_>, asks: Value<'_, '_>) -> Read<u32> {
        self.content.levels.clear();
        self.side(place, bids)?;
        let count = self.content.levels.len() as u32;
        self.side(place, asks)?;
        Ok(count)
    }

    fn side(&mut self, place: Place, levels: Value<'_, '_>) -> Read<()> {
        for pair in levels.elements()? {
            let mut values = pair.elements()?;
            let (Some(price), Some(qty)) = (values.next(), values.next()) else {
                return Err(pair.error(FrameFault::WrongType));
            };
            // Old spot frames end each level with an empty list: passed over like an unknown field.
            if self.content.levels.len() >= FRAME_LEVELS_MAX {
                return Err(pair.error(FrameFault::TooManyLevels));
            }
            self.content.levels.push(level(place, price, qty)?.cell());
        }
        Ok(())
    }

    fn place(&mut self, symbol: Field<'_, '_>) -> Read<Place> {
        let symbol = symbol.need()?;
        let place = self
            .context
            .catalog
            .place(self.context.venue, symbol.text()?.as_bytes())
            .map_err(|fault| symbol.error(fault))?;
        self.content.place = Some(place);
        Ok(place)
    }

    fn place_of_stream(&self, stream: &str) -> Option<Place> {
        let symbol = symbol_of_stream(stream)?;
        let catalog = self.context.catalog;
        catalog.place(self.context.venue, symbol.as_bytes()).ok()
    }

    fn push(
        &mut self,
        place: Place,
        time: Field<'_, '_>,
        event_time: Field<'_, '_>,
        event: Event,
    ) -> Read<()> {
        self.content.events.push(Decoded {
            target: place.target,
            venue_time: first_time(time.time()?, event_time.time()?),
            event,
        });
        Ok(())
    }
}

/// A name that no venue uses: asks for a field that is missing.
const NO_FIELD: &str = "\0";

/// Returns the symbol that a stream's name begins with, in the payload's upper case.
pub(crate) fn symbol_of_stream(stream: &str) -> Option<Symbol> {
    let (symbol, _) = stream.split_once('@')?;
    let mut bytes = [0; 40];
    let bytes = bytes.get_mut(..symbol.len())?;
    bytes.copy_from_slice(symbol.as_bytes());
    bytes.make_ascii_uppercase();
    Symbol::from_bytes(bytes)
        .filter(|symbol| !symbol.is_empty() && !symbol.as_str().starts_with('!'))
}

fn price_of(place: Place, value: Value<'_, '_>) -> Read<Price> {
    value.decimal(place.scale.price_digits).map(Price)
}

fn qty_of(place: Place, value: Value<'_, '_>) -> Read<Qty> {
    value.decimal(place.scale.qty_digits).map(Qty)
}

fn level(place: Place, price: Value<'_, '_>, qty: Value<'_, '_>) -> Read<Level> {
    Ok(Level {
        price: price_of(place, price)?,
        qty: qty_of(place, qty)?,
    })
}

/// Reads an average price, which is finer than the tick: cut to the instrument's digits.
fn average_of(place: Place, value: Value<'_, '_>) -> Read<Price> {
    let text = value.text()?;
    let digits = usize::from(place.scale.price_digits);
    let end = match text.find('.') {
        Some(point) if digits == 0 => point,
        Some(point) => text.len().min(point + 1 + digits),
        None => text.len(),
    };
    let cut = text.get(..end).unwrap_or(text);
    // The whole text must be a number, not only what is kept of it.
    parse_signed(text.as_bytes(), DIGITS_MAX)
        .and_then(|_| parse_fixed(cut.as_bytes(), place.scale.price_digits))
        .map(Price)
        .map_err(|fault| value.error(fault_of(fault)))
}
