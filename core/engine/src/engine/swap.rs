//! Swaps: another version of a script takes its strategy's seat between two inputs, and may give it back.
//!
//! Called by the engine for a reload input, and after calls of a version on probation. All that can be made ready
//! before is: [`Engine::prepare`] runs `init` on an engine that follows the same market elsewhere. What is left for
//! the engine thread is to move lists and to carry fields. Nothing is freed here: what left its seat waits in
//! [`Engine::take_retired`] for whoever has the time.

use super::Engine;
use crate::floor::{
    Before, Declared, Guarded, PROBATION_DENIALS_MAX, PROBATION_SPAN, Phase, Version,
};
use crate::probe::Part;
use crate::strategy::{Fault, FaultKind, Handlers, Inheritance, LentDesk, Strategy, StrategyEvent};
use claire_types::input::Reload;
use claire_types::{InstrumentId, Note, StrategyId};

/// A version that is ready to take its seat.
pub struct Successor {
    /// Its instance, after `init`.
    pub strategy: Box<dyn Strategy>,
    /// What `init` declared.
    pub declared: Declared,
    /// What the journal and snapshots keep of it.
    pub document: Vec<u8>,
}

/// A version that was made ready, with what it would take over.
pub struct Prepared {
    /// Its instance, after `init`.
    pub strategy: Box<dyn Strategy>,
    /// What `init` declared.
    pub declared: Declared,
    /// What it takes over from the version at the seat.
    pub inheritance: Inheritance,
}

/// What left its seat, or never took it.
pub struct Retired {
    /// Whose seat.
    pub strategy: StrategyId,
    /// Why.
    pub why: Retirement,
    /// The instance, and what it had at the seat or brought along.
    pub rest: Leftovers,
}

/// What is freed with a version.
#[derive(Default)]
pub struct Leftovers {
    _version: Option<Box<dyn Strategy>>,
    _before: Option<Box<Before>>,
    _successor: Option<Box<Successor>>,
}

/// Stands in a successor whose instance has left it: takes no memory.
struct Vacant;

/// Why a version is retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// The next one has proven itself, or took its place on the bench.
    Replaced,
    /// It was taken back within its probation, for these words; with what became of the protection of positions.
    RolledBack(Note, Guarded),
    /// It could not take the seat.
    Refused(Note),
}

/// What the last reload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It has the seat.
    Live {
        /// What it took over.
        inheritance: Inheritance,
        /// What it waits for before it is called, and what nothing protects meanwhile; `None` where it is called at once.
        rests: Option<Note>,
    },
    /// The version before goes on.
    Refused(Note),
}

impl Engine {
    /// Runs a version's `init` beside the one at the seat, which stays: nothing but bars that are new remains.
    ///
    /// For an engine that follows the market off the engine thread.
    ///
    /// # Errors
    /// The fault of `init`, or the field whose type changed.
    pub fn prepare(
        &mut self,
        strategy: StrategyId,
        version: Box<dyn Strategy>,
    ) -> Result<Prepared, Fault> {
        let index = strategy.index();
        let floor = self.floor_mut();
        let Some(before) = floor.begin_rehearsal(strategy) else {
            // Its market has not appeared: `init` runs when it does.
            return Ok(Prepared {
                strategy: version,
                declared: Declared::default(),
                inheritance: Inheritance::default(),
            });
        };
        let mut version = version;
        self.swap_instances(index, &mut version);
        self.floor_mut().probe.enter(Part::Strategy);
        let result = self.run(strategy, &StrategyEvent::Init);
        self.swap_instances(index, &mut version);
        let declared = self.floor_mut().end_rehearsal(strategy, before);
        result?;
        let mut after_init = Vec::new();
        version.save(&mut after_init);
        let inheritance = match self.strategies.get(index) {
            Some(before) => version.inherit(before.as_ref())?,
            None => Inheritance::default(),
        };
        // What is carried is known at the swap only, and from where to where now.
        version.restore(&after_init)?;
        if let Some(before) = self.strategies.get(index) {
            version.foresee(before.as_ref());
        }
        Ok(Prepared {
            strategy: version,
            declared,
            inheritance,
        })
    }

    /// Looks at what the swap to this successor will look at, so that it is near then. Changes nothing that counts.
    ///
    /// Between inputs, on the engine thread, some time before [`Engine::stage`].
    pub fn approach(&mut self, strategy: StrategyId, successor: &mut Successor) {
        if let Some(current) = self.strategies.get(strategy.index()) {
            successor.strategy.approach(current.as_ref());
        }
        let floor = self.floor_mut();
        floor.approach(strategy, &mut successor.declared);
    }

    /// Hands over the version that the next reload input is about.
    pub fn stage(&mut self, successor: Box<Successor>) {
        self.staged = Some(successor);
    }

    /// Lets the version at a strategy's seat stay for good, whatever it has shown: for an engine that calls nobody.
    pub fn prove(&mut self, strategy: StrategyId) {
        self.end_probation(strategy);
    }

    /// Returns what the last reload input came to, once.
    pub fn take_swapped(&mut self) -> Option<Swapped> {
        self.swapped.take()
    }

    /// Takes the successor of the last reload input, less what took the seat; it is freed by whoever has the time.
    pub fn take_spent(&mut self) -> Option<Box<Successor>> {
        self.spent.take()
    }

    /// Takes a version that left its seat; it is freed by whoever has the time.
    pub fn take_retired(&mut self) -> Option<Retired> {
        self.retired.pop_front()
    }

    #[cold]
    pub(super) fn on_reload(&mut self, reload: &Reload) {
        let strategy = reload.strategy;
        let Some(mut successor) = self.staged.take() else {
            let text = Note::cut("a reload came without its script: the version before goes on");
            return self.floor_mut().alert(strategy, InstrumentId::NONE, text);
        };
        let swapped = match self.admit(strategy, &mut successor) {
            Ok((phase, inheritance)) => {
                self.swap(reload, &mut successor, (phase, inheritance));
                self.spent = Some(successor);
                let rests = self.floor_mut().tell_rest(strategy);
                Swapped::Live { inheritance, rests }
            }
            Err(text) => {
                self.floor_mut()
                    .record_refused(strategy, reload.sha256, text);
                self.refuse(strategy, text, successor);
                Swapped::Refused(text)
            }
        };
        self.swapped = Some(swapped);
    }

    /// Lets the successor take over what the version at the seat holds; returns the seat's phase, too.
    ///
    /// # Errors
    /// Why it does not get the seat.
    fn admit(
        &mut self,
        strategy: StrategyId,
        successor: &mut Successor,
    ) -> Result<(Phase, Inheritance), Note> {
        let index = strategy.index();
        let phase = self.floor().seats().get(index).map(|seat| seat.phase);
        let (Some(phase), Some(current)) = (phase, self.strategies.get(index)) else {
            return Err(Note::cut("there is no such strategy"));
        };
        match phase {
            Phase::Waiting => Ok((phase, Inheritance::default())),
            Phase::Warming | Phase::Running | Phase::Failed | Phase::Broken => {
                if !successor.declared.fits() {
                    return Err(Note::cut("it declares more than a seat holds"));
                }
                let inheritance = successor.strategy.inherit(current.as_ref());
                let inheritance = inheritance.map_err(|fault| fault.text)?;
                Ok((phase, inheritance))
            }
            Phase::Init | Phase::Stopping | Phase::Stopped => Err(Note::cut("the run ends")),
        }
    }

    /// Gives the seat to the successor.
    fn swap(
        &mut self,
        reload: &Reload,
        successor: &mut Successor,
        (phase, inheritance): (Phase, Inheritance),
    ) {
        let strategy = reload.strategy;
        let index = strategy.index();
        let from = self.floor().version_of(strategy);
        self.end_probation(strategy);
        // What is boxed stays in its box: nothing is freed here.
        let mut instance = std::mem::replace(&mut successor.strategy, Box::new(Vacant));
        let document = std::mem::take(&mut successor.document);
        self.swap_instances(index, &mut instance);
        let version = |number| Version {
            number,
            sha256: reload.sha256,
            document,
        };
        let mut starts = false;
        if phase == Phase::Waiting {
            self.floor_mut().replace_version(strategy, version);
            let rest = Leftovers {
                _version: Some(instance),
                ..Leftovers::default()
            };
            self.retire(strategy, Retirement::Replaced, rest);
            // It may name other markets than the version before.
            self.open_seats();
        } else {
            let floor = self.floor_mut();
            starts = floor.seat_version(strategy, &mut successor.declared, version);
            if let Some(place) = self.previous.get_mut(index) {
                *place = Some(instance);
            }
        }
        self.floor_mut().record_live(strategy, from, inheritance);
        if starts && self.has_start(index) {
            self.call(strategy, &StrategyEvent::Start);
        }
    }

    fn refuse(&mut self, strategy: StrategyId, text: Note, successor: Box<Successor>) {
        let rest = Leftovers {
            _successor: Some(successor),
            ..Leftovers::default()
        };
        self.retire(strategy, Retirement::Refused(text), rest);
    }

    /// Counts a call of a version on probation; takes it back, or lets it stay for good. Returns whether the fault,
    /// if there was one, is answered by that.
    pub(super) fn judge(&mut self, strategy: StrategyId, fault: Option<&Fault>) -> bool {
        let floor = self.floor_mut();
        let now = floor.now;
        let Some(seat) = floor.seats.get_mut(strategy.index()) else {
            return false;
        };
        let denied = seat.denials.counted;
        let codes = seat.denials.counted_codes();
        let Some(probation) = &mut seat.probation else {
            return false;
        };
        if let Some(fault) = fault {
            self.roll_back(strategy, fault.text);
            return true;
        }
        probation.calls_left = probation.calls_left.saturating_sub(1);
        if denied >= PROBATION_DENIALS_MAX {
            let text = Note::cut(&format!("{denied} orders were denied: {codes}"));
            self.roll_back(strategy, text);
        } else if probation.calls_left == 0 || now.since(probation.since) >= PROBATION_SPAN {
            self.end_probation(strategy);
        }
        false
    }

    /// Lets the version at the seat stay for good.
    fn end_probation(&mut self, strategy: StrategyId) {
        let index = strategy.index();
        let seat = self.floor_mut().seats.get_mut(index);
        let Some(probation) = seat.and_then(|seat| seat.probation.take()) else {
            return;
        };
        let before = self.previous.get_mut(index).and_then(Option::take);
        if let Some(instance) = before {
            let rest = Leftovers {
                _version: Some(instance),
                _before: Some(probation.before),
                ..Leftovers::default()
            };
            self.retire(strategy, Retirement::Replaced, rest);
        }
    }

    /// Gives the seat back to the version before, as it was before the swap, and cancels what was placed since.
    #[cold]
    fn roll_back(&mut self, strategy: StrategyId, why: Note) {
        let index = strategy.index();
        let Some(mut instance) = self.previous.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.swap_instances(index, &mut instance);
        let Some((left, guarded)) = self.floor_mut().give_back(strategy, why) else {
            return;
        };
        let rest = Leftovers {
            _version: Some(instance),
            _before: Some(left),
            ..Leftovers::default()
        };
        self.retire(strategy, Retirement::RolledBack(why, guarded), rest);
    }

    fn swap_instances(&mut self, index: usize, other: &mut Box<dyn Strategy>) {
        if let Some(place) = self.strategies.get_mut(index) {
            std::mem::swap(place, other);
        }
    }

    fn has_start(&self, index: usize) -> bool {
        self.strategies
            .get(index)
            .is_some_and(|strategy| strategy.handlers().start)
    }

    fn retire(&mut self, strategy: StrategyId, why: Retirement, rest: Leftovers) {
        self.retired.push_back(Retired {
            strategy,
            why,
            rest,
        });
    }
}

impl Strategy for Vacant {
    fn handlers(&self) -> Handlers {
        Handlers::default()
    }

    fn call(&mut self, _: &StrategyEvent<'_>, _: &mut LentDesk) -> Result<(), Fault> {
        Ok(())
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
}

/// Returns a fault of the engine's own.
pub(super) fn fault_of(text: &str) -> Fault {
    Fault {
        kind: FaultKind::Error,
        text: Note::cut(text),
    }
}

/// Returns the fault of a call that a journal says was cut.
pub(super) fn cut_again(text: Note) -> Fault {
    Fault {
        kind: FaultKind::Cut,
        text,
    }
}
