//! Each indicator against a plain computation over the whole history, and against known values.

use super::{BarF64, Indicator, IndicatorSpec, SpecFault};
use claire_types::WallNs;

/// Bars of a random walk, from a seed that a failure prints.
fn bars(seed: u64, count: usize) -> Vec<BarF64> {
    let mut state = seed;
    let mut random = move || {
        // The generator of Knuth's MMIX; its high bits are random enough for prices.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut close = 60_000.0;
    let mut bar = || {
        let open = close;
        close = open * (1.0 + 0.004 * (random() - 0.5));
        let (top, bottom) = (f64::max(open, close), f64::min(open, close));
        BarF64 {
            open,
            high: top + 20.0 * random(),
            low: bottom - 20.0 * random(),
            close,
            volume: if random() < 0.1 { 0.0 } else { 5.0 * random() },
        }
    };
    (0..count).map(|_| bar()).collect()
}

fn closes(bars: &[BarF64]) -> Vec<f64> {
    bars.iter().map(|bar| bar.close).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum::<f64>()
        / values.len() as f64)
        .sqrt()
}

/// The last `n` values, if there are so many.
fn tail(values: &[f64], n: usize) -> Option<&[f64]> {
    values.get(values.len().checked_sub(n)?..)
}

/// An average over all values: the mean of the first `n`, then moved by `weight` towards each.
fn average(values: &[f64], n: usize, weight: f64) -> Option<f64> {
    let (seed, rest) = values.split_at_checked(n)?;
    Some(rest.iter().fold(mean(seed), |value, next| {
        value * (1.0 - weight) + next * weight
    }))
}

fn exponential(values: &[f64], n: usize) -> Option<f64> {
    average(values, n, 2.0 / (n as f64 + 1.0))
}

fn wilder(values: &[f64], n: usize) -> Option<f64> {
    average(values, n, 1.0 / n as f64)
}

fn pairs(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    values.windows(2).map(|pair| (pair[0], pair[1]))
}

fn true_ranges(bars: &[BarF64]) -> Vec<f64> {
    let ranges = bars.windows(2).map(|pair| {
        let (before, bar) = (pair[0].close, pair[1]);
        let gaps = [(bar.high - before).abs(), (bar.low - before).abs()];
        gaps.into_iter().fold(bar.high - bar.low, f64::max)
    });
    bars.first()
        .map(|bar| bar.high - bar.low)
        .into_iter()
        .chain(ranges)
        .collect()
}

/// Direct movement of each bar after the first: plus, minus.
fn movements(bars: &[BarF64]) -> (Vec<f64>, Vec<f64>) {
    let both = bars.windows(2).map(|pair| {
        let (up, down) = (pair[1].high - pair[0].high, pair[0].low - pair[1].low);
        (
            if up > down && up > 0.0 { up } else { 0.0 },
            if down > up && down > 0.0 { down } else { 0.0 },
        )
    });
    both.unzip()
}

fn directions(bars: &[BarF64], n: usize) -> Option<(f64, f64)> {
    let (plus, minus) = movements(bars);
    let range = wilder(true_ranges(bars).get(1..)?, n)?;
    Some((
        100.0 * wilder(&plus, n)? / range,
        100.0 * wilder(&minus, n)? / range,
    ))
}

/// The definition of each kind, computed from all bars so far.
fn reference(spec: &IndicatorSpec, bars: &[BarF64]) -> Option<Vec<f64>> {
    let closes = closes(bars);
    let close = *closes.last()?;
    let outputs = match *spec {
        IndicatorSpec::Sma { length } => vec![mean(tail(&closes, length as usize)?)],
        IndicatorSpec::Ema { length } => vec![exponential(&closes, length as usize)?],
        IndicatorSpec::Wma { length } => {
            let terms = tail(&closes, length as usize)?.iter().zip(1..);
            let weighted: f64 = terms.map(|(value, weight)| value * f64::from(weight)).sum();
            vec![weighted / (1..=length).map(f64::from).sum::<f64>()]
        }
        IndicatorSpec::Rsi { length } => {
            let changes: Vec<_> = pairs(&closes)
                .map(|(before, after)| after - before)
                .collect();
            let gains: Vec<_> = changes.iter().map(|change| change.max(0.0)).collect();
            let losses: Vec<_> = changes.iter().map(|change| (-change).max(0.0)).collect();
            let strength = wilder(&gains, length as usize)? / wilder(&losses, length as usize)?;
            vec![100.0 - 100.0 / (1.0 + strength)]
        }
        IndicatorSpec::Macd { fast, slow, signal } => {
            let lines: Vec<_> = (slow as usize..=closes.len())
                .filter_map(|end| {
                    let seen = closes.get(..end)?;
                    Some(exponential(seen, fast as usize)? - exponential(seen, slow as usize)?)
                })
                .collect();
            let (line, signal) = (*lines.last()?, exponential(&lines, signal as usize)?);
            vec![line, signal, line - signal]
        }
        IndicatorSpec::Atr { length } => vec![wilder(&true_ranges(bars), length as usize)?],
        IndicatorSpec::Adx { length } => {
            let indices: Vec<_> = (1..=bars.len())
                .filter_map(|end| directions(&bars[..end], length as usize))
                .map(|(plus, minus)| match plus + minus {
                    0.0 => 0.0,
                    sum => 100.0 * (plus - minus).abs() / sum,
                })
                .collect();
            let (plus, minus) = directions(bars, length as usize)?;
            vec![wilder(&indices, length as usize)?, plus, minus]
        }
        IndicatorSpec::Bollinger { length, width } => {
            let values = tail(&closes, length as usize)?;
            let (middle, reach) = (mean(values), width * deviation(values));
            vec![middle, middle + reach, middle - reach]
        }
        IndicatorSpec::Donchian { length } => {
            let last = bars.get(bars.len().checked_sub(length as usize)?..)?;
            let upper = last.iter().map(|bar| bar.high).fold(f64::MIN, f64::max);
            let lower = last.iter().map(|bar| bar.low).fold(f64::MAX, f64::min);
            vec![(upper + lower) / 2.0, upper, lower]
        }
        IndicatorSpec::Roc { length } => {
            let old = tail(&closes, length as usize + 1)?[0];
            vec![(close / old - 1.0) * 100.0]
        }
        IndicatorSpec::Deviation { length } => vec![deviation(tail(&closes, length as usize)?)],
        IndicatorSpec::ZScore { length } => {
            let values = tail(&closes, length as usize)?;
            vec![(close - mean(values)) / deviation(values)]
        }
        IndicatorSpec::Vwap { length } => {
            let last = bars.get(bars.len().checked_sub(length as usize)?..)?;
            let price = |bar: &BarF64| (bar.high + bar.low + bar.close) / 3.0;
            let volume: f64 = last.iter().map(|bar| bar.volume).sum();
            let turnover: f64 = last.iter().map(|bar| bar.volume * price(bar)).sum();
            vec![if volume > 0.0 {
                turnover / volume
            } else {
                price(last.last()?)
            }]
        }
        IndicatorSpec::MidVol { window_ms } => {
            let samples = tail(&closes, window_ms as usize / 1_000 + 1)?;
            let returns: Vec<_> = pairs(samples)
                .map(|(before, after)| after / before - 1.0)
                .collect();
            vec![deviation(&returns)]
        }
    };
    Some(outputs)
}

fn specs() -> Vec<IndicatorSpec> {
    let mut specs = Vec::new();
    for length in [1, 2, 3, 14, 50] {
        specs.extend([
            IndicatorSpec::Sma { length },
            IndicatorSpec::Ema { length },
            IndicatorSpec::Wma { length },
            IndicatorSpec::Rsi { length },
            IndicatorSpec::Atr { length },
            IndicatorSpec::Adx { length },
            IndicatorSpec::Donchian { length },
            IndicatorSpec::Roc { length },
            IndicatorSpec::Vwap { length },
        ]);
    }
    for length in [2, 20, 33] {
        specs.extend([
            IndicatorSpec::Bollinger { length, width: 2.0 },
            IndicatorSpec::Deviation { length },
            IndicatorSpec::ZScore { length },
            IndicatorSpec::MidVol {
                window_ms: length * 1_000,
            },
        ]);
    }
    for (fast, slow, signal) in [(1, 2, 1), (12, 26, 9), (5, 34, 5)] {
        specs.push(IndicatorSpec::Macd { fast, slow, signal });
    }
    specs
}

fn is_close(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance * (1.0 + one.abs().max(other.abs()))
}

fn indicator(spec: IndicatorSpec) -> Indicator {
    Indicator::new(spec).expect("valid arguments")
}

/// Feeds values one by one and returns the value after each, `None` while cold.
fn values(spec: IndicatorSpec, inputs: &[f64]) -> Vec<Option<f64>> {
    let mut indicator = indicator(spec);
    let mut each = |input: &f64| {
        indicator.on_value(*input);
        indicator.is_warm().then(|| indicator.value())
    };
    inputs.iter().map(&mut each).collect()
}

#[test]
fn every_indicator_equals_its_definition_at_every_bar() {
    for seed in [1, 20_261_121] {
        let bars = bars(seed, 300);
        for spec in specs() {
            let mut indicator = indicator(spec);
            let mut before: Option<Vec<f64>> = None;
            for (index, bar) in bars.iter().enumerate() {
                indicator.on_bar(bar);
                let want = reference(&spec, &bars[..=index]);
                assert_eq!(indicator.is_warm(), want.is_some(), "{spec:?} bar {index}");
                assert_eq!(
                    indicator.is_warm(),
                    index + 1 >= spec.warm_updates() as usize,
                    "{spec:?}"
                );
                for output in 0..spec.outputs().len() {
                    let wanted = want.as_ref().map_or(0.0, |want| want[output]);
                    let got = indicator.output(output);
                    assert!(
                        is_close(got, wanted, 1e-9),
                        "{spec:?} seed {seed} bar {index} output {output}: {got}, not {wanted}"
                    );
                    if let Some(before) = &before {
                        assert!(is_close(
                            indicator.output_prev(output),
                            before[output],
                            1e-9
                        ));
                    }
                }
                assert_eq!(indicator.has_prev(), before.is_some());
                before = want;
            }
        }
    }
}

#[test]
fn averages_have_the_values_computed_by_hand() {
    let inputs = [1.0, 2.0, 3.0, 4.0, 8.0];
    let cases = [
        (
            IndicatorSpec::Sma { length: 3 },
            [None, None, Some(2.0), Some(3.0), Some(5.0)],
        ),
        (
            IndicatorSpec::Ema { length: 3 },
            [None, None, Some(2.0), Some(3.0), Some(5.5)],
        ),
        (
            IndicatorSpec::Wma { length: 3 },
            [
                None,
                None,
                Some(14.0 / 6.0),
                Some(20.0 / 6.0),
                Some(35.0 / 6.0),
            ],
        ),
        (
            IndicatorSpec::Roc { length: 2 },
            [None, None, Some(200.0), Some(100.0), Some(500.0 / 3.0)],
        ),
    ];
    for (spec, want) in cases {
        for (got, want) in values(spec, &inputs).into_iter().zip(want) {
            assert_eq!(got.is_some(), want.is_some(), "{spec:?}");
            assert!(
                is_close(got.unwrap_or(0.0), want.unwrap_or(0.0), 1e-14),
                "{spec:?} {got:?} {want:?}"
            );
        }
    }
}

#[test]
fn deviations_have_the_values_computed_by_hand() {
    let inputs = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    let last = |spec| values(spec, &inputs).pop().flatten();
    assert_eq!(last(IndicatorSpec::Deviation { length: 8 }), Some(2.0));
    assert_eq!(last(IndicatorSpec::ZScore { length: 8 }), Some(2.0));
    let mut bands = indicator(IndicatorSpec::Bollinger {
        length: 8,
        width: 1.5,
    });
    inputs.iter().for_each(|input| bands.on_value(*input));
    assert_eq!(
        [bands.output(0), bands.output(1), bands.output(2)],
        [5.0, 8.0, 2.0]
    );
    assert_eq!(bands.spec().outputs(), ["value", "upper", "lower"]);
    assert_eq!(bands.output(3), 0.0);
}

/// # Source
/// StockCharts, ChartSchool, "Relative Strength Index (RSI)", the sheet of QQQQ closes.
#[test]
fn the_relative_strength_index_equals_the_published_sheet() {
    let closes = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
        45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328,
    ];
    let got: Vec<_> = values(IndicatorSpec::Rsi { length: 14 }, &closes)
        .into_iter()
        .flatten()
        .collect();
    for (got, want) in got.iter().zip([70.53, 66.32, 66.55]) {
        assert!((got - want).abs() < 0.005, "{got} {want}");
    }
    assert_eq!(got.len(), 3);
    let flat = values(IndicatorSpec::Rsi { length: 2 }, &[5.0; 4]);
    assert_eq!(flat, [None, None, Some(50.0), Some(50.0)]);
    let rising = values(IndicatorSpec::Rsi { length: 2 }, &[5.0, 6.0, 7.0]);
    assert_eq!(rising, [None, None, Some(100.0)]);
}

#[test]
fn a_long_run_does_not_drift() {
    let bars = bars(7, 200_000);
    let closes = closes(&bars);
    for length in [7, 100, 1_000] {
        for spec in [
            IndicatorSpec::Sma { length },
            IndicatorSpec::Wma { length },
            IndicatorSpec::Deviation { length },
            IndicatorSpec::Vwap { length },
        ] {
            let mut indicator = indicator(spec);
            bars.iter().for_each(|bar| indicator.on_bar(bar));
            let from = closes.len() - length as usize;
            let want = reference(&spec, &bars[from..]).expect("warm")[0];
            assert!(
                is_close(indicator.value(), want, 1e-11),
                "{spec:?} {} {want}",
                indicator.value()
            );
        }
    }
}

#[test]
fn a_flat_stretch_has_no_deviation_at_all() {
    let spec = IndicatorSpec::ZScore { length: 5 };
    let wild = [1e9, -3.7, 12.25, 1e-9, 0.1, 0.2, 0.3];
    let inputs: Vec<_> = wild.into_iter().chain([0.1; 5]).collect();
    assert_eq!(values(spec, &inputs).pop(), Some(Some(0.0)));
    assert_eq!(
        values(IndicatorSpec::Deviation { length: 5 }, &inputs).pop(),
        Some(Some(0.0))
    );
    assert_eq!(
        values(IndicatorSpec::Sma { length: 5 }, &inputs).pop(),
        Some(Some(0.1))
    );
}

#[test]
fn no_output_is_ever_nan_or_infinite() {
    let odd = [
        0.0,
        -0.0,
        1e50,
        -1e50,
        1e-300,
        f64::NAN,
        f64::INFINITY,
        -1.0,
        f64::MAX,
        5e-324,
    ];
    for spec in specs() {
        let mut indicator = indicator(spec);
        for round in 0..400_usize {
            indicator.on_value(odd[(round * 7 + round / 10) % odd.len()]);
            for output in 0..4 {
                assert!(
                    indicator.output(output).is_finite(),
                    "{spec:?} round {round}"
                );
                assert!(
                    indicator.output_prev(output).is_finite(),
                    "{spec:?} round {round}"
                );
            }
        }
        assert_eq!(indicator.refused_count(), 120, "{spec:?}");
    }
}

#[test]
fn the_first_warm_value_has_itself_before_it() {
    let mut sma = indicator(IndicatorSpec::Sma { length: 2 });
    let mut seen = Vec::new();
    for value in [1.0, 3.0, 7.0] {
        sma.on_value(value);
        seen.push((sma.value(), sma.prev(), sma.is_warm(), sma.has_prev()));
    }
    let want = [
        (0.0, 0.0, false, false),
        (2.0, 2.0, true, false),
        (5.0, 2.0, true, true),
    ];
    assert_eq!(seen, want);
}

#[test]
fn the_mid_is_sampled_at_the_end_of_each_second() {
    let spec = IndicatorSpec::MidVol { window_ms: 3_000 };
    let at = |ms: i64| WallNs(1_723_161_253_000_000_000 + ms * 1_000_000);
    let (mut sampled, mut direct) = (indicator(spec), indicator(spec));
    // The last mids of the seconds are 100, 110, 110 (nothing came), 99.
    for (ms, mid) in [
        (0, 90.0),
        (900, 100.0),
        (1_000, 120.0),
        (1_999, 110.0),
        (3_500, 99.0),
    ] {
        sampled.on_mid(at(ms), mid);
    }
    assert!(!sampled.is_warm());
    sampled.on_mid(at(4_000), 500.0);
    for mid in [100.0, 110.0, 110.0, 99.0] {
        direct.on_value(mid);
    }
    assert_eq!(sampled.value(), direct.value());
    // Returns of 0.1, 0 and -0.1: deviation sqrt(0.02 / 3).
    assert!(is_close(sampled.value(), (0.02_f64 / 3.0).sqrt(), 1e-12));
    // After a silent day the window is flat, and the work was bounded by the window.
    sampled.on_mid(at(86_400_000), 501.0);
    assert_eq!(sampled.value(), 0.0);
    sampled.on_mid(at(5_000), 1.0);
    sampled.on_mid(at(86_400_900), 1.0);
    assert_eq!(sampled.value(), 0.0);
}

#[test]
fn arguments_out_of_range_are_named() {
    let length = |name, min, max| Err(SpecFault::Length { name, min, max });
    let macd = |fast, slow, signal| IndicatorSpec::Macd { fast, slow, signal }.validate();
    assert_eq!(
        IndicatorSpec::Sma { length: 0 }.validate(),
        length("length", 1, 10_000)
    );
    assert_eq!(
        IndicatorSpec::Ema { length: 10_001 }.validate(),
        length("length", 1, 10_000)
    );
    assert_eq!(
        IndicatorSpec::ZScore { length: 1 }.validate(),
        length("length", 2, 10_000)
    );
    assert_eq!(macd(26, 12, 9), Err(SpecFault::Order));
    assert_eq!(macd(12, 26, 0), length("signal", 1, 10_000));
    for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let bollinger = IndicatorSpec::Bollinger { length: 20, width };
        assert_eq!(bollinger.validate(), Err(SpecFault::Width));
        assert!(Indicator::new(bollinger).is_err());
    }
    let window = |window_ms| IndicatorSpec::MidVol { window_ms }.validate();
    assert_eq!(window(60_000), Ok(()));
    assert_eq!(window(1_500), length("window_ms", 2_000, 3_600_000));
    assert_eq!(window(2_500), Err(SpecFault::WholeSeconds));
    specs()
        .iter()
        .for_each(|spec| assert_eq!(spec.validate(), Ok(())));
}

#[test]
fn an_indicator_that_was_written_and_read_goes_on_the_same() {
    let bars = bars(3, 200);
    for spec in specs() {
        let mut kept = indicator(spec);
        bars[..77].iter().for_each(|bar| kept.on_bar(bar));
        let bytes = postcard::to_allocvec(&kept).expect("written");
        let mut read: Indicator = postcard::from_bytes(&bytes).expect("read");
        assert_eq!(read, kept);
        for bar in &bars[77..] {
            kept.on_bar(bar);
            read.on_bar(bar);
            assert_eq!(read.value().to_bits(), kept.value().to_bits(), "{spec:?}");
        }
    }
}
