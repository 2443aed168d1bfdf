//! `claire explain`: the way of one order.

use super::Outcome;
use super::replay::failure_of;
use crate::envelope::Envelope;
use crate::exit::Failure;
use claire_pipeline::explain::{Explanation, Question, explain};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire explain c1-42 --journal run1        an order by its client order id
  claire explain 7 --journal run1            the order of fill number 7")]
pub struct Arguments {
    /// An order id as `c1-42`, or a fill's number.
    #[arg(value_name = "ID")]
    pub id: Question,
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Explains the order.
///
/// # Errors
/// A journal that cannot be read or has no such order.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let explanation = explain(&arguments.journal, arguments.id).map_err(failure_of)?;
    Ok(Outcome::done(
        text_of(&explanation),
        envelope.with_body(&explanation),
    ))
}

fn text_of(explanation: &Explanation) -> String {
    let Explanation {
        order,
        strategy,
        instrument,
        outcome,
        ..
    } = explanation;
    let mut text =
        format!("order     {order} of {strategy} on {instrument}\noutcome   {outcome}\n");
    for step in &explanation.steps {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  #{:<9} {:<9} {}",
            step.time, step.seq, step.kind, step.text
        );
    }
    text
}
