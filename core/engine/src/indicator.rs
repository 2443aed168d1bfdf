//! Indicators: native, incremental, the same in every mode.
//!
//! Called by the engine for each closed bar, trade or mid that an indicator is declared on, on the engine
//! thread; read by strategies. All in `f64`, as scripts see it; money never passes through here. Nothing is
//! allocated after construction, no function of the platform's mathematics library is used, and no output
//! is ever NaN or infinite.
#![forbid(unsafe_code)]

mod average;
pub mod definition;
mod kind;
pub mod kinds;
pub mod name;
mod rolling;
pub mod spec;
#[cfg(test)]
mod tests;

use claire_types::WallNs;
pub use definition::{
    ArgumentDefinition, Family, IndicatorDefinition, IndicatorKind, OutputDefinition, SourceKind,
};
use kind::{Kind, OUTPUTS_MAX};
pub use kinds::DEFINITIONS;
pub use name::NameFault;
use serde::{Deserialize, Serialize};
pub use spec::{IndicatorSpec, SpecFault};

/// An indicator with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicator {
    spec: IndicatorSpec,
    kind: Kind,
    values: [f64; OUTPUTS_MAX],
    prevs: [f64; OUTPUTS_MAX],
    /// Updates since it is warm.
    warm_count: u64,
    refused_count: u64,
}

/// A bar as scripts see it: quote per base, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BarF64 {
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Quantity traded.
    pub volume: f64,
}

/// Largest magnitude of an input; beyond it squares and sums could overflow.
pub const INPUT_MAX: f64 = 1e50;

impl Indicator {
    /// Returns an indicator that has seen nothing.
    ///
    /// # Errors
    /// A [`SpecFault`] where the arguments are out of range.
    pub fn new(spec: IndicatorSpec) -> Result<Self, SpecFault> {
        spec.validate()?;
        Ok(Self {
            spec,
            kind: Kind::new(&spec),
            values: [0.0; OUTPUTS_MAX],
            prevs: [0.0; OUTPUTS_MAX],
            warm_count: 0,
            refused_count: 0,
        })
    }

    /// Takes a closed bar; kinds that need one value take the close.
    ///
    /// A bar with a value that is not finite or beyond [`INPUT_MAX`] is counted and left out.
    pub fn on_bar(&mut self, bar: &BarF64) {
        let numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        if !numbers.into_iter().all(is_usable) {
            self.refused_count += 1;
            return;
        }
        if let Some(outputs) = self.kind.update(bar) {
            let values = outputs.map(finite);
            self.prevs = if self.warm_count == 0 {
                values
            } else {
                self.values
            };
            self.values = values;
            self.warm_count += 1;
        }
    }

    /// Takes a value: a trade's price, a mid, or another indicator's value; as a bar that is only a close.
    pub fn on_value(&mut self, value: f64) {
        self.on_bar(&BarF64 {
            open: value,
            high: value,
            low: value,
            close: value,
            volume: 0.0,
        });
    }

    /// Takes the mid at engine time `now`, at any rate; for [`IndicatorSpec::MidVol`], which samples it at
    /// the end of each second, and as a plain value for all others.
    pub fn on_mid(&mut self, now: WallNs, mid: f64) {
        let Kind::MidVol(vol) = &mut self.kind else {
            return self.on_value(mid);
        };
        if !is_usable(mid) {
            self.refused_count += 1;
            return;
        }
        let (sample, count) = vol.seconds_ended(now, mid);
        for _ in 0..count {
            self.on_value(sample);
        }
    }

    /// Returns the value; 0 until warm.
    #[inline]
    pub const fn value(&self) -> f64 {
        self.values[0]
    }

    /// Returns the value one update ago. With the first warm value it is that value, so that nothing
    /// seems to cross anything; 0 until warm.
    #[inline]
    pub const fn prev(&self) -> f64 {
        self.prevs[0]
    }

    /// Returns an output by its place in [`IndicatorSpec::outputs`]; 0 until warm or where there is none.
    #[inline]
    pub fn output(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(0.0)
    }

    /// Returns an output one update ago, as [`Indicator::prev`] does.
    #[inline]
    pub fn output_prev(&self, index: usize) -> f64 {
        self.prevs.get(index).copied().unwrap_or(0.0)
    }

    /// Returns whether the value is one.
    #[inline]
    pub const fn is_warm(&self) -> bool {
        self.warm_count > 0
    }

    /// Returns whether the value before is one too: from then on a crossing means something.
    #[inline]
    pub const fn has_prev(&self) -> bool {
        self.warm_count > 1
    }

    /// Returns kind and arguments.
    pub const fn spec(&self) -> &IndicatorSpec {
        &self.spec
    }

    /// Returns how many updates were left out because they held no usable number.
    pub const fn refused_count(&self) -> u64 {
        self.refused_count
    }
}

/// Returns whether a number can go in; NaN compares as false.
fn is_usable(number: f64) -> bool {
    number.abs() <= INPUT_MAX
}

const fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}
