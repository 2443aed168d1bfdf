//! A journal that cannot be written any more: the run ends with the reason, what is on the disk is good, and
//! the same command goes on when there is room again.
//!
//! The room is a limit on the size of files, at which the system cuts a write like a full disk does.

use crate::place::{Place, answer, complaint, recording, replay, texts};
use std::fs;
use std::path::PathBuf;

/// Blocks of 512 bytes: less than the header, the header and some blocks, most of the journal.
const LIMITS: [u64; 5] = [1, 40, 201, 555, 1_111];

#[test]
fn a_full_disk_ends_the_run_and_the_same_command_goes_on_when_there_is_room() {
    let whole = Place::new();
    let arguments = replay(&whole, recording(), None);
    let output = whole.claire(&texts(&arguments)).output().expect("started");
    let reference = answer(&output)["digest"].clone();
    for limit in LIMITS {
        let place = Place::new();
        let arguments = replay(&place, recording(), None);
        let shell = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\"");
        let output = place.claire_in(&shell, &arguments).output();
        let output = output.expect("started");
        assert_eq!(
            output.status.code(),
            Some(1),
            "{limit}: {}",
            complaint(&output)
        );
        let error = answer(&output)["error"].clone();
        assert_eq!(error["code"], "JOURNAL");
        let message = error["message"].as_str().expect("words");
        for part in ["journal-000001.claire", "write", "File too large"] {
            assert!(message.contains(part), "{part} in {message}");
        }
        assert_eq!(
            fs::metadata(segment(&place)).expect("there").len(),
            limit * 512
        );
        if limit > 1 {
            let verified = place.verify();
            assert_eq!(verified["verdict"], "equal so far", "{limit}: {verified}");
        }
        let output = place.claire(&texts(&arguments)).output().expect("started");
        assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
        assert_eq!(answer(&output)["digest"], reference);
        let verified = place.verify();
        assert_eq!(
            (&verified["verdict"], &verified["digest"]),
            (&"equal".into(), &reference)
        );
    }
}

fn segment(place: &Place) -> PathBuf {
    place.journal().join("journal-000001.claire")
}
