//! The summary as text for people.

use super::{LatencyFigures, ReplaySummary, STAGES};
use crate::words::counted;
use std::collections::BTreeMap;
use std::fmt;

/// Shows the summary in aligned lines, without colors.
impl fmt::Display for ReplaySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.run.interrupted {
            writeln!(
                f,
                "run       INTERRUPTED after {}: all below is of this part",
                counted(self.frames, "frame")
            )?;
        }
        self.write_flow(f)?;
        self.write_books(f)?;
        self.write_trading(f)?;
        self.write_latency(f)?;
        if self.run.segments_removed > 0 {
            let (segments, bytes) = (self.run.segments_removed, self.run.segments_removed_bytes);
            writeln!(
                f,
                "journal   {} removed, {bytes} bytes",
                counted(segments, "old segment")
            )?;
        }
        writeln!(f, "digest    {}", self.digest)
    }
}

impl ReplaySummary {
    fn write_flow(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for session in &self.sessions {
            let files = session.files.join(" + ");
            writeln!(
                f,
                "session   {}  {files}  {}",
                session.venue,
                counted(session.frames, "frame")
            )?;
        }
        if let (Some(first), Some(last)) = (&self.first_recv, &self.last_recv) {
            writeln!(f, "recorded  {first} to {last}")?;
        }
        let rate = per_second(self.frames, self.run.elapsed_s);
        writeln!(
            f,
            "flow      {}, {}, {}, {}, {} in {} s ({rate} frames/s, unpacked in {} s)",
            counted(self.frames, "frame"),
            counted(self.events, "event"),
            counted(self.trades, "trade"),
            counted(self.errors, "error"),
            counted(self.gaps, "gap"),
            seconds(self.run.elapsed_s),
            seconds(self.run.unpack_s),
        )?;
        if self.clock_steps > 0 {
            let steps = counted(self.clock_steps, "step");
            writeln!(f, "clock     {steps}; engine time never goes back")?;
        }
        for text in &self.clock_steps_first {
            writeln!(f, "          {text}")?;
        }
        let sync = &self.sync;
        if sync.duplicates + sync.stale_snapshots + sync.buffer_overruns == 0 {
            return Ok(());
        }
        writeln!(
            f,
            "proof     ignored: {} changes that came again or too late, {} old snapshots; {} times too many changes before a snapshot",
            sync.duplicates, sync.stale_snapshots, sync.buffer_overruns
        )
    }

    fn write_books(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, book) in &self.books {
            let state = match self.stale.get(key) {
                Some(reason) => format!("STALE ({reason})"),
                None => "synced".to_owned(),
            };
            let best = |levels: &[[String; 2]]| match levels.first() {
                Some([price, qty]) => format!("{qty} @ {price}"),
                None => "none".to_owned(),
            };
            writeln!(
                f,
                "book      {key}  {state}  bid {}  ask {}  levels {} + {}",
                best(&book.bids),
                best(&book.asks),
                book.bid_levels,
                book.ask_levels
            )?;
        }
        Ok(())
    }

    fn write_trading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for strategy in &self.strategies {
            writeln!(
                f,
                "strategy  {} on {} ({}, {})  {}, {}, {}, {} denied, net {}",
                strategy.name,
                strategy.market,
                strategy.backend,
                strategy.state,
                counted(strategy.signals, "signal"),
                counted(strategy.orders, "order"),
                counted(strategy.fills, "fill"),
                strategy.denials,
                strategy.net
            )?;
            if let Some(error) = &strategy.last_error {
                let failures = counted(strategy.failures, "call");
                writeln!(
                    f,
                    "failed    {}: {failures}, the last: {error}",
                    strategy.name
                )?;
            }
        }
        self.write_reloads(f)?;
        let denied: u64 = self.denied.values().sum();
        writeln!(
            f,
            "trading   {}, {}, {} rejected{}, {denied} denied{}, state {}",
            counted(self.orders, "order"),
            counted(self.fills, "fill"),
            self.rejected,
            by_code(&self.rejected_reasons),
            by_code(&self.denied),
            self.state
        )?;
        if let Some(cause) = &self.state_cause {
            write!(f, "{:<9} {}: {}", "because", cause.code, cause.meaning)?;
            if let (Some(measured), Some(limit)) = (&cause.measured, &cause.limit) {
                write!(f, "; measured {measured}, limit {limit}")?;
            }
            writeln!(f, ", at {}", cause.at)?;
        }
        self.write_denied(f)?;
        self.write_alerts(f)?;
        let pnl = &self.pnl;
        writeln!(
            f,
            "p&l       realized {}, unrealized {}, fees {}, net {}, equity {} {}",
            pnl.realized, pnl.unrealized, pnl.fees, pnl.net, pnl.equity, pnl.currency
        )
    }

    fn write_reloads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in &self.run.reload_lines {
            for (index, line) in text.lines().enumerate() {
                let lead = if index == 0 { "reload" } else { "" };
                writeln!(f, "{lead:<9} {line}")?;
            }
        }
        let Some(times) = &self.run.reload else {
            return Ok(());
        };
        writeln!(
            f,
            "{:<9} {} live; from save to live p50 {}, p99 {}, max {}; pause of the engine p50 {}, p99 {}, max {}",
            "reloads",
            times.n,
            span(Some(times.live_p50_ns)),
            span(Some(times.live_p99_ns)),
            span(Some(times.live_max_ns)),
            span(Some(times.pause_p50_ns)),
            span(Some(times.pause_p99_ns)),
            span(Some(times.pause_max_ns))
        )
    }

    fn write_alerts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for alert in &self.alerts {
            let of = match alert.strategy.as_str() {
                "" => String::new(),
                strategy => format!(" ({strategy})"),
            };
            writeln!(f, "alert     {}{of}", alert.text)?;
        }
        match self.alerts_count.saturating_sub(self.alerts.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "alert     {more} more stand in the journal"),
        }
    }

    /// Says what each code means, with one example.
    fn write_denied(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (code, first) in &self.denied_first {
            let count = self.denied.get(code).copied().unwrap_or_default();
            let example = match first.example == first.meaning {
                true => String::new(),
                false => format!("; {}", first.example),
            };
            writeln!(
                f,
                "denied    {code} {count}: {}{example} ({} of {} on {})",
                first.meaning, first.order, first.strategy, first.instrument
            )?;
        }
        Ok(())
    }

    fn write_latency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.run.latency.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "latency   {:<18} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "stage", "n", "p50", "p90", "p99", "p99.9", "max"
        )?;
        let known = STAGES.iter().filter_map(|stage| {
            let figures = self.run.latency.get(*stage)?;
            Some((*stage, figures))
        });
        let others = self.run.latency.iter();
        let others = others.map(|(stage, figures)| (stage.as_str(), figures));
        let others = others.filter(|(stage, _)| !STAGES.contains(stage));
        for (stage, figures) in known.chain(others) {
            write_stage(f, stage, figures)?;
        }
        if self.run.latency_is == "service" {
            writeln!(
                f,
                "          (full speed: the work on each frame, not what it waits for others of its batch)"
            )?;
        }
        Ok(())
    }
}

/// Returns the counts in brackets, the names as they sort; nothing where there are none.
fn by_code(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts.iter();
    let counts: Vec<_> = counts.map(|(code, n)| format!("{code} {n}")).collect();
    match counts.is_empty() {
        true => String::new(),
        false => format!(" ({})", counts.join(", ")),
    }
}

fn write_stage(f: &mut fmt::Formatter<'_>, stage: &str, figures: &LatencyFigures) -> fmt::Result {
    writeln!(
        f,
        "          {stage:<18} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
        figures.n,
        span(figures.p50_ns),
        span(figures.p90_ns),
        span(figures.p99_ns),
        span(figures.p999_ns),
        span(Some(figures.max_ns))
    )
}

/// Returns a span with three digits and its unit, `-` where there are too few samples.
pub fn span(ns: Option<u64>) -> String {
    let Some(ns) = ns else {
        return "-".to_owned();
    };
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let digits = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.digits$} {unit}")
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

fn per_second(count: u64, seconds: f64) -> String {
    if seconds > 0.0 {
        format!("{:.0}", count as f64 / seconds)
    } else {
        "-".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{BookSummary, DeniedExample, PnlSummary, SessionSummary, StrategySummary};

    #[test]
    fn summary_reads_at_a_glance() {
        let mut summary = ReplaySummary {
            sessions: vec![SessionSummary {
                files: vec!["spot.gz".into()],
                venue: "binance-spot".into(),
                frames: 41_249,
            }],
            frames: 41_249,
            events: 41_250,
            trades: 9_757,
            orders: 3,
            fills: 2,
            state: "ACTIVE".into(),
            digest: "ab".repeat(32),
            pnl: PnlSummary {
                currency: "USDT".into(),
                realized: "1.5".into(),
                unrealized: "0".into(),
                fees: "0.25".into(),
                net: "1.25".into(),
                equity: "10001.25".into(),
            },
            strategies: vec![StrategySummary {
                name: "ema".into(),
                backend: "compiled".into(),
                state: "active".into(),
                market: "binance-spot:BTCUSDT".into(),
                net: "1.25".into(),
                ..StrategySummary::default()
            }],
            ..ReplaySummary::default()
        };
        summary.rejected = 2;
        summary.rejected_reasons.insert("NO_BOOK".into(), 2);
        summary.denied.insert("RATE".into(), 4);
        summary.denied.insert("FUNDS".into(), 1);
        summary.denied_first.insert(
            "FUNDS".into(),
            DeniedExample {
                order: "c1-7".into(),
                strategy: "ema".into(),
                instrument: "binance-spot:BTCUSDT".into(),
                limit: "0".into(),
                measured: "0.001".into(),
                meaning: "the balance does not reach, fees included".into(),
                example: "needs 0.001, free 0".into(),
            },
        );
        summary.books.insert(
            "binance-spot:BTCUSDT".into(),
            BookSummary {
                synced: true,
                bids: vec![["61837.63".into(), "3.78826".into()]],
                bid_levels: 1_000,
                ..BookSummary::default()
            },
        );
        summary.run.elapsed_s = 0.5;
        let figures = LatencyFigures {
            n: 41_249,
            p50_ns: Some(812),
            p90_ns: Some(1_420),
            p99_ns: Some(12_300),
            p999_ns: None,
            max_ns: 2_100_000,
        };
        summary.run.latency.insert("feed".into(), figures);
        summary.run.latency_is = "service".into();
        let expected = "\
session   binance-spot  spot.gz  41249 frames
flow      41249 frames, 41250 events, 9757 trades, 0 errors, 0 gaps in 0.500 s (82498 frames/s, unpacked in 0.000 s)
book      binance-spot:BTCUSDT  synced  bid 3.78826 @ 61837.63  ask none  levels 1000 + 0
strategy  ema on binance-spot:BTCUSDT (compiled, active)  0 signals, 0 orders, 0 fills, 0 denied, net 1.25
trading   3 orders, 2 fills, 2 rejected (NO_BOOK 2), 5 denied (FUNDS 1, RATE 4), state ACTIVE
denied    FUNDS 1: the balance does not reach, fees included; needs 0.001, free 0 (c1-7 of ema on binance-spot:BTCUSDT)
p&l       realized 1.5, unrealized 0, fees 0.25, net 1.25, equity 10001.25 USDT
latency   stage                       n       p50       p90       p99     p99.9       max
          feed                    41249    812 ns   1.42 us   12.3 us         -   2.10 ms
          (full speed: the work on each frame, not what it waits for others of its batch)
digest    abababababababababababababababababababababababababababababababab
";
        assert_eq!(summary.to_string(), expected);
        summary.run.interrupted = true;
        summary.clock_steps = 1;
        summary.clock_steps_first = vec!["a.txt:5: the clock goes back".into()];
        let clock = "clock     1 step; engine time never goes back\n          a.txt:5: the clock goes back\n";
        let expected = expected.replace("book ", &format!("{clock}book "));
        let part = "run       INTERRUPTED after 41249 frames: all below is of this part\n";
        assert_eq!(summary.to_string(), format!("{part}{expected}"));
    }
}
