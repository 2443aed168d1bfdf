//! Reading a whole journal to say whether it is sound: checks, counts, digest, end.
//!
//! Called by `claire db`, `claire runs` and tests. Does not run the engine: that is `verify`. Where the
//! oldest segments were removed, counts and digest go on from what the first one left says.

use super::error::JournalError;
use super::header::JournalHeader;
use super::reader::{JournalReader, Message, SegmentStart, Tail};
use crate::digest::Digest;
use claire_types::record::Record;
use std::path::Path;

/// What a sound journal holds.
#[derive(Clone, Debug)]
pub struct JournalFacts {
    /// Its header.
    pub header: JournalHeader,
    /// Number of messages.
    pub messages: u64,
    /// Number of records among them.
    pub records: u64,
    /// Digest over the records.
    pub digest: Digest,
    /// How it ends.
    pub tail: Tail,
}

/// Reads the whole journal.
///
/// # Errors
/// As [`JournalReader::next_message`]; [`JournalError::Corrupt`] also where the end mark or a segment's start
/// does not agree with the messages.
pub fn check(dir: &Path) -> Result<JournalFacts, JournalError> {
    let mut reader = JournalReader::open(dir)?;
    let mut sums = reader.segment_start();
    let mut segment = reader.position().segment;
    while let Some(Message { cells, place }) = reader.next_message()? {
        let mut after = sums;
        after.messages += 1;
        after.records += u64::from(cells.at(0).is_ok_and(|cell| Record::is_record(cell.low)));
        after.digest.add(&cells);
        if place.segment != segment {
            segment = place.segment;
            check_start(&reader, &sums)?;
        }
        sums = after;
    }
    if let Tail::Finished(mark) = reader.tail()
        && (mark.digest, mark.messages, mark.records) != (sums.digest, sums.messages, sums.records)
    {
        let what = format!("its end mark {mark:?} does not agree with the messages: {sums:?}");
        return Err(reader.corrupt(&what));
    }
    Ok(JournalFacts {
        header: reader.header().clone(),
        messages: sums.messages,
        records: sums.records,
        digest: sums.digest,
        tail: reader.tail(),
    })
}

fn check_start(reader: &JournalReader, before: &SegmentStart) -> Result<(), JournalError> {
    let said = reader.segment_start();
    if said == *before {
        return Ok(());
    }
    let what = format!("the segment's start {said:?} does not agree with the messages: {before:?}");
    Err(reader.corrupt(&what))
}
