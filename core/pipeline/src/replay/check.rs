//! What a replay refuses before it starts: files named twice or without frames, and more passes than there is time for.
//!
//! Called by `replay` on the command line's thread. Writes nothing.

use super::ReplayRequest;
use crate::feed::replay::pass_span;
use crate::run::RunError;
use crate::source::{RECV_MAX, Recording};
use crate::summary::seconds;
use claire_types::time::NS_PER_S;
use claire_types::{DurationNs, WallNs};

/// 2000-01-01 UTC: no venue is older.
const VENUES_FROM: WallNs = WallNs(946_684_800 * NS_PER_S);

/// Refuses what cannot be meant: a file named twice, and a journal that refers to what cannot be read again.
pub(super) fn check_files(request: &ReplayRequest) -> Result<(), RunError> {
    let has_journal = request.plan.journal.is_some() || request.plan.store.is_some();
    let mut seen = Vec::new();
    for path in &request.files {
        // What cannot be looked at cannot be opened either; opening says why. A pipe has no other path.
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let shown = path.display();
        if has_journal && !metadata.is_file() && !metadata.is_dir() {
            return Err(RunError::Usage(format!(
                "{shown}: a journal refers to its input, and this is no file that can be read again; \
                save it to a file first"
            )));
        }
        if seen.contains(&whole) {
            return Err(RunError::Usage(format!(
                "{shown} is named twice; --loop repeats a session"
            )));
        }
        seen.push(whole);
    }
    Ok(())
}

/// Refuses more passes than there is time for.
pub(super) fn check_passes(recording: &Recording, passes: u32) -> Result<(), RunError> {
    if passes == 1 {
        return Ok(());
    }
    let (Some(DurationNs(span)), Some(last)) = (pass_span(recording), recording.latest_recv())
    else {
        return Ok(());
    };
    let later = i64::from(passes.saturating_sub(1)).checked_mul(span);
    let end = later.and_then(|later| last.0.checked_add(later));
    if end.is_some_and(|end| end < RECV_MAX.0) {
        return Ok(());
    }
    let span_s = seconds(span.unsigned_abs());
    Err(RunError::Usage(format!(
        "--loop {passes}: that many passes of {span_s:.0} s each end after {RECV_MAX}"
    )))
}

/// Says that receive times are older than any venue, and what they may be instead of nanoseconds.
pub(super) fn old_times(recording: &Recording) -> Option<String> {
    let (file, first) = recording.earliest()?;
    if first >= VENUES_FROM {
        return None;
    }
    let is_possible = |ns_per_unit: &i64| {
        let ns = first.0.checked_mul(*ns_per_unit);
        ns.is_some_and(|ns| (VENUES_FROM..RECV_MAX).contains(&WallNs(ns)))
    };
    let mut units = [(1_000, "us"), (1_000_000, "ms"), (NS_PER_S, "s")].into_iter();
    let unit = units.find(|(ns, _)| is_possible(ns));
    let unit = unit.map_or_else(String::new, |(_, unit)| {
        format!(", and these look like {unit}")
    });
    Some(format!(
        "{}: its first receive time is {first}: lines begin with ns since 1970{unit}; all times and timers follow them",
        file.path().display()
    ))
}

/// Refuses files with lines of which none is a frame, where nobody said what they are. With a venue such lines are counted
/// like any other bad frame, and an empty file is a session of nothing: those are returned in words.
pub(super) fn check_frames(
    request: &ReplayRequest,
    recording: &Recording,
) -> Result<Vec<String>, RunError> {
    let files = (0..=u16::MAX).take(request.files.len());
    let mut empty = Vec::new();
    for frameless in files.filter_map(|file| recording.frameless(file)) {
        match (frameless.first, request.venue) {
            (None, _) | (_, Some(_)) => empty.push(frameless.to_string()),
            (Some(_), None) => return Err(RunError::Usage(frameless.to_string())),
        }
    }
    Ok(empty)
}
