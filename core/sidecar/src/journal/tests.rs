//! The journal against crashes, damage and resumed runs.

mod damage;
mod follow;
mod random;
mod refused;
mod resume;
mod segments;

use super::*;
use crate::digest::Digest;
use crate::sample::{self, Sample};
use claire_types::{Cell, CellBuffer, Cells};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const COMMIT_EVERY: usize = 7;
/// Messages between two snapshots, each of which begins a segment.
const SNAPSHOT_EVERY: usize = 40;

fn header() -> JournalHeader {
    sample::header(9)
}

fn options(compression_level: Option<i32>) -> JournalOptions {
    JournalOptions {
        compression_level,
        ..sample::OPTIONS
    }
}

fn digest_of(sample: &Sample) -> Digest {
    let mut digest = Digest::START;
    sample.iter().for_each(|message| digest.add(&message));
    digest
}

/// Appends messages from `from` on, committing as the first start did.
fn append(writer: &mut JournalWriter, sample: &Sample, count: usize) -> Result<(), JournalError> {
    let mut digest = Digest::START;
    for (number, message) in sample.iter().enumerate().take(count) {
        begin_segment(writer, number, digest)?;
        digest.add(&message);
        writer.append(message)?;
        if number % COMMIT_EVERY == COMMIT_EVERY - 1 {
            writer.commit()?;
        }
    }
    Ok(())
}

/// Appends a snapshot where one is due before message `number`.
fn begin_segment(
    writer: &mut JournalWriter,
    number: usize,
    digest: Digest,
) -> Result<(), JournalError> {
    if number > 0 && number.is_multiple_of(SNAPSHOT_EVERY) {
        writer.set_digest(digest);
        for part in Sample::snapshot(number) {
            writer.append(part.view())?;
        }
    }
    Ok(())
}

fn write_whole(dir: &Path, sample: &Sample, options: JournalOptions) {
    let mut writer = JournalWriter::create(dir, &header(), options).expect("created");
    append(&mut writer, sample, usize::MAX).expect("appended");
    writer.finish(digest_of(sample)).expect("finished");
}

fn write_killed(dir: &Path, sample: &Sample, options: JournalOptions) {
    let mut writer = JournalWriter::create(dir, &header(), options).expect("created");
    append(&mut writer, sample, usize::MAX).expect("appended");
    writer.commit().expect("committed");
}

fn read_all(dir: &Path) -> Result<(Vec<CellBuffer>, Tail), JournalError> {
    let mut reader = JournalReader::open(dir)?;
    let mut messages = Vec::new();
    while let Some(message) = reader.next_message()? {
        let mut buffer = CellBuffer::default();
        buffer.extend(message.cells);
        messages.push(buffer);
    }
    Ok((messages, reader.tail()))
}

fn assert_same(messages: &[CellBuffer], sample: &Sample) {
    assert_eq!(messages.len(), sample.len());
    for (read, written) in messages.iter().zip(sample.iter()) {
        assert!(read.view().iter().eq(written.iter()));
    }
}

/// The segments' files and their bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir)
        .expect("listed")
        .map(|entry| entry.expect("entry"));
    let named = entries.map(|entry| (entry.file_name().into_string().expect("text"), entry.path()));
    named
        .filter(|(name, _)| name.starts_with("journal-"))
        .map(|(name, path)| (name, fs::read(path).expect("read")))
        .collect()
}

fn put(dir: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for name in self::files(dir).keys() {
        fs::remove_file(dir.join(name)).expect("removed");
    }
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).expect("written");
    }
}

/// The files as a process killed after `bytes` bytes leaves them.
fn prefix(files: &BTreeMap<String, Vec<u8>>, mut bytes: usize) -> BTreeMap<String, Vec<u8>> {
    let mut kept = BTreeMap::new();
    for (name, content) in files {
        let length = content.len().min(bytes);
        kept.insert(name.clone(), content[..length].to_vec());
        if length < content.len() {
            break;
        }
        bytes -= length;
    }
    kept
}

#[test]
fn what_was_written_is_read_in_order_plain_and_compressed() {
    for level in [None, Some(3)] {
        let dir = sample::scratch();
        let sample = Sample::new(1, 60);
        write_whole(dir.path(), &sample, options(level));
        let (messages, tail) = read_all(dir.path()).expect("read");
        assert_same(&messages, &sample);
        let Tail::Finished(mark) = tail else {
            panic!("{tail:?}")
        };
        assert_eq!(mark.digest, digest_of(&sample));
        assert_eq!(mark.messages, sample.len() as u64);
        let files = files(dir.path());
        assert!(files.len() > 3, "{:?}", files.keys());
        let is_compressed = |name: &String| name.ends_with(".zst");
        assert!(
            files
                .keys()
                .all(|name| is_compressed(name) == level.is_some())
        );
        assert_eq!(check(dir.path()).expect("sound").digest, mark.digest);
    }
}
