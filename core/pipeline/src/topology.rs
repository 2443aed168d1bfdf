//! Places stages on threads and runs them to the end of the flow.
//!
//! Called by `replay`, `backtest`, `paper` and `run` on their own thread, which waits here. `Fused` gives
//! the stages turns in flow order on one thread, `Split` gives each its own; a stage marked
//! [`Placed::on_own_thread`] has its own in both. It ends when all stages are done: the first by its
//! input or the stop flag, each other when the one before has closed its rings and they are read.
//!
//! A stage that panics takes the pipeline down: the hook is called, the reason printed, the stages before
//! it leave at once, those after it drain what was written for at most `drain_ns_max`.
#![forbid(unsafe_code)]

mod vitals;

use crate::affinity;
use crate::clock::Clock;
use crate::stage::{Stage, StageName, THREAD_PREFIX, Turn, panic_text};
use crate::wait::{WaitStrategy, Waiter};
use claire_types::MonoNs;
use claire_types::time::NS_PER_S;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, Scope, scope};
use std::time::Duration;
use vitals::Vitals;

/// Where the stages of the flow run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// In turns on one thread.
    #[default]
    Fused,
    /// Each on a thread of its own.
    Split,
}

/// A stage and where it runs. The caller keeps the stage and has it back when [`run`] returns.
pub struct Placed<'a> {
    stage: &'a mut dyn Stage,
    has_own_thread: bool,
    core: Option<u16>,
}

/// How to run.
#[derive(Clone, Copy)]
pub struct RunSettings<'a> {
    /// What threads do without work; spinning only where each thread has a core.
    pub wait: WaitStrategy,
    /// How long the stages after a dead one may drain.
    pub drain_ns_max: u64,
    /// How long after a death a stage may hang in a turn before the process aborts.
    pub hang_ns_max: u64,
    /// Set from outside, as by Ctrl-C: the first stage stops, the others drain and finish.
    pub stop: &'a AtomicBool,
    /// Called first when a stage died, on its thread, before anything is printed or drained. Must not wait for a stage.
    pub on_death: &'a (dyn Fn(&PipelineDown) + Sync),
}

/// A stage died, and the pipeline with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stage {stage} died: {cause}")]
pub struct PipelineDown {
    /// The stage that died first.
    pub stage: StageName,
    /// Why.
    pub cause: DeathCause,
}

/// Why a stage died.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeathCause {
    /// It panicked, with these words.
    #[error("panic: {0}")]
    Panic(String),
    /// It waits for room that nobody will ever make: all stages after it are done.
    #[error("it is blocked and all stages after it are done")]
    Stuck,
    /// The system gave it no thread.
    #[error("no thread for it: {0}")]
    NoThread(String),
}

/// Runs the stages, given in flow order, until all are done.
///
/// # Errors
/// [`PipelineDown`] where a stage died and the others have drained and left. Where one of them hangs instead, the process
/// aborts.
///
/// # Panics
/// Where there is no stage or more than [`STAGES_MAX`].
pub fn run(
    topology: Topology,
    stages: Vec<Placed<'_>>,
    settings: RunSettings<'_>,
) -> Result<(), PipelineDown> {
    assert!((1..=STAGES_MAX).contains(&stages.len()));
    let crews = crews_of(topology, stages);
    let wait = settings.wait.for_threads(crews.len(), affinity::cores());
    let shared = Shared::new(settings, wait, &crews);
    scope(|scope| {
        for crew in crews {
            spawn(scope, crew, &shared);
        }
        shared.watch();
    });
    let down = shared.down.into_inner();
    match down.unwrap_or_else(|poisoned| poisoned.into_inner()) {
        None => Ok(()),
        Some(down) => Err(down),
    }
}

/// The stages of one thread.
struct Crew<'a> {
    seats: Vec<Seat<'a>>,
    thread_name: String,
    core: Option<u16>,
}

/// A stage and its place in the flow.
struct Seat<'a> {
    stage: &'a mut dyn Stage,
    index: usize,
    has_left: bool,
}

/// What the threads of one run share. Cold, but for three reads a turn of lines that are written once.
struct Shared<'a> {
    settings: RunSettings<'a>,
    wait: WaitStrategy,
    clock: Clock,
    caller: std::thread::Thread,
    vitals: Vitals,
    down: Mutex<Option<PipelineDown>>,
}

impl<'a> Placed<'a> {
    /// Places a stage in the flow.
    pub fn in_flow(stage: &'a mut dyn Stage) -> Self {
        Self {
            stage,
            has_own_thread: false,
            core: None,
        }
    }

    /// Gives the stage a thread of its own in both topologies.
    pub fn on_own_thread(self) -> Self {
        Self {
            has_own_thread: true,
            ..self
        }
    }

    /// Pins the stage's thread; in `Fused` the first stage of the flow that names a core decides.
    pub fn on_core(self, core: Option<u16>) -> Self {
        Self { core, ..self }
    }
}

impl<'a> RunSettings<'a> {
    /// Returns settings with the defaults: parking, one second to drain, ten to hang.
    pub fn new(stop: &'a AtomicBool, on_death: &'a (dyn Fn(&PipelineDown) + Sync)) -> Self {
        Self {
            wait: WaitStrategy::default(),
            drain_ns_max: DRAIN_NS_MAX,
            hang_ns_max: HANG_NS_MAX,
            stop,
            on_death,
        }
    }
}

impl<'a> Shared<'a> {
    fn new(settings: RunSettings<'a>, wait: WaitStrategy, crews: &[Crew<'_>]) -> Self {
        Self {
            settings,
            wait,
            clock: Clock::start(),
            caller: std::thread::current(),
            vitals: Vitals::new(crews.iter().map(|crew| crew.seats.len()).sum()),
            down: Mutex::new(None),
        }
    }

    /// Waits until all stages have left; aborts the process where one hangs after a death.
    fn watch(&self) {
        while !self.vitals.have_all_left() {
            std::thread::park_timeout(WATCH_INTERVAL);
            let hang_ns_max = self.settings.hang_ns_max;
            if self.vitals.is_dead() && self.since_death_ns() > hang_ns_max {
                say("a stage did not leave in time; aborting".to_owned());
                std::process::abort();
            }
        }
    }

    fn leave(&self, index: usize) {
        self.vitals.leave(index);
        self.caller.unpark();
    }

    /// Returns whether the stage must leave though it is not done.
    #[inline]
    fn must_leave(&self, index: usize) -> bool {
        self.vitals.is_dead() && (self.vitals.is_before_dead(index) || self.is_drain_over())
    }

    fn is_drain_over(&self) -> bool {
        self.since_death_ns() > self.settings.drain_ns_max
    }

    fn since_death_ns(&self) -> u64 {
        self.clock.mono().since(MonoNs(self.vitals.died()))
    }

    #[cold]
    fn die(&self, index: usize, stage: StageName, cause: DeathCause) {
        let down = PipelineDown { stage, cause };
        let hook = || (self.settings.on_death)(&down);
        let hook_result = catch_unwind(AssertUnwindSafe(hook));
        let mut words = down.to_string();
        if let Err(payload) = hook_result {
            words.push_str("; the hook died too: ");
            words.push_str(panic_text(&*payload).as_str());
        }
        say(words);
        let first = self.down.lock();
        let mut first = first.unwrap_or_else(|poisoned| poisoned.into_inner());
        if first.is_none() {
            self.vitals.note_time(self.clock.mono().0);
            *first = Some(down);
        }
        self.vitals.die(index);
    }
}

impl Crew<'_> {
    fn work(mut self, shared: &Shared<'_>) {
        let mut waiter = Waiter::new(shared.wait);
        while self.seats.iter().any(|seat| !seat.has_left) {
            let mut has_worked = false;
            for seat in self.seats.iter_mut().filter(|seat| !seat.has_left) {
                has_worked |= seat.take_turn(shared);
            }
            match has_worked {
                true => waiter.reset(),
                false => waiter.wait(),
            }
        }
    }
}

impl Seat<'_> {
    /// Gives the stage its turn; returns whether it did something.
    #[inline]
    fn take_turn(&mut self, shared: &Shared<'_>) -> bool {
        if shared.must_leave(self.index) {
            return self.leave(shared);
        }
        match self.turn(shared) {
            Ok(Turn::Worked) => true,
            Ok(Turn::Idle) => false,
            Ok(Turn::Blocked) => self.blocked(shared),
            Ok(Turn::Done) => self.leave(shared),
            Err(words) => self.die(shared, DeathCause::Panic(words)),
        }
    }

    /// # Errors
    /// The words of a panic.
    #[inline]
    fn turn(&mut self, shared: &Shared<'_>) -> Result<Turn, String> {
        // Relaxed: the flag carries no data, and a turn later is soon enough.
        let is_stopping = self.index == 0 && shared.settings.stop.load(Ordering::Relaxed);
        let stage = &mut *self.stage;
        let turn = move || match is_stopping {
            true => stage.stop(),
            false => stage.turn(),
        };
        catch_unwind(AssertUnwindSafe(turn)).map_err(|payload| panic_text(&*payload))
    }

    fn blocked(&mut self, shared: &Shared<'_>) -> bool {
        if !shared.vitals.are_followers_gone(self.index) {
            return false;
        }
        // The last follower may have made room and left since: only a second refusal counts.
        match self.turn(shared) {
            Ok(Turn::Blocked) => self.die(shared, DeathCause::Stuck),
            Ok(Turn::Done) => self.leave(shared),
            Ok(Turn::Worked | Turn::Idle) => true,
            Err(words) => self.die(shared, DeathCause::Panic(words)),
        }
    }

    #[cold]
    fn die(&mut self, shared: &Shared<'_>, cause: DeathCause) -> bool {
        shared.die(self.index, self.stage.name(), cause);
        self.leave(shared)
    }

    /// Closes the stage's rings. A stage whose closing panics is dead as well, and its rings close with the process.
    fn leave(&mut self, shared: &Shared<'_>) -> bool {
        self.has_left = true;
        let stage = &mut *self.stage;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| stage.close())) {
            let cause = DeathCause::Panic(panic_text(&*payload));
            shared.die(self.index, self.stage.name(), cause);
        }
        shared.leave(self.index);
        true
    }
}

fn crews_of(topology: Topology, stages: Vec<Placed<'_>>) -> Vec<Crew<'_>> {
    let mut crews: Vec<Crew<'_>> = Vec::new();
    let mut flow: Option<usize> = None;
    for (index, placed) in stages.into_iter().enumerate() {
        let core = placed.core;
        let name = placed.stage.name();
        let seat = Seat {
            stage: placed.stage,
            index,
            has_left: false,
        };
        let is_fused = topology == Topology::Fused && !placed.has_own_thread;
        if let Some(crew) = flow.filter(|_| is_fused).and_then(|at| crews.get_mut(at)) {
            crew.core = crew.core.or(core);
            crew.seats.push(seat);
            continue;
        }
        if is_fused {
            flow = Some(crews.len());
        }
        let words = if is_fused { "flow" } else { name.as_str() };
        crews.push(Crew {
            seats: vec![seat],
            thread_name: format!("{THREAD_PREFIX}{words}"),
            core,
        });
    }
    crews
}

fn spawn<'scope, 'a: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    crew: Crew<'a>,
    shared: &'scope Shared<'_>,
) {
    let seats: Vec<_> = crew
        .seats
        .iter()
        .map(|s| (s.index, s.stage.name()))
        .collect();
    let thread = Builder::new().name(crew.thread_name.clone());
    let spawned = thread.spawn_scoped(scope, move || {
        if let Some(Err(fault)) = crew.core.map(affinity::pin) {
            tracing::warn!(thread = crew.thread_name, "not pinned: {fault}");
        }
        crew.work(shared);
    });
    if let Err(fault) = spawned {
        for (index, name) in seats {
            shared.die(index, name, DeathCause::NoThread(fault.to_string()));
            shared.leave(index);
        }
    }
}

/// Says it on stderr from a thread of its own: a reader that does not read, or is gone, holds up no death.
#[cold]
fn say(words: String) {
    let (written, wait) = std::sync::mpsc::channel();
    let print = move || {
        // Where stderr is closed nobody is left to tell.
        let _ = writeln!(std::io::stderr(), "claire: {words}");
        let _ = written.send(());
    };
    if Builder::new().spawn(print).is_ok() {
        // Late or not, the death goes on.
        let _ = wait.recv_timeout(SAYING_MAX);
    }
}

/// Stages of one pipeline.
pub const STAGES_MAX: usize = 32;
/// How long the stages after a dead one may drain, unless a setting says otherwise.
pub const DRAIN_NS_MAX: u64 = NS_PER_S as u64;
/// How long a stage may hang after a death: a disk that is slow to sync takes seconds.
pub const HANG_NS_MAX: u64 = 10 * DRAIN_NS_MAX;
/// How long a death waits until its reason is printed.
const SAYING_MAX: Duration = Duration::from_millis(100);
/// How often the waiting caller looks whether a dead pipeline hangs.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
