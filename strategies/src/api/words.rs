//! What a strategy says for the record: signals, notes, alerts, plots.

use super::{Arguments, Fallible, integer, number, text, variadic};
use crate::lending::with_desk;
use claire_engine::strategy::NoteLevel;
use claire_types::Side;
use rhai::{Dynamic, Module};

/// Registers the functions.
pub(crate) fn register(module: &mut Module) {
    variadic(module, "signal", None, 3..=3, signal);
    variadic(module, "note", None, 1..=WORDS_MAX, |arguments| {
        let words = filled(arguments, 0)?;
        with_desk(|desk| desk.note(NoteLevel::Note, &words)).map(|()| Dynamic::UNIT)
    });
    variadic(module, "alert", None, 2..=WORDS_MAX + 1, alert);
    variadic(module, "plot", None, 2..=3, plot);
}

/// `signal(side, strength, reason)`.
fn signal(arguments: Arguments<'_, '_>) -> Fallible<Dynamic> {
    let [side, strength, reason] = arguments else {
        return Err("a signal needs side, strength and reason".into());
    };
    let side = match integer(side, "side")? {
        1 => Side::Buy,
        -1 => Side::Sell,
        other => return Err(format!("the side must be BUY or SELL, not {other}").into()),
    };
    let strength = super::finite(strength, "strength")?;
    text(reason, "reason", |reason| {
        with_desk(|desk| desk.signal(side, strength, reason))
    })??;
    Ok(Dynamic::UNIT)
}

/// `alert(level, text, ...)`.
fn alert(arguments: Arguments<'_, '_>) -> Fallible<Dynamic> {
    let level = text(&*arguments[0], "alert's level", |level| {
        ALERT_LEVELS.into_iter().find(|known| *known == level)
    })?;
    let Some(level) = level else {
        return Err(format!(
            "the alert's level must be one of {}",
            ALERT_LEVELS.join(", ")
        )
        .into());
    };
    let words = format!("{level}: {}", filled(arguments, 1)?);
    with_desk(|desk| desk.note(NoteLevel::Alert, &words)).map(|()| Dynamic::UNIT)
}

/// `plot([pane,] name, value)`.
fn plot(arguments: Arguments<'_, '_>) -> Fallible<Dynamic> {
    let (pane, name, value) = match arguments {
        [name, value] => (None, &**name, &**value),
        [pane, name, value] => (Some(&**pane), &**name, &**value),
        _ => return Err("a plot needs a name and a value".into()),
    };
    let value = number(value, "plotted value")?;
    let draw = |pane: &str| {
        text(name, "plot's name", |name| {
            with_desk(|desk| desk.plot(pane, name, value))
        })?
    };
    match pane {
        Some(pane) => text(pane, "plot's pane", draw)??,
        None => draw("")?,
    }
    Ok(Dynamic::UNIT)
}

/// Returns the text at `at` with each `{}` replaced by the next argument; more arguments follow a space each.
fn filled(arguments: Arguments<'_, '_>, at: usize) -> Fallible<String> {
    let mut values = arguments.get(at + 1..).unwrap_or_default().iter();
    let template = arguments.get(at).ok_or("a note needs a text")?;
    let mut words = text(template, "note's text", |template| {
        let mut parts = template.split("{}");
        let mut words = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match values.next() {
                Some(value) => words.push_str(&value.to_string()),
                None => words.push_str("{}"),
            }
            words.push_str(part);
        }
        words
    })?;
    for value in values {
        words.push(' ');
        words.push_str(&value.to_string());
    }
    Ok(words)
}

/// The most arguments of a note, its text included.
const WORDS_MAX: usize = 8;

/// How urgent an alert may be.
const ALERT_LEVELS: [&str; 4] = ["info", "warning", "error", "critical"];
