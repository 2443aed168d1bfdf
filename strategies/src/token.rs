//! What scripts hold of the engine: small copies and ids, never pointers.
//!
//! Every token can be a field of the state and is saved by its numbers.

use claire_engine::indicator::DEFINITIONS;
use claire_engine::strategy::{
    BarView, BarsId, Desk, DeskFault, FillView, IndicatorId, IndicatorSource, IndicatorView,
    OrderHandle, TradeView,
};
use claire_types::InstrumentId;
use rhai::{Dynamic, Variant};
use std::sync::OnceLock;

/// A market, in scripts `m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Market(pub InstrumentId);

/// An order's handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order(pub OrderHandle);

/// Bars of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bars(pub BarsId);

/// An indicator and its kind, which tells its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indicator {
    /// The engine's id.
    pub id: IndicatorId,
    /// Place of its kind in the engine's table.
    pub kind: u8,
}

/// Names of the outputs that indicators have beside their value, and where each kind has them.
pub(crate) struct Outputs {
    /// The names, each once.
    pub names: Vec<&'static str>,
    /// The outputs' places, name by name and, of each, kind by kind; [`Outputs::NO_PLACE`] where the kind has none.
    places: Vec<[u8; KINDS]>,
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

/// Returns a copy of what a script's value holds; `None` where it is of another type.
pub(crate) fn copied<T: Variant + Copy>(value: &Dynamic) -> Option<T> {
    value.read_lock::<T>().map(|of| *of)
}

impl Indicator {
    /// Declares the indicator.
    ///
    /// # Errors
    /// As [`Desk::indicator`].
    pub(crate) fn declare(
        desk: &mut dyn Desk,
        source: IndicatorSource,
        name: &str,
        arguments: &[f64],
    ) -> Result<Self, DeskFault> {
        let id = desk.indicator(source, name, arguments)?;
        Self::of_name(id, name).ok_or(DeskFault::UnknownKind)
    }

    /// Returns the indicator of a kind by its name; `None` where there is no such kind.
    pub(crate) fn of_name(id: IndicatorId, name: &str) -> Option<Self> {
        let kind = DEFINITIONS.iter().position(|kind| kind.name == name)?;
        let kind = u8::try_from(kind).ok()?;
        Some(Self { id, kind })
    }

    /// Returns its kind's name.
    pub(crate) fn name(self) -> &'static str {
        let kind = DEFINITIONS.get(usize::from(self.kind));
        kind.map_or("", |kind| kind.name)
    }

    /// Returns the indicator as machine code holds it: its id, above it its kind.
    pub(crate) fn word(self) -> u64 {
        u64::from(self.id.0) | u64::from(self.kind) << u16::BITS
    }

    /// Returns the indicator of a word.
    pub(crate) fn of_word(word: u64) -> Self {
        Self {
            id: IndicatorId(word as u16),
            kind: (word >> u16::BITS) as u8,
        }
    }

    /// Returns its value.
    pub(crate) fn view(self, desk: &dyn Desk) -> IndicatorView {
        desk.indicator_value(self.id, 0)
    }

    /// Returns a further output by its name's number in [`Outputs`]; `None` where its kind has none.
    pub(crate) fn output(self, desk: &dyn Desk, name: i64) -> Option<IndicatorView> {
        let place = Outputs::shared().place(self.kind, name)?;
        Some(desk.indicator_value(self.id, place))
    }
}

impl Outputs {
    /// No output's place.
    pub(crate) const NO_PLACE: u8 = u8::MAX;

    /// Returns the table, made on first use.
    pub(crate) fn shared() -> &'static Self {
        static OUTPUTS: OnceLock<Outputs> = OnceLock::new();
        OUTPUTS.get_or_init(Self::new)
    }

    fn new() -> Self {
        let mut names: Vec<&'static str> = Vec::new();
        for output in DEFINITIONS.iter().flat_map(|kind| kind.outputs) {
            if output.name != "value" && !names.contains(&output.name) {
                names.push(output.name);
            }
        }
        let of = |name: &&'static str| {
            let mut places = [Self::NO_PLACE; KINDS];
            for (place, kind) in places.iter_mut().zip(&DEFINITIONS) {
                *place = kind.output(name).unwrap_or(Self::NO_PLACE);
            }
            places
        };
        Self {
            places: names.iter().map(of).collect(),
            names,
        }
    }

    /// Returns the places of a name's output by the numbers of kinds; `None` where there is no such name.
    pub(crate) fn places(&self, name: i64) -> Option<&[u8; KINDS]> {
        usize::try_from(name)
            .ok()
            .and_then(|name| self.places.get(name))
    }

    /// Returns the place of a name's output; `None` where the kind has none.
    fn place(&self, kind: u8, name: i64) -> Option<u8> {
        let place = *self.places(name)?.get(usize::from(kind))?;
        (place != Self::NO_PLACE).then_some(place)
    }

    /// Returns a name by its number.
    pub(crate) fn name(&self, number: i64) -> &'static str {
        let at = usize::try_from(number).ok();
        at.and_then(|at| self.names.get(at))
            .copied()
            .unwrap_or_default()
    }
}

/// Numbers that a kind in an indicator's word can have.
pub(crate) const KINDS: usize = 1 << u8::BITS;
const _: () = assert!(DEFINITIONS.len() <= u8::MAX as usize);
