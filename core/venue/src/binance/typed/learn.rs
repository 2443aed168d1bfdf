//! Learning a stream's [`Pattern`] from a frame that was read field by field.
//!
//! Called where a frame did not fit its stream's pattern: at first, when an id grows by a digit, when a
//! price crosses a power of ten. Allocates nothing itself. FEED's thread; see [`super::pattern`].

use super::pattern::{
    Anchor, Bounds, CHUNK_BYTES, HEAD_BYTES_MAX, Kind, Pattern, STREAM_NAME_AT, TAIL_BYTES_MAX,
    Tail,
};
use crate::event::{Frequent, FrequentEvent};
use crate::lanes::{Places, Span, integer_mask};
use claire_types::{Scale, Venue};

/// What was found in a frame: where values stand, texts without their quotes.
#[derive(Default)]
struct Survey {
    price: Span,
    qty: Span,
    /// What the head ends before, and the tail begins after.
    head_bytes: usize,
    tail_start: usize,
    ids: [Span; 3],
    event_time: Span,
    time: Span,
    flag: Span,
    /// Every integer but the product's number.
    integers: [Span; INTEGERS_MAX],
    integers_count: usize,
}

const INTEGERS_MAX: usize = 8;
/// How long times are, from the year 2001 on: see [`venue_time_of`](crate::event::venue_time_of).
const MILLIS_DIGITS: usize = 13;
const MICROS_DIGITS: usize = 16;
/// Longest frame of a trade that is learned from, so that its other form can be made beside it.
const TRADE_BYTES_MAX: usize = 512;

/// Returns what the stream's frames look like, by this one; `None` where it is no usual one.
pub(super) fn pattern_of(
    venue: Venue,
    frame: &[u8],
    event: &Frequent,
    scale: Scale,
) -> Option<Pattern> {
    let kind = match event.event {
        FrequentEvent::Trade(trade) if !trade.is_aggregate => Kind::Trade {
            is_off_book: trade.is_off_book,
        },
        FrequentEvent::Ticker(_) => Kind::Ticker,
        FrequentEvent::Depth(_) => Kind::Depth { is_best: false },
        FrequentEvent::PartialDepth(_) => Kind::Depth { is_best: true },
        _ => return None,
    };
    let survey = Survey::of(frame, kind)?;
    let mut pattern = Pattern::new(venue, event.instrument, kind);
    let price = frame.get(survey.price.start..survey.price.end)?;
    let qty = frame.get(survey.qty.start..survey.qty.end)?;
    pattern.places = Places::of((price, scale.price_digits), (qty, scale.qty_digits))?;
    pattern.price_bytes = price.len();
    pattern.head = survey.head(frame)?;
    pattern.head_bytes = survey.head_bytes;
    let [first, second, third] = survey.ids;
    for (end, span) in pattern.ids.iter_mut().zip(survey.ids) {
        // Without a third id the mask is empty, and any place will do.
        *end = span.end.max(CHUNK_BYTES);
    }
    let time = survey.time();
    pattern.time_unit = match len(time) {
        0 => 0,
        MILLIS_DIGITS => 1_000_000,
        MICROS_DIGITS => 1_000,
        _ => return None,
    };
    pattern.digits = [
        [integer_mask(len(first))?, integer_mask(len(time))?],
        [integer_mask(len(second))?, integer_mask(len(third))?],
    ];
    let tail = survey.tail(frame)?;
    pattern.tails = match kind {
        Kind::Trade { .. } => {
            // The letter before the last one: `u` or `s`.
            pattern.flag_back = frame.len() - survey.flag.end.checked_sub(2)?;
            let mut other = [0; TRADE_BYTES_MAX];
            let other = other_flag(frame, survey.flag, &mut other)?;
            let other = Survey::of(other, kind)?.tail(other)?;
            if frame.get(survey.flag.start) == Some(&b't') {
                [tail, other]
            } else {
                [other, tail]
            }
        }
        _ => [tail.clone(), tail],
    };
    Some(pattern)
}

/// Returns the frame with `false` for `true` or the other way round.
fn other_flag<'b>(frame: &[u8], flag: Span, other: &'b mut [u8]) -> Option<&'b [u8]> {
    let (before, rest) = frame.split_at_checked(flag.start)?;
    let (word, after): (&[u8], _) = match rest.strip_prefix(b"true") {
        Some(after) => (b"false", after),
        None => (b"true", rest.strip_prefix(b"false")?),
    };
    let mut len = 0;
    for part in [before, word, after] {
        other.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    other.get(..len)
}

impl Survey {
    /// Finds the members of a payload that was accepted: no spaces, no escapes.
    fn of(frame: &[u8], kind: Kind) -> Option<Self> {
        let mut survey = Self::default();
        let stream = frame.get(STREAM_NAME_AT..)?;
        let mut at = STREAM_NAME_AT + memchr::memchr(b'"', stream)?;
        at += after(frame, at, b"\",\"data\":{")?;
        loop {
            at += after(frame, at, b"\"")?;
            let name_end = at + memchr::memchr(b'"', frame.get(at..)?)?;
            let name = frame.get(at..name_end)?;
            at = name_end + after(frame, name_end, b"\":")?;
            let rest = frame.get(at..)?;
            let first = *rest.first()?;
            let span = match first {
                b'"' => Span {
                    start: at + 1,
                    end: at + 1 + memchr::memchr(b'"', rest.get(1..)?)?,
                },
                b'[' => {
                    survey.levels(frame, at)?;
                    return Some(survey);
                }
                _ => Span {
                    start: at,
                    end: at + memchr::memchr2(b',', b'}', rest)?,
                },
            };
            survey.note(kind, name, first, span)?;
            at = span.end + usize::from(first == b'"');
            match frame.get(at)? {
                b',' => at += 1,
                _ => break,
            }
        }
        (survey.head_bytes > 0 && survey.tail_start > 0).then_some(survey)
    }

    fn note(&mut self, kind: Kind, name: &[u8], first: u8, span: Span) -> Option<()> {
        if first.is_ascii_digit() && name != b"st" {
            *self.integers.get_mut(self.integers_count)? = span;
            self.integers_count += 1;
        }
        let is_trade = matches!(kind, Kind::Trade { .. });
        let is_ticker = kind == Kind::Ticker;
        match name {
            b"E" => self.event_time = span,
            b"T" => self.time = span,
            b"p" if is_trade => (self.price, self.head_bytes) = (span, span.start),
            b"q" if is_trade => (self.qty, self.tail_start) = (span, span.end),
            b"m" if is_trade => self.flag = span,
            b"t" if is_trade => self.ids[0] = span,
            b"b" if is_ticker => (self.price, self.head_bytes) = (span, span.start),
            b"B" if is_ticker => self.qty = span,
            b"A" if is_ticker => self.tail_start = span.end,
            b"u" if is_ticker => self.ids[0] = span,
            b"U" => self.ids[0] = span,
            b"u" => self.ids[1] = span,
            b"pu" => self.ids[2] = span,
            _ => {}
        }
        Some(())
    }

    /// Notes the first level of a frame whose bids begin at this bracket.
    fn levels(&mut self, frame: &[u8], bids: usize) -> Option<()> {
        self.head_bytes = bids + 1;
        self.tail_start = memchr::memrchr(b']', frame)? + 1;
        let level = bids + memchr::memmem::find(frame.get(bids..)?, b"[\"")?;
        let number = |start: usize| {
            let len = memchr::memchr(b'"', frame.get(start..)?)?;
            Some(Span {
                start,
                end: start + len,
            })
        };
        self.price = number(level + 2)?;
        self.qty = number(self.price.end + 3)?;
        Some(())
    }

    /// Returns the bounds of what stands before the first decimal or level.
    fn head(&self, frame: &[u8]) -> Option<Bounds<HEAD_BYTES_MAX>> {
        let mut bounds = Bounds {
            bytes: self.head_bytes.next_multiple_of(CHUNK_BYTES),
            ..Bounds::default()
        };
        let head = frame.get(..self.head_bytes)?;
        for bounds in [&mut bounds.lower, &mut bounds.upper] {
            bounds.get_mut(..head.len())?.copy_from_slice(head);
        }
        for span in self.integers().filter(|span| span.end <= self.head_bytes) {
            self.free(&mut bounds, span, span.start)?;
        }
        Some(bounds)
    }

    /// Returns the bounds of what stands after the last decimal or level.
    fn tail(&self, frame: &[u8]) -> Option<Tail> {
        let tail = frame.get(self.tail_start..)?;
        let mut bounds = Bounds {
            bytes: tail.len().next_multiple_of(CHUNK_BYTES),
            ..Bounds::default()
        };
        let first = bounds.bytes - tail.len();
        for bounds in [&mut bounds.lower, &mut bounds.upper] {
            bounds
                .get_mut(first..first + tail.len())?
                .copy_from_slice(tail);
        }
        for span in self.integers().filter(|span| span.start >= self.tail_start) {
            self.free(&mut bounds, span, span.start - self.tail_start + first)?;
        }
        Some(Tail {
            bounds,
            bytes: tail.len(),
            time: match self.time().end {
                0 => Anchor::default(),
                end if end <= self.head_bytes => Anchor::Start(end),
                end => Anchor::End(frame.len() - end),
            },
        })
    }

    /// Lets the integer, at `at` of the bounds, be any of its length.
    fn free<const N: usize>(&self, bounds: &mut Bounds<N>, span: Span, at: usize) -> Option<()> {
        let len = span.end - span.start;
        bounds.lower.get_mut(at..at + len)?.fill(b'0');
        bounds.upper.get_mut(at..at + len)?.fill(b'9');
        if len > 1 {
            // JSON has no leading zeros.
            *bounds.lower.get_mut(at)? = b'1';
        }
        if span.start == self.time.start || span.start == self.event_time.start {
            if !matches!(len, MILLIS_DIGITS | MICROS_DIGITS) {
                return None;
            }
            // From 9 on it would be too large for nanoseconds.
            *bounds.upper.get_mut(at)? = b'8';
        }
        Some(())
    }

    /// Returns the transaction's time, else the event's, else none.
    const fn time(&self) -> Span {
        if self.time.end > 0 {
            self.time
        } else {
            self.event_time
        }
    }

    fn integers(&self) -> impl Iterator<Item = Span> {
        self.integers.into_iter().take(self.integers_count)
    }
}

const fn len(span: Span) -> usize {
    span.end - span.start
}

/// Returns the length of the text if it stands at this place.
fn after(frame: &[u8], at: usize, text: &[u8]) -> Option<usize> {
    frame.get(at..)?.starts_with(text).then_some(text.len())
}

const _: () = assert!(HEAD_BYTES_MAX.is_multiple_of(CHUNK_BYTES));
const _: () = assert!(TAIL_BYTES_MAX.is_multiple_of(CHUNK_BYTES));
