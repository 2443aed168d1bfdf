//! One recorded file: its bytes on disk, its content, and what was damaged.
//!
//! Made by `source` when a recording is opened; read by `source::cursor`. Holds no place of its own.
#![forbid(unsafe_code)]

use super::cursor::{Cursor, Head};
use super::fault::{Damage, SourceError};
use super::line::{Form, form_of};
use super::map::Bytes;
use super::unpack::{self, Packing, TooLarge};
use super::{SourceSettings, trim_end};
use claire_types::WallNs;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file of a recording.
#[derive(Debug)]
pub struct RecordedFile {
    path: PathBuf,
    on_disk: Bytes,
    unpacked: Option<Vec<u8>>,
    damage: Option<Damage>,
    span: Option<Span>,
    latest: OnceLock<Option<WallNs>>,
    sha256: OnceLock<[u8; 32]>,
}

/// First and last receive time of a file's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: WallNs,
    pub(super) last: WallNs,
}

impl RecordedFile {
    /// Opens the file and unpacks it where it is packed.
    pub(super) fn open(path: &Path, settings: &SourceSettings) -> Result<Self, SourceError> {
        let unpack_bytes_max = settings.unpack_bytes_max;
        let on_disk =
            Bytes::of_file(path, unpack_bytes_max).map_err(|cause| SourceError::Read {
                file: path.to_owned(),
                cause,
            })?;
        let too_large = |TooLarge| SourceError::TooLarge {
            file: path.to_owned(),
            unpack_bytes_max,
        };
        let unpacked = match Packing::of(&on_disk) {
            Packing::Plain => None,
            Packing::Gzip => Some(unpack::gzip(&on_disk, unpack_bytes_max).map_err(too_large)?),
            Packing::Zstd => Some(unpack::zstd(&on_disk, unpack_bytes_max).map_err(too_large)?),
        };
        if matches!(&on_disk, Bytes::Owned(bytes) if bytes.len() as u64 > unpack_bytes_max) {
            return Err(too_large(TooLarge));
        }
        Self::of_parts(path, on_disk, unpacked, settings)
    }

    fn of_parts(
        path: &Path,
        on_disk: Bytes,
        unpacked: Option<unpack::Unpacked>,
        settings: &SourceSettings,
    ) -> Result<Self, SourceError> {
        let (unpacked, damage) = match unpacked {
            Some(unpacked) => (Some(unpacked.bytes), unpacked.damage),
            None => (None, None),
        };
        let content_bytes = unpacked.as_ref().map_or(0, Vec::len) as u64;
        let is_untrusted = matches!(&damage, Some((_, cause)) if unpack::is_wrong_checksum(cause));
        let damage = damage.map(|(offset_bytes, cause)| Damage {
            file: path.to_owned(),
            offset_bytes,
            unpacked_bytes: content_bytes,
            is_cut: unpack::is_cut(&cause),
            cause: cause.to_string(),
        });
        if let (Some(damage), true) = (&damage, is_untrusted) {
            return Err(SourceError::Untrusted(damage.clone()));
        }
        if let (Some(damage), 0) = (&damage, content_bytes) {
            return Err(SourceError::Damaged(damage.clone()));
        }
        let mut file = Self {
            path: path.to_owned(),
            on_disk,
            unpacked,
            damage,
            span: None,
            latest: OnceLock::new(),
            sha256: OnceLock::new(),
        };
        file.span = file.find_span(settings);
        Ok(file)
    }

    /// Returns the path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size on disk in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.on_disk.len() as u64
    }

    /// Returns the size of the content in bytes; the same as on disk where the file is not packed.
    pub fn content_bytes(&self) -> u64 {
        self.content().len() as u64
    }

    /// Returns the SHA-256 of the file as it lies on disk. Computed on the first call, which reads the whole file.
    pub fn sha256(&self) -> [u8; 32] {
        *self
            .sha256
            .get_or_init(|| Sha256::digest(&*self.on_disk).into())
    }

    /// Returns the damage that ended unpacking early, if there was any.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Returns the receive times of the first and the last line; `None` where no line has one.
    pub(super) fn span(&self) -> Option<Span> {
        self.span
    }

    /// Returns the latest receive time of all lines: not the last line's where the clock went back. Computed on the first
    /// call, which reads the whole file.
    pub(super) fn latest(&self, settings: &SourceSettings) -> Option<WallNs> {
        *self.latest.get_or_init(|| {
            let mut cursor = Cursor::at_start(0);
            let mut latest = None;
            while let Some(head) = cursor.read(self, settings) {
                if let Head::Line(line) = head {
                    latest = latest.max(Some(line.recv));
                }
            }
            latest
        })
    }

    /// Returns the content.
    #[inline]
    pub(super) fn content(&self) -> &[u8] {
        self.unpacked.as_deref().unwrap_or(&self.on_disk)
    }

    /// Reads forward to the first line with a time and backward to the last.
    fn find_span(&self, settings: &SourceSettings) -> Option<Span> {
        let mut cursor = Cursor::at_start(0);
        let first = loop {
            match cursor.read(self, settings)? {
                Head::Line(line) => break line.recv,
                Head::Fault(_) => {}
                Head::Damage => return None,
            }
        };
        let mut rest = self.content();
        while !rest.is_empty() {
            let start = memchr::memrchr(b'\n', rest).map_or(0, |newline| newline + 1);
            if let Form::Frame { recv, .. } | Form::Body { recv, .. } =
                form_of(trim_end(&rest[start..]))
            {
                return Some(Span { first, last: recv });
            }
            rest = &rest[..start.saturating_sub(1)];
        }
        Some(Span { first, last: first })
    }
}
