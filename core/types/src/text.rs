//! Short texts held inline, so that they can cross a ring and be copied without allocation.
//!
//! Used for symbols, currencies and the reasons that scripts give. Never holds a secret.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A venue's text for an instrument; non-ASCII symbols exist.
pub type Symbol = Text<40>;
/// A currency's code as the venue writes it.
pub type Currency = Text<16>;
/// A reason, note or label from a script, cut at its capacity on a character border.
pub type Note = Text<112>;

/// Up to `N` (at most 255) bytes of UTF-8, inline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const EMPTY: Self = Self {
        bytes: [0; N],
        len: 0,
    };

    /// Returns the text, or `None` where it is longer than `N` bytes.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= N).then(|| Self::cut(text))
    }

    /// Returns the text, cut to `N` bytes on a character border.
    pub fn cut(text: &str) -> Self {
        const { assert!(N <= 255) };
        let mut cut = Self::EMPTY;
        cut.begin(text);
        cut
    }

    /// Becomes the text where it is still empty, cut to `N` bytes on a character border: in its place, without a copy
    /// of all its room.
    #[inline]
    pub fn begin(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut len = text.len().min(N);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        self.bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len = len as u8;
    }

    /// Returns the words as formatted, cut to `N` bytes on a character border; without allocation.
    pub fn format(words: fmt::Arguments<'_>) -> Self {
        let mut text = Self::EMPTY;
        // Says that it is full where it is: what fits is there.
        let _ = fmt::Write::write_fmt(&mut text, words);
        text
    }

    /// Returns the words as formatted, without allocation; where they do not fit, cut where a word ends, with `...` for
    /// the rest.
    pub fn format_words(words: fmt::Arguments<'_>) -> Self {
        let mut text = Self::EMPTY;
        if fmt::Write::write_fmt(&mut text, words).is_ok() {
            return text;
        }
        let mut end = N.saturating_sub("...".len());
        let begun = text.as_bytes().iter().take(end + 1);
        if let Some(space) = begun.copied().rposition(|byte| byte == b' ') {
            end = space;
        }
        while !text.as_str().is_char_boundary(end) {
            end -= 1;
        }
        let mut cut = Self::cut(text.as_str().get(..end).unwrap_or_default());
        // Fits, unless there is no room for dots at all.
        let _ = fmt::Write::write_str(&mut cut, "...");
        cut
    }

    /// Returns the text of these bytes, or `None` where they are not UTF-8 or too many.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().and_then(Self::new)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        // Every constructor took `str` bytes up to a character border.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Returns whether the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let start = usize::from(self.len);
        let mut len = more.len().min(N - start);
        while !more.is_char_boundary(len) {
            len -= 1;
        }
        self.bytes[start..start + len].copy_from_slice(&more.as_bytes()[..len]);
        self.len += len as u8;
        if len == more.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| {
            serde::de::Error::custom(format_args!("{text:?} is longer than {N} bytes"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_on_a_character_border() {
        assert_eq!(Text::<4>::cut("aéé").as_str(), "aé");
        assert_eq!(Text::<3>::cut("aéé").as_str(), "aé");
        assert_eq!(Text::<2>::cut("aéé").as_str(), "a");
        assert_eq!(Text::<2>::new("abc"), None);
        assert_eq!(Text::<2>::from_bytes(&[0xff]), None);
    }

    #[test]
    fn formatted_words_are_cut_on_a_character_border() {
        let stop = |price: f64| Text::<12>::format(format_args!("stop {price}: why"));
        assert_eq!(stop(9.5).as_str(), "stop 9.5: wh");
        assert_eq!(Text::<4>::format(format_args!("a{}c", "éé")).as_str(), "aé");
        assert_eq!(Text::<4>::format(format_args!("")).as_str(), "");
    }

    #[test]
    fn words_that_do_not_fit_are_cut_where_one_ends() {
        let cases = [
            ("as long as it", "as long as it"),
            ("only 1 event", "only 1 event"),
            ("only one event", "only one..."),
            ("only a cut one", "only a cut..."),
            ("withoutanyspace", "withoutany..."),
            ("éééééééé", "ééééé..."),
            ("a é éééééééé", "a é..."),
            ("", ""),
        ];
        for (words, want) in cases {
            let text = Text::<13>::format_words(format_args!("{words}"));
            assert_eq!(text.as_str(), want);
        }
        assert_eq!(Text::<2>::format_words(format_args!("abc")).as_str(), "..");
    }
}
