//! Which files are to be read, and when: what editors do to a file, as events and times.
//!
//! Staging thread. Knows nothing of files or of the system's events: what is told here comes from `watcher`, so that
//! every way of saving can be tried with times of one's own. A file that was closed after writing, or was moved to
//! its place, is read a moment later; one that is only being written is read when nothing came for a while. Of
//! several saves the last one counts.

use claire_types::MonoNs;
use std::path::{Path, PathBuf};

/// What was seen of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was written to, or made: more may follow.
    Writing,
    /// It was closed after writing, or moved to its place: it is whole.
    Whole,
    /// It is gone from its place.
    Gone,
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Read it. What is wrong with it may be that it is not whole yet.
    Read,
    /// Read it. What is wrong with it is wrong.
    ReadForGood,
}

/// The files of strategies, in the configuration's order.
pub(crate) struct Watchlist {
    files: Vec<Watched>,
}

struct Watched {
    path: PathBuf,
    /// Further paths that are the same file: what links point to.
    targets: Vec<PathBuf>,
    seen_ns: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    /// To be read at that time.
    Due(u64),
    /// It was read and was wrong: wrong for good at that time, if nothing comes.
    Doubtful(u64),
}

/// From the close of a file until it is read: an editor may save twice.
pub(crate) const SETTLE_NS: u64 = 3_000_000;
/// Without a close: how long nothing must come.
pub(crate) const QUIET_NS: u64 = 100_000_000;
/// How long a file that is wrong or gone may become right before it is told.
pub(crate) const DOUBT_NS: u64 = 200_000_000;

impl Watchlist {
    /// Returns the list of these files.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let watched = |path| Watched {
            path,
            targets: Vec::new(),
            seen_ns: 0,
            state: State::Quiet,
        };
        Self {
            files: paths.into_iter().map(watched).collect(),
        }
    }

    /// Returns the path of a file by its place.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(|file| file.path.as_path())
    }

    /// Says what a file's links point to.
    pub fn set_targets(&mut self, index: usize, targets: Vec<PathBuf>) {
        if let Some(file) = self.files.get_mut(index) {
            file.targets = targets;
        }
    }

    /// Takes what was seen of a path; of any other file nothing is kept. Returns whether it is of the list.
    pub fn see(&mut self, path: &Path, seen: Seen, now: MonoNs) -> bool {
        let mut is_ours = false;
        for file in &mut self.files {
            if file.path == path || file.targets.iter().any(|target| target == path) {
                file.see(seen, now.0);
                is_ours = true;
            }
        }
        is_ours
    }

    /// Says that anything may have happened to any file. Returns whether there is one.
    pub fn see_all(&mut self, now: MonoNs) -> bool {
        for file in &mut self.files {
            file.see(Seen::Whole, now.0);
        }
        !self.files.is_empty()
    }

    /// Takes the next file that is to be read.
    pub fn next_due(&mut self, now: MonoNs) -> Option<(usize, Due)> {
        let found = self
            .files
            .iter_mut()
            .enumerate()
            .find_map(|(index, file)| file.due(now.0).map(|due| (index, due)))?;
        Some(found)
    }

    /// Says that a file was read and is wrong: it is read once more, for good, if nothing comes.
    pub fn doubt(&mut self, index: usize, now: MonoNs) {
        if let Some(file) = self.files.get_mut(index)
            && file.state == State::Quiet
        {
            file.state = State::Doubtful(now.0 + DOUBT_NS);
        }
    }

    /// Returns when the file was last seen to change.
    pub fn seen_at(&self, index: usize) -> MonoNs {
        MonoNs(self.files.get(index).map_or(0, |file| file.seen_ns))
    }
}

impl Watched {
    fn see(&mut self, seen: Seen, now_ns: u64) {
        self.seen_ns = now_ns;
        self.state = match seen {
            Seen::Whole => State::Due(now_ns + SETTLE_NS),
            Seen::Writing => State::Due(now_ns + QUIET_NS),
            Seen::Gone => State::Doubtful(now_ns + DOUBT_NS),
        };
    }

    fn due(&mut self, now_ns: u64) -> Option<Due> {
        let (at, due) = match self.state {
            State::Quiet => return None,
            State::Due(at) => (at, Due::Read),
            State::Doubtful(at) => (at, Due::ReadForGood),
        };
        if now_ns < at {
            return None;
        }
        self.state = State::Quiet;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn list() -> Watchlist {
        Watchlist::new(["/s/a.rhai", "/s/b.rhai"].map(PathBuf::from))
    }

    /// Plays events at their times and returns what was due, with its time in ms; a file of that content is doubted.
    fn play(events: &[(u64, &str, Seen)], wrong_until_ms: u64) -> Vec<(u64, usize, Due)> {
        let (mut list, mut found) = (list(), Vec::new());
        for ms in 0..1_000 {
            let now = MonoNs(ms * MS);
            for (_, path, seen) in events.iter().filter(|(at, ..)| *at == ms) {
                list.see(Path::new(path), *seen, now);
            }
            while let Some((index, due)) = list.next_due(now) {
                found.push((ms, index, due));
                if due == Due::Read && ms < wrong_until_ms {
                    list.doubt(index, now);
                }
            }
        }
        found
    }

    #[test]
    fn each_way_of_saving_is_read_once_it_is_whole() {
        use Seen::{Gone, Whole, Writing};
        type Case = (
            &'static str,
            &'static [(u64, &'static str, Seen)],
            u64,
            &'static [(u64, usize, Due)],
        );
        let cases: [Case; 9] = [
            (
                "written and closed",
                &[(10, "/s/a.rhai", Writing), (11, "/s/a.rhai", Whole)],
                0,
                &[(14, 0, Due::Read)],
            ),
            (
                "renamed over: gone, then whole",
                &[(10, "/s/a.rhai", Gone), (10, "/s/a.rhai", Whole)],
                0,
                &[(13, 0, Due::Read)],
            ),
            (
                "two saves in a row: the last one counts",
                &[(10, "/s/a.rhai", Whole), (12, "/s/a.rhai", Whole)],
                0,
                &[(15, 0, Due::Read)],
            ),
            (
                "written in pieces without a close",
                &[
                    (10, "/s/b.rhai", Writing),
                    (90, "/s/b.rhai", Writing),
                    (180, "/s/b.rhai", Writing),
                ],
                0,
                &[(280, 1, Due::Read)],
            ),
            (
                "closed between two pieces: wrong in between, right at the end",
                &[(10, "/s/a.rhai", Whole), (60, "/s/a.rhai", Whole)],
                20,
                &[(13, 0, Due::Read), (63, 0, Due::Read)],
            ),
            (
                "wrong for good: told once",
                &[(10, "/s/a.rhai", Whole)],
                500,
                &[(13, 0, Due::Read), (213, 0, Due::ReadForGood)],
            ),
            (
                "gone for good: told once",
                &[(10, "/s/a.rhai", Gone)],
                0,
                &[(210, 0, Due::ReadForGood)],
            ),
            (
                "gone and made again within the doubt",
                &[
                    (10, "/s/a.rhai", Gone),
                    (100, "/s/a.rhai", Writing),
                    (101, "/s/a.rhai", Whole),
                ],
                0,
                &[(104, 0, Due::Read)],
            ),
            (
                "other files of the folder are nobody's",
                &[(10, "/s/a.rhai~", Whole), (11, "/s/.a.rhai.swp", Writing)],
                0,
                &[],
            ),
        ];
        for (name, events, wrong_until_ms, want) in cases {
            assert_eq!(play(events, wrong_until_ms), want, "{name}");
        }
    }

    #[test]
    fn what_a_link_points_to_is_the_file() {
        let mut list = list();
        list.set_targets(1, vec!["/real/b.rhai".into()]);
        assert!(list.see(Path::new("/real/b.rhai"), Seen::Whole, MonoNs(0)));
        assert_eq!(list.next_due(MonoNs(SETTLE_NS)), Some((1, Due::Read)));
        assert_eq!(list.seen_at(1), MonoNs(0));
        assert!(!list.see(Path::new("/real/a.rhai"), Seen::Whole, MonoNs(0)));
    }

    #[test]
    fn after_lost_events_every_file_is_read() {
        let mut list = list();
        list.see_all(MonoNs(0));
        let due: Vec<_> = std::iter::from_fn(|| list.next_due(MonoNs(SETTLE_NS))).collect();
        assert_eq!(due, [(0, Due::Read), (1, Due::Read)]);
    }
}
