//! How values cross between scripts, machine code and the functions of the interface.
//!
//! A function is written once, over plain values. [`Takes`] says for each type of argument how the
//! interpreter's value and machine code's word become that value, [`Gives`] the same of results. Used by
//! the tables of definitions only; runs on the engine thread, within a call.

use super::{Definition, Fallible, plain};
use crate::api::definition::Default;
use crate::compile::context::{Context, market_of, market_word, order_of};
use crate::compile::ir::Type;
use crate::compile::text::TextWord;
use crate::sandbox::Kind;
use crate::token::{Bar, Bars, Fill, Indicator, Market, Order, Trade, copied};
use claire_engine::strategy::{BarView, BarsId, FillView, TradeView};
use claire_types::{Currency, OrderFlags, Side};
use rhai::{Dynamic, ImmutableString, Variant};

/// A type of argument.
pub(crate) trait Takes {
    /// Its type in a definition.
    const OF: Type;
    /// Some values of the type are refused.
    const REFUSES: bool = false;
    /// The least integer that is taken: whoever calls has looked.
    const LEAST: Option<i64> = None;
    /// What is held of the interpreter's value during the call.
    type Held;
    /// What machine code passes.
    type Machine<'a>;
    /// What the function takes.
    type Taken<'a>;

    /// Takes a script's value; `words` is what it is in the words of an error.
    fn hold(value: &Dynamic, words: &str) -> Fallible<Self::Held>;

    /// Hands what is held to the function.
    fn lend(held: &Self::Held) -> Self::Taken<'_>;

    /// Takes machine code's word; `None` where the value is refused.
    fn accept<'a>(word: &'a Self::Machine<'a>) -> Option<Self::Taken<'a>>;
}

/// A type of result.
pub(crate) trait Gives: Sized {
    /// Its type in a definition.
    const OF: Type;
    /// There may be none: the function refuses, or the value fits no word.
    const REFUSES: bool = false;
    /// What machine code gets.
    type Machine: std::default::Default;

    /// Returns the script's value.
    fn script(self) -> Fallible<Dynamic>;

    /// Returns machine code's word; a refusal sets the context's exit.
    fn machine(self, context: &mut Context<'_>) -> Self::Machine;
}

/// A number that is neither NaN nor infinite.
pub(crate) struct Finite;

/// An integer that is that much at least, and not below zero.
pub(crate) struct AtLeast<const LEAST: i64>;

/// A text.
pub(crate) struct Text;

/// A text that the program itself holds, as a name of a status.
pub(crate) type Word = &'static &'static str;

/// What a script gave, handed out argument by argument.
pub(crate) struct Given<'a, 'b> {
    definition: &'a Definition,
    values: &'a [&'b mut Dynamic],
    ends_with_text: bool,
    next: usize,
}

impl<'a, 'b> Given<'a, 'b> {
    /// Returns the arguments of a call of the definition.
    pub(crate) fn new(definition: &'a Definition, values: &'a [&'b mut Dynamic]) -> Self {
        let ends_with_text = values.last().is_some_and(|last| last.is_string());
        Self {
            definition,
            values,
            ends_with_text,
            next: 0,
        }
    }

    /// Returns the next argument, or its default.
    pub(crate) fn next<A: Takes>(&mut self) -> Fallible<A::Held> {
        let at = self.next;
        self.next += 1;
        let Some(argument) = self.definition.arguments.get(at) else {
            return Err(format!("`{}` has no more arguments", self.definition.name).into());
        };
        let given = self
            .definition
            .given_to(at, self.values.len(), self.ends_with_text);
        match (given.and_then(|at| self.values.get(at)), argument.default) {
            (Some(value), _) => A::hold(value, argument.words),
            (None, Some(default)) => A::hold(&default.value(), argument.words),
            (None, None) => Err(format!("the {} is missing", argument.words).into()),
        }
    }
}

impl Default {
    /// Returns the script's value.
    fn value(self) -> Dynamic {
        match self {
            Self::Int(value) => value.into(),
            Self::Float(value) => value.into(),
            Self::EmptyText => ImmutableString::new().into(),
        }
    }
}

impl Takes for f64 {
    const OF: Type = Type::Float;
    type Held = Self;
    type Machine<'a> = Self;
    type Taken<'a> = Self;

    fn hold(value: &Dynamic, words: &str) -> Fallible<Self> {
        if let Ok(float) = value.as_float() {
            return Ok(float);
        }
        match value.as_int() {
            Ok(integer) => Ok(integer as Self),
            Err(found) => Err(format!("the {words} must be a number, not {}", plain(found)).into()),
        }
    }

    fn lend(held: &Self) -> Self {
        *held
    }

    fn accept(word: &Self) -> Option<Self> {
        Some(*word)
    }
}

impl Takes for Finite {
    const OF: Type = Type::Float;
    const REFUSES: bool = true;
    type Held = f64;
    type Machine<'a> = f64;
    type Taken<'a> = f64;

    fn hold(value: &Dynamic, words: &str) -> Fallible<f64> {
        let number = <f64 as Takes>::hold(value, words)?;
        if number.is_finite() {
            Ok(number)
        } else {
            Err(format!("the {words} is {}", Dynamic::from_float(number)).into())
        }
    }

    fn lend(held: &f64) -> f64 {
        *held
    }

    fn accept(word: &f64) -> Option<f64> {
        word.is_finite().then_some(*word)
    }
}

impl Takes for i64 {
    const OF: Type = Type::Int;
    type Held = Self;
    type Machine<'a> = Self;
    type Taken<'a> = Self;

    /// A float is refused rather than cut.
    fn hold(value: &Dynamic, words: &str) -> Fallible<Self> {
        let found = value.as_int();
        found
            .map_err(|found| format!("the {words} must be an integer, not {}", plain(found)).into())
    }

    fn lend(held: &Self) -> Self {
        *held
    }

    fn accept(word: &Self) -> Option<Self> {
        Some(*word)
    }
}

impl<const LEAST: i64> Takes for AtLeast<LEAST> {
    const OF: Type = Type::Int;
    const LEAST: Option<i64> = Some(LEAST);
    type Held = usize;
    type Machine<'a> = i64;
    type Taken<'a> = usize;

    fn hold(value: &Dynamic, words: &str) -> Fallible<usize> {
        let number = <i64 as Takes>::hold(value, words)?;
        match usize::try_from(number) {
            Ok(taken) if number >= LEAST => Ok(taken),
            _ => Err(format!("the {words} must be at least {LEAST}, not {number}").into()),
        }
    }

    fn lend(held: &usize) -> usize {
        *held
    }

    fn accept(word: &i64) -> Option<usize> {
        Some(usize::try_from(*word).unwrap_or_default())
    }
}

impl Takes for Side {
    const OF: Type = Type::Int;
    const REFUSES: bool = true;
    type Held = Self;
    type Machine<'a> = i64;
    type Taken<'a> = Self;

    fn hold(value: &Dynamic, words: &str) -> Fallible<Self> {
        let sign = i64::hold(value, words)?;
        Self::accept(&sign)
            .ok_or_else(|| format!("the {words} must be BUY or SELL, not {sign}").into())
    }

    fn lend(held: &Self) -> Self {
        *held
    }

    fn accept(sign: &i64) -> Option<Self> {
        match sign {
            1 => Some(Self::Buy),
            -1 => Some(Self::Sell),
            _ => None,
        }
    }
}

impl Takes for OrderFlags {
    const OF: Type = Type::Int;
    const REFUSES: bool = true;
    type Held = Self;
    type Machine<'a> = i64;
    type Taken<'a> = Self;

    fn hold(value: &Dynamic, words: &str) -> Fallible<Self> {
        let bits = i64::hold(value, words)?;
        Self::accept(&bits).ok_or_else(|| format!("{bits} is no combination of order flags").into())
    }

    fn lend(held: &Self) -> Self {
        *held
    }

    fn accept(bits: &i64) -> Option<Self> {
        let all = super::order::FLAGS
            .iter()
            .fold(0, |all, (_, flag, _)| all | flag.0);
        let bits = u8::try_from(*bits).ok()?;
        (bits & !all == 0).then_some(Self(bits))
    }
}

impl Takes for Text {
    const OF: Type = Type::Text;
    type Held = ImmutableString;
    type Machine<'a> = TextWord;
    type Taken<'a> = &'a str;

    fn hold(value: &Dynamic, words: &str) -> Fallible<ImmutableString> {
        match value.as_immutable_string_ref() {
            Ok(text) => Ok(ImmutableString::clone(&text)),
            Err(found) => Err(format!("the {words} must be a string, not {}", plain(found)).into()),
        }
    }

    fn lend(held: &ImmutableString) -> &str {
        held.as_str()
    }

    fn accept(word: &TextWord) -> Option<&str> {
        Some(word.as_str())
    }
}

/// Returns a token that a script gave.
fn token<T: Takes + Variant + Copy>(value: &Dynamic, words: &str) -> Fallible<T> {
    copied(value).ok_or_else(|| {
        let found = plain(value.type_name());
        let want = Kind::of(T::OF).map_or("of another type", Kind::as_str);
        format!("the {words} must be {want}, not {found}").into()
    })
}

/// Tokens that are numbers in machine code.
macro_rules! takes_tokens {
    ($($token:ident: |$word:ident| $of_word:expr;)+) => {$(
        impl Takes for $token {
            const OF: Type = Type::$token;
            type Held = Self;
            type Machine<'a> = u64;
            type Taken<'a> = Self;

            fn hold(value: &Dynamic, words: &str) -> Fallible<Self> {
                token(value, words)
            }

            fn lend(held: &Self) -> Self {
                *held
            }

            fn accept($word: &u64) -> Option<Self> {
                $of_word
            }
        }
    )+};
}

takes_tokens! {
    Market: |word| Some(Self(market_of(*word)));
    Order: |word| Some(Self(order_of(*word)));
    Bars: |word| Some(Self(BarsId(*word as u16)));
    Indicator: |word| Some(Self::of_word(*word));
}

/// Tokens that machine code has the address of: what the handler was given.
macro_rules! takes_views {
    ($($token:ident $view:ident;)+) => {$(
        impl Takes for $token {
            const OF: Type = Type::$token;
            type Held = Self;
            type Machine<'a> = &'a $view;
            type Taken<'a> = &'a $view;

            fn hold(value: &Dynamic, words: &str) -> Fallible<Self> {
                token(value, words)
            }

            fn lend(held: &Self) -> &$view {
                &held.0
            }

            fn accept<'a>(word: &'a &'a $view) -> Option<&'a $view> {
                Some(word)
            }
        }
    )+};
}

takes_views! {
    Trade TradeView;
    Bar BarView;
    Fill FillView;
}

/// Results that always fit a word.
macro_rules! gives {
    ($($result:ty: $of:ident, $machine:ty, |$value:ident, $context:ident| $script:expr, $word:expr;)+) => {$(
        impl Gives for $result {
            const OF: Type = Type::$of;
            type Machine = $machine;

            fn script(self) -> Fallible<Dynamic> {
                let $value = self;
                Ok($script)
            }

            fn machine(self, $context: &mut Context<'_>) -> $machine {
                let $value = self;
                $word
            }
        }
    )+};
}

gives! {
    f64: Float, f64, |value, _context| value.into(), value;
    i64: Int, i64, |value, _context| value.into(), value;
    bool: Bool, bool, |value, _context| value.into(), value;
    (): Unit, (), |_value, _context| Dynamic::UNIT, ();
    Word: Text, TextWord, |value, _context| (*value).into(), TextWord::of(value);
    Market: Market, u64, |value, _context| Dynamic::from(value), market_word(value.0);
    Bars: Bars, u64, |value, _context| Dynamic::from(value), u64::from(value.0.0);
    Indicator: Indicator, u64, |value, _context| Dynamic::from(value), value.word();
}

/// Machine code gets the word of a text that the strategy keeps: equal currencies have one.
impl Gives for Currency {
    const OF: Type = Type::Text;
    const REFUSES: bool = true;
    type Machine = TextWord;

    fn script(self) -> Fallible<Dynamic> {
        Ok(self.as_str().into())
    }

    fn machine(self, context: &mut Context<'_>) -> TextWord {
        context.text(self.as_str())
    }
}

/// A handle of an epoch or number that fits no word is the interpreter's.
impl Gives for Order {
    const OF: Type = Type::Order;
    const REFUSES: bool = true;
    type Machine = u64;

    fn script(self) -> Fallible<Dynamic> {
        Ok(Dynamic::from(self))
    }

    fn machine(self, context: &mut Context<'_>) -> u64 {
        context.order(self.0)
    }
}

/// A refusal is an error in words for the interpreter, and for machine code the way to it.
impl<T: Gives> Gives for Fallible<T> {
    const OF: Type = T::OF;
    const REFUSES: bool = true;
    type Machine = T::Machine;

    fn script(self) -> Fallible<Dynamic> {
        self.and_then(T::script)
    }

    fn machine(self, context: &mut Context<'_>) -> T::Machine {
        match self {
            Ok(value) => value.machine(context),
            Err(_) => context.refuse(),
        }
    }
}
