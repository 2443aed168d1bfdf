//! Texts in machine code: a word each, the address of a `&str` that outlives the call.
//!
//! The script's own texts live in its version. What else comes up (a fee's currency, a timer's name that
//! is kept in the state) is interned per strategy: equal texts have one word, and their number is limited.

#![allow(unsafe_code, reason = "machine code holds addresses of texts")]

use claire_types::Text;
use std::fmt;

/// A text's word.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct TextWord(*const &'static str);

/// Texts with addresses that stay.
#[derive(Default)]
pub(crate) struct Interner {
    #[expect(
        clippy::vec_box,
        reason = "the content must not move when the list grows"
    )]
    texts: Vec<Box<Interned>>,
    /// Places for short texts that come up while the market is traded.
    #[expect(
        clippy::vec_box,
        reason = "they take their place in the other list as they are"
    )]
    spare: Vec<Box<Interned>>,
}

/// A text and the view of it, which points into its own place.
#[derive(Default)]
struct Interned {
    view: &'static str,
    short: Text<SHORT_BYTES_MAX>,
    long: Box<str>,
}

impl TextWord {
    /// Returns the word of a text that stays where it is for as long as the word is used.
    pub(crate) fn of(text: &&'static str) -> Self {
        Self(text)
    }

    /// Returns the word of a text that lives until the end of the call, for the call only.
    pub(crate) fn of_call(text: &&str) -> Self {
        Self(std::ptr::from_ref(text).cast())
    }

    /// Returns the word of machine code.
    pub(crate) fn from_word(word: u64) -> Self {
        Self(word as usize as *const &'static str)
    }

    /// Returns the word as machine code holds it.
    pub(crate) fn word(self) -> u64 {
        self.0 as usize as u64
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        // SAFETY: a word is made of a reference to a `&str` by the functions above, and used while the
        // version, the strategy or the call lives that holds it; machine code makes none of its own.
        unsafe { *self.0 }
    }
}

/// The empty text.
impl Default for TextWord {
    fn default() -> Self {
        static EMPTY: &str = "";
        Self::of(&EMPTY)
    }
}

impl fmt::Debug for TextWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Interner {
    /// Returns an interner that takes [`SPARE`] short texts without an allocation: the statuses of orders, the
    /// codes of denials, currencies and names of timers.
    pub(crate) fn with_room() -> Self {
        let mut spare = Vec::with_capacity(SPARE);
        spare.resize_with(SPARE, Box::default);
        Self {
            texts: Vec::with_capacity(SPARE),
            spare,
        }
    }

    /// Returns the word of a text, the same for equal texts; `None` where there are too many.
    pub(crate) fn word(&mut self, text: &str) -> Option<TextWord> {
        if let Some(known) = self.texts.iter().find(|known| known.view == text) {
            return Some(TextWord::of(&known.view));
        }
        if self.texts.len() >= TEXTS_MAX {
            return None;
        }
        let mut interned = self.spare.pop().unwrap_or_default();
        interned.keep(text);
        self.texts.push(interned);
        self.texts
            .last()
            .map(|interned| TextWord::of(&interned.view))
    }

    /// Forgets all texts; no word of theirs may be used any more.
    pub(crate) fn clear(&mut self) {
        let room = SPARE.saturating_sub(self.spare.len());
        self.spare.extend(self.texts.drain(..).take(room));
    }
}

impl Interned {
    /// Takes the text into this place.
    fn keep(&mut self, text: &str) {
        let kept = match Text::new(text) {
            Some(short) => {
                self.short = short;
                self.short.as_str()
            }
            None => {
                self.long = text.into();
                &*self.long
            }
        };
        // SAFETY: the text is in this boxed place or in a box of its own, neither moved nor changed until the place is
        // given back, and the view is only reached through words, which are not used after that.
        self.view = unsafe { &*std::ptr::from_ref::<str>(kept) };
    }
}

impl fmt::Debug for Interner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.texts.iter().map(|interned| interned.view);
        f.debug_set().entries(texts).finish()
    }
}

/// Texts that one strategy may intern between two runs of the interpreter.
const TEXTS_MAX: usize = 1_024;
/// Short texts for which there is room from the start.
const SPARE: usize = 96;
/// Bytes of a short text.
const SHORT_BYTES_MAX: usize = 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_word_and_the_number_is_limited() {
        let mut interner = Interner::default();
        let first = interner.word("USDT").expect("room");
        for number in 1..TEXTS_MAX {
            assert!(interner.word(&number.to_string()).is_some());
        }
        assert_eq!(
            interner.word("USDT").map(TextWord::word),
            Some(first.word())
        );
        assert_eq!(first.as_str(), "USDT");
        assert!(interner.word("one more").is_none());
        interner.clear();
        assert!(interner.word("one more").is_some());
        assert_eq!(TextWord::default().as_str(), "");
    }

    #[test]
    fn long_and_short_texts_are_kept_and_places_are_used_again() {
        let mut interner = Interner::with_room();
        let long = "a".repeat(SHORT_BYTES_MAX + 1);
        let short = "b".repeat(SHORT_BYTES_MAX);
        for _ in 0..3 {
            let words: Vec<TextWord> = (0..2 * SPARE)
                .filter_map(|number| interner.word(&format!("{number}")))
                .collect();
            assert_eq!(words.len(), 2 * SPARE);
            let pair = [&long, &short].map(|text| interner.word(text).expect("room"));
            assert_eq!(pair.map(|word| word.as_str().len()), [32, 31]);
            for (number, word) in words.iter().enumerate() {
                assert_eq!(word.as_str(), number.to_string());
            }
            interner.clear();
            assert_eq!(interner.spare.len(), SPARE);
        }
    }
}
