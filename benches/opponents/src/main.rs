//! The contests of `claire bench --only script` with LuaJIT among the contestants, in one process.
//!
//! `claire bench` runs it where it finds it; `benches/opponents/run` builds it and calls that. Prints the table as one
//! JSON object. Exit status 3 where a form did other work than the strategy in Rust.

mod desk;
mod lua;

use claire_strategies::contest::{self, Contestant, Rounds, STRATEGIES, Session};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let passes = match passes() {
        Ok(passes) => passes,
        Err(text) => {
            eprintln!("{text}\nusage: claire-opponents [--passes N]");
            return ExitCode::from(2);
        }
    };
    match measured(passes) {
        Ok(table) => {
            println!("{table:#}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::from(3)
        }
    }
}

/// Returns what the arguments say of how often the events are gone through.
fn passes() -> Result<usize, String> {
    let mut passes = Rounds::default().passes;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (argument.as_str(), value) {
            ("--passes", Some(value)) if value > 0 => passes = value,
            _ => return Err(format!("`{argument}` is no argument, or has no number")),
        }
    }
    Ok(passes)
}

fn measured(passes: usize) -> Result<Value, String> {
    let start = Instant::now();
    let rounds = Rounds {
        passes,
        ..Rounds::default()
    };
    let mut table = Map::new();
    for name in STRATEGIES {
        let session = Session::new(name)?;
        let guest: Box<dyn Contestant> = Box::new(lua::LuaJit::new(&session)?);
        let now = &mut || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let held = contest::hold(&session, vec![guest], rounds, now)?;
        let mut row: Map<String, Value> =
            held.medians().map(|(name, ns)| (name, json!(ns))).collect();
        row.insert("n".to_owned(), json!(held.events));
        table.insert(name.to_owned(), Value::Object(row));
    }
    Ok(Value::Object(table))
}
