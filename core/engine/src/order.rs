//! Our orders: what each is, where it stands, and what all working ones add up to.
//!
//! Called by the engine on the engine thread: the desk adds approved orders, reports change them.
//! Never decides whether an order may be sent; that is the gate's.

pub mod status;
mod sums;
pub mod table;

pub use status::{Change, ChangeFault};
pub use sums::Working;
pub use table::{AddFault, OrderStamp, OrderTable, Reservation, TableMark, Transition};

use claire_types::{
    Amount, InstrumentId, Note, OrderFlags, OrderId, OrderKind, OrderReason, OrderStatus, Price,
    Qty, Side, StrategyId, VenueNs, WallNs,
};
use serde::{Deserialize, Serialize};

/// An order that the gate let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Client order id.
    pub id: OrderId,
    /// Whose it is.
    pub strategy: StrategyId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// Market or limit.
    pub kind: OrderKind,
    /// Flags.
    pub flags: OrderFlags,
    /// Ordered quantity, above zero.
    pub qty: Qty,
    /// Limit price; 0 for market orders.
    pub price: Price,
    /// Filled so far.
    pub filled: Qty,
    /// Where it stands.
    pub status: OrderStatus,
    /// The venue said that it has it.
    pub is_acked: bool,
    /// An exit of SPEC 6: capped at the position, allowed in REDUCING and HALTED.
    pub is_exit: bool,
    /// Why it ended, where the state does not say it all.
    pub end_reason: OrderReason,
    /// Engine time at which it was sent.
    pub placed: WallNs,
    /// Venue time at which it was sent.
    pub sent: VenueNs,
    /// Engine time of its last change.
    pub changed: WallNs,
    /// Mid of the merged book when sent; 0 where there was none.
    pub arrival_mid: Amount,
    /// Funds set aside for it.
    pub reservation: Reservation,
    /// Why it was placed, in the script's or the engine's words.
    pub note: Note,
}

impl Order {
    /// Returns what is neither filled nor given up: 0 once the order is final.
    pub fn working_qty(&self) -> Qty {
        if self.status.is_final() {
            return Qty::ZERO;
        }
        Qty(self.qty.0.saturating_sub(self.filled.0).max(0))
    }

    /// Returns whether the order counts as working.
    pub const fn is_working(&self) -> bool {
        !self.status.is_final()
    }

    /// Returns the state of a working order with no cancel or replace on its way.
    pub(crate) fn resting_status(&self, filled: Qty) -> OrderStatus {
        match (filled.0 > 0, self.is_acked) {
            (true, _) => OrderStatus::PartiallyFilled,
            (false, true) => OrderStatus::New,
            (false, false) => OrderStatus::PendingNew,
        }
    }
}
