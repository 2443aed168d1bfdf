//! `claire bench`: how fast compiled strategies are, beside the same in Rust and other ways to run them.

use super::Outcome;
use crate::envelope::Envelope;
use crate::exit::{Exit, Failure};
use claire_pipeline::clock::Clock;
use claire_strategies::contest::{self, Rounds, STRATEGIES, Session};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of `bench`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  claire bench --only script              compiled scripts, the same in Rust, Rhai's interpreter and bytecode
  claire bench --only script --json
  benches/opponents/run                   the same with LuaJIT: builds the opponents' program, then calls this

Every form of a strategy gets the same events in the same process, a block at a time in turns, and a form that asks
anything else of its desk than the others is an error. Figures are ns an event, the median of all blocks. Compare
ratios of one table; an absolute time means little on a busy machine.

LuaJIT is not part of this program. Where the opponents' program is found (--opponents, CLAIRE_OPPONENTS, or built in
benches/opponents under the working directory), the whole table is measured by it, in its one process.

Exit status 3 where a form did other work than the strategy in Rust.")]
pub struct Arguments {
    /// What to measure; else all there is.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub only: Option<What>,
    /// Times that the events are gone through.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub passes: u16,
    /// The opponents' program.
    #[arg(long, env = "CLAIRE_OPPONENTS", value_name = "PROGRAM")]
    pub opponents: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Calls of strategies.
    Script,
}

/// Measures.
///
/// # Errors
/// Forms that differ in what they do, and an opponents' program that cannot be run.
pub fn run(arguments: &Arguments, envelope: Envelope) -> Result<Outcome, Failure> {
    let (script, why) = match opponents(arguments)? {
        Some(program) => (asked(&program, arguments.passes)?, None),
        None => (measured(arguments.passes)?, Some(WITHOUT_LUAJIT)),
    };
    let mut text = text_of(&script);
    if let Some(why) = why {
        let _ = writeln!(text, "\nluajit: {why}");
    }
    let mut body = json!({ "script": script });
    if let (Some(why), Some(fields)) = (why, body.as_object_mut()) {
        fields.insert("luajit".to_owned(), json!({ "reason": why }));
    }
    Ok(Outcome::of(text, envelope.with_body(&body)))
}

/// Returns the opponents' program, where one was named or built.
fn opponents(arguments: &Arguments) -> Result<Option<PathBuf>, Failure> {
    match &arguments.opponents {
        Some(program) if program.is_file() => Ok(Some(program.clone())),
        Some(program) => {
            let text = format!("--opponents {}: there is no such file", program.display());
            Err(Failure::usage("OPPONENTS", text).with_hint(WITHOUT_LUAJIT))
        }
        None => Ok(Some(PathBuf::from(BUILT)).filter(|built| built.is_file())),
    }
}

/// Returns the table as the opponents' program measures it.
fn asked(program: &Path, passes: u16) -> Result<Value, Failure> {
    let name = program.display().to_string();
    let failed = |text: String| Failure::failed("OPPONENTS", text).at(&name, None);
    let output = Command::new(program)
        .args(["--passes", &passes.to_string()])
        .output()
        .map_err(|cause| failed(format!("cannot be run: {cause}")))?;
    let words = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(3) => return Err(differs(words.trim())),
        _ => return Err(failed(format!("{}: {}", output.status, words.trim()))),
    }
    let table = serde_json::from_slice::<Value>(&output.stdout);
    let table = table.map_err(|cause| failed(format!("its answer is no table: {cause}")))?;
    let is_whole = STRATEGIES.iter().all(|name| {
        let row = table.get(name);
        row.is_some_and(|row| COLUMNS.iter().all(|of| number(row, of).is_some()))
    });
    match is_whole {
        true => Ok(table),
        false => Err(failed(
            "its answer has not every figure: build it anew".to_owned(),
        )),
    }
}

/// Returns the table as this process measures it.
fn measured(passes: u16) -> Result<Value, Failure> {
    let clock = Clock::start();
    let mut table = Map::new();
    let rounds = Rounds {
        passes: usize::from(passes),
        ..Rounds::default()
    };
    for name in STRATEGIES {
        let session = Session::new(name).map_err(|text| Failure::failed("SCRIPT", text))?;
        let held = contest::hold(&session, Vec::new(), rounds, &mut || clock.mono().0);
        let held = held.map_err(|text| differs(&text))?;
        let medians = held.medians().map(|(name, ns)| (name, json!(ns)));
        let mut row: Map<String, Value> = medians.collect();
        row.insert("luajit_ns".to_owned(), Value::Null);
        row.insert("n".to_owned(), json!(held.events));
        table.insert(name.to_owned(), Value::Object(row));
    }
    Ok(Value::Object(table))
}

fn differs(text: &str) -> Failure {
    Failure {
        exit: Exit::No,
        ..Failure::failed("UNEQUAL_WORK", text)
    }
}

/// Returns the table for people, with the bars that it is measured by.
fn text_of(script: &Value) -> String {
    let mut text = format!("{:<14}", "ns an event");
    for column in COLUMNS {
        let _ = write!(text, "{:>12}", column.trim_end_matches("_ns"));
    }
    text.push_str("    compiled is\n");
    for (name, row) in script.as_object().into_iter().flatten() {
        let _ = write!(text, "{name:<14}");
        for column in COLUMNS {
            let _ = match number(row, column) {
                Some(number) => write!(text, "{number:>12.1}"),
                None => write!(text, "{:>12}", "-"),
            };
        }
        let _ = writeln!(text, "    {}", ratios(row));
    }
    text
}

/// Returns how many times the others' time the compiled script takes.
fn ratios(row: &Value) -> String {
    let compiled = number(row, "compiled_ns").unwrap_or(f64::NAN);
    let mut words = Vec::new();
    if let Some(native) = number(row, "native_ns") {
        let (more, times) = (compiled - native, compiled / native);
        words.push(format!("{times:.2} x native ({more:+.1} ns)"));
    }
    if let Some(interpreted) = number(row, "interpreted_ns") {
        words.push(format!("interpreted / {:.0}", interpreted / compiled));
    }
    if let Some(luajit) = number(row, "luajit_ns") {
        words.push(format!("LuaJIT / {:.1}", luajit / compiled));
    }
    words.join(", ")
}

fn number(row: &Value, column: &str) -> Option<f64> {
    row.get(column).and_then(Value::as_f64)
}

/// The figures of a strategy, in the table's order.
const COLUMNS: [&str; 5] = [
    "native_ns",
    "compiled_ns",
    "interpreted_ns",
    "grain_ns",
    "luajit_ns",
];

/// Where the opponents' program is when it is built.
const BUILT: &str = "benches/opponents/target/release/claire-opponents";

const WITHOUT_LUAJIT: &str =
    "not part of this program; `benches/opponents/run` builds the one that has it and measures all";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_every_figure_and_how_the_compiled_script_compares() {
        let script = json!({ "empty": {
            "native_ns": 2.0, "compiled_ns": 3.0, "interpreted_ns": 600.0, "grain_ns": 300.0, "luajit_ns": null, "n": 10,
        }});
        let text = text_of(&script);
        let row = text.lines().nth(1).expect("a row");
        let words: Vec<&str> = row.split_whitespace().collect();
        let figures = ["empty", "2.0", "3.0", "600.0", "300.0", "-"];
        assert_eq!(words.get(..6), Some(&figures[..]));
        assert!(
            row.ends_with("1.50 x native (+1.0 ns), interpreted / 200"),
            "{row}"
        );
    }

    #[test]
    fn an_opponents_program_that_is_not_there_is_told() {
        let arguments = Arguments {
            only: Some(What::Script),
            passes: 1,
            opponents: Some("no/such/program".into()),
            json: false,
        };
        let failure = run(&arguments, Envelope::new("bench")).expect_err("it is not there");
        assert_eq!((failure.exit, failure.code), (Exit::Usage, "OPPONENTS"));
    }
}
