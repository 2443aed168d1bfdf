//! Each check of SPEC 6 met on the way of a real order: the market and the strategy provoke it.

use crate::play::{Actor, BTC, ETH, Play, config, instrument, limit, market};
use claire_engine::strategy::{IndicatorSource, OrderRequest};
use claire_types::{
    Amount, BookReason, CommandKind, Contract, GateCode, Input, InstrumentId, Mode, Side,
    StrategyId, TradingState,
};

const ACCOUNT: StrategyId = StrategyId::NONE;

fn share(percent: i128) -> Option<Amount> {
    Some(Amount(Amount::ONE.0 * percent / 100))
}

/// 4 units at 100 are 400 of 10,000: within every limit.
fn usual() -> OrderRequest {
    limit(Side::Buy, 4.0, 100.0)
}

#[test]
fn what_nothing_speaks_against_is_sent() {
    let mut play = Play::new(config(1));
    assert_eq!(play.place(usual()).denied, GateCode::Ok);
}

#[test]
fn check_1_the_kill_switch_stops_entries_and_exits() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.command(CommandKind::Kill, ACCOUNT);
    play.assert_denied(usual(), GateCode::KillSwitch);
    let exit = play.act(0, |desk| desk.flatten(BTC, "out"));
    assert_eq!(exit.denied, GateCode::KillSwitch);
    play.command(CommandKind::Resume, ACCOUNT);
    play.assert_denied(usual(), GateCode::KillSwitch);
}

#[test]
fn check_2_a_mode_that_does_not_send_stops_all() {
    let mut settings = config(1);
    settings.mode = Mode::Shadow;
    Play::new(settings).assert_denied(usual(), GateCode::Mode);
}

#[test]
fn check_3_a_halted_account_takes_no_entries_until_it_resumes() {
    let mut play = Play::new(config(1));
    play.command(CommandKind::Halt, ACCOUNT);
    play.assert_denied(usual(), GateCode::TradingState);
    play.command(CommandKind::Resume, ACCOUNT);
    assert_eq!(play.place(usual()).denied, GateCode::Ok);
}

#[test]
fn check_3_reducing_takes_what_reduces() {
    let mut play = Play::new(config(1));
    play.buy(4.0);
    play.command(CommandKind::Reduce, ACCOUNT);
    play.assert_denied(usual(), GateCode::TradingState);
    let reduces = play.place(market(Side::Sell, 4.0));
    assert_eq!(reduces.denied, GateCode::Ok);
}

#[test]
fn check_3_a_paused_strategy_stops_alone() {
    let mut play = Play::new(config(2));
    let rest =
        |desk: &mut dyn claire_engine::strategy::Desk| desk.place(&limit(Side::Buy, 1.0, 99.0));
    let (own, other) = (play.act(0, rest), play.act(1, rest));
    play.settle(10_000);
    play.command(CommandKind::Pause, StrategyId(0));
    play.assert_denied(usual(), GateCode::TradingState);
    let passes = play.act(1, |desk| desk.place(&usual()));
    assert_eq!(passes.denied, GateCode::Ok);
    play.settle(10_000);
    let is_open = |play: &mut Play, order| play.act(0, move |desk| desk.order(order).is_open);
    assert!(!is_open(&mut play, own), "its entries are cancelled");
    assert!(is_open(&mut play, other), "those of others are not");
}

#[test]
fn check_4_a_strategy_that_has_not_begun_orders_nothing() {
    let actor = Actor::with_init(|desk| {
        assert_eq!(desk.place(&usual()).denied, GateCode::Strategy);
        desk.indicator(IndicatorSource::Trades(BTC), "sma", &[30.0])
            .map(|_| ())
            .map_err(|_| crate::play::fault("no sma"))
    });
    let mut play = Play::with(config(1), vec![actor]);
    for _ in 0..29 {
        play.trade(10_000, 1, Side::Buy, true);
    }
    assert_eq!(play.told(0), ["init"], "nothing else is called");
    assert_eq!(play.place(usual()).denied, GateCode::Ok);
}

#[test]
fn check_5_an_instrument_that_does_not_trade_is_not_ordered() {
    let mut facts = instrument(BTC, "BTC", Contract::Linear);
    facts.is_trading = false;
    let mut play = Play::of(config(1), vec![Actor::default()], &[facts]);
    play.assert_denied(usual(), GateCode::Instrument);
    let unknown = OrderRequest {
        market: InstrumentId(7),
        ..usual()
    };
    play.assert_denied(unknown, GateCode::Instrument);
}

#[test]
fn check_6_a_book_that_is_not_proven_takes_no_entries() {
    let mut play = Play::new(config(1));
    play.put(BTC, &Input::BookStale(BookReason::Gap));
    play.assert_denied(usual(), GateCode::DataStale);
    play.book(BTC, 10_000);
    assert_eq!(play.place(usual()).denied, GateCode::Ok);
}

#[test]
fn check_6_a_quiet_book_takes_no_entries_though_the_venue_speaks() {
    let mut play = Play::new(config(1));
    play.pass(60_000);
    play.book(ETH, 5_000);
    play.assert_denied(usual(), GateCode::DataStale);
}

#[test]
fn check_6_a_silent_venue_takes_no_entries_after_five_seconds() {
    let timed =
        || Actor::with_init(|desk| desk.every(100, "t").map_err(|_| crate::play::fault("")));
    for (ms, code) in [(4_800, GateCode::Ok), (5_000, GateCode::DataStale)] {
        let mut play = Play::with(config(1), vec![timed()]);
        play.pass(ms);
        play.hand(0, |desk| {
            desk.place(&usual());
            Ok(())
        });
        play.pass(100);
        assert_eq!(play.decisions().last().map(|d| d.code), Some(code), "{ms}");
    }
}

#[test]
fn check_7_a_venue_that_says_nothing_takes_no_entries() {
    // By default check 6 speaks first: a venue has one connection here, and its limit is shorter.
    for (silent_ms, code) in [(900, GateCode::Ok), (1_100, GateCode::DataSilence)] {
        let mut settings = config(1);
        settings.risk.data_stale_ms = Some(60_000);
        settings.risk.data_silence_ms = Some(1_000);
        let timed =
            Actor::with_init(|desk| desk.every(100, "t").map_err(|_| crate::play::fault("")));
        let mut play = Play::with(settings, vec![timed]);
        play.pass(silent_ms - 100);
        play.hand(0, |desk| {
            desk.place(&usual());
            Ok(())
        });
        play.pass(100);
        let last = play.decisions().last().map(|decision| decision.code);
        assert_eq!(last, Some(code), "{silent_ms}");
    }
}

#[test]
fn check_14_so_many_orders_work_at_once_and_no_more() {
    let mut settings = config(1);
    settings.risk.orders_open_max = Some(2);
    let mut play = Play::new(settings);
    let small = || limit(Side::Buy, 0.5, 99.0);
    let first = play.place(small());
    assert_eq!(first.denied, GateCode::Ok);
    assert_eq!(play.place(small()).denied, GateCode::Ok);
    play.assert_denied(small(), GateCode::OpenCount);
    play.act(0, move |desk| desk.cancel(first));
    play.settle(10_000);
    assert_eq!(play.place(small()).denied, GateCode::Ok);
}

#[test]
fn check_15_orders_a_second_have_a_limit() {
    let mut settings = config(1);
    settings.risk.orders_open_max = Some(100);
    let mut play = Play::new(settings);
    let codes = play.act(0, |desk| {
        let small = limit(Side::Buy, 0.2, 99.0);
        (0..21)
            .map(|_| desk.place(&small).denied)
            .collect::<Vec<_>>()
    });
    assert!(
        codes[..20].iter().all(|code| *code == GateCode::Ok),
        "{codes:?}"
    );
    assert_eq!(codes[20], GateCode::Rate);
    play.pass(1_100);
    play.book(BTC, 10_000);
    assert_eq!(play.place(limit(Side::Buy, 0.2, 99.0)).denied, GateCode::Ok);
}

#[test]
fn check_9_too_little_to_order_or_to_leave_is_denied() {
    let mut play = Play::new(config(1));
    let decision = play.assert_denied(limit(Side::Buy, 0.099, 100.0), GateCode::Precision);
    assert_eq!(decision.measured, "9.9".parse().expect("a number"));
    // 10.5 could be ordered, but not left again after a loss of 5 %.
    play.assert_denied(limit(Side::Buy, 0.105, 100.0), GateCode::Precision);
    assert_eq!(
        play.place(limit(Side::Buy, 0.11, 100.0)).denied,
        GateCode::Ok
    );
}

#[test]
fn check_10_a_price_far_from_the_mid_is_denied_on_both_sides() {
    let mut play = Play::new(config(1));
    play.assert_denied(limit(Side::Buy, 1.0, 102.01), GateCode::PriceCollar);
    play.assert_denied(limit(Side::Sell, 1.0, 97.99), GateCode::PriceCollar);
    play.assert_denied(limit(Side::Buy, 1.0, 79.99), GateCode::PriceCollar);
    assert_eq!(
        play.place(limit(Side::Buy, 1.0, 102.0)).denied,
        GateCode::Ok
    );
}

#[test]
fn check_11_one_order_is_at_most_five_percent_of_equity() {
    let mut play = Play::new(config(1));
    play.assert_denied(limit(Side::Buy, 5.001, 100.0), GateCode::OrderSize);
    assert_eq!(
        play.place(limit(Side::Buy, 5.0, 100.0)).denied,
        GateCode::Ok
    );
}

#[test]
fn check_12_what_works_counts_towards_the_position() {
    let mut play = Play::new(config(1));
    for _ in 0..2 {
        assert_eq!(play.place(limit(Side::Buy, 5.0, 99.0)).denied, GateCode::Ok);
    }
    play.assert_denied(limit(Side::Buy, 2.0, 99.0), GateCode::Position);
    play.act(0, |desk| desk.cancel_all(BTC));
    play.settle(10_000);
    let again = play.place(limit(Side::Buy, 2.0, 99.0));
    assert_eq!(
        again.denied,
        GateCode::Ok,
        "reservations left with the cancels"
    );
}

#[test]
fn check_13_all_instruments_together_have_a_limit() {
    let mut settings = config(1);
    settings.risk.exposure_share = share(10);
    let mut play = Play::new(settings);
    let eth = OrderRequest {
        market: ETH,
        ..limit(Side::Buy, 9.9, 50.0)
    };
    let first = play.act(0, move |desk| {
        let name = "sim:ETHUSDT";
        desk.market(name).map(|_| desk.place(&eth).denied)
    });
    assert_eq!(first, Some(GateCode::Ok));
    assert_eq!(
        play.place(limit(Side::Buy, 5.0, 100.0)).denied,
        GateCode::Ok
    );
    play.assert_denied(limit(Side::Buy, 0.2, 100.0), GateCode::Exposure);
}

#[test]
fn check_16_funds_must_cover_margin_and_fee() {
    let mut settings = config(1);
    settings.risk.order_size_share = share(100);
    settings.risk.position_share = share(300);
    settings.risk.exposure_share = share(300);
    let mut play = Play::new(settings);
    // 10,000 of margin, and 0.1 % of fee that is not there.
    play.assert_denied(limit(Side::Buy, 100.0, 100.0), GateCode::Funds);
    assert_eq!(
        play.place(limit(Side::Buy, 99.9, 100.0)).denied,
        GateCode::Ok
    );
    play.assert_denied(limit(Side::Buy, 0.11, 100.0), GateCode::Funds);
}

#[test]
fn check_16_spot_coins_that_are_not_there_are_not_sold() {
    let facts = [instrument(BTC, "BTC", Contract::Spot)];
    let mut play = Play::of(config(1), vec![Actor::default()], &facts);
    play.assert_denied(limit(Side::Sell, 1.0, 100.0), GateCode::Funds);
    play.buy(4.0);
    play.assert_denied(limit(Side::Sell, 4.2, 100.0), GateCode::Funds);
    assert_eq!(
        play.place(limit(Side::Sell, 4.0, 100.0)).denied,
        GateCode::Ok
    );
    play.assert_denied(limit(Side::Sell, 1.0, 100.0), GateCode::Funds);
}

#[test]
fn monitor_18_a_daily_loss_halts_and_flattens() {
    let mut play = Play::new(config(1));
    play.buy(4.9);
    play.buy(4.9);
    let resting = play.place(limit(Side::Buy, 0.2, 90.0));
    play.settle(10_000);
    // 9.8 × 51 = 499.8 and the entries' fees of 0.98: over 5 % of the day's first 10,000.
    play.book(BTC, 4_900);
    let state = play.engine.floor().state().account();
    assert_eq!(state, TradingState::Halted);
    play.assert_denied(limit(Side::Buy, 1.0, 49.0), GateCode::TradingState);
    play.settle(4_900);
    assert_eq!(
        play.position(0),
        200,
        "the resting order filled as the price fell"
    );
    play.pass(300);
    play.settle(4_900);
    assert_eq!(play.position(0), 0, "that is closed, too");
    let sold = play
        .fills()
        .into_iter()
        .filter(|fill| fill.side == Side::Sell);
    assert_eq!(
        sold.map(|fill| fill.qty.0).collect::<Vec<_>>(),
        [9_800, 200]
    );
    assert!(!play.act(0, move |desk| desk.order(resting).is_open));
    let trips = play.all(|record| match record {
        claire_types::Record::Risk(risk) => Some((risk.code, risk.to)),
        _ => None,
    });
    assert_eq!(trips, [(GateCode::DailyLoss, TradingState::Halted)]);
}

#[test]
fn monitor_18_does_not_trip_below_its_limit_and_a_new_day_ends_it() {
    let mut play = Play::new(config(1));
    play.buy(4.9);
    play.buy(4.9);
    play.book(BTC, 4_920);
    let state = |play: &Play| play.engine.floor().state().account();
    assert_eq!(state(&play), TradingState::Active);
    play.book(BTC, 4_900);
    assert_eq!(state(&play), TradingState::Halted);
    play.settle(4_900);
    play.wait(2 * 3_600_000);
    play.pass(100);
    assert_eq!(state(&play), TradingState::Active);
}

#[test]
fn a_loss_limit_flattens_also_where_an_operator_halted_before() {
    let mut play = Play::new(config(1));
    play.buy(4.9);
    play.buy(4.9);
    play.command(CommandKind::Halt, ACCOUNT);
    play.book(BTC, 4_900);
    play.settle(4_900);
    assert_eq!(play.position(0), 0);
}

#[test]
fn check_17_an_own_resting_order_is_not_crossed_unless_its_cancel_goes_before() {
    let mut play = Play::new(config(1));
    let ask = play.place(limit(Side::Sell, 1.0, 100.5));
    play.settle(10_000);
    play.assert_denied(limit(Side::Buy, 1.0, 100.5), GateCode::SelfTrade);
    let replaced = play.act(0, move |desk| {
        desk.cancel(ask);
        desk.place(&limit(Side::Buy, 1.0, 100.5)).denied
    });
    assert_eq!(replaced, GateCode::Ok);
    play.settle(10_000);
    assert_eq!(play.position(0), 1_000);
    assert!(play.fills().iter().all(|fill| fill.side == Side::Buy));
}
