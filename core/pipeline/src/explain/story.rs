//! An order's story: its records in order, and the market events that belong to them.
//!
//! Filled from one pass over the journal, then from one over the run's inputs.

use super::find::Target;
use super::market::{Market, Stay};
use super::outcome::{End, outcome};
use super::texts::Texts;
use super::version::Versions;
use super::{Explanation, Step, held_order, order_of};
use claire_types::record::{
    Decision, Fill, NewOrder, NoteRecord, OrderEvent, RecordHeader, ReloadOutcome, ReloadRecord,
    Signal, Verdict,
};
use claire_types::{
    Instrument, InstrumentId, OrderId, OrderStatus, Record, StrategyId, VenueNs, WallNs,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of the target so far.
pub(super) struct Story {
    target: Target,
    texts: Texts,
    /// Names of the strategies, by id.
    strategies: Vec<String>,
    steps: Vec<Step>,
    /// Whose it is.
    of: Option<(StrategyId, InstrumentId)>,
    /// The last signal of each strategy in the input at hand.
    signals: BTreeMap<StrategyId, (RecordHeader, Signal)>,
    /// Engine sequences of the inputs that caused something.
    causes: Vec<u64>,
    /// Its fill was recorded in this input: the position after it follows.
    awaits_position: Option<u64>,
    end: End,
    versions: Versions,
    /// How many times seats had changed hands when a signal was given.
    changes_before: usize,
    last_seq: u64,
    note_of_end: Option<Step>,
}

impl Story {
    pub(super) fn new(target: Target, body: &Value) -> Self {
        let scripts = body["scripts"].as_array().into_iter().flatten();
        let strategies = scripts
            .map(|script| script["strategy"].as_str().unwrap_or_default().to_owned())
            .collect();
        Self {
            target,
            texts: Texts::new(&body["engine"]),
            strategies,
            steps: Vec::new(),
            of: None,
            signals: BTreeMap::new(),
            causes: Vec::new(),
            awaits_position: None,
            end: End::default(),
            versions: Versions::new(body),
            changes_before: 0,
            last_seq: 0,
            note_of_end: None,
        }
    }

    /// Learns an instrument's facts.
    pub(super) fn know(&mut self, facts: Instrument) {
        self.texts.instruments.insert(facts.id, facts);
    }

    /// Takes the next record of the journal.
    pub(super) fn take(&mut self, header: &RecordHeader, record: &Record) {
        if header.seq != self.last_seq {
            self.signals.clear();
        }
        self.last_seq = header.seq;
        if let Record::Signal(signal) = record {
            self.signals.insert(header.strategy, (*header, *signal));
            if let Target::Signal { seq, index } = self.target
                && (seq, index) == (header.seq, header.index)
            {
                self.belongs(header);
                self.changes_before = self.versions.count();
                self.add_signal(header, signal);
            }
            return;
        }
        if let Record::Reload(reload) = record {
            return self.reloaded(header, reload);
        }
        let Some(order) = order_of(&self.target) else {
            return;
        };
        match record {
            Record::Decision(decision) if decision.order == order => {
                self.decided(header, decision);
            }
            Record::Order(new) if new.order == order => self.sent(header, new),
            Record::OrderEvent(event) if event.order == order => self.changed(header, event),
            Record::Fill(fill) if fill.order == order => self.filled(header, fill),
            Record::Note(note) if held_order(note) == Some(order) => self.held(header, note),
            Record::Position(position)
                if self.awaits_position == Some(header.seq)
                    && self.of == Some((header.strategy, header.instrument)) =>
            {
                self.awaits_position = None;
                let (text, facts) = self.texts.position(header.instrument, position);
                self.push(header, "position", text, facts);
            }
            _ => {}
        }
    }

    /// Returns what the story wants to know of the market.
    pub(super) fn market_questions(&self) -> Market {
        Market {
            wanted: self.causes.iter().copied().collect(),
            stay: self.stay(),
            ..Market::default()
        }
    }

    /// Adds what the market answered.
    pub(super) fn answer(&mut self, market: Market) {
        for (seq, event) in &market.found {
            let (text, facts) = self.texts.event(event);
            let step = Step::new(*seq, None, event.recv, "market", text).with(facts);
            self.steps.push(step);
        }
        if let Some(stay) = market.stay {
            let (text, facts) = self.texts.stay(&stay, &market);
            let seq = self.end.final_seq.unwrap_or(self.last_seq);
            let time = self.end.final_time.unwrap_or(WallNs(0));
            let kind = match stay.ended == Some(stay.arrived) {
                true => "arrived",
                false => "rested",
            };
            self.note_of_end = Some(Step::new(seq, None, time, kind, text).with(facts));
        }
    }

    /// Returns the story in order.
    pub(super) fn told(mut self) -> Explanation {
        // An input, what it implied, its records; stable, so that records stay in their order.
        self.steps.sort_by_key(|step| {
            let rank = match (step.kind, step.index) {
                ("market", _) => 0,
                (_, None) => 1,
                (_, Some(index)) => u64::from(index) + 2,
            };
            (step.seq, rank)
        });
        if let Some(note) = self.note_of_end.take() {
            let place = self.steps.iter().rposition(|step| step.kind == "event");
            let place = place.unwrap_or(self.steps.len());
            self.steps.insert(place, note);
        }
        let (verdict, outcome) = outcome(&self.end, &self.texts, self.of.map(|(_, it)| it));
        let strategy = self.of.and_then(|(id, _)| self.strategies.get(id.index()));
        let order = order_of(&self.target);
        Explanation {
            order: order.map_or_else(String::new, |order: OrderId| order.to_string()),
            strategy: strategy.cloned().unwrap_or_else(|| "the engine".to_owned()),
            instrument: self
                .of
                .map_or_else(String::new, |(_, id)| self.texts.name(id)),
            script: self.of.and_then(|(id, _)| match order {
                Some(order) => self.versions.of_order(id, order),
                None => self.versions.after(id, self.changes_before),
            }),
            verdict,
            outcome,
            steps: self.steps,
            note: None,
        }
    }

    /// Takes a change of versions: a step of its strategy's orders that are held or work then.
    fn reloaded(&mut self, header: &RecordHeader, reload: &ReloadRecord) {
        let strategy = header.strategy;
        let order = order_of(&self.target);
        let order = order.filter(|_| self.of.is_some_and(|(of, _)| of == strategy));
        let placed = order.and_then(|order| self.versions.of_order(strategy, order));
        let step = self.versions.take(header, reload);
        let ended = self.end.final_seq;
        if order.is_none() || ended.is_some_and(|seq| seq != header.seq) {
            return;
        }
        self.steps.extend(step);
        if let Some(placed) = placed
            && reload.outcome == ReloadOutcome::RolledBack
            && placed.version == reload.version
        {
            let why = reload.reason;
            let words = format!("{placed} of the script, which placed it, was taken back ({why})");
            self.end.taken_back = Some(words);
        }
    }

    /// Takes what the engine says of an order that it holds, or does not send.
    fn held(&mut self, header: &RecordHeader, note: &NoteRecord) {
        self.belongs(header);
        let text = note.text.as_str();
        match text.split_once(" is not sent: ") {
            Some((_, reason)) => {
                self.end.dropped = Some(reason.to_owned());
                self.end.final_seq = Some(header.seq);
            }
            None => self.end.is_held = true,
        }
        self.push(header, "held", text.to_owned(), Value::Null);
    }

    fn belongs(&mut self, header: &RecordHeader) {
        self.of.get_or_insert((header.strategy, header.instrument));
        self.causes.push(header.seq);
    }

    fn push(&mut self, header: &RecordHeader, kind: &'static str, text: String, facts: Value) {
        let step = Step::new(header.seq, Some(header.index), header.time, kind, text);
        self.steps.push(step.with(facts));
    }

    fn add_signal(&mut self, header: &RecordHeader, signal: &Signal) {
        let (text, facts) = self.texts.signal(signal);
        self.push(header, "signal", text, facts);
    }

    fn decided(&mut self, header: &RecordHeader, decision: &Decision) {
        self.belongs(header);
        if let Some((of, signal)) = self.signals.get(&header.strategy).copied() {
            self.add_signal(&of, &signal);
            self.end.has_signal = true;
        }
        if decision.verdict == Verdict::Denied {
            self.end.denied = Some((*decision, header.instrument));
        }
        self.end.asked = Some(decision.qty);
        let (text, facts) = self.texts.decision(header.instrument, decision);
        self.push(header, "decision", text, facts);
    }

    fn sent(&mut self, header: &RecordHeader, new: &NewOrder) {
        if !self.end.has_signal {
            let (text, facts) = self.texts.implied(new);
            let step = Step::new(header.seq, None, header.time, "signal", text);
            self.steps.push(step.with(facts));
        }
        self.end.sent = Some((*new, header.time));
        let (text, facts) = self.texts.order(header.instrument, new);
        self.push(header, "order", text, facts);
    }

    fn changed(&mut self, header: &RecordHeader, event: &OrderEvent) {
        if event.from == OrderStatus::PendingNew && event.to == OrderStatus::New {
            self.end.arrived = Some((event.venue_time, header.seq));
        }
        if event.to.is_final() {
            self.end.status = Some((event.to, event.reason));
            self.end.final_seq = Some(header.seq);
            self.end.final_time = Some(header.time);
            self.end.ended = Some(event.venue_time).filter(|time| *time != VenueNs::NONE);
        }
        let (text, facts) = self.texts.change(event);
        self.push(header, "event", text, facts);
    }

    fn filled(&mut self, header: &RecordHeader, fill: &Fill) {
        self.causes.push(fill.decided_by);
        self.awaits_position = Some(header.seq);
        self.end.fills.push(*fill);
        let (text, facts) = self.texts.fill(header.instrument, fill, header.time);
        self.push(header, "fill", text, facts);
    }

    /// Returns the stay that is worth watching: of an order that was not filled whole.
    fn stay(&self) -> Option<Stay> {
        let (new, _) = self.end.sent.as_ref()?;
        let (arrived, first_seq) = self.end.arrived?;
        let is_whole = matches!(self.end.status, Some((OrderStatus::Filled, _)));
        if is_whole || new.price.0 == 0 {
            return None;
        }
        Some(Stay {
            instrument: self.of?.1,
            side: new.side,
            price: new.price,
            arrived,
            ended: self.end.ended,
            first_seq,
            last_seq: self.end.final_seq.unwrap_or(self.last_seq),
        })
    }
}
