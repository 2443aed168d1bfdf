//! What must outlive a process: trading state with its cause, kill switch, epoch (SPEC 1, 3, 6).
//!
//! Called at start and whenever a latch changes, never on a hot thread. One file, `state.json` in the
//! data directory, replaced as a whole: temporary file, fsync, rename, fsync of the directory. Replay,
//! backtest and verify keep none of it. What cannot be read is KILLED, never ACTIVE.

mod audit;
mod file;
#[cfg(test)]
mod tests;
mod traces;

pub use audit::AuditLine;
pub use traces::Traces;

use claire_types::{TradingState, WallNs};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The state's keeper: the only writer of the state file while it lives.
#[derive(Debug)]
pub struct StateStore {
    state: State,
    disk: Disk,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The account's trading state.
    #[serde(with = "as_text")]
    pub trading_state: TradingState,
    /// Why it is not ACTIVE; `None` in ACTIVE.
    pub cause: Option<Cause>,
    /// Whether the kill switch is active.
    pub is_kill_switch_active: bool,
    /// Number of the last start that could send orders; 0 before the first.
    pub epoch: u32,
}

/// What latched a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// A gate or monitor code, [`Cause::STATE_UNREADABLE`] or [`Cause::STAGE_DIED`].
    pub code: String,
    /// The measured value and its limit, or what happened, in words.
    pub measured: String,
    /// Who or what latched it.
    pub who: String,
    /// When, in ns since 1970 UTC.
    pub at_ns: i64,
    /// When, as ISO text.
    pub at: String,
}

/// What a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Neither state nor any trace of one: the state was created, ACTIVE.
    FirstStart,
    /// A state that reads.
    State,
    /// A state that does not read, or none beside traces of earlier starts: KILLED was latched.
    Unreadable(String),
}

/// Why the state cannot be kept; nothing may trade without it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process keeps it: stop that one, or use another data directory.
    #[error(
        "{0}: another claire runs with this data directory; stop it or choose another `data_dir`"
    )]
    Locked(PathBuf),
    /// The system refused: correct permissions or disk space.
    #[error("{path}: cannot {action}: {cause}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The epoch has no successor: order ids would repeat. Start a new data directory.
    #[error("the epoch is at its end; start with a new `data_dir`")]
    EpochEnd,
    /// The state may only get stricter by itself.
    #[error("{from} can be left for {to} only by lifting it, with a reason")]
    Lift {
        /// The state now.
        from: TradingState,
        /// The state asked for.
        to: TradingState,
    },
    /// A lift without a reason: say why.
    #[error("lifting {0} needs a reason")]
    ReasonMissing(TradingState),
}

/// The folder and the lock that is held on it.
#[derive(Debug)]
struct Disk {
    directory: PathBuf,
    _lock: File,
}

/// First epoch that order ids cannot hold (24 bits).
const EPOCH_END: u32 = 1 << 24;

impl StateStore {
    /// Opens the data directory's state; creates it on a first start.
    ///
    /// A state file that is missing although earlier starts left traces, empty, truncated or foreign latches
    /// KILLED; the unreadable file is kept beside the new one under another name. `look` finds the traces; it is
    /// called where there is no state to read.
    ///
    /// # Errors
    /// See [`StateError`]; the caller must not trade.
    pub fn open(
        directory: &Path,
        look: impl FnOnce() -> Result<Traces, StateError>,
        who: &str,
        now: WallNs,
    ) -> Result<(Self, Found), StateError> {
        let disk = Disk::lock(directory)?;
        let (state, found) = match file::read(directory) {
            file::Content::State(state) => (state, Found::State),
            file::Content::Missing => {
                let traces = look()?;
                if traces.places.is_empty() {
                    (State::first(), Found::FirstStart)
                } else {
                    let what = format!("is missing, but earlier starts left {}", traces.words());
                    unreadable(directory, &what, &traces, now)
                }
            }
            file::Content::Unreadable(what) => {
                let traces = look()?;
                file::set_aside(directory, now)?;
                unreadable(directory, &what, &traces, now)
            }
        };
        let store = Self { state, disk };
        match &found {
            Found::FirstStart => store.save("initialized", "ACTIVE, epoch 0", who, now)?,
            Found::Unreadable(what) => store.save("killed", what, who, now)?,
            Found::State => {}
        }
        Ok((store, found))
    }

    /// Increases the epoch; it is on the disk when this returns. To be called before a start's first order.
    ///
    /// # Errors
    /// See [`StateError`]; without a new epoch no order may be sent.
    pub fn next_epoch(&mut self, who: &str, now: WallNs) -> Result<u32, StateError> {
        let epoch = self.epoch_next();
        if epoch >= EPOCH_END {
            return Err(StateError::EpochEnd);
        }
        self.change("epoch", &format!("epoch {epoch}"), who, now, |state| {
            state.epoch = epoch;
        })?;
        Ok(epoch)
    }

    /// Latches a state that is at least as strict as the present one; KILLED also sets the kill switch.
    ///
    /// # Errors
    /// [`StateError::Lift`] for a milder state; else what the disk says. The state in memory is latched
    /// even where the disk fails.
    pub fn latch(&mut self, to: TradingState, cause: Cause, now: WallNs) -> Result<(), StateError> {
        let from = self.state.trading_state;
        if to < from {
            return Err(StateError::Lift { from, to });
        }
        let detail = format!("{from} to {to}: {} {}", cause.code, cause.measured);
        let who = cause.who.clone();
        self.state.trading_state = to;
        self.state.is_kill_switch_active |= to == TradingState::Killed;
        self.state.cause = Some(cause);
        self.save("latched", &detail, &who, now)
    }

    /// Goes back to ACTIVE and clears the kill switch.
    ///
    /// # Errors
    /// [`StateError::ReasonMissing`]; else what the disk says, and the state stays.
    pub fn lift(&mut self, reason: &str, who: &str, now: WallNs) -> Result<(), StateError> {
        let from = self.state.trading_state;
        if reason.trim().is_empty() {
            return Err(StateError::ReasonMissing(from));
        }
        let detail = format!("{from} to ACTIVE: {}", reason.trim());
        self.change("lifted", &detail, who, now, |state| {
            state.trading_state = TradingState::Active;
            state.cause = None;
            state.is_kill_switch_active = false;
        })
    }

    /// Returns the epoch that [`Self::next_epoch`] makes the present one.
    pub const fn epoch_next(&self) -> u32 {
        self.state.epoch.saturating_add(1)
    }

    /// Returns the state.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Changes the state only if the disk took it.
    fn change(
        &mut self,
        what: &str,
        detail: &str,
        who: &str,
        now: WallNs,
        change: impl FnOnce(&mut State),
    ) -> Result<(), StateError> {
        let before = self.state.clone();
        change(&mut self.state);
        self.save(what, detail, who, now).inspect_err(|_| {
            self.state = before;
        })
    }

    fn save(&self, what: &str, detail: &str, who: &str, now: WallNs) -> Result<(), StateError> {
        file::write(&self.disk.directory, &self.state)?;
        audit::append(&self.disk.directory, what, detail, who, now)
    }
}

impl State {
    /// Returns the state of a first start.
    pub const fn first() -> Self {
        Self {
            trading_state: TradingState::Active,
            cause: None,
            is_kill_switch_active: false,
            epoch: 0,
        }
    }
}

impl Cause {
    /// The code of a state that could not be read.
    pub const STATE_UNREADABLE: &str = "STATE_UNREADABLE";

    /// The code of a run that lost a stage.
    pub const STAGE_DIED: &str = "STAGE_DIED";

    /// Returns a cause.
    pub fn new(
        code: impl Into<String>,
        measured: impl Into<String>,
        who: &str,
        now: WallNs,
    ) -> Self {
        Self {
            code: code.into(),
            measured: measured.into(),
            who: who.to_owned(),
            at_ns: now.0,
            at: now.to_string(),
        }
    }
}

impl Disk {
    /// Creates the folder if it is not there, and takes its lock.
    fn lock(directory: &Path) -> Result<Self, StateError> {
        std::fs::create_dir_all(directory)
            .map_err(|cause| failed(directory, "create the folder", cause))?;
        let path = directory.join("state.lock");
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|cause| failed(&path, "open", cause))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                directory: directory.to_owned(),
                _lock: lock,
            }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StateError::Locked(directory.to_owned())),
            Err(std::fs::TryLockError::Error(cause)) => Err(failed(&path, "lock", cause)),
        }
    }
}

/// Returns the KILLED state of a start that could not read its state, and the message for people.
fn unreadable(directory: &Path, what: &str, traces: &Traces, now: WallNs) -> (State, Found) {
    let message = format!(
        "{} {what}: KILLED. Check open orders and positions at the venue, then lift it with \
         `claire init --lift REASON`",
        file::path(directory).display()
    );
    let state = State {
        trading_state: TradingState::Killed,
        cause: Some(Cause::new(Cause::STATE_UNREADABLE, what, "start", now)),
        is_kill_switch_active: true,
        epoch: traces.epoch_max,
    };
    (state, Found::Unreadable(message))
}

fn failed(path: &Path, action: &'static str, cause: io::Error) -> StateError {
    StateError::Io {
        path: path.to_owned(),
        action,
        cause,
    }
}

/// Codes in the file are their names.
mod as_text {
    use claire_types::TradingState;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(state: &TradingState, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(state)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TradingState, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
