//! A cursor over a frame's bytes that takes exactly what is expected, or nothing.
//!
//! Used by the typed decoders. `None` means "not as expected": the general decoder then decides.

use crate::digits::{Layout, integer_prefix, load};
use crate::event::venue_time_of;
use claire_types::VenueNs;
use claire_types::number::parse_fixed;

/// What is left of a frame.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Returns the cursor at the frame's beginning.
    #[inline(always)]
    pub(crate) const fn new(frame: &'a [u8]) -> Self {
        Self { rest: frame }
    }

    /// Takes exactly this text.
    #[inline(always)]
    pub(crate) fn text<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        if head != text {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// Takes this text if it comes next; says whether it did.
    #[inline(always)]
    pub(crate) fn has<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        self.text(text).is_some()
    }

    /// Takes text without escapes and foreign characters up to its closing quote, and the quote.
    #[inline(always)]
    pub(crate) fn plain_text(&mut self) -> Option<&'a [u8]> {
        let mut len = 0;
        loop {
            let word = load(self.rest, len);
            let stop = stops(word);
            if stop != 0 {
                len += (stop.trailing_zeros() / 8) as usize;
                break;
            }
            len += 8;
        }
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// Takes a JSON integer without sign.
    #[inline(always)]
    pub(crate) fn integer(&mut self) -> Option<u64> {
        let (value, len) = integer_prefix(self.rest)?;
        self.rest = self.rest.get(len..)?;
        Some(value)
    }

    /// Takes a venue's time.
    #[inline(always)]
    pub(crate) fn time(&mut self) -> Option<VenueNs> {
        venue_time_of(self.integer()?)
    }

    /// Takes a decimal in units of 10^-`digits` and its closing quote.
    #[inline(always)]
    pub(crate) fn decimal(&mut self, digits: u8, layout: &mut Layout) -> Option<i64> {
        match layout.quoted(self.rest, digits) {
            Some((value, len)) => {
                self.rest = self.rest.get(len + 1..)?;
                Some(value)
            }
            None => self.long_decimal(digits),
        }
    }

    #[cold]
    fn long_decimal(&mut self, digits: u8) -> Option<i64> {
        let text = self.decimal_text()?;
        parse_fixed(text, digits).ok()
    }

    /// Takes what stands before the next quote, and the quote; for texts that a number parser reads.
    #[inline]
    pub(crate) fn decimal_text(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'"', self.rest)?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(text)
    }

    /// Takes `true` or `false`.
    #[inline(always)]
    pub(crate) fn boolean(&mut self) -> Option<bool> {
        if self.has(b"true") {
            Some(true)
        } else {
            self.text(b"false").map(|()| false)
        }
    }

    /// Says whether the frame ends here.
    #[inline(always)]
    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Marks the first byte that ends plain text: a quote, a backslash, a control or a non-ASCII byte.
#[inline(always)]
const fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // Borrows run towards later bytes only, so the first mark is exact.
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls | word) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_its_quote_and_nothing_else() {
        let cases: &[(&[u8], Option<&[u8]>)] = &[
            (b"btcusdt@trade\",", Some(b"btcusdt@trade")),
            (b"\"", Some(b"")),
            (b"12345678\"", Some(b"12345678")),
            (b"abc", None),
            (b"", None),
            (b"a\\u0062\"", None),
            (b"a\x1f\"", None),
            (b"a\xc3\xa9\"", None),
            (b"a b\x7f\"", Some(b"a b\x7f")),
        ];
        for (frame, want) in cases {
            assert_eq!(Cursor::new(frame).plain_text(), *want, "{frame:?}");
        }
    }
}
