//! The journal against crashes, damage and resumed runs.

mod segments;

use super::*;
use crate::digest::Digest;
use crate::sample::{self, Sample};
use claire_types::annotation::is_beside;
use claire_types::{Cell, CellBuffer, Cells};
use proptest::prelude::*;
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

#[test]
fn a_journal_cut_at_any_byte_of_its_last_blocks_is_torn_there_and_good_before() {
    let dir = sample::scratch();
    // Shorter than the distance to the first snapshot: one segment.
    let sample = Sample::new(2, 6);
    assert!((20..SNAPSHOT_EVERY).contains(&sample.len()));
    write_killed(dir.path(), &sample, options(None));
    let path = dir.path().join("journal-000001.claire");
    let bytes = fs::read(&path).expect("read");
    let mut reader = JournalReader::open(dir.path()).expect("opened");
    let mut ends = vec![reader.position().offset_bytes];
    while reader.next_message().expect("sound").is_some() {
        if reader.is_between_blocks() {
            ends.push(reader.position().offset_bytes);
        }
    }
    assert_eq!(ends.last(), Some(&(bytes.len() as u64)));
    for length in ends[ends.len() - 3]..bytes.len() as u64 {
        fs::write(&path, &bytes[..length as usize]).expect("written");
        let good = ends
            .iter()
            .rfind(|end| **end <= length)
            .expect("the header's end");
        let (messages, tail) = read_all(dir.path()).expect("torn is no error");
        let is_whole = *good == length;
        let place = Place {
            segment: 1,
            offset_bytes: *good,
        };
        assert_eq!(
            tail,
            if is_whole {
                Tail::Open
            } else {
                Tail::Torn(place)
            }
        );
        assert!(messages.len() < sample.len());
        // The same where the file system gave room before it wrote: zeros to the end.
        let mut blank = bytes[..length as usize].to_vec();
        blank.resize(bytes.len(), 0);
        fs::write(&path, &blank).expect("written");
        if let Ok((messages, tail)) = read_all(dir.path()) {
            assert!(matches!(tail, Tail::Torn(_)), "{length}: {tail:?}");
            assert!(messages.len() < sample.len());
        }
    }
}

#[test]
fn one_flipped_bit_anywhere_is_noticed_and_named() {
    for level in [None, Some(1)] {
        let dir = sample::scratch();
        write_whole(dir.path(), &Sample::new(3, 40), options(level));
        for (name, bytes) in files(dir.path()) {
            let path = dir.path().join(&name);
            let step = if level.is_some() { 3 } else { 11 };
            for at in (0..bytes.len()).step_by(step) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << (at % 8);
                fs::write(&path, &damaged).expect("written");
                let error = check(dir.path()).expect_err(&format!("{name} at {at}"));
                assert!(error.to_string().contains(&name), "{at}: {error}");
            }
            fs::write(&path, &bytes).expect("written");
        }
        check(dir.path()).expect("sound again");
    }
}

#[test]
fn a_flipped_bit_in_an_unfinished_journal_is_never_taken_for_a_torn_tail() {
    let dir = sample::scratch();
    write_killed(dir.path(), &Sample::new(3, 12), options(None));
    for (name, bytes) in files(dir.path()) {
        let path = dir.path().join(&name);
        for at in (0..bytes.len()).step_by(3) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x80 >> (at % 8);
            fs::write(&path, &damaged).expect("written");
            assert!(check(dir.path()).is_err(), "{name} at {at}");
        }
        fs::write(&path, &bytes).expect("written");
    }
}

#[test]
fn a_lost_exchanged_or_foreign_segment_is_noticed() {
    let dir = sample::scratch();
    let sample = Sample::new(4, 60);
    write_whole(dir.path(), &sample, options(None));
    let good = files(dir.path());
    let second = "journal-000002.claire".to_owned();
    let third = "journal-000003.claire".to_owned();
    let mut lost = good.clone();
    lost.remove(&second);
    put(dir.path(), &lost);
    let error = check(dir.path())
        .expect_err("a segment is lost")
        .to_string();
    assert!(error.contains(&second), "{error}");
    let mut exchanged = good.clone();
    exchanged.insert(second.clone(), good[&third].clone());
    put(dir.path(), &exchanged);
    assert!(check(dir.path()).is_err());
    let elsewhere = sample::scratch();
    write_whole(elsewhere.path(), &Sample::new(5, 60), options(None));
    let mut foreign = good.clone();
    foreign.insert(third.clone(), files(elsewhere.path())[&third].clone());
    put(dir.path(), &foreign);
    let error = check(dir.path()).expect_err("foreign").to_string();
    assert!(
        error.contains(&third) && error.contains("does not follow"),
        "{error}"
    );
}

#[test]
fn a_run_killed_at_any_byte_and_resumed_leaves_the_same_bytes() {
    let sample = Sample::new(6, 40);
    let whole = sample::scratch();
    write_whole(whole.path(), &sample, options(None));
    let wanted = files(whole.path());
    let total: usize = wanted.values().map(Vec::len).sum();
    let dir = sample::scratch();
    for cut in (0..total - 112).step_by(211) {
        put(dir.path(), &prefix(&wanted, cut));
        let mut writer = JournalWriter::resume(dir.path(), &header(), options(None))
            .unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        append(&mut writer, &sample, usize::MAX)
            .unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        writer.finish(digest_of(&sample)).expect("finished");
        assert!(files(dir.path()) == wanted, "cut at {cut} of {total}");
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
fn a_resumed_run_may_commit_elsewhere_and_compress_and_still_reads_the_same() {
    let sample = Sample::new(7, 60);
    let dir = sample::scratch();
    let mut writer =
        JournalWriter::create(dir.path(), &header(), options(Some(1))).expect("created");
    append(&mut writer, &sample, sample.len() / 2).expect("appended");
    drop(writer);
    for part in [sample.len() / 3, sample.len() * 3 / 4] {
        let mut writer =
            JournalWriter::resume(dir.path(), &header(), options(Some(1))).expect("resumed");
        let mut digest = Digest::START;
        for (number, message) in sample.iter().enumerate().take(part) {
            begin_segment(&mut writer, number, digest).expect("appended");
            digest.add(&message);
            writer.append(message).expect("appended");
            writer.commit().expect("committed");
        }
    }
    let mut writer =
        JournalWriter::resume(dir.path(), &header(), options(Some(1))).expect("resumed");
    assert!(writer.is_comparing());
    append(&mut writer, &sample, usize::MAX).expect("appended");
    assert!(!writer.is_comparing());
    writer.finish(digest_of(&sample)).expect("finished");
    let (messages, _) = read_all(dir.path()).expect("read");
    assert_same(&messages, &sample);
    assert_eq!(check(dir.path()).expect("sound").digest, digest_of(&sample));
}

#[test]
fn a_crash_in_the_middle_of_compressing_loses_nothing() {
    let sample = Sample::new(8, 60);
    let dir = sample::scratch();
    write_killed(dir.path(), &sample, options(None));
    let plain = dir.path().join("journal-000001.claire");
    let bytes = fs::read(&plain).expect("read");
    segment::compress(dir.path(), 1, 3).expect("compressed");
    // Both files: killed between rename and removal. And an unfinished one of the next segment.
    fs::write(&plain, bytes).expect("written");
    fs::write(dir.path().join("journal-000002.claire.zst.tmp"), b"half").expect("written");
    assert_same(&read_all(dir.path()).expect("read").0, &sample);
    let mut writer = JournalWriter::resume(dir.path(), &header(), options(None)).expect("resumed");
    append(&mut writer, &sample, usize::MAX).expect("appended");
    writer.finish(digest_of(&sample)).expect("finished");
    let names: Vec<_> = files(dir.path()).into_keys().collect();
    assert_eq!(
        names[..2],
        ["journal-000001.claire.zst", "journal-000002.claire"]
    );
    check(dir.path()).expect("sound");
}

#[test]
fn a_resumed_run_that_makes_something_else_is_stopped_at_the_place() {
    let sample = Sample::new(9, 30);
    let dir = sample::scratch();
    write_killed(dir.path(), &sample, options(None));
    let mut writer = JournalWriter::resume(dir.path(), &header(), options(None)).expect("resumed");
    let mut result = Ok(());
    for (number, message) in sample.iter().enumerate() {
        let mut cells: Vec<Cell> = message.iter().collect();
        if number == 20 {
            cells[1].low ^= 1;
        }
        result = writer.append(Cells::new(&cells, &[]));
        if result.is_err() {
            assert_eq!(number, 20);
            break;
        }
    }
    let error = result.expect_err("it differs");
    let JournalError::Differs {
        place,
        recorded,
        made,
    } = &error
    else {
        panic!("{error}")
    };
    assert!(place.segment >= 1 && place.offset_bytes > 0);
    assert_ne!(recorded, made);
    assert!(error.to_string().contains(".claire at byte"), "{error}");
    let refused = writer.append(Cells::new(&[], &[])).expect_err("poisoned");
    assert!(
        matches!(refused, JournalError::Poisoned { .. }),
        "{refused}"
    );
}

#[test]
fn a_resumed_run_that_ends_early_is_not_finished() {
    let sample = Sample::new(10, 30);
    let dir = sample::scratch();
    write_killed(dir.path(), &sample, options(None));
    let mut writer = JournalWriter::resume(dir.path(), &header(), options(None)).expect("resumed");
    append(&mut writer, &sample, 10).expect("appended");
    let error = writer
        .finish(Digest::START)
        .expect_err("it holds more")
        .to_string();
    assert!(error.contains("nothing: the run ended"), "{error}");
    assert_eq!(read_all(dir.path()).expect("read").1, Tail::Open);
}

#[test]
fn what_may_not_be_resumed_or_made_is_refused_with_the_reason() {
    let dir = sample::scratch();
    let sample = Sample::new(11, 10);
    let resume =
        |header: &JournalHeader| JournalWriter::resume(dir.path(), header, options(None)).map(drop);
    assert!(matches!(
        resume(&header()),
        Err(JournalError::Missing { .. })
    ));
    let writer = JournalWriter::create(dir.path(), &header(), options(None)).expect("created");
    assert!(matches!(
        resume(&header()),
        Err(JournalError::Locked { .. })
    ));
    drop(writer);
    let created = JournalWriter::create(dir.path(), &header(), options(None)).map(drop);
    assert!(matches!(created, Err(JournalError::Exists { .. })));
    let other = JournalHeader {
        body: serde_json::json!({"config": "mode = \"paper\""}),
        ..header()
    };
    let error = resume(&other).expect_err("another run").to_string();
    assert!(error.contains("body.config"), "{error}");
    let mut writer = JournalWriter::resume(dir.path(), &header(), options(None)).expect("resumed");
    append(&mut writer, &sample, usize::MAX).expect("appended");
    writer.finish(digest_of(&sample)).expect("finished");
    assert!(matches!(
        resume(&header()),
        Err(JournalError::Finished { .. })
    ));
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let dir = sample::scratch();
    let file = dir.path().join("a-file");
    fs::write(&file, "").expect("written");
    let error = JournalWriter::create(&file, &header(), options(None)).map(drop);
    let error = error.expect_err("a file is no directory").to_string();
    assert!(error.contains("a-file"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_the_writer_for_good() {
    let dir = sample::scratch();
    let sample = Sample::new(12, 10);
    let mut writer = JournalWriter::create(dir.path(), &header(), options(None)).expect("created");
    let full = fs::OpenOptions::new()
        .append(true)
        .open("/dev/full")
        .expect("Linux has it");
    writer.file = Some(full);
    writer
        .append(sample.iter().next().expect("one"))
        .expect("only copied");
    let error = writer.commit().expect_err("no room").to_string();
    assert!(
        error.contains("journal-000001.claire") && error.contains("No space left"),
        "{error}"
    );
    for _ in 0..2 {
        let error = writer.commit().expect_err("poisoned");
        assert!(matches!(error, JournalError::Poisoned { .. }), "{error}");
        assert!(error.to_string().contains("No space left"), "{error}");
    }
    assert!(writer.finish(Digest::START).is_err());
}

#[test]
fn cells_that_are_no_message_are_refused() {
    let dir = sample::scratch();
    let cases: [&[Cell]; 4] = [
        &[],
        &[Cell {
            low: 128 | 1 << 32,
            high: 0,
        }],
        &[
            Cell {
                low: 128 | 3 << 32,
                high: 0,
            },
            Cell::default(),
        ],
        &[
            Cell {
                low: 2 << 32,
                high: 0,
            },
            Cell::default(),
        ],
    ];
    for (number, cells) in cases.into_iter().enumerate() {
        let dir = dir.path().join(number.to_string());
        let mut writer = JournalWriter::create(&dir, &header(), options(None)).expect("created");
        let error = writer
            .append(Cells::new(cells, &[]))
            .expect_err("no message");
        assert!(matches!(error, JournalError::Message { .. }), "{error}");
    }
}

#[test]
fn a_follower_sees_what_is_committed_and_nothing_else() {
    let dir = sample::scratch();
    let sample = Sample::new(13, 40);
    let mut writer =
        JournalWriter::create(dir.path(), &header(), options(Some(1))).expect("created");
    let mut reader = JournalReader::open(dir.path()).expect("opened");
    reader.set_follow(writer.committed());
    let mut seen = 0;
    for (number, message) in sample.iter().enumerate() {
        assert!(reader.next_message().expect("sound").is_none());
        writer.append(message).expect("appended");
        if number % 5 == 4 {
            writer.commit().expect("committed");
            while let Some(message) = reader.next_message().expect("sound") {
                let written = sample.iter().nth(seen).expect("written");
                assert!(message.cells.iter().eq(written.iter()));
                seen += 1;
            }
            assert_eq!(seen, number + 1);
            assert_eq!(writer.committed().messages(), seen as u64);
            // A second reader takes up at any position between blocks, but only if it is the right one.
            let (place, check) = (reader.position(), reader.last_check());
            let mut again = JournalReader::open_at(dir.path(), place, check).expect("opened");
            again.set_follow(writer.committed());
            assert!(again.next_message().expect("sound").is_none());
        }
    }
}

#[test]
fn a_reader_that_takes_up_at_a_place_notices_that_the_block_before_was_another() {
    let dir = sample::scratch();
    write_whole(dir.path(), &Sample::new(14, 40), options(None));
    let mut reader = JournalReader::open(dir.path()).expect("opened");
    while reader.position().segment < 2 || !reader.is_between_blocks() {
        reader.next_message().expect("sound").expect("more");
    }
    let (place, check) = (reader.position(), reader.last_check());
    let open = |check| JournalReader::open_at(dir.path(), place, check).expect("opened");
    let read = |check| {
        open(check)
            .next_message()
            .map(|message| message.map(|message| message.place))
    };
    let next = reader.next_message().expect("sound").expect("more").place;
    assert_eq!(read(check).expect("sound"), Some(next));
    assert_eq!(read(None).expect("sound"), Some(next));
    assert!(read(check.map(|check| check ^ 1)).is_err());
}

#[test]
fn an_unknown_format_is_named() {
    let dir = sample::scratch();
    let newer = JournalHeader {
        format_version: 99,
        ..header()
    };
    drop(JournalWriter::create(dir.path(), &newer, options(None)).expect("created"));
    let error = JournalReader::open(dir.path())
        .map(drop)
        .expect_err("newer")
        .to_string();
    assert!(error.contains("99") && error.contains('2'), "{error}");
}

/// Messages of any kind and length, and after each whether it is committed.
fn any_messages() -> impl Strategy<Value = Vec<(Vec<Cell>, bool)>> {
    let words = proptest::collection::vec((any::<u64>(), any::<u64>()), 1..40);
    let kind = (1_u8..).prop_filter("no snapshot, no annotation", |kind| {
        !is_beside(u64::from(*kind))
    });
    let message = (kind, words, any::<bool>()).prop_map(|(kind, words, is_committed)| {
        let mut buffer = CellBuffer::default();
        buffer.begin(kind, 0, 0, words[0].0);
        words
            .iter()
            .for_each(|(low, high)| buffer.push(*low, *high));
        buffer.end();
        (buffer.as_slice().to_vec(), is_committed)
    });
    proptest::collection::vec(message, 0..60)
}

fn digest_of_cells(messages: &[(Vec<Cell>, bool)]) -> Digest {
    let mut digest = Digest::START;
    for (cells, _) in messages {
        digest.add(&Cells::new(cells, &[]));
    }
    digest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn prop_any_run_killed_at_any_byte_is_resumed_to_the_same_messages_and_digest(
        messages in any_messages(),
        share in 0.0..1.0_f64,
        level in proptest::option::of(1..4_i32),
    ) {
        let dir = sample::scratch();
        let append = |mut writer: JournalWriter| {
            let mut digest = Digest::START;
            for (number, (cells, is_committed)) in messages.iter().enumerate() {
                begin_segment(&mut writer, number, digest).expect("appended");
                digest.add(&Cells::new(cells, &[]));
                writer.append(Cells::new(cells, &[])).expect("appended");
                if *is_committed {
                    writer.commit().expect("committed");
                }
            }
            writer
        };
        let mut writer = append(JournalWriter::create(dir.path(), &header(), options(None)).expect("created"));
        writer.commit().expect("committed");
        drop(writer);
        let written = files(dir.path());
        let total: usize = written.values().map(Vec::len).sum();
        put(dir.path(), &prefix(&written, (total as f64 * share) as usize));
        let writer = append(JournalWriter::resume(dir.path(), &header(), options(level)).expect("resumed"));
        writer.finish(digest_of_cells(&messages)).expect("finished");
        let (read, _) = read_all(dir.path()).expect("read");
        prop_assert_eq!(read.len(), messages.len());
        for (read, (cells, _)) in read.iter().zip(&messages) {
            prop_assert_eq!(read.as_slice(), cells.as_slice());
        }
        prop_assert_eq!(check(dir.path()).expect("sound").digest, digest_of_cells(&messages));
    }

    #[test]
    fn prop_damaged_files_are_an_error_or_torn_and_never_a_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
    ) {
        let dir = sample::scratch();
        write_killed(dir.path(), &Sample::new(20, 6), options(None));
        let path = dir.path().join("journal-000001.claire");
        let mut bytes = fs::read(&path).expect("read");
        let whole = check(dir.path()).expect("sound").messages;
        for (index, value) in &damage {
            let at = index.index(bytes.len());
            bytes[at] = *value;
        }
        bytes.truncate(length.index(bytes.len()) + 1);
        fs::write(&path, &bytes).expect("written");
        if let Ok(facts) = check(dir.path()) {
            prop_assert!(facts.messages <= whole);
        }
        let _ = JournalWriter::resume(dir.path(), &header(), options(None));
    }
}
