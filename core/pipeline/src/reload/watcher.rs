//! What the system says about files: its own events where it has them, and a look at each file now and then.
//!
//! Staging thread; the events are made on a thread of the `notify` library, which hands them over by a channel. The
//! folders of the files are watched, not the files: an editor that renames a new file over the old one would take
//! the watch with it. Each folder is watched once, by its canonical path: the system has one watch of a folder, and two
//! spellings of it would take it from one another. Folders that cannot be watched (some network and container mounts) are looked at every 100 ms;
//! the others once a second, for events that were lost.

use super::watchlist::{Seen, Watchlist};
use crate::clock::Clock;
use claire_types::MonoNs;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

/// Tells a watchlist what happens to its files.
pub(crate) struct FileWatcher {
    events: Option<(RecommendedWatcher, Receiver<Told>)>,
    /// Per file what it was at the last look.
    known: Vec<Option<Stamp>>,
    look_due_ns: u64,
    look_every_ns: u64,
}

/// An event, and when it came: the staging thread may be at something else then.
type Told = (MonoNs, notify::Result<Event>);

/// What changes with a file's content; of a folder, what tells it from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified_s: i64,
    modified_ns: i64,
    inode: u64,
    bytes: u64,
}

/// Links that are followed from a file to what they point to.
const LINKS_MAX: usize = 16;
const LOOK_SELDOM_NS: u64 = 1_000_000_000;
const LOOK_OFTEN_NS: u64 = 100_000_000;

impl FileWatcher {
    /// Watches the folders of the files, and of what they link to.
    pub fn new(list: &mut Watchlist, clock: Clock) -> Self {
        let mut folders = BTreeSet::new();
        let mut known = Vec::new();
        let mut index = 0;
        while let Some(path) = list.path(index).map(Path::to_owned) {
            let targets = targets_of(&path);
            let named = targets.iter().filter_map(|target| target.parent());
            folders.extend(named.map(Path::to_owned));
            known.push(stamp_of(&path));
            list.set_targets(index, targets);
            index += 1;
        }
        let events = match watch(&folders, clock) {
            Ok(events) => Some(events),
            Err(error) => {
                tracing::warn!(%error, "script files are looked at every 100 ms: their folders cannot be watched");
                None
            }
        };
        Self {
            look_every_ns: match events {
                Some(_) => LOOK_SELDOM_NS,
                None => LOOK_OFTEN_NS,
            },
            events,
            known,
            look_due_ns: 0,
        }
    }

    /// Tells the list what happened since the last time.
    pub fn tell(&mut self, list: &mut Watchlist, now: MonoNs) {
        let mut since = None;
        if let Some((_, events)) = &self.events {
            while let Ok((at, event)) = events.try_recv() {
                let is_ours = match event {
                    Ok(event) => tell_event(list, &event, at),
                    Err(_) => list.see_all(at),
                };
                since = since.or(is_ours.then_some(at));
            }
        }
        if let Some(since) = since {
            self.take_note(list, since);
        }
        if now.0 >= self.look_due_ns {
            self.look_due_ns = now.0 + self.look_every_ns;
            self.look(list, now);
        }
    }

    /// Takes note of the files that events told of since then: what they are is no news at the next look.
    fn take_note(&mut self, list: &mut Watchlist, since: MonoNs) {
        for (index, known) in self.known.iter_mut().enumerate() {
            let Some(path) = list.path(index).map(Path::to_owned) else {
                return;
            };
            // A link may lead elsewhere now.
            list.set_targets(index, targets_of(&path));
            if list.seen_at(index) >= since {
                *known = stamp_of(&path);
            }
        }
    }

    /// Looks at each file itself, for changes that no event told.
    fn look(&mut self, list: &mut Watchlist, now: MonoNs) {
        for (index, known) in self.known.iter_mut().enumerate() {
            let Some(path) = list.path(index).map(Path::to_owned) else {
                return;
            };
            let stamp = stamp_of(&path);
            if stamp == *known {
                continue;
            }
            *known = stamp;
            list.set_targets(index, targets_of(&path));
            let seen = match stamp {
                Some(_) => Seen::Writing,
                None => Seen::Gone,
            };
            list.see(&path, seen, now);
        }
    }
}

fn watch(
    folders: &BTreeSet<PathBuf>,
    clock: Clock,
) -> notify::Result<(RecommendedWatcher, Receiver<Told>)> {
    let (sender, events) = channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        // Nobody reads it where the run is over.
        let _ = sender.send((clock.mono(), event));
    })?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok((watcher, events))
}

/// Returns whether it is about a file of the list.
fn tell_event(list: &mut Watchlist, event: &Event, now: MonoNs) -> bool {
    if event.need_rescan() {
        return list.see_all(now);
    }
    let seen = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Seen::Whole,
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Seen::Whole,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Seen::Gone,
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            if let [from, to] = event.paths.as_slice() {
                return list.see(from, Seen::Gone, now) | list.see(to, Seen::Whole, now);
            }
            return false;
        }
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) | EventKind::Create(_) => {
            Seen::Writing
        }
        EventKind::Remove(_) => Seen::Gone,
        _ => return false,
    };
    let paths = event.paths.iter();
    paths.fold(false, |is_ours, path| is_ours | list.see(path, seen, now))
}

/// Returns the paths that events name a file by: its own, those that its links lead over, and the file itself, each in
/// a folder that is there, by the folder's canonical path.
fn targets_of(path: &Path) -> Vec<PathBuf> {
    let mut at = path.to_owned();
    let mut targets = Vec::from_iter(place_of(&at));
    for _ in 0..LINKS_MAX {
        let Ok(target) = std::fs::read_link(&at) else {
            break;
        };
        let folder = at.parent().unwrap_or(Path::new(""));
        at = folder.join(target);
        targets.extend(place_of(&at));
    }
    if let Ok(real) = std::fs::canonicalize(path) {
        targets.push(real);
    }
    targets
}

/// Returns a path with its folder's canonical path; a link at its end is not followed.
fn place_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let folder = std::fs::canonicalize(folder).ok()?;
    Some(folder.join(path.file_name()?))
}

/// Returns the stamp of what stands in a file's place; `None` where nothing does.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    let facts = std::fs::metadata(path).ok()?;
    let folder = Stamp {
        modified_s: 0,
        modified_ns: 0,
        inode: facts.ino(),
        bytes: 0,
    };
    // What happens in a folder is no save.
    Some(match facts.is_dir() {
        true => folder,
        false => Stamp {
            modified_s: facts.mtime(),
            modified_ns: facts.mtime_nsec(),
            bytes: facts.len(),
            ..folder
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::watchlist::Due;
    use std::time::Duration;

    /// Waits until a file is to be read, and returns which and how.
    fn read_due(watcher: &mut FileWatcher, list: &mut Watchlist, clock: &Clock) -> (usize, Due) {
        let deadline = clock.mono().0 + 20_000_000_000;
        loop {
            let now = clock.mono();
            watcher.tell(list, now);
            if let Some(due) = list.next_due(now) {
                return due;
            }
            assert!(now.0 < deadline, "nothing was seen of the file");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_an_event_told_is_no_news_at_the_next_look() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [told, untold] = ["told.rhai", "untold.rhai"].map(|name| folder.path().join(name));
        let mut list = Watchlist::new([told.clone(), untold.clone()]);
        let mut watcher = FileWatcher::new(&mut list, Clock::start());
        watcher.events = None;
        let (now, later) = (MonoNs(1_000_000_000), MonoNs(9_000_000_000));
        watcher.tell(&mut list, now);
        for path in [&told, &untold] {
            std::fs::write(path, "broken").expect("writable");
        }
        list.see(&told, Seen::Whole, now);
        watcher.take_note(&mut list, now);
        assert_eq!(list.next_due(later), Some((0, Due::Read)));
        watcher.tell(&mut list, later);
        let due = list.next_due(MonoNs(later.0 + LOOK_SELDOM_NS));
        assert_eq!(due, Some((1, Due::Read)));
        assert_eq!(list.next_due(MonoNs(later.0 + LOOK_SELDOM_NS)), None);
    }

    #[test]
    fn writing_renaming_links_and_removal_are_seen_in_a_folder_of_200_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for number in 0..200 {
            std::fs::write(at(&format!("{number}.rhai")), "other").expect("writable");
        }
        std::fs::create_dir(at("real")).expect("writable");
        std::fs::write(at("real/a.rhai"), "1").expect("writable");
        std::os::unix::fs::symlink(at("real/a.rhai"), at("a.rhai")).expect("a link");
        let mut list = Watchlist::new([at("a.rhai")]);
        let clock = Clock::start();
        let mut watcher = FileWatcher::new(&mut list, clock.clone());
        std::fs::write(at("real/a.rhai"), "22").expect("writable");
        assert_eq!(read_due(&mut watcher, &mut list, &clock), (0, Due::Read));
        std::fs::write(at("new"), "333").expect("writable");
        std::fs::rename(at("new"), at("a.rhai")).expect("over the link");
        assert_eq!(read_due(&mut watcher, &mut list, &clock), (0, Due::Read));
        for number in 0..200 {
            std::fs::write(at(&format!("{number}.rhai")), "changed").expect("writable");
        }
        std::fs::remove_file(at("a.rhai")).expect("it is there");
        assert_eq!(
            read_due(&mut watcher, &mut list, &clock),
            (0, Due::ReadForGood)
        );
    }

    #[test]
    fn a_folder_under_several_names_tells_of_every_file_in_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("real/within")).expect("writable");
        std::fs::create_dir(at("else")).expect("writable");
        std::os::unix::fs::symlink(at("real"), at("alias")).expect("a link");
        std::os::unix::fs::symlink("../else/d.rhai", at("real/d.rhai")).expect("a link");
        let names = [
            "real/a.rhai",
            "alias/b.rhai",
            "real/within/../c.rhai",
            "alias/d.rhai",
        ];
        for name in names {
            std::fs::write(at(name), "1").expect("writable");
        }
        let mut list = Watchlist::new(names.map(at));
        let clock = Clock::start();
        let mut watcher = FileWatcher::new(&mut list, clock.clone());
        // Only events tell.
        watcher.look_due_ns = u64::MAX;
        for _ in 0..2 {
            for (index, name) in names.into_iter().enumerate() {
                std::fs::write(at(name), "22").expect("writable");
                let due = read_due(&mut watcher, &mut list, &clock);
                assert_eq!(due, (index, Due::Read), "{name}");
            }
        }
        // Renamed over the link, whose own folder is watched too.
        std::fs::write(at("new"), "333").expect("writable");
        std::fs::rename(at("new"), at("real/d.rhai")).expect("over the link");
        assert_eq!(read_due(&mut watcher, &mut list, &clock), (3, Due::Read));
        std::fs::remove_file(at("alias/a.rhai")).expect("it is there");
        let gone = read_due(&mut watcher, &mut list, &clock);
        assert_eq!(gone, (0, Due::ReadForGood));
    }
}
