//! `claire explain`: the way of one order, from the market event to its fills, or why it had none.
//!
//! Called by the command line on its thread. Reads the journal for what was recorded, and the run's inputs for the
//! market events that caused it; nothing is decided again.

mod find;
mod market;
mod outcome;
mod story;
mod texts;
mod version;

pub use version::ScriptVersion;

use crate::inputs;
use crate::run::{RunError, SEMANTICS_VERSION};
use claire_sidecar::{JournalHeader, JournalReader};
use claire_types::record::{NoteKind, NoteRecord};
use claire_types::{Input, OrderId, Record, WallNs};
use find::{Finder, Target};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;
use story::Story;

/// What explaining came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The order's way.
    Found(Box<Explanation>),
    /// The journal has no such id.
    Unknown(Unknown),
}

/// An order's way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The order; empty for a signal that no order followed.
    pub order: String,
    /// Its strategy, by the configuration's name.
    pub strategy: String,
    /// Its instrument.
    pub instrument: String,
    /// The version of the script that it was placed under; absent where no other ran.
    pub script: Option<ScriptVersion>,
    /// `filled`, `partially_filled`, `unfilled`, `denied`, `working`, `held`, `not_sent` or `no_order`.
    pub verdict: &'static str,
    /// How it ended and why, in a sentence.
    pub outcome: String,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// What could not be told, and why.
    pub note: Option<String>,
}

/// One step of an order's way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Engine sequence of the input that it is, or that caused it.
    pub seq: u64,
    /// The record's place among those of the input; absent of inputs.
    pub index: Option<u32>,
    /// Engine time, of an input its receive time, ns since 1970 UTC.
    pub time_ns: i64,
    /// The same as ISO text.
    pub time: String,
    /// `market`, `signal`, `decision`, `order`, `event`, `fill`, `position`, `arrived`, `rested`, `held` or `reload`.
    pub kind: &'static str,
    /// What it says.
    pub text: String,
    /// The numbers in it.
    pub facts: Map<String, Value>,
}

/// An id that the journal does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// What was asked for.
    pub asked: String,
    /// The ids nearest to it, the lower one first.
    pub nearest: Vec<String>,
    /// What ids the journal has, in words.
    pub held: String,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// An order by its client order id.
    Order(OrderId),
    /// The order of a fill by the fill's number.
    Fill(u64),
    /// The order of a record, as a signal, by the record's id.
    Record {
        /// Engine sequence of its input.
        seq: u64,
        /// Its place among that input's records.
        index: u32,
    },
}

impl std::str::FromStr for Question {
    type Err = String;

    /// Takes `c1-17`, a fill's number as `7` or `f7`, or a record's id as `408.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no id: an order is c1-17, a fill 7 or f7, a signal or other record 408.5"
            )
        };
        if text.starts_with('c') {
            return order_id(text).map(Self::Order).ok_or_else(wrong);
        }
        if let Some((seq, index)) = text.split_once('.') {
            return Ok(Self::Record {
                seq: seq.parse().map_err(|_| wrong())?,
                index: index.parse().map_err(|_| wrong())?,
            });
        }
        let number = text.strip_prefix('f').unwrap_or(text);
        number.parse().map(Self::Fill).map_err(|_| wrong())
    }
}

/// Reads a client order id, `c1-17`.
fn order_id(text: &str) -> Option<OrderId> {
    let (epoch, number) = text.strip_prefix('c')?.split_once('-')?;
    let (epoch, number): (u32, u64) = (epoch.parse().ok()?, number.parse().ok()?);
    let fits = epoch < 1 << (64 - OrderId::NUMBER_BITS) && number < 1 << OrderId::NUMBER_BITS;
    fits.then(|| OrderId::new(epoch, number))
}

/// Returns the order that the engine says it holds, or held: `holds c1-17: ...`, `c1-17 is not sent: ...`.
fn held_order(note: &NoteRecord) -> Option<OrderId> {
    if note.kind != NoteKind::Note {
        return None;
    }
    let text = note.text.as_str();
    let id = match text.strip_prefix("holds ") {
        Some(rest) => rest.split([':', ' ']).next()?,
        None => text.split_once(" is not sent: ")?.0,
    };
    order_id(id)
}

/// Shows the id as it is typed.
impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Order(order) => write!(f, "{order}"),
            Self::Fill(number) => write!(f, "f{number}"),
            Self::Record { seq, index } => write!(f, "{seq}.{index}"),
        }
    }
}

impl Step {
    fn new(seq: u64, index: Option<u32>, time: WallNs, kind: &'static str, text: String) -> Self {
        Self {
            seq,
            index,
            time_ns: time.0,
            time: time.to_string(),
            kind,
            text,
            facts: Map::new(),
        }
    }

    fn with(mut self, facts: Value) -> Self {
        if let Value::Object(facts) = facts {
            self.facts.extend(facts);
        }
        self
    }
}

/// Explains an id of the journal in `dir`; the run's files are looked for in `data`, too.
///
/// # Errors
/// A journal that cannot be read. An id that it does not have is no error, see [`Answer::Unknown`].
pub fn explain(dir: &Path, question: Question, data: Option<&Path>) -> Result<Answer, RunError> {
    let mut finder = Finder::new(question);
    let header = each_record(dir, |_, record| {
        if let Some((header, record)) = record {
            finder.take(&header, &record);
        }
    })?;
    let target = match finder.finish() {
        Ok(target) => target,
        Err(unknown) => return Ok(Answer::Unknown(unknown)),
    };
    let mut story = Story::new(target, &header.body);
    each_record(dir, |input, record| {
        if let Some(Input::Instrument(facts)) = input {
            story.know(facts);
        }
        if let Some((header, record)) = record {
            story.take(&header, &record);
        }
    })?;
    let note = add_market(&mut story, &header, dir, data)?;
    Ok(Answer::Found(Box::new(Explanation {
        note,
        ..story.told()
    })))
}

/// Adds the market events to the story; returns what could not be added, and why.
fn add_market(
    story: &mut Story,
    header: &JournalHeader,
    dir: &Path,
    data: Option<&Path>,
) -> Result<Option<String>, RunError> {
    if header.semantics_version != SEMANTICS_VERSION {
        return Ok(Some(format!(
            "market events are left out: the journal is of engine semantics {}, this program of {SEMANTICS_VERSION}",
            header.semantics_version
        )));
    }
    let files = match inputs::find(header, dir, data) {
        Ok(files) => files,
        Err(error) => return Ok(Some(format!("market events are left out: {error}"))),
    };
    let mut market = story.market_questions();
    inputs::walk(dir, files, |seq, header, input| {
        market.take(seq, header, input)
    })?;
    story.answer(market);
    Ok(None)
}

/// Calls `each` with every message of the journal that is an input or a record; returns the header.
fn each_record(
    dir: &Path,
    mut each: impl FnMut(Option<Input<'_>>, Option<(claire_types::record::RecordHeader, Record)>),
) -> Result<JournalHeader, RunError> {
    let mut reader = JournalReader::open(dir)?;
    while let Some(message) = reader.next_message()? {
        match Record::decode(&message.cells) {
            Ok(record) => each(None, Some(record)),
            Err(_) => each(
                Input::decode(&message.cells).ok().map(|(_, input)| input),
                None,
            ),
        }
    }
    Ok(reader.header().clone())
}

/// Returns the order of a target, for the story.
const fn order_of(target: &Target) -> Option<OrderId> {
    match target {
        Target::Order(order) => Some(*order),
        Target::Signal { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_others_refused() {
        let cases = [
            ("c1-17", Some(Question::Order(OrderId::new(1, 17)))),
            ("7", Some(Question::Fill(7))),
            ("f7", Some(Question::Fill(7))),
            ("408.5", Some(Question::Record { seq: 408, index: 5 })),
            ("c1", None),
            ("c1-", None),
            ("f", None),
            ("-1", None),
            ("1.x", None),
            ("c1-99999999999999999999", None),
            ("c16777216-1", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<Question>().ok(), want, "{text}");
        }
        for (text, want) in [
            ("holds c1-2: sell 0.01, 5 behind", Some(2)),
            ("holds c1-3 as before the swap", Some(3)),
            ("c1-4 is not sent: cancelled_by_engine", Some(4)),
            ("c1-5 is mine", None),
            ("holds on", None),
        ] {
            let (kind, text) = (NoteKind::Note, claire_types::Note::cut(text));
            let order = held_order(&NoteRecord { kind, text });
            assert_eq!(order, want.map(|number| OrderId::new(1, number)), "{text}");
        }
        for question in [Question::Fill(7), Question::Record { seq: 1, index: 2 }] {
            assert_eq!(question.to_string().parse(), Ok(question));
        }
    }
}
