//! What a run removes of earlier journals, and that it says so.

use crate::place::{Place, segments};
use claire_pipeline::verify::{Verdict, verify};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Makes segments look as if they were closed three days ago.
fn age(journal: &Path, numbers: &[u32]) {
    for number in numbers {
        let path = journal.join(format!("journal-{number:06}.claire.zst"));
        let file = File::options().append(true).open(path).expect("closed");
        let then = SystemTime::now() - Duration::from_secs(3 * 86_400);
        file.set_modified(then).expect("set");
    }
}

#[test]
fn a_run_removes_old_segments_of_earlier_ones_and_counts_them() {
    let place = Place::new();
    place
        .paper("data/journal/a", 240, place.config(&[]))
        .expect("ran");
    let journal = place.path("data/journal/a");
    let all = segments(&journal);
    assert!(all.len() >= 4, "{all:?}");
    age(&journal, &all[..2]);
    let keep = [("CLAIRE_JOURNAL__KEEP_DAYS", "1")];
    let run = |name: &str, settings: &[(&str, &str)]| {
        let papered = place.paper(name, 5, place.config(settings));
        papered.expect("ran").summary.run.segments_removed
    };
    // No rule removes nothing; a store that does not have the run keeps all of it.
    assert_eq!(run("data/journal/b", &[]), 0);
    let url = format!("sqlite:{}", place.path("run.db").display());
    assert_eq!(
        run("data/journal/c", &[keep[0], ("CLAIRE_STORE__URL", &url)]),
        0
    );
    assert_eq!(segments(&journal), all);
    assert_eq!(run("data/journal/d", &keep), 2);
    assert_eq!(segments(&journal), all[2..]);
    let verified = verify(&journal, None, None).expect("verified");
    assert_eq!(
        (verified.verdict, verified.segment),
        (Verdict::Equal, all[2])
    );
    // An earlier run goes whole where all of it is old.
    age(&journal, &all[2..]);
    assert_eq!(run("data/journal/e", &keep), all.len() as u64 - 2);
    assert!(!journal.exists(), "an empty folder goes too");
    assert!(place.path("data/journal/b").exists());
}

#[test]
fn what_the_store_has_may_go_and_what_it_lacks_stays() {
    let place = Place::new();
    let url = format!("sqlite:{}", place.path("run.db").display());
    let stored = [("CLAIRE_STORE__URL", url.as_str())];
    place
        .paper("data/journal/a", 240, place.config(&stored))
        .expect("ran");
    let journal = place.path("data/journal/a");
    let all = segments(&journal);
    age(&journal, &all[..2]);
    let keep = [stored[0], ("CLAIRE_JOURNAL__KEEP_DAYS", "1")];
    let papered = place
        .paper("data/journal/b", 5, place.config(&keep))
        .expect("ran");
    assert_eq!(papered.summary.run.segments_removed, 2);
    assert_eq!(segments(&journal), all[2..]);
}
