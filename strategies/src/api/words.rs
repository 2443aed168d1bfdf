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
    let note = Definition {
        shim: Some(Shim {
            address: note_shim as *const () as usize,
            is_fallible: false,
        }),
        ..NOTE
    };
    let alert = Definition {
        shim: Some(Shim {
            address: alert_shim as *const () as usize,
            is_fallible: true,
        }),
        ..ALERT
    };
    let mut all = vec![note, alert];
    all.extend(signals_and_plots());
    all
}

fn signals_and_plots() -> Vec<Definition> {
    define! { Words;
        /// Records a statement that the next orders are counted to; `strength` is yours to define.
        asks function signal(side: Side, strength: Finite, reason: Text) -> () = signal;
        /// Records a point of a line of the chart.
        asks function plot(name "plot's name": Text, value "plotted value": f64) -> () = plot;
        /// Records a point of a line of the chart, in a pane of its own.
        asks function plot(pane "plot's pane": Text, name "plot's name": Text, value "plotted value": f64) -> () = plot_in;
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
    effect: Effect::Asks,
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
            least: None,
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
    least: None,
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
            Passed::Token(of) => words.write_str(token_name(of)),
            Passed::Ints(items) => words.list(items.ints()),
            Passed::Floats(items) => words.list(items.floats().map(FloatWrapper::new)),
        }
    }
}

/// Returns how the interpreter shows a value of our own types: by the type's name.
fn token_name(of: Type) -> &'static str {
    match of {
        Type::Market => type_name::<Market>(),
        Type::Bars => type_name::<Bars>(),
        Type::Indicator => type_name::<Indicator>(),
        Type::Order => type_name::<Order>(),
        Type::Trade => type_name::<Trade>(),
        Type::Bar => type_name::<Bar>(),
        Type::Fill => type_name::<Fill>(),
        _ => "",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::array::Array;
    use claire_types::Note;

    /// Texts of the same values as the interpreter and as machine code has them.
    fn both(template: &str, values: &[(Dynamic, Tagged)]) -> [String; 2] {
        let (dynamic, tagged): (Vec<Dynamic>, Vec<Tagged>) = values.iter().cloned().unzip();
        let dynamic: Vec<&Dynamic> = dynamic.iter().collect();
        [
            Words::filled("", template, &dynamic).as_str().to_owned(),
            Words::filled("", template, &tagged).as_str().to_owned(),
        ]
    }

    fn float(value: f64) -> (Dynamic, Tagged) {
        (value.into(), Tagged::new(Type::Float, value.to_bits()))
    }

    fn int(value: i64) -> (Dynamic, Tagged) {
        (value.into(), Tagged::new(Type::Int, value as u64))
    }

    #[test]
    fn a_value_of_machine_code_reads_as_the_interpreters() {
        let floats = [
            0.0,
            -0.0,
            1.0,
            0.1,
            -2.5,
            1e15,
            1e16,
            1e20,
            1e-5,
            1e-7,
            1e-320,
            123456.789,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let ints = [0, -1, i64::MAX, i64::MIN].map(int);
        let text = TextWord::of(&"a {} text");
        let mut all = floats.map(float).to_vec();
        all.extend(ints);
        all.push((Dynamic::TRUE, Tagged::new(Type::Bool, 1)));
        all.push((Dynamic::FALSE, Tagged::new(Type::Bool, 0)));
        all.push(("a {} text".into(), Tagged::new(Type::Text, text.word())));
        all.push((Dynamic::UNIT, Tagged::new(Type::Unit, 0)));
        let market = Market(claire_types::InstrumentId(3));
        all.push((Dynamic::from(market), Tagged::new(Type::Market, 3)));
        for value in &all {
            let [interpreted, compiled] = both("x {} y", std::slice::from_ref(value));
            assert_eq!(interpreted, compiled);
            assert_eq!(interpreted, format!("x {} y", value.0));
        }
    }

    #[test]
    fn arrays_of_machine_code_read_as_the_interpreters() {
        let (mut ints, mut floats) = (Array::default(), Array::default());
        for item in [1_i64, -2] {
            ints.push(item as u64);
        }
        for item in [0.5_f64, 1e20, 2.0] {
            floats.push(item.to_bits());
        }
        let address = |array: &Array| std::ptr::from_ref(array) as usize as u64;
        let values = [
            (
                Dynamic::from_array(vec![1_i64.into(), (-2_i64).into()]),
                Tagged::new(Type::Ints, address(&ints)),
            ),
            (
                Dynamic::from_array(vec![0.5.into(), 1e20.into(), 2.0.into()]),
                Tagged::new(Type::Floats, address(&floats)),
            ),
        ];
        let [interpreted, compiled] = both("{}", &values);
        assert_eq!(interpreted, compiled);
    }

    #[test]
    fn values_fill_the_braces_and_the_rest_follows() {
        let cases = [
            ("a {} b {}", "a 1 b 2 3"),
            ("{}{}{}{}", "123{}"),
            ("none", "none 1 2 3"),
            ("", " 1 2 3"),
        ];
        for (template, want) in cases {
            let [interpreted, compiled] = both(template, &[1, 2, 3].map(int));
            assert_eq!([interpreted.as_str(), &compiled], [want; 2]);
        }
    }

    #[test]
    fn a_long_text_is_cut_where_the_record_cuts_it() {
        for length in [100, 111, 112, 113, 250, 255, 256, 257, 1_000] {
            let template = format!("{}é{{}}", "x".repeat(length));
            let whole = template.replace("{}", "12345");
            let [interpreted, compiled] = both(&template, &[int(12_345)]);
            assert_eq!(Note::cut(&interpreted), Note::cut(&whole));
            assert_eq!(interpreted, compiled);
            assert!(whole.starts_with(&interpreted));
        }
    }
}
