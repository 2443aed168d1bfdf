//! Each indicator on bars as a plain computation over the whole history: slow, and written a second time.

use super::bars;
use crate::indicator::{BarF64, Indicator, IndicatorKind as Kind, IndicatorSpec};

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

fn typical(bars: &[BarF64]) -> Vec<f64> {
    let price = |bar: &BarF64| (bar.high + bar.low + bar.close) / 3.0;
    bars.iter().map(price).collect()
}

/// The last `n` bars, if there are so many.
fn last(bars: &[BarF64], n: usize) -> Option<&[BarF64]> {
    bars.get(bars.len().checked_sub(n)?..)
}

fn highest(bars: &[BarF64]) -> f64 {
    bars.iter().map(|bar| bar.high).fold(f64::MIN, f64::max)
}

fn lowest(bars: &[BarF64]) -> f64 {
    bars.iter().map(|bar| bar.low).fold(f64::MAX, f64::min)
}

/// `each` of every beginning of the values, where it has a value.
fn series<T>(values: &[T], each: impl Fn(&[T]) -> Option<f64>) -> Vec<f64> {
    let ends = 1..=values.len();
    ends.filter_map(|end| each(&values[..end])).collect()
}

fn weighted(values: &[f64], n: usize) -> Option<f64> {
    let terms = tail(values, n)?.iter().zip(1_u32..);
    let weighted: f64 = terms.map(|(value, weight)| value * f64::from(weight)).sum();
    Some(weighted / (n * (n + 1) / 2) as f64)
}

fn volume_weighted(bars: &[BarF64]) -> f64 {
    let volume: f64 = bars.iter().map(|bar| bar.volume).sum();
    let prices = typical(bars);
    let turnover: f64 = bars
        .iter()
        .zip(&prices)
        .map(|(bar, p)| bar.volume * p)
        .sum();
    if volume > 0.0 {
        turnover / volume
    } else {
        prices[prices.len() - 1]
    }
}

fn adaptive(closes: &[f64], [length, fast, slow]: [usize; 3]) -> Option<f64> {
    let mut average = *closes.get(length - 1)?;
    closes.get(length)?;
    let weight = |n: usize| 2.0 / (n as f64 + 1.0);
    for now in length..closes.len() {
        let window = &closes[now - length..=now];
        let path: f64 = pairs(window).map(|(a, b)| (b - a).abs()).sum();
        let way = (window[length] - window[0]).abs();
        let straight = if path > 0.0 { way / path } else { 1.0 };
        let root = straight * (weight(fast) - weight(slow)) + weight(slow);
        average = average * (1.0 - root * root) + closes[now] * root * root;
    }
    Some(average)
}

/// Stop and reverse: the value at the last bar and the direction after it.
fn parabolic(bars: &[BarF64], step: f64, max: f64) -> Option<Vec<f64>> {
    let (first, second) = (bars.first()?, bars.get(1)?);
    let fall = first.low - second.low;
    let mut long = !(fall > 0.0 && fall > second.high - first.high);
    let (mut stop, mut extreme) = match long {
        true => (first.low, second.high),
        false => (first.high, second.low),
    };
    let (mut factor, mut shown) = (step, 0.0);
    for now in 1..bars.len() {
        // The two bars that the stop may not be within; at first there is only one.
        let near = &bars[(now - 1).max(1)..=now];
        let bar = &bars[now];
        let hit = if long {
            bar.low <= stop
        } else {
            bar.high >= stop
        };
        if hit {
            long = !long;
            (stop, factor) = (extreme, step);
            stop = if long {
                stop.min(lowest(near))
            } else {
                stop.max(highest(near))
            };
            extreme = if long { bar.high } else { bar.low };
            shown = stop;
        } else {
            shown = stop;
            let farther = if long {
                bar.high > extreme
            } else {
                bar.low < extreme
            };
            if farther {
                extreme = if long { bar.high } else { bar.low };
                factor = f64::min(factor + step, max);
            }
        }
        stop += factor * (extreme - stop);
        stop = if long {
            stop.min(lowest(near))
        } else {
            stop.max(highest(near))
        };
    }
    Some(vec![shown, if long { 1.0 } else { -1.0 }])
}

fn supertrend(bars: &[BarF64], length: usize, multiplier: f64) -> Option<Vec<f64>> {
    let mut lines: Option<(f64, f64, bool)> = None;
    for end in length..=bars.len() {
        let reach = multiplier * wilder(&true_ranges(&bars[..end]), length)?;
        let bar = &bars[end - 1];
        let (mut lower, mut upper) = (
            (bar.high + bar.low) / 2.0 - reach,
            (bar.high + bar.low) / 2.0 + reach,
        );
        let mut up = false;
        if let Some((lower_before, upper_before, was_up)) = lines {
            let close = bars[end - 2].close;
            if !(lower > lower_before || close < lower_before) {
                lower = lower_before;
            }
            if !(upper < upper_before || close > upper_before) {
                upper = upper_before;
            }
            up = if was_up {
                bar.close >= lower
            } else {
                bar.close > upper
            };
        }
        lines = Some((lower, upper, up));
    }
    let (lower, upper, up) = lines?;
    Some(if up {
        vec![lower, 1.0]
    } else {
        vec![upper, -1.0]
    })
}

fn ichimoku(bars: &[BarF64], [conversion, base, span, shift]: [usize; 4]) -> Option<Vec<f64>> {
    let middle = |bars: &[BarF64], n| {
        let window = last(bars, n)?;
        Some((highest(window) + lowest(window)) / 2.0)
    };
    let before = bars.get(..(bars.len() + 1).checked_sub(shift)?)?;
    // The cloud begins where all of its lines are there.
    last(before, conversion.max(base).max(span))?;
    let lead = (middle(before, conversion)? + middle(before, base)?) / 2.0;
    Some(vec![
        middle(bars, conversion)?,
        middle(bars, base)?,
        lead,
        middle(before, span)?,
    ])
}

/// The outputs after the last of the bars; `None` where there are too few.
pub(super) fn of_prices(spec: &IndicatorSpec, bars: &[BarF64]) -> Option<Vec<f64>> {
    let closes = closes(bars);
    let n = spec.whole(0) as usize;
    let close = *closes.last()?;
    let exponentials = |values: &[f64]| series(values, |seen| exponential(seen, n));
    Some(vec![match spec.kind() {
        Kind::Sma => mean(tail(&closes, n)?),
        Kind::Ema => exponential(&closes, n)?,
        Kind::Wma => weighted(&closes, n)?,
        Kind::Dema => 2.0 * exponential(&closes, n)? - exponential(&exponentials(&closes), n)?,
        Kind::Tema => {
            let (first, second) = (exponentials(&closes), exponentials(&exponentials(&closes)));
            let third = exponential(&second, n)?;
            3.0 * first.last()? - 3.0 * second.last()? + third
        }
        Kind::Hma => {
            let ahead = series(&closes, |seen| {
                Some(2.0 * weighted(seen, n / 2)? - weighted(seen, n)?)
            });
            weighted(&ahead, (n as f64).sqrt() as usize)?
        }
        Kind::Kama => adaptive(&closes, [0, 1, 2].map(|index| spec.whole(index) as usize))?,
        Kind::Vwap if n == 0 => {
            let day = |bar: &BarF64| bar.open_time.0.div_euclid(86_400_000_000_000);
            let today = bars
                .iter()
                .position(|bar| day(bar) == day(&bars[bars.len() - 1]))?;
            volume_weighted(&bars[today..])
        }
        Kind::Vwap => volume_weighted(last(bars, n)?),
        Kind::VolumeSma => mean(
            &last(bars, n)?
                .iter()
                .map(|bar| bar.volume)
                .collect::<Vec<_>>(),
        ),
        Kind::Rsi => {
            let changes: Vec<_> = pairs(&closes)
                .map(|(before, after)| after - before)
                .collect();
            let gains: Vec<_> = changes.iter().map(|change| change.max(0.0)).collect();
            let losses: Vec<_> = changes.iter().map(|change| (-change).max(0.0)).collect();
            100.0 - 100.0 / (1.0 + wilder(&gains, n)? / wilder(&losses, n)?)
        }
        Kind::Cci => {
            let prices = typical(bars);
            let window = tail(&prices, n)?;
            let spread = mean(
                &window
                    .iter()
                    .map(|p| (p - mean(window)).abs())
                    .collect::<Vec<_>>(),
            );
            (window[n - 1] - mean(window)) / (0.015 * spread)
        }
        Kind::WilliamsR => {
            let window = last(bars, n)?;
            -100.0 * (highest(window) - close) / (highest(window) - lowest(window))
        }
        Kind::Mfi => {
            let prices = typical(last(bars, n + 1)?);
            let volumes = last(bars, n)?.iter().map(|bar| bar.volume);
            let flows: Vec<_> = pairs(&prices)
                .zip(volumes)
                .map(|((a, b), v)| (b - a, b * v))
                .collect();
            let rising: f64 = flows
                .iter()
                .filter(|(move_, _)| *move_ > 0.0)
                .map(|(_, flow)| flow)
                .sum();
            let falling: f64 = flows
                .iter()
                .filter(|(move_, _)| *move_ < 0.0)
                .map(|(_, flow)| flow)
                .sum();
            if rising + falling == 0.0 {
                50.0
            } else {
                100.0 * rising / (rising + falling)
            }
        }
        Kind::Obv => {
            let signed = bars
                .windows(2)
                .map(|pair| match pair[1].close - pair[0].close {
                    change if change > 0.0 => pair[1].volume,
                    change if change < 0.0 => -pair[1].volume,
                    _ => 0.0,
                });
            bars[0].volume + signed.sum::<f64>()
        }
        Kind::Roc => (close / tail(&closes, n + 1)?[0] - 1.0) * 100.0,
        _ => return of_ranges(spec, bars),
    }])
}

/// Trend, channels and statistics.
fn of_ranges(spec: &IndicatorSpec, bars: &[BarF64]) -> Option<Vec<f64>> {
    let closes = closes(bars);
    let n = spec.whole(0) as usize;
    let second = spec.whole(1) as usize;
    let close = *closes.last()?;
    Some(match spec.kind() {
        Kind::Macd => {
            let lines = series(&closes, |seen| {
                Some(exponential(seen, n)? - exponential(seen, second)?)
            });
            let (line, signal) = (*lines.last()?, exponential(&lines, spec.whole(2) as usize)?);
            vec![line, signal, line - signal]
        }
        Kind::Stochastic => {
            let places = series(bars, |seen| {
                let (window, close) = (last(seen, n)?, seen.last()?.close);
                Some(100.0 * (close - lowest(window)) / (highest(window) - lowest(window)))
            });
            let ks = series(&places, |seen| Some(mean(tail(seen, second)?)));
            vec![*ks.last()?, mean(tail(&ks, spec.whole(2) as usize)?)]
        }
        Kind::Atr => vec![wilder(&true_ranges(bars), n)?],
        Kind::Adx => {
            let indices = series(bars, |seen| {
                let (plus, minus) = directions(seen, n)?;
                Some(if plus + minus == 0.0 {
                    0.0
                } else {
                    100.0 * (plus - minus).abs() / (plus + minus)
                })
            });
            let (plus, minus) = directions(bars, n)?;
            vec![wilder(&indices, n)?, plus, minus]
        }
        Kind::Sar => parabolic(bars, spec.number(0), spec.number(1))?,
        Kind::Supertrend => supertrend(bars, n, spec.number(1))?,
        Kind::Ichimoku => ichimoku(bars, [0, 1, 2, 3].map(|index| spec.whole(index) as usize))?,
        Kind::Bollinger => {
            let values = tail(&closes, n)?;
            let (middle, reach) = (mean(values), spec.number(1) * deviation(values));
            vec![middle, middle + reach, middle - reach]
        }
        Kind::Keltner => {
            let range = wilder(&true_ranges(bars), spec.whole(2) as usize)?;
            let (middle, reach) = (exponential(&closes, n)?, spec.number(1) * range);
            vec![middle, middle + reach, middle - reach]
        }
        Kind::Donchian => {
            let (upper, lower) = (highest(last(bars, n)?), lowest(last(bars, n)?));
            vec![(upper + lower) / 2.0, upper, lower]
        }
        Kind::Highest => vec![highest(last(bars, n)?)],
        Kind::Lowest => vec![lowest(last(bars, n)?)],
        Kind::LinReg => {
            let values = tail(&closes, n)?;
            let (middle, level) = ((n as f64 - 1.0) / 2.0, mean(values));
            let places = || {
                values
                    .iter()
                    .zip(0_u32..)
                    .map(|(value, at)| (f64::from(at) - middle, value - level))
            };
            let slope = places().map(|(x, y)| x * y).sum::<f64>()
                / places().map(|(x, _)| x * x).sum::<f64>();
            vec![level + slope * middle, slope, level - slope * middle]
        }
        Kind::StdDev => vec![deviation(tail(&closes, n)?)],
        Kind::ZScore => {
            let values = tail(&closes, n)?;
            vec![(close - mean(values)) / deviation(values)]
        }
        Kind::RealizedVol => {
            let returns = pairs(tail(&closes, n + 1)?).map(|(a, b)| libm::log(b / a));
            vec![returns.map(|change| change * change).sum::<f64>().sqrt()]
        }
        Kind::MidVol => {
            let samples = tail(&closes, n / 1_000 + 1)?;
            let returns: Vec<_> = pairs(samples).map(|(a, b)| b / a - 1.0).collect();
            vec![deviation(&returns)]
        }
        Kind::BookImbalance => vec![exponential(&closes, second)?],
        other => panic!("{other:?} is not on bars"),
    })
}

/// Kinds on bars, each with several arguments.
pub(super) fn specs() -> Vec<IndicatorSpec> {
    let lengths: &[&[f64]] = &[&[2.0], &[3.0], &[14.0], &[50.0]];
    let with = |kind: Kind, all: &[&[f64]]| -> Vec<IndicatorSpec> {
        let spec =
            |arguments: &&[f64]| IndicatorSpec::new(kind, arguments).expect("valid arguments");
        all.iter().map(spec).collect()
    };
    let mut specs = Vec::new();
    for definition in &crate::indicator::DEFINITIONS {
        let kind = definition.kind;
        specs.extend(match kind {
            Kind::Obv => with(kind, &[&[]]),
            Kind::Vwap => with(kind, &[&[0.0], &[1.0], &[14.0]]),
            Kind::Kama => with(kind, &[&[10.0], &[1.0, 2.0, 30.0], &[5.0, 3.0, 9.0]]),
            Kind::Macd => with(kind, &[&[], &[1.0, 2.0, 1.0], &[5.0, 34.0, 5.0]]),
            Kind::Stochastic => with(kind, &[&[], &[5.0, 1.0, 3.0], &[21.0, 5.0, 1.0]]),
            Kind::Sar => with(kind, &[&[], &[0.1, 0.1], &[0.05, 0.5]]),
            Kind::Supertrend => with(kind, &[&[], &[7.0, 1.0], &[1.0, 0.5]]),
            Kind::Ichimoku => with(kind, &[&[], &[3.0, 9.0, 5.0, 1.0], &[2.0, 4.0, 8.0, 4.0]]),
            Kind::Bollinger => with(kind, &[&[], &[33.0, 2.5], &[2.0, 1.0]]),
            Kind::Keltner => with(kind, &[&[], &[9.0, 1.5, 21.0]]),
            Kind::MidVol => with(kind, &[&[2_000.0], &[20_000.0]]),
            Kind::BookImbalance => with(kind, &[&[5.0], &[5.0, 9.0]]),
            Kind::Ofi | Kind::TradeFlow | Kind::Vpin => Vec::new(),
            _ => with(kind, lengths),
        });
        if definition.arguments.len() == 1 && definition.arguments[0].takes(1.0) {
            specs.extend(with(kind, &[&[1.0]]));
        }
    }
    specs
}

pub(super) fn is_close(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance * (1.0 + one.abs().max(other.abs()))
}

#[test]
fn every_indicator_equals_its_definition_at_every_bar() {
    for seed in [1, 20_261_121] {
        let bars = bars(seed, 200);
        for spec in specs() {
            let mut indicator = Indicator::new(spec);
            let mut before: Option<Vec<f64>> = None;
            for (index, bar) in bars.iter().enumerate() {
                indicator.on_bar(bar);
                let want = of_prices(&spec, &bars[..=index]);
                assert_eq!(indicator.is_warm(), want.is_some(), "{spec:?} bar {index}");
                let warm = spec.warm_updates().expect("bars decide");
                assert_eq!(indicator.is_warm(), index + 1 >= warm as usize, "{spec:?}");
                for output in 0..spec.output_count() {
                    let wanted = want.as_ref().map_or(0.0, |want| want[output]);
                    let got = indicator.output(output);
                    assert!(
                        is_close(got, wanted, 1e-9),
                        "{spec:?} seed {seed} bar {index} output {output}: {got}, not {wanted}"
                    );
                    if let Some(before) = &before {
                        let prev = indicator.output_prev(output);
                        assert!(is_close(prev, before[output], 1e-9), "{spec:?} bar {index}");
                    }
                }
                assert_eq!(indicator.has_prev(), before.is_some());
                before = want;
            }
        }
    }
}
