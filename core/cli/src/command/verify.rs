//! `claire verify`: runs a journal again and compares every output.

use super::Outcome;
use super::replay::failure_of;
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};
use claire_pipeline::verify::{Verdict, Verified, verify};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire verify data/claire/journal/3f2a...
  claire verify run1 --json
  claire verify run1 --from 12
  claire verify run1 --data ~/recordings     where the recorded files went since

Each segment but the first begins with a snapshot of the engine: a journal whose oldest segments were removed is
verified from the first one that is there, and --from begins with a later one.

Exit status 3 where an output differs, with the first difference, or where the journal is of other semantics;
1 where the journal is damaged, with file and byte offset.")]
pub struct Arguments {
    /// The journal's folder.
    #[arg(value_name = "DIR")]
    pub journal: PathBuf,
    /// Begin with the snapshot of this segment.
    #[arg(long, value_name = "SEGMENT", value_parser = clap::value_parser!(u32).range(1..))]
    pub from: Option<u32>,
    /// A folder that the run's recorded files may have moved to; they are known by their SHA-256.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Runs the verification.
///
/// # Errors
/// A journal that cannot be read or run again.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let data = arguments.data.as_deref();
    let verified = verify(&arguments.journal, arguments.from, data).map_err(failure_of)?;
    let (exit, verdict, text) = words(&verified);
    let difference = match &verified.verdict {
        Verdict::Differs {
            place,
            recorded,
            made,
        } => json!({ "place": place, "recorded": recorded, "made": made }),
        _ => json!(null),
    };
    let body = json!({
        "verdict": verdict,
        "segment": verified.segment,
        "inputs": verified.inputs,
        "frames": verified.frames_of_files.map(|(frames, _)| frames),
        "files": verified.frames_of_files.map(|(_, files)| files),
        "records": verified.records,
        "snapshots": verified.snapshots,
        "digest": verified.digest,
        "difference": difference,
    });
    Ok(Outcome {
        exit,
        text,
        envelope: envelope.with_body(&body),
    })
}

fn words(verified: &Verified) -> (Exit, &'static str, String) {
    let Verified {
        records,
        snapshots,
        digest,
        segment,
        ..
    } = verified;
    let from = match segment {
        1 => String::new(),
        later => format!(", from the snapshot of segment {later}"),
    };
    match &verified.verdict {
        Verdict::Equal => (
            Exit::Done,
            "equal",
            format!(
                "equal: {records} records of {}, {snapshots} snapshots{from}\ndigest    {digest}\n",
                what_came_in(verified)
            ),
        ),
        Verdict::EqualSoFar => {
            let text = format!(
                "equal so far: {records} records, {snapshots} snapshots{from}; the journal was never finished\ndigest    {digest}\n"
            );
            (Exit::Done, "equal so far", text)
        }
        Verdict::Differs {
            place,
            recorded,
            made,
        } => {
            let text = format!(
                "differs at {place}, after {records} equal records\njournal   {recorded}\nthis run  {made}\n"
            );
            (Exit::No, "differs", text)
        }
        Verdict::OtherSemantics { journal, ours } => {
            let text = format!(
                "not comparable: the journal is of engine semantics {journal}, this program of {ours}\n"
            );
            (Exit::No, "other semantics", text)
        }
    }
}

/// Returns what the records were made of.
fn what_came_in(verified: &Verified) -> String {
    match verified.frames_of_files {
        Some((frames, 1)) => format!("{} frames in 1 file", grouped(frames)),
        Some((frames, files)) => format!("{} frames in {files} files", grouped(frames)),
        None => format!("{} journaled inputs", grouped(verified.inputs)),
    }
}

/// Returns the number with a comma at every thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
