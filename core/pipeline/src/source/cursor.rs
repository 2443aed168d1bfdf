//! A place in one recorded file, moved line by line.
//!
//! Called by `source` for every line, on the feed thread. Keeps offsets only, so it borrows nothing
//! and costs a newline search and a stamp per line.
#![forbid(unsafe_code)]

use super::fault::{LineFault, LineFaultKind};
use super::file::RecordedFile;
use super::line::{Form, STAMP_BYTES, form_of, stamp_of};
use super::{SourceSettings, trim_end};
use claire_types::WallNs;
use std::ops::Range;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A place in a file.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    file: u16,
    offset: usize,
    line: u64,
    connection: Range<usize>,
    is_at_end: bool,
    /// What was read and not yet taken, where files are merged.
    pub(super) head: Option<Head>,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub(super) enum Head {
    /// A frame.
    Line(LineHead),
    /// A line that is none.
    Fault(LineFault),
    /// The archive ends here, damaged.
    Damage,
}

/// Where a line's parts are, as offsets in the content.
#[derive(Clone, Debug)]
pub(super) struct LineHead {
    pub(super) file: u16,
    /// From 1.
    pub(super) number: u64,
    pub(super) offset: usize,
    pub(super) recv: WallNs,
    pub(super) frame: Range<usize>,
    /// Empty where no URL is known.
    pub(super) url: Range<usize>,
}

impl Cursor {
    /// Returns the place before the first line.
    pub(super) fn at_start(file: u16) -> Self {
        Self {
            file,
            offset: 0,
            line: 0,
            connection: 0..0,
            is_at_end: false,
            head: None,
        }
    }

    /// Returns the index of the file.
    pub(super) fn file(&self) -> u16 {
        self.file
    }

    /// Reads a frame where the line is of the usual form and nothing about it needs a second look; else moves nowhere.
    #[inline]
    pub(super) fn read_usual(
        &mut self,
        content: &[u8],
        settings: &SourceSettings,
    ) -> Option<LineHead> {
        let (stamp, frame) = content.get(self.offset..)?.split_first_chunk()?;
        let recv = stamp_of(stamp)?;
        let newline = memchr::memchr(b'\n', frame)?;
        let bytes = trim_end(frame.get(..newline)?).len();
        let line_bytes = (STAMP_BYTES + bytes) as u64;
        if !self.connection.is_empty()
            || line_bytes > settings.line_bytes_max
            || frame.first().is_none_or(|byte| *byte <= b' ')
        {
            return None;
        }
        let offset = self.offset;
        let start = offset + STAMP_BYTES;
        self.offset = start + newline + 1;
        self.line += 1;
        Some(LineHead {
            file: self.file,
            number: self.line,
            offset,
            recv,
            frame: start..start + bytes,
            url: 0..0,
        })
    }

    /// Reads on to the next frame or fault; the damage, if there is any, comes last.
    #[inline]
    pub(super) fn read(&mut self, file: &RecordedFile, settings: &SourceSettings) -> Option<Head> {
        let content = file.content();
        while self.offset < content.len() {
            let start = self.offset;
            let rest = &content[start..];
            let newline = memchr::memchr(b'\n', rest);
            let line = trim_end(&rest[..newline.unwrap_or(rest.len())]);
            self.offset = start + newline.map_or(rest.len(), |newline| newline + 1);
            self.line += 1;
            let head = match form_of(line) {
                Form::Frame { recv, frame } => self.frame(start, line, recv, frame, 0),
                form => match self.other(form, start, line) {
                    Some(head) => head,
                    None => continue,
                },
            };
            let is_checked = newline.is_some() && line.len() as u64 <= settings.line_bytes_max;
            return Some(match is_checked {
                true => head,
                false => self.check_ends(head, start, line, newline.is_none(), settings),
            });
        }
        let is_damaged = file.damage().is_some() && !self.is_at_end;
        self.is_at_end = true;
        is_damaged.then_some(Head::Damage)
    }

    #[inline]
    fn frame(&self, start: usize, line: &[u8], recv: WallNs, frame: usize, url_end: usize) -> Head {
        let url = match url_end {
            0 => self.connection.clone(),
            end => start..start + end,
        };
        Head::Line(LineHead {
            file: self.file,
            number: self.line,
            offset: start,
            recv,
            frame: start + frame..start + line.len(),
            url,
        })
    }

    /// Returns what a less common line is; `None` for what is no frame and no fault.
    #[cold]
    fn other(&mut self, form: Form, start: usize, line: &[u8]) -> Option<Head> {
        match form {
            Form::Frame { recv, frame } => Some(self.frame(start, line, recv, frame, 0)),
            Form::Body {
                url_end,
                recv,
                frame,
            } => Some(self.frame(start, line, recv, frame, url_end)),
            Form::Connection { url_end } => {
                self.connection = start..start + url_end;
                None
            }
            Form::Configuration | Form::Blank => None,
            // An editor's mark before the first line says no more than that the file is UTF-8.
            Form::Fault(_) if start == 0 && line.starts_with(BYTE_ORDER_MARK) => {
                let start = BYTE_ORDER_MARK.len();
                let line = &line[start..];
                self.other(form_of(line), start, line)
            }
            Form::Fault(what) => Some(Head::Fault(self.fault(start, what))),
        }
    }

    /// Refuses a line that is too long, or the last one where it was cut off.
    #[cold]
    fn check_ends(
        &self,
        head: Head,
        start: usize,
        line: &[u8],
        is_last: bool,
        settings: &SourceSettings,
    ) -> Head {
        if line.len() as u64 > settings.line_bytes_max {
            return Head::Fault(self.fault(start, LineFaultKind::TooLong));
        }
        if is_last && !matches!(line.last(), Some(b'}' | b']')) {
            return Head::Fault(self.fault(start, LineFaultKind::Cut));
        }
        head
    }

    fn fault(&self, start: usize, what: LineFaultKind) -> LineFault {
        LineFault {
            file: self.file,
            line: self.line,
            offset_bytes: start as u64,
            what,
        }
    }
}
