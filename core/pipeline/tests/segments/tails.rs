//! A snapshot and what follows it is the run: each tail of a journal verifies to the run's digest.

use crate::place::{Place, remove, segments};
use claire_pipeline::topology::Topology;
use claire_pipeline::verify::{Verdict, verify};
use std::path::Path;

/// Verifies from the start, from each segment, and with ever more of the oldest ones gone.
fn check_tails(journal: &Path, digest: &str) {
    let numbers = segments(journal);
    let last = *numbers.last().expect("segments");
    assert!(last >= 4, "{numbers:?}");
    let mut records = u64::MAX;
    for number in numbers {
        let verified = verify(journal, Some(number), None).expect("verified");
        assert_eq!(verified.verdict, Verdict::Equal, "from {number}");
        assert_eq!(
            (verified.digest.as_str(), verified.segment),
            (digest, number)
        );
        assert_eq!(
            verified.snapshots,
            u64::from(last - number),
            "from {number}"
        );
        assert!(verified.records < records, "a later segment has fewer");
        records = verified.records;
    }
    for number in [1, 2, 3] {
        remove(journal, number);
        let verified = verify(journal, None, None).expect("verified");
        assert_eq!(verified.verdict, Verdict::Equal, "without {number}");
        assert_eq!(
            (verified.digest.as_str(), verified.segment),
            (digest, number + 1)
        );
        let gone = verify(journal, Some(number), None)
            .expect_err("it is gone")
            .to_string();
        assert!(gone.contains(&format!("no segment {number}")), "{gone}");
    }
}

#[test]
fn each_tail_of_a_replays_journal_is_equal_in_both_topologies() {
    let place = Place::new();
    let fused = place.replay("fused", Topology::Fused).expect("replayed");
    let split = place.replay("split", Topology::Split).expect("replayed");
    let digest = fused.summary.digest;
    assert_eq!(digest, split.summary.digest);
    let without = place.replay_into(None, Topology::Fused).expect("replayed");
    assert_eq!(digest, without.summary.digest, "a journal changes nothing");
    let [one, other] = ["fused", "split"].map(|name| place.path(name));
    assert_eq!(
        segments(&one),
        segments(&other),
        "segments begin at the same inputs"
    );
    check_tails(&one, &digest);
    check_tails(&other, &digest);
}

#[test]
fn each_tail_of_a_paper_journal_is_equal() {
    let place = Place::new();
    let papered = place.paper("run", 240, place.config(&[])).expect("ran");
    check_tails(&place.path("run"), &papered.summary.digest);
}

#[test]
fn a_replay_killed_after_its_oldest_segments_were_removed_resumes_to_the_same_digest() {
    let place = Place::new();
    let whole = place.replay("whole", Topology::Fused).expect("replayed");
    place.replay("cut", Topology::Fused).expect("replayed");
    let journal = place.path("cut");
    let last = *segments(&journal).last().expect("segments");
    // As a killed run leaves it: the last segment is plain and ends in the middle of a block.
    let packed = journal.join(format!("journal-{last:06}.claire.zst"));
    let file = std::fs::File::open(&packed).expect("there");
    let plain = zstd::stream::decode_all(file).expect("whole");
    std::fs::write(packed.with_extension(""), &plain[..plain.len() * 2 / 3]).expect("written");
    std::fs::remove_file(&packed).expect("removed");
    for number in [1, 2] {
        remove(&journal, number);
    }
    let so_far = verify(&journal, None, None).expect("verified");
    assert_eq!((so_far.verdict, so_far.segment), (Verdict::EqualSoFar, 3));
    let resumed = place.replay("cut", Topology::Split).expect("resumed");
    assert_eq!(resumed.summary.digest, whole.summary.digest);
    let verified = verify(&journal, None, None).expect("verified");
    assert_eq!(
        (verified.verdict, verified.digest),
        (Verdict::Equal, whole.summary.digest)
    );
}
