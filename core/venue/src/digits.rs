//! Decimal text to integers, eight digits at a time in one 64-bit word.
//!
//! Called by the typed decoders on the feed thread. Agrees with [`claire_types::number::parse_fixed`]
//! on every text (a property test says so); what is unusual is left to that function.

use claire_types::NumberFault;
use claire_types::number::{DIGITS_MAX, parse_fixed};

/// Returns the text's value in units of 10^-`digits`, as `parse_fixed` does, only faster.
///
/// # Errors
/// A [`NumberFault`] where the text is no plain non-negative decimal or does not fit.
#[inline]
pub fn fixed(text: &[u8], digits: u8) -> Result<i64, NumberFault> {
    match fixed_prefix(text, digits) {
        Some((value, len)) if len == text.len() => Ok(value),
        _ => parse_fixed(text, digits),
    }
}

/// Returns the value of the decimal that `text` begins with, in units of 10^-`digits`, and its length in bytes.
///
/// `None` where it is no decimal, or one with more than eight digits on a side of the point, or finer
/// than the unit: the caller then asks `parse_fixed`.
#[inline(always)]
pub(crate) fn fixed_prefix(text: &[u8], digits: u8) -> Option<(i64, usize)> {
    let (word, bits) = leading_digits(load(text, 0));
    if bits == 0 || bits == 64 || digits > DIGITS_MAX {
        return None;
    }
    let whole = value_of(word << (64 - bits)).checked_mul(power(digits))?;
    let point = (bits / 8) as usize;
    if text.get(point) != Some(&b'.') {
        return Some((i64::try_from(whole).ok()?, point));
    }
    let (word, bits) = leading_digits(load(text, point + 1));
    let end = point + 1 + (bits / 8) as usize;
    if bits == 0 || (bits == 64 && text.get(end).is_some_and(u8::is_ascii_digit)) {
        return None;
    }
    let kept = bits.min(u32::from(digits) * 8);
    if kept < bits && (word >> kept) << (64 - (bits - kept)) != 0 {
        return None;
    }
    let fraction = if kept == 0 {
        0
    } else {
        value_of(word << (64 - kept)).checked_mul(power(digits - (kept / 8) as u8))?
    };
    let value = whole.checked_add(fraction)?;
    Some((i64::try_from(value).ok()?, end))
}

/// How the last number of a kind was laid out: the next one mostly is laid out alike.
///
/// Reading a number where its point and its end are expected needs no waiting for them to be found, so
/// that a processor reads several numbers at once. What does not look as expected is read the other way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// Marks of the bytes up to the point, and what they are where all before it are digits.
    whole_mask: u64,
    whole_marks: u64,
    /// The same for the fraction and what ends it.
    fraction_mask: u64,
    fraction_marks: u64,
    /// Where the fraction and what follows the number stand.
    fraction: usize,
    end: usize,
    /// Shift and factor that make units of the digits before the point, and after it.
    whole_shift: u32,
    fraction_shift: u32,
    whole_factor: u64,
    fraction_factor: u64,
    /// The bits of fraction digits finer than the unit, which must be zero.
    dropped: u64,
    /// The unit that all this is for, plus 1; 0 where nothing is expected.
    digits_and_one: u8,
}

impl Layout {
    /// Returns the value of the decimal before a quote, in units of 10^-`digits`, and its length in bytes.
    #[inline(always)]
    pub(crate) fn quoted(&mut self, text: &[u8], digits: u8) -> Option<(i64, usize)> {
        // A window of fixed size needs no look at the frame's end for every byte.
        let found = match text.first_chunk::<32>() {
            Some(window) => self.expected(window, digits),
            None => {
                let mut window = [0; 32];
                if let Some(start) = window.get_mut(..text.len()) {
                    start.copy_from_slice(text);
                }
                self.expected(&window, digits)
            }
        };
        match found {
            Some(value) => Some((value, self.end)),
            None => self.learn(text, digits),
        }
    }

    /// Returns the value of the decimal that begins `text`, if it is laid out as expected.
    #[inline(always)]
    fn expected(&self, text: &[u8; 32], digits: u8) -> Option<i64> {
        // `learn` keeps both within the window: at most 7 digits, the point, 8 digits, the quote.
        let (start, end) = (self.fraction & 15, self.end & 31);
        let whole = load(text, 0) ^ ZEROS;
        let fraction = load(text, start) ^ ZEROS;
        let is_as_expected = marks(whole) & self.whole_mask == self.whole_marks
            && marks(fraction) & self.fraction_mask == self.fraction_marks
            && text[start.wrapping_sub(1) & 31] == b'.'
            && text[end] == b'"'
            && fraction & self.dropped == 0
            && self.digits_and_one == digits.wrapping_add(1);
        if !is_as_expected {
            return None;
        }
        // Set by `learn` for these digits, so that no product or sum is 10^18 or more.
        let whole = value_of(whole << (self.whole_shift & 63)).wrapping_mul(self.whole_factor);
        let fraction =
            value_of(fraction << (self.fraction_shift & 63)).wrapping_mul(self.fraction_factor);
        Some(whole.wrapping_add(fraction) as i64)
    }

    /// Reads the number by finding its parts, and expects the next one to be laid out like it.
    #[inline(never)]
    fn learn(&mut self, text: &[u8], digits: u8) -> Option<(i64, usize)> {
        let (value, end) = fixed_prefix(text, digits)?;
        if text.get(end) != Some(&b'"') {
            return None;
        }
        let (_, whole_bits) = leading_digits(load(text, 0));
        let fraction = (whole_bits / 8) as usize + 1;
        let fraction_bits = (end.saturating_sub(fraction) * 8) as u32;
        let kept = fraction_bits.min(u32::from(digits) * 8);
        if fraction_bits == 0 || kept == 0 || whole_bits / 8 + u32::from(digits) > 18 {
            return Some((value, end));
        }
        *self = Self {
            whole_mask: HIGHS & (u64::MAX >> (56 - whole_bits.min(56))),
            whole_marks: 0x80 << whole_bits.min(56),
            fraction_mask: HIGHS & (u64::MAX >> (56 - fraction_bits.min(56))),
            fraction_marks: if fraction_bits < 64 {
                0x80 << fraction_bits
            } else {
                0
            },
            fraction,
            end,
            whole_shift: 64 - whole_bits.clamp(8, 56),
            fraction_shift: 64 - kept,
            whole_factor: power(digits),
            fraction_factor: power(digits.saturating_sub((kept / 8) as u8)),
            dropped: if kept < fraction_bits {
                u64::MAX << kept & (u64::MAX >> (64 - fraction_bits))
            } else {
                0
            },
            digits_and_one: digits + 1,
        };
        Some((value, end))
    }
}

/// Returns the value of the JSON integer that `text` begins with and its length in bytes.
///
/// `None` where there is none, or one with a leading zero, a sign or more than sixteen digits.
#[inline(always)]
pub(crate) fn integer_prefix(text: &[u8]) -> Option<(u64, usize)> {
    let first = load(text, 0);
    let (word, bits) = leading_digits(first);
    if bits == 0 || (first as u8 == b'0' && bits > 8) {
        return None;
    }
    let value = value_of(word << (64 - bits));
    if bits < 64 {
        return Some((value, (bits / 8) as usize));
    }
    let (word, bits) = leading_digits(load(text, 8));
    if bits == 40 && first as u8 != b'0' {
        // Milliseconds: a length that is known beforehand lets the processor read on.
        return Some((value * 100_000 + value_of(word << 24), 13));
    }
    if bits == 0 {
        return (first as u8 != b'0').then_some((value, 8));
    }
    let len = 8 + (bits / 8) as usize;
    if bits == 64 && text.get(len).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let low = value_of(word << (64 - bits));
    Some((value * power((bits / 8) as u8) + low, len))
}

/// Returns the eight bytes from `at`, the first in the lowest place, zeros after the end.
#[inline(always)]
pub(crate) fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_tail(text.get(at..).unwrap_or_default()),
    }
}

#[inline(always)]
fn load_tail(text: &[u8]) -> u64 {
    match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            // The two overlap; where they do, they hold the same bytes.
            let shift = (text.len() as u32 & 3) * 8;
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << shift
        }
        _ => text
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Returns the word with the digits' values in its bytes, and the bits that the leading digits take.
#[inline(always)]
const fn leading_digits(word: u64) -> (u64, u32) {
    let values = word ^ ZEROS;
    (values, marks(values).trailing_zeros() & !7)
}

/// Marks the bytes that are no digit's value; exact up to the first of them.
#[inline(always)]
const fn marks(values: u64) -> u64 {
    // A byte above 9 carries into its own highest bit; what it carries into later bytes does not matter.
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & HIGHS
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Returns the value of eight digits, the first in the lowest byte.
#[inline(always)]
const fn value_of(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Returns 10^`digits` for up to 19 digits, else 0.
#[inline(always)]
const fn power(digits: u8) -> u64 {
    POWERS[(digits & 31) as usize]
}

const POWERS: [u64; 32] = {
    let mut powers = [0; 32];
    let mut digits = 0;
    let mut power = 1_u64;
    while digits < 20 {
        powers[digits] = power;
        power = power.wrapping_mul(10);
        digits += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_word_routine_and_the_plain_one_agree_on_borders() {
        let texts = [
            "0",
            "00000001",
            "99999999",
            "100000000",
            "0.00000001",
            "0.000000010",
            "0.100000001",
            "61837.63000000",
            "5.",
            ".5",
            "",
            "1e5",
            "1.5e3",
            "-1",
            "12345678.12345678",
            "9223372036854775807",
            "9223372036854775808",
            "92233720368.54775807",
            "92233720368.54775808",
            "1.2.3",
            "0.0",
            "+1",
            " 1",
            "1 ",
            "99999999.99999999",
        ];
        for text in texts {
            for digits in 0..=20 {
                let digits = digits.min(DIGITS_MAX);
                let want = parse_fixed(text.as_bytes(), digits);
                assert_eq!(fixed(text.as_bytes(), digits), want, "{text} at {digits}");
            }
        }
    }

    #[test]
    fn a_word_past_the_end_is_filled_with_zeros() {
        let text = b"abcdefgh";
        for at in 0..=9 {
            let mut want = [0; 8];
            let rest = text.get(at..).unwrap_or_default();
            want[..rest.len()].copy_from_slice(rest);
            assert_eq!(load(text, at), u64::from_le_bytes(want), "{at}");
        }
    }

    #[test]
    fn integers_have_no_leading_zeros_and_at_most_sixteen_digits() {
        let cases: &[(&str, Option<(u64, usize)>)] = &[
            ("0,", Some((0, 1))),
            ("7", Some((7, 1))),
            ("1723161255208,", Some((1_723_161_255_208, 13))),
            ("12345678", Some((12_345_678, 8))),
            ("9999999999999999}", Some((9_999_999_999_999_999, 16))),
            ("99999999999999999}", None),
            ("01", None),
            ("00000000", None),
            ("0123456789", None),
            ("-1", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(integer_prefix(text.as_bytes()), *want, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn prop_decimals_agree_with_the_plain_parser(
            text in "[0-9]{0,12}(\\.[0-9]{0,12})?", digits in 0_u8..=18,
        ) {
            prop_assert_eq!(fixed(text.as_bytes(), digits), parse_fixed(text.as_bytes(), digits));
        }

        #[test]
        fn prop_a_learned_layout_changes_no_value(
            texts in proptest::collection::vec("[0-9]{1,3}(\\.[0-9]{1,3})?|[0-9]{0,9}\\.?[0-9]{0,9}", 1..12),
            digits in 0_u8..=18,
        ) {
            let mut layout = Layout::default();
            for text in texts {
                let quoted = format!("{text}\",\"");
                let got = layout.quoted(quoted.as_bytes(), digits);
                let want = parse_fixed(text.as_bytes(), digits).ok();
                // `None` only means that the plain parser is asked.
                if let Some((value, len)) = got {
                    prop_assert_eq!((Some(value), len), (want, text.len()), "{} at {}", text, digits);
                } else {
                    let is_usual = text.len() < 8 && text.contains('.');
                    prop_assert!(want.is_none() || !is_usual, "{} at {}", text, digits);
                }
            }
        }

        #[test]
        fn prop_any_bytes_agree_with_the_plain_parser(
            text in proptest::collection::vec(
                prop_oneof![4 => 0x30_u8..0x3a, 1 => Just(b'.'), 1 => any::<u8>()], 0..24),
            digits in 0_u8..=18,
        ) {
            prop_assert_eq!(fixed(&text, digits), parse_fixed(&text, digits));
        }

        #[test]
        fn prop_integers_are_what_the_standard_library_reads(value in 0_u64..10_000_000_000_000_000) {
            let text = format!("{value},");
            prop_assert_eq!(integer_prefix(text.as_bytes()), Some((value, text.len() - 1)));
        }
    }
}
