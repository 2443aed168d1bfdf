//! Spans of time as people type them: `500ms`, `90s`, `10m`, `2h`, `3d`.
//!
//! Called by the command line, and where a test file is read.

use claire_types::DurationNs;
use std::time::Duration;

/// Returns the span.
///
/// # Errors
/// A text that is no whole number with a unit, zero, or more than a year.
pub fn parse(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(end);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => {
            return Err(format!(
                "{text:?} is no span; write 500ms, 90s, 10m, 2h or 3d"
            ));
        }
    };
    count
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit_ms))
        .filter(|ms| (1..=YEAR_MS).contains(ms))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is not between 1ms and 366d"))
}

/// Returns the span as engine time counts it; one that does not fit is the longest that does.
pub fn in_ns(span: Duration) -> DurationNs {
    DurationNs(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

const YEAR_MS: u64 = 366 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_unit_and_a_sensible_size() {
        for (text, expected) in [
            ("10m", Some(600_000)),
            ("500ms", Some(500)),
            ("2h", Some(7_200_000)),
            ("10", None),
            ("", None),
            ("m", None),
            ("-1s", None),
            ("0s", None),
            ("1.5h", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
            ("1y", None),
        ] {
            let found = parse(text).ok().map(|span| span.as_millis());
            assert_eq!(found, expected, "{text}");
        }
    }
}
