//! What a strategy says for the record: signals, notes, alerts, plots.
//!
//! Texts are put together in room on the stack and cut there, as the record cuts them: nothing is allocated.

use super::crossing::{Finite, Given, Text};
use super::definition::{Argument, Definition, Effect, Form, Group, Interpreted, Shim};
use super::{Fallible, Values};
use crate::compile::context::Context;
use crate::compile::ir::Type;
use crate::compile::tagged::{Passed, Tagged};
use crate::compile::text::TextWord;
use crate::lending::with_desk;
use crate::token::{Bar, Bars, Fill, Indicator, Market, Order, Trade};
use claire_engine::strategy::{Desk, NoteLevel};
use claire_types::Side;
use rhai::{Dynamic, FloatWrapper};
use std::any::type_name;
use std::fmt::{self, Write};

/// Returns the definitions of the functions.
pub(super) fn definitions() -> Vec<Definition> {
    let mut all = vec![NOTE, ALERT];
    for (definition, address) in all.iter_mut().zip([
        note_shim as *const () as usize,
        alert_shim as *const () as usize,
    ]) {
        definition.shim = Some(Shim {
            address,
            is_fallible: true,
        });
    }
    all.extend(signals_and_plots());
    all
}

fn signals_and_plots() -> Vec<Definition> {
    define! { Words;
        /// Records a statement that the next orders are counted to; `strength` is yours to define.
        acts function signal(side: Side, strength: Finite, reason: Text) -> () = signal;
        /// Records a point of a line of the chart.
        acts function plot(name "plot's name": Text, value "plotted value": f64) -> () = plot;
        /// Records a point of a line of the chart, in a pane of its own.
        acts function plot(pane "plot's pane": Text, name "plot's name": Text, value "plotted value": f64) -> () = plot_in;
    }
}

fn signal(desk: &mut dyn Desk, side: Side, strength: f64, reason: &str) {
    desk.signal(side, strength, reason);
}

fn plot(desk: &mut dyn Desk, name: &str, value: f64) {
    desk.plot("", name, value);
}

fn plot_in(desk: &mut dyn Desk, pane: &str, name: &str, value: f64) {
    desk.plot(pane, name, value);
}

/// `note(text, ...)`.
const NOTE: Definition = Definition {
    name: "note",
    form: Form::Function,
    group: Group::Words,
    arguments: &[TEXT],
    takes_more: true,
    returns: Type::Unit,
    effect: Effect::Acts,
    help: "Records a text; each `{}` in it is replaced by the next value, further values follow after spaces.",
    interpreted: Interpreted::Own(note),
    ..Definition::BLANK
};

/// `alert(level, text, ...)`.
const ALERT: Definition = Definition {
    name: "alert",
    arguments: &[
        Argument {
            name: "level",
            words: "alert's level",
            of: Type::Text,
            default: None,
        },
        TEXT,
    ],
    help: "Records a text as `note` does and shows it to people; the level is \"info\", \"warning\", \"error\" or \"critical\".",
    interpreted: Interpreted::Own(alert),
    ..NOTE
};

const TEXT: Argument = Argument {
    name: "text",
    words: "note's text",
    of: Type::Text,
    default: None,
};

fn note(definition: &Definition, values: Values<'_, '_>) -> Fallible<Dynamic> {
    let more = more(definition, values);
    let mut given = Given::new(definition, values);
    let text = given.next::<Text>()?;
    let words = Words::filled("", &text, &more);
    with_desk(|desk| desk.note(NoteLevel::Note, words.as_str()))?;
    Ok(Dynamic::UNIT)
}

fn alert(definition: &Definition, values: Values<'_, '_>) -> Fallible<Dynamic> {
    let more = more(definition, values);
    let mut given = Given::new(definition, values);
    let level = given.next::<Text>()?;
    let Some(level) = level_of(&level) else {
        let known = ALERT_LEVELS.join(", ");
        return Err(format!("the alert's level must be one of {known}").into());
    };
    let text = given.next::<Text>()?;
    let words = Words::filled(level, &text, &more);
    with_desk(|desk| desk.note(NoteLevel::Alert, words.as_str()))?;
    Ok(Dynamic::UNIT)
}

/// Returns the values after the named arguments.
fn more<'a>(definition: &Definition, values: &'a [&mut Dynamic]) -> Vec<&'a Dynamic> {
    let named = definition.arguments.len();
    let more = values.get(named..).unwrap_or_default();
    more.iter().map(|value| &**value).collect()
}

extern "C" fn note_shim(
    context: &mut Context<'_>,
    text: TextWord,
    first: *const Tagged,
    count: u64,
) {
    let words = Words::filled("", text.as_str(), Tagged::passed(first, count));
    context.desk().note(NoteLevel::Note, words.as_str());
}

extern "C" fn alert_shim(
    context: &mut Context<'_>,
    level: TextWord,
    text: TextWord,
    first: *const Tagged,
    count: u64,
) {
    let Some(level) = level_of(level.as_str()) else {
        return context.refuse();
    };
    let words = Words::filled(level, text.as_str(), Tagged::passed(first, count));
    context.desk().note(NoteLevel::Alert, words.as_str());
}

fn level_of(text: &str) -> Option<&'static str> {
    ALERT_LEVELS.into_iter().find(|known| *known == text)
}

/// A value that can stand in a text.
trait Shown {
    fn show(&self, words: &mut Words) -> fmt::Result;
}

impl Shown for &Dynamic {
    fn show(&self, words: &mut Words) -> fmt::Result {
        write!(words, "{self}")
    }
}

/// As the interpreter shows the same value.
impl Shown for Tagged {
    fn show(&self, words: &mut Words) -> fmt::Result {
        match self.value() {
            Passed::Unit => Ok(()),
            Passed::Bool(value) => write!(words, "{value}"),
            Passed::Int(value) => write!(words, "{value}"),
            Passed::Float(value) => write!(words, "{}", FloatWrapper::new(value)),
            Passed::Text(value) => words.write_str(value),
            Passed::Market(_) => words.write_str(type_name::<Market>()),
            Passed::Bars(_) => words.write_str(type_name::<Bars>()),
            Passed::Indicator(_) => words.write_str(type_name::<Indicator>()),
            Passed::Order(_) => words.write_str(type_name::<Order>()),
            Passed::Trade(_) => words.write_str(type_name::<Trade>()),
            Passed::Bar(_) => words.write_str(type_name::<Bar>()),
            Passed::Fill(_) => words.write_str(type_name::<Fill>()),
            Passed::Ints(items) => words.list(items.ints()),
            Passed::Floats(items) => words.list(items.floats().map(FloatWrapper::new)),
        }
    }
}

/// A text under construction; what is beyond its room is left out, from the first character that does not fit.
struct Words {
    bytes: [u8; WORDS_BYTES_MAX],
    len: usize,
    is_full: bool,
}

impl Words {
    /// Returns the text with each `{}` replaced by the next value; more values follow after a space each.
    fn filled<S: Shown>(level: &str, template: &str, values: &[S]) -> Self {
        let mut words = Self {
            bytes: [0; WORDS_BYTES_MAX],
            len: 0,
            is_full: false,
        };
        // Full is the only way to fail, and then the text is complete.
        let _ = words.fill(level, template, values);
        words
    }

    fn fill<S: Shown>(&mut self, level: &str, template: &str, values: &[S]) -> fmt::Result {
        if !level.is_empty() {
            self.write_str(level)?;
            self.write_str(": ")?;
        }
        let mut values = values.iter();
        let mut parts = template.split("{}");
        self.write_str(parts.next().unwrap_or_default())?;
        for part in parts {
            match values.next() {
                Some(value) => value.show(self)?,
                None => self.write_str("{}")?,
            }
            self.write_str(part)?;
        }
        for value in values {
            self.write_str(" ")?;
            value.show(self)?;
        }
        Ok(())
    }

    fn list(&mut self, items: impl Iterator<Item = impl fmt::Debug>) -> fmt::Result {
        self.write_str("[")?;
        for (index, item) in items.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(self, "{comma}{item:?}")?;
        }
        self.write_str("]")
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_full {
            return Err(fmt::Error);
        }
        let whole = text.len();
        let mut len = whole.min(WORDS_BYTES_MAX - self.len);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let room = self.bytes.get_mut(self.len..self.len + len);
        let Some((room, text)) = room.zip(text.as_bytes().get(..len)) else {
            return Err(fmt::Error);
        };
        room.copy_from_slice(text);
        self.len += len;
        self.is_full = len < whole;
        Ok(())
    }
}

/// Room for a text: more than a record holds.
const WORDS_BYTES_MAX: usize = 256;

/// How urgent an alert may be.
const ALERT_LEVELS: [&str; 4] = ["info", "warning", "error", "critical"];
