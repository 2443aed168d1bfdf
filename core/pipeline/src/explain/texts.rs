//! Records and market events in words and numbers, in the instrument's units.

use super::market::{Event, Market, Stay, What};
use crate::words::{meaning, measured, unit_of};
use claire_types::record::{
    Decision, Fill, FillRule, NewOrder, OrderEvent, PositionRecord, Signal, Verdict,
};
use claire_types::time::NS_PER_MS;
use claire_types::{GateCode, Instrument, InstrumentId, Price, Qty, Side, VenueNs, WallNs};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What texts need to know of the run.
pub(super) struct Texts {
    pub(super) instruments: BTreeMap<InstrumentId, Instrument>,
    /// The account's currency.
    pub(super) currency: String,
    entry_latency_ms: i64,
    response_latency_ms: i64,
}

/// A text, and the numbers in it.
type Told = (String, Value);

impl Texts {
    pub(super) fn new(engine: &Value) -> Self {
        let latency = |name: &str| engine["matching"][name].as_i64().unwrap_or(0);
        let currency = engine["account"]["currency"].as_str().unwrap_or_default();
        Self {
            instruments: BTreeMap::new(),
            currency: currency.to_owned(),
            entry_latency_ms: latency("entry_latency_ms"),
            response_latency_ms: latency("response_latency_ms"),
        }
    }

    pub(super) fn name(&self, id: InstrumentId) -> String {
        let facts = self.instruments.get(&id);
        facts.map_or_else(
            || format!("instrument {}", id.0),
            |facts| facts.key.to_string(),
        )
    }

    /// Returns a price; raw units where the instrument is not known.
    pub(super) fn price(&self, id: InstrumentId, price: Price) -> String {
        match self.instruments.get(&id) {
            Some(facts) => price.decimal(facts.scale.price_digits).to_string(),
            None => format!("{} units", price.0),
        }
    }

    /// Returns a quantity with its unit.
    pub(super) fn qty(&self, id: InstrumentId, qty: Qty) -> String {
        match self.instruments.get(&id) {
            Some(facts) => format!("{} {}", self.plain_qty(id, qty), unit_of(facts)),
            None => self.plain_qty(id, qty),
        }
    }

    fn plain_qty(&self, id: InstrumentId, qty: Qty) -> String {
        match self.instruments.get(&id) {
            Some(facts) => qty.decimal(facts.scale.qty_digits).to_string(),
            None => format!("{} units", qty.0),
        }
    }

    pub(super) fn event(&self, event: &Event) -> Told {
        let id = event.instrument;
        let level = |qty, price| format!("{} @ {}", self.qty(id, qty), self.price(id, price));
        let what = match event.what {
            What::Trade(trade) => format!(
                "trade {}: {} {}",
                trade.trade_id,
                match trade.aggressor {
                    Side::Buy => "bought",
                    Side::Sell => "sold",
                },
                level(trade.qty, trade.price)
            ),
            What::Ticker(ticker) => format!(
                "ticker {}: bid {}, ask {}",
                ticker.update_id,
                level(ticker.bid.qty, ticker.bid.price),
                level(ticker.ask.qty, ticker.ask.price)
            ),
            What::Depth(last_id, bids, asks, true) => {
                format!("snapshot of the book {last_id}: {bids} bids, {asks} asks")
            }
            What::Depth(last_id, bids, asks, false) => {
                format!("change of the book to {last_id}: {bids} bids, {asks} asks")
            }
            What::Timer => "the clock's tick".to_owned(),
            What::Other(name) => name.to_owned(),
        };
        let at = match event.venue_time {
            VenueNs::NONE => String::new(),
            time => format!(", venue time {}", WallNs(time.0)),
        };
        let venue_time = (event.venue_time != VenueNs::NONE).then_some(event.venue_time.0);
        let facts = json!({
            "event": what,
            "recv_ns": event.recv.0,
            "venue_time_ns": venue_time,
        });
        (format!("{what}{at}"), facts)
    }

    pub(super) fn signal(&self, signal: &Signal) -> Told {
        let Signal {
            side,
            strength,
            reason,
        } = signal;
        let facts = json!({
            "is_explicit": true,
            "side": side.as_str(),
            "strength": strength.to_string(),
            "reason": reason.as_str(),
        });
        let text = format!(
            "{} with strength {strength}: {}",
            side.as_str(),
            quoted(reason.as_str())
        );
        (text, facts)
    }

    pub(super) fn implied(&self, new: &NewOrder) -> Told {
        let (side, reason) = (new.side.as_str(), new.reason.as_str());
        let text = format!(
            "none given; the order stands for it: {side}, {}",
            quoted(reason)
        );
        (
            text,
            json!({ "is_explicit": false, "side": side, "reason": reason }),
        )
    }

    pub(super) fn decision(&self, id: InstrumentId, decision: &Decision) -> Told {
        let says = match (decision.verdict, decision.code) {
            (_, GateCode::Ok) => "every check passed".to_owned(),
            (Verdict::Approved, code) => format!("{code} noted"),
            (_, code) => {
                let facts = self.instruments.get(&id);
                let says = measured(decision, facts, &self.currency);
                match says == meaning(code) {
                    true => format!("{code}: {says}"),
                    false => format!("{code}: {}: {says}", meaning(code)),
                }
            }
        };
        // What is refused before its price was rounded has none, or was no order at all.
        let is_unpriced = decision.price_asked.0 != 0 || decision.code == GateCode::BadOrder;
        let at = match decision.price.0 {
            0 if is_unpriced => String::new(),
            0 => " at the market".to_owned(),
            _ => format!(" @ {}", self.price(id, decision.price)),
        };
        let asked = format!("asked {} @ {}", decision.qty_asked, decision.price_asked);
        let asked = match decision.price_asked.0 {
            0 => format!("asked {}", decision.qty_asked),
            _ => asked,
        };
        let text = format!(
            "{} {} {}{at} ({asked}); {says}",
            decision.verdict.as_str(),
            decision.side.as_str(),
            self.qty(id, decision.qty),
        );
        let facts = json!({
            "verdict": decision.verdict.as_str(),
            "code": decision.code.as_str(),
            "limit": decision.limit.to_string(),
            "measured": decision.measured.to_string(),
            "side": decision.side.as_str(),
            "qty": self.plain_qty(id, decision.qty),
            "price": self.price(id, decision.price),
            "qty_asked": decision.qty_asked.to_string(),
            "price_asked": decision.price_asked.to_string(),
        });
        (text, facts)
    }

    pub(super) fn order(&self, id: InstrumentId, new: &NewOrder) -> Told {
        let price = match new.price.0 {
            0 => String::new(),
            _ => format!(" @ {}", self.price(id, new.price)),
        };
        let text = format!(
            "sent {} {} {}{price} {} with the mid at {}: {}",
            new.side.as_str(),
            new.kind.as_str(),
            self.qty(id, new.qty),
            new.flags,
            new.arrival_mid,
            quoted(new.reason.as_str())
        );
        let facts = json!({
            "side": new.side.as_str(),
            "kind": new.kind.as_str(),
            "qty": self.plain_qty(id, new.qty),
            "price": self.price(id, new.price),
            "flags": new.flags.to_string(),
            "mid": new.arrival_mid.to_string(),
            "reason": new.reason.as_str(),
        });
        (text, facts)
    }

    pub(super) fn change(&self, event: &OrderEvent) -> Told {
        let reason = match event.reason.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        let at = match event.venue_time {
            VenueNs::NONE => String::new(),
            time => format!(" at venue time {}", WallNs(time.0)),
        };
        // A second cancel of the same order, say: the state stays.
        let states = match event.from == event.to {
            true => format!("still {}", event.to.as_str()),
            false => format!("{} → {}", event.from.as_str(), event.to.as_str()),
        };
        let text = format!("{states}{reason}{at}");
        let facts = json!({
            "from": event.from.as_str(),
            "to": event.to.as_str(),
            "reason": event.reason.as_str(),
            "venue_time_ns": event.venue_time.0,
        });
        (text, facts)
    }

    pub(super) fn fill(&self, id: InstrumentId, fill: &Fill, known: WallNs) -> Told {
        let since_arrival = match fill.venue_time.since(fill.arrived).0 {
            0 => "on arrival".to_owned(),
            rested => format!("{} after arrival", span(rested)),
        };
        let queue = match fill.rule {
            FillRule::Crossed => String::new(),
            _ => format!(
                "; queue ahead on arrival {}, traded {}, cancelled ahead {}",
                self.qty(id, fill.queue_ahead),
                self.qty(id, fill.queue_traded),
                self.qty(id, fill.queue_cancelled)
            ),
        };
        let text = format!(
            "fill f{}: {} {} @ {} as {}: {}{queue}; decided by input {}, {}, latency {} ms out and {} ms back; fee {} {}, realized {}",
            fill.fill_id,
            fill.side.as_str(),
            self.qty(id, fill.qty),
            self.price(id, fill.price),
            fill.liquidity.as_str(),
            rule_words(fill.rule),
            fill.decided_by,
            since_arrival,
            self.entry_latency_ms,
            self.response_latency_ms,
            fill.fee,
            fill.fee_currency,
            fill.realized
        );
        let facts = json!({
            "fill_id": fill.fill_id,
            "rule": fill.rule.as_str(),
            "liquidity": fill.liquidity.as_str(),
            "qty": self.plain_qty(id, fill.qty),
            "price": self.price(id, fill.price),
            "fee": fill.fee.to_string(),
            "fee_currency": fill.fee_currency.to_string(),
            "realized": fill.realized.to_string(),
            "closed_qty": self.plain_qty(id, fill.closed_qty),
            "decided_by": fill.decided_by,
            "venue_time_ns": fill.venue_time.0,
            "arrived_ns": fill.arrived.0,
            "known_ns": known.0,
            "queue_ahead": self.plain_qty(id, fill.queue_ahead),
            "queue_traded": self.plain_qty(id, fill.queue_traded),
            "queue_cancelled": self.plain_qty(id, fill.queue_cancelled),
            "entry_latency_ms": self.entry_latency_ms,
            "response_latency_ms": self.response_latency_ms,
        });
        (text, facts)
    }

    pub(super) fn position(&self, id: InstrumentId, position: &PositionRecord) -> Told {
        let settle = self.instruments.get(&id).map(|facts| facts.settle);
        let settle = settle.map_or_else(String::new, |settle| format!(" {settle}"));
        let net = position.realized.checked_sub(position.fees);
        let net = net.map_or_else(String::new, |net| net.to_string());
        let text = format!(
            "holds {} at a cost of {}{settle}; so far realized {}, fees {}, net {net}{settle}",
            self.qty(id, position.qty),
            position.cost,
            position.realized,
            position.fees
        );
        let facts = json!({
            "qty": self.plain_qty(id, position.qty),
            "cost": position.cost.to_string(),
            "realized": position.realized.to_string(),
            "fees": position.fees.to_string(),
            "net": net,
        });
        (text, facts)
    }

    /// Returns what passed while the order was at the venue.
    pub(super) fn stay(&self, stay: &Stay, market: &Market) -> Told {
        let id = stay.instrument;
        let price = |price: Option<Price>| price.map(|price| self.price(id, price));
        let (other, passed) = match stay.side {
            Side::Buy => ("ask", &market.passed),
            Side::Sell => ("bid", &market.passed),
        };
        let opposite = market.ticker_before.map(|ticker| match stay.side {
            Side::Buy => ticker.ask.price,
            Side::Sell => ticker.bid.price,
        });
        let mut text = format!("at the venue since {}", WallNs(stay.arrived.0));
        if let Some(opposite) = price(opposite) {
            text += &format!(", the best {other} then {opposite} by the last ticker");
        }
        if stay.ended == Some(stay.arrived) {
            let facts = json!({
                "arrived_ns": stay.arrived.0,
                "best_opposite_on_arrival": price(opposite),
            });
            return (text + "; it did not rest", facts);
        }
        let qty = self.instruments.get(&id).map(|facts| {
            claire_types::number::Decimal {
                value: passed.at_price_qty,
                digits: facts.scale.qty_digits,
            }
            .to_string()
        });
        let qty = qty.unwrap_or_else(|| passed.at_price_qty.to_string());
        text += &format!(
            "; while it was there: {} trades, {} of them at its price ({qty}), {} beyond it",
            passed.trades, passed.at_price, passed.through
        );
        if let Some(nearest) = price(passed.nearest) {
            text += &format!(", the nearest at {nearest}");
        }
        if let Some(opposite) = price(passed.opposite) {
            text += &format!("; the {other} came as near as {opposite}");
        }
        let facts = json!({
            "arrived_ns": stay.arrived.0,
            "best_opposite_on_arrival": price(opposite),
            "best_opposite_since": price(passed.opposite),
            "trades": passed.trades,
            "trades_at_price": passed.at_price,
            "qty_at_price": qty,
            "trades_beyond": passed.through,
            "nearest_trade": price(passed.nearest),
        });
        (text, facts)
    }
}

/// Returns a span of time with its unit.
pub(super) fn span(ns: i64) -> String {
    match ns {
        -9_999_999..=9_999_999 => format!("{} us", ns / 1_000),
        _ => format!("{} ms", ns / NS_PER_MS),
    }
}

const fn rule_words(rule: FillRule) -> &'static str {
    match rule {
        FillRule::Crossed => "it crossed the displayed book on arrival",
        FillRule::QueueReached => "a trade at its price after the queue before it was gone",
        FillRule::TradedThrough => "a trade through its price",
        FillRule::BookThrough => "the book moved through its price",
    }
}

fn quoted(reason: &str) -> String {
    match reason {
        "" => "no reason given".to_owned(),
        reason => format!("\"{reason}\""),
    }
}
