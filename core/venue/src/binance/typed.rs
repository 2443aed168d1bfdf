//! Frames as the venue writes them, field after field, in one pass.
//!
//! Everything that is accepted was looked at: names, punctuation, digits, texts without escapes. `None`
//! means that the frame looks different somewhere, and says nothing about whether it is right. A frame that
//! looks like the last one of its stream does not come so far: where the processor has AVX2, `pattern`
//! reads it at known places.
//!
//! # Source
//! Layouts: recorded frames of 2021 to 2024 (spot, USD-M, COIN-M), and the field order of the official
//! documentation and connector models for the fields `ps`, `st` and `nq` of 2026 (read 2026-11-21).

#[cfg(target_arch = "x86_64")]
mod learn;
#[cfg(target_arch = "x86_64")]
mod pattern;
mod rare;

pub use rare::decode as decode_rare;
pub(super) use rare::interval_ns;

#[cfg(target_arch = "x86_64")]
use self::pattern::Patterns;
use super::{Context, is_chained, is_partial_depth, product_of};
use crate::digits::Layout;
use crate::event::{
    DepthDiff, DepthImage, FRAME_LEVELS_MAX, Frequent, FrequentEvent, Place, Target,
};
use crate::scan::Cursor;
use claire_types::{Cell, InstrumentId, Level, Price, Qty, Scale, Side, Ticker, Trade, VenueNs};

/// What the frames of one catalog's instruments looked like last; of no use with another catalog.
#[derive(Clone, Debug, Default)]
pub struct Layouts {
    instruments: Vec<InstrumentLayout>,
    #[cfg(target_arch = "x86_64")]
    patterns: Patterns,
}

#[derive(Clone, Copy, Debug, Default)]
struct InstrumentLayout {
    price: Layout,
    qty: Layout,
}

impl Layouts {
    /// Returns layouts without patterns of whole frames, as where the processor has no AVX2.
    pub fn by_field() -> Self {
        Self {
            instruments: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            patterns: Patterns::none(),
        }
    }

    #[inline(always)]
    fn of(&mut self, id: InstrumentId) -> Option<&mut InstrumentLayout> {
        if id.index() >= self.instruments.len() {
            self.grow(id);
        }
        self.instruments.get_mut(id.index())
    }

    #[cold]
    fn grow(&mut self, id: InstrumentId) {
        self.instruments
            .resize(id.index() + 1, InstrumentLayout::default());
    }
}

/// Returns the frame's one event; levels go to `levels`, which is empty before and worthless after `None`.
///
/// `None` where the frame is of a rare kind, looks different from what is expected, or belongs to an
/// instrument that is not registered: [`super::general`] then decides.
#[inline]
pub fn decode(
    context: &Context<'_>,
    frame: &[u8],
    layouts: &mut Layouts,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    #[cfg(target_arch = "x86_64")]
    if let Some(decoded) = layouts.patterns.decode(context.venue, frame, levels) {
        return Some(decoded);
    }
    by_field(context, frame, layouts, levels)
}

/// Reads the frame field by field, and learns from it what its stream's frames look like.
#[inline(never)]
fn by_field(
    context: &Context<'_>,
    frame: &[u8],
    layouts: &mut Layouts,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    levels.clear();
    let mut cursor = Cursor::new(frame);
    let (stream, is_combined) = opening(&mut cursor)?;
    let decoded = payload(context, stream, &mut cursor, layouts, levels)?;
    closing(&mut cursor, is_combined)?;
    #[cfg(target_arch = "x86_64")]
    if is_combined {
        learn(context, frame, &decoded, &mut layouts.patterns);
    }
    Some(decoded)
}

#[cfg(target_arch = "x86_64")]
#[cold]
#[inline(never)]
fn learn(
    context: &Context<'_>,
    frame: &[u8],
    event: &Frequent,
    patterns: &mut Patterns,
) -> Option<()> {
    let key = pattern::key_of(context.venue, frame)?;
    if patterns.is_to_learn(key) {
        let scale = context.catalog.instrument(event.instrument)?.scale;
        let learned = learn::pattern_of(context.venue, frame, event, scale)?;
        patterns.learn(key, learned);
    }
    Some(())
}

/// Reads up to the payload's opening brace; says the stream's name, and whether the frame has one.
#[inline(always)]
fn opening<'f>(cursor: &mut Cursor<'f>) -> Option<(&'f [u8], bool)> {
    if cursor.has(b"{\"stream\":\"") {
        let stream = cursor.plain_text()?;
        cursor.text(b",\"data\":{")?;
        Some((stream, true))
    } else {
        cursor.text(b"{")?;
        Some((&[], false))
    }
}

#[inline(always)]
fn closing(cursor: &mut Cursor<'_>, is_combined: bool) -> Option<()> {
    if is_combined {
        cursor.text(b"}")?;
    }
    cursor.is_at_end().then_some(())
}

/// Reads the payload after its opening brace, up to its closing one.
#[inline(always)]
fn payload(
    context: &Context<'_>,
    stream: &[u8],
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    if cursor.has(b"\"e\":\"") {
        if cursor.has(b"bookTicker\",\"u\":") {
            let update_id = cursor.integer()?;
            return ticker_of_futures(context, cursor, layouts, update_id);
        }
        if cursor.has(b"trade\",\"E\":") {
            return trade(context, cursor, layouts);
        }
        if cursor.has(b"depthUpdate\",\"E\":") {
            return depth(context, stream, cursor, layouts, levels);
        }
        cursor.text(b"aggTrade\",\"E\":")?;
        return aggregate_trade(context, cursor, layouts);
    }
    if cursor.has(b"\"u\":") {
        let update_id = cursor.integer()?;
        if cursor.has(b",\"e\":\"bookTicker\"") {
            return ticker_of_futures(context, cursor, layouts, update_id);
        }
        return ticker(context, cursor, layouts, update_id);
    }
    cursor.text(b"\"lastUpdateId\":")?;
    image(context, stream, cursor, layouts, levels)
}

/// Reads spot's `"s":..,"b":..,"B":..,"a":..,"A":..}` after the update id.
#[inline(always)]
fn ticker(
    context: &Context<'_>,
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
    update_id: u64,
) -> Option<Frequent> {
    let (id, scale) = symbol(context, cursor)?;
    let ticker = touch(cursor, scale, layouts.of(id)?, update_id)?;
    cursor.text(b"}")?;
    Some(decoded(id, VenueNs::NONE, FrequentEvent::Ticker(ticker)))
}

/// Reads the futures' ticker after update id and type: the times stand last, or since 2026 first.
#[inline(always)]
fn ticker_of_futures(
    context: &Context<'_>,
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
    update_id: u64,
) -> Option<Frequent> {
    let mut time = VenueNs::NONE;
    if cursor.has(b",\"E\":") {
        time = event_and_transaction_time(cursor)?;
    }
    let (id, scale) = symbol(context, cursor)?;
    pair(cursor)?;
    let ticker = touch(cursor, scale, layouts.of(id)?, update_id)?;
    if cursor.has(b",\"T\":") {
        time = transaction_and_event_time(cursor)?;
    }
    product(context, cursor)?;
    cursor.text(b"}")?;
    Some(decoded(id, time, FrequentEvent::Ticker(ticker)))
}

#[inline(always)]
fn touch(
    cursor: &mut Cursor<'_>,
    scale: Scale,
    layout: &mut InstrumentLayout,
    update_id: u64,
) -> Option<Ticker> {
    cursor.text(b",\"b\":\"")?;
    let bid_price = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"B\":\"")?;
    let bid_qty = Qty(cursor.decimal(scale.qty_digits, &mut layout.qty)?);
    cursor.text(b",\"a\":\"")?;
    let ask_price = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"A\":\"")?;
    let ask_qty = Qty(cursor.decimal(scale.qty_digits, &mut layout.qty)?);
    let level = |price, qty| Level { price, qty };
    Some(Ticker {
        update_id,
        bid: level(bid_price, bid_qty),
        ask: level(ask_price, ask_qty),
    })
}

/// Reads a trade after `"E":`; spot's `"b"` and `"a"` (order ids) came until 2023.
#[inline(always)]
fn trade(
    context: &Context<'_>,
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
) -> Option<Frequent> {
    let event_time = cursor.time()?;
    let time = if cursor.has(b",\"T\":") {
        Some(cursor.time()?)
    } else {
        None
    };
    let (id, scale) = symbol(context, cursor)?;
    pair(cursor)?;
    cursor.text(b",\"t\":")?;
    let trade_id = cursor.integer()?;
    let (price, qty) = deal(cursor, scale, layouts.of(id)?)?;
    let (time, is_off_book) = match time {
        Some(time) => (time, is_off_book(cursor)?),
        None => {
            order_ids(cursor)?;
            cursor.text(b",\"T\":")?;
            (cursor.time()?, false)
        }
    };
    let aggressor = aggressor(cursor)?;
    end_of_trade(context, cursor)?;
    let trade = Trade {
        trade_id,
        price,
        qty,
        aggressor,
        is_aggregate: false,
        is_off_book,
    };
    Some(decoded(
        id,
        first_time(time, event_time),
        FrequentEvent::Trade(trade),
    ))
}

/// Reads an aggregate after `"E":`: spot names the symbol first, futures the id.
#[inline(always)]
fn aggregate_trade(
    context: &Context<'_>,
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
) -> Option<Frequent> {
    let event_time = cursor.time()?;
    let early_id = if cursor.has(b",\"a\":") {
        Some(cursor.integer()?)
    } else {
        None
    };
    let (id, scale) = symbol(context, cursor)?;
    pair(cursor)?;
    let trade_id = match early_id {
        Some(trade_id) => trade_id,
        None => {
            cursor.text(b",\"a\":")?;
            cursor.integer()?
        }
    };
    let (price, qty) = deal(cursor, scale, layouts.of(id)?)?;
    if cursor.has(b",\"nq\":\"") {
        cursor.plain_text()?;
    }
    cursor.text(b",\"f\":")?;
    cursor.integer()?;
    cursor.text(b",\"l\":")?;
    cursor.integer()?;
    cursor.text(b",\"T\":")?;
    let time = cursor.time()?;
    let aggressor = aggressor(cursor)?;
    end_of_trade(context, cursor)?;
    let trade = Trade {
        trade_id,
        price,
        qty,
        aggressor,
        is_aggregate: true,
        is_off_book: false,
    };
    Some(decoded(
        id,
        first_time(time, event_time),
        FrequentEvent::Trade(trade),
    ))
}

#[inline(always)]
fn deal(
    cursor: &mut Cursor<'_>,
    scale: Scale,
    layout: &mut InstrumentLayout,
) -> Option<(Price, Qty)> {
    cursor.text(b",\"p\":\"")?;
    let price = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"q\":\"")?;
    Some((
        price,
        Qty(cursor.decimal(scale.qty_digits, &mut layout.qty)?),
    ))
}

#[inline(always)]
fn order_ids(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.has(b",\"b\":") {
        cursor.integer()?;
        cursor.text(b",\"a\":")?;
        cursor.integer()?;
    }
    Some(())
}

/// Reads where a futures' trade happened; without the field it was on the book.
#[inline(always)]
fn is_off_book(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.has(b",\"X\":\"MARKET\"") || !cursor.has(b",\"X\":\"") {
        return Some(false);
    }
    cursor.plain_text().map(|origin| origin != b"MARKET")
}

/// Reads whether the buyer was the maker: then the seller took.
#[inline(always)]
fn aggressor(cursor: &mut Cursor<'_>) -> Option<Side> {
    cursor.text(b",\"m\":")?;
    Some(if cursor.boolean()? {
        Side::Sell
    } else {
        Side::Buy
    })
}

#[inline(always)]
fn end_of_trade(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.has(b",\"M\":") {
        cursor.boolean()?;
    }
    product(context, cursor)?;
    cursor.text(b"}")
}

/// Reads a depth change after `"E":`. On futures the best levels come in the same layout.
#[inline(always)]
fn depth(
    context: &Context<'_>,
    stream: &[u8],
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    let event_time = cursor.time()?;
    let time = if cursor.has(b",\"T\":") {
        first_time(cursor.time()?, event_time)
    } else {
        event_time
    };
    let (id, scale) = symbol(context, cursor)?;
    pair(cursor)?;
    cursor.text(b",\"U\":")?;
    let first_id = cursor.integer()?;
    cursor.text(b",\"u\":")?;
    let last_id = cursor.integer()?;
    let is_chained = is_chained(context.venue);
    let previous_id = if is_chained {
        cursor.text(b",\"pu\":")?;
        cursor.integer()?
    } else {
        0
    };
    let layout = layouts.of(id)?;
    cursor.text(b",\"b\":")?;
    side(cursor, scale, layout, levels)?;
    let bids = levels.len() as u32;
    cursor.text(b",\"a\":")?;
    side(cursor, scale, layout, levels)?;
    product(context, cursor)?;
    cursor.text(b"}")?;
    let event = match channel_kind(stream)? {
        DepthKind::Best => FrequentEvent::PartialDepth(DepthImage { last_id, bids }),
        DepthKind::Change => FrequentEvent::Depth(DepthDiff {
            first_id,
            last_id,
            previous_id,
            bids,
        }),
    };
    Some(decoded(id, time, event))
}

enum DepthKind {
    Change,
    Best,
}

/// Says what a stream of depth events carries; without a name, or in `depth` alone, changes.
#[inline(always)]
fn channel_kind(stream: &[u8]) -> Option<DepthKind> {
    if stream.is_empty() {
        return Some(DepthKind::Change);
    }
    match super::channel_of(stream)? {
        b"depth" => Some(DepthKind::Change),
        _ if is_partial_depth(stream) => Some(DepthKind::Best),
        _ => None,
    }
}

/// Reads a whole book after `"lastUpdateId":`, asked for or spot's best levels.
fn image(
    context: &Context<'_>,
    stream: &[u8],
    cursor: &mut Cursor<'_>,
    layouts: &mut Layouts,
    levels: &mut Vec<Cell>,
) -> Option<Frequent> {
    // With a stream's name the symbol is written there, in lower case: rare enough for the general decoder.
    if !stream.is_empty() {
        return None;
    }
    let last_id = cursor.integer()?;
    let mut time = VenueNs::NONE;
    if cursor.has(b",\"E\":") {
        time = event_and_transaction_time(cursor)?;
    }
    let (id, scale) = if cursor.has(b",\"symbol\":\"") {
        let found = context.catalog.find(context.venue, cursor.plain_text()?)?;
        cursor.text(b",\"pair\":\"")?;
        cursor.plain_text()?;
        found
    } else {
        known(context.bare?)?
    };
    let layout = layouts.of(id)?;
    cursor.text(b",\"bids\":")?;
    side(cursor, scale, layout, levels)?;
    let bids = levels.len() as u32;
    cursor.text(b",\"asks\":")?;
    side(cursor, scale, layout, levels)?;
    cursor.text(b"}")?;
    let event = FrequentEvent::Snapshot(DepthImage { last_id, bids });
    Some(decoded(id, time, event))
}

fn known(place: Place) -> Option<(InstrumentId, Scale)> {
    match place.target {
        Target::Known(id) => Some((id, place.scale)),
        Target::New(_) => None,
    }
}

/// Reads one side's levels: `[["price","qty"],...]`.
#[inline(always)]
fn side(
    cursor: &mut Cursor<'_>,
    scale: Scale,
    layout: &mut InstrumentLayout,
    levels: &mut Vec<Cell>,
) -> Option<()> {
    if cursor.has(b"[]") {
        return Some(());
    }
    cursor.text(b"[[\"")?;
    loop {
        let price = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
        cursor.text(b",\"")?;
        let qty = Qty(cursor.decimal(scale.qty_digits, &mut layout.qty)?);
        if levels.len() >= FRAME_LEVELS_MAX {
            return None;
        }
        levels.push(Level { price, qty }.cell());
        if !cursor.has(b"],[\"") {
            return cursor.text(b"]]");
        }
    }
}

/// Reads `,"s":"..."` and finds the instrument.
#[inline(always)]
fn symbol(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<(InstrumentId, Scale)> {
    cursor.text(b",\"s\":\"")?;
    context.catalog.find(context.venue, cursor.plain_text()?)
}

#[inline(always)]
fn pair(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.has(b",\"ps\":\"") {
        cursor.plain_text()?;
    }
    Some(())
}

/// Reads the product's number, where there is one: another product's frame is not for this venue.
#[inline(always)]
fn product(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.has(b",\"st\":") {
        let number = cursor.integer()?;
        if product_of(context.venue) != Some(number) {
            return None;
        }
    }
    Some(())
}

#[inline(always)]
fn event_and_transaction_time(cursor: &mut Cursor<'_>) -> Option<VenueNs> {
    let event_time = cursor.time()?;
    cursor.text(b",\"T\":")?;
    Some(first_time(cursor.time()?, event_time))
}

#[inline(always)]
fn transaction_and_event_time(cursor: &mut Cursor<'_>) -> Option<VenueNs> {
    let time = cursor.time()?;
    cursor.text(b",\"E\":")?;
    Some(first_time(time, cursor.time()?))
}

#[inline(always)]
pub(super) const fn first_time(time: VenueNs, event_time: VenueNs) -> VenueNs {
    if time.is_some() { time } else { event_time }
}

#[inline(always)]
const fn decoded(instrument: InstrumentId, venue_time: VenueNs, event: FrequentEvent) -> Frequent {
    Frequent {
        instrument,
        venue_time,
        event,
    }
}
