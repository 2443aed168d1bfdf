//! The staging stage: from a saved file to a version that is ready, and from a version that left to free memory.
//!
//! A thread of its own in every topology. What a file or a compiler does to it must not reach the market: a panic
//! here is caught and told as a refusal. One version at a time is on its way to the engine.

use super::document::Document;
use super::figures::ReloadReport;
use super::mirror::{Mirror, Shadowed, sha256_of};
use super::tee::{Chunk, TeeReader};
use super::telling::{
    Told, absence, again_right, fault_of_call, fault_of_field, not_again, reason_of, refusal,
    rolled_back, staged,
};
use super::watcher::{FileWatcher, Stamp, stamp_of};
use super::watchlist::{Due, Watchlist};
use super::{Back, Outcome, Ready, Tell};
use crate::clock::Clock;
use crate::config::section::StrategyConfig;
use crate::run::RunError;
use crate::stage::{Stage, StageName, Turn, panic_text};
use crate::strategy::{Handlers, Loaded, ScriptSource, instance_for_entry, load};
use claire_engine::config::EngineConfig;
use claire_engine::{Retired, Retirement};
use claire_strategies::{Diagnostic, Limits, Script};
use claire_types::annotation::{DOCUMENT_BYTES_MAX, encode_document};
use claire_types::record::SHA256_BYTES;
use claire_types::{CellBuffer, MonoNs, Note, StrategyId};
use rtrb::{Consumer, Producer};
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What the stage is told once.
pub(crate) struct StagePlan {
    /// The strategies that are watched: bundled ones have no file.
    pub entries: Vec<StrategyConfig>,
    /// Their scripts.
    pub scripts: Vec<Arc<Script>>,
    /// SHA-256 of what runs, in hex.
    pub hashes: Vec<String>,
    /// The engine's configuration, for the mirror.
    pub engine: EngineConfig,
    /// Whether a version waits for an operator instead of going live.
    pub is_staged_only: bool,
    /// What scripts are compiled under.
    pub limits: Limits,
    /// Most time of a shadow run.
    pub shadow_ns_max: u64,
    /// Most time of a call.
    pub call_ns_max: u64,
    /// Who is told besides the log.
    pub tell: Tell,
}

/// The stage's ends of its rings.
pub(crate) struct StageRings {
    /// Inputs.
    pub tee: TeeReader,
    /// Versions to the engine.
    pub ready: Producer<Box<Ready>>,
    /// What became of them.
    pub back: Consumer<Back>,
}

/// The staging stage.
pub(crate) struct StagingStage {
    plan: StagePlan,
    rings: StageRings,
    clock: Clock,
    list: Watchlist,
    watcher: FileWatcher,
    mirror: Mirror,
    seats: Vec<Seat>,
    /// Read and compiled; waits for the mirror to come up to the engine.
    compiled: Option<Version>,
    /// At the engine.
    sent: Option<Sent>,
    report: ReloadReport,
}

/// What is known of a strategy's versions.
struct Seat {
    script: Arc<Script>,
    sha256: String,
    /// The version before, while it can come back.
    before: Option<(Arc<Script>, String)>,
    /// A version that was taken back or refused: not tried again unless the file changes.
    bad: Option<Bad>,
    /// Hash of the version that waits for an operator.
    staged: Option<String>,
    /// What was wrong with the file when it was told last: a file is told once for each save.
    told: Option<(Option<Stamp>, String)>,
    /// The last that was told of the file is that it does not hold what runs.
    is_wrong: bool,
}

/// A version that is not tried again.
struct Bad {
    sha256: String,
    /// What became of it, and why.
    why: String,
}

struct Version {
    index: usize,
    source: ScriptSource,
    script: Arc<Script>,
    handlers: Handlers,
    seen: MonoNs,
}

/// What is at the engine.
enum Sent {
    Version(Box<SentVersion>),
    /// A version that was refused here, and what is told of it when the engine has recorded it.
    Refusal(String),
}

struct SentVersion {
    version: Version,
    document: Document,
    shadowed: Shadowed,
}

impl StagingStage {
    /// Returns the stage, before the first input.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(plan: StagePlan, rings: StageRings, clock: Clock) -> Result<Self, RunError> {
        let paths = plan.entries.iter().map(|entry| {
            let is_bundled = claire_strategies::bundled(&entry.file.to_string_lossy()).is_some();
            let path = std::path::absolute(&entry.file).unwrap_or_else(|_| entry.file.clone());
            // A bundled script has no file: an empty path is nobody's.
            if is_bundled && !entry.file.exists() {
                Default::default()
            } else {
                path
            }
        });
        let mut list = Watchlist::new(paths.collect::<Vec<_>>());
        let watcher = FileWatcher::new(&mut list, clock.clone());
        let mirror = Mirror::new(plan.engine.clone(), plan.scripts.clone(), clock.clone())?;
        let seats = plan.scripts.iter().zip(&plan.hashes);
        let seats = seats.map(|(script, sha256)| Seat {
            script: Arc::clone(script),
            sha256: sha256.clone(),
            before: None,
            bad: None,
            staged: None,
            told: None,
            is_wrong: false,
        });
        Ok(Self {
            seats: seats.collect(),
            report: ReloadReport::default(),
            plan,
            rings,
            clock,
            list,
            watcher,
            mirror,
            compiled: None,
            sent: None,
        })
    }

    /// Returns what the reloads came to.
    pub fn into_report(mut self) -> ReloadReport {
        self.report.close(self.rings.tee.lost_count());
        self.report
    }

    /// Takes what came back and what the engine consumed; returns whether there was something.
    fn catch_up(&mut self) -> bool {
        let mut has_worked = false;
        while let Ok(back) = self.rings.back.pop() {
            has_worked = true;
            match back {
                Back::Tried { outcome, ready } => {
                    drop(ready);
                    self.tried(outcome);
                }
                Back::Retired(retired) => self.retired(retired),
            }
        }
        if let Some(chunk) = self.rings.tee.take_next() {
            has_worked = true;
            match chunk {
                Chunk::Inputs(inputs) => {
                    self.mirror.follow(&inputs);
                    self.rings.tee.give_back(inputs);
                }
                Chunk::Snapshot(bytes) => {
                    if let Err(error) = self.mirror.begin_anew(&bytes) {
                        tracing::warn!(%error, "the market cannot be followed for reloads");
                    }
                }
            }
        }
        has_worked
    }

    /// Looks at the files, and reads one that is due.
    fn look(&mut self) -> bool {
        let now = self.clock.mono();
        self.watcher.tell(&mut self.list, now);
        if self.sent.is_some() || self.compiled.is_some() {
            return false;
        }
        let Some((index, due)) = self.list.next_due(now) else {
            return false;
        };
        self.read(index, due);
        true
    }

    /// Reads and compiles a file.
    fn read(&mut self, index: usize, due: Due) {
        let seen = self.list.seen_at(index);
        let Some(entry) = self.plan.entries.get(index) else {
            return;
        };
        // While it compiles, the engine hands over what the mirror lacks.
        self.rings.tee.ask();
        let loaded = catch_unwind(AssertUnwindSafe(|| load(entry, &self.plan.limits)));
        let loaded = loaded.unwrap_or_else(|panic| {
            let text = format!("the compiler died: {}", panic_text(&*panic));
            Err(vec![fault_of_call(entry, "", &text)])
        });
        match loaded {
            Err(_) if due == Due::Read => self.list.doubt(index, self.clock.mono()),
            Err(faults) => self.read_badly(index, &faults),
            Ok(loaded) => self.read_well(index, loaded, seen),
        }
    }

    /// Refuses a file that is wrong, once for each save.
    fn read_badly(&mut self, index: usize, faults: &[Diagnostic]) {
        let (Some(entry), Some(seat)) = (self.plan.entries.get(index), self.seats.get_mut(index))
        else {
            return;
        };
        let told = match absence(entry) {
            Some(told) => told,
            None => (refusal(entry, faults), reason_of(faults)),
        };
        let save = Some((stamp_of(&entry.file), told.0.clone()));
        if seat.told == save {
            return;
        }
        seat.told = save;
        let sha256 = std::fs::metadata(&entry.file)
            .ok()
            .filter(|facts| facts.is_file() && facts.len() <= DOCUMENT_BYTES_MAX as u64)
            .and_then(|_| std::fs::read(&entry.file).ok())
            .map_or([0; SHA256_BYTES], |bytes| Sha256::digest(bytes).into());
        self.refuse(index, sha256, told);
    }

    fn read_well(&mut self, index: usize, loaded: Loaded, seen: MonoNs) {
        let (Some(entry), Some(seat)) = (self.plan.entries.get(index), self.seats.get_mut(index))
        else {
            return;
        };
        seat.told = None;
        let sha256 = &loaded.source.sha256;
        if seat.sha256 == *sha256 {
            if std::mem::take(&mut seat.is_wrong) {
                let text = again_right(entry, sha256);
                self.say(text);
            }
            return;
        }
        if let Some(bad) = seat.bad.as_ref().filter(|bad| bad.sha256 == *sha256) {
            let told = not_again(entry, sha256, &bad.why);
            return self.refuse(index, sha256_of(&loaded.source), told);
        }
        if self.plan.is_staged_only {
            if seat.staged.replace(sha256.clone()).as_ref() != Some(sha256) {
                let text = staged(entry, sha256);
                self.say(text);
            }
            return;
        }
        self.compiled = Some(Version {
            index,
            source: loaded.source,
            script: loaded.script,
            handlers: loaded.handlers,
            seen,
        });
    }

    /// Tries the version and sends it, once the mirror is where the engine was when it was asked.
    fn try_compiled(&mut self) -> bool {
        if !self.rings.tee.is_answered() && !self.rings.tee.is_ended() {
            return false;
        }
        let Some(version) = self.compiled.take() else {
            return false;
        };
        let tried = catch_unwind(AssertUnwindSafe(|| self.make_ready(&version)));
        match tried {
            Ok(Ok((ready, document, shadowed))) => {
                // One at a time: there is room.
                if self.rings.ready.push(Box::new(ready)).is_ok() {
                    self.sent = Some(Sent::Version(Box::new(SentVersion {
                        version,
                        document,
                        shadowed,
                    })));
                }
            }
            Ok(Err(fault)) => self.refuse_version(&version, &fault),
            Err(panic) => {
                let text = format!("the shadow run died: {}", panic_text(&*panic));
                let entry = self.plan.entries.get(version.index);
                if let Some(fault) = entry.map(|entry| fault_of_call(entry, "", &text)) {
                    self.refuse_version(&version, &fault);
                }
            }
        }
        true
    }

    /// Runs the shadow run and `init`.
    fn make_ready(
        &mut self,
        version: &Version,
    ) -> Result<(Ready, Document, Shadowed), Box<Diagnostic>> {
        let strategy = strategy_id(version.index);
        let text = &version.source.text;
        let Some(entry) = self.plan.entries.get(version.index) else {
            return Err(Box::new(Diagnostic {
                file: String::new(),
                line: 0,
                column: 0,
                message: "there is no such strategy".to_owned(),
                hint: None,
                excerpt: String::new(),
            }));
        };
        let failed = |fault: &str| Box::new(fault_of_call(entry, text, fault));
        let limits = (self.plan.shadow_ns_max, self.plan.call_ns_max);
        let instance = || instance_for_entry(entry, &version.script);
        let shadowed = self.mirror.shadow(strategy, instance(), limits);
        let shadowed = shadowed.map_err(|fault| failed(fault.text.as_str()))?;
        if let Some(fault) = shadowed.fault {
            let mut fault = failed(fault.as_str());
            fault.hint = Some(format!(
                "it was tried on the last {} events before it would have gone live",
                shadowed.events
            ));
            return Err(fault);
        }
        let prepared = self
            .mirror
            .prepare(strategy, instance(), self.plan.call_ns_max);
        let prepared = prepared.map_err(|fault| match fault.text.as_str() {
            field if field.starts_with("`this.") => Box::new(fault_of_field(entry, text, field)),
            other => failed(other),
        })?;
        let document = Document::of(version.source.clone(), &prepared);
        let bytes = document.bytes();
        let mut parts = CellBuffer::default();
        encode_document(&bytes, &mut parts);
        let successor = document.successor(prepared.strategy, bytes);
        let ready = Ready {
            strategy,
            sha256: sha256_of(&version.source),
            refused: None,
            parts,
            successor: Some(Box::new(successor)),
        };
        Ok((ready, document, shadowed))
    }

    /// Takes note of what the engine made of what was sent.
    fn tried(&mut self, outcome: Outcome) {
        let SentVersion {
            version,
            document,
            shadowed,
        } = match self.sent.take() {
            Some(Sent::Version(sent)) => *sent,
            Some(Sent::Refusal(text)) => return self.warn(&text),
            None => return,
        };
        let (inheritance, rests, stays, at) = match outcome {
            Outcome::Live {
                inheritance,
                rests,
                stays,
                at,
            } => (inheritance, rests, stays, at),
            Outcome::Refused(text) => {
                let Some(entry) = self.plan.entries.get(version.index) else {
                    return;
                };
                let fault = fault_of_field(entry, &version.source.text, text.as_str());
                let text = refusal(entry, std::slice::from_ref(&fault));
                self.note_bad(&version, &fault);
                return self.warn(&text);
            }
            Outcome::Lost => return,
        };
        let live_ns = at.since(version.seen);
        self.report.live(live_ns, stays);
        let strategy = strategy_id(version.index);
        if let Err(error) = self.mirror.adopt(strategy, &version.script, &document) {
            tracing::warn!(%error, "the version cannot be followed for reloads");
        }
        let entry = self.plan.entries.get(version.index);
        let (Some(seat), Some(entry)) = (self.seats.get_mut(version.index), entry) else {
            return;
        };
        let sha256 = version.source.sha256;
        let told = Told {
            entry,
            script: &version.script,
            handlers: &version.handlers,
            before: &seat.script,
            sha256: &sha256,
            inheritance,
            shadowed,
            live_ns,
        };
        let line = told.line();
        let rests = rests.map(|words| {
            let name = &entry.name;
            format!("{name}: {words}; no version of it is called meanwhile")
        });
        let script = std::mem::replace(&mut seat.script, version.script);
        seat.before = Some((script, std::mem::replace(&mut seat.sha256, sha256)));
        seat.bad = None;
        seat.is_wrong = false;
        self.say(line);
        if let Some(text) = rests {
            self.warn(&text);
        }
    }

    /// Frees a version that left its seat, and follows a roll-back.
    fn retired(&mut self, retired: Retired) {
        let index = retired.strategy.index();
        let Retirement::RolledBack(why, guarded) = retired.why else {
            return;
        };
        let entry = self.plan.entries.get(index);
        let (Some(seat), Some(entry)) = (self.seats.get_mut(index), entry) else {
            return;
        };
        let Some((script, sha256)) = seat.before.take() else {
            return;
        };
        let bad = std::mem::replace(&mut seat.sha256, sha256);
        seat.script = Arc::clone(&script);
        let text = rolled_back(entry, &bad, &seat.sha256, (&why, &guarded));
        seat.bad = Some(Bad {
            sha256: bad,
            why: format!("it failed its probation ({why})"),
        });
        seat.is_wrong = true;
        if let Err(fault) = self.mirror.go_back(retired.strategy, &script) {
            tracing::warn!(fault = %fault.text, "the version cannot be followed for reloads");
        }
        tracing::error!("{text}");
        self.keep(&text);
    }

    fn refuse_version(&mut self, version: &Version, fault: &Diagnostic) {
        self.note_bad(version, fault);
        if let Some(entry) = self.plan.entries.get(version.index) {
            let faults = std::slice::from_ref(fault);
            let told = (refusal(entry, faults), reason_of(faults));
            self.refuse(version.index, sha256_of(&version.source), told);
        }
    }

    /// The same text is not tried again.
    fn note_bad(&mut self, version: &Version, fault: &Diagnostic) {
        if let Some(seat) = self.seats.get_mut(version.index) {
            seat.is_wrong = true;
            seat.bad = Some(Bad {
                sha256: version.source.sha256.clone(),
                why: format!("it was refused ({})", fault.message),
            });
        }
    }

    /// Has the engine record a refusal; what is told of it is told then.
    fn refuse(&mut self, index: usize, sha256: [u8; SHA256_BYTES], (text, reason): (String, Note)) {
        if let Some(seat) = self.seats.get_mut(index) {
            seat.is_wrong = true;
        }
        let ready = Ready {
            strategy: strategy_id(index),
            sha256,
            refused: Some(reason),
            parts: CellBuffer::default(),
            successor: None,
        };
        // One at a time: there is room.
        match self.rings.ready.push(Box::new(ready)) {
            Ok(()) => self.sent = Some(Sent::Refusal(text)),
            Err(_) => self.warn(&text),
        }
    }

    fn warn(&mut self, text: &str) {
        tracing::warn!("{text}");
        self.keep(text);
    }

    fn say(&mut self, text: String) {
        tracing::info!("{text}");
        self.keep(&text);
    }

    fn keep(&mut self, text: &str) {
        self.report.line(text);
        (self.plan.tell)(text.to_owned());
    }
}

impl Stage for StagingStage {
    fn name(&self) -> StageName {
        const { StageName::new("staging") }
    }

    fn turn(&mut self) -> Turn {
        if self.catch_up() {
            return Turn::Worked;
        }
        if self.rings.tee.is_ended() {
            return Turn::Done;
        }
        match self.try_compiled() || self.look() {
            true => Turn::Worked,
            false => Turn::Idle,
        }
    }
}

fn strategy_id(index: usize) -> StrategyId {
    StrategyId(u16::try_from(index).unwrap_or(u16::MAX))
}
