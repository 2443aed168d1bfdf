//! Bars and indicators: declared in `init` by their script names, computed by the engine.

use super::{Arguments, Fallible, finite, live, number, property, receiver, variadic};
use crate::lending::with_desk;
use crate::token::{Bars, Indicator, Market};
use claire_engine::strategy::{DeskFault, IndicatorSource, IndicatorView};
use rhai::{Dynamic, Module};
use std::any::TypeId;
use std::ops::RangeInclusive;

/// Registers constructors and outputs.
pub(crate) fn register(module: &mut Module) {
    module.set_custom_type::<Bars>("Bars");
    module.set_custom_type::<Indicator>("Indicator");
    live(
        module,
        "bars",
        |m: &mut Market, interval: &str| -> Fallible<Bars> {
            let Some(interval_ms) = interval_ms(interval) else {
                return Err(format!(
                    "`{interval}` is no interval; as in \"30s\", \"5m\", \"1h\", \"1d\""
                )
                .into());
            };
            let bars = with_desk(|desk| desk.bars(m.0, interval_ms))?;
            bars.map(Bars)
                .map_err(|fault| format!("bars of {interval}: {fault}").into())
        },
    );
    register_kinds(module);
    register_outputs(module);
    register_crosses(module);
}

/// Registers a constructor per kind; the desk says whether it knows the kind and likes the arguments.
fn register_kinds(module: &mut Module) {
    for (kind, counts) in ON_BARS {
        variadic(
            module,
            kind,
            Some(TypeId::of::<Bars>()),
            counts,
            move |arguments| {
                let bars: Bars = receiver(arguments)?;
                declare(IndicatorSource::Bars(bars.0), kind, arguments)
            },
        );
    }
    for (kind, counts) in ON_MID {
        variadic(
            module,
            kind,
            Some(TypeId::of::<Market>()),
            counts,
            move |arguments| {
                let market: Market = receiver(arguments)?;
                declare(IndicatorSource::Mid(market.0), kind, arguments)
            },
        );
    }
}

fn declare(source: IndicatorSource, kind: &str, arguments: Arguments<'_, '_>) -> Fallible<Dynamic> {
    let mut values = [0.0; ARGUMENTS_MAX];
    let given = arguments.get(1..).unwrap_or_default();
    for (value, argument) in values.iter_mut().zip(given) {
        *value = finite(argument, "indicator's argument")?;
    }
    let values = values.get(..given.len()).unwrap_or_default();
    match with_desk(|desk| Indicator::declare(desk, source, kind, values))? {
        Ok(indicator) => Ok(Dynamic::from(indicator)),
        Err(DeskFault::Argument) => Err(format!("{kind} does not take {values:?}").into()),
        Err(fault) => Err(format!("{kind}: {fault}").into()),
    }
}

fn register_outputs(module: &mut Module) {
    property(module, "value", |of: &mut Indicator| {
        view(of).map(|view| view.value)
    });
    property(module, "prev", |of: &mut Indicator| {
        view(of).map(|view| view.prev)
    });
    property(module, "is_warm", |of: &mut Indicator| {
        view(of).map(|view| view.is_warm)
    });
    for (index, name) in Indicator::OUTPUTS.into_iter().enumerate() {
        property(module, name, move |of: &mut Indicator| {
            output(of, index).map(|view| view.value)
        });
        property(
            module,
            &format!("{name}_prev"),
            move |of: &mut Indicator| output(of, index).map(|view| view.prev),
        );
    }
}

fn view(indicator: &Indicator) -> Fallible<IndicatorView> {
    with_desk(|desk| indicator.view(desk))
}

fn output(indicator: &Indicator, index: usize) -> Fallible<IndicatorView> {
    match indicator.outputs.get(index) {
        Some(&number) if number != Indicator::NO_OUTPUT => {
            with_desk(|desk| desk.indicator_value(indicator.id, number))
        }
        _ => {
            let name = Indicator::OUTPUTS.get(index).copied().unwrap_or_default();
            Err(format!("this indicator has no `{name}`").into())
        }
    }
}

/// Registers crosses of two lines, each an indicator or a number.
fn register_crosses(module: &mut Module) {
    variadic(module, "crossed_up", None, 2..=2, |arguments| {
        let (a, b) = lines(arguments)?;
        Ok((a.is_warm && b.is_warm && a.prev <= b.prev && a.value > b.value).into())
    });
    variadic(module, "crossed_down", None, 2..=2, |arguments| {
        let (a, b) = lines(arguments)?;
        Ok((a.is_warm && b.is_warm && a.prev >= b.prev && a.value < b.value).into())
    });
}

fn lines(arguments: Arguments<'_, '_>) -> Fallible<(IndicatorView, IndicatorView)> {
    match arguments {
        [a, b] => Ok((line(a)?, line(b)?)),
        _ => Err("a cross needs two lines".into()),
    }
}

fn line(argument: &Dynamic) -> Fallible<IndicatorView> {
    if let Some(indicator) = argument.read_lock::<Indicator>() {
        return view(&indicator);
    }
    let value = number(argument, "line")?;
    Ok(IndicatorView {
        value,
        prev: value,
        is_warm: true,
    })
}

/// Returns the milliseconds of `1s` to `1d`; `None` for other text.
fn interval_ms(text: &str) -> Option<i64> {
    let unit_ms = match text.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY_MS,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let span = digits.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (1_000..=DAY_MS).contains(&span).then_some(span)
}

const DAY_MS: i64 = 86_400_000;

/// The most arguments an indicator takes.
const ARGUMENTS_MAX: usize = 4;

/// Kinds on bars, and how many arguments they take.
const ON_BARS: [(&str, RangeInclusive<usize>); 31] = [
    ("sma", 1..=1),
    ("ema", 1..=1),
    ("wma", 1..=1),
    ("dema", 1..=1),
    ("tema", 1..=1),
    ("hma", 1..=1),
    ("kama", 1..=3),
    ("vwap", 0..=1),
    ("rsi", 1..=1),
    ("macd", 3..=3),
    ("stochastic", 1..=3),
    ("cci", 1..=1),
    ("williams_r", 1..=1),
    ("mfi", 1..=1),
    ("obv", 0..=0),
    ("atr", 1..=1),
    ("adx", 1..=1),
    ("bollinger", 1..=2),
    ("keltner", 1..=3),
    ("donchian", 1..=1),
    ("sar", 0..=2),
    ("supertrend", 2..=2),
    ("ichimoku", 0..=4),
    ("roc", 1..=1),
    ("zscore", 1..=1),
    ("linreg", 1..=1),
    ("stddev", 1..=1),
    ("realized_vol", 1..=1),
    ("highest", 1..=1),
    ("lowest", 1..=1),
    ("volume_sma", 1..=1),
];

/// Kinds on the mid, and how many arguments they take.
const ON_MID: [(&str, RangeInclusive<usize>); 1] = [("mid_vol", 1..=1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_a_number_and_a_unit_from_a_second_to_a_day() {
        let cases = [
            ("1s", Some(1_000)),
            ("5m", Some(300_000)),
            ("4h", Some(14_400_000)),
            ("1d", Some(DAY_MS)),
            ("1440m", Some(DAY_MS)),
            ("0s", None),
            ("2d", None),
            ("5", None),
            ("m", None),
            ("-5m", None),
            ("+5m", None),
            ("5M", None),
            ("99999999999999999999s", None),
            ("5é", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(interval_ms(text), want, "{text}");
        }
    }

    #[test]
    fn every_kind_fits_the_argument_buffer() {
        let all = ON_BARS.iter().chain(&ON_MID);
        assert!(
            all.clone()
                .all(|(_, counts)| *counts.end() <= ARGUMENTS_MAX)
        );
    }
}
