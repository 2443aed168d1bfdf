//! Recorded candles of the venue as history: a recording that begins with them warms a strategy before its first call.
//!
//! Runs the binary on a made session, with candles before it and without, on both backends.

mod program;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// Waits for five closed minutes, so 15 of history; the session is shorter than one.
const SCRIPT: &str = r#"
fn init(m) { let b = m.bars("1m"); #{ average: b.ema(5), is_done: false } }
fn on_start(m) { alert("info", "begins with {}", this.average.value); }
fn on_trade(m, trade) {
    if this.is_done || m.stale { return; }
    this.is_done = true;
    m.buy(m.qty_for(100.0), "warm");
}
"#;
const SECONDS: u32 = 20;
const MS_PER_MINUTE: i64 = 60_000;

/// Writes the session with so many closed candles before it, the newest closed at its beginning.
fn write(folder: &Path, candles: i64, session: &str) -> PathBuf {
    let first = session.split(' ').next().and_then(|time| time.parse().ok());
    let begin_ns: i64 = first.expect("a receive time");
    let minute_ms = begin_ns / 1_000_000 / MS_PER_MINUTE * MS_PER_MINUTE;
    let mut lines = String::new();
    for back in (1..=candles).rev() {
        let recv_ns = begin_ns - back * 1_000_000;
        let (open_ms, close) = (minute_ms - back * MS_PER_MINUTE, close(back));
        let end_ms = open_ms + MS_PER_MINUTE - 1;
        lines += &format!(
            concat!(
                r#"{} {{"stream":"btcusdt@kline_1m","data":{{"e":"kline","E":{},"s":"BTCUSDT","k":{{"t":{},"T":{},"#,
                r#""s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"{}.00","c":"{}.50","h":"{}.00","l":"{}.00","v":"25.5","n":30,"#,
                r#""x":true,"q":"9116.04","V":"5.0","Q":"20.46","B":"0"}}}}}}"#,
                "\n"
            ),
            recv_ns,
            minute_ms,
            open_ms,
            end_ms,
            close,
            close,
            close + 9,
            close - 9,
        );
    }
    let path = folder.join(format!("with-{candles}.txt"));
    std::fs::write(&path, lines + session).expect("the temporary folder is writable");
    path.file_name().map(PathBuf::from).expect("a name")
}

/// Whole part of the close of the candle so many minutes back: the price falls by 10 a minute.
fn close(back: i64) -> i64 {
    60_000 + 10 * back
}

fn replay(folder: &Path, file: &Path, backend: &str) -> Value {
    let arguments = ["--strategy", "./warm.rhai", "--backend", backend];
    program::replay(folder, &[file.to_owned()], &arguments)
}

#[test]
fn recorded_candles_warm_a_strategy_alike_on_both_backends() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    std::fs::write(place.join("warm.rhai"), SCRIPT).expect("writable");
    let made = program::made(place, 5, SECONDS);
    let session = std::fs::read_to_string(made).expect("just written");
    for (candles, state, orders) in [(0, "warming", 0), (4, "warming", 0), (20, "active", 1)] {
        let file = write(place, candles, &session);
        let runs = ["compiled", "interpreted"].map(|backend| replay(place, &file, backend));
        for run in &runs {
            let strategy = &run["strategies"][0];
            assert_eq!(strategy["state"], state, "{candles}: {run}");
            assert_eq!(strategy["orders"], orders, "{candles}: {run}");
            assert_eq!(run["errors"], 0, "{candles}: {run}");
        }
        assert_eq!(runs[0]["digest"], runs[1]["digest"], "{candles}");
        if candles == 20 {
            // The average of a line lags it by (5 - 1) / 2 steps, from its first value on.
            let average = close(1) as f64 + 0.5 + 2.0 * 10.0;
            let told = runs[0]["alerts"].to_string();
            assert!(told.contains(&format!("begins with {average}")), "{told}");
        }
    }
}
