//! `m`: a market's numbers, timers, and other markets.
//!
//! Ranks count from 0: `m.bid(0)` is the best bid. What is unknown is 0, as in the numbers.

use super::{Fallible, integer, live, property, receiver, text, variadic};
use crate::lending::with_desk;
use crate::token::Market;
use claire_engine::strategy::DeskFault;
use claire_types::Side;
use rhai::{Dynamic, FLOAT, INT, Module};
use std::any::TypeId;

/// Registers properties and methods.
pub(crate) fn register(module: &mut Module) {
    module.set_custom_type::<Market>("Market");
    register_facts(module);
    register_levels(module);
    register_timers(module);
    live(module, "market", |name: &str| -> Fallible<Market> {
        let found = with_desk(|desk| desk.market(name))?;
        found
            .map(Market)
            .ok_or_else(|| format!("this run has no market `{name}`").into())
    });
    super::pure(module, "==", |a: Market, b: Market| a == b);
    super::pure(module, "!=", |a: Market, b: Market| a != b);
}

/// Registers each field of the facts as the property of its name.
macro_rules! facts {
    ($module:ident: $($field:ident)+) => {$(
        property($module, stringify!($field), |m: &mut Market| {
            with_desk(|desk| desk.facts(m.0).$field)
        });
    )+};
}

fn register_facts(module: &mut Module) {
    facts!(module: bid ask bid_qty ask_qty mid microprice spread spread_ticks tick step min_notional);
    facts!(module: stale now_ns position is_flat avg_price exposure working_buy working_sell);
    facts!(module: can_short budget equity unrealized);
    property(module, "regime", |m: &mut Market| {
        with_desk(|desk| INT::from(desk.facts(m.0).regime))
    });
}

fn register_levels(module: &mut Module) {
    for (name, name_qty, side) in [
        ("bid", "bid_qty", Side::Buy),
        ("ask", "ask_qty", Side::Sell),
    ] {
        live(module, name, move |m: &mut Market, rank: INT| {
            level(m, side, rank).map(|of| of.0)
        });
        live(module, name_qty, move |m: &mut Market, rank: INT| {
            level(m, side, rank).map(|of| of.1)
        });
    }
    live(
        module,
        "imbalance",
        |m: &mut Market, levels: INT| -> Fallible<FLOAT> {
            let levels = match usize::try_from(levels) {
                Ok(levels) if levels > 0 => levels,
                _ => return Err(format!("imbalance needs at least 1 level, not {levels}").into()),
            };
            with_desk(|desk| desk.imbalance(m.0, levels))
        },
    );
}

/// Returns price and quantity of the level; zeros past the end of the book.
fn level(market: &Market, side: Side, rank: INT) -> Fallible<(FLOAT, FLOAT)> {
    let Ok(rank) = usize::try_from(rank) else {
        return Err(format!("levels count from 0, not from {rank}").into());
    };
    Ok(with_desk(|desk| desk.level(market.0, side, rank))?.unwrap_or_default())
}

fn register_timers(module: &mut Module) {
    let market = Some(TypeId::of::<Market>());
    variadic(module, "every", market, 2..=2, |arguments| {
        receiver::<Market>(arguments)?;
        timer(arguments, |desk, ms, name| desk.every(ms, name))
    });
    variadic(module, "after", market, 2..=2, |arguments| {
        receiver::<Market>(arguments)?;
        timer(arguments, |desk, ms, name| desk.after(ms, name))
    });
    live(module, "stop_timer", |_: &mut Market, name: &str| {
        with_desk(|desk| desk.stop_timer(name))
    });
}

/// Sets a timer with the arguments (market, milliseconds, name).
fn timer(
    arguments: super::Arguments<'_, '_>,
    set: impl FnOnce(&mut dyn claire_engine::strategy::Desk, INT, &str) -> Result<(), DeskFault>,
) -> Fallible<Dynamic> {
    let [_, ms, name] = arguments else {
        return Err("a timer needs milliseconds and a name".into());
    };
    let ms = integer(ms, "timer's span in ms")?;
    let result = text(name, "timer's name", |name| {
        with_desk(|desk| set(desk, ms, name))
    })??;
    match result {
        Ok(()) => Ok(Dynamic::UNIT),
        Err(DeskFault::Argument) => {
            Err(format!("a timer of {ms} ms is too short or too long").into())
        }
        Err(fault) => Err(format!("timers: {fault}").into()),
    }
}
