//! Other markets than the primary one: `init` waits for those that its script names.

use crate::play::{Actor, BTC, ETH, Play, config, instrument};
use crate::reloads::reload;
use claire_engine::floor::Phase;
use claire_types::{Contract, Input, Instrument, InstrumentId};

fn facts(id: InstrumentId, name: &str) -> Instrument {
    instrument(id, name, Contract::Linear)
}

fn phase(play: &Play) -> Phase {
    play.engine.floor().seats().first().expect("a seat").phase
}

fn missing(play: &Play) -> Option<String> {
    play.engine.missing_market(0).map(|key| key.to_string())
}

#[test]
fn init_waits_for_a_market_that_its_script_names() {
    let actor = Actor::that_names("sim:ETHUSDT");
    let mut play = Play::of(config(1), vec![actor], &[facts(BTC, "BTC")]);
    play.pass(60_000);
    assert_eq!(play.told(0), Vec::<String>::new());
    assert_eq!(missing(&play).as_deref(), Some("sim:ETHUSDT"));
    play.put(InstrumentId::NONE, &Input::Instrument(facts(ETH, "ETH")));
    assert_eq!(play.told(0), ["init", "start"]);
    assert_eq!((phase(&play), missing(&play)), (Phase::Running, None));
}

#[test]
fn the_named_market_may_come_before_the_primary() {
    let actor = Actor::that_names("sim:ETHUSDT");
    let eth = facts(InstrumentId(0), "ETH");
    let mut play = Play::of(config(1), vec![actor], &[eth]);
    assert_eq!(missing(&play).as_deref(), Some("sim:BTCUSDT"));
    let btc = facts(InstrumentId(1), "BTC");
    play.put(InstrumentId::NONE, &Input::Instrument(btc));
    assert_eq!(play.told(0), ["init", "start"]);
    let seat = play.engine.floor().seats().first().expect("a seat");
    assert_eq!(seat.primary, InstrumentId(1));
}

#[test]
fn init_comes_at_once_where_all_named_markets_are_there_or_none_is_named() {
    for actor in [Actor::default(), Actor::that_names("sim:BTCUSDT")] {
        let play = Play::of(config(1), vec![actor], &[facts(BTC, "BTC")]);
        assert_eq!(play.told(0).first().map(String::as_str), Some("init"));
    }
}

#[test]
fn of_a_named_market_that_never_comes_the_end_tells() {
    let actor = Actor::that_names("sim:NONEUSDT");
    let mut play = Play::of(config(1), vec![actor], &[facts(BTC, "BTC")]);
    play.put(InstrumentId::NONE, &Input::End);
    assert_eq!(play.told(0), Vec::<String>::new());
    assert_eq!(missing(&play).as_deref(), Some("sim:NONEUSDT"));
}

#[test]
fn a_wait_survives_a_restart() {
    let actor = Actor::that_names("sim:ETHUSDT");
    let mut play = Play::of(config(1), vec![actor], &[facts(BTC, "BTC")]);
    play.pass(1_000);
    play.restart();
    assert_eq!(phase(&play), Phase::Waiting);
    play.put(InstrumentId::NONE, &Input::Instrument(facts(ETH, "ETH")));
    assert_eq!(phase(&play), Phase::Running);
}

#[test]
fn a_version_that_names_nothing_ends_the_wait_of_the_one_before() {
    let actor = Actor::that_names("sim:NONEUSDT");
    let mut play = Play::of(config(1), vec![actor], &[facts(BTC, "BTC")]);
    play.pass(1_000);
    reload(&mut play, Actor::default());
    assert_eq!(play.told(0), ["init", "start"]);
    assert_eq!(phase(&play), Phase::Running);
}
