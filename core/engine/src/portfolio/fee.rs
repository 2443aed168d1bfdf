//! Fees: which schedule an instrument has, and the one rounding of a fee.
//!
//! Called by the engine when an instrument is described and for each fill.

use crate::config::{ConfigFault, EngineConfig, FeeSchedule};
use claire_types::{Amount, Instrument, InstrumentId, Liquidity, Price, Qty};
use serde::{Deserialize, Serialize};

/// The schedules of the instruments of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeTable {
    schedules: Vec<Option<FeeSchedule>>,
}

impl FeeTable {
    /// Returns a table without schedules, with room for all instruments.
    pub fn new(instruments_max: u16) -> Self {
        Self {
            schedules: vec![None; usize::from(instruments_max)],
        }
    }

    /// Makes room for an instrument beyond the room of the start.
    pub(crate) fn admit(&mut self, instrument: InstrumentId) {
        let room = self.schedules.len().max(instrument.index() + 1);
        self.schedules.resize(room, None);
    }

    /// Finds the schedule of an instrument.
    ///
    /// # Errors
    /// [`ConfigFault::FeeMissing`]: the instrument must not be traded; the gate denies for want of a fee.
    pub fn describe(
        &mut self,
        config: &EngineConfig,
        facts: &Instrument,
    ) -> Result<(), ConfigFault> {
        let schedule = config.fees_for(&facts.key)?;
        if let Some(place) = self.schedules.get_mut(facts.id.index()) {
            *place = Some(schedule);
        }
        Ok(())
    }

    /// Returns the share of the notional that a fill pays; `None` without a schedule.
    pub fn share(&self, instrument: InstrumentId, liquidity: Liquidity) -> Option<Amount> {
        let schedule = self.schedules.get(instrument.index())?.as_ref()?;
        Some(match liquidity {
            Liquidity::Maker => schedule.maker_share,
            Liquidity::Taker => schedule.taker_share,
        })
    }
}

/// Returns the fee of a deal in quote or settle currency, rounded half to even at the venue's 8 decimals.
pub fn fee_of(facts: &Instrument, price: Price, qty: Qty, share: Amount) -> Option<Amount> {
    let notional = facts.notional(price, qty)?.abs();
    let units = Amount::ONE.0.checked_mul(FEE_UNIT)?;
    let rounded = notional.mul_div(share.0, units)?;
    rounded.0.checked_mul(FEE_UNIT).map(Amount)
}

/// The venue's smallest fee, 10^-8, in 10^-12.
const FEE_UNIT: i128 = 10_000;
