//! What is wrong with a script, where, and what to do: for people, in the form compilers use.
//!
//! Made by the checker; shown by `claire check` and by the reload line.

use rhai::Position;
use std::fmt;

/// One thing that is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, or the script's name where it has none.
    pub file: String,
    /// Line from 1; 0 where it concerns the file as a whole.
    pub line: u32,
    /// Column in characters from 1; 0 where it concerns the line as a whole.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line's text; empty without a line.
    pub excerpt: String,
}

/// A script's text, to name places in.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl Diagnostic {
    /// Returns a diagnostic that concerns the file as a whole.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            message: message.into(),
            hint: None,
            excerpt: String::new(),
        }
    }

    /// Returns it with what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl Source<'_> {
    /// Returns a diagnostic at `position`.
    pub(crate) fn at(&self, position: Position, message: impl Into<String>) -> Diagnostic {
        let line = position.line().unwrap_or(0);
        Diagnostic {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(position.position().unwrap_or(0)).unwrap_or(u32::MAX),
            excerpt: self.line(line).to_owned(),
            ..Diagnostic::of_file(self.file, message)
        }
    }

    /// Returns where `fn name` stands, at the name; where it cannot be told, `fallback`.
    pub(crate) fn function_position(&self, name: &str, fallback: Position) -> Position {
        for (index, line) in self.text.lines().enumerate() {
            let code = line.trim_start();
            let code = code.strip_prefix("private ").unwrap_or(code).trim_start();
            let Some(rest) = code.strip_prefix("fn ") else {
                continue;
            };
            let rest = rest.trim_start();
            let after = rest.strip_prefix(name).and_then(|rest| rest.chars().next());
            if after.is_some_and(|next| next == '(' || next.is_whitespace()) {
                let column = line.chars().count() - rest.chars().count() + 1;
                let (Ok(line), Ok(column)) = (u16::try_from(index + 1), u16::try_from(column))
                else {
                    return fallback;
                };
                return Position::new(line, column);
            }
        }
        fallback
    }

    fn line(&self, number: usize) -> &str {
        match number.checked_sub(1) {
            Some(index) => self.text.lines().nth(index).unwrap_or_default(),
            None => "",
        }
    }
}

/// Shows the message, the place, the line with a mark under the column, and the hint.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        match (self.line, self.column) {
            (0, _) => write!(f, "  --> {}", self.file)?,
            (line, 0) => write!(f, "  --> {}:{line}", self.file)?,
            (line, column) => write!(f, "  --> {}:{line}:{column}", self.file)?,
        }
        if self.line > 0 {
            let width = self.line.to_string().len();
            let excerpt = self.excerpt.trim_end();
            write!(f, "\n{:width$} |\n{} | {excerpt}", "", self.line)?;
            if self.column > 0 {
                // The mark stands under the same characters, so tabs before it stay tabs.
                let before = excerpt.chars().take(self.column as usize - 1);
                let blank: String = before.map(|c| if c == '\t' { c } else { ' ' }).collect();
                write!(f, "\n{:width$} | {blank}^", "")?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  = help: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_like_a_compilers() {
        let source = Source {
            file: "a.rhai",
            text: "fn init(m) {\n\tcrossd_up(a, b)\n}",
        };
        let shown = source
            .at(Position::new(2, 2), "unknown function `crossd_up`")
            .with_hint(Some("did you mean `crossed_up`?".to_owned()))
            .to_string();
        let want = "error: unknown function `crossd_up`\n  --> a.rhai:2:2\n  |\n2 | \tcrossd_up(a, b)\n  | \t^\n  = help: did you mean `crossed_up`?";
        assert_eq!(shown, want);
    }

    #[test]
    fn a_functions_place_is_its_name() {
        let source = Source {
            file: "a.rhai",
            text: "// fn init(m)\nfn init_more(m) {}\n  fn  init(m) {}",
        };
        let found = source.function_position("init", Position::NONE);
        assert_eq!(found, Position::new(3, 7));
        assert_eq!(
            source.function_position("other", Position::NONE),
            Position::NONE
        );
    }
}
