//! A folder with a configuration, a made recording and the journals of runs.

use claire_pipeline::config::{Config, Selection, Sources};
use claire_pipeline::disk::FreeSpace;
use claire_pipeline::feed::replay::Speed;
use claire_pipeline::paper::{PaperRequest, Papered, paper};
use claire_pipeline::replay::{ReplayRequest, Replayed, replay};
use claire_pipeline::run::{RecordPlan, RunError};
use claire_pipeline::status::StatusCell;
use claire_pipeline::topology::Topology;
use claire_types::{Mode, Venue};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tempfile::TempDir;

pub struct Place {
    dir: TempDir,
}

/// A disk and what the run that fills it shows.
pub struct Disk {
    pub free: FreeSpace,
    pub shown: Arc<StatusCell>,
    pub stop: Arc<AtomicBool>,
}

impl Place {
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        Self {
            dir: dir.expect("a folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the configuration with small segments and these settings.
    pub fn config(&self, settings: &[(&str, &str)]) -> Config {
        let data = self.path("data").display().to_string();
        let mut environment = vec![
            ("CLAIRE_DATA_DIR".to_owned(), data),
            ("CLAIRE_JOURNAL__SEGMENT_MB".to_owned(), "1".to_owned()),
            ("CLAIRE_JOURNAL__FSYNC".to_owned(), "never".to_owned()),
            ("CLAIRE_STORE__URL".to_owned(), "none".to_owned()),
            // The smallest ring: a snapshot does not fit it.
            ("CLAIRE_PIPELINE__RING_CELLS".to_owned(), "8208".to_owned()),
            ("CLAIRE_PAPER__SPEED".to_owned(), "max".to_owned()),
        ];
        let settings = settings.iter();
        environment.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        Config::load(&sources).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// Replays a made recording with a strategy that places very many orders.
    pub fn replay(&self, journal: &str, topology: Topology) -> Result<Replayed, RunError> {
        self.replay_into(Some(self.path(journal)), topology)
    }

    /// Does so with or without a journal.
    pub fn replay_into(
        &self,
        journal: Option<PathBuf>,
        topology: Topology,
    ) -> Result<Replayed, RunError> {
        let recording = self.path("recording.txt");
        if !recording.exists() {
            let mut text = Vec::new();
            claire_sim::write_recording(&mut text, 7, 120).expect("memory takes all");
            std::fs::write(&recording, text).expect("written");
        }
        let request = ReplayRequest {
            files: vec![recording],
            venue: Some(Venue::BinanceSpot),
            selection: Selection {
                strategies: vec!["churn".to_owned(), "imbalance".to_owned()],
                settings: vec!["churn.every_ms=20".to_owned()],
                ..Selection::default()
            },
            speed: Speed::Max,
            passes: 4,
            plan: RecordPlan {
                journal,
                store: None,
            },
            topology,
        };
        replay(self.config(&[]), &request, Arc::new(AtomicBool::new(false)))
    }

    /// Runs the bundled market for so long, with its own strategies.
    pub fn paper(&self, journal: &str, seconds: u64, config: Config) -> Result<Papered, RunError> {
        let span = Some(Duration::from_secs(seconds));
        let stop = Arc::new(AtomicBool::new(false));
        let shown = Arc::new(StatusCell::new(Mode::Paper));
        let on = Disk {
            free: FreeSpace::of_system(),
            shown,
            stop,
        };
        self.paper_on(journal, span, config, on)
    }

    /// Runs the bundled market on a disk that has so much room.
    pub fn paper_on(
        &self,
        journal: &str,
        span: Option<Duration>,
        config: Config,
        disk: Disk,
    ) -> Result<Papered, RunError> {
        let request = PaperRequest {
            selection: Selection::default(),
            span,
            journal: Some(self.path(journal)),
            topology: Topology::Fused,
            who: "test".to_owned(),
            free_space: disk.free,
        };
        paper(config, &request, &disk.shown, disk.stop)
    }
}

/// Returns the numbers of the segments in a journal's folder.
pub fn segments(journal: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir(journal).expect("listed");
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().ok()?;
            name.strip_prefix("journal-")?.get(..6)?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Removes a closed segment.
pub fn remove(journal: &Path, number: u32) {
    let name = format!("journal-{number:06}.claire.zst");
    std::fs::remove_file(journal.join(name)).expect("removed");
}
