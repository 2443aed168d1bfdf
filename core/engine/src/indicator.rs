//! Indicators: native, incremental, the same in every mode.
//!
//! Called by the engine for each closed bar, trade, mid or touch that an indicator is declared on, on the engine
//! thread; read by strategies. What there is stands in one table, [`DEFINITIONS`]. All in `f64`, as scripts see
//! it; money never passes through here. Nothing is allocated after construction, no function of the platform's
//! mathematics library is used, and no output is ever NaN or infinite. An update costs the same however long the
//! window is, but for `cci` and `book_imbalance`, which look at all of it. Rounding does not build up: what has a
//! window is exact to 10^-11 of its largest value after 10 million updates, see the tests.
#![forbid(unsafe_code)]

mod average;
pub mod definition;
mod extreme;
mod flow;
pub mod kinds;
mod momentum;
mod rolling;
pub mod spec;
mod state;
mod sum;
#[cfg(test)]
mod tests;
mod trend;
mod volatility;
mod volume;

pub use definition::{
    ArgumentDefinition, Family, IndicatorDefinition, IndicatorKind, OutputDefinition, SourceKind,
};
pub use kinds::DEFINITIONS;
pub use spec::{IndicatorSpec, SpecFault};

use claire_types::{Side, VenueNs, WallNs};
use kinds::OUTPUTS_MAX;
use serde::{Deserialize, Serialize};
use state::{Outputs, State};

/// An indicator with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicator {
    spec: IndicatorSpec,
    state: State,
    values: Outputs,
    prevs: Outputs,
    /// Updates since it is warm.
    warm_count: u64,
    refused_count: u64,
}

/// A bar as scripts see it: quote per base, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BarF64 {
    /// When its bucket begins, by the venue's clock.
    pub open_time: VenueNs,
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

/// Others' deal as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeF64 {
    /// Engine time.
    pub now: WallNs,
    /// Quote per base.
    pub price: f64,
    /// Base units.
    pub qty: f64,
    /// The aggressor.
    pub side: Side,
}

/// Best bid and ask as scripts see them: quote per base, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TouchF64 {
    /// Best bid.
    pub bid: f64,
    /// What is bid there.
    pub bid_qty: f64,
    /// Best ask.
    pub ask: f64,
    /// What is asked there.
    pub ask_qty: f64,
}

/// Largest magnitude of an input; beyond it squares and sums could overflow.
pub const INPUT_MAX: f64 = 1e50;

impl Indicator {
    /// Returns an indicator that has seen nothing, with all the room it will need.
    pub fn new(spec: IndicatorSpec) -> Self {
        Self {
            spec,
            state: State::new(&spec),
            values: [0.0; OUTPUTS_MAX],
            prevs: [0.0; OUTPUTS_MAX],
            warm_count: 0,
            refused_count: 0,
        }
    }

    /// Returns an indicator that has seen these closed bars, oldest first, as if it had been there.
    pub fn of_history<'a>(spec: IndicatorSpec, bars: impl IntoIterator<Item = &'a BarF64>) -> Self {
        let mut indicator = Self::new(spec);
        bars.into_iter().for_each(|bar| indicator.on_bar(bar));
        indicator
    }

    /// Takes a closed bar; kinds that need one value take the close.
    ///
    /// A bar with a value that is not finite or beyond [`INPUT_MAX`] is counted and left out.
    pub fn on_bar(&mut self, bar: &BarF64) {
        let numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        if self.takes(&numbers) {
            let outputs = self.state.on_bar(bar);
            self.show(outputs);
        }
    }

    /// Takes a value: a mid, an imbalance, or another indicator's value; as a bar that is only a close.
    pub fn on_value(&mut self, value: f64) {
        self.on_bar(&BarF64 {
            open: value,
            high: value,
            low: value,
            close: value,
            ..BarF64::default()
        });
    }

    /// Takes a trade: for most kinds its price, with its quantity as volume.
    pub fn on_trade(&mut self, trade: &TradeF64) {
        if self.takes(&[trade.price, trade.qty]) && trade.qty >= 0.0 {
            let outputs = self.state.on_trade(trade);
            self.show(outputs);
        }
    }

    /// Takes a touch, for [`IndicatorKind::Ofi`].
    pub fn on_touch(&mut self, now: WallNs, touch: &TouchF64) {
        if self.takes(&[touch.bid, touch.bid_qty, touch.ask, touch.ask_qty]) {
            let outputs = self.state.on_touch(now, touch);
            self.show(outputs);
        }
    }

    /// Forgets the touch before: the next one is no event of the same book. Sums stay.
    pub fn forget_touch(&mut self) {
        if let State::Ofi(ofi) = &mut self.state {
            ofi.forget();
        }
    }

    /// Takes the mid at engine time `now`, at any rate; for [`IndicatorKind::MidVol`], which samples it at
    /// the end of each second, and as a plain value for all others.
    pub fn on_mid(&mut self, now: WallNs, mid: f64) {
        let State::MidVol(vol) = &mut self.state else {
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

    /// Lets time pass: what has a window of time moves on also where nothing happens.
    pub fn on_time(&mut self, now: WallNs) {
        if let State::MidVol(vol) = &self.state {
            if let Some(held) = vol.held() {
                self.on_mid(now, held);
            }
            return;
        }
        let outputs = self.state.on_time(now);
        self.show(outputs);
    }

    /// Returns how many levels of the book it looks at; `None` where it looks at none.
    pub fn book_levels(&self) -> Option<usize> {
        let is_it = matches!(self.state, State::BookImbalance(_));
        is_it.then(|| self.spec.whole(0) as usize)
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

    /// Returns an output by its place ([`OutputDefinition::place`]); 0 until warm or where there is none.
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

    /// Returns whether the numbers can go in, and counts where they cannot.
    fn takes(&mut self, numbers: &[f64]) -> bool {
        let is_fine = numbers.iter().all(|number| is_usable(*number));
        self.refused_count += u64::from(!is_fine);
        is_fine
    }

    /// Makes the outputs of an update the present ones.
    fn show(&mut self, outputs: Option<Outputs>) {
        let Some(outputs) = outputs else {
            return;
        };
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

impl BarF64 {
    /// Returns (high + low + close) / 3.
    pub fn typical(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }
}

impl TradeF64 {
    /// Returns the trade as a bar of its own.
    fn bar(&self) -> BarF64 {
        BarF64 {
            open_time: VenueNs(self.now.0),
            open: self.price,
            high: self.price,
            low: self.price,
            close: self.price,
            volume: self.qty,
        }
    }
}

/// Returns whether a number can go in; NaN compares as false.
fn is_usable(number: f64) -> bool {
    number.abs() <= INPUT_MAX
}

const fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}
