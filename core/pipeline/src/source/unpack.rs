//! Unpacks gzip and zstd, told apart by their magic bytes.
//!
//! Called by `source::file` when a recording is opened. An archive that ends early or is corrupt gives what
//! could be unpacked together with the damage; only a bound that is passed gives nothing.
#![forbid(unsafe_code)]

use std::io::{self, Read};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    Plain,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
}

/// What came out of an archive.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The content, up to the damage if there is any.
    pub(super) bytes: Vec<u8>,
    /// Offset in the archive and cause, where it is damaged.
    pub(super) damage: Option<(u64, io::Error)>,
}

/// Returns whether the content came whole but is not what was packed.
pub(super) fn is_wrong_checksum(fault: &io::Error) -> bool {
    fault.to_string().contains("checksum")
}

/// Returns whether the archive only ends too early: what came out of it is what was packed.
pub(super) fn is_cut(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::UnexpectedEof
}

/// The content is larger than the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Packing {
    /// Returns how these bytes are packed.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Unpacks a gzip archive.
///
/// # Errors
/// [`TooLarge`] where the content passes `bytes_max`.
pub(super) fn gzip(packed: &[u8], bytes_max: u64) -> Result<Unpacked, TooLarge> {
    let mut decoder = flate2::bufread::MultiGzDecoder::new(packed);
    let (bytes, fault) = drain(&mut decoder, packed.len(), bytes_max)?;
    let left = decoder.get_ref().len();
    Ok(unpacked(bytes, fault, packed.len() - left))
}

/// Unpacks a zstd archive.
///
/// # Errors
/// [`TooLarge`] where the content passes `bytes_max`.
pub(super) fn zstd(packed: &[u8], bytes_max: u64) -> Result<Unpacked, TooLarge> {
    let mut decoder = match zstd::stream::read::Decoder::with_buffer(packed) {
        Ok(decoder) => decoder,
        Err(fault) => return Ok(unpacked(Vec::new(), Some(fault), 0)),
    };
    let (bytes, fault) = drain(&mut decoder, packed.len(), bytes_max)?;
    let left = decoder.get_ref().len();
    Ok(unpacked(bytes, fault, packed.len() - left))
}

fn unpacked(bytes: Vec<u8>, fault: Option<io::Error>, offset: usize) -> Unpacked {
    let damage = fault.map(|fault| (offset as u64, fault));
    Unpacked { bytes, damage }
}

/// Reads until the end, a fault or the bound. The buffer grows by what came out, never by what a header claims.
fn drain(
    reader: &mut impl Read,
    packed_bytes: usize,
    bytes_max: u64,
) -> Result<(Vec<u8>, Option<io::Error>), TooLarge> {
    let mut bytes = Vec::new();
    let expected = packed_bytes.saturating_mul(UNPACK_RATIO).max(STEP_BYTES);
    bytes.reserve(expected.min(usize::try_from(bytes_max).unwrap_or(usize::MAX)));
    let mut step = vec![0; STEP_BYTES];
    loop {
        match reader.read(&mut step) {
            Ok(0) => return Ok((bytes, None)),
            Ok(count) => {
                bytes.extend_from_slice(&step[..count]);
                if bytes.len() as u64 > bytes_max {
                    return Err(TooLarge);
                }
            }
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Ok((bytes, Some(fault))),
        }
    }
}

/// Content per packed byte to reserve at first: recorded JSON unpacks to 7-9 times its size.
const UNPACK_RATIO: usize = 9;
/// Bytes unpacked between two looks at the bound. Small, because the gzip decoder withholds what it unpacked in the step
/// that failed: at most this and its own window of 32 KB before a corrupt place is missing.
const STEP_BYTES: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed_gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn several_members_unpack_to_one_content() {
        let mut packed = packed_gzip(b"one\n");
        packed.extend(packed_gzip(b"two\n"));
        let unpacked = gzip(&packed, 100).expect("within the bound");
        assert_eq!(unpacked.bytes, b"one\ntwo\n");
        assert!(unpacked.damage.is_none());

        let mut packed = zstd::encode_all(&b"one\n"[..], 1).expect("memory");
        packed.extend(zstd::encode_all(&b"two\n"[..], 1).expect("memory"));
        let unpacked = zstd(&packed, 100).expect("within the bound");
        assert_eq!(unpacked.bytes, b"one\ntwo\n");
        assert!(unpacked.damage.is_none());
    }

    #[test]
    fn content_beyond_the_bound_is_refused() {
        let content = vec![b'a'; 10 << 20];
        let bound = 1 << 20;
        assert_eq!(gzip(&packed_gzip(&content), bound).err(), Some(TooLarge));
        let packed = zstd::encode_all(&content[..], 1).expect("memory");
        assert_eq!(zstd(&packed, bound).err(), Some(TooLarge));
        let exact = gzip(&packed_gzip(&content), 10 << 20).expect("exactly the bound");
        assert_eq!(exact.bytes.len(), 10 << 20);
    }

    #[test]
    fn bytes_after_the_archive_are_damage_at_their_offset() {
        let mut packed = packed_gzip(b"one\n");
        let whole = packed.len() as u64;
        packed.extend(b"this is no gzip member");
        let unpacked = gzip(&packed, 100).expect("within the bound");
        assert_eq!(unpacked.bytes, b"one\n");
        let (offset, _) = unpacked.damage.expect("damage");
        assert!(offset >= whole, "{offset}");
    }
}
