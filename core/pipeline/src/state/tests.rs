//! Every way a state file can be, and every change of state.

use super::*;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU32, Ordering};

const NOW: WallNs = WallNs(1_723_161_253_937_085_768);

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Only a number that differs between tests of this process is needed.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claire-state-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self, traces: &Traces) -> Result<(StateStore, Found), StateError> {
        StateStore::open(&self.0, || Ok(traces.clone()), "test", NOW)
    }

    fn audit(&self) -> Vec<AuditLine> {
        let text = std::fs::read_to_string(self.0.join("audit.jsonl")).expect("a log");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line"));
        lines.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn traces(epoch_max: u32) -> Traces {
    Traces {
        places: vec![PathBuf::from("journal")],
        epoch_max,
    }
}

fn cause(code: &str) -> Cause {
    Cause::new(code, "measured 6 %, limit 5 %", "monitor", NOW)
}

#[test]
fn first_start_is_active_and_audited() {
    let folder = Folder::new();
    let (store, found) = folder.open(&Traces::default()).expect("a writable folder");
    assert_eq!(found, Found::FirstStart);
    assert_eq!(store.state(), &State::first());
    drop(store);
    assert_eq!(folder.audit()[0].what, "initialized");
    let (_, found) = folder.open(&Traces::default()).expect("again");
    assert_eq!(found, Found::State);
    assert_eq!(folder.audit().len(), 1, "opening changes nothing");
}

#[test]
fn what_is_no_state_is_killed_and_kept_aside() {
    let good = {
        let folder = Folder::new();
        folder.open(&Traces::default()).expect("a first start");
        std::fs::read_to_string(folder.0.join("state.json")).expect("written")
    };
    let half = &good[..good.len() / 2];
    let flipped = good.replace("\"epoch\": 0", "\"epoch\": 7");
    let newer = good.replace("\"version\": 1", "\"version\": 2");
    let milder = good.replace(
        "\"is_kill_switch_active\": false",
        "\"is_kill_switch_active\": true",
    );
    for (content, what) in [
        ("", "is empty"),
        (" \n", "is empty"),
        (half, "is truncated"),
        ("hello", "is no state file"),
        ("{\"format\":\"other\"}", "is no state file of claire"),
        ("[]", "is no state file of claire"),
        (&newer, "is of another version of claire"),
        (&flipped, "is damaged (its checksum differs)"),
        (&milder, "is damaged (its checksum differs)"),
    ] {
        for traces in [Traces::default(), traces(4)] {
            let folder = Folder::new();
            std::fs::create_dir_all(&folder.0).expect("a writable folder");
            std::fs::write(folder.0.join("state.json"), content).expect("a writable folder");
            let (store, found) = folder.open(&traces).expect("KILLED is no error");
            let Found::Unreadable(message) = found else {
                panic!("{content:?} was read as a state");
            };
            assert!(message.contains(what), "{content:?}: {message}");
            assert!(message.contains("state.json"), "{message}");
            assert_eq!(store.state().trading_state, TradingState::Killed);
            assert!(store.state().is_kill_switch_active);
            let aside = folder.0.join(format!("state.json.unreadable-{}", NOW.0));
            assert_eq!(std::fs::read_to_string(aside).expect("kept"), content);
        }
    }
}

#[test]
fn every_cut_of_a_state_file_is_killed() {
    let folder = Folder::new();
    folder.open(&Traces::default()).expect("a first start");
    let path = folder.0.join("state.json");
    let good = std::fs::read(&path).expect("written");
    // The line break at the end is the only byte that carries nothing.
    for length in 0..good.len() - 1 {
        std::fs::write(&path, &good[..length]).expect("a writable folder");
        let content = file::read(&folder.0);
        assert!(
            matches!(content, file::Content::Unreadable(_)),
            "{length} bytes"
        );
    }
}

#[test]
fn a_missing_state_beside_a_journal_is_killed_and_stays_killed() {
    let folder = Folder::new();
    let traces = traces(12);
    let (store, found) = folder.open(&traces).expect("KILLED is no error");
    assert!(matches!(found, Found::Unreadable(_)), "{found:?}");
    let code = store
        .state()
        .cause
        .as_ref()
        .map(|cause| cause.code.as_str());
    assert_eq!(code, Some(Cause::STATE_UNREADABLE));
    drop(store);
    let (mut store, found) = folder.open(&traces).expect("reads");
    assert_eq!(found, Found::State);
    assert_eq!(store.state().trading_state, TradingState::Killed);
    assert_eq!(
        store.next_epoch("test", NOW).expect("written"),
        13,
        "ids go on after the journals'"
    );
}

#[test]
fn latches_only_get_stricter_and_survive_restarts() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(&Traces::default()).expect("a first start");
    store
        .latch(TradingState::Halted, cause("DAILY_LOSS"), NOW)
        .expect("stricter");
    let milder = store.latch(TradingState::Reducing, cause("ERROR_RATE"), NOW);
    assert!(matches!(milder, Err(StateError::Lift { .. })), "{milder:?}");
    drop(store);
    let (mut store, _) = folder.open(&Traces::default()).expect("reads");
    assert_eq!(store.state().trading_state, TradingState::Halted);
    assert_eq!(store.state().cause.as_ref(), Some(&cause("DAILY_LOSS")));
    store
        .latch(TradingState::Killed, cause("OPERATOR"), NOW)
        .expect("stricter");
    assert!(store.state().is_kill_switch_active);
    let silent = store.lift(" ", "test", NOW);
    assert!(
        matches!(silent, Err(StateError::ReasonMissing(_))),
        "{silent:?}"
    );
    store
        .lift("checked at the venue", "test", NOW)
        .expect("with a reason");
    assert_eq!(store.state().trading_state, TradingState::Active);
    drop(store);
    let (store, _) = folder.open(&Traces::default()).expect("reads");
    assert_eq!(store.state(), &State::first());
    let what: Vec<_> = folder.audit().into_iter().map(|line| line.what).collect();
    assert_eq!(what, ["initialized", "latched", "latched", "lifted"]);
}

#[test]
fn each_start_has_a_higher_epoch_on_disk() {
    let folder = Folder::new();
    for expected in 1..=3 {
        let (mut store, _) = folder.open(&Traces::default()).expect("reads");
        assert_eq!(store.next_epoch("test", NOW).expect("written"), expected);
        // The file has it while the process lives: a crash right now loses nothing.
        let file::Content::State(on_disk) = file::read(&folder.0) else {
            panic!("readable");
        };
        assert_eq!(on_disk.epoch, expected);
    }
}

#[test]
fn two_processes_cannot_share_a_data_directory() {
    let folder = Folder::new();
    let (_store, _) = folder.open(&Traces::default()).expect("the first");
    let second = folder.open(&Traces::default());
    assert!(matches!(second, Err(StateError::Locked(_))), "{second:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = Folder::new();
    std::fs::write(&folder.0, "a file").expect("writable");
    let error = folder
        .open(&Traces::default())
        .expect_err("a file is no folder");
    assert!(
        error.to_string().contains(&folder.0.display().to_string()),
        "{error}"
    );
    std::fs::remove_file(&folder.0).expect("ours");
}

#[test]
fn a_failed_write_keeps_the_old_epoch() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(&Traces::default()).expect("a first start");
    // A folder in the temporary file's place makes the write fail, also for root.
    std::fs::create_dir(folder.0.join("state.json.tmp")).expect("writable");
    assert!(store.next_epoch("test", NOW).is_err());
    assert_eq!(store.state().epoch, 0);
    let latched = store.latch(TradingState::Killed, cause("OPERATOR"), NOW);
    assert!(latched.is_err());
    assert_eq!(
        store.state().trading_state,
        TradingState::Killed,
        "a latch holds in memory"
    );
}

#[test]
fn audit_lines_chain() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(&Traces::default()).expect("a first start");
    store.next_epoch("test", NOW).expect("written");
    store.next_epoch("test", NOW).expect("written");
    let text = std::fs::read_to_string(folder.0.join("audit.jsonl")).expect("a log");
    let mut before = "0".repeat(64);
    for (line, text) in folder.audit().iter().zip(text.lines()) {
        assert_eq!(line.before, before);
        before = file::hex(&Sha256::digest(text));
    }
}
