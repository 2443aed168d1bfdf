//! `claire explain`: the way of one order, from its decision to its fills or its end.
//!
//! Called by the command line on its thread. Reads a journal from start to end and keeps what belongs to
//! the order; nothing is computed again.

use crate::run::RunError;
use claire_sidecar::JournalReader;
use claire_types::record::{Decision, Fill, NewOrder, RecordHeader, Verdict};
use claire_types::{Input, Instrument, InstrumentId, OrderId, OrderStatus, Record, WallNs};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// An order's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The order.
    pub order: String,
    /// Its strategy, by the configuration's name.
    pub strategy: String,
    /// Its instrument.
    pub instrument: String,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// How it ended, in a sentence.
    pub outcome: String,
}

/// One step of an order's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Engine sequence of the input that caused it.
    pub seq: u64,
    /// Engine time, ns since 1970 UTC.
    pub time_ns: i64,
    /// The same as ISO text.
    pub time: String,
    /// What kind of step.
    pub kind: &'static str,
    /// What it says.
    pub text: String,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// An order by its client order id.
    Order(OrderId),
    /// The order of a fill by the fill's number.
    Fill(u64),
}

/// What reading collects.
#[derive(Default)]
struct Search {
    instruments: BTreeMap<InstrumentId, Instrument>,
    steps: Vec<Step>,
    found: Option<(OrderId, RecordHeader)>,
    outcome: Option<String>,
    /// First and last order seen, for who asked for one that is not there.
    span: Option<(OrderId, OrderId)>,
}

impl std::str::FromStr for Question {
    type Err = String;

    /// Takes `c1-17` or a fill's number.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither an order id as c1-17 nor a fill's number");
        if let Some((epoch, number)) = text.strip_prefix('c').and_then(|rest| rest.split_once('-'))
        {
            let epoch: u32 = epoch.parse().map_err(|_| wrong())?;
            let number: u64 = number.parse().map_err(|_| wrong())?;
            if epoch >= 1 << (64 - OrderId::NUMBER_BITS) || number >= 1 << OrderId::NUMBER_BITS {
                return Err(wrong());
            }
            return Ok(Self::Order(OrderId::new(epoch, number)));
        }
        text.parse().map(Self::Fill).map_err(|_| wrong())
    }
}

/// Explains an order of the journal in `dir`.
///
/// # Errors
/// A journal that cannot be read, or that has no such order: the text names those that it has.
pub fn explain(dir: &Path, question: Question) -> Result<Explanation, RunError> {
    let order = match question {
        Question::Order(order) => order,
        Question::Fill(number) => order_of_fill(dir, number)?,
    };
    let mut reader = JournalReader::open(dir)?;
    let names: Vec<String> = strategy_names(&reader.header().body);
    let mut search = Search::default();
    while let Some(message) = reader.next_message()? {
        if let Ok((_, Input::Instrument(facts))) = Input::decode(&message.cells) {
            search.instruments.insert(facts.id, facts);
        } else if let Ok((header, record)) = Record::decode(&message.cells) {
            search.take(order, &header, &record);
        }
    }
    let Some((_, header)) = search.found else {
        let span = search.span.map_or("no orders".to_owned(), |(first, last)| {
            format!("orders {first} to {last}")
        });
        return Err(RunError::Usage(format!(
            "{}: no order {order} in it; it has {span}",
            dir.display()
        )));
    };
    let strategy = names.get(header.strategy.index()).cloned();
    Ok(Explanation {
        order: order.to_string(),
        strategy: strategy.unwrap_or_else(|| "the engine".to_owned()),
        instrument: search.name(header.instrument),
        outcome: search
            .outcome
            .unwrap_or_else(|| "still working where the journal ends".to_owned()),
        steps: search.steps,
    })
}

fn order_of_fill(dir: &Path, number: u64) -> Result<OrderId, RunError> {
    let mut reader = JournalReader::open(dir)?;
    let mut fills = 0;
    while let Some(message) = reader.next_message()? {
        if let Ok((_, Record::Fill(fill))) = Record::decode(&message.cells) {
            fills += 1;
            if fill.fill_id == number {
                return Ok(fill.order);
            }
        }
    }
    Err(RunError::Usage(format!(
        "{}: no fill {number} in it; it has {fills} fills",
        dir.display()
    )))
}

fn strategy_names(body: &serde_json::Value) -> Vec<String> {
    let scripts = body["scripts"].as_array().into_iter().flatten();
    scripts
        .map(|script| script["strategy"].as_str().unwrap_or_default().to_owned())
        .collect()
}

impl Search {
    fn take(&mut self, order: OrderId, header: &RecordHeader, record: &Record) {
        let (id, kind, text) = match record {
            Record::Decision(decision) => {
                (decision.order, "decision", self.decision(header, decision))
            }
            Record::Order(new) => (new.order, "order", self.order(header, new)),
            Record::OrderEvent(event) => {
                let reason = match event.reason.as_str() {
                    "" => String::new(),
                    reason => format!(" ({reason})"),
                };
                let text = format!("{} → {}{reason}", event.from.as_str(), event.to.as_str());
                if event.order == order && event.to.is_final() {
                    self.outcome = Some(outcome(event.to, event.reason.as_str()));
                }
                (event.order, "event", text)
            }
            Record::Fill(fill) => (fill.order, "fill", self.fill(header, fill)),
            _ => return,
        };
        let first = self.span.map_or(id, |(first, _)| first);
        self.span = Some((first, id.max(self.span.map_or(id, |(_, last)| last))));
        if id != order {
            return;
        }
        self.found.get_or_insert((id, *header));
        if let Record::Decision(decision) = record
            && decision.verdict == Verdict::Denied
        {
            self.outcome = Some(format!("denied by {}", decision.code));
        }
        self.steps.push(Step {
            seq: header.seq,
            time_ns: header.time.0,
            time: WallNs(header.time.0).to_string(),
            kind,
            text,
        });
    }

    fn decision(&self, header: &RecordHeader, decision: &Decision) -> String {
        let (price, qty) = self.texts(header.instrument, decision.price.0, decision.qty.0);
        let asked = format!("asked {} @ {}", decision.qty_asked, decision.price_asked);
        let measured = match decision.verdict {
            Verdict::Approved => String::new(),
            _ => format!(
                ": {} measured {} against limit {}",
                decision.code, decision.measured, decision.limit
            ),
        };
        format!(
            "{} {} {qty} @ {price} ({asked}){measured}",
            decision.verdict.as_str(),
            decision.side.as_str()
        )
    }

    fn order(&self, header: &RecordHeader, new: &NewOrder) -> String {
        let (price, qty) = self.texts(header.instrument, new.price.0, new.qty.0);
        format!(
            "sent {} {} {qty} @ {price} {} with the mid at {}: {}",
            new.side.as_str(),
            new.kind.as_str(),
            new.flags,
            new.arrival_mid,
            if new.reason.is_empty() {
                "no reason given"
            } else {
                new.reason.as_str()
            }
        )
    }

    fn fill(&self, header: &RecordHeader, fill: &Fill) -> String {
        let (price, qty) = self.texts(header.instrument, fill.price.0, fill.qty.0);
        let units = |qty: i64| self.texts(header.instrument, 0, qty).1;
        format!(
            "fill {}: {} {qty} @ {price} as {} by rule {}; decided by input {}; arrived {} ms before; \
             queue ahead {}, traded {}, cancelled {}; fee {} {}, realized {}",
            fill.fill_id,
            fill.side.as_str(),
            fill.liquidity.as_str(),
            fill.rule.as_str(),
            fill.decided_by,
            fill.venue_time.since(fill.arrived).0 / 1_000_000,
            units(fill.queue_ahead.0),
            units(fill.queue_traded.0),
            units(fill.queue_cancelled.0),
            fill.fee,
            fill.fee_currency,
            fill.realized
        )
    }

    /// Returns price and quantity as decimal texts; raw units where the instrument is not known.
    fn texts(&self, instrument: InstrumentId, price: i64, qty: i64) -> (String, String) {
        let scale = self.instruments.get(&instrument).map(|facts| facts.scale);
        let price_text = match (price, scale) {
            (0, _) => "market".to_owned(),
            (price, Some(scale)) => claire_types::Price(price)
                .decimal(scale.price_digits)
                .to_string(),
            (price, None) => format!("{price} units"),
        };
        let qty_text = match scale {
            Some(scale) => claire_types::Qty(qty).decimal(scale.qty_digits).to_string(),
            None => format!("{qty} units"),
        };
        (price_text, qty_text)
    }

    fn name(&self, instrument: InstrumentId) -> String {
        let known = self.instruments.get(&instrument);
        known.map_or_else(
            || format!("instrument {}", instrument.0),
            |facts| facts.key.to_string(),
        )
    }
}

fn outcome(status: OrderStatus, reason: &str) -> String {
    match reason {
        "" => status.as_str().to_owned(),
        reason => format!("{}: {reason}", status.as_str()),
    }
}
