//! Contests: one strategy in several forms on the same events, timed in turns, refused where the work differs.
//!
//! Called by `claire bench`, the benches and the opponents' program, never on the engine thread. The clock is the
//! caller's. Contestants take turns at blocks of events, so that a busy moment of the machine meets all alike. Each
//! plays a block once before it is timed: on the engine thread, too, what an event changed was written a moment ago and
//! lies in the nearest cache. What all asked of their desks is compared after each pass.

mod pit;
mod played;
mod session;
mod stock;

pub use pit::{Cursor, Declared, Pit, Tally};
pub use session::{EVENTS, INDICATORS_MAX, MARKET, Moment, OUTPUTS_MAX, Session};

use crate::{Backend, RhaiStrategy, native};
use played::Played;
use std::ops::Range;
use std::sync::Arc;
use stock::Stock;

/// The strategies of the contests, shipped scripts all.
pub const STRATEGIES: [&str; 5] = [
    "empty",
    "ema_cross",
    "breakout",
    "imbalance",
    "market_maker",
];

/// A strategy in one of its forms.
pub trait Contestant {
    /// Returns what it is: `native`, `compiled`, ...
    fn name(&self) -> &'static str;

    /// Goes back to where it was after `init`, with an empty tally.
    ///
    /// # Errors
    /// Why it cannot, in words.
    fn restart(&mut self) -> Result<(), String>;

    /// Handles these events of the session, in order.
    ///
    /// # Errors
    /// The first handler that failed, in words.
    fn play(&mut self, session: &Session, events: Range<usize>) -> Result<(), String>;

    /// Returns what it asked of its desk since the start.
    fn tally(&mut self) -> Tally;
}

/// How long a contest is.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Times that the events are gone through; at least 1.
    pub passes: usize,
    /// Events of a block; at least 1.
    pub block: usize,
    /// Times that a block is played and timed in one turn; at least 1.
    pub repeats: usize,
}

/// A contestant's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Who.
    pub name: &'static str,
    /// Time of an event: the median of all blocks, ns.
    pub median_ns: f64,
    /// Time of an event in the fastest block, ns.
    pub least_ns: f64,
}

/// A contest's result.
#[derive(Clone, Debug)]
pub struct Table {
    /// The strategy.
    pub strategy: &'static str,
    /// One per contestant, in their order.
    pub figures: Vec<Figure>,
    /// Events that each contestant's figure is of.
    pub events: usize,
    /// What each asked of its desk in one pass.
    pub tally: Tally,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            passes: 5,
            block: 64,
            repeats: 4,
        }
    }
}

/// Holds a contest of the forms that this crate has, `native`, `compiled`, `interpreted` and `grain`, and of guests.
///
/// `now` returns the time in ns since any moment.
///
/// # Errors
/// A contestant that fails, and one that asks something else of its desk than the first, in words.
pub fn hold(
    session: &Session,
    guests: Vec<Box<dyn Contestant + '_>>,
    rounds: Rounds,
    now: &mut dyn FnMut() -> u64,
) -> Result<Table, String> {
    with_forms(session, guests, |contestants| {
        let tally = compare(session, contestants)?;
        let times = timed(session, contestants, rounds, now)?;
        let names = contestants.iter().map(|contestant| contestant.name());
        let figures = names.zip(times).map(|(name, times)| figure(name, times));
        Ok(Table {
            strategy: session.name(),
            figures: figures.collect(),
            events: rounds.passes * rounds.repeats.max(1) * session.events().len(),
            tally,
        })
    })
}

/// Lends the forms that this crate has, and the guests after them.
///
/// # Errors
/// A form that cannot be made, and what `act` says.
pub fn with_forms<'a, R>(
    session: &'a Session,
    guests: Vec<Box<dyn Contestant + 'a>>,
    act: impl FnOnce(&mut [Box<dyn Contestant + '_>]) -> Result<R, String>,
) -> Result<R, String> {
    let stock = session.script().stock()?;
    let program = stock.program();
    let mut contestants: Vec<Box<dyn Contestant + '_>> = vec![
        Box::new(native_of(session)?),
        Box::new(compiled_of(session)?),
        Box::new(Stock::walker(session, &stock)?),
        Box::new(Stock::grain(session, &stock, &program)?),
    ];
    contestants.extend(guests);
    act(&mut contestants)
}

/// Has each contestant play all events once, and returns what each asked of its desk.
///
/// # Errors
/// A contestant that fails, and one that asks something else than the first, in words.
pub fn compare(
    session: &Session,
    contestants: &mut [Box<dyn Contestant + '_>],
) -> Result<Tally, String> {
    for contestant in contestants.iter_mut() {
        contestant.restart()?;
        contestant.play(session, 0..session.events().len())?;
    }
    equal(contestants)
}

/// Returns the times of an event in every block, by contestant.
fn timed(
    session: &Session,
    contestants: &mut [Box<dyn Contestant + '_>],
    rounds: Rounds,
    now: &mut dyn FnMut() -> u64,
) -> Result<Vec<Vec<f64>>, String> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    let (block, repeats) = (rounds.block.max(1), rounds.repeats.max(1));
    let events = session.events().len();
    for pass in 0..rounds.passes {
        for contestant in contestants.iter_mut() {
            contestant.restart()?;
        }
        for start in (0..events).step_by(block) {
            let range = start..(start + block).min(events);
            // Who begins changes from block to block.
            for turn in 0..contestants.len() {
                let index = (turn + pass + start / block) % contestants.len();
                let (contestant, times) = match (contestants.get_mut(index), times.get_mut(index)) {
                    (Some(contestant), Some(times)) => (contestant, times),
                    _ => continue,
                };
                contestant.play(session, range.clone())?;
                let began = now();
                for _ in 0..repeats {
                    contestant.play(session, range.clone())?;
                }
                let took = now().saturating_sub(began);
                times.push(took as f64 / (repeats * range.len()) as f64);
            }
        }
        equal(contestants)?;
    }
    Ok(times)
}

/// Has one form play all events so many times, for a profiler to look at: `native` or `compiled`.
///
/// # Errors
/// A form that fails, and one that there is not, in words.
pub fn alone(session: &Session, form: &str, passes: usize) -> Result<Tally, String> {
    let mut played = match form {
        "native" => native_of(session)?,
        "compiled" => compiled_of(session)?,
        other => return Err(format!("`{other}` is not native or compiled")),
    };
    played.restart()?;
    for _ in 0..passes {
        played.play(session, 0..session.events().len())?;
    }
    Ok(played.tally())
}

fn native_of(session: &Session) -> Result<Played, String> {
    let name = session.name();
    let native = native::of_script(name).ok_or_else(|| format!("no `{name}` in Rust"))?;
    Played::new("native", session, native)
}

fn compiled_of(session: &Session) -> Result<Played, String> {
    let compiled = RhaiStrategy::with(Arc::clone(session.script()), Backend::Compiled);
    Played::new("compiled", session, Box::new(compiled))
}

impl Table {
    /// Returns a contestant's figure.
    pub fn of(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// Returns the medians by their names in reports: `native_ns`, ...
    pub fn medians(&self) -> impl Iterator<Item = (String, f64)> {
        let rounded = |ns: f64| (ns * 1e3).round() / 1e3;
        let figures = self.figures.iter();
        figures.map(move |of| (format!("{}_ns", of.name), rounded(of.median_ns)))
    }
}

/// Returns the tally of all.
fn equal(contestants: &mut [Box<dyn Contestant + '_>]) -> Result<Tally, String> {
    let mut all = contestants.iter_mut();
    let Some(first) = all.next() else {
        return Ok(Tally::default());
    };
    let (name, want) = (first.name(), first.tally());
    for other in all {
        let found = other.tally();
        if found != want {
            let other = other.name();
            return Err(format!(
                "{other} did other work than {name}: {found:?}, not {want:?}"
            ));
        }
    }
    Ok(want)
}

fn figure(name: &'static str, mut times: Vec<f64>) -> Figure {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or(0.0);
    Figure {
        name,
        median_ns: at(times.len() / 2),
        least_ns: at(0),
    }
}

#[cfg(test)]
mod tests;
