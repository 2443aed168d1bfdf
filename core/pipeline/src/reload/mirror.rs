//! The mirror: an engine off the engine thread that follows the same inputs and calls nobody.
//!
//! Staging thread. It has the books, bars and indicators that the real one has, so a version is made ready in it: its
//! `init` runs, new indicators are computed, and what it would take over is known. A shadow run tries a version on
//! the last events: on a copy of the mirror as it was before them, with an account that holds nothing.

use super::document::Document;
use crate::clock::Clock;
use crate::engine::parts::{PartProbe, PartTimes};
use crate::run::RunError;
use crate::strategy::{ScriptSource, instance_of};
use claire_engine::config::EngineConfig;
use claire_engine::risk::LatchedState;
use claire_engine::snapshot::Instances;
use claire_engine::strategy::{Fault, Handlers, Inheritance, LentDesk, Strategy, StrategyEvent};
use claire_engine::{Engine, Prepared, Successor};
use claire_strategies::Script;
use claire_types::input::Reload;
use claire_types::{CellBuffer, Cells, EngineSeq, Header, Input, InstrumentKey, Note, StrategyId};
use std::any::Any;
use std::sync::Arc;

/// Most events of a shadow run.
pub(crate) const SHADOW_EVENTS_MAX: usize = 10_000;
/// Events between two looks at the clock in a shadow run.
const LOOK_EVERY: usize = 32;

/// The mirror.
pub(crate) struct Mirror {
    engine: Engine,
    config: EngineConfig,
    scripts: Vec<Arc<Script>>,
    /// The older and the newer half of what a shadow run can be made on.
    windows: [Window; 2],
    clock: Clock,
}

/// A stretch of inputs, and the mirror before it.
#[derive(Default)]
struct Window {
    base: Vec<u8>,
    inputs: CellBuffer,
    count: usize,
}

/// What a shadow run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shadowed {
    /// Events it was run on.
    pub events: usize,
    /// The first call that failed or was cut.
    pub fault: Option<Note>,
}

impl Mirror {
    /// Returns the mirror of an engine at the start of its run.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(
        config: EngineConfig,
        scripts: Vec<Arc<Script>>,
        clock: Clock,
    ) -> Result<Self, RunError> {
        let silent = scripts.iter().map(|script| silent(instance_of(script)));
        let state = LatchedState::new(scripts.len());
        let engine = Engine::new(config.clone(), state, silent.collect());
        let mut mirror = Self {
            engine: engine.map_err(RunError::Usage)?,
            config,
            scripts,
            windows: Default::default(),
            clock,
        };
        mirror.begin_windows();
        Ok(mirror)
    }

    /// Follows inputs.
    pub fn follow(&mut self, inputs: &CellBuffer) {
        let mut rest = inputs.view();
        while let Ok((message, after)) = rest.split_message() {
            self.follow_one(&message);
            rest = after;
        }
    }

    fn follow_one(&mut self, message: &Cells<'_>) {
        let Ok((header, input)) = Input::decode(message) else {
            return;
        };
        self.engine.apply(&header, &input);
        let [older, newer] = &mut self.windows;
        newer.inputs.extend(*message);
        newer.count += 1;
        if newer.count < SHADOW_EVENTS_MAX / 2 {
            return;
        }
        std::mem::swap(older, newer);
        self.begin_window(1);
    }

    /// Takes the place of an engine whose inputs were lost.
    ///
    /// # Errors
    /// Where the state cannot be taken.
    pub fn begin_anew(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        let scripts = self.scripts.iter();
        let versions = claire_engine::snapshot::versions(bytes);
        let versions = versions.map_err(|fault| RunError::Usage(fault.to_string()))?;
        let instances = scripts.zip(versions).map(|(script, of)| Instances {
            current: silent(instance_of(script)),
            before: of.before.map(|_| nobody()),
        });
        let engine = Engine::restore_versions(self.config.clone(), instances.collect(), bytes);
        self.engine = engine.map_err(|fault| RunError::Usage(fault.to_string()))?;
        for strategy in 0..self.scripts.len() {
            self.prove(strategy);
        }
        self.begin_windows();
        Ok(())
    }

    /// Tries a version on the last events, for at most so long.
    ///
    /// # Errors
    /// The fault of `init`.
    pub fn shadow(
        &self,
        strategy: StrategyId,
        version: Box<dyn Strategy>,
        (ns_max, call_ns_max): (u64, u64),
    ) -> Result<Shadowed, Fault> {
        let Some((mut engine, windows)) = self.copy() else {
            return Ok(Shadowed {
                events: 0,
                fault: None,
            });
        };
        let probe = self.watch_calls(call_ns_max);
        engine.set_probe(Box::new(probe));
        let prepared = engine.prepare(strategy, version)?;
        let successor = Successor {
            strategy: prepared.strategy,
            declared: prepared.declared,
            document: Vec::new(),
        };
        apply_reload(&mut engine, strategy, successor);
        let shadowed = run_on(
            &mut engine,
            strategy,
            windows,
            || self.clock.mono().0,
            ns_max,
        );
        claire_strategies::sandbox::poll_with(None);
        Ok(shadowed)
    }

    /// Runs a version's `init` on the market as it is, and says what it would take over.
    ///
    /// # Errors
    /// The fault of `init`, or a field whose type changed.
    pub fn prepare(
        &mut self,
        strategy: StrategyId,
        version: Box<dyn Strategy>,
        call_ns_max: u64,
    ) -> Result<Prepared, Fault> {
        let probe = self.watch_calls(call_ns_max);
        self.engine.set_probe(Box::new(probe));
        let prepared = self.engine.prepare(strategy, version);
        claire_strategies::sandbox::poll_with(None);
        prepared
    }

    /// Follows the engine: this version has the seat there now.
    ///
    /// # Errors
    /// Where document and script do not fit.
    pub fn adopt(
        &mut self,
        strategy: StrategyId,
        script: &Arc<Script>,
        document: &Document,
    ) -> Result<(), RunError> {
        let instance = silent(document.instance(script)?);
        self.take_seat(strategy, document.successor(instance, Vec::new()), script);
        Ok(())
    }

    /// Follows the engine back to an earlier version.
    ///
    /// # Errors
    /// The fault of its `init`.
    pub fn go_back(&mut self, strategy: StrategyId, script: &Arc<Script>) -> Result<(), Fault> {
        let prepared = self.engine.prepare(strategy, instance_of(script))?;
        let successor = Successor {
            strategy: silent(prepared.strategy),
            declared: prepared.declared,
            document: Vec::new(),
        };
        self.take_seat(strategy, successor, script);
        Ok(())
    }

    fn take_seat(&mut self, strategy: StrategyId, successor: Successor, script: &Arc<Script>) {
        apply_reload(&mut self.engine, strategy, successor);
        self.prove(strategy.index());
        if let Some(place) = self.scripts.get_mut(strategy.index()) {
            *place = Arc::clone(script);
        }
    }

    fn prove(&mut self, strategy: usize) {
        let strategy = StrategyId(u16::try_from(strategy).unwrap_or(u16::MAX));
        self.engine.prove(strategy);
        while self.engine.take_retired().is_some() {}
    }

    /// Lets scripts of this thread be cut as those of the engine thread are.
    fn watch_calls(&self, call_ns_max: u64) -> PartProbe {
        let (times, probe) = PartTimes::new(self.clock.clone());
        claire_strategies::sandbox::poll_with(Some(times.call_budget(call_ns_max)));
        probe
    }

    fn begin_windows(&mut self) {
        self.begin_window(0);
        self.begin_window(1);
    }

    fn begin_window(&mut self, index: usize) {
        let Some(window) = self.windows.get_mut(index) else {
            return;
        };
        window.inputs.clear();
        window.count = 0;
        if self.engine.save(&mut window.base).is_err() {
            // Without a base there is no shadow run on it.
            window.base.clear();
        }
    }

    /// Returns a copy of the mirror as it was, and what came since.
    fn copy(&self) -> Option<(Engine, [&CellBuffer; 2])> {
        let [older, newer] = &self.windows;
        let nobodies = self.scripts.iter().map(|_| nobody()).collect();
        let engine = Engine::restore(self.config.clone(), nobodies, &older.base).ok()?;
        Some((engine, [&older.inputs, &newer.inputs]))
    }
}

/// Runs what came, as long as the time lasts.
fn run_on(
    engine: &mut Engine,
    strategy: StrategyId,
    windows: [&CellBuffer; 2],
    now_ns: impl Fn() -> u64,
    ns_max: u64,
) -> Shadowed {
    let begun = now_ns();
    let mut shadowed = Shadowed {
        events: 0,
        fault: None,
    };
    for window in windows {
        let mut rest = window.view();
        while let Ok((message, after)) = rest.split_message() {
            rest = after;
            if let Ok((header, input)) = Input::decode(&message) {
                engine.apply(&header, &input);
            }
            shadowed.events += 1;
            let seat = engine.floor().seats().get(strategy.index());
            if let Some(seat) = seat.filter(|seat| seat.faults > 0) {
                shadowed.fault = Some(seat.fault_last);
                return shadowed;
            }
            let is_over = now_ns().saturating_sub(begun) >= ns_max;
            if shadowed.events.is_multiple_of(LOOK_EVERY) && is_over {
                return shadowed;
            }
        }
    }
    shadowed
}

fn apply_reload(engine: &mut Engine, strategy: StrategyId, successor: Successor) {
    let reload = Reload {
        strategy,
        at: EngineSeq(engine.seq().0 + 1),
        sha256: [0; 32],
    };
    engine.stage(Box::new(successor));
    let header = Header::of_time(0, engine.floor().now());
    engine.apply(&header, &Input::Reload(reload));
    engine.take_swapped();
}

/// A strategy that declares what it declares, and is never called again.
struct Silent(Option<Box<dyn Strategy>>);

fn silent(inner: Box<dyn Strategy>) -> Box<dyn Strategy> {
    Box::new(Silent(Some(inner)))
}

/// Stands at a seat whose strategy does not matter.
fn nobody() -> Box<dyn Strategy> {
    Box::new(Silent(None))
}

impl Strategy for Silent {
    fn handlers(&self) -> Handlers {
        Handlers::default()
    }

    fn markets(&self) -> &[InstrumentKey] {
        self.0.as_ref().map_or(&[], |inner| inner.markets())
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        match &mut self.0 {
            Some(inner) => inner.call(event, desk),
            None => Ok(()),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        if let Some(inner) = &self.0 {
            inner.save(out);
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.0 {
            Some(inner) => inner.restore(bytes),
            None => Ok(()),
        }
    }

    fn inherit(&mut self, before: &dyn Strategy) -> Result<Inheritance, Fault> {
        match &mut self.0 {
            Some(inner) => inner.inherit(before),
            None => Ok(Inheritance::default()),
        }
    }

    fn legacy(&self) -> Option<&dyn Any> {
        self.0.as_ref().and_then(|inner| inner.legacy())
    }
}

/// Returns the hash of a source as the journal writes it.
pub(crate) fn sha256_of(source: &ScriptSource) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(source.text.as_bytes()).into()
}
