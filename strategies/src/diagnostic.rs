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

/// Mistakes of a script that are told at most.
pub(crate) const DIAGNOSTICS_MAX: usize = 100;

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
            excerpt: self.excerpt(line, position.position().unwrap_or(0)),
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

    /// Returns a line's text, as far as a little beyond the column.
    fn excerpt(&self, line: usize, column: usize) -> String {
        let index = line.checked_sub(1);
        let found = index.and_then(|index| self.text.lines().nth(index));
        let shown = found.unwrap_or_default().chars();
        shown.take(column + EXCERPT_CHARS_MAX).collect()
    }
}

/// Returns a text as it is safe to show: what is no visible character is written as its code.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Returns whether a character shows nothing, or moves or turns what is around it.
fn is_hidden(c: char) -> bool {
    let is_control = c.is_control() && c != '\t' && c != '\n';
    is_control
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns the part of a line that is shown, and what stands before the mark under it.
fn window(line: &str, column: usize) -> (String, String) {
    let mark = column.saturating_sub(1);
    let line = line.trim_end();
    let count = line.chars().count();
    // The mark is in the middle, or where the line begins or ends.
    let start = mark
        .saturating_sub(EXCERPT_CHARS_MAX / 2)
        .min(count.saturating_sub(EXCERPT_CHARS_MAX));
    let one = |c: char| if is_hidden(c) { '\u{fffd}' } else { c };
    let part = line.chars().skip(start).map(one);
    let mut shown: String = part.clone().take(EXCERPT_CHARS_MAX).collect();
    // The mark stands under the same characters, so tabs before it stay tabs.
    let before = part.take(mark.saturating_sub(start));
    let mut blank: String = before.map(|c| if c == '\t' { c } else { ' ' }).collect();
    if start > 0 {
        shown.insert_str(0, LEFT_OUT);
        blank.insert_str(0, "    ");
    }
    if count > start + EXCERPT_CHARS_MAX {
        shown.push_str(" ...");
    }
    (shown, blank)
}

/// Characters of a line that are shown at most.
const EXCERPT_CHARS_MAX: usize = 160;
/// Stands for the beginning of a long line.
const LEFT_OUT: &str = "... ";

/// Shows the message, the place, the line with a mark under the column, and the hint.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", visible(&self.message))?;
        match (self.line, self.column) {
            (0, _) => write!(f, "  --> {}", self.file)?,
            (line, 0) => write!(f, "  --> {}:{line}", self.file)?,
            (line, column) => write!(f, "  --> {}:{line}:{column}", self.file)?,
        }
        if self.line > 0 {
            let width = self.line.to_string().len();
            let (excerpt, blank) = window(&self.excerpt, self.column as usize);
            write!(f, "\n{:width$} |\n{} | {excerpt}", "", self.line)?;
            if self.column > 0 {
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
    fn of_a_long_line_the_part_around_the_mark_is_shown() {
        let shown = |column: u16| {
            let text = format!("{}!{}", "a".repeat(500), "b".repeat(60_000));
            let source = Source {
                file: "a.rhai",
                text: &text,
            };
            let shown = source.at(Position::new(1, column), "no").to_string();
            let lines: Vec<String> = shown.lines().skip(3).map(str::to_owned).collect();
            (lines[0].clone(), lines[1].clone())
        };
        let (line, mark) = shown(501);
        assert!(
            line.starts_with("1 | ... aaa") && line.ends_with("bbb ..."),
            "{line}"
        );
        assert!(line.chars().count() < 180, "{line}");
        assert_eq!(line.find('!'), mark.find('^'));
        let (line, mark) = shown(1);
        assert!(line.starts_with("1 | aaa"), "{line}");
        assert_eq!(mark, "  | ^");
    }

    #[test]
    fn what_would_play_with_the_terminal_is_shown_as_its_code() {
        let source = Source {
            file: "a.rhai",
            text: "a\u{1b}[31m\u{202e}b",
        };
        let shown = source
            .at(Position::new(1, 2), "unexpected '\u{1b}'")
            .to_string();
        let want = "error: unexpected '\\u{1b}'\n  --> a.rhai:1:2\n  |\n1 | a\u{fffd}[31m\u{fffd}b\n  |  ^";
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
