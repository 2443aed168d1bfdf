//! When reports and cancels arrive, and what ends or outlives a session.

use super::*;

#[test]
fn a_report_waits_for_the_response_latency_and_for_its_deciding_event() {
    let mut stage = Stage::new();
    stage.venue.set_offset(DurationNs::from_ms(-1_270));
    assert_eq!(stage.venue.venue_time(WallNs(0)), ms(1_270));
    stage.send(Side::Buy, 1, 0, OrderFlags::NONE, 2_000);
    // Venue time 2010 + 10 is 750 of our clock; the event came at 740.
    let moment = Moment {
        venue_time: ms(2_015),
        recv: WallNs(740 * NS_PER_MS),
        seq: 9,
    };
    stage.venue.arrive(MARKET, &stage.book, moment);
    assert_eq!(stage.venue.due(WallNs(750 * NS_PER_MS - 1)), None);
    let report = stage.venue.due(WallNs(750 * NS_PER_MS)).expect("due");
    assert_eq!((report.kind, report.decided_by), (ReportKind::Ack, 9));
    // Had the event come later than that, the report would come with it.
    stage.send(Side::Buy, 1, 0, OrderFlags::NONE, 2_000);
    stage
        .venue
        .due(WallNs(i64::MAX))
        .expect("the first order's fill");
    let moment = Moment {
        venue_time: ms(2_015),
        recv: WallNs(900 * NS_PER_MS),
        seq: 10,
    };
    stage.venue.arrive(MARKET, &stage.book, moment);
    assert_eq!(stage.venue.due_next(), Some(WallNs(900 * NS_PER_MS)));
}

#[test]
fn a_cancel_takes_the_entry_latency_and_can_be_too_late() {
    let mut stage = Stage::new();
    let first = stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_000);
    let second = stage.send(Side::Buy, 1, 99, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.cancel(first, 1_020);
    stage.cancel(second, 1_020);
    // At 1029 the cancels are on their way: the first order is filled through.
    stage.trade(1_029, 99, 1, Side::Sell);
    stage.trade(1_031, 98, 9, Side::Sell);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "ack@1010"),
            (1, "maker 1x100 TradedThrough@1029"),
            (1, "refused TOO_LATE@1030"),
            (2, "cancelled CANCELLED_BY_STRATEGY@1030"),
        ],
    );
}

#[test]
fn a_session_that_starts_over_ends_what_rests_and_what_is_on_its_way() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.send(Side::Buy, 1, 100, OrderFlags::NONE, 1_020);
    let moment = stage.moment(1_021);
    stage.venue.end(None, OrderReason::SessionReset, moment);
    check(
        &mut stage,
        &[
            (1, "ack@1010"),
            (2, "cancelled SESSION_RESET@1021"),
            (1, "cancelled SESSION_RESET@1021"),
        ],
    );
    assert!(stage.venue.is_idle());
}

#[test]
fn a_venue_read_from_a_snapshot_goes_on_as_if_nothing_happened() {
    let mut stage = Stage::new();
    stage.send(Side::Buy, 6, 101, OrderFlags::NONE, 1_000);
    stage.timer(1_010);
    stage.send(Side::Sell, 2, 103, OrderFlags::NONE, 1_010);
    let bytes = postcard::to_allocvec(&stage.venue).expect("encodes");
    let mut twin = Stage::new();
    twin.venue = postcard::from_bytes(&bytes).expect("decodes");
    twin.venue.reserve_room();
    assert_eq!(twin.venue, stage.venue);
    for stage in [&mut stage, &mut twin] {
        stage.trade(1_030, 100, 1, Side::Sell);
    }
    assert_eq!(twin.told(9_999), stage.told(9_999));
}
