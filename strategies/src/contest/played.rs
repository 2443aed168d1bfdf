//! A strategy behind the engine's trait as a contestant: in Rust, or a compiled script.

use super::{Contestant, Cursor, Pit, Session, Tally};
use claire_engine::strategy::{Fault, LentDesk, Strategy, StrategyEvent};
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

/// A strategy with its desk.
pub(super) struct Played {
    name: &'static str,
    strategy: Box<dyn Strategy>,
    desk: LentDesk,
    cursor: Cursor,
    /// The strategy's state after `init`.
    began: Vec<u8>,
}

impl Played {
    /// Returns the strategy after its `init`.
    ///
    /// # Errors
    /// An `init` that fails, or declares something else than the script's.
    pub(super) fn new(
        name: &'static str,
        session: &Session,
        mut strategy: Box<dyn Strategy>,
    ) -> Result<Self, String> {
        let cursor = Cursor::default();
        let mut desk = Pit::new(Arc::clone(session.moments()), cursor.clone()).lent();
        let called = strategy.call(&StrategyEvent::Init, &mut desk);
        called.map_err(|fault| told(name, &fault))?;
        let pit = Pit::of(&mut desk).ok_or("the desk did not come back")?;
        if pit.declared() != session.declared() {
            return Err(format!("{name} declares {:?}", pit.declared()));
        }
        let mut began = Vec::new();
        strategy.save(&mut began);
        Ok(Self {
            name,
            strategy,
            desk,
            cursor,
            began,
        })
    }
}

impl Contestant for Played {
    fn name(&self) -> &'static str {
        self.name
    }

    fn restart(&mut self) -> Result<(), String> {
        let restored = self.strategy.restore(&self.began);
        restored.map_err(|fault| told(self.name, &fault))?;
        Pit::of(&mut self.desk)
            .map(Pit::start)
            .ok_or_else(|| "the desk did not come back".to_owned())
    }

    fn play(&mut self, session: &Session, events: Range<usize>) -> Result<(), String> {
        let first = events.start;
        let events = session.events().get(events).unwrap_or_default();
        for (at, event) in (first..).zip(events) {
            self.cursor.set(at);
            let called = self.strategy.call(black_box(event), &mut self.desk);
            called.map_err(|fault| told(self.name, &fault))?;
        }
        Ok(())
    }

    fn tally(&mut self) -> Tally {
        Pit::of(&mut self.desk).map_or_else(Tally::default, |pit| pit.tally())
    }
}

fn told(name: &str, fault: &Fault) -> String {
    format!("{name}: {}", fault.text)
}
