//! Venues and the names of instruments: `venue:SYMBOL` everywhere.

use crate::text::Symbol;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An exchange's market that we speak with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Venue {
    /// Binance spot.
    BinanceSpot = 1,
    /// Binance USD-margined futures.
    BinanceUsdm = 2,
    /// Binance coin-margined futures.
    BinanceCoinm = 3,
    /// MEXC spot.
    MexcSpot = 4,
    /// MEXC futures.
    MexcFutures = 5,
    /// The project's own bundled market.
    Sim = 6,
}

/// A venue and its text for an instrument, shown as `binance-spot:BTCUSDT`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentKey {
    /// The venue.
    pub venue: Venue,
    /// The venue's text for the instrument, upper case as on the wire.
    pub symbol: Symbol,
}

impl Venue {
    /// All venues.
    pub const ALL: [Self; 6] = [
        Self::BinanceSpot,
        Self::BinanceUsdm,
        Self::BinanceCoinm,
        Self::MexcSpot,
        Self::MexcFutures,
        Self::Sim,
    ];

    /// Returns the name used in configuration, output and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BinanceSpot => "binance-spot",
            Self::BinanceUsdm => "binance-usdm",
            Self::BinanceCoinm => "binance-coinm",
            Self::MexcSpot => "mexc-spot",
            Self::MexcFutures => "mexc-futures",
            Self::Sim => "sim",
        }
    }

    /// Returns the venue with this number on a record, if there is one.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|venue| *venue as u8 == number)
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Venue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|venue| venue.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|venue| venue.as_str()).collect();
                format!("unknown venue {text:?}; known: {}", known.join(", "))
            })
    }
}

impl fmt::Display for InstrumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.venue, self.symbol)
    }
}

impl fmt::Debug for InstrumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for InstrumentKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (venue, symbol) = text
            .split_once(':')
            .ok_or_else(|| format!("{text:?} is not venue:SYMBOL, as in binance-spot:BTCUSDT"))?;
        let symbol = Symbol::new(symbol)
            .filter(|symbol| !symbol.is_empty())
            .ok_or_else(|| format!("the symbol of {text:?} is empty or too long"))?;
        Ok(Self {
            venue: venue.parse()?,
            symbol,
        })
    }
}

impl Serialize for InstrumentKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InstrumentKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
