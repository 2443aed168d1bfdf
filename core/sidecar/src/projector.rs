//! The projector: reads behind the journal and makes the store agree with it.
//!
//! A thread of its own, beside the recorder's: a database that is slow or down delays nobody and costs
//! nothing but lag. What fails is tried again, with growing pauses, from where the store is; a message
//! becomes rows exactly once because rows and place move in one transaction.

mod rebuild;
mod session;
#[cfg(test)]
pub(crate) mod tests;

pub use rebuild::{Rebuilt, Rows, TableRows, rebuild};
pub use session::{ProjectError, project};

use crate::journal::{Committed, Place};
use crate::store::{Applied, RunState};
use session::Session;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Projects one run while it is recorded. Dropped, it stops after the batch at hand.
pub struct Projector {
    shared: Arc<Shared>,
}

/// How the projector works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectorOptions {
    /// A batch is closed at the end of the block in which it reaches this many rows.
    pub rows_max: usize,
    /// How long it rests when it has caught up.
    pub pause: Duration,
    /// First pause after a failure; it doubles from failure to failure.
    pub retry_pause_min: Duration,
    /// Longest pause after a failure.
    pub retry_pause_max: Duration,
}

/// What the projector does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectorState {
    /// Has no session yet.
    Opening,
    /// Writes, or waits for more.
    Projecting,
    /// Waits after a failure.
    Retrying,
    /// Ended: the run is finished and in the store, or it was told to end.
    Ended,
}

/// How far the store is behind the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// What the projector does.
    pub state: ProjectorState,
    /// Committed messages that are not in the store.
    pub messages: u64,
    /// How far the store is.
    pub applied: Applied,
    /// How far the journal is.
    pub committed: Place,
    /// Rows written by this projector.
    pub rows: u64,
    /// Failures so far.
    pub failures: u64,
    /// The last failure, until a batch is through.
    pub error: Option<String>,
}

struct Shared {
    committed: Arc<Committed>,
    progress: Mutex<Progress>,
    changed: Condvar,
}

struct Progress {
    state: ProjectorState,
    applied: Applied,
    rows: u64,
    failures: u64,
    error: Option<String>,
    orders: Orders,
}

/// What the projector was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Orders {
    Run,
    /// End when all that is committed is in the store.
    Drain,
    /// End after the batch at hand.
    End,
}

/// What the thread works with.
struct Task {
    url: String,
    dir: PathBuf,
    options: ProjectorOptions,
    shared: Arc<Shared>,
}

/// A time in which the store takes nothing.
struct Outage {
    since: Instant,
    failures: u64,
}

/// How far latencies were in the store when it held so many messages: with fewer it is another store, or emptied.
#[derive(Clone, Copy, Default)]
struct LatencyMark {
    messages: u64,
    bytes: u64,
}

/// How long the end of a run waits for a store without a word.
const QUIET_MAX: Duration = Duration::from_secs(1);

impl Default for ProjectorOptions {
    fn default() -> Self {
        Self {
            rows_max: 5_000,
            pause: Duration::from_millis(50),
            retry_pause_min: Duration::from_millis(100),
            retry_pause_max: Duration::from_secs(5),
        }
    }
}

impl Projector {
    /// Starts to project the journal in `dir` into the store at `url`; `committed` is its writer's.
    ///
    /// A file store is migrated; in a server the migrations must have been applied. Nothing of the
    /// store is asked for here: what is wrong with it is in [`Self::lag`].
    ///
    /// # Errors
    /// What the operating system says where there is no thread for it.
    pub fn start(
        url: &str,
        dir: &Path,
        committed: Arc<Committed>,
        options: ProjectorOptions,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            committed,
            progress: Mutex::new(Progress {
                state: ProjectorState::Opening,
                applied: Applied::default(),
                rows: 0,
                failures: 0,
                error: None,
                orders: Orders::Run,
            }),
            changed: Condvar::new(),
        });
        let task = Task {
            url: url.to_owned(),
            dir: dir.to_owned(),
            options,
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || task.run())?;
        Ok(Self { shared })
    }

    /// Waits until all that is committed is in the store, at most `longest`, and returns how far it came; where it has
    /// to wait, for a store that failed or for more than a second, it tells once how far the store is.
    ///
    /// What is missing then stays in the journal, from where [`project`] brings it.
    pub fn finish(self, longest: Duration, tell: &mut dyn FnMut(&Lag)) -> Lag {
        let begun = Instant::now();
        let end = begun + longest;
        let mut is_told = false;
        self.shared.tell(Orders::Drain);
        let mut progress = self.shared.lock();
        while progress.state != ProjectorState::Ended {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                break;
            }
            let patience = (begun + QUIET_MAX).saturating_duration_since(now);
            if !is_told && (progress.error.is_some() || patience.is_zero()) {
                is_told = true;
                drop(progress);
                tell(&self.lag());
                progress = self.shared.lock();
                continue;
            }
            let rest = match is_told {
                true => left,
                false => left.min(patience),
            };
            let woken = self.shared.changed.wait_timeout(progress, rest);
            progress = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(progress);
        self.lag()
    }

    /// Returns a count of the committed messages that are not in the store, for a screen; it outlives the projector.
    pub fn behind(&self) -> impl Fn() -> u64 + Send + use<> {
        let shared = Arc::clone(&self.shared);
        move || {
            let applied = shared.lock().applied.messages;
            shared.committed.messages().saturating_sub(applied)
        }
    }

    /// Returns how far the store is behind the journal.
    pub fn lag(&self) -> Lag {
        let progress = self.shared.lock();
        let committed = &self.shared.committed;
        Lag {
            state: progress.state,
            messages: committed
                .messages()
                .saturating_sub(progress.applied.messages),
            applied: progress.applied,
            committed: committed.place(),
            rows: progress.rows,
            failures: progress.failures,
            error: progress.error.clone(),
        }
    }
}

/// The thread ends by itself: a call that hangs in a database does not hold up the process.
impl Drop for Projector {
    fn drop(&mut self) {
        self.shared.tell(Orders::End);
    }
}

impl Shared {
    /// A panic elsewhere leaves these plain values whole.
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, orders: Orders) {
        self.lock().orders = orders;
        self.changed.notify_all();
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Rests so long, or until there are other orders.
    fn rest(&self, pause: Duration) {
        let progress = self.lock();
        let orders = progress.orders;
        let woken = self
            .changed
            .wait_timeout_while(progress, pause, |progress| progress.orders == orders);
        drop(woken.unwrap_or_else(PoisonError::into_inner));
    }

    fn orders(&self) -> Orders {
        self.lock().orders
    }
}

impl Task {
    fn run(self) {
        let mut pause = self.options.retry_pause_min;
        let mut outage = None;
        let mut latencies = LatencyMark::default();
        while self.shared.orders() != Orders::End {
            let rows_before = self.shared.lock().rows;
            let Err(error) = self.project(&mut outage, &mut latencies) else {
                break;
            };
            self.fail(&error, &mut outage);
            if self.shared.lock().rows > rows_before {
                pause = self.options.retry_pause_min;
            }
            self.shared.rest(pause);
            pause = (pause * 2).min(self.options.retry_pause_max);
        }
        self.shared
            .change(|progress| progress.state = ProjectorState::Ended);
    }

    /// Says once an outage what is wrong, however often it is tried until it is over.
    fn fail(&self, error: &ProjectError, outage: &mut Option<Outage>) {
        let outage = match outage {
            Some(outage) => {
                tracing::debug!("the store is still behind the journal: {error}");
                outage
            }
            None => {
                tracing::warn!(
                    "the store is behind the journal and is tried again until it answers; \
                    the run goes on and nothing is lost: {error}"
                );
                outage.insert(Outage {
                    since: Instant::now(),
                    failures: 0,
                })
            }
        };
        outage.failures += 1;
        self.shared.change(|progress| {
            progress.state = ProjectorState::Retrying;
            progress.failures += 1;
            progress.error = Some(error.to_string());
        });
    }

    /// Projects until the run is finished or the orders are to end.
    fn project(
        &self,
        outage: &mut Option<Outage>,
        latencies: &mut LatencyMark,
    ) -> Result<(), ProjectError> {
        let follow = Some(Arc::clone(&self.shared.committed));
        let mut session = Session::open(&self.url, &self.dir, follow)?;
        session.mark(RunState::Running)?;
        if latencies.messages > 0 && session.applied().messages >= latencies.messages {
            session.skip_latencies(latencies.bytes);
        }
        self.shared.change(|progress| {
            progress.state = ProjectorState::Projecting;
            progress.applied = session.applied();
        });
        while self.shared.orders() != Orders::End {
            // Orders first: what is committed when they come is projected before they are followed.
            let orders = self.shared.orders();
            let step = session.step(self.options.rows_max)?;
            *latencies = LatencyMark {
                messages: session.applied().messages,
                bytes: session.latencies_bytes(),
            };
            self.shared.change(|progress| {
                progress.applied = session.applied();
                progress.rows += step.rows;
                progress.error = None;
            });
            if let Some(outage) = outage.take() {
                tracing::info!(
                    "the store answers again after {:.1} s and {} failures",
                    outage.since.elapsed().as_secs_f64(),
                    outage.failures
                );
            }
            if session.is_finished() {
                return Ok(());
            }
            if step.is_caught_up && orders == Orders::Drain {
                // All that was written is there, and no end mark: its writer left it open.
                return session.mark(RunState::Interrupted);
            }
            if step.is_caught_up {
                self.shared.rest(self.options.pause);
            }
        }
        Ok(())
    }
}
