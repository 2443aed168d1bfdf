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
    let asked = match arguments() {
        Ok(asked) => asked,
        Err(text) => {
            eprintln!(
                "{text}\nusage: claire-opponents [--passes N] [--only STRATEGY] [--alone native|compiled]"
            );
            return ExitCode::from(2);
        }
    };
    match measured(&asked) {
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

/// What the arguments ask for.
struct Asked {
    /// How often the events are gone through.
    passes: usize,
    /// The one strategy that is wanted.
    only: Option<String>,
    /// The one form that is to play, for a profiler to look at; nothing is timed then.
    alone: Option<String>,
}

fn arguments() -> Result<Asked, String> {
    let mut asked = Asked {
        passes: Rounds::default().passes,
        only: None,
        alone: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match (argument.as_str(), value.parse()) {
            ("--passes", Ok(value)) if value > 0 => asked.passes = value,
            ("--only", _) if STRATEGIES.contains(&value.as_str()) => asked.only = Some(value),
            ("--alone", _) => asked.alone = Some(value),
            _ => return Err(format!("`{argument} {value}` is no argument")),
        }
    }
    Ok(asked)
}

fn measured(asked: &Asked) -> Result<Value, String> {
    let start = Instant::now();
    let rounds = Rounds {
        passes: asked.passes,
        ..Rounds::default()
    };
    let mut table = Map::new();
    let is_asked = |name: &&str| asked.only.as_ref().is_none_or(|only| only == name);
    for name in STRATEGIES.into_iter().filter(is_asked) {
        let session = Session::new(name)?;
        if let Some(form) = &asked.alone {
            contest::alone(&session, form, asked.passes)?;
            continue;
        }
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
