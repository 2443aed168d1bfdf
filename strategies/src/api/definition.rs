//! What a function of the interface is: its words for people, its types for the compiler, its code for both.
//!
//! One [`Definition`] per function or property. The interpreter's registration, the compiled call and
//! `strategies/API.md` are made from it, so that they cannot differ.

use crate::compile::ir::Type;

/// A function, method or property that scripts may use.
#[derive(Debug)]
pub struct Definition {
    /// Its name in scripts.
    pub name: &'static str,
    /// How it is written.
    pub form: Form,
    /// What it takes, the receiver first.
    pub arguments: &'static [Argument],
    /// Takes any number of further values after the named ones (`note`).
    pub takes_more: bool,
    /// What it returns.
    pub returns: Type,
    /// What it does to the world.
    pub effect: Effect,
    /// Its line in the reference: one sentence, with units.
    pub help: &'static str,
    /// Its code for compiled handlers; `None` where only the interpreter can call it.
    pub shim: Option<Shim>,
}

/// How a function is written in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `name(a, b)`.
    Function,
    /// `receiver.name(a)`.
    Method,
    /// `receiver.name`.
    Property,
}

/// An argument of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Argument {
    /// Its name in the reference.
    pub name: &'static str,
    /// Its type; a float takes an integer too.
    pub of: Type,
    /// What it is where the script leaves it out; `None` where it must not.
    pub default: Option<Default>,
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

/// What a call does to the world; the emitter keeps loaded facts only over what does not act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Depends on nothing but its arguments.
    Pure,
    /// Reads the desk.
    Reads,
    /// Changes something: orders, timers, records.
    Acts,
    /// May be called in `init` only, which is always interpreted.
    Declares,
}

/// The address of an `extern "C"` function: `fn(&mut Context, argument words...) -> result word`.
///
/// Bools are `i8`, floats `f64`, all else 64 bits; [`Type::Unit`] returns nothing. Of a function that
/// takes more, the named arguments are followed by a pointer to [`crate::compile::ir::Type`]-tagged
/// values and their count.
#[derive(Clone, Copy, Debug)]
pub struct Shim {
    /// The address.
    pub address: usize,
    /// It may refuse: it then sets the context's exit, which the caller must look at.
    pub is_fallible: bool,
}
