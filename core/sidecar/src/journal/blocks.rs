//! The blocks of a journal, one after the other, checked; what is torn is told from what is damaged.
//!
//! Called by the reader. A torn tail is where writing stopped: in the last, plain segment, a block
//! cut off, or space that was allocated and never written. All else that is wrong is damage.

use super::block::{self, BlockHead, BlockKind, HEAD_BYTES, TRAILER_BYTES};
use super::error::JournalError;
use super::segment::{self, Place, SegmentSource};
use std::path::{Path, PathBuf};

/// Reads a journal's blocks in order.
pub(super) struct BlockReader {
    dir: PathBuf,
    source: SegmentSource,
    /// The block that is read next, or was read last until [`Self::pass`].
    place: Place,
    /// Check of the block before; unknown after a jump.
    previous: Option<u32>,
    bytes: Vec<u8>,
}

/// What a try to read one block gave.
pub(super) enum Step {
    /// A whole, checked block; its payload is in [`BlockReader::payload`].
    Block(BlockHead),
    /// The segment ends with a whole block.
    EndOfSegment,
    /// The journal ends in the middle of a block.
    Torn,
}

impl BlockReader {
    /// Opens the journal at the first block of a segment.
    pub fn open(dir: &Path, segment: u32) -> Result<Self, JournalError> {
        let start = Place {
            segment,
            offset_bytes: 0,
        };
        Ok(Self {
            dir: dir.to_owned(),
            source: SegmentSource::open(dir, start)?,
            place: start,
            previous: (segment == 1).then_some(0),
            bytes: Vec::new(),
        })
    }

    /// Moves to the block at `place`, which follows the block with this check, if that is known.
    pub fn jump(&mut self, place: Place, check: Option<u32>) -> Result<(), JournalError> {
        self.source = SegmentSource::open(&self.dir, place)?;
        self.place = place;
        self.previous = check;
        Ok(())
    }

    /// Moves to the next segment.
    pub fn begin_next_segment(&mut self) -> Result<(), JournalError> {
        let place = Place {
            segment: self.place.segment + 1,
            offset_bytes: 0,
        };
        self.jump(place, self.previous)
    }

    /// Reads and checks the block at [`Self::place`].
    pub fn step(&mut self) -> Result<Step, JournalError> {
        let mut head_bytes = [0; HEAD_BYTES];
        match self.source.fill(&mut head_bytes)? {
            HEAD_BYTES => {}
            0 if self.place.offset_bytes > 0 => return Ok(Step::EndOfSegment),
            _ => return self.torn("the file ends in the middle of a block's head"),
        }
        let head = match BlockHead::of(&head_bytes) {
            Ok(head) => head,
            Err(_) if head_bytes[16..] == [0; 16] && self.is_blank_to_the_end()? => {
                return self.torn("space was allocated and never written");
            }
            Err(what) => return Err(self.corrupt(what)),
        };
        let rest_bytes = head.payload_bytes as usize + TRAILER_BYTES;
        self.bytes.resize(rest_bytes, 0);
        if self.source.fill(&mut self.bytes)? < rest_bytes {
            return self.torn("the file ends in the middle of a block");
        }
        self.check(&head, &head_bytes)
    }

    fn check(
        &mut self,
        head: &BlockHead,
        head_bytes: &[u8; HEAD_BYTES],
    ) -> Result<Step, JournalError> {
        let check = match block::check_of(head_bytes, &self.bytes) {
            Ok(check) => check,
            Err(_)
                if self.bytes.ends_with(&[0; TRAILER_BYTES]) && self.is_blank_to_the_end()? =>
            {
                return self.torn("a block was allocated and never written whole");
            }
            Err(what) => return Err(self.corrupt(what)),
        };
        if self
            .previous
            .is_some_and(|previous| previous != head.previous)
        {
            return Err(self.corrupt("the block does not follow the one before it"));
        }
        let begins = matches!(head.kind, BlockKind::Header | BlockKind::Segment);
        if begins != (self.place.offset_bytes == 0) {
            return Err(self.corrupt("a block stands where none of its kind may stand"));
        }
        self.previous = Some(check);
        Ok(Step::Block(*head))
    }

    /// Moves behind the block that was read.
    pub fn pass(&mut self, head: &BlockHead) {
        self.place.offset_bytes += head.block_bytes();
    }

    /// Returns whether nothing at all follows in the segment or after it.
    pub fn is_at_the_end(&mut self) -> Result<bool, JournalError> {
        let mut more = [0; 1];
        Ok(self.source.fill(&mut more)? == 0 && self.is_last())
    }

    /// Returns the payload of the block that was read.
    pub fn payload(&self, head: &BlockHead) -> &[u8] {
        &self.bytes[..head.payload_bytes as usize]
    }

    /// Returns the place of the block.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Returns the check of the last block read, which the next one has to name; `None` after a jump.
    pub const fn last_check(&self) -> Option<u32> {
        self.previous
    }

    /// Returns whether no segment follows.
    pub fn is_last(&self) -> bool {
        !segment::exists(&self.dir, self.place.segment + 1)
    }

    /// Returns the journal's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the error that the block is damaged.
    pub fn corrupt(&self, what: &str) -> JournalError {
        JournalError::Corrupt {
            file: self.source.path.clone(),
            offset_bytes: self.place.offset_bytes,
            what: what.to_owned(),
        }
    }

    fn torn(&self, what: &str) -> Result<Step, JournalError> {
        if self.source.is_plain && self.is_last() {
            return Ok(Step::Torn);
        }
        Err(self.corrupt(what))
    }

    fn is_blank_to_the_end(&mut self) -> Result<bool, JournalError> {
        let mut buffer = [0; 4096];
        loop {
            match self.source.fill(&mut buffer)? {
                0 => return Ok(true),
                count if buffer[..count].iter().any(|byte| *byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }
}
