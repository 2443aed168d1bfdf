//! A generated script as a tree of lines, so that parts of it can be left out.

use std::fmt;

/// A line or a group of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Line(String),
    /// Heads with their bodies, as `if a {` and `} else {`; then the end.
    Group(Vec<(String, Vec<Self>)>, String),
}

impl Code {
    pub(super) fn line(text: impl Into<String>) -> Self {
        Self::Line(text.into())
    }

    pub(super) fn block(head: impl Into<String>, body: Vec<Self>) -> Self {
        Self::Group(vec![(head.into(), body)], "}".to_owned())
    }

    fn write(&self, depth: usize, out: &mut String) {
        let mut line = |text: &str| {
            out.push_str(&"    ".repeat(depth));
            out.push_str(text);
            out.push('\n');
        };
        match self {
            Self::Line(text) => line(text),
            Self::Group(blocks, end) => {
                for (head, body) in blocks {
                    out.push_str(&"    ".repeat(depth));
                    out.push_str(head);
                    out.push('\n');
                    body.iter().for_each(|of| of.write(depth + 1, out));
                }
                out.push_str(&"    ".repeat(depth));
                out.push_str(end);
                out.push('\n');
            }
        }
    }
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub Vec<Code>);

impl Text {
    /// Returns all scripts with one part less, the greatest parts first.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut all: Vec<Self> = without_one(&self.0).into_iter().map(Self).collect();
        all.sort_by_key(|of| of.to_string().len());
        all
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.0.iter().for_each(|of| of.write(0, &mut out));
        f.write_str(&out)
    }
}

/// Returns the codes with one left out, opened, or made smaller within.
fn without_one(of: &[Code]) -> Vec<Vec<Code>> {
    let mut all = Vec::new();
    for (at, code) in of.iter().enumerate() {
        let with = |instead: &[Code]| [&of[..at], instead, &of[at + 1..]].concat();
        all.push(with(&[]));
        let Code::Group(blocks, end) = code else {
            continue;
        };
        for (number, (head, body)) in blocks.iter().enumerate() {
            all.push(with(body));
            for body in without_one(body) {
                let mut blocks = blocks.clone();
                blocks[number] = (head.clone(), body);
                all.push(with(&[Code::Group(blocks, end.clone())]));
            }
        }
    }
    all
}
