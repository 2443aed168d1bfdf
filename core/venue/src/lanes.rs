//! Two numbers at once, one in each half of a 256-bit register: a level's price and quantity.
//!
//! Called by the patterns of the typed decoder, on the feed thread, where the processor has AVX2; where it
//! has not, [`crate::scan`] and [`crate::digits`] read the same. Every byte is looked at: brackets, commas
//! and quotes are compared, and every byte of a number lies between the bounds of its place.

use crate::event::FRAME_LEVELS_MAX;
use crate::wide::{Bytes, HALF_BYTES, Halves, Wide};
use claire_types::{Cell, Level, Price, Qty};

/// How the prices and quantities of an instrument are printed.
///
/// Venues pad them: how many digits stand before the point differs from number to number, how many stand
/// after it does not. With that known, and with a number's two ends, its digits need not be looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    /// The least and the greatest value of each byte, `0` as 0, counted to the numbers' ends.
    lower: Halves,
    upper: Halves,
    /// Which byte becomes which of sixteen digits: without the point and what is finer than the unit,
    /// with zeros where the unit is finer than what is printed.
    order: Halves,
    /// Fewest bytes of a price and of a quantity; at most [`LEN_MORE_MAX`] more are looked at.
    price_bytes_min: usize,
    qty_bytes_min: usize,
}

/// Makes a digit 0 where no byte becomes one.
const ZERO: u8 = 0x80;

/// How many bytes a number may have more than the shortest of its kind.
const LEN_MORE_MAX: usize = 15;

/// Where a number stands in a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    /// Its first byte.
    pub(crate) start: usize,
    /// The byte after its last.
    pub(crate) end: usize,
}

/// Where the levels' closing brackets stand; kept between frames for its room.
#[derive(Clone, Debug)]
pub(crate) struct Brackets {
    at: Vec<u32>,
}

/// A side of a book of this length needs no more room than there is from the start.
const SIDE_BYTES_USUAL: usize = 65_536;
/// Marks that a block of 64 bytes may have: a level has ten bytes or more.
const MARKS_PER_BLOCK_MAX: usize = 8;

/// What was not as it must be in the numbers read so far: looked at once, when all are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    outside: Bytes,
    /// How many bytes numbers had more than they need.
    len_more: usize,
    wrong: u32,
}

impl Places {
    /// Returns how these two texts are printed, each for units of 10^-digits; `None` where one is too long for a half.
    pub(crate) fn of(price: (&[u8], u8), qty: (&[u8], u8)) -> Option<Self> {
        let mut places = Self::default();
        places.price_bytes_min = places.column(0, price)?;
        places.qty_bytes_min = places.column(1, qty)?;
        Some(places)
    }

    /// Notes how the numbers of a half are printed; returns how many bytes the shortest has.
    fn column(&mut self, half: usize, (number, digits): (&[u8], u8)) -> Option<usize> {
        let point = number.iter().position(|byte| *byte == b'.');
        let fraction = point.map_or(0, |point| number.len() - point - 1);
        if point.is_some_and(|point| point == 0 || fraction == 0) {
            return None;
        }
        let kept = fraction.min(usize::from(digits));
        let finer = fraction - kept;
        let (lower, upper) = (self.lower.get_mut(half)?, self.upper.get_mut(half)?);
        let order = self.order.get_mut(half)?;
        *order = [ZERO; HALF_BYTES];
        // Sixteen digits always fit into the integer.
        let mut digit = HALF_BYTES.checked_sub(usize::from(digits) - kept)?;
        for back in 1..=HALF_BYTES {
            let at = HALF_BYTES - back;
            if point.is_some() && back == fraction + 1 {
                (lower[at], upper[at]) = (b'.' ^ b'0', b'.' ^ b'0');
            } else if back <= finer || digit == 0 {
                (lower[at], upper[at]) = (0, 0);
            } else {
                (lower[at], upper[at]) = (0, 9);
                digit -= 1;
                order[digit] = at as u8;
            }
        }
        let len_min = fraction + 1 + usize::from(point.is_some());
        // A longer number has no point where it must be, if it has one, else it is too long.
        (len_min <= HALF_BYTES).then_some(len_min)
    }

    /// Returns the level of these two numbers; worth something if there are no faults in the end.
    #[inline(always)]
    pub(crate) fn level(
        &self,
        wide: Wide,
        frame: &[u8],
        price: Span,
        qty: Span,
        faults: &mut Faults,
    ) -> Option<Level> {
        let price_len = price.end.wrapping_sub(price.start);
        let qty_len = qty.end.wrapping_sub(qty.start);
        // As long as both are below 16, so are all of their bits together.
        faults.len_more |= price_len.wrapping_sub(self.price_bytes_min);
        faults.len_more |= qty_len.wrapping_sub(self.qty_bytes_min);
        let text = texts_before(wide, frame, [price.end, qty.end])?;
        let mask = wide.of(&LAST_BYTES[price_len & 31], &LAST_BYTES[qty_len & 31]);
        let values = wide.and(wide.xor(text, wide.all(b'0')), mask);
        let bounded = wide.max(values, ymm(wide, &self.lower));
        let bounded = wide.min(bounded, ymm(wide, &self.upper));
        faults.outside = wide.or(faults.outside, wide.xor(bounded, values));
        let [price, qty] = sixteen_digits(wide, wide.reorder(values, ymm(wide, &self.order)));
        Some(Level {
            price: Price(price as i64),
            qty: Qty(qty as i64),
        })
    }

    /// Reads `[..],"a":[..]` from `start`, after the first bracket, to the frame's part's end; returns how many are bids.
    ///
    /// `None` where anything is unusual; what went to `levels` is then worthless.
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    pub(crate) fn sides(
        &self,
        wide: Wide,
        frame: &[u8],
        start: usize,
        brackets: &mut Brackets,
        levels: &mut Vec<Cell>,
    ) -> Option<u32> {
        const BETWEEN: &[u8; 7] = b"],\"a\":[";
        // Levels have no letters, so the first `a` is the asks' name.
        let name = start + memchr::memchr(b'a', frame.get(start..)?)?;
        let bids_end = name.checked_sub(3)?;
        if window(frame, bids_end)? != BETWEEN || frame.last() != Some(&b']') {
            return None;
        }
        let (asks, asks_end) = (bids_end + BETWEEN.len(), frame.len().checked_sub(1)?);
        let mut faults = Faults::none(wide);
        let mut bids = 0;
        for side in [(start, bids_end), (asks, asks_end)] {
            bids = levels.len() as u32;
            self.side(wide, frame, side, brackets, levels, &mut faults)?;
        }
        faults.are_none(wide).then_some(bids)
    }

    /// Reads `["price","qty"],...` from `start` to the side's closing bracket at `end`.
    #[inline(always)]
    fn side(
        &self,
        wide: Wide,
        frame: &[u8],
        (start, end): (usize, usize),
        brackets: &mut Brackets,
        levels: &mut Vec<Cell>,
        faults: &mut Faults,
    ) -> Option<()> {
        if start == end {
            return Some(());
        }
        let ends = brackets.find(wide, frame, (start, end))?;
        let first = levels.len();
        let is_closed = ends.last().map(|last| *last as usize + 1) == Some(end);
        if !is_closed || first + ends.len() > FRAME_LEVELS_MAX {
            return None;
        }
        levels.resize(first + ends.len(), Cell::default());
        let mut own = Faults::none(wide);
        let mut before = start.wrapping_sub(2);
        let mut opening = u32::from_le_bytes(*b":[[\"");
        let (cells, ends) = (levels.get_mut(first..)?, ends.split_last()?);
        let (last_cell, cells) = cells.split_last_mut()?;
        for (cell, end) in cells.iter_mut().zip(ends.1) {
            let span = Span {
                start: before,
                end: *end as usize,
            };
            *cell = self.bracketed::<false>(wide, frame, span, opening, &mut own)?;
            opening = u32::from_le_bytes(*b"],[\"");
            before = span.end;
        }
        let span = Span {
            start: before,
            end: *ends.0 as usize,
        };
        *last_cell = self.bracketed::<true>(wide, frame, span, opening, &mut own)?;
        faults.outside = wide.or(faults.outside, own.outside);
        faults.len_more |= own.len_more;
        faults.wrong |= own.wrong;
        Some(())
    }

    /// Reads a level: the four bytes of `opening`, `price","qty"` and the bracket at the span's end.
    #[inline(always)]
    fn bracketed<const IS_LAST: bool>(
        &self,
        wide: Wide,
        frame: &[u8],
        span: Span,
        opening: u32,
        faults: &mut Faults,
    ) -> Option<Cell> {
        let opened = u32::from_le_bytes(*window(frame, span.start)?);
        let start = span.start.wrapping_add(4);
        let len = if IS_LAST {
            quote_near_end(wide, frame, start)?
        } else {
            quote_after(wide, frame, start)?
        };
        let price = Span {
            start,
            end: start + len,
        };
        let qty = Span {
            start: price.end + 3,
            end: span.end.wrapping_sub(1),
        };
        let between = u32::from_le_bytes(*window(frame, price.end)?) << 8;
        faults.wrong |= (opened ^ opening)
            | (between ^ u32::from_le_bytes(*b"\0\",\""))
            | u32::from(*frame.get(qty.end)? ^ b'"');
        Some(self.level(wide, frame, price, qty, faults)?.cell())
    }
}

impl Brackets {
    /// Returns where closing brackets stand from `start` to before `end`.
    #[inline(always)]
    fn find(&mut self, wide: Wide, frame: &[u8], (start, end): (usize, usize)) -> Option<&[u32]> {
        u32::try_from(end).ok()?;
        let room = room_of(end.checked_sub(start)?);
        if self.at.len() < room {
            self.at.resize(room, 0);
        }
        let bracket = wide.all(b']');
        let mut count = 0;
        for at in (start..end).step_by(64) {
            let mut padded;
            let block = match window::<64>(frame, at) {
                Some(block) => block,
                None => {
                    let rest = frame.get(at..)?;
                    padded = [0; 64];
                    padded.get_mut(..rest.len())?.copy_from_slice(rest);
                    &padded
                }
            };
            let (quarters, _) = block.as_chunks::<HALF_BYTES>();
            let [a, b, c, d] = quarters else {
                return None;
            };
            let low = wide.signs(wide.equal(wide.of(a, b), bracket));
            let high = wide.signs(wide.equal(wide.of(c, d), bracket));
            let mut marks = u64::from(low) | u64::from(high) << 32;
            marks &= u64::MAX >> (64 - (end - at).min(64));
            let found = marks.count_ones() as usize;
            if found > MARKS_PER_BLOCK_MAX {
                return None;
            }
            let slots = self
                .at
                .get_mut(count..)?
                .first_chunk_mut::<MARKS_PER_BLOCK_MAX>()?;
            // What is written past the last mark is overwritten or never read.
            let (usual, more) = slots.split_at_mut(MARKS_PER_BLOCK_MAX / 2);
            let mut write = |slots: &mut [u32]| {
                for slot in slots {
                    *slot = at as u32 + marks.trailing_zeros();
                    marks &= marks.wrapping_sub(1);
                }
            };
            write(usual);
            if found > MARKS_PER_BLOCK_MAX / 2 {
                write(more);
            }
            count += found;
        }
        self.at.get(..count)
    }
}

impl Default for Brackets {
    fn default() -> Self {
        Self {
            at: vec![0; room_of(SIDE_BYTES_USUAL)],
        }
    }
}

/// Returns how many marks are written at most for a side of so many bytes.
const fn room_of(bytes: usize) -> usize {
    (bytes / 64 + 2) * MARKS_PER_BLOCK_MAX
}

impl Faults {
    /// Returns that nothing was wrong yet.
    #[inline(always)]
    pub(crate) fn none(wide: Wide) -> Self {
        Self {
            outside: wide.all(0),
            len_more: 0,
            wrong: 0,
        }
    }

    /// Returns whether nothing was wrong.
    #[inline(always)]
    pub(crate) fn are_none(&self, wide: Wide) -> bool {
        self.wrong == 0 && self.len_more <= LEN_MORE_MAX && wide.is_zero(self.outside)
    }
}

/// Returns the mask of an integer of so many digits.
pub(crate) fn integer_mask(len: usize) -> Option<[u8; HALF_BYTES]> {
    LAST_BYTES.get(len).copied().filter(|_| len <= HALF_BYTES)
}

/// Returns the two integers before these ends; somebody else saw that what the masks leave are digits.
#[inline(always)]
pub(crate) fn integers(
    wide: Wide,
    frame: &[u8],
    ends: [usize; 2],
    masks: &Halves,
) -> Option<[u64; 2]> {
    let values = wide.xor(texts_before(wide, frame, ends)?, wide.all(b'0'));
    Some(sixteen_digits(wide, wide.and(values, ymm(wide, masks))))
}

/// Returns how far after `at` the next quote stands; 16 where there is none in so many bytes.
#[inline(always)]
pub(crate) fn quote_after(wide: Wide, frame: &[u8], at: usize) -> Option<usize> {
    let quotes = quotes_of(wide, window(frame, at)?);
    Some((quotes | 1 << HALF_BYTES).trailing_zeros() as usize)
}

/// Returns the same near the frame's end, where it does not have so many bytes more.
#[inline(always)]
fn quote_near_end(wide: Wide, frame: &[u8], at: usize) -> Option<usize> {
    let from = at.min(frame.len().checked_sub(HALF_BYTES)?);
    let quotes = quotes_of(wide, window(frame, from)?) | 1 << HALF_BYTES;
    Some((quotes >> (at - from).min(HALF_BYTES)).trailing_zeros() as usize)
}

/// Marks the quotes, in the lower half.
#[inline(always)]
fn quotes_of(wide: Wide, bytes: &[u8; HALF_BYTES]) -> u32 {
    wide.signs(wide.equal(wide.of(bytes, &[0; HALF_BYTES]), wide.all(b'"')))
}

/// Returns the sixteen bytes before each of two places.
#[inline(always)]
fn texts_before(wide: Wide, frame: &[u8], [first, second]: [usize; 2]) -> Option<Bytes> {
    let first = frame.get(..first)?.last_chunk()?;
    let second = frame.get(..second)?.last_chunk()?;
    Some(wide.of(first, second))
}

/// Returns each half's sixteen digits as a number: pairs of digits, then pairs of those, and so on.
#[inline(always)]
fn sixteen_digits(wide: Wide, digits: Bytes) -> [u64; 2] {
    let twos = wide.weigh_bytes(digits, wide.all_words(0x010a_010a_010a_010a));
    let fours = wide.weigh_words(twos, wide.all_words(0x0001_0064_0001_0064));
    let fours = wide.narrow(fours, fours);
    let eights = wide.weigh_words(fours, wide.all_words(0x0001_2710_0001_2710));
    let high = wide.multiply(eights, wide.all_words(100_000_000));
    wide.firsts(wide.add(high, wide.upper(eights)))
}

#[inline(always)]
fn ymm(wide: Wide, halves: &Halves) -> Bytes {
    wide.of(&halves[0], &halves[1])
}

#[inline(always)]
fn window<const N: usize>(frame: &[u8], at: usize) -> Option<&[u8; N]> {
    frame.get(at..at.checked_add(N)?)?.first_chunk()
}

/// The masks of the last bytes of sixteen; past 16 of none.
static LAST_BYTES: [[u8; HALF_BYTES]; 32] = {
    let mut masks = [[0; HALF_BYTES]; 32];
    let mut count = 0;
    while count <= HALF_BYTES {
        let mut at = HALF_BYTES - count;
        while at < HALF_BYTES {
            masks[count][at] = 0xff;
            at += 1;
        }
        count += 1;
    }
    masks
};

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::number::parse_fixed;
    use proptest::prelude::*;

    /// Returns what two numbers are read as, printed like two others.
    fn read(like: [&str; 2], numbers: [&[u8]; 2], digits: u8) -> Option<Level> {
        let wide = Wide::new()?;
        let [price, qty] = like.map(str::as_bytes);
        let places = Places::of((price, digits), (qty, digits))?;
        let frame = [b"[\"61837.63000000\",\"", numbers[0], b"\",\"", numbers[1]].concat();
        let price = Span {
            start: 19,
            end: 19 + numbers[0].len(),
        };
        let qty = Span {
            start: price.end + 3,
            end: frame.len(),
        };
        let mut faults = Faults::none(wide);
        let level = places.level(wide, &frame, price, qty, &mut faults)?;
        faults.are_none(wide).then_some(level)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8_192))]

        #[test]
        fn prop_a_level_is_what_the_plain_parser_reads(
            like in "[0-9]{1,9}(\\.[0-9]{1,8}0{0,8})?", number in "[0-9]{1,9}(\\.[0-9]{1,8}0{0,8})?",
            qty in "[0-9]{1,17}",
            edit in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
            digits in 0_u8..=18,
        ) {
            for number in [&like, &number] {
                let mut number = number.as_bytes().to_vec();
                if let Some((at, byte)) = edit {
                    let at = at.index(number.len());
                    number[at] = byte;
                }
                for (like, numbers) in [
                    ([like.as_str(), "1"], [&number, qty.as_bytes()]),
                    (["1", like.as_str()], [qty.as_bytes(), &number]),
                ] {
                    if let Some(level) = read(like, numbers, digits) {
                        prop_assert_eq!(parse_fixed(numbers[0], digits), Ok(level.price.0));
                        prop_assert_eq!(parse_fixed(numbers[1], digits), Ok(level.qty.0));
                    }
                }
            }
        }

        #[test]
        fn prop_usual_numbers_are_read(
            whole in "[0-9]{1,5}", more in "[0-9]{1,5}", fraction in "[0-9]{0,8}", digits in 0_u8..=10,
        ) {
            let kept = fraction.len().min(usize::from(digits));
            let fraction = format!("{}{}", &fraction[..kept], "0".repeat(fraction.len() - kept));
            let point = if fraction.is_empty() { "" } else { "." };
            let print = |whole: &str| format!("{whole}{point}{fraction}");
            let number = print(&whole);
            let level = read([&print(&more), "5"], [number.as_bytes(), b"7"], digits);
            if Wide::new().is_some() {
                let price = level.map(|level| level.price.0);
                prop_assert_eq!(price, parse_fixed(number.as_bytes(), digits).ok());
            }
        }

        #[test]
        fn prop_integers_are_what_the_standard_library_reads(
            first in 0_u64..10_000_000_000_000_000, second in 0_u64..1_000_000_000,
        ) {
            let Some(wide) = Wide::new() else { return Ok(()) };
            let frame = format!("a frame with {first},\"u\":{second}");
            let ends = [13 + first.to_string().len(), frame.len()];
            let masks = [first, second].map(|id| integer_mask(id.to_string().len()).expect("16"));
            let read = integers(wide, frame.as_bytes(), ends, &masks);
            prop_assert_eq!(read, Some([first, second]));
        }
    }
}
