//! What cannot be written or read: paths, a full disk, cells that are no message, an unknown format.

use super::*;

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
    let ours = format!("reads format {FORMAT_VERSION}");
    assert!(error.contains("99") && error.contains(&ours), "{error}");
}
