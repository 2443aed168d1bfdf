//! What a run has to do with reloads: what its journal says, and whether files are watched.
//!
//! Made by whoever starts a run, taken apart where its stages are built.

use super::Tell;
use super::plan::Plan;
use super::stage::{StagePlan, StageRings, StagingStage};
use super::tee::{Overrun, tee};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::reloads::{Reloads, SwapLine};
use crate::run::{Prepared, RunError};
use claire_types::Mode;
use rtrb::RingBuffer;
use std::sync::Arc;

/// What a run has to do with reloads.
#[derive(Default)]
pub struct Reloading {
    repeated: Plan,
    staging: Option<(StagePlan, Overrun)>,
    call_ns_max: Option<u64>,
}

/// Versions on their way to the engine: one at a time.
const READY_MAX: usize = 2;
/// What may come back before the engine stage holds it.
const BACK_MAX: usize = 64;

impl Reloading {
    /// Returns what a run that repeats a journal does: the same again, at the same places.
    pub(crate) fn repeating(repeated: Plan) -> Self {
        Self {
            repeated,
            ..Self::default()
        }
    }

    /// Returns what a run of its own does: it cuts calls that take too long.
    pub(crate) fn with_budget(mut self, config: &Config) -> Self {
        self.call_ns_max = Some(config.script.call_ns_max());
        self
    }

    /// Watches the files of the strategies, where some have one and nothing is repeated.
    pub(crate) fn watching(
        mut self,
        config: &Config,
        prepared: &Prepared,
        (mode, overrun): (Mode, Overrun),
        tell: Tell,
    ) -> Self {
        let has_file = config.strategies.iter().any(|entry| entry.file.exists());
        if !config.script.reload || !has_file || !self.repeated.is_empty() {
            return self;
        }
        let hashes = prepared.scripts.iter().map(|of| of.sha256.clone());
        let plan = StagePlan {
            entries: config.strategies.clone(),
            scripts: prepared.compiled.clone(),
            hashes: hashes.collect(),
            engine: prepared.engine_config.clone(),
            is_staged_only: !matches!(mode, Mode::Paper | Mode::Replay | Mode::Backtest),
            limits: config.script.limits(),
            shadow_ns_max: config.script.shadow_ns_max(),
            call_ns_max: config.script.call_ns_max(),
            tell,
        };
        self.staging = Some((plan, overrun));
        self
    }

    /// Returns the engine stage's part, the most time of a call, and the staging stage.
    pub(crate) fn into_parts(
        self,
        clock: &Clock,
    ) -> Result<(Reloads, Option<u64>, Option<StagingStage>), RunError> {
        let mut reloads = Reloads {
            plan: self.repeated,
            line: None,
        };
        let Some((plan, overrun)) = self.staging else {
            return Ok((reloads, self.call_ns_max, None));
        };
        let (tee, reader) = tee(overrun);
        let (ready, ready_out) = RingBuffer::new(READY_MAX);
        let (back_in, back) = RingBuffer::new(BACK_MAX);
        reloads.line = Some(SwapLine {
            ready: ready_out,
            back: back_in,
            held: None,
            tee,
            clock: clock.clone(),
            landing: None,
        });
        let rings = StageRings {
            tee: reader,
            ready,
            back,
        };
        let staging = StagingStage::new(plan, rings, clock.clone())?;
        Ok((reloads, self.call_ns_max, Some(staging)))
    }
}

/// Tells nobody but the log.
pub(crate) fn untold() -> Tell {
    Arc::new(|_| {})
}
