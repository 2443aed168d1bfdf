//! When strategies begin: with the bar that warms their indicators, with history, or when they said.

use crate::play::{Actor, BTC, ETH, Play, START, config, fault, instrument, market};
use claire_engine::Engine;
use claire_engine::floor::{HistoryWanted, Phase};
use claire_engine::indicator::{BarF64, Indicator, IndicatorSpec};
use claire_engine::strategy::{BarsId, Desk, Fault, IndicatorSource, Strategy};
use claire_types::{Amount, Contract, GateCode, Input, InstrumentId, Kline, Price, Side, VenueNs};

/// Declares an average of closes over `length` bars of a second.
fn sma(length: f64) -> impl FnOnce(&mut dyn Desk) -> Result<(), Fault> + Send {
    move |desk| {
        let bars = desk.bars(BTC, 1_000).map_err(|_| fault("bars"))?;
        let sma = desk.indicator(IndicatorSource::Bars(bars), "sma", &[length]);
        sma.map(|_| ()).map_err(|_| fault("sma"))
    }
}

/// The closed candle of the second that begins so many seconds after the start.
fn candle(second: i64, close: i64) -> Kline {
    Kline {
        open_time: VenueNs(START.0 + second * 1_000_000_000),
        interval_ns: 1_000_000_000,
        is_closed: true,
        open: Price(10_000),
        high: Price(close.max(10_000) + 1),
        low: Price(close.min(10_000) - 1),
        close: Price(close),
        volume: Amount(5 * Amount::ONE.0 / 2),
        quote_volume: Amount::ZERO,
        trade_count: 9,
    }
}

/// Says a trade in each second from the one in progress on, and then the next one's first.
fn trade_seconds(play: &mut Play, closes: &[i64]) {
    for close in closes {
        play.trade(*close, 1_000, Side::Buy, false);
        play.wait(1_000);
    }
}

fn closes(play: &Play) -> Vec<f64> {
    let kept = play.engine.floor().kept_bars(BTC, 1_000).expect("declared");
    kept.iter().map(|bar| bar.close).collect()
}

fn value(play: &Play, seat: usize) -> (f64, bool) {
    let of = &play.engine.floor().seats()[seat].indicators[0].indicator;
    (of.value(), of.is_warm())
}

#[test]
fn a_strategy_begins_with_the_bar_that_warms_it() {
    let actor = Actor::with_init(|desk| {
        desk.every(100, "beat").map_err(|_| fault("every"))?;
        sma(3.0)(desk)
    });
    let mut play = Play::with(config(1), vec![actor]);
    play.wait(1_000 - play.now.since(START).0 / 1_000_000);
    // The first bar is partial, so the third whole one closes with the fifth trade.
    trade_seconds(&mut play, &[9_900, 10_000, 10_100, 10_200]);
    play.book(BTC, 10_000);
    play.pass(100);
    assert_eq!(play.told(0), ["init"]);
    assert_eq!(play.engine.floor().seats()[0].phase, Phase::Warming);
    assert_eq!(play.engine.floor().seats()[0].bars[0].closed, 2);
    play.trade(10_300, 1_000, Side::Buy, false);
    assert_eq!(
        play.told(0),
        [
            "init",
            "start",
            "bar 102 102 102 102 1",
            "timer beat",
            "trade 103"
        ]
    );
    assert_eq!(value(&play, 0), (101.0, true));
    assert_eq!(closes(&play), [100.0, 101.0, 102.0]);
    assert_eq!(play.place(market(Side::Buy, 1.0)).denied, GateCode::Ok);
}

#[test]
fn what_is_on_trades_mid_or_book_is_waited_for_too() {
    for (source, kind, arguments) in [
        (IndicatorSource::Trades(BTC), "ema", vec![3.0]),
        (IndicatorSource::Mid(BTC), "ema", vec![3.0]),
        (IndicatorSource::Mid(BTC), "mid_vol", vec![2_000.0]),
        (IndicatorSource::Book(BTC), "book_imbalance", vec![3.0, 3.0]),
        (IndicatorSource::Book(BTC), "ofi", vec![1_000.0]),
        (IndicatorSource::Trades(BTC), "trade_flow", vec![1_000.0]),
        (IndicatorSource::Trades(BTC), "vpin", vec![2.0, 2.0]),
    ] {
        let actor = Actor::with_init(move |desk| {
            let declared = desk.indicator(source, kind, &arguments);
            declared.map(|_| ()).map_err(|_| fault("refused"))
        });
        let mut play = Play::with(config(1), vec![actor]);
        assert_eq!(play.told(0), ["init"], "{kind}");
        for step in 0..4 {
            play.trade(10_000 + step, 1_000, Side::Buy, false);
            play.book(BTC, 10_001 + step);
            play.pass(1_000);
        }
        assert_eq!(play.told(0)[..2], ["init", "start"], "{kind}");
        assert!(value(&play, 0).1, "{kind}");
    }
}

#[test]
fn a_strategy_says_after_how_many_bars_it_begins() {
    for (count, told) in [(0, 5), (1, 3), (2, 2), (4, 0)] {
        let actor = Actor::with_init(move |desk| {
            desk.warmup(count).map_err(|_| fault("warmup"))?;
            sma(100.0)(desk)
        });
        let mut play = Play::with(config(1), vec![actor]);
        let begins_at_once = count == 0;
        assert_eq!(play.told(0).len() > 1, begins_at_once);
        play.wait(1_000 - play.now.since(START).0 / 1_000_000);
        trade_seconds(&mut play, &[9_900, 10_000, 10_100, 10_200]);
        play.trade(10_300, 1_000, Side::Buy, false);
        let trades = play
            .told(0)
            .iter()
            .filter(|line| line.starts_with("trade"))
            .count();
        assert_eq!(trades, told, "{count}");
        if told > 0 {
            assert_eq!(play.place(market(Side::Buy, 1.0)).denied, GateCode::Ok);
        }
    }
    let actor = Actor::with_init(|desk| {
        assert!(desk.warmup(-1).is_err() && desk.warmup(1_001).is_err());
        desk.warmup(1_000).map_err(|_| fault("warmup"))
    });
    let mut play = Play::with(config(1), vec![actor]);
    assert!(play.act(0, |desk| desk.warmup(1).is_err()), "only in init");
}

#[test]
fn history_warms_a_strategy_before_its_first_call() {
    let mut play = Play::with(config(1), vec![Actor::with_init(sma(3.0))]);
    let wanted = HistoryWanted {
        market: BTC,
        interval_ms: 1_000,
        bars: 9,
    };
    assert_eq!(play.engine.floor().history_wanted(), [wanted]);
    let history: Vec<_> = (-9..0)
        .map(|second| candle(second, 10_000 + 10 * second))
        .collect();
    for candle in &history {
        play.put(BTC, &Input::Kline(*candle));
    }
    assert_eq!(play.told(0), ["init"], "history is not told");
    assert_eq!(play.engine.floor().history_wanted(), []);
    assert_eq!(value(&play, 0), (99.8, true));
    play.book(BTC, 10_000);
    assert_eq!(play.told(0), ["init", "start", "book 0"]);
    let floor = play.engine.floor();
    let first = *floor
        .kept_bars(BTC, 1_000)
        .and_then(|kept| kept.iter().next())
        .expect("kept");
    let want = BarF64 {
        open_time: history[0].open_time,
        open: 100.0,
        high: 100.01,
        low: 99.09,
        close: 99.1,
        volume: 2.5,
    };
    assert_eq!(first, want);
}

#[test]
fn a_candle_counts_only_where_no_bar_of_ours_stands() {
    let mut play = Play::with(config(1), vec![Actor::with_init(sma(100.0))]);
    let put = |play: &mut Play, kline: Kline| {
        play.put(BTC, &Input::Kline(kline));
        closes(play)
    };
    assert_eq!(put(&mut play, candle(-2, 9_800)), [98.0]);
    assert_eq!(
        put(&mut play, candle(-3, 9_700)),
        [98.0],
        "older than what is there"
    );
    assert_eq!(put(&mut play, candle(-2, 9_900)), [98.0], "twice");
    let growing = Kline {
        is_closed: false,
        ..candle(-1, 9_900)
    };
    let shifted = Kline {
        open_time: VenueNs(candle(-1, 9_900).open_time.0 + 1),
        ..candle(-1, 9_900)
    };
    let longer = Kline {
        interval_ns: 2_000_000_000,
        ..candle(-2, 9_900)
    };
    let impossible = Kline {
        high: Price(9_000),
        ..candle(-1, 9_900)
    };
    for kline in [growing, shifted, longer, impossible] {
        assert_eq!(put(&mut play, kline), [98.0], "{kline:?}");
    }
    // The bar in which our trades began is partial and dropped: the venue's has all of it.
    play.wait(1_000 - play.now.since(START).0 / 1_000_000);
    trade_seconds(&mut play, &[10_100]);
    assert_eq!(
        put(&mut play, candle(2, 9_900)),
        [98.0],
        "not yet begun here"
    );
    assert_eq!(put(&mut play, candle(1, 10_050)), [98.0, 100.5]);
    trade_seconds(&mut play, &[10_200]);
    assert_eq!(
        put(&mut play, candle(2, 9_900)),
        [98.0, 100.5],
        "ours is whole"
    );
    play.trade(10_300, 1_000, Side::Buy, false);
    assert_eq!(closes(&play), [98.0, 100.5, 102.0]);
    assert_eq!(
        put(&mut play, candle(2, 9_900)),
        [98.0, 100.5, 102.0],
        "ours stands"
    );
    assert_eq!(play.engine.floor().seats()[0].bars[0].closed, 3);
}

#[test]
fn an_indicator_that_comes_later_is_made_from_the_kept_bars() {
    let mut config = config(2);
    config.strategies[1].market = "sim:ETHUSDT".parse().expect("a key");
    let later = Actor::with_init(|desk| {
        let btc = desk.market("sim:BTCUSDT").ok_or_else(|| fault("market"))?;
        let bars = desk.bars(btc, 1_000).map_err(|_| fault("bars"))?;
        let ema = desk.indicator(IndicatorSource::Bars(bars), "ema", &[3.0]);
        ema.map(|_| ()).map_err(|_| fault("ema"))
    });
    let first = Actor::with_init(sma(2.0));
    let facts = [instrument(BTC, "BTC", Contract::Linear)];
    let mut play = Play::of(config, vec![first, later], &facts);
    play.wait(1_000 - play.now.since(START).0 / 1_000_000);
    trade_seconds(&mut play, &[9_900, 10_000, 10_100, 10_200, 10_300]);
    assert_eq!(play.told(1), [""; 0]);
    let eth = instrument(ETH, "ETH", Contract::Linear);
    play.put(InstrumentId::NONE, &Input::Instrument(eth));
    assert_eq!(play.told(1), ["init", "start"], "warm by what was kept");
    // 100, 101 and 102 are the bars: their mean is the seed.
    assert_eq!(value(&play, 1), (101.0, true));
    let floor = play.engine.floor();
    let spec = IndicatorSpec::from_name("ema", &[3.0]).expect("valid");
    let source = IndicatorSource::Bars(BarsId(0));
    let seat = &floor.seats()[1];
    assert_eq!(
        floor.indicator_for(seat, source, spec),
        seat.indicators[0].indicator
    );
    let cold = floor.indicator_for(seat, IndicatorSource::Mid(BTC), spec);
    assert_eq!(cold, Indicator::new(spec));
}

#[test]
fn a_snapshot_holds_history_and_what_is_waited_for() {
    let actors = || {
        let actor: Box<dyn Strategy> = Box::new(Actor::default());
        vec![actor]
    };
    let mut play = Play::with(config(1), vec![Actor::with_init(sma(3.0))]);
    play.put(BTC, &Input::Kline(candle(-2, 9_800)));
    play.put(BTC, &Input::Kline(candle(-1, 9_900)));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    play.engine.save(&mut first).expect("small");
    let restored = Engine::restore(config(1), actors(), &first).expect("ours");
    restored.save(&mut second).expect("small");
    assert_eq!(first, second);
    play.engine = restored;
    assert_eq!(play.engine.floor().seats()[0].phase, Phase::Warming);
    assert_eq!(closes(&play), [98.0, 99.0]);
    play.wait(1_000 - play.now.since(START).0 / 1_000_000);
    trade_seconds(&mut play, &[10_000, 10_100]);
    play.trade(10_200, 1_000, Side::Buy, false);
    assert_eq!(value(&play, 0), ((98.0 + 99.0 + 101.0) / 3.0, true));
    assert_eq!(play.engine.floor().seats()[0].phase, Phase::Running);
}
