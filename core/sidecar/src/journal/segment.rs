//! Segments: the journal's files, their names, and their compression once closed.
//!
//! `journal-000001.claire`, `journal-000002.claire`, ...; a closed one becomes `.claire.zst`. The
//! compressed file is whole and synced before it takes its name, and only then the plain one goes, so
//! that a crash at any point leaves at least one good copy. Called by writer (on the sidecar's thread),
//! reader (on any), and the compressor's own thread.

use super::error::JournalError;
use super::locate::locate;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A place in a journal: segment and byte offset in its uncompressed content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The segment's number, from 1.
    pub segment: u32,
    /// Offset in the uncompressed segment.
    pub offset_bytes: u64,
}

/// An open segment, plain or compressed.
pub(super) struct SegmentSource {
    /// The file that is read.
    pub path: PathBuf,
    /// Whether it is the plain file, which may still grow and may have a torn tail.
    pub is_plain: bool,
    reader: Box<dyn Read + Send>,
}

/// Passes bytes on and keeps their CRC-32C.
struct Checked<W> {
    inner: W,
    check: u32,
}

const LOCK: &str = "journal.lock";
const EXTENSION: &str = ".claire";
const COMPRESSED: &str = ".claire.zst";
const UNFINISHED: &str = ".claire.zst.tmp";

/// A skippable frame of zstd: any zstd tool passes over it.
///
/// # Source
/// RFC 8878, section 3.1.2 (read 2026-11-21).
const SKIPPABLE_HEAD: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 16, 0, 0, 0];
const SEAL: [u8; 12] = *b"claire.zstd1";
/// Bytes of the frame behind the compressed content: its CRC-32C and a seal.
const SEAL_FRAME_BYTES: usize = 24;
const READ_BYTES: usize = 1 << 16;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at byte {}",
            name(self.segment, EXTENSION),
            self.offset_bytes
        )
    }
}

fn name(segment: u32, extension: &str) -> String {
    format!("journal-{segment:06}{extension}")
}

/// Returns the path of the plain segment.
pub(super) fn plain_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(name(segment, EXTENSION))
}

/// Returns the path of the compressed segment.
pub(super) fn compressed_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(name(segment, COMPRESSED))
}

/// Returns whether the segment is there, plain or compressed.
///
/// The compressed file is looked for last: it takes its name before the plain one goes.
pub(super) fn exists(dir: &Path, segment: u32) -> bool {
    plain_path(dir, segment).exists() || compressed_path(dir, segment).exists()
}

/// Takes the directory's lock, which goes with the process.
pub(super) fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(JournalError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(JournalError::io("lock", &path)(error)),
    }
}

/// Removes the lock's file; of a journal without segments.
pub(super) fn remove_lock(dir: &Path) {
    // What remains is an empty file.
    let _ = fs::remove_file(dir.join(LOCK));
}

/// Makes the segment's empty file.
pub(super) fn create_segment(dir: &Path, number: u32) -> Result<File, JournalError> {
    let path = plain_path(dir, number);
    OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(&path)
        .map_err(JournalError::io("create", &path))
}

/// Returns the first and the last segment's number; the oldest ones may have been removed. `None`: no segment.
///
/// # Errors
/// [`JournalError::Io`] where the directory cannot be read, [`JournalError::Corrupt`] where one is missing between others.
pub(super) fn range(dir: &Path) -> Result<Option<(u32, u32)>, JournalError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(JournalError::io("read", dir))? {
        let entry = entry.map_err(JournalError::io("read", dir))?;
        numbers.extend(entry.file_name().to_str().and_then(number_of));
    }
    let Some(last) = numbers.iter().copied().max() else {
        return Ok(None);
    };
    // Looked for one by one: a listing can miss a file that is being renamed.
    let missing = (1..last).rev().find(|number| !exists(dir, *number));
    let first = missing.map_or(1, |missing| missing + 1);
    match numbers
        .into_iter()
        .find(|number| *number < first && exists(dir, *number))
    {
        None => Ok(Some((first, last))),
        Some(before) => Err(JournalError::Corrupt {
            file: plain_path(dir, first - 1),
            offset_bytes: 0,
            what: format!("the file is missing, but segments {before} and {last} are there"),
        }),
    }
}

fn number_of(file_name: &str) -> Option<u32> {
    let rest = file_name.strip_prefix("journal-")?;
    let digits = rest
        .strip_suffix(COMPRESSED)
        .or_else(|| rest.strip_suffix(EXTENSION))?;
    digits.parse().ok()
}

/// Makes the directory, where it is missing, durably.
pub(super) fn create_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(JournalError::io("create", dir))?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => sync_dir(Path::new(".")),
    }
}

/// Makes the directory's entries durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(JournalError::io("sync", dir))
}

/// Removes what a crash left in the middle of compressing: unfinished files and doubled segments.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), JournalError> {
    for entry in fs::read_dir(dir).map_err(JournalError::io("read", dir))? {
        let path = entry.map_err(JournalError::io("read", dir))?.path();
        let Some(file_name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_doubled = file_name.ends_with(EXTENSION)
            && number_of(file_name).is_some_and(|number| compressed_path(dir, number).exists());
        if is_doubled || file_name.ends_with(UNFINISHED) {
            fs::remove_file(&path).map_err(JournalError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Compresses a closed segment and removes the plain file.
pub(super) fn compress(dir: &Path, segment: u32, level: i32) -> Result<(), JournalError> {
    let plain = plain_path(dir, segment);
    let unfinished = dir.join(name(segment, UNFINISHED));
    let compressed = compressed_path(dir, segment);
    let mut source = File::open(&plain).map_err(JournalError::io("read", &plain))?;
    if let Err(error) = write_compressed(&mut source, &unfinished, level) {
        // The disk may be full: room is worth more than half a file. If this fails too, resuming removes it.
        let _ = fs::remove_file(&unfinished);
        return Err(JournalError::io("write", &unfinished)(error));
    }
    fs::rename(&unfinished, &compressed).map_err(JournalError::io("rename", &unfinished))?;
    sync_dir(dir)?;
    fs::remove_file(&plain).map_err(JournalError::io("remove", &plain))?;
    sync_dir(dir)
}

fn write_compressed(source: &mut File, to: &Path, level: i32) -> io::Result<()> {
    let out = Checked {
        inner: File::create(to)?,
        check: 0,
    };
    let mut encoder = zstd::stream::write::Encoder::new(out, level)?;
    encoder.include_checksum(true)?;
    io::copy(source, &mut encoder)?;
    let mut out = encoder.finish()?;
    let check = out.check;
    out.write_all(&seal_frame(check))?;
    out.inner.sync_all()
}

fn seal_frame(check: u32) -> [u8; SEAL_FRAME_BYTES] {
    let mut frame = [0; SEAL_FRAME_BYTES];
    frame[..8].copy_from_slice(&SKIPPABLE_HEAD);
    frame[8..12].copy_from_slice(&check.to_le_bytes());
    frame[12..].copy_from_slice(&SEAL);
    frame
}

impl SegmentSource {
    /// Opens the segment at the offset.
    pub fn open(dir: &Path, place: Place) -> Result<Self, JournalError> {
        let compressed = compressed_path(dir, place.segment);
        if compressed.exists() {
            return Self::open_compressed(compressed, place.offset_bytes);
        }
        let plain = plain_path(dir, place.segment);
        match File::open(&plain) {
            // The compressor was quicker than the look above.
            Err(error) if error.kind() == io::ErrorKind::NotFound && compressed.exists() => {
                Self::open_compressed(compressed, place.offset_bytes)
            }
            Err(error) => Err(JournalError::io("read", &plain)(error)),
            Ok(mut file) => {
                file.seek(SeekFrom::Start(place.offset_bytes))
                    .map_err(JournalError::io("read", &plain))?;
                Ok(Self {
                    path: plain,
                    is_plain: true,
                    reader: Box::new(BufReader::with_capacity(READ_BYTES, file)),
                })
            }
        }
    }

    fn open_compressed(path: PathBuf, offset_bytes: u64) -> Result<Self, JournalError> {
        let mut file = File::open(&path).map_err(JournalError::io("read", &path))?;
        let content_bytes = check_compressed(&mut file, &path)?;
        file.rewind().map_err(JournalError::io("read", &path))?;
        let mut reader = zstd::stream::read::Decoder::new(file.take(content_bytes))
            .map_err(JournalError::io("read", &path))?;
        io::copy(
            &mut Read::by_ref(&mut reader).take(offset_bytes),
            &mut io::sink(),
        )
        .map_err(JournalError::io("read", &path))?;
        Ok(Self {
            path,
            is_plain: false,
            reader: Box::new(reader),
        })
    }

    /// Fills `buffer` as far as the segment goes and returns how many bytes came.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, JournalError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(JournalError::io("read", &self.path)(error)),
            }
        }
        Ok(filled)
    }
}

/// Checks the whole compressed file and returns the length of its content.
fn check_compressed(file: &mut File, path: &Path) -> Result<u64, JournalError> {
    let corrupt = |what: &str| JournalError::Corrupt {
        file: path.to_owned(),
        offset_bytes: 0,
        what: what.to_owned(),
    };
    let bytes = file
        .metadata()
        .map_err(JournalError::io("read", path))?
        .len();
    let content_bytes = bytes
        .checked_sub(SEAL_FRAME_BYTES as u64)
        .ok_or_else(|| corrupt("the compressed segment is cut off"))?;
    let mut content = Checked {
        inner: io::sink(),
        check: 0,
    };
    io::copy(&mut Read::by_ref(file).take(content_bytes), &mut content)
        .map_err(JournalError::io("read", path))?;
    let mut frame = [0; SEAL_FRAME_BYTES];
    file.read_exact(&mut frame)
        .map_err(JournalError::io("read", path))?;
    if frame != seal_frame(content.check) {
        let found = locate(file, content_bytes);
        return Err(JournalError::Corrupt {
            file: path.to_owned(),
            offset_bytes: found.offset_bytes,
            what: found.what,
        });
    }
    Ok(content_bytes)
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.check = crc32c::crc32c_append(self.check, &bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
