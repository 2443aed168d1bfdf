//! Segments on their own: read, resumed and checked without the ones before; damage in a compressed one; what is
//! removed.

use super::super::{Projected, Retention, RetentionRules};
use super::*;
use std::collections::BTreeSet;

/// Returns the journal's segment numbers; none where there is no folder.
fn numbers(dir: &Path) -> Vec<u32> {
    let range = segment::range(dir).ok().flatten();
    range.map_or(Vec::new(), |(first, last)| (first..=last).collect())
}

fn remove(dir: &Path, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        let plain = segment::plain_path(dir, number);
        let compressed = segment::compressed_path(dir, number);
        fs::remove_file(plain)
            .or_else(|_| fs::remove_file(compressed))
            .expect("removed");
    }
}

#[test]
fn a_segment_says_what_came_before_it_and_begins_with_a_snapshot() {
    for level in [None, Some(1)] {
        let dir = sample::scratch();
        let sample = Sample::new(21, 60);
        write_whole(dir.path(), &sample, options(level));
        let numbers = numbers(dir.path());
        assert!(numbers.len() > 4, "{numbers:?}");
        for number in numbers {
            let mut reader = JournalReader::open_segment(dir.path(), number).expect("opened");
            assert_eq!(*reader.header(), header());
            let before = (number as usize - 1) * SNAPSHOT_EVERY;
            let mut digest = Digest::START;
            sample
                .iter()
                .take(before)
                .for_each(|message| digest.add(&message));
            let start = reader.segment_start();
            assert_eq!((start.messages, start.digest), (before as u64, digest));
            let first = reader.next_message().expect("sound").expect("more");
            let written = sample.iter().nth(before).expect("written");
            assert!(first.cells.iter().eq(written.iter()));
            if number > 1 {
                let mut reader = JournalReader::open_segment(dir.path(), number).expect("opened");
                reader.show_all();
                for part in Sample::snapshot(before) {
                    let message = reader.next_message().expect("sound").expect("a snapshot");
                    assert!(message.cells.iter().eq(part.view().iter()));
                }
            }
        }
        let gone = JournalReader::open_segment(dir.path(), 99).map(drop);
        let gone = gone.expect_err("there is none").to_string();
        assert!(
            gone.contains("has no segment 99: its segments are 1 to "),
            "{gone}"
        );
    }
}

#[test]
fn a_journal_without_its_oldest_segments_is_sound_and_has_the_same_end() {
    let dir = sample::scratch();
    let sample = Sample::new(22, 60);
    write_whole(dir.path(), &sample, options(Some(1)));
    let last = *numbers(dir.path()).last().expect("segments");
    for removed in 1..last {
        remove(dir.path(), removed..=removed);
        let facts = check(dir.path()).expect("sound");
        assert_eq!(facts.digest, digest_of(&sample));
        assert_eq!(facts.messages, sample.len() as u64);
        let old = Place {
            segment: removed,
            offset_bytes: 500,
        };
        let error = JournalReader::open_at(dir.path(), old, None).map(drop);
        let error = error.expect_err("it is gone").to_string();
        assert!(error.contains("was removed"), "{error}");
    }
}

#[test]
fn a_run_resumed_without_its_oldest_segments_ends_as_the_whole_one() {
    let sample = Sample::new(23, 60);
    let whole = sample::scratch();
    write_whole(whole.path(), &sample, options(None));
    let wanted = files(whole.path());
    let total: usize = wanted.values().map(Vec::len).sum();
    let dir = sample::scratch();
    for cut in (total / 2..total - 112).step_by(401) {
        put(dir.path(), &prefix(&wanted, cut));
        remove(dir.path(), 1..=2);
        let mut writer = JournalWriter::resume(dir.path(), &header(), options(None))
            .unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        append(&mut writer, &sample, usize::MAX)
            .unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        writer.finish(digest_of(&sample)).expect("finished");
        let mut left = wanted.clone();
        for gone in ["journal-000001.claire", "journal-000002.claire"] {
            left.remove(gone);
        }
        assert!(files(dir.path()) == left, "cut at {cut} of {total}");
    }
}

#[test]
fn a_resumed_run_that_comes_to_the_first_segment_with_another_digest_is_stopped() {
    let dir = sample::scratch();
    let sample = Sample::new(24, 40);
    write_killed(dir.path(), &sample, options(None));
    remove(dir.path(), 1..=2);
    let mut writer = JournalWriter::resume(dir.path(), &header(), options(None)).expect("resumed");
    let mut changed = Digest::START;
    let mut result = Ok(());
    for (number, message) in sample.iter().enumerate() {
        if number.is_multiple_of(SNAPSHOT_EVERY) {
            changed = Digest::from_bytes([7; Digest::BYTES]);
        }
        result = begin_segment(&mut writer, number, changed).and_then(|()| writer.append(message));
        if result.is_err() {
            assert_eq!(number, 2 * SNAPSHOT_EVERY);
            break;
        }
    }
    let error = result.expect_err("another run").to_string();
    assert!(error.contains("before the segment"), "{error}");
}

#[test]
fn damage_in_a_compressed_segment_is_named_by_block_and_byte() {
    let dir = sample::scratch();
    write_whole(dir.path(), &Sample::new(25, 60), options(None));
    let mut reader = JournalReader::open_segment(dir.path(), 2).expect("opened");
    let mut begins = BTreeSet::from([0]);
    while reader.position().segment == 2 {
        begins.insert(reader.position().offset_bytes);
        reader.next_message().expect("sound").expect("more");
    }
    segment::compress(dir.path(), 2, 1).expect("compressed");
    let path = segment::compressed_path(dir.path(), 2);
    let bytes = fs::read(&path).expect("read");
    let mut named = BTreeSet::new();
    for at in (0..bytes.len()).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).expect("written");
        let error = check(dir.path()).expect_err("damaged");
        let JournalError::Corrupt {
            file,
            offset_bytes,
            what,
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(*file, path);
        let place = format!("byte {offset_bytes} of the unpacked segment: ");
        assert!(error.to_string().contains(&place), "{error}");
        let is_end = what.contains("blocks are whole");
        assert!(is_end || what.starts_with("block "), "{what}");
        assert!(
            is_end || begins.contains(offset_bytes),
            "{offset_bytes} of {begins:?}: {what}"
        );
        named.insert(*offset_bytes);
    }
    assert!(
        named.len() > 2,
        "different places have different names: {named:?}"
    );
}

/// Bytes of the files of a journal's segments.
fn bytes(dir: &Path) -> u64 {
    files(dir)
        .values()
        .map(|content| content.len() as u64)
        .sum()
}

fn quota(folder: &Path, bytes_max: u64, projected: Option<Projected>) -> Retention {
    let rules = RetentionRules {
        age_max: None,
        bytes_max: Some(bytes_max),
    };
    Retention::new(rules, folder, projected)
}

#[test]
fn a_quota_takes_earlier_runs_first_and_leaves_two_segments_of_the_running_one() {
    let folder = sample::scratch();
    let [early, late, own] = ["z", "y", "x"].map(|name| folder.path().join(name));
    for (dir, started) in [(&early, 1), (&late, 2)] {
        let header = JournalHeader {
            started: claire_types::WallNs(started),
            ..header()
        };
        let sample = Sample::new(30, 20);
        let mut writer = JournalWriter::create(dir, &header, options(None)).expect("created");
        append(&mut writer, &sample, usize::MAX).expect("appended");
        writer.finish(digest_of(&sample)).expect("finished");
    }
    let (each, before) = (bytes(&early), numbers(&late));
    // Half of what the later one takes must go too.
    let retention = quota(folder.path(), each / 2, None);
    let removals = retention.removals();
    let mut writer = JournalWriter::create(&own, &header(), options(None)).expect("created");
    writer.keep(retention);
    drop(writer);
    assert!(!early.exists(), "the earliest goes whole");
    let left = numbers(&late);
    assert!(
        left.len() < before.len() && left.last() == before.last(),
        "{left:?} of {before:?}"
    );
    assert_eq!(removals.so_far().bytes, 2 * each - bytes(&late));
    check(&late).expect("what is left is sound");

    let sample = Sample::new(31, 60);
    let mut writer = JournalWriter::resume(&own, &header(), options(None)).expect("resumed");
    writer.keep(quota(folder.path(), 1, None));
    append(&mut writer, &sample, usize::MAX).expect("appended");
    writer.finish(digest_of(&sample)).expect("finished");
    assert!(!late.exists());
    let left = numbers(&own);
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(check(&own).expect("sound").digest, digest_of(&sample));
}

#[test]
fn what_is_not_projected_or_is_written_by_another_stays() {
    let folder = sample::scratch();
    let [earlier, own] = ["a", "b"].map(|name| folder.path().join(name));
    let sample = Sample::new(32, 40);
    write_whole(&earlier, &sample, options(None));
    let all = numbers(&earlier);
    let run = |projected: Place| {
        let projected: Projected = Box::new(move |_| projected);
        let retention = quota(folder.path(), 1, Some(projected));
        let removals = retention.removals();
        let _ = fs::remove_dir_all(&own);
        let mut writer = JournalWriter::create(&own, &header(), options(None)).expect("created");
        writer.keep(retention);
        drop(writer);
        (removals.so_far().segments, numbers(&earlier))
    };
    assert_eq!(run(Place::default()), (0, all.clone()));
    let third = Place {
        segment: 3,
        offset_bytes: 7,
    };
    assert_eq!(run(third), (2, all[2..].to_vec()));
    let lock = segment::lock(&earlier).expect("free");
    let last = *all.last().expect("segments");
    let almost = Place {
        segment: last,
        offset_bytes: 100,
    };
    assert_eq!(run(almost), (0, all[2..].to_vec()), "its lock is held");
    drop(lock);
    assert_eq!(run(almost), (all.len() as u64 - 3, vec![last]));
    let mut reader = JournalReader::open(&earlier).expect("opened");
    while reader.next_message().expect("sound").is_some() {}
    assert_eq!(run(reader.position()), (1, Vec::new()));
    assert!(!earlier.exists());
}
