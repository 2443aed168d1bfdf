//! What people are told of a reload: one line where it went well, a place in the file where it did not.
//!
//! Staging thread. Texts only.

use super::mirror::Shadowed;
use crate::config::section::StrategyConfig;
use crate::strategy::Handlers;
use crate::words::counted;
use claire_engine::floor::Guarded;
use claire_engine::strategy::Inheritance;
use claire_strategies::{Diagnostic, Script};
use claire_types::Note;
use std::fmt::Write as _;
use std::io::ErrorKind;

/// What is said of a version that went live.
pub(super) struct Told<'a> {
    /// The strategy's entry.
    pub entry: &'a StrategyConfig,
    /// The version.
    pub script: &'a Script,
    /// How its handlers run.
    pub handlers: &'a Handlers,
    /// The version before.
    pub before: &'a Script,
    /// SHA-256 of the text, in hex.
    pub sha256: &'a str,
    /// What it took over.
    pub inheritance: Inheritance,
    /// What the shadow run came to.
    pub shadowed: Shadowed,
    /// From the save to its being live.
    pub live_ns: u64,
}

impl Told<'_> {
    /// Returns the line.
    pub fn line(&self) -> String {
        let file = file_name(self.entry);
        let hash = short(self.sha256);
        let handlers = handlers_of(self.handlers);
        let Inheritance {
            carried,
            fresh,
            dropped,
        } = self.inheritance;
        let mut line = format!(
            "reloaded {}: {file} {hash}, {handlers}, state {carried} carried {fresh} new",
            self.entry.name
        );
        // Writing to a text cannot fail.
        if dropped > 0 {
            let _ = write!(line, " {dropped} dropped");
        }
        for text in self.overridden() {
            let _ = write!(line, ", {text}");
        }
        let _ = write!(
            line,
            ", tried on {} events, live after {:.1} ms",
            self.shadowed.events,
            self.live_ns as f64 / 1e6
        );
        line
    }

    /// Returns the parameters whose default changed in the file though another value is set.
    fn overridden(&self) -> Vec<String> {
        let before = |name: &str| {
            let mut known = self.before.parameters().iter();
            known.find(|known| known.name == name)
        };
        let parameters = self.script.parameters().iter();
        let changed = parameters.filter_map(|parameter| {
            let is_set = self.entry.params.contains_key(&parameter.name);
            let was = before(&parameter.name)?.default;
            (is_set && was != parameter.default).then(|| {
                format!(
                    "{} stays {} as configured (the file says {} now)",
                    parameter.name, parameter.value, parameter.default
                )
            })
        });
        changed.collect()
    }
}

/// Returns a refusal as compilers print it.
pub(super) fn refusal(entry: &StrategyConfig, faults: &[Diagnostic]) -> String {
    let mut text = format!(
        "{} not reloaded, the version before goes on: {} is wrong",
        entry.name,
        file_name(entry)
    );
    for fault in faults.iter().take(FAULTS_SHOWN) {
        let _ = write!(text, "\n{fault}");
    }
    if let Some(more @ 1..) = faults.len().checked_sub(FAULTS_SHOWN) {
        let _ = write!(text, "\n... and {more} more");
    }
    text
}

/// Returns the same for a record: the first of what is wrong, with its line.
pub(super) fn reason_of(faults: &[Diagnostic]) -> Note {
    match faults.first() {
        Some(fault) if fault.line > 0 => {
            Note::format(format_args!("line {}: {}", fault.line, fault.message))
        }
        Some(fault) => Note::cut(&fault.message),
        None => Note::EMPTY,
    }
}

/// Returns what is told where nothing stands in a file's place, and for a record; `None` where something does.
pub(super) fn absence(entry: &StrategyConfig) -> Option<(String, Note)> {
    if entry.file.exists() {
        return None;
    }
    let (name, file) = (&entry.name, entry.file.display());
    let what = match std::fs::read_link(&entry.file) {
        Ok(target) => format!("is a link to {}, which is not there", target.display()),
        // A folder above it that may not be entered: the reason is told as of any other.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return None,
        Err(_) => "is gone".to_owned(),
    };
    let text = format!("{name}: {file} {what}; the version that runs goes on");
    Some((text, Note::format(format_args!("the file {what}"))))
}

/// Returns what is told of a file that holds the text again that runs.
pub(super) fn again_right(entry: &StrategyConfig, sha256: &str) -> String {
    format!(
        "{}: {} holds version {} again, the one that runs",
        entry.name,
        file_name(entry),
        short(sha256)
    )
}

/// Returns what is told of a text that is saved again though it was bad, and for a record.
pub(super) fn not_again(entry: &StrategyConfig, sha256: &str, why: &str) -> (String, Note) {
    let text = format!(
        "{} not reloaded, the version before goes on: {} {} is not tried again, since {why}; change it to have it tried",
        entry.name,
        file_name(entry),
        short(sha256)
    );
    let reason = Note::format(format_args!("not tried again, since {why}"));
    (text, reason)
}

/// Returns what is told of a version that an operator may swap.
pub(super) fn staged(entry: &StrategyConfig, sha256: &str) -> String {
    format!(
        "{}: version {} is checked and staged; in this mode an operator swaps it",
        entry.name,
        short(sha256)
    )
}

/// Returns what is told of a version that was taken back, of which `on` goes on.
pub(super) fn rolled_back(
    entry: &StrategyConfig,
    bad: &str,
    on: &str,
    (why, guarded): (&Note, &Guarded),
) -> String {
    format!(
        "ROLLED BACK {}: {} {} failed its probation ({why}); version {} goes on with its state from before, \
         orders placed since are cancelled{guarded}",
        entry.name,
        file_name(entry),
        short(bad),
        short(on)
    )
}

/// Returns the part of a hash that people compare.
fn short(sha256: &str) -> &str {
    sha256.get(..8).unwrap_or(sha256)
}

/// Returns the diagnostic of a call that failed: `line 3, column 5: text`.
pub(super) fn fault_of_call(entry: &StrategyConfig, source: &str, text: &str) -> Diagnostic {
    let placed = text.strip_prefix("line ").and_then(|rest| {
        let (place, text) = rest.split_once(": ")?;
        let (line, column) = match place.split_once(", column ") {
            Some((line, column)) => (line, column.parse().ok()?),
            None => (place, 0),
        };
        Some((line.parse().ok()?, column, text))
    });
    let (line, column, message) = placed.unwrap_or((0, 0, text));
    diagnostic(entry, source, (line, column), message)
}

/// Returns the diagnostic of a field whose type changed, at its name in the file.
pub(super) fn fault_of_field(entry: &StrategyConfig, source: &str, text: &str) -> Diagnostic {
    let field = text
        .strip_prefix("`this.")
        .and_then(|rest| rest.split_once('`'))
        .map(|(path, _)| path.rsplit('.').next().unwrap_or(path));
    let place = field.and_then(|field| place_of(source, field));
    diagnostic(entry, source, place.unwrap_or((0, 0)), text)
}

/// Returns line and column of `field:` outside comments.
fn place_of(source: &str, field: &str) -> Option<(u32, u32)> {
    for (number, line) in (1_u32..).zip(source.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices(field) {
            let (before, after) = code.split_at(at);
            let after = after.get(field.len()..).unwrap_or_default();
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            if after.trim_start().starts_with(':') && !before.ends_with(is_word) {
                let column = u32::try_from(before.chars().count() + 1).ok()?;
                return Some((number, column));
            }
        }
    }
    None
}

fn diagnostic(
    entry: &StrategyConfig,
    source: &str,
    (line, column): (u32, u32),
    message: &str,
) -> Diagnostic {
    let index = (line as usize).checked_sub(1);
    let excerpt = index.and_then(|index| source.lines().nth(index));
    Diagnostic {
        file: entry.file.display().to_string(),
        line,
        column,
        message: message.to_owned(),
        hint: None,
        excerpt: excerpt.unwrap_or_default().to_owned(),
    }
}

fn file_name(entry: &StrategyConfig) -> String {
    let name = entry.file.file_name().unwrap_or(entry.file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn handlers_of(handlers: &Handlers) -> String {
    let count = |of: usize| counted(of as u64, "handler");
    match (handlers.compiled.len(), handlers.interpreted.len()) {
        (compiled, 0) => format!("{} compiled", count(compiled)),
        (0, interpreted) => format!("{} interpreted", count(interpreted)),
        (compiled, interpreted) => {
            format!("{} compiled, {interpreted} interpreted", count(compiled))
        }
    }
}

const FAULTS_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(params: &str) -> StrategyConfig {
        let text = format!(
            "name = \"ema\"\nfile = \"s/ema.rhai\"\nmarket = \"sim:ETHUSDT\"\nparams = {{ {params} }}"
        );
        toml::from_str(&text).expect("an entry")
    }

    fn script(fast: u32) -> Script {
        let text = format!(
            "const FAST = param(\"fast\", {fast}, 2, 100);\nfn init(m) {{ #{{ n: FAST }} }}\nfn on_book(m) {{ this.n += 1; }}"
        );
        let set = [("fast".to_owned(), claire_strategies::Value::Int(20))];
        Script::compile("ema", &text, &set).expect("a script")
    }

    #[test]
    fn the_line_says_what_was_carried_and_what_the_configuration_holds() {
        let (before, now) = (script(12), script(14));
        let entry = entry("fast = 20");
        let handlers = Handlers {
            strategy: "ema".to_owned(),
            compiled: vec!["on_bar".to_owned(), "on_book".to_owned()],
            interpreted: [("on_fill".to_owned(), "told to".to_owned())].into(),
            ..Handlers::default()
        };
        let mut told = Told {
            entry: &entry,
            script: &now,
            handlers: &handlers,
            before: &before,
            sha256: "3f2a0011aabbccdd",
            inheritance: Inheritance {
                carried: 3,
                fresh: 1,
                dropped: 0,
            },
            shadowed: Shadowed {
                events: 812,
                fault: None,
            },
            live_ns: 23_400_000,
        };
        let want = "reloaded ema: ema.rhai 3f2a0011, 2 handlers compiled, 1 interpreted, state 3 carried 1 new, \
                    fast stays 20 as configured (the file says 14 now), tried on 812 events, live after 23.4 ms";
        assert_eq!(told.line(), want);
        told.before = &now;
        told.inheritance.dropped = 2;
        let line = told.line();
        assert!(
            !line.contains("stays") && line.contains("1 new 2 dropped"),
            "{line}"
        );
    }

    #[test]
    fn faults_of_calls_and_fields_have_their_place() {
        let entry = entry("");
        let source = "fn init(m) {\n    // stop: old\n    #{ xstop: 1, stop : 2 }\n}";
        let cases = [
            (
                fault_of_call(&entry, source, "line 3, column 8: no"),
                (3, 8, "no"),
            ),
            (fault_of_call(&entry, source, "line 3: no"), (3, 0, "no")),
            (
                fault_of_call(&entry, source, "no place"),
                (0, 0, "no place"),
            ),
            (
                fault_of_field(&entry, source, "`this.stop` was text"),
                (3, 18, "`this.stop` was text"),
            ),
            (
                fault_of_field(&entry, source, "`this.a.gone` was"),
                (0, 0, "`this.a.gone` was"),
            ),
        ];
        for (fault, (line, column, message)) in cases {
            assert_eq!(
                (fault.line, fault.column, fault.message.as_str()),
                (line, column, message)
            );
            let is_shown = fault.excerpt == "    #{ xstop: 1, stop : 2 }";
            assert_eq!(is_shown, line == 3);
        }
        let faults = vec![fault_of_call(&entry, source, "line 3, column 8: no"); 7];
        let text = refusal(&entry, &faults);
        assert!(
            text.contains("s/ema.rhai:3:8") && text.ends_with("... and 2 more"),
            "{text}"
        );
    }
}
