//! Finds the damage in a compressed segment: which block, and where it stands in the unpacked segment.
//!
//! Called where a compressed segment's check is wrong, to name the place; never decides whether it is. What
//! compression hides is found to the packed piece it lies in, of at most 128 KB.

use super::block::{self, BlockHead, HEAD_BYTES, TRAILER_BYTES};
use std::fs::File;
use std::io::{self, Read, Seek};

/// Where the damage is.
pub(super) struct Found {
    /// Where the damaged block begins, in the unpacked segment.
    pub offset_bytes: u64,
    /// Which block and what is wrong, in words.
    pub what: String,
}

/// Unpacks as far as it goes and returns the first block that is not whole.
pub(super) fn locate(file: &mut File, content_bytes: u64) -> Found {
    let (mut number, mut offset_bytes) = (0_u64, 0_u64);
    let reason = match unpack(file, content_bytes, |bytes| {
        number += 1;
        offset_bytes += bytes;
    }) {
        Ok(None) => {
            let what = format!(
                "the check of the compressed segment is wrong, but its {number} blocks are whole: \
                 the damage is in what compression added"
            );
            return Found { offset_bytes, what };
        }
        Ok(Some(reason)) => reason.to_owned(),
        Err(error) => format!("it cannot be unpacked: {error}"),
    };
    let what = format!("block {}: {reason}", number + 1);
    Found { offset_bytes, what }
}

/// Reads blocks and tells the length of each whole one; returns what is wrong with the first that is not.
fn unpack(
    file: &mut File,
    content_bytes: u64,
    mut whole: impl FnMut(u64),
) -> io::Result<Option<&'static str>> {
    file.rewind()?;
    let mut reader = zstd::stream::read::Decoder::new(file.take(content_bytes))?;
    let mut rest = Vec::new();
    loop {
        let mut head_bytes = [0; HEAD_BYTES];
        if reader.read(&mut head_bytes[..1])? == 0 {
            return Ok(None);
        }
        reader.read_exact(&mut head_bytes[1..])?;
        let head = match BlockHead::of(&head_bytes) {
            Ok(head) => head,
            Err(what) => return Ok(Some(what)),
        };
        rest.resize(head.payload_bytes as usize + TRAILER_BYTES, 0);
        reader.read_exact(&mut rest)?;
        if let Err(what) = block::check_of(&head_bytes, &rest) {
            return Ok(Some(what));
        }
        whole(head.block_bytes());
    }
}
