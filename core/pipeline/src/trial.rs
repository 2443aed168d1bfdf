//! A trial: a strategy on recorded data or the bundled market, with nothing written down; what it did, and what its
//! calls cost.
//!
//! Called by `claire check` and `claire test` on their thread. Same stages, same engine, same records as a replay; only
//! who looks on differs.

mod bundled;
mod cost;
mod judge;
mod orders;
pub mod plan;
pub mod suite;

pub use cost::{HANDLERS, HandlerCost};
pub use orders::{ORDERS_MAX, PlacedOrder};

use crate::clock::Clock;
pub use crate::config::select::{NAME_OF_SCRIPT_MAX, name_of_script};
use crate::config::{Config, Selection};
use crate::feed::replay::Speed;
use crate::replay::{Onlooker, ReplayRequest, Replayed, replay_watched};
use crate::run::{RecordPlan, RunError};
use crate::strategy::Loaded;
use crate::topology::Topology;
use claire_types::{InstrumentKey, Venue};
use cost::{Costs, Timed};
use orders::OrderList;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What a trial runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// The bundled market.
    Bundled {
        /// Its seed.
        seed: u64,
        /// How much of its time passes.
        span: Duration,
        /// What it lists.
        symbols: Vec<InstrumentKey>,
    },
    /// Recorded files: one session in order.
    Files {
        /// The files.
        files: Vec<PathBuf>,
        /// The venue, where it is not to be detected.
        venue: Option<Venue>,
    },
}

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct TrialRequest {
    /// The script's file, or a bundled script's name.
    pub script: String,
    /// On what.
    pub data: Data,
    /// Its primary market; `None` is the first of the data.
    pub market: Option<InstrumentKey>,
    /// Parameters as `NAME.parameter=value`; the name is [`name_of_script`]'s.
    pub settings: Vec<String>,
    /// How its handlers run; `None` as configured.
    pub backend: Option<String>,
}

/// A finished trial.
pub struct Trial {
    /// What it came to.
    pub replayed: Replayed,
    /// The first [`ORDERS_MAX`] orders that passed the gate, in order.
    pub orders: Vec<PlacedOrder>,
    /// What their calls cost, in the order that people write them, with `init`; those that were never called are absent.
    pub costs: Vec<HandlerCost>,
}

/// Tries a strategy.
///
/// # Errors
/// A [`RunError`], as of a replay.
pub fn trial(
    config: Config,
    request: &TrialRequest,
    stop: Arc<AtomicBool>,
) -> Result<Trial, RunError> {
    let clock = Clock::start();
    let reading_ps = clock.cost_ps();
    let costs = Costs::default();
    let mut around = |loaded: Loaded| {
        let timed = Timed::new(loaded.strategy, clock.clone(), costs.clone());
        Loaded {
            strategy: Box::new(timed),
            ..loaded
        }
    };
    let onlooker = Onlooker {
        around: &mut around,
        watch: OrderList::default(),
    };
    let selection = Selection {
        strategies: vec![request.script.clone()],
        market: request.market,
        settings: request.settings.clone(),
        backend: request.backend.clone(),
    };
    let (replayed, orders) = match &request.data {
        Data::Bundled {
            seed,
            span,
            symbols,
        } => {
            let market = bundled::Made {
                seed: *seed,
                span: *span,
                symbols,
            };
            bundled::run(config, &market, &selection, stop, onlooker)?
        }
        Data::Files { files, venue } => {
            let request = ReplayRequest {
                files: files.clone(),
                venue: *venue,
                selection,
                speed: Speed::Max,
                passes: 1,
                plan: RecordPlan::default(),
                topology: Topology::Fused,
            };
            replay_watched(config, &request, stop, onlooker)?
        }
    };
    Ok(Trial {
        replayed,
        orders: orders.into_orders(),
        costs: costs.figures(reading_ps),
    })
}

#[cfg(test)]
mod tests;
