//! A projector beside a run that goes on: it follows, waits for a store that is down, and begins again where rows vanish.

use super::*;

#[test]
fn a_projector_whose_rows_are_removed_under_it_begins_again() {
    for test in TestStore::all() {
        drop(test.migrated());
        let dir = sample::scratch();
        let (_, lag) = record_beside(&test.url, dir.path(), 12, |projector| {
            let mut writer = LatencyWriter::open(dir.path()).expect("opened");
            writer.append(&[latency(1)]).expect("written");
            while projector.lag().messages > 0 {
                thread::yield_now();
            }
            rebuild(dir.path(), test.migrated(), Rows::Fresh).expect("rebuilt");
            test.clear();
        });
        assert_eq!((lag.messages, lag.state), (0, ProjectorState::Ended));
        let found = rebuild(dir.path(), test.migrated(), Rows::Kept).expect("compared");
        assert_eq!(unequal(&found), "");
    }
}

#[test]
fn a_file_that_is_removed_or_replaced_under_the_projector_is_made_again() {
    type Damage = fn(&Path);
    let damages: [Damage; 2] = [
        |path| std::fs::remove_file(path).expect("removed"),
        |path| {
            std::fs::remove_file(path).expect("removed");
            std::fs::write(path, "").expect("written");
        },
    ];
    for damage in damages {
        let test = TestStore::sqlite();
        let dir = sample::scratch();
        let (_, lag) = record_beside(&test.url, dir.path(), 13, |projector| {
            while projector.lag().messages > 0 {
                thread::yield_now();
            }
            damage(Path::new(test.url.trim_start_matches("sqlite:")));
        });
        assert_eq!((lag.messages, lag.state), (0, ProjectorState::Ended));
        assert!(lag.failures > 0, "nobody noticed");
        let found = rebuild(dir.path(), test.migrated(), Rows::Kept).expect("compared");
        assert_eq!(unequal(&found), "");
        assert_eq!(found.before.messages, found.applied.messages);
    }
}

fn quick() -> ProjectorOptions {
    ProjectorOptions {
        rows_max: ROWS_MAX,
        pause: Duration::from_millis(1),
        retry_pause_min: Duration::from_millis(1),
        retry_pause_max: Duration::from_millis(4),
    }
}

const LONG: Duration = Duration::from_secs(60);

/// Records a run beside a projector; `meanwhile` is called halfway.
fn record_beside(
    url: &str,
    dir: &Path,
    run: u8,
    meanwhile: impl FnOnce(&Projector),
) -> (Summary, Lag) {
    let journal =
        JournalWriter::create(dir, &sample::header(run), sample::OPTIONS).expect("created");
    let projector = Projector::start(url, dir, journal.committed(), quick()).expect("started");
    let mut recorder = Recorder::new(Some(journal));
    let sample = Sample::new(run.into(), 100);
    let (first, second) = (sample.iter().take(400), sample.iter().skip(400));
    for message in first {
        recorder.accept(message).expect("accepted");
        recorder.commit().expect("committed");
    }
    meanwhile(&projector);
    for message in second {
        recorder.accept(message).expect("accepted");
        recorder.commit().expect("committed");
    }
    (
        recorder.finish().expect("finished"),
        projector.finish(LONG, &mut |_| {}),
    )
}

#[test]
fn the_projector_follows_a_run_and_ends_with_it() {
    for test in TestStore::all() {
        drop(test.migrated());
        let dir = sample::scratch();
        let (summary, lag) = record_beside(&test.url, dir.path(), 6, |_| ());
        assert_eq!(
            (lag.state, lag.messages, &lag.error),
            (ProjectorState::Ended, 0, &None)
        );
        assert_eq!(lag.failures, 0, "{lag:?}");
        let mut store = test.migrated();
        let counts = store.counts(sample::header(6).run_id).expect("counted");
        assert_eq!(counts["fills"], summary.fills());
        assert_eq!(
            ask(&mut store, "SELECT digest FROM runs"),
            Some(summary.digest)
        );
    }
}

#[test]
fn a_store_that_is_down_delays_nothing_and_loses_nothing() {
    let dir = sample::scratch();
    let place = dir.path().join("not-yet");
    let url = format!("sqlite:{}", place.join("store.db").display());
    let journal = dir.path().join("journal");
    let (summary, lag) = record_beside(&url, &journal, 7, |projector| {
        // Down: it keeps trying, and says so. Half the run is recorded by now.
        while projector.lag().failures < 3 {
            thread::yield_now();
        }
        let lag = projector.lag();
        assert!(lag.error.expect("a reason").contains("not-yet"));
        assert_eq!((lag.messages, lag.rows), (400, 0));
        std::fs::create_dir(&place).expect("made");
    });
    assert_eq!(
        (lag.state, lag.messages, lag.error),
        (ProjectorState::Ended, 0, None)
    );
    let mut store = Store::open(&url).expect("opened");
    assert_eq!(
        store.counts(sample::header(7).run_id).expect("counted")["fills"],
        summary.fills()
    );
}

#[test]
fn finishing_waits_no_longer_than_it_is_told() {
    let dir = sample::scratch();
    let url = format!(
        "sqlite:{}",
        dir.path().join("never").join("store.db").display()
    );
    let journal =
        JournalWriter::create(dir.path(), &sample::header(8), sample::OPTIONS).expect("created");
    let projector =
        Projector::start(&url, dir.path(), journal.committed(), quick()).expect("started");
    let mut recorder = Recorder::new(Some(journal));
    Sample::new(8, 10)
        .iter()
        .for_each(|message| recorder.accept(message).expect("accepted"));
    recorder.finish().expect("finished");
    let lag = projector.finish(Duration::from_millis(30), &mut |_| {});
    assert!(
        lag.messages > 0 && lag.state != ProjectorState::Ended,
        "{lag:?}"
    );
}
