//! The one place where floats and fixed-point numbers meet (STYLE "Units", STRATEGIES "Orders").
//!
//! Called by the desk for every number a strategy sees or says. Fixed to float divides an exact
//! integer by an exact power of ten; float to fixed rounds to a step by the rules below. Only
//! correctly rounded IEEE operations are used, so every machine gives the same bits.

use claire_types::number::pow10;
use claire_types::{Amount, Contract, Instrument, Price, Qty, Side};

/// Share of a step within which a float counts as on it.
const ON_STEP: f64 = 1e-6;
/// Relative error that a strategy's own arithmetic may have left in a price or quantity.
const RELATIVE_ERROR: f64 = 4e-15;

/// Returns the price as a strategy sees it.
pub fn price_to_f64(price: Price, instrument: &Instrument) -> f64 {
    price.0 as f64 / pow10(instrument.scale.price_digits) as f64
}

/// Returns the quantity in base units; `price` is what inverse contracts are valued at.
pub fn qty_to_f64(qty: Qty, price: Price, instrument: &Instrument) -> f64 {
    let units = qty.0 as f64 / pow10(instrument.scale.qty_digits) as f64;
    match instrument.contract {
        Contract::Spot => units,
        Contract::Linear => units * instrument.multiplier.to_f64(),
        Contract::Inverse => {
            let price = price_to_f64(price, instrument);
            if price > 0.0 {
                units * instrument.multiplier.to_f64() / price
            } else {
                0.0
            }
        }
    }
}

/// Returns a candle's volume in the instrument's digits, further ones cut; `None` where it does not fit.
pub fn qty_of_volume(volume: Amount, instrument: &Instrument) -> Option<Qty> {
    let digits = instrument.scale.qty_digits;
    let unit = Amount::from_fixed(1, digits)?.0.max(1);
    i64::try_from(volume.0 / unit)
        .ok()
        .filter(|qty| *qty >= 0)
        .map(Qty)
}

/// Returns the limit price on a tick, rounded away from the market: buys down, sells up.
///
/// `None` for NaN, infinite, zero or negative prices and those that do not fit.
pub fn price_from_f64(price: f64, side: Side, instrument: &Instrument) -> Option<Price> {
    if !(price.is_finite() && price > 0.0) {
        return None;
    }
    let tick = instrument.tick.0.max(1);
    let steps = price * pow10(instrument.scale.price_digits) as f64 / tick as f64;
    let steps = on_step(steps).unwrap_or(match side {
        Side::Buy => steps.floor(),
        Side::Sell => steps.ceil(),
    });
    let price = to_i64(steps)?.checked_mul(tick)?;
    (price > 0).then_some(Price(price))
}

/// Returns the stop price of an order on `side` on a tick, rounded toward the earlier trigger.
///
/// A buy waits for the price to rise to it and rounds down, a sell for it to fall and rounds up: in the
/// same direction as limit prices. `None` as [`price_from_f64`].
pub fn stop_from_f64(price: f64, side: Side, instrument: &Instrument) -> Option<Price> {
    price_from_f64(price, side, instrument)
}

/// Returns the distance of a trailing stop in whole ticks, rounded toward the earlier trigger: down.
///
/// `None` for NaN, infinite or negative distances, those that do not fit and those of less than a tick.
pub fn distance_from_f64(distance: f64, instrument: &Instrument) -> Option<Price> {
    if !distance.is_finite() {
        return None;
    }
    let tick = instrument.tick.0.max(1);
    let steps = distance * pow10(instrument.scale.price_digits) as f64 / tick as f64;
    let steps = on_step(steps).unwrap_or(steps.floor());
    let distance = to_i64(steps)?.checked_mul(tick)?;
    (distance > 0).then_some(Price(distance))
}

/// Returns the quantity in venue units on a step, rounded toward zero; may be zero.
///
/// `price` is what inverse contracts are valued at. `None` for NaN, infinite or negative quantities
/// and those that do not fit.
pub fn qty_from_f64(qty: f64, price: Price, instrument: &Instrument) -> Option<Qty> {
    if !(qty.is_finite() && qty >= 0.0) {
        return None;
    }
    let units = match instrument.contract {
        Contract::Spot => qty,
        Contract::Linear => qty / instrument.multiplier.to_f64(),
        Contract::Inverse => qty * price_to_f64(price, instrument) / instrument.multiplier.to_f64(),
    };
    let step = instrument.step.0.max(1);
    let steps = units * pow10(instrument.scale.qty_digits) as f64 / step as f64;
    let steps = on_step(steps).unwrap_or(steps.floor());
    to_i64(steps)?.checked_mul(step).map(Qty)
}

/// Returns the float as the record keeps it: what the strategy asked for, to 15 digits or 10^-12.
pub fn asked(value: f64) -> Amount {
    if !value.is_finite() || value.abs() >= 1e18 {
        return Amount::ZERO;
    }
    let whole = value.trunc();
    let (scale, rest) = match value.abs() {
        magnitude if magnitude < 1e3 => (1e12, 1),
        magnitude if magnitude < 1e6 => (1e9, 1_000),
        _ => (1e6, 1_000_000),
    };
    let fraction = ((value - whole) * scale).round();
    // Both parts are integers far below 2^127.
    Amount(whole as i128 * Amount::ONE.0 + fraction as i128 * rest)
}

/// Returns the whole number of steps where `steps` counts as one.
fn on_step(steps: f64) -> Option<f64> {
    let nearest = steps.round();
    let tolerance = ON_STEP.max(steps.abs() * RELATIVE_ERROR);
    ((steps - nearest).abs() <= tolerance).then_some(nearest)
}

fn to_i64(value: f64) -> Option<i64> {
    // 2^63 is exact as a float; everything below it fits.
    (value.is_finite() && value.abs() < 9_223_372_036_854_775_808.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::{InstrumentId, Scale, Text};

    fn instrument(contract: Contract, multiplier: i128) -> Instrument {
        Instrument {
            id: InstrumentId(0),
            key: "binance-spot:BTCUSDT".parse().expect("a valid key"),
            scale: Scale {
                price_digits: 2,
                qty_digits: 8,
            },
            contract,
            is_trading: true,
            tick: Price(10),
            step: Qty(1_000),
            qty_min: Qty(0),
            qty_max: Qty(0),
            notional_min: Amount::ZERO,
            multiplier: Amount(multiplier * Amount::ONE.0),
            base: Text::cut("BTC"),
            quote: Text::cut("USDT"),
            settle: Text::cut("USDT"),
        }
    }

    #[test]
    fn limit_prices_round_away_from_the_market() {
        let spot = instrument(Contract::Spot, 1);
        let cases = [
            (100.14, Side::Buy, Some(10_010)),
            (100.14, Side::Sell, Some(10_020)),
            (100.1, Side::Buy, Some(10_010)),
            (100.100_000_05, Side::Sell, Some(10_010)),
            (100.099_999_95, Side::Buy, Some(10_010)),
            (100.100_001, Side::Sell, Some(10_020)),
            (0.05, Side::Buy, None),
            (0.05, Side::Sell, Some(10)),
            (f64::NAN, Side::Buy, None),
            (f64::INFINITY, Side::Sell, None),
            (-1.0, Side::Sell, None),
            (1e30, Side::Sell, None),
        ];
        for (price, side, want) in cases {
            assert_eq!(
                price_from_f64(price, side, &spot),
                want.map(Price),
                "{price} {side:?}"
            );
        }
    }

    #[test]
    fn stops_round_toward_the_earlier_trigger() {
        let spot = instrument(Contract::Spot, 1);
        let cases = [
            // The price rises to a buy's stop and falls to a sell's: what it meets first is earlier.
            (100.14, Side::Buy, Some(10_010)),
            (100.14, Side::Sell, Some(10_020)),
            (100.199_999_95, Side::Buy, Some(10_020)),
            (100.199_999, Side::Buy, Some(10_010)),
            (100.100_000_05, Side::Sell, Some(10_010)),
            (100.100_001, Side::Sell, Some(10_020)),
            (0.05, Side::Buy, None),
            (0.05, Side::Sell, Some(10)),
            (0.0, Side::Sell, None),
            (-100.0, Side::Buy, None),
            (f64::NEG_INFINITY, Side::Sell, None),
            (f64::NAN, Side::Buy, None),
        ];
        for (price, side, want) in cases {
            let stop = stop_from_f64(price, side, &spot);
            assert_eq!(stop, want.map(Price), "{price} {side:?}");
        }
    }

    #[test]
    fn trailing_distances_round_down_to_a_tick() {
        let spot = instrument(Contract::Spot, 1);
        let cases = [
            (0.1, Some(10)),
            (0.19, Some(10)),
            (0.199_999_95, Some(20)),
            (0.2, Some(20)),
            (0.3, Some(30)),
            (0.099, None),
            (0.0, None),
            (-0.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e300, None),
        ];
        for (distance, want) in cases {
            let rounded = distance_from_f64(distance, &spot);
            assert_eq!(rounded, want.map(Price), "{distance}");
        }
    }

    #[test]
    fn what_is_within_a_millionth_of_a_step_is_on_it() {
        let spot = instrument(Contract::Spot, 1);
        // A tick is 0.1, a millionth of it 1e-7; a step is 0.00001, a millionth 1e-11.
        for (off, is_on) in [(0.9e-7, true), (1.1e-7, false)] {
            let (down, up) = (100.1 - off, 100.1 + off);
            let buy = price_from_f64(down, Side::Buy, &spot);
            assert_eq!(buy, Some(Price(if is_on { 10_010 } else { 10_000 })));
            let sell = price_from_f64(up, Side::Sell, &spot);
            assert_eq!(sell, Some(Price(if is_on { 10_010 } else { 10_020 })));
            let stop = stop_from_f64(up, Side::Sell, &spot);
            assert_eq!(stop, sell, "stops as limits");
        }
        for (off, is_on) in [(0.9e-11, true), (1.1e-11, false)] {
            let qty = qty_from_f64(0.001 - off, Price(1), &spot);
            assert_eq!(qty, Some(Qty(if is_on { 100_000 } else { 99_000 })));
        }
    }

    #[test]
    fn quantities_round_toward_zero() {
        let spot = instrument(Contract::Spot, 1);
        let cases = [
            (0.001_234_56, Some(123_000)),
            (0.001_23, Some(123_000)),
            (0.000_009, Some(0)),
            (0.0, Some(0)),
            (-0.1, None),
            (f64::NAN, None),
            (1e12, None),
        ];
        for (qty, want) in cases {
            assert_eq!(qty_from_f64(qty, Price(1), &spot), want.map(Qty), "{qty}");
        }
    }

    #[test]
    fn contracts_are_seen_in_base_units() {
        let inverse = instrument(Contract::Inverse, 100);
        let qty = qty_from_f64(0.5, Price(5_000_000), &inverse).expect("fits");
        assert_eq!(qty, Qty(250 * 100_000_000));
        assert_eq!(qty_to_f64(qty, Price(5_000_000), &inverse), 0.5);
    }

    #[test]
    fn the_record_keeps_what_was_asked() {
        assert_eq!(asked(61_837.63).to_string(), "61837.63");
        assert_eq!(asked(-0.5).to_string(), "-0.5");
        assert_eq!(asked(f64::NAN), Amount::ZERO);
    }
}
