//! Making a failing case small: parts of the script, events and expressions are left out while it fails.

use super::code::Text;
use super::input::Input;
use super::pair::{Difference, Verdict, run};
use std::fmt;

/// A case that fails, as small as it was found to be.
#[derive(Debug)]
pub(super) struct Smallest {
    pub text: String,
    pub inputs: Vec<Input>,
    pub difference: Difference,
}

/// Returns a smaller case that fails, too.
pub(super) fn shrink(script: &Text, runs: &[Vec<Input>], difference: Difference) -> Smallest {
    let mut script = script.clone();
    let mut smallest = Smallest {
        text: script.to_string(),
        inputs: runs.get(difference.run).cloned().unwrap_or_default(),
        difference,
    };
    let mut tries = TRIES_MAX;
    while let Some(next) = script
        .smaller()
        .into_iter()
        .find(|next| smallest.takes(&next.to_string(), &mut tries))
    {
        script = next;
    }
    while smallest.leaves_out_an_event(&mut tries) || smallest.leaves_out_a_part(&mut tries) {}
    smallest
}

impl Smallest {
    /// Takes another text where it fails.
    fn takes(&mut self, text: &str, tries: &mut usize) -> bool {
        if *tries == 0 {
            return false;
        }
        *tries -= 1;
        let Verdict::Different(difference) = run(text, std::slice::from_ref(&self.inputs)) else {
            return false;
        };
        self.text = text.to_owned();
        self.difference = difference;
        true
    }

    fn leaves_out_an_event(&mut self, tries: &mut usize) -> bool {
        for at in 0..self.inputs.len() {
            let mut fewer = self.inputs.clone();
            fewer.remove(at);
            *tries = tries.saturating_sub(1);
            if let Verdict::Different(difference) = run(&self.text, std::slice::from_ref(&fewer)) {
                self.inputs = fewer;
                self.difference = difference;
                return true;
            }
        }
        false
    }

    /// Puts something plain in the place of what stands in parentheses, or one side of an operator.
    fn leaves_out_a_part(&mut self, tries: &mut usize) -> bool {
        let text = self.text.clone();
        for (start, _) in text.match_indices('(') {
            let Some(end) = closing(&text, start) else {
                continue;
            };
            let inner = &text[start + 1..end];
            let sides = [
                " + ", " - ", " * ", " / ", " % ", " < ", " == ", " && ", " || ",
            ];
            let halves = sides.iter().filter_map(|side| inner.split_once(side));
            let halves = halves.flat_map(|(one, other)| [one.to_owned(), other.to_owned()]);
            let plain = ["1", "0.5", "true", "\"abc\"", ""].map(str::to_owned);
            for instead in plain.into_iter().chain(halves) {
                let shorter = format!("{}({instead}){}", &text[..start], &text[end + 1..]);
                if shorter.len() < text.len() && self.takes(&shorter, tries) {
                    return true;
                }
            }
        }
        false
    }
}

impl fmt::Display for Smallest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = &self.difference;
        writeln!(f, "{}", self.text)?;
        writeln!(f, "events {:?}", self.inputs)?;
        match difference.event {
            Some(event) => writeln!(f, "`{}`, event {event}", difference.handler)?,
            None => writeln!(f, "`{}`", difference.handler)?,
        }
        writeln!(f, "machine code:\n{}", difference.compiled)?;
        writeln!(f, "interpreter:\n{}", difference.interpreted)
    }
}

/// Returns where the parenthesis is closed that is opened at `start`.
fn closing(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Runs that making a case smaller may take.
const TRIES_MAX: usize = 4_000;
