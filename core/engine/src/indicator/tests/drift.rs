//! What 10 million updates do to sums: nothing that can be seen.

use super::definition::of_prices;
use super::spec;
use crate::indicator::{BarF64, Indicator, IndicatorKind as Kind, IndicatorSpec, TradeF64};
use claire_types::{Side, VenueNs, WallNs};

/// Updates of the long run.
const UPDATES: u64 = 10_000_000;
/// Bars at which values are compared: a few near each of these counts, within and at the end of windows.
const LOOKS: [u64; 4] = [1_000_003, 3_333_333, 7_777_777, UPDATES - 1];

/// A bar from its number alone, so that windows can be computed anew anywhere: prices around 60,000 that swing
/// by thousands, volumes from 0.001 to 10^6.
fn bar(number: u64) -> BarF64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let share = |shift: u32| ((mixed >> shift) & 0xFFFF) as f64 / 65_536.0;
    let close = 60_000.0 + 3_000.0 * share(0) + 0.01 * share(16);
    let volume = match number % 1_000 {
        0 => 1e6,
        1 => 0.0,
        _ => 0.001 * (1.0 + (share(32) * 1_000.0).floor()),
    };
    BarF64 {
        open_time: VenueNs(0),
        open: close,
        high: close + 10.0 * share(32),
        low: close - 10.0 * share(48),
        close,
        volume,
    }
}

/// The values after a bar, computed anew: a window from its definition, an endless memory from so many bars
/// that what was before has faded.
fn wanted(spec: &IndicatorSpec, number: u64) -> Vec<f64> {
    let last = |count: u64| (number + 1 - count..=number).map(bar).collect::<Vec<_>>();
    match spec.kind() {
        Kind::Kama => {
            let fresh = Indicator::of_history(*spec, &last(12_000));
            (0..spec.output_count())
                .map(|output| fresh.output(output))
                .collect()
        }
        _ => of_prices(spec, &last(1_001)).expect("warm"),
    }
}

#[test]
fn ten_million_updates_do_not_drift() {
    let specs = [
        spec("sma", &[1_000.0]),
        spec("stddev", &[1_000.0]),
        spec("hma", &[64.0]),
        spec("linreg", &[100.0]),
        spec("kama", &[100.0]),
        spec("mfi", &[100.0]),
    ];
    let mut indicators = specs.map(Indicator::new);
    for number in 0..UPDATES {
        let bar = bar(number);
        indicators.iter_mut().for_each(|of| of.on_bar(&bar));
        if !LOOKS.contains(&number) {
            continue;
        }
        for long in &indicators {
            let wanted = wanted(long.spec(), number);
            for (output, want) in wanted.into_iter().enumerate() {
                let got = long.output(output);
                // Relative to the values that went in: a slope is a difference of prices.
                let scale = want.abs().max(if output > 0 { 60_000.0 } else { 0.0 });
                assert!(
                    (got - want).abs() <= 1e-11 * scale,
                    "{:?} after {number}: {got}, not {want}",
                    long.spec()
                );
            }
        }
    }
}

#[test]
fn the_volume_on_balance_is_exact_after_ten_million_bars() {
    let mut obv = Indicator::new(spec("obv", &[]));
    // Thousandths are whole numbers, whose sum is exact.
    let (mut thousandths, mut before) = (0_i64, f64::NEG_INFINITY);
    for number in 0..UPDATES {
        let bar = bar(number);
        obv.on_bar(&bar);
        let volume = (bar.volume * 1_000.0).round() as i64;
        thousandths += match bar.close {
            close if close > before => volume,
            close if close < before => -volume,
            _ => 0,
        };
        before = bar.close;
    }
    let want = thousandths as f64 / 1_000.0;
    // Each thousandth is itself rounded by up to 2^-53 of its value; nothing more.
    assert!(
        (obv.value() - want).abs() <= 1e-15 * 1e10,
        "{} {want}",
        obv.value()
    );
}

#[test]
fn ten_million_trades_do_not_drift_in_windows_of_time() {
    let trade = |number: u64| {
        let bar = bar(number);
        TradeF64 {
            now: WallNs(1_700_000_000_000_000_000 + number as i64 * 1_000_000),
            price: bar.close,
            qty: bar.volume,
            side: if bar.high.to_bits().is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            },
        }
    };
    let mut flow = Indicator::new(spec("trade_flow", &[1_000.0]));
    let mut fresh = flow.clone();
    for number in 0..UPDATES {
        flow.on_trade(&trade(number));
        if number >= UPDATES - 5_000 {
            fresh.on_trade(&trade(number));
        }
    }
    for output in 0..3 {
        let (got, want) = (flow.output(output), fresh.output(output));
        assert!((got - want).abs() <= 1e-12 * want.abs(), "{got} {want}");
    }
}
