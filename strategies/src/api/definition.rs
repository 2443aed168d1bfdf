//! What a function of the interface is: its words for people, its types for the compiler, its code for both.
//!
//! One [`Definition`] per function or property and combination of argument types. The interpreter's
//! registration, the compiled call, the checker's catalogue and `strategies/API.md` are made from it, so
//! that they cannot differ.

use super::{Fallible, Values};
use crate::compile::ir::{Member, Type};
use rhai::Dynamic;

/// A function, method or property that scripts may use.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its name in scripts. Several definitions may share it: a call is of the first that it fits.
    pub name: &'static str,
    /// How it is written.
    pub form: Form,
    /// Where it stands in the reference.
    pub group: Group,
    /// What it takes, the receiver first.
    pub arguments: &'static [Argument],
    /// Takes up to [`MORE_MAX`] further values of any type after the named ones (`note`).
    pub takes_more: bool,
    /// What it returns.
    pub returns: Type,
    /// What it does to the world.
    pub effect: Effect,
    /// Its line in the reference: one sentence, with units.
    pub help: &'static str,
    /// Its code for the interpreter.
    pub interpreted: Interpreted,
    /// Where its number lies, so that compiled code reads it there and calls nothing.
    pub place: Option<Place>,
    /// What of an indicator's output it tells, so that compiled code asks for the output once and reads it there.
    pub tells: Option<Told>,
    /// Its code for compiled handlers; `None` where it has a place, and where only the interpreter can call it.
    pub shim: Option<Shim>,
}

/// How a function is written in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `name(a, b)`; as everywhere in Rhai also `a.name(b)`.
    Function,
    /// `receiver.name(a)`; as everywhere in Rhai also `name(receiver, a)`.
    Method,
    /// `receiver.name`.
    Property,
}

/// What stands together in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Numbers of a market.
    Market,
    /// What handlers are given.
    Events,
    /// Placing and ending orders.
    Orders,
    /// What became of an order.
    Handles,
    /// Quantities from notionals and risk.
    Sizes,
    /// Bars and how indicators are declared.
    Indicators,
    /// What an indicator says.
    Outputs,
    /// Timers.
    Timers,
    /// What goes on the record.
    Words,
    /// Functions of numbers.
    Mathematics,
}

/// An argument of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Argument {
    /// Its name in the reference; empty where scripts never give it and its default is a constant of the function.
    pub name: &'static str,
    /// What it is in the words of an error: "the quantity must be a number".
    pub words: &'static str,
    /// Its type; a float of ours takes an integer too, one of the language's own packages does not.
    pub of: Type,
    /// What it is where the script leaves it out; `None` where it must not.
    pub default: Option<Default>,
    /// The least integer that is taken; compiled code looks before it calls.
    pub least: Option<i64>,
}

/// The value of an argument that was left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// The empty text.
    EmptyText,
}

/// What a call does to the world; the emitter keeps where markets' numbers lie only over what does not act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Depends on nothing but its arguments.
    Pure,
    /// Reads the desk.
    Reads,
    /// Changes something, and the desk leaves markets' numbers where they lie: orders, timers, records.
    Asks,
    /// Changes something, and markets' numbers may lie elsewhere then: another market is watched.
    Acts,
    /// May be called in `init` only, which is always interpreted.
    Declares,
}

/// A function's code for the interpreter.
#[derive(Clone, Copy, Debug)]
pub enum Interpreted {
    /// Ours, registered under the definition's name.
    Own(fn(&Definition, Values<'_, '_>) -> Fallible<Dynamic>),
    /// One of the language's own packages has it; the definition is there for the compiler and the reference.
    Package,
}

/// What a function tells of indicators' outputs, which stay as they are during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The value now.
    Value,
    /// The value one update ago.
    Prev,
    /// Whether it is warm.
    IsWarm,
    /// Whether the first of two lines crossed the second from below.
    CrossedUp,
    /// Whether it crossed from above.
    CrossedDown,
}

/// Where a property's number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which struct.
    pub of: Holder,
    /// Where in it, and how.
    pub member: Member,
}

/// What holds the numbers of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// `MarketFacts`, of a market.
    Facts,
    /// `TradeView`.
    Trade,
    /// `BarView`.
    Bar,
    /// `FillView`.
    Fill,
    /// `OrderView`, of a handle.
    Order,
}

/// The address of an `extern "C"` function: `fn(&mut Context, argument words...) -> result word`.
///
/// Bools are `i8`, floats `f64`, all else 64 bits; [`Type::Unit`] returns nothing. Of a function that
/// takes more, the named arguments are followed by a pointer to [`crate::compile::tagged::Tagged`]
/// values and their count, a `u64`.
#[derive(Clone, Copy, Debug)]
pub struct Shim {
    /// The address.
    pub address: usize,
    /// It may refuse: it then sets the context's exit, which the caller must look at.
    pub is_fallible: bool,
}

/// The most values that a function takes after its named arguments.
pub const MORE_MAX: usize = 7;

impl Definition {
    /// What a definition has where it says nothing else: a pure function of the language's own.
    pub const BLANK: Self = Self {
        name: "",
        form: Form::Function,
        group: Group::Mathematics,
        arguments: &[],
        takes_more: false,
        returns: Type::Unit,
        effect: Effect::Pure,
        help: "",
        interpreted: Interpreted::Package,
        place: None,
        tells: None,
        shim: None,
    };

    /// Returns the least and the greatest number of arguments that a script gives, the receiver among them.
    pub fn counts(&self) -> std::ops::RangeInclusive<usize> {
        let must = self.arguments.iter().filter(|of| of.default.is_none());
        let may = self.arguments.iter().filter(|of| !of.name.is_empty());
        let more = if self.takes_more { MORE_MAX } else { 0 };
        must.count()..=may.count() + more
    }

    /// Returns which of the `given` values an argument takes; `None` where it was left out.
    ///
    /// Values fill the arguments in order. A text at the end, where arguments were left out before it, is
    /// the last argument: the reason may follow directly.
    pub fn given_to(&self, argument: usize, given: usize, ends_with_text: bool) -> Option<usize> {
        let last = self.arguments.len().checked_sub(1)?;
        let ends_with_text = ends_with_text
            && !self.takes_more
            && given > *self.counts().start()
            && given <= last
            && self.arguments.last().is_some_and(|of| of.of == Type::Text);
        let (from_start, at_end) = match ends_with_text {
            true => (given - 1, Some(given - 1)),
            false => (given, None),
        };
        if argument < from_start {
            Some(argument)
        } else {
            at_end.filter(|_| argument == last)
        }
    }

    /// Returns whether an argument of it can be of this type. The language's own packages tell numbers apart.
    fn takes(&self, argument: &Argument, given: Type) -> bool {
        let mixes = matches!(self.interpreted, Interpreted::Own(_));
        argument.of == given || (mixes && argument.of == Type::Float && given == Type::Int)
    }

    /// Returns whether a call with values of these types is of this definition.
    pub fn fits(&self, given: &[Type]) -> bool {
        if !self.counts().contains(&given.len()) {
            return false;
        }
        let ends_with_text = given.last() == Some(&Type::Text);
        let fits = |(index, argument): (usize, &Argument)| match self.given_to(
            index,
            given.len(),
            ends_with_text,
        ) {
            Some(at) => given.get(at).is_some_and(|of| self.takes(argument, *of)),
            None => argument.default.is_some(),
        };
        self.arguments.iter().enumerate().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn argument(of: Type, default: Option<Default>) -> Argument {
        Argument {
            name: "x",
            words: "x",
            of,
            default,
            least: None,
        }
    }

    const LIMIT: Definition = Definition {
        arguments: &[
            argument(Type::Market, None),
            argument(Type::Float, None),
            argument(Type::Float, None),
            argument(Type::Int, Some(Default::Int(0))),
            argument(Type::Text, Some(Default::EmptyText)),
        ],
        interpreted: Interpreted::Own(|_, _| Ok(Dynamic::UNIT)),
        ..Definition::BLANK
    };

    #[test]
    fn values_fill_the_arguments_in_order_and_a_text_at_the_end_is_the_last() {
        use Type::{Float, Int, Market, Text};
        type Places = [Option<usize>; 5];
        let cases: [(&[Type], Option<Places>); 8] = [
            (
                &[Market, Float, Int],
                Some([Some(0), Some(1), Some(2), None, None]),
            ),
            (
                &[Market, Int, Float, Int],
                Some([Some(0), Some(1), Some(2), Some(3), None]),
            ),
            (
                &[Market, Float, Float, Text],
                Some([Some(0), Some(1), Some(2), None, Some(3)]),
            ),
            (
                &[Market, Float, Float, Int, Text],
                Some([0, 1, 2, 3, 4].map(Some)),
            ),
            (&[Market, Float, Text], None),
            (&[Market, Float, Float, Float], None),
            (&[Market, Float, Float, Text, Int], None),
            (&[Market, Float], None),
        ];
        for (given, want) in cases {
            assert_eq!(LIMIT.fits(given), want.is_some(), "{given:?}");
            let ends_with_text = given.last() == Some(&Text);
            let places = [0, 1, 2, 3, 4].map(|at| LIMIT.given_to(at, given.len(), ends_with_text));
            if let Some(want) = want {
                assert_eq!(places, want, "{given:?}");
            }
        }
    }
}
