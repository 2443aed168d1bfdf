//! The orders of a run, as texts that a test file can name.
//!
//! Sidecar thread while the run goes on. Looks only.

use crate::latency::LatencySet;
use crate::watch::Watch;
use claire_types::record::{NewOrder, RecordHeader};
use claire_types::{Cells, Input, Instrument, OrderKind, Record};
use serde::Serialize;
use std::fmt;

/// Orders that are kept of a run.
pub const ORDERS_MAX: usize = 10_000;

/// An order that passed the gate, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedOrder {
    /// Its id: `claire explain` knows it.
    pub order: String,
    /// Engine time, ns since 1970 UTC.
    pub time_ns: i64,
    /// The instrument.
    pub instrument: String,
    /// `buy` or `sell`.
    pub side: &'static str,
    /// In the venue's units.
    pub qty: String,
    /// The limit price; `None` of a market order.
    pub price: Option<String>,
    /// Flags, as in `POST_ONLY|IOC`; empty without any.
    pub flags: String,
    /// Why, in the script's words.
    pub reason: String,
}

/// Collects orders.
#[derive(Default)]
pub(super) struct OrderList {
    instruments: Vec<Instrument>,
    orders: Vec<PlacedOrder>,
}

impl OrderList {
    /// Returns what was collected, in order.
    pub fn into_orders(self) -> Vec<PlacedOrder> {
        self.orders
    }

    fn add(&mut self, record: &RecordHeader, order: &NewOrder) {
        let mut known = self.instruments.iter();
        let Some(facts) = known.find(|facts| facts.id == record.instrument) else {
            return;
        };
        let scale = facts.scale;
        self.orders.push(PlacedOrder {
            order: order.order.to_string(),
            time_ns: record.time.0,
            instrument: facts.key.to_string(),
            side: order.side.as_str(),
            qty: order.qty.decimal(scale.qty_digits).to_string(),
            price: (order.kind != OrderKind::Market)
                .then(|| order.price.decimal(scale.price_digits).to_string()),
            flags: match order.flags.0 {
                0 => String::new(),
                _ => order.flags.to_string(),
            },
            reason: order.reason.to_string(),
        });
    }
}

impl Watch for OrderList {
    fn see(&mut self, message: &Cells<'_>) {
        let Ok(first) = message.at(0) else {
            return;
        };
        if !Record::is_record(first.low) {
            if let Ok((_, Input::Instrument(facts))) = Input::decode(message) {
                self.instruments.push(facts);
            }
        } else if self.orders.len() < ORDERS_MAX
            && let Ok((header, Record::Order(order))) = Record::decode(message)
        {
            self.add(&header, &order);
        }
    }

    fn collect(&mut self, _: &LatencySet) {}

    fn committed(&mut self) {}
}

impl fmt::Display for PlacedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.side, self.qty)?;
        if let Some(price) = &self.price {
            write!(f, " @ {price}")?;
        }
        if !self.flags.is_empty() {
            write!(f, " {}", self.flags)?;
        }
        match self.reason.is_empty() {
            true => Ok(()),
            false => write!(f, " [{}]", self.reason),
        }
    }
}
