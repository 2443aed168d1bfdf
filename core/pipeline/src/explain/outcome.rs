//! How an order ended and why, in one sentence.

use super::texts::{Texts, span};
use crate::words::{meaning, measured};
use claire_types::record::{Decision, Fill, NewOrder};
use claire_types::{
    Amount, InstrumentId, OrderFlags, OrderReason, OrderStatus, Qty, VenueNs, WallNs,
};

/// What decides how an order ended.
#[derive(Default)]
pub(super) struct End {
    pub(super) has_signal: bool,
    /// The engine held it before it was sent.
    pub(super) is_held: bool,
    /// And did not send it, for this reason.
    pub(super) dropped: Option<String>,
    /// The version of the script that it is of was taken back before it ended, in words.
    pub(super) taken_back: Option<String>,
    pub(super) denied: Option<(Decision, InstrumentId)>,
    pub(super) asked: Option<Qty>,
    pub(super) sent: Option<(NewOrder, WallNs)>,
    /// Venue time of its arrival, and the engine sequence at which that was known.
    pub(super) arrived: Option<(VenueNs, u64)>,
    pub(super) fills: Vec<Fill>,
    pub(super) status: Option<(OrderStatus, OrderReason)>,
    pub(super) final_seq: Option<u64>,
    pub(super) final_time: Option<WallNs>,
    /// Venue time of its end.
    pub(super) ended: Option<VenueNs>,
}

/// Returns the verdict in a word, and the sentence.
pub(super) fn outcome(
    end: &End,
    texts: &Texts,
    instrument: Option<InstrumentId>,
) -> (&'static str, String) {
    if let Some((decision, instrument)) = &end.denied {
        return ("denied", denied(decision, *instrument, texts));
    }
    let Some((new, sent)) = &end.sent else {
        return unsent(end);
    };
    let instrument = instrument.unwrap_or(InstrumentId::NONE);
    let units = |qty| texts.qty(instrument, qty);
    let filled = Qty(end.fills.iter().map(|fill| fill.qty.0).sum());
    let after = end.final_time.map_or_else(String::new, |time| {
        format!(" {} after it was sent", span(time.since(*sent).0))
    });
    let fills = fills_of(end, texts, instrument);
    match end.status {
        None => (
            "working",
            format!(
                "still working where the journal ends, filled {} of {}",
                units(filled),
                units(new.qty)
            ),
        ),
        Some((OrderStatus::Filled, _)) => (
            "filled",
            format!(
                "filled {} of {}{fills}{}{after}",
                units(filled),
                units(new.qty),
                if after.is_empty() { "" } else { "," }
            ),
        ),
        Some((status, reason)) if filled.0 > 0 => (
            "partially_filled",
            format!(
                "filled {} of {}{fills}; the rest {}{after}: {}",
                units(filled),
                units(new.qty),
                status.as_str(),
                why_ended(end, reason, new)
            ),
        ),
        Some((status, reason)) => (
            "unfilled",
            format!(
                "{}{after}, not filled: {}",
                status.as_str(),
                why_ended(end, reason, new)
            ),
        ),
    }
}

/// Returns the same for what was neither sent nor denied.
fn unsent(end: &End) -> (&'static str, String) {
    if let Some(reason) = &end.dropped {
        let why = match &end.taken_back {
            Some(words) if reason == OrderReason::CancelledByEngine.as_str() => words,
            _ => why_dropped(reason),
        };
        let text = format!("held in the engine, and never sent: {why}");
        return ("not_sent", text);
    }
    let (verdict, text) = match end.is_held {
        true => ("held", "still held in the engine where the journal ends"),
        false => ("no_order", "no order followed from it in the same call"),
    };
    (verdict, text.to_owned())
}

fn denied(decision: &Decision, instrument: InstrumentId, texts: &Texts) -> String {
    let facts = texts.instruments.get(&instrument);
    let number = decision.code as u8;
    let check = match number {
        1..=17 => format!(" (check {number})"),
        _ => String::new(),
    };
    let says = measured(decision, facts, &texts.currency);
    let meaning = meaning(decision.code);
    match says == meaning {
        true => format!("denied by {}{check}: {meaning}", decision.code),
        false => format!("denied by {}{check}: {meaning}: {says}", decision.code),
    }
}

fn fills_of(end: &End, texts: &Texts, instrument: InstrumentId) -> String {
    let prices = end.fills.iter().map(|fill| fill.price);
    let (Some(low), Some(high)) = (prices.clone().min(), prices.max()) else {
        return String::new();
    };
    let price = |price| texts.price(instrument, price);
    let at = match low == high {
        true => price(low),
        false => format!("{} to {}", price(low), price(high)),
    };
    let fee = end
        .fills
        .iter()
        .try_fold(Amount::ZERO, |sum, fill| sum.checked_add(fill.fee));
    let fee = fee.map_or_else(String::new, |fee| format!(", fee {fee}"));
    let currency = end.fills.first().map(|fill| fill.fee_currency);
    let currency = currency.map_or_else(String::new, |currency| format!(" {currency}"));
    let plural = if end.fills.len() == 1 { "" } else { "s" };
    format!(
        " in {} fill{plural} at {at}{fee}{currency}",
        end.fills.len()
    )
}

/// Returns why an order ended unfilled or partly filled, where a version that was taken back is the engine's reason.
fn why_ended<'a>(end: &'a End, reason: OrderReason, new: &NewOrder) -> &'a str {
    match (&end.taken_back, reason) {
        (Some(words), OrderReason::CancelledByEngine) => words,
        _ => why(reason, new),
    }
}

/// Returns why an order that waited was never sent, by the reason's name.
fn why_dropped(reason: &str) -> &str {
    let reasons = [
        (
            OrderReason::CancelledByStrategy,
            "the strategy cancelled or replaced it",
        ),
        (
            OrderReason::CancelledByEngine,
            "the engine dropped it: a halt, or an exit",
        ),
        (
            OrderReason::CancelledByOperator,
            "the operator cancelled it",
        ),
        (OrderReason::RunEnd, "the run ended"),
    ];
    let known = reasons.iter().find(|(known, _)| known.as_str() == reason);
    known.map_or(reason, |(_, words)| *words)
}

/// Returns why an order ended unfilled or partly filled.
fn why(reason: OrderReason, new: &NewOrder) -> &'static str {
    match reason {
        OrderReason::None => "the venue gave no reason",
        OrderReason::PostOnlyCross => {
            "the other side had come to its price when it arrived, and a post-only order does not cross"
        }
        OrderReason::Unfilled if new.flags.has(OrderFlags::IOC) => {
            "on arrival nothing (more) was offered at its limit or better, and an IOC order does not rest"
        }
        OrderReason::Unfilled => "on arrival the book had nothing (more) to offer",
        OrderReason::FokUnfilled => "on arrival the book could not fill it whole",
        OrderReason::CancelledByStrategy => "the strategy cancelled it",
        OrderReason::CancelledByEngine => {
            "the engine cancelled it: a halt, an exit, or a stale book"
        }
        OrderReason::CancelledByOperator => "the operator cancelled it",
        OrderReason::RunEnd => "the run ended",
        OrderReason::NoBook => "the venue had no proven book to match against",
        OrderReason::TooLate => "the cancel came too late",
        OrderReason::SessionReset => "the recorded session started over",
        OrderReason::Capacity => {
            "a table of the paper venue was full: raise tables.paper_fills_max or tables.paper_debits_max"
        }
    }
}
