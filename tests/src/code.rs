//! Rust text with comments, strings and characters blanked, and what it defines.
//!
//! A scanner, not a parser: enough to tell a word in code from the same word in a text.

/// A file's code. Line numbers are those of the file.
#[derive(Debug)]
pub struct Code {
    /// The text, same lines, with spaces where comments and literals were.
    pub text: String,
    /// Number of the first line of the module of tests at the file's end, if it has one.
    tests_line: Option<usize>,
}

/// A named thing that the code defines.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// `fn`, `struct`, `mod`, ...
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The line it stands in, from 1.
    pub line: usize,
    /// Lines from there to its closing brace; 1 where it has none.
    pub lines: usize,
}

/// Words after which a name is defined.
const DEFINING: &[&str] = &[
    "fn", "struct", "enum", "union", "trait", "mod", "type", "const", "static",
];

impl Code {
    /// Returns the code of a Rust file.
    pub fn of(source: &str) -> Self {
        let text = blank(source);
        let mut lines = text.lines().enumerate().peekable();
        let mut tests_line = None;
        while let Some((index, line)) = lines.next() {
            let is_module = |next: &str| next.trim_start().starts_with("mod ");
            if line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(|it| is_module(it.1)) {
                tests_line = Some(index + 1);
                break;
            }
        }
        Self { text, tests_line }
    }

    /// Returns whether the line belongs to the module of tests at the file's end.
    pub fn is_test(&self, line: usize) -> bool {
        self.tests_line.is_some_and(|first| line >= first)
    }

    /// Returns all words with their lines.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .flat_map(|(index, line)| words_of(line).map(move |word| (index + 1, word)))
    }

    /// Returns what the code defines, in order.
    pub fn definitions(&self) -> Vec<Definition<'_>> {
        let mut found = Vec::new();
        let mut offset = 0;
        for (index, line) in self.text.lines().enumerate() {
            let mut words = words_of(line).peekable();
            while let Some(kind) = words.next() {
                let Some(name) = words.peek().copied() else {
                    break;
                };
                // `const fn` defines at `fn`; `fn(` as a type has no name next to it.
                if DEFINING.contains(&kind)
                    && !DEFINING.contains(&name)
                    && is_next(line, kind, name)
                {
                    found.push(Definition {
                        kind,
                        name,
                        line: index + 1,
                        lines: lines_of_body(self.text.get(offset..).unwrap_or_default()),
                    });
                }
            }
            offset += line.len() + 1;
        }
        found
    }
}

/// Returns the parts of a name: `get_mut` and `GetMut` are both get, mut.
pub fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut begins = true;
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' {
            begins = true;
            continue;
        }
        if begins || (character.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        (begins, was_lower) = (false, !character.is_uppercase());
        if let Some(last) = parts.last_mut() {
            last.extend(character.to_lowercase());
        }
    }
    parts
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|word| !word.is_empty())
}

/// Returns whether only white space stands between the two words somewhere in the line.
fn is_next(line: &str, first: &str, second: &str) -> bool {
    line.match_indices(first).any(|(start, _)| {
        let rest = &line[start + first.len()..];
        rest.starts_with(' ') && rest.trim_start().starts_with(second)
    })
}

/// Returns how many lines a definition at the text's start takes to its closing brace.
fn lines_of_body(text: &str) -> usize {
    let (mut depth, mut lines, mut brackets) = (0_usize, 1, 0_usize);
    for character in text.chars() {
        match character {
            '\n' => lines += 1,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return lines;
                }
            }
            _ => {}
        }
    }
    lines
}

/// Returns the text with comments and literals replaced by spaces.
fn blank(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut after_word = false;
    while let Some(character) = rest.chars().next() {
        let len = match character {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment_len(rest),
            '"' => string_len(rest),
            'r' | 'b' | 'c' if !after_word => literal_len(rest).unwrap_or(0),
            '\'' => character_len(rest).unwrap_or(0),
            _ => 0,
        };
        after_word = character.is_alphanumeric() || character == '_';
        let taken = if len == 0 { character.len_utf8() } else { len };
        let (piece, tail) = rest.split_at(taken);
        if len == 0 {
            out.push(character);
        } else {
            after_word = false;
            out.extend(piece.chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
        }
        rest = tail;
    }
    out
}

/// Returns the length of the block comment, nested ones included.
fn comment_len(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Returns the length of the string that begins with a quote.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of a raw, byte or C string, or of a byte character, if one begins here.
fn literal_len(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['r', 'b', 'c']).len();
    let rest = text.get(prefix..).filter(|_| prefix <= 2)?;
    let is_raw = text.get(..prefix)?.contains('r');
    if rest.starts_with('"') && !is_raw {
        return Some(prefix + string_len(rest));
    }
    if rest.starts_with('\'') && text.starts_with("b'") {
        return character_len(rest).map(|len| prefix + len);
    }
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let body = rest
        .get(hashes..)
        .filter(|body| is_raw && body.starts_with('"'))?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = body
        .get(1..)?
        .find(&end)
        .map_or(body.len(), |at| 1 + at + end.len());
    Some(prefix + hashes + len)
}

/// Returns the length of a character literal, or `None` where the quote begins a lifetime.
fn character_len(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first != '\\' {
        let (index, next) = characters.next()?;
        return (next == '\'').then_some(index + 1);
    }
    characters.next();
    characters
        .find(|(_, character)| *character == '\'')
        .map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_blank_and_code_stays() {
        let cases = [
            ("let a = 1; // unsafe", "let a = 1;"),
            ("a /* x /* y */ z */ b", "a                   b"),
            ("f(\"un\\\"safe\") + 1", "f(          ) + 1"),
            ("r#\"a \" b\"# + b\"c\" + br\"d\"", "           +      +"),
            ("x: &'a str = 'b'; '\\''; b'\\n'", "x: &'a str =    ;     ;"),
            ("number + br + r", "number + br + r"),
        ];
        for (source, code) in cases {
            assert_eq!(blank(source).trim_end(), code, "{source}");
        }
    }

    #[test]
    fn definitions_have_their_names_and_lengths() {
        let source = "pub const fn one() {\n  f(fn() {});\n}\nstruct Two;\nfn three(a: [u8; 3])\n{\n}\n\
                      #[cfg(test)]\nmod tests {\n}\n";
        let code = Code::of(source);
        let found: Vec<_> = code
            .definitions()
            .iter()
            .map(|it| (it.kind, it.name, it.line, it.lines))
            .collect();
        assert_eq!(
            found,
            [
                ("fn", "one", 1, 3),
                ("struct", "Two", 4, 1),
                ("fn", "three", 5, 3),
                ("mod", "tests", 9, 2)
            ]
        );
        assert!(!code.is_test(7) && code.is_test(8));
    }

    #[test]
    fn names_fall_into_parts() {
        assert_eq!(parts("get_price_max"), ["get", "price", "max"]);
        assert_eq!(parts("OrderManager"), ["order", "manager"]);
        assert_eq!(parts("UTIL_BYTES"), ["util", "bytes"]);
    }
}
