//! Resuming a journal: an interrupted run starts again from its first input, and what it makes is
//! compared with what is there until that is exhausted; from there it is appended.
//!
//! Called by the recorder at start. Nothing of an earlier start is overwritten but its torn tail.

use super::error::JournalError;
use super::header::JournalHeader;
use super::options::JournalOptions;
use super::reader::{JournalReader, Message, Tail, missing};
use super::segment::{self, Place, create_segment, lock};
use super::writer::JournalWriter;
use claire_types::cell::Tag;
use claire_types::record::Record;
use claire_types::{Cells, Input};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

/// What an earlier start wrote, read message by message beside the run that repeats it.
pub(super) struct Comparison {
    reader: JournalReader,
}

/// Where an unfinished journal's whole blocks end.
struct End {
    place: Place,
    check: u32,
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
        if segment::count(dir)? == 0 {
            return Err(missing(dir, "no segment in it"));
        }
        let lock = lock(dir)?;
        segment::remove_leftovers(dir)?;
        let reader = match JournalReader::open(dir) {
            Err(JournalError::Missing { .. }) if segment::count(dir)? == 1 => {
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
        // A closed and compressed last segment takes nothing more: the next one begins.
        let is_closed = !path.exists();
        let (file, place) = if is_closed {
            let segment = end.place.segment + 1;
            (
                create_segment(dir, segment)?,
                Place {
                    segment,
                    offset_bytes: 0,
                },
            )
        } else {
            let file = OpenOptions::new().append(true).open(&path);
            (file.map_err(JournalError::io("open", &path))?, end.place)
        };
        let mut writer = Self::with_file(dir, header, options, lock, file, place);
        writer.previous = end.check;
        if is_closed {
            writer.write_segment_note()?;
        }
        writer.publish();
        writer.compress_closed();
        reader.set_follow(writer.committed());
        writer.comparison = Some(Comparison { reader });
        Ok(writer)
    }
}

impl Comparison {
    /// Compares with the next recorded message and returns its segment; `None` where all is compared.
    pub fn compare(&mut self, made: &Cells<'_>) -> Result<Option<u32>, JournalError> {
        let Some(Message { cells, place }) = self.reader.next_message()? else {
            return Ok(None);
        };
        if cells.len() == made.len() && cells.iter().eq(made.iter()) {
            return Ok(Some(place.segment));
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
    let last = segment::count(dir)?;
    let start = Place {
        segment: last,
        offset_bytes: 0,
    };
    let mut reader = JournalReader::open_at(dir, start, None)?;
    while reader.next_message()?.is_some() {}
    let path = segment::plain_path(dir, last);
    match reader.tail() {
        Tail::Finished(_) => return Err(finished(dir)),
        Tail::Torn(place) if place.offset_bytes == 0 => {
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
    let kind = message.at(0).map(|cell| Tag::of(cell.low).kind);
    format!(
        "a message of kind {} and {} cells",
        kind.unwrap_or_default(),
        message.len()
    )
}
