//! Readers behind a writer, and readers that take up at a place.

use super::*;

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
