//! Exchange info: what a venue says of its instruments, as facts for the catalog.
//!
//! # Source
//! Binance spot, rest-api.md and filters.md; USD-M and COIN-M "Exchange Information" (read 2026-11-21).

use super::tape::{Field, Value};
use crate::catalog::undescribed;
use crate::event::DecodeError;
use claire_types::number::{AMOUNT_DIGITS, DIGITS_MAX, parse_fixed, parse_signed, pow10};
use claire_types::{
    Amount, Currency, FrameFault, Instrument, InstrumentKey, Price, Qty, Scale, Symbol, Venue,
};

/// The decimals that spot books hold, however coarse tick and lot are today: resting orders outlive a
/// change of either. Recorded: NKNUSDT of 2021-10-12 has prices of five decimals where the tick is
/// 0.0001. Futures write as many decimals as their `pricePrecision` says; recorded: CTKUSDT of
/// 2021-07-22 has prices of four where the tick is 0.001.
const SPOT_DIGITS: u8 = 8;
/// How many times the largest order one level may hold, as far as units are chosen for it.
const QTY_ROOM: i128 = 1_024;
/// No price is above the largest that the filter lets in.
const PRICE_ROOM: i128 = 1;

type Read<T> = Result<T, DecodeError>;

/// Says whether an object is exchange info.
pub(super) fn is_exchange_info(data: Value<'_, '_>) -> Read<bool> {
    let [symbols, limits, server_time] = data.fields(["symbols", "rateLimits", "serverTime"])?;
    Ok(symbols.is_there() && (limits.is_there() || server_time.is_there()))
}

/// Reads all instruments; one that cannot be expressed keeps the defaults of what is wrong with it.
pub(super) fn read(
    data: Value<'_, '_>,
    venue: Venue,
    instruments: &mut Vec<Instrument>,
) -> Read<()> {
    let [symbols] = data.fields(["symbols"])?;
    for symbol in symbols.need()?.elements()? {
        instruments.push(instrument(symbol, venue)?);
    }
    Ok(())
}

fn instrument(entry: Value<'_, '_>, venue: Venue) -> Read<Instrument> {
    let [
        symbol,
        status,
        contract_status,
        base,
        quote,
        margin,
        contract_size,
        filters,
    ] = entry.fields([
        "symbol",
        "status",
        "contractStatus",
        "baseAsset",
        "quoteAsset",
        "marginAsset",
        "contractSize",
        "filters",
    ])?;
    let symbol = symbol.need()?;
    let text = Symbol::new(symbol.text()?)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| symbol.error(FrameFault::Symbol))?;
    let mut facts = undescribed(InstrumentKey {
        venue,
        symbol: text,
    });
    let status = status.value().or(contract_status.value());
    facts.is_trading = match status {
        Some(status) => status.text()? == "TRADING",
        None => true,
    };
    facts.base = currency(base)?;
    facts.quote = currency(quote)?;
    facts.settle = if margin.is_there() {
        currency(margin)?
    } else {
        facts.quote
    };
    if let Some(size) = contract_size.value() {
        facts.multiplier = multiplier(size)?;
    }
    let filters = Filters::read(filters.need()?)?;
    let [price_precision, qty_precision] = entry.fields(["pricePrecision", "quantityPrecision"])?;
    facts.scale = Scale {
        price_digits: Steps {
            step: filters.tick,
            written: written(venue, price_precision)?,
            largest: filters.price_max,
            room: PRICE_ROOM,
        }
        .digits(),
        qty_digits: Steps {
            step: filters.step,
            written: written(venue, qty_precision)?,
            largest: filters.qty_max,
            room: QTY_ROOM,
        }
        .digits(),
    };
    filters.apply(&mut facts);
    Ok(facts)
}

fn currency(field: Field<'_, '_>) -> Read<Currency> {
    let value = field.need()?;
    Currency::new(value.text()?).ok_or_else(|| value.error(FrameFault::Symbol))
}

/// Reads the contract's size, which stands as a number.
fn multiplier(size: Value<'_, '_>) -> Read<Amount> {
    let units = i128::from(size.integer()?).checked_mul(Amount::ONE.0);
    units
        .map(Amount)
        .ok_or_else(|| size.error(FrameFault::NumberTooLarge))
}

/// The texts of the filters that matter.
#[derive(Default)]
struct Filters<'d> {
    tick: Option<&'d str>,
    price_max: Option<&'d str>,
    step: Option<&'d str>,
    qty_min: Option<&'d str>,
    qty_max: Option<&'d str>,
    notional_min: Option<&'d str>,
}

impl<'d> Filters<'d> {
    fn read(filters: Value<'_, 'd>) -> Read<Self> {
        let mut found = Self::default();
        for filter in filters.elements()? {
            let [kind] = filter.fields(["filterType"])?;
            match kind.need()?.text()? {
                "PRICE_FILTER" => {
                    let [tick, price_max] = filter.fields(["tickSize", "maxPrice"])?;
                    found.tick = text_of(tick)?;
                    found.price_max = text_of(price_max)?;
                }
                "LOT_SIZE" => {
                    let [step, qty_min, qty_max] =
                        filter.fields(["stepSize", "minQty", "maxQty"])?;
                    found.step = text_of(step)?;
                    found.qty_min = text_of(qty_min)?;
                    found.qty_max = text_of(qty_max)?;
                }
                "NOTIONAL" | "MIN_NOTIONAL" => {
                    let [spot, futures] = filter.fields(["minNotional", "notional"])?;
                    found.notional_min = text_of(spot)?.or(text_of(futures)?);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn apply(&self, facts: &mut Instrument) {
        let Scale {
            price_digits,
            qty_digits,
        } = facts.scale;
        facts.tick = Price(fixed_or_zero(self.tick, price_digits));
        facts.step = Qty(fixed_or_zero(self.step, qty_digits));
        facts.qty_min = Qty(fixed_or_zero(self.qty_min, qty_digits));
        facts.qty_max = Qty(fixed_or_zero(self.qty_max, qty_digits));
        facts.notional_min = self
            .notional_min
            .and_then(|text| parse_signed(text.as_bytes(), AMOUNT_DIGITS).ok())
            .map_or(Amount::ZERO, Amount);
    }
}

/// What decides how many decimals a kind of number has.
struct Steps<'d> {
    /// The filter's step.
    step: Option<&'d str>,
    /// Decimals that the venue writes.
    written: u8,
    /// The filter's largest number.
    largest: Option<&'d str>,
    /// How many times that must fit.
    room: i128,
}

impl Steps<'_> {
    /// Returns as many decimals as the venue writes, fewer where they would not fit, never fewer than the step has.
    fn digits(&self) -> u8 {
        let Some(least) = self.step.and_then(digits_of) else {
            return Scale::DEFAULT.price_digits;
        };
        (least..=self.written.max(least))
            .rev()
            .find(|digits| self.fits(*digits))
            .unwrap_or(least)
    }

    fn fits(&self, digits: u8) -> bool {
        let whole = self.largest.and_then(|text| {
            let whole = text.split('.').next().unwrap_or(text);
            parse_signed(whole.as_bytes(), 0).ok()?.checked_add(1)
        });
        whole.is_none_or(|whole| {
            let units = whole.checked_mul(pow10(digits));
            let units = units.and_then(|units| units.checked_mul(self.room));
            units.is_some_and(|units| units <= i128::from(i64::MAX))
        })
    }
}

/// Returns the decimals that a venue writes, at most eight where it does not say so itself.
fn written(venue: Venue, precision: Field<'_, '_>) -> Read<u8> {
    match (venue, precision.value()) {
        (Venue::BinanceSpot, _) => Ok(SPOT_DIGITS),
        (_, Some(precision)) => Ok(precision.integer()?.min(u64::from(SPOT_DIGITS)) as u8),
        (_, None) => Ok(0),
    }
}

fn text_of<'d>(field: Field<'_, 'd>) -> Read<Option<&'d str>> {
    field.value().map(|value| value.text()).transpose()
}

/// Returns the number that a filter states; 0, "no such limit", where it does not fit.
fn fixed_or_zero(text: Option<&str>, digits: u8) -> i64 {
    text.and_then(|text| parse_fixed(text.as_bytes(), digits).ok())
        .unwrap_or(0)
}

/// Returns how many decimals a step has, trailing zeros not counted; `None` where the step is 0 or too fine.
fn digits_of(step: &str) -> Option<u8> {
    let (whole, fraction) = step.split_once('.').unwrap_or((step, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() && whole.bytes().all(|byte| byte == b'0') {
        return None;
    }
    u8::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits <= DIGITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_a_step_do_not_count_trailing_zeros() {
        let cases = [
            ("0.01000000", Some(2)),
            ("1.00000000", Some(0)),
            ("1", Some(0)),
            ("10", Some(0)),
            ("0.00000000", None),
            ("0", None),
            ("0.0000000000000000001", None),
        ];
        for (step, digits) in cases {
            assert_eq!(digits_of(step), digits, "{step}");
        }
    }

    #[test]
    fn numbers_have_the_decimals_that_the_venue_writes_unless_they_would_not_fit() {
        let cases = [
            (8, "0.01000000", "1000000.00000000", PRICE_ROOM, 8),
            (8, "1.00", "900000000000.00", PRICE_ROOM, 7),
            (8, "0.00001000", "9000.00000000", QTY_ROOM, 8),
            (8, "1.00", "46116860414.00", QTY_ROOM, 5),
            (8, "0.00", "0.00", QTY_ROOM, 8),
            (2, "0.10", "4529764", PRICE_ROOM, 2),
            (5, "0.00100", "100", PRICE_ROOM, 5),
            (0, "0.001", "1000", QTY_ROOM, 3),
            (0, "1", "1000000", QTY_ROOM, 0),
        ];
        for (written, step, largest, room, digits) in cases {
            let (step, largest) = (Some(step), Some(largest));
            let steps = Steps {
                step,
                written,
                largest,
                room,
            };
            assert_eq!(steps.digits(), digits, "{step:?} {largest:?}");
        }
    }
}
