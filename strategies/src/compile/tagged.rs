//! Values with their types, for functions of the interface that take any number of them.
//!
//! Machine code lays them one after the other on its stack and passes their address and number.

#![allow(unsafe_code, reason = "machine code passes the address of the values")]

use super::array::Array;
use super::ir::Type;
use std::mem::offset_of;

/// A value as machine code lays it down.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Tagged {
    /// The number of its type.
    of: u64,
    /// A bool as 0 or 1, a float by its bits, all else as its word.
    word: u64,
}

/// A value of a known type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passed<'a> {
    /// `()`.
    Unit,
    /// A bool.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A market, an order, ...: a text shows its type only.
    Token(Type),
    /// Integers.
    Ints(&'a Array),
    /// Floats.
    Floats(&'a Array),
}

impl Tagged {
    /// Offset of the number of the type.
    pub(crate) const OF: i32 = offset_of!(Self, of) as i32;
    /// Offset of the word.
    pub(crate) const WORD: i32 = offset_of!(Self, word) as i32;
    /// Bytes of a value.
    pub(crate) const BYTES: u32 = size_of::<Self>() as u32;

    /// Returns the values that machine code passed by address and number.
    pub(crate) fn passed<'a>(first: *const Self, count: u64) -> &'a [Self] {
        if count == 0 {
            return &[];
        }
        // SAFETY: called by functions of the interface with what machine code passed them: the emitter
        // lays `count` values on its own stack, which stay until the function returns.
        unsafe { std::slice::from_raw_parts(first, count as usize) }
    }

    /// Returns a value that is not machine code's.
    #[cfg(test)]
    pub(crate) fn new(of: Type, word: u64) -> Self {
        Self {
            of: of as u64,
            word,
        }
    }

    /// Returns the value.
    pub(crate) fn value(&self) -> Passed<'_> {
        let word = self.word;
        let of = TYPES.into_iter().find(|known| *known as u64 == self.of);
        match of.unwrap_or(Type::Unit) {
            Type::Unit => Passed::Unit,
            Type::Bool => Passed::Bool(word != 0),
            Type::Int => Passed::Int(word as i64),
            Type::Float => Passed::Float(f64::from_bits(word)),
            Type::Text => Passed::Text(self.text()),
            Type::Ints => Passed::Ints(self.place()),
            Type::Floats => Passed::Floats(self.place()),
            token => Passed::Token(token),
        }
    }

    fn text(&self) -> &str {
        // SAFETY: a word tagged as a text is the address of a `&str` that lives as long as the call.
        unsafe { *(self.word as usize as *const &str) }
    }

    /// Returns what the word is the address of; the tag says that it is a `T`.
    fn place<T>(&self) -> &T {
        // SAFETY: the emitter tags a word by the type it has in the typed form: the address of an array of
        // the state or the pool, which outlives the call.
        unsafe { &*(self.word as usize as *const T) }
    }
}

/// All types.
const TYPES: [Type; 14] = [
    Type::Unit,
    Type::Bool,
    Type::Int,
    Type::Float,
    Type::Text,
    Type::Market,
    Type::Bars,
    Type::Indicator,
    Type::Order,
    Type::Trade,
    Type::Bar,
    Type::Fill,
    Type::Ints,
    Type::Floats,
];

#[cfg(test)]
mod tests {
    use super::super::text::TextWord;
    use super::*;

    fn tagged(of: Type, word: u64) -> Tagged {
        Tagged {
            of: of as u64,
            word,
        }
    }

    #[test]
    fn a_value_comes_back_by_its_tag() {
        let text = TextWord::of(&"name");
        let mut array = Array::default();
        array.push(7);
        let values = [
            tagged(Type::Bool, 1),
            tagged(Type::Int, -3_i64 as u64),
            tagged(Type::Float, 0.5_f64.to_bits()),
            tagged(Type::Text, text.word()),
            tagged(Type::Ints, std::ptr::from_ref(&array) as usize as u64),
        ];
        let passed = Tagged::passed(values.as_ptr(), values.len() as u64);
        assert!(matches!(passed[0].value(), Passed::Bool(true)));
        assert!(matches!(passed[1].value(), Passed::Int(-3)));
        assert!(matches!(passed[2].value(), Passed::Float(0.5)));
        assert!(matches!(passed[3].value(), Passed::Text("name")));
        assert!(matches!(passed[4].value(), Passed::Ints(array) if array.words() == [7]));
        assert!(Tagged::passed(std::ptr::null(), 0).is_empty());
    }
}
