//! A file's bytes, mapped into memory where it is a regular file.
//!
//! Called by `source::file` when a recording is opened, on the thread that opens. The only `unsafe`
//! of `source` is here.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

/// Bytes of a file, mapped or read.
#[derive(Debug)]
pub(super) enum Bytes {
    /// A regular file's pages, read-only.
    Mapped(memmap2::Mmap),
    /// What a pipe gave, an empty file, or bytes made by a test.
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps the file, or reads it whole where it is a pipe: then at most `bytes_max` and one more.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn of_file(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("it is a directory"));
        }
        if is_device(&metadata) {
            return Err(io::Error::other("it is a device, which has no end"));
        }
        if !metadata.is_file() {
            let mut bytes = Vec::new();
            file.take(bytes_max.saturating_add(1))
                .read_to_end(&mut bytes)?;
            return Ok(Self::Owned(bytes));
        }
        if metadata.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        map(&file).map(Self::Mapped)
    }
}

#[cfg(unix)]
fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

fn map(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: the map is read-only and private to this process, and recordings are finished files:
    // recorders append or write a new file, they do not rewrite. A process that truncates the file
    // under us ends us with SIGBUS, a loud stop, never with wrong bytes that were checked before.
    let map = unsafe { memmap2::Mmap::map(file)? };
    #[cfg(unix)]
    // Advice only: where the system does not take it, reading is slower and nothing else.
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(map)
}
