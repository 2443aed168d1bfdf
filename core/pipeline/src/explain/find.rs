//! Which order an id belongs to, and which ids are nearest where there is none.
//!
//! One pass over the records of a journal.

use super::{Question, Unknown, held_order};
use claire_types::record::RecordHeader;
use claire_types::{OrderId, Record, StrategyId};
use std::collections::BTreeSet;

/// What an id turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An order, or something of it.
    Order(OrderId),
    /// A signal that no order followed.
    Signal {
        /// Engine sequence of its input.
        seq: u64,
        /// Its place among that input's records.
        index: u32,
    },
}

/// Looks for an id.
pub(super) struct Finder {
    question: Question,
    found: Option<OrderId>,
    /// The signal that was asked for: whose it is, until an order of the same call follows.
    signal: Option<(u64, u32, StrategyId)>,
    orders: Neighbors<OrderId>,
    /// Orders that the engine held: they are told of before they are decided.
    held: BTreeSet<OrderId>,
    fills: Neighbors<u64>,
    records: Neighbors<(u64, u32)>,
}

/// First, last and nearest ids of a kind.
struct Neighbors<T> {
    wanted: Option<T>,
    below: Option<T>,
    above: Option<T>,
    first: Option<T>,
    last: Option<T>,
    count: u64,
}

impl Finder {
    pub(super) const fn new(question: Question) -> Self {
        let (mut order, mut fill, mut record) = (None, None, None);
        match question {
            Question::Order(id) => order = Some(id),
            Question::Fill(number) => fill = Some(number),
            Question::Record { seq, index } => record = Some((seq, index)),
        }
        Self {
            question,
            found: None,
            signal: None,
            orders: Neighbors::new(order),
            held: BTreeSet::new(),
            fills: Neighbors::new(fill),
            records: Neighbors::new(record),
        }
    }

    pub(super) fn take(&mut self, header: &RecordHeader, record: &Record) {
        let id = (header.seq, header.index);
        if let Record::Signal(_) = record {
            self.records.see(id);
            if self.records.wanted == Some(id) {
                self.signal = Some((header.seq, header.index, header.strategy));
            }
            return;
        }
        let order = match record {
            Record::Decision(decision) => decision.order,
            Record::Order(new) => new.order,
            Record::OrderEvent(event) => event.order,
            Record::Note(note) => match held_order(note) {
                Some(order) => order,
                None => return,
            },
            Record::Fill(fill) => {
                self.fills.see(fill.fill_id);
                if self.fills.wanted == Some(fill.fill_id) {
                    self.found.get_or_insert(fill.order);
                }
                fill.order
            }
            _ => return,
        };
        self.records.see(id);
        let is_new = match record {
            Record::Note(_) => self.held.insert(order),
            Record::Decision(_) => !self.held.contains(&order),
            _ => false,
        };
        if is_new {
            self.orders.see(order);
        }
        let follows_signal = self
            .signal
            .is_some_and(|(seq, _, strategy)| seq == header.seq && strategy == header.strategy);
        if follows_signal || self.orders.wanted == Some(order) || self.records.wanted == Some(id) {
            self.found.get_or_insert(order);
        }
    }

    /// Returns what the id is.
    ///
    /// # Errors
    /// The nearest ids where there is none.
    pub(super) fn finish(self) -> Result<Target, Unknown> {
        if let Some(order) = self.found {
            return Ok(Target::Order(order));
        }
        if let Some((seq, index, _)) = self.signal {
            return Ok(Target::Signal { seq, index });
        }
        let record = |(seq, index): (u64, u32)| format!("{seq}.{index}");
        let nearest = match self.question {
            Question::Order(_) => self.orders.nearest(|id| id.to_string()),
            Question::Fill(_) => self.fills.nearest(|number| format!("f{number}")),
            Question::Record { .. } => self.records.nearest(record),
        };
        Err(Unknown {
            asked: self.question.to_string(),
            nearest,
            held: format!(
                "{}, {}",
                self.orders.words("orders", |id| id.to_string()),
                self.fills.words("fills", |number| format!("f{number}"))
            ),
        })
    }
}

impl<T: Copy + Ord> Neighbors<T> {
    const fn new(wanted: Option<T>) -> Self {
        Self {
            wanted,
            below: None,
            above: None,
            first: None,
            last: None,
            count: 0,
        }
    }

    fn see(&mut self, id: T) {
        self.count += 1;
        self.first = Some(self.first.map_or(id, |first| first.min(id)));
        self.last = self.last.max(Some(id));
        match self.wanted {
            Some(wanted) if id < wanted => self.below = self.below.max(Some(id)),
            Some(wanted) if id > wanted => {
                self.above = Some(self.above.map_or(id, |above| above.min(id)));
            }
            _ => {}
        }
    }

    fn nearest(&self, shown: impl Fn(T) -> String) -> Vec<String> {
        [self.below, self.above]
            .into_iter()
            .flatten()
            .map(shown)
            .collect()
    }

    fn words(&self, name: &str, shown: impl Fn(T) -> String) -> String {
        match (self.first, self.last) {
            (Some(first), Some(last)) => {
                format!("{} {name}, {} to {}", self.count, shown(first), shown(last))
            }
            _ => format!("no {name}"),
        }
    }
}
