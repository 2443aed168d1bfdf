//! Journals cut, with flipped bits, and with segments lost, exchanged or of another journal.

use super::*;

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
