//! What a trial came to against what a test expects: the differences, in words.
//!
//! Called by `claire test` on its thread.

use super::plan::{Bounds, Count, Expect, ExpectedOrder, ExpectedPrice, Orders};
use super::{PlacedOrder, Trial};
use claire_types::Amount;
use std::collections::BTreeSet;
use std::fmt;

/// Differences of a list of orders that are told.
const ORDERS_TOLD_MAX: usize = 5;
/// Digits of a digest that tell it from another one.
const DIGEST_SHOWN: usize = 12;

/// Returns what differs, in the order of the file's keys; nothing where the test passes but for its digest.
pub(super) fn differences(expect: &Expect, trial: &Trial) -> Vec<String> {
    let summary = &trial.replayed.summary;
    let mut found = Vec::new();
    match &expect.orders {
        Some(Orders::Count(count)) => compare(&mut found, "orders", *count, summary.orders),
        Some(Orders::List(list)) => listed(&mut found, list, trial),
        None => {}
    }
    if let Some(count) = expect.fills {
        compare(&mut found, "fills", count, summary.fills);
    }
    denied(&mut found, expect, trial);
    if let Some(bounds) = expect.net {
        net(&mut found, bounds, &summary.pnl.net);
    }
    states(&mut found, expect, trial);
    if let Some(wanted) = &expect.compiled {
        compiled(&mut found, wanted, trial);
    }
    found
}

/// Returns what is wrong with the digest, if something is.
pub(super) fn digest_difference(expect: &Expect, made: &str) -> Option<String> {
    let wanted = expect.digest.as_ref()?.get_ref();
    if wanted == made {
        return None;
    }
    Some(match wanted.is_empty() {
        true => "digest: not known yet; `claire test --update` writes it".to_owned(),
        false => format!("digest: {}, expected {}", short(made), short(wanted)),
    })
}

/// Returns the first digits of a digest.
pub(super) fn short(digest: &str) -> String {
    match digest.char_indices().nth(DIGEST_SHOWN) {
        Some((end, _)) => format!("{}…", digest.get(..end).unwrap_or_default()),
        None => digest.to_owned(),
    }
}

fn compare(found: &mut Vec<String>, what: &str, wanted: Count, made: u64) {
    if !wanted.allows(made) {
        found.push(format!("{what}: {made}, expected {wanted}"));
    }
}

fn listed(found: &mut Vec<String>, list: &[ExpectedOrder], trial: &Trial) {
    let made = trial.replayed.summary.orders;
    if made != list.len() as u64 {
        found.push(format!("orders: {made}, expected {}", list.len()));
    }
    let pairs = list.iter().zip(&trial.orders).enumerate();
    let differing = pairs.filter(|(_, (wanted, order))| !wanted.allows(order));
    for (index, (wanted, order)) in differing.take(ORDERS_TOLD_MAX) {
        found.push(format!("order {}: {order}, expected {wanted}", index + 1));
    }
    let missing = list.iter().enumerate().skip(trial.orders.len());
    for (index, wanted) in missing.take(ORDERS_TOLD_MAX) {
        found.push(format!("order {}: none, expected {wanted}", index + 1));
    }
    let more = trial.orders.iter().enumerate().skip(list.len());
    for (index, order) in more.take(ORDERS_TOLD_MAX) {
        found.push(format!("order {}: {order}, expected none", index + 1));
    }
}

fn denied(found: &mut Vec<String>, expect: &Expect, trial: &Trial) {
    let Some(wanted) = &expect.denied else {
        return;
    };
    let made = &trial.replayed.summary.denied;
    let codes: BTreeSet<&String> = wanted.keys().chain(made.keys()).collect();
    for code in codes {
        let count = made.get(code).copied().unwrap_or_default();
        let allowed = wanted.get(code).copied().unwrap_or(Count::Exact(0));
        if !allowed.allows(count) {
            let first = trial.replayed.summary.denied_first.get(code);
            let why = first.map_or_else(String::new, |first| format!(" ({})", first.example));
            found.push(format!("denied {code}: {count}, expected {allowed}{why}"));
        }
    }
}

fn net(found: &mut Vec<String>, bounds: Bounds, made: &str) {
    let Ok(amount) = made.parse::<Amount>() else {
        found.push(format!("net: it has no value, expected {bounds}"));
        return;
    };
    let fits =
        bounds.min.is_none_or(|min| amount >= min) && bounds.max.is_none_or(|max| amount <= max);
    if !fits {
        found.push(format!("net: {made}, expected {bounds}"));
    }
}

/// A strategy that failed, was stopped or never traded its market passes no test that does not say so.
fn states(found: &mut Vec<String>, expect: &Expect, trial: &Trial) {
    let allowed = expect.failures.unwrap_or(Count::Exact(0));
    for strategy in &trial.replayed.summary.strategies {
        if !allowed.allows(strategy.failures) {
            let last = strategy.last_error.as_deref();
            let last = last.map_or_else(String::new, |last| format!("; the last: {last}"));
            let failures = strategy.failures;
            found.push(format!(
                "failed calls: {failures}, expected {allowed}{last}"
            ));
        }
        if let Some(market) = &strategy.waits_for {
            let which = match *market == strategy.market {
                true => "its market",
                false => "the market that its `init` names,",
            };
            found.push(format!("{which} {market} never appeared"));
        }
    }
}

fn compiled(found: &mut Vec<String>, wanted: &[String], trial: &Trial) {
    let own = trial.replayed.summary.strategies.first();
    for name in wanted {
        let is_compiled = own.is_some_and(|own| own.handlers_compiled.contains(name));
        match own.and_then(|own| own.handlers_interpreted.get(name)) {
            _ if is_compiled => {}
            Some(why) => found.push(format!("{name}: interpreted, expected compiled: {why}")),
            None => found.push(format!("{name}: the script has no such handler")),
        }
    }
}

impl ExpectedOrder {
    /// Returns whether the order is as expected.
    fn allows(&self, order: &PlacedOrder) -> bool {
        let qty = |qty: Amount| order.qty.parse() == Ok(qty);
        let price = |wanted: ExpectedPrice| match (wanted, &order.price) {
            (ExpectedPrice::Market(_), None) => true,
            (ExpectedPrice::Limit(wanted), Some(price)) => price.parse() == Ok(wanted),
            _ => false,
        };
        self.side.as_deref().is_none_or(|side| side == order.side)
            && self.qty.is_none_or(qty)
            && self.price.is_none_or(price)
            && self
                .flags
                .as_deref()
                .is_none_or(|flags| flags == order.flags)
            && self
                .reason
                .as_deref()
                .is_none_or(|reason| reason == order.reason)
    }
}

impl fmt::Display for ExpectedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.side.as_deref().unwrap_or("an order"))?;
        if let Some(qty) = self.qty {
            write!(f, " {qty}")?;
        }
        match self.price {
            Some(ExpectedPrice::Limit(price)) => write!(f, " @ {price}")?,
            Some(ExpectedPrice::Market(_)) => f.write_str(" at the market")?,
            None => {}
        }
        if let Some(flags) = self.flags.as_deref().filter(|flags| !flags.is_empty()) {
            write!(f, " {flags}")?;
        }
        match &self.reason {
            Some(reason) => write!(f, " [{reason}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(number) => write!(f, "{number}"),
            Self::Range(range) => bounds(f, range.min, range.max),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bounds(f, self.min, self.max)
    }
}

fn bounds<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    min: Option<T>,
    max: Option<T>,
) -> fmt::Result {
    match (min, max) {
        (Some(min), Some(max)) => write!(f, "{min} to {max}"),
        (Some(min), None) => write!(f, "at least {min}"),
        (None, Some(max)) => write!(f, "at most {max}"),
        (None, None) => f.write_str("any"),
    }
}
