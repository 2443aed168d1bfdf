//! Recorded files as one session of frames in the order of their receive times.
//!
//! Called by the feed stage of `replay` and by `backtest` and `import`, on the feed thread. Files are opened, mapped and
//! unpacked before the first frame; from then on a line costs a newline search and no allocation.
//! Nothing is dropped silently: a line that is no frame is a fault, a damaged archive gives what could
//! be unpacked and then its damage.

mod cursor;
mod fault;
mod file;
mod line;
mod map;
mod unpack;

#[cfg(test)]
mod tests;

use crate::clock::Clock;
use claire_types::WallNs;
use cursor::{Cursor, Head, LineHead};
use std::path::Path;
use unpack::Packing;

pub use fault::{Damage, Frameless, LineFault, LineFaultKind, SourceError};
pub use file::RecordedFile;
pub use line::{RECV_MAX, RECV_MIN};

/// Bounds of what is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// Content of one packed file, in bytes.
    pub unpack_bytes_max: u64,
    /// One line, in bytes.
    pub line_bytes_max: u64,
}

/// Recorded files, read as one session.
#[derive(Debug)]
pub struct Recording {
    settings: SourceSettings,
    files: Vec<RecordedFile>,
    /// Files in the order in which they are read; those of one group are merged by time.
    groups: Vec<Vec<u16>>,
    group: usize,
    cursors: Vec<Cursor>,
    unpack_ns: u64,
}

/// What comes next in a recording.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A frame.
    Line(Line<'a>),
    /// A line that is no frame; count it.
    Fault(LineFault),
    /// A file ended early here; count it and say which.
    Damage(&'a Damage),
}

/// A recorded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Number of its line in its file, from 1, empty lines included.
    pub number: u64,
    /// Index of its file among those opened.
    pub file: u16,
    /// Byte offset of its line in the file's unpacked content.
    pub offset_bytes: u64,
    /// When it was received, as recorded.
    pub recv: WallNs,
    /// The frame exactly as the venue sent it; not necessarily UTF-8.
    pub frame: &'a [u8],
    /// `http…`: the URL whose answer this is. `ws…`: the stream's URL of the connection it came on. `None` where the
    /// recorder wrote no URL.
    pub url: Option<&'a str>,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            unpack_bytes_max: 4 << 30,
            line_bytes_max: 64 << 20,
        }
    }
}

impl Recording {
    /// Opens the files of one session: plain text, gzip or zstd, told apart by their content.
    ///
    /// Files that follow each other in time are read one after the other; files that overlap are merged by
    /// receive time, equal times in the order of `paths`. A file without any receive time is read
    /// in its place, for its faults.
    ///
    /// # Errors
    /// A [`SourceError`] that names the file. A damaged archive is no error where a part could be unpacked: see
    /// [`Recording::damages`] and [`Entry::Damage`].
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, SourceError> {
        Self::open_within(paths, SourceSettings::default())
    }

    /// Opens files within the given bounds; see [`Recording::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open_within<P: AsRef<Path>>(
        paths: &[P],
        settings: SourceSettings,
    ) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Err(SourceError::NoFile);
        }
        if paths.len() > FILES_MAX {
            return Err(SourceError::TooManyFiles {
                files: paths.len(),
                files_max: FILES_MAX,
            });
        }
        let clock = Clock::start();
        let before = clock.mono();
        let open = |path: &P| RecordedFile::open(path.as_ref(), &settings);
        let files = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let mut recording = Self {
            settings,
            groups: groups_of(&files),
            files,
            group: 0,
            cursors: Vec::new(),
            unpack_ns: clock.mono().since(before),
        };
        recording.rewind();
        Ok(recording)
    }

    /// Returns the next entry, or `None` at the end.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the entry borrows from the recording, which an iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        match self.next_usual() {
            Some((file, line)) => self.entry(file, Head::Line(line)),
            None => self.next_any(),
        }
    }

    /// Takes the next line where only one file is read and the line is of the usual form.
    #[inline]
    fn next_usual(&mut self) -> Option<(u16, LineHead)> {
        let [cursor] = self.cursors.as_mut_slice() else {
            return None;
        };
        let file = cursor.file();
        let content = self.files.get(usize::from(file))?.content();
        Some((file, cursor.read_usual(content, &self.settings)?))
    }

    #[cold]
    fn next_any(&mut self) -> Option<Entry<'_>> {
        loop {
            let (file, head) = match self.cursors.as_mut_slice() {
                [] => return None,
                [cursor] => {
                    let file = cursor.file();
                    let head = self
                        .files
                        .get(usize::from(file))
                        .and_then(|content| cursor.read(content, &self.settings));
                    (file, head)
                }
                _ => self.next_merged(),
            };
            match head {
                Some(head) => return self.entry(file, head),
                None => self.open_next_group(),
            }
        }
    }

    /// Goes back to the first frame.
    pub fn rewind(&mut self) {
        self.group = 0;
        self.fill_cursors();
    }

    /// Shows the first lines of a file to `each` until it has seen enough and returns `true`, at most `lines_max`.
    /// Where the recording is read next does not change.
    pub fn look(&self, file: u16, lines_max: usize, mut each: impl FnMut(Line<'_>) -> bool) {
        let Some(content) = self.files.get(usize::from(file)) else {
            return;
        };
        let mut cursor = Cursor::at_start(file);
        for _ in 0..lines_max {
            match cursor.read(content, &self.settings) {
                Some(Head::Line(line)) if each(line_of(content.content(), &line)) => return,
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Says what a file holds where it holds no frame at all; `None` where there is one. Reads such a file to its end.
    pub fn frameless(&self, file: u16) -> Option<Frameless> {
        let content = self.files.get(usize::from(file))?;
        if content.span().is_some() {
            return None;
        }
        let mut frameless = Frameless {
            file: content.path().to_owned(),
            lines: 0,
            looks_like: looks_like(content.content()),
            first: None,
            damage: content.damage().cloned(),
        };
        let mut cursor = Cursor::at_start(file);
        while let Some(head) = cursor.read(content, &self.settings) {
            match head {
                Head::Line(_) => return None,
                Head::Fault(fault) => {
                    frameless.lines += 1;
                    frameless.first.get_or_insert(fault);
                }
                Head::Damage => {}
            }
        }
        Some(frameless)
    }

    /// Returns the files in the order in which they were named.
    pub fn files(&self) -> &[RecordedFile] {
        &self.files
    }

    /// Returns the damages of all files.
    pub fn damages(&self) -> impl Iterator<Item = &Damage> {
        self.files.iter().filter_map(RecordedFile::damage)
    }

    /// Returns the earliest receive time of the files' first lines; `None` where no line has one.
    pub fn first_recv(&self) -> Option<WallNs> {
        self.earliest().map(|(_, first)| first)
    }

    /// Returns the file that begins earliest, and when.
    pub fn earliest(&self) -> Option<(&RecordedFile, WallNs)> {
        let files = self.files.iter();
        let begun = files.filter_map(|file| Some((file, file.span()?.first)));
        begun.min_by_key(|(_, first)| *first)
    }

    /// Returns the latest receive time of all lines, `None` for a recording without times. Reads all of it on the first
    /// call: where the clock goes back, that is not the last line's.
    pub fn latest_recv(&self) -> Option<WallNs> {
        let files = self.files.iter();
        files.filter_map(|file| file.latest(&self.settings)).max()
    }

    /// Returns how long opening took, in ns: mapping, unpacking and finding first and last times.
    pub fn unpack_ns(&self) -> u64 {
        self.unpack_ns
    }

    /// Returns the bytes of content of all files: the whole of what a progress bar shows.
    pub fn content_bytes(&self) -> u64 {
        self.files.iter().map(RecordedFile::content_bytes).sum()
    }

    #[inline]
    fn entry(&mut self, file: u16, head: Head) -> Option<Entry<'_>> {
        let file = self.files.get(usize::from(file))?;
        Some(match head {
            Head::Line(line) => Entry::Line(line_of(file.content(), &line)),
            Head::Fault(fault) => Entry::Fault(fault),
            Head::Damage => Entry::Damage(file.damage()?),
        })
    }

    /// Takes the earliest head of the merged files; faults and damages have no time and go first.
    fn next_merged(&mut self) -> (u16, Option<Head>) {
        let mut earliest: Option<(WallNs, usize)> = None;
        for (place, cursor) in self.cursors.iter_mut().enumerate() {
            if cursor.head.is_none() {
                let file = self.files.get(usize::from(cursor.file()));
                cursor.head = file.and_then(|file| cursor.read(file, &self.settings));
            }
            let recv = match &cursor.head {
                Some(Head::Line(line)) => line.recv,
                Some(Head::Fault(_) | Head::Damage) => WallNs(i64::MIN),
                None => continue,
            };
            if earliest.is_none_or(|(other, _)| recv < other) {
                earliest = Some((recv, place));
            }
        }
        let cursor = earliest.and_then(|(_, place)| self.cursors.get_mut(place));
        cursor.map_or((0, None), |cursor| (cursor.file(), cursor.head.take()))
    }

    #[cold]
    fn open_next_group(&mut self) {
        self.group += 1;
        self.fill_cursors();
    }

    fn fill_cursors(&mut self) {
        self.cursors.clear();
        if let Some(group) = self.groups.get(self.group) {
            let cursors = group.iter().map(|file| Cursor::at_start(*file));
            self.cursors.extend(cursors);
        }
    }
}

#[inline]
fn line_of<'a>(content: &'a [u8], line: &LineHead) -> Line<'a> {
    let url = match line.url.is_empty() {
        true => None,
        false => std::str::from_utf8(&content[line.url.clone()]).ok(),
    };
    Line {
        number: line.number,
        file: line.file,
        offset_bytes: line.offset as u64,
        recv: line.recv,
        frame: &content[line.frame.clone()],
        url,
    }
}

/// Returns what the content of a file without a frame is, where its first bytes say so.
fn looks_like(content: &[u8]) -> Option<&'static str> {
    match (Packing::of(content), content) {
        (Packing::Gzip, _) => Some("an archive in an archive (gzip): unpack it once"),
        (Packing::Zstd, _) => Some("an archive in an archive (zstd): unpack it once"),
        (_, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => Some("UTF-16 text: write it as UTF-8"),
        (Packing::Plain, _) => None,
    }
}

/// Returns the line without its carriage return.
#[inline]
fn trim_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Puts files that overlap in time into one group. A file without times gets a group of its own.
fn groups_of(files: &[RecordedFile]) -> Vec<Vec<u16>> {
    let mut groups: Vec<(Option<WallNs>, Vec<u16>)> = Vec::new();
    for (index, file) in (0..=u16::MAX).zip(files) {
        let mut group = (None, Vec::new());
        if let Some(span) = file.span() {
            let overlaps = |(last, _): &(Option<WallNs>, _)| *last > Some(span.first);
            let first_overlap = groups.iter().position(overlaps).unwrap_or(groups.len());
            for (last, files) in groups.drain(first_overlap..) {
                group.0 = group.0.max(last);
                group.1.extend(files);
            }
            group.0 = group.0.max(Some(span.last));
        }
        group.1.push(index);
        groups.push(group);
    }
    groups.into_iter().map(|(_, files)| files).collect()
}

/// Files of one recording.
const FILES_MAX: usize = 4_096;
const _: () = assert!(FILES_MAX <= u16::MAX as usize);
