//! The order state machine of SPEC 7: one table; what is not in it is refused.
//!
//! Called by the order table for every report and every cancel or replace of ours.

use super::Order;
use claire_types::{OrderReason, OrderStatus, Qty};

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The venue has it.
    Ack,
    /// A deal of this quantity, above zero.
    Fill(Qty),
    /// Our cancel went out.
    CancelSent,
    /// The venue refused our cancel.
    CancelRefused,
    /// Our replace went out.
    ReplaceSent,
    /// The venue replaced it.
    Replaced,
    /// The venue refused our replace.
    ReplaceRefused,
    /// No answer: time-out, 5xx, drop.
    Lost,
    /// The venue cancelled it, at our wish or its own.
    Cancelled(OrderReason),
    /// The venue refused it.
    Rejected(OrderReason),
    /// It ended by its own terms.
    Expired(OrderReason),
}

/// Why a change was refused; the order is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// No such order, or it was final so long ago that its place was reused.
    Unknown,
    /// The order is final: report it, it is the venue's contradiction or a race.
    Final(OrderStatus),
    /// The table has no such change from this state.
    Illegal(OrderStatus),
    /// A fill of nothing, or of more than is left: halt, the venue and we disagree.
    Overfill,
}

/// Returns the state and filled quantity after the change.
///
/// # Errors
/// A [`ChangeFault`] where the table has no such transition.
pub fn next(order: &Order, change: Change) -> Result<(OrderStatus, Qty), ChangeFault> {
    use OrderStatus as S;
    let from = order.status;
    if from.is_final() {
        return Err(ChangeFault::Final(from));
    }
    if let Change::Fill(qty) = change {
        return fill(order, qty);
    }
    let resting = order.resting_status(order.filled);
    let to = match (from, change) {
        (S::PendingNew, Change::Ack) => S::New,
        (S::PartiallyFilled | S::PendingCancel | S::PendingReplace, Change::Ack)
            if !order.is_acked =>
        {
            from
        }
        (S::Unknown, Change::Ack) if order.filled.0 > 0 => S::PartiallyFilled,
        (S::Unknown, Change::Ack) => S::New,
        (S::PendingNew | S::New | S::PartiallyFilled | S::PendingReplace, Change::CancelSent) => {
            S::PendingCancel
        }
        (S::Unknown, Change::CancelSent) => S::Unknown,
        (S::PendingCancel, Change::CancelRefused) => resting,
        (S::Unknown, Change::CancelRefused) => S::Unknown,
        (S::New | S::PartiallyFilled, Change::ReplaceSent) => S::PendingReplace,
        (S::PendingReplace, Change::Replaced | Change::ReplaceRefused) => resting,
        // Our cancel overtook the answer to our replace.
        (S::PendingCancel, Change::Replaced | Change::ReplaceRefused) => S::PendingCancel,
        (_, Change::Lost) => S::Unknown,
        (_, Change::Cancelled(_)) => S::Cancelled,
        (_, Change::Expired(_)) => S::Expired,
        // What the venue acknowledged or filled it can no longer refuse.
        (S::PendingNew | S::PendingCancel | S::Unknown, Change::Rejected(_))
            if !order.is_acked && order.filled.0 == 0 =>
        {
            S::Rejected
        }
        _ => return Err(ChangeFault::Illegal(from)),
    };
    Ok((to, order.filled))
}

fn fill(order: &Order, qty: Qty) -> Result<(OrderStatus, Qty), ChangeFault> {
    let filled = order.filled.checked_add(qty).ok_or(ChangeFault::Overfill)?;
    if qty.0 <= 0 || filled > order.qty {
        return Err(ChangeFault::Overfill);
    }
    let to = match order.status {
        _ if filled == order.qty => OrderStatus::Filled,
        OrderStatus::PendingCancel => OrderStatus::PendingCancel,
        OrderStatus::PendingReplace => OrderStatus::PendingReplace,
        _ => OrderStatus::PartiallyFilled,
    };
    Ok((to, filled))
}

impl std::fmt::Display for ChangeFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("no such order"),
            Self::Final(status) => write!(f, "the order is {}", status.as_str()),
            Self::Illegal(status) => write!(f, "no such change from {}", status.as_str()),
            Self::Overfill => f.write_str("a fill of nothing or of more than is left"),
        }
    }
}

impl std::error::Error for ChangeFault {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Reservation;
    use OrderStatus as S;
    use claire_types::{
        Amount, InstrumentId, Note, OrderFlags, OrderId, OrderKind, Price, Side, StrategyId,
        VenueNs, WallNs,
    };

    fn order(status: S, is_acked: bool, filled: i64) -> Order {
        Order {
            id: OrderId::new(1, 1),
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
            side: Side::Buy,
            kind: OrderKind::Limit,
            flags: OrderFlags::NONE,
            qty: Qty(10),
            price: Price(100),
            filled: Qty(filled),
            status,
            is_acked,
            is_exit: false,
            end_reason: OrderReason::None,
            placed: WallNs(0),
            sent: VenueNs(1),
            changed: WallNs(0),
            arrival_mid: Amount::ZERO,
            reservation: Reservation::NONE,
            note: Note::EMPTY,
        }
    }

    const CHANGES: [Change; 12] = [
        Change::Ack,
        Change::Fill(Qty(1)),
        Change::Fill(Qty(10)),
        Change::CancelSent,
        Change::CancelRefused,
        Change::ReplaceSent,
        Change::Replaced,
        Change::ReplaceRefused,
        Change::Lost,
        Change::Cancelled(OrderReason::None),
        Change::Rejected(OrderReason::None),
        Change::Expired(OrderReason::None),
    ];

    #[test]
    fn every_state_and_change_has_one_answer() {
        let (n, new, part, full) = (
            None,
            Some(S::New),
            Some(S::PartiallyFilled),
            Some(S::Filled),
        );
        let (cancelled, rejected, expired) =
            (Some(S::Cancelled), Some(S::Rejected), Some(S::Expired));
        let (cancel, replace, lost) = (
            Some(S::PendingCancel),
            Some(S::PendingReplace),
            Some(S::Unknown),
        );
        let pending_new = Some(S::PendingNew);
        // ack, fill 1, fill all, cancel sent, cancel refused, replace sent, replaced, replace refused, lost,
        // cancelled, rejected, expired
        let table = [
            (
                order(S::PendingNew, false, 0),
                [
                    new, part, full, cancel, n, n, n, n, lost, cancelled, rejected, expired,
                ],
            ),
            (
                order(S::New, true, 0),
                [
                    n, part, full, cancel, n, replace, n, n, lost, cancelled, n, expired,
                ],
            ),
            (
                order(S::PendingCancel, false, 0),
                [
                    cancel,
                    cancel,
                    full,
                    n,
                    pending_new,
                    n,
                    cancel,
                    cancel,
                    lost,
                    cancelled,
                    rejected,
                    expired,
                ],
            ),
            (
                order(S::PendingCancel, true, 0),
                [
                    n, cancel, full, n, new, n, cancel, cancel, lost, cancelled, n, expired,
                ],
            ),
            (
                order(S::PendingReplace, true, 0),
                [
                    n, replace, full, cancel, n, n, new, new, lost, cancelled, n, expired,
                ],
            ),
            (
                order(S::Unknown, false, 0),
                [
                    new, part, full, lost, lost, n, n, n, lost, cancelled, rejected, expired,
                ],
            ),
        ];
        for (order, answers) in table {
            for (change, want) in CHANGES.into_iter().zip(answers) {
                assert_eq!(
                    next(&order, change).ok().map(|(status, _)| status),
                    want,
                    "{:?} acked {} on {change:?}",
                    order.status,
                    order.is_acked
                );
            }
        }
    }

    #[test]
    fn nothing_happens_to_a_final_order() {
        for status in S::ALL.into_iter().filter(|status| status.is_final()) {
            for change in CHANGES {
                let fault = next(&order(status, true, 0), change).err();
                assert_eq!(fault, Some(ChangeFault::Final(status)), "{change:?}");
            }
        }
    }

    #[test]
    fn partly_filled_orders_keep_their_fills_through_every_change() {
        let held = order(S::PartiallyFilled, false, 4);
        assert_eq!(next(&held, Change::Ack), Ok((S::PartiallyFilled, Qty(4))));
        assert_eq!(next(&held, Change::Fill(Qty(6))), Ok((S::Filled, Qty(10))));
        assert_eq!(
            next(&held, Change::Fill(Qty(7))),
            Err(ChangeFault::Overfill)
        );
        assert_eq!(
            next(&held, Change::Fill(Qty(0))),
            Err(ChangeFault::Overfill)
        );
        assert_eq!(
            next(&held, Change::Rejected(OrderReason::None)),
            Err(ChangeFault::Illegal(S::PartiallyFilled))
        );
        let cancelling = order(S::PendingCancel, true, 4);
        assert_eq!(
            next(&cancelling, Change::CancelRefused),
            Ok((S::PartiallyFilled, Qty(4)))
        );
        let lost = order(S::Unknown, true, 4);
        assert_eq!(next(&lost, Change::Ack), Ok((S::PartiallyFilled, Qty(4))));
    }
}
