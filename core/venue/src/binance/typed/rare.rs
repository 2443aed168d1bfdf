//! Candles and mark prices as the venue writes them: too rare for the way that is compiled into one piece.
//!
//! Called by the feed on frames that [`super::decode`] does not know; FEED's thread. Same rules as there.

use super::{Layouts, closing, opening, product, symbol};
use crate::binance::Context;
use crate::event::{Decoded, Event, Target};
use crate::scan::Cursor;
use claire_types::number::{AMOUNT_DIGITS, parse_signed};
use claire_types::{Amount, InstrumentId, Kline, Mark, Price, VenueNs};

/// Returns the frame's one event where it is a candle or a mark price.
///
/// `None` as from [`super::decode`].
pub fn decode(context: &Context<'_>, frame: &[u8], layouts: &mut Layouts) -> Option<Decoded> {
    let mut cursor = Cursor::new(frame);
    let (_, is_combined) = opening(&mut cursor)?;
    cursor.text(b"\"e\":\"")?;
    let decoded = if cursor.has(b"kline\",\"E\":") {
        kline(context, &mut cursor, layouts)?
    } else {
        cursor.text(b"markPriceUpdate\",\"E\":")?;
        mark(context, &mut cursor)?
    };
    closing(&mut cursor, is_combined)?;
    Some(decoded)
}

/// Reads a candle after `"E":`.
fn kline(context: &Context<'_>, cursor: &mut Cursor<'_>, layouts: &mut Layouts) -> Option<Decoded> {
    let event_time = cursor.time()?;
    let (id, scale) = symbol(context, cursor)?;
    cursor.text(b",\"k\":{\"t\":")?;
    let open_time = cursor.time()?;
    cursor.text(b",\"T\":")?;
    cursor.time()?;
    cursor.text(b",\"s\":\"")?;
    cursor.plain_text()?;
    cursor.text(b",\"i\":\"")?;
    let interval_ns = interval_ns(cursor.plain_text()?)?;
    cursor.text(b",\"f\":")?;
    cursor.integer()?;
    cursor.text(b",\"L\":")?;
    cursor.integer()?;
    let layout = layouts.of(id)?;
    cursor.text(b",\"o\":\"")?;
    let open = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"c\":\"")?;
    let close = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"h\":\"")?;
    let high = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"l\":\"")?;
    let low = Price(cursor.decimal(scale.price_digits, &mut layout.price)?);
    cursor.text(b",\"v\":\"")?;
    let volume = count(cursor)?;
    cursor.text(b",\"n\":")?;
    let trade_count = cursor.integer()?;
    cursor.text(b",\"x\":")?;
    let is_closed = cursor.boolean()?;
    cursor.text(b",\"q\":\"")?;
    let quote_volume = count(cursor)?;
    cursor.text(b",\"V\":\"")?;
    cursor.plain_text()?;
    cursor.text(b",\"Q\":\"")?;
    cursor.plain_text()?;
    cursor.text(b",\"B\":\"")?;
    cursor.plain_text()?;
    cursor.text(b"}}")?;
    let kline = Kline {
        open_time,
        interval_ns,
        is_closed,
        open,
        high,
        low,
        close,
        volume,
        quote_volume,
        trade_count,
    };
    Some(decoded(id, event_time, Event::Kline(kline)))
}

/// Reads a mark price after `"E":`; `"P"` and `"i"` come in either order.
fn mark(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Decoded> {
    let event_time = cursor.time()?;
    let (id, _) = symbol(context, cursor)?;
    cursor.text(b",\"p\":\"")?;
    let mark = amount(cursor)?;
    let index = if cursor.has(b",\"P\":\"") {
        cursor.plain_text()?;
        cursor.text(b",\"i\":\"")?;
        amount(cursor)?
    } else {
        cursor.text(b",\"i\":\"")?;
        let index = amount(cursor)?;
        cursor.text(b",\"P\":\"")?;
        cursor.plain_text()?;
        index
    };
    cursor.text(b",\"r\":\"")?;
    let funding_rate = amount(cursor)?;
    if cursor.has(b",\"ap\":\"") {
        cursor.plain_text()?;
    }
    cursor.text(b",\"T\":")?;
    let next_funding = cursor.time()?;
    product(context, cursor)?;
    cursor.text(b"}")?;
    if mark.0 < 0 || index.0 < 0 {
        return None;
    }
    let mark = Mark {
        mark,
        index,
        funding_rate,
        next_funding,
    };
    Some(decoded(id, event_time, Event::Mark(mark)))
}

fn amount(cursor: &mut Cursor<'_>) -> Option<Amount> {
    parse_signed(cursor.decimal_text()?, AMOUNT_DIGITS)
        .ok()
        .map(Amount)
}

fn count(cursor: &mut Cursor<'_>) -> Option<Amount> {
    amount(cursor).filter(|amount| amount.0 >= 0)
}

/// Returns the length of a candle of this name; 0 for the calendar month.
pub(in crate::binance) fn interval_ns(name: &[u8]) -> Option<i64> {
    const SECOND: i64 = 1_000_000_000;
    const INTERVALS: [(&[u8], i64); 16] = [
        (b"1s", 1),
        (b"1m", 60),
        (b"3m", 180),
        (b"5m", 300),
        (b"15m", 900),
        (b"30m", 1_800),
        (b"1h", 3_600),
        (b"2h", 7_200),
        (b"4h", 14_400),
        (b"6h", 21_600),
        (b"8h", 28_800),
        (b"12h", 43_200),
        (b"1d", 86_400),
        (b"3d", 259_200),
        (b"1w", 604_800),
        (b"1M", 0),
    ];
    let found = INTERVALS.iter().find(|(known, _)| *known == name);
    found.map(|(_, seconds)| seconds * SECOND)
}

const fn decoded(id: InstrumentId, venue_time: VenueNs, event: Event) -> Decoded {
    Decoded {
        target: Target::Known(id),
        venue_time,
        event,
    }
}
