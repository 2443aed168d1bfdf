//! `claire explain`: the way of one order.

use super::Outcome;
use super::replay::failure_of;
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};
use claire_pipeline::explain::{Answer, Explanation, Question, Unknown, explain};
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire explain c1-42 --journal run1        an order by its client order id
  claire explain f7 --journal run1           the order of fill 7
  claire explain 408.5 --journal run1        the order of a signal or another record: sequence.index

Exit status 3 where the journal has no such id; the nearest ones are named.")]
pub struct Arguments {
    /// An order as `c1-42`, a fill as `f7` or `7`, a signal or another record as `408.5`.
    #[arg(value_name = "ID")]
    pub id: Question,
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
    /// A folder that the run's recorded files may have moved to.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Explains the order.
///
/// # Errors
/// A journal that cannot be read.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let data = arguments.data.as_deref();
    let answer = explain(&arguments.journal, arguments.id, data).map_err(failure_of)?;
    Ok(match answer {
        Answer::Found(explanation) => Outcome::of(
            text_of(&explanation),
            envelope
                .with_body(&json!({ "found": true }))
                .with_body(&explanation),
        ),
        Answer::Unknown(unknown) => Outcome {
            exit: Exit::No,
            text: text_of_unknown(&unknown, arguments),
            envelope: envelope
                .with_body(&json!({ "found": false }))
                .with_body(&unknown),
        },
    })
}

fn text_of(explanation: &Explanation) -> String {
    let Explanation {
        order,
        strategy,
        instrument,
        outcome,
        script,
        ..
    } = explanation;
    let order = if order.is_empty() { "none" } else { order };
    let mut text =
        format!("order     {order} of {strategy} on {instrument}\noutcome   {outcome}\n");
    if let Some(version) = script {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "script    placed under {version}; others ran in this run, too"
        );
    }
    for step in &explanation.steps {
        let place = match step.index {
            Some(index) => format!("{}.{index}", step.seq),
            None => step.seq.to_string(),
        };
        let _ = writeln!(
            text,
            "{}  {place:<10} {:<8}  {}",
            step.time, step.kind, step.text
        );
    }
    if let Some(note) = &explanation.note {
        let _ = writeln!(text, "note      {note}");
    }
    text
}

fn text_of_unknown(unknown: &Unknown, arguments: &Arguments) -> String {
    let nearest = match unknown.nearest.as_slice() {
        [] => String::new(),
        nearest => format!("nearest   {}\n", nearest.join(", ")),
    };
    format!(
        "{}: no {} in it; it has {}\n{nearest}",
        arguments.journal.display(),
        unknown.asked,
        unknown.held
    )
}
