//! One script on both backends, event by event: the same faults, the same requests, the same saved bytes.

use super::input::Input;
use crate::compile::noted::{self, Noted};
use crate::desk::{self, FakeDesk};
use crate::diagnostic::Source;
use crate::{Backend, Limits, RhaiStrategy, Script, sandbox};
use claire_engine::strategy::{Desk, Fault, FaultKind, LentDesk, Strategy, StrategyEvent};
use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What became of a case.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The checker refuses the script.
    Refused(String),
    /// `init` fails, or no handler is compiled: nothing was compared that the campaign is about.
    Idle(String),
    /// No difference.
    Same(Ran),
    Different(Difference),
}

/// A case without a difference.
#[derive(Debug)]
pub(super) struct Ran {
    pub script: Arc<Script>,
    /// What the compiler took operators and calls for.
    pub noted: Noted,
    /// By run of events: the handlers that machine code ran to their end at least once.
    pub completed: Vec<BTreeSet<usize>>,
    /// Faults of events, in words.
    pub faults: Vec<String>,
    pub tally: Tally,
}

/// Events by how they ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Machine code ran them to their end.
    pub by_code: u64,
    /// Machine code left them to the interpreter.
    pub left: u64,
    /// Their handler has no code.
    pub interpreted: u64,
    /// Of all: those that ended in a fault.
    pub faults: u64,
}

/// How a call ended.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub result: Result<(), Fault>,
    /// What was asked of the desk, also where that was undone.
    pub log: Vec<String>,
    state: Vec<u8>,
}

/// A difference, and where.
#[derive(Debug)]
pub(super) struct Difference {
    /// Which run of events.
    pub run: usize,
    /// The event's number; `init` before the first.
    pub event: Option<usize>,
    pub handler: String,
    pub compiled: String,
    pub interpreted: String,
}

/// A strategy with its desk.
struct Run {
    strategy: RhaiStrategy,
    desk: LentDesk,
}

impl Run {
    fn new(script: &Arc<Script>, backend: Backend) -> Self {
        let mut desk = FakeDesk::new();
        desk.is_restless = true;
        desk.unknown_kind = "";
        desk.argument_min = 0.0;
        Self {
            strategy: RhaiStrategy::with(Arc::clone(script), backend),
            desk: LentDesk::new(Box::new(desk)),
        }
    }

    fn call(&mut self, event: &StrategyEvent<'_>) -> Outcome {
        desk::fake(&mut self.desk).begin();
        let result = self.strategy.call(event, &mut self.desk);
        let desk = desk::fake(&mut self.desk);
        if result.is_err() {
            // As the engine does.
            desk.undo();
        }
        Outcome {
            result,
            log: std::mem::take(&mut desk.log),
            state: self.saved(),
        }
    }

    fn saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.strategy.save(&mut bytes);
        bytes
    }

    fn restart(&mut self, script: &Arc<Script>, backend: Backend) {
        let saved = self.saved();
        self.strategy = RhaiStrategy::with(Arc::clone(script), backend);
        let restored = self.strategy.restore(&saved);
        assert!(restored.is_ok() && self.saved() == saved, "the saved bytes");
    }
}

/// Runs a script on runs of events; a panic is a difference, too.
pub(super) fn run(text: &str, runs: &[Vec<Input>]) -> Verdict {
    let result = catch_unwind(AssertUnwindSafe(|| compare(text, runs)));
    result.unwrap_or_else(|panicked| {
        Verdict::Different(Difference {
            run: 0,
            event: None,
            handler: "?".to_owned(),
            compiled: format!("panicked: {}", words_of(&*panicked)),
            interpreted: String::new(),
        })
    })
}

fn words_of(panicked: &(dyn Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panicked.downcast_ref::<&str>().map(|of| (*of).to_owned()));
    text.unwrap_or_default()
}

/// Runs a script that the checker may refuse on runs of events, interpreted; `None` where it is no script, or `init`
/// fails. What a call asked before it failed stands in its log.
pub(super) fn alone(text: &str, runs: &[Vec<Input>]) -> Option<Vec<Outcome>> {
    let source = Source { file: "case", text };
    let script = Script::built(&Limits::default(), "case", source, &[]).ok()?;
    let script = Arc::new(script);
    let states = script.handler_states();
    let mut ended = Vec::new();
    for inputs in runs {
        let mut run = Run::new(&script, Backend::Interpreted);
        run.call(&StrategyEvent::Init).result.ok()?;
        desk::fake(&mut run.desk).is_init = false;
        for input in inputs {
            input.prepare(desk::fake(&mut run.desk));
            let at = input.handler(states.len());
            let given = input.given();
            let event = given.event(&states[at].name);
            desk::fake(&mut run.desk).begin();
            let result = run.strategy.call(&event, &mut run.desk);
            let desk = desk::fake(&mut run.desk);
            let log = desk.log.clone();
            if result.is_err() {
                desk.undo();
            }
            desk.log.clear();
            let state = run.saved();
            ended.push(Outcome { result, log, state });
        }
    }
    Some(ended)
}

fn compare(text: &str, runs: &[Vec<Input>]) -> Verdict {
    noted::take();
    let script = match Script::compile("case", text, &[]) {
        Ok(script) => Arc::new(script),
        Err(faults) => return Verdict::Refused(faults[0].message.clone()),
    };
    let noted = noted::take();
    let states = script.handler_states();
    let reasons = || states.iter().filter_map(|state| state.interpreted.as_ref());
    if let Some(why) = reasons().find(|why| why.reason.contains("machine code")) {
        return Verdict::Different(Difference {
            run: 0,
            event: None,
            handler: "all".to_owned(),
            compiled: why.reason.clone(),
            interpreted: String::new(),
        });
    }
    if reasons().count() == states.len() {
        return Verdict::Idle(
            reasons()
                .next()
                .map(ToString::to_string)
                .unwrap_or_default(),
        );
    }
    let mut ran = Ran {
        script: Arc::clone(&script),
        noted,
        completed: Vec::new(),
        faults: Vec::new(),
        tally: Tally::default(),
    };
    for (number, inputs) in runs.iter().enumerate() {
        match Both::begin(&script) {
            Ok(mut both) => {
                if let Some(difference) = both.events(&script, inputs, &mut ran) {
                    let run = number;
                    return Verdict::Different(Difference { run, ..difference });
                }
            }
            Err(Ok(difference)) => return Verdict::Different(difference),
            Err(Err(fault)) => return Verdict::Idle(format!("init: {}", fault.text)),
        }
    }
    Verdict::Same(ran)
}

/// The script on both backends.
struct Both {
    compiled: Run,
    interpreted: Run,
}

impl Both {
    /// Runs `init` on both; where that differs or fails it says so.
    fn begin(script: &Arc<Script>) -> Result<Self, Result<Difference, Fault>> {
        let mut both = Self {
            compiled: Run::new(script, Backend::Auto),
            interpreted: Run::new(script, Backend::Interpreted),
        };
        let init = StrategyEvent::Init;
        let outcomes = [both.compiled.call(&init), both.interpreted.call(&init)];
        if outcomes[0] != outcomes[1] {
            return Err(Ok(Difference::of(None, "init", &outcomes)));
        }
        let [first, _] = outcomes;
        first.result.map_err(Err)?;
        for run in [&mut both.compiled, &mut both.interpreted] {
            desk::fake(&mut run.desk).is_init = false;
        }
        Ok(both)
    }

    /// Runs the events on both, up to the first difference.
    fn events(
        &mut self,
        script: &Arc<Script>,
        inputs: &[Input],
        ran: &mut Ran,
    ) -> Option<Difference> {
        let states = script.handler_states();
        let mut completed = BTreeSet::new();
        for (number, input) in inputs.iter().enumerate() {
            if input.restarts() {
                self.compiled.restart(script, Backend::Auto);
                self.interpreted.restart(script, Backend::Interpreted);
            }
            for run in [&mut self.compiled, &mut self.interpreted] {
                input.prepare(desk::fake(&mut run.desk));
            }
            let at = input.handler(states.len());
            let state = &states[at];
            let given = input.given();
            let event = given.event(&state.name);
            sandbox::refill();
            let found = self.compiled.call(&event);
            let is_by_code = sandbox::spent() == 0;
            let want = self.interpreted.call(&event);
            if found != want {
                if want.is_out_of_operations() {
                    // Compiled loops have turns where interpreted ones have operations.
                    break;
                }
                return Some(Difference::of(Some(number), &state.name, &[found, want]));
            }
            if let Err(fault) = &found.result {
                ran.tally.faults += 1;
                ran.faults.push(fault.text.to_string());
            }
            match (is_by_code, &state.interpreted) {
                (true, None) => {
                    ran.tally.by_code += 1;
                    completed.insert(at);
                }
                (_, None) => ran.tally.left += 1,
                (_, Some(_)) => ran.tally.interpreted += 1,
            }
        }
        ran.completed.push(completed);
        None
    }
}

impl Outcome {
    fn is_out_of_operations(&self) -> bool {
        let fault = self.result.as_ref().err();
        fault.is_some_and(|fault| {
            fault.kind == FaultKind::Cut && fault.text.as_str().contains("operations")
        })
    }
}

impl Difference {
    fn of(event: Option<usize>, handler: &str, outcomes: &[Outcome; 2]) -> Self {
        let [compiled, interpreted] = outcomes.each_ref().map(ToString::to_string);
        Self {
            run: 0,
            event,
            handler: handler.to_owned(),
            compiled,
            interpreted,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(()) => writeln!(f, "  ended well")?,
            Err(fault) => writeln!(f, "  {:?}: {}", fault.kind, fault.text)?,
        }
        for line in &self.log {
            writeln!(f, "  asked: {line}")?;
        }
        let state = crate::state::read(&self.state, 16).flatten();
        match state.as_ref().and_then(|state| state.as_map_ref().ok()) {
            Some(map) => {
                for (name, value) in map.iter() {
                    writeln!(f, "  {name}: {value:?}")?;
                }
                Ok(())
            }
            None => writeln!(f, "  state: {:?}", self.state),
        }
    }
}
