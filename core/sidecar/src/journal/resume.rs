//! Resuming a journal: an interrupted run starts again from its first input, and what it makes is
//! compared with what is there until that is exhausted; from there it is appended.
//!
//! Called by the recorder at start. Nothing of an earlier start is overwritten but its torn tail. Where the
//! oldest segments were removed, what the run makes again of them is passed over. A snapshot is compared
//! as any message: that it is equal shows that it is the state.

use super::error::JournalError;
use super::header::JournalHeader;
use super::options::JournalOptions;
use super::reader::{JournalReader, Message, SegmentStart, Tail, missing};
use super::segment::{self, Place, lock};
use super::writer::JournalWriter;
use claire_types::cell::Tag;
use claire_types::record::Record;
use claire_types::snapshot::{SnapshotMessage, begins_snapshot};
use claire_types::{Cells, Input};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

/// What an earlier start wrote, read message by message beside the run that repeats it.
pub(super) struct Comparison {
    reader: JournalReader,
    /// What stands before the first segment; `None` once the run has come to it.
    removed: Option<SegmentStart>,
}

/// Where an unfinished journal's whole blocks end.
struct End {
    place: Place,
    check: u32,
    /// The last segment holds no message.
    is_fresh: bool,
}

impl JournalWriter {
    /// Goes on with an unfinished journal of the same run; only a torn tail is cut.
    ///
    /// The caller appends all messages of the run from the first one. Keeps the first start's header.
    ///
    /// # Errors
    /// [`JournalError::Missing`], [`JournalError::Finished`], [`JournalError::OtherRun`],
    /// [`JournalError::Locked`], [`JournalError::Corrupt`], [`JournalError::Io`].
    pub fn resume(
        dir: &Path,
        header: &JournalHeader,
        options: JournalOptions,
    ) -> Result<Self, JournalError> {
        if segment::range(dir)?.is_none() {
            return Err(missing(dir, "no segment in it"));
        }
        let lock = lock(dir)?;
        segment::remove_leftovers(dir)?;
        let reader = match JournalReader::open(dir) {
            Err(JournalError::Missing { .. }) if segment::range(dir)? == Some((1, 1)) => {
                // The first start did not even write its header: nothing is lost by beginning.
                remove(&segment::plain_path(dir, 1))?;
                return Self::begin(dir, header, options, lock);
            }
            result => result?,
        };
        if let Some(what) = reader.header().difference(header) {
            return Err(JournalError::OtherRun {
                dir: dir.to_owned(),
                what,
            });
        }
        let end = cut_tail(dir)?;
        Self::reopen(dir, reader, options, lock, &end)
    }

    fn reopen(
        dir: &Path,
        mut reader: JournalReader,
        options: JournalOptions,
        lock: File,
        end: &End,
    ) -> Result<Self, JournalError> {
        let header = reader.header().clone();
        let path = segment::plain_path(dir, end.place.segment);
        // A closed and compressed last segment takes nothing more: the run makes a snapshot next.
        let file = match path.exists() {
            false => None,
            true => {
                let file = OpenOptions::new().append(true).open(&path);
                Some(file.map_err(JournalError::io("open", &path))?)
            }
        };
        let mut writer = Self::with_file(dir, header, options, lock, file, end.place);
        writer.previous = end.check;
        writer.is_fresh = end.is_fresh;
        writer.publish();
        writer.compress_closed();
        reader.set_follow(writer.committed());
        reader.show_all();
        let start = reader.segment_start();
        writer.comparison = Some(Comparison {
            reader,
            removed: (start.messages > 0).then_some(start),
        });
        Ok(writer)
    }
}

impl Comparison {
    /// Compares with the next recorded message; `false` where all is compared.
    ///
    /// `before` is what the run made before it; of removed segments nothing is compared but that.
    pub fn compare(
        &mut self,
        made: &Cells<'_>,
        before: &SegmentStart,
    ) -> Result<bool, JournalError> {
        if let Some(start) = self.removed {
            let begins = made.at(0).is_ok_and(|cell| begins_snapshot(cell.low));
            if !begins || before.messages < start.messages {
                return Ok(true);
            }
            if *before != start {
                return Err(JournalError::Differs {
                    place: self.reader.position(),
                    recorded: format!("{start:?} before the segment"),
                    made: format!("{before:?}"),
                });
            }
            self.removed = None;
        }
        let Some(Message { cells, place }) = self.reader.next_message()? else {
            return Ok(false);
        };
        if cells.len() == made.len() && cells.iter().eq(made.iter()) {
            return Ok(true);
        }
        Err(JournalError::Differs {
            place,
            recorded: describe(&cells),
            made: describe(made),
        })
    }

    /// Says that the run made its last message.
    pub fn expect_end(&mut self) -> Result<(), JournalError> {
        match self.reader.next_message()? {
            None => Ok(()),
            Some(Message { cells, place }) => Err(JournalError::Differs {
                place,
                recorded: describe(&cells),
                made: "nothing: the run ended".to_owned(),
            }),
        }
    }
}

/// Cuts what is torn and returns where the whole blocks end. Reads the last segment only: the ones
/// before are checked while they are compared.
fn cut_tail(dir: &Path) -> Result<End, JournalError> {
    let Some((first, last)) = segment::range(dir)? else {
        return Err(missing(dir, "no segment in it"));
    };
    let start = Place {
        segment: last,
        offset_bytes: 0,
    };
    let mut reader = JournalReader::open_at(dir, start, None)?;
    reader.show_all();
    let mut is_fresh = true;
    while let Some(message) = reader.next_message()? {
        is_fresh &= message.place.segment != last;
    }
    let path = segment::plain_path(dir, last);
    match reader.tail() {
        Tail::Finished(_) => return Err(finished(dir)),
        Tail::Torn(place) if place.offset_bytes == 0 && last > first => {
            // Killed while it began the segment: the one before is the last again.
            remove(&path)?;
            return cut_tail(dir);
        }
        Tail::Torn(place) => cut(&path, place.offset_bytes)?,
        Tail::Open | Tail::Reading => {}
    }
    Ok(End {
        place: reader.position(),
        check: reader.last_check().unwrap_or_default(),
        is_fresh,
    })
}

fn cut(path: &Path, bytes: u64) -> Result<(), JournalError> {
    let file = OpenOptions::new().write(true).open(path);
    let file = file.map_err(JournalError::io("open", path))?;
    file.set_len(bytes)
        .and_then(|()| file.sync_all())
        .map_err(JournalError::io("cut the torn tail of", path))
}

fn remove(path: &Path) -> Result<(), JournalError> {
    fs::remove_file(path).map_err(JournalError::io("remove", path))
}

fn finished(dir: &Path) -> JournalError {
    JournalError::Finished {
        dir: dir.to_owned(),
    }
}

/// Returns the message in words, or its cells where it is none that this version knows.
pub(crate) fn describe(message: &Cells<'_>) -> String {
    if let Ok((header, record)) = Record::decode(message) {
        return format!("{record:?} of {header:?}");
    }
    if let Ok((header, input)) = Input::decode(message) {
        return match input {
            Input::Depth(depth) => format!(
                "input {} depth {}-{} with {} bids and {} asks",
                header.seq,
                depth.first_id,
                depth.last_id,
                depth.bids.len(),
                depth.asks.len()
            ),
            input => format!("{input:?} of {header:?}"),
        };
    }
    if let Ok(Some(snapshot)) = SnapshotMessage::decode(message) {
        return match snapshot {
            SnapshotMessage::Begin(head) => format!("the begin of a snapshot: {head:?}"),
            SnapshotMessage::End(head) => format!("the end of a snapshot: {head:?}"),
            SnapshotMessage::Part { number, bytes, .. } => {
                format!("part {number} of a snapshot with {bytes} bytes")
            }
        };
    }
    let kind = message.at(0).map(|cell| Tag::of(cell.low).kind);
    format!(
        "a message of kind {} and {} cells",
        kind.unwrap_or_default(),
        message.len()
    )
}
