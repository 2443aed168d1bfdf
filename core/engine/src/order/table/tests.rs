//! What the table keeps, adds up, releases and refuses.

use super::*;
use crate::risk::Purpose;
use crate::risk::gate::approve;
use claire_types::{OrderFlags, OrderKind};

fn limits() -> TableLimits {
    TableLimits {
        instruments_max: 2,
        strategies_max: 2,
        currencies_max: 1,
        orders_working_max: 3,
        orders_final_kept: 2,
        ..TableLimits::default()
    }
}

fn intent(strategy: StrategyId, side: Side, qty: i64, price: i64) -> Intent {
    Intent {
        strategy,
        instrument: InstrumentId(1),
        side,
        kind: OrderKind::Limit,
        flags: OrderFlags::NONE,
        qty: Qty(qty),
        price: Price(price),
        purpose: Purpose::Order,
    }
}

fn stamp(number: u64, reserved: i128) -> OrderStamp {
    OrderStamp {
        id: OrderId::new(1, number),
        placed: WallNs(5),
        sent: VenueNs(6),
        arrival_mid: Amount::ZERO,
        reservation: Reservation {
            currency: Currency::cut("USDT"),
            amount: Amount(reserved),
        },
        note: Note::EMPTY,
    }
}

fn add(table: &mut OrderTable, number: u64, side: Side, qty: i64) -> OrderId {
    let approved = approve(
        intent(StrategyId(0), side, qty, 100),
        number.is_multiple_of(2),
    );
    table.add(approved, &stamp(number, 1_000)).expect("room").id
}

#[test]
fn sums_follow_every_change_and_end_at_zero() {
    let mut table = OrderTable::new(limits());
    let first = add(&mut table, 1, Side::Buy, 10);
    let second = add(&mut table, 2, Side::Sell, 8);
    let working = table.strategy_working(StrategyId(0), InstrumentId(1));
    assert_eq!(
        (working.buy, working.sell, working.exit_sell),
        (Qty(10), Qty(8), Qty(8))
    );
    assert_eq!(table.account_working(InstrumentId(1)), working);
    let usdt = Currency::cut("USDT");
    assert_eq!(table.reserved(usdt), Amount(2_000));
    table
        .apply(first, Change::Fill(Qty(3)), WallNs(7))
        .expect("working");
    assert_eq!(table.reserved(usdt), Amount(1_700));
    assert_eq!(table.account_working(InstrumentId(1)).buy, Qty(7));
    let over = table.apply(first, Change::Fill(Qty(8)), WallNs(7));
    assert_eq!(over, Err(ChangeFault::Overfill));
    table
        .apply(second, Change::Rejected(OrderReason::NoBook), WallNs(7))
        .expect("pending");
    assert_eq!(table.reserved(usdt), Amount(700));
    table
        .apply(first, Change::CancelSent, WallNs(8))
        .expect("working");
    assert!(!table.is_released());
    table
        .apply(first, Change::Cancelled(OrderReason::RunEnd), WallNs(9))
        .expect("working");
    assert!(table.is_released());
    let order = table.order(first).expect("kept");
    assert_eq!(
        (order.end_reason, order.filled),
        (OrderReason::RunEnd, Qty(3))
    );
    assert_eq!(order.changed, WallNs(9));
}

#[test]
fn final_orders_answer_until_their_place_is_needed() {
    let mut table = OrderTable::new(limits());
    for number in 1..=9 {
        let id = add(&mut table, number, Side::Buy, 1);
        table
            .apply(id, Change::Fill(Qty(1)), WallNs(7))
            .expect("working");
    }
    let known: Vec<bool> = (6..=9)
        .map(|number| table.order(OrderId::new(1, number)).is_some())
        .collect();
    assert_eq!(known, [false, false, true, true]);
    let gone = table.apply(OrderId::new(1, 1), Change::Ack, WallNs(7));
    assert_eq!(gone, Err(ChangeFault::Unknown));
    assert!(table.slots.len() <= 6, "places are reused");
}

#[test]
fn working_orders_are_walked_in_the_order_of_placing() {
    let mut table = OrderTable::new(limits());
    let first = add(&mut table, 1, Side::Buy, 1);
    add(&mut table, 2, Side::Sell, 2);
    table.apply(first, Change::Ack, WallNs(7)).expect("pending");
    add(&mut table, 3, Side::Buy, 3);
    let ids = |orders: Vec<&Order>| {
        orders
            .iter()
            .map(|order| order.id.number())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(table.working().collect()), [1, 2, 3]);
    table
        .apply(first, Change::Expired(OrderReason::Unfilled), WallNs(7))
        .expect("working");
    assert_eq!(ids(table.working_of(StrategyId(0)).collect()), [2, 3]);
    assert_eq!(ids(table.working_in(InstrumentId(0)).collect()), [0; 0]);
}

#[test]
fn an_order_that_waited_comes_under_its_earlier_id_and_answers_when_it_ended() {
    let mut table = OrderTable::new(limits());
    for number in [1, 2, 4, 5] {
        let id = add(&mut table, number, Side::Buy, 1);
        table
            .apply(id, Change::Fill(Qty(1)), WallNs(7))
            .expect("working");
    }
    add(&mut table, 6, Side::Sell, 1);
    let waited = add(&mut table, 3, Side::Sell, 1);
    let ids: Vec<u64> = table.working().map(|order| order.id.number()).collect();
    assert_eq!(ids, [3, 6]);
    let again = approve(intent(StrategyId(0), Side::Buy, 1, 100), false);
    assert_eq!(
        table.add(again, &stamp(3, 0)).err(),
        Some(AddFault::IdNotNew)
    );
    table
        .apply(waited, Change::Fill(Qty(1)), WallNs(8))
        .expect("working");
    let known: Vec<bool> = [3, 4, 5]
        .map(|number| table.order(OrderId::new(1, number)).is_some())
        .to_vec();
    assert_eq!(known, [true, false, true], "of two, it is kept");
}

#[test]
fn the_best_resting_price_is_the_one_that_would_be_crossed_first() {
    let mut table = OrderTable::new(limits());
    for (number, side, price) in [(1, Side::Buy, 90), (2, Side::Buy, 95), (3, Side::Sell, 110)] {
        let approved = approve(intent(StrategyId(0), side, 1, price), false);
        table.add(approved, &stamp(number, 0)).expect("room");
    }
    assert_eq!(
        table.best_resting(InstrumentId(1), Side::Buy, |_| false),
        Some(Price(95))
    );
    assert_eq!(
        table.best_resting(InstrumentId(1), Side::Sell, |_| false),
        Some(Price(110))
    );
    assert_eq!(
        table.best_resting(InstrumentId(0), Side::Sell, |_| false),
        None
    );
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut table = OrderTable::new(limits());
    add(&mut table, 5, Side::Buy, 1);
    let before = table.clone();
    let outside = approve(intent(StrategyId(2), Side::Buy, 1, 100), false);
    assert_eq!(
        table.add(outside, &stamp(6, 0)).err(),
        Some(AddFault::OutsideTables)
    );
    let old = approve(intent(StrategyId(0), Side::Buy, 1, 100), false);
    assert_eq!(table.add(old, &stamp(5, 0)).err(), Some(AddFault::IdNotNew));
    let foreign = approve(intent(StrategyId(0), Side::Buy, 1, 100), false);
    let mut other = stamp(6, 1);
    other.reservation.currency = Currency::cut("BTC");
    assert_eq!(
        table.add(foreign, &other).err(),
        Some(AddFault::OutsideTables)
    );
    assert_eq!(table, before);
    let nobody = approve(intent(StrategyId::NONE, Side::Buy, 1, 100), false);
    assert!(table.add(nobody, &stamp(6, 0)).is_ok());
    add(&mut table, 7, Side::Buy, 1);
    let fourth = approve(intent(StrategyId(0), Side::Buy, 1, 100), false);
    assert_eq!(table.add(fourth, &stamp(8, 0)).err(), Some(AddFault::Full));
}

#[test]
fn a_table_read_from_a_snapshot_is_the_same_table() {
    let mut table = OrderTable::new(limits());
    let first = add(&mut table, 1, Side::Buy, 10);
    add(&mut table, 2, Side::Sell, 10);
    table
        .apply(first, Change::Fill(Qty(10)), WallNs(7))
        .expect("working");
    let bytes = postcard::to_allocvec(&table).expect("encodes");
    let mut twin: OrderTable = postcard::from_bytes(&bytes).expect("decodes");
    twin.reserve_room();
    assert_eq!(twin, table);
}
