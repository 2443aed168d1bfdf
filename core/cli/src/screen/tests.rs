//! The page on a test terminal, cell by cell.

use super::*;
use claire_pipeline::status::{
    FillStatus, FlowStatus, InstrumentStatus, LatencyStatus, MoneyStatus, StrategyStatus,
};
use claire_types::{TradingState, WallNs};
use ratatui::backend::TestBackend;

fn status() -> Status {
    let key = "sim:BTCUSDT".parse().expect("a key");
    Status {
        mode: Mode::Paper,
        engine_time: WallNs(1_723_161_253_937_085_768),
        uptime: Duration::from_secs(93_784),
        state: TradingState::Active,
        state_cause: None,
        instruments: vec![InstrumentStatus {
            key,
            bid: "61837.63".into(),
            ask: "61837.64".into(),
            spread: "0.01".into(),
            last: "61837.64".into(),
            position: "0.002".into(),
            average: "61830".into(),
            unrealized: "0.01526".into(),
            is_stale: true,
        }],
        strategies: vec![StrategyStatus {
            name: "ema".into(),
            market: key,
            state: TradingState::Active,
            signals: 7,
            orders: 5,
            fills: 4,
            denials: 1,
            net: "1.25".into(),
        }],
        fills: vec![FillStatus {
            at: WallNs(1_723_161_253_000_000_000),
            key,
            side: "buy",
            qty: "0.002".into(),
            price: "61830".into(),
            explanation: "queue reached: 1.2 ahead at entry, 1.2 traded".into(),
        }],
        money: MoneyStatus {
            currency: "USDT".into(),
            equity: "10001.25".into(),
            realized: "1.5".into(),
            unrealized: "0.01526".into(),
            fees: "0.25".into(),
            net: "1.25".into(),
        },
        latencies: vec![LatencyStatus {
            stage: "feed".into(),
            count: 41_249,
            p50_ns: Some(812),
            p99_ns: None,
        }],
        flow: FlowStatus {
            frames: 41_249,
            events: 41_250,
            frames_per_s: 120,
            ..FlowStatus::default()
        },
        notes: vec!["alert: reading is fun".into()],
    }
}

fn drawn(width: u16, height: u16, status: &Status) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal.draw(|frame| draw(frame, status)).expect("drawn");
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(width));
    let rows = rows.map(|row| {
        let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", text.trim_end())
    });
    rows.collect()
}

#[test]
fn page_shows_everything_on_one_screen() {
    assert_eq!(drawn(120, 22, &status()), include_str!("page.txt"));
}

#[test]
fn no_size_of_terminal_breaks_the_page() {
    for (width, height) in [(1, 1), (3, 2), (20, 5), (80, 24), (300, 100)] {
        drawn(width, height, &status());
    }
    let mut empty = status();
    empty.instruments.clear();
    empty.strategies.clear();
    empty.fills.clear();
    empty.latencies.clear();
    empty.notes.clear();
    drawn(80, 24, &empty);
}

#[test]
fn a_killed_account_says_why() {
    let mut killed = status();
    killed.state = TradingState::Killed;
    killed.state_cause = Some("OPERATOR by anna".into());
    assert!(drawn(120, 22, &killed).contains("KILLED OPERATOR by anna"));
}

#[test]
fn line_says_the_same_in_short() {
    let expected = "paper 1d 02:03:04 ACTIVE frames 41249 (120/s) errors 0 fills 4 denied 1 net 1.25 equity 10001.25 USDT";
    assert_eq!(line(&status()), expected);
}

#[test]
fn lines_come_every_few_seconds_only() {
    let mut lines = Lines::new();
    let interval_ns = LINE_INTERVAL.as_nanos() as u64;
    let start = MonoNs(7);
    lines.show(&status(), start);
    lines.show(&status(), MonoNs(7 + interval_ns / 2));
    assert_eq!(lines.last, Some(start));
    lines.show(&status(), MonoNs(7 + interval_ns));
    assert_eq!(lines.last, Some(MonoNs(7 + interval_ns)));
}

#[test]
fn control_c_and_q_end_the_run() {
    for (code, modifiers, expected) in [
        (KeyCode::Char('q'), KeyModifiers::NONE, true),
        (KeyCode::Esc, KeyModifiers::NONE, true),
        (KeyCode::Char('c'), KeyModifiers::CONTROL, true),
        (KeyCode::Char('c'), KeyModifiers::NONE, false),
        (KeyCode::Char('x'), KeyModifiers::NONE, false),
    ] {
        assert_eq!(is_quit(code, modifiers), expected, "{code:?}");
    }
}
