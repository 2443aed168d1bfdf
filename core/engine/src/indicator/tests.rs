//! Each indicator against a plain computation over the whole history, and against known values.

mod definition;
mod drift;
mod flow;
mod reference;

use super::{BarF64, DEFINITIONS, Indicator, IndicatorKind as Kind, IndicatorSpec, SpecFault};
use claire_types::{VenueNs, WallNs};
use definition::{is_close, specs};

/// Bars of a random walk, from a seed that a failure prints.
pub(super) fn bars(seed: u64, count: usize) -> Vec<BarF64> {
    let mut state = seed;
    let mut random = move || {
        // The generator of Knuth's MMIX; its high bits are random enough for prices.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut close, mut open_time) = (60_000.0, 1_723_075_200_000_000_000);
    let mut bar = || {
        let open = close;
        close = open * (1.0 + 0.004 * (random() - 0.5));
        let (top, bottom) = (f64::max(open, close), f64::min(open, close));
        open_time += 60_000_000_000;
        BarF64 {
            open_time: VenueNs(open_time),
            open,
            high: top + 20.0 * random(),
            low: bottom - 20.0 * random(),
            close,
            volume: if random() < 0.1 { 0.0 } else { 5.0 * random() },
        }
    };
    (0..count).map(|_| bar()).collect()
}

pub(super) fn spec(name: &str, arguments: &[f64]) -> IndicatorSpec {
    IndicatorSpec::from_name(name, arguments).expect("valid arguments")
}

fn indicator(name: &str, arguments: &[f64]) -> Indicator {
    Indicator::new(spec(name, arguments))
}

/// Feeds values one by one and returns the value after each, `None` while cold.
fn values(name: &str, arguments: &[f64], inputs: &[f64]) -> Vec<Option<f64>> {
    let mut indicator = indicator(name, arguments);
    let mut each = |input: &f64| {
        indicator.on_value(*input);
        indicator.is_warm().then(|| indicator.value())
    };
    inputs.iter().map(&mut each).collect()
}

#[test]
fn averages_have_the_values_computed_by_hand() {
    let inputs = [1.0, 2.0, 3.0, 4.0, 8.0];
    let wma = [14.0 / 6.0, 20.0 / 6.0, 35.0 / 6.0];
    let cases = [
        ("sma", 3.0, [2.0, 3.0, 5.0]),
        ("ema", 3.0, [2.0, 3.0, 5.5]),
        ("wma", 3.0, wma),
        ("roc", 2.0, [200.0, 100.0, 500.0 / 3.0]),
    ];
    for (name, length, want) in cases {
        let got = values(name, &[length], &inputs);
        assert_eq!(got[..2], [None, None], "{name}");
        for (got, want) in got[2..].iter().zip(want) {
            assert!(
                is_close(got.expect("warm"), want, 1e-14),
                "{name} {got:?} {want}"
            );
        }
    }
}

#[test]
fn deviations_have_the_values_computed_by_hand() {
    let inputs = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    let last = |name| values(name, &[8.0], &inputs).pop().flatten();
    assert_eq!(last("stddev"), Some(2.0));
    assert_eq!(last("zscore"), Some(2.0));
    let mut bands = indicator("bollinger", &[8.0, 1.5]);
    inputs.iter().for_each(|input| bands.on_value(*input));
    let outputs = [0, 1, 2, 3, 4].map(|output| bands.output(output));
    assert_eq!(outputs, [5.0, 8.0, 2.0, 0.0, 0.0]);
}

/// # Source
/// StockCharts, ChartSchool, "Relative Strength Index (RSI)", the sheet of QQQQ closes.
#[test]
fn the_relative_strength_index_equals_the_published_sheet() {
    let closes = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
        45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328,
    ];
    let got: Vec<_> = values("rsi", &[], &closes).into_iter().flatten().collect();
    for (got, want) in got.iter().zip([70.53, 66.32, 66.55]) {
        assert!((got - want).abs() < 0.005, "{got} {want}");
    }
    assert_eq!(got.len(), 3);
}

#[test]
fn where_nothing_moves_oscillators_stand_in_the_middle() {
    let flat = BarF64 {
        open: 5.0,
        high: 5.0,
        low: 5.0,
        close: 5.0,
        ..BarF64::default()
    };
    for (name, middle) in [
        ("rsi", 50.0),
        ("stochastic", 50.0),
        ("mfi", 50.0),
        ("williams_r", -50.0),
        ("cci", 0.0),
        ("adx", 0.0),
        ("zscore", 0.0),
    ] {
        let arguments: &[f64] = if name == "zscore" { &[20.0] } else { &[] };
        let seen = Indicator::of_history(spec(name, arguments), &[flat; 40]);
        assert!(seen.is_warm(), "{name}");
        assert_eq!(seen.value(), middle, "{name}");
    }
    let rising = values("rsi", &[2.0], &[5.0, 6.0, 7.0]);
    assert_eq!(rising, [None, None, Some(100.0)]);
}

#[test]
fn a_flat_stretch_has_no_deviation_at_all() {
    let wild = [1e9, -3.7, 12.25, 1e-9, 0.1, 0.2, 0.3];
    let inputs: Vec<_> = wild.into_iter().chain([0.1; 6]).collect();
    for (name, want) in [
        ("zscore", 0.0),
        ("stddev", 0.0),
        ("sma", 0.1),
        ("realized_vol", 0.0),
    ] {
        assert_eq!(
            values(name, &[5.0], &inputs).pop(),
            Some(Some(want)),
            "{name}"
        );
    }
    // Without any move the path counts as straight.
    let kama = values("kama", &[5.0], &[1e9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]);
    let fast = 2.0_f64 / 3.0;
    let before = kama[5].expect("warm");
    let want = before + fast * fast * (0.1 - before);
    assert_eq!(kama[6], Some(want));
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
        let mut indicator = Indicator::new(spec);
        for round in 0..400_usize {
            let at = |shift: usize| odd[(round * 7 + round / 10 + shift) % odd.len()];
            if round % 2 == 0 {
                indicator.on_value(at(0));
            } else {
                indicator.on_bar(&BarF64 {
                    open_time: VenueNs(round as i64),
                    open: at(0),
                    high: at(1),
                    low: at(2),
                    close: at(3),
                    volume: at(4),
                });
            }
            for output in 0..5 {
                let both = [indicator.output(output), indicator.output_prev(output)];
                assert!(
                    both.iter().all(|value| value.is_finite()),
                    "{spec:?} round {round}"
                );
            }
        }
        assert!(indicator.refused_count() > 100, "{spec:?}");
    }
}

#[test]
fn the_first_warm_value_has_itself_before_it() {
    let mut sma = indicator("sma", &[2.0]);
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
    let at = |ms: i64| WallNs(1_723_161_253_000_000_000 + ms * 1_000_000);
    let mut sampled = indicator("mid_vol", &[3_000.0]);
    let mut direct = sampled.clone();
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
    let mut quiet = sampled.clone();
    sampled.on_mid(at(4_000), 500.0);
    // The clock alone ends a second, too.
    quiet.on_time(at(4_000));
    for mid in [100.0, 110.0, 110.0, 99.0] {
        direct.on_value(mid);
    }
    assert_eq!(sampled.value(), direct.value());
    assert_eq!(quiet.value(), direct.value());
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
fn arguments_that_make_no_indicator_are_named() {
    let refused = |name: &str, arguments: &[f64]| {
        let spec = IndicatorSpec::from_name(name, arguments);
        spec.expect_err("refused").to_string()
    };
    let cases: [(&str, &[f64], &str); 14] = [
        ("emma", &[14.0], "there is no indicator of this name"),
        ("sma", &[], "sma takes 1 arguments"),
        (
            "sma",
            &[0.0],
            "length must be from 1 to 10000, a whole number",
        ),
        (
            "ema",
            &[10_001.0],
            "length must be from 1 to 10000, a whole number",
        ),
        (
            "ema",
            &[2.5],
            "length must be from 1 to 10000, a whole number",
        ),
        (
            "ema",
            &[f64::NAN],
            "length must be from 1 to 10000, a whole number",
        ),
        (
            "zscore",
            &[1.0],
            "length must be from 2 to 10000, a whole number",
        ),
        ("macd", &[26.0, 12.0, 9.0], "fast must be below slow"),
        ("macd", &[1.0, 2.0, 3.0, 4.0], "macd takes 0 to 3 arguments"),
        (
            "bollinger",
            &[20.0, 0.0],
            "width must be from 0.000001 to 100",
        ),
        (
            "bollinger",
            &[20.0, f64::INFINITY],
            "width must be from 0.000001 to 100",
        ),
        (
            "mid_vol",
            &[1_000.0],
            "window_ms must be from 2000 to 3600000, a multiple of 1000",
        ),
        (
            "mid_vol",
            &[2_500.0],
            "window_ms must be from 2000 to 3600000, a multiple of 1000",
        ),
        ("sar", &[0.3], "acceleration must be below maximum"),
    ];
    for (name, arguments, want) in cases {
        assert_eq!(refused(name, arguments), want, "{name} {arguments:?}");
    }
    assert_eq!(spec("bollinger", &[20.0]), spec("bollinger", &[20.0, 2.0]));
    assert_eq!(spec("macd", &[]).number(2), 9.0);
    let unknown = IndicatorSpec::from_name("emma", &[]);
    assert_eq!(unknown, Err(SpecFault::Unknown));
}

#[test]
fn the_table_is_whole_and_in_the_order_of_the_kinds() {
    let mut names = Vec::new();
    for (index, definition) in DEFINITIONS.iter().enumerate() {
        assert_eq!(definition.kind as usize, index, "{}", definition.name);
        assert!(
            !names.contains(&definition.name),
            "{} twice",
            definition.name
        );
        names.push(definition.name);
        assert!(
            definition.help.ends_with('.') && definition.help.len() < 200,
            "{}",
            definition.name
        );
        assert!(!definition.sources.is_empty());
        assert_eq!(
            (definition.outputs[0].name, definition.outputs[0].place),
            ("value", 0)
        );
        let arguments = definition.arguments;
        let has_default = |index: usize| arguments[index].default.is_some();
        assert!(
            (1..arguments.len()).all(|i| has_default(i) || !has_default(i - 1)),
            "{}",
            definition.name
        );
        let usual = arguments
            .iter()
            .map(|of| of.default.unwrap_or(of.max.min(2_000.0)));
        let usual: Vec<_> = usual.collect();
        let spec = IndicatorSpec::new(definition.kind, &usual).expect(definition.name);
        assert!(spec.output_count() <= super::kinds::OUTPUTS_MAX);
        assert!(arguments.len() <= super::kinds::ARGUMENTS_MAX);
        assert!(spec.history() >= 3 * spec.period());
    }
    assert_eq!(spec("keltner", &[20.0, 2.0, 50.0]).history(), 150);
    assert_eq!(spec("ichimoku", &[]).definition().output("span_b"), Some(3));
    assert_eq!(spec("donchian", &[]).definition().output("middle"), Some(0));
    assert_eq!(Kind::Ema.definition().output("upper"), None);
}

#[test]
fn an_indicator_that_was_written_and_read_goes_on_the_same() {
    let bars = bars(3, 200);
    for spec in specs() {
        let mut kept = Indicator::new(spec);
        bars[..77].iter().for_each(|bar| kept.on_bar(bar));
        let bytes = postcard::to_allocvec(&kept).expect("written");
        let mut read: Indicator = postcard::from_bytes(&bytes).expect("read");
        assert_eq!(read, kept);
        for bar in &bars[77..] {
            kept.on_bar(bar);
            read.on_bar(bar);
            for output in 0..4 {
                let bits = [&kept, &read].map(|of| of.output(output).to_bits());
                assert_eq!(bits[0], bits[1], "{spec:?}");
            }
        }
        assert_eq!(read, Indicator::of_history(spec, &bars));
    }
}
