//! Properties over any messages, any cut and any damage.

use super::*;
use claire_types::annotation::is_beside;
use proptest::prelude::*;

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
