//! Changed scripts: the shipped ones, those of the interface's page and the table's snippets, each with a few
//! tokens or lines replaced.

use super::code::{Code, Text};
use super::random::Random;
use crate::BUNDLED;

/// Returns the changed script of a seed.
pub(super) fn script(seed: u64) -> Text {
    let mut random = Random::new(seed);
    let mut text = source(&mut random);
    for _ in 0..random.between(1, 3) {
        text = if random.one_in(4) {
            lines_changed(&mut random, &text)
        } else {
            token_changed(&mut random, &text)
        };
    }
    Text(text.lines().map(Code::line).collect())
}

fn source(random: &mut Random) -> String {
    match random.below(4) {
        0 => (*random.pick(&PAGE)).to_owned(),
        1 => random.pick(&BUNDLED).1.to_owned(),
        _ => snippet(random),
    }
}

/// Returns a script around a snippet of the table of the language.
fn snippet(random: &mut Random) -> String {
    let prologue = SNIPPETS
        .split_once("r#\"")
        .and_then(|(_, rest)| rest.split_once("\"#"));
    let (prologue, _) = prologue.expect("the snippets have a prologue");
    let bodies: Vec<&str> = TABLE
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_prefix('"')?.strip_suffix("\","))
        .collect();
    let body = random.pick(&bodies).replace("\\\"", "\"");
    let call = "this.f(m, this.in_a, this.in_b, this.in_x, this.in_y)";
    let inputs: Vec<String> = ["in_a", "in_b"]
        .map(|name| format!("{name}: {},", random.between(-9, 70)))
        .into_iter()
        .chain(
            ["in_x", "in_y"]
                .map(|name| format!("{name}: {:?},", random.between(-30, 30) as f64 / 4.0)),
        )
        .collect();
    let prologue = prologue.replace("in_a: 0, in_b: 0, in_x: 0.0, in_y: 0.0,", &inputs.join(" "));
    format!(
        "{prologue}\nfn f(m, a, b, x, y) {{ {body} }}\nfn on_timer(m, name) {{ {call}; this.in_a += 1; this.in_x *= -1.5; }}\n"
    )
}

/// Takes a line out, writes it twice, or lets two change places.
fn lines_changed(random: &mut Random, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let at = random.below(lines.len());
    match random.below(3) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(at, lines[at]),
        _ => {
            let other = (at + 1) % lines.len();
            lines.swap(at, other);
        }
    }
    lines.join("\n")
}

/// Puts another token of its kind in the place of one.
fn token_changed(random: &mut Random, text: &str) -> String {
    changed(random, text, |kind| kind != Kind::Other)
}

/// Puts another name of the script in the place of one: often a value of another type.
pub(super) fn name_changed(random: &mut Random, text: &str) -> String {
    changed(random, text, |kind| kind == Kind::Name)
}

fn changed(random: &mut Random, text: &str, is_meant: fn(Kind) -> bool) -> String {
    let mut tokens = tokens(text);
    let may_change: Vec<usize> = (0..tokens.len())
        .filter(|at| is_meant(kind_of(&tokens[*at])))
        .collect();
    if may_change.is_empty() {
        return text.to_owned();
    }
    let at = *random.pick(&may_change);
    let instead = match kind_of(&tokens[at]) {
        Kind::Integer => {
            (*random.pick(&["0", "1", "-1", "2", "63", "64", "9223372036854775807", "7"]))
                .to_owned()
        }
        Kind::Float => {
            let all = [
                "0.0",
                "-0.0",
                "0.1",
                "0.3",
                "1e308",
                "5e-324",
                "(0.0 / 0.0)",
                "(1.0 / 0.0)",
                "2.5",
            ];
            (*random.pick(&all)).to_owned()
        }
        Kind::Operator(class) => (*random.pick(class)).to_owned(),
        Kind::Name => {
            let names: Vec<&String> = tokens
                .iter()
                .filter(|token| kind_of(token) == Kind::Name)
                .collect();
            (*random.pick(&names)).clone()
        }
        Kind::Other => String::new(),
    };
    tokens[at] = instead;
    tokens.concat()
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Float,
    /// An operator with those that may stand in its place.
    Operator(&'static [&'static str]),
    Name,
    Other,
}

fn kind_of(token: &str) -> Kind {
    let first = token.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() {
        return if token.contains(['.', 'e']) {
            Kind::Float
        } else {
            Kind::Integer
        };
    }
    if first.is_ascii_alphabetic() && !KEYWORDS.contains(&token) {
        return Kind::Name;
    }
    let class = CLASSES.iter().find(|class| class.contains(&token));
    class.map_or(Kind::Other, |class| Kind::Operator(class))
}

/// Splits a script into names, numbers, operators, texts, comments and the rest.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else if first.is_ascii_digit() {
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            let after = &rest[end..];
            match after
                .strip_prefix('.')
                .filter(|after| after.starts_with(|of: char| of.is_ascii_digit()))
            {
                Some(after) => rest.len() - after.trim_start_matches(is_word).len(),
                None => end,
            }
        } else if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else {
            let operators = CLASSES.iter().flat_map(|class| class.iter());
            let longest = operators
                .filter(|operator| rest.starts_with(**operator))
                .map(|of| of.len())
                .max();
            longest.unwrap_or(first.len_utf8())
        };
        tokens.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    tokens
}

#[test]
fn tokens_are_all_of_the_text() {
    for text in PAGE.into_iter().chain(BUNDLED.map(|(_, text)| text)) {
        assert_eq!(tokens(text).concat(), text);
    }
}

const CLASSES: [&[&str]; 6] = [
    &["+", "-", "*", "/", "%"],
    &["==", "!=", "<", "<=", ">", ">="],
    &["&&", "||"],
    &["+=", "-=", "*=", "/=", "%="],
    &["<<", ">>", "&", "|", "^"],
    &["..", "..="],
];

const KEYWORDS: [&str; 22] = [
    "fn", "let", "const", "if", "else", "switch", "while", "loop", "do", "until", "for", "in",
    "break", "continue", "return", "throw", "try", "catch", "this", "true", "false", "param",
];

const PAGE: [&str; 3] = [
    include_str!("../../../../tests/strategies/page/ema_cross_stop.rhai"),
    include_str!("../../../../tests/strategies/page/imbalance_scalper.rhai"),
    include_str!("../../../../tests/strategies/page/market_maker.rhai"),
];
const TABLE: &str = include_str!("../../check/tests/table.rs");
const SNIPPETS: &str = include_str!("../../check/tests/snippets.rs");
