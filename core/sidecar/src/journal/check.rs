//! Reading a whole journal to say whether it is sound: checks, counts, digest, end.
//!
//! Called by `claire db`, `claire runs` and tests. Does not run the engine: that is `verify`.

use super::error::JournalError;
use super::header::JournalHeader;
use super::reader::{JournalReader, Message, Tail};
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
/// As [`JournalReader::next_message`]; [`JournalError::Corrupt`] also where the end mark does not
/// agree with the messages.
pub fn check(dir: &Path) -> Result<JournalFacts, JournalError> {
    let mut reader = JournalReader::open(dir)?;
    let (mut messages, mut records, mut digest) = (0, 0, Digest::START);
    while let Some(Message { cells, .. }) = reader.next_message()? {
        messages += 1;
        records += u64::from(cells.at(0).is_ok_and(|cell| Record::is_record(cell.low)));
        digest.add(&cells);
    }
    if let Tail::Finished(mark) = reader.tail()
        && (mark.digest, mark.messages, mark.records) != (digest, messages, records)
    {
        let what = format!(
            "its end mark {mark:?} does not agree with {messages} messages, {records} records and digest {digest}"
        );
        return Err(reader.corrupt(&what));
    }
    Ok(JournalFacts {
        header: reader.header().clone(),
        messages,
        records,
        digest,
        tail: reader.tail(),
    })
}
