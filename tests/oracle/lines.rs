//! Recorded files as frames in the order of their receive times.
//!
//! Lines are `<ns> <frame>`, `<seconds>: <frame>`, `<URL> -> <seconds>: <body>`; the recorder's own lines
//! (`configuration: `, `<URL> <-> <seconds>`) and blank ones hold no frame.

use std::io::Read;
use std::path::Path;

/// A recorded frame.
pub struct Frame {
    /// When it was received, ns since 1970 UTC.
    pub recv_ns: i64,
    /// The symbol that a request named.
    pub symbol: Option<String>,
    /// The frame's text.
    pub text: String,
}

/// Returns the frames of a session's files.
///
/// # Panics
/// Where a file is missing or has a line of another form.
pub fn frames_of(files: &[&Path]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for file in files {
        let text = text_of(file);
        for line in text.lines() {
            frames.extend(frame_of(line));
        }
    }
    // Stable: equal times stay in the order of files and lines.
    frames.sort_by_key(|frame| frame.recv_ns);
    frames
}

fn text_of(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut text = String::new();
    if file.extension().is_some_and(|ending| ending == "gz") {
        let mut unpacked = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        unpacked.read_to_string(&mut text).expect("gzip of text");
        return text;
    }
    String::from_utf8(bytes).expect("text")
}

fn frame_of(line: &str) -> Option<Frame> {
    let is_recorders = line.starts_with("configuration: ") || line.contains(" <-> ");
    if line.trim().is_empty() || is_recorders {
        return None;
    }
    if line.starts_with("http") {
        let (url, rest) = line.split_once(" -> ").expect("a URL and its answer");
        let symbol = url
            .split(['?', '&'])
            .find_map(|it| it.strip_prefix("symbol="));
        return Some(Frame {
            symbol: symbol.map(str::to_owned),
            ..seconds_and_frame(rest)
        });
    }
    let first = line.split(' ').next().expect("not blank");
    if first.ends_with(':') {
        return Some(seconds_and_frame(line));
    }
    let (ns, text) = line.split_once(' ').expect("a time and a frame");
    Some(Frame {
        recv_ns: ns.parse().expect("ns"),
        symbol: None,
        text: text.to_owned(),
    })
}

fn seconds_and_frame(text: &str) -> Frame {
    let (seconds, text) = text.split_once(": ").expect("a time and a frame");
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    Frame {
        recv_ns: format!("{whole}{fraction:0<9}").parse().expect("seconds"),
        symbol: None,
        text: text.to_owned(),
    }
}
