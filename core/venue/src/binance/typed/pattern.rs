//! Streams whose next frame looks like the one before: read at known places instead of byte after byte.
//!
//! A combined stream repeats its names and punctuation from frame to frame, and mostly the lengths of
//! its ids and times. A [`Pattern`] holds, for a frame's head and tail, the least and the greatest byte
//! at each place: equal for text, `0` to `9` for digits. Between them stand decimals, whose ends are
//! found, and [`Places`] looks at all of their bytes. So a frame that fits differs from one that was read
//! field by field in nothing but digits and the lengths of decimals. What does not fit is read field by
//! field, and is the pattern from then on. FEED's thread; see [`super`].

use super::decoded;
use crate::event::{DepthDiff, DepthImage, Frequent, FrequentEvent};
use crate::lanes::{Brackets, Faults, Places, Span, integers, quote_after};
use crate::wide::{Halves, Wide};
use claire_types::{Cell, InstrumentId, Level, Side, Ticker, Trade, Venue, VenueNs};

/// The patterns of all streams met so far.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    /// Without it there are no patterns.
    wide: Option<Wide>,
    patterns: Vec<Pattern>,
    /// Open addressing from a stream's key to its pattern's number plus 1; at least half are free.
    slots: Vec<(u64, u32)>,
    brackets: Brackets,
}

/// Most streams with a pattern: three channels of each instrument. Others are read field by field.
const PATTERNS_MAX: usize = 3 * crate::catalog::INSTRUMENTS_MAX;
const SLOTS_MIN: usize = 256;
/// Longest head and tail of a pattern.
pub(super) const HEAD_BYTES_MAX: usize = 256;
pub(super) const TAIL_BYTES_MAX: usize = 96;
/// Misses in a row after which a stream is no longer learned from each of them, but from about one in 256.
const MISSES_IN_A_ROW_MAX: u8 = 8;

/// What a stream's frames look like.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) venue: Venue,
    pub(super) instrument: InstrumentId,
    pub(super) kind: Kind,
    /// All before the first decimal or level.
    pub(super) head: Bounds<HEAD_BYTES_MAX>,
    pub(super) head_bytes: usize,
    /// Where ids end, all of them in the head: a trade's or a ticker's, or a book's first, last and previous.
    pub(super) ids: [usize; 3],
    /// The digits of the first id and of the time, and of the second and the third id.
    pub(super) digits: [Halves; 2],
    /// What makes nanoseconds of the time; 0 without one. Its digits' bounds see that it fits.
    pub(super) time_unit: u64,
    /// Where a trade's `true` or `false` is told apart, from the frame's end; any other place of other frames.
    pub(super) flag_back: usize,
    /// All after the last decimal or level: of trades with `true` and with `false`, of others twice the same.
    pub(super) tails: [Tail; 2],
    /// How prices and quantities are printed.
    pub(super) places: Places,
    /// How long the last price was.
    pub(super) price_bytes: usize,
    misses: u8,
}

/// What follows the last decimal or level.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    pub(super) bounds: Bounds<TAIL_BYTES_MAX>,
    pub(super) bytes: usize,
    pub(super) time: Anchor,
}

/// A place in a frame, from its beginning or from its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start(usize),
    End(usize),
}

/// What a stream's frames say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Trade { is_off_book: bool },
    Ticker,
    Depth { is_best: bool },
}

/// The least and the greatest byte at each place.
#[derive(Clone, Debug)]
pub(super) struct Bounds<const N: usize> {
    pub(super) lower: [u8; N],
    pub(super) upper: [u8; N],
    /// How many bytes of them count: a multiple of [`CHUNK_BYTES`].
    pub(super) bytes: usize,
}

pub(super) const CHUNK_BYTES: usize = 32;

impl<const N: usize> Bounds<N> {
    /// Returns whether every byte lies between its bounds.
    #[inline(always)]
    fn hold(&self, bytes: &[u8]) -> bool {
        let (bytes, _) = bytes.as_chunks::<CHUNK_BYTES>();
        let (lower, _) = self.lower.as_chunks::<CHUNK_BYTES>();
        let (upper, _) = self.upper.as_chunks::<CHUNK_BYTES>();
        let mut outside = [0; CHUNK_BYTES];
        for ((bytes, lower), upper) in bytes.iter().zip(lower).zip(upper) {
            for (at, outside) in outside.iter_mut().enumerate() {
                *outside |= bytes[at].max(lower[at]).min(upper[at]) ^ bytes[at];
            }
        }
        outside == [0; CHUNK_BYTES]
    }
}

impl<const N: usize> Default for Bounds<N> {
    fn default() -> Self {
        Self {
            lower: [0; N],
            upper: [u8::MAX; N],
            bytes: 0,
        }
    }
}

/// Returns a number for the frame's stream, from the name's beginning and what follows it.
///
/// 24 bytes from the name on: no stream of these kinds has a digit of a number there.
#[inline(always)]
pub(super) fn key_of(venue: Venue, frame: &[u8]) -> Option<u64> {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let name = frame.get(STREAM_NAME_AT..)?.first_chunk::<24>()?;
    let (words, _) = name.as_chunks::<8>();
    let [first, second, third] = [0, 1, 2].map(|word| u64::from_le_bytes(words[word]));
    let mixed = first ^ second.rotate_left(23) ^ third.rotate_left(47) ^ venue as u64;
    Some(mixed.wrapping_mul(ODD))
}

/// Where a combined stream's name begins: after `{"stream":"`.
pub(super) const STREAM_NAME_AT: usize = 11;

impl Default for Patterns {
    fn default() -> Self {
        Self {
            wide: Wide::new(),
            ..Self::none()
        }
    }
}

impl Patterns {
    /// Returns patterns that stay empty.
    pub(super) fn none() -> Self {
        Self {
            wide: None,
            patterns: Vec::new(),
            slots: Vec::new(),
            brackets: Brackets::default(),
        }
    }

    /// Returns the frame's event if the frame fits its stream's pattern; levels go to `levels`.
    #[inline(always)]
    pub(super) fn decode(
        &mut self,
        venue: Venue,
        frame: &[u8],
        levels: &mut Vec<Cell>,
    ) -> Option<Frequent> {
        let wide = self.wide?;
        // SAFETY: the function needs the features that `wide` is the proof of.
        #[expect(unsafe_code, reason = "calls what is compiled for AVX2")]
        unsafe {
            self.decode_wide(wide, venue, frame, levels)
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn decode_wide(
        &mut self,
        wide: Wide,
        venue: Venue,
        frame: &[u8],
        levels: &mut Vec<Cell>,
    ) -> Option<Frequent> {
        let number = find(&self.slots, key_of(venue, frame)?)?;
        let pattern = self.patterns.get_mut(number)?;
        if venue != pattern.venue {
            return None;
        }
        pattern.decode(wide, frame, &mut self.brackets, levels)
    }

    /// Returns whether the stream's pattern is to be learned from a frame that did not fit it.
    pub(super) fn is_to_learn(&mut self, key: u64) -> bool {
        match find(&self.slots, key).and_then(|number| self.patterns.get_mut(number)) {
            Some(pattern) => {
                pattern.misses = match pattern.misses {
                    u8::MAX => MISSES_IN_A_ROW_MAX + 1,
                    misses => misses + 1,
                };
                pattern.misses <= MISSES_IN_A_ROW_MAX || pattern.misses == u8::MAX
            }
            None => self.wide.is_some() && self.patterns.len() < PATTERNS_MAX,
        }
    }

    /// Expects the stream's next frame to fit this pattern.
    pub(super) fn learn(&mut self, key: u64, pattern: Pattern) {
        if let Some(known) = find(&self.slots, key).and_then(|number| self.patterns.get_mut(number))
        {
            let misses = known.misses;
            *known = Pattern { misses, ..pattern };
            return;
        }
        self.patterns.push(pattern);
        if self.patterns.len() * 2 > self.slots.len() {
            let room = (self.slots.len() * 2).max(SLOTS_MIN);
            let old = std::mem::replace(&mut self.slots, vec![(0, 0); room]);
            for slot in old.into_iter().filter(|slot| slot.1 != 0) {
                put(&mut self.slots, slot);
            }
        }
        put(&mut self.slots, (key, self.patterns.len() as u32));
    }
}

/// Returns the number of the key's pattern.
#[inline(always)]
fn find(slots: &[(u64, u32)], key: u64) -> Option<usize> {
    let mut at = (key >> 32) as usize;
    // At least half of the slots are free, so the search ends; an empty table has no slot at all.
    loop {
        let slot = slots.get(at & slots.len().wrapping_sub(1))?;
        if slot.0 == key || slot.1 == 0 {
            return (slot.1 as usize).checked_sub(1);
        }
        at = at.wrapping_add(1);
    }
}

fn put(slots: &mut [(u64, u32)], slot: (u64, u32)) {
    let mask = slots.len().wrapping_sub(1);
    let mut at = (slot.0 >> 32) as usize;
    while let Some(place) = slots.get_mut(at & mask) {
        if place.1 == 0 {
            *place = slot;
            return;
        }
        at = at.wrapping_add(1);
    }
}

impl Pattern {
    /// Returns the pattern of nothing yet, for the learner to fill.
    pub(super) fn new(venue: Venue, instrument: InstrumentId, kind: Kind) -> Self {
        Self {
            venue,
            instrument,
            kind,
            head: Bounds::default(),
            head_bytes: 0,
            ids: [CHUNK_BYTES; 3],
            digits: [Halves::default(); 2],
            time_unit: 0,
            flag_back: 1,
            tails: [Tail::default(), Tail::default()],
            places: Places::default(),
            price_bytes: 0,
            misses: 0,
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    #[inline]
    fn decode(
        &mut self,
        wide: Wide,
        frame: &[u8],
        brackets: &mut Brackets,
        levels: &mut Vec<Cell>,
    ) -> Option<Frequent> {
        if !self.head.hold(frame.get(..self.head.bytes)?) {
            return None;
        }
        let is_false = *frame.get(frame.len().wrapping_sub(self.flag_back))? == b's';
        let tail = &self.tails[usize::from(is_false)];
        let end = tail.start(frame)?;
        let time_end = match tail.time {
            Anchor::Start(end) => end,
            Anchor::End(back) => frame.len().wrapping_sub(back),
        };
        let [id, time] = integers(wide, frame, [self.ids[0], time_end], &self.digits[0])?;
        let event = match self.kind {
            Kind::Trade { is_off_book } => {
                let Level { price, qty } = self.deal(wide, frame, end)?;
                FrequentEvent::Trade(Trade {
                    trade_id: id,
                    price,
                    qty,
                    aggressor: if is_false { Side::Buy } else { Side::Sell },
                    is_aggregate: false,
                    is_off_book,
                })
            }
            Kind::Ticker => {
                let [bid, ask] = self.touch(wide, frame, end)?;
                FrequentEvent::Ticker(Ticker {
                    update_id: id,
                    bid,
                    ask,
                })
            }
            Kind::Depth { is_best } => {
                let [last_id, previous_id] =
                    integers(wide, frame, [self.ids[1], self.ids[2]], &self.digits[1])?;
                let sides = frame.get(..end)?;
                let bids = self
                    .places
                    .sides(wide, sides, self.head_bytes, brackets, levels)?;
                if is_best {
                    FrequentEvent::PartialDepth(DepthImage { last_id, bids })
                } else {
                    FrequentEvent::Depth(DepthDiff {
                        first_id: id,
                        last_id,
                        previous_id,
                        bids,
                    })
                }
            }
        };
        self.misses = 0;
        let time = VenueNs(time.wrapping_mul(self.time_unit) as i64);
        Some(decoded(self.instrument, time, event))
    }

    /// Reads a trade's `price","q":"qty` up to `end`.
    #[inline(always)]
    fn deal(&mut self, wide: Wide, frame: &[u8], end: usize) -> Option<Level> {
        let price = self.price(wide, frame, self.head_bytes)?;
        let start = after(frame, price.end, b"\",\"q\":\"")?;
        let mut faults = Faults::none(wide);
        let level = self
            .places
            .level(wide, frame, price, Span { start, end }, &mut faults)?;
        faults.are_none(wide).then_some(level)
    }

    /// Reads a ticker's `price","B":"qty","a":"price","A":"qty` up to `end`.
    #[inline(always)]
    fn touch(&mut self, wide: Wide, frame: &[u8], end: usize) -> Option<[Level; 2]> {
        let bid = self.price(wide, frame, self.head_bytes)?;
        let start = after(frame, bid.end, b"\",\"B\":\"")?;
        let bid_qty = Span {
            start,
            end: start + quote_after(wide, frame, start)?,
        };
        let ask = self.price(wide, frame, after(frame, bid_qty.end, b"\",\"a\":\"")?)?;
        let start = after(frame, ask.end, b"\",\"A\":\"")?;
        let mut faults = Faults::none(wide);
        let levels = [
            self.places.level(wide, frame, bid, bid_qty, &mut faults)?,
            self.places
                .level(wide, frame, ask, Span { start, end }, &mut faults)?,
        ];
        faults.are_none(wide).then_some(levels)
    }

    /// Returns where the price stands: mostly as long as the last one was, which needs no search.
    #[inline(always)]
    fn price(&mut self, wide: Wide, frame: &[u8], start: usize) -> Option<Span> {
        let mut end = start + self.price_bytes;
        if frame.get(end..)?.first_chunk() != Some(b"\",") {
            end = start + quote_after(wide, frame, start)?;
            self.price_bytes = end - start;
        }
        Some(Span { start, end })
    }
}

impl Tail {
    /// Returns where the tail begins, if the frame ends like this.
    #[inline(always)]
    fn start(&self, frame: &[u8]) -> Option<usize> {
        let window = frame.get(frame.len().wrapping_sub(self.bounds.bytes)..)?;
        self.bounds.hold(window).then_some(frame.len() - self.bytes)
    }
}

impl Default for Anchor {
    fn default() -> Self {
        Self::Start(CHUNK_BYTES)
    }
}

/// Returns where this text ends, if it stands here.
#[inline(always)]
fn after(frame: &[u8], at: usize, text: &[u8; 7]) -> Option<usize> {
    // A decimal and the frame's end follow, so that the eighth byte is there, too.
    let word = u64::from_le_bytes(*frame.get(at..)?.first_chunk::<8>()?);
    let [a, b, c, d, e, f, g] = *text;
    let wanted = u64::from_le_bytes([a, b, c, d, e, f, g, 0]);
    (word << 8 == wanted << 8).then_some(at + text.len())
}

#[cfg(test)]
mod tests {
    use super::super::{Layouts, by_field};
    use super::*;
    use crate::binance::Context;
    use crate::catalog::Catalog;
    use claire_types::{InstrumentKey, Symbol};

    /// Frames that differ in what may differ, two of each stream.
    const PAIRS: &[(Venue, [&str; 2])] = &[
        (
            Venue::BinanceSpot,
            [
                r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#,
                r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255999,"s":"BTCUSDT","t":3735683260,"p":"7.00000001","q":"123.02000000","T":1723161255998,"m":false,"M":true}}"#,
            ],
        ),
        (
            Venue::BinanceSpot,
            [
                r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
                r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239213,"s":"BTCUSDT","b":"99999.99000000","B":"33.78826000","a":"100000.00000000","A":"111.54698000"}}"#,
            ],
        ),
        (
            Venue::BinanceSpot,
            [
                r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[]}}"#,
                r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239204,"b":[],"a":[["1.63000000","12.00000000"],["2.00000000","0.00000000"]]}}"#,
            ],
        ),
        (
            Venue::BinanceUsdm,
            [
                r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"INSURANCE_FUND","m":false}}"#,
                r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256323,"T":1723161256322,"s":"BTCUSDT","t":5266583936,"p":"161800.30","q":"1000.006","X":"INSURANCE_FUND","m":true}}"#,
            ],
        ),
        (
            Venue::BinanceUsdm,
            [
                r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7001020,"E":1790000000206,"T":1790000000202,"s":"BTCUSDT","ps":"BTCUSDT","b":"2500.10","B":"12.300","a":"2500.11","A":"4.000","st":1}}"#,
                r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7001021,"E":1790000000207,"T":1790000000203,"s":"BTCUSDT","ps":"BTCUSDT","b":"999.10","B":"2.300","a":"1000.11","A":"44.000","st":1}}"#,
            ],
        ),
        (
            Venue::BinanceUsdm,
            [
                r#"{"stream":"btcusdt@depth10@100ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"]],"a":[["61496.50","0.010"]]}}"#,
                r#"{"stream":"btcusdt@depth10@100ms","data":{"e":"depthUpdate","E":1723161256300,"T":1723161256299,"s":"BTCUSDT","U":5123107832007,"u":5123107837558,"pu":5123107837557,"b":[["0.20","1000.014"]],"a":[["1.50","0.010"]]}}"#,
            ],
        ),
        (
            Venue::BinanceCoinm,
            [
                r#"{"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker","s":"BTCUSDT","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}"#,
                r#"{"stream":"btcusd_perp@bookTicker","data":{"u":1007198632022,"e":"bookTicker","s":"BTCUSDT","ps":"BTCUSD","b":"1.7","B":"1","a":"12.8","A":"16450","T":1723161257466,"E":1723161257477}}"#,
            ],
        ),
    ];

    #[test]
    fn the_next_frame_of_a_stream_needs_no_reading_by_field() {
        if Wide::new().is_none() {
            eprintln!("SKIPPED: this processor has no AVX2");
            return;
        }
        for (venue, frames) in PAIRS {
            let mut catalog = Catalog::new(&[]);
            let symbol = Symbol::cut("BTCUSDT");
            let key = InstrumentKey {
                venue: *venue,
                symbol,
            };
            catalog.register(key).expect("room");
            let context = Context {
                venue: *venue,
                catalog: &catalog,
                bare: None,
            };
            for [first, next] in [[0, 0], [0, 1], [1, 0]] {
                let mut layouts = Layouts::default();
                let (mut levels, mut want_levels) = (Vec::new(), Vec::new());
                let learned = by_field(
                    &context,
                    frames[first].as_bytes(),
                    &mut layouts,
                    &mut levels,
                );
                assert!(learned.is_some(), "{}", frames[first]);
                levels.clear();
                let next = frames[next].as_bytes();
                let event = layouts.patterns.decode(*venue, next, &mut levels);
                let want = by_field(&context, next, &mut Layouts::by_field(), &mut want_levels);
                assert_eq!((event, levels), (want, want_levels), "{}", frames[first]);
            }
        }
    }

    #[test]
    fn a_stream_that_never_fits_is_learned_from_ever_less_often() {
        let mut patterns = Patterns::default();
        if patterns.wide.is_none() {
            eprintln!("SKIPPED: this processor has no AVX2");
            return;
        }
        let pattern = Pattern::new(Venue::BinanceSpot, InstrumentId(0), Kind::Ticker);
        let mut lessons = 0;
        for _ in 0..1_000 {
            if patterns.is_to_learn(7) {
                patterns.learn(7, pattern.clone());
                lessons += 1;
            }
        }
        assert!((9..16).contains(&lessons), "{lessons}");
        assert_eq!(patterns.patterns.len(), 1);
    }
}
