//! Flow at the touch and by trades against plain computations over all events, and by hand.

use super::{is_close, spec};
use crate::indicator::{Indicator, TouchF64, TradeF64};
use claire_types::{Side, WallNs};

const START_MS: i64 = 1_723_161_253_017;

fn at(ms: i64) -> WallNs {
    WallNs((START_MS + ms) * 1_000_000)
}

fn trade(ms: i64, qty: f64, side: Side) -> TradeF64 {
    TradeF64 {
        now: at(ms),
        price: 100.0,
        qty,
        side,
    }
}

/// Numbers from a seed that a failure prints.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

/// Events with gaps from none to more than a window of 10 s: milliseconds, four numbers.
fn events(seed: u64, count: usize) -> Vec<(i64, [u64; 4])> {
    let mut random = random(seed);
    let mut ms = 0;
    let mut event = || {
        ms += match random(100) {
            0 => 12_000,
            1..=20 => 700,
            _ => 30,
        } * i64::try_from(random(3)).expect("small");
        (ms, [random(5), 1 + random(5), random(40), 1 + random(40)])
    };
    (0..count).map(|_| event()).collect()
}

/// Whether an event of then is in the window of 10 s now: within the last hundred slices of 100 ms.
fn is_in(then: i64, now: i64) -> bool {
    let slice = |ms: i64| (START_MS + ms).div_euclid(100);
    slice(then) > slice(now) - 100
}

fn is_full(first: i64, now: i64) -> bool {
    let slice = |ms: i64| (START_MS + ms).div_euclid(100);
    slice(now) - slice(first) >= 100
}

#[test]
fn order_flow_at_the_touch_is_the_sum_of_its_events() {
    for seed in [5, 20_261_128] {
        let mut ofi = Indicator::new(spec("ofi", &[10_000.0]));
        let mut flows: Vec<(i64, f64)> = Vec::new();
        let mut before: Option<TouchF64> = None;
        let events = events(seed, 2_000);
        for (ms, [bid, spread, bid_qty, ask_qty]) in &events {
            let touch = TouchF64 {
                bid: 100.0 + *bid as f64,
                bid_qty: *bid_qty as f64 / 8.0,
                ask: 100.0 + (bid + spread) as f64,
                ask_qty: *ask_qty as f64 / 8.0,
            };
            ofi.on_touch(at(*ms), &touch);
            if let Some(old) = before.replace(touch) {
                let bid = match touch.bid.total_cmp(&old.bid) {
                    std::cmp::Ordering::Greater => touch.bid_qty,
                    std::cmp::Ordering::Equal => touch.bid_qty - old.bid_qty,
                    std::cmp::Ordering::Less => -old.bid_qty,
                };
                let ask = match touch.ask.total_cmp(&old.ask) {
                    std::cmp::Ordering::Greater => -old.ask_qty,
                    std::cmp::Ordering::Equal => touch.ask_qty - old.ask_qty,
                    std::cmp::Ordering::Less => touch.ask_qty,
                };
                flows.push((*ms, bid - ask));
            }
            let want: f64 = flows
                .iter()
                .filter(|(then, _)| is_in(*then, *ms))
                .map(|(_, e)| e)
                .sum();
            assert_eq!(
                ofi.is_warm(),
                is_full(events[0].0, *ms) || ofi.has_prev(),
                "seed {seed} {ms}"
            );
            if ofi.is_warm() {
                assert_eq!(ofi.value(), want, "seed {seed} {ms}");
            }
        }
    }
}

#[test]
fn trade_flow_is_the_signed_share_of_what_was_traded() {
    for seed in [7, 20_261_128] {
        let mut flow = Indicator::new(spec("trade_flow", &[10_000.0]));
        let events = events(seed, 2_000);
        let sum = |now: i64, of: usize| -> f64 {
            let seen = events
                .iter()
                .filter(|(ms, _)| *ms <= now && is_in(*ms, now));
            seen.filter(|(_, e)| e[0] as usize % 2 == of)
                .map(|(_, e)| e[2] as f64)
                .sum()
        };
        for (index, (ms, [side, _, qty, _])) in events.iter().enumerate() {
            let side = if side % 2 == 0 { Side::Buy } else { Side::Sell };
            flow.on_trade(&trade(*ms, *qty as f64, side));
            let is_last = events.get(index + 1).is_none_or(|(next, _)| next > ms);
            if !is_last || !is_full(events[0].0, *ms) {
                continue;
            }
            let (bought, sold) = (sum(*ms, 0), sum(*ms, 1));
            let share = if bought + sold > 0.0 {
                (bought - sold) / (bought + sold)
            } else {
                0.0
            };
            let got = [0, 1, 2].map(|output| flow.output(output));
            assert_eq!(got, [share, bought, sold], "seed {seed} {ms}");
        }
        assert!(flow.is_warm());
        // The clock alone empties the window.
        let end = events[events.len() - 1].0;
        flow.on_time(at(end + 20_000));
        assert_eq!([0, 1, 2].map(|output| flow.output(output)), [0.0; 3]);
    }
}

#[test]
fn a_window_of_time_is_warm_when_it_has_passed_and_moves_with_the_clock() {
    let mut flow = Indicator::new(spec("trade_flow", &[1_000.0]));
    flow.on_time(at(0));
    flow.on_trade(&trade(0, 3.0, Side::Buy));
    flow.on_trade(&trade(500, 1.0, Side::Sell));
    flow.on_time(at(990));
    assert!(!flow.is_warm());
    flow.on_time(at(1_000));
    // The trade of the first slice has left, that of half a second ago has not.
    assert!(flow.is_warm());
    assert_eq!(
        [0, 1, 2].map(|output| flow.output(output)),
        [-1.0, 0.0, 1.0]
    );
    flow.on_time(at(1_002));
    assert!(!flow.has_prev(), "within a slice nothing moves");
    flow.on_time(at(1_600));
    assert_eq!([0, 1, 2].map(|output| flow.output(output)), [0.0; 3]);
    assert_eq!(flow.prev(), -1.0);
    // A clock that goes back is the slice in progress.
    flow.on_trade(&trade(300, 2.0, Side::Buy));
    assert_eq!(flow.value(), 1.0);
}

#[test]
fn a_lost_book_is_no_order_flow() {
    let touch = |bid: f64| TouchF64 {
        bid,
        bid_qty: 2.0,
        ask: bid + 1.0,
        ask_qty: 3.0,
    };
    let mut ofi = Indicator::new(spec("ofi", &[100.0]));
    ofi.on_touch(at(0), &touch(10.0));
    ofi.on_touch(at(99), &touch(11.0));
    ofi.on_touch(at(100), &touch(11.0));
    assert_eq!(ofi.value(), 5.0, "a bid of 2 came, an ask of 3 went");
    ofi.forget_touch();
    ofi.on_touch(at(101), &touch(20.0));
    assert_eq!(ofi.value(), 5.0);
    ofi.on_touch(at(102), &touch(20.0));
    assert_eq!(ofi.value(), 5.0);
}

#[test]
fn informed_trading_counts_whole_buckets_and_splits_trades() {
    let mut vpin = Indicator::new(spec("vpin", &[10.0, 2.0]));
    let mut values = Vec::new();
    for (qty, side) in [
        (6.0, Side::Buy),
        (4.0, Side::Sell), // 10: 6 to 4
        (9.0, Side::Buy),
        (3.0, Side::Sell), // 10: 9 to 1, and 2 sold
        (7.0, Side::Buy),
        (25.0, Side::Sell), // 10: 7 to 3, then 10 and 10 sold, and 4 sold
        (6.0, Side::Buy),   // 10: 4 sold, 6 bought
        (1_000.0, Side::Buy),
    ] {
        vpin.on_trade(&trade(0, qty, side));
        values.push(vpin.value());
    }
    let want = [
        0.0,
        0.0,
        0.0,
        (2.0 + 8.0) / 20.0,
        0.5,
        1.0,
        (10.0 + 2.0) / 20.0,
        1.0,
    ];
    for (got, want) in values.iter().zip(want) {
        assert!(is_close(*got, want, 1e-15), "{values:?}");
    }
}

#[test]
fn informed_trading_equals_a_count_of_units() {
    for seed in [3, 20_261_128] {
        let mut vpin = Indicator::new(spec("vpin", &[7.0, 12.0]));
        let mut units: Vec<f64> = Vec::new();
        for (ms, [side, _, qty, _]) in events(seed, 3_000) {
            let side = if side % 2 == 0 { Side::Buy } else { Side::Sell };
            vpin.on_trade(&trade(ms, qty as f64, side));
            units.extend((0..qty).map(|_| side.sign() as f64));
            let buckets: Vec<f64> = units
                .chunks_exact(7)
                .map(|unit| unit.iter().sum::<f64>().abs())
                .collect();
            let Some(last) = buckets.len().checked_sub(12).map(|from| &buckets[from..]) else {
                assert!(!vpin.is_warm());
                continue;
            };
            let want = last.iter().sum::<f64>() / 84.0;
            assert!(
                is_close(vpin.value(), want, 1e-14),
                "seed {seed}: {} {want}",
                vpin.value()
            );
            units.drain(..(buckets.len() - 12) * 7);
        }
    }
}

#[test]
fn events_that_are_no_numbers_are_left_out() {
    let mut flow = Indicator::new(spec("trade_flow", &[100.0]));
    for qty in [f64::NAN, f64::INFINITY, -1.0] {
        flow.on_trade(&trade(0, qty, Side::Buy));
    }
    flow.on_trade(&trade(0, 1.0, Side::Buy));
    flow.on_trade(&trade(100, 1.0, Side::Sell));
    assert_eq!((flow.value(), flow.output(1)), (-1.0, 0.0));
    let touch = TouchF64 {
        bid: f64::NAN,
        ..TouchF64::default()
    };
    let mut ofi = Indicator::new(spec("ofi", &[100.0]));
    ofi.on_touch(at(0), &touch);
    assert_eq!(ofi.refused_count(), 1);
}

#[test]
fn a_flow_that_was_written_and_read_goes_on_the_same() {
    let specs = [
        spec("ofi", &[1_000.0]),
        spec("trade_flow", &[1_000.0]),
        spec("vpin", &[5.0, 3.0]),
        spec("book_imbalance", &[5.0, 9.0]),
        spec("sma", &[5.0]),
        spec("vwap", &[]),
    ];
    for spec in specs {
        let mut kept = Indicator::new(spec);
        let feed = |of: &mut Indicator, part: &[(i64, [u64; 4])]| {
            for (ms, [bid, spread, bid_qty, ask_qty]) in part {
                let side = if bid % 2 == 0 { Side::Buy } else { Side::Sell };
                match spec.kind() {
                    crate::indicator::IndicatorKind::Ofi => of.on_touch(
                        at(*ms),
                        &TouchF64 {
                            bid: *bid as f64,
                            bid_qty: *bid_qty as f64,
                            ask: (bid + spread) as f64,
                            ask_qty: *ask_qty as f64,
                        },
                    ),
                    crate::indicator::IndicatorKind::BookImbalance => of.on_value(*bid as f64),
                    _ => of.on_trade(&trade(*ms, *bid_qty as f64, side)),
                }
            }
        };
        let events = events(11, 1_000);
        feed(&mut kept, &events[..500]);
        let bytes = postcard::to_allocvec(&kept).expect("written");
        let mut read: Indicator = postcard::from_bytes(&bytes).expect("read");
        feed(&mut kept, &events[500..]);
        feed(&mut read, &events[500..]);
        assert_eq!(read, kept);
        assert!(kept.is_warm(), "{spec:?}");
    }
}
