//! How much room the journal's disk has left, and how that reaches the engine.
//!
//! The sidecar looks ([`DiskWatch`]), at most once a second; what it finds goes through one cell to FEED
//! ([`DiskCell`]), which makes an input of it, so that the journal holds it and a verification repeats it.
//! It only ever asks for less trading: what was latched an operator lifts.

use crate::clock::Clock;
use crate::config::section::JournalConfig;
use claire_types::input::LowDisk;
use claire_types::time::NS_PER_S;
use claire_types::{MonoNs, TradingState};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Reads how many bytes are free for this user where a path is.
#[derive(Clone)]
pub struct FreeSpace(Arc<ReadFree>);

/// Reads the free bytes where a path is.
type ReadFree = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

/// What the sidecar found, for FEED: the strictest state asked for so far.
#[derive(Debug, Default)]
pub struct DiskCell {
    state: AtomicU8,
    free_bytes: AtomicU64,
    limit_bytes: AtomicU64,
}

/// FEED's end of the cell.
#[derive(Clone, Debug, Default)]
pub struct DiskAlarm {
    cell: Arc<DiskCell>,
    told: u8,
}

/// Looks at the disk.
#[derive(Debug)]
pub struct DiskWatch {
    path: PathBuf,
    free: FreeSpace,
    /// Strictest first.
    limits: [(TradingState, Option<u64>); 2],
    cell: Arc<DiskCell>,
    clock: Clock,
    due: MonoNs,
}

/// How often the sidecar looks.
const LOOK_EVERY_NS: u64 = NS_PER_S as u64;

impl FreeSpace {
    /// Returns what the operating system says.
    pub fn of_system() -> Self {
        Self::by(|path| {
            let disk = rustix::fs::statvfs(path)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        })
    }

    /// Returns what `read` says: tests fill a disk with it.
    pub fn by(read: impl Fn(&Path) -> io::Result<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl Default for FreeSpace {
    fn default() -> Self {
        Self::of_system()
    }
}

impl fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeSpace")
    }
}

impl DiskWatch {
    /// Returns a watch on the disk of this journal, and FEED's end of what it finds.
    pub fn new(journal: &Path, config: &JournalConfig, free: FreeSpace) -> (Self, DiskAlarm) {
        let cell = Arc::new(DiskCell::default());
        let watch = Self {
            path: journal.to_owned(),
            free,
            limits: [
                (TradingState::Halted, config.halted_below_mb.bytes()),
                (TradingState::Reducing, config.reducing_below_mb.bytes()),
            ],
            cell: Arc::clone(&cell),
            clock: Clock::start(),
            due: MonoNs(0),
        };
        (watch, DiskAlarm { cell, told: 0 })
    }

    /// Looks, where a second has passed since the last time.
    pub fn look(&mut self) {
        let now = self.clock.mono();
        if now < self.due || self.limits.iter().all(|(_, limit)| limit.is_none()) {
            return;
        }
        self.due = MonoNs(now.0 + LOOK_EVERY_NS);
        // What cannot be measured is taken for nothing: the journal may be unable to take the next record.
        let free_bytes = (self.free.0)(&self.path).unwrap_or_else(|error| {
            tracing::warn!(path = %self.path.display(), %error, "free space cannot be read: taken for none");
            0
        });
        let low = self.limits.iter().find_map(|(state, limit)| {
            let limit_bytes = (*limit)?;
            (free_bytes < limit_bytes).then_some(LowDisk {
                state: *state,
                free_bytes,
                limit_bytes,
            })
        });
        if let Some(low) =
            low.filter(|low| low.state as u8 > self.cell.state.load(Ordering::Relaxed))
        {
            tracing::warn!(
                path = %self.path.display(),
                "{} bytes are free, below {}: {}",
                low.free_bytes, low.limit_bytes, low.state
            );
            self.cell.set(&low);
        }
    }
}

impl DiskCell {
    fn set(&self, low: &LowDisk) {
        self.free_bytes.store(low.free_bytes, Ordering::Relaxed);
        self.limit_bytes.store(low.limit_bytes, Ordering::Relaxed);
        // Release: pairs with the Acquire of `DiskAlarm::take`, which reads the two numbers after it.
        self.state.store(low.state as u8, Ordering::Release);
    }
}

impl DiskAlarm {
    /// Returns what asks for a stricter state than was returned before.
    ///
    /// Where the sidecar finds still less at the same moment, the numbers may be those of the next alarm.
    #[inline]
    pub fn take(&mut self) -> Option<LowDisk> {
        // Acquire: pairs with the Release of `DiskCell::set`.
        let state = self.cell.state.load(Ordering::Acquire);
        if state <= self.told {
            return None;
        }
        self.told = state;
        Some(LowDisk {
            state: TradingState::from_u8(state)?,
            free_bytes: self.cell.free_bytes.load(Ordering::Relaxed),
            limit_bytes: self.cell.limit_bytes.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;

    #[test]
    fn each_limit_is_told_once_and_what_cannot_be_read_is_nothing() {
        let config = crate::config::Config::load(&crate::config::Sources::default());
        let config = config.expect("the defaults").journal;
        let free = Arc::new(AtomicI64::new(i64::MAX));
        let read = Arc::clone(&free);
        let space = FreeSpace::by(move |_| {
            u64::try_from(read.load(Ordering::Relaxed)).map_err(|_| io::ErrorKind::NotFound.into())
        });
        let (mut watch, mut alarm) = DiskWatch::new(Path::new("/"), &config, space);
        let mut look = |bytes| {
            free.store(bytes, Ordering::Relaxed);
            watch.due = MonoNs(0);
            watch.look();
            alarm
                .take()
                .map(|low| (low.state, low.free_bytes, low.limit_bytes))
        };
        assert_eq!(look(1_000_000_000), None);
        let reducing = (TradingState::Reducing, 999_999_999, 1_000_000_000);
        assert_eq!(look(999_999_999), Some(reducing));
        assert_eq!(look(300_000_000), None);
        assert_eq!(look(i64::MAX), None, "what was latched stays");
        assert_eq!(look(-1), Some((TradingState::Halted, 0, 256_000_000)));
        assert_eq!(look(0), None);
    }

    #[test]
    fn the_system_says_how_much_is_free() {
        let read = FreeSpace::of_system().0;
        assert!(read(Path::new("/")).expect("a disk") > 0);
        assert!(read(Path::new("/no/such/folder")).is_err());
    }
}
