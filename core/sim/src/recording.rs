//! Recordings of the market, in the recorder's lines: `<receive ns> <json>`.
//!
//! Called by tests that must pass where no recorded data is. The lines are those of a recorded spot
//! session of one instrument: stream frames, and one snapshot that comes after the first diffs.

use crate::listing::Listing;
use crate::market::{FrameKind, Market, MarketConfig};
use crate::random::Random;
use claire_types::VenueNs;
use claire_types::time::NS_PER_S;
use std::io::{self, Write};

/// When recordings begin: 2024-08-08 23:54:15 UTC, as the recorded session does.
pub const RECORDING_START: VenueNs = VenueNs(1_723_161_255_000_000_000);

/// Smallest latency between the venue and the recorder, and the mean of what comes on top.
const LATENCY_NS_MIN: i64 = 1_500_000;
const LATENCY_NS_MORE: f64 = 300_000.0;
/// The stream of random numbers for latencies, beyond those of any instrument.
const LATENCY_STREAM: u64 = 1 << 32;

/// Writes `seconds` of BTCUSDT with this seed.
///
/// # Errors
/// What `out` says.
pub fn write_recording(out: &mut impl Write, seed: u64, seconds: u32) -> io::Result<()> {
    let mut instruments = Listing::standard();
    instruments.truncate(1);
    let config = MarketConfig {
        seed,
        start: RECORDING_START,
        instruments,
    };
    write_recording_of(out, config, seconds)
}

/// Writes `seconds` of any market. With several instruments the snapshots follow in the instruments' order:
/// their bodies name no symbol. `exchangeInfo` is left out: recorders do not see it on the stream.
///
/// # Errors
/// What `out` says; [`io::ErrorKind::InvalidInput`] where the market cannot be.
pub fn write_recording_of(
    out: &mut impl Write,
    config: MarketConfig,
    seconds: u32,
) -> io::Result<()> {
    let end_ns = config.start.0.saturating_add(i64::from(seconds) * NS_PER_S);
    let mut latency = Random::new(config.seed, LATENCY_STREAM);
    let mut market =
        Market::new(config).map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
    let mut received_ns = i64::MIN;
    loop {
        let frame = market.next();
        if frame.due.0 >= end_ns {
            return Ok(());
        }
        if frame.kind == FrameKind::ExchangeInfo {
            continue;
        }
        let more_ns = latency.exponential(LATENCY_NS_MORE) as i64;
        // One connection: what was sent later does not arrive earlier.
        received_ns = received_ns.max(frame.due.0.saturating_add(LATENCY_NS_MIN + more_ns));
        write!(out, "{received_ns} ")?;
        out.write_all(frame.text)?;
        out.write_all(b"\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_time_that_never_goes_back_and_a_frame() {
        let mut lines = Vec::new();
        write_recording(&mut lines, 3, 5).expect("memory takes all");
        let text = String::from_utf8(lines).expect("ASCII");
        let (mut last_ns, mut snapshots, mut count) = (0, 0, 0);
        for line in text.lines() {
            let (received, json) = line.split_once(' ').expect("two fields");
            let received_ns: i64 = received.parse().expect("a number");
            assert!(received_ns >= last_ns);
            last_ns = received_ns;
            count += 1;
            let frame: serde_json::Value = serde_json::from_str(json).expect("JSON");
            snapshots += usize::from(frame.get("lastUpdateId").is_some());
        }
        assert_eq!(snapshots, 1);
        assert!(count > 100, "{count}");
    }
}
