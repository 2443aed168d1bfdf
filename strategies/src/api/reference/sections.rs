//! The words of the reference that are not in a table.

use crate::api::definition::Group;

/// A group with its heading, its words and its example.
pub(super) struct Section {
    pub group: Group,
    pub title: &'static str,
    pub words: &'static str,
    pub example: &'static str,
}

pub(super) const HEAD: &str = r#"# The interface of strategies

<!-- Made from the definitions in strategies/src/api: change those, then run
     CLAIRE_API=write cargo test -p claire-strategies --test strategies reference -->

A strategy is one `.rhai` file. It holds a map, `this`, and handlers that the engine calls. Everything below can be
used in handlers; what is marked "`init` only" in `init`.

- Prices are quote per base, quantities base units on every venue, durations milliseconds, times nanoseconds since
  1970 UTC. What is not known is 0.
- `int`, `float`, `bool` and `text` are Rhai's `i64`, `f64`, `bool` and string. Where a float is asked for, an int
  will do.
- An argument with `=` may be left out. A text at the end is always the last argument, so a reason may follow
  directly: `m.buy_limit(1.0, m.bid, "near the bid")`.
- **Effect** says what a call does to the world: none, it reads, or it acts (orders, timers, records). A handler's call
  is a transaction: where it ends in an error, nothing of what it did remains, and `this` is as it was before.
- Fields of `this` keep their type: a call that leaves another type in one fails. `()` is no value yet: such a field
  takes any type, and any field may become `()` again.
- Handlers are compiled to machine code where every type can be told; what has no
  compiled form is run by Rhai's interpreter, with the same result. `claire check FILE` says which, and why.
"#;

pub(super) const HANDLERS: &str = r#"`init` must be there, and one handler at least. `m` is the market that the call is about. No handler but `init` is called
before all indicators of the strategy are warm, see `warmup`.
"#;
pub(super) const HANDLERS_EXAMPLE: &str = include_str!("examples/handlers.rhai");

pub(super) const SECTIONS: &[Section] = &[
    Section {
        group: Group::Market,
        title: "The market",
        words: "Numbers of the market as of this call. Ranks and levels count from 0, the best.",
        example: include_str!("examples/market.rhai"),
    },
    Section {
        group: Group::Events,
        title: "What handlers are given",
        words: "Copies: they keep their numbers when they are stored in `this`.",
        example: include_str!("examples/events.rhai"),
    },
    Section {
        group: Group::Orders,
        title: "Orders",
        words: "Risk answers at once; the handle says what it said. A quantity or price that is NaN or infinite is an error; \
every other doubt is risk's to answer, and a denied order is no error. Quantities are rounded toward zero, limit prices \
away from the market (buy down, sell up). Flags combine with `|`.",
        example: include_str!("examples/orders.rhai"),
    },
    Section {
        group: Group::Handles,
        title: "Handles",
        words: "What became of an order. A handle can be a field of `this`; it stays good for as long as the run.",
        example: include_str!("examples/handles.rhai"),
    },
    Section {
        group: Group::Sizes,
        title: "Sizes",
        words: "Quantities from money. Both are 0 where the book is not known.",
        example: include_str!("examples/sizes.rhai"),
    },
    Section {
        group: Group::Indicators,
        title: "Bars and indicators",
        words: "Declared in `init` and kept as fields of `this`; the engine computes them, also before the first call. \
An indicator is a method of bars (`m.bars(\"5m\").ema(20)`), or of the market, where it is computed on each mid or, \
with `\"trades\"` or `\"book\"` at the end, on each trade or change of the book.",
        example: include_str!("examples/indicators.rhai"),
    },
    Section {
        group: Group::Outputs,
        title: "What indicators say",
        words: "Outputs beside the value are properties, too, by the names above; with `_prev` at the end they are \
one update old. An output that the kind does not have is an error.",
        example: include_str!("examples/outputs.rhai"),
    },
    Section {
        group: Group::Timers,
        title: "Timers",
        words: "From 1 ms to a week, by the engine's time. They belong to the strategy, not to a market.",
        example: include_str!("examples/timers.rhai"),
    },
    Section {
        group: Group::Words,
        title: "Words and charts",
        words: "For people, and for the record. A text is cut at 112 bytes.",
        example: include_str!("examples/words.rhai"),
    },
    Section {
        group: Group::Mathematics,
        title: "Mathematics",
        words: "The same bits on every machine: what IEEE 754 does not define exactly comes from `libm`. Also written as \
methods (`x.abs()`); `floor`, `ceiling`, `round`, `int`, `fraction` and the questions also as properties (`x.floor`). \
Floats are compared as Rhai does: with a relative epsilon, so that `0.1 + 0.2 == 0.3` is true.",
        example: include_str!("examples/mathematics.rhai"),
    },
];

pub(super) const PARAMETERS: &str = r#"
## Parameters and constants

A top-level `const` is known in every function. `param(name, default, min, max[, step[, help]])` makes one that can be
set from outside: `--set STRATEGY.name=value`, then the configuration, then the default. The default decides the type;
a switch is `param(name, true)`.
"#;
pub(super) const PARAMETERS_EXAMPLE: &str = include_str!("examples/parameters.rhai");

pub(super) const LIMITS: &str = r#"
## Limits

A handler's call that goes beyond one of these, or takes too long, is cut: what it did is undone, no `try` catches it, and the
strategy is halted. A strategy is halted, too, when ten calls in a row end in an error.
"#;

pub(super) const NUMBERS: &str = r#"
More than these is an error of the call; what a strategy may have:
"#;
