//! Which instruments there are: the run's own, in order of appearance, and what is known of others.
//!
//! Owned by the feed, on its thread. Finding a known instrument allocates nothing; describing and
//! registering may, and happen once per symbol. A registered instrument never changes within the run.

use crate::digits::load;
use crate::event::{Place, Target};
use claire_types::{
    Amount, Contract, Currency, FrameFault, Instrument, InstrumentId, InstrumentKey, Price, Qty,
    Scale, Symbol, Venue,
};

/// Most instruments of a run.
pub const INSTRUMENTS_MAX: usize = 4_096;
/// Most instruments that exchange info and configuration may describe; later ones are counted and left out.
pub const DESCRIBED_MAX: usize = 16_384;

/// The run's instruments, and descriptions of those that may come.
#[derive(Debug)]
pub struct Catalog {
    registered: Vec<Instrument>,
    registered_symbols: SymbolTable,
    described: Vec<Instrument>,
    described_symbols: SymbolTable,
    described_left_out: u64,
}

/// Why an instrument cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// The run has [`INSTRUMENTS_MAX`] instruments: its frames are errors.
    Full,
}

impl Catalog {
    /// Returns the catalog that knows these descriptions; their ids mean nothing.
    pub fn new(described: &[Instrument]) -> Self {
        let mut catalog = Self {
            registered: Vec::new(),
            registered_symbols: SymbolTable::default(),
            described: Vec::new(),
            described_symbols: SymbolTable::default(),
            described_left_out: 0,
        };
        for instrument in described {
            catalog.describe(*instrument);
        }
        catalog
    }

    /// Remembers the facts for when the instrument appears; a later description replaces an earlier one.
    pub fn describe(&mut self, instrument: Instrument) {
        let InstrumentKey { venue, symbol } = instrument.key;
        if let Some(found) = self.described_symbols.find(venue, symbol.as_bytes()) {
            if let Some(slot) = self.described.get_mut(usize::from(found.index)) {
                *slot = instrument;
            }
            return;
        }
        if self.described.len() >= DESCRIBED_MAX {
            self.described_left_out += 1;
            return;
        }
        let index = self.described.len() as u16;
        self.described.push(instrument);
        self.described_symbols
            .insert(venue, symbol, index, instrument.scale);
    }

    /// Gives the instrument its id for the run, or returns the one it has, and its facts.
    ///
    /// The facts come from a description, else they are [`undescribed`].
    ///
    /// # Errors
    /// [`RegisterError::Full`] where the run has no id left.
    pub fn register(&mut self, key: InstrumentKey) -> Result<Instrument, RegisterError> {
        if let Some(known) = self
            .find(key.venue, key.symbol.as_bytes())
            .and_then(|(id, _)| self.instrument(id))
        {
            return Ok(*known);
        }
        if self.registered.len() >= INSTRUMENTS_MAX {
            return Err(RegisterError::Full);
        }
        let index = self.registered.len() as u16;
        let facts = self.description(key).copied();
        let instrument = Instrument {
            id: InstrumentId(index),
            ..facts.unwrap_or_else(|| undescribed(key))
        };
        self.registered.push(instrument);
        self.registered_symbols
            .insert(key.venue, key.symbol, index, instrument.scale);
        Ok(instrument)
    }

    /// Returns the id and units of an instrument of the run.
    #[inline]
    pub fn find(&self, venue: Venue, symbol: &[u8]) -> Option<(InstrumentId, Scale)> {
        let found = self.registered_symbols.find(venue, symbol)?;
        Some((InstrumentId(found.index), found.scale))
    }

    /// Returns what a symbol stands for and its units, registered or not.
    ///
    /// # Errors
    /// [`FrameFault::Symbol`] where it is empty, too long or not UTF-8.
    pub fn place(&self, venue: Venue, symbol: &[u8]) -> Result<Place, FrameFault> {
        if let Some((id, scale)) = self.find(venue, symbol) {
            return Ok(Place {
                target: Target::Known(id),
                scale,
            });
        }
        let symbol = Symbol::from_bytes(symbol)
            .filter(|symbol| !symbol.is_empty())
            .ok_or(FrameFault::Symbol)?;
        let described = self.description(InstrumentKey { venue, symbol });
        Ok(Place {
            target: Target::New(symbol),
            scale: described.map_or(Scale::DEFAULT, |instrument| instrument.scale),
        })
    }

    /// Returns the facts of an instrument of the run.
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.registered.get(id.index())
    }

    /// Returns the run's instruments, by id.
    pub fn instruments(&self) -> &[Instrument] {
        &self.registered
    }

    /// Returns how many descriptions did not fit.
    pub const fn described_left_out(&self) -> u64 {
        self.described_left_out
    }

    fn description(&self, key: InstrumentKey) -> Option<&Instrument> {
        let found = self
            .described_symbols
            .find(key.venue, key.symbol.as_bytes())?;
        self.described.get(usize::from(found.index))
    }
}

/// Returns the facts of an instrument that nobody described: units of 8 decimals, no limits, multiplier 1.
///
/// Its currencies are read from the symbol where it ends in a well-known quote currency, else empty.
pub fn undescribed(key: InstrumentKey) -> Instrument {
    let contract = contract_of(key.venue);
    let (base, quote) = currencies_of(key.symbol.as_str());
    Instrument {
        id: InstrumentId::NONE,
        key,
        scale: Scale::DEFAULT,
        contract,
        is_trading: true,
        tick: Price(0),
        step: Qty(0),
        qty_min: Qty(0),
        qty_max: Qty(0),
        notional_min: Amount::ZERO,
        multiplier: Amount::ONE,
        base,
        quote,
        settle: if contract == Contract::Inverse {
            base
        } else {
            quote
        },
    }
}

/// Returns the kind of contract that a venue trades.
pub const fn contract_of(venue: Venue) -> Contract {
    match venue {
        Venue::BinanceUsdm | Venue::MexcFutures => Contract::Linear,
        Venue::BinanceCoinm => Contract::Inverse,
        Venue::BinanceSpot | Venue::MexcSpot | Venue::Sim => Contract::Spot,
    }
}

fn currencies_of(symbol: &str) -> (Currency, Currency) {
    const QUOTES: [&str; 12] = [
        "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "TRY", "BTC", "ETH", "BNB", "BRL",
    ];
    let pair = symbol.split_once('_').map_or(symbol, |(pair, _)| pair);
    for quote in QUOTES {
        if let Some(base) = pair.strip_suffix(quote).filter(|base| !base.is_empty()) {
            return (Currency::cut(base), Currency::cut(quote));
        }
    }
    (Currency::EMPTY, Currency::EMPTY)
}

/// An open-addressing table from venue and symbol to a small number, with a fixed hash.
#[derive(Clone, Debug, Default)]
struct SymbolTable {
    slots: Vec<Slot>,
    /// Texts of symbols too long for a slot, looked at only where all else agrees.
    symbols: Vec<Symbol>,
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    head: u64,
    tail: u64,
    symbol: u32,
    index: u16,
    scale: Scale,
    len: u8,
    venue: u8,
}

const FREE: Slot = Slot {
    head: 0,
    tail: 0,
    symbol: 0,
    index: 0,
    scale: Scale::DEFAULT,
    len: 0,
    venue: 0,
};
const SLOTS_MIN: usize = 256;
/// Symbols of up to this many bytes are told apart by a slot alone.
const SLOT_SYMBOL_BYTES: usize = 16;

impl SymbolTable {
    fn insert(&mut self, venue: Venue, symbol: Symbol, index: u16, scale: Scale) {
        if (self.count + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let (head, tail) = ends_of(symbol.as_bytes());
        let slot = Slot {
            head,
            tail,
            symbol: self.symbols.len() as u32,
            index,
            scale,
            len: symbol.as_bytes().len() as u8,
            venue: venue as u8,
        };
        self.symbols.push(symbol);
        self.count += 1;
        self.put(slot);
    }

    #[inline]
    fn find(&self, venue: Venue, symbol: &[u8]) -> Option<&Slot> {
        let (head, tail) = ends_of(symbol);
        let (len, venue) = (symbol.len(), venue as u8);
        let mut at = hash(head, tail, len as u8, venue) as usize;
        // At least half of the slots are free, so the search ends; an empty table has no slot at all.
        loop {
            let slot = self.slots.get(at & self.slots.len().wrapping_sub(1))?;
            if slot.venue == 0 {
                return None;
            }
            if slot.head == head
                && slot.tail == tail
                && usize::from(slot.len) == len
                && slot.venue == venue
                && (len <= SLOT_SYMBOL_BYTES || self.is_same(slot, symbol))
            {
                return Some(slot);
            }
            at = at.wrapping_add(1);
        }
    }

    #[cold]
    fn is_same(&self, slot: &Slot, symbol: &[u8]) -> bool {
        self.symbols
            .get(slot.symbol as usize)
            .is_some_and(|known| known.as_bytes() == symbol)
    }

    fn grow(&mut self) {
        let room = (self.slots.len() * 2).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![FREE; room]);
        for slot in old.into_iter().filter(|slot| slot.venue != 0) {
            self.put(slot);
        }
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash(slot.head, slot.tail, slot.len, slot.venue) as usize;
        while let Some(place) = self.slots.get_mut(at & mask) {
            if place.venue == 0 {
                *place = slot;
                return;
            }
            at = at.wrapping_add(1);
        }
    }
}

/// Returns the first and the last eight bytes; together with the length they are a text of up to 16 bytes.
#[inline(always)]
fn ends_of(symbol: &[u8]) -> (u64, u64) {
    (
        load(symbol, 0),
        load(symbol, symbol.len().saturating_sub(8)),
    )
}

#[inline(always)]
const fn hash(head: u64, tail: u64, len: u8, venue: u8) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (head ^ tail.rotate_left(29) ^ (len as u64) << 8 ^ venue as u64).wrapping_mul(ODD);
    mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(venue: Venue, symbol: &str) -> InstrumentKey {
        InstrumentKey {
            venue,
            symbol: Symbol::cut(symbol),
        }
    }

    #[test]
    fn ids_follow_the_order_of_appearance_and_venues_do_not_mix() {
        let mut catalog = Catalog::new(&[]);
        let spot = catalog
            .register(key(Venue::BinanceSpot, "BTCUSDT"))
            .expect("room");
        let usdm = catalog
            .register(key(Venue::BinanceUsdm, "BTCUSDT"))
            .expect("room");
        assert_eq!((spot.id, usdm.id), (InstrumentId(0), InstrumentId(1)));
        assert_eq!(
            (spot.contract, usdm.contract),
            (Contract::Spot, Contract::Linear)
        );
        assert_eq!((spot.base.as_str(), spot.quote.as_str()), ("BTC", "USDT"));
        let again = catalog
            .register(key(Venue::BinanceSpot, "BTCUSDT"))
            .expect("known");
        assert_eq!(again, spot);
        assert_eq!(catalog.find(Venue::BinanceSpot, b"BTCUSD"), None);
        assert_eq!(catalog.find(Venue::BinanceCoinm, b"BTCUSDT"), None);
    }

    #[test]
    fn every_symbol_is_found_again_whatever_its_length_and_the_run_has_a_limit() {
        let mut catalog = Catalog::new(&[]);
        let name = |number: usize| {
            let long = ["", "1000000", "-A-SYMBOL-LONGER-THAN-16"][number % 3];
            format!("{number}{long}")
        };
        for number in 0..INSTRUMENTS_MAX {
            let symbol = name(number);
            assert_eq!(
                catalog.find(Venue::Sim, symbol.as_bytes()),
                None,
                "{symbol}"
            );
            let instrument = catalog.register(key(Venue::Sim, &symbol)).expect("room");
            assert_eq!(instrument.id.index(), number);
        }
        for number in 0..INSTRUMENTS_MAX {
            let found = catalog.find(Venue::Sim, name(number).as_bytes());
            assert_eq!(found.map(|(id, _)| id.index()), Some(number));
        }
        let one_more = catalog.register(key(Venue::Sim, "ONEMORE"));
        assert_eq!(one_more, Err(RegisterError::Full));
    }

    #[test]
    fn a_description_counts_until_the_instrument_is_registered() {
        let mut facts = undescribed(key(Venue::BinanceSpot, "ETHUSDT"));
        facts.scale.price_digits = 2;
        let mut catalog = Catalog::new(&[facts]);
        facts.scale.price_digits = 3;
        catalog.describe(facts);
        let instrument = catalog.register(facts.key).expect("room");
        assert_eq!(instrument.scale.price_digits, 3);
        facts.scale.price_digits = 4;
        catalog.describe(facts);
        assert_eq!(catalog.register(facts.key), Ok(instrument));
    }
}
