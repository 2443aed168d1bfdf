//! Messages of ours on their way to the paper venue.
//!
//! Called by the paper venue only.

use super::PaperOrder;
use claire_types::{InstrumentId, OrderId, OrderReason, VenueNs};
use serde::{Deserialize, Serialize};

/// A message and when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Arrival {
    pub at: VenueNs,
    /// In the order of sending.
    pub number: u64,
    pub instrument: InstrumentId,
    pub message: Message,
}

/// What we tell the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    Order(PaperOrder),
    Cancel { order: OrderId, reason: OrderReason },
}

impl Arrival {
    pub(super) const fn is_order(&self) -> bool {
        matches!(self.message, Message::Order(_))
    }
}
