//! Runs that were killed and started again; what may not be resumed.

use super::*;

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
