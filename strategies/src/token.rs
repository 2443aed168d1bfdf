//! What scripts hold of the engine: small copies and ids, never pointers.
//!
//! Every token can be a field of the state and is saved by its numbers.

use claire_engine::strategy::{
    BarView, BarsId, Desk, DeskFault, FillView, IndicatorId, IndicatorSource, IndicatorView,
    OrderHandle, TradeView,
};
use claire_types::InstrumentId;

/// A market, in scripts `m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Market(pub InstrumentId);

/// An order's handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order(pub OrderHandle);

/// Bars of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bars(pub BarsId);

/// An indicator, and the numbers of its further outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indicator {
    /// The engine's id.
    pub id: IndicatorId,
    /// Per name of [`Indicator::OUTPUTS`] the output's number, [`Indicator::NO_OUTPUT`] for none.
    pub outputs: [u8; Indicator::OUTPUTS.len()],
}

/// Others' deal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trade(pub TradeView);

/// A closed bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bar(pub BarView);

/// Our deal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fill(pub FillView);

impl Indicator {
    /// Names of further outputs; each is a property, and with `_prev` its value one update ago.
    pub(crate) const OUTPUTS: [&str; 14] = [
        "signal",
        "histogram",
        "hist",
        "upper",
        "middle",
        "lower",
        "plus_di",
        "minus_di",
        "di_plus",
        "di_minus",
        "k",
        "d",
        "direction",
        "stop",
    ];
    /// The indicator has no such output.
    pub(crate) const NO_OUTPUT: u8 = u8::MAX;

    /// Declares the indicator and looks its outputs up once.
    ///
    /// # Errors
    /// As [`Desk::indicator`].
    pub(crate) fn declare(
        desk: &mut dyn Desk,
        source: IndicatorSource,
        kind: &str,
        arguments: &[f64],
    ) -> Result<Self, DeskFault> {
        let id = desk.indicator(source, kind, arguments)?;
        let outputs =
            Self::OUTPUTS.map(|name| desk.indicator_output(id, name).unwrap_or(Self::NO_OUTPUT));
        Ok(Self { id, outputs })
    }

    /// Returns the indicator's value.
    pub(crate) fn view(&self, desk: &dyn Desk) -> IndicatorView {
        desk.indicator_value(self.id, 0)
    }
}
