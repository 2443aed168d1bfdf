//! What can be wrong with recorded files: whole files, and single lines.
//!
//! Made by the other modules of `source`; read by the feed stage, which counts faults, and by the
//! command line, which prints them. A fault is a value: nothing here panics or logs.
#![forbid(unsafe_code)]

use super::line::{RECV_MAX, RECV_MIN};
use claire_types::WallNs;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why files could not be opened as a recording.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No file was named; name at least one.
    #[error("no recorded file was named")]
    NoFile,
    /// More files than one recording takes; open them in parts.
    #[error("{files} files are more than the {files_max} that one recording takes")]
    TooManyFiles {
        /// Files named.
        files: usize,
        /// The bound, a constant of this module.
        files_max: usize,
    },
    /// The file is not there, not readable, or no file; check the name and its rights.
    #[error("cannot read {}: {cause}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The content is larger than the setting allows; raise `unpack_bytes_max` if the file is trusted.
    #[error("{} holds more than unpack_bytes_max = {unpack_bytes_max} bytes when unpacked", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The setting.
        unpack_bytes_max: u64,
    },
    /// The archive gave not one byte; it is damaged from its beginning or no archive at all.
    #[error("{0}")]
    Damaged(Damage),
    /// The archive's checksum is not that of its content: any byte of it may be wrong. Fetch it again.
    #[error("{}: {}: any of its {} unpacked bytes may be wrong, so nothing of it is read; fetch it again, or unpack it yourself to read it as it is", .0.file.display(), .0.cause, .0.unpacked_bytes)]
    Untrusted(Damage),
}

/// A file in which no line holds a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frameless {
    /// The file.
    pub file: PathBuf,
    /// Its lines that are not empty.
    pub lines: u64,
    /// What its content is instead, where its first bytes say so.
    pub looks_like: Option<&'static str>,
    /// What is wrong with the first of them.
    pub first: Option<LineFault>,
    /// Where the file is damaged, if it is.
    pub damage: Option<Damage>,
}

/// Where and why an archive ends before its content does. What came before it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Byte offset in the file as it lies on disk, at or shortly after the damage.
    pub offset_bytes: u64,
    /// Bytes of content before the damage.
    pub unpacked_bytes: u64,
    /// The archive only ends too early; else what came before the damage may be wrong, too.
    pub is_cut: bool,
    /// What the unpacker said.
    pub cause: String,
}

/// A line that is no recorded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// Index of the file among those opened.
    pub file: u16,
    /// Number of the line in its file, from 1, empty lines included.
    pub line: u64,
    /// Byte offset of the line's first byte in the file's unpacked content.
    pub offset_bytes: u64,
    /// What is wrong.
    pub what: LineFaultKind,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFaultKind {
    /// A frame without a receive time; the recorder must write one.
    NoTime,
    /// A receive time that is no number or does not fit 64 bits of nanoseconds.
    Time,
    /// A receive time that no frame can have; the recorder must write ns since 1970.
    TimeRange(WallNs),
    /// A receive time and nothing after it.
    NoFrame,
    /// The file ends within this line.
    Cut,
    /// Longer than the setting `line_bytes_max`.
    TooLong,
    /// A URL that is not UTF-8.
    Url,
    /// None of the known forms.
    Unknown,
}

/// Shows the words for people.
impl fmt::Display for LineFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::TimeRange(WallNs(recv)) => {
                return write!(
                    f,
                    "the receive time {recv} ns is not between {RECV_MIN} and {RECV_MAX}"
                );
            }
            Self::NoTime => "a frame without receive time",
            Self::Time => {
                "an unreadable receive time: wanted are ns and a space, or seconds and a colon"
            }
            Self::NoFrame => "a receive time without a frame",
            Self::Cut => "the file ends within this line",
            Self::TooLong => "longer than line_bytes_max",
            Self::Url => "a URL that is not UTF-8",
            Self::Unknown => "no known form of a recorded line",
        })
    }
}

/// Shows the place in the file, and what is wrong.
impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            offset_bytes,
            what,
            ..
        } = self;
        write!(f, "{line}: {what} (byte {offset_bytes})")
    }
}

impl fmt::Display for Frameless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        write!(f, "{file} holds no frame: ")?;
        match &self.first {
            None => f.write_str("it is empty")?,
            Some(first) => {
                let lines = self.lines;
                write!(f, "none of its {lines} lines is one; {file}:{first}")?;
                if let Some(content) = self.looks_like {
                    write!(f, "; it looks like {content}")?;
                }
            }
        }
        match &self.damage {
            None => Ok(()),
            Some(damage) => write!(f, "; {damage}"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is damaged at byte {} (after {} unpacked bytes): {}",
            self.file.display(),
            self.offset_bytes,
            self.unpacked_bytes,
            self.cause
        )
    }
}
