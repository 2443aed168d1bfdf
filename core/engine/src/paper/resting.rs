//! Orders that rest at the paper venue, and their place in the queue.
//!
//! Called by the paper venue only.

use super::PaperOrder;
use claire_types::{InstrumentId, Qty, Side, VenueNs};
use serde::{Deserialize, Serialize};

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resting {
    pub order: PaperOrder,
    /// Not filled yet, above zero.
    pub left: Qty,
    pub arrived: VenueNs,
    /// In the order of arrival.
    pub number: u64,
    pub queue: Queue,
}

/// The queue before a resting order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Queue {
    /// Unknown where the order came while the book was not proven.
    pub is_known: bool,
    /// Before us now.
    pub ahead: Qty,
    /// Before us when we arrived.
    pub at_entry: Qty,
    /// Of it, what traded.
    pub traded: Qty,
    /// Of it, what was cancelled.
    pub cancelled: Qty,
}

impl Resting {
    /// Returns the place in the table: by instrument and side, better prices first, then earlier ones.
    pub(super) const fn key(&self) -> (InstrumentId, Side, i64, u64) {
        let price = self.order.price.0.saturating_mul(-self.order.side.sign());
        (self.order.instrument, self.order.side, price, self.number)
    }
}

impl Queue {
    /// Returns the queue of an order that joins behind `ahead`.
    pub(super) const fn behind(ahead: Qty) -> Self {
        Self {
            is_known: true,
            ahead,
            at_entry: ahead,
            traded: Qty::ZERO,
            cancelled: Qty::ZERO,
        }
    }

    /// Follows the level: it cannot hide more before us than it displays.
    pub(super) fn follow(&mut self, displayed: Qty) {
        let gone = self.ahead.0.saturating_sub(displayed.0).max(0);
        self.ahead.0 = self.ahead.0.saturating_sub(gone);
        self.cancelled.0 = self.cancelled.0.saturating_add(gone);
    }

    /// Takes a trade at our price; returns what of it is left for us.
    pub(super) fn trade(&mut self, qty: Qty) -> Qty {
        let counted = qty.0.min(self.ahead.0);
        self.ahead.0 -= counted;
        self.traded.0 = self.traded.0.saturating_add(counted);
        Qty(qty.0 - counted)
    }
}
