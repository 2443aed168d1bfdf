//! Blocks: the journal's unit of writing and checking.
//!
//! ```text
//! magic      u32  what the block holds
//! bytes      u32  length of the payload, a multiple of 16
//! seq        u64  engine sequence of the first message
//! count      u32  number of messages
//! previous   u32  check of the block before: blocks cannot be lost, doubled or exchanged
//! head check u32  CRC-32C of the 24 bytes above: a damaged length is not mistaken for a torn tail
//! seal       u32  never zero: space that was allocated but never written is told from damage
//! payload
//! check      u32  CRC-32C of head and payload
//! seal       12 bytes
//! ```
//!
//! All numbers are little-endian. Called by writer and reader; knows no file.

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// The journal's header as JSON; first block of the first segment.
    Header,
    /// The segment's number, the header again and what came before, as JSON; first block of every later segment.
    Segment,
    /// Messages.
    Messages,
    /// The end mark: digest and counts; last block of a finished journal.
    End,
}

/// A block's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHead {
    /// What the block holds.
    pub kind: BlockKind,
    /// Engine sequence of the first message.
    pub seq: u64,
    /// Number of messages.
    pub count: u32,
    /// Check of the block before, 0 for the first.
    pub previous: u32,
    /// Length of the payload.
    pub payload_bytes: u32,
}

/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 32;
/// Bytes after the payload.
pub(super) const TRAILER_BYTES: usize = 16;
/// Longest payload: bounds what a reader allocates. A snapshot of 10,000 levels is 160 KB.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16 << 20;

const HEAD_SEAL: [u8; 4] = *b"head";
const TRAILER_SEAL: [u8; 12] = *b"claire.block";
const CHECKED_HEAD_BYTES: usize = 24;

impl BlockKind {
    const ALL: [Self; 4] = [Self::Header, Self::Segment, Self::Messages, Self::End];

    const fn magic(self) -> [u8; 4] {
        match self {
            Self::Header => *b"CLH1",
            Self::Segment => *b"CLS1",
            Self::Messages => *b"CLM1",
            Self::End => *b"CLE1",
        }
    }
}

impl BlockHead {
    /// Returns the head's bytes.
    pub fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.kind.magic());
        bytes[4..8].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.previous.to_le_bytes());
        let check = crc32c::crc32c(&bytes[..CHECKED_HEAD_BYTES]);
        bytes[24..28].copy_from_slice(&check.to_le_bytes());
        bytes[28..].copy_from_slice(&HEAD_SEAL);
        bytes
    }

    /// Returns the head of these bytes.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn of(bytes: &[u8; HEAD_BYTES]) -> Result<Self, &'static str> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[28..] != HEAD_SEAL {
            return Err("no block begins here");
        }
        if word(24) != crc32c::crc32c(&bytes[..CHECKED_HEAD_BYTES]) {
            return Err("the check of the block's head is wrong");
        }
        let kind = BlockKind::ALL
            .into_iter()
            .find(|kind| kind.magic() == bytes[..4]);
        let head = Self {
            kind: kind.ok_or("a block of a kind that this version does not know")?,
            payload_bytes: word(4),
            seq: u64::from(word(8)) | u64::from(word(12)) << 32,
            count: word(16),
            previous: word(20),
        };
        if head.payload_bytes as usize > PAYLOAD_BYTES_MAX || !head.payload_bytes.is_multiple_of(16)
        {
            return Err("the block has a length that no block has");
        }
        Ok(head)
    }

    /// Returns the bytes of the whole block.
    pub const fn block_bytes(&self) -> u64 {
        self.payload_bytes as u64 + (HEAD_BYTES + TRAILER_BYTES) as u64
    }
}

/// Makes `block` whole: it holds room for a head and the payload; the head is filled in and the
/// trailer added. Returns the block's check, which the next block names.
///
/// # Panics
/// Where the payload is too long or no multiple of 16: the writer keeps it so.
pub(super) fn seal(
    kind: BlockKind,
    seq: u64,
    count: u32,
    previous: u32,
    block: &mut Vec<u8>,
) -> u32 {
    let payload = block.len() - HEAD_BYTES;
    assert!(payload <= PAYLOAD_BYTES_MAX && payload.is_multiple_of(16));
    let head = BlockHead {
        kind,
        seq,
        count,
        previous,
        payload_bytes: payload as u32,
    };
    block[..HEAD_BYTES].copy_from_slice(&head.to_bytes());
    let check = crc32c::crc32c(block);
    block.extend(check.to_le_bytes());
    block.extend(TRAILER_SEAL);
    check
}

/// Returns the block of a JSON text, padded with spaces, and its check.
pub(super) fn text_block(kind: BlockKind, seq: u64, previous: u32, text: &str) -> (Vec<u8>, u32) {
    let mut block = vec![0; HEAD_BYTES];
    block.extend(text.as_bytes());
    block.resize(block.len().next_multiple_of(16), b' ');
    let check = seal(kind, seq, 0, previous, &mut block);
    (block, check)
}

/// Returns the check of a block whose payload and trailer are `rest`.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn check_of(head: &[u8; HEAD_BYTES], rest: &[u8]) -> Result<u32, &'static str> {
    let Some((payload, trailer)) = rest.split_last_chunk::<TRAILER_BYTES>() else {
        return Err("the block has no trailer");
    };
    let check = crc32c::crc32c_append(crc32c::crc32c(head), payload);
    if trailer[..4] != check.to_le_bytes() {
        return Err("the check of the block is wrong");
    }
    if trailer[4..] != TRAILER_SEAL {
        return Err("the block has no end");
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_block_is_noticed() {
        let mut block = vec![0; HEAD_BYTES];
        block.extend([5; 48]);
        seal(BlockKind::Messages, 1 << 40, 3, 9, &mut block);
        let read = |block: &[u8]| {
            let (head, rest) = block.split_first_chunk::<HEAD_BYTES>().expect("whole");
            BlockHead::of(head)?;
            check_of(head, rest)
        };
        assert!(read(&block).is_ok());
        for bit in 0..block.len() * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&block).is_err(), "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_head_is_read_back() {
        let head = BlockHead {
            kind: BlockKind::End,
            seq: u64::MAX - 5,
            count: 77,
            previous: 0xdead_beef,
            payload_bytes: 64,
        };
        assert_eq!(BlockHead::of(&head.to_bytes()), Ok(head));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_allocated() {
        let head = BlockHead {
            kind: BlockKind::Messages,
            seq: 0,
            count: 0,
            previous: 0,
            payload_bytes: PAYLOAD_BYTES_MAX as u32 + 16,
        };
        assert!(BlockHead::of(&head.to_bytes()).is_err());
    }
}
