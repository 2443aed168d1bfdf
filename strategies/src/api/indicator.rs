//! Bars and indicators: declared in `init` by their script names, computed by the engine.
//!
//! The kinds are the engine's table: a constructor for each kind and source, and a property for each output,
//! are made from it, so that what scripts can write is what the engine has.

use super::crossing::{Finite, Given, Text};
use super::definition::{
    Argument, Default, Definition, Effect, Form, Group, Interpreted, Shim, Told,
};
use super::{Fallible, Values};
use crate::compile::context::Context;
use crate::compile::ir::Type;
use crate::lending::with_desk;
use crate::names::did_you_mean;
use crate::token::{Bars, Indicator, Market, Outputs};
use claire_engine::indicator::{ArgumentDefinition, DEFINITIONS, IndicatorDefinition, SourceKind};
use claire_engine::market::KEPT_BARS_MAX;
use claire_engine::strategy::{Desk, DeskFault, IndicatorSource, IndicatorView};
use rhai::Dynamic;

/// Returns the definitions of bars, constructors, outputs and crosses.
pub(super) fn definitions() -> Vec<Definition> {
    let mut all = define! { Indicators;
        /// Bars of the market; the interval is a whole number of s, m or h, or 1d, as in "30s", "5m", "1h".
        declares method bars(m: Market, interval "bars' interval": Text) -> Fallible<Bars> = bars;
        /// Lets handlers begin after so many closed bars of each of the strategy's bars, 0 being at once, instead of
        /// when all its indicators are warm.
        declares function warmup(bars "warm-up's bars": i64) -> Fallible<()> = warmup;
    };
    all.extend(constructors());
    all.extend(values().into_iter().map(told));
    all.extend(further_outputs());
    all.extend(crosses().into_iter().map(told));
    all
}

fn bars(desk: &mut dyn Desk, m: Market, interval: &str) -> Fallible<Bars> {
    let Some(interval_ms) = interval_ms(interval) else {
        let words = format!("`{interval}` is no interval; as in \"30s\", \"5m\", \"1h\", \"1d\"");
        return Err(words.into());
    };
    let bars = desk.bars(m.0, interval_ms).map(Bars);
    bars.map_err(|fault| format!("bars of {interval}: {fault}").into())
}

fn warmup(desk: &mut dyn Desk, bars: i64) -> Fallible<()> {
    desk.warmup(bars).map_err(|fault| match fault {
        DeskFault::Argument => {
            format!("the warm-up must be 0 to {KEPT_BARS_MAX} bars, not {bars}").into()
        }
        DeskFault::OutsideInit => "only `init` may say when handlers begin".into(),
        fault => format!("warm-up: {fault}").into(),
    })
}

/// Returns a constructor per kind as a method of bars, and as one of the market where it is computed on
/// something else; the desk says whether it likes the arguments.
fn constructors() -> Vec<Definition> {
    let on_bars = DEFINITIONS
        .iter()
        .filter(|kind| kind.takes(SourceKind::Bars));
    let on_market = DEFINITIONS
        .iter()
        .filter(|kind| default_source(kind).is_some());
    let on_bars = on_bars.map(|kind| Definition {
        arguments: leaked(arguments(BARS, kind, None)),
        interpreted: Interpreted::Own(declare_on_bars),
        ..constructor(kind)
    });
    let on_market = on_market.map(|kind| Definition {
        arguments: leaked(arguments(MARKET, kind, source_argument(kind))),
        interpreted: Interpreted::Own(declare_on_market),
        ..constructor(kind)
    });
    on_bars.chain(on_market).collect()
}

fn constructor(kind: &'static IndicatorDefinition) -> Definition {
    Definition {
        name: kind.name,
        form: Form::Method,
        group: Group::Indicators,
        returns: Type::Indicator,
        effect: Effect::Declares,
        help: kind.help,
        ..Definition::BLANK
    }
}

/// What is made once per process and lives as long.
fn leaked<T>(of: Vec<T>) -> &'static [T] {
    Vec::leak(of)
}

fn arguments(
    receiver: Argument,
    kind: &IndicatorDefinition,
    source: Option<Argument>,
) -> Vec<Argument> {
    let own = kind.arguments.iter().map(argument);
    std::iter::once(receiver).chain(own).chain(source).collect()
}

fn argument(of: &ArgumentDefinition) -> Argument {
    Argument {
        name: of.name,
        words: of.name,
        of: Type::Float,
        default: of.default.map(Default::Float),
        least: None,
    }
}

/// Returns the argument that names the source, where there is a choice.
fn source_argument(kind: &IndicatorDefinition) -> Option<Argument> {
    (sources(kind).count() > 1).then_some(SOURCE)
}

/// Returns the names of what a market's method can be computed on.
pub(super) fn sources(kind: &IndicatorDefinition) -> impl Iterator<Item = &'static str> {
    let sources = SOURCES.iter().filter(|(_, source)| kind.takes(*source));
    sources.map(|(name, _)| *name)
}

const BARS: Argument = receiver("bars", Type::Bars);
const MARKET: Argument = receiver("m", Type::Market);
const INDICATOR: Argument = receiver("indicator", Type::Indicator);

const fn receiver(name: &'static str, of: Type) -> Argument {
    Argument {
        name,
        words: name,
        of,
        default: None,
        least: None,
    }
}

const SOURCE: Argument = Argument {
    name: "source",
    words: "indicator's source",
    of: Type::Text,
    default: Some(Default::EmptyText),
    least: None,
};

/// What a market's method can be computed on, by name; the first that a kind takes is what it means without one.
const SOURCES: [(&str, SourceKind); 3] = [
    ("mid", SourceKind::Mid),
    ("trades", SourceKind::Trades),
    ("book", SourceKind::Book),
];

fn default_source(kind: &IndicatorDefinition) -> Option<SourceKind> {
    let mut sources = SOURCES.iter().map(|(_, source)| *source);
    sources.find(|source| kind.takes(*source))
}

fn declare_on_bars(definition: &Definition, values: Values<'_, '_>) -> Fallible<Dynamic> {
    let mut given = Given::new(definition, values);
    let bars = given.next::<Bars>()?;
    let numbers = numbers(&mut given, kind(definition)?)?;
    declare(definition, IndicatorSource::Bars(bars.0), &numbers)
}

fn declare_on_market(definition: &Definition, values: Values<'_, '_>) -> Fallible<Dynamic> {
    let kind = kind(definition)?;
    let mut given = Given::new(definition, values);
    let market = given.next::<Market>()?;
    let numbers = numbers(&mut given, kind)?;
    let named = match source_argument(kind) {
        Some(_) => source_of(kind, &given.next::<Text>()?)?,
        None => None,
    };
    let source = match named.or(default_source(kind)) {
        Some(SourceKind::Mid) => IndicatorSource::Mid(market.0),
        Some(SourceKind::Trades) => IndicatorSource::Trades(market.0),
        Some(SourceKind::Book) => IndicatorSource::Book(market.0),
        Some(SourceKind::Bars) | None => {
            return Err(format!("{} is computed on bars", kind.name).into());
        }
    };
    declare(definition, source, &numbers)
}

/// Returns the source of this name; `None` where the script named none.
fn source_of(kind: &IndicatorDefinition, name: &str) -> Fallible<Option<SourceKind>> {
    if name.is_empty() {
        return Ok(None);
    }
    let taken = |(known, source): &&(&str, SourceKind)| *known == name && kind.takes(*source);
    if let Some((_, source)) = SOURCES.iter().find(taken) {
        return Ok(Some(*source));
    }
    let known: Vec<&str> = sources(kind).collect();
    let hint = did_you_mean(name, known.iter().copied());
    let hint = hint.unwrap_or_else(|| format!("it can be {}", known.join(", ")));
    Err(format!("{} cannot be computed on `{name}`: {hint}", kind.name).into())
}

fn kind(definition: &Definition) -> Fallible<&'static IndicatorDefinition> {
    let mut kinds = DEFINITIONS.iter();
    let found = kinds.find(|kind| kind.name == definition.name);
    found.ok_or_else(|| format!("there is no indicator `{}`", definition.name).into())
}

fn numbers(given: &mut Given<'_, '_>, kind: &IndicatorDefinition) -> Fallible<Vec<f64>> {
    let arguments = kind.arguments.iter();
    arguments.map(|_| given.next::<Finite>()).collect()
}

fn declare(definition: &Definition, source: IndicatorSource, numbers: &[f64]) -> Fallible<Dynamic> {
    let name = definition.name;
    match with_desk(|desk| Indicator::declare(desk, source, name, numbers))? {
        Ok(indicator) => Ok(Dynamic::from(indicator)),
        Err(DeskFault::Argument) => Err(format!("{name} does not take {numbers:?}").into()),
        Err(fault) => Err(format!("{name}: {fault}").into()),
    }
}

fn values() -> Vec<Definition> {
    define! { Outputs;
        /// Its value now; 0 until it is warm.
        reads property value(indicator: Indicator) -> f64 = value;
        /// Its value one update ago; with the first warm value that value, so that nothing seems to cross anything.
        reads property prev(indicator: Indicator) -> f64 = prev;
        /// Enough data came for its value to be one.
        reads property is_warm(indicator: Indicator) -> bool = is_warm;
    }
}

/// Returns the definition with what it tells of outputs.
fn told(of: Definition) -> Definition {
    let tells = match of.name {
        "value" => Told::Value,
        "prev" => Told::Prev,
        "is_warm" => Told::IsWarm,
        "crossed_up" => Told::CrossedUp,
        "crossed_down" => Told::CrossedDown,
        _ => return of,
    };
    Definition {
        tells: Some(tells),
        ..of
    }
}

fn value(desk: &mut dyn Desk, indicator: Indicator) -> f64 {
    indicator.view(desk).value
}

fn prev(desk: &mut dyn Desk, indicator: Indicator) -> f64 {
    indicator.view(desk).prev
}

fn is_warm(desk: &mut dyn Desk, indicator: Indicator) -> bool {
    indicator.view(desk).is_warm
}

/// Returns the properties of the further outputs, each with the number of its name as an argument that no
/// script gives.
fn further_outputs() -> Vec<Definition> {
    let of = |(number, name): (usize, &&'static str)| {
        let arguments = leaked(vec![INDICATOR, output_number(number)]);
        let now = Definition {
            name,
            form: Form::Property,
            group: Group::Outputs,
            arguments,
            returns: Type::Float,
            effect: Effect::Reads,
            help: "The output of this name now; an error of a kind that has none.",
            interpreted: Interpreted::Own(output_now),
            tells: Some(Told::Value),
            shim: Some(fallible(output_now_shim)),
            ..Definition::BLANK
        };
        let prev = Definition {
            name: String::leak(format!("{name}_prev")),
            help: "The output of this name one update ago.",
            interpreted: Interpreted::Own(output_prev),
            tells: Some(Told::Prev),
            shim: Some(fallible(output_prev_shim)),
            ..now
        };
        [now, prev]
    };
    let names = Outputs::shared().names.iter();
    names.enumerate().flat_map(of).collect()
}

fn output_number(number: usize) -> Argument {
    Argument {
        name: "",
        words: "output's number",
        of: Type::Int,
        default: Some(Default::Int(number as i64)),
        least: None,
    }
}

type OutputShim = extern "C" fn(&mut Context<'_>, u64, i64) -> f64;

fn fallible(shim: OutputShim) -> Shim {
    Shim {
        address: shim as *const () as usize,
        is_fallible: true,
    }
}

fn output_now(definition: &Definition, values: Values<'_, '_>) -> Fallible<Dynamic> {
    output(definition, values).map(|view| view.value.into())
}

fn output_prev(definition: &Definition, values: Values<'_, '_>) -> Fallible<Dynamic> {
    output(definition, values).map(|view| view.prev.into())
}

fn output(definition: &Definition, values: Values<'_, '_>) -> Fallible<IndicatorView> {
    let mut given = Given::new(definition, values);
    let indicator = given.next::<Indicator>()?;
    let number = given.next::<i64>()?;
    with_desk(|desk| indicator.output(desk, number))?.ok_or_else(|| {
        let name = Outputs::shared().name(number);
        format!("this indicator has no `{name}`").into()
    })
}

extern "C" fn output_now_shim(context: &mut Context<'_>, indicator: u64, number: i64) -> f64 {
    match Indicator::of_word(indicator).output(context.desk(), number) {
        Some(view) => view.value,
        None => context.refuse(),
    }
}

extern "C" fn output_prev_shim(context: &mut Context<'_>, indicator: u64, number: i64) -> f64 {
    match Indicator::of_word(indicator).output(context.desk(), number) {
        Some(view) => view.prev,
        None => context.refuse(),
    }
}

/// Crosses of two lines, each an indicator or a number.
fn crosses() -> Vec<Definition> {
    define! { Outputs;
        /// Line `a` came from at or below line `b` to above it with the last update; a line is an indicator, which must be warm, or a number.
        reads function crossed_up(a "line": Indicator, b "line": Indicator) -> bool = crossed_up;
        /// Line `a` came from at or below the level `b` to above it with the last update.
        reads function crossed_up(a "line": Indicator, b "line": f64) -> bool = crossed_up;
        /// Line `b` came from at or above the level `a` to below it with the last update.
        reads function crossed_up(a "line": f64, b "line": Indicator) -> bool = crossed_up;
        /// Numbers never cross: false.
        reads function crossed_up(a "line": f64, b "line": f64) -> bool = crossed_up;
        /// Line `a` came from at or above line `b` to below it with the last update; a line is an indicator, which must be warm, or a number.
        reads function crossed_down(a "line": Indicator, b "line": Indicator) -> bool = crossed_down;
        /// Line `a` came from at or above the level `b` to below it with the last update.
        reads function crossed_down(a "line": Indicator, b "line": f64) -> bool = crossed_down;
        /// Line `b` came from at or below the level `a` to above it with the last update.
        reads function crossed_down(a "line": f64, b "line": Indicator) -> bool = crossed_down;
        /// Numbers never cross: false.
        reads function crossed_down(a "line": f64, b "line": f64) -> bool = crossed_down;
    }
}

/// What can cross.
trait Line {
    fn line(self, desk: &dyn Desk) -> IndicatorView;
}

impl Line for Indicator {
    fn line(self, desk: &dyn Desk) -> IndicatorView {
        self.view(desk)
    }
}

/// A level.
impl Line for f64 {
    fn line(self, _: &dyn Desk) -> IndicatorView {
        IndicatorView {
            value: self,
            prev: self,
            is_warm: true,
        }
    }
}

fn crossed_up(desk: &mut dyn Desk, a: impl Line, b: impl Line) -> bool {
    let (a, b) = (a.line(desk), b.line(desk));
    a.is_warm && b.is_warm && a.prev <= b.prev && a.value > b.value
}

fn crossed_down(desk: &mut dyn Desk, a: impl Line, b: impl Line) -> bool {
    let (a, b) = (a.line(desk), b.line(desk));
    a.is_warm && b.is_warm && a.prev >= b.prev && a.value < b.value
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
}
