//! What an indicator is: its kind and arguments, checked once.
//!
//! Called by strategies when a script declares an indicator, and when a reload compares the old
//! declaration with the new one; never on the hot path.

use super::definition::{ArgumentDefinition, IndicatorDefinition, IndicatorKind as Kind};
use super::kinds::{ARGUMENTS_MAX, DEFINITIONS, SAMPLE_MS};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Kind and arguments of an indicator; equal ones have equal values on equal input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndicatorSpec {
    kind: Kind,
    arguments: [f64; ARGUMENTS_MAX],
}

/// Why a name and arguments make no indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SpecFault {
    /// No indicator has this name.
    Unknown,
    /// Too few or too many arguments: the definition says how many.
    Count(&'static IndicatorDefinition),
    /// An argument outside of its range, or no multiple of what it must be one of.
    Argument(&'static ArgumentDefinition),
    /// The first argument must be below the second: exchange them.
    Order(&'static str, &'static str),
    /// It cannot be computed on what it was declared on: the definition says on what it can.
    Source(&'static IndicatorDefinition),
}

impl IndicatorSpec {
    /// Returns the specification of a script's `name(arguments)`.
    ///
    /// # Errors
    /// A [`SpecFault`] that names what is wrong.
    pub fn from_name(name: &str, arguments: &[f64]) -> Result<Self, SpecFault> {
        let mut all = DEFINITIONS.iter();
        let definition = all.find(|definition| definition.name == name);
        Self::new(definition.ok_or(SpecFault::Unknown)?.kind, arguments)
    }

    /// Returns the specification of the kind; what is left out from the end is its default.
    ///
    /// # Errors
    /// A [`SpecFault`] that names what is wrong.
    pub fn new(kind: Kind, arguments: &[f64]) -> Result<Self, SpecFault> {
        let definition = kind.definition();
        if arguments.len() > definition.arguments.len() {
            return Err(SpecFault::Count(definition));
        }
        let mut spec = Self {
            kind,
            arguments: [0.0; ARGUMENTS_MAX],
        };
        for (index, (slot, argument)) in
            (0..).zip(spec.arguments.iter_mut().zip(definition.arguments))
        {
            let given = arguments.get(index).copied().or(argument.default);
            *slot = given.ok_or(SpecFault::Count(definition))?;
            if !argument.takes(*slot) {
                return Err(SpecFault::Argument(argument));
            }
        }
        spec.check_order()?;
        Ok(spec)
    }

    /// Returns the line of the table.
    pub fn definition(&self) -> &'static IndicatorDefinition {
        self.kind.definition()
    }

    /// Returns which arithmetic it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns an argument; 0 where there is none.
    pub fn number(&self, index: usize) -> f64 {
        self.arguments.get(index).copied().unwrap_or(0.0)
    }

    /// Returns a whole argument.
    pub fn whole(&self, index: usize) -> u32 {
        // Its range was checked: at most 3.6 million.
        self.number(index) as u32
    }

    /// Returns how many values it gives.
    pub fn output_count(&self) -> usize {
        let places = self.definition().outputs.iter().map(|output| output.place);
        places.max().map_or(0, |last| usize::from(last) + 1)
    }

    /// Returns how many updates it takes until the indicator is warm; `None` where time or quantity decide.
    pub fn warm_updates(&self) -> Option<u32> {
        let length = self.whole(0);
        let updates = match self.kind {
            Kind::Dema => 2 * length - 1,
            Kind::Tema => 3 * length - 2,
            Kind::Hma => length + self.root() - 1,
            Kind::Kama | Kind::Rsi | Kind::Roc | Kind::Mfi | Kind::RealizedVol => length + 1,
            Kind::Vwap => length.max(1),
            Kind::Obv => 1,
            Kind::Sar => 2,
            Kind::Adx => 2 * length,
            Kind::Macd => self.whole(1) + self.whole(2) - 1,
            Kind::Stochastic => length + self.whole(1) + self.whole(2) - 2,
            Kind::Keltner => length.max(self.whole(2)),
            Kind::Ichimoku => {
                let lines = length.max(self.whole(1));
                lines.max(self.whole(2)) + self.whole(3) - 1
            }
            Kind::MidVol => length / SAMPLE_MS + 1,
            Kind::BookImbalance => self.whole(1),
            Kind::Ofi | Kind::TradeFlow | Kind::Vpin => return None,
            _ => length,
        };
        Some(updates)
    }

    /// Returns the longest period, of which three are the history that a strategy loads.
    pub fn period(&self) -> u32 {
        match self.kind {
            Kind::Macd => self.whole(1),
            Kind::Keltner => self.whole(0).max(self.whole(2)),
            Kind::Ichimoku => self.whole(0).max(self.whole(1)).max(self.whole(2)),
            Kind::MidVol => self.whole(0) / SAMPLE_MS,
            Kind::Sar | Kind::Obv => 1,
            Kind::BookImbalance => self.whole(1),
            Kind::Ofi | Kind::TradeFlow | Kind::Vpin => 0,
            _ => self.whole(0),
        }
    }

    /// Returns how many bars an indicator on bars wants to have seen before a strategy relies on it.
    pub fn history(&self) -> u32 {
        let warm = self.warm_updates().unwrap_or(0);
        (3 * self.period()).max(warm)
    }

    /// Length of the last average of [`Kind::Hma`].
    pub(super) fn root(&self) -> u32 {
        self.number(0).sqrt() as u32
    }

    fn check_order(&self) -> Result<(), SpecFault> {
        let (first, second, may_equal) = match self.kind {
            Kind::Macd => (0, 1, false),
            Kind::Kama => (1, 2, false),
            Kind::Sar => (0, 1, true),
            _ => return Ok(()),
        };
        let (low, high) = (self.number(first), self.number(second));
        if low < high || (may_equal && low == high) {
            return Ok(());
        }
        let names = self.definition().arguments;
        let name = |index: usize| names.get(index).map_or("", |argument| argument.name);
        Err(SpecFault::Order(name(first), name(second)))
    }
}

impl Kind {
    /// Returns the line of the table.
    pub fn definition(self) -> &'static IndicatorDefinition {
        const { assert!(DEFINITIONS.len() == Self::Vpin as usize + 1) };
        let first = &DEFINITIONS[0];
        DEFINITIONS.get(self as usize).unwrap_or(first)
    }
}

impl ArgumentDefinition {
    /// Returns whether the argument may have this value; NaN is in no range.
    pub fn takes(&self, value: f64) -> bool {
        let is_multiple =
            self.multiple_of == 0 || (value / f64::from(self.multiple_of)).fract() == 0.0;
        (self.min..=self.max).contains(&value) && is_multiple
    }
}

impl fmt::Display for SpecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no indicator of this name"),
            Self::Count(of) => match (of.arguments_min(), of.arguments.len()) {
                (min, max) if min == max => write!(f, "{} takes {max} arguments", of.name),
                (min, max) => write!(f, "{} takes {min} to {max} arguments", of.name),
            },
            Self::Argument(of) => {
                write!(f, "{} must be from {} to {}", of.name, of.min, of.max)?;
                match of.multiple_of {
                    0 => Ok(()),
                    1 => f.write_str(", a whole number"),
                    many => write!(f, ", a multiple of {many}"),
                }
            }
            Self::Order(low, high) => write!(f, "{low} must be below {high}"),
            Self::Source(of) => write!(f, "{} cannot be computed on this", of.name),
        }
    }
}

impl std::error::Error for SpecFault {}
